/*
 * See origin.h.
 */
#include "agents/origin.h"

#include <invsrc/invsrc.h>
#include <string.h>

#include "core/text.h"
#include "core/uri.h"

static int32_t parse(const char *text, size_t length, ivs_uri *uri) {
  const char *reason;
  size_t offset;

  return ivs_url_parse(text, length, uri, &reason, &offset);
}

static int is_same_text(ivs_slice a, ivs_slice b) {
  if (a.length != b.length) return 0;
  for (size_t i = 0; i < a.length; i++)
    if (ivs_text_lower(a.text[i]) != ivs_text_lower(b.text[i])) return 0;
  return 1;
}

static ivs_slice host_of(const ivs_uri *uri) {
  ivs_slice host = uri->host;

  if (host.text[host.length - 1] == '.') host.length--; /* the root's */
  return host;
}

static ivs_slice port_of(const ivs_uri *uri) {
  static const ivs_slice http = {"80", 2}, https = {"443", 3};

  if (uri->port.text) return uri->port;
  return ivs_uri_scheme_is(uri, "https") ? https : http;
}

int32_t ivs_origin_compare(const char *one, const char *other, int *same) {
  ivs_uri a, b;
  int32_t first = parse(one, strlen(one), &a);
  int32_t second = parse(other, strlen(other), &b);

  *same = 0;
  if (first == INVSRC_ENOMEM || second == INVSRC_ENOMEM) return INVSRC_ENOMEM;
  if (first != INVSRC_OK || second != INVSRC_OK) return INVSRC_OK;
  *same = is_same_text(a.scheme, b.scheme) && is_same_text(host_of(&a), host_of(&b)) &&
          is_same_text(port_of(&a), port_of(&b));
  return INVSRC_OK;
}

/* Up to the end of the authority. */
static size_t origin_length(const char *url, const ivs_uri *uri) {
  return (size_t)(uri->path.text - url);
}

/* What of a URL stays in front of a reference that names no scheme. */
static size_t kept_length(const char *url, const ivs_uri *uri, const char *reference,
                          size_t length) {
  size_t end = origin_length(url, uri), path = end + uri->path.length;

  if (length >= 2 && memcmp(reference, "//", 2) == 0) return uri->scheme.length + 1;
  if (length && *reference == '/') return end;
  if (!length || *reference == '?') return path;
  while (path > end && url[path - 1] != '/') path--;
  return path;
}

/* Whether a reference names a scheme of its own. */
static int is_absolute(const char *reference, size_t length) {
  size_t at = 0;

  while (at < length && !memchr(":/?#", reference[at], 4)) at++;
  return at < length && reference[at] == ':';
}

int32_t ivs_origin_resolve(const char *url, const char *reference, size_t length, ivs_buffer *out) {
  ivs_uri uri, base;
  int32_t code = parse(url, strlen(url), &base);
  size_t kept;

  ivs_buffer_clear(out);
  if (code != INVSRC_OK) return code;
  if (length > IVS_URI_LONGEST || memchr(reference, '\0', length)) return INVSRC_EMALFORMED;
  if (!is_absolute(reference, length)) {
    kept = kept_length(url, &base, reference, length);
    ivs_buffer_append(out, url, kept);
    if (kept == origin_length(url, &base) && (!length || *reference != '/'))
      ivs_buffer_append_text(out, "/"); /* of a URL without path */
  }
  ivs_buffer_append(out, reference, length);
  if (out->failed) return INVSRC_ENOMEM;
  code = parse(out->bytes, out->length, &uri);
  if (code != INVSRC_OK) return code;
  return uri.userinfo.text || uri.fragment.text ? INVSRC_EMALFORMED : INVSRC_OK;
}

int32_t ivs_origin_append(const char *url, int below, const char *path, ivs_buffer *out) {
  ivs_uri uri;
  int32_t code = parse(url, strlen(url), &uri);
  size_t end;

  ivs_buffer_clear(out);
  if (code != INVSRC_OK) return code;
  end = origin_length(url, &uri);
  if (below) end += uri.path.length;
  if (end > 0 && url[end - 1] == '/') end--;
  ivs_buffer_append(out, url, end);
  ivs_buffer_append_text(out, path);
  return out->failed ? INVSRC_ENOMEM : INVSRC_OK;
}
