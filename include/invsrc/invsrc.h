/*
 * libinvsrc: accept, keep and activate inventory sources, the AI agents that a
 * storefront sells its inventory through.
 *
 * This is the umbrella header: result codes, the service and its options, the
 * HTTP-shaped entry points, what they answer, the source record and the pure
 * helpers. It pulls in provider.h (what a host implements) and call.h (the
 * stepwise API).
 *
 * Rules that hold for every function here:
 *
 *  - Memory. Inputs are borrowed for the call only, unless a function says
 *    otherwise. What a function gives out through `T **out` belongs to the
 *    caller, who ends it with the matching `_free`; every `_free` takes NULL.
 *    A pointer from a getter lives as long as the object that it came from, or until
 *    what it gave is set again.
 *  - Strings at the border are UTF-8, given as pointer and length in bytes.
 *    What a getter returns is NUL-terminated as well.
 *  - Threads. A service may be used from many threads at once when its
 *    callbacks may. Every other object belongs to one thread at a time.
 *  - Errors. Functions return INVSRC_OK or one of the negative codes below. An
 *    HTTP answer, also a 4xx or a 5xx, is a result, not an error. An
 *    `invsrc_error *` argument may be NULL; it is filled only on failure.
 *  - No process-wide state: there is nothing to initialise or tear down.
 */
#ifndef INVSRC_INVSRC_H
#define INVSRC_INVSRC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the shared libraries export; everything else is hidden. */
#if defined(__GNUC__)
#define INVSRC_API __attribute__((visibility("default")))
#else
#define INVSRC_API
#endif

#define INVSRC_VERSION "0.1.0"

/* The version of the library that is running, which may be newer than
 * INVSRC_VERSION of the headers. A static string. Any thread. */
INVSRC_API const char *invsrc_version(void);

/* ---- Result codes ------------------------------------------------------- */

#define INVSRC_OK 0

/* The caller's mistake: -1 to -99. */
#define INVSRC_EINVAL (-1)     /* an argument is NULL, out of range or of an unknown kind */
#define INVSRC_ESTATE (-2)     /* not now: a want that is not pending, a provider that is not set */
#define INVSRC_EMALFORMED (-3) /* the text is not what the function reads; the error says why */
#define INVSRC_ERANGE (-4)     /* the caller's buffer is too small */

/* The world, or a host callback: -100 to -199. */
#define INVSRC_EUNAVAILABLE                                                                   \
  (-100)                        /* cannot be reached or is busy; the same call may work later \
                                 */
#define INVSRC_EREFUSED (-101)  /* refused for good: a foreign file, a wrong key */
#define INVSRC_ENOTFOUND (-102) /* what was named is not there */
#define INVSRC_EIO (-103)       /* reading or writing failed */

/* Resources: -200 to -299. */
#define INVSRC_ENOMEM (-200)  /* memory ran out; nothing was stored */
#define INVSRC_ECRYPTO (-201) /* libcrypto failed where it never should */

/* A short English sentence for a result code, also for an unknown one. A
 * static string. Any thread. */
INVSRC_API const char *invsrc_strerror(int32_t code);

/* ---- Error details ------------------------------------------------------ */

/* What a failed function has to say beyond its code. Owned by the caller,
 * reused at will; never holds a secret. */
typedef struct invsrc_error invsrc_error;

#define INVSRC_NO_OFFSET UINT64_MAX

/* An empty error, or NULL when memory ran out. */
INVSRC_API invsrc_error *invsrc_error_new(void);
INVSRC_API void invsrc_error_free(invsrc_error *error);

/* The code of the failure last reported into `error`; INVSRC_OK when none. */
INVSRC_API int32_t invsrc_error_code(const invsrc_error *error);

/* What went wrong and what would be right; "" when nothing was reported. */
INVSRC_API const char *invsrc_error_message(const invsrc_error *error);

/* The byte of the input at which it went wrong, from 0, or INVSRC_NO_OFFSET. */
INVSRC_API uint64_t invsrc_error_offset(const invsrc_error *error);

/* ---- Objects ------------------------------------------------------------ */

typedef struct invsrc_service invsrc_service;
typedef struct invsrc_options invsrc_options;
typedef struct invsrc_request invsrc_request;
typedef struct invsrc_response invsrc_response;
typedef struct invsrc_source invsrc_source;
typedef struct invsrc_source_list invsrc_source_list;
typedef struct invsrc_event invsrc_event;

