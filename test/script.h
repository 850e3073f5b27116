/*
 * Conversations with agents from memory: a script says which requests are to come, and
 * what is answered, at once or byte by byte.
 */
#ifndef TEST_SCRIPT_H
#define TEST_SCRIPT_H

#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is done around each call of the conversation: a fault test counts memory there. */
#ifndef SCRIPT_BEFORE
#define SCRIPT_BEFORE() ((void)0)
#define SCRIPT_AFTER() ((void)0)
#endif

#define SCRIPT_URL "https://agent.example/mcp"
#define SCRIPT_JSON "Content-Type: application/json"
#define SCRIPT_SSE "Content-Type: text/event-stream"
#define SCRIPT_HTML "Content-Type: text/html; charset=utf-8"

/* One exchange: a request, "METHOD URL", with texts that must be and one that must not be
 * in its field lines or body; and its reply. In the reply's body $ stands for the id of
 * the request. */
struct script_line {
  const char *request;
  const char *has[3];
  const char *has_not;
  int32_t status; /* 0: no answer, for `reason` */
  const char *fields[2];
  const char *body; /* NULL: empty */
  const char *reason;
  int32_t outcome; /* with a reason; 0: UNAVAILABLE */
};

enum script_pace { SCRIPT_WHOLE, SCRIPT_DRIP };

/* A source, an empty setup with a clock and entropy, and a conversation made from them. */
static inline int32_t script_begin(const char *protocol, const char *url, const char *auth,
                                   invsrc_probe_setup *setup, invsrc_conversation **conversation) {
  static uint8_t random[INVSRC_CONVERSATION_RANDOM];
  invsrc_source *source = invsrc_source_new();
  int32_t code;

  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, protocol, strlen(protocol));
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, url, strlen(url));
  setup->size = sizeof *setup;
  setup->now = INT64_C(1800000000000);
  for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)i;
  setup->random = random;
  SCRIPT_BEFORE();
  code = invsrc_conversation_new(source, auth, auth ? strlen(auth) : 0, setup, conversation);
  SCRIPT_AFTER();
  invsrc_source_free(source);
  return code;
}

#define SCRIPT_JWT_SIZE 2048

/* Writes a JWT credential with a fresh key. */
static inline void script_write_jwt(const char *token_url, char auth[SCRIPT_JWT_SIZE]) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  BIO *memory = BIO_new(BIO_s_mem());
  char *pem;
  long length;
  size_t at;

  PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL);
  length = BIO_get_mem_data(memory, &pem);
  at = (size_t)snprintf(auth, SCRIPT_JWT_SIZE, "{\"type\":\"jwt\",\"privateKey\":\"");
  for (long i = 0; i < length; i++)
    at += (size_t)snprintf(auth + at, SCRIPT_JWT_SIZE - at, pem[i] == '\n' ? "\\n" : "%c", pem[i]);
  snprintf(auth + at, SCRIPT_JWT_SIZE - at,
           "\",\"issuer\":\"i\",\"subject\":\"s\",\"keyId\":\"k\",\"scope\":\"c\","
           "\"tokenEndpointUrl\":\"%s\",\"audienceUrl\":\"%s\",\"algorithm\":\"ES256\"}",
           token_url, token_url);
  BIO_free(memory);
  EVP_PKEY_free(key);
}

static inline int script_is_in(const char *text, const invsrc_http_request *request) {
  for (uint32_t i = 0; i < request->header_count; i++)
    if (strstr(request->headers[i], text)) return 1;
  return request->body && strstr(request->body, text);
}

/* What is wrong with a request, or NULL. */
static inline const char *script_judge(const struct script_line *line,
                                       const invsrc_http_request *request) {
  size_t method = strlen(request->method);

  if (!line->request || strncmp(line->request, request->method, method) != 0 ||
      line->request[method] != ' ' || strcmp(line->request + method + 1, request->url) != 0)
    return "another request";
  for (size_t i = 0; i < 3; i++)
    if (line->has[i] && !script_is_in(line->has[i], request)) return line->has[i];
  return line->has_not && script_is_in(line->has_not, request) ? line->has_not : NULL;
}

