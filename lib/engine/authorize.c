/*
 * POST /agents/{agentId}/oauth/authorize: a consent begins anew. What is sealed for the source
 * stays in use until somebody has consented.
 */
#include <string.h>

#include "core/render.h"
#include "core/rule.h"
#include "core/source.h"
#include "engine/consent.h"
#include "engine/write.h"

static void after_find(invsrc_call *call);
static void after_now(invsrc_call *call);
static void after_random(invsrc_call *call);
static void after_oauth_start(invsrc_call *call);

static const ivs_failure not_oauth = {400, "VALIDATION_ERROR",
                                      "The agent's authenticationType is not OAUTH", NULL, NULL};

/* Takes the redirectUri. INVSRC_OK, with or without a problem, or INVSRC_ENOMEM. */
static int32_t judge(invsrc_call *call, const ivs_json *request, ivs_problem *problem) {
  static const ivs_rule rule = {"redirectUri",        "redirectUri",       IVS_RULE_URI, 1,
                                IVS_RULE_URL_LONGEST, IVS_RULE_URL_LENGTH, NULL,         NULL};
  const ivs_json *member = ivs_json_member(request, rule.key);
  ivs_uri url; /* not filled in: the rule is of any URI */
  int32_t result =
      ivs_rule_judge(&rule, member, &call->service->options.switches, &problem->issues, &url);
  const char *text;
  size_t length;

  if (result <= 0) return result;
  text = ivs_json_string(member, &length);
  return ivs_buffer_set(&call->redirect_uri, text, length);
}

static int32_t read_body(invsrc_call *call, ivs_problem *problem) {
  ivs_json_document *document = NULL;
  int32_t result;

  problem->is_json_fault = 0;
  problem->issues.count = 0;
  if (call->body_length == 0) return INVSRC_OK;
  result = ivs_json_parse_object(call->body, (size_t)call->body_length, &document, &problem->fault);
  problem->is_json_fault = result == INVSRC_EMALFORMED;
  if (problem->is_json_fault) return INVSRC_OK;
  if (result == INVSRC_OK) result = judge(call, ivs_json_root(document), problem);
  ivs_json_free(document);
  return result;
}

static void start(invsrc_call *call) {
  ivs_problem problem;

  /* Without a body its type says nothing. */
  if (call->body_length && !ivs_call_has_body(call)) return;
  if (read_body(call, &problem) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else if (problem.is_json_fault || problem.issues.count)
    ivs_call_finish(call, ivs_problem_response(&problem));
  else
    ivs_call_want(call, INVSRC_WANT_FIND, after_find);
}

/* The agents of others are not there. */
static int is_own(const invsrc_call *call) {
  uint64_t length;
  const char *storefront = invsrc_source_text(call->found, INVSRC_SOURCE_STOREFRONT, &length);

  return length == call->storefront.data.length &&
         memcmp(storefront, call->storefront.data.bytes, (size_t)length) == 0;
}

static void after_find(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  ivs_buffer_end(&call->found_sealed.data);
  if (!is_own(call))
    ivs_call_fail(call, &ivs_failure_no_agent);
  else if (!ivs_source_is_oauth(call->found))
    ivs_call_fail(call, &not_oauth);
  else
    ivs_call_want(call, INVSRC_WANT_NOW, after_now);
}

static void after_now(invsrc_call *call) {
  if (ivs_call_went_well(call)) ivs_call_want_random(call, IVS_STATE_RANDOM, after_random);
}

static void after_random(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  call->draft.source = invsrc_source_new();
  if (!call->draft.source || invsrc_source_copy(call->draft.source, call->found) != INVSRC_OK) {
    ivs_call_out_of_memory(call);
    return;
  }
  /* Nobody came back in time: the server may not know the client any more. */
  call->is_again = invsrc_source_text(call->found, INVSRC_SOURCE_OAUTH_STATE, NULL) &&
                   invsrc_source_number(call->found, INVSRC_SOURCE_OAUTH_EXPIRES_AT) <= call->now;
  ivs_consent_begin(call, call->random, after_oauth_start);
}

/* {"authorizationUrl", "agentId", "agentName"}, bare or in an envelope. */
static invsrc_response *started(const invsrc_call *call) {
  const ivs_buffer *url = &call->authorization_url.data;
  int has_envelope = call->service->options.envelope;
  invsrc_response *response = ivs_response_new(200);

  if (!response) return NULL;
  if (has_envelope) ivs_buffer_append_text(&response->body, "{\"data\":");
  ivs_render_consent(&response->body, call->draft.source, url->bytes, url->length);
  if (has_envelope) ivs_buffer_append_text(&response->body, ",\"error\":null}");
  return response;
}

static void after_oauth_start(invsrc_call *call) {
  invsrc_source *source = call->draft.source;

  if (!ivs_consent_take(call)) return;
  call->revision = (uint64_t)invsrc_source_number(call->found, INVSRC_SOURCE_REVISION);
  call->parts = INVSRC_PART_RECORD;
  invsrc_source_set_number(source, INVSRC_SOURCE_UPDATED_AT, call->now);
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, (int64_t)call->revision + 1);
  ivs_write(call, INVSRC_WANT_UPDATE, started(call), "source.updated");
}

const ivs_operation ivs_authorize_operation = {start, IVS_NEEDS_STORE | IVS_NEEDS_SEALER};
