/*
 * The OAuth provider, carried from memory: an authorization server that answers by a script, and
 * a place for clients, a seal, a clock and a log that are watched. Which client is used when, what
 * is kept of it and what is discarded, and what each function comes to.
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "providers/consents.h"
#include "script.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define OK INVSRC_OUTCOME_OK
#define UNAVAILABLE INVSRC_OUTCOME_UNAVAILABLE
#define FAILED INVSRC_OUTCOME_FAILED
#define REFUSED INVSRC_OUTCOME_REFUSED
#define UNKNOWN INVSRC_OUTCOME_UNKNOWN
#define NOT_FOUND INVSRC_OUTCOME_NOT_FOUND
#define NO_OAUTH INVSRC_OUTCOME_NO_OAUTH
#define NOT_IMPLEMENTED INVSRC_OUTCOME_NOT_IMPLEMENTED

#define AS "https://as.example"
#define CALLBACK "https://host.example/callback"
#define OTHER "https://host.example/other?a=b"
#define STATE "the-state"
#define NOW INT64_C(1800000000000)
#define CLOCK_FAILED "the clock or the entropy failed"
#define UNFIT "what is kept of the consent cannot be used; are http URLs allowed?"

/* ---- The parties ------------------------------------------------------------------------ */

#define NO_BODY {NULL, NULL}, NULL, NULL, 0
#define JSON(body) {SCRIPT_JSON, NULL}, body, NULL, 0
#define LINE(request, ...) \
  { request, {NULL, NULL, NULL}, NULL, __VA_ARGS__ }
#define HAVING(request, a, b, ...) \
  { request, {a, b, NULL}, NULL, __VA_ARGS__ }
#define NONE LINE(NULL, 0, NO_BODY)

#define RESOURCE "{\"resource\":\"" SCRIPT_URL "\",\"authorization_servers\":[\"" AS "\"]}"
#define SERVER(more)                                                                           \
  "{\"issuer\":\"" AS "\",\"authorization_endpoint\":\"" AS "/auth\",\"token_endpoint\":\"" AS \
  "/token\",\"response_types_supported\":[\"code\"],"                                          \
  "\"code_challenge_methods_supported\":[\"S256\"],\"registration_endpoint\""                  \
  ":\"" AS "/register\"" more "}"
#define TO_CLIENT(more)                                                               \
  LINE("POST " SCRIPT_URL, 401, NO_BODY),                                             \
      LINE("GET https://agent.example/.well-known/oauth-protected-resource/mcp", 200, \
           JSON(RESOURCE)),                                                           \
      LINE("GET " AS "/.well-known/oauth-authorization-server", 200, JSON(SERVER(more)))
#define REGISTERS(name, uri, client)                             \
  HAVING("POST " AS "/register", "\"client_name\":\"" name "\"", \
         "\"redirect_uris\":[\"" uri "\"]", 201, JSON("{\"client_id\":\"" client "\"}"))

/* One whose client there is, and one that registers it; the last are numbered. */
static const struct script_line knows[] = {TO_CLIENT(""), NONE};
static const struct script_line registers[] = {TO_CLIENT(""),
                                               REGISTERS("libinvsrc", CALLBACK, "reg-1"), NONE};
static const struct script_line registers_other[] = {
    TO_CLIENT(""), REGISTERS("libinvsrc", CALLBACK, "reg-2"), NONE};

/* ---- The world -------------------------------------------------------------------------- */

static struct world {
  const struct script_line *lines;
  size_t asked;
  long sleeps; /* milliseconds, of each exchange */
  uint32_t limits[8];
  /* What is kept for AS, and for this redirect URI. */
  const char *redirect_uri;
  char kept[1024];
  uint64_t kept_length;
  int32_t get, put, seal, open, discard; /* outcomes; OK: as it is */
  int seals;
  int64_t now;
  int32_t clock, entropy;
  char trace[256]; /* what was done with clients */
  char log[1024];
} world;

static void note(const char *format, int number) {
  size_t end = strlen(world.trace);

  snprintf(world.trace + end, sizeof world.trace - end, format, number);
}

static int32_t exchange(void *context, const invsrc_http_request *request,
                        invsrc_http_reply *reply) {
  const struct timespec nap = {world.sleeps / 1000, world.sleeps % 1000 * 1000000};
  const struct script_line *line = &world.lines[world.asked];
  char body[16384];

  assert_ptr_equal(context, &world);
  assert_int_equal(request->size, sizeof *request);
  if (!line->request) fail_msg("one request too many: %s", request->url);
  if (script_judge(line, request))
    fail_msg("line %zu: %s in %s %s", world.asked, script_judge(line, request), request->url,
             request->body ? (const char *)request->body : "");
  assert_in_range(world.asked, 0, COUNT(world.limits) - 1);
  world.limits[world.asked++] = request->timeout_ms;
  if (nap.tv_sec || nap.tv_nsec) nanosleep(&nap, NULL);
  script_head(reply, line);
  invsrc_http_reply_append_body(reply, body, script_body(line->body, request, body, sizeof body));
  return line->reason ? line->outcome ? line->outcome : UNAVAILABLE : OK;
}

static const invsrc_transport_vtable transport = {sizeof transport, 0, exchange};

static void assert_names(const char *issuer, uint64_t issuer_length, const char *redirect_uri,
                         uint64_t redirect_uri_length) {
  assert_int_equal(issuer_length, strlen(AS));
  assert_memory_equal(issuer, AS, strlen(AS));
  assert_int_equal(redirect_uri_length, strlen(world.redirect_uri));
  assert_memory_equal(redirect_uri, world.redirect_uri, redirect_uri_length);
}

static int32_t get(void *context, const char *issuer, uint64_t issuer_length,
                   const char *redirect_uri, uint64_t redirect_uri_length, invsrc_buffer *sealed) {
  assert_ptr_equal(context, &world.kept);
  assert_names(issuer, issuer_length, redirect_uri, redirect_uri_length);
  note("get ", 0);
  if (world.get != OK) return world.get;
  invsrc_buffer_set(sealed, world.kept, world.kept_length);
  return world.kept_length ? OK : NOT_FOUND;
}

static int32_t put(void *context, const char *issuer, uint64_t issuer_length,
                   const char *redirect_uri, uint64_t redirect_uri_length, const void *sealed,
                   uint64_t length) {
  assert_ptr_equal(context, &world.kept);
  assert_names(issuer, issuer_length, redirect_uri, redirect_uri_length);
  assert_int_equal(sealed != NULL, length != 0);
  note(sealed ? "put(%d) " : "put(-) ", sealed ? atoi(sealed) : 0);
  if (world.put != OK) return world.put;
  assert_in_range(length, 0, sizeof world.kept);
  if (sealed) memcpy(world.kept, sealed, (size_t)length);
  world.kept_length = length;
  return OK;
}

static const invsrc_clients_vtable clients = {sizeof clients, 0, get, put};

static void assert_binding(void *context, const invsrc_binding *binding) {
  assert_ptr_equal(context, &world);
  assert_int_equal(binding->size, sizeof *binding);
  assert_names(binding->id, binding->id_length, binding->storefront, binding->storefront_length);
  assert_int_equal(binding->purpose_length, strlen("oauth-client"));
  assert_memory_equal(binding->purpose, "oauth-client", binding->purpose_length);
}

