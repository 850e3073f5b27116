/*
 * Sealed bytes: nothing opens that was not sealed.
 */
#include <invsrc/providers.h>

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {7};
  static const invsrc_binding binding = {
      sizeof binding, 0, "acme", 4, "1", 1, INVSRC_PURPOSE_CREDENTIAL, 10};
  static invsrc_keyring *keyring;
  invsrc_buffer *opened = invsrc_buffer_new();

  if (!keyring) {
    CHECK(invsrc_keyring_new(&keyring) == INVSRC_OK);
    CHECK(invsrc_keyring_add(keyring, key, sizeof key) == INVSRC_OK);
  }
  CHECK(invsrc_keyring_sealer()->open(keyring, &binding, size ? (const void *)data : "", size,
                                      opened) == INVSRC_OUTCOME_REFUSED);
  invsrc_buffer_free(opened);
  return 0;
}
