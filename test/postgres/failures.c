/*
 * The store in PostgreSQL where something fails: connections that were cut while nobody used
 * them, a server that is slow, full, or reads only, tables that are not what they were; what
 * the pool does then; and what is told of it.
 */
#include "postgres/postgres.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "store_life_checks.h"

/* It comes behind the checks, for its variables are their parameters. */
#include "postgres/scratch_pg.h"

#include "suites.h"

#define CUT_ALL                                                   \
  "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity" \
  " WHERE application_name = 'invsrc'"

static int32_t get_kept(void) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome = get(store, "acme", "kept", source, sealed);

  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  return outcome;
}

static int64_t milliseconds(void) {
  return ivs_pg_now();
}

/* ---- Opening ------------------------------------------------------------------------ */

static void opens_as(const char *conninfo, int32_t code, const char *message) {
  invsrc_postgres *made = (invsrc_postgres *)error;
  int32_t result = invsrc_postgres_open(conninfo, &made, error);

  if (result != code)
    fail_msg("%s: %d %s", conninfo ? conninfo : "NULL", result, invsrc_error_message(error));
  if (code == INVSRC_OK) {
    assert_non_null(made);
  } else {
    assert_null(made);
    assert_int_equal(invsrc_error_code(error), code);
    assert_string_equal(invsrc_error_message(error), message);
  }
  invsrc_postgres_free(made);
}

