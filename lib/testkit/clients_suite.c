/*
 * The suite of what keeps clients of authorization servers, each by its issuer and its redirect
 * URI.
 */
#include <stdio.h>
#include <string.h>

#include "core/table.h"
#include "testkit/checks.h"

#define ISSUER "https://auth.example"
#define CALLBACK "https://host.example/callback"

/* ---- Steps ---------------------------------------------------------------------- */

static int32_t put_bytes(const ivs_trial *trial, const char *issuer, const char *uri,
                         const void *sealed, uint64_t length) {
  return trial->clients.put(trial->context, issuer, strlen(issuer), uri, strlen(uri), sealed,
                            length);
}

/* NULL: nothing. */
static void put(ivs_trial *trial, const char *issuer, const char *uri, const char *sealed) {
  if (ivs_trial_step(trial, "put of %s, %s", issuer, uri))
    ivs_trial_outcome(trial, put_bytes(trial, issuer, uri, sealed, sealed ? strlen(sealed) : 0),
                      INVSRC_OUTCOME_OK);
}

/* What is kept is these bytes; NULL: nothing is. */
static void expect_bytes(ivs_trial *trial, const char *issuer, const char *uri, const void *bytes,
                         uint64_t length) {
  invsrc_buffer *sealed;
  const void *seen;
  uint64_t seen_length;
  int32_t outcome;

  if (!ivs_trial_step(trial, "get of %s, %s", issuer, uri)) return;
  sealed = invsrc_buffer_new();
  if (!sealed) {
    ivs_trial_end_without_memory(trial);
    return;
  }
  outcome = trial->clients.get(trial->context, issuer, strlen(issuer), uri, strlen(uri), sealed);
  seen = invsrc_buffer_bytes(sealed, &seen_length);
  if (ivs_trial_outcome(trial, outcome, bytes ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_FOUND))
    ivs_trial_same_bytes(trial, "what was sealed", seen, seen_length, bytes, length);
  invsrc_buffer_free(sealed);
}

static void expect(ivs_trial *trial, const char *issuer, const char *uri, const char *sealed) {
  expect_bytes(trial, issuer, uri, sealed, sealed ? strlen(sealed) : 0);
}

/* ---- Checks ----------------------------------------------------------------------- */

static void check_replacement(ivs_trial *trial) {
  expect(HERE, ISSUER, CALLBACK, NULL);
  put(HERE, ISSUER, CALLBACK, NULL);
  put(HERE, ISSUER, CALLBACK, "one");
  expect(HERE, ISSUER, CALLBACK, "one");
  put(HERE, ISSUER, CALLBACK, "another one");
  expect(HERE, ISSUER, CALLBACK, "another one");
  put(HERE, ISSUER, CALLBACK, NULL);
  put(HERE, ISSUER, CALLBACK, NULL);
  expect(HERE, ISSUER, CALLBACK, NULL);
  put(HERE, ISSUER, CALLBACK, "four");
  expect(HERE, ISSUER, CALLBACK, "four");
}

/* Both names count, with each of their bytes. */
static void check_names(ivs_trial *trial) {
  put(HERE, ISSUER, CALLBACK, "one");
  expect(HERE, ISSUER "/", CALLBACK, NULL);
  expect(HERE, "https://AUTH.example", CALLBACK, NULL);
  expect(HERE, ISSUER, CALLBACK "/", NULL);
  expect(HERE, CALLBACK, ISSUER, NULL);
  expect(HERE, ISSUER CALLBACK, "", NULL);
  expect(HERE, "", "", NULL);
  put(HERE, ISSUER, CALLBACK "/", "two");
  put(HERE, ISSUER "/", CALLBACK, "three");
  expect(HERE, ISSUER, CALLBACK, "one");
  expect(HERE, ISSUER, CALLBACK "/", "two");
  expect(HERE, ISSUER "/", CALLBACK, "three");
  put(HERE, ISSUER, CALLBACK, NULL);
  expect(HERE, ISSUER, CALLBACK, NULL);
  expect(HERE, ISSUER, CALLBACK "/", "two");
  expect(HERE, ISSUER "/", CALLBACK, "three");
}

#define MANY_BYTES (1 << 20)

/* Any bytes, and many of them. */
static void check_bytes(ivs_trial *trial) {
  static const char bytes[] = "\0sealed\xff\0\x80 bytes\0";
  char *many = ivs_trial_bytes(trial, MANY_BYTES);
  const struct {
    const void *bytes;
    uint64_t length;
  } cases[] = {{bytes, sizeof bytes}, {many, MANY_BYTES}, {bytes, 1}};

  for (size_t i = 0; many && i < MANY_BYTES; i++) many[i] = (char)(i * 31 + i / 251);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (ivs_trial_step(HERE, "put of %d bytes", (int)cases[i].length))
      ivs_trial_outcome(trial, put_bytes(trial, ISSUER, CALLBACK, cases[i].bytes, cases[i].length),
                        INVSRC_OUTCOME_OK);
    expect_bytes(HERE, ISSUER, CALLBACK, cases[i].bytes, cases[i].length);
  }
}

