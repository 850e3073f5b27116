/*
 * Activation: which sources are checked when, what a probe makes of them, and who hears of
 * it. Time is the testkit's.
 */
#include "life.h"

/* What the visitor heard. */
typedef struct heard {
  uint64_t checks;
  uint64_t stop_after; /* 0: never */
  int32_t outcome;     /* the last */
  char reason[256];
  uint64_t claimed;
} heard;

static int32_t hear(void *context, const invsrc_check *check) {
  heard *self = context;

  assert_int_equal(check->size, sizeof *check);
  assert_non_null(invsrc_source_text(check->source, INVSRC_SOURCE_ID, NULL));
  assert_int_equal(check->checked, ++self->checks);
  assert_true(check->claimed >= check->checked);
  self->claimed = check->claimed;
  self->outcome = check->outcome;
  snprintf(self->reason, sizeof self->reason, "%s", check->reason);
  return self->checks == self->stop_after;
}

static int64_t time_now = START;

static void set_time(int64_t milliseconds) {
  time_now = milliseconds;
  invsrc_testkit_set_time(now_living.kit, milliseconds);
}

/* Checks what is due. Returns how many were, the last of which came to `outcome`. */
static uint64_t activate(int32_t outcome) {
  heard got = {0};

  assert_int_equal(invsrc_activate_due(now_living.service, time_now, 10000, hear, &got, NULL),
                   INVSRC_OK);
  assert_int_equal(got.outcome, outcome);
  return got.checks;
}

static void script(int32_t outcome, const char *reason) {
  assert_int_equal(invsrc_testkit_script_agent(now_living.kit, AGENT, NULL, outcome, reason),
                   INVSRC_OK);
}

static int begin(void **state) {
  life_begin(state);
  set_time(START);
  assert_int_equal(life_create(CREATE), 201);
  life_assert_event("source.created");
  return 0;
}

static void a_source_that_answers_is_active(void **state) {
  (void)state;
  invsrc_testkit_script_agent(now_living.kit, AGENT, TOKEN("old"), INVSRC_OUTCOME_OK, NULL);
  set_time(START + MINUTE);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
  life_assert_text(INVSRC_SOURCE_STATUS, "ACTIVE");
  life_assert_event("source.activated");
  assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 2);
  assert_int_equal(life_number(INVSRC_SOURCE_UPDATED_AT), START + MINUTE);
  assert_int_equal(life_number(INVSRC_SOURCE_LAST_CHECKED_AT), START + MINUTE);
  assert_int_equal(life_number(INVSRC_SOURCE_CREDENTIAL_PROVEN), 0);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), 0);
  set_time(START + 86400 * SECOND);
  assert_int_equal(activate(0), 0);
}

static void a_credential_that_is_proven_is_known_to_be(void **state) {
  (void)state;
  script(INVSRC_OUTCOME_PROVEN, NULL);
  assert_int_equal(activate(INVSRC_OUTCOME_PROVEN), 1);
  life_assert_text(INVSRC_SOURCE_STATUS, "ACTIVE");
  assert_int_equal(life_number(INVSRC_SOURCE_CREDENTIAL_PROVEN), 1);
}

/* Each pause is between half and all of twice the one before, up to an hour. */
static void an_agent_out_of_reach_is_tried_again_with_growing_pauses(void **state) {
  int64_t pause = 10 * SECOND;

  (void)state;
  script(INVSRC_OUTCOME_UNREACHABLE, "cannot connect");
  for (int attempt = 1; attempt <= 15; attempt++) {
    int64_t next;
    assert_int_equal(activate(INVSRC_OUTCOME_UNREACHABLE), 1);
    assert_int_equal(activate(0), 0);
    assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), attempt);
    assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 2); /* with what was told, once */
    assert_int_equal(life_number(INVSRC_SOURCE_UPDATED_AT), START);
    life_assert_text(INVSRC_SOURCE_LAST_ERROR, "cannot connect");
    life_assert_event(attempt == 1 ? "source.unreachable" : NULL);
    next = life_number(INVSRC_SOURCE_NEXT_CHECK_AT);
    assert_true(next >= time_now + pause / 2 && next <= time_now + pause);
    set_time(next - 1);
    assert_int_equal(activate(0), 0);
    set_time(next);
    pause = 2 * pause < 3600 * SECOND ? 2 * pause : 3600 * SECOND;
  }
  script(INVSRC_OUTCOME_OK, NULL);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
  life_assert_event("source.activated");
  life_assert_text(INVSRC_SOURCE_LAST_ERROR, "");
  assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), 0);
}

