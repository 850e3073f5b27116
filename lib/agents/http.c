/*
 * See http.h. What a reply holds may be a secret (an access token), so it lies
 * in buffers that wipe themselves.
 */
#include "agents/http.h"

#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/text.h"

/* Longer reasons are cut: they are one line of a log. */
#define LONGEST_REASON 200
#define LONGEST_NAME 128 /* of a field that a host chooses */

struct field {
  struct field *next;
  ivs_buffer name;
  ivs_buffer value;
};

struct invsrc_http_reply {
  int32_t status;
  struct field *fields;
  ivs_buffer body;
  char reason[LONGEST_REASON + 1];
};

static int is_token(char c) {
  return c > ' ' && c < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

/* Names that say something to HTTP itself, to the protocols, or to servers in between. */
int ivs_http_is_free_name(const char *name) {
  static const char *const taken[] = {"Accept",
                                      "Accept-Encoding",
                                      "Authorization",
                                      "Connection",
                                      "Content-Length",
                                      "Content-Type",
                                      "Cookie",
                                      "Expect",
                                      "Forwarded",
                                      "Host",
                                      "Keep-Alive",
                                      "Proxy-Authorization",
                                      "Proxy-Connection",
                                      "TE",
                                      "Trailer",
                                      "Transfer-Encoding",
                                      "Upgrade",
                                      "User-Agent",
                                      "Via",
                                      "A2A-Version",
                                      "Last-Event-ID",
                                      "Mcp-Method",
                                      "Mcp-Name",
                                      "Mcp-Protocol-Version",
                                      "Mcp-Session-Id",
                                      "Content-Encoding",
                                      "Accept-Charset",
                                      "Range"};
  size_t length = strlen(name);

  if (length == 0 || length > LONGEST_NAME) return 0;
  for (size_t i = 0; i < length; i++)
    if (!is_token(name[i])) return 0;
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
    if (ivs_text_is_same(name, length, taken[i])) return 0;
  return 1;
}

static int is_space(char c) {
  return c == ' ' || c == '\t';
}

static int is_control(char c) {
  return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

int ivs_http_field_read(const char *line, size_t length, ivs_http_field *field) {
  const char *colon = memchr(line, ':', length);

  if (!colon || colon == line) return 0;
  field->name = line;
  field->name_length = (size_t)(colon - line);
  for (size_t i = 0; i < field->name_length; i++)
    if (!is_token(line[i])) return 0;
  field->value = colon + 1;
  field->value_length = length - field->name_length - 1;
  while (field->value_length && is_space(*field->value)) field->value++, field->value_length--;
  while (field->value_length && is_space(field->value[field->value_length - 1]))
    field->value_length--;
  for (size_t i = 0; i < field->value_length; i++)
    if (is_control(field->value[i])) return 0;
  return 1;
}

invsrc_http_reply *invsrc_http_reply_new(void) {
  return calloc(1, sizeof(invsrc_http_reply));
}

void ivs_http_reply_clear(invsrc_http_reply *reply) {
  while (reply->fields) {
    struct field *field = reply->fields;
    reply->fields = field->next;
    ivs_buffer_end(&field->name);
    ivs_buffer_end(&field->value);
    free(field);
  }
  ivs_buffer_end(&reply->body);
  reply->reason[0] = '\0';
  reply->status = 0;
}

void invsrc_http_reply_free(invsrc_http_reply *reply) {
  if (!reply) return;
  ivs_http_reply_clear(reply);
  free(reply);
}

int32_t invsrc_http_reply_set_status(invsrc_http_reply *reply, int32_t status) {
  if (!reply || status < 100 || status > 999) return INVSRC_EINVAL;
  reply->status = status;
  return INVSRC_OK;
}

static struct field *find(const invsrc_http_reply *reply, const char *name, size_t length) {
  for (struct field *field = reply->fields; field; field = field->next)
    if (ivs_text_is_same(name, length, field->name.bytes)) return field;
  return NULL;
}

/* A field that comes again is one list (RFC 9110 §5.3). */
static int32_t extend(struct field *field, const char *value, size_t length) {
  ivs_buffer_append(&field->value, ", ", 2);
  ivs_buffer_append(&field->value, value, length);
  return field->value.failed ? INVSRC_ENOMEM : INVSRC_OK;
}

int32_t invsrc_http_reply_add_header(invsrc_http_reply *reply, const char *name,
                                     uint64_t name_length, const char *value,
                                     uint64_t value_length) {
  struct field *field;

  if (!reply || !name || name_length == 0 || (!value && value_length)) return INVSRC_EINVAL;
  if (memchr(name, '\0', (size_t)name_length)) return INVSRC_EINVAL;
  field = find(reply, name, (size_t)name_length);
  if (field) return extend(field, value, (size_t)value_length);
  field = calloc(1, sizeof *field);
  if (!field) return INVSRC_ENOMEM;
  ivs_buffer_append(&field->name, name, (size_t)name_length);
  ivs_buffer_append(&field->value, value, (size_t)value_length);
  if (field->name.failed || field->value.failed) {
    ivs_buffer_end(&field->name);
    ivs_buffer_end(&field->value);
    free(field);
    return INVSRC_ENOMEM;
  }
  field->next = reply->fields;
  reply->fields = field;
  return INVSRC_OK;
}

int32_t invsrc_http_reply_append_body(invsrc_http_reply *reply, const void *bytes,
                                      uint64_t length) {
  if (!reply || (!bytes && length)) return INVSRC_EINVAL;
  ivs_buffer_append(&reply->body, bytes, (size_t)length);
  return reply->body.failed ? INVSRC_ENOMEM : INVSRC_OK;
}

int32_t invsrc_http_reply_set_reason(invsrc_http_reply *reply, const char *reason) {
  size_t length = 0;

  if (!reply || !reason) return INVSRC_EINVAL;
  for (; length < LONGEST_REASON && reason[length]; length++)
    reply->reason[length] = is_control(reason[length]) ? ' ' : reason[length];
  reply->reason[length] = '\0';
  return INVSRC_OK;
}

int32_t invsrc_http_reply_status(const invsrc_http_reply *reply) {
  return reply ? reply->status : 0;
}

const char *invsrc_http_reply_header(const invsrc_http_reply *reply, const char *name) {
  struct field *field = reply && name ? find(reply, name, strlen(name)) : NULL;

  return field ? field->value.bytes : NULL;
}

const char *invsrc_http_reply_body(const invsrc_http_reply *reply, uint64_t *length) {
  if (length) *length = reply ? reply->body.length : 0;
  return reply && reply->body.bytes ? reply->body.bytes : "";
}

const char *invsrc_http_reply_reason(const invsrc_http_reply *reply) {
  return reply ? reply->reason : "";
}

int ivs_http_reply_is(const invsrc_http_reply *reply, const char *media_type) {
  const char *type = invsrc_http_reply_header(reply, "Content-Type");

  return type && ivs_text_is_same(type, strcspn(type, "; \t"), media_type);
}

uint32_t ivs_http_reply_retry_after(const invsrc_http_reply *reply, uint32_t limit) {
  const char *digits = invsrc_http_reply_header(reply, "Retry-After");
  uint32_t seconds = 0;

  if (!digits) return 0;
  for (; *digits >= '0' && *digits <= '9'; digits++)
    if (seconds < limit) seconds = seconds * 10 + (uint32_t)(*digits - '0');
  if (*digits) return 0;
  return seconds < limit ? seconds : limit;
}
