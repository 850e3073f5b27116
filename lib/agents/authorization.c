/*
 * See authorization.h.
 */
#include "agents/authorization.h"

#include <string.h>

#include "agents/http.h"
#include "core/base64.h"
#include "core/text.h"

#define BEARER "Authorization: Bearer "
#define ADCP_HEADER "x-adcp-auth" /* what AdCP clients of earlier versions send, on MCP */

enum shape { TOKEN, NAME_AND_PASSWORD, ASSERTION, ACCESS_TOKEN };

/* The types of `auth`, and what a person should look at. */
static const struct type {
  const char *name;
  enum shape shape;
  int is_api_key; /* the host's own header carries it too */
  const char *members;
} types[] = {
    {"bearer", TOKEN, 0, "auth.token"},
    {"api_key", TOKEN, 1, "auth.token"},
    {"apikey", TOKEN, 1, "auth.token"},
    {"basic", NAME_AND_PASSWORD, 0, "auth.username and auth.password"},
    {"jwt", ASSERTION, 0, "auth.scope, auth.subject and auth.audienceUrl"},
    {"oauth", ACCESS_TOKEN, 0, "the consent"}, /* ours: no request has it */
};

static const struct type *type_of(const ivs_json *auth) {
  size_t length;
  const char *name = ivs_json_string(ivs_json_member(auth, "type"), &length);

  for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
    if (strcmp(types[i].name, name) == 0) return &types[i];
  return NULL;
}

/* The text of a member without U+0000, or NULL. */
static const char *member(const ivs_json *auth, const char *key) {
  size_t length;
  const char *text = ivs_json_string(ivs_json_member(auth, key), &length);

  return text && strlen(text) == length ? text : NULL;
}

static ivs_buffer *add_line(ivs_authorization *to, const char *start) {
  ivs_buffer *line = &to->lines[to->count++];

  ivs_buffer_append_text(line, start);
  return line;
}

/* Whether every line is one that HTTP can carry. */
static int32_t judge(const ivs_authorization *authorization) {
  ivs_http_field field;

  for (size_t i = 0; i < authorization->count; i++) {
    const ivs_buffer *line = &authorization->lines[i];
    if (line->failed) return INVSRC_ENOMEM;
    if (!ivs_http_field_read(line->bytes, line->length, &field) || !field.value_length)
      return INVSRC_EMALFORMED;
  }
  return INVSRC_OK;
}

static int32_t read_token(const ivs_json *auth, const struct type *type, int is_mcp,
                          const char *header, ivs_authorization *to) {
  const char *token = member(auth, "token");

  if (!token) return INVSRC_EINVAL;
  ivs_buffer_append_text(add_line(to, BEARER), token);
  if (is_mcp) ivs_buffer_append_text(add_line(to, ADCP_HEADER ": "), token);
  if (type->is_api_key && header &&
      !(is_mcp && ivs_text_is_same(header, strlen(header), ADCP_HEADER))) {
    ivs_buffer *line = add_line(to, header);
    ivs_buffer_append_text(line, ": ");
    ivs_buffer_append_text(line, token);
  }
  return judge(to);
}

static int32_t read_basic(const ivs_json *auth, ivs_authorization *to) {
  const char *username = member(auth, "username"), *password = member(auth, "password");
  ivs_buffer pair = IVS_BUFFER_EMPTY;
  ivs_buffer *line = add_line(to, "Authorization: Basic ");

  if (!username || !password) return INVSRC_EINVAL;
  ivs_buffer_append_text(&pair, username);
  ivs_buffer_append_text(&pair, ":");
  ivs_buffer_append_text(&pair, password);
  if (pair.failed)
    line->failed = 1;
  else
    ivs_base64_append(line, pair.bytes, pair.length);
  ivs_buffer_end(&pair);
  return judge(to);
}

static int32_t read_access_token(const ivs_json *auth, ivs_authorization *to) {
  const char *token = member(auth, "access_token");

  return token ? ivs_authorization_set_token(to, token, strlen(token)) : INVSRC_EINVAL;
}

int32_t ivs_authorization_read(const ivs_json *auth, int is_mcp, const char *header,
                               ivs_authorization *to) {
  const struct type *type = type_of(auth);

  if (!type) return INVSRC_EINVAL;
  to->members = type->members;
  to->is_jwt = type->shape == ASSERTION;
  if (type->shape == TOKEN) return read_token(auth, type, is_mcp, header, to);
  if (type->shape == NAME_AND_PASSWORD) return read_basic(auth, to);
  return type->shape == ACCESS_TOKEN ? read_access_token(auth, to) : INVSRC_OK;
}

static void drop_lines(ivs_authorization *authorization) {
  for (size_t i = 0; i < IVS_AUTHORIZATION_LINES; i++) ivs_buffer_end(&authorization->lines[i]);
  authorization->count = 0;
}

int32_t ivs_authorization_set_token(ivs_authorization *to, const char *token, size_t length) {
  drop_lines(to);
  if (!ivs_authorization_is_visible(token, length)) return INVSRC_EMALFORMED;
  ivs_buffer_append(add_line(to, BEARER), token, length);
  return judge(to);
}

void ivs_authorization_send(const ivs_authorization *from, ivs_outgoing *request) {
  if (!from) return;
  for (size_t i = 0; i < from->count; i++) ivs_outgoing_add(request, from->lines[i].bytes, "");
}

void ivs_authorization_end(ivs_authorization *authorization) {
  drop_lines(authorization);
}

int ivs_authorization_is_visible(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] <= ' ' || text[i] > '~') return 0;
  return length > 0;
}
