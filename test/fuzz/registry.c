/*
 * What the AAO registry answers: a first byte for the kind of question, then the field
 * lines, an empty line, and the body. An answer is a list, the news that nothing has
 * changed, or none, with a reason.
 */
#include "agents/aao.h"
#include "agents/http.h"
#include "fuzz/fuzz.h"

static void add_fields(invsrc_http_reply *reply, const char **text, size_t *left) {
  while (*left) {
    const char *end = memchr(*text, '\n', *left);
    size_t length = end ? (size_t)(end - *text) : *left;
    ivs_http_field field;

    if (length && ivs_http_field_read(*text, length, &field))
      invsrc_http_reply_add_header(reply, field.name, field.name_length, field.value,
                                   field.value_length);
    *text += length + (end != NULL);
    *left -= length + (end != NULL);
    if (length == 0) return;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const ivs_aao_site site = {"https://registry.example", "sk_key"};
  static const int32_t statuses[] = {200, 304, 404, 429, 503};
  const char *text = (const char *)data;
  invsrc_http_reply *reply = invsrc_http_reply_new();
  ivs_aao_request request;
  ivs_aao_answer answer;
  unsigned kind;

  if (size == 0) goto done;
  kind = *data;
  text++, size--;
  CHECK((kind & 1 ? ivs_aao_request_operator(&request, &site, "agent.example", 13)
                  : ivs_aao_request_catalogue(&request, &site, kind & 2 ? "\"e\"" : NULL, NULL)) ==
        INVSRC_OK);
  invsrc_http_reply_set_status(reply, statuses[(kind >> 2) % 5]);
  add_fields(reply, &text, &size);
  invsrc_http_reply_append_body(reply, text, size);
  CHECK(ivs_aao_answer_read(&answer, &request, INVSRC_OUTCOME_OK, reply) == INVSRC_OK);
  CHECK(answer.set || answer.unchanged || *answer.reason);
  CHECK(!answer.set || answer.set->count <= answer.set->listed);
  ivs_aao_answer_end(&answer);
  ivs_aao_request_end(&request);
done:
  invsrc_http_reply_free(reply);
  return 0;
}
