/*
 * Writes of several threads in one step of the SQLite database: what they share, and what
 * none of them suffers for another.
 */
#include "providers/sqlite.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store_life_checks.h"
/* It comes behind the checks, for its variables are their parameters. */
#include "scratch_db.h"

#define MOST 8

/* ---- Threads in a known order ---------------------------------------------------- */

static struct timespec soon = {0, 1000000};

/* How many wait for their turn. */
static int waiting(void) {
  int count = 0;

  pthread_mutex_lock(&db->queue_lock);
  for (const ivs_write *at = db->first; at; at = at->next) count++;
  pthread_mutex_unlock(&db->queue_lock);
  return count;
}

static int is_led(void) {
  int led;

  pthread_mutex_lock(&db->queue_lock);
  led = db->is_led;
  pthread_mutex_unlock(&db->queue_lock);
  return led;
}

/* A write that, when it runs first, leads until `most` others wait, or time is up. */
struct leader {
  int most;
  int milliseconds;
  int runs;
};

static int32_t hold(ivs_step *step, void *context) {
  struct leader *it = context;

  (void)step;
  if (it->runs++) return INVSRC_OUTCOME_OK;
  for (int i = 0; i < it->milliseconds && waiting() < it->most; i++) nanosleep(&soon, NULL);
  return INVSRC_OUTCOME_OK;
}

/* A write of a thread, or some of one. */
struct member {
  int32_t (*make)(const struct member *member);
  const char *id;
  int32_t wanted;
  int32_t outcome;
  pthread_t thread;
  int more; /* writes than one */
};

static void *be_member(void *argument) {
  struct member *it = argument;

  it->outcome = it->make(it);
  return NULL;
}

static void *be_leader(void *argument) {
  ivs_sqlite_write(db, hold, argument, NULL);
  return NULL;
}

/* Runs a leader, and the members in their order behind it. Returns how often it ran. */
static int write_all(struct member *members, int count, int milliseconds) {
  struct leader leader = {count, milliseconds, 0};
  pthread_t thread;
  int queued = 0;

  for (int i = 0; i < count; i++) leader.most += members[i].more;
  assert_int_equal(pthread_create(&thread, NULL, be_leader, &leader), 0);
  while (!is_led()) nanosleep(&soon, NULL);
  for (int i = 0; i < count; i++) {
    assert_int_equal(pthread_create(&members[i].thread, NULL, be_member, &members[i]), 0);
    queued += 1 + members[i].more;
    while (i < count - 1 && waiting() < queued) nanosleep(&soon, NULL);
  }
  for (int i = 0; i < count; i++) assert_int_equal(pthread_join(members[i].thread, NULL), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  for (int i = 0; i < count; i++)
    if (members[i].outcome != members[i].wanted)
      fail_msg("member %d, %s: %d", i, members[i].id, members[i].outcome);
  assert_null(db->first);
  assert_false(is_led());
  return leader.runs;
}

/* ---- What they write ----------------------------------------------------------------- */

static int32_t insert_one(const struct member *member) {
  return insert_new(store, "acme", member->id, member->id);
}

/* Three at a time, of which the second has a name that is taken. OK where each has its outcome;
 * where all have the same, that. */
static int32_t insert_three(const struct member *member) {
  static const int32_t wanted[] = {INVSRC_OUTCOME_OK, INVSRC_OUTCOME_CONFLICT, INVSRC_OUTCOME_OK};
  struct among all[3] = {{.name = ""}, {.name = "three"}, {.name = ""}};
  int good = 0, alike = 0;

  for (int i = 0; i < 3; i++) {
    snprintf(all[i].id, sizeof all[i].id, "%s%d", member->id, i);
    if (i != 1) memcpy(all[i].name, all[i].id, sizeof all[i].name);
  }
  insert_together(store, all, 3);
  for (int i = 0; i < 3; i++) {
    good += all[i].outcome == wanted[i];
    alike += all[i].outcome == all[0].outcome;
  }
  if (good == 3) return INVSRC_OUTCOME_OK;
  return alike == 3 ? all[0].outcome : INVSRC_OUTCOME_FAILED;
}

/* Changes something, and fails then. */
static int32_t fail_late(ivs_step *step, void *context) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_APIKEY_ADD);
  ivs_query_bind_text(&query, 1, context, strlen(context));
  ivs_query_bind_blob(&query, 2, "01234567890123456789012345678901", 32);
  for (int i = 3; i <= 4; i++) ivs_query_bind_text(&query, i, "", 0);
  ivs_query_bind_number(&query, 5, 1);
  ivs_query_step(&query);
  ivs_query_end(&query);
  return query.status == SQLITE_DONE ? INVSRC_OUTCOME_FAILED : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t fail_one(const struct member *member) {
  return ivs_sqlite_write(db, fail_late, (void *)member->id, NULL);
}

