/*
 * Challenges: what of WWW-Authenticate counts, however it is put, and where metadata is
 * looked for then.
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

#include "agents/challenge.h"
#include "agents/well_known.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define U "https://agent.example/m"

/* ---- Challenges ------------------------------------------------------------------------- */

static const struct {
  const char *field;
  const char *resource_metadata;
  const char *scope;
} challenges[] = {
    {NULL, "", ""},
    {"", "", ""},
    {" , ,", "", ""},
    {"Bearer", "", ""},
    {"Bearer resource_metadata=\"" U "\", scope=\"a b\"", U, "a b"},
    {"bEARER Scope=a , RESOURCE_METADATA=\"" U "\"", U, "a"},
    {"Bearer realm=\"x, Bearer scope=\\\"no\\\"\", scope=\"a\"", "", "a"},
    {"Bearer resource_metadata = \"" U "\"", U, ""},
    {"Bearer resource_metadata=\"https:\\/\\/agent.example/m\"", U, ""},
    /* Commas and quotes that are missing, or too many. */
    {"Bearer realm=\"x\" scope=\"a\"", "", "a"},
    {"Bearer resource_metadata=" U ", scope=a", U, "a"},
    {",,Bearer,, scope=\"a\",,", "", "a"},
    {"\tBearer\tscope=\"a\"\t", "", "a"},
    /* The first of a name counts, if it says something. */
    {"Bearer scope=\"a\", scope=\"b\"", "", "a"},
    {"Bearer resource_metadata=\"\", resource_metadata=\"" U "\"", U, ""},
    {"Bearer scope=\"\", scope=\"b\"", "", "b"},
    /* Of several challenges, and of several fields, which come as one. */
    {"Basic realm=\"x\", Bearer scope=\"a\"", "", "a"},
    {"Negotiate, Bearer scope=\"a\"", "", "a"},
    {"Negotiate YWJj/+==, Bearer scope=\"a\"", "", "a"},
    {"Negotiate YWJj, Bearer scope=\"a\"", "", "a"},
    {"Bearer scope=\"a\", Basic realm=\"x\", scope=\"b\", resource_metadata=\"no\"", "", "a"},
    {"Digest scope=\"no\", resource_metadata=\"no\"", "", ""},
    {"Bearer realm=\"x\", Bearer resource_metadata=\"" U "\"", U, ""},
    {"Bearer scope=\"a\", Bearer scope=\"b\"", "", "a"},
    {"Bearer scope=\"a\", Bearer scope=\"b\", resource_metadata=\"" U "\"", U, "b"},
    {"Bearer scope=\"a\", Bearer resource_metadata=\"" U "\"", U, "a"},
    {"Bearer resource_metadata=\"" U "\", Bearer scope=\"b\", resource_metadata=\"x\"", U, ""},
    {"BearerX scope=\"a\"", "", ""},
    {"Bearer-X scope=\"a\"", "", ""},
    /* What is no scope is none. */
    {"Bearer scope=\"a  b\"", "", ""},
    {"Bearer scope=\" a\"", "", ""},
    {"Bearer scope=\"a\\\"b\"", "", ""},
    {"Bearer scope=\"\xc3\xa9\"", "", ""},
    {"Bearer scope=\"a\tb\"", "", ""},
    {"Bearer scope=\"urn:x:y/z?a=b&c https://x/y\"", "", "urn:x:y/z?a=b&c https://x/y"},
    /* What cannot be understood ends it. */
    {"Bearer scope=\"a\", realm=\"x", "", "a"},
    {"Bearer realm=\"x\\", "", ""},
    {"Bearer scope=\"a", "", ""},
    {"Bearer scope=\"a\", =x, resource_metadata=\"" U "\"", "", "a"},
    {"Bearer scope=\"a\", \"x\", resource_metadata=\"" U "\"", "", "a"},
    {"=", "", ""},
    {"Bearer scope=", "", ""},
    {"Bearer =", "", ""},
    {"scope=\"a\"", "", ""},
    {"@Bearer scope=\"a\"", "", ""},
};

static const char *text_of(const ivs_buffer *buffer) {
  return buffer->length ? buffer->bytes : "";
}

