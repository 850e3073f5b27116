/*
 * Doubles for a host's unit tests. Each effect has a counter and may be made to
 * fail; behind it is a provider to wrap, or a script. Its random bytes are a seeded
 * sequence (splitmix64), fit for tests only.
 */
#include <invsrc/testkit.h>
#include <stdlib.h>
#include <string.h>

#include "core/table.h"

#define START_TIME INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define START_SEED 1
#define LOG_SIZE 256

/* What is to happen at the calls of one effect. */
typedef struct script {
  uint64_t calls;
  uint64_t fail_at; /* the count of the call that fails */
  int fails;        /* 0: none does; 1: that one; 2: that one and all after it */
  int32_t outcome;
} script;

/* A scripted key or endpoint. */
typedef struct fact {
  struct fact *next;
  char *value;
  char key[];
} fact;

struct invsrc_testkit {
  script scripts[INVSRC_EFFECT_END];
  fact *keys;      /* to storefronts */
  fact *endpoints; /* canonical */
  int64_t time;
  uint64_t seed;
  char log[LOG_SIZE];
  invsrc_authenticator_vtable authenticator;
  invsrc_registry_vtable registry;
  invsrc_sealer_vtable sealer;
  invsrc_store_vtable store;
  invsrc_oauth_vtable oauth;
  void *authenticator_context;
  void *registry_context;
  void *sealer_context;
  void *store_context;
  void *oauth_context;
};

/* ---- Scripts ---------------------------------------------------------------- */

/* Counts a call. Returns 1 when it is to fail, with `*outcome`. */
static int fails(invsrc_testkit *kit, int32_t effect, int32_t *outcome) {
  script *at = &kit->scripts[effect];

  at->calls++;
  if (!at->fails || at->calls < at->fail_at || (at->fails == 1 && at->calls > at->fail_at))
    return 0;
  *outcome = at->outcome;
  return 1;
}

int32_t invsrc_testkit_fail(invsrc_testkit *kit, int32_t effect, uint64_t nth, int32_t outcome) {
  script *at;

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

static int32_t add_fact(fact **list, const char *key, size_t length, const char *value) {
  size_t size = length + 1;
  fact *made = malloc(sizeof *made + size + strlen(value) + 1);

  if (!made) return INVSRC_ENOMEM;
  memcpy(made->key, key, length);
  made->key[length] = '\0';
  made->value = made->key + size;
  memcpy(made->value, value, strlen(value) + 1);
  made->next = *list;
  *list = made;
  return INVSRC_OK;
}

static const fact *find_fact(const fact *list, const char *key, uint64_t length) {
  while (list && (strlen(list->key) != length || memcmp(list->key, key, (size_t)length) != 0))
    list = list->next;
  return list;
}

static void free_facts(fact *list) {
  while (list) {
    fact *next = list->next;
    free(list);
    list = next;
  }
}

int32_t invsrc_testkit_add_key(invsrc_testkit *kit, const char *key, const char *storefront) {
  if (!kit || !key || !storefront) return INVSRC_EINVAL;
  return add_fact(&kit->keys, key, strlen(key), storefront);
}

int32_t invsrc_testkit_register(invsrc_testkit *kit, const char *endpoint_url) {
  uint64_t length = endpoint_url ? strlen(endpoint_url) : 0;
  char *canonical;
  int32_t result;

  if (!kit || !endpoint_url) return INVSRC_EINVAL;
  canonical = malloc((size_t)length + 2);
  if (!canonical) return INVSRC_ENOMEM;
  result = invsrc_uri_canonicalize(endpoint_url, length, canonical, length + 2, &length, NULL);
  if (result == INVSRC_OK) result = add_fact(&kit->endpoints, canonical, (size_t)length, "");
  free(canonical);
  return result;
}

/* ---- The doubles --------------------------------------------------------------- */

static int32_t authenticate(void *context, const char *token, uint64_t length,
                            invsrc_buffer *storefront) {
  invsrc_testkit *kit = context;
  const fact *known;
  int32_t outcome;

  if (fails(kit, INVSRC_EFFECT_AUTHENTICATE, &outcome)) return outcome;
  if (kit->authenticator.authenticate)
    return kit->authenticator.authenticate(kit->authenticator_context, token, length, storefront);
  known = find_fact(kit->keys, token, length);
  if (!known) return INVSRC_OUTCOME_UNKNOWN;
  return invsrc_buffer_set(storefront, known->value, strlen(known->value)) == INVSRC_OK
             ? INVSRC_OUTCOME_OK
             : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t lookup(void *context, const char *endpoint_url, uint64_t length) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (fails(kit, INVSRC_EFFECT_LOOKUP, &outcome)) return outcome;
  if (kit->registry.lookup)
    return kit->registry.lookup(kit->registry_context, endpoint_url, length);
  return find_fact(kit->endpoints, endpoint_url, length) ? INVSRC_OUTCOME_OK
                                                         : INVSRC_OUTCOME_NOT_REGISTERED;
}

static int32_t seal(void *context, const invsrc_binding *binding, const void *plaintext,
                    uint64_t length, invsrc_buffer *sealed) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (fails(kit, INVSRC_EFFECT_SEAL, &outcome)) return outcome;
  return kit->sealer.seal(kit->sealer_context, binding, plaintext, length, sealed);
}

