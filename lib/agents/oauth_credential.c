/*
 * See oauth_credential.h.
 */
#include "agents/oauth_credential.h"

#include <invsrc/invsrc.h>
#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/uri.h"

#define TYPE "oauth" /* of the credential, as authorization.c knows it */

enum need { NOT, MAY, MUST };

/* What each form has: CLIENT, PRIVATE_STATE, CREDENTIAL. */
static const struct {
  const char *name;
  enum need needs[3];
  int is_endpoint;
} members[IVS_OAUTH_MEMBERS] = {
    [IVS_OAUTH_ACCESS_TOKEN] = {"access_token", {NOT, NOT, MUST}, 0},
    [IVS_OAUTH_REFRESH_TOKEN] = {"refresh_token", {NOT, NOT, MAY}, 0},
    [IVS_OAUTH_SCOPE] = {"scope", {NOT, MAY, MAY}, 0},
    [IVS_OAUTH_ISSUER] = {"issuer", {NOT, MUST, MUST}, 0},
    [IVS_OAUTH_TOKEN_ENDPOINT] = {"token_endpoint", {NOT, MUST, MUST}, 1},
    [IVS_OAUTH_REVOCATION_ENDPOINT] = {"revocation_endpoint", {NOT, MAY, MAY}, 1},
    [IVS_OAUTH_CLIENT_ID] = {"client_id", {MUST, MUST, MUST}, 0},
    [IVS_OAUTH_CLIENT_SECRET] = {"client_secret", {MAY, MAY, MAY}, 0},
    [IVS_OAUTH_AUTH_METHOD] = {"token_endpoint_auth_method", {MUST, MUST, MUST}, 0},
    [IVS_OAUTH_REDIRECT_URI] = {"redirect_uri", {NOT, MUST, NOT}, 0},
    [IVS_OAUTH_CODE_VERIFIER] = {"code_verifier", {NOT, MUST, NOT}, 0},
    [IVS_OAUTH_RESOURCE] = {"resource", {NOT, MUST, MUST}, 0},
};

/* ---- Members ------------------------------------------------------------------------ */

int32_t ivs_oauth_record_set(ivs_oauth_record *record, enum ivs_oauth_member member,
                             const char *text, size_t length) {
  return ivs_buffer_set(&record->texts[member], text, length);
}

const char *ivs_oauth_record_text(const ivs_oauth_record *record, enum ivs_oauth_member member) {
  return record->texts[member].length ? record->texts[member].bytes : NULL;
}

int ivs_oauth_record_has_method(const ivs_oauth_record *record) {
  const char *method = ivs_oauth_record_text(record, IVS_OAUTH_AUTH_METHOD);

  if (!method) return 0;
  if (strcmp(method, IVS_OAUTH_METHOD_NONE) == 0) return 1;
  return (strcmp(method, IVS_OAUTH_METHOD_BASIC) == 0 ||
          strcmp(method, IVS_OAUTH_METHOD_POST) == 0) &&
         ivs_oauth_record_text(record, IVS_OAUTH_CLIENT_SECRET);
}

static int32_t judge_url(const ivs_buffer *url, int allow_http) {
  ivs_uri uri;
  const char *reason;
  size_t offset;
  int32_t code = ivs_url_parse(url->bytes, url->length, &uri, &reason, &offset);

  if (code == INVSRC_ENOMEM) return code;
  if (code != INVSRC_OK || uri.userinfo.text || uri.fragment.text) return INVSRC_EINVAL;
  return allow_http || ivs_uri_scheme_is(&uri, "https") ? INVSRC_OK : INVSRC_EINVAL;
}

int32_t ivs_oauth_record_judge_urls(const ivs_oauth_record *record, int allow_http) {
  int32_t code = INVSRC_OK;

  for (size_t i = 0; i < IVS_OAUTH_MEMBERS && code == INVSRC_OK; i++)
    if (members[i].is_endpoint && record->texts[i].length)
      code = judge_url(&record->texts[i], allow_http);
  return code;
}

void ivs_oauth_record_end(ivs_oauth_record *record) {
  for (size_t i = 0; i < IVS_OAUTH_MEMBERS; i++) ivs_buffer_end(&record->texts[i]);
  record->is_iss_required = 0;
  record->secret_expires_at = 0;
}

/* ---- Reading ------------------------------------------------------------------------ */

