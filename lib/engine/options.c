/*
 * Options and the service made from them. Calls none of the functions it is given.
 */
#include "engine/options.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/table.h"
#include "core/text.h"
#include "core/uri.h"

#define MILLISECONDS INT64_C(1000)

invsrc_options *invsrc_options_new(void) {
  invsrc_options *options = calloc(1, sizeof *options);

  if (!options) return NULL;
  options->max_body = INVSRC_MAX_BODY_DEFAULT;
  options->lease = INVSRC_LEASE_DEFAULT * MILLISECONDS;
  return options;
}

void invsrc_options_free(invsrc_options *options) {
  free(options);
}

#define SETTER(provider, required)                                                                 \
  int32_t invsrc_options_set_##provider(invsrc_options *options,                                   \
                                        const invsrc_##provider##_vtable *vtable, void *context) { \
    int32_t result = INVSRC_EINVAL;                                                                \
                                                                                                   \
    if (options)                                                                                   \
      result = ivs_table_copy(&options->provider, sizeof options->provider, vtable, required);     \
    if (result == INVSRC_OK) options->provider##_context = context;                                \
    return result;                                                                                 \
  }

SETTER(authenticator, IVS_TABLE_UP_TO(invsrc_authenticator_vtable, authenticate))
SETTER(registry, IVS_TABLE_UP_TO(invsrc_registry_vtable, lookup))
SETTER(sealer, IVS_TABLE_UP_TO(invsrc_sealer_vtable, open))
SETTER(store, IVS_TABLE_UP_TO(invsrc_store_vtable, due))
SETTER(oauth, IVS_TABLE_UP_TO(invsrc_oauth_vtable, finish))
SETTER(prober, IVS_TABLE_UP_TO(invsrc_prober_vtable, probe))
SETTER(events, IVS_TABLE_UP_TO(invsrc_events_vtable, deliver))
SETTER(world, IVS_TABLE_HEADER)

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

int32_t invsrc_options_set_lease(invsrc_options *options, uint32_t seconds) {
  if (!options || seconds == 0 || seconds > INVSRC_LEASE_LIMIT) return INVSRC_EINVAL;
  options->lease = seconds * MILLISECONDS;
  return INVSRC_OK;
}

int32_t invsrc_options_set_recheck(invsrc_options *options, uint32_t seconds) {
  if (!options || seconds > INVSRC_RECHECK_LIMIT) return INVSRC_EINVAL;
  options->recheck = seconds * MILLISECONDS;
  return INVSRC_OK;
}

int32_t invsrc_options_set_probe_tool(invsrc_options *options, const char *name) {
  size_t length = name ? strlen(name) : 0;

  if (!options || (name && length == 0) || length >= IVS_TOOL_SIZE) return INVSRC_EINVAL;
  for (size_t i = 0; i < length; i++)
    if (!ivs_text_is_letter(name[i]) && !ivs_text_is_digit(name[i]) && !strchr("_-./", name[i]))
      return INVSRC_EINVAL;
  memset(options->probe_tool, 0, sizeof options->probe_tool);
  if (name) memcpy(options->probe_tool, name, length);
  return INVSRC_OK;
}

int32_t invsrc_options_set_oauth_done_url(invsrc_options *options, const char *url) {
  size_t length = url ? strlen(url) : 0, offset;
  ivs_uri uri = {.fragment = {NULL, 0}};
  int32_t result = INVSRC_OK;
  const char *reason;

  if (!options || length > INVSRC_DONE_URL_LONGEST) return INVSRC_EINVAL;
  if (url) result = ivs_url_parse(url, length, &uri, &reason, &offset);
  if (result == INVSRC_EMALFORMED || uri.fragment.text) return INVSRC_EINVAL;
  if (result != INVSRC_OK) return result;
  memset(options->oauth_done_url, 0, sizeof options->oauth_done_url);
  if (url) memcpy(options->oauth_done_url, url, length);
  return INVSRC_OK;
}

/* What the store must have beyond its first functions, or NULL. */
static const char *lack_of(const invsrc_options *options) {
  const invsrc_store_vtable *store = &options->store;

  if (!store->insert) return NULL;
  if (options->events.deliver && (!store->event_next || !store->event_end))
    return "the store keeps no events";
  return options->oauth.start && !store->find ? "the store finds no source by its consent" : NULL;
}

/* The queue of errors is the host's thread's: leave it as it was. */
static int draw(uint8_t *bytes, size_t length) {
  int drawn;

  ERR_set_mark();
  drawn = RAND_bytes(bytes, (int)length) == 1;
  ERR_pop_to_mark();
  return drawn;
}

static invsrc_service *make_service(const invsrc_options *options) {
  invsrc_service *service = malloc(sizeof *service);

  if (!service) return NULL;
  *service = (invsrc_service){*options, ivs_pool_new(draw)};
  if (service->pool) return service;
  free(service);
  return NULL;
}

int32_t invsrc_service_new(const invsrc_options *options, invsrc_service **service,
                           invsrc_error *error) {
  const char *lack;

  if (service) *service = NULL;
  if (!options || !service)
    return ivs_error_fail(error, INVSRC_EINVAL, "options and service must not be NULL");
  lack = lack_of(options);
  if (lack) return ivs_error_fail(error, INVSRC_EINVAL, lack);
  *service = make_service(options);
  if (!*service) return ivs_error_fail(error, INVSRC_ENOMEM, "out of memory");
  return INVSRC_OK;
}

void invsrc_service_free(invsrc_service *service) {
  if (service) ivs_pool_free(service->pool);
  free(service);
}
