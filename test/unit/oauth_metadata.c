/*
 * What resources and authorization servers may say of themselves: every rule that their
 * metadata can break, and what is kept of metadata that breaks none.
 */
#include <invsrc/invsrc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "agents/oauth_metadata.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define ENDPOINT "https://agent.example/a/mcp"
#define AS "https://as.example"

static ivs_json_document *parse(const char *text) {
  ivs_json_document *document = NULL;
  ivs_json_fault fault;

  assert_int_equal(ivs_json_parse_reply(text, strlen(text), &document, &fault), INVSRC_OK);
  return document;
}

static void assert_text(const char *text, const char *expected) {
  if (!expected)
    assert_null(text);
  else if (!text)
    fail_msg("nothing in place of %s", expected);
  else
    assert_string_equal(text, expected);
}

static const char *text_of(const ivs_buffer *buffer) {
  return buffer->length ? buffer->bytes : "";
}

/* ---- URLs ------------------------------------------------------------------------------- */

static void urls_are_judged(void **state) {
  static const struct {
    const char *url;
    const char *base;
    int allow_http;
    int good;
  } rows[] = {
      {"https://a.example", NULL, 0, 1},
      {"HTTPS://a.example/?q", "http://b.example", 0, 1},
      {"https://[::1]:8443/a", NULL, 0, 1},
      {"http://a.example", NULL, 0, 0},
      {"http://a.example", NULL, 1, 1},
      {"http://a.example/x", "http://a.example/y", 1, 1},
      {"http://a.example/x", "http://a.example/y", 0, 0},
      {"http://a.example:80/x", "http://A.example./y", 1, 1},
      {"http://a.example:81/x", "http://a.example/y", 1, 0},
      {"http://b.example/x", "http://a.example/y", 1, 0},
      {"http://a.example/x", "https://a.example/y", 1, 0},
      {"http://a.example:443/x", "https://a.example/y", 1, 0},
      {"https://u@a.example", NULL, 1, 0},
      {"https://u:p@a.example", NULL, 1, 0},
      {"https://a.example/#", NULL, 1, 0},
      {"https://a.example/#f", NULL, 1, 0},
      {"ftp://a.example", NULL, 1, 0},
      {"javascript:alert(1)", NULL, 1, 0},
      {"//a.example", NULL, 1, 0},
      {"a.example", NULL, 1, 0},
      {"", NULL, 1, 0},
      {"https://", NULL, 1, 0},
      {"https://a b.example", NULL, 1, 0},
      {"https://a.example/\n", NULL, 1, 0},
      {"https://a.example:65536", NULL, 1, 0},
      {"https://\xc3\xa9.example", NULL, 1, 0},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    int good = -1;
    assert_int_equal(ivs_oauth_judge_url(rows[i].url, strlen(rows[i].url), rows[i].base,
                                         rows[i].allow_http, &good),
                     INVSRC_OK);
    if (good != rows[i].good) fail_msg("row %zu: %s", i, rows[i].url);
  }
}

/* ---- Resources --------------------------------------------------------------------------- */

#define OF_ANOTHER " is of another resource"
#define NAMES_NONE " names no authorization server"
#define NAMES_BAD " names an authorization server that cannot be asked"
#define OF(resource) "{\"resource\":\"" resource "\",\"authorization_servers\":[\"" AS "\"]}"
#define BY(servers) "{\"resource\":\"" ENDPOINT "\",\"authorization_servers\":" servers "}"

static void check_resource(const char *json, const char *endpoint, const char *problem) {
  ivs_resource_metadata metadata = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};
  ivs_json_document *document = parse(json);
  const char *told = "?";

  assert_int_equal(
      ivs_resource_metadata_read(ivs_json_root(document), endpoint, 0, &metadata, &told),
      INVSRC_OK);
  assert_text(told, problem);
  if (!told) assert_string_equal(text_of(&metadata.issuer), AS);
  ivs_json_free(document);
  ivs_resource_metadata_end(&metadata);
}

