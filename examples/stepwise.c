/*
 * An event-driven host: one thread, one poll loop, many calls under way at once.
 *
 * The slow question of a create is whether its endpoint is registered, that of a check
 * whether the agent answers. Here both go to a resolver that works elsewhere (a thread at
 * the other end of a socket stands in for a registry and for agents) and answers when it
 * pleases, in any order. Until then the call rests, and the loop serves the others. The
 * quick wants are left to the service's own callbacks, with invsrc_call_perform().
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CALLS 6
#define LEASE_MS 120000 /* longer than a probe can take */
#define POLL_MS 10000
#define URL_SIZE 256

/* What goes to the resolver and what comes back: datagrams, so that each arrives whole. */
struct question {
  int index;
  int32_t want;
  char url[URL_SIZE];
};
struct answer {
  int index;
  int32_t want;
  int32_t outcome;
};

/* ---- The resolver: answers in pairs, the later question first ------------- */

static int32_t resolve_one(const struct question *question) {
  if (question->want == INVSRC_WANT_PROBE)
    return strstr(question->url, "/5") ? INVSRC_OUTCOME_REFUSED : INVSRC_OUTCOME_PROVEN;
  return strstr(question->url, "unknown") ? INVSRC_OUTCOME_NOT_REGISTERED : INVSRC_OUTCOME_OK;
}

static void *resolve(void *context) {
  int fd = *(int *)context;
  struct question asked[2];

  while (recv(fd, &asked[0], sizeof asked[0], 0) > 0 && recv(fd, &asked[1], sizeof asked[1], 0) > 0)
    for (int i = 1; i >= 0; i--) {
      struct answer answer = {asked[i].index, asked[i].want, resolve_one(&asked[i])};
      if (send(fd, &answer, sizeof answer, 0) < 0) return NULL;
    }
  return NULL;
}

/* ---- The loop ------------------------------------------------------------- */

struct host {
  invsrc_options *options;
  invsrc_memory *memory;
  invsrc_keyring *keyring;
  invsrc_service *service;
  int ends[2]; /* ours, and the resolver's */
  invsrc_source_list *due;
  invsrc_call *calls[CALLS];
};

/* A host that asks an agent does so with INVSRC_INPUT_PLAINTEXT, which it sends to nobody
 * else: invsrc_conversation(3) tells what to send, and what an answer means. */
static int ask(const struct host *host, int32_t want, int index) {
  const invsrc_call *call = host->calls[index];
  struct question question = {.index = index, .want = want};
  uint64_t length = 0;
  const char *url =
      want == INVSRC_WANT_PROBE
          ? invsrc_source_text(invsrc_call_source(call), INVSRC_SOURCE_ENDPOINT_URL, &length)
          : invsrc_call_input(call, INVSRC_INPUT_ENDPOINT_URL, &length);

  if (!url || length >= sizeof question.url) return -1;
  memcpy(question.url, url, (size_t)length);
  return send(host->ends[0], &question, sizeof question, 0) < 0 ? -1 : 0;
}

/* What a call came to: a check has an outcome in place of a response. */
static int finish(const struct host *host, int index) {
  invsrc_call *call = host->calls[index];
  int32_t outcome = invsrc_call_check_outcome(call);
  invsrc_response *response = NULL;

  if (outcome) {
    printf("check of %s: %s\n",
           invsrc_source_text(invsrc_source_list_at(host->due, (uint64_t)index),
                              INVSRC_SOURCE_SOURCE_ID, NULL),
           outcome == INVSRC_OUTCOME_PROVEN ? "proven" : invsrc_call_check_reason(call));
    return 0;
  }
  if (invsrc_call_take_response(call, &response) < 0) return -1;
  printf("call %d: %d %s\n", index, (int)invsrc_response_status(response),
         invsrc_response_body(response, NULL));
  invsrc_response_free(response);
  return 0;
}

/* Runs a call until it has to wait: returns 1, or 0 when it is over, or -1. */
static int advance(const struct host *host, int index) {
  int32_t want;

  while ((want = invsrc_call_step(host->calls[index])) > INVSRC_WANT_NONE) {
    if (want == INVSRC_WANT_LOOKUP || want == INVSRC_WANT_PROBE)
      return ask(host, want, index) < 0 ? -1 : 1;
    if (invsrc_call_perform(host->calls[index]) < 0) return -1;
  }
  return want < 0 ? -1 : finish(host, index);
}

/* Hands an answer to the call that it is for. */
static int32_t take(const struct host *host, const struct answer *answer) {
  static const char reason[] = "the agent answered 401: check auth";
  invsrc_call *call = host->calls[answer->index];

  if (answer->want != INVSRC_WANT_PROBE) return invsrc_call_answer(call, answer->outcome);
  return invsrc_call_answer_probe(call, answer->outcome, reason, strlen(reason));
}

