/*
 * POST /inventory-sources: read, look up, date, name, seal, insert. The response
 * is made before the insert, so that nothing can fail once the source is stored.
 */
#include <string.h>

#include "core/id.h"
#include "core/uri.h"
#include "engine/call.h"
#include "engine/route.h"

#define AUTHORIZATION_URL_LONGEST 8192

static void after_lookup(invsrc_call *call);
static void after_now(invsrc_call *call);
static void after_random(invsrc_call *call);
static void after_oauth_start(invsrc_call *call);
static void after_seal(invsrc_call *call);
static void after_insert(invsrc_call *call);

static void start(invsrc_call *call) {
  const invsrc_options *options = &call->service->options;
  invsrc_response *response;
  ivs_problem problem;

  if (ivs_size_response(call->body_length, options->max_body, &response) != INVSRC_OK || response)
    ivs_call_finish(call, response);
  else if (call->body_failure)
    ivs_call_fail(call, call->body_failure);
  else if (ivs_create_read(call->body, (size_t)call->body_length, &options->switches, &call->draft,
                           &problem) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else if (!call->draft.source)
    ivs_call_finish(call, ivs_problem_response(&problem));
  else
    ivs_call_want(call, INVSRC_WANT_LOOKUP, after_lookup);
}

static void after_lookup(invsrc_call *call) {
  if (ivs_call_went_well(call)) ivs_call_want(call, INVSRC_WANT_NOW, after_now);
}

static void after_now(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK && (call->now < 0 || call->now > IVS_TIME_LATEST))
    call->outcome = INVSRC_OUTCOME_FAILED;
  if (ivs_call_went_well(call)) ivs_call_want(call, INVSRC_WANT_RANDOM, after_random);
}

/* What each authenticationType makes of a new source (contract §7). */
static const struct beginning {
  const char *authentication_type;
  const char *status;
  int auth_configured;
} beginnings[] = {
    {"API_KEY", "PENDING", 1}, {"JWT", "PENDING", 1},   {"BASIC_AUTH", "PENDING", 1},
    {"NO_AUTH", "ACTIVE", 0},  {"OAUTH", "PENDING", 0},
};

static const char *text_of(const invsrc_call *call, int32_t field) {
  return invsrc_source_text(call->draft.source, field, NULL);
}

static int is_oauth(const invsrc_call *call) {
  return strcmp(text_of(call, INVSRC_SOURCE_AUTHENTICATION_TYPE), "OAUTH") == 0;
}

/* Fills in what the request does not say. INVSRC_OK or INVSRC_ENOMEM. */
static int32_t complete(invsrc_call *call) {
  invsrc_source *source = call->draft.source;
  const struct beginning *beginning = beginnings;
  char id[IVS_ID_SIZE], agent_id[IVS_AGENT_ID_SIZE];

  while (strcmp(beginning->authentication_type, text_of(call, INVSRC_SOURCE_AUTHENTICATION_TYPE)) !=
         0)
    beginning++;
  ivs_id_format(id, call->random);
  ivs_agent_id_format(agent_id, call->now, call->random + IVS_ID_RANDOM);
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, beginning->auth_configured);
  invsrc_source_set_number(source, INVSRC_SOURCE_CREATED_AT, call->now);
  invsrc_source_set_number(source, INVSRC_SOURCE_UPDATED_AT, call->now);
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, 1);
  if (invsrc_source_set_text(source, INVSRC_SOURCE_ID, id, strlen(id)) ||
      invsrc_source_set_text(source, INVSRC_SOURCE_AGENT_ID, agent_id, strlen(agent_id)) ||
      invsrc_source_set_text(source, INVSRC_SOURCE_STATUS, beginning->status,
                             strlen(beginning->status)) ||
      invsrc_source_set_text(source, INVSRC_SOURCE_STOREFRONT, call->storefront.data.bytes,
                             call->storefront.data.length))
    return INVSRC_ENOMEM;
  return INVSRC_OK;
}

/* 201, with the source still to come. */
static invsrc_response *created(invsrc_call *call) {
  invsrc_response *response = ivs_response_new(201);
  ivs_buffer location = IVS_BUFFER_EMPTY;
  uint64_t length;
  const char *source_id = invsrc_source_text(call->draft.source, INVSRC_SOURCE_SOURCE_ID, &length);

  if (!response) return NULL;
  ivs_buffer_append_text(&location, IVS_ROUTE_SOURCES "/");
  ivs_route_write_segment(&location, source_id, (size_t)length);
  if (location.failed)
    response->body.failed = 1;
  else
    ivs_response_add_header(response, "Location", location.bytes);
  ivs_buffer_end(&location);
  ivs_success_render(call->service, call->draft.source, &response->body);
  return response;
}

/* Makes the response and goes on to seal, or where there is nothing to seal, to
 * insert. */
static void prepare(invsrc_call *call) {
  invsrc_source *source = call->draft.source;

  call->response = created(call);
  if (!call->response || ivs_response_failed(call->response)) {
    ivs_call_out_of_memory(call);
    return;
  }
  call->binding.size = sizeof call->binding;
  call->binding.storefront =
      invsrc_source_text(source, INVSRC_SOURCE_STOREFRONT, &call->binding.storefront_length);
  call->binding.id = invsrc_source_text(source, INVSRC_SOURCE_ID, &call->binding.id_length);
  call->binding.purpose = call->purpose;
  call->binding.purpose_length = strlen(call->purpose);
  if (call->draft.credential.length)
    ivs_call_want(call, INVSRC_WANT_SEAL, after_seal);
  else
    ivs_call_want(call, INVSRC_WANT_INSERT, after_insert);
}

static void after_random(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  call->purpose = INVSRC_PURPOSE_CREDENTIAL;
  if (complete(call) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else if (is_oauth(call))
    ivs_call_want(call, INVSRC_WANT_OAUTH_START, after_oauth_start);
  else
    prepare(call);
}

static int is_authorization_url(const ivs_buffer *url) {
  const char *reason;
  size_t offset;
  ivs_uri uri;

  return url->length <= AUTHORIZATION_URL_LONGEST &&
         ivs_url_parse(url->bytes ? url->bytes : "", url->length, &uri, &reason, &offset) ==
             INVSRC_OK;
}

static void after_oauth_start(invsrc_call *call) {
  const ivs_buffer *url = &call->authorization_url.data;

  if (call->outcome == INVSRC_OUTCOME_OK &&
      (!is_authorization_url(url) || call->private_state.data.length == 0))
    call->outcome = INVSRC_OUTCOME_FAILED;
  if (!ivs_call_went_well(call)) return;
  call->draft.credential = call->private_state.data;
  memset(&call->private_state, 0, sizeof call->private_state);
  call->purpose = INVSRC_PURPOSE_OAUTH_STATE;
  if (invsrc_source_set_text(call->draft.source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, url->bytes,
                             url->length) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else
    prepare(call);
}

static void after_seal(invsrc_call *call) {
  ivs_buffer_end(&call->draft.credential);
  if (call->outcome == INVSRC_OUTCOME_OK && call->sealed.data.length == 0)
    call->outcome = INVSRC_OUTCOME_FAILED;
  if (ivs_call_went_well(call)) ivs_call_want(call, INVSRC_WANT_INSERT, after_insert);
}

static void after_insert(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  call->response->source = call->draft.source;
  call->draft.source = NULL;
  ivs_call_finish(call, call->response);
}

const ivs_operation ivs_create_operation = {
    start, IVS_NEEDS_REGISTRY | IVS_NEEDS_SEALER | IVS_NEEDS_STORE};
