/*
 * See write.h.
 */
#include "engine/write.h"

#include <string.h>

#include "core/uri.h"

#define AUTHORIZATION_URL_LONGEST 8192

static void after_write(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  call->response->source = call->draft.source;
  call->draft.source = NULL;
  ivs_call_succeed(call);
}

static void after_seal(invsrc_call *call) {
  ivs_buffer_end(&call->draft.credential);
  if (ivs_call_went_well(call)) ivs_call_want(call, call->write, after_write);
}

void ivs_write(invsrc_call *call, int32_t want, invsrc_response *response, const char *event_type) {
  call->write = want;
  call->response = response;
  if (!response || ivs_response_failed(response) ||
      ivs_call_make_event(call, event_type, call->draft.source, NULL) != INVSRC_OK) {
    ivs_call_out_of_memory(call);
    return;
  }
  ivs_call_bind(call, call->draft.source, call->purpose);
  if (call->draft.credential.length)
    ivs_call_want(call, INVSRC_WANT_SEAL, after_seal);
  else
    ivs_call_want(call, want, after_write);
}

static int is_authorization_url(const ivs_buffer *url) {
  const char *reason;
  size_t offset;
  ivs_uri uri;

  return url->length <= AUTHORIZATION_URL_LONGEST &&
         ivs_url_parse(url->bytes ? url->bytes : "", url->length, &uri, &reason, &offset) ==
             INVSRC_OK;
}

int ivs_write_consent(invsrc_call *call) {
  const ivs_buffer *url = &call->authorization_url.data;

  if (call->outcome == INVSRC_OUTCOME_OK &&
      (!is_authorization_url(url) || call->private_state.data.length == 0))
    call->outcome = INVSRC_OUTCOME_FAILED;
  if (!ivs_call_went_well(call)) return 0;
  call->draft.credential = call->private_state.data;
  memset(&call->private_state, 0, sizeof call->private_state);
  call->purpose = INVSRC_PURPOSE_OAUTH_STATE;
  if (invsrc_source_set_text(call->draft.source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, url->bytes,
                             url->length) == INVSRC_OK)
    return 1;
  ivs_call_out_of_memory(call);
  return 0;
}
