/*
 * The AAO registry without I/O: which requests to make, how to read what comes
 * back, and what follows from it. Knows no clock, lock or network: time is an
 * argument, and whoever asks carries the requests.
 *
 * Two public calls of the registry together tell whether an endpoint is
 * registered: the catalogue of all agents, and the agents of one host's operator
 * (at most 20, so a full list that lacks one proves nothing).
 */
#ifndef IVS_AGENTS_AAO_H
#define IVS_AGENTS_AAO_H

#include <invsrc/providers.h>
#include <stddef.h>

#include "core/buffer.h"
#include "core/json.h"

/* ---- URLs as the registry compares them ---------------------------------- */

/* SHA-256 of a URL in canonical form, lower-cased as a whole and without slashes
 * at its end; or of a host name. */
#define IVS_AAO_KEY_SIZE 32
typedef struct ivs_aao_key {
  uint8_t bytes[IVS_AAO_KEY_SIZE];
} ivs_aao_key;

/* INVSRC_OK; INVSRC_EMALFORMED (no http or https URL, or longer than any that is
 * compared); INVSRC_ENOMEM. */
int32_t ivs_aao_key_of_url(const char *url, size_t length, ivs_aao_key *key);
/* INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_aao_key_of_host(const char *host, size_t length, ivs_aao_key *key);

/* What a list of agents comes to; never changes once it is read. */
typedef struct ivs_aao_set {
  size_t listed; /* agents in the document, also those whose URL is none */
  size_t count;
  ivs_aao_key *keys; /* sorted */
} ivs_aao_set;

/* A catalogue has its document on disk or on the wire no longer than this. */
#define IVS_AAO_CATALOGUE_SIZE 33554432
#define IVS_AAO_CATALOGUE_AGENTS 500000
#define IVS_AAO_OPERATOR_AGENTS 1000

/* Reads {"agents": [{"url": …}, …]}, with `most` agents at most. Agents without
 * a URL that can be compared are passed over. INVSRC_OK; INVSRC_EMALFORMED (the
 * fault says why; line 0 where the document is JSON but no such list);
 * INVSRC_ENOMEM. */
int32_t ivs_aao_set_read(const char *text, size_t length, size_t most, ivs_aao_set **set,
                         ivs_json_fault *fault);
int ivs_aao_set_has(const ivs_aao_set *set, const ivs_aao_key *key); /* takes NULL: 0 */
void ivs_aao_set_free(ivs_aao_set *set);

/* ---- Requests ------------------------------------------------------------ */

/* Puts a registry's base URL, without slashes at its end, into `base`. INVSRC_OK;
 * INVSRC_EMALFORMED (the error says why); INVSRC_ENOMEM. */
int32_t ivs_aao_base_read(const char *url, ivs_buffer *base, invsrc_error *error);

typedef struct ivs_aao_site {
  const char *base;    /* as ivs_aao_base_read() makes it */
  const char *api_key; /* NULL for none */
} ivs_aao_site;

#define IVS_AAO_REQUEST_LINES 4

/* A request and the memory that it lies in; it is not copied or moved. */
typedef struct ivs_aao_request {
  invsrc_http_request http;
  size_t most;     /* agents that its answer may list */
  int conditional; /* "unchanged" is an answer */
  ivs_buffer url;
  ivs_buffer lines[IVS_AAO_REQUEST_LINES];
  const char *headers[IVS_AAO_REQUEST_LINES];
} ivs_aao_request;

/* The whole catalogue, or the news that it is still the one with these
 * validators (ETag and Last-Modified; NULL for none). INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_aao_request_catalogue(ivs_aao_request *request, const ivs_aao_site *site,
                                  const char *etag, const char *last_modified);
/* The agents of the operator of a host (an IPv6 one without brackets). INVSRC_OK
 * or INVSRC_ENOMEM. */
int32_t ivs_aao_request_operator(ivs_aao_request *request, const ivs_aao_site *site,
                                 const char *host, size_t length);
