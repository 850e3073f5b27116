/*
 * The create request: strict JSON, then every rule of contract §3 at once, read
 * from tables. What is right becomes a draft of the source.
 */
#ifndef IVS_CORE_REQUEST_H
#define IVS_CORE_REQUEST_H

#include <invsrc/invsrc.h>

#include "core/rule.h"

/* Why a body is not a create request. */
typedef struct ivs_problem {
  int is_json_fault;    /* then `fault` says where; else `issues` says what */
  ivs_json_fault fault; /* a NULL message: it is JSON, but not an object */
  ivs_issues issues;    /* none: the request is good */
} ivs_problem;

/* What a good create request says. */
typedef struct ivs_draft {
  invsrc_source *source; /* the fields of §3 set, sourceId derived if need be */
  ivs_buffer endpoint;   /* endpointUrl in canonical form */
  ivs_buffer credential; /* clear text to seal; empty when there is none */
} ivs_draft;

#define IVS_DRAFT_EMPTY \
  { NULL, IVS_BUFFER_EMPTY, IVS_BUFFER_EMPTY }

/* Reads the body of a create into `draft`, which is empty. Where it finds a
 * problem the draft stays empty. No copy of the body is left behind.
 * INVSRC_OK, with or without a problem, or INVSRC_ENOMEM. */
int32_t ivs_create_read(const char *body, size_t length, const ivs_switches *switches,
                        ivs_draft *draft, ivs_problem *problem);
void ivs_draft_end(ivs_draft *draft);

#endif
