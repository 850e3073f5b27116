/*
 * Which sources of the store in memory are due: a heap by NEXT_CHECK_AT, and among equals
 * by insertion. It always has room for all items, so that a change of the time cannot fail.
 * See memory.h.
 */
#include <stdlib.h>

#include "providers/memory.h"

static int64_t time_of(const ivs_memory_item *item) {
  return invsrc_source_number(item->source, INVSRC_SOURCE_NEXT_CHECK_AT);
}

static int is_before(const ivs_memory_item *a, const ivs_memory_item *b) {
  int64_t a_time = time_of(a), b_time = time_of(b);

  return a_time != b_time ? a_time < b_time : a->number < b->number;
}

static void put(invsrc_memory *memory, size_t place, ivs_memory_item *item) {
  memory->queue[place] = item;
  item->place = place;
}

/* Moves what is to stand at `place` to where it belongs, towards the top or the ground. */
static void settle(invsrc_memory *memory, size_t place, ivs_memory_item *item) {
  ivs_memory_item **queue = memory->queue;

  for (; place > 1 && is_before(item, queue[place / 2]); place /= 2)
    put(memory, place, queue[place / 2]);
  for (size_t next; (next = 2 * place) <= memory->queue_length; place = next) {
    if (next < memory->queue_length && is_before(queue[next + 1], queue[next])) next++;
    if (!is_before(queue[next], item)) break;
    put(memory, place, queue[next]);
  }
  put(memory, place, item);
}

int ivs_memory_make_room(invsrc_memory *memory, size_t count) {
  size_t room = memory->queue_room ? 2 * memory->queue_room : 64;
  ivs_memory_item **queue;

  if (count <= memory->queue_room) return 1;
  queue = realloc(memory->queue, (room + 1) * sizeof(ivs_memory_item *));
  if (!queue) return 0;
  memory->queue = queue;
  memory->queue_room = room;
  return 1;
}

void ivs_memory_queue(invsrc_memory *memory, ivs_memory_item *item) {
  if (time_of(item) <= 0)
    ivs_memory_unqueue(memory, item);
  else
    settle(memory, item->place ? item->place : ++memory->queue_length, item);
}

void ivs_memory_unqueue(invsrc_memory *memory, ivs_memory_item *item) {
  size_t place = item->place;
  ivs_memory_item *last;

  if (!place) return;
  item->place = 0;
  last = memory->queue[memory->queue_length--];
  if (last != item) settle(memory, place, last);
}
