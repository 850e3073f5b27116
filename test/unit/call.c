/*
 * The engine seen from a host: options, both APIs, and their misuse. What a
 * request is answered is the conformance vectors' matter.
 */
#include <invsrc/invsrc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define TARGET "/api/v2/storefront/inventory-sources"
#define BODY                                                                                 \
  "{\"name\":\"An Agent\",\"type\":\"SALES\",\"endpointUrl\":\"https://agent.example/mcp\"," \
  "\"protocol\":\"MCP\",\"authenticationType\":\"API_KEY\",\"auth\":{\"type\":\"bearer\","   \
  "\"token\":\"secret\"}}"
#define NO_AUTH_BODY                                                                         \
  "{\"name\":\"An Agent\",\"type\":\"SALES\",\"endpointUrl\":\"https://agent.example/mcp\"," \
  "\"protocol\":\"MCP\",\"authenticationType\":\"NO_AUTH\"}"
#define OAUTH_BODY                                                                           \
  "{\"name\":\"An Agent\",\"type\":\"SALES\",\"endpointUrl\":\"https://agent.example/mcp\"," \
  "\"protocol\":\"MCP\",\"authenticationType\":\"OAUTH\"}"

/* A host that answers what it is told, and remembers what it was asked. */
struct host {
  int32_t outcomes[INVSRC_WANT_OAUTH_REVOKE + 1];
  int calls[INVSRC_WANT_OAUTH_REVOKE + 1];
  const char *storefront;
  const char *url;
  const char *state;
  int64_t time;
  char sealed_from[256];
  char log[256];
  int together; /* inserts, the last time */
};

static int32_t outcome(struct host *host, int32_t want) {
  host->calls[want]++;
  return host->outcomes[want] ? host->outcomes[want] : INVSRC_OUTCOME_OK;
}

static int32_t authenticate(void *context, const char *token, uint64_t length,
                            invsrc_buffer *storefront) {
  struct host *host = context;

  assert_int_equal(strlen(token), length);
  invsrc_buffer_set(storefront, host->storefront, strlen(host->storefront));
  return outcome(host, INVSRC_WANT_AUTHENTICATE);
}

static int32_t lookup(void *context, const char *endpoint_url, uint64_t length) {
  assert_string_equal(endpoint_url, "https://agent.example/mcp");
  assert_int_equal(length, strlen(endpoint_url));
  return outcome(context, INVSRC_WANT_LOOKUP);
}

static int32_t seal(void *context, const invsrc_binding *binding, const void *plaintext,
                    uint64_t length, invsrc_buffer *sealed) {
  struct host *host = context;

  assert_int_equal(binding->size, sizeof *binding);
  assert_int_equal(strlen(binding->storefront), binding->storefront_length);
  assert_int_equal(strlen(binding->id), binding->id_length);
  assert_int_equal(strlen(binding->purpose), binding->purpose_length);
  snprintf(host->sealed_from, sizeof host->sealed_from, "%s %.*s", binding->purpose, (int)length,
           (const char *)plaintext);
  invsrc_buffer_set(sealed, "sealed", 6);
  return outcome(host, INVSRC_WANT_SEAL);
}

static int32_t unseal(void *context, const invsrc_binding *binding, const void *sealed,
                      uint64_t length, invsrc_buffer *plaintext) {
  (void)context, (void)binding, (void)sealed, (void)length, (void)plaintext;
  return INVSRC_OUTCOME_FAILED;
}

static int32_t discard(void *context, const invsrc_binding *binding, const void *sealed,
                       uint64_t length) {
  (void)binding;
  assert_int_equal(length, 6);
  assert_memory_equal(sealed, "sealed", 6);
  return outcome(context, INVSRC_WANT_DISCARD);
}

static int32_t insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length, const invsrc_event *event) {
  assert_non_null(source);
  /* Whoever has it can consent: it is sealed. */
  assert_null(invsrc_source_text(source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, NULL));
  assert_null(event); /* none are kept where nobody hears of them */
  assert_true(length == 0 || memcmp(sealed, "sealed", 6) == 0);
  return outcome(context, INVSRC_WANT_INSERT);
}

/* What several inserts came to: the first is stored, the second is taken, and so on by turns. */
static void insert_all(void *context, invsrc_insertion *const *insertions, uint64_t count) {
  struct host *host = context;

  host->together = (int)count;
  for (uint64_t i = 0; i < count; i++) {
    assert_int_equal(insertions[i]->size, sizeof *insertions[i]);
    insertions[i]->outcome =
        insert(context, insertions[i]->source, insertions[i]->sealed, insertions[i]->length,
               insertions[i]->event) == INVSRC_OUTCOME_OK &&
                i % 2
            ? INVSRC_OUTCOME_CONFLICT
            : INVSRC_OUTCOME_OK;
  }
}

static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  (void)storefront, (void)storefront_length, (void)sealed;
  invsrc_source_set_text(source, INVSRC_SOURCE_SOURCE_ID, source_id, source_id_length);
  return outcome(context, INVSRC_WANT_GET);
}

static int32_t list(void *context, const char *storefront, uint64_t storefront_length,
                    uint64_t skip, uint64_t take, invsrc_source_list *sources, uint64_t *total) {
  invsrc_source *source = invsrc_source_new();

  (void)storefront, (void)storefront_length, (void)skip, (void)take;
  assert_int_equal(invsrc_source_list_append(sources, source, NULL, 0), INVSRC_OK);
  invsrc_source_free(source);
  *total = 1;
  return outcome(context, INVSRC_WANT_LIST);
}