/* A number, so that it is known again, and a text that nobody reads in passing. */
static int32_t seal(void *context, const invsrc_binding *binding, const void *plaintext,
                    uint64_t length, invsrc_buffer *sealed) {
  const char *from = plaintext;
  char bytes[512];
  int at = snprintf(bytes, sizeof bytes, "%d:", ++world.seals);

  assert_binding(context, binding);
  note("seal(%d) ", world.seals);
  if (world.seal != OK) return world.seal;
  assert_in_range(length, 1, sizeof bytes - 16);
  for (uint64_t i = 0; i < length; i++) bytes[at++] = (char)(from[i] ^ 0x55);
  invsrc_buffer_set(sealed, bytes, (uint64_t)at);
  return OK;
}

static int32_t open(void *context, const invsrc_binding *binding, const void *sealed,
                    uint64_t length, invsrc_buffer *plaintext) {
  const char *colon = memchr(sealed, ':', (size_t)length);
  char bytes[512];
  size_t count = 0;

  assert_binding(context, binding);
  note("open(%d) ", atoi(sealed));
  for (const char *at = colon + 1; at < (const char *)sealed + length; at++)
    bytes[count++] = (char)(*at ^ 0x55);
  invsrc_buffer_set(plaintext, bytes, count);
  return world.open; /* what it leaves behind where it failed is nothing */
}

static int32_t discard(void *context, const invsrc_binding *binding, const void *sealed,
                       uint64_t length) {
  assert_binding(context, binding);
  assert_true(length > 0);
  note("discard(%d) ", atoi(sealed));
  return world.discard;
}

static const invsrc_sealer_vtable sealer = {sizeof sealer, 0, seal, open, discard};

static int32_t now(void *context, int64_t *milliseconds) {
  assert_ptr_equal(context, &world);
  *milliseconds = world.now;
  return world.clock;
}

static int32_t draw(void *context, uint8_t *bytes, uint64_t length) {
  assert_ptr_equal(context, &world);
  assert_int_equal(length, INVSRC_CONVERSATION_RANDOM);
  for (uint64_t i = 0; i < length; i++) bytes[i] = (uint8_t)i;
  return world.entropy;
}

static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  size_t end = strlen(world.log);

  assert_ptr_equal(context, &world);
  assert_int_equal(level, INVSRC_LOG_WARNING);
  assert_int_equal(strlen(message), length);
  snprintf(world.log + end, sizeof world.log - end, "%s\n", message);
}

static const invsrc_world_vtable world_table = {sizeof world_table, 0, now, draw, hear};

/* ---- What is asked of the provider ------------------------------------------------------ */

/* What the last function left. */
static struct answer {
  char url[1024];
  char private_state[1024];
  char credential[1024];
  char reason[256];
  int64_t refresh_at;
} answer;

static void renew_world(void) {
  world = (struct world){.lines = knows,
                         .redirect_uri = CALLBACK,
                         .get = OK,
                         .put = OK,
                         .seal = OK,
                         .open = OK,
                         .discard = OK,
                         .now = NOW,
                         .clock = OK,
                         .entropy = OK};
}

static invsrc_consents *begin_with(const char *redirect_uri) {
  invsrc_consents *consents;

  renew_world();
  assert_int_equal(invsrc_consents_new(redirect_uri, &transport, &world, &consents, NULL),
                   INVSRC_OK);
  assert_int_equal(invsrc_consents_set_world(consents, &world_table, &world), INVSRC_OK);
  return consents;
}

static invsrc_consents *begin(void) {
  invsrc_consents *consents = begin_with(CALLBACK);

  assert_int_equal(invsrc_consents_set_clients(consents, &clients, &world.kept, &sealer, &world),
                   INVSRC_OK);
  return consents;
}

static void copy(char *to, size_t size, const invsrc_buffer *buffer) {
  uint64_t length;
  const char *bytes = invsrc_buffer_bytes(buffer, &length);

  assert_in_range(length, 0, size - 1);
  snprintf(to, size, "%.*s", (int)length, bytes ? bytes : "");
}

static invsrc_source *new_source(const char *url) {
  invsrc_source *source = invsrc_source_new();

  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, "MCP", 3);
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, url, strlen(url));
  return source;
}

/* The script from its beginning. What is given as a length is not followed by a NUL. */
static int32_t start_for(invsrc_consents *consents, uint32_t is_again, const char *redirect_uri) {
  static const char state[] = STATE "and more";
  invsrc_source *source = new_source(SCRIPT_URL);
  invsrc_buffer *url = invsrc_buffer_new(), *private_state = invsrc_buffer_new(),
                *reason = invsrc_buffer_new();
  char uri[256];
  const invsrc_consent consent = {.size = sizeof consent,
                                  .is_again = is_again,
                                  .state = state,
                                  .state_length = strlen(STATE),
                                  .redirect_uri = redirect_uri ? uri : NULL,
                                  .redirect_uri_length = redirect_uri ? strlen(redirect_uri) : 0};
  int32_t outcome;

  snprintf(uri, sizeof uri, "%sand more", redirect_uri ? redirect_uri : "");
  world.asked = 0;
  world.trace[0] = world.log[0] = '\0';
  outcome = invsrc_consents_oauth()->start(consents, source, &consent, url, private_state, reason);
  memset(&answer, 0, sizeof answer);
  copy(answer.url, sizeof answer.url, url);
  copy(answer.private_state, sizeof answer.private_state, private_state);
  copy(answer.reason, sizeof answer.reason, reason);
  invsrc_buffer_free(url);
  invsrc_buffer_free(private_state);
  invsrc_buffer_free(reason);
  invsrc_source_free(source);
  return outcome;
}

static int32_t start(invsrc_consents *consents) {
  return start_for(consents, 0, NULL);
}

/* Holds a start to come to a URL for this client, and all of the script to have been asked for. */
static void assert_started(invsrc_consents *consents, uint32_t is_again,
                           const struct script_line *lines, const char *client) {
  char wanted[128];

  world.lines = lines;
  assert_int_equal(start_for(consents, is_again, NULL), OK);
  assert_null(lines[world.asked].request);
  snprintf(wanted, sizeof wanted, AS "/auth?response_type=code&client_id=%s&", client);
  assert_memory_equal(answer.url, wanted, strlen(wanted));
  assert_non_null(strstr(answer.url, "&state=" STATE "&"));
  assert_non_null(strstr(answer.private_state, "\"issuer\":\"" AS "\""));
  assert_string_equal(answer.reason, "");
}

static int32_t finish_with(invsrc_consents *consents, const char *private_state,
                           const invsrc_redirect *redirect) {
  invsrc_buffer *credential = invsrc_buffer_new(), *reason = invsrc_buffer_new();
  int32_t outcome;

  world.asked = 0;
  world.trace[0] = world.log[0] = '\0';
  answer.refresh_at = -1;
  outcome = invsrc_consents_oauth()->finish(consents, NULL, private_state,
                                            private_state ? strlen(private_state) : 0, redirect,
                                            credential, &answer.refresh_at, reason);
  copy(answer.credential, sizeof answer.credential, credential);
  copy(answer.reason, sizeof answer.reason, reason);
  invsrc_buffer_free(credential);
  invsrc_buffer_free(reason);
  return outcome;
}

