/*
 * `invsrc serve`: the library behind libmicrohttpd. A connection has a thread of its
 * own, because looking up, sealing and storing block.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "activator.h"
#include "commands.h"
#include "host.h"
#include "http.h"
#include "input.h"
#include "log.h"

#define CONNECTIONS 512
#define CONNECTION_MEMORY 32768
#define IDLE_SECONDS 30
#define DRAIN_SECONDS 15
#define BACKLOG 512
#define ADDRESS_SIZE 64

static const option listen_option = {"listen", "ADDR:PORT", "where to listen (127.0.0.1:8080)"};
static const option no_activate_option = {"no-activate", NULL, "leave that to `invsrc activate`"};

typedef struct server {
  host *host;
  struct MHD_Daemon *daemon;
  _Atomic uint64_t requests;
  _Atomic int under_way;
  _Atomic int draining;
} server;

/* One request, from its first line to its end. */
typedef struct exchange {
  char *target;
  size_t target_length;
  input body;
  uint64_t body_length; /* as declared where that is too much, else what has come of it */
  int is_refused;       /* whatever its body is */
  int is_last;          /* of its connection */
  struct timespec start;
  uint64_t number;
  int status;
  uint64_t bytes;
  char method[16];
  char remote[ADDRESS_SIZE];
} exchange;

/* ---- Answers -------------------------------------------------------------------- */

/* An answer that is not the library's, and a header that only it has. */
typedef struct own_answer {
  int status;
  const char *name;
  const char *value;
  const char *body;
} own_answer;

static const own_answer healthy = {200, NULL, NULL, "{\"status\":\"ok\"}"};
static const own_answer not_allowed = {
    405, "Allow", "GET, HEAD",
    "{\"data\":null,\"error\":{\"code\":\"BAD_REQUEST\",\"message\":\"Method not allowed\"}}"};
static const own_answer no_memory = {503, "Retry-After", "5",
                                     "{\"data\":null,\"error\":{\"code\":\"SERVICE_UNAVAILABLE\","
                                     "\"message\":\"Memory ran out; nothing was stored\"}}"};

static struct MHD_Response *make(const char *body, uint64_t length) {
  return MHD_create_response_from_buffer((size_t)length, (void *)body, MHD_RESPMEM_MUST_COPY);
}

static int is_head(const char *method) {
  return strcmp(method, "HEAD") == 0;
}

/* Ends `response`, which may be NULL. To HEAD libmicrohttpd sends no body. */
static enum MHD_Result queue(const server *self, struct MHD_Connection *connection, exchange *it,
                             int status, struct MHD_Response *response, uint64_t length) {
  enum MHD_Result result;

  if (!response) return MHD_NO;
  if (self->draining || it->is_last) MHD_add_response_header(response, "Connection", "close");
  it->status = status;
  it->bytes = is_head(it->method) ? 0 : length;
  result = MHD_queue_response(connection, (unsigned)status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result queue_own(const server *self, struct MHD_Connection *connection,
                                 exchange *it, const own_answer *own) {
  struct MHD_Response *response = make(own->body, strlen(own->body));

  if (!response) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", "application/json");
  MHD_add_response_header(response, "Cache-Control", "no-store");
  if (own->name) MHD_add_response_header(response, own->name, own->value);
  return queue(self, connection, it, own->status, response, strlen(own->body));
}

static enum MHD_Result queue_theirs(const server *self, struct MHD_Connection *connection,
                                    exchange *it, const invsrc_response *theirs) {
  uint64_t length;
  const char *body = invsrc_response_body(theirs, &length);
  struct MHD_Response *response = make(body, length);

  for (uint32_t i = 0; response && i < invsrc_response_header_count(theirs); i++)
    MHD_add_response_header(response, invsrc_response_header_name(theirs, i),
                            invsrc_response_header_value(theirs, i));
  return queue(self, connection, it, invsrc_response_status(theirs), response, length);
}

static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value) {
  (void)kind;
  if (!value) return MHD_YES;
  return invsrc_request_add_header(context, name, strlen(name), value, strlen(value)) == INVSRC_OK
             ? MHD_YES
             : MHD_NO;
}

/* The key of the caller is not needed any more, and libmicrohttpd does not wipe. */
static void wipe_authorization(struct MHD_Connection *connection) {
  const char *value =
      MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);

  if (value) wipe((void *)value, strlen(value));
}

static int is_path(const char *target, const char *path) {
  size_t length = strlen(path);

  return strcspn(target, "?") == length && memcmp(target, path, length) == 0;
}

