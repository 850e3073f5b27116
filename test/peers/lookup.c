/*
 * Makes one exchange or one look-up against a peer of a test, and prints what
 * became of it: a line of JSON with the outcome, the time and the memory used.
 *
 *     lookup [option...] exchange URL
 *     lookup [option...] aao BASE ENDPOINT...
 *
 *     --name NAME=ADDRESS[,ADDRESS...]   what the resolver says; "hang" never answers
 *     --http --private --ca FILE --proxy URL
 *     --timeout MS --max BYTES --redirects N --header LINE --post BODY --repeat N
 *
 * It is in a network without an outside: see network.h.
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/json.h"
#include "peers/network.h"

#define MOST_HEADERS 40

/* ---- What was asked for ---------------------------------------------------- */

static struct {
  int http, private, repeat;
  const char *ca, *proxy, *post;
  uint32_t timeout_ms, redirects, header_count;
  uint64_t max_body;
  const char *headers[MOST_HEADERS];
} options = {.timeout_ms = 10000, .max_body = 262144, .repeat = 1};

static void die(const char *why) {
  fprintf(stderr, "lookup: %s\n", why);
  exit(2);
}

static uint32_t number(const char *text) {
  return (uint32_t)strtoul(text, NULL, 10);
}

/* Takes one option; returns how many arguments it was. */
static int take_option(char **argument) {
  static const char *const flags[] = {"--http", "--private"};
  const char *name = argument[0], *value = argument[1];

  if (strcmp(name, flags[0]) == 0) return options.http = 1;
  if (strcmp(name, flags[1]) == 0) return options.private = 1;
  if (!value) die("an option without its value");
  if (strcmp(name, "--ca") == 0)
    options.ca = value;
  else if (strcmp(name, "--proxy") == 0)
    options.proxy = value;
  else if (strcmp(name, "--post") == 0)
    options.post = value;
  else if (strcmp(name, "--timeout") == 0)
    options.timeout_ms = number(value);
  else if (strcmp(name, "--max") == 0)
    options.max_body = number(value);
  else if (strcmp(name, "--redirects") == 0)
    options.redirects = number(value);
  else if (strcmp(name, "--repeat") == 0)
    options.repeat = (int)number(value);
  else if (strcmp(name, "--header") == 0 && options.header_count < MOST_HEADERS)
    options.headers[options.header_count++] = value;
  else if (strcmp(name, "--name") == 0 && name_count < MOST_NAMES)
    names[name_count++] = value;
  else
    die("an option that is not known, or too many of one");
  return 2;
}

static invsrc_curl *new_curl(void) {
  invsrc_curl *curl;

  if (invsrc_curl_new(&curl, NULL) != INVSRC_OK) die("no transport");
  if (invsrc_curl_set_allow_http(curl, options.http) != INVSRC_OK ||
      invsrc_curl_set_allow_private(curl, options.private) != INVSRC_OK ||
      invsrc_curl_set_ca_file(curl, options.ca) != INVSRC_OK ||
      invsrc_curl_set_proxy(curl, options.proxy) != INVSRC_OK)
    die("the transport refuses an option");
  return curl;
}

/* ---- What became of it ----------------------------------------------------- */

static const char *outcome_name(int32_t outcome) {
  static const char *const outcome_names[] = {
      [INVSRC_OUTCOME_OK] = "ok",
      [INVSRC_OUTCOME_UNAVAILABLE] = "unavailable",
      [INVSRC_OUTCOME_FAILED] = "failed",
      [INVSRC_OUTCOME_UNKNOWN] = "unknown",
      [INVSRC_OUTCOME_NOT_REGISTERED] = "not registered",
      [INVSRC_OUTCOME_REFUSED] = "refused",
  };

  return outcome > 0 && outcome <= INVSRC_OUTCOME_REFUSED ? outcome_names[outcome] : "illegal";
}

