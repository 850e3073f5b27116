/*
 * The store interface on SQLite: each function that writes is one write, which counts as a
 * whole or not at all.
 */
#include "providers/sqlite.h"

#include <assert.h>
#include <stdlib.h>

/* The columns of a row are the fields in their order, and behind them the sealed bytes and
 * their key; so are the parameters of an insert, but for the key. */
static_assert(INVSRC_SOURCE_FIELD_END == 29, "each field has its column in sqlite_query.c");
#define COLUMN_OF(field) ((field)-1)
#define SEALED COLUMN_OF(INVSRC_SOURCE_FIELD_END)

/* ---- Rows ---------------------------------------------------------------------- */

static void bind_field(ivs_query *query, int32_t field, const invsrc_source *source) {
  uint64_t length;
  const char *text = invsrc_source_text(source, field, &length);

  if (invsrc_source_field_kind(field) == 'N')
    ivs_query_bind_number(query, field, invsrc_source_number(source, field));
  else
    ivs_query_bind_text(query, field, text, length);
}

/* SQLite counts in signed numbers. */
static int64_t as_signed(uint64_t count) {
  return count > INT64_MAX ? INT64_MAX : (int64_t)count;
}

static int32_t take_source(ivs_query *query, invsrc_source *source) {
  int32_t result = INVSRC_OK;
  uint64_t length;

  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END && result == INVSRC_OK; i++) {
    if (invsrc_source_field_kind(i) == 'N') {
      result = invsrc_source_set_number(source, i, ivs_query_number(query, COLUMN_OF(i)));
    } else {
      const char *text = ivs_query_text(query, COLUMN_OF(i), &length);
      if (text) result = invsrc_source_set_text(source, i, text, length);
    }
  }
  return result;
}

static int32_t take_sealed(ivs_query *query, int column, invsrc_buffer *sealed) {
  ivs_buffer opened = IVS_BUFFER_EMPTY;
  int32_t result = ivs_query_open(query, column, &opened);

  if (result == INVSRC_OK && opened.length)
    result = invsrc_buffer_set(sealed, opened.bytes, opened.length);
  ivs_buffer_end(&opened);
  return result;
}

/* What a query comes to: its status, and the result of taking its rows. */
static int32_t outcome_of(const ivs_query *query, int32_t result) {
  if (result == INVSRC_ENOMEM) return INVSRC_OUTCOME_UNAVAILABLE;
  if (result != INVSRC_OK) return INVSRC_OUTCOME_FAILED; /* not what was stored */
  return ivs_sqlite_outcome(query->status);
}

/* What a claim hands out. Where that is damaged it is nothing, which no sealer opens: it must not
 * keep all others from being claimed. */
static int32_t take_claimed(ivs_query *query, int64_t lease_end, invsrc_source *source,
                            ivs_buffer *sealed) {
  int32_t result = invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, lease_end);

  if (result == INVSRC_OK) result = ivs_query_open(query, SEALED, sealed);
  return result == INVSRC_EMALFORMED ? INVSRC_OK : result;
}

/* Takes all rows that a bound query finds, and ends it. With the end of a lease, where that is
 * not 0, they are claimed. */
static int32_t take_rows(ivs_query *query, int64_t lease_end, invsrc_source_list *list) {
  ivs_buffer sealed = IVS_BUFFER_EMPTY;
  int32_t result = INVSRC_OK;

  while (result == INVSRC_OK && ivs_query_step(query) == SQLITE_ROW) {
    invsrc_source *source = invsrc_source_new();
    result = source ? take_source(query, source) : INVSRC_ENOMEM;
    if (result == INVSRC_OK && lease_end) result = take_claimed(query, lease_end, source, &sealed);
    if (result == INVSRC_OK)
      result = invsrc_source_list_append(list, source, sealed.bytes, sealed.length);
    invsrc_source_free(source);
  }
  ivs_buffer_end(&sealed);
  ivs_query_end(query);
  return outcome_of(query, result);
}

/* ---- What was sealed ------------------------------------------------------------- */

/* Reads it from within a step; `sealed` stays empty where there is none. */
static int32_t get_sealed(ivs_step *step, int64_t seq, invsrc_buffer *sealed) {
  int32_t result = INVSRC_OK;
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SEALED_GET);
  ivs_query_bind_number(&query, 1, seq);
  if (ivs_query_step(&query) == SQLITE_ROW) result = take_sealed(&query, 0, sealed);
  ivs_query_end(&query);
  return outcome_of(&query, result);
}

