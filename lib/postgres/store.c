/*
 * The store interface on PostgreSQL: each function is one step, which counts as a whole or not
 * at all, and which is tried again where it fell to others or to a lost connection.
 *
 * Where a commit was lost, the next try finds out whether it came to pass, and waits in the
 * server for whoever still holds the rows: the ids are the engine's and come once, so that what
 * is there under an id is what was written. An update is told by its sealed bytes or its event;
 * where they are not there either, it is not known. A claim is not found out about: it ends with
 * its lease.
 */
#include <assert.h>
#include <string.h>

#include "postgres/postgres.h"

/* The columns of a row are the fields in their order, and the sealed bytes behind them; and so
 * are the parameters of what writes one. */
static_assert(INVSRC_SOURCE_FIELD_END == 29, "each field has its column in query.c");
#define COLUMN_OF(field) ((field)-1)
#define SEALED IVS_PG_SEALED

/* ---- Rows ---------------------------------------------------------------------- */

static void bind_text_of(ivs_pg_query *query, int parameter, const invsrc_source *source,
                         int32_t field) {
  uint64_t length;
  const char *text = invsrc_source_text(source, field, &length);

  ivs_pg_bind_text(query, parameter, text, text ? length : 0);
}

void ivs_pg_bind_row(ivs_pg_query *query, const invsrc_source *source, const void *sealed,
                     uint64_t length) {
  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END; i++) {
    if (invsrc_source_field_kind(i) == 'N')
      ivs_pg_bind_number(query, i, invsrc_source_number(source, i));
    else
      bind_text_of(query, i, source, i);
  }
  ivs_pg_bind_bytes(query, SEALED, length ? sealed : NULL, length);
}

/* The server counts in signed numbers. */
static int64_t as_signed(uint64_t count) {
  return count > INT64_MAX ? INT64_MAX : (int64_t)count;
}

int ivs_pg_is_same_field(const invsrc_source *a, const invsrc_source *b, int32_t field) {
  uint64_t a_length, b_length;
  const char *a_text, *b_text;

  if (invsrc_source_field_kind(field) == 'N')
    return invsrc_source_number(a, field) == invsrc_source_number(b, field);
  a_text = invsrc_source_text(a, field, &a_length);
  b_text = invsrc_source_text(b, field, &b_length);
  if (!a_text || !b_text) return a_text == b_text;
  return a_length == b_length && memcmp(a_text, b_text, a_length) == 0;
}

/* Takes the row, whose columns begin behind the first `skip`. */
static int32_t take_source(const ivs_pg_query *query, int skip, invsrc_source *source) {
  int32_t result = INVSRC_OK;
  uint64_t length;

  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END && result == INVSRC_OK; i++) {
    if (invsrc_source_field_kind(i) == 'N') {
      result = invsrc_source_set_number(source, i, ivs_pg_number(query, skip + COLUMN_OF(i)));
    } else {
      const char *text = ivs_pg_text(query, skip + COLUMN_OF(i), &length);
      if (text) result = invsrc_source_set_text(source, i, text, length);
    }
  }
  return result;
}

static int32_t take_sealed(const ivs_pg_query *query, invsrc_buffer *sealed) {
  uint64_t length;
  const void *bytes = ivs_pg_bytes(query, COLUMN_OF(SEALED), &length);

  return bytes ? invsrc_buffer_set(sealed, bytes, length) : INVSRC_OK;
}

/* What a query comes to that has run: how its step is, and the result of taking its rows. */
static int32_t outcome_of(const ivs_pg_query *query, int32_t result) {
  if (result == INVSRC_ENOMEM) return INVSRC_OUTCOME_UNAVAILABLE;
  if (result != INVSRC_OK) return INVSRC_OUTCOME_FAILED; /* not what was stored */
  return ivs_pg_outcome(query->step->status);
}

