/*
 * Connections, statements, queries and steps that read; what SQLite's result codes mean.
 * See sqlite.h.
 */
#include <stdlib.h>

#include "core/error.h"
#include "providers/sqlite.h"

/* Connections beyond these are closed when they come back. */
#define IDLE_MOST 8

/* The columns of a source, in the order of its fields. The number of a field is the number
 * of its parameter too, in an insert as in an update. */
#define SOURCE_COLUMNS                                                                        \
  "id, source_id, name, execution_type, status, agent_id, type, endpoint_url, protocol, "     \
  "authentication_type, auth_configured, oauth_authorization_url, description, created_at, "  \
  "updated_at, storefront, oauth_audience, revision, attempts, last_checked_at, last_error, " \
  "next_check_at, credential_proven, unreachable, oauth_state, oauth_expires_at, "            \
  "oauth_private_state, oauth_refresh_at"
#define RECORD_COLUMNS                                                                \
  "name, execution_type, status, type, endpoint_url, protocol, authentication_type, " \
  "auth_configured, oauth_authorization_url, description, created_at, updated_at, "   \
  "oauth_audience, revision, oauth_state, oauth_expires_at, oauth_private_state"
#define CHECK_COLUMNS                                                                      \
  "attempts, last_checked_at, last_error, next_check_at, credential_proven, unreachable, " \
  "oauth_refresh_at"

/* And behind these what was sealed, or NULL, and its key. */
#define SEALED_AND_KEY "sealed, key FROM sources LEFT JOIN row_keys USING (seq)"
#define SOURCES_AND_SEALED "SELECT " SOURCE_COLUMNS ", " SEALED_AND_KEY

/* Those that are due at ?1, at most ?2. */
#define DUE " WHERE next_check_at > 0 AND next_check_at <= ?1 ORDER BY next_check_at, seq LIMIT ?2"

