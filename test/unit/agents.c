/*
 * The prober, run by the engine, against small agents in this program: many at a time,
 * none held up by another; bounds, limits, the way to stop, and the tokens it keeps. What
 * real and hostile agents do to it is in test/peers.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "core/buffer.h"
#include "core/json.h"
#include "engine/probe.h"

#define STOREFRONT "acme"
#define NOON INT64_C(1767225600000)
#define TOKEN_LIFE 1000 /* seconds, of which the prober uses four fifths */
#define MOST_CHECKS 512
#define REQUEST_SIZE 16384

/* ---- A server of agents and tokens ------------------------------------------------ */

/* /mcp answers who has a credential; /gate does so when the gate is open; /hang never
 * answers; /jwt wants the last token that /token gave. /token/gate gives one when the gate is
 * open, /token/late after more than a second, and /token/no and /token/down give none. */
static struct {
  int listener;
  pthread_t acceptor;
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t changed;
  unsigned port;
  int open; /* connections */
  int most_open;
  int held; /* requests at the gate, and those that hang */
  int is_gate_open;
  int ends;
  int tokens;               /* that were given */
  char asked[REQUEST_SIZE]; /* the last request for one */
} server = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void hold_at_gate(void) {
  pthread_mutex_lock(&server.lock);
  server.held++;
  pthread_cond_broadcast(&server.changed);
  while (!server.is_gate_open && !server.ends) pthread_cond_wait(&server.changed, &server.lock);
  server.held--;
  pthread_mutex_unlock(&server.lock);
}

static void count_held(int change) {
  pthread_mutex_lock(&server.lock);
  server.held += change;
  pthread_cond_broadcast(&server.changed);
  pthread_mutex_unlock(&server.lock);
}

/* Until the peer goes. */
static void hang(int connection) {
  char byte;

  count_held(1);
  while (recv(connection, &byte, 1, 0) > 0) continue;
  count_held(-1);
}

static void await_held(int count) {
  pthread_mutex_lock(&server.lock);
  while (server.held < count) pthread_cond_wait(&server.changed, &server.lock);
  pthread_mutex_unlock(&server.lock);
}

/* The server hears of the last peers' end a while after it. */
static void await_quiet(void) {
  pthread_mutex_lock(&server.lock);
  while (server.open) pthread_cond_wait(&server.changed, &server.lock);
  pthread_mutex_unlock(&server.lock);
}

static void set_gate(int is_open) {
  pthread_mutex_lock(&server.lock);
  server.is_gate_open = is_open;
  server.most_open = server.open;
  pthread_cond_broadcast(&server.changed);
  pthread_mutex_unlock(&server.lock);
}

static int most_connections(void) {
  int count;

  pthread_mutex_lock(&server.lock);
  count = server.most_open;
  pthread_mutex_unlock(&server.lock);
  return count;
}

static int tokens_given(void) {
  int count;

  pthread_mutex_lock(&server.lock);
  count = server.tokens;
  pthread_mutex_unlock(&server.lock);
  return count;
}

static int next_token(void) {
  pthread_mutex_lock(&server.lock);
  server.tokens++;
  pthread_mutex_unlock(&server.lock);
  return tokens_given();
}

