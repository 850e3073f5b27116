/*
 * `invsrc serve`: the library behind libmicrohttpd. A thread for each core has the
 * connections, and waits for nothing but files of its own; what may block is for the workers.
 */
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "activator.h"
#include "commands.h"
#include "door.h"
#include "exchange.h"
#include "host.h"
#include "log.h"
#include "workers.h"

#define DRAIN_SECONDS 15
#define BACKLOG 4096

static const option listen_option = {"listen", "ADDR:PORT", "where to listen (127.0.0.1:8080)"};
static const option no_activate_option = {"no-activate", NULL, "leave that to `invsrc activate`"};
static const option no_events_option = {"no-events", NULL, "keep no events, and deliver none"};

/* ---- Listening --------------------------------------------------------------------- */

/* Only digits, and no more than a port can be: getaddrinfo() would take the rest of it. */
static int is_port(const char *text) {
  size_t digits = strspn(text, "0123456789");

  return digits >= 1 && digits <= 5 && !text[digits] && strtol(text, NULL, 10) <= 65535;
}

/* Splits "ADDR:PORT" or "[ADDR]:PORT". */
static int split_address(const char *text, char address[ADDRESS_SIZE], const char **port) {
  const char *colon = strrchr(text, ':');
  size_t length = colon ? (size_t)(colon - text) : 0;

  if (length >= 2 && *text == '[' && text[length - 1] == ']') {
    text++;
    length -= 2;
  }
  if (!colon || !is_port(colon + 1) || length == 0 || length >= ADDRESS_SIZE) return 0;
  memcpy(address, text, length);
  address[length] = '\0';
  *port = colon + 1;
  return 1;
}

static int try_listen(const struct addrinfo *where) {
  int on = 1;
  int listener = socket(where->ai_family, where->ai_socktype | SOCK_CLOEXEC, where->ai_protocol);

  if (listener < 0) return -1;
  if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      bind(listener, where->ai_addr, where->ai_addrlen) == 0 && listen(listener, BACKLOG) == 0)
    return listener;
  close(listener);
  return -1;
}

/* A listening socket, or -1 after a complaint; `*status` is how to end then. */
static int open_listener(const char *text, int *status) {
  struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  char address[ADDRESS_SIZE];
  const char *port;
  int listener = -1;

  if (!split_address(text, address, &port) || getaddrinfo(address, port, &hints, &found) != 0) {
    *status = complain(EXIT_USAGE, "--listen must be ADDR:PORT, such as 127.0.0.1:8080 or [::1]:0");
    return -1;
  }
  for (const struct addrinfo *at = found; at && listener < 0; at = at->ai_next)
    listener = try_listen(at);
  if (listener < 0) *status = complain_of(EXIT_FAILED, errno, "cannot listen on %s", text);
  freeaddrinfo(found);
  return listener;
}

static void announce(int listener) {
  struct sockaddr_storage bound;
  socklen_t size = sizeof bound;
  char address[ADDRESS_SIZE] = "", port[8] = "", line[ADDRESS_SIZE + 40];

  if (getsockname(listener, (struct sockaddr *)&bound, &size) == 0)
    getnameinfo((struct sockaddr *)&bound, size, address, sizeof address, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
  snprintf(line, sizeof line,
           strchr(address, ':') ? "listening on http://[%s]:%s" : "listening on http://%s:%s",
           address, port);
  puts(line);
  fflush(stdout);
  log_write(INVSRC_LOG_INFO, line);
}

/* ---- Running ------------------------------------------------------------------------ */

/* What libmicrohttpd has to say is about clients that hang up and the like. */
static void hear_daemon(void *context, const char *format, va_list values) {
  char message[512];

  (void)context;
  vsnprintf(message, sizeof message, format, values);
  message[strcspn(message, "\r\n")] = '\0';
  log_write(INVSRC_LOG_DEBUG, message);
}

/* Lets the requests that are under way come to their end. A second signal, or too
 * long a wait, ends them too. */
static void drain(server *self, const sigset_t *signals) {
  static const struct timespec pause = {0, 20000000};
  struct timespec start, now;

  self->draining = 1;
  door_shut(&self->door);
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!self->under_way || now.tv_sec - start.tv_sec > DRAIN_SECONDS) return;
  } while (sigtimedwait(signals, NULL, &pause) < 0);
}

/* The door counts the connections of all loops, so libmicrohttpd need not. */
static struct MHD_Daemon *make_daemon(void *context) {
  server *self = context;

