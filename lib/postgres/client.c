/*
 * Clients that were registered with authorization servers, in PostgreSQL: each under the
 * digests of its issuer and its redirect URI.
 */
#include "core/digest.h"
#include "postgres/postgres.h"

#define NAME_SIZE (2 * IVS_DIGEST_SIZE)

static int32_t make_name(const char *issuer, uint64_t issuer_length, const char *redirect_uri,
                         uint64_t redirect_uri_length, uint8_t name[NAME_SIZE]) {
  int32_t result = ivs_digest(issuer, (size_t)issuer_length, name);

  if (result == INVSRC_OK)
    result = ivs_digest(redirect_uri, (size_t)redirect_uri_length, name + IVS_DIGEST_SIZE);
  return result == INVSRC_OK ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t take(ivs_pg_query *query, invsrc_buffer *sealed) {
  int32_t outcome = ivs_pg_outcome(ivs_pg_query_run(query));
  const void *bytes;
  uint64_t length;

  if (ivs_pg_query_next(query)) {
    bytes = ivs_pg_bytes(query, 0, &length);
    if (bytes && invsrc_buffer_set(sealed, bytes, length) != INVSRC_OK)
      outcome = INVSRC_OUTCOME_UNAVAILABLE;
  } else if (outcome == INVSRC_OUTCOME_OK) {
    outcome = INVSRC_OUTCOME_NOT_FOUND;
  }
  ivs_pg_query_end(query);
  return outcome;
}

static int32_t get(void *context, const char *issuer, uint64_t issuer_length,
                   const char *redirect_uri, uint64_t redirect_uri_length, invsrc_buffer *sealed) {
  ivs_pg_step step = {.pg = context};
  uint8_t name[NAME_SIZE];
  ivs_pg_query query;
  int32_t outcome = make_name(issuer, issuer_length, redirect_uri, redirect_uri_length, name);

  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, IVS_PG_CLIENT_GET);
    ivs_pg_bind_bytes(&query, 1, name, sizeof name);
    outcome = ivs_pg_step_end(&step, take(&query, sealed));
  } while (ivs_pg_step_again(&step, 1));
  return outcome;
}

static int32_t put(void *context, const char *issuer, uint64_t issuer_length,
                   const char *redirect_uri, uint64_t redirect_uri_length, const void *sealed,
                   uint64_t length) {
  ivs_pg_step step = {.pg = context};
  uint8_t name[NAME_SIZE];
  ivs_pg_query query;
  int32_t outcome = make_name(issuer, issuer_length, redirect_uri, redirect_uri_length, name);

  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, length ? IVS_PG_CLIENT_PUT : IVS_PG_CLIENT_DROP);
    ivs_pg_bind_bytes(&query, 1, name, sizeof name);
    if (length) {
      ivs_pg_bind_text(&query, 2, issuer, issuer_length);
      ivs_pg_bind_text(&query, 3, redirect_uri, redirect_uri_length);
      ivs_pg_bind_bytes(&query, 4, sealed, length);
    }
    outcome = ivs_pg_step_end(&step, ivs_pg_query_do(&query));
  } while (ivs_pg_step_again(&step, 1));
  return outcome;
}

const invsrc_clients_vtable *invsrc_postgres_clients(void) {
  static const invsrc_clients_vtable table = {sizeof table, 0, get, put};

  return &table;
}
