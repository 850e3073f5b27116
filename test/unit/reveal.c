/*
 * Where a consent can be given: whoever reads the source is shown it, and it is stored nowhere
 * but sealed.
 */
#include "consent.h"

static char opened_url[256]; /* of the source that awaits consent */

static int begin(void **state) {
  consent_begin(state);
  assert_int_equal(life_create(CREATE_OAUTH), 201);
  snprintf(opened_url, sizeof opened_url,
           "\"authorizationUrl\":\"https://login.example/?n=1&state=%s\"", now_asked.state);
  return 0;
}

static invsrc_response *list_all(void) {
  invsrc_response *response = NULL;

  assert_int_equal(invsrc_list(now_living.service, ACME, 0, 10, &response, NULL), INVSRC_OK);
  return response;
}

static void whoever_reads_the_source_is_shown_the_url(void **state) {
  (void)state;
  assert_int_equal(life_status(life_read(), opened_url), 200);
  assert_int_equal(life_status(list_all(), opened_url), 200);
  assert_int_equal(life_update("{\"name\":\"Other\"}", opened_url), 200);
  life_assert_text(INVSRC_SOURCE_NAME, "Other");
  assert_int_equal(life_status(life_read(), opened_url), 200);
  assert_int_equal(consent_status(GOOD, "Connected"), 200); /* which is still good */
}

/* Neither the record nor an event has it, nor the state. */
static void it_is_stored_nowhere_in_the_clear(void **state) {
  const invsrc_store_vtable *store = invsrc_memory_store();
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  invsrc_event *event = invsrc_event_new();
  const char *payload;

  (void)state;
  assert_int_equal(life_update("{\"name\":\"Other\"}", opened_url), 200);
  assert_int_equal(store->get(now_living.memory, ACME, "agent", 5, source, sealed),
                   INVSRC_OUTCOME_OK);
  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END; i++) {
    const char *text = invsrc_source_text(source, i, NULL);
    assert_true(!text || (!strstr(text, now_asked.state) && !strstr(text, "login.example")));
  }
  for (int i = 0; i < 2; i++) {
    assert_int_equal(
        store->event_next(now_living.memory, INVSRC_TIME_LIMIT, INVSRC_TIME_LIMIT, event),
        INVSRC_OUTCOME_OK);
    payload = invsrc_event_text(event, INVSRC_EVENT_PAYLOAD, NULL);
    assert_null(strstr(payload, "oauth\""));
    assert_null(strstr(payload, now_asked.state));
  }
  invsrc_event_free(event);
  invsrc_buffer_free(sealed);
  invsrc_source_free(source);
}

static void assert_hides_the_url(invsrc_response *response) {
  assert_int_equal(invsrc_response_status(response), 200);
  assert_null(strstr(invsrc_response_body(response, NULL), "\"oauth\""));
  assert_null(strstr(invsrc_response_body(response, NULL), "login.example"));
  invsrc_response_free(response);
}

static invsrc_response *rename_to(const char *body) {
  invsrc_response *response = NULL;

  assert_int_equal(
      invsrc_update(now_living.service, ACME, "agent", 5, body, strlen(body), &response, NULL),
      INVSRC_OK);
  return response;
}

/* It leads nowhere any more. */
static void a_url_that_has_run_out_is_not_shown(void **state) {
  (void)state;
  invsrc_testkit_set_time(now_living.kit, START + 10 * MINUTE - 1);
  assert_int_equal(life_status(life_read(), opened_url), 200);
  assert_int_equal(life_status(list_all(), opened_url), 200);
  assert_int_equal(life_status(rename_to("{\"name\":\"Other\"}"), opened_url), 200);
  invsrc_testkit_set_time(now_living.kit, START + 10 * MINUTE);
  invsrc_testkit_reset(now_living.kit);
  assert_hides_the_url(life_read());
  assert_hides_the_url(list_all());
  assert_hides_the_url(rename_to("{\"name\":\"Another\"}"));
  assert_hides_the_url(rename_to("{\"status\":\"DISABLED\"}"));
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_OPEN), 0);
  assert_string_equal(invsrc_testkit_last_log(now_living.kit), ""); /* nothing has failed */
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(life_status(life_read(), "https://login.example/?n=2"), 200);
}