/* Clients of many servers that come, go and change in any order. */
static void check_many(ivs_trial *trial) {
  enum { SERVERS = 30, CHANGES = 300 };
  int now[SERVERS] = {0}; /* the number of its client; 0: none */
  char issuer[64], sealed[64];
  uint32_t bits = 1;

  for (int i = 1; i <= CHANGES && !trial->is_over; i++) {
    int which;
    bits = bits * UINT32_C(1664525) + UINT32_C(1013904223);
    which = (int)(bits >> 20) % SERVERS;
    now[which] = bits & 0x3000 ? i : 0;
    snprintf(issuer, sizeof issuer, "https://auth.example/%d", which * 7919);
    snprintf(sealed, sizeof sealed, "client %d", i);
    put(HERE, issuer, CALLBACK, now[which] ? sealed : NULL);
    if (i % 10) continue;
    for (int j = 0; j < SERVERS; j++) {
      snprintf(issuer, sizeof issuer, "https://auth.example/%d", j * 7919);
      snprintf(sealed, sizeof sealed, "client %d", now[j]);
      expect(HERE, issuer, CALLBACK, now[j] ? sealed : NULL);
    }
  }
}

static void check_lasting(ivs_trial *trial) {
  put(HERE, ISSUER, CALLBACK, "one");
  put(HERE, ISSUER "/", CALLBACK, "two");
  ivs_trial_reopen(HERE);
  expect(HERE, ISSUER, CALLBACK, "one");
  expect(HERE, ISSUER "/", CALLBACK, "two");
  put(HERE, ISSUER, CALLBACK, "three");
  put(HERE, ISSUER "/", CALLBACK, NULL);
  ivs_trial_reopen(HERE);
  expect(HERE, ISSUER, CALLBACK, "three");
  expect(HERE, ISSUER "/", CALLBACK, NULL);
}

/* ---- Threads ------------------------------------------------------------------------ */

#define WORKERS IVS_TRIAL_THREADS
#define ROUNDS 20
#define SHARED 4 /* servers that all of them register with */

struct registrar {
  const ivs_trial *trial;
  int number;
  int failures;
};

static void register_often(void *item) {
  struct registrar *self = item;
  char issuer[16], own[16];

  snprintf(own, sizeof own, "own %d", self->number);
  for (int i = 0; i < ROUNDS; i++) {
    const char *kept = i % 2 ? own : NULL;

    snprintf(issuer, sizeof issuer, "%d", i % SHARED);
    self->failures +=
        put_bytes(self->trial, issuer, CALLBACK, own, strlen(own)) != INVSRC_OUTCOME_OK;
    self->failures +=
        put_bytes(self->trial, own, "own", kept, kept ? strlen(kept) : 0) != INVSRC_OUTCOME_OK;
  }
}

/* What is kept for a server is what one of them registered, whole. */
static void expect_one_of_all(ivs_trial *trial, const char *issuer) {
  invsrc_buffer *sealed;
  int32_t outcome;
  int number = -1;
  char own[16];

  if (!ivs_trial_step(trial, "get of %s, %s", issuer, CALLBACK)) return;
  sealed = invsrc_buffer_new();
  if (!sealed) {
    ivs_trial_end_without_memory(trial);
    return;
  }
  outcome = trial->clients.get(trial->context, issuer, strlen(issuer), CALLBACK, strlen(CALLBACK),
                               sealed);
  if (ivs_trial_outcome(trial, outcome, INVSRC_OUTCOME_OK)) {
    const char *seen = invsrc_buffer_bytes(sealed, NULL);

    for (int i = 0; i < WORKERS; i++) {
      snprintf(own, sizeof own, "own %d", i);
      if (strcmp(seen, own) == 0) number = i;
    }
    if (number < 0) ivs_trial_fail(trial, "what was sealed is '%.60s', which nobody put", seen);
  }
  invsrc_buffer_free(sealed);
}

/* Of several that register with the same server at once the last one counts, and is whole. */
static void check_registrars(ivs_trial *trial) {
  struct registrar registrars[WORKERS];
  char name[16];

  for (int i = 0; i < WORKERS; i++) registrars[i] = (struct registrar){trial, i, 0};
  ivs_trial_run_threads(HERE, register_often, registrars, sizeof *registrars);
  for (int i = 0; i < WORKERS; i++) {
    if (ivs_trial_step(HERE, "put in %d threads", WORKERS))
      ivs_trial_number(trial, "the number of failures", registrars[i].failures, 0);
    snprintf(name, sizeof name, "own %d", i);
    expect(HERE, name, "own", name);
  }
  for (int i = 0; i < SHARED; i++) {
    snprintf(name, sizeof name, "%d", i);
    expect_one_of_all(HERE, name);
  }
}

/* ---- The suite ----------------------------------------------------------------------- */

static const ivs_check checks[] = {
    {"clients_take_the_place_of_others", check_replacement, 0},
    {"clients_go_by_both_names", check_names, 0},
    {"any_bytes_come_back", check_bytes, 0},
    {"many_clients_are_told_apart", check_many, 0},
    {"clients_last", check_lasting, IVS_NEEDS_REOPEN},
    {"the_last_registration_counts", check_registrars, IVS_NEEDS_THREADS},
};

#define COUNT (sizeof checks / sizeof *checks)

int32_t invsrc_clients_conformance(const invsrc_clients_vtable *clients,
                                   const invsrc_conformance *description) {
  ivs_trial model = {.is_over = 0};

  if (!clients || ivs_describe(&model, description) != INVSRC_OK ||
      ivs_table_copy(&model.clients, sizeof model.clients, clients,
                     IVS_TABLE_UP_TO(invsrc_clients_vtable, put)) != INVSRC_OK)
    return INVSRC_EINVAL;
  return ivs_run_checks(&model, checks, COUNT);
}

const char *invsrc_clients_conformance_name(uint64_t index) {
  return index < COUNT ? checks[index].name : NULL;
}
