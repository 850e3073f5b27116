/*
 * See print.h.
 */
#include "print.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *format_time(int64_t milliseconds, char text[TIME_SIZE]) {
  time_t seconds = (time_t)(milliseconds / 1000);
  struct tm tm;

  if (!gmtime_r(&seconds, &tm) || !strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm))
    *text = '\0';
  return text;
}

void print_json(const char *text) {
  putchar('"');
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c < 0x20)
      printf("\\u%04x", c);
    else
      printf(c == '"' || c == '\\' ? "\\%c" : "%c", c);
  }
  putchar('"');
}

void print_plain(const char *text) {
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text, next = (unsigned char)text[1];
    if (c == 0xc2 && next >= 0x80 && next < 0xa0) text++, c = ' '; /* U+0080 to U+009F */
    putchar(c < 0x20 || c == 0x7f ? ' ' : c);
  }
}

size_t count_characters(const char *text) {
  size_t count = 0;

  for (; *text; text++) count += ((unsigned char)*text & 0xc0) != 0x80;
  return count;
}
