/*
 * The store interface on SQLite: each function that writes is one step, which counts as a
 * whole or not at all.
 */
#include "providers/sqlite.h"

/* The fields in the order of the statements' columns, with the part of an update that
 * writes them; the first ones never change. `sealed` comes behind them. */
static const struct {
  int32_t field;
  uint32_t part;
} columns[] = {
    {INVSRC_SOURCE_ID, 0},
    {INVSRC_SOURCE_STOREFRONT, 0},
    {INVSRC_SOURCE_SOURCE_ID, 0},
    {INVSRC_SOURCE_AGENT_ID, 0},
    {INVSRC_SOURCE_NAME, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_EXECUTION_TYPE, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_STATUS, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_TYPE, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_ENDPOINT_URL, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_PROTOCOL, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_AUTHENTICATION_TYPE, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_AUTH_CONFIGURED, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_DESCRIPTION, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_CREATED_AT, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_UPDATED_AT, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_OAUTH_AUDIENCE, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_REVISION, INVSRC_PART_RECORD},
    {INVSRC_SOURCE_ATTEMPTS, INVSRC_PART_CHECK},
    {INVSRC_SOURCE_LAST_CHECKED_AT, INVSRC_PART_CHECK},
    {INVSRC_SOURCE_LAST_ERROR, INVSRC_PART_CHECK},
    {INVSRC_SOURCE_NEXT_CHECK_AT, INVSRC_PART_CHECK},
    {INVSRC_SOURCE_CREDENTIAL_PROVEN, INVSRC_PART_CHECK},
};

#define COLUMNS ((int)(sizeof columns / sizeof *columns))
#define SEALED COLUMNS

/* ---- Rows ---------------------------------------------------------------------- */

static void bind_column(ivs_query *query, int column, const invsrc_source *source) {
  int32_t field = columns[column].field;
  uint64_t length;
  const char *text = invsrc_source_text(source, field, &length);

  if (invsrc_source_field_kind(field) == 'N')
    ivs_query_bind_number(query, column + 1, invsrc_source_number(source, field));
  else
    ivs_query_bind_text(query, column + 1, text, length);
}

static void bind_key(ivs_query *query, const invsrc_source *source) {
  uint64_t length;
  const char *id = invsrc_source_text(source, INVSRC_SOURCE_ID, &length);

  ivs_query_bind_text(query, 1, id, length);
}

/* SQLite counts in signed numbers. */
static int64_t as_signed(uint64_t count) {
  return count > INT64_MAX ? INT64_MAX : (int64_t)count;
}

static int32_t take_source(ivs_query *query, invsrc_source *source) {
  int32_t result = INVSRC_OK;
  uint64_t length;

  for (int i = 0; i < COLUMNS && result == INVSRC_OK; i++) {
    int32_t field = columns[i].field;
    if (invsrc_source_field_kind(field) == 'N') {
      result = invsrc_source_set_number(source, field, ivs_query_number(query, i));
    } else {
      const char *text = ivs_query_text(query, i, &length);
      if (text) result = invsrc_source_set_text(source, field, text, length);
    }
  }
  return result;
}

static int32_t take_sealed(ivs_query *query, invsrc_buffer *sealed) {
  uint64_t length;
  const void *bytes = ivs_query_blob(query, SEALED, &length);

  return bytes ? invsrc_buffer_set(sealed, bytes, length) : INVSRC_OK;
}

/* What a query comes to: its status, and the result of taking its rows. */
static int32_t outcome_of(const ivs_query *query, int32_t result) {
  if (result == INVSRC_ENOMEM) return INVSRC_OUTCOME_UNAVAILABLE;
  if (result != INVSRC_OK) return INVSRC_OUTCOME_FAILED; /* not what was stored */
  return ivs_sqlite_outcome(query->status);
}

/* Takes the one row that a bound query finds, and ends the query. */
static int32_t take_row(ivs_query *query, invsrc_source *source, invsrc_buffer *sealed) {
  int32_t result = INVSRC_OK;

  if (ivs_query_step(query) == SQLITE_ROW) {
    result = take_source(query, source);
    if (result == INVSRC_OK) result = take_sealed(query, sealed);
  }
  ivs_query_end(query);
  return query->status == SQLITE_DONE ? INVSRC_OUTCOME_NOT_FOUND : outcome_of(query, result);
}

