/*
 * Callbacks that fail: at every call of every vector each effect returns every legal
 * outcome and an illegal one. The answer must be the one that provider.h names for it,
 * nothing may be stored by halves, and what was sealed in vain must be discarded.
 * Prints TAP.
 */
#include "fault/faults.h"

#define ILLEGAL 99

/* What each outcome of an effect is answered with, as provider.h says; every other one
 * with 500. DISCARD only ever comes behind what has been decided, which stays. */
static const struct row {
  int32_t effect;
  int32_t outcome;
  int32_t status; /* 0: as without it */
} rows[] = {
    {INVSRC_EFFECT_AUTHENTICATE, INVSRC_OUTCOME_UNKNOWN, 401},
    {INVSRC_EFFECT_AUTHENTICATE, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_AUTHENTICATE, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_AUTHENTICATE, INVSRC_OUTCOME_OK, 500}, /* without a storefront */
    {INVSRC_EFFECT_AUTHENTICATE, ILLEGAL, 500},
    {INVSRC_EFFECT_LOOKUP, INVSRC_OUTCOME_NOT_REGISTERED, 400},
    {INVSRC_EFFECT_LOOKUP, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_LOOKUP, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_LOOKUP, INVSRC_OUTCOME_UNKNOWN, 500},
    {INVSRC_EFFECT_LOOKUP, 0, 500},
    {INVSRC_EFFECT_NOW, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_NOW, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_NOW, ILLEGAL, 500},
    {INVSRC_EFFECT_RANDOM, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_RANDOM, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_RANDOM, -1, 500},
    {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_NO_OAUTH, 400},
    {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_REFUSED, 400},
    {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_NOT_IMPLEMENTED, 501},
    {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_OAUTH_START, INVSRC_OUTCOME_OK, 500}, /* without URL and state */
    {INVSRC_EFFECT_OAUTH_START, ILLEGAL, 500},
    {INVSRC_EFFECT_OAUTH_FINISH, INVSRC_OUTCOME_REFUSED, 400},
    {INVSRC_EFFECT_OAUTH_FINISH, INVSRC_OUTCOME_UNKNOWN, 400},
    {INVSRC_EFFECT_OAUTH_FINISH, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_OAUTH_FINISH, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_OAUTH_FINISH, INVSRC_OUTCOME_OK, 500}, /* without tokens */
    {INVSRC_EFFECT_OAUTH_FINISH, ILLEGAL, 500},
    {INVSRC_EFFECT_OAUTH_REVOKE, INVSRC_OUTCOME_NOT_IMPLEMENTED, 0},
    {INVSRC_EFFECT_OAUTH_REVOKE, INVSRC_OUTCOME_UNAVAILABLE, 0},
    {INVSRC_EFFECT_OAUTH_REVOKE, INVSRC_OUTCOME_FAILED, 0},
    {INVSRC_EFFECT_OAUTH_REVOKE, ILLEGAL, 0},
    {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_NOT_FOUND, 404},
    {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_NOT_IMPLEMENTED, 501},
    {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_FIND, INVSRC_OUTCOME_OK, 500}, /* without a source */
    {INVSRC_EFFECT_FIND, ILLEGAL, 500},
    {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_REFUSED, 500},
    {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_SEAL, INVSRC_OUTCOME_OK, 500}, /* without sealed bytes */
    {INVSRC_EFFECT_SEAL, ILLEGAL, 500},
    {INVSRC_EFFECT_INSERT, INVSRC_OUTCOME_CONFLICT, 409},
    {INVSRC_EFFECT_INSERT, INVSRC_OUTCOME_DUPLICATE, 503},
    {INVSRC_EFFECT_INSERT, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_INSERT, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_INSERT, INVSRC_OUTCOME_NOT_FOUND, 500},
    {INVSRC_EFFECT_INSERT, INT32_MIN, 500},
    {INVSRC_EFFECT_GET, INVSRC_OUTCOME_NOT_FOUND, 404},
    {INVSRC_EFFECT_GET, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_GET, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_GET, ILLEGAL, 500},
    {INVSRC_EFFECT_GET, INVSRC_OUTCOME_OK, 500}, /* without a source */
    {INVSRC_EFFECT_LIST, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_LIST, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_LIST, INVSRC_OUTCOME_NOT_FOUND, 500},
    {INVSRC_EFFECT_LIST, ILLEGAL, 500},
    {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_CONFLICT, 409},
    {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_NOT_FOUND, 404},
    {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_UPDATE, INVSRC_OUTCOME_DUPLICATE, 500},
    {INVSRC_EFFECT_UPDATE, ILLEGAL, 500},
    {INVSRC_EFFECT_REMOVE, INVSRC_OUTCOME_NOT_FOUND, 404},
    {INVSRC_EFFECT_REMOVE, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_REMOVE, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_REMOVE, INVSRC_OUTCOME_CONFLICT, 0}, /* it is found again */
    {INVSRC_EFFECT_REMOVE, ILLEGAL, 500},
    {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_REFUSED, 500},
    {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_OPEN, INVSRC_OUTCOME_OK, 500}, /* without the credential */
    {INVSRC_EFFECT_OPEN, ILLEGAL, 500},
    {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_OK, 200},
    {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_PROVEN, 200},
    {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_REFUSED, 400},
    {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_UNREACHABLE, 400},
    {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_NOT_IMPLEMENTED, 501},
    {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_UNAVAILABLE, 503},
    {INVSRC_EFFECT_PROBE, INVSRC_OUTCOME_FAILED, 500},
    {INVSRC_EFFECT_PROBE, ILLEGAL, 500},
    {INVSRC_EFFECT_DISCARD, INVSRC_OUTCOME_UNAVAILABLE, 0},
    {INVSRC_EFFECT_DISCARD, INVSRC_OUTCOME_FAILED, 0},
    {INVSRC_EFFECT_DISCARD, ILLEGAL, 0},
};

