/*
 * The store in memory as its parts share it: the items, the indexes that find them, the
 * queue of those that are due, and the events. Whoever calls a part holds the lock.
 */
#ifndef IVS_PROVIDERS_MEMORY_H
#define IVS_PROVIDERS_MEMORY_H

#include <invsrc/providers.h>
#include <pthread.h>
#include <stddef.h>

/* What waits in a queue: the first member of what it is part of. */
typedef struct ivs_queued {
  int64_t time;    /* when it is due */
  uint64_t number; /* in the order in which it came */
  size_t place;    /* from 1; 0: not there */
} ivs_queued;

/* A heap: what is due first is on top. */
typedef struct ivs_queue {
  ivs_queued **heap; /* from 1 */
  size_t length;
  size_t room;
} ivs_queue;

/* A source and what was sealed for it. */
typedef struct ivs_memory_item {
  ivs_queued queued;     /* by its NEXT_CHECK_AT, where that is not 0 */
  invsrc_source *source; /* the fields by which it is found stay, but for the OAUTH_STATE */
  void *sealed;          /* NULL when there is none */
  uint64_t sealed_length;
  struct ivs_memory_shop *shop; /* its storefront */
  struct ivs_memory_item *before, *behind;
  struct ivs_memory_item *claimed; /* the one that was claimed before it in this call */
} ivs_memory_item;

/* A storefront that has sources, and these in the order of insertion. */
typedef struct ivs_memory_shop {
  ivs_memory_item *first, *last;
  uint64_t count;
  const char *name;
  uint64_t length;
} ivs_memory_shop;

typedef struct ivs_memory_event ivs_memory_event;
typedef struct ivs_memory_key ivs_memory_key;
typedef struct ivs_memory_client ivs_memory_client;

struct invsrc_memory {
  pthread_mutex_t lock;
  void *by_name; /* trees of items: by storefront and sourceId, */
  void *by_id;
  void *by_agent_id;
  void *by_state; /* those with a consent under way */
  void *shops;    /* and a tree of storefronts */
  size_t count;
  uint64_t came;         /* items and events, ever */
  ivs_queue queue;       /* with room for all items there are */
  void *events;          /* a tree by id, */
  ivs_queue event_queue; /* and all of them by when they are due */
  ivs_memory_key *keys;
  void *clients; /* a tree by issuer and redirect URI */
};

/* ---- Indexes ----------------------------------------------------------------- */

/* Enters an item into all of them and the queue, or nowhere. OK. CONFLICT. DUPLICATE.
 * UNAVAILABLE. */
int32_t ivs_memory_enter(invsrc_memory *memory, ivs_memory_item *item);
void ivs_memory_leave(invsrc_memory *memory, ivs_memory_item *item);
/* By the STOREFRONT and SOURCE_ID, the ID, the AGENT_ID, or the OAUTH_STATE of a source; NULL
 * where there is none. */
ivs_memory_item *ivs_memory_by_name(const invsrc_memory *memory, const invsrc_source *like);
ivs_memory_item *ivs_memory_by_id(const invsrc_memory *memory, const invsrc_source *like);
ivs_memory_item *ivs_memory_by_agent_id(const invsrc_memory *memory, const invsrc_source *like);
ivs_memory_item *ivs_memory_by_state(const invsrc_memory *memory, const invsrc_source *like);
/* Before an item becomes what `changed` is: enters the OAUTH_STATE, where that is another. OK.
 * UNAVAILABLE. FAILED: another item has it. */
int32_t ivs_memory_reserve(invsrc_memory *memory, const ivs_memory_item *item,
                           ivs_memory_item *changed);
/* Takes that back. */
void ivs_memory_release(invsrc_memory *memory, const ivs_memory_item *item,
                        ivs_memory_item *changed);
/* Exchanges what the two hold, with what was reserved; each stays where it is. Cannot fail. */
void ivs_memory_exchange(invsrc_memory *memory, ivs_memory_item *item, ivs_memory_item *changed);
/* NULL where the storefront has no source. */
const ivs_memory_shop *ivs_memory_shop_of(const invsrc_memory *memory, const char *storefront,
                                          uint64_t length);
/* Takes every item out and gives it to `end`. */
void ivs_memory_clear(invsrc_memory *memory, void (*end)(ivs_memory_item *item));

/* ---- Queues ------------------------------------------------------------------ */

/* Makes room for so many; 0 when memory ran out. */
int ivs_queue_make_room(ivs_queue *queue, size_t count);
/* Gives it the place that the time demands, be it there already or not. Cannot fail. */
void ivs_queue_put(ivs_queue *queue, ivs_queued *queued, int64_t time);
/* Takes it out, where it is there; the time stays. */
void ivs_queue_take(ivs_queue *queue, ivs_queued *queued);
/* The one that has been due longest at a time, or NULL; among equals the one that came first. */
ivs_queued *ivs_queue_first(const ivs_queue *queue, int64_t now);
/* Gives the item the place that its NEXT_CHECK_AT demands, or none where that is 0. */
void ivs_memory_queue(invsrc_memory *memory, ivs_memory_item *item);

/* ---- Events ---------------------------------------------------------------------- */

/* Keeps a copy; NULL is none. OK. UNAVAILABLE. FAILED: its id exists. */
int32_t ivs_memory_keep_event(invsrc_memory *memory, const invsrc_event *event);
void ivs_memory_clear_events(invsrc_memory *memory);
/* Two functions of the store's table; see provider.h. They take the lock themselves. */
int32_t ivs_memory_event_next(void *context, int64_t now, int64_t lease_end, invsrc_event *event);
int32_t ivs_memory_event_end(void *context, const char *id, uint64_t id_length, int64_t next_at);

/* ---- The other parts --------------------------------------------------------------- */

void ivs_memory_clear_store(invsrc_memory *memory);
void ivs_memory_clear_keys(invsrc_memory *memory);
void ivs_memory_clear_clients(invsrc_memory *memory);

#endif
