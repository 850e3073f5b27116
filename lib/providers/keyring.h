/*
 * The ring of master keys as its neighbours see it: the sealer's table is public,
 * this is for re-sealing.
 */
#ifndef IVS_PROVIDERS_KEYRING_H
#define IVS_PROVIDERS_KEYRING_H

#include <invsrc/providers.h>

/* Whether bytes were sealed with the current key, so that there is nothing to do. */
int ivs_keyring_is_current(const invsrc_keyring *keyring, const void *sealed, uint64_t length);

#endif