/* Of the last start. */
static int32_t finish(invsrc_consents *consents, const struct script_line *lines) {
  const invsrc_redirect redirect = {.size = sizeof redirect, .code = "the-code", .code_length = 8};

  world.lines = lines;
  return finish_with(consents, answer.private_state, &redirect);
}

static int32_t revoke(invsrc_consents *consents, const char *credential) {
  invsrc_buffer *reason = invsrc_buffer_new();
  int32_t outcome;

  world.asked = 0;
  outcome = invsrc_consents_oauth()->revoke(consents, NULL, credential,
                                            credential ? strlen(credential) : 0, reason);
  copy(answer.reason, sizeof answer.reason, reason);
  invsrc_buffer_free(reason);
  return outcome;
}

/* Seals a text as the client that is kept. */
static void keep(const char *text) {
  world.kept_length = (uint64_t)snprintf(world.kept, sizeof world.kept, "%d:", ++world.seals);
  while (*text) world.kept[world.kept_length++] = (char)(*text++ ^ 0x55);
}

/* ---- Redirect URIs ------------------------------------------------------------------------ */

static void only_the_hosts_redirect_uris_are_used(void **state) {
  static const char *const foreign[] = {"https://evil.example/", (CALLBACK "/"),
                                        "https://host.example", "HTTPS://host.example/callback",
                                        ""};
  static const struct script_line other[] = {TO_CLIENT(""), REGISTERS("libinvsrc", OTHER, "reg-1"),
                                             NONE};
  invsrc_consents *consents = begin();

  (void)state;
  world.lines = registers;
  assert_int_equal(start_for(consents, 0, OTHER), REFUSED);
  assert_int_equal(world.asked, 0);
  assert_int_equal(invsrc_consents_add_redirect_uri(consents, OTHER), INVSRC_OK);
  assert_started(consents, 0, registers, "reg-1");
  assert_non_null(strstr(answer.url, "&redirect_uri=https%3A%2F%2Fhost.example%2Fcallback&"));
  world.lines = knows;
  assert_int_equal(start_for(consents, 0, CALLBACK), OK);
  assert_non_null(strstr(answer.url, "&redirect_uri=https%3A%2F%2Fhost.example%2Fcallback&"));
  /* It has a client of its own. */
  world.kept_length = 0;
  world.redirect_uri = OTHER;
  world.lines = other;
  assert_int_equal(start_for(consents, 0, OTHER), OK);
  assert_non_null(strstr(answer.url, "&redirect_uri=https%3A%2F%2Fhost.example%2Fother%3Fa%3Db&"));
  for (size_t i = 0; i < COUNT(foreign); i++) {
    assert_int_equal(start_for(consents, 0, foreign[i]), REFUSED);
    assert_int_equal(world.asked, 0);
    assert_string_equal(answer.url, "");
  }
  invsrc_consents_free(consents);
}

/* It finishes and revokes all the same. */
static void without_a_redirect_uri_nothing_starts(void **state) {
  static const struct script_line tokens[] = {
      LINE("POST " AS "/token", 200, JSON("{\"access_token\":\"a\",\"token_type\":\"Bearer\"}")),
      NONE};
  invsrc_consents *other = begin(), *consents;

  (void)state;
  assert_started(other, 0, registers, "reg-1");
  invsrc_consents_free(other);
  consents = begin_with(NULL);
  assert_int_equal(finish(consents, tokens), OK);
  assert_int_equal(start(consents), NOT_IMPLEMENTED);
  assert_int_equal(start_for(consents, 0, CALLBACK), NOT_IMPLEMENTED);
  assert_int_equal(world.asked, 0);
  assert_int_equal(invsrc_consents_add_redirect_uri(consents, CALLBACK), INVSRC_OK);
  assert_started(consents, 0, registers, "reg-1");
  invsrc_consents_free(consents);
}

/* ---- Clients ------------------------------------------------------------------------------ */

static void a_client_is_registered_once(void **state) {
  invsrc_consents *consents = begin();

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  assert_string_equal(world.trace, "get seal(1) get put(1) ");
  for (int i = 0; i < 2; i++) {
    assert_started(consents, 0, knows, "reg-1");
    assert_string_equal(world.trace, "get open(1) ");
  }
  assert_string_equal(world.log, "");
  invsrc_consents_free(consents);
}

static void who_did_not_come_back_gets_another_client(void **state) {
  invsrc_consents *consents = begin();

  (void)state;
  assert_started(consents, 1, registers, "reg-1");
  assert_string_equal(world.trace, "seal(1) get put(1) ");
  assert_started(consents, 1, registers_other, "reg-2");
  assert_string_equal(world.trace, "seal(2) get put(2) discard(1) ");
  assert_started(consents, 0, knows, "reg-2");
  assert_string_equal(world.log, "");
  invsrc_consents_free(consents);
}

static void a_client_by_hand_comes_before_a_kept_one(void **state) {
  static const struct script_line tokens[] = {
      HAVING("POST " AS "/token", "Authorization: Basic aGFuZDpzM2NyZXQ=", "code=the-code", 200,
             JSON("{\"access_token\":\"a\",\"token_type\":\"Bearer\"}")),
      NONE};
  static const struct script_line unknown[] = {
      LINE("POST " AS "/token", 401, JSON("{\"error\":\"invalid_client\"}")), NONE};
  invsrc_consents *consents = begin();

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  assert_int_equal(invsrc_consents_add_client(consents, AS, "hand", "s3cret"), INVSRC_OK);
  assert_int_equal(invsrc_consents_add_client(consents, AS "/", "slash", NULL), INVSRC_OK);
  for (uint32_t is_again = 0; is_again <= 1; is_again++) {
    assert_started(consents, is_again, knows, "hand");
    assert_string_equal(world.trace, "");
  }
  assert_int_equal(finish(consents, tokens), OK);
  assert_string_equal(world.trace, "");
  /* That it is not known is no reason to forget another. */
  assert_int_equal(finish(consents, unknown), FAILED);
  assert_string_equal(world.trace, "get open(1) ");
  assert_null(strstr(answer.reason, "s3cret"));
  invsrc_consents_free(consents);
}

static void a_client_by_hand_may_have_no_secret(void **state) {
  static const struct script_line tokens[] = {
      HAVING("POST " AS "/token", "client_id=by%20hand%20%C3%A9%22", "code=the-code", 200,
             JSON("{\"access_token\":\"a\",\"token_type\":\"Bearer\"}")),
      NONE};
  invsrc_consents *consents = begin();

  (void)state;
  assert_int_equal(invsrc_consents_add_client(consents, AS, "by hand \xc3\xa9\"", NULL), INVSRC_OK);
  assert_started(consents, 0, knows, "by%20hand%20%C3%A9%22");
  assert_non_null(strstr(answer.private_state, "\"token_endpoint_auth_method\":\"none\""));
  assert_int_equal(finish(consents, tokens), OK);
  invsrc_consents_free(consents);
}

