/*
 * What the fault tests share: all conformance vectors, each in a world of its own, what
 * is in that world, and what should be after an answer.
 */
#ifndef FAULT_FAULTS_H
#define FAULT_FAULTS_H

#include <glob.h>

#include "conformance/stepwise.h"
#include "core/base64.h"

#define SEED 7 /* of each try, so that all of them draw the same ids */

/* One vector, ready to be asked again and again. */
typedef struct trial {
  const cJSON *vector;
  world world;
  invsrc_request *request;
  ivs_buffer body;
  int32_t status;       /* expected */
  ivs_buffer old;       /* what is in the world before the request, */
  ivs_buffer after;     /* and after it has been answered as it should be */
  ivs_buffer used;      /* and after a callback that has used up its state, and then failed */
  uint64_t clients;     /* that are kept now, */
  uint64_t old_clients; /* and before the request */
  int is_callback;
  int reveals; /* its answer has a URL that had to be opened, and is without it where it was not */
  int any_answer; /* the body of the answer may be another one */
} trial;

static int failures;
static unsigned long injected;

/* Says once what went wrong where. */
static inline void complain(const trial *self, const char *where, const char *what) {
  failures++;
  printf("# %s: %s: %s\n", text_of(self->vector, "name", "?"), where, what);
}

/* ---- What is in a world ---------------------------------------------------------- */

/* Whether the bytes are of those that were sealed, and not discarded; marks them. */
static inline int is_kept(world *self, const void *sealed, uint64_t length, int seen[MOST_SEALED]) {
  uint64_t hash = fingerprint(sealed, length);

  for (size_t i = 0; i < MOST_SEALED; i++)
    if (self->sealed[i] == hash) return seen[i] = 1;
  return 0;
}

/* What is wrong with what was sealed for a source, which it puts into `opened`; NULL: nothing. */
static inline const char *open_sealed(world *self, const invsrc_source *source, const char *purpose,
                                      const void *bytes, uint64_t length, int seen[MOST_SEALED],
                                      invsrc_buffer *opened) {
  invsrc_binding binding = {.size = sizeof binding};

  binding.storefront =
      invsrc_source_text(source, INVSRC_SOURCE_STOREFRONT, &binding.storefront_length);
  binding.id = invsrc_source_text(source, INVSRC_SOURCE_ID, &binding.id_length);
  binding.purpose = purpose;
  binding.purpose_length = strlen(purpose);
  if (!is_kept(self, bytes, length, seen)) return "what is stored was discarded";
  if (unseal(self, &binding, bytes, length, opened) != INVSRC_OUTCOME_OK)
    return "what was sealed is another's";
  return NULL;
}

/* The same of its credential: it has one where it says so, and only there. */
static inline const char *open_credential(world *self, const invsrc_source *source,
                                          const invsrc_buffer *sealed, int seen[MOST_SEALED],
                                          invsrc_buffer *opened) {
  int is_configured = (int)invsrc_source_number(source, INVSRC_SOURCE_AUTH_CONFIGURED);
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(sealed, &length);

  if (!length) return is_configured ? "a credential was lost" : NULL;
  if (!is_configured) return "a credential is left over";
  return open_sealed(self, source, INVSRC_PURPOSE_CREDENTIAL, bytes, length, seen, opened);
}

