/*
 * Consents that begin: with a create, an update, or anew. What a request is answered is the
 * conformance vectors' matter.
 */
#include "consent.h"

static const char *agent_id(void) {
  static char text[64];
  invsrc_response *read = life_read();

  snprintf(text, sizeof text, "%s",
           invsrc_source_text(invsrc_response_source(read), INVSRC_SOURCE_AGENT_ID, NULL));
  invsrc_response_free(read);
  return text;
}

/* As ask_authorize(), without reading the source first. */
static int32_t authorize(const char *id, const char *body, const char *text) {
  invsrc_response *response = NULL;

  assert_int_equal(invsrc_authorize(now_living.service, ACME, id, strlen(id), body, strlen(body),
                                    &response, NULL),
                   INVSRC_OK);
  return life_status(response, text);
}

static void a_consent_begins_anew(void **state) {
  char first[64];

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  life_assert_event("source.created");
  snprintf(first, sizeof first, "%s", now_asked.state);
  invsrc_testkit_set_time(now_living.kit, START + MINUTE);
  assert_int_equal(ask_authorize("{\"redirectUri\":\"https://shop.example/back\"}",
                                 "{\"authorizationUrl\":\"https://login.example/?n=2&state="),
                   200);
  assert_string_not_equal(now_asked.state, first);
  assert_int_equal(now_asked.is_again, 0);
  assert_string_equal(now_asked.redirect_uri, "https://shop.example/back");
  assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_EXPIRES_AT), START + 11 * MINUTE);
  assert_int_equal(life_number(INVSRC_SOURCE_UPDATED_AT), START + MINUTE);
  assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 2);
  assert_int_equal(consent_kept(), 1); /* the first private state is forgotten */
  life_assert_event("source.updated");
  /* And so is the first state. */
  {
    char query[128];
    snprintf(query, sizeof query, "state=%s" GOOD, first);
    assert_int_equal(life_status(ask_callback(query), "no longer good"), 400);
  }
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  assert_string_equal(now_asked.private_state, "verifier 2");
}

/* The client is another one then, and whoever is about to come back would come in vain. */
static void it_is_again_where_nobody_came_back_in_time(void **state) {
  (void)state;
  create_connected();
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(now_asked.is_again, 0); /* somebody came back from the first */
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(now_asked.is_again, 0);
  invsrc_testkit_set_time(now_living.kit, START + 10 * MINUTE - 1);
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(now_asked.is_again, 0);
  invsrc_testkit_set_time(now_living.kit, START + 20 * MINUTE - 1);
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(now_asked.is_again, 1);
}

/* It goes on with them, and only who asked is told the URL. */
static void a_source_that_has_tokens_keeps_them(void **state) {
  (void)state;
  create_connected();
  assert_int_equal(ask_authorize("{}", "authorizationUrl"), 200);
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
  assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), REFRESH_AT);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), START);
  life_assert_text(INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, "");
  assert_int_equal(consent_kept(), 2);
  assert_int_equal(now_asked.revokes, 0);
  /* Both are forgotten with it. */
  assert_int_equal(life_remove(), 204);
  assert_int_equal(consent_kept(), 0);
  assert_int_equal(now_asked.revokes, 1);
  assert_string_equal(now_asked.revoked, TOKENS);
}

static void what_fails_leaves_the_consent_that_is_under_way(void **state) {
  static const struct {
    int32_t effect;
    int32_t outcome;
    int32_t status;
  } rows[] = {
      {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_NOT_FOUND, 404},
      {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_FAILED, 500},
      {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_NOT_IMPLEMENTED, 501},
      {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_OK, 500},
      {INVSRC_EFFECT_FIND, 99, 500},
      {INVSRC_EFFECT_NOW, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_RANDOM, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_NO_OAUTH, 400},
      {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_REFUSED, 400},
      {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_NOT_IMPLEMENTED, 501},
      {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_FAILED, 500},
      {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_OK, 500}, /* without a URL */
      {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_REFUSED, 500},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_CONFLICT, 409},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_NOT_FOUND, 404},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_FAILED, 500},
  };
  char first[64];
  const char *id;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  life_assert_event("source.created");
  snprintf(first, sizeof first, "%s", now_asked.state);
  id = agent_id();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_testkit_reset(now_living.kit);
    invsrc_testkit_fail(now_living.kit, rows[i].effect, 1, rows[i].outcome);
    if (authorize(id, "", "\"error\":{") != rows[i].status) fail_msg("row %zu", i);
    invsrc_testkit_reset(now_living.kit);
    assert_int_equal(consent_kept(), 1);
    assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 1);
    life_assert_event(NULL);
  }
  snprintf(now_asked.state, sizeof now_asked.state, "%s", first);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  assert_string_equal(now_asked.private_state, "verifier 1");
}

