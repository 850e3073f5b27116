/*
 * What a token endpoint answers (RFC 6749 §5), whatever it was asked with: a token, or why
 * there is none. Which error means what is a table of whoever asks.
 */
#ifndef IVS_AGENTS_TOKEN_ANSWER_H
#define IVS_AGENTS_TOKEN_ANSWER_H

#include "agents/verdict.h"
#include "core/buffer.h"

#define IVS_TOKEN_SECONDS 3600     /* how long a token is used that does not say */
#define IVS_TOKEN_LONGEST 2592000L /* seconds; a token is used no longer, whatever it says */
#define IVS_TOKEN_USED 800 /* milliseconds of each second of its life, if it can be renewed */

/* An error of the protocol, in our words. */
typedef struct ivs_token_error {
  const char *code;
  int32_t outcome;
  const char *reason; /* behind the party's name */
} ivs_token_error;

typedef struct ivs_token_endpoint {
  /* Without `members` a status alone refuses nothing. */
  ivs_party party;
  /* The last has no code and stands for all others; with the outcome 0 their status says
   * what they mean. */
  const ivs_token_error *errors;
} ivs_token_endpoint;

/* What was given; secret. */
typedef struct ivs_token_answer {
  ivs_buffer access_token;  /* empty: none */
  ivs_buffer refresh_token; /* the same, and the next */
  ivs_buffer scope;
  int says_life;
  double seconds; /* of its life, 0 to IVS_TOKEN_LONGEST */
} ivs_token_answer;

/* Reads what came of the exchange into `answer`, which is empty: an access token for a Bearer
 * header, or else a verdict, which is REFUSED, UNREACHABLE, FAILED or that of an error.
 * INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_token_answer_read(const ivs_token_endpoint *endpoint, int32_t outcome,
                              const invsrc_http_reply *reply, ivs_token_answer *answer,
                              ivs_verdict *verdict);
void ivs_token_answer_end(ivs_token_answer *answer);

#endif
