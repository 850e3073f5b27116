/*
 * What is kept of OAuth, as JSON texts: a client that was registered, the private state of a
 * consent that is under way, and the credential that came of one. What they have in common is
 * named alike, so that one record holds any of them. All of it is secret.
 */
#ifndef IVS_AGENTS_OAUTH_CREDENTIAL_H
#define IVS_AGENTS_OAUTH_CREDENTIAL_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

/* The members that are texts. */
enum ivs_oauth_member {
  IVS_OAUTH_ACCESS_TOKEN,
  IVS_OAUTH_REFRESH_TOKEN,
  IVS_OAUTH_SCOPE,
  IVS_OAUTH_ISSUER,
  IVS_OAUTH_TOKEN_ENDPOINT,
  IVS_OAUTH_REVOCATION_ENDPOINT,
  IVS_OAUTH_CLIENT_ID,
  IVS_OAUTH_CLIENT_SECRET,
  IVS_OAUTH_AUTH_METHOD, /* one of IVS_OAUTH_METHOD_… */
  IVS_OAUTH_REDIRECT_URI,
  IVS_OAUTH_CODE_VERIFIER,
  IVS_OAUTH_RESOURCE,
  IVS_OAUTH_MEMBERS
};

/* How the client shows who it is to the token endpoint (RFC 7591 §2). All but NONE need a
 * secret. */
#define IVS_OAUTH_METHOD_NONE "none"
#define IVS_OAUTH_METHOD_BASIC "client_secret_basic"
#define IVS_OAUTH_METHOD_POST "client_secret_post"

enum ivs_oauth_form { IVS_OAUTH_CLIENT, IVS_OAUTH_PRIVATE_STATE, IVS_OAUTH_CREDENTIAL };

typedef struct ivs_oauth_record {
  ivs_buffer texts[IVS_OAUTH_MEMBERS]; /* empty: absent */
  int is_iss_required;                 /* private state */
  int64_t secret_expires_at;           /* client: seconds; 0: never */
} ivs_oauth_record;

/* Reads one into `to`, which is empty, and must be ended. INVSRC_OK; INVSRC_EINVAL (not one of
 * this form, or a URL that is none); INVSRC_ENOMEM. */
int32_t ivs_oauth_record_read(const void *text, size_t length, enum ivs_oauth_form form,
                              ivs_oauth_record *to);
/* Appends one: of the record, what this form has. Failure sticks to the buffer. */
void ivs_oauth_record_write(const ivs_oauth_record *from, enum ivs_oauth_form form,
                            ivs_buffer *out);
/* Sets a member. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_oauth_record_set(ivs_oauth_record *record, enum ivs_oauth_member member,
                             const char *text, size_t length);
/* The text of a member, or NULL where it is absent. */
const char *ivs_oauth_record_text(const ivs_oauth_record *record, enum ivs_oauth_member member);
/* Whether it names one of the methods above, and has what that needs. */
int ivs_oauth_record_has_method(const ivs_oauth_record *record);
/* Whether every URL that it has is https, or may be http. INVSRC_OK, INVSRC_EINVAL or
 * INVSRC_ENOMEM. */
int32_t ivs_oauth_record_judge_urls(const ivs_oauth_record *record, int allow_http);
void ivs_oauth_record_end(ivs_oauth_record *record);

#endif
