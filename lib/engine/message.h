/*
 * HTTP messages as values: the request that the host received and the response
 * that it is to send. Knows nothing of routes or operations.
 */
#ifndef IVS_ENGINE_MESSAGE_H
#define IVS_ENGINE_MESSAGE_H

#include <invsrc/invsrc.h>

#include "core/buffer.h"

struct invsrc_request {
  ivs_buffer method;
  ivs_buffer target;
  ivs_buffer authorization;
  int authorizations; /* how many such field lines there were */
  ivs_buffer content_type;
  ivs_buffer content_encoding;
  const char *body; /* borrowed */
  uint64_t body_length;
};

/* The token of `Authorization: Bearer token` (RFC 6750 §2.1), or NULL where it is
 * missing or malformed. */
const char *ivs_request_bearer(const invsrc_request *request, size_t *length);
/* Whether the body says that it is JSON, or says nothing. */
int ivs_request_is_json(const invsrc_request *request);
/* Whether the body is free of content codings. */
int ivs_request_is_identity(const invsrc_request *request);

#define IVS_RESPONSE_HEADERS 6

struct invsrc_response {
  int32_t status;
  uint32_t header_count;
  struct {
    const char *name;  /* static */
    const char *value; /* static, or the location */
  } headers[IVS_RESPONSE_HEADERS];
  ivs_buffer location;
  ivs_buffer body;
  invsrc_source *source;
  invsrc_source_list *sources;
  uint64_t total;
};

/* A response with the headers that all have, and those that its status has
 * (WWW-Authenticate, Retry-After); NULL when memory ran out. The body is the
 * caller's to append. */
invsrc_response *ivs_response_new(int32_t status);
/* The same for a browser: an HTML page, or a redirect, of whose address nothing is passed on. */
invsrc_response *ivs_response_new_page(int32_t status);
/* Adds a header of static text. */
void ivs_response_add_header(invsrc_response *response, const char *name, const char *value);
/* Adds a Location, once, and takes over its text; failure shows in ivs_response_failed(). */
void ivs_response_set_location(invsrc_response *response, ivs_buffer *location);
/* Whether memory ran out for the body or the location. */
int ivs_response_failed(const invsrc_response *response);

#endif
