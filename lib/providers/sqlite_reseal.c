/*
 * Sealing again what an older master key sealed: credentials, and clients that are kept. Each
 * is replaced by compare-and-swap on its stored bytes, so nothing is lost when someone else
 * changes it meanwhile, and an interrupted run goes on where the next one begins. The
 * revision of a source stays: an update writes over, or hands back, what it finds in its own
 * step. Consents under way are over before it matters, and left.
 */
#include <string.h>

#include "core/buffer.h"
#include "core/error.h"
#include "providers/keyring.h"
#include "providers/sqlite.h"

static int32_t replace_credential(ivs_step *step, void *context);
static int32_t replace_client(ivs_step *step, void *context);

/* What is sealed again. */
static const struct kind {
  ivs_sql next;           /* the first row behind a seq, as a `row` has it */
  ivs_write_run *replace; /* the context is a `replacement` */
  const char *purpose;
  int has_key; /* in the row, behind what is stored */
} kinds[] = {
    {IVS_SQL_SEALED_NEXT, replace_credential, INVSRC_PURPOSE_CREDENTIAL, 1},
    {IVS_SQL_CLIENT_NEXT, replace_client, INVSRC_PURPOSE_OAUTH_CLIENT, 0},
};

/* One row, copied out, so that no read transaction is open while it is sealed; storefront and
 * id are what it is bound to. */
typedef struct row {
  const struct kind *kind;
  int64_t seq;
  ivs_buffer storefront;
  ivs_buffer id;
  ivs_buffer stored; /* what is compared */
  ivs_buffer sealed; /* what that is; empty where it is damaged, so that no key opens it */
} row;

typedef struct counts {
  uint64_t resealed;
  uint64_t refused;
} counts;

static int32_t take_sealed(ivs_query *query, const void *stored, uint64_t length, row *next) {
  int32_t result;

  if (!next->kind->has_key) return ivs_buffer_set(&next->sealed, stored, (size_t)length);
  result = ivs_query_open(query, 3, &next->sealed);
  return result == INVSRC_EMALFORMED ? INVSRC_OK : result;
}

static int32_t take_row(ivs_query *query, row *next) {
  uint64_t storefront_length, id_length, stored_length;
  const char *storefront = ivs_query_text(query, 1, &storefront_length);
  const char *id = ivs_query_text(query, 2, &id_length);
  const void *stored = ivs_query_blob(query, 3, &stored_length);

  if (query->status != SQLITE_ROW) return INVSRC_OK; /* the status says it */
  next->seq = ivs_query_number(query, 0);
  if (ivs_buffer_set(&next->storefront, storefront, (size_t)storefront_length) ||
      ivs_buffer_set(&next->id, id, (size_t)id_length) ||
      ivs_buffer_set(&next->stored, stored, (size_t)stored_length))
    return INVSRC_ENOMEM;
  return take_sealed(query, stored, stored_length, next);
}

/* Reads the first row behind next->seq. SQLITE_ROW, SQLITE_DONE or why not. */
static int read_next(invsrc_sqlite *db, row *next) {
  int32_t result = INVSRC_OK;
  ivs_query query;

  ivs_query_begin(&query, db, next->kind->next);
  ivs_query_bind_number(&query, 1, next->seq);
  if (ivs_query_step(&query) == SQLITE_ROW) result = take_row(&query, next);
  ivs_query_end(&query);
  return result == INVSRC_OK ? query.status : SQLITE_NOMEM;
}

/* A row, and what takes the place of its sealed bytes. */
typedef struct replacement {
  const row *old;
  const invsrc_buffer *sealed;
  int status;
  int changes;
} replacement;

