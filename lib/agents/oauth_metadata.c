/*
 * See oauth_metadata.h.
 */
#include "agents/oauth_metadata.h"

#include <invsrc/invsrc.h>
#include <string.h>

#include "agents/challenge.h"
#include "agents/oauth_client.h"
#include "agents/origin.h"
#include "agents/rpc.h"
#include "core/uri.h"

#define CODE "code"
#define METHOD "S256"
#define OFFLINE_ACCESS "offline_access"
#define CANONICAL_SIZE (IVS_URI_LONGEST + 2) /* a path of its own, and the NUL */

/* ---- URLs -------------------------------------------------------------------------------- */

int32_t ivs_oauth_judge_url(const char *text, size_t length, const char *base, int allow_http,
                            int *good) {
  ivs_uri uri;
  const char *reason;
  size_t offset;
  int32_t code = ivs_url_parse(text, length, &uri, &reason, &offset);

  *good = 0;
  if (code != INVSRC_OK) return code == INVSRC_ENOMEM ? code : INVSRC_OK;
  if (uri.userinfo.text || uri.fragment.text) return INVSRC_OK;
  *good = ivs_uri_scheme_is(&uri, "https") || (allow_http && !base);
  if (*good || !allow_http) return INVSRC_OK;
  return ivs_origin_compare(base, text, good);
}

/* Takes the URL that a member is. Leaves `to` empty where there is no such member; else
 * `*good` says whether it may be used. */
static int32_t take_url(const ivs_json *node, const char *base, int allow_http, ivs_buffer *to,
                        int *good) {
  size_t length;
  const char *text = ivs_json_string(node, &length);
  int32_t code;

  *good = !node || ivs_json_is_null(node);
  if (!text) return INVSRC_OK;
  code = ivs_oauth_judge_url(text, length, base, allow_http, good);
  if (code != INVSRC_OK || !*good) return code;
  return ivs_buffer_set(to, text, length);
}

/* ---- Resources --------------------------------------------------------------------------- */

/* Whether a resource is the endpoint, or what it lies below, by their canonical forms. */
static int is_above(const char *resource, size_t length, const char *endpoint) {
  size_t end = strcspn(endpoint, "?");

  if (strcmp(resource, endpoint) == 0) return 1;
  if (length > end || memchr(resource, '?', length) || memcmp(resource, endpoint, length) != 0)
    return 0;
  return length == end || resource[length - 1] == '/' || endpoint[length] == '/';
}

/* Two URLs of the longest kind lie on the stack. */
static int32_t judge_resource(const ivs_buffer *resource, const char *endpoint, int *good) {
  char one[CANONICAL_SIZE], other[CANONICAL_SIZE];
  uint64_t length = 0;
  int32_t code =
      invsrc_uri_canonicalize(resource->bytes, resource->length, one, sizeof one, &length, NULL);

  if (code == INVSRC_OK)
    code = invsrc_uri_canonicalize(endpoint, strlen(endpoint), other, sizeof other, NULL, NULL);
  *good = code == INVSRC_OK && is_above(one, (size_t)length, other);
  return code == INVSRC_ENOMEM ? code : INVSRC_OK;
}

static int32_t take_resource(const ivs_json *root, const char *endpoint, ivs_buffer *to,
                             const char **problem) {
  int good;
  int32_t code = take_url(ivs_json_member(root, "resource"), NULL, 1, to, &good);

  if (code == INVSRC_OK && good && to->length) code = judge_resource(to, endpoint, &good);
  if (code == INVSRC_OK && (!good || !to->length)) *problem = " is of another resource";
  return code;
}

/* An issuer has no query either (RFC 8414 §2). */
static int32_t take_issuer(const ivs_json *root, int allow_http, ivs_buffer *to,
                           const char **problem) {
  const ivs_json *list = ivs_json_member(root, "authorization_servers");
  const ivs_json *first = ivs_json_is_array(list) ? ivs_json_first(list) : NULL;
  int good;
  int32_t code = take_url(first, NULL, allow_http, to, &good);

  if (code != INVSRC_OK) return code;
  if (!first)
    *problem = " names no authorization server";
  else if (!good || !to->length || memchr(to->bytes, '?', to->length))
    *problem = " names an authorization server that cannot be asked";
  return INVSRC_OK;
}

/* What is no scope is left out. */
static void take_scopes(const ivs_json *list, ivs_buffer *to) {
  const ivs_json *node = ivs_json_is_array(list) ? ivs_json_first(list) : NULL;

  for (; node; node = ivs_json_next(node)) {
    size_t length;
    const char *text = ivs_json_string(node, &length);
    if (!text || !ivs_challenge_is_scope(text, length)) continue;
    if (to->length) ivs_buffer_append(to, " ", 1);
    ivs_buffer_append(to, text, length);
  }
}

int32_t ivs_resource_metadata_read(const ivs_json *root, const char *endpoint, int allow_http,
                                   ivs_resource_metadata *to, const char **problem) {
  int32_t code;

  *problem = NULL;
  code = take_resource(root, endpoint, &to->resource, problem);
  if (code == INVSRC_OK && !*problem) code = take_issuer(root, allow_http, &to->issuer, problem);
  if (code != INVSRC_OK || *problem) return code;
  take_scopes(ivs_json_member(root, "scopes_supported"), &to->scope);
  return to->scope.failed ? INVSRC_ENOMEM : INVSRC_OK;
}