static void what_cannot_be_opened_is_told(void **state) {
  static const char unreachable[] = "the server cannot be reached";
  static const char malformed[] = "not a connection string of libpq";
  static const char denied[] =
      "the server denies access: to the user, to the database, or to something in it";

  (void)state;
  opens_as(NULL, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  assert_int_equal(invsrc_postgres_open("", NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_postgres_open("secret", &(invsrc_postgres *){NULL}, NULL),
                   INVSRC_EMALFORMED);
  opens_as("secret", INVSRC_EMALFORMED, malformed);
  opens_as("password='secret", INVSRC_EMALFORMED, malformed);
  opens_as("secret=1", INVSRC_EMALFORMED, malformed);
  opens_as("postgresql://u:secret@[::1/", INVSRC_EMALFORMED, malformed);
  opens_as("host=/nowhere password=secret", INVSRC_EUNAVAILABLE, unreachable);
  opens_as("host=127.0.0.1 port=1 password=secret", INVSRC_EUNAVAILABLE, unreachable);
  opens_as("dbname=secret", INVSRC_EREFUSED, denied);
  opens_as("user=secret", INVSRC_EREFUSED, denied);
  opens_as("postgresql:///?options=-csearch_path%3Dscratch", INVSRC_OK, "");
  invsrc_postgres_free(NULL);
}

static void a_newer_schema_is_refused(void **state) {
  static const char newer[] = "the tables were made by a newer version of libinvsrc";

  (void)state;
  run_sql("UPDATE invsrc_schema SET version = 2");
  opens_as(CONNINFO, INVSRC_EREFUSED, newer);
  run_sql("UPDATE invsrc_schema SET version = -1");
  opens_as(CONNINFO, INVSRC_EREFUSED, newer);
  assert_int_equal(run_sql("SELECT version FROM invsrc_schema"), -1);
}

/* A migration that failed half-way left nothing, and goes well when it can. */
static void a_migration_that_fails_leaves_nothing(void **state) {
  (void)state;
  close_db();
  run_sql(
      "DROP SCHEMA scratch CASCADE; CREATE SCHEMA scratch;"
      "CREATE TABLE invsrc_events (x BIGINT)");
  opens_as(CONNINFO, INVSRC_EIO, "the database failed");
  assert_int_equal(run_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'scratch'"), 1);
  run_sql("DROP TABLE invsrc_events");
  opens_as(CONNINFO, INVSRC_OK, "");
}

/* As on another server; and a migration takes its time all the same. */
static void advisory_locks_may_be_missing(void **state) {
  (void)state;
  close_db();
  run_sql(
      "DROP SCHEMA scratch CASCADE; CREATE SCHEMA scratch; CREATE TABLE seen (timeout TEXT);"
      "CREATE FUNCTION pg_advisory_xact_lock(BIGINT) RETURNS void LANGUAGE plpgsql AS"
      " $$BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '0A000'; END$$;"
      "CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS"
      " $$BEGIN INSERT INTO scratch.seen VALUES (current_setting('statement_timeout')); END$$;"
      "CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION see()");
  opens_as("options=-csearch_path=scratch,pg_catalog", INVSRC_OK, "");
  run_sql("DROP EVENT TRIGGER t");
  assert_in_range(run_sql("SELECT count(*) FROM seen WHERE timeout = '1min'"), 1, 100);
  assert_int_equal(run_sql("SELECT count(*) FROM seen WHERE timeout <> '1min'"), 0);
}

/* Who has no right to make tables may use them, and no more. */
static void who_may_not_make_tables_uses_them(void **state) {
  static const char as_guest[] = CONNINFO " user=guest";

  (void)state;
  run_sql(
      "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN;"
      "GRANT USAGE ON SCHEMA scratch TO guest");
  opens_as(as_guest, INVSRC_EREFUSED,
           "the server denies access: to the user, to the database, or to something in it");
  run_sql(
      "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA scratch TO guest;"
      "GRANT USAGE ON ALL SEQUENCES IN SCHEMA scratch TO guest");
  close_db();
  assert_int_equal(invsrc_postgres_open(as_guest, &pg, error), INVSRC_OK);
  store.context = pg;
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  run_sql("REVOKE ALL ON ALL TABLES IN SCHEMA scratch FROM guest");
  assert_int_equal(get_kept(), INVSRC_OUTCOME_UNAVAILABLE);
  close_db();
  run_sql("DROP OWNED BY guest; DROP ROLE guest");
}

/* Who comes when it is full may come again. */
static void a_full_server_is_not_there_now(void **state) {
  (void)state;
  run_sql("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN CONNECTION LIMIT 0");
  opens_as(CONNINFO " user=guest", INVSRC_EUNAVAILABLE, "the server takes no connections now");
  run_sql("DROP ROLE guest");
}

static void another_encoding_is_refused(void **state) {
  (void)state;
  run_sql("DROP DATABASE IF EXISTS latin");
  run_sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'");
  opens_as("dbname=latin", INVSRC_EREFUSED, "the encoding of the database is not UTF8");
  run_sql("DROP DATABASE latin");
}

/* A commit is on disk, on the replicas' too, whatever the user's default is. */
static void commits_are_waited_for(void **state) {
  static const char *const cases[][2] = {{"off", "on"},
                                         {"local", "on"},
                                         {"remote_write", "on"},
                                         {"on", "on"},
                                         {"remote_apply", "remote_apply"}};

  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ivs_pg_connection *connection = NULL;
    invsrc_postgres *made = NULL;
    char text[160];
    int64_t is_same = 0;
    snprintf(text, sizeof text, CONNINFO "\\ -csynchronous_commit=%s", cases[i][0]);
    assert_int_equal(invsrc_postgres_open(text, &made, error), INVSRC_OK);
    assert_int_equal(ivs_pg_pool_borrow(made, &connection), IVS_PG_OK);
    snprintf(text, sizeof text,
             "SELECT count(*) WHERE current_setting('synchronous_commit') = '%s'", cases[i][1]);
    assert_int_equal(ivs_pg_connection_run(connection, text, 1000, &is_same), IVS_PG_OK);
    assert_int_equal(is_same, 1);
    ivs_pg_pool_return(made, connection);
    invsrc_postgres_free(made);
  }
}

/* ---- Connections --------------------------------------------------------------------- */

static void *get_often(void *argument) {
  for (int i = 0; i < 40; i++) *(int32_t *)argument = get_kept();
  return NULL;
}

/* As many threads at once as the pool may have idle connections. */
static void fill_pool(void) {
  int32_t outcomes[8];
  pthread_t threads[8];

  for (int i = 0; i < 8; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, get_often, &outcomes[i]), 0);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
}

static uint32_t count_idle(void) {
  uint32_t idle = 0;

  for (const ivs_pg_connection *at = pg->idle; at; at = at->next) idle++;
  assert_int_equal(pg->open, idle);
  return idle;
}

/* All that were idle, before each kind of operation. */
static void connections_that_were_cut_are_replaced(void **state) {
  invsrc_buffer *key = invsrc_buffer_new();

  (void)state;
  fill_pool();
  assert_in_range(count_idle(), 2, 8);
  assert_in_range(run_sql(CUT_ALL), 2, 8);
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  assert_in_range(run_sql(CUT_ALL), 1, 8);
  assert_int_equal(get_kept(), INVSRC_OUTCOME_OK);
  assert_in_range(run_sql(CUT_ALL), 1, 8);
  assert_int_equal(remove_with(store, "1", "evt_1", NULL), INVSRC_OUTCOME_OK);
  assert_in_range(run_sql(CUT_ALL), 1, 8);
  assert_event(store, later(10), later(20), "evt_1", 0);
  assert_in_range(run_sql(CUT_ALL), 1, 8);
  assert_due(store, 10, 20, 10, "");
  assert_in_range(run_sql(CUT_ALL), 1, 8);
  assert_int_equal(invsrc_postgres_apikey_add(pg, "acme", NULL, key, error), INVSRC_OK);
  assert_int_equal(count_idle(), 1);
  invsrc_buffer_free(key);
}

/* What was idle for long is asked whether it is there. */
static void an_old_connection_is_asked(void **state) {
  (void)state;
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  for (ivs_pg_connection *at = pg->idle; at; at = at->next) at->used_at -= 3600000;
  assert_int_equal(get_kept(), INVSRC_OUTCOME_OK);
  assert_in_range(ivs_pg_now() - pg->idle->used_at, 0, 60000);
}

/* Where something has swallowed all of them, that is waited for once. */
static void signal_all(int signal_number) {
  static const char sql[] = "SELECT pid FROM pg_stat_activity WHERE application_name = 'invsrc'";
  PGconn *other = PQconnectdb(CONNINFO);
  PGresult *result = PQexec(other, sql);

  assert_in_range(PQntuples(result), 2, 100);
  for (int i = 0; i < PQntuples(result); i++)
    kill((pid_t)strtol(PQgetvalue(result, i, 0), NULL, 10), signal_number);
  PQclear(result);
  PQfinish(other);
}

static void silent_connections_are_waited_for_once(void **state) {
  int64_t begun;

  (void)state;
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  fill_pool();
  assert_in_range(count_idle(), 2, 8);
  for (ivs_pg_connection *at = pg->idle; at; at = at->next) at->used_at -= 3600000;
  signal_all(SIGSTOP);
  begun = milliseconds();
  assert_int_equal(get_kept(), INVSRC_OUTCOME_OK);
  assert_in_range(milliseconds() - begun, 900, 2500);
  assert_int_equal(count_idle(), 1);
  signal_all(SIGCONT);
}

static int begin_with_two(void **state) {
  if (begin_anew(state) != 0) return -1;
  return invsrc_postgres_set_pool_size(pg, 2) == INVSRC_OK ? 0 : -1;
}

static void look_for_two(void) {
  assert_in_range(count_idle(), 1, 2);
  assert_in_range(run_sql("SELECT count(*) FROM pg_stat_activity"
                          " WHERE application_name = 'invsrc'"),
                  1, 2);
}

static void bad_pool_sizes_are_refused(void **state) {
  (void)state;
  assert_int_equal(invsrc_postgres_set_pool_size(pg, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_postgres_set_pool_size(pg, 1001), INVSRC_EINVAL);
  assert_int_equal(invsrc_postgres_set_pool_size(NULL, 1), INVSRC_EINVAL);
}

static void the_pool_is_bounded(void **state) {
  (void)state;
  assert_store_conforms(invsrc_postgres_store(), (struct suite){.begin = begin_with_two,
                                                                .end = leave_nothing,
                                                                .look = look_for_two,
                                                                .only = "one_winner"});
}

static void *insert_late(void *argument) {
  *(int32_t *)argument = insert_new(store, "acme", "late", "2");
  return NULL;
}

/* Who gets no connection in time says so, and nothing is stored. */
static void a_pool_that_is_in_use_is_waited_for(void **state) {
  ivs_pg_connection *only = NULL;
  int32_t outcome = 0;
  int64_t begun;
  pthread_t thread;

  (void)state;
  assert_int_equal(invsrc_postgres_set_pool_size(pg, 1), INVSRC_OK);
  assert_int_equal(invsrc_postgres_set_statement_timeout(pg, 300), INVSRC_OK);
  assert_int_equal(ivs_pg_pool_borrow(pg, &only), IVS_PG_OK);
  begun = milliseconds();
  assert_int_equal(insert_new(store, "acme", "late", "2"), INVSRC_OUTCOME_UNAVAILABLE);
  assert_in_range(milliseconds() - begun, 290, 2000);
  assert_int_equal(pthread_create(&thread, NULL, insert_late, &outcome), 0);
  ivs_pg_pause(100);
  ivs_pg_pool_return(pg, only);
  pthread_join(thread, NULL);
  assert_int_equal(outcome, INVSRC_OUTCOME_OK);
}

/* ---- The server ----------------------------------------------------------------------- */

/* Who waits for a row that another holds gives up, and the server with it. */
static void a_slow_statement_is_stopped(void **state) {
  PGconn *other = PQconnectdb(CONNINFO);
  invsrc_source *source = make_source("acme", "kept", "1");
  int64_t begun;

  (void)state;
  assert_int_equal(invsrc_postgres_set_statement_timeout(pg, 99), INVSRC_EINVAL);
  assert_int_equal(invsrc_postgres_set_statement_timeout(pg, 600001), INVSRC_EINVAL);
  assert_int_equal(invsrc_postgres_set_statement_timeout(NULL, 100), INVSRC_EINVAL);
  assert_int_equal(invsrc_postgres_set_statement_timeout(pg, 200), INVSRC_OK);
  assert_int_equal(insert(store, source, "sealed 1"), INVSRC_OUTCOME_OK);
  PQclear(PQexec(other, "BEGIN; SELECT id FROM invsrc_sources FOR UPDATE"));
  begun = milliseconds();
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_RECORD, NULL, "evt_1", NULL),
                   INVSRC_OUTCOME_UNAVAILABLE);
  assert_in_range(milliseconds() - begun, 190, 1500);
  assert_int_equal(get_kept(), INVSRC_OUTCOME_OK); /* readers do not wait */
  PQfinish(other);
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_RECORD, NULL, "evt_1", NULL),
                   INVSRC_OUTCOME_OK);
  invsrc_source_free(source);
}

