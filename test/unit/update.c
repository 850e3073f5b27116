/*
 * Updates and removals: what they make of the record, of what was sealed, and of those who
 * come between. What a request is answered is the conformance vectors' matter.
 */
#include "life.h"

static invsrc_call *begin_update(const char *body) {
  invsrc_call *call = NULL;

  assert_int_equal(
      invsrc_call_new_update(now_living.service, ACME, "agent", 5, body, strlen(body), &call),
      INVSRC_OK);
  return call;
}

/* Goes on until the call wants `want`; 0: to its end. */
static void go_on(invsrc_call *call, int32_t until) {
  int32_t want;

  while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE && want != until)
    assert_int_equal(invsrc_call_perform(call), INVSRC_OK);
  assert_int_equal(want, until);
}

static int32_t end_update(invsrc_call *call) {
  invsrc_response *response = NULL;

  go_on(call, INVSRC_WANT_NONE);
  assert_int_equal(invsrc_call_take_response(call, &response), INVSRC_OK);
  invsrc_call_free(call);
  return life_status(response, NULL);
}

static void of_two_updates_that_race_one_wins(void **state) {
  invsrc_call *late;

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  late = begin_update("{\"name\":\"Late\"" WITH_TOKEN("late") "}");
  go_on(late, INVSRC_WANT_UPDATE);
  assert_int_equal(life_update("{\"name\":\"Early\"}", NULL), 200);
  assert_int_equal(end_update(late), 409);
  life_assert_text(INVSRC_SOURCE_NAME, "Early");
  assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 2);
  assert_int_equal(now_living.discarded, 1); /* what the loser had sealed */
}

static void a_removed_source_is_not_updated(void **state) {
  invsrc_call *late;

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  late = begin_update(
      "{"
      "\"auth\":" TOKEN("late") "}");
  go_on(late, INVSRC_WANT_UPDATE);
  assert_int_equal(life_remove(), 204);
  assert_int_equal(end_update(late), 404);
  assert_int_equal(now_living.discarded, 2); /* the removed and the late one */
}

/* The check comes between what a rotation reads and what it writes. */
static void check_during_rotation(int64_t time, int32_t outcome, const char *event) {
  invsrc_call *late = begin_update("{\"auth\":" TOKEN("late") "}");

  go_on(late, INVSRC_WANT_UPDATE);
  invsrc_testkit_set_time(now_living.kit, time);
  invsrc_testkit_script_agent(now_living.kit, AGENT, NULL, outcome, NULL);
  assert_int_equal(invsrc_activate_due(now_living.service, time, 9, NULL, NULL, NULL), INVSRC_OK);
  life_assert_event(event);
  assert_int_equal(end_update(late), 409);
  life_assert_event(NULL);
  assert_int_equal(life_number(INVSRC_SOURCE_UNREACHABLE), outcome != INVSRC_OUTCOME_OK);
  assert_int_equal(life_number(INVSRC_SOURCE_LAST_CHECKED_AT), time);
  assert_int_equal(life_number(INVSRC_SOURCE_UPDATED_AT), START);
}

/* Else the update would write back what it read, and one of the two would never be heard. */
static void an_update_loses_to_a_check_that_is_told(void **state) {
  (void)state;
  assert_int_equal(invsrc_options_set_recheck(now_living.options, 300), INVSRC_OK);
  life_renew_service();
  assert_int_equal(life_create(CREATE), 201);
  check_during_rotation(START, INVSRC_OUTCOME_OK, "source.activated");
  check_during_rotation(START + 300 * SECOND, INVSRC_OUTCOME_REFUSED, "source.unreachable");
  check_during_rotation(START + 600 * SECOND, INVSRC_OUTCOME_OK, "source.recovered");
  assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 4);
}

static void a_rotation_forgets_the_old_credential_after_the_new_is_stored(void **state) {
  invsrc_call *call;

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  call = begin_update("{\"auth\":" TOKEN("new") "}");
  go_on(call, INVSRC_WANT_UPDATE);
  assert_int_equal(now_living.discarded, 0);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_REVISION), 1);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_PARTS),
                   INVSRC_PART_RECORD | INVSRC_PART_CHECK | INVSRC_PART_SEALED);
  assert_int_equal(end_update(call), 200);
  assert_int_equal(now_living.discarded, 1);
  invsrc_testkit_script_agent(now_living.kit, AGENT, TOKEN("new"), INVSRC_OUTCOME_OK, NULL);
  assert_int_equal(life_update("{\"status\":\"ACTIVE\"}", "\"status\":\"ACTIVE\""), 200);
}

