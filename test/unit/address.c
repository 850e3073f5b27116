/*
 * The network guard's tables: each range at its borders, every notation of an
 * address, and the names that lead inside.
 */
#include "core/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static ivs_address read_address(const char *text) {
  ivs_address address;

  if (!ivs_address_parse(text, strlen(text), &address)) fail_msg("not read: %s", text);
  return address;
}

static void expect_public(const ivs_address *address, int expected, const char *what) {
  if (ivs_address_is_public(address) != expected)
    fail_msg("%s must be %s", what, expected ? "public" : "refused");
}

/* Goes to the next (step 1) or previous (step -1) address. Returns 0 past the end. */
static int move(ivs_address *address, int step) {
  for (int i = address->version == 4 ? 4 : 16; i-- > 0;) {
    address->bytes[i] = (uint8_t)(address->bytes[i] + step);
    if (address->bytes[i] != (step > 0 ? 0 : 0xFF)) return 1;
  }
  return 0;
}

static void test_ranges_at_their_borders(void **state) {
  /* Whether the neighbours of a range are refused too, by another range. */
  static const struct {
    const char *first;
    const char *last;
    int before_is_refused;
    int after_is_refused;
  } rows[] = {
      {"0.0.0.0", "0.255.255.255", 1, 0},
      {"10.0.0.0", "10.255.255.255", 0, 0},
      {"100.64.0.0", "100.127.255.255", 0, 0},
      {"127.0.0.0", "127.255.255.255", 0, 0},
      {"169.254.0.0", "169.254.255.255", 0, 0},
      {"172.16.0.0", "172.31.255.255", 0, 0},
      {"192.0.0.0", "192.0.0.255", 0, 0},
      {"192.0.2.0", "192.0.2.255", 0, 0},
      {"192.88.99.0", "192.88.99.255", 0, 0},
      {"192.168.0.0", "192.168.255.255", 0, 0},
      {"198.18.0.0", "198.19.255.255", 0, 0},
      {"198.51.100.0", "198.51.100.255", 0, 0},
      {"203.0.113.0", "203.0.113.255", 0, 0},
      {"224.0.0.0", "239.255.255.255", 0, 1},
      {"240.0.0.0", "255.255.255.255", 1, 1},
      {"::", "::255.255.255.255", 1, 0},
      {"::ffff:10.0.0.0", "::ffff:10.255.255.255", 0, 0},
      {"::ffff:127.0.0.0", "::ffff:127.255.255.255", 0, 0},
      {"::ffff:224.0.0.0", "::ffff:255.255.255.255", 0, 0},
      {"::ffff:0:0:0", "::ffff:0:ffff:ffff", 0, 0},
      {"64:ff9b::", "64:ff9b::255.255.255.255", 0, 0},
      {"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", 0, 0},
      {"100::", "100::ffff:ffff:ffff:ffff", 0, 0},
      {"2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0},
      {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0},
      {"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0},
      {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0},
      {"5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0},
      {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0},
      {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 1},
      {"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, 1},
      {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, 1},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_address first = read_address(rows[i].first);
    ivs_address last = read_address(rows[i].last);

    expect_public(&first, 0, rows[i].first);
    expect_public(&last, 0, rows[i].last);
    if (move(&first, -1)) expect_public(&first, !rows[i].before_is_refused, rows[i].first);
    if (move(&last, 1)) expect_public(&last, !rows[i].after_is_refused, rows[i].last);
  }
}

static void test_public_addresses(void **state) {
  static const char *const rows[] = {
      "1.1.1.1",
      "8.8.8.8",
      "93.184.215.14",
      "192.0.1.1",
      "192.31.196.1",
      "223.255.255.255",
      "2606:4700:4700::1111",
      "2a00:1450:4001:800::200e",
      "2620:0:2d0:200::7",
      "::ffff:8.8.8.8",
      "::ffff:0808:0808",
      "2001:200::1",
      "2003::1",
      "64:ff9c::1",
      "101::1",
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_address address = read_address(rows[i]);

    expect_public(&address, 1, rows[i]);
  }
}

/* Every first byte, against a list written by hand. */
static void test_every_ipv4_network_of_eight_bits(void **state) {
  (void)state;
  for (int first = 0; first < 256; first++) {
    ivs_address address = {4, {(uint8_t)first, 1, 1, 1}};
    ivs_address mapped = {6, {[10] = 0xFF, [11] = 0xFF, [12] = (uint8_t)first, 1, 1, 1}};
    int refused = first == 0 || first == 10 || first == 127 || first >= 224;
    char what[8];

    snprintf(what, sizeof what, "%d", first);
    expect_public(&address, !refused, what);
    expect_public(&mapped, !refused, what);
  }
}

static void test_ipv4_in_every_notation(void **state) {
  static const struct {
    const char *text;
    uint8_t bytes[4];
  } rows[] = {
      {"127.0.0.1", {127, 0, 0, 1}},
      {"127.0.0.1.", {127, 0, 0, 1}},
      {"127.1", {127, 0, 0, 1}},
      {"127.0.1", {127, 0, 0, 1}},
      {"127.65535", {127, 0, 255, 255}},
      {"127.16777215", {127, 255, 255, 255}},
      {"10.1.65535", {10, 1, 255, 255}},
      {"2130706433", {127, 0, 0, 1}},
      {"2130706433.", {127, 0, 0, 1}},
      {"4294967295", {255, 255, 255, 255}},
      {"0", {0, 0, 0, 0}},
      {"0.0.0.0", {0, 0, 0, 0}},
      {"00.00.00.00", {0, 0, 0, 0}},
      {"1", {0, 0, 0, 1}},
      {"0177.0.0.1", {127, 0, 0, 1}},
      {"0177.0.0.01", {127, 0, 0, 1}},
      {"00000000000000000000177.1", {127, 0, 0, 1}},
      {"017700000001", {127, 0, 0, 1}},
      {"0x7f.0.0.1", {127, 0, 0, 1}},
      {"0X7F.0x0.0x0.0x1", {127, 0, 0, 1}},
      {"0x7f000001", {127, 0, 0, 1}},
      {"0x7F.1", {127, 0, 0, 1}},
      {"0x0000000000000000000000007f000001", {127, 0, 0, 1}},
      {"0x.0x.0x.0x", {0, 0, 0, 0}},
      {"0xa9fea9fe", {169, 254, 169, 254}},
      {"0251.0376.0251.0376", {169, 254, 169, 254}},
      {"169.254.43518", {169, 254, 169, 254}},
      {"0xa9.0376.43518", {169, 254, 169, 254}},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_address address = read_address(rows[i].text);

    assert_int_equal(address.version, 4);
    if (memcmp(address.bytes, rows[i].bytes, 4) != 0) fail_msg("%s", rows[i].text);
  }
}

static void test_what_is_no_address(void **state) {
  static const char *const rows[] = {
      "",
      ".",
      "..",
      "a",
      "localhost",
      "example.com",
      "1.2.3.4.5",
      "1.2.3.4..",
      ".1.2.3.4",
      "1..2.3",
      "256.1.1.1",
      "1.256.1.1",
      "1.2.3.256",
      "1.2.65536",
      "1.16777216",
      "4294967296",
      "99999999999999999999999999999999",
      "1.99999999999999999999999999999999",
      "99999999999999999999999999999999.1",
      "08",
      "09.1",
      "0x7g",
      "0xg",
      "x7f",
      "1.2.3.4 ",
      " 1.2.3.4",
      "+1.2.3.4",
      "-1",
      "1.2.3.-4",
      "1,2,3,4",
      "1.2.3.4/8",
      "1e3",
      "0b1",
      "1.2.3.f",
      ":",
      ":::",
      "1::2::3",
      "::1%eth0",
      "::1%25eth0",
      "[::1]",
      "::1.",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "::g",
      "::12345",
      "::1.2.3",
      "::1.2.3.256",
      "::127.0.0.0x1",
      "1.2.3.4::",
      "::ffff:1.2.3.4:5",
      "0000:0000:0000:0000:0000:ffff:255.255.255.2555",
      "00000000000000000000000000000000000000000000000000000000000000001::",
  };
  ivs_address address;

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++)
    if (ivs_address_parse(rows[i], strlen(rows[i]), &address)) fail_msg("read: %s", rows[i]);
  assert_false(ivs_address_parse("1.2.3.4\0", 8, &address));
  assert_false(ivs_address_parse("1.2\0.3", 6, &address));
  assert_false(ivs_address_parse("::1\0", 4, &address));
  assert_false(ivs_address_parse("::1\0:2", 6, &address));
}

/* Where the length ends the text, what follows it is not looked at. */
static void test_length_is_kept(void **state) {
  ivs_address address;

  (void)state;
  assert_true(ivs_address_parse("127.0.0.1.example", 9, &address));
  assert_true(ivs_address_parse("::1]:80", 3, &address));
  assert_true(ivs_host_is_internal("localhost.example", 9));
  assert_false(ivs_host_is_internal("localhost", 8));
}

static void test_ipv6_in_every_notation(void **state) {
  static const struct {
    const char *text;
    uint8_t bytes[16];
  } rows[] = {
      {"::", {0}},
      {"::1", {[15] = 1}},
      {"0:0:0:0:0:0:0:1", {[15] = 1}},
      {"0000:0000:0000:0000:0000:0000:0000:0001", {[15] = 1}},
      {"::0.0.0.1", {[15] = 1}},
      {"1::", {[1] = 1}},
      {"1:2:3:4:5:6:7::", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0}},
      {"::FFFF:127.0.0.1", {[10] = 0xFF, [11] = 0xFF, [12] = 127, [15] = 1}},
      {"::ffff:7f00:1", {[10] = 0xFF, [11] = 0xFF, [12] = 127, [15] = 1}},
      {"0000:0000:0000:0000:0000:ffff:255.255.255.255",
       {[10] = 0xFF, [11] = 0xFF, [12] = 255, [13] = 255, [14] = 255, [15] = 255}},
      {"2001:DB8::aBcD", {0x20, 0x01, 0x0D, 0xB8, [14] = 0xAB, [15] = 0xCD}},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_address address = read_address(rows[i].text);

    assert_int_equal(address.version, 6);
    if (memcmp(address.bytes, rows[i].bytes, 16) != 0) fail_msg("%s", rows[i].text);
  }
}

static void test_internal_names(void **state) {
  static const struct {
    const char *host;
    int is_internal;
  } rows[] = {
      {"localhost", 1},
      {"LOCALHOST", 1},
      {"LocalHost.", 1},
      {"a.localhost", 1},
      {"a.b.localhost.", 1},
      {"localhost.localdomain", 1},
      {"localhost4", 1},
      {"localhost6.localdomain6", 0},
      {"ip6-localhost", 1},
      {"ip6-loopback", 1},
      {"broadcasthost", 1},
      {"metadata", 1},
      {"metadata.google.internal", 1},
      {"Metadata.Google.Internal.", 1},
      {"metadata.tencentyun.com", 1},
      {"instance-data", 1},
      {"instance-data.ec2.internal", 1},
      {"kubernetes.default.svc", 1},
      {"kubernetes.default.svc.cluster.local", 1},
      {"host.docker.internal", 1},
      {"printer.local", 1},
      {"local", 1},
      {"wiki.corp", 1},
      {"wiki.intranet", 1},
      {"db.private", 1},
      {"nas.home", 1},
      {"nas.home.arpa", 1},
      {"nas.lan", 1},
      {"", 0},
      {".", 0},
      {"..", 0},
      {"example.com", 0},
      {"localhost.example.com", 0},
      {"notlocalhost", 0},
      {"a.notlocalhost", 0},
      {"localhost1", 0},
      {"internal.example.com", 0},
      {"myinternal", 0},
      {"home.example", 0},
      {"arpa", 0},
      {"tencentyun.com", 0},
      {"metadata.tencentyun.com.example", 0},
      {"xmetadata.tencentyun.com", 0},
      {"locals", 0},
      {"ocalhost", 0},
      {"agent.example", 0},
      {"agent.test", 0},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++)
    if (ivs_host_is_internal(rows[i].host, strlen(rows[i].host)) != rows[i].is_internal)
      fail_msg("\"%s\"", rows[i].host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ranges_at_their_borders),
      cmocka_unit_test(test_public_addresses),
      cmocka_unit_test(test_every_ipv4_network_of_eight_bits),
      cmocka_unit_test(test_ipv4_in_every_notation),
      cmocka_unit_test(test_what_is_no_address),
      cmocka_unit_test(test_length_is_kept),
      cmocka_unit_test(test_ipv6_in_every_notation),
      cmocka_unit_test(test_internal_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
