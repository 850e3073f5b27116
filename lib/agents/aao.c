/*
 * See aao.h.
 */
#include "agents/aao.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/http.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/uri.h"

#define CATALOGUE_PATH "/api/registry/agents"
#define OPERATOR_PATH "/api/registry/operator?domain="
#define CATALOGUE_MS 30000
#define OPERATOR_MS 10000
#define OPERATOR_SIZE 262144
#define REDIRECTS 3
#define OPERATOR_FULL 20      /* agents that the operator call lists at most */
#define PATIENCE 4            /* how much longer a pause is than the failure that it follows */
#define LONGEST_PAUSE 60      /* seconds */
#define LONGEST_VALIDATOR 256 /* bytes */
#define LONGEST_URL 2048      /* of an endpoint, and so of what is compared */
#define LONGEST_RAW (6 * LONGEST_URL) /* the same, each character as \uXXXX */

/* ---- URLs as the registry compares them ---------------------------------- */

int32_t ivs_aao_key_of_url(const char *url, size_t length, ivs_aao_key *key) {
  char folded[LONGEST_URL + 2];
  uint64_t end = 0;
  int32_t code;

  if (length > LONGEST_URL) return INVSRC_EMALFORMED;
  code = invsrc_uri_canonicalize(url, length, folded, sizeof folded, &end, NULL);
  if (code != INVSRC_OK) return code == INVSRC_ENOMEM ? code : INVSRC_EMALFORMED;
  for (size_t i = 0; i < end; i++)
    if (folded[i] >= 'A' && folded[i] <= 'Z') folded[i] = (char)(folded[i] - 'A' + 'a');
  while (end > 0 && folded[end - 1] == '/') end--;
  return ivs_digest(folded, (size_t)end, key->bytes);
}

int32_t ivs_aao_key_of_host(const char *host, size_t length, ivs_aao_key *key) {
  return ivs_digest(host, length, key->bytes);
}

/* ---- Lists of agents ----------------------------------------------------- */

/* Where the scan of a document stands. */
struct reader {
  ivs_aao_set *set;
  size_t capacity;
  size_t most;
  size_t urls;         /* agents with a text for a URL */
  int found;           /* the list was there */
  int in_list;         /* and we are in it */
  int at_agents;       /* the value to come is that of "agents" */
  int at_url;          /* the value to come is that of an agent's "url" */
  const char *problem; /* why the document is no list of agents */
  char decoded[LONGEST_RAW];
};

/* The depths at which a list of agents has its parts. */
enum { DOCUMENT = 1, LIST = 2, AGENT = 3 };

static int32_t reject(struct reader *reader, const char *problem) {
  reader->problem = problem;
  return INVSRC_EMALFORMED;
}

static int is_key(struct reader *reader, const char *raw, size_t length, const char *key) {
  size_t decoded;

  if (length > 6 * strlen(key)) return 0;
  decoded = ivs_json_decode(raw, length, reader->decoded);
  return decoded == strlen(key) && memcmp(reader->decoded, key, decoded) == 0;
}

static int32_t on_key(void *context, int depth, const char *raw, size_t length) {
  struct reader *reader = context;

  if (depth == DOCUMENT) reader->at_agents = is_key(reader, raw, length, "agents");
  if (depth == AGENT) reader->at_url = reader->in_list && is_key(reader, raw, length, "url");
  return INVSRC_OK;
}

static int32_t on_begin(void *context, int depth, char bracket) {
  struct reader *reader = context;

  if (depth == DOCUMENT && bracket != '{') return reject(reader, "it is no object");
  if (depth == LIST && reader->at_agents) {
    if (bracket != '[') return reject(reader, "agents is no array");
    reader->found = reader->in_list = 1;
  }
  if (depth == AGENT && reader->in_list) {
    if (bracket != '{') return reject(reader, "an agent is no object");
    if (reader->set->listed == reader->most) return reject(reader, "it has too many agents");
    reader->set->listed++;
  }
  return INVSRC_OK;
}

