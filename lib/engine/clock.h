/*
 * The time of a blocking call that goes on for a while: the service's clock; or where the
 * caller gave a time ahead of it, that one, moved on by what has passed since.
 */
#ifndef IVS_ENGINE_CLOCK_H
#define IVS_ENGINE_CLOCK_H

#include "engine/call.h"

typedef struct ivs_clock {
  const invsrc_service *service;
  int64_t given; /* by the caller; 0: it is the service's clock */
  int64_t begun; /* the time at the beginning, */
  int64_t start; /* and what the service's clock said then; INT64_MAX where it said nothing */
} ivs_clock;

/* INVSRC_OK, or as ivs_drive_result() where there is neither a time nor a clock. */
int32_t ivs_clock_begin(ivs_clock *clock, const invsrc_service *service, int64_t given);
/* The time. */
int64_t ivs_clock_time(const ivs_clock *clock);
/* Up to when things are due: what the caller gave, or the time. */
int64_t ivs_clock_due(const ivs_clock *clock);

#endif
