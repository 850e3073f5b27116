/*
 * The doubles: for each effect a function that counts, fails when it is to, and else asks
 * the provider behind it or the script. Random bytes are a seeded sequence (splitmix64),
 * fit for tests only. See kit.h.
 */
#include <string.h>

#include "testkit/kit.h"

/* ---- Keys and registry ----------------------------------------------------------- */

static int32_t authenticate(void *context, const char *token, uint64_t length,
                            invsrc_buffer *storefront) {
  invsrc_testkit *kit = context;
  const ivs_fact *known;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_AUTHENTICATE, &outcome)) return outcome;
  if (kit->authenticator.authenticate)
    return kit->authenticator.authenticate(kit->authenticator_context, token, length, storefront);
  known = ivs_kit_find(kit->keys, token, length);
  if (!known) return INVSRC_OUTCOME_UNKNOWN;
  return invsrc_buffer_set(storefront, known->value, strlen(known->value)) == INVSRC_OK
             ? INVSRC_OUTCOME_OK
             : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t lookup(void *context, const char *endpoint_url, uint64_t length) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_LOOKUP, &outcome)) return outcome;
  if (kit->registry.lookup)
    return kit->registry.lookup(kit->registry_context, endpoint_url, length);
  return ivs_kit_find(kit->endpoints, endpoint_url, length) ? INVSRC_OUTCOME_OK
                                                            : INVSRC_OUTCOME_NOT_REGISTERED;
}

/* ---- Sealer and OAuth -------------------------------------------------------------- */

static int32_t seal(void *context, const invsrc_binding *binding, const void *plaintext,
                    uint64_t length, invsrc_buffer *sealed) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_SEAL, &outcome)) return outcome;
  return kit->sealer.seal(kit->sealer_context, binding, plaintext, length, sealed);
}

static int32_t unseal(void *context, const invsrc_binding *binding, const void *sealed,
                      uint64_t length, invsrc_buffer *plaintext) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_OPEN, &outcome)) return outcome;
  return kit->sealer.open(kit->sealer_context, binding, sealed, length, plaintext);
}

static int32_t discard(void *context, const invsrc_binding *binding, const void *sealed,
                       uint64_t length) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_DISCARD, &outcome)) return outcome;
  if (!kit->sealer.discard) return INVSRC_OUTCOME_OK;
  return kit->sealer.discard(kit->sealer_context, binding, sealed, length);
}

static int32_t oauth_start(void *context, const invsrc_source *source,
                           const invsrc_consent *consent, invsrc_buffer *authorization_url,
                           invsrc_buffer *private_state, invsrc_buffer *reason) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_OAUTH_START, &outcome)) return outcome;
  return kit->oauth.start(kit->oauth_context, source, consent, authorization_url, private_state,
                          reason);
}

static int32_t oauth_finish(void *context, const invsrc_source *source, const void *private_state,
                            uint64_t length, const invsrc_redirect *redirect,
                            invsrc_buffer *credential, int64_t *refresh_at, invsrc_buffer *reason) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_OAUTH_FINISH, &outcome)) return outcome;
  return kit->oauth.finish(kit->oauth_context, source, private_state, length, redirect, credential,
                           refresh_at, reason);
}

static int32_t oauth_revoke(void *context, const invsrc_source *source, const void *credential,
                            uint64_t length, invsrc_buffer *reason) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_OAUTH_REVOKE, &outcome)) return outcome;
  if (!kit->oauth.revoke) return INVSRC_OUTCOME_NOT_IMPLEMENTED;
  return kit->oauth.revoke(kit->oauth_context, source, credential, length, reason);
}

/* ---- Store --------------------------------------------------------------------------- */

static int32_t insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length, const invsrc_event *event) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_INSERT, &outcome)) return outcome;
  return kit->store.insert(kit->store_context, source, sealed, length, event);
}

static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_GET, &outcome)) return outcome;
  return kit->store.get(kit->store_context, storefront, storefront_length, source_id,
                        source_id_length, source, sealed);
}

static int32_t list_page(void *context, const char *storefront, uint64_t storefront_length,
                         uint64_t skip, uint64_t take, invsrc_source_list *list, uint64_t *total) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_LIST, &outcome)) return outcome;
  return kit->store.list(kit->store_context, storefront, storefront_length, skip, take, list,
                         total);
}

static int32_t update(void *context, const invsrc_source *source, uint64_t revision,
                      int64_t lease_end, uint32_t parts, const void *sealed, uint64_t length,
                      const invsrc_event *event, invsrc_buffer *replaced) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_UPDATE, &outcome)) return outcome;
  return kit->store.update(kit->store_context, source, revision, lease_end, parts, sealed, length,
                           event, replaced);
}

static int32_t remove_source(void *context, const invsrc_source *source, uint64_t revision,
                             const invsrc_event *event, invsrc_buffer *sealed) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_REMOVE, &outcome)) return outcome;
  return kit->store.remove(kit->store_context, source, revision, event, sealed);
}