/* Takes all rows that a bound query finds, and ends it. Each is shown with
 * `next_check_at`, where that is not 0, and with what was sealed. */
static int32_t take_rows(ivs_query *query, int64_t next_check_at, invsrc_source_list *list) {
  int32_t result = INVSRC_OK;
  const void *sealed;
  uint64_t length;

  while (result == INVSRC_OK && ivs_query_step(query) == SQLITE_ROW) {
    invsrc_source *source = invsrc_source_new();
    result = source ? take_source(query, source) : INVSRC_ENOMEM;
    if (result == INVSRC_OK && next_check_at)
      result = invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, next_check_at);
    sealed = next_check_at ? ivs_query_blob(query, SEALED, &length) : NULL;
    if (result == INVSRC_OK)
      result = invsrc_source_list_append(list, source, sealed, sealed ? length : 0);
    invsrc_source_free(source);
  }
  ivs_query_end(query);
  return outcome_of(query, result);
}

/* ---- One source ------------------------------------------------------------------ */

static int32_t insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length, const invsrc_event *event) {
  int32_t outcome;
  ivs_query query;
  ivs_step step;

  ivs_step_begin(&step, context, 1);
  ivs_query_join(&query, &step, IVS_SQL_SOURCE_INSERT);
  for (int i = 0; i < COLUMNS; i++) bind_column(&query, i, source);
  ivs_query_bind_blob(&query, SEALED + 1, length ? sealed : NULL, length);
  ivs_query_step(&query);
  ivs_query_end(&query);
  if (query.status == SQLITE_CONSTRAINT_UNIQUE)
    outcome = INVSRC_OUTCOME_DUPLICATE;
  else if (query.status == SQLITE_DONE && query.changes == 0)
    outcome = INVSRC_OUTCOME_CONFLICT;
  else
    outcome = ivs_sqlite_outcome(query.status);
  if (outcome == INVSRC_OUTCOME_OK) outcome = ivs_sqlite_keep_event(&step, event);
  return ivs_step_end(&step, outcome);
}

static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  ivs_query query;

  ivs_query_begin(&query, context, IVS_SQL_SOURCE_GET);
  ivs_query_bind_text(&query, 1, storefront, storefront_length);
  ivs_query_bind_text(&query, 2, source_id, source_id_length);
  return take_row(&query, source, sealed);
}

/* Reads what is stored under the id of a source. */
static int32_t find(ivs_step *step, const invsrc_source *source, invsrc_source *old,
                    invsrc_buffer *sealed) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SOURCE_FIND);
  bind_key(&query, source);
  return take_row(&query, old, sealed);
}

/* Writes the whole row: each column as `source` has it, or as it was. */
static int32_t write_row(ivs_step *step, const invsrc_source *source, const invsrc_source *old,
                         uint32_t parts, const void *sealed, uint64_t length) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SOURCE_UPDATE);
  for (int i = 0; i < COLUMNS; i++) bind_column(&query, i, columns[i].part & parts ? source : old);
  ivs_query_bind_blob(&query, SEALED + 1, length ? sealed : NULL, length);
  ivs_query_step(&query);
  ivs_query_end(&query);
  return ivs_sqlite_outcome(query.status);
}

static int32_t update(void *context, const invsrc_source *source, uint64_t revision, uint32_t parts,
                      const void *sealed, uint64_t length, const invsrc_event *event,
                      invsrc_buffer *replaced) {
  invsrc_source *old = invsrc_source_new();
  invsrc_buffer *old_sealed = invsrc_buffer_new();
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  const void *old_bytes;
  uint64_t old_length;
  ivs_step step;

  ivs_step_begin(&step, context, 1);
  if (old && old_sealed) outcome = find(&step, source, old, old_sealed);
  if (outcome == INVSRC_OUTCOME_OK &&
      (uint64_t)invsrc_source_number(old, INVSRC_SOURCE_REVISION) != revision)
    outcome = INVSRC_OUTCOME_CONFLICT;
  if (outcome == INVSRC_OUTCOME_OK) {
    old_bytes = invsrc_buffer_bytes(old_sealed, &old_length);
    if (!(parts & INVSRC_PART_SEALED)) {
      sealed = old_bytes;
      length = old_length;
    } else if (old_length) {
      step.forgets = 1;
      if (invsrc_buffer_set(replaced, old_bytes, old_length) != INVSRC_OK)
        outcome = INVSRC_OUTCOME_UNAVAILABLE;
    }
  }
  if (outcome == INVSRC_OUTCOME_OK) outcome = write_row(&step, source, old, parts, sealed, length);
  if (outcome == INVSRC_OUTCOME_OK) outcome = ivs_sqlite_keep_event(&step, event);
  outcome = ivs_step_end(&step, outcome);
  invsrc_source_free(old);
  invsrc_buffer_free(old_sealed);
  return outcome;
}

