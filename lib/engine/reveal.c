/*
 * See reveal.h.
 */
#include "engine/reveal.h"

#include <string.h>

#include "core/base64.h"
#include "core/source.h"

int ivs_reveal_split(const ivs_buffer *opened, size_t *url_length, const char **private_state,
                     size_t *state_length) {
  const char *end = opened->length ? memchr(opened->bytes, '\n', opened->length) : NULL;

  if (!end) return 0;
  *url_length = (size_t)(end - opened->bytes);
  *private_state = end + 1;
  *state_length = opened->length - *url_length - 1;
  return 1;
}

static void go_on(invsrc_call *call) {
  ivs_buffer_end(&call->opened.data);
  ivs_buffer_end(&call->found_sealed.data);
  call->state = call->next;
}

/* What is away for one source is away for the next. */
static void leave_out(invsrc_call *call) {
  call->is_hidden = call->outcome == INVSRC_OUTCOME_UNAVAILABLE;
  ivs_call_log_quietly(call, go_on);
}

static void after_open(invsrc_call *call) {
  const char *private_state;
  size_t url_length, state_length;
  ivs_state next = call->next;

  if (call->outcome != INVSRC_OUTCOME_OK) {
    leave_out(call);
    return;
  }
  if (ivs_reveal_split(&call->opened.data, &url_length, &private_state, &state_length) &&
      invsrc_source_set_text(call->revealed, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL,
                             call->opened.data.bytes, url_length) != INVSRC_OK)
    next = ivs_call_out_of_memory;
  go_on(call);
  call->state = next;
}

static void open_url(invsrc_call *call) {
  ivs_buffer *sealed = &call->found_sealed.data;
  uint64_t length;
  const char *text = invsrc_source_text(call->revealed, INVSRC_SOURCE_OAUTH_PRIVATE_STATE, &length);

  ivs_buffer_end(sealed);
  if (!ivs_base64url_decode(sealed, text, (size_t)length)) {
    go_on(call);
  } else if (sealed->failed) {
    ivs_call_out_of_memory(call);
  } else {
    ivs_call_bind(call, call->revealed, INVSRC_PURPOSE_OAUTH_STATE);
    ivs_call_want(call, INVSRC_WANT_OPEN, after_open);
  }
}

/* A URL that leads nowhere any more is not shown. */
static void after_now(invsrc_call *call) {
  int64_t end = invsrc_source_number(call->revealed, INVSRC_SOURCE_OAUTH_EXPIRES_AT);

  if (call->outcome != INVSRC_OUTCOME_OK)
    leave_out(call);
  else if (call->now >= end)
    call->state = call->next;
  else
    open_url(call);
}

void ivs_reveal(invsrc_call *call, invsrc_source *source, ivs_state next) {
  call->next = next;
  call->revealed = source;
  call->outcome = INVSRC_OUTCOME_OK;
  if (call->is_hidden || !ivs_source_awaits_consent(source) ||
      !invsrc_source_text(source, INVSRC_SOURCE_OAUTH_PRIVATE_STATE, NULL))
    call->state = next;
  else if (call->now)
    after_now(call);
  else
    ivs_call_want(call, INVSRC_WANT_NOW, after_now);
}
