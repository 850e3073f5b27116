/*
 * API keys in the SQLite database: of each only its digest.
 */
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "providers/apikey.h"
#include "providers/sqlite.h"

static int64_t now(clockid_t clock) {
  struct timespec time = {0, 0};

  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void bind(ivs_query *query, int parameter, const char *text) {
  ivs_query_bind_text(query, parameter, text, text ? strlen(text) : 0);
}

/* ---- Authentication ------------------------------------------------------------ */

static int32_t judge(ivs_query *query, const ivs_apikey *given, const ivs_known_question *question,
                     invsrc_buffer *storefront) {
  ivs_known_row row = {NULL, 0, NULL, 0};
  int32_t outcome;

  if (query->status == SQLITE_ROW) {
    row.digest = ivs_query_blob(query, 0, &row.digest_length);
    row.storefront = ivs_query_text(query, 1, &row.length);
  }
  outcome = ivs_sqlite_outcome(query->status);
  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  return ivs_known_keys_judge(&query->db->known, question, given, &row, storefront);
}

static int32_t authenticate(void *context, const char *token, uint64_t length,
                            invsrc_buffer *storefront) {
  invsrc_sqlite *db = context;
  ivs_apikey given;
  ivs_known_question question;
  ivs_query query;
  int32_t outcome = ivs_apikey_parse(token, length, &given);

  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  question = ivs_known_keys_ask(&db->known, now(CLOCK_MONOTONIC));
  outcome = ivs_known_keys_find(&db->known, &question, &given, storefront);
  if (outcome != INVSRC_OUTCOME_UNKNOWN) return outcome;
  ivs_query_begin(&query, db, IVS_SQL_APIKEY_FIND);
  bind(&query, 1, given.client_id);
  ivs_query_step(&query);
  outcome = judge(&query, &given, &question, storefront);
  ivs_query_end(&query);
  return outcome;
}

const invsrc_authenticator_vtable *invsrc_sqlite_authenticator(void) {
  static const invsrc_authenticator_vtable table = {sizeof table, 0, authenticate};

  return &table;
}

/* ---- Administration -------------------------------------------------------------- */

/* How a write of one query went, to be reported. */
typedef struct change {
  const ivs_apikey *drawn; /* to add */
  const char *storefront;
  const char *name;
  const char *client_id; /* to revoke */
  int status;
  int changes;
} change;

static int32_t end(change *it, ivs_query *query) {
  ivs_query_step(query);
  ivs_query_end(query);
  it->status = query->status;
  it->changes = query->changes;
  return ivs_sqlite_outcome(query->status);
}

/* SQLITE_OK, or why it was not made. */
static int make_change(invsrc_sqlite *db, ivs_write_run *run, change *it) {
  int status;
  int32_t outcome = ivs_sqlite_write(db, run, it, &status);

  if (status != SQLITE_OK) return status;
  return outcome == INVSRC_OUTCOME_OK ? SQLITE_OK : it->status;
}

static int32_t add(ivs_step *step, void *context) {
  change *it = context;
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_APIKEY_ADD);
  bind(&query, 1, it->drawn->client_id);
  ivs_query_bind_blob(&query, 2, it->drawn->digest, sizeof it->drawn->digest);
  bind(&query, 3, it->storefront);
  bind(&query, 4, it->name ? it->name : "");
  ivs_query_bind_number(&query, 5, now(CLOCK_REALTIME));
  return end(it, &query);
}

int32_t invsrc_sqlite_apikey_add(invsrc_sqlite *db, const char *storefront, const char *name,
                                 invsrc_buffer *key, invsrc_error *error) {
  ivs_apikey drawn;
  change it = {.drawn = &drawn, .storefront = storefront, .name = name};
  int32_t result;

  if (!db || !key) return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  result = ivs_apikey_check(storefront, name, error);
  if (result == INVSRC_OK) result = ivs_apikey_draw(&drawn, key, error);
  if (result != INVSRC_OK) return result;
  result = ivs_sqlite_report(make_change(db, add, &it), error);
  if (result != INVSRC_OK) invsrc_buffer_set(key, NULL, 0); /* not kept, it is no key */
  return result;
}

static void show(ivs_query *query, invsrc_apikey_visitor visit, void *context) {
  invsrc_apikey key = {sizeof key, INVSRC_APIKEY_ACTIVE, NULL, NULL, NULL, 0, 0};
  uint64_t ignored;

  key.client_id = ivs_query_text(query, 0, &ignored);
  key.storefront = ivs_query_text(query, 1, &ignored);
  key.name = ivs_query_text(query, 2, &ignored);
  key.created_at = ivs_query_number(query, 3);
  key.revoked_at = ivs_query_number(query, 4); /* 0 for NULL */
  if (key.revoked_at) key.status = INVSRC_APIKEY_REVOKED;
  if (query->status == SQLITE_ROW) visit(context, &key);
}

int32_t invsrc_sqlite_apikey_list(invsrc_sqlite *db, const char *storefront,
                                  invsrc_apikey_visitor visit, void *context, invsrc_error *error) {
  ivs_query query;

  if (!db || !visit) return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  ivs_query_begin(&query, db, IVS_SQL_APIKEY_LIST);
  bind(&query, 1, storefront);
  while (ivs_query_step(&query) == SQLITE_ROW) show(&query, visit, context);
  ivs_query_end(&query);
  return ivs_sqlite_report(query.status, error);
}

static int32_t revoke(ivs_step *step, void *context) {
  change *it = context;
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_APIKEY_REVOKE);
  ivs_query_bind_number(&query, 1, now(CLOCK_REALTIME));
  bind(&query, 2, it->client_id);
  return end(it, &query);
}

int32_t invsrc_sqlite_apikey_revoke(invsrc_sqlite *db, const char *client_id, invsrc_error *error) {
  change it = {.client_id = client_id};
  int32_t result;

  if (!db || !client_id)
    return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  result = ivs_sqlite_report(make_change(db, revoke, &it), error);
  ivs_known_keys_change(&db->known);
  if (result == INVSRC_OK && it.changes == 0)
    return ivs_error_fail(error, INVSRC_ENOTFOUND, "there is no API key with this client id");
  return result;
}
