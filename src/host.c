/*
 * See host.h.
 */
#include "host.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "curl_memory.h"
#include "input.h"
#include "log.h"

const option master_key_file_option = {"master-key-file", "FILE",
                                       "master keys, the current one first (required)"};
const option optional_key_file_option = {"master-key-file", "FILE",
                                         "master keys, to revoke OAuth tokens with"};
const option registry_option = {"registry", "URL|file:PATH",
                                "the AAO registry, or a file of it (required)"};
const option registry_key_file_option = {"registry-key-file", "FILE",
                                         "an organisation's key for the registry"};
const option ca_file_option = {"ca-file", "FILE",
                               "CA certificates in place of the system's, for the webhook too"};
const option proxy_option = {"proxy", "URL",
                             "a proxy to the registry and agents, not to the webhook"};
const option envelope_option = {"envelope", NULL,
                                "wrap successes in {\"data\": …, \"error\": null}"};
const option allow_http_option = {"allow-http", NULL, "accept http URLs, for tests"};
const option allow_private_option = {"allow-private", NULL,
                                     "accept private and loopback addresses, for tests"};
const option max_body_option = {"max-body", "BYTES", "the largest request body (65536)"};
const option storefront_option = {"storefront", "ID", "whose source or key it is (required)"};
const option only_storefront_option = {"storefront", "ID", "whose keys are shown"};
const option name_option = {"name", "NAME", "a name for people"};
const option json_option = {"json", NULL, "print JSON"};
const option log_level_option = {"log-level", "LEVEL", "debug, info (default), warning or error"};
const option parallel_option = {"parallel", "N", "how many agents are asked at a time (256)"};
const option lease_option = {"lease", "SECONDS", "how long a claim lasts (120)"};
const option recheck_option = {"recheck", "SECONDS",
                               "how often ACTIVE sources are checked again (0: never)"};
const option probe_tool_option = {"probe-tool", "NAME", "a tool that only reads, to call with MCP"};
const option api_key_header_option = {"api-key-header", "NAME",
                                      "a field that carries API keys too"};
const option webhook_option = {"webhook", "URL", "where events are posted"};
const option webhook_secret_file_option = {"webhook-secret-file", "FILE",
                                           "what signs them: whsec_ and base64"};

const option public_url_option = {"public-url", "URL",
                                  "where browsers reach this server, for OAuth agents"};
const option oauth_done_url_option = {"oauth-done-url", "URL",
                                      "a page of your own for when a consent is over"};
const option oauth_clients_file_option = {"oauth-clients-file", "FILE",
                                          "clients that were registered by hand"};
const option oauth_client_name_option = {"oauth-client-name", "NAME",
                                         "what operators read when they consent"};

#define PROBE_SECONDS 60 /* that an agent may take as a whole */
#define OTHER_FILES 600  /* connections of callers, databases … */

#define LONGEST_STOREFRONT 255
#define MOST_CERTIFICATES (16 << 20) /* bytes */

int host_complain(const host *self, const char *what) {
  const char *reason = invsrc_error_message(self->error);

  return complain(EXIT_FAILED, "%s: %s", what, *reason ? reason : "memory ran out");
}

int host_print(const invsrc_response *response) {
  int32_t status = invsrc_response_status(response);

  puts(invsrc_response_body(response, NULL));
  return status < 400 ? EXIT_DONE : status < 500 ? EXIT_REFUSED : EXIT_FAILED;
}

int host_needs(const arguments *given, const option *wanted, const char **value) {
  *value = value_of(given, wanted);
  if (*value && **value) return EXIT_DONE;
  return complain(EXIT_USAGE, "%s needs --%s %s", given->command->name, wanted->name,
                  wanted->value);
}

int host_begin(host *self) {
  if (!self->error) self->error = invsrc_error_new();
  return self->error ? EXIT_DONE : complain(EXIT_FAILED, "memory ran out");
}

int host_takes(const arguments *given, const option *wanted) {
  size_t i = 0;

  while (given->command->options[i] && given->command->options[i] != wanted) i++;
  return given->command->options[i] != NULL;
}

