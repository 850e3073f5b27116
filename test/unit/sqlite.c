/*
 * The store in SQLite: what is opened and what is left alone; how the file is kept; several
 * threads at once; and what failures are said to be.
 */
#include "providers/sqlite.h"

#include <pthread.h>
#include <sys/wait.h>

#include "scratch_db.h"
#include "suites.h"

static void open_again(void) {
  close_db();
  assert_int_equal(open_db(), INVSRC_OK);
}

/* ---- Connections ------------------------------------------------------------------- */

static void look_at_connections(void) {
  int idle = 0;

  for (const ivs_connection *at = db->idle; at; at = at->next) idle++;
  assert_int_equal(db->idle_count, idle);
  assert_in_range(idle, 1, 8);
}

static void threads_share_connections(void **state) {
  (void)state;
  assert_store_conforms(invsrc_sqlite_store(), (struct suite){.begin = begin_anew,
                                                              .end = leave_nothing,
                                                              .look = look_at_connections,
                                                              .only = "each_name_has_one_winner"});
}

/* ---- The file --------------------------------------------------------------------- */

static int mode_of(const char *path) {
  struct stat status;

  return stat(path, &status) == 0 ? (int)(status.st_mode & 0777) : -1;
}

static void only_the_owner_may_read_the_files(void **state) {
  mode_t mask;

  (void)state;
  close_db();
  scratch_clear();
  mask = umask(0);
  open_again();
  assert_int_equal(insert_new(store, "acme", "a", "1"), INVSRC_OUTCOME_OK);
  umask(mask);
  assert_int_equal(mode_of(DB), 0600);
  assert_int_equal(mode_of(DB "-wal"), 0600);
  assert_int_equal(mode_of(DB "-shm"), 0600);
}

static void has_setting(ivs_connection *connection, const char *name, const char *value) {
  sqlite3_stmt *statement;
  char sql[64];

  snprintf(sql, sizeof sql, "PRAGMA %s", name);
  assert_int_equal(sqlite3_prepare_v2(connection->handle, sql, -1, &statement, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  if (strcmp((const char *)sqlite3_column_text(statement, 0), value) != 0)
    fail_msg("%s is %s", name, (const char *)sqlite3_column_text(statement, 0));
  sqlite3_finalize(statement);
}

/* The first connection, which made the file, and a later one. */
static void every_connection_is_set_up(void **state) {
  static const char *const settings[][2] = {
      {"journal_mode", "wal"},  {"synchronous", "2"},                        /* FULL */
      {"trusted_schema", "0"},  {"secure_delete", "1"}, {"temp_store", "2"}, /* in memory */
      {"busy_timeout", "5000"}, {"user_version", "5"},  {"application_id", "1768846963"},
  };
  ivs_connection *later = NULL;

  (void)state;
  assert_int_equal(ivs_connection_new(DB, &later), SQLITE_OK);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    has_setting(db->writer, settings[i][0], settings[i][1]);
    has_setting(later, settings[i][0], settings[i][1]);
  }
  ivs_connection_free(later);
}

/* ---- Opening ------------------------------------------------------------------------ */

static void opens_as(const char *path, int32_t code, const char *message) {
  invsrc_sqlite *made = (invsrc_sqlite *)error;
  int32_t result = invsrc_sqlite_open(path, &made, error);

  if (result != code) fail_msg("%s: %d %s", path, result, invsrc_error_message(error));
  if (code == INVSRC_OK) {
    assert_non_null(made);
  } else {
    assert_null(made);
    assert_int_equal(invsrc_error_code(error), code);
    assert_string_equal(invsrc_error_message(error), message);
  }
  invsrc_sqlite_free(made);
}

/* Refuses the file, leaves its bytes alone, and leaves nothing beside it. */
static void is_refused(const char *path, const char *message) {
  static char before[131072], after[131072], name[64];
  size_t length = scratch_read(path, before, sizeof before);

  assert_in_range(length, 1, sizeof before - 1);
  opens_as(path, INVSRC_EREFUSED, message);
  assert_int_equal(scratch_read(path, after, sizeof after), length);
  assert_memory_equal(before, after, length);
  for (size_t i = 0; i < 3; i++) {
    static const char *const beside[] = {"-wal", "-shm", "-journal"};
    snprintf(name, sizeof name, "%s%s", path, beside[i]);
    assert_int_equal(access(name, F_OK), -1);
  }
  assert_int_equal(unlink(path), 0);
}

static void databases_of_others_are_left_alone(void **state) {
  static const char others[] = "the file is another program's database";
  static const char newer[] = "the file was written by a newer version of libinvsrc";
  static const struct {
    const char *sql;
    const char *message;
  } cases[] = {
      {"CREATE TABLE t (x)", others},
      {"CREATE VIEW v AS SELECT 1", others},
      {"PRAGMA journal_mode = WAL; CREATE TABLE t (x)", others},
      {"PRAGMA application_id = 1", others},
      {"PRAGMA user_version = 1", others},
      {"PRAGMA user_version = 2", others},
      {"CREATE TABLE sources (x); CREATE TABLE api_keys (x); PRAGMA user_version = 1", others},
      {"PRAGMA application_id = 1768846963; PRAGMA user_version = 6", newer},
      {"PRAGMA application_id = 1768846963; PRAGMA user_version = 2147483647", newer},
      {"PRAGMA application_id = 1768846963; PRAGMA user_version = -1", newer},
  };

  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    run_sql("other", cases[i].sql);
    is_refused("other", cases[i].message);
  }
  close_db();
  run_sql(DB, "PRAGMA user_version = 6");
  is_refused(DB, newer);
}

