/*
 * The prober's inside: its settings, and the run of one call. Who runs is registered, so
 * that another thread can tell it to stop.
 */
#ifndef IVS_PROVIDERS_AGENTS_H
#define IVS_PROVIDERS_AGENTS_H

#include <curl/curl.h>
#include <invsrc/providers.h>
#include <pthread.h>

#include "core/buffer.h"
#include "providers/tokens.h"
#include "providers/world.h"

/* A run that can be woken. */
typedef struct ivs_running {
  struct ivs_running *next;
  CURLM *multi;
} ivs_running;

struct invsrc_agents {
  invsrc_curl *curl;
  uint32_t parallel;
  uint32_t assertion_seconds;
  int64_t time_limit; /* milliseconds */
  ivs_buffer api_key_header;
  ivs_world world;
  ivs_tokens *tokens;
  pthread_mutex_t lock; /* guards what follows */
  int stopped;
  ivs_running *running;
};

/* Holds conversations for all that `probes` has. Returns an outcome of
 * invsrc_prober_vtable. */
int32_t ivs_agents_run(invsrc_agents *agents, invsrc_probes *probes);

/* From register to unregister the multi handle may be woken. */
void ivs_agents_register(invsrc_agents *agents, ivs_running *running);
void ivs_agents_unregister(invsrc_agents *agents, ivs_running *running);
int ivs_agents_are_stopped(invsrc_agents *agents);

#endif
