/*
 * The end of a consent: what it makes of the source, how often its state is good, what the
 * operator is shown, and those who come between. The pages' bytes are the conformance
 * vectors' matter.
 */
#include "consent.h"

static void assert_awaits_consent(void) {
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 0);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), 0);
  assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), 0);
}

static void assert_no_consent(void) {
  life_assert_text(INVSRC_SOURCE_OAUTH_STATE, "");
  life_assert_text(INVSRC_SOURCE_OAUTH_PRIVATE_STATE, "");
  life_assert_text(INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, "");
  assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_EXPIRES_AT), 0);
}

/* ---- A consent that is given --------------------------------------------------- */

static void a_consent_connects_the_source(void **state) {
  invsrc_response *response;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  assert_int_equal(strlen(now_asked.state), 43);
  assert_int_equal(now_asked.is_again, 0);
  assert_string_equal(now_asked.redirect_uri, "(none)");
  assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_EXPIRES_AT), START + 600 * SECOND);
  assert_awaits_consent();
  assert_int_equal(consent_kept(), 1);
  invsrc_testkit_set_time(now_living.kit, START + MINUTE);
  response = come_back(GOOD "&iss=https%3A%2F%2Flogin.example");
  assert_int_equal(
      invsrc_source_number(invsrc_response_source(response), INVSRC_SOURCE_AUTH_CONFIGURED), 1);
  assert_int_equal(life_status(response, "<strong>Agent</strong>"), 200);
  assert_string_equal(now_asked.private_state, "verifier 1");
  assert_string_equal(now_asked.code, CODE);
  assert_string_equal(now_asked.issuer, "https://login.example");
  assert_string_equal(now_asked.error, "(none)");
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
  life_assert_text(INVSRC_SOURCE_STATUS, "PENDING");
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), START + MINUTE);
  assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), REFRESH_AT);
  assert_int_equal(life_number(INVSRC_SOURCE_UPDATED_AT), START + MINUTE);
  assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 3);
  assert_no_consent();
  assert_int_equal(consent_kept(), 1);
  life_assert_event("source.authorized");
}

/* Neither the state nor the code is in what is kept of the source. */
static void the_state_is_kept_as_its_digest(void **state) {
  char raw[64];

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  snprintf(raw, sizeof raw, "%s", now_asked.state);
  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END; i++) {
    invsrc_response *response = life_read();
    const char *text = invsrc_source_text(invsrc_response_source(response), i, NULL);
    if (i != INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL && text) assert_null(strstr(text, raw));
    invsrc_response_free(response);
  }
}

static void a_state_is_good_once(void **state) {
  (void)state;
  create_connected();
  assert_int_equal(consent_status(GOOD, "no longer good"), 400);
  assert_int_equal(consent_status("&error=access_denied", "no longer good"), 400);
  assert_int_equal(now_asked.finishes, 1);
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
  life_assert_event(NULL);
}

static void a_state_is_good_for_ten_minutes(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  invsrc_testkit_set_time(now_living.kit, START + 600 * SECOND);
  assert_int_equal(consent_status(GOOD, "no longer good"), 400);
  assert_int_equal(now_asked.finishes, 0);
  invsrc_testkit_set_time(now_living.kit, START + 600 * SECOND - 1);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
}

/* Its agent is left alone; only the tokens are kept fresh. */
static void a_disabled_source_is_not_checked(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  assert_int_equal(life_update("{\"status\":\"DISABLED\"}", NULL), 200);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  life_assert_text(INVSRC_SOURCE_STATUS, "DISABLED");
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), REFRESH_AT);
  /* And not at all where they last. */
  now_asked.refresh_at = 0;
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), 0);
}

static void another_consent_takes_the_place_of_the_tokens(void **state) {
  (void)state;
  create_connected();
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
  assert_int_equal(consent_kept(), 2); /* the tokens, and the private state */
  now_asked.tokens = "{\"type\":\"oauth\",\"access_token\":\"another\"}";
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  assert_string_equal(now_asked.private_state, "verifier 2");
  assert_int_equal(consent_kept(), 1);
  /* They may be one grant: to revoke the old would be to revoke the new. */
  assert_int_equal(now_asked.revokes, 0);
  life_assert_event("source.authorized");
}

/* ---- What is no good query ----------------------------------------------------- */

static void a_query_must_be_whole(void **state) {
  static const char *const queries[] = {
      "",
      "code=" CODE,
      "state=",
      "state",
      "state=&code=" CODE,
      "state=%s",
      "state=%s&code=",
      "state=%s&error=",
      "state=%s&error_description=x",
      "state=%s&state=%s&code=" CODE,
      "state=%s&code=" CODE "&state",
      "state=%s&code=a&code=b",
      "state=%s&code=a&error=b&error=c",
      "state=%s&code=a&iss=b&iss=b",
      "state=%%4&code=" CODE,
      "state=%s&code=%%zz",
      "state=%s&code=%%4",
      "state=%s&code=%%",
      "state=%s&code=a&iss=%%g0",
      "state=%s&code=a&error=%%0g",
      "state=%s&code=%%ff",
      "state=%s&code=%%00",
      "state=%s&code=a%%0ab",
      "state=%s%%00&code=" CODE,
      "state=%s&code=a&iss=%%c3",
      "STATE=%s&code=" CODE,
      "xstate=%s&code=" CODE,
      "statex=%s&code=" CODE,
  };

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
    char query[512];
    snprintf(query, sizeof query, queries[i], now_asked.state, now_asked.state);
    assert_int_equal(life_status(ask_callback(query), "not complete"), 400);
  }
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_FIND), 0);
  assert_int_equal(consent_status("&&x=y&&"
                                  "code=" CODE "&",
                                  "Connected"),
                   200);
}

