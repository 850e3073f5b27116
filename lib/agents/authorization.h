/*
 * Which field lines carry a credential to an agent. The lines are secret.
 */
#ifndef IVS_AGENTS_AUTHORIZATION_H
#define IVS_AGENTS_AUTHORIZATION_H

#include "agents/outgoing.h"
#include "core/json.h"

#define IVS_AUTHORIZATION_LINES 3

typedef struct ivs_authorization {
  const char *members; /* of `auth`, or else what a person should look at when it is refused */
  int is_jwt;          /* it has no lines before there is an access token */
  size_t count;
  ivs_buffer lines[IVS_AUTHORIZATION_LINES];
} ivs_authorization;

/* Reads an `auth` as it was accepted, or the credential that came of a consent
 * (oauth_credential.h). `header` carries the token of API keys too, where it
 * is not NULL. INVSRC_OK; INVSRC_EINVAL (not an auth); INVSRC_EMALFORMED (no field line
 * can carry it); INVSRC_ENOMEM. */
int32_t ivs_authorization_read(const ivs_json *auth, int is_mcp, const char *header,
                               ivs_authorization *to);
/* Replaces the lines by the one for an access token. INVSRC_OK, INVSRC_EMALFORMED or
 * INVSRC_ENOMEM. */
int32_t ivs_authorization_set_token(ivs_authorization *to, const char *token, size_t length);
/* Adds the lines to a request; none where `from` is NULL. */
void ivs_authorization_send(const ivs_authorization *from, ivs_outgoing *request);
void ivs_authorization_end(ivs_authorization *authorization);

/* Whether a text is made of visible ASCII characters only, and is not empty. */
int ivs_authorization_is_visible(const char *text, size_t length);

#endif
