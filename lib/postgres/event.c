/*
 * Events in PostgreSQL, from the step of the change that they tell of until they are taken.
 */
#include "postgres/postgres.h"

/* The fields in the order of the statements' columns. */
static const struct {
  int32_t field;
  char kind;
} columns[] = {
    {INVSRC_EVENT_ID, 'T'},   {INVSRC_EVENT_TYPE, 'T'},    {INVSRC_EVENT_STOREFRONT, 'T'},
    {INVSRC_EVENT_TIME, 'N'}, {INVSRC_EVENT_PAYLOAD, 'T'}, {INVSRC_EVENT_ATTEMPTS, 'N'},
};

#define COLUMNS ((int)(sizeof columns / sizeof *columns))

void ivs_pg_bind_event(ivs_pg_query *query, int parameter, const invsrc_event *event) {
  uint64_t length;

  for (int i = 0; i < COLUMNS; i++) {
    const char *text = invsrc_event_text(event, columns[i].field, &length);
    if (columns[i].kind == 'N')
      ivs_pg_bind_number(query, parameter + i, invsrc_event_number(event, columns[i].field));
    else
      ivs_pg_bind_text(query, parameter + i, text, text ? length : 0);
  }
}

int32_t ivs_pg_keep_event(ivs_pg_step *step, const invsrc_event *event) {
  ivs_pg_query query;

  if (!event) return INVSRC_OUTCOME_OK;
  ivs_pg_query_begin(&query, step, IVS_PG_EVENT_ADD);
  ivs_pg_bind_event(&query, 1, event);
  return ivs_pg_query_do(&query);
}

int32_t ivs_pg_find_event(ivs_pg_step *step, const invsrc_event *event) {
  uint64_t length;
  const char *id = invsrc_event_text(event, INVSRC_EVENT_ID, &length);
  ivs_pg_query query;
  int is_there;

  ivs_pg_query_begin(&query, step, IVS_PG_EVENT_FIND);
  ivs_pg_bind_text(&query, 1, id, id ? length : 0);
  ivs_pg_query_run(&query);
  is_there = ivs_pg_query_next(&query);
  ivs_pg_query_end(&query);
  if (step->status != IVS_PG_OK) return ivs_pg_outcome(step->status);
  return is_there ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_FOUND;
}

static int32_t take_row(const ivs_pg_query *query, invsrc_event *event) {
  int32_t result = INVSRC_OK;
  uint64_t length;

  for (int i = 0; i < COLUMNS && result == INVSRC_OK; i++) {
    if (columns[i].kind == 'N') {
      result = invsrc_event_set_number(event, columns[i].field, ivs_pg_number(query, i));
    } else {
      const char *text = ivs_pg_text(query, i, &length);
      if (text) result = invsrc_event_set_text(event, columns[i].field, text, length);
    }
  }
  if (result == INVSRC_OK) return INVSRC_OUTCOME_OK;
  return result == INVSRC_ENOMEM ? INVSRC_OUTCOME_UNAVAILABLE
                                 : INVSRC_OUTCOME_FAILED; /* not what was kept */
}

static int32_t claim(ivs_pg_query *query, invsrc_event *event) {
  int32_t outcome = ivs_pg_outcome(ivs_pg_query_run(query));

  if (ivs_pg_query_next(query))
    outcome = take_row(query, event);
  else if (outcome == INVSRC_OUTCOME_OK)
    outcome = INVSRC_OUTCOME_NOT_FOUND;
  ivs_pg_query_end(query);
  return outcome;
}

/* Whole, as a claim that cannot be told of must be taken back. One whose commit was lost ends
 * with its lease. */
int32_t ivs_pg_event_next(void *context, int64_t now, int64_t lease_end, invsrc_event *event) {
  ivs_pg_step step = {.pg = context, .whole = 1};
  ivs_pg_query query;
  int32_t outcome;

  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, IVS_PG_EVENT_NEXT);
    ivs_pg_bind_number(&query, 1, now);
    ivs_pg_bind_number(&query, 2, lease_end);
    outcome = ivs_pg_step_end(&step, claim(&query, event));
  } while (ivs_pg_step_again(&step, 0));
  return outcome;
}

/* To forget twice is to forget; but an attempt must not be counted twice. */
int32_t ivs_pg_event_end(void *context, const char *id, uint64_t id_length, int64_t next_at) {
  ivs_pg_step step = {.pg = context};
  ivs_pg_query query;
  int32_t outcome;

  do {
    ivs_pg_step_begin(&step);
    ivs_pg_query_begin(&query, &step, next_at ? IVS_PG_EVENT_POSTPONE : IVS_PG_EVENT_FORGET);
    ivs_pg_bind_text(&query, 1, id, id_length);
    if (next_at) ivs_pg_bind_number(&query, 2, next_at);
    outcome = ivs_pg_step_end(&step, ivs_pg_query_do(&query));
  } while (ivs_pg_step_again(&step, next_at == 0));
  return outcome;
}
