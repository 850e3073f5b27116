/*
 * The testkit as its parts share it: the scripts of all effects, and what the doubles know.
 */
#ifndef IVS_TESTKIT_KIT_H
#define IVS_TESTKIT_KIT_H

#include <invsrc/testkit.h>

#define IVS_KIT_LOG_SIZE 256

/* What is to happen at the calls of one effect. */
typedef struct ivs_script {
  uint64_t calls;
  uint64_t fail_at; /* the count of the call that fails */
  int fails;        /* 0: none does; 1: that one; 2: that one and all after it */
  int32_t outcome;
} ivs_script;

/* A scripted key or endpoint. */
typedef struct ivs_fact {
  struct ivs_fact *next;
  char *value;
  char key[];
} ivs_fact;

typedef struct ivs_agent ivs_agent;

/* With a slot for each provider that may be wrapped. */
struct invsrc_testkit {
  ivs_script scripts[INVSRC_EFFECT_END];
  ivs_fact *keys;      /* to storefronts */
  ivs_fact *endpoints; /* canonical */
  ivs_agent *agents;
  int64_t time;
  uint64_t seed;
  char log[IVS_KIT_LOG_SIZE];
  invsrc_event *event; /* the last one that was taken, or NULL */
  invsrc_authenticator_vtable authenticator;
  invsrc_registry_vtable registry;
  invsrc_sealer_vtable sealer;
  invsrc_store_vtable store;
  invsrc_oauth_vtable oauth;
  invsrc_prober_vtable prober;
  invsrc_events_vtable events;
  void *authenticator_context;
  void *registry_context;
  void *sealer_context;
  void *store_context;
  void *oauth_context;
  void *prober_context;
  void *events_context;
};

/* Counts a call. Returns 1 when it is to fail, with `*outcome`. */
int ivs_kit_fails(invsrc_testkit *kit, int32_t effect, int32_t *outcome);
const ivs_fact *ivs_kit_find(const ivs_fact *list, const char *key, uint64_t length);
/* A URL in canonical form, to be freed. INVSRC_OK, INVSRC_EMALFORMED or INVSRC_ENOMEM. */
int32_t ivs_kit_canonicalize(const char *url, uint64_t length, char **canonical);

/* Follows the scripts of agents: the function of the prober's table. */
int32_t ivs_kit_probe(void *context, invsrc_probes *probes);
void ivs_kit_free_agents(ivs_agent *list);

/* Sets every double in the options. */
void ivs_kit_install(invsrc_testkit *kit, invsrc_options *options);

#endif