static int say(int connection, int status, const char *body) {
  char text[512]; /* in one piece, or the peer's kernel waits for more */
  int length = snprintf(text, sizeof text,
                        "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        status, strlen(body), body);

  return send(connection, text, (size_t)length, MSG_NOSIGNAL) == length;
}

/* The newest version of MCP, and no tools. */
static int say_mcp(int connection, const char *request) {
  static const char id_name[] = "\"id\":";
  const char *id = strstr(request, id_name);
  char body[256];

  if (!id) return say(connection, 202, "");
  snprintf(body, sizeof body,
           "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"supportedVersions\":[\"2026-07-28\"],"
           "\"tools\":[]}}",
           atoi(id + sizeof id_name - 1));
  return say(connection, 200, body);
}

static int is_to(const char *request, const char *path) {
  const char *given = strchr(request, ' ');

  return given && strncmp(given + 1, path, strlen(path)) == 0;
}

static void note_token_request(const char *request) {
  pthread_mutex_lock(&server.lock);
  snprintf(server.asked, sizeof server.asked, "%s", request);
  pthread_mutex_unlock(&server.lock);
}

static void read_token_request(char request[REQUEST_SIZE]) {
  pthread_mutex_lock(&server.lock);
  memcpy(request, server.asked, REQUEST_SIZE);
  pthread_mutex_unlock(&server.lock);
}

static int say_token(int connection, const char *request) {
  static const struct timespec late = {1, 300000000};
  char body[128];

  note_token_request(request);
  if (is_to(request, "/token/no")) return say(connection, 400, "{\"error\":\"invalid_grant\"}");
  if (is_to(request, "/token/down")) return say(connection, 503, "{}");
  if (is_to(request, "/token/gate")) hold_at_gate();
  if (is_to(request, "/token/late")) nanosleep(&late, NULL);
  snprintf(body, sizeof body,
           "{\"access_token\":\"token-%d\",\"token_type\":\"Bearer\",\"expires_in\":%d}",
           next_token(), TOKEN_LIFE);
  return say(connection, 200, body);
}

static int answer(int connection, const char *request) {
  char wanted[64] = "Authorization: Bearer ";

  if (is_to(request, "/token")) return say_token(connection, request);
  if (is_to(request, "/gate")) hold_at_gate();
  if (is_to(request, "/hang")) {
    hang(connection);
    return 0;
  }
  if (is_to(request, "/jwt"))
    snprintf(wanted, sizeof wanted, "Authorization: Bearer token-%d\r\n", tokens_given());
  if (!strstr(request, wanted)) return say(connection, 401, "{}");
  return say_mcp(connection, request);
}

static size_t body_length(const char *head) {
  static const char name[] = "Content-Length:";
  const char *field = strstr(head, name);

  return field ? (size_t)strtoul(field + sizeof name - 1, NULL, 10) : 0;
}

static void count_connections(int change) {
  pthread_mutex_lock(&server.lock);
  server.open += change;
  if (server.open > server.most_open) server.most_open = server.open;
  pthread_cond_broadcast(&server.changed);
  pthread_mutex_unlock(&server.lock);
}

static void *serve(void *argument) {
  int connection = *(int *)argument;
  char request[REQUEST_SIZE];
  size_t length = 0;
  const char *end;

  free(argument);
  for (;;) {
    ssize_t got = recv(connection, request + length, sizeof request - 1 - length, 0);
    if (got <= 0) break;
    length += (size_t)got;
    request[length] = '\0';
    end = strstr(request, "\r\n\r\n");
    if (!end || strlen(end + 4) < body_length(request)) continue;
    length = 0;
    if (!answer(connection, request)) break;
  }
  close(connection);
  count_connections(-1);
  return NULL;
}

static void *accept_all(void *unused) {
  pthread_attr_t detached;
  pthread_t thread;

  (void)unused;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  for (;;) {
    int connection = accept(server.listener, NULL, NULL);
    int *argument = malloc(sizeof *argument);
    if (connection < 0 || !argument) {
      free(argument);
      break;
    }
    *argument = connection;
    count_connections(1);
    if (pthread_create(&thread, &detached, serve, argument) != 0) abort();
  }
  pthread_attr_destroy(&detached);
  return NULL;
}

static int start_server(void **state) {
  struct sockaddr_in name = {.sin_family = AF_INET};
  socklen_t size = sizeof name;

  (void)state;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.listener = socket(AF_INET, SOCK_STREAM, 0);
  if (server.listener < 0 || bind(server.listener, (struct sockaddr *)&name, sizeof name) != 0 ||
      listen(server.listener, 512) != 0 ||
      getsockname(server.listener, (struct sockaddr *)&name, &size) != 0)
    return -1;
  server.port = ntohs(name.sin_port);
  return pthread_create(&server.acceptor, NULL, accept_all, NULL);
}

/* The probers are gone, and with them their connections. */
static int stop_server(void **state) {
  (void)state;
  pthread_mutex_lock(&server.lock);
  server.ends = 1;
  pthread_cond_broadcast(&server.changed);
  while (server.open) pthread_cond_wait(&server.changed, &server.lock);
  pthread_mutex_unlock(&server.lock);
  shutdown(server.listener, SHUT_RDWR);
  pthread_join(server.acceptor, NULL);
  return close(server.listener);
}

/* ---- A host ---------------------------------------------------------------------- */

/* What one run of a host saw. Its clock stands. */
struct host {
  invsrc_curl *curl;
  invsrc_agents *agents;
  invsrc_memory *memory;
  invsrc_keyring *keyring;
  invsrc_service *service;
  int64_t now;
  int32_t clock; /* what the prober's clock returns */
  int stall;     /* seconds that it takes when it is asked for the second time */
  int asked;     /* times that it was */
  int begun;     /* conversations, by the entropy that each draws */
  int most;      /* of them at a time */
  int count;     /* checks */
  int32_t outcomes[MOST_CHECKS];
  char reasons[MOST_CHECKS][96];
  int open_gate_at; /* checks, so that the slow are slower than all others */
  /* Of a consent. */
  char state[64];
  char tokens[1024]; /* that come of it */
  int64_t refresh_at;
};

static int32_t now(void *context, int64_t *milliseconds) {
  const struct host *host = context;

  *milliseconds = host->now;
  return INVSRC_OUTCOME_OK;
}

static int32_t agents_now(void *context, int64_t *milliseconds) {
  struct host *host = context;

  /* Only the system's own clock counts here, so that there is no other way. */
  if (++host->asked == 2 && host->stall) sleep((unsigned)host->stall);
  *milliseconds = host->now;
  return host->clock;
}

static int32_t draw(void *context, uint8_t *bytes, uint64_t length) {
  struct host *host = context;

  if (++host->begun - host->count > host->most) host->most = host->begun - host->count;
  memset(bytes, host->begun, (size_t)length);
  return INVSRC_OUTCOME_OK;
}

static int32_t know(void *context, const char *endpoint_url, uint64_t length) {
  (void)context, (void)endpoint_url, (void)length;
  return INVSRC_OUTCOME_OK;
}

static int32_t start_consent(void *context, const invsrc_source *source,
                             const invsrc_consent *consent, invsrc_buffer *url,
                             invsrc_buffer *private_state, invsrc_buffer *reason) {
  struct host *host = context;

  (void)source, (void)reason;
  snprintf(host->state, sizeof host->state, "%s", consent->state);
  invsrc_buffer_set(url, "https://a.example/", 18);
  invsrc_buffer_set(private_state, "{}", 2);
  return INVSRC_OUTCOME_OK;
}

static int32_t finish_consent(void *context, const invsrc_source *source, const void *private_state,
                              uint64_t length, const invsrc_redirect *redirect,
                              invsrc_buffer *credential, int64_t *refresh_at,
                              invsrc_buffer *reason) {
  const struct host *host = context;

  (void)source, (void)private_state, (void)length, (void)redirect, (void)reason;
  *refresh_at = host->refresh_at;
  invsrc_buffer_set(credential, host->tokens, strlen(host->tokens));
  return INVSRC_OUTCOME_OK;
}

/* Times that a store was asked what is due, by whatever thread. */
static atomic_int due_asked;

static int32_t count_due(void *context, int64_t time, int64_t lease_end, uint64_t limit,
                         invsrc_source_list *list) {
  due_asked++;
  return invsrc_memory_store()->due(context, time, lease_end, limit, list);
}

static invsrc_service *new_service(struct host *host) {
  static const invsrc_registry_vtable registry = {sizeof registry, 0, know};
  static const invsrc_world_vtable world = {sizeof world, 0, now, NULL, NULL};
  static const invsrc_oauth_vtable oauth = {sizeof oauth, 0, start_consent, finish_consent, NULL};
  invsrc_options *options = invsrc_options_new();
  invsrc_store_vtable store = *invsrc_memory_store();
  invsrc_service *service = NULL;
  int32_t failed = 0;

  store.due = count_due;
  failed |= invsrc_options_set_registry(options, &registry, NULL);
  failed |= invsrc_options_set_world(options, &world, host);
  failed |= invsrc_options_set_oauth(options, &oauth, host);
  failed |= invsrc_options_set_sealer(options, invsrc_keyring_sealer(), host->keyring);
  failed |= invsrc_options_set_store(options, &store, host->memory);
  failed |= invsrc_options_set_prober(options, invsrc_agents_prober(), host->agents);
  failed |= invsrc_options_set_allow_http(options, 1);
  failed |= invsrc_options_set_allow_private(options, 1);
  failed |= invsrc_options_set_recheck(options, 1);
  failed |= invsrc_service_new(options, &service, NULL);
  invsrc_options_free(options);
  return failed ? NULL : service;
}

/* Returns 0 where all is there. */
static int open_host(struct host *host) {
  static const invsrc_world_vtable world = {sizeof world, 0, agents_now, draw, NULL};
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {1};
  int32_t failed = 0;

  await_quiet();
  memset(host, 0, sizeof *host);
  host->now = NOON;
  host->clock = INVSRC_OUTCOME_OK;
  failed |= invsrc_curl_new(&host->curl, NULL);
  failed |= invsrc_curl_set_allow_http(host->curl, 1);
  failed |= invsrc_curl_set_allow_private(host->curl, 1);
  failed |= invsrc_agents_new(host->curl, &host->agents, NULL);
  failed |= invsrc_agents_set_world(host->agents, &world, host);
  failed |= invsrc_memory_new(&host->memory);
  failed |= invsrc_keyring_new(&host->keyring);
  failed |= invsrc_keyring_add(host->keyring, key, sizeof key);
  host->service = new_service(host);
  return failed || !host->service;
}

static void close_host(struct host *host) {
  invsrc_service_free(host->service);
  invsrc_keyring_free(host->keyring);
  invsrc_memory_free(host->memory);
  invsrc_agents_free(host->agents);
  invsrc_curl_free(host->curl);
}

/* Creates `count` sources with agents at a path. Returns 0 where they are there. */
static int add_sources(struct host *host, const char *path, int count, const char *type,
                       const char *auth) {
  char body[4096];
  int bad = 0;

  for (int i = 0; i < count; i++) {
    invsrc_response *response = NULL;
    int length = snprintf(body, sizeof body,
                          "{\"name\":\"%s %d\",\"type\":\"SALES\",\"protocol\":\"MCP\","
                          "\"endpointUrl\":\"http://127.0.0.1:%u%s\","
                          "\"authenticationType\":\"%s\",\"auth\":%s}",
                          path, i, server.port, path, type, auth);
    invsrc_create(host->service, STOREFRONT, strlen(STOREFRONT), body, (uint64_t)length, &response,
                  NULL);
    bad |= invsrc_response_status(response) != 201;
    invsrc_response_free(response);
  }
  return bad;
}

static int add_bearers(struct host *host, const char *path, int count) {
  return add_sources(host, path, count, "API_KEY", "{\"type\":\"bearer\",\"token\":\"secret\"}");
}

static int32_t visit(void *context, const invsrc_check *check) {
  struct host *host = context;

  if (host->count == MOST_CHECKS) return 1;
  host->outcomes[host->count] = check->outcome;
  snprintf(host->reasons[host->count], sizeof host->reasons[0], "%s", check->reason);
  if (++host->count == host->open_gate_at) set_gate(1);
  return 0;
}

static int32_t activate(struct host *host) {
  host->count = host->begun = host->most = 0;
  return invsrc_activate_due(host->service, host->now, MOST_CHECKS, visit, host, NULL);
}

static void assert_check(const struct host *host, int index, int32_t outcome, const char *reason) {
  assert_int_equal(host->outcomes[index], outcome);
  assert_string_equal(host->reasons[index], reason);
}

static double seconds(void) {
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- Many at a time ----------------------------------------------------------------- */

static void the_slow_hold_up_nobody(void **state) {
  enum { SLOW = 10, QUICK = 100 };
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(invsrc_agents_set_parallel(host.agents, 2 * SLOW), INVSRC_OK);
  assert_int_equal(add_bearers(&host, "/gate", SLOW) | add_bearers(&host, "/mcp", QUICK), 0);
  set_gate(0);
  host.open_gate_at = QUICK;
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, SLOW + QUICK);
  for (int i = 0; i < host.count; i++) assert_check(&host, i, INVSRC_OUTCOME_PROVEN, "");
  close_host(&host);
}

static void *open_gate_when_held(void *count) {
  await_held(*(int *)count);
  set_gate(1);
  return NULL;
}

/* The gate opens when as many wait as may, so that fewer would wait in vain. */
static void so_many_at_a_time_and_no_more(void **state) {
  static int parallels[] = {1, 7, 40};
  pthread_t opener;
  struct host host;

  (void)state;
  for (size_t i = 0; i < sizeof parallels / sizeof *parallels; i++) {
    assert_int_equal(open_host(&host), 0);
    assert_int_equal(invsrc_agents_set_parallel(host.agents, (uint32_t)parallels[i]), INVSRC_OK);
    assert_int_equal(add_bearers(&host, "/gate", 50), 0);
    set_gate(0);
    assert_int_equal(pthread_create(&opener, NULL, open_gate_when_held, &parallels[i]), 0);
    assert_int_equal(activate(&host), INVSRC_OK);
    assert_int_equal(pthread_join(opener, NULL), 0);
    assert_int_equal(host.count, 50);
    assert_int_equal(host.most, parallels[i]);
    assert_in_range(most_connections(), parallels[i], 3 * parallels[i]);
    close_host(&host);
  }
}

#define THREADS 4

static void *activate_all(void *argument) {
  return activate(argument) == INVSRC_OK ? NULL : argument;
}

/* One prober, many runs: each thread has a service and a store of its own. */
static void threads_share_a_prober(void **state) {
  static struct host hosts[THREADS];
  invsrc_agents *own[THREADS];
  pthread_t threads[THREADS];
  void *bad;

  (void)state;
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(open_host(&hosts[i]), 0);
    own[i] = hosts[i].agents;
    hosts[i].agents = own[0];
    invsrc_service_free(hosts[i].service);
    hosts[i].service = new_service(&hosts[i]);
    assert_non_null(hosts[i].service);
    assert_int_equal(add_bearers(&hosts[i], "/mcp", 20), 0);
  }
  assert_int_equal(invsrc_agents_set_world(own[0], NULL, NULL), INVSRC_OK);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, activate_all, &hosts[i]), 0);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], &bad), 0);
    assert_null(bad);
    assert_int_equal(hosts[i].count, 20);
    for (int k = 0; k < 20; k++) assert_check(&hosts[i], k, INVSRC_OUTCOME_PROVEN, "");
  }
  for (int i = THREADS; i-- > 0;) {
    hosts[i].agents = own[i];
    close_host(&hosts[i]);
  }
}

