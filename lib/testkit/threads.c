/*
 * Threads of a trial, which begin together. See trial.h.
 */
#include <pthread.h>

#include "testkit/trial.h"

struct worker {
  pthread_t thread;
  pthread_mutex_t *gate;
  void (*work)(void *item);
  void *item;
};

/* The gate opens when all have been started. */
static void *run_worker(void *argument) {
  const struct worker *self = argument;

  pthread_mutex_lock(self->gate);
  pthread_mutex_unlock(self->gate);
  self->work(self->item);
  return NULL;
}

void ivs_trial_run_threads(ivs_trial *trial, void (*work)(void *item), void *items, size_t size) {
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  struct worker workers[IVS_TRIAL_THREADS];
  int started;

  if (!ivs_trial_step(trial, "threads")) return;
  pthread_mutex_lock(&gate);
  for (started = 0; started < IVS_TRIAL_THREADS; started++) {
    struct worker *worker = &workers[started];

    *worker = (struct worker){
        .gate = &gate, .work = work, .item = (char *)items + (size_t)started * size};
    if (pthread_create(&worker->thread, NULL, run_worker, worker) != 0) break;
  }
  if (started < IVS_TRIAL_THREADS) ivs_trial_end_without_memory(trial);
  pthread_mutex_unlock(&gate);
  for (int i = 0; i < started; i++) pthread_join(workers[i].thread, NULL);
  pthread_mutex_destroy(&gate);
}
