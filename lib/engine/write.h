/*
 * The end of a create and of an update, which is the same: the credential is sealed, and
 * record, sealed bytes and event go to the store in one step. The response is made before,
 * so that nothing can fail once the change is stored.
 */
#ifndef IVS_ENGINE_WRITE_H
#define IVS_ENGINE_WRITE_H

#include "engine/call.h"

/* Goes on with the draft, `want` being INVSRC_WANT_INSERT or INVSRC_WANT_UPDATE, towards
 * `response`, which is NULL where memory ran out. */
void ivs_write(invsrc_call *call, int32_t want, invsrc_response *response, const char *event_type);
/* For an answer to INVSRC_WANT_OAUTH_START: takes the URL, and the private state to be sealed,
 * into the draft. Returns 1, or moves the call towards its end and returns 0. */
int ivs_write_consent(invsrc_call *call);

#endif
