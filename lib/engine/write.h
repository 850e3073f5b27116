/*
 * The end of a create, an update and an authorize, which is the same: the credential, or the
 * private state of a consent, is sealed, and record, sealed bytes and event go to the store in one
 * step. The response is made before, so that nothing can fail once the change is stored. The
 * authorization URL of a consent is in neither but sealed (reveal.h), and put back into the source
 * after.
 */
#ifndef IVS_ENGINE_WRITE_H
#define IVS_ENGINE_WRITE_H

#include "engine/call.h"

/* Goes on with the draft, `want` being INVSRC_WANT_INSERT or INVSRC_WANT_UPDATE, towards
 * `response`, which is NULL where memory ran out. */
void ivs_write(invsrc_call *call, int32_t want, invsrc_response *response, const char *event_type);

#endif
