/*
 * Tokens that are refreshed within the check of their source: when, what comes of it, and
 * those who come between. Time is the testkit's.
 */
#include "consent.h"

#define NEW_TOKENS "{\"type\":\"oauth\",\"access_token\":\"fresh\"}"
#define NEXT_REFRESH_AT (REFRESH_AT + 1800 * SECOND)

/* What the prober does with refreshes and with agents, and what it was given for it. */
static struct {
  int32_t refresh;     /* 0: OK */
  int32_t agent;       /* 0: OK */
  int32_t agent_later; /* from the second time on; 0: as `agent` */
  const char *reason;
  const char *tokens;
  int64_t refresh_at;
  void (*meanwhile)(void); /* once, while tokens are refreshed */
  int refreshes;
  int probes;
  char refreshed[128];
  char probed[128];
} agent;

static void refresh(invsrc_probe *probe) {
  void (*meanwhile)(void) = agent.meanwhile;
  uint64_t length;
  const char *credential = invsrc_probe_credential(probe, &length);

  agent.refreshes++;
  keep_text(agent.refreshed, sizeof agent.refreshed, credential, length);
  agent.meanwhile = NULL;
  if (meanwhile) meanwhile();
  if (agent.refresh)
    invsrc_probe_end(probe, agent.refresh, agent.reason);
  else
    invsrc_probe_end_refreshed(probe, agent.tokens, strlen(agent.tokens), agent.refresh_at);
}

static void ask(invsrc_probe *probe) {
  uint64_t length;
  const char *credential = invsrc_probe_credential(probe, &length);
  int32_t outcome = agent.probes++ && agent.agent_later ? agent.agent_later : agent.agent;

  keep_text(agent.probed, sizeof agent.probed, credential, length);
  invsrc_probe_forget(probe);
  invsrc_probe_end(probe, outcome ? outcome : INVSRC_OUTCOME_OK, "what the agent says");
}

static int32_t probe_all(void *context, invsrc_probes *probes) {
  invsrc_probe *probe;

  (void)context;
  while ((probe = invsrc_probes_next(probes))) {
    if (invsrc_probe_is_refresh(probe))
      refresh(probe);
    else
      ask(probe);
  }
  return INVSRC_OUTCOME_OK;
}

/* ---- Checking ------------------------------------------------------------------ */

static int64_t time_now;
static char last_reason[256];

static void set_time(int64_t milliseconds) {
  time_now = milliseconds;
  invsrc_testkit_set_time(now_living.kit, milliseconds);
}

static int32_t hear(void *context, const invsrc_check *check) {
  int32_t *outcome = context;

  if (*outcome) return 0;
  *outcome = check->outcome;
  snprintf(last_reason, sizeof last_reason, "%s", check->reason);
  return 0;
}

/* Checks what is due; returns what came of the first source, 0 where none is. */
static int32_t check(void) {
  int32_t outcome = 0;

  assert_int_equal(invsrc_activate_due(now_living.service, time_now, 9, hear, &outcome, NULL),
                   INVSRC_OK);
  return outcome;
}

static void assert_tokens(const char *expected) {
  invsrc_response *read = life_read();
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
  invsrc_binding binding = {.size = sizeof binding,
                            .storefront = "acme",
                            .storefront_length = 4,
                            .purpose = INVSRC_PURPOSE_CREDENTIAL,
                            .purpose_length = strlen(INVSRC_PURPOSE_CREDENTIAL)};
  uint64_t length;

  assert_int_equal(invsrc_memory_store()->get(now_living.memory, ACME, "agent", 5, source, sealed),
                   INVSRC_OUTCOME_OK);
  binding.id = invsrc_source_text(source, INVSRC_SOURCE_ID, &binding.id_length);
  invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(length > 0, expected != NULL);
  if (expected) {
    assert_int_equal(
        life_open(&now_living, &binding, invsrc_buffer_bytes(sealed, NULL), length, opened),
        INVSRC_OUTCOME_OK);
    assert_string_equal(invsrc_buffer_bytes(opened, NULL), expected);
  }
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  invsrc_buffer_free(opened);
  invsrc_response_free(read);
}

/* A source that is ACTIVE, and whose tokens are due now. */
static int begin(void **state) {
  static const invsrc_prober_vtable prober = {sizeof prober, 0, probe_all};

  consent_begin(state);
  memset(&agent, 0, sizeof agent);
  agent.tokens = NEW_TOKENS;
  agent.refresh_at = NEXT_REFRESH_AT;
  assert_int_equal(invsrc_testkit_use_prober(now_living.kit, &prober, NULL), INVSRC_OK);
  set_time(START);
  create_connected();
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  life_assert_event("source.activated");
  assert_int_equal(agent.refreshes, 0);
  assert_string_equal(agent.probed, TOKENS);
  agent.probes = 0;
  set_time(REFRESH_AT);
  return 0;
}

/* ---- In time ------------------------------------------------------------------- */

static void tokens_are_refreshed_in_time_and_the_agent_asked_with_them(void **state) {
  (void)state;
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), REFRESH_AT);
  set_time(REFRESH_AT - 1);
  assert_int_equal(check(), 0);
  set_time(REFRESH_AT);
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_int_equal(agent.refreshes, 1);
  assert_string_equal(agent.refreshed, TOKENS);
  assert_int_equal(agent.probes, 1);
  assert_string_equal(agent.probed, NEW_TOKENS);
  assert_tokens(NEW_TOKENS);
  assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), NEXT_REFRESH_AT);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), NEXT_REFRESH_AT);
  assert_int_equal(life_number(INVSRC_SOURCE_LAST_CHECKED_AT), REFRESH_AT);
  assert_int_equal(consent_kept(), 1);
  assert_int_equal(now_asked.revokes, 0);
  life_assert_event(NULL);
}

static void tokens_that_last_are_not_refreshed_again(void **state) {
  (void)state;
  agent.refresh_at = 0;
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), 0);
  set_time(REFRESH_AT + 30 * 86400 * SECOND);
  assert_int_equal(check(), 0);
}

static void what_comes_sooner_is_done_first(void **state) {
  (void)state;
  assert_int_equal(invsrc_options_set_recheck(now_living.options, 600), INVSRC_OK);
  life_renew_service();
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), REFRESH_AT + 600 * SECOND);
  for (int i = 1; i <= 2; i++) {
    set_time(REFRESH_AT + i * 600 * SECOND);
    assert_int_equal(check(), INVSRC_OUTCOME_OK);
    assert_int_equal(agent.refreshes, 1);
  }
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), NEXT_REFRESH_AT);
}

