/*
 * GET /inventory-sources/{sourceId}.
 */
#include "engine/reveal.h"

static void answer(invsrc_call *call) {
  invsrc_response *response = ivs_source_response(call->service, 200, call->found);

  if (response) {
    response->source = call->found;
    call->found = NULL;
  }
  ivs_call_finish(call, response);
}

static void after_get(invsrc_call *call) {
  if (ivs_call_went_well(call)) ivs_reveal(call, call->found, answer);
}

static void start(invsrc_call *call) {
  ivs_call_want(call, INVSRC_WANT_GET, after_get);
}

const ivs_operation ivs_get_operation = {start, IVS_NEEDS_STORE};
