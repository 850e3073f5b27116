/*
 * The probe of an A2A agent: its card, then one JSON-RPC request that changes nothing.
 * Knows no transport, and nothing of how the credential was come by.
 */
#ifndef IVS_AGENTS_A2A_H
#define IVS_AGENTS_A2A_H

#include "agents/authorization.h"
#include "agents/verdict.h"

#define IVS_A2A_RANDOM 16

typedef struct ivs_a2a {
  /* What to ask, borrowed. */
  const char *url;                        /* endpointUrl */
  const ivs_authorization *authorization; /* NULL: ask without */
  ivs_party agent;
  ivs_party card;
  int allow_http; /* 1: the card may name http URLs */
  const uint8_t *random;
  ivs_verdict verdict; /* what it came to, when ivs_a2a_is_over() */
  /* Where it stands. */
  int step;
  int is_asked;
  size_t place;         /* of the card, as a row of a table */
  int32_t refused_with; /* where the card is asked for again, with the credential; else 0 */
  int telling;          /* how much the verdict says of what was found in place of a card */
  /* What the card says; kept from one probe of an agent to the next. */
  int is_current; /* A2A 1.0 */
  ivs_buffer rpc_url;
  ivs_buffer tenant;
} ivs_a2a;

/* Begins a probe of the agent at `url`, the first or another one without the credential. */
void ivs_a2a_begin(ivs_a2a *a2a, const char *url, const ivs_authorization *authorization);
void ivs_a2a_end(ivs_a2a *a2a);
int ivs_a2a_is_over(const ivs_a2a *a2a);

/* Makes the next request where none is under way: sets `*made`. INVSRC_OK or
 * INVSRC_ENOMEM, as the next. */
int32_t ivs_a2a_ask(ivs_a2a *a2a, ivs_outgoing *request, int *made);
/* Hears how the exchange ended. */
int32_t ivs_a2a_hear(ivs_a2a *a2a, int32_t outcome, const invsrc_http_reply *reply);

#endif