/* ---- Ends ---------------------------------------------------------------------------- */

static void who_takes_too_long_is_unreachable(void **state) {
  struct host host;
  double start = seconds();

  (void)state;
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(invsrc_agents_set_time_limit(host.agents, 1), INVSRC_OK);
  assert_int_equal(add_bearers(&host, "/hang", 5), 0);
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, 5);
  for (int i = 0; i < 5; i++)
    assert_check(&host, i, INVSRC_OUTCOME_UNREACHABLE, "took too long: not done after 1 s");
  assert_true(seconds() - start >= 1);
  close_host(&host);
}

/* Nobody heard the agents for as long as the probes may take. */
static void what_we_missed_is_not_the_agents_fault(void **state) {
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(invsrc_agents_set_time_limit(host.agents, 1), INVSRC_OK);
  assert_int_equal(add_bearers(&host, "/hang", 2), 0);
  host.stall = 2;
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, 2);
  for (int i = 0; i < 2; i++)
    assert_check(&host, i, INVSRC_OUTCOME_UNAVAILABLE, "this host was too busy");
  close_host(&host);
}

static void a_proxy_that_is_not_there_is_not_the_agents_fault(void **state) {
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(add_bearers(&host, "/mcp", 1), 0);
  assert_int_equal(invsrc_curl_set_proxy(host.curl, "http://127.0.0.1:1"), INVSRC_OK);
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, 1);
  assert_check(&host, 0, INVSRC_OUTCOME_UNAVAILABLE, "cannot connect to the proxy");
  close_host(&host);
}

