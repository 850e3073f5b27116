/*
 * The store in memory, for development and tests: its beginning and its end. What is in
 * between, each part has in a file of its own. See memory.h.
 */
#include "providers/memory.h"

#include <stdlib.h>

int32_t invsrc_memory_new(invsrc_memory **memory) {
  if (!memory) return INVSRC_EINVAL;
  *memory = calloc(1, sizeof **memory);
  if (!*memory) return INVSRC_ENOMEM;
  pthread_mutex_init(&(*memory)->lock, NULL); /* cannot fail on a default mutex */
  return INVSRC_OK;
}

void invsrc_memory_free(invsrc_memory *memory) {
  if (!memory) return;
  ivs_memory_clear_store(memory);
  ivs_memory_clear_events(memory);
  ivs_memory_clear_keys(memory);
  ivs_memory_clear_clients(memory);
  pthread_mutex_destroy(&memory->lock);
  free(memory);
}
