/*
 * The interfaces that a host implements: one table of functions for each effect
 * that the library has on the world.
 *
 * Rules for every function of a table:
 *
 *  - It returns one of the outcomes that its comment lists. Anything else, 0
 *    among them, counts as INVSRC_OUTCOME_FAILED: failed for good.
 *  - It runs on the thread that called into the library, before that call
 *    returns, and must not unwind through it (no longjmp, no C++ exception).
 *  - Its arguments are borrowed for its duration. Texts are UTF-8 with their
 *    length in bytes, and NUL-terminated as well.
 *  - A service that is used from many threads calls it from many threads.
 *  - It may call the library, but not the call that it is answering.
 *
 * Every table starts with its own size in bytes, `sizeof` as the host compiled
 * it: tables only grow at the end, and what is beyond the size counts as NULL.
 */
#ifndef INVSRC_PROVIDER_H
#define INVSRC_PROVIDER_H

#include <invsrc/invsrc.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Outcomes ----------------------------------------------------------- */

#define INVSRC_OUTCOME_OK 1               /* done, found, registered, known */
#define INVSRC_OUTCOME_UNAVAILABLE 2      /* cannot be reached now; nothing was done (503) */
#define INVSRC_OUTCOME_FAILED 3           /* failed for good; nothing was done (500) */
#define INVSRC_OUTCOME_UNKNOWN 4          /* nobody's key (401); of a server that was not asked */
#define INVSRC_OUTCOME_NOT_REGISTERED 5   /* the endpoint is not registered with AAO (400) */
#define INVSRC_OUTCOME_REFUSED 6          /* the vault, or the seal itself, says no (500) */
#define INVSRC_OUTCOME_CONFLICT 7         /* the storefront has this sourceId already (409) */
#define INVSRC_OUTCOME_DUPLICATE 8        /* the id or agentId exists: try again (503) */
#define INVSRC_OUTCOME_NOT_FOUND 9        /* no such source on this storefront (404) */
#define INVSRC_OUTCOME_NO_OAUTH 10        /* the agent says that it has no OAuth (400) */
#define INVSRC_OUTCOME_NOT_IMPLEMENTED 11 /* this host starts no OAuth, or probes nothing (501) */
#define INVSRC_OUTCOME_PROVEN 12          /* reachable with the credential, and not without it */
#define INVSRC_OUTCOME_UNREACHABLE 13     /* the agent does not answer as one */

/* An `invsrc_buffer` is where a callback puts bytes that it gives back. What was
 * put is copied, and wiped when the library has used it. */

/* Replaces the buffer's contents. Returns INVSRC_OK, INVSRC_EINVAL (`buffer` is
 * NULL, or `bytes` is NULL with a length) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_buffer_set(invsrc_buffer *buffer, const void *bytes, uint64_t length);

/* For hosts that call providers themselves: a buffer, its bytes (NUL-terminated;
 * "" when empty; `length` may be NULL), and its end, which wipes it. */
INVSRC_API invsrc_buffer *invsrc_buffer_new(void);
INVSRC_API const void *invsrc_buffer_bytes(const invsrc_buffer *buffer, uint64_t *length);
INVSRC_API void invsrc_buffer_free(invsrc_buffer *buffer);

/* ---- Authenticate: whose key is this? ----------------------------------- */

struct invsrc_authenticator_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Puts the id of the storefront (1 to 255 bytes) that `token` speaks for.
   * OK: `storefront` was set. UNKNOWN: nobody's key. UNAVAILABLE. FAILED. */
  int32_t (*authenticate)(void *context, const char *token, uint64_t token_length,
                          invsrc_buffer *storefront);
};

/* ---- Lookup: is this endpoint registered with AAO? ----------------------- */

struct invsrc_registry_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* `endpoint_url` is in canonical form (invsrc_uri_canonicalize).
   * OK: registered. NOT_REGISTERED: a fresh no. UNAVAILABLE. FAILED. */
  int32_t (*lookup)(void *context, const char *endpoint_url, uint64_t length);
};

/* ---- Seal: keep a secret ------------------------------------------------- */

#define INVSRC_PURPOSE_CREDENTIAL "credential" /* the agent's credential */
/* The private state of a consent that is under way. */
#define INVSRC_PURPOSE_OAUTH_STATE "oauth-state"
/* A client that was registered: bound to its redirect URI as `storefront` and to its issuer as
 * `id`. */
#define INVSRC_PURPOSE_OAUTH_CLIENT "oauth-client"

