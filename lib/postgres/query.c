/*
 * The statements, queries and steps. See postgres.h.
 *
 * The SQL is what PostgreSQL, CockroachDB and YugabyteDB have in common. It is run on PostgreSQL
 * by the tests; it was never run on the other two, of which was read: CockroachDB has SKIP LOCKED
 * since 22.2, YugabyteDB has it below SERIALIZABLE.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "postgres/postgres.h"

/* The built-in types' numbers, which never change (pg_type.dat). */
#define TYPE_BYTES 17
#define TYPE_NUMBER 20
#define TYPE_TEXT 25

#define ANSWER_MILLISECONDS 2000

#define MOST_CLASHES 20
#define MOST_CLASH_PAUSE 6 /* a power of two, of milliseconds */
#define FIND_OUT_PAUSE 50

/* The columns of a source, in the order of its fields, and what was sealed behind them. The
 * number of a field is the number of its parameter too, in an insert as in an update. */
#define COLUMNS                                                                               \
  "id, source_id, name, execution_type, status, agent_id, type, endpoint_url, protocol, "     \
  "authentication_type, auth_configured, oauth_authorization_url, description, created_at, "  \
  "updated_at, storefront, oauth_audience, revision, attempts, last_checked_at, last_error, " \
  "next_check_at, credential_proven, unreachable, oauth_state, oauth_expires_at, "            \
  "oauth_private_state, oauth_refresh_at, sealed"
#define PARAMETERS                                                                          \
  "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24," \
  "$25,$26,$27,$28,$29"

/* A sourceId that is taken changes nothing; an id that is taken is an error. */
#define INSERT                                                   \
  "INSERT INTO invsrc_sources (" COLUMNS ") VALUES (" PARAMETERS \
  ")"                                                            \
  " ON CONFLICT (storefront, source_id) DO NOTHING"
#define EVENT_COLUMNS "id, type, storefront, time, payload, attempts"
#define SELECT "SELECT " COLUMNS " FROM invsrc_sources WHERE "

static const char *const statements[IVS_PG_SQL_END] = {
    [IVS_PG_SOURCE_INSERT] = INSERT,
    /* The event is kept where the source is. */
    [IVS_PG_SOURCE_INSERT_TOLD] =
        "WITH added AS (" INSERT
        " RETURNING id)"
        " INSERT INTO invsrc_events (" EVENT_COLUMNS
        ", next_at)"
        " SELECT $30::TEXT, $31::TEXT, $32::TEXT, $33::BIGINT, $34::TEXT, $35::BIGINT,"
        " $33::BIGINT FROM added",
    [IVS_PG_SOURCE_GET] = SELECT "storefront = $1 AND source_id = $2",
    [IVS_PG_SOURCE_OF_ID] = SELECT "id = $1",
    [IVS_PG_SOURCE_OF_AGENT] = SELECT "agent_id = $1",
    [IVS_PG_SOURCE_OF_STATE] = SELECT "oauth_state = $1",
    [IVS_PG_SOURCE_LOCK] = SELECT "id = $1 FOR UPDATE",
    [IVS_PG_SOURCE_UPDATE] =
        "UPDATE invsrc_sources SET (" COLUMNS ") = (" PARAMETERS ") WHERE id = $1",
    [IVS_PG_SOURCE_REMOVE] = "DELETE FROM invsrc_sources WHERE id = $1",
    /* The number of all in front of each, or alone where the page is empty. */
    [IVS_PG_SOURCES_PAGE] =
        "SELECT all_of.total, page.* FROM"
        " (SELECT count(*) AS total FROM invsrc_sources WHERE storefront = $1) AS all_of"
        " LEFT JOIN (SELECT " COLUMNS
        ", seq FROM invsrc_sources WHERE storefront = $1"
        "  ORDER BY seq LIMIT $2 OFFSET $3) AS page ON true ORDER BY page.seq",
    /* What others are just claiming is theirs. */
    [IVS_PG_SOURCES_DUE] =
        "WITH claimed AS (SELECT id AS claimed_id, next_check_at AS due_at FROM invsrc_sources"
        "  WHERE next_check_at > 0 AND next_check_at <= $1"
        "  ORDER BY next_check_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED),"
        " changed AS (UPDATE invsrc_sources SET next_check_at = $3 FROM claimed"
        "  WHERE id = claimed_id RETURNING " COLUMNS
        ", seq, due_at)"
        " SELECT " COLUMNS " FROM changed ORDER BY due_at, seq",
    [IVS_PG_EVENT_ADD] = "INSERT INTO invsrc_events (" EVENT_COLUMNS
                         ", next_at)"
                         " VALUES ($1,$2,$3,$4,$5,$6,$4)",
    [IVS_PG_EVENT_FIND] = "SELECT id FROM invsrc_events WHERE id = $1",
    [IVS_PG_EVENT_NEXT] =
        "UPDATE invsrc_events SET next_at = $2 WHERE id ="
        " (SELECT id FROM invsrc_events WHERE next_at <= $1"
        "  ORDER BY next_at, seq LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " RETURNING " EVENT_COLUMNS,
    [IVS_PG_EVENT_POSTPONE] =
        "UPDATE invsrc_events SET next_at = $2, attempts = attempts + 1 WHERE id = $1",
    [IVS_PG_EVENT_FORGET] = "DELETE FROM invsrc_events WHERE id = $1",
    [IVS_PG_CLIENT_GET] = "SELECT sealed FROM invsrc_oauth_clients WHERE name = $1",
    [IVS_PG_CLIENT_PUT] =
        "INSERT INTO invsrc_oauth_clients (name, issuer, redirect_uri, sealed)"
        " VALUES ($1,$2,$3,$4)"
        " ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed",
    [IVS_PG_CLIENT_DROP] = "DELETE FROM invsrc_oauth_clients WHERE name = $1",
    [IVS_PG_APIKEY_ADD] =
        "INSERT INTO invsrc_api_keys (client_id, digest, storefront, name, created_at)"
        " VALUES ($1,$2,$3,$4,$5) ON CONFLICT (client_id) DO NOTHING",
    [IVS_PG_APIKEY_FIND] =
        "SELECT digest, storefront FROM invsrc_api_keys"
        " WHERE client_id = $1 AND revoked_at IS NULL",
    [IVS_PG_APIKEY_LIST] =
        "SELECT client_id, storefront, name, created_at, revoked_at"
        " FROM invsrc_api_keys"
        " WHERE $1::TEXT IS NULL OR storefront = $1 ORDER BY seq",
    [IVS_PG_APIKEY_REVOKE] =
        "UPDATE invsrc_api_keys SET revoked_at = coalesce(revoked_at, $2)"
        " WHERE client_id = $1",
};

