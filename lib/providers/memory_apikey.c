/*
 * API keys in memory: of each only its digest.
 */
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "providers/apikey.h"
#include "providers/memory.h"

struct ivs_memory_key {
  ivs_memory_key *next;
  ivs_apikey key;
  char storefront[]; /* NUL-terminated */
};

static int32_t authenticate(void *context, const char *token, uint64_t length,
                            invsrc_buffer *storefront) {
  invsrc_memory *memory = context;
  const ivs_memory_key *at;
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
  return ivs_error_fail(error, code, invsrc_strerror(code));
}

int32_t invsrc_memory_apikey_add(invsrc_memory *memory, const char *storefront, const char *name,
                                 invsrc_buffer *key, invsrc_error *error) {
  ivs_memory_key *made;
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

void ivs_memory_clear_keys(invsrc_memory *memory) {
  while (memory->keys) {
    ivs_memory_key *next = memory->keys->next;
    free(memory->keys);
    memory->keys = next;
  }
}
