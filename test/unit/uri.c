/*
 * URIs: what is refused, why and where; the parts of what is not; and the
 * canonical form, step by step.
 */
#include "core/uri.h"

#include <invsrc/invsrc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uriparser/Uri.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BYTES(literal) (literal), sizeof(literal) - 1

#define LABEL63 "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxy"
#define NAME253 LABEL63 "." LABEL63 "." LABEL63 "." LABEL63_SHORT
#define LABEL63_SHORT "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvw"

/* ---- Canonical form --------------------------------------------------------- */

static void expect_canonical(const char *url, const char *expected) {
  char canonical[2 * IVS_URI_LONGEST];
  uint64_t length = 0;
  invsrc_error *error = invsrc_error_new();
  int32_t result =
      invsrc_uri_canonicalize(url, strlen(url), canonical, strlen(url) + 2, &length, error);

  if (result != INVSRC_OK) fail_msg("%s: %s", url, invsrc_error_message(error));
  if (strcmp(canonical, expected) != 0) fail_msg("%s: %s", url, canonical);
  assert_int_equal(length, strlen(expected));
  assert_int_equal(invsrc_error_code(error), INVSRC_OK);
  invsrc_error_free(error);
}

static const struct {
  const char *url;
  const char *canonical;
} canonical_forms[] = {
    /* 1: scheme */
    {"https://a.example/p", "https://a.example/p"},
    {"HTTPS://a.example/p", "https://a.example/p"},
    {"hTtP://a.example/p", "http://a.example/p"},
    /* 2: host */
    {"https://Seller.EXAMPLE.com/P", "https://seller.example.com/P"},
    {"https://a.example./p", "https://a.example/p"},
    {"https://a.example.:8443/p", "https://a.example:8443/p"},
    {"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
    {"https://XN--BCHER-KVA.example/", "https://xn--bcher-kva.example/"},
    {"https://under_score.example/", "https://under_score.example/"},
    {"https://-a-.example/", "https://-a-.example/"},
    {"https://localhost/", "https://localhost/"},
    {"https://3com.example/", "https://3com.example/"},
    {"https://1.2.3.4.example/", "https://1.2.3.4.example/"},
    {"https://a.1b/", "https://a.1b/"},
    {"https://a.0xg/", "https://a.0xg/"},
    {"https://127.0.0.1/", "https://127.0.0.1/"},
    {"https://127.0.0.1./", "https://127.0.0.1/"},
    {"https://0X7F.1/", "https://0x7f.1/"},
    {"https://2130706433/", "https://2130706433/"},
    {"https://[2001:DB8::1]/p", "https://[2001:db8::1]/p"},
    {"https://[::FFFF:1.2.3.4]/", "https://[::ffff:1.2.3.4]/"},
    {"https://[::1]:8443/p", "https://[::1]:8443/p"},
    {"https://" NAME253 "/", "https://" NAME253 "/"},
    {"https://" NAME253 "./", "https://" NAME253 "/"},
    /* 3: user information */
    {"https://user:pass@a.example/p", "https://a.example/p"},
    {"https://@a.example/p", "https://a.example/p"},
    {"https://:@a.example/p", "https://a.example/p"},
    {"https://u%40x:p%3A@a.example:444/p", "https://a.example:444/p"},
    {"https://u@[::1]/p", "https://[::1]/p"},
    /* 4: port */
    {"https://a.example:443/p", "https://a.example/p"},
    {"http://a.example:80/p", "http://a.example/p"},
    {"https://a.example:80/p", "https://a.example:80/p"},
    {"http://a.example:443/p", "http://a.example:443/p"},
    {"https://a.example:/p", "https://a.example/p"},
    {"https://a.example:", "https://a.example/"},
    {"https://[::1]:443", "https://[::1]/"},
    {"https://[::1]:", "https://[::1]/"},
    {"https://a.example:8443", "https://a.example:8443/"},
    {"https://a.example:0443/p", "https://a.example/p"},
    {"https://a.example:0000000008443/p", "https://a.example:8443/p"},
    {"https://a.example:1/p", "https://a.example:1/p"},
    {"https://a.example:65535/p", "https://a.example:65535/p"},
    {"https://a.example:4430/p", "https://a.example:4430/p"},
    {"https://a.example:44/p", "https://a.example:44/p"},
    /* 5: dot segments; the paths of RFC 3986 §5.4 below /b/c/ */
    {"https://a.example", "https://a.example/"},
    {"https://a.example?x=1", "https://a.example/?x=1"},
    {"https://a.example#f", "https://a.example/"},
    {"https://a.example/", "https://a.example/"},
    {"https://a.example/b/c/g", "https://a.example/b/c/g"},
    {"https://a.example/b/c/./g", "https://a.example/b/c/g"},
    {"https://a.example/b/c/g/", "https://a.example/b/c/g/"},
    {"https://a.example/b/c/.", "https://a.example/b/c/"},
    {"https://a.example/b/c/./", "https://a.example/b/c/"},
    {"https://a.example/b/c/..", "https://a.example/b/"},
    {"https://a.example/b/c/../", "https://a.example/b/"},
    {"https://a.example/b/c/../g", "https://a.example/b/g"},
    {"https://a.example/b/c/../..", "https://a.example/"},
    {"https://a.example/b/c/../../", "https://a.example/"},
    {"https://a.example/b/c/../../g", "https://a.example/g"},
    {"https://a.example/b/c/../../../g", "https://a.example/g"},
    {"https://a.example/b/c/../../../../g", "https://a.example/g"},
    {"https://a.example/./g", "https://a.example/g"},
    {"https://a.example/../g", "https://a.example/g"},
    {"https://a.example/b/c/g.", "https://a.example/b/c/g."},
    {"https://a.example/b/c/.g", "https://a.example/b/c/.g"},
    {"https://a.example/b/c/g..", "https://a.example/b/c/g.."},
    {"https://a.example/b/c/..g", "https://a.example/b/c/..g"},
    {"https://a.example/b/c/...", "https://a.example/b/c/..."},
    {"https://a.example/b/c/./../g", "https://a.example/b/g"},
    {"https://a.example/b/c/./g/.", "https://a.example/b/c/g/"},
    {"https://a.example/b/c/g/./h", "https://a.example/b/c/g/h"},
    {"https://a.example/b/c/g/../h", "https://a.example/b/c/h"},
    {"https://a.example/b/c/g;x=1/./y", "https://a.example/b/c/g;x=1/y"},
    {"https://a.example/b/c/g;x=1/../y", "https://a.example/b/c/y"},
    {"https://a.example/a/b/c/./../../g", "https://a.example/a/g"},
    {"https://a.example/.", "https://a.example/"},
    {"https://a.example/..", "https://a.example/"},
    {"https://a.example/../..", "https://a.example/"},
    {"https://a.example/../../", "https://a.example/"},
    {"https://a.example/a//b", "https://a.example/a//b"},
    {"https://a.example//", "https://a.example//"},
    {"https://a.example//a", "https://a.example//a"},
    {"https://a.example/a/.//b", "https://a.example/a//b"},
    {"https://a.example/a//../b", "https://a.example/a/b"},
    {"https://a.example/a//..//b", "https://a.example/a//b"},
    {"https://a.example//..", "https://a.example/"},
    {"https://a.example//../a", "https://a.example/a"},
    {"https://a.example/..//a", "https://a.example//a"},
    {"https://a.example/a/../../..//b/", "https://a.example//b/"},
    {"https://a.example/.//", "https://a.example//"},
    /* 6: escapes in the path */
    {"https://a.example/path%2fhere", "https://a.example/path%2Fhere"},
    {"https://a.example/a%3ab%3Fc%c3%a9", "https://a.example/a%3Ab%3Fc%C3%A9"},
    {"https://a.example/%7Efoo%7e", "https://a.example/~foo~"},
    {"https://a.example/%41%42C%61%7a%7A%30%39", "https://a.example/ABCazz09"},
    {"https://a.example/%2d%2D%2e%2E%5f%5F", "https://a.example/--..__"},
    {"https://a.example/%00%20%25%7f%ff", "https://a.example/%00%20%25%7F%FF"},
    {"https://a.example/%2541", "https://a.example/%2541"},
    {"https://a.example/%21%24%26%27%28%29%2a%2b%2c%3b%3d%3a%40",
     "https://a.example/%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40"},
    {"https://a.example/!$&'()*+,;=:@-._~", "https://a.example/!$&'()*+,;=:@-._~"},
    /* 7: query */
    {"https://a.example/p?b=2&a=1&c=3", "https://a.example/p?b=2&a=1&c=3"},
    {"https://a.example/p?x=a+b", "https://a.example/p?x=a+b"},
    {"https://a.example/p?x=%7e%2f&y=%41", "https://a.example/p?x=%7e%2f&y=%41"},
    {"https://a.example/p?", "https://a.example/p?"},
    {"https://a.example?", "https://a.example/?"},
    {"https://a.example/p??", "https://a.example/p??"},
    {"https://a.example/p?/../x", "https://a.example/p?/../x"},
    {"https://a.example/p?HTTPS://B.EXAMPLE:443/@", "https://a.example/p?HTTPS://B.EXAMPLE:443/@"},
    /* 8: fragment */
    {"https://a.example/p#frag", "https://a.example/p"},
    {"https://a.example/p#", "https://a.example/p"},
    {"https://a.example/p?#", "https://a.example/p?"},
    {"https://a.example/p?q#/../?x", "https://a.example/p?q"},
    /* all of them */
    {"HTTPS://U:P@A.Example.:0443/%7Ea/./b/../%2f//c?Q=%7e#F", "https://a.example/~a/%2F//c?Q=%7e"},
};

static void test_canonical_forms(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(canonical_forms); i++)
    expect_canonical(canonical_forms[i].url, canonical_forms[i].canonical);
}

