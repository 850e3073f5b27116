/*
 * GET /oauth/callback: the operator's browser comes back from the authorization server. The
 * source is found by the digest of `state`, which an update takes away before anything else is
 * done with it: whoever comes later, or at the same time, finds nothing. Then the code is
 * exchanged, and the tokens are sealed and stored. It is answered with a page, or with a
 * redirect to the host's.
 */
#include <string.h>

#include "core/base64.h"
#include "core/form.h"
#include "core/page.h"
#include "core/source.h"
#include "core/text.h"
#include "core/uri.h"
#include "engine/consent.h"
#include "engine/reveal.h"
#include "engine/schedule.h"

/* More than anybody changes a source in one breath. */
#define MOST_TRIES 8

static void after_find(invsrc_call *call);
static void after_now(invsrc_call *call);
static void after_open(invsrc_call *call);
static void after_consume(invsrc_call *call);
static void exchange(invsrc_call *call);
static void after_finish(invsrc_call *call);
static void after_random(invsrc_call *call);
static void after_seal(invsrc_call *call);
static void after_store(invsrc_call *call);
static void after_get(invsrc_call *call);

/* ---- The answer ------------------------------------------------------------- */

static invsrc_response *redirect_to(const char *url, enum ivs_page page, const char *source_id) {
  invsrc_response *response = ivs_response_new_page(303);
  ivs_buffer location = IVS_BUFFER_EMPTY;

  if (!response) return NULL;
  ivs_buffer_append_text(&location, url);
  ivs_buffer_append_text(&location, strchr(url, '?') ? "&status=" : "?status=");
  ivs_buffer_append_text(&location, ivs_page_word(page));
  if (source_id) {
    ivs_buffer_append_text(&location, "&sourceId=");
    ivs_uri_append_escaped(&location, source_id, strlen(source_id));
  }
  ivs_response_set_location(response, &location);
  return response;
}

static const char *text_or_null(const char *text) {
  return text && *text ? text : NULL;
}

static invsrc_response *page_of(const invsrc_call *call, enum ivs_page page) {
  int is_refused = page == IVS_PAGE_REFUSED;
  const ivs_page_content content = {
      invsrc_source_text(call->found, INVSRC_SOURCE_NAME, NULL),
      page == IVS_PAGE_CONNECTED ? NULL : text_or_null(call->reason),
      is_refused ? text_or_null(call->oauth_error.bytes) : NULL,
      is_refused ? text_or_null(call->error_description.bytes) : NULL,
  };
  invsrc_response *response = ivs_response_new_page(ivs_page_status(page));

  if (!response) return NULL;
  ivs_response_add_header(response, "Content-Security-Policy", IVS_PAGE_POLICY);
  ivs_page_write(&response->body, page, &content);
  return response;
}

static invsrc_response *answer_with(const invsrc_call *call, enum ivs_page page) {
  const char *done_url = call->service->options.oauth_done_url;

  if (!*done_url) return page_of(call, page);
  return redirect_to(done_url, page,
                     invsrc_source_text(call->found, INVSRC_SOURCE_SOURCE_ID, NULL));
}

static void end_with(invsrc_call *call, enum ivs_page page) {
  ivs_call_finish(call, answer_with(call, page));
}

static void end_in_failure(invsrc_call *call) {
  ivs_call_finish(call, call->response);
}

static void discard_tokens(invsrc_call *call) {
  ivs_buffer_end(&call->opened.data);
  ivs_call_discard(call, end_in_failure);
}

static void after_revoke(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK)
    discard_tokens(call);
  else
    ivs_call_log_failure(call, discard_tokens);
}

/* Tokens that cannot be stored are nobody's: they are made void. The page is made before, as it
 * does not tell of that. */
static void drop_tokens(invsrc_call *call) {
  ivs_buffer_end(&call->draft.credential);
  invsrc_response_free(call->response);
  call->response = answer_with(call, call->page);
  if (call->opened.data.length)
    ivs_call_want(call, INVSRC_WANT_OAUTH_REVOKE, after_revoke);
  else
    discard_tokens(call);
}

/* What was answered last was not OK. Who is told to find a source again has tried by now. */
static void fail(invsrc_call *call) {
  int is_passing = call->outcome == INVSRC_OUTCOME_CONFLICT ||
                   ivs_want_failure(call->answered, call->outcome)->status == 503;

  call->page = is_passing ? IVS_PAGE_BUSY : IVS_PAGE_FAILED;
  ivs_call_log_failure(call, drop_tokens);
}