/* As SQLite does by itself when, for instance, the disk is full. */
static int32_t end_the_step(ivs_step *step, void *context) {
  (void)context;
  sqlite3_exec(step->connection->handle, "ROLLBACK", NULL, NULL, NULL);
  return INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t end_one(const struct member *member) {
  (void)member;
  return ivs_sqlite_write(db, end_the_step, NULL, NULL);
}

static int32_t claim_one(const struct member *member) {
  invsrc_source_list *list = invsrc_source_list_new();
  int32_t outcome = store.table->due(store.context, 100, 200, 10, list);
  uint64_t length, count = invsrc_source_list_count(list);

  if (outcome == INVSRC_OUTCOME_OK && count != 1) outcome = INVSRC_OUTCOME_NOT_FOUND;
  if (outcome == INVSRC_OUTCOME_OK &&
      strcmp(invsrc_source_text(invsrc_source_list_at(list, 0), INVSRC_SOURCE_ID, &length),
             member->id) != 0)
    outcome = INVSRC_OUTCOME_CONFLICT;
  invsrc_source_list_free(list);
  return outcome;
}

/* ---- Commits, counted ---------------------------------------------------------------- */

static int commits;

static int count_commit(void *context) {
  (void)context;
  commits++;
  return 0;
}

static int refuse_commit(void *context) {
  (void)context;
  return ++commits == 1;
}

static void hook(int (*hear)(void *)) {
  commits = 0;
  sqlite3_commit_hook(db->writer->handle, hear, NULL);
}

/* ---- Tests -------------------------------------------------------------------------- */

static void who_writes_at_once_shares_a_commit(void **state) {
  struct member members[] = {
      {insert_one, "1", INVSRC_OUTCOME_OK, -1, 0, 0},
      {insert_one, "2", INVSRC_OUTCOME_OK, -1, 0, 0},
      {insert_one, "3", INVSRC_OUTCOME_OK, -1, 0, 0},
      {insert_one, "2", INVSRC_OUTCOME_CONFLICT, -1, 0, 0},
      {insert_one, "4", INVSRC_OUTCOME_OK, -1, 0, 0},
      {insert_one, "5", INVSRC_OUTCOME_OK, -1, 0, 0},
  };

  (void)state;
  hook(count_commit);
  assert_int_equal(write_all(members, 6, 10000), 1);
  assert_int_equal(commits, 1);
  for (int i = 0; i < 6; i++) assert_stored(store, "acme", members[i].id, members[i].id);
}

static void who_is_alone_commits_alone(void **state) {
  struct member member = {insert_one, "1", INVSRC_OUTCOME_OK, -1, 0, 0};

  (void)state;
  hook(count_commit);
  for (int i = 0; i < 3; i++) {
    char id[] = {(char)('1' + i), '\0'};
    member.id = id;
    assert_int_equal(insert_one(&member), INVSRC_OUTCOME_OK);
  }
  assert_int_equal(commits, 3);
}

/* Behind a leader, where there is none, and with one that fails among them. */
static void several_of_one_thread_share_a_commit(void **state) {
  struct member members[] = {
      {insert_one, "1", INVSRC_OUTCOME_OK, -1, 0, 0},
      {insert_three, "2", INVSRC_OUTCOME_OK, -1, 0, 2},
      {insert_three, "3", INVSRC_OUTCOME_OK, -1, 0, 2},
      {fail_one, "key", INVSRC_OUTCOME_FAILED, -1, 0, 0},
  };

  (void)state;
  insert_new(store, "acme", "three", "9");
  hook(count_commit);
  assert_int_equal(insert_three(&(struct member){.id = "4"}), INVSRC_OUTCOME_OK);
  assert_int_equal(commits, 1);
  write_all(members, 3, 10000);
  assert_int_equal(commits, 2);
  for (int i = 0; i < 3; i++) members[i].id = (const char *[]){"5", "6", "7"}[i];
  write_all(members, 4, 10000);
  for (int i = 0; i < 2; i++)
    for (int first = 2; first <= 7; first++) {
      char id[8];
      snprintf(id, sizeof id, "%d%d", first, 2 * i);
      if (first != 5) assert_stored(store, "acme", id, id);
    }
}

/* More than wait for one step at a time. */
static void very_many_of_one_thread_are_stored(void **state) {
  static struct among all[200];

  (void)state;
  hook(count_commit);
  for (int i = 0; i < 200; i++) {
    snprintf(all[i].name, sizeof all[i].name, "%d", 1000 + i);
    memcpy(all[i].id, all[i].name, sizeof all[i].id);
  }
  insert_together(store, all, 200);
  assert_int_equal(commits, 1);
  for (int i = 0; i < 200; i++) {
    assert_int_equal(all[i].outcome, INVSRC_OUTCOME_OK);
    assert_stored(store, "acme", all[i].id, all[i].id);
  }
}

/* Nobody else does, nor is anything of what has failed kept. */
static void a_write_fails_alone(void **state) {
  struct member members[] = {
      {insert_one, "1", INVSRC_OUTCOME_OK, -1, 0, 0},
      {fail_one, "key", INVSRC_OUTCOME_FAILED, -1, 0, 0},
      {insert_one, "2", INVSRC_OUTCOME_OK, -1, 0, 0},
      {end_one, "end", INVSRC_OUTCOME_UNAVAILABLE, -1, 0, 0},
      {fail_one, "key", INVSRC_OUTCOME_FAILED, -1, 0, 0},
      {insert_one, "3", INVSRC_OUTCOME_OK, -1, 0, 0},
      {claim_one, "7", INVSRC_OUTCOME_OK, -1, 0, 0},
  };

  (void)state;
  insert_due(store, "acme", "7", 50);
  assert_in_range(write_all(members, 7, 10000), 2, 2);
  for (int i = 0; i < 3; i++) {
    char id[] = {(char)('1' + i), '\0'};
    assert_stored(store, "acme", id, id);
  }
}

/* It comes about for no fault of theirs, and the next attempt of each succeeds. */
static void a_commit_that_fails_is_made_up_for(void **state) {
  struct member members[] = {
      {insert_one, "1", INVSRC_OUTCOME_OK, -1, 0, 0},
      {insert_one, "1", INVSRC_OUTCOME_CONFLICT, -1, 0, 0},
      {insert_one, "2", INVSRC_OUTCOME_OK, -1, 0, 0},
      {claim_one, "7", INVSRC_OUTCOME_OK, -1, 0, 0},
  };

  (void)state;
  insert_due(store, "acme", "7", 50);
  hook(refuse_commit);
  assert_int_equal(write_all(members, 4, 10000), 2);
  assert_stored(store, "acme", "1", "1");
  assert_stored(store, "acme", "2", "2");
}

static void a_lone_commit_that_fails_is_a_failure(void **state) {
  const struct member member = {insert_one, "1", INVSRC_OUTCOME_FAILED, -1, 0, 0};

  (void)state;
  hook(refuse_commit);
  assert_int_not_equal(insert_one(&member), INVSRC_OUTCOME_OK);
  assert_stored(store, "acme", "1", NULL);
  assert_int_equal(insert_one(&member), INVSRC_OUTCOME_OK);
}

/* They are told in time, and what they wanted is not written when the leader is done. */
static void who_waits_too_long_is_busy(void **state) {
  struct member members[] = {
      {insert_one, "1", INVSRC_OUTCOME_UNAVAILABLE, -1, 0, 0},
      {insert_one, "2", INVSRC_OUTCOME_UNAVAILABLE, -1, 0, 0},
      {insert_three, "3", INVSRC_OUTCOME_UNAVAILABLE, -1, 0, 2},
  };
  struct leader leader = {MOST, IVS_SQLITE_BUSY_MILLISECONDS + 1500, 0};
  pthread_t thread;

  (void)state;
  assert_int_equal(pthread_create(&thread, NULL, be_leader, &leader), 0);
  while (!is_led()) nanosleep(&soon, NULL);
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&members[i].thread, NULL, be_member, &members[i]), 0);
  for (int i = 0; i < 3; i++) assert_int_equal(pthread_join(members[i].thread, NULL), 0);
  assert_true(is_led());
  assert_int_equal(pthread_join(thread, NULL), 0);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(members[i].outcome, INVSRC_OUTCOME_UNAVAILABLE);
    assert_stored(store, "acme", members[i].id, NULL);
  }
  assert_int_equal(insert_one(&members[0]), INVSRC_OUTCOME_OK);
}

