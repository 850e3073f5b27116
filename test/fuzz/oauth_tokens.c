/*
 * What authorization servers answer after a consent: a first byte for the kind of conversation,
 * then replies, each a byte for the status, field lines, an empty line, and the body, up to a
 * zero byte. However it goes, it ends, in one exchange or two; its reason says nothing that the
 * server did; and a credential that comes of it serves for the next conversation.
 */
#include "agents/http.h"
#include "fuzz/replies.h"

#define NOW INT64_C(1800000000000)
#define LATEST INT64_C(2592000000)

#define RECORD(method, more)                                                                  \
  "{\"issuer\":\"https://auth.example\",\"token_endpoint\":\"https://auth.example/t\","       \
  "\"revocation_endpoint\":\"https://auth.example/r\",\"client_id\":\"c\",\"client_secret\":" \
  "\"" SECRET "\",\"token_endpoint_auth_method\":\"" method                                   \
  "\",\"resource\":\"https://agent.example/\"," more "}"
#define STATE(method) \
  RECORD(method,      \
         "\"iss_required\":true,\"redirect_uri\":\"https://h.example/\",\"code_verifier\":\"v\"")
#define CREDENTIAL(method) \
  RECORD(method,           \
         "\"type\":\"oauth\",\"access_token\":\"" SECRET "\",\"refresh_token\":\"" SECRET "\"")

static const char *const states[] = {STATE("none"), STATE("client_secret_basic"),
                                     STATE("client_secret_post")};
static const char *const credentials[] = {CREDENTIAL("none"), CREDENTIAL("client_secret_basic"),
                                          CREDENTIAL("client_secret_post")};

static const invsrc_oauth_setup setup = {.size = sizeof setup, .now = NOW};

static int32_t begin(unsigned kind, invsrc_conversation **conversation) {
  const char *state = states[kind / 3 % 3], *credential = credentials[kind / 3 % 3];
  const invsrc_redirect redirect = {.size = sizeof redirect,
                                    .code = SECRET,
                                    .code_length = strlen(SECRET),
                                    .issuer = "https://auth.example",
                                    .issuer_length = 20};

  if (kind % 3 == 0)
    return invsrc_conversation_new_oauth_finish(state, strlen(state), &redirect, &setup,
                                                conversation);
  if (kind % 3 == 1)
    return invsrc_conversation_new_oauth_refresh(credential, strlen(credential), &setup,
                                                 conversation);
  return invsrc_conversation_new_oauth_revoke(credential, strlen(credential), &setup, conversation);
}

static void judge_request(const invsrc_http_request *request) {
  CHECK(strcmp(request->method, "POST") == 0 && request->redirects == 0 && !request->looks);
  CHECK(strncmp(request->url, "https://auth.example/", 21) == 0);
  for (uint32_t i = 0; i < request->header_count; i++) {
    ivs_http_field field;
    CHECK(ivs_http_field_read(request->headers[i], strlen(request->headers[i]), &field));
  }
  CHECK(strlen(request->body) == request->body_length);
}

/* One exchange; where the input has ended, there is no answer. */
static void carry_one(invsrc_conversation *conversation, struct input *input) {
  int32_t outcome = input->left ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
  invsrc_http_reply *reply = invsrc_http_reply_new();
  const invsrc_http_request *request;
  int32_t exchange = invsrc_conversation_next(conversation, &request);
  size_t length;

  CHECK(exchange > 0);
  judge_request(request);
  take_head(input, reply);
  length = strnlen(input->text, input->left);
  invsrc_http_reply_append_body(reply, input->text, length);
  input->text += length;
  input->left -= length;
  take_byte(input);
  CHECK(invsrc_conversation_answer(conversation, exchange, outcome, reply) == INVSRC_OK);
  invsrc_http_reply_free(reply);
}

static int is_one_of(int32_t outcome, unsigned kind) {
  static const int32_t outcomes[3][4] = {
      {INVSRC_OUTCOME_OK, INVSRC_OUTCOME_REFUSED, INVSRC_OUTCOME_UNAVAILABLE,
       INVSRC_OUTCOME_FAILED},
      {INVSRC_OUTCOME_OK, INVSRC_OUTCOME_REFUSED, INVSRC_OUTCOME_UNREACHABLE, 0},
      {INVSRC_OUTCOME_OK, INVSRC_OUTCOME_NOT_IMPLEMENTED, INVSRC_OUTCOME_UNAVAILABLE, 0}};

  for (size_t i = 0; i < 4; i++)
    if (outcome == outcomes[kind % 3][i]) return 1;
  return 0;
}

static void judge_end(const invsrc_conversation *conversation, unsigned kind) {
  const char *reason;
  int32_t outcome = invsrc_conversation_outcome(conversation, &reason);
  int64_t refresh_at = invsrc_conversation_refresh_at(conversation);
  uint64_t length;
  const char *credential =
      invsrc_conversation_result(conversation, INVSRC_RESULT_CREDENTIAL, &length);
  invsrc_conversation *next;

  CHECK(is_one_of(outcome, kind));
  CHECK((*reason == '\0') == (outcome == INVSRC_OUTCOME_OK));
  judge_reason(reason);
  CHECK((credential != NULL) == (outcome == INVSRC_OUTCOME_OK && kind % 3 != 2));
  CHECK(refresh_at == 0 || (credential && refresh_at > NOW && refresh_at <= NOW + LATEST));
  if (!credential) return;
  CHECK(invsrc_conversation_new_oauth_refresh(credential, length, &setup, &next) == INVSRC_OK);
  invsrc_conversation_free(next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {(const char *)data, size};
  unsigned kind = take_byte(&input);
  invsrc_conversation *conversation;
  int exchanges = 0;

  CHECK(begin(kind, &conversation) == INVSRC_OK);
  while (!invsrc_conversation_outcome(conversation, NULL)) {
    CHECK(++exchanges <= (kind % 3 == 2 ? 2 : 1));
    carry_one(conversation, &input);
  }
  judge_end(conversation, kind);
  invsrc_conversation_free(conversation);
  return 0;
}