/* And of the consent under way, which is there as a whole or not at all. */
static inline const char *open_state(world *self, const invsrc_source *source,
                                     int seen[MOST_SEALED], invsrc_buffer *opened) {
  uint64_t length;
  const char *text = invsrc_source_text(source, INVSRC_SOURCE_OAUTH_PRIVATE_STATE, &length);
  int has_state = invsrc_source_text(source, INVSRC_SOURCE_OAUTH_STATE, NULL) != NULL;
  int has_end = invsrc_source_number(source, INVSRC_SOURCE_OAUTH_EXPIRES_AT) != 0;
  int has_url = invsrc_source_text(source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, NULL) != NULL;
  ivs_buffer sealed = IVS_BUFFER_EMPTY;
  const char *fault;

  if ((text != NULL) != has_state || has_state != has_end || (has_url && !has_state))
    return "half a consent is under way";
  if (has_url && invsrc_source_number(source, INVSRC_SOURCE_AUTH_CONFIGURED))
    return "who is connected is asked to be";
  if (!text) return NULL;
  if (!ivs_base64url_decode(&sealed, text, (size_t)length)) return "the private state is no base64";
  fault = open_sealed(self, source, INVSRC_PURPOSE_OAUTH_STATE, sealed.bytes, sealed.length, seen,
                      opened);
  ivs_buffer_end(&sealed);
  return fault;
}

/* What was sealed is sealed anew with each try, so that it is told as what it opens to. */
static inline void append_source(ivs_buffer *out, const invsrc_source *source) {
  char number[32];

  for (int32_t i = 1; i < INVSRC_SOURCE_FIELD_END; i++) {
    const char *text = invsrc_source_text(source, i, NULL);
    if (i == INVSRC_SOURCE_OAUTH_PRIVATE_STATE) continue;
    snprintf(number, sizeof number, "%lld", (long long)invsrc_source_number(source, i));
    ivs_buffer_append_text(out, "\n");
    ivs_buffer_append_text(out, invsrc_source_field_kind(i) == 'N' ? number : text ? text : "-");
  }
}

static inline void append_storefront(ivs_buffer *out, trial *self, const char *storefront,
                                     int seen[MOST_SEALED], const char *where) {
  const invsrc_store_vtable *store = invsrc_memory_store();
  invsrc_source_list *list = invsrc_source_list_new();
  uint64_t total = 0, shop_length = strlen(storefront);

  store->list(self->world.memory, storefront, shop_length, 0, INVSRC_TAKE_LIMIT, list, &total);
  for (uint64_t i = 0; i < total; i++) {
    invsrc_source *source = invsrc_source_new();
    invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
    const char *fault;
    uint64_t length;
    const char *id =
        invsrc_source_text(invsrc_source_list_at(list, i), INVSRC_SOURCE_SOURCE_ID, &length);
    store->get(self->world.memory, storefront, shop_length, id, length, source, sealed);
    append_source(out, source);
    fault = open_credential(&self->world, source, sealed, seen, opened);
    if (fault) complain(self, where, fault);
    ivs_buffer_append_text(out, "\n");
    ivs_buffer_append_text(out, invsrc_buffer_bytes(opened, NULL));
    invsrc_buffer_set(opened, NULL, 0);
    fault = open_state(&self->world, source, seen, opened);
    if (fault) complain(self, where, fault);
    ivs_buffer_append_text(out, "\n");
    ivs_buffer_append_text(out, invsrc_buffer_bytes(opened, NULL));
    invsrc_source_free(source);
    invsrc_buffer_free(sealed);
    invsrc_buffer_free(opened);
  }
  invsrc_source_list_free(list);
}

/* Takes the events out of the store. */
static inline void append_events(ivs_buffer *out, const world *self) {
  const invsrc_store_vtable *store = invsrc_memory_store();
  int32_t outcome = INVSRC_OUTCOME_OK;

  while (outcome == INVSRC_OUTCOME_OK) {
    invsrc_event *event = invsrc_event_new();
    outcome = store->event_next(self->memory, INVSRC_TIME_LIMIT, INVSRC_TIME_LIMIT, event);
    if (outcome == INVSRC_OUTCOME_OK) {
      uint64_t length;
      const char *id = invsrc_event_text(event, INVSRC_EVENT_ID, &length);
      ivs_buffer_append_text(out, "\n");
      ivs_buffer_append_text(out, id);
      ivs_buffer_append_text(out, invsrc_event_text(event, INVSRC_EVENT_PAYLOAD, NULL));
      store->event_end(self->memory, id, length, 0);
    }
    invsrc_event_free(event);
  }
}

