/*
 * See uri.h. Takes RFC 3986 apart with uriparser, after a look at the characters
 * that tells a person more than "syntax error". Knows nothing of which hosts are
 * allowed.
 */
#include "core/uri.h"

#include <invsrc/invsrc.h>
#include <string.h>
#include <uriparser/Uri.h>

#include "core/address.h"
#include "core/error.h"
#include "core/text.h"

#define LONGEST_NAME 253
#define LONGEST_LABEL 63
#define HIGHEST_PORT 65535

#define STRING_OF(limit) #limit
#define TEXT_OF(limit) STRING_OF(limit)

static const char must_be_short[] = "must be at most " TEXT_OF(IVS_URI_LONGEST) " bytes long";
static const char must_have_scheme[] = "must be an absolute URI, with a scheme such as https:";
static const char must_be_ascii[] =
    "must be ASCII, with other characters percent-encoded and host names as A-labels (xn--)";
static const char must_be_printable[] = "must not contain spaces or control characters";
static const char must_be_encoded[] =
    "must have these characters percent-encoded: \" < > \\ ^ ` { | }";
static const char must_have_hex[] = "must have two hexadecimal digits after every %";
static const char must_have_authority[] =
    "must have a well-formed host and port, an IPv6 address in brackets and without zone";
static const char must_be_uri[] = "must not contain [ or ] outside of the host, nor a second #";

static const char must_be_http[] = "must be an http or https URL";
static const char must_have_host[] = "must have a host";
static const char must_be_ipv6[] = "must have an IPv6 address between the brackets of the host";
static const char must_be_ipv4[] =
    "must have an IPv4 address as host, or a name whose last label is not a number";
static const char must_be_name[] =
    "must have a host name of letters, digits, hyphens and underscores";
static const char must_have_labels[] =
    "must have a host name with 1 to " TEXT_OF(LONGEST_LABEL) " characters between its dots";
static const char must_be_short_name[] =
    "must have a host name of at most " TEXT_OF(LONGEST_NAME) " characters";
static const char must_have_port[] = "must have a port of 1 to " TEXT_OF(HIGHEST_PORT);

static int32_t refuse(const char **reason, size_t *offset, const char *why, size_t where) {
  *reason = why;
  *offset = where;
  return INVSRC_EMALFORMED;
}

/* ---- The grammar ----------------------------------------------------------- */

#define BIT(c) (UINT64_C(1) << ((c)&63))
#define BITS(first, last) ((BIT(last) << 1) - BIT(first))

/* RFC 3986 §2.3. */
static int is_unreserved(char byte) {
  static const uint64_t halves[] = {BITS('0', '9') | BIT('-') | BIT('.'),
                                    BITS('A', 'Z') | BITS('a', 'z') | BIT('_') | BIT('~')};
  unsigned char c = (unsigned char)byte;

  return c < 0x80 && halves[c >> 6] >> (c & 63) & 1;
}

static int is_escape(const char *text, size_t length) {
  return length >= 3 && ivs_text_hex(text[1]) >= 0 && ivs_text_hex(text[2]) >= 0;
}

/* Why a URI cannot have the character at the start of `text`, or NULL. */
static const char *judge_character(const char *text, size_t length) {
  unsigned char byte = (unsigned char)*text;

  if (byte >= 0x80) return must_be_ascii;
  if (byte <= ' ' || byte == 0x7F) return must_be_printable;
  if (byte == '%') return is_escape(text, length) ? NULL : must_have_hex;
  return is_unreserved(*text) || strchr(":/?#[]@!$&'()*+,;=", *text) ? NULL : must_be_encoded;
}

/* What a scheme may have besides letters, but not begin with. */
static int is_in_scheme(char byte) {
  return ivs_text_is_digit(byte) || byte == '+' || byte == '-' || byte == '.';
}

/* The length of the scheme that `text` begins with, or of what might have been
 * one; then no colon follows. */
static size_t scheme_length(const char *text, size_t length) {
  size_t at = 0;

  while (at < length && (ivs_text_is_letter(text[at]) || (at && is_in_scheme(text[at])))) at++;
  return at;
}

static ivs_slice take_first(ivs_slice *rest, size_t length) {
  ivs_slice taken = {rest->text, length};

  rest->text += length;
  rest->length -= length;
  return taken;
}

/* Takes what comes before the first of the delimiters, or all of it. */
static ivs_slice take(ivs_slice *rest, const char *delimiters) {
  size_t length = 0;

  while (length < rest->length && !strchr(delimiters, rest->text[length])) length++;
  return take_first(rest, length);
}

