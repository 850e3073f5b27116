/*
 * See workers.h.
 */
#include "workers.h"

#include <stdlib.h>

#include "command.h"

/* The next job, when there is one; NULL when the workers end. */
static job *take(workers *self) {
  job *it = NULL;

  pthread_mutex_lock(&self->lock);
  self->idle++;
  while (!self->first && !self->is_ending) pthread_cond_wait(&self->changed, &self->lock);
  self->idle--;
  if (!self->is_ending) {
    it = self->first;
    self->first = it->next;
    if (!self->first) self->end = &self->first;
    self->queued--;
  }
  pthread_mutex_unlock(&self->lock);
  return it;
}

static void *work(void *context) {
  job *it;

  while ((it = take(context))) it->run(it, 0);
  return NULL;
}

/* With the lock. Where the system has no thread to give, those that are there do it. */
static void add_thread(workers *self) {
  if (self->count < WORKERS && pthread_create(&self->threads[self->count], NULL, work, self) == 0)
    self->count++;
}

int workers_start(workers *self) {
  *self = (workers){.end = NULL};
  self->end = &self->first;
  if (pthread_mutex_init(&self->lock, NULL) != 0)
    return complain(EXIT_FAILED, "cannot make a lock");
  if (pthread_cond_init(&self->changed, NULL) != 0) {
    pthread_mutex_destroy(&self->lock);
    return complain(EXIT_FAILED, "cannot make a lock");
  }
  add_thread(self);
  if (self->count) return EXIT_DONE;
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->lock);
  return complain(EXIT_FAILED, "cannot start a thread");
}

int workers_have_room(workers *self) {
  int have;

  pthread_mutex_lock(&self->lock);
  have = !self->is_ending && self->queued < QUEUE_LIMIT;
  pthread_mutex_unlock(&self->lock);
  return have;
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
    if (self->queued > self->idle) add_thread(self);
    pthread_cond_signal(&self->changed);
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
