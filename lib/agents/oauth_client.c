/*
 * See oauth_client.h.
 */
#include "agents/oauth_client.h"

#include <string.h>

#include "core/text.h"

#define LONGEST 2048               /* bytes of an id or a secret */
#define LAST_SECOND 253402300799.0 /* of the year 9999 */

/* How a client may authenticate, what we like best first. */
static const struct method {
  const char *name;
  int has_secret;
} methods[] = {{IVS_OAUTH_METHOD_NONE, 0}, {IVS_OAUTH_METHOD_BASIC, 1}, {IVS_OAUTH_METHOD_POST, 1}};

static const struct method *method_of(const ivs_json *node) {
  size_t length;
  const char *name = ivs_json_string(node, &length);

  for (size_t i = 0; name && i < sizeof methods / sizeof *methods; i++)
    if (strlen(methods[i].name) == length && memcmp(methods[i].name, name, length) == 0)
      return &methods[i];
  return NULL;
}

/* ---- The request ------------------------------------------------------------------------- */

const char *ivs_oauth_client_method(const ivs_json *supported) {
  const struct method *best = NULL;

  if (!ivs_json_is_array(supported)) return methods[0].name;
  for (const ivs_json *node = ivs_json_first(supported); node; node = ivs_json_next(node)) {
    const struct method *method = method_of(node);
    if (method && (!best || method < best)) best = method;
  }
  return best ? best->name : NULL;
}

static void write_text(ivs_buffer *out, const char *before, const char *text, const char *behind) {
  ivs_buffer_append_text(out, before);
  ivs_json_write_string(out, text, strlen(text));
  ivs_buffer_append_text(out, behind);
}

void ivs_oauth_client_write(ivs_buffer *out, const char *name, const ivs_buffer *redirect_uris,
                            size_t count, const char *method) {
  write_text(out, "\"client_name\":", name, ",\"redirect_uris\":[");
  for (size_t i = 0; i < count; i++) write_text(out, i ? "," : "", redirect_uris[i].bytes, "");
  ivs_buffer_append_text(out,
                         "],\"grant_types\":[\"authorization_code\",\"refresh_token\"],"
                         "\"response_types\":[\"code\"]");
  write_text(out, ",\"token_endpoint_auth_method\":", method, ",\"application_type\":\"web\"}");
}

int32_t ivs_oauth_client_ask(const char *url, const char *name, const ivs_buffer *redirect_uri,
                             const char *method, ivs_outgoing *request) {
  ivs_outgoing_begin(request, "POST", url);
  ivs_outgoing_add(request, "Accept: ", "application/json");
  ivs_outgoing_add(request, "Content-Type: ", "application/json");
  ivs_buffer_append_text(&request->body, "{");
  ivs_oauth_client_write(&request->body, name, redirect_uri, 1, method);
  return ivs_outgoing_finish(request);
}

/* ---- The answer -------------------------------------------------------------------------- */

static int is_there(const ivs_json *node) {
  return node && !ivs_json_is_null(node);
}

/* INVSRC_EMALFORMED where it is no text that can be sent. */
static int32_t take_text(const ivs_json *node, enum ivs_oauth_member member, ivs_oauth_record *to) {
  size_t length;
  const char *text = ivs_json_string(node, &length);

  if (!text || !length || length > LONGEST || ivs_text_has_control(text, length))
    return INVSRC_EMALFORMED;
  return ivs_oauth_record_set(to, member, text, length);
}

static int64_t seconds_of(const ivs_json *node) {
  double seconds = ivs_json_number(node);

  if (!(seconds > 0)) return 0;
  return (int64_t)(seconds < LAST_SECOND ? seconds : LAST_SECOND);
}

/* A secret that is not to be used is not kept. */
int32_t ivs_oauth_client_take(const ivs_json *root, ivs_oauth_record *to) {
  const ivs_json *given = ivs_json_member(root, "token_endpoint_auth_method");
  const ivs_json *secret = ivs_json_member(root, "client_secret");
  const struct method *method = is_there(given) ? method_of(given) : &methods[is_there(secret)];
  int32_t code = take_text(ivs_json_member(root, "client_id"), IVS_OAUTH_CLIENT_ID, to);

  if (code != INVSRC_OK) return code;
  if (!method) return INVSRC_EREFUSED;
  code = ivs_oauth_record_set(to, IVS_OAUTH_AUTH_METHOD, method->name, strlen(method->name));
  if (code != INVSRC_OK || !method->has_secret) return code;
  to->secret_expires_at = seconds_of(ivs_json_member(root, "client_secret_expires_at"));
  return take_text(secret, IVS_OAUTH_CLIENT_SECRET, to);
}

int32_t ivs_oauth_client_set_url(ivs_oauth_record *to, const ivs_buffer *url) {
  int32_t code =
      ivs_oauth_record_set(to, IVS_OAUTH_AUTH_METHOD, methods[0].name, strlen(methods[0].name));

  if (code != INVSRC_OK) return code;
  return ivs_oauth_record_set(to, IVS_OAUTH_CLIENT_ID, url->bytes, url->length);
}
