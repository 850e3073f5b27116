/*
 * API keys in PostgreSQL: of each only its digest.
 */
#include "core/apikey.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/text.h"
#include "postgres/postgres.h"

static int64_t now(void) {
  struct timespec time = {0, 0};

  clock_gettime(CLOCK_REALTIME, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* The server would call what is not UTF-8 an error; it is nobody's. */
static int may_be_kept(const char *text) {
  return ivs_text_is_utf8(text, strlen(text), NULL);
}

static void bind(ivs_pg_query *query, int parameter, const char *text) {
  ivs_pg_bind_text(query, parameter, text, text ? strlen(text) : 0);
}

/* ---- Authentication ------------------------------------------------------------ */

static int32_t judge(ivs_pg_query *query, const ivs_apikey *given,
                     const ivs_known_question *question, invsrc_buffer *storefront) {
  ivs_known_row row = {NULL, 0, NULL, 0};
  int32_t outcome = ivs_pg_outcome(ivs_pg_query_run(query));

  if (ivs_pg_query_next(query)) {
    row.digest = ivs_pg_bytes(query, 0, &row.digest_length);
    row.storefront = ivs_pg_text(query, 1, &row.length);
  }
  if (outcome == INVSRC_OUTCOME_OK)
    outcome = ivs_known_keys_judge(&query->step->pg->known, question, given, &row, storefront);
  ivs_pg_query_end(query);
  return outcome;
}

static int32_t authenticate(void *context, const char *token, uint64_t length,
                            invsrc_buffer *storefront) {
  invsrc_postgres *pg = context;
  ivs_pg_step step = {.pg = pg};
  ivs_pg_query query;
  ivs_apikey given;
  ivs_known_question question;
  int32_t outcome = ivs_apikey_parse(token, length, &given);

  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  question = ivs_known_keys_ask(&pg->known, ivs_pg_now());
  outcome = ivs_known_keys_find(&pg->known, &question, &given, storefront);
  if (outcome != INVSRC_OUTCOME_UNKNOWN) return outcome;
  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, IVS_PG_APIKEY_FIND);
    bind(&query, 1, given.client_id);
    outcome = ivs_pg_step_end(&step, judge(&query, &given, &question, storefront));
  } while (ivs_pg_step_again(&step, 1));
  return outcome;
}

const invsrc_authenticator_vtable *invsrc_postgres_authenticator(void) {
  static const invsrc_authenticator_vtable table = {sizeof table, 0, authenticate};

  return &table;
}

/* ---- Administration -------------------------------------------------------------- */

static int32_t draw(ivs_apikey *key, invsrc_buffer *text, invsrc_error *error) {
  uint8_t random[IVS_APIKEY_RANDOM];
  int32_t result = INVSRC_ECRYPTO;

  ERR_set_mark();
  if (RAND_priv_bytes(random, sizeof random) == 1) result = ivs_apikey_make(random, key, text);
  ERR_pop_to_mark();
  OPENSSL_cleanse(random, sizeof random);
  return result == INVSRC_OK ? INVSRC_OK : ivs_error_fail(error, result, invsrc_strerror(result));
}

/* A key that is there already was kept by an earlier try that was lost. */
static ivs_pg_status keep(invsrc_postgres *pg, const ivs_apikey *key, const char *storefront,
                          const char *name) {
  ivs_pg_step step = {.pg = pg};
  ivs_pg_query query;

  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, IVS_PG_APIKEY_ADD);
    bind(&query, 1, key->client_id);
    ivs_pg_bind_bytes(&query, 2, key->digest, sizeof key->digest);
    bind(&query, 3, storefront);
    bind(&query, 4, name ? name : "");
    ivs_pg_bind_number(&query, 5, now());
    ivs_pg_step_end(&step, ivs_pg_query_do(&query));
  } while (ivs_pg_step_again(&step, 1));
  if (step.status == IVS_PG_OK && query.changes == 0 && !step.was_lost) return IVS_PG_FAILED;
  return step.status;
}

int32_t invsrc_postgres_apikey_add(invsrc_postgres *pg, const char *storefront, const char *name,
                                   invsrc_buffer *key, invsrc_error *error) {
  ivs_apikey drawn;
  int32_t result;

  if (!pg || !key) return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  result = ivs_apikey_check(storefront, name, error);
  if (result == INVSRC_OK) result = draw(&drawn, key, error);
  if (result != INVSRC_OK) return result;
  result = ivs_pg_report(keep(pg, &drawn, storefront, name), error);
  /* A key that was not kept is no key. */
  if (result != INVSRC_OK) invsrc_buffer_set(key, NULL, 0);
  return result;
}

static void show(const ivs_pg_query *query, invsrc_apikey_visitor visit, void *context) {
  invsrc_apikey key = {sizeof key, INVSRC_APIKEY_ACTIVE, NULL, NULL, NULL, 0, 0};
  uint64_t ignored;

  key.client_id = ivs_pg_text(query, 0, &ignored);
  key.storefront = ivs_pg_text(query, 1, &ignored);
  key.name = ivs_pg_text(query, 2, &ignored);
  key.created_at = ivs_pg_number(query, 3);
  key.revoked_at = ivs_pg_number(query, 4); /* 0 for NULL */
  if (key.revoked_at) key.status = INVSRC_APIKEY_REVOKED;
  visit(context, &key);
}

/* They have all come before the first is shown, so that none is shown twice; and the connection is
 * back in the pool, as the visitor may need one. */
int32_t invsrc_postgres_apikey_list(invsrc_postgres *pg, const char *storefront,
                                    invsrc_apikey_visitor visit, void *context,
                                    invsrc_error *error) {
  ivs_pg_step step = {.pg = pg};
  ivs_pg_query query;

  if (!pg || !visit) return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  if (storefront && !may_be_kept(storefront)) return INVSRC_OK;
  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, IVS_PG_APIKEY_LIST);
    bind(&query, 1, storefront);
    ivs_pg_query_run(&query);
    ivs_pg_step_end(&step, INVSRC_OUTCOME_OK);
    while (ivs_pg_query_next(&query)) show(&query, visit, context);
    ivs_pg_query_end(&query);
  } while (ivs_pg_step_again(&step, 1));
  return ivs_pg_report(step.status, error);
}

int32_t invsrc_postgres_apikey_revoke(invsrc_postgres *pg, const char *client_id,
                                      invsrc_error *error) {
  static const char nobodys[] = "there is no API key with this client id";
  ivs_pg_step step = {.pg = pg};
  ivs_pg_query query;

  if (!pg || !client_id)
    return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  if (!may_be_kept(client_id)) return ivs_error_fail(error, INVSRC_ENOTFOUND, nobodys);
  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, IVS_PG_APIKEY_REVOKE);
    bind(&query, 1, client_id);
    ivs_pg_bind_number(&query, 2, now());
    ivs_pg_step_end(&step, ivs_pg_query_do(&query));
  } while (ivs_pg_step_again(&step, 1));
  ivs_known_keys_change(&pg->known);
  if (step.status == IVS_PG_OK && query.changes == 0)
    return ivs_error_fail(error, INVSRC_ENOTFOUND, nobodys);
  return ivs_pg_report(step.status, error);
}
