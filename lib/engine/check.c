/*
 * The check of a source that was claimed: open, refresh the tokens where it is time to
 * (refresh.c), probe, and keep what came of it, under the revision and the claim: where the
 * source has changed meanwhile, or the lease has ended and somebody else has claimed it, the
 * result is nobody's. It answers no request, so it ends with an outcome in place of a response.
 */
#include <stdio.h>
#include <string.h>

#include "core/source.h"
#include "engine/check.h"
#include "engine/schedule.h"

static void after_begin(invsrc_call *call);
static void after_open(invsrc_call *call);
static void after_probe(invsrc_call *call);
static void after_now(invsrc_call *call);
static void after_random(invsrc_call *call);
static void after_update(invsrc_call *call);

/* What a probe, or what prevented it, makes of the source. */
static const struct effect {
  int32_t outcome;
  int is_answer; /* something is known of the agent now */
  int is_good;
  int by_time; /* tried again by itself; else only when the source has changed */
  int is_told; /* to the operator, in place of the last error before; not what just passes, as
                * a prober that is stopped does */
} effects[] = {
    {INVSRC_OUTCOME_OK, 1, 1, 0, 1},          {INVSRC_OUTCOME_PROVEN, 1, 1, 0, 1},
    {INVSRC_OUTCOME_REFUSED, 1, 0, 0, 1},     {INVSRC_OUTCOME_UNREACHABLE, 1, 0, 1, 1},
    {INVSRC_OUTCOME_UNAVAILABLE, 0, 0, 1, 0}, {INVSRC_OUTCOME_FAILED, 0, 0, 1, 1},
};

static const struct effect *effect_of(int32_t outcome) {
  const struct effect *at = effects;

  while (at->outcome != outcome) at++;
  return at;
}

void ivs_check_conclude(invsrc_call *call, int32_t outcome) {
  call->check_outcome = outcome;
  call->state = NULL;
}

static void stop(invsrc_call *call) {
  call->state = NULL;
}

/* What was sealed in vain is discarded. */
static void stop_cleanly(invsrc_call *call) {
  ivs_call_discard(call, stop);
}

/* What failed was not the agent. */
int32_t ivs_check_failure(const invsrc_call *call) {
  return call->outcome == INVSRC_OUTCOME_UNAVAILABLE ? INVSRC_OUTCOME_UNAVAILABLE
                                                     : INVSRC_OUTCOME_FAILED;
}

/* The result cannot be kept: the lease ends, and somebody tries again. */
void ivs_check_give_up(invsrc_call *call) {
  call->check_outcome = ivs_check_failure(call);
  snprintf(call->reason, sizeof call->reason, "the result could not be stored");
  ivs_call_log_failure(call, stop_cleanly);
}

static void want_open(invsrc_call *call) {
  ivs_call_bind(call, call->found, INVSRC_PURPOSE_CREDENTIAL);
  ivs_call_want(call, INVSRC_WANT_OPEN, after_open);
}

/* Whether tokens are due is known when the time is. */
static void start(invsrc_call *call) {
  call->revision = (uint64_t)invsrc_source_number(call->found, INVSRC_SOURCE_REVISION);
  call->claim = invsrc_source_number(call->found, INVSRC_SOURCE_NEXT_CHECK_AT);
  call->lease_end = call->claim;
  if (!invsrc_source_number(call->found, INVSRC_SOURCE_AUTH_CONFIGURED))
    ivs_call_want(call, INVSRC_WANT_PROBE, after_probe);
  else if (invsrc_source_number(call->found, INVSRC_SOURCE_OAUTH_REFRESH_AT))
    ivs_call_want(call, INVSRC_WANT_NOW, after_begin);
  else
    want_open(call);
}

static int is_refresh_due(const invsrc_call *call) {
  int64_t refresh_at = invsrc_source_number(call->found, INVSRC_SOURCE_OAUTH_REFRESH_AT);

  return call->must_refresh || (refresh_at && refresh_at <= call->now);
}

/* The agent of a source that is disabled is left alone. It was disabled under a claim, which the
 * update has left. */
