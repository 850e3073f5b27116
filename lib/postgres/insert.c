/*
 * The insert of the store on PostgreSQL. It is one statement, and so one way to the server and
 * back. Threads that wait for a connection of the pool, while another does, share the one that
 * it gets: their statements go out together, as one transaction with one flush of the disk.
 * Who finds a connection free waits for nobody. Where one of a group fails, nothing of it
 * counts, and each goes on alone.
 */
#include <stdlib.h>
#include <string.h>

#include "postgres/postgres.h"

/* So that the first in a group does not wait for too many others. */
#define GROUP_MOST 256

enum state {
  WAITING,
  LEADING, /* it waits for a connection, and others for it */
  DECIDED,
  APART /* nothing is decided: it goes on alone */
};

/* An insert, in the hands of its thread. */
typedef struct ivs_pg_insertion {
  struct ivs_pg_insertion *next; /* in the order in which they came; then by their names */
  const invsrc_source *source;
  const void *sealed;
  uint64_t length;
  const invsrc_event *event;
  ivs_pg_query query;
  enum state state;    /* guarded by the lock of the pool */
  pthread_cond_t told; /* when it changes */
  int64_t since;       /* when it began to wait */
  int has_begun;       /* the step of its group, whose failure to begin is the leader's first */
  int32_t outcome;
  int was_lost; /* what was tried together may have come to pass */
} insertion;

/* ---- One ---------------------------------------------------------------------------- */

/* Whether a value that is taken is one of the source; else it is the event's id. */
static int is_of_source(const ivs_pg_query *query) {
  static const char sources[] = "invsrc_sources_";

  return strncmp(query->constraint, sources, sizeof sources - 1) == 0;
}

static void bind(insertion *it, ivs_pg_step *step) {
  ivs_pg_query_begin(&it->query, step,
                     it->event ? IVS_PG_SOURCE_INSERT_TOLD : IVS_PG_SOURCE_INSERT);
  ivs_pg_bind_row(&it->query, it->source, it->sealed, it->length);
  if (it->event) ivs_pg_bind_event(&it->query, IVS_PG_SEALED + 1, it->event);
}

static int32_t add_row(ivs_pg_step *step, insertion *it) {
  int32_t outcome;

  bind(it, step);
  outcome = ivs_pg_query_do(&it->query);
  if (step->status == IVS_PG_TAKEN && is_of_source(&it->query)) {
    step->status = IVS_PG_OK; /* the statement has taken itself back */
    return INVSRC_OUTCOME_DUPLICATE;
  }
  if (step->status == IVS_PG_TAKEN && step->was_lost) {
    step->status = IVS_PG_OK; /* its event is there: others have removed the source since */
    return INVSRC_OUTCOME_OK;
  }
  if (outcome == INVSRC_OUTCOME_OK && it->query.changes == 0) return INVSRC_OUTCOME_CONFLICT;
  return outcome;
}

/* Where an earlier try was lost, what is in the way may be what it has inserted: nobody else
 * has this id under this name. `outcome` is what is in the way otherwise. It goes on with the
 * step, and with what is left of the time for finding out. */
static int32_t look_for_own(ivs_pg_step *step, const invsrc_source *source, int32_t outcome) {
  invsrc_source *stored = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  uint64_t length;
  const char *id = invsrc_source_text(source, INVSRC_SOURCE_ID, &length);
  int32_t found = INVSRC_OUTCOME_UNAVAILABLE;

  if (stored && sealed)
    found = ivs_pg_find_by(step, IVS_PG_SOURCE_OF_ID, id, length, stored, sealed);
  if (found == INVSRC_OUTCOME_OK &&
      ivs_pg_is_same_field(source, stored, INVSRC_SOURCE_STOREFRONT) &&
      ivs_pg_is_same_field(source, stored, INVSRC_SOURCE_SOURCE_ID) &&
      ivs_pg_is_same_field(source, stored, INVSRC_SOURCE_AGENT_ID))
    outcome = INVSRC_OUTCOME_OK;
  else if (found != INVSRC_OUTCOME_OK && found != INVSRC_OUTCOME_NOT_FOUND)
    outcome = found;
  invsrc_source_free(stored);
  invsrc_buffer_free(sealed);
  return outcome;
}

/* In a step that has begun. Tried again it waits for an earlier try that the server is still
 * at, and then does nothing if that has come to pass. */
