/*
 * One service, eight threads that create at once: each sourceId has one winner.
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define THREADS 8
#define NAMES 25

static invsrc_service *service;

struct tally {
  int created;
  int taken;
  int other;
};

static int32_t registered(void *context, const char *endpoint_url, uint64_t length) {
  (void)context, (void)endpoint_url, (void)length;
  return INVSRC_OUTCOME_OK;
}

static const invsrc_registry_vtable registry = {sizeof registry, 0, registered};

static int32_t post(int name) {
  char body[512];
  invsrc_response *response = NULL;
  int length = snprintf(body, sizeof body,
                        "{\"name\":\"agent %d\",\"type\":\"SALES\",\"endpointUrl\":"
                        "\"https://agent.example/%d\",\"protocol\":\"MCP\",\"authenticationType\":"
                        "\"API_KEY\",\"auth\":{\"type\":\"bearer\",\"token\":\"secret %d\"}}",
                        name, name, name);
  int32_t result = invsrc_create(service, "s", 1, body, (uint64_t)length, &response, NULL);
  int32_t status = result == INVSRC_OK ? invsrc_response_status(response) : result;

  invsrc_response_free(response);
  return status;
}

static void *work(void *argument) {
  struct tally *tally = argument;

  for (int name = 0; name < NAMES; name++) {
    int32_t status = post(name);
    if (status == 201)
      tally->created++;
    else if (status == 409)
      tally->taken++;
    else
      tally->other++;
  }
  return NULL;
}

static void race(const invsrc_store_vtable *store, void *context) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {1};
  struct tally tallies[THREADS], sum = {0, 0, 0};
  invsrc_options *options = invsrc_options_new();
  invsrc_keyring *keyring = NULL;
  pthread_t threads[THREADS];

  memset(tallies, 0, sizeof tallies);
  assert_int_equal(invsrc_keyring_new(&keyring), INVSRC_OK);
  assert_int_equal(invsrc_keyring_add(keyring, key, sizeof key), INVSRC_OK);
  invsrc_options_set_registry(options, &registry, NULL);
  invsrc_options_set_sealer(options, invsrc_keyring_sealer(), keyring);
  invsrc_options_set_store(options, store, context);
  assert_int_equal(invsrc_service_new(options, &service, NULL), INVSRC_OK);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, work, &tallies[i]), 0);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    sum.created += tallies[i].created;
    sum.taken += tallies[i].taken;
    sum.other += tallies[i].other;
  }
  invsrc_service_free(service);
  invsrc_options_free(options);
  invsrc_keyring_free(keyring);
  assert_int_equal(sum.created, NAMES);
  assert_int_equal(sum.taken, NAMES * (THREADS - 1));
  assert_int_equal(sum.other, 0);
}

static void in_memory(void **state) {
  invsrc_memory *memory = NULL;

  (void)state;
  assert_int_equal(invsrc_memory_new(&memory), INVSRC_OK);
  race(invsrc_memory_store(), memory);
  invsrc_memory_free(memory);
}

static void on_sqlite(void **state) {
  static const char *const suffixes[] = {"", "-wal", "-shm"};
  char folder[] = "/tmp/invsrc-threads-XXXXXX";
  char path[64], name[80];
  invsrc_sqlite *db = NULL;

  (void)state;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/db", folder);
  assert_int_equal(invsrc_sqlite_open(path, &db, NULL), INVSRC_OK);
  race(invsrc_sqlite_store(), db);
  invsrc_sqlite_free(db);
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    unlink(name);
  }
  assert_int_equal(rmdir(folder), 0);
}

int main(void) {
  static const struct CMUnitTest tests[] = {cmocka_unit_test(in_memory),
                                            cmocka_unit_test(on_sqlite)};

  return cmocka_run_group_tests(tests, NULL, NULL);
}