/* Changes something, lets another process have the turn, and fails. */
static sqlite3 *other;

static int32_t fail_and_be_locked(ivs_step *step, void *context) {
  int32_t outcome = fail_late(step, context);

  sqlite3_busy_timeout(step->connection->handle, 200); /* in place of five seconds */
  sqlite3_exec(step->connection->handle, "ROLLBACK", NULL, NULL, NULL);
  sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
  return outcome;
}

static int32_t lock_one(const struct member *member) {
  return ivs_sqlite_write(db, fail_and_be_locked, (void *)member->id, NULL);
}

/* The others of a group that falls apart wait no more where one has waited in vain. */
static void another_process_is_waited_for_once(void **state) {
  struct member members[] = {
      {insert_one, "1", INVSRC_OUTCOME_UNAVAILABLE, -1, 0, 0},
      {insert_one, "2", INVSRC_OUTCOME_UNAVAILABLE, -1, 0, 0},
      {insert_one, "3", INVSRC_OUTCOME_UNAVAILABLE, -1, 0, 0},
      {lock_one, "key", INVSRC_OUTCOME_UNAVAILABLE, -1, 0, 0},
  };
  struct timespec begun, ended;

  (void)state;
  assert_int_equal(sqlite3_open(DB, &other), SQLITE_OK);
  clock_gettime(CLOCK_MONOTONIC, &begun);
  write_all(members, 4, 10000);
  clock_gettime(CLOCK_MONOTONIC, &ended);
  assert_in_range(ended.tv_sec - begun.tv_sec, 0, 2 * IVS_SQLITE_BUSY_MILLISECONDS / 1000);
  assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(other);
  for (int i = 0; i < 3; i++) assert_stored(store, "acme", members[i].id, NULL);
}

