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

int32_t invsrc_probe_is_refresh(const invsrc_probe *probe) {
  return probe && probe->call->want == INVSRC_WANT_OAUTH_REFRESH;
}

/* A lack of memory shows in the buffer. */
void invsrc_probe_end_refreshed(invsrc_probe *probe, const void *credential, uint64_t length,
                                int64_t refresh_at) {
  ivs_buffer fresh = IVS_BUFFER_EMPTY;

  if (!probe) return;
  if (credential) ivs_buffer_append(&fresh, credential, (size_t)length);
  ivs_buffer_end(&probe->call->opened.data);
  probe->call->opened.data = fresh;
  probe->call->refresh_at = refresh_at;
  ivs_call_take_reason(probe->call, INVSRC_OUTCOME_OK, NULL, 0);
  probe->from->end(probe->from, probe,
                   fresh.failed ? INVSRC_OUTCOME_UNAVAILABLE : INVSRC_OUTCOME_OK);
}

/* A refresh that is ended so brought no tokens, whatever the outcome. */
void invsrc_probe_end(invsrc_probe *probe, int32_t outcome, const char *reason) {
  if (!probe) return;
  if (invsrc_probe_is_refresh(probe)) ivs_buffer_end(&probe->call->opened.data);
  ivs_call_take_reason(probe->call, outcome, reason, reason ? strlen(reason) : 0);
  probe->from->end(probe->from, probe, outcome);
}
