/*
 * What the tests of stores share: sources, calls, and what is expected of them. What every store
 * must do, invsrc_store_conformance() checks; see suites.h.
 */
#ifndef TEST_STORE_CHECKS_H
#define TEST_STORE_CHECKS_H

#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "testkit/samples.h"

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
  invsrc_source *source = ivs_sample_source(storefront, source_id, id);

  assert_non_null(source);
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
  int32_t field = ivs_sample_difference(a, b);

  if (field) fail_msg("%s differs", invsrc_source_field_name(field));
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