/* Bytes that a callback gives back, what sealed bytes are bound to, and the
 * interfaces that a host implements; see provider.h. */
typedef struct invsrc_buffer invsrc_buffer;
typedef struct invsrc_binding invsrc_binding;
typedef struct invsrc_authenticator_vtable invsrc_authenticator_vtable;
typedef struct invsrc_registry_vtable invsrc_registry_vtable;
typedef struct invsrc_sealer_vtable invsrc_sealer_vtable;
typedef struct invsrc_store_vtable invsrc_store_vtable;
typedef struct invsrc_oauth_vtable invsrc_oauth_vtable;
typedef struct invsrc_prober_vtable invsrc_prober_vtable;
typedef struct invsrc_events_vtable invsrc_events_vtable;
typedef struct invsrc_world_vtable invsrc_world_vtable;

/* ---- Options ------------------------------------------------------------ */

/* Every option at its default, or NULL when memory ran out. */
INVSRC_API invsrc_options *invsrc_options_new(void);
INVSRC_API void invsrc_options_free(invsrc_options *options);

/* Each provider is a table of functions and the context that they are called
 * with. The table is copied; the context must outlive every service made from
 * these options. Setting one again replaces it; NULL for the table unsets it.
 * Returns INVSRC_OK, or INVSRC_EINVAL: `options` is NULL, or the table's size
 * is too small for its first function or a function that must be there is not;
 * then what was set before stays. */
INVSRC_API int32_t invsrc_options_set_authenticator(invsrc_options *options,
                                                    const invsrc_authenticator_vtable *vtable,
                                                    void *context);
INVSRC_API int32_t invsrc_options_set_registry(invsrc_options *options,
                                               const invsrc_registry_vtable *vtable, void *context);
INVSRC_API int32_t invsrc_options_set_sealer(invsrc_options *options,
                                             const invsrc_sealer_vtable *vtable, void *context);
INVSRC_API int32_t invsrc_options_set_store(invsrc_options *options,
                                            const invsrc_store_vtable *vtable, void *context);
/* Optional: without it an OAUTH create is answered with 501 NOT_IMPLEMENTED. With it the store
 * must have `find`. */
INVSRC_API int32_t invsrc_options_set_oauth(invsrc_options *options,
                                            const invsrc_oauth_vtable *vtable, void *context);
/* Optional: without it no source is activated by itself, and an update to ACTIVE
 * is answered with 501 NOT_IMPLEMENTED. */
INVSRC_API int32_t invsrc_options_set_prober(invsrc_options *options,
                                             const invsrc_prober_vtable *vtable, void *context);
/* Optional: without it no events are kept. With it each change of a source puts
 * one into the store, in the same step, until invsrc_deliver_due() has brought it
 * here. */
INVSRC_API int32_t invsrc_options_set_events(invsrc_options *options,
                                             const invsrc_events_vtable *vtable, void *context);
/* Optional: clock, entropy and log. Default: the system's clock, libcrypto's
 * random generator, no log. */
INVSRC_API int32_t invsrc_options_set_world(invsrc_options *options,
                                            const invsrc_world_vtable *vtable, void *context);

/* Switches, 0 or 1, all 0 by default. Return INVSRC_OK, or INVSRC_EINVAL:
 * `options` is NULL or `on` is neither. */

/* Wrap successes in {"data": …, "error": null} (see invsrc_api(7)). */
INVSRC_API int32_t invsrc_options_set_envelope(invsrc_options *options, int32_t on);
/* Accept http endpoint URLs; for tests and closed networks. */
INVSRC_API int32_t invsrc_options_set_allow_http(invsrc_options *options, int32_t on);
/* Accept endpoint URLs on private, loopback and other special-purpose
 * addresses; for tests and closed networks. */
INVSRC_API int32_t invsrc_options_set_allow_private(invsrc_options *options, int32_t on);

#define INVSRC_MAX_BODY_DEFAULT 65536
#define INVSRC_MAX_BODY_LIMIT 67108864

/* The largest request body in bytes; a larger one is answered with 413.
 * Default INVSRC_MAX_BODY_DEFAULT. Returns INVSRC_OK, or INVSRC_EINVAL:
 * `options` is NULL, or `bytes` is 0 or above INVSRC_MAX_BODY_LIMIT. */
