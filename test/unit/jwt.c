/*
 * JWT credentials: the assertion as the token endpoint would verify it, with keys in every
 * form of PEM, and every answer of a token endpoint.
 */
#include <invsrc/invsrc.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "agents/jwt.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define NOW INT64_C(1800000000123)

/* ---- Keys ------------------------------------------------------------------------------ */

static EVP_PKEY *p256, *rsa;

static int make_keys(void **state) {
  (void)state;
  p256 = EVP_EC_gen("P-256");
  rsa = EVP_RSA_gen(2048);
  return p256 && rsa ? 0 : -1;
}

static int end_keys(void **state) {
  (void)state;
  EVP_PKEY_free(p256);
  EVP_PKEY_free(rsa);
  return 0;
}

/* The PEM of a key, as PKCS#8 or in the form of its own kind, as a JSON string. */
static void write_pem(const EVP_PKEY *key, int traditional, ivs_buffer *out) {
  BIO *memory = BIO_new(BIO_s_mem());
  char *text;
  long length;
  int code = traditional
                 ? PEM_write_bio_PrivateKey_traditional(memory, key, NULL, NULL, 0, NULL, NULL)
                 : PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL);

  assert_int_equal(code, 1);
  length = BIO_get_mem_data(memory, &text);
  ivs_json_write_string(out, text, (size_t)length);
  BIO_free(memory);
}

#define MEMBERS                                                                   \
  "\"issuer\":\"an \\\"issuer\\\"\",\"subject\":\"sub\",\"keyId\":\"k\\u00e9y\"," \
  "\"scope\":\"a:b c/d\",\"tokenEndpointUrl\":\"https://auth.example/token\","    \
  "\"audienceUrl\":\"https://auth.example/\""

static void write_auth(const EVP_PKEY *key, int traditional, const char *algorithm,
                       ivs_buffer *out) {
  ivs_buffer_append_text(out, "{\"type\":\"jwt\",\"privateKey\":");
  write_pem(key, traditional, out);
  ivs_buffer_append_text(out, "," MEMBERS ",\"algorithm\":\"");
  ivs_buffer_append_text(out, algorithm);
  ivs_buffer_append_text(out, "\"}");
}

static const uint8_t entropy[IVS_JWT_RANDOM] = {0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88,
                                                0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00};

static int32_t read_text(const char *text, ivs_jwt *jwt) {
  const ivs_jwt_terms terms = {NOW, 300, entropy};
  ivs_json_document *document;
  ivs_json_fault fault;
  int32_t code;

  assert_int_equal(ivs_json_parse(text, strlen(text), &document, &fault), INVSRC_OK);
  code = ivs_jwt_read(ivs_json_root(document), &terms, jwt);
  assert_int_equal(ERR_peek_error(), 0);
  ivs_json_free(document);
  return code;
}

/* ---- The assertion ----------------------------------------------------------------------- */

static int value_of(char c) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const char *at = c ? strchr(alphabet, c) : NULL;

  if (!at) fail_msg("'%c' is not base64url", c);
  return (int)(at - alphabet);
}

static size_t decode(const char *text, size_t length, unsigned char *to) {
  size_t count = 0;
  unsigned bits = 0;

  for (size_t i = 0; i < length; i++) {
    bits = bits << 6 | (unsigned)value_of(text[i]);
    if (i % 4 != 0) to[count++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
  }
  return count;
}

/* R and S in DER, for OpenSSL. */
static size_t wrap(const unsigned char *raw, unsigned char *to) {
  ECDSA_SIG *signature = ECDSA_SIG_new();
  int length;

  ECDSA_SIG_set0(signature, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
  length = i2d_ECDSA_SIG(signature, &to);
  ECDSA_SIG_free(signature);
  return (size_t)length;
}

static int verify(EVP_PKEY *key, const char *text, size_t length, const unsigned char *signature,
                  size_t signature_length) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  unsigned char der[80];
  int good;

  if (key == p256) {
    assert_int_equal(signature_length, 64);
    signature_length = wrap(signature, der);
    signature = der;
  }
  good = EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
         EVP_DigestVerify(context, signature, signature_length, (const unsigned char *)text,
                          length) == 1;
  EVP_MD_CTX_free(context);
  ERR_clear_error();
  return good;
}

static void check_part(const char *text, size_t length, const char *expected) {
  char part[1024] = "";

  part[decode(text, length, (unsigned char *)part)] = '\0';
  assert_string_equal(part, expected);
}

static void check_assertion(EVP_PKEY *key, const char *algorithm, const char *jwt, size_t length) {
  const char *claims = strchr(jwt, '.') + 1, *signature = strchr(claims, '.') + 1;
  size_t signature_length = length - (size_t)(signature - jwt);
  unsigned char bytes[512] = {0};
  char header[128];

  snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"k\xc3\xa9y\",\"typ\":\"JWT\"}",
           algorithm);
  check_part(jwt, (size_t)(claims - 1 - jwt), header);
  check_part(claims, (size_t)(signature - 1 - claims),
             "{\"iss\":\"an \\\"issuer\\\"\",\"sub\":\"sub\",\"aud\":\"https://auth.example/\","
             "\"iat\":1800000000,\"exp\":1800000300,\"jti\":\"_-7dzLuqmYh3ZlVEMyIRAA\"}");
  signature_length = decode(signature, signature_length, bytes);
  assert_true(verify(key, jwt, (size_t)(signature - 1 - jwt), bytes, signature_length));
  bytes[10] ^= 1;
  assert_false(verify(key, jwt, (size_t)(signature - 1 - jwt), bytes, signature_length));
}

