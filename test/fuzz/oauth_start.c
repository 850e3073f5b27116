/*
 * What agents and authorization servers answer before a consent: a first byte for the kind of
 * start, then replies, each a byte for the status, field lines, an empty line, and the body, up
 * to a zero byte. However it goes, it ends, in few exchanges; its reason says nothing that the
 * other side did; and what comes of it is a URL that a browser can open, and a private state
 * for the finish.
 */
#include "agents/challenge.h"
#include "agents/http.h"
#include "agents/origin.h"
#include "core/uri.h"
#include "fuzz/replies.h"

#define NOW INT64_C(1800000000000)
/* The agent, two places for the resource's metadata, three for the server's, a registration. */
#define MOST_EXCHANGES 7
#define HTTPS_URL "https://agent.example/a/mcp"
#define HTTP_URL "http://[::1]:8080/mcp"
#define CLIENT                                                \
  "{\"client_id\":\"" SECRET "\",\"client_secret\":\"" SECRET \
  "\",\"client_secret_expires_at\":0,\"token_endpoint_auth_method\":\"client_secret_post\"}"

/* Bits of the first byte. */
enum { IS_HTTP = 1, IS_A2A = 2, HAS_CLIENT = 4, HAS_DOCUMENT = 8, HAS_AUDIENCE = 16 };

static void begin(unsigned kind, invsrc_conversation **conversation) {
  static const uint8_t random[INVSRC_CONVERSATION_RANDOM] = {1};
  const char *url = kind & IS_HTTP ? HTTP_URL : HTTPS_URL;
  invsrc_oauth_setup setup = {.size = sizeof setup,
                              .allow_http = kind & IS_HTTP,
                              .now = NOW,
                              .random = random,
                              .redirect_uri = "https://host.example/callback",
                              .state = SECRET};
  invsrc_source *source = invsrc_source_new();

  if (kind & HAS_DOCUMENT) setup.client_metadata_url = "https://host.example/client.json";
  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, kind & IS_A2A ? "A2A" : "MCP", 3);
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, url, strlen(url));
  if (kind & HAS_AUDIENCE) invsrc_source_set_text(source, INVSRC_SOURCE_OAUTH_AUDIENCE, "urn:x", 5);
  CHECK(invsrc_conversation_new_oauth_start(source, &setup, conversation) == INVSRC_OK);
  invsrc_source_free(source);
}

static int is_usable(const char *url, size_t length) {
  ivs_uri uri;
  const char *reason;
  size_t offset;

  return ivs_url_parse(url, length, &uri, &reason, &offset) == INVSRC_OK && !uri.userinfo.text &&
         !uri.fragment.text;
}

static void judge_request(const invsrc_http_request *request, unsigned kind) {
  int is_get = strcmp(request->method, "GET") == 0;

  CHECK(is_usable(request->url, strlen(request->url)));
  CHECK(kind & IS_HTTP || ivs_text_is_same(request->url, 8, "https://"));
  CHECK(request->redirects == (is_get ? 3 : 0) && request->max_body == 262144);
  CHECK(is_get ? !request->body_length : strlen(request->body) == request->body_length);
  for (uint32_t i = 0; i < request->header_count; i++) {
    ivs_http_field field;
    CHECK(ivs_http_field_read(request->headers[i], strlen(request->headers[i]), &field));
    CHECK(!ivs_text_is_same(field.name, field.name_length, "Authorization"));
  }
  CHECK(!request->body_length || !strstr(request->body, "SECRET"));
}

/* One exchange; where the input has ended, there is no answer. */
static void carry_one(invsrc_conversation *conversation, struct input *input, unsigned kind) {
  int32_t outcome = input->left ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
  invsrc_http_reply *reply = invsrc_http_reply_new();
  const invsrc_http_request *request;
  int32_t exchange = invsrc_conversation_next(conversation, &request);
  size_t length;

  CHECK(exchange > 0);
  judge_request(request, kind);
  take_head(input, reply);
  length = strnlen(input->text, input->left);
  invsrc_http_reply_append_body(reply, input->text, length);
  input->text += length;
  input->left -= length;
  take_byte(input);
  CHECK(invsrc_conversation_answer(conversation, exchange, outcome, reply) == INVSRC_OK);
  invsrc_http_reply_free(reply);
}

