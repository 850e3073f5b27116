/*
 * A network without an outside, for a program of a test: a resolver and a connect() of its
 * own, found before those of the C library, so that a test needs no name server and no
 * system file, and nothing leaves the machine. A connection to a public address goes to the
 * same port of 127.0.0.1; one to any other address goes where it is meant to, if that is
 * loopback, and is counted as a stray. One program includes it, once.
 */
#ifndef PEERS_NETWORK_H
#define PEERS_NETWORK_H

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/address.h"

#define MOST_NAMES 16
#define HANG_SECONDS 30

/* Hidden by the C library where only POSIX is asked for. */
long syscall(long number, ...);

static const char *names[MOST_NAMES]; /* "NAME=ADDRESS,…" */
static size_t name_count;
static atomic_int strays;

/* ---- A resolver ------------------------------------------------------------ */

/* What the table says of a name, or NULL. */
static inline const char *addresses_of(const char *name) {
  size_t length = strlen(name);

  for (size_t i = 0; i < name_count; i++)
    if (strncmp(names[i], name, length) == 0 && names[i][length] == '=')
      return names[i] + length + 1;
  return NULL;
}

static int fill(struct sockaddr_storage *storage, const char *address, uint16_t port) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

  if (inet_pton(AF_INET, address, &in.sin_addr) == 1) {
    memcpy(storage, &in, sizeof in);
    return 1;
  }
  if (inet_pton(AF_INET6, address, &in6.sin6_addr) == 1) {
    memcpy(storage, &in6, sizeof in6);
    return 1;
  }
  return 0;
}

static struct addrinfo *new_info(const char *address, uint16_t port) {
  struct info {
    struct addrinfo info;
    struct sockaddr_storage storage;
  } *info = calloc(1, sizeof *info);

  if (!info) return NULL;
  if (!fill(&info->storage, address, port)) {
    free(info);
    return NULL;
  }
  info->info.ai_family = info->storage.ss_family;
  info->info.ai_socktype = SOCK_STREAM;
  info->info.ai_protocol = IPPROTO_TCP;
  info->info.ai_addrlen =
      info->storage.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  info->info.ai_addr = (struct sockaddr *)&info->storage;
  return &info->info;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result) {
  const char *from = node ? addresses_of(node) : NULL;
  uint16_t port = service ? (uint16_t)strtoul(service, NULL, 10) : 0;
  struct addrinfo **last = result;

  (void)hints;
  *result = NULL;
  while (from && *from) {
    char address[64];
    size_t length = strcspn(from, ",");
    snprintf(address, sizeof address, "%.*s", (int)length, from);
    if (strcmp(address, "hang") == 0) sleep(HANG_SECONDS);
    *last = new_info(address, port);
    if (*last) last = &(*last)->ai_next;
    from += length + (from[length] == ',');
  }
  return *result ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *info) {
  while (info) {
    struct addrinfo *next = info->ai_next;
    free(info);
    info = next;
  }
}

/* ---- A network without an outside ------------------------------------------ */

static int is_public(const struct sockaddr *name, uint16_t *port) {
  ivs_address address = {0, {0}};
  struct sockaddr_in in;
  struct sockaddr_in6 in6;

  if (name->sa_family == AF_INET) {
    memcpy(&in, name, sizeof in);
    address.version = 4;
    memcpy(address.bytes, &in.sin_addr, sizeof in.sin_addr);
    *port = in.sin_port;
  } else {
    memcpy(&in6, name, sizeof in6);
    address.version = 6;
    memcpy(address.bytes, &in6.sin6_addr, sizeof in6.sin6_addr);
    *port = in6.sin6_port;
  }
  return ivs_address_is_public(&address);
}

static int is_loopback(const struct sockaddr *name) {
  struct sockaddr_in in;

  if (name->sa_family != AF_INET) return 0;
  memcpy(&in, name, sizeof in);
  return ntohl(in.sin_addr.s_addr) >> 24 == 127;
}

/* An IPv6 socket reaches the same place as ::ffff:127.0.0.1. */
static int connect_inside(int socket, int family, uint16_t port) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};

  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
  if (family == AF_INET) return (int)syscall(SYS_connect, socket, &in, sizeof in);
  return (int)syscall(SYS_connect, socket, &in6, sizeof in6);
}

int connect(int socket, const struct sockaddr *name, socklen_t length) {
  uint16_t port;

  if (name->sa_family != AF_INET && name->sa_family != AF_INET6)
    return (int)syscall(SYS_connect, socket, name, length);
  if (is_public(name, &port)) return connect_inside(socket, name->sa_family, port);
  atomic_fetch_add(&strays, 1);
  if (is_loopback(name)) return (int)syscall(SYS_connect, socket, name, length);
  errno = ECONNREFUSED;
  return -1;
}

/* ---- Measures -------------------------------------------------------------- */

static inline double seconds(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The most memory that this program has held; getrusage() would count what its
 * parent held before it became this program. -1 where there is no telling. */
static inline long most_kilobytes(void) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  long kilobytes = -1;

  while (file && kilobytes < 0 && fgets(line, sizeof line, file))
    if (strncmp(line, "VmHWM:", 6) == 0) kilobytes = strtol(line + 6, NULL, 10);
  if (file) fclose(file);
  return kilobytes;
}

#endif
