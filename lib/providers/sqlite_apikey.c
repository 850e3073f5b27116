/*
 * API keys in the SQLite database: of each only its digest.
 */
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "providers/apikey.h"
#include "providers/sqlite.h"

static int64_t now(void) {
  struct timespec time = {0, 0};

  clock_gettime(CLOCK_REALTIME, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int bind_text(sqlite3_stmt *statement, int parameter, const char *text) {
  if (!statement) return SQLITE_NOMEM;
  return text ? sqlite3_bind_text(statement, parameter, text, -1, SQLITE_STATIC) : SQLITE_OK;
}

/* ---- Authentication ------------------------------------------------------------ */

/* Holds the row's digest against the token's. */
static int32_t judge(sqlite3_stmt *statement, const ivs_apikey *given, invsrc_buffer *storefront) {
  const void *digest = sqlite3_column_blob(statement, 0);
  const unsigned char *owner = sqlite3_column_text(statement, 1);
  ivs_apikey kept;

  if (!digest || !owner) return INVSRC_OUTCOME_UNAVAILABLE;
  memcpy(kept.digest, digest, sizeof kept.digest);
  if (!ivs_apikey_is_same(&kept, given)) return INVSRC_OUTCOME_UNKNOWN;
  return invsrc_buffer_set(storefront, owner, (uint64_t)sqlite3_column_bytes(statement, 1)) ==
                 INVSRC_OK
             ? INVSRC_OUTCOME_OK
             : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t authenticate(void *context, const char *token, uint64_t length,
                            invsrc_buffer *storefront) {
  ivs_connection *connection;
  ivs_apikey given;
  sqlite3_stmt *statement;
  int32_t outcome;
  int status;

  if (!ivs_apikey_parse(token, (size_t)length, &given)) return INVSRC_OUTCOME_UNKNOWN;
  status = ivs_sqlite_borrow(context, 0, &connection);
  if (status != SQLITE_OK) return ivs_sqlite_outcome(status);
  statement = ivs_sqlite_statement(connection, IVS_SQL_APIKEY_FIND);
  status = bind_text(statement, 1, given.client_id);
  if (status == SQLITE_OK) status = sqlite3_step(statement);
  if (status == SQLITE_ROW)
    outcome = judge(statement, &given, storefront);
  else
    outcome = status == SQLITE_DONE ? INVSRC_OUTCOME_UNKNOWN : ivs_sqlite_outcome(status);
  ivs_sqlite_return(context, 0, connection);
  return outcome;
}

const invsrc_authenticator_vtable *invsrc_sqlite_authenticator(void) {
  static const invsrc_authenticator_vtable table = {sizeof table, 0, authenticate};

  return &table;
}

/* ---- Administration -------------------------------------------------------------- */

static int32_t wrong(invsrc_error *error) {
  ivs_error_set(error, INVSRC_EINVAL, INVSRC_NO_OFFSET, "%s", invsrc_strerror(INVSRC_EINVAL));
  return INVSRC_EINVAL;
}

static int add(sqlite3_stmt *statement, const ivs_apikey *key, const char *storefront,
               const char *name) {
  int status = bind_text(statement, 1, key->client_id);

  if (status == SQLITE_OK)
    status = sqlite3_bind_blob(statement, 2, key->digest, sizeof key->digest, SQLITE_STATIC);
  if (status == SQLITE_OK) status = bind_text(statement, 3, storefront);
  if (status == SQLITE_OK) status = bind_text(statement, 4, name ? name : "");
  if (status == SQLITE_OK) status = sqlite3_bind_int64(statement, 5, now());
  if (status == SQLITE_OK) status = sqlite3_step(statement);
  return status == SQLITE_DONE ? SQLITE_OK : status;
}

int32_t invsrc_sqlite_apikey_add(invsrc_sqlite *db, const char *storefront, const char *name,
                                 invsrc_buffer *key, invsrc_error *error) {
  ivs_connection *connection;
  ivs_apikey drawn;
  int32_t result;
  int status;

  if (!db || !key) return wrong(error);
  result = ivs_apikey_check(storefront, name, error);
  if (result != INVSRC_OK) return result;
  result = ivs_apikey_draw(&drawn, key);
  if (result != INVSRC_OK) {
    ivs_error_set(error, result, INVSRC_NO_OFFSET, "%s", invsrc_strerror(result));
    return result;
  }
  status = ivs_sqlite_borrow(db, 1, &connection);
  if (status == SQLITE_OK) {
    status = add(ivs_sqlite_statement(connection, IVS_SQL_APIKEY_ADD), &drawn, storefront, name);
    ivs_sqlite_return(db, 1, connection);
  }
  /* A key that was not kept is no key. */
  if (status != SQLITE_OK) invsrc_buffer_set(key, NULL, 0);
  return ivs_sqlite_report(status, error);
}

static void show(sqlite3_stmt *statement, invsrc_apikey_visitor visit, void *context) {
  invsrc_apikey key = {sizeof key, INVSRC_APIKEY_ACTIVE, NULL, NULL, NULL, 0, 0};

  key.client_id = (const char *)sqlite3_column_text(statement, 0);
  key.storefront = (const char *)sqlite3_column_text(statement, 1);
  key.name = (const char *)sqlite3_column_text(statement, 2);
  key.created_at = sqlite3_column_int64(statement, 3);
  key.revoked_at = sqlite3_column_int64(statement, 4);
  if (sqlite3_column_type(statement, 4) != SQLITE_NULL) key.status = INVSRC_APIKEY_REVOKED;
  if (key.client_id && key.storefront && key.name) visit(context, &key);
}

int32_t invsrc_sqlite_apikey_list(invsrc_sqlite *db, const char *storefront,
                                  invsrc_apikey_visitor visit, void *context, invsrc_error *error) {
  ivs_connection *connection;
  sqlite3_stmt *statement;
  int status;

  if (!db || !visit) return wrong(error);
  status = ivs_sqlite_borrow(db, 0, &connection);
  if (status != SQLITE_OK) return ivs_sqlite_report(status, error);
  statement = ivs_sqlite_statement(connection, IVS_SQL_APIKEY_LIST);
  status = bind_text(statement, 1, storefront);
  if (status == SQLITE_OK)
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) show(statement, visit, context);
  ivs_sqlite_return(db, 0, connection);
  return ivs_sqlite_report(status == SQLITE_DONE ? SQLITE_OK : status, error);
}

int32_t invsrc_sqlite_apikey_revoke(invsrc_sqlite *db, const char *client_id, invsrc_error *error) {
  ivs_connection *connection;
  sqlite3_stmt *statement;
  int status, changes = 0;

  if (!db || !client_id) return wrong(error);
  status = ivs_sqlite_borrow(db, 1, &connection);
  if (status != SQLITE_OK) return ivs_sqlite_report(status, error);
  statement = ivs_sqlite_statement(connection, IVS_SQL_APIKEY_REVOKE);
  status = bind_text(statement, 2, client_id);
  if (status == SQLITE_OK) status = sqlite3_bind_int64(statement, 1, now());
  if (status == SQLITE_OK) status = sqlite3_step(statement);
  if (status == SQLITE_DONE) changes = sqlite3_changes(connection->handle);
  ivs_sqlite_return(db, 1, connection);
  if (status != SQLITE_DONE) return ivs_sqlite_report(status, error);
  if (changes) return INVSRC_OK;
  ivs_error_set(error, INVSRC_ENOTFOUND, INVSRC_NO_OFFSET, "there is no such API key");
  return INVSRC_ENOTFOUND;
}
