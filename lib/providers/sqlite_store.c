/*
 * The store interface on SQLite: one statement, and so one transaction, a write.
 */
#include "providers/sqlite.h"

/* The fields in the order of the statements' columns; `sealed` comes behind them. */
static const int32_t columns[] = {
    INVSRC_SOURCE_ID,
    INVSRC_SOURCE_SOURCE_ID,
    INVSRC_SOURCE_NAME,
    INVSRC_SOURCE_EXECUTION_TYPE,
    INVSRC_SOURCE_STATUS,
    INVSRC_SOURCE_AGENT_ID,
    INVSRC_SOURCE_TYPE,
    INVSRC_SOURCE_ENDPOINT_URL,
    INVSRC_SOURCE_PROTOCOL,
    INVSRC_SOURCE_AUTHENTICATION_TYPE,
    INVSRC_SOURCE_AUTH_CONFIGURED,
    INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL,
    INVSRC_SOURCE_DESCRIPTION,
    INVSRC_SOURCE_CREATED_AT,
    INVSRC_SOURCE_UPDATED_AT,
    INVSRC_SOURCE_STOREFRONT,
    INVSRC_SOURCE_OAUTH_AUDIENCE,
    INVSRC_SOURCE_REVISION,
};

#define COLUMNS ((int)(sizeof columns / sizeof *columns))
#define SEALED COLUMNS

static int bind_field(sqlite3_stmt *statement, int parameter, const invsrc_source *source,
                      int32_t field) {
  uint64_t length;
  const char *text;

  if (invsrc_source_field_kind(field) == 'N')
    return sqlite3_bind_int64(statement, parameter, invsrc_source_number(source, field));
  text = invsrc_source_text(source, field, &length);
  if (!text) return sqlite3_bind_null(statement, parameter);
  return sqlite3_bind_text64(statement, parameter, text, length, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_source(sqlite3_stmt *statement, const invsrc_source *source, const void *sealed,
                       uint64_t length) {
  int status = statement ? SQLITE_OK : SQLITE_NOMEM;

  for (int i = 0; i < COLUMNS && status == SQLITE_OK; i++)
    status = bind_field(statement, i + 1, source, columns[i]);
  if (status == SQLITE_OK && length)
    status = sqlite3_bind_blob64(statement, SEALED + 1, sealed, length, SQLITE_STATIC);
  return status;
}

/* Runs one of the statements that ask for a sourceId of a storefront. */
static int find(sqlite3_stmt *statement, const char *storefront, uint64_t storefront_length,
                const char *source_id, uint64_t source_id_length) {
  int status = statement ? SQLITE_OK : SQLITE_NOMEM;

  if (status == SQLITE_OK)
    status = sqlite3_bind_text64(statement, 1, storefront, storefront_length, SQLITE_STATIC,
                                 SQLITE_UTF8);
  if (status == SQLITE_OK)
    status =
        sqlite3_bind_text64(statement, 2, source_id, source_id_length, SQLITE_STATIC, SQLITE_UTF8);
  return status == SQLITE_OK ? sqlite3_step(statement) : status;
}

/* Which of the unique columns was in the way. */
static int32_t explain_constraint(ivs_connection *connection, const invsrc_source *source) {
  uint64_t storefront_length, source_id_length;
  const char *storefront = invsrc_source_text(source, INVSRC_SOURCE_STOREFRONT, &storefront_length);
  const char *source_id = invsrc_source_text(source, INVSRC_SOURCE_SOURCE_ID, &source_id_length);
  int status = find(ivs_sqlite_statement(connection, IVS_SQL_SOURCE_TAKEN), storefront,
                    storefront_length, source_id, source_id_length);

  if (status == SQLITE_ROW) return INVSRC_OUTCOME_CONFLICT;
  return status == SQLITE_DONE ? INVSRC_OUTCOME_DUPLICATE : ivs_sqlite_outcome(status);
}

static int32_t insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length) {
  ivs_connection *connection;
  int status = ivs_sqlite_borrow(context, 1, &connection);
  int32_t outcome;
  sqlite3_stmt *statement;

  if (status != SQLITE_OK) return ivs_sqlite_outcome(status);
  statement = ivs_sqlite_statement(connection, IVS_SQL_SOURCE_INSERT);
  status = bind_source(statement, source, sealed, length);
  if (status == SQLITE_OK) status = sqlite3_step(statement);
  if (status == SQLITE_DONE)
    outcome = INVSRC_OUTCOME_OK;
  else if (status == SQLITE_CONSTRAINT_UNIQUE)
    outcome = explain_constraint(connection, source);
  else
    outcome = ivs_sqlite_outcome(status);
  ivs_sqlite_return(context, 1, connection);
  return outcome;
}

static int32_t take_row(sqlite3_stmt *statement, invsrc_source *source, invsrc_buffer *sealed) {
  int32_t result = INVSRC_OK;

  for (int i = 0; i < COLUMNS && result == INVSRC_OK; i++) {
    if (sqlite3_column_type(statement, i) == SQLITE_NULL) continue;
    if (invsrc_source_field_kind(columns[i]) == 'N') {
      result = invsrc_source_set_number(source, columns[i], sqlite3_column_int64(statement, i));
    } else {
      const char *text = (const char *)sqlite3_column_text(statement, i);
      uint64_t length = (uint64_t)sqlite3_column_bytes(statement, i);
      result = invsrc_source_set_text(source, columns[i], text, length);
    }
  }
  if (result == INVSRC_OK && sqlite3_column_type(statement, SEALED) != SQLITE_NULL)
    result = invsrc_buffer_set(sealed, sqlite3_column_blob(statement, SEALED),
                               (uint64_t)sqlite3_column_bytes(statement, SEALED));
  return result == INVSRC_OK ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  ivs_connection *connection;
  int status = ivs_sqlite_borrow(context, 0, &connection);
  int32_t outcome;
  sqlite3_stmt *statement;

  if (status != SQLITE_OK) return ivs_sqlite_outcome(status);
  statement = ivs_sqlite_statement(connection, IVS_SQL_SOURCE_GET);
  status = find(statement, storefront, storefront_length, source_id, source_id_length);
  if (status == SQLITE_ROW)
    outcome = take_row(statement, source, sealed);
  else if (status == SQLITE_DONE)
    outcome = INVSRC_OUTCOME_NOT_FOUND;
  else
    outcome = ivs_sqlite_outcome(status);
  ivs_sqlite_return(context, 0, connection);
  return outcome;
}

const invsrc_store_vtable *invsrc_sqlite_store(void) {
  static const invsrc_store_vtable table = {sizeof table, 0, insert, get};

  return &table;
}