static void an_old_credential_that_cannot_be_forgotten_is_logged(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  now_living.discard_outcome = INVSRC_OUTCOME_UNAVAILABLE;
  assert_int_equal(life_update("{\"auth\":" TOKEN("new") "}", NULL), 200);
  assert_string_equal(invsrc_testkit_last_log(now_living.kit),
                      "discard: a sealed credential is left over");
  assert_int_equal(life_remove(), 204);
}

static void an_update_that_fails_keeps_the_old(void **state) {
  static const struct {
    int32_t effect;
    int32_t outcome;
    int32_t status;
  } rows[] = {
      {INVSRC_EFFECT_GET, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_LOOKUP, INVSRC_OUTCOME_NOT_REGISTERED, 400},
      {INVSRC_EFFECT_NOW, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_RANDOM, INVSRC_OUTCOME_FAILED, 500},
      {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_FAILED, 500},
      {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_REFUSED, 400},
      {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_UNREACHABLE, 400},
      {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_REFUSED, 500},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_FAILED, 500},
      {INVSRC_EFFECT_UPDATE, 77, 500},
  };

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_testkit_fail(now_living.kit, rows[i].effect, 1, rows[i].outcome);
    assert_int_equal(life_update("{\"status\":\"ACTIVE\",\"endpointUrl\":\"" OTHER_AGENT
                                 "\",\"auth\":" TOKEN("new") "}",
                                 NULL),
                     rows[i].status);
    invsrc_testkit_reset(now_living.kit);
    assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 1);
    life_assert_text(INVSRC_SOURCE_ENDPOINT_URL, AGENT);
    life_assert_text(INVSRC_SOURCE_STATUS, "PENDING");
  }
  /* The credential is the old one. */
  invsrc_testkit_script_agent(now_living.kit, AGENT, TOKEN("old"), INVSRC_OUTCOME_OK, NULL);
  assert_int_equal(life_update("{\"status\":\"ACTIVE\"}", NULL), 200);
}

static void activation_is_refused_with_the_reason(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  invsrc_testkit_script_agent(now_living.kit, AGENT, NULL, INVSRC_OUTCOME_REFUSED,
                              "the agent answered 401: check auth.token");
  assert_int_equal(
      life_update("{\"status\":\"ACTIVE\"}",
                  "\"message\":\"cannot be ACTIVE: the agent answered 401: check auth.token\""),
      400);
  /* A reason that is none is not passed on. */
  invsrc_testkit_script_agent(now_living.kit, AGENT, NULL, INVSRC_OUTCOME_UNREACHABLE, "a\nb");
  assert_int_equal(life_update("{\"status\":\"ACTIVE\"}",
                               "\"message\":\"cannot be ACTIVE: the agent cannot be reached\""),
                   400);
  life_assert_event("source.created");
}

static void without_a_prober_nothing_is_activated(void **state) {
  (void)state;
  invsrc_options_set_prober(now_living.options, NULL, NULL);
  life_renew_service();
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(life_update("{\"status\":\"ACTIVE\"}", "NOT_IMPLEMENTED"), 501);
  assert_int_equal(life_update("{\"status\":\"DISABLED\"}", NULL), 200);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 9, NULL, NULL, NULL),
                   INVSRC_ESTATE);
}

/* What is known of the agent begins anew with what a probe would find. */
/* What a prober returns, which took no probe, or none that it ended. */
static int32_t return_only(void *context, invsrc_probes *probes) {
  if (*(int32_t *)context == INVSRC_OUTCOME_OK) invsrc_probes_next(probes);
  return *(int32_t *)context;
}

static void a_prober_that_ends_no_probe_activates_nothing(void **state) {
  static const invsrc_prober_vtable prober = {sizeof prober, 0, return_only};
  static const struct {
    int32_t returned;
    int32_t status;
  } rows[] = {{INVSRC_OUTCOME_OK, 500},          {INVSRC_OUTCOME_PROVEN, 500},
              {INVSRC_OUTCOME_REFUSED, 500},     {INVSRC_OUTCOME_UNREACHABLE, 500},
              {INVSRC_OUTCOME_UNAVAILABLE, 503}, {INVSRC_OUTCOME_NOT_IMPLEMENTED, 501},
              {INVSRC_OUTCOME_FAILED, 500},      {0, 500}};
  int32_t returned;

  (void)state;
  invsrc_options_set_prober(now_living.options, &prober, &returned);
  life_renew_service();
  assert_int_equal(life_create(CREATE), 201);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    returned = rows[i].returned;
    assert_int_equal(life_update("{\"status\":\"ACTIVE\"}", NULL), rows[i].status);
    life_assert_text(INVSRC_SOURCE_STATUS, "PENDING");
  }
}

