/*
 * POST /inventory-sources: read, look up, date, name, seal, insert.
 */
#include <string.h>

#include "core/id.h"
#include "core/source.h"
#include "core/uri.h"
#include "engine/consent.h"
#include "engine/route.h"
#include "engine/write.h"

static void after_lookup(invsrc_call *call);
static void after_now(invsrc_call *call);
static void after_random(invsrc_call *call);
static void after_oauth_start(invsrc_call *call);

static void start(invsrc_call *call) {
  ivs_problem problem;

  if (!ivs_call_has_body(call)) return;
  if (ivs_create_read(call->body, (size_t)call->body_length, &call->service->options.switches,
                      &call->draft, &problem) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else if (!call->draft.source)
    ivs_call_finish(call, ivs_problem_response(&problem));
  else
    ivs_call_want(call, INVSRC_WANT_LOOKUP, after_lookup);
}

static void after_lookup(invsrc_call *call) {
  if (ivs_call_went_well(call)) ivs_call_want(call, INVSRC_WANT_NOW, after_now);
}

#define NAMES_RANDOM (IVS_ID_RANDOM + IVS_ULID_RANDOM)

static int is_oauth(const invsrc_call *call) {
  return ivs_source_is_oauth(call->draft.source);
}

static void after_now(invsrc_call *call) {
  if (ivs_call_went_well(call))
    ivs_call_want_random(call, NAMES_RANDOM + (is_oauth(call) ? IVS_STATE_RANDOM : 0),
                         after_random);
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

/* When the new source is to be probed first: at once where a credential waits for it. */
static int64_t first_check(const invsrc_call *call, const struct beginning *beginning) {
  int64_t recheck = call->service->options.recheck;

  if (beginning->auth_configured) return call->now;
  return strcmp(beginning->status, "ACTIVE") == 0 && recheck ? call->now + recheck : 0;
}

/* Fills in what the request does not say. INVSRC_OK or INVSRC_ENOMEM. */
static int32_t complete(invsrc_call *call) {
  invsrc_source *source = call->draft.source;
  const struct beginning *beginning = beginnings;
  char id[IVS_ID_SIZE], agent_id[IVS_ULID_SIZE];

  while (strcmp(beginning->authentication_type, text_of(call, INVSRC_SOURCE_AUTHENTICATION_TYPE)) !=
         0)
    beginning++;
  ivs_id_format(id, call->now, call->random);
  ivs_ulid_format(agent_id, IVS_AGENT_PREFIX, call->now, call->random + IVS_ID_RANDOM);
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, beginning->auth_configured);
  invsrc_source_set_number(source, INVSRC_SOURCE_CREATED_AT, call->now);
  invsrc_source_set_number(source, INVSRC_SOURCE_UPDATED_AT, call->now);
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, first_check(call, beginning));
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
  invsrc_response *response = ivs_source_response(call->service, 201, call->draft.source);
  ivs_buffer location = IVS_BUFFER_EMPTY;
  uint64_t length;
  const char *source_id = invsrc_source_text(call->draft.source, INVSRC_SOURCE_SOURCE_ID, &length);

  if (!response) return NULL;
  ivs_buffer_append_text(&location, IVS_ROUTE_SOURCES "/");
  ivs_uri_append_escaped(&location, source_id, (size_t)length);
  ivs_response_set_location(response, &location);
  return response;
}

static void write_source(invsrc_call *call) {
  ivs_write(call, INVSRC_WANT_INSERT, created(call), "source.created");
}

static void after_random(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  call->purpose = INVSRC_PURPOSE_CREDENTIAL;
  if (complete(call) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else if (is_oauth(call))
    ivs_consent_begin(call, call->random + NAMES_RANDOM, after_oauth_start);
  else
    write_source(call);
}

static void after_oauth_start(invsrc_call *call) {
  if (ivs_consent_take(call)) write_source(call);
}

const ivs_operation ivs_create_operation = {
    start, IVS_NEEDS_REGISTRY | IVS_NEEDS_SEALER | IVS_NEEDS_STORE};