static const char *const statements[IVS_SQL_END] = {
    [IVS_SQL_BEGIN_READING] = "BEGIN",
    [IVS_SQL_BEGIN_WRITING] = "BEGIN IMMEDIATE",
    [IVS_SQL_COMMIT] = "COMMIT",
    [IVS_SQL_ROLLBACK] = "ROLLBACK",
    /* A sourceId that is taken changes nothing; an id that is taken is an error. */
    [IVS_SQL_SOURCE_INSERT] = "INSERT INTO sources (" SOURCE_COLUMNS
                              ", sealed) VALUES"
                              " (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,"
                              "?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,?28,?29)"
                              " ON CONFLICT (storefront, source_id) DO NOTHING",
    [IVS_SQL_SOURCE_GET] = SOURCES_AND_SEALED " WHERE storefront = ? AND source_id = ?",
    [IVS_SQL_SOURCE_OF_AGENT] = SOURCES_AND_SEALED " WHERE agent_id = ?",
    [IVS_SQL_SOURCE_OF_STATE] = SOURCES_AND_SEALED " WHERE oauth_state = ?",
    [IVS_SQL_SOURCE_FIND] =
        "SELECT seq, revision, next_check_at, auth_configured, sealed IS NOT NULL"
        " FROM sources WHERE id = ?",
    [IVS_SQL_SOURCE_UPDATE_RECORD] = "UPDATE sources SET (" RECORD_COLUMNS
                                     ") ="
                                     " (?3,?4,?5,?7,?8,?9,?10,?11,?12,?13,?14,?15,?17,?18,"
                                     "?25,?26,?27)"
                                     " WHERE id = ?1",
    [IVS_SQL_SOURCE_UPDATE_CHECK] = "UPDATE sources SET (" CHECK_COLUMNS
                                    ") ="
                                    " (?19,?20,?21,?22,?23,?24,?28) WHERE id = ?1",
    [IVS_SQL_SOURCE_REMOVE] = "DELETE FROM sources WHERE seq = ?",
    [IVS_SQL_SOURCES_PAGE] =
        "SELECT " SOURCE_COLUMNS " FROM sources WHERE storefront = ? ORDER BY seq LIMIT ? OFFSET ?",
    [IVS_SQL_SOURCES_COUNT] = "SELECT count(*) FROM sources WHERE storefront = ?",
    [IVS_SQL_SOURCES_DUE] = SOURCES_AND_SEALED DUE,
    [IVS_SQL_SOURCES_CLAIM] =
        "UPDATE sources SET next_check_at = ?3"
        " WHERE seq IN (SELECT seq FROM sources" DUE ")",
    [IVS_SQL_EVENT_ADD] =
        "INSERT INTO events (id, type, storefront, time, payload, attempts, next_at)"
        " VALUES (?1,?2,?3,?4,?5,?6,?4)",
    [IVS_SQL_EVENT_NEXT] =
        "SELECT id, type, storefront, time, payload, attempts FROM events"
        " WHERE next_at <= ? ORDER BY next_at, seq LIMIT 1",
    [IVS_SQL_EVENT_CLAIM] = "UPDATE events SET next_at = ? WHERE id = ?",
    [IVS_SQL_EVENT_POSTPONE] =
        "UPDATE events SET next_at = ?, attempts = attempts + 1 WHERE id = ?",
    [IVS_SQL_EVENT_FORGET] = "DELETE FROM events WHERE id = ?",
    [IVS_SQL_SEALED_GET] = "SELECT " SEALED_AND_KEY " WHERE seq = ?",
    [IVS_SQL_SEALED_PUT] = "UPDATE sources SET sealed = ?2 WHERE seq = ?1",
    [IVS_SQL_SEALED_NEXT] = "SELECT seq, storefront, id, " SEALED_AND_KEY
                            " WHERE seq > ? AND sealed IS NOT NULL ORDER BY seq LIMIT 1",
    [IVS_SQL_SEALED_IS] = "SELECT 1 FROM sources WHERE seq = ? AND sealed = ?",
    [IVS_SQL_KEY_PUT] =
        "INSERT INTO row_keys (seq, key) VALUES (?1, ?2)"
        " ON CONFLICT (seq) DO UPDATE SET key = excluded.key",
    [IVS_SQL_CLIENT_GET] = "SELECT sealed FROM oauth_clients WHERE issuer = ? AND redirect_uri = ?",
    [IVS_SQL_CLIENT_ADD] =
        "INSERT INTO oauth_clients (issuer, redirect_uri, sealed) VALUES (?,?,?)",
    [IVS_SQL_CLIENT_DROP] = "DELETE FROM oauth_clients WHERE issuer = ? AND redirect_uri = ?",
    [IVS_SQL_CLIENT_NEXT] =
        "SELECT seq, redirect_uri, issuer, sealed FROM oauth_clients"
        " WHERE seq > ? ORDER BY seq LIMIT 1",
    [IVS_SQL_CLIENT_REPLACE] = "UPDATE oauth_clients SET sealed = ? WHERE seq = ? AND sealed = ?",
    [IVS_SQL_APIKEY_ADD] =
        "INSERT INTO api_keys (client_id, digest, storefront, name, created_at)"
        " VALUES (?,?,?,?,?)",
    [IVS_SQL_APIKEY_FIND] =
        "SELECT digest, storefront FROM api_keys WHERE client_id = ? AND revoked_at IS NULL",
    [IVS_SQL_APIKEY_LIST] =
        "SELECT client_id, storefront, name, created_at, revoked_at FROM api_keys"
        " WHERE ?1 IS NULL OR storefront = ?1 ORDER BY seq",
    [IVS_SQL_APIKEY_REVOKE] =
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE client_id = ?",
};

/* ---- Statuses ------------------------------------------------------------------- */

/* The primary result codes that have a meaning of their own. What is not here
 * failed for good. */