static void assertions_verify(void **state) {
  static const char start[] =
      "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
      "client-assertion-type%3Ajwt-bearer&client_assertion=";

  (void)state;
  /* Several, as the numbers in a signature are not always of one length. */
  for (int i = 0; i < 40; i++) {
    EVP_PKEY *key = i % 10 ? p256 : rsa;
    const char *algorithm = key == rsa ? "RS256" : "ES256";
    ivs_buffer auth = IVS_BUFFER_EMPTY;
    ivs_jwt jwt = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};
    const char *assertion;

    write_auth(key, i % 20 == 0 || i % 3 == 0, algorithm, &auth);
    assert_int_equal(read_text(auth.bytes, &jwt), INVSRC_OK);
    assert_string_equal(jwt.url.bytes, "https://auth.example/token");
    assert_memory_equal(jwt.form.bytes, start, strlen(start));
    assertion = jwt.form.bytes + strlen(start);
    assert_string_equal(strchr(assertion, '&'), "&scope=a%3Ab%20c%2Fd");
    check_assertion(key, algorithm, assertion, (size_t)(strchr(assertion, '&') - assertion));
    ivs_jwt_end(&jwt);
    ivs_buffer_end(&auth);
  }
}

/* A number of the key that is shorter than the others. */
static void short_keys_sign(void **state) {
  static const char auth[] =
      "{\"type\":\"jwt\",\"privateKey\":\"-----BEGIN EC PRIVATE KEY-----\\n"
      "MBMCAQEEAgECoAoGCCqGSM49AwEH\\n-----END EC PRIVATE KEY-----\\n\"," MEMBERS
      ",\"algorithm\":\"ES256\"}";
  ivs_jwt jwt = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};

  (void)state;
  assert_int_equal(read_text(auth, &jwt), INVSRC_OK);
  ivs_jwt_end(&jwt);
}

static void keys_must_fit(void **state) {
  ivs_buffer auth = IVS_BUFFER_EMPTY;
  ivs_jwt jwt = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};

  (void)state;
  write_auth(p256, 0, "RS256", &auth);
  assert_int_equal(read_text(auth.bytes, &jwt), INVSRC_ECRYPTO);
  ivs_buffer_clear(&auth);
  write_auth(rsa, 0, "ES256", &auth);
  assert_int_equal(read_text(auth.bytes, &jwt), INVSRC_ECRYPTO);
  ivs_buffer_clear(&auth);
  write_auth(rsa, 0, "none", &auth);
  assert_int_equal(read_text(auth.bytes, &jwt), INVSRC_EINVAL);
  assert_int_equal(read_text("{\"privateKey\":\"x\",\"algorithm\":\"ES256\"," MEMBERS "}", &jwt),
                   INVSRC_ECRYPTO);
  assert_int_equal(read_text("{\"privateKey\":7,\"algorithm\":\"ES256\"," MEMBERS "}", &jwt),
                   INVSRC_EINVAL);
  assert_int_equal(read_text("{\"privateKey\":\"x\",\"algorithm\":\"ES256\"}", &jwt),
                   INVSRC_EINVAL);
  ivs_buffer_end(&auth);
  ivs_jwt_end(&jwt);
}

static void requests_carry_the_form_and_nothing_else(void **state) {
  ivs_jwt jwt = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};
  ivs_outgoing request;

  (void)state;
  memset(&request, 0, sizeof request);
  ivs_buffer_append_text(&jwt.url, "https://auth.example/token");
  ivs_buffer_append_text(&jwt.form, "a=b");
  assert_int_equal(ivs_jwt_ask(&jwt, &request), INVSRC_OK);
  assert_string_equal(request.http.method, "POST");
  assert_string_equal(request.http.url, "https://auth.example/token");
  assert_int_equal(request.http.header_count, 2);
  assert_string_equal(request.http.headers[0], "Accept: application/json");
  assert_string_equal(request.http.headers[1], "Content-Type: application/x-www-form-urlencoded");
  assert_memory_equal(request.http.body, "a=b", 3);
  assert_int_equal(request.http.body_length, 3);
  assert_int_equal(request.http.redirects, 0);
  assert_int_equal(request.http.max_body, 262144);
  assert_int_equal(request.http.timeout_ms, 10000);
  ivs_outgoing_end(&request);
  ivs_jwt_end(&jwt);
}