/* What sealed bytes are bound to: they open for the same three and no others. */
struct invsrc_binding {
  uint32_t size;
  uint32_t reserved; /* 0 */
  const char *storefront;
  uint64_t storefront_length;
  const char *id; /* of the source, decimal: INVSRC_SOURCE_ID */
  uint64_t id_length;
  const char *purpose; /* one of INVSRC_PURPOSE_… */
  uint64_t purpose_length;
};

struct invsrc_sealer_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Turns a credential into bytes that the store may keep: ciphertext, or the
   * path of an entry in a vault. OK: `sealed` was set, to at least one byte.
   * REFUSED. UNAVAILABLE. FAILED. */
  int32_t (*seal)(void *context, const invsrc_binding *binding, const void *plaintext,
                  uint64_t length, invsrc_buffer *sealed);
  /* The way back. OK: `plaintext` was set. REFUSED: altered, bound to another
   * source, or sealed with a key that is not at hand. UNAVAILABLE. FAILED. */
  int32_t (*open)(void *context, const invsrc_binding *binding, const void *sealed, uint64_t length,
                  invsrc_buffer *plaintext);
  /* Optional: forgets sealed bytes that nothing refers to any more; a vault
   * deletes its entry. OK: gone, also if it was before. UNAVAILABLE. FAILED. */
  int32_t (*discard)(void *context, const invsrc_binding *binding, const void *sealed,
                     uint64_t length);
};

/* ---- Store: keep a source and its sealed credential in one atomic step --- */

/* What an update writes; invsrc_source_field_part() says which field belongs to which part.
 * ID, SOURCE_ID, AGENT_ID and STOREFRONT never change. */
#define INVSRC_PART_RECORD 1 /* what the source is, and the consent under way */
#define INVSRC_PART_CHECK 2  /* what is known of the agent, and when to refresh tokens */
#define INVSRC_PART_SEALED 4 /* what was sealed */

/* A source to be inserted among others, as the arguments of `insert`, and what became of it. */
typedef struct invsrc_insertion {
  uint32_t size;
  int32_t outcome; /* to be set */
  const invsrc_source *source;
  const void *sealed;
  uint64_t length; /* of `sealed` */
  const invsrc_event *event;
} invsrc_insertion;

struct invsrc_store_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Keeps `source`, `sealed` (NULL and 0 when it has none) and `event` (NULL for none),
   * all or nothing, durably before it returns. OK. CONFLICT: the storefront has this
   * sourceId. DUPLICATE: any storefront has this id or agentId. UNAVAILABLE: not now,
   * and not stored. FAILED: not stored; also where an event has this one's id, as in the
   * other two that keep events. */
  int32_t (*insert)(void *context, const invsrc_source *source, const void *sealed, uint64_t length,
                    const invsrc_event *event);
  /* Reads one back: fills `source`, which comes empty, and `sealed`, which stays
   * empty when there is none. OK. NOT_FOUND. UNAVAILABLE. FAILED. */
  int32_t (*get)(void *context, const char *storefront, uint64_t storefront_length,
                 const char *source_id, uint64_t source_id_length, invsrc_source *source,
                 invsrc_buffer *sealed);
  /* Appends at most `take` of the storefront's sources to `list`, which comes empty:
   * in the order in which they were inserted, after the first `skip`; and sets `*total`
   * to how many it has. Needs not append what was sealed. OK, also for none.
   * UNAVAILABLE. FAILED. */
  int32_t (*list)(void *context, const char *storefront, uint64_t storefront_length, uint64_t skip,
                  uint64_t take, invsrc_source_list *list, uint64_t *total);
  /* Where the source with the id of `source` is stored with this `revision`, writes the
   * parts of it (INVSRC_PART_…, or-ed) and keeps `event` (NULL for none), all or nothing,
   * durably. With INVSRC_PART_SEALED `sealed` takes the place of what was sealed (NULL
   * and 0: of nothing), which is put into `replaced`. Without INVSRC_PART_RECORD the
   * revision stays. `lease_end` is 0, or that of the claim under which the update comes: then
   * NEXT_CHECK_AT must still be it, so that whose claim has ended writes nothing. OK. CONFLICT:
   * it has another revision, or another claim. NOT_FOUND. UNAVAILABLE and FAILED: nothing was
   * written. */
  int32_t (*update)(void *context, const invsrc_source *source, uint64_t revision,
                    int64_t lease_end, uint32_t parts, const void *sealed, uint64_t length,
                    const invsrc_event *event, invsrc_buffer *replaced);
  /* Where the source with the id of `source` is stored with this `revision`, removes it, puts
   * what was sealed into `sealed`, and keeps `event` (NULL for none), all or nothing, durably.
   * OK. CONFLICT: it has another revision. NOT_FOUND. UNAVAILABLE. FAILED. */
  int32_t (*remove)(void *context, const invsrc_source *source, uint64_t revision,
                    const invsrc_event *event, invsrc_buffer *sealed);
  /* Claims sources of all storefronts that are due: those with a NEXT_CHECK_AT from 1 to
   * `now`, longest due first, at most `limit`. Sets the NEXT_CHECK_AT of each to
   * `lease_end` and appends it so, with what was sealed, to `list`, which comes empty. No two
   * calls, of whatever process, may claim the same. OK, also for none. UNAVAILABLE and
   * FAILED: nothing was claimed, whatever is in the list. */
  int32_t (*due)(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                 invsrc_source_list *list);
  /* The next two are needed where the service has events only.
   *
   * Claims the event that has been due longest at `now`, of several the one that was kept
   * first: fills `event`, which comes empty, and makes it due again at `lease_end`. An event is
   * due from its TIME on. OK. NOT_FOUND: none is due. UNAVAILABLE. FAILED. */
  int32_t (*event_next)(void *context, int64_t now, int64_t lease_end, invsrc_event *event);
  /* The event with this id was taken (`next_at` is 0): forgets it; or it was not: it is
   * due again at `next_at`, with one more in ATTEMPTS. OK, also where there is no such
   * event. UNAVAILABLE. FAILED. */
  int32_t (*event_end)(void *context, const char *id, uint64_t id_length, int64_t next_at);
  /* Needed where the service has OAuth only: reads back the one source, of whatever storefront,
   * whose text field `field`, INVSRC_SOURCE_AGENT_ID or INVSRC_SOURCE_OAUTH_STATE, is `value`; as
   * `get`. No two sources have one OAUTH_STATE: to insert a second is DUPLICATE, and to update
   * one to it FAILED. OK. NOT_FOUND. UNAVAILABLE. FAILED: also for any other field. */
  int32_t (*find)(void *context, int32_t field, const char *value, uint64_t length,
                  invsrc_source *source, invsrc_buffer *sealed);
  /* Optional: inserts several at a time, for little more than one costs (a flush of the disk
   * for all); see invsrc_call_perform_all(). Each as `insert` does, with its outcome, which is
   * set in it; what fails, fails alone. Of several with one name, id or agentId the first has
   * it. */
  void (*insert_all)(void *context, invsrc_insertion *const *insertions, uint64_t count);
};

