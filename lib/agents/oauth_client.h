/*
 * What we are to an authorization server: a client that has a document of its own, or one that
 * is registered (RFC 7591).
 */
#ifndef IVS_AGENTS_OAUTH_CLIENT_H
#define IVS_AGENTS_OAUTH_CLIENT_H

#include "agents/oauth_credential.h"
#include "agents/outgoing.h"
#include "core/json.h"

/* How a client should authenticate that is registered, by what the server says it takes (NULL:
 * it does not say); static, or NULL where it takes none of ours. */
const char *ivs_oauth_client_method(const ivs_json *supported);
/* Appends what a client says of itself (RFC 7591 §2), from its first member to the closing
 * brace. */
void ivs_oauth_client_write(ivs_buffer *out, const char *name, const ivs_buffer *redirect_uris,
                            size_t count, const char *method);
/* Makes the request for a registration. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_oauth_client_ask(const char *url, const char *name, const ivs_buffer *redirect_uri,
                             const char *method, ivs_outgoing *request);
/* Takes the client that was registered. INVSRC_OK; INVSRC_EMALFORMED (not a client);
 * INVSRC_EREFUSED (it is to authenticate in a way that is not known here); INVSRC_ENOMEM. */
int32_t ivs_oauth_client_take(const ivs_json *root, ivs_oauth_record *to);
/* A client whose id is the URL of its document. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_oauth_client_set_url(ivs_oauth_record *to, const ivs_buffer *url);

#endif
