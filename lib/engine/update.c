/*
 * PUT /inventory-sources/{sourceId}: find, judge, look up, date, probe, seal, update under
 * the revision that was found, and then forget what was sealed before. The response is
 * made before the update, so that nothing can fail once the change is stored.
 */
#include <stdio.h>
#include <string.h>

#include "core/source.h"
#include "engine/check.h"
#include "engine/consent.h"
#include "engine/reveal.h"
#include "engine/schedule.h"
#include "engine/write.h"

static void after_get(invsrc_call *call);
static void after_lookup(invsrc_call *call);
static void after_now(invsrc_call *call);
static void after_random(invsrc_call *call);
static void after_oauth_start(invsrc_call *call);
static void after_open(invsrc_call *call);
static void after_probe(invsrc_call *call);

static void start(invsrc_call *call) {
  if (ivs_call_has_body(call)) ivs_call_want(call, INVSRC_WANT_GET, after_get);
}

static void after_get(invsrc_call *call) {
  ivs_problem problem;

  if (!ivs_call_went_well(call)) return;
  call->revision = (uint64_t)invsrc_source_number(call->found, INVSRC_SOURCE_REVISION);
  if (ivs_update_read(call->body, (size_t)call->body_length, call->found,
                      &call->service->options.switches, &call->draft, &problem) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else if (!call->draft.source)
    ivs_call_finish(call, ivs_problem_response(&problem));
  else if (call->draft.changes & IVS_CHANGE_ENDPOINT)
    ivs_call_want(call, INVSRC_WANT_LOOKUP, after_lookup);
  else
    ivs_call_want(call, INVSRC_WANT_NOW, after_now);
}

static void after_lookup(invsrc_call *call) {
  if (ivs_call_went_well(call)) ivs_call_want(call, INVSRC_WANT_NOW, after_now);
}

static void after_now(invsrc_call *call) {
  size_t length = call->draft.changes & IVS_CHANGE_CONSENT ? IVS_STATE_RANDOM : 0;

  if (ivs_call_went_well(call)) ivs_call_want_random(call, length, after_random);
}

/* ---- What becomes of the source --------------------------------------------- */

/* A PENDING source that needs no credential any more has nothing to wait for, contract §7. */
static int32_t set_state(invsrc_call *call) {
  invsrc_source *source = call->draft.source;

  if (call->draft.changes & IVS_CHANGE_AUTH)
    invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED,
                             call->draft.credential.length > 0);
  if (call->draft.changes & IVS_CHANGE_AUTHENTICATION_TYPE &&
      ivs_source_is(source, INVSRC_SOURCE_AUTHENTICATION_TYPE, "NO_AUTH") &&
      ivs_source_is(source, INVSRC_SOURCE_STATUS, "PENDING"))
    return invsrc_source_set_text(source, INVSRC_SOURCE_STATUS, "ACTIVE", strlen("ACTIVE"));
  return INVSRC_OK;
}

/* ACTIVE was asked for, and either is news or has to be found out anew. */
static int wants_probe(const invsrc_call *call) {
  return call->draft.asks_active && (!ivs_source_is(call->found, INVSRC_SOURCE_STATUS, "ACTIVE") ||
                                     call->draft.changes & IVS_CHANGE_AGENT);
}

static void refuse_activation(invsrc_call *call, const char *reason) {
  ivs_problem problem = {.is_json_fault = 0, .issues = {.count = 0}};

  snprintf(call->sentence, sizeof call->sentence, "cannot be ACTIVE: %s", reason);
  ivs_issues_add(&problem.issues, "status", call->sentence);
  ivs_buffer_end(&call->draft.credential);
  ivs_call_finish(call, ivs_problem_response(&problem));
}

static void write_source(invsrc_call *call);
static void store(invsrc_call *call);

static void begin_probe(invsrc_call *call) {
  if (ivs_source_awaits_consent(call->draft.source)) {
    refuse_activation(call, "it awaits the consent of its operator");
  } else if (call->draft.changes & IVS_CHANGE_AUTH ||
             !invsrc_source_number(call->found, INVSRC_SOURCE_AUTH_CONFIGURED)) {
    ivs_call_want(call, INVSRC_WANT_PROBE, after_probe);
  } else {
    ivs_call_bind(call, call->found, INVSRC_PURPOSE_CREDENTIAL);
    ivs_call_want(call, INVSRC_WANT_OPEN, after_open);
  }
}

static void after_random(invsrc_call *call) {
  if (!ivs_call_went_well(call)) return;
  call->purpose = INVSRC_PURPOSE_CREDENTIAL;
  if (set_state(call) != INVSRC_OK)
    ivs_call_out_of_memory(call);
  else if (call->draft.changes & IVS_CHANGE_CONSENT && !wants_probe(call))
    ivs_consent_begin(call, call->random, after_oauth_start);
  else if (wants_probe(call))
    begin_probe(call);
  else
    write_source(call);
}

