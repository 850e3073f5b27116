/*
 * One call: the state that an operation keeps between wants, and the moves that
 * all operations share. A call never blocks and never calls the host; it goes
 * from state to state, a state being the function that runs when the pending
 * want has been answered.
 */
#ifndef IVS_ENGINE_CALL_H
#define IVS_ENGINE_CALL_H

#include <invsrc/invsrc.h>

#include "core/page.h"
#include "core/request.h"
#include "engine/message.h"
#include "engine/options.h"
#include "engine/sink.h"
#include "engine/wants.h"

typedef void (*ivs_state)(invsrc_call *call);

/* What an operation starts with, and which of the host's providers it needs. */
typedef struct ivs_operation {
  ivs_state start;
  unsigned needs;
} ivs_operation;

#define IVS_IS_PUBLIC 0x80u /* it asks for no key */
#define IVS_NEEDS_AUTHENTICATOR 1u
#define IVS_NEEDS_REGISTRY 2u
#define IVS_NEEDS_SEALER 4u
#define IVS_NEEDS_STORE 8u

extern const ivs_operation ivs_create_operation;
extern const ivs_operation ivs_get_operation;
extern const ivs_operation ivs_list_operation;
extern const ivs_operation ivs_update_operation;
extern const ivs_operation ivs_remove_operation;
extern const ivs_operation ivs_check_operation;
extern const ivs_operation ivs_authorize_operation;
extern const ivs_operation ivs_callback_operation;

#define IVS_STOREFRONT_LONGEST 255
#define IVS_CALL_RANDOM 64 /* more than any operation wants */
#define IVS_REASON_SIZE 256
#define IVS_CALL_LOG_SIZE (IVS_REASON_SIZE + 32)

struct invsrc_call {
  const invsrc_service *service;
  const ivs_operation *operation;
  unsigned needs;
  ivs_state state;
  ivs_state next;   /* after the discard that is under way */
  int32_t want;     /* INVSRC_WANT_… that is pending */
  int32_t answered; /* the want that was answered last, */
  int32_t outcome;  /* and how */
  int32_t result;   /* negative: over without a response */

  /* The request. */
  ivs_buffer token;
  const char *body; /* borrowed */
  uint64_t body_length;
  const ivs_failure *body_failure; /* what its headers earn it, once authenticated */
  ivs_buffer source_id;            /* from the path; or of the source that was found */
  ivs_buffer agent_id;             /* from the path */
  ivs_buffer query;                /* of the target, without its '?' */
  uint64_t skip;
  uint64_t take;

  /* A consent: what is asked for, and what the browser came back with. */
  ivs_buffer oauth_state;
  ivs_buffer redirect_uri;
  int is_again;
  uint32_t hidden_url; /* the authorization URL, while the source is stored without it */
  enum ivs_page page;  /* that a callback which fails ends with */
  ivs_buffer code;
  ivs_buffer issuer;
  ivs_buffer oauth_error;
  ivs_buffer error_description;
  ivs_buffer state_digest; /* by which a source is found that is not by its agentId */

  /* What the world answered. */
  invsrc_buffer storefront;
  int64_t now;
  size_t random_length; /* how much of it is wanted */
  uint8_t random[IVS_CALL_RANDOM];
  invsrc_buffer authorization_url;
  invsrc_buffer private_state;
  invsrc_buffer sealed;       /* to be stored, or to be discarded */
  invsrc_source *found;       /* as it is stored, */
  invsrc_buffer found_sealed; /* and what is sealed for it; then what an update replaced */
  ivs_buffer found_state;     /* what was sealed for the consent under way, decoded in time */
  invsrc_buffer opened;
  int64_t refresh_at;      /* of the tokens that have just come */
  invsrc_source *revealed; /* whose authorization URL is being opened */
  uint64_t index;          /* of it in a list */
  int is_hidden;           /* it cannot be opened now, and nor can others */
  invsrc_source_list *list;
  uint64_t total;
  int probed;                   /* the agent answered in this call, */
  int proven;                   /* and refuses who has no credential */
  char reason[IVS_REASON_SIZE]; /* why a probe failed */

  /* What the operation makes of it. */
  ivs_draft draft;
  const char *purpose; /* of the sealed bytes */
  invsrc_binding binding;
  invsrc_event *event; /* NULL: none is to be kept */
  uint64_t revision;
  int64_t claim;     /* the end of the lease under which a check is made */
  int64_t lease_end; /* of the claim under which it is written; 0: of none */
  uint32_t parts;
  int32_t write;          /* the want that stores it */
  int tries;              /* of what came between changes */
  invsrc_source *before;  /* the source while it is read again, */
  ivs_buffer used_sealed; /* and what its tokens were sealed as that were refreshed */
  int must_refresh;       /* the agent has refused the tokens that there are */
  int refreshed;          /* they were, in this call, or cannot be */
  int stored;             /* the result of a check is */
  int32_t check_outcome;
  const ivs_failure *failure;
  ivs_failure own_failure; /* one whose message is this: */
  char sentence[IVS_REASON_SIZE + 64];
  invsrc_response *response; /* made before the write: nothing can fail after it */
  int32_t log_level;
  char log[IVS_CALL_LOG_SIZE];
};