static void a_refused_credential_waits_for_a_rotation(void **state) {
  (void)state;
  invsrc_testkit_script_agent(now_living.kit, AGENT, TOKEN("new"), INVSRC_OUTCOME_OK, NULL);
  assert_int_equal(activate(INVSRC_OUTCOME_REFUSED), 1);
  life_assert_event("source.unreachable");
  set_time(START + 30 * 86400 * SECOND);
  assert_int_equal(activate(0), 0);
  life_assert_text(INVSRC_SOURCE_STATUS, "PENDING");
  assert_int_equal(life_update("{\"auth\":" TOKEN("new") "}", NULL), 200);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
  life_assert_text(INVSRC_SOURCE_STATUS, "ACTIVE");
}

/* The check of the claimed source, up to its probe. */
static invsrc_call *begin_check(void) {
  invsrc_source_list *list = invsrc_source_list_new();
  invsrc_call *call = NULL;
  const void *sealed;
  uint64_t length;
  int32_t want;

  assert_int_equal(
      invsrc_memory_store()->due(now_living.memory, time_now, time_now + MINUTE, 9, list),
      INVSRC_OUTCOME_OK);
  assert_int_equal(invsrc_source_list_count(list), 1);
  sealed = invsrc_source_list_sealed(list, 0, &length);
  assert_int_equal(invsrc_call_new_check(now_living.service, invsrc_source_list_at(list, 0), sealed,
                                         length, &call),
                   INVSRC_OK);
  invsrc_source_list_free(list);
  while ((want = invsrc_call_step(call)) != INVSRC_WANT_PROBE) {
    assert_true(want > INVSRC_WANT_NONE);
    assert_int_equal(invsrc_call_perform(call), INVSRC_OK);
  }
  return call;
}

static int32_t end_check(invsrc_call *call) {
  int32_t outcome;

  while (invsrc_call_step(call) > INVSRC_WANT_NONE)
    assert_int_equal(invsrc_call_perform(call), INVSRC_OK);
  outcome = invsrc_call_check_outcome(call);
  invsrc_call_free(call);
  return outcome;
}

/* Whatever came between, the old credential's proof is nobody's. */
static void a_change_during_the_probe_makes_its_result_nobody_s(void **state) {
  static const char *const changes[] = {
      "{\"auth\":" TOKEN("new") "}",
      "{\"endpointUrl\":\"" OTHER_AGENT "\"}",
      "{\"status\":\"DISABLED\"}",
  };
  invsrc_call *call;

  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    call = begin_check();
    assert_int_equal(invsrc_call_check_outcome(call), 0);
    assert_int_equal(life_update(changes[i], NULL), 200);
    assert_int_equal(invsrc_call_answer_probe(call, INVSRC_OUTCOME_PROVEN, NULL, 0), INVSRC_OK);
    assert_int_equal(end_check(call), INVSRC_OUTCOME_CONFLICT);
    life_assert_text(INVSRC_SOURCE_STATUS, i < 2 ? "PENDING" : "DISABLED");
    assert_int_equal(life_number(INVSRC_SOURCE_CREDENTIAL_PROVEN), 0);
  }
}