static void the_agent_of_a_disabled_source_is_left_alone(void **state) {
  (void)state;
  assert_int_equal(life_update("{\"status\":\"DISABLED\"}", NULL), 200);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), REFRESH_AT);
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_int_equal(agent.refreshes, 1);
  assert_int_equal(agent.probes, 0);
  assert_tokens(NEW_TOKENS);
  life_assert_text(INVSRC_SOURCE_STATUS, "DISABLED");
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), NEXT_REFRESH_AT);
  assert_int_equal(life_number(INVSRC_SOURCE_LAST_CHECKED_AT), 0);
  assert_int_equal(consent_kept(), 1);
  /* And what fails is tried again, without a word. */
  life_assert_event("source.disabled");
  agent.refresh = INVSRC_OUTCOME_UNREACHABLE;
  set_time(NEXT_REFRESH_AT);
  for (int i = 1; i <= 7; i++) {
    assert_int_equal(check(), INVSRC_OUTCOME_FAILED);
    assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), i);
    set_time(life_number(INVSRC_SOURCE_NEXT_CHECK_AT));
  }
  life_assert_event(NULL);
  agent.refresh = 0;
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), 0);
  life_assert_text(INVSRC_SOURCE_LAST_ERROR, "");
}

/* ---- Refused ------------------------------------------------------------------- */

static void tokens_that_are_refused_for_good_need_a_consent(void **state) {
  (void)state;
  agent.refresh = INVSRC_OUTCOME_REFUSED;
  agent.reason = "the authorization server answered invalid_grant";
  assert_int_equal(check(), INVSRC_OUTCOME_REFUSED);
  assert_string_equal(last_reason, agent.reason);
  assert_int_equal(agent.probes, 0);
  assert_tokens(NULL);
  assert_int_equal(consent_kept(), 0);
  assert_int_equal(now_asked.revokes, 0);
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 0);
  assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), 0);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), 0);
  assert_int_equal(life_number(INVSRC_SOURCE_UPDATED_AT), REFRESH_AT);
  life_assert_text(INVSRC_SOURCE_LAST_ERROR, agent.reason);
  life_assert_text(INVSRC_SOURCE_STATUS, "ACTIVE");
  life_assert_event("source.consent_required");
  assert_non_null(strstr(
      invsrc_event_text(invsrc_testkit_last_event(now_living.kit), INVSRC_EVENT_PAYLOAD, NULL),
      "\"reason\":\"the authorization server answered invalid_grant\""));
  /* A new one mends it. */
  assert_int_equal(ask_authorize("", "authorizationUrl"), 200);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  agent.refresh = 0;
  now_asked.refresh_at = 0;
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  life_assert_text(INVSRC_SOURCE_LAST_ERROR, "");
}

static void a_refusal_without_a_reason_gets_one(void **state) {
  (void)state;
  agent.refresh = INVSRC_OUTCOME_REFUSED;
  assert_int_equal(check(), INVSRC_OUTCOME_REFUSED);
  assert_string_equal(last_reason, "the authorization server refuses to refresh the tokens");
}

/* The source was changed meanwhile, or cannot be written: it is refused again later. */
static void a_refusal_that_cannot_be_kept_comes_again(void **state) {
  static const struct {
    int32_t effect;
    uint64_t nth;
    int32_t outcome;
    int32_t expected;
  } rows[] = {
      {INVSRC_EFFECT_RANDOM, 1, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE},
      {INVSRC_EFFECT_UPDATE, 1, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE},
      {INVSRC_EFFECT_UPDATE, 1, INVSRC_OUTCOME_FAILED, INVSRC_OUTCOME_FAILED},
      {INVSRC_EFFECT_UPDATE, 1, INVSRC_OUTCOME_CONFLICT, INVSRC_OUTCOME_CONFLICT},
      {INVSRC_EFFECT_UPDATE, 1, INVSRC_OUTCOME_NOT_FOUND, INVSRC_OUTCOME_CONFLICT},
  };

  (void)state;
  agent.refresh = INVSRC_OUTCOME_REFUSED;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_testkit_reset(now_living.kit);
    invsrc_testkit_fail(now_living.kit, rows[i].effect, rows[i].nth, rows[i].outcome);
    assert_int_equal(check(), rows[i].expected);
    invsrc_testkit_reset(now_living.kit);
    assert_tokens(TOKENS);
    assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
    life_assert_event(NULL);
    set_time(time_now + 300 * SECOND);
  }
  assert_int_equal(check(), INVSRC_OUTCOME_REFUSED);
  life_assert_event("source.consent_required");
}

/* ---- Out of reach -------------------------------------------------------------- */

static void a_server_out_of_reach_is_tried_again_and_told_late(void **state) {
  (void)state;
  agent.refresh = INVSRC_OUTCOME_UNREACHABLE;
  agent.reason = "the token endpoint cannot be reached";
  for (int i = 1; i <= 7; i++) {
    assert_int_equal(check(), i < 5 ? INVSRC_OUTCOME_FAILED : INVSRC_OUTCOME_UNREACHABLE);
    assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), i);
    life_assert_text(INVSRC_SOURCE_LAST_ERROR, agent.reason);
    life_assert_event(i == 5 ? "source.unreachable" : NULL);
    assert_true(life_number(INVSRC_SOURCE_NEXT_CHECK_AT) > time_now);
    assert_tokens(TOKENS);
    set_time(life_number(INVSRC_SOURCE_NEXT_CHECK_AT));
  }
  assert_int_equal(agent.probes, 0);
  agent.refresh = 0;
  agent.refresh_at = time_now + 600 * SECOND;
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_string_equal(agent.probed, NEW_TOKENS);
  life_assert_event("source.recovered");
  assert_int_equal(life_number(INVSRC_SOURCE_ATTEMPTS), 0);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), agent.refresh_at);
  assert_int_equal(consent_kept(), 1);
}

static void what_is_not_the_server_s_fault_is_not_told(void **state) {
  static const struct {
    int32_t outcome;
    int32_t expected;
  } rows[] = {{INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE},
              {INVSRC_OUTCOME_FAILED, INVSRC_OUTCOME_FAILED},
              {INVSRC_OUTCOME_NOT_IMPLEMENTED, INVSRC_OUTCOME_FAILED},
              {INVSRC_OUTCOME_OK, INVSRC_OUTCOME_FAILED}, /* as of a probe: without tokens */
              {INVSRC_OUTCOME_PROVEN, INVSRC_OUTCOME_FAILED},
              {99, INVSRC_OUTCOME_FAILED}};

  (void)state;
  for (int i = 0; i < 12; i++) {
    agent.refresh = rows[i % 6].outcome;
    assert_int_equal(check(), rows[i % 6].expected);
    assert_tokens(TOKENS);
    assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), REFRESH_AT);
    set_time(life_number(INVSRC_SOURCE_NEXT_CHECK_AT));
  }
  life_assert_event(NULL);
  assert_int_equal(agent.probes, 0);
  agent.refresh = 0;
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
}