/* Writes what a body says to a request into `to`; returns its length. */
static inline size_t script_body(const char *body, const invsrc_http_request *request, char *to,
                                 size_t size) {
  const char *id = request->body ? strstr(request->body, "\"id\":") : NULL;
  size_t length = 0;

  for (; body && *body && length + 16 < size; body++) {
    if (*body == '$')
      length += (size_t)snprintf(to + length, 16, "%ld", id ? strtol(id + 5, NULL, 10) : 0);
    else
      to[length++] = *body;
  }
  return length;
}

static inline void script_head(invsrc_http_reply *reply, const struct script_line *line) {
  if (line->status) invsrc_http_reply_set_status(reply, line->status);
  for (size_t i = 0; i < 2 && line->fields[i]; i++) {
    const char *colon = strchr(line->fields[i], ':');
    invsrc_http_reply_add_header(reply, line->fields[i], (uint64_t)(colon - line->fields[i]),
                                 colon + 2, strlen(colon + 2));
  }
  if (line->reason) invsrc_http_reply_set_reason(reply, line->reason);
}

static inline int32_t script_answer(invsrc_conversation *conversation, int32_t exchange,
                                    const struct script_line *line,
                                    const invsrc_http_request *request, enum script_pace pace) {
  static char body[1 << 20];
  invsrc_http_reply *reply = invsrc_http_reply_new();
  size_t length = script_body(line->body, request, body, sizeof body);
  int32_t outcome = INVSRC_OUTCOME_OK, code;
  int enough = 0;

  if (line->reason) outcome = line->outcome ? line->outcome : INVSRC_OUTCOME_UNAVAILABLE;
  script_head(reply, line);
  for (size_t i = 0; pace == SCRIPT_DRIP && request->looks && i < length && !enough; i++) {
    invsrc_http_reply_append_body(reply, body + i, 1);
    SCRIPT_BEFORE();
    enough = invsrc_conversation_look(conversation, exchange, reply);
    SCRIPT_AFTER();
  }
  if (pace == SCRIPT_WHOLE || !request->looks) invsrc_http_reply_append_body(reply, body, length);
  SCRIPT_BEFORE();
  code = invsrc_conversation_answer(conversation, exchange, outcome, reply);
  SCRIPT_AFTER();
  invsrc_http_reply_free(reply);
  return code;
}

/* Plays a script, up to a line without a request. Returns INVSRC_OK; what the conversation
 * returned; or 1 where it asked for something else, which is told. */
static inline int32_t script_play(invsrc_conversation *conversation,
                                  const struct script_line *lines, enum script_pace pace) {
  const invsrc_http_request *request;
  const char *problem = NULL;
  int32_t exchange, code = INVSRC_OK;
  size_t at = 0;

  while (code == INVSRC_OK && !invsrc_conversation_outcome(conversation, NULL)) {
    SCRIPT_BEFORE();
    exchange = invsrc_conversation_next(conversation, &request);
    SCRIPT_AFTER();
    if (exchange <= 0) break;
    problem = lines[at].request ? script_judge(&lines[at], request) : "one request too many";
    if (problem) {
      fprintf(stderr, "# line %zu: %s in %s %s %s\n", at, problem, request->method, request->url,
              request->body ? (const char *)request->body : "");
      return 1;
    }
    code = script_answer(conversation, exchange, &lines[at++], request, pace);
  }
  if (code != INVSRC_OK || !lines[at].request ||
      invsrc_conversation_outcome(conversation, NULL) == INVSRC_OUTCOME_UNAVAILABLE)
    return code;
  fprintf(stderr, "# line %zu was not asked for\n", at);
  return 1;
}

#endif
