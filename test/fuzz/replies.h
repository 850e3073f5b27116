/*
 * Replies out of the bytes that a target is called with: a byte for the status, field lines,
 * an empty line, and what the target makes of the rest.
 */
#ifndef FUZZ_REPLIES_H
#define FUZZ_REPLIES_H

#include <invsrc/providers.h>

#include "agents/http.h"
#include "core/text.h"
#include "fuzz/fuzz.h"

/* Stands in what must not be told. */
#define SECRET "Zq7SECRETq7Z"

/* What is left of the input. */
struct input {
  const char *text;
  size_t left;
};

static inline unsigned take_byte(struct input *input) {
  if (!input->left) return 0;
  input->left--;
  return (unsigned char)*input->text++;
}

static inline void take_fields(struct input *input, invsrc_http_reply *reply) {
  while (input->left && *input->text) {
    const char *end = memchr(input->text, '\n', input->left);
    size_t length = end ? (size_t)(end - input->text) : input->left;
    ivs_http_field field;

    if (length && ivs_http_field_read(input->text, length, &field))
      invsrc_http_reply_add_header(reply, field.name, field.name_length, field.value,
                                   field.value_length);
    input->text += length + (end != NULL);
    input->left -= length + (end != NULL);
    if (length == 0) return;
  }
}

static inline void take_head(struct input *input, invsrc_http_reply *reply) {
  static const int32_t statuses[] = {200, 202, 400, 401, 403, 404, 405, 302, 500, 204};

  invsrc_http_reply_set_status(reply, statuses[take_byte(input) % 10]);
  take_fields(input, reply);
}

static inline void judge_reason(const char *reason) {
  CHECK(ivs_text_is_utf8(reason, strlen(reason), NULL) && strlen(reason) < 256);
  CHECK(!ivs_text_has_control(reason, strlen(reason)) && !strstr(reason, "SECRET"));
}

#endif
