/*
 * See exchange.h.
 */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include <invsrc/call.h>

#include "http.h"
#include "input.h"
#include "log.h"

/* One request, from its first line to its end. While a worker has it, its connection is
 * suspended, and nobody else touches it. */
typedef struct exchange {
  job job; /* at first */
  server *server;
  client *client;
  struct MHD_Connection *connection;
  invsrc_call *call;
  invsrc_response *response;
  struct exchange *next;  /* while its body comes: one that is younger */
  struct exchange **from; /* what points here; NULL: its body does not come */
  input body;
  uint64_t body_length; /* as declared where that is too much, else what has come of it */
  uint64_t held;        /* its part of what the server holds */
  int is_refused;       /* whatever its body is */
  int is_last;          /* of its connection */
  int is_queued;        /* its answer, with libmicrohttpd */
  int is_handed;        /* to a worker */
  int is_cut;           /* in the middle of its body */
  int has_given_way;    /* its body, to that of another */
  struct timespec start;
  uint64_t number;
  int status;
  uint64_t bytes;
  char method[16];
  const char *sent; /* the target in libmicrohttpd's memory, which has its parameters there, too */
  size_t target_length;
  char target[];
} exchange;

static const own_answer healthy = {200, NULL, NULL, "{\"status\":\"ok\"}"};
static const own_answer not_allowed = {405, "Allow", "GET, HEAD",
                                       OWN_ERROR("BAD_REQUEST", "Method not allowed")};
static const own_answer no_memory = {
    503, "Retry-After", "5",
    OWN_ERROR("SERVICE_UNAVAILABLE", "Memory ran out; nothing was stored")};
static const own_answer too_large = {
    431, NULL, NULL, OWN_ERROR("BAD_REQUEST", "The head of the request is too large")};
static const own_answer too_busy = {
    503, "Retry-After", "1",
    OWN_ERROR("SERVICE_UNAVAILABLE", "Too many requests at a time; nothing was stored")};

/* How many bytes of bodies this one has in memory from now on. */
static void hold(exchange *it, uint64_t bytes) {
  it->server->held += bytes - it->held;
  it->held = bytes;
}

static int has_room(const server *self, uint64_t more) {
  uint64_t most = 2 * self->host->max_body;

  return self->held + more <= (most > HELD_LIMIT ? most : HELD_LIMIT);
}

/* ---- Bodies that come --------------------------------------------------------------- */

/* With the lock: a part of the body is there. */
static void line_up(exchange *it) {
  if (it->from) return;
  it->next = NULL;
  it->from = it->server->end;
  *it->from = it;
  it->server->end = &it->next;
}

/* With the lock: the body does not come any more. */
static void step_out(exchange *it) {
  if (!it->from) return;
  *it->from = it->next;
  if (it->next)
    it->next->from = it->from;
  else
    it->server->end = it->from;
  it->from = NULL;
}

/* With the lock: ends a request that another thread has, but for its memory. That thread
 * hears of it from libmicrohttpd. */
static void give_way(exchange *it) {
  step_out(it);
  input_end(&it->body);
  hold(it, 0);
  it->has_given_way = 1;
  if (client_end(it->client, &too_busy)) it->status = too_busy.status;
}

/* With the lock: has the bodies that came first give way to one of which more has come; 0
 * where there is no room even so, or its own is the first. */
static int make_room(const exchange *it, uint64_t more) {
  server *self = it->server;

  while (!has_room(self, more) && self->oldest && self->oldest != it) give_way(self->oldest);
  return has_room(self, more);
}

/* From now on the body is its own thread's alone; 0 where it has given way to another. */
static int close_body(exchange *it) {
  pthread_mutex_lock(&it->server->lock);
  step_out(it);
  pthread_mutex_unlock(&it->server->lock);
  return !it->has_given_way;
}

/* ---- Answers -------------------------------------------------------------------- */

static int is_head(const char *method) {
  return strcmp(method, "HEAD") == 0;
}