/* ---- Queries ------------------------------------------------------------------------ */

void ivs_pg_query_begin(ivs_pg_query *query, ivs_pg_step *step, ivs_pg_sql which) {
  query->step = step;
  query->which = which;
  query->count = 0;
  query->result = NULL;
  query->row = -1;
  query->changes = 0;
  query->constraint[0] = '\0';
}

static void bind(ivs_pg_query *query, int parameter, Oid type, const char *bytes, uint64_t length) {
  if (parameter < 1 || parameter > IVS_PG_PARAMETERS || length > INT_MAX) {
    if (query->step->status == IVS_PG_OK) query->step->status = IVS_PG_FAILED;
    return;
  }
  query->types[parameter - 1] = type;
  query->values[parameter - 1] = bytes;
  query->lengths[parameter - 1] = (int)length;
  if (parameter > query->count) query->count = parameter;
}

void ivs_pg_bind_text(ivs_pg_query *query, int parameter, const char *text, uint64_t length) {
  bind(query, parameter, TYPE_TEXT, text, length);
}

void ivs_pg_bind_bytes(ivs_pg_query *query, int parameter, const void *bytes, uint64_t length) {
  bind(query, parameter, TYPE_BYTES, bytes, length);
}

/* Big end first, as in every number on the wire. */
void ivs_pg_bind_number(ivs_pg_query *query, int parameter, int64_t number) {
  char *bytes = query->numbers[parameter - 1];

  for (int i = 0; i < IVS_PG_NUMBER; i++)
    bytes[i] = (char)((uint64_t)number >> (8 * (IVS_PG_NUMBER - 1 - i)) & 0xff);
  bind(query, parameter, TYPE_NUMBER, bytes, IVS_PG_NUMBER);
}

static int64_t answer_by(const invsrc_postgres *pg) {
  return ivs_pg_now() + pg->statement_timeout + ANSWER_MILLISECONDS;
}

/* What is lost where nothing counts yet has not come to pass. */
static ivs_pg_status uncounted(ivs_pg_status status) {
  return status == IVS_PG_LOST ? IVS_PG_GONE : status == IVS_PG_UNHEARD ? IVS_PG_NO_MEMORY : status;
}

#define NAME_SIZE 16

static const char *name_of(const ivs_pg_query *query, char name[NAME_SIZE]) {
  snprintf(name, NAME_SIZE, "invsrc%d", (int)query->which);
  return name;
}

