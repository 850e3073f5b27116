/*
 * API keys: their text form, how one is made of random bytes, and what is kept of it.
 * Knows nothing of where that is kept, nor where the bytes come from.
 */
#ifndef IVS_CORE_APIKEY_H
#define IVS_CORE_APIKEY_H

#include <invsrc/provider.h>

#define IVS_APIKEY_CLIENT_ID 16
#define IVS_APIKEY_SECRET 52 /* 260 bits in base32 */
#define IVS_APIKEY_PREFIX "scope3_"
#define IVS_APIKEY_LENGTH \
  (sizeof IVS_APIKEY_PREFIX - 1 + IVS_APIKEY_CLIENT_ID + 1 + IVS_APIKEY_SECRET)
#define IVS_APIKEY_DIGEST 32
#define IVS_APIKEY_TEXT 255 /* bytes of a storefront or a name, at most */
#define IVS_APIKEY_RANDOM (IVS_APIKEY_CLIENT_ID + IVS_APIKEY_SECRET)

/* What a store keeps: never the key itself. */
typedef struct ivs_apikey {
  char client_id[IVS_APIKEY_CLIENT_ID + 1];
  uint8_t digest[IVS_APIKEY_DIGEST]; /* SHA-256 of the whole key */
} ivs_apikey;

/* Makes a key of fresh random bytes, which are its secret from then on, and puts its text
 * into `text`. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_apikey_make(const uint8_t random[IVS_APIKEY_RANDOM], ivs_apikey *key,
                        invsrc_buffer *text);
/* What a token would be kept as. An outcome: OK; UNKNOWN where it has not the form
 * of a key; UNAVAILABLE. */
int32_t ivs_apikey_parse(const char *token, uint64_t length, ivs_apikey *key);
/* Whether both are of the same key, in constant time. */
int ivs_apikey_is_same(const ivs_apikey *a, const ivs_apikey *b);
/* Whether a storefront and a name (NULL: none) may be given to a key; else the
 * error says why. INVSRC_OK or INVSRC_EINVAL. */
int32_t ivs_apikey_check(const char *storefront, const char *name, invsrc_error *error);

#endif
