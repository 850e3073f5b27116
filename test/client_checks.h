/*
 * What everything must do that keeps clients of authorization servers: the checks that the
 * tests of each ready-made one run. Each begins with none.
 */
#ifndef TEST_CLIENT_CHECKS_H
#define TEST_CLIENT_CHECKS_H

#include "store_checks.h"

#define ISSUER "https://auth.example"
#define CALLBACK "https://host.example/callback"

struct clients {
  const invsrc_clients_vtable *table;
  void *context;
};

static inline int32_t put_client(struct clients clients, const char *issuer, const char *uri,
                                 const char *sealed) {
  return clients.table->put(clients.context, issuer, strlen(issuer), uri, strlen(uri), sealed,
                            sealed ? strlen(sealed) : 0);
}

/* Holds what is kept to be this; NULL: nothing. */
static inline void assert_client(struct clients clients, const char *issuer, const char *uri,
                                 const char *wanted) {
  invsrc_buffer *sealed = invsrc_buffer_new();

  assert_int_equal(
      clients.table->get(clients.context, issuer, strlen(issuer), uri, strlen(uri), sealed),
      wanted ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_FOUND);
  assert_string_equal(invsrc_buffer_bytes(sealed, NULL), wanted ? wanted : "");
  invsrc_buffer_free(sealed);
}

static inline void check_clients(struct clients clients) {
  assert_int_equal(clients.table->size, sizeof *clients.table);
  assert_client(clients, ISSUER, CALLBACK, NULL);
  assert_int_equal(put_client(clients, ISSUER, CALLBACK, NULL), INVSRC_OUTCOME_OK);
  assert_int_equal(put_client(clients, ISSUER, CALLBACK, "one"), INVSRC_OUTCOME_OK);
  assert_client(clients, ISSUER, CALLBACK, "one");
  assert_int_equal(put_client(clients, ISSUER, CALLBACK, "another one"), INVSRC_OUTCOME_OK);
  assert_client(clients, ISSUER, CALLBACK, "another one");
  /* Both count, with each of their bytes. */
  assert_client(clients, ISSUER "/", CALLBACK, NULL);
  assert_client(clients, "https://AUTH.example", CALLBACK, NULL);
  assert_client(clients, ISSUER, CALLBACK "/", NULL);
  assert_client(clients, CALLBACK, ISSUER, NULL);
  assert_client(clients, ISSUER CALLBACK, "", NULL);
  assert_client(clients, "", "", NULL);
  assert_int_equal(put_client(clients, ISSUER, CALLBACK "/", "two"), INVSRC_OUTCOME_OK);
  assert_int_equal(put_client(clients, ISSUER "/", CALLBACK, "three"), INVSRC_OUTCOME_OK);
  assert_client(clients, ISSUER, CALLBACK, "another one");
  assert_client(clients, ISSUER, CALLBACK "/", "two");
  assert_client(clients, ISSUER "/", CALLBACK, "three");
  assert_int_equal(put_client(clients, ISSUER, CALLBACK, NULL), INVSRC_OUTCOME_OK);
  assert_int_equal(put_client(clients, ISSUER, CALLBACK, NULL), INVSRC_OUTCOME_OK);
  assert_client(clients, ISSUER, CALLBACK, NULL);
  assert_client(clients, ISSUER, CALLBACK "/", "two");
  assert_client(clients, ISSUER "/", CALLBACK, "three");
  assert_int_equal(put_client(clients, ISSUER, CALLBACK, "four"), INVSRC_OUTCOME_OK);
  assert_client(clients, ISSUER, CALLBACK, "four");
}

/* Any bytes, and many of them. */
static inline void check_client_bytes(struct clients clients) {
  static const char bytes[] = "\0sealed\xff\0\x80 bytes\0";
  static char many[1 << 20];
  static const struct {
    const void *bytes;
    uint64_t length;
  } cases[] = {{bytes, sizeof bytes}, {many, sizeof many}, {bytes, 1}};

  for (size_t i = 0; i < sizeof many; i++) many[i] = (char)(i * 31 + i / 251);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    invsrc_buffer *sealed = invsrc_buffer_new();
    uint64_t length;
    assert_int_equal(clients.table->put(clients.context, ISSUER, strlen(ISSUER), CALLBACK,
                                        strlen(CALLBACK), cases[i].bytes, cases[i].length),
                     INVSRC_OUTCOME_OK);
    assert_int_equal(clients.table->get(clients.context, ISSUER, strlen(ISSUER), CALLBACK,
                                        strlen(CALLBACK), sealed),
                     INVSRC_OUTCOME_OK);
    assert_memory_equal(invsrc_buffer_bytes(sealed, &length), cases[i].bytes, cases[i].length);
    assert_int_equal(length, cases[i].length);
    invsrc_buffer_free(sealed);
  }
}

/* Clients of many servers that come, go and change in any order. */
static inline void check_many_clients(struct clients clients) {
  enum { SERVERS = 30, CHANGES = 300 };
  int now[SERVERS] = {0}; /* the number of its client; 0: none */
  char issuer[64], sealed[64];
  uint32_t bits = 1;

  for (int i = 1; i <= CHANGES; i++) {
    int which;
    bits = bits * UINT32_C(1664525) + UINT32_C(1013904223);
    which = (int)(bits >> 20) % SERVERS;
    now[which] = bits & 0x3000 ? i : 0;
    snprintf(issuer, sizeof issuer, "https://auth.example/%d", which * 7919);
    snprintf(sealed, sizeof sealed, "client %d", i);
    assert_int_equal(put_client(clients, issuer, CALLBACK, now[which] ? sealed : NULL),
                     INVSRC_OUTCOME_OK);
    if (i % 10) continue;
    for (int j = 0; j < SERVERS; j++) {
      snprintf(issuer, sizeof issuer, "https://auth.example/%d", j * 7919);
      snprintf(sealed, sizeof sealed, "client %d", now[j]);
      assert_client(clients, issuer, CALLBACK, now[j] ? sealed : NULL);
    }
  }
}

struct registrar {
  struct clients clients;
  int number;
  int failures;
};

static inline void *register_often(void *argument) {
  struct registrar *mine = argument;
  char issuer[16], own[16];

  for (int i = 0; i < 20; i++) {
    snprintf(issuer, sizeof issuer, "%d", i % 4);
    snprintf(own, sizeof own, "%d", mine->number);
    mine->failures += put_client(mine->clients, issuer, CALLBACK, own) != INVSRC_OUTCOME_OK;
    mine->failures +=
        put_client(mine->clients, own, "own", i % 2 ? own : NULL) != INVSRC_OUTCOME_OK;
  }
  return NULL;
}

/* Of several that register with the same server at once the last one counts, and is whole. */
static inline void check_registrars(struct clients clients) {
  struct registrar all[RACERS];
  pthread_t threads[RACERS];
  invsrc_buffer *sealed = invsrc_buffer_new();
  char own[16];

  for (int i = 0; i < RACERS; i++) {
    all[i] = (struct registrar){clients, i, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, register_often, &all[i]), 0);
  }
  for (int i = 0; i < RACERS; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(all[i].failures, 0);
    snprintf(own, sizeof own, "%d", i);
    assert_client(clients, own, "own", own);
  }
  assert_int_equal(clients.table->get(clients.context, "3", 1, CALLBACK, strlen(CALLBACK), sealed),
                   INVSRC_OUTCOME_OK);
  assert_in_range(*(const char *)invsrc_buffer_bytes(sealed, NULL), '0', '0' + RACERS - 1);
  invsrc_buffer_free(sealed);
}

#endif