/* Takes `text` if it is what comes next. */
static int skip(ivs_slice *rest, const char *text) {
  size_t length = strlen(text);

  if (rest->length < length || memcmp(rest->text, text, length) != 0) return 0;
  rest->text += length;
  rest->length -= length;
  return 1;
}

static void split_authority(ivs_slice rest, ivs_uri *uri) {
  ivs_slice authority = rest;
  ivs_slice userinfo = take(&rest, "@");

  if (skip(&rest, "@"))
    uri->userinfo = userinfo;
  else
    rest = authority;
  uri->host = skip(&rest, "[") ? take(&rest, "]") : take(&rest, ":");
  skip(&rest, "]");
  if (skip(&rest, ":")) uri->port = rest;
}

static void split(const char *text, size_t length, ivs_uri *uri) {
  ivs_slice rest = {text, length};

  memset(uri, 0, sizeof *uri);
  uri->scheme = take(&rest, ":");
  skip(&rest, ":");
  if (skip(&rest, "//")) split_authority(take(&rest, "/?#"), uri);
  uri->path = take(&rest, "?#");
  if (skip(&rest, "?")) uri->query = take(&rest, "#");
  if (skip(&rest, "#")) uri->fragment = rest;
}

static size_t unreserved_length(const char *text, size_t length) {
  size_t at = 0;

  while (at < length && is_unreserved(text[at])) at++;
  return at;
}

/* The usual URL: scheme://name:port/path, all of unreserved characters, behind a scheme of
 * that length. The grammar allows every such text (RFC 3986: reg-name, port, path-abempty), so
 * it is only split. Returns 0 for any other text, of which nothing is said. */
static int split_plain(const char *text, size_t length, size_t scheme, ivs_uri *uri) {
  ivs_slice rest = {text + scheme, length - scheme};

  if (!skip(&rest, "://")) return 0;
  memset(uri, 0, sizeof *uri);
  uri->scheme = (ivs_slice){text, scheme};
  uri->host = take_first(&rest, unreserved_length(rest.text, rest.length));
  if (skip(&rest, ":")) {
    size_t digits = 0;

    while (digits < rest.length && ivs_text_is_digit(rest.text[digits])) digits++;
    uri->port = take_first(&rest, digits);
  }
  uri->path = (ivs_slice){rest.text, 0};
  while (skip(&rest, "/")) take_first(&rest, unreserved_length(rest.text, rest.length));
  uri->path.length = (size_t)(rest.text - uri->path.text);
  return !rest.length;
}

/* uriparser judges. What it accepts is split here, because it points away from
 * the text where a part is empty. */
static int32_t parse(const char *text, size_t length, ivs_uri *uri, const char **reason,
                     size_t *offset) {
  const char *fault = text;
  UriUriA parsed;
  int status = uriParseSingleUriExA(&parsed, text, text + length, &fault);

  split(text, length, uri);
  if (status == URI_ERROR_MALLOC) return INVSRC_ENOMEM;
  if (status != URI_SUCCESS) {
    int is_early = uri->host.text && fault <= uri->path.text;

    return refuse(reason, offset, is_early ? must_have_authority : must_be_uri,
                  (size_t)(fault - text));
  }
  uri->host_is_ipv6 = parsed.hostData.ip6 != NULL;
  uriFreeUriMembersA(&parsed);
  return INVSRC_OK;
}

int32_t ivs_uri_parse(const char *text, size_t length, ivs_uri *uri, const char **reason,
                      size_t *offset) {
  size_t scheme;

  if (length > IVS_URI_LONGEST) return refuse(reason, offset, must_be_short, IVS_URI_LONGEST);
  scheme = scheme_length(text, length);
  if (scheme && split_plain(text, length, scheme, uri)) return INVSRC_OK;
  for (size_t i = 0; i < length; i++) {
    const char *why = judge_character(text + i, length - i);

    if (why) return refuse(reason, offset, why, i);
  }
  if (!scheme || scheme == length || text[scheme] != ':')
    return refuse(reason, offset, must_have_scheme, scheme);
  return parse(text, length, uri, reason, offset);
}

int ivs_uri_scheme_is(const ivs_uri *uri, const char *lower_case) {
  return ivs_text_is_same(uri->scheme.text, uri->scheme.length, lower_case);
}

