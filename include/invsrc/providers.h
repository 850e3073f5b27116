/*
 * libinvsrc-providers: ready-made stores, keys, sealer and registries for hosts
 * that bring none of their own. Each is an opaque object with a constructor, a
 * `_free`, and one or more tables of functions (provider.h) to set in the options
 * with the object as context:
 *
 *     invsrc_sqlite_open("sources.db", &db, error);
 *     invsrc_options_set_store(options, invsrc_sqlite_store(), db);
 *     invsrc_options_set_authenticator(options, invsrc_sqlite_authenticator(), db);
 *
 * The object must outlive every service that uses it. All of them may be used
 * from many threads at once, but for the setters, which come before first use.
 * Paths and other texts named `const char *` without a length are NUL-terminated.
 * What a table's functions return is listed in provider.h.
 */
#ifndef INVSRC_PROVIDERS_H
#define INVSRC_PROVIDERS_H

#include <invsrc/invsrc.h>
#include <invsrc/provider.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- API keys ------------------------------------------------------------ */

/* A caller's key is "scope3_<client_id>_<secret>", in lower-case base32: 16
 * characters that name it, and a random secret of 52 characters, 260 bits. It is
 * shown once; stores keep its SHA-256 only. */
#define INVSRC_APIKEY_ACTIVE 1
#define INVSRC_APIKEY_REVOKED 2

typedef struct invsrc_apikey {
  uint32_t size;
  int32_t status;         /* INVSRC_APIKEY_… */
  const char *client_id;  /* the middle part of the key */
  const char *storefront; /* whom it speaks for */
  const char *name;       /* given by the operator; "" if none */
  int64_t created_at;     /* milliseconds since 1970-01-01T00:00:00Z */
  int64_t revoked_at;     /* the same; 0 while active */
} invsrc_apikey;

/* Hears of one key; what it points to lasts until it returns. */
typedef void (*invsrc_apikey_visitor)(void *context, const invsrc_apikey *key);

/* ---- Store in memory ----------------------------------------------------- */

/* For development and tests: sources, API keys and clients until the process ends. */
typedef struct invsrc_memory invsrc_memory;

/* Returns INVSRC_OK, INVSRC_EINVAL (a NULL) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_memory_new(invsrc_memory **memory);
INVSRC_API void invsrc_memory_free(invsrc_memory *memory);
INVSRC_API const invsrc_store_vtable *invsrc_memory_store(void);
INVSRC_API const invsrc_authenticator_vtable *invsrc_memory_authenticator(void);
/* As invsrc_sqlite_apikey_add(). */
INVSRC_API int32_t invsrc_memory_apikey_add(invsrc_memory *memory, const char *storefront,
                                            const char *name, invsrc_buffer *key,
                                            invsrc_error *error);

/* ---- Store in SQLite ----------------------------------------------------- */

/* A database file in WAL mode with synchronous=FULL: what was written is on
 * disk. Threads that write at the same time share one transaction and one flush of the disk: one
 * of them commits for all, a write that fails fails alone, and one that is alone waits for
 * nobody. Many processes may open the same file; but one that is open is not to be used
 * across fork(): the child opens it anew. The write-ahead log stays below some 20 MiB, unless
 * somebody reads for longer than a tenth of a second when it has come to that.
 *
 * What is sealed for a source is kept encrypted under a key of its own, which stands in the same
 * file: that is for forgetting only, and whoever has a copy of the file has what the sealer made.
 * When a source is removed, or what was sealed for it is replaced, the key is overwritten in the
 * file, and the write-ahead log is emptied of it, before the function returns; that costs one more
 * wait for the disk. So are the sealed bytes of a client that is replaced, which takes 4 KiB more
 * than its fields for that. What was sealed for a consent under way is part of the record, and
 * leaves the log when that begins anew. Whoever reads the database just then (a backup) can put
 * off the emptying, which then comes with the next write or when the last process closes the file.
 * Neither can fail the operation. Copies that the file system or the disk keeps, and backups, are
 * out of reach. A row of 40 bytes is left of each source that is removed, unless it was the
 * newest. What its key does not open is damaged, and FAILED to who asks for it. */
typedef struct invsrc_sqlite invsrc_sqlite;

