/*
 * Conformance vectors (README.md) for programs in C: reading them, the world that each
 * is to be run in, its request, and the judgement of an answer.
 */
#ifndef CONFORMANCE_VECTOR_H
#define CONFORMANCE_VECTOR_H

#include <cjson/cJSON.h>
#include <invsrc/providers.h>
#include <invsrc/testkit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

#define STOREFRONT "acme"
#define KEY "key-of-acme"
#define TARGET "/api/v2/storefront/inventory-sources"
#define AGENT "https://agent.example/mcp"

/* ---- Reading vectors --------------------------------------------------------- */

static inline const cJSON *member(const cJSON *object, const char *key) {
  return cJSON_GetObjectItemCaseSensitive(object, key);
}

static inline const cJSON *first_of(const cJSON *list) {
  return list ? list->child : NULL;
}

static inline double number_of(const cJSON *node) {
  return node ? node->valuedouble : 0;
}

static inline const char *text_of(const cJSON *object, const char *key, const char *otherwise) {
  const char *text = cJSON_GetStringValue(member(object, key));

  return text ? text : otherwise;
}

static inline int is_true(const cJSON *object, const char *key) {
  return cJSON_IsTrue(member(object, key));
}

static inline void append_replaced(ivs_buffer *out, const char *text, const char *from,
                                   const ivs_buffer *to) {
  const char *found;

  for (; (found = strstr(text, from)); text = found + strlen(from)) {
    ivs_buffer_append(out, text, (size_t)(found - text));
    ivs_buffer_append(out, to->bytes ? to->bytes : "", to->length);
  }
  ivs_buffer_append_text(out, text);
}

/* Appends text with {{repeat}} filled in from the vector. */
static inline void append_filled(ivs_buffer *out, const char *text, const cJSON *vector) {
  const cJSON *repeat = member(vector, "repeat");
  ivs_buffer filling = IVS_BUFFER_EMPTY;

  for (long i = 0; i < (long)number_of(member(repeat, "times")); i++)
    ivs_buffer_append_text(&filling, text_of(repeat, "of", ""));
  append_replaced(out, text, "{{repeat}}", &filling);
  ivs_buffer_end(&filling);
}

/* A body, of a request or a response: "text", or "json" written compactly. */
static inline void write_body(ivs_buffer *out, const cJSON *message, const cJSON *vector) {
  const cJSON *json = member(message, "json");
  char *printed = json ? cJSON_PrintUnformatted(json) : NULL;

  append_filled(out, printed ? printed : text_of(message, "text", ""), vector);
  cJSON_free(printed);
}

/* ---- Worlds -------------------------------------------------------------------- */

static const struct {
  const char *name;
  int32_t effect;
  int32_t want;
} effects[] = {{"authenticate", INVSRC_EFFECT_AUTHENTICATE, INVSRC_WANT_AUTHENTICATE},
               {"now", INVSRC_EFFECT_NOW, INVSRC_WANT_NOW},
               {"random", INVSRC_EFFECT_RANDOM, INVSRC_WANT_RANDOM},
               {"lookup", INVSRC_EFFECT_LOOKUP, INVSRC_WANT_LOOKUP},
               {"oauthStart", INVSRC_EFFECT_OAUTH_START, INVSRC_WANT_OAUTH_START},
               {"seal", INVSRC_EFFECT_SEAL, INVSRC_WANT_SEAL},
               {"insert", INVSRC_EFFECT_INSERT, INVSRC_WANT_INSERT},
               {"get", INVSRC_EFFECT_GET, INVSRC_WANT_GET}};

static const struct {
  const char *name;
  int32_t outcome;
} outcomes[] = {{"unavailable", INVSRC_OUTCOME_UNAVAILABLE},
                {"failed", INVSRC_OUTCOME_FAILED},
                {"refused", INVSRC_OUTCOME_REFUSED},
                {"duplicate", INVSRC_OUTCOME_DUPLICATE},
                {"noOauth", INVSRC_OUTCOME_NO_OAUTH}};

typedef struct world {
  invsrc_testkit *kit;
  invsrc_memory *memory;
  invsrc_keyring *keyring;
  invsrc_options *options;
  invsrc_service *service;
  const cJSON *oauth; /* what its OAuth provider answers; NULL for none */
  int32_t failing;    /* the want that fails, */
  int32_t outcome;    /* and how */
  long sealed;        /* credentials, */
  long discarded;     /* and those that were not wanted in the end */
} world;

