/*
 * Sealing again what an older master key sealed. Each source is replaced by
 * compare-and-swap on its sealed bytes, so nothing is lost when someone else
 * changes it meanwhile, and an interrupted run goes on where the next one begins.
 */
#include <string.h>

#include "core/buffer.h"
#include "core/error.h"
#include "providers/keyring.h"
#include "providers/sqlite.h"

/* One row, copied out, so that no read transaction is open while it is sealed. */
typedef struct row {
  int64_t seq;
  ivs_buffer storefront;
  ivs_buffer id;
  ivs_buffer sealed;
  const char *purpose;
} row;

typedef struct counts {
  uint64_t resealed;
  uint64_t refused;
} counts;

static int32_t take_column(ivs_buffer *to, sqlite3_stmt *statement, int column) {
  const void *bytes = sqlite3_column_blob(statement, column);

  return ivs_buffer_set(to, bytes, (size_t)sqlite3_column_bytes(statement, column));
}

/* Reads the first row behind row->seq. SQLITE_ROW, SQLITE_DONE or why not. */
static int read_next(invsrc_sqlite *db, row *next) {
  ivs_connection *connection;
  int status = ivs_sqlite_borrow(db, 0, &connection);
  sqlite3_stmt *statement;

  if (status != SQLITE_OK) return status;
  statement = ivs_sqlite_statement(connection, IVS_SQL_SEALED_PAGE);
  status = statement ? sqlite3_bind_int64(statement, 1, next->seq) : SQLITE_NOMEM;
  if (status == SQLITE_OK) status = sqlite3_step(statement);
  if (status == SQLITE_ROW) {
    next->seq = sqlite3_column_int64(statement, 0);
    next->purpose =
        sqlite3_column_int(statement, 3) ? INVSRC_PURPOSE_CREDENTIAL : INVSRC_PURPOSE_OAUTH_STATE;
    if (take_column(&next->storefront, statement, 1) || take_column(&next->id, statement, 2) ||
        take_column(&next->sealed, statement, 4))
      status = SQLITE_NOMEM;
  }
  ivs_sqlite_return(db, 0, connection);
  return status;
}

/* SQLITE_OK, also where the row has changed meanwhile. */
static int replace(invsrc_sqlite *db, const row *old, const invsrc_buffer *sealed, int *changes) {
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(sealed, &length);
  ivs_connection *connection;
  int status = ivs_sqlite_borrow(db, 1, &connection);
  sqlite3_stmt *statement;

  if (status != SQLITE_OK) return status;
  statement = ivs_sqlite_statement(connection, IVS_SQL_SEALED_REPLACE);
  status =
      statement ? sqlite3_bind_blob64(statement, 1, bytes, length, SQLITE_STATIC) : SQLITE_NOMEM;
  if (status == SQLITE_OK) status = sqlite3_bind_int64(statement, 2, old->seq);
  if (status == SQLITE_OK)
    status =
        sqlite3_bind_blob64(statement, 3, old->sealed.bytes, old->sealed.length, SQLITE_STATIC);
  if (status == SQLITE_OK) status = sqlite3_step(statement);
  *changes = status == SQLITE_DONE ? sqlite3_changes(connection->handle) : 0;
  ivs_sqlite_return(db, 1, connection);
  return status == SQLITE_DONE ? SQLITE_OK : status;
}

/* Opens and seals. An outcome of the sealer. */
static int32_t convert(invsrc_keyring *keyring, const row *old, invsrc_buffer *sealed) {
  const invsrc_sealer_vtable *sealer = invsrc_keyring_sealer();
  invsrc_binding binding = {sizeof binding,        0,
                            old->storefront.bytes, old->storefront.length,
                            old->id.bytes,         old->id.length,
                            old->purpose,          strlen(old->purpose)};
  invsrc_buffer *plaintext = invsrc_buffer_new();
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  const void *bytes;
  uint64_t length;

  if (!plaintext) return outcome;
  outcome = sealer->open(keyring, &binding, old->sealed.bytes, old->sealed.length, plaintext);
  if (outcome == INVSRC_OUTCOME_OK) {
    bytes = invsrc_buffer_bytes(plaintext, &length);
    outcome = sealer->seal(keyring, &binding, bytes, length, sealed);
  }
  invsrc_buffer_free(plaintext);
  return outcome;
}

static int32_t reseal_row(invsrc_sqlite *db, invsrc_keyring *keyring, const row *old, counts *done,
                          invsrc_error *error) {
  invsrc_buffer *sealed;
  int changes = 0;
  int32_t outcome, result = INVSRC_OK;

  if (ivs_keyring_is_current(keyring, old->sealed.bytes, old->sealed.length)) return INVSRC_OK;
  sealed = invsrc_buffer_new();
  outcome = sealed ? convert(keyring, old, sealed) : INVSRC_OUTCOME_UNAVAILABLE;
  if (outcome == INVSRC_OUTCOME_OK)
    result = ivs_sqlite_report(replace(db, old, sealed, &changes), error);
  else if (outcome == INVSRC_OUTCOME_REFUSED)
    done->refused++;
  else
    result = ivs_sqlite_report(SQLITE_NOMEM, error);
  done->resealed += (uint64_t)changes;
  invsrc_buffer_free(sealed);
  return result;
}

int32_t invsrc_sqlite_reseal(invsrc_sqlite *db, invsrc_keyring *keyring, uint64_t *resealed,
                             uint64_t *refused, invsrc_error *error) {
  row next = {-1, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY, INVSRC_PURPOSE_CREDENTIAL};
  counts done = {0, 0};
  int32_t result = INVSRC_OK;
  int status = SQLITE_DONE;

  if (!db || !keyring) {
    ivs_error_set(error, INVSRC_EINVAL, INVSRC_NO_OFFSET, "%s", invsrc_strerror(INVSRC_EINVAL));
    return INVSRC_EINVAL;
  }
  while (result == INVSRC_OK && (status = read_next(db, &next)) == SQLITE_ROW)
    result = reseal_row(db, keyring, &next, &done, error);
  if (result == INVSRC_OK && status != SQLITE_DONE) result = ivs_sqlite_report(status, error);
  ivs_buffer_end(&next.storefront);
  ivs_buffer_end(&next.id);
  ivs_buffer_end(&next.sealed);
  if (resealed) *resealed = done.resealed;
  if (refused) *refused = done.refused;
  return result;
}