/* Opens `path`, made (mode 0600) and given its schema when there is none, or
 * brought up to the schema of this library. Returns INVSRC_OK; INVSRC_EINVAL (a
 * NULL, or an empty path); INVSRC_EREFUSED (not an invsrc database, or one written by a newer
 * library; it is left as it was); INVSRC_EIO (cannot be opened, read or
 * written); INVSRC_EUNAVAILABLE (locked for longer than the busy timeout);
 * INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_sqlite_open(const char *path, invsrc_sqlite **db, invsrc_error *error);
INVSRC_API void invsrc_sqlite_free(invsrc_sqlite *db);
INVSRC_API const invsrc_store_vtable *invsrc_sqlite_store(void);
/* What the database says of a good key may be used for 10 milliseconds: for as long a key may
 * count that was revoked through another `db`, or by another process. One that was revoked through
 * the same `db` does not, once the revoke has returned. */
INVSRC_API const invsrc_authenticator_vtable *invsrc_sqlite_authenticator(void);

/* Makes an API key for a storefront (1 to 255 bytes, no control characters) with
 * a name for people ("" or NULL for none, at most 255 bytes), and puts the key
 * into `key`: the only time that it can be seen.
 * Returns INVSRC_OK; INVSRC_EINVAL (another NULL, or a text that breaks these rules);
 * INVSRC_EUNAVAILABLE (locked for longer than the busy timeout); INVSRC_EIO (the disk
 * failed or is full, or the file was damaged); INVSRC_ECRYPTO (no random bytes);
 * INVSRC_ENOMEM. On failure no key was made. */
INVSRC_API int32_t invsrc_sqlite_apikey_add(invsrc_sqlite *db, const char *storefront,
                                            const char *name, invsrc_buffer *key,
                                            invsrc_error *error);
/* Shows every key, or those of one storefront where it is not NULL, oldest
 * first. Returns INVSRC_OK; INVSRC_EINVAL (`db` or `visit` is NULL);
 * INVSRC_EUNAVAILABLE, INVSRC_EIO or INVSRC_ENOMEM, as above, perhaps after some keys
 * were shown. */
INVSRC_API int32_t invsrc_sqlite_apikey_list(invsrc_sqlite *db, const char *storefront,
                                             invsrc_apikey_visitor visit, void *context,
                                             invsrc_error *error);
/* Ends a key by its client id. Returns INVSRC_OK, also when it was revoked
 * before; INVSRC_ENOTFOUND (no key has this client id); INVSRC_EINVAL (`db` or
 * `client_id` is NULL); INVSRC_EUNAVAILABLE, INVSRC_EIO or INVSRC_ENOMEM, as above. */
INVSRC_API int32_t invsrc_sqlite_apikey_revoke(invsrc_sqlite *db, const char *client_id,
                                               invsrc_error *error);

/* ---- Kept clients -------------------------------------------------------- */

/* Where clients that were registered with authorization servers are kept, sealed: one for an
 * issuer and a redirect URI. */
typedef struct invsrc_clients_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Puts what is kept into `sealed`. OK. NOT_FOUND. UNAVAILABLE. FAILED. */
  int32_t (*get)(void *context, const char *issuer, uint64_t issuer_length,
                 const char *redirect_uri, uint64_t redirect_uri_length, invsrc_buffer *sealed);
  /* Keeps `sealed` in place of what was kept, durably; NULL and 0: nothing. OK, also where
   * nothing was. UNAVAILABLE and FAILED: what was kept still is. */
  int32_t (*put)(void *context, const char *issuer, uint64_t issuer_length,
                 const char *redirect_uri, uint64_t redirect_uri_length, const void *sealed,
                 uint64_t length);
} invsrc_clients_vtable;

/* The ready-made ones, with an invsrc_memory or an invsrc_sqlite as context. */
INVSRC_API const invsrc_clients_vtable *invsrc_memory_clients(void);
INVSRC_API const invsrc_clients_vtable *invsrc_sqlite_clients(void);

/* ---- Sealer with local keys ---------------------------------------------- */

/* AES-256-GCM under a ring of master keys: the current one seals, any of them
 * opens. The sealed bytes name their key and are bound to storefront, source and
 * purpose. */
typedef struct invsrc_keyring invsrc_keyring;

#define INVSRC_MASTER_KEY_SIZE 32

