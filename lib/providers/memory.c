/*
 * The store in memory: sources and API keys until the process ends, for
 * development and tests. Three balanced trees index the same items.
 */
#include <invsrc/providers.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "providers/apikey.h"

typedef struct item {
  invsrc_source *source;
  uint8_t *sealed; /* NULL when there is none */
  size_t sealed_length;
} item;

typedef struct memory_key {
  struct memory_key *next;
  ivs_apikey key;
  char storefront[]; /* NUL-terminated */
} memory_key;

struct invsrc_memory {
  pthread_mutex_t lock;
  void *by_name; /* storefront and sourceId */
  void *by_id;
  void *by_agent_id;
  memory_key *keys;
};

static int compare_text(const item *a, const item *b, int32_t field) {
  uint64_t x_length, y_length;
  const char *x = invsrc_source_text(a->source, field, &x_length);
  const char *y = invsrc_source_text(b->source, field, &y_length);
  int order;

  if (x_length != y_length) return x_length < y_length ? -1 : 1;
  order = x_length ? memcmp(x, y, (size_t)x_length) : 0;
  return order;
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

/* ---- The store --------------------------------------------------------------- */

static void item_free(void *it) {
  item *gone = it;

  if (!gone) return;
  invsrc_source_free(gone->source);
  free(gone->sealed);
  free(gone);
}

static item *item_new(const invsrc_source *source, const void *sealed, uint64_t length) {
  item *made = calloc(1, sizeof *made);

  if (!made) return NULL;
  made->source = invsrc_source_new();
  made->sealed = length ? malloc((size_t)length) : NULL;
  if (!made->source || (length && !made->sealed) ||
      invsrc_source_copy(made->source, source) != INVSRC_OK) {
    item_free(made);
    return NULL;
  }
  if (length) memcpy(made->sealed, sealed, (size_t)length);
  made->sealed_length = (size_t)length;
  return made;
}

/* Enters it into all three trees, or none. */
static int32_t index_item(invsrc_memory *memory, item *made) {
  if (tfind(made, &memory->by_name, compare_names)) return INVSRC_OUTCOME_CONFLICT;
  if (tfind(made, &memory->by_id, compare_ids)) return INVSRC_OUTCOME_DUPLICATE;
  if (tfind(made, &memory->by_agent_id, compare_agent_ids)) return INVSRC_OUTCOME_DUPLICATE;
  if (!tsearch(made, &memory->by_name, compare_names)) return INVSRC_OUTCOME_UNAVAILABLE;
  if (!tsearch(made, &memory->by_id, compare_ids)) goto no_id;
  if (!tsearch(made, &memory->by_agent_id, compare_agent_ids)) goto no_agent_id;
  return INVSRC_OUTCOME_OK;

no_agent_id:
  tdelete(made, &memory->by_id, compare_ids);
no_id:
  tdelete(made, &memory->by_name, compare_names);
  return INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length) {
  invsrc_memory *memory = context;
  item *made = item_new(source, sealed, length);
  int32_t outcome;

  if (!made) return INVSRC_OUTCOME_UNAVAILABLE;
  pthread_mutex_lock(&memory->lock);
  outcome = index_item(memory, made);
  pthread_mutex_unlock(&memory->lock);
  if (outcome != INVSRC_OUTCOME_OK) item_free(made);
  return outcome;
}

static int32_t copy_out(const item *found, invsrc_source *source, invsrc_buffer *sealed) {
  if (invsrc_source_copy(source, found->source) != INVSRC_OK ||
      invsrc_buffer_set(sealed, found->sealed, found->sealed_length) != INVSRC_OK)
    return INVSRC_OUTCOME_UNAVAILABLE;
  return INVSRC_OUTCOME_OK;
}

static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  invsrc_memory *memory = context;
  item wanted = {invsrc_source_new(), NULL, 0};
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  item **found;

  if (!wanted.source ||
      invsrc_source_set_text(wanted.source, INVSRC_SOURCE_STOREFRONT, storefront,
                             storefront_length) != INVSRC_OK ||
      invsrc_source_set_text(wanted.source, INVSRC_SOURCE_SOURCE_ID, source_id, source_id_length) !=
          INVSRC_OK)
    goto done;
  pthread_mutex_lock(&memory->lock);
  found = tfind(&wanted, &memory->by_name, compare_names);
  outcome = found ? copy_out(*found, source, sealed) : INVSRC_OUTCOME_NOT_FOUND;
  pthread_mutex_unlock(&memory->lock);

done:
  invsrc_source_free(wanted.source);
  return outcome;
}

