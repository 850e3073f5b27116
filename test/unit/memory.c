/*
 * The store in memory.
 */
#include <invsrc/providers.h>

#include "store_life_checks.h"

static struct store store;

static int set_up(void **state) {
  invsrc_memory *memory = NULL;

  (void)state;
  if (invsrc_memory_new(&memory) != INVSRC_OK) return -1;
  store = (struct store){invsrc_memory_store(), memory};
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  invsrc_memory_free(store.context);
  return 0;
}

static void every_field_comes_back(void **state) {
  (void)state;
  check_every_field(store);
  check_absent_stays_absent(store);
  check_long_values(store);
}

static void names_are_bytes(void **state) {
  (void)state;
  check_names_are_bytes(store);
}

static void what_is_unique_stays_unique(void **state) {
  (void)state;
  check_conflicts(store);
}

static void each_name_has_one_winner(void **state) {
  (void)state;
  check_races(store);
}

static void lists_are_in_order(void **state) {
  (void)state;
  check_lists(store);
}

static void updates_write_their_parts(void **state) {
  (void)state;
  check_parts(store);
  check_absence(store);
}

static void revisions_are_compared(void **state) {
  (void)state;
  check_revisions(store);
}

static void what_is_removed_is_gone(void **state) {
  (void)state;
  check_removal(store);
}

static void what_is_due_is_claimed(void **state) {
  (void)state;
  check_due(store);
}

static void events_are_kept_until_taken(void **state) {
  (void)state;
  check_events(store);
}

static void a_change_and_its_event_are_one(void **state) {
  (void)state;
  check_all_or_nothing(store);
}

static void nothing_is_claimed_twice(void **state) {
  (void)state;
  check_claims(store);
}

static void no_update_is_lost(void **state) {
  (void)state;
  check_changers(store);
}

static void ten_thousand_sources_keep_their_order(void **state) {
  (void)state;
  check_many(store, 10000);
}

static void thousands_of_sources_are_found(void **state) {
  char name[16], id[16];

  (void)state;
  for (int i = 0; i < 3000; i++) {
    snprintf(name, sizeof name, "n%d", i * 7919 % 3000);
    snprintf(id, sizeof id, "%d", 5000 + i);
    assert_int_equal(insert_new(store, "many", name, id), INVSRC_OUTCOME_OK);
  }
  for (int i = 0; i < 3000; i++) {
    snprintf(name, sizeof name, "n%d", i * 7919 % 3000);
    snprintf(id, sizeof id, "%d", 5000 + i);
    assert_stored(store, "many", name, id);
  }
}

static void keys_speak_for_their_storefront(void **state) {
  invsrc_buffer *acme = invsrc_buffer_new(), *other = invsrc_buffer_new();

  (void)state;
  assert_int_equal(invsrc_memory_apikey_add(store.context, "acme", "CI", acme, NULL), INVSRC_OK);
  assert_int_equal(invsrc_memory_apikey_add(store.context, "other", NULL, other, NULL), INVSRC_OK);
  check_keys(invsrc_memory_authenticator(), store.context, invsrc_buffer_bytes(acme, NULL),
             invsrc_buffer_bytes(other, NULL));
  invsrc_buffer_free(acme);
  invsrc_buffer_free(other);
}

static void mistakes_are_told(void **state) {
  invsrc_buffer *key = invsrc_buffer_new();
  invsrc_error *error = invsrc_error_new();
  uint64_t length;

  (void)state;
  assert_int_equal(invsrc_memory_new(NULL), INVSRC_EINVAL);
  invsrc_memory_free(NULL);
  assert_int_equal(invsrc_memory_apikey_add(NULL, "acme", "", key, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_error_code(error), INVSRC_EINVAL);
  assert_int_equal(invsrc_memory_apikey_add(store.context, "acme", "", NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_memory_apikey_add(store.context, "", "", key, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_memory_apikey_add(store.context, NULL, "", key, NULL), INVSRC_EINVAL);
  invsrc_buffer_bytes(key, &length);
  assert_int_equal(length, 0);
  invsrc_buffer_free(key);
  invsrc_error_free(error);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  static const struct CMUnitTest tests[] = {
      TEST(every_field_comes_back),
      TEST(names_are_bytes),
      TEST(what_is_unique_stays_unique),
      TEST(each_name_has_one_winner),
      TEST(lists_are_in_order),
      TEST(updates_write_their_parts),
      TEST(revisions_are_compared),
      TEST(what_is_removed_is_gone),
      TEST(what_is_due_is_claimed),
      TEST(events_are_kept_until_taken),
      TEST(a_change_and_its_event_are_one),
      TEST(nothing_is_claimed_twice),
      TEST(no_update_is_lost),
      TEST(ten_thousand_sources_keep_their_order),
      TEST(thousands_of_sources_are_found),
      TEST(keys_speak_for_their_storefront),
      TEST(mistakes_are_told),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
