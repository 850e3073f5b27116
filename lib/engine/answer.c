/*
 * The stepwise API's other half: what a pending want brings, and the answers.
 */
#include <string.h>

#include "engine/call.h"

static const void *bytes_of(const ivs_buffer *buffer, uint64_t *length) {
  if (length) *length = buffer->length;
  return buffer->length ? buffer->bytes : NULL;
}

/* An input that is bytes of the call; which buffer they are in depends on the want. */
static const ivs_buffer *buffer_of(const invsrc_call *call, int32_t input) {
  switch (call->want << 8 | input) {
    case INVSRC_WANT_AUTHENTICATE << 8 | INVSRC_INPUT_TOKEN:
      return &call->token;
    case INVSRC_WANT_LOOKUP << 8 | INVSRC_INPUT_ENDPOINT_URL:
      return &call->draft.endpoint;
    case INVSRC_WANT_SEAL << 8 | INVSRC_INPUT_PLAINTEXT:
      return &call->draft.credential;
    case INVSRC_WANT_PROBE << 8 | INVSRC_INPUT_PLAINTEXT:
      return ivs_call_credential(call);
    case INVSRC_WANT_OAUTH_REFRESH << 8 | INVSRC_INPUT_PLAINTEXT:
    case INVSRC_WANT_OAUTH_REVOKE << 8 | INVSRC_INPUT_PLAINTEXT:
      return &call->opened.data;
    case INVSRC_WANT_OAUTH_FINISH << 8 | INVSRC_INPUT_PLAINTEXT:
      return &call->private_state.data;
    case INVSRC_WANT_OAUTH_FINISH << 8 | INVSRC_INPUT_CODE:
      return &call->code;
    case INVSRC_WANT_OAUTH_FINISH << 8 | INVSRC_INPUT_ISSUER:
      return &call->issuer;
    case INVSRC_WANT_OAUTH_FINISH << 8 | INVSRC_INPUT_ERROR:
      return &call->oauth_error;
    case INVSRC_WANT_OAUTH_START << 8 | INVSRC_INPUT_STATE:
      return &call->oauth_state;
    case INVSRC_WANT_OAUTH_START << 8 | INVSRC_INPUT_REDIRECT_URI:
      return &call->redirect_uri;
    case INVSRC_WANT_FIND << 8 | INVSRC_INPUT_VALUE:
      return ivs_call_find_value(call);
    case INVSRC_WANT_INSERT << 8 | INVSRC_INPUT_SEALED:
    case INVSRC_WANT_UPDATE << 8 | INVSRC_INPUT_SEALED:
      return ivs_call_sealed(call);
    case INVSRC_WANT_DISCARD << 8 | INVSRC_INPUT_SEALED:
      return &call->sealed.data;
    case INVSRC_WANT_OPEN << 8 | INVSRC_INPUT_SEALED:
      return &call->found_sealed.data;
    case INVSRC_WANT_GET << 8 | INVSRC_INPUT_STOREFRONT:
    case INVSRC_WANT_LIST << 8 | INVSRC_INPUT_STOREFRONT:
      return &call->storefront.data;
    case INVSRC_WANT_GET << 8 | INVSRC_INPUT_SOURCE_ID:
      return &call->source_id;
    default:
      return NULL;
  }
}

static const char *text_of(const invsrc_call *call, int32_t input) {
  switch (call->want << 8 | input) {
    case INVSRC_WANT_LOG << 8 | INVSRC_INPUT_LOG:
      return call->log;
    case INVSRC_WANT_PROBE << 8 | INVSRC_INPUT_TOOL:
      return ivs_call_tool(call);
    default:
      return NULL;
  }
}

const void *invsrc_call_input(const invsrc_call *call, int32_t input, uint64_t *length) {
  const ivs_buffer *buffer = call ? buffer_of(call, input) : NULL;
  const char *text = call && !buffer ? text_of(call, input) : NULL;

  if (buffer) return bytes_of(buffer, length);
  if (length) *length = text ? strlen(text) : 0;
  return text;
}