static void without_a_place_for_them_each_start_registers_one(void **state) {
  static const struct script_line unknown[] = {
      LINE("POST " AS "/token", 401, JSON("{\"error\":\"invalid_client\"}")), NONE};
  invsrc_consents *consents = begin_with(CALLBACK);

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  assert_started(consents, 0, registers_other, "reg-2");
  assert_int_equal(finish(consents, unknown), FAILED);
  assert_string_equal(world.trace, "");
  assert_string_equal(world.log, "");
  invsrc_consents_free(consents);
}

/* Also where a vault has nothing to be told. */
static void a_sealer_may_have_nothing_to_discard(void **state) {
  static const invsrc_sealer_vtable small = {offsetof(invsrc_sealer_vtable, discard), 0, seal, open,
                                             discard};
  invsrc_consents *consents = begin();

  (void)state;
  assert_int_equal(invsrc_consents_set_clients(consents, &clients, &world.kept, &small, &world),
                   INVSRC_OK);
  assert_started(consents, 1, registers, "reg-1");
  assert_started(consents, 1, registers_other, "reg-2");
  assert_string_equal(world.trace, "seal(2) get put(2) ");
  assert_string_equal(world.log, "");
  invsrc_consents_free(consents);
}

static void what_cannot_be_used_counts_as_none(void **state) {
  static const struct {
    const char *kept;
    int32_t open;
    const char *log;
  } rows[] = {
      {"{\"client_id\":\"old\",\"token_endpoint_auth_method\":\"none\"}", REFUSED, "opened"},
      {"{\"client_id\":\"old\",\"token_endpoint_auth_method\":\"none\"}", UNAVAILABLE, "opened"},
      {"{\"client_id\":\"old\",\"token_endpoint_auth_method\":\"none\"}", FAILED, "opened"},
      {"rubbish", OK, NULL},
      {"{}", OK, NULL},
      {"{\"client_id\":\"old\",\"token_endpoint_auth_method\":\"private_key_jwt\"}", OK, NULL},
      {"{\"client_id\":\"old\",\"client_secret\":\"s3cret\",\"client_secret_expires_at\":"
       "1799999999,"
       "\"token_endpoint_auth_method\":\"client_secret_basic\"}",
       OK, NULL},
  };
  invsrc_consents *consents = begin();

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    renew_world();
    keep(rows[i].kept);
    world.open = rows[i].open;
    assert_started(consents, 0, registers, "reg-1");
    assert_string_equal(world.trace, "get open(1) seal(2) get put(2) discard(1) ");
    assert_string_equal(
        world.log,
        rows[i].log ? "oauth: a kept client cannot be opened; is its key at hand?\n" : "");
    world.open = OK;
    assert_started(consents, 0, knows, "reg-1");
  }
  invsrc_consents_free(consents);
}

/* The consent goes on: the client is in its private state. */
static void what_cannot_be_kept_is_told_in_the_log(void **state) {
  static const struct {
    int32_t get, put, seal;
    const char *trace;
    const char *log;
  } rows[] = {
      {UNAVAILABLE, OK, OK, "get seal(2) get discard(2) ",
       "oauth: kept clients cannot be read\noauth: a registered client cannot be kept\n"},
      {FAILED, OK, OK, "get seal(2) get discard(2) ",
       "oauth: kept clients cannot be read\noauth: a registered client cannot be kept\n"},
      {NOT_FOUND, UNAVAILABLE, OK, "get seal(2) get put(2) discard(2) ",
       "oauth: a registered client cannot be kept\n"},
      {NOT_FOUND, FAILED, OK, "get seal(2) get put(2) discard(2) ",
       "oauth: a registered client cannot be kept\n"},
      {NOT_FOUND, OK, UNAVAILABLE, "get seal(2) ", "oauth: a registered client cannot be kept\n"},
      {NOT_FOUND, OK, REFUSED, "get seal(2) ", "oauth: a registered client cannot be kept\n"},
  };
  invsrc_consents *consents = begin();

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    renew_world();
    keep("{\"client_id\":\"old\",\"token_endpoint_auth_method\":\"none\"}");
    world.get = rows[i].get;
    world.put = rows[i].put;
    world.seal = rows[i].seal;
    assert_started(consents, 0, registers, "reg-1");
    assert_string_equal(world.trace, rows[i].trace);
    assert_string_equal(world.log, rows[i].log);
    assert_int_equal(atoi(world.kept), 1);
  }
  renew_world();
  assert_int_equal(invsrc_consents_set_world(consents, NULL, NULL), INVSRC_OK);
  world.put = UNAVAILABLE;
  assert_started(consents, 0, registers, "reg-1");
  assert_string_equal(world.log, "");
  invsrc_consents_free(consents);
}

static void what_is_left_over_is_told_in_the_log(void **state) {
  invsrc_consents *consents = begin();

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  world.discard = UNAVAILABLE;
  assert_started(consents, 1, registers_other, "reg-2");
  assert_string_equal(world.log, "oauth: a sealed client is left over\n");
  assert_started(consents, 0, knows, "reg-2");
  invsrc_consents_free(consents);
}

/* A client that is good is good for the next, although there is no URL. */
static void a_client_is_kept_whatever_comes_of_the_start(void **state) {
  static char metadata[8192 + 512];
  struct script_line lines[] = {TO_CLIENT(""), REGISTERS("libinvsrc", CALLBACK, "reg-1"), NONE};
  char path[8000];
  invsrc_consents *consents = begin();

  (void)state;
  memset(path, 'x', sizeof path);
  snprintf(metadata, sizeof metadata,
           "{\"issuer\":\"" AS "\",\"authorization_endpoint\":\"" AS
           "/%.*s\",\"token_endpoint\":"
           "\"" AS
           "/token\",\"response_types_supported\":[\"code\"],"
           "\"code_challenge_methods_supported\":[\"S256\"],"
           "\"registration_endpoint\":\"" AS "/register\"}",
           (int)sizeof path, path);
  lines[2].body = metadata;
  world.lines = lines;
  assert_int_equal(start(consents), NO_OAUTH);
  assert_string_equal(answer.reason,
                      "the authorization server makes the authorization URL too long");
  assert_string_equal(answer.url, "");
  assert_string_equal(world.trace, "get seal(1) get put(1) ");
  assert_started(consents, 0, knows, "reg-1");
  invsrc_consents_free(consents);
}

/* ---- Clients that are not known any more --------------------------------------------------- */

#define TOKEN(status, json) \
  { LINE("POST " AS "/token", status, JSON(json)), NONE }

static void a_client_that_is_not_known_any_more_is_forgotten(void **state) {
  static const struct script_line unknown[] = TOKEN(401, "{\"error\":\"invalid_client\"}");
  invsrc_consents *consents = begin();

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  assert_int_equal(finish(consents, unknown), FAILED);
  assert_string_equal(answer.reason,
                      "the authorization server does not know the client, or not by its secret");
  assert_string_equal(answer.credential, "");
  assert_string_equal(world.trace, "get open(1) put(-) discard(1) ");
  assert_string_equal(world.log, "");
  assert_int_equal(world.kept_length, 0);
  assert_started(consents, 0, registers_other, "reg-2");
  invsrc_consents_free(consents);
}

