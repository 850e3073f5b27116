/*
 * See authorize.h.
 */
#include "engine/authorize.h"

#include <string.h>

#include "core/uri.h"

#define AUTHORIZATION_URL_LONGEST 8192

static int is_authorization_url(const ivs_buffer *url) {
  const char *reason;
  size_t offset;
  ivs_uri uri;

  return url->length <= AUTHORIZATION_URL_LONGEST &&
         ivs_url_parse(url->bytes ? url->bytes : "", url->length, &uri, &reason, &offset) ==
             INVSRC_OK;
}

int ivs_authorize_take(invsrc_call *call) {
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
