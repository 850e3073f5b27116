/*
 * Server-Sent Events (WHATWG HTML, 9.2) read from a body that may still grow. Knows
 * nothing of what the events are about, and keeps no ids: no stream is resumed.
 */
#ifndef IVS_AGENTS_SSE_H
#define IVS_AGENTS_SSE_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

/* Where the reading of a body stands, all 0 at first; and the last event. */
typedef struct ivs_sse {
  ivs_buffer type; /* "" for "message" */
  ivs_buffer data;
  size_t line;     /* where the line begins that is to be read next */
  size_t seen;     /* up to where it is known not to end */
  int has_data;    /* of the event that is being read */
  int is_complete; /* `type` and `data` are an event that was given out */
} ivs_sse;

/* Reads on in the same body, of which there may be more than the last time. Sets `*found`
 * to whether there is a next event. A last one that is cut short is none. INVSRC_OK or
 * INVSRC_ENOMEM. */
int32_t ivs_sse_next(ivs_sse *sse, const char *body, size_t length, int *found);
void ivs_sse_end(ivs_sse *sse);

#endif