static void of_two_that_race_one_wins(void **state) {
  invsrc_call *late = NULL;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  assert_int_equal(invsrc_call_new_authorize(now_living.service, ACME, agent_id(),
                                             strlen(agent_id()), NULL, 0, &late),
                   INVSRC_OK);
  go_to(late, INVSRC_WANT_UPDATE);
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(end_call(late, "has been changed meanwhile"), 409);
  assert_int_equal(consent_kept(), 1);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
}

static void the_agents_of_others_are_not_there(void **state) {
  invsrc_response *response = NULL;
  char id[64];

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  snprintf(id, sizeof id, "%s", agent_id());
  assert_int_equal(
      invsrc_authorize(now_living.service, "acm", 3, id, strlen(id), NULL, 0, &response, NULL),
      INVSRC_OK);
  assert_int_equal(life_status(response, "No such agent"), 404);
  assert_int_equal(
      invsrc_authorize(now_living.service, "acmf", 4, id, strlen(id), NULL, 0, &response, NULL),
      INVSRC_OK);
  assert_int_equal(life_status(response, "No such agent"), 404);
  assert_int_equal(
      invsrc_authorize(now_living.service, ACME, id, strlen(id) - 1, NULL, 0, &response, NULL),
      INVSRC_OK);
  assert_int_equal(life_status(response, "No such agent"), 404);
  assert_int_equal(now_asked.starts, 1);
}

static void a_reason_is_told(void **state) {
  static const struct {
    int32_t outcome;
    int32_t status;
    const char *told;
    const char *logged;
  } rows[] = {
      {INVSRC_OUTCOME_NO_OAUTH, 400, "\"message\":\"must not be OAUTH: the server takes nobody\"}]",
       ""},
      {INVSRC_OUTCOME_UNAVAILABLE, 503,
       "\"OAuth cannot be started now: the server takes nobody; nothing was stored\"",
       "oauth start: the server takes nobody"},
      {INVSRC_OUTCOME_FAILED, 500, "\"Something failed inside; nothing was stored\"",
       "oauth start: the server takes nobody"},
      {INVSRC_OUTCOME_NOT_IMPLEMENTED, 501, "\"This server cannot start OAuth\"",
       "oauth start: the server takes nobody"},
      {99, 500, "\"Something failed inside; nothing was stored\"",
       "oauth start: returned what is not legal"},
      {INVSRC_OUTCOME_REFUSED, 400, "\"redirectUri is not one of this server's redirect URIs\"",
       "oauth start: returned what is not legal"},
  };

  (void)state;
  now_asked.reason = "the server takes nobody";
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_response *response = NULL;
    now_asked.start = rows[i].outcome;
    assert_int_equal(invsrc_create(now_living.service, ACME, CREATE_OAUTH, strlen(CREATE_OAUTH),
                                   &response, NULL),
                     INVSRC_OK);
    assert_int_equal(life_status(response, rows[i].told), rows[i].status);
    assert_string_equal(invsrc_testkit_last_log(now_living.kit), rows[i].logged);
    assert_int_equal(consent_kept(), 0);
    assert_int_equal(life_remove(), 404);
  }
}

/* The body of an authorize has no authenticationType; and whose redirect URI is refused is told
 * nothing about the agent. */