/* Says which clients are kept: they are, or are not, whatever the answer. */
static inline uint64_t mark_clients(world *self, int seen[MOST_SEALED]) {
  invsrc_buffer *sealed = invsrc_buffer_new();
  uint64_t all = 0;

  for (size_t i = 0; self->web && i < self->web->count; i++) {
    uint64_t length;
    const void *bytes;
    if (!is_client_kept(self, i, sealed)) continue;
    bytes = invsrc_buffer_bytes(sealed, &length);
    if (is_kept(self, bytes, length, seen)) all += fingerprint(bytes, length);
  }
  invsrc_buffer_free(sealed);
  return all;
}

/* Every field of every source, and its credential in clear, as text. Says where the accounts
 * of what was sealed do not balance. */
static inline void append_sources(ivs_buffer *out, trial *self, const char *where) {
  int seen[MOST_SEALED] = {0};

  append_storefront(out, self, STOREFRONT, seen, where);
  append_storefront(out, self, OTHER_STOREFRONT, seen, where);
  self->clients = mark_clients(&self->world, seen);
  for (size_t i = 0; i < MOST_SEALED; i++)
    if (self->world.sealed[i] && !seen[i])
      complain(self, where, "sealed, and neither stored nor discarded");
  if (self->world.strays) complain(self, where, "discarded, and not sealed");
}

/* All of it: the sources, and the events that were kept since the last time. */
static inline void describe(ivs_buffer *out, trial *self, const char *where) {
  append_sources(out, self, where);
  append_events(out, &self->world);
}

static inline int is_equal(const ivs_buffer *a, const ivs_buffer *b) {
  return a->length == b->length && (!a->length || memcmp(a->bytes, b->bytes, a->length) == 0);
}

/* ---- Trials ------------------------------------------------------------------------ */

/* Before each try: what was random goes as in every other. */
static inline void begin_try(trial *self) {
  invsrc_testkit_set_seed(self->world.kit, SEED);
  rewind_web(&self->world);
  self->world.finishes = 0;
}

/* A world in which nothing has happened yet. */
static inline void begin_world(trial *self) {
  ivs_buffer events = IVS_BUFFER_EMPTY;
  int seen[MOST_SEALED];

  make_world(&self->world, self->vector);
  self->old_clients = mark_clients(&self->world, seen);
  append_events(&events, &self->world);
  ivs_buffer_end(&events);
}

static inline void renew_world(trial *self) {
  end_world(&self->world);
  begin_world(self);
}

/* What an answer comes to: its status, or the negative result that there is in place of
 * it. The answer that is expected must be so as a whole; of 500 and 503 there are many. */
static inline int32_t conclude(trial *self, int32_t result, invsrc_response *response) {
  int32_t status = invsrc_response_status(response);

  if ((result == INVSRC_OK) != (response != NULL)) complain(self, "the answer", "by halves");
  if (status == self->status && status < 500 && !self->any_answer && !self->reveals &&
      !judge("the answer", response, member(self->vector, "response"), &self->world))
    complain(self, "the answer", "another one");
  invsrc_response_free(response);
  return result == INVSRC_OK ? status : result;
}

static inline int is_success(int32_t status) {
  return status >= 200 && status <= 299;
}

/* What an answer with this status, or a negative result, leaves. A callback has its state used up
 * before it asks the provider to finish; and a redirect does not say by its status whether that
 * went well. */
static inline const ivs_buffer *world_after(const trial *self, int32_t status,
                                            const ivs_buffer *found) {
  if (is_success(status)) return &self->after;
  if (!self->is_callback) return &self->old;
  if (status == 303 && self->status == 303 && is_equal(found, &self->after)) return &self->after;
  return self->world.finishes || is_equal(found, &self->used) ? &self->used : &self->old;
}

