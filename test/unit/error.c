/*
 * The error object, the sentences for result codes, the version.
 */
#include "core/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"

#define ROOM 511 /* the longest message in bytes */

static void test_version_is_the_header_s(void **state) {
  (void)state;
  assert_string_equal(invsrc_version(), INVSRC_VERSION);
}

static void test_every_code_has_its_own_sentence(void **state) {
  static const int32_t codes[] = {
      INVSRC_OK,     INVSRC_EINVAL,       INVSRC_ESTATE,   INVSRC_EMALFORMED,
      INVSRC_ERANGE, INVSRC_EUNAVAILABLE, INVSRC_EREFUSED, INVSRC_ENOTFOUND,
      INVSRC_EIO,    INVSRC_ENOMEM,       INVSRC_ECRYPTO,  1,
  };
  size_t count = sizeof codes / sizeof *codes;

  (void)state;
  for (size_t i = 0; i < count; i++) {
    assert_true(strlen(invsrc_strerror(codes[i])) > 5);
    for (size_t j = 0; j < i; j++)
      assert_string_not_equal(invsrc_strerror(codes[i]), invsrc_strerror(codes[j]));
  }
}

static void test_unknown_codes_share_a_sentence(void **state) {
  static const int32_t codes[] = {1, -5, -99, -150, -300, INT32_MIN, INT32_MAX};

  (void)state;
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    assert_string_equal(invsrc_strerror(codes[i]), "Unknown result code");
}

static void test_new_error_is_empty(void **state) {
  invsrc_error *error = invsrc_error_new();

  (void)state;
  assert_non_null(error);
  assert_int_equal(invsrc_error_code(error), INVSRC_OK);
  assert_string_equal(invsrc_error_message(error), "");
  assert_true(invsrc_error_offset(error) == INVSRC_NO_OFFSET);
  invsrc_error_free(error);
}

static void test_null_is_an_empty_error(void **state) {
  (void)state;
  invsrc_error_free(NULL);
  ivs_error_set(NULL, INVSRC_EIO, 7, "%s", "nobody hears this");
  assert_int_equal(invsrc_error_code(NULL), INVSRC_OK);
  assert_string_equal(invsrc_error_message(NULL), "");
  assert_true(invsrc_error_offset(NULL) == INVSRC_NO_OFFSET);
}

static void test_set_replaces_everything(void **state) {
  invsrc_error *error = invsrc_error_new();

  (void)state;
  ivs_error_set(error, INVSRC_EMALFORMED, 12, "must be %s, not %d", "even", 3);
  assert_int_equal(invsrc_error_code(error), INVSRC_EMALFORMED);
  assert_string_equal(invsrc_error_message(error), "must be even, not 3");
  assert_true(invsrc_error_offset(error) == 12);
  ivs_error_set(error, INVSRC_EIO, INVSRC_NO_OFFSET, "gone");
  assert_int_equal(invsrc_error_code(error), INVSRC_EIO);
  assert_string_equal(invsrc_error_message(error), "gone");
  assert_true(invsrc_error_offset(error) == INVSRC_NO_OFFSET);
  invsrc_error_free(error);
}

/* Every length around the limit, ending in characters of one to four bytes. */
static void test_long_message_is_cut_between_characters(void **state) {
  static const char *const endings[] = {"x", "\u00e9", "\u20ac", "\U0001F600"};
  invsrc_error *error = invsrc_error_new();
  char text[ROOM + 16];

  (void)state;
  for (size_t ending = 0; ending < 4; ending++) {
    for (size_t before = ROOM - 6; before <= ROOM + 2; before++) {
      size_t length = before + strlen(endings[ending]);
      const char *message;

      memset(text, 'a', before);
      memcpy(text + before, endings[ending], strlen(endings[ending]) + 1);
      ivs_error_set(error, INVSRC_EIO, 0, "%s", text);
      message = invsrc_error_message(error);
      assert_memory_equal(message, text, strlen(message));
      assert_true(ivs_text_is_utf8(message, strlen(message), NULL));
      if (length <= ROOM)
        assert_int_equal(strlen(message), length);
      else
        assert_in_range(strlen(message), ROOM - 4, ROOM);
    }
  }
  invsrc_error_free(error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_version_is_the_header_s),
      cmocka_unit_test(test_every_code_has_its_own_sentence),
      cmocka_unit_test(test_unknown_codes_share_a_sentence),
      cmocka_unit_test(test_new_error_is_empty),
      cmocka_unit_test(test_null_is_an_empty_error),
      cmocka_unit_test(test_set_replaces_everything),
      cmocka_unit_test(test_long_message_is_cut_between_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
