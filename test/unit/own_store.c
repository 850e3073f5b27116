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

#include "store_tests.h"

static int empty(void **state) {
  (void)state;
  free_table(&rows);
  return 0;
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
      STORE_TESTS(TEST),
      TEST(mistakes_are_told),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