static void an_authorize_is_told_what_concerns_it(void **state) {
  static const struct {
    int32_t outcome;
    int32_t status;
    const char *reason;
    const char *told;
  } rows[] = {
      {INVSRC_OUTCOME_NO_OAUTH, 400, NULL,
       "{\"code\":\"VALIDATION_ERROR\",\"message\":\"The agent's OAuth cannot be used: it offers "
       "none\"}"},
      {INVSRC_OUTCOME_NO_OAUTH, 400, "the server takes nobody",
       "{\"code\":\"VALIDATION_ERROR\",\"message\":\"The agent's OAuth cannot be used: the server "
       "takes nobody\"}"},
      {INVSRC_OUTCOME_REFUSED, 400, NULL, "\"field\":\"redirectUri\""},
      {INVSRC_OUTCOME_REFUSED, 400, "the redirect URI is unknown", "\"field\":\"redirectUri\""},
      {INVSRC_OUTCOME_UNAVAILABLE, 503, NULL,
       "\"The OAuth server cannot be reached now; nothing was stored\""},
      {INVSRC_OUTCOME_UNAVAILABLE, 503, "it is asleep",
       "\"OAuth cannot be started now: it is asleep; nothing was stored\""},
  };
  const char *id;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  id = agent_id();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    static const char body[] = "{\"redirectUri\":\"https://shop.example/back\"}";
    invsrc_response *response = NULL;
    now_asked.start = rows[i].outcome;
    now_asked.reason = rows[i].reason;
    assert_int_equal(invsrc_authorize(now_living.service, ACME, id, strlen(id), body, strlen(body),
                                      &response, NULL),
                     INVSRC_OK);
    assert_null(strstr(invsrc_response_body(response, NULL), "must not be OAUTH"));
    assert_null(strstr(invsrc_response_body(response, NULL), "authenticationType"));
    if (life_status(response, rows[i].told) != rows[i].status) fail_msg("row %zu", i);
  }
}

static void a_text_that_is_no_reason_is_not_told(void **state) {
  static char longest[300];
  const char *const texts[] = {"", "two\nlines", "\xff", longest};

  (void)state;
  memset(longest, 'a', 256);
  now_asked.start = INVSRC_OUTCOME_NO_OAUTH;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    invsrc_response *response = NULL;
    now_asked.reason = texts[i];
    assert_int_equal(invsrc_create(now_living.service, ACME, CREATE_OAUTH, strlen(CREATE_OAUTH),
                                   &response, NULL),
                     INVSRC_OK);
    assert_int_equal(life_status(response, "must not be OAUTH: the agent offers no OAuth"), 400);
  }
  longest[255] = '\0';
  now_asked.reason = longest;
  {
    invsrc_response *response = NULL;
    assert_int_equal(invsrc_create(now_living.service, ACME, CREATE_OAUTH, strlen(CREATE_OAUTH),
                                   &response, NULL),
                     INVSRC_OK);
    assert_int_equal(life_status(response, longest), 400);
  }
}

/* ---- Where the agent changes --------------------------------------------------- */

static void another_agent_needs_another_consent(void **state) {
  static const char *const changes[] = {"{\"endpointUrl\":\"" OTHER_AGENT "\"}",
                                        "{\"oauthAudience\":\"urn:a\"}"};

  (void)state;
  for (size_t i = 0; i < 2; i++) {
    create_connected();
    now_asked.revokes = 0;
    assert_int_equal(life_update(changes[i], "\"oauth\":{\"authorizationUrl\":"), 200);
    assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 0);
    assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), 0);
    assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), 0);
    assert_int_equal(now_asked.is_again, 0);
    assert_int_equal(now_asked.revokes, 1);
    assert_string_equal(now_asked.revoked, TOKENS);
    assert_int_equal(consent_kept(), 1);
    assert_int_equal(life_update("{\"status\":\"ACTIVE\"}", "awaits the consent"), 400);
    assert_int_equal(consent_status(GOOD, "Connected"), 200);
    assert_int_equal(life_remove(), 204);
    assert_int_equal(consent_kept(), 0);
  }
}

/* What is under way is over with the agent that it was for. */
static void a_change_of_the_agent_ends_the_consent_under_way(void **state) {
  char query[128];

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  snprintf(query, sizeof query, "state=%s" GOOD, now_asked.state);
  assert_int_equal(life_update("{\"endpointUrl\":\"" OTHER_AGENT "\"}", NULL), 200);
  assert_int_equal(life_status(ask_callback(query), "no longer good"), 400);
  snprintf(query, sizeof query, "state=%s" GOOD, now_asked.state);
  assert_int_equal(
      life_update("{\"authenticationType\":\"API_KEY\",\"auth\":" TOKEN("new") "}", NULL), 200);
  assert_int_equal(life_status(ask_callback(query), "no longer good"), 400);
  assert_int_equal(now_asked.finishes, 0);
  assert_int_equal(consent_kept(), 1);
  assert_int_equal(ask_authorize("", "authenticationType is not OAUTH"), 400);
}

static void what_does_not_concern_the_consent_leaves_it(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  assert_int_equal(
      life_update("{\"name\":\"New\",\"description\":\"d\",\"protocol\":\"A2A\"}", "\"oauth\":{"),
      200);
  assert_int_equal(now_asked.starts, 1);
  assert_int_equal(consent_status(GOOD, "<strong>New</strong>"), 200);
  assert_int_equal(life_update("{\"name\":\"Newer\"}", "\"authConfigured\":true"), 200);
  assert_int_equal(now_asked.revokes, 0);
  assert_int_equal(consent_kept(), 1);
}

