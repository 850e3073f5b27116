/*
 * The refresh of an OAUTH source's tokens, within its check and so under its claim, which is
 * renewed before: no two processes use one refresh token. What came is stored at once, before
 * anything is done with it, and whatever else of the source has changed meanwhile: the old tokens
 * may be void by then. It is stored under another revision, so that nobody who has read the source
 * before can take the new tokens for the old ones.
 */
#include <stdio.h>
#include <string.h>

#include "core/source.h"
#include "engine/check.h"

/* More than anybody changes a source in one breath; and how often a vault or a store that is
 * busy is asked again. */
#define MOST_TRIES 8
/* After so many failures in a row the agent counts as unreachable: tokens are refreshed long
 * before they end, so that a server may be away for a while. */
#define PATIENCE 5
/* A refresh is done within it: its exchange takes 10 seconds at most, and then it is stored. */
#define LEAST_LEASE INT64_C(20000)

static void renew_claim(invsrc_call *call);
static void after_renewal(invsrc_call *call);
static void after_refresh(invsrc_call *call);
static void after_seal(invsrc_call *call);
static void after_store(invsrc_call *call);
static void after_get(invsrc_call *call);
static void after_now(invsrc_call *call);
static void after_random(invsrc_call *call);
static void after_loss(invsrc_call *call);

int64_t ivs_refresh_lease(const invsrc_service *service) {
  return service->options.lease > LEAST_LEASE ? service->options.lease : LEAST_LEASE;
}

/* What the tokens are sealed as is kept, to know it again: the store hands back in the same place
 * what it replaces. */
void ivs_refresh(invsrc_call *call) {
  call->refreshed = 1;
  call->tries = 0;
  call->used_sealed = call->found_sealed.data;
  memset(&call->found_sealed, 0, sizeof call->found_sealed);
  ivs_call_want(call, INVSRC_WANT_NOW, renew_claim);
}

static int is_disabled(const invsrc_call *call) {
  return ivs_source_is(call->draft.source, INVSRC_SOURCE_STATUS, "DISABLED");
}

static void end(invsrc_call *call) {
  ivs_buffer_end(&call->opened.data);
  ivs_check_conclude(call, call->check_outcome);
}

/* Somebody was faster, so that what came is nobody's: it is discarded where it was sealed. */
static void lose(invsrc_call *call) {
  call->check_outcome = INVSRC_OUTCOME_CONFLICT;
  ivs_call_discard(call, end);
}

static void after_revoke(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK)
    lose(call);
  else
    ivs_call_log_failure(call, lose);
}

/* Nobody needs them any more: they are made void. */
static void revoke(invsrc_call *call) {
  ivs_call_want(call, INVSRC_WANT_OAUTH_REVOKE, after_revoke);
}

static void give_up(invsrc_call *call) {
  ivs_buffer_end(&call->draft.credential);
  ivs_buffer_end(&call->opened.data);
  ivs_check_give_up(call);
}

/* A vault or a store that is busy for a moment must not cost the tokens. */
static int may_try_again(invsrc_call *call) {
  return call->outcome == INVSRC_OUTCOME_UNAVAILABLE && ++call->tries < MOST_TRIES;
}

/* ---- The claim -------------------------------------------------------------------- */

/* What is left of it may be too short; and whoever has lost it must not begin. */
static void renew_claim(invsrc_call *call) {
  int64_t until = call->now + ivs_refresh_lease(call->service);

  if (call->outcome != INVSRC_OUTCOME_OK) {
    give_up(call);
    return;
  }
  call->parts = INVSRC_PART_CHECK;
  call->lease_end = call->claim;
  call->claim = until;
  invsrc_source_set_number(call->draft.source, INVSRC_SOURCE_NEXT_CHECK_AT, until);
  ivs_call_want(call, INVSRC_WANT_UPDATE, after_renewal);
}

static void after_renewal(invsrc_call *call) {
  switch (call->outcome) {
    case INVSRC_OUTCOME_OK:
      call->lease_end = call->claim;
      ivs_call_want(call, INVSRC_WANT_OAUTH_REFRESH, after_refresh);
      break;
    case INVSRC_OUTCOME_CONFLICT:
    case INVSRC_OUTCOME_NOT_FOUND:
      lose(call);
      break;
    default:
      give_up(call);
      break;
  }
}

/* ---- Tokens that came ---------------------------------------------------------- */

