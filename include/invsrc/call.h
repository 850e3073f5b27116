/*
 * The stepwise API: one call as a state machine, for hosts with an event loop.
 *
 * A call runs until it wants something from the outside world, and goes on when
 * the host has answered. invsrc_handle() is this loop:
 *
 *     invsrc_call_new(service, request, &call);
 *     while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE)
 *       invsrc_call_perform(call);        // or answer the want yourself
 *     if (want == INVSRC_WANT_NONE) invsrc_call_take_response(call, &response);
 *     invsrc_call_free(call);
 *
 * A host answers the slow wants (lookup, seal and open, those of the store and of OAuth, probe)
 * when it pleases, on any thread, one at a time, and may leave the others to
 * invsrc_call_perform().
 *
 * A call that is freed early stores nothing further. Sealed bytes that it was given and
 * that the store did not take, or that the store handed back, are then the host's to
 * discard.
 */
#ifndef INVSRC_CALL_H
#define INVSRC_CALL_H

#include <invsrc/invsrc.h>
#include <invsrc/provider.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct invsrc_call invsrc_call;

/* What a call can want, what it brings (an input or a number that is told below; the source,
 * event or binding by its own function), and the function that answers. The legal outcomes are
 * those of the function of the same name in provider.h. */
#define INVSRC_WANT_NONE 0         /* nothing more: the response is there */
#define INVSRC_WANT_AUTHENTICATE 1 /* TOKEN: invsrc_call_answer_authenticate */
#define INVSRC_WANT_NOW 2          /* invsrc_call_answer_now */
#define INVSRC_WANT_RANDOM 3       /* invsrc_call_random_length: invsrc_call_answer_random */
#define INVSRC_WANT_LOOKUP 4       /* ENDPOINT_URL: invsrc_call_answer */
/* STATE, REDIRECT_URI, AGAIN, source: invsrc_call_answer_oauth_start */
#define INVSRC_WANT_OAUTH_START 5
#define INVSRC_WANT_SEAL 6    /* PLAINTEXT, binding: invsrc_call_answer_seal */
#define INVSRC_WANT_INSERT 7  /* SEALED, source, event: invsrc_call_answer */
#define INVSRC_WANT_DISCARD 8 /* SEALED, binding: invsrc_call_answer */
#define INVSRC_WANT_GET 9     /* STOREFRONT, SOURCE_ID: invsrc_call_answer_get */
#define INVSRC_WANT_LOG 10    /* LOG, invsrc_call_log_level: invsrc_call_answer */
#define INVSRC_WANT_LIST 11   /* STOREFRONT, SKIP, TAKE: invsrc_call_answer_list */
/* REVISION, LEASE_END, PARTS, SEALED, source, event: invsrc_call_answer_sealed */
#define INVSRC_WANT_UPDATE 12
#define INVSRC_WANT_REMOVE 13 /* REVISION, source, event: invsrc_call_answer_sealed */
#define INVSRC_WANT_OPEN 14   /* SEALED, binding: invsrc_call_answer_open */
#define INVSRC_WANT_PROBE 15  /* PLAINTEXT, TOOL, source: invsrc_call_answer_probe */
#define INVSRC_WANT_FIND 16   /* FIELD, VALUE: invsrc_call_answer_get */
/* PLAINTEXT (the private state), CODE, ISSUER, ERROR, source: invsrc_call_answer_tokens */
#define INVSRC_WANT_OAUTH_FINISH 17
#define INVSRC_WANT_OAUTH_REFRESH 18 /* PLAINTEXT, source: invsrc_call_answer_tokens */
#define INVSRC_WANT_OAUTH_REVOKE 19  /* PLAINTEXT, source: invsrc_call_answer */

/* Begins the answer to an HTTP request. `request` may be freed at once, but its
 * body must stay until the call is freed. Calls no callback.
 * Returns INVSRC_OK, INVSRC_EINVAL (a NULL, or a request without method or
 * target) or INVSRC_ENOMEM. The service must outlive the call. */
INVSRC_API int32_t invsrc_call_new(invsrc_service *service, const invsrc_request *request,
                                   invsrc_call **call);

/* Begins a create for a storefront that the host has authenticated itself, as
 * invsrc_create(). `body` must stay until the call is freed. Returns as
 * invsrc_call_new(); INVSRC_EINVAL also for a storefront of no or more than
 * 255 bytes. */
INVSRC_API int32_t invsrc_call_new_create(invsrc_service *service, const char *storefront,
                                          uint64_t storefront_length, const void *body,
                                          uint64_t length, invsrc_call **call);

/* Begins the other operations likewise; see invsrc_get() and its like. Return as
 * invsrc_call_new_create(). */
