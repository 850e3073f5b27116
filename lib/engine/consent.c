/*
 * See consent.h.
 */
#include "engine/consent.h"

#include <stdio.h>
#include <string.h>

#include "core/base64.h"
#include "core/digest.h"
#include "core/source.h"
#include "core/uri.h"

#define AUTHORIZATION_URL_LONGEST 8192
#define PRIVATE_STATE_LONGEST 32768

int32_t ivs_consent_digest(const char *state, size_t length, ivs_buffer *digest) {
  uint8_t bytes[IVS_DIGEST_SIZE];

  if (ivs_digest(state, length, bytes) != INVSRC_OK) return INVSRC_ENOMEM;
  ivs_buffer_clear(digest);
  ivs_base64url_append(digest, bytes, sizeof bytes);
  return digest->failed ? INVSRC_ENOMEM : INVSRC_OK;
}

void ivs_consent_begin(invsrc_call *call, const uint8_t random[IVS_STATE_RANDOM], ivs_state next) {
  ivs_base64url_append(&call->oauth_state, random, IVS_STATE_RANDOM);
  if (call->oauth_state.failed)
    ivs_call_out_of_memory(call);
  else
    ivs_call_want(call, INVSRC_WANT_OAUTH_START, next);
}

static int is_authorization_url(const ivs_buffer *url) {
  const char *reason;
  size_t offset;
  ivs_uri uri;

  return url->length <= AUTHORIZATION_URL_LONGEST &&
         ivs_url_parse(url->bytes ? url->bytes : "", url->length, &uri, &reason, &offset) ==
             INVSRC_OK;
}

/* A source that has tokens goes on with them: only who began the consent is told its URL. */
static int32_t set_consent(invsrc_call *call) {
  invsrc_source *source = call->draft.source;
  const ivs_buffer *url = &call->authorization_url.data, *state = &call->oauth_state;
  int32_t result = ivs_consent_digest(state->bytes, state->length, &call->state_digest);

  invsrc_source_set_number(source, INVSRC_SOURCE_OAUTH_EXPIRES_AT, call->now + IVS_CONSENT_LIFE);
  if (result == INVSRC_OK)
    result = invsrc_source_set_text(source, INVSRC_SOURCE_OAUTH_STATE, call->state_digest.bytes,
                                    call->state_digest.length);
  if (result == INVSRC_OK && ivs_source_awaits_consent(source))
    result = invsrc_source_set_text(source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, url->bytes,
                                    url->length);
  return result;
}

/* How a start that failed is told, around the reason. The body of an authorize has no
 * authenticationType. */
static const struct telling {
  int32_t outcome;
  int of_authorize;
  const char *before;
  const char *otherwise; /* where there is no reason; NULL: as wants.c says */
  const char *behind;
} tellings[] = {
    {INVSRC_OUTCOME_NO_OAUTH, 0, "must not be OAUTH: ", NULL, ""},
    {INVSRC_OUTCOME_NO_OAUTH, 1, "The agent's OAuth cannot be used: ", "it offers none", ""},
    {INVSRC_OUTCOME_UNAVAILABLE, 0, "OAuth cannot be started now: ", NULL, "; nothing was stored"},
    {INVSRC_OUTCOME_UNAVAILABLE, 1, "OAuth cannot be started now: ", NULL, "; nothing was stored"},
};

/* The failure of the start, with the reason where there is one. */
static const ivs_failure *failure_of(invsrc_call *call) {
  const ivs_failure *plain = ivs_want_failure(call->answered, call->outcome);
  int is_authorize = call->operation == &ivs_authorize_operation;
  const struct telling *telling = NULL;
  const char *reason;

  for (size_t i = 0; i < sizeof tellings / sizeof *tellings; i++)
    if (tellings[i].outcome == call->outcome && tellings[i].of_authorize == is_authorize)
      telling = &tellings[i];
  reason = telling && !*call->reason ? telling->otherwise : call->reason;
  if (!telling || !reason) return plain;
  snprintf(call->sentence, sizeof call->sentence, "%s%s%s", telling->before, reason,
           telling->behind);
  call->own_failure = *plain;
  call->own_failure.message = call->sentence;
  if (is_authorize) call->own_failure.path = NULL;
  return &call->own_failure;
}

/* What opens the consent is sealed as a whole: see reveal.h. */
int ivs_consent_take(invsrc_call *call) {
  const ivs_buffer *url = &call->authorization_url.data, *state = &call->private_state.data;

  if (call->outcome == INVSRC_OUTCOME_OK &&
      (!is_authorization_url(url) || state->length == 0 || state->length > PRIVATE_STATE_LONGEST))
    call->outcome = INVSRC_OUTCOME_FAILED;
  if (!ivs_call_went_well_or(call, failure_of(call))) return 0;
  ivs_buffer_append(&call->draft.credential, url->bytes, url->length);
  ivs_buffer_append_text(&call->draft.credential, "\n");
  ivs_buffer_append(&call->draft.credential, state->bytes, state->length);
  ivs_buffer_end(&call->private_state.data);
  call->purpose = INVSRC_PURPOSE_OAUTH_STATE;
  if (!call->draft.credential.failed && set_consent(call) == INVSRC_OK) return 1;
  ivs_call_out_of_memory(call);
  return 0;
}

int32_t ivs_consent_keep(invsrc_call *call) {
  ivs_buffer text = IVS_BUFFER_EMPTY;
  int32_t result = INVSRC_ENOMEM;

  ivs_base64url_append(&text, call->sealed.data.bytes, call->sealed.data.length);
  if (!text.failed)
    result = invsrc_source_set_text(call->draft.source, INVSRC_SOURCE_OAUTH_PRIVATE_STATE,
                                    text.bytes, text.length);
  ivs_buffer_end(&text);
  return result;
}