/* Puts a new master key's text form, "invsrc_key1_" and 43 characters of
 * base64url, into `key`. Returns INVSRC_OK, INVSRC_EINVAL, INVSRC_ECRYPTO or
 * INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_master_key_generate(invsrc_buffer *key);

/* An empty ring. Returns INVSRC_OK, INVSRC_EINVAL or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_keyring_new(invsrc_keyring **keyring);
/* Adds a raw key of INVSRC_MASTER_KEY_SIZE bytes. The first one added is
 * current; the others only open. Returns INVSRC_OK, INVSRC_EINVAL (a NULL,
 * another length, or a key that is there already), INVSRC_ECRYPTO or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_keyring_add(invsrc_keyring *keyring, const uint8_t *key, uint64_t length);
/* Makes a ring from a file: one key in text form on a line, the current one
 * first; blank lines and lines that begin with '#' are skipped. The file must not
 * be open to others: mode 0600 or less, or 0640 or less where root owns it.
 * Returns INVSRC_OK; INVSRC_EINVAL (a NULL); INVSRC_ENOTFOUND (no such file);
 * INVSRC_EREFUSED (open to others, or not a regular file); INVSRC_EMALFORMED (a line is not a key,
 * no key at all, or one twice; the error names the line and never its text); INVSRC_EIO;
 * INVSRC_ECRYPTO; INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_keyring_load(const char *path, invsrc_keyring **keyring,
                                       invsrc_error *error);
INVSRC_API void invsrc_keyring_free(invsrc_keyring *keyring);
INVSRC_API const invsrc_sealer_vtable *invsrc_keyring_sealer(void);

/* Seals again, with the current key, the credentials and the clients that an older key of the
 * ring sealed, so that the older key can be taken out of the ring. Consents under way are left:
 * they are over in ten minutes, and must be asked for again where the older key is gone before.
 * Each source and each client is changed in a step of its own, so it may be interrupted, and
 * repeated. `*resealed` and
 * `*refused` (may be NULL) count what was changed and what no key of the ring opens.
 * Returns INVSRC_OK, also where some were refused; INVSRC_EINVAL (`db` or `keyring` is
 * NULL); INVSRC_EUNAVAILABLE (locked for longer than the busy timeout); INVSRC_EIO (the
 * disk failed or is full, or the file was damaged); INVSRC_ENOMEM (memory, or libcrypto,
 * failed). On failure what is counted has been changed all the same. */
INVSRC_API int32_t invsrc_sqlite_reseal(invsrc_sqlite *db, invsrc_keyring *keyring,
                                        uint64_t *resealed, uint64_t *refused, invsrc_error *error);

/* ---- HTTP transport ------------------------------------------------------ */

/* One request that a conversation wants made. */
typedef struct invsrc_http_request {
  uint32_t size;
  uint32_t header_count;
  const char *method; /* GET, POST or DELETE */
  const char *url;
  const char *const *headers; /* "Name: value" */
  const void *body;           /* NULL for none */
  uint64_t body_length;
  uint64_t max_body;   /* a longer answer is INVSRC_OUTCOME_REFUSED */
  uint32_t timeout_ms; /* for the whole exchange */
  uint32_t redirects;  /* how many a GET may follow, each checked afresh and asked without
                        * what may be a credential: 0 to 3; the next one is the answer */
  uint32_t looks;      /* 1: what has come of the body is to be shown to
                        * invsrc_conversation_look() whenever more comes, and when another
                        * exchange of the conversation was answered */
  uint32_t once;       /* 1: it must never be sent twice (a code, a refresh token), as some
                        * clients do by themselves when a kept connection turns out to be
                        * closed: it goes over a new one */
  uint32_t reserved;   /* 0 */
} invsrc_http_request;

/* What came back, filled by the transport. */
typedef struct invsrc_http_reply invsrc_http_reply;

/* An empty reply, or NULL when memory ran out. */
INVSRC_API invsrc_http_reply *invsrc_http_reply_new(void);
INVSRC_API void invsrc_http_reply_free(invsrc_http_reply *reply);
/* Return INVSRC_OK, INVSRC_EINVAL or INVSRC_ENOMEM. Fields of one name become a
 * list with ", " between. */
INVSRC_API int32_t invsrc_http_reply_set_status(invsrc_http_reply *reply, int32_t status);
INVSRC_API int32_t invsrc_http_reply_add_header(invsrc_http_reply *reply, const char *name,
                                                uint64_t name_length, const char *value,
                                                uint64_t value_length);
INVSRC_API int32_t invsrc_http_reply_append_body(invsrc_http_reply *reply, const void *bytes,
                                                 uint64_t length);