static int32_t on_end(void *context, int depth, char bracket) {
  struct reader *reader = context;

  (void)bracket;
  if (depth == LIST) reader->in_list = 0;
  return INVSRC_OK;
}

static int32_t on_scalar(void *context, int depth, const char *raw, size_t length) {
  struct reader *reader = context;

  (void)raw, (void)length;
  if (depth == DOCUMENT && reader->at_agents) return reject(reader, "agents is no array");
  if (depth == LIST && reader->in_list) return reject(reader, "an agent is no object");
  return INVSRC_OK;
}

/* Room for one more key. They are no secret, so they may be moved by realloc. */
static int32_t reserve(struct reader *reader) {
  ivs_aao_set *set = reader->set;
  size_t capacity = reader->capacity ? 2 * reader->capacity : 32;
  ivs_aao_key *keys;

  if (set->count < reader->capacity) return INVSRC_OK;
  keys = realloc(set->keys, capacity * sizeof *keys);
  if (!keys) return INVSRC_ENOMEM;
  set->keys = keys;
  reader->capacity = capacity;
  return INVSRC_OK;
}

static int32_t on_string(void *context, int depth, const char *raw, size_t length) {
  struct reader *reader = context;
  ivs_aao_set *set = reader->set;
  int32_t code;

  if (depth != AGENT || !reader->at_url) return on_scalar(context, depth, raw, length);
  reader->urls++;
  if (length > sizeof reader->decoded) return INVSRC_OK;
  code = reserve(reader);
  if (code != INVSRC_OK) return code;
  length = ivs_json_decode(raw, length, reader->decoded);
  code = ivs_aao_key_of_url(reader->decoded, length, &set->keys[set->count]);
  if (code == INVSRC_OK) set->count++;
  return code == INVSRC_EMALFORMED ? INVSRC_OK : code;
}

static int compare(const void *a, const void *b) {
  return memcmp(a, b, sizeof(ivs_aao_key));
}

/* What the scan alone does not see. */
static int32_t judge(struct reader *reader) {
  if (!reader->found) return reject(reader, "it has no agents");
  if (reader->set->listed && !reader->urls) return reject(reader, "no agent has a url");
  return INVSRC_OK;
}

int32_t ivs_aao_set_read(const char *text, size_t length, size_t most, ivs_aao_set **set,
                         ivs_json_fault *fault) {
  static const ivs_json_handler handler = {on_begin, on_end, on_key, on_string, on_scalar};
  struct reader *reader = calloc(1, sizeof *reader);
  int32_t code = INVSRC_ENOMEM;

  *set = NULL;
  if (!reader) goto done;
  reader->most = most;
  reader->set = calloc(1, sizeof *reader->set);
  if (!reader->set) goto done;
  code = ivs_json_scan(text, length, &handler, reader, fault);
  if (code == INVSRC_OK) code = judge(reader);
  if (reader->problem) *fault = (ivs_json_fault){.message = reader->problem};
  if (code != INVSRC_OK) goto done;
  if (reader->set->count > 1)
    qsort(reader->set->keys, reader->set->count, sizeof *reader->set->keys, compare);
  *set = reader->set;
  reader->set = NULL;
done:
  if (reader) ivs_aao_set_free(reader->set);
  free(reader);
  return code;
}

int ivs_aao_set_has(const ivs_aao_set *set, const ivs_aao_key *key) {
  if (!set || set->count == 0) return 0;
  return bsearch(key, set->keys, set->count, sizeof *set->keys, compare) != NULL;
}

void ivs_aao_set_free(ivs_aao_set *set) {
  if (!set) return;
  free(set->keys);
  free(set);
}

/* ---- Requests ------------------------------------------------------------ */

