/*
 * See door.h. One thread, the keeper, has the listener and the sockets of those that leave,
 * and looks once a second for those whose time is up. It never waits for a client.
 */
#define _GNU_SOURCE /* accept4; NOLINT(bugprone-reserved-identifier,cert-dcl*) */
#include "door.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "input.h"
#include "log.h"

#define TICK_MILLISECONDS 1000
#define EVENTS 64     /* that are taken at a time */
#define NEWCOMERS 256 /* that are let in before anything else is looked at */

/* Tenths of a millisecond that somebody may take to be counted in one place only. */
#define MOST_MOMENTS 100

/* How long a phase may last, and whether its client is told when that is over: it is not
 * where an answer is under way. 0 is for ever. */
static const struct {
  uint64_t seconds;
  int is_told;
} phases[] = {[PHASE_FRESH] = {HEAD_SECONDS, 1},
              /* When nothing comes libmicrohttpd hangs up sooner: so something has come. */
              [PHASE_IDLE] = {IDLE_SECONDS + HEAD_SECONDS, 1},
              [PHASE_HEAD] = {HEAD_SECONDS, 1},
              [PHASE_BODY] = {BODY_SECONDS, 1},
              [PHASE_WORK] = {0, 0},
              [PHASE_ANSWER] = {ANSWER_SECONDS, 0},
              [PHASE_ENDED] = {0, 0}};

#define PHASE_BITS 3
#define PHASE_MASK ((1u << PHASE_BITS) - 1)

static const own_answer too_many = {
    503, "Retry-After", "5",
    OWN_ERROR("SERVICE_UNAVAILABLE", "Too many connections; nothing was stored")};
static const own_answer too_late = {DOOR_LATE_STATUS, NULL, NULL,
                                    OWN_ERROR("BAD_REQUEST", "The request did not come in time")};

static uint64_t seconds_now(void) {
  struct timespec now = {0, 0};

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec;
}

/* ---- Clients ------------------------------------------------------------------------- */

static uint64_t make_mark(phase of, uint64_t now) {
  uint64_t seconds = phases[of].seconds;

  return (seconds ? now + seconds : 0) << PHASE_BITS | of;
}

int client_enter(client *self, phase next) {
  uint64_t before = atomic_load(&self->mark), after = make_mark(next, seconds_now());
  uint64_t sooner = (before & ~(uint64_t)PHASE_MASK) | next;

  if (next == PHASE_HEAD && sooner < after) after = sooner;
  do
    if ((before & PHASE_MASK) == PHASE_ENDED) return 0;
  while (!atomic_compare_exchange_weak(&self->mark, &before, after));
  return 1;
}

/* Ends it where its time is up, unless it has come further in this moment. libmicrohttpd
 * sees the end of the connection, and closes it. */
static void hurry(client *self, uint64_t now) {
  uint64_t mark = atomic_load(&self->mark), end = mark >> PHASE_BITS;

  if (!end || end >= now) return;
  if (!atomic_compare_exchange_strong(&self->mark, &mark, make_mark(PHASE_ENDED, now))) return;
  if (phases[mark & PHASE_MASK].is_told) http_write_own(self->socket, &too_late, 0);
  shutdown(self->socket, SHUT_RDWR);
}

int client_end(client *self, const own_answer *why) {
  if (!client_enter(self, PHASE_ENDED)) return 0;
  http_write_own(self->socket, why, 0);
  shutdown(self->socket, SHUT_RDWR);
  return 1;
}

client *client_of(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

  return info ? info->socket_context : NULL;
}

static void read_remote(client *self, struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

  if (info && info->client_addr)
    getnameinfo(info->client_addr,
                info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                         : sizeof(struct sockaddr_in),
                self->remote, sizeof self->remote, NULL, 0, NI_NUMERICHOST);
}

static client *enter(door *self, struct MHD_Connection *connection) {
  client *it = calloc(1, sizeof *it);

  if (!it) return NULL;
  it->socket = http_socket(connection);
  atomic_init(&it->mark, make_mark(PHASE_FRESH, seconds_now()));
  read_remote(it, connection);
  pthread_mutex_lock(&self->lock);
  it->next = self->clients;
  it->from = &self->clients;
  if (it->next) it->next->from = &it->next;
  self->clients = it;
  pthread_mutex_unlock(&self->lock);
  self->count++;
  return it;
}

