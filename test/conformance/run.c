/*
 * Runs conformance vectors (README.md) through the blocking and the stepwise API,
 * holds both to the expected answer, and to each other byte by byte. Prints TAP.
 *
 *     run FILE…
 */
#include "conformance/stepwise.h"

/* ---- The two ways ----------------------------------------------------------------- */

static invsrc_response *run_blocking(world *self, const invsrc_request *request) {
  invsrc_response *response = NULL;

  must(invsrc_handle(self->service, request, &response, NULL), "invsrc_handle");
  return response;
}

/* The slow wants are answered by hand, as an event loop would; the others by callbacks. */
static void answer_want(world *self, invsrc_call *call, int32_t want) {
  answer it;

  begin_answer(&it);
  if (find_answer(self, call, want, &it))
    must(give_answer(call, want, &it), "answer");
  else
    must(invsrc_call_perform(call), "invsrc_call_perform");
  end_answer(&it);
}

static invsrc_response *run_stepwise(world *self, const invsrc_request *request) {
  invsrc_response *response = NULL;
  invsrc_call *call = NULL;
  int32_t want;

  must(invsrc_call_new(self->service, request, &call), "invsrc_call_new");
  while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE) answer_want(self, call, want);
  must(want, "invsrc_call_step");
  must(invsrc_call_take_response(call, &response), "invsrc_call_take_response");
  invsrc_call_free(call);
  return response;
}

static int are_identical(const invsrc_response *a, const invsrc_response *b) {
  uint32_t count = invsrc_response_header_count(a);
  int same = invsrc_response_status(a) == invsrc_response_status(b) &&
             count == invsrc_response_header_count(b) &&
             strcmp(invsrc_response_body(a, NULL), invsrc_response_body(b, NULL)) == 0;

  for (uint32_t i = 0; same && i < count; i++)
    same = strcmp(invsrc_response_header_name(a, i), invsrc_response_header_name(b, i)) == 0 &&
           strcmp(invsrc_response_header_value(a, i), invsrc_response_header_value(b, i)) == 0;
  if (!same) printf("# the two APIs differ\n");
  return same;
}

/* ---- Running ------------------------------------------------------------------------ */

static int failures, count;

/* What comes of a request by each of the ways. */
typedef struct both {
  world blocking;
  world stepwise;
  int blocking_good;
  int stepwise_good;
} both;

static void ask(both *self, const cJSON *given, const cJSON *expected) {
  ivs_buffer body = IVS_BUFFER_EMPTY;
  invsrc_request *request = make_request(given, &body, &self->blocking);
  invsrc_response *first = run_blocking(&self->blocking, request);
  invsrc_response *second = run_stepwise(&self->stepwise, request);

  self->blocking_good &= judge("blocking", first, expected, &self->blocking);
  self->stepwise_good &=
      judge("stepwise", second, expected, &self->stepwise) & are_identical(first, second);
  invsrc_response_free(first);
  invsrc_response_free(second);
  invsrc_request_free(request);
  ivs_buffer_end(&body);
}

static void report(int good, const char *way, const char *name) {
  failures += !good;
  printf("%s %d - %s: %s\n", good ? "ok" : "not ok", ++count, way, name);
}

static void run_vector(const cJSON *vector) {
  const char *name = text_of(vector, "name", "?");
  both it = {.blocking_good = 1, .stepwise_good = 1};

  make_world(&it.blocking, vector);
  make_world(&it.stepwise, vector);
  ask(&it, member(vector, "request"), member(vector, "response"));
  for (const cJSON *at = first_of(member(vector, "then")); at; at = at->next)
    ask(&it, member(at, "request"), member(at, "response"));
  report(it.blocking_good, "blocking", name);
  report(it.stepwise_good, "stepwise", name);
  end_world(&it.blocking);
  end_world(&it.stepwise);
}

static void run_file(const char *path) {
  cJSON *vectors = read_vectors(path);

  for (const cJSON *at = first_of(vectors); at; at = at->next) run_vector(at);
  cJSON_Delete(vectors);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) run_file(argv[i]);
  printf("1..%d\n# note: %d vectors, each through both APIs\n", count, count / 2);
  return failures || !count;
}