int host_is_prefixed(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

int host_is_storefront(const char *id) {
  char slug[INVSRC_SLUG_SIZE];
  size_t length = strlen(id);

  for (size_t i = 0; i < length; i++) { /* no control characters, U+0080 to U+009F too */
    unsigned char c = (unsigned char)id[i], next = (unsigned char)id[i + 1];
    if (c < ' ' || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0)) return 0;
  }
  return length >= 1 && length <= LONGEST_STOREFRONT && /* and UTF-8 */
         invsrc_slugify(id, length, slug, sizeof slug, NULL) != INVSRC_EMALFORMED;
}

int host_open_keyring(host *self, const arguments *given) {
  const char *path;
  int status = host_begin(self);

  if (status == EXIT_DONE)
    status = host_needs(given,
                        host_takes(given, &optional_key_file_option) ? &optional_key_file_option
                                                                     : &master_key_file_option,
                        &path);
  if (status != EXIT_DONE) return status;
  if (invsrc_keyring_load(path, &self->keyring, self->error) == INVSRC_OK) return EXIT_DONE;
  return host_complain(self, "cannot load master keys");
}

/* A ring without keys opens nothing and seals nothing, but what others sealed it can be
 * asked to forget: with local keys there is nothing to do. */
static int open_no_keyring(host *self) {
  if (invsrc_keyring_new(&self->keyring) == INVSRC_OK) return EXIT_DONE;
  return complain(EXIT_FAILED, "memory ran out");
}

/* ---- Numbers and texts ----------------------------------------------------------- */

int host_number(const arguments *given, const option *wanted, uint64_t least, uint64_t most,
                uint64_t *number) {
  const char *text = value_of(given, wanted);
  unsigned long long value;
  char *end = NULL;

  if (!text) return EXIT_DONE;
  errno = 0;
  value = strtoull(text, &end, 10);
  if (errno || *text < '0' || *text > '9' || *end || value < least || value > most)
    return complain(EXIT_USAGE, "--%s must be %llu to %llu", wanted->name,
                    (unsigned long long)least, (unsigned long long)most);
  *number = value;
  return EXIT_DONE;
}

int host_storefront(const arguments *given, const char **storefront) {
  *storefront = value_of(given, &storefront_option);
  if (*storefront && host_is_storefront(*storefront)) return EXIT_DONE;
  return complain(EXIT_USAGE,
                  "%s needs --storefront ID, of 1 to %d bytes of UTF-8 without control characters",
                  given->command->name, LONGEST_STOREFRONT);
}

/* The first line of a file, which may be a secret. */
static int read_line(input *line, const char *path) {
  int status = input_read(line, path, 4096);

  if (status == EXIT_DONE) line->bytes[strcspn(line->bytes, "\r\n")] = '\0';
  return status;
}

/* ---- The network ------------------------------------------------------------------ */

/* libcurl looks at the file when it is first needed, which is too late to complain. */
static int check_ca_file(const char *path) {
  input certificates;
  int status;

  if (!path) return EXIT_DONE;
  if (!*path) return complain(EXIT_USAGE, "--ca-file must not be empty");
  status = input_read(&certificates, path, MOST_CERTIFICATES);
  if (status != EXIT_DONE) return status;
  if (!strstr(certificates.bytes, "CERTIFICATE-----"))
    status = complain(EXIT_FAILED, "%s: has no certificate", path);
  input_end(&certificates);
  return status;
}

static int start_curl(host *self, const arguments *given, invsrc_curl **curl) {
  int status = check_ca_file(value_of(given, &ca_file_option));

  if (status != EXIT_DONE) return status;
  /* A peer that hangs up is no reason to end; libcurl leaves it to us. */
  signal(SIGPIPE, SIG_IGN);
  curl_memory_wipe();
  if (invsrc_curl_new(curl, self->error) != INVSRC_OK)
    return host_complain(self, "cannot start libcurl");
  if (invsrc_curl_set_ca_file(*curl, value_of(given, &ca_file_option)) == INVSRC_OK)
    return EXIT_DONE;
  return complain(EXIT_FAILED, "memory ran out");
}

/* The transport to what others name, which is guarded. */
static int open_curl(host *self, const arguments *given) {
  int status = self->curl ? EXIT_DONE : start_curl(self, given, &self->curl);

  if (status != EXIT_DONE) return status;
  invsrc_curl_set_allow_http(self->curl, value_of(given, &allow_http_option) != NULL);
  invsrc_curl_set_allow_private(self->curl, value_of(given, &allow_private_option) != NULL);
  if (invsrc_curl_set_proxy(self->curl, value_of(given, &proxy_option)) == INVSRC_OK)
    return EXIT_DONE;
  return complain(EXIT_USAGE, "--proxy must be an http, https or socks5h URL");
}

