/*
 * What the tests of consents share: an OAuth provider that does as it is told and remembers
 * what it was asked, and short ways through a consent.
 */
#ifndef TEST_CONSENT_H
#define TEST_CONSENT_H

#include "life.h"

#define CREATE_OAUTH OF_KIND("OAUTH", "")
#define CODE "code-of-the-operator"
#define TOKENS "{\"type\":\"oauth\",\"access_token\":\"granted\"}"
#define REFRESH_AT (START + 3600 * SECOND)

typedef struct provider {
  /* What it answers; 0: OK. */
  int32_t start;
  int32_t finish;
  int32_t revoke;
  const char *reason;
  const char *tokens;
  int64_t refresh_at;
  void (*meanwhile)(void); /* what happens, once, while a code is exchanged */
  /* What it was asked: how often, and the last time. */
  int starts;
  int finishes;
  int revokes;
  uint32_t is_again;
  char state[64];
  char redirect_uri[128];
  char private_state[32];
  char code[64];
  char issuer[64];
  char error[64];
  char revoked[128];
  char revoked_of[32]; /* the id of the source */
} provider;

static provider now_asked;

/* NULL becomes "(none)". */
static inline void keep_text(char *kept, size_t size, const char *text, uint64_t length) {
  assert_true(length < size);
  if (text) assert_int_equal(strlen(text), length);
  snprintf(kept, size, "%s", text ? text : "(none)");
}

static inline int32_t answer_with(int32_t outcome, invsrc_buffer *reason) {
  if (now_asked.reason)
    assert_int_equal(invsrc_buffer_set(reason, now_asked.reason, strlen(now_asked.reason)),
                     INVSRC_OK);
  return outcome ? outcome : INVSRC_OUTCOME_OK;
}

static inline int32_t consent_start(void *context, const invsrc_source *source,
                                    const invsrc_consent *consent, invsrc_buffer *url,
                                    invsrc_buffer *private_state, invsrc_buffer *reason) {
  char text[128];

  (void)context;
  assert_non_null(invsrc_source_text(source, INVSRC_SOURCE_ID, NULL));
  assert_int_equal(consent->size, sizeof *consent);
  now_asked.starts++;
  now_asked.is_again = consent->is_again;
  keep_text(now_asked.state, sizeof now_asked.state, consent->state, consent->state_length);
  keep_text(now_asked.redirect_uri, sizeof now_asked.redirect_uri, consent->redirect_uri,
            consent->redirect_uri_length);
  snprintf(text, sizeof text, "https://login.example/?n=%d&state=%s", now_asked.starts,
           now_asked.state);
  invsrc_buffer_set(url, text, strlen(text));
  snprintf(text, sizeof text, "verifier %d", now_asked.starts);
  invsrc_buffer_set(private_state, text, strlen(text));
  return answer_with(now_asked.start, reason);
}

static inline int32_t consent_finish(void *context, const invsrc_source *source,
                                     const void *private_state, uint64_t length,
                                     const invsrc_redirect *redirect, invsrc_buffer *credential,
                                     int64_t *refresh_at, invsrc_buffer *reason) {
  void (*meanwhile)(void) = now_asked.meanwhile;

  (void)context;
  assert_non_null(invsrc_source_text(source, INVSRC_SOURCE_ID, NULL));
  assert_int_equal(redirect->size, sizeof *redirect);
  now_asked.finishes++;
  keep_text(now_asked.private_state, sizeof now_asked.private_state, private_state, length);
  keep_text(now_asked.code, sizeof now_asked.code, redirect->code, redirect->code_length);
  keep_text(now_asked.issuer, sizeof now_asked.issuer, redirect->issuer, redirect->issuer_length);
  keep_text(now_asked.error, sizeof now_asked.error, redirect->error, redirect->error_length);
  now_asked.meanwhile = NULL;
  if (meanwhile) meanwhile();
  *refresh_at = now_asked.refresh_at;
  invsrc_buffer_set(credential, now_asked.tokens, strlen(now_asked.tokens));
  return answer_with(now_asked.finish, reason);
}

static inline int32_t consent_revoke(void *context, const invsrc_source *source,
                                     const void *credential, uint64_t length,
                                     invsrc_buffer *reason) {
  uint64_t id_length;
  const char *id = invsrc_source_text(source, INVSRC_SOURCE_ID, &id_length);

  (void)context;
  assert_non_null(id);
  now_asked.revokes++;
  keep_text(now_asked.revoked, sizeof now_asked.revoked, credential, length);
  keep_text(now_asked.revoked_of, sizeof now_asked.revoked_of, id, id_length);
  return answer_with(now_asked.revoke, reason);
}

