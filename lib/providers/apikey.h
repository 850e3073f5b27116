/*
 * API keys: their text form, how one is made, and what is kept of it. Knows
 * nothing of where that is kept.
 */
#ifndef IVS_PROVIDERS_APIKEY_H
#define IVS_PROVIDERS_APIKEY_H

#include <invsrc/providers.h>

#define IVS_APIKEY_CLIENT_ID 16
#define IVS_APIKEY_SECRET 52 /* 260 bits in base32 */
#define IVS_APIKEY_PREFIX "scope3_"
#define IVS_APIKEY_LENGTH \
  (sizeof IVS_APIKEY_PREFIX - 1 + IVS_APIKEY_CLIENT_ID + 1 + IVS_APIKEY_SECRET)
#define IVS_APIKEY_DIGEST 32

/* What a store keeps: never the key itself. */
typedef struct ivs_apikey {
  char client_id[IVS_APIKEY_CLIENT_ID + 1];
  uint8_t digest[IVS_APIKEY_DIGEST]; /* SHA-256 of the whole key */
} ivs_apikey;

/* Draws a key and puts its text into `text`. INVSRC_OK, INVSRC_ECRYPTO or
 * INVSRC_ENOMEM. */
int32_t ivs_apikey_draw(ivs_apikey *key, invsrc_buffer *text, invsrc_error *error);
/* What a token would be kept as. An outcome: OK; UNKNOWN where it has not the form
 * of a key; UNAVAILABLE. */
int32_t ivs_apikey_parse(const char *token, uint64_t length, ivs_apikey *key);
/* Whether both are of the same key, in constant time. */
int ivs_apikey_is_same(const ivs_apikey *a, const ivs_apikey *b);
/* Whether a storefront and a name (NULL: none) may be given to a key; else the
 * error says why. INVSRC_OK or INVSRC_EINVAL. */
int32_t ivs_apikey_check(const char *storefront, const char *name, invsrc_error *error);

#endif
