/*
 * See call.h; and the stepwise API.
 */
#include "engine/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/id.h"
#include "core/render.h"
#include "engine/route.h"

/* ---- Moves ---------------------------------------------------------------- */

void ivs_call_want(invsrc_call *call, int32_t want, ivs_state state) {
  call->want = want;
  call->state = state;
}

static void log_line(invsrc_call *call, int32_t level, const char *what, ivs_state state) {
  call->log_level = level;
  snprintf(call->log, sizeof call->log, "%s: %s", ivs_want_name(call->answered), what);
  ivs_call_want(call, INVSRC_WANT_LOG, state);
}

void ivs_call_answered(invsrc_call *call, int32_t outcome) {
  call->answered = call->want;
  call->outcome = outcome;
  call->want = INVSRC_WANT_NONE;
}

void ivs_call_finish(invsrc_call *call, invsrc_response *response) {
  call->state = NULL;
  if (call->response != response) invsrc_response_free(call->response);
  call->response = response;
  if (response && !ivs_response_failed(response)) return;
  invsrc_response_free(response);
  call->response = NULL;
  call->result = INVSRC_ENOMEM;
}

static void answer_failure(invsrc_call *call) {
  ivs_call_finish(call, call->failure ? ivs_failure_response(call->failure) : NULL);
}

static void after_discard(invsrc_call *call) {
  ivs_buffer_end(&call->sealed.data);
  if (call->outcome == INVSRC_OUTCOME_OK)
    answer_failure(call);
  else
    log_line(call, INVSRC_LOG_WARNING, "a sealed credential is left over", answer_failure);
}

static void discard_sealed(invsrc_call *call) {
  if (call->sealed.data.length)
    ivs_call_want(call, INVSRC_WANT_DISCARD, after_discard);
  else
    answer_failure(call);
}

void ivs_call_fail(invsrc_call *call, const ivs_failure *failure) {
  call->failure = failure;
  ivs_buffer_end(&call->draft.credential);
  discard_sealed(call);
}

void ivs_call_out_of_memory(invsrc_call *call) {
  ivs_call_fail(call, NULL);
}

int ivs_call_went_well(invsrc_call *call) {
  const ivs_failure *failure = ivs_want_failure(call->answered, call->outcome);
  int legal = ivs_want_is_legal(call->answered, call->outcome);

  if (call->outcome == INVSRC_OUTCOME_OK) return 1;
  if (failure->status < 500) {
    ivs_call_fail(call, failure);
    return 0;
  }
  call->failure = failure;
  ivs_buffer_end(&call->draft.credential);
  log_line(call, failure->status == 500 ? INVSRC_LOG_ERROR : INVSRC_LOG_WARNING,
           !legal                                            ? "returned what is not legal"
           : call->outcome == INVSRC_OUTCOME_NOT_IMPLEMENTED ? "not implemented"
           : failure->status == 500                          ? "failed for good"
                                                             : "unavailable",
           discard_sealed);
  return 0;
}

/* ---- Responses ------------------------------------------------------------ */

invsrc_response *ivs_failure_response(const ivs_failure *failure) {
  invsrc_response *response = ivs_response_new(failure->status);
  ivs_problem problem;

  if (!response) return NULL;
  if (failure->allow) ivs_response_add_header(response, "Allow", failure->allow);
  if (strcmp(failure->code, "VALIDATION_ERROR") == 0) {
    problem.is_json_fault = 0;
    problem.issues.count = 0;
    ivs_issues_add(&problem.issues, failure->path, failure->message);
    ivs_render_problem(&response->body, &problem);
  } else {
    ivs_render_error(&response->body, failure->code, failure->message, failure->path);
  }
  return response;
}

invsrc_response *ivs_problem_response(const ivs_problem *problem) {
  invsrc_response *response = ivs_response_new(400);

  if (response) ivs_render_problem(&response->body, problem);
  return response;
}

int32_t ivs_size_response(uint64_t length, uint64_t limit, invsrc_response **response) {
  char message[64];
  ivs_failure failure = {413, "BAD_REQUEST", message, NULL, NULL};

  *response = NULL;
  if (length <= limit) return INVSRC_OK;
  snprintf(message, sizeof message, "The body is larger than %llu bytes",
           (unsigned long long)limit);
  *response = ivs_failure_response(&failure);
  return *response ? INVSRC_OK : INVSRC_ENOMEM;
}

void ivs_success_render(const invsrc_service *service, const invsrc_source *source,
                        ivs_buffer *out) {
  if (service->options.envelope) ivs_buffer_append_text(out, "{\"data\":");
  ivs_render_source(out, source);
  if (service->options.envelope) ivs_buffer_append_text(out, ",\"error\":null}");
}