/* A full backlog drops what comes, as a firewall does. */
static void a_proxy_that_drops_us_is_not_the_agents_fault(void **state) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  int fill[4];
  struct host host;
  char url[64];

  (void)state;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
  assert_int_equal(listen(listener, 0), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(address.sin_port));
  for (size_t i = 0; i < sizeof fill / sizeof *fill; i++) {
    fill[i] = socket(AF_INET, SOCK_STREAM, 0);
    fcntl(fill[i], F_SETFL, O_NONBLOCK);
    (void)connect(fill[i], (struct sockaddr *)&address, size);
  }
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(add_bearers(&host, "/mcp", 1), 0);
  assert_int_equal(invsrc_curl_set_proxy(host.curl, url), INVSRC_OK);
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, 1);
  assert_check(&host, 0, INVSRC_OUTCOME_UNAVAILABLE, "cannot connect to the proxy");
  close_host(&host);
  for (size_t i = 0; i < sizeof fill / sizeof *fill; i++) close(fill[i]);
  close(listener);
}

/* While the last of many end there is nothing more to claim, which costs a write each time. */
static void the_store_is_not_asked_at_every_end(void **state) {
  struct host host;
  double start;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(invsrc_agents_set_parallel(host.agents, 100), INVSRC_OK);
  assert_int_equal(add_bearers(&host, "/mcp", 60), 0);
  due_asked = 0;
  start = seconds();
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, 60);
  assert_in_range(due_asked, 2, 4 + (int)(2 * (seconds() - start)));
  close_host(&host);
}

