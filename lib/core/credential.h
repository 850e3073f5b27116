/*
 * Credentials: the auth matrix of contract §3 as tables, and the form in which a
 * credential is sealed. Writes clear text only into the buffer that it is given.
 */
#ifndef IVS_CORE_CREDENTIAL_H
#define IVS_CORE_CREDENTIAL_H

#include "core/rule.h"

/* Judges the member `auth` of a request whose authenticationType is
 * `authentication_type` (a valid one), and adds what is wrong. Where nothing is,
 * appends the credential to `plaintext`: compact JSON of the known members, in
 * the order of the table. Nothing is appended for NO_AUTH and OAUTH.
 * INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_credential_read(const ivs_json *request, const char *authentication_type,
                            const ivs_switches *switches, ivs_issues *issues,
                            ivs_buffer *plaintext);

#endif
