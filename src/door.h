/*
 * Who comes in, how many may be in, and how long each may take: connections are accepted
 * here and given to the loops, ended when a request is not there in time, and lingered
 * over when they were closed on a client that still sends. Knows nothing of what is asked.
 */
#ifndef DOOR_H
#define DOOR_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "http.h"
#include "loops.h"

#define ADDRESS_SIZE 64

/* Connections that are open, where the system lets the process have so many files. */
#define CONNECTIONS 16384
/* Connections that are answered and closed, but whose client may still send. */
#define LINGERING 512

#define IDLE_SECONDS 30   /* for nothing to happen on a connection */
#define HEAD_SECONDS 15   /* for the head of a request, see below */
#define BODY_SECONDS 60   /* for its body */
#define ANSWER_SECONDS 60 /* for the client to take the answer */
#define LINGER_SECONDS 2

/* The head of the first request must be there HEAD_SECONDS after the connection was made.
 * That of another must be so HEAD_SECONDS after its first line, and IDLE_SECONDS and
 * HEAD_SECONDS after the request before: of its first byte libmicrohttpd says nothing. */

/* What is told to a client whose request is not there in time. */
#define DOOR_LATE_STATUS 408

/* What a connection is waiting for. */
typedef enum phase {
  PHASE_FRESH,  /* the first byte of the first request */
  PHASE_IDLE,   /* the first byte of another */
  PHASE_HEAD,   /* the rest of the head */
  PHASE_BODY,   /* the body */
  PHASE_WORK,   /* us */
  PHASE_ANSWER, /* the client, to take it */
  PHASE_ENDED   /* its end: the time was up */
} phase;

typedef struct client {
  struct client *next;
  struct client **from; /* what points here */
  int socket;
  _Atomic uint64_t mark;     /* the phase and the time of its end, which change in one step */
  struct exchange *exchange; /* its request that is under way; who serves it sees to that */
  char remote[ADDRESS_SIZE];
} client;

/* For whom the keeper is there: all, those who are in, nobody. */
typedef enum door_state { DOOR_OPEN, DOOR_SHUT, DOOR_CLOSED } door_state;

typedef struct door {
  loops *loops; /* NULL: nobody is let in yet */
  int listener;
  int events; /* what the keeper waits on */
  int bell;   /* rung when the state has changed */
  unsigned most;
  unsigned refused; /* since it was last told; the keeper's */
  _Atomic unsigned count;
  _Atomic int state;
  pthread_t keeper;
  pthread_mutex_t lock; /* guards what follows */
  client *clients;
  struct leaver *leavers;
  unsigned leaver_count;
} door;

/* Takes the listener over, also where this fails. EXIT_DONE, or complains and returns how to
 * end; door_end() is to be called in any case. */
int door_make(door *self, int listener);
/* Makes the process's limit of open files what is needed besides `others`, and lets clients
 * in, to the loops. As above. */
int door_open(door *self, loops *to, uint64_t others);
/* Lets nobody in any more; nor waits until that is so. */
void door_shut(door *self);
/* The same, and waits, so that the loops may be ended. Also for one that was not opened. */
void door_close(door *self);
/* Frees what it has, after the loops. */
void door_end(door *self);

/* To be called by what MHD_OPTION_NOTIFY_CONNECTION calls, with the door for its context. */
void door_notice(void *context, struct MHD_Connection *connection, void **of_connection,
                 enum MHD_ConnectionNotificationCode code);

/* Who is at the other end; NULL where memory ran out. */
client *client_of(struct MHD_Connection *connection);
/* The connection waits for something else from now on. 0: its time was up before, and it is
 * to be closed. For the thread that has the connection only. */
int client_enter(client *self, phase next);
/* Ends the connection of another thread, which hears of it from libmicrohttpd, and tells the
 * client why. 0: it was ended before. While this runs the connection must not be closed. */
int client_end(client *self, const own_answer *why);
/* To be called before an answered connection is closed over bytes that the client may still
 * send: a connection that is closed over unread bytes is reset, and takes the answer with
 * it. What comes is taken in, until the client hangs up or for a short time. */
void door_linger(door *self, struct MHD_Connection *connection);

#endif