static void tokens_must_be_some_and_their_time_one(void **state) {
  static const struct {
    const char *tokens;
    int64_t refresh_at;
  } rows[] = {{"", NEXT_REFRESH_AT}, {NEW_TOKENS, -1}, {NEW_TOKENS, INVSRC_TIME_LIMIT + 1}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    agent.tokens = rows[i].tokens;
    agent.refresh_at = rows[i].refresh_at;
    assert_int_equal(check(), INVSRC_OUTCOME_FAILED);
    assert_tokens(TOKENS);
    set_time(life_number(INVSRC_SOURCE_NEXT_CHECK_AT));
  }
}

/* ---- The agent that refuses ---------------------------------------------------- */

/* Before the tokens are due. */
static void let_the_agent_refuse(void) {
  assert_int_equal(invsrc_options_set_recheck(now_living.options, 300), INVSRC_OK);
  life_renew_service();
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  agent.refreshes = agent.probes = 0;
  agent.agent = INVSRC_OUTCOME_REFUSED;
  agent.tokens = TOKENS;
  set_time(REFRESH_AT + 300 * SECOND);
}

static void an_agent_that_refuses_is_asked_again_with_fresh_tokens(void **state) {
  (void)state;
  let_the_agent_refuse();
  agent.agent_later = INVSRC_OUTCOME_OK;
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_int_equal(agent.refreshes, 1);
  assert_string_equal(agent.refreshed, NEW_TOKENS);
  assert_int_equal(agent.probes, 2);
  assert_string_equal(agent.probed, TOKENS);
  life_assert_event(NULL);
  assert_int_equal(consent_kept(), 1);
}

static void an_agent_that_refuses_twice_refuses(void **state) {
  (void)state;
  let_the_agent_refuse();
  assert_int_equal(check(), INVSRC_OUTCOME_REFUSED);
  assert_string_equal(last_reason, "what the agent says");
  assert_int_equal(agent.refreshes, 1);
  assert_int_equal(agent.probes, 2);
  life_assert_event("source.unreachable");
  assert_tokens(TOKENS);
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
}

static void tokens_that_last_are_not_refreshed_where_they_are_refused(void **state) {
  (void)state;
  agent.refresh_at = 0;
  let_the_agent_refuse();
  assert_int_equal(check(), INVSRC_OUTCOME_REFUSED);
  assert_string_equal(last_reason, "what the agent says");
  assert_int_equal(agent.refreshes, 0);
  assert_int_equal(agent.probes, 1);
  life_assert_event("source.unreachable");
  assert_tokens(NEW_TOKENS);
}

/* It was refreshed just before: to do so again would change nothing. */
static void fresh_tokens_are_not_refreshed(void **state) {
  (void)state;
  agent.agent = INVSRC_OUTCOME_REFUSED;
  assert_int_equal(check(), INVSRC_OUTCOME_REFUSED);
  assert_int_equal(agent.refreshes, 1);
  assert_int_equal(agent.probes, 1);
  assert_tokens(NEW_TOKENS);
}

static void tokens_that_nobody_takes_and_nobody_refreshes_need_a_consent(void **state) {
  (void)state;
  let_the_agent_refuse();
  agent.refresh = INVSRC_OUTCOME_REFUSED;
  assert_int_equal(check(), INVSRC_OUTCOME_REFUSED);
  assert_string_equal(last_reason, "the authorization server refuses to refresh the tokens");
  assert_int_equal(agent.probes, 1);
  life_assert_event("source.consent_required");
  assert_tokens(NULL);
}

static void an_agent_that_refuses_waits_for_a_server_that_is_away(void **state) {
  (void)state;
  let_the_agent_refuse();
  agent.refresh = INVSRC_OUTCOME_UNREACHABLE;
  assert_int_equal(check(), INVSRC_OUTCOME_FAILED);
  assert_string_equal(last_reason, "the authorization server cannot be reached");
  assert_tokens(NEW_TOKENS);
  assert_true(life_number(INVSRC_SOURCE_NEXT_CHECK_AT) < time_now + 60 * SECOND);
  life_assert_event(NULL);
}

static void only_oauth_is_refreshed(void **state) {
  (void)state;
  assert_int_equal(
      life_update("{\"authenticationType\":\"API_KEY\",\"auth\":" TOKEN("key") "}", NULL), 200);
  assert_int_equal(now_asked.revokes, 1);
  agent.agent = INVSRC_OUTCOME_REFUSED;
  assert_int_equal(check(), INVSRC_OUTCOME_REFUSED);
  assert_int_equal(agent.refreshes, 0);
}

/* ---- A vault or a store that fails --------------------------------------------- */

static void what_is_busy_for_a_moment_does_not_cost_the_tokens(void **state) {
  static const int32_t effects[] = {INVSRC_EFFECT_SEAL, INVSRC_EFFECT_UPDATE};

  (void)state;
  for (size_t i = 0; i < 2; i++) {
    invsrc_testkit_reset(now_living.kit);
    /* The first update is that of the claim. */
    invsrc_testkit_fail(now_living.kit, effects[i], i + 1, INVSRC_OUTCOME_UNAVAILABLE);
    assert_int_equal(check(), INVSRC_OUTCOME_OK);
    assert_tokens(NEW_TOKENS);
    assert_int_equal(consent_kept(), 1);
    set_time(NEXT_REFRESH_AT);
    agent.refresh_at = NEXT_REFRESH_AT + 600 * SECOND;
  }
  assert_int_equal(agent.refreshes, 2);
}

/* What fails from a refresh on, and how the source is read again then; 0: as it is. */
static struct {
  int32_t effect;
  int32_t outcome;
  int32_t get;
} broken;

static void break_it(void) {
  invsrc_testkit_reset(now_living.kit);
  invsrc_testkit_fail(now_living.kit, broken.effect, 0, broken.outcome);
  if (broken.get) invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_GET, 0, broken.get);
}