INVSRC_API int32_t invsrc_call_new_get(invsrc_service *service, const char *storefront,
                                       uint64_t storefront_length, const char *source_id,
                                       uint64_t source_id_length, invsrc_call **call);
INVSRC_API int32_t invsrc_call_new_list(invsrc_service *service, const char *storefront,
                                        uint64_t storefront_length, uint64_t skip, uint64_t take,
                                        invsrc_call **call);
INVSRC_API int32_t invsrc_call_new_update(invsrc_service *service, const char *storefront,
                                          uint64_t storefront_length, const char *source_id,
                                          uint64_t source_id_length, const void *body,
                                          uint64_t length, invsrc_call **call);
INVSRC_API int32_t invsrc_call_new_remove(invsrc_service *service, const char *storefront,
                                          uint64_t storefront_length, const char *source_id,
                                          uint64_t source_id_length, invsrc_call **call);

/* Begins an authorize and a callback; see invsrc_authorize() and invsrc_callback(). Return
 * as invsrc_call_new_create(). */
INVSRC_API int32_t invsrc_call_new_authorize(invsrc_service *service, const char *storefront,
                                             uint64_t storefront_length, const char *agent_id,
                                             uint64_t agent_id_length, const void *body,
                                             uint64_t length, invsrc_call **call);
INVSRC_API int32_t invsrc_call_new_callback(invsrc_service *service, const char *query,
                                            uint64_t length, invsrc_call **call);

/* Begins the check of one source that the store's `due` has claimed, with what was
 * sealed for it; both are copied. It has no response: when nothing more is wanted,
 * invsrc_call_check_outcome() says what became of it. Returns INVSRC_OK, INVSRC_EINVAL or
 * INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_call_new_check(invsrc_service *service, const invsrc_source *source,
                                         const void *sealed, uint64_t length, invsrc_call **call);
/* As in invsrc_check; 0 while the call is under way, or where it is no check. */
INVSRC_API int32_t invsrc_call_check_outcome(const invsrc_call *call);
INVSRC_API const char *invsrc_call_check_reason(const invsrc_call *call);

/* Wipes and ends the call. */
INVSRC_API void invsrc_call_free(invsrc_call *call);

/* Runs the call until it wants something. Asking again without having answered
 * gives the same want. Never blocks and calls no callback.
 * Returns a want (0 to 19), INVSRC_EINVAL (NULL) or INVSRC_ENOMEM: the call is
 * over without a response and nothing was stored. */
INVSRC_API int32_t invsrc_call_step(invsrc_call *call);

/* Answers the pending want with the service's own callback.
 * Returns INVSRC_OK (whatever the outcome was; a lack of memory for the answer counts
 * as unavailable), INVSRC_EINVAL (NULL) or INVSRC_ESTATE (nothing is wanted, or the
 * service has no such provider: the want stays). */
INVSRC_API int32_t invsrc_call_perform(invsrc_call *call);

/* Answers the pending wants of several calls of one service, each once, as invsrc_call_perform()
 * does one by one; but what they want to insert is given to the store at a time, where it has
 * `insert_all`, and so they share a flush of the disk (with SQLite and PostgreSQL up to 256 one).
 * For a host that has many calls on one thread. Returns INVSRC_OK, or what invsrc_call_perform()
 * returned first that was not: the others were answered all the same. INVSRC_EINVAL: also for a
 * NULL, or calls of several services, and none is answered then. */
INVSRC_API int32_t invsrc_call_perform_all(invsrc_call *const *calls, uint64_t count);

/* ---- What the pending want brings ---------------------------------------- */

#define INVSRC_INPUT_TOKEN 1        /* the bearer token; secret */
#define INVSRC_INPUT_ENDPOINT_URL 2 /* canonical */
#define INVSRC_INPUT_PLAINTEXT 3    /* to seal, to probe with, to refresh and so on; secret */
#define INVSRC_INPUT_SEALED 4       /* what seal gave; absent when there is no credential */
#define INVSRC_INPUT_STOREFRONT 5
#define INVSRC_INPUT_SOURCE_ID 6
#define INVSRC_INPUT_LOG 7
#define INVSRC_INPUT_TOOL 8   /* that the probe should call; absent where none was set */
#define INVSRC_INPUT_VALUE 9  /* of the field by which to find */
#define INVSRC_INPUT_STATE 10 /* these are as in invsrc_consent; secret */
#define INVSRC_INPUT_REDIRECT_URI 11
#define INVSRC_INPUT_CODE 12 /* and these as in invsrc_redirect; secret */
#define INVSRC_INPUT_ISSUER 13
#define INVSRC_INPUT_ERROR 14

/* An input of the pending want, or NULL when it has none of this kind. Valid
 * until the want is answered. `length` may be NULL. */