/* The source is gone, or is not the one any more that was consented to. */
static void expire(invsrc_call *call) {
  call->page = IVS_PAGE_EXPIRED;
  drop_tokens(call);
}

static void out_of_memory(invsrc_call *call) {
  ivs_buffer_end(&call->opened.data);
  ivs_call_out_of_memory(call);
}

/* ---- The query -------------------------------------------------------------- */

/* What the server sends, and whether it is shown only: what is shown is left out where it is not
 * what it should be. */
static int read_parameter(const invsrc_call *call, const char *name, int is_shown,
                          ivs_buffer *value) {
  const char *text = NULL;
  size_t length = 0;
  int count = ivs_form_find(&call->query, name, &text, &length);
  int is_good = count <= 1 && (count == 0 || ivs_form_decode(text, length, value)) &&
                ivs_text_is_utf8(value->bytes ? value->bytes : "", value->length, NULL) &&
                !ivs_text_has_control(value->bytes ? value->bytes : "", value->length);

  if (is_good) return 1;
  ivs_buffer_clear(value);
  return is_shown;
}

static int read_query(invsrc_call *call) {
  return read_parameter(call, "state", 0, &call->oauth_state) &
         read_parameter(call, "code", 0, &call->code) &
         read_parameter(call, "iss", 0, &call->issuer) &
         read_parameter(call, "error", 0, &call->oauth_error) &
         read_parameter(call, "error_description", 1, &call->error_description);
}

static int query_failed(const invsrc_call *call) {
  return call->oauth_state.failed | call->code.failed | call->issuer.failed |
         call->oauth_error.failed | call->error_description.failed;
}

static void find(invsrc_call *call) {
  const ivs_buffer *state = &call->oauth_state;
  int32_t result = ivs_consent_digest(state->bytes, state->length, &call->state_digest);

  ivs_buffer_end(&call->oauth_state);
  if (result == INVSRC_OK)
    ivs_call_want(call, INVSRC_WANT_FIND, after_find);
  else
    out_of_memory(call);
}

static void start(invsrc_call *call) {
  int is_good = read_query(call);

  ivs_buffer_end(&call->query);
  if (query_failed(call))
    out_of_memory(call);
  else if (is_good && call->oauth_state.length && (call->code.length || call->oauth_error.length))
    find(call);
  else
    end_with(call, IVS_PAGE_INVALID);
}

/* ---- The source --------------------------------------------------------------- */

/* A host without OAuth has no such route. What was read may be another storefront's than whoever
 * asks: nothing of it is shown before the state has proven good. */
static void after_find(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK)
    ivs_call_want(call, INVSRC_WANT_NOW, after_now);
  else if (call->outcome == INVSRC_OUTCOME_NOT_FOUND)
    end_with(call, IVS_PAGE_EXPIRED);
  else if (call->outcome == INVSRC_OUTCOME_NOT_IMPLEMENTED)
    ivs_call_fail(call, &ivs_failure_no_route);
  else
    fail(call);
}

/* Puts the private state where it is opened from. */
static int take_private_state(invsrc_call *call) {
  uint64_t length;
  const char *text = invsrc_source_text(call->found, INVSRC_SOURCE_OAUTH_PRIVATE_STATE, &length);

  ivs_buffer_end(&call->found_sealed.data);
  return text && ivs_base64url_decode(&call->found_sealed.data, text, (size_t)length);
}

static void after_now(invsrc_call *call) {
  if (call->outcome != INVSRC_OUTCOME_OK) {
    fail(call);
  } else if (call->now >= invsrc_source_number(call->found, INVSRC_SOURCE_OAUTH_EXPIRES_AT)) {
    end_with(call, IVS_PAGE_EXPIRED);
  } else if (!take_private_state(call)) {
    end_with(call, IVS_PAGE_FAILED);
  } else if (call->found_sealed.data.failed) {
    out_of_memory(call);
  } else {
    ivs_call_bind(call, call->found, INVSRC_PURPOSE_OAUTH_STATE);
    ivs_call_want(call, INVSRC_WANT_OPEN, after_open);
  }
}

/* The draft is the source as it is found, to be changed. */
static int begin_draft(invsrc_call *call) {
  if (!call->draft.source) call->draft.source = invsrc_source_new();
  call->revision = (uint64_t)invsrc_source_number(call->found, INVSRC_SOURCE_REVISION);
  return invsrc_source_copy(call->draft.source, call->found) == INVSRC_OK &&
         invsrc_source_set_number(call->draft.source, INVSRC_SOURCE_REVISION,
                                  (int64_t)call->revision + 1) == INVSRC_OK &&
         invsrc_source_set_number(call->draft.source, INVSRC_SOURCE_UPDATED_AT, call->now) ==
             INVSRC_OK;
}

