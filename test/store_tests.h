/*
 * The tests that every store passes, one list of them. Behind a `static struct store store`
 * of the program, which its set-up leaves empty for each test.
 */
#ifndef TEST_STORE_TESTS_H
#define TEST_STORE_TESTS_H

#include "store_life_checks.h"

/* How many sources make many: more where they cost less. */
#ifndef STORE_MANY
#define STORE_MANY 600
#endif

#define STORE_TEST(name, checks)   \
  static void name(void **state) { \
    (void)state;                   \
    checks;                        \
  }

STORE_TEST(every_field_comes_back, {
  check_every_field(store);
  check_absent_stays_absent(store);
  check_long_values(store);
})
STORE_TEST(names_are_bytes, check_names_are_bytes(store))
STORE_TEST(what_is_unique_stays_unique, check_conflicts(store))
STORE_TEST(each_name_has_one_winner, check_races(store))
STORE_TEST(lists_are_in_order, check_lists(store))
STORE_TEST(many_sources_keep_their_order, check_many(store, STORE_MANY))
STORE_TEST(updates_write_their_parts, {
  check_parts(store);
  check_absence(store);
})
STORE_TEST(revisions_are_compared, check_revisions(store))
STORE_TEST(sources_are_found, check_finding(store))
STORE_TEST(a_consent_is_one_sources, {
  check_consents(store);
  check_many_consents(store);
})
STORE_TEST(what_is_removed_is_gone, check_removal(store))
STORE_TEST(what_is_due_is_claimed, check_due(store))
STORE_TEST(a_late_result_changes_nothing, check_late_results(store))
STORE_TEST(a_late_removal_changes_nothing, check_late_removals(store))
STORE_TEST(a_claim_that_fails_claims_nothing, check_failed_claims(store))
STORE_TEST(events_are_kept_until_taken, check_events(store))
STORE_TEST(events_come_as_they_are_due, check_event_order(store))
STORE_TEST(a_change_and_its_event_are_one, check_all_or_nothing(store))
STORE_TEST(nothing_is_claimed_twice, check_claims(store))
STORE_TEST(no_update_is_lost, check_changers(store))

/* All of them, each as the program's `TEST` has it. */
#define STORE_TESTS(TEST)                                                                    \
  TEST(every_field_comes_back), TEST(names_are_bytes), TEST(what_is_unique_stays_unique),    \
      TEST(each_name_has_one_winner), TEST(lists_are_in_order),                              \
      TEST(many_sources_keep_their_order), TEST(updates_write_their_parts),                  \
      TEST(revisions_are_compared), TEST(sources_are_found), TEST(a_consent_is_one_sources), \
      TEST(what_is_removed_is_gone), TEST(what_is_due_is_claimed),                           \
      TEST(a_late_result_changes_nothing), TEST(a_late_removal_changes_nothing),             \
      TEST(a_claim_that_fails_claims_nothing), TEST(events_are_kept_until_taken),            \
      TEST(events_come_as_they_are_due), TEST(a_change_and_its_event_are_one),               \
      TEST(nothing_is_claimed_twice), TEST(no_update_is_lost)

#endif