/* A store's answer to which much is missing. */
static void sources_by_halves_are_a_failure(void **state) {
  invsrc_source *half = invsrc_source_new();
  invsrc_source_list *list = invsrc_source_list_new();
  invsrc_response *response = NULL;
  invsrc_call *call = begin_update("{\"name\":\"New\"}");

  (void)state;
  assert_int_equal(invsrc_source_set_text(half, INVSRC_SOURCE_ID, "1", 1), INVSRC_OK);
  assert_int_equal(invsrc_source_list_append(list, half, NULL, 0), INVSRC_OK);
  go_on(call, INVSRC_WANT_GET);
  assert_int_equal(invsrc_call_answer_get(call, INVSRC_OUTCOME_OK, half, NULL, 0), INVSRC_OK);
  assert_int_equal(end_update(call), 500);
  assert_int_equal(invsrc_call_new_list(now_living.service, ACME, 0, 1, &call), INVSRC_OK);
  go_on(call, INVSRC_WANT_LIST);
  assert_int_equal(invsrc_call_answer_list(call, INVSRC_OUTCOME_OK, list, 1), INVSRC_OK);
  go_on(call, INVSRC_WANT_NONE);
  assert_int_equal(invsrc_call_take_response(call, &response), INVSRC_OK);
  assert_int_equal(life_status(response, NULL), 500);
  invsrc_call_free(call);
  invsrc_source_free(half);
  invsrc_source_list_free(list);
}

#define TO_BASIC                                                                            \
  "{\"authenticationType\":\"BASIC_AUTH\",\"auth\":{\"type\":\"basic\",\"username\":\"u\"," \
  "\"password\":\"\"}}"

static void a_change_of_the_agent_is_checked_anew(void **state) {
  static const char *const changes[] = {
      "{\"auth\":" TOKEN("new") "}",
      "{\"endpointUrl\":\"" OTHER_AGENT "\"}",
      "{\"protocol\":\"A2A\"}",
      TO_BASIC,
  };

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    invsrc_testkit_script_agent(now_living.kit, i == 2 ? OTHER_AGENT : AGENT, NULL,
                                INVSRC_OUTCOME_REFUSED, "no");
    invsrc_testkit_script_agent(now_living.kit, OTHER_AGENT, NULL, INVSRC_OUTCOME_REFUSED, "no");
    invsrc_testkit_set_time(now_living.kit, START + (int64_t)i * MINUTE);
    assert_int_equal(
        invsrc_activate_due(now_living.service, START + (int64_t)i * MINUTE, 9, NULL, NULL, NULL),
        INVSRC_OK);
    assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), 1);
    assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), 0);
    life_assert_text(INVSRC_SOURCE_LAST_ERROR, "no");
    assert_int_equal(life_update("{\"name\":\"x\"}", NULL), 200); /* is no such change */
    assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), 1);
    assert_int_equal(life_update(changes[i], NULL), 200);
    assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), 0);
    assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), START + (int64_t)i * MINUTE);
    life_assert_text(INVSRC_SOURCE_LAST_ERROR, "");
  }
}

static void a_disabled_source_is_left_alone(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(life_update("{\"status\":\"DISABLED\"}", NULL), 200);
  life_assert_event("source.disabled");
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), 0);
  assert_int_equal(life_update("{\"auth\":" TOKEN("new") "}", NULL), 200);
  life_assert_event("source.updated");
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), 0);
  assert_int_equal(life_update("{\"status\":\"ACTIVE\"}", NULL), 200);
  life_assert_event("source.activated");
  assert_int_equal(life_number(INVSRC_SOURCE_LAST_CHECKED_AT), START);
}

static void a_source_that_needs_no_credential_any_more_is_active(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(life_update("{\"authenticationType\":\"NO_AUTH\"}", "\"status\":\"ACTIVE\""),
                   200);
  life_assert_event("source.activated");
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 0);
  assert_int_equal(now_living.discarded, 1);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), START); /* is it there at all? */
}