/* ---- The answer ------------------------------------------------------------------------- */

/* The answer to `body`: a verdict, or with the outcome 0 a token in `token`. */
static ivs_verdict hear(int32_t outcome, int32_t status, const char *body, ivs_buffer *token,
                        int64_t *good_until) {
  invsrc_http_reply *reply = invsrc_http_reply_new();
  ivs_verdict verdict = {0, ""};

  if (status) invsrc_http_reply_set_status(reply, status);
  if (outcome != INVSRC_OUTCOME_OK) invsrc_http_reply_set_reason(reply, body);
  invsrc_http_reply_append_body(reply, body, strlen(body));
  *good_until = -1;
  assert_int_equal(ivs_jwt_hear(outcome, reply, NOW, token, good_until, &verdict), INVSRC_OK);
  invsrc_http_reply_free(reply);
  return verdict;
}

static void tokens_are_used_for_most_of_their_life(void **state) {
  static const struct {
    const char *more;
    int64_t life;
  } rows[] = {
      {"", 3600000},
      {",\"token_type\":\"Bearer\"", 3600000},
      {",\"token_type\":\"bearer\",\"scope\":\"x\"", 3600000},
      {",\"expires_in\":100", 80000},
      {",\"expires_in\":86400", 69120000},
      {",\"expires_in\":1.5", 1200},
      {",\"expires_in\":0", 0},
      {",\"expires_in\":-5", 0},
      {",\"expires_in\":1e400", 2073600000},
      {",\"expires_in\":9007199254740993", 2073600000},
      {",\"expires_in\":\"100\"", 3600000},
      {",\"expires_in\":null", 3600000},
      {",\"error\":null", 3600000},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_buffer token = IVS_BUFFER_EMPTY;
    char body[256];
    int64_t good_until;

    snprintf(body, sizeof body, "{\"access_token\":\"a.b-c_d~e+f/g==\"%s}", rows[i].more);
    assert_int_equal(hear(INVSRC_OUTCOME_OK, 200, body, &token, &good_until).outcome, 0);
    assert_string_equal(token.bytes, "a.b-c_d~e+f/g==");
    assert_int_equal(good_until - NOW, rows[i].life);
    ivs_buffer_end(&token);
  }
}

#define WHO "the token endpoint"
#define IDENTITY "auth.privateKey, auth.keyId, auth.issuer, auth.subject and auth.audienceUrl"
#define REFUSED INVSRC_OUTCOME_REFUSED
#define UNREACHABLE INVSRC_OUTCOME_UNREACHABLE

