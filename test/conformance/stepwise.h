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
  invsrc_buffer *url;
  invsrc_buffer *words; /* that `reason` may be in */
  int64_t refresh_at;
} answer;

static inline void begin_answer(answer *it) {
  *it = (answer){.outcome = INVSRC_OUTCOME_FAILED,
                 .bytes = invsrc_buffer_new(),
                 .source = invsrc_source_new(),
                 .list = invsrc_source_list_new(),
                 .reason = "",
                 .url = invsrc_buffer_new(),
                 .words = invsrc_buffer_new()};
}

static inline void end_answer(answer *it) {
  invsrc_buffer_free(it->bytes);
  invsrc_buffer_free(it->url);
  invsrc_buffer_free(it->words);
  invsrc_source_free(it->source);
  invsrc_source_list_free(it->list);
}

/* Asks the store. Returns 0 where the want is not for it. */
static inline int ask_store(world *self, const invsrc_call *call, int32_t want, answer *to) {
  const invsrc_store_vtable *store = invsrc_memory_store();
  const invsrc_source *source = invsrc_call_source(call);
  const invsrc_event *event = invsrc_call_event(call);
  uint64_t length, shop_length, id_length, value_length;
  const void *sealed = invsrc_call_input(call, INVSRC_INPUT_SEALED, &length);
  const char *shop = invsrc_call_input(call, INVSRC_INPUT_STOREFRONT, &shop_length);
  const char *id = invsrc_call_input(call, INVSRC_INPUT_SOURCE_ID, &id_length);
  const char *value = invsrc_call_input(call, INVSRC_INPUT_VALUE, &value_length);

  switch (want) {
    case INVSRC_WANT_INSERT:
      to->outcome = store->insert(self->memory, source, sealed, length, event);
      return 1;
    case INVSRC_WANT_GET:
      to->outcome =
          store->get(self->memory, shop, shop_length, id, id_length, to->source, to->bytes);
      return 1;
    case INVSRC_WANT_FIND:
      to->outcome =
          store->find(self->memory, (int32_t)invsrc_call_number(call, INVSRC_NUMBER_FIELD), value,
                      value_length, to->source, to->bytes);
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

/* Asks the OAuth provider, likewise. */
static inline int ask_provider(world *self, const invsrc_call *call, int32_t want, answer *to) {
  const invsrc_source *source = invsrc_call_source(call);
  invsrc_consent consent = {.size = sizeof consent};
  invsrc_redirect redirect = {.size = sizeof redirect};
  uint64_t length;
  const void *plaintext = invsrc_call_input(call, INVSRC_INPUT_PLAINTEXT, &length);

  switch (self->oauth ? want : INVSRC_WANT_NONE) {
    case INVSRC_WANT_OAUTH_START:
      consent.is_again = (uint32_t)invsrc_call_number(call, INVSRC_NUMBER_AGAIN);
      consent.state = invsrc_call_input(call, INVSRC_INPUT_STATE, &consent.state_length);
      consent.redirect_uri =
          invsrc_call_input(call, INVSRC_INPUT_REDIRECT_URI, &consent.redirect_uri_length);
      to->outcome = start_oauth(self, source, &consent, to->url, to->bytes, to->words);
      break;
    case INVSRC_WANT_OAUTH_FINISH:
      redirect.code = invsrc_call_input(call, INVSRC_INPUT_CODE, &redirect.code_length);
      redirect.issuer = invsrc_call_input(call, INVSRC_INPUT_ISSUER, &redirect.issuer_length);
      redirect.error = invsrc_call_input(call, INVSRC_INPUT_ERROR, &redirect.error_length);
      to->outcome = finish_oauth(self, source, plaintext, length, &redirect, to->bytes,
                                 &to->refresh_at, to->words);
      break;
    case INVSRC_WANT_OAUTH_REVOKE:
      to->outcome = revoke_oauth(self, source, plaintext, length, to->words);
      break;
    default:
      return 0;
  }
  to->reason = invsrc_buffer_bytes(to->words, NULL);
  return 1;
}

/* Asks sealer or agent, likewise. */
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
    default:
      return 0;
  }
}

/* Finds the answer to a want. Returns 0 for those that are left to the callbacks. */
static inline int find_answer(world *self, const invsrc_call *call, int32_t want, answer *to) {
  if (ask_provider(self, call, want, to)) {
    if (want == self->failing) to->outcome = self->outcome;
    return 1;
  }
  if (want == self->failing) {
    to->outcome = self->outcome;
    return 1;
  }
  return ask_store(self, call, want, to) || ask_others(self, call, want, to);
}

/* Gives it; of those that are left to the callbacks only failures. */
static inline int32_t give_answer(invsrc_call *call, int32_t want, const answer *from) {
  uint64_t length, url_length;
  const void *bytes = invsrc_buffer_bytes(from->bytes, &length);
  const char *url;

  switch (want) {
    case INVSRC_WANT_AUTHENTICATE:
      return invsrc_call_answer_authenticate(call, from->outcome, NULL, 0);
    case INVSRC_WANT_NOW:
      return invsrc_call_answer_now(call, from->outcome, -1);
    case INVSRC_WANT_RANDOM:
      return invsrc_call_answer_random(call, from->outcome, NULL, 0);
    case INVSRC_WANT_OAUTH_START:
      url = invsrc_buffer_bytes(from->url, &url_length);
      return invsrc_call_answer_oauth_start(call, from->outcome, url, url_length, bytes, length,
                                            from->reason, strlen(from->reason));
    case INVSRC_WANT_OAUTH_FINISH:
      return invsrc_call_answer_tokens(call, from->outcome, bytes, length, from->refresh_at,
                                       from->reason, strlen(from->reason));
    case INVSRC_WANT_SEAL:
      return invsrc_call_answer_seal(call, from->outcome, bytes, length);
    case INVSRC_WANT_OPEN:
      return invsrc_call_answer_open(call, from->outcome, bytes, length);
    case INVSRC_WANT_PROBE:
      return invsrc_call_answer_probe(call, from->outcome, from->reason, strlen(from->reason));
    case INVSRC_WANT_GET:
    case INVSRC_WANT_FIND:
      return invsrc_call_answer_get(call, from->outcome, from->source, bytes, length);
    case INVSRC_WANT_LIST:
      return invsrc_call_answer_list(call, from->outcome, from->list, from->total);
    case INVSRC_WANT_UPDATE:
    case INVSRC_WANT_REMOVE:
      return invsrc_call_answer_sealed(call, from->outcome, bytes, length);
    default: /* LOOKUP, INSERT, DISCARD, OAUTH_REVOKE */
      return invsrc_call_answer(call, from->outcome);
  }
}

#endif
