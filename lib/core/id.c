/*
 * See id.h.
 */
#include "core/id.h"

#include <string.h>

/* Bits of an id that are of the clock; the others are random. */
#define TIME_BITS (63 - 8 * IVS_ID_RANDOM)

void ivs_id_format(char id[IVS_ID_SIZE], int64_t milliseconds,
                   const uint8_t random[IVS_ID_RANDOM]) {
  char digits[IVS_ID_SIZE];
  uint64_t value = (uint64_t)milliseconds & ((1u << TIME_BITS) - 1);
  int count = 0;

  for (int i = 0; i < IVS_ID_RANDOM; i++) value = value << 8 | random[i];
  if (value == 0) value = 1; /* 0 is no id */
  do digits[count++] = (char)('0' + value % 10);
  while (value /= 10);
  for (int i = 0; i < count; i++) id[i] = digits[count - 1 - i];
  id[count] = '\0';
}

void ivs_ulid_format(char id[IVS_ULID_SIZE], const char *prefix, int64_t milliseconds,
                     const uint8_t random[IVS_ULID_RANDOM]) {
  static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  uint64_t time = (uint64_t)milliseconds;
  char *ulid = id + strlen(prefix);

  memcpy(id, prefix, strlen(prefix));
  for (int i = 0; i < 10; i++) ulid[i] = alphabet[time >> (45 - 5 * i) & 31];
  /* 40 random bits make eight characters, twice. */
  for (int half = 0; half < 2; half++) {
    uint64_t bits = 0;
    for (int i = 0; i < 5; i++) bits = bits << 8 | random[5 * half + i];
    for (int i = 0; i < 8; i++) ulid[10 + 8 * half + i] = alphabet[bits >> (35 - 5 * i) & 31];
  }
  ulid[26] = '\0';
}

static char *put(char *to, int64_t value, int digits, char end) {
  for (int i = digits - 1; i >= 0; i--, value /= 10) to[i] = (char)('0' + value % 10);
  to[digits] = end;
  return to + digits + 1;
}

void ivs_time_format(char text[IVS_TIME_SIZE], int64_t milliseconds) {
  int64_t seconds = milliseconds / 1000 % 86400;
  int64_t days = milliseconds / 86400000;
  /* Days to civil date, in the proleptic Gregorian calendar: years are counted
   * from March, so that the leap day is the last day of its year. */
  int64_t day_of_era = days + 719468;
  int64_t era = day_of_era / 146097;
  int64_t day = day_of_era % 146097;
  int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
  int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */

  text = put(text, year + era * 400 + (month >= 10), 4, '-');
  text = put(text, month < 10 ? month + 3 : month - 9, 2, '-');
  text = put(text, day_of_year - (153 * month + 2) / 5 + 1, 2, 'T');
  text = put(text, seconds / 3600, 2, ':');
  text = put(text, seconds / 60 % 60, 2, ':');
  text = put(text, seconds % 60, 2, 'Z');
  *text = '\0';
}
