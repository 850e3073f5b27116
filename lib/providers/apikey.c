/*
 * See apikey.h.
 */
#include "providers/apikey.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "core/error.h"

int32_t ivs_apikey_draw(ivs_apikey *key, invsrc_buffer *text, invsrc_error *error) {
  uint8_t random[IVS_APIKEY_RANDOM];
  int32_t result = INVSRC_ECRYPTO;

  ERR_set_mark();
  if (RAND_priv_bytes(random, sizeof random) == 1) result = ivs_apikey_make(random, key, text);
  ERR_pop_to_mark();
  OPENSSL_cleanse(random, sizeof random);
  if (result != INVSRC_OK)
    ivs_error_set(error, result, INVSRC_NO_OFFSET, "%s", invsrc_strerror(result));
  return result;
}