/* Runs a bound query that finds one row, or none, and ends it. */
static int32_t take_one(ivs_pg_query *query, invsrc_source *source, invsrc_buffer *sealed) {
  int32_t outcome = ivs_pg_outcome(ivs_pg_query_run(query));

  if (ivs_pg_query_next(query)) {
    int32_t result = take_source(query, 0, source);
    if (result == INVSRC_OK) result = take_sealed(query, sealed);
    outcome = outcome_of(query, result);
  } else if (outcome == INVSRC_OUTCOME_OK) {
    outcome = INVSRC_OUTCOME_NOT_FOUND;
  }
  ivs_pg_query_end(query);
  return outcome;
}

/* ---- Reading one ------------------------------------------------------------------ */

static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  ivs_pg_step step = {.pg = context};
  ivs_pg_query query;
  int32_t outcome;

  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, IVS_PG_SOURCE_GET);
    ivs_pg_bind_text(&query, 1, storefront, storefront_length);
    ivs_pg_bind_text(&query, 2, source_id, source_id_length);
    outcome = ivs_pg_step_end(&step, take_one(&query, source, sealed));
  } while (ivs_pg_step_again(&step, 1));
  return outcome;
}

int32_t ivs_pg_find_by(ivs_pg_step *step, ivs_pg_sql which, const char *value, uint64_t length,
                       invsrc_source *source, invsrc_buffer *sealed) {
  ivs_pg_query query;
  int32_t outcome;

  do {
    ivs_pg_step_begin(step);
    ivs_pg_query_begin(&query, step, which);
    ivs_pg_bind_text(&query, 1, value, length);
    outcome = ivs_pg_step_end(step, take_one(&query, source, sealed));
  } while (ivs_pg_step_again(step, 1));
  return outcome;
}

static int32_t find(void *context, int32_t field, const char *value, uint64_t length,
                    invsrc_source *source, invsrc_buffer *sealed) {
  ivs_pg_step step = {.pg = context};
  int is_agent = field == INVSRC_SOURCE_AGENT_ID;

  if (!is_agent && field != INVSRC_SOURCE_OAUTH_STATE) return INVSRC_OUTCOME_FAILED;
  return ivs_pg_find_by(&step, is_agent ? IVS_PG_SOURCE_OF_AGENT : IVS_PG_SOURCE_OF_STATE, value,
                        length, source, sealed);
}

/* ---- Update and remove --------------------------------------------------------------- */

/* What is stored, as a change finds it, and has locked it. */
typedef struct stored {
  invsrc_source *source;
  invsrc_buffer *sealed;
} stored;

static int32_t begin_stored(stored *row) {
  *row = (stored){invsrc_source_new(), invsrc_buffer_new()};
  return row->source && row->sealed ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
}

static void end_stored(stored *row) {
  invsrc_source_free(row->source);
  invsrc_buffer_free(row->sealed);
}

/* Finds what is stored under the id of a source. */
static int32_t lock_stored(ivs_pg_step *step, const invsrc_source *source, stored *row) {
  ivs_pg_query query;

  ivs_pg_query_begin(&query, step, IVS_PG_SOURCE_LOCK);
  bind_text_of(&query, 1, source, INVSRC_SOURCE_ID);
  return take_one(&query, row->source, row->sealed);
}

/* What an update writes, and what it must find: `lease_end` is 0 without a claim. */
typedef struct change {
  const invsrc_source *source;
  uint32_t parts;
  const void *sealed;
  uint64_t length;
  const invsrc_event *event;
  uint64_t revision;
  int64_t lease_end;
} change;

static uint64_t revision_of(const invsrc_source *source) {
  return (uint64_t)invsrc_source_number(source, INVSRC_SOURCE_REVISION);
}

/* Whether it is as the caller has seen it; no claim has a `lease_end` of 0. */
static int32_t compare(const stored *row, uint64_t revision, int64_t lease_end) {
  if (revision_of(row->source) != revision) return INVSRC_OUTCOME_CONFLICT;
  if (lease_end && invsrc_source_number(row->source, INVSRC_SOURCE_NEXT_CHECK_AT) != lease_end)
    return INVSRC_OUTCOME_CONFLICT;
  return INVSRC_OUTCOME_OK;
}

