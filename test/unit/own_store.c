/*
 * The store of examples/own_store.c: it keeps what it promises, too.
 */
int example(int argc, char **argv);
#define main example
#include "../../examples/own_store.c" /* NOLINT(bugprone-suspicious-include) */
#undef main

#include "store_life_checks.h"

static struct table rows = {.lock = PTHREAD_MUTEX_INITIALIZER};
static const struct store store = {&store_table, &rows};

static int empty(void **state) {
  (void)state;
  free_table(&rows);
  return 0;
}

static void the_store_conforms(void **state) {
  char name[] = "own_store", check[] = "--check";
  char *arguments[] = {name, check, NULL};

  (void)state;
  assert_int_equal(example(2, arguments), EXIT_SUCCESS);
}

static void claims_that_fail_claim_nothing(void **state) {
  (void)state;
  check_failed_claims(store);
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
      TEST(the_store_conforms),
      TEST(claims_that_fail_claim_nothing),
      TEST(mistakes_are_told),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