static void a_state_that_nobody_drew_is_no_longer_good(void **state) {
  static const char *const queries[] = {
      "state=x&code=" CODE,
      "state=%s.&code=" CODE,
      "state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&code=" CODE,
  };

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
    char query[512];
    invsrc_response *response;
    snprintf(query, sizeof query, queries[i], now_asked.state);
    response = ask_callback(query);
    assert_null(strstr(invsrc_response_body(response, NULL), "Agent"));
    assert_int_equal(life_status(response, "no longer good"), 400);
  }
  /* The digest, which is stored, is no state. */
  {
    invsrc_response *read = life_read();
    char query[512];
    snprintf(query, sizeof query, "state=%s&code=" CODE,
             invsrc_source_text(invsrc_response_source(read), INVSRC_SOURCE_OAUTH_STATE, NULL));
    invsrc_response_free(read);
    assert_int_equal(life_status(ask_callback(query), "no longer good"), 400);
  }
  assert_int_equal(now_asked.finishes, 0);
}

static void what_is_escaped_is_understood(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  assert_int_equal(consent_status("&code=a%2Fb+c%2b%C3%A9=d", "Connected"), 200);
  assert_string_equal(now_asked.code, "a/b c+\xc3\xa9=d");
}

/* ---- Consents that are not given ----------------------------------------------- */

static void a_refusal_is_told_in_the_server_s_words(void **state) {
  (void)state;
  now_asked.finish = INVSRC_OUTCOME_REFUSED;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  assert_int_equal(
      consent_status("&error=access_denied&error_description=No%2C+%3Cscript%3Ex()%3C/script%3E%26"
                     "%22%27",
                     "<dd>access_denied</dd><dt>In its words</dt><dd>No, "
                     "&lt;script&gt;x()&lt;/script&gt;&amp;&quot;&#39;</dd>"),
      400);
  assert_string_equal(now_asked.error, "access_denied");
  assert_string_equal(now_asked.code, "(none)");
  assert_string_equal(invsrc_testkit_last_log(now_living.kit), "oauth finish: refused");
  assert_awaits_consent();
  assert_no_consent();
  assert_int_equal(consent_kept(), 0);
  life_assert_event("source.created");
  /* A new one may be begun. */
  now_asked.finish = 0;
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(now_asked.is_again, 0);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
}

static void a_description_that_cannot_be_shown_is_left_out(void **state) {
  static const char *const rest[] = {"&error_description=a&error_description=b",
                                     "&error_description=%zz",
                                     "&error_description=%ff",
                                     "&error_description=a%0ab",
                                     "&error_description=",
                                     "&error_description"};

  (void)state;
  now_asked.finish = INVSRC_OUTCOME_REFUSED;
  now_asked.reason = "the operator said no";
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
    char more[128];
    invsrc_response *response;
    snprintf(more, sizeof more, "&error=access_denied%s", rest[i]);
    response = come_back(more);
    assert_null(strstr(invsrc_response_body(response, NULL), "In its words"));
    assert_int_equal(life_status(response,
                                 "<dt>Reason</dt><dd>the operator said no</dd><dt>The "
                                 "authorization server said</dt><dd>access_denied</dd></dl>"),
                     400);
    assert_int_equal(ask_authorize("", NULL), 200);
  }
}

static void of_a_stranger_nothing_is_shown(void **state) {
  invsrc_response *response;

  (void)state;
  now_asked.finish = INVSRC_OUTCOME_UNKNOWN;
  now_asked.reason = "the answer is not from the authorization server that was asked";
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  response = come_back(
      "&error=stranger_error&error_description=stranger+words&iss=https://stranger.example");
  assert_null(strstr(invsrc_response_body(response, NULL), "stranger"));
  assert_int_equal(life_status(response, now_asked.reason), 400);
  assert_awaits_consent();
  assert_int_equal(consent_kept(), 0);
}

/* ---- Where the browser goes ---------------------------------------------------- */

static void set_done_url(const char *url) {
  assert_int_equal(invsrc_options_set_oauth_done_url(now_living.options, url), INVSRC_OK);
  life_renew_service();
}

