/*
 * Inserts of several threads, or several of one, that share a transaction in PostgreSQL: what
 * they share, and what none of them suffers for another, whatever becomes of the connection.
 */
#include "postgres/postgres.h"

#include <time.h>

#include "store_life_checks.h"

/* It comes behind the checks, for its variables are their parameters. */
#include "postgres/scratch_pg.h"

#include "postgres/cutter.h"

#define MEMBERS 5

static const struct timespec soon = {0, 1000000};

/* How many inserts wait for a connection, the leader among them. */
static int waiting(void) {
  int count;

  pthread_mutex_lock(&pg->lock);
  count = pg->is_led + (int)pg->followers;
  pthread_mutex_unlock(&pg->lock);
  return count;
}

/* An insert of a thread. */
struct member {
  char name[16];
  char id[16];
  char event[16]; /* "" for none */
  int32_t wanted;
  int32_t outcome;
  pthread_t thread;
};

static void *be_member(void *argument) {
  struct member *it = argument;
  invsrc_source *source = make_source("acme", it->name, it->id);

  it->outcome =
      *it->event ? insert_with(store, source, it->event) : insert(store, source, "sealed");
  invsrc_source_free(source);
  return NULL;
}

/* Lets them all wait for the one connection that there is, in their order; and then gives it. */
static void insert_in_threads(struct member *members, int count) {
  ivs_pg_connection *connection;

  assert_int_equal(invsrc_postgres_set_pool_size(pg, 1), INVSRC_OK);
  assert_int_equal(ivs_pg_pool_borrow(pg, &connection), IVS_PG_OK);
  for (int i = 0; i < count; i++) {
    assert_int_equal(pthread_create(&members[i].thread, NULL, be_member, &members[i]), 0);
    while (waiting() <= i) nanosleep(&soon, NULL);
  }
  ivs_pg_pool_return(pg, connection);
  for (int i = 0; i < count; i++) assert_int_equal(pthread_join(members[i].thread, NULL), 0);
}

#define MOST 300

/* Has one thread insert them all. */
static void insert_in_one(struct member *members, int count) {
  static struct among all[MOST];

  for (int i = 0; i < count; i++) {
    all[i] = (struct among){.event_id = *members[i].event ? members[i].event : NULL};
    memcpy(all[i].name, members[i].name, sizeof all[i].name);
    memcpy(all[i].id, members[i].id, sizeof all[i].id);
  }
  insert_together(store, all, count);
  for (int i = 0; i < count; i++) members[i].outcome = all[i].outcome;
}

static void (*insert_somehow)(struct member *members, int count);

static int begin_with_threads(void **state) {
  insert_somehow = insert_in_threads;
  return begin_anew(state);
}

static int begin_with_one(void **state) {
  insert_somehow = insert_in_one;
  return begin_anew(state);
}

static void insert_all(struct member *members, int count) {
  insert_somehow(members, count);
  for (int i = 0; i < count; i++)
    if (members[i].outcome != members[i].wanted)
      fail_msg("member %d, %s: %d", i, members[i].name, members[i].outcome);
  assert_int_equal(waiting(), 0);
}

static int64_t transactions(void) {
  return run_sql("SELECT count(DISTINCT xmin::text) FROM invsrc_sources");
}

static int64_t stored(void) {
  return run_sql("SELECT count(*) FROM invsrc_sources");
}

/* ---- What they share ---------------------------------------------------------------- */

static void who_waits_shares_a_transaction(void **state) {
  struct member members[] = {
      {"d", "1", "", INVSRC_OUTCOME_OK, -1, 0},
      {"c", "2", "evt_2", INVSRC_OUTCOME_OK, -1, 0},
      {"b", "3", "", INVSRC_OUTCOME_OK, -1, 0},
      {"c", "4", "evt_4", INVSRC_OUTCOME_CONFLICT, -1, 0},
      {"a", "5", "evt_5", INVSRC_OUTCOME_OK, -1, 0},
  };

  (void)state;
  insert_all(members, MEMBERS);
  assert_int_equal(stored(), 4);
  assert_int_equal(transactions(), 1);
  assert_int_equal(run_sql("SELECT count(*) FROM invsrc_events"), 2);
}

static void who_finds_a_connection_shares_with_nobody(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    char id[] = {(char)('1' + i), '\0'};
    assert_int_equal(insert_new(store, "acme", id, id), INVSRC_OUTCOME_OK);
  }
  assert_int_equal(transactions(), 3);
}

/* More than a group takes make several. */
static void many_make_several_groups(void **state) {
  static struct member members[MOST];

  (void)state;
  for (int i = 0; i < MOST; i++) {
    members[i] = (struct member){"", "", "", INVSRC_OUTCOME_OK, -1, 0};
    snprintf(members[i].name, sizeof members[i].name, "n%d", i);
    snprintf(members[i].id, sizeof members[i].id, "%d", i);
  }
  insert_all(members, MOST);
  assert_int_equal(stored(), MOST);
  assert_int_equal(transactions(), 2);
}