/* ---- One source ------------------------------------------------------------------ */

/* Adds the row, and says where. */
static int32_t add_row(ivs_step *step, const invsrc_source *source, const ivs_shreddable *sealed,
                       int64_t *seq) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SOURCE_INSERT);
  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END; i++) bind_field(&query, i, source);
  ivs_query_bind_blob(&query, INVSRC_SOURCE_FIELD_END, sealed->bytes, sealed->length);
  ivs_query_step(&query);
  ivs_query_end(&query);
  if (query.status == SQLITE_CONSTRAINT_UNIQUE) return INVSRC_OUTCOME_DUPLICATE;
  if (query.status != SQLITE_DONE) return ivs_sqlite_outcome(query.status);
  if (query.changes == 0) return INVSRC_OUTCOME_CONFLICT;
  *seq = sqlite3_last_insert_rowid(step->connection->handle);
  return INVSRC_OUTCOME_OK;
}

/* Whoever is configured has something sealed. */
static int32_t check_whole(int configured, int is_sealed) {
  return configured && !is_sealed ? INVSRC_OUTCOME_FAILED : INVSRC_OUTCOME_OK;
}

/* What is to be written of one source; what it needs not is NULL or 0. */
typedef struct change {
  const invsrc_source *source;
  uint64_t revision;
  int64_t lease_end;
  uint32_t parts;
  const void *sealed;
  uint64_t sealed_length;
  const invsrc_event *event;
  invsrc_buffer *replaced; /* takes what was sealed before */
} change;

static int32_t add(ivs_step *step, void *context) {
  const change *it = context;
  int configured = invsrc_source_number(it->source, INVSRC_SOURCE_AUTH_CONFIGURED) != 0;
  int32_t outcome = check_whole(configured, it->sealed_length != 0);
  ivs_shreddable sealed;
  int64_t seq = 0;

  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  outcome = ivs_sqlite_outcome(ivs_shreddable_make(&sealed, step, it->sealed, it->sealed_length));
  if (outcome == INVSRC_OUTCOME_OK) outcome = add_row(step, it->source, &sealed, &seq);
  if (outcome == INVSRC_OUTCOME_OK)
    outcome = ivs_sqlite_outcome(ivs_sqlite_keep_key(step, seq, &sealed));
  ivs_shreddable_end(&sealed);
  if (outcome == INVSRC_OUTCOME_OK) outcome = ivs_sqlite_keep_event(step, it->event);
  return outcome;
}

static int32_t insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length, const invsrc_event *event) {
  change it = {.source = source, .sealed = sealed, .sealed_length = length, .event = event};

  return ivs_sqlite_write(context, add, &it, NULL);
}

static void insert_all(void *context, invsrc_insertion *const *insertions, uint64_t count) {
  change *changes = calloc((size_t)count, sizeof *changes);
  ivs_write *writes = calloc((size_t)count, sizeof *writes);
  int has_memory = changes && writes;

  for (uint64_t i = 0; has_memory && i < count; i++) {
    const invsrc_insertion *it = insertions[i];
    changes[i] = (change){.source = it->source,
                          .sealed = it->sealed,
                          .sealed_length = it->length,
                          .event = it->event};
    writes[i] = (ivs_write)IVS_WRITE(add, &changes[i]);
  }
  if (has_memory) ivs_sqlite_write_all(context, writes, (size_t)count);
  for (uint64_t i = 0; i < count; i++)
    insertions[i]->outcome = has_memory ? writes[i].outcome : INVSRC_OUTCOME_UNAVAILABLE;
  free(writes);
  free(changes);
}

/* Takes the one row that a bound query may find, and ends it. */
static int32_t take_one(ivs_query *query, invsrc_source *source, invsrc_buffer *sealed) {
  int32_t result = INVSRC_OK;

  if (ivs_query_step(query) == SQLITE_ROW) {
    result = take_source(query, source);
    if (result == INVSRC_OK) result = take_sealed(query, SEALED, sealed);
  }
  ivs_query_end(query);
  return query->status == SQLITE_DONE ? INVSRC_OUTCOME_NOT_FOUND : outcome_of(query, result);
}

