/*
 * See rpc.h.
 */
#include "agents/rpc.h"

#include <invsrc/invsrc.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

void ivs_rpc_begin(ivs_buffer *out, int32_t id, const char *method) {
  char start[48] = "{\"jsonrpc\":\"2.0\",";

  if (id) snprintf(start, sizeof start, "{\"jsonrpc\":\"2.0\",\"id\":%d,", (int)id);
  ivs_buffer_append_text(out, start);
  ivs_buffer_append_text(out, "\"method\":");
  ivs_json_write_string(out, method, strlen(method));
  ivs_buffer_append_text(out, ",\"params\":{");
}

void ivs_rpc_end(ivs_buffer *out) {
  ivs_buffer_append_text(out, "}}");
}

/* An error that came before the request was understood has the id null, or none. */
static int is_for(const ivs_json *root, int32_t id) {
  const ivs_json *given = ivs_json_member(root, "id");

  if (ivs_json_is_number(given)) return ivs_json_number(given) == (double)id;
  return ivs_json_is_object(ivs_json_member(root, "error")) && (!given || ivs_json_is_null(given));
}

int32_t ivs_rpc_read(const char *text, size_t length, int32_t id, ivs_rpc_answer *answer) {
  ivs_json_fault fault;
  int32_t code = ivs_json_parse_reply(text, length, &answer->document, &fault);
  const ivs_json *root;

  if (code != INVSRC_OK) return code == INVSRC_ENOMEM ? code : INVSRC_OK;
  root = ivs_json_root(answer->document);
  answer->error = ivs_json_member(root, "error");
  if (ivs_json_is_null(answer->error)) answer->error = NULL; /* some write it beside a result */
  if (!answer->error) answer->result = ivs_json_member(root, "result");
  if (!is_for(root, id) || (!answer->result && !ivs_json_is_object(answer->error)))
    ivs_rpc_answer_end(answer);
  return INVSRC_OK;
}

void ivs_rpc_answer_end(ivs_rpc_answer *answer) {
  ivs_json_free(answer->document);
  memset(answer, 0, sizeof *answer);
}

int32_t ivs_rpc_code(const ivs_rpc_answer *answer) {
  double code = ivs_json_number(ivs_json_member(answer->error, "code"));

  return code >= INT32_MIN && code <= INT32_MAX ? (int32_t)code : 0;
}

int ivs_rpc_is_text(const ivs_json *node, const char *text) {
  size_t length;
  const char *given = ivs_json_string(node, &length);

  return given && length == strlen(text) && memcmp(given, text, length) == 0;
}

/* Whether a message begins with these words, in any case. */
static int begins_with(const char *message, size_t length, const char *words) {
  size_t count = strlen(words);

  if (length < count) return 0;
  for (size_t i = 0; i < count; i++)
    if (ivs_text_lower(message[i]) != words[i]) return 0;
  return 1;
}

/* Servers put the refusal under -32001, -32000, -32600 or a code of their own, and all
 * say it in words like these. */
int ivs_rpc_is_refusal(const ivs_rpc_answer *answer) {
  static const char *const words[] = {"unauthorized",
                                      "unauthorised",
                                      "unauthenticated",
                                      "not authorized",
                                      "not authenticated",
                                      "authentication failed",
                                      "authentication required",
                                      "authorization failed",
                                      "authorization header",
                                      "authorization required",
                                      "forbidden",
                                      "access denied",
                                      "invalid api key",
                                      "invalid token",
                                      "missing token"};
  static const int32_t codes[] = {401, 403, -32401, -32403};
  int32_t code = ivs_rpc_code(answer);
  size_t length;
  const char *message = ivs_json_string(ivs_json_member(answer->error, "message"), &length);

  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (code == codes[i]) return 1;
  for (size_t i = 0; message && i < sizeof words / sizeof *words; i++)
    if (begins_with(message, length, words[i])) return 1;
  return 0;
}
