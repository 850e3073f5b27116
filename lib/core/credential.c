/*
 * See credential.h. No message here may carry a value from inside `auth`.
 */
#include "core/credential.h"

#include <invsrc/invsrc.h>
#include <string.h>

#include "core/private_key.h"

#define API_KEY 1u
#define BASIC_AUTH 2u
#define JWT 4u

/* The rows of the matrix. */
static const struct matrix_row {
  const char *authentication_type;
  unsigned shape; /* 0: auth must be absent */
  const char *presence_message;
  const char *types[4];
  const char *type_message;
} matrix[] = {
    {"API_KEY",
     API_KEY,
     "is required with authenticationType API_KEY",
     {"bearer", "apikey", "api_key"},
     "must be one of bearer, apikey, api_key"},
    {"BASIC_AUTH",
     BASIC_AUTH,
     "is required with authenticationType BASIC_AUTH",
     {"basic"},
     "must be basic"},
    {"JWT", JWT, "is required with authenticationType JWT", {"jwt"}, "must be jwt"},
    {"OAUTH", 0, "must be absent with authenticationType OAUTH", {NULL}, NULL},
    {"NO_AUTH", 0, "must be absent with authenticationType NO_AUTH", {NULL}, NULL},
};

static const char *const algorithms[] = {"ES256", "RS256", NULL};

#define HEADER_TEXT (IVS_RULE_REQUIRED | IVS_RULE_NO_LINE_END)
#define CLAIM_TEXT (IVS_RULE_REQUIRED | IVS_RULE_NO_NUL)
#define ONE_OR_MORE 1, 0, "must not be empty", NULL, NULL
#define URL_LENGTH 1, IVS_RULE_URL_LONGEST, IVS_RULE_URL_LENGTH, NULL, NULL

/* The members behind `type`, in the order in which they are reported and sealed. */
static const struct member {
  unsigned shape;
  ivs_rule rule;
} members[] = {
    {API_KEY, {"token", "auth.token", HEADER_TEXT, ONE_OR_MORE}},
    {BASIC_AUTH, {"username", "auth.username", HEADER_TEXT | IVS_RULE_NO_COLON, ONE_OR_MORE}},
    {BASIC_AUTH, {"password", "auth.password", HEADER_TEXT, 0, 0, NULL, NULL, NULL}},
    {JWT, {"privateKey", "auth.privateKey", CLAIM_TEXT, ONE_OR_MORE}},
    {JWT, {"issuer", "auth.issuer", CLAIM_TEXT, ONE_OR_MORE}},
    {JWT, {"subject", "auth.subject", CLAIM_TEXT, ONE_OR_MORE}},
    {JWT, {"keyId", "auth.keyId", CLAIM_TEXT, ONE_OR_MORE}},
    {JWT, {"scope", "auth.scope", CLAIM_TEXT, ONE_OR_MORE}},
    {JWT,
     {"tokenEndpointUrl", "auth.tokenEndpointUrl", IVS_RULE_REQUIRED | IVS_RULE_URL, URL_LENGTH}},
    {JWT, {"audienceUrl", "auth.audienceUrl", IVS_RULE_REQUIRED | IVS_RULE_URL, URL_LENGTH}},
    {JWT,
     {"algorithm", "auth.algorithm", 0, 0, 0, NULL, algorithms, "must be one of ES256, RS256"}},
    {JWT, {"environment", "auth.environment", IVS_RULE_NO_NUL, ONE_OR_MORE}},
};

/* Whether a kind of key will do for an algorithm ("": any), and the default. */
static const struct {
  int kind;
  const char *algorithm;
  const char *message; /* when the other kind, or another one, is given */
} keys[] = {
    {IVS_KEY_P256, "ES256", "must be an EC P-256 key with algorithm ES256"},
    {IVS_KEY_RSA, "RS256", "must be an RSA key of 2048 to 8192 bits with algorithm RS256"},
};

static const struct matrix_row *row_of(const char *authentication_type) {
  for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++)
    if (strcmp(matrix[i].authentication_type, authentication_type) == 0) return &matrix[i];
  return NULL;
}

static const char *algorithm_of(const ivs_json *auth) {
  size_t length;
  const char *text = ivs_json_string(ivs_json_member(auth, "algorithm"), &length);

  return text && ivs_rule_is_choice(algorithms, text, length) ? text : NULL;
}