/* What is kept by now is another consent's. */
static void only_the_client_that_was_used_is_forgotten(void **state) {
  static const struct script_line unknown[] = TOKEN(401, "{\"error\":\"invalid_client\"}");
  invsrc_consents *consents = begin();
  char first[1024];

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  snprintf(first, sizeof first, "%s", answer.private_state);
  assert_started(consents, 1, registers_other, "reg-2");
  snprintf(answer.private_state, sizeof answer.private_state, "%s", first);
  assert_int_equal(finish(consents, unknown), FAILED);
  assert_string_equal(world.trace, "get open(2) ");
  assert_started(consents, 0, knows, "reg-2");
  invsrc_consents_free(consents);
}

static void what_says_nothing_of_the_client_leaves_it(void **state) {
  static const struct script_line refused[] = TOKEN(400, "{\"error\":\"invalid_grant\"}");
  static const struct script_line down[] = TOKEN(503, "{}");
  static const struct script_line broken[] = {
      LINE("POST " AS "/token", 0, {NULL, NULL}, NULL, "the CA file cannot be read", FAILED), NONE};
  static const struct {
    const struct script_line *lines;
    int32_t outcome;
  } rows[] = {{refused, REFUSED}, {down, UNAVAILABLE}, {broken, FAILED}};
  invsrc_consents *consents = begin();

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  for (size_t i = 0; i < COUNT(rows); i++) {
    assert_int_equal(finish(consents, rows[i].lines), rows[i].outcome);
    assert_string_equal(world.trace, "");
    assert_true(*answer.reason);
  }
  invsrc_consents_free(consents);
}

static void what_cannot_be_forgotten_is_told_in_the_log(void **state) {
  static const struct script_line unknown[] = TOKEN(401, "{\"error\":\"invalid_client\"}");
  invsrc_consents *consents = begin();

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  world.put = UNAVAILABLE;
  assert_int_equal(finish(consents, unknown), FAILED);
  assert_string_equal(world.trace, "get open(1) put(-) ");
  assert_string_equal(world.log, "oauth: a client that is not known any more stays kept\n");
  world.put = OK;
  world.get = UNAVAILABLE;
  assert_int_equal(finish(consents, unknown), FAILED);
  assert_string_equal(world.trace, "get ");
  assert_string_equal(world.log, "oauth: kept clients cannot be read\n");
  world.get = OK;
  world.open = REFUSED;
  assert_int_equal(finish(consents, unknown), FAILED);
  assert_string_equal(world.trace, "get open(1) ");
  world.open = OK;
  assert_started(consents, 0, knows, "reg-1");
  invsrc_consents_free(consents);
}

/* ---- Who we are --------------------------------------------------------------------------- */

#define DOCUMENT_URL "https://host.example/oauth/client.json"

static void the_document_is_used_where_the_server_takes_it(void **state) {
  static const struct script_line takes[] = {
      TO_CLIENT(",\"client_id_metadata_document_supported\":true"), NONE};
  invsrc_consents *consents = begin();

  (void)state;
  assert_int_equal(invsrc_consents_set_client_metadata_url(consents, DOCUMENT_URL), INVSRC_OK);
  assert_started(consents, 0, takes, "https%3A%2F%2Fhost.example%2Foauth%2Fclient.json");
  assert_string_equal(world.trace, "get ");
  assert_started(consents, 0, registers, "reg-1");
  assert_int_equal(invsrc_consents_set_client_metadata_url(consents, NULL), INVSRC_OK);
  assert_started(consents, 0, takes, "reg-1");
  invsrc_consents_free(consents);
}

static void assert_document(const invsrc_consents *consents, const char *wanted) {
  invsrc_buffer *document = invsrc_buffer_new();

  assert_int_equal(invsrc_consents_client_metadata(consents, document), INVSRC_OK);
  assert_string_equal(invsrc_buffer_bytes(document, NULL), wanted);
  invsrc_buffer_free(document);
}

#define REST                                                               \
  "\"grant_types\":[\"authorization_code\",\"refresh_token\"],"            \
  "\"response_types\":[\"code\"],\"token_endpoint_auth_method\":\"none\"," \
  "\"application_type\":\"web\"}"

