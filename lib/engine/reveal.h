/*
 * Where the operator of a source can consent is sealed with the rest of the consent, as whoever
 * has the URL can consent: it is opened for whoever may read the source.
 */
#ifndef IVS_ENGINE_REVEAL_H
#define IVS_ENGINE_REVEAL_H

#include "engine/call.h"

/* Puts the authorization URL into the source, where it awaits a consent that is under way and not
 * over, and goes on with `next`; without it where it cannot be opened. */
void ivs_reveal(invsrc_call *call, invsrc_source *source, ivs_state next);
/* Takes what was opened apart: the URL, and behind it the provider's private state. Returns 0
 * where it is none. */
int ivs_reveal_split(const ivs_buffer *opened, size_t *url_length, const char **private_state,
                     size_t *state_length);

#endif