/* As when another server has taken the place of a failed one. */
static void a_server_that_reads_only_is_left(void **state) {
  (void)state;
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  run_sql("ALTER DATABASE postgres SET default_transaction_read_only = on");
  run_sql(CUT_ALL);
  assert_int_equal(insert_new(store, "acme", "other", "2"), INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(get_kept(), INVSRC_OUTCOME_OK);
  assert_int_equal(remove_with(store, "1", NULL, NULL), INVSRC_OUTCOME_UNAVAILABLE);
  run_sql("ALTER DATABASE postgres RESET default_transaction_read_only");
  assert_int_equal(insert_new(store, "acme", "other", "2"), INVSRC_OUTCOME_OK);
}

static void a_missing_table_fails_for_good(void **state) {
  (void)state;
  run_sql("ALTER TABLE invsrc_sources RENAME TO elsewhere");
  assert_int_equal(get_kept(), INVSRC_OUTCOME_FAILED);
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_FAILED);
  run_sql("ALTER TABLE elsewhere RENAME TO invsrc_sources");
  assert_int_equal(get_kept(), INVSRC_OUTCOME_NOT_FOUND);
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
}

static void what_cannot_be_stored_fails(void **state) {
  static const char bytes[] = "a\0b";
  invsrc_source *source = make_source("acme", "kept", "1");

  (void)state;
  set_text(source, INVSRC_SOURCE_STATUS, "LOST");
  assert_int_equal(insert(store, source, "sealed 1"), INVSRC_OUTCOME_FAILED);
  set_text(source, INVSRC_SOURCE_STATUS, "PENDING");
  assert_int_equal(insert(store, source, NULL), INVSRC_OUTCOME_FAILED); /* but configured */
  if (invsrc_source_set_text(source, INVSRC_SOURCE_NAME, bytes, sizeof bytes) == INVSRC_OK)
    assert_int_equal(insert(store, source, "sealed 1"), INVSRC_OUTCOME_FAILED);
  assert_int_equal(get_kept(), INVSRC_OUTCOME_NOT_FOUND);
  invsrc_source_free(source);
  source = invsrc_source_new();
  assert_int_equal(insert(store, source, NULL), INVSRC_OUTCOME_FAILED);
  invsrc_source_free(source);
}

