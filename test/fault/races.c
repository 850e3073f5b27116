/*
 * Memory that runs out where somebody has come between: a consent or a refresh is led up to a
 * write, its source is changed, and then every allocation fails in turn, once and from then on,
 * on the way that is left. Each source stays whole, what was sealed is stored or discarded as what
 * it was, and nothing leaks. Prints TAP.
 */
#include "fault/faults.h"
#include "fault/heap.h"

#define LONGEST 20000
/* A block that stays behind once is in a library's cache; over and over, it leaks. */
#define TRIES 40
#define LEASE_END (BEFORE + INT64_C(120000))

#define SOURCE                                                                                  \
  "{\"json\":{\"name\":\"A\",\"type\":\"SALES\",\"endpointUrl\":\"https://agent.example/mcp\"," \
  "\"protocol\":\"MCP\",\"authenticationType\":\"OAUTH\"}}"
#define CALLBACK                                   \
  "{\"method\":\"GET\",\"headers\":[],\"target\":" \
  "\"/api/v2/storefront/oauth/callback?code=good&state={{state1}}\"}"
#define VECTOR(before, request)                                                          \
  "{\"name\":\"races\",\"world\":{\"oauth\":{\"authorizationUrl\":"                      \
  "\"https://login.example/?state={{state}}\",\"state\":\"verifier\",\"code\":\"good\"," \
  "\"refreshIn\":1},\"later\":2,\"before\":[" before "]},\"request\":" request "}"
#define PUT(json) \
  "{\"method\":\"PUT\",\"target\":\"/api/v2/storefront/inventory-sources/a\",\"json\":" json "}"

#define DELETE "{\"method\":\"DELETE\",\"target\":\"/api/v2/storefront/inventory-sources/a\"}"

/* What is led up to its `nth` update, and who comes then. */
static const struct race {
  const char *name;
  const char *vector;
  int is_check;
  int nth;
  const char *between;
} races[] = {
    {"the state is used up, after a renaming", VECTOR(SOURCE, CALLBACK), 0, 1,
     PUT("{\"name\":\"B\"}")},
    {"the state is used up, after a move", VECTOR(SOURCE, CALLBACK), 0, 1,
     PUT("{\"oauthAudience\":\"urn:a\"}")},
    {"tokens are stored, after a renaming", VECTOR(SOURCE, CALLBACK), 0, 2,
     PUT("{\"name\":\"B\"}")},
    {"tokens are stored, after a move", VECTOR(SOURCE, CALLBACK), 0, 2,
     PUT("{\"oauthAudience\":\"urn:a\"}")},
    {"the claim is renewed, after a renaming", VECTOR(SOURCE "," CALLBACK, "{}"), 1, 1,
     PUT("{\"name\":\"B\"}")},
    {"the claim is renewed, after a removal", VECTOR(SOURCE "," CALLBACK, "{}"), 1, 1, DELETE},
    {"fresh tokens are stored, after a renaming", VECTOR(SOURCE "," CALLBACK, "{}"), 1, 2,
     PUT("{\"name\":\"B\"}")},
    {"fresh tokens are stored, after the source is disabled", VECTOR(SOURCE "," CALLBACK, "{}"), 1,
     2, PUT("{\"status\":\"DISABLED\"}")},
    {"fresh tokens are stored, after a move", VECTOR(SOURCE "," CALLBACK, "{}"), 1, 2,
     PUT("{\"oauthAudience\":\"urn:a\"}")},
    {"fresh tokens are stored, after a removal", VECTOR(SOURCE "," CALLBACK, "{}"), 1, 2, DELETE},
};

/* ---- One race ---------------------------------------------------------------------- */

static invsrc_call *begin_check(trial *self) {
  invsrc_source_list *list = invsrc_source_list_new();
  invsrc_call *call = NULL;
  uint64_t length;
  const void *sealed;

  invsrc_memory_store()->due(self->world.memory, BEFORE + 2, LEASE_END, 9, list);
  sealed = invsrc_source_list_sealed(list, 0, &length);
  must(invsrc_call_new_check(self->world.service, invsrc_source_list_at(list, 0), sealed, length,
                             &call),
       "a check");
  invsrc_source_list_free(list);
  return call;
}