static inline void must(int32_t result, const char *what) {
  if (result == INVSRC_OK) return;
  printf("Bail out! %s: %s\n", what, invsrc_strerror(result));
  exit(1);
}

static inline int32_t count_seal(void *context, const invsrc_binding *binding,
                                 const void *plaintext, uint64_t length, invsrc_buffer *sealed) {
  world *self = context;
  int32_t outcome =
      invsrc_keyring_sealer()->seal(self->keyring, binding, plaintext, length, sealed);

  self->sealed += outcome == INVSRC_OUTCOME_OK;
  return outcome;
}

static inline int32_t unseal(void *context, const invsrc_binding *binding, const void *sealed,
                             uint64_t length, invsrc_buffer *plaintext) {
  return invsrc_keyring_sealer()->open(((world *)context)->keyring, binding, sealed, length,
                                       plaintext);
}

static inline int32_t count_discard(void *context, const invsrc_binding *binding,
                                    const void *sealed, uint64_t length) {
  (void)binding, (void)sealed, (void)length;
  ((world *)context)->discarded++;
  return INVSRC_OUTCOME_OK;
}

static const invsrc_sealer_vtable counting_sealer = {sizeof counting_sealer, 0, count_seal, unseal,
                                                     count_discard};

static inline int32_t start_oauth(void *context, const invsrc_source *source,
                                  invsrc_buffer *authorization_url, invsrc_buffer *private_state) {
  const cJSON *oauth = ((world *)context)->oauth;
  const char *url = text_of(oauth, "authorizationUrl", ""), *state = text_of(oauth, "state", "");

  (void)source;
  if (invsrc_buffer_set(authorization_url, url, strlen(url)) != INVSRC_OK ||
      invsrc_buffer_set(private_state, state, strlen(state)) != INVSRC_OK)
    return INVSRC_OUTCOME_UNAVAILABLE;
  return INVSRC_OUTCOME_OK;
}

static const invsrc_oauth_vtable scripted_oauth = {.size = sizeof scripted_oauth,
                                                   .start = start_oauth};

static inline void set_options(world *self, const cJSON *options) {
  const cJSON *max_body = member(options, "maxBody");

  invsrc_options_set_envelope(self->options, is_true(options, "envelope"));
  invsrc_options_set_allow_http(self->options, is_true(options, "allowHttp"));
  invsrc_options_set_allow_private(self->options, is_true(options, "allowPrivate"));
  if (max_body)
    must(invsrc_options_set_max_body(self->options, (uint64_t)number_of(max_body)), "maxBody");
}

/* What was created before the request. */
static inline void create_before(world *self, const cJSON *bodies) {
  for (const cJSON *at = first_of(bodies); at; at = at->next) {
    char *body = cJSON_PrintUnformatted(at);
    invsrc_response *response = NULL;
    must(invsrc_create(self->service, STOREFRONT, strlen(STOREFRONT), body, strlen(body), &response,
                       NULL),
         "create before");
    if (invsrc_response_status(response) != 201)
      printf("Bail out! before: %s\n", invsrc_response_body(response, NULL));
    invsrc_response_free(response);
    cJSON_free(body);
  }
}

static inline void set_failure(world *self, const cJSON *fail) {
  const char *effect = text_of(fail, "effect", ""), *outcome = text_of(fail, "outcome", "");

  for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
    if (strcmp(outcomes[i].name, outcome) == 0) self->outcome = outcomes[i].outcome;
  for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
    if (strcmp(effects[i].name, effect) != 0) continue;
    invsrc_testkit_fail(self->kit, effects[i].effect, 0, self->outcome);
    self->failing = effects[i].want;
  }
  if (fail && (!self->failing || !self->outcome))
    printf("Bail out! fail: %s, %s\n", effect, outcome);
}

static inline void add_registered(world *self, const cJSON *registered, const cJSON *vector) {
  if (!registered) must(invsrc_testkit_register(self->kit, AGENT), AGENT);
  for (const cJSON *at = first_of(registered); at; at = at->next) {
    ivs_buffer url = IVS_BUFFER_EMPTY;
    append_filled(&url, cJSON_GetStringValue(at), vector);
    must(invsrc_testkit_register(self->kit, url.bytes), "registered");
    ivs_buffer_end(&url);
  }
}

