/*
 * Base64 (RFC 4648) into buffers that wipe themselves.
 */
#ifndef IVS_CORE_BASE64_H
#define IVS_CORE_BASE64_H

#include <stddef.h>

#include "core/buffer.h"

/* With padding. */
void ivs_base64_append(ivs_buffer *out, const void *bytes, size_t length);
/* The URL-safe alphabet, without padding. */
void ivs_base64url_append(ivs_buffer *out, const void *bytes, size_t length);
/* Appends the bytes that a text in the URL-safe alphabet stands for. Returns 0 where it is
 * no such text, or not the one that the bytes would be written as. */
int ivs_base64url_decode(ivs_buffer *out, const char *text, size_t length);

#endif
