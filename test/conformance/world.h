/*
 * The worlds that conformance vectors are run in, for programs in C: a service on the store
 * in memory, whose providers are scripted; its sealer keeps account of what it sealed.
 */
#ifndef CONFORMANCE_WORLD_H
#define CONFORMANCE_WORLD_H

#include "conformance/web.h"

/* ---- The sealer, which keeps account --------------------------------------------- */

static inline uint64_t add_fingerprint(uint64_t hash, const void *bytes, uint64_t length) {
  for (uint64_t i = 0; i < length; i++)
    hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static inline uint64_t fingerprint(const void *bytes, uint64_t length) {
  return add_fingerprint(UINT64_C(0xcbf29ce484222325), bytes, length); /* FNV-1a */
}

static inline uint64_t fingerprint_binding(const invsrc_binding *binding) {
  uint64_t hash = fingerprint(binding->storefront, binding->storefront_length);

  hash = add_fingerprint(hash, binding->id, binding->id_length + 1);
  return add_fingerprint(hash, binding->purpose, binding->purpose_length);
}

/* Puts `to` in the place of `from`; 0 where `from` is not there. */
static inline int exchange_sealed(world *self, uint64_t from, uint64_t to) {
  for (size_t i = 0; i < MOST_SEALED; i++)
    if (self->sealed[i] == from) {
      self->sealed[i] = to;
      return 1;
    }
  return 0;
}

static inline int32_t count_seal(void *context, const invsrc_binding *binding,
                                 const void *plaintext, uint64_t length, invsrc_buffer *sealed) {
  world *self = context;
  int32_t outcome =
      invsrc_keyring_sealer()->seal(self->keyring, binding, plaintext, length, sealed);
  uint64_t count;
  const void *bytes = invsrc_buffer_bytes(sealed, &count);

  if (outcome == INVSRC_OUTCOME_OK && !exchange_sealed(self, 0, fingerprint(bytes, count)))
    self->strays++;
  for (size_t i = 0; outcome == INVSRC_OUTCOME_OK && i < MOST_SEALED; i++)
    if (self->sealed[i] == fingerprint(bytes, count)) self->bound[i] = fingerprint_binding(binding);
  return outcome;
}

static inline int32_t unseal(void *context, const invsrc_binding *binding, const void *sealed,
                             uint64_t length, invsrc_buffer *plaintext) {
  return invsrc_keyring_sealer()->open(((world *)context)->keyring, binding, sealed, length,
                                       plaintext);
}

static inline int32_t count_discard(void *context, const invsrc_binding *binding,
                                    const void *sealed, uint64_t length) {
  world *self = context;

  for (size_t i = 0; i < MOST_SEALED; i++)
    if (self->sealed[i] == fingerprint(sealed, length) &&
        self->bound[i] != fingerprint_binding(binding))
      self->strays++;
  if (!exchange_sealed(self, fingerprint(sealed, length), 0)) self->strays++;
  return INVSRC_OUTCOME_OK;
}

static const invsrc_sealer_vtable counting_sealer = {sizeof counting_sealer, 0, count_seal, unseal,
                                                     count_discard};

/* ---- The OAuth provider ---------------------------------------------------------- */

/* When `before` happens. */
#define BEFORE INT64_C(1767225600000)
#define CREDENTIAL_OF_CONSENT "{\"type\":\"oauth\",\"access_token\":\"granted\"}"

/* What the provider fails with, for the reason that the vector gives; 0: it does not. */
static inline int32_t fails_oauth(const world *self, int32_t want, invsrc_buffer *reason) {
  const char *text = text_of(member(member(self->vector, "world"), "fail"), "reason", "");

  if (self->failing != want) return 0;
  return invsrc_buffer_set(reason, text, strlen(text)) == INVSRC_OK ? self->outcome
                                                                    : INVSRC_OUTCOME_UNAVAILABLE;
}

/* Whether `text`, which may be NULL, is one of the texts that are listed. */
static inline int is_listed(const cJSON *list, const char *text) {
  for (const cJSON *at = first_of(list); text && at; at = at->next)
    if (strcmp(cJSON_GetStringValue(at), text) == 0) return 1;
  return 0;
}

/* The URL, with the state in the place of {{state}}. */
static inline void append_url(ivs_buffer *out, const char *url, const char *state) {
  const char *at = strstr(url, "{{state}}");

  if (!at) {
    ivs_buffer_append_text(out, url);
    return;
  }
  ivs_buffer_append(out, url, (size_t)(at - url));
  ivs_buffer_append_text(out, state);
  ivs_buffer_append_text(out, at + strlen("{{state}}"));
}

static inline int32_t start_oauth(void *context, const invsrc_source *source,
                                  const invsrc_consent *consent, invsrc_buffer *authorization_url,
                                  invsrc_buffer *private_state, invsrc_buffer *reason) {
  const world *self = context;
  const char *state = text_of(self->oauth, "state", "");
  int32_t outcome = fails_oauth(self, INVSRC_WANT_OAUTH_START, reason);
  ivs_buffer url = IVS_BUFFER_EMPTY;
  int32_t result;

  (void)source;
  if (outcome) return outcome;
  if (consent->redirect_uri &&
      !is_listed(member(self->oauth, "redirectUris"), consent->redirect_uri))
    return INVSRC_OUTCOME_REFUSED;
  append_url(&url, text_of(self->oauth, "authorizationUrl", ""), consent->state);
  result = url.failed ? INVSRC_ENOMEM : invsrc_buffer_set(authorization_url, url.bytes, url.length);
  ivs_buffer_end(&url);
  return result == INVSRC_OK && invsrc_buffer_set(private_state, state, strlen(state)) == INVSRC_OK
             ? INVSRC_OUTCOME_OK
             : INVSRC_OUTCOME_UNAVAILABLE;
}

#define NOT_OF_THE_SERVER "the answer is not from the authorization server that was asked"
#define NO_GOOD_CODE "the authorization server refuses the code"

/* What it says of the redirect, and the reason. */
static inline int32_t judge_redirect(const world *self, const invsrc_redirect *redirect,
                                     const char **reason) {
  const char *issuer = text_of(self->oauth, "issuer", NULL);

  *reason = "";
  if (issuer && (!redirect->issuer || strcmp(redirect->issuer, issuer) != 0)) {
    *reason = NOT_OF_THE_SERVER;
    return INVSRC_OUTCOME_UNKNOWN;
  }
  if (redirect->error) return INVSRC_OUTCOME_REFUSED;
  if (redirect->code && strcmp(redirect->code, text_of(self->oauth, "code", "")) == 0)
    return INVSRC_OUTCOME_OK;
  *reason = NO_GOOD_CODE;
  return INVSRC_OUTCOME_REFUSED;
}

/* What was private is what the start gave. */
static inline int32_t finish_oauth(void *context, const invsrc_source *source,
                                   const void *private_state, uint64_t length,
                                   const invsrc_redirect *redirect, invsrc_buffer *credential,
                                   int64_t *refresh_at, invsrc_buffer *reason) {
  world *self = context;
  const char *state = text_of(self->oauth, "state", ""), *text;
  int64_t refresh_in = (int64_t)number_of(member(self->oauth, "refreshIn"));
  int32_t outcome = fails_oauth(self, INVSRC_WANT_OAUTH_FINISH, reason);

  (void)source;
  self->finishes++;
  if (outcome) return outcome;
  if (length != strlen(state) || memcmp(private_state, state, (size_t)length) != 0)
    return INVSRC_OUTCOME_FAILED;
  outcome = judge_redirect(self, redirect, &text);
  *refresh_at = refresh_in ? BEFORE + refresh_in : 0;
  if (invsrc_buffer_set(reason, text, strlen(text)) != INVSRC_OK ||
      (outcome == INVSRC_OUTCOME_OK &&
       invsrc_buffer_set(credential, CREDENTIAL_OF_CONSENT, strlen(CREDENTIAL_OF_CONSENT)) !=
           INVSRC_OK))
    return INVSRC_OUTCOME_UNAVAILABLE;
  return outcome;
}

static inline int32_t revoke_oauth(void *context, const invsrc_source *source,
                                   const void *credential, uint64_t length, invsrc_buffer *reason) {
  (void)context, (void)source, (void)reason;
  return length == strlen(CREDENTIAL_OF_CONSENT) &&
                 memcmp(credential, CREDENTIAL_OF_CONSENT, (size_t)length) == 0
             ? INVSRC_OUTCOME_OK
             : INVSRC_OUTCOME_FAILED;
}

static const invsrc_oauth_vtable scripted_oauth = {sizeof scripted_oauth, 0, start_oauth,
                                                   finish_oauth, revoke_oauth};

/* ---- Making worlds --------------------------------------------------------------- */

static inline void set_options(world *self, const cJSON *given) {
  const cJSON *options = member(given, "options");
  const cJSON *max_body = member(options, "maxBody");
  int has_agent = member(given, "agent") != NULL;

  invsrc_options_set_envelope(self->options, is_true(options, "envelope"));
  invsrc_options_set_allow_http(self->options, has_agent || is_true(options, "allowHttp"));
  invsrc_options_set_allow_private(self->options, has_agent || is_true(options, "allowPrivate"));
  must(invsrc_options_set_oauth_done_url(self->options, text_of(options, "oauthDoneUrl", NULL)),
       "oauthDoneUrl");
  if (max_body)
    must(invsrc_options_set_max_body(self->options, (uint64_t)number_of(max_body)), "maxBody");
}

/* Asks one request of `before`, and keeps the source that it is answered with. */
static inline void ask_before(world *self, const cJSON *given) {
  ivs_buffer body = IVS_BUFFER_EMPTY;
  invsrc_request *request = make_request(given, &body, self);
  invsrc_response *response = NULL;
  cJSON *answer, *data;
  int32_t status;

  must(invsrc_handle(self->service, request, &response, NULL), "before");
  status = invsrc_response_status(response);
  if (status < 200 || status > 299)
    printf("Bail out! before: %s\n", invsrc_response_body(response, NULL));
  answer = cJSON_Parse(invsrc_response_body(response, NULL));
  data = cJSON_DetachItemFromObjectCaseSensitive(answer, "data");
  if (data) {
    cJSON_Delete(answer);
    answer = data;
  }
  cJSON_AddItemToArray(self->answers, answer ? answer : cJSON_CreateNull());
  invsrc_response_free(response);
  invsrc_request_free(request);
  ivs_buffer_end(&body);
}

static const struct {
  const char *name;
  int32_t effect;
  int32_t want;
} effects[] = {{"authenticate", INVSRC_EFFECT_AUTHENTICATE, INVSRC_WANT_AUTHENTICATE},
               {"now", INVSRC_EFFECT_NOW, INVSRC_WANT_NOW},
               {"random", INVSRC_EFFECT_RANDOM, INVSRC_WANT_RANDOM},
               {"lookup", INVSRC_EFFECT_LOOKUP, INVSRC_WANT_LOOKUP},
               {"oauthStart", INVSRC_EFFECT_OAUTH_START, INVSRC_WANT_OAUTH_START},
               {"oauthFinish", INVSRC_EFFECT_OAUTH_FINISH, INVSRC_WANT_OAUTH_FINISH},
               {"oauthRevoke", INVSRC_EFFECT_OAUTH_REVOKE, INVSRC_WANT_OAUTH_REVOKE},
               {"find", INVSRC_EFFECT_FIND, INVSRC_WANT_FIND},
               {"seal", INVSRC_EFFECT_SEAL, INVSRC_WANT_SEAL},
               {"open", INVSRC_EFFECT_OPEN, INVSRC_WANT_OPEN},
               {"probe", INVSRC_EFFECT_PROBE, INVSRC_WANT_PROBE},
               {"insert", INVSRC_EFFECT_INSERT, INVSRC_WANT_INSERT},
               {"get", INVSRC_EFFECT_GET, INVSRC_WANT_GET},
               {"list", INVSRC_EFFECT_LIST, INVSRC_WANT_LIST},
               {"update", INVSRC_EFFECT_UPDATE, INVSRC_WANT_UPDATE},
               {"remove", INVSRC_EFFECT_REMOVE, INVSRC_WANT_REMOVE}};

static const struct {
  const char *name;
  int32_t outcome;
} outcomes[] = {{"unavailable", INVSRC_OUTCOME_UNAVAILABLE},
                {"failed", INVSRC_OUTCOME_FAILED},
                {"refused", INVSRC_OUTCOME_REFUSED},
                {"duplicate", INVSRC_OUTCOME_DUPLICATE},
                {"noOauth", INVSRC_OUTCOME_NO_OAUTH},
                {"conflict", INVSRC_OUTCOME_CONFLICT},
                {"notFound", INVSRC_OUTCOME_NOT_FOUND},
                {"notImplemented", INVSRC_OUTCOME_NOT_IMPLEMENTED}};

static inline void set_failure(world *self, const cJSON *fail) {
  const char *effect = text_of(fail, "effect", ""), *outcome = text_of(fail, "outcome", "");

  for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
    if (strcmp(outcomes[i].name, outcome) == 0) self->outcome = outcomes[i].outcome;
  for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
    if (strcmp(effects[i].name, effect) != 0) continue;
    /* With a reason it is the provider itself that fails. */
    if (!member(fail, "reason"))
      invsrc_testkit_fail(self->kit, effects[i].effect, 0, self->outcome);
    self->failing = effects[i].want;
  }
  if (fail && (!self->failing || !self->outcome))
    printf("Bail out! fail: %s, %s\n", effect, outcome);
}