/* The agent of a source that is disabled is left alone: its tokens are all that is kept. */
static void set_tokens(invsrc_call *call) {
  invsrc_source *source = call->draft.source;

  call->parts = INVSRC_PART_RECORD | INVSRC_PART_CHECK | INVSRC_PART_SEALED;
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, (int64_t)call->revision + 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_OAUTH_REFRESH_AT, call->refresh_at);
  if (!is_disabled(call)) return;
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, call->refresh_at);
  invsrc_source_set_number(source, INVSRC_SOURCE_ATTEMPTS, 0);
  invsrc_source_set_text(source, INVSRC_SOURCE_LAST_ERROR, NULL, 0);
}

static void take_tokens(invsrc_call *call) {
  const ivs_buffer *tokens = &call->opened.data;

  if (ivs_buffer_set(&call->draft.credential, tokens->bytes, tokens->length) != INVSRC_OK) {
    ivs_check_conclude(call, INVSRC_OUTCOME_UNAVAILABLE);
    return;
  }
  call->purpose = INVSRC_PURPOSE_CREDENTIAL;
  set_tokens(call);
  ivs_call_want(call, INVSRC_WANT_SEAL, after_seal);
}

static void after_seal(invsrc_call *call) {
  if (call->outcome != INVSRC_OUTCOME_OK && may_try_again(call)) {
    ivs_call_want(call, INVSRC_WANT_SEAL, after_seal);
  } else if (call->outcome != INVSRC_OUTCOME_OK) {
    give_up(call);
  } else {
    ivs_buffer_end(&call->draft.credential);
    ivs_call_want(call, INVSRC_WANT_UPDATE, after_store);
  }
}

/* The new tokens are stored, and the old ones discarded. */
static void go_on(invsrc_call *call) {
  int is_ours = call->lease_end == call->claim;

  call->stored = 1;
  if (is_ours && !is_disabled(call)) {
    ivs_check_probe(call);
    return;
  }
  call->check_outcome = is_ours ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_CONFLICT;
  end(call);
}

static void discard_replaced(invsrc_call *call, ivs_state next) {
  ivs_buffer_end(&call->sealed.data); /* it is stored */
  call->sealed = call->found_sealed;
  memset(&call->found_sealed, 0, sizeof call->found_sealed);
  ivs_call_discard(call, next);
}

static void after_store(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK) {
    call->revision++;
    discard_replaced(call, go_on);
  } else if (call->outcome == INVSRC_OUTCOME_CONFLICT && ++call->tries < MOST_TRIES) {
    ivs_buffer_end(&call->found_sealed.data);
    call->before = call->found;
    call->found = NULL;
    ivs_call_want(call, INVSRC_WANT_GET, after_get);
  } else if (call->outcome == INVSRC_OUTCOME_NOT_FOUND) {
    revoke(call);
  } else if (call->outcome == INVSRC_OUTCOME_CONFLICT) {
    lose(call);
  } else if (may_try_again(call)) {
    ivs_call_want(call, INVSRC_WANT_UPDATE, after_store);
  } else {
    give_up(call);
  }
}

/* Whether the source that is stored now has the tokens that the new ones came from. */
static int is_same(const invsrc_call *call) {
  const ivs_buffer *now = &call->found_sealed.data, *then = &call->used_sealed;

  return ivs_source_is_same(call->found, call->draft.source, INVSRC_SOURCE_ID) &&
         now->length == then->length && memcmp(now->bytes, then->bytes, then->length) == 0;
}

/* Whether it is for another agent, or another source altogether: then nobody has the grant that
 * the new tokens are of. Tokens of another consent may be of the same. */
static int is_other(const invsrc_call *call) {
  static const int32_t fields[] = {INVSRC_SOURCE_ID, INVSRC_SOURCE_AUTHENTICATION_TYPE,
                                   INVSRC_SOURCE_ENDPOINT_URL, INVSRC_SOURCE_OAUTH_AUDIENCE};

  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (!ivs_source_is_same(call->found, call->draft.source, fields[i])) return 1;
  return 0;
}

/* Takes over what the source has become. Its claim may be somebody else's by now. */
static void store_again(invsrc_call *call) {
  if (invsrc_source_copy(call->draft.source, call->found) != INVSRC_OK) {
    call->outcome = INVSRC_OUTCOME_UNAVAILABLE;
    give_up(call);
    return;
  }
  ivs_call_bind(call, call->draft.source, call->purpose);
  call->revision = (uint64_t)invsrc_source_number(call->found, INVSRC_SOURCE_REVISION);
  call->lease_end = invsrc_source_number(call->found, INVSRC_SOURCE_NEXT_CHECK_AT);
  set_tokens(call);
  ivs_call_want(call, INVSRC_WANT_UPDATE, after_store);
}