int32_t ivs_aao_base_read(const char *url, ivs_buffer *base, invsrc_error *error) {
  size_t length = strlen(url), offset = 0;
  const char *reason = NULL;
  ivs_uri uri;
  int32_t code = ivs_url_parse(url, length, &uri, &reason, &offset);

  if (code == INVSRC_OK && (uri.userinfo.text || uri.query.text || uri.fragment.text)) {
    code = INVSRC_EMALFORMED;
    reason = "must not have user information, a query or a fragment";
    offset = 0;
  }
  if (code == INVSRC_EMALFORMED)
    ivs_error_set(error, code, offset, "the registry's base URL %s", reason);
  if (code != INVSRC_OK) return code;
  while (length > 0 && url[length - 1] == '/') length--;
  return ivs_buffer_set(base, url, length);
}

/* Adds a field line unless it has no value. */
static void add_line(ivs_aao_request *request, const char *name, const char *value) {
  ivs_buffer *line = &request->lines[request->http.header_count];

  if (!value) return;
  ivs_buffer_append_text(line, name);
  ivs_buffer_append_text(line, value);
  request->headers[request->http.header_count++] = line->bytes;
}

static void begin_request(ivs_aao_request *request, const ivs_aao_site *site) {
  memset(request, 0, sizeof *request);
  request->http.size = sizeof request->http;
  request->http.method = "GET";
  request->http.redirects = REDIRECTS;
  request->http.headers = request->headers;
  ivs_buffer_append_text(&request->url, site->base);
  add_line(request, "Accept: ", "application/json");
  add_line(request, "Authorization: Bearer ", site->api_key);
}

static int32_t finish_request(ivs_aao_request *request) {
  int failed = request->url.failed;

  for (size_t i = 0; i < IVS_AAO_REQUEST_LINES; i++) failed |= request->lines[i].failed;
  request->http.url = request->url.bytes;
  return failed ? INVSRC_ENOMEM : INVSRC_OK;
}

int32_t ivs_aao_request_catalogue(ivs_aao_request *request, const ivs_aao_site *site,
                                  const char *etag, const char *last_modified) {
  begin_request(request, site);
  request->http.max_body = IVS_AAO_CATALOGUE_SIZE;
  request->http.timeout_ms = CATALOGUE_MS;
  request->most = IVS_AAO_CATALOGUE_AGENTS;
  request->conditional = etag || last_modified;
  ivs_buffer_append_text(&request->url, CATALOGUE_PATH);
  add_line(request, "If-None-Match: ", etag);
  add_line(request, "If-Modified-Since: ", last_modified);
  return finish_request(request);
}

int32_t ivs_aao_request_operator(ivs_aao_request *request, const ivs_aao_site *site,
                                 const char *host, size_t length) {
  begin_request(request, site);
  request->http.max_body = OPERATOR_SIZE;
  request->http.timeout_ms = OPERATOR_MS;
  request->most = IVS_AAO_OPERATOR_AGENTS;
  ivs_buffer_append_text(&request->url, OPERATOR_PATH);
  ivs_uri_append_escaped(&request->url, host, length);
  return finish_request(request);
}

void ivs_aao_request_end(ivs_aao_request *request) {
  ivs_buffer_end(&request->url);
  for (size_t i = 0; i < IVS_AAO_REQUEST_LINES; i++) ivs_buffer_end(&request->lines[i]);
}

/* ---- Answers ------------------------------------------------------------- */

static int32_t read_document(ivs_aao_answer *answer, const ivs_aao_request *request,
                             const invsrc_http_reply *reply) {
  ivs_json_fault fault = {0, 0, 0, NULL};
  uint64_t length;
  const char *body = invsrc_http_reply_body(reply, &length);
  int32_t code;

  if (length > request->http.max_body) {
    snprintf(answer->reason, sizeof answer->reason, "the answer is too large");
    return INVSRC_OK;
  }
  code = ivs_aao_set_read(body, (size_t)length, request->most, &answer->set, &fault);
  if (code != INVSRC_EMALFORMED) return code;
  if (fault.line)
    snprintf(answer->reason, sizeof answer->reason, "not JSON: %s at byte %llu", fault.message,
             (unsigned long long)fault.offset);
  else
    snprintf(answer->reason, sizeof answer->reason, "no list of agents: %s", fault.message);
  return INVSRC_OK;
}

