/*
 * Whether a PEM text is a private key that can sign JWTs, and of which kind.
 * Leaves no copy of it behind and never asks for a passphrase.
 */
#ifndef IVS_CORE_PRIVATE_KEY_H
#define IVS_CORE_PRIVATE_KEY_H

#include <stddef.h>
#include <stdint.h>

#define IVS_KEY_NONE 0      /* not a PEM private key */
#define IVS_KEY_ENCRYPTED 1 /* one under a passphrase */
#define IVS_KEY_OTHER 2     /* another kind, or too short */
#define IVS_KEY_P256 3
#define IVS_KEY_RSA 4 /* of 2048 bits or more */

/* Sets `*kind`. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_private_key_judge(const char *pem, size_t length, int *kind);

#endif
