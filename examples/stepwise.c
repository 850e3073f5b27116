/*
 * An event-driven host: one thread, one poll loop, many creates under way at once.
 *
 * The slow question of a create is whether its endpoint is registered. Here it goes
 * to a resolver that works elsewhere (a thread at the other end of a socket stands
 * in for a server) and answers when it pleases, in any order. Until then the call
 * rests, and the loop serves the others. The quick wants are left to the service's
 * own callbacks, with invsrc_call_perform().
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALLS 6
#define POLL_MS 10000
#define URL_SIZE 256

/* What goes to the resolver and what comes back: datagrams, so that each arrives whole. */
struct question {
  int index;
  char url[URL_SIZE];
};
struct answer {
  int index;
  int32_t outcome;
};

/* ---- The resolver: answers in pairs, the later question first ------------- */

static int32_t look_up(const char *url) {
  return strstr(url, "unknown") ? INVSRC_OUTCOME_NOT_REGISTERED : INVSRC_OUTCOME_OK;
}

static void *resolve(void *context) {
  int fd = *(int *)context;
  struct question questions[2];

  while (recv(fd, &questions[0], sizeof questions[0], 0) > 0 &&
         recv(fd, &questions[1], sizeof questions[1], 0) > 0)
    for (int i = 1; i >= 0; i--) {
      struct answer answer = {questions[i].index, look_up(questions[i].url)};
      if (send(fd, &answer, sizeof answer, 0) < 0) return NULL;
    }
  return NULL;
}

/* ---- The loop ------------------------------------------------------------- */

static int ask(int resolver, invsrc_call *call, int index) {
  struct question question = {.index = index};
  uint64_t length = 0;
  const char *url = invsrc_call_input(call, INVSRC_INPUT_ENDPOINT_URL, &length);

  if (!url || length >= sizeof question.url) return -1;
  memcpy(question.url, url, (size_t)length);
  return send(resolver, &question, sizeof question, 0) < 0 ? -1 : 0;
}

/* Runs a call until it has to wait: returns 1, or 0 when it is over, or -1. */
static int advance(int resolver, invsrc_call *call, int index) {
  invsrc_response *response = NULL;
  int32_t want;

  while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE) {
    if (want == INVSRC_WANT_LOOKUP) return ask(resolver, call, index) < 0 ? -1 : 1;
    if (invsrc_call_perform(call) < 0) return -1;
  }
  if (want < 0 || invsrc_call_take_response(call, &response) < 0) return -1;
  printf("call %d: %d %s\n", index, (int)invsrc_response_status(response),
         invsrc_response_body(response, NULL));
  invsrc_response_free(response);
  return 0;
}

/* Begins every call, then hands each answer to the call that it is for. */
static int serve(int resolver, invsrc_call **calls) {
  struct pollfd readable = {.fd = resolver, .events = POLLIN};
  struct answer answer;
  int waiting = 0, state;

  for (int i = 0; i < CALLS; i++) {
    if ((state = advance(resolver, calls[i], i)) < 0) return -1;
    waiting += state;
  }
  printf("%d calls wait for the resolver\n", waiting);
  while (waiting > 0) {
    if (poll(&readable, 1, POLL_MS) <= 0) return -1;
    if (recv(resolver, &answer, sizeof answer, 0) != sizeof answer) return -1;
    if (invsrc_call_answer(calls[answer.index], answer.outcome) < 0) return -1;
    if ((state = advance(resolver, calls[answer.index], answer.index)) < 0) return -1;
    waiting -= !state;
  }
  return 0;
}

/* ---- The service: everything in memory ------------------------------------ */

static void write_body(char *body, size_t size, int index) {
  snprintf(body, size,
           "{\"name\": \"Agent %d\", \"type\": \"SIGNAL\", \"protocol\": \"A2A\","
           " \"endpointUrl\": \"https://%s.example/agents/%d\","
           " \"authenticationType\": \"NO_AUTH\"}",
           index, index == 2 ? "unknown" : "registered", index);
}

int main(void) {
  static char bodies[CALLS][512];
  invsrc_call *calls[CALLS] = {NULL};
  invsrc_options *options = invsrc_options_new();
  invsrc_memory *memory = NULL;
  invsrc_service *service = NULL;
  int ends[2] = {-1, -1}, running = 0, status = EXIT_FAILURE;
  pthread_t resolver;

  if (!options || invsrc_memory_new(&memory) < 0) goto done;
  invsrc_options_set_store(options, invsrc_memory_store(), memory);
  if (invsrc_service_new(options, &service, NULL) < 0) goto done;
  for (int i = 0; i < CALLS; i++) {
    write_body(bodies[i], sizeof bodies[i], i);
    if (invsrc_call_new_create(service, "acme", 4, bodies[i], strlen(bodies[i]), &calls[i]) < 0)
      goto done;
  }
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0) goto done;
  if (pthread_create(&resolver, NULL, resolve, &ends[1])) goto done;
  running = 1;
  if (serve(ends[0], calls) == 0) status = EXIT_SUCCESS;

done:
  if (ends[0] >= 0) shutdown(ends[0], SHUT_RDWR);
  if (running) pthread_join(resolver, NULL);
  for (int i = 0; i < 2; i++)
    if (ends[i] >= 0) close(ends[i]);
  for (int i = 0; i < CALLS; i++) invsrc_call_free(calls[i]);
  invsrc_service_free(service);
  invsrc_memory_free(memory);
  invsrc_options_free(options);
  if (status) fprintf(stderr, "stepwise: failed\n");
  return status;
}
