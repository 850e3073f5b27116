/*
 * See digest.h.
 */
#include "core/digest.h"

#include <invsrc/invsrc.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdatomic.h>

/* To look the algorithm up takes longer than the digest of a short text: it is done once, and
 * kept as long as the process lives. NULL: memory ran out. */
static const EVP_MD *sha256(void) {
  static _Atomic(EVP_MD *) kept;
  EVP_MD *known = atomic_load(&kept);
  EVP_MD *made = known ? NULL : EVP_MD_fetch(NULL, "SHA256", NULL);

  if (known || !made || atomic_compare_exchange_strong(&kept, &known, made))
    return known ? known : made;
  EVP_MD_free(made); /* another thread was first */
  return known;
}

int32_t ivs_digest(const void *bytes, size_t length, uint8_t digest[IVS_DIGEST_SIZE]) {
  const EVP_MD *algorithm;
  int made;

  ERR_set_mark();
  algorithm = sha256();
  made = algorithm && EVP_Digest(bytes, length, digest, NULL, algorithm, NULL) == 1;
  ERR_pop_to_mark();
  return made ? INVSRC_OK : INVSRC_ENOMEM;
}
