/*
 * The clients of the OAuth provider: registered by hand, or kept where the host keeps them,
 * sealed. See consents.h.
 */
#include <string.h>

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

/* Puts what is sealed for the client into `kept`. */
static int is_kept(const invsrc_consents *consents, const char *issuer, const char *redirect_uri,
                   invsrc_buffer *kept) {
  uint64_t length;
  int32_t outcome = consents->clients.get(consents->clients_context, issuer, strlen(issuer),
                                          redirect_uri, strlen(redirect_uri), kept);

  if (outcome != INVSRC_OUTCOME_OK && outcome != INVSRC_OUTCOME_NOT_FOUND)
    ivs_world_warn(&consents->world, "oauth: kept clients cannot be read");
  if (outcome != INVSRC_OUTCOME_OK) invsrc_buffer_set(kept, NULL, 0);
  return invsrc_buffer_bytes(kept, &length) && length;
}

/* One that cannot be opened is as good as none. */
static void open_kept(const invsrc_consents *consents, const char *issuer, const char *redirect_uri,
                      const invsrc_buffer *kept, invsrc_buffer *client) {
  invsrc_binding binding;
  uint64_t length;
  const void *sealed = invsrc_buffer_bytes(kept, &length);

  bind(&binding, issuer, redirect_uri);
  if (consents->sealer.open(consents->sealer_context, &binding, sealed, length, client) ==
      INVSRC_OUTCOME_OK)
    return;
  invsrc_buffer_set(client, NULL, 0);
  ivs_world_warn(&consents->world, "oauth: a kept client cannot be opened; is its key at hand?");
}

int32_t ivs_clients_find(const invsrc_consents *consents, const char *issuer,
                         const ivs_buffer *redirect_uri, int is_again, invsrc_buffer *client,
                         invsrc_buffer *kept) {
  const ivs_hand_client *by_hand = find_by_hand(consents, issuer);

  if (by_hand) return invsrc_buffer_set(client, by_hand->json.bytes, by_hand->json.length);
  if (consents->clients.get && is_kept(consents, issuer, redirect_uri->bytes, kept) && !is_again)
    open_kept(consents, issuer, redirect_uri->bytes, kept, client);
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

void ivs_clients_keep(const invsrc_consents *consents, const char *issuer, const char *redirect_uri,
                      const void *client, uint64_t length, const invsrc_buffer *kept) {
  invsrc_buffer *sealed = NULL;
  int32_t outcome = INVSRC_OUTCOME_OK;
  invsrc_binding binding;

  if (!consents->clients.put) return;
  bind(&binding, issuer, redirect_uri);
  if (client) {
    sealed = invsrc_buffer_new();
    outcome =
        sealed ? consents->sealer.seal(consents->sealer_context, &binding, client, length, sealed)
               : INVSRC_OUTCOME_UNAVAILABLE;
  }
  if (outcome == INVSRC_OUTCOME_OK) {
    outcome = put(consents, &binding, sealed);
    discard(consents, &binding, outcome == INVSRC_OUTCOME_OK ? kept : sealed);
  }
  if (outcome != INVSRC_OUTCOME_OK)
    ivs_world_warn(&consents->world, "oauth: a registered client cannot be kept");
  invsrc_buffer_free(sealed);
}
