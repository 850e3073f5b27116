/*
 * Webhooks as a provider: carries the request of agents/webhook on a transport, one event
 * at a time, and says in the log why one was not taken. When an event comes again is the
 * engine's business.
 */
#include <invsrc/providers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/webhook.h"
#include "core/error.h"
#include "core/table.h"
#include "providers/world.h"

#define LONGEST_MESSAGE 512

/* Never changes once events are delivered, so that it needs no lock. */
struct invsrc_webhook {
  ivs_buffer url;
  ivs_buffer key; /* secret */
  invsrc_transport_vtable transport;
  void *transport_context;
  ivs_world world;
};

static void warn(const invsrc_webhook *webhook, const invsrc_event *event, const char *reason) {
  const char *id = invsrc_event_text(event, INVSRC_EVENT_ID, NULL);
  char message[LONGEST_MESSAGE];

  snprintf(message, sizeof message, "webhook: event %s was not taken: %s", id ? id : "", reason);
  ivs_world_warn(&webhook->world, message);
}

static int32_t carry(const invsrc_webhook *webhook, const ivs_outgoing *request,
                     char reason[IVS_WEBHOOK_REASON_SIZE]) {
  invsrc_http_reply *reply = invsrc_http_reply_new();
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;

  if (reply)
    outcome = webhook->transport.exchange(webhook->transport_context, &request->http, reply);
  outcome = ivs_webhook_judge(outcome, reply, reason);
  invsrc_http_reply_free(reply);
  return outcome;
}

static int32_t deliver(void *context, const invsrc_event *event) {
  const invsrc_webhook *webhook = context;
  char reason[IVS_WEBHOOK_REASON_SIZE] = "the clock cannot be read";
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE, code;
  ivs_outgoing request = {0};
  int64_t now = 0;

  if (!webhook || !event) return INVSRC_OUTCOME_FAILED;
  if (ivs_world_now(&webhook->world, &now) == INVSRC_OUTCOME_OK) {
    code = ivs_webhook_request_make(&request, webhook->url.bytes, &webhook->key, event, now);
    if (code == INVSRC_OK)
      outcome = carry(webhook, &request, reason);
    else
      snprintf(reason, sizeof reason, "%s", invsrc_strerror(code));
    ivs_outgoing_end(&request);
    if (code == INVSRC_EINVAL) outcome = INVSRC_OUTCOME_FAILED;
  }
  if (outcome != INVSRC_OUTCOME_OK) warn(webhook, event, reason);
  return outcome;
}

/* ---- The object ---------------------------------------------------------- */

int32_t invsrc_webhook_new(const char *url, const char *secret,
                           const invsrc_transport_vtable *transport, void *transport_context,
                           invsrc_webhook **webhook, invsrc_error *error) {
  invsrc_webhook *fresh;
  int32_t code = INVSRC_ENOMEM;

  if (!webhook) return INVSRC_EINVAL;
  *webhook = NULL;
  if (!url || !secret || !transport || transport->size < sizeof *transport || !transport->exchange)
    return INVSRC_EINVAL;
  fresh = calloc(1, sizeof *fresh);
  if (fresh) {
    fresh->transport = *transport;
    fresh->transport_context = transport_context;
    code = ivs_webhook_url_read(url, &fresh->url, error);
  }
  if (code == INVSRC_OK) code = ivs_webhook_secret_read(secret, &fresh->key, error);
  if (code == INVSRC_OK) {
    *webhook = fresh;
    return INVSRC_OK;
  }
  invsrc_webhook_free(fresh);
  if (code == INVSRC_ENOMEM) ivs_error_set(error, code, INVSRC_NO_OFFSET, "memory ran out");
  return code;
}

void invsrc_webhook_free(invsrc_webhook *webhook) {
  if (!webhook) return;
  ivs_buffer_end(&webhook->url);
  ivs_buffer_end(&webhook->key);
  free(webhook);
}

int32_t invsrc_webhook_set_world(invsrc_webhook *webhook, const invsrc_world_vtable *vtable,
                                 void *context) {
  return webhook ? ivs_world_set(&webhook->world, vtable, context) : INVSRC_EINVAL;
}

const invsrc_events_vtable *invsrc_webhook_events(void) {
  static const invsrc_events_vtable table = {
      .size = sizeof(invsrc_events_vtable),
      .deliver = deliver,
  };

  return &table;
}
