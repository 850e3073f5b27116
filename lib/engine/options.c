/*
 * Options and the service made from them. Calls none of the functions it is given.
 */
#include "engine/options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* Every table starts with its size and a reserved word; functions follow. */
#define HEADER_SIZE (2 * sizeof(uint32_t))
/* The size of a table up to and with its last function that must be there. */
#define UP_TO(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

typedef void (*function)(void);

/* Copies a table of `size` bytes in our version of it, from one that may be older
 * (shorter) or newer (longer). */
static int32_t set_table(void *slot, size_t size, const void *table, size_t required) {
  uint32_t given;
  function pointer;

  memset(slot, 0, size);
  if (!table) return INVSRC_OK;
  memcpy(&given, table, sizeof given);
  if (given < required) return INVSRC_EINVAL;
  for (size_t at = HEADER_SIZE; at < required; at += sizeof pointer) {
    memcpy(&pointer, (const char *)table + at, sizeof pointer);
    if (!pointer) return INVSRC_EINVAL;
  }
  memcpy(slot, table, given < size ? given : size);
  return INVSRC_OK;
}

invsrc_options *invsrc_options_new(void) {
  invsrc_options *options = calloc(1, sizeof *options);

  if (options) options->max_body = INVSRC_MAX_BODY_DEFAULT;
  return options;
}

void invsrc_options_free(invsrc_options *options) {
  free(options);
}

#define SETTER(provider, required)                                                                 \
  int32_t invsrc_options_set_##provider(invsrc_options *options,                                   \
                                        const invsrc_##provider##_vtable *vtable, void *context) { \
    if (!options) return INVSRC_EINVAL;                                                            \
    options->provider##_context = context;                                                         \
    return set_table(&options->provider, sizeof options->provider, vtable, required);              \
  }

SETTER(authenticator, UP_TO(invsrc_authenticator_vtable, authenticate))
SETTER(registry, UP_TO(invsrc_registry_vtable, lookup))
SETTER(sealer, UP_TO(invsrc_sealer_vtable, open))
SETTER(store, UP_TO(invsrc_store_vtable, get))
SETTER(oauth, UP_TO(invsrc_oauth_vtable, start))
SETTER(world, HEADER_SIZE)

static int32_t set_switch(int *slot, int32_t on) {
  if (on != 0 && on != 1) return INVSRC_EINVAL;
  *slot = on;
  return INVSRC_OK;
}

int32_t invsrc_options_set_envelope(invsrc_options *options, int32_t on) {
  return options ? set_switch(&options->envelope, on) : INVSRC_EINVAL;
}

int32_t invsrc_options_set_allow_http(invsrc_options *options, int32_t on) {
  return options ? set_switch(&options->switches.allow_http, on) : INVSRC_EINVAL;
}

int32_t invsrc_options_set_allow_private(invsrc_options *options, int32_t on) {
  return options ? set_switch(&options->switches.allow_private, on) : INVSRC_EINVAL;
}

int32_t invsrc_options_set_max_body(invsrc_options *options, uint64_t bytes) {
  if (!options || bytes == 0 || bytes > INVSRC_MAX_BODY_LIMIT) return INVSRC_EINVAL;
  options->max_body = bytes;
  return INVSRC_OK;
}

int32_t invsrc_service_new(const invsrc_options *options, invsrc_service **service,
                           invsrc_error *error) {
  if (service) *service = NULL;
  if (!options || !service) {
    ivs_error_set(error, INVSRC_EINVAL, INVSRC_NO_OFFSET, "options and service must not be NULL");
    return INVSRC_EINVAL;
  }
  *service = malloc(sizeof **service);
  if (!*service) {
    ivs_error_set(error, INVSRC_ENOMEM, INVSRC_NO_OFFSET, "out of memory");
    return INVSRC_ENOMEM;
  }
  (*service)->options = *options;
  return INVSRC_OK;
}

void invsrc_service_free(invsrc_service *service) {
  free(service);
}