static void resources_are_the_endpoint_or_above_it(void **state) {
  static const struct {
    const char *json;
    const char *endpoint;
    const char *problem;
  } rows[] = {
      {OF(ENDPOINT), ENDPOINT, NULL},
      {OF("https://agent.example/a"), ENDPOINT, NULL},
      {OF("https://agent.example/a/"), ENDPOINT, NULL},
      {OF("https://agent.example/"), ENDPOINT, NULL},
      {OF("https://agent.example"), ENDPOINT, NULL},
      {OF("https://AGENT.example:443/./a/b/../mcp"), ENDPOINT, NULL},
      {OF("https://agent.example/a/mcp"), ENDPOINT "?x=y", NULL},
      {OF("https://agent.example/a/mcp?x=y"), ENDPOINT "?x=y", NULL},
      {OF("https://agent.example/a/mcp"), ENDPOINT "/", NULL},
      {OF("https://[::1]:8080"), "https://[0:0::1]:8080/mcp", OF_ANOTHER},
      {OF("https://[::1]:8080"), "https://[::1]:8080/mcp", NULL},
      {OF("https://agent.example/a/mcp/"), ENDPOINT, OF_ANOTHER},
      {OF("https://agent.example/a/mcp/x"), ENDPOINT, OF_ANOTHER},
      {OF("https://agent.example/a/mc"), ENDPOINT, OF_ANOTHER},
      {OF("https://agent.example/A"), ENDPOINT, OF_ANOTHER},
      {OF("https://agent.example/a?"), ENDPOINT, OF_ANOTHER},
      {OF("https://agent.example/a/mcp?x=z"), ENDPOINT "?x=y", OF_ANOTHER},
      {OF("https://agent.example/a/mcp?x=y"), ENDPOINT, OF_ANOTHER},
      {OF("https://agent.example:8443/a"), ENDPOINT, OF_ANOTHER},
      {OF("http://agent.example/a"), ENDPOINT, OF_ANOTHER},
      {OF("https://agent.example.evil.example/a"), ENDPOINT, OF_ANOTHER},
      {OF("https://evil.example/a/mcp"), ENDPOINT, OF_ANOTHER},
      {OF("https://agent.example@evil.example/a/mcp"), ENDPOINT, OF_ANOTHER},
      {OF("https://u@agent.example/a/mcp"), ENDPOINT, OF_ANOTHER},
      {OF("https://agent.example/a/mcp#x"), ENDPOINT, OF_ANOTHER},
      {OF("urn:agent"), ENDPOINT, OF_ANOTHER},
      {OF(""), ENDPOINT, OF_ANOTHER},
      {"{\"resource\":7,\"authorization_servers\":[\"" AS "\"]}", ENDPOINT, OF_ANOTHER},
      {"{\"resource\":[\"" ENDPOINT "\"]}", ENDPOINT, OF_ANOTHER},
      {"{\"resource\":null}", ENDPOINT, OF_ANOTHER},
      {"{}", ENDPOINT, OF_ANOTHER},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++)
    check_resource(rows[i].json, rows[i].endpoint, rows[i].problem);
}

static void resources_name_their_server(void **state) {
  static const struct {
    const char *json;
    const char *problem;
  } rows[] = {
      {BY("[\"" AS "\"]"), NULL},
      {BY("[\"" AS "\",7,\"not a URL\"]"), NULL},
      {BY("[]"), NAMES_NONE},
      {BY("null"), NAMES_NONE},
      {BY("\"" AS "\""), NAMES_NONE},
      {BY("{\"a\":\"" AS "\"}"), NAMES_NONE},
      {"{\"resource\":\"" ENDPOINT "\"}", NAMES_NONE},
      {BY("[7,\"" AS "\"]"), NAMES_BAD},
      {BY("[null,\"" AS "\"]"), NAMES_BAD},
      {BY("[\"\"]"), NAMES_BAD},
      {BY("[\"as.example\"]"), NAMES_BAD},
      {BY("[\"http://as.example\"]"), NAMES_BAD},
      {BY("[\"https://u@as.example\"]"), NAMES_BAD},
      {BY("[\"https://as.example#f\"]"), NAMES_BAD},
      {BY("[\"https://as.example?q\"]"), NAMES_BAD},
      {BY("[\"https://as.example/\\u0000\"]"), NAMES_BAD},
      {BY("[\"urn:as\"]"), NAMES_BAD},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) check_resource(rows[i].json, ENDPOINT, rows[i].problem);
}

/* Of what a stranger lists there is no end that matters. */
static void lists_may_be_long(void **state) {
  ivs_resource_metadata metadata = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};
  ivs_buffer text = IVS_BUFFER_EMPTY;
  ivs_json_document *document;
  const char *problem;

  (void)state;
  ivs_buffer_append_text(&text, "{\"resource\":\"" ENDPOINT "\",\"scopes_supported\":[\"a\"");
  for (int i = 0; i < 20000; i++) ivs_buffer_append_text(&text, ",\"b\",{}");
  ivs_buffer_append_text(&text, "],\"authorization_servers\":[\"" AS "\"");
  for (int i = 0; i < 20000; i++) ivs_buffer_append_text(&text, ",\"c\"");
  ivs_buffer_append_text(&text, "]}");
  document = parse(text.bytes);
  assert_int_equal(
      ivs_resource_metadata_read(ivs_json_root(document), ENDPOINT, 0, &metadata, &problem),
      INVSRC_OK);
  assert_null(problem);
  assert_int_equal(metadata.scope.length, 40001);
  ivs_json_free(document);
  ivs_buffer_end(&text);
  ivs_resource_metadata_end(&metadata);
}

