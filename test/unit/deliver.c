/*
 * Delivery of events: each is brought once it is kept, in order, and again until it is
 * taken.
 */
#include "life.h"

/* Delivers what is due. Returns how many were taken; `*postponed` those that were not. */
static uint64_t deliver(int64_t now, uint64_t max, uint64_t *postponed) {
  uint64_t delivered = 0;

  assert_int_equal(invsrc_deliver_due(now_living.service, now, max, &delivered, postponed, NULL),
                   INVSRC_OK);
  return delivered;
}

static const char *last_text(int32_t field) {
  return invsrc_event_text(invsrc_testkit_last_event(now_living.kit), field, NULL);
}

static void an_event_tells_what_has_changed(void **state) {
  static const char wanted[] =
      "{\"type\":\"source.created\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"data\":{"
      "\"storefront\":\"acme\",\"source\":{\"id\":\"";
  uint64_t postponed;

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(deliver(START, 9, &postponed), 1);
  assert_int_equal(postponed, 0);
  assert_string_equal(last_text(INVSRC_EVENT_TYPE), "source.created");
  assert_string_equal(last_text(INVSRC_EVENT_STOREFRONT), "acme");
  assert_memory_equal(last_text(INVSRC_EVENT_ID), "evt_", 4);
  assert_int_equal(strlen(last_text(INVSRC_EVENT_ID)), 30);
  assert_memory_equal(last_text(INVSRC_EVENT_PAYLOAD), wanted, sizeof wanted - 1);
  assert_null(strstr(last_text(INVSRC_EVENT_PAYLOAD), "old")); /* the token */
  assert_int_equal(
      invsrc_event_number(invsrc_testkit_last_event(now_living.kit), INVSRC_EVENT_TIME), START);
  assert_int_equal(deliver(START, 9, NULL), 0);
}

static void an_event_of_a_failure_has_its_reason(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  invsrc_testkit_script_agent(now_living.kit, AGENT, NULL, INVSRC_OUTCOME_UNREACHABLE, "is away");
  assert_int_equal(invsrc_activate_due(now_living.service, START, 9, NULL, NULL, NULL), INVSRC_OK);
  assert_int_equal(deliver(START, 9, NULL), 2);
  assert_non_null(strstr(last_text(INVSRC_EVENT_PAYLOAD), "},\"reason\":\"is away\"}}"));
}

static void events_come_in_order_and_no_more_than_the_most(void **state) {
  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(life_update("{\"name\":\"Other\"}", NULL), 200);
  assert_int_equal(life_remove(), 204);
  assert_int_equal(deliver(START, 1, NULL), 1);
  assert_string_equal(last_text(INVSRC_EVENT_TYPE), "source.created");
  assert_int_equal(deliver(START, 1, NULL), 1);
  assert_string_equal(last_text(INVSRC_EVENT_TYPE), "source.updated");
  assert_int_equal(deliver(START, 9, NULL), 1);
  assert_string_equal(last_text(INVSRC_EVENT_TYPE), "source.deleted");
}

static void an_event_that_is_not_taken_is_brought_again(void **state) {
  char id[64];
  uint64_t postponed;
  int64_t pause = 10 * SECOND;

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  for (int attempt = 0; attempt < 12; attempt++) {
    invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_DELIVER, 1,
                        attempt % 2 ? INVSRC_OUTCOME_FAILED : INVSRC_OUTCOME_UNAVAILABLE);
    assert_int_equal(deliver(START + attempt * 3600 * SECOND, 9, &postponed), 0);
    assert_int_equal(postponed, 1);
    assert_int_equal(deliver(START + attempt * 3600 * SECOND, 9, &postponed), 0);
    assert_int_equal(postponed, 0); /* not before its pause is over */
    if (pause < 3600 * SECOND) pause *= 2;
    invsrc_testkit_set_time(now_living.kit, START + (attempt + 1) * 3600 * SECOND);
  }
  assert_int_equal(deliver(START + 12 * 3600 * SECOND, 9, NULL), 1);
  assert_int_equal(
      invsrc_event_number(invsrc_testkit_last_event(now_living.kit), INVSRC_EVENT_ATTEMPTS), 12);
  snprintf(id, sizeof id, "%s", last_text(INVSRC_EVENT_ID));
  assert_int_equal(deliver(INVSRC_TIME_LIMIT - 3600 * SECOND, 9, NULL), 0);
}

/* Taken, but the store could not forget it: it comes a second time, as the same. */
static void at_least_once_is_sometimes_twice(void **state) {
  char id[64];

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_EVENT_END, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(invsrc_deliver_due(now_living.service, START, 9, NULL, NULL, NULL),
                   INVSRC_EUNAVAILABLE);
  snprintf(id, sizeof id, "%s", last_text(INVSRC_EVENT_ID));
  assert_int_equal(deliver(START, 9, NULL), 0);
  assert_int_equal(deliver(START + INVSRC_LEASE_DEFAULT * SECOND, 9, NULL), 1);
  assert_string_equal(last_text(INVSRC_EVENT_ID), id);
}