/* Ends `response`, which may be NULL. To HEAD libmicrohttpd sends no body. */
static enum MHD_Result queue(exchange *it, int status, struct MHD_Response *response,
                             uint64_t length) {
  enum MHD_Result result = MHD_NO;

  if (!response) return MHD_NO;
  if (it->server->draining || it->is_last) MHD_add_response_header(response, "Connection", "close");
  if (client_enter(it->client, PHASE_ANSWER)) {
    it->is_queued = 1;
    it->status = status;
    it->bytes = is_head(it->method) ? 0 : length;
    result = MHD_queue_response(it->connection, (unsigned)status, response);
  }
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result queue_own(exchange *it, const own_answer *own) {
  size_t length = strlen(own->body);
  struct MHD_Response *response =
      MHD_create_response_from_buffer(length, (void *)own->body, MHD_RESPMEM_MUST_COPY);

  if (!response) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", "application/json");
  MHD_add_response_header(response, "Cache-Control", "no-store");
  if (own->name) MHD_add_response_header(response, own->name, own->value);
  return queue(it, own->status, response, length);
}

static void free_theirs(void *response) {
  invsrc_response_free(response);
}

/* What the worker has brought, which lives as long as libmicrohttpd's. */
static enum MHD_Result queue_theirs(exchange *it) {
  invsrc_response *theirs = it->response;
  uint64_t length;
  const char *body = invsrc_response_body(theirs, &length);
  struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
      (size_t)length, (void *)body, free_theirs, theirs);

  if (!response) return MHD_NO;
  it->response = NULL;
  for (uint32_t i = 0; i < invsrc_response_header_count(theirs); i++)
    MHD_add_response_header(response, invsrc_response_header_name(theirs, i),
                            invsrc_response_header_value(theirs, i));
  return queue(it, invsrc_response_status(theirs), response, length);
}

/* Answers in the middle of a body that is not read any further. */
static enum MHD_Result interrupt(exchange *it, const own_answer *own) {
  int connection = http_socket(it->connection);

  it->is_last = 1;
  if (!client_enter(it->client, PHASE_ANSWER)) return MHD_NO;
  it->status = it->response ? invsrc_response_status(it->response) : own->status;
  it->bytes = it->response ? http_write(connection, it->response, is_head(it->method))
                           : http_write_own(connection, own, is_head(it->method));
  return MHD_NO;
}

static enum MHD_Result refuse(exchange *it, const own_answer *own) {
  return it->is_cut ? interrupt(it, own) : queue_own(it, own);
}

static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value) {
  (void)kind;
  if (!value) return MHD_YES;
  return invsrc_request_add_header(context, name, strlen(name), value, strlen(value)) == INVSRC_OK
             ? MHD_YES
             : MHD_NO;
}

static enum MHD_Result wipe_if_secret(void *context, enum MHD_ValueKind kind, const char *name,
                                      const char *value) {
  (void)context;
  (void)kind;
  if (value && strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION) == 0)
    wipe((void *)value, strlen(value));
  return MHD_YES;
}

/* The key of the caller is not needed any more, and libmicrohttpd does not wipe. What it
 * does not tell of stays in its memory until that is used again: the last lines of a head that
 * breaks off, a body that is not read, and all of a request that it breaks off as it reads the
 * target. */
static void wipe_authorization(struct MHD_Connection *connection) {
  MHD_get_connection_values(connection, MHD_HEADER_KIND, wipe_if_secret, NULL);
}

static int is_path(const char *target, const char *path) {
  size_t length = strlen(path);

  return strcspn(target, "?") == length && memcmp(target, path, length) == 0;
}

static int is_health(const char *target) {
  return is_path(target, "/healthz");
}

/* ---- Asking the library ------------------------------------------------------------ */

/* The call for the request, HEAD as GET. 0 when memory ran out. */
static int prepare(exchange *it, const char *method) {
  struct MHD_Connection *from = it->connection;
  int is_whole = it->body_length == it->body.length;
  invsrc_request *request = invsrc_request_new();
  int is_ready;

  /* A look at a link must not use it up. */
  if (is_head(method) && !is_path(it->target, HOST_CALLBACK)) method = "GET";
  is_ready = request && invsrc_request_set_method(request, method, strlen(method)) == INVSRC_OK &&
             invsrc_request_set_target(request, it->target, strlen(it->target)) == INVSRC_OK &&
             MHD_get_connection_values(from, MHD_HEADER_KIND, NULL, NULL) ==
                 MHD_get_connection_values(from, MHD_HEADER_KIND, add_header, request);
  if (is_ready) {
    invsrc_request_set_body(request, is_whole ? it->body.bytes : NULL, it->body_length);
    is_ready = invsrc_call_new(it->server->host->service, request, &it->call) == INVSRC_OK;
  }
  invsrc_request_free(request);
  return is_ready;
}

/* Bytes of a registry file, which a look-up may have to read again, that a loop has time for. */
#define SMALL_REGISTRY 65536

