/*
 * The conformance suites in the tests of a program: it says how it begins with an empty store and
 * ends it. Behind a `struct store store` of the program, whose context its set-up sets.
 */
#ifndef TEST_SUITES_H
#define TEST_SUITES_H

#include <invsrc/testkit.h>

#include "store_checks.h"

struct suite {
  int (*begin)(void **state); /* both as a set-up and a tear-down of cmocka */
  int (*end)(void **state);
  int32_t (*begin_again)(void); /* opens what was closed; NULL: there is no way to */
  void (*close)(void);          /* closes what is to be opened again */
  void (*look)(void);           /* looks at the store before it is ended; may be NULL */
  const char *only;
  uint64_t many;
  int passed, skipped;
};

/* That of a program with a scratch database. */
#define SCRATCH_SUITE \
  ((struct suite){    \
      .begin = begin_anew, .end = leave_nothing, .begin_again = open_db, .close = close_db})

static int32_t open_for_suite(void *host, void **context) {
  const struct suite *suite = host;

  if (suite->begin(NULL) != 0) return INVSRC_EIO;
  *context = store.context;
  return INVSRC_OK;
}

static void close_for_suite(void *host, void *context) {
  const struct suite *suite = host;

  (void)context;
  if (suite->look) suite->look();
  assert_int_equal(suite->end(NULL), 0);
}

static int32_t reopen_for_suite(void *host, void *context, void **reopened) {
  const struct suite *suite = host;
  int32_t result;

  (void)context;
  suite->close();
  result = suite->begin_again();
  *reopened = store.context;
  return result;
}

static void hear_suite(void *host, const invsrc_conformance_check *check) {
  struct suite *suite = host;

  suite->passed += check->result == INVSRC_CONFORMANCE_PASSED;
  suite->skipped += check->result == INVSRC_CONFORMANCE_SKIPPED;
  if (check->result == INVSRC_CONFORMANCE_FAILED)
    print_error("%s: %s\n", check->name, check->message);
}

static inline invsrc_conformance describe_for_suite(struct suite *suite) {
  return (invsrc_conformance){.size = sizeof(invsrc_conformance),
                              .traits = INVSRC_CONFORMANCE_THREADS,
                              .open = open_for_suite,
                              .close = close_for_suite,
                              .reopen = suite->begin_again ? reopen_for_suite : NULL,
                              .hear = hear_suite,
                              .host = suite,
                              .only = suite->only,
                              .many = suite->many};
}

/* Nothing may be skipped but what needs to be opened again, where it cannot be. */
static inline void assert_store_conforms(const invsrc_store_vtable *table, struct suite suite) {
  invsrc_conformance description = describe_for_suite(&suite);

  assert_int_equal(table->size, sizeof *table);
  assert_int_equal(invsrc_store_conformance(table, &description), 0);
  assert_int_equal(suite.skipped, suite.begin_again || suite.only ? 0 : 1);
  assert_true(suite.passed > 0);
}

static inline void assert_clients_conform(const invsrc_clients_vtable *table, struct suite suite) {
  invsrc_conformance description = describe_for_suite(&suite);

  assert_int_equal(table->size, sizeof *table);
  assert_int_equal(invsrc_clients_conformance(table, &description), 0);
  assert_int_equal(suite.skipped, suite.begin_again || suite.only ? 0 : 1);
  assert_true(suite.passed > 0);
}

#endif