static const char *result(const invsrc_conversation *conversation, int32_t number,
                          uint64_t *length) {
  return invsrc_conversation_result(conversation, number, length);
}

/* Returns whether it waited for a client. */
static int give(invsrc_conversation *conversation, unsigned kind) {
  const char *client = kind & HAS_CLIENT ? CLIENT : NULL;
  uint64_t length;
  const char *issuer = result(conversation, INVSRC_RESULT_ISSUER, &length);

  if (!issuer) return 0;
  CHECK(strlen(issuer) == length && is_usable(issuer, (size_t)length) && !strchr(issuer, '?'));
  CHECK(invsrc_conversation_give_client(conversation, "{}", 2) == INVSRC_EINVAL);
  CHECK(invsrc_conversation_give_client(conversation, client, client ? strlen(client) : 0) ==
        INVSRC_OK);
  CHECK(!result(conversation, INVSRC_RESULT_ISSUER, NULL));
  return 1;
}

static void judge_results(const invsrc_conversation *conversation) {
  const invsrc_oauth_setup setup = {.size = sizeof setup, .now = NOW, .allow_http = 1};
  const invsrc_redirect redirect = {.size = sizeof redirect, .code = "c", .code_length = 1};
  invsrc_conversation *next;
  uint64_t length;
  const char *url = result(conversation, INVSRC_RESULT_AUTHORIZATION_URL, &length);
  const char *state;

  CHECK(url && strlen(url) == length && length <= 8192 && is_usable(url, (size_t)length));
  CHECK(strstr(url, "response_type=code&client_id=") && strstr(url, "&state=" SECRET));
  CHECK(strstr(url, "&code_challenge_method=S256&redirect_uri=https%3A%2F%2Fhost.example%2F"));
  state = result(conversation, INVSRC_RESULT_PRIVATE_STATE, &length);
  CHECK(invsrc_conversation_new_oauth_finish(state, length, &redirect, &setup, &next) == INVSRC_OK);
  invsrc_conversation_free(next);
}

static void judge_end(const invsrc_conversation *conversation) {
  const char *reason;
  int32_t outcome = invsrc_conversation_outcome(conversation, &reason);

  CHECK(outcome == INVSRC_OUTCOME_OK || outcome == INVSRC_OUTCOME_NO_OAUTH ||
        outcome == INVSRC_OUTCOME_UNAVAILABLE);
  CHECK((*reason == '\0') == (outcome == INVSRC_OUTCOME_OK));
  judge_reason(reason);
  if (outcome == INVSRC_OUTCOME_OK)
    judge_results(conversation);
  else
    CHECK(!result(conversation, INVSRC_RESULT_PRIVATE_STATE, NULL));
}

/* A field that comes in whole may have the bytes that no field line can. */
static void judge_challenge(const uint8_t *data, size_t size) {
  ivs_challenge challenge = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};
  char *field = malloc(size + 1);

  if (size) memcpy(field, data, size);
  field[size] = '\0';
  CHECK(ivs_challenge_read(field, &challenge) == INVSRC_OK);
  CHECK(challenge.scope.length <= size && challenge.resource_metadata.length <= size);
  for (size_t i = 0; i < challenge.scope.length; i++)
    CHECK(challenge.scope.bytes[i] >= ' ' && challenge.scope.bytes[i] <= '~');
  ivs_challenge_end(&challenge);
  free(field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {(const char *)data, size};
  unsigned kind = take_byte(&input);
  invsrc_conversation *conversation;
  int exchanges = 0;

  judge_challenge(data, size);
  begin(kind, &conversation);
  while (!invsrc_conversation_outcome(conversation, NULL)) {
    if (give(conversation, kind)) continue;
    CHECK(++exchanges <= MOST_EXCHANGES);
    carry_one(conversation, &input, kind);
  }
  judge_end(conversation);
  invsrc_conversation_free(conversation);
  return 0;
}