static void other_files_are_left_alone(void **state) {
  static const char why[] = "the file is no SQLite database";
  static char bytes[8192] = "SQLite format 3";

  (void)state;
  for (size_t i = 16; i < sizeof bytes; i++) bytes[i] = (char)(i * 37 + i / 91);
  assert_int_equal(scratch_write("other", "x\n", 2), 0); /* of 1 is empty to SQLite */
  is_refused("other", why);
  assert_int_equal(scratch_write("other", "{\"agents\": []}\n", 15), 0);
  is_refused("other", why);
  assert_int_equal(scratch_write("other", bytes + 16, sizeof bytes - 16), 0);
  is_refused("other", why);
  assert_int_equal(scratch_write("other", bytes, sizeof bytes), 0);
  is_refused("other", why);
}

static void an_empty_file_becomes_a_database(void **state) {
  (void)state;
  assert_int_equal(scratch_write("empty", "", 0), 0);
  opens_as("empty", INVSRC_OK, "");
  opens_as("empty", INVSRC_OK, "");
}

static void a_name_is_a_file(void **state) {
  static const char *const names[] = {":memory:", "file:x?mode=memory", "a b", "100%", "é#?", "'"};

  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    opens_as(names[i], INVSRC_OK, "");
    assert_int_equal(mode_of(names[i]), 0600);
  }
}

