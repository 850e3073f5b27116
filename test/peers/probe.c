/*
 * Creates sources and has their agents probed, each in earnest and all at a time, and
 * prints what became of them: a line of JSON for each check, and one for all of it.
 *
 *     probe [option...] < bodies of POST /inventory-sources, one on a line
 *
 *     --name NAME=ADDRESS[,ADDRESS...]   what the resolver says; "hang" never answers
 *     --http --private --ca FILE --proxy URL
 *     --parallel N --limit SECONDS --tool NAME --header NAME --assertion SECONDS
 *     --rounds N   check again, an hour later each time, also those that are ACTIVE
 *     --oauth URI  ask for consents, with this redirect URI; then what is not created is no
 *                  end: each answer is printed as a line of JSON, before the checks
 *
 * It is in a network without an outside: see network.h.
 */
#include <dirent.h>
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/json.h"
#include "peers/network.h"

#define STOREFRONT "acme"
#define ROUND_MS INT64_C(3600000)
#define RECHECK_SECONDS 1800
#define MOST_CHECKS 100000

static void die(const char *why) {
  fprintf(stderr, "probe: %s\n", why);
  exit(2);
}

static void must(int32_t result, const char *what) {
  if (result != INVSRC_OK) die(what);
}

/* ---- What was asked for ---------------------------------------------------- */

static struct {
  int http, private;
  const char *ca, *proxy, *tool, *header, *oauth;
  uint32_t parallel, limit, assertion, rounds;
} options = {.parallel = INVSRC_PARALLEL_DEFAULT, .limit = 60, .assertion = 300, .rounds = 1};

static const struct {
  const char *name;
  const char **text;
  uint32_t *number;
} with_value[] = {
    {"--ca", &options.ca, NULL},         {"--proxy", &options.proxy, NULL},
    {"--tool", &options.tool, NULL},     {"--header", &options.header, NULL},
    {"--oauth", &options.oauth, NULL},   {"--parallel", NULL, &options.parallel},
    {"--limit", NULL, &options.limit},   {"--assertion", NULL, &options.assertion},
    {"--rounds", NULL, &options.rounds},
};

/* Takes one option; returns how many arguments it was. */
static int take_option(char **argument) {
  if (strcmp(argument[0], "--http") == 0) return options.http = 1;
  if (strcmp(argument[0], "--private") == 0) return options.private = 1;
  if (!argument[1]) die("an option without its value");
  if (strcmp(argument[0], "--name") == 0 && name_count < MOST_NAMES) {
    names[name_count++] = argument[1];
    return 2;
  }
  for (size_t i = 0; i < sizeof with_value / sizeof *with_value; i++) {
    if (strcmp(argument[0], with_value[i].name) != 0) continue;
    if (with_value[i].text)
      *with_value[i].text = argument[1];
    else
      *with_value[i].number = (uint32_t)strtoul(argument[1], NULL, 10);
    return 2;
  }
  die("an option that is not known, or too many names");
  return 0;
}

/* ---- A host ---------------------------------------------------------------- */

static int64_t later; /* milliseconds that the service's clock is ahead */
static ivs_buffer heard = IVS_BUFFER_EMPTY;

static int32_t now(void *context, int64_t *milliseconds) {
  struct timespec time;

  (void)context;
  clock_gettime(CLOCK_REALTIME, &time);
  *milliseconds = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000 + later;
  return INVSRC_OUTCOME_OK;
}

static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  (void)context, (void)level;
  ivs_buffer_append(&heard, message, (size_t)length);
  ivs_buffer_append_text(&heard, "\n");
}

static int32_t know(void *context, const char *endpoint_url, uint64_t length) {
  (void)context, (void)endpoint_url, (void)length;
  return INVSRC_OUTCOME_OK;
}

static invsrc_curl *curl;
static invsrc_agents *agents;
static invsrc_memory *memory;
static invsrc_keyring *keyring;
static invsrc_consents *consents;

static void open_consents(void) {
  must(invsrc_consents_new(options.oauth, invsrc_curl_transport(), curl, &consents, NULL),
       "--oauth");
  must(invsrc_consents_set_allow_http(consents, options.http), "--http");
  must(invsrc_consents_set_clients(consents, invsrc_memory_clients(), memory,
                                   invsrc_keyring_sealer(), keyring),
       "no clients");
}

static void open_providers(void) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {1};

  must(invsrc_curl_new(&curl, NULL), "no transport");
  must(invsrc_curl_set_allow_http(curl, options.http), "--http");
  must(invsrc_curl_set_allow_private(curl, options.private), "--private");
  must(invsrc_curl_set_ca_file(curl, options.ca), "--ca");
  must(invsrc_curl_set_proxy(curl, options.proxy), "--proxy");
  must(invsrc_agents_new(curl, &agents, NULL), "no prober");
  must(invsrc_agents_set_parallel(agents, options.parallel), "--parallel");
  must(invsrc_agents_set_time_limit(agents, options.limit), "--limit");
  must(invsrc_agents_set_api_key_header(agents, options.header), "--header");
  must(invsrc_agents_set_assertion_lifetime(agents, options.assertion), "--assertion");
  must(invsrc_memory_new(&memory), "no store");
  must(invsrc_keyring_new(&keyring), "no keys");
  must(invsrc_keyring_add(keyring, key, sizeof key), "no key");
  open_consents();
}