static int32_t read_text(const ivs_json *root, size_t member, enum need need,
                         ivs_oauth_record *to) {
  const ivs_json *node = ivs_json_member(root, members[member].name);
  size_t length = 0;
  const char *text = ivs_json_string(node, &length);

  if (need == NOT || (!node && need == MAY)) return INVSRC_OK;
  if (!text || strlen(text) != length || (!length && need == MUST)) return INVSRC_EINVAL;
  return ivs_buffer_set(&to->texts[member], text, length);
}

static int is_type(const ivs_json *root) {
  size_t length;
  const char *type = ivs_json_string(ivs_json_member(root, "type"), &length);

  return type && length == strlen(TYPE) && memcmp(type, TYPE, length) == 0;
}

/* The members that are no texts. Returns 0 where they are not as they should be. */
static int read_others(const ivs_json *root, enum ivs_oauth_form form, ivs_oauth_record *to) {
  const ivs_json *expires = ivs_json_member(root, "client_secret_expires_at");
  const ivs_json *required = ivs_json_member(root, "iss_required");
  double seconds = ivs_json_number(expires);

  if (form == IVS_OAUTH_CREDENTIAL) return is_type(root);
  if (form == IVS_OAUTH_PRIVATE_STATE) {
    to->is_iss_required = ivs_json_is_true(required);
    return ivs_json_is_boolean(required);
  }
  if (!expires) return 1;
  if (!ivs_json_is_number(expires) || !(seconds >= 0)) return 0;
  to->secret_expires_at = seconds < INVSRC_TIME_LIMIT ? (int64_t)seconds : INVSRC_TIME_LIMIT;
  return 1;
}

int32_t ivs_oauth_record_read(const void *text, size_t length, enum ivs_oauth_form form,
                              ivs_oauth_record *to) {
  ivs_json_document *document = NULL;
  ivs_json_fault fault;
  int32_t code = ivs_json_parse(text, length, &document, &fault);
  const ivs_json *root = document ? ivs_json_root(document) : NULL;

  for (size_t i = 0; i < IVS_OAUTH_MEMBERS && code == INVSRC_OK; i++)
    code = read_text(root, i, members[i].needs[form], to);
  if (code == INVSRC_OK && !(read_others(root, form, to) && ivs_oauth_record_has_method(to)))
    code = INVSRC_EINVAL;
  if (code == INVSRC_OK) code = ivs_oauth_record_judge_urls(to, 1);
  ivs_json_free(document);
  return code == INVSRC_EMALFORMED ? INVSRC_EINVAL : code;
}

/* ---- Writing ------------------------------------------------------------------------ */

static void write_name(ivs_buffer *out, const char *name) {
  ivs_buffer_append_text(out, out->length && out->bytes[out->length - 1] == '{' ? "\"" : ",\"");
  ivs_buffer_append_text(out, name);
  ivs_buffer_append_text(out, "\":");
}

static void write_others(const ivs_oauth_record *from, enum ivs_oauth_form form, ivs_buffer *out) {
  char number[32];

  if (form == IVS_OAUTH_CREDENTIAL) {
    write_name(out, "type");
    ivs_buffer_append_text(out, "\"" TYPE "\"");
  } else if (form == IVS_OAUTH_PRIVATE_STATE) {
    write_name(out, "iss_required");
    ivs_buffer_append_text(out, from->is_iss_required ? "true" : "false");
  } else if (ivs_oauth_record_text(from, IVS_OAUTH_CLIENT_SECRET)) {
    snprintf(number, sizeof number, "%lld", (long long)from->secret_expires_at);
    write_name(out, "client_secret_expires_at");
    ivs_buffer_append_text(out, number);
  }
}

void ivs_oauth_record_write(const ivs_oauth_record *from, enum ivs_oauth_form form,
                            ivs_buffer *out) {
  ivs_buffer_append_text(out, "{");
  write_others(from, form, out);
  for (size_t i = 0; i < IVS_OAUTH_MEMBERS; i++) {
    if (members[i].needs[form] == NOT) continue;
    out->failed |= from->texts[i].failed;
    if (!from->texts[i].length) continue;
    write_name(out, members[i].name);
    ivs_json_write_string(out, from->texts[i].bytes, from->texts[i].length);
  }
  ivs_buffer_append_text(out, "}");
}