#define ROWS (sizeof rows / sizeof *rows)

/* How often a row has happened: one that never does tests nothing. */
static unsigned long happened[ROWS];

static int32_t ask_blocking(trial *self) {
  invsrc_response *response = NULL;
  int32_t result = invsrc_handle(self->world.service, self->request, &response, NULL);

  return conclude(self, result, response);
}

static int32_t ask_stepwise(trial *self) {
  invsrc_response *response = NULL;
  invsrc_call *call = NULL;

  must(invsrc_call_new(self->world.service, self->request, &call), "invsrc_call_new");
  while (invsrc_call_step(call) > INVSRC_WANT_NONE) must(invsrc_call_perform(call), "perform");
  must(invsrc_call_take_response(call, &response), "invsrc_call_take_response");
  invsrc_call_free(call);
  return conclude(self, INVSRC_OK, response);
}

/* What a callback is answered with a page for that says the same otherwise. */
static int32_t status_of(const trial *self, const struct row *row) {
  if (!self->is_callback) return row->status;
  if (row->outcome == INVSRC_OUTCOME_NOT_FOUND) return 400; /* its link is no longer good */
  if (row->outcome == INVSRC_OUTCOME_CONFLICT) return 0;    /* it is found again */
  if (row->status == 501) return 404;                       /* there is no such route */
  return row->status;
}

static uint64_t count_changes(const trial *self) {
  return invsrc_testkit_calls(self->world.kit, INVSRC_EFFECT_UPDATE) +
         invsrc_testkit_calls(self->world.kit, INVSRC_EFFECT_REMOVE);
}

static int is_read(const trial *self) {
  return strcmp(text_of(member(self->vector, "request"), "method", "POST"), "GET") == 0 &&
         !self->is_callback;
}

/* Whether the effect decides nothing: what is forgotten is opened behind the decision, and what
 * is shown is left out where it is not opened, or where the time is not known. */