/* Whether the world is as it should be then. Where it has changed, it is made anew. */
static inline void judge_world(trial *self, const char *where, int32_t status) {
  const ivs_buffer *expected;
  ivs_buffer found = IVS_BUFFER_EMPTY;

  describe(&found, self, where);
  expected = world_after(self, status, &found);
  if (!is_equal(&found, expected)) {
    complain(self, where, "another world");
    printf("# found:%s\n# expected:%s\n", found.bytes ? found.bytes : "",
           expected->bytes ? expected->bytes : "");
  }
  if (!is_equal(&found, &self->old) || self->clients != self->old_clients) renew_world(self);
  ivs_buffer_end(&found);
}

/* What is stored after a change is what was sent. */
static inline void judge_credential(trial *self) {
  static const char *const keys[] = {"token", "username", "keyId"};
  const cJSON *auth = member(member(member(self->vector, "request"), "json"), "auth");

  for (size_t i = 0; is_success(self->status) && i < sizeof keys / sizeof *keys; i++) {
    char *printed = cJSON_PrintUnformatted(member(auth, keys[i]));
    if (printed && !strstr(printed, "{{") && !strstr(printed, "\\u") &&
        !strstr(self->after.bytes, printed))
      complain(self, "first try", "another credential");
    cJSON_free(printed);
  }
}

/* Finds out what a callback leaves that fails as late as it can. */
static inline void describe_used(trial *self) {
  invsrc_response *response = NULL;

  begin_try(self);
  invsrc_testkit_fail(self->world.kit, INVSRC_EFFECT_OAUTH_FINISH, 1, INVSRC_OUTCOME_FAILED);
  must(invsrc_handle(self->world.service, self->request, &response, NULL), "a failing try");
  invsrc_response_free(response);
  describe(&self->used, self, "a failing try");
  renew_world(self);
}

/* Who begins a consent knows its URL; who reads the source has it opened. */
static inline int shows_url(const cJSON *vector) {
  char *printed = cJSON_PrintUnformatted(member(vector, "response"));
  int shows = strstr(printed, "authorizationUrl") != NULL;

  cJSON_free(printed);
  return shows && strcmp(text_of(member(vector, "request"), "method", "POST"), "POST") != 0;
}

static inline void begin_trial(trial *self, const cJSON *vector) {
  const char *target = text_of(member(vector, "request"), "target", TARGET);
  invsrc_response *response = NULL;

  memset(self, 0, sizeof *self);
  self->vector = vector;
  self->is_callback = strstr(target, "/oauth/callback") != NULL;
  self->reveals = shows_url(vector);
  self->status = (int32_t)number_of(member(member(vector, "response"), "status"));
  begin_world(self);
  self->request = make_request(member(vector, "request"), &self->body, &self->world);
  describe(&self->old, self, "before");
  begin_try(self);
  must(invsrc_handle(self->world.service, self->request, &response, NULL), "first try");
  if (conclude(self, INVSRC_OK, response) != self->status)
    complain(self, "first try", "another status");
  describe(&self->after, self, "first try");
  judge_credential(self);
  renew_world(self);
  if (self->is_callback) describe_used(self);
}

static inline void end_trial(trial *self) {
  invsrc_request_free(self->request);
  ivs_buffer_end(&self->body);
  ivs_buffer_end(&self->old);
  ivs_buffer_end(&self->after);
  ivs_buffer_end(&self->used);
  end_world(&self->world);
}

/* Calls `run` with each vector of every file. Returns how many there are. */
static inline int with_every_vector(void (*run)(const cJSON *vector)) {
  glob_t files = {0};
  int count = 0;

  if (glob("test/conformance/*.json", 0, NULL, &files) != 0) must(INVSRC_ENOTFOUND, "vectors");
  for (size_t i = 0; i < files.gl_pathc; i++) {
    cJSON *vectors = read_vectors(files.gl_pathv[i]);
    for (const cJSON *at = first_of(vectors); at; at = at->next, count++) run(at);
    cJSON_Delete(vectors);
  }
  globfree(&files);
  return count;
}

#endif