/* Another process, while this one is slow to bring an event. */
static invsrc_service *beside;
static int64_t slow_time;
static uint64_t taken_beside;

static int32_t take_slowly(void *context, const invsrc_event *event) {
  uint64_t delivered = 0;

  (void)context, (void)event;
  slow_time += 2 * INVSRC_LEASE_DEFAULT * SECOND;
  invsrc_testkit_set_time(now_living.kit, slow_time);
  if (!beside) return INVSRC_OUTCOME_OK;
  slow_time -= INVSRC_LEASE_DEFAULT * SECOND + SECOND; /* the lease of this event goes on */
  invsrc_testkit_set_time(now_living.kit, slow_time);
  assert_int_equal(invsrc_deliver_due(beside, 0, 9, &delivered, NULL, NULL), INVSRC_OK);
  taken_beside += delivered;
  return INVSRC_OUTCOME_OK;
}

static void a_claim_lasts_from_when_it_was_made(void **state) {
  static const invsrc_events_vtable slow = {sizeof slow, 0, take_slowly};
  invsrc_service *other = NULL;
  uint64_t delivered = 0;

  (void)state;
  assert_int_equal(invsrc_service_new(now_living.options, &other, NULL), INVSRC_OK);
  invsrc_options_set_events(now_living.options, &slow, NULL);
  life_renew_service();
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(life_update("{\"name\":\"Other\"}", NULL), 200);
  slow_time = START;
  beside = NULL;
  taken_beside = 0;
  assert_int_equal(invsrc_deliver_due(now_living.service, START, 1, &delivered, NULL, NULL),
                   INVSRC_OK);
  /* The second is claimed when two leases have passed since the time that is given. */
  beside = other;
  assert_int_equal(invsrc_deliver_due(now_living.service, START, 1, &delivered, NULL, NULL),
                   INVSRC_OK);
  assert_int_equal(delivered, 1);
  assert_int_equal(taken_beside, 0);
  invsrc_service_free(other);
}

static void a_clock_that_tells_no_time_has_failed(void **state) {
  uint64_t postponed;

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  invsrc_testkit_set_time(now_living.kit, INT64_MAX);
  assert_int_equal(invsrc_deliver_due(now_living.service, 0, 9, NULL, NULL, NULL), INVSRC_EIO);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_DELIVER, 1, INVSRC_OUTCOME_FAILED);
  assert_int_equal(deliver(START, 9, &postponed), 0);
  assert_int_equal(postponed, 1);
  assert_int_equal(deliver(START + 10 * SECOND, 9, NULL),
                   1); /* the pause is by the caller's time */
}

static void without_ears_no_events_are_kept(void **state) {
  (void)state;
  invsrc_options_set_events(now_living.options, NULL, NULL);
  life_renew_service();
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(invsrc_deliver_due(now_living.service, START, 9, NULL, NULL, NULL),
                   INVSRC_ESTATE);
  invsrc_testkit_install(now_living.kit, now_living.options);
  life_renew_service();
  assert_int_equal(deliver(START, 9, NULL), 0);
}

static void a_store_that_fails_is_told(void **state) {
  (void)state;
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_EVENT_NEXT, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(invsrc_deliver_due(now_living.service, START, 9, NULL, NULL, NULL),
                   INVSRC_EUNAVAILABLE);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_EVENT_NEXT, 1, 42);
  assert_int_equal(invsrc_deliver_due(now_living.service, START, 9, NULL, NULL, NULL), INVSRC_EIO);
  assert_int_equal(invsrc_deliver_due(NULL, START, 9, NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_deliver_due(now_living.service, -1, 9, NULL, NULL, NULL), INVSRC_EINVAL);
}

static void a_store_without_events_goes_with_no_ears(void **state) {
  invsrc_store_vtable table = *invsrc_memory_store();
  invsrc_error *error = invsrc_error_new();
  invsrc_service *service = NULL;

  (void)state;
  table.event_next = NULL;
  invsrc_options_set_store(now_living.options, &table, now_living.memory);
  assert_int_equal(invsrc_service_new(now_living.options, &service, error), INVSRC_EINVAL);
  assert_string_equal(invsrc_error_message(error), "the store keeps no events");
  invsrc_options_set_events(now_living.options, NULL, NULL);
  assert_int_equal(invsrc_service_new(now_living.options, &service, error), INVSRC_OK);
  invsrc_service_free(service);
  invsrc_error_free(error);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, life_begin, life_end)

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(an_event_tells_what_has_changed),
      TEST(an_event_of_a_failure_has_its_reason),
      TEST(events_come_in_order_and_no_more_than_the_most),
      TEST(an_event_that_is_not_taken_is_brought_again),
      TEST(at_least_once_is_sometimes_twice),
      TEST(a_claim_lasts_from_when_it_was_made),
      TEST(a_clock_that_tells_no_time_has_failed),
      TEST(without_ears_no_events_are_kept),
      TEST(a_store_that_fails_is_told),
      TEST(a_store_without_events_goes_with_no_ears),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
