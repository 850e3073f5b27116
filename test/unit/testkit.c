/*
 * The testkit, by what a host sees of it: the answers of a service that it is
 * installed in.
 */
#include "engine/options.h"

#include <invsrc/providers.h>
#include <invsrc/testkit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define SOURCES "/api/v2/storefront/inventory-sources"
#define ENDPOINT "https://agent.example/mcp"
#define BODY_SIZE 2048

static invsrc_testkit *kit;
static invsrc_options *options;
static invsrc_memory *memory;
static invsrc_keyring *keyring;
static invsrc_service *service;

/* The last answer. */
static char answer[BODY_SIZE];

static int set_up(void **state) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {1};

  (void)state;
  kit = invsrc_testkit_new();
  options = invsrc_options_new();
  if (!kit || !options || invsrc_memory_new(&memory) != INVSRC_OK ||
      invsrc_keyring_new(&keyring) != INVSRC_OK ||
      invsrc_keyring_add(keyring, key, sizeof key) != INVSRC_OK)
    return -1;
  invsrc_testkit_add_key(kit, "key", "acme");
  invsrc_testkit_register(kit, ENDPOINT);
  invsrc_testkit_use_store(kit, invsrc_memory_store(), memory);
  invsrc_testkit_use_sealer(kit, invsrc_keyring_sealer(), keyring);
  service = NULL;
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  invsrc_service_free(service);
  invsrc_options_free(options);
  invsrc_testkit_free(kit);
  invsrc_keyring_free(keyring);
  invsrc_memory_free(memory);
  return 0;
}

/* Makes the service of what was set up. */
static void start(void) {
  assert_int_equal(invsrc_testkit_install(kit, options), INVSRC_OK);
  invsrc_service_free(service);
  assert_int_equal(invsrc_service_new(options, &service, NULL), INVSRC_OK);
}

static int32_t send(const char *method, const char *target, const char *key, const char *body) {
  invsrc_request *request = invsrc_request_new();
  invsrc_response *response = NULL;
  char bearer[64];
  int length = snprintf(bearer, sizeof bearer, "Bearer %s", key);
  int32_t status;

  assert_non_null(request);
  invsrc_request_set_method(request, method, strlen(method));
  invsrc_request_set_target(request, target, strlen(target));
  invsrc_request_add_header(request, "Authorization", 13, bearer, (uint64_t)length);
  invsrc_request_set_body(request, body, strlen(body));
  assert_int_equal(invsrc_handle(service, request, &response, NULL), INVSRC_OK);
  status = invsrc_response_status(response);
  snprintf(answer, sizeof answer, "%s", (const char *)invsrc_response_body(response, NULL));
  invsrc_response_free(response);
  invsrc_request_free(request);
  return status;
}

static int32_t create_at(const char *name, const char *endpoint, const char *authentication) {
  char body[BODY_SIZE];

  snprintf(body, sizeof body,
           "{\"name\":\"%s\",\"type\":\"SALES\",\"endpointUrl\":\"%s\",\"protocol\":\"MCP\",%s}",
           name, endpoint, authentication);
  return send("POST", SOURCES, "key", body);
}

#define WITH_TOKEN \
  "\"authenticationType\":\"API_KEY\",\"auth\":{\"type\":\"bearer\",\"token\":\"secret\"}"

static int32_t create(const char *name) {
  return create_at(name, ENDPOINT, WITH_TOKEN);
}

static int32_t read_back(const char *source_id) {
  char target[128];

  snprintf(target, sizeof target, SOURCES "/%s", source_id);
  return send("GET", target, "key", "");
}

/* ---- Misuse ------------------------------------------------------------------- */