static void tokens_that_cannot_be_revoked_are_forgotten_all_the_same(void **state) {
  static const struct {
    int32_t effect;
    int32_t outcome;
    const char *logged;
    int revokes;
  } rows[] = {
      {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_REFUSED, "open: refused; is the key at hand?", 0},
      {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_UNAVAILABLE, "open: unavailable", 0},
      {INVSRC_EFFECT_OAUTH_REVOKE, INVSRC_OUTCOME_UNAVAILABLE, "oauth revoke: unavailable", 0},
      {INVSRC_EFFECT_OAUTH_REVOKE, INVSRC_OUTCOME_NOT_IMPLEMENTED, "oauth revoke: not implemented",
       0},
      {INVSRC_EFFECT_OAUTH_REVOKE, INVSRC_OUTCOME_FAILED, "oauth revoke: failed for good", 0},
      {INVSRC_EFFECT_OAUTH_REVOKE, 99, "oauth revoke: returned what is not legal", 0},
      {INVSRC_EFFECT_INSERT, 99, "", 1},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    create_connected();
    now_asked.revokes = 0;
    invsrc_testkit_reset(now_living.kit);
    invsrc_testkit_fail(now_living.kit, rows[i].effect, 1, rows[i].outcome);
    assert_int_equal(life_remove(), 204);
    invsrc_testkit_reset(now_living.kit);
    if (*rows[i].logged)
      assert_string_equal(invsrc_testkit_last_log(now_living.kit), rows[i].logged);
    assert_int_equal(now_asked.revokes, rows[i].revokes);
    assert_int_equal(consent_kept(), 0);
  }
}

static void a_reason_of_a_revocation_is_logged(void **state) {
  (void)state;
  create_connected();
  now_asked.revoke = INVSRC_OUTCOME_UNAVAILABLE;
  now_asked.reason = "the revocation endpoint is busy";
  assert_int_equal(life_remove(), 204);
  assert_string_equal(invsrc_testkit_last_log(now_living.kit),
                      "oauth revoke: the revocation endpoint is busy");
}

/* Only tokens are revoked. */
static void what_is_no_token_is_not_revoked(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  assert_int_equal(life_remove(), 204);
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(life_update("{\"auth\":" TOKEN("new") "}", NULL), 200);
  assert_int_equal(life_remove(), 204);
  assert_int_equal(now_asked.revokes, 0);
  assert_int_equal(consent_kept(), 0);
}

/* ---- Step by step -------------------------------------------------------------- */

static void what_an_authorize_wants(void **state) {
  invsrc_call *call = NULL;
  uint64_t length;
  static const char body[] = "{\"redirectUri\":\"https://shop.example/back\"}";

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  invsrc_testkit_set_time(now_living.kit, START + 10 * MINUTE);
  assert_int_equal(invsrc_call_new_authorize(now_living.service, ACME, agent_id(),
                                             strlen(agent_id()), body, strlen(body), &call),
                   INVSRC_OK);
  go_to(call, INVSRC_WANT_FIND);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_FIELD), INVSRC_SOURCE_AGENT_ID);
  assert_string_equal(invsrc_call_input(call, INVSRC_INPUT_VALUE, NULL), agent_id());
  assert_int_equal(invsrc_call_answer_get(call, INVSRC_OUTCOME_OK, NULL, NULL, 0), INVSRC_EINVAL);
  go_to(call, INVSRC_WANT_OAUTH_START);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_AGAIN), 1);
  assert_non_null(invsrc_call_input(call, INVSRC_INPUT_STATE, &length));
  assert_int_equal(length, 43);
  assert_string_equal(invsrc_call_input(call, INVSRC_INPUT_REDIRECT_URI, NULL),
                      "https://shop.example/back");
  assert_non_null(invsrc_call_source(call));
  assert_int_equal(
      invsrc_call_answer_oauth_start(call, INVSRC_OUTCOME_NO_OAUTH, NULL, 0, NULL, 0, NULL, 1),
      INVSRC_EINVAL);
  assert_int_equal(invsrc_call_answer_oauth_start(call, INVSRC_OUTCOME_OK, "https://a.example/", 18,
                                                  "p", 1, "not told", 8),
                   INVSRC_OK);
  go_to(call, INVSRC_WANT_SEAL);
  assert_string_equal(invsrc_call_input(call, INVSRC_INPUT_PLAINTEXT, NULL),
                      "https://a.example/\np");
  assert_string_equal(invsrc_call_binding(call)->purpose, INVSRC_PURPOSE_OAUTH_STATE);
  go_to(call, INVSRC_WANT_UPDATE);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_PARTS), INVSRC_PART_RECORD);
  assert_null(invsrc_call_input(call, INVSRC_INPUT_SEALED, NULL));
  assert_non_null(
      invsrc_source_text(invsrc_call_source(call), INVSRC_SOURCE_OAUTH_PRIVATE_STATE, NULL));
  assert_int_equal(end_call(call, "{\"authorizationUrl\":\"https://a.example/\",\"agentId\":"),
                   200);
}

