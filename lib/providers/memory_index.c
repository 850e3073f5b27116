/*
 * How the store in memory finds its sources: balanced trees by name, by id and by consent, and
 * for each storefront the order of insertion. See memory.h.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "providers/memory.h"

typedef int comparison(const void *a, const void *b);

static int compare_bytes(const char *a, uint64_t a_length, const char *b, uint64_t b_length) {
  if (a_length != b_length) return a_length < b_length ? -1 : 1;
  return a_length ? memcmp(a, b, (size_t)a_length) : 0;
}

static int compare_text(const ivs_memory_item *a, const ivs_memory_item *b, int32_t field) {
  uint64_t a_length, b_length;
  const char *a_text = invsrc_source_text(a->source, field, &a_length);
  const char *b_text = invsrc_source_text(b->source, field, &b_length);

  return compare_bytes(a_text, a_length, b_text, b_length);
}

static int compare_names(const void *a, const void *b) {
  int order = compare_text(a, b, INVSRC_SOURCE_STOREFRONT);

  return order ? order : compare_text(a, b, INVSRC_SOURCE_SOURCE_ID);
}

static int compare_ids(const void *a, const void *b) {
  return compare_text(a, b, INVSRC_SOURCE_ID);
}

static int compare_agent_ids(const void *a, const void *b) {
  return compare_text(a, b, INVSRC_SOURCE_AGENT_ID);
}

static int compare_states(const void *a, const void *b) {
  return compare_text(a, b, INVSRC_SOURCE_OAUTH_STATE);
}

static int has_state(const ivs_memory_item *item) {
  return invsrc_source_text(item->source, INVSRC_SOURCE_OAUTH_STATE, NULL) != NULL;
}

static int compare_shops(const void *a, const void *b) {
  const ivs_memory_shop *x = a, *y = b;

  return compare_bytes(x->name, x->length, y->name, y->length);
}

/* ---- Finding -------------------------------------------------------------------- */

static void *find(void *const *tree, const void *like, comparison *order) {
  void **found = tfind(like, tree, order);

  return found ? *found : NULL;
}

ivs_memory_item *ivs_memory_by_name(const invsrc_memory *memory, const invsrc_source *like) {
  const ivs_memory_item wanted = {.source = (invsrc_source *)like};

  return find(&memory->by_name, &wanted, compare_names);
}

ivs_memory_item *ivs_memory_by_id(const invsrc_memory *memory, const invsrc_source *like) {
  const ivs_memory_item wanted = {.source = (invsrc_source *)like};

  return find(&memory->by_id, &wanted, compare_ids);
}

ivs_memory_item *ivs_memory_by_agent_id(const invsrc_memory *memory, const invsrc_source *like) {
  const ivs_memory_item wanted = {.source = (invsrc_source *)like};

  return find(&memory->by_agent_id, &wanted, compare_agent_ids);
}

ivs_memory_item *ivs_memory_by_state(const invsrc_memory *memory, const invsrc_source *like) {
  const ivs_memory_item wanted = {.source = (invsrc_source *)like};

  return find(&memory->by_state, &wanted, compare_states);
}

const ivs_memory_shop *ivs_memory_shop_of(const invsrc_memory *memory, const char *storefront,
                                          uint64_t length) {
  const ivs_memory_shop wanted = {.name = storefront, .length = length};

  return find(&memory->shops, &wanted, compare_shops);
}

/* ---- Storefronts ------------------------------------------------------------------ */

static ivs_memory_shop *make_shop(invsrc_memory *memory, const char *name, uint64_t length) {
  ivs_memory_shop *made = calloc(1, sizeof *made + (size_t)length);

  if (!made) return NULL;
  made->name = length ? memcpy(made + 1, name, (size_t)length) : NULL;
  made->length = length;
  if (!tsearch(made, &memory->shops, compare_shops)) {
    free(made);
    return NULL;
  }
  return made;
}

/* The storefront of an item, made where it has no source yet; NULL when memory ran out. */
static ivs_memory_shop *enter_shop(invsrc_memory *memory, const ivs_memory_item *item) {
  uint64_t length;
  const char *name = invsrc_source_text(item->source, INVSRC_SOURCE_STOREFRONT, &length);
  const ivs_memory_shop wanted = {.name = name, .length = length};
  ivs_memory_shop *shop = find(&memory->shops, &wanted, compare_shops);

  return shop ? shop : make_shop(memory, name, length);
}

static void end_if_empty(invsrc_memory *memory, ivs_memory_shop *shop) {
  if (shop->first) return;
  tdelete(shop, &memory->shops, compare_shops);
  free(shop);
}

static void put_last(ivs_memory_shop *shop, ivs_memory_item *item) {
  item->shop = shop;
  item->before = shop->last;
  *(shop->last ? &shop->last->behind : &shop->first) = item;
  shop->last = item;
  shop->count++;
}