/* Its lease has ended, and somebody else has claimed the source: that claim stays. */
static void a_late_result_is_nobody_s(void **state) {
  invsrc_call *late = begin_check(), *current;

  (void)state;
  set_time(START + MINUTE);
  current = begin_check();
  assert_int_equal(invsrc_call_answer_probe(late, INVSRC_OUTCOME_UNREACHABLE, "no", 2), INVSRC_OK);
  assert_int_equal(end_check(late), INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), START + 2 * MINUTE);
  assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), 0);
  assert_int_equal(invsrc_call_answer_probe(current, INVSRC_OUTCOME_OK, NULL, 0), INVSRC_OK);
  assert_int_equal(end_check(current), INVSRC_OUTCOME_OK);
}

static void a_source_removed_during_its_probe_stays_away(void **state) {
  invsrc_call *call = begin_check();

  (void)state;
  assert_int_equal(life_remove(), 204);
  assert_int_equal(invsrc_call_answer_probe(call, INVSRC_OUTCOME_OK, NULL, 0), INVSRC_OK);
  assert_int_equal(end_check(call), INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(life_remove(), 404);
}

static void active_sources_are_checked_again_where_that_is_set(void **state) {
  (void)state;
  assert_int_equal(invsrc_options_set_recheck(now_living.options, 300), INVSRC_OK);
  life_renew_service();
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
  life_assert_event("source.activated");
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), START + 300 * SECOND);
  set_time(START + 300 * SECOND);
  script(INVSRC_OUTCOME_UNREACHABLE, "gone");
  assert_int_equal(activate(INVSRC_OUTCOME_UNREACHABLE), 1);
  life_assert_text(INVSRC_SOURCE_STATUS, "ACTIVE");
  life_assert_event("source.unreachable");
  set_time(life_number(INVSRC_SOURCE_NEXT_CHECK_AT));
  script(INVSRC_OUTCOME_REFUSED, "no");
  assert_int_equal(activate(INVSRC_OUTCOME_REFUSED), 1);
  life_assert_event(NULL);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), time_now + 300 * SECOND);
  set_time(time_now + 300 * SECOND);
  script(INVSRC_OUTCOME_OK, NULL);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
  life_assert_event("source.recovered");
  assert_int_equal(life_number(INVSRC_SOURCE_REVISION), 4);
  assert_int_equal(life_number(INVSRC_SOURCE_UPDATED_AT), START);
}

/* An agent that was told to be away, and answers with another credential. */
static void a_rotation_that_mends_is_told(void **state) {
  (void)state;
  assert_int_equal(invsrc_options_set_recheck(now_living.options, 300), INVSRC_OK);
  life_renew_service();
  invsrc_testkit_script_agent(now_living.kit, AGENT, TOKEN("old"), INVSRC_OUTCOME_OK, NULL);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
  invsrc_testkit_script_agent(now_living.kit, AGENT, TOKEN("new"), INVSRC_OUTCOME_OK, NULL);
  set_time(START + 300 * SECOND);
  assert_int_equal(activate(INVSRC_OUTCOME_REFUSED), 1);
  life_assert_event("source.unreachable");
  assert_int_equal(life_update("{\"auth\":" TOKEN("new") "}", NULL), 200);
  life_assert_event("source.updated");
  assert_int_equal(life_number(INVSRC_SOURCE_UNREACHABLE), 1);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
  life_assert_event("source.recovered");
  /* And within the update, where that asks the agent. */
  invsrc_testkit_script_agent(now_living.kit, AGENT, TOKEN("newer"), INVSRC_OUTCOME_OK, NULL);
  set_time(START + 600 * SECOND);
  assert_int_equal(activate(INVSRC_OUTCOME_REFUSED), 1);
  life_assert_event("source.unreachable");
  assert_int_equal(life_update("{\"status\":\"ACTIVE\",\"auth\":" TOKEN("newer") "}", NULL), 200);
  life_assert_event("source.recovered");
  assert_int_equal(life_number(INVSRC_SOURCE_UNREACHABLE), 0);
}