static int32_t start_oauth(void *context, const invsrc_source *source,
                           const invsrc_consent *consent, invsrc_buffer *url, invsrc_buffer *state,
                           invsrc_buffer *reason) {
  (void)context, (void)source, (void)consent, (void)reason;
  invsrc_buffer_set(url, "https://id.example/", 19);
  invsrc_buffer_set(state, "verifier", 8);
  return INVSRC_OUTCOME_OK;
}

static int32_t finish_oauth(void *context, const invsrc_source *source, const void *private_state,
                            uint64_t length, const invsrc_redirect *redirect,
                            invsrc_buffer *credential, int64_t *refresh_at, invsrc_buffer *reason) {
  (void)context, (void)source, (void)private_state, (void)length, (void)redirect;
  (void)credential, (void)reason;
  *refresh_at = 0;
  return INVSRC_OUTCOME_FAILED;
}

static void a_source_becomes_one_that_awaits_consent(void **state) {
  static const invsrc_oauth_vtable oauth = {
      .size = sizeof oauth, .start = start_oauth, .finish = finish_oauth};

  (void)state;
  invsrc_testkit_use_oauth(now_living.kit, &oauth, NULL);
  invsrc_testkit_install(now_living.kit, now_living.options);
  life_renew_service();
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(life_update("{\"authenticationType\":\"OAUTH\",\"oauthAudience\":\"urn:a\"}",
                               "\"oauth\":{\"authorizationUrl\":\"https://id.example/\""),
                   200);
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 0);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), 0);
  assert_int_equal(now_living.discarded, 1);
  life_assert_text(INVSRC_SOURCE_OAUTH_AUDIENCE, "urn:a");
  assert_int_equal(life_update("{\"status\":\"ACTIVE\"}", "awaits the consent"), 400);
  /* Back again: the private state of the consent is forgotten as what it was. */
  assert_int_equal(
      life_update("{\"authenticationType\":\"API_KEY\",\"auth\":" TOKEN("new") "}", NULL), 200);
  assert_int_equal(now_living.discarded, 2);
  life_assert_text(INVSRC_SOURCE_OAUTH_AUDIENCE, "");
  life_assert_text(INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, "");
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), START);
  assert_int_equal(life_remove(), 204);
  assert_int_equal(now_living.discarded, 3);
}

/* Consent, and the tokens that it gives, are for one agent. */
static void another_agent_needs_another_consent(void **state) {
  static const invsrc_oauth_vtable oauth = {
      .size = sizeof oauth, .start = start_oauth, .finish = finish_oauth};

  (void)state;
  invsrc_testkit_use_oauth(now_living.kit, &oauth, NULL);
  invsrc_testkit_install(now_living.kit, now_living.options);
  life_renew_service();
  assert_int_equal(life_create(OF_KIND("OAUTH", "")), 201);
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_OAUTH_START), 1);
  assert_int_equal(life_update("{\"name\":\"x\"}", "\"oauth\":{"), 200);
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_OAUTH_START), 1);
  assert_int_equal(life_update("{\"endpointUrl\":\"" OTHER_AGENT "\"}", "\"oauth\":{"), 200);
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_OAUTH_START), 2);
  assert_int_equal(life_update("{\"oauthAudience\":\"urn:a\"}", "\"oauth\":{"), 200);
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_OAUTH_START), 3);
  assert_int_equal(now_living.discarded, 2);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_OAUTH_START, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(life_update("{\"endpointUrl\":\"" AGENT "\"}", NULL), 503);
  life_assert_text(INVSRC_SOURCE_ENDPOINT_URL, OTHER_AGENT);
}

static const char *last_event_text(int32_t field) {
  return invsrc_event_text(invsrc_testkit_last_event(now_living.kit), field, NULL);
}