static int32_t update(void *context, const invsrc_source *source, uint64_t revision,
                      int64_t lease_end, uint32_t parts, const void *sealed, uint64_t length,
                      const invsrc_event *event, invsrc_buffer *replaced) {
  (void)source, (void)revision, (void)lease_end, (void)parts, (void)sealed, (void)length,
      (void)event, (void)replaced;
  return outcome(context, INVSRC_WANT_UPDATE);
}

static int32_t remove_source(void *context, const invsrc_source *source, uint64_t revision,
                             const invsrc_event *event, invsrc_buffer *sealed) {
  (void)source, (void)revision, (void)event, (void)sealed;
  return outcome(context, INVSRC_WANT_REMOVE);
}

static int32_t due(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                   invsrc_source_list *sources) {
  (void)context, (void)now, (void)lease_end, (void)limit, (void)sources;
  return INVSRC_OUTCOME_OK;
}

static int32_t oauth_start(void *context, const invsrc_source *source,
                           const invsrc_consent *consent, invsrc_buffer *url, invsrc_buffer *state,
                           invsrc_buffer *reason) {
  struct host *host = context;

  (void)reason;
  assert_int_equal(consent->size, sizeof *consent);
  assert_int_equal(consent->state_length, 43);
  assert_non_null(invsrc_source_text(source, INVSRC_SOURCE_AGENT_ID, NULL));
  invsrc_buffer_set(url, host->url, strlen(host->url));
  invsrc_buffer_set(state, host->state, strlen(host->state));
  return outcome(host, INVSRC_WANT_OAUTH_START);
}

static int32_t oauth_finish(void *context, const invsrc_source *source, const void *private_state,
                            uint64_t length, const invsrc_redirect *redirect,
                            invsrc_buffer *credential, int64_t *refresh_at, invsrc_buffer *reason) {
  (void)source, (void)private_state, (void)length, (void)redirect;
  (void)credential, (void)reason;
  *refresh_at = 0;
  return outcome(context, INVSRC_WANT_OAUTH_FINISH);
}

static int32_t find(void *context, int32_t field, const char *value, uint64_t length,
                    invsrc_source *source, invsrc_buffer *sealed) {
  (void)field, (void)value, (void)length, (void)source, (void)sealed;
  return outcome(context, INVSRC_WANT_FIND);
}

static int32_t now(void *context, int64_t *milliseconds) {
  *milliseconds = ((struct host *)context)->time;
  return outcome(context, INVSRC_WANT_NOW);
}

static int32_t random_bytes(void *context, uint8_t *bytes, uint64_t length) {
  memset(bytes, 7, (size_t)length);
  return outcome(context, INVSRC_WANT_RANDOM);
}

static void log_line(void *context, int32_t level, const char *message, uint64_t length) {
  struct host *host = context;

  assert_int_equal(strlen(message), length);
  snprintf(host->log, sizeof host->log, "%d %s", (int)level, message);
  host->calls[INVSRC_WANT_LOG]++;
}

static const invsrc_authenticator_vtable authenticator = {sizeof authenticator, 0, authenticate};
static const invsrc_registry_vtable registry = {sizeof registry, 0, lookup};
static const invsrc_sealer_vtable sealer = {sizeof sealer, 0, seal, unseal, discard};
static const invsrc_store_vtable store = {.size = sizeof store,
                                          .insert = insert,
                                          .get = get,
                                          .list = list,
                                          .update = update,
                                          .remove = remove_source,
                                          .due = due,
                                          .find = find};
static const invsrc_oauth_vtable oauth = {
    .size = sizeof oauth, .start = oauth_start, .finish = oauth_finish};
static const invsrc_world_vtable world = {sizeof world, 0, now, random_bytes, log_line};

static struct host host;
static invsrc_options *options;
static invsrc_service *service;

static int make_service(void **state) {
  static const struct host fresh = {.storefront = "s",
                                    .url = "https://login.example/authorize",
                                    .state = "private",
                                    .time = 1767225600000};

  (void)state;
  host = fresh;
  options = invsrc_options_new();
  invsrc_options_set_authenticator(options, &authenticator, &host);
  invsrc_options_set_registry(options, &registry, &host);
  invsrc_options_set_sealer(options, &sealer, &host);
  invsrc_options_set_store(options, &store, &host);
  invsrc_options_set_oauth(options, &oauth, &host);
  invsrc_options_set_world(options, &world, &host);
  return invsrc_service_new(options, &service, NULL);
}

static int free_service(void **state) {
  (void)state;
  invsrc_service_free(service);
  invsrc_options_free(options);
  return 0;
}

static invsrc_request *request_of(const char *method, const char *target, const char *body) {
  invsrc_request *request = invsrc_request_new();

  invsrc_request_set_method(request, method, strlen(method));
  invsrc_request_set_target(request, target, strlen(target));
  invsrc_request_add_header(request, "authorization", 13, "Bearer key", 10);
  invsrc_request_set_body(request, body, strlen(body));
  return request;
}

/* The status of a create, over HTTP; its body, when wanted, in `text`. */
static int32_t post(const char *body, char *text, size_t size) {
  invsrc_request *request = request_of("POST", TARGET, body);
  invsrc_response *response = NULL;
  int32_t status;

  assert_int_equal(invsrc_handle(service, request, &response, NULL), INVSRC_OK);
  status = invsrc_response_status(response);
  if (text) snprintf(text, size, "%s", invsrc_response_body(response, NULL));
  assert_true((invsrc_response_source(response) != NULL) == (status < 300));
  invsrc_response_free(response);
  invsrc_request_free(request);
  return status;
}

