/*
 * Activation and delivery under faults: every allocation fails in turn, once and from then
 * on, and every callback returns every legal outcome and an illegal one. Whatever happens,
 * each source stays whole and none is ACTIVE whose agent does not answer; and when all works
 * again and the leases and pauses have passed, each source is what its agent makes of it, and
 * each event has been taken. Prints TAP.
 */
#include "fault/faults.h"
#include "fault/heap.h"

#define ILLEGAL 99
#define LONGEST 20000
/* A block that stays behind once is in a library's cache; over and over, it leaks. */
#define TRIES 40
#define SOURCES 3
#define START INT64_C(1767225600000)  /* the testkit's */
#define BEGUN (START + INT64_C(2000)) /* the tokens of consents are due by then */
#define LATER (START + INT64_C(7200000))

#define SOURCE(name, type, auth)                                              \
  "{\"json\":{\"name\":\"" name                                               \
  "\",\"type\":\"SALES\",\"endpointUrl\":\"{{agent}}\",\"protocol\":\"MCP\"," \
  "\"authenticationType\":\"" type "\",\"auth\":" auth "}}"
#define WORLD(agent) \
  "{\"name\":\"" agent "\",\"world\":{\"agent\":\"" agent "\",\"before\":["                  \
  SOURCE("A", "API_KEY", "{\"type\":\"bearer\",\"token\":\"one\"}") ","                        \
  SOURCE("B", "BASIC_AUTH", "{\"type\":\"basic\",\"username\":\"two\",\"password\":\"\"}") "," \
  SOURCE("C", "API_KEY", "{\"type\":\"api_key\",\"token\":\"three\"}") "]},\"request\":{}}"

/* The same of sources whose operators have consented. */
#define CONSENT(name, number)                                                           \
  "{\"json\":{\"name\":\"" name                                                         \
  "\",\"type\":\"SALES\",\"endpointUrl\":\"{{agent}}\",\"protocol\":\"MCP\","           \
  "\"authenticationType\":\"OAUTH\"}},{\"method\":\"GET\",\"headers\":[],\"target\":\"" \
  "/api/v2/storefront/oauth/callback?code=good&state={{state" number "}}\"}"
#define OAUTH_WORLD(agent)                                                                  \
  "{\"name\":\"" agent ", OAUTH\",\"world\":{\"agent\":\"" agent                            \
  "\",\"oauth\":{"                                                                          \
  "\"authorizationUrl\":\"https://login.example/?state={{state}}\",\"state\":\"verifier\"," \
  "\"code\":\"good\",\"refreshIn\":1000},\"before\":[" CONSENT("A", "1") "," CONSENT(       \
      "B", "3") "," CONSENT("C", "5") "]},\"request\":{}}"

/* What agents make of their sources, and the event that tells of it; and, where that is not OK,
 * what every refresh of tokens comes to. */
static const struct agent {
  const char *vector;
  const char *status;
  const char *event;
  int32_t refresh;
} agents[] = {
    {WORLD("accepts"), "ACTIVE", "source.activated", 0},
    {WORLD("refuses"), "PENDING", "source.unreachable", 0},
    {WORLD("dead"), "PENDING", "source.unreachable", 0},
    {OAUTH_WORLD("accepts"), "ACTIVE", "source.activated", 0},
    {OAUTH_WORLD("refuses"), "PENDING", "source.unreachable", 0},
    {OAUTH_WORLD("accepts"), "PENDING", "source.consent_required", INVSRC_OUTCOME_REFUSED}};

/* One agent under trial. */
typedef struct due_trial {
  trial trial;
  const struct agent *agent;
} due_trial;

/* ---- Who hears of events ------------------------------------------------------------ */

#define MOST_EVENTS 32

/* The events that were taken, each once. */
static struct {
  char ids[MOST_EVENTS][40];
  char types[MOST_EVENTS][40];
  int count;
} taken;

static int32_t take_event(void *context, const invsrc_event *event) {
  const char *id = invsrc_event_text(event, INVSRC_EVENT_ID, NULL);

  (void)context;
  for (int i = 0; i < taken.count; i++)
    if (strcmp(taken.ids[i], id) == 0) return INVSRC_OUTCOME_OK;
  if (taken.count == MOST_EVENTS) return INVSRC_OUTCOME_FAILED;
  snprintf(taken.ids[taken.count], sizeof taken.ids[0], "%s", id);
  snprintf(taken.types[taken.count++], sizeof taken.types[0], "%s",
           invsrc_event_text(event, INVSRC_EVENT_TYPE, NULL));
  return INVSRC_OUTCOME_OK;
}

