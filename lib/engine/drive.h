/*
 * Answering a call's wants with the host's callbacks, and the questions to the host that no
 * call asks.
 */
#ifndef IVS_ENGINE_DRIVE_H
#define IVS_ENGINE_DRIVE_H

#include "engine/call.h"

/* Whether the host has provided what is needed (IVS_NEEDS_…): INVSRC_OK, or INVSRC_ESTATE
 * with the error filled in. */
int32_t ivs_drive_check(const invsrc_service *service, unsigned needs, invsrc_error *error);
/* What a blocking function returns for an outcome of the host's that is not OK. */
int32_t ivs_drive_result(int32_t outcome);
/* The host's clock and entropy, or the defaults. An outcome: FAILED also for a time that is out
 * of range, so that what comes with OK can be reckoned with. */
int32_t ivs_host_now(const invsrc_service *service, int64_t *milliseconds);
int32_t ivs_host_random(const invsrc_service *service, uint8_t *bytes, size_t length);
void ivs_host_log(const invsrc_service *service, int32_t level, const char *line);

#endif
