/*
 * The store interface on SQLite: each write is one statement, and so one
 * transaction, which SQLite rolls back where it fails.
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

static void bind_source(ivs_query *query, const invsrc_source *source) {
  for (int i = 0; i < COLUMNS; i++) {
    uint64_t length;
    const char *text = invsrc_source_text(source, columns[i], &length);
    if (invsrc_source_field_kind(columns[i]) == 'N')
      ivs_query_bind_number(query, i + 1, invsrc_source_number(source, columns[i]));
    else
      ivs_query_bind_text(query, i + 1, text, length);
  }
}

static int32_t insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length) {
  ivs_query query;

  ivs_query_begin(&query, context, IVS_SQL_SOURCE_INSERT);
  bind_source(&query, source);
  ivs_query_bind_blob(&query, SEALED + 1, length ? sealed : NULL, length);
  ivs_query_step(&query);
  ivs_query_end(&query);
  if (query.status == SQLITE_CONSTRAINT_UNIQUE) return INVSRC_OUTCOME_DUPLICATE;
  if (query.status == SQLITE_DONE && query.changes == 0) return INVSRC_OUTCOME_CONFLICT;
  return ivs_sqlite_outcome(query.status);
}

/* Copies the row out. A result code; the query's status says what SQLite thinks. */
static int32_t take_row(ivs_query *query, invsrc_source *source, invsrc_buffer *sealed) {
  int32_t result = INVSRC_OK;
  uint64_t length;

  for (int i = 0; i < COLUMNS && result == INVSRC_OK; i++) {
    if (invsrc_source_field_kind(columns[i]) == 'N') {
      result = invsrc_source_set_number(source, columns[i], ivs_query_number(query, i));
    } else {
      const char *text = ivs_query_text(query, i, &length);
      if (text) result = invsrc_source_set_text(source, columns[i], text, length);
    }
  }
  if (result == INVSRC_OK) {
    const void *bytes = ivs_query_blob(query, SEALED, &length);
    if (bytes) result = invsrc_buffer_set(sealed, bytes, length);
  }
  return result;
}

static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  int32_t result = INVSRC_OK;
  ivs_query query;

  ivs_query_begin(&query, context, IVS_SQL_SOURCE_GET);
  ivs_query_bind_text(&query, 1, storefront, storefront_length);
  ivs_query_bind_text(&query, 2, source_id, source_id_length);
  if (ivs_query_step(&query) == SQLITE_ROW) result = take_row(&query, source, sealed);
  ivs_query_end(&query);
  if (query.status == SQLITE_DONE) return INVSRC_OUTCOME_NOT_FOUND;
  if (result == INVSRC_ENOMEM) return INVSRC_OUTCOME_UNAVAILABLE;
  if (result != INVSRC_OK) return INVSRC_OUTCOME_FAILED; /* not what insert() stored */
  return ivs_sqlite_outcome(query.status);
}

const invsrc_store_vtable *invsrc_sqlite_store(void) {
  static const invsrc_store_vtable table = {sizeof table, 0, insert, get};

  return &table;
}