/* By which it is read again when it has been changed. INVSRC_OK or INVSRC_ENOMEM. */
static int32_t take_names(invsrc_call *call) {
  uint64_t storefront_length, id_length;
  const char *storefront =
      invsrc_source_text(call->found, INVSRC_SOURCE_STOREFRONT, &storefront_length);
  const char *id = invsrc_source_text(call->found, INVSRC_SOURCE_SOURCE_ID, &id_length);
  int32_t result = invsrc_buffer_set(&call->storefront, storefront, storefront_length);

  return result == INVSRC_OK ? ivs_buffer_set(&call->source_id, id, (size_t)id_length) : result;
}

/* What is sealed for the state is put where it is discarded from: once the state is used up,
 * nothing on the way there can fail. */
static void after_open(invsrc_call *call) {
  size_t url_length, state_length;
  const char *state;
  int32_t copied;

  if (call->outcome != INVSRC_OUTCOME_OK) {
    fail(call);
    return;
  }
  if (!ivs_reveal_split(&call->opened.data, &url_length, &state, &state_length)) {
    end_with(call, IVS_PAGE_FAILED);
    return;
  }
  copied = ivs_buffer_set(&call->private_state.data, state, state_length);
  ivs_buffer_end(&call->opened.data);
  if (copied != INVSRC_OK || !begin_draft(call) || take_names(call) != INVSRC_OK) {
    out_of_memory(call);
    return;
  }
  ivs_source_end_consent(call->draft.source);
  call->sealed = call->found_sealed;
  memset(&call->found_sealed, 0, sizeof call->found_sealed);
  call->purpose = INVSRC_PURPOSE_OAUTH_STATE;
  call->parts = INVSRC_PART_RECORD;
  ivs_call_want(call, INVSRC_WANT_UPDATE, after_consume);
}

/* Somebody has changed the source: it is found again, if its state is still there. */
static void find_again(invsrc_call *call) {
  ivs_buffer_end(&call->private_state.data);
  ivs_call_forget(call);
  ivs_call_want(call, INVSRC_WANT_FIND, after_find);
}

/* The state is used up: what was sealed for it is needed by nobody else. */
static void begin_exchange(invsrc_call *call) {
  invsrc_source *consumed = call->draft.source;

  call->draft.source = call->found;
  call->found = consumed;
  ivs_call_discard(call, exchange);
}

static void after_consume(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK) {
    begin_exchange(call);
    return;
  }
  ivs_buffer_end(&call->sealed.data); /* it is needed still */
  if (call->outcome == INVSRC_OUTCOME_CONFLICT && ++call->tries < MOST_TRIES)
    find_again(call);
  else if (call->outcome == INVSRC_OUTCOME_NOT_FOUND)
    end_with(call, IVS_PAGE_EXPIRED);
  else
    fail(call);
}

/* ---- The tokens ----------------------------------------------------------------- */

static void exchange(invsrc_call *call) {
  call->tries = 0;
  ivs_call_want(call, INVSRC_WANT_OAUTH_FINISH, after_finish);
}

static void end_refused(invsrc_call *call) {
  end_with(call, IVS_PAGE_REFUSED);
}

static void after_finish(invsrc_call *call) {
  int is_refused =
      call->outcome == INVSRC_OUTCOME_REFUSED || call->outcome == INVSRC_OUTCOME_UNKNOWN;

  ivs_buffer_end(&call->private_state.data);
  ivs_buffer_end(&call->code);
  if (call->outcome == INVSRC_OUTCOME_UNKNOWN) { /* of whom nothing is shown */
    ivs_buffer_clear(&call->oauth_error);
    ivs_buffer_clear(&call->error_description);
  }
  if (call->outcome == INVSRC_OUTCOME_OK)
    ivs_call_want_random(call, 0, after_random);
  else if (is_refused)
    ivs_call_log_failure(call, end_refused);
  else
    fail(call);
}

/* What the tokens make of the source that was found; and the page, so that nothing can fail once
 * they are stored. INVSRC_OK or INVSRC_ENOMEM. */
