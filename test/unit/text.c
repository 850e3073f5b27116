/*
 * UTF-8: every code point, every malformed shape, and the small ASCII helpers.
 */
#include "core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BYTES(literal) (literal), sizeof(literal) - 1

/* Writes any number as UTF-8 would, also where UTF-8 forbids it. */
static size_t encode(uint32_t point, char *to) {
  size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = {0, 0x00, 0xC0, 0xE0, 0xF0};

  for (size_t i = length - 1; i > 0; i--, point >>= 6) to[i] = (char)(0x80 | (point & 0x3F));
  to[0] = (char)(lead[length] | point);
  return length;
}

static void test_every_code_point(void **state) {
  char text[5];

  (void)state;
  for (uint32_t point = 0; point < 0x1FFFFF; point++) {
    size_t length = encode(point, text);
    int valid = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);

    text[length] = 'x';
    if (ivs_text_sequence(text, length + 1) != (valid ? length : 0)) fail_msg("U+%04X", point);
    for (size_t cut = 0; cut < length; cut++)
      if (ivs_text_sequence(text, cut) != 0) fail_msg("U+%04X cut to %zu", point, cut);
  }
}

/* Of all pairs of bytes, exactly those of Unicode's table 3-7 are two-byte sequences. */
static void test_every_pair_of_bytes(void **state) {
  (void)state;
  for (int first = 0; first < 256; first++) {
    for (int second = 0; second < 256; second++) {
      char text[2] = {(char)first, (char)second};
      int is_pair = first >= 0xC2 && first <= 0xDF && second >= 0x80 && second <= 0xBF;
      size_t expected = first < 0x80 ? 1 : is_pair ? 2 : 0;

      if (ivs_text_sequence(text, 2) != expected) fail_msg("%02X %02X", first, second);
    }
  }
}

static void test_malformed_text_is_found(void **state) {
  static const struct {
    const char *text;
    size_t length;
    size_t fault;
  } rows[] = {
      {BYTES("\x80"), 0}, /* continuation alone */
      {BYTES("ab\xBF"), 2},
      {BYTES("\xC0\x80"), 0}, /* overlong NUL */
      {BYTES("\xC1\xBF"), 0},
      {BYTES("x\xE0\x80\xAF"), 1}, /* overlong slash */
      {BYTES("\xE0\x9F\xBF"), 0},
      {BYTES("\xF0\x80\x80\xAF"), 0},
      {BYTES("\xF0\x8F\xBF\xBF"), 0},
      {BYTES("\xED\xA0\x80"), 0}, /* surrogates */
      {BYTES("a\0\xED\xBF\xBF"), 2},
      {BYTES("\xED\xA0\x80\xED\xB0\x80"), 0},
      {BYTES("\xF4\x90\x80\x80"), 0}, /* past U+10FFFF */
      {BYTES("\xF5\x80\x80\x80"), 0},
      {BYTES("\xF8\x88\x80\x80\x80"), 0}, /* five bytes */
      {BYTES("\xFE"), 0},
      {BYTES("\xFF"), 0},
      {BYTES("\xC3"), 0}, /* cut off */
      {BYTES("\xE2\x82"), 0},
      {BYTES("\xF0\x9F\x98"), 0},
      {BYTES("\xC3\xA9\xC3"), 2},
      {BYTES("\xE2\x28\xA1"), 0}, /* not continued */
      {BYTES("\xE2\x82\x28"), 0},
      {BYTES("\xF0\x9F\x98\x28"), 0},
      {BYTES("\xF0\x9F\x28\x80"), 0},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    size_t fault = SIZE_MAX;

    assert_false(ivs_text_is_utf8(rows[i].text, rows[i].length, &fault));
    assert_int_equal(fault, rows[i].fault);
    assert_false(ivs_text_is_utf8(rows[i].text, rows[i].length, NULL));
  }
}

static void test_code_points_and_control_characters(void **state) {
  static const struct {
    const char *text;
    size_t length;
    size_t points;
    int has_control;
  } rows[] = {
      {BYTES(""), 0, 0},
      {BYTES("abc"), 3, 0},
      {BYTES("a\0c"), 3, 1},
      {BYTES("\t"), 1, 1},
      {BYTES("\x1F"), 1, 1},
      {BYTES(" ~"), 2, 0},
      {BYTES("x\x7F"), 2, 1},
      {BYTES("\xC2\x80"), 1, 1},
      {BYTES("e\xC2\x9F"), 2, 1},
      {BYTES("\u00A0"), 1, 0}, /* no-break space is Zs */
      {BYTES("\u00AD"), 1, 0}, /* soft hyphen is Cf */
      {BYTES("\u00E9\u20AC\U0001F600"), 3, 0},
      {BYTES("\u0442\xC2\x81"), 2, 1},
      {BYTES("\u2028\u200D\uFEFF"), 3, 0}, /* Zl and Cf */
      {BYTES("\u0100\u00C2"), 2, 0},       /* bytes 80 and C2 elsewhere */
      {BYTES("\U0010FFFF"), 1, 0},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    assert_true(ivs_text_is_utf8(rows[i].text, rows[i].length, NULL));
    assert_int_equal(ivs_text_code_points(rows[i].text, rows[i].length), rows[i].points);
    assert_int_equal(ivs_text_has_control(rows[i].text, rows[i].length), rows[i].has_control);
  }
}

static void test_ascii_helpers_know_no_other_letters(void **state) {
  static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
  static const char digits[] = "0123456789";
  static const char hexadecimal[] = "0123456789abcdef";

  (void)state;
  for (int i = 0; i < 256; i++) {
    char byte = (char)i;
    const char *at_upper = memchr(upper, i, 26);
    const char *at_lower = memchr(lower, i, 26);
    const char *at_digit = memchr(digits, i, 10);
    char expected = at_upper ? lower[at_upper - upper] : byte;
    const char *hex = memchr(hexadecimal, expected, 16);

    assert_int_equal(ivs_text_lower(byte), expected);
    assert_int_equal(ivs_text_is_letter(byte), at_upper || at_lower);
    assert_int_equal(ivs_text_is_digit(byte), at_digit != NULL);
    assert_int_equal(ivs_text_hex(byte), hex ? (int)(hex - hexadecimal) : -1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_code_point),
      cmocka_unit_test(test_every_pair_of_bytes),
      cmocka_unit_test(test_malformed_text_is_found),
      cmocka_unit_test(test_code_points_and_control_characters),
      cmocka_unit_test(test_ascii_helpers_know_no_other_letters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