void ivs_pg_query_prepare(ivs_pg_query *query) {
  ivs_pg_step *step = query->step;
  ivs_pg_connection *connection = step->connection;
  ivs_pg_status status;
  char name[NAME_SIZE];

  if (step->status != IVS_PG_OK || connection->prepared[query->which]) return;
  if (PQsendPrepare(connection->handle, name_of(query, name), statements[query->which],
                    query->count, query->types))
    status = ivs_pg_connection_wait(connection, answer_by(step->pg), NULL);
  else
    status = ivs_pg_connection_unsent(connection);
  connection->prepared[query->which] = status == IVS_PG_OK;
  /* It may be there all the same, and cannot be made twice. */
  if (status == IVS_PG_UNHEARD) connection->is_spoilt = 1;
  step->status = uncounted(status);
}

/* What it gives is in binary form: bytes as they are. */
static void send_prepared(ivs_pg_query *query) {
  static const int binary[IVS_PG_PARAMETERS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  ivs_pg_step *step = query->step;
  char name[NAME_SIZE];

  if (step->status != IVS_PG_OK) return;
  if (!PQsendQueryPrepared(step->connection->handle, name_of(query, name), query->count,
                           query->values, query->lengths, binary, 1))
    step->status = ivs_pg_connection_unsent(step->connection);
}

static void take_result(ivs_pg_query *query) {
  const char *changes = PQcmdTuples(query->result);
  const char *constraint = PQresultErrorField(query->result, PG_DIAG_CONSTRAINT_NAME);

  for (; *changes >= '0' && *changes <= '9'; changes++)
    query->changes = query->changes * 10 + (uint64_t)(*changes - '0');
  snprintf(query->constraint, sizeof query->constraint, "%s", constraint ? constraint : "");
}

/* A connection is not used again where the server reads only, as another may take its place, or
 * where the statements that were prepared are not there, as something between mixes sessions. */
static void judge_connection(const ivs_pg_query *query) {
  const char *code = PQresultErrorField(query->result, PG_DIAG_SQLSTATE);

  if (code && (strcmp(code, "26000") == 0 || query->step->status == IVS_PG_READ_ONLY))
    query->step->connection->is_spoilt = 1;
}

static void judge_result(ivs_pg_query *query) {
  if (!query->result) return;
  take_result(query);
  judge_connection(query);
}

/* Before the end of a whole step nothing counts, so that nothing can have come to pass. */
ivs_pg_status ivs_pg_query_run(ivs_pg_query *query) {
  ivs_pg_step *step = query->step;

  ivs_pg_query_prepare(query);
  send_prepared(query);
  if (step->status != IVS_PG_OK) return step->status;
  step->status = ivs_pg_connection_wait(step->connection, answer_by(step->pg), &query->result);
  if (step->whole) step->status = uncounted(step->status);
  judge_result(query);
  return step->status;
}

int ivs_pg_query_next(ivs_pg_query *query) {
  if (query->step->status != IVS_PG_OK || query->row + 1 >= PQntuples(query->result)) return 0;
  query->row++;
  return 1;
}

static const char *column(const ivs_pg_query *query, int number, Oid type, uint64_t *length) {
  *length = 0;
  if (PQftype(query->result, number) != type || PQgetisnull(query->result, query->row, number))
    return NULL;
  *length = (uint64_t)PQgetlength(query->result, query->row, number);
  return PQgetvalue(query->result, query->row, number);
}

const char *ivs_pg_text(const ivs_pg_query *query, int number, uint64_t *length) {
  return column(query, number, TYPE_TEXT, length);
}

const void *ivs_pg_bytes(const ivs_pg_query *query, int number, uint64_t *length) {
  return column(query, number, TYPE_BYTES, length);
}

int64_t ivs_pg_number(const ivs_pg_query *query, int number) {
  uint64_t length, value = 0;
  const char *bytes = column(query, number, TYPE_NUMBER, &length);

  for (uint64_t i = 0; bytes && i < length; i++) value = value << 8 | (unsigned char)bytes[i];
  return (int64_t)value;
}

void ivs_pg_query_end(ivs_pg_query *query) {
  PQclear(query->result);
  query->result = NULL;
}

int32_t ivs_pg_query_do(ivs_pg_query *query) {
  ivs_pg_status status = ivs_pg_query_run(query);

  ivs_pg_query_end(query);
  return ivs_pg_outcome(status);
}

/* ---- Pipelines ---------------------------------------------------------------------- */

void ivs_pg_pipeline_begin(ivs_pg_step *step) {
  if (step->status == IVS_PG_OK && !PQenterPipelineMode(step->connection->handle))
    step->status = ivs_pg_connection_unsent(step->connection);
}

void ivs_pg_pipeline_send(ivs_pg_query *query) {
  send_prepared(query);
}

/* Without it nothing of what was sent counts. */
void ivs_pg_pipeline_sync(ivs_pg_step *step) {
  if (step->status != IVS_PG_OK || PQpipelineSync(step->connection->handle)) return;
  step->connection->is_spoilt = 1;
  step->status = IVS_PG_LOST; /* it may have gone out all the same */
}

/* An error takes the whole pipeline back, whatever becomes of the connection behind it. */
static void keep_first(ivs_pg_step *step, ivs_pg_status status) {
  if (step->status == IVS_PG_OK) step->status = status;
}

void ivs_pg_pipeline_receive(ivs_pg_query *query) {
  ivs_pg_step *step = query->step;

  if (step->connection->is_spoilt) return;
  keep_first(step, ivs_pg_connection_next(step->connection, answer_by(step->pg), &query->result));
  judge_result(query);
}

/* It counts when the answer to the sync is there. */
void ivs_pg_pipeline_end(ivs_pg_step *step) {
  ivs_pg_connection *connection = step->connection;
  int is_over = 0;

  while (!connection->is_spoilt && !is_over) {
    PGresult *result;
    keep_first(step, ivs_pg_connection_next(connection, answer_by(step->pg), &result));
    is_over = result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    PQclear(result);
  }
  if (!PQexitPipelineMode(connection->handle)) connection->is_spoilt = 1;
}

/* ---- Steps -------------------------------------------------------------------------- */

static ivs_pg_status run(const ivs_pg_step *step, const char *sql) {
  return ivs_pg_connection_run(step->connection, sql, step->pg->statement_timeout, NULL);
}

void ivs_pg_step_begin(ivs_pg_step *step) {
  step->status = ivs_pg_pool_borrow(step->pg, &step->connection);
  if (step->status != IVS_PG_OK)
    step->connection = NULL;
  else if (step->whole)
    step->status = uncounted(run(step, "BEGIN"));
}

/* The server would call it no failure to take back what it is told to commit. */
static ivs_pg_status commit(const ivs_pg_step *step) {
  if (PQtransactionStatus(step->connection->handle) != PQTRANS_INTRANS) return IVS_PG_FAILED;
  return run(step, "COMMIT");
}

int32_t ivs_pg_step_end(ivs_pg_step *step, int32_t outcome) {
  if (step->whole && outcome == INVSRC_OUTCOME_OK && step->status == IVS_PG_OK)
    step->status = commit(step);
  if (step->connection) {
    /* What cannot be taken back ends with the connection, which the pool does not take. */
    if (PQtransactionStatus(step->connection->handle) > PQTRANS_ACTIVE) run(step, "ROLLBACK");
    ivs_pg_pool_return(step->pg, step->connection);
  }
  step->connection = NULL;
  /* What was lost may have come to pass, whatever keeps from finding out. */
  if (step->was_lost && (step->status != IVS_PG_OK || outcome == INVSRC_OUTCOME_FAILED))
    step->status = IVS_PG_LOST;
  return step->status == IVS_PG_OK ? outcome : ivs_pg_outcome(step->status);
}

static int find_out(ivs_pg_step *step) {
  if (!step->give_up_at) step->give_up_at = ivs_pg_now() + step->pg->patience;
  if (ivs_pg_now() >= step->give_up_at) return 0;
  step->was_lost = 1;
  if (step->tries++) ivs_pg_pause(FIND_OUT_PAUSE);
  return 1;
}

/* Longer each time, and not all for the same time. */
static void stand_back(int tries) {
  struct timespec time = {0, 0};

  clock_gettime(CLOCK_MONOTONIC, &time);
  ivs_pg_pause(time.tv_nsec / 1000 % (1 << (tries < MOST_CLASH_PAUSE ? tries : MOST_CLASH_PAUSE)));
}

int ivs_pg_step_again(ivs_pg_step *step, int repeatable) {
  switch (step->status) {
    case IVS_PG_CLASH:
      if (step->tries++ >= MOST_CLASHES) return 0;
      stand_back(step->tries);
      return 1;
    case IVS_PG_LOST:
    case IVS_PG_UNHEARD:
      return repeatable && find_out(step);
    case IVS_PG_GONE:
      if (step->tries++) return 0;
      ivs_pg_pool_empty(step->pg); /* so it is with the others, most likely */
      return 1;
    default:
      return 0;
  }
}
