/*
 * What the tests of a source's life share: a service on the store in memory, with the
 * testkit's clock, agents and ear, and short ways to ask it things.
 */
#ifndef TEST_LIFE_H
#define TEST_LIFE_H

#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <invsrc/testkit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define ACME "acme", 4
#define AGENT "https://agent.example/mcp"
#define OTHER_AGENT "https://other.example/mcp"
#define START INT64_C(1767225600000) /* the testkit's */
#define SECOND INT64_C(1000)
#define MINUTE INT64_C(60000)

#define OF_KIND(kind, more)                                         \
  "{\"name\":\"Agent\",\"type\":\"SALES\",\"endpointUrl\":\"" AGENT \
  "\",\"protocol\":\"MCP\",\"authenticationType\":\"" kind "\"" more "}"
#define TOKEN(token) "{\"type\":\"bearer\",\"token\":\"" token "\"}"
#define WITH_TOKEN(token) ",\"auth\":" TOKEN(token)
#define CREATE OF_KIND("API_KEY", WITH_TOKEN("old"))

/* The world of one test. */
typedef struct life {
  invsrc_testkit *kit;
  invsrc_memory *memory;
  invsrc_keyring *keyring;
  invsrc_options *options;
  invsrc_service *service;
  int sealed;              /* how often something was */
  int discarded;           /* sealed bytes that the sealer was told to forget */
  int32_t discard_outcome; /* what it says then */
} life;

static life now_living;

static inline int32_t life_seal(void *context, const invsrc_binding *binding, const void *plaintext,
                                uint64_t length, invsrc_buffer *sealed) {
  ((life *)context)->sealed++;
  return invsrc_keyring_sealer()->seal(((life *)context)->keyring, binding, plaintext, length,
                                       sealed);
}

static inline int32_t life_open(void *context, const invsrc_binding *binding, const void *sealed,
                                uint64_t length, invsrc_buffer *plaintext) {
  return invsrc_keyring_sealer()->open(((life *)context)->keyring, binding, sealed, length,
                                       plaintext);
}

/* Only what opens for its binding can have been sealed for it. */
static inline int32_t life_discard(void *context, const invsrc_binding *binding, const void *sealed,
                                   uint64_t length) {
  life *self = context;
  invsrc_buffer *opened = invsrc_buffer_new();

  assert_int_equal(life_open(context, binding, sealed, length, opened), INVSRC_OUTCOME_OK);
  invsrc_buffer_free(opened);
  self->discarded++;
  return self->discard_outcome;
}

static const invsrc_sealer_vtable life_sealer = {sizeof life_sealer, 0, life_seal, life_open,
                                                 life_discard};

/* After the options were changed. */
static inline void life_renew_service(void) {
  invsrc_service_free(now_living.service);
  assert_int_equal(invsrc_service_new(now_living.options, &now_living.service, NULL), INVSRC_OK);
}

static inline int life_begin(void **state) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {1};
  life *self = &now_living;

  (void)state;
  memset(self, 0, sizeof *self);
  self->discard_outcome = INVSRC_OUTCOME_OK;
  self->kit = invsrc_testkit_new();
  self->options = invsrc_options_new();
  assert_int_equal(invsrc_memory_new(&self->memory), INVSRC_OK);
  assert_int_equal(invsrc_keyring_new(&self->keyring), INVSRC_OK);
  assert_int_equal(invsrc_keyring_add(self->keyring, key, sizeof key), INVSRC_OK);
  assert_int_equal(invsrc_testkit_register(self->kit, AGENT), INVSRC_OK);
  assert_int_equal(invsrc_testkit_register(self->kit, OTHER_AGENT), INVSRC_OK);
  invsrc_testkit_use_store(self->kit, invsrc_memory_store(), self->memory);
  invsrc_testkit_use_sealer(self->kit, &life_sealer, self);
  invsrc_testkit_install(self->kit, self->options);
  life_renew_service();
  return 0;
}

static inline int life_end(void **state) {
  (void)state;
  invsrc_service_free(now_living.service);
  invsrc_options_free(now_living.options);
  invsrc_keyring_free(now_living.keyring);
  invsrc_memory_free(now_living.memory);
  invsrc_testkit_free(now_living.kit);
  return 0;
}

/* ---- Asking ------------------------------------------------------------------- */

/* The status of an answer, which is forgotten; its body must hold `text` (NULL: anything). */
static inline int32_t life_status(invsrc_response *response, const char *text) {
  int32_t status = invsrc_response_status(response);

  if (text && !strstr(invsrc_response_body(response, NULL), text))
    fail_msg("%s is not in %s", text, invsrc_response_body(response, NULL));
  invsrc_response_free(response);
  return status;
}

static inline int32_t life_create(const char *body) {
  invsrc_response *response = NULL;

  assert_int_equal(invsrc_create(now_living.service, ACME, body, strlen(body), &response, NULL),
                   INVSRC_OK);
  return life_status(response, NULL);
}

static inline int32_t life_update(const char *body, const char *text) {
  invsrc_response *response = NULL;

  assert_int_equal(
      invsrc_update(now_living.service, ACME, "agent", 5, body, strlen(body), &response, NULL),
      INVSRC_OK);
  return life_status(response, text);
}

static inline int32_t life_remove(void) {
  invsrc_response *response = NULL;

  assert_int_equal(invsrc_remove(now_living.service, ACME, "agent", 5, &response, NULL), INVSRC_OK);
  return life_status(response, NULL);
}

/* The source "agent" as it is stored; the caller's to free. */
static inline invsrc_response *life_read(void) {
  invsrc_response *response = NULL;

  assert_int_equal(invsrc_get(now_living.service, ACME, "agent", 5, &response, NULL), INVSRC_OK);
  assert_int_equal(invsrc_response_status(response), 200);
  return response;
}

static inline int64_t life_number(int32_t field) {
  invsrc_response *response = life_read();
  int64_t number = invsrc_source_number(invsrc_response_source(response), field);

  invsrc_response_free(response);
  return number;
}

/* "" for what is absent. */
static inline void life_assert_text(int32_t field, const char *expected) {
  invsrc_response *response = life_read();
  const char *text = invsrc_source_text(invsrc_response_source(response), field, NULL);

  assert_string_equal(text ? text : "", expected);
  invsrc_response_free(response);
}

/* Delivers what events there are, the last of which must be of the type; NULL: none. */
static inline void life_assert_event(const char *type) {
  uint64_t delivered = 0;

  assert_int_equal(invsrc_deliver_due(now_living.service, INVSRC_TIME_LIMIT - 3600 * SECOND, 100,
                                      &delivered, NULL, NULL),
                   INVSRC_OK);
  assert_int_equal(delivered > 0, type != NULL);
  if (type)
    assert_string_equal(
        invsrc_event_text(invsrc_testkit_last_event(now_living.kit), INVSRC_EVENT_TYPE, NULL),
        type);
}

#endif