static void take_out(ivs_memory_shop *shop, const ivs_memory_item *item) {
  *(item->before ? &item->before->behind : &shop->first) = item->behind;
  *(item->behind ? &item->behind->before : &shop->last) = item->before;
  shop->count--;
}

/* ---- Coming and going --------------------------------------------------------------- */

static int32_t enter_trees(invsrc_memory *memory, ivs_memory_item *item) {
  if (!tsearch(item, &memory->by_name, compare_names)) return INVSRC_OUTCOME_UNAVAILABLE;
  if (!tsearch(item, &memory->by_id, compare_ids)) goto no_id;
  if (!tsearch(item, &memory->by_agent_id, compare_agent_ids)) goto no_agent_id;
  if (has_state(item) && !tsearch(item, &memory->by_state, compare_states)) goto no_state;
  return INVSRC_OUTCOME_OK;

no_state:
  tdelete(item, &memory->by_agent_id, compare_agent_ids);
no_agent_id:
  tdelete(item, &memory->by_id, compare_ids);
no_id:
  tdelete(item, &memory->by_name, compare_names);
  return INVSRC_OUTCOME_UNAVAILABLE;
}

int32_t ivs_memory_enter(invsrc_memory *memory, ivs_memory_item *item) {
  ivs_memory_shop *shop;
  int32_t outcome;

  if (tfind(item, &memory->by_name, compare_names)) return INVSRC_OUTCOME_CONFLICT;
  if (tfind(item, &memory->by_id, compare_ids)) return INVSRC_OUTCOME_DUPLICATE;
  if (tfind(item, &memory->by_agent_id, compare_agent_ids)) return INVSRC_OUTCOME_DUPLICATE;
  if (has_state(item) && tfind(item, &memory->by_state, compare_states))
    return INVSRC_OUTCOME_DUPLICATE;
  if (!ivs_queue_make_room(&memory->queue, memory->count + 1)) return INVSRC_OUTCOME_UNAVAILABLE;
  shop = enter_shop(memory, item);
  if (!shop) return INVSRC_OUTCOME_UNAVAILABLE;
  outcome = enter_trees(memory, item);
  if (outcome != INVSRC_OUTCOME_OK) {
    end_if_empty(memory, shop);
    return outcome;
  }
  put_last(shop, item);
  memory->count++;
  item->queued.number = ++memory->came;
  ivs_memory_queue(memory, item);
  return INVSRC_OUTCOME_OK;
}

void ivs_memory_leave(invsrc_memory *memory, ivs_memory_item *item) {
  ivs_queue_take(&memory->queue, &item->queued);
  tdelete(item, &memory->by_name, compare_names);
  tdelete(item, &memory->by_id, compare_ids);
  tdelete(item, &memory->by_agent_id, compare_agent_ids);
  if (has_state(item)) tdelete(item, &memory->by_state, compare_states);
  take_out(item->shop, item);
  end_if_empty(memory, item->shop);
  memory->count--;
}

/* ---- Changing ------------------------------------------------------------------------ */

static int has_another_state(const ivs_memory_item *item, const ivs_memory_item *than) {
  return has_state(item) && (!has_state(than) || compare_states(item, than) != 0);
}

int32_t ivs_memory_reserve(invsrc_memory *memory, const ivs_memory_item *item,
                           ivs_memory_item *changed) {
  ivs_memory_item **entered;

  if (!has_another_state(changed, item)) return INVSRC_OUTCOME_OK;
  entered = tsearch(changed, &memory->by_state, compare_states);
  if (!entered) return INVSRC_OUTCOME_UNAVAILABLE;
  return *entered == changed ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_FAILED;
}

void ivs_memory_release(invsrc_memory *memory, const ivs_memory_item *item,
                        ivs_memory_item *changed) {
  if (has_another_state(changed, item)) tdelete(changed, &memory->by_state, compare_states);
}

/* Who is in the tree is found there by what it holds, and so before it holds another. */
void ivs_memory_exchange(invsrc_memory *memory, ivs_memory_item *item, ivs_memory_item *changed) {
  ivs_memory_item kept = *item, **entered = NULL;

  if (has_another_state(item, changed)) tdelete(item, &memory->by_state, compare_states);
  if (has_state(changed)) entered = tfind(changed, &memory->by_state, compare_states);
  item->source = changed->source;
  item->sealed = changed->sealed;
  item->sealed_length = changed->sealed_length;
  changed->source = kept.source;
  changed->sealed = kept.sealed;
  changed->sealed_length = kept.sealed_length;
  if (entered) *entered = item;
}

/* From the root of a tree, which tdelete replaces as it goes. */
void ivs_memory_clear(invsrc_memory *memory, void (*end)(ivs_memory_item *item)) {
  while (memory->by_id) {
    ivs_memory_item *item = *(ivs_memory_item **)memory->by_id;
    ivs_memory_leave(memory, item);
    end(item);
  }
}
