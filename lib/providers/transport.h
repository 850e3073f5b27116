/*
 * What the ready-made transport lends to others that go to the network as it does.
 */
#ifndef IVS_PROVIDERS_TRANSPORT_H
#define IVS_PROVIDERS_TRANSPORT_H

#include "providers/hop.h"

/* What it lets through; lasts as long as it. */
const ivs_guard *ivs_curl_guard(const invsrc_curl *curl);

#endif