/* ---- The registry --------------------------------------------------------------- */

static int set_registry_key(host *self, const arguments *given) {
  const char *path = value_of(given, &registry_key_file_option);
  input key;
  int status;

  if (!path) return EXIT_DONE;
  status = read_line(&key, path);
  if (status != EXIT_DONE) return status;
  if (invsrc_aao_set_api_key(self->aao, key.bytes) != INVSRC_OK)
    status = complain(EXIT_FAILED, "%s: is not a key for the registry", path);
  input_end(&key);
  return status;
}

/* The transport holds the registry to the rules of endpoints, so that they tell
 * beforehand whether every look-up would fail. */
static int check_registry_url(const host *self, const char *url) {
  static const char form[] =
      "{\"name\":\"r\",\"type\":\"SALES\",\"protocol\":\"MCP\","
      "\"authenticationType\":\"NO_AUTH\",\"endpointUrl\":\"%s\"}";
  size_t size = sizeof form + strlen(url);
  char *body = malloc(size);
  invsrc_response *response = NULL;
  int32_t status = 0;

  if (!body) return complain(EXIT_FAILED, "memory ran out");
  snprintf(body, size, form, url); /* it is a URL, in which nothing is to be escaped */
  if (invsrc_validate_create(self->options, body, strlen(body), &response) == INVSRC_OK)
    status = invsrc_response_status(response);
  invsrc_response_free(response);
  free(body);
  if (status != 400) return EXIT_DONE;
  return complain(EXIT_USAGE,
                  "--registry %s: http needs --allow-http, a private address needs "
                  "--allow-private",
                  url);
}

static int open_aao(host *self, const arguments *given, const char *url) {
  int status = open_curl(self, given);

  if (status != EXIT_DONE) return status;
  if (invsrc_aao_new(url, invsrc_curl_transport(), self->curl, &self->aao, self->error) !=
      INVSRC_OK)
    return complain(EXIT_USAGE, "--registry must be an http or https URL or file:PATH: %s",
                    invsrc_error_message(self->error));
  invsrc_options_set_registry(self->options, invsrc_aao_registry(), self->aao);
  status = check_registry_url(self, url);
  return status == EXIT_DONE ? set_registry_key(self, given) : status;
}

static int open_registry(host *self, const arguments *given) {
  static const char file[] = "file:";
  const char *registry;
  int status = host_needs(given, &registry_option, &registry);

  if (status != EXIT_DONE) return status;
  if (!host_is_prefixed(registry, file) || !registry[sizeof file - 1])
    return open_aao(self, given, registry);
  self->registry_path = registry + sizeof file - 1;
  if (invsrc_registry_file_new(self->registry_path, &self->file, self->error) != INVSRC_OK)
    return complain(EXIT_FAILED, "cannot read registry %s: %s", registry,
                    invsrc_error_message(self->error));
  invsrc_options_set_registry(self->options, invsrc_registry_file_registry(), self->file);
  return EXIT_DONE;
}

/* ---- Agents --------------------------------------------------------------------- */

/* Two connections to each agent, and what else is open. */
static int raise_file_limit(host *self, uint64_t parallel) {
  rlim_t wanted = (rlim_t)(2 * parallel + OTHER_FILES);
  struct rlimit limit;

  self->files = wanted;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return EXIT_DONE;
  if (limit.rlim_max < wanted)
    return complain(EXIT_FAILED,
                    "--parallel %llu takes %llu open files, but their hard limit is %llu: raise "
                    "it, or give a smaller --parallel",
                    (unsigned long long)parallel, (unsigned long long)wanted,
                    (unsigned long long)limit.rlim_max);
  limit.rlim_cur = wanted;
  setrlimit(RLIMIT_NOFILE, &limit);
  return EXIT_DONE;
}

/* Each command that makes a source ACTIVE dates its next check, not only one that checks. */
static int set_recheck(host *self, const arguments *given) {
  uint64_t recheck = 0;
  int status = host_number(given, &recheck_option, 0, INVSRC_RECHECK_LIMIT, &recheck);

  if (status == EXIT_DONE) invsrc_options_set_recheck(self->options, (uint32_t)recheck);
  return status;
}

