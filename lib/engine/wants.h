/*
 * The table of wants: which outcomes are legal for each, and what the caller is
 * answered when it is not OK. Errors that no want causes stand here too, so that
 * every error of contract §4.2 is in one place.
 */
#ifndef IVS_ENGINE_WANTS_H
#define IVS_ENGINE_WANTS_H

#include <invsrc/invsrc.h>

typedef struct ivs_failure {
  int32_t status;
  const char *code;
  const char *message;
  const char *path;  /* the field it is about, or NULL */
  const char *allow; /* the Allow header of a 405, or NULL */
} ivs_failure;

extern const ivs_failure ivs_failure_no_route;
extern const ivs_failure ivs_failure_unauthorized;
extern const ivs_failure ivs_failure_content_type;
extern const ivs_failure ivs_failure_content_encoding;
extern const ivs_failure ivs_failure_no_agent;
extern const ivs_failure ivs_failure_internal;

/* What an outcome other than OK earns. An outcome that is not legal for the want
 * earns the same as INVSRC_OUTCOME_FAILED. */
const ivs_failure *ivs_want_failure(int32_t want, int32_t outcome);
/* Whether provider.h lists the outcome for the want. */
int ivs_want_is_legal(int32_t want, int32_t outcome);
/* "seal" and the like: for log lines. */
const char *ivs_want_name(int32_t want);

#endif
