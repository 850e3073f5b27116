/*
 * See text.h. Pure, and the only place that knows how UTF-8 is put together.
 */
#include "core/text.h"

#include <string.h>

/* The well-formed sequences beyond ASCII (Unicode, table 3-7): what the first byte may be,
 * and what the second may be after it. Further bytes are 80 to BF. */
static const struct {
  unsigned char first_low, first_high;
  unsigned char second_low, second_high;
  unsigned char length;
} sequences[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static int is_within(char byte, unsigned char low, unsigned char high) {
  unsigned char value = (unsigned char)byte;

  return value >= low && value <= high;
}

size_t ivs_text_sequence(const char *text, size_t length) {
  size_t row = 0;

  if (!length) return 0;
  if (is_within(text[0], 0x00, 0x7F)) return 1; /* before the table: most are */
  while (!is_within(text[0], sequences[row].first_low, sequences[row].first_high))
    if (++row == sizeof sequences / sizeof *sequences) return 0;
  if (length < sequences[row].length) return 0;
  if (!is_within(text[1], sequences[row].second_low, sequences[row].second_high)) return 0;
  for (size_t i = 2; i < sequences[row].length; i++)
    if (!is_within(text[i], 0x80, 0xBF)) return 0;
  return sequences[row].length;
}

int ivs_text_is_utf8(const char *text, size_t length, size_t *fault) {
  size_t at = 0;

  while (at < length) {
    size_t step = (unsigned char)text[at] < 0x80 ? 1 : ivs_text_sequence(text + at, length - at);

    if (!step) {
      if (fault) *fault = at;
      return 0;
    }
    at += step;
  }
  return 1;
}

size_t ivs_text_code_points(const char *text, size_t length) {
  size_t count = 0;

  for (size_t i = 0; i < length; i++)
    if (!is_within(text[i], 0x80, 0xBF)) count++;
  return count;
}

int ivs_text_has_control(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (is_within(text[i], 0x00, 0x1F) || text[i] == 0x7F) return 1;
    /* U+0080 to U+009F are C2 80 to C2 9F. */
    if (is_within(text[i], 0xC2, 0xC2) && i + 1 < length && is_within(text[i + 1], 0x80, 0x9F))
      return 1;
  }
  return 0;
}

int ivs_text_hex(char byte) {
  if (ivs_text_is_digit(byte)) return byte - '0';
  byte = ivs_text_lower(byte);
  return is_within(byte, 'a', 'f') ? byte - 'a' + 10 : -1;
}

int ivs_text_is_same(const char *text, size_t length, const char *other) {
  if (strlen(other) != length) return 0;
  for (size_t i = 0; i < length; i++)
    if (ivs_text_lower(text[i]) != ivs_text_lower(other[i])) return 0;
  return 1;
}
