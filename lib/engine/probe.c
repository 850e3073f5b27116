/*
 * See probe.h.
 */
#include "engine/probe.h"

#include <string.h>

invsrc_probe *invsrc_probes_next(invsrc_probes *probes) {
  return probes ? probes->take(probes) : NULL;
}

const invsrc_source *invsrc_probe_source(const invsrc_probe *probe) {
  return probe ? probe->call->draft.source : NULL;
}

const void *invsrc_probe_credential(const invsrc_probe *probe, uint64_t *length) {
  const ivs_buffer *credential = probe ? ivs_call_credential(probe->call) : NULL;

  if (length) *length = credential ? credential->length : 0;
  return credential && credential->length ? credential->bytes : NULL;
}

const char *invsrc_probe_tool(const invsrc_probe *probe) {
  return probe ? ivs_call_tool(probe->call) : NULL;
}

/* One that is still to be sealed stays. */
void invsrc_probe_forget(invsrc_probe *probe) {
  if (probe) ivs_buffer_end(&probe->call->opened.data);
}

void invsrc_probe_end(invsrc_probe *probe, int32_t outcome, const char *reason) {
  if (!probe) return;
  ivs_call_take_reason(probe->call, outcome, reason, reason ? strlen(reason) : 0);
  probe->from->end(probe->from, probe, outcome);
}
