/*
 * Probes as the host's prober sees them: a queue to take from, and each probe a call that
 * waits for its answer. Knows nothing of where the calls come from.
 */
#ifndef IVS_ENGINE_PROBE_H
#define IVS_ENGINE_PROBE_H

#include "engine/call.h"

struct invsrc_probe {
  invsrc_probes *from;
  invsrc_call *call; /* waits for INVSRC_WANT_PROBE or INVSRC_WANT_OAUTH_REFRESH */
  invsrc_probe *next;
  invsrc_probe *previous;
};

struct invsrc_probes {
  /* The next one, or NULL; and what happens to one that has its outcome and reason. */
  invsrc_probe *(*take)(invsrc_probes *self);
  void (*end)(invsrc_probes *self, invsrc_probe *probe, int32_t outcome);
};

#endif
