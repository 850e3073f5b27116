/*
 * What every store must do, whatever it is made of: the checks that the tests of
 * each ready-made store run. Needs cmocka, and nothing but public headers.
 */
#ifndef TEST_STORE_CHECKS_H
#define TEST_STORE_CHECKS_H

#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

struct store {
  const invsrc_store_vtable *table;
  void *context;
};

/* ---- Sources ---------------------------------------------------------------- */

static inline void set_text(invsrc_source *source, int32_t field, const char *text) {
  assert_int_equal(invsrc_source_set_text(source, field, text, strlen(text)), INVSRC_OK);
}

/* A source with every required field; `id` also makes the agent's. */
static inline invsrc_source *make_source(const char *storefront, const char *source_id,
                                         const char *id) {
  invsrc_source *source = invsrc_source_new();
  char agent_id[64];

  assert_non_null(source);
  snprintf(agent_id, sizeof agent_id, "agent_%s", id);
  set_text(source, INVSRC_SOURCE_ID, id);
  set_text(source, INVSRC_SOURCE_SOURCE_ID, source_id);
  set_text(source, INVSRC_SOURCE_NAME, "A name");
  set_text(source, INVSRC_SOURCE_EXECUTION_TYPE, "AGENT");
  set_text(source, INVSRC_SOURCE_STATUS, "PENDING");
  set_text(source, INVSRC_SOURCE_AGENT_ID, agent_id);
  set_text(source, INVSRC_SOURCE_TYPE, "SALES");
  set_text(source, INVSRC_SOURCE_ENDPOINT_URL, "https://agent.example/mcp");
  set_text(source, INVSRC_SOURCE_PROTOCOL, "MCP");
  set_text(source, INVSRC_SOURCE_AUTHENTICATION_TYPE, "API_KEY");
  set_text(source, INVSRC_SOURCE_STOREFRONT, storefront);
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_CREATED_AT, INT64_C(253402300799999));
  invsrc_source_set_number(source, INVSRC_SOURCE_UPDATED_AT, 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, 1);
  return source;
}

static inline int32_t insert(struct store store, const invsrc_source *source, const char *sealed) {
  return store.table->insert(store.context, source, sealed, sealed ? strlen(sealed) : 0, NULL);
}

/* Makes a source and inserts it, sealed as "sealed <id>". */
static inline int32_t insert_new(struct store store, const char *storefront, const char *source_id,
                                 const char *id) {
  invsrc_source *source = make_source(storefront, source_id, id);
  char sealed[64];
  int32_t outcome;

  snprintf(sealed, sizeof sealed, "sealed %s", id);
  outcome = insert(store, source, sealed);
  invsrc_source_free(source);
  return outcome;
}

static inline int32_t get(struct store store, const char *storefront, const char *source_id,
                          invsrc_source *source, invsrc_buffer *sealed) {
  return store.table->get(store.context, storefront, strlen(storefront), source_id,
                          strlen(source_id), source, sealed);
}

/* Holds what is stored under a name to be the source `id`, whole; NULL: nothing. */
static inline void assert_stored(struct store store, const char *storefront, const char *source_id,
                                 const char *id) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  char wanted[64];
  int32_t outcome = get(store, storefront, source_id, source, sealed);

  assert_int_equal(outcome, id ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_FOUND);
  if (id) {
    assert_string_equal(invsrc_source_text(source, INVSRC_SOURCE_ID, NULL), id);
    snprintf(wanted, sizeof wanted, "agent_%s", id);
    assert_string_equal(invsrc_source_text(source, INVSRC_SOURCE_AGENT_ID, NULL), wanted);
    snprintf(wanted, sizeof wanted, "sealed %s", id);
    assert_string_equal(invsrc_buffer_bytes(sealed, NULL), wanted);
  }
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

static inline int32_t find(struct store store, int32_t field, const char *value,
                           invsrc_source *source, invsrc_buffer *sealed) {
  return store.table->find(store.context, field, value, strlen(value), source, sealed);
}

/* Holds what is found by a field to be the source `id`, of whatever storefront, with `sealed`;
 * NULL: nothing. */
