/*
 * See jwt.h. OpenSSL's own readers of keys leave copies in freed memory, so the numbers
 * of the key are handed to it one by one, in blocks that are wiped here and there.
 */
#include "agents/jwt.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/token_answer.h"
#include "core/base64.h"
#include "core/private_key.h"
#include "core/uri.h"

#define P256_BYTES 32

/* ---- The key ------------------------------------------------------------------- */

/* The algorithms, what each takes for a key, and how the numbers of the key are named. */
static const struct algorithm {
  const char *name;
  int kind;
  const char *type;
  const char *numbers[IVS_KEY_NUMBERS];
} algorithms[] = {
    {"ES256", IVS_KEY_P256, "EC", {OSSL_PKEY_PARAM_PRIV_KEY}},
    {"RS256",
     IVS_KEY_RSA,
     "RSA",
     {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
      OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
      OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1}},
};

static int is_little_endian(void) {
  const unsigned one = 1;

  return *(const unsigned char *)&one == 1;
}

static unsigned char *number_of(const ivs_private_key *key, size_t index) {
  return (unsigned char *)key->block +
         (key->numbers[index].bytes - (const unsigned char *)key->block);
}

/* Turns the numbers, where they lie, into the byte order that OpenSSL asks for. */
static void order_numbers(const ivs_private_key *key) {
  for (size_t i = 0; is_little_endian() && i < key->count; i++) {
    unsigned char *bytes = number_of(key, i);
    for (size_t a = 0, b = key->numbers[i].length; a + 1 < b; a++, b--) {
      unsigned char byte = bytes[a];
      bytes[a] = bytes[b - 1];
      bytes[b - 1] = byte;
    }
  }
}

/* The numbers are lent to OpenSSL, which copies them into numbers that it wipes. */
static EVP_PKEY *make_key(const ivs_private_key *key, const struct algorithm *algorithm) {
  OSSL_PARAM params[IVS_KEY_NUMBERS + 2];
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, algorithm->type, NULL);
  EVP_PKEY *made = NULL;
  char curve[] = "prime256v1";
  size_t count = 0;

  for (; count < key->count; count++)
    params[count] = OSSL_PARAM_construct_BN(algorithm->numbers[count], number_of(key, count),
                                            key->numbers[count].length);
  if (key->kind == IVS_KEY_P256)
    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
  params[count] = OSSL_PARAM_construct_end();
  if (context && EVP_PKEY_fromdata_init(context) == 1)
    (void)EVP_PKEY_fromdata(context, &made, EVP_PKEY_KEYPAIR, params);
  EVP_PKEY_CTX_free(context);
  return made;
}

/* ---- The signature --------------------------------------------------------------- */

/* R and S, as JWS has them (RFC 7518 §3.4), from the DER that OpenSSL makes. */
static int append_raw(ivs_buffer *out, const unsigned char *der, size_t length) {
  unsigned char raw[2 * P256_BYTES];
  ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)length);
  int made = signature &&
             BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, P256_BYTES) == P256_BYTES &&
             BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + P256_BYTES, P256_BYTES) == P256_BYTES;

  if (made) ivs_base64url_append(out, raw, sizeof raw);
  ECDSA_SIG_free(signature);
  return made;
}

/* Appends "." and the signature of what the buffer holds. */
static int sign_with(EVP_PKEY *key, const struct algorithm *algorithm, ivs_buffer *out) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  size_t length = (size_t)EVP_PKEY_get_size(key);
  unsigned char *signature = malloc(length);
  int made =
      context && signature && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
      EVP_DigestSign(context, signature, &length, (const unsigned char *)out->bytes, out->length) ==
          1;

  if (made) ivs_buffer_append_text(out, ".");
  if (made && algorithm->kind == IVS_KEY_P256)
    made = append_raw(out, signature, length);
  else if (made)
    ivs_base64url_append(out, signature, length);
  free(signature);
  EVP_MD_CTX_free(context);
  return made;
}

/* INVSRC_OK or INVSRC_ENOMEM: the numbers were found to fit, so that libcrypto fails for want
 * of memory only, whatever it says. */
static int32_t sign(const ivs_private_key *key, const struct algorithm *algorithm,
                    ivs_buffer *out) {
  EVP_PKEY *made;
  int signed_it;

  if (out->failed) return INVSRC_ENOMEM;
  /* The queue of errors is the host's thread's: leave it as it was. */
  ERR_set_mark();
  order_numbers(key);
  made = make_key(key, algorithm);
  signed_it = made && sign_with(made, algorithm, out);
  ERR_pop_to_mark();
  EVP_PKEY_free(made);
  return signed_it && !out->failed ? INVSRC_OK : INVSRC_ENOMEM;
}

