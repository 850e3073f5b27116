/*
 * The forms of ids and times.
 */
#include "core/id.h"

#include <invsrc/invsrc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

static void ids_are_positive_63_bit_decimals(void **state) {
  static const struct {
    int64_t milliseconds;
    uint8_t random[IVS_ID_RANDOM];
    const char *id;
  } rows[] = {
      {0, {0, 0, 0, 0, 0}, "1"},
      {0, {0, 0, 0, 0, 10}, "10"},
      {0, {0, 1, 0, 0, 0}, "16777216"},
      {0, {255, 255, 255, 255, 255}, "1099511627775"},
      {1, {0, 0, 0, 0, 0}, "1099511627776"},
      {0x7fffff, {255, 255, 255, 255, 255}, "9223372036854775807"},
      {0x800000, {0, 0, 0, 0, 10}, "10"}, /* the clock's bits have come round */
      {0x800001, {0, 0, 0, 0, 10}, "1099511627786"},
      {INVSRC_TIME_LIMIT, {0, 0, 0, 0, 0}, "2295708810540482560"},
  };
  char id[IVS_ID_SIZE];

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ivs_id_format(id, rows[i].milliseconds, rows[i].random);
    assert_string_equal(id, rows[i].id);
  }
}

static void agent_ids_are_ulids(void **state) {
  static const struct {
    int64_t milliseconds;
    uint8_t random[IVS_ULID_RANDOM];
    const char *id;
  } rows[] = {
      {0, {0}, "agent_00000000000000000000000000"},
      /* The time of the ULID specification's example. */
      {1469918176385, {0}, "agent_01ARYZ6S410000000000000000"},
      {0, {255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, "agent_0000000000ZZZZZZZZZZZZZZZZ"},
      {0, {0, 0, 0, 0, 1, 128, 0, 0, 0, 0}, "agent_000000000000000001G0000000"},
      {INVSRC_TIME_LIMIT, {0}, "agent_76EZ91ZPZZ0000000000000000"},
  };
  char id[IVS_ULID_SIZE];

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ivs_ulid_format(id, IVS_AGENT_PREFIX, rows[i].milliseconds, rows[i].random);
    assert_string_equal(id, rows[i].id);
  }
}

static void check_time(int64_t seconds) {
  char text[IVS_TIME_SIZE], expected[32];
  time_t time = (time_t)seconds;
  struct tm tm;

  assert_non_null(gmtime_r(&time, &tm));
  assert_int_equal(strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &tm), 20);
  ivs_time_format(text, seconds * 1000 + 999);
  assert_string_equal(text, expected);
}

static void times_are_those_of_the_calendar(void **state) {
  char text[IVS_TIME_SIZE];

  (void)state;
  /* Every day of 8,000 years, each at another time of day. */
  for (int64_t day = 0; day < 8000 * 365; day++) check_time(day * 86400 + day * 7919 % 86400);
  check_time(INVSRC_TIME_LIMIT / 1000);
  ivs_time_format(text, 1767225600000);
  assert_string_equal(text, "2026-01-01T00:00:00Z");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids_are_positive_63_bit_decimals),
      cmocka_unit_test(agent_ids_are_ulids),
      cmocka_unit_test(times_are_those_of_the_calendar),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
