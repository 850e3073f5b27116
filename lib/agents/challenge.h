/*
 * What an agent says to those who come without a credential: the Bearer challenges of
 * WWW-Authenticate (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1). Judges no URLs.
 */
#ifndef IVS_AGENTS_CHALLENGE_H
#define IVS_AGENTS_CHALLENGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

/* What of it matters; empty where it was not said. */
typedef struct ivs_challenge {
  ivs_buffer resource_metadata;
  ivs_buffer scope;
} ivs_challenge;

/* Reads the field's value, NULL where there is none, in which several challenges may be: the
 * first Bearer challenge that names resource metadata counts, or else the first that names a
 * scope. What cannot be understood ends it. `*to` must be empty. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_challenge_read(const char *field, ivs_challenge *to);
void ivs_challenge_end(ivs_challenge *challenge);

/* Whether a text may be one scope (RFC 6749 §3.3). */
int ivs_challenge_is_scope(const char *text, size_t length);

#endif