static void what_is_guessed_is_the_agent_itself(void **state) {
  static const struct {
    const char *endpoint;
    int allow_http;
    const char *issuer;
    const char *resource;
  } rows[] = {
      {ENDPOINT, 0, "https://agent.example", ENDPOINT},
      {ENDPOINT "?q#f", 0, "https://agent.example", ENDPOINT "?q"},
      {"HTTPS://AGENT.example.:443", 0, "https://agent.example", "HTTPS://AGENT.example.:443"},
      {"https://[::1]:8443?q", 0, "https://[::1]:8443", "https://[::1]:8443?q"},
      {"http://127.0.0.1:8080/mcp", 1, "http://127.0.0.1:8080", "http://127.0.0.1:8080/mcp"},
      {"http://127.0.0.1:8080/mcp", 0, NULL, NULL},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_resource_metadata metadata = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};
    const char *problem = "?";

    assert_int_equal(
        ivs_resource_metadata_guess(rows[i].endpoint, rows[i].allow_http, &metadata, &problem),
        INVSRC_OK);
    assert_text(problem, rows[i].issuer ? NULL : " cannot be asked but over http");
    if (rows[i].issuer) assert_string_equal(text_of(&metadata.issuer), rows[i].issuer);
    if (rows[i].issuer) assert_string_equal(text_of(&metadata.resource), rows[i].resource);
    ivs_resource_metadata_end(&metadata);
  }
}

/* ---- Servers ------------------------------------------------------------------------------ */

#define ISSUER "\"issuer\":\"" AS "\","
#define AUTHORIZES "\"authorization_endpoint\":\"" AS "/auth\","
#define GIVES "\"token_endpoint\":\"" AS "/token\","
#define CODES "\"response_types_supported\":[7,\"token\",\"code\"],"
#define PKCE "\"code_challenge_methods_supported\":[\"plain\",null,\"S256\"]"
#define WHOLE(more) "{" ISSUER AUTHORIZES GIVES CODES PKCE more "}"
#define ANOTHER_ISSUER " names another issuer than it was asked as"
#define BAD_ENDPOINT " names an endpoint that must not be asked"
#define NO_ENDPOINT " names no authorization or no token endpoint"
#define NO_CODES " gives no authorization codes"
#define NO_PKCE " does not take PKCE with S256"