#define CREATE_OTHER(name)                                             \
  "{\"name\":\"" name "\",\"type\":\"SALES\",\"endpointUrl\":\"" AGENT \
  "\",\"protocol\":\"MCP\",\"authenticationType\":\"OAUTH\"}"

static int count_urls(invsrc_response *response) {
  int count = 0;

  assert_int_equal(invsrc_response_total(response), 3);
  for (const char *at = invsrc_response_body(response, NULL); (at = strstr(at, "\"oauth\"")); at++)
    count++;
  invsrc_response_free(response);
  return count;
}

/* A vault that is away costs a list one wait, and not one for each source. */
static void what_is_away_is_asked_once(void **state) {
  static const struct {
    int32_t effect;
    uint32_t nth;
    int32_t outcome;
    uint32_t opened;
    int shown;
    const char *logged;
  } rows[] = {
      {INVSRC_EFFECT_OPEN, 9, INVSRC_OUTCOME_UNAVAILABLE, 3, 3, ""},
      {INVSRC_EFFECT_OPEN, 0, INVSRC_OUTCOME_UNAVAILABLE, 1, 0, "open: unavailable"},
      {INVSRC_EFFECT_OPEN, 2, INVSRC_OUTCOME_UNAVAILABLE, 2, 1, "open: unavailable"},
      {INVSRC_EFFECT_OPEN, 2, INVSRC_OUTCOME_REFUSED, 3, 2, "open: refused; is the key at hand?"},
      {INVSRC_EFFECT_OPEN, 0, INVSRC_OUTCOME_FAILED, 3, 0, "open: failed for good"},
      {INVSRC_EFFECT_NOW, 0, INVSRC_OUTCOME_UNAVAILABLE, 0, 0, "now: unavailable"},
      {INVSRC_EFFECT_NOW, 0, INVSRC_OUTCOME_FAILED, 0, 0, "now: failed for good"},
      {INVSRC_EFFECT_NOW, 0, 99, 0, 0, "now: returned what is not legal"},
  };

  (void)state;
  assert_int_equal(life_create(CREATE_OTHER("B")), 201);
  assert_int_equal(life_create(CREATE_OTHER("C")), 201);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_testkit_reset(now_living.kit);
    invsrc_testkit_fail(now_living.kit, rows[i].effect, rows[i].nth, rows[i].outcome);
    if (count_urls(list_all()) != rows[i].shown) fail_msg("row %zu", i);
    assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_OPEN), rows[i].opened);
    assert_string_equal(invsrc_testkit_last_log(now_living.kit), rows[i].logged);
  }
  invsrc_testkit_reset(now_living.kit);
  assert_int_equal(count_urls(list_all()), 3);
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_NOW), 1);
}

static void a_clock_that_fails_hides_the_url(void **state) {
  (void)state;
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_NOW, 0, INVSRC_OUTCOME_UNAVAILABLE);
  assert_hides_the_url(life_read());
  assert_string_equal(invsrc_testkit_last_log(now_living.kit), "now: unavailable");
  assert_int_equal(life_update("{\"name\":\"Other\"}", NULL), 503); /* it has no date */
}

/* Where nothing is to be opened nobody asks what time it is. */
static void a_read_needs_the_time_for_a_consent_only(void **state) {
  (void)state;
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  invsrc_testkit_reset(now_living.kit);
  assert_hides_the_url(life_read());
  assert_hides_the_url(list_all());
  assert_int_equal(life_remove(), 204);
  assert_int_equal(life_create(CREATE), 201);
  invsrc_testkit_reset(now_living.kit);
  assert_hides_the_url(life_read());
  assert_hides_the_url(list_all());
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_NOW), 0);
}

