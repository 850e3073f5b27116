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
  return end_answer(self, result, response);
}

/* ---- As an event loop would ---------------------------------------------------- */

/* The host's part of a want, for which there is always memory. */
typedef struct answer {
  int32_t outcome;
  invsrc_buffer *bytes;
  invsrc_source *source;
} answer;

static void find_answer(trial *self, invsrc_call *call, int32_t want, answer *to) {
  const invsrc_store_vtable *store = invsrc_memory_store();
  uint64_t length, other;
  const void *input, *storefront;

  switch (want) {
    case INVSRC_WANT_SEAL:
      input = invsrc_call_input(call, INVSRC_INPUT_PLAINTEXT, &length);
      to->outcome = count_seal(&self->world, invsrc_call_binding(call), input, length, to->bytes);
      break;
    case INVSRC_WANT_INSERT:
      input = invsrc_call_input(call, INVSRC_INPUT_SEALED, &length);
      to->outcome = store->insert(self->world.memory, invsrc_call_source(call), input, length);
      break;
    case INVSRC_WANT_GET:
      storefront = invsrc_call_input(call, INVSRC_INPUT_STOREFRONT, &length);
      input = invsrc_call_input(call, INVSRC_INPUT_SOURCE_ID, &other);
      to->outcome =
          store->get(self->world.memory, storefront, length, input, other, to->source, to->bytes);
      break;
    default:
      break;
  }
}

static int32_t give_answer(invsrc_call *call, int32_t want, const answer *from) {
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(from->bytes, &length);

  switch (want) {
    case INVSRC_WANT_SEAL:
      return invsrc_call_answer_seal(call, from->outcome, bytes, length);
    case INVSRC_WANT_INSERT:
      return invsrc_call_answer(call, from->outcome);
    default:
      return invsrc_call_answer_get(call, from->outcome, from->source);
  }
}

/* Answers a want: a second time where there was no memory to take the answer. A vector
 * that has a callback fail needs the callbacks. */
static int32_t answer_want(trial *self, invsrc_call *call, int32_t want) {
  int by_hand = !self->world.failing &&
                (want == INVSRC_WANT_SEAL || want == INVSRC_WANT_INSERT || want == INVSRC_WANT_GET);
  answer it = {INVSRC_OUTCOME_FAILED, invsrc_buffer_new(), invsrc_source_new()};
  int32_t result = INVSRC_ENOMEM;

  if (by_hand) find_answer(self, call, want, &it);
  heap_open();
  for (int i = 0; i < 2 && result == INVSRC_ENOMEM; i++)
    result = by_hand ? give_answer(call, want, &it) : invsrc_call_perform(call);
  heap_close();
  /* A call that is given up does not discard what it was not given. */
  if (result != INVSRC_OK && want == INVSRC_WANT_SEAL && it.outcome == INVSRC_OUTCOME_OK)
    self->world.discarded++;
  invsrc_buffer_free(it.bytes);
  invsrc_source_free(it.source);
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
  return end_answer(self, result, response);
}

/* ---- Injection --------------------------------------------------------------------- */

/* Asks with one plan, in a world that nothing was stored in yet. Returns how many blocks
 * were left over; what was stored is none of them, and so the world is made anew first. */
static long ask_once(trial *self, way ask, unsigned long at, enum heap_mode mode,
                     const char *where) {
  long before;
  int32_t status;

  self->world.sealed = self->world.discarded = 0;
  heap_plan(at, mode);
  before = heap.live;
  status = ask(self);
  if (status != self->status &&
      (!heap.failures || (status != INVSRC_ENOMEM && status != 500 && status != 503)))
    complain(self, where, "another status");
  judge_world(self, where, status);
  if (self->world.sealed - self->world.discarded != (status == 201 && self->world.sealed))
    complain(self, where, "sealed, and neither stored nor discarded");
  if (status == 201) renew_world(self);
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
