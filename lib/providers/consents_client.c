/*
 * The clients of the OAuth provider: registered by hand, or kept where the host keeps them,
 * sealed. See consents.h.
 */
#include <string.h>

#include "agents/oauth_credential.h"
#include "providers/consents.h"

static void bind(invsrc_binding *binding, const char *issuer, const char *redirect_uri) {
  *binding = (invsrc_binding){.size = sizeof *binding,
                              .storefront = redirect_uri,
                              .storefront_length = strlen(redirect_uri),
                              .id = issuer,
                              .id_length = strlen(issuer),
                              .purpose = INVSRC_PURPOSE_OAUTH_CLIENT,
                              .purpose_length = strlen(INVSRC_PURPOSE_OAUTH_CLIENT)};
}

static const ivs_hand_client *find_by_hand(const invsrc_consents *consents, const char *issuer) {
  const ivs_hand_client *at = consents->by_hand;

  while (at && strcmp(at->issuer.bytes, issuer) != 0) at = at->next;
  return at;
}

/* Puts what is kept into `sealed`, or nothing. OK, NOT_FOUND, or what it is that failed. */
static int32_t get(const invsrc_consents *consents, const invsrc_binding *binding,
                   invsrc_buffer *sealed) {
  uint64_t length;
  int32_t outcome =
      consents->clients.get(consents->clients_context, binding->id, binding->id_length,
                            binding->storefront, binding->storefront_length, sealed);

  invsrc_buffer_bytes(sealed, &length);
  if (outcome == INVSRC_OUTCOME_OK && length) return outcome;
  invsrc_buffer_set(sealed, NULL, 0);
  return outcome == INVSRC_OUTCOME_OK ? INVSRC_OUTCOME_NOT_FOUND : outcome;
}

/* One that cannot be opened is as good as none. */
static void open_kept(const invsrc_consents *consents, const invsrc_binding *binding,
                      const invsrc_buffer *kept, invsrc_buffer *client) {
  uint64_t length;
  const void *sealed = invsrc_buffer_bytes(kept, &length);

  if (consents->sealer.open(consents->sealer_context, binding, sealed, length, client) ==
      INVSRC_OUTCOME_OK)
    return;
  invsrc_buffer_set(client, NULL, 0);
  ivs_world_warn(&consents->world, "oauth: a kept client cannot be opened; is its key at hand?");
}

/* Leaves both empty where nothing is kept. */
static void find_kept(const invsrc_consents *consents, const invsrc_binding *binding,
                      invsrc_buffer *kept, invsrc_buffer *client) {
  int32_t outcome = get(consents, binding, kept);

  if (outcome == INVSRC_OUTCOME_OK)
    open_kept(consents, binding, kept, client);
  else if (outcome != INVSRC_OUTCOME_NOT_FOUND)
    ivs_world_warn(&consents->world, "oauth: kept clients cannot be read");
}

int32_t ivs_clients_find(const invsrc_consents *consents, const char *issuer,
                         const char *redirect_uri, int is_again, invsrc_buffer *client) {
  const ivs_hand_client *by_hand = find_by_hand(consents, issuer);
  invsrc_binding binding;
  invsrc_buffer *kept;

  if (by_hand) return invsrc_buffer_set(client, by_hand->json.bytes, by_hand->json.length);
  if (!consents->clients.get || is_again) return INVSRC_OK;
  kept = invsrc_buffer_new();
  if (!kept) return INVSRC_ENOMEM;
  bind(&binding, issuer, redirect_uri);
  find_kept(consents, &binding, kept, client);
  invsrc_buffer_free(kept);
  return INVSRC_OK;
}

static void discard(const invsrc_consents *consents, const invsrc_binding *binding,
                    const invsrc_buffer *sealed) {
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(sealed, &length);

  if (!length || !consents->sealer.discard) return;
  if (consents->sealer.discard(consents->sealer_context, binding, bytes, length) !=
      INVSRC_OUTCOME_OK)
    ivs_world_warn(&consents->world, "oauth: a sealed client is left over");
}

static int32_t put(const invsrc_consents *consents, const invsrc_binding *binding,
                   const invsrc_buffer *sealed) {
  uint64_t length = 0;
  const void *bytes = sealed ? invsrc_buffer_bytes(sealed, &length) : NULL;

  return consents->clients.put(consents->clients_context, binding->id, binding->id_length,
                               binding->storefront, binding->storefront_length, bytes, length);
}

/* In the place of what is kept by now, which may have come while this one was registered. */
static int32_t replace(const invsrc_consents *consents, const invsrc_binding *binding,
                       const invsrc_buffer *sealed, invsrc_buffer *kept) {
  int32_t outcome = get(consents, binding, kept);

  if (outcome == INVSRC_OUTCOME_OK || outcome == INVSRC_OUTCOME_NOT_FOUND)
    outcome = put(consents, binding, sealed);
  discard(consents, binding, outcome == INVSRC_OUTCOME_OK ? kept : sealed);
  return outcome;
}

void ivs_clients_keep(const invsrc_consents *consents, const char *issuer, const char *redirect_uri,
                      const void *client, uint64_t length) {
  invsrc_buffer *sealed, *kept;
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  invsrc_binding binding;

  if (!consents->clients.put) return;
  bind(&binding, issuer, redirect_uri);
  sealed = invsrc_buffer_new();
  kept = invsrc_buffer_new();
  if (sealed && kept)
    outcome = consents->sealer.seal(consents->sealer_context, &binding, client, length, sealed);
  if (outcome == INVSRC_OUTCOME_OK) outcome = replace(consents, &binding, sealed, kept);
  if (outcome != INVSRC_OUTCOME_OK)
    ivs_world_warn(&consents->world, "oauth: a registered client cannot be kept");
  invsrc_buffer_free(kept);
  invsrc_buffer_free(sealed);
}

static int has_id(const invsrc_buffer *client, const char *client_id) {
  ivs_oauth_record record = {0};
  uint64_t length;
  const void *text = invsrc_buffer_bytes(client, &length);
  int is_same =
      length &&
      ivs_oauth_record_read(text, (size_t)length, IVS_OAUTH_CLIENT, &record) == INVSRC_OK &&
      strcmp(ivs_oauth_record_text(&record, IVS_OAUTH_CLIENT_ID), client_id) == 0;

  ivs_oauth_record_end(&record);
  return is_same;
}

void ivs_clients_forget(const invsrc_consents *consents, const char *issuer,
                        const char *redirect_uri, const char *client_id) {
  invsrc_buffer *kept, *client;
  invsrc_binding binding;

  if (!consents->clients.put) return;
  bind(&binding, issuer, redirect_uri);
  kept = invsrc_buffer_new();
  client = invsrc_buffer_new();
  if (kept && client) find_kept(consents, &binding, kept, client);
  if (kept && client && has_id(client, client_id)) {
    if (put(consents, &binding, NULL) == INVSRC_OUTCOME_OK)
      discard(consents, &binding, kept);
    else
      ivs_world_warn(&consents->world, "oauth: a client that is not known any more stays kept");
  }
  invsrc_buffer_free(client);
  invsrc_buffer_free(kept);
}
