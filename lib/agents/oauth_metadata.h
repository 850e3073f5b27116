/*
 * What resources and authorization servers say of themselves (RFC 9728 §2, RFC 8414 §2,
 * OpenID Connect Discovery §3), and which URLs that others name may be used. Strangers wrote
 * the documents: of what is not needed nothing is kept.
 */
#ifndef IVS_AGENTS_OAUTH_METADATA_H
#define IVS_AGENTS_OAUTH_METADATA_H

#include "core/buffer.h"
#include "core/json.h"

/* Sets `*good` to whether a text is a URL without user-info and fragment, and https; or, with
 * `allow_http`, http at the origin of `base`, or anywhere where that is NULL. INVSRC_OK or
 * INVSRC_ENOMEM. */
int32_t ivs_oauth_judge_url(const char *text, size_t length, const char *base, int allow_http,
                            int *good);

typedef struct ivs_resource_metadata {
  ivs_buffer resource; /* byte for byte */
  ivs_buffer issuer;   /* of the first authorization server */
  ivs_buffer scope;    /* all of scopes_supported; empty: there are none */
} ivs_resource_metadata;

/* The metadata of the resource that the agent at `endpoint` is. `*to` must be empty. Where it
 * cannot be used `*problem` says why, to be told after "the resource metadata", else it is
 * NULL. INVSRC_OK, also where there is a problem, or INVSRC_ENOMEM. */
int32_t ivs_resource_metadata_read(const ivs_json *root, const char *endpoint, int allow_http,
                                   ivs_resource_metadata *to, const char **problem);
/* The same for an agent that has none: its origin is the issuer (MCP of 2025-03-26). `*problem`
 * is to be told after "the agent". */
int32_t ivs_resource_metadata_guess(const char *endpoint, int allow_http, ivs_resource_metadata *to,
                                    const char **problem);
void ivs_resource_metadata_end(ivs_resource_metadata *metadata);

typedef struct ivs_server_metadata {
  ivs_buffer issuer;
  ivs_buffer authorization_endpoint;
  ivs_buffer token_endpoint;
  ivs_buffer registration_endpoint; /* empty: there is none, as of the next */
  ivs_buffer revocation_endpoint;
  const char *method;     /* ivs_oauth_client_method() of a client that registers */
  int iss_required;       /* RFC 9207 */
  int takes_documents;    /* a client's id may be the URL of its metadata */
  int has_offline_access; /* the scope */
} ivs_server_metadata;

/* The metadata of the server that has this issuer. Of an issuer that was guessed its URL with
 * a slash is another form, which then is the issuer. `*to` must be empty. `*problem` is to be
 * told after "the authorization server". As above. */
int32_t ivs_server_metadata_read(const ivs_json *root, const ivs_buffer *issuer, int is_guessed,
                                 int allow_http, ivs_server_metadata *to, const char **problem);
void ivs_server_metadata_end(ivs_server_metadata *metadata);

#endif
