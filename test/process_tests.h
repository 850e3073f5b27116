/*
 * The tests that every store passes which several processes share, one list of them. Behind the
 * header of a scratch database: open_db, close_db, clear_db, and `store`.
 */
#ifndef TEST_PROCESS_TESTS_H
#define TEST_PROCESS_TESTS_H

#include <signal.h>

#include "processes.h"
#include "store_life_checks.h"

/* ---- Claims -------------------------------------------------------------------- */

#define CLAIM_SOURCES 300
#define CLAIM_FIRST 700000

struct claimer {
  uint32_t limit;
  int claims[CLAIM_SOURCES]; /* how often each was claimed */
  int losses;                /* calls that failed */
};

/* Claims all that is due, in portions. */
static void claim_all(struct claimer *mine) {
  uint64_t count = 1;

  while (count) {
    invsrc_source_list *list = invsrc_source_list_new();
    if (store.table->due(store.context, 10, 20, mine->limit, list) != INVSRC_OUTCOME_OK)
      mine->losses++;
    count = invsrc_source_list_count(list);
    for (uint64_t i = 0; i < count; i++) {
      const invsrc_source *source = invsrc_source_list_at(list, i);
      mine->claims[atoi(invsrc_source_text(source, INVSRC_SOURCE_ID, NULL)) - CLAIM_FIRST]++;
    }
    invsrc_source_list_free(list);
  }
}

static void fill_due(void) {
  char id[16];

  for (int i = 0; i < CLAIM_SOURCES; i++) {
    snprintf(id, sizeof id, "%d", CLAIM_FIRST + i);
    insert_due(store, "acme", id, 1 + i % 10);
  }
}

static void assert_claimed_once(const struct claimer *all, int count) {
  for (int i = 0; i < CLAIM_SOURCES; i++) {
    int claims = 0;
    for (int j = 0; j < count; j++) claims += all[j].claims[i];
    assert_int_equal(claims, 1);
  }
  for (int j = 0; j < count; j++) assert_int_equal(all[j].losses, 0);
}

static int claim_and_answer(int number, int answers) {
  static struct claimer claimer;

  if (open_db() != INVSRC_OK) return 2;
  claimer = (struct claimer){.limit = (uint32_t)number + 1};
  claim_all(&claimer);
  close_db();
  return write(answers, &claimer, sizeof claimer) == (ssize_t)sizeof claimer ? 0 : 3;
}

static void processes_claim_nothing_twice(void **state) {
  static struct claimer claimers[PROCESSES];
  int answers[2];

  (void)state;
  fill_due();
  close_db();
  assert_int_equal(pipe(answers), 0);
  run_processes(claim_and_answer, answers[1]);
  for (int i = 0; i < PROCESSES; i++)
    assert_int_equal(read(answers[0], &claimers[i], sizeof *claimers), (ssize_t)sizeof *claimers);
  close(answers[0]);
  close(answers[1]);
  assert_claimed_once(claimers, PROCESSES);
}

/* A claim outlasts its process, and not its lease. */
static void what_a_dead_process_claimed_comes_back(void **state) {
  invsrc_source *other = make_source("acme", "2", "2");
  int status;
  pid_t child;

  (void)state;
  insert_due(store, "acme", "1", 5);
  assert_int_equal(insert_with(store, other, "evt_1"), INVSRC_OUTCOME_OK);
  invsrc_source_free(other);
  close_db();
  child = fork();
  if (child == 0) {
    if (open_db() != INVSRC_OK) _exit(2);
    assert_due(store, 10, 20, 10, "1");
    assert_event(store, later(10), later(20), "evt_1", 0);
    kill(getpid(), SIGKILL);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(open_db(), INVSRC_OK);
  assert_due(store, 19, 30, 10, "");
  assert_event(store, later(19), later(30), NULL, 0);
  assert_due(store, 20, 30, 10, "1");
  assert_event(store, later(20), later(30), "evt_1", 0);
}

/* ---- Names --------------------------------------------------------------------- */

#define RACE_NAMES 40

struct racer {
  int number;
  int32_t outcomes[RACE_NAMES];
};

static void racer_id(char id[16], int name, int number) {
  snprintf(id, 16, "%d", 100000 + name * 100 + number);
}

static void race(struct racer *racer) {
  char name[16], id[16];

  for (int i = 0; i < RACE_NAMES; i++) {
    snprintf(name, sizeof name, "race-%d", i);
    racer_id(id, i, racer->number);
    racer->outcomes[i] = insert_new(store, "acme", name, id);
  }
}

/* Each name has one winner, and is its. */
static void assert_one_winner(const struct racer *racers, int count) {
  char name[16], id[16];

  for (int i = 0; i < RACE_NAMES; i++) {
    int winners = 0;
    for (int j = 0; j < count; j++) {
      if (racers[j].outcomes[i] == INVSRC_OUTCOME_OK) {
        racer_id(id, i, j);
        winners++;
      } else {
        assert_int_equal(racers[j].outcomes[i], INVSRC_OUTCOME_CONFLICT);
      }
    }
    assert_int_equal(winners, 1);
    snprintf(name, sizeof name, "race-%d", i);
    assert_stored(store, "acme", name, id);
  }
}

static int race_and_answer(int number, int answers) {
  struct racer racer = {number, {0}};

  if (open_db() != INVSRC_OK) return 2;
  race(&racer);
  close_db();
  return write(answers, &racer, sizeof racer) == (ssize_t)sizeof racer ? 0 : 3;
}

static void processes_race_for_names(void **state) {
  struct racer racers[PROCESSES], racer;
  int answers[2];

  (void)state;
  close_db();
  assert_int_equal(pipe(answers), 0);
  run_processes(race_and_answer, answers[1]);
  for (int i = 0; i < PROCESSES; i++) {
    assert_int_equal(read(answers[0], &racer, sizeof racer), (ssize_t)sizeof racer);
    racers[racer.number] = racer;
  }
  close(answers[0]);
  close(answers[1]);
  assert_int_equal(open_db(), INVSRC_OK);
  assert_one_winner(racers, PROCESSES);
}

#define ROUNDS 10

static int open_and_insert(int number, int answers) {
  int32_t outcome;
  char name[16];

  (void)answers;
  if (open_db() != INVSRC_OK) return 2;
  snprintf(name, sizeof name, "%d", number + 1);
  outcome = insert_new(store, "acme", name, name);
  close_db();
  return outcome == INVSRC_OUTCOME_OK ? 0 : 3;
}

static void processes_make_a_database_together(void **state) {
  char name[16];

  (void)state;
  for (int round = 0; round < ROUNDS; round++) {
    close_db();
    assert_int_equal(clear_db(), 0);
    run_processes(open_and_insert, -1);
    assert_int_equal(open_db(), INVSRC_OK);
    for (int i = 0; i < PROCESSES; i++) {
      snprintf(name, sizeof name, "%d", i + 1);
      assert_stored(store, "acme", name, name);
    }
  }
}

#define PROCESS_TESTS(TEST)                                                          \
  TEST(processes_claim_nothing_twice), TEST(what_a_dead_process_claimed_comes_back), \
      TEST(processes_race_for_names), TEST(processes_make_a_database_together)

#endif