static void what_stays_busy_costs_them(void **state) {
  static const struct {
    int32_t effect;
    int32_t outcome;
    int32_t expected;
    uint32_t calls;
    int revokes;
  } rows[] = {{INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE, 8, 0},
              {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_REFUSED, INVSRC_OUTCOME_FAILED, 1, 0},
              {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_OK, INVSRC_OUTCOME_FAILED, 1, 0},
              {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE, 8, 0},
              {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_FAILED, INVSRC_OUTCOME_FAILED, 1, 0},
              {INVSRC_EFFECT_UPDATE, 99, INVSRC_OUTCOME_FAILED, 1, 0},
              {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_CONFLICT, INVSRC_OUTCOME_CONFLICT, 8, 0},
              {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_NOT_FOUND, INVSRC_OUTCOME_CONFLICT, 1, 1}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int sealed = now_living.sealed - now_living.discarded;
    now_asked.revokes = 0;
    broken.effect = rows[i].effect;
    broken.outcome = rows[i].outcome;
    broken.get = 0;
    agent.meanwhile = break_it;
    if (check() != rows[i].expected) fail_msg("row %zu", i);
    assert_int_equal(invsrc_testkit_calls(now_living.kit, rows[i].effect), rows[i].calls);
    assert_int_equal(now_asked.revokes, rows[i].revokes);
    invsrc_testkit_reset(now_living.kit);
    assert_int_equal(now_living.sealed - now_living.discarded, sealed);
    assert_tokens(TOKENS); /* until the lease ends */
    assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), time_now + 120 * SECOND);
    set_time(time_now + 120 * SECOND);
  }
  assert_int_equal(agent.probes, 0);
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
}

/* The tokens that there are have not been used then. */
static void a_claim_that_cannot_be_renewed_refreshes_nothing(void **state) {
  static const struct {
    int32_t outcome;
    int32_t expected;
  } rows[] = {{INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE},
              {INVSRC_OUTCOME_FAILED, INVSRC_OUTCOME_FAILED},
              {99, INVSRC_OUTCOME_FAILED},
              {INVSRC_OUTCOME_CONFLICT, INVSRC_OUTCOME_CONFLICT},
              {INVSRC_OUTCOME_NOT_FOUND, INVSRC_OUTCOME_CONFLICT}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_testkit_reset(now_living.kit);
    invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_UPDATE, 1, rows[i].outcome);
    if (check() != rows[i].expected) fail_msg("row %zu", i);
    invsrc_testkit_reset(now_living.kit);
    assert_int_equal(agent.refreshes, 0);
    assert_int_equal(agent.probes, 0);
    assert_int_equal(now_asked.revokes, 0);
    assert_tokens(TOKENS);
    assert_int_equal(consent_kept(), 1);
    set_time(time_now + 120 * SECOND); /* until the lease ends */
  }
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_int_equal(agent.refreshes, 1);
}

static void rename_it(void) {
  assert_int_equal(life_update("{\"name\":\"Renamed\"}", NULL), 200);
}

static void a_source_that_cannot_be_read_again_keeps_the_old(void **state) {
  static const struct {
    int32_t outcome;
    int32_t expected;
    int revokes;
  } rows[] = {{INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE, 0},
              {INVSRC_OUTCOME_FAILED, INVSRC_OUTCOME_FAILED, 0},
              {INVSRC_OUTCOME_OK, INVSRC_OUTCOME_FAILED, 0},
              {INVSRC_OUTCOME_NOT_FOUND, INVSRC_OUTCOME_CONFLICT, 1}};

  (void)state;
  broken.effect = INVSRC_EFFECT_UPDATE;
  broken.outcome = INVSRC_OUTCOME_CONFLICT;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    broken.get = rows[i].outcome;
    agent.meanwhile = break_it;
    if (check() != rows[i].expected) fail_msg("row %zu", i);
    invsrc_testkit_reset(now_living.kit);
    assert_int_equal(now_asked.revokes, rows[i].revokes);
    assert_tokens(TOKENS);
    assert_int_equal(consent_kept(), 1);
    set_time(time_now + 120 * SECOND);
  }
}

static void a_store_that_is_busy_is_asked_again_what_the_source_has_become(void **state) {
  (void)state;
  agent.meanwhile = rename_it;
  /* The first reading is that of the renaming. */
  invsrc_testkit_reset(now_living.kit);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_GET, 2, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  invsrc_testkit_reset(now_living.kit);
  assert_tokens(NEW_TOKENS);
  life_assert_text(INVSRC_SOURCE_NAME, "Renamed");
  assert_int_equal(consent_kept(), 1);
}

/* ---- Those who come between ---------------------------------------------------- */

static void a_new_name_does_not_cost_the_tokens(void **state) {
  (void)state;
  agent.meanwhile = rename_it;
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_tokens(NEW_TOKENS);
  life_assert_text(INVSRC_SOURCE_NAME, "Renamed");
  assert_int_equal(agent.probes, 1);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), NEXT_REFRESH_AT);
  assert_int_equal(consent_kept(), 1);
}

static void disable_it(void) {
  assert_int_equal(life_update("{\"status\":\"DISABLED\"}", NULL), 200);
}

static void a_source_disabled_meanwhile_keeps_the_new_tokens(void **state) {
  (void)state;
  agent.meanwhile = disable_it;
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_tokens(NEW_TOKENS);
  assert_int_equal(agent.probes, 0);
  life_assert_text(INVSRC_SOURCE_STATUS, "DISABLED");
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), NEXT_REFRESH_AT);
  assert_int_equal(consent_kept(), 1);
}

static void begin_a_consent(void) {
  assert_int_equal(ask_authorize("", NULL), 200);
}

static void a_consent_begun_meanwhile_goes_on(void **state) {
  (void)state;
  agent.meanwhile = begin_a_consent;
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_tokens(NEW_TOKENS);
  assert_int_equal(consent_kept(), 2);
  now_asked.refresh_at = NEXT_REFRESH_AT;
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
  assert_tokens(TOKENS);
  assert_int_equal(consent_kept(), 1);
}

static void give_a_consent(void) {
  now_asked.tokens = "{\"type\":\"oauth\",\"access_token\":\"of another consent\"}";
  now_asked.refresh_at = NEXT_REFRESH_AT;
  assert_int_equal(ask_authorize("", NULL), 200);
  assert_int_equal(consent_status(GOOD, "Connected"), 200);
}

static void a_consent_given_meanwhile_wins(void **state) {
  (void)state;
  agent.meanwhile = give_a_consent;
  assert_int_equal(check(), INVSRC_OUTCOME_CONFLICT);
  assert_tokens(now_asked.tokens);
  assert_int_equal(agent.refreshes, 1);
  assert_string_equal(agent.probed, now_asked.tokens); /* it was due with them */
  assert_int_equal(consent_kept(), 1);
  assert_int_equal(now_asked.revokes, 0); /* the grant may be the same */
}

static const char *change_to_come;

static void change_it(void) {
  assert_int_equal(life_update(change_to_come, NULL), 200);
}

/* The old ones by who came between, and the new ones, once, by the check. */
static void assert_new_are_revoked(void) {
  assert_int_equal(now_asked.revokes, 2);
  assert_string_equal(now_asked.revoked, NEW_TOKENS);
}

static void move_it(void) {
  assert_int_equal(life_update("{\"endpointUrl\":\"" OTHER_AGENT "\"}", NULL), 200);
}