/* Nothing is known of the agent, but the pauses grow all the same. */
static void a_vault_that_fails_is_not_pestered(void **state) {
  int64_t pause = 10 * SECOND;

  (void)state;
  for (int attempt = 1; attempt <= 5; attempt++, pause *= 2) {
    invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_OPEN, 1, INVSRC_OUTCOME_REFUSED);
    assert_int_equal(activate(INVSRC_OUTCOME_FAILED), 1);
    assert_true(life_number(INVSRC_SOURCE_NEXT_CHECK_AT) >= time_now + pause / 2);
    set_time(life_number(INVSRC_SOURCE_NEXT_CHECK_AT));
  }
  assert_int_equal(life_number(INVSRC_SOURCE_LAST_CHECKED_AT), 0);
  life_assert_event(NULL);
}

static void a_credential_that_does_not_open_is_told_and_tried_again(void **state) {
  (void)state;
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_OPEN, 1, INVSRC_OUTCOME_REFUSED);
  assert_int_equal(activate(INVSRC_OUTCOME_FAILED), 1);
  life_assert_text(INVSRC_SOURCE_LAST_ERROR,
                   "the stored credential cannot be opened: is its master key at hand?");
  assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), 1);
  assert_int_equal(life_number(INVSRC_SOURCE_LAST_CHECKED_AT), 0);
  life_assert_event(NULL);
  set_time(START + 10 * SECOND);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
}

static void what_fails_besides_the_agent_is_tried_again(void **state) {
  static const struct {
    int32_t effect;
    int32_t outcome;
    int32_t expected;
  } rows[] = {
      {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE},
      {INVSRC_EFFECT_OPEN, 55, INVSRC_OUTCOME_FAILED},
      {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE},
      {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_FAILED, INVSRC_OUTCOME_FAILED},
      {INVSRC_EFFECT_PROBE, 55, INVSRC_OUTCOME_FAILED},
      {INVSRC_EFFECT_RANDOM, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_FAILED, INVSRC_OUTCOME_FAILED},
      {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_NOT_FOUND, INVSRC_OUTCOME_CONFLICT},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_testkit_fail(now_living.kit, rows[i].effect, 1, rows[i].outcome);
    assert_int_equal(activate(rows[i].expected), 1);
    invsrc_testkit_reset(now_living.kit);
    life_assert_text(INVSRC_SOURCE_STATUS, "PENDING");
    assert_int_equal(life_number(INVSRC_SOURCE_LAST_CHECKED_AT), 0);
    /* At the latest when the lease is over, or the pause. */
    set_time(time_now + 3600 * SECOND);
  }
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
}

/* ---- Stores that break the rules -------------------------------------------------- */

static int32_t due_and_fail(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                            invsrc_source_list *list) {
  invsrc_memory_store()->due(context, now, lease_end, limit, list);
  return INVSRC_OUTCOME_UNAVAILABLE;
}

/* Before what is due, a source of which hardly anything is there. */
static int32_t due_and_more(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                            invsrc_source_list *list) {
  invsrc_source *half = invsrc_source_new();

  invsrc_source_set_text(half, INVSRC_SOURCE_ID, "7", 1);
  if (invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_DUE) == 1)
    invsrc_source_list_append(list, half, NULL, 0);
  invsrc_source_free(half);
  return invsrc_memory_store()->due(context, now, lease_end, limit, list);
}

static void set_due(int32_t (*due)(void *, int64_t, int64_t, uint64_t, invsrc_source_list *)) {
  invsrc_store_vtable table = *invsrc_memory_store();

  table.due = due;
  invsrc_testkit_use_store(now_living.kit, &table, now_living.memory);
  invsrc_testkit_install(now_living.kit, now_living.options);
  life_renew_service();
}

static void what_was_not_claimed_is_not_probed(void **state) {
  (void)state;
  set_due(due_and_fail);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 9, NULL, NULL, NULL),
                   INVSRC_EUNAVAILABLE);
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_PROBE), 0);
}