static void *stop_when_held(void *agents) {
  await_held(8);
  invsrc_agents_stop(agents);
  return NULL;
}

static void a_prober_can_be_stopped(void **state) {
  struct host host;
  pthread_t stopper;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(invsrc_agents_set_parallel(host.agents, 8), INVSRC_OK);
  assert_int_equal(add_bearers(&host, "/hang", 12), 0);
  assert_int_equal(pthread_create(&stopper, NULL, stop_when_held, host.agents), 0);
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(pthread_join(stopper, NULL), 0);
  assert_int_equal(host.begun, 8);
  assert_int_equal(host.count, 8);
  for (int i = 0; i < 8; i++) assert_check(&host, i, INVSRC_OUTCOME_UNAVAILABLE, "stopped");
  /* And it stays so: no more are taken. */
  assert_int_equal(add_bearers(&host, "/mcp", 3), 0);
  due_asked = 0;
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.begun, 0);
  assert_int_equal(host.count, 0);
  assert_int_equal(due_asked, 0);
  close_host(&host);
}

static void a_clock_that_fails_blames_nobody(void **state) {
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(add_bearers(&host, "/mcp", 1), 0);
  host.clock = INVSRC_OUTCOME_UNAVAILABLE;
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, 1);
  assert_check(&host, 0, INVSRC_OUTCOME_UNAVAILABLE, "the clock or the entropy failed");
  close_host(&host);
}

/* The service has a clock of its own, which is right. */
static void a_clock_that_is_out_of_range_is_none(void **state) {
  static const int64_t times[] = {-1, INVSRC_TIME_LIMIT + 1, INT64_MAX};
  static const invsrc_world_vtable world = {sizeof world, 0, now, draw, NULL};

  (void)state;
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    struct host host, other;
    assert_int_equal(open_host(&host), 0);
    other = host;
    other.now = times[i];
    assert_int_equal(invsrc_agents_set_world(host.agents, &world, &other), INVSRC_OK);
    assert_int_equal(add_bearers(&host, "/mcp", 1), 0);
    assert_int_equal(activate(&host), INVSRC_OK);
    assert_int_equal(host.count, 1);
    assert_check(&host, 0, INVSRC_OUTCOME_UNAVAILABLE, "the clock or the entropy failed");
    close_host(&host);
  }
}

/* Stands between the engine and the prober, to see probes end. */
struct between {
  invsrc_probes probes;
  invsrc_probes *real;
  invsrc_agents *agents;
  int with_credential; /* probes that were given with one */
  int ended;
};

static invsrc_probe *take_between(invsrc_probes *probes) {
  struct between *between = (struct between *)probes;
  invsrc_probe *probe = invsrc_probes_next(between->real);

  if (!probe) return NULL;
  probe->from = probes;
  between->with_credential += invsrc_probe_credential(probe, NULL) != NULL;
  return probe;
}

static void end_between(invsrc_probes *probes, invsrc_probe *probe, int32_t outcome) {
  struct between *between = (struct between *)probes;

  assert_null(invsrc_probe_credential(probe, NULL));
  between->ended++;
  probe->from = between->real;
  between->real->end(between->real, probe, outcome);
}

static int32_t probe_between(void *context, invsrc_probes *probes) {
  struct between *between = context;

  between->probes = (invsrc_probes){take_between, end_between};
  between->real = probes;
  return invsrc_agents_prober()->probe(between->agents, &between->probes);
}

static void credentials_are_forgotten_before_the_end(void **state) {
  static const invsrc_prober_vtable prober = {sizeof prober, 0, probe_between};
  struct between between = {.ended = 0};
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  between.agents = host.agents;
  assert_int_equal(add_bearers(&host, "/mcp", 3), 0);
  host.service->options.prober = prober;
  host.service->options.prober_context = &between;
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(between.with_credential, 3);
  assert_int_equal(between.ended, 3);
  for (int i = 0; i < 3; i++) assert_check(&host, i, INVSRC_OUTCOME_PROVEN, "");
  close_host(&host);
}

static void the_guard_of_the_transport_holds(void **state) {
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(add_bearers(&host, "/mcp", 1), 0);
  assert_int_equal(invsrc_curl_set_allow_private(host.curl, 0), INVSRC_OK);
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_check(&host, 0, INVSRC_OUTCOME_UNREACHABLE, "the address is private or reserved");
  close_host(&host);
}

