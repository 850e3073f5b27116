/*
 * The beginning of a consent, which create, update and authorize share: what it is asked for
 * with, and what of it is kept with the source. The `state` is drawn here and only its digest
 * is kept in the clear; what else the end will need is the OAuth provider's, and sealed.
 */
#ifndef IVS_ENGINE_CONSENT_H
#define IVS_ENGINE_CONSENT_H

#include "engine/call.h"

#define IVS_STATE_RANDOM 32
#define IVS_CONSENT_LIFE INT64_C(600000) /* milliseconds: AAO.md §7 */

/* Asks the provider where the draft's operator can consent, with `random` as the state, and
 * goes on with `next`. */
void ivs_consent_begin(invsrc_call *call, const uint8_t random[IVS_STATE_RANDOM], ivs_state next);
/* Takes the answer into the draft: the private state is then to be sealed. Returns 1, or moves
 * the call towards its end and returns 0. */
int ivs_consent_take(invsrc_call *call);
/* Keeps the private state, which was sealed, in the draft. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_consent_keep(invsrc_call *call);

/* The digest by which a source is found again. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_consent_digest(const char *state, size_t length, ivs_buffer *digest);

#endif