INVSRC_API int32_t invsrc_options_set_max_body(invsrc_options *options, uint64_t bytes);

#define INVSRC_LEASE_DEFAULT 120
#define INVSRC_LEASE_LIMIT 3600

/* How long, in seconds, what invsrc_activate_due() and invsrc_deliver_due() have
 * claimed is nobody else's. It must be longer than a probe can take. Default
 * INVSRC_LEASE_DEFAULT. Returns INVSRC_OK, or INVSRC_EINVAL: `options` is NULL, or
 * `seconds` is 0 or above INVSRC_LEASE_LIMIT. */
INVSRC_API int32_t invsrc_options_set_lease(invsrc_options *options, uint32_t seconds);

/* Where the operator's browser goes when a consent is over, an http or https URL without
 * fragment: with `status` (connected, refused, expired or failed) and, where it is known, the
 * source's `sourceId` added to its query. NULL (the default): it is shown a page. Copied.
 * Returns INVSRC_OK, or INVSRC_EINVAL: `options` is NULL, or it is no such URL of at most
 * INVSRC_DONE_URL_LONGEST bytes; or INVSRC_ENOMEM. */
#define INVSRC_DONE_URL_LONGEST 2048
INVSRC_API int32_t invsrc_options_set_oauth_done_url(invsrc_options *options, const char *url);

#define INVSRC_RECHECK_LIMIT 2592000

/* How often, in seconds, an ACTIVE source is probed again; 0 (the default): only
 * after its endpoint, protocol or credential has changed. It stays ACTIVE whatever
 * comes of it: the check and the events say what did. Returns INVSRC_OK, or
 * INVSRC_EINVAL: `options` is NULL, or `seconds` is above INVSRC_RECHECK_LIMIT. */
INVSRC_API int32_t invsrc_options_set_recheck(invsrc_options *options, uint32_t seconds);

/* A tool that only reads, for probes of MCP agents to call with no arguments; NULL
 * (the default) for none. Copied. Returns INVSRC_OK, or INVSRC_EINVAL (`options` is
 * NULL, or the name has not 1 to 128 characters of A-Z a-z 0-9 _ - . /). */
INVSRC_API int32_t invsrc_options_set_probe_tool(invsrc_options *options, const char *name);

/* ---- The service -------------------------------------------------------- */

/* Makes a service from a copy of `options`, which may be freed at once. A
 * service never changes, so it may be shared by any number of threads.
 * Returns INVSRC_OK, INVSRC_EINVAL (`options` or `service` is NULL) or
 * INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_service_new(const invsrc_options *options, invsrc_service **service,
                                      invsrc_error *error);

/* Ends a service. No call of it may be under way. */
INVSRC_API void invsrc_service_free(invsrc_service *service);

/* ---- Requests ----------------------------------------------------------- */

/* An HTTP request as the host's server received it. Method, target and headers
 * are copied; the body is borrowed. The copies are wiped by `_free`. */
INVSRC_API invsrc_request *invsrc_request_new(void);
INVSRC_API void invsrc_request_free(invsrc_request *request);

/* Return INVSRC_OK, INVSRC_EINVAL (a NULL, or a length above 64 KiB) or
 * INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_request_set_method(invsrc_request *request, const char *method,
                                             uint64_t length);
/* The request target in origin form: path, and query if any (RFC 9112 §3.2.1). */
INVSRC_API int32_t invsrc_request_set_target(invsrc_request *request, const char *target,
                                             uint64_t length);
/* Adds a field line. Only Authorization, Content-Type and Content-Encoding are
 * looked at; a host may hand over all of them. */
INVSRC_API int32_t invsrc_request_add_header(invsrc_request *request, const char *name,
                                             uint64_t name_length, const char *value,
                                             uint64_t value_length);
/* The body is borrowed: it must stay as it is until every call made from this
 * request has ended. Where `length` is above the limit of the service (413),
 * the bytes are not read, so a host that gave up reading may pass NULL and the
 * length that it knows of. The library does not wipe the caller's bytes.
 * Returns INVSRC_OK or INVSRC_EINVAL (`request` is NULL). */
INVSRC_API int32_t invsrc_request_set_body(invsrc_request *request, const void *body,
                                           uint64_t length);