/* While the lock is had the keeper has no socket in its hands that is closed. */
static void leave(door *self, client *it) {
  pthread_mutex_lock(&self->lock);
  *it->from = it->next;
  if (it->next) it->next->from = it->from;
  pthread_mutex_unlock(&self->lock);
  self->count--;
  free(it);
}

void door_notice(void *context, struct MHD_Connection *connection, void **of_connection,
                 enum MHD_ConnectionNotificationCode code) {
  if (code == MHD_CONNECTION_NOTIFY_STARTED)
    *of_connection = enter(context, connection);
  else if (*of_connection)
    leave(context, *of_connection);
}

/* ---- Those that leave ------------------------------------------------------------------ */

typedef struct leaver {
  struct leaver *next;
  struct leaver **from;
  int socket;
  uint64_t end;
} leaver;

/* Takes a socket to linger over, or closes it where there are too many. */
static void see_off(door *self, int socket) {
  struct epoll_event event = {.events = EPOLLIN};
  leaver *it = NULL;

  pthread_mutex_lock(&self->lock);
  if (self->leaver_count < LINGERING) event.data.ptr = it = malloc(sizeof *it);
  if (it && epoll_ctl(self->events, EPOLL_CTL_ADD, socket, &event) != 0) {
    free(it);
    it = NULL;
  }
  if (it) {
    *it = (leaver){self->leavers, &self->leavers, socket, seconds_now() + LINGER_SECONDS};
    if (it->next) it->next->from = &it->next;
    self->leavers = it;
    self->leaver_count++;
  }
  pthread_mutex_unlock(&self->lock);
  if (!it) close(socket);
}

void door_linger(door *self, struct MHD_Connection *connection) {
  int socket = http_socket(connection), other;

  shutdown(socket, SHUT_WR);
  other = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (other >= 0) see_off(self, other);
}

/* With the lock, and by the keeper only, who may have an event of it. libmicrohttpd may have
 * the same connection open still, so that closing alone would leave it in the events. */
static void part_with(door *self, leaver *it) {
  epoll_ctl(self->events, EPOLL_CTL_DEL, it->socket, NULL);
  close(it->socket);
  *it->from = it->next;
  if (it->next) it->next->from = it->from;
  self->leaver_count--;
  free(it);
}

/* Takes in what has come, until nothing more will. */
static void linger_over(door *self, leaver *it) {
  char discarded[4096];
  ssize_t got;

  pthread_mutex_lock(&self->lock);
  got = recv(it->socket, discarded, sizeof discarded, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) part_with(self, it);
  pthread_mutex_unlock(&self->lock);
  if (got > 0) wipe(discarded, (size_t)got); /* it may be a part of a credential */
}

/* With the lock. */
static void hurry_leavers(door *self, uint64_t now) {
  for (leaver *it = self->leavers, *next; it; it = next) {
    next = it->next;
    if (it->end < now) part_with(self, it);
  }
}

/* ---- The keeper ---------------------------------------------------------------------- */

/* Whether all are in who may be. As a loop takes somebody in he counts twice, for a moment that is
 * waited for. */
static int is_full(door *self) {
  static const struct timespec moment = {0, 100000};

  for (int i = 0; i < MOST_MOMENTS; i++) {
    unsigned waiting = loops_waiting(self->loops), all = waiting + self->count;
    if (all < self->most) return 0;
    if (waiting == 0) return 1;
    nanosleep(&moment, NULL);
  }
  return 1;
}