/* Found again, so that what is discarded and told is what was removed. */
static void a_removal_takes_the_source_as_it_is_by_then(void **state) {
  invsrc_call *late = NULL;
  invsrc_response *response = NULL;
  char updated[64];

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(invsrc_call_new_remove(now_living.service, ACME, "agent", 5, &late), INVSRC_OK);
  go_on(late, INVSRC_WANT_REMOVE);
  invsrc_testkit_set_time(now_living.kit, START + 1);
  assert_int_equal(life_update("{\"name\":\"Changed\",\"auth\":" TOKEN("new") "}", NULL), 200);
  life_assert_event("source.updated");
  snprintf(updated, sizeof updated, "%s", last_event_text(INVSRC_EVENT_ID));
  invsrc_testkit_set_time(now_living.kit, START + 2);
  go_on(late, INVSRC_WANT_NONE);
  assert_int_equal(invsrc_call_take_response(late, &response), INVSRC_OK);
  invsrc_call_free(late);
  assert_int_equal(life_status(response, NULL), 204);
  assert_int_equal(now_living.discarded, 2);
  life_assert_event("source.deleted");
  assert_non_null(strstr(last_event_text(INVSRC_EVENT_PAYLOAD), "\"name\":\"Changed\""));
  /* And it is dated after what it lost to. */
  assert_true(strcmp(last_event_text(INVSRC_EVENT_ID), updated) > 0);
  assert_int_equal(
      invsrc_event_number(invsrc_testkit_last_event(now_living.kit), INVSRC_EVENT_TIME), START + 2);
}

static void a_removal_gives_up_where_the_source_never_rests(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  life_assert_event("source.created");
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_REMOVE, 0, INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(life_remove(), 409);
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_REMOVE), 8);
  assert_int_equal(now_living.discarded, 0);
  life_assert_text(INVSRC_SOURCE_STATUS, "PENDING");
  life_assert_event(NULL);
  invsrc_testkit_reset(now_living.kit);
  assert_int_equal(life_remove(), 204);
}

static void a_removal_that_fails_keeps_the_source(void **state) {
  static const struct {
    int32_t effect;
    int32_t outcome;
    int32_t status;
  } rows[] = {
      {INVSRC_EFFECT_GET, INVSRC_OUTCOME_FAILED, 500},
      {INVSRC_EFFECT_NOW, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_RANDOM, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_REMOVE, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_REMOVE, INVSRC_OUTCOME_REFUSED, 500},
      {INVSRC_EFFECT_REMOVE, INVSRC_OUTCOME_NOT_FOUND, 404}, /* someone else has */
  };

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_testkit_fail(now_living.kit, rows[i].effect, 1, rows[i].outcome);
    assert_int_equal(life_remove(), rows[i].status);
    invsrc_testkit_reset(now_living.kit);
    life_assert_text(INVSRC_SOURCE_STATUS, "PENDING");
    assert_int_equal(now_living.discarded, 0);
  }
  assert_int_equal(life_remove(), 204);
  assert_int_equal(now_living.discarded, 1);
  life_assert_event("source.deleted");
  assert_int_equal(life_remove(), 404);
}

static void wrong_arguments(void **state) {
  invsrc_response *response = NULL;

  (void)state;
  assert_int_equal(invsrc_get(now_living.service, ACME, NULL, 0, &response, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_get(now_living.service, ACME, "", 0, &response, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_get(now_living.service, "", 0, "a", 1, &response, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_get(NULL, ACME, "a", 1, &response, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_get(now_living.service, ACME, "a", 1, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_list(now_living.service, ACME, 0, 0, &response, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_list(now_living.service, ACME, 0, 201, &response, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_list(now_living.service, ACME, INVSRC_SKIP_LIMIT + 1, 1, &response, NULL),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_update(now_living.service, ACME, "a", 1, NULL, 1, &response, NULL),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_remove(now_living.service, NULL, 1, "a", 1, &response, NULL),
                   INVSRC_EINVAL);
  assert_null(response);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, life_begin, life_end)

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(of_two_updates_that_race_one_wins),
      TEST(a_removed_source_is_not_updated),
      TEST(an_update_loses_to_a_check_that_is_told),
      TEST(a_rotation_forgets_the_old_credential_after_the_new_is_stored),
      TEST(an_old_credential_that_cannot_be_forgotten_is_logged),
      TEST(an_update_that_fails_keeps_the_old),
      TEST(activation_is_refused_with_the_reason),
      TEST(without_a_prober_nothing_is_activated),
      TEST(a_prober_that_ends_no_probe_activates_nothing),
      TEST(sources_by_halves_are_a_failure),
      TEST(a_change_of_the_agent_is_checked_anew),
      TEST(a_disabled_source_is_left_alone),
      TEST(a_source_that_needs_no_credential_any_more_is_active),
      TEST(a_source_becomes_one_that_awaits_consent),
      TEST(another_agent_needs_another_consent),
      TEST(a_removal_takes_the_source_as_it_is_by_then),
      TEST(a_removal_gives_up_where_the_source_never_rests),
      TEST(a_removal_that_fails_keeps_the_source),
      TEST(wrong_arguments),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
