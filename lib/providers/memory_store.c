/*
 * The store interface in memory. What may fail comes first and what cannot comes last, so
 * that each change is whole or does not happen. See memory.h.
 */
#include <stdlib.h>
#include <string.h>

#include "providers/memory.h"

/* ---- Items --------------------------------------------------------------------- */

static void end_item(ivs_memory_item *gone) {
  if (!gone) return;
  invsrc_source_free(gone->source);
  free(gone->sealed);
  free(gone);
}

static ivs_memory_item *make_item(const invsrc_source *source, const void *sealed,
                                  uint64_t length) {
  ivs_memory_item *made = calloc(1, sizeof *made);

  if (!made) return NULL;
  made->source = invsrc_source_new();
  made->sealed = length ? malloc((size_t)length) : NULL;
  if (!made->source || (length && !made->sealed) ||
      invsrc_source_copy(made->source, source) != INVSRC_OK) {
    end_item(made);
    return NULL;
  }
  if (length) memcpy(made->sealed, sealed, (size_t)length);
  made->sealed_length = length;
  return made;
}

/* ---- One source ------------------------------------------------------------------ */

static int32_t insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length, const invsrc_event *event) {
  invsrc_memory *memory = context;
  ivs_memory_item *made = make_item(source, sealed, length);
  int32_t outcome;

  if (!made) return INVSRC_OUTCOME_UNAVAILABLE;
  pthread_mutex_lock(&memory->lock);
  outcome = ivs_memory_enter(memory, made);
  if (outcome == INVSRC_OUTCOME_OK) {
    outcome = ivs_memory_keep_event(memory, event);
    if (outcome != INVSRC_OUTCOME_OK) ivs_memory_leave(memory, made);
  }
  pthread_mutex_unlock(&memory->lock);
  if (outcome != INVSRC_OUTCOME_OK) end_item(made);
  return outcome;
}

static void insert_all(void *context, invsrc_insertion *const *insertions, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    invsrc_insertion *it = insertions[i];
    it->outcome = insert(context, it->source, it->sealed, it->length, it->event);
  }
}

static int32_t copy_out(const ivs_memory_item *found, invsrc_source *source,
                        invsrc_buffer *sealed) {
  if (invsrc_source_copy(source, found->source) != INVSRC_OK ||
      invsrc_buffer_set(sealed, found->sealed, found->sealed_length) != INVSRC_OK)
    return INVSRC_OUTCOME_UNAVAILABLE;
  return INVSRC_OUTCOME_OK;
}

static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  invsrc_memory *memory = context;
  invsrc_source *like = invsrc_source_new();
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  const ivs_memory_item *found;

  if (like &&
      invsrc_source_set_text(like, INVSRC_SOURCE_STOREFRONT, storefront, storefront_length) ==
          INVSRC_OK &&
      invsrc_source_set_text(like, INVSRC_SOURCE_SOURCE_ID, source_id, source_id_length) ==
          INVSRC_OK) {
    pthread_mutex_lock(&memory->lock);
    found = ivs_memory_by_name(memory, like);
    outcome = found ? copy_out(found, source, sealed) : INVSRC_OUTCOME_NOT_FOUND;
    pthread_mutex_unlock(&memory->lock);
  }
  invsrc_source_free(like);
  return outcome;
}

static int32_t find(void *context, int32_t field, const char *value, uint64_t length,
                    invsrc_source *source, invsrc_buffer *sealed) {
  invsrc_memory *memory = context;
  int is_agent = field == INVSRC_SOURCE_AGENT_ID;
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  const ivs_memory_item *found;
  invsrc_source *like;

  if (!is_agent && field != INVSRC_SOURCE_OAUTH_STATE) return INVSRC_OUTCOME_FAILED;
  like = invsrc_source_new();
  if (like && invsrc_source_set_text(like, field, value, length) == INVSRC_OK) {
    pthread_mutex_lock(&memory->lock);
    found = is_agent ? ivs_memory_by_agent_id(memory, like) : ivs_memory_by_state(memory, like);
    outcome = found ? copy_out(found, source, sealed) : INVSRC_OUTCOME_NOT_FOUND;
    pthread_mutex_unlock(&memory->lock);
  }
  invsrc_source_free(like);
  return outcome;
}