static int is_small_registry(const host *self) {
  struct stat file;

  return self->file && stat(self->registry_path, &file) == 0 && file.st_size <= SMALL_REGISTRY;
}

/* Where what a call wants is at hand, so that a loop need not wait for it: here; where the store
 * is; where the registry is. */
typedef enum place { ELSEWHERE, HERE, WITH_STORE, WITH_REGISTRY } place;

static int is_at_hand(const host *self, int32_t want) {
  static const place places[] = {
      [INVSRC_WANT_NOW] = HERE,
      [INVSRC_WANT_RANDOM] = HERE,
      [INVSRC_WANT_LOG] = HERE,
      [INVSRC_WANT_SEAL] = HERE, /* by a keyring, these three */
      [INVSRC_WANT_OPEN] = HERE,
      [INVSRC_WANT_DISCARD] = HERE,
      [INVSRC_WANT_AUTHENTICATE] = WITH_STORE,
      [INVSRC_WANT_GET] = WITH_STORE,
      [INVSRC_WANT_LOOKUP] = WITH_REGISTRY,
  };
  place where = (size_t)want < sizeof places / sizeof *places ? places[want] : ELSEWHERE;

  return where == HERE || (where == WITH_STORE && !self->pg) ||
         (where == WITH_REGISTRY && is_small_registry(self));
}

/* As far as it comes here. What it wants then, or INVSRC_WANT_NONE: it has ended. */
static int32_t go_on(exchange *it) {
  int32_t want;

  while ((want = invsrc_call_step(it->call)) > INVSRC_WANT_NONE)
    if (!is_at_hand(it->server->host, want) || invsrc_call_perform(it->call) != INVSRC_OK)
      return want;
  return INVSRC_WANT_NONE;
}

/* Ends the call, and takes its answer where there is one. */
static void conclude(exchange *it) {
  uint64_t length = 0;

  if (invsrc_call_take_response(it->call, &it->response) == INVSRC_OK)
    invsrc_response_body(it->response, &length);
  invsrc_call_free(it->call);
  it->call = NULL;
  input_end(&it->body);
  hold(it, length);
}

/* When a connection was resumed, its exchange is not the worker's any more. */
static void give_back(exchange *it) {
  conclude(it);
  loops_resume(&it->server->loops, it->connection);
}

/* Who answers a want that is not at hand. */
static workers *workers_for(server *self, int32_t want) {
  return want == INVSRC_WANT_INSERT && self->host->db ? &self->inserters : &self->workers;
}

/* Goes on with the call, however long that takes: to its end, or to what others insert. */
static void finish(exchange *it) {
  int32_t want;

  while ((want = invsrc_call_step(it->call)) > INVSRC_WANT_NONE) {
    workers *inserters = &it->server->inserters;
    if (workers_for(it->server, want) == inserters && workers_have_room(inserters)) {
      workers_hand(inserters, &it->job);
      return;
    }
    if (invsrc_call_perform(it->call) != INVSRC_OK) break;
  }
  give_back(it);
}

static void ask_each(job *jobs, int is_dropped) {
  for (job *next; jobs; jobs = next) {
    next = jobs->next;
    if (is_dropped)
      give_back((exchange *)jobs);
    else
      finish((exchange *)jobs);
  }
}

/* What all of them want to insert is stored at a time. */
static void ask_together(job *jobs, int is_dropped) {
  invsrc_call *calls[EXCHANGES_TOGETHER];
  uint64_t count = 0;

  if (!is_dropped) {
    for (job *each = jobs; each; each = each->next) calls[count++] = ((exchange *)each)->call;
    invsrc_call_perform_all(calls, count);
  }
  ask_each(jobs, is_dropped);
}

/* Answers with what the call has brought: nothing when memory ran out, or the server ends. */
static enum MHD_Result bring_back(exchange *it) {
  if (it->response && !it->is_cut) return queue_theirs(it);
  return refuse(it, it->server->draining ? &too_busy : &no_memory);
}

/* Goes on with the call elsewhere, for what it wants. */
static enum MHD_Result hand_over(exchange *it, int32_t want) {
  workers *to = workers_for(it->server, want);

  if (!workers_have_room(to)) {
    conclude(it);
    return refuse(it, &too_busy);
  }
  it->is_handed = 1;
  MHD_suspend_connection(it->connection);
  workers_hand(to, &it->job);
  return MHD_YES;
}

/* The request is whole, or as much of it as is needed. */
static enum MHD_Result ask(exchange *it, const char *method) {
  int is_ours = close_body(it);
  int has_memory = has_room(it->server, 0);
  int is_ready = is_ours && has_memory && prepare(it, method);
  int32_t want;