static void print(int32_t outcome, int32_t status, uint64_t length, const char *body,
                  const char *reason, double start) {
  ivs_buffer text = IVS_BUFFER_EMPTY, quoted = IVS_BUFFER_EMPTY;

  ivs_json_write_string(&text, reason, strlen(reason));
  ivs_json_write_string(&quoted, body, length < 2000 ? (size_t)length : 0);
  printf(
      "{\"outcome\":\"%s\",\"status\":%d,\"length\":%llu,\"body\":%s,\"reason\":%s,"
      "\"strays\":%d,\"seconds\":%.3f,\"kilobytes\":%ld}\n",
      outcome_name(outcome), (int)status, (unsigned long long)length, quoted.bytes, text.bytes,
      atomic_load(&strays), seconds() - start, most_kilobytes());
  ivs_buffer_end(&text);
  ivs_buffer_end(&quoted);
}

/* A request as the options have it. */
static invsrc_http_request request_for(const char *url) {
  invsrc_http_request request = {.size = sizeof request,
                                 .header_count = options.header_count,
                                 .method = options.post ? "POST" : "GET",
                                 .url = url,
                                 .headers = options.headers,
                                 .body = options.post,
                                 .body_length = options.post ? strlen(options.post) : 0,
                                 .max_body = options.max_body,
                                 .timeout_ms = options.timeout_ms,
                                 .redirects = options.redirects};

  return request;
}

static void exchange(const char *url) {
  invsrc_curl *curl = new_curl();

  for (int i = 0; i < options.repeat; i++) {
    invsrc_http_reply *reply = invsrc_http_reply_new();
    invsrc_http_request request = request_for(url);
    double start = seconds();
    uint64_t length;
    int32_t outcome = invsrc_curl_transport()->exchange(curl, &request, reply);
    const char *body = invsrc_http_reply_body(reply, &length);
    print(outcome, invsrc_http_reply_status(reply), length, body, invsrc_http_reply_reason(reply),
          start);
    invsrc_http_reply_free(reply);
  }
  invsrc_curl_free(curl);
}

/* The real transport, with less patience than the conversation asks for. */
static int32_t hurry(void *curl, const invsrc_http_request *request, invsrc_http_reply *reply) {
  invsrc_http_request hurried = *request;

  if (hurried.timeout_ms > options.timeout_ms) hurried.timeout_ms = options.timeout_ms;
  return invsrc_curl_transport()->exchange(curl, &hurried, reply);
}

static char heard[4096];

static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  size_t end = strlen(heard);

  (void)context, (void)level;
  snprintf(heard + end, sizeof heard - end, "%s%.*s", end ? "; " : "", (int)length, message);
}

static void look_up(const char *base, char **endpoints) {
  static const invsrc_transport_vtable transport = {sizeof transport, 0, hurry};
  static const invsrc_world_vtable world = {sizeof world, 0, NULL, NULL, hear};
  invsrc_curl *curl = new_curl();
  invsrc_aao *aao;

  if (invsrc_aao_new(base, &transport, curl, &aao, NULL) != INVSRC_OK ||
      invsrc_aao_set_world(aao, &world, NULL) != INVSRC_OK)
    die("no registry");
  for (; *endpoints; endpoints++) {
    double start = seconds();
    int32_t outcome = invsrc_aao_registry()->lookup(aao, *endpoints, strlen(*endpoints));
    print(outcome, 0, 0, "", heard, start);
    heard[0] = '\0';
  }
  invsrc_aao_free(aao);
  invsrc_curl_free(curl);
}

int main(int count, char **arguments) {
  int at = 1;

  while (at < count && strncmp(arguments[at], "--", 2) == 0) at += take_option(arguments + at);
  if (count - at == 2 && strcmp(arguments[at], "exchange") == 0)
    exchange(arguments[at + 1]);
  else if (count - at >= 3 && strcmp(arguments[at], "aao") == 0)
    look_up(arguments[at + 1], arguments + at + 2);
  else
    die("usage: lookup [option...] exchange URL | aao BASE ENDPOINT...");
  return 0;
}