/* Answers one HTTP request, calling the service's callbacks on this thread
 * (see invsrc_api(7)). `*response` is the answer whatever its status.
 * Returns INVSRC_OK; INVSRC_EINVAL (a NULL, or a request without method or
 * target); INVSRC_ESTATE (the operation needs a provider that is not set);
 * INVSRC_ENOMEM (nothing was stored). On failure `*response` is NULL. */
INVSRC_API int32_t invsrc_handle(invsrc_service *service, const invsrc_request *request,
                                 invsrc_response **response, invsrc_error *error);

/* Creates a source for a storefront that the host has authenticated itself:
 * the same as `POST /inventory-sources` from the body on. Returns as
 * invsrc_handle(). The storefront's id has 1 to 255 bytes. */
INVSRC_API int32_t invsrc_create(invsrc_service *service, const char *storefront,
                                 uint64_t storefront_length, const void *body, uint64_t length,
                                 invsrc_response **response, invsrc_error *error);

/* The other operations, likewise for a storefront that the host has authenticated
 * itself. Return as invsrc_create(); INVSRC_EINVAL also for a NULL source id or an
 * empty one. An update that loses a race is answered with 409, and so is a removal that
 * loses eight in a row. */
INVSRC_API int32_t invsrc_get(invsrc_service *service, const char *storefront,
                              uint64_t storefront_length, const char *source_id,
                              uint64_t source_id_length, invsrc_response **response,
                              invsrc_error *error);
/* Oldest first: passes over `skip` of them and gives at most `take`, 1 to
 * INVSRC_TAKE_LIMIT. */
INVSRC_API int32_t invsrc_list(invsrc_service *service, const char *storefront,
                               uint64_t storefront_length, uint64_t skip, uint64_t take,
                               invsrc_response **response, invsrc_error *error);
INVSRC_API int32_t invsrc_update(invsrc_service *service, const char *storefront,
                                 uint64_t storefront_length, const char *source_id,
                                 uint64_t source_id_length, const void *body, uint64_t length,
                                 invsrc_response **response, invsrc_error *error);
INVSRC_API int32_t invsrc_remove(invsrc_service *service, const char *storefront,
                                 uint64_t storefront_length, const char *source_id,
                                 uint64_t source_id_length, invsrc_response **response,
                                 invsrc_error *error);

/* Starts the consent to an OAUTH source anew, by its agentId, as `POST
 * /agents/{agentId}/oauth/authorize` from the body on, which may be empty. What is stored for the
 * source stays in use until the consent is given. Returns as invsrc_create(). */
INVSRC_API int32_t invsrc_authorize(invsrc_service *service, const char *storefront,
                                    uint64_t storefront_length, const char *agent_id,
                                    uint64_t agent_id_length, const void *body, uint64_t length,
                                    invsrc_response **response, invsrc_error *error);
/* Ends a consent, as `GET /oauth/callback`, for a host whose own page the browser came back to:
 * `query` is what stood behind the "?". The response is a page, or a redirect to one. Returns as
 * invsrc_handle(). */
INVSRC_API int32_t invsrc_callback(invsrc_service *service, const char *query, uint64_t length,
                                   invsrc_response **response, invsrc_error *error);

#define INVSRC_TAKE_DEFAULT 50
#define INVSRC_TAKE_LIMIT 200
#define INVSRC_SKIP_LIMIT INT64_C(9007199254740991)

/* ---- Activation and events ------------------------------------------------ */

#define INVSRC_TIME_LIMIT INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* What became of one source that was due. */
typedef struct invsrc_check {
  uint32_t size;
  /* OK: reachable with the credential; PROVEN: and not without it; REFUSED: the
   * credential is, or its OAuth tokens are not refreshed any more; UNREACHABLE, also of who
   * refreshes them; UNAVAILABLE and FAILED: it could not be checked, or
   * the result not be stored; CONFLICT: the source has changed meanwhile, so the
   * result is nobody's. */
  int32_t outcome;
  const invsrc_source *source; /* as it is stored now; where nothing could be stored, as it was
                                * claimed */
  const char *reason;          /* what a person can act on; "" with OK and PROVEN */
  uint64_t claimed;            /* sources that this call has claimed so far, */
  uint64_t checked;            /* and checked, this one among them */
} invsrc_check;

/* Hears of one; what it points to lasts until it returns. It returns 0, or 1: no
 * more are to be claimed. */