static int is_same_part(const stored *row, const change *wanted, uint32_t part) {
  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END; i++)
    if (invsrc_source_field_part(i) == part &&
        !ivs_pg_is_same_field(row->source, wanted->source, i))
      return 0;
  return 1;
}

static int is_same_sealed(const stored *row, const change *wanted) {
  uint64_t length;
  const void *sealed = invsrc_buffer_bytes(row->sealed, &length);

  if (!(wanted->parts & INVSRC_PART_SEALED)) return 1;
  return length == wanted->length && (!length || memcmp(sealed, wanted->sealed, length) == 0);
}

/* What the row says of an earlier try that was lost, where nothing else tells: OK, it was written;
 * CONFLICT, another one was; NOT_FOUND, it was not; UNAVAILABLE, that cannot be told. A record has
 * another revision after each change. An equal one may be another's, of the same moment; OK to
 * both would be a callback's state that is used twice. Only under a claim nobody else writes the
 * same. */
static int32_t judge_row(const stored *row, const change *wanted) {
  uint32_t part = wanted->parts & INVSRC_PART_RECORD ? INVSRC_PART_RECORD : INVSRC_PART_CHECK;
  uint64_t revision = revision_of(row->source);
  int is_same = is_same_part(row, wanted, part) && is_same_sealed(row, wanted);

  if (wanted->lease_end && is_same) return INVSRC_OUTCOME_OK;
  if (part == INVSRC_PART_CHECK)
    return compare(row, wanted->revision, wanted->lease_end) == INVSRC_OUTCOME_OK
               ? INVSRC_OUTCOME_NOT_FOUND
               : INVSRC_OUTCOME_UNAVAILABLE;
  if (revision == wanted->revision) return INVSRC_OUTCOME_NOT_FOUND;
  return revision == revision_of(wanted->source) && !is_same ? INVSRC_OUTCOME_CONFLICT
                                                             : INVSRC_OUTCOME_UNAVAILABLE;
}

/* The same, with what is nobody else's: sealed bytes, and an event. Neither need be there any
 * more: others may have changed or removed the source since, and taken the event. `found` is what
 * has become of looking for the row. */
static int32_t look_for_traces(ivs_pg_step *step, int32_t found, const stored *row,
                               const change *wanted) {
  int32_t outcome = INVSRC_OUTCOME_NOT_FOUND;

  if (found != INVSRC_OUTCOME_OK && found != INVSRC_OUTCOME_NOT_FOUND) return found;
  if (found == INVSRC_OUTCOME_OK && (wanted->parts & INVSRC_PART_SEALED) && wanted->length &&
      is_same_sealed(row, wanted))
    return INVSRC_OUTCOME_OK;
  if (wanted->event) outcome = ivs_pg_find_event(step, wanted->event);
  if (outcome != INVSRC_OUTCOME_NOT_FOUND) return outcome;
  return found == INVSRC_OUTCOME_OK ? judge_row(row, wanted) : INVSRC_OUTCOME_UNAVAILABLE;
}

/* Lays the parts over what is stored. */
static int32_t overlay(invsrc_source *stored_source, const change *wanted) {
  int32_t result = INVSRC_OK;
  uint64_t length;

  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END && result == INVSRC_OK; i++) {
    if (!(invsrc_source_field_part(i) & wanted->parts)) continue;
    if (invsrc_source_field_kind(i) == 'N') {
      result = invsrc_source_set_number(stored_source, i, invsrc_source_number(wanted->source, i));
    } else {
      const char *text = invsrc_source_text(wanted->source, i, &length);
      result = invsrc_source_set_text(stored_source, i, text, text ? length : 0);
    }
  }
  return result == INVSRC_OK       ? INVSRC_OUTCOME_OK
         : result == INVSRC_ENOMEM ? INVSRC_OUTCOME_UNAVAILABLE
                                   : INVSRC_OUTCOME_FAILED;
}

static int32_t write_row(ivs_pg_step *step, stored *row, const change *wanted) {
  int32_t outcome = overlay(row->source, wanted);
  const void *sealed = wanted->sealed;
  uint64_t length = wanted->length;
  ivs_pg_query query;

  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  if (!(wanted->parts & INVSRC_PART_SEALED)) sealed = invsrc_buffer_bytes(row->sealed, &length);
  ivs_pg_query_begin(&query, step, IVS_PG_SOURCE_UPDATE);
  ivs_pg_bind_row(&query, row->source, sealed, length);
  return ivs_pg_query_do(&query);
}