/* A trigger in the place of what may go wrong in a server: each of its codes. */
static void failures_are_told_apart(void **state) {
  static const struct {
    const char *code;
    int32_t outcome;
  } cases[] = {
      {"53100", INVSRC_OUTCOME_UNAVAILABLE}, /* disk_full */
      {"53200", INVSRC_OUTCOME_UNAVAILABLE}, /* out_of_memory */
      {"58030", INVSRC_OUTCOME_UNAVAILABLE}, /* io_error */
      {"40001", INVSRC_OUTCOME_UNAVAILABLE}, /* serialization_failure, again and again */
      {"40P01", INVSRC_OUTCOME_UNAVAILABLE}, /* deadlock_detected */
      {"57014", INVSRC_OUTCOME_UNAVAILABLE}, /* query_canceled */
      {"42501", INVSRC_OUTCOME_UNAVAILABLE}, /* insufficient_privilege */
      {"XX001", INVSRC_OUTCOME_FAILED},      /* data_corrupted */
      {"22000", INVSRC_OUTCOME_FAILED},      /* data_exception */
  };
  char sql[400];

  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snprintf(sql, sizeof sql,
             "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
             " $$BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '%s'; END$$;"
             "CREATE OR REPLACE TRIGGER t BEFORE INSERT ON invsrc_sources"
             " FOR EACH ROW EXECUTE FUNCTION fail()",
             cases[i].code);
    run_sql(sql);
    assert_int_equal(insert_new(store, "acme", "kept", "1"), cases[i].outcome);
    run_sql("DROP TRIGGER t ON invsrc_sources");
  }
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  assert_int_equal(count_idle(), 1); /* the connection was never at fault */
}

