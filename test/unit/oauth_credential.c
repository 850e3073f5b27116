/*
 * What is kept of OAuth: each form is read as it was written, and what is none is refused.
 */
#include <invsrc/invsrc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "agents/oauth_credential.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define STATE                                                                     \
  "{\"iss_required\":true,\"scope\":\"a b\",\"issuer\":\"https://auth.example\"," \
  "\"token_endpoint\":\"https://auth.example/t\",\"revocation_endpoint\":"        \
  "\"https://auth.example/r\",\"client_id\":\"c\",\"client_secret\":\"s\\\"\","   \
  "\"token_endpoint_auth_method\":\"client_secret_post\",\"redirect_uri\":"       \
  "\"https://host.example/back\",\"code_verifier\":\"v\",\"resource\":\"https://agent.example/\"}"
#define CREDENTIAL                                                                        \
  "{\"type\":\"oauth\",\"access_token\":\"a\",\"refresh_token\":\"r\",\"issuer\":"        \
  "\"https://auth.example\",\"token_endpoint\":\"https://auth.example/t\",\"client_id\":" \
  "\"c\",\"token_endpoint_auth_method\":\"none\",\"resource\":\"https://agent.example/\"}"

static void what_is_written_is_read(void **state) {
  static const struct {
    enum ivs_oauth_form form;
    const char *text;
    const char *written; /* NULL: the same */
  } rows[] = {
      {IVS_OAUTH_CLIENT, "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"none\"}", NULL},
      {IVS_OAUTH_CLIENT,
       "{\"client_secret_expires_at\":1900000000,\"client_id\":\"c\",\"client_secret\":\"s\","
       "\"token_endpoint_auth_method\":\"client_secret_basic\"}",
       NULL},
      /* It never ends where nobody says when. */
      {IVS_OAUTH_CLIENT,
       "{\"client_id\":\"c\",\"client_secret\":\"s\",\"redirect_uris\":[{}],"
       "\"token_endpoint_auth_method\":\"client_secret_basic\"}",
       "{\"client_secret_expires_at\":0,\"client_id\":\"c\",\"client_secret\":\"s\","
       "\"token_endpoint_auth_method\":\"client_secret_basic\"}"},
      {IVS_OAUTH_CLIENT,
       "{\"client_id\":\"c\",\"client_secret\":\"\",\"token_endpoint_auth_method\":\"none\"}",
       "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"none\"}"},
      {IVS_OAUTH_PRIVATE_STATE, STATE, NULL},
      {IVS_OAUTH_CREDENTIAL, CREDENTIAL, NULL},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_oauth_record record = {.is_iss_required = 0};
    ivs_buffer out = IVS_BUFFER_EMPTY;

    assert_int_equal(
        ivs_oauth_record_read(rows[i].text, strlen(rows[i].text), rows[i].form, &record),
        INVSRC_OK);
    assert_true(ivs_oauth_record_has_method(&record));
    assert_string_equal(ivs_oauth_record_text(&record, IVS_OAUTH_CLIENT_ID), "c");
    ivs_oauth_record_write(&record, rows[i].form, &out);
    assert_string_equal(out.bytes, rows[i].written ? rows[i].written : rows[i].text);
    ivs_buffer_end(&out);
    ivs_oauth_record_end(&record);
    assert_null(ivs_oauth_record_text(&record, IVS_OAUTH_CLIENT_ID));
  }
}

/* One record serves for what comes of another form. */
static void a_private_state_becomes_a_credential(void **state) {
  ivs_oauth_record record = {.is_iss_required = 0};
  ivs_buffer out = IVS_BUFFER_EMPTY;

  (void)state;
  assert_int_equal(ivs_oauth_record_read(STATE, strlen(STATE), IVS_OAUTH_PRIVATE_STATE, &record),
                   INVSRC_OK);
  assert_int_equal(record.is_iss_required, 1);
  assert_int_equal(ivs_oauth_record_set(&record, IVS_OAUTH_ACCESS_TOKEN, "t", 1), INVSRC_OK);
  ivs_oauth_record_write(&record, IVS_OAUTH_CREDENTIAL, &out);
  assert_non_null(strstr(out.bytes, "\"access_token\":\"t\""));
  assert_null(strstr(out.bytes, "code_verifier"));
  assert_null(strstr(out.bytes, "iss_required"));
  ivs_buffer_end(&out);
  ivs_oauth_record_end(&record);
}

#define PUBLIC "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"none\","

static void what_is_none_is_refused(void **state) {
  static const char *const texts[] = {
      "",
      "null",
      "[]",
      "{}",
      "{\"client_id\":\"c\"}",
      "{\"client_id\":1,\"token_endpoint_auth_method\":\"none\"}",
      "{\"client_id\":\"\",\"token_endpoint_auth_method\":\"none\"}",
      "{\"client_id\":\"a\\u0000b\",\"token_endpoint_auth_method\":\"none\"}",
      "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"None\"}",
      "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"client_secret_post\"}",
      "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"none\",\"client_secret\":null}",
      (PUBLIC "\"client_secret_expires_at\":\"0\"}"),
      (PUBLIC "\"client_secret_expires_at\":-1}"),
  };

  (void)state;
  for (size_t i = 0; i < COUNT(texts); i++) {
    ivs_oauth_record record = {.is_iss_required = 0};

    assert_int_equal(ivs_oauth_record_read(texts[i], strlen(texts[i]), IVS_OAUTH_CLIENT, &record),
                     INVSRC_EINVAL);
    ivs_oauth_record_end(&record);
  }
}

static void urls_are_judged(void **state) {
  static const struct {
    const char *url;
    int is_good, is_good_with_http;
  } rows[] = {
      {"https://auth.example/t?a=b", 1, 1}, {"http://auth.example/t", 0, 1},
      {"ftp://auth.example/", 0, 0},        {"https://u:p@auth.example/", 0, 0},
      {"https://auth.example/#", 0, 0},     {"/t", 0, 0},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_oauth_record record = {.is_iss_required = 0};

    assert_int_equal(ivs_oauth_record_judge_urls(&record, 0), INVSRC_OK);
    ivs_oauth_record_set(&record, IVS_OAUTH_REVOCATION_ENDPOINT, rows[i].url, strlen(rows[i].url));
    assert_int_equal(ivs_oauth_record_judge_urls(&record, 0),
                     rows[i].is_good ? INVSRC_OK : INVSRC_EINVAL);
    assert_int_equal(ivs_oauth_record_judge_urls(&record, 1),
                     rows[i].is_good_with_http ? INVSRC_OK : INVSRC_EINVAL);
    ivs_oauth_record_end(&record);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(a_private_state_becomes_a_credential),
      cmocka_unit_test(what_is_none_is_refused),
      cmocka_unit_test(urls_are_judged),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