static inline void make_world(world *self, const cJSON *vector) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {1};
  const cJSON *given = member(vector, "world");

  memset(self, 0, sizeof *self);
  self->kit = invsrc_testkit_new();
  self->options = invsrc_options_new();
  must(invsrc_memory_new(&self->memory), "memory");
  must(invsrc_keyring_new(&self->keyring), "keyring");
  must(invsrc_keyring_add(self->keyring, key, sizeof key), "key");
  must(invsrc_testkit_add_key(self->kit, KEY, STOREFRONT), "key");
  add_registered(self, member(given, "registered"), vector);
  invsrc_testkit_use_store(self->kit, invsrc_memory_store(), self->memory);
  invsrc_testkit_use_sealer(self->kit, &counting_sealer, self);
  self->oauth = member(given, "oauth");
  if (self->oauth) invsrc_testkit_use_oauth(self->kit, &scripted_oauth, self);
  invsrc_testkit_install(self->kit, self->options);
  set_options(self, member(given, "options"));
  must(invsrc_service_new(self->options, &self->service, NULL), "service");
  create_before(self, member(given, "before"));
  set_failure(self, member(given, "fail"));
}

/* Whether `source_id` is stored, with a credential that opens where it has one;
 * -1 where it is there by halves. */
static inline int is_stored(world *self, const char *source_id) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
  invsrc_binding binding = {.size = sizeof binding,
                            .storefront = STOREFRONT,
                            .storefront_length = strlen(STOREFRONT),
                            .purpose = INVSRC_PURPOSE_CREDENTIAL};
  uint64_t length = 0;
  int stored = 0, is_oauth, is_configured;

  if (invsrc_memory_store()->get(self->memory, STOREFRONT, strlen(STOREFRONT), source_id,
                                 strlen(source_id), source, sealed) == INVSRC_OUTCOME_OK) {
    const void *bytes = invsrc_buffer_bytes(sealed, &length);
    is_configured = (int)invsrc_source_number(source, INVSRC_SOURCE_AUTH_CONFIGURED);
    is_oauth =
        strcmp(invsrc_source_text(source, INVSRC_SOURCE_AUTHENTICATION_TYPE, NULL), "OAUTH") == 0;
    binding.id = invsrc_source_text(source, INVSRC_SOURCE_ID, &binding.id_length);
    if (is_oauth) binding.purpose = INVSRC_PURPOSE_OAUTH_STATE;
    binding.purpose_length = strlen(binding.purpose);
    /* Before consent there is a private state, and no credential yet. */
    stored = (is_configured || is_oauth) == (length > 0) && !(is_configured && is_oauth) ? 1 : -1;
    if (length && unseal(self, &binding, bytes, length, opened) != INVSRC_OUTCOME_OK) stored = -1;
  }
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  invsrc_buffer_free(opened);
  return stored;
}

static inline void end_world(world *self) {
  invsrc_service_free(self->service);
  invsrc_options_free(self->options);
  invsrc_keyring_free(self->keyring);
  invsrc_memory_free(self->memory);
  invsrc_testkit_free(self->kit);
}

/* ---- Requests -------------------------------------------------------------------- */

static inline void add_header(invsrc_request *request, const char *name, const char *value) {
  static char key[] = KEY;
  const ivs_buffer to = {key, sizeof key - 1, 0, 0};
  ivs_buffer filled = IVS_BUFFER_EMPTY;

  append_replaced(&filled, value, "{{key}}", &to);
  must(invsrc_request_add_header(request, name, strlen(name), filled.bytes, filled.length),
       "header");
  ivs_buffer_end(&filled);
}

static inline void add_headers(invsrc_request *request, const cJSON *headers) {
  if (!headers) {
    add_header(request, "Authorization", "Bearer {{key}}");
    add_header(request, "Content-Type", "application/json");
  }
  for (const cJSON *at = first_of(headers); at; at = at->next)
    add_header(request, cJSON_GetStringValue(first_of(at)),
               cJSON_GetStringValue(first_of(at)->next));
}