static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  ivs_query query;

  ivs_query_begin(&query, context, IVS_SQL_SOURCE_GET);
  ivs_query_bind_text(&query, 1, storefront, storefront_length);
  ivs_query_bind_text(&query, 2, source_id, source_id_length);
  return take_one(&query, source, sealed);
}

static int32_t find(void *context, int32_t field, const char *value, uint64_t length,
                    invsrc_source *source, invsrc_buffer *sealed) {
  int is_agent = field == INVSRC_SOURCE_AGENT_ID;
  ivs_query query;

  if (!is_agent && field != INVSRC_SOURCE_OAUTH_STATE) return INVSRC_OUTCOME_FAILED;
  ivs_query_begin(&query, context, is_agent ? IVS_SQL_SOURCE_OF_AGENT : IVS_SQL_SOURCE_OF_STATE);
  ivs_query_bind_text(&query, 1, value, length);
  return take_one(&query, source, sealed);
}

/* What a change must know of the row that it changes. */
typedef struct stored {
  int64_t seq;
  int64_t revision;
  int64_t next_check_at;
  int is_configured;
  int is_sealed;
} stored;

static void bind_id(ivs_query *query, const invsrc_source *source) {
  uint64_t length;
  const char *id = invsrc_source_text(source, INVSRC_SOURCE_ID, &length);

  ivs_query_bind_text(query, 1, id, length);
}

/* Finds what is stored under the id of a source, where it is as the caller has seen it. */
static int32_t find_stored(ivs_step *step, const change *it, stored *found) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SOURCE_FIND);
  bind_id(&query, it->source);
  if (ivs_query_step(&query) == SQLITE_ROW)
    *found = (stored){ivs_query_number(&query, 0), ivs_query_number(&query, 1),
                      ivs_query_number(&query, 2), ivs_query_number(&query, 3) != 0,
                      ivs_query_number(&query, 4) != 0};
  ivs_query_end(&query);
  if (query.status == SQLITE_DONE) return INVSRC_OUTCOME_NOT_FOUND;
  if (query.status != SQLITE_ROW) return ivs_sqlite_outcome(query.status);
  if ((uint64_t)found->revision != it->revision) return INVSRC_OUTCOME_CONFLICT;
  /* No claim has a lease that ends at 0. */
  if (it->lease_end && found->next_check_at != it->lease_end) return INVSRC_OUTCOME_CONFLICT;
  return INVSRC_OUTCOME_OK;
}

/* Writes the fields of one part. */
static int32_t write_part(ivs_step *step, ivs_sql which, uint32_t part,
                          const invsrc_source *source) {
  ivs_query query;

  ivs_query_join(&query, step, which);
  bind_id(&query, source);
  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END; i++)
    if (invsrc_source_field_part(i) == part) bind_field(&query, i, source);
  ivs_query_step(&query);
  ivs_query_end(&query);
  return ivs_sqlite_outcome(query.status);
}

/* Takes what was sealed out for the caller, and puts something else in its place. */
static int32_t exchange_sealed(ivs_step *step, stored *row, const change *it) {
  int32_t outcome = get_sealed(step, row->seq, it->replaced);

  step->forgets |= row->is_sealed;
  row->is_sealed = it->sealed_length != 0;
  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  return ivs_sqlite_outcome(ivs_sqlite_put_sealed(step, row->seq, it->sealed, it->sealed_length));
}

static int32_t change_row(ivs_step *step, void *context) {
  const change *it = context;
  stored row = {0};
  int32_t outcome = find_stored(step, it, &row);

  if (outcome == INVSRC_OUTCOME_OK && (it->parts & INVSRC_PART_RECORD)) {
    row.is_configured = invsrc_source_number(it->source, INVSRC_SOURCE_AUTH_CONFIGURED) != 0;
    outcome = write_part(step, IVS_SQL_SOURCE_UPDATE_RECORD, INVSRC_PART_RECORD, it->source);
  }
  if (outcome == INVSRC_OUTCOME_OK && (it->parts & INVSRC_PART_CHECK))
    outcome = write_part(step, IVS_SQL_SOURCE_UPDATE_CHECK, INVSRC_PART_CHECK, it->source);
  if (outcome == INVSRC_OUTCOME_OK && (it->parts & INVSRC_PART_SEALED))
    outcome = exchange_sealed(step, &row, it);
  if (outcome == INVSRC_OUTCOME_OK) outcome = check_whole(row.is_configured, row.is_sealed);
  if (outcome == INVSRC_OUTCOME_OK) outcome = ivs_sqlite_keep_event(step, it->event);
  return outcome;
}

