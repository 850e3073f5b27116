/*
 * Conformance vectors (README.md) for programs in C: reading them, what stands for their
 * placeholders, their requests, and the judgement of an answer. See world.h for the world
 * that each is to be run in.
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
#define OTHER_STOREFRONT "other"
#define OTHER_KEY "key-of-other"
#define TARGET "/api/v2/storefront/inventory-sources"
#define AGENT "https://agent.example/mcp"
#define SCRIPTED_AGENT "http://127.0.0.1:4711/mcp" /* nobody is there: see script_agent() */
#define DIGITS "0123456789"

static inline void must(int32_t result, const char *what) {
  if (result == INVSRC_OK) return;
  printf("Bail out! %s: %s\n", what, invsrc_strerror(result));
  exit(1);
}

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

/* ---- Worlds -------------------------------------------------------------------- */

/* More than any vector seals. */
#define MOST_SEALED 64

typedef struct world {
  const cJSON *vector;
  invsrc_testkit *kit;
  invsrc_memory *memory;
  invsrc_keyring *keyring;
  invsrc_options *options;
  invsrc_service *service;
  cJSON *answers;     /* to the requests of `before`: a source each, or null */
  const cJSON *oauth; /* what its OAuth provider answers; NULL for none */
  struct web *web;    /* what its own OAuth provider asks; NULL: that is not it (web.h) */
  int32_t probed;     /* what a probe of the agent comes to, */
  const char *reason; /* and why */
  int32_t failing;    /* the want that fails, */
  int32_t outcome;    /* and how */
  int finishes;       /* consents that the provider was asked to finish */
  /* Fingerprints of what was sealed and not discarded; 0: a place that is free. */
  uint64_t sealed[MOST_SEALED];
  uint64_t bound[MOST_SEALED]; /* and of what each was bound to */
  int strays;                  /* discarded, and not sealed, or for something else */
} world;

/* ---- Placeholders ---------------------------------------------------------------- */

static inline void append_repeated(ivs_buffer *out, const cJSON *vector) {
  const cJSON *repeat = member(vector, "repeat");

  for (long i = 0; i < (long)number_of(member(repeat, "times")); i++)
    ivs_buffer_append_text(out, text_of(repeat, "of", ""));
}

/* Appends the state that is in the authorization URL that a request was answered with. */
static inline void append_state(ivs_buffer *out, const cJSON *answer) {
  const char *url =
      text_of(answer, "authorizationUrl", text_of(member(answer, "oauth"), "authorizationUrl", ""));
  const char *state = strstr(url, "state=");

  if (!state) return;
  state += strlen("state=");
  ivs_buffer_append(out, state, strcspn(state, "&"));
}

/* Appends a member of an answer, or the state that is in it. */
static inline void append_member(ivs_buffer *out, const cJSON *answer, const char *key) {
  if (strcmp(key, "state") == 0)
    append_state(out, answer);
  else
    ivs_buffer_append_text(out, text_of(answer, key, ""));
}

/* Appends what `name` stands for: a constant, or "id2" for the id that the second of
 * `before` was answered with. Returns 0 where it stands for nothing that is known. */
static inline int append_known(ivs_buffer *out, const char *name, const world *self) {
  static const struct {
    const char *name;
    const char *text;
  } constants[] = {{"key", KEY}, {"otherKey", OTHER_KEY}, {"agent", SCRIPTED_AGENT}};
  char letters[32] = "";
  size_t count = strcspn(name, DIGITS);

  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
    if (strcmp(constants[i].name, name) == 0) {
      ivs_buffer_append_text(out, constants[i].text);
      return 1;
    }
  if (strcmp(name, "repeat") == 0) {
    append_repeated(out, self->vector);
    return 1;
  }
  if (!name[count]) return 0;
  memcpy(letters, name, count);
  append_member(out, cJSON_GetArrayItem(self->answers, atoi(name + count) - 1), letters);
  return 1;
}

/* Appends text with the placeholders filled in; those for the judgement stay. */
static inline void append_filled(ivs_buffer *out, const char *text, const world *self) {
  const char *open, *close;

  for (; (open = strstr(text, "{{")) && (close = strstr(open, "}}")); text = close + 2) {
    char name[32] = "";
    size_t length = (size_t)(close - open) - 2;
    ivs_buffer_append(out, text, (size_t)(open - text));
    if (length < sizeof name) memcpy(name, open + 2, length);
    if (!append_known(out, name, self)) ivs_buffer_append(out, open, length + 4);
  }
  ivs_buffer_append_text(out, text);
}

