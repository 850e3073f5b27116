/*
 * Which network addresses and host names a stranger's URL may lead to: the
 * tables of the network guard. Pure: resolves nothing and connects to nothing.
 */
#ifndef IVS_CORE_ADDRESS_H
#define IVS_CORE_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

typedef struct ivs_address {
  int version;       /* 4 or 6 */
  uint8_t bytes[16]; /* network order; the first four for version 4 */
} ivs_address;

/* Reads an IP literal as resolvers do: IPv6 without brackets, or IPv4 in any of
 * inet_aton's notations (dotted, octal, hexadecimal, short, decimal; one
 * trailing root dot). Returns 1, or 0 where the host is a name. */
int ivs_address_parse(const char *host, size_t length, ivs_address *address);
/* Whether the address is in none of the special-purpose ranges that are never
 * connected to. IPv4-mapped, IPv4-compatible and NAT64 addresses are refused or judged by
 * the IPv4 address within. */
int ivs_address_is_public(const ivs_address *address);
/* Whether a host name (any case, root dot or not) leads inside by its very name:
 * localhost and what is under it, cloud metadata hosts, and names that only
 * resolve inside (.internal, .local). */
int ivs_host_is_internal(const char *host, size_t length);

#endif
