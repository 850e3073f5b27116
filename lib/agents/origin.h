/*
 * Where an agent's URLs lead: whether two have one origin, and what a URL that the
 * agent names means. Resolves no names and judges no addresses.
 */
#ifndef IVS_AGENTS_ORIGIN_H
#define IVS_AGENTS_ORIGIN_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

/* Sets `*same` to whether both are http or https URLs of one scheme, host and port.
 * INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_origin_compare(const char *one, const char *other, int *same);
/* Resolves a reference (RFC 3986 §5) against a URL; the result is an http or https URL
 * without user-info and fragment. Dot segments stay. INVSRC_OK, INVSRC_EMALFORMED or
 * INVSRC_ENOMEM. */
int32_t ivs_origin_resolve(const char *url, const char *reference, size_t length, ivs_buffer *out);
/* A URL's origin with `path` behind it, or, where `below` is 1, its origin, its own path
 * and `path`. INVSRC_OK, INVSRC_EMALFORMED or INVSRC_ENOMEM. */
int32_t ivs_origin_append(const char *url, int below, const char *path, ivs_buffer *out);

#endif