  wipe_authorization(it->connection);
  if (!is_ours) return MHD_NO;
  if (!is_ready) return refuse(it, has_memory ? &no_memory : &too_busy);
  if (!client_enter(it->client, PHASE_WORK)) return MHD_NO;
  want = go_on(it);
  if (want != INVSRC_WANT_NONE) return hand_over(it, want);
  conclude(it);
  return bring_back(it);
}

int exchanges_start(server *self) {
  int status;

  self->end = &self->oldest;
  pthread_mutex_init(&self->lock, NULL);
  status = workers_start(&self->workers, ask_each, WORKERS, 1);
  if (status == EXIT_DONE) {
    status = workers_start(&self->inserters, ask_together, 1, EXCHANGES_TOGETHER);
    if (status == EXIT_DONE) return status;
    workers_end(&self->workers);
    workers_free(&self->workers);
  }
  pthread_mutex_destroy(&self->lock);
  return status;
}

void exchanges_stop(server *self) {
  workers_end(&self->workers);
  workers_end(&self->inserters);
}

void exchanges_end(server *self) {
  workers_free(&self->workers);
  workers_free(&self->inserters);
  pthread_mutex_destroy(&self->lock);
}

/* ---- Answering -------------------------------------------------------------------- */

/* What authorization servers read of us as a client. */
static enum MHD_Result answer_document(exchange *it) {
  invsrc_buffer *document = invsrc_buffer_new();
  own_answer own = {200, NULL, NULL, NULL};
  enum MHD_Result result;

  if (document &&
      invsrc_consents_client_metadata(it->server->host->consents, document) == INVSRC_OK)
    own.body = invsrc_buffer_bytes(document, NULL);
  result = queue_own(it, own.body ? &own : &no_memory);
  invsrc_buffer_free(document);
  return result;
}

/* Whether we are well is answered without a worker, also when all of them wait. */
static enum MHD_Result answer(exchange *it, const char *method) {
  int is_reading = strcmp(method, "GET") == 0 || is_head(method);
  int is_document =
      it->server->host->has_client_document && is_path(it->target, HOST_CLIENT_DOCUMENT);

  if (!is_health(it->target) && !is_document) return ask(it, method);
  wipe_authorization(it->connection);
  if (!is_reading) return queue_own(it, &not_allowed);
  return is_document ? answer_document(it) : queue_own(it, &healthy);
}

static enum MHD_Result answer_fault(exchange *it, const char *fault) {
  char body[256];
  own_answer own = {400, NULL, NULL, body};

  snprintf(body, sizeof body, OWN_ERROR("BAD_REQUEST", "%s"), fault);
  wipe_authorization(it->connection);
  it->is_last = 1;
  return queue_own(it, &own);
}

/* ---- Requests --------------------------------------------------------------------- */

/* The first that is heard of a request: its target as it was sent, before
 * libmicrohttpd decodes it. */
void *exchange_begin(void *context, const char *target, struct MHD_Connection *connection) {
  size_t length = strlen(target);
  client *from = client_of(connection);
  exchange *it = from ? calloc(1, sizeof *it + length + 1) : NULL;

  if (!it) return NULL;
  from->exchange = it;
  client_enter(from, PHASE_HEAD);
  it->server = context;
  it->client = from;
  it->connection = connection;
  memcpy(it->target, target, length + 1);
  it->target_length = length;
  it->sent = target;
  http_make_origin_form(it->target);
  it->number = ++it->server->requests;
  it->server->under_way++;
  clock_gettime(CLOCK_MONOTONIC, &it->start);
  return it;
}

static void log_exchange(exchange *it) {
  size_t path_length = strcspn(it->target, "?");
  struct timespec ended;
  log_request line;

  clock_gettime(CLOCK_MONOTONIC, &ended);
  /* A query is nobody's business: it may be a callback's, with a code. */
  wipe(it->target + path_length, it->target_length - path_length);
  line.number = it->number;
  line.remote = it->client->remote;
  line.method = it->method;
  line.path = it->target;
  line.status = it->status;
  line.bytes = it->bytes;
  line.milliseconds = (double)(ended.tv_sec - it->start.tv_sec) * 1e3 +
                      (double)(ended.tv_nsec - it->start.tv_nsec) / 1e6;
  log_write_request(&line);
}