/* Hands the request to the library, HEAD as GET. NULL when memory ran out. */
static invsrc_response *handle(const server *self, struct MHD_Connection *connection,
                               const exchange *it, const char *method) {
  invsrc_request *request = invsrc_request_new();
  invsrc_response *response = NULL;
  int is_whole = it->body_length == it->body.length;

  /* A look at a link must not use it up. */
  if (is_head(method) && !is_path(it->target, HOST_CALLBACK)) method = "GET";
  if (request && invsrc_request_set_method(request, method, strlen(method)) == INVSRC_OK &&
      invsrc_request_set_target(request, it->target, strlen(it->target)) == INVSRC_OK &&
      MHD_get_connection_values(connection, MHD_HEADER_KIND, NULL, NULL) ==
          MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, request)) {
    invsrc_request_set_body(request, is_whole ? it->body.bytes : NULL, it->body_length);
    invsrc_handle(self->host->service, request, &response, NULL);
  }
  wipe_authorization(connection);
  invsrc_request_free(request);
  return response;
}

static int is_health(const char *target) {
  return is_path(target, "/healthz");
}

/* What authorization servers read of us as a client. */
static enum MHD_Result answer_document(const server *self, struct MHD_Connection *connection,
                                       exchange *it) {
  invsrc_buffer *document = invsrc_buffer_new();
  own_answer own = {200, NULL, NULL, NULL};
  enum MHD_Result result;

  if (document && invsrc_consents_client_metadata(self->host->consents, document) == INVSRC_OK)
    own.body = invsrc_buffer_bytes(document, NULL);
  result = queue_own(self, connection, it, own.body ? &own : &no_memory);
  invsrc_buffer_free(document);
  return result;
}

static enum MHD_Result answer(const server *self, struct MHD_Connection *connection, exchange *it,
                              const char *method) {
  invsrc_response *response;
  enum MHD_Result result;
  int is_reading = strcmp(method, "GET") == 0 || is_head(method);
  int is_document = self->host->has_client_document && is_path(it->target, HOST_CLIENT_DOCUMENT);

  if (is_health(it->target) || is_document) {
    if (!is_reading) return queue_own(self, connection, it, &not_allowed);
    return is_document ? answer_document(self, connection, it)
                       : queue_own(self, connection, it, &healthy);
  }
  response = handle(self, connection, it, method);
  input_end(&it->body);
  if (!response) return queue_own(self, connection, it, &no_memory);
  result = queue_theirs(self, connection, it, response);
  invsrc_response_free(response);
  return result;
}

/* Answers in the middle of a body that is not read any further. */
static enum MHD_Result interrupt(const server *self, struct MHD_Connection *connection,
                                 exchange *it, const char *method) {
  invsrc_response *response = handle(self, connection, it, method);

  it->is_last = 1;
  if (response) {
    it->status = invsrc_response_status(response);
    it->bytes = http_write(connection, response);
  }
  invsrc_response_free(response);
  return MHD_NO;
}

static enum MHD_Result answer_fault(const server *self, struct MHD_Connection *connection,
                                    exchange *it, const char *fault) {
  char body[256];
  own_answer own = {400, NULL, NULL, body};

  snprintf(body, sizeof body,
           "{\"data\":null,\"error\":{\"code\":\"BAD_REQUEST\",\"message\":\"%s\"}}", fault);
  wipe_authorization(connection);
  it->is_last = 1;
  return queue_own(self, connection, it, &own);
}

/* ---- Requests --------------------------------------------------------------------- */

/* The first that is heard of a request: its target as it was sent, before
 * libmicrohttpd decodes it. */
static void *begin(void *context, const char *target, struct MHD_Connection *connection) {
  server *self = context;
  exchange *it = calloc(1, sizeof *it);
  const union MHD_ConnectionInfo *info;

  if (!it) return NULL;
  it->target = strdup(target);
  if (!it->target) {
    free(it);
    return NULL;
  }
  it->target_length = strlen(target);
  http_make_origin_form(it->target);
  it->number = ++self->requests;
  self->under_way++;
  clock_gettime(CLOCK_MONOTONIC, &it->start);
  info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info && info->client_addr)
    getnameinfo(info->client_addr,
                info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                         : sizeof(struct sockaddr_in),
                it->remote, sizeof it->remote, NULL, 0, NI_NUMERICHOST);
  return it;
}

