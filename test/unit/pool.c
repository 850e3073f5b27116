/*
 * The stock of random bytes: each is handed out once, whatever threads and processes there
 * are, and none stays behind.
 */
#include "core/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define STOCK 1024
#define PIECE 8
#define THREADS 4
#define PIECES 4000

/* A source of which each piece of eight bytes is a number of its own. */
static atomic_ullong drawn;
static atomic_int draws;
static int runs_dry;

static int count(uint8_t *bytes, size_t length) {
  uint64_t from = atomic_fetch_add(&drawn, (length + PIECE - 1) / PIECE);

  draws++;
  for (size_t i = 0; i < length; i++)
    bytes[i] = (uint8_t)((from + 1 + i / PIECE) >> (8 * (i % PIECE)));
  return !runs_dry;
}

static uint64_t take_one(ivs_pool *pool) {
  uint64_t number = 0;

  assert_int_equal(ivs_pool_take(pool, (uint8_t *)&number, sizeof number), 1);
  return number;
}

static ivs_pool *start(void) {
  ivs_pool *pool = ivs_pool_new(count);

  assert_non_null(pool);
  drawn = 0;
  draws = 0;
  runs_dry = 0;
  return pool;
}

static void bytes_are_drawn_in_bulk(void **state) {
  ivs_pool *pool = start();

  (void)state;
  for (uint64_t i = 1; i <= 2 * STOCK / PIECE; i++) assert_int_equal(take_one(pool), i);
  assert_int_equal(draws, 2);
  ivs_pool_free(pool);
}

/* What is left of a stock that does not suffice is not used. */
static void pieces_may_differ_in_length(void **state) {
  ivs_pool *pool = start();
  uint8_t bytes[STOCK * 2];

  (void)state;
  assert_int_equal(ivs_pool_take(pool, bytes, 60), 1);
  assert_int_equal(ivs_pool_take(pool, bytes, 0), 1);
  assert_int_equal(draws, 1);
  for (int i = 1; i < 17; i++) assert_int_equal(ivs_pool_take(pool, bytes, 60), 1);
  assert_int_equal(draws, 1);
  assert_int_equal(ivs_pool_take(pool, bytes, 60), 1);
  assert_int_equal(draws, 2);
  assert_int_equal(ivs_pool_take(pool, bytes, 65), 1);
  assert_int_equal(ivs_pool_take(pool, bytes, sizeof bytes), 1);
  assert_int_equal(draws, 4);
  ivs_pool_free(pool);
}

/* And is asked again the next time. */
static void a_source_may_run_dry(void **state) {
  ivs_pool *pool = start();
  uint8_t bytes[PIECE];

  (void)state;
  runs_dry = 1;
  assert_int_equal(ivs_pool_take(pool, bytes, sizeof bytes), 0);
  assert_int_equal(ivs_pool_take(pool, bytes, sizeof bytes), 0);
  runs_dry = 0;
  assert_int_equal(take_one(pool), 2 * STOCK / PIECE + 1);
  ivs_pool_free(pool);
}

static uint8_t seen[(THREADS + 1) * PIECES * 2 + STOCK];

static void *take_many(void *pool) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  uint64_t numbers[PIECES];

  for (int i = 0; i < PIECES; i++) numbers[i] = take_one(pool);
  pthread_mutex_lock(&lock);
  for (int i = 0; i < PIECES; i++) seen[numbers[i]]++;
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void threads_get_different_bytes(void **state) {
  ivs_pool *pool = start();
  pthread_t threads[THREADS];
  int handed_out = 0;

  (void)state;
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, take_many, pool), 0);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (size_t i = 0; i < sizeof seen; i++) {
    assert_in_range(seen[i], 0, 1);
    handed_out += seen[i];
  }
  assert_int_equal(handed_out, THREADS * PIECES);
  ivs_pool_free(pool);
}

/* The child draws anew, and the parent goes on with its own. */
static void processes_get_different_bytes(void **state) {
  ivs_pool *pool = start();
  int status;
  pid_t child;

  (void)state;
  assert_int_equal(take_one(pool), 1);
  child = fork();
  if (child == 0) {
    int is_new = take_one(pool) == STOCK / PIECE + 1;
    ivs_pool_free(pool);
    _exit(is_new ? 0 : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_int_equal(take_one(pool), 2);
  ivs_pool_free(pool);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_are_drawn_in_bulk),
      cmocka_unit_test(pieces_may_differ_in_length),
      cmocka_unit_test(a_source_may_run_dry),
      cmocka_unit_test(threads_get_different_bytes),
      cmocka_unit_test(processes_get_different_bytes),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
