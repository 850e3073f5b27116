/*
 * See loops.h.
 */
#define _GNU_SOURCE /* pipe2; NOLINT(bugprone-reserved-identifier,cert-dcl*) */
#include "loops.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command.h"

#define LONGEST_WAIT 1000 /* milliseconds */
#define NEWCOMERS 64      /* that are taken at a time */
#define BELL (-1)         /* in place of a newcomer: a connection was resumed */
#define END (-2)          /* there will be no more newcomers */

static unsigned count_cores(void) {
  cpu_set_t cores;
  int count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;

  return count < MOST_LOOPS ? (unsigned)count : MOST_LOOPS;
}

static void add(loop *self, int socket) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;

  if (getpeername(socket, (struct sockaddr *)&address, &size) == 0)
    MHD_add_connection(self->daemon, socket, (struct sockaddr *)&address, size);
  else
    close(socket); /* it is gone */
  self->of->taken++;
}

/* Takes in those who wait; 0 when there will be no more. What is resumed from now on rings
 * again. */
static int welcome(loop *self) {
  int sockets[NEWCOMERS];
  ssize_t got = read(self->newcomers[0], sockets, sizeof sockets);
  int is_last = 0;

  self->is_rung = 0;
  for (ssize_t i = 0; i < got / (ssize_t)sizeof *sockets; i++)
    if (sockets[i] == END)
      is_last = 1;
    else if (sockets[i] != BELL)
      add(self, sockets[i]);
  return !is_last;
}

static int milliseconds_to_wait(loop *self) {
  MHD_UNSIGNED_LONG_LONG wait;

  if (MHD_get_timeout(self->daemon, &wait) != MHD_YES || wait > LONGEST_WAIT) return LONGEST_WAIT;
  return (int)wait;
}

static void *run(void *context) {
  loop *self = context;
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_EPOLL_FD);
  struct pollfd files[] = {{.fd = info->epoll_fd, .events = POLLIN},
                           {.fd = self->newcomers[0], .events = POLLIN}};

  for (;;) {
    poll(files, 2, milliseconds_to_wait(self));
    if (files[1].revents && !welcome(self)) return NULL;
    MHD_run(self->daemon);
  }
}

static int start(loops *of, loop *self, loops_maker *make, void *context) {
  self->of = of;
  if (pipe2(self->newcomers, O_CLOEXEC) != 0) return 0;
  self->daemon = make(context);
  if (self->daemon && pthread_create(&self->thread, NULL, run, self) == 0) return 1;
  if (self->daemon) MHD_stop_daemon(self->daemon);
  close(self->newcomers[0]);
  close(self->newcomers[1]);
  return 0;
}

int loops_start(loops *self, loops_maker *make, void *context) {
  unsigned wanted = count_cores();

  *self = (loops){.count = 0};
  while (self->count < wanted && start(self, &self->all[self->count], make, context)) self->count++;
  return self->count == wanted ? EXIT_DONE : complain(EXIT_FAILED, "cannot start the server");
}

void loops_give(loops *self, int socket) {
  loop *to = &self->all[self->given++ % self->count];

  if (write(to->newcomers[1], &socket, sizeof socket) == (ssize_t)sizeof socket) return;
  close(socket);
  self->taken++;
}

unsigned loops_waiting(loops *self) {
  return self->given - self->taken;
}

static void ring(const loop *self, int what) {
  ssize_t ignored = write(self->newcomers[1], &what, sizeof what);

  (void)ignored; /* there is always room for one more than there are connections */
}

void loops_resume(loops *self, struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON);
  unsigned i = 0;

  while (self->all[i].daemon != info->daemon) i++;
  MHD_resume_connection(connection);
  if (!atomic_exchange(&self->all[i].is_rung, 1)) ring(&self->all[i], BELL);
}

/* Until its thread has ended a loop may ring its own bell, so that is closed after it. */
void loops_end(loops *self) {
  for (unsigned i = 0; i < self->count; i++) {
    loop *it = &self->all[i];
    ring(it, END);
    pthread_join(it->thread, NULL);
    MHD_stop_daemon(it->daemon);
    close(it->newcomers[0]);
    close(it->newcomers[1]);
  }
  self->count = 0;
}