/* ---- Tokens -------------------------------------------------------------------------- */

/* A PEM key as the inside of a JSON string. */
static void write_key(ivs_buffer *out) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  BIO *memory = BIO_new(BIO_s_mem());
  char *text;
  long length;

  assert_int_equal(PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL), 1);
  length = BIO_get_mem_data(memory, &text);
  ivs_json_write_string(out, text, (size_t)length);
  BIO_free(memory);
  EVP_PKEY_free(key);
}

static void write_jwt(ivs_buffer *auth, const char *issuer) {
  char rest[512];

  snprintf(rest, sizeof rest,
           ",\"issuer\":\"%s\",\"subject\":\"s\",\"keyId\":\"k\",\"scope\":\"x\","
           "\"tokenEndpointUrl\":\"http://127.0.0.1:%u/token\","
           "\"audienceUrl\":\"http://127.0.0.1:%u/token\"}",
           issuer, server.port, server.port);
  ivs_buffer_append_text(auth, "{\"type\":\"jwt\",\"privateKey\":");
  write_key(auth);
  ivs_buffer_append_text(auth, rest);
}

/* Checks again after some seconds; how many tokens were asked for. */
static int tokens_for(struct host *host, int64_t after) {
  int before = tokens_given();

  host->now += after * 1000;
  assert_int_equal(activate(host), INVSRC_OK);
  assert_int_equal(host->count, 1);
  assert_check(host, 0, INVSRC_OUTCOME_PROVEN, "");
  return tokens_given() - before;
}

static void a_token_is_used_while_it_is_good(void **state) {
  ivs_buffer auth = IVS_BUFFER_EMPTY;
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  write_jwt(&auth, "issuer");
  assert_int_equal(add_sources(&host, "/jwt", 1, "JWT", auth.bytes), 0);
  ivs_buffer_end(&auth);
  assert_int_equal(tokens_for(&host, 0), 1);
  assert_int_equal(tokens_for(&host, 100), 0);
  assert_int_equal(tokens_for(&host, 600), 0);
  assert_int_equal(tokens_for(&host, 200), 1); /* its four fifths are over */
  assert_int_equal(tokens_for(&host, 100), 0);
  next_token(); /* it is good no more */
  assert_int_equal(tokens_for(&host, 100), 1);
  assert_int_equal(tokens_for(&host, 100), 0);
  close_host(&host);
}

/* ---- OAuth tokens -------------------------------------------------------------------- */

/* A source that was consented to, with tokens of which the access token is the last one that the
 * server gave, and that are due to be refreshed at a place of it. */
static void add_consented(struct host *host, const char *path, const char *token_path,
                          int64_t refresh_at) {
  invsrc_response *response = NULL;
  char text[512];
  int length;

  host->refresh_at = refresh_at;
  snprintf(host->tokens, sizeof host->tokens,
           "{\"type\":\"oauth\",\"access_token\":\"token-%d\",\"refresh_token\":\"refresh-me\","
           "\"issuer\":\"http://127.0.0.1:%u\",\"token_endpoint\":\"http://127.0.0.1:%u%s\","
           "\"client_id\":\"c\",\"token_endpoint_auth_method\":\"none\","
           "\"resource\":\"http://127.0.0.1:%u%s\"}",
           tokens_given(), server.port, server.port, token_path, server.port, path);
  length = snprintf(text, sizeof text,
                    "{\"name\":\"%s\",\"type\":\"SALES\",\"protocol\":\"MCP\","
                    "\"endpointUrl\":\"http://127.0.0.1:%u%s\",\"authenticationType\":\"OAUTH\"}",
                    path, server.port, path);
  invsrc_create(host->service, STOREFRONT, strlen(STOREFRONT), text, (uint64_t)length, &response,
                NULL);
  assert_int_equal(invsrc_response_status(response), 201);
  invsrc_response_free(response);
  length = snprintf(text, sizeof text, "state=%s&code=c", host->state);
  invsrc_callback(host->service, text, (uint64_t)length, &response, NULL);
  assert_int_equal(invsrc_response_status(response), 200);
  invsrc_response_free(response);
}

/* A number of the only OAUTH source, or of the first. */
static int64_t number_of(const struct host *host, int32_t field) {
  invsrc_source_list *list = invsrc_source_list_new();
  uint64_t total = 0;
  int64_t number = -1;

  invsrc_memory_store()->list(host->memory, STOREFRONT, strlen(STOREFRONT), 0, 10, list, &total);
  for (uint64_t i = 0; i < total && number < 0; i++) {
    const invsrc_source *source = invsrc_source_list_at(list, i);
    if (strcmp(invsrc_source_text(source, INVSRC_SOURCE_AUTHENTICATION_TYPE, NULL), "OAUTH") == 0)
      number = invsrc_source_number(source, field);
  }
  invsrc_source_list_free(list);
  return number;
}

