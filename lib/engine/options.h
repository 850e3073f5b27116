/*
 * What a service is made of: the host's tables of functions and its switches.
 */
#ifndef IVS_ENGINE_OPTIONS_H
#define IVS_ENGINE_OPTIONS_H

#include <invsrc/invsrc.h>

#include "core/pool.h"
#include "core/rule.h"

#define IVS_TOOL_SIZE 129

struct invsrc_options {
  invsrc_authenticator_vtable authenticator;
  invsrc_registry_vtable registry;
  invsrc_sealer_vtable sealer;
  invsrc_store_vtable store;
  invsrc_oauth_vtable oauth;
  invsrc_prober_vtable prober;
  invsrc_events_vtable events;
  invsrc_world_vtable world;
  void *authenticator_context;
  void *registry_context;
  void *sealer_context;
  void *store_context;
  void *oauth_context;
  void *prober_context;
  void *events_context;
  void *world_context;
  int envelope;
  ivs_switches switches;
  uint64_t max_body;
  int64_t lease;                                    /* milliseconds */
  int64_t recheck;                                  /* milliseconds; 0: never */
  char probe_tool[IVS_TOOL_SIZE];                   /* "" for none */
  char oauth_done_url[INVSRC_DONE_URL_LONGEST + 1]; /* the same */
};

/* A service is a frozen copy of its options. */
struct invsrc_service {
  invsrc_options options;
  ivs_pool *pool; /* where the host brings no randomness */
};

#endif