/* A claim must outlive the probe that it is for. */
static int set_lease(host *self, const arguments *given) {
  uint64_t lease = INVSRC_LEASE_DEFAULT;
  int status = host_number(given, &lease_option, 2, INVSRC_LEASE_LIMIT, &lease);

  if (status != EXIT_DONE) return status;
  invsrc_options_set_lease(self->options, (uint32_t)lease);
  invsrc_agents_set_time_limit(self->agents,
                               lease / 2 < PROBE_SECONDS ? (uint32_t)(lease / 2) : PROBE_SECONDS);
  return EXIT_DONE;
}

static int open_agents(host *self, const arguments *given) {
  uint64_t parallel = INVSRC_PARALLEL_DEFAULT;
  int status = host_number(given, &parallel_option, 1, INVSRC_PARALLEL_LIMIT, &parallel);

  if (status == EXIT_DONE) status = open_curl(self, given);
  if (status == EXIT_DONE && host_takes(given, &parallel_option))
    status = raise_file_limit(self, parallel);
  if (status != EXIT_DONE) return status;
  if (invsrc_agents_new(self->curl, &self->agents, self->error) != INVSRC_OK)
    return host_complain(self, "cannot make a prober");
  invsrc_agents_set_parallel(self->agents, (uint32_t)parallel);
  if (invsrc_agents_set_api_key_header(self->agents, value_of(given, &api_key_header_option)) !=
      INVSRC_OK)
    return complain(EXIT_USAGE, "--api-key-header must be the name of a field of your own");
  if (invsrc_options_set_probe_tool(self->options, value_of(given, &probe_tool_option)) !=
      INVSRC_OK)
    return complain(EXIT_USAGE, "--probe-tool must be 1 to 128 of A-Z a-z 0-9 _ - . /");
  invsrc_options_set_prober(self->options, invsrc_agents_prober(), self->agents);
  return set_lease(self, given);
}

/* ---- OAuth ------------------------------------------------------------------------- */

#define LONGEST_URL 2048
#define MOST_CLIENTS 65536 /* bytes */

/* Writes --public-url with a path below it; 0 where that is too long. */
static int below_public_url(const char *public_url, const char *path, char url[LONGEST_URL]) {
  size_t length = strlen(public_url);
  int written;

  while (length && public_url[length - 1] == '/') length--;
  written = snprintf(url, LONGEST_URL, "%.*s%s", (int)length, public_url, path);
  return written > 0 && written < LONGEST_URL;
}

/* One line: "ISSUER CLIENT_ID [SECRET]", with blanks between. */
static int add_client(host *self, char *line, const char *path, unsigned number) {
  static const char blanks[] = " \t\r";
  char *rest = NULL;
  char *issuer = strtok_r(line, blanks, &rest);
  char *client_id = issuer ? strtok_r(NULL, blanks, &rest) : NULL;
  char *secret = client_id ? strtok_r(NULL, blanks, &rest) : NULL;

  if (!issuer || *issuer == '#') return EXIT_DONE;
  if (client_id && !strtok_r(NULL, blanks, &rest) &&
      invsrc_consents_add_client(self->consents, issuer, client_id, secret) == INVSRC_OK)
    return EXIT_DONE;
  return complain(EXIT_FAILED, "%s: line %u is not ISSUER CLIENT_ID [SECRET], or one twice", path,
                  number);
}

/* It has secrets: the rule is that of the file of the master keys. */
static int check_clients_file(const char *path) {
  struct stat found;
  mode_t forbidden = S_IRWXG | S_IRWXO;

  if (stat(path, &found) != 0 || !S_ISREG(found.st_mode)) return EXIT_DONE;
  if (found.st_uid == 0) forbidden = S_IWGRP | S_IXGRP | S_IRWXO;
  if ((found.st_mode & forbidden) == 0) return EXIT_DONE;
  return complain(EXIT_FAILED,
                  "%s is open to others; its mode must be 0600 or less, or 0640 or less where root "
                  "owns it",
                  path);
}

static int add_clients(host *self, const char *path) {
  unsigned number = 1;
  char *rest = NULL;
  input file;
  int status;

  if (!path) return EXIT_DONE;
  status = check_clients_file(path);
  if (status == EXIT_DONE) status = input_read(&file, path, MOST_CLIENTS);
  if (status != EXIT_DONE) return status;
  for (char *at = file.bytes; at && status == EXIT_DONE; number++) {
    rest = strchr(at, '\n');
    if (rest) *rest++ = '\0';
    status = add_client(self, at, path, number);
    at = rest;
  }
  input_end(&file);
  return status;
}

