/*
 * DELETE /inventory-sources/{sourceId}: find, remove from the store, and then forget
 * what was sealed.
 */
#include "engine/call.h"

static void after_now(invsrc_call *call);
static void after_random(invsrc_call *call);
static void after_remove(invsrc_call *call);

static void after_get(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  call->response = ivs_response_new(204);
  if (!call->response || ivs_response_failed(call->response))
    ivs_call_out_of_memory(call);
  else
    ivs_call_want(call, INVSRC_WANT_NOW, after_now);
}

static void after_now(invsrc_call *call) {
  if (ivs_call_went_well(call)) ivs_call_want_random(call, 0, after_random);
}

static void after_random(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  ivs_buffer_end(&call->found_sealed.data); /* the store hands back what it removes */
  if (ivs_call_make_event(call, "source.deleted", call->found, NULL) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else
    ivs_call_want(call, INVSRC_WANT_REMOVE, after_remove);
}

static void after_remove(invsrc_call *call) {
  if (ivs_call_went_well(call)) ivs_call_succeed(call);
}

static void start(invsrc_call *call) {
  ivs_call_want(call, INVSRC_WANT_GET, after_get);
}

const ivs_operation ivs_remove_operation = {start, IVS_NEEDS_STORE | IVS_NEEDS_SEALER};