static void assert_redirect(invsrc_response *response, const char *location) {
  assert_string_equal(header_named(response, "Location"), location);
  assert_string_equal(header_named(response, "Referrer-Policy"), "no-referrer");
  assert_string_equal(header_named(response, "X-Content-Type-Options"), "nosniff");
  assert_string_equal(header_named(response, "Cache-Control"), "no-store");
  assert_string_equal(header_named(response, "Content-Type"), "(absent)");
  assert_string_equal(header_named(response, "Retry-After"), "(absent)");
  assert_string_equal(invsrc_response_body(response, NULL), "");
  assert_int_equal(life_status(response, NULL), 303);
}

static void the_host_may_have_a_page_of_its_own(void **state) {
  (void)state;
  set_done_url("https://shop.example/done");
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  assert_redirect(ask_callback("x"), "https://shop.example/done?status=failed");
  assert_redirect(ask_callback("state=x&code=y"), "https://shop.example/done?status=expired");
  assert_redirect(come_back(GOOD), "https://shop.example/done?status=connected&sourceId=agent");
  set_done_url("https://shop.example/done?a=b");
  now_asked.finish = INVSRC_OUTCOME_REFUSED;
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_redirect(come_back("&error=e"),
                  "https://shop.example/done?a=b&status=refused&sourceId=agent");
  now_asked.finish = INVSRC_OUTCOME_UNAVAILABLE;
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_redirect(come_back(GOOD), "https://shop.example/done?a=b&status=failed&sourceId=agent");
}

static void a_source_id_is_escaped_in_an_address(void **state) {
  invsrc_response *response = NULL;
  static const char body[] = OF_KIND("OAUTH", ",\"sourceId\":\"a&b=c #d/\xc3\xa9\"");

  (void)state;
  set_done_url("https://shop.example/done");
  assert_int_equal(invsrc_create(now_living.service, ACME, body, strlen(body), &response, NULL),
                   INVSRC_OK);
  assert_int_equal(life_status(response, NULL), 201);
  assert_redirect(come_back(GOOD),
                  "https://shop.example/done?status=connected&sourceId=a%26b%3Dc%20%23d%2F%C3%A9");
}

static void a_page_may_do_nothing(void **state) {
  invsrc_response *response;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  response = come_back(GOOD);
  assert_string_equal(header_named(response, "Content-Type"), "text/html; charset=utf-8");
  assert_string_equal(header_named(response, "Cache-Control"), "no-store");
  assert_string_equal(header_named(response, "Referrer-Policy"), "no-referrer");
  assert_string_equal(header_named(response, "X-Content-Type-Options"), "nosniff");
  assert_non_null(strstr(header_named(response, "Content-Security-Policy"), "default-src 'none'"));
  assert_int_equal(life_status(response, NULL), 200);
}

/* ---- Those who come between ---------------------------------------------------- */

static invsrc_call *begin_callback(void) {
  invsrc_call *call = NULL;
  char query[256];

  snprintf(query, sizeof query, "state=%s" GOOD, now_asked.state);
  assert_int_equal(invsrc_call_new_callback(now_living.service, query, strlen(query), &call),
                   INVSRC_OK);
  return call;
}

static void a_source_that_was_changed_is_found_again(void **state) {
  invsrc_call *call;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  call = begin_callback();
  go_to(call, INVSRC_WANT_UPDATE);
  assert_int_equal(life_update("{\"name\":\"Renamed\"}", NULL), 200);
  assert_int_equal(end_call(call, "<strong>Renamed</strong>"), 200);
  life_assert_text(INVSRC_SOURCE_NAME, "Renamed");
  assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 4);
  assert_int_equal(now_asked.finishes, 1);
  assert_int_equal(consent_kept(), 1);
}

static void of_two_that_come_at_once_one_is_served(void **state) {
  invsrc_call *call;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  call = begin_callback();
  go_to(call, INVSRC_WANT_UPDATE);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  assert_int_equal(end_call(call, "no longer good"), 400);
  assert_int_equal(now_asked.finishes, 1);
  assert_int_equal(consent_kept(), 1);
}

static void a_consent_that_was_begun_anew_is_over(void **state) {
  invsrc_call *call;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  call = begin_callback();
  go_to(call, INVSRC_WANT_UPDATE);
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(end_call(call, "no longer good"), 400);
  assert_int_equal(now_asked.finishes, 0);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  assert_int_equal(consent_kept(), 1);
}

static void a_source_that_was_removed_is_not_connected(void **state) {
  invsrc_call *call;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  call = begin_callback();
  go_to(call, INVSRC_WANT_UPDATE);
  assert_int_equal(life_remove(), 204);
  assert_int_equal(end_call(call, "no longer good"), 400);
  assert_int_equal(now_asked.finishes, 0);
  assert_int_equal(consent_kept(), 0);
}

static void a_source_that_never_rests_is_given_up(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_UPDATE, 0, INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(consent_status(GOOD, "Something was not available"), 503);
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_UPDATE), 8);
  assert_int_equal(now_asked.finishes, 0);
  assert_int_equal(consent_kept(), 1);
  invsrc_testkit_reset(now_living.kit);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
}

static void rename_it(void) {
  assert_int_equal(life_update("{\"name\":\"Renamed\"}", NULL), 200);
}

