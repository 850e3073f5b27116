/*
 * SHA-256, which leaves the queue of errors of the host's thread as it was.
 */
#ifndef IVS_CORE_DIGEST_H
#define IVS_CORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define IVS_DIGEST_SIZE 32

/* INVSRC_OK or INVSRC_ENOMEM: libcrypto fails for want of memory only. */
int32_t ivs_digest(const void *bytes, size_t length, uint8_t digest[IVS_DIGEST_SIZE]);

#endif
