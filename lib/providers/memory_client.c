/*
 * Clients that were registered with authorization servers, in memory: a tree by issuer and
 * redirect URI. See memory.h.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "providers/memory.h"

struct ivs_memory_client {
  ivs_buffer issuer;
  ivs_buffer redirect_uri;
  ivs_buffer sealed;
};

static int compare_bytes(const ivs_buffer *a, const ivs_buffer *b) {
  if (a->length != b->length) return a->length < b->length ? -1 : 1;
  return a->length ? memcmp(a->bytes, b->bytes, a->length) : 0;
}

static int compare(const void *a, const void *b) {
  const ivs_memory_client *x = a, *y = b;
  int order = compare_bytes(&x->issuer, &y->issuer);

  return order ? order : compare_bytes(&x->redirect_uri, &y->redirect_uri);
}

static void end(ivs_memory_client *gone) {
  if (!gone) return;
  ivs_buffer_end(&gone->issuer);
  ivs_buffer_end(&gone->redirect_uri);
  ivs_buffer_end(&gone->sealed);
  free(gone);
}

static ivs_memory_client *make(const char *issuer, uint64_t issuer_length, const char *redirect_uri,
                               uint64_t redirect_uri_length, const void *sealed, uint64_t length) {
  ivs_memory_client *made = calloc(1, sizeof *made);

  if (!made) return NULL;
  if (ivs_buffer_set(&made->issuer, issuer, (size_t)issuer_length) == INVSRC_OK &&
      ivs_buffer_set(&made->redirect_uri, redirect_uri, (size_t)redirect_uri_length) == INVSRC_OK &&
      ivs_buffer_set(&made->sealed, sealed, (size_t)length) == INVSRC_OK)
    return made;
  end(made);
  return NULL;
}

static ivs_memory_client *find(const invsrc_memory *memory, const ivs_memory_client *like) {
  ivs_memory_client **found = tfind(like, &memory->clients, compare);

  return found ? *found : NULL;
}

/* The texts are borrowed. */
static ivs_memory_client like(const char *issuer, uint64_t issuer_length, const char *redirect_uri,
                              uint64_t redirect_uri_length) {
  ivs_memory_client wanted = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};

  wanted.issuer.bytes = (char *)issuer;
  wanted.issuer.length = (size_t)issuer_length;
  wanted.redirect_uri.bytes = (char *)redirect_uri;
  wanted.redirect_uri.length = (size_t)redirect_uri_length;
  return wanted;
}

static int32_t get(void *context, const char *issuer, uint64_t issuer_length,
                   const char *redirect_uri, uint64_t redirect_uri_length, invsrc_buffer *sealed) {
  const ivs_memory_client wanted = like(issuer, issuer_length, redirect_uri, redirect_uri_length);
  int32_t outcome = INVSRC_OUTCOME_NOT_FOUND;
  invsrc_memory *memory = context;
  const ivs_memory_client *found;

  pthread_mutex_lock(&memory->lock);
  found = find(memory, &wanted);
  if (found)
    outcome = invsrc_buffer_set(sealed, found->sealed.bytes, found->sealed.length) == INVSRC_OK
                  ? INVSRC_OUTCOME_OK
                  : INVSRC_OUTCOME_UNAVAILABLE;
  pthread_mutex_unlock(&memory->lock);
  return outcome;
}

static void drop(invsrc_memory *memory, ivs_memory_client *gone) {
  if (gone) tdelete(gone, &memory->clients, compare);
  end(gone);
}

/* Enters a new one, or gives the old one what it has. */
static int32_t keep(invsrc_memory *memory, ivs_memory_client *made) {
  ivs_memory_client **entered = made ? tsearch(made, &memory->clients, compare) : NULL;

  if (entered && *entered != made) {
    ivs_buffer old = (*entered)->sealed;
    (*entered)->sealed = made->sealed;
    made->sealed = old;
  }
  if (!entered || *entered != made) end(made);
  return entered ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t put(void *context, const char *issuer, uint64_t issuer_length,
                   const char *redirect_uri, uint64_t redirect_uri_length, const void *sealed,
                   uint64_t length) {
  const ivs_memory_client wanted = like(issuer, issuer_length, redirect_uri, redirect_uri_length);
  int32_t outcome = INVSRC_OUTCOME_OK;
  invsrc_memory *memory = context;

  pthread_mutex_lock(&memory->lock);
  if (length)
    outcome = keep(memory,
                   make(issuer, issuer_length, redirect_uri, redirect_uri_length, sealed, length));
  else
    drop(memory, find(memory, &wanted));
  pthread_mutex_unlock(&memory->lock);
  return outcome;
}

const invsrc_clients_vtable *invsrc_memory_clients(void) {
  static const invsrc_clients_vtable table = {sizeof table, 0, get, put};

  return &table;
}

void ivs_memory_clear_clients(invsrc_memory *memory) {
  while (memory->clients) drop(memory, *(ivs_memory_client **)memory->clients);
}