static void move_it(void) {
  assert_int_equal(life_update("{\"endpointUrl\":\"" OTHER_AGENT "\"}", NULL), 200);
}

static void give_it_an_audience(void) {
  assert_int_equal(life_update("{\"oauthAudience\":\"urn:a\"}", NULL), 200);
}

static void give_it_a_key(void) {
  assert_int_equal(
      life_update("{\"authenticationType\":\"API_KEY\",\"auth\":" TOKEN("new") "}", NULL), 200);
}

static void remove_it(void) {
  assert_int_equal(life_remove(), 204);
}

static void replace_it(void) {
  remove_it();
  assert_int_equal(life_create(CREATE_OAUTH), 201);
}

static void ask_for_it_anew(void) {
  assert_int_equal(ask_authorize("", NULL), 200);
}

static void disable_it(void) {
  assert_int_equal(life_update("{\"status\":\"DISABLED\"}", NULL), 200);
}

static void begin_with(void (*meanwhile)(void)) {
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  now_asked.meanwhile = meanwhile;
}

static void tokens_are_for_the_source_as_it_has_become(void **state) {
  (void)state;
  begin_with(rename_it);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  life_assert_text(INVSRC_SOURCE_NAME, "Renamed");
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
  assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 4);
  assert_int_equal(consent_kept(), 1);
  assert_int_equal(now_asked.revokes, 0);
  life_assert_event("source.authorized");
}

static void a_source_disabled_meanwhile_stays_so(void **state) {
  (void)state;
  begin_with(disable_it);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  life_assert_text(INVSRC_SOURCE_STATUS, "DISABLED");
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), REFRESH_AT);
}

/* What it comes to is not known before the tokens are: they are nobody's by then. */
static void tokens_are_not_for_what_the_source_has_become(void **state) {
  static void (*const changes[])(void) = {move_it, give_it_an_audience, give_it_a_key, replace_it};

  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    char id[32];
    invsrc_response *read;
    now_asked.revokes = 0;
    begin_with(changes[i]);
    read = life_read();
    snprintf(id, sizeof id, "%s",
             invsrc_source_text(invsrc_response_source(read), INVSRC_SOURCE_ID, NULL));
    invsrc_response_free(read);
    assert_int_equal(consent_status(GOOD, "no longer good"), 400);
    assert_int_equal(now_asked.revokes, 1);
    assert_string_equal(now_asked.revoked, TOKENS);
    assert_string_equal(now_asked.revoked_of, id);
    assert_int_equal(consent_kept(), 1); /* a credential, or another private state */
    assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), changes[i] == give_it_a_key);
    assert_int_equal(life_remove(), 204);
    assert_int_equal(consent_kept(), 0);
  }
}

static void tokens_of_a_source_that_is_gone_are_made_void(void **state) {
  (void)state;
  begin_with(remove_it);
  now_asked.revoke = INVSRC_OUTCOME_UNAVAILABLE;
  assert_int_equal(consent_status(GOOD, "no longer good"), 400);
  assert_int_equal(now_asked.revokes, 1);
  assert_string_equal(now_asked.revoked, TOKENS);
  assert_int_equal(consent_kept(), 0);
  assert_string_equal(invsrc_testkit_last_log(now_living.kit), "oauth revoke: unavailable");
}

/* Who asked for the other consent may still give it. */
static void a_consent_begun_meanwhile_goes_on(void **state) {
  (void)state;
  begin_with(ask_for_it_anew);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
  life_assert_text(INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, "");
  assert_int_equal(consent_kept(), 2);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  assert_string_equal(now_asked.private_state, "verifier 2");
  assert_int_equal(consent_kept(), 1);
  assert_no_consent();
}

static void consent_to_it_anew(void) {
  ask_for_it_anew();
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
}

static void of_two_consents_the_last_tokens_stay(void **state) {
  (void)state;
  begin_with(consent_to_it_anew);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  assert_int_equal(now_asked.finishes, 2);
  assert_int_equal(consent_kept(), 1);
  assert_no_consent();
}

/* ---- What fails ---------------------------------------------------------------- */

