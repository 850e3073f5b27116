/*
 * The OAuth provider: carries the conversations of agents/oauth_… on a transport, one exchange
 * after the other, on the thread that calls. See consents.h.
 */
#include "providers/consents.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agents/http.h"
#include "agents/oauth_client.h"
#include "agents/oauth_credential.h"
#include "core/error.h"
#include "core/table.h"
#include "core/text.h"
#include "core/uri.h"

#define CLIENT_NAME "libinvsrc"
#define NAME_LONGEST 255
#define UNFIT_SOURCE "consent cannot be asked for with this source"
#define UNFIT_TEXT "what is kept of the consent cannot be used; are http URLs allowed?"
#define LONGEST_MS INT64_C(30000)

/* ---- Conversations --------------------------------------------------------------- */

/* What a conversation is held for. */
typedef struct talk {
  const invsrc_consents *consents;
  invsrc_conversation *conversation;
  const ivs_buffer *redirect_uri; /* of a start, */
  int is_again;
  ivs_buffer state;  /* secret */
  ivs_buffer issuer; /* the server's whose client is wanted */
  int64_t deadline;
  int32_t carried; /* outcome of the last exchange */
  invsrc_buffer *reason;
} talk;

static int64_t monotonic(void) {
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* A refusal without its reason would be taken for another one. */
static int32_t say(const talk *self, int32_t outcome, const char *reason) {
  return invsrc_buffer_set(self->reason, reason, strlen(reason)) == INVSRC_OK
             ? outcome
             : INVSRC_OUTCOME_UNAVAILABLE;
}

/* Makes one exchange, in what time is left. Returns 0 where memory ran out. */
static int carry(talk *self, int32_t number, const invsrc_http_request *wanted) {
  const invsrc_consents *consents = self->consents;
  invsrc_http_request request = *wanted;
  int64_t left = self->deadline - monotonic();
  invsrc_http_reply *reply = invsrc_http_reply_new();
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;

  if (!reply) return 0;
  if (left < request.timeout_ms) request.timeout_ms = left > 1 ? (uint32_t)left : 1;
  if (left > 0)
    outcome = consents->transport.exchange(consents->transport_context, &request, reply);
  else
    invsrc_http_reply_set_reason(reply, "it took longer than 30 s in all");
  self->carried = outcome;
  invsrc_conversation_answer(self->conversation, number, outcome, reply);
  invsrc_http_reply_free(reply);
  return 1;
}

/* Gives the conversation the client that it waits for. Returns 0 where memory ran out. */
static int give_client(talk *self, const char *issuer, uint64_t length) {
  invsrc_buffer *client = invsrc_buffer_new();
  int32_t result = INVSRC_ENOMEM;
  const void *bytes;
  uint64_t size;

  ivs_buffer_clear(&self->issuer);
  ivs_buffer_append(&self->issuer, issuer, (size_t)length);
  if (client && !self->issuer.failed)
    result = ivs_clients_find(self->consents, self->issuer.bytes, self->redirect_uri->bytes,
                              self->is_again, client);
  if (result == INVSRC_OK) {
    bytes = invsrc_buffer_bytes(client, &size);
    result = invsrc_conversation_give_client(self->conversation, size ? bytes : NULL, size);
    if (result == INVSRC_EINVAL) /* what was kept is no client */
      result = invsrc_conversation_give_client(self->conversation, NULL, 0);
  }
  invsrc_buffer_free(client);
  return result == INVSRC_OK;
}

/* One step. Returns 0 where the conversation does not get any further. */
static int advance(talk *self) {
  const invsrc_http_request *request;
  int32_t number = invsrc_conversation_next(self->conversation, &request);
  uint64_t length;
  const char *issuer;

  if (number > 0) return carry(self, number, request);
  issuer = invsrc_conversation_result(self->conversation, INVSRC_RESULT_ISSUER, &length);
  return issuer && give_client(self, issuer, length);
}

/* Holds a conversation to its end. */
static int32_t hold(talk *self) {
  const char *reason;
  int32_t outcome;

  self->deadline = monotonic() + self->consents->longest_ms;
  while (!(outcome = invsrc_conversation_outcome(self->conversation, &reason)))
    if (!advance(self)) {
      outcome = invsrc_conversation_outcome(self->conversation, &reason);
      return outcome ? say(self, outcome, reason)
                     : say(self, INVSRC_OUTCOME_UNAVAILABLE, "memory ran out");
    }
  return outcome == INVSRC_OUTCOME_OK ? outcome : say(self, outcome, reason);
}

/* What a conversation that does not begin comes to; `reason`: where it never can. */
static int32_t not_begun(const talk *self, int32_t code, const char *reason) {
  if (code == INVSRC_ENOMEM) return say(self, INVSRC_OUTCOME_UNAVAILABLE, "memory ran out");
  if (code == INVSRC_EUNAVAILABLE)
    return say(self, INVSRC_OUTCOME_UNAVAILABLE, "the clock or the entropy failed");
  return say(self, INVSRC_OUTCOME_FAILED, reason);
}

static int32_t set_up(const invsrc_consents *consents, invsrc_oauth_setup *setup) {
  *setup = (invsrc_oauth_setup){.size = sizeof *setup,
                                .allow_http = (uint32_t)consents->allow_http,
                                .client_name = consents->client_name.bytes,
                                .client_metadata_url = consents->client_metadata_url.bytes};
  if (!setup->client_name) setup->client_name = CLIENT_NAME;
  return ivs_world_now(&consents->world, &setup->now) == INVSRC_OUTCOME_OK ? INVSRC_OK
                                                                           : INVSRC_EUNAVAILABLE;
}

/* ---- The table --------------------------------------------------------------------- */

static const ivs_buffer *redirect_uri_of(const invsrc_consents *consents,
                                         const invsrc_consent *consent) {
  if (!consent->redirect_uri) return &consents->redirect_uris[0];
  for (size_t i = 0; i < consents->uri_count; i++) {
    const ivs_buffer *uri = &consents->redirect_uris[i];
    if (uri->length == consent->redirect_uri_length &&
        memcmp(uri->bytes, consent->redirect_uri, uri->length) == 0)
      return uri;
  }
  return NULL;
}

static int32_t begin_start(talk *self, const invsrc_source *source, const invsrc_consent *consent) {
  uint8_t random[INVSRC_CONVERSATION_RANDOM];
  invsrc_oauth_setup setup;
  int32_t code = set_up(self->consents, &setup);

  if (code == INVSRC_OK)
    code = ivs_buffer_set(&self->state, consent->state, (size_t)consent->state_length);
  if (code == INVSRC_OK &&
      ivs_world_random(&self->consents->world, random, sizeof random) != INVSRC_OUTCOME_OK)
    code = INVSRC_EUNAVAILABLE;
  setup.random = random;
  setup.redirect_uri = self->redirect_uri->bytes;
  setup.state = self->state.bytes;
  if (code == INVSRC_OK)
    code = invsrc_conversation_new_oauth_start(source, &setup, &self->conversation);
  OPENSSL_cleanse(random, sizeof random);
  return code;
}

/* Copies a result. Returns an outcome. */
static int32_t take(const talk *self, int32_t result, invsrc_buffer *to) {
  uint64_t length;
  const char *bytes = invsrc_conversation_result(self->conversation, result, &length);

  if (bytes && invsrc_buffer_set(to, bytes, length) == INVSRC_OK) return INVSRC_OUTCOME_OK;
  return say(self, INVSRC_OUTCOME_UNAVAILABLE, "memory ran out");
}

static void keep_client(const talk *self) {
  uint64_t length;
  const char *client =
      invsrc_conversation_result(self->conversation, INVSRC_RESULT_CLIENT, &length);

  if (client)
    ivs_clients_keep(self->consents, self->issuer.bytes, self->redirect_uri->bytes, client, length);
}

static int32_t start(void *context, const invsrc_source *source, const invsrc_consent *consent,
                     invsrc_buffer *authorization_url, invsrc_buffer *private_state,
                     invsrc_buffer *reason) {
  talk self = {.consents = context, .reason = reason};
  int32_t code, outcome;

  if (!context || !source || !consent || !consent->state) return INVSRC_OUTCOME_FAILED;
  if (!self.consents->uri_count) return INVSRC_OUTCOME_NOT_IMPLEMENTED;
  self.is_again = consent->is_again != 0;
  self.redirect_uri = redirect_uri_of(self.consents, consent);
  if (!self.redirect_uri) return INVSRC_OUTCOME_REFUSED;
  code = begin_start(&self, source, consent);
  outcome = code == INVSRC_OK ? hold(&self) : not_begun(&self, code, UNFIT_SOURCE);
  if (code == INVSRC_OK) keep_client(&self);
  if (outcome == INVSRC_OUTCOME_OK)
    outcome = take(&self, INVSRC_RESULT_AUTHORIZATION_URL, authorization_url);
  if (outcome == INVSRC_OUTCOME_OK)
    outcome = take(&self, INVSRC_RESULT_PRIVATE_STATE, private_state);
  invsrc_conversation_free(self.conversation);
  ivs_buffer_end(&self.state);
  ivs_buffer_end(&self.issuer);
  return outcome;
}

/* The server does not know the client any more: the next consent is asked for as another. */
static void forget_client(const talk *self, const void *private_state, uint64_t length) {
  ivs_oauth_record record = {0};

  if (ivs_oauth_record_read(private_state, (size_t)length, IVS_OAUTH_PRIVATE_STATE, &record) ==
      INVSRC_OK)
    ivs_clients_forget(self->consents, ivs_oauth_record_text(&record, IVS_OAUTH_ISSUER),
                       ivs_oauth_record_text(&record, IVS_OAUTH_REDIRECT_URI),
                       ivs_oauth_record_text(&record, IVS_OAUTH_CLIENT_ID));
  ivs_oauth_record_end(&record);
}

static int32_t finish(void *context, const invsrc_source *source, const void *private_state,
                      uint64_t length, const invsrc_redirect *redirect, invsrc_buffer *credential,
                      int64_t *refresh_at, invsrc_buffer *reason) {
  talk self = {.consents = context, .reason = reason};
  invsrc_oauth_setup setup;
  int32_t code, outcome;

  (void)source;
  if (!context) return INVSRC_OUTCOME_FAILED;
  code = set_up(self.consents, &setup);
  if (code == INVSRC_OK)
    code = invsrc_conversation_new_oauth_finish(private_state, length, redirect, &setup,
                                                &self.conversation);
  outcome = code == INVSRC_OK ? hold(&self) : not_begun(&self, code, UNFIT_TEXT);
  if (outcome == INVSRC_OUTCOME_OK) {
    *refresh_at = invsrc_conversation_refresh_at(self.conversation);
    outcome = take(&self, INVSRC_RESULT_CREDENTIAL, credential);
  } else if (outcome == INVSRC_OUTCOME_FAILED && self.carried == INVSRC_OUTCOME_OK) {
    forget_client(&self, private_state, length);
  }
  invsrc_conversation_free(self.conversation);
  return outcome;
}

static int32_t revoke(void *context, const invsrc_source *source, const void *credential,
                      uint64_t length, invsrc_buffer *reason) {
  talk self = {.consents = context, .reason = reason};
  invsrc_oauth_setup setup;
  int32_t code, outcome;

  (void)source;
  if (!context) return INVSRC_OUTCOME_FAILED;
  code = set_up(self.consents, &setup);
  if (code == INVSRC_OK)
    code = invsrc_conversation_new_oauth_revoke(credential, length, &setup, &self.conversation);
  outcome = code == INVSRC_OK ? hold(&self) : not_begun(&self, code, UNFIT_TEXT);
  invsrc_conversation_free(self.conversation);
  return outcome;
}

const invsrc_oauth_vtable *invsrc_consents_oauth(void) {
  static const invsrc_oauth_vtable table = {
      .size = sizeof(invsrc_oauth_vtable), .start = start, .finish = finish, .revoke = revoke};

  return &table;
}

/* ---- Settings ------------------------------------------------------------------------ */

/* INVSRC_OK, INVSRC_EMALFORMED with the reason, or INVSRC_ENOMEM. */
static int32_t judge_url(const char *text, ivs_uri *uri, const char **reason, size_t *offset) {
  int32_t code = ivs_url_parse(text, strlen(text), uri, reason, offset);

  if (code != INVSRC_OK || !uri->fragment.text) return code;
  *reason = "must have no fragment";
  *offset = (size_t)(uri->fragment.text - text);
  return INVSRC_EMALFORMED;
}

int32_t invsrc_consents_new(const char *redirect_uri, const invsrc_transport_vtable *transport,
                            void *transport_context, invsrc_consents **consents,
                            invsrc_error *error) {
  const char *reason = "memory ran out";
  size_t offset = 0;
  invsrc_consents *fresh;
  int32_t code;
  ivs_uri uri;

  if (consents) *consents = NULL;
  if (!transport || !consents) return INVSRC_EINVAL;
  fresh = calloc(1, sizeof *fresh);
  code = fresh ? INVSRC_OK : INVSRC_ENOMEM;
  if (code == INVSRC_OK && redirect_uri) code = judge_url(redirect_uri, &uri, &reason, &offset);
  if (code == INVSRC_OK)
    code = ivs_table_copy(&fresh->transport, sizeof fresh->transport, transport,
                          IVS_TABLE_UP_TO(invsrc_transport_vtable, exchange));
  if (code == INVSRC_OK && redirect_uri)
    code = ivs_buffer_set(&fresh->redirect_uris[0], redirect_uri, strlen(redirect_uri));
  if (code == INVSRC_OK) {
    fresh->uri_count = redirect_uri != NULL;
    fresh->transport_context = transport_context;
    fresh->longest_ms = LONGEST_MS;
    *consents = fresh;
    return INVSRC_OK;
  }
  if (code == INVSRC_EMALFORMED)
    ivs_error_set(error, code, offset, "the redirect URI %s", reason);
  else
    ivs_error_set(error, code, INVSRC_NO_OFFSET, "%s", invsrc_strerror(code));
  invsrc_consents_free(fresh);
  return code;
}

void invsrc_consents_free(invsrc_consents *consents) {
  ivs_hand_client *gone;

  if (!consents) return;
  for (size_t i = 0; i < INVSRC_REDIRECT_URIS; i++) ivs_buffer_end(&consents->redirect_uris[i]);
  while ((gone = consents->by_hand)) {
    consents->by_hand = gone->next;
    ivs_buffer_end(&gone->issuer);
    ivs_buffer_end(&gone->json);
    free(gone);
  }
  ivs_buffer_end(&consents->client_name);
  ivs_buffer_end(&consents->client_metadata_url);
  free(consents);
}

int32_t invsrc_consents_add_redirect_uri(invsrc_consents *consents, const char *redirect_uri) {
  const char *reason;
  size_t offset;
  int32_t code;
  ivs_uri uri;

  if (!consents || !redirect_uri || consents->uri_count == INVSRC_REDIRECT_URIS)
    return INVSRC_EINVAL;
  code = judge_url(redirect_uri, &uri, &reason, &offset);
  if (code != INVSRC_OK) return code == INVSRC_EMALFORMED ? INVSRC_EINVAL : code;
  code = ivs_buffer_set(&consents->redirect_uris[consents->uri_count], redirect_uri,
                        strlen(redirect_uri));
  if (code == INVSRC_OK) consents->uri_count++;
  return code;
}

static int is_plain(const char *text, size_t longest) {
  size_t length = strlen(text);

  return length > 0 && length <= longest && ivs_text_is_utf8(text, length, NULL) &&
         !ivs_text_has_control(text, length);
}

#define CLIENT_LONGEST 2048 /* bytes of an issuer, an id or a secret */

static int32_t write_client(ivs_hand_client *to, const char *issuer, const char *client_id,
                            const char *secret) {
  const char *method = secret ? IVS_OAUTH_METHOD_BASIC : IVS_OAUTH_METHOD_NONE;
  ivs_oauth_record record = {0};
  int32_t code = ivs_oauth_record_set(&record, IVS_OAUTH_CLIENT_ID, client_id, strlen(client_id));

  if (code == INVSRC_OK && secret)
    code = ivs_oauth_record_set(&record, IVS_OAUTH_CLIENT_SECRET, secret, strlen(secret));
  if (code == INVSRC_OK)
    code = ivs_oauth_record_set(&record, IVS_OAUTH_AUTH_METHOD, method, strlen(method));
  if (code == INVSRC_OK) code = ivs_buffer_set(&to->issuer, issuer, strlen(issuer));
  if (code == INVSRC_OK) ivs_oauth_record_write(&record, IVS_OAUTH_CLIENT, &to->json);
  ivs_oauth_record_end(&record);
  return to->json.failed ? INVSRC_ENOMEM : code;
}

int32_t invsrc_consents_add_client(invsrc_consents *consents, const char *issuer,
                                   const char *client_id, const char *secret) {
  ivs_hand_client *fresh;
  const char *reason;
  size_t offset;
  int32_t code;
  ivs_uri uri;

  if (!consents || !issuer || !client_id || !is_plain(issuer, CLIENT_LONGEST) ||
      !is_plain(client_id, CLIENT_LONGEST) || (secret && !is_plain(secret, CLIENT_LONGEST)))
    return INVSRC_EINVAL;
  code = judge_url(issuer, &uri, &reason, &offset);
  if (code != INVSRC_OK) return code == INVSRC_EMALFORMED ? INVSRC_EINVAL : code;
  for (const ivs_hand_client *at = consents->by_hand; at; at = at->next)
    if (strcmp(at->issuer.bytes, issuer) == 0) return INVSRC_EINVAL;
  fresh = calloc(1, sizeof *fresh);
  if (!fresh) return INVSRC_ENOMEM;
  fresh->next = consents->by_hand;
  code = write_client(fresh, issuer, client_id, secret);
  if (code == INVSRC_OK) {
    consents->by_hand = fresh;
    return code;
  }
  ivs_buffer_end(&fresh->issuer);
  ivs_buffer_end(&fresh->json);
  free(fresh);
  return code;
}

static int32_t set_text(ivs_buffer *slot, const char *text) {
  if (text) return ivs_buffer_set(slot, text, strlen(text));
  ivs_buffer_end(slot);
  return INVSRC_OK;
}

int32_t invsrc_consents_set_client_name(invsrc_consents *consents, const char *name) {
  if (!consents || (name && !is_plain(name, NAME_LONGEST))) return INVSRC_EINVAL;
  return set_text(&consents->client_name, name);
}

int32_t invsrc_consents_set_client_metadata_url(invsrc_consents *consents, const char *url) {
  const char *reason;
  size_t offset;
  int32_t code;
  ivs_uri uri;

  if (!consents) return INVSRC_EINVAL;
  code = url ? judge_url(url, &uri, &reason, &offset) : INVSRC_OK;
  if (code == INVSRC_ENOMEM) return code;
  if (code != INVSRC_OK ||
      (url && (!ivs_uri_scheme_is(&uri, "https") || uri.path.length < 2 || uri.query.text)))
    return INVSRC_EINVAL;
  return set_text(&consents->client_metadata_url, url);
}

int32_t invsrc_consents_client_metadata(const invsrc_consents *consents, invsrc_buffer *document) {
  const ivs_buffer *url = consents ? &consents->client_metadata_url : NULL;
  ivs_buffer text = IVS_BUFFER_EMPTY;
  int32_t code;

  if (!consents || !document) return INVSRC_EINVAL;
  if (!url->length) return INVSRC_ESTATE;
  ivs_buffer_append_text(&text, "{\"client_id\":");
  ivs_json_write_string(&text, url->bytes, url->length);
  ivs_buffer_append_text(&text, ",");
  ivs_oauth_client_write(&text,
                         consents->client_name.length ? consents->client_name.bytes : CLIENT_NAME,
                         consents->redirect_uris, consents->uri_count, IVS_OAUTH_METHOD_NONE);
  code = text.failed ? INVSRC_ENOMEM : invsrc_buffer_set(document, text.bytes, text.length);
  ivs_buffer_end(&text);
  return code;
}

int32_t invsrc_consents_set_clients(invsrc_consents *consents, const invsrc_clients_vtable *clients,
                                    void *clients_context, const invsrc_sealer_vtable *sealer,
                                    void *sealer_context) {
  invsrc_clients_vtable kept;
  int32_t code;

  if (!consents || !clients || !sealer) return INVSRC_EINVAL;
  code = ivs_table_copy(&kept, sizeof kept, clients, IVS_TABLE_UP_TO(invsrc_clients_vtable, put));
  if (code == INVSRC_OK)
    code = ivs_table_copy(&consents->sealer, sizeof consents->sealer, sealer,
                          IVS_TABLE_UP_TO(invsrc_sealer_vtable, open));
  if (code != INVSRC_OK) return code;
  consents->clients = kept;
  consents->clients_context = clients_context;
  consents->sealer_context = sealer_context;
  return INVSRC_OK;
}

int32_t invsrc_consents_set_allow_http(invsrc_consents *consents, int32_t on) {
  if (!consents || (on != 0 && on != 1)) return INVSRC_EINVAL;
  consents->allow_http = (int)on;
  return INVSRC_OK;
}

int32_t invsrc_consents_set_world(invsrc_consents *consents, const invsrc_world_vtable *vtable,
                                  void *context) {
  return consents ? ivs_world_set(&consents->world, vtable, context) : INVSRC_EINVAL;
}
