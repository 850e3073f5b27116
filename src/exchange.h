/*
 * One request and its answer. It is a call of the library, which is stepped: what is at hand
 * the loops answer themselves, as they must not wait; the rest is for workers, and what is to
 * be inserted for one of them, who takes all that waits at a time. Knows nothing of listening.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "door.h"
#include "host.h"
#include "workers.h"

/* Bytes that libmicrohttpd has for a connection, and what of them is left to the head of an
 * answer. */
#define CONNECTION_MEMORY 16384
#define ANSWER_MEMORY 2048

/* Bytes of bodies, of requests and of answers, that are in memory at a time; more where
 * --max-body is more than half of it. Where they are reached, the request whose body has
 * been coming for the longest time is ended, so that who sends slowly keeps nobody out. */
#define HELD_LIMIT 67108864

typedef struct server {
  host *host;
  door door;
  loops loops;
  workers workers;
  workers inserters;     /* one, for all that insert into a database in a file */
  _Atomic uint64_t held; /* bytes of bodies */
  _Atomic uint64_t requests;
  _Atomic int under_way;
  _Atomic int draining;
  pthread_mutex_t lock;    /* guards what follows, and the bodies of requests that are in it */
  struct exchange *oldest; /* of the requests of whose body a part is there */
  struct exchange **end;
} server;

/* How many requests may insert at a time. */
#define EXCHANGES_TOGETHER 256

/* Prepares what requests share, and starts the workers. EXIT_DONE, or complains and returns how
 * to end. */
int exchanges_start(server *self);
/* Ends the workers, who give back what they have. */
void exchanges_stop(server *self);
/* Frees what requests share, when there is none any more. */
void exchanges_end(server *self);

/* The callbacks of libmicrohttpd, each with the server for its context: for
 * MHD_OPTION_URI_LOG_CALLBACK, MHD_AccessHandlerCallback, MHD_OPTION_NOTIFY_COMPLETED and
 * MHD_OPTION_NOTIFY_CONNECTION. */
void *exchange_begin(void *context, const char *target, struct MHD_Connection *connection);
enum MHD_Result exchange_go_on(void *context, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *length, void **state);
void exchange_finish(void *context, struct MHD_Connection *connection, void **state,
                     enum MHD_RequestTerminationCode code);
void exchange_notice(void *context, struct MHD_Connection *connection, void **of_connection,
                     enum MHD_ConnectionNotificationCode code);

#endif
