/*
 * JWT credentials: the signed assertion (RFC 7523 §2.2), and its exchange for an access
 * token. Keeps no private key, and gives the token endpoint no other credential.
 */
#ifndef IVS_AGENTS_JWT_H
#define IVS_AGENTS_JWT_H

#include "agents/outgoing.h"
#include "agents/verdict.h"
#include "core/json.h"

#define IVS_JWT_RANDOM 16
#define IVS_JWT_NO_SIGNATURE "the private key cannot sign"

/* What makes one assertion differ from the next. */
typedef struct ivs_jwt_terms {
  int64_t now;      /* milliseconds */
  uint32_t seconds; /* how long it is good */
  const uint8_t *random;
} ivs_jwt_terms;

/* A request for an access token; secret. */
typedef struct ivs_jwt {
  ivs_buffer url;
  ivs_buffer form;
} ivs_jwt;

/* Whether it has all that a JWT credential must have; of what is in it the key is not read. */
int ivs_jwt_is_credential(const ivs_json *auth);
/* Signs. INVSRC_OK; INVSRC_EINVAL (not a JWT credential); INVSRC_ECRYPTO (the key cannot
 * sign); INVSRC_ENOMEM. */
int32_t ivs_jwt_read(const ivs_json *auth, const ivs_jwt_terms *terms, ivs_jwt *to);
void ivs_jwt_end(ivs_jwt *jwt);

/* INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_jwt_ask(const ivs_jwt *jwt, ivs_outgoing *request);
/* Reads the answer: an access token, to be used until `*good_until`, or else a verdict.
 * `now` is from 0 to INVSRC_TIME_LIMIT.
 * INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_jwt_hear(int32_t outcome, const invsrc_http_reply *reply, int64_t now,
                     ivs_buffer *token, int64_t *good_until, ivs_verdict *verdict);

#endif