int32_t ivs_aao_answer_read(ivs_aao_answer *answer, const ivs_aao_request *request, int32_t outcome,
                            const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply);
  const char *reason = invsrc_http_reply_reason(reply);

  memset(answer, 0, sizeof *answer);
  if (outcome != INVSRC_OUTCOME_OK) {
    snprintf(answer->reason, sizeof answer->reason, "%s", *reason ? reason : "no answer");
    return INVSRC_OK;
  }
  if (status == 200) return read_document(answer, request, reply);
  if (status == 304 && request->conditional) {
    answer->unchanged = 1;
    return INVSRC_OK;
  }
  answer->retry_after = ivs_http_reply_retry_after(reply, LONGEST_PAUSE);
  snprintf(answer->reason, sizeof answer->reason, "answered %d", (int)status);
  return INVSRC_OK;
}

void ivs_aao_answer_end(ivs_aao_answer *answer) {
  ivs_aao_set_free(answer->set);
  answer->set = NULL;
}

const char *ivs_aao_validator(const invsrc_http_reply *reply, const char *name) {
  const char *value = invsrc_http_reply_header(reply, name);

  if (!value || !*value || strlen(value) > LONGEST_VALIDATOR) return NULL;
  for (const char *c = value; *c; c++)
    if (*c < ' ' || *c > '~') return NULL;
  return value;
}

/* ---- Time ---------------------------------------------------------------- */

int32_t ivs_aao_outcome(int32_t code) {
  return code == INVSRC_ENOMEM ? INVSRC_OUTCOME_UNAVAILABLE : INVSRC_OUTCOME_FAILED;
}

int ivs_aao_is_within(int64_t now, int64_t since, int64_t span) {
  return now >= since && now - since < span;
}

int64_t ivs_aao_pause(const ivs_aao_answer *answer, int64_t took, unsigned failures) {
  const int64_t longest = LONGEST_PAUSE * INT64_C(1000);
  int64_t pause = took * PATIENCE, least = failures ? 1000 : 0;

  for (unsigned i = 1; i < failures && least < longest; i++) least *= 2;
  if (pause < least) pause = least;
  if (answer->retry_after) pause = answer->retry_after * INT64_C(1000);
  return pause < longest ? pause : longest;
}

/* ---- The decision -------------------------------------------------------- */

int ivs_aao_operator_list(const ivs_aao_set *set, const ivs_aao_key *url) {
  if (!set) return IVS_AAO_UNASKED;
  if (ivs_aao_set_has(set, url)) return IVS_AAO_HAS;
  return set->listed < OPERATOR_FULL ? IVS_AAO_LACKS : IVS_AAO_LACKS_SO_FAR;
}

int32_t ivs_aao_decide(const ivs_aao_view *view) {
  if (view->catalogue >= IVS_AAO_LIVE && view->is_listed) return INVSRC_OUTCOME_OK;
  if (view->catalogue == IVS_AAO_NONE && view->can_refresh) return IVS_AAO_DO_REFRESH;
  switch (view->operator_list) {
    case IVS_AAO_HAS:
      return INVSRC_OUTCOME_OK;
    case IVS_AAO_LACKS:
      return INVSRC_OUTCOME_NOT_REGISTERED;
    case IVS_AAO_UNASKED:
      return view->can_ask ? IVS_AAO_DO_ASK : INVSRC_OUTCOME_UNAVAILABLE;
    default:
      break;
  }
  /* The operator's list is full: only a fresh catalogue can say no. */
  if (view->catalogue == IVS_AAO_FRESH) return INVSRC_OUTCOME_NOT_REGISTERED;
  return view->can_refresh ? IVS_AAO_DO_REFRESH : INVSRC_OUTCOME_UNAVAILABLE;
}