/* ---- What they do not ----------------------------------------------------------------- */

static void an_insert_fails_alone(void **state) {
  struct member members[] = {
      {"a", "1", "", INVSRC_OUTCOME_OK, -1, 0},
      {"b", "9", "", INVSRC_OUTCOME_DUPLICATE, -1, 0},
      {"c", "3", "evt_3", INVSRC_OUTCOME_OK, -1, 0},
      {"taken", "4", "", INVSRC_OUTCOME_CONFLICT, -1, 0},
      {"d", "5", "evt_9", INVSRC_OUTCOME_FAILED, -1, 0},
  };
  invsrc_source *taken = make_source("acme", "taken", "9");

  (void)state;
  assert_int_equal(insert_with(store, taken, "evt_9"), INVSRC_OUTCOME_OK);
  insert_all(members, MEMBERS);
  assert_int_equal(stored(), 3);
  assert_int_equal(transactions(), 3);
  assert_stored(store, "acme", "d", NULL);
  invsrc_source_free(taken);
}

/* Each is told why. */
static void what_fails_for_all_fails_for_each(void **state) {
  struct member members[MEMBERS];

  (void)state;
  for (int i = 0; i < MEMBERS; i++)
    members[i] = (struct member){"a", "1", "", INVSRC_OUTCOME_FAILED, -1, 0};
  run_sql("ALTER TABLE invsrc_sources RENAME TO elsewhere");
  insert_all(members, MEMBERS);
  run_sql("ALTER TABLE elsewhere RENAME TO invsrc_sources");
  assert_int_equal(insert_new(store, "acme", "a", "1"), INVSRC_OUTCOME_OK);
}

/* Where none gets a connection each has waited for one as long as it may, and is told then. */
static void who_comes_late_waits_as_long(void **state) {
  struct member members[] = {{"a", "1", "", INVSRC_OUTCOME_UNAVAILABLE, -1, 0},
                             {"b", "2", "", INVSRC_OUTCOME_OK, -1, 0}};
  ivs_pg_connection *connection;

  (void)state;
  assert_int_equal(invsrc_postgres_set_pool_size(pg, 1), INVSRC_OK);
  assert_int_equal(invsrc_postgres_set_statement_timeout(pg, 1000), INVSRC_OK);
  assert_int_equal(ivs_pg_pool_borrow(pg, &connection), IVS_PG_OK);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(pthread_create(&members[i].thread, NULL, be_member, &members[i]), 0);
    ivs_pg_pause(700);
  }
  ivs_pg_pool_return(pg, connection); /* 0.4 s after the first has given up */
  for (int i = 0; i < 2; i++) {
    assert_int_equal(pthread_join(members[i].thread, NULL), 0);
    assert_int_equal(members[i].outcome, members[i].wanted);
  }
}

/* ---- Connections that are lost ----------------------------------------------------------- */

/* Cuts at each moment, in each way, until it comes too late: each insert comes to pass, once. */
static void what_is_lost_is_found_out_about(void **state) {
  int number = 0, cuts = 0;

  (void)state;
  for (int cut = CUT_QUESTION; cut <= CUT_ANSWER; cut++) {
    int fired = 1;
    for (int moment = 0; fired; moment++) {
      struct member members[MEMBERS];
      for (int i = 0; i < MEMBERS; i++, number++) {
        members[i] = (struct member){"", "", "", INVSRC_OUTCOME_OK, -1, 0};
        snprintf(members[i].name, sizeof members[i].name, "n%d", number);
        snprintf(members[i].id, sizeof members[i].id, "%d", number);
        if (i % 2) snprintf(members[i].event, sizeof members[i].event, "evt_%d", number);
      }
      arm((enum cut)cut, moment);
      insert_all(members, MEMBERS);
      fired = disarm();
      cuts += fired;
      assert_int_equal(stored(), number);
      assert_in_range(moment, 0, 20);
    }
  }
  assert_int_equal(run_sql("SELECT count(*) FROM invsrc_events"), number / MEMBERS * 2);
  assert_in_range(cuts, 3, 60);
  print_message("# %d cuts\n", cuts);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_with_threads, leave_nothing)
#define OF_ONE(name) \
  { "of_one_" #name, name, begin_with_one, leave_nothing, NULL }
  static const struct CMUnitTest tests[] = {
      TEST(who_waits_shares_a_transaction),
      TEST(who_finds_a_connection_shares_with_nobody),
      TEST(many_make_several_groups),
      TEST(an_insert_fails_alone),
      TEST(what_fails_for_all_fails_for_each),
      TEST(who_comes_late_waits_as_long),
      TEST(what_is_lost_is_found_out_about),
      OF_ONE(who_waits_shares_a_transaction),
      OF_ONE(many_make_several_groups),
      OF_ONE(an_insert_fails_alone),
      OF_ONE(what_fails_for_all_fails_for_each),
      OF_ONE(what_is_lost_is_found_out_about),
  };

  return cmocka_run_group_tests(tests, start_cutter, end_cutter);
}