/* ---- Routes ----------------------------------------------------------------- */

/* What no sourceId can hold is not asked of the store, which may think in C strings. */
static void no_source_has_control_characters(void **state) {
  static const char *const names[] = {"x%00", "x%00y", "%0A", "x%1f", "x%7F", "x%C2%85", "x\x01"};
  char target[sizeof TARGET + 16];

  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    invsrc_request *request;
    invsrc_response *response = NULL;
    snprintf(target, sizeof target, TARGET "/%s", names[i]);
    request = request_of("GET", target, "");
    assert_int_equal(invsrc_handle(service, request, &response, NULL), INVSRC_OK);
    assert_int_equal(invsrc_response_status(response), 404);
    assert_int_equal(host.calls[INVSRC_WANT_GET], 0);
    invsrc_response_free(response);
    invsrc_request_free(request);
  }
}

/* ---- Options ---------------------------------------------------------------- */

static void tables_of_any_age_are_taken(void **state) {
  struct {
    invsrc_store_vtable table;
    void (*future)(void);
  } newer = {store, (void (*)(void))abort};
  invsrc_sealer_vtable older = sealer;

  (void)state;
  newer.table.size = sizeof newer;
  assert_int_equal(invsrc_options_set_store(options, &newer.table, &host), INVSRC_OK);
  /* Without the optional discard at its end, which then must not be read. */
  older.size = (uint32_t)offsetof(invsrc_sealer_vtable, discard);
  assert_int_equal(invsrc_options_set_sealer(options, &older, &host), INVSRC_OK);
  invsrc_service_free(service);
  assert_int_equal(invsrc_service_new(options, &service, NULL), INVSRC_OK);
  host.outcomes[INVSRC_WANT_INSERT] = INVSRC_OUTCOME_CONFLICT;
  assert_int_equal(post(BODY, NULL, 0), 409);
  assert_int_equal(host.calls[INVSRC_WANT_DISCARD], 0);
}

static void tables_without_what_must_be_there_are_refused(void **state) {
  invsrc_store_vtable table = store;
  invsrc_sealer_vtable no_open = sealer;

  (void)state;
  table.size = 8;
  assert_int_equal(invsrc_options_set_store(options, &table, &host), INVSRC_EINVAL);
  table = store;
  table.insert = NULL;
  assert_int_equal(invsrc_options_set_store(options, &table, &host), INVSRC_EINVAL);
  no_open.open = NULL;
  assert_int_equal(invsrc_options_set_sealer(options, &no_open, &host), INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_store(NULL, &store, &host), INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_world(options, NULL, NULL), INVSRC_OK);
}

