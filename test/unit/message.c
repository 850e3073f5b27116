/*
 * HTTP messages: which headers count and how they are read.
 */
#include "engine/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

static invsrc_request *with_header(const char *name, const char *value) {
  invsrc_request *request = invsrc_request_new();

  assert_int_equal(invsrc_request_add_header(request, name, strlen(name), value, strlen(value)),
                   INVSRC_OK);
  return request;
}

static void bearer_tokens(void **state) {
  static const struct {
    const char *value;
    const char *token; /* NULL: malformed */
  } rows[] = {
      {"Bearer abc", "abc"},
      {"bearer abc", "abc"},
      {"BEARER   abc  ", "abc"},
      {" Bearer\tabc", "abc"},
      {"Bearer a.b-c_~+/=", "a.b-c_~+/="},
      {"Bearer", NULL},
      {"Bearer ", NULL},
      {"Bearerabc", NULL},
      {"Basic abc", NULL},
      {"", NULL},
      {"abc", NULL},
      {"Bearer a b", NULL},
      {"Bearer a\x01", NULL},
      {"Bearer a\x7f", NULL},
      {"Bearer, abc", NULL},
      {"Token abc", NULL},
      {"Bearer a\tb", NULL},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_request *request = with_header("AuthoRization", rows[i].value);
    size_t length;
    const char *token = ivs_request_bearer(request, &length);

    if (rows[i].token) {
      assert_non_null(token);
      assert_int_equal(length, strlen(rows[i].token));
      assert_memory_equal(token, rows[i].token, length);
    } else {
      assert_null(token);
    }
    invsrc_request_free(request);
  }
}

static void two_tokens_are_none(void **state) {
  invsrc_request *request = with_header("Authorization", "Bearer abc");
  size_t length;

  (void)state;
  invsrc_request_add_header(request, "authorization", 13, "Bearer abc", 10);
  assert_null(ivs_request_bearer(request, &length));
  invsrc_request_free(request);
  request = with_header("X-Authorization", "Bearer abc");
  assert_null(ivs_request_bearer(request, &length));
  invsrc_request_free(request);
}

static void media_types(void **state) {
  static const struct {
    const char *value;
    int is_json;
  } rows[] = {
      {"application/json", 1},
      {"Application/JSON", 1},
      {" application/json ; charset=utf-8", 1},
      {"application/problem+json", 1},
      {"application/vnd.api+JSON;a=b", 1},
      {"", 1},
      {"application/", 0},
      {"application/+json", 0},
      {"application/jsonx", 0},
      {"application/json, text/plain", 0},
      {"text/json", 0},
      {"text/plain", 0},
      {"application/x-www-form-urlencoded", 0},
      {"multipart/form-data; boundary=json", 0},
      {";", 0},
      {"json", 0},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_request *request = with_header("content-type", rows[i].value);
    assert_int_equal(ivs_request_is_json(request), rows[i].is_json);
    invsrc_request_free(request);
  }
}

static void codings(void **state) {
  static const struct {
    const char *value;
    int is_identity;
  } rows[] = {{"identity", 1}, {" Identity ", 1}, {"", 1}, {"gzip", 0}, {"identity, gzip", 0}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_request *request = with_header("Content-Encoding", rows[i].value);
    assert_int_equal(ivs_request_is_identity(request), rows[i].is_identity);
    invsrc_request_free(request);
  }
}

static void a_request_without_headers(void **state) {
  invsrc_request *request = invsrc_request_new();
  size_t length;

  (void)state;
  assert_true(ivs_request_is_json(request));
  assert_true(ivs_request_is_identity(request));
  assert_null(ivs_request_bearer(request, &length));
  assert_int_equal(invsrc_request_set_method(request, NULL, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_request_set_method(NULL, "GET", 3), INVSRC_EINVAL);
  assert_int_equal(invsrc_request_set_target(request, "/", 65537), INVSRC_EINVAL);
  assert_int_equal(invsrc_request_set_target(NULL, "/", 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_request_set_body(NULL, "", 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_request_add_header(request, NULL, 0, "", 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_request_add_header(request, "a", 1, NULL, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_request_add_header(request, "a", 65537, "", 0), INVSRC_EINVAL);
  invsrc_request_free(request);
  invsrc_request_free(NULL);
}

static void responses_of_nothing(void **state) {
  uint64_t length = 7;

  (void)state;
  assert_int_equal(invsrc_response_status(NULL), 0);
  assert_int_equal(invsrc_response_header_count(NULL), 0);
  assert_null(invsrc_response_header_name(NULL, 0));
  assert_null(invsrc_response_header_value(NULL, 0));
  assert_string_equal(invsrc_response_body(NULL, &length), "");
  assert_int_equal(length, 0);
  assert_null(invsrc_response_source(NULL));
  invsrc_response_free(NULL);
}

static void responses_have_the_headers_of_their_status(void **state) {
  static const struct {
    int32_t status;
    const char *name;
    const char *value;
  } rows[] = {{401, "WWW-Authenticate", "Bearer"}, {503, "Retry-After", "5"}};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    invsrc_response *response = ivs_response_new(rows[i].status);
    assert_int_equal(invsrc_response_status(response), rows[i].status);
    assert_int_equal(invsrc_response_header_count(response), 3);
    assert_string_equal(invsrc_response_header_name(response, 0), "Content-Type");
    assert_string_equal(invsrc_response_header_value(response, 0), "application/json");
    assert_string_equal(invsrc_response_header_name(response, 1), "Cache-Control");
    assert_string_equal(invsrc_response_header_value(response, 1), "no-store");
    assert_string_equal(invsrc_response_header_name(response, 2), rows[i].name);
    assert_string_equal(invsrc_response_header_value(response, 2), rows[i].value);
    assert_null(invsrc_response_header_name(response, 3));
    assert_null(invsrc_response_header_value(response, 3));
    assert_null(invsrc_response_source(response));
    invsrc_response_free(response);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(bearer_tokens),
      cmocka_unit_test(two_tokens_are_none),
      cmocka_unit_test(media_types),
      cmocka_unit_test(codings),
      cmocka_unit_test(a_request_without_headers),
      cmocka_unit_test(responses_of_nothing),
      cmocka_unit_test(responses_have_the_headers_of_their_status),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
