/*
 * Which operation a method and a target name: the table of contract §1.
 */
#ifndef IVS_ENGINE_ROUTE_H
#define IVS_ENGINE_ROUTE_H

#include "engine/call.h"

#define IVS_ROUTE_BASE "/api/v2/storefront"
#define IVS_ROUTE_SOURCES IVS_ROUTE_BASE "/inventory-sources"

/* Sets `*operation`, or `*failure` (404, 405). Where the path names a source its
 * sourceId goes, decoded, into `source_id`. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_route_find(const invsrc_request *request, const ivs_operation **operation,
                       const ivs_failure **failure, ivs_buffer *source_id);
/* Appends a sourceId as a path segment (RFC 3986 §3.3: all but unreserved
 * characters percent-encoded). */
void ivs_route_write_segment(ivs_buffer *out, const char *text, size_t length);

#endif