/* Why there is no reply, in our words: "the name resolves to a private address". */
INVSRC_API int32_t invsrc_http_reply_set_reason(invsrc_http_reply *reply, const char *reason);
/* What was set; 0, NULL or "" where nothing was. Header names in any case. */
INVSRC_API int32_t invsrc_http_reply_status(const invsrc_http_reply *reply);
INVSRC_API const char *invsrc_http_reply_header(const invsrc_http_reply *reply, const char *name);
INVSRC_API const char *invsrc_http_reply_body(const invsrc_http_reply *reply, uint64_t *length);
INVSRC_API const char *invsrc_http_reply_reason(const invsrc_http_reply *reply);

typedef struct invsrc_transport_vtable {
  uint32_t size;
  uint32_t reserved; /* 0 */
  /* Makes the exchange and fills `reply`, which comes empty. OK: an HTTP answer
   * with any status. REFUSED: the guard or a limit of the request said no.
   * UNAVAILABLE: no answer. FAILED. All but OK set the reason. */
  int32_t (*exchange)(void *context, const invsrc_http_request *request, invsrc_http_reply *reply);
} invsrc_transport_vtable;

/* The ready-made one: libcurl behind the network guard. https only, every
 * address checked as its socket is opened, no proxy but one that is set, no
 * cookies, no compression, bounded time, body and headers (32 KiB). Connections
 * are kept and used again. The host calls curl_global_init() if it must be called
 * early; libcurl does it on first use otherwise. */
typedef struct invsrc_curl invsrc_curl;

/* Returns INVSRC_OK, INVSRC_EINVAL (`curl` is NULL), INVSRC_EIO (libcurl failed to
 * start) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_curl_new(invsrc_curl **curl, invsrc_error *error);
INVSRC_API void invsrc_curl_free(invsrc_curl *curl);
/* 0 (default) or 1: http as well as https; and special-purpose addresses as well as public ones.
 * Return INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_curl_set_allow_http(invsrc_curl *curl, int32_t on);
INVSRC_API int32_t invsrc_curl_set_allow_private(invsrc_curl *curl, int32_t on);
/* A file of CA certificates (PEM) in place of the system's, and the URL of a proxy
 * (http, https or socks5h); NULL for none. A proxy may have any address. It resolves
 * the names, so of a URL only the host as it is written is judged here.
 * Return INVSRC_OK, INVSRC_EINVAL or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_curl_set_ca_file(invsrc_curl *curl, const char *path);
INVSRC_API int32_t invsrc_curl_set_proxy(invsrc_curl *curl, const char *url);
INVSRC_API const invsrc_transport_vtable *invsrc_curl_transport(void);

/* ---- AAO registry -------------------------------------------------------- */

#define INVSRC_AAO_URL "https://agenticadvertising.org"

/* The registry of AgenticAdvertising.org behind a cache: a listed endpoint is
 * taken as registered for the time to live, any other is asked for afresh (at
 * most once a minute for a host), and an outage is never taken for an answer: what
 * was not answered is asked again after a second, then twice as long each time, up
 * to a minute. */
typedef struct invsrc_aao invsrc_aao;

/* `base_url` is INVSRC_AAO_URL or a mirror's; the transport must outlive the
 * object. Returns INVSRC_OK, INVSRC_EINVAL (a NULL, or a table without its function),
 * INVSRC_EMALFORMED (not an http or https URL, or one with user information, a query or a
 * fragment) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_aao_new(const char *base_url, const invsrc_transport_vtable *transport,
                                  void *transport_context, invsrc_aao **aao, invsrc_error *error);
INVSRC_API void invsrc_aao_free(invsrc_aao *aao);
/* An organisation's key ("sk_…"), which shows members-only agents; NULL for
 * none. Returns INVSRC_OK, INVSRC_EINVAL or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_aao_set_api_key(invsrc_aao *aao, const char *key);
/* How old a yes may be, in seconds, 1 to 86400; default 300. Returns INVSRC_OK or
 * INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_aao_set_time_to_live(invsrc_aao *aao, uint32_t seconds);
/* Its clock and log, as in the options; default: the system's clock, no log.
 * Returns INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_aao_set_world(invsrc_aao *aao, const invsrc_world_vtable *vtable,
                                        void *context);
INVSRC_API const invsrc_registry_vtable *invsrc_aao_registry(void);

/* The same catalogue document in a file, read again when it changes: for
 * development, tests and closed networks. */
typedef struct invsrc_registry_file invsrc_registry_file;

/* Returns INVSRC_OK; INVSRC_EINVAL (a NULL, or an empty path); INVSRC_ENOTFOUND (no such
 * file) or INVSRC_EIO (it is not a regular file, or cannot be read);
 * INVSRC_EMALFORMED (not a catalogue; the error says where); INVSRC_ENOMEM. A
 * file that goes bad later makes look-ups unavailable until it is mended. */