static void give_it_a_key(void) {
  assert_int_equal(
      life_update("{\"authenticationType\":\"API_KEY\",\"auth\":" TOKEN("new") "}", NULL), 200);
}

static void remove_it(void) {
  assert_int_equal(life_remove(), 204);
}

static void a_rotation_meanwhile_wins(void **state) {
  (void)state;
  agent.meanwhile = move_it;
  assert_int_equal(check(), INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 0);
  assert_tokens(NULL);
  assert_int_equal(consent_kept(), 1); /* the private state */
  assert_int_equal(agent.probes, 0);
  life_assert_text(INVSRC_SOURCE_ENDPOINT_URL, OTHER_AGENT);
  assert_new_are_revoked();
}

static void a_key_given_meanwhile_wins(void **state) {
  (void)state;
  agent.meanwhile = give_it_a_key;
  assert_int_equal(check(), INVSRC_OUTCOME_CONFLICT);
  assert_tokens(TOKEN("new"));
  assert_int_equal(consent_kept(), 1);
  assert_new_are_revoked();
}

static void a_source_removed_meanwhile_stays_away(void **state) {
  (void)state;
  agent.meanwhile = remove_it;
  assert_int_equal(check(), INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(consent_kept(), 0);
  assert_new_are_revoked();
  assert_int_equal(life_remove(), 404);
}

/* Else who gave the consent could never take it back. */
static void what_is_for_another_agent_by_then_is_revoked(void **state) {
  static const char *const changes[] = {"{\"oauthAudience\":\"urn:a\"}",
                                        "{\"authenticationType\":\"NO_AUTH\"}"};

  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    change_to_come = changes[i];
    agent.meanwhile = change_it;
    assert_int_equal(check(), INVSRC_OUTCOME_CONFLICT);
    assert_new_are_revoked();
    assert_int_equal(life_remove(), 204);
    assert_int_equal(consent_kept(), 0);
    life_assert_event("source.deleted");
    set_time(START);
    create_connected();
    assert_int_equal(check(), INVSRC_OUTCOME_OK);
    set_time(REFRESH_AT);
    now_asked.revokes = agent.probes = 0;
  }
}

static void what_cannot_be_revoked_is_forgotten_all_the_same(void **state) {
  (void)state;
  agent.meanwhile = remove_it;
  now_asked.revoke = INVSRC_OUTCOME_UNAVAILABLE;
  now_asked.reason = "the revocation endpoint is busy";
  assert_int_equal(check(), INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(consent_kept(), 0);
  assert_new_are_revoked();
  assert_string_equal(invsrc_testkit_last_log(now_living.kit),
                      "oauth revoke: the revocation endpoint is busy");
}

static char id_before[32];

static void replace_it(void) {
  invsrc_response *read = life_read();

  snprintf(id_before, sizeof id_before, "%s",
           invsrc_source_text(invsrc_response_source(read), INVSRC_SOURCE_ID, NULL));
  invsrc_response_free(read);
  remove_it();
  now_asked.refresh_at = NEXT_REFRESH_AT;
  create_connected();
}

static void another_source_of_that_name_is_not_meant(void **state) {
  (void)state;
  agent.meanwhile = replace_it;
  assert_int_equal(check(), INVSRC_OUTCOME_CONFLICT);
  assert_tokens(TOKENS);
  assert_int_equal(consent_kept(), 1);
  assert_new_are_revoked();
  assert_string_equal(now_asked.revoked_of, id_before);
}

/* ---- Leases that end ----------------------------------------------------------- */

static int64_t other_claim;

static invsrc_source_list *claim(void) {
  invsrc_source_list *list = invsrc_source_list_new();

  other_claim = time_now + 240 * SECOND;
  assert_int_equal(
      invsrc_memory_store()->due(now_living.memory, time_now + 120 * SECOND, other_claim, 9, list),
      INVSRC_OUTCOME_OK);
  assert_int_equal(invsrc_source_list_count(list), 1);
  return list;
}

static void let_another_claim(void) {
  invsrc_source_list_free(claim());
}

/* The other one has the old tokens, which may be void by now. */
static void tokens_that_come_late_are_stored_under_the_other_claim(void **state) {
  (void)state;
  agent.meanwhile = let_another_claim;
  assert_int_equal(check(), INVSRC_OUTCOME_CONFLICT);
  assert_tokens(NEW_TOKENS);
  assert_int_equal(agent.probes, 0);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), other_claim);
  assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), NEXT_REFRESH_AT);
  assert_int_equal(consent_kept(), 1);
}

static void let_another_refresh(void) {
  invsrc_source_list *list = claim();
  invsrc_call *call = NULL;
  uint64_t length;
  const void *sealed = invsrc_source_list_sealed(list, 0, &length);
  static const char tokens[] = "{\"type\":\"oauth\",\"access_token\":\"of the other\"}";

  assert_int_equal(invsrc_call_new_check(now_living.service, invsrc_source_list_at(list, 0), sealed,
                                         length, &call),
                   INVSRC_OK);
  go_to(call, INVSRC_WANT_OAUTH_REFRESH);
  assert_int_equal(invsrc_call_answer_tokens(call, INVSRC_OUTCOME_OK, tokens, strlen(tokens),
                                             NEXT_REFRESH_AT, NULL, 0),
                   INVSRC_OK);
  go_to(call, INVSRC_WANT_NONE);
  assert_int_equal(invsrc_call_check_outcome(call), INVSRC_OUTCOME_OK);
  invsrc_call_free(call);
  invsrc_source_list_free(list);
}

static void of_two_refreshes_the_first_stays(void **state) {
  (void)state;
  agent.meanwhile = let_another_refresh;
  assert_int_equal(check(), INVSRC_OUTCOME_CONFLICT);
  assert_tokens("{\"type\":\"oauth\",\"access_token\":\"of the other\"}");
  assert_int_equal(agent.probes, 1); /* the other's */
  assert_int_equal(consent_kept(), 1);
}

/* ---- Two processes on one store ------------------------------------------------ */

static int32_t count_check(void *context, const invsrc_check *check) {
  (void)check;
  ++*(int *)context;
  return 0;
}

/* How many sources another process finds due, which it checks then. */
static int check_elsewhere(void) {
  invsrc_service *service = NULL;
  int count = 0;

  assert_int_equal(invsrc_service_new(now_living.options, &service, NULL), INVSRC_OK);
  assert_int_equal(invsrc_activate_due(service, time_now, 9, count_check, &count, NULL), INVSRC_OK);
  invsrc_service_free(service);
  return count;
}

static int64_t pause;
static int checked_elsewhere;

static void change_it_and_check_elsewhere(void) {
  set_time(time_now + pause);
  change_it();
  checked_elsewhere = check_elsewhere();
}