/* The agent takes none but the new token, and is asked with it at once. */
static void due_tokens_are_refreshed_before_the_agent_is_asked(void **state) {
  struct host host;
  static char asked[REQUEST_SIZE];
  int before = tokens_given();

  (void)state;
  assert_int_equal(open_host(&host), 0);
  add_consented(&host, "/jwt", "/token", NOON + 800 * 1000);
  assert_int_equal(tokens_for(&host, 0), 0);
  assert_int_equal(tokens_for(&host, 700), 0);
  assert_int_equal(tokens_for(&host, 200), 1);
  assert_int_equal(host.begun, 1);
  read_token_request(asked);
  assert_memory_equal(asked, "POST /token HTTP/1.1\r\n", 22);
  assert_non_null(strstr(asked,
                         "\r\n\r\ngrant_type=refresh_token&refresh_token=refresh-me&"
                         "client_id=c&resource=http%3A%2F%2F127.0.0.1%3A"));
  assert_null(strstr(asked, "uthorization:"));
  assert_int_equal(number_of(&host, INVSRC_SOURCE_OAUTH_REFRESH_AT), NOON + (900 + 800) * 1000);
  assert_int_equal(tokens_for(&host, 700), 0);
  /* What is refused before its time is refreshed too. */
  next_token();
  assert_int_equal(tokens_for(&host, 10), 1);
  assert_int_equal(host.begun, 2);
  assert_int_equal(tokens_given(), before + 3);
  close_host(&host);
}

static void many_refreshes_hold_up_nobody(void **state) {
  enum { MANY = 20 };
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(invsrc_agents_set_parallel(host.agents, 4), INVSRC_OK);
  for (int i = 0; i < MANY; i++) {
    char path[32];
    snprintf(path, sizeof path, "/mcp/oauth%d", i);
    add_consented(&host, path, "/token", NOON);
  }
  assert_int_equal(add_bearers(&host, "/mcp", MANY), 0);
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, 2 * MANY);
  assert_int_equal(host.begun, 2 * MANY);
  for (int i = 0; i < host.count; i++) assert_check(&host, i, INVSRC_OUTCOME_PROVEN, "");
  close_host(&host);
}

static void a_refresh_that_is_refused_asks_for_consent(void **state) {
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  add_consented(&host, "/mcp", "/token/no", NOON);
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, 1);
  assert_int_equal(host.begun, 0);
  assert_check(&host, 0, INVSRC_OUTCOME_REFUSED,
               "the authorization server takes the consent for ended: consent must be given again");
  assert_int_equal(number_of(&host, INVSRC_SOURCE_AUTH_CONFIGURED), 0);
  assert_int_equal(number_of(&host, INVSRC_SOURCE_NEXT_CHECK_AT), 0);
  close_host(&host);
}

static void tokens_outlast_a_server_that_is_away(void **state) {
  static const struct {
    const char *path;
    const char *proxy;
    int32_t clock;
    int32_t outcome;
    const char *reason;
  } rows[] = {
      {"/token/down", NULL, INVSRC_OUTCOME_OK, INVSRC_OUTCOME_FAILED,
       "the authorization server answered 503"},
      {"/token", "http://127.0.0.1:1", INVSRC_OUTCOME_OK, INVSRC_OUTCOME_UNAVAILABLE,
       "cannot connect to the proxy"},
      {"/token", NULL, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_OUTCOME_UNAVAILABLE,
       "the clock or the entropy failed"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct host host;
    assert_int_equal(open_host(&host), 0);
    add_consented(&host, "/mcp", rows[i].path, NOON);
    assert_int_equal(invsrc_curl_set_proxy(host.curl, rows[i].proxy), INVSRC_OK);
    host.clock = rows[i].clock;
    assert_int_equal(activate(&host), INVSRC_OK);
    assert_int_equal(host.count, 1);
    assert_int_equal(host.begun, 0);
    assert_check(&host, 0, rows[i].outcome, rows[i].reason);
    assert_int_equal(number_of(&host, INVSRC_SOURCE_AUTH_CONFIGURED), 1);
    assert_int_equal(number_of(&host, INVSRC_SOURCE_OAUTH_REFRESH_AT), NOON);
    assert_true(number_of(&host, INVSRC_SOURCE_NEXT_CHECK_AT) > NOON);
    close_host(&host);
  }
}

/* The host allows http no more. */
static void tokens_that_cannot_be_used_are_told(void **state) {
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  add_consented(&host, "/mcp", "/token", NOON);
  assert_int_equal(invsrc_curl_set_allow_http(host.curl, 0), INVSRC_OK);
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, 1);
  assert_check(&host, 0, INVSRC_OUTCOME_FAILED, "the stored tokens cannot be refreshed");
  assert_int_equal(number_of(&host, INVSRC_SOURCE_AUTH_CONFIGURED), 1);
  close_host(&host);
}

/* Its tokens would be lost: the old ones may be void by then. */
static void a_late_refresh_is_waited_for(void **state) {
  struct host host;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  assert_int_equal(invsrc_agents_set_time_limit(host.agents, 1), INVSRC_OK);
  add_consented(&host, "/jwt", "/token/late", NOON);
  assert_int_equal(tokens_for(&host, 0), 1);
  close_host(&host);
}

static void *stop_and_open_gate(void *agents) {
  await_held(2);
  invsrc_agents_stop(agents);
  set_gate(1);
  return NULL;
}

