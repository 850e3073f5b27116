/*
 * Memory that runs out in the conformance suites: every allocation of a check fails in turn, once
 * and from then on. Either the store did not do what it must, and the check has failed, or the
 * suite says that it has no memory; nothing is left open, and nothing leaks.
 */
#include <invsrc/testkit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "fault/trials.h"

static const char *only;
static long open_stores;

static int32_t open_memory(void *host, void **context) {
  invsrc_memory *memory = NULL;
  int32_t result = invsrc_memory_new(&memory);

  (void)host;
  *context = memory;
  open_stores += result == INVSRC_OK;
  return result;
}

static void close_memory(void *host, void *context) {
  (void)host;
  invsrc_memory_free(context);
  open_stores--;
}

static int32_t reopen_memory(void *host, void *context, void **reopened) {
  (void)host;
  *reopened = context;
  return INVSRC_OK;
}

/* No threads: the heap counts for one. */
static const invsrc_conformance description = {.size = sizeof description,
                                               .open = open_memory,
                                               .close = close_memory,
                                               .reopen = reopen_memory,
                                               .many = 2};

static invsrc_conformance describe(void) {
  invsrc_conformance copy = description;

  copy.only = only;
  return copy;
}

static int32_t check_store(void) {
  const invsrc_conformance one = describe();

  return invsrc_store_conformance(invsrc_memory_store(), &one);
}

static int32_t check_clients(void) {
  const invsrc_conformance one = describe();

  return invsrc_clients_conformance(invsrc_memory_clients(), &one);
}

static void try_with_fault(trial *run, unsigned long at, enum heap_mode mode) {
  long files = open_files(), before = heap.live;
  int32_t result;

  heap_plan(at, mode);
  heap_open();
  result = run();
  heap_close();
  if (!heap.failures)
    assert_int_equal(result, 0);
  else if (result != 1 && result != INVSRC_ENOMEM)
    fail_msg("%s: allocation %lu: %d", only, at, (int)result);
  assert_int_equal(open_stores, 0);
  assert_int_equal(open_files(), files);
  if (heap.live != before)
    fail_msg("%s: allocation %lu: %ld blocks are left over", only, at, heap.live - before);
}

/* What changes hundreds of things asks for memory too often to try it all. */
static int is_long(const char *name) {
  return strstr(name, "many_consents") || strstr(name, "many_clients");
}

static void checks_of_stores_end_without_memory(void **state) {
  (void)state;
  for (uint64_t i = 0; (only = invsrc_store_conformance_name(i)); i++)
    if (!is_long(only)) inject(check_store);
}

static void checks_of_clients_end_without_memory(void **state) {
  (void)state;
  for (uint64_t i = 0; (only = invsrc_clients_conformance_name(i)); i++)
    if (!is_long(only)) inject(check_clients);
  print_message("# note: %lu failed allocations\n", injected);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(checks_of_stores_end_without_memory),
      cmocka_unit_test(checks_of_clients_end_without_memory),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
