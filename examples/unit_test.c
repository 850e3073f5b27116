/*
 * A host's unit tests, with cmocka and libinvsrc-testkit: no network, no database, no
 * clock, no chance. What is tested is the host's own register_agent() and
 * check_agents(), below.
 *
 *     cc unit_test.c $(pkg-config --cflags --libs libinvsrc-testkit libinvsrc-providers cmocka)
 */
#include <invsrc/providers.h>
#include <invsrc/testkit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

/* ---- What is tested: functions of the host ---------------------------------- */

enum registration { REGISTERED, REFUSED, TRY_LATER };

#define TRIES 2

/* Registers an agent for a storefront. A registry or a database that is out for a
 * moment is tried once more. */
static enum registration register_agent(invsrc_service *service, const char *storefront,
                                        const char *body, char *answer, size_t size) {
  int32_t status = 0;

  for (int i = 0; i < TRIES; i++) {
    invsrc_response *response = NULL;

    if (invsrc_create(service, storefront, strlen(storefront), body, strlen(body), &response,
                      NULL) != INVSRC_OK)
      return TRY_LATER;
    status = invsrc_response_status(response);
    snprintf(answer, size, "%s", invsrc_response_body(response, NULL));
    invsrc_response_free(response);
    if (status < 500) break;
  }
  return status == 201 ? REGISTERED : status < 500 ? REFUSED : TRY_LATER;
}

/* What its operator has to look after. */
struct trouble {
  int count;
  char last[512];
};

static int32_t hear_check(void *context, const invsrc_check *check) {
  struct trouble *trouble = context;

  if (check->outcome == INVSRC_OUTCOME_OK || check->outcome == INVSRC_OUTCOME_PROVEN) return 0;
  trouble->count++;
  snprintf(trouble->last, sizeof trouble->last, "%s: %s",
           invsrc_source_text(check->source, INVSRC_SOURCE_SOURCE_ID, NULL), check->reason);
  return 0;
}

/* Checks the agents of the sources that wait for it. Returns 0 where it could not. */
static int check_agents(invsrc_service *service, struct trouble *trouble) {
  *trouble = (struct trouble){0, ""};
  return invsrc_activate_due(service, 0, 100, hear_check, trouble, NULL) == INVSRC_OK;
}

/* ---- The world that they are tested in --------------------------------------- */

#define AGENT(name)                                                                       \
  "{\"name\": \"" name                                                                    \
  "\", \"type\": \"SALES\", \"protocol\": \"MCP\","                                       \
  " \"endpointUrl\": \"https://agent.example/mcp\", \"authenticationType\": \"API_KEY\"," \
  " \"auth\": {\"type\": \"bearer\", \"token\": \"secret\"}}"

struct world {
  invsrc_testkit *kit;
  invsrc_memory *memory;
  invsrc_keyring *keyring;
  invsrc_service *service;
  char answer[2048];
};

/* A store and a sealer as the host has them, wrapped by the kit; its registry knows
 * one agent. */
static int set_up(void **state) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = "a key that is for tests only";
  static struct world world;
  invsrc_options *options = invsrc_options_new();
  int32_t failed;

  memset(&world, 0, sizeof world);
  *state = &world;
  world.kit = invsrc_testkit_new();
  failed = invsrc_memory_new(&world.memory) || invsrc_keyring_new(&world.keyring) ||
           invsrc_keyring_add(world.keyring, key, sizeof key) ||
           invsrc_testkit_register(world.kit, "https://agent.example/mcp") ||
           invsrc_testkit_use_store(world.kit, invsrc_memory_store(), world.memory) ||
           invsrc_testkit_use_sealer(world.kit, invsrc_keyring_sealer(), world.keyring) ||
           invsrc_testkit_install(world.kit, options) ||
           invsrc_service_new(options, &world.service, NULL);
  invsrc_options_free(options);
  return failed;
}

static int tear_down(void **state) {
  struct world *world = *state;

  invsrc_service_free(world->service);
  invsrc_testkit_free(world->kit);
  invsrc_keyring_free(world->keyring);
  invsrc_memory_free(world->memory);
  return 0;
}

static enum registration try_agent(struct world *world, const char *body) {
  return register_agent(world->service, "acme", body, world->answer, sizeof world->answer);
}

/* ---- The tests ---------------------------------------------------------------- */

/* The clock stands still and ids follow a seed, so a whole answer can be compared. */
static void an_agent_is_registered(void **state) {
  struct world *world = *state;

  assert_int_equal(try_agent(world, AGENT("An Agent")), REGISTERED);
  assert_string_equal(world->answer,
                      "{\"id\":\"6532472089973262828\",\"sourceId\":\"an-agent\","
                      "\"name\":\"An Agent\",\"executionType\":\"AGENT\",\"status\":\"PENDING\","
                      "\"agentId\":\"agent_01KDVDNA005M592SZCHSJT33FB\",\"type\":\"SALES\","
                      "\"endpointUrl\":\"https://agent.example/mcp\",\"protocol\":\"MCP\","
                      "\"authenticationType\":\"API_KEY\",\"authConfigured\":true,"
                      "\"isAdapterSource\":false,\"createdAt\":\"2026-01-01T00:00:00Z\","
                      "\"updatedAt\":\"2026-01-01T00:00:00Z\"}");
}