static void finish(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code) {
  server *self = context;
  exchange *it = *state;
  struct timespec end;
  log_request line;
  int is_last;

  (void)code;
  if (!it) return;
  is_last = it->is_last;
  if (!it->status) {
    it->status = http_own_status(connection);
    is_last = it->status != 0;
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  it->target[strcspn(it->target, "?")] = '\0'; /* a query is nobody's business */
  line.number = it->number;
  line.remote = it->remote;
  line.method = it->method;
  line.path = it->target;
  line.status = it->status;
  line.bytes = it->bytes;
  line.milliseconds = (double)(end.tv_sec - it->start.tv_sec) * 1e3 +
                      (double)(end.tv_nsec - it->start.tv_nsec) / 1e6;
  log_write_request(&line);
  input_end(&it->body);
  wipe(it->target, it->target_length); /* a callback's has a code */
  free(it->target);
  free(it);
  *state = NULL;
  self->under_way--;
  if (is_last) http_linger(connection);
}

/* Judges a request by its head. What is refused whatever its body is need not send it. */
static enum MHD_Result meet(const server *self, struct MHD_Connection *connection, exchange *it,
                            const char *method, const char *version) {
  http_head head;
  int is_too_long;

  snprintf(it->method, sizeof it->method, "%s", method);
  http_read_head(connection, version, it->target, &head);
  if (head.fault) return answer_fault(self, connection, it, head.fault);
  is_too_long = head.declared > self->host->max_body;
  if (is_too_long) it->body_length = head.declared;
  it->is_refused = is_too_long || !head.has_authorization;
  it->is_last = head.has_body && (is_health(it->target) || (it->is_refused && head.waits));
  return it->is_last ? answer(self, connection, it, method) : MHD_YES;
}

/* Takes a piece of the body over, and wipes it where it was: it may be a part of a
 * credential, and libmicrohttpd does not wipe its buffers. 0 where it need not go on. */
static int collect(const server *self, exchange *it, const char *data, size_t length) {
  uint64_t whole = it->body_length + length;
  int fits = !it->is_refused && whole <= self->host->max_body;

  if (!it->is_refused) it->body_length = whole;
  if (!fits || !input_append(&it->body, data, length)) input_end(&it->body);
  wipe((void *)data, length);
  return fits;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *length, void **state) {
  const server *self = context;
  exchange *it = *state;

  (void)url;
  if (!it) return MHD_NO; /* memory ran out */
  if (!it->method[0]) return meet(self, connection, it, method, version);
  if (*length == 0) return answer(self, connection, it, method);
  if (!collect(self, it, data, *length)) return interrupt(self, connection, it, method);
  *length = 0;
  return MHD_YES;
}

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
  MHD_socket listener = MHD_quiesce_daemon(self->daemon);
  struct timespec start, now;

  self->draining = 1;
  if (listener != MHD_INVALID_SOCKET) close(listener);
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!self->under_way || now.tv_sec - start.tv_sec > DRAIN_SECONDS) return;
  } while (sigtimedwait(signals, NULL, &pause) < 0);
}

static struct MHD_Daemon *start_daemon(server *self, int listener) {
  return MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                              MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
                          0, NULL, NULL, on_request, self, MHD_OPTION_EXTERNAL_LOGGER, hear_daemon,
                          NULL, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_URI_LOG_CALLBACK,
                          begin, self, MHD_OPTION_NOTIFY_COMPLETED, finish, self,
                          MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                          MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
}

/* Answers requests until a signal comes, and activates beside them unless `beside` is NULL. */
static int serve(server *self, const char *where, activator *beside) {
  int status = EXIT_DONE, number;
  int listener = open_listener(where, &status);
  sigset_t signals;

  if (listener < 0) return status;
  /* Before there is another thread, so that this one gets them all. */
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  self->daemon = start_daemon(self, listener);
  if (!self->daemon) {
    close(listener);
    return complain(EXIT_FAILED, "cannot start the server");
  }
  if (beside) status = activator_start(beside, self->host, UINT64_MAX);
  if (status == EXIT_DONE) {
    announce(listener);
    sigwait(&signals, &number);
    if (beside) activator_stop(beside);
    drain(self, &signals);
  }
  if (beside) activator_end(beside);
  invsrc_agents_stop(self->host->agents); /* those that requests ask */
  MHD_stop_daemon(self->daemon);
  log_write(INVSRC_LOG_INFO, "ended");
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
  host opened = {0};
  server self = {.host = &opened};
  activator beside;
  int status;

  if (is_alone && value_of(given, &webhook_option))
    return complain(EXIT_USAGE, "--webhook is for who activates, and --no-activate says not to");
  status = host_open(&opened, given, ANY_STORE,
                     HOST_KEYRING | HOST_REGISTRY | HOST_AGENTS | HOST_LOG | HOST_OAUTH);
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
