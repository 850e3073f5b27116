/*
 * What goes on beside requests: sources that are due are checked, and events delivered,
 * each by a thread of its own, so that a slow receiver of events holds up no check.
 */
#ifndef ACTIVATOR_H
#define ACTIVATOR_H

#include <pthread.h>

#include "host.h"

typedef struct activator {
  host *host;
  uint64_t max; /* sources that are claimed at a time */
  pthread_t checks;
  pthread_t events;
  int has_checks; /* the thread runs */
  int has_events;
  int has_lock;
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t changed;
  int stopping;
} activator;

/* Starts both. EXIT_DONE, or complains and returns how to end. activator_end() is to be
 * called in any case. */
int activator_start(activator *self, host *of, uint64_t max);
/* Nothing more is begun. These two take one that is all 0, too. */
void activator_stop(activator *self);
/* Ends the checks that are under way, lets the delivery come to its end, and waits. */
void activator_end(activator *self);

/* The time that the library wants to be told. */
int64_t activator_now(void);

#endif
