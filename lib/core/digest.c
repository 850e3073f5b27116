/*
 * See digest.h.
 */
#include "core/digest.h"

#include <invsrc/invsrc.h>
#include <openssl/err.h>
#include <openssl/evp.h>

int32_t ivs_digest(const void *bytes, size_t length, uint8_t digest[IVS_DIGEST_SIZE]) {
  int made;

  ERR_set_mark();
  made = EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL);
  ERR_pop_to_mark();
  return made == 1 ? INVSRC_OK : INVSRC_ENOMEM;
}