/* ---- The assertion ----------------------------------------------------------------- */

/* Appends `"name":"value"`, and the comma before it. */
static void write_text(ivs_buffer *out, const char *name, const char *text, size_t length) {
  ivs_buffer_append_text(out, out->length ? ",\"" : "{\"");
  ivs_buffer_append_text(out, name);
  ivs_buffer_append_text(out, "\":");
  ivs_json_write_string(out, text, length);
}

static void write_number(ivs_buffer *out, const char *name, int64_t number) {
  char text[32];

  snprintf(text, sizeof text, ",\"%s\":%lld", name, (long long)number);
  ivs_buffer_append_text(out, text);
}

static void write_member(ivs_buffer *out, const char *name, const ivs_json *auth,
                         const char *member) {
  size_t length;
  const char *text = ivs_json_string(ivs_json_member(auth, member), &length);

  write_text(out, name, text, length);
}

/* Appends a part of the JWT, and closes it. */
static void append_part(ivs_buffer *out, ivs_buffer *json) {
  ivs_buffer_append_text(json, "}");
  out->failed |= json->failed;
  if (!out->failed) ivs_base64url_append(out, json->bytes, json->length);
  ivs_buffer_end(json);
}

static void write_assertion(const ivs_json *auth, const struct algorithm *algorithm,
                            const ivs_jwt_terms *terms, ivs_buffer *out) {
  ivs_buffer header = IVS_BUFFER_EMPTY, claims = IVS_BUFFER_EMPTY, id = IVS_BUFFER_EMPTY;
  int64_t now = terms->now / 1000;

  write_text(&header, "alg", algorithm->name, strlen(algorithm->name));
  write_member(&header, "kid", auth, "keyId");
  write_text(&header, "typ", "JWT", 3);
  append_part(out, &header);
  ivs_buffer_append_text(out, ".");
  write_member(&claims, "iss", auth, "issuer");
  write_member(&claims, "sub", auth, "subject");
  write_member(&claims, "aud", auth, "audienceUrl");
  write_number(&claims, "iat", now);
  write_number(&claims, "exp", now + terms->seconds);
  ivs_base64url_append(&id, terms->random, IVS_JWT_RANDOM);
  claims.failed |= id.failed;
  if (!id.failed) write_text(&claims, "jti", id.bytes, id.length);
  ivs_buffer_end(&id);
  append_part(out, &claims);
}

static const struct algorithm *algorithm_of(const ivs_json *auth) {
  size_t length;
  const char *name = ivs_json_string(ivs_json_member(auth, "algorithm"), &length);

  for (size_t i = 0; name && i < sizeof algorithms / sizeof *algorithms; i++)
    if (strcmp(algorithms[i].name, name) == 0) return &algorithms[i];
  return NULL;
}

static int32_t make_assertion(const ivs_json *auth, const struct algorithm *algorithm,
                              const ivs_jwt_terms *terms, ivs_buffer *out) {
  ivs_private_key key;
  size_t length;
  const char *pem = ivs_json_string(ivs_json_member(auth, "privateKey"), &length);
  int32_t code = ivs_private_key_read(pem, length, &key);

  if (code == INVSRC_OK && key.kind != algorithm->kind) code = INVSRC_ECRYPTO;
  if (code == INVSRC_OK) {
    write_assertion(auth, algorithm, terms, out);
    code = sign(&key, algorithm, out);
  }
  ivs_private_key_end(&key);
  return code;
}

/* ---- The request ------------------------------------------------------------------- */

static void write_form(const ivs_json *auth, const ivs_buffer *assertion, ivs_buffer *out) {
  size_t length;
  const char *scope = ivs_json_string(ivs_json_member(auth, "scope"), &length);

  ivs_buffer_append_text(out,
                         "grant_type=client_credentials&client_assertion_type="
                         "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
                         "&client_assertion=");
  ivs_buffer_append(out, assertion->bytes, assertion->length);
  ivs_buffer_append_text(out, "&scope=");
  ivs_uri_append_escaped(out, scope, length);
}