static void what_cannot_be_opened_is_told(void **state) {
  invsrc_sqlite *made = NULL;

  (void)state;
  opens_as("", INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  opens_as(NULL, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  assert_int_equal(invsrc_sqlite_open(DB, NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_sqlite_open("", &made, NULL), INVSRC_EINVAL);
  invsrc_sqlite_free(NULL);
  opens_as("nowhere/" DB, INVSRC_EIO, "the folder does not exist");
  opens_as(DB "/" DB, INVSRC_EIO, "the folder does not exist");
  opens_as(".", INVSRC_EIO, "the database file, or one beside it, cannot be opened");
}

/* Root may write everything, and so becomes nobody for it, in a process of its own. */
static int open_as_nobody(const char *path, const char *message) {
  invsrc_sqlite *made;

  if (geteuid() == 0 && (setgid(65534) || setuid(65534))) return 2;
  if (invsrc_sqlite_open(path, &made, error) != INVSRC_EIO) return 3;
  return strcmp(invsrc_error_message(error), message) == 0 ? 0 : 4;
}

static void what_may_not_be_written_is_told(void **state) {
  static const char *const cases[][2] = {
      {"readable", "the database file cannot be written"},
      {"secret", "the database file, or one beside it, cannot be opened"},
      {"new", "the folder cannot be written"},
  };
  int status;

  (void)state;
  close_db();
  opens_as("readable", INVSRC_OK, "");
  opens_as("secret", INVSRC_OK, "");
  assert_int_equal(chmod("readable", 0444), 0);
  assert_int_equal(chmod("secret", 0), 0);
  assert_int_equal(chmod(".", 0555), 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pid_t child = fork();
    if (child == 0) _exit(open_as_nobody(cases[i][0], cases[i][1]));
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status) fail_msg("%s: status %d", cases[i][0], WEXITSTATUS(status));
  }
  assert_int_equal(chmod(".", 0755), 0);
}

/* ---- Failures ----------------------------------------------------------------------- */

static int32_t get_kept(void) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome = get(store, "acme", "kept", source, sealed);

  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  return outcome;
}

/* What waits for a lock, each in a thread, so that they wait together. */
struct waiting {
  const char *path; /* NULL: inserts into the open database */
  int32_t result;
};

static void *wait_for_lock(void *argument) {
  struct waiting *waiting = argument;
  invsrc_sqlite *made = NULL;

  waiting->result = waiting->path ? invsrc_sqlite_open(waiting->path, &made, NULL)
                                  : insert_new(store, "acme", "late", "2");
  invsrc_sqlite_free(made);
  return NULL;
}

static void what_stays_locked_is_unavailable(void **state) {
  static const char *const locks[] = {"BEGIN EXCLUSIVE", "BEGIN IMMEDIATE", "BEGIN IMMEDIATE"};
  struct waiting waiting[] = {{"exclusive", 0}, {"immediate", 0}, {NULL, 0}};
  pthread_t threads[3];
  sqlite3 *holders[3];

  (void)state;
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(sqlite3_open(waiting[i].path ? waiting[i].path : DB, &holders[i]), SQLITE_OK);
    assert_int_equal(sqlite3_exec(holders[i], locks[i], NULL, NULL, NULL), SQLITE_OK);
  }
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, wait_for_lock, &waiting[i]), 0);
  assert_int_equal(get_kept(), INVSRC_OUTCOME_OK); /* readers do not wait */
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 3; i++) sqlite3_close(holders[i]);
  assert_int_equal(waiting[0].result, INVSRC_EUNAVAILABLE);
  assert_int_equal(waiting[1].result, INVSRC_EUNAVAILABLE);
  assert_int_equal(waiting[2].result, INVSRC_OUTCOME_UNAVAILABLE);
  assert_stored(store, "acme", "late", NULL);
  assert_int_equal(insert_new(store, "acme", "late", "2"), INVSRC_OUTCOME_OK);
}

/* An insert that meets a failure leaves nothing, and goes well once it is over. */
static void fails_meanwhile(const char *begin, const char *end, int32_t outcome) {
  static char sealed[1 << 20];
  invsrc_source *source = make_source("acme", begin, "7");

  memset(sealed, 'x', sizeof sealed);
  assert_int_equal(ivs_connection_run(db->writer, begin), SQLITE_OK);
  assert_int_equal(store.table->insert(store.context, source, sealed, sizeof sealed, NULL),
                   outcome);
  assert_int_equal(ivs_connection_run(db->writer, end), SQLITE_OK);
  assert_stored(store, "acme", begin, NULL);
  assert_int_equal(insert(store, source, "sealed 7"), INVSRC_OUTCOME_OK);
  assert_stored(store, "acme", begin, "7");
  run_sql(DB, "DELETE FROM sources WHERE id = '7'");
  invsrc_source_free(source);
}

static void failures_are_told_apart(void **state) {
  (void)state;
  fails_meanwhile("PRAGMA max_page_count = 20", "PRAGMA max_page_count = 1000000",
                  INVSRC_OUTCOME_UNAVAILABLE);
  fails_meanwhile("PRAGMA query_only = 1", "PRAGMA query_only = 0", INVSRC_OUTCOME_UNAVAILABLE);
  fails_meanwhile("ALTER TABLE sources RENAME TO elsewhere",
                  "ALTER TABLE elsewhere RENAME TO sources", INVSRC_OUTCOME_FAILED);
  fails_meanwhile("CREATE TRIGGER t BEFORE INSERT ON sources BEGIN SELECT raise(ABORT, ''); END",
                  "DROP TRIGGER t", INVSRC_OUTCOME_FAILED);
  fails_meanwhile("CREATE TRIGGER t BEFORE INSERT ON row_keys BEGIN SELECT raise(ABORT, ''); END",
                  "DROP TRIGGER t", INVSRC_OUTCOME_FAILED);
}