INVSRC_API int32_t invsrc_registry_file_new(const char *path, invsrc_registry_file **file,
                                            invsrc_error *error);
/* Its log, as in the options, which hears why a look-up is unavailable; default: none. The
 * clock is not asked. Comes before first use. Returns INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_registry_file_set_world(invsrc_registry_file *file,
                                                  const invsrc_world_vtable *vtable, void *context);
INVSRC_API void invsrc_registry_file_free(invsrc_registry_file *file);
INVSRC_API const invsrc_registry_vtable *invsrc_registry_file_registry(void);

/* ---- Conversations with agents -------------------------------------------- */

/* The probe of one agent without I/O: which requests to make, and what follows from what
 * comes back, for hosts with an HTTP client of their own:
 *
 *     invsrc_conversation_new(source, auth, auth_length, &setup, &conversation);
 *     while (!invsrc_conversation_outcome(conversation, &reason))
 *       while ((exchange = invsrc_conversation_next(conversation, &request)) > 0) {
 *         outcome = …make it, and fill `reply`, as invsrc_transport_vtable says…
 *         invsrc_conversation_answer(conversation, exchange, outcome, reply);
 *       }
 *
 * Most make one request after the other. The transport of MCP 2024-11-05 needs two at a
 * time: a stream that stays open, and requests beside it; a host that makes one at a time
 * finds such an agent unreachable. */
typedef struct invsrc_conversation invsrc_conversation;

#define INVSRC_CONVERSATION_RANDOM 48

/* How to hold a probe. What is NULL or 0 is left out, or has the default. */
typedef struct invsrc_probe_setup {
  uint32_t size;
  uint32_t assertion_seconds; /* how long a JWT assertion is good: 1 to 3600, default 300 */
  int64_t now;                /* milliseconds since 1970-01-01T00:00:00Z */
  const uint8_t *random;      /* INVSRC_CONVERSATION_RANDOM bytes of fresh entropy */
  const char *tool;           /* to be called, see invsrc_options_set_probe_tool() */
  const char *api_key_header; /* a field that carries the token of api_key and apikey, besides
                               * those that always do */
  const char *access_token;   /* JWT: one of an earlier exchange that is still good; where the
                               * agent refuses it, a new one is asked for */
  uint32_t allow_http;        /* 1: URLs that agents name may be http */
  uint32_t reserved;          /* 0 */
} invsrc_probe_setup;

/* `auth` is the credential as invsrc_probe_credential() gives it; NULL for none. All is
 * copied. Returns INVSRC_OK; INVSRC_EINVAL (a NULL, a size, or a URL, protocol or auth that is
 * none); INVSRC_ECRYPTO (the private key cannot sign); INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_conversation_new(const invsrc_source *source, const void *auth,
                                           uint64_t length, const invsrc_probe_setup *setup,
                                           invsrc_conversation **conversation);
/* Wipes and ends it. */
INVSRC_API void invsrc_conversation_free(invsrc_conversation *conversation);
/* The next request to make, in `*request`, which lasts until the exchange is answered.
 * Returns its number, from 1; 0 when there is none before another is answered, or at all;
 * or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_conversation_next(invsrc_conversation *conversation,
                                            const invsrc_http_request **request);
/* For requests with `looks`: looks at a reply whose body has not ended, but whose status and
 * header are there. Returns 1 when the exchange may be ended now, and answered as OK, with
 * what there is; 0 when it should go on. In both cases there may be another request to make,
 * or an outcome. */
INVSRC_API int32_t invsrc_conversation_look(invsrc_conversation *conversation, int32_t exchange,
                                            const invsrc_http_reply *reply);
/* Answers an exchange: the outcome and the reply as invsrc_transport_vtable says. Returns
 * INVSRC_OK, INVSRC_EINVAL, INVSRC_ESTATE (no such exchange is under way) or INVSRC_ENOMEM:
 * the conversation is over and comes to INVSRC_OUTCOME_UNAVAILABLE. */
INVSRC_API int32_t invsrc_conversation_answer(invsrc_conversation *conversation, int32_t exchange,
                                              int32_t outcome, const invsrc_http_reply *reply);
/* What it came to, for invsrc_probe_end(), with the reason in `*reason` (may be NULL), which
 * lasts as long as the conversation; 0 while it is under way. Exchanges that are still under
 * way then need not be answered. */
