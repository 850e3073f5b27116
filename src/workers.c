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
  } else if (self->count < WORKERS &&
             pthread_create(&self->threads[self->count], NULL, work, self) == 0) {
    self->count++;
    self->is_waking = 1;
  }
}

/* With the lock: the next job, when there is one; NULL when the workers end. */
static job *take(workers *self) {
  job *it;

  while (!self->first && !self->is_ending) {
    self->idle++;
    pthread_cond_wait(&self->changed, &self->lock);
    self->idle--;
    self->is_waking = 0;
  }
  if (self->is_ending) return NULL;
  it = self->first;
  self->first = it->next;
  if (!self->first) self->end = &self->first;
  self->queued--;
  rouse(self);
  return it;
}

static void *work(void *context) {
  workers *self = context;
  job *it;

  pthread_mutex_lock(&self->lock);
  self->is_waking = 0;
  while ((it = take(self))) {
    pthread_mutex_unlock(&self->lock);
    it->run(it, 0);
    pthread_mutex_lock(&self->lock);
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

int workers_start(workers *self) {
  *self = (workers){.count = 0};
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
  if (is_dropped) it->run(it, 1);
}

void workers_end(workers *self) {
  job *it, *next;

  pthread_mutex_lock(&self->lock);
  self->is_ending = 1;
  it = self->first;
  self->first = NULL;
  self->end = &self->first;
  self->queued = 0;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->lock);
  for (; it; it = next) {
    next = it->next; /* a job may be gone when it was run */
    it->run(it, 1);
  }
  for (unsigned i = 0; i < self->count; i++) pthread_join(self->threads[i], NULL);
}

void workers_free(workers *self) {
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
}