static const struct fault {
  int32_t effect;
  uint64_t nth;
  int32_t outcome;
  int32_t status;
  int is_used;   /* the state is, by then */
  int is_issued; /* and tokens were */
} faults[] = {
    {INVSRC_EFFECT_FIND, 1, INVSRC_OUTCOME_UNAVAILABLE, 503, 0, 0},
    {INVSRC_EFFECT_FIND, 1, INVSRC_OUTCOME_FAILED, 500, 0, 0},
    {INVSRC_EFFECT_FIND, 1, INVSRC_OUTCOME_OK, 500, 0, 0},
    {INVSRC_EFFECT_FIND, 1, 99, 500, 0, 0},
    {INVSRC_EFFECT_NOW, 1, INVSRC_OUTCOME_UNAVAILABLE, 503, 0, 0},
    {INVSRC_EFFECT_OPEN, 1, INVSRC_OUTCOME_REFUSED, 500, 0, 0},
    {INVSRC_EFFECT_OPEN, 1, INVSRC_OUTCOME_UNAVAILABLE, 503, 0, 0},
    {INVSRC_EFFECT_UPDATE, 1, INVSRC_OUTCOME_UNAVAILABLE, 503, 0, 0},
    {INVSRC_EFFECT_UPDATE, 1, INVSRC_OUTCOME_FAILED, 500, 0, 0},
    {INVSRC_EFFECT_UPDATE, 1, INVSRC_OUTCOME_DUPLICATE, 500, 0, 0},
    {INVSRC_EFFECT_UPDATE, 1, INVSRC_OUTCOME_NOT_FOUND, 400, 0, 0},
    {INVSRC_EFFECT_OAUTH_FINISH, 1, INVSRC_OUTCOME_UNAVAILABLE, 503, 1, 0},
    {INVSRC_EFFECT_OAUTH_FINISH, 1, INVSRC_OUTCOME_FAILED, 500, 1, 0},
    {INVSRC_EFFECT_OAUTH_FINISH, 1, INVSRC_OUTCOME_OK, 500, 1, 0}, /* without tokens */
    {INVSRC_EFFECT_OAUTH_FINISH, 1, INVSRC_OUTCOME_REFUSED, 400, 1, 0},
    {INVSRC_EFFECT_OAUTH_FINISH, 1, INVSRC_OUTCOME_UNKNOWN, 400, 1, 0},
    {INVSRC_EFFECT_OAUTH_FINISH, 1, 99, 500, 1, 0},
    {INVSRC_EFFECT_RANDOM, 1, INVSRC_OUTCOME_UNAVAILABLE, 503, 1, 1},
    {INVSRC_EFFECT_SEAL, 1, INVSRC_OUTCOME_UNAVAILABLE, 503, 1, 1},
    {INVSRC_EFFECT_SEAL, 1, INVSRC_OUTCOME_REFUSED, 500, 1, 1},
    {INVSRC_EFFECT_UPDATE, 2, INVSRC_OUTCOME_UNAVAILABLE, 503, 1, 1},
    {INVSRC_EFFECT_UPDATE, 2, INVSRC_OUTCOME_FAILED, 500, 1, 1},
    {INVSRC_EFFECT_UPDATE, 2, INVSRC_OUTCOME_NOT_FOUND, 400, 1, 1},
};

/* Whatever fails, the source is whole; and no tokens are left that nobody has. */
static void what_fails_leaves_a_source_that_needs_consent(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    const struct fault *fault = &faults[i];
    invsrc_response *response;
    now_asked.revokes = 0;
    life_assert_event(i == 0 ? "source.created" : "source.updated");
    invsrc_testkit_reset(now_living.kit);
    invsrc_testkit_fail(now_living.kit, fault->effect, fault->nth, fault->outcome);
    response = come_back(GOOD);
    assert_string_equal(header_named(response, "Retry-After"),
                        fault->status == 503 ? "5" : "(absent)");
    if (life_status(response, "<!DOCTYPE html>") != fault->status) fail_msg("row %zu", i);
    invsrc_testkit_reset(now_living.kit);
    assert_awaits_consent();
    assert_int_equal(consent_kept(), !fault->is_used);
    assert_int_equal(now_asked.revokes, fault->is_issued);
    life_assert_event(NULL);
    assert_int_equal(ask_authorize("", NULL), 200);
    assert_int_equal(now_asked.is_again, 0); /* it has not run out */
  }
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
}

/* As the page says. */
static void a_page_is_loaded_again_where_the_link_is_not_used_up(void **state) {
  static const struct {
    int32_t effect;
    int32_t outcome;
    int32_t status;
    const char *advice;
  } rows[] = {
      {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_UNAVAILABLE, 503, "Wait a minute, and load this page"},
      {INVSRC_EFFECT_NOW, INVSRC_OUTCOME_UNAVAILABLE, 503, "Wait a minute, and load this page"},
      {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_UNAVAILABLE, 503, "Wait a minute, and load this page"},
      {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_FAILED, 500, "<p>Load this page again."},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_UNAVAILABLE, 503, "Wait a minute, and load this page"},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_FAILED, 500, "<p>Load this page again."},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_int_equal(life_create(CREATE_OAUTH), 201);
    invsrc_testkit_reset(now_living.kit);
    invsrc_testkit_fail(now_living.kit, rows[i].effect, 1, rows[i].outcome);
    if (consent_status(GOOD, rows[i].advice) != rows[i].status) fail_msg("row %zu", i);
    assert_int_equal(consent_status(GOOD, "Connected"), 200);
    assert_int_equal(life_remove(), 204);
  }
}

/* And one that has tokens keeps them. */
static void what_fails_leaves_the_tokens_that_there_are(void **state) {
  (void)state;
  create_connected();
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    assert_int_equal(ask_authorize("", NULL), 200);
    invsrc_testkit_reset(now_living.kit);
    invsrc_testkit_fail(now_living.kit, faults[i].effect, faults[i].nth, faults[i].outcome);
    assert_int_equal(consent_status(GOOD, NULL), faults[i].status);
    invsrc_testkit_reset(now_living.kit);
    assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
    assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), REFRESH_AT);
    assert_int_equal(consent_kept(), faults[i].is_used ? 1 : 2);
  }
}

