/*
 * Events in memory, by when they are due, until they are taken. See memory.h.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "providers/memory.h"

struct ivs_memory_event {
  ivs_queued queued;
  invsrc_event *event;
};

static int compare(const void *a, const void *b) {
  const ivs_memory_event *x = a, *y = b;
  uint64_t x_length, y_length;
  const char *x_id = invsrc_event_text(x->event, INVSRC_EVENT_ID, &x_length);
  const char *y_id = invsrc_event_text(y->event, INVSRC_EVENT_ID, &y_length);

  if (x_length != y_length) return x_length < y_length ? -1 : 1;
  return x_length ? memcmp(x_id, y_id, (size_t)x_length) : 0;
}

static void end(ivs_memory_event *gone) {
  invsrc_event_free(gone->event);
  free(gone);
}

static ivs_memory_event *copy(const invsrc_event *event) {
  ivs_memory_event *made = calloc(1, sizeof *made);

  if (!made) return NULL;
  made->event = invsrc_event_new();
  if (made->event && invsrc_event_copy(made->event, event) == INVSRC_OK) return made;
  end(made);
  return NULL;
}

int32_t ivs_memory_keep_event(invsrc_memory *memory, const invsrc_event *event) {
  ivs_memory_event *made, **entered;

  if (!event) return INVSRC_OUTCOME_OK;
  if (!ivs_queue_make_room(&memory->event_queue, memory->event_queue.length + 1))
    return INVSRC_OUTCOME_UNAVAILABLE;
  made = copy(event);
  if (!made) return INVSRC_OUTCOME_UNAVAILABLE;
  entered = tsearch(made, &memory->events, compare);
  if (!entered || *entered != made) {
    end(made);
    return entered ? INVSRC_OUTCOME_FAILED : INVSRC_OUTCOME_UNAVAILABLE;
  }
  made->queued.number = ++memory->came;
  ivs_queue_put(&memory->event_queue, &made->queued, invsrc_event_number(event, INVSRC_EVENT_TIME));
  return INVSRC_OUTCOME_OK;
}

static void forget(invsrc_memory *memory, ivs_memory_event *gone) {
  tdelete(gone, &memory->events, compare);
  ivs_queue_take(&memory->event_queue, &gone->queued);
  end(gone);
}

int32_t ivs_memory_event_next(void *context, int64_t now, int64_t lease_end, invsrc_event *event) {
  int32_t outcome = INVSRC_OUTCOME_NOT_FOUND;
  invsrc_memory *memory = context;
  ivs_memory_event *first;

  pthread_mutex_lock(&memory->lock);
  first = (ivs_memory_event *)ivs_queue_first(&memory->event_queue, now);
  if (first) {
    outcome = invsrc_event_copy(event, first->event) == INVSRC_OK ? INVSRC_OUTCOME_OK
                                                                  : INVSRC_OUTCOME_UNAVAILABLE;
    if (outcome == INVSRC_OUTCOME_OK)
      ivs_queue_put(&memory->event_queue, &first->queued, lease_end);
  }
  pthread_mutex_unlock(&memory->lock);
  return outcome;
}

/* The event is there or not: what else there is does not count. */
static void end_event(invsrc_memory *memory, const ivs_memory_event *like, int64_t next_at) {
  ivs_memory_event **found = tfind(like, &memory->events, compare), *at = found ? *found : NULL;

  if (!at) return;
  if (!next_at) {
    forget(memory, at);
    return;
  }
  ivs_queue_put(&memory->event_queue, &at->queued, next_at);
  invsrc_event_set_number(at->event, INVSRC_EVENT_ATTEMPTS,
                          invsrc_event_number(at->event, INVSRC_EVENT_ATTEMPTS) + 1);
}

int32_t ivs_memory_event_end(void *context, const char *id, uint64_t id_length, int64_t next_at) {
  ivs_memory_event like = {.event = invsrc_event_new()};
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  invsrc_memory *memory = context;

  if (like.event &&
      invsrc_event_set_text(like.event, INVSRC_EVENT_ID, id, id_length) == INVSRC_OK) {
    pthread_mutex_lock(&memory->lock);
    end_event(memory, &like, next_at);
    pthread_mutex_unlock(&memory->lock);
    outcome = INVSRC_OUTCOME_OK;
  }
  invsrc_event_free(like.event);
  return outcome;
}

void ivs_memory_clear_events(invsrc_memory *memory) {
  while (memory->events) forget(memory, *(ivs_memory_event **)memory->events);
  free(memory->event_queue.heap);
}