static void challenges_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(challenges); i++) {
    ivs_challenge challenge = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};

    assert_int_equal(ivs_challenge_read(challenges[i].field, &challenge), INVSRC_OK);
    if (strcmp(text_of(&challenge.scope), challenges[i].scope) != 0)
      fail_msg("row %zu: scope %s", i, text_of(&challenge.scope));
    if (strcmp(text_of(&challenge.resource_metadata), challenges[i].resource_metadata) != 0)
      fail_msg("row %zu: resource_metadata %s", i, text_of(&challenge.resource_metadata));
    ivs_challenge_end(&challenge);
  }
}

/* Wherever a field is cut off, the block of this size is not left. */
static void challenges_may_end_anywhere(void **state) {
  static const char whole[] =
      "Negotiate YWJj==, Bearer realm=\"a\\\"b\" , scope = \"a b\", resource_metadata=\"" U "\"";

  (void)state;
  for (size_t length = 0; length < sizeof whole; length++) {
    ivs_challenge challenge = {IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY};
    char *field = malloc(length + 1);

    assert_non_null(field);
    memcpy(field, whole, length);
    field[length] = '\0';
    assert_int_equal(ivs_challenge_read(field, &challenge), INVSRC_OK);
    assert_string_equal(text_of(&challenge.resource_metadata), length == sizeof whole - 1 ? U : "");
    ivs_challenge_end(&challenge);
    free(field);
  }
}

/* ---- Well-known places --------------------------------------------------------------------- */

#define RESOURCE "/.well-known/oauth-protected-resource"
#define SERVER "/.well-known/oauth-authorization-server"
#define OPENID "/.well-known/openid-configuration"

static const struct {
  int32_t (*find)(const char *url, size_t at, ivs_buffer *to);
  const char *url;
  const char *places[3];
} places[] = {
    {ivs_well_known_resource, "https://a.example", {"https://a.example" RESOURCE}},
    {ivs_well_known_resource, "https://a.example/", {"https://a.example" RESOURCE}},
    {ivs_well_known_resource,
     "https://a.example/mcp",
     {"https://a.example" RESOURCE "/mcp", "https://a.example" RESOURCE}},
    {ivs_well_known_resource,
     "http://[::1]:8080/a/b/",
     {"http://[::1]:8080" RESOURCE "/a/b/", "http://[::1]:8080" RESOURCE}},
    {ivs_well_known_resource,
     "https://a.example/mcp?x=/y?#f",
     {"https://a.example" RESOURCE "/mcp?x=/y?", "https://a.example" RESOURCE}},
    {ivs_well_known_resource,
     "https://a.example/?x",
     {"https://a.example" RESOURCE "?x", "https://a.example" RESOURCE}},
    {ivs_well_known_resource,
     "https://a.example?x",
     {"https://a.example" RESOURCE "?x", "https://a.example" RESOURCE}},
    {ivs_well_known_server,
     "https://a.example",
     {"https://a.example" SERVER, "https://a.example" OPENID}},
    {ivs_well_known_server,
     "https://a.example:8443/",
     {"https://a.example:8443" SERVER, "https://a.example:8443" OPENID}},
    {ivs_well_known_server,
     "https://a.example/t/1",
     {"https://a.example" SERVER "/t/1", "https://a.example" OPENID "/t/1",
      "https://a.example/t/1" OPENID}},
    {ivs_well_known_server,
     "http://[2001:db8::1]/t/",
     {"http://[2001:db8::1]" SERVER "/t", "http://[2001:db8::1]" OPENID "/t",
      "http://[2001:db8::1]/t" OPENID}},
};

static void places_are_in_order(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(places); i++) {
    ivs_buffer url = IVS_BUFFER_EMPTY;
    size_t at = 0;

    for (; at < 3 && places[i].places[at]; at++) {
      assert_int_equal(places[i].find(places[i].url, at, &url), INVSRC_OK);
      assert_string_equal(url.bytes, places[i].places[at]);
    }
    assert_int_equal(places[i].find(places[i].url, at, &url), INVSRC_ENOTFOUND);
    assert_int_equal(places[i].find("not a URL", 0, &url), INVSRC_EMALFORMED);
    ivs_buffer_end(&url);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(challenges_are_read),
      cmocka_unit_test(challenges_may_end_anywhere),
      cmocka_unit_test(places_are_in_order),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
