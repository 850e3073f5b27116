/*
 * See workers.h.
 */
#include "workers.h"

#include <stdlib.h>

#include "command.h"

static void *work(void *context);

/* With the lock: sees to it that what waits is taken. Only one is woken at a time, who wakes
 * the next where there is more: so those who are awake do it all where the cores are busy,
 * and all come where jobs block. Where the system has no thread to give, and where all are
 * at work, it is taken later. */
static void rouse(workers *self) {
  if (!self->first || self->is_waking) return;
  if (self->idle) {
    pthread_cond_signal(&self->changed);
    self->is_waking = 1;
  } else if (self->count < self->most &&
             pthread_create(&self->threads[self->count], NULL, work, self) == 0) {
    self->count++;
    self->is_waking = 1;
  }
}

/* With the lock: the next jobs, when there are any; NULL when the workers end. */
static job *take(workers *self) {
  job *first, **at;
  unsigned taken = 0;

  while (!self->first && !self->is_ending) {
    self->idle++;
    pthread_cond_wait(&self->changed, &self->lock);
    self->idle--;
    self->is_waking = 0;
  }
  if (self->is_ending) return NULL;
  first = self->first;
  for (at = &self->first; *at && taken < self->at_a_time; at = &(*at)->next) taken++;
  self->first = *at;
  *at = NULL;
  if (!self->first) self->end = &self->first;
  self->queued -= taken;
  rouse(self);
  return first;
}

static void *work(void *context) {
  workers *self = context;
  job *it;

  pthread_mutex_lock(&self->lock);
  self->is_waking = 0;
  while ((it = take(self))) {
    pthread_mutex_unlock(&self->lock);
    self->run(it, 0);
    pthread_mutex_lock(&self->lock);
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

int workers_start(workers *self, job_run *run, unsigned most, unsigned at_a_time) {
  *self = (workers){.run = run, .most = most, .at_a_time = at_a_time};
  self->end = &self->first;
  if (pthread_mutex_init(&self->lock, NULL) != 0)
    return complain(EXIT_FAILED, "cannot make a lock");
  if (pthread_cond_init(&self->changed, NULL) == 0) {
    if (pthread_create(&self->threads[0], NULL, work, self) == 0) self->count = 1;
    if (self->count) return EXIT_DONE;
    pthread_cond_destroy(&self->changed);
  }
  pthread_mutex_destroy(&self->lock);
  return complain(EXIT_FAILED, "cannot start a thread");
}

int workers_have_room(const workers *self) {
  return self->queued < QUEUE_LIMIT;
}

void workers_hand(workers *self, job *it) {
  int is_dropped;

  it->next = NULL;
  pthread_mutex_lock(&self->lock);
  is_dropped = self->is_ending;
  if (!is_dropped) {
    *self->end = it;
    self->end = &it->next;
    self->queued++;
    rouse(self);
  }
  pthread_mutex_unlock(&self->lock);
  if (is_dropped) self->run(it, 1);
}

void workers_end(workers *self) {
  job *waiting;

  pthread_mutex_lock(&self->lock);
  self->is_ending = 1;
  waiting = self->first;
  self->first = NULL;
  self->end = &self->first;
  self->queued = 0;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->lock);
  if (waiting) self->run(waiting, 1);
  for (unsigned i = 0; i < self->count; i++) pthread_join(self->threads[i], NULL);
}

void workers_free(workers *self) {
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
}
