/*
 * When to try again what failed: growing pauses, with chance in them so that what failed
 * together is not tried together. Reads no clock and draws nothing.
 */
#ifndef IVS_ENGINE_SCHEDULE_H
#define IVS_ENGINE_SCHEDULE_H

#include <stdint.h>

#define IVS_PAUSE_RANDOM 4                 /* random bytes for a pause */
#define IVS_PAUSE_FIRST INT64_C(10000)     /* milliseconds; doubled with each failure */
#define IVS_PAUSE_LONGEST INT64_C(3600000) /* an hour, contract §7 */

/* How many milliseconds to wait after `failures` of them, from 1: between half and all of
 * the pause. */
int64_t ivs_pause(int64_t failures, const uint8_t random[IVS_PAUSE_RANDOM]);

/* The sooner of two times, 0 being never. */
int64_t ivs_sooner(int64_t a, int64_t b);

#endif
