/*
 * How the SQLite store finds what it is asked for: by an index, however much else there is.
 * Steps are counted, and time is not.
 */
#include "providers/sqlite.h"

#include "store_life_checks.h"

/* It comes behind the checks, for its variables are their parameters. */
#include "scratch_db.h"

/* ---- Plans ------------------------------------------------------------------------- */

/* What SQLite tells of a statement in a column, a line for each row. */
static const char *explain(ivs_sql which, const char *how, int column) {
  static char plan[8192];
  char sql[1024];
  size_t length = 0;
  sqlite3_stmt *statement;
  ivs_query query;

  ivs_query_begin(&query, db, which);
  assert_int_equal(query.status, SQLITE_OK);
  snprintf(sql, sizeof sql, "%s %s", how, sqlite3_sql(query.statement));
  assert_int_equal(sqlite3_prepare_v2(query.connection->handle, sql, -1, &statement, NULL),
                   SQLITE_OK);
  plan[0] = '\0';
  while (sqlite3_step(statement) == SQLITE_ROW)
    length += (size_t)snprintf(plan + length, sizeof plan - length, "%s\n",
                               (const char *)sqlite3_column_text(statement, column));
  sqlite3_finalize(statement);
  ivs_query_end(&query);
  assert_in_range(length, 0, sizeof plan - 1);
  return plan;
}

/* The plan, a line for each step. */
static const char *plan_of(ivs_sql which) {
  return explain(which, "EXPLAIN QUERY PLAN", 3);
}

/* But keys are listed whole. */
static void nothing_is_scanned_or_sorted(void **state) {
  (void)state;
  for (int which = 0; which < IVS_SQL_END; which++) {
    const char *plan = plan_of((ivs_sql)which);
    if (which != IVS_SQL_APIKEY_LIST && (strstr(plan, "SCAN") || strstr(plan, "TEMP")))
      fail_msg("statement %d: %s", which, plan);
  }
  assert_string_equal(plan_of(IVS_SQL_EVENT_NEXT),
                      "SEARCH events USING INDEX events_due (next_at<?)\n");
}

/* As it would be for each row by a list of three in a CHECK. A claim has one, for all its rows. */
static void no_table_is_made_on_the_way(void **state) {
  (void)state;
  for (int which = 0; which < IVS_SQL_END; which++) {
    const char *steps = explain((ivs_sql)which, "EXPLAIN", 1);
    assert_non_null(strstr(steps, "Halt"));
    if ((strstr(steps, "OpenEphemeral") != NULL) != (which == IVS_SQL_SOURCES_CLAIM))
      fail_msg("statement %d: %s", which, steps);
  }
}

/* Each way to find one source has its index. */
static void sources_are_found_by_index(void **state) {
  static const struct {
    ivs_sql which;
    const char *index;
  } cases[] = {
      {IVS_SQL_SOURCE_GET, "(storefront=? AND source_id=?)"},
      {IVS_SQL_SOURCE_OF_AGENT, "(agent_id=?)"},
      {IVS_SQL_SOURCE_OF_STATE, "USING INDEX sources_consents (oauth_state=?)"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_non_null(strstr(plan_of(cases[i].which), cases[i].index));
}

/* Those that need not what was sealed do not come near the keys. */
static void keys_are_left_alone(void **state) {
  static const ivs_sql others[] = {IVS_SQL_SOURCES_PAGE, IVS_SQL_SOURCES_COUNT,
                                   IVS_SQL_SOURCES_CLAIM, IVS_SQL_SOURCE_UPDATE_RECORD,
                                   IVS_SQL_SOURCE_UPDATE_CHECK};

  (void)state;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_null(strstr(plan_of(others[i]), "row_keys"));
  assert_non_null(strstr(plan_of(IVS_SQL_SOURCES_DUE), "row_keys"));
}

/* ---- Steps ------------------------------------------------------------------------- */

/* Adds events from one number to another, which are due from `next_at` on, and are kept in
 * the opposite order of that. */
static void add_events(int from, int to, const char *next_at) {
  char sql[512];

  snprintf(sql, sizeof sql,
           "WITH RECURSIVE numbers (n) AS"
           " (VALUES (%d) UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)"
           "INSERT INTO events (id, type, storefront, time, payload, attempts, next_at)"
           " SELECT 'evt_' || n, 'source.updated', 'acme', 1, '{}', 0, %s FROM numbers",
           from, to, next_at);
  run_sql(DB, sql);
}

/* How many steps it took to find the next event, of which there must be one or none. */
static int steps_to(int32_t outcome) {
  invsrc_event *event = invsrc_event_new();
  sqlite3_stmt *statement;
  int steps;

  assert_int_equal(store.table->event_next(db, 10000000, 20000000, event), outcome);
  invsrc_event_free(event);
  statement = db->writer->statements[IVS_SQL_EVENT_NEXT];
  assert_int_equal(sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1), 0);
  assert_int_equal(sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_SORT, 1), 0);
  steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
  assert_in_range(steps, 1, 1000);
  return steps;
}

/* Events that wait, as those do that nobody takes, cost a claim nothing; nor do those that
 * are due. */
static void waiting_events_slow_no_claim(void **state) {
  int none, one, many = 5000;

  (void)state;
  add_events(1, 1, "1");
  steps_to(INVSRC_OUTCOME_OK); /* with the schema read, and the statement prepared */
  none = steps_to(INVSRC_OUTCOME_NOT_FOUND);
  add_events(2, 2, "1");
  one = steps_to(INVSRC_OUTCOME_OK);
  add_events(3, many, "20000000 - n");
  assert_int_equal(steps_to(INVSRC_OUTCOME_NOT_FOUND), none);
  add_events(many + 1, many + 1, "1");
  assert_int_equal(steps_to(INVSRC_OUTCOME_OK), one);
  add_events(many + 2, 2 * many, "9000000 - n");
  for (int i = 0; i < 3; i++) assert_int_equal(steps_to(INVSRC_OUTCOME_OK), one);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)
  static const struct CMUnitTest tests[] = {
      TEST(nothing_is_scanned_or_sorted), TEST(no_table_is_made_on_the_way),
      TEST(sources_are_found_by_index),   TEST(keys_are_left_alone),
      TEST(waiting_events_slow_no_claim),
  };

  return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