/* How an agent that refuses says so, in the words of the ready-made prober. */
static const struct {
  const char *authentication_type;
  const char *reason;
} refusals[] = {
    {"API_KEY", "the agent answered 401: check auth.token"},
    {"BASIC_AUTH", "the agent answered 401: check auth.username and auth.password"},
    {"NO_AUTH", "the agent answered 401: it wants a credential"},
    {"OAUTH", "the agent answered 401: check the consent"},
};

/* What a probe for the vector's request goes by: what is asked for, or what the source has. */
static inline const char *probed_by(const world *self, const char *key) {
  const char *text = "";

  for (const cJSON *at = first_of(self->answers); at; at = at->next) text = text_of(at, key, text);
  return text_of(member(member(self->vector, "request"), "json"), key, text);
}

/* What the agent answers from here on; it has accepted until now. */
static inline void script_agent(world *self, const char *agent) {
  self->probed = INVSRC_OUTCOME_OK;
  self->reason = "";
  if (strcmp(agent, "dead") == 0) {
    self->probed = INVSRC_OUTCOME_UNREACHABLE;
    self->reason = strcmp(probed_by(self, "protocol"), "A2A") == 0
                       ? "the agent card: cannot connect"
                       : "cannot connect";
  }
  if (strcmp(agent, "refuses") == 0) {
    self->probed = INVSRC_OUTCOME_REFUSED;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
      if (strcmp(refusals[i].authentication_type, probed_by(self, "authenticationType")) == 0)
        self->reason = refusals[i].reason;
  }
  must(invsrc_testkit_script_agent(self->kit, SCRIPTED_AGENT, NULL, self->probed, self->reason),
       "agent");
}