static inline invsrc_request *make_request(const cJSON *given, const ivs_buffer *body) {
  invsrc_request *request = invsrc_request_new();
  const char *method = text_of(given, "method", "POST");
  const char *target = text_of(given, "target", TARGET);

  must(invsrc_request_set_method(request, method, strlen(method)), "method");
  must(invsrc_request_set_target(request, target, strlen(target)), "target");
  must(invsrc_request_set_body(request, body->bytes, body->length), "body");
  add_headers(request, member(given, "headers"));
  return request;
}

/* ---- Judgement --------------------------------------------------------------------- */

#define DIGITS "0123456789"
#define CROCKFORD "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

/* The forms that a placeholder stands for: a pattern in which 'd' is a digit and 'c'
 * a character of a ULID; NULL for a decimal of 1 to 19 digits. */
static const struct {
  const char *placeholder;
  const char *pattern;
} forms[] = {{"{{id}}", NULL},
             {"{{agentId}}", "agent_cccccccccccccccccccccccccc"},
             {"{{time}}", "dddd-dd-ddTdd:dd:ddZ"}};

/* How much of `text` has the form; 0 where it has not. */
static inline size_t measure(const char *text, const char *pattern) {
  size_t length = 0;

  if (!pattern) {
    length = strspn(text, DIGITS);
    return length <= 19 && *text != '0' ? length : 0;
  }
  if (strncmp(pattern, "agent_", 6) == 0) {
    if (strncmp(text, "agent_", 6) != 0) return 0;
    length = 6;
  }
  for (; pattern[length]; length++) {
    const char *set = pattern[length] == 'd' ? DIGITS : CROCKFORD;
    int literal = pattern[length] != 'd' && pattern[length] != 'c';
    if (literal ? text[length] != pattern[length] : !text[length] || !strchr(set, text[length]))
      return 0;
  }
  return length;
}

static inline int matches(const char *text, const char *expected) {
  while (*expected) {
    size_t i = 0, length;
    while (i < sizeof forms / sizeof *forms &&
           strncmp(expected, forms[i].placeholder, strlen(forms[i].placeholder)) != 0)
      i++;
    if (i == sizeof forms / sizeof *forms) {
      if (*text++ != *expected++) return 0;
      continue;
    }
    length = measure(text, forms[i].pattern);
    if (!length) return 0;
    text += length;
    expected += strlen(forms[i].placeholder);
  }
  return *text == '\0';
}

static inline const char *header_of(const invsrc_response *response, const char *name) {
  for (uint32_t i = 0; i < invsrc_response_header_count(response); i++)
    if (strcmp(invsrc_response_header_name(response, i), name) == 0)
      return invsrc_response_header_value(response, i);
  return "(absent)";
}

/* Says what is not as expected; returns whether all is. */
static inline int judge(const char *way, const invsrc_response *response, const cJSON *expected,
                        const cJSON *vector) {
  ivs_buffer body = IVS_BUFFER_EMPTY;
  int32_t status = (int32_t)number_of(member(expected, "status"));
  int good = invsrc_response_status(response) == status;

  write_body(&body, expected, vector);
  good &= matches(invsrc_response_body(response, NULL), body.bytes);
  if (!good)
    printf("# %s: %d %s\n# expected: %d %s\n", way, (int)invsrc_response_status(response),
           invsrc_response_body(response, NULL), (int)status, body.bytes);
  for (const cJSON *at = first_of(member(expected, "headers")); at; at = at->next) {
    const char *value = cJSON_GetStringValue(at);
    if (strcmp(header_of(response, at->string), value) == 0) continue;
    printf("# %s: %s: %s\n# expected: %s\n", way, at->string, header_of(response, at->string),
           value);
    good = 0;
  }
  ivs_buffer_end(&body);
  return good;
}

/* ---- Files --------------------------------------------------------------------- */

/* The vectors of a file, an array for cJSON_Delete(). */
static inline cJSON *read_vectors(const char *path) {
  ivs_buffer text = IVS_BUFFER_EMPTY;
  cJSON *vectors;
  FILE *file = fopen(path, "rb");
  char chunk[4096];
  size_t got;

  while (file && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
    ivs_buffer_append(&text, chunk, got);
  if (file) fclose(file);
  vectors = cJSON_ParseWithLength(text.bytes ? text.bytes : "", text.length);
  if (!cJSON_IsArray(vectors)) must(INVSRC_EMALFORMED, path);
  ivs_buffer_end(&text);
  return vectors;
}

#endif