/* ---- Beginning and end ---------------------------------------------------- */

/* A body may be missing where its length alone is enough to refuse it. */
static int is_body(const invsrc_service *service, const void *body, uint64_t length) {
  return body || length == 0 || length > service->options.max_body;
}

static invsrc_call *call_new(const invsrc_service *service, const void *body, uint64_t length) {
  invsrc_call *call = calloc(1, sizeof *call);

  if (!call) return NULL;
  call->service = service;
  call->body = body;
  call->body_length = length;
  return call;
}

static void after_authenticate(invsrc_call *call) {
  ivs_buffer_end(&call->token);
  if (call->outcome == INVSRC_OUTCOME_OK &&
      (call->storefront.data.length == 0 || call->storefront.data.length > IVS_STOREFRONT_LONGEST))
    call->outcome = INVSRC_OUTCOME_FAILED;
  if (ivs_call_went_well(call)) call->operation->start(call);
}

/* Decides what can be decided from the request line and the headers. */
static int32_t begin(invsrc_call *call, const invsrc_request *request) {
  const ivs_failure *failure;
  size_t length;
  const char *token;
  int32_t result = ivs_route_find(request, &call->operation, &failure, &call->source_id);

  if (result != INVSRC_OK) return result;
  if (!call->operation) {
    ivs_call_fail(call, failure);
    return call->result;
  }
  token = ivs_request_bearer(request, &length);
  if (!token) {
    ivs_call_fail(call, &ivs_failure_unauthorized);
    return call->result;
  }
  if (!ivs_request_is_json(request)) call->body_failure = &ivs_failure_content_type;
  if (!ivs_request_is_identity(request)) call->body_failure = &ivs_failure_content_encoding;
  call->needs = call->operation->needs | IVS_NEEDS_AUTHENTICATOR;
  ivs_call_want(call, INVSRC_WANT_AUTHENTICATE, after_authenticate);
  return ivs_buffer_set(&call->token, token, length);
}

int32_t invsrc_call_new(invsrc_service *service, const invsrc_request *request,
                        invsrc_call **call) {
  int32_t result;

  if (call) *call = NULL;
  if (!service || !request || !call || !request->method.bytes || !request->target.bytes ||
      !is_body(service, request->body, request->body_length))
    return INVSRC_EINVAL;
  *call = call_new(service, request->body, request->body_length);
  if (!*call) return INVSRC_ENOMEM;
  result = begin(*call, request);
  if (result == INVSRC_OK) return INVSRC_OK;
  invsrc_call_free(*call);
  *call = NULL;
  return result;
}

int32_t invsrc_call_new_create(invsrc_service *service, const char *storefront,
                               uint64_t storefront_length, const void *body, uint64_t length,
                               invsrc_call **call) {
  int32_t result;

  if (call) *call = NULL;
  if (!service || !storefront || !call || !is_body(service, body, length) ||
      storefront_length == 0 || storefront_length > IVS_STOREFRONT_LONGEST)
    return INVSRC_EINVAL;
  *call = call_new(service, body, length);
  if (!*call) return INVSRC_ENOMEM;
  (*call)->operation = &ivs_create_operation;
  (*call)->needs = ivs_create_operation.needs;
  (*call)->state = ivs_create_operation.start;
  result = invsrc_buffer_set(&(*call)->storefront, storefront, storefront_length);
  if (result == INVSRC_OK) return INVSRC_OK;
  invsrc_call_free(*call);
  *call = NULL;
  return result;
}

void invsrc_call_free(invsrc_call *call) {
  if (!call) return;
  ivs_buffer_end(&call->token);
  ivs_buffer_end(&call->source_id);
  ivs_buffer_end(&call->storefront.data);
  ivs_buffer_end(&call->authorization_url.data);
  ivs_buffer_end(&call->private_state.data);
  ivs_buffer_end(&call->sealed.data);
  invsrc_source_free(call->found);
  ivs_draft_end(&call->draft);
  invsrc_response_free(call->response);
  free(call);
}

int32_t invsrc_call_step(invsrc_call *call) {
  if (!call) return INVSRC_EINVAL;
  while (call->want == INVSRC_WANT_NONE && call->state) call->state(call);
  return call->result < 0 ? call->result : call->want;
}

int32_t invsrc_call_take_response(invsrc_call *call, invsrc_response **response) {
  if (response) *response = NULL;
  if (!call || !response) return INVSRC_EINVAL;
  if (!call->response || call->state) return INVSRC_ESTATE;
  *response = call->response;
  call->response = NULL;
  return INVSRC_OK;
}