int ivs_uri_unescape(const char *text, size_t length, ivs_buffer *out) {
  for (size_t i = 0; i < length; i++) {
    char c = text[i];

    if (c == '%') {
      int high = i + 2 < length ? ivs_text_hex(text[i + 1]) : -1;
      int low = i + 2 < length ? ivs_text_hex(text[i + 2]) : -1;
      if (high < 0 || low < 0) return 0;
      c = (char)(high << 4 | low);
      i += 2;
    }
    ivs_buffer_append(out, &c, 1);
  }
  return 1;
}

void ivs_uri_append_escaped(ivs_buffer *out, const char *text, size_t length) {
  static const char hex[] = "0123456789ABCDEF";

  for (size_t at = 0; at < length; at++) {
    size_t run = unreserved_length(text + at, length - at);
    unsigned char byte;

    ivs_buffer_append(out, text + at, run);
    at += run;
    if (at == length) return;
    byte = (unsigned char)text[at];
    ivs_buffer_append(out, (const char[]){'%', hex[byte >> 4], hex[byte & 15]}, 3);
  }
}

/* ---- The host and port of a URL -------------------------------------------- */

/* The host without a root dot. */
static ivs_slice without_root(ivs_slice host) {
  if (host.length && host.text[host.length - 1] == '.') host.length--;
  return host;
}

/* Whether the last label looks like a part of an IPv4 address to a resolver. */
static int ends_in_number(ivs_slice host) {
  size_t start = host.length;
  int is_hex;

  while (start && host.text[start - 1] != '.') start--;
  if (!ivs_text_is_digit(host.text[start])) return 0;
  is_hex = host.length - start >= 2 && host.text[start] == '0' &&
           ivs_text_lower(host.text[start + 1]) == 'x';
  for (size_t at = is_hex ? start + 2 : start; at < host.length; at++)
    if (is_hex ? ivs_text_hex(host.text[at]) < 0 : !ivs_text_is_digit(host.text[at])) return 0;
  return 1;
}

/* Why a host is no DNS name, with the byte of it that is at fault, or NULL. */
static const char *judge_name(ivs_slice host, size_t *fault) {
  size_t label = 0;

  host = without_root(host);
  for (*fault = 0; *fault < host.length; ++*fault) {
    char byte = host.text[*fault];

    if (byte == '.' ? !label : label == LONGEST_LABEL) return must_have_labels;
    label = byte == '.' ? 0 : label + 1;
    if (!is_unreserved(byte) || byte == '~') return must_be_name;
  }
  if (!label) return must_have_labels;
  *fault = LONGEST_NAME;
  return host.length > LONGEST_NAME ? must_be_short_name : NULL;
}

static const char *judge_host(const ivs_uri *uri, size_t *fault) {
  ivs_address address;
  int is_address = ivs_address_parse(uri->host.text, uri->host.length, &address);
  const char *why;

  *fault = 0;
  /* At least "//" comes before the host, so there is such a byte. */
  if (uri->host.text[-1] == '[')
    return uri->host_is_ipv6 && is_address && address.version == 6 ? NULL : must_be_ipv6;
  if (is_address) return NULL;
  why = judge_name(uri->host, fault);
  if (why || !ends_in_number(without_root(uri->host))) return why;
  *fault = 0;
  return must_be_ipv4;
}

/* Strips the port of leading zeros; an empty one becomes absent. Whether it is in
 * range. */
static int normalize_port(ivs_slice *port) {
  unsigned long number = 0;

  if (!port->text || !port->length) {
    port->text = NULL;
    return 1;
  }
  for (; port->length > 1 && *port->text == '0'; port->length--) port->text++;
  for (size_t i = 0; i < port->length && number <= HIGHEST_PORT; i++)
    number = number * 10 + (unsigned long)ivs_text_hex(port->text[i]);
  return number >= 1 && number <= HIGHEST_PORT;
}

int32_t ivs_url_parse(const char *text, size_t length, ivs_uri *uri, const char **reason,
                      size_t *offset) {
  int32_t result = ivs_uri_parse(text, length, uri, reason, offset);
  const char *why;
  size_t fault;

  if (result != INVSRC_OK) return result;
  if (!ivs_uri_scheme_is(uri, "http") && !ivs_uri_scheme_is(uri, "https"))
    return refuse(reason, offset, must_be_http, 0);
  if (!uri->host.length)
    return refuse(reason, offset, must_have_host,
                  (size_t)((uri->host.text ? uri->host.text : uri->path.text) - text));
  why = judge_host(uri, &fault);
  if (why) return refuse(reason, offset, why, (size_t)(uri->host.text - text) + fault);
  fault = uri->port.text ? (size_t)(uri->port.text - text) : 0;
  if (!normalize_port(&uri->port)) return refuse(reason, offset, must_have_port, fault);
  return INVSRC_OK;
}