/* The URL of the token endpoint, or NULL. */
static const char *url_of(const ivs_json *auth) {
  size_t length;
  const char *url = ivs_json_string(ivs_json_member(auth, "tokenEndpointUrl"), &length);

  return url && strlen(url) == length ? url : NULL;
}

int ivs_jwt_is_credential(const ivs_json *auth) {
  static const char *const needed[] = {"privateKey", "issuer", "subject",
                                       "keyId",      "scope",  "audienceUrl"};
  size_t length;

  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
    if (!ivs_json_string(ivs_json_member(auth, needed[i]), &length)) return 0;
  return algorithm_of(auth) && url_of(auth);
}

int32_t ivs_jwt_read(const ivs_json *auth, const ivs_jwt_terms *terms, ivs_jwt *to) {
  ivs_buffer assertion = IVS_BUFFER_EMPTY;
  int32_t code;

  if (!ivs_jwt_is_credential(auth)) return INVSRC_EINVAL;
  code = make_assertion(auth, algorithm_of(auth), terms, &assertion);
  if (code == INVSRC_OK) {
    write_form(auth, &assertion, &to->form);
    ivs_buffer_append_text(&to->url, url_of(auth));
    if (to->form.failed || to->url.failed) code = INVSRC_ENOMEM;
  }
  ivs_buffer_end(&assertion);
  return code;
}

void ivs_jwt_end(ivs_jwt *jwt) {
  ivs_buffer_end(&jwt->url);
  ivs_buffer_end(&jwt->form);
}

int32_t ivs_jwt_ask(const ivs_jwt *jwt, ivs_outgoing *request) {
  ivs_outgoing_begin(request, "POST", jwt->url.bytes);
  ivs_outgoing_add(request, "Accept: ", "application/json");
  ivs_outgoing_add(request, "Content-Type: ", "application/x-www-form-urlencoded");
  ivs_buffer_append(&request->body, jwt->form.bytes, jwt->form.length);
  request->http.once = 1; /* a jti is good once */
  return ivs_outgoing_finish(request);
}

/* ---- The answer -------------------------------------------------------------------- */

#define IDENTITY "auth.privateKey, auth.keyId, auth.issuer, auth.subject and auth.audienceUrl"

/* Errors of RFC 6749 §5.2 and §4.1.2.1. */
static const ivs_token_error errors[] = {
    {"invalid_client", INVSRC_OUTCOME_REFUSED, " refused the assertion: check " IDENTITY},
    {"invalid_grant", INVSRC_OUTCOME_REFUSED, " refused the assertion: check " IDENTITY},
    {"unauthorized_client", INVSRC_OUTCOME_REFUSED,
     " gives this client no token: check auth.issuer and auth.subject"},
    {"access_denied", INVSRC_OUTCOME_REFUSED,
     " gives this client no token: check auth.issuer and auth.subject"},
    {"invalid_scope", INVSRC_OUTCOME_REFUSED, " refused the scope: check auth.scope"},
    {"unsupported_grant_type", INVSRC_OUTCOME_REFUSED,
     " takes no client credentials: check auth.tokenEndpointUrl"},
    {"invalid_request", INVSRC_OUTCOME_REFUSED,
     " does not understand the request: check auth.tokenEndpointUrl"},
    {"server_error", INVSRC_OUTCOME_UNREACHABLE, " is in trouble"},
    {"temporarily_unavailable", INVSRC_OUTCOME_UNREACHABLE, " is not available now"},
    {NULL, 0, NULL},
};

static const ivs_token_endpoint endpoint = {
    {"the token endpoint", 0, "auth.privateKey and auth.keyId", "auth.tokenEndpointUrl"}, errors};

int32_t ivs_jwt_hear(int32_t outcome, const invsrc_http_reply *reply, int64_t now,
                     ivs_buffer *token, int64_t *good_until, ivs_verdict *verdict) {
  ivs_token_answer answer = {.says_life = 0};
  int32_t code = ivs_token_answer_read(&endpoint, outcome, reply, &answer, verdict);
  int64_t life = IVS_TOKEN_SECONDS * INT64_C(1000);

  if (code == INVSRC_OK && answer.access_token.length)
    code = ivs_buffer_set(token, answer.access_token.bytes, answer.access_token.length);
  if (answer.says_life) life = (int64_t)(answer.seconds * IVS_TOKEN_USED);
  if (code == INVSRC_OK && answer.access_token.length) *good_until = now + life;
  ivs_token_answer_end(&answer);
  return code;
}