typedef int32_t (*invsrc_check_visitor)(void *context, const invsrc_check *check);

/* Claims the sources that are due at `now` (milliseconds since
 * 1970-01-01T00:00:00Z), at most `max`, has them probed, many at a time as the
 * prober can, and stores each result as it comes: ACTIVE, or when to try again. OAuth tokens
 * that are due are refreshed first, and stored at once.
 * Where `now` is 0 it goes by the service's clock, and claims what becomes due while
 * probes are under way, too. `visit` may be NULL. No two processes check a source
 * within the same lease.
 * Returns INVSRC_OK when nothing is left to do; INVSRC_EINVAL; INVSRC_ESTATE (no
 * store, sealer or prober); INVSRC_EUNAVAILABLE or INVSRC_EIO (the store, the prober
 * or the clock; sources that were claimed and not visited become due again when the lease
 * ends); INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_activate_due(invsrc_service *service, int64_t now, uint64_t max,
                                       invsrc_check_visitor visit, void *context,
                                       invsrc_error *error);

/* Delivers the events that are due at `now` (0: by the service's clock, those too that
 * become due meanwhile), longest due first, at most `max`: each at least once, and again with
 * growing pauses until it is taken. `*delivered` and
 * `*postponed` (may be NULL) count them. Returns INVSRC_OK; INVSRC_EINVAL;
 * INVSRC_ESTATE (no events or no store); INVSRC_EUNAVAILABLE or INVSRC_EIO (the
 * store or the clock); INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_deliver_due(invsrc_service *service, int64_t now, uint64_t max,
                                      uint64_t *delivered, uint64_t *postponed,
                                      invsrc_error *error);

/* ---- Responses ---------------------------------------------------------- */

INVSRC_API void invsrc_response_free(invsrc_response *response);

/* The HTTP status code. */
INVSRC_API int32_t invsrc_response_status(const invsrc_response *response);

/* The field lines to send, Content-Length not among them: names and values by
 * index from 0; NULL from invsrc_response_header_count() on. */
INVSRC_API uint32_t invsrc_response_header_count(const invsrc_response *response);
INVSRC_API const char *invsrc_response_header_name(const invsrc_response *response, uint32_t index);
INVSRC_API const char *invsrc_response_header_value(const invsrc_response *response,
                                                    uint32_t index);

/* The body: JSON text, or "" with 204. `length` may be NULL. */
INVSRC_API const char *invsrc_response_body(const invsrc_response *response, uint64_t *length);

/* The source that a success is about, the sources of a list, or NULL. They belong
 * to the response. */
INVSRC_API const invsrc_source *invsrc_response_source(const invsrc_response *response);
INVSRC_API const invsrc_source_list *invsrc_response_sources(const invsrc_response *response);
/* How many sources the storefront has, with the response to a list; else 0. */
INVSRC_API uint64_t invsrc_response_total(const invsrc_response *response);

/* ---- The source record -------------------------------------------------- */

/* The fields of a source, in the order of the wire (invsrc_api(7)) and then those that
 * it does not show. T: text, N: number. Numbers are never reused. */
