/*
 * Memory that runs out while agents are probed: every allocation of a run, of libcurl and
 * libcrypto too, fails in turn, once and from then on. It must come to its end, leak
 * nothing, and never blame the credential.
 */
#include <arpa/inet.h>
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "core/buffer.h"
#include "core/json.h"
#include "fault/trials.h"

/* A block that stays behind once is in a library's cache; over and over, it leaks. */
#define TRIES 20
#define STOREFRONT "acme"
#define SOURCES 3
#define MOST_PEERS 16

/* ---- Agents, in a process of their own: a heap that nothing fails in ------------------- */

static unsigned port;
static pid_t agents_process;
static int holders[2];

static void say(int connection, const char *request) {
  static const char id_name[] = "\"id\":";
  const char *id = strstr(request, id_name);
  int refuses = !strstr(request, "POST /token") && !strstr(request, "Authorization: Bearer secret");
  char body[256] = "{\"access_token\":\"secret\",\"token_type\":\"Bearer\"}", text[512];

  if (id && !refuses)
    snprintf(body, sizeof body,
             "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"supportedVersions\":[\"2026-07-28\"],"
             "\"tools\":[]}}",
             atoi(id + sizeof id_name - 1));
  snprintf(text, sizeof text,
           "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
           refuses ? 401 : 200, strlen(body), body);
  if (send(connection, text, strlen(text), MSG_NOSIGNAL) < 0) return;
}

static size_t body_length(const char *head) {
  static const char name[] = "Content-Length:";
  const char *field = strstr(head, name);

  return field ? (size_t)strtoul(field + sizeof name - 1, NULL, 10) : 0;
}

/* Reads a request to its end and answers it. Returns 0 where the peer is gone. */
static int answer(int connection) {
  char request[8192];
  size_t length = 0;
  const char *end = NULL;

  while (!end || strlen(end + 4) < body_length(request)) {
    ssize_t got = recv(connection, request + length, sizeof request - 1 - length, 0);
    if (got <= 0) return 0;
    length += (size_t)got;
    request[length] = '\0';
    end = strstr(request, "\r\n\r\n");
  }
  say(connection, request);
  return 1;
}

/* Until nobody holds the other end of the pipe, who may have been killed. */
static void serve(int listener, int holder) {
  struct pollfd peers[MOST_PEERS] = {{.fd = listener, .events = POLLIN},
                                     {.fd = holder, .events = POLLIN}};
  nfds_t count = 2;

  while (poll(peers, count, -1) > 0 && !peers[1].revents) {
    for (nfds_t i = count; i-- > 2;) {
      if (!peers[i].revents || answer(peers[i].fd)) continue;
      close(peers[i].fd);
      peers[i] = peers[--count];
    }
    if (peers[0].revents && count < MOST_PEERS) {
      peers[count].fd = accept(listener, NULL, NULL);
      peers[count].revents = 0;
      peers[count++].events = POLLIN;
    }
  }
}

static int start_agents(void **state) {
  struct sockaddr_in name = {.sin_family = AF_INET};
  socklen_t size = sizeof name;
  int listener = socket(AF_INET, SOCK_STREAM, 0);

  (void)state;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (listener < 0 || bind(listener, (struct sockaddr *)&name, sizeof name) != 0 ||
      listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&name, &size) != 0)
    return -1;
  port = ntohs(name.sin_port);
  if (pipe(holders) != 0) return -1;
  agents_process = fork();
  if (agents_process == 0) {
    close(holders[1]);
    serve(listener, holders[0]);
    _exit(0);
  }
  close(listener);
  close(holders[0]);
  return agents_process < 0 ? -1 : 0;
}

static int stop_agents(void **state) {
  (void)state;
  close(holders[1]);
  return waitpid(agents_process, NULL, 0) == agents_process ? 0 : -1;
}

/* ---- A host ------------------------------------------------------------------------------ */

struct host {
  invsrc_curl *curl;
  invsrc_agents *agents;
  invsrc_memory *memory;
  invsrc_keyring *keyring;
  invsrc_service *service;
  int count;
  int32_t outcomes[SOURCES];
};

static ivs_buffer jwt = IVS_BUFFER_EMPTY;

