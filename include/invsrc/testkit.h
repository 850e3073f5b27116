/*
 * libinvsrc-testkit: doubles for a host's own unit tests, so that they are
 * deterministic: a clock that stands still, seeded random bytes, a scripted
 * authenticator and registry, and wrappers that make any provider fail on cue; and the
 * checks that every store must pass, to hold a host's own store to.
 *
 *     kit = invsrc_testkit_new();
 *     invsrc_testkit_add_key(kit, "key", "storefront");
 *     invsrc_testkit_register(kit, "https://agent.example/mcp");
 *     invsrc_testkit_use_store(kit, my_store_vtable, my_store);
 *     invsrc_testkit_fail(kit, INVSRC_EFFECT_INSERT, 3, INVSRC_OUTCOME_UNAVAILABLE);
 *     invsrc_testkit_install(kit, options);
 *
 * A kit belongs to one thread at a time. It must outlive the services that use it.
 */
#ifndef INVSRC_TESTKIT_H
#define INVSRC_TESTKIT_H

#include <invsrc/invsrc.h>
#include <invsrc/provider.h>
#include <invsrc/providers.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct invsrc_testkit invsrc_testkit;

/* The effects that a kit counts and can make fail. */
#define INVSRC_EFFECT_AUTHENTICATE 1
#define INVSRC_EFFECT_NOW 2
#define INVSRC_EFFECT_RANDOM 3
#define INVSRC_EFFECT_LOOKUP 4
#define INVSRC_EFFECT_OAUTH_START 5
#define INVSRC_EFFECT_SEAL 6
#define INVSRC_EFFECT_INSERT 7
#define INVSRC_EFFECT_DISCARD 8
#define INVSRC_EFFECT_GET 9
#define INVSRC_EFFECT_OPEN 10
#define INVSRC_EFFECT_LIST 11
#define INVSRC_EFFECT_UPDATE 12
#define INVSRC_EFFECT_REMOVE 13
#define INVSRC_EFFECT_DUE 14
#define INVSRC_EFFECT_PROBE 15 /* each probe; with a prober to wrap, each call of it */
#define INVSRC_EFFECT_EVENT_NEXT 16
#define INVSRC_EFFECT_EVENT_END 17
#define INVSRC_EFFECT_DELIVER 18
#define INVSRC_EFFECT_FIND 19
#define INVSRC_EFFECT_OAUTH_FINISH 20
#define INVSRC_EFFECT_OAUTH_REVOKE 21
/* each refresh, which gives the same credential for another hour; none where there is a prober
 * to wrap */
#define INVSRC_EFFECT_OAUTH_REFRESH 22
#define INVSRC_EFFECT_END 23 /* one past the last */

/* A kit with nothing scripted: time 2026-01-01T00:00:00Z, seed 1, nobody's keys,
 * nothing registered. NULL when memory ran out. */
INVSRC_API invsrc_testkit *invsrc_testkit_new(void);
INVSRC_API void invsrc_testkit_free(invsrc_testkit *kit);

/* Sets the kit's world, authenticator, registry, prober and events in the options, and
 * each of sealer, store and OAuth that it was given to use; but no events where it was given
 * a store that keeps none. Returns INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_testkit_install(invsrc_testkit *kit, invsrc_options *options);

/* The providers to wrap, set before invsrc_testkit_install(); NULL for the table takes
 * one away. Given a registry or an authenticator, the kit asks it in place of its own
 * script. Return INVSRC_OK, or INVSRC_EINVAL: `kit` is NULL, or the options would
 * refuse the table; then what was set before stays. */
INVSRC_API int32_t invsrc_testkit_use_authenticator(invsrc_testkit *kit,
                                                    const invsrc_authenticator_vtable *vtable,
                                                    void *context);
INVSRC_API int32_t invsrc_testkit_use_registry(invsrc_testkit *kit,
                                               const invsrc_registry_vtable *vtable, void *context);
INVSRC_API int32_t invsrc_testkit_use_sealer(invsrc_testkit *kit,
                                             const invsrc_sealer_vtable *vtable, void *context);
INVSRC_API int32_t invsrc_testkit_use_store(invsrc_testkit *kit, const invsrc_store_vtable *vtable,
                                            void *context);
INVSRC_API int32_t invsrc_testkit_use_oauth(invsrc_testkit *kit, const invsrc_oauth_vtable *vtable,
                                            void *context);

/* A kit that was given no prober follows its own script, and one that was given no events
 * takes each event. */
INVSRC_API int32_t invsrc_testkit_use_prober(invsrc_testkit *kit,
                                             const invsrc_prober_vtable *vtable, void *context);
INVSRC_API int32_t invsrc_testkit_use_events(invsrc_testkit *kit,
                                             const invsrc_events_vtable *vtable, void *context);

/* The clock stands at `milliseconds` since 1970-01-01T00:00:00Z. Returns INVSRC_OK or
 * INVSRC_EINVAL: `kit` is NULL. */
INVSRC_API int32_t invsrc_testkit_set_time(invsrc_testkit *kit, int64_t milliseconds);
/* Starts the sequence of random bytes again, from a seed. Returns INVSRC_OK or
 * INVSRC_EINVAL: `kit` is NULL. */