static int32_t give(const stored *row, invsrc_buffer *sealed) {
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(row->sealed, &length);

  return invsrc_buffer_set(sealed, bytes, length) == INVSRC_OK ? INVSRC_OUTCOME_OK
                                                               : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t write_change(ivs_pg_step *step, stored *row, const change *wanted,
                            invsrc_buffer *replaced) {
  int32_t outcome = compare(row, wanted->revision, wanted->lease_end);

  if (outcome == INVSRC_OUTCOME_OK && (wanted->parts & INVSRC_PART_SEALED))
    outcome = give(row, replaced);
  if (outcome == INVSRC_OUTCOME_OK) outcome = write_row(step, row, wanted);
  if (outcome == INVSRC_OUTCOME_OK) outcome = ivs_pg_keep_event(step, wanted->event);
  return outcome;
}

/* Where an earlier try has come to pass, `replaced` is what it has found. */
static int32_t try_update(ivs_pg_step *step, const change *wanted, invsrc_buffer *replaced) {
  int32_t outcome, trace = INVSRC_OUTCOME_NOT_FOUND;
  stored row;

  outcome = begin_stored(&row);
  if (outcome == INVSRC_OUTCOME_OK) outcome = lock_stored(step, wanted->source, &row);
  if (step->was_lost) trace = look_for_traces(step, outcome, &row, wanted);
  if (trace != INVSRC_OUTCOME_NOT_FOUND)
    outcome = trace;
  else if (outcome == INVSRC_OUTCOME_OK)
    outcome = write_change(step, &row, wanted, replaced);
  end_stored(&row);
  return outcome;
}

static int32_t update(void *context, const invsrc_source *source, uint64_t revision,
                      int64_t lease_end, uint32_t parts, const void *sealed, uint64_t length,
                      const invsrc_event *event, invsrc_buffer *replaced) {
  const change wanted = {source, parts, sealed, length, event, revision, lease_end};
  ivs_pg_step step = {.pg = context, .whole = 1};
  int32_t outcome;

  do {
    ivs_pg_step_begin(&step);
    outcome = ivs_pg_step_end(&step, try_update(&step, &wanted, replaced));
  } while (ivs_pg_step_again(&step, 1));
  return outcome;
}

static int32_t remove_row(ivs_pg_step *step, const invsrc_source *source) {
  ivs_pg_query query;

  ivs_pg_query_begin(&query, step, IVS_PG_SOURCE_REMOVE);
  bind_text_of(&query, 1, source, INVSRC_SOURCE_ID);
  return ivs_pg_query_do(&query);
}

/* What is not there after a try that was lost was removed by it, or by others meanwhile, who have
 * told of it then: it is gone either way, and nobody needs what was sealed. */
static int32_t try_remove(ivs_pg_step *step, const invsrc_source *source, uint64_t revision,
                          const invsrc_event *event, invsrc_buffer *sealed) {
  int32_t outcome;
  stored row;

  outcome = begin_stored(&row);
  if (outcome == INVSRC_OUTCOME_OK) outcome = lock_stored(step, source, &row);
  if (outcome == INVSRC_OUTCOME_NOT_FOUND && step->was_lost) {
    end_stored(&row);
    return INVSRC_OUTCOME_OK;
  }
  if (outcome == INVSRC_OUTCOME_OK) outcome = compare(&row, revision, 0);
  if (outcome == INVSRC_OUTCOME_OK) outcome = give(&row, sealed);
  if (outcome == INVSRC_OUTCOME_OK) outcome = remove_row(step, source);
  if (outcome == INVSRC_OUTCOME_OK) outcome = ivs_pg_keep_event(step, event);
  end_stored(&row);
  return outcome;
}

static int32_t remove_source(void *context, const invsrc_source *source, uint64_t revision,
                             const invsrc_event *event, invsrc_buffer *sealed) {
  ivs_pg_step step = {.pg = context, .whole = 1};
  int32_t outcome;

  do {
    ivs_pg_step_begin(&step);
    outcome = ivs_pg_step_end(&step, try_remove(&step, source, revision, event, sealed));
  } while (ivs_pg_step_again(&step, 1));
  return outcome;
}

/* ---- Many sources ------------------------------------------------------------------ */

/* Takes the row into the list, with what was sealed where it is asked for. */
static int32_t append_row(const ivs_pg_query *query, int skip, int with_sealed,
                          invsrc_source_list *list) {
  invsrc_source *source = invsrc_source_new();
  int32_t result = source ? take_source(query, skip, source) : INVSRC_ENOMEM;
  const void *sealed = NULL;
  uint64_t length = 0;

  if (with_sealed) sealed = ivs_pg_bytes(query, skip + COLUMN_OF(SEALED), &length);
  if (result == INVSRC_OK) result = invsrc_source_list_append(list, source, sealed, length);
  invsrc_source_free(source);
  return result;
}

/* One statement sees the page and the number of all at the same moment. Where the page is empty
 * the number comes with a row of nothing. */
static int32_t read_page(ivs_pg_query *query, invsrc_source_list *list, uint64_t *total) {
  int32_t result = INVSRC_OK;
  uint64_t length;

  ivs_pg_query_run(query);
  while (result == INVSRC_OK && ivs_pg_query_next(query)) {
    *total = (uint64_t)ivs_pg_number(query, 0);
    if (ivs_pg_text(query, 1 + COLUMN_OF(INVSRC_SOURCE_ID), &length))
      result = append_row(query, 1, 0, list);
  }
  ivs_pg_query_end(query);
  return outcome_of(query, result);
}

static int32_t list_page(void *context, const char *storefront, uint64_t storefront_length,
                         uint64_t skip, uint64_t take, invsrc_source_list *list, uint64_t *total) {
  ivs_pg_step step = {.pg = context};
  ivs_pg_query query;
  int32_t outcome;

  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, IVS_PG_SOURCES_PAGE);
    ivs_pg_bind_text(&query, 1, storefront, storefront_length);
    ivs_pg_bind_number(&query, 2, as_signed(take));
    ivs_pg_bind_number(&query, 3, as_signed(skip));
    outcome = ivs_pg_step_end(&step, read_page(&query, list, total));
  } while (ivs_pg_step_again(&step, 1));
  return outcome;
}