static void write_jwt(void) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  BIO *memory = BIO_new(BIO_s_mem());
  char rest[512], *text;
  long length;

  assert_int_equal(PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL), 1);
  length = BIO_get_mem_data(memory, &text);
  snprintf(rest, sizeof rest,
           ",\"issuer\":\"i\",\"subject\":\"s\",\"keyId\":\"k\",\"scope\":\"x\","
           "\"tokenEndpointUrl\":\"http://127.0.0.1:%u/token\",\"audienceUrl\":\"http://a.b/\"}",
           port);
  ivs_buffer_append_text(&jwt, "{\"type\":\"jwt\",\"privateKey\":");
  ivs_json_write_string(&jwt, text, (size_t)length);
  ivs_buffer_append_text(&jwt, rest);
  BIO_free(memory);
  EVP_PKEY_free(key);
}

static int32_t know(void *context, const char *endpoint_url, uint64_t length) {
  (void)context, (void)endpoint_url, (void)length;
  return INVSRC_OUTCOME_OK;
}

/* A consent of which tokens came that are to be refreshed at once. */
static char consent_state[64];

static int32_t start_consent(void *context, const invsrc_source *source,
                             const invsrc_consent *consent, invsrc_buffer *url,
                             invsrc_buffer *private_state, invsrc_buffer *reason) {
  (void)context, (void)source, (void)reason;
  snprintf(consent_state, sizeof consent_state, "%s", consent->state);
  invsrc_buffer_set(url, "https://a.example/", 18);
  invsrc_buffer_set(private_state, "{}", 2);
  return INVSRC_OUTCOME_OK;
}

static int32_t finish_consent(void *context, const invsrc_source *source, const void *private_state,
                              uint64_t length, const invsrc_redirect *redirect,
                              invsrc_buffer *credential, int64_t *refresh_at,
                              invsrc_buffer *reason) {
  char text[512];

  (void)context, (void)source, (void)private_state, (void)length, (void)redirect, (void)reason;
  snprintf(text, sizeof text,
           "{\"type\":\"oauth\",\"access_token\":\"old\",\"refresh_token\":\"r\","
           "\"issuer\":\"http://127.0.0.1:%u\",\"token_endpoint\":\"http://127.0.0.1:%u/token\","
           "\"client_id\":\"c\",\"token_endpoint_auth_method\":\"none\",\"resource\":\"x\"}",
           port, port);
  invsrc_buffer_set(credential, text, strlen(text));
  *refresh_at = 1;
  return INVSRC_OUTCOME_OK;
}

static void consent(const struct host *host) {
  char query[128];
  int length = snprintf(query, sizeof query, "state=%s&code=c", consent_state);
  invsrc_response *response;

  assert_int_equal(invsrc_callback(host->service, query, (uint64_t)length, &response, NULL),
                   INVSRC_OK);
  assert_int_equal(invsrc_response_status(response), 200);
  invsrc_response_free(response);
}

static void create(const struct host *host, const char *name, const char *type, const char *auth) {
  char body[4096];
  int length = snprintf(body, sizeof body,
                        "{\"name\":\"%s\",\"type\":\"SALES\",\"protocol\":\"MCP\","
                        "\"endpointUrl\":\"http://127.0.0.1:%u/mcp\","
                        "\"authenticationType\":\"%s\"%s%s}",
                        name, port, type, auth ? ",\"auth\":" : "", auth ? auth : "");
  invsrc_response *response;

  assert_int_equal(invsrc_create(host->service, STOREFRONT, strlen(STOREFRONT), body,
                                 (uint64_t)length, &response, NULL),
                   INVSRC_OK);
  assert_int_equal(invsrc_response_status(response), 201);
  invsrc_response_free(response);
}

