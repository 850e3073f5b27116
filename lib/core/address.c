/*
 * See address.h. The tables are the whole policy; the code below them only
 * reads literals and compares prefixes.
 */
#include "core/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/text.h"

#define REFUSED 0
#define AS_IPV4 1 /* judged by the IPv4 address in its last four bytes */

/* The special-purpose ranges (RFC 6890 and the IANA registries that follow it).
 * IPv4 comes last, so that an address which is judged by the one within goes on
 * down the table. */
static const struct {
  uint8_t version;
  uint8_t bits;
  uint8_t judgement;
  uint8_t prefix[16];
} ranges[] = {
    {6, 96, REFUSED, {0}},                        /* unspecified, loopback, IPv4-compatible */
    {6, 96, AS_IPV4, {[10] = 0xFF, [11] = 0xFF}}, /* IPv4-mapped */
    {6, 96, REFUSED, {[8] = 0xFF, [9] = 0xFF}},   /* IPv4-translated, retired */
    {6, 96, REFUSED, {0x00, 0x64, 0xFF, 0x9B}},   /* NAT64 */
    {6, 48, REFUSED, {0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01}}, /* NAT64 inside a network */
    {6, 64, REFUSED, {0x01}},                               /* discard only */
    {6, 23, REFUSED, {0x20, 0x01}},                         /* IETF protocol assignments, Teredo */
    {6, 32, REFUSED, {0x20, 0x01, 0x0D, 0xB8}},             /* documentation */
    {6, 16, REFUSED, {0x20, 0x02}},                         /* 6to4 */
    {6, 20, REFUSED, {0x3F, 0xFF}},                         /* documentation */
    {6, 16, REFUSED, {0x5F, 0x00}},                         /* segment routing */
    {6, 7, REFUSED, {0xFC}},                                /* unique local */
    {6, 10, REFUSED, {0xFE, 0x80}},                         /* link-local */
    {6, 10, REFUSED, {0xFE, 0xC0}},                         /* site-local, retired */
    {6, 8, REFUSED, {0xFF}},                                /* multicast */
    {4, 8, REFUSED, {0}},                                   /* this network */
    {4, 8, REFUSED, {10}},                                  /* private use */
    {4, 10, REFUSED, {100, 64}},                            /* carrier-grade NAT */
    {4, 8, REFUSED, {127}},                                 /* loopback */
    {4, 16, REFUSED, {169, 254}},                           /* link-local, cloud metadata */
    {4, 12, REFUSED, {172, 16}},                            /* private use */
    {4, 24, REFUSED, {192, 0, 0}},                          /* IETF protocol assignments */
    {4, 24, REFUSED, {192, 0, 2}},                          /* documentation */
    {4, 24, REFUSED, {192, 88, 99}},                        /* 6to4 relays, retired */
    {4, 16, REFUSED, {192, 168}},                           /* private use */
    {4, 15, REFUSED, {198, 18}},                            /* benchmarking */
    {4, 24, REFUSED, {198, 51, 100}},                       /* documentation */
    {4, 24, REFUSED, {203, 0, 113}},                        /* documentation */
    {4, 4, REFUSED, {224}},                                 /* multicast */
    {4, 4, REFUSED, {240}},                                 /* reserved, and limited broadcast */
};

#define NAME(text) \
  { text, sizeof(text) - 1 }

/* Names that lead inside, and so does every name below them. */
static const struct {
  const char *text;
  size_t length;
} internal_names[] = {
    /* Loopback, by RFC 6761 and in hosts files. */
    NAME("localhost"),
    NAME("localhost4"),
    NAME("localhost6"),
    NAME("ip6-localhost"),
    NAME("ip6-loopback"),
    NAME("localdomain"),
    NAME("broadcasthost"),
    /* Multicast DNS and what private networks use (RFC 6762), home nets (RFC 8375). */
    NAME("local"),
    NAME("internal"),
    NAME("intranet"),
    NAME("private"),
    NAME("corp"),
    NAME("home"),
    NAME("lan"),
    NAME("home.arpa"),
    /* Cloud metadata (others are below "internal"), and services of a cluster. */
    NAME("metadata"),
    NAME("instance-data"),
    NAME("metadata.tencentyun.com"),
    NAME("svc"),
};

