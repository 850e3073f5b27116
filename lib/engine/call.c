/*
 * See call.h; and the stepwise API's steps and end.
 */
#include "engine/call.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/id.h"
#include "core/render.h"
#include "core/source.h"
#include "core/text.h"

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

static int are_sources(const invsrc_source_list *list) {
  for (uint64_t i = 0; i < invsrc_source_list_count(list); i++)
    if (!ivs_source_is_whole(invsrc_source_list_at(list, i))) return 0;
  return 1;
}

/* Whether what came with OK is what was wanted, as provider.h says. */
static int is_wanted(const invsrc_call *call) {
  switch (call->want) {
    case INVSRC_WANT_NOW:
      return call->now >= 0 && call->now <= INVSRC_TIME_LIMIT;
    case INVSRC_WANT_SEAL:
      return call->sealed.data.length > 0;
    case INVSRC_WANT_OPEN:
      return call->opened.data.length > 0;
    case INVSRC_WANT_GET:
    case INVSRC_WANT_FIND:
      return ivs_source_is_whole(call->found);
    case INVSRC_WANT_OAUTH_FINISH:
    case INVSRC_WANT_OAUTH_REFRESH:
      return call->opened.data.length > 0 && call->refresh_at >= 0 &&
             call->refresh_at <= INVSRC_TIME_LIMIT;
    case INVSRC_WANT_LIST:
      return are_sources(call->list);
    default:
      return 1;
  }
}

void ivs_call_answered(invsrc_call *call, int32_t outcome) {
  if (call->want == INVSRC_WANT_PROBE) {
    call->proven = outcome == INVSRC_OUTCOME_PROVEN;
    if (call->proven) outcome = INVSRC_OUTCOME_OK;
    call->probed = outcome == INVSRC_OUTCOME_OK;
  }
  if (outcome == INVSRC_OUTCOME_OK && !is_wanted(call)) outcome = INVSRC_OUTCOME_FAILED;
  call->answered = call->want;
  call->outcome = outcome;
  call->want = INVSRC_WANT_NONE;
}

void ivs_call_want_random(invsrc_call *call, size_t length, ivs_state state) {
  call->random_length = length + (call->service->options.events.deliver ? IVS_ULID_RANDOM : 0);
  if (call->random_length)
    ivs_call_want(call, INVSRC_WANT_RANDOM, state);
  else
    call->state = state;
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
  call->state = call->next;
  if (call->outcome != INVSRC_OUTCOME_OK)
    log_line(call, INVSRC_LOG_WARNING, "a sealed credential is left over", call->next);
}

void ivs_call_discard(invsrc_call *call, ivs_state next) {
  call->next = next;
  call->state = next;
  if (call->sealed.data.length) ivs_call_want(call, INVSRC_WANT_DISCARD, after_discard);
}

static void fail_cleanly(invsrc_call *call) {
  ivs_call_discard(call, answer_failure);
}

void ivs_call_fail(invsrc_call *call, const ivs_failure *failure) {
  call->failure = failure;
  ivs_buffer_end(&call->draft.credential);
  fail_cleanly(call);
}

void ivs_call_out_of_memory(invsrc_call *call) {
  ivs_call_fail(call, NULL);
}

/* Whether the answer came with a reason that the log should have: a probe's is kept with its
 * source. */
static int has_reason(const invsrc_call *call) {
  switch (call->answered) {
    case INVSRC_WANT_OAUTH_START:
    case INVSRC_WANT_OAUTH_FINISH:
    case INVSRC_WANT_OAUTH_REVOKE:
      return *call->reason != '\0';
    default:
      return 0;
  }
}

static void log_failure(invsrc_call *call, int32_t level, ivs_state state) {
  int32_t status = ivs_want_failure(call->answered, call->outcome)->status;

  log_line(call, level,
           !ivs_want_is_legal(call->answered, call->outcome) ? "returned what is not legal"
           : has_reason(call)                                ? call->reason
           : call->outcome == INVSRC_OUTCOME_NOT_IMPLEMENTED ? "not implemented"
           : call->answered == INVSRC_WANT_OPEN && call->outcome == INVSRC_OUTCOME_REFUSED
               ? "refused; is the key at hand?"
           : status == 400 ? "refused"
           : status == 500 ? "failed for good"
                           : "unavailable",
           state);
}

void ivs_call_log_failure(invsrc_call *call, ivs_state state) {
  int32_t status = ivs_want_failure(call->answered, call->outcome)->status;

  log_failure(call, status == 500 ? INVSRC_LOG_ERROR : INVSRC_LOG_WARNING, state);
}

void ivs_call_log_quietly(invsrc_call *call, ivs_state state) {
  log_failure(call, INVSRC_LOG_INFO, state);
}