/* Waits for `want`, then goes on with `state`. */
void ivs_call_want(invsrc_call *call, int32_t want, ivs_state state);
/* Waits for that many random bytes, and for those of the event where events are kept; goes
 * straight on where that is none. */
void ivs_call_want_random(invsrc_call *call, size_t length, ivs_state state);
/* Takes the outcome of the answered want. Returns 1 when it was OK; else moves
 * the call towards the response that the outcome earns and returns 0. */
int ivs_call_went_well(invsrc_call *call);
/* The same with a failure of the operation's own. */
int ivs_call_went_well_or(invsrc_call *call, const ivs_failure *failure);
/* Logs what the answered want came to, which was not OK, and goes on with `state`. */
void ivs_call_log_failure(invsrc_call *call, ivs_state state);
/* The same for information. */
void ivs_call_log_quietly(invsrc_call *call, ivs_state state);
/* Moves the call to its end, by way of forgetting what was sealed in vain. */
void ivs_call_fail(invsrc_call *call, const ivs_failure *failure);
/* Before a write: makes ready what will be discarded of what was found, so that nothing can fail
 * after it. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_call_prepare_rest(invsrc_call *call);
/* Makes void and discards what `found` had and the source has no more, and ends the call with the
 * response that it has. */
void ivs_call_succeed(invsrc_call *call);
/* The same, but what is discarded of an OAUTH source is not made void. */
void ivs_call_discard_rest(invsrc_call *call);
/* Discards what is sealed, if anything is, and goes on with `next`. */
void ivs_call_discard(invsrc_call *call, ivs_state next);
/* Forgets what was found and made of it, to find it again. */
void ivs_call_forget(invsrc_call *call);
/* Ends the call with what it has as response; NULL ends it with INVSRC_ENOMEM,
 * and so does a response for which memory ran out. */
void ivs_call_finish(invsrc_call *call, invsrc_response *response);
/* Ends the call without a response, likewise. */
void ivs_call_out_of_memory(invsrc_call *call);
/* Takes the answer to the pending want; the next step goes on with it. */
void ivs_call_answered(invsrc_call *call, int32_t outcome);

/* The credential to probe with, which was opened or has just come; empty where there is
 * none. And the tool that a probe should call, or NULL. */
const ivs_buffer *ivs_call_credential(const invsrc_call *call);
const char *ivs_call_tool(const invsrc_call *call);
/* Takes over why a probe failed: a text that is no reason counts as none. */
void ivs_call_take_reason(invsrc_call *call, int32_t outcome, const char *reason, uint64_t length);

/* What sealed bytes are bound to from here on. `source` must stay. */
void ivs_call_bind(invsrc_call *call, const invsrc_source *source, const char *purpose);
/* By which field, and which value of it, a source is to be found. */
int32_t ivs_call_find_field(const invsrc_call *call);
const ivs_buffer *ivs_call_find_value(const invsrc_call *call);
/* The text of a parameter, or NULL where it was not given. */
const char *ivs_call_given(const ivs_buffer *parameter);
/* What is sealed for the source itself: a private state is kept in its record. */
const ivs_buffer *ivs_call_sealed(const invsrc_call *call);
/* Makes the event that is to be kept with the change of a source, where events are kept.
 * `reason` may be NULL. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_call_make_event(invsrc_call *call, const char *type, const invsrc_source *source,
                            const char *reason);

/* 413, or what the headers say of the body; returns 1 when the body may be read, else the
 * call is on its way to the end. */
int ivs_call_has_body(invsrc_call *call);

/* 4xx or 5xx with the body for it; NULL when memory ran out. */
invsrc_response *ivs_failure_response(const ivs_failure *failure);
/* 400 with the body for a problem of the request. */
invsrc_response *ivs_problem_response(const ivs_problem *problem);
/* 413, where `length` is above the limit; else NULL in `*response`. INVSRC_OK or
 * INVSRC_ENOMEM. */
int32_t ivs_size_response(uint64_t length, uint64_t limit, invsrc_response **response);
/* A success with the source as its body, bare or in its envelope; NULL when memory ran
 * out. The source is still to be given to it. */
invsrc_response *ivs_source_response(const invsrc_service *service, int32_t status,
                                     const invsrc_source *source);

#endif
