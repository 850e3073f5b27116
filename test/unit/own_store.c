/*
 * The store of examples/own_store.c: it keeps what it promises, too.
 */
int example(int argc, char **argv);
#define main example
#include "../../examples/own_store.c" /* NOLINT(bugprone-suspicious-include) */
#undef main

#include "store_life_checks.h"

static struct table rows = {.lock = PTHREAD_MUTEX_INITIALIZER};
static const struct store own = {&store_table, &rows};

static int empty(void **state) {
  (void)state;
  free_table(&rows);
  return 0;
}

static void what_is_stored_comes_back(void **state) {
  (void)state;
  check_every_field(own);
  check_absent_stays_absent(own);
  check_long_values(own);
  check_names_are_bytes(own);
  check_conflicts(own);
  check_races(own);
}

static void lists_are_in_order(void **state) {
  (void)state;
  check_lists(own);
}

static void many_sources_keep_their_order(void **state) {
  (void)state;
  check_many(own, 600);
}

static void updates_write_their_parts(void **state) {
  (void)state;
  check_parts(own);
  check_absence(own);
}

static void revisions_are_compared(void **state) {
  (void)state;
  check_revisions(own);
}

static void what_is_removed_is_gone(void **state) {
  (void)state;
  check_removal(own);
}

static void what_is_due_is_claimed(void **state) {
  (void)state;
  check_due(own);
}

static void events_are_kept_until_taken(void **state) {
  (void)state;
  check_events(own);
}

static void a_change_and_its_event_are_one(void **state) {
  (void)state;
  check_all_or_nothing(own);
}

static void nothing_is_claimed_twice(void **state) {
  (void)state;
  check_claims(own);
}

static void no_update_is_lost(void **state) {
  (void)state;
  check_changers(own);
}

/* The rest of the example, which tests of the example run. */
static void mistakes_are_told(void **state) {
  char name[] = "own_store";
  char *arguments[] = {name, NULL};

  (void)state;
  assert_int_equal(example(1, arguments), EXIT_FAILURE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, empty)
  static const struct CMUnitTest tests[] = {
      TEST(what_is_stored_comes_back),
      TEST(lists_are_in_order),
      TEST(many_sources_keep_their_order),
      TEST(updates_write_their_parts),
      TEST(revisions_are_compared),
      TEST(what_is_removed_is_gone),
      TEST(what_is_due_is_claimed),
      TEST(events_are_kept_until_taken),
      TEST(a_change_and_its_event_are_one),
      TEST(nothing_is_claimed_twice),
      TEST(no_update_is_lost),
      TEST(mistakes_are_told),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