int ivs_call_went_well(invsrc_call *call) {
  return call->outcome == INVSRC_OUTCOME_OK ||
         ivs_call_went_well_or(call, ivs_want_failure(call->answered, call->outcome));
}

int ivs_call_went_well_or(invsrc_call *call, const ivs_failure *failure) {
  if (call->outcome == INVSRC_OUTCOME_OK) return 1;
  if (failure->status < 500) {
    ivs_call_fail(call, failure);
    return 0;
  }
  call->failure = failure;
  ivs_buffer_end(&call->draft.credential);
  ivs_call_log_failure(call, fail_cleanly);
  return 0;
}

/* ---- What is left behind ----------------------------------------------------- */

static void finish_well(invsrc_call *call) {
  ivs_call_finish(call, call->response);
}

int32_t ivs_call_prepare_rest(invsrc_call *call) {
  uint64_t length;
  const char *text = invsrc_source_text(call->found, INVSRC_SOURCE_OAUTH_PRIVATE_STATE, &length);

  ivs_buffer_end(&call->found_state);
  if (text && !ivs_base64url_decode(&call->found_state, text, (size_t)length))
    ivs_buffer_end(&call->found_state); /* nothing that anybody sealed */
  return call->found_state.failed ? INVSRC_ENOMEM : INVSRC_OK;
}

/* The private state of a consent that is over, or that another one takes the place of. */
static void discard_state(invsrc_call *call) {
  const invsrc_source *kept = invsrc_response_source(call->response);

  call->state = finish_well;
  if (!call->found_state.length ||
      ivs_source_is_same(call->found, kept, INVSRC_SOURCE_OAUTH_PRIVATE_STATE))
    return;
  ivs_buffer_end(&call->sealed.data);
  call->sealed.data = call->found_state;
  memset(&call->found_state, 0, sizeof call->found_state);
  ivs_call_bind(call, call->found, INVSRC_PURPOSE_OAUTH_STATE);
  ivs_call_discard(call, finish_well);
}

void ivs_call_discard_rest(invsrc_call *call) {
  ivs_buffer_end(&call->opened.data);
  call->sealed = call->found_sealed;
  memset(&call->found_sealed, 0, sizeof call->found_sealed);
  if (call->found) ivs_call_bind(call, call->found, INVSRC_PURPOSE_CREDENTIAL);
  ivs_call_discard(call, discard_state);
}

static void after_revoke(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK)
    ivs_call_discard_rest(call);
  else
    ivs_call_log_failure(call, ivs_call_discard_rest);
}

static void after_open(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK)
    ivs_call_want(call, INVSRC_WANT_OAUTH_REVOKE, after_revoke);
  else
    ivs_call_log_failure(call, ivs_call_discard_rest);
}

void ivs_call_succeed(invsrc_call *call) {
  ivs_buffer_end(&call->sealed.data); /* it is stored */
  if (call->found_sealed.data.length && ivs_source_is_oauth(call->found)) {
    ivs_call_bind(call, call->found, INVSRC_PURPOSE_CREDENTIAL);
    ivs_call_want(call, INVSRC_WANT_OPEN, after_open);
  } else {
    ivs_call_discard_rest(call);
  }
}

void ivs_call_forget(invsrc_call *call) {
  invsrc_source_free(call->found);
  call->found = NULL;
  ivs_buffer_end(&call->found_sealed.data);
  invsrc_event_free(call->event);
  call->event = NULL;
  invsrc_response_free(call->response);
  call->response = NULL;
}

const ivs_buffer *ivs_call_credential(const invsrc_call *call) {
  return call->opened.data.length ? &call->opened.data : &call->draft.credential;
}

int32_t ivs_call_find_field(const invsrc_call *call) {
  return call->agent_id.length ? INVSRC_SOURCE_AGENT_ID : INVSRC_SOURCE_OAUTH_STATE;
}

const ivs_buffer *ivs_call_find_value(const invsrc_call *call) {
  return call->agent_id.length ? &call->agent_id : &call->state_digest;
}

const char *ivs_call_given(const ivs_buffer *parameter) {
  return parameter->length ? parameter->bytes : NULL;
}

const char *ivs_call_tool(const invsrc_call *call) {
  const char *tool = call->service->options.probe_tool;

  return *tool ? tool : NULL;
}

void ivs_call_take_reason(invsrc_call *call, int32_t outcome, const char *reason, uint64_t length) {
  *call->reason = '\0';
  if (outcome == INVSRC_OUTCOME_OK) return;
  if (reason && length > 0 && length < sizeof call->reason &&
      ivs_text_is_utf8(reason, (size_t)length, NULL) &&
      !ivs_text_has_control(reason, (size_t)length)) {
    memcpy(call->reason, reason, (size_t)length);
    call->reason[length] = '\0';
  } else if (call->want != INVSRC_WANT_PROBE) {
    return;
  } else if (outcome == INVSRC_OUTCOME_REFUSED) {
    snprintf(call->reason, sizeof call->reason, "the agent refuses the credential");
  } else if (outcome == INVSRC_OUTCOME_UNREACHABLE) {
    snprintf(call->reason, sizeof call->reason, "the agent cannot be reached");
  }
}