/* Else it would use a refresh token that has been used, and the server would take back all. */
static void a_change_meanwhile_lets_nobody_else_refresh(void **state) {
  static const struct {
    const char *change;
    int64_t pause;
    int probes;
  } rows[] = {{"{\"protocol\":\"A2A\"}", 0, 1},
              {"{\"protocol\":\"MCP\"}", 119 * SECOND, 1},
              {"{\"status\":\"DISABLED\"}", 0, 0},
              {"{\"status\":\"DISABLED\"}", 119 * SECOND, 0},
              {"{\"status\":\"DISABLED\",\"protocol\":\"A2A\"}", 1, 0},
              {"{\"protocol\":\"MCP\"}", -5 * SECOND, 1}}; /* no two clocks are the same */

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    agent.refreshes = agent.probes = 0;
    agent.refresh_at = time_now + 1800 * SECOND;
    change_to_come = rows[i].change;
    pause = rows[i].pause;
    checked_elsewhere = -1;
    agent.meanwhile = change_it_and_check_elsewhere;
    if (check() != INVSRC_OUTCOME_OK) fail_msg("row %zu", i);
    assert_int_equal(checked_elsewhere, 0);
    assert_int_equal(agent.refreshes, 1);
    assert_int_equal(agent.probes, rows[i].probes);
    assert_tokens(NEW_TOKENS);
    assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
    assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), agent.refresh_at);
    assert_int_equal(consent_kept(), 1);
    assert_int_equal(check_elsewhere(), 0);
    if (!rows[i].probes) assert_int_equal(life_update("{\"status\":\"ACTIVE\"}", NULL), 200);
    set_time(agent.refresh_at);
  }
}

/* A short lease is no shorter than a refresh may take. */
static void a_claim_lasts_as_long_as_a_refresh(void **state) {
  (void)state;
  assert_int_equal(invsrc_options_set_lease(now_living.options, 1), INVSRC_OK);
  life_renew_service();
  change_to_come = "{\"protocol\":\"A2A\"}";
  pause = 19 * SECOND;
  agent.meanwhile = change_it_and_check_elsewhere;
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_int_equal(checked_elsewhere, 0);
  assert_int_equal(agent.refreshes, 1);
  assert_tokens(NEW_TOKENS);
}

/* What becomes due so soon may be claimed; what does so later nobody is at. */
static void a_change_is_checked_at_once_where_nobody_has_claimed(void **state) {
  static const struct {
    int64_t before; /* the tokens are due */
    int is_left;
  } rows[] = {{150 * SECOND, 0}, {120 * SECOND, 1}, {1, 1}, {0, 0}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    agent.refreshes = 0;
    set_time(REFRESH_AT - rows[i].before);
    assert_int_equal(life_update("{\"protocol\":\"A2A\"}", NULL), 200);
    assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT),
                     rows[i].is_left ? REFRESH_AT : time_now);
    assert_int_equal(check(), rows[i].is_left ? 0 : INVSRC_OUTCOME_OK);
    assert_int_equal(agent.refreshes, rows[i].before == 0);
    assert_int_equal(life_remove(), 204);
    life_assert_event("source.deleted");
    set_time(START);
    create_connected();
    assert_int_equal(check(), INVSRC_OUTCOME_OK);
  }
}

/* A check that somebody has claimed for two minutes. */
typedef struct claimed {
  invsrc_source_list *list;
  invsrc_call *call;
} claimed;

static claimed claim_check(void) {
  claimed it = {invsrc_source_list_new(), NULL};
  uint64_t length;
  const void *sealed;

  assert_int_equal(
      invsrc_memory_store()->due(now_living.memory, time_now, time_now + 120 * SECOND, 9, it.list),
      INVSRC_OUTCOME_OK);
  assert_int_equal(invsrc_source_list_count(it.list), 1);
  sealed = invsrc_source_list_sealed(it.list, 0, &length);
  assert_int_equal(invsrc_call_new_check(now_living.service, invsrc_source_list_at(it.list, 0),
                                         sealed, length, &it.call),
                   INVSRC_OK);
  return it;
}

static void answer_refresh(const claimed *it, const char *tokens) {
  assert_int_equal(
      invsrc_call_answer_tokens(it->call, tokens ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_REFUSED,
                                tokens, tokens ? strlen(tokens) : 0, tokens ? NEXT_REFRESH_AT : 0,
                                tokens ? NULL : "invalid_grant", tokens ? 0 : 13),
      INVSRC_OK);
}

static int32_t end_check(claimed *it) {
  int32_t outcome;

  go_to(it->call, INVSRC_WANT_NONE);
  outcome = invsrc_call_check_outcome(it->call);
  invsrc_call_free(it->call);
  invsrc_source_list_free(it->list);
  return outcome;
}

/* The claim of the first has ended, and both have used one refresh token: one of them is told that
 * it is good no more, whoever that is and whoever comes first. */
static void who_loses_a_race_leaves_the_tokens_of_who_has_won(void **state) {
  static const char of_winner[] = "{\"type\":\"oauth\",\"access_token\":\"of the winner\"}";

  (void)state;
  for (int late_wins = 0; late_wins <= 1; late_wins++) {
    claimed late = claim_check(), other;
    claimed *winner = late_wins ? &late : &other, *loser = late_wins ? &other : &late;
    int kept;
    go_to(late.call, INVSRC_WANT_OAUTH_REFRESH);
    set_time(time_now + 120 * SECOND);
    other = claim_check();
    go_to(other.call, INVSRC_WANT_OAUTH_REFRESH);
    answer_refresh(winner, of_winner);
    assert_int_equal(end_check(winner), late_wins ? INVSRC_OUTCOME_CONFLICT : INVSRC_OUTCOME_OK);
    kept = consent_kept();
    answer_refresh(loser, NULL);
    assert_int_equal(end_check(loser), INVSRC_OUTCOME_CONFLICT);
    assert_tokens(of_winner);
    assert_int_equal(consent_kept(), kept);
    assert_int_equal(kept, 1);
    assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
    assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), NEXT_REFRESH_AT);
    life_assert_event(NULL);
    set_time(NEXT_REFRESH_AT);
  }
  assert_int_equal(now_asked.revokes, 0);
}

static void let_the_claim_end(void) {
  set_time(time_now + 120 * SECOND);
  let_another_claim();
}

static void let_the_time_come(void) {
  set_time(REFRESH_AT);
  let_another_refresh();
}