/* A server that can be reached by https shows what it is as a client. */
static void set_client_document(host *self, const char *public_url) {
  char url[LONGEST_URL];

  self->has_client_document =
      public_url && host_is_prefixed(public_url, "https://") &&
      below_public_url(public_url, HOST_CLIENT_DOCUMENT, url) &&
      invsrc_consents_set_client_metadata_url(self->consents, url) == INVSRC_OK;
}

static int set_done_url(host *self, const char *url) {
  if (invsrc_options_set_oauth_done_url(self->options, url) == INVSRC_OK) return EXIT_DONE;
  return complain(EXIT_USAGE, "--oauth-done-url must be an http or https URL without fragment");
}

/* What would do nothing. */
static int check_oauth_options(const arguments *given) {
  static const option *const others[] = {&oauth_done_url_option, &oauth_clients_file_option,
                                         &oauth_client_name_option};

  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (value_of(given, others[i]) && !value_of(given, &public_url_option))
      return complain(EXIT_USAGE, "--%s needs --public-url", others[i]->name);
  return EXIT_DONE;
}

static int open_consents(host *self, const arguments *given) {
  const char *public_url = value_of(given, &public_url_option);
  char callback[LONGEST_URL];
  int status = check_oauth_options(given);

  if (status == EXIT_DONE) status = open_curl(self, given);

  if (status == EXIT_DONE) status = set_done_url(self, value_of(given, &oauth_done_url_option));
  if (status != EXIT_DONE) return status;
  if (public_url &&
      (strpbrk(public_url, "?#") || !below_public_url(public_url, HOST_CALLBACK, callback)))
    return complain(EXIT_USAGE, "--public-url must have no query and no fragment");
  if (invsrc_consents_new(public_url ? callback : NULL, invsrc_curl_transport(), self->curl,
                          &self->consents, self->error) != INVSRC_OK)
    return complain(EXIT_USAGE, "--public-url: %s", invsrc_error_message(self->error));
  if (invsrc_consents_set_client_name(self->consents, value_of(given, &oauth_client_name_option)) !=
      INVSRC_OK)
    return complain(EXIT_USAGE, "--oauth-client-name must be 1 to 255 bytes of UTF-8");
  invsrc_consents_set_allow_http(self->consents, value_of(given, &allow_http_option) != NULL);
  host_keep_clients(self);
  invsrc_options_set_oauth(self->options, invsrc_consents_oauth(), self->consents);
  set_client_document(self, public_url);
  return add_clients(self, value_of(given, &oauth_clients_file_option));
}

/* ---- Events --------------------------------------------------------------------- */

/* Posted until it is taken; logged when that is, and when it is not for the first time. */
static int32_t deliver(void *context, const invsrc_event *event) {
  const host *self = context;
  int32_t outcome = INVSRC_OUTCOME_OK;
  int is_taken;

  if (self->webhook) outcome = invsrc_webhook_events()->deliver(self->webhook, event);
  is_taken = outcome == INVSRC_OUTCOME_OK;
  if (is_taken || invsrc_event_number(event, INVSRC_EVENT_ATTEMPTS) == 0)
    log_write_event(event, is_taken);
  return outcome;
}

static const invsrc_events_vtable events = {sizeof events, 0, deliver};

/* The receiver is the operator's own choice, so that it may be anywhere. */
static int open_webhook(host *self, const arguments *given) {
  const char *url = value_of(given, &webhook_option);
  const char *path = value_of(given, &webhook_secret_file_option);
  input secret;
  int status;

  if (!url != !path) return complain(EXIT_USAGE, "--webhook and --webhook-secret-file go together");
  if (!url) return EXIT_DONE;
  status = start_curl(self, given, &self->webhook_curl);
  if (status == EXIT_DONE) status = read_line(&secret, path);
  if (status != EXIT_DONE) return status;
  invsrc_curl_set_allow_http(self->webhook_curl, 1);
  invsrc_curl_set_allow_private(self->webhook_curl, 1);
  if (invsrc_webhook_new(url, secret.bytes, invsrc_curl_transport(), self->webhook_curl,
                         &self->webhook, self->error) != INVSRC_OK)
    status = complain(EXIT_USAGE, "--webhook: %s", invsrc_error_message(self->error));
  input_end(&secret);
  return status;
}

