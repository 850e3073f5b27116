/*
 * How an event loop takes a call's slow wants, for the programs in C: finds the answer in
 * the vector's world (world.h), without the service's callbacks, and gives it.
 */
#ifndef CONFORMANCE_STEPWISE_H
#define CONFORMANCE_STEPWISE_H

#include "conformance/world.h"

/* The host's part of a want. */
typedef struct answer {
  int32_t outcome;
  invsrc_buffer *bytes;
  invsrc_source *source;
  invsrc_source_list *list;
  uint64_t total;
  const char *reason;
  const char *url;
  const char *state;
} answer;

static inline void begin_answer(answer *it) {
  *it = (answer){.outcome = INVSRC_OUTCOME_FAILED,
                 .bytes = invsrc_buffer_new(),
                 .source = invsrc_source_new(),
                 .list = invsrc_source_list_new(),
                 .reason = "",
                 .url = "",
                 .state = ""};
}

static inline void end_answer(answer *it) {
  invsrc_buffer_free(it->bytes);
  invsrc_source_free(it->source);
  invsrc_source_list_free(it->list);
}

/* Asks the store. Returns 0 where the want is not for it. */
static inline int ask_store(world *self, const invsrc_call *call, int32_t want, answer *to) {
  const invsrc_store_vtable *store = invsrc_memory_store();
  const invsrc_source *source = invsrc_call_source(call);
  const invsrc_event *event = invsrc_call_event(call);
  uint64_t length, shop_length, id_length;
  const void *sealed = invsrc_call_input(call, INVSRC_INPUT_SEALED, &length);
  const char *shop = invsrc_call_input(call, INVSRC_INPUT_STOREFRONT, &shop_length);
  const char *id = invsrc_call_input(call, INVSRC_INPUT_SOURCE_ID, &id_length);

  switch (want) {
    case INVSRC_WANT_INSERT:
      to->outcome = store->insert(self->memory, source, sealed, length, event);
      return 1;
    case INVSRC_WANT_GET:
      to->outcome =
          store->get(self->memory, shop, shop_length, id, id_length, to->source, to->bytes);
      return 1;
    case INVSRC_WANT_LIST:
      to->outcome =
          store->list(self->memory, shop, shop_length, invsrc_call_number(call, INVSRC_NUMBER_SKIP),
                      invsrc_call_number(call, INVSRC_NUMBER_TAKE), to->list, &to->total);
      return 1;
    case INVSRC_WANT_UPDATE:
      to->outcome =
          store->update(self->memory, source, invsrc_call_number(call, INVSRC_NUMBER_REVISION),
                        (int64_t)invsrc_call_number(call, INVSRC_NUMBER_LEASE_END),
                        (uint32_t)invsrc_call_number(call, INVSRC_NUMBER_PARTS), sealed, length,
                        event, to->bytes);
      return 1;
    case INVSRC_WANT_REMOVE:
      to->outcome = store->remove(
          self->memory, source, invsrc_call_number(call, INVSRC_NUMBER_REVISION), event, to->bytes);
      return 1;
    default:
      return 0;
  }
}

/* Asks sealer, agent or OAuth provider, likewise. */
static inline int ask_others(world *self, const invsrc_call *call, int32_t want, answer *to) {
  const invsrc_binding *binding = invsrc_call_binding(call);
  uint64_t length, sealed_length;
  const void *plaintext = invsrc_call_input(call, INVSRC_INPUT_PLAINTEXT, &length);
  const void *sealed = invsrc_call_input(call, INVSRC_INPUT_SEALED, &sealed_length);

  switch (want) {
    case INVSRC_WANT_SEAL:
      to->outcome = count_seal(self, binding, plaintext, length, to->bytes);
      return 1;
    case INVSRC_WANT_OPEN:
      to->outcome = unseal(self, binding, sealed, sealed_length, to->bytes);
      return 1;
    case INVSRC_WANT_DISCARD:
      to->outcome = count_discard(self, binding, sealed, sealed_length);
      return 1;
    case INVSRC_WANT_PROBE:
      to->outcome = self->probed;
      to->reason = self->reason;
      return 1;
    case INVSRC_WANT_OAUTH_START:
      to->outcome = self->oauth ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_IMPLEMENTED;
      to->url = text_of(self->oauth, "authorizationUrl", "");
      to->state = text_of(self->oauth, "state", "");
      return 1;
    default:
      return 0;
  }
}

/* Finds the answer to a want. Returns 0 for those that are left to the callbacks. */
static inline int find_answer(world *self, const invsrc_call *call, int32_t want, answer *to) {
  if (want == self->failing) {
    to->outcome = self->outcome;
    return 1;
  }
  return ask_store(self, call, want, to) || ask_others(self, call, want, to);
}

/* Gives it; of those that are left to the callbacks only failures. */
static inline int32_t give_answer(invsrc_call *call, int32_t want, const answer *from) {
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(from->bytes, &length);

  switch (want) {
    case INVSRC_WANT_AUTHENTICATE:
      return invsrc_call_answer_authenticate(call, from->outcome, NULL, 0);
    case INVSRC_WANT_NOW:
      return invsrc_call_answer_now(call, from->outcome, -1);
    case INVSRC_WANT_RANDOM:
      return invsrc_call_answer_random(call, from->outcome, NULL, 0);
    case INVSRC_WANT_OAUTH_START:
      return invsrc_call_answer_oauth_start(call, from->outcome, from->url, strlen(from->url),
                                            from->state, strlen(from->state), from->reason,
                                            strlen(from->reason));
    case INVSRC_WANT_SEAL:
      return invsrc_call_answer_seal(call, from->outcome, bytes, length);
    case INVSRC_WANT_OPEN:
      return invsrc_call_answer_open(call, from->outcome, bytes, length);
    case INVSRC_WANT_PROBE:
      return invsrc_call_answer_probe(call, from->outcome, from->reason, strlen(from->reason));
    case INVSRC_WANT_GET:
      return invsrc_call_answer_get(call, from->outcome, from->source, bytes, length);
    case INVSRC_WANT_LIST:
      return invsrc_call_answer_list(call, from->outcome, from->list, from->total);
    case INVSRC_WANT_UPDATE:
    case INVSRC_WANT_REMOVE:
      return invsrc_call_answer_sealed(call, from->outcome, bytes, length);
    default: /* LOOKUP, INSERT, DISCARD */
      return invsrc_call_answer(call, from->outcome);
  }
}

#endif