/* ---- Probe: does the agent answer with this credential? ------------------- */

/* Probes to be carried out, and one of them. */
typedef struct invsrc_probes invsrc_probes;
typedef struct invsrc_probe invsrc_probe;

struct invsrc_prober_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Takes probes by invsrc_probes_next() and ends each by invsrc_probe_end(), in any
   * order, as many at a time as it can. It may ask for more until it returns, and must
   * have ended all that it took by then. OK. NOT_IMPLEMENTED. UNAVAILABLE. FAILED. Those that
   * it leaves are not checked. */
  int32_t (*probe)(void *context, invsrc_probes *probes);
};

/* The next probe, or NULL when there is none now: there may be when another has ended, or
 * after a while where the prober is still busy. Only within `probe`, on its thread. */
INVSRC_API invsrc_probe *invsrc_probes_next(invsrc_probes *probes);
/* The source whose agent is to be asked; its credential, which is the JSON text of `auth`
 * as it was accepted (invsrc_api(7)), or NULL when it has none; secret, and to be sent to
 * nobody but that agent and its token endpoint; and the tool that the probe should call,
 * or NULL. They last until the probe is ended. */
INVSRC_API const invsrc_source *invsrc_probe_source(const invsrc_probe *probe);
INVSRC_API const void *invsrc_probe_credential(const invsrc_probe *probe, uint64_t *length);
INVSRC_API const char *invsrc_probe_tool(const invsrc_probe *probe);
/* The prober needs the credential no more: it is wiped, before the probe is ended. */
INVSRC_API void invsrc_probe_forget(invsrc_probe *probe);
/* 1: not the agent is to be asked, but the OAuth tokens of the credential are to be refreshed: it
 * is ended by the next function, or by invsrc_probe_end(). REFUSED is then for good: the operator
 * has to consent again; UNREACHABLE is of the authorization server. A source that was refreshed
 * may come again, to have its agent asked. */
INVSRC_API int32_t invsrc_probe_is_refresh(const invsrc_probe *probe);
/* Ends a refresh, as OK, with the credential that takes the place of the old one and has been
 * copied when it returns, and the time at which it should be refreshed (0: never). */
