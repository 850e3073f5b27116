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
#define INVSRC_OUTCOME_UNKNOWN 4          /* nobody's key (401) */
#define INVSRC_OUTCOME_NOT_REGISTERED 5   /* the endpoint is not registered with AAO (400) */
#define INVSRC_OUTCOME_REFUSED 6          /* the vault, or the seal itself, says no (500) */
#define INVSRC_OUTCOME_CONFLICT 7         /* the storefront has this sourceId already (409) */
#define INVSRC_OUTCOME_DUPLICATE 8        /* the id or agentId exists: try again (503) */
#define INVSRC_OUTCOME_NOT_FOUND 9        /* no such source on this storefront (404) */
#define INVSRC_OUTCOME_NO_OAUTH 10        /* the agent says that it has no OAuth (400) */
#define INVSRC_OUTCOME_NOT_IMPLEMENTED 11 /* this host starts no OAuth (501) */

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
#define INVSRC_PURPOSE_OAUTH_STATE                              \
  "oauth-state" /* private state of a consent that is under way \
                 */

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

struct invsrc_store_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Keeps `source` and `sealed` (NULL and 0 when it has none), both or neither,
   * durably before it returns. OK. CONFLICT: the storefront has this sourceId.
   * DUPLICATE: any storefront has this id or agentId. UNAVAILABLE: not now, and
   * not stored. FAILED: not stored. */
  int32_t (*insert)(void *context, const invsrc_source *source, const void *sealed,
                    uint64_t length);
  /* Reads one back: fills `source`, which comes empty, and `sealed`, which stays
   * empty when there is none. OK. NOT_FOUND. UNAVAILABLE. FAILED. */
  int32_t (*get)(void *context, const char *storefront, uint64_t storefront_length,
                 const char *source_id, uint64_t source_id_length, invsrc_source *source,
                 invsrc_buffer *sealed);
};

/* ---- OAuth: where does the operator give consent? ------------------------ */

struct invsrc_oauth_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Starts the flow for a source that is about to be stored: puts the URL to
   * open (1 to 8192 bytes), and the private state (PKCE verifier, state) that
   * the finish will need; it is sealed and stored with the source. OK: both were
   * set. NO_OAUTH. UNAVAILABLE. NOT_IMPLEMENTED. FAILED. */
  int32_t (*start)(void *context, const invsrc_source *source, invsrc_buffer *authorization_url,
                   invsrc_buffer *private_state);
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