static int32_t remove_row(ivs_step *step, const invsrc_source *source) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SOURCE_REMOVE);
  bind_key(&query, source);
  ivs_query_step(&query);
  ivs_query_end(&query);
  return ivs_sqlite_outcome(query.status);
}

static int32_t remove_source(void *context, const invsrc_source *source, const invsrc_event *event,
                             invsrc_buffer *sealed) {
  invsrc_source *old = invsrc_source_new();
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  uint64_t length;
  ivs_step step;

  ivs_step_begin(&step, context, 1);
  if (old) outcome = find(&step, source, old, sealed);
  if (outcome == INVSRC_OUTCOME_OK) outcome = remove_row(&step, source);
  if (outcome == INVSRC_OUTCOME_OK) outcome = ivs_sqlite_keep_event(&step, event);
  invsrc_buffer_bytes(sealed, &length);
  step.forgets = length > 0;
  outcome = ivs_step_end(&step, outcome);
  invsrc_source_free(old);
  return outcome;
}

/* ---- Many sources ------------------------------------------------------------------ */

static int32_t read_total(ivs_step *step, const char *storefront, uint64_t length,
                          uint64_t *total) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SOURCES_COUNT);
  ivs_query_bind_text(&query, 1, storefront, length);
  if (ivs_query_step(&query) == SQLITE_ROW) *total = (uint64_t)ivs_query_number(&query, 0);
  ivs_query_end(&query);
  return ivs_sqlite_outcome(query.status);
}

/* Both questions see the same sources. */
static int32_t list_page(void *context, const char *storefront, uint64_t storefront_length,
                         uint64_t skip, uint64_t take, invsrc_source_list *list, uint64_t *total) {
  int32_t outcome;
  ivs_query query;
  ivs_step step;

  ivs_step_begin(&step, context, 0);
  ivs_query_join(&query, &step, IVS_SQL_SOURCES_PAGE);
  ivs_query_bind_text(&query, 1, storefront, storefront_length);
  ivs_query_bind_number(&query, 2, as_signed(take));
  ivs_query_bind_number(&query, 3, as_signed(skip));
  outcome = take_rows(&query, 0, list);
  if (outcome == INVSRC_OUTCOME_OK)
    outcome = read_total(&step, storefront, storefront_length, total);
  return ivs_step_end(&step, outcome);
}

/* The sources that were just read, as nobody else can write meanwhile. */
static int32_t claim(ivs_step *step, int64_t now, int64_t lease_end, uint64_t limit) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SOURCES_CLAIM);
  ivs_query_bind_number(&query, 1, now);
  ivs_query_bind_number(&query, 2, as_signed(limit));
  ivs_query_bind_number(&query, 3, lease_end);
  ivs_query_step(&query);
  ivs_query_end(&query);
  return ivs_sqlite_outcome(query.status);
}

static int32_t due(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                   invsrc_source_list *list) {
  int32_t outcome;
  ivs_query query;
  ivs_step step;

  ivs_step_begin(&step, context, 1);
  ivs_query_join(&query, &step, IVS_SQL_SOURCES_DUE);
  ivs_query_bind_number(&query, 1, now);
  ivs_query_bind_number(&query, 2, as_signed(limit));
  outcome = take_rows(&query, lease_end, list);
  if (outcome == INVSRC_OUTCOME_OK && invsrc_source_list_count(list))
    outcome = claim(&step, now, lease_end, limit);
  return ivs_step_end(&step, outcome);
}

const invsrc_store_vtable *invsrc_sqlite_store(void) {
  static const invsrc_store_vtable table = {.size = sizeof table,
                                            .insert = insert,
                                            .get = get,
                                            .list = list_page,
                                            .update = update,
                                            .remove = remove_source,
                                            .due = due,
                                            .event_next = ivs_sqlite_event_next,
                                            .event_end = ivs_sqlite_event_end};

  return &table;
}
