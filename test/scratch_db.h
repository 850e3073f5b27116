/*
 * A database for each test of a program, in its scratch folder.
 */
#ifndef TEST_SCRATCH_DB_H
#define TEST_SCRATCH_DB_H

#include <sqlite3.h>

#include "scratch.h"
#include "store_checks.h"

#define DB "sources.db"

static invsrc_sqlite *db;
static invsrc_error *error;
static struct store store;

static inline int32_t open_db(void) {
  int32_t result = invsrc_sqlite_open(DB, &db, error);

  store = (struct store){invsrc_sqlite_store(), db};
  return result;
}

static inline void close_db(void) {
  invsrc_sqlite_free(db);
  db = NULL;
}

/* Nothing is left of it, while it is not open. */
static inline int clear_db(void) {
  return scratch_clear();
}

/* Both fit a set-up and a tear-down of cmocka. */
static inline int begin_anew(void **state) {
  (void)state;
  error = invsrc_error_new();
  return error && open_db() == INVSRC_OK ? 0 : -1;
}

static inline int leave_nothing(void **state) {
  (void)state;
  close_db();
  invsrc_error_free(error);
  return clear_db();
}

/* As another program would. */
static inline void run_sql(const char *path, const char *sql) {
  sqlite3 *handle;

  assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
  if (sqlite3_exec(handle, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s", sqlite3_errmsg(handle));
  sqlite3_close(handle);
}

#endif
