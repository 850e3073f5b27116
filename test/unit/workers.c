/*
 * The workers of the program: as many jobs at a time as there may be, in as many threads, or
 * many in one; each run once or dropped. The program's objects are no library, so that the source
 * is taken in.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "../../src/workers.c" /* NOLINT(bugprone-suspicious-include) */

int complain(int status, const char *format, ...) {
  (void)format;
  return status;
}

/* A job that waits until the gate is open. */
typedef struct task {
  job job;
  int ran;
  int dropped;
} task;

static struct {
  workers workers;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  unsigned begun;
  unsigned most; /* that were run at a time */
  int is_open;
  task tasks[WORKERS + QUEUE_LIMIT];
} world;

static void run_tasks(job *jobs, int is_dropped) {
  unsigned count = 0;

  pthread_mutex_lock(&world.lock);
  for (; jobs; jobs = jobs->next, count++) {
    task *it = (task *)jobs;
    it->ran++;
    it->dropped = is_dropped;
  }
  if (!is_dropped) {
    world.begun += count;
    if (count > world.most) world.most = count;
  }
  pthread_cond_broadcast(&world.changed);
  while (!world.is_open && !is_dropped) pthread_cond_wait(&world.changed, &world.lock);
  pthread_mutex_unlock(&world.lock);
}

static void hand(size_t first, size_t count) {
  for (size_t i = first; i < first + count; i++) {
    world.tasks[i] = (task){.ran = 0};
    workers_hand(&world.workers, &world.tasks[i].job);
  }
}

static void wait_until_begun(unsigned count) {
  pthread_mutex_lock(&world.lock);
  while (world.begun < count) pthread_cond_wait(&world.changed, &world.lock);
  pthread_mutex_unlock(&world.lock);
}

static void open_gate(void) {
  pthread_mutex_lock(&world.lock);
  world.is_open = 1;
  pthread_cond_broadcast(&world.changed);
  pthread_mutex_unlock(&world.lock);
}

static int start(unsigned threads, unsigned at_a_time) {
  world.begun = 0;
  world.most = 0;
  world.is_open = 0;
  pthread_mutex_init(&world.lock, NULL);
  pthread_cond_init(&world.changed, NULL);
  return workers_start(&world.workers, run_tasks, threads, at_a_time);
}

static int set_up(void **state) {
  (void)state;
  return start(WORKERS, 1);
}

#define AT_A_TIME 10

static int set_up_one(void **state) {
  (void)state;
  return start(1, AT_A_TIME);
}

static int tear_down(void **state) {
  (void)state;
  workers_free(&world.workers);
  pthread_cond_destroy(&world.changed);
  pthread_mutex_destroy(&world.lock);
  return 0;
}

static void all_run_at_once(void **state) {
  (void)state;
  hand(0, WORKERS);
  wait_until_begun(WORKERS);
  open_gate();
  workers_end(&world.workers);
  for (size_t i = 0; i < WORKERS; i++)
    assert_true(world.tasks[i].ran == 1 && !world.tasks[i].dropped);
}

static void one_thread_does_what_it_can(void **state) {
  (void)state;
  open_gate();
  for (size_t i = 0; i < 1000; i++) {
    hand(0, 1);
    wait_until_begun((unsigned)i + 1);
  }
  assert_true(world.workers.count < WORKERS);
  workers_end(&world.workers);
}

static void others_wait(void **state) {
  (void)state;
  hand(0, WORKERS);
  wait_until_begun(WORKERS);
  assert_true(workers_have_room(&world.workers));
  hand(WORKERS, QUEUE_LIMIT);
  assert_false(workers_have_room(&world.workers));
  open_gate();
  wait_until_begun(WORKERS + QUEUE_LIMIT);
  assert_true(workers_have_room(&world.workers));
  workers_end(&world.workers);
  for (size_t i = 0; i < WORKERS + QUEUE_LIMIT; i++)
    assert_true(world.tasks[i].ran == 1 && !world.tasks[i].dropped);
}

static void *open_later(void *unused) {
  static const struct timespec pause = {0, 50000000};

  nanosleep(&pause, NULL);
  open_gate();
  return unused;
}

static void an_end_drops_what_waits(void **state) {
  pthread_t opener;

  (void)state;
  hand(0, WORKERS + 10);
  wait_until_begun(WORKERS);
  assert_int_equal(pthread_create(&opener, NULL, open_later, NULL), 0);
  workers_end(&world.workers);
  pthread_join(opener, NULL);
  hand(WORKERS + 10, 1);
  for (size_t i = 0; i < WORKERS + 11; i++) {
    assert_int_equal(world.tasks[i].ran, 1);
    assert_int_equal(world.tasks[i].dropped, i >= WORKERS);
  }
}

/* Who is alone takes what has come while it was at work, but not too much. */
static void one_takes_many(void **state) {
  (void)state;
  hand(0, 1);
  wait_until_begun(1);
  hand(1, 2 * AT_A_TIME + 1);
  open_gate();
  wait_until_begun(2 * AT_A_TIME + 2);
  assert_int_equal(world.most, AT_A_TIME);
  assert_int_equal(world.workers.count, 1);
  assert_int_equal(world.workers.queued, 0);
  workers_end(&world.workers);
  for (size_t i = 0; i < 2 * AT_A_TIME + 2; i++)
    assert_true(world.tasks[i].ran == 1 && !world.tasks[i].dropped);
}

static void an_end_drops_many(void **state) {
  pthread_t opener;

  (void)state;
  hand(0, 1);
  wait_until_begun(1);
  hand(1, 2 * AT_A_TIME);
  assert_int_equal(pthread_create(&opener, NULL, open_later, NULL), 0);
  workers_end(&world.workers);
  pthread_join(opener, NULL);
  for (size_t i = 0; i <= 2 * AT_A_TIME; i++) {
    assert_int_equal(world.tasks[i].ran, 1);
    assert_int_equal(world.tasks[i].dropped, i > 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(all_run_at_once, set_up, tear_down),
      cmocka_unit_test_setup_teardown(one_thread_does_what_it_can, set_up, tear_down),
      cmocka_unit_test_setup_teardown(others_wait, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_end_drops_what_waits, set_up, tear_down),
      cmocka_unit_test_setup_teardown(one_takes_many, set_up_one, tear_down),
      cmocka_unit_test_setup_teardown(an_end_drops_many, set_up_one, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