int32_t ivs_resource_metadata_guess(const char *endpoint, int allow_http, ivs_resource_metadata *to,
                                    const char **problem) {
  char canonical[CANONICAL_SIZE];
  size_t origin;
  int32_t code =
      invsrc_uri_canonicalize(endpoint, strlen(endpoint), canonical, sizeof canonical, NULL, NULL);
  int good = 0;

  *problem = NULL;
  if (code == INVSRC_OK) {
    origin = (size_t)(strchr(strstr(canonical, "//") + 2, '/') - canonical);
    ivs_buffer_append(&to->issuer, canonical, origin);
    ivs_buffer_append(&to->resource, endpoint, strcspn(endpoint, "#"));
    if (to->issuer.failed || to->resource.failed) return INVSRC_ENOMEM;
    code = ivs_oauth_judge_url(to->issuer.bytes, origin, NULL, allow_http, &good);
  }
  if (code == INVSRC_ENOMEM) return code;
  if (!good) *problem = " cannot be asked but over http";
  return INVSRC_OK;
}

void ivs_resource_metadata_end(ivs_resource_metadata *metadata) {
  ivs_buffer_end(&metadata->resource);
  ivs_buffer_end(&metadata->issuer);
  ivs_buffer_end(&metadata->scope);
}

/* ---- Servers ----------------------------------------------------------------------------- */

static int has(const ivs_json *root, const char *member, const char *text) {
  const ivs_json *list = ivs_json_member(root, member);
  const ivs_json *node = ivs_json_is_array(list) ? ivs_json_first(list) : NULL;

  for (; node; node = ivs_json_next(node))
    if (ivs_rpc_is_text(node, text)) return 1;
  return 0;
}

static int32_t take_own_issuer(const ivs_json *root, const ivs_buffer *asked, int is_guessed,
                               ivs_buffer *to, const char **problem) {
  size_t length;
  const char *text = ivs_json_string(ivs_json_member(root, "issuer"), &length);
  int same = text && length >= asked->length && memcmp(text, asked->bytes, asked->length) == 0;

  if (same && (length == asked->length ||
               (is_guessed && length == asked->length + 1 && text[length - 1] == '/')))
    return ivs_buffer_set(to, text, length);
  *problem = " names another issuer than it was asked as";
  return INVSRC_OK;
}

static int32_t take_endpoints(const ivs_json *root, int allow_http, ivs_server_metadata *to,
                              const char **problem) {
  const struct {
    const char *name;
    ivs_buffer *to;
  } rows[] = {{"authorization_endpoint", &to->authorization_endpoint},
              {"token_endpoint", &to->token_endpoint},
              {"registration_endpoint", &to->registration_endpoint},
              {"revocation_endpoint", &to->revocation_endpoint}};
  int32_t code = INVSRC_OK;

  for (size_t i = 0; code == INVSRC_OK && !*problem && i < sizeof rows / sizeof *rows; i++) {
    int good = 0;
    code = take_url(ivs_json_member(root, rows[i].name), to->issuer.bytes, allow_http, rows[i].to,
                    &good);
    if (code == INVSRC_OK && !good) *problem = " names an endpoint that must not be asked";
  }
  if (code == INVSRC_OK && !*problem &&
      (!to->authorization_endpoint.length || !to->token_endpoint.length))
    *problem = " names no authorization or no token endpoint";
  return code;
}

int32_t ivs_server_metadata_read(const ivs_json *root, const ivs_buffer *issuer, int is_guessed,
                                 int allow_http, ivs_server_metadata *to, const char **problem) {
  int32_t code;

  *problem = NULL;
  code = take_own_issuer(root, issuer, is_guessed, &to->issuer, problem);
  if (code == INVSRC_OK && !*problem) code = take_endpoints(root, allow_http, to, problem);
  if (code != INVSRC_OK || *problem) return code;
  if (!has(root, "response_types_supported", CODE))
    *problem = " gives no authorization codes";
  else if (!has(root, "code_challenge_methods_supported", METHOD))
    *problem = " does not take PKCE with " METHOD;
  to->method =
      ivs_oauth_client_method(ivs_json_member(root, "token_endpoint_auth_methods_supported"));
  to->iss_required =
      ivs_json_is_true(ivs_json_member(root, "authorization_response_iss_parameter_supported"));
  to->takes_documents =
      ivs_json_is_true(ivs_json_member(root, "client_id_metadata_document_supported"));
  to->has_offline_access = has(root, "scopes_supported", OFFLINE_ACCESS);
  return INVSRC_OK;
}

void ivs_server_metadata_end(ivs_server_metadata *metadata) {
  ivs_buffer_end(&metadata->issuer);
  ivs_buffer_end(&metadata->authorization_endpoint);
  ivs_buffer_end(&metadata->token_endpoint);
  ivs_buffer_end(&metadata->registration_endpoint);
  ivs_buffer_end(&metadata->revocation_endpoint);
}
