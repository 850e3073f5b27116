/*
 * Strict JSON: the tree and the scan agree on what is JSON, and a fault lies in the text.
 */
#include "core/json.h"

#include <invsrc/invsrc.h>

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const ivs_json_handler nothing = {0};
  const char *text = (const char *)data;
  ivs_json_document *document = NULL;
  ivs_json_fault fault, other;
  int32_t result = ivs_json_parse(text, size, &document, &fault);

  CHECK(result == INVSRC_OK || result == INVSRC_EMALFORMED);
  CHECK((result == INVSRC_OK) == (document != NULL));
  CHECK(ivs_json_scan(text, size, &nothing, NULL, &other) == result);
  if (result == INVSRC_EMALFORMED) {
    CHECK(fault.offset <= size && fault.offset == other.offset && fault.message);
    CHECK(fault.line >= 1 && fault.column >= 1);
  }
  ivs_json_free(document);
  return 0;
}
