/*
 * The request for a consent, as a URL for the operator's browser (RFC 6749 §4.1.1, RFC 7636,
 * RFC 8707).
 */
#ifndef IVS_AGENTS_OAUTH_CONSENT_H
#define IVS_AGENTS_OAUTH_CONSENT_H

#include "agents/oauth_credential.h"

#define IVS_OAUTH_VERIFIER_RANDOM 32       /* bytes */
#define IVS_OAUTH_OFFLINE "offline_access" /* the scope of refresh tokens in OpenID Connect */

/* Appends the URL for `record`, which is a private state. The authorization endpoint keeps the
 * query that it has; `audience` may be empty. INVSRC_OK, INVSRC_ERANGE (the URL is too long) or
 * INVSRC_ENOMEM. */
int32_t ivs_oauth_consent_write(const ivs_buffer *endpoint, const ivs_oauth_record *record,
                                const ivs_buffer *state, const ivs_buffer *audience,
                                ivs_buffer *url);

/* Appends one scope to a list of them, if it is not in it. */
void ivs_oauth_scope_add(ivs_buffer *scope, const char *text);

#endif