static void after_get(invsrc_call *call) {
  invsrc_source *gone = call->before;

  if (call->outcome != INVSRC_OUTCOME_OK) {
    gone = call->found;
    call->found = call->before;
  }
  call->before = NULL;
  invsrc_source_free(gone);
  ivs_call_bind(call, call->draft.source, call->purpose);
  if (call->outcome == INVSRC_OUTCOME_OK && is_same(call))
    store_again(call);
  else if (call->outcome == INVSRC_OUTCOME_NOT_FOUND ||
           (call->outcome == INVSRC_OUTCOME_OK && is_other(call)))
    revoke(call);
  else if (call->outcome == INVSRC_OUTCOME_OK)
    lose(call);
  else if (may_try_again(call))
    ivs_call_want(call, INVSRC_WANT_UPDATE, after_store);
  else
    give_up(call);
}

/* ---- Tokens that did not come ----------------------------------------------------- */

/* Without tokens the source waits for its operator, whatever its status. INVSRC_OK or
 * INVSRC_ENOMEM. */
static int32_t set_lost(invsrc_call *call) {
  static const int32_t none[] = {INVSRC_SOURCE_AUTH_CONFIGURED, INVSRC_SOURCE_OAUTH_REFRESH_AT,
                                 INVSRC_SOURCE_NEXT_CHECK_AT,   INVSRC_SOURCE_CREDENTIAL_PROVEN,
                                 INVSRC_SOURCE_ATTEMPTS,        INVSRC_SOURCE_UNREACHABLE};
  invsrc_source *source = call->draft.source;

  call->parts = INVSRC_PART_RECORD | INVSRC_PART_CHECK | INVSRC_PART_SEALED;
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    invsrc_source_set_number(source, none[i], 0);
  invsrc_source_set_number(source, INVSRC_SOURCE_UPDATED_AT, call->now);
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, (int64_t)call->revision + 1);
  return invsrc_source_set_text(source, INVSRC_SOURCE_LAST_ERROR, call->reason,
                                strlen(call->reason));
}

static void after_now(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK)
    ivs_call_want_random(call, 0, after_random);
  else
    give_up(call);
}

static void after_random(invsrc_call *call) {
  if (call->outcome != INVSRC_OUTCOME_OK) {
    give_up(call);
  } else if (set_lost(call) != INVSRC_OK ||
             ivs_call_make_event(call, "source.consent_required", call->draft.source,
                                 call->reason) != INVSRC_OK) {
    call->check_outcome = INVSRC_OUTCOME_UNAVAILABLE;
    end(call);
  } else {
    ivs_call_want(call, INVSRC_WANT_UPDATE, after_loss);
  }
}

static void after_loss(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK) {
    call->stored = 1;
    call->check_outcome = INVSRC_OUTCOME_REFUSED;
    discard_replaced(call, end);
  } else if (call->outcome == INVSRC_OUTCOME_CONFLICT ||
             call->outcome == INVSRC_OUTCOME_NOT_FOUND) {
    lose(call);
  } else {
    give_up(call);
  }
}

/* The tokens that there are stay, and are tried again. */
static void keep_failure(invsrc_call *call) {
  int64_t failures = invsrc_source_number(call->found, INVSRC_SOURCE_ATTEMPTS) + 1;
  int is_late = call->outcome == INVSRC_OUTCOME_UNREACHABLE && failures >= PATIENCE;

  if (call->outcome == INVSRC_OUTCOME_UNREACHABLE) {
    call->check_outcome =
        is_late && !is_disabled(call) ? INVSRC_OUTCOME_UNREACHABLE : INVSRC_OUTCOME_FAILED;
    ivs_check_set_reason(call, "the authorization server cannot be reached");
    ivs_check_keep(call);
    return;
  }
  call->check_outcome = ivs_check_failure(call);
  ivs_check_set_reason(call, "the prober could not refresh the tokens");
  ivs_call_log_failure(call, ivs_check_keep);
}

static void after_refresh(invsrc_call *call) {
  switch (call->outcome) {
    case INVSRC_OUTCOME_OK:
      take_tokens(call);
      break;
    case INVSRC_OUTCOME_REFUSED:
      ivs_check_set_reason(call, "the authorization server refuses to refresh the tokens");
      ivs_call_want(call, INVSRC_WANT_NOW, after_now);
      break;
    default:
      keep_failure(call);
      break;
  }
}