static int32_t insert_alone(ivs_pg_step *step, insertion *it) {
  int32_t outcome;

  for (;;) {
    outcome = ivs_pg_step_end(step, add_row(step, it));
    if (!ivs_pg_step_again(step, 1)) break;
    ivs_pg_step_begin(step);
  }
  if (step->was_lost && (outcome == INVSRC_OUTCOME_CONFLICT || outcome == INVSRC_OUTCOME_DUPLICATE))
    return look_for_own(step, it->source, outcome);
  return outcome;
}

/* ---- A group ------------------------------------------------------------------------ */

static int compare_text(const insertion *a, const insertion *b, int32_t field) {
  uint64_t a_length, b_length;
  const char *a_text = invsrc_source_text(a->source, field, &a_length);
  const char *b_text = invsrc_source_text(b->source, field, &b_length);
  int order = a_text && b_text ? memcmp(a_text, b_text, a_length < b_length ? a_length : b_length)
                               : (a_text != NULL) - (b_text != NULL);

  return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare(const insertion *a, const insertion *b) {
  int order = compare_text(a, b, INVSRC_SOURCE_STOREFRONT);

  return order ? order : compare_text(a, b, INVSRC_SOURCE_SOURCE_ID);
}

/* By their names, as everybody's group is: so none waits for a name that the other has, while
 * that waits for one of its own. Of the same name the first stays first. */
static insertion *sort(insertion *group) {
  insertion *sorted = NULL;

  while (group) {
    insertion *next = group->next, **at = &sorted;
    while (*at && compare(*at, group) <= 0) at = &(*at)->next;
    group->next = *at;
    *at = group;
    group = next;
  }
  return sorted;
}

/* Sends all and waits for their answers; they count together, or not at all. */
static void insert_together(ivs_pg_step *step, insertion *group) {
  for (insertion *each = group; each; each = each->next) {
    bind(each, step);
    ivs_pg_query_prepare(&each->query);
  }
  if (step->status != IVS_PG_OK) return;
  ivs_pg_pipeline_begin(step);
  for (insertion *each = group; each; each = each->next) ivs_pg_pipeline_send(&each->query);
  ivs_pg_pipeline_sync(step);
  for (insertion *each = group; each; each = each->next) ivs_pg_pipeline_receive(&each->query);
  ivs_pg_pipeline_end(step);
  for (insertion *each = group; each; each = each->next) ivs_pg_query_end(&each->query);
}

/* In a step whose beginning is behind it. Returns what becomes of all: DECIDED, or APART where
 * none counts. */
static enum state run_group(ivs_pg_step *step, insertion *group) {
  int has_begun = step->status == IVS_PG_OK;
  int32_t outcome;

  if (has_begun) insert_together(step, group);
  outcome = ivs_pg_step_end(step, INVSRC_OUTCOME_OK);
  for (insertion *each = group; each; each = each->next) {
    each->has_begun = has_begun;
    each->was_lost = step->status == IVS_PG_LOST || step->status == IVS_PG_UNHEARD;
    each->outcome =
        outcome == INVSRC_OUTCOME_OK && !each->query.changes ? INVSRC_OUTCOME_CONFLICT : outcome;
  }
  return outcome == INVSRC_OUTCOME_OK ? DECIDED : APART;
}

/* ---- Gathering ---------------------------------------------------------------------- */

static void tell(insertion *it, enum state state) {
  it->state = state;
  pthread_cond_signal(&it->told);
}

/* The thread leads, or waits for the one that does, which takes no longer than its step; but
 * where the leader is about to have a connection, and there are others, it goes on alone. */
static void join(invsrc_postgres *pg, insertion *it) {
  int is_crowded;

  it->since = ivs_pg_now();
  pthread_mutex_lock(&pg->lock);
  is_crowded = !pg->idle && pg->open >= pg->pool_size;
  if (pg->is_led && !is_crowded) {
    it->state = APART;
  } else if (pg->is_led) {
    pthread_cond_init(&it->told, NULL);
    *pg->end = it;
    pg->end = &it->next;
    pg->followers++;
    while (it->state == WAITING) pthread_cond_wait(&it->told, &pg->lock);
    pthread_cond_destroy(&it->told);
  } else {
    it->state = LEADING;
    pg->is_led = 1;
  }
  pthread_mutex_unlock(&pg->lock);
}

/* Takes the one out that waits first, or NULL. */
static insertion *take_first(invsrc_postgres *pg) {
  insertion *first = pg->first;

  if (!first) return NULL;
  pg->first = first->next;
  if (!pg->first) pg->end = &pg->first;
  first->next = NULL;
  pg->followers--;
  return first;
}

/* Those that came while the leader waited for its connection. Who was too many leads the next
 * group, or else who comes next. */
static insertion *gather(invsrc_postgres *pg) {
  insertion *group = NULL, **at = &group, *next;

  pthread_mutex_lock(&pg->lock);
  for (int i = 1; i < GROUP_MOST && (*at = take_first(pg)); i++) at = &(*at)->next;
  next = take_first(pg);
  pg->is_led = next != NULL;
  if (next) tell(next, LEADING);
  pthread_mutex_unlock(&pg->lock);
  return group;
}

static void tell_all(invsrc_postgres *pg, insertion *group, insertion *leader, enum state state) {
  insertion *next;

  pthread_mutex_lock(&pg->lock);
  for (insertion *each = group; each; each = next) {
    next = each->next; /* once it is told it is gone */
    if (each != leader) tell(each, state);
  }
  leader->state = state;
  pthread_mutex_unlock(&pg->lock);
}

/* Whether it is to be tried alone, after it was tried with others. Where there was no connection
 * for these, who came late still has time to wait for one. */
static int goes_on(const invsrc_postgres *pg, const insertion *it, int has_led) {
  if (it->state == DECIDED) return 0;
  return it->has_begun || (!has_led && ivs_pg_now() - it->since < pg->statement_timeout);
}

/* In a step of its own. */
static int32_t go_on_alone(invsrc_postgres *pg, insertion *it) {
  ivs_pg_step step = {.pg = pg, .was_lost = it->was_lost};

  ivs_pg_step_begin(&step);
  return insert_alone(&step, it);
}

int32_t ivs_pg_insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length, const invsrc_event *event) {
  insertion mine = {.source = source, .sealed = sealed, .length = length, .event = event};
  ivs_pg_step step = {.pg = context};
  int leads;

  join(step.pg, &mine);
  leads = mine.state == LEADING;
  if (leads) {
    insertion *group;
    ivs_pg_step_begin(&step);
    mine.next = gather(step.pg);
    if (!mine.next) return insert_alone(&step, &mine);
    group = sort(&mine);
    tell_all(step.pg, group, &mine, run_group(&step, group));
  }
  return goes_on(step.pg, &mine, leads) ? go_on_alone(step.pg, &mine) : mine.outcome;
}