static inline void assert_found(struct store store, int32_t field, const char *value,
                                const char *id, const char *wanted) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();

  assert_int_equal(find(store, field, value, source, sealed),
                   id ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_FOUND);
  if (id) assert_string_equal(invsrc_source_text(source, INVSRC_SOURCE_ID, NULL), id);
  assert_string_equal(invsrc_buffer_bytes(sealed, NULL), wanted);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

static inline void assert_same_source(const invsrc_source *a, const invsrc_source *b) {
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    uint64_t a_length, b_length;
    const char *a_text = invsrc_source_text(a, field, &a_length);
    const char *b_text = invsrc_source_text(b, field, &b_length);
    if (!a_text != !b_text || a_length != b_length ||
        (a_text && memcmp(a_text, b_text, a_length) != 0) ||
        invsrc_source_number(a, field) != invsrc_source_number(b, field))
      fail_msg("%s differs", invsrc_source_field_name(field));
  }
}

/* ---- Insert and get ------------------------------------------------------------ */

/* And so it comes back by whatever it is found. */
static inline void check_every_field_found(struct store store, const invsrc_source *wanted,
                                           uint64_t sealed_length) {
  static const int32_t fields[] = {INVSRC_SOURCE_AGENT_ID, INVSRC_SOURCE_OAUTH_STATE};

  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    const char *value = invsrc_source_text(wanted, fields[i], NULL);
    invsrc_source *back = invsrc_source_new();
    invsrc_buffer *sealed = invsrc_buffer_new();
    uint64_t length;

    assert_int_equal(find(store, fields[i], value, back, sealed), INVSRC_OUTCOME_OK);
    assert_same_source(wanted, back);
    invsrc_buffer_bytes(sealed, &length);
    assert_int_equal(length, sealed_length);
    invsrc_source_free(back);
    invsrc_buffer_free(sealed);
  }
}

