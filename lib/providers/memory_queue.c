/*
 * What waits in memory, sources and events: heaps by the time from which each is due, and
 * among equals by their coming. Room is made beforehand, so that a change of the time cannot
 * fail. See memory.h.
 */
#include <stdlib.h>

#include "providers/memory.h"

static int is_before(const ivs_queued *a, const ivs_queued *b) {
  return a->time != b->time ? a->time < b->time : a->number < b->number;
}

static void put(ivs_queue *queue, size_t place, ivs_queued *queued) {
  queue->heap[place] = queued;
  queued->place = place;
}

/* Moves what is to stand at `place` to where it belongs, towards the top or the ground. */
static void settle(ivs_queue *queue, size_t place, ivs_queued *queued) {
  ivs_queued **heap = queue->heap;

  for (; place > 1 && is_before(queued, heap[place / 2]); place /= 2)
    put(queue, place, heap[place / 2]);
  for (size_t next; (next = 2 * place) <= queue->length; place = next) {
    if (next < queue->length && is_before(heap[next + 1], heap[next])) next++;
    if (!is_before(heap[next], queued)) break;
    put(queue, place, heap[next]);
  }
  put(queue, place, queued);
}

int ivs_queue_make_room(ivs_queue *queue, size_t count) {
  size_t room = queue->room ? 2 * queue->room : 64;
  ivs_queued **heap;

  if (count <= queue->room) return 1;
  heap = realloc(queue->heap, (room + 1) * sizeof(ivs_queued *));
  if (!heap) return 0;
  queue->heap = heap;
  queue->room = room;
  return 1;
}

void ivs_queue_put(ivs_queue *queue, ivs_queued *queued, int64_t time) {
  queued->time = time;
  settle(queue, queued->place ? queued->place : ++queue->length, queued);
}

void ivs_queue_take(ivs_queue *queue, ivs_queued *queued) {
  size_t place = queued->place;
  ivs_queued *last;

  if (!place) return;
  queued->place = 0;
  last = queue->heap[queue->length--];
  if (last != queued) settle(queue, place, last);
}

ivs_queued *ivs_queue_first(const ivs_queue *queue, int64_t now) {
  ivs_queued *first = queue->length ? queue->heap[1] : NULL;

  return first && first->time <= now ? first : NULL;
}

void ivs_memory_queue(invsrc_memory *memory, ivs_memory_item *item) {
  int64_t time = invsrc_source_number(item->source, INVSRC_SOURCE_NEXT_CHECK_AT);

  if (time > 0)
    ivs_queue_put(&memory->queue, &item->queued, time);
  else
    ivs_queue_take(&memory->queue, &item->queued);
}
