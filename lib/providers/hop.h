/*
 * One HTTP exchange over libcurl behind the network guard, hop by hop: what a handle is to
 * do, what its callbacks make of the answer, and what became of it. Whoever holds the
 * exchange runs the handle, alone or beside others. Redirects are followed here, so that
 * each hop is judged like the first. Knows nothing of what is carried, and nothing that
 * libcurl or the peer says reaches the caller: reasons are ours.
 */
#ifndef IVS_PROVIDERS_HOP_H
#define IVS_PROVIDERS_HOP_H

#include <curl/curl.h>
#include <invsrc/providers.h>

#include "core/buffer.h"

#define IVS_HOP_HEADERS 32 /* of a request */

/* What is let through, and by which way. */
typedef struct ivs_guard {
  int allow_http;
  int allow_private;
  const char *system_ca_file; /* NULL where the system has its certificates in a folder only */
  ivs_buffer ca_file;         /* in its place, where there is one */
  ivs_buffer proxy;           /* empty for none */
} ivs_guard;

/* Where the header of an answer stands. */
enum ivs_hop_part { IVS_HOP_STATUS_LINE, IVS_HOP_FIELDS, IVS_HOP_BODY };

/* What the callbacks of one hop found. */
typedef struct ivs_hop_findings {
  enum ivs_hop_part part;
  size_t header_bytes;
  size_t header_fields;
  uint64_t body_bytes;
  int opened;   /* sockets */
  int barred;   /* addresses that no socket was opened to */
  int complete; /* whoever looked has seen enough */
} ivs_hop_findings;

/* An exchange under way; it is not copied or moved. */
typedef struct ivs_hop {
  const ivs_guard *guard;
  const invsrc_http_request *request;
  invsrc_http_reply *reply;
  int64_t begun;    /* as ivs_hop_now() counts */
  int64_t deadline; /* of the whole exchange */
  uint32_t count;   /* hops that were begun */
  int over;
  int32_t outcome;    /* OK while nothing has ended it */
  const char *reason; /* with any other */
  ivs_buffer url;     /* of the hop */
  CURL *handle;
  ivs_hop_findings found;
  /* Optional, set between begin and go: called with the reply when more of its body has
   * come, from within libcurl; 1 ends the exchange with what there is. */
  int (*look)(void *context, const invsrc_http_reply *reply);
  void *context;
  struct curl_slist headers[IVS_HOP_HEADERS + 2];
} ivs_hop;

/* Milliseconds of a clock that never goes back. */
int64_t ivs_hop_now(void);

/* What is given must last until the end. The exchange may be over at once. */
void ivs_hop_begin(ivs_hop *hop, const ivs_guard *guard, const invsrc_http_request *request,
                   invsrc_http_reply *reply);
/* Sets the handle (NULL: memory ran out) up for the next hop. Returns 0 when there is none:
 * the exchange is over. */
int ivs_hop_go(ivs_hop *hop, CURL *handle);
/* The handle has done, or could not do, what it was set up for. */
void ivs_hop_arrive(ivs_hop *hop, CURLcode code);
/* Ends an exchange, also one that is not over. Returns the outcome of it, as
 * invsrc_transport_vtable says; the reply is filled likewise. */
int32_t ivs_hop_end(ivs_hop *hop);
/* Of one that has ended: whether memory ran out, or the proxy is not there, which says
 * nothing of the peer; and whether it took too long, which may say nothing either. */
int ivs_hop_lacks_memory(const ivs_hop *hop);
int ivs_hop_lacks_proxy(const ivs_hop *hop);
int ivs_hop_is_late(const ivs_hop *hop);

#define IVS_HOP_LATE_SIZE 64

/* Says that something took too long, and how long. */
void ivs_hop_write_late(int64_t milliseconds, char text[IVS_HOP_LATE_SIZE]);

#endif