void ivs_aao_request_end(ivs_aao_request *request); /* takes one that failed, too */

/* ---- Answers ------------------------------------------------------------- */

#define IVS_AAO_REASON_SIZE 160

typedef struct ivs_aao_answer {
  ivs_aao_set *set;                 /* NULL: unchanged, or no answer */
  int unchanged;                    /* the catalogue is the one that was asked about */
  uint32_t retry_after;             /* seconds to wait, as asked for where there is no answer */
  char reason[IVS_AAO_REASON_SIZE]; /* why there is none, for a log; else "" */
} ivs_aao_answer;

/* Reads what the transport brought: `outcome` and `reply`. Anything that is not
 * plainly the document is no answer. INVSRC_OK, with or without an answer, or
 * INVSRC_ENOMEM. */
int32_t ivs_aao_answer_read(ivs_aao_answer *answer, const ivs_aao_request *request, int32_t outcome,
                            const invsrc_http_reply *reply);
void ivs_aao_answer_end(ivs_aao_answer *answer);
/* A validator of a reply that may be sent back, or NULL. */
const char *ivs_aao_validator(const invsrc_http_reply *reply, const char *name);

/* ---- Time ---------------------------------------------------------------- */

#define IVS_AAO_TIME_TO_LIVE 300      /* seconds that a catalogue lives unless set otherwise */
#define IVS_AAO_MINUTE INT64_C(60000) /* how old an answer may be that is a fresh one */

/* What a look-up comes to that failed with a code: a lack of memory passes. */
int32_t ivs_aao_outcome(int32_t code);
/* Whether `now` is less than `span` milliseconds after `since`; a clock that went
 * back tells nothing, so no. */
int ivs_aao_is_within(int64_t now, int64_t since, int64_t span);
/* How long not to ask again after a question that took `took` milliseconds and
 * got no answer: as the server asked, else some times as long as it took, so that
 * a registry that hangs does not hold up every look-up; and at least a second that
 * doubles with each of `failures` in a row (0: without this), so that a hiccup is soon
 * over and a registry that is down is spared. A minute at most. */
int64_t ivs_aao_pause(const ivs_aao_answer *answer, int64_t took, unsigned failures);

/* ---- The decision -------------------------------------------------------- */

/* A catalogue, from useless to good enough for a no. */
#define IVS_AAO_NONE 0
#define IVS_AAO_LIVE 1  /* within its time to live */
#define IVS_AAO_FRESH 2 /* less than a minute old */

/* What the operator's list, less than a minute old, says. */
#define IVS_AAO_UNASKED 0 /* there is none */
#define IVS_AAO_LACKS 1
#define IVS_AAO_LACKS_SO_FAR 2 /* it is full, so there may be more */
#define IVS_AAO_HAS 3

/* What a list (NULL: none) says of an endpoint. */
int ivs_aao_operator_list(const ivs_aao_set *set, const ivs_aao_key *url);

typedef struct ivs_aao_view {
  int catalogue;     /* IVS_AAO_NONE to IVS_AAO_FRESH */
  int is_listed;     /* the endpoint is in the catalogue */
  int can_refresh;   /* the catalogue may be asked for */
  int operator_list; /* IVS_AAO_UNASKED to IVS_AAO_HAS */
  int can_ask;       /* the operator's list may be asked for */
} ivs_aao_view;

/* What to do before asking again; else the outcome of the look-up. */
#define IVS_AAO_DO_REFRESH (-1) /* fetch the catalogue */
#define IVS_AAO_DO_ASK (-2)     /* fetch the operator's list */

/* A yes may be as old as the time to live, a no needs a fresh answer, and an
 * outage is neither. Returns IVS_AAO_DO_REFRESH, IVS_AAO_DO_ASK, or
 * INVSRC_OUTCOME_OK, _NOT_REGISTERED or _UNAVAILABLE. */
int32_t ivs_aao_decide(const ivs_aao_view *view);

#endif
