/*
 * Base64 (RFC 4648) into buffers that wipe themselves: for header fields and JWTs.
 */
#ifndef IVS_AGENTS_BASE64_H
#define IVS_AGENTS_BASE64_H

#include <stddef.h>

#include "core/buffer.h"

/* With padding. */
void ivs_base64_append(ivs_buffer *out, const void *bytes, size_t length);
/* The URL-safe alphabet, without padding. */
void ivs_base64url_append(ivs_buffer *out, const void *bytes, size_t length);

#endif