static void a_source_that_is_none_is_told_and_passed_over(void **state) {
  (void)state;
  set_due(due_and_more);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 2);
  life_assert_text(INVSRC_SOURCE_STATUS, "ACTIVE");
}

/* ---- Many ------------------------------------------------------------------------- */

static void create_many(int count) {
  for (int i = 0; i < count; i++) {
    char body[400];
    snprintf(body, sizeof body,
             "{\"name\":\"Agent %d\",\"type\":\"SALES\",\"endpointUrl\":\"" AGENT
             "\",\"protocol\":\"MCP\",\"authenticationType\":\"API_KEY\"" WITH_TOKEN("old") "}",
             i);
    assert_int_equal(life_create(body), 201);
  }
}

static void no_more_than_the_most_are_claimed(void **state) {
  heard got = {0};

  (void)state;
  create_many(99);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 40, hear, &got, NULL), INVSRC_OK);
  assert_int_equal(got.checks, 40);
  assert_int_equal(got.claimed, 40);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 60);
}

/* The caller's time is a day ahead of the service's. */
static void by_another_clock_each_is_checked_once_too(void **state) {
  heard got = {0};

  (void)state;
  script(INVSRC_OUTCOME_UNREACHABLE, "no");
  assert_int_equal(
      invsrc_activate_due(now_living.service, START + 86400 * SECOND, 1000, hear, &got, NULL),
      INVSRC_OK);
  assert_int_equal(got.checks, 1);
  assert_true(life_number(INVSRC_SOURCE_NEXT_CHECK_AT) > START + 86400 * SECOND);
}

static void the_visitor_may_stop_it(void **state) {
  heard got = {.stop_after = 5};

  (void)state;
  create_many(99);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 100, hear, &got, NULL),
                   INVSRC_OK);
  /* What was claimed by then is still checked. */
  assert_int_equal(got.checks, got.claimed);
  assert_true(got.checks < 100);
}

/* Takes all that there is before it ends the first, and the last it took first. */
static int32_t probe_backwards(void *context, invsrc_probes *probes) {
  invsrc_probe *taken[128];
  size_t count = 0;

  (void)context;
  while (count < 128 && (taken[count] = invsrc_probes_next(probes))) count++;
  assert_true(count > 64);
  while (count > 0) invsrc_probe_end(taken[--count], INVSRC_OUTCOME_PROVEN, "not told");
  return INVSRC_OUTCOME_OK;
}

/* Ends one of those that it takes, and drops the others. */
static int32_t probe_by_halves(void *context, invsrc_probes *probes) {
  invsrc_probe *first = invsrc_probes_next(probes);

  if (!first) return INVSRC_OUTCOME_OK;
  for (int i = 0; i < 3; i++) assert_non_null(invsrc_probes_next(probes));
  invsrc_probe_end(first, INVSRC_OUTCOME_OK, NULL);
  return *(int32_t *)context;
}

static void set_prober(int32_t (*probe)(void *, invsrc_probes *), void *context) {
  const invsrc_prober_vtable table = {sizeof table, 0, probe};

  invsrc_options_set_prober(now_living.options, &table, context);
  life_renew_service();
}

static void many_are_under_way_at_a_time(void **state) {
  heard got = {0};

  (void)state;
  create_many(99);
  set_prober(probe_backwards, NULL);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 100, hear, &got, NULL),
                   INVSRC_OK);
  assert_int_equal(got.checks, 100);
  assert_int_equal(got.outcome, INVSRC_OUTCOME_PROVEN);
  assert_string_equal(got.reason, "");
}

