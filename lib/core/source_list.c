/*
 * A list of sources, each with what was sealed for it. Knows nothing of where they
 * come from.
 */
#include <invsrc/invsrc.h>
#include <stdlib.h>

#include "core/source.h"

typedef struct item {
  invsrc_source *source;
  ivs_buffer sealed;
} item;

struct invsrc_source_list {
  item *items;
  size_t count;
  size_t capacity;
};

invsrc_source_list *invsrc_source_list_new(void) {
  return calloc(1, sizeof(invsrc_source_list));
}

void invsrc_source_list_free(invsrc_source_list *list) {
  if (!list) return;
  for (size_t i = 0; i < list->count; i++) {
    invsrc_source_free(list->items[i].source);
    ivs_buffer_end(&list->items[i].sealed);
  }
  free(list->items);
  free(list);
}

/* Room for one more. The items may move: what they point to does not. */
static int32_t reserve(invsrc_source_list *list) {
  size_t capacity = list->capacity ? 2 * list->capacity : 16;
  item *items;

  if (list->count < list->capacity) return INVSRC_OK;
  items = realloc(list->items, capacity * sizeof *items);
  if (!items) return INVSRC_ENOMEM;
  list->items = items;
  list->capacity = capacity;
  return INVSRC_OK;
}

int32_t invsrc_source_list_append(invsrc_source_list *list, const invsrc_source *source,
                                  const void *sealed, uint64_t length) {
  item fresh = {NULL, IVS_BUFFER_EMPTY};

  if (!list || !source || (!sealed && length) || length > SIZE_MAX) return INVSRC_EINVAL;
  fresh.source = invsrc_source_new();
  if (!fresh.source || invsrc_source_copy(fresh.source, source) != INVSRC_OK ||
      (length && ivs_buffer_set(&fresh.sealed, sealed, (size_t)length) != INVSRC_OK) ||
      reserve(list) != INVSRC_OK) {
    invsrc_source_free(fresh.source);
    ivs_buffer_end(&fresh.sealed);
    return INVSRC_ENOMEM;
  }
  list->items[list->count++] = fresh;
  return INVSRC_OK;
}

uint64_t invsrc_source_list_count(const invsrc_source_list *list) {
  return list ? list->count : 0;
}

invsrc_source *ivs_source_list_edit(const invsrc_source_list *list, uint64_t index) {
  return list && index < list->count ? list->items[index].source : NULL;
}

const invsrc_source *invsrc_source_list_at(const invsrc_source_list *list, uint64_t index) {
  return ivs_source_list_edit(list, index);
}

const void *invsrc_source_list_sealed(const invsrc_source_list *list, uint64_t index,
                                      uint64_t *length) {
  const item *at = list && index < list->count ? &list->items[index] : NULL;

  if (length) *length = at ? at->sealed.length : 0;
  return at && at->sealed.length ? at->sealed.bytes : NULL;
}