static inline void add_registered(world *self, const cJSON *given) {
  const cJSON *registered = member(given, "registered");

  if (!registered) must(invsrc_testkit_register(self->kit, AGENT), AGENT);
  if (member(given, "agent")) must(invsrc_testkit_register(self->kit, SCRIPTED_AGENT), "agent");
  for (const cJSON *at = first_of(registered); at; at = at->next) {
    ivs_buffer url = IVS_BUFFER_EMPTY;
    append_filled(&url, cJSON_GetStringValue(at), self);
    must(invsrc_testkit_register(self->kit, url.bytes), "registered");
    ivs_buffer_end(&url);
  }
}

static inline void make_world(world *self, const cJSON *vector) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {1};
  const cJSON *given = member(vector, "world");

  memset(self, 0, sizeof *self);
  self->vector = vector;
  self->answers = cJSON_CreateArray();
  self->kit = invsrc_testkit_new();
  self->options = invsrc_options_new();
  must(invsrc_memory_new(&self->memory), "memory");
  must(invsrc_keyring_new(&self->keyring), "keyring");
  must(invsrc_keyring_add(self->keyring, key, sizeof key), "key");
  must(invsrc_testkit_add_key(self->kit, KEY, STOREFRONT), "key");
  must(invsrc_testkit_add_key(self->kit, OTHER_KEY, OTHER_STOREFRONT), "key");
  add_registered(self, given);
  invsrc_testkit_use_store(self->kit, invsrc_memory_store(), self->memory);
  invsrc_testkit_use_sealer(self->kit, &counting_sealer, self);
  self->oauth = member(given, "oauth");
  if (self->oauth) invsrc_testkit_use_oauth(self->kit, &scripted_oauth, self);
  begin_web(self, given, BEFORE, &counting_sealer, self);
  invsrc_testkit_install(self->kit, self->options);
  set_options(self, given);
  must(invsrc_service_new(self->options, &self->service, NULL), "service");
  for (const cJSON *at = first_of(member(given, "before")); at; at = at->next) ask_before(self, at);
  script_agent(self, text_of(given, "agent", "dead"));
  invsrc_testkit_set_time(self->kit, BEFORE + (int64_t)number_of(member(given, "later")));
  move_web(self, BEFORE + (int64_t)number_of(member(given, "later")));
  self->finishes = 0;
  set_failure(self, member(given, "fail"));
}

static inline void end_world(world *self) {
  invsrc_service_free(self->service);
  invsrc_options_free(self->options);
  invsrc_keyring_free(self->keyring);
  invsrc_memory_free(self->memory);
  invsrc_testkit_free(self->kit);
  end_web(self);
  cJSON_Delete(self->answers);
}

#endif