INVSRC_API void invsrc_probe_end_refreshed(invsrc_probe *probe, const void *credential,
                                           uint64_t length, int64_t refresh_at);
/* Ends a probe, which is gone then. OK: the agent answered with the credential. PROVEN: and
 * refused who has none. REFUSED: it refused the credential. UNREACHABLE: it did not answer,
 * or not as an agent. UNAVAILABLE: the prober could not ask. FAILED. `reason` says, with all
 * but the first two, what a person can do about it, in at most 255 bytes of UTF-8 without
 * control characters and without anything that the agent sent; it may be NULL. */
INVSRC_API void invsrc_probe_end(invsrc_probe *probe, int32_t outcome, const char *reason);

/* ---- Events: who hears of a change? ---------------------------------------- */

struct invsrc_events_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Takes an event, which was kept when the change was. OK: it is not brought again.
   * UNAVAILABLE and FAILED: it is, later. */
  int32_t (*deliver)(void *context, const invsrc_event *event);
};

/* ---- OAuth: where does the operator give consent? ------------------------ */

/* A consent that is to be asked for. */
typedef struct invsrc_consent {
  uint32_t size;
  uint32_t is_again; /* 1: nobody came back in time from an earlier URL of the source */
  const char *state; /* to be sent as `state`; secret */
  uint64_t state_length;
  const char *redirect_uri; /* that the caller asks for, or NULL */
  uint64_t redirect_uri_length;
} invsrc_consent;

/* What the operator's browser came back with (RFC 6749 §4.1.2, RFC 9207), without the escapes
 * of the query; NULL: absent. */
typedef struct invsrc_redirect {
  uint32_t size;
  uint32_t reserved; /* 0 */
  const char *code;  /* secret */
  uint64_t code_length;
  const char *issuer; /* `iss` */
  uint64_t issuer_length;
  const char *error;
  uint64_t error_length;
} invsrc_redirect;

/* With all outcomes but OK `reason` may be set, as that of invsrc_probe_end(). */
struct invsrc_oauth_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Starts the flow for a source that is about to be stored: puts the URL to open (1 to 8192
   * bytes), and the private state (PKCE verifier and the like, 1 to 32768 bytes) that the finish
   * will need; both are sealed and stored with the source. OK: both were set. NO_OAUTH: the agent
   * has none, or none that may be used. REFUSED: the redirect URI is none of the host's.
   * UNAVAILABLE. NOT_IMPLEMENTED. FAILED. */
  int32_t (*start)(void *context, const invsrc_source *source, const invsrc_consent *consent,
                   invsrc_buffer *authorization_url, invsrc_buffer *private_state,
                   invsrc_buffer *reason);
  /* Exchanges the code for tokens. It is called once for a start, at most. OK: the credential,
   * which is sealed and stored, was set, and `*refresh_at` to when it should be refreshed
   * (milliseconds; 0: never). REFUSED: the operator or the server said no. UNKNOWN: the redirect
   * is not of the server that was asked. UNAVAILABLE. FAILED. */
  int32_t (*finish)(void *context, const invsrc_source *source, const void *private_state,
                    uint64_t length, const invsrc_redirect *redirect, invsrc_buffer *credential,
                    int64_t *refresh_at, invsrc_buffer *reason);
  /* Optional: makes tokens void that are not stored any more. OK. NOT_IMPLEMENTED: the server
   * has no way to. UNAVAILABLE. FAILED. */
  int32_t (*revoke)(void *context, const invsrc_source *source, const void *credential,
                    uint64_t length, invsrc_buffer *reason);
};

/* ---- The world: clock, entropy and an ear -------------------------------- */

#define INVSRC_LOG_DEBUG 1
#define INVSRC_LOG_INFO 2
#define INVSRC_LOG_WARNING 3
#define INVSRC_LOG_ERROR 4

/* Each function is optional and has the default that
 * invsrc_options_set_world() names. */
struct invsrc_world_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Milliseconds since 1970-01-01T00:00:00Z, from 0 to 253402300799999 (the end
   * of year 9999). OK. UNAVAILABLE. FAILED. */
  int32_t (*now)(void *context, int64_t *milliseconds);
  /* Fills `bytes` with entropy fit for keys. OK. UNAVAILABLE. FAILED. */
  int32_t (*random)(void *context, uint8_t *bytes, uint64_t length);
  /* Hears what an operator should know: a callback that failed, a sealed
   * credential that could not be discarded. One line without a line end, never
   * with a secret. */
  void (*log)(void *context, int32_t level, const char *message, uint64_t length);
};

#ifdef __cplusplus
}
#endif

#endif
