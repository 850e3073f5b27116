/*
 * The create and the update request: strict JSON, then every rule of contract §3 and
 * §7 at once, read from tables. What is right becomes a draft of the source.
 */
#ifndef IVS_CORE_REQUEST_H
#define IVS_CORE_REQUEST_H

#include <invsrc/invsrc.h>

#include "core/rule.h"

/* Why a body is not such a request. */
typedef struct ivs_problem {
  int is_json_fault;    /* then `fault` says where; else `issues` says what */
  ivs_json_fault fault; /* a NULL message: it is JSON, but not an object */
  ivs_issues issues;    /* none: the request is good */
} ivs_problem;

/* What an update makes different. */
#define IVS_CHANGE_ENDPOINT 1u
#define IVS_CHANGE_PROTOCOL 2u
#define IVS_CHANGE_AUTH 4u /* the credential, or that there is none */
#define IVS_CHANGE_AUTHENTICATION_TYPE 8u
#define IVS_CHANGE_CONSENT 16u /* an OAUTH source needs another one */
/* After these nothing is known any more of whether the agent answers. */
#define IVS_CHANGE_AGENT (IVS_CHANGE_ENDPOINT | IVS_CHANGE_PROTOCOL | IVS_CHANGE_AUTH)

/* What a good request says. */
typedef struct ivs_draft {
  invsrc_source *source; /* the fields of §3 set, sourceId derived if need be; of an update
                          * the source that was stored, with the fields that were sent */
  ivs_buffer endpoint;   /* endpointUrl in canonical form; of an update only a new one */
  ivs_buffer credential; /* clear text to seal; empty when there is none */
  unsigned changes;      /* IVS_CHANGE_…, of an update, */
  int asks_active;       /* and whether it asks for ACTIVE */
} ivs_draft;

#define IVS_DRAFT_EMPTY \
  { NULL, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY, 0, 0 }

/* Reads the body of a create into `draft`, which is empty. Where it finds a
 * problem the draft stays empty. No copy of the body is left behind.
 * INVSRC_OK, with or without a problem, or INVSRC_ENOMEM. */
int32_t ivs_create_read(const char *body, size_t length, const ivs_switches *switches,
                        ivs_draft *draft, ivs_problem *problem);
/* The same for an update of the source that is stored. */
int32_t ivs_update_read(const char *body, size_t length, const invsrc_source *stored,
                        const ivs_switches *switches, ivs_draft *draft, ivs_problem *problem);
void ivs_draft_end(ivs_draft *draft);

#endif