/* Nor do the others of one thread. */
static void another_process_is_waited_for_once_by_each_thread(void **state) {
  const struct member member = {.id = "1", .wanted = INVSRC_OUTCOME_UNAVAILABLE};
  struct timespec begun, ended;

  (void)state;
  assert_int_equal(sqlite3_open(DB, &other), SQLITE_OK);
  assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  clock_gettime(CLOCK_MONOTONIC, &begun);
  assert_int_equal(insert_three(&member), member.wanted);
  clock_gettime(CLOCK_MONOTONIC, &ended);
  assert_in_range(ended.tv_sec - begun.tv_sec, 0, 2 * IVS_SQLITE_BUSY_MILLISECONDS / 1000 - 1);
  assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(other);
  assert_false(is_led());
  assert_int_equal(insert_one(&member), INVSRC_OUTCOME_OK);
}

#define WRITERS 16
#define WRITES 400

/* Half of them want the same names. */
struct writer {
  int number;
  int won;
  pthread_t thread;
};

static void *write_many(void *argument) {
  struct writer *it = argument;
  char id[32];

  for (int i = 0; i < WRITES; i++) {
    snprintf(id, sizeof id, "%d-%d", i % 2 ? it->number : it->number % 2, i);
    it->won += insert_new(store, "acme", id, id) == INVSRC_OUTCOME_OK;
  }
  return NULL;
}

/* One of them leads at a time, whoever is slow to learn that it has been taken over. */
static void many_write_as_one(void **state) {
  static struct writer writers[WRITERS];
  int won = 0;
  sqlite3_stmt *check;

  (void)state;
  assert_int_equal(ivs_connection_run(db->writer, "PRAGMA synchronous = OFF"), SQLITE_OK);
  for (int i = 0; i < WRITERS; i++) {
    writers[i].number = i;
    assert_int_equal(pthread_create(&writers[i].thread, NULL, write_many, &writers[i]), 0);
  }
  for (int i = 0; i < WRITERS; i++) {
    assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
    won += writers[i].won;
  }
  assert_int_equal(won, WRITERS * WRITES / 2 + 2 * WRITES / 2);
  assert_int_equal(
      sqlite3_prepare_v2(db->writer->handle, "PRAGMA integrity_check", -1, &check, NULL),
      SQLITE_OK);
  assert_int_equal(sqlite3_step(check), SQLITE_ROW);
  assert_string_equal(sqlite3_column_text(check, 0), "ok");
  sqlite3_finalize(check);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(who_writes_at_once_shares_a_commit),
      TEST(who_is_alone_commits_alone),
      TEST(several_of_one_thread_share_a_commit),
      TEST(very_many_of_one_thread_are_stored),
      TEST(a_write_fails_alone),
      TEST(a_commit_that_fails_is_made_up_for),
      TEST(a_lone_commit_that_fails_is_a_failure),
      TEST(who_waits_too_long_is_busy),
      TEST(another_process_is_waited_for_once),
      TEST(another_process_is_waited_for_once_by_each_thread),
      TEST(many_write_as_one),
  };

  return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
