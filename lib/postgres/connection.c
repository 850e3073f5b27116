/*
 * One connection to the server: how it is made, how answers are waited for, and what the
 * server's error codes mean. See postgres.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "postgres/postgres.h"

/* Who may connect for longer says so in the connection string. */
#define CONNECT_SECONDS "5"
#define LOOK_MILLISECONDS 5000

/* How much longer than the server may take its answer may be under way. */
#define ANSWER_MILLISECONDS 2000

/* ---- Statuses ------------------------------------------------------------------- */

static const struct meaning {
  ivs_pg_status status;
  int32_t outcome;
  int32_t result;
  const char *message;
} meanings[] = {
    {IVS_PG_OK, INVSRC_OUTCOME_OK, INVSRC_OK, ""},
    {IVS_PG_CLASH, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE,
     "others wrote the same, again and again"},
    {IVS_PG_GONE, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE,
     "the connection to the server was lost"},
    {IVS_PG_LOST, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE,
     "the connection to the server was lost"},
    {IVS_PG_UNHEARD, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_ENOMEM, "memory ran out"},
    {IVS_PG_UNREACHABLE, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE,
     "the server cannot be reached"},
    {IVS_PG_STARTING, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE,
     "the server takes no connections now"},
    {IVS_PG_DENIED, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EREFUSED,
     "the server denies access: to the user, to the database, or to something in it"},
    {IVS_PG_FOREIGN, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EREFUSED,
     "the encoding of the database is not UTF8"},
    {IVS_PG_CROWDED, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE,
     "all connections to the server stayed in use"},
    {IVS_PG_LATE, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE, "the server took too long"},
    {IVS_PG_FULL, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO,
     "the server has run out of disk, memory or connections"},
    {IVS_PG_READ_ONLY, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "the server only reads"},
    {IVS_PG_DAMAGED, INVSRC_OUTCOME_FAILED, INVSRC_EIO, "the database is damaged"},
    {IVS_PG_NO_TABLE, INVSRC_OUTCOME_FAILED, INVSRC_EIO, "a table of ours is not there"},
    {IVS_PG_NO_MEMORY, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_ENOMEM, "memory ran out"},
};

static const struct meaning *meaning_of(ivs_pg_status status) {
  static const struct meaning other = {IVS_PG_FAILED, INVSRC_OUTCOME_FAILED, INVSRC_EIO,
                                       "the database failed"};

  for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
    if (meanings[i].status == status) return &meanings[i];
  return &other;
}

int32_t ivs_pg_outcome(ivs_pg_status status) {
  return meaning_of(status)->outcome;
}

int32_t ivs_pg_report(ivs_pg_status status, invsrc_error *error) {
  const struct meaning *meaning = meaning_of(status);

  if (meaning->result != INVSRC_OK)
    ivs_error_set(error, meaning->result, INVSRC_NO_OFFSET, "%s", meaning->message);
  return meaning->result;
}

/* SQLSTATE codes, or the classes of them in two characters, the first that fits; what is not
 * here failed for good. 40003 is CockroachDB's for a commit that it does not know about. What
 * ends a connection is LOST, as it may come after the commit. */
static const struct {
  const char *code;
  ivs_pg_status status;
} codes[] = {
    {"40003", IVS_PG_LOST},        {"40", IVS_PG_CLASH},          {"26000", IVS_PG_CLASH},
    {"57014", IVS_PG_LATE},        {"57", IVS_PG_LOST},           {"08", IVS_PG_LOST},
    {"25P03", IVS_PG_LOST},        {"25006", IVS_PG_READ_ONLY},   {"55P03", IVS_PG_LATE},
    {"53", IVS_PG_FULL},           {"54000", IVS_PG_FAILED},      {"58", IVS_PG_FULL},
    {"23505", IVS_PG_TAKEN},       {"42501", IVS_PG_DENIED},      {"28", IVS_PG_DENIED},
    {"3D000", IVS_PG_DENIED},      {"3F000", IVS_PG_DENIED},      {"42P01", IVS_PG_NO_TABLE},
    {"42883", IVS_PG_UNKNOWN_SQL}, {"0A000", IVS_PG_UNKNOWN_SQL}, {"XX", IVS_PG_DAMAGED},
};

static ivs_pg_status status_of_code(const char *code) {
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (strncmp(code, codes[i].code, strlen(codes[i].code)) == 0) return codes[i].status;
  return IVS_PG_FAILED;
}