INVSRC_API const void *invsrc_call_input(const invsrc_call *call, int32_t input, uint64_t *length);
/* A number that the pending want brings, or 0. */
#define INVSRC_NUMBER_SKIP 1
#define INVSRC_NUMBER_TAKE 2
#define INVSRC_NUMBER_REVISION 3
#define INVSRC_NUMBER_PARTS 4
#define INVSRC_NUMBER_LEASE_END 5
#define INVSRC_NUMBER_FIELD 6
#define INVSRC_NUMBER_AGAIN 7
INVSRC_API uint64_t invsrc_call_number(const invsrc_call *call, int32_t number);
/* The source that the pending want is about, or NULL. */
INVSRC_API const invsrc_source *invsrc_call_source(const invsrc_call *call);
/* The event to be kept in the same step, or NULL. */
INVSRC_API const invsrc_event *invsrc_call_event(const invsrc_call *call);
/* What the pending want's sealed bytes are bound to, or NULL. */
INVSRC_API const invsrc_binding *invsrc_call_binding(const invsrc_call *call);
/* How many random bytes are wanted; 0 when none are. */
INVSRC_API uint64_t invsrc_call_random_length(const invsrc_call *call);
/* The level of the line to log; 0 when there is none. */
INVSRC_API int32_t invsrc_call_log_level(const invsrc_call *call);

/* ---- Answers ------------------------------------------------------------- */

/* Each answers the pending want and returns INVSRC_OK, INVSRC_EINVAL (a NULL),
 * INVSRC_ESTATE (that is not what the call wants; nothing changed) or
 * INVSRC_ENOMEM (nothing changed; answer again or free the call). Bytes are
 * copied. An outcome that is not legal counts as INVSRC_OUTCOME_FAILED, and so
 * do bytes that break the rule of provider.h (an empty storefront, say). */

/* LOOKUP, INSERT, DISCARD, OAUTH_REVOKE, LOG (for which the outcome says nothing). */
INVSRC_API int32_t invsrc_call_answer(invsrc_call *call, int32_t outcome);
INVSRC_API int32_t invsrc_call_answer_authenticate(invsrc_call *call, int32_t outcome,
                                                   const char *storefront, uint64_t length);
INVSRC_API int32_t invsrc_call_answer_now(invsrc_call *call, int32_t outcome, int64_t milliseconds);
/* `length` must be invsrc_call_random_length(). */
INVSRC_API int32_t invsrc_call_answer_random(invsrc_call *call, int32_t outcome,
                                             const uint8_t *bytes, uint64_t length);
INVSRC_API int32_t invsrc_call_answer_oauth_start(invsrc_call *call, int32_t outcome,
                                                  const char *authorization_url,
                                                  uint64_t url_length, const void *private_state,
                                                  uint64_t state_length, const char *reason,
                                                  uint64_t reason_length);
/* OAUTH_FINISH and OAUTH_REFRESH: with the credential and when it should be refreshed (0: never),
 * or with the reason. */
INVSRC_API int32_t invsrc_call_answer_tokens(invsrc_call *call, int32_t outcome,
                                             const void *credential, uint64_t length,
                                             int64_t refresh_at, const char *reason,
                                             uint64_t reason_length);
INVSRC_API int32_t invsrc_call_answer_seal(invsrc_call *call, int32_t outcome, const void *sealed,
                                           uint64_t length);
/* GET and FIND: with what is sealed for the source (NULL and 0 for nothing). */
INVSRC_API int32_t invsrc_call_answer_get(invsrc_call *call, int32_t outcome,
                                          const invsrc_source *source, const void *sealed,
                                          uint64_t length);
INVSRC_API int32_t invsrc_call_answer_list(invsrc_call *call, int32_t outcome,
                                           const invsrc_source_list *list, uint64_t total);
/* UPDATE and REMOVE: with the sealed bytes that were replaced or removed. */
INVSRC_API int32_t invsrc_call_answer_sealed(invsrc_call *call, int32_t outcome, const void *sealed,
                                             uint64_t length);
INVSRC_API int32_t invsrc_call_answer_open(invsrc_call *call, int32_t outcome,
                                           const void *plaintext, uint64_t length);
/* With the reason, as invsrc_probe_end(). */
INVSRC_API int32_t invsrc_call_answer_probe(invsrc_call *call, int32_t outcome, const char *reason,
                                            uint64_t length);

/* Hands the response over. Returns INVSRC_OK, INVSRC_EINVAL (a NULL) or
 * INVSRC_ESTATE: the call is not done, or its response has been taken. */
INVSRC_API int32_t invsrc_call_take_response(invsrc_call *call, invsrc_response **response);

#ifdef __cplusplus
}
#endif

#endif
