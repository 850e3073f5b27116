/*
 * Where the metadata of resources and of authorization servers may be (RFC 9728 §3.1,
 * RFC 8414 §3.1, OpenID Connect Discovery §4), in the order in which it is looked for.
 */
#ifndef IVS_AGENTS_WELL_KNOWN_H
#define IVS_AGENTS_WELL_KNOWN_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

/* The `at`-th place, from 0, for an endpoint or an issuer, which are URLs. INVSRC_OK,
 * INVSRC_ENOTFOUND (there are no more), INVSRC_EMALFORMED or INVSRC_ENOMEM. */
int32_t ivs_well_known_resource(const char *endpoint, size_t at, ivs_buffer *url);
int32_t ivs_well_known_server(const char *issuer, size_t at, ivs_buffer *url);

#endif
