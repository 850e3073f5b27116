/*
 * A crowd of clients that a server could do without: idle ones, some that send a head or a
 * body by the byte, and a flood of bad requests. It says "ready" when all are there, goes on
 * until its standard input ends, and then tells how it went. Cheap, so that what a server
 * loses by it is the server's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK 10           /* milliseconds */
#define SLOWNESS 1000     /* milliseconds between two bytes */
#define ADDRESSES 16      /* of 127.0.0.0/8, so that no port runs out */
#define MOST_STARTING 500 /* connections whose first answer is awaited */
#define PATH "/api/v2/storefront/inventory-sources"

enum kind { IDLE, SLOW_HEAD, SLOW_BODY, FLOOD, KINDS };

static const char *const names[KINDS] = {"idle", "slow heads", "slow bodies", "flood"};

typedef struct member {
  enum kind kind;
  int socket;     /* -1: to be opened */
  int is_waiting; /* for an answer */
  long due;       /* when the next byte is, in milliseconds */
} member;

static struct {
  int events;
  struct sockaddr_in to;
  member *all;
  size_t count;
  size_t starting;
  const char *key;
  unsigned long answers[KINDS];
  unsigned long closed[KINDS];
  unsigned long failed;
} crowd;

static long now(void) {
  struct timespec at;

  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void hang_up(member *it) {
  if (it->socket >= 0) close(it->socket);
  if (it->kind == IDLE && it->is_waiting) crowd.starting--;
  it->socket = -1;
  it->is_waiting = 0;
}

static void say(member *it, const char *text, size_t length) {
  if (send(it->socket, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length) return;
  if (errno != EAGAIN) hang_up(it);
}

static void say_all(member *it, const char *format) {
  char text[512];
  int length = snprintf(text, sizeof text, format, crowd.key);

  say(it, text, (size_t)length);
}

/* What each kind begins with; `%s` is the key. */
static const char *const openings[KINDS] = {
    [IDLE] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    [SLOW_HEAD] = "GET " PATH " HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    [SLOW_BODY] = "POST " PATH
                  " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
                  "Content-Length: 60000\r\n\r\n",
};

static const char *const floods[] = {
    "GET " PATH " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer scope3_nobody_x\r\n\r\n",
    "POST " PATH " HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
    "POST " PATH
    " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: 6\r\n\r\n{\"x\": ",
    "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST " PATH " HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n{\"x\": ",
    "NONSENSE\r\n\r\n",
};

static void come(member *it) {
  size_t place = (size_t)(it - crowd.all);
  struct sockaddr_in from = {.sin_family = AF_INET};
  struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = it}};

  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(place % ADDRESSES));
  it->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (it->socket < 0 || bind(it->socket, (struct sockaddr *)&from, sizeof from) != 0 ||
      connect(it->socket, (struct sockaddr *)&crowd.to, sizeof crowd.to) != 0 ||
      epoll_ctl(crowd.events, EPOLL_CTL_ADD, it->socket, &event) != 0) {
    crowd.failed++;
    hang_up(it);
    return;
  }
  it->due = now() + (long)(place % SLOWNESS);
  it->is_waiting = it->kind == IDLE;
  crowd.starting += it->kind == IDLE;
  if (openings[it->kind]) say_all(it, openings[it->kind]);
}

/* The next byte of those who send slowly. */
static void creep(member *it, long at) {
  if ((it->kind != SLOW_HEAD && it->kind != SLOW_BODY) || it->socket < 0 || it->due > at) return;
  it->due = at + SLOWNESS;
  say(it, " ", 1);
}

/* The next bad requests, on connections that have had their answer. */
static void flood(size_t count) {
  static size_t at, which;

  for (size_t i = 0; count && i < crowd.count; i++) {
    member *it = &crowd.all[at++ % crowd.count];
    if (it->kind != FLOOD || it->is_waiting) continue;
    if (it->socket < 0) come(it);
    if (it->socket < 0) continue;
    it->is_waiting = 1;
    say_all(it, floods[which++ % (sizeof floods / sizeof *floods)]);
    count--;
  }
}

static void hear(member *it) {
  char text[4096];
  ssize_t got = recv(it->socket, text, sizeof text, MSG_DONTWAIT);

  if (got > 0) crowd.answers[it->kind]++;
  if (got > 0 && it->kind == IDLE && it->is_waiting) crowd.starting--;
  if (got > 0) it->is_waiting = 0;
  if (got == 0 || (got < 0 && errno != EAGAIN)) {
    crowd.closed[it->kind]++;
    hang_up(it);
  }
}

static void listen_to(int milliseconds) {
  struct epoll_event events[256];
  int count = epoll_wait(crowd.events, events, 256, milliseconds);

  for (int i = 0; i < count; i++) hear(events[i].data.ptr);
}

static void gather(char *counts[]) {
  size_t at = 0;

  for (int kind = 0; kind < KINDS; kind++) crowd.count += strtoul(counts[kind], NULL, 10);
  crowd.all = calloc(crowd.count, sizeof *crowd.all);
  for (int kind = 0; kind < KINDS; kind++)
    for (size_t i = 0; i < strtoul(counts[kind], NULL, 10); i++)
      crowd.all[at++] = (member){.kind = (enum kind)kind, .socket = -1};
  for (at = 0; at < crowd.count; at++) {
    come(&crowd.all[at]);
    while (crowd.starting > MOST_STARTING) listen_to(TICK);
  }
  while (crowd.starting) listen_to(TICK);
}

/* Those who were sent away come again. */
static void press_on(long at) {
  for (size_t i = 0; i < crowd.count; i++)
    if (crowd.all[i].socket < 0 && crowd.all[i].kind != FLOOD)
      come(&crowd.all[i]);
    else
      creep(&crowd.all[i], at);
}

static void go_on(size_t rate) {
  struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
  long start = now(), last = start;
  size_t sent = 0;

  while (poll(&end, 1, 0) == 0) {
    long at = now();
    size_t wanted = (size_t)(at - start) * rate / 1000;
    flood(wanted - sent);
    sent = wanted;
    if (at - last >= TICK * 5) {
      press_on(at);
      last = at;
    }
    listen_to(TICK);
  }
}

static void raise_limit(void) {
  struct rlimit files;

  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int main(int count, char *words[]) {
  if (count != 4 + KINDS) {
    fprintf(stderr, "usage: crowd PORT KEY IDLE HEADS BODIES FLOODS RATE\n");
    return 2;
  }
  raise_limit();
  crowd.events = epoll_create1(EPOLL_CLOEXEC);
  crowd.to = (struct sockaddr_in){.sin_family = AF_INET};
  crowd.to.sin_port = htons((uint16_t)strtoul(words[1], NULL, 10));
  crowd.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  crowd.key = words[2];
  gather(words + 3);
  puts("ready");
  fflush(stdout);
  go_on(strtoul(words[3 + KINDS], NULL, 10));
  for (int kind = 0; kind < KINDS; kind++)
    printf("%s: %lu answers, %lu closed; ", names[kind], crowd.answers[kind], crowd.closed[kind]);
  printf("%lu failed to connect\n", crowd.failed);
  for (size_t i = 0; i < crowd.count; i++) hang_up(&crowd.all[i]);
  free(crowd.all);
  return 0;
}