static void test_canonical_form_is_its_own(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(canonical_forms); i++)
    expect_canonical(canonical_forms[i].canonical, canonical_forms[i].canonical);
}

/* AdCP removes dot segments (step 5) before it decodes escapes (step 6), so that
 * escaped dots come out as dots: the one form that is not its own. */
static void test_escaped_dot_segments_are_decoded_last(void **state) {
  (void)state;
  expect_canonical("https://a.example/b/%2e%2E/c", "https://a.example/b/../c");
  expect_canonical("https://a.example/b/%2e", "https://a.example/b/.");
  expect_canonical("https://a.example/b/.%2e/..", "https://a.example/b/");
}

/* ---- Refusals --------------------------------------------------------------- */

static const struct {
  const char *text;
  size_t length;
  const char *reason; /* a part of it */
  size_t offset;
} refusals[] = {
    {BYTES(""), "must be an absolute URI", 0},
    {BYTES("a.example"), "must be an absolute URI", 9},
    {BYTES("a"), "must be an absolute URI", 1},
    {BYTES("/p"), "must be an absolute URI", 0},
    {BYTES("//a.example/p"), "must be an absolute URI", 0},
    {BYTES("?q"), "must be an absolute URI", 0},
    {BYTES(":"), "must be an absolute URI", 0},
    {BYTES("://a.example"), "must be an absolute URI", 0},
    {BYTES("1http://a.example"), "must be an absolute URI", 0},
    {BYTES("ht_tp://a.example"), "must be an absolute URI", 2},
    {BYTES("127.0.0.1:80/p"), "must be an absolute URI", 0},
    {BYTES("https://a.example/\0"), "must not contain spaces or control", 18},
    {BYTES("https://a.example\0.b.example/"), "must not contain spaces or control", 17},
    {BYTES("\0https://a.example/"), "must not contain spaces or control", 0},
    {BYTES(" https://a.example/"), "must not contain spaces or control", 0},
    {BYTES("https://a.example/ "), "must not contain spaces or control", 18},
    {BYTES("https://a.example/a\tb"), "must not contain spaces or control", 19},
    {BYTES("https://a.example/\r\n"), "must not contain spaces or control", 18},
    {BYTES("https://a.example/\x7F"), "must not contain spaces or control", 18},
    {BYTES("https://b\xC3\xBC"
           "cher.example/"),
     "must be ASCII", 9},
    {BYTES("https://a.example/\xE2\x82\xAC"), "must be ASCII", 18},
    {BYTES("https://a.example/?\xF0\x9F\x98\x80"), "must be ASCII", 19},
    {BYTES("https://a.example/\xFF"), "must be ASCII", 18},
    {BYTES("https://a\xEF\xBC\x8E"
           "example/"),
     "must be ASCII", 9},
    {BYTES("https://a.example\\b"), "percent-encoded", 17},
    {BYTES("https:\\\\a.example"), "percent-encoded", 6},
    {BYTES("https://a.example/<b>"), "percent-encoded", 18},
    {BYTES("https://a.example/\"b\""), "percent-encoded", 18},
    {BYTES("https://a.example/^"), "percent-encoded", 18},
    {BYTES("https://a.example/`"), "percent-encoded", 18},
    {BYTES("https://a.example/{id}"), "percent-encoded", 18},
    {BYTES("https://a.example/?a|b"), "percent-encoded", 20},
    {BYTES("https://a.example/%"), "two hexadecimal digits", 18},
    {BYTES("https://a.example/%4"), "two hexadecimal digits", 18},
    {BYTES("https://a.example/%4g"), "two hexadecimal digits", 18},
    {BYTES("https://a.example/%g4"), "two hexadecimal digits", 18},
    {BYTES("https://a.example/?%%41"), "two hexadecimal digits", 19},
    {BYTES("https://a.example/#%x0"), "two hexadecimal digits", 19},
    {BYTES("https://a.example/[b]"), "must not contain [ or ]", 18},
    {BYTES("https://a.example/?[b]"), "must not contain [ or ]", 19},
    {BYTES("https://a.example/#a#b"), "nor a second #", 20},
    {BYTES("https:[::1]"), "must not contain [ or ]", 6},
    {BYTES("https://[::1"), "well-formed host", 12},
    {BYTES("https://[::1/p"), "well-formed host", 12},
    {BYTES("https://::1/p"), "well-formed host", 11},
    {BYTES("https://fe80::1/p"), "well-formed host", 15},
    {BYTES("https://[fe80::1%25eth0]/p"), "well-formed host", 16},
    {BYTES("https://[::12345]/"), "well-formed host", 15},
    {BYTES("https://[1:2:3:4:5:6:7:8:9]/"), "well-formed host", 24},
    {BYTES("https://[::1.2.3.256]/"), "well-formed host", 19},
    {BYTES("https://a.example:80a/"), "well-formed host", 21},
    {BYTES("https://a.example:-1/"), "well-formed host", 20},
    {BYTES("https://a@b@a.example/"), "well-formed host", 11},
    {BYTES("https://a]b/"), "well-formed host", 9},
    {BYTES("ftp://a.example/"), "must be an http or https URL", 0},
    {BYTES("httpss://a.example/"), "must be an http or https URL", 0},
    {BYTES("htt://a.example/"), "must be an http or https URL", 0},
    {BYTES("mailto:a@a.example"), "must be an http or https URL", 0},
    {BYTES("urn:example:a"), "must be an http or https URL", 0},
    {BYTES("localhost:8080/p"), "must be an http or https URL", 0},
    {BYTES("https:"), "must have a host", 6},
    {BYTES("https:/"), "must have a host", 6},
    {BYTES("https:a.example"), "must have a host", 6},
    {BYTES("https:/a.example/p"), "must have a host", 6},
    {BYTES("https://"), "must have a host", 8},
    {BYTES("https:///p"), "must have a host", 8},
    {BYTES("https://?q"), "must have a host", 8},
    {BYTES("https://#f"), "must have a host", 8},
    {BYTES("https://:443/p"), "must have a host", 8},
    {BYTES("https://user@/p"), "must have a host", 13},
    {BYTES("https://user:@:443/p"), "must have a host", 14},
    {BYTES("https://[v1.a]/"), "IPv6 address between the brackets", 9},
    {BYTES("https://[vF.::1]/"), "IPv6 address between the brackets", 9},
    {BYTES("https://%61.example/"), "letters, digits, hyphens", 8},
    {BYTES("https://a%2eexample/"), "letters, digits, hyphens", 9},
    {BYTES("https://a!b.example/"), "letters, digits, hyphens", 9},
    {BYTES("https://a.example,b.example/"), "letters, digits, hyphens", 17},
    {BYTES("https://a~b.example/"), "letters, digits, hyphens", 9},
    {BYTES("https://*.example/"), "letters, digits, hyphens", 8},
    {BYTES("https://./p"), "1 to 63 characters", 8},
    {BYTES("https://../p"), "1 to 63 characters", 8},
    {BYTES("https://a.example../p"), "1 to 63 characters", 18},
    {BYTES("https://a..example/"), "1 to 63 characters", 10},
    {BYTES("https://.example/"), "1 to 63 characters", 8},
    {BYTES("https://a" LABEL63 ".example/"), "1 to 63 characters", 71},
    {BYTES("https://x.a" LABEL63 "/"), "1 to 63 characters", 73},
    {BYTES("https://x." NAME253 "/"), "at most 253 characters", 261},
    {BYTES("https://1.2.3.256/"), "must have an IPv4 address", 8},
    {BYTES("https://1.2.3.4.5/"), "must have an IPv4 address", 8},
    {BYTES("https://a.1/"), "must have an IPv4 address", 8},
    {BYTES("https://a.0x1f./"), "must have an IPv4 address", 8},
    {BYTES("https://a.0X/"), "must have an IPv4 address", 8},
    {BYTES("https://08/"), "must have an IPv4 address", 8},
    {BYTES("https://4294967296/"), "must have an IPv4 address", 8},
    {BYTES("https://u@1.2.3.4.5:1/"), "must have an IPv4 address", 10},
    {BYTES("https://a.example:0/"), "must have a port of 1 to 65535", 18},
    {BYTES("https://a.example:000/"), "must have a port of 1 to 65535", 18},
    {BYTES("https://a.example:65536/"), "must have a port of 1 to 65535", 18},
    {BYTES("https://a.example:99999999999999999999999/"), "must have a port of 1 to 65535", 18},
    {BYTES("https://[::1]:65536"), "must have a port of 1 to 65535", 14},
};