static int32_t unseal(void *context, const invsrc_binding *binding, const void *sealed,
                      uint64_t length, invsrc_buffer *plaintext) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (fails(kit, INVSRC_EFFECT_OPEN, &outcome)) return outcome;
  return kit->sealer.open(kit->sealer_context, binding, sealed, length, plaintext);
}

static int32_t discard(void *context, const invsrc_binding *binding, const void *sealed,
                       uint64_t length) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (fails(kit, INVSRC_EFFECT_DISCARD, &outcome)) return outcome;
  if (!kit->sealer.discard) return INVSRC_OUTCOME_OK;
  return kit->sealer.discard(kit->sealer_context, binding, sealed, length);
}

static int32_t insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (fails(kit, INVSRC_EFFECT_INSERT, &outcome)) return outcome;
  return kit->store.insert(kit->store_context, source, sealed, length);
}

static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (fails(kit, INVSRC_EFFECT_GET, &outcome)) return outcome;
  return kit->store.get(kit->store_context, storefront, storefront_length, source_id,
                        source_id_length, source, sealed);
}

static int32_t oauth_start(void *context, const invsrc_source *source,
                           invsrc_buffer *authorization_url, invsrc_buffer *private_state) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (fails(kit, INVSRC_EFFECT_OAUTH_START, &outcome)) return outcome;
  return kit->oauth.start(kit->oauth_context, source, authorization_url, private_state);
}

static int32_t now(void *context, int64_t *milliseconds) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (fails(kit, INVSRC_EFFECT_NOW, &outcome)) return outcome;
  *milliseconds = kit->time;
  return INVSRC_OUTCOME_OK;
}

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t next_random(uint64_t *seed) {
  uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static int32_t random_bytes(void *context, uint8_t *bytes, uint64_t length) {
  invsrc_testkit *kit = context;
  uint64_t bits = 0;
  int32_t outcome;

  if (fails(kit, INVSRC_EFFECT_RANDOM, &outcome)) return outcome;
  for (uint64_t i = 0; i < length; i++, bits >>= 8) {
    if (i % 8 == 0) bits = next_random(&kit->seed);
    bytes[i] = (uint8_t)bits;
  }
  return INVSRC_OUTCOME_OK;
}

static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  invsrc_testkit *kit = context;
  size_t kept = length < LOG_SIZE ? (size_t)length : LOG_SIZE - 1;

  (void)level;
  memcpy(kit->log, message, kept);
  kit->log[kept] = '\0';
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
USE(store, IVS_TABLE_UP_TO(invsrc_store_vtable, get))
USE(oauth, IVS_TABLE_UP_TO(invsrc_oauth_vtable, start))

int32_t invsrc_testkit_install(invsrc_testkit *kit, invsrc_options *options) {
  static const invsrc_world_vtable world = {sizeof world, 0, now, random_bytes, hear};
  static const invsrc_authenticator_vtable authenticator = {sizeof authenticator, 0, authenticate};
  static const invsrc_registry_vtable registry = {sizeof registry, 0, lookup};
  static const invsrc_sealer_vtable sealer = {sizeof sealer, 0, seal, unseal, discard};
  static const invsrc_store_vtable store = {sizeof store, 0, insert, get};
  static const invsrc_oauth_vtable oauth = {sizeof oauth, 0, oauth_start};

  if (!kit || !options) return INVSRC_EINVAL;
  /* None of these can be refused: the tables are ours. */
  invsrc_options_set_world(options, &world, kit);
  invsrc_options_set_authenticator(options, &authenticator, kit);
  invsrc_options_set_registry(options, &registry, kit);
  if (kit->sealer.seal) invsrc_options_set_sealer(options, &sealer, kit);
  if (kit->store.insert) invsrc_options_set_store(options, &store, kit);
  if (kit->oauth.start) invsrc_options_set_oauth(options, &oauth, kit);
  return INVSRC_OK;
}
