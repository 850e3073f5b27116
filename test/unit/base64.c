/*
 * Base64 against the vectors of RFC 4648 §10, and what is no base64url.
 */
#include "core/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

static const struct {
  const char *bytes;
  size_t length;
  const char *padded;
  const char *url;
} rows[] = {
    {"", 0, "", ""},
    {"f", 1, "Zg==", "Zg"},
    {"fo", 2, "Zm8=", "Zm8"},
    {"foo", 3, "Zm9v", "Zm9v"},
    {"foob", 4, "Zm9vYg==", "Zm9vYg"},
    {"fooba", 5, "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", 6, "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\x00", 3, "+/8A", "-_8A"},
};

static void expect(const ivs_buffer *buffer, const char *bytes, size_t length) {
  assert_false(buffer->failed);
  assert_int_equal(buffer->length, length);
  if (length) assert_memory_equal(buffer->bytes, bytes, length);
}

static void vectors_go_both_ways(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ivs_buffer text = IVS_BUFFER_EMPTY, url = IVS_BUFFER_EMPTY, back = IVS_BUFFER_EMPTY;

    ivs_base64_append(&text, rows[i].bytes, rows[i].length);
    expect(&text, rows[i].padded, strlen(rows[i].padded));
    ivs_base64url_append(&url, rows[i].bytes, rows[i].length);
    expect(&url, rows[i].url, strlen(rows[i].url));
    assert_true(ivs_base64url_decode(&back, rows[i].url, strlen(rows[i].url)));
    expect(&back, rows[i].bytes, rows[i].length);
    ivs_buffer_end(&text);
    ivs_buffer_end(&url);
    ivs_buffer_end(&back);
  }
}

static void what_is_none_is_refused(void **state) {
  static const char *const texts[] = {"Z",   "Zg==", "Zg=",   "Z g",     "Zh",
                                      "Zm9", "+/8A", "Zm9vY", "\xff\xff"};

  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    ivs_buffer back = IVS_BUFFER_EMPTY;

    assert_false(ivs_base64url_decode(&back, texts[i], strlen(texts[i])));
    ivs_buffer_end(&back);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vectors_go_both_ways),
      cmocka_unit_test(what_is_none_is_refused),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