static int32_t due(void *context, int64_t now_at, int64_t lease_end, uint64_t limit,
                   invsrc_source_list *list) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_DUE, &outcome)) return outcome;
  return kit->store.due(kit->store_context, now_at, lease_end, limit, list);
}

static int32_t event_next(void *context, int64_t now_at, int64_t lease_end, invsrc_event *event) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_EVENT_NEXT, &outcome)) return outcome;
  return kit->store.event_next(kit->store_context, now_at, lease_end, event);
}

static int32_t event_end(void *context, const char *id, uint64_t length, int64_t next_at) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_EVENT_END, &outcome)) return outcome;
  return kit->store.event_end(kit->store_context, id, length, next_at);
}

static int32_t find(void *context, int32_t field, const char *value, uint64_t length,
                    invsrc_source *source, invsrc_buffer *sealed) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_FIND, &outcome)) return outcome;
  return kit->store.find(kit->store_context, field, value, length, source, sealed);
}

/* ---- Events -------------------------------------------------------------------- */

static int32_t remember(invsrc_testkit *kit, const invsrc_event *event) {
  if (!kit->event) kit->event = invsrc_event_new();
  return invsrc_event_copy(kit->event, event) == INVSRC_OK ? INVSRC_OUTCOME_OK
                                                           : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t deliver(void *context, const invsrc_event *event) {
  invsrc_testkit *kit = context;
  int32_t outcome = INVSRC_OUTCOME_OK;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_DELIVER, &outcome)) return outcome;
  if (kit->events.deliver) outcome = kit->events.deliver(kit->events_context, event);
  return outcome == INVSRC_OUTCOME_OK ? remember(kit, event) : outcome;
}

/* ---- The world ------------------------------------------------------------------ */

static int32_t now(void *context, int64_t *milliseconds) {
  invsrc_testkit *kit = context;
  int32_t outcome;

  if (ivs_kit_fails(kit, INVSRC_EFFECT_NOW, &outcome)) return outcome;
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

  if (ivs_kit_fails(kit, INVSRC_EFFECT_RANDOM, &outcome)) return outcome;
  for (uint64_t i = 0; i < length; i++, bits >>= 8) {
    if (i % 8 == 0) bits = next_random(&kit->seed);
    bytes[i] = (uint8_t)bits;
  }
  return INVSRC_OUTCOME_OK;
}

static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  invsrc_testkit *kit = context;
  size_t kept = length < IVS_KIT_LOG_SIZE ? (size_t)length : IVS_KIT_LOG_SIZE - 1;

  (void)level;
  memcpy(kit->log, message, kept);
  kit->log[kept] = '\0';
}

/* ---- All of them ------------------------------------------------------------------ */

/* With the functions for events and for OAuth where the one that is wrapped has them. */
static void install_store(invsrc_testkit *kit, invsrc_options *options) {
  const invsrc_store_vtable store = {.size = sizeof store,
                                     .insert = insert,
                                     .get = get,
                                     .list = list_page,
                                     .update = update,
                                     .remove = remove_source,
                                     .due = due,
                                     .event_next = kit->store.event_next ? event_next : NULL,
                                     .event_end = kit->store.event_end ? event_end : NULL,
                                     .find = kit->store.find ? find : NULL};

  invsrc_options_set_store(options, &store, kit);
}

void ivs_kit_install(invsrc_testkit *kit, invsrc_options *options) {
  static const invsrc_world_vtable world = {sizeof world, 0, now, random_bytes, hear};
  static const invsrc_authenticator_vtable authenticator = {sizeof authenticator, 0, authenticate};
  static const invsrc_registry_vtable registry = {sizeof registry, 0, lookup};
  static const invsrc_sealer_vtable sealer = {sizeof sealer, 0, seal, unseal, discard};
  static const invsrc_oauth_vtable oauth = {sizeof oauth, 0, oauth_start, oauth_finish,
                                            oauth_revoke};
  static const invsrc_prober_vtable prober = {sizeof prober, 0, ivs_kit_probe};
  static const invsrc_events_vtable events = {sizeof events, 0, deliver};
  int keeps_events = !kit->store.insert || (kit->store.event_next && kit->store.event_end);

  /* None of these can be refused: the tables are ours. */
  invsrc_options_set_world(options, &world, kit);
  invsrc_options_set_authenticator(options, &authenticator, kit);
  invsrc_options_set_registry(options, &registry, kit);
  invsrc_options_set_prober(options, &prober, kit);
  invsrc_options_set_events(options, keeps_events ? &events : NULL, kit);
  if (kit->sealer.seal) invsrc_options_set_sealer(options, &sealer, kit);
  if (kit->store.insert) install_store(kit, options);
  if (kit->oauth.start) invsrc_options_set_oauth(options, &oauth, kit);
}
