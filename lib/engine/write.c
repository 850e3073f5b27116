/*
 * See write.h.
 */
#include "engine/write.h"

#include <string.h>

#include "core/source.h"
#include "engine/consent.h"

static void after_write(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  ivs_source_show_text(call->draft.source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, call->hidden_url);
  call->response->source = call->draft.source;
  call->draft.source = NULL;
  ivs_call_succeed(call);
}

static void after_seal(invsrc_call *call) {
  int is_state = strcmp(call->purpose, INVSRC_PURPOSE_OAUTH_STATE) == 0;

  ivs_buffer_end(&call->draft.credential);
  if (!ivs_call_went_well(call)) return;
  if (is_state && ivs_consent_keep(call) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else
    ivs_call_want(call, call->write, after_write);
}

void ivs_write(invsrc_call *call, int32_t want, invsrc_response *response, const char *event_type) {
  call->write = want;
  call->response = response;
  call->hidden_url =
      ivs_source_hide_text(call->draft.source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL);
  if (!response || ivs_response_failed(response) || ivs_call_prepare_rest(call) != INVSRC_OK ||
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