static void put_off(invsrc_call *call) {
  invsrc_source *source = call->draft.source;

  call->check_outcome = INVSRC_OUTCOME_OK;
  call->parts = INVSRC_PART_CHECK;
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT,
                           invsrc_source_number(source, INVSRC_SOURCE_OAUTH_REFRESH_AT));
  ivs_call_want(call, INVSRC_WANT_UPDATE, after_update);
}

static void after_begin(invsrc_call *call) {
  if (call->outcome != INVSRC_OUTCOME_OK)
    ivs_check_give_up(call);
  else if (ivs_source_is(call->found, INVSRC_SOURCE_STATUS, "DISABLED") && !is_refresh_due(call))
    put_off(call);
  else
    want_open(call);
}

void ivs_check_set_reason(invsrc_call *call, const char *reason) {
  if (!*call->reason) snprintf(call->reason, sizeof call->reason, "%s", reason);
}

void ivs_check_keep(invsrc_call *call) {
  ivs_buffer_end(&call->opened.data);
  ivs_call_want(call, INVSRC_WANT_NOW, after_now);
}

void ivs_check_probe(invsrc_call *call) {
  ivs_call_want(call, INVSRC_WANT_PROBE, after_probe);
}

static void after_open(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK) {
    if (is_refresh_due(call))
      ivs_refresh(call);
    else
      ivs_check_probe(call);
    return;
  }
  call->check_outcome = ivs_check_failure(call);
  ivs_check_set_reason(call,
                       call->outcome == INVSRC_OUTCOME_REFUSED
                           ? "the stored credential cannot be opened: is its master key at hand?"
                           : "the vault cannot open the stored credential now");
  ivs_call_log_failure(call, ivs_check_keep);
}

/* Tokens may be void before their time; those that have none are not to be refreshed. */
static int may_refresh(const invsrc_call *call) {
  return call->outcome == INVSRC_OUTCOME_REFUSED && !call->refreshed &&
         invsrc_source_number(call->found, INVSRC_SOURCE_OAUTH_REFRESH_AT);
}

static void after_probe(invsrc_call *call) {
  ivs_buffer_end(&call->opened.data);
  if (may_refresh(call)) {
    call->must_refresh = 1;
    want_open(call);
    return;
  }
  switch (call->outcome) {
    case INVSRC_OUTCOME_OK:
      call->check_outcome = call->proven ? INVSRC_OUTCOME_PROVEN : INVSRC_OUTCOME_OK;
      *call->reason = '\0';
      break;
    case INVSRC_OUTCOME_REFUSED:
    case INVSRC_OUTCOME_UNREACHABLE:
      call->check_outcome = call->outcome;
      break;
    default:
      call->check_outcome = ivs_check_failure(call);
      ivs_check_set_reason(call, "the prober could not ask the agent");
      ivs_call_log_failure(call, ivs_check_keep);
      return;
  }
  ivs_check_keep(call);
}

static void after_now(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK)
    ivs_call_want_random(call, IVS_PAUSE_RANDOM, after_random);
  else
    ivs_check_give_up(call);
}

/* When to check next: 0 for never. `failures` are those in a row, of whatever kind. Tokens that
 * are due still could not be refreshed. */
static int64_t next_check(const invsrc_call *call, const struct effect *effect, int64_t failures) {
  int is_active = ivs_source_is(call->draft.source, INVSRC_SOURCE_STATUS, "ACTIVE");
  int64_t recheck = is_active ? call->service->options.recheck : 0;
  int64_t refresh_at = invsrc_source_number(call->draft.source, INVSRC_SOURCE_OAUTH_REFRESH_AT);

  if (effect->by_time || (refresh_at && refresh_at <= call->now))
    return call->now + ivs_pause(failures, call->random);
  return ivs_sooner(recheck ? call->now + recheck : 0, refresh_at);
}