static void a_refused_table_leaves_the_one_before(void **state) {
  invsrc_store_vtable no_get = store;
  invsrc_sealer_vtable short_one = sealer;

  (void)state;
  no_get.get = NULL;
  short_one.size = 8;
  assert_int_equal(invsrc_options_set_store(options, &no_get, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_sealer(options, &short_one, NULL), INVSRC_EINVAL);
  invsrc_service_free(service);
  assert_int_equal(invsrc_service_new(options, &service, NULL), INVSRC_OK);
  assert_int_equal(post(BODY, NULL, 0), 201);
  assert_int_equal(host.calls[INVSRC_WANT_SEAL], 1);
  assert_int_equal(host.calls[INVSRC_WANT_INSERT], 1);
}

static void switches_are_0_or_1(void **state) {
  int32_t (*const setters[])(invsrc_options *, int32_t) = {
      invsrc_options_set_envelope, invsrc_options_set_allow_http, invsrc_options_set_allow_private};

  (void)state;
  for (size_t i = 0; i < sizeof setters / sizeof *setters; i++) {
    assert_int_equal(setters[i](options, 0), INVSRC_OK);
    assert_int_equal(setters[i](options, 1), INVSRC_OK);
    assert_int_equal(setters[i](options, 2), INVSRC_EINVAL);
    assert_int_equal(setters[i](options, -1), INVSRC_EINVAL);
    assert_int_equal(setters[i](NULL, 1), INVSRC_EINVAL);
  }
  assert_int_equal(invsrc_options_set_max_body(options, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_max_body(options, INVSRC_MAX_BODY_LIMIT), INVSRC_OK);
  assert_int_equal(invsrc_options_set_max_body(options, INVSRC_MAX_BODY_LIMIT + 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_options_set_max_body(NULL, 1), INVSRC_EINVAL);
}

static void a_missing_provider_is_told_before_anything_is_done(void **state) {
  static const char *const messages[] = {"no authenticator is set", "no registry is set",
                                         "no sealer is set", "no store is set"};
  invsrc_error *error = invsrc_error_new();
  invsrc_request *request = request_of("POST", TARGET, BODY);
  invsrc_response *response;

  (void)state;
  for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
    invsrc_service *poor;
    invsrc_options_set_authenticator(options, i == 0 ? NULL : &authenticator, &host);
    invsrc_options_set_registry(options, i == 1 ? NULL : &registry, &host);
    invsrc_options_set_sealer(options, i == 2 ? NULL : &sealer, &host);
    invsrc_options_set_store(options, i == 3 ? NULL : &store, &host);
    assert_int_equal(invsrc_service_new(options, &poor, NULL), INVSRC_OK);
    assert_int_equal(invsrc_handle(poor, request, &response, error), INVSRC_ESTATE);
    assert_null(response);
    assert_int_equal(invsrc_error_code(error), INVSRC_ESTATE);
    assert_string_equal(invsrc_error_message(error), messages[i]);
    invsrc_service_free(poor);
  }
  for (size_t i = 0; i <= INVSRC_WANT_LOG; i++) assert_int_equal(host.calls[i], 0);
  invsrc_request_free(request);
  invsrc_error_free(error);
}

/* ---- Blocking ---------------------------------------------------------------- */

static void wrong_arguments(void **state) {
  invsrc_error *error = invsrc_error_new();
  invsrc_request *request = invsrc_request_new();
  invsrc_response *response;
  invsrc_service *none = NULL;
  char long_name[257];

  (void)state;
  memset(long_name, 'x', sizeof long_name);
  assert_int_equal(invsrc_service_new(NULL, &none, error), INVSRC_EINVAL);
  assert_null(none);
  assert_int_equal(invsrc_service_new(options, NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_handle(service, request, &response, error), INVSRC_EINVAL);
  invsrc_request_free(request);
  request = request_of("POST", TARGET, BODY);
  assert_int_equal(invsrc_handle(NULL, request, &response, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_handle(service, NULL, &response, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_handle(service, request, NULL, error), INVSRC_EINVAL);
  invsrc_request_set_body(request, NULL, 10);
  assert_int_equal(invsrc_handle(service, request, &response, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_create(service, NULL, 1, BODY, 1, &response, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_create(service, "", 0, BODY, 1, &response, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_create(service, long_name, 256, BODY, 1, &response, error),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_create(service, "s", 1, NULL, 1, &response, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_create(NULL, "s", 1, BODY, 1, &response, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_create(service, "s", 1, BODY, 1, NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_validate_create(options, BODY, 1, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_validate_create(options, NULL, 1, &response), INVSRC_EINVAL);
  assert_null(response);
  invsrc_request_free(request);
  invsrc_error_free(error);
}

static void a_body_that_was_not_read_is_too_large(void **state) {
  invsrc_response *response = NULL;

  (void)state;
  assert_int_equal(invsrc_create(service, "s", 1, NULL, 65537, &response, NULL), INVSRC_OK);
  assert_int_equal(invsrc_response_status(response), 413);
  invsrc_response_free(response);
  assert_int_equal(invsrc_validate_create(NULL, NULL, UINT64_MAX, &response), INVSRC_OK);
  assert_int_equal(invsrc_response_status(response), 413);
  invsrc_response_free(response);
}

/* What a callback answers, and what the caller is answered for it. */
static void outcomes_become_statuses(void **state) {
  static const struct {
    int32_t want, outcome, status;
    const char *log;
  } rows[] = {
      {INVSRC_WANT_AUTHENTICATE, INVSRC_OUTCOME_UNKNOWN, 401, ""},
      {INVSRC_WANT_AUTHENTICATE, INVSRC_OUTCOME_UNAVAILABLE, 503, "3 authenticate: unavailable"},
      {INVSRC_WANT_AUTHENTICATE, INVSRC_OUTCOME_FAILED, 500, "4 authenticate: failed for good"},
      {INVSRC_WANT_AUTHENTICATE, 99, 500, "4 authenticate: returned what is not legal"},
      {INVSRC_WANT_LOOKUP, INVSRC_OUTCOME_NOT_REGISTERED, 400, ""},
      {INVSRC_WANT_LOOKUP, INVSRC_OUTCOME_UNAVAILABLE, 503, "3 lookup: unavailable"},
      {INVSRC_WANT_LOOKUP, INVSRC_OUTCOME_UNKNOWN, 500, "4 lookup: returned what is not legal"},
      {INVSRC_WANT_NOW, INVSRC_OUTCOME_UNAVAILABLE, 503, "3 now: unavailable"},
      {INVSRC_WANT_NOW, INVSRC_OUTCOME_FAILED, 500, "4 now: failed for good"},
      {INVSRC_WANT_RANDOM, INVSRC_OUTCOME_UNAVAILABLE, 503, "3 random: unavailable"},
      {INVSRC_WANT_RANDOM, -1, 500, "4 random: returned what is not legal"},
      {INVSRC_WANT_SEAL, INVSRC_OUTCOME_REFUSED, 500, "4 seal: failed for good"},
      {INVSRC_WANT_SEAL, INVSRC_OUTCOME_UNAVAILABLE, 503, "3 seal: unavailable"},
      {INVSRC_WANT_INSERT, INVSRC_OUTCOME_CONFLICT, 409, ""},
      {INVSRC_WANT_INSERT, INVSRC_OUTCOME_DUPLICATE, 503, "3 insert: unavailable"},
      {INVSRC_WANT_INSERT, INVSRC_OUTCOME_UNAVAILABLE, 503, "3 insert: unavailable"},
      {INVSRC_WANT_INSERT, INVSRC_OUTCOME_NOT_FOUND, 500, "4 insert: returned what is not legal"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    free_service(NULL);
    make_service(NULL);
    host.outcomes[rows[i].want] = rows[i].outcome;
    assert_int_equal(post(BODY, NULL, 0), rows[i].status);
    assert_string_equal(host.log, rows[i].log);
    assert_int_equal(host.calls[rows[i].want], 1);
    assert_int_equal(host.calls[INVSRC_WANT_DISCARD], rows[i].want == INVSRC_WANT_INSERT);
    host.outcomes[rows[i].want] = 0;
    assert_int_equal(post(BODY, NULL, 0), 201); /* usable afterwards */
  }
}

/* What a callback left behind counts only where it says that all went well. */
static void a_clock_that_does_not_answer_is_not_judged(void **state) {
  (void)state;
  host.time = -1;
  host.outcomes[INVSRC_WANT_NOW] = INVSRC_OUTCOME_UNAVAILABLE;
  assert_int_equal(post(BODY, NULL, 0), 503);
  assert_string_equal(host.log, "3 now: unavailable");
}

static void bytes_that_break_the_rule_are_a_failure(void **state) {
  static const char *const urls[] = {"", "not a URL", "ftp://login.example/", "https://\xff/"};
  char name[257];

  (void)state;
  memset(name, 'x', sizeof name - 1);
  name[256] = '\0';
  host.storefront = "";
  assert_int_equal(post(BODY, NULL, 0), 500);
  host.storefront = name;
  assert_int_equal(post(BODY, NULL, 0), 500);
  host.storefront = name + 1;
  assert_int_equal(post(BODY, NULL, 0), 201);
  host.time = -1;
  assert_int_equal(post(BODY, NULL, 0), 500);
  host.time = 253402300800000;
  assert_int_equal(post(BODY, NULL, 0), 500);
  host.time = 0;
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    host.url = urls[i];
    assert_int_equal(post(OAUTH_BODY, NULL, 0), 500);
  }
  host.url = "https://login.example/";
  host.state = "";
  assert_int_equal(post(OAUTH_BODY, NULL, 0), 500);
}

static void what_is_sealed(void **state) {
  char text[1024];

  (void)state;
  assert_int_equal(post(BODY, NULL, 0), 201);
  assert_string_equal(host.sealed_from, "credential {\"type\":\"bearer\",\"token\":\"secret\"}");
  assert_int_equal(post(OAUTH_BODY, text, sizeof text), 201);
  assert_string_equal(host.sealed_from, "oauth-state https://login.example/authorize\nprivate");
  assert_non_null(
      strstr(text, "\"oauth\":{\"authorizationUrl\":\"https://login.example/authorize\""));
  assert_non_null(strstr(text, "\"authConfigured\":false"));
  host.calls[INVSRC_WANT_SEAL] = 0;
  assert_int_equal(post(NO_AUTH_BODY, text, sizeof text), 201);
  assert_int_equal(host.calls[INVSRC_WANT_SEAL], 0);
  assert_non_null(strstr(text, "\"status\":\"ACTIVE\""));
}

static void a_credential_that_cannot_be_discarded_is_logged(void **state) {
  (void)state;
  host.outcomes[INVSRC_WANT_INSERT] = INVSRC_OUTCOME_CONFLICT;
  host.outcomes[INVSRC_WANT_DISCARD] = INVSRC_OUTCOME_UNAVAILABLE;
  assert_int_equal(post(BODY, NULL, 0), 409);
  assert_string_equal(host.log, "3 discard: a sealed credential is left over");
  host.outcomes[INVSRC_WANT_INSERT] = INVSRC_OUTCOME_UNAVAILABLE;
  assert_int_equal(post(BODY, NULL, 0), 503);
  assert_int_equal(host.calls[INVSRC_WANT_LOG], 3);
}

static void defaults_are_the_system_s(void **state) {
  invsrc_response *response = NULL;
  const invsrc_source *source;
  const char *id;

  (void)state;
  invsrc_options_set_world(options, NULL, NULL);
  invsrc_service_free(service);
  assert_int_equal(invsrc_service_new(options, &service, NULL), INVSRC_OK);
  assert_int_equal(invsrc_create(service, "s", 1, BODY, strlen(BODY), &response, NULL), INVSRC_OK);
  source = invsrc_response_source(response);
  assert_true(invsrc_source_number(source, INVSRC_SOURCE_CREATED_AT) > 1767225600000);
  id = invsrc_source_text(source, INVSRC_SOURCE_ID, NULL);
  assert_in_range(strtoull(id, NULL, 10), 1, INT64_MAX);
  invsrc_response_free(response);
}

/* ---- Stepwise ---------------------------------------------------------------- */

static void steps_of_a_create(void **state) {
  static const int32_t wants[] = {INVSRC_WANT_AUTHENTICATE, INVSRC_WANT_LOOKUP, INVSRC_WANT_NOW,
                                  INVSRC_WANT_RANDOM,       INVSRC_WANT_SEAL,   INVSRC_WANT_INSERT};
  invsrc_request *request = request_of("POST", TARGET, BODY);
  invsrc_response *response = NULL;
  invsrc_call *call = NULL;

  (void)state;
  assert_int_equal(invsrc_call_new(service, request, &call), INVSRC_OK);
  invsrc_request_free(request);
  assert_int_equal(invsrc_call_perform(call), INVSRC_OK);
  for (size_t i = 1; i < sizeof wants / sizeof *wants; i++) {
    assert_int_equal(invsrc_call_take_response(call, &response), INVSRC_ESTATE);
    assert_int_equal(invsrc_call_step(call), wants[i]);
    assert_int_equal(invsrc_call_step(call), wants[i]); /* asking again changes nothing */
    assert_int_equal(invsrc_call_perform(call), INVSRC_OK);
    assert_int_equal(invsrc_call_perform(call), INVSRC_ESTATE);
  }
  assert_int_equal(invsrc_call_step(call), INVSRC_WANT_NONE);
  assert_int_equal(invsrc_call_perform(call), INVSRC_ESTATE);
  assert_int_equal(invsrc_call_take_response(call, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_take_response(call, &response), INVSRC_OK);
  assert_int_equal(invsrc_response_status(response), 201);
  invsrc_response_free(response);
  assert_int_equal(invsrc_call_take_response(call, &response), INVSRC_ESTATE);
  invsrc_call_free(call);
}

static void wants_bring_their_inputs_and_no_others(void **state) {
  static const struct {
    int32_t want, input;
    const char *value;
  } rows[] = {
      {INVSRC_WANT_AUTHENTICATE, INVSRC_INPUT_TOKEN, "key"},
      {INVSRC_WANT_LOOKUP, INVSRC_INPUT_ENDPOINT_URL, "https://agent.example/mcp"},
      {INVSRC_WANT_SEAL, INVSRC_INPUT_PLAINTEXT, "{\"type\":\"bearer\",\"token\":\"secret\"}"},
      {INVSRC_WANT_INSERT, INVSRC_INPUT_SEALED, "sealed"},
      {INVSRC_WANT_LOG, INVSRC_INPUT_LOG, "insert: unavailable"},
      {INVSRC_WANT_DISCARD, INVSRC_INPUT_SEALED, "sealed"},
  };
  invsrc_request *request = request_of("POST", TARGET, BODY);
  invsrc_call *call = NULL;
  int32_t want;

  (void)state;
  host.outcomes[INVSRC_WANT_INSERT] = INVSRC_OUTCOME_UNAVAILABLE;
  assert_int_equal(invsrc_call_new(service, request, &call), INVSRC_OK);
  while ((want = invsrc_call_step(call)) > 0) {
    for (int32_t input = 0; input <= INVSRC_INPUT_LOG + 1; input++) {
      const char *expected = NULL;
      uint64_t length;
      const char *value = invsrc_call_input(call, input, &length);
      for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].want == want && rows[i].input == input) expected = rows[i].value;
      assert_int_equal(length, expected ? strlen(expected) : 0);
      if (expected)
        assert_string_equal(value, expected);
      else
        assert_null(value);
    }
    assert_true((invsrc_call_source(call) != NULL) == (want == INVSRC_WANT_INSERT));
    assert_true((invsrc_call_binding(call) != NULL) ==
                (want == INVSRC_WANT_SEAL || want == INVSRC_WANT_DISCARD));
    assert_int_equal(invsrc_call_random_length(call), want == INVSRC_WANT_RANDOM ? 15 : 0);
    assert_int_equal(invsrc_call_log_level(call), want == INVSRC_WANT_LOG ? 3 : 0);
    invsrc_call_perform(call);
  }
  assert_null(invsrc_call_input(NULL, INVSRC_INPUT_TOKEN, NULL));
  assert_null(invsrc_call_source(NULL));
  assert_null(invsrc_call_binding(NULL));
  assert_int_equal(invsrc_call_random_length(NULL), 0);
  assert_int_equal(invsrc_call_log_level(NULL), 0);
  invsrc_call_free(call);
  invsrc_request_free(request);
}

/* Gives every answer that is not the wanted one; none may be taken. */
static void give_wrong_answers(invsrc_call *call, int32_t want) {
  invsrc_source *source = invsrc_source_new();
  uint8_t bytes[47] = {0};
  int is_plain = want == INVSRC_WANT_LOOKUP || want == INVSRC_WANT_INSERT ||
                 want == INVSRC_WANT_DISCARD || want == INVSRC_WANT_LOG;

  if (!is_plain) assert_int_equal(invsrc_call_answer(call, INVSRC_OUTCOME_OK), INVSRC_ESTATE);
  if (want != INVSRC_WANT_AUTHENTICATE)
    assert_int_equal(invsrc_call_answer_authenticate(call, INVSRC_OUTCOME_OK, "s", 1),
                     INVSRC_ESTATE);
  if (want != INVSRC_WANT_NOW)
    assert_int_equal(invsrc_call_answer_now(call, INVSRC_OUTCOME_OK, 1), INVSRC_ESTATE);
  assert_int_equal(invsrc_call_answer_random(call, INVSRC_OUTCOME_OK, bytes, 46),
                   want == INVSRC_WANT_RANDOM ? INVSRC_EINVAL : INVSRC_ESTATE);
  assert_int_equal(invsrc_call_answer_random(call, INVSRC_OUTCOME_OK, NULL, 47),
                   want == INVSRC_WANT_RANDOM ? INVSRC_EINVAL : INVSRC_ESTATE);
  assert_int_equal(
      invsrc_call_answer_oauth_start(call, INVSRC_OUTCOME_OK, "u", 1, NULL, 1, NULL, 0),
      want == INVSRC_WANT_OAUTH_START ? INVSRC_EINVAL : INVSRC_ESTATE);
  assert_int_equal(invsrc_call_answer_seal(call, INVSRC_OUTCOME_OK, NULL, 1),
                   want == INVSRC_WANT_SEAL ? INVSRC_EINVAL : INVSRC_ESTATE);
  assert_int_equal(invsrc_call_answer_get(call, INVSRC_OUTCOME_OK, NULL, NULL, 0),
                   want == INVSRC_WANT_GET ? INVSRC_EINVAL : INVSRC_ESTATE);
  if (want != INVSRC_WANT_GET)
    assert_int_equal(invsrc_call_answer_get(call, INVSRC_OUTCOME_OK, source, NULL, 0),
                     INVSRC_ESTATE);
  invsrc_source_free(source);
}

static void wrong_answers_change_nothing(void **state) {
  static const struct {
    const char *method, *target, *body;
  } rows[] = {{"POST", TARGET, OAUTH_BODY}, {"GET", TARGET "/x", ""}};

  (void)state;
  host.outcomes[INVSRC_WANT_INSERT] = INVSRC_OUTCOME_UNAVAILABLE;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_request *request = request_of(rows[i].method, rows[i].target, rows[i].body);
    invsrc_call *call = NULL;
    int32_t want;
    assert_int_equal(invsrc_call_new(service, request, &call), INVSRC_OK);
    while ((want = invsrc_call_step(call)) > 0) {
      give_wrong_answers(call, want);
      assert_int_equal(invsrc_call_step(call), want);
      invsrc_call_perform(call);
    }
    assert_int_equal(want, 0);
    give_wrong_answers(call, 0);
    invsrc_call_free(call);
    invsrc_request_free(request);
  }
  assert_int_equal(invsrc_call_answer(NULL, INVSRC_OUTCOME_OK), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_answer_now(NULL, INVSRC_OUTCOME_OK, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_answer_random(NULL, INVSRC_OUTCOME_OK, NULL, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_answer_get(NULL, INVSRC_OUTCOME_OK, NULL, NULL, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_answer_seal(NULL, INVSRC_OUTCOME_OK, NULL, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_answer_authenticate(NULL, INVSRC_OUTCOME_OK, NULL, 0),
                   INVSRC_EINVAL);
  assert_int_equal(
      invsrc_call_answer_oauth_start(NULL, INVSRC_OUTCOME_OK, NULL, 0, NULL, 0, NULL, 0),
      INVSRC_EINVAL);
  assert_int_equal(invsrc_call_step(NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_perform(NULL), INVSRC_EINVAL);
  invsrc_call_free(NULL);
}

static void a_call_may_be_freed_at_any_want(void **state) {
  (void)state;
  host.outcomes[INVSRC_WANT_INSERT] = INVSRC_OUTCOME_UNAVAILABLE;
  for (int steps = 0; steps < 9; steps++) {
    invsrc_request *request = request_of("POST", TARGET, BODY);
    invsrc_call *call = NULL;
    assert_int_equal(invsrc_call_new(service, request, &call), INVSRC_OK);
    for (int i = 0; i < steps && invsrc_call_step(call) > 0; i++) invsrc_call_perform(call);
    invsrc_call_step(call);
    invsrc_call_free(call);
    invsrc_request_free(request);
  }
}

static void a_host_may_answer_everything_itself(void **state) {
  invsrc_options *bare = invsrc_options_new();
  invsrc_service *alone = NULL;
  invsrc_response *response = NULL;
  invsrc_request *request = request_of("POST", TARGET, OAUTH_BODY);
  invsrc_call *call = NULL;
  uint8_t bytes[47] = {0};
  int32_t want;

  (void)state;
  assert_int_equal(invsrc_service_new(bare, &alone, NULL), INVSRC_OK);
  assert_int_equal(invsrc_call_new(alone, request, &call), INVSRC_OK);
  while ((want = invsrc_call_step(call)) > 0) {
    switch (want) {
      case INVSRC_WANT_AUTHENTICATE:
        assert_int_equal(invsrc_call_perform(call), INVSRC_ESTATE); /* there is no callback */
        invsrc_call_answer_authenticate(call, INVSRC_OUTCOME_OK, "s", 1);
        break;
      case INVSRC_WANT_NOW:
        invsrc_call_answer_now(call, INVSRC_OUTCOME_OK, 0);
        break;
      case INVSRC_WANT_RANDOM:
        assert_int_equal(invsrc_call_answer_random(call, INVSRC_OUTCOME_OK, bytes, sizeof bytes),
                         INVSRC_OK);
        break;
      case INVSRC_WANT_OAUTH_START:
        invsrc_call_answer_oauth_start(call, INVSRC_OUTCOME_OK, "https://a.example/", 18, "p", 1,
                                       NULL, 0);
        break;
      case INVSRC_WANT_SEAL:
        invsrc_call_answer_seal(call, INVSRC_OUTCOME_OK, "x", 1);
        break;
      default:
        invsrc_call_answer(call, INVSRC_OUTCOME_OK);
        break;
    }
  }
  assert_int_equal(invsrc_call_take_response(call, &response), INVSRC_OK);
  assert_int_equal(invsrc_response_status(response), 201);
  invsrc_response_free(response);
  invsrc_call_free(call);
  invsrc_request_free(request);
  invsrc_service_free(alone);
  invsrc_options_free(bare);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_service, free_service)

/* ---- Several calls at a time --------------------------------------------------- */

#define SEVERAL 150

/* Makes the service's store one that inserts several at a time, or not. */
static void set_insert_all(void (*function)(void *, invsrc_insertion *const *, uint64_t)) {
  invsrc_store_vtable table = store;

  table.insert_all = function;
  assert_int_equal(invsrc_options_set_store(options, &table, &host), INVSRC_OK);
  invsrc_service_free(service);
  assert_int_equal(invsrc_service_new(options, &service, NULL), INVSRC_OK);
}

static invsrc_call *call_that_wants(int32_t wanted) {
  invsrc_request *request = request_of("POST", TARGET, BODY);
  invsrc_call *call = NULL;
  int32_t want;

  assert_int_equal(invsrc_call_new(service, request, &call), INVSRC_OK);
  while ((want = invsrc_call_step(call)) != wanted && want > 0) invsrc_call_perform(call);
  assert_int_equal(want, wanted);
  invsrc_request_free(request);
  return call;
}

/* The status of a call that goes on to its end, and is freed. */
static int32_t status_of(invsrc_call *call) {
  invsrc_response *response = NULL;
  int32_t status;

  while (invsrc_call_step(call) > 0) invsrc_call_perform(call);
  assert_int_equal(invsrc_call_take_response(call, &response), INVSRC_OK);
  status = invsrc_response_status(response);
  invsrc_response_free(response);
  invsrc_call_free(call);
  return status;
}

static void calls_insert_together(void **state) {
  invsrc_call *calls[SEVERAL];

  (void)state;
  set_insert_all(insert_all);
  for (int i = 0; i < 3; i++) calls[i] = call_that_wants(INVSRC_WANT_INSERT);
  calls[3] = call_that_wants(INVSRC_WANT_LOOKUP);
  assert_int_equal(invsrc_call_perform_all(calls, 4), INVSRC_OK);
  assert_int_equal(host.together, 3);
  assert_int_equal(invsrc_call_step(calls[3]), INVSRC_WANT_NOW);
  for (int i = 0; i < 4; i++) assert_int_equal(status_of(calls[i]), i == 1 ? 409 : 201);
  assert_int_equal(host.together, 3); /* who is alone inserts alone */
  for (int i = 0; i < SEVERAL; i++) calls[i] = call_that_wants(INVSRC_WANT_INSERT);
  host.calls[INVSRC_WANT_INSERT] = 0;
  assert_int_equal(invsrc_call_perform_all(calls, SEVERAL), INVSRC_OK);
  assert_int_equal(host.calls[INVSRC_WANT_INSERT], SEVERAL);
  for (int i = 0; i < SEVERAL; i++) assert_in_range(status_of(calls[i]), 201, 409);
}

/* The store need not be able to. */
static void calls_insert_one_by_one(void **state) {
  invsrc_call *calls[3];

  (void)state;
  set_insert_all(NULL);
  for (int i = 0; i < 3; i++) calls[i] = call_that_wants(INVSRC_WANT_INSERT);
  assert_int_equal(invsrc_call_perform_all(calls, 3), INVSRC_OK);
  assert_int_equal(host.calls[INVSRC_WANT_INSERT], 3);
  for (int i = 0; i < 3; i++) assert_int_equal(status_of(calls[i]), 201);
}

static void set_no_outcomes(void *context, invsrc_insertion *const *insertions, uint64_t count) {
  (void)context, (void)insertions, (void)count;
}

static void what_has_no_outcome_failed(void **state) {
  invsrc_call *call;

  (void)state;
  set_insert_all(set_no_outcomes);
  call = call_that_wants(INVSRC_WANT_INSERT);
  assert_int_equal(invsrc_call_perform_all(&call, 1), INVSRC_OK);
  assert_int_equal(status_of(call), 500);
}

static void several_that_are_not_ready(void **state) {
  invsrc_service *other = NULL;
  invsrc_request *request = request_of("POST", TARGET, BODY);
  invsrc_call *calls[3] = {NULL};

  (void)state;
  set_insert_all(insert_all);
  calls[0] = call_that_wants(INVSRC_WANT_INSERT);
  /* One that wants nothing is told of; the others are answered. */
  calls[1] = call_that_wants(INVSRC_WANT_NONE);
  calls[2] = call_that_wants(INVSRC_WANT_LOOKUP);
  assert_int_equal(invsrc_call_perform_all(calls, 3), INVSRC_ESTATE);
  assert_int_equal(status_of(calls[0]), 201);
  assert_int_equal(invsrc_call_step(calls[2]), INVSRC_WANT_NOW);
  invsrc_call_free(calls[1]);
  /* Of several services, or none: none is answered. */
  assert_int_equal(invsrc_service_new(options, &other, NULL), INVSRC_OK);
  assert_int_equal(invsrc_call_new(other, request, &calls[1]), INVSRC_OK);
  calls[0] = call_that_wants(INVSRC_WANT_INSERT);
  assert_int_equal(invsrc_call_perform_all(calls, 2), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_perform_all(NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_perform_all((invsrc_call *[]){calls[0], NULL}, 2), INVSRC_EINVAL);
  assert_int_equal(invsrc_call_perform_all(NULL, 0), INVSRC_OK);
  assert_int_equal(invsrc_call_step(calls[0]), INVSRC_WANT_INSERT);
  for (int i = 0; i < 3; i++) invsrc_call_free(calls[i]);
  invsrc_service_free(other);
  invsrc_request_free(request);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(no_source_has_control_characters),
      TEST(tables_of_any_age_are_taken),
      TEST(tables_without_what_must_be_there_are_refused),
      TEST(a_refused_table_leaves_the_one_before),
      TEST(switches_are_0_or_1),
      TEST(a_missing_provider_is_told_before_anything_is_done),
      TEST(wrong_arguments),
      TEST(a_body_that_was_not_read_is_too_large),
      TEST(outcomes_become_statuses),
      TEST(a_clock_that_does_not_answer_is_not_judged),
      TEST(bytes_that_break_the_rule_are_a_failure),
      TEST(what_is_sealed),
      TEST(a_credential_that_cannot_be_discarded_is_logged),
      TEST(defaults_are_the_system_s),
      TEST(steps_of_a_create),
      TEST(wants_bring_their_inputs_and_no_others),
      TEST(wrong_answers_change_nothing),
      TEST(a_call_may_be_freed_at_any_want),
      TEST(a_host_may_answer_everything_itself),
      TEST(calls_insert_together),
      TEST(calls_insert_one_by_one),
      TEST(what_has_no_outcome_failed),
      TEST(several_that_are_not_ready),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
