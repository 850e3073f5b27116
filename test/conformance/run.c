/*
 * Runs conformance vectors (README.md) through the blocking and the stepwise API,
 * holds both to the expected answer, and to each other byte by byte. Prints TAP.
 *
 *     run FILE…
 */
#include "conformance/vector.h"

/* ---- The two ways ----------------------------------------------------------------- */

static invsrc_response *run_blocking(world *self, const invsrc_request *request) {
  invsrc_response *response = NULL;

  must(invsrc_handle(self->service, request, &response, NULL), "invsrc_handle");
  return response;
}

/* A want that fails, told by hand; 0 for one that the callback is left to tell. */
static int tell_failure(invsrc_call *call, int32_t want, int32_t outcome) {
  switch (want) {
    case INVSRC_WANT_AUTHENTICATE:
      must(invsrc_call_answer_authenticate(call, outcome, NULL, 0), "answer");
      return 1;
    case INVSRC_WANT_NOW:
      must(invsrc_call_answer_now(call, outcome, -1), "answer");
      return 1;
    case INVSRC_WANT_RANDOM:
      must(invsrc_call_answer_random(call, outcome, NULL, 0), "answer");
      return 1;
    case INVSRC_WANT_OAUTH_START:
      must(invsrc_call_answer_oauth_start(call, outcome, NULL, 0, NULL, 0), "answer");
      return 1;
    case INVSRC_WANT_SEAL:
      must(invsrc_call_answer_seal(call, outcome, NULL, 0), "answer");
      return 1;
    case INVSRC_WANT_LOOKUP:
    case INVSRC_WANT_INSERT:
      must(invsrc_call_answer(call, outcome), "answer");
      return 1;
    default:
      return 0;
  }
}

/* The slow wants, answered by hand as an event loop would; 0 for the others. */
static int answer(world *self, invsrc_call *call, int32_t want) {
  const invsrc_store_vtable *store = invsrc_memory_store();
  invsrc_buffer *bytes = invsrc_buffer_new();
  invsrc_source *source = invsrc_source_new();
  uint64_t length, other_length;
  const void *input;
  int32_t outcome;
  int answered = 1;

  if (want == self->failing) {
    answered = tell_failure(call, want, self->outcome);
  } else if (want == INVSRC_WANT_OAUTH_START && self->oauth) {
    const char *url = text_of(self->oauth, "authorizationUrl", "");
    const char *state = text_of(self->oauth, "state", "");
    must(invsrc_call_answer_oauth_start(call, INVSRC_OUTCOME_OK, url, strlen(url), state,
                                        strlen(state)),
         "answer");
  } else if (want == INVSRC_WANT_INSERT) {
    input = invsrc_call_input(call, INVSRC_INPUT_SEALED, &length);
    outcome = store->insert(self->memory, invsrc_call_source(call), input, length);
    must(invsrc_call_answer(call, outcome), "answer");
  } else if (want == INVSRC_WANT_SEAL) {
    input = invsrc_call_input(call, INVSRC_INPUT_PLAINTEXT, &length);
    outcome = invsrc_keyring_sealer()->seal(self->keyring, invsrc_call_binding(call), input, length,
                                            bytes);
    input = invsrc_buffer_bytes(bytes, &length);
    must(invsrc_call_answer_seal(call, outcome, input, length), "answer");
  } else if (want == INVSRC_WANT_GET) {
    input = invsrc_call_input(call, INVSRC_INPUT_STOREFRONT, &length);
    outcome = store->get(
        self->memory, input, length, invsrc_call_input(call, INVSRC_INPUT_SOURCE_ID, NULL),
        (invsrc_call_input(call, INVSRC_INPUT_SOURCE_ID, &other_length), other_length), source,
        bytes);
    must(invsrc_call_answer_get(call, outcome, source), "answer");
  } else {
    answered = 0;
  }
  invsrc_buffer_free(bytes);
  invsrc_source_free(source);
  return answered;
}

static invsrc_response *run_stepwise(world *self, const invsrc_request *request) {
  invsrc_response *response = NULL;
  invsrc_call *call = NULL;
  int32_t want;

  must(invsrc_call_new(self->service, request, &call), "invsrc_call_new");
  while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE)
    if (!answer(self, call, want)) must(invsrc_call_perform(call), "invsrc_call_perform");
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

static void report(int good, const char *way, const char *name) {
  failures += !good;
  printf("%s %d - %s: %s\n", good ? "ok" : "not ok", ++count, way, name);
}

static void run_vector(const cJSON *vector) {
  const cJSON *given = member(vector, "request");
  const cJSON *expected = member(vector, "response");
  const char *name = text_of(vector, "name", "?");
  ivs_buffer body = IVS_BUFFER_EMPTY;
  world blocking, stepwise;
  invsrc_request *request;
  invsrc_response *first, *second;

  make_world(&blocking, vector);
  make_world(&stepwise, vector);
  write_body(&body, given, vector);
  request = make_request(given, &body);
  first = run_blocking(&blocking, request);
  second = run_stepwise(&stepwise, request);
  report(judge("blocking", first, expected, vector), "blocking", name);
  report(judge("stepwise", second, expected, vector) & are_identical(first, second), "stepwise",
         name);
  invsrc_response_free(first);
  invsrc_response_free(second);
  invsrc_request_free(request);
  ivs_buffer_end(&body);
  end_world(&blocking);
  end_world(&stepwise);
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