static const invsrc_oauth_vtable consent_provider = {sizeof consent_provider, 0, consent_start,
                                                     consent_finish, consent_revoke};

/* ---- Setting up ---------------------------------------------------------------- */

static inline int consent_begin(void **state) {
  life_begin(state);
  memset(&now_asked, 0, sizeof now_asked);
  now_asked.tokens = TOKENS;
  now_asked.refresh_at = REFRESH_AT;
  assert_int_equal(invsrc_testkit_use_oauth(now_living.kit, &consent_provider, NULL), INVSRC_OK);
  invsrc_testkit_install(now_living.kit, now_living.options);
  life_renew_service();
  return 0;
}

/* How much is sealed and was not discarded. */
static inline int consent_kept(void) {
  return now_living.sealed - now_living.discarded;
}

/* ---- Asking -------------------------------------------------------------------- */

static inline invsrc_response *ask_callback(const char *query) {
  invsrc_response *response = NULL;

  assert_int_equal(invsrc_callback(now_living.service, query, strlen(query), &response, NULL),
                   INVSRC_OK);
  return response;
}

/* Comes back with the state that was drawn last, and `more`. */
static inline invsrc_response *come_back(const char *more) {
  char query[512];

  snprintf(query, sizeof query, "state=%s%s", now_asked.state, more);
  return ask_callback(query);
}

#define GOOD "&code=" CODE

static inline int32_t consent_status(const char *more, const char *text) {
  return life_status(come_back(more), text);
}

static inline int32_t ask_authorize(const char *body, const char *text) {
  invsrc_response *response = NULL, *read = life_read();
  uint64_t length;
  const char *agent_id =
      invsrc_source_text(invsrc_response_source(read), INVSRC_SOURCE_AGENT_ID, &length);

  assert_int_equal(invsrc_authorize(now_living.service, ACME, agent_id, length, body, strlen(body),
                                    &response, NULL),
                   INVSRC_OK);
  invsrc_response_free(read);
  return life_status(response, text);
}

/* The status of a request over HTTP, with an API key unless that is NULL, and without a body; its
 * answer must be JSON and hold `text`. */
static inline int32_t ask_http(const char *method, const char *target, const char *key,
                               const char *text) {
  invsrc_request *request = invsrc_request_new();
  invsrc_response *response = NULL;
  char bearer[64];
  int length = snprintf(bearer, sizeof bearer, "Bearer %s", key ? key : "");

  invsrc_request_set_method(request, method, strlen(method));
  invsrc_request_set_target(request, target, strlen(target));
  if (key) invsrc_request_add_header(request, "Authorization", 13, bearer, (uint64_t)length);
  assert_int_equal(invsrc_handle(now_living.service, request, &response, NULL), INVSRC_OK);
  invsrc_request_free(request);
  assert_string_equal(invsrc_response_header_name(response, 0), "Content-Type");
  assert_string_equal(invsrc_response_header_value(response, 0), "application/json");
  return life_status(response, text);
}

/* A host without OAuth, whose store finds nothing. */
static inline void take_find_away(invsrc_store_vtable *store) {
  *store = *invsrc_memory_store();
  store->find = NULL;
  assert_int_equal(invsrc_testkit_add_key(now_living.kit, "key", "acme"), INVSRC_OK);
  invsrc_options_set_oauth(now_living.options, NULL, NULL);
  invsrc_options_set_store(now_living.options, store, now_living.memory);
  life_renew_service();
}

/* A source that was consented to. */
static inline void create_connected(void) {
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  life_assert_event("source.authorized");
}

static inline const char *header_named(const invsrc_response *response, const char *name) {
  for (uint32_t i = 0; i < invsrc_response_header_count(response); i++)
    if (strcmp(invsrc_response_header_name(response, i), name) == 0)
      return invsrc_response_header_value(response, i);
  return "(absent)";
}

/* Goes on until the call wants `want`; 0: to its end. */
static inline void go_to(invsrc_call *call, int32_t until) {
  int32_t want;

  while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE && want != until)
    assert_int_equal(invsrc_call_perform(call), INVSRC_OK);
  assert_int_equal(want, until);
}

/* The status of the call's answer, which must hold `text`; the call is freed. */
static inline int32_t end_call(invsrc_call *call, const char *text) {
  invsrc_response *response = NULL;

  go_to(call, INVSRC_WANT_NONE);
  assert_int_equal(invsrc_call_take_response(call, &response), INVSRC_OK);
  invsrc_call_free(call);
  return life_status(response, text);
}

#endif