void ivs_call_bind(invsrc_call *call, const invsrc_source *source, const char *purpose) {
  invsrc_binding *binding = &call->binding;

  binding->size = sizeof *binding;
  binding->storefront =
      invsrc_source_text(source, INVSRC_SOURCE_STOREFRONT, &binding->storefront_length);
  binding->id = invsrc_source_text(source, INVSRC_SOURCE_ID, &binding->id_length);
  binding->purpose = purpose;
  binding->purpose_length = strlen(purpose);
}

const ivs_buffer *ivs_call_sealed(const invsrc_call *call) {
  static const ivs_buffer none = IVS_BUFFER_EMPTY;
  int is_state = call->purpose && strcmp(call->purpose, INVSRC_PURPOSE_OAUTH_STATE) == 0;

  return is_state ? &none : &call->sealed.data;
}

int32_t ivs_call_make_event(invsrc_call *call, const char *type, const invsrc_source *source,
                            const char *reason) {
  ivs_buffer payload = IVS_BUFFER_EMPTY;
  char id[IVS_ULID_SIZE];
  uint64_t length;
  const char *storefront = invsrc_source_text(source, INVSRC_SOURCE_STOREFRONT, &length);
  int32_t result = INVSRC_ENOMEM;

  if (!call->service->options.events.deliver) return INVSRC_OK;
  ivs_ulid_format(id, IVS_EVENT_PREFIX, call->now,
                  call->random + call->random_length - IVS_ULID_RANDOM);
  ivs_render_event(&payload, type, call->now, source, reason);
  call->event = invsrc_event_new();
  if (!call->event || payload.failed) goto done;
  invsrc_event_set_number(call->event, INVSRC_EVENT_TIME, call->now);
  result = invsrc_event_set_text(call->event, INVSRC_EVENT_ID, id, strlen(id));
  if (result == INVSRC_OK)
    result = invsrc_event_set_text(call->event, INVSRC_EVENT_TYPE, type, strlen(type));
  if (result == INVSRC_OK)
    result = invsrc_event_set_text(call->event, INVSRC_EVENT_STOREFRONT, storefront, length);
  if (result == INVSRC_OK)
    result =
        invsrc_event_set_text(call->event, INVSRC_EVENT_PAYLOAD, payload.bytes, payload.length);
done:
  ivs_buffer_end(&payload);
  return result;
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

invsrc_response *ivs_source_response(const invsrc_service *service, int32_t status,
                                     const invsrc_source *source) {
  invsrc_response *response = ivs_response_new(status);

  if (!response) return NULL;
  if (service->options.envelope) ivs_buffer_append_text(&response->body, "{\"data\":");
  ivs_render_source(&response->body, source);
  if (service->options.envelope) ivs_buffer_append_text(&response->body, ",\"error\":null}");
  return response;
}

int ivs_call_has_body(invsrc_call *call) {
  invsrc_response *response;

  if (ivs_size_response(call->body_length, call->service->options.max_body, &response) !=
          INVSRC_OK ||
      response)
    ivs_call_finish(call, response);
  else if (call->body_failure)
    ivs_call_fail(call, call->body_failure);
  else
    return 1;
  return 0;
}

/* ---- Steps and end --------------------------------------------------------- */

void invsrc_call_free(invsrc_call *call) {
  if (!call) return;
  ivs_buffer_end(&call->token);
  ivs_buffer_end(&call->source_id);
  ivs_buffer_end(&call->agent_id);
  ivs_buffer_end(&call->query);
  ivs_buffer_end(&call->oauth_state);
  ivs_buffer_end(&call->redirect_uri);
  ivs_buffer_end(&call->code);
  ivs_buffer_end(&call->issuer);
  ivs_buffer_end(&call->oauth_error);
  ivs_buffer_end(&call->error_description);
  ivs_buffer_end(&call->state_digest);
  ivs_buffer_end(&call->storefront.data);
  ivs_buffer_end(&call->authorization_url.data);
  ivs_buffer_end(&call->private_state.data);
  ivs_buffer_end(&call->sealed.data);
  ivs_buffer_end(&call->found_sealed.data);
  ivs_buffer_end(&call->opened.data);
  ivs_buffer_end(&call->found_state);
  ivs_buffer_end(&call->used_sealed);
  invsrc_source_free(call->found);
  invsrc_source_free(call->before);
  invsrc_source_list_free(call->list);
  invsrc_event_free(call->event);
  ivs_draft_end(&call->draft);
  invsrc_response_free(call->response);
  OPENSSL_cleanse(call->random, sizeof call->random); /* a state was drawn there */
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
