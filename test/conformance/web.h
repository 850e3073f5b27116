/*
 * What is there in place of the network, in worlds that have a `web` (README.md): a list of
 * exchanges, and the ready-made OAuth provider over them.
 */
#ifndef CONFORMANCE_WEB_H
#define CONFORMANCE_WEB_H

#include "conformance/vector.h"

#define REDIRECT_URI "https://host.example/api/v2/storefront/oauth/callback"
#define MOST_EXCHANGES 16

typedef struct exchange {
  const cJSON *given;
  ivs_buffer body;
  double count;  /* how often it was made, */
  double before; /* and in `before` */
} exchange;

struct web {
  invsrc_consents *consents;
  int64_t now;
  size_t count;
  exchange exchanges[MOST_EXCHANGES];
};

/* ---- The transport --------------------------------------------------------------- */

static inline int is_in_request(const char *text, const invsrc_http_request *request) {
  for (uint32_t i = 0; i < request->header_count; i++)
    if (strstr(request->headers[i], text)) return 1;
  return request->body && strstr(request->body, text);
}

/* Whether an exchange is for the request, which has been led on to `url`. */
static inline int fits(const exchange *it, const invsrc_http_request *request, const char *url) {
  const cJSON *times = member(it->given, "times");

  if (strcmp(text_of(it->given, "method", ""), request->method) != 0 ||
      strcmp(text_of(it->given, "url", ""), url) != 0 || (times && it->count >= number_of(times)))
    return 0;
  for (const cJSON *at = first_of(member(it->given, "has")); at; at = at->next)
    if (!is_in_request(cJSON_GetStringValue(at), request)) return 0;
  return 1;
}

/* Returns an outcome. */
static inline int32_t fill_reply(const exchange *it, invsrc_http_reply *reply) {
  const char *outcome = text_of(it->given, "outcome", NULL);
  int32_t result;

  if (outcome) {
    invsrc_http_reply_set_reason(reply, text_of(it->given, "reason", ""));
    return strcmp(outcome, "refused") == 0 ? INVSRC_OUTCOME_REFUSED : INVSRC_OUTCOME_UNAVAILABLE;
  }
  result = invsrc_http_reply_set_status(reply, (int32_t)number_of(member(it->given, "status")));
  for (const cJSON *at = first_of(member(it->given, "headers")); at && !result; at = at->next)
    result =
        invsrc_http_reply_add_header(reply, at->string, strlen(at->string),
                                     cJSON_GetStringValue(at), strlen(cJSON_GetStringValue(at)));
  if (!result) result = invsrc_http_reply_append_body(reply, it->body.bytes, it->body.length);
  if (result) invsrc_http_reply_set_reason(reply, "memory ran out");
  return result ? INVSRC_OUTCOME_UNAVAILABLE : INVSRC_OUTCOME_OK;
}

/* What is not listed is not there. A GET is led on as often as it may be. */
static inline int32_t exchange_on_web(void *context, const invsrc_http_request *request,
                                      invsrc_http_reply *reply) {
  struct web *self = context;
  const char *url = request->url;

  for (uint32_t hops = 0;; hops++) {
    const char *next;
    size_t i = 0;
    while (i < self->count && !fits(&self->exchanges[i], request, url)) i++;
    if (i == self->count) {
      invsrc_http_reply_set_status(reply, 404);
      return INVSRC_OUTCOME_OK;
    }
    self->exchanges[i].count++;
    next = text_of(member(self->exchanges[i].given, "headers"), "Location", NULL);
    if (!next || hops == request->redirects) return fill_reply(&self->exchanges[i], reply);
    url = next;
  }
}

static const invsrc_transport_vtable web_transport = {sizeof web_transport, 0, exchange_on_web};

/* ---- Clock and entropy ------------------------------------------------------------ */

static inline int32_t web_now(void *context, int64_t *now) {
  *now = ((struct web *)context)->now;
  return INVSRC_OUTCOME_OK;
}

/* The same each time, so that tries can be compared. */
static inline int32_t web_random(void *context, uint8_t *bytes, uint64_t length) {
  (void)context;
  memset(bytes, 7, (size_t)length);
  return INVSRC_OUTCOME_OK;
}

static const invsrc_world_vtable web_world = {sizeof web_world, 0, web_now, web_random, NULL};

/* ---- Beginning and end --------------------------------------------------------------- */

static inline void add_exchanges(world *self, const cJSON *list) {
  for (const cJSON *at = first_of(list); at; at = at->next) {
    exchange *it = &self->web->exchanges[self->web->count++];
    if (self->web->count == MOST_EXCHANGES) must(INVSRC_ERANGE, "web");
    it->given = at;
    write_body(&it->body, at, self);
  }
}

/* The clients that the provider is known as: one by hand, its document, those that are kept. */
static inline void set_clients(world *self, const cJSON *given, const invsrc_sealer_vtable *sealer,
                               void *sealer_context) {
  const cJSON *client = member(given, "client");
  invsrc_consents *consents = self->web->consents;

  must(invsrc_consents_set_clients(consents, invsrc_memory_clients(), self->memory, sealer,
                                   sealer_context),
       "clients");
  must(invsrc_consents_set_client_metadata_url(consents, text_of(given, "clientMetadataUrl", NULL)),
       "clientMetadataUrl");
  if (client)
    must(invsrc_consents_add_client(consents, text_of(client, "issuer", ""),
                                    text_of(client, "clientId", ""),
                                    text_of(client, "secret", NULL)),
         "client");
}

/* Makes the web of a world that has one, and the OAuth provider of its host. */
static inline void begin_web(world *self, const cJSON *given, int64_t now,
                             const invsrc_sealer_vtable *sealer, void *sealer_context) {
  if (!member(given, "web")) return;
  self->web = calloc(1, sizeof *self->web);
  if (!self->web) abort();
  self->web->now = now;
  add_exchanges(self, member(given, "web"));
  must(invsrc_consents_new(REDIRECT_URI, &web_transport, self->web, &self->web->consents, NULL),
       "consents");
  must(invsrc_consents_set_world(self->web->consents, &web_world, self->web), "world");
  must(invsrc_consents_set_allow_http(self->web->consents,
                                      is_true(member(given, "options"), "allowHttp")),
       "allowHttp");
  set_clients(self, given, sealer, sealer_context);
  invsrc_testkit_use_oauth(self->kit, invsrc_consents_oauth(), self->web->consents);
}

/* `before` is over, and it is `now`. */
static inline void move_web(world *self, int64_t now) {
  if (!self->web) return;
  self->web->now = now;
  for (size_t i = 0; i < self->web->count; i++)
    self->web->exchanges[i].before = self->web->exchanges[i].count;
}

/* What was asked since then has not been. */
static inline void rewind_web(world *self) {
  for (size_t i = 0; self->web && i < self->web->count; i++)
    self->web->exchanges[i].count = self->web->exchanges[i].before;
}

/* Whether a client is kept for the issuer that an exchange tells of; puts it into `sealed`. */
static inline int is_client_kept(const world *self, size_t at, invsrc_buffer *sealed) {
  const char *issuer = text_of(member(self->web->exchanges[at].given, "json"), "issuer", "");

  return invsrc_memory_clients()->get(self->memory, issuer, strlen(issuer), REDIRECT_URI,
                                      strlen(REDIRECT_URI), sealed) == INVSRC_OUTCOME_OK;
}

static inline void end_web(world *self) {
  if (!self->web) return;
  invsrc_consents_free(self->web->consents);
  for (size_t i = 0; i < self->web->count; i++) ivs_buffer_end(&self->web->exchanges[i].body);
  free(self->web);
}

#endif