uint64_t invsrc_call_number(const invsrc_call *call, int32_t number) {
  if (!call) return 0;
  switch (call->want << 8 | number) {
    case INVSRC_WANT_LIST << 8 | INVSRC_NUMBER_SKIP:
      return call->skip;
    case INVSRC_WANT_LIST << 8 | INVSRC_NUMBER_TAKE:
      return call->take;
    case INVSRC_WANT_UPDATE << 8 | INVSRC_NUMBER_REVISION:
    case INVSRC_WANT_REMOVE << 8 | INVSRC_NUMBER_REVISION:
      return call->revision;
    case INVSRC_WANT_UPDATE << 8 | INVSRC_NUMBER_LEASE_END:
      return (uint64_t)call->lease_end;
    case INVSRC_WANT_UPDATE << 8 | INVSRC_NUMBER_PARTS:
      return call->parts;
    case INVSRC_WANT_FIND << 8 | INVSRC_NUMBER_FIELD:
      return (uint64_t)ivs_call_find_field(call);
    case INVSRC_WANT_OAUTH_START << 8 | INVSRC_NUMBER_AGAIN:
      return (uint64_t)call->is_again;
    default:
      return 0;
  }
}

const invsrc_source *invsrc_call_source(const invsrc_call *call) {
  switch (call ? call->want : INVSRC_WANT_NONE) {
    case INVSRC_WANT_OAUTH_START:
    case INVSRC_WANT_INSERT:
    case INVSRC_WANT_UPDATE:
    case INVSRC_WANT_PROBE:
    case INVSRC_WANT_OAUTH_REFRESH:
      return call->draft.source;
    case INVSRC_WANT_REMOVE:
    case INVSRC_WANT_OAUTH_FINISH:
    case INVSRC_WANT_OAUTH_REVOKE:
      return call->found;
    default:
      return NULL;
  }
}

const invsrc_event *invsrc_call_event(const invsrc_call *call) {
  switch (call ? call->want : INVSRC_WANT_NONE) {
    case INVSRC_WANT_INSERT:
    case INVSRC_WANT_UPDATE:
    case INVSRC_WANT_REMOVE:
      return call->event;
    default:
      return NULL;
  }
}

const invsrc_binding *invsrc_call_binding(const invsrc_call *call) {
  switch (call ? call->want : INVSRC_WANT_NONE) {
    case INVSRC_WANT_SEAL:
    case INVSRC_WANT_OPEN:
    case INVSRC_WANT_DISCARD:
      return &call->binding;
    default:
      return NULL;
  }
}

uint64_t invsrc_call_random_length(const invsrc_call *call) {
  return call && call->want == INVSRC_WANT_RANDOM ? call->random_length : 0;
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
    case INVSRC_WANT_OAUTH_REVOKE:
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
                                       const void *private_state, uint64_t state_length,
                                       const char *reason, uint64_t reason_length) {
  int32_t result = expect(call, INVSRC_WANT_OAUTH_START);

  if (result == INVSRC_OK && !reason && reason_length) result = INVSRC_EINVAL;
  if (result == INVSRC_OK && outcome == INVSRC_OUTCOME_OK)
    result = invsrc_buffer_set(&call->authorization_url, authorization_url, url_length);
  if (result != INVSRC_OK) return result;
  ivs_call_take_reason(call, outcome, reason, reason_length);
  return answer_bytes(call, INVSRC_WANT_OAUTH_START, outcome, &call->private_state, private_state,
                      state_length);
}