INVSRC_API int32_t invsrc_testkit_set_seed(invsrc_testkit *kit, uint64_t seed);
/* `key` speaks for `storefront`; both NUL-terminated. Returns INVSRC_OK,
 * INVSRC_EINVAL or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_testkit_add_key(invsrc_testkit *kit, const char *key,
                                          const char *storefront);
/* The endpoint is registered; kept in canonical form. Returns INVSRC_OK,
 * INVSRC_EINVAL, INVSRC_EMALFORMED or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_testkit_register(invsrc_testkit *kit, const char *endpoint_url);

/* What probes of an agent come to, by its endpointUrl in canonical form; an agent that
 * was not scripted answers OK. `credential` is the auth that it takes, as JSON text, and any
 * other is REFUSED; NULL for any. `outcome` and `reason` (may be NULL) are what it answers to
 * what it takes. Replaces what was scripted for the agent before. Returns INVSRC_OK, INVSRC_EINVAL,
 * INVSRC_EMALFORMED or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_testkit_script_agent(invsrc_testkit *kit, const char *endpoint_url,
                                               const char *credential, int32_t outcome,
                                               const char *reason);

/* The `nth` call from now (1: the next) of an effect does nothing and returns
 * `outcome`, which need not be a legal one; 0 for every call from now on. Replaces
 * what was scripted for the effect before. Returns INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_testkit_fail(invsrc_testkit *kit, int32_t effect, uint64_t nth,
                                       int32_t outcome);
/* Lets every effect work again, and counts from 0. Returns INVSRC_OK or INVSRC_EINVAL:
 * `kit` is NULL. */
INVSRC_API int32_t invsrc_testkit_reset(invsrc_testkit *kit);
/* How often an effect was called since the start or the last reset; 0 for an unknown one. */
INVSRC_API uint64_t invsrc_testkit_calls(const invsrc_testkit *kit, int32_t effect);
/* The last event that was taken, or NULL; it lasts until the next one. */
INVSRC_API const invsrc_event *invsrc_testkit_last_event(const invsrc_testkit *kit);
/* The last line that was logged, or "". */
INVSRC_API const char *invsrc_testkit_last_log(const invsrc_testkit *kit);

/* ---- Conformance: does a store keep what its table promises? --------------- */

/* What a check came to. */
#define INVSRC_CONFORMANCE_PASSED 1
#define INVSRC_CONFORMANCE_FAILED 2
#define INVSRC_CONFORMANCE_SKIPPED 3 /* the store has no such thing, or it was not described */

typedef struct invsrc_conformance_check {
  uint32_t size;
  int32_t result;   /* INVSRC_CONFORMANCE_… */
  const char *name; /* a C identifier; it keeps its meaning from release to release */
  /* What failed first: where in the suite, what was seen and what was expected; or why it was
   * skipped. One line of ASCII; "" where it passed. */
  const char *message;
} invsrc_conformance_check;

/* Many threads may use one context at once: the suite then starts some, and joins them. */
#define INVSRC_CONFORMANCE_THREADS 1

/* How the suite gets a store to try. Its functions run on the thread that called the suite. */
typedef struct invsrc_conformance {
  uint32_t size;
  uint32_t traits; /* INVSRC_CONFORMANCE_THREADS or 0 */
  /* Makes a store with nothing in it, for one check, and sets `*context` to what its functions
   * are called with (may be NULL). INVSRC_OK, or a negative code: the check fails. */
  int32_t (*open)(void *host, void **context);
  /* Ends a context, and what was stored if it likes. */
  void (*close)(void *host, void *context);
  /* Optional: ends a context, as the end of a process would, and sets `*reopened` to another of
   * the same store, with all that it kept. INVSRC_OK, or a negative code: the check fails, and
   * nothing is left to be closed. */
  int32_t (*reopen)(void *host, void *context, void **reopened);
  /* Optional: hears of each check when it has ended; `check` lasts until this returns. */
  void (*hear)(void *host, const invsrc_conformance_check *check);
  void *host;       /* what the functions get */
  const char *only; /* runs the checks with this in their name; NULL: all of them */
  uint64_t many;    /* how many sources are many, at most 1000000; 0: 600 */
} invsrc_conformance;

/* Holds a store to its table, or whatever keeps clients of authorization servers to its own:
 * check by check, each with a store of its own. What a table has no functions for is skipped,
 * and a store without event functions is given no event. A check that fails leaves the others
 * to run; nothing that a store returns makes the suite crash or run on. Returns how many checks
 * failed, from 0; INVSRC_EINVAL (a NULL, a table or a description without what it needs, an
 * unknown trait, or `many` above its limit); INVSRC_ENOTFOUND (no check is named like `only`);
 * INVSRC_ENOMEM (memory ran out in the suite, or there was none for a thread; what is open was
 * closed). Several threads may call it at once, each with stores of its own. */
INVSRC_API int32_t invsrc_store_conformance(const invsrc_store_vtable *store,
                                            const invsrc_conformance *description);
INVSRC_API int32_t invsrc_clients_conformance(const invsrc_clients_vtable *clients,
                                              const invsrc_conformance *description);
/* The name of a check, by its index from 0; NULL from the end on. Static; any thread. No name is
 * part of another one of the same suite. */
INVSRC_API const char *invsrc_store_conformance_name(uint64_t index);
INVSRC_API const char *invsrc_clients_conformance_name(uint64_t index);

#ifdef __cplusplus
}
#endif

#endif
