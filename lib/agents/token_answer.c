/*
 * See token_answer.h.
 */
#include "agents/token_answer.h"

#include <string.h>

#include "agents/authorization.h"
#include "core/json.h"
#include "core/text.h"

static const ivs_token_error *find_error(const ivs_token_endpoint *endpoint, const char *code) {
  const ivs_token_error *error = endpoint->errors;

  while (error->code && !(code && strcmp(error->code, code) == 0)) error++;
  return error;
}

/* A server in trouble, or one that is asked too often, refuses nobody; and what is no known
 * error may be of another protocol, but for the statuses that this one has. */
static int counts(const ivs_token_error *error, const char *code, int32_t status) {
  if (error->outcome != INVSRC_OUTCOME_UNREACHABLE && (status >= 500 || status == 429)) return 0;
  if (error->code || status == 200) return 1;
  return error->outcome && code && (status == 400 || ivs_verdict_is_refusal(status));
}

/* Whether the answer is an error of the protocol; the verdict is its. */
static int is_error(const ivs_token_endpoint *endpoint, const ivs_json *root, int32_t status,
                    ivs_verdict *verdict) {
  const ivs_json *member = ivs_json_member(root, "error");
  size_t length;
  const char *code = ivs_json_string(member, &length);
  const ivs_token_error *error = find_error(endpoint, code);

  if (!member || ivs_json_is_null(member) || !counts(error, code, status)) return 0;
  if (error->outcome)
    ivs_verdict_set(verdict, error->outcome, endpoint->party.name, error->reason);
  else
    ivs_verdict_set_refused(verdict, &endpoint->party, 0);
  return 1;
}

static void take_life(const ivs_json *root, ivs_token_answer *answer) {
  const ivs_json *expires_in = ivs_json_member(root, "expires_in");
  double seconds = ivs_json_number(expires_in);

  answer->says_life = ivs_json_is_number(expires_in);
  if (!(seconds > 0)) seconds = 0;
  answer->seconds = seconds < IVS_TOKEN_LONGEST ? seconds : IVS_TOKEN_LONGEST;
}

/* A text with U+0000 counts as absent. INVSRC_OK or INVSRC_ENOMEM. */
static int32_t take_text(const ivs_json *root, const char *name, ivs_buffer *to) {
  size_t length;
  const char *text = ivs_json_string(ivs_json_member(root, name), &length);

  return text && length && strlen(text) == length ? ivs_buffer_set(to, text, length) : INVSRC_OK;
}

static int32_t take_token(const ivs_token_endpoint *endpoint, const ivs_json *root,
                          ivs_token_answer *answer, ivs_verdict *verdict) {
  size_t length, type_length;
  const char *text = ivs_json_string(ivs_json_member(root, "access_token"), &length);
  const ivs_json *type_node = ivs_json_member(root, "token_type");
  const char *type = ivs_json_string(type_node, &type_length);
  const char *problem = NULL;
  int32_t code;

  if (!text || !ivs_authorization_is_visible(text, length)) problem = " answered without a token";
  /* Where it is not said, nothing else is known here. */
  if (type_node && !ivs_json_is_null(type_node) &&
      !(type && ivs_text_is_same(type, type_length, "Bearer")))
    problem = " gave a token that is no Bearer token";
  if (problem) {
    ivs_verdict_set(verdict, INVSRC_OUTCOME_UNREACHABLE, endpoint->party.name, problem);
    return INVSRC_OK;
  }
  take_life(root, answer);
  code = ivs_buffer_set(&answer->access_token, text, length);
  if (code == INVSRC_OK) code = take_text(root, "refresh_token", &answer->refresh_token);
  if (code == INVSRC_OK) code = take_text(root, "scope", &answer->scope);
  return code;
}

int32_t ivs_token_answer_read(const ivs_token_endpoint *endpoint, int32_t outcome,
                              const invsrc_http_reply *reply, ivs_token_answer *answer,
                              ivs_verdict *verdict) {
  const ivs_party *party = &endpoint->party;
  int32_t status = invsrc_http_reply_status(reply), code;
  ivs_json_document *document = NULL;
  ivs_json_fault fault;
  uint64_t length;
  const char *body = invsrc_http_reply_body(reply, &length);
  const ivs_json *root;

  if (outcome != INVSRC_OUTCOME_OK) {
    ivs_verdict_set_failure(verdict, party, outcome, reply);
    return INVSRC_OK;
  }
  code = ivs_json_parse_reply(body, (size_t)length, &document, &fault);
  if (code == INVSRC_ENOMEM) return code;
  code = INVSRC_OK;
  root = document ? ivs_json_root(document) : NULL;
  if (is_error(endpoint, root, status, verdict)) goto done;
  if (party->members && ivs_verdict_is_refusal(status))
    ivs_verdict_set_refused(verdict, party, status);
  else if (status != 200 || !ivs_json_is_object(root))
    ivs_verdict_set_foreign(verdict, party, reply, "a token");
  else
    code = take_token(endpoint, root, answer, verdict);
done:
  ivs_json_free(document);
  return code;
}

void ivs_token_answer_end(ivs_token_answer *answer) {
  ivs_buffer_end(&answer->access_token);
  ivs_buffer_end(&answer->refresh_token);
  ivs_buffer_end(&answer->scope);
}