static void the_document_says_who_we_are(void **state) {
  invsrc_buffer *document = invsrc_buffer_new();
  invsrc_consents *consents = begin();

  (void)state;
  assert_int_equal(invsrc_consents_client_metadata(consents, document), INVSRC_ESTATE);
  assert_int_equal(invsrc_consents_client_metadata(consents, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_client_metadata(NULL, document), INVSRC_EINVAL);
  invsrc_buffer_free(document);
  assert_int_equal(invsrc_consents_set_client_metadata_url(consents, DOCUMENT_URL), INVSRC_OK);
  assert_document(consents, "{\"client_id\":\"" DOCUMENT_URL
                            "\",\"client_name\":\"libinvsrc\","
                            "\"redirect_uris\":[\"" CALLBACK "\"]," REST);
  assert_int_equal(invsrc_consents_set_client_name(consents, "The \"Shop\" \xc3\xa9"), INVSRC_OK);
  assert_int_equal(invsrc_consents_add_redirect_uri(consents, OTHER), INVSRC_OK);
  assert_document(consents, "{\"client_id\":\"" DOCUMENT_URL
                            "\",\"client_name\":\"The \\\"Shop\\\" \xc3\xa9\","
                            "\"redirect_uris\":[\"" CALLBACK "\",\"" OTHER "\"]," REST);
  assert_int_equal(invsrc_consents_set_client_name(consents, NULL), INVSRC_OK);
  assert_document(consents, "{\"client_id\":\"" DOCUMENT_URL
                            "\",\"client_name\":\"libinvsrc\","
                            "\"redirect_uris\":[\"" CALLBACK "\",\"" OTHER "\"]," REST);
  invsrc_consents_free(consents);
}

static void clients_are_registered_under_the_hosts_name(void **state) {
  static const struct script_line named[] = {TO_CLIENT(""),
                                             REGISTERS("The shop", CALLBACK, "reg-1"), NONE};
  invsrc_consents *consents = begin();

  (void)state;
  assert_int_equal(invsrc_consents_set_client_name(consents, "The shop"), INVSRC_OK);
  assert_started(consents, 0, named, "reg-1");
  invsrc_consents_free(consents);
}

/* ---- What comes of it --------------------------------------------------------------------- */

static void a_code_becomes_a_credential(void **state) {
  static const struct script_line tokens[] =
      TOKEN(200,
            "{\"access_token\":\"at\",\"refresh_token\":\"rt\",\"token_type\":\"Bearer\","
            "\"expires_in\":1000}");
  static const struct script_line lasting[] =
      TOKEN(200, "{\"access_token\":\"at\",\"token_type\":\"Bearer\"}");
  invsrc_consents *consents = begin();

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  assert_non_null(strstr(answer.private_state,
                         "\"code_verifier\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\""));
  assert_int_equal(finish(consents, tokens), OK);
  assert_non_null(strstr(answer.credential, "\"access_token\":\"at\""));
  assert_non_null(strstr(answer.credential, "\"refresh_token\":\"rt\""));
  assert_int_equal(answer.refresh_at, NOW + 800000);
  assert_string_equal(answer.reason, "");
  assert_string_equal(world.trace, "");
  assert_int_equal(finish(consents, lasting), OK);
  assert_int_equal(answer.refresh_at, 0);
  invsrc_consents_free(consents);
}

static void what_came_back_is_judged(void **state) {
  static const struct {
    invsrc_redirect redirect;
    int32_t outcome;
  } rows[] = {
      {{sizeof(invsrc_redirect), 0, "c", 1, AS "/", sizeof AS, NULL, 0}, UNKNOWN},
      {{sizeof(invsrc_redirect), 0, NULL, 0, NULL, 0, "access_denied", 13}, REFUSED},
      {{sizeof(invsrc_redirect), 0, NULL, 0, NULL, 0, NULL, 0}, REFUSED},
      {{sizeof(uint32_t), 0, "c", 1, NULL, 0, NULL, 0}, FAILED},
  };
  invsrc_consents *consents = begin();

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  for (size_t i = 0; i < COUNT(rows); i++) {
    assert_int_equal(finish_with(consents, answer.private_state, &rows[i].redirect),
                     rows[i].outcome);
    assert_int_equal(world.asked, 0);
    assert_string_equal(world.trace, "");
    assert_true(*answer.reason);
  }
  assert_int_equal(finish_with(consents, answer.private_state, NULL), FAILED);
  assert_string_equal(answer.reason, UNFIT);
  assert_int_equal(finish_with(consents, "rubbish", &rows[1].redirect), FAILED);
  assert_string_equal(answer.reason, UNFIT);
  assert_int_equal(finish_with(consents, NULL, &rows[1].redirect), FAILED);
  invsrc_consents_free(consents);
}

#define CREDENTIAL(as, more)                                                              \
  "{\"type\":\"oauth\",\"access_token\":\"at\",\"refresh_token\":\"rt\",\"issuer\":\"" as \
  "\",\"token_endpoint\":\"" as                                                           \
  "/token\",\"client_id\":\"c\","                                                         \
  "\"token_endpoint_auth_method\":\"none\",\"resource\":\"" SCRIPT_URL "\"" more "}"
#define REVOCABLE CREDENTIAL(AS, ",\"revocation_endpoint\":\"" AS "/revoke\"")
#define REVOKES(token, status) \
  HAVING("POST " AS "/revoke", "token=" token "&", "client_id=c", status, NO_BODY)

static void tokens_are_revoked(void **state) {
  static const struct script_line both[] = {REVOKES("rt", 200), REVOKES("at", 200), NONE};
  static const struct script_line down[] = {REVOKES("rt", 503), REVOKES("at", 200), NONE};
  static const struct script_line broken[] = {
      LINE("POST " AS "/revoke", 0, {NULL, NULL}, NULL, "cannot connect", FAILED), NONE};
  static const struct {
    const char *credential;
    const struct script_line *lines;
    size_t asked;
    int32_t outcome;
    const char *reason;
  } rows[] = {
      {REVOCABLE, both, 2, OK, ""},
      {REVOCABLE, down, 2, UNAVAILABLE, "the authorization server answered 503"},
      {REVOCABLE, broken, 1, FAILED, "the authorization server: cannot connect"},
      {CREDENTIAL(AS, ""), both, 0, NOT_IMPLEMENTED, "the authorization server revokes no tokens"},
      {"{\"type\":\"bearer\",\"token\":\"t\"}", both, 0, FAILED, UNFIT},
      {"rubbish", both, 0, FAILED, UNFIT},
      {NULL, both, 0, FAILED, UNFIT},
  };
  invsrc_consents *consents = begin();

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    world.lines = rows[i].lines;
    assert_int_equal(revoke(consents, rows[i].credential), rows[i].outcome);
    assert_int_equal(world.asked, rows[i].asked);
    assert_string_equal(answer.reason, rows[i].reason);
    assert_string_equal(world.trace, "");
  }
  invsrc_consents_free(consents);
}

static void http_must_be_allowed(void **state) {
  static const char credential[] =
      CREDENTIAL("http://as.test", ",\"revocation_endpoint\":\"http://as.test/revoke\"");
  static const struct script_line revoked[] = {LINE("POST http://as.test/revoke", 200, NO_BODY),
                                               LINE("POST http://as.test/revoke", 200, NO_BODY),
                                               NONE};
  invsrc_consents *consents = begin();

  (void)state;
  world.lines = revoked;
  assert_int_equal(revoke(consents, credential), FAILED);
  assert_string_equal(answer.reason, UNFIT);
  assert_int_equal(invsrc_consents_set_allow_http(consents, 1), INVSRC_OK);
  assert_int_equal(revoke(consents, credential), OK);
  assert_int_equal(invsrc_consents_set_allow_http(consents, 0), INVSRC_OK);
  assert_int_equal(revoke(consents, credential), FAILED);
  invsrc_consents_free(consents);
}

static void an_agent_without_oauth_has_none(void **state) {
  static const struct script_line none[] = {
      LINE("POST " SCRIPT_URL, 0, {NULL, NULL}, NULL, "the address is private", REFUSED), NONE};
  static const struct script_line away[] = {
      LINE("POST " SCRIPT_URL, 0, {NULL, NULL}, NULL, "cannot connect", 0), NONE};
  static const struct script_line broken[] = {
      LINE("POST " SCRIPT_URL, 0, {NULL, NULL}, NULL, "no CA file", FAILED), NONE};
  static const struct {
    const struct script_line *lines;
    int32_t outcome;
    const char *reason;
  } rows[] = {{none, NO_OAUTH, "the agent: the address is private"},
              {away, UNAVAILABLE, "the agent: cannot connect"},
              {broken, FAILED, "the agent: no CA file"}};
  invsrc_consents *consents = begin();

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    world.lines = rows[i].lines;
    assert_int_equal(start(consents), rows[i].outcome);
    assert_string_equal(answer.reason, rows[i].reason);
    assert_string_equal(answer.url, "");
    assert_string_equal(answer.private_state, "");
    assert_string_equal(world.trace, "");
  }
  invsrc_consents_free(consents);
}

/* ---- Time and chance ---------------------------------------------------------------------- */

static void many_exchanges_share_their_time(void **state) {
  invsrc_consents *consents = begin();

  (void)state;
  assert_int_equal(consents->longest_ms, 30000);
  assert_started(consents, 0, registers, "reg-1");
  for (size_t i = 0; i < world.asked; i++) assert_int_equal(world.limits[i], 10000);
  consents->longest_ms = 10100;
  world.sleeps = 60;
  assert_started(consents, 0, knows, "reg-1");
  assert_int_equal(world.limits[0], 10000);
  assert_in_range(world.limits[1], 9900, 10000);
  assert_in_range(world.limits[2], 9800, 9980);
  /* And when it is over nobody is asked any more. */
  consents->longest_ms = 50;
  world.lines = knows;
  assert_int_equal(start(consents), UNAVAILABLE);
  assert_int_equal(world.asked, 1);
  assert_in_range(world.limits[0], 1, 50);
  assert_string_equal(answer.reason, "the resource metadata: it took longer than 30 s in all");
  assert_string_equal(answer.url, "");
  invsrc_consents_free(consents);
}

