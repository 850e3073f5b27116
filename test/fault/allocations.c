/*
 * Memory that runs out: at each vector every allocation of a call fails in turn, once
 * and from then on, whichever library asks for it, through both APIs. The answer is the
 * vector's, or 500 or 503, or INVSRC_ENOMEM; nothing leaks, nothing is stored by halves,
 * what was sealed in vain is discarded, and the service goes on. Prints TAP.
 */
#include "fault/faults.h"
#include "fault/heap.h"

/* No call asks for so many blocks. */
#define LONGEST 20000
/* A block that stays behind once is in a library's cache; over and over, it leaks. */
#define TRIES 40

/* The answer's status, or the negative result that there is in place of it. */
typedef int32_t (*way)(trial *self);

static int32_t ask_blocking(trial *self) {
  invsrc_response *response = NULL;
  int32_t result;

  heap_open();
  result = invsrc_handle(self->world.service, self->request, &response, NULL);
  heap_close();
  return conclude(self, result, response);
}

/* ---- As an event loop would ---------------------------------------------------- */

/* What was sealed, or replaced, belongs to the host until the call has taken it. */
static void forget(trial *self, int32_t want, const answer *it) {
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(it->bytes, &length);

  if (want == INVSRC_WANT_SEAL && it->outcome == INVSRC_OUTCOME_OK)
    exchange_sealed(&self->world, fingerprint(bytes, length), 0);
}

/* Answers a want, by hand where that can be, for which there is always memory; a second
 * time where there was none to take the answer. What the store has changed is told until
 * it is taken. */
static int32_t answer_want(trial *self, invsrc_call *call, int32_t want) {
  int must_be_taken = want == INVSRC_WANT_UPDATE || want == INVSRC_WANT_REMOVE;
  int32_t result = INVSRC_ENOMEM;
  int by_hand;
  answer it;

  begin_answer(&it);
  by_hand = find_answer(&self->world, call, want, &it);
  for (int i = 0; i < 2 && result == INVSRC_ENOMEM; i++) {
    if (i == 0 || !must_be_taken) heap_open();
    result = by_hand ? give_answer(call, want, &it) : invsrc_call_perform(call);
    heap_close();
  }
  if (result == INVSRC_ENOMEM && want == INVSRC_WANT_OPEN) {
    it.outcome = INVSRC_OUTCOME_UNAVAILABLE; /* as the blocking API has it */
    result = give_answer(call, want, &it);
  }
  if (result != INVSRC_OK) forget(self, want, &it);
  end_answer(&it);
  return result;
}

static int32_t ask_stepwise(trial *self) {
  invsrc_response *response = NULL;
  invsrc_call *call = NULL;
  int32_t result, want = INVSRC_WANT_NONE;

  heap_open();
  result = invsrc_call_new(self->world.service, self->request, &call);
  heap_close();
  while (result == INVSRC_OK) {
    heap_open();
    want = invsrc_call_step(call);
    heap_close();
    if (want <= INVSRC_WANT_NONE) break;
    result = answer_want(self, call, want);
  }
  if (result == INVSRC_OK) result = want;
  if (result == INVSRC_OK) result = invsrc_call_take_response(call, &response);
  invsrc_call_free(call);
  return conclude(self, result, response);
}

/* ---- Injection --------------------------------------------------------------------- */

/* Asks with one plan. Returns how many blocks were left over: what was stored is none of
 * them, and then the world has been made anew. */
static long ask_once(trial *self, way ask, unsigned long at, enum heap_mode mode,
                     const char *where) {
  long before = heap.live;
  int32_t status;

  begin_try(self);
  self->any_answer = at && self->status == 303; /* it tells of what failed by its address */
  heap_plan(at, mode);
  status = ask(self);
  if (status != self->status &&
      (!heap.failures || (status != INVSRC_ENOMEM && status != 500 && status != 503)))
    complain(self, where, "another status");
  judge_world(self, where, status);
  return heap.live - before;
}

static void ask_with_fault(trial *self, way ask, unsigned long at, enum heap_mode mode) {
  char where[64];
  long left = 1;

  snprintf(where, sizeof where, "%s, allocation %lu %s",
           ask == ask_blocking ? "blocking" : "stepwise", at,
           mode == HEAP_ONCE ? "fails" : "and all after it fail");
  for (int i = 0; i < TRIES && left > 0; i++) left = ask_once(self, ask, at, mode, where);
  if (left > 0) complain(self, where, "leaks");
}

static void inject(trial *self, way ask, enum heap_mode mode) {
  for (unsigned long at = 1; at < LONGEST && !failures; at++) {
    ask_with_fault(self, ask, at, mode);
    if (!heap.failures) return; /* it was past the last one, and went well */
    injected++;
  }
}

static void run(const cJSON *vector) {
  trial self;

  begin_trial(&self, vector);
  ask_with_fault(&self, ask_blocking, 0, HEAP_ONCE); /* fills the caches */
  for (int mode = HEAP_ONCE; HEAP_FAILS && mode <= HEAP_FROM_THEN_ON; mode++) {
    inject(&self, ask_blocking, (enum heap_mode)mode);
    inject(&self, ask_stepwise, (enum heap_mode)mode);
  }
  end_trial(&self);
}

int main(void) {
  int count = with_every_vector(run);

  printf("%s 1 - every allocation of every vector\n1..1\n", failures ? "not ok" : "ok");
  if (HEAP_FAILS)
    printf("# note: %lu faults injected into %d vectors\n", injected, count);
  else
    printf("# note: allocations fail in the plain build only\n");
  return failures || (HEAP_FAILS && !injected);
}