static const struct meaning {
  int status;
  int32_t outcome;
  int32_t result;
  const char *message;
} meanings[] = {
    {SQLITE_OK, INVSRC_OUTCOME_OK, INVSRC_OK, ""},
    {SQLITE_ROW, INVSRC_OUTCOME_OK, INVSRC_OK, ""},
    {SQLITE_DONE, INVSRC_OUTCOME_OK, INVSRC_OK, ""},
    {SQLITE_BUSY, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE, "the database is locked"},
    {SQLITE_LOCKED, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE, "the database is locked"},
    {SQLITE_NOMEM, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_ENOMEM, "memory ran out"},
    {SQLITE_FULL, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "the disk is full"},
    {SQLITE_IOERR, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "reading or writing the disk failed"},
    {SQLITE_CANTOPEN, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO,
     "the database file, or one beside it, cannot be opened"},
    {SQLITE_READONLY, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO,
     "the database file cannot be written"},
    {SQLITE_PERM, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "access to the database is denied"},
    {SQLITE_AUTH, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "access to the database is denied"},
    {SQLITE_NOTADB, INVSRC_OUTCOME_FAILED, INVSRC_EREFUSED, "the file is no SQLite database"},
    {SQLITE_CORRUPT, INVSRC_OUTCOME_FAILED, INVSRC_EIO, "the database is damaged"},
};

static const struct meaning *meaning_of(int status) {
  static const struct meaning other = {SQLITE_ERROR, INVSRC_OUTCOME_FAILED, INVSRC_EIO,
                                       "the database failed"};

  for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
    if (meanings[i].status == (status & 0xff)) return &meanings[i];
  return &other;
}

int32_t ivs_sqlite_outcome(int status) {
  return meaning_of(status)->outcome;
}

int32_t ivs_sqlite_report(int status, invsrc_error *error) {
  const struct meaning *meaning = meaning_of(status);

  if (meaning->result != INVSRC_OK)
    ivs_error_set(error, meaning->result, INVSRC_NO_OFFSET, "%s", meaning->message);
  return meaning->result;
}

/* ---- Connections ------------------------------------------------------------------ */

void ivs_connection_free(ivs_connection *connection) {
  if (!connection) return;
  for (int i = 0; i < IVS_SQL_END; i++) sqlite3_finalize(connection->statements[i]);
  sqlite3_close(connection->handle);
  EVP_CIPHER_CTX_free(connection->cipher); /* which wipes it */
  free(connection);
}

int ivs_connection_run(ivs_connection *connection, const char *sql) {
  return sqlite3_exec(connection->handle, sql, NULL, NULL, NULL);
}