static void who_is_stopped_ends_refreshes_first(void **state) {
  struct host host;
  pthread_t stopper;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  add_consented(&host, "/jwt", "/token/gate", NOON);
  assert_int_equal(add_bearers(&host, "/hang", 1), 0);
  set_gate(0);
  assert_int_equal(pthread_create(&stopper, NULL, stop_and_open_gate, host.agents), 0);
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(pthread_join(stopper, NULL), 0);
  assert_int_equal(host.count, 1);
  assert_check(&host, 0, INVSRC_OUTCOME_UNAVAILABLE, "stopped");
  /* The tokens are stored, and serve when the claim has ended. */
  assert_int_equal(number_of(&host, INVSRC_SOURCE_OAUTH_REFRESH_AT), NOON + 800 * 1000);
  invsrc_service_free(host.service);
  invsrc_agents_free(host.agents);
  assert_int_equal(invsrc_agents_new(host.curl, &host.agents, NULL), INVSRC_OK);
  assert_int_equal(invsrc_agents_set_time_limit(host.agents, 1), INVSRC_OK);
  host.service = new_service(&host);
  assert_non_null(host.service);
  host.now += 200 * 1000;
  assert_int_equal(activate(&host), INVSRC_OK);
  assert_int_equal(host.count, 2);
  assert_check(&host, 0, INVSRC_OUTCOME_PROVEN, "");
  close_host(&host);
}

/* ---- The border ------------------------------------------------------------------------ */

static void setters_judge_what_they_are_given(void **state) {
  static const char *const bad_names[] = {"",     "a b",  "a:", "a\r\nb",        "authorization",
                                          "Host", "HOST", "TE", "mcp-session-id"};
  static const char *const good_names[] = {"X-API-Key", "apikey", NULL};
  static const invsrc_world_vtable small = {0};
  struct host host;
  invsrc_agents *agents;

  (void)state;
  assert_int_equal(open_host(&host), 0);
  agents = host.agents;
  for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++)
    assert_int_equal(invsrc_agents_set_api_key_header(agents, bad_names[i]), INVSRC_EINVAL);
  for (size_t i = 0; i < sizeof good_names / sizeof *good_names; i++)
    assert_int_equal(invsrc_agents_set_api_key_header(agents, good_names[i]), INVSRC_OK);
  assert_int_equal(invsrc_agents_set_parallel(agents, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_parallel(agents, INVSRC_PARALLEL_LIMIT + 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_parallel(agents, INVSRC_PARALLEL_LIMIT), INVSRC_OK);
  assert_int_equal(invsrc_agents_set_time_limit(agents, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_time_limit(agents, 601), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_time_limit(agents, 600), INVSRC_OK);
  assert_int_equal(invsrc_agents_set_assertion_lifetime(agents, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_assertion_lifetime(agents, 3601), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_assertion_lifetime(agents, 3600), INVSRC_OK);
  assert_int_equal(invsrc_agents_set_world(agents, &small, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_world(agents, NULL, NULL), INVSRC_OK);
  close_host(&host);
}

static void what_is_null_is_refused(void **state) {
  invsrc_agents *agents = (invsrc_agents *)&server;
  invsrc_curl *curl;

  (void)state;
  assert_int_equal(invsrc_agents_new(NULL, &agents, NULL), INVSRC_EINVAL);
  assert_null(agents);
  assert_int_equal(invsrc_curl_new(&curl, NULL), INVSRC_OK);
  assert_int_equal(invsrc_agents_new(curl, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_parallel(NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_time_limit(NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_assertion_lifetime(NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_api_key_header(NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_set_world(NULL, NULL, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_agents_prober()->probe(NULL, NULL), INVSRC_OUTCOME_FAILED);
  invsrc_agents_stop(NULL);
  invsrc_agents_free(NULL);
  invsrc_curl_free(curl);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_slow_hold_up_nobody),
      cmocka_unit_test(so_many_at_a_time_and_no_more),
      cmocka_unit_test(threads_share_a_prober),
      cmocka_unit_test(who_takes_too_long_is_unreachable),
      cmocka_unit_test(what_we_missed_is_not_the_agents_fault),
      cmocka_unit_test(a_proxy_that_is_not_there_is_not_the_agents_fault),
      cmocka_unit_test(a_proxy_that_drops_us_is_not_the_agents_fault),
      cmocka_unit_test(the_store_is_not_asked_at_every_end),
      cmocka_unit_test(a_prober_can_be_stopped),
      cmocka_unit_test(a_clock_that_fails_blames_nobody),
      cmocka_unit_test(a_clock_that_is_out_of_range_is_none),
      cmocka_unit_test(credentials_are_forgotten_before_the_end),
      cmocka_unit_test(the_guard_of_the_transport_holds),
      cmocka_unit_test(a_token_is_used_while_it_is_good),
      cmocka_unit_test(due_tokens_are_refreshed_before_the_agent_is_asked),
      cmocka_unit_test(many_refreshes_hold_up_nobody),
      cmocka_unit_test(a_refresh_that_is_refused_asks_for_consent),
      cmocka_unit_test(tokens_outlast_a_server_that_is_away),
      cmocka_unit_test(tokens_that_cannot_be_used_are_told),
      cmocka_unit_test(a_late_refresh_is_waited_for),
      cmocka_unit_test(who_is_stopped_ends_refreshes_first),
      cmocka_unit_test(setters_judge_what_they_are_given),
      cmocka_unit_test(what_is_null_is_refused),
  };

  return cmocka_run_group_tests(tests, start_server, stop_server);
}
