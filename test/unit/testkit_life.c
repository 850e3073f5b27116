/*
 * The testkit, by what becomes of sources: scripted agents, events, and the effects of all
 * that comes after a create.
 */
#include "life.h"

static int32_t probed_outcome;
static char probed_reason[256];

static int32_t hear(void *context, const invsrc_check *check) {
  ++*(int *)context;
  probed_outcome = check->outcome;
  snprintf(probed_reason, sizeof probed_reason, "%s", check->reason);
  return 0;
}

/* Has what is due probed, at a time when all that ever will be is. Returns how many were. */
static int probe_all(void) {
  static int64_t late = INT64_C(100000000000000);
  int checks = 0;

  late += 86400 * SECOND;
  assert_int_equal(invsrc_testkit_set_time(now_living.kit, late), INVSRC_OK);
  assert_int_equal(invsrc_activate_due(now_living.service, late, 100, hear, &checks, NULL),
                   INVSRC_OK);
  invsrc_testkit_set_time(now_living.kit, START);
  return checks;
}

/* Creates the source anew, and holds its probe to come to this. */
static void comes_to(int32_t outcome, const char *reason) {
  life_remove();
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(probe_all(), 1);
  assert_int_equal(probed_outcome, outcome);
  assert_string_equal(probed_reason, reason);
}

static int32_t script(const char *url, const char *credential, int32_t outcome,
                      const char *reason) {
  return invsrc_testkit_script_agent(now_living.kit, url, credential, outcome, reason);
}

/* ---- Agents --------------------------------------------------------------------- */

static void agents_follow_their_script(void **state) {
  (void)state;
  comes_to(INVSRC_OUTCOME_OK, "");
  assert_int_equal(script(AGENT, NULL, INVSRC_OUTCOME_PROVEN, NULL), INVSRC_OK);
  comes_to(INVSRC_OUTCOME_PROVEN, "");
  assert_int_equal(script(AGENT, NULL, INVSRC_OUTCOME_UNREACHABLE, "the agent sleeps"), INVSRC_OK);
  comes_to(INVSRC_OUTCOME_UNREACHABLE, "the agent sleeps");
  assert_int_equal(script(OTHER_AGENT, NULL, INVSRC_OUTCOME_OK, NULL), INVSRC_OK);
  comes_to(INVSRC_OUTCOME_UNREACHABLE, "the agent sleeps");
  assert_int_equal(script(AGENT, NULL, INVSRC_OUTCOME_OK, NULL), INVSRC_OK);
  comes_to(INVSRC_OUTCOME_OK, "");
}

static void agents_are_found_in_canonical_form(void **state) {
  (void)state;
  assert_int_equal(
      script("HTTPS://Agent.Example:443/a/../mcp", NULL, INVSRC_OUTCOME_UNREACHABLE, "asleep"),
      INVSRC_OK);
  comes_to(INVSRC_OUTCOME_UNREACHABLE, "asleep");
  assert_int_equal(script("not a URL", NULL, INVSRC_OUTCOME_OK, NULL), INVSRC_EMALFORMED);
  comes_to(INVSRC_OUTCOME_UNREACHABLE, "asleep");
}

static void agents_take_their_credential_only(void **state) {
  static const char refused[] = "the agent refused the credential";
  static const char *const others[] = {
      "{\"type\":\"bearer\",\"token\":\"new\"}",
      "{\"type\":\"bearer\"}",
      "{}",
      "{\"type\":\"api_key\",\"token\":\"old\"}",
      "{\"type\":\"bearer\",\"token\":\"old\",\"more\":\"\"}",
      "{\"type\":\"bearer\",\"token\":7}",
  };

  (void)state;
  assert_int_equal(script(AGENT, TOKEN("old"), INVSRC_OUTCOME_PROVEN, NULL), INVSRC_OK);
  comes_to(INVSRC_OUTCOME_PROVEN, "");
  /* It is the same in another order, and with other white space and escapes. */
  assert_int_equal(script(AGENT, " {\"token\": \"\\u006fld\", \"type\": \"bearer\"} ",
                          INVSRC_OUTCOME_UNREACHABLE, "asleep"),
                   INVSRC_OK);
  comes_to(INVSRC_OUTCOME_UNREACHABLE, "asleep");
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    assert_int_equal(script(AGENT, others[i], INVSRC_OUTCOME_OK, NULL), INVSRC_OK);
    comes_to(INVSRC_OUTCOME_REFUSED, refused);
  }
  assert_int_equal(script(AGENT, "{", INVSRC_OUTCOME_OK, NULL), INVSRC_EMALFORMED);
  assert_int_equal(script(AGENT, "[]", INVSRC_OUTCOME_OK, NULL), INVSRC_EMALFORMED);
  comes_to(INVSRC_OUTCOME_REFUSED, refused);
}