INVSRC_API int32_t invsrc_conversation_outcome(const invsrc_conversation *conversation,
                                               const char **reason);
/* JWT: the access token that the token endpoint gave in this conversation, or NULL; secret;
 * and until when it should be used, in milliseconds. */
INVSRC_API const char *invsrc_conversation_access_token(const invsrc_conversation *conversation,
                                                        int64_t *good_until);

/* ---- Conversations with authorization servers -------------------------------- */

/* OAuth without I/O: conversations as above, that come to an outcome and results. What passes
 * from one to the next is JSON texts, which are secret, and nobody else's to read. */

/* How to hold one. What is NULL or 0 is left out, or has the default. */
typedef struct invsrc_oauth_setup {
  uint32_t size;
  uint32_t allow_http;             /* 1: URLs may be http */
  int64_t now;                     /* milliseconds since 1970-01-01T00:00:00Z */
  const uint8_t *random;           /* start: INVSRC_CONVERSATION_RANDOM bytes of fresh entropy */
  const char *redirect_uri;        /* start */
  const char *state;               /* start; secret */
  const char *client_name;         /* start: for registration; NULL: "libinvsrc" */
  const char *client_metadata_url; /* start: of the client-id metadata document that the host
                                    * serves; NULL: none */
} invsrc_oauth_setup;

/* Finds out where the operator of an agent gives consent: from the agent's challenge over the
 * metadata of the resource and of its authorization server (RFC 9728, RFC 8414) to a URL for
 * the operator's browser. Of `source` endpointUrl, protocol and oauthAudience matter. All is
 * copied. In the middle it makes no request, and has no outcome, while it waits for a client:
 *
 *     if ((issuer = invsrc_conversation_result(conversation, INVSRC_RESULT_ISSUER, &length)))
 *       invsrc_conversation_give_client(conversation, client, client_length);
 *
 * Comes to OK: there is an authorization URL and a private state; NO_OAUTH: the agent has no
 * OAuth, or none that may be used; UNAVAILABLE: the agent or the server cannot be reached now,
 * or memory ran out; or FAILED: the transport failed.
 * Returns INVSRC_OK; INVSRC_EINVAL (a NULL, a size, or a URL, protocol or text that is none);
 * INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_conversation_new_oauth_start(const invsrc_source *source,
                                                       const invsrc_oauth_setup *setup,
                                                       invsrc_conversation **conversation);
/* Answers a start that waits: `client` is the INVSRC_RESULT_CLIENT of an earlier start with the
 * same issuer and redirect URI, or one that the host has registered by hand, as JSON with the
 * members client_id, client_secret and client_secret_expires_at (seconds; 0: never), where there
 * is a secret, and token_endpoint_auth_method (none, client_secret_basic or client_secret_post).
 * NULL and 0: the host has none; so counts one whose secret ends within ten minutes.
 * Returns INVSRC_OK; INVSRC_EINVAL (a NULL, or not a client: it still waits); INVSRC_ESTATE (it
 * waits for none); INVSRC_ENOMEM: it is over and comes to INVSRC_OUTCOME_UNAVAILABLE. */
INVSRC_API int32_t invsrc_conversation_give_client(invsrc_conversation *conversation,
                                                   const void *client, uint64_t length);
/* Exchanges the code that the operator's browser came back with for tokens. `private_state` is
 * that of the start whose `state` came back. All is copied. Comes to OK: there is a credential;
 * REFUSED: the operator or the server said no; UNKNOWN: the redirect is not from the server that
 * was asked; UNAVAILABLE: the server did not answer, or not with a token, or memory ran out; or
 * FAILED: the server does not know the client, or the transport failed.
 * Returns INVSRC_OK; INVSRC_EINVAL (a NULL, a size, a private state that is none, or an
 * http URL in it where there may be none); INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_conversation_new_oauth_finish(const void *private_state, uint64_t length,
                                                        const invsrc_redirect *redirect,
                                                        const invsrc_oauth_setup *setup,
                                                        invsrc_conversation **conversation);
/* Refreshes the tokens of a credential. Comes to OK: there is a new credential, and the old one
 * may be good no more; REFUSED: the operator must consent again; UNREACHABLE: the server did
 * not answer, or not with a token; UNAVAILABLE: memory ran out; or FAILED: the transport failed.
 * Returns as above. */
INVSRC_API int32_t invsrc_conversation_new_oauth_refresh(const void *credential, uint64_t length,
                                                         const invsrc_oauth_setup *setup,
                                                         invsrc_conversation **conversation);
