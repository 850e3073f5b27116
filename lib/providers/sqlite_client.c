/*
 * Clients that were registered with authorization servers, in the SQLite database.
 */
#include "providers/sqlite.h"

/* Whose client it is, and what was sealed of it. */
typedef struct client {
  const char *issuer;
  uint64_t issuer_length;
  const char *redirect_uri;
  uint64_t redirect_uri_length;
  const void *sealed;
  uint64_t sealed_length;
} client;

static void bind_name(ivs_query *query, const client *it) {
  ivs_query_bind_text(query, 1, it->issuer, it->issuer_length);
  ivs_query_bind_text(query, 2, it->redirect_uri, it->redirect_uri_length);
}

static int32_t get(void *context, const char *issuer, uint64_t issuer_length,
                   const char *redirect_uri, uint64_t redirect_uri_length, invsrc_buffer *sealed) {
  const client it = {issuer, issuer_length, redirect_uri, redirect_uri_length, NULL, 0};
  int32_t result = INVSRC_OK;
  const void *bytes;
  uint64_t length;
  ivs_query query;

  ivs_query_begin(&query, context, IVS_SQL_CLIENT_GET);
  bind_name(&query, &it);
  if (ivs_query_step(&query) == SQLITE_ROW) {
    bytes = ivs_query_blob(&query, 0, &length);
    if (bytes) result = invsrc_buffer_set(sealed, bytes, length);
  }
  ivs_query_end(&query);
  if (query.status == SQLITE_DONE) return INVSRC_OUTCOME_NOT_FOUND;
  return result == INVSRC_OK ? ivs_sqlite_outcome(query.status) : INVSRC_OUTCOME_UNAVAILABLE;
}

/* What there was shall leave the disk. */
static int32_t drop(ivs_step *step, const client *it) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_CLIENT_DROP);
  bind_name(&query, it);
  ivs_query_step(&query);
  ivs_query_end(&query);
  step->forgets |= query.changes != 0;
  return ivs_sqlite_outcome(query.status);
}

static int32_t exchange(ivs_step *step, void *context) {
  const client *it = context;
  int32_t outcome = drop(step, it);
  ivs_query query;

  if (outcome != INVSRC_OUTCOME_OK || !it->sealed_length) return outcome;
  ivs_query_join(&query, step, IVS_SQL_CLIENT_ADD);
  bind_name(&query, it);
  ivs_query_bind_blob(&query, 3, it->sealed, it->sealed_length);
  ivs_query_step(&query);
  ivs_query_end(&query);
  return ivs_sqlite_outcome(query.status);
}

static int32_t put(void *context, const char *issuer, uint64_t issuer_length,
                   const char *redirect_uri, uint64_t redirect_uri_length, const void *sealed,
                   uint64_t length) {
  client it = {issuer, issuer_length, redirect_uri, redirect_uri_length, sealed, length};

  return ivs_sqlite_write(context, exchange, &it, NULL);
}

const invsrc_clients_vtable *invsrc_sqlite_clients(void) {
  static const invsrc_clients_vtable table = {sizeof table, 0, get, put};

  return &table;
}