/* ---- Effects ----------------------------------------------------------------------- */

/* One call of each is made to fail, and then none. */
static void each_probe_is_counted(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    char body[400];

    snprintf(body, sizeof body,
             "{\"name\":\"Agent %d\",\"type\":\"SALES\",\"endpointUrl\":\"" AGENT
             "\",\"protocol\":\"MCP\",\"authenticationType\":\"API_KEY\"" WITH_TOKEN("old") "}",
             i);
    assert_int_equal(life_create(body), 201);
  }
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_PROBE, 3, INVSRC_OUTCOME_UNREACHABLE);
  assert_int_equal(probe_all(), 3);
  assert_int_equal(probed_outcome, INVSRC_OUTCOME_UNREACHABLE);
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_PROBE), 3);
  assert_int_equal(probe_all(), 1); /* the others are ACTIVE */
  assert_int_equal(probed_outcome, INVSRC_OUTCOME_OK);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_DUE, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 9, NULL, NULL, NULL),
                   INVSRC_EUNAVAILABLE);
  assert_true(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_DUE) >= 3);
}

static int32_t list_all(void) {
  invsrc_response *response = NULL;

  assert_int_equal(invsrc_list(now_living.service, ACME, 0, 50, &response, NULL), INVSRC_OK);
  return life_status(response, NULL);
}

static int32_t rename_it(void) {
  return life_update("{\"name\":\"Another\"}", NULL);
}

static void every_effect_can_fail(void **state) {
  static const struct {
    int32_t (*ask)(void);
    int32_t effect, outcome, status, well;
  } cases[] = {
      {list_all, INVSRC_EFFECT_LIST, INVSRC_OUTCOME_UNAVAILABLE, 503, 200},
      {list_all, INVSRC_EFFECT_LIST, 0, 500, 200},
      {rename_it, INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_CONFLICT, 409, 200},
      {rename_it, INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_FAILED, 500, 200},
      {life_remove, INVSRC_EFFECT_REMOVE, INVSRC_OUTCOME_UNAVAILABLE, 503, 204},
  };

  (void)state;
  assert_int_equal(life_create(CREATE), 201);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    invsrc_testkit_reset(now_living.kit);
    invsrc_testkit_fail(now_living.kit, cases[i].effect, 1, cases[i].outcome);
    assert_int_equal(cases[i].ask(), cases[i].status);
    assert_int_equal(cases[i].ask(), cases[i].well);
    assert_int_equal(invsrc_testkit_calls(now_living.kit, cases[i].effect), 2);
  }
}

/* ---- Events -------------------------------------------------------------------------- */

static int32_t deliver(uint64_t *delivered) {
  return invsrc_deliver_due(now_living.service, START, 9, delivered, NULL, NULL);
}

