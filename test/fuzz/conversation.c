/*
 * What agents and token endpoints answer: a first byte for the kind of conversation, then
 * replies, each a byte for the status, field lines, an empty line, a byte for the pieces that
 * the body comes in, and the body, up to a zero byte; and more of a stream that is open. However it
 * goes, it ends, in few exchanges, and its reason says nothing that the other side did.
 */
#include "agents/origin.h"
#include "core/text.h"
#include "fuzz/replies.h"

/* More than all pages of both passes. */
#define MOST_EXCHANGES 100
#define URL "https://agent.example/mcp"

#define JWT                                                                                  \
  "{\"type\":\"jwt\",\"privateKey\":\"-----BEGIN EC PRIVATE KEY-----\\nMBMCAQEEAgECoAoGCCqG" \
  "SM49AwEH\\n-----END EC PRIVATE KEY-----\",\"issuer\":\"i\",\"subject\":\"s\",\"keyId\":"  \
  "\"k\",\"scope\":\"c\",\"tokenEndpointUrl\":\"https://auth.example/\",\"audienceUrl\":"    \
  "\"a\",\"algorithm\":\"ES256\"}"

static const struct {
  const char *protocol;
  const char *auth;
} kinds[] = {
    {"MCP", NULL},
    {"MCP", "{\"type\":\"bearer\",\"token\":\"" SECRET "\"}"},
    {"MCP", JWT},
    {"A2A", NULL},
    {"A2A", "{\"type\":\"basic\",\"username\":\"u\",\"password\":\"" SECRET "\"}"},
    {"A2A", "{\"type\":\"api_key\",\"token\":\"" SECRET "\"}"},
};

/* An exchange that is under way. */
struct exchange {
  int32_t number;
  int is_stream; /* stays open while others are made */
  int looks;
  invsrc_http_reply *reply;
};

/* More of the body comes, in pieces, until it has been enough. */
static int take_body(struct input *input, struct exchange *exchange,
                     invsrc_conversation *conversation) {
  unsigned pace = take_byte(input) % 4;
  int enough = 0;

  while (input->left && *input->text && !enough) {
    size_t length = strnlen(input->text, input->left);
    if (pace && length > pace) length = pace;
    invsrc_http_reply_append_body(exchange->reply, input->text, length);
    input->text += length;
    input->left -= length;
    if (!exchange->looks) continue;
    enough = invsrc_conversation_look(conversation, exchange->number, exchange->reply);
    CHECK(enough == 0 || enough == 1);
  }
  while (input->left && *input->text) input->text++, input->left--;
  take_byte(input);
  return enough;
}

static int take_reply(struct input *input, struct exchange *exchange,
                      invsrc_conversation *conversation) {
  take_head(input, exchange->reply);
  return take_body(input, exchange, conversation);
}

static void judge_request(const invsrc_http_request *request) {
  int same = 0;

  CHECK(request->header_count <= 32 && request->max_body == 262144 && request->redirects <= 3);
  CHECK(strlen(request->url) > 8 && ivs_text_is_same(request->url, 8, "https://"));
  /* The credential is for one origin only. */
  for (uint32_t i = 0; i < request->header_count; i++) {
    ivs_http_field field;
    CHECK(ivs_http_field_read(request->headers[i], strlen(request->headers[i]), &field));
    if (ivs_text_is_same(field.name, field.name_length, "Authorization"))
      CHECK(ivs_origin_compare(URL, request->url, &same) == INVSRC_OK && same);
  }
}

static void judge_end(const invsrc_conversation *conversation) {
  const char *reason;
  int32_t outcome = invsrc_conversation_outcome(conversation, &reason);

  CHECK(outcome == INVSRC_OUTCOME_OK || outcome == INVSRC_OUTCOME_PROVEN ||
        outcome == INVSRC_OUTCOME_REFUSED || outcome == INVSRC_OUTCOME_UNREACHABLE);
  CHECK((*reason == '\0') == (outcome == INVSRC_OUTCOME_OK || outcome == INVSRC_OUTCOME_PROVEN));
  judge_reason(reason);
}

/* Answers one; where the input has ended, there is no more of anybody. */
static void end_exchange(struct exchange *exchange, invsrc_conversation *conversation,
                         int32_t outcome) {
  if (!exchange->number) return;
  CHECK(invsrc_conversation_answer(conversation, exchange->number, outcome, exchange->reply) ==
        INVSRC_OK);
  invsrc_http_reply_free(exchange->reply);
  exchange->number = 0;
}

static void carry(invsrc_conversation *conversation, struct input *input) {
  struct exchange stream = {0, 0, 0, NULL};
  int exchanges = 0;

  while (!invsrc_conversation_outcome(conversation, NULL)) {
    const invsrc_http_request *request;
    struct exchange next = {invsrc_conversation_next(conversation, &request), 0, 0, NULL};
    int32_t outcome = input->left ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;

    CHECK(next.number > 0 || stream.number);
    CHECK(++exchanges < MOST_EXCHANGES);
    if (next.number <= 0) {
      end_exchange(&stream, conversation, outcome);
      continue;
    }
    judge_request(request);
    next.looks = (int)request->looks;
    next.is_stream = next.looks && strcmp(request->method, "GET") == 0;
    next.reply = invsrc_http_reply_new();
    if (!take_reply(input, &next, conversation) && next.is_stream) {
      stream = next;
      continue;
    }
    if (stream.number && take_body(input, &stream, conversation))
      end_exchange(&stream, conversation, outcome);
    end_exchange(&next, conversation, outcome);
  }
  if (stream.number) end_exchange(&stream, conversation, INVSRC_OUTCOME_UNAVAILABLE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {(const char *)data, size};
  unsigned kind = take_byte(&input);
  const char *protocol = kinds[kind % 6].protocol, *auth = kinds[kind % 6].auth;
  static const uint8_t random[INVSRC_CONVERSATION_RANDOM] = {1};
  invsrc_probe_setup setup = {
      .size = sizeof setup, .now = INT64_C(1800000000000), .random = random};
  invsrc_source *source = invsrc_source_new();
  invsrc_conversation *conversation;

  setup.tool = kind & 64 ? "a_tool" : NULL;
  setup.access_token = kind & 128 ? SECRET : NULL;
  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, protocol, strlen(protocol));
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, URL, strlen(URL));
  CHECK(invsrc_conversation_new(source, auth, auth ? strlen(auth) : 0, &setup, &conversation) ==
        INVSRC_OK);
  carry(conversation, &input);
  judge_end(conversation);
  invsrc_conversation_free(conversation);
  invsrc_source_free(source);
  return 0;
}
