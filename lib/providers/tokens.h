/*
 * Access tokens that are still good, in memory only: by the digest of whose they are and
 * of the credential that they were got with, so that a rotation finds none. Knows neither
 * sources nor agents. Any thread.
 */
#ifndef IVS_PROVIDERS_TOKENS_H
#define IVS_PROVIDERS_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

#define IVS_TOKENS_MOST 4096     /* the oldest makes room */
#define IVS_TOKENS_LONGEST 16384 /* a longer one is not kept */

typedef struct ivs_token_key {
  uint8_t bytes[32]; /* SHA-256 */
} ivs_token_key;

typedef struct ivs_tokens ivs_tokens;

ivs_tokens *ivs_tokens_new(void); /* NULL: memory ran out */
void ivs_tokens_free(ivs_tokens *tokens);

/* INVSRC_OK or INVSRC_ECRYPTO. */
int32_t ivs_token_key_make(ivs_token_key *key, const char *owner, size_t owner_length,
                           const void *credential, size_t length);
/* Puts the token into `token`, which stays as it was where there is none that is good at
 * `now`. Returns INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_tokens_get(ivs_tokens *tokens, const ivs_token_key *key, int64_t now,
                       ivs_buffer *token);
/* In place of an older one. A lack of memory forgets it: it is asked for again. */
void ivs_tokens_put(ivs_tokens *tokens, const ivs_token_key *key, const char *token,
                    int64_t good_until);
void ivs_tokens_drop(ivs_tokens *tokens, const ivs_token_key *key);

#endif