static const struct {
  int32_t status;
  int32_t outcome;
  const char *body;
  const char *reason;
} answers[] = {
    {401, REFUSED, "{\"error\":\"invalid_client\"}", WHO " refused the assertion: check " IDENTITY},
    {400, REFUSED, "{\"error\":\"invalid_grant\"}", WHO " refused the assertion: check " IDENTITY},
    {200, REFUSED, "{\"error\":\"invalid_scope\",\"access_token\":\"x\"}",
     WHO " refused the scope: check auth.scope"},
    {400, REFUSED, "{\"error\":\"unauthorized_client\",\"error_description\":\"secret\"}",
     WHO " gives this client no token: check auth.issuer and auth.subject"},
    {403, REFUSED, "{\"error\":\"access_denied\"}",
     WHO " gives this client no token: check auth.issuer and auth.subject"},
    {400, REFUSED, "{\"error\":\"unsupported_grant_type\"}",
     WHO " takes no client credentials: check auth.tokenEndpointUrl"},
    {400, REFUSED, "{\"error\":\"invalid_request\"}",
     WHO " does not understand the request: check auth.tokenEndpointUrl"},
    {503, UNREACHABLE, "{\"error\":\"temporarily_unavailable\"}", WHO " is not available now"},
    {500, UNREACHABLE, "{\"error\":\"server_error\"}", WHO " is in trouble"},
    /* A server in trouble refuses nobody. */
    {500, UNREACHABLE, "{\"error\":\"invalid_client\"}", WHO " answered 500"},
    {503, UNREACHABLE, "{\"error\":\"access_denied\"}", WHO " answered 503"},
    {429, UNREACHABLE, "{\"error\":\"invalid_client\"}",
     WHO " answered 429: it is asked too often"},
    {200, REFUSED, "{\"error\":\"secret\"}", WHO " said no: check auth.privateKey and auth.keyId"},
    {200, REFUSED, "{\"error\":{\"code\":7},\"access_token\":\"x\"}",
     WHO " said no: check auth.privateKey and auth.keyId"},
    {401, REFUSED, "{\"error\":\"secret\"}",
     WHO " answered 401: check auth.privateKey and auth.keyId"},
    {401, REFUSED, "", WHO " answered 401: check auth.privateKey and auth.keyId"},
    {403, REFUSED, "<html>", WHO " answered 403: check auth.privateKey and auth.keyId"},
    {400, UNREACHABLE, "{\"error\":\"secret\"}", WHO " answered 400"},
    {302, UNREACHABLE, "", WHO " answered 302: check auth.tokenEndpointUrl"},
    {404, UNREACHABLE, "{}", WHO " answered 404: check auth.tokenEndpointUrl"},
    {500, UNREACHABLE, "", WHO " answered 500"},
    {201, UNREACHABLE, "{\"access_token\":\"x\"}",
     WHO " answered, but not a token: check auth.tokenEndpointUrl"},
    {200, UNREACHABLE, "<html>", WHO " answered HTML, not a token: check auth.tokenEndpointUrl"},
    {200, UNREACHABLE, "", WHO " answered, but not a token: check auth.tokenEndpointUrl"},
    {200, UNREACHABLE, "[]", WHO " answered, but not a token: check auth.tokenEndpointUrl"},
    {200, UNREACHABLE, "\"x\"", WHO " answered, but not a token: check auth.tokenEndpointUrl"},
    {200, UNREACHABLE, "{\"access_token\":\"x\",\"access_token\":\"y\"}",
     WHO " answered, but not a token: check auth.tokenEndpointUrl"},
    {200, UNREACHABLE, "{}", WHO " answered without a token"},
    {200, UNREACHABLE, "{\"access_token\":\"\"}", WHO " answered without a token"},
    {200, UNREACHABLE, "{\"access_token\":7}", WHO " answered without a token"},
    {200, UNREACHABLE, "{\"access_token\":\"a b\"}", WHO " answered without a token"},
    {200, UNREACHABLE, "{\"access_token\":\"a\\r\\nX-Evil: b\"}", WHO " answered without a token"},
    {200, UNREACHABLE, "{\"access_token\":\"a\\u0000\"}", WHO " answered without a token"},
    {200, UNREACHABLE, "{\"access_token\":\"\\u00e9\"}", WHO " answered without a token"},
    {200, UNREACHABLE, "{\"access_token\":\"x\",\"token_type\":\"DPoP\"}",
     WHO " gave a token that is no Bearer token"},
};

static void what_is_no_token_is_told(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(answers); i++) {
    ivs_buffer token = IVS_BUFFER_EMPTY;
    int64_t good_until;
    ivs_verdict verdict =
        hear(INVSRC_OUTCOME_OK, answers[i].status, answers[i].body, &token, &good_until);

    assert_int_equal(verdict.outcome, answers[i].outcome);
    assert_string_equal(verdict.reason, answers[i].reason);
    assert_int_equal(token.length, 0);
    assert_int_equal(good_until, -1);
  }
}

static void no_answer_is_told(void **state) {
  ivs_buffer token = IVS_BUFFER_EMPTY;
  int64_t good_until;
  ivs_verdict verdict;

  (void)state;
  verdict = hear(INVSRC_OUTCOME_UNAVAILABLE, 0, "took too long", &token, &good_until);
  assert_int_equal(verdict.outcome, UNREACHABLE);
  assert_string_equal(verdict.reason, "the token endpoint: took too long");
  verdict =
      hear(INVSRC_OUTCOME_REFUSED, 0, "the address is private or reserved", &token, &good_until);
  assert_int_equal(verdict.outcome, UNREACHABLE);
  assert_string_equal(verdict.reason, "the token endpoint: the address is private or reserved");
  verdict = hear(INVSRC_OUTCOME_FAILED, 0, "memory ran out", &token, &good_until);
  assert_int_equal(verdict.outcome, INVSRC_OUTCOME_FAILED);
  verdict = hear(0, 0, "", &token, &good_until);
  assert_int_equal(verdict.outcome, INVSRC_OUTCOME_FAILED);
  assert_string_equal(verdict.reason, "the token endpoint: no answer");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(assertions_verify),
      cmocka_unit_test(short_keys_sign),
      cmocka_unit_test(keys_must_fit),
      cmocka_unit_test(requests_carry_the_form_and_nothing_else),
      cmocka_unit_test(tokens_are_used_for_most_of_their_life),
      cmocka_unit_test(what_is_no_token_is_told),
      cmocka_unit_test(no_answer_is_told),
  };

  return cmocka_run_group_tests(tests, make_keys, end_keys);
}