static ivs_pg_status status_of_result(const PGresult *result) {
  const char *code;

  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
      return IVS_PG_OK;
    default:
      code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      /* Without a code it is libpq's own: it had no memory for the result. */
      return code ? status_of_code(code) : IVS_PG_UNHEARD;
  }
}

/* ---- Waiting ---------------------------------------------------------------------- */

/* It does not stand still in a sleep, in which connections end and keys are revoked. */
#ifdef CLOCK_BOOTTIME
#define CLOCK_OF_AGES CLOCK_BOOTTIME
#else
#define CLOCK_OF_AGES CLOCK_MONOTONIC
#endif

int64_t ivs_pg_now(void) {
  struct timespec time = {0, 0};

  clock_gettime(CLOCK_OF_AGES, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void ivs_pg_pause(int64_t milliseconds) {
  struct timespec pause = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000L};

  nanosleep(&pause, NULL);
}

/* Waits until the socket can be read, or with `writes` written: 1, or 0 when time is up. */
static int wait_for_socket(PGconn *handle, int writes, int64_t until) {
  struct pollfd socket = {PQsocket(handle), (short)(writes ? POLLIN | POLLOUT : POLLIN), 0};
  int64_t left;
  int ready;

  if (socket.fd < 0) return 0;
  do {
    left = until - ivs_pg_now();
    ready = poll(&socket, 1, left > 0 ? (int)left : 0);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

/* Sends all of it, and waits until there is a result: 1, or 0 when time is up or the
 * connection is lost. */
static int wait_for_result(PGconn *handle, int64_t until) {
  int unsent = PQflush(handle);

  while (unsent > 0 || (unsent == 0 && PQisBusy(handle))) {
    if (!wait_for_socket(handle, unsent > 0, until) || !PQconsumeInput(handle)) return 0;
    if (unsent > 0) unsent = PQflush(handle);
  }
  return unsent == 0;
}

/* The last result counts, and nothing before the server is at rest again: it says "done" of a
 * statement before it commits it. */
ivs_pg_status ivs_pg_connection_wait(ivs_pg_connection *connection, int64_t until,
                                     PGresult **result) {
  PGconn *handle = connection->handle;
  PGresult *next, *last = NULL;
  PGTransactionStatusType rest;
  ivs_pg_status status = IVS_PG_UNHEARD;

  while (wait_for_result(handle, until) && (next = PQgetResult(handle))) {
    PQclear(last);
    last = next;
    if (PQstatus(handle) == CONNECTION_BAD) break;
  }
  rest = PQtransactionStatus(handle);
  if (last) status = status_of_result(last);
  if (rest == PQTRANS_ACTIVE || rest == PQTRANS_UNKNOWN) status = IVS_PG_LOST;
  if (result)
    *result = last;
  else
    PQclear(last);
  connection->used_at = ivs_pg_now();
  return status;
}

ivs_pg_status ivs_pg_connection_next(ivs_pg_connection *connection, int64_t until,
                                     PGresult **result) {
  PGconn *handle = connection->handle;
  PGresult *more = NULL;

  *result = wait_for_result(handle, until) ? PQgetResult(handle) : NULL;
  if (*result && PQresultStatus(*result) == PGRES_PIPELINE_SYNC) {
    connection->used_at = ivs_pg_now();
    return IVS_PG_OK;
  }
  /* Behind the result of each query libpq gives NULL once. */
  if (!*result || PQstatus(handle) != CONNECTION_OK || !wait_for_result(handle, until) ||
      (more = PQgetResult(handle))) {
    PQclear(more);
    connection->is_spoilt = 1;
    return IVS_PG_LOST;
  }
  return status_of_result(*result);
}

ivs_pg_status ivs_pg_connection_unsent(ivs_pg_connection *connection) {
  connection->is_spoilt = 1;
  return PQstatus(connection->handle) == CONNECTION_OK ? IVS_PG_NO_MEMORY : IVS_PG_GONE;
}

static int64_t number_of(const PGresult *result) {
  if (PQntuples(result) != 1 || PQnfields(result) < 1 || PQgetisnull(result, 0, 0)) return 0;
  return strtoll(PQgetvalue(result, 0, 0), NULL, 10); /* a simple query's results are texts */
}

ivs_pg_status ivs_pg_connection_run(ivs_pg_connection *connection, const char *sql,
                                    uint32_t milliseconds, int64_t *number) {
  PGresult *result = NULL;
  ivs_pg_status status;

  if (!PQsendQuery(connection->handle, sql))
    status = ivs_pg_connection_unsent(connection);
  else
    status = ivs_pg_connection_wait(connection, ivs_pg_now() + milliseconds + ANSWER_MILLISECONDS,
                                    &result);
  if (status == IVS_PG_OK && number) *number = number_of(result);
  PQclear(result);
  return status;
}

/* ---- Connecting -------------------------------------------------------------------- */

/* Notices may tell values, and libpq would print them. */
static void hear_nothing(void *context, const PGresult *result) {
  (void)context;
  (void)result;
}

/* With the settings that do not live in the database, whatever the user's or the database's
 * defaults are: nothing weaker than a commit that is on disk; no lock outlives by much a process
 * that stands still; and READ COMMITTED, as each step locks the rows that it judges by, and
 * stricter levels would only tell it more often to try again. */
static ivs_pg_status set_up(const invsrc_postgres *pg, ivs_pg_connection *connection) {
  char sql[400];
  const char *encoding = PQparameterStatus(connection->handle, "server_encoding");

  if (encoding && strcmp(encoding, "UTF8") != 0) return IVS_PG_FOREIGN;
  PQsetNoticeReceiver(connection->handle, hear_nothing, NULL);
  if (PQsetnonblocking(connection->handle, 1) != 0) return IVS_PG_NO_MEMORY;
  snprintf(sql, sizeof sql,
           "SET default_transaction_isolation = 'read committed';"
           "SET statement_timeout = %lu; SET idle_in_transaction_session_timeout = %lu;"
           "SELECT set_config('synchronous_commit', 'on', false)"
           " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')",
           (unsigned long)pg->statement_timeout,
           (unsigned long)pg->statement_timeout + ANSWER_MILLISECONDS);
  return ivs_pg_connection_run(connection, sql, pg->statement_timeout, NULL);
}

/* What comes before the string yields to it; what comes behind does not. */
#define KEYWORDS \
  { "connect_timeout", "fallback_application_name", "dbname", "client_encoding", NULL }
#define VALUES(conninfo) \
  { CONNECT_SECONDS, "invsrc", conninfo, "UTF8", NULL }

/* Whether the server only has no room for one more, or has again. It is at the end of libpq's words
 * that the server's code can be had, where it is asked for nothing else. */
static int is_full(const invsrc_postgres *pg) {
  static const char full[] = " 53300\n";
  const char *const keywords[] = KEYWORDS, *const values[] = VALUES(pg->conninfo);
  PGconn *handle = PQconnectStartParams(keywords, values, 1);
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  int64_t until = ivs_pg_now() + LOOK_MILLISECONDS;
  const char *words;
  size_t length;
  int is;

  PQsetErrorVerbosity(handle, PQERRORS_SQLSTATE);
  while ((next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) &&
         wait_for_socket(handle, next == PGRES_POLLING_WRITING, until))
    next = PQconnectPoll(handle);
  words = PQerrorMessage(handle);
  length = strlen(words);
  is = next == PGRES_POLLING_OK ||
       (length >= sizeof full - 1 && strcmp(words + length - (sizeof full - 1), full) == 0);
  PQfinish(handle);
  return is;
}

ivs_pg_status ivs_pg_connection_why_not(const invsrc_postgres *pg) {
  const char *const keywords[] = KEYWORDS, *const values[] = VALUES(pg->conninfo);

  switch (PQpingParams(keywords, values, 1)) {
    case PQPING_OK:
      return is_full(pg) ? IVS_PG_STARTING : IVS_PG_DENIED;
    case PQPING_REJECT:
      return IVS_PG_STARTING;
    default:
      return IVS_PG_UNREACHABLE;
  }
}

ivs_pg_status ivs_pg_connection_new(const invsrc_postgres *pg, ivs_pg_connection **out) {
  const char *const keywords[] = KEYWORDS, *const values[] = VALUES(pg->conninfo);
  ivs_pg_connection *connection = calloc(1, sizeof *connection);
  ivs_pg_status status = IVS_PG_NO_MEMORY;

  if (connection) connection->handle = PQconnectdbParams(keywords, values, 1);
  if (connection && connection->handle)
    status =
        PQstatus(connection->handle) == CONNECTION_OK ? set_up(pg, connection) : IVS_PG_UNREACHABLE;
  if (status == IVS_PG_LOST) status = IVS_PG_UNREACHABLE;
  if (status != IVS_PG_OK) {
    ivs_pg_connection_free(connection);
    connection = NULL;
  }
  *out = connection;
  return status;
}

void ivs_pg_connection_free(ivs_pg_connection *connection) {
  if (!connection) return;
  PQfinish(connection->handle);
  free(connection);
}
