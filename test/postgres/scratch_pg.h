/*
 * A schema for each test of a program, in the server that libpq's environment variables name:
 * cluster.py starts one.
 */
#ifndef TEST_SCRATCH_PG_H
#define TEST_SCRATCH_PG_H

#include <invsrc/postgres.h>
#include <libpq-fe.h>

#include "store_checks.h"

#define CONNINFO "options=-csearch_path=scratch"

static invsrc_postgres *pg;
static invsrc_error *error;
static struct store store;

/* As another program would; the first column of the last row, or 0. */
static inline int64_t run_sql(const char *sql) {
  PGconn *handle = PQconnectdb(CONNINFO);
  PGresult *result;
  int64_t number = 0;

  PQclear(
      PQexec(handle, "SET client_min_messages = error; SET default_transaction_read_only = off"));
  result = PQexec(handle, sql);
  if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
    fail_msg("%s", PQerrorMessage(handle));
  if (PQntuples(result) && PQnfields(result))
    number = strtoll(PQgetvalue(result, PQntuples(result) - 1, 0), NULL, 10);
  PQclear(result);
  PQfinish(handle);
  return number;
}

static inline int32_t open_db(void) {
  int32_t result = invsrc_postgres_open(CONNINFO, &pg, error);

  store = (struct store){invsrc_postgres_store(), pg};
  return result;
}

static inline void close_db(void) {
  invsrc_postgres_free(pg);
  pg = NULL;
}

/* Nothing is left of it, while it is not open. */
static inline int clear_db(void) {
  run_sql("DROP SCHEMA IF EXISTS scratch CASCADE; CREATE SCHEMA scratch");
  return 0;
}

/* Both fit a set-up and a tear-down of cmocka. */
static inline int begin_anew(void **state) {
  (void)state;
  error = invsrc_error_new();
  clear_db();
  return error && open_db() == INVSRC_OK ? 0 : -1;
}

static inline int leave_nothing(void **state) {
  (void)state;
  close_db();
  invsrc_error_free(error);
  return 0;
}

#endif