/* A body, of a request or a response: "text", or "json" written compactly. */
static inline void write_body(ivs_buffer *out, const cJSON *message, const world *self) {
  const cJSON *json = member(message, "json");
  char *printed = json ? cJSON_PrintUnformatted(json) : NULL;

  append_filled(out, printed ? printed : text_of(message, "text", ""), self);
  cJSON_free(printed);
}

/* ---- Requests -------------------------------------------------------------------- */

static inline void add_header(invsrc_request *request, const char *name, const char *value,
                              const world *self) {
  ivs_buffer filled = IVS_BUFFER_EMPTY;

  append_filled(&filled, value, self);
  must(invsrc_request_add_header(request, name, strlen(name), filled.bytes, filled.length),
       "header");
  ivs_buffer_end(&filled);
}

static inline void add_headers(invsrc_request *request, const cJSON *headers, const world *self) {
  if (!headers) {
    add_header(request, "Authorization", "Bearer {{key}}", self);
    add_header(request, "Content-Type", "application/json", self);
  }
  for (const cJSON *at = first_of(headers); at; at = at->next)
    add_header(request, cJSON_GetStringValue(first_of(at)),
               cJSON_GetStringValue(first_of(at)->next), self);
}

/* The request that is given as data, with its body, which must outlive it, in `body`. */
static inline invsrc_request *make_request(const cJSON *given, ivs_buffer *body,
                                           const world *self) {
  invsrc_request *request = invsrc_request_new();
  const char *method = text_of(given, "method", "POST");
  ivs_buffer target = IVS_BUFFER_EMPTY;

  write_body(body, given, self);
  append_filled(&target, text_of(given, "target", TARGET), self);
  must(invsrc_request_set_method(request, method, strlen(method)), "method");
  must(invsrc_request_set_target(request, target.bytes, target.length), "target");
  ivs_buffer_end(&target);
  must(invsrc_request_set_body(request, body->bytes, body->length), "body");
  add_headers(request, member(given, "headers"), self);
  return request;
}

/* ---- Judgement --------------------------------------------------------------------- */

#define CROCKFORD "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* The forms that a placeholder stands for: a pattern in which 'd' is a digit, 'c' a
 * character of a ULID and 'b' one of base64url; NULL for a decimal of 1 to 19 digits. With `member`
 * no answer to a request of `before` may have had the same. */
static const struct form {
  const char *placeholder;
  const char *pattern;
  const char *member;
} forms[] = {{"{{id}}", NULL, NULL},
             {"{{newId}}", NULL, "id"},
             {"{{agentId}}", "agent_cccccccccccccccccccccccccc", NULL},
             {"{{newAgentId}}", "agent_cccccccccccccccccccccccccc", "agentId"},
             {"{{newState}}", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "state"},
             {"{{challenge}}", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", NULL},
             {"{{time}}", "dddd-dd-ddTdd:dd:ddZ", NULL}};

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
    const char *set = pattern[length] == 'd'   ? DIGITS
                      : pattern[length] == 'b' ? BASE64URL
                                               : CROCKFORD;
    int literal = !strchr("dcb", pattern[length]);
    if (literal ? text[length] != pattern[length] : !text[length] || !strchr(set, text[length]))
      return 0;
  }
  return length;
}

static inline int is_new(const char *text, size_t length, const char *key, const world *self) {
  int is_old = 0;

  for (const cJSON *at = first_of(self->answers); key && at; at = at->next) {
    ivs_buffer old = IVS_BUFFER_EMPTY;
    append_member(&old, at, key);
    is_old |= old.length == length && memcmp(old.bytes, text, length) == 0;
    ivs_buffer_end(&old);
  }
  return !is_old;
}

static inline const struct form *form_at(const char *expected) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (strncmp(expected, forms[i].placeholder, strlen(forms[i].placeholder)) == 0)
      return &forms[i];
  return NULL;
}

static inline int matches(const char *text, const char *expected, const world *self) {
  while (*expected) {
    const struct form *form = form_at(expected);
    size_t length;
    if (!form) {
      if (*text++ != *expected++) return 0;
      continue;
    }
    length = measure(text, form->pattern);
    if (!length || !is_new(text, length, form->member, self)) return 0;
    text += length;
    expected += strlen(form->placeholder);
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
                        const world *self) {
  ivs_buffer body = IVS_BUFFER_EMPTY;
  int32_t status = (int32_t)number_of(member(expected, "status"));
  int good = invsrc_response_status(response) == status;

  write_body(&body, expected, self);
  good &= matches(invsrc_response_body(response, NULL), body.bytes ? body.bytes : "", self);
  if (!good)
    printf("# %s: %d %s\n# expected: %d %s\n", way, (int)invsrc_response_status(response),
           invsrc_response_body(response, NULL), (int)status, body.bytes ? body.bytes : "");
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

#endif