int32_t invsrc_call_answer_tokens(invsrc_call *call, int32_t outcome, const void *credential,
                                  uint64_t length, int64_t refresh_at, const char *reason,
                                  uint64_t reason_length) {
  int32_t want = call && call->want == INVSRC_WANT_OAUTH_REFRESH ? INVSRC_WANT_OAUTH_REFRESH
                                                                 : INVSRC_WANT_OAUTH_FINISH;
  int32_t result = expect(call, want);

  if (result == INVSRC_OK && !reason && reason_length) result = INVSRC_EINVAL;
  if (result != INVSRC_OK) return result;
  ivs_call_take_reason(call, outcome, reason, reason_length);
  call->refresh_at = refresh_at;
  if (outcome != INVSRC_OUTCOME_OK) ivs_buffer_end(&call->opened.data);
  return answer_bytes(call, want, outcome, &call->opened, credential, length);
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
    if (!bytes || length != call->random_length) return INVSRC_EINVAL;
    memcpy(call->random, bytes, call->random_length);
  }
  ivs_call_answered(call, outcome);
  return INVSRC_OK;
}

int32_t invsrc_call_answer_open(invsrc_call *call, int32_t outcome, const void *plaintext,
                                uint64_t length) {
  return answer_bytes(call, INVSRC_WANT_OPEN, outcome, call ? &call->opened : NULL, plaintext,
                      length);
}

int32_t invsrc_call_answer_sealed(invsrc_call *call, int32_t outcome, const void *sealed,
                                  uint64_t length) {
  int32_t want = call && call->want == INVSRC_WANT_REMOVE ? INVSRC_WANT_REMOVE : INVSRC_WANT_UPDATE;

  return answer_bytes(call, want, outcome, call ? &call->found_sealed : NULL, sealed, length);
}

int32_t invsrc_call_answer_probe(invsrc_call *call, int32_t outcome, const char *reason,
                                 uint64_t length) {
  int32_t result = expect(call, INVSRC_WANT_PROBE);

  if (result == INVSRC_OK && !reason && length) result = INVSRC_EINVAL;
  if (result != INVSRC_OK) return result;
  ivs_call_take_reason(call, outcome, reason, length);
  ivs_call_answered(call, outcome);
  return INVSRC_OK;
}

int32_t invsrc_call_answer_get(invsrc_call *call, int32_t outcome, const invsrc_source *source,
                               const void *sealed, uint64_t length) {
  int32_t want = call && call->want == INVSRC_WANT_FIND ? INVSRC_WANT_FIND : INVSRC_WANT_GET;
  int32_t result = expect(call, want);
  invsrc_source *found;

  if (result != INVSRC_OK) return result;
  if (outcome == INVSRC_OUTCOME_OK) {
    if (!source || (!sealed && length)) return INVSRC_EINVAL;
    found = invsrc_source_new();
    if (!found || invsrc_source_copy(found, source) != INVSRC_OK ||
        invsrc_buffer_set(&call->found_sealed, sealed, length) != INVSRC_OK) {
      invsrc_source_free(found);
      return INVSRC_ENOMEM;
    }
    call->found = found;
  }
  ivs_call_answered(call, outcome);
  return INVSRC_OK;
}

int32_t invsrc_call_answer_list(invsrc_call *call, int32_t outcome, const invsrc_source_list *list,
                                uint64_t total) {
  int32_t result = expect(call, INVSRC_WANT_LIST);
  invsrc_source_list *copy;

  if (result != INVSRC_OK) return result;
  if (outcome == INVSRC_OUTCOME_OK) {
    if (!list) return INVSRC_EINVAL;
    copy = invsrc_source_list_new();
    for (uint64_t i = 0; copy && i < invsrc_source_list_count(list); i++) {
      if (invsrc_source_list_append(copy, invsrc_source_list_at(list, i), NULL, 0) == INVSRC_OK)
        continue;
      invsrc_source_list_free(copy);
      copy = NULL;
    }
    if (!copy) return INVSRC_ENOMEM;
    call->list = copy;
    call->total = total;
  }
  ivs_call_answered(call, outcome);
  return INVSRC_OK;
}