/* Revokes the tokens of a credential (RFC 7009), the refresh token first. Comes to OK;
 * NOT_IMPLEMENTED: the server revokes nothing, or not such tokens; UNAVAILABLE: it did not do it,
 * or memory ran out; or FAILED: the transport failed. Returns as above. */
INVSRC_API int32_t invsrc_conversation_new_oauth_revoke(const void *credential, uint64_t length,
                                                        const invsrc_oauth_setup *setup,
                                                        invsrc_conversation **conversation);

#define INVSRC_RESULT_ISSUER 1 /* start: of the server that a client is wanted for; while it is */
#define INVSRC_RESULT_CLIENT 2 /* start: a client that was registered, to be kept; secret */
#define INVSRC_RESULT_AUTHORIZATION_URL 3 /* start, OK */
#define INVSRC_RESULT_PRIVATE_STATE 4     /* start, OK; secret */
#define INVSRC_RESULT_CREDENTIAL 5        /* finish and refresh, OK; secret */

/* What a conversation gave, one of INVSRC_RESULT_…, or NULL; lasts as long as the
 * conversation. `length` may be NULL. */
INVSRC_API const char *invsrc_conversation_result(const invsrc_conversation *conversation,
                                                  int32_t result, uint64_t *length);
/* Finish and refresh, OK: when the tokens are to be refreshed, in milliseconds; 0: never. */
INVSRC_API int64_t invsrc_conversation_refresh_at(const invsrc_conversation *conversation);

/* ---- Consents --------------------------------------------------------------- */

/* Holds the conversations of OAuth (its start, finish and revocation; the prober refreshes) over
 * a transport, and knows as which client: one that the host has registered by hand for the
 * issuer; the host's client-id metadata document, where it serves one and the server takes it;
 * or one that is registered with the server (RFC 7591), once for an issuer and a redirect URI
 * where clients are kept. */
typedef struct invsrc_consents invsrc_consents;

/* `redirect_uri` is where the operator's browser comes back to: what answers
 * "/api/v2/storefront/oauth/callback" there, or a page of the host's that calls
 * invsrc_callback(). NULL: nothing is started, as NOT_IMPLEMENTED says. The transport must outlive
 * the object. Returns INVSRC_OK, INVSRC_EINVAL (another NULL, or a table without its function),
 * INVSRC_EMALFORMED (not an http or https URL without fragment; the error says why) or
 * INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_consents_new(const char *redirect_uri,
                                       const invsrc_transport_vtable *transport,
                                       void *transport_context, invsrc_consents **consents,
                                       invsrc_error *error);
INVSRC_API void invsrc_consents_free(invsrc_consents *consents);
/* One more that callers may ask for, at most INVSRC_REDIRECT_URIS in all. Returns INVSRC_OK,
 * INVSRC_EINVAL (a NULL, one too many, or as above) or INVSRC_ENOMEM. */
#define INVSRC_REDIRECT_URIS 8
INVSRC_API int32_t invsrc_consents_add_redirect_uri(invsrc_consents *consents,
                                                    const char *redirect_uri);
/* A client that was registered by hand with the server of this issuer, with the redirect URIs
 * above; `secret` is NULL where it has none, and sent in the Authorization field
 * (client_secret_basic) where it has one. Returns INVSRC_OK, INVSRC_EINVAL (another NULL; a text
 * that is not 1 to 2048 bytes of UTF-8 without control characters; an issuer that is not an http
 * or https URL without fragment; or a second client for the issuer) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_consents_add_client(invsrc_consents *consents, const char *issuer,
                                              const char *client_id, const char *secret);
/* What operators read when they consent; NULL (the default): "libinvsrc". Returns INVSRC_OK,
 * INVSRC_EINVAL (not 1 to 255 bytes of UTF-8 without control characters) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_consents_set_client_name(invsrc_consents *consents, const char *name);
/* The https URL at which the host serves what invsrc_consents_client_metadata() writes; NULL
 * (the default): it does not. Returns INVSRC_OK, INVSRC_EINVAL (not an https URL that has a path
 * of more than a slash, and no query and no fragment) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_consents_set_client_metadata_url(invsrc_consents *consents,
                                                           const char *url);
/* Puts the client-id metadata document, JSON text, into `document`. Returns INVSRC_OK,
 * INVSRC_EINVAL (a NULL), INVSRC_ESTATE (no URL is set) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_consents_client_metadata(const invsrc_consents *consents,
                                                   invsrc_buffer *document);
/* Where registered clients are kept, and what seals them; without it each start registers one.
 * Returns INVSRC_OK or INVSRC_EINVAL (a NULL, or a table without one of its first functions). */