static void without_clock_or_entropy_nothing_is_done(void **state) {
  static const struct {
    int64_t now;
    int32_t clock, entropy;
    int is_of_starts;
  } rows[] = {
      {NOW, UNAVAILABLE, OK, 0},          {NOW, FAILED, OK, 0},      {-1, OK, OK, 0},
      {INVSRC_TIME_LIMIT + 1, OK, OK, 0}, {NOW, OK, UNAVAILABLE, 1}, {NOW, OK, FAILED, 1},
  };
  invsrc_consents *consents = begin();
  char private_state[1024];

  (void)state;
  assert_started(consents, 0, registers, "reg-1");
  snprintf(private_state, sizeof private_state, "%s", answer.private_state);
  for (size_t i = 0; i < COUNT(rows); i++) {
    static const struct script_line both[] = {REVOKES("rt", 200), REVOKES("at", 200), NONE};
    world.now = rows[i].now;
    world.clock = rows[i].clock;
    world.entropy = rows[i].entropy;
    world.lines = rows[i].is_of_starts ? both : knows;
    assert_int_equal(start(consents), UNAVAILABLE);
    assert_string_equal(answer.reason, CLOCK_FAILED);
    assert_int_equal(world.asked, 0);
    assert_int_equal(revoke(consents, REVOCABLE), rows[i].is_of_starts ? OK : UNAVAILABLE);
    assert_string_equal(answer.reason, rows[i].is_of_starts ? "" : CLOCK_FAILED);
    if (rows[i].is_of_starts) continue;
    snprintf(answer.private_state, sizeof answer.private_state, "%s", private_state);
    assert_int_equal(finish(consents, knows), UNAVAILABLE);
    assert_string_equal(answer.reason, CLOCK_FAILED);
    assert_int_equal(world.asked, 0);
    assert_string_equal(world.trace, "");
  }
  invsrc_consents_free(consents);
}

static void the_systems_clock_and_entropy_serve_too(void **state) {
  invsrc_consents *consents = begin();
  char first[1024];

  (void)state;
  assert_int_equal(invsrc_consents_set_world(consents, NULL, NULL), INVSRC_OK);
  assert_started(consents, 0, registers, "reg-1");
  snprintf(first, sizeof first, "%s", answer.private_state);
  assert_started(consents, 0, knows, "reg-1");
  assert_string_not_equal(answer.private_state, first);
  assert_null(strstr(first, "AAECAwQFBgcI"));
  invsrc_consents_free(consents);
}

/* ---- The border --------------------------------------------------------------------------- */

static void only_sound_redirect_uris_are_taken(void **state) {
  static const char *const bad[] = {"",
                                    "callback",
                                    "/callback",
                                    "ftp://host.example/",
                                    "https://",
                                    "https://host.example/#part",
                                    "https://host.example/#",
                                    "https://host.example/a b"};
  static const char *const good[] = {"https://host.example", "http://127.0.0.1:8080/cb?a=b",
                                     CALLBACK};
  invsrc_error *error = invsrc_error_new();
  invsrc_consents *consents;

  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++) {
    consents = (invsrc_consents *)&world;
    assert_int_equal(invsrc_consents_new(bad[i], &transport, &world, &consents, error),
                     INVSRC_EMALFORMED);
    assert_null(consents);
    assert_int_equal(invsrc_error_code(error), INVSRC_EMALFORMED);
    assert_non_null(strstr(invsrc_error_message(error), "the redirect URI must"));
  }
  assert_int_equal(invsrc_consents_new(bad[5], &transport, &world, &consents, NULL),
                   INVSRC_EMALFORMED);
  for (size_t i = 0; i < COUNT(good); i++) {
    assert_int_equal(invsrc_consents_new(good[i], &transport, &world, &consents, error), INVSRC_OK);
    for (size_t k = 0; k < COUNT(bad); k++)
      assert_int_equal(invsrc_consents_add_redirect_uri(consents, bad[k]), INVSRC_EINVAL);
    for (size_t k = 1; k < INVSRC_REDIRECT_URIS; k++)
      assert_int_equal(invsrc_consents_add_redirect_uri(consents, good[k % COUNT(good)]),
                       INVSRC_OK);
    assert_int_equal(invsrc_consents_add_redirect_uri(consents, CALLBACK), INVSRC_EINVAL);
    invsrc_consents_free(consents);
  }
  invsrc_error_free(error);
}