static void close_providers(void) {
  invsrc_consents_free(consents);
  invsrc_keyring_free(keyring);
  invsrc_memory_free(memory);
  invsrc_agents_free(agents);
  invsrc_curl_free(curl);
}

static invsrc_service *new_service(void) {
  static const invsrc_registry_vtable registry = {sizeof registry, 0, know};
  static const invsrc_world_vtable world = {sizeof world, 0, now, NULL, hear};
  invsrc_options *given = invsrc_options_new();
  invsrc_service *service;

  must(invsrc_options_set_registry(given, &registry, NULL), "no registry");
  must(invsrc_options_set_world(given, &world, NULL), "no world");
  must(invsrc_options_set_sealer(given, invsrc_keyring_sealer(), keyring), "no sealer");
  must(invsrc_options_set_store(given, invsrc_memory_store(), memory), "no store");
  must(invsrc_options_set_prober(given, invsrc_agents_prober(), agents), "no prober");
  must(invsrc_options_set_probe_tool(given, options.tool), "--tool");
  must(invsrc_options_set_allow_http(given, options.http), "--http");
  must(invsrc_options_set_allow_private(given, options.private), "--private");
  must(invsrc_options_set_oauth(given, invsrc_consents_oauth(), consents), "no OAuth");
  must(invsrc_options_set_recheck(given, RECHECK_SECONDS), "no recheck");
  must(invsrc_service_new(given, &service, NULL), "no service");
  invsrc_options_free(given);
  return service;
}

static void create(invsrc_service *service, const char *body, size_t length) {
  invsrc_response *response;

  must(invsrc_create(service, STOREFRONT, strlen(STOREFRONT), body, length, &response, NULL),
       "no create");
  if (options.oauth)
    printf("{\"created\":%d,\"answer\":%s}\n", (int)invsrc_response_status(response),
           invsrc_response_body(response, NULL));
  else if (invsrc_response_status(response) != 201)
    die(invsrc_response_body(response, NULL));
  invsrc_response_free(response);
}

static void create_all(invsrc_service *service) {
  char *line = NULL;
  size_t size = 0;
  ssize_t length;

  while ((length = getline(&line, &size, stdin)) > 0) create(service, line, (size_t)length);
  free(line);
}

/* ---- What became of them ----------------------------------------------------- */

static const char *outcome_name(int32_t outcome) {
  static const char *const outcome_names[] = {
      [INVSRC_OUTCOME_OK] = "ok",
      [INVSRC_OUTCOME_UNAVAILABLE] = "unavailable",
      [INVSRC_OUTCOME_FAILED] = "failed",
      [INVSRC_OUTCOME_REFUSED] = "refused",
      [INVSRC_OUTCOME_CONFLICT] = "conflict",
      [INVSRC_OUTCOME_PROVEN] = "proven",
      [INVSRC_OUTCOME_UNREACHABLE] = "unreachable",
  };
  const char *name =
      outcome > 0 && outcome <= INVSRC_OUTCOME_UNREACHABLE ? outcome_names[outcome] : NULL;

  return name ? name : "illegal";
}

static int open_files(void) {
  DIR *folder = opendir("/proc/self/fd");
  int count = 0;

  while (folder && readdir(folder)) count++;
  if (folder) closedir(folder);
  return count - 3; /* itself, "." and ".." */
}

static double start;
static uint32_t round_number;

static void print_text(const char *name, const char *text) {
  ivs_buffer quoted = IVS_BUFFER_EMPTY;

  ivs_json_write_string(&quoted, text, strlen(text));
  printf("\"%s\":%s,", name, quoted.bytes);
  ivs_buffer_end(&quoted);
}

static int32_t visit(void *context, const invsrc_check *check) {
  (void)context;
  printf("{");
  print_text("sourceId", invsrc_source_text(check->source, INVSRC_SOURCE_SOURCE_ID, NULL));
  print_text("status", invsrc_source_text(check->source, INVSRC_SOURCE_STATUS, NULL));
  print_text("reason", check->reason);
  printf("\"outcome\":\"%s\",\"round\":%u,\"seconds\":%.3f,\"files\":%d}\n",
         outcome_name(check->outcome), (unsigned)round_number, seconds() - start, open_files());
  return 0;
}

int main(int count, char **arguments) {
  invsrc_service *service;
  int32_t result = INVSRC_OK;
  int64_t time;
  int at = 1;

  while (at < count) at += take_option(arguments + at);
  open_providers();
  service = new_service();
  create_all(service);
  for (; result == INVSRC_OK && round_number < options.rounds; round_number++) {
    start = seconds();
    now(NULL, &time);
    result = invsrc_activate_due(service, time, MOST_CHECKS, visit, NULL, NULL);
    later += ROUND_MS;
  }
  printf("{");
  print_text("log", heard.bytes ? heard.bytes : "");
  printf("\"result\":%d,\"strays\":%d,\"seconds\":%.3f,\"kilobytes\":%ld}\n", (int)result,
         atomic_load(&strays), seconds() - start, most_kilobytes());
  invsrc_service_free(service);
  close_providers();
  ivs_buffer_end(&heard);
  return 0;
}