/* ---- The canonical form ---------------------------------------------------- */

static void append_lower(ivs_buffer *out, ivs_slice slice) {
  size_t start = out->length;

  ivs_buffer_append(out, slice.text, slice.length);
  for (size_t i = start; i < out->length; i++) out->bytes[i] = ivs_text_lower(out->bytes[i]);
}

/* A piece of a path: escapes of unreserved characters decoded, the hexadecimal
 * digits of others in upper case. */
static void append_segment(ivs_buffer *out, const char *text, size_t length) {
  static const char digits[] = "0123456789ABCDEF";

  for (size_t at = 0; at < length;) {
    const char *escape = memchr(text + at, '%', length - at);
    size_t run = escape ? (size_t)(escape - text) - at : length - at;

    ivs_buffer_append(out, text + at, run);
    at += run;
    if (escape) {
      int high = ivs_text_hex(escape[1]);
      int low = ivs_text_hex(escape[2]);
      char decoded = (char)(high * 16 + low);
      const char upper[3] = {'%', digits[high], digits[low]};

      if (is_unreserved(decoded))
        ivs_buffer_append(out, &decoded, 1);
      else
        ivs_buffer_append(out, upper, sizeof upper);
      at += sizeof upper;
    }
  }
}

/* RFC 3986 §5.2.4, segment by segment. Escaped dots are no dot segments yet:
 * AdCP decodes them afterwards. */
static void append_path(ivs_buffer *out, ivs_slice path) {
  size_t start = out->length;
  size_t at = 0;

  while (at < path.length) {
    const char *segment = path.text + at + 1;
    const char *slash = memchr(segment, '/', path.length - at - 1);
    size_t length = slash ? (size_t)(slash - segment) : path.length - at - 1;
    int up = length == 2 && memcmp(segment, "..", 2) == 0;
    int stay = length == 1 && *segment == '.';

    while (up && out->length > start && out->bytes[out->length - 1] != '/') out->length--;
    if (up && out->length > start) out->length--;
    if ((!up && !stay) || !slash) ivs_buffer_append(out, "/", 1);
    if (!up && !stay) append_segment(out, segment, length);
    at += length + 1;
  }
  if (out->length == start) ivs_buffer_append(out, "/", 1);
}

void ivs_url_append_canonical(ivs_buffer *out, const ivs_uri *uri) {
  const char *default_port = ivs_uri_scheme_is(uri, "https") ? "443" : "80";

  append_lower(out, uri->scheme);
  ivs_buffer_append_text(out, uri->host_is_ipv6 ? "://[" : "://");
  append_lower(out, without_root(uri->host));
  if (uri->host_is_ipv6) ivs_buffer_append(out, "]", 1);
  if (uri->port.text && (uri->port.length != strlen(default_port) ||
                         memcmp(uri->port.text, default_port, uri->port.length) != 0)) {
    ivs_buffer_append(out, ":", 1);
    ivs_buffer_append(out, uri->port.text, uri->port.length);
  }
  append_path(out, uri->path);
  if (uri->query.text) {
    ivs_buffer_append(out, "?", 1);
    ivs_buffer_append(out, uri->query.text, uri->query.length);
  }
}

int32_t invsrc_uri_canonicalize(const char *url, uint64_t length, char *canonical,
                                uint64_t capacity, uint64_t *canonical_length,
                                invsrc_error *error) {
  size_t size = length > IVS_URI_LONGEST ? IVS_URI_LONGEST + 1 : (size_t)length;
  ivs_buffer out = IVS_BUFFER_EMPTY;
  int32_t result = INVSRC_EINVAL;
  const char *reason = NULL;
  size_t offset = 0;
  ivs_uri uri;

  if (!url || !canonical) goto done;
  result = ivs_url_parse(url, size, &uri, &reason, &offset);
  if (result != INVSRC_OK) goto done;
  ivs_url_append_canonical(&out, &uri);
  result = out.failed ? INVSRC_ENOMEM : out.length >= capacity ? INVSRC_ERANGE : INVSRC_OK;
  if (result != INVSRC_OK) goto done;
  memcpy(canonical, out.bytes, out.length);
  canonical[out.length] = '\0';
  if (canonical_length) *canonical_length = out.length;

done:
  ivs_buffer_end(&out);
  if (reason)
    ivs_error_set(error, result, offset, "%s", reason);
  else if (result != INVSRC_OK)
    ivs_error_set(error, result, INVSRC_NO_OFFSET, "%s", invsrc_strerror(result));
  return result;
}
