/*
 * One call: the state that an operation keeps between wants, and the moves that
 * all operations share. A call never blocks and never calls the host; it goes
 * from state to state, a state being the function that runs when the pending
 * want has been answered.
 */
#ifndef IVS_ENGINE_CALL_H
#define IVS_ENGINE_CALL_H

#include <invsrc/invsrc.h>

#include "core/request.h"
#include "engine/message.h"
#include "engine/options.h"
#include "engine/sink.h"
#include "engine/wants.h"

typedef void (*ivs_state)(invsrc_call *call);

/* What an operation starts with, and which of the host's providers it needs. */
typedef struct ivs_operation {
  ivs_state start;
  unsigned needs;
} ivs_operation;

#define IVS_NEEDS_AUTHENTICATOR 1u
#define IVS_NEEDS_REGISTRY 2u
#define IVS_NEEDS_SEALER 4u
#define IVS_NEEDS_STORE 8u

extern const ivs_operation ivs_create_operation;
extern const ivs_operation ivs_read_operation;

#define IVS_STOREFRONT_LONGEST 255
#define IVS_CALL_RANDOM 18 /* an id and an agentId */
#define IVS_CALL_LOG_SIZE 96

struct invsrc_call {
  const invsrc_service *service;
  const ivs_operation *operation;
  unsigned needs;
  ivs_state state;
  int32_t want;     /* INVSRC_WANT_… that is pending */
  int32_t answered; /* the want that was answered last, */
  int32_t outcome;  /* and how */
  int32_t result;   /* negative: over without a response */

  /* The request. */
  ivs_buffer token;
  const char *body; /* borrowed */
  uint64_t body_length;
  const ivs_failure *body_failure; /* what its headers earn it, once authenticated */
  ivs_buffer source_id;            /* from the path */

  /* What the world answered. */
  invsrc_buffer storefront;
  int64_t now;
  uint8_t random[IVS_CALL_RANDOM];
  invsrc_buffer authorization_url;
  invsrc_buffer private_state;
  invsrc_buffer sealed;
  invsrc_source *found;

  /* What the operation makes of it. */
  ivs_draft draft;
  const char *purpose; /* of the sealed bytes */
  invsrc_binding binding;
  const ivs_failure *failure;
  invsrc_response *response; /* made before the insert: nothing can fail after it */
  int32_t log_level;
  char log[IVS_CALL_LOG_SIZE];
};

/* Waits for `want`, then goes on with `state`. */
void ivs_call_want(invsrc_call *call, int32_t want, ivs_state state);
/* Takes the outcome of the answered want. Returns 1 when it was OK; else moves
 * the call towards the response that the outcome earns and returns 0. */
int ivs_call_went_well(invsrc_call *call);
/* Moves the call to its end, by way of forgetting what was sealed in vain. */
void ivs_call_fail(invsrc_call *call, const ivs_failure *failure);
/* Ends the call with what it has as response; NULL ends it with INVSRC_ENOMEM,
 * and so does a response for which memory ran out. */
void ivs_call_finish(invsrc_call *call, invsrc_response *response);
/* Ends the call without a response, likewise. */
void ivs_call_out_of_memory(invsrc_call *call);
/* Takes the answer to the pending want; the next step goes on with it. */
void ivs_call_answered(invsrc_call *call, int32_t outcome);

/* 4xx or 5xx with the body for it; NULL when memory ran out. */
invsrc_response *ivs_failure_response(const ivs_failure *failure);
/* 400 with the body for a problem of the request. */
invsrc_response *ivs_problem_response(const ivs_problem *problem);
/* 413, where `length` is above the limit; else NULL in `*response`. INVSRC_OK or
 * INVSRC_ENOMEM. */
int32_t ivs_size_response(uint64_t length, uint64_t limit, invsrc_response **response);
/* Appends a success to the body: bare, or in its envelope. */
void ivs_success_render(const invsrc_service *service, const invsrc_source *source,
                        ivs_buffer *out);

#endif