static void events_are_taken_and_remembered(void **state) {
  invsrc_testkit *kit = now_living.kit;
  uint64_t delivered;

  (void)state;
  assert_null(invsrc_testkit_last_event(kit));
  assert_int_equal(life_create(CREATE), 201);
  assert_null(invsrc_testkit_last_event(kit));
  invsrc_testkit_fail(kit, INVSRC_EFFECT_EVENT_NEXT, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(deliver(&delivered), INVSRC_EUNAVAILABLE);
  life_assert_event("source.created");
  assert_int_equal(life_remove(), 204);
  life_assert_event("source.deleted");
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_DELIVER), 2);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_EVENT_END), 2);
  /* One that was not taken is not remembered, and comes again. */
  assert_int_equal(life_create(CREATE), 201);
  invsrc_testkit_fail(kit, INVSRC_EFFECT_DELIVER, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(deliver(&delivered), INVSRC_OK);
  assert_int_equal(delivered, 0);
  assert_string_equal(invsrc_event_text(invsrc_testkit_last_event(kit), INVSRC_EVENT_TYPE, NULL),
                      "source.deleted");
  life_assert_event("source.created");
  assert_int_equal(invsrc_event_number(invsrc_testkit_last_event(kit), INVSRC_EVENT_ATTEMPTS), 1);
}

static int32_t count_event(void *context, const invsrc_event *event) {
  (void)event;
  return ++*(int *)context == 1 ? INVSRC_OUTCOME_FAILED : INVSRC_OUTCOME_OK;
}

static int32_t refuse_all(void *context, invsrc_probes *probes) {
  invsrc_probe *probe;

  ++*(int *)context;
  while ((probe = invsrc_probes_next(probes)))
    invsrc_probe_end(probe, INVSRC_OUTCOME_REFUSED, "as always");
  return INVSRC_OUTCOME_OK;
}

static void probers_and_events_are_wrapped(void **state) {
  static const invsrc_events_vtable events = {sizeof events, 0, count_event};
  static const invsrc_prober_vtable prober = {sizeof prober, 0, refuse_all};
  int heard = 0, runs = 0;
  uint64_t delivered;

  (void)state;
  assert_int_equal(invsrc_testkit_use_events(now_living.kit, &events, &heard), INVSRC_OK);
  assert_int_equal(invsrc_testkit_use_prober(now_living.kit, &prober, &runs), INVSRC_OK);
  assert_int_equal(life_create(CREATE), 201);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_PROBE, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 9, NULL, NULL, NULL),
                   INVSRC_EUNAVAILABLE);
  assert_int_equal(runs, 0);
  assert_int_equal(probe_all(), 1);
  assert_string_equal(probed_reason, "as always");
  assert_int_equal(runs, 1);
  assert_int_equal(deliver(&delivered), INVSRC_OK);
  assert_true(heard > 0);
  assert_int_equal(delivered, heard - 1);
  assert_int_equal(invsrc_testkit_use_prober(now_living.kit, NULL, NULL), INVSRC_OK);
  comes_to(INVSRC_OUTCOME_OK, "");
  assert_int_equal(runs, 1);
}

/* A store without events is wrapped as what it is. */
static void a_store_need_not_keep_events(void **state) {
  invsrc_store_vtable store = *invsrc_memory_store();
  invsrc_event *event = invsrc_event_new();

  (void)state;
  store.size = offsetof(invsrc_store_vtable, event_next);
  assert_int_equal(invsrc_testkit_use_store(now_living.kit, &store, now_living.memory), INVSRC_OK);
  assert_int_equal(invsrc_testkit_install(now_living.kit, now_living.options), INVSRC_OK);
  life_renew_service();
  assert_int_equal(life_create(CREATE), 201);
  assert_int_equal(probe_all(), 1);
  assert_int_equal(
      invsrc_memory_store()->event_next(now_living.memory, INT64_MAX - 1, INT64_MAX, event),
      INVSRC_OUTCOME_NOT_FOUND);
  invsrc_event_free(event);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, life_begin, life_end)

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(agents_follow_their_script),
      TEST(agents_are_found_in_canonical_form),
      TEST(agents_take_their_credential_only),
      TEST(each_probe_is_counted),
      TEST(every_effect_can_fail),
      TEST(events_are_taken_and_remembered),
      TEST(probers_and_events_are_wrapped),
      TEST(a_store_need_not_keep_events),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
