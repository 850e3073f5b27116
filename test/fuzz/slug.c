/*
 * The slug: 1 to 255 characters of a-z, 0-9 and single dashes within, of any UTF-8 text;
 * and a slug is its own slug.
 */
#include <invsrc/invsrc.h>

#include "core/text.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = size ? (const char *)data : "";
  char slug[INVSRC_SLUG_SIZE], again[INVSRC_SLUG_SIZE];
  uint64_t length;
  int32_t result = invsrc_slugify(text, size, slug, sizeof slug, &length);

  CHECK((result == INVSRC_OK) == (ivs_text_is_utf8(text, size, NULL) != 0));
  if (result != INVSRC_OK) return 0;
  CHECK(length >= 1 && length <= 255 && strlen(slug) == length);
  CHECK(strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") == length);
  CHECK(slug[0] != '-' && slug[length - 1] != '-' && !strstr(slug, "--"));
  CHECK(invsrc_slugify(slug, length, again, sizeof again, NULL) == INVSRC_OK);
  CHECK(strcmp(slug, again) == 0);
  return 0;
}