static invsrc_call *begin_request(trial *self) {
  ivs_buffer body = IVS_BUFFER_EMPTY;
  invsrc_request *request = make_request(member(self->vector, "request"), &body, &self->world);
  invsrc_call *call = NULL;

  must(invsrc_call_new(self->world.service, request, &call), "a request");
  invsrc_request_free(request);
  ivs_buffer_end(&body);
  return call;
}

static void lead(invsrc_call *call, int nth) {
  int updates = 0;

  for (;;) {
    int32_t want = invsrc_call_step(call);
    if (want <= INVSRC_WANT_NONE) must(INVSRC_ESTATE, "on the way");
    if (want == INVSRC_WANT_UPDATE && ++updates == nth) return;
    must(invsrc_call_perform(call), "on the way");
  }
}

static void come_between(trial *self, const char *text) {
  cJSON *given = cJSON_Parse(text);
  ivs_buffer body = IVS_BUFFER_EMPTY;
  invsrc_request *request = make_request(given, &body, &self->world);
  invsrc_response *response = NULL;

  must(invsrc_handle(self->world.service, request, &response, NULL), "between");
  if (!is_success(invsrc_response_status(response))) must(INVSRC_ESTATE, "between");
  invsrc_response_free(response);
  invsrc_request_free(request);
  ivs_buffer_end(&body);
  cJSON_Delete(given);
}

/* The rest of the way, on which memory runs out. Returns what it came to. */
static int32_t go_on(trial *self, const struct race *race, invsrc_call *call) {
  invsrc_response *response = NULL;
  int32_t want;

  heap_open();
  while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE) invsrc_call_perform(call);
  heap_close();
  if (!race->is_check) {
    if (want == INVSRC_WANT_NONE) want = invsrc_call_take_response(call, &response);
    if (want == INVSRC_OK) want = invsrc_response_status(response);
    invsrc_response_free(response);
  } else if (!invsrc_call_check_outcome(call)) {
    complain(self, race->name, "a check without an outcome");
  }
  invsrc_call_free(call);
  return want;
}

/* Returns how many blocks were left over by all of it. */
static long run_once(trial *self, const struct race *race, unsigned long at, enum heap_mode mode,
                     const char *where) {
  static const int32_t legal[] = {INVSRC_WANT_NONE, 200, 400, 500, 503, INVSRC_ENOMEM};
  ivs_buffer sources = IVS_BUFFER_EMPTY;
  long before = heap.live;
  unsigned long happened;
  invsrc_call *call;
  int32_t result;
  int is_legal = 0;

  begin_world(self);
  call = race->is_check ? begin_check(self) : begin_request(self);
  lead(call, race->nth);
  come_between(self, race->between);
  heap_plan(at, mode);
  result = go_on(self, race, call);
  happened = heap.failures;
  for (size_t i = 0; i < sizeof legal / sizeof *legal; i++) is_legal |= legal[i] == result;
  if (!is_legal) complain(self, where, "an illegal result");
  append_sources(&sources, self, where);
  ivs_buffer_end(&sources);
  end_world(&self->world);
  heap.failures = happened;
  return heap.live - before;
}

static void run(const struct race *race) {
  cJSON *vector = cJSON_Parse(race->vector);
  trial self = {.vector = vector};

  if (!vector) must(INVSRC_EMALFORMED, "vector");
  run_once(&self, race, 0, HEAP_ONCE, race->name); /* and fills the caches */
  for (int mode = HEAP_ONCE; HEAP_FAILS && mode <= HEAP_FROM_THEN_ON; mode++) {
    for (unsigned long at = 1; at < LONGEST && !failures; at++) {
      char where[128];
      long left = 1;
      snprintf(where, sizeof where, "%s, allocation %lu %s", race->name, at,
               mode == HEAP_ONCE ? "fails" : "and all after it fail");
      for (int i = 0; i < TRIES && left > 0; i++)
        left = run_once(&self, race, at, (enum heap_mode)mode, where);
      if (left > 0) complain(&self, where, "leaks");
      if (!heap.failures) break; /* it was past the last one */
      injected++;
    }
  }
  cJSON_Delete(vector);
}

int main(void) {
  for (size_t i = 0; i < sizeof races / sizeof *races; i++) run(&races[i]);
  printf("%s 1 - memory that runs out in races\n1..1\n", failures ? "not ok" : "ok");
  printf("# note: %lu faults injected\n", injected);
  return failures || (HEAP_FAILS && !injected);
}