/* Holds a private key to the algorithm that was asked for, if any, and gives the
 * one that it will sign with. */
static int32_t judge_key(const ivs_json *auth, ivs_issues *issues, const char **algorithm) {
  static const char path[] = "auth.privateKey";
  size_t length;
  const char *pem = ivs_json_string(ivs_json_member(auth, "privateKey"), &length);
  const char *wanted = algorithm_of(auth);
  int kind;
  int32_t result = ivs_private_key_judge(pem, length, &kind);

  if (result != INVSRC_OK) return result;
  if (kind == IVS_KEY_NONE) ivs_issues_add(issues, path, "must be a PEM private key");
  if (kind == IVS_KEY_ENCRYPTED)
    ivs_issues_add(issues, path, "must be an unencrypted PEM private key");
  if (kind == IVS_KEY_NONE || kind == IVS_KEY_ENCRYPTED) return INVSRC_OK;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    int asked = wanted && strcmp(keys[i].algorithm, wanted) == 0;
    if (asked && keys[i].kind != kind) ivs_issues_add(issues, path, keys[i].message);
    if (keys[i].kind == kind) *algorithm = keys[i].algorithm;
  }
  if (kind == IVS_KEY_OTHER && !wanted)
    ivs_issues_add(issues, path, "must be an EC P-256 key or an RSA key of 2048 to 8192 bits");
  return INVSRC_OK;
}

static void write_member(ivs_buffer *out, const char *key, const char *text, size_t length) {
  ivs_buffer_append_text(out, out->length ? "," : "{");
  ivs_json_write_string(out, key, strlen(key));
  ivs_buffer_append_text(out, ":");
  ivs_json_write_string(out, text, length);
}

static void write_credential(const ivs_json *auth, unsigned shape, const char *algorithm,
                             ivs_buffer *out) {
  size_t length;
  const char *text = ivs_json_string(ivs_json_member(auth, "type"), &length);

  write_member(out, "type", text, length);
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    if (members[i].shape != shape) continue;
    text = ivs_json_string(ivs_json_member(auth, members[i].rule.key), &length);
    if (members[i].rule.choices == algorithms) {
      text = algorithm;
      length = strlen(algorithm);
    }
    if (text) write_member(out, members[i].rule.key, text, length);
  }
  ivs_buffer_append_text(out, "}");
}

/* Judges every member of the shape. */
static int32_t judge_members(const ivs_json *auth, unsigned shape, const ivs_switches *switches,
                             ivs_issues *issues, const char **algorithm) {
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    int32_t result;
    ivs_uri url;

    if (members[i].shape != shape) continue;
    result = ivs_rule_judge(&members[i].rule, ivs_json_member(auth, members[i].rule.key), switches,
                            issues, &url);
    if (result == 1 && strcmp(members[i].rule.key, "privateKey") == 0)
      result = judge_key(auth, issues, algorithm);
    if (result < 0) return result;
  }
  return INVSRC_OK;
}

int32_t ivs_credential_read(const ivs_json *request, const char *authentication_type,
                            const ivs_switches *switches, ivs_issues *issues,
                            ivs_buffer *plaintext) {
  const struct matrix_row *row = row_of(authentication_type);
  const ivs_json *auth = ivs_json_member(request, "auth");
  const char *algorithm = NULL;
  size_t before = issues->count, length;
  const char *type = ivs_json_string(ivs_json_member(auth, "type"), &length);
  int32_t result;

  if (!row->shape || !auth) {
    if (!row->shape != !auth) ivs_issues_add(issues, "auth", row->presence_message);
    return INVSRC_OK;
  }
  if (!ivs_json_is_object(auth))
    ivs_issues_add(issues, "auth", "must be an object");
  else if (!type || !ivs_rule_is_choice(row->types, type, length))
    ivs_issues_add(issues, "auth.type", row->type_message);
  if (issues->count != before) return INVSRC_OK;
  result = judge_members(auth, row->shape, switches, issues, &algorithm);
  if (result != INVSRC_OK) return result;
  if (issues->count == before) write_credential(auth, row->shape, algorithm, plaintext);
  return plaintext->failed ? INVSRC_ENOMEM : INVSRC_OK;
}