static void end(exchange *it) {
  close_body(it);
  log_exchange(it);
  invsrc_call_free(it->call);
  invsrc_response_free(it->response);
  input_end(&it->body);
  hold(it, 0);
  it->client->exchange = NULL;
  it->server->under_way--;
  free(it);
}

void exchange_finish(void *context, struct MHD_Connection *connection, void **state,
                     enum MHD_RequestTerminationCode code) {
  server *self = context;
  exchange *it = *state;
  int is_last, was_in_time;

  if (!it) return;
  close_body(it);
  wipe_authorization(connection);
  wipe((void *)it->sent, it->target_length);
  is_last = it->is_last;
  was_in_time = client_enter(it->client, PHASE_IDLE);
  if (!it->status && !was_in_time) {
    it->status = DOOR_LATE_STATUS;
  } else if (!it->status) {
    it->status = http_own_status(connection);
    is_last = it->status != 0;
  }
  if (it->is_queued && code != MHD_REQUEST_TERMINATED_COMPLETED_OK) {
    it->status = 0; /* nobody has it */
    it->bytes = 0;
  }
  end(it);
  *state = NULL;
  if (is_last) door_linger(&self->door, connection);
}

void exchange_notice(void *context, struct MHD_Connection *connection, void **of_connection,
                     enum MHD_ConnectionNotificationCode code) {
  server *self = context;
  client *from = *of_connection;

  /* Of a target with more parameters than there is memory for libmicrohttpd tells the
   * beginning, but not the end. */
  if (code == MHD_CONNECTION_NOTIFY_CLOSED && from && from->exchange) end(from->exchange);
  door_notice(&self->door, connection, of_connection, code);
}

/* Judges a request by its head. What is refused whatever its body is need not send it. */
static enum MHD_Result meet(exchange *it, const char *method, const char *version) {
  http_head head;
  int is_too_long;

  snprintf(it->method, sizeof it->method, "%s", method);
  http_read_head(it->connection, version, it->target, &head);
  if (head.size > CONNECTION_MEMORY - ANSWER_MEMORY) {
    wipe_authorization(it->connection);
    return interrupt(it, &too_large); /* past libmicrohttpd, which may have no room for it */
  }
  if (head.fault) return answer_fault(it, head.fault);
  is_too_long = head.declared > it->server->host->max_body;
  if (is_too_long) it->body_length = head.declared;
  it->is_refused = is_too_long || !head.has_authorization;
  it->is_last = head.has_body && (is_health(it->target) || (it->is_refused && head.waits));
  if (it->is_last) return answer(it, method);
  if (head.has_body) client_enter(it->client, PHASE_BODY);
  return MHD_YES;
}

/* What became of a piece of a body. */
typedef enum piece { PIECE_KEPT, PIECE_REFUSED, PIECE_WITHOUT_ROOM, PIECE_TOO_LATE } piece;

/* Takes a piece of the body over, and wipes it where it was: it may be a part of a
 * credential, and libmicrohttpd does not wipe its buffers. */
static piece collect(exchange *it, const char *data, size_t length) {
  uint64_t whole = it->body_length + length;
  piece result = PIECE_KEPT;

  pthread_mutex_lock(&it->server->lock);
  if (it->has_given_way)
    result = PIECE_TOO_LATE;
  else if (it->is_refused || whole > it->server->host->max_body)
    result = PIECE_REFUSED;
  else if (!make_room(it, length) || !input_append(&it->body, data, length))
    result = PIECE_WITHOUT_ROOM;
  if (!it->is_refused) it->body_length = whole;
  if (result == PIECE_KEPT) {
    line_up(it);
  } else {
    step_out(it);
    input_end(&it->body);
  }
  hold(it, it->body.length);
  pthread_mutex_unlock(&it->server->lock);
  wipe((void *)data, length);
  return result;
}

enum MHD_Result exchange_go_on(void *context, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *length, void **state) {
  exchange *it = *state;
  piece came;

  (void)context;
  (void)connection;
  (void)url;
  if (!it) return MHD_NO; /* memory ran out */
  if (!it->method[0]) return meet(it, method, version);
  if (it->is_handed) return bring_back(it);
  if (*length == 0) return answer(it, method);
  came = collect(it, data, *length);
  if (came == PIECE_TOO_LATE) return MHD_NO;
  it->is_cut = came != PIECE_KEPT;
  if (came == PIECE_REFUSED) return ask(it, method);
  if (came == PIECE_WITHOUT_ROOM) {
    wipe_authorization(it->connection);
    return interrupt(it, &too_busy);
  }
  *length = 0;
  return MHD_YES;
}
