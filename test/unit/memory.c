/*
 * The store in memory.
 */
#include <invsrc/providers.h>

#include "store_life_checks.h"

static struct store store;

#include "suites.h"

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

static void the_store_conforms(void **state) {
  (void)state;
  assert_store_conforms(invsrc_memory_store(),
                        (struct suite){.begin = set_up, .end = tear_down, .many = 10000});
}

static void clients_conform(void **state) {
  (void)state;
  assert_clients_conform(invsrc_memory_clients(),
                         (struct suite){.begin = set_up, .end = tear_down});
}

static void claims_that_fail_claim_nothing(void **state) {
  (void)state;
  check_failed_claims(store);
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
      cmocka_unit_test(the_store_conforms),  cmocka_unit_test(clients_conform),
      TEST(claims_that_fail_claim_nothing),  TEST(thousands_of_sources_are_found),
      TEST(keys_speak_for_their_storefront), TEST(mistakes_are_told),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
