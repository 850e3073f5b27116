/*
 * The SQLite database as a file: where it stays, what its schema promises, what becomes
 * of it when opening fails half-way; and the turns to write, whatever the clock does.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <pthread.h>

#include <dlfcn.h>
#include <time.h>

#include "providers/sqlite.h"
#include "scratch_db.h"

#define HOUR 3600
#define MOMENT_MS 200

/* ---- The clock ------------------------------------------------------------------- */

static _Atomic time_t seconds_off;

/* In front of the C library's: the time of day may be set. */
int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*next)(clockid_t, struct timespec *);

  if (!next) *(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
  if (next(clock, time) != 0) return -1;
  if (clock == CLOCK_REALTIME) time->tv_sec += seconds_off;
  return 0;
}

struct writer {
  int32_t outcome;
  _Atomic int done;
  pthread_t thread;
};

static void *write_one(void *argument) {
  struct writer *writer = argument;

  writer->outcome = insert_new(store, "acme", "a", "1");
  writer->done = 1;
  return NULL;
}

static int32_t hold(ivs_step *step, void *context) {
  const struct timespec moment = {0, MOMENT_MS * 1000000L};
  struct writer *writer = context;

  (void)step;
  assert_int_equal(pthread_create(&writer->thread, NULL, write_one, writer), 0);
  nanosleep(&moment, NULL);
  assert_false(writer->done);
  return INVSRC_OUTCOME_OK;
}

/* Whoever waits for a turn to write gets it, though the time of day is another than the
 * kernel's, as when it is set while they wait. */
static void a_clock_that_is_set_ends_no_wait(void **state) {
  static const time_t offs[] = {-HOUR, HOUR, 0};

  (void)state;
  for (size_t i = 0; i < sizeof offs / sizeof *offs; i++) {
    struct writer writer = {0, 0, 0};
    seconds_off = offs[i];
    assert_int_equal(ivs_sqlite_write(db, hold, &writer, NULL), INVSRC_OUTCOME_OK);
    assert_int_equal(pthread_join(writer.thread, NULL), 0);
    assert_int_equal(writer.outcome, INVSRC_OUTCOME_OK);
    run_sql(DB, "DELETE FROM sources");
  }
  seconds_off = 0;
}

/* ---- The file -------------------------------------------------------------------- */

/* Later connections open the same file, wherever the process has gone since. */
static void a_process_may_change_its_folder(void **state) {
  ivs_query first, second;

  (void)state;
  assert_int_equal(insert_new(store, "acme", "a", "1"), INVSRC_OUTCOME_OK);
  assert_int_equal(mkdir("elsewhere", 0700), 0);
  assert_int_equal(chdir("elsewhere"), 0);
  ivs_query_begin(&first, db, IVS_SQL_SOURCE_GET);
  ivs_query_begin(&second, db, IVS_SQL_SOURCE_GET);
  assert_int_equal(second.status, SQLITE_OK);
  assert_ptr_not_equal(first.connection, second.connection);
  ivs_query_end(&first);
  ivs_query_end(&second);
  assert_stored(store, "acme", "a", "1");
  assert_int_equal(access(DB, F_OK), -1);
  assert_int_equal(chdir(".."), 0);
  assert_int_equal(rmdir("elsewhere"), 0);
}

static void without_a_folder_only_a_whole_path_will_do(void **state) {
  char folder[4096], path[4200];
  invsrc_sqlite *made = NULL;

  (void)state;
  assert_non_null(getcwd(folder, sizeof folder));
  snprintf(path, sizeof path, "%s/%s", folder, DB);
  assert_int_equal(mkdir("gone", 0700), 0);
  assert_int_equal(chdir("gone"), 0);
  assert_int_equal(rmdir("../gone"), 0);
  assert_int_equal(invsrc_sqlite_open(DB, &made, error), INVSRC_EIO);
  assert_string_equal(invsrc_error_message(error), "the current folder cannot be told");
  assert_int_equal(invsrc_sqlite_open(path, &made, error), INVSRC_OK);
  invsrc_sqlite_free(made);
  assert_int_equal(chdir(folder), 0);
}

static int number_of(const char *path, const char *sql) {
  sqlite3 *handle;
  sqlite3_stmt *statement;
  int number;

  assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  number = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(handle);
  return number;
}

#define OUR_TABLES " FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'"

/* So that a column holds what it says and nothing else. */
static void every_table_is_strict(void **state) {
  (void)state;
  assert_in_range(number_of(DB, "SELECT count(*)" OUR_TABLES), 2, 100);
  assert_int_equal(number_of(DB, "SELECT count(*)" OUR_TABLES " AND NOT strict"), 0);
}

/* The second table of the schema is there already. */
static void a_migration_that_fails_half_way_leaves_nothing(void **state) {
  static const char marks[] = "PRAGMA application_id = 1768846963; CREATE TABLE api_keys (x)";
  invsrc_sqlite *made = NULL;

  (void)state;
  run_sql("half", marks);
  assert_int_equal(invsrc_sqlite_open("half", &made, error), INVSRC_EIO);
  assert_null(made);
  assert_int_equal(number_of("half", "SELECT count(*) FROM sqlite_schema"), 1);
  assert_int_equal(number_of("half", "PRAGMA user_version"), 0);
  run_sql("half", "DROP TABLE api_keys");
  assert_int_equal(invsrc_sqlite_open("half", &made, error), INVSRC_OK);
  invsrc_sqlite_free(made);
  assert_in_range(number_of("half", "PRAGMA user_version"), 1, 1000);
}

/* SQLite says which mode a file is in, and calls it no error when that is another. */
static void a_file_that_cannot_have_a_log_is_refused(void **state) {
  sqlite3_vfs *usual = sqlite3_vfs_find(NULL), *without = sqlite3_vfs_find("unix-dotfile");
  invsrc_sqlite *made = NULL;

  (void)state;
  assert_non_null(without);
  assert_int_equal(sqlite3_vfs_register(without, 1), SQLITE_OK);
  assert_int_equal(invsrc_sqlite_open("other", &made, error), INVSRC_EIO);
  assert_int_equal(sqlite3_vfs_register(usual, 1), SQLITE_OK);
  assert_null(made);
  assert_string_equal(invsrc_error_message(error),
                      "the database cannot be set to WAL mode where it is");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)
  static const struct CMUnitTest tests[] = {
      TEST(a_clock_that_is_set_ends_no_wait),
      TEST(a_process_may_change_its_folder),
      TEST(without_a_folder_only_a_whole_path_will_do),
      TEST(every_table_is_strict),
      TEST(a_migration_that_fails_half_way_leaves_nothing),
      TEST(a_file_that_cannot_have_a_log_is_refused),
  };

  return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