static int count_taken(const char *type) {
  int count = 0;

  for (int i = 0; i < taken.count; i++) count += strcmp(taken.types[i], type) == 0;
  return count;
}

/* ---- Trials -------------------------------------------------------------------------- */

static void script_refreshes(due_trial *self) {
  if (self->agent->refresh)
    invsrc_testkit_fail(self->trial.world.kit, INVSRC_EFFECT_OAUTH_REFRESH, 0,
                        self->agent->refresh);
}

static void begin(due_trial *self) {
  static const invsrc_events_vtable events = {sizeof events, 0, take_event};

  make_world(&self->trial.world, self->trial.vector);
  invsrc_testkit_use_events(self->trial.world.kit, &events, NULL);
  invsrc_testkit_reset(self->trial.world.kit);
  script_refreshes(self);
  taken.count = 0;
}

static int is_legal(int32_t result) {
  return result == INVSRC_OK || result == INVSRC_ENOMEM || result == INVSRC_EUNAVAILABLE ||
         result == INVSRC_EIO;
}

/* Activates and delivers what is due. */
static void work(due_trial *self, int64_t now, const char *where) {
  invsrc_service *service = self->trial.world.service;
  int32_t activated, delivered;

  invsrc_testkit_set_time(self->trial.world.kit, now);
  heap_open();
  activated = invsrc_activate_due(service, now, 100, NULL, NULL, NULL);
  delivered = invsrc_deliver_due(service, now, 100, NULL, NULL, NULL);
  heap_close();
  if (!is_legal(activated) || !is_legal(delivered))
    complain(&self->trial, where, "an illegal result");
}

static int count_status(const world *self, const char *status) {
  const invsrc_store_vtable *store = invsrc_memory_store();
  invsrc_source_list *list = invsrc_source_list_new();
  uint64_t total = 0;
  int count = 0;

  store->list(self->memory, STOREFRONT, strlen(STOREFRONT), 0, SOURCES, list, &total);
  for (uint64_t i = 0; i < total; i++)
    count += strcmp(invsrc_source_text(invsrc_source_list_at(list, i), INVSRC_SOURCE_STATUS, NULL),
                    status) == 0;
  invsrc_source_list_free(list);
  return count;
}

/* What may never be, in the midst of it too. */
static void judge_midst(due_trial *self, const char *where) {
  ivs_buffer sources = IVS_BUFFER_EMPTY;

  append_sources(&sources, &self->trial, where);
  if (strcmp(self->agent->status, "ACTIVE") != 0 && count_status(&self->trial.world, "ACTIVE"))
    complain(&self->trial, where, "ACTIVE, and its agent does not answer");
  ivs_buffer_end(&sources);
}

/* What must be in the end. */
static void judge_end(due_trial *self, const char *where) {
  judge_midst(self, where);
  if (count_status(&self->trial.world, self->agent->status) != SOURCES)
    complain(&self->trial, where, "another status");
  if (count_taken("source.created") != SOURCES || count_taken(self->agent->event) != SOURCES)
    complain(&self->trial, where, "an event is missing, or one too many");
}

/* ---- Memory that runs out ------------------------------------------------------------ */

/* Returns how many blocks were left over by all of it. */
static long run_short(due_trial *self, unsigned long at, enum heap_mode mode, const char *where) {
  unsigned long happened;
  long before = heap.live;

  begin(self);
  heap_plan(at, mode);
  work(self, BEGUN, where);
  happened = heap.failures;
  judge_midst(self, where);
  heap_plan(0, HEAP_ONCE);
  work(self, LATER, where);
  judge_end(self, where);
  end_world(&self->trial.world);
  heap.failures = happened;
  return heap.live - before;
}

static void run_short_often(due_trial *self, enum heap_mode mode) {
  for (unsigned long at = 1; at < LONGEST && !failures; at++) {
    char where[64];
    long left = 1;
    snprintf(where, sizeof where, "allocation %lu %s", at,
             mode == HEAP_ONCE ? "fails" : "and all after it fail");
    for (int i = 0; i < TRIES && left > 0; i++) left = run_short(self, at, mode, where);
    if (left > 0) complain(&self->trial, where, "leaks");
    if (!heap.failures) return; /* it was past the last one */
    injected++;
  }
}

/* ---- Callbacks that fail --------------------------------------------------------------- */