/* After the tokens were issued the source is looked at again, and that fails. */
static void a_source_that_cannot_be_read_again_is_not_connected(void **state) {
  static const struct {
    int32_t outcome;
    int32_t status;
  } rows[] = {{INVSRC_OUTCOME_UNAVAILABLE, 503},
              {INVSRC_OUTCOME_FAILED, 500},
              {INVSRC_OUTCOME_OK, 500},
              {INVSRC_OUTCOME_NOT_FOUND, 400}};

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    now_asked.revokes = 0;
    invsrc_testkit_reset(now_living.kit);
    invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_UPDATE, 2, INVSRC_OUTCOME_CONFLICT);
    invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_GET, 1, rows[i].outcome);
    assert_int_equal(consent_status(GOOD, NULL), rows[i].status);
    invsrc_testkit_reset(now_living.kit);
    assert_int_equal(now_asked.revokes, 1);
    assert_int_equal(consent_kept(), 0);
    assert_awaits_consent();
    assert_int_equal(ask_authorize("", NULL), 200);
  }
}

/* The page tells of what failed, not of what was tried to clear up. */
static void a_revocation_that_fails_is_only_logged(void **state) {
  invsrc_response *response;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  now_asked.reason = "the server is away";
  now_asked.revoke = INVSRC_OUTCOME_UNAVAILABLE;
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_SEAL, 1, INVSRC_OUTCOME_REFUSED);
  response = come_back(GOOD);
  assert_null(strstr(invsrc_response_body(response, NULL), "Reason"));
  assert_int_equal(life_status(response, "Something failed"), 500);
  assert_string_equal(invsrc_testkit_last_log(now_living.kit), "oauth revoke: the server is away");
}

static void a_server_that_is_away_is_told_with_the_reason(void **state) {
  (void)state;
  now_asked.finish = INVSRC_OUTCOME_UNAVAILABLE;
  now_asked.reason = "the token endpoint cannot be reached";
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  assert_int_equal(consent_status(GOOD, "<dd>the token endpoint cannot be reached</dd>"), 503);
  assert_string_equal(invsrc_testkit_last_log(now_living.kit),
                      "oauth finish: the token endpoint cannot be reached");
}

static void a_refresh_must_be_at_a_time(void **state) {
  static const int64_t times[] = {-1, INVSRC_TIME_LIMIT + 1};

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  for (size_t i = 0; i < 2; i++) {
    now_asked.refresh_at = times[i];
    assert_int_equal(consent_status(GOOD, "Something failed"), 500);
    assert_awaits_consent();
    assert_int_equal(ask_authorize("", NULL), 200);
  }
}

static void without_an_oauth_provider_nothing_is_exchanged(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  invsrc_options_set_oauth(now_living.options, NULL, NULL);
  life_renew_service();
  assert_int_equal(consent_status(GOOD, "Something failed"), 500);
  assert_string_equal(invsrc_testkit_last_log(now_living.kit), "oauth finish: not implemented");
  assert_awaits_consent();
  assert_int_equal(consent_kept(), 0);
}

/* The digest is there, and what belongs to it is spoilt. */
static void a_private_state_that_is_none_is_not_opened(void **state) {
  static const char *const texts[] = {NULL, "a", "not base64!"};
  const invsrc_store_vtable *store = invsrc_memory_store();

  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    invsrc_buffer *replaced = invsrc_buffer_new();
    invsrc_source *source = invsrc_source_new();
    invsrc_response *read;
    assert_int_equal(life_create(CREATE_OAUTH), 201);
    read = life_read();
    invsrc_source_copy(source, invsrc_response_source(read));
    invsrc_source_set_text(source, INVSRC_SOURCE_OAUTH_PRIVATE_STATE, texts[i],
                           texts[i] ? strlen(texts[i]) : 0);
    assert_int_equal(
        store->update(now_living.memory, source, 1, 0, INVSRC_PART_RECORD, NULL, 0, NULL, replaced),
        INVSRC_OUTCOME_OK);
    assert_int_equal(consent_status(GOOD, "Something failed"), 500);
    assert_int_equal(now_asked.finishes, 0);
    assert_int_equal(life_remove(), 204); /* nothing is discarded that nobody sealed */
    assert_int_equal(now_living.discarded, 0);
    invsrc_response_free(read);
    invsrc_source_free(source);
    invsrc_buffer_free(replaced);
  }
}

/* ---- Step by step -------------------------------------------------------------- */