/* ---- Update ------------------------------------------------------------------------ */

static int32_t overlay(invsrc_source *under, const invsrc_source *over, uint32_t parts) {
  int32_t result = INVSRC_OK;

  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END && result == INVSRC_OK; i++) {
    uint64_t length;
    const char *text = invsrc_source_text(over, i, &length);
    if (!(invsrc_source_field_part(i) & parts)) continue;
    result = invsrc_source_field_kind(i) == 'N'
                 ? invsrc_source_set_number(under, i, invsrc_source_number(over, i))
                 : invsrc_source_set_text(under, i, text, length);
  }
  return result;
}

/* What an item is to become: a copy of it with the parts laid over. */
static ivs_memory_item *make_changed(const ivs_memory_item *old, const invsrc_source *source,
                                     uint32_t parts, const void *sealed, uint64_t length) {
  int seals = (parts & INVSRC_PART_SEALED) != 0;
  ivs_memory_item *made =
      make_item(old->source, seals ? sealed : old->sealed, seals ? length : old->sealed_length);

  if (made && overlay(made->source, source, parts) != INVSRC_OK) {
    end_item(made);
    made = NULL;
  }
  return made;
}

static int32_t change(invsrc_memory *memory, ivs_memory_item *old, ivs_memory_item *changed,
                      uint32_t parts, const invsrc_event *event, invsrc_buffer *replaced) {
  int32_t outcome;

  if (!changed || ((parts & INVSRC_PART_SEALED) &&
                   invsrc_buffer_set(replaced, old->sealed, old->sealed_length) != INVSRC_OK))
    return INVSRC_OUTCOME_UNAVAILABLE;
  outcome = ivs_memory_reserve(memory, old, changed);
  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  outcome = ivs_memory_keep_event(memory, event);
  if (outcome != INVSRC_OUTCOME_OK) {
    ivs_memory_release(memory, old, changed);
    return outcome;
  }
  ivs_memory_exchange(memory, old, changed);
  ivs_memory_queue(memory, old);
  return INVSRC_OUTCOME_OK;
}

/* Whether it is there and as the caller has seen it; no claim has a `lease_end` of 0. */
static int32_t judge(const ivs_memory_item *stored, uint64_t revision, int64_t lease_end) {
  if (!stored) return INVSRC_OUTCOME_NOT_FOUND;
  if ((uint64_t)invsrc_source_number(stored->source, INVSRC_SOURCE_REVISION) != revision)
    return INVSRC_OUTCOME_CONFLICT;
  if (lease_end && invsrc_source_number(stored->source, INVSRC_SOURCE_NEXT_CHECK_AT) != lease_end)
    return INVSRC_OUTCOME_CONFLICT;
  return INVSRC_OUTCOME_OK;
}

static int32_t update(void *context, const invsrc_source *source, uint64_t revision,
                      int64_t lease_end, uint32_t parts, const void *sealed, uint64_t length,
                      const invsrc_event *event, invsrc_buffer *replaced) {
  invsrc_memory *memory = context;
  ivs_memory_item *old, *changed = NULL;
  int32_t outcome;

  pthread_mutex_lock(&memory->lock);
  old = ivs_memory_by_id(memory, source);
  outcome = judge(old, revision, lease_end);
  if (outcome == INVSRC_OUTCOME_OK) {
    changed = make_changed(old, source, parts, sealed, length);
    outcome = change(memory, old, changed, parts, event, replaced);
  }
  pthread_mutex_unlock(&memory->lock);
  end_item(changed); /* with what it was exchanged for */
  return outcome;
}