static const struct row {
  int32_t effect;
  int32_t outcome;
} rows[] = {
    {INVSRC_EFFECT_DUE, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_DUE, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_DUE, ILLEGAL},
    {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_OK}, /* without the credential */
    {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_REFUSED},
    {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_OPEN, ILLEGAL},
    {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_NOT_IMPLEMENTED},
    {INVSRC_EFFECT_PROBE, 0},
    {INVSRC_EFFECT_PROBE, ILLEGAL},
    {INVSRC_EFFECT_NOW, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_NOW, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_NOW, ILLEGAL},
    {INVSRC_EFFECT_RANDOM, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_RANDOM, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_RANDOM, ILLEGAL},
    {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_CONFLICT},
    {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_NOT_FOUND},
    {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_UPDATE, ILLEGAL},
    {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_DUPLICATE},
    {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_OK}, /* without sealed bytes */
    {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_REFUSED},
    {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_SEAL, ILLEGAL},
    {INVSRC_EFFECT_OAUTH_REFRESH, INVSRC_OUTCOME_OK}, /* without tokens */
    {INVSRC_EFFECT_OAUTH_REFRESH, INVSRC_OUTCOME_UNREACHABLE},
    {INVSRC_EFFECT_OAUTH_REFRESH, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_OAUTH_REFRESH, INVSRC_OUTCOME_NOT_IMPLEMENTED},
    {INVSRC_EFFECT_OAUTH_REFRESH, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_OAUTH_REFRESH, ILLEGAL},
    {INVSRC_EFFECT_EVENT_NEXT, INVSRC_OUTCOME_NOT_FOUND},
    {INVSRC_EFFECT_EVENT_NEXT, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_EVENT_NEXT, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_EVENT_NEXT, ILLEGAL},
    {INVSRC_EFFECT_DELIVER, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_DELIVER, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_DELIVER, ILLEGAL},
    {INVSRC_EFFECT_EVENT_END, INVSRC_OUTCOME_UNAVAILABLE},
    {INVSRC_EFFECT_EVENT_END, INVSRC_OUTCOME_FAILED},
    {INVSRC_EFFECT_EVENT_END, ILLEGAL},
};

#define ROWS (sizeof rows / sizeof *rows)

/* How often a row has happened: one that never does tests nothing. */
static unsigned long happened[ROWS];

/* The `nth` call fails; 0: every one. */
static void run_broken(due_trial *self, const struct row *row, uint64_t nth) {
  invsrc_testkit *kit;
  char where[64];

  snprintf(where, sizeof where, "effect %d, outcome %d, call %llu", (int)row->effect,
           (int)row->outcome, (unsigned long long)nth);
  begin(self);
  kit = self->trial.world.kit;
  invsrc_testkit_fail(kit, row->effect, nth, row->outcome);
  work(self, BEGUN, where);
  if (invsrc_testkit_calls(kit, row->effect) >= (nth ? nth : 1)) {
    happened[row - rows]++;
    injected++;
  }
  judge_midst(self, where);
  invsrc_testkit_reset(kit);
  script_refreshes(self);
  work(self, LATER, where);
  judge_end(self, where);
  end_world(&self->trial.world);
}

/* ---- Running ------------------------------------------------------------------------------ */

static void run(const struct agent *agent) {
  cJSON *vector = cJSON_Parse(agent->vector);
  due_trial self = {.agent = agent};

  if (!vector) must(INVSRC_EMALFORMED, "vector");
  self.trial.vector = vector;
  run_short(&self, 0, HEAP_ONCE, "nothing fails"); /* and fills the caches */
  for (size_t i = 0; i < ROWS; i++) {
    if (agent->refresh && rows[i].effect == INVSRC_EFFECT_OAUTH_REFRESH) continue;
    for (uint64_t nth = 0; nth < (rows[i].effect == INVSRC_EFFECT_DUE ? 2 : SOURCES); nth++)
      run_broken(&self, &rows[i], nth);
  }
  for (int mode = HEAP_ONCE; HEAP_FAILS && mode <= HEAP_FROM_THEN_ON; mode++)
    run_short_often(&self, (enum heap_mode)mode);
  cJSON_Delete(vector);
}

int main(void) {
  for (size_t i = 0; i < sizeof agents / sizeof *agents; i++) run(&agents[i]);
  for (size_t i = 0; i < ROWS; i++) {
    if (happened[i]) continue;
    printf("# effect %d, outcome %d: never\n", (int)rows[i].effect, (int)rows[i].outcome);
    failures++;
  }
  printf("%s 1 - activation and delivery under faults\n1..1\n", failures ? "not ok" : "ok");
  printf("# note: %lu faults injected\n", injected);
  return failures || !injected;
}
