/*
 * The stepwise API's other half: what a pending want brings, and the answers.
 */
#include <string.h>

#include "engine/call.h"

static const void *bytes_of(const ivs_buffer *buffer, uint64_t *length) {
  if (length) *length = buffer->length;
  return buffer->bytes;
}

const void *invsrc_call_input(const invsrc_call *call, int32_t input, uint64_t *length) {
  if (length) *length = 0;
  if (!call) return NULL;
  switch (call->want << 8 | input) {
    case INVSRC_WANT_AUTHENTICATE << 8 | INVSRC_INPUT_TOKEN:
      return bytes_of(&call->token, length);
    case INVSRC_WANT_LOOKUP << 8 | INVSRC_INPUT_ENDPOINT_URL:
      return bytes_of(&call->draft.endpoint, length);
    case INVSRC_WANT_SEAL << 8 | INVSRC_INPUT_PLAINTEXT:
      return bytes_of(&call->draft.credential, length);
    case INVSRC_WANT_INSERT << 8 | INVSRC_INPUT_SEALED:
    case INVSRC_WANT_DISCARD << 8 | INVSRC_INPUT_SEALED:
      return bytes_of(&call->sealed.data, length);
    case INVSRC_WANT_GET << 8 | INVSRC_INPUT_STOREFRONT:
      return bytes_of(&call->storefront.data, length);
    case INVSRC_WANT_GET << 8 | INVSRC_INPUT_SOURCE_ID:
      return bytes_of(&call->source_id, length);
    case INVSRC_WANT_LOG << 8 | INVSRC_INPUT_LOG:
      if (length) *length = strlen(call->log);
      return call->log;
    default:
      return NULL;
  }
}

const invsrc_source *invsrc_call_source(const invsrc_call *call) {
  if (!call) return NULL;
  return call->want == INVSRC_WANT_OAUTH_START || call->want == INVSRC_WANT_INSERT
             ? call->draft.source
             : NULL;
}

const invsrc_binding *invsrc_call_binding(const invsrc_call *call) {
  if (!call) return NULL;
  return call->want == INVSRC_WANT_SEAL || call->want == INVSRC_WANT_DISCARD ? &call->binding
                                                                             : NULL;
}

uint64_t invsrc_call_random_length(const invsrc_call *call) {
  return call && call->want == INVSRC_WANT_RANDOM ? sizeof call->random : 0;
}

int32_t invsrc_call_log_level(const invsrc_call *call) {
  return call && call->want == INVSRC_WANT_LOG ? call->log_level : 0;
}

int32_t invsrc_call_answer(invsrc_call *call, int32_t outcome) {
  if (!call) return INVSRC_EINVAL;
  switch (call->want) {
    case INVSRC_WANT_LOOKUP:
    case INVSRC_WANT_INSERT:
    case INVSRC_WANT_DISCARD:
    case INVSRC_WANT_LOG:
      ivs_call_answered(call, outcome);
      return INVSRC_OK;
    default:
      return INVSRC_ESTATE;
  }
}

/* Whether `call` waits for `want`, so that an answer to it may be taken. */
static int32_t expect(const invsrc_call *call, int32_t want) {
  if (!call) return INVSRC_EINVAL;
  return call->want == want ? INVSRC_OK : INVSRC_ESTATE;
}

/* Takes an answer whose bytes count only where the outcome is OK. */
static int32_t answer_bytes(invsrc_call *call, int32_t want, int32_t outcome, invsrc_buffer *slot,
                            const void *bytes, uint64_t length) {
  int32_t result = expect(call, want);

  if (result == INVSRC_OK && outcome == INVSRC_OUTCOME_OK)
    result = invsrc_buffer_set(slot, bytes, length);
  if (result == INVSRC_OK) ivs_call_answered(call, outcome);
  return result;
}

int32_t invsrc_call_answer_authenticate(invsrc_call *call, int32_t outcome, const char *storefront,
                                        uint64_t length) {
  return answer_bytes(call, INVSRC_WANT_AUTHENTICATE, outcome, call ? &call->storefront : NULL,
                      storefront, length);
}

int32_t invsrc_call_answer_seal(invsrc_call *call, int32_t outcome, const void *sealed,
                                uint64_t length) {
  return answer_bytes(call, INVSRC_WANT_SEAL, outcome, call ? &call->sealed : NULL, sealed, length);
}

int32_t invsrc_call_answer_oauth_start(invsrc_call *call, int32_t outcome,
                                       const char *authorization_url, uint64_t url_length,
                                       const void *private_state, uint64_t state_length) {
  int32_t result = expect(call, INVSRC_WANT_OAUTH_START);

  if (result == INVSRC_OK && outcome == INVSRC_OUTCOME_OK)
    result = invsrc_buffer_set(&call->authorization_url, authorization_url, url_length);
  if (result != INVSRC_OK) return result;
  return answer_bytes(call, INVSRC_WANT_OAUTH_START, outcome, &call->private_state, private_state,
                      state_length);
}

int32_t invsrc_call_answer_now(invsrc_call *call, int32_t outcome, int64_t milliseconds) {
  int32_t result = expect(call, INVSRC_WANT_NOW);

  if (result != INVSRC_OK) return result;
  if (outcome == INVSRC_OUTCOME_OK) call->now = milliseconds;
  ivs_call_answered(call, outcome);
  return INVSRC_OK;
}

int32_t invsrc_call_answer_random(invsrc_call *call, int32_t outcome, const uint8_t *bytes,
                                  uint64_t length) {
  int32_t result = expect(call, INVSRC_WANT_RANDOM);

  if (result != INVSRC_OK) return result;
  if (outcome == INVSRC_OUTCOME_OK) {
    if (!bytes || length != sizeof call->random) return INVSRC_EINVAL;
    memcpy(call->random, bytes, sizeof call->random);
  }
  ivs_call_answered(call, outcome);
  return INVSRC_OK;
}

int32_t invsrc_call_answer_get(invsrc_call *call, int32_t outcome, const invsrc_source *source) {
  int32_t result = expect(call, INVSRC_WANT_GET);
  invsrc_source *found;

  if (result != INVSRC_OK) return result;
  if (outcome == INVSRC_OUTCOME_OK) {
    if (!source) return INVSRC_EINVAL;
    found = invsrc_source_new();
    if (!found) return INVSRC_ENOMEM;
    if (invsrc_source_copy(found, source) != INVSRC_OK) {
      invsrc_source_free(found);
      return INVSRC_ENOMEM;
    }
    call->found = found;
  }
  ivs_call_answered(call, outcome);
  return INVSRC_OK;
}
