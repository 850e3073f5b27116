/*
 * The OAuth provider's inside: its settings, and the clients that it is known as.
 */
#ifndef IVS_PROVIDERS_CONSENTS_H
#define IVS_PROVIDERS_CONSENTS_H

#include <invsrc/providers.h>

#include "core/buffer.h"
#include "providers/world.h"

/* A client that was registered by hand. */
typedef struct ivs_hand_client {
  struct ivs_hand_client *next;
  ivs_buffer issuer;
  ivs_buffer json; /* secret; as invsrc_conversation_give_client() takes it */
} ivs_hand_client;

/* Never changes once consents are asked for, so that it needs no lock. */
struct invsrc_consents {
  size_t uri_count;
  ivs_buffer redirect_uris[INVSRC_REDIRECT_URIS];
  ivs_hand_client *by_hand;
  ivs_buffer client_name;
  ivs_buffer client_metadata_url;
  int allow_http;
  int64_t longest_ms; /* of a conversation, however many exchanges it has */
  ivs_world world;
  invsrc_transport_vtable transport;
  void *transport_context;
  invsrc_clients_vtable clients;
  void *clients_context;
  invsrc_sealer_vtable sealer;
  void *sealer_context;
};

/* The client for a consent: by hand or kept. `is_again`: one that is kept did no good. Leaves
 * `client` empty where there is none. INVSRC_OK or INVSRC_ENOMEM. */
int32_t ivs_clients_find(const invsrc_consents *consents, const char *issuer,
                         const char *redirect_uri, int is_again, invsrc_buffer *client);
/* Keeps a client that was registered, in the place of any other. What cannot be kept is registered
 * again, so failure is only logged. */
void ivs_clients_keep(const invsrc_consents *consents, const char *issuer, const char *redirect_uri,
                      const void *client, uint64_t length);
/* Forgets the client that is kept, where it has this id. Failure is only logged. */
void ivs_clients_forget(const invsrc_consents *consents, const char *issuer,
                        const char *redirect_uri, const char *client_id);

#endif