static void test_refusals_say_why_and_where(void **state) {
  invsrc_error *error = invsrc_error_new();
  char canonical[512];

  (void)state;
  for (size_t i = 0; i < COUNT(refusals); i++) {
    const char *text = refusals[i].text;
    const char *reason = NULL;
    size_t offset = SIZE_MAX;
    ivs_uri url;

    if (ivs_url_parse(text, refusals[i].length, &url, &reason, &offset) != INVSRC_EMALFORMED)
      fail_msg("%s", text);
    assert_int_equal(strncmp(reason, "must ", 5), 0);
    if (!strstr(reason, refusals[i].reason)) fail_msg("%s: %s", text, reason);
    if (offset != refusals[i].offset) fail_msg("%s: %s at %zu", text, reason, offset);
    assert_int_equal(
        invsrc_uri_canonicalize(text, refusals[i].length, canonical, sizeof canonical, NULL, error),
        INVSRC_EMALFORMED);
    assert_int_equal(invsrc_error_code(error), INVSRC_EMALFORMED);
    assert_string_equal(invsrc_error_message(error), reason);
    assert_int_equal(invsrc_error_offset(error), offset);
  }
  invsrc_error_free(error);
}

/* Every byte in every component: only what RFC 3986 allows there, and never a
 * text that is read further than its length. */
