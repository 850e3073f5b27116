/*
 * Webhooks in the form of Standard Webhooks 1.0, without I/O: the secret, the signed
 * request that brings an event, and what follows from the answer. Knows no clock and no
 * network: time is an argument, and whoever asks carries the request.
 */
#ifndef IVS_AGENTS_WEBHOOK_H
#define IVS_AGENTS_WEBHOOK_H

#include <invsrc/providers.h>

#include "core/buffer.h"

/* Checks where events are to go: an http or https URL without user information and
 * fragment. INVSRC_OK; INVSRC_EMALFORMED (the error says why); INVSRC_ENOMEM. */
int32_t ivs_webhook_url_read(const char *url, ivs_buffer *out, invsrc_error *error);
/* Puts the bytes of a secret, "whsec_" and the base64 of 24 to 64 of them, into `key`.
 * INVSRC_OK; INVSRC_EMALFORMED (the error says why, never what); INVSRC_ENOMEM. */
int32_t ivs_webhook_secret_read(const char *secret, ivs_buffer *key, invsrc_error *error);

#define IVS_WEBHOOK_LINES 4

/* A request and the memory that it lies in; it is not copied or moved. */
typedef struct ivs_webhook_request {
  invsrc_http_request http;
  ivs_buffer lines[IVS_WEBHOOK_LINES];
  const char *headers[IVS_WEBHOOK_LINES];
} ivs_webhook_request;

/* Brings `event`, which must stay until the request ends, to `url`, signed with `key`, in
 * an attempt at `now` (milliseconds). INVSRC_OK; INVSRC_EINVAL (the event has no id or no
 * payload); INVSRC_ENOMEM. */
int32_t ivs_webhook_request_make(ivs_webhook_request *request, const char *url,
                                 const ivs_buffer *key, const invsrc_event *event, int64_t now);
void ivs_webhook_request_end(ivs_webhook_request *request); /* takes one that failed, too */

#define IVS_WEBHOOK_REASON_SIZE 240

/* Judges what the transport brought: INVSRC_OUTCOME_OK where the event was taken, else
 * INVSRC_OUTCOME_UNAVAILABLE with the reason, for a log. */
int32_t ivs_webhook_judge(int32_t outcome, const invsrc_http_reply *reply,
                          char reason[IVS_WEBHOOK_REASON_SIZE]);

#endif
