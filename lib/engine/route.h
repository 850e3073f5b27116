/*
 * Which operation a method and a target name: the table of contract §1.
 */
#ifndef IVS_ENGINE_ROUTE_H
#define IVS_ENGINE_ROUTE_H

#include "engine/call.h"

#define IVS_ROUTE_BASE "/api/v2/storefront"
#define IVS_ROUTE_SOURCES IVS_ROUTE_BASE "/inventory-sources"
#define IVS_ROUTE_AGENTS IVS_ROUTE_BASE "/agents"
#define IVS_ROUTE_CALLBACK IVS_ROUTE_BASE "/oauth/callback"

/* Sets the call's operation and query, and its source_id or agent_id, decoded, where the path
 * has one; or, where there is no operation, `*failure` (404, 405). INVSRC_OK or
 * INVSRC_ENOMEM. */
int32_t ivs_route_find(const invsrc_request *request, invsrc_call *call,
                       const ivs_failure **failure);

#endif
