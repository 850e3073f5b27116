/*
 * What an operation takes from the start of an OAuth flow: the URL to open, and private
 * state to be sealed.
 */
#ifndef IVS_ENGINE_AUTHORIZE_H
#define IVS_ENGINE_AUTHORIZE_H

#include "engine/call.h"

/* Takes the answer to INVSRC_WANT_OAUTH_START into the draft. Returns 1, or moves the call
 * towards its end and returns 0. */
int ivs_authorize_take(invsrc_call *call);

#endif