/* ---- The whole --------------------------------------------------------------------- */

int host_set_switches(host *self, const arguments *given) {
  int status = host_begin(self);

  if (status != EXIT_DONE) return status;
  if (!self->options) self->options = invsrc_options_new();
  if (!self->options) return complain(EXIT_FAILED, "memory ran out");
  invsrc_options_set_envelope(self->options, value_of(given, &envelope_option) != NULL);
  invsrc_options_set_allow_http(self->options, value_of(given, &allow_http_option) != NULL);
  invsrc_options_set_allow_private(self->options, value_of(given, &allow_private_option) != NULL);
  self->max_body = INVSRC_MAX_BODY_DEFAULT;
  status = host_number(given, &max_body_option, 1, INVSRC_MAX_BODY_LIMIT, &self->max_body);
  if (status == EXIT_DONE) invsrc_options_set_max_body(self->options, self->max_body);
  return status;
}

static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  (void)context, (void)length;
  log_write(level, message);
}

/* What the answer to a person does not tell, such as why the registry cannot be reached. */
static void hear_trouble(void *context, int32_t level, const char *message, uint64_t length) {
  (void)context, (void)length;
  if (level >= INVSRC_LOG_WARNING) complain(EXIT_DONE, "%s", message);
}

static void set_world(host *self, const invsrc_world_vtable *world) {
  invsrc_options_set_world(self->options, world, NULL);
  if (self->aao) invsrc_aao_set_world(self->aao, world, NULL);
  if (self->file) invsrc_registry_file_set_world(self->file, world, NULL);
  if (self->agents) invsrc_agents_set_world(self->agents, world, NULL);
  if (self->consents) invsrc_consents_set_world(self->consents, world, NULL);
  if (self->webhook) invsrc_webhook_set_world(self->webhook, world, NULL);
}

int host_open(host *self, const arguments *given, wanted_store wanted, unsigned needs) {
  static const invsrc_world_vtable logging = {sizeof logging, 0, NULL, NULL, hear};
  static const invsrc_world_vtable complaining = {sizeof complaining, 0, NULL, NULL, hear_trouble};
  const char *level = value_of(given, &log_level_option);
  int status = EXIT_DONE;

  if (level && !log_set_level(level))
    return complain(EXIT_USAGE, "--log-level must be debug, info, warning or error");
  status = host_set_switches(self, given);
  if (status == EXIT_DONE)
    status = needs & HOST_KEYRING ? host_open_keyring(self, given) : open_no_keyring(self);
  if (status == EXIT_DONE && needs & HOST_REGISTRY) status = open_registry(self, given);
  if (status == EXIT_DONE && needs & HOST_AGENTS) status = open_agents(self, given);
  if (status == EXIT_DONE) status = set_recheck(self, given);
  if (status == EXIT_DONE) status = open_webhook(self, given);
  if (status == EXIT_DONE) status = host_open_store(self, given, wanted);
  if (status == EXIT_DONE && needs & HOST_OAUTH) status = open_consents(self, given);
  if (status != EXIT_DONE) return status;
  host_set_store(self);
  invsrc_options_set_sealer(self->options, invsrc_keyring_sealer(), self->keyring);
  self->has_events = (needs & HOST_EVENTS) != 0;
  if (self->has_events) invsrc_options_set_events(self->options, &events, self);
  set_world(self, needs & HOST_LOG ? &logging : &complaining);
  if (invsrc_service_new(self->options, &self->service, self->error) != INVSRC_OK)
    return host_complain(self, "cannot make the service");
  return EXIT_DONE;
}

void host_close(host *self) {
  invsrc_service_free(self->service);
  invsrc_options_free(self->options);
  invsrc_webhook_free(self->webhook);
  invsrc_curl_free(self->webhook_curl);
  invsrc_consents_free(self->consents);
  invsrc_agents_free(self->agents);
  invsrc_registry_file_free(self->file);
  invsrc_aao_free(self->aao);
  invsrc_curl_free(self->curl);
  invsrc_keyring_free(self->keyring);
  host_close_store(self);
  invsrc_error_free(self->error);
}