/* ---- Removal ------------------------------------------------------------------------- */

static int32_t remove_source(void *context, const invsrc_source *source, uint64_t revision,
                             const invsrc_event *event, invsrc_buffer *sealed) {
  invsrc_memory *memory = context;
  ivs_memory_item *gone;
  int32_t outcome;

  pthread_mutex_lock(&memory->lock);
  gone = ivs_memory_by_id(memory, source);
  outcome = judge(gone, revision, 0);
  if (outcome == INVSRC_OUTCOME_OK &&
      invsrc_buffer_set(sealed, gone->sealed, gone->sealed_length) != INVSRC_OK)
    outcome = INVSRC_OUTCOME_UNAVAILABLE;
  if (outcome == INVSRC_OUTCOME_OK) outcome = ivs_memory_keep_event(memory, event);
  if (outcome == INVSRC_OUTCOME_OK) {
    ivs_memory_leave(memory, gone);
    end_item(gone);
  }
  pthread_mutex_unlock(&memory->lock);
  return outcome;
}

void ivs_memory_clear_store(invsrc_memory *memory) {
  ivs_memory_clear(memory, end_item);
  free(memory->queue.heap);
}

/* ---- Many sources ---------------------------------------------------------------------- */

static int32_t list_page(void *context, const char *storefront, uint64_t storefront_length,
                         uint64_t skip, uint64_t take, invsrc_source_list *list, uint64_t *total) {
  invsrc_memory *memory = context;
  const ivs_memory_shop *shop;
  const ivs_memory_item *at;
  int32_t result = INVSRC_OK;

  pthread_mutex_lock(&memory->lock);
  shop = ivs_memory_shop_of(memory, storefront, storefront_length);
  *total = shop ? shop->count : 0;
  at = skip < *total ? shop->first : NULL;
  for (; at && skip; skip--) at = at->behind;
  for (; at && take && result == INVSRC_OK; take--, at = at->behind)
    result = invsrc_source_list_append(list, at->source, NULL, 0);
  pthread_mutex_unlock(&memory->lock);
  return result == INVSRC_OK ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t claim(ivs_memory_item *item, int64_t lease_end, invsrc_source_list *list) {
  invsrc_source_set_number(item->source, INVSRC_SOURCE_NEXT_CHECK_AT, lease_end);
  return invsrc_source_list_append(list, item->source, item->sealed, item->sealed_length);
}

/* Those that are claimed leave the queue, and come back when it is known whether the list
 * could take them all. */
static int32_t due(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                   invsrc_source_list *list) {
  invsrc_memory *memory = context;
  ivs_memory_item *claimed = NULL, *next;
  int32_t result = INVSRC_OK;

  pthread_mutex_lock(&memory->lock);
  for (; limit && result == INVSRC_OK; limit--) {
    next = (ivs_memory_item *)ivs_queue_first(&memory->queue, now);
    if (!next) break;
    ivs_queue_take(&memory->queue, &next->queued);
    next->claimed = claimed;
    claimed = next;
    result = claim(next, lease_end, list);
  }
  for (; claimed; claimed = claimed->claimed) {
    if (result != INVSRC_OK)
      invsrc_source_set_number(claimed->source, INVSRC_SOURCE_NEXT_CHECK_AT, claimed->queued.time);
    ivs_memory_queue(memory, claimed);
  }
  pthread_mutex_unlock(&memory->lock);
  return result == INVSRC_OK ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
}

const invsrc_store_vtable *invsrc_memory_store(void) {
  static const invsrc_store_vtable table = {.size = sizeof table,
                                            .insert = insert,
                                            .get = get,
                                            .list = list_page,
                                            .update = update,
                                            .remove = remove_source,
                                            .due = due,
                                            .event_next = ivs_memory_event_next,
                                            .event_end = ivs_memory_event_end,
                                            .find = find,
                                            .insert_all = insert_all};

  return &table;
}
