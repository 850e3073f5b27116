/*
 * Clients that were registered with authorization servers, in the SQLite database.
 */
#include "providers/sqlite.h"

static void bind_name(ivs_query *query, const char *issuer, uint64_t issuer_length,
                      const char *redirect_uri, uint64_t redirect_uri_length) {
  ivs_query_bind_text(query, 1, issuer, issuer_length);
  ivs_query_bind_text(query, 2, redirect_uri, redirect_uri_length);
}

static int32_t get(void *context, const char *issuer, uint64_t issuer_length,
                   const char *redirect_uri, uint64_t redirect_uri_length, invsrc_buffer *sealed) {
  int32_t result = INVSRC_OK;
  const void *bytes;
  uint64_t length;
  ivs_query query;

  ivs_query_begin(&query, context, IVS_SQL_CLIENT_GET);
  bind_name(&query, issuer, issuer_length, redirect_uri, redirect_uri_length);
  if (ivs_query_step(&query) == SQLITE_ROW) {
    bytes = ivs_query_blob(&query, 0, &length);
    if (bytes) result = invsrc_buffer_set(sealed, bytes, length);
  }
  ivs_query_end(&query);
  if (query.status == SQLITE_DONE) return INVSRC_OUTCOME_NOT_FOUND;
  return result == INVSRC_OK ? ivs_sqlite_outcome(query.status) : INVSRC_OUTCOME_UNAVAILABLE;
}

/* Says whether there was one, which then shall leave the disk. */
static int32_t drop(ivs_step *step, const char *issuer, uint64_t issuer_length,
                    const char *redirect_uri, uint64_t redirect_uri_length) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_CLIENT_DROP);
  bind_name(&query, issuer, issuer_length, redirect_uri, redirect_uri_length);
  ivs_query_step(&query);
  ivs_query_end(&query);
  step->forgets = query.changes != 0;
  return ivs_sqlite_outcome(query.status);
}

static int32_t put(void *context, const char *issuer, uint64_t issuer_length,
                   const char *redirect_uri, uint64_t redirect_uri_length, const void *sealed,
                   uint64_t length) {
  int32_t outcome;
  ivs_query query;
  ivs_step step;

  ivs_step_begin(&step, context, 1);
  outcome = drop(&step, issuer, issuer_length, redirect_uri, redirect_uri_length);
  if (outcome == INVSRC_OUTCOME_OK && length) {
    ivs_query_join(&query, &step, IVS_SQL_CLIENT_ADD);
    bind_name(&query, issuer, issuer_length, redirect_uri, redirect_uri_length);
    ivs_query_bind_blob(&query, 3, sealed, length);
    ivs_query_step(&query);
    ivs_query_end(&query);
    outcome = ivs_sqlite_outcome(query.status);
  }
  return ivs_step_end(&step, outcome);
}

const invsrc_clients_vtable *invsrc_sqlite_clients(void) {
  static const invsrc_clients_vtable table = {sizeof table, 0, get, put};

  return &table;
}
