/*
 * See curl_memory.h. That is one setting for the whole process, so it is the program's to
 * make and not the library's.
 */
#include "curl_memory.h"

#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

static void wipe_and_free(void *memory) {
  if (memory) wipe(memory, malloc_usable_size(memory));
  free(memory);
}

/* Moves by copy and wipe. */
static void *move(void *memory, size_t size) {
  size_t old = memory ? malloc_usable_size(memory) : 0;
  void *fresh;

  if (memory && size <= old) return memory;
  fresh = malloc(size);
  if (!fresh) return NULL;
  if (memory) memcpy(fresh, memory, old);
  wipe_and_free(memory);
  return fresh;
}

void curl_memory_wipe(void) {
  curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_and_free, move, strdup, calloc);
}
