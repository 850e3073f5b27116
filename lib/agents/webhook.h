/*
 * Webhooks in the form of Standard Webhooks 1.0, without I/O: the secret, the signed
 * request that brings an event, and what follows from the answer. Knows no clock and no
 * network: time is an argument, and whoever asks carries the request.
 */
#ifndef IVS_AGENTS_WEBHOOK_H
#define IVS_AGENTS_WEBHOOK_H

#include <invsrc/providers.h>

#include "agents/outgoing.h"

/* Checks where events are to go: an http or https URL without user information and
 * fragment. INVSRC_OK; INVSRC_EMALFORMED (the error says why); INVSRC_ENOMEM. */
int32_t ivs_webhook_url_read(const char *url, ivs_buffer *out, invsrc_error *error);
/* Puts the bytes of a secret, "whsec_" and the base64 of 24 to 64 of them, into `key`.
 * INVSRC_OK; INVSRC_EMALFORMED (the error says why, never what); INVSRC_ENOMEM. */
int32_t ivs_webhook_secret_read(const char *secret, ivs_buffer *key, invsrc_error *error);

/* Brings `event` to `url`, signed with `key`, in an attempt at `now` (milliseconds). The
 * request is ended by ivs_outgoing_end(), also one that failed. INVSRC_OK; INVSRC_EINVAL (the event
 * has no id or no payload); INVSRC_ENOMEM. */
int32_t ivs_webhook_request_make(ivs_outgoing *request, const char *url, const ivs_buffer *key,
                                 const invsrc_event *event, int64_t now);

#define IVS_WEBHOOK_REASON_SIZE 240

/* Judges what the transport brought: INVSRC_OUTCOME_OK where the event was taken, else
 * INVSRC_OUTCOME_UNAVAILABLE with the reason, for a log. */
int32_t ivs_webhook_judge(int32_t outcome, const invsrc_http_reply *reply,
                          char reason[IVS_WEBHOOK_REASON_SIZE]);

#endif
