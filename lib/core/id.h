/*
 * The forms of identifiers and times: a decimal id, an agent's ULID, an RFC 3339
 * timestamp. Draws no random bytes and reads no clock: both are arguments.
 */
#ifndef IVS_CORE_ID_H
#define IVS_CORE_ID_H

#include <stdint.h>

#define IVS_ID_RANDOM 5 /* random bytes for an id */
#define IVS_ID_SIZE 20  /* 63 bits in decimal, and a NUL */
/* The last 23 bits of the milliseconds, then 40 random ones. So what is made at a time has
 * ids that are neighbours in an index, and storing it writes few of its pages. As those 23
 * come round every 2.3 hours, ids meet no more often in the long run than if all 63 were
 * random; and they are in no order. */
void ivs_id_format(char id[IVS_ID_SIZE], int64_t milliseconds, const uint8_t random[IVS_ID_RANDOM]);

#define IVS_ULID_RANDOM 10
#define IVS_ULID_SIZE 33 /* a prefix of at most six characters, 26 more, and a NUL */
#define IVS_AGENT_PREFIX "agent_"
#define IVS_EVENT_PREFIX "evt_"
/* The prefix and a ULID: 48 bits of milliseconds, then 80 random ones, in Crockford's
 * base32. */
void ivs_ulid_format(char id[IVS_ULID_SIZE], const char *prefix, int64_t milliseconds,
                     const uint8_t random[IVS_ULID_RANDOM]);

#define IVS_TIME_SIZE 21 /* "2026-01-01T00:00:00Z" and a NUL */
/* `milliseconds` from 0 to INVSRC_TIME_LIMIT; the part of a second is dropped. */
void ivs_time_format(char text[IVS_TIME_SIZE], int64_t milliseconds);

#endif