static void what_a_prober_drops_is_due_again_after_the_lease(void **state) {
  int32_t outcome = INVSRC_OUTCOME_OK;
  heard got = {0};

  (void)state;
  create_many(9);
  set_prober(probe_by_halves, &outcome);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 100, hear, &got, NULL),
                   INVSRC_OK);
  assert_int_equal(got.checks, 1);
  set_time(START + INVSRC_LEASE_DEFAULT * SECOND - 1);
  assert_int_equal(activate(0), 0);
  set_time(START + INVSRC_LEASE_DEFAULT * SECOND);
  outcome = INVSRC_OUTCOME_UNAVAILABLE;
  assert_int_equal(invsrc_activate_due(now_living.service, time_now, 100, NULL, NULL, NULL),
                   INVSRC_EUNAVAILABLE);
  outcome = INVSRC_OUTCOME_FAILED;
  set_time(time_now + INVSRC_LEASE_DEFAULT * SECOND);
  assert_int_equal(invsrc_activate_due(now_living.service, time_now, 100, NULL, NULL, NULL),
                   INVSRC_EIO);
}

/* Two processes on one store, as far as the store can tell. */
static void no_two_check_the_same_within_a_lease(void **state) {
  heard first = {.stop_after = 1}, second = {0};
  invsrc_service *other = NULL;

  (void)state;
  create_many(99);
  assert_int_equal(invsrc_service_new(now_living.options, &other, NULL), INVSRC_OK);
  script(INVSRC_OUTCOME_UNREACHABLE, "no");
  assert_int_equal(invsrc_activate_due(now_living.service, START, 100, hear, &first, NULL),
                   INVSRC_OK);
  assert_int_equal(invsrc_activate_due(other, START, 100, hear, &second, NULL), INVSRC_OK);
  assert_int_equal(first.checks + second.checks, 100);
  assert_true(first.checks < 100);
  invsrc_service_free(other);
}

/* While the first is under way, another is created and its time comes. */
static int32_t probe_and_create(void *context, invsrc_probes *probes) {
  invsrc_probe *first = invsrc_probes_next(probes), *second;

  set_time(time_now + MINUTE);
  create_many(1);
  second = invsrc_probes_next(probes);
  *(int *)context = second != NULL;
  if (second) invsrc_probe_end(second, INVSRC_OUTCOME_OK, NULL);
  invsrc_probe_end(first, INVSRC_OUTCOME_OK, NULL);
  return INVSRC_OUTCOME_OK;
}

static void by_the_clock_what_becomes_due_meanwhile_is_claimed(void **state) {
  int was_claimed = 0;

  (void)state;
  set_prober(probe_and_create, &was_claimed);
  assert_int_equal(invsrc_activate_due(now_living.service, 0, 9, NULL, NULL, NULL), INVSRC_OK);
  assert_true(was_claimed);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_NOW, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(invsrc_activate_due(now_living.service, 0, 9, NULL, NULL, NULL),
                   INVSRC_EUNAVAILABLE);
}

/* A time that is none is a clock that failed, and nothing is reckoned with it. */
static void a_clock_that_tells_no_time_has_failed(void **state) {
  static const int64_t times[] = {INT64_MAX, INVSRC_TIME_LIMIT + 1, -1, INT64_MIN};

  (void)state;
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    uint64_t claims = invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_DUE);
    invsrc_testkit_set_time(now_living.kit, times[i]);
    assert_int_equal(invsrc_activate_due(now_living.service, 0, 9, NULL, NULL, NULL), INVSRC_EIO);
    assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_DUE), claims);
    /* By the caller's time it is claimed, but the result has no date. */
    time_now = START + (int64_t)i * INVSRC_LEASE_DEFAULT * SECOND;
    assert_int_equal(activate(INVSRC_OUTCOME_FAILED), 1);
    set_time(time_now);
    assert_int_equal(life_number(INVSRC_SOURCE_LAST_CHECKED_AT), 0);
    assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT),
                     time_now + INVSRC_LEASE_DEFAULT * SECOND);
  }
}

