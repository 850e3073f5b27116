/*
 * What a conversation came to, and the words for it: every reason is ours or the
 * transport's, and holds not a byte that the other side sent.
 */
#ifndef IVS_AGENTS_VERDICT_H
#define IVS_AGENTS_VERDICT_H

#include <invsrc/providers.h>

#define IVS_REASON_SIZE 256
#define IVS_STATUS_SIZE 96 /* of the words for a status */

typedef struct ivs_verdict {
  int32_t outcome; /* 0: none yet */
  char reason[IVS_REASON_SIZE];
} ivs_verdict;

/* The other side, as reasons name it. */
typedef struct ivs_party {
  const char *name;    /* "the token endpoint" */
  int is_agent;        /* what goes without saying */
  const char *members; /* to be looked at when it refuses; NULL: there is no credential */
  const char *place;   /* to be looked at when it is not what it should be; NULL: nobody named it */
} ivs_party;

#define IVS_PLACE_OF_AGENT "endpointUrl and protocol"

void ivs_verdict_set(ivs_verdict *verdict, int32_t outcome, const char *prefix, const char *reason);
/* The exchange came to no answer. */
void ivs_verdict_set_failure(ivs_verdict *verdict, const ivs_party *party, int32_t outcome,
                             const invsrc_http_reply *reply);
/* REFUSED; `status` is 0 where the protocol said so. */
void ivs_verdict_set_refused(ivs_verdict *verdict, const ivs_party *party, int32_t status);
/* "answered 404", and what can be done about it where the status says it. */
void ivs_verdict_write_status(const ivs_party *party, int32_t status, char text[IVS_STATUS_SIZE]);
/* UNREACHABLE: an answer that has this status and is of no use. */
void ivs_verdict_set_status(ivs_verdict *verdict, const ivs_party *party, int32_t status);
/* UNREACHABLE: an answer that should be `what` ("MCP") and is not: HTML, say. */
void ivs_verdict_set_foreign(ivs_verdict *verdict, const ivs_party *party,
                             const invsrc_http_reply *reply, const char *what);

int ivs_verdict_is_refusal(int32_t status);

#endif