static int is_behind(const trial *self, const struct row *row) {
  if (row->effect == INVSRC_EFFECT_NOW) return is_read(self);
  return row->effect == INVSRC_EFFECT_OPEN && !self->is_callback &&
         (count_changes(self) > 0 || self->reveals);
}

/* A probe that is made to go well, and what could not be discarded, leave worlds that only
 * they do. */
static int has_own_world(const struct row *row) {
  return row->effect == INVSRC_EFFECT_DISCARD || row->status == 200;
}

/* Lets the effect of a row return what it says, and looks at what comes of it. */
static void inject(trial *self, const struct row *row, int32_t (*ask)(trial *), const char *where) {
  int32_t status, expected = status_of(self, row);
  uint64_t calls;

  begin_try(self);
  invsrc_testkit_reset(self->world.kit);
  self->any_answer = expected == 400; /* which may not be the expected one */
  invsrc_testkit_fail(self->world.kit, row->effect, 1, row->outcome);
  status = ask(self);
  self->any_answer = 0;
  calls = invsrc_testkit_calls(self->world.kit, row->effect);
  if (!calls || !expected || is_behind(self, row)) expected = self->status;
  invsrc_testkit_reset(self->world.kit);
  injected += calls > 0;
  happened[row - rows] += calls > 0;
  if (status != expected) complain(self, where, "another status");
  if (calls && has_own_world(row))
    renew_world(self);
  else
    judge_world(self, where, status);
}

/* A failed change, and then a failed discard: the answer is that of the change. */
static void inject_twice(trial *self, int32_t (*ask)(trial *)) {
  static const int32_t changes[] = {INVSRC_EFFECT_INSERT, INVSRC_EFFECT_UPDATE};

  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    int32_t status;
    begin_try(self);
    invsrc_testkit_reset(self->world.kit);
    invsrc_testkit_fail(self->world.kit, changes[i], 1, INVSRC_OUTCOME_UNAVAILABLE);
    invsrc_testkit_fail(self->world.kit, INVSRC_EFFECT_DISCARD, 1, INVSRC_OUTCOME_FAILED);
    status = ask(self);
    if (invsrc_testkit_calls(self->world.kit, changes[i])) {
      injected += 2;
      if (status != 503) complain(self, "a change and its discard", "another status");
    }
    renew_world(self);
  }
}

static int is_redirect(const cJSON *vector) {
  return number_of(member(member(vector, "response"), "status")) == 303;
}

static void run(const cJSON *vector) {
  static int32_t (*const ways[])(trial *) = {ask_blocking, ask_stepwise};
  trial self;

  /* It injects a fault of its own, or is a redirect whose status does not tell of one. */
  if (member(member(vector, "world"), "fail") || is_redirect(vector)) return;
  begin_trial(&self, vector);
  for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
    for (size_t i = 0; i < ROWS; i++) {
      char where[64];
      snprintf(where, sizeof where, "%s, effect %d, outcome %d", way ? "stepwise" : "blocking",
               (int)rows[i].effect, (int)rows[i].outcome);
      inject(&self, &rows[i], ways[way], where);
    }
    inject_twice(&self, ways[way]);
    begin_try(&self);
    if (ways[way](&self) != self.status) complain(&self, "afterwards", "another status");
    judge_world(&self, "afterwards", self.status);
  }
  end_trial(&self);
}

int main(void) {
  int count = with_every_vector(run);

  for (size_t i = 0; i < ROWS; i++) {
    if (happened[i]) continue;
    printf("# effect %d, outcome %d: in no vector\n", (int)rows[i].effect, (int)rows[i].outcome);
    failures++;
  }
  printf("%s 1 - every outcome of every callback\n1..1\n", failures ? "not ok" : "ok");
  printf("# note: %lu faults injected into %d vectors\n", injected, count);
  return failures || !injected;
}