static void whoever_has_lost_the_claim_does_not_begin(void **state) {
  static const struct {
    void (*between)(void);
    int is_gone;
  } rows[] = {{let_the_claim_end, 0}, {rename_it, 0},      {disable_it, 0},
              {let_the_time_come, 0}, {give_a_consent, 0}, {remove_it, 1}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    for (int is_due = 0; is_due <= 1; is_due++) {
      claimed it;
      int32_t want;
      /* Before its time the agent refuses the token. */
      set_time(is_due ? REFRESH_AT : REFRESH_AT - 600 * SECOND);
      if (!is_due) assert_int_equal(life_update("{\"protocol\":\"A2A\"}", NULL), 200);
      it = claim_check();
      go_to(it.call, is_due ? INVSRC_WANT_OPEN : INVSRC_WANT_PROBE);
      rows[i].between();
      if (!is_due)
        assert_int_equal(invsrc_call_answer_probe(it.call, INVSRC_OUTCOME_REFUSED, "401", 3),
                         INVSRC_OK);
      while ((want = invsrc_call_step(it.call)) > INVSRC_WANT_NONE) {
        assert_int_not_equal(want, INVSRC_WANT_OAUTH_REFRESH);
        assert_int_equal(invsrc_call_perform(it.call), INVSRC_OK);
      }
      assert_int_equal(end_check(&it), INVSRC_OUTCOME_CONFLICT);
      if (!rows[i].is_gone) {
        assert_int_equal(life_number(INVSRC_SOURCE_AUTH_CONFIGURED), 1);
        assert_int_equal(life_remove(), 204);
      }
      assert_int_equal(consent_kept(), 0);
      life_assert_event("source.deleted");
      set_time(START);
      now_asked.tokens = TOKENS;
      now_asked.refresh_at = REFRESH_AT;
      create_connected();
      assert_int_equal(check(), INVSRC_OUTCOME_OK);
    }
  }
}

/* Its tokens are due later: the claim that the update has left is none of theirs. */
static void a_source_disabled_during_its_check_is_not_probed_after_it(void **state) {
  claimed it;

  (void)state;
  set_time(REFRESH_AT - 600 * SECOND);
  assert_int_equal(life_update("{\"protocol\":\"A2A\"}", NULL), 200);
  it = claim_check();
  go_to(it.call, INVSRC_WANT_PROBE);
  disable_it();
  life_assert_event("source.disabled");
  agent.agent = INVSRC_OUTCOME_UNREACHABLE;
  assert_int_equal(end_check(&it), INVSRC_OUTCOME_CONFLICT);
  agent.probes = 0;
  set_time(time_now + 120 * SECOND);
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_int_equal(agent.probes, 0);
  assert_int_equal(agent.refreshes, 0);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), REFRESH_AT);
  assert_int_equal(life_number(INVSRC_SOURCE_UNREACHABLE), 0);
  life_assert_event(NULL);
  set_time(REFRESH_AT);
  assert_int_equal(check(), INVSRC_OUTCOME_OK);
  assert_int_equal(agent.refreshes, 1);
  assert_int_equal(agent.probes, 0);
}

static void a_change_that_has_read_the_old_is_refused(void **state) {
  static const char *const changes[] = {"{\"protocol\":\"A2A\"}", "{\"name\":\"Late\"}",
                                        "{\"status\":\"DISABLED\"}",
                                        "{\"endpointUrl\":\"" OTHER_AGENT "\"}"};

  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    invsrc_call *late = NULL;
    now_asked.revokes = 0;
    agent.refresh_at = time_now + 1800 * SECOND;
    assert_int_equal(invsrc_call_new_update(now_living.service, ACME, "agent", 5, changes[i],
                                            strlen(changes[i]), &late),
                     INVSRC_OK);
    go_to(late, INVSRC_WANT_UPDATE);
    assert_int_equal(check(), INVSRC_OUTCOME_OK);
    assert_int_equal(end_call(late, "has been changed meanwhile"), 409);
    assert_tokens(NEW_TOKENS);
    assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), agent.refresh_at);
    assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), agent.refresh_at);
    assert_int_equal(life_number(INVSRC_SOURCE_LAST_CHECKED_AT), time_now);
    assert_int_equal(consent_kept(), 1);
    assert_int_equal(now_asked.revokes, 0);
    life_assert_event(NULL);
    assert_int_equal(check_elsewhere(), 0);
    set_time(agent.refresh_at);
  }
}

/* ---- The testkit's own prober ------------------------------------------------------ */

static void the_testkit_refreshes_for_an_hour(void **state) {
  (void)state;
  invsrc_testkit_use_prober(now_living.kit, NULL, NULL);
  invsrc_testkit_install(now_living.kit, now_living.options);
  life_renew_service();
  assert_int_equal(
      invsrc_testkit_script_agent(now_living.kit, AGENT, TOKENS, INVSRC_OUTCOME_PROVEN, NULL),
      INVSRC_OK);
  assert_int_equal(check(), INVSRC_OUTCOME_PROVEN);
  assert_int_equal(invsrc_testkit_calls(now_living.kit, INVSRC_EFFECT_OAUTH_REFRESH), 1);
  assert_int_equal(life_number(INVSRC_SOURCE_OAUTH_REFRESH_AT), REFRESH_AT + 3600 * SECOND);
  assert_tokens(TOKENS);
  set_time(REFRESH_AT + 3600 * SECOND);
  invsrc_testkit_fail(now_living.kit, INVSRC_EFFECT_OAUTH_REFRESH, 1, INVSRC_OUTCOME_REFUSED);
  assert_int_equal(check(), INVSRC_OUTCOME_REFUSED);
  life_assert_event("source.consent_required");
  assert_tokens(NULL);
}

/* ---- Step by step -------------------------------------------------------------- */

