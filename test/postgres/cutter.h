/*
 * A thread between libpq and the server that cuts a connection at a given moment: before the
 * server hears what it is asked, when it has heard half of it, or when it has done it and
 * nobody has heard its answer. Or it falls silent. Before libpq learns of it, something may
 * happen meanwhile.
 */
#ifndef TEST_CUTTER_H
#define TEST_CUTTER_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum cut { CUT_QUESTION, CUT_HALF, CUT_ANSWER, SILENCE };

#define SOCKET_NAME ".s.PGSQL.5432"
#define ANSWER_MS 3000

static struct cutter {
  char folder[64];
  struct sockaddr_un server;
  int listener;
  _Atomic int cut;    /* enum cut */
  _Atomic int moment; /* how many times libpq still says something before; -1: never */
  _Atomic int fired;
  void (*_Atomic meanwhile)(void); /* once the server knows, and libpq does not */
} cutter;

static inline int send_whole(int to, const char *bytes, size_t length) {
  while (length) {
    ssize_t sent = send(to, bytes, length, MSG_NOSIGNAL);
    if (sent <= 0) return 0;
    bytes += sent;
    length -= (size_t)sent;
  }
  return 1;
}

static inline int wait_readable(int from, int milliseconds) {
  struct pollfd socket = {from, POLLIN, 0};

  return poll(&socket, 1, milliseconds) > 0;
}

/* Hears the server out, up to where it is ready again, in the name of nobody. */
static inline void swallow(int server) {
  static const char ready[] = {'Z', 0, 0, 0, 5};
  char bytes[65536];

  while (wait_readable(server, ANSWER_MS)) {
    ssize_t got = recv(server, bytes, sizeof bytes, 0);
    if (got <= 0 || (got >= 6 && memcmp(bytes + got - 6, ready, sizeof ready) == 0)) return;
  }
}

static inline void let_happen(int server) {
  void (*meanwhile)(void) = atomic_exchange(&cutter.meanwhile, NULL);

  shutdown(server, SHUT_RDWR);
  if (meanwhile) meanwhile();
}

/* What becomes of something that libpq said: 0 when the connection is over. */
static inline int pass_question(int client, int server) {
  char bytes[65536];
  ssize_t got = recv(client, bytes, sizeof bytes, 0);

  if (got <= 0 || bytes[0] == 'X') return 0; /* a farewell is no moment */
  if (cutter.moment >= 0 && cutter.moment-- == 0) {
    cutter.fired = 1;
    if (cutter.cut == CUT_ANSWER && send_whole(server, bytes, (size_t)got)) swallow(server);
    if (cutter.cut == CUT_HALF) send_whole(server, bytes, (size_t)got / 2);
    if (cutter.cut == SILENCE) recv(client, bytes, 1, 0); /* until libpq gives up */
    let_happen(server);
    return 0;
  }
  return send_whole(server, bytes, (size_t)got);
}

static inline void *carry(void *argument) {
  int client = *(int *)argument, server = socket(AF_UNIX, SOCK_STREAM, 0);
  struct pollfd both[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
  char bytes[65536];
  int goes_on = connect(server, (const struct sockaddr *)&cutter.server, sizeof cutter.server) == 0;

  free(argument);
  while (goes_on && poll(both, 2, -1) > 0) {
    if (both[1].revents) {
      ssize_t got = recv(server, bytes, sizeof bytes, 0);
      goes_on = got > 0 && send_whole(client, bytes, (size_t)got);
    }
    if (goes_on && both[0].revents) goes_on = pass_question(client, server);
  }
  close(client);
  close(server);
  return NULL;
}

static inline void *listen_on(void *argument) {
  (void)argument;
  for (;;) {
    int *client = malloc(sizeof *client);
    pthread_t thread;
    *client = accept(cutter.listener, NULL, NULL);
    if (*client < 0 || pthread_create(&thread, NULL, carry, client) != 0) return NULL;
    pthread_detach(thread);
  }
}

/* Starts it, for the whole program; and puts its folder into PGHOST. */
static inline int start_cutter(void **state) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *host = getenv("PGHOST");
  pthread_t thread;

  (void)state;
  cutter.moment = -1;
  cutter.server.sun_family = AF_UNIX;
  snprintf(cutter.folder, sizeof cutter.folder, "/tmp/invsrc-XXXXXX");
  if (!host || !mkdtemp(cutter.folder)) return -1;
  snprintf(cutter.server.sun_path, sizeof address.sun_path, "%s/" SOCKET_NAME, host);
  snprintf(address.sun_path, sizeof address.sun_path, "%s/" SOCKET_NAME, cutter.folder);
  cutter.listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(cutter.listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
      listen(cutter.listener, 64) != 0 || pthread_create(&thread, NULL, listen_on, NULL) != 0)
    return -1;
  pthread_detach(thread);
  return setenv("PGHOST", cutter.folder, 1);
}

static inline int end_cutter(void **state) {
  char path[128];

  (void)state;
  snprintf(path, sizeof path, "%s/" SOCKET_NAME, cutter.folder);
  unlink(path);
  return rmdir(cutter.folder);
}

/* From now on cuts once, when libpq has said something `moment` times more. */
static inline void arm(enum cut cut, int moment) {
  cutter.fired = 0;
  atomic_store(&cutter.meanwhile, NULL);
  cutter.cut = (int)cut;
  cutter.moment = moment;
}

/* Whether it has cut since; it does so no more. */
static inline int disarm(void) {
  cutter.moment = -1;
  return cutter.fired;
}

#endif
