/*
 * Events in the SQLite database, from the step of the change that they tell of until they
 * are taken.
 */
#include "providers/sqlite.h"

/* The fields in the order of the statements' columns. */
static const struct {
  int32_t field;
  char kind;
} columns[] = {
    {INVSRC_EVENT_ID, 'T'},   {INVSRC_EVENT_TYPE, 'T'},    {INVSRC_EVENT_STOREFRONT, 'T'},
    {INVSRC_EVENT_TIME, 'N'}, {INVSRC_EVENT_PAYLOAD, 'T'}, {INVSRC_EVENT_ATTEMPTS, 'N'},
};

#define COLUMNS ((int)(sizeof columns / sizeof *columns))

int32_t ivs_sqlite_keep_event(ivs_step *step, const invsrc_event *event) {
  ivs_query query;
  uint64_t length;

  if (!event) return INVSRC_OUTCOME_OK;
  ivs_query_join(&query, step, IVS_SQL_EVENT_ADD);
  for (int i = 0; i < COLUMNS; i++) {
    const char *text = invsrc_event_text(event, columns[i].field, &length);
    if (columns[i].kind == 'N')
      ivs_query_bind_number(&query, i + 1, invsrc_event_number(event, columns[i].field));
    else
      ivs_query_bind_text(&query, i + 1, text, length);
  }
  ivs_query_step(&query);
  ivs_query_end(&query);
  return ivs_sqlite_outcome(query.status);
}

static int32_t take_row(ivs_query *query, invsrc_event *event) {
  int32_t result = INVSRC_OK;
  uint64_t length;

  for (int i = 0; i < COLUMNS && result == INVSRC_OK; i++) {
    if (columns[i].kind == 'N') {
      result = invsrc_event_set_number(event, columns[i].field, ivs_query_number(query, i));
    } else {
      const char *text = ivs_query_text(query, i, &length);
      if (text) result = invsrc_event_set_text(event, columns[i].field, text, length);
    }
  }
  return result;
}

/* An event that is asked for, and until when it is the asker's. */
typedef struct claim {
  int64_t now;
  int64_t lease_end;
  invsrc_event *event;
} claim;

static int32_t find(ivs_step *step, const claim *it) {
  int32_t result = INVSRC_OK;
  ivs_query query;

  ivs_query_join(&query, step, IVS_SQL_EVENT_NEXT);
  ivs_query_bind_number(&query, 1, it->now);
  if (ivs_query_step(&query) == SQLITE_ROW) result = take_row(&query, it->event);
  ivs_query_end(&query);
  if (query.status == SQLITE_DONE) return INVSRC_OUTCOME_NOT_FOUND;
  if (result == INVSRC_ENOMEM) return INVSRC_OUTCOME_UNAVAILABLE;
  if (result != INVSRC_OK) return INVSRC_OUTCOME_FAILED; /* not what was kept */
  return ivs_sqlite_outcome(query.status);
}

static int32_t claim_next(ivs_step *step, void *context) {
  const claim *it = context;
  int32_t outcome = find(step, it);
  uint64_t length;
  const char *id;
  ivs_query query;

  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  id = invsrc_event_text(it->event, INVSRC_EVENT_ID, &length);
  ivs_query_join(&query, step, IVS_SQL_EVENT_CLAIM);
  ivs_query_bind_number(&query, 1, it->lease_end);
  ivs_query_bind_text(&query, 2, id, length);
  ivs_query_step(&query);
  ivs_query_end(&query);
  return ivs_sqlite_outcome(query.status);
}

int32_t ivs_sqlite_event_next(void *context, int64_t now, int64_t lease_end, invsrc_event *event) {
  claim it = {now, lease_end, event};

  return ivs_sqlite_write(context, claim_next, &it, NULL);
}

/* The end of an event, or, with a `next_at`, of an attempt. */
typedef struct ending {
  const char *id;
  uint64_t id_length;
  int64_t next_at;
} ending;

static int32_t end(ivs_step *step, void *context) {
  const ending *it = context;
  ivs_query query;

  ivs_query_join(&query, step, it->next_at ? IVS_SQL_EVENT_POSTPONE : IVS_SQL_EVENT_FORGET);
  if (it->next_at) ivs_query_bind_number(&query, 1, it->next_at);
  ivs_query_bind_text(&query, it->next_at ? 2 : 1, it->id, it->id_length);
  ivs_query_step(&query);
  ivs_query_end(&query);
  return ivs_sqlite_outcome(query.status);
}

int32_t ivs_sqlite_event_end(void *context, const char *id, uint64_t id_length, int64_t next_at) {
  ending it = {id, id_length, next_at};

  return ivs_sqlite_write(context, end, &it, NULL);
}