static void an_authorization_url_has_8192_bytes_at_most(void **state) {
  char url[8194] = "https://login.example/";

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  memset(url + strlen(url), 'a', sizeof url - 1 - strlen(url));
  for (uint64_t length = 8193; length >= 8192; length--) {
    invsrc_call *call = NULL;
    assert_int_equal(invsrc_call_new_authorize(now_living.service, ACME, agent_id(),
                                               strlen(agent_id()), NULL, 0, &call),
                     INVSRC_OK);
    go_to(call, INVSRC_WANT_OAUTH_START);
    assert_int_equal(
        invsrc_call_answer_oauth_start(call, INVSRC_OUTCOME_OK, url, length, "p", 1, NULL, 0),
        INVSRC_OK);
    assert_int_equal(end_call(call, NULL), length > 8192 ? 500 : 200);
  }
}

static void wrong_arguments(void **state) {
  invsrc_service *service = now_living.service;
  invsrc_response *response = NULL;
  invsrc_call *call = NULL;

  (void)state;
  assert_int_equal(invsrc_authorize(NULL, ACME, "a", 1, NULL, 0, &response, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_authorize(service, NULL, 1, "a", 1, NULL, 0, &response, NULL),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_authorize(service, "", 0, "a", 1, NULL, 0, &response, NULL),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_authorize(service, ACME, NULL, 1, NULL, 0, &response, NULL),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_authorize(service, ACME, "", 0, NULL, 0, &response, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_authorize(service, ACME, "a", 1, NULL, 1, &response, NULL),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_authorize(service, ACME, "a", 1, NULL, 0, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_new_authorize(service, ACME, "a", 1, NULL, 0, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_new_authorize(service, ACME, NULL, 0, NULL, 0, &call),
                   INVSRC_EINVAL);
  assert_null(response);
  assert_null(call);
}

/* And whoever has no key is not told so. */
static void a_host_without_oauth_starts_none(void **state) {
  invsrc_store_vtable store;
  char target[128];

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  snprintf(target, sizeof target, "/api/v2/storefront/agents/%s/oauth/authorize", agent_id());
  take_find_away(&store);
  assert_int_equal(ask_http("POST", target, NULL, "UNAUTHORIZED"), 401);
  assert_int_equal(ask_http("POST", target, "wrong", "UNAUTHORIZED"), 401);
  assert_int_equal(ask_http("POST", target, "key", "\"This server cannot start OAuth\""), 501);
  assert_int_equal(authorize(agent_id(), "", "NOT_IMPLEMENTED"), 501);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, consent_begin, life_end)

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(a_consent_begins_anew),
      TEST(it_is_again_where_nobody_came_back_in_time),
      TEST(a_source_that_has_tokens_keeps_them),
      TEST(what_fails_leaves_the_consent_that_is_under_way),
      TEST(of_two_that_race_one_wins),
      TEST(the_agents_of_others_are_not_there),
      TEST(a_reason_is_told),
      TEST(an_authorize_is_told_what_concerns_it),
      TEST(a_text_that_is_no_reason_is_not_told),
      TEST(another_agent_needs_another_consent),
      TEST(a_change_of_the_agent_ends_the_consent_under_way),
      TEST(what_does_not_concern_the_consent_leaves_it),
      TEST(tokens_that_cannot_be_revoked_are_forgotten_all_the_same),
      TEST(a_reason_of_a_revocation_is_logged),
      TEST(what_is_no_token_is_not_revoked),
      TEST(what_an_authorize_wants),
      TEST(an_authorization_url_has_8192_bytes_at_most),
      TEST(wrong_arguments),
      TEST(a_host_without_oauth_starts_none),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