static void a_missing_table_fails_for_good(void **state) {
  (void)state;
  run_sql(DB, "ALTER TABLE sources RENAME TO elsewhere");
  assert_int_equal(get_kept(), INVSRC_OUTCOME_FAILED);
  open_again(); /* here it is missed as the statement is prepared */
  assert_int_equal(get_kept(), INVSRC_OUTCOME_FAILED);
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_FAILED);
  run_sql(DB, "ALTER TABLE elsewhere RENAME TO sources");
  assert_int_equal(get_kept(), INVSRC_OUTCOME_NOT_FOUND);
}

static void what_cannot_be_stored_fails(void **state) {
  invsrc_source *source = make_source("acme", "kept", "1");

  (void)state;
  set_text(source, INVSRC_SOURCE_STATUS, "LOST");
  assert_int_equal(insert(store, source, "sealed 1"), INVSRC_OUTCOME_FAILED);
  set_text(source, INVSRC_SOURCE_STATUS, "PENDING");
  assert_int_equal(insert(store, source, NULL), INVSRC_OUTCOME_FAILED); /* but configured */
  assert_int_equal(get_kept(), INVSRC_OUTCOME_NOT_FOUND);
  invsrc_source_free(source);
  source = invsrc_source_new();
  assert_int_equal(insert(store, source, NULL), INVSRC_OUTCOME_FAILED);
  invsrc_source_free(source);
}

static void a_record_that_insert_would_not_make_fails(void **state) {
  (void)state;
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  run_sql(DB, "UPDATE sources SET description = printf('%.*c', 65537, 'x')");
  assert_int_equal(get_kept(), INVSRC_OUTCOME_FAILED);
  run_sql(DB, "UPDATE sources SET description = printf('%.*c', 65536, 'x')");
  assert_int_equal(get_kept(), INVSRC_OUTCOME_OK);
}

static void assert_kept_or_failed(void) {
  invsrc_source *wanted = make_source("acme", "kept", "1"), *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome = get(store, "acme", "kept", source, sealed);

  if (outcome == INVSRC_OUTCOME_OK)
    assert_same_source(source, wanted);
  else
    assert_int_equal(outcome, INVSRC_OUTCOME_FAILED);
  invsrc_source_free(wanted);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

/* Page by page, all its bytes are turned around: what is read is right, or fails. */
static void a_damaged_page_fails(void **state) {
  static unsigned char bytes[131072];
  size_t length, page = 4096;
  int failed = 0;

  (void)state;
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  close_db();
  length = scratch_read(DB, bytes, sizeof bytes);
  assert_in_range(length, 3 * page, sizeof bytes - 1);
  for (size_t at = page; at < length; at += page) {
    for (size_t i = at; i < at + page; i++) bytes[i] ^= 0xff;
    assert_int_equal(scratch_write(DB, bytes, length), 0);
    for (size_t i = at; i < at + page; i++) bytes[i] ^= 0xff;
    open_again();
    assert_kept_or_failed();
    failed += get_kept() == INVSRC_OUTCOME_FAILED;
    close_db();
  }
  assert_int_equal(failed, 3); /* the tables', and the index's */
  memset(bytes + 100, 0xff, page - 100);
  assert_int_equal(scratch_write(DB, bytes, length), 0);
  opens_as(DB, INVSRC_EIO, "the database is damaged");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_share_connections),
      TEST(only_the_owner_may_read_the_files),
      TEST(every_connection_is_set_up),
      TEST(databases_of_others_are_left_alone),
      TEST(other_files_are_left_alone),
      TEST(an_empty_file_becomes_a_database),
      TEST(a_name_is_a_file),
      TEST(what_cannot_be_opened_is_told),
      TEST(what_may_not_be_written_is_told),
      TEST(what_stays_locked_is_unavailable),
      TEST(failures_are_told_apart),
      TEST(a_missing_table_fails_for_good),
      TEST(what_cannot_be_stored_fails),
      TEST(a_record_that_insert_would_not_make_fails),
      TEST(a_damaged_page_fails),
  };

  return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