#define INVSRC_SOURCE_ID 1                   /* T decimal, 63 bits; unique everywhere */
#define INVSRC_SOURCE_SOURCE_ID 2            /* T unique in the storefront */
#define INVSRC_SOURCE_NAME 3                 /* T */
#define INVSRC_SOURCE_EXECUTION_TYPE 4       /* T "AGENT" */
#define INVSRC_SOURCE_STATUS 5               /* T "PENDING", "ACTIVE", "DISABLED" */
#define INVSRC_SOURCE_AGENT_ID 6             /* T "agent_" and a ULID; unique everywhere */
#define INVSRC_SOURCE_TYPE 7                 /* T */
#define INVSRC_SOURCE_ENDPOINT_URL 8         /* T as it was sent */
#define INVSRC_SOURCE_PROTOCOL 9             /* T "MCP", "A2A" */
#define INVSRC_SOURCE_AUTHENTICATION_TYPE 10 /* T */
#define INVSRC_SOURCE_AUTH_CONFIGURED 11     /* N 0 or 1 */
/* T absent unless it awaits consent; never stored: it is sealed with the private state */
#define INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL 12
#define INVSRC_SOURCE_DESCRIPTION 13    /* T absent unless set */
#define INVSRC_SOURCE_CREATED_AT 14     /* N milliseconds since 1970-01-01T00:00:00Z */
#define INVSRC_SOURCE_UPDATED_AT 15     /* N the same */
#define INVSRC_SOURCE_STOREFRONT 16     /* T the owner; never on the wire */
#define INVSRC_SOURCE_OAUTH_AUDIENCE 17 /* T absent unless set */
#define INVSRC_SOURCE_REVISION 18       /* N from 1, one more with each change told */
/* The check: what is known of the agent, for the operator; never on the wire. */
/* N checks that failed since one went well, or since the agent or its credential changed */
#define INVSRC_SOURCE_ATTEMPTS 19
#define INVSRC_SOURCE_LAST_CHECKED_AT 20   /* N milliseconds; 0: never */
#define INVSRC_SOURCE_LAST_ERROR 21        /* T why the last check failed; absent if it did not */
#define INVSRC_SOURCE_NEXT_CHECK_AT 22     /* N milliseconds; 0: none is due */
#define INVSRC_SOURCE_CREDENTIAL_PROVEN 23 /* N 1: the agent took it, and refused who had none */
#define INVSRC_SOURCE_UNREACHABLE 24       /* N 1: source.unreachable was told, and its end not */
/* The consent under way, and the tokens that came of one; never on the wire. */
/* T base64url of the SHA-256 of the consent's `state`; absent where none is under way */
#define INVSRC_SOURCE_OAUTH_STATE 25
#define INVSRC_SOURCE_OAUTH_EXPIRES_AT 26 /* N milliseconds: when it is over; 0: there is none */
/* T base64url of what was sealed for it; absent as the state */
#define INVSRC_SOURCE_OAUTH_PRIVATE_STATE 27
#define INVSRC_SOURCE_OAUTH_REFRESH_AT 28 /* N milliseconds: refresh the tokens; 0: never */
#define INVSRC_SOURCE_FIELD_END 29        /* one past the last; grows with the library */

/* The value of a text field, or NULL: absent, not a text field, or unknown.
 * `length` may be NULL. No getter can reach a credential: a source holds none. */
INVSRC_API const char *invsrc_source_text(const invsrc_source *source, int32_t field,
                                          uint64_t *length);
/* The value of a number field; 0 when it is not one. */
INVSRC_API int64_t invsrc_source_number(const invsrc_source *source, int32_t field);
/* 'T', 'N', or 0 for an unknown field; and the field's name, camelCase as on
 * the wire, or NULL. Static; any thread. They let a store be a loop. */
INVSRC_API int32_t invsrc_source_field_kind(int32_t field);
INVSRC_API const char *invsrc_source_field_name(int32_t field);
/* What an update writes the field with, INVSRC_PART_RECORD or INVSRC_PART_CHECK (provider.h);
 * 0 for one that never changes, or that is unknown. */
INVSRC_API uint32_t invsrc_source_field_part(int32_t field);

/* For stores: a source with nothing set, or NULL when memory ran out. */
INVSRC_API invsrc_source *invsrc_source_new(void);
INVSRC_API void invsrc_source_free(invsrc_source *source);
/* Copies the text in; NULL and 0 take it away. Returns INVSRC_OK, INVSRC_EINVAL (no
 * source, not a text field, or a length above 64 KiB) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_source_set_text(invsrc_source *source, int32_t field, const char *text,
                                          uint64_t length);
/* Returns INVSRC_OK or INVSRC_EINVAL (a NULL or not a number field). */
INVSRC_API int32_t invsrc_source_set_number(invsrc_source *source, int32_t field, int64_t number);
/* Makes `to` equal to `from`. Returns INVSRC_OK, INVSRC_EINVAL or
 * INVSRC_ENOMEM; then `to` is as it was. */
INVSRC_API int32_t invsrc_source_copy(invsrc_source *to, const invsrc_source *from);

/* ---- Lists of sources ----------------------------------------------------- */

/* How many, and each by its index from 0; NULL from the count on. */
INVSRC_API uint64_t invsrc_source_list_count(const invsrc_source_list *list);
INVSRC_API const invsrc_source *invsrc_source_list_at(const invsrc_source_list *list,
                                                      uint64_t index);
/* For stores: an empty list, or NULL when memory ran out; and one more source, copied,
 * with what was sealed for it (NULL and 0 for nothing, or where nobody asked). Returns
 * INVSRC_OK, INVSRC_EINVAL or INVSRC_ENOMEM. */