/* Every field that there is comes back as it went in, byte for byte. */
static inline void check_every_field(struct store store) {
  static const char bytes[] = "\0sealed\xff\0\x80 bytes\0";
  invsrc_source *source = make_source("acme", "every-field", "9223372036854775807");
  invsrc_source *back = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  char text[48];
  uint64_t length;

  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    if (invsrc_source_field_kind(field) != 'T' || field == INVSRC_SOURCE_STATUS) continue;
    if (field == INVSRC_SOURCE_STOREFRONT || field == INVSRC_SOURCE_SOURCE_ID) continue;
    snprintf(text, sizeof text, "%s: é 東京 😀 ' \" %% \\", invsrc_source_field_name(field));
    set_text(source, field, text);
  }
  invsrc_source_set_number(source, INVSRC_SOURCE_CREATED_AT, INT64_MAX);
  invsrc_source_set_number(source, INVSRC_SOURCE_UPDATED_AT, INT64_MIN);
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, INT64_C(1) << 53 | 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_ATTEMPTS, INT64_C(1) << 40);
  invsrc_source_set_number(source, INVSRC_SOURCE_LAST_CHECKED_AT, INT64_MAX - 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, INT64_MAX - 2);
  invsrc_source_set_number(source, INVSRC_SOURCE_CREDENTIAL_PROVEN, 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_UNREACHABLE, 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_OAUTH_EXPIRES_AT, INT64_MAX - 3);
  invsrc_source_set_number(source, INVSRC_SOURCE_OAUTH_REFRESH_AT, INT64_MAX - 4);
  assert_int_equal(store.table->insert(store.context, source, bytes, sizeof bytes, NULL),
                   INVSRC_OUTCOME_OK);
  assert_int_equal(get(store, "acme", "every-field", back, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(source, back);
  assert_memory_equal(invsrc_buffer_bytes(sealed, &length), bytes, sizeof bytes);
  assert_int_equal(length, sizeof bytes);
  check_every_field_found(store, source, sizeof bytes);
  invsrc_source_free(source);
  invsrc_source_free(back);
  invsrc_buffer_free(sealed);
}

static inline void check_absent_stays_absent(struct store store) {
  invsrc_source *source = make_source("acme", "absent", "1001");
  invsrc_source *back = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  uint64_t length;

  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  set_text(source, INVSRC_SOURCE_DESCRIPTION, ""); /* set, and empty */
  assert_int_equal(insert(store, source, NULL), INVSRC_OUTCOME_OK);
  assert_int_equal(get(store, "acme", "absent", back, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(source, back);
  assert_non_null(invsrc_source_text(back, INVSRC_SOURCE_DESCRIPTION, NULL));
  assert_null(invsrc_source_text(back, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, NULL));
  assert_null(invsrc_source_text(back, INVSRC_SOURCE_OAUTH_AUDIENCE, NULL));
  assert_null(invsrc_source_text(back, INVSRC_SOURCE_LAST_ERROR, NULL));
  assert_null(invsrc_source_text(back, INVSRC_SOURCE_OAUTH_STATE, NULL));
  assert_null(invsrc_source_text(back, INVSRC_SOURCE_OAUTH_PRIVATE_STATE, NULL));
  invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(length, 0);
  invsrc_source_free(source);
  invsrc_source_free(back);
  invsrc_buffer_free(sealed);
}

/* The longest that a field can be, and a large sealed credential. */
static inline void check_long_values(struct store store) {
  static char text[65536], bytes[1 << 20];
  invsrc_source *source = make_source("acme", "long", "1002");
  invsrc_source *back = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  uint64_t length;

  memset(text, 'x', sizeof text);
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 31 + i / 251);
  assert_int_equal(invsrc_source_set_text(source, INVSRC_SOURCE_DESCRIPTION, text, sizeof text),
                   INVSRC_OK);
  assert_int_equal(store.table->insert(store.context, source, bytes, sizeof bytes, NULL),
                   INVSRC_OUTCOME_OK);
  assert_int_equal(get(store, "acme", "long", back, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(source, back);
  assert_memory_equal(invsrc_buffer_bytes(sealed, &length), bytes, sizeof bytes);
  assert_int_equal(length, sizeof bytes);
  invsrc_source_free(source);
  invsrc_source_free(back);
  invsrc_buffer_free(sealed);
}

/* A name is its bytes: no other case, no other normal form, no trimming. */
static inline void check_names_are_bytes(struct store store) {
  static const char *const names[] = {"name",  "Name",        "name ",        " name", "nam",
                                      "name2", "caf\xc3\xa9", "cafe\xcc\x81", "n%me",  "n_me"};
  char id[16];

  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(id, sizeof id, "20%02zu", i);
    assert_stored(store, "acme", names[i], NULL);
    assert_int_equal(insert_new(store, "acme", names[i], id), INVSRC_OUTCOME_OK);
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(id, sizeof id, "20%02zu", i);
    assert_stored(store, "acme", names[i], id);
    assert_stored(store, "Acme", names[i], NULL);
    assert_stored(store, "acm", names[i], NULL);
    assert_stored(store, "", names[i], NULL);
  }
}

/* What is unique, where, and that a loser changes nothing. */
static inline void check_conflicts(struct store store) {
  invsrc_source *same_agent = make_source("acme", "same-agent", "3009");

  assert_int_equal(insert_new(store, "acme", "taken", "3001"), INVSRC_OUTCOME_OK);
  assert_int_equal(insert_new(store, "acme", "taken", "3002"), INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(insert_new(store, "acme", "taken", "3001"), INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(insert_new(store, "acme", "free", "3001"), INVSRC_OUTCOME_DUPLICATE);
  assert_int_equal(insert_new(store, "other", "taken", "3001"), INVSRC_OUTCOME_DUPLICATE);
  set_text(same_agent, INVSRC_SOURCE_AGENT_ID, "agent_3001");
  assert_int_equal(insert(store, same_agent, "sealed 3009"), INVSRC_OUTCOME_DUPLICATE);
  assert_stored(store, "acme", "taken", "3001");
  assert_stored(store, "acme", "free", NULL);
  assert_stored(store, "acme", "same-agent", NULL);
  assert_stored(store, "other", "taken", NULL);
  /* The losers' ids are free, and so are their names. */
  assert_int_equal(insert_new(store, "other", "taken", "3002"), INVSRC_OUTCOME_OK);
  assert_int_equal(insert_new(store, "acme", "free", "3003"), INVSRC_OUTCOME_OK);
  set_text(same_agent, INVSRC_SOURCE_AGENT_ID, "agent_3009");
  assert_int_equal(insert(store, same_agent, "sealed 3009"), INVSRC_OUTCOME_OK);
  assert_stored(store, "other", "taken", "3002");
  assert_stored(store, "acme", "same-agent", "3009");
  invsrc_source_free(same_agent);
}

/* ---- Threads -------------------------------------------------------------------- */

#define RACERS 8
#define RACE_NAMES 40

struct racer {
  struct store store;
  int number;
  int32_t outcomes[RACE_NAMES];
};

static inline void racer_id(char id[16], int name, int number) {
  snprintf(id, 16, "%d", 100000 + name * 100 + number);
}

static inline void *race(void *argument) {
  struct racer *racer = argument;
  char name[16], id[16];

  for (int i = 0; i < RACE_NAMES; i++) {
    snprintf(name, sizeof name, "race-%d", i);
    racer_id(id, i, racer->number);
    racer->outcomes[i] = insert_new(racer->store, "acme", name, id);
  }
  return NULL;
}

/* Each name has one winner, and is its. */
static inline void assert_one_winner(struct store store, const struct racer *racers, int count) {
  char name[16], id[16];

  for (int i = 0; i < RACE_NAMES; i++) {
    int winners = 0;
    for (int j = 0; j < count; j++) {
      if (racers[j].outcomes[i] == INVSRC_OUTCOME_OK) {
        racer_id(id, i, j);
        winners++;
      } else {
        assert_int_equal(racers[j].outcomes[i], INVSRC_OUTCOME_CONFLICT);
      }
    }
    assert_int_equal(winners, 1);
    snprintf(name, sizeof name, "race-%d", i);
    assert_stored(store, "acme", name, id);
  }
}

/* Eight threads want the same names. */
static inline void check_races(struct store store) {
  struct racer racers[RACERS];
  pthread_t threads[RACERS];

  for (int i = 0; i < RACERS; i++) {
    racers[i] = (struct racer){store, i, {0}};
    assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
  }
  for (int i = 0; i < RACERS; i++) pthread_join(threads[i], NULL);
  assert_one_winner(store, racers, RACERS);
}

/* ---- API keys --------------------------------------------------------------------- */

/* Whom a token speaks for; "" for nobody. */
static inline const char *authenticate(const invsrc_authenticator_vtable *table, void *context,
                                       const char *token, invsrc_buffer *storefront) {
  int32_t outcome = table->authenticate(context, token, strlen(token), storefront);

  if (outcome == INVSRC_OUTCOME_UNKNOWN) return "";
  assert_int_equal(outcome, INVSRC_OUTCOME_OK);
  return invsrc_buffer_bytes(storefront, NULL);
}

static inline void check_keys(const invsrc_authenticator_vtable *table, void *context,
                              const char *acme, const char *other) {
  static const char *const strangers[] = {
      "", "scope3_", "secret", "scope3_abcdefghijklmnop_",
      "scope3_abcdefghijklmnop_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
  invsrc_buffer *storefront = invsrc_buffer_new();
  char crossed[128];

  assert_string_equal(authenticate(table, context, acme, storefront), "acme");
  assert_string_equal(authenticate(table, context, other, storefront), "other");
  for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
    assert_string_equal(authenticate(table, context, strangers[i], storefront), "");
  for (size_t i = 0; i < strlen(acme); i++) {
    strcpy(crossed, acme);
    crossed[i] = crossed[i] == 'a' ? 'b' : 'a';
    assert_string_equal(authenticate(table, context, crossed, storefront), "");
  }
  /* The name of one with the secret of the other. */
  memcpy(crossed, acme, strlen("scope3_") + 16);
  strcpy(crossed + strlen("scope3_") + 16, other + strlen("scope3_") + 16);
  assert_string_equal(authenticate(table, context, crossed, storefront), "");
  invsrc_buffer_free(storefront);
}

#endif