  return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET |
                              MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
                          0, NULL, NULL, exchange_go_on, self, MHD_OPTION_EXTERNAL_LOGGER,
                          hear_daemon, NULL, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, self,
                          MHD_OPTION_NOTIFY_COMPLETED, exchange_finish, self,
                          MHD_OPTION_NOTIFY_CONNECTION, exchange_notice, self,
                          MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS + 1,
                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                          MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
}

/* Answers requests until a signal comes, and activates beside them unless `beside` is NULL. */
static int attend(server *self, int listener, activator *beside, const sigset_t *signals) {
  int status = loops_start(&self->loops, make_daemon, self), number;

  if (beside && status == EXIT_DONE) status = activator_start(beside, self->host, UINT64_MAX);
  if (status == EXIT_DONE) {
    announce(listener);
    status = door_open(&self->door, &self->loops, self->host->files);
  }
  if (status == EXIT_DONE) {
    sigwait(signals, &number);
    if (beside) activator_stop(beside);
    drain(self, signals);
  }
  if (beside) activator_end(beside);
  invsrc_agents_stop(self->host->agents); /* those that requests ask */
  door_close(&self->door);
  exchanges_stop(self); /* which gives back all connections, before they are ended */
  loops_end(&self->loops);
  log_write(INVSRC_LOG_INFO, "ended");
  return status;
}

static int serve(server *self, const char *where, activator *beside) {
  int status = EXIT_DONE;
  int listener = open_listener(where, &status);
  sigset_t signals;

  if (listener < 0) return status;
  /* Before there is another thread, so that this one gets them all. */
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  status = door_make(&self->door, listener);
  if (status == EXIT_DONE) status = exchanges_start(self);
  if (status == EXIT_DONE) {
    status = attend(self, listener, beside, &signals);
    exchanges_end(self);
  }
  door_end(&self->door);
  return status;
}

/* A store in memory has no keys but this one: for development. */
static int make_development_key(host *self) {
  invsrc_buffer *key = invsrc_buffer_new();
  int32_t result = INVSRC_ENOMEM;

  if (key) result = invsrc_memory_apikey_add(self->memory, "dev", NULL, key, self->error);
  if (result == INVSRC_OK)
    printf("API key for storefront dev: %s\n", (const char *)invsrc_buffer_bytes(key, NULL));
  invsrc_buffer_free(key);
  return result == INVSRC_OK ? EXIT_DONE : host_complain(self, "cannot make an API key");
}

static int run(const arguments *given) {
  const char *where = value_of(given, &listen_option);
  int is_alone = value_of(given, &no_activate_option) != NULL;
  unsigned needs = HOST_KEYRING | HOST_REGISTRY | HOST_AGENTS | HOST_LOG | HOST_OAUTH;
  host opened = {0};
  server self = {.host = &opened};
  activator beside = {0};
  int status;

  if (is_alone && value_of(given, &webhook_option))
    return complain(EXIT_USAGE, "--webhook is for who activates, and --no-activate says not to");
  if (!value_of(given, &no_events_option))
    needs |= HOST_EVENTS;
  else if (value_of(given, &webhook_option))
    return complain(EXIT_USAGE,
                    "--webhook is for events, and --no-events says that there are none");
  status = host_open(&opened, given, ANY_STORE, needs);
  if (status == EXIT_DONE && opened.memory) status = make_development_key(&opened);
  if (status == EXIT_DONE)
    status = serve(&self, where ? where : "127.0.0.1:8080", is_alone ? NULL : &beside);
  host_close(&opened);
  return status;
}

const command serve_command = {
    "serve",
    "",
    "Answer requests for inventory sources over HTTP, and activate sources",
    0,
    0,
    run,
    {&listen_option,
     &store_option,
     &master_key_file_option,
     &registry_option,
     &envelope_option,
     &allow_http_option,
     &allow_private_option,
     &max_body_option,
     &registry_key_file_option,
     &ca_file_option,
     &proxy_option,
     &log_level_option,
     &no_activate_option,
     &no_events_option,
     &parallel_option,
     &lease_option,
     &recheck_option,
     &probe_tool_option,
     &api_key_header_option,
     &webhook_option,
     &webhook_secret_file_option,
     &public_url_option,
     &oauth_done_url_option,
     &oauth_clients_file_option,
     &oauth_client_name_option,
     NULL}};