static void what_a_callback_wants(void **state) {
  invsrc_call *call;
  uint64_t length;

  (void)state;
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  call = begin_callback();
  go_to(call, INVSRC_WANT_FIND);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_FIELD), INVSRC_SOURCE_OAUTH_STATE);
  assert_non_null(invsrc_call_input(call, INVSRC_INPUT_VALUE, &length));
  assert_int_equal(length, 43);
  assert_int_equal(invsrc_call_answer(call, INVSRC_OUTCOME_OK), INVSRC_ESTATE);
  go_to(call, INVSRC_WANT_OPEN);
  assert_string_equal(invsrc_call_binding(call)->purpose, INVSRC_PURPOSE_OAUTH_STATE);
  go_to(call, INVSRC_WANT_UPDATE); /* the state is consumed first of all */
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_PARTS), INVSRC_PART_RECORD);
  assert_null(invsrc_call_input(call, INVSRC_INPUT_SEALED, NULL));
  assert_null(invsrc_call_event(call));
  assert_null(invsrc_source_text(invsrc_call_source(call), INVSRC_SOURCE_OAUTH_STATE, NULL));
  go_to(call, INVSRC_WANT_OAUTH_FINISH);
  assert_memory_equal(invsrc_call_input(call, INVSRC_INPUT_PLAINTEXT, &length), "verifier 1", 10);
  assert_string_equal(invsrc_call_input(call, INVSRC_INPUT_CODE, NULL), CODE);
  assert_null(invsrc_call_input(call, INVSRC_INPUT_ISSUER, NULL));
  assert_null(invsrc_call_input(call, INVSRC_INPUT_ERROR, NULL));
  assert_non_null(invsrc_call_source(call));
  assert_int_equal(invsrc_call_answer_tokens(call, INVSRC_OUTCOME_OK, NULL, 1, 0, NULL, 0),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_call_answer_tokens(call, INVSRC_OUTCOME_REFUSED, NULL, 0, 0, NULL, 1),
                   INVSRC_EINVAL);
  assert_int_equal(
      invsrc_call_answer_tokens(call, INVSRC_OUTCOME_OK, "t", 1, REFRESH_AT, "not told", 8),
      INVSRC_OK);
  go_to(call, INVSRC_WANT_SEAL);
  assert_string_equal(invsrc_call_binding(call)->purpose, INVSRC_PURPOSE_CREDENTIAL);
  go_to(call, INVSRC_WANT_UPDATE);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_PARTS),
                   INVSRC_PART_RECORD | INVSRC_PART_CHECK | INVSRC_PART_SEALED);
  assert_non_null(invsrc_call_input(call, INVSRC_INPUT_SEALED, NULL));
  assert_string_equal(invsrc_event_text(invsrc_call_event(call), INVSRC_EVENT_TYPE, NULL),
                      "source.authorized");
  assert_int_equal(invsrc_call_answer_sealed(call, INVSRC_OUTCOME_FAILED, NULL, 0), INVSRC_OK);
  go_to(call, INVSRC_WANT_OAUTH_REVOKE);
  assert_memory_equal(invsrc_call_input(call, INVSRC_INPUT_PLAINTEXT, &length), "t", 2);
  assert_non_null(invsrc_call_source(call));
  assert_int_equal(invsrc_call_answer(call, INVSRC_OUTCOME_NOT_IMPLEMENTED), INVSRC_OK);
  assert_int_equal(end_call(call, "Something failed"), 500);
}

/* A call that is freed early leaves what it has sealed to the host. */
static void a_callback_may_be_given_up_anywhere(void **state) {
  (void)state;
  for (int steps = 0, over = 0; !over; steps++) {
    invsrc_call *call;
    assert_int_equal(life_create(CREATE_OAUTH), 201);
    call = begin_callback();
    for (int i = 0; i < steps && !over; i++) {
      over = invsrc_call_step(call) == INVSRC_WANT_NONE;
      if (!over) assert_int_equal(invsrc_call_perform(call), INVSRC_OK);
    }
    invsrc_call_free(call);
    assert_int_equal(life_remove(), 204);
  }
}

