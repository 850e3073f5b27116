/*
 * Doubles for a host's unit tests: the kit, what it is told, and when its effects fail.
 * See kit.h.
 */
#include <stdlib.h>
#include <string.h>

#include "core/table.h"
#include "testkit/kit.h"

#define START_TIME INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define START_SEED 1

/* ---- Scripts ---------------------------------------------------------------- */

int ivs_kit_fails(invsrc_testkit *kit, int32_t effect, int32_t *outcome) {
  ivs_script *at = &kit->scripts[effect];

  at->calls++;
  if (!at->fails || at->calls < at->fail_at || (at->fails == 1 && at->calls > at->fail_at))
    return 0;
  *outcome = at->outcome;
  return 1;
}

int32_t invsrc_testkit_fail(invsrc_testkit *kit, int32_t effect, uint64_t nth, int32_t outcome) {
  ivs_script *at;

  if (!kit || effect <= 0 || effect >= INVSRC_EFFECT_END) return INVSRC_EINVAL;
  at = &kit->scripts[effect];
  at->fails = nth ? 1 : 2;
  at->fail_at = at->calls + (nth ? nth : 1);
  at->outcome = outcome;
  return INVSRC_OK;
}

int32_t invsrc_testkit_reset(invsrc_testkit *kit) {
  if (!kit) return INVSRC_EINVAL;
  memset(kit->scripts, 0, sizeof kit->scripts);
  return INVSRC_OK;
}

uint64_t invsrc_testkit_calls(const invsrc_testkit *kit, int32_t effect) {
  return kit && effect > 0 && effect < INVSRC_EFFECT_END ? kit->scripts[effect].calls : 0;
}

/* ---- Facts ------------------------------------------------------------------- */

static int32_t add_fact(ivs_fact **list, const char *key, size_t length, const char *value) {
  size_t size = length + 1;
  ivs_fact *made = malloc(sizeof *made + size + strlen(value) + 1);

  if (!made) return INVSRC_ENOMEM;
  memcpy(made->key, key, length);
  made->key[length] = '\0';
  made->value = made->key + size;
  memcpy(made->value, value, strlen(value) + 1);
  made->next = *list;
  *list = made;
  return INVSRC_OK;
}

const ivs_fact *ivs_kit_find(const ivs_fact *list, const char *key, uint64_t length) {
  while (list && (strlen(list->key) != length || memcmp(list->key, key, (size_t)length) != 0))
    list = list->next;
  return list;
}

static void free_facts(ivs_fact *list) {
  while (list) {
    ivs_fact *next = list->next;
    free(list);
    list = next;
  }
}

int32_t invsrc_testkit_add_key(invsrc_testkit *kit, const char *key, const char *storefront) {
  if (!kit || !key || !storefront) return INVSRC_EINVAL;
  return add_fact(&kit->keys, key, strlen(key), storefront);
}

int32_t ivs_kit_canonicalize(const char *url, uint64_t length, char **canonical) {
  int32_t result;

  *canonical = malloc((size_t)length + 2);
  if (!*canonical) return INVSRC_ENOMEM;
  result = invsrc_uri_canonicalize(url, length, *canonical, length + 2, &length, NULL);
  if (result != INVSRC_OK) {
    free(*canonical);
    *canonical = NULL;
  }
  return result;
}

int32_t invsrc_testkit_register(invsrc_testkit *kit, const char *endpoint_url) {
  char *canonical;
  int32_t result;

  if (!kit || !endpoint_url) return INVSRC_EINVAL;
  result = ivs_kit_canonicalize(endpoint_url, strlen(endpoint_url), &canonical);
  if (result == INVSRC_OK) result = add_fact(&kit->endpoints, canonical, strlen(canonical), "");
  free(canonical);
  return result;
}

/* ---- Setting up ------------------------------------------------------------------ */

invsrc_testkit *invsrc_testkit_new(void) {
  invsrc_testkit *kit = calloc(1, sizeof *kit);

  if (!kit) return NULL;
  kit->time = START_TIME;
  kit->seed = START_SEED;
  return kit;
}

void invsrc_testkit_free(invsrc_testkit *kit) {
  if (!kit) return;
  free_facts(kit->keys);
  free_facts(kit->endpoints);
  ivs_kit_free_agents(kit->agents);
  invsrc_event_free(kit->event);
  free(kit);
}

int32_t invsrc_testkit_set_time(invsrc_testkit *kit, int64_t milliseconds) {
  if (!kit) return INVSRC_EINVAL;
  kit->time = milliseconds;
  return INVSRC_OK;
}

int32_t invsrc_testkit_set_seed(invsrc_testkit *kit, uint64_t seed) {
  if (!kit) return INVSRC_EINVAL;
  kit->seed = seed;
  return INVSRC_OK;
}

const char *invsrc_testkit_last_log(const invsrc_testkit *kit) {
  return kit ? kit->log : "";
}

const invsrc_event *invsrc_testkit_last_event(const invsrc_testkit *kit) {
  return kit ? kit->event : NULL;
}

#define USE(provider, required)                                                                    \
  int32_t invsrc_testkit_use_##provider(invsrc_testkit *kit,                                       \
                                        const invsrc_##provider##_vtable *vtable, void *context) { \
    int32_t result = INVSRC_EINVAL;                                                                \
                                                                                                   \
    if (kit) result = ivs_table_copy(&kit->provider, sizeof kit->provider, vtable, required);      \
    if (result == INVSRC_OK) kit->provider##_context = context;                                    \
    return result;                                                                                 \
  }

USE(authenticator, IVS_TABLE_UP_TO(invsrc_authenticator_vtable, authenticate))
USE(registry, IVS_TABLE_UP_TO(invsrc_registry_vtable, lookup))
USE(sealer, IVS_TABLE_UP_TO(invsrc_sealer_vtable, open))
USE(store, IVS_TABLE_UP_TO(invsrc_store_vtable, due))
USE(oauth, IVS_TABLE_UP_TO(invsrc_oauth_vtable, finish))
USE(prober, IVS_TABLE_UP_TO(invsrc_prober_vtable, probe))
USE(events, IVS_TABLE_UP_TO(invsrc_events_vtable, deliver))

int32_t invsrc_testkit_install(invsrc_testkit *kit, invsrc_options *options) {
  if (!kit || !options) return INVSRC_EINVAL;
  ivs_kit_install(kit, options);
  return INVSRC_OK;
}