/* Begins every call, serves them until the last is over, and ends them. */
static int serve(struct host *host, int count) {
  struct pollfd readable = {.fd = host->ends[0], .events = POLLIN};
  struct answer answer;
  int waiting = 0, state;

  for (int i = 0; i < count; i++) {
    if ((state = advance(host, i)) < 0) return -1;
    waiting += state;
  }
  printf("%d calls wait for the resolver\n", waiting);
  while (waiting > 0) {
    if (poll(&readable, 1, POLL_MS) <= 0) return -1;
    if (recv(host->ends[0], &answer, sizeof answer, 0) != sizeof answer) return -1;
    if (take(host, &answer) < 0 || (state = advance(host, answer.index)) < 0) return -1;
    waiting -= !state;
  }
  for (int i = 0; i < count; i++) {
    invsrc_call_free(host->calls[i]);
    host->calls[i] = NULL;
  }
  return 0;
}

/* ---- What it does: creates sources, and checks those that wait for it ------ */

static void write_body(char *body, size_t size, int index) {
  snprintf(body, size,
           "{\"name\": \"Agent %d\", \"type\": \"SIGNAL\", \"protocol\": \"A2A\","
           " \"endpointUrl\": \"https://%s.example/agents/%d\", %s}",
           index, index == 2 ? "unknown" : "registered", index,
           index == 4 ? "\"authenticationType\": \"NO_AUTH\""
                      : "\"authenticationType\": \"API_KEY\","
                        " \"auth\": {\"type\": \"bearer\", \"token\": \"secret\"}");
}

static int create(struct host *host) {
  static char bodies[CALLS][512]; /* a body stays until its call is freed */

  for (int i = 0; i < CALLS; i++) {
    write_body(bodies[i], sizeof bodies[i], i);
    if (invsrc_call_new_create(host->service, "acme", 4, bodies[i], strlen(bodies[i]),
                               &host->calls[i]) < 0)
      return -1;
  }
  return serve(host, CALLS);
}

/* Claims what is due, so that nobody else checks it within the lease. */
static int check(struct host *host) {
  struct timespec time;
  int64_t now;
  uint64_t length;
  int count = 0;

  timespec_get(&time, TIME_UTC);
  now = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
  host->due = invsrc_source_list_new();
  if (!host->due || invsrc_memory_store()->due(host->memory, now, now + LEASE_MS, CALLS,
                                               host->due) != INVSRC_OUTCOME_OK)
    return -1;
  for (; (uint64_t)count < invsrc_source_list_count(host->due); count++) {
    const void *sealed = invsrc_source_list_sealed(host->due, (uint64_t)count, &length);
    if (invsrc_call_new_check(host->service, invsrc_source_list_at(host->due, (uint64_t)count),
                              sealed, length, &host->calls[count]) < 0)
      return -1;
  }
  return serve(host, count);
}

/* ---- The service: everything in memory ------------------------------------ */

static int open_service(struct host *host) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = "a real host's is random";

  host->options = invsrc_options_new();
  if (!host->options || invsrc_memory_new(&host->memory) < 0 ||
      invsrc_keyring_new(&host->keyring) < 0 ||
      invsrc_keyring_add(host->keyring, key, sizeof key) < 0)
    return -1;
  invsrc_options_set_store(host->options, invsrc_memory_store(), host->memory);
  invsrc_options_set_sealer(host->options, invsrc_keyring_sealer(), host->keyring);
  return invsrc_service_new(host->options, &host->service, NULL);
}

static void close_service(struct host *host) {
  for (int i = 0; i < CALLS; i++) invsrc_call_free(host->calls[i]);
  invsrc_source_list_free(host->due);
  invsrc_service_free(host->service);
  invsrc_keyring_free(host->keyring);
  invsrc_memory_free(host->memory);
  invsrc_options_free(host->options);
}

int main(void) {
  struct host host = {.ends = {-1, -1}};
  int running = 0, status = EXIT_FAILURE;
  pthread_t resolver;

  if (open_service(&host) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, host.ends) < 0) goto done;
  if (pthread_create(&resolver, NULL, resolve, &host.ends[1])) goto done;
  running = 1;
  if (create(&host) == 0 && check(&host) == 0) status = EXIT_SUCCESS;

done:
  if (host.ends[0] >= 0) shutdown(host.ends[0], SHUT_RDWR);
  if (running) pthread_join(resolver, NULL);
  for (int i = 0; i < 2; i++)
    if (host.ends[i] >= 0) close(host.ends[i]);
  close_service(&host);
  if (status) fprintf(stderr, "stepwise: failed\n");
  return status;
}
