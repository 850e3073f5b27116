/*
 * What the check of a source shares with the refresh of its tokens, which comes first where it
 * is time for it.
 */
#ifndef IVS_ENGINE_CHECK_H
#define IVS_ENGINE_CHECK_H

#include "engine/call.h"

/* Ends the check. */
void ivs_check_conclude(invsrc_call *call, int32_t outcome);
/* The result cannot be kept: the lease ends, and somebody tries again. */
void ivs_check_give_up(invsrc_call *call);
/* What an answer that says nothing of the agent comes to: UNAVAILABLE or FAILED. */
int32_t ivs_check_failure(const invsrc_call *call);
/* Why it came to what it did, where the provider has not told. */
void ivs_check_set_reason(invsrc_call *call, const char *reason);
/* Goes on to ask the agent with what is in `opened`, */
void ivs_check_probe(invsrc_call *call);
/* or to keep `check_outcome` and `reason` at once. */
void ivs_check_keep(invsrc_call *call);

/* How long a claim is while tokens are refreshed under it, in milliseconds. */
int64_t ivs_refresh_lease(const invsrc_service *service);
/* Refreshes the tokens that are in `opened`. */
void ivs_refresh(invsrc_call *call);

#endif