static void servers_break_rules(void **state) {
  static const struct {
    const char *json;
    const char *problem;
  } rows[] = {
      {WHOLE(""), NULL},
      {"{}", ANOTHER_ISSUER},
      {"{\"issuer\":7," AUTHORIZES GIVES CODES PKCE "}", ANOTHER_ISSUER},
      {"{\"issuer\":\"" AS "/\"," AUTHORIZES GIVES CODES PKCE "}", ANOTHER_ISSUER},
      {"{\"issuer\":\"" AS "\\u0000\"," AUTHORIZES GIVES CODES PKCE "}", ANOTHER_ISSUER},
      {"{\"issuer\":\"https://AS.example\"," AUTHORIZES GIVES CODES PKCE "}", ANOTHER_ISSUER},
      {"{\"issuer\":\"https://as.exampl\"," AUTHORIZES GIVES CODES PKCE "}", ANOTHER_ISSUER},
      {"{" ISSUER GIVES CODES PKCE "}", NO_ENDPOINT},
      {"{" ISSUER AUTHORIZES CODES PKCE "}", NO_ENDPOINT},
      {"{" ISSUER AUTHORIZES "\"token_endpoint\":null," CODES PKCE "}", NO_ENDPOINT},
      {"{" ISSUER AUTHORIZES "\"token_endpoint\":\"\"," CODES PKCE "}", BAD_ENDPOINT},
      {"{" ISSUER AUTHORIZES "\"token_endpoint\":7," CODES PKCE "}", BAD_ENDPOINT},
      {"{" ISSUER AUTHORIZES "\"token_endpoint\":\"/token\"," CODES PKCE "}", BAD_ENDPOINT},
      {"{" ISSUER AUTHORIZES "\"token_endpoint\":\"http://as.example/t\"," CODES PKCE "}",
       BAD_ENDPOINT},
      {"{" ISSUER AUTHORIZES "\"token_endpoint\":\"https://u@as.example/\"," CODES PKCE "}",
       BAD_ENDPOINT},
      {"{" ISSUER GIVES "\"authorization_endpoint\":\"https://as.example/#\"," CODES PKCE "}",
       BAD_ENDPOINT},
      {"{" ISSUER GIVES "\"authorization_endpoint\":\"javascript:alert(1)\"," CODES PKCE "}",
       BAD_ENDPOINT},
      {WHOLE(",\"registration_endpoint\":\"http://as.example/r\""), BAD_ENDPOINT},
      {WHOLE(",\"revocation_endpoint\":[]"), BAD_ENDPOINT},
      {WHOLE(",\"registration_endpoint\":null,\"revocation_endpoint\":null"), NULL},
      {WHOLE(",\"registration_endpoint\":\"https://other.example/r\""), NULL},
      {"{" ISSUER AUTHORIZES GIVES PKCE "}", NO_CODES},
      {"{" ISSUER AUTHORIZES GIVES "\"response_types_supported\":\"code\"," PKCE "}", NO_CODES},
      {"{" ISSUER AUTHORIZES GIVES "\"response_types_supported\":[\"code token\"]," PKCE "}",
       NO_CODES},
      {"{" ISSUER AUTHORIZES GIVES "\"response_types_supported\":{\"a\":\"code\"}," PKCE "}",
       NO_CODES},
      {"{" ISSUER AUTHORIZES GIVES CODES "\"x\":1}", NO_PKCE},
      {"{" ISSUER AUTHORIZES GIVES CODES "\"code_challenge_methods_supported\":[]}", NO_PKCE},
      {"{" ISSUER AUTHORIZES GIVES CODES "\"code_challenge_methods_supported\":[\"s256\"]}",
       NO_PKCE},
      {"{" ISSUER AUTHORIZES GIVES CODES "\"code_challenge_methods_supported\":\"S256\"}", NO_PKCE},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_server_metadata metadata = {.method = NULL};
    ivs_json_document *document = parse(rows[i].json);
    ivs_buffer issuer = IVS_BUFFER_EMPTY;
    const char *problem = "?";

    ivs_buffer_append_text(&issuer, AS);
    assert_int_equal(
        ivs_server_metadata_read(ivs_json_root(document), &issuer, 0, 0, &metadata, &problem),
        INVSRC_OK);
    assert_text(problem, rows[i].problem);
    ivs_json_free(document);
    ivs_buffer_end(&issuer);
    ivs_server_metadata_end(&metadata);
  }
}

static void what_servers_say_is_kept(void **state) {
  static const char json[] =
      WHOLE(",\"registration_endpoint\":\"" AS "/register\",\"revocation_endpoint\":\"" AS
            "/revoke\",\"authorization_response_iss_parameter_supported\":true,\"client_id_"
            "metadata_document_supported\":true,\"scopes_supported\":[\"offline_access\"],"
            "\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"]");
  ivs_server_metadata metadata = {.method = NULL};
  ivs_json_document *document = parse(json);
  ivs_buffer issuer = IVS_BUFFER_EMPTY;
  const char *problem;

  (void)state;
  ivs_buffer_append_text(&issuer, AS);
  assert_int_equal(
      ivs_server_metadata_read(ivs_json_root(document), &issuer, 0, 0, &metadata, &problem),
      INVSRC_OK);
  ivs_json_free(document);
  assert_null(problem);
  assert_string_equal(text_of(&metadata.issuer), AS);
  assert_string_equal(text_of(&metadata.authorization_endpoint), AS "/auth");
  assert_string_equal(text_of(&metadata.token_endpoint), AS "/token");
  assert_string_equal(text_of(&metadata.registration_endpoint), AS "/register");
  assert_string_equal(text_of(&metadata.revocation_endpoint), AS "/revoke");
  assert_string_equal(metadata.method, "client_secret_post");
  assert_true(metadata.iss_required && metadata.takes_documents && metadata.has_offline_access);
  ivs_buffer_end(&issuer);
  ivs_server_metadata_end(&metadata);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(urls_are_judged),
      cmocka_unit_test(resources_are_the_endpoint_or_above_it),
      cmocka_unit_test(resources_name_their_server),
      cmocka_unit_test(lists_may_be_long),
      cmocka_unit_test(what_is_guessed_is_the_agent_itself),
      cmocka_unit_test(servers_break_rules),
      cmocka_unit_test(what_servers_say_is_kept),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
