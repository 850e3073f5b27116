/*
 * DELETE /inventory-sources/{sourceId}: find, remove from the store under the revision that
 * was found, and then forget what was sealed. Where somebody else has changed the source
 * meanwhile, it is found again: a removal does not care how it was.
 */
#include "engine/call.h"

/* More than anybody changes a source in one breath. */
#define MOST_TRIES 8

static void after_get(invsrc_call *call);
static void after_now(invsrc_call *call);
static void after_random(invsrc_call *call);
static void after_remove(invsrc_call *call);

static void start(invsrc_call *call) {
  ivs_call_want(call, INVSRC_WANT_GET, after_get);
}

/* Time is asked for with each try: the event comes after those of the changes that it lost to. */
static void after_get(invsrc_call *call) {
  if (ivs_call_went_well(call)) ivs_call_want(call, INVSRC_WANT_NOW, after_now);
}

/* Chance is asked for once: what it was for was not kept. */
static void after_now(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  if (call->tries)
    after_random(call);
  else
    ivs_call_want_random(call, 0, after_random);
}

/* Makes the response and the event, so that nothing can fail once the source is gone. */
static void after_random(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  call->revision = (uint64_t)invsrc_source_number(call->found, INVSRC_SOURCE_REVISION);
  ivs_buffer_end(&call->found_sealed.data); /* the store hands back what it removes */
  call->response = ivs_response_new(204);
  if (!call->response || ivs_response_failed(call->response) ||
      ivs_call_prepare_rest(call) != INVSRC_OK ||
      ivs_call_make_event(call, "source.deleted", call->found, NULL) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else
    ivs_call_want(call, INVSRC_WANT_REMOVE, after_remove);
}

static void after_remove(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_CONFLICT && ++call->tries < MOST_TRIES) {
    ivs_call_forget(call);
    start(call);
  } else if (ivs_call_went_well(call)) {
    ivs_call_succeed(call);
  }
}

const ivs_operation ivs_remove_operation = {start, IVS_NEEDS_STORE | IVS_NEEDS_SEALER};