static void wrong_arguments(void **state) {
  invsrc_response *response = NULL;
  invsrc_call *call = NULL;

  (void)state;
  assert_int_equal(invsrc_callback(NULL, "a", 1, &response, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_callback(now_living.service, NULL, 1, &response, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_callback(now_living.service, "a", 1, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_new_callback(NULL, "a", 1, &call), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_new_callback(now_living.service, NULL, 1, &call), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_new_callback(now_living.service, "a", 1, NULL), INVSRC_EINVAL);
  assert_null(response);
  assert_null(call);
  assert_int_equal(invsrc_callback(now_living.service, NULL, 0, &response, NULL), INVSRC_OK);
  assert_int_equal(life_status(response, "not complete"), 400);
}

static void a_service_needs_what_a_callback_does(void **state) {
  invsrc_response *response = NULL;
  invsrc_error *error = invsrc_error_new();

  (void)state;
  invsrc_options_set_store(now_living.options, NULL, NULL);
  life_renew_service();
  assert_int_equal(invsrc_callback(now_living.service, "a", 1, &response, error), INVSRC_ESTATE);
  assert_string_equal(invsrc_error_message(error), "no store is set");
  assert_null(response);
  invsrc_error_free(error);
}

static void a_host_without_oauth_has_no_such_route(void **state) {
  static const char route[] = "/api/v2/storefront/oauth/callback?code=x&state=y";
  invsrc_store_vtable store;

  (void)state;
  assert_int_equal(invsrc_options_set_oauth_done_url(now_living.options, "https://shop.example/"),
                   INVSRC_OK); /* nor does anybody go there */
  take_find_away(&store);
  assert_int_equal(ask_http("GET", route, NULL, "No such route"), 404);
  assert_int_equal(ask_http("GET", route, "key", "No such route"), 404);
  assert_int_equal(life_status(ask_callback("error=x&state=y"), "No such route"), 404);
}

static void a_service_with_oauth_needs_a_store_that_finds(void **state) {
  invsrc_store_vtable store = *invsrc_memory_store();
  invsrc_service *service = NULL;
  invsrc_error *error = invsrc_error_new();

  (void)state;
  store.find = NULL;
  invsrc_options_set_store(now_living.options, &store, now_living.memory);
  assert_int_equal(invsrc_service_new(now_living.options, &service, error), INVSRC_EINVAL);
  assert_string_equal(invsrc_error_message(error), "the store finds no source by its consent");
  assert_null(service);
  invsrc_error_free(error);
}

static void the_host_s_page_must_have_an_address(void **state) {
  static const char *const bad[] = {"",        "shop.example", "/done",
                                    "ftp://a", "https://",     "https://shop.example/done#here"};
  char longest[INVSRC_DONE_URL_LONGEST + 2] = "https://shop.example/";
  invsrc_options *options = now_living.options;

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(invsrc_options_set_oauth_done_url(options, bad[i]), INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_oauth_done_url(NULL, "https://shop.example/"), INVSRC_EINVAL);
  memset(longest + strlen(longest), 'a', INVSRC_DONE_URL_LONGEST + 1 - strlen(longest));
  assert_int_equal(invsrc_options_set_oauth_done_url(options, longest), INVSRC_EINVAL);
  longest[INVSRC_DONE_URL_LONGEST] = '\0';
  assert_int_equal(invsrc_options_set_oauth_done_url(options, longest), INVSRC_OK);
  assert_int_equal(invsrc_options_set_oauth_done_url(options, "http://127.0.0.1:8080/?a"),
                   INVSRC_OK);
  life_renew_service();
  /* Copied, and as it was set before what was refused. */
  assert_redirect(ask_callback("x"), "http://127.0.0.1:8080/?a&status=failed");
  assert_int_equal(invsrc_options_set_oauth_done_url(options, NULL), INVSRC_OK);
  life_renew_service();
  assert_int_equal(life_status(ask_callback("x"), "<!DOCTYPE html>"), 400);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, consent_begin, life_end)

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(a_consent_connects_the_source),
      TEST(the_state_is_kept_as_its_digest),
      TEST(a_state_is_good_once),
      TEST(a_state_is_good_for_ten_minutes),
      TEST(a_disabled_source_is_not_checked),
      TEST(another_consent_takes_the_place_of_the_tokens),
      TEST(a_query_must_be_whole),
      TEST(a_state_that_nobody_drew_is_no_longer_good),
      TEST(what_is_escaped_is_understood),
      TEST(a_refusal_is_told_in_the_server_s_words),
      TEST(a_description_that_cannot_be_shown_is_left_out),
      TEST(of_a_stranger_nothing_is_shown),
      TEST(the_host_may_have_a_page_of_its_own),
      TEST(a_source_id_is_escaped_in_an_address),
      TEST(a_page_may_do_nothing),
      TEST(a_source_that_was_changed_is_found_again),
      TEST(of_two_that_come_at_once_one_is_served),
      TEST(a_consent_that_was_begun_anew_is_over),
      TEST(a_source_that_was_removed_is_not_connected),
      TEST(a_source_that_never_rests_is_given_up),
      TEST(tokens_are_for_the_source_as_it_has_become),
      TEST(a_source_disabled_meanwhile_stays_so),
      TEST(tokens_are_not_for_what_the_source_has_become),
      TEST(tokens_of_a_source_that_is_gone_are_made_void),
      TEST(a_consent_begun_meanwhile_goes_on),
      TEST(of_two_consents_the_last_tokens_stay),
      TEST(what_fails_leaves_a_source_that_needs_consent),
      TEST(a_page_is_loaded_again_where_the_link_is_not_used_up),
      TEST(what_fails_leaves_the_tokens_that_there_are),
      TEST(a_source_that_cannot_be_read_again_is_not_connected),
      TEST(a_revocation_that_fails_is_only_logged),
      TEST(a_server_that_is_away_is_told_with_the_reason),
      TEST(a_refresh_must_be_at_a_time),
      TEST(without_an_oauth_provider_nothing_is_exchanged),
      TEST(a_private_state_that_is_none_is_not_opened),
      TEST(what_a_callback_wants),
      TEST(a_callback_may_be_given_up_anywhere),
      TEST(wrong_arguments),
      TEST(a_service_needs_what_a_callback_does),
      TEST(a_host_without_oauth_has_no_such_route),
      TEST(a_service_with_oauth_needs_a_store_that_finds),
      TEST(the_host_s_page_must_have_an_address),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