static void null_is_refused(void **state) {
  (void)state;
  invsrc_testkit_free(NULL);
  assert_int_equal(invsrc_testkit_install(NULL, options), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_install(kit, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_authenticator(NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_registry(NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_sealer(NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_store(NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_oauth(NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_prober(NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_events(NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_script_agent(NULL, ENDPOINT, NULL, 1, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_script_agent(kit, NULL, NULL, 1, NULL), INVSRC_EINVAL);
  assert_null(invsrc_testkit_last_event(NULL));
  assert_int_equal(invsrc_testkit_set_time(NULL, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_set_seed(NULL, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_add_key(NULL, "key", "acme"), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_add_key(kit, NULL, "acme"), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_add_key(kit, "key", NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_register(NULL, ENDPOINT), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_register(kit, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_fail(NULL, INVSRC_EFFECT_INSERT, 1, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_reset(NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_calls(NULL, INVSRC_EFFECT_INSERT), 0);
  assert_string_equal(invsrc_testkit_last_log(NULL), "");
}

static void unknown_effects_are_refused(void **state) {
  static const int32_t unknown[] = {0, -1, INVSRC_EFFECT_END, INT32_MAX, INT32_MIN};

  (void)state;
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    assert_int_equal(invsrc_testkit_fail(kit, unknown[i], 1, INVSRC_OUTCOME_FAILED), INVSRC_EINVAL);
    assert_int_equal(invsrc_testkit_calls(kit, unknown[i]), 0);
  }
  for (int32_t effect = 1; effect < INVSRC_EFFECT_END; effect++)
    assert_int_equal(invsrc_testkit_fail(kit, effect, 1, INVSRC_OUTCOME_FAILED), INVSRC_OK);
}

static int32_t insert_nothing(void *context, const invsrc_source *source, const void *sealed,
                              uint64_t length, const invsrc_event *event) {
  (void)context, (void)source, (void)sealed, (void)length, (void)event;
  return INVSRC_OUTCOME_OK;
}

/* As the options would: a table without all that must be there is not wrapped, and what
 * was wrapped before stays so. */
static void tables_with_gaps_are_refused(void **state) {
  invsrc_store_vtable no_get = {.size = sizeof no_get, .insert = insert_nothing};
  invsrc_sealer_vtable no_open = *invsrc_keyring_sealer();
  invsrc_store_vtable too_short = *invsrc_memory_store();
  const invsrc_authenticator_vtable no_authenticator = {.size = sizeof no_authenticator};
  const invsrc_registry_vtable no_registry = {.size = sizeof no_registry};
  const invsrc_oauth_vtable no_oauth = {.size = sizeof no_oauth};
  const invsrc_prober_vtable no_prober = {.size = sizeof no_prober};
  const invsrc_events_vtable no_events = {.size = sizeof no_events};

  (void)state;
  no_open.open = NULL;
  too_short.size = offsetof(invsrc_store_vtable, due);
  assert_int_equal(invsrc_testkit_use_store(kit, &no_get, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_store(kit, &too_short, memory), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_sealer(kit, &no_open, keyring), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_authenticator(kit, &no_authenticator, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_registry(kit, &no_registry, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_oauth(kit, &no_oauth, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_prober(kit, &no_prober, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_testkit_use_events(kit, &no_events, NULL), INVSRC_EINVAL);
  start();
  assert_int_equal(create("An Agent"), 201);
  assert_int_equal(read_back("an-agent"), 200);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_SEAL), 1);
}

/* ---- The world ------------------------------------------------------------------ */

static void the_clock_stands_still(void **state) {
  (void)state;
  start();
  assert_int_equal(create("One"), 201);
  assert_non_null(strstr(answer, "\"createdAt\":\"2026-01-01T00:00:00Z\""));
  assert_int_equal(create("Two"), 201);
  assert_non_null(strstr(answer, "\"createdAt\":\"2026-01-01T00:00:00Z\""));
  assert_int_equal(invsrc_testkit_set_time(kit, INT64_C(951782399999)), INVSRC_OK);
  assert_int_equal(create("Three"), 201);
  assert_non_null(strstr(answer, "\"createdAt\":\"2000-02-28T23:59:59Z\""));
}

/* The same seed draws the same ids. */
static void random_bytes_follow_the_seed(void **state) {
  invsrc_memory *other = NULL;
  char first[BODY_SIZE], second[BODY_SIZE];

  (void)state;
  start();
  create("An Agent");
  memcpy(first, answer, sizeof first);
  create("Another");
  memcpy(second, answer, sizeof second);

  assert_int_equal(invsrc_memory_new(&other), INVSRC_OK);
  invsrc_testkit_use_store(kit, invsrc_memory_store(), other);
  assert_int_equal(invsrc_testkit_set_seed(kit, 1), INVSRC_OK);
  create("An Agent");
  assert_string_equal(answer, first);
  create("Another");
  assert_string_equal(answer, second);
  assert_int_equal(invsrc_testkit_set_seed(kit, 1), INVSRC_OK);
  assert_int_equal(create("A Third"), 503); /* its id is taken */
  assert_int_equal(invsrc_testkit_set_seed(kit, 2), INVSRC_OK);
  assert_int_equal(create("A Third"), 201);
  invsrc_memory_free(other);
}

static void the_last_line_of_the_log_is_kept(void **state) {
  (void)state;
  start();
  assert_string_equal(invsrc_testkit_last_log(kit), "");
  invsrc_testkit_fail(kit, INVSRC_EFFECT_LOOKUP, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(create("An Agent"), 503);
  assert_non_null(strstr(invsrc_testkit_last_log(kit), "lookup"));
  assert_int_equal(create("An Agent"), 201);
  assert_non_null(strstr(invsrc_testkit_last_log(kit), "lookup"));
}

/* ---- Scripts -------------------------------------------------------------------- */

static void keys_speak_for_storefronts(void **state) {
  (void)state;
  assert_int_equal(invsrc_testkit_add_key(kit, "another", "globex"), INVSRC_OK);
  start();
  assert_int_equal(create("An Agent"), 201);
  assert_int_equal(send("GET", SOURCES "/an-agent", "another", ""), 404);
  assert_int_equal(send("GET", SOURCES "/an-agent", "key", ""), 200);
  assert_int_equal(send("GET", SOURCES "/an-agent", "ke", ""), 401);
  assert_int_equal(send("GET", SOURCES "/an-agent", "keys", ""), 401);
}

static void endpoints_are_registered_in_canonical_form(void **state) {
  static const char no_auth[] = "\"authenticationType\":\"NO_AUTH\"";

  (void)state;
  assert_int_equal(invsrc_testkit_register(kit, "HTTPS://Other.Example:443/a/../b"), INVSRC_OK);
  assert_int_equal(invsrc_testkit_register(kit, "https://short.example"), INVSRC_OK);
  assert_int_equal(invsrc_testkit_register(kit, "not a URL"), INVSRC_EMALFORMED);
  assert_int_equal(invsrc_testkit_register(kit, ""), INVSRC_EMALFORMED);
  start();
  assert_int_equal(create_at("One", "https://other.example/b", no_auth), 201);
  assert_int_equal(create_at("Two", "https://short.example/", no_auth), 201);
  assert_int_equal(create_at("Three", "https://other.example/c", no_auth), 400);
  assert_non_null(strstr(answer, "\"field\":\"endpointUrl\""));
}

/* ---- Failures ------------------------------------------------------------------- */

static void the_third_insert_is_unavailable(void **state) {
  static const int32_t expected[] = {201, 201, 503, 201};
  static const char *const names[] = {"one", "two", "three", "four"};

  (void)state;
  start();
  invsrc_testkit_fail(kit, INVSRC_EFFECT_INSERT, 3, INVSRC_OUTCOME_UNAVAILABLE);
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(create(names[i]), expected[i]);
    assert_int_equal(read_back(names[i]), expected[i] == 201 ? 200 : 404);
  }
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_INSERT), 4);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_SEAL), 4);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_DISCARD), 1);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_GET), 4);
}

static void nth_counts_from_now(void **state) {
  (void)state;
  start();
  create("One");
  create("Two");
  invsrc_testkit_fail(kit, INVSRC_EFFECT_INSERT, 1, INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(create("Three"), 409);
  assert_int_equal(create("Three"), 201);
  invsrc_testkit_fail(kit, INVSRC_EFFECT_INSERT, 1, INVSRC_OUTCOME_FAILED);
  invsrc_testkit_fail(kit, INVSRC_EFFECT_INSERT, 2, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(create("Four"), 201);
  assert_int_equal(create("Five"), 503);
}

static void every_call_fails_until_reset(void **state) {
  (void)state;
  start();
  invsrc_testkit_fail(kit, INVSRC_EFFECT_SEAL, 0, INVSRC_OUTCOME_REFUSED);
  for (int i = 0; i < 5; i++) assert_int_equal(create("An Agent"), 500);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_SEAL), 5);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_INSERT), 0);
  assert_int_equal(invsrc_testkit_reset(kit), INVSRC_OK);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_SEAL), 0);
  assert_int_equal(create("An Agent"), 201);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_SEAL), 1);
}

/* Each effect that a create has, with outcomes legal and not. */
static void every_effect_can_fail(void **state) {
  static const struct {
    int32_t effect, outcome, status;
  } cases[] = {
      {INVSRC_EFFECT_AUTHENTICATE, INVSRC_OUTCOME_UNKNOWN, 401},
      {INVSRC_EFFECT_AUTHENTICATE, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_NOW, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_NOW, 0, 500},
      {INVSRC_EFFECT_RANDOM, INVSRC_OUTCOME_FAILED, 500},
      {INVSRC_EFFECT_LOOKUP, INVSRC_OUTCOME_NOT_REGISTERED, 400},
      {INVSRC_EFFECT_LOOKUP, -1, 500},
      {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_UNAVAILABLE, 503},
      {INVSRC_EFFECT_INSERT, INVSRC_OUTCOME_CONFLICT, 409},
      {INVSRC_EFFECT_INSERT, 99, 500},
      {INVSRC_EFFECT_INSERT, INVSRC_OUTCOME_DUPLICATE, 503},
      {INVSRC_EFFECT_DISCARD, INVSRC_OUTCOME_FAILED, 201}, /* nothing to discard */
  };

  (void)state;
  start();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char name[16];

    snprintf(name, sizeof name, "n%zu", i);
    invsrc_testkit_reset(kit);
    invsrc_testkit_fail(kit, cases[i].effect, 1, cases[i].outcome);
    assert_int_equal(create(name), cases[i].status);
    assert_int_equal(read_back(name), cases[i].status == 201 ? 200 : 404);
  }
  invsrc_testkit_fail(kit, INVSRC_EFFECT_GET, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(read_back("n11"), 503);
  invsrc_testkit_fail(kit, INVSRC_EFFECT_INSERT, 1, INVSRC_OUTCOME_UNAVAILABLE);
  invsrc_testkit_fail(kit, INVSRC_EFFECT_DISCARD, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(create("a-leftover"), 503);
  assert_non_null(strstr(invsrc_testkit_last_log(kit), "left over"));
}

/* ---- Wrapped providers ------------------------------------------------------------ */

static int32_t registers_nothing(void *context, const char *endpoint_url, uint64_t length) {
  (void)endpoint_url, (void)length;
  ++*(int *)context;
  return INVSRC_OUTCOME_NOT_REGISTERED;
}

static int32_t knows_everybody(void *context, const char *token, uint64_t length,
                               invsrc_buffer *storefront) {
  (void)token, (void)length;
  ++*(int *)context;
  return invsrc_buffer_set(storefront, "all", 3) == INVSRC_OK ? INVSRC_OUTCOME_OK
                                                              : INVSRC_OUTCOME_UNAVAILABLE;
}

static void wrapped_providers_take_the_place_of_the_script(void **state) {
  const invsrc_registry_vtable registry = {.size = sizeof registry, .lookup = registers_nothing};
  const invsrc_authenticator_vtable authenticator = {.size = sizeof authenticator,
                                                     .authenticate = knows_everybody};
  int lookups = 0, authentications = 0;

  (void)state;
  assert_int_equal(invsrc_testkit_use_registry(kit, &registry, &lookups), INVSRC_OK);
  assert_int_equal(invsrc_testkit_use_authenticator(kit, &authenticator, &authentications),
                   INVSRC_OK);
  start();
  assert_int_equal(create("An Agent"), 400);
  assert_int_equal(send("GET", SOURCES "/x", "anything", ""), 404);
  assert_int_equal(lookups, 1);
  assert_int_equal(authentications, 2);
  invsrc_testkit_fail(kit, INVSRC_EFFECT_LOOKUP, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(create("An Agent"), 503);
  assert_int_equal(lookups, 1); /* a call that fails does nothing */

  assert_int_equal(invsrc_testkit_use_registry(kit, NULL, NULL), INVSRC_OK);
  assert_int_equal(invsrc_testkit_use_authenticator(kit, NULL, NULL), INVSRC_OK);
  assert_int_equal(create("An Agent"), 201);
  assert_int_equal(send("GET", SOURCES "/x", "anything", ""), 401);
}

static int32_t start_consent(void *context, const invsrc_source *source,
                             const invsrc_consent *consent, invsrc_buffer *url,
                             invsrc_buffer *private_state, invsrc_buffer *reason) {
  (void)context, (void)source, (void)consent, (void)reason;
  invsrc_buffer_set(private_state, "verifier", 8);
  return invsrc_buffer_set(url, "https://auth.example/", 21) == INVSRC_OK
             ? INVSRC_OUTCOME_OK
             : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t finish_consent(void *context, const invsrc_source *source, const void *private_state,
                              uint64_t length, const invsrc_redirect *redirect,
                              invsrc_buffer *credential, int64_t *refresh_at,
                              invsrc_buffer *reason) {
  (void)context, (void)source, (void)private_state, (void)length, (void)redirect;
  (void)credential, (void)reason;
  *refresh_at = 0;
  return INVSRC_OUTCOME_FAILED;
}

static void an_oauth_start_is_wrapped(void **state) {
  static const char oauth[] = "\"authenticationType\":\"OAUTH\"";
  const invsrc_oauth_vtable table = {
      .size = sizeof table, .start = start_consent, .finish = finish_consent};

  (void)state;
  start();
  assert_int_equal(create_at("One", ENDPOINT, oauth), 501);
  assert_int_equal(invsrc_testkit_use_oauth(kit, &table, NULL), INVSRC_OK);
  start();
  assert_int_equal(create_at("One", ENDPOINT, oauth), 201);
  assert_non_null(strstr(answer, "\"authorizationUrl\":\"https://auth.example/\""));
  invsrc_testkit_fail(kit, INVSRC_EFFECT_OAUTH_START, 1, INVSRC_OUTCOME_NO_OAUTH);
  assert_int_equal(create_at("Two", ENDPOINT, oauth), 400);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_OAUTH_START), 2);
}

static void a_sealer_need_not_discard(void **state) {
  invsrc_sealer_vtable sealer = *invsrc_keyring_sealer();

  (void)state;
  sealer.size = offsetof(invsrc_sealer_vtable, discard);
  sealer.discard = NULL;
  assert_int_equal(invsrc_testkit_use_sealer(kit, &sealer, keyring), INVSRC_OK);
  start();
  invsrc_testkit_fail(kit, INVSRC_EFFECT_INSERT, 1, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(create("An Agent"), 503);
  assert_int_equal(create("An Agent"), 201);
}

/* As what it wraps has it, or not at all. */
static void finding_is_wrapped(void **state) {
  invsrc_store_vtable store = *invsrc_memory_store();
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome;

  (void)state;
  start();
  assert_int_equal(create("An Agent"), 201);
  for (int32_t nth = 1; nth <= 2; nth++) {
    invsrc_testkit_fail(kit, INVSRC_EFFECT_FIND, 2, INVSRC_OUTCOME_UNAVAILABLE);
    outcome = options->store.find(options->store_context, INVSRC_SOURCE_AGENT_ID, "agent_", 6,
                                  source, sealed);
    assert_int_equal(outcome, INVSRC_OUTCOME_NOT_FOUND);
    outcome = options->store.find(options->store_context, INVSRC_SOURCE_AGENT_ID, "agent_", 6,
                                  source, sealed);
    assert_int_equal(outcome, INVSRC_OUTCOME_UNAVAILABLE);
    assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_FIND), 2 * nth);
  }
  store.size = offsetof(invsrc_store_vtable, find);
  assert_int_equal(invsrc_testkit_use_store(kit, &store, memory), INVSRC_OK);
  start();
  assert_null(options->store.find);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

/* A kit that was not given a store leaves the one of the options. */
static void what_is_not_wrapped_is_left(void **state) {
  (void)state;
  invsrc_testkit_use_store(kit, NULL, NULL);
  invsrc_options_set_store(options, invsrc_memory_store(), memory);
  start();
  assert_int_equal(create("An Agent"), 201);
  assert_int_equal(read_back("an-agent"), 200);
  assert_int_equal(invsrc_testkit_calls(kit, INVSRC_EFFECT_INSERT), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(null_is_refused),
      TEST(unknown_effects_are_refused),
      TEST(tables_with_gaps_are_refused),
      TEST(the_clock_stands_still),
      TEST(random_bytes_follow_the_seed),
      TEST(the_last_line_of_the_log_is_kept),
      TEST(keys_speak_for_storefronts),
      TEST(endpoints_are_registered_in_canonical_form),
      TEST(the_third_insert_is_unavailable),
      TEST(nth_counts_from_now),
      TEST(every_call_fails_until_reset),
      TEST(every_effect_can_fail),
      TEST(wrapped_providers_take_the_place_of_the_script),
      TEST(an_oauth_start_is_wrapped),
      TEST(a_sealer_need_not_discard),
      TEST(finding_is_wrapped),
      TEST(what_is_not_wrapped_is_left),
  };

  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