static int32_t accept(invsrc_call *call) {
  invsrc_source *source;
  int is_disabled;

  if (!begin_draft(call)) return INVSRC_ENOMEM;
  source = call->draft.source;
  ivs_call_bind(call, source, INVSRC_PURPOSE_CREDENTIAL);
  is_disabled = ivs_source_is(source, INVSRC_SOURCE_STATUS, "DISABLED");
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_OAUTH_REFRESH_AT, call->refresh_at);
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT,
                           is_disabled ? call->refresh_at : call->now);
  invsrc_source_set_number(source, INVSRC_SOURCE_ATTEMPTS, 0);
  invsrc_source_set_number(source, INVSRC_SOURCE_CREDENTIAL_PROVEN, 0);
  invsrc_source_set_text(source, INVSRC_SOURCE_LAST_ERROR, NULL, 0);
  /* Another consent may have been begun, and goes on. */
  invsrc_source_set_text(source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, NULL, 0);
  call->parts = INVSRC_PART_RECORD | INVSRC_PART_CHECK | INVSRC_PART_SEALED;
  invsrc_event_free(call->event);
  call->event = NULL;
  if (!call->response) call->response = answer_with(call, IVS_PAGE_CONNECTED);
  if (!call->response || ivs_response_failed(call->response)) return INVSRC_ENOMEM;
  return ivs_call_make_event(call, "source.authorized", source, NULL);
}

static void after_random(invsrc_call *call) {
  const ivs_buffer *tokens = &call->opened.data;

  if (call->outcome != INVSRC_OUTCOME_OK) {
    fail(call);
    return;
  }
  call->purpose = INVSRC_PURPOSE_CREDENTIAL;
  if (accept(call) != INVSRC_OK ||
      ivs_buffer_set(&call->draft.credential, tokens->bytes, tokens->length) != INVSRC_OK) {
    out_of_memory(call);
    return;
  }
  ivs_call_want(call, INVSRC_WANT_SEAL, after_seal);
}

static void after_seal(invsrc_call *call) {
  ivs_buffer_end(&call->draft.credential);
  if (call->outcome == INVSRC_OUTCOME_OK)
    ivs_call_want(call, INVSRC_WANT_UPDATE, after_store);
  else
    fail(call);
}

static void end_well(invsrc_call *call) {
  ivs_buffer_end(&call->sealed.data); /* it is stored */
  call->response->source = call->draft.source;
  call->draft.source = NULL;
  ivs_call_discard_rest(call);
}

static void after_store(invsrc_call *call) {
  if (call->outcome == INVSRC_OUTCOME_OK) {
    end_well(call);
  } else if (call->outcome == INVSRC_OUTCOME_CONFLICT && ++call->tries < MOST_TRIES) {
    call->before = call->found;
    call->found = NULL;
    ivs_call_want(call, INVSRC_WANT_GET, after_get);
  } else if (call->outcome == INVSRC_OUTCOME_NOT_FOUND) {
    expire(call);
  } else {
    fail(call);
  }
}

/* Whether the tokens are for the source as it is now. */
static int is_same_consent(const invsrc_call *call) {
  static const int32_t fields[] = {INVSRC_SOURCE_ID, INVSRC_SOURCE_ENDPOINT_URL,
                                   INVSRC_SOURCE_AUTHENTICATION_TYPE, INVSRC_SOURCE_OAUTH_AUDIENCE};

  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (!ivs_source_is_same(call->found, call->draft.source, fields[i])) return 0;
  return 1;
}

/* It was changed while the code was exchanged: a new name, say. Where the tokens are not for what
 * it has become, they are made void as what they were. */
static void after_get(invsrc_call *call) {
  int is_same = call->outcome == INVSRC_OUTCOME_OK && is_same_consent(call);
  invsrc_source *gone = is_same ? call->before : call->found;

  if (!is_same) call->found = call->before;
  call->before = NULL;
  invsrc_source_free(gone);
  ivs_buffer_end(&call->found_sealed.data);
  if (call->outcome == INVSRC_OUTCOME_NOT_FOUND || (call->outcome == INVSRC_OUTCOME_OK && !is_same))
    expire(call);
  else if (call->outcome != INVSRC_OUTCOME_OK)
    fail(call);
  else if (accept(call) != INVSRC_OK)
    out_of_memory(call);
  else
    ivs_call_want(call, INVSRC_WANT_UPDATE, after_store);
}

const ivs_operation ivs_callback_operation = {start,
                                              IVS_IS_PUBLIC | IVS_NEEDS_SEALER | IVS_NEEDS_STORE};
