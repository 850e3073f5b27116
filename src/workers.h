/*
 * Threads for what may block: they take jobs from one queue, in the order of their coming,
 * one at a time, or as many as wait. Knows nothing of what the jobs are.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include <pthread.h>
#include <stdatomic.h>

#define WORKERS 64       /* jobs that are run at a time */
#define QUEUE_LIMIT 1024 /* jobs that wait */

/* A part of what the job is about, which must stay where it is until it was run. */
typedef struct job {
  struct job *next;
} job;

/* Runs jobs that hang together by `next`: called once for each, by a thread of the workers, or,
 * where they end before the jobs' turn has come, by another: then only to tell them so. */
typedef void job_run(job *jobs, int is_dropped);

typedef struct workers {
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t changed;
  job *first;
  job **end;
  _Atomic unsigned queued; /* read without it, too */
  job_run *run;
  unsigned most;      /* threads */
  unsigned at_a_time; /* jobs */
  unsigned idle;
  unsigned count;
  int is_waking; /* one who was woken or started is not there yet */
  int is_ending;
  pthread_t threads[WORKERS];
} workers;

/* Starts with one thread; others are started when they are needed, up to `most`. EXIT_DONE, or
 * complains and returns how to end. */
int workers_start(workers *self, job_run *run, unsigned most, unsigned at_a_time);
/* Whether a job may be handed over now. Asking and handing over are two steps, so that what
 * must be in between can be: as many jobs as threads do so may be over the limit. */
int workers_have_room(const workers *self);
void workers_hand(workers *self, job *it);
/* Drops what waits, and waits for what is being run. What is handed over later is dropped
 * by who does so. */
void workers_end(workers *self);
/* Frees what workers have that have ended. */
void workers_free(workers *self);

#endif
