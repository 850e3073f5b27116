/*
 * Scripted agents: what probes of them come to, by endpoint and credential. See kit.h.
 */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "testkit/kit.h"

#define REFRESHED INT64_C(3600000) /* milliseconds that tokens are good for */

struct ivs_agent {
  ivs_agent *next;
  char *url;                     /* canonical */
  ivs_json_document *credential; /* NULL: any */
  int32_t outcome;
  char *reason; /* NULL for none */
};

/* ---- Credentials ------------------------------------------------------------------- */

/* Whether each member of `a` is in `b`, as the same text. */
static int is_within(const ivs_json *a, const ivs_json *b) {
  for (const ivs_json *at = ivs_json_first(a); at; at = ivs_json_next(at)) {
    size_t length = 0, other_length = 0;
    const char *key = ivs_json_key(at), *text = ivs_json_string(at, &length);
    const char *other = ivs_json_string(ivs_json_member(b, key), &other_length);
    /* What was accepted names the algorithm also where the auth did not. */
    if (!other && strcmp(key, "algorithm") == 0) continue;
    if (!text || !other || length != other_length || memcmp(text, other, length) != 0) return 0;
  }
  return 1;
}

/* Whether a credential is what the agent answers to; an outcome where it cannot be said. */
static int32_t judge(const ivs_agent *agent, const void *credential, uint64_t length) {
  ivs_json_document *document = NULL;
  const ivs_json *given, *wanted = ivs_json_root(agent->credential);
  int32_t outcome = INVSRC_OUTCOME_REFUSED;
  ivs_json_fault fault;

  if (!credential) return outcome;
  switch (ivs_json_parse(credential, (size_t)length, &document, &fault)) {
    case INVSRC_OK:
      given = ivs_json_root(document);
      if (is_within(wanted, given) && is_within(given, wanted)) outcome = INVSRC_OUTCOME_OK;
      break;
    case INVSRC_ENOMEM:
      outcome = INVSRC_OUTCOME_UNAVAILABLE;
      break;
    default:
      break;
  }
  ivs_json_free(document);
  return outcome;
}

/* ---- Probes -------------------------------------------------------------------------- */

static const ivs_agent *find(const ivs_agent *list, const char *url) {
  while (list && strcmp(list->url, url) != 0) list = list->next;
  return list;
}

static void follow(const ivs_agent *agent, invsrc_probe *probe) {
  uint64_t length;
  const void *credential = invsrc_probe_credential(probe, &length);
  int32_t outcome = agent->credential ? judge(agent, credential, length) : INVSRC_OUTCOME_OK;

  if (outcome == INVSRC_OUTCOME_REFUSED)
    invsrc_probe_end(probe, outcome, "the agent refused the credential");
  else if (outcome == INVSRC_OUTCOME_OK)
    invsrc_probe_end(probe, agent->outcome, agent->reason);
  else
    invsrc_probe_end(probe, outcome, NULL);
}

static void answer(invsrc_testkit *kit, invsrc_probe *probe) {
  uint64_t length;
  const char *url =
      invsrc_source_text(invsrc_probe_source(probe), INVSRC_SOURCE_ENDPOINT_URL, &length);
  const ivs_agent *agent;
  char *canonical;

  if (ivs_kit_canonicalize(url, length, &canonical) != INVSRC_OK) {
    invsrc_probe_end(probe, INVSRC_OUTCOME_UNAVAILABLE, NULL);
    return;
  }
  agent = find(kit->agents, canonical);
  free(canonical);
  if (agent)
    follow(agent, probe);
  else
    invsrc_probe_end(probe, INVSRC_OUTCOME_OK, NULL);
}

static void refresh(const invsrc_testkit *kit, invsrc_probe *probe) {
  uint64_t length;
  const void *credential = invsrc_probe_credential(probe, &length);

  invsrc_probe_end_refreshed(probe, credential, length, kit->time + REFRESHED);
}

/* A prober of the host's takes its probes itself, so it is counted once for all of them. */
int32_t ivs_kit_probe(void *context, invsrc_probes *probes) {
  invsrc_testkit *kit = context;
  invsrc_probe *probe;
  int32_t outcome;

  if (kit->prober.probe) {
    if (ivs_kit_fails(kit, INVSRC_EFFECT_PROBE, &outcome)) return outcome;
    return kit->prober.probe(kit->prober_context, probes);
  }
  while ((probe = invsrc_probes_next(probes))) {
    int is_refresh = invsrc_probe_is_refresh(probe);
    if (ivs_kit_fails(kit, is_refresh ? INVSRC_EFFECT_OAUTH_REFRESH : INVSRC_EFFECT_PROBE,
                      &outcome))
      invsrc_probe_end(probe, outcome, NULL);
    else if (is_refresh)
      refresh(kit, probe);
    else
      answer(kit, probe);
  }
  return INVSRC_OUTCOME_OK;
}

/* ---- Scripting ------------------------------------------------------------------------- */

static void free_agent(ivs_agent *agent) {
  if (!agent) return;
  free(agent->url);
  ivs_json_free(agent->credential);
  free(agent->reason);
  free(agent);
}

void ivs_kit_free_agents(ivs_agent *list) {
  while (list) {
    ivs_agent *next = list->next;
    free_agent(list);
    list = next;
  }
}

static int32_t read_credential(const char *text, ivs_json_document **document) {
  ivs_json_fault fault;
  int32_t result = ivs_json_parse(text, strlen(text), document, &fault);

  if (result != INVSRC_OK) return result;
  return ivs_json_is_object(ivs_json_root(*document)) ? INVSRC_OK : INVSRC_EMALFORMED;
}

static int32_t fill(ivs_agent *agent, const char *endpoint_url, const char *credential,
                    const char *reason) {
  int32_t result = ivs_kit_canonicalize(endpoint_url, strlen(endpoint_url), &agent->url);

  if (result == INVSRC_OK && credential) result = read_credential(credential, &agent->credential);
  if (result == INVSRC_OK && reason) {
    agent->reason = strdup(reason);
    if (!agent->reason) result = INVSRC_ENOMEM;
  }
  return result;
}

/* Takes the place of an agent of the same endpoint, or a new one. */
static void enter(ivs_agent **list, ivs_agent *agent) {
  while (*list && strcmp((*list)->url, agent->url) != 0) list = &(*list)->next;
  if (*list) {
    agent->next = (*list)->next;
    free_agent(*list);
  }
  *list = agent;
}

int32_t invsrc_testkit_script_agent(invsrc_testkit *kit, const char *endpoint_url,
                                    const char *credential, int32_t outcome, const char *reason) {
  ivs_agent *made;
  int32_t result;

  if (!kit || !endpoint_url) return INVSRC_EINVAL;
  made = calloc(1, sizeof *made);
  if (!made) return INVSRC_ENOMEM;
  made->outcome = outcome;
  result = fill(made, endpoint_url, credential, reason);
  if (result == INVSRC_OK)
    enter(&kit->agents, made);
  else
    free_agent(made);
  return result;
}
