/*
 * Private keys: any text is of one kind.
 */
#include "core/private_key.h"

#include <invsrc/invsrc.h>

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int kind = -1;

  CHECK(ivs_private_key_judge(size ? (const char *)data : "", size, &kind) == INVSRC_OK);
  CHECK(kind >= IVS_KEY_NONE && kind <= IVS_KEY_RSA);
  return 0;
}