/* ---- Several of one thread ---------------------------------------------------------- */

/* A group that gathers nobody. `all` has room for it. Where it falls apart, and for one of it there
 * is no server any more, the others do not each wait for it, too. */
static void insert_some(invsrc_postgres *pg, invsrc_insertion *const *items, uint64_t count,
                        insertion *all) {
  ivs_pg_step step = {.pg = pg};
  int is_down = 0;
  enum state state;

  for (uint64_t i = 0; i < count; i++)
    all[i] = (insertion){.next = i + 1 < count ? &all[i + 1] : NULL,
                         .source = items[i]->source,
                         .sealed = items[i]->sealed,
                         .length = items[i]->length,
                         .event = items[i]->event};
  ivs_pg_step_begin(&step);
  state = run_group(&step, sort(all));
  for (uint64_t i = 0; i < count; i++) { /* in their order again */
    int is_tried = state == DECIDED || !all[i].has_begun;
    if (is_tried)
      items[i]->outcome = all[i].outcome;
    else
      items[i]->outcome = is_down ? INVSRC_OUTCOME_UNAVAILABLE : go_on_alone(pg, &all[i]);
    is_down |= items[i]->outcome == INVSRC_OUTCOME_UNAVAILABLE;
  }
}

void ivs_pg_insert_all(void *context, invsrc_insertion *const *insertions, uint64_t count) {
  uint64_t most = count < GROUP_MOST ? count : GROUP_MOST;
  insertion *all = count ? calloc((size_t)most, sizeof *all) : NULL;

  for (uint64_t i = 0; all && i < count; i += most)
    insert_some(context, insertions + i, count - i < most ? count - i : most, all);
  for (uint64_t i = 0; !all && i < count; i++) /* memory ran out */
    insertions[i]->outcome = INVSRC_OUTCOME_UNAVAILABLE;
  free(all);
}