/* What the caller is not to keep is not for them to see. */
static int32_t write_change(invsrc_sqlite *db, ivs_write_run *run, change *it) {
  int32_t outcome = ivs_sqlite_write(db, run, it, NULL);

  if (outcome != INVSRC_OUTCOME_OK && it->replaced) invsrc_buffer_set(it->replaced, NULL, 0);
  return outcome;
}

static int32_t update(void *context, const invsrc_source *source, uint64_t revision,
                      int64_t lease_end, uint32_t parts, const void *sealed, uint64_t length,
                      const invsrc_event *event, invsrc_buffer *replaced) {
  change it = {source, revision, lease_end, parts, sealed, length, event, replaced};

  return write_change(context, change_row, &it);
}

/* What was sealed goes with it; first the key, which stands alone. */
static int32_t remove_row(ivs_step *step, const stored *row) {
  static const ivs_shreddable nothing;
  int32_t outcome = ivs_sqlite_outcome(ivs_sqlite_keep_key(step, row->seq, &nothing));
  ivs_query query;

  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  ivs_query_join(&query, step, IVS_SQL_SOURCE_REMOVE);
  ivs_query_bind_number(&query, 1, row->seq);
  ivs_query_step(&query);
  ivs_query_end(&query);
  step->forgets |= row->is_sealed;
  return ivs_sqlite_outcome(query.status);
}

static int32_t take_out(ivs_step *step, void *context) {
  const change *it = context;
  stored row = {0};
  int32_t outcome = find_stored(step, it, &row);

  if (outcome == INVSRC_OUTCOME_OK) outcome = get_sealed(step, row.seq, it->replaced);
  if (outcome == INVSRC_OUTCOME_OK) outcome = remove_row(step, &row);
  if (outcome == INVSRC_OUTCOME_OK) outcome = ivs_sqlite_keep_event(step, it->event);
  return outcome;
}

static int32_t remove_source(void *context, const invsrc_source *source, uint64_t revision,
                             const invsrc_event *event, invsrc_buffer *sealed) {
  change it = {.source = source, .revision = revision, .event = event, .replaced = sealed};

  return write_change(context, take_out, &it);
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

  ivs_step_begin(&step, context);
  ivs_query_join(&query, &step, IVS_SQL_SOURCES_PAGE);
  ivs_query_bind_text(&query, 1, storefront, storefront_length);
  ivs_query_bind_number(&query, 2, as_signed(take));
  ivs_query_bind_number(&query, 3, as_signed(skip));
  outcome = take_rows(&query, 0, list);
  if (outcome == INVSRC_OUTCOME_OK)
    outcome = read_total(&step, storefront, storefront_length, total);
  ivs_step_end(&step);
  return outcome;
}

/* Sources that are asked for, and until when they are the asker's. */
typedef struct claim {
  int64_t now;
  int64_t lease_end;
  uint64_t limit;
  invsrc_source_list *list;
} claim;

/* The sources that were just read, as nobody else can write meanwhile. */
static int32_t mark(ivs_step *step, const claim *it) {
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SOURCES_CLAIM);
  ivs_query_bind_number(&query, 1, it->now);
  ivs_query_bind_number(&query, 2, as_signed(it->limit));
  ivs_query_bind_number(&query, 3, it->lease_end);
  ivs_query_step(&query);
  ivs_query_end(&query);
  return ivs_sqlite_outcome(query.status);
}

static int32_t claim_due(ivs_step *step, void *context) {
  const claim *it = context;
  int32_t outcome;
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_SOURCES_DUE);
  ivs_query_bind_number(&query, 1, it->now);
  ivs_query_bind_number(&query, 2, as_signed(it->limit));
  outcome = take_rows(&query, it->lease_end, it->list);
  if (outcome == INVSRC_OUTCOME_OK && invsrc_source_list_count(it->list)) outcome = mark(step, it);
  return outcome;
}

static int32_t due(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                   invsrc_source_list *list) {
  claim it = {now, lease_end, limit, list};

  return ivs_sqlite_write_alone(context, claim_due, &it);
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
                                            .event_end = ivs_sqlite_event_end,
                                            .find = find,
                                            .insert_all = insert_all};

  return &table;
}