static void open_host(struct host *host) {
  static const invsrc_registry_vtable registry = {sizeof registry, 0, know};
  static const invsrc_oauth_vtable oauth = {sizeof oauth, 0, start_consent, finish_consent, NULL};
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {1};
  invsrc_options *options = invsrc_options_new();
  int32_t failed = 0;

  memset(host, 0, sizeof *host);
  failed |= invsrc_curl_new(&host->curl, NULL);
  failed |= invsrc_curl_set_allow_http(host->curl, 1);
  failed |= invsrc_curl_set_allow_private(host->curl, 1);
  failed |= invsrc_agents_new(host->curl, &host->agents, NULL);
  failed |= invsrc_memory_new(&host->memory);
  failed |= invsrc_keyring_new(&host->keyring);
  failed |= invsrc_keyring_add(host->keyring, key, sizeof key);
  failed |= invsrc_options_set_registry(options, &registry, NULL);
  failed |= invsrc_options_set_oauth(options, &oauth, NULL);
  failed |= invsrc_options_set_sealer(options, invsrc_keyring_sealer(), host->keyring);
  failed |= invsrc_options_set_store(options, invsrc_memory_store(), host->memory);
  failed |= invsrc_options_set_prober(options, invsrc_agents_prober(), host->agents);
  failed |= invsrc_options_set_allow_http(options, 1);
  failed |= invsrc_options_set_allow_private(options, 1);
  failed |= invsrc_service_new(options, &host->service, NULL);
  invsrc_options_free(options);
  assert_int_equal(failed, 0);
  create(host, "bearer", "API_KEY", "{\"type\":\"bearer\",\"token\":\"secret\"}");
  create(host, "jwt", "JWT", jwt.bytes);
  create(host, "oauth", "OAUTH", NULL);
  consent(host);
}

static void close_host(struct host *host) {
  invsrc_service_free(host->service);
  invsrc_keyring_free(host->keyring);
  invsrc_memory_free(host->memory);
  invsrc_agents_free(host->agents);
  invsrc_curl_free(host->curl);
}

static int32_t visit(void *context, const invsrc_check *check) {
  struct host *host = context;
  int32_t outcome = check->outcome;

  /* libcurl may say that the peer has gone. An authorization server may be away for a while. */
  if (outcome == INVSRC_OUTCOME_FAILED && strstr(check->reason, "the authorization server: "))
    outcome = INVSRC_OUTCOME_UNREACHABLE;
  if (host->count < SOURCES) host->outcomes[host->count] = outcome;
  if (getenv("FAULT_VERBOSE")) fprintf(stderr, "# %d %s\n", (int)check->outcome, check->reason);
  host->count++;
  return 0;
}

/* ---- Faults -------------------------------------------------------------------------------- */

#define PATIENCE_MS 2000

/* A run, and what must come of it. */
static int32_t run_once(void) {
  struct host host;
  int32_t result;

  open_host(&host);
  heap_open();
  result = invsrc_activate_due(host.service, 0, SOURCES, visit, &host, NULL);
  heap_close();
  if (!heap.failures) {
    assert_int_equal(result, INVSRC_OK);
    assert_int_equal(host.count, SOURCES);
  }
  for (int i = 0; i < host.count && i < SOURCES; i++) {
    int32_t outcome = host.outcomes[i];
    if (outcome != INVSRC_OUTCOME_PROVEN &&
        (!heap.failures || outcome == INVSRC_OUTCOME_REFUSED ||
         outcome == INVSRC_OUTCOME_CONFLICT || outcome == INVSRC_OUTCOME_FAILED))
      fail_msg("allocation %lu, mode %d: outcome %d", heap.at, (int)heap.mode, (int)outcome);
  }
  close_host(&host);
  return result;
}

static void try_with_fault(trial *run, unsigned long at, enum heap_mode mode) {
  static const struct timespec moment = {0, 1000000};
  long left = 1;

  for (int i = 0; i < TRIES && left > 0; i++) {
    long blocks = heap.live, files = open_files();
    heap_plan(at, mode);
    run();
    left = heap.live - blocks;
    /* libcurl may leave a thread of its own to its end. */
    for (int wait = 0; wait < PATIENCE_MS && open_files() != files; wait++)
      nanosleep(&moment, NULL);
    if (open_files() != files) fail_msg("allocation %lu: a file stays open", at);
  }
  if (left > 0) fail_msg("allocation %lu: %ld blocks are left over", at, left);
}

static void a_run_without_memory_comes_to_its_end(void **state) {
  (void)state;
  write_jwt();
  inject(run_once);
  ivs_buffer_end(&jwt);
  printf("# note: %lu allocations failed\n", injected);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_run_without_memory_comes_to_its_end),
  };

  return cmocka_run_group_tests(tests, start_agents, stop_agents);
}