const invsrc_store_vtable *invsrc_memory_store(void) {
  static const invsrc_store_vtable table = {sizeof table, 0, insert, get};

  return &table;
}

/* ---- API keys ---------------------------------------------------------------- */

static int32_t authenticate(void *context, const char *token, uint64_t length,
                            invsrc_buffer *storefront) {
  invsrc_memory *memory = context;
  const memory_key *at;
  ivs_apikey wanted;
  int32_t outcome = ivs_apikey_parse(token, length, &wanted);

  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  pthread_mutex_lock(&memory->lock);
  for (at = memory->keys; at && !ivs_apikey_is_same(&at->key, &wanted);) at = at->next;
  pthread_mutex_unlock(&memory->lock);
  /* A key stays as it is, where it is, until the store ends. */
  if (!at) return INVSRC_OUTCOME_UNKNOWN;
  return invsrc_buffer_set(storefront, at->storefront, strlen(at->storefront)) == INVSRC_OK
             ? INVSRC_OUTCOME_OK
             : INVSRC_OUTCOME_UNAVAILABLE;
}

const invsrc_authenticator_vtable *invsrc_memory_authenticator(void) {
  static const invsrc_authenticator_vtable table = {sizeof table, 0, authenticate};

  return &table;
}

static int32_t fail(invsrc_error *error, int32_t code) {
  ivs_error_set(error, code, INVSRC_NO_OFFSET, "%s", invsrc_strerror(code));
  return code;
}

int32_t invsrc_memory_apikey_add(invsrc_memory *memory, const char *storefront, const char *name,
                                 invsrc_buffer *key, invsrc_error *error) {
  memory_key *made;
  int32_t result;

  if (!memory || !key) return fail(error, INVSRC_EINVAL);
  result = ivs_apikey_check(storefront, name, error);
  if (result != INVSRC_OK) return result;
  made = malloc(sizeof *made + strlen(storefront) + 1);
  if (!made) return fail(error, INVSRC_ENOMEM);
  result = ivs_apikey_draw(&made->key, key, error);
  if (result != INVSRC_OK) {
    free(made);
    return result;
  }
  memcpy(made->storefront, storefront, strlen(storefront) + 1);
  pthread_mutex_lock(&memory->lock);
  made->next = memory->keys;
  memory->keys = made;
  pthread_mutex_unlock(&memory->lock);
  return INVSRC_OK;
}

/* ---- Beginning and end -------------------------------------------------------- */

int32_t invsrc_memory_new(invsrc_memory **memory) {
  if (!memory) return INVSRC_EINVAL;
  *memory = calloc(1, sizeof **memory);
  if (!*memory) return INVSRC_ENOMEM;
  pthread_mutex_init(&(*memory)->lock, NULL); /* cannot fail on a default mutex */
  return INVSRC_OK;
}

/* Takes a tree down from its root, which tdelete replaces as it goes. */
static void drop(void **tree, int (*order)(const void *, const void *), void (*end)(void *)) {
  while (*tree) {
    item *first = **(item ***)tree;
    tdelete(first, tree, order);
    if (end) end(first);
  }
}

void invsrc_memory_free(invsrc_memory *memory) {
  if (!memory) return;
  drop(&memory->by_id, compare_ids, NULL);
  drop(&memory->by_agent_id, compare_agent_ids, NULL);
  drop(&memory->by_name, compare_names, item_free);
  while (memory->keys) {
    memory_key *next = memory->keys->next;
    free(memory->keys);
    memory->keys = next;
  }
  pthread_mutex_destroy(&memory->lock);
  free(memory);
}