static void a_taken_name_is_refused_without_another_try(void **state) {
  struct world *world = *state;

  assert_int_equal(try_agent(world, AGENT("An Agent")), REGISTERED);
  assert_int_equal(try_agent(world, AGENT("An Agent")), REFUSED);
  assert_int_equal(invsrc_testkit_calls(world->kit, INVSRC_EFFECT_INSERT), 2);
}

static void an_agent_that_is_not_registered_is_refused(void **state) {
  struct world *world = *state;

  invsrc_testkit_fail(world->kit, INVSRC_EFFECT_LOOKUP, 1, INVSRC_OUTCOME_NOT_REGISTERED);
  assert_int_equal(try_agent(world, AGENT("An Agent")), REFUSED);
  assert_non_null(strstr(world->answer, "\"field\":\"endpointUrl\""));
}

/* The third insert finds the database out: the fourth does what it should have. */
static void a_short_outage_is_bridged(void **state) {
  struct world *world = *state;

  invsrc_testkit_fail(world->kit, INVSRC_EFFECT_INSERT, 3, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(try_agent(world, AGENT("One")), REGISTERED);
  assert_int_equal(try_agent(world, AGENT("Two")), REGISTERED);
  assert_int_equal(try_agent(world, AGENT("Three")), REGISTERED);
  assert_int_equal(invsrc_testkit_calls(world->kit, INVSRC_EFFECT_INSERT), 4);
  assert_int_equal(invsrc_testkit_calls(world->kit, INVSRC_EFFECT_DISCARD), 1);
  assert_string_equal(invsrc_testkit_last_log(world->kit), "insert: unavailable");
}

static void a_long_outage_is_for_later(void **state) {
  struct world *world = *state;

  invsrc_testkit_fail(world->kit, INVSRC_EFFECT_LOOKUP, 0, INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(try_agent(world, AGENT("An Agent")), TRY_LATER);
  assert_int_equal(invsrc_testkit_calls(world->kit, INVSRC_EFFECT_LOOKUP), TRIES);
  assert_int_equal(invsrc_testkit_calls(world->kit, INVSRC_EFFECT_INSERT), 0);
  invsrc_testkit_reset(world->kit);
  assert_int_equal(try_agent(world, AGENT("An Agent")), REGISTERED);
}

/* The agent takes one credential, and is scripted by its endpoint. */
static void an_agent_is_asked_with_its_credential(void **state) {
  static const char url[] = "https://agent.example/mcp";
  struct world *world = *state;
  struct trouble trouble;

  assert_int_equal(try_agent(world, AGENT("An Agent")), REGISTERED);
  invsrc_testkit_script_agent(world->kit, url, "{\"type\": \"bearer\", \"token\": \"secret\"}",
                              INVSRC_OUTCOME_PROVEN, NULL);
  assert_true(check_agents(world->service, &trouble));
  assert_int_equal(trouble.count, 0);
  assert_int_equal(try_agent(world, AGENT("Another")), REGISTERED);
  invsrc_testkit_script_agent(world->kit, url, "{\"type\": \"bearer\", \"token\": \"other\"}",
                              INVSRC_OUTCOME_PROVEN, NULL);
  assert_true(check_agents(world->service, &trouble));
  assert_int_equal(trouble.count, 1);
  assert_string_equal(trouble.last, "another: the agent refused the credential");
}

/* It is asked again when its time has come: the kit's clock is set, and nobody waits. */
static void an_agent_that_is_out_is_asked_again(void **state) {
  struct world *world = *state;
  struct trouble trouble;

  assert_int_equal(try_agent(world, AGENT("An Agent")), REGISTERED);
  invsrc_testkit_script_agent(world->kit, "https://agent.example/mcp", NULL,
                              INVSRC_OUTCOME_UNREACHABLE, "cannot connect");
  assert_true(check_agents(world->service, &trouble));
  assert_string_equal(trouble.last, "an-agent: cannot connect");
  assert_true(check_agents(world->service, &trouble));
  assert_int_equal(trouble.count, 0);
  invsrc_testkit_set_time(world->kit, INT64_C(1767229200000)); /* an hour later */
  assert_true(check_agents(world->service, &trouble));
  assert_int_equal(trouble.count, 1);
  assert_int_equal(invsrc_testkit_calls(world->kit, INVSRC_EFFECT_PROBE), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_agent_is_registered),
      TEST(a_taken_name_is_refused_without_another_try),
      TEST(an_agent_that_is_not_registered_is_refused),
      TEST(a_short_outage_is_bridged),
      TEST(a_long_outage_is_for_later),
      TEST(an_agent_is_asked_with_its_credential),
      TEST(an_agent_that_is_out_is_asked_again),
  };

  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