static int32_t claim(ivs_pg_query *query, invsrc_source_list *list) {
  int32_t result = INVSRC_OK;

  ivs_pg_query_run(query);
  while (result == INVSRC_OK && ivs_pg_query_next(query)) result = append_row(query, 0, 1, list);
  ivs_pg_query_end(query);
  return outcome_of(query, result);
}

/* Whole, as a claim that cannot be told of must be taken back. One that was told of and then
 * not committed stays in the list, and is not tried again. */
static int32_t due(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                   invsrc_source_list *list) {
  ivs_pg_step step = {.pg = context, .whole = 1};
  ivs_pg_query query;
  int32_t outcome;

  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, IVS_PG_SOURCES_DUE);
    ivs_pg_bind_number(&query, 1, now);
    ivs_pg_bind_number(&query, 2, as_signed(limit));
    ivs_pg_bind_number(&query, 3, lease_end);
    outcome = ivs_pg_step_end(&step, claim(&query, list));
  } while (invsrc_source_list_count(list) == 0 && ivs_pg_step_again(&step, 0));
  return outcome;
}

const invsrc_store_vtable *invsrc_postgres_store(void) {
  static const invsrc_store_vtable table = {.size = sizeof table,
                                            .insert = ivs_pg_insert,
                                            .get = get,
                                            .list = list_page,
                                            .update = update,
                                            .remove = remove_source,
                                            .due = due,
                                            .event_next = ivs_pg_event_next,
                                            .event_end = ivs_pg_event_end,
                                            .find = find,
                                            .insert_all = ivs_pg_insert_all};

  return &table;
}