/* Somebody comes; 0 where nobody does. */
static int admit(door *self) {
  int socket = accept4(self->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

  if (socket < 0) return errno == ECONNABORTED || errno == EINTR;
  if (!is_full(self)) {
    loops_give(self->loops, socket);
    return 1;
  }
  self->refused++;
  http_write_own(socket, &too_many, 0);
  shutdown(socket, SHUT_WR);
  see_off(self, socket);
  return 1;
}

/* Lets those in who wait. Where files or memory have run out the listener stays ready, and
 * the keeper would run in circles. */
static void admit_all(door *self) {
  static const struct timespec pause = {0, 10000000};
  int count = 0;

  while (count < NEWCOMERS && admit(self)) count++;
  if (count == 0 && errno != EAGAIN) nanosleep(&pause, NULL);
}

/* What is done once a second. */
static void look_around(door *self, uint64_t now) {
  char message[128];

  pthread_mutex_lock(&self->lock);
  for (client *it = self->clients; it; it = it->next) hurry(it, now);
  hurry_leavers(self, now);
  pthread_mutex_unlock(&self->lock);
  if (!self->refused) return;
  snprintf(message, sizeof message, "%u connections were refused: there may be %u at a time",
           self->refused, self->most);
  log_write(INVSRC_LOG_WARNING, message);
  self->refused = 0;
}

static void close_listener(door *self) {
  if (self->listener >= 0) close(self->listener); /* which takes it out of the events */
  self->listener = -1;
}

static void answer_bell(door *self) {
  uint64_t rung;
  ssize_t ignored = read(self->bell, &rung, sizeof rung);

  (void)ignored; /* it is the state that counts */
  if (self->state != DOOR_OPEN) close_listener(self);
}

static void attend(door *self, const struct epoll_event *event) {
  if (event->data.ptr == &self->bell)
    answer_bell(self);
  else if (event->data.ptr != &self->listener)
    linger_over(self, event->data.ptr);
  else if (self->listener >= 0)
    admit_all(self);
}

static void *keep(void *context) {
  door *self = context;
  struct epoll_event events[EVENTS];
  uint64_t last = seconds_now(), now;

  while (self->state != DOOR_CLOSED) {
    int count = epoll_wait(self->events, events, EVENTS, TICK_MILLISECONDS);
    for (int i = 0; i < count; i++) attend(self, &events[i]);
    now = seconds_now();
    if (now != last) look_around(self, now);
    last = now;
  }
  return NULL;
}

/* ---- From its making to its end --------------------------------------------------------- */

/* Asks for as many files as are needed. Where the system gives fewer there are fewer
 * connections. */
static void raise_limit(door *self, rlim_t others) {
  const rlim_t wanted = CONNECTIONS + others;
  struct rlimit files;
  char message[128];

  self->most = CONNECTIONS;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  if (files.rlim_cur < wanted) {
    files.rlim_cur = wanted < files.rlim_max ? wanted : files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) getrlimit(RLIMIT_NOFILE, &files);
  }
  if (files.rlim_cur >= wanted) return;
  self->most =
      (unsigned)(files.rlim_cur > 2 * others ? files.rlim_cur - others : files.rlim_cur / 2);
  snprintf(message, sizeof message,
           "there may be %u connections at a time, for the process may have %llu files open",
           self->most, (unsigned long long)files.rlim_cur);
  log_write(INVSRC_LOG_WARNING, message);
}

static int watch(const door *self, int file, const void *what) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = (void *)what}};

  return epoll_ctl(self->events, EPOLL_CTL_ADD, file, &event) == 0;
}

int door_make(door *self, int listener) {
  *self = (door){.listener = listener, .most = CONNECTIONS};
  self->events = epoll_create1(EPOLL_CLOEXEC);
  self->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  pthread_mutex_init(&self->lock, NULL);
  if (self->events >= 0 && self->bell >= 0 && fcntl(listener, F_SETFL, O_NONBLOCK) == 0 &&
      watch(self, self->bell, &self->bell) && watch(self, listener, &self->listener))
    return EXIT_DONE;
  return complain(EXIT_FAILED, "cannot watch the connections");
}

int door_open(door *self, loops *to, uint64_t others) {
  raise_limit(self, (rlim_t)others + LINGERING);
  self->loops = to;
  if (pthread_create(&self->keeper, NULL, keep, self) == 0) return EXIT_DONE;
  self->loops = NULL;
  return complain(EXIT_FAILED, "cannot start a thread");
}

static void ring(door *self, door_state state) {
  static const uint64_t once = 1;
  ssize_t ignored;

  self->state = state;
  ignored = write(self->bell, &once, sizeof once);
  (void)ignored; /* it can only be full, and then it rings */
}

void door_shut(door *self) {
  ring(self, DOOR_SHUT);
}

void door_close(door *self) {
  ring(self, DOOR_CLOSED);
  if (self->loops) pthread_join(self->keeper, NULL);
  self->loops = NULL;
}

void door_end(door *self) {
  hurry_leavers(self, UINT64_MAX);
  close_listener(self);
  if (self->events >= 0) close(self->events);
  if (self->bell >= 0) close(self->bell);
  pthread_mutex_destroy(&self->lock);
}