static int32_t replace_credential(ivs_step *step, void *context) {
  replacement *it = context;
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(it->sealed, &length);
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SEALED_IS);
  ivs_query_bind_number(&query, 1, it->old->seq);
  ivs_query_bind_blob(&query, 2, it->old->stored.bytes, it->old->stored.length);
  it->changes = ivs_query_step(&query) == SQLITE_ROW;
  ivs_query_end(&query);
  it->status = query.status;
  if (it->changes) it->status = ivs_sqlite_put_sealed(step, it->old->seq, bytes, length);
  return ivs_sqlite_outcome(it->status);
}

static int32_t replace_client(ivs_step *step, void *context) {
  replacement *it = context;
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(it->sealed, &length);
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_CLIENT_REPLACE);
  ivs_query_bind_blob(&query, 1, bytes, length);
  ivs_query_bind_number(&query, 2, it->old->seq);
  ivs_query_bind_blob(&query, 3, it->old->stored.bytes, it->old->stored.length);
  ivs_query_step(&query);
  ivs_query_end(&query);
  it->status = query.status;
  it->changes = query.changes;
  return ivs_sqlite_outcome(query.status);
}

/* Also well where the row has changed meanwhile: then nothing is replaced. */
static int32_t replace_row(invsrc_sqlite *db, const row *old, const invsrc_buffer *sealed,
                           counts *done, invsrc_error *error) {
  replacement it = {old, sealed, SQLITE_OK, 0};
  int status;

  if (ivs_sqlite_write(db, old->kind->replace, &it, &status) != INVSRC_OUTCOME_OK)
    return ivs_sqlite_report(status != SQLITE_OK ? status : it.status, error);
  done->resealed += (uint64_t)it.changes;
  return INVSRC_OK;
}

/* Opens and seals. An outcome of the sealer. */
static int32_t convert(invsrc_keyring *keyring, const row *old, invsrc_buffer *sealed) {
  const invsrc_sealer_vtable *sealer = invsrc_keyring_sealer();
  invsrc_binding binding = {sizeof binding,        0,
                            old->storefront.bytes, old->storefront.length,
                            old->id.bytes,         old->id.length,
                            old->kind->purpose,    strlen(old->kind->purpose)};
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
  int32_t outcome, result = INVSRC_OK;

  if (ivs_keyring_is_current(keyring, old->sealed.bytes, old->sealed.length)) return INVSRC_OK;
  sealed = invsrc_buffer_new();
  outcome = sealed ? convert(keyring, old, sealed) : INVSRC_OUTCOME_UNAVAILABLE;
  if (outcome == INVSRC_OUTCOME_OK)
    result = replace_row(db, old, sealed, done, error);
  else if (outcome == INVSRC_OUTCOME_REFUSED)
    done->refused++;
  else
    result = ivs_sqlite_report(SQLITE_NOMEM, error);
  invsrc_buffer_free(sealed);
  return result;
}

static int32_t reseal_kind(invsrc_sqlite *db, invsrc_keyring *keyring, const struct kind *kind,
                           counts *done, invsrc_error *error) {
  row next = {kind, -1, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};
  int32_t result = INVSRC_OK;
  int status = SQLITE_DONE;

  while (result == INVSRC_OK && (status = read_next(db, &next)) == SQLITE_ROW)
    result = reseal_row(db, keyring, &next, done, error);
  if (result == INVSRC_OK) result = ivs_sqlite_report(status, error);
  ivs_buffer_end(&next.storefront);
  ivs_buffer_end(&next.id);
  ivs_buffer_end(&next.stored);
  ivs_buffer_end(&next.sealed);
  return result;
}

int32_t invsrc_sqlite_reseal(invsrc_sqlite *db, invsrc_keyring *keyring, uint64_t *resealed,
                             uint64_t *refused, invsrc_error *error) {
  int32_t result = INVSRC_OK;
  counts done = {0, 0};

  if (!db || !keyring) return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds && result == INVSRC_OK; i++)
    result = reseal_kind(db, keyring, &kinds[i], &done, error);
  if (done.resealed) ivs_sqlite_forget(db);
  if (resealed) *resealed = done.resealed;
  if (refused) *refused = done.refused;
  return result;
}
