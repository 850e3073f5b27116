/*
 * Threads that have the connections, one for each core, each with a daemon of libmicrohttpd
 * of its own. They are not that library's own threads: those of 0.9.75, of as many ready
 * connections as it looks at in one go, wait for more before they serve any.
 */
#ifndef LOOPS_H
#define LOOPS_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#define MOST_LOOPS 64

typedef struct loop {
  struct loops *of;
  struct MHD_Daemon *daemon;
  int newcomers[2]; /* a pipe of sockets, of BELL and END */
  _Atomic int is_rung;
  pthread_t thread;
} loop;

typedef struct loops {
  unsigned count;
  unsigned given; /* newcomers */
  _Atomic unsigned taken;
  loop all[MOST_LOOPS];
} loops;

/* Makes a daemon that has no thread and no listener; NULL where it cannot. */
typedef struct MHD_Daemon *loops_maker(void *context);

/* Starts as many as there are cores. EXIT_DONE, or complains and returns how to end; then
 * loops_end() is to be called, too. */
int loops_start(loops *self, loops_maker *make, void *context);
/* Gives a connected socket to one of them. */
void loops_give(loops *self, int socket);
/* How many were given and are not in yet. Both are for one and the same thread. */
unsigned loops_waiting(loops *self);
/* Resumes a connection that was suspended, in the loop that has it. For any thread. */
void loops_resume(loops *self, struct MHD_Connection *connection);
/* Closes all connections, none of which may be suspended, and ends. */
void loops_end(loops *self);

#endif
