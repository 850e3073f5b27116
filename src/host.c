/*
 * See host.h.
 */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input.h"

const option store_option = {
    "store", "sqlite:PATH|memory:", "where sources and API keys are kept (required)"};
const option database_option = {"store", "sqlite:PATH",
                                "where sources and API keys are kept (required)"};
const option master_key_file_option = {"master-key-file", "FILE",
                                       "master keys, the current one first (required)"};
const option registry_option = {"registry", "URL|file:PATH",
                                "the AAO registry, or a file of it (required)"};
const option registry_key_file_option = {"registry-key-file", "FILE",
                                         "an organisation's key for the registry"};
const option ca_file_option = {"ca-file", "FILE", "CA certificates in place of the system's"};
const option proxy_option = {"proxy", "URL", "a proxy to the registry"};
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

#define LONGEST_STOREFRONT 255
#define MOST_CERTIFICATES (16 << 20) /* bytes */

int host_complain(const host *self, const char *what) {
  const char *reason = invsrc_error_message(self->error);

  return complain(EXIT_FAILED, "%s: %s", what, *reason ? reason : "memory ran out");
}

static int needed(const arguments *given, const option *wanted, const char **value) {
  *value = value_of(given, wanted);
  if (*value && **value) return EXIT_DONE;
  return complain(EXIT_USAGE, "%s needs --%s %s", given->command->name, wanted->name,
                  wanted->value);
}

/* The error object, which everything else reports into. */
static int begin(host *self) {
  if (!self->error) self->error = invsrc_error_new();
  return self->error ? EXIT_DONE : complain(EXIT_FAILED, "memory ran out");
}

static int takes(const arguments *given, const option *wanted) {
  size_t i = 0;

  while (given->command->options[i] && given->command->options[i] != wanted) i++;
  return given->command->options[i] != NULL;
}