static void after_oauth_start(invsrc_call *call) {
  if (ivs_consent_take(call)) write_source(call);
}

static void after_open(invsrc_call *call) {
  if (ivs_call_went_well(call)) ivs_call_want(call, INVSRC_WANT_PROBE, after_probe);
}

static void after_probe(invsrc_call *call) {
  ivs_buffer_end(&call->opened.data);
  if (call->outcome == INVSRC_OUTCOME_REFUSED || call->outcome == INVSRC_OUTCOME_UNREACHABLE) {
    refuse_activation(call, call->reason);
    return;
  }
  if (ivs_call_went_well(call)) write_source(call);
}

/* ---- Storing it ---------------------------------------------------------------- */

/* How far the clock of whoever has claimed a source may be ahead, in milliseconds. */
#define CLOCKS_APART INT64_C(10000)

/* A claim of the source that may be live, or 0: whoever has it may be refreshing the tokens, and
 * nobody else must begin to. */
static int64_t claim_of(const invsrc_call *call) {
  int64_t until = invsrc_source_number(call->found, INVSRC_SOURCE_NEXT_CHECK_AT);
  int64_t last = call->now + ivs_refresh_lease(call->service) + CLOCKS_APART;
  int has_tokens = invsrc_source_number(call->draft.source, INVSRC_SOURCE_OAUTH_REFRESH_AT) != 0;

  return has_tokens && until > call->now && until <= last ? until : 0;
}

/* What is known of the agent begins anew, or is what the probe has just found. Whether it
 * was told to be unreachable stays known, for who is to hear that it is not any more. */
static void set_check(invsrc_call *call) {
  invsrc_source *source = call->draft.source;
  int64_t recheck = call->service->options.recheck;
  int64_t next = call->now;

  if (call->probed) next = recheck ? call->now + recheck : 0;
  if (ivs_source_is(source, INVSRC_SOURCE_STATUS, "DISABLED") || ivs_source_awaits_consent(source))
    next = 0;
  next = ivs_sooner(next, invsrc_source_number(source, INVSRC_SOURCE_OAUTH_REFRESH_AT));
  if (claim_of(call)) next = claim_of(call);
  call->parts |= INVSRC_PART_CHECK;
  invsrc_source_set_number(source, INVSRC_SOURCE_ATTEMPTS, 0);
  invsrc_source_set_number(source, INVSRC_SOURCE_LAST_CHECKED_AT, call->probed ? call->now : 0);
  invsrc_source_set_number(source, INVSRC_SOURCE_CREDENTIAL_PROVEN, call->probed && call->proven);
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, next);
  invsrc_source_set_text(source, INVSRC_SOURCE_LAST_ERROR, NULL, 0);
  if (call->probed || ivs_source_is(source, INVSRC_SOURCE_STATUS, "DISABLED"))
    invsrc_source_set_number(source, INVSRC_SOURCE_UNREACHABLE, 0);
}

static int is_same_status(const invsrc_call *call) {
  return ivs_source_is_same(call->found, call->draft.source, INVSRC_SOURCE_STATUS);
}

/* One event for one change: the one that says most. */
static const char *event_type(const invsrc_call *call) {
  int was_unreachable = invsrc_source_number(call->found, INVSRC_SOURCE_UNREACHABLE) != 0;

  if (is_same_status(call))
    return call->probed && was_unreachable ? "source.recovered" : "source.updated";
  return ivs_source_is(call->draft.source, INVSRC_SOURCE_STATUS, "ACTIVE") ? "source.activated"
                                                                           : "source.disabled";
}

/* The source that is answered with may await a consent that was under way before. */
static void write_source(invsrc_call *call) {
  if (call->draft.changes & IVS_CHANGE_CONSENT)
    store(call);
  else
    ivs_reveal(call, call->draft.source, store);
}

static void store(invsrc_call *call) {
  invsrc_source *source = call->draft.source;

  call->parts = INVSRC_PART_RECORD;
  if (call->draft.changes & IVS_CHANGE_AGENT || !is_same_status(call)) set_check(call);
  if (call->draft.changes & IVS_CHANGE_AUTH) call->parts |= INVSRC_PART_SEALED;
  invsrc_source_set_number(source, INVSRC_SOURCE_UPDATED_AT, call->now);
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, (int64_t)call->revision + 1);
  ivs_write(call, INVSRC_WANT_UPDATE, ivs_source_response(call->service, 200, source),
            event_type(call));
}

const ivs_operation ivs_update_operation = {
    start, IVS_NEEDS_REGISTRY | IVS_NEEDS_SEALER | IVS_NEEDS_STORE};
