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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(whoever_reads_the_source_is_shown_the_url, begin, life_end),
      cmocka_unit_test_setup_teardown(it_is_stored_nowhere_in_the_clear, begin, life_end),
      cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_left_out, begin, life_end),
      cmocka_unit_test_setup_teardown(a_host_without_a_sealer_reads_all_the_same, begin, life_end),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