INVSRC_API invsrc_source_list *invsrc_source_list_new(void);
INVSRC_API void invsrc_source_list_free(invsrc_source_list *list);
INVSRC_API int32_t invsrc_source_list_append(invsrc_source_list *list, const invsrc_source *source,
                                             const void *sealed, uint64_t length);
/* What was sealed for it, or NULL. `length` may be NULL. */
INVSRC_API const void *invsrc_source_list_sealed(const invsrc_source_list *list, uint64_t index,
                                                 uint64_t *length);

/* ---- Events --------------------------------------------------------------- */

/* The fields of an event, as those of a source. The types: source.created, .authorized,
 * .consent_required, .activated, .unreachable, .recovered, .updated, .disabled, .deleted. */
#define INVSRC_EVENT_ID 1         /* T "evt_" and a ULID: the same with each delivery */
#define INVSRC_EVENT_TYPE 2       /* T */
#define INVSRC_EVENT_STOREFRONT 3 /* T */
#define INVSRC_EVENT_TIME 4       /* N milliseconds since 1970-01-01T00:00:00Z */
#define INVSRC_EVENT_PAYLOAD 5    /* T JSON: type, timestamp, data; see invsrc_api(7) */
#define INVSRC_EVENT_ATTEMPTS 6   /* N deliveries that failed */
#define INVSRC_EVENT_FIELD_END 7

INVSRC_API const char *invsrc_event_text(const invsrc_event *event, int32_t field,
                                         uint64_t *length);
INVSRC_API int64_t invsrc_event_number(const invsrc_event *event, int32_t field);
/* For stores, as the functions of sources. */
INVSRC_API invsrc_event *invsrc_event_new(void);
INVSRC_API void invsrc_event_free(invsrc_event *event);
INVSRC_API int32_t invsrc_event_set_text(invsrc_event *event, int32_t field, const char *text,
                                         uint64_t length);
INVSRC_API int32_t invsrc_event_set_number(invsrc_event *event, int32_t field, int64_t number);
INVSRC_API int32_t invsrc_event_copy(invsrc_event *to, const invsrc_event *from);

/* ---- Pure helpers ------------------------------------------------------- */

/* Judges a create request without a service: no clock, store or network.
 * `options` supplies the switches and the size limit and may be NULL for the
 * defaults. The response is 200 with {"valid":true,"sourceId":"…"}, or the very
 * 400 or 413 that the API would answer before the registry is asked.
 * Returns INVSRC_OK, INVSRC_EINVAL (a NULL) or INVSRC_ENOMEM. Any thread. */
INVSRC_API int32_t invsrc_validate_create(const invsrc_options *options, const void *body,
                                          uint64_t length, invsrc_response **response);

#define INVSRC_SLUG_SIZE 256

/* Writes the sourceId that `name` gives (see invsrc_api(7)) and a NUL into `slug`, a
 * buffer of `capacity` bytes; INVSRC_SLUG_SIZE always suffices. Total: every
 * UTF-8 text has a slug of 1 to 255 bytes. `slug_length` may be NULL.
 * Returns INVSRC_OK; INVSRC_EINVAL (a NULL); INVSRC_EMALFORMED (`name` is not
 * UTF-8); INVSRC_ERANGE (`capacity` is too small); INVSRC_ENOMEM. Any thread. */
INVSRC_API int32_t invsrc_slugify(const char *name, uint64_t length, char *slug, uint64_t capacity,
                                  uint64_t *slug_length);

/* Writes the canonical form of an http or https URL (AdCP's rule: RFC 3986 §6.2
 * with user-info and fragment dropped and the query kept byte for byte) and a NUL
 * into `canonical`; length + 2 bytes always suffice. `canonical_length` may be NULL.
 * Returns INVSRC_OK; INVSRC_EINVAL (a NULL); INVSRC_EMALFORMED (the error says
 * why and where); INVSRC_ERANGE; INVSRC_ENOMEM. Any thread. */
INVSRC_API int32_t invsrc_uri_canonicalize(const char *url, uint64_t length, char *canonical,
                                           uint64_t capacity, uint64_t *canonical_length,
                                           invsrc_error *error);

#ifdef __cplusplus
}
#endif

#include <invsrc/call.h>
#include <invsrc/provider.h>

#endif