static void only_sound_clients_are_taken(void **state) {
  static char longest[2049], too_long[2050];
  const struct {
    const char *issuer, *client_id, *secret;
  } bad[] = {
      {NULL, "c", "s"},      {AS, NULL, "s"},
      {"", "c", "s"},        {AS, "", "s"},
      {AS, "c", ""},         {AS, "c\n", "s"},
      {AS, "c", "s\x7f"},    {AS "\t", "c", NULL},
      {AS, "c", "\xff"},     {AS, "\xc3", NULL},
      {too_long, "c", NULL}, {AS, too_long, NULL},
      {AS, "c", too_long},   {"login.example", "c", "s"},
      {AS "/#x", "c", "s"},
  };
  invsrc_consents *consents = begin();

  (void)state;
  memset(longest, 'x', sizeof longest - 1);
  memset(too_long, 'x', sizeof too_long - 1);
  memcpy(longest, AS "/", sizeof AS);
  memcpy(too_long, AS "/", sizeof AS);
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_int_equal(
        invsrc_consents_add_client(consents, bad[i].issuer, bad[i].client_id, bad[i].secret),
        INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_add_client(NULL, AS, "c", NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_add_client(consents, longest, longest, longest), INVSRC_OK);
  assert_int_equal(invsrc_consents_add_client(consents, AS, "c", NULL), INVSRC_OK);
  assert_int_equal(invsrc_consents_add_client(consents, AS, "d", NULL), INVSRC_EINVAL);
  assert_started(consents, 0, knows, "c");
  invsrc_consents_free(consents);
}

static void only_sound_names_and_documents_are_taken(void **state) {
  static const char *const bad_urls[] = {"",
                                         "client.json",
                                         "http://host.example/client.json",
                                         "https://host.example",
                                         "https://host.example/",
                                         DOCUMENT_URL "?a=b",
                                         DOCUMENT_URL "?",
                                         DOCUMENT_URL "#a"};
  static char longest[256], too_long[257];
  const char *bad_names[] = {"", "a\nb", "\xff", too_long};
  invsrc_consents *consents = begin();

  (void)state;
  memset(longest, 'x', sizeof longest - 1);
  memset(too_long, 'x', sizeof too_long - 1);
  memcpy(longest, AS "/", sizeof AS);
  memcpy(too_long, AS "/", sizeof AS);
  for (size_t i = 0; i < COUNT(bad_urls); i++)
    assert_int_equal(invsrc_consents_set_client_metadata_url(consents, bad_urls[i]), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_set_client_metadata_url(consents, DOCUMENT_URL), INVSRC_OK);
  assert_int_equal(invsrc_consents_set_client_metadata_url(consents, ""), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_set_client_metadata_url(NULL, NULL), INVSRC_EINVAL);
  for (size_t i = 0; i < COUNT(bad_names); i++)
    assert_int_equal(invsrc_consents_set_client_name(consents, bad_names[i]), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_set_client_name(NULL, "a"), INVSRC_EINVAL);
  assert_document(consents, "{\"client_id\":\"" DOCUMENT_URL
                            "\",\"client_name\":\"libinvsrc\","
                            "\"redirect_uris\":[\"" CALLBACK "\"]," REST);
  assert_int_equal(invsrc_consents_set_client_name(consents, longest), INVSRC_OK);
  invsrc_consents_free(consents);
}

static void only_sound_tables_are_taken(void **state) {
  static const invsrc_transport_vtable small = {sizeof(uint32_t), 0, exchange},
                                       empty = {sizeof empty, 0, NULL};
  static const invsrc_clients_vtable no_get = {sizeof no_get, 0, NULL, put},
                                     no_put = {sizeof no_put, 0, get, NULL},
                                     cut = {offsetof(invsrc_clients_vtable, put), 0, get, put};
  static const invsrc_sealer_vtable no_seal = {sizeof no_seal, 0, NULL, open, discard},
                                    no_open = {sizeof no_open, 0, seal, NULL, discard};
  static const invsrc_world_vtable no_world = {sizeof(uint32_t), 0, NULL, NULL, NULL};
  const struct {
    const invsrc_clients_vtable *clients;
    const invsrc_sealer_vtable *sealer;
  } bad[] = {{NULL, &sealer}, {&clients, NULL},     {&no_get, &sealer},  {&no_put, &sealer},
             {&cut, &sealer}, {&clients, &no_seal}, {&clients, &no_open}};
  invsrc_consents *consents = NULL;

  (void)state;
  assert_int_equal(invsrc_consents_new(CALLBACK, NULL, &world, &consents, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_new(CALLBACK, &small, &world, &consents, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_new(CALLBACK, &empty, &world, &consents, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_new(CALLBACK, &transport, &world, NULL, NULL), INVSRC_EINVAL);
  assert_null(consents);
  consents = begin();
  /* What is refused leaves what there is. */
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_int_equal(
        invsrc_consents_set_clients(consents, bad[i].clients, NULL, bad[i].sealer, NULL),
        INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_set_clients(NULL, &clients, NULL, &sealer, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_set_world(consents, &no_world, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_set_world(NULL, NULL, NULL), INVSRC_EINVAL);
  assert_started(consents, 0, registers, "reg-1");
  assert_started(consents, 0, knows, "reg-1");
  invsrc_consents_free(consents);
}

static void what_is_null_is_refused(void **state) {
  const invsrc_oauth_vtable *oauth = invsrc_consents_oauth();
  const invsrc_consent consent = {.size = sizeof consent, .state = STATE, .state_length = 9};
  const invsrc_consent stateless = {.size = sizeof stateless};
  const invsrc_redirect redirect = {.size = sizeof redirect, .code = "c", .code_length = 1};
  invsrc_consents *consents = begin();
  invsrc_source *source = new_source(SCRIPT_URL), *other = invsrc_source_new();
  invsrc_buffer *a = invsrc_buffer_new(), *b = invsrc_buffer_new(), *c = invsrc_buffer_new();
  int64_t refresh_at = 0;

  (void)state;
  assert_int_equal(oauth->size, sizeof *oauth);
  assert_int_equal(oauth->start(NULL, source, &consent, a, b, c), FAILED);
  assert_int_equal(oauth->start(consents, NULL, &consent, a, b, c), FAILED);
  assert_int_equal(oauth->start(consents, source, NULL, a, b, c), FAILED);
  assert_int_equal(oauth->start(consents, source, &stateless, a, b, c), FAILED);
  assert_int_equal(oauth->start(consents, other, &consent, a, b, c), FAILED);
  assert_string_equal(invsrc_buffer_bytes(c, NULL), "consent cannot be asked for with this source");
  assert_int_equal(oauth->finish(NULL, source, "{}", 2, &redirect, a, &refresh_at, c), FAILED);
  assert_int_equal(oauth->revoke(NULL, source, "{}", 2, c), FAILED);
  assert_int_equal(invsrc_consents_add_redirect_uri(NULL, CALLBACK), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_add_redirect_uri(consents, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_set_allow_http(NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_set_allow_http(consents, 2), INVSRC_EINVAL);
  assert_int_equal(invsrc_consents_set_allow_http(consents, -1), INVSRC_EINVAL);
  assert_int_equal(world.asked, 0);
  invsrc_buffer_free(a);
  invsrc_buffer_free(b);
  invsrc_buffer_free(c);
  invsrc_source_free(source);
  invsrc_source_free(other);
  invsrc_consents_free(consents);
  invsrc_consents_free(NULL);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_the_hosts_redirect_uris_are_used),
      cmocka_unit_test(without_a_redirect_uri_nothing_starts),
      cmocka_unit_test(a_client_is_registered_once),
      cmocka_unit_test(who_did_not_come_back_gets_another_client),
      cmocka_unit_test(a_client_by_hand_comes_before_a_kept_one),
      cmocka_unit_test(a_client_by_hand_may_have_no_secret),
      cmocka_unit_test(without_a_place_for_them_each_start_registers_one),
      cmocka_unit_test(a_sealer_may_have_nothing_to_discard),
      cmocka_unit_test(what_cannot_be_used_counts_as_none),
      cmocka_unit_test(what_cannot_be_kept_is_told_in_the_log),
      cmocka_unit_test(what_is_left_over_is_told_in_the_log),
      cmocka_unit_test(a_client_is_kept_whatever_comes_of_the_start),
      cmocka_unit_test(a_client_that_is_not_known_any_more_is_forgotten),
      cmocka_unit_test(only_the_client_that_was_used_is_forgotten),
      cmocka_unit_test(what_says_nothing_of_the_client_leaves_it),
      cmocka_unit_test(what_cannot_be_forgotten_is_told_in_the_log),
      cmocka_unit_test(the_document_is_used_where_the_server_takes_it),
      cmocka_unit_test(the_document_says_who_we_are),
      cmocka_unit_test(clients_are_registered_under_the_hosts_name),
      cmocka_unit_test(a_code_becomes_a_credential),
      cmocka_unit_test(what_came_back_is_judged),
      cmocka_unit_test(tokens_are_revoked),
      cmocka_unit_test(http_must_be_allowed),
      cmocka_unit_test(an_agent_without_oauth_has_none),
      cmocka_unit_test(many_exchanges_share_their_time),
      cmocka_unit_test(without_clock_or_entropy_nothing_is_done),
      cmocka_unit_test(the_systems_clock_and_entropy_serve_too),
      cmocka_unit_test(only_sound_redirect_uris_are_taken),
      cmocka_unit_test(only_sound_clients_are_taken),
      cmocka_unit_test(only_sound_names_and_documents_are_taken),
      cmocka_unit_test(only_sound_tables_are_taken),
      cmocka_unit_test(what_is_null_is_refused),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
