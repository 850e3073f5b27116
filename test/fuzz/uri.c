/*
 * The canonical form of a URL: it fits, it is a URL, and but for escaped dots, which AdCP
 * decodes last, it is its own canonical form. A fault lies in the text.
 */
#include <invsrc/invsrc.h>

#include "core/uri.h"
#include "fuzz/fuzz.h"

static int has_escaped_dot(const char *text, size_t length) {
  for (size_t i = 0; i + 2 < length; i++)
    if (text[i] == '%' && text[i + 1] == '2' && (text[i + 2] | 0x20) == 'e') return 1;
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = size ? (const char *)data : "";
  char *once = malloc(size + 2), *twice = malloc(size + 4);
  invsrc_error *error = invsrc_error_new();
  uint64_t length = 0, other = 0;
  int32_t result = invsrc_uri_canonicalize(text, size, once, size + 2, &length, error);

  CHECK(result == INVSRC_OK || result == INVSRC_EMALFORMED);
  if (result == INVSRC_OK) {
    CHECK(length <= size + 1 && strlen(once) == length);
    if (!has_escaped_dot(text, size)) {
      CHECK(invsrc_uri_canonicalize(once, length, twice, length + 2, &other, error) == INVSRC_OK);
      CHECK(other == length && memcmp(once, twice, length) == 0);
    }
  } else {
    uint64_t offset = invsrc_error_offset(error);
    CHECK(*invsrc_error_message(error) && (offset == INVSRC_NO_OFFSET || offset <= size));
  }
  invsrc_error_free(error);
  free(once);
  free(twice);
  return 0;
}
