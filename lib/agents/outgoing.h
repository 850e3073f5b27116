/*
 * A request that is being put together: its texts lie in buffers that wipe themselves.
 * Knows the limits of exchanges with agents and receivers, and nothing of what is asked.
 */
#ifndef IVS_AGENTS_OUTGOING_H
#define IVS_AGENTS_OUTGOING_H

#include <invsrc/providers.h>

#include "core/buffer.h"

#define IVS_OUTGOING_LINES 12

#define IVS_EXCHANGE_MS 10000
#define IVS_EXCHANGE_SIZE 262144 /* of a reply's body */

typedef struct ivs_outgoing {
  invsrc_http_request http; /* complete when ivs_outgoing_finish() has said OK */
  ivs_buffer url;
  ivs_buffer body;
  ivs_buffer lines[IVS_OUTGOING_LINES];
  const char *headers[IVS_OUTGOING_LINES];
} ivs_outgoing;

/* Begins a request, with nothing left of the one before. `method` is static. */
void ivs_outgoing_begin(ivs_outgoing *request, const char *method, const char *url);
/* Adds a field line, in two pieces. */
void ivs_outgoing_add(ivs_outgoing *request, const char *name, const char *value);
/* INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_outgoing_finish(ivs_outgoing *request);
void ivs_outgoing_end(ivs_outgoing *request);

#endif