static void by_a_time_only_what_is_due_then_is_claimed(void **state) {
  int was_claimed = 1;

  (void)state;
  set_prober(probe_and_create, &was_claimed);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 9, NULL, NULL, NULL), INVSRC_OK);
  assert_false(was_claimed);
}

static void a_store_that_cannot_claim_is_told(void **state) {
  (void)state;
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_DUE, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 9, NULL, NULL, NULL),
                   INVSRC_EUNAVAILABLE);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_DUE, 1, INVSRC_OUTCOME_FAILED);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 9, NULL, NULL, NULL), INVSRC_EIO);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
}

static void wrong_arguments(void **state) {
  invsrc_source *source = invsrc_source_new();
  invsrc_call *call = NULL;

  (void)state;
  assert_int_equal(invsrc_activate_due(NULL, START, 1, NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_activate_due(now_living.service, -1, 1, NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(
      invsrc_activate_due(now_living.service, INVSRC_TIME_LIMIT + 1, 1, NULL, NULL, NULL),
      INVSRC_EINVAL);
  assert_int_equal(activate(INVSRC_OUTCOME_OK), 1);
  assert_int_equal(invsrc_activate_due(now_living.service, START, 0, NULL, NULL, NULL), INVSRC_OK);
  assert_int_equal(invsrc_call_new_check(now_living.service, source, NULL, 0, &call),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_call_new_check(now_living.service, NULL, NULL, 0, &call), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_new_check(NULL, source, NULL, 0, &call), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_check_outcome(NULL), 0);
  assert_string_equal(invsrc_call_check_reason(NULL), "");
  assert_null(invsrc_probes_next(NULL));
  assert_null(invsrc_probe_source(NULL));
  assert_null(invsrc_probe_credential(NULL, NULL));
  assert_null(invsrc_probe_tool(NULL));
  invsrc_probe_end(NULL, INVSRC_OUTCOME_OK, NULL);
  assert_int_equal(invsrc_options_set_lease(now_living.options, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_lease(now_living.options, INVSRC_LEASE_LIMIT + 1),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_recheck(now_living.options, INVSRC_RECHECK_LIMIT + 1),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_probe_tool(now_living.options, ""), INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_probe_tool(now_living.options, "a b"), INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_probe_tool(now_living.options, "get_products"), INVSRC_OK);
  assert_int_equal(invsrc_options_set_probe_tool(now_living.options, NULL), INVSRC_OK);
  invsrc_source_free(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, life_end)

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(a_source_that_answers_is_active),
      TEST(a_credential_that_is_proven_is_known_to_be),
      TEST(an_agent_out_of_reach_is_tried_again_with_growing_pauses),
      TEST(a_refused_credential_waits_for_a_rotation),
      TEST(a_change_during_the_probe_makes_its_result_nobody_s),
      TEST(a_late_result_is_nobody_s),
      TEST(a_source_removed_during_its_probe_stays_away),
      TEST(active_sources_are_checked_again_where_that_is_set),
      TEST(a_rotation_that_mends_is_told),
      TEST(a_vault_that_fails_is_not_pestered),
      TEST(a_credential_that_does_not_open_is_told_and_tried_again),
      TEST(what_fails_besides_the_agent_is_tried_again),
      TEST(what_was_not_claimed_is_not_probed),
      TEST(a_source_that_is_none_is_told_and_passed_over),
      TEST(no_more_than_the_most_are_claimed),
      TEST(by_another_clock_each_is_checked_once_too),
      TEST(the_visitor_may_stop_it),
      TEST(many_are_under_way_at_a_time),
      TEST(what_a_prober_drops_is_due_again_after_the_lease),
      TEST(no_two_check_the_same_within_a_lease),
      TEST(by_the_clock_what_becomes_due_meanwhile_is_claimed),
      TEST(a_clock_that_tells_no_time_has_failed),
      TEST(by_a_time_only_what_is_due_then_is_claimed),
      TEST(a_store_that_cannot_claim_is_told),
      TEST(wrong_arguments),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