/* ---- How loud it is ------------------------------------------------------------- */

static int32_t fail_to_open(void *context, const invsrc_binding *binding, const void *sealed,
                            uint64_t length, invsrc_buffer *plaintext) {
  (void)context, (void)binding, (void)sealed, (void)length, (void)plaintext;
  return INVSRC_OUTCOME_REFUSED;
}

static int32_t know_the_time(void *context, int64_t *milliseconds) {
  (void)context;
  *milliseconds = START;
  return INVSRC_OUTCOME_OK;
}

static int32_t have_no_time(void *context, int64_t *milliseconds) {
  (void)context;
  *milliseconds = 0;
  return INVSRC_OUTCOME_UNAVAILABLE;
}

static int loudest;

static void hear_log(void *context, int32_t level, const char *message, uint64_t length) {
  (void)context, (void)message, (void)length;
  if (level > loudest) loudest = level;
}

static void what_is_left_out_is_no_alarm(void **state) {
  static const invsrc_world_vtable worlds[] = {
      {.size = sizeof worlds[0], .now = know_the_time, .log = hear_log},
      {.size = sizeof worlds[0], .now = have_no_time, .log = hear_log}};
  invsrc_sealer_vtable sealer = life_sealer;

  (void)state;
  sealer.open = fail_to_open;
  assert_int_equal(invsrc_options_set_sealer(now_living.options, &sealer, &now_living), INVSRC_OK);
  for (size_t i = 0; i < 2; i++) {
    invsrc_options_set_world(now_living.options, &worlds[i], NULL);
    life_renew_service();
    loudest = 0;
    assert_hides_the_url(life_read());
    assert_int_equal(loudest, INVSRC_LOG_INFO);
  }
}

/* What was sealed with a key that is lost must not make the source unreadable. */
static void what_cannot_be_opened_is_left_out(void **state) {
  static const int32_t outcomes[] = {INVSRC_OUTCOME_REFUSED, INVSRC_OUTCOME_UNAVAILABLE,
                                     INVSRC_OUTCOME_FAILED, 0};

  (void)state;
  for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
    invsrc_response *response;
    invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_OPEN, 0, outcomes[i]);
    response = life_read();
    assert_null(strstr(invsrc_response_body(response, NULL), "\"oauth\""));
    assert_string_not_equal(invsrc_testkit_last_log(now_living.kit), "");
    invsrc_response_free(response);
    response = list_all();
    assert_int_equal(invsrc_response_total(response), 1);
    assert_null(strstr(invsrc_response_body(response, NULL), "\"oauth\""));
    invsrc_response_free(response);
    assert_int_equal(life_update("{\"name\":\"Other\"}", "\"name\":\"Other\""), 200);
  }
  invsrc_testkit_reset(now_living.kit);
  assert_int_equal(life_status(life_read(), opened_url), 200);
}

/* Reads are for hosts without a vault, too. */
static void a_host_without_a_sealer_reads_all_the_same(void **state) {
  (void)state;
  assert_int_equal(invsrc_options_set_sealer(now_living.options, NULL, NULL), INVSRC_OK);
  life_renew_service();
  assert_int_equal(life_status(life_read(), "\"status\":\"PENDING\""), 200);
  assert_int_equal(life_status(list_all(), "\"status\":\"PENDING\""), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, life_end)

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(whoever_reads_the_source_is_shown_the_url),
      TEST(it_is_stored_nowhere_in_the_clear),
      TEST(a_url_that_has_run_out_is_not_shown),
      TEST(what_is_away_is_asked_once),
      TEST(a_clock_that_fails_hides_the_url),
      TEST(a_read_needs_the_time_for_a_consent_only),
      TEST(what_is_left_out_is_no_alarm),
      TEST(what_cannot_be_opened_is_left_out),
      TEST(a_host_without_a_sealer_reads_all_the_same),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