/* With the settings that do not live in the file. */
int ivs_connection_new(const char *path, ivs_connection **out) {
  ivs_connection *connection = calloc(1, sizeof *connection);
  int status = SQLITE_NOMEM;

  if (connection)
    status =
        sqlite3_open_v2(path, &connection->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  if (status == SQLITE_OK)
    status = sqlite3_busy_timeout(connection->handle, IVS_SQLITE_BUSY_MILLISECONDS);
  if (status == SQLITE_OK)
    status = ivs_connection_run(connection,
                                "PRAGMA synchronous = FULL;"
                                "PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON;"
                                "PRAGMA temp_store = MEMORY;"
                                "PRAGMA journal_size_limit = 16777216;"); /* of a long log */
  if (status != SQLITE_OK) {
    ivs_connection_free(connection);
    connection = NULL;
  }
  *out = connection;
  return status;
}

static int borrow(invsrc_sqlite *db, ivs_connection **connection) {
  pthread_mutex_lock(&db->idle_lock);
  *connection = db->idle;
  if (*connection) {
    db->idle = (*connection)->next;
    db->idle_count--;
  }
  pthread_mutex_unlock(&db->idle_lock);
  return *connection ? SQLITE_OK : ivs_connection_new(db->path, connection);
}

static void give_back(invsrc_sqlite *db, ivs_connection *connection) {
  pthread_mutex_lock(&db->idle_lock);
  if (db->idle_count < IDLE_MOST) {
    connection->next = db->idle;
    db->idle = connection;
    db->idle_count++;
    connection = NULL;
  }
  pthread_mutex_unlock(&db->idle_lock);
  ivs_connection_free(connection);
}

/* ---- Queries ------------------------------------------------------------------------ */

int ivs_connection_prepare(ivs_connection *connection, ivs_sql which) {
  sqlite3_stmt **statement = &connection->statements[which];

  if (*statement) return SQLITE_OK;
  return sqlite3_prepare_v3(connection->handle, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
                            statement, NULL);
}

int ivs_connection_run_kept(ivs_connection *connection, ivs_sql which) {
  int status = ivs_connection_prepare(connection, which);

  if (status != SQLITE_OK) return status;
  status = sqlite3_step(connection->statements[which]);
  sqlite3_reset(connection->statements[which]);
  return status == SQLITE_DONE ? SQLITE_OK : status;
}

static void take_statement(ivs_query *query, ivs_sql which) {
  if (query->status == SQLITE_OK) query->status = ivs_connection_prepare(query->connection, which);
  if (query->status == SQLITE_OK) query->statement = query->connection->statements[which];
}

void ivs_query_begin(ivs_query *query, invsrc_sqlite *db, ivs_sql which) {
  *query = (ivs_query){.db = db};
  query->status = borrow(db, &query->connection);
  take_statement(query, which);
}

void ivs_query_join(ivs_query *query, ivs_step *step, ivs_sql which) {
  *query = (ivs_query){
      .db = step->db, .connection = step->connection, .joined = 1, .status = step->status};
  take_statement(query, which);
}

void ivs_query_bind_text(ivs_query *query, int parameter, const char *text, uint64_t length) {
  if (query->status == SQLITE_OK)
    query->status =
        sqlite3_bind_text64(query->statement, parameter, text, length, SQLITE_STATIC, SQLITE_UTF8);
}

void ivs_query_bind_blob(ivs_query *query, int parameter, const void *bytes, uint64_t length) {
  if (query->status == SQLITE_OK)
    query->status = sqlite3_bind_blob64(query->statement, parameter, bytes, length, SQLITE_STATIC);
}

void ivs_query_bind_number(ivs_query *query, int parameter, int64_t number) {
  if (query->status == SQLITE_OK)
    query->status = sqlite3_bind_int64(query->statement, parameter, number);
}

int ivs_query_step(ivs_query *query) {
  if (query->status != SQLITE_OK && query->status != SQLITE_ROW) return query->status;
  query->status = sqlite3_step(query->statement);
  if (query->status == SQLITE_DONE && !sqlite3_stmt_readonly(query->statement))
    query->changes = sqlite3_changes(query->connection->handle);
  return query->status;
}

/* What a column gave; nothing where there is something means that memory ran out. */
static const void *column(ivs_query *query, int number, const void *bytes, uint64_t *length) {
  *length = (uint64_t)sqlite3_column_bytes(query->statement, number);
  if (!bytes && sqlite3_errcode(query->connection->handle) == SQLITE_NOMEM)
    query->status = SQLITE_NOMEM;
  return bytes;
}

const char *ivs_query_text(ivs_query *query, int number, uint64_t *length) {
  return column(query, number, sqlite3_column_text(query->statement, number), length);
}

const void *ivs_query_blob(ivs_query *query, int number, uint64_t *length) {
  return column(query, number, sqlite3_column_blob(query->statement, number), length);
}

int64_t ivs_query_number(ivs_query *query, int number) {
  return sqlite3_column_int64(query->statement, number);
}

void ivs_query_end(ivs_query *query) {
  if (query->statement) {
    sqlite3_reset(query->statement);
    sqlite3_clear_bindings(query->statement);
  }
  if (query->connection && !query->joined) give_back(query->db, query->connection);
  query->statement = NULL;
  query->connection = NULL;
}

/* ---- Steps -------------------------------------------------------------------------- */

/* What ends the step is at hand before it begins. */
void ivs_step_begin(ivs_step *step, invsrc_sqlite *db) {
  *step = (ivs_step){.db = db};
  step->status = borrow(db, &step->connection);
  if (step->status == SQLITE_OK)
    step->status = ivs_connection_prepare(step->connection, IVS_SQL_COMMIT);
  if (step->status == SQLITE_OK)
    step->status = ivs_connection_run_kept(step->connection, IVS_SQL_BEGIN_READING);
}

/* Nothing was changed: that it ends is all there is to it. */
void ivs_step_end(ivs_step *step) {
  if (step->status == SQLITE_OK) ivs_connection_run_kept(step->connection, IVS_SQL_COMMIT);
  if (step->connection) give_back(step->db, step->connection);
}