INVSRC_API int32_t invsrc_consents_set_clients(invsrc_consents *consents,
                                               const invsrc_clients_vtable *clients,
                                               void *clients_context,
                                               const invsrc_sealer_vtable *sealer,
                                               void *sealer_context);
/* 0 (default) or 1: agents and servers may be http, as the transport must allow too. Returns
 * INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_consents_set_allow_http(invsrc_consents *consents, int32_t on);
/* Its clock, entropy and log, as in the options. Returns INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_consents_set_world(invsrc_consents *consents,
                                             const invsrc_world_vtable *vtable, void *context);
/* Each of its functions takes 30 seconds at most, however many exchanges it has. */
INVSRC_API const invsrc_oauth_vtable *invsrc_consents_oauth(void);

/* ---- The prober ------------------------------------------------------------- */

/* Carries conversations with many agents at a time on the thread that calls it, over one
 * curl multi handle behind the same guard as invsrc_curl. Keeps the access tokens of JWT
 * credentials, in memory only, until shortly before they end. */
typedef struct invsrc_agents invsrc_agents;

#define INVSRC_PARALLEL_DEFAULT 256
#define INVSRC_PARALLEL_LIMIT 4096

/* Takes its settings from `curl`, which must outlive it, at each run. Returns INVSRC_OK,
 * INVSRC_EINVAL or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_agents_new(invsrc_curl *curl, invsrc_agents **agents,
                                     invsrc_error *error);
INVSRC_API void invsrc_agents_free(invsrc_agents *agents);
/* How many agents are asked at a time, 1 to INVSRC_PARALLEL_LIMIT; default
 * INVSRC_PARALLEL_DEFAULT. An agent has at most two connections. Returns INVSRC_OK or
 * INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_agents_set_parallel(invsrc_agents *agents, uint32_t count);
/* How long, in seconds, the probe of one agent may take as a whole, 1 to 600; default 60. A
 * refresh of tokens may always take 10. Returns INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_agents_set_time_limit(invsrc_agents *agents, uint32_t seconds);
/* A field that carries the token of api_key and apikey credentials, besides those that
 * always do; NULL for none. Returns INVSRC_OK, INVSRC_EINVAL (no field name, or one that HTTP
 * itself uses) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_agents_set_api_key_header(invsrc_agents *agents, const char *name);
/* How long, in seconds, a JWT assertion is good: 1 to 3600, default 300. Returns INVSRC_OK or
 * INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_agents_set_assertion_lifetime(invsrc_agents *agents, uint32_t seconds);
/* Its clock and entropy, as in the options; default: the system's clock, libcrypto's random
 * generator. Returns INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_agents_set_world(invsrc_agents *agents, const invsrc_world_vtable *vtable,
                                           void *context);
/* Ends the probes that are under way, as UNAVAILABLE, and takes no more; a refresh of tokens
 * comes to its end, which it does within 10 seconds. Any thread. */
INVSRC_API void invsrc_agents_stop(invsrc_agents *agents);
INVSRC_API const invsrc_prober_vtable *invsrc_agents_prober(void);

/* ---- Webhook ------------------------------------------------------------------ */

/* Delivers events by POST to one URL in the form of Standard Webhooks 1.0: the payload,
 * with webhook-id, webhook-timestamp and webhook-signature (v1: HMAC-SHA256). */
typedef struct invsrc_webhook invsrc_webhook;

/* `secret` is "whsec_" and the base64 of 24 to 64 bytes; the transport must outlive the
 * object. Returns INVSRC_OK, INVSRC_EINVAL, INVSRC_EMALFORMED (the URL or the secret; the
 * error says why) or INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_webhook_new(const char *url, const char *secret,
                                      const invsrc_transport_vtable *transport,
                                      void *transport_context, invsrc_webhook **webhook,
                                      invsrc_error *error);
INVSRC_API void invsrc_webhook_free(invsrc_webhook *webhook);
/* Its clock and log, as in the options. Returns INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_webhook_set_world(invsrc_webhook *webhook,
                                            const invsrc_world_vtable *vtable, void *context);
INVSRC_API const invsrc_events_vtable *invsrc_webhook_events(void);

#ifdef __cplusplus
}
#endif

#endif