static void test_every_byte_in_path_and_host(void **state) {
  static const char in_path[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/?#";
  static const char in_host[] = /* the last four end it */
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@/?#";

  (void)state;
  for (int byte = 0; byte < 256; byte++) {
    char url[] = "https://a.example/x_x";
    char host[] = "https://x_x.example/";
    const char *reason;
    size_t offset;
    ivs_uri parts;

    url[19] = (char)byte;
    host[9] = (char)byte;
    assert_int_equal(ivs_url_parse(url, strlen("https://a.example/x_x"), &parts, &reason, &offset),
                     memchr(in_path, byte, sizeof in_path - 1) ? INVSRC_OK : INVSRC_EMALFORMED);
    assert_int_equal(ivs_url_parse(host, strlen("https://x_x.example/"), &parts, &reason, &offset),
                     memchr(in_host, byte, sizeof in_host - 1) ? INVSRC_OK : INVSRC_EMALFORMED);
  }
}

static void test_longest_text(void **state) {
  size_t length = IVS_URI_LONGEST;
  char *url = malloc(length + 2);
  char *canonical = malloc(length + 4);
  invsrc_error *error = invsrc_error_new();

  (void)state;
  for (const char *filler = "a,/.:@%"; *filler; filler++) {
    memset(url, *filler, length + 1);
    memcpy(url, "https://a.example/", 18);
    for (size_t i = 18; *filler == '%' && i <= length; i++) url[i] = "%2E"[i % 3];
    memset(url + length - 2, 'x', 3); /* where an escape would be cut */
    assert_int_equal(invsrc_uri_canonicalize(url, length, canonical, length + 2, NULL, error),
                     INVSRC_OK);
    assert_int_equal(invsrc_uri_canonicalize(url, length + 1, canonical, length + 3, NULL, error),
                     INVSRC_EMALFORMED);
    assert_int_equal(invsrc_error_offset(error), length);
    assert_non_null(strstr(invsrc_error_message(error), "must be at most 8192 bytes"));
  }
  assert_int_equal(invsrc_uri_canonicalize("x", UINT64_MAX, canonical, 4, NULL, error),
                   INVSRC_EMALFORMED);
  invsrc_error_free(error);
  free(canonical);
  free(url);
}

/* ---- Parts ------------------------------------------------------------------ */

static void expect_slice(ivs_slice slice, const char *expected, const char *url) {
  if (!slice.text || !expected) {
    if (slice.text || expected) fail_msg("%s: a part is %s", url, expected ? "absent" : "there");
    return;
  }
  if (slice.length != strlen(expected) || memcmp(slice.text, expected, slice.length) != 0)
    fail_msg("%s: %.*s is not %s", url, (int)slice.length, slice.text, expected);
}

static void test_parts_of_a_uri(void **state) {
  static const struct {
    const char *text;
    const char *scheme, *userinfo, *host, *port, *path, *query, *fragment;
    int host_is_ipv6;
  } rows[] = {
      {"https://u:p@h:80/p/q?a=b#c", "https", "u:p", "h", "80", "/p/q", "a=b", "c", 0},
      {"https://h", "https", NULL, "h", NULL, "", NULL, NULL, 0},
      {"HTTPS://@H:?#", "HTTPS", "", "H", "", "", "", "", 0},
      {"https://[::1]:8/x", "https", NULL, "::1", "8", "/x", NULL, NULL, 1},
      {"https://[v1.a:b]/", "https", NULL, "v1.a:b", NULL, "/", NULL, NULL, 0},
      {"http://1.2.3.4//a//b?c?d/#e?/", "http", NULL, "1.2.3.4", NULL, "//a//b", "c?d/", "e?/", 0},
      {"urn:x:y", "urn", NULL, NULL, NULL, "x:y", NULL, NULL, 0},
      {"urn:x?q#f", "urn", NULL, NULL, NULL, "x", "q", "f", 0},
      {"mailto:a@b", "mailto", NULL, NULL, NULL, "a@b", NULL, NULL, 0},
      {"a+b-c.1:", "a+b-c.1", NULL, NULL, NULL, "", NULL, NULL, 0},
      {"x:/p", "x", NULL, NULL, NULL, "/p", NULL, NULL, 0},
      {"file:///p", "file", NULL, "", NULL, "/p", NULL, NULL, 0},
      {"x://%41!$&'()*+,;=/", "x", NULL, "%41!$&'()*+,;=", NULL, "/", NULL, NULL, 0},
      {"x://h:99999999/", "x", NULL, "h", "99999999", "/", NULL, NULL, 0},
      {"x:?", "x", NULL, NULL, NULL, "", "", NULL, 0},
      {"x:#", "x", NULL, NULL, NULL, "", NULL, "", 0},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const char *reason = NULL;
    size_t offset;
    ivs_uri uri;
    const char *text = rows[i].text;

    if (ivs_uri_parse(text, strlen(text), &uri, &reason, &offset) != INVSRC_OK)
      fail_msg("%s: %s", text, reason);
    expect_slice(uri.scheme, rows[i].scheme, text);
    expect_slice(uri.userinfo, rows[i].userinfo, text);
    expect_slice(uri.host, rows[i].host, text);
    expect_slice(uri.port, rows[i].port, text);
    expect_slice(uri.path, rows[i].path, text);
    expect_slice(uri.query, rows[i].query, text);
    expect_slice(uri.fragment, rows[i].fragment, text);
    assert_int_equal(uri.host_is_ipv6, rows[i].host_is_ipv6);
  }
}

static void test_port_of_a_url(void **state) {
  static const struct {
    const char *text;
    const char *port;
  } rows[] = {
      {"https://h", NULL},      {"https://h:", NULL},         {"https://h:443", "443"},
      {"https://h:0080", "80"}, {"https://h:65535", "65535"}, {"https://[::1]:01", "1"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const char *reason;
    size_t offset;
    ivs_uri url;

    assert_int_equal(ivs_url_parse(rows[i].text, strlen(rows[i].text), &url, &reason, &offset),
                     INVSRC_OK);
    expect_slice(url.port, rows[i].port, rows[i].text);
  }
}

static void test_schemes(void **state) {
  const char *reason;
  size_t offset;
  ivs_uri uri;

  (void)state;
  assert_int_equal(ivs_uri_parse("hTTp:x", 6, &uri, &reason, &offset), INVSRC_OK);
  assert_true(ivs_uri_scheme_is(&uri, "http"));
  assert_false(ivs_uri_scheme_is(&uri, "https"));
  assert_false(ivs_uri_scheme_is(&uri, "htt"));
  assert_false(ivs_uri_scheme_is(&uri, "httq"));
}

/* ---- Plain URLs ------------------------------------------------------------- */

/* The same numbers on every run. */
static uint32_t draw(uint32_t *seed, uint32_t below) {
  *seed = *seed * 1664525u + 1013904223u;
  return (*seed >> 8) % below;
}

static void add_drawn(ivs_buffer *out, uint32_t *seed, const char *bytes, size_t count,
                      uint32_t most) {
  for (uint32_t left = draw(seed, most + 1); left; left--)
    ivs_buffer_append(out, &bytes[draw(seed, (uint32_t)count)], 1);
}

/* A URL that is plain, or nearly: one in three has a byte of it exchanged, and some no part of
 * what others have. */
static void make_nearly_plain(ivs_buffer *out, uint32_t *seed) {
  static const char in_scheme[] = "aZ5+-.", in_name[] = "aZ09.-_~1", in_path[] = "aZ0-._~/..";
  static const char digits[] = "0123456789", any[] = "%:/?#[]@!$&'()*+,;= \"<^\0\x7f\xc3x.";
  static const char *const schemes[] = {"https", "http", "HTTPS", "ftp", ""};

  ivs_buffer_clear(out);
  ivs_buffer_append_text(out, schemes[draw(seed, 5)]);
  if (draw(seed, 8) == 0) add_drawn(out, seed, in_scheme, sizeof in_scheme - 1, 3);
  if (draw(seed, 8)) ivs_buffer_append_text(out, "://");
  add_drawn(out, seed, in_name, sizeof in_name - 1, draw(seed, 8) ? 12 : 90);
  if (draw(seed, 3) == 0) ivs_buffer_append_text(out, ":");
  if (draw(seed, 3) == 0) add_drawn(out, seed, digits, sizeof digits - 1, 5);
  if (draw(seed, 4)) ivs_buffer_append_text(out, "/");
  add_drawn(out, seed, in_path, sizeof in_path - 1, 12);
  assert_false(out->failed);
  if (draw(seed, 3) == 0 && out->length)
    out->bytes[draw(seed, (uint32_t)out->length)] = any[draw(seed, sizeof any - 1)];
}

/* uriparser's own words on a text. It knows no fault where it is not asked for one. */
static int uriparser_accepts(const ivs_buffer *text, int *has_scheme) {
  const char *fault;
  UriUriA parsed;
  int accepts =
      uriParseSingleUriExA(&parsed, text->bytes, text->bytes + text->length, &fault) == URI_SUCCESS;

  *has_scheme = accepts && parsed.scheme.first;
  if (accepts) uriFreeUriMembersA(&parsed);
  return accepts;
}

static void must_be_same_slice(ivs_slice a, ivs_slice b, const char *text) {
  int same = a.text && b.text ? a.length == b.length && memcmp(a.text, b.text, a.length) == 0
                              : !a.text && !b.text;

  if (!same) fail_msg("%s: parts differ", text);
}

/* A query keeps a URL from being plain, and changes nothing else. */
static int is_same_with_query(const ivs_buffer *text, const ivs_buffer *longer) {
  const char *reason = "", *other_reason = "";
  size_t offset = 0, other_offset = 0;
  ivs_buffer canonical = IVS_BUFFER_EMPTY, other = IVS_BUFFER_EMPTY;
  ivs_uri uri, other_uri;
  int32_t result = ivs_url_parse(text->bytes, text->length, &uri, &reason, &offset);
  int32_t other_result =
      ivs_url_parse(longer->bytes, longer->length, &other_uri, &other_reason, &other_offset);

  assert_int_equal(result, other_result);
  assert_string_equal(reason, other_reason);
  assert_int_equal(offset, other_offset);
  if (result == INVSRC_OK) {
    ivs_url_append_canonical(&canonical, &uri);
    ivs_buffer_append_text(&canonical, "?");
    ivs_url_append_canonical(&other, &other_uri);
    assert_string_equal(canonical.bytes, other.bytes);
    must_be_same_slice(uri.scheme, other_uri.scheme, text->bytes);
    must_be_same_slice(uri.userinfo, other_uri.userinfo, text->bytes);
    must_be_same_slice(uri.host, other_uri.host, text->bytes);
    must_be_same_slice(uri.port, other_uri.port, text->bytes);
    must_be_same_slice(uri.path, other_uri.path, text->bytes);
    assert_int_equal(uri.host_is_ipv6, other_uri.host_is_ipv6);
  }
  ivs_buffer_end(&canonical);
  ivs_buffer_end(&other);
  return result == INVSRC_OK;
}

/* What is split without uriparser it would have accepted, and split alike. */
static void test_plain_urls_as_others(void **state) {
  ivs_buffer text = IVS_BUFFER_EMPTY, longer = IVS_BUFFER_EMPTY;
  uint32_t seed = 11;
  int accepted = 0;

  (void)state;
  for (int i = 0; i < 200000; i++) {
    const char *reason;
    size_t offset;
    ivs_uri uri;
    int has_scheme, uriparser, ours;

    make_nearly_plain(&text, &seed);
    if (memchr(text.bytes, '?', text.length) || memchr(text.bytes, '#', text.length)) continue;
    uriparser = uriparser_accepts(&text, &has_scheme);
    ours = ivs_uri_parse(text.bytes, text.length, &uri, &reason, &offset) == INVSRC_OK;
    if (ours != (uriparser && has_scheme)) fail_msg("%s: %d, not %d", text.bytes, ours, uriparser);
    ivs_buffer_clear(&longer);
    ivs_buffer_append(&longer, text.bytes, text.length);
    ivs_buffer_append_text(&longer, "?");
    accepted += is_same_with_query(&text, &longer);
  }
  assert_in_range(accepted, 20000, 180000);
  ivs_buffer_end(&text);
  ivs_buffer_end(&longer);
}

/* ---- The border ------------------------------------------------------------- */

static void test_arguments_of_canonicalize(void **state) {
  invsrc_error *error = invsrc_error_new();
  char canonical[32];
  uint64_t length = 77;

  (void)state;
  assert_int_equal(invsrc_uri_canonicalize(NULL, 0, canonical, 32, &length, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_error_code(error), INVSRC_EINVAL);
  assert_true(invsrc_error_offset(error) == INVSRC_NO_OFFSET);
  assert_true(strlen(invsrc_error_message(error)) > 0);
  assert_int_equal(invsrc_uri_canonicalize("https://h", 9, NULL, 32, &length, NULL), INVSRC_EINVAL);
  memset(canonical, '!', sizeof canonical);
  for (uint64_t capacity = 0; capacity <= 10; capacity++)
    assert_int_equal(invsrc_uri_canonicalize("https://h", 9, canonical, capacity, &length, error),
                     INVSRC_ERANGE);
  assert_int_equal(invsrc_error_code(error), INVSRC_ERANGE);
  assert_int_equal(canonical[0], '!');
  assert_int_equal(length, 77);
  assert_int_equal(invsrc_uri_canonicalize("https://h", 9, canonical, 11, NULL, NULL), INVSRC_OK);
  assert_string_equal(canonical, "https://h/");
  assert_int_equal(canonical[11], '!');
  assert_int_equal(invsrc_uri_canonicalize("https://hh", 9, canonical, 32, &length, NULL),
                   INVSRC_OK);
  assert_string_equal(canonical, "https://h/");
  assert_int_equal(length, 10);
  invsrc_error_free(error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_canonical_forms),
      cmocka_unit_test(test_canonical_form_is_its_own),
      cmocka_unit_test(test_escaped_dot_segments_are_decoded_last),
      cmocka_unit_test(test_refusals_say_why_and_where),
      cmocka_unit_test(test_every_byte_in_path_and_host),
      cmocka_unit_test(test_longest_text),
      cmocka_unit_test(test_parts_of_a_uri),
      cmocka_unit_test(test_port_of_a_url),
      cmocka_unit_test(test_schemes),
      cmocka_unit_test(test_plain_urls_as_others),
      cmocka_unit_test(test_arguments_of_canonicalize),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
