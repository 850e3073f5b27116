/*
 * Questions about UTF-8 text. Knows nothing of fields or their rules.
 */
#ifndef IVS_CORE_TEXT_H
#define IVS_CORE_TEXT_H

#include <stddef.h>

/* The length of the valid UTF-8 sequence at the start of `text` (RFC 3629: no
 * surrogates, nothing overlong, nothing past U+10FFFF), 1 to 4; 0 if none. */
size_t ivs_text_sequence(const char *text, size_t length);
/* Whether all of it is valid UTF-8; `fault` (may be NULL) gets the first bad byte. */
int ivs_text_is_utf8(const char *text, size_t length, size_t *fault);
/* How many code points valid UTF-8 text has. */
size_t ivs_text_code_points(const char *text, size_t length);
/* Whether valid UTF-8 text has a control character (category Cc: U+0000 to
 * U+001F, U+007F to U+009F). */
int ivs_text_has_control(const char *text, size_t length);

/* ASCII only, whatever the locale: the lower-case letter of an upper-case one,
 * else `byte`; whether it is a letter or a digit; and the value of a hexadecimal
 * digit, or -1. */
static inline char ivs_text_lower(char byte) {
  return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static inline int ivs_text_is_letter(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static inline int ivs_text_is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

int ivs_text_hex(char byte);
/* Whether two texts are the same but for the case of ASCII letters. */
int ivs_text_is_same(const char *text, size_t length, const char *other);

#endif
