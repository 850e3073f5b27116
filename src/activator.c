/*
 * See activator.h.
 */
#include "activator.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "log.h"

#define PAUSE 1      /* seconds between two looks for what is due */
#define LONG_PAUSE 5 /* after one that failed */

int64_t activator_now(void) {
  struct timespec now = {0, 0};

  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int is_stopping(activator *self) {
  int stopping;

  pthread_mutex_lock(&self->lock);
  stopping = self->stopping;
  pthread_mutex_unlock(&self->lock);
  return stopping;
}

/* Waits until the next look. 0: there is none. */
static int wait_for_more(activator *self, int seconds) {
  struct timespec until;
  int late = 0, stopping;

  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += seconds;
  pthread_mutex_lock(&self->lock);
  while (!self->stopping && !late)
    late = pthread_cond_timedwait(&self->changed, &self->lock, &until) == ETIMEDOUT;
  stopping = self->stopping;
  pthread_mutex_unlock(&self->lock);
  return !stopping;
}

/* How long to wait after a look that ended with `code`, which is logged where it failed. */
static int pause_after(int32_t code, const char *what) {
  char message[128];

  if (code == INVSRC_OK) return PAUSE;
  snprintf(message, sizeof message, "%s: %s", what, invsrc_strerror(code));
  log_write(INVSRC_LOG_WARNING, message);
  return LONG_PAUSE;
}

static int32_t hear_check(void *context, const invsrc_check *check) {
  log_write_check(check);
  return is_stopping(context);
}

static void *run_checks(void *context) {
  activator *self = context;
  int32_t code;

  do code = invsrc_activate_due(self->host->service, 0, self->max, hear_check, self, NULL);
  while (wait_for_more(self, pause_after(code, "activation")));
  return NULL;
}

/* One at a time, so that an end waits for no more than one. */
static int32_t deliver_all(activator *self) {
  uint64_t delivered, postponed;
  int32_t code;

  do code = invsrc_deliver_due(self->host->service, 0, 1, &delivered, &postponed, NULL);
  while (code == INVSRC_OK && delivered + postponed > 0 && !is_stopping(self));
  return code;
}

static void *run_events(void *context) {
  activator *self = context;
  int32_t code;

  do code = deliver_all(self);
  while (wait_for_more(self, pause_after(code, "delivery of events")));
  return NULL;
}

/* Where nobody sets the clock, so that a pause is as long as it should be. */
static int start_lock(activator *self) {
  pthread_condattr_t attributes;
  int failed = pthread_condattr_init(&attributes);

  if (failed) return 0;
  failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) ||
           pthread_cond_init(&self->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  if (!failed && pthread_mutex_init(&self->lock, NULL) != 0) {
    pthread_cond_destroy(&self->changed);
    failed = 1;
  }
  return !failed;
}

int activator_start(activator *self, host *of, uint64_t max) {
  *self = (activator){.host = of, .max = max};
  self->has_lock = start_lock(self);
  if (self->has_lock) {
    self->has_checks = pthread_create(&self->checks, NULL, run_checks, self) == 0;
    self->has_events = of->has_events && pthread_create(&self->events, NULL, run_events, self) == 0;
  }
  if (self->has_checks && self->has_events == of->has_events) return EXIT_DONE;
  return complain(EXIT_FAILED, "cannot start a thread");
}

void activator_stop(activator *self) {
  if (!self->has_lock) return;
  pthread_mutex_lock(&self->lock);
  self->stopping = 1;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->lock);
}

void activator_end(activator *self) {
  if (!self->has_lock) return;
  activator_stop(self);
  invsrc_agents_stop(self->host->agents);
  if (self->has_checks) pthread_join(self->checks, NULL);
  if (self->has_events) pthread_join(self->events, NULL);
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
  self->has_lock = 0;
}
