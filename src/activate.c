/*
 * `invsrc activate`: checks the sources that are due and delivers events, once or until a
 * signal comes. Shows a person who waits how far it is.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "activator.h"
#include "commands.h"
#include "log.h"

static const option watch_option = {"watch", NULL, "go on until a signal comes"};
static const option max_option = {"max", "N", "check at most N sources, with --watch at each look"};

/* Before there is another thread, so that the one that waits gets them. */
static void block(sigset_t *signals) {
  sigemptyset(signals);
  sigaddset(signals, SIGTERM);
  sigaddset(signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, signals, NULL);
}

/* ---- A signal in the middle --------------------------------------------------------- */

/* Waits for one, beside the checks. */
typedef struct stopper {
  host *host;
  sigset_t signals;
  pthread_t thread;
  atomic_int stopped;
} stopper;

/* Refreshes come to their end first: tokens that a server has given out must not be lost. */
static void *stop(void *context) {
  stopper *self = context;
  int number;

  sigwait(&self->signals, &number);
  atomic_store(&self->stopped, 1);
  invsrc_agents_stop(self->host->agents);
  pthread_sigmask(SIG_UNBLOCK, &self->signals, NULL); /* another one ends it at once */
  for (;;) pause();
  return NULL;
}

static int stopper_start(stopper *self, host *of) {
  self->host = of;
  atomic_init(&self->stopped, 0);
  block(&self->signals);
  if (pthread_create(&self->thread, NULL, stop, self) == 0) return EXIT_DONE;
  return complain(EXIT_FAILED, "cannot start a thread");
}

static void stopper_end(stopper *self) {
  pthread_cancel(self->thread);
  pthread_join(self->thread, NULL);
}

/* ---- Once ------------------------------------------------------------------------ */

typedef struct round {
  int has_count;                                   /* a person sees how far it is */
  uint64_t counts[INVSRC_OUTCOME_UNREACHABLE + 1]; /* by outcome */
  uint64_t checked;
} round;

/* How many are due the store does not tell, so there is no end that a bar could show. */
static void draw_count(const round *self) {
  fprintf(stderr, CLEAR_LINE "%" PRIu64 " checked", self->checked);
}

static int32_t hear_check(void *context, const invsrc_check *check) {
  round *self = context;

  self->counts[check->outcome]++;
  self->checked = check->checked;
  log_write_check(check);
  if (self->has_count) draw_count(self);
  return 0;
}

static int sum_up(const round *self, uint64_t delivered, uint64_t postponed) {
  const uint64_t *count = self->counts;
  uint64_t unchecked = count[INVSRC_OUTCOME_UNAVAILABLE] + count[INVSRC_OUTCOME_FAILED];

  if (self->has_count) fputs(CLEAR_LINE, stderr);
  printf("checked %" PRIu64 ": %" PRIu64 " reachable, %" PRIu64 " refused, %" PRIu64
         " unreachable, %" PRIu64 " changed meanwhile, %" PRIu64 " not checked; events: %" PRIu64
         " delivered, %" PRIu64 " postponed\n",
         self->checked - unchecked, count[INVSRC_OUTCOME_OK] + count[INVSRC_OUTCOME_PROVEN],
         count[INVSRC_OUTCOME_REFUSED], count[INVSRC_OUTCOME_UNREACHABLE],
         count[INVSRC_OUTCOME_CONFLICT], unchecked, delivered, postponed);
  if (!unchecked) return EXIT_DONE;
  return complain(EXIT_FAILED, "%" PRIu64 " sources could not be checked", unchecked);
}

/* Until one is not taken: where the receiver is out, each would wait for it in vain. */
static int32_t deliver(stopper *beside, uint64_t *delivered, uint64_t *postponed) {
  host *self = beside->host;
  uint64_t taken;
  int32_t code;

  do {
    if (atomic_load(&beside->stopped)) return INVSRC_OK;
    code = invsrc_deliver_due(self->service, activator_now(), 1, &taken, postponed, self->error);
    *delivered += taken;
  } while (code == INVSRC_OK && taken);
  return code;
}

static int activate(host *self, uint64_t max, int has_count) {
  round seen = {.has_count = has_count};
  uint64_t delivered = 0, postponed = 0;
  stopper beside;
  int status = stopper_start(&beside, self);
  int32_t code;

  if (status != EXIT_DONE) return status;
  code = invsrc_activate_due(self->service, activator_now(), max, hear_check, &seen, self->error);
  if (code == INVSRC_OK) code = deliver(&beside, &delivered, &postponed);
  stopper_end(&beside);
  status = sum_up(&seen, delivered, postponed);
  if (code != INVSRC_OK) return host_complain(self, "cannot activate");
  if (status == EXIT_DONE && atomic_load(&beside.stopped))
    status = complain(EXIT_FAILED, "a signal came before all were checked");
  return status;
}

/* ---- Until a signal ----------------------------------------------------------------- */

static int watch(host *self, uint64_t max) {
  activator beside;
  sigset_t signals;
  int status, number;

  block(&signals);
  status = activator_start(&beside, self, max);
  if (status == EXIT_DONE) sigwait(&signals, &number);
  activator_end(&beside);
  return status;
}

static int run(const arguments *given) {
  int is_watching = value_of(given, &watch_option) != NULL;
  int has_count = !is_watching && isatty(STDERR_FILENO);
  uint64_t max = UINT64_MAX;
  host self = {0};
  int status = host_number(given, &max_option, 1, UINT64_MAX, &max);

  if (has_count) log_beside_count();
  if (status == EXIT_DONE)
    status =
        host_open(&self, given, OLD_STORE, HOST_KEYRING | HOST_AGENTS | HOST_LOG | HOST_EVENTS);
  if (status == EXIT_DONE)
    status = is_watching ? watch(&self, max) : activate(&self, max, has_count);
  host_close(&self);
  return status;
}

const command activate_command = {
    "activate",
    "",
    "Check the sources that are due, activate those that answer, and deliver events",
    0,
    0,
    run,
    {&database_option, &master_key_file_option, &watch_option, &max_option, &parallel_option,
     &lease_option, &recheck_option, &probe_tool_option, &api_key_header_option, &allow_http_option,
     &allow_private_option, &ca_file_option, &proxy_option, &webhook_option,
     &webhook_secret_file_option, &log_level_option, NULL}};
