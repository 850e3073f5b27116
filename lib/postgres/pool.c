/*
 * The pool of connections: how many there are, and whether one that lay idle still is one.
 * See postgres.h.
 */
#include <poll.h>
#include <time.h>

#include "postgres/postgres.h"

/* What has been idle for longer is asked whether it is still there: something between may have
 * forgotten it and says nothing. */
#define IDLE_MILLISECONDS 30000
#define CHECK_MILLISECONDS 1000

/* What the server has said meanwhile, of which the last is that it hung up. */
static int is_open(PGconn *handle) {
  struct pollfd socket = {PQsocket(handle), POLLIN, 0};

  while (socket.fd >= 0 && PQstatus(handle) == CONNECTION_OK) {
    if (poll(&socket, 1, 0) <= 0) return PQtransactionStatus(handle) == PQTRANS_IDLE;
    if (!PQconsumeInput(handle)) return 0;
    PQisBusy(handle); /* which takes notices and settings */
  }
  return 0;
}

static int is_usable(ivs_pg_connection *connection) {
  int64_t now = ivs_pg_now();

  if (!is_open(connection->handle)) return 0;
  if (now - connection->used_at < IDLE_MILLISECONDS) return 1;
  return PQsendQuery(connection->handle, "") &&
         ivs_pg_connection_wait(connection, now + CHECK_MILLISECONDS, NULL) == IVS_PG_OK;
}

static void drop(invsrc_postgres *pg, ivs_pg_connection *connection) {
  ivs_pg_connection_free(connection);
  pthread_mutex_lock(&pg->lock);
  pg->open--;
  pthread_cond_signal(&pg->returned);
  pthread_mutex_unlock(&pg->lock);
}

/* One that was idle, or the right to make one: NULL. */
static ivs_pg_status take(invsrc_postgres *pg, ivs_pg_connection **connection) {
  ivs_pg_status status = IVS_PG_OK;
  struct timespec until;
  int failed = 0;

  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)(pg->statement_timeout / 1000);
  until.tv_nsec += (long)(pg->statement_timeout % 1000) * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000L;
  }
  pthread_mutex_lock(&pg->lock);
  while (!pg->idle && pg->open >= pg->pool_size && !failed)
    failed = pthread_cond_timedwait(&pg->returned, &pg->lock, &until);
  *connection = pg->idle;
  if (*connection)
    pg->idle = (*connection)->next;
  else if (pg->open < pg->pool_size)
    pg->open++;
  else
    status = IVS_PG_CROWDED;
  pthread_mutex_unlock(&pg->lock);
  return status;
}

ivs_pg_status ivs_pg_pool_borrow(invsrc_postgres *pg, ivs_pg_connection **connection) {
  ivs_pg_status status = take(pg, connection);

  while (status == IVS_PG_OK && *connection && !is_usable(*connection)) {
    /* So it is with the others, most likely, which is not to be waited for. */
    drop(pg, *connection);
    ivs_pg_pool_empty(pg);
    status = take(pg, connection);
  }
  if (status != IVS_PG_OK || *connection) return status;
  status = ivs_pg_connection_new(pg, connection);
  if (status != IVS_PG_OK) drop(pg, NULL);
  return status;
}

/* One that is in a transaction, or lost, is no use to anyone. */
void ivs_pg_pool_return(invsrc_postgres *pg, ivs_pg_connection *connection) {
  if (connection->is_spoilt || !is_open(connection->handle)) {
    drop(pg, connection);
    return;
  }
  pthread_mutex_lock(&pg->lock);
  connection->next = pg->idle;
  pg->idle = connection;
  pthread_cond_signal(&pg->returned);
  pthread_mutex_unlock(&pg->lock);
}

void ivs_pg_pool_empty(invsrc_postgres *pg) {
  ivs_pg_connection *idle, *next;

  pthread_mutex_lock(&pg->lock);
  idle = pg->idle;
  pg->idle = NULL;
  pthread_mutex_unlock(&pg->lock);
  for (; idle; idle = next) {
    next = idle->next;
    drop(pg, idle);
  }
}
