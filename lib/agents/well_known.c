/*
 * See well_known.h.
 */
#include "agents/well_known.h"

#include <invsrc/invsrc.h>
#include <string.h>

#include "core/uri.h"

#define RESOURCE "/.well-known/oauth-protected-resource"
#define SERVER "/.well-known/oauth-authorization-server"
#define OPENID "/.well-known/openid-configuration"

/* Where the URL's own path goes: behind the name, before it, or nowhere. */
enum shape { INSERTED, APPENDED, AT_ORIGIN };

struct place {
  const char *name;
  enum shape shape;
};

/* Those that a URL without path has in common with others come last. */
static const struct place resources[] = {{RESOURCE, INSERTED}, {RESOURCE, AT_ORIGIN}};
static const struct place servers[] = {{SERVER, INSERTED}, {OPENID, INSERTED}, {OPENID, APPENDED}};

static int32_t write(const char *origin, size_t length, ivs_slice path, const struct place *place,
                     ivs_buffer *url) {
  ivs_buffer_clear(url);
  ivs_buffer_append(url, origin, length);
  if (place->shape == APPENDED) ivs_buffer_append(url, path.text, path.length);
  ivs_buffer_append_text(url, place->name);
  if (place->shape == INSERTED) ivs_buffer_append(url, path.text, path.length);
  return url->failed ? INVSRC_ENOMEM : INVSRC_OK;
}

static int32_t parse(const char *url, ivs_uri *uri) {
  const char *reason;
  size_t offset;

  return ivs_url_parse(url, strlen(url), uri, &reason, &offset);
}

/* The query belongs to a resource's name as the path does. */
int32_t ivs_well_known_resource(const char *endpoint, size_t at, ivs_buffer *url) {
  ivs_uri uri;
  int32_t code = parse(endpoint, &uri);
  ivs_slice path;
  size_t origin;

  if (code != INVSRC_OK) return code;
  origin = (size_t)(uri.path.text - endpoint);
  path = uri.path;
  if (path.length == 1) path = (ivs_slice){path.text + 1, 0};
  if (uri.query.text) path.length = (size_t)(uri.query.text + uri.query.length - path.text);
  if (at >= (path.length ? 2 : 1)) return INVSRC_ENOTFOUND;
  return write(endpoint, origin, path, &resources[at], url);
}

int32_t ivs_well_known_server(const char *issuer, size_t at, ivs_buffer *url) {
  ivs_uri uri;
  int32_t code = parse(issuer, &uri);
  ivs_slice path;

  if (code != INVSRC_OK) return code;
  path = uri.path;
  if (path.length && path.text[path.length - 1] == '/') path.length--;
  if (at >= (path.length ? 3 : 2)) return INVSRC_ENOTFOUND;
  return write(issuer, (size_t)(uri.path.text - issuer), path, &servers[at], url);
}