static int is_prefixed(const char *text, const char *prefix) {
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

static int open_database(host *self, const char *path, wanted_store wanted) {
  if (wanted == OLD_STORE && access(path, F_OK) != 0)
    return complain_of(EXIT_FAILED, errno, "cannot open store sqlite:%s", path);
  if (invsrc_sqlite_open(path, &self->db, self->error) == INVSRC_OK) return EXIT_DONE;
  return complain(EXIT_FAILED, "cannot open store sqlite:%s: %s", path,
                  invsrc_error_message(self->error));
}

int host_open_store(host *self, const arguments *given, wanted_store wanted) {
  static const char sqlite[] = "sqlite:";
  const char *store;
  int status = begin(self);

  if (status == EXIT_DONE)
    status =
        needed(given, takes(given, &database_option) ? &database_option : &store_option, &store);
  if (status != EXIT_DONE) return status;
  if (is_prefixed(store, sqlite) && store[sizeof sqlite - 1])
    return open_database(self, store + sizeof sqlite - 1, wanted);
  if (strcmp(store, "memory:") != 0)
    return complain(EXIT_USAGE, "--store must be sqlite:PATH or memory:");
  if (wanted != ANY_STORE)
    return complain(EXIT_USAGE, "%s needs --store sqlite:PATH", given->command->name);
  if (invsrc_memory_new(&self->memory) != INVSRC_OK) return complain(EXIT_FAILED, "memory ran out");
  return EXIT_DONE;
}

int host_open_keyring(host *self, const arguments *given) {
  const char *path;
  int status = begin(self);

  if (status == EXIT_DONE) status = needed(given, &master_key_file_option, &path);
  if (status != EXIT_DONE) return status;
  if (invsrc_keyring_load(path, &self->keyring, self->error) == INVSRC_OK) return EXIT_DONE;
  return host_complain(self, "cannot load master keys");
}

/* ---- The registry --------------------------------------------------------------- */

static int set_registry_key(host *self, const arguments *given) {
  const char *path = value_of(given, &registry_key_file_option);
  input key;
  int status;

  if (!path) return EXIT_DONE;
  status = input_read(&key, path, 4096);
  if (status != EXIT_DONE) return status;
  key.bytes[strcspn(key.bytes, "\r\n")] = '\0';
  if (invsrc_aao_set_api_key(self->aao, key.bytes) != INVSRC_OK)
    status = complain(EXIT_FAILED, "%s: is not a key for the registry", path);
  input_end(&key);
  return status;
}

/* libcurl looks at the file when it is first needed, which is too late to complain. */
static int check_ca_file(const char *path) {
  input certificates;
  int status;

  if (!path) return EXIT_DONE;
  status = input_read(&certificates, path, MOST_CERTIFICATES);
  if (status != EXIT_DONE) return status;
  if (!strstr(certificates.bytes, "CERTIFICATE-----"))
    status = complain(EXIT_FAILED, "%s: has no certificate", path);
  input_end(&certificates);
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
  int status = check_ca_file(value_of(given, &ca_file_option));

  if (status != EXIT_DONE) return status;
  if (invsrc_curl_new(&self->curl, self->error) != INVSRC_OK)
    return host_complain(self, "cannot start libcurl");
  if (invsrc_curl_set_allow_http(self->curl, value_of(given, &allow_http_option) != NULL) ||
      invsrc_curl_set_allow_private(self->curl, value_of(given, &allow_private_option) != NULL) ||
      invsrc_curl_set_ca_file(self->curl, value_of(given, &ca_file_option)))
    return complain(EXIT_FAILED, "memory ran out");
  if (invsrc_curl_set_proxy(self->curl, value_of(given, &proxy_option)) != INVSRC_OK)
    return complain(EXIT_USAGE, "--proxy must be an http, https or socks5h URL");
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
  int status = needed(given, &registry_option, &registry);

  if (status != EXIT_DONE) return status;
  if (!is_prefixed(registry, file) || !registry[sizeof file - 1])
    return open_aao(self, given, registry);
  if (invsrc_registry_file_new(registry + sizeof file - 1, &self->file, self->error) != INVSRC_OK)
    return complain(EXIT_FAILED, "cannot read registry %s: %s", registry,
                    invsrc_error_message(self->error));
  invsrc_options_set_registry(self->options, invsrc_registry_file_registry(), self->file);
  return EXIT_DONE;
}

/* ---- The whole --------------------------------------------------------------------- */

int host_set_switches(host *self, const arguments *given) {
  const char *max_body = value_of(given, &max_body_option);
  char *end = NULL;
  int status = begin(self);

  if (status != EXIT_DONE) return status;
  if (!self->options) self->options = invsrc_options_new();
  if (!self->options) return complain(EXIT_FAILED, "memory ran out");
  invsrc_options_set_envelope(self->options, value_of(given, &envelope_option) != NULL);
  invsrc_options_set_allow_http(self->options, value_of(given, &allow_http_option) != NULL);
  invsrc_options_set_allow_private(self->options, value_of(given, &allow_private_option) != NULL);
  self->max_body = INVSRC_MAX_BODY_DEFAULT;
  if (!max_body) return EXIT_DONE;
  errno = 0;
  self->max_body = strtoull(max_body, &end, 10);
  if (errno || *max_body < '0' || *max_body > '9' || *end ||
      invsrc_options_set_max_body(self->options, self->max_body) != INVSRC_OK)
    return complain(EXIT_USAGE, "--max-body must be 1 to %d", INVSRC_MAX_BODY_LIMIT);
  return EXIT_DONE;
}

static void set_store(host *self) {
  if (self->db) {
    invsrc_options_set_store(self->options, invsrc_sqlite_store(), self->db);
    invsrc_options_set_authenticator(self->options, invsrc_sqlite_authenticator(), self->db);
  } else {
    invsrc_options_set_store(self->options, invsrc_memory_store(), self->memory);
    invsrc_options_set_authenticator(self->options, invsrc_memory_authenticator(), self->memory);
  }
}

int host_open(host *self, const arguments *given, const invsrc_world_vtable *world, void *context) {
  int status = host_set_switches(self, given);

  if (status == EXIT_DONE) status = host_open_keyring(self, given);
  if (status == EXIT_DONE) status = open_registry(self, given);
  if (status == EXIT_DONE) status = host_open_store(self, given, ANY_STORE);
  if (status != EXIT_DONE) return status;
  set_store(self);
  invsrc_options_set_sealer(self->options, invsrc_keyring_sealer(), self->keyring);
  invsrc_options_set_world(self->options, world, context);
  if (self->aao) invsrc_aao_set_world(self->aao, world, context);
  if (self->file) invsrc_registry_file_set_world(self->file, world, context);
  if (invsrc_service_new(self->options, &self->service, self->error) != INVSRC_OK)
    return host_complain(self, "cannot make the service");
  return EXIT_DONE;
}

void host_close(host *self) {
  invsrc_service_free(self->service);
  invsrc_options_free(self->options);
  invsrc_registry_file_free(self->file);
  invsrc_aao_free(self->aao);
  invsrc_curl_free(self->curl);
  invsrc_keyring_free(self->keyring);
  invsrc_memory_free(self->memory);
  invsrc_sqlite_free(self->db);
  invsrc_error_free(self->error);
}
