/*
 * Whether a PEM text is a private key that can sign JWTs, of which kind, and its numbers.
 * Leaves no copy of it behind and never asks for a passphrase.
 */
#ifndef IVS_CORE_PRIVATE_KEY_H
#define IVS_CORE_PRIVATE_KEY_H

#include <stddef.h>
#include <stdint.h>

#define IVS_KEY_NONE 0      /* not a PEM private key */
#define IVS_KEY_ENCRYPTED 1 /* one under a passphrase */
#define IVS_KEY_OTHER 2     /* another kind, or too short or too long */
#define IVS_KEY_P256 3
#define IVS_KEY_RSA 4 /* of 2048 to 8192 bits */

#define IVS_KEY_NUMBERS 8

/* A key that was read: its numbers are big-endian, without leading zeros, and lie in
 * `block`. P256: the private key. RSA: n, e, d, p, q and the CRT's three. */
typedef struct ivs_private_key {
  int kind;
  size_t count; /* 0 for the kinds that cannot sign */
  struct {
    const unsigned char *bytes;
    size_t length;
  } numbers[IVS_KEY_NUMBERS];
  char *block;
  size_t block_length;
} ivs_private_key;

/* Fills `key`, which must be ended. INVSRC_OK, whatever the kind, or INVSRC_ENOMEM. */
int32_t ivs_private_key_read(const char *pem, size_t length, ivs_private_key *key);
/* Wipes it. */
void ivs_private_key_end(ivs_private_key *key);

/* Sets `*kind` and keeps nothing. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_private_key_judge(const char *pem, size_t length, int *kind);

#endif