/* What fell to others a few times goes well in the end. */
static void clashes_are_tried_again(void **state) {
  (void)state;
  run_sql(
      "CREATE SEQUENCE tries;"
      "CREATE FUNCTION clash() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
      " IF nextval('tries') % 4 > 0 THEN"
      "  RAISE EXCEPTION 'secret' USING ERRCODE = '40001'; END IF;"
      " RETURN NEW; END$$;"
      "CREATE TRIGGER t BEFORE INSERT OR UPDATE ON invsrc_sources"
      " FOR EACH ROW EXECUTE FUNCTION clash()");
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  assert_int_equal(run_sql("SELECT last_value FROM tries"), 4);
  insert_due(store, "acme", "2", 5);
  assert_due(store, 10, 20, 10, "2");
  assert_int_equal(run_sql("SELECT last_value FROM tries"), 12);
}

/* ---- Other isolations -------------------------------------------------------------------- */

static const char *strict_level;

static int32_t open_strictly(void) {
  char conninfo[160];
  int32_t result;

  snprintf(conninfo, sizeof conninfo, CONNINFO "\\ -cdefault_transaction_isolation=%s",
           strict_level);
  result = invsrc_postgres_open(conninfo, &pg, error);
  store = (struct store){invsrc_postgres_store(), pg};
  return result;
}

static int begin_strictly(void **state) {
  (void)state;
  error = invsrc_error_new();
  clear_db();
  return error && open_strictly() == INVSRC_OK ? 0 : -1;
}

/* A stricter default would only tell writers to try again. */
static void a_stricter_default_does_no_harm(void **state) {
  static const char *const levels[] = {"repeatable\\\\\\ read", "serializable"};

  (void)state;
  for (size_t i = 0; i < 2; i++) {
    strict_level = levels[i];
    assert_store_conforms(invsrc_postgres_store(), (struct suite){.begin = begin_strictly,
                                                                  .end = leave_nothing,
                                                                  .begin_again = open_strictly,
                                                                  .close = close_db,
                                                                  .many = 50});
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)
  static const struct CMUnitTest tests[] = {
      TEST(what_cannot_be_opened_is_told),
      TEST(a_newer_schema_is_refused),
      TEST(a_migration_that_fails_leaves_nothing),
      TEST(advisory_locks_may_be_missing),
      TEST(who_may_not_make_tables_uses_them),
      TEST(a_full_server_is_not_there_now),
      TEST(another_encoding_is_refused),
      TEST(commits_are_waited_for),
      TEST(connections_that_were_cut_are_replaced),
      TEST(an_old_connection_is_asked),
      TEST(silent_connections_are_waited_for_once),
      TEST(bad_pool_sizes_are_refused),
      cmocka_unit_test(the_pool_is_bounded),
      TEST(a_pool_that_is_in_use_is_waited_for),
      TEST(a_slow_statement_is_stopped),
      TEST(a_server_that_reads_only_is_left),
      TEST(a_missing_table_fails_for_good),
      TEST(what_cannot_be_stored_fails),
      TEST(failures_are_told_apart),
      TEST(clashes_are_tried_again),
      cmocka_unit_test(a_stricter_default_does_no_harm),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