/* One number of an IPv4 literal, as strtoul reads it with base 0, but stuck at
 * the largest when it is too large. "0x" alone is 0, as some readers have it. */
static int read_number(const char *text, size_t length, uint64_t *number) {
  unsigned base = 10;
  size_t at = 0;

  if (!length) return 0;
  if (length > 1 && text[0] == '0') {
    base = ivs_text_lower(text[1]) == 'x' ? 16 : 8;
    at = base == 16 ? 2 : 1;
  }
  for (*number = 0; at < length; at++) {
    int digit = ivs_text_hex(text[at]);

    if (digit < 0 || (unsigned)digit >= base) return 0;
    if (*number <= UINT32_MAX) *number = *number * base + (unsigned)digit;
  }
  return 1;
}

/* One to four numbers with dots between them. The last one fills all the bytes
 * that the others leave. */
static int read_ipv4(const char *host, size_t length, ivs_address *address) {
  uint64_t number = 0;
  unsigned part = 0;

  if (length && host[length - 1] == '.') length--;
  for (;;) {
    const char *dot = memchr(host, '.', length);
    size_t digits = dot ? (size_t)(dot - host) : length;

    if (part == 4 || !read_number(host, digits, &number)) return 0;
    if (!dot) break;
    if (number > UINT8_MAX) return 0;
    address->bytes[part++] = (uint8_t)number;
    host += digits + 1;
    length -= digits + 1;
  }
  if (number >> (8 * (4 - part))) return 0;
  for (unsigned i = 4; i > part; i--, number >>= 8) address->bytes[i - 1] = (uint8_t)number;
  address->version = 4;
  return 1;
}

static int read_ipv6(const char *host, size_t length, ivs_address *address) {
  char text[INET6_ADDRSTRLEN];

  if (length >= sizeof text || !memchr(host, ':', length) || memchr(host, '\0', length)) return 0;
  memcpy(text, host, length);
  text[length] = '\0';
  address->version = 6;
  return inet_pton(AF_INET6, text, address->bytes) == 1;
}

int ivs_address_parse(const char *host, size_t length, ivs_address *address) {
  memset(address, 0, sizeof *address);
  if (!length) return 0;
  return read_ipv4(host, length, address) || read_ipv6(host, length, address);
}

static int has_prefix(const uint8_t *bytes, const uint8_t *prefix, unsigned bits) {
  unsigned whole = bits / 8;
  unsigned rest = bits % 8;

  if (memcmp(bytes, prefix, whole) != 0) return 0;
  return !rest || (bytes[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

int ivs_address_is_public(const ivs_address *address) {
  ivs_address judged = *address;

  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    if (ranges[i].version != judged.version) continue;
    if (!has_prefix(judged.bytes, ranges[i].prefix, ranges[i].bits)) continue;
    if (ranges[i].judgement == REFUSED) return 0;
    judged.version = 4;
    memcpy(judged.bytes, address->bytes + 12, 4);
  }
  return 1;
}

/* Whether `host` is `name` or ends in a dot and `name`. */
static int is_at_or_below(const char *host, size_t length, const char *name, size_t tail) {
  if (length < tail || (length > tail && host[length - tail - 1] != '.')) return 0;
  return ivs_text_is_same(host + length - tail, tail, name);
}

int ivs_host_is_internal(const char *host, size_t length) {
  if (length && host[length - 1] == '.') length--;
  for (size_t i = 0; i < sizeof internal_names / sizeof *internal_names; i++)
    if (is_at_or_below(host, length, internal_names[i].text, internal_names[i].length)) return 1;
  return 0;
}