static void what_a_refresh_wants(void **state) {
  invsrc_source_list *list = claim();
  invsrc_call *call = NULL;
  uint64_t length;
  const void *sealed = invsrc_source_list_sealed(list, 0, &length);
  int64_t revision = life_number(INVSRC_SOURCE_REVISION);

  (void)state;
  assert_int_equal(invsrc_call_new_check(now_living.service, invsrc_source_list_at(list, 0), sealed,
                                         length, &call),
                   INVSRC_OK);
  go_to(call, INVSRC_WANT_UPDATE);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_PARTS), INVSRC_PART_CHECK);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_REVISION), revision);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_LEASE_END), other_claim);
  set_time(time_now + 60 * SECOND); /* which the update does not wait for */
  assert_int_equal(invsrc_call_perform(call), INVSRC_OK);
  assert_int_equal(life_number(INVSRC_SOURCE_NEXT_CHECK_AT), REFRESH_AT + 120 * SECOND);
  assert_int_equal(life_number(INVSRC_SOURCE_REVISION), revision);
  go_to(call, INVSRC_WANT_OAUTH_REFRESH);
  assert_string_equal(invsrc_call_input(call, INVSRC_INPUT_PLAINTEXT, &length), TOKENS);
  assert_int_equal(length, strlen(TOKENS));
  assert_non_null(invsrc_call_source(call));
  assert_null(invsrc_call_event(call));
  assert_null(invsrc_call_binding(call));
  assert_int_equal(invsrc_call_answer(call, INVSRC_OUTCOME_OK), INVSRC_ESTATE);
  assert_int_equal(invsrc_call_answer_probe(call, INVSRC_OUTCOME_OK, NULL, 0), INVSRC_ESTATE);
  assert_int_equal(
      invsrc_call_answer_tokens(call, INVSRC_OUTCOME_OK, "new", 3, NEXT_REFRESH_AT, NULL, 0),
      INVSRC_OK);
  go_to(call, INVSRC_WANT_UPDATE);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_PARTS),
                   INVSRC_PART_RECORD | INVSRC_PART_CHECK | INVSRC_PART_SEALED);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_REVISION), revision);
  assert_int_equal(invsrc_call_number(call, INVSRC_NUMBER_LEASE_END), REFRESH_AT + 120 * SECOND);
  go_to(call, INVSRC_WANT_DISCARD);
  assert_int_equal(life_number(INVSRC_SOURCE_REVISION), revision + 1);
  assert_string_equal(invsrc_call_binding(call)->purpose, INVSRC_PURPOSE_CREDENTIAL);
  go_to(call, INVSRC_WANT_PROBE);
  assert_string_equal(invsrc_call_input(call, INVSRC_INPUT_PLAINTEXT, NULL), "new");
  go_to(call, INVSRC_WANT_NONE);
  assert_int_equal(invsrc_call_check_outcome(call), INVSRC_OUTCOME_OK);
  invsrc_call_free(call);
  invsrc_source_list_free(list);
}

static void a_clock_that_fails_keeps_the_tokens(void **state) {
  (void)state;
  /* Before it is known whether they are due, before the refresh, and after it was refused. */
  for (int i = 0; i < 3; i++) {
    invsrc_source_list *list = claim();
    invsrc_call *call = NULL;
    uint64_t length;
    const void *sealed = invsrc_source_list_sealed(list, 0, &length);
    assert_int_equal(invsrc_call_new_check(now_living.service, invsrc_source_list_at(list, 0),
                                           sealed, length, &call),
                     INVSRC_OK);
    if (i == 1) {
      go_to(call, INVSRC_WANT_OPEN);
      assert_int_equal(invsrc_call_perform(call), INVSRC_OK);
    } else if (i == 2) {
      go_to(call, INVSRC_WANT_OAUTH_REFRESH);
      assert_int_equal(invsrc_call_answer_tokens(call, INVSRC_OUTCOME_REFUSED, NULL, 0, 0, "no", 2),
                       INVSRC_OK);
    }
    go_to(call, INVSRC_WANT_NOW);
    assert_int_equal(invsrc_call_answer_now(call, INVSRC_OUTCOME_UNAVAILABLE, 0), INVSRC_OK);
    go_to(call, INVSRC_WANT_NONE);
    assert_int_equal(invsrc_call_check_outcome(call), INVSRC_OUTCOME_UNAVAILABLE);
    assert_string_equal(invsrc_call_check_reason(call), "the result could not be stored");
    assert_tokens(TOKENS);
    invsrc_call_free(call);
    invsrc_source_list_free(list);
    set_time(other_claim);
  }
}

static void a_probe_that_is_none_may_be_asked(void **state) {
  (void)state;
  assert_int_equal(invsrc_probe_is_refresh(NULL), 0);
  invsrc_probe_end_refreshed(NULL, "a", 1, 0);
  assert_int_equal(invsrc_call_answer_tokens(NULL, INVSRC_OUTCOME_OK, "a", 1, 0, NULL, 0),
                   INVSRC_EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, life_end)

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(tokens_are_refreshed_in_time_and_the_agent_asked_with_them),
      TEST(tokens_that_last_are_not_refreshed_again),
      TEST(what_comes_sooner_is_done_first),
      TEST(the_agent_of_a_disabled_source_is_left_alone),
      TEST(tokens_that_are_refused_for_good_need_a_consent),
      TEST(a_refusal_without_a_reason_gets_one),
      TEST(a_refusal_that_cannot_be_kept_comes_again),
      TEST(a_server_out_of_reach_is_tried_again_and_told_late),
      TEST(what_is_not_the_server_s_fault_is_not_told),
      TEST(tokens_must_be_some_and_their_time_one),
      TEST(an_agent_that_refuses_is_asked_again_with_fresh_tokens),
      TEST(an_agent_that_refuses_twice_refuses),
      TEST(tokens_that_last_are_not_refreshed_where_they_are_refused),
      TEST(fresh_tokens_are_not_refreshed),
      TEST(tokens_that_nobody_takes_and_nobody_refreshes_need_a_consent),
      TEST(an_agent_that_refuses_waits_for_a_server_that_is_away),
      TEST(only_oauth_is_refreshed),
      TEST(what_is_busy_for_a_moment_does_not_cost_the_tokens),
      TEST(what_stays_busy_costs_them),
      TEST(a_claim_that_cannot_be_renewed_refreshes_nothing),
      TEST(a_source_that_cannot_be_read_again_keeps_the_old),
      TEST(a_store_that_is_busy_is_asked_again_what_the_source_has_become),
      TEST(a_new_name_does_not_cost_the_tokens),
      TEST(a_source_disabled_meanwhile_keeps_the_new_tokens),
      TEST(a_consent_begun_meanwhile_goes_on),
      TEST(a_consent_given_meanwhile_wins),
      TEST(a_rotation_meanwhile_wins),
      TEST(a_key_given_meanwhile_wins),
      TEST(a_source_removed_meanwhile_stays_away),
      TEST(what_is_for_another_agent_by_then_is_revoked),
      TEST(what_cannot_be_revoked_is_forgotten_all_the_same),
      TEST(another_source_of_that_name_is_not_meant),
      TEST(tokens_that_come_late_are_stored_under_the_other_claim),
      TEST(of_two_refreshes_the_first_stays),
      TEST(a_change_meanwhile_lets_nobody_else_refresh),
      TEST(a_claim_lasts_as_long_as_a_refresh),
      TEST(a_change_is_checked_at_once_where_nobody_has_claimed),
      TEST(who_loses_a_race_leaves_the_tokens_of_who_has_won),
      TEST(whoever_has_lost_the_claim_does_not_begin),
      TEST(a_source_disabled_during_its_check_is_not_probed_after_it),
      TEST(a_change_that_has_read_the_old_is_refused),
      TEST(the_testkit_refreshes_for_an_hour),
      TEST(what_a_refresh_wants),
      TEST(a_clock_that_fails_keeps_the_tokens),
      TEST(a_probe_that_is_none_may_be_asked),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
