/*
 * The prober of agents: the object, its settings, and the way to stop it. How a run goes
 * is in agents_run.c.
 */
#include "providers/agents.h"

#include <stdlib.h>
#include <string.h>

#include "agents/http.h"
#include "core/error.h"

#define LONGEST_TIME_LIMIT 600 /* seconds */
#define LONGEST_ASSERTION 3600
#define TIME_LIMIT INT64_C(60000) /* milliseconds */
#define ASSERTION 300

/* ---- Stopping ------------------------------------------------------------ */

void ivs_agents_register(invsrc_agents *agents, ivs_running *running) {
  pthread_mutex_lock(&agents->lock);
  running->next = agents->running;
  agents->running = running;
  pthread_mutex_unlock(&agents->lock);
}

void ivs_agents_unregister(invsrc_agents *agents, ivs_running *running) {
  pthread_mutex_lock(&agents->lock);
  for (ivs_running **at = &agents->running; *at; at = &(*at)->next)
    if (*at == running) {
      *at = running->next;
      break;
    }
  pthread_mutex_unlock(&agents->lock);
}

int ivs_agents_are_stopped(invsrc_agents *agents) {
  int stopped;

  pthread_mutex_lock(&agents->lock);
  stopped = agents->stopped;
  pthread_mutex_unlock(&agents->lock);
  return stopped;
}

void invsrc_agents_stop(invsrc_agents *agents) {
  if (!agents) return;
  pthread_mutex_lock(&agents->lock);
  agents->stopped = 1;
  for (ivs_running *running = agents->running; running; running = running->next)
    curl_multi_wakeup(running->multi);
  pthread_mutex_unlock(&agents->lock);
}

/* ---- The object ---------------------------------------------------------- */

int32_t invsrc_agents_new(invsrc_curl *curl, invsrc_agents **agents, invsrc_error *error) {
  invsrc_agents *fresh;

  if (agents) *agents = NULL;
  if (!curl || !agents) return INVSRC_EINVAL;
  fresh = calloc(1, sizeof *fresh);
  if (fresh) fresh->tokens = ivs_tokens_new();
  if (!fresh || !fresh->tokens || pthread_mutex_init(&fresh->lock, NULL) != 0) {
    if (fresh) ivs_tokens_free(fresh->tokens);
    free(fresh);
    ivs_error_set(error, INVSRC_ENOMEM, INVSRC_NO_OFFSET, "memory ran out");
    return INVSRC_ENOMEM;
  }
  fresh->curl = curl;
  fresh->parallel = INVSRC_PARALLEL_DEFAULT;
  fresh->time_limit = TIME_LIMIT;
  fresh->assertion_seconds = ASSERTION;
  *agents = fresh;
  return INVSRC_OK;
}

void invsrc_agents_free(invsrc_agents *agents) {
  if (!agents) return;
  ivs_tokens_free(agents->tokens);
  ivs_buffer_end(&agents->api_key_header);
  pthread_mutex_destroy(&agents->lock);
  free(agents);
}

int32_t invsrc_agents_set_parallel(invsrc_agents *agents, uint32_t count) {
  if (!agents || count < 1 || count > INVSRC_PARALLEL_LIMIT) return INVSRC_EINVAL;
  agents->parallel = count;
  return INVSRC_OK;
}

int32_t invsrc_agents_set_time_limit(invsrc_agents *agents, uint32_t seconds) {
  if (!agents || seconds < 1 || seconds > LONGEST_TIME_LIMIT) return INVSRC_EINVAL;
  agents->time_limit = seconds * INT64_C(1000);
  return INVSRC_OK;
}

int32_t invsrc_agents_set_assertion_lifetime(invsrc_agents *agents, uint32_t seconds) {
  if (!agents || seconds < 1 || seconds > LONGEST_ASSERTION) return INVSRC_EINVAL;
  agents->assertion_seconds = seconds;
  return INVSRC_OK;
}

int32_t invsrc_agents_set_api_key_header(invsrc_agents *agents, const char *name) {
  if (!agents || (name && !ivs_http_is_free_name(name))) return INVSRC_EINVAL;
  if (name) return ivs_buffer_set(&agents->api_key_header, name, strlen(name));
  ivs_buffer_end(&agents->api_key_header);
  return INVSRC_OK;
}

int32_t invsrc_agents_set_world(invsrc_agents *agents, const invsrc_world_vtable *vtable,
                                void *context) {
  return agents ? ivs_world_set(&agents->world, vtable, context) : INVSRC_EINVAL;
}

static int32_t probe(void *context, invsrc_probes *probes) {
  return context && probes ? ivs_agents_run(context, probes) : INVSRC_OUTCOME_FAILED;
}

const invsrc_prober_vtable *invsrc_agents_prober(void) {
  static const invsrc_prober_vtable table = {
      .size = sizeof(invsrc_prober_vtable),
      .probe = probe,
  };

  return &table;
}
