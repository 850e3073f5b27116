/*
 * URIs: the grammar is uriparser's, which plain URLs need not be asked of; the rules on
 * top of it are ours. Makes the canonical form of an agent's URL (invsrc_uri_canonicalize). Pure.
 */
#ifndef IVS_CORE_URI_H
#define IVS_CORE_URI_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

/* A piece of the text that was parsed. */
typedef struct ivs_slice {
  const char *text; /* NULL: the component is absent, which differs from empty */
  size_t length;
} ivs_slice;

typedef struct ivs_uri {
  ivs_slice scheme;
  ivs_slice userinfo;
  ivs_slice host; /* without brackets */
  ivs_slice port; /* digits */
  ivs_slice path;
  ivs_slice query;
  ivs_slice fragment;
  int host_is_ipv6;
} ivs_uri;

/* The longest text that is looked at, in bytes. Some versions of uriparser recurse
 * with each character. */
#define IVS_URI_LONGEST 8192

/* Parses an absolute URI of any scheme (RFC 3986 §4.3, and a fragment). INVSRC_OK, INVSRC_ENOMEM,
 * or INVSRC_EMALFORMED with a static reason ("must …", for a person) and offset. */
int32_t ivs_uri_parse(const char *text, size_t length, ivs_uri *uri, const char **reason,
                      size_t *offset);
/* The same for an http or https URL with a usable host: a DNS name of letters,
 * digits, '-', '_' in labels of 1 to 63, 253 in all, with at most one root dot and a
 * last label that is no number; an IPv4 address in any notation; an IPv6 address in
 * brackets without zone. The port, 1 to 65535, is without leading zeros, and absent
 * where it was empty. */
int32_t ivs_url_parse(const char *text, size_t length, ivs_uri *uri, const char **reason,
                      size_t *offset);
/* Appends the canonical form (invsrc_uri_canonicalize) of what ivs_url_parse() filled in. */
void ivs_url_append_canonical(ivs_buffer *out, const ivs_uri *url);
int ivs_uri_scheme_is(const ivs_uri *uri, const char *lower_case);
/* Appends what a text with %XX stands for. Returns 0 where a "%" is not followed by two digits. */
int ivs_uri_unescape(const char *text, size_t length, ivs_buffer *out);
/* Appends unreserved characters (RFC 3986 §2.3) as they are, the others as %XX. */
void ivs_uri_append_escaped(ivs_buffer *out, const char *text, size_t length);

#endif