static int32_t set_check(invsrc_call *call, const struct effect *effect) {
  invsrc_source *source = call->draft.source;
  int64_t failures = invsrc_source_number(source, INVSRC_SOURCE_ATTEMPTS) + 1;

  if (effect->is_answer) {
    invsrc_source_set_number(source, INVSRC_SOURCE_LAST_CHECKED_AT, call->now);
    /* Whether it is proven the agent may fail to say; that it was stays true of it. */
    if (call->proven) invsrc_source_set_number(source, INVSRC_SOURCE_CREDENTIAL_PROVEN, 1);
    invsrc_source_set_number(source, INVSRC_SOURCE_UNREACHABLE, !effect->is_good);
  }
  invsrc_source_set_number(source, INVSRC_SOURCE_ATTEMPTS, effect->is_good ? 0 : failures);
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, next_check(call, effect, failures));
  if (!effect->is_told) return INVSRC_OK;
  return invsrc_source_set_text(source, INVSRC_SOURCE_LAST_ERROR,
                                *call->reason ? call->reason : NULL, strlen(call->reason));
}

static int activates(const invsrc_call *call, const struct effect *effect) {
  return effect->is_good && ivs_source_is(call->found, INVSRC_SOURCE_STATUS, "PENDING");
}

static int32_t set_active(invsrc_call *call) {
  invsrc_source *source = call->draft.source;

  invsrc_source_set_number(source, INVSRC_SOURCE_UPDATED_AT, call->now);
  return invsrc_source_set_text(source, INVSRC_SOURCE_STATUS, "ACTIVE", strlen("ACTIVE"));
}

/* The event that tells of a change, or NULL where nothing has changed for who hears it. */
static const char *event_type(const invsrc_call *call, const struct effect *effect) {
  int was_unreachable = invsrc_source_number(call->found, INVSRC_SOURCE_UNREACHABLE) != 0;

  if (activates(call, effect)) return "source.activated";
  if (!effect->is_answer || effect->is_good != was_unreachable) return NULL;
  return effect->is_good ? "source.recovered" : "source.unreachable";
}

/* What is told is kept under another revision: an update that has read the source before must
 * not write back that the agent is as it was, or the other end would never be told. */
static void renew_revision(invsrc_call *call) {
  invsrc_source_set_number(call->draft.source, INVSRC_SOURCE_REVISION, (int64_t)call->revision + 1);
  call->parts |= INVSRC_PART_RECORD;
}

static void after_random(invsrc_call *call) {
  const struct effect *effect = effect_of(call->check_outcome);
  const char *type;

  if (call->outcome != INVSRC_OUTCOME_OK) {
    ivs_check_give_up(call);
    return;
  }
  call->parts = INVSRC_PART_CHECK;
  if ((activates(call, effect) && set_active(call) != INVSRC_OK) ||
      set_check(call, effect) != INVSRC_OK) {
    ivs_check_conclude(call, INVSRC_OUTCOME_UNAVAILABLE);
    return;
  }
  type = event_type(call, effect);
  if (type) renew_revision(call);
  if (type && ivs_call_make_event(call, type, call->draft.source,
                                  *call->reason ? call->reason : NULL) != INVSRC_OK)
    ivs_check_conclude(call, INVSRC_OUTCOME_UNAVAILABLE);
  else
    ivs_call_want(call, INVSRC_WANT_UPDATE, after_update);
}

static void after_update(invsrc_call *call) {
  switch (call->outcome) {
    case INVSRC_OUTCOME_OK:
      call->stored = 1;
      ivs_check_conclude(call, call->check_outcome);
      break;
    case INVSRC_OUTCOME_CONFLICT:
    case INVSRC_OUTCOME_NOT_FOUND:
      ivs_check_conclude(call, INVSRC_OUTCOME_CONFLICT);
      break;
    default:
      ivs_check_give_up(call);
      break;
  }
}

int32_t invsrc_call_check_outcome(const invsrc_call *call) {
  return call && !call->state && call->want == INVSRC_WANT_NONE ? call->check_outcome : 0;
}

const char *invsrc_call_check_reason(const invsrc_call *call) {
  return invsrc_call_check_outcome(call) ? call->reason : "";
}

const ivs_operation ivs_check_operation = {start, IVS_NEEDS_SEALER | IVS_NEEDS_STORE};
