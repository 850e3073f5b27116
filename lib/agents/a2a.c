/*
 * See a2a.h. A card is a stranger's word: the credential goes to the origin of the
 * endpoint only, whatever the card names.
 */
#include "agents/a2a.h"

#include <stdio.h>
#include <string.h>

#include "agents/origin.h"
#include "agents/rpc.h"
#include "core/uri.h"

#define REDIRECTS 3
#define TASK_NOT_FOUND (-32001)
#define VERSION_NOT_SUPPORTED (-32009)
#define REQUEST_ID 1
#define TASK_ID_SIZE 37

enum { CARD, ASK, DONE };

/* Where a card may be, in the order in which it is looked for. */
static const struct {
  int is_below; /* the endpoint's own path */
  const char *path;
} places[] = {
    {0, "/.well-known/agent-card.json"},
    {0, "/.well-known/agent.json"},
    {1, "/.well-known/agent-card.json"},
    {1, "/.well-known/agent.json"},
};

#define PLACES (sizeof places / sizeof *places)

/* What was found in place of a card, the less telling first. */
enum { NOTHING, NO_CARD, NO_JSON, FORBIDDEN, IN_TROUBLE, NO_INTERFACE, OTHER_ORIGIN };

void ivs_a2a_begin(ivs_a2a *a2a, const char *url, const ivs_authorization *authorization) {
  const char *members = authorization ? authorization->members : NULL;

  a2a->url = url;
  a2a->authorization = authorization;
  a2a->agent = (ivs_party){"the agent", 1, members, IVS_PLACE_OF_AGENT};
  a2a->card = (ivs_party){"the agent card", 0, members, IVS_PLACE_OF_AGENT};
  a2a->verdict = (ivs_verdict){0, ""};
  a2a->step = a2a->rpc_url.length ? ASK : CARD;
  a2a->is_asked = 0;
  a2a->refused_with = 0;
  a2a->telling = NOTHING;
  a2a->place = 0;
}

void ivs_a2a_end(ivs_a2a *a2a) {
  ivs_buffer_end(&a2a->rpc_url);
  ivs_buffer_end(&a2a->tenant);
}

int ivs_a2a_is_over(const ivs_a2a *a2a) {
  return a2a->step == DONE;
}

/* ---- Requests -------------------------------------------------------------------- */

static int32_t make_card_request(const ivs_a2a *a2a, ivs_outgoing *request) {
  ivs_buffer url = IVS_BUFFER_EMPTY;
  int32_t code =
      ivs_origin_append(a2a->url, places[a2a->place].is_below, places[a2a->place].path, &url);

  if (code == INVSRC_OK) {
    ivs_outgoing_begin(request, "GET", url.bytes);
    ivs_outgoing_add(request, "Accept: ", "application/json");
    if (a2a->refused_with) ivs_authorization_send(a2a->authorization, request);
    request->http.redirects = REDIRECTS;
    code = ivs_outgoing_finish(request);
  }
  ivs_buffer_end(&url);
  return code;
}

/* A UUID of version 4, which no task has. */
static void write_task_id(const uint8_t *random, char id[TASK_ID_SIZE]) {
  size_t at = 0;

  for (size_t i = 0; i < IVS_A2A_RANDOM; i++) {
    unsigned byte = random[i];
    if (i == 6) byte = (byte & 0x0f) | 0x40;
    if (i == 8) byte = (byte & 0x3f) | 0x80;
    if (i == 4 || i == 6 || i == 8 || i == 10) id[at++] = '-';
    at += (size_t)snprintf(id + at, TASK_ID_SIZE - at, "%02x", byte);
  }
}

static int32_t make_rpc_request(const ivs_a2a *a2a, ivs_outgoing *request) {
  char id[TASK_ID_SIZE];

  write_task_id(a2a->random, id);
  ivs_outgoing_begin(request, "POST", a2a->rpc_url.bytes);
  ivs_outgoing_add(request, "Content-Type: ", "application/json");
  ivs_outgoing_add(request, "Accept: ", "application/json");
  if (a2a->is_current) ivs_outgoing_add(request, "A2A-Version: ", "1.0");
  ivs_authorization_send(a2a->authorization, request);
  ivs_rpc_begin(&request->body, REQUEST_ID, a2a->is_current ? "GetTask" : "tasks/get");
  ivs_buffer_append_text(&request->body, "\"id\":");
  ivs_json_write_string(&request->body, id, strlen(id));
  if (a2a->tenant.length) {
    ivs_buffer_append_text(&request->body, ",\"tenant\":");
    ivs_json_write_string(&request->body, a2a->tenant.bytes, a2a->tenant.length);
  }
  ivs_rpc_end(&request->body);
  return ivs_outgoing_finish(request);
}

int32_t ivs_a2a_ask(ivs_a2a *a2a, ivs_outgoing *request, int *made) {
  *made = !a2a->is_asked && a2a->step != DONE;
  if (!*made) return INVSRC_OK;
  a2a->is_asked = 1;
  return a2a->step == CARD ? make_card_request(a2a, request) : make_rpc_request(a2a, request);
}

/* ---- The card -------------------------------------------------------------------- */

static int begins_with(const ivs_json *node, const char *text) {
  size_t length;
  const char *given = ivs_json_string(node, &length);

  return given && length >= strlen(text) && memcmp(given, text, strlen(text)) == 0;
}

/* Notes what was found in place of a card, if nothing more telling was before. */
static void note(ivs_a2a *a2a, int found, const char *reason) {
  if (found < a2a->telling) return;
  a2a->telling = found;
  ivs_verdict_set(&a2a->verdict, INVSRC_OUTCOME_UNREACHABLE, a2a->card.name, reason);
}

/* Takes a URL of the card as the endpoint, if it may be asked. */
static int32_t take_url(ivs_a2a *a2a, const ivs_json *node) {
  ivs_uri uri;
  const char *reason;
  size_t length, offset;
  const char *url = ivs_json_string(node, &length);
  int32_t code = INVSRC_EMALFORMED;
  int same = 0;

  if (url && strlen(url) == length) code = ivs_url_parse(url, length, &uri, &reason, &offset);
  if (code == INVSRC_ENOMEM) return code;
  if (code != INVSRC_OK || uri.userinfo.text || uri.fragment.text ||
      (!a2a->allow_http && !ivs_uri_scheme_is(&uri, "https"))) {
    note(a2a, NO_INTERFACE, " names a URL that cannot be asked");
    return INVSRC_OK;
  }
  code = ivs_origin_compare(a2a->url, url, &same);
  if (code != INVSRC_OK) return code;
  if (!same && a2a->authorization) {
    note(a2a, OTHER_ORIGIN, " names another origin, which must not see the credential");
    return INVSRC_OK;
  }
  return ivs_buffer_set(&a2a->rpc_url, url, length);
}

static int32_t take_interface(ivs_a2a *a2a, const ivs_json *entry, int is_current) {
  size_t length;
  const char *tenant = ivs_json_string(ivs_json_member(entry, "tenant"), &length);
  int32_t code = take_url(a2a, ivs_json_member(entry, "url"));

  if (code != INVSRC_OK || !a2a->rpc_url.length) return code;
  a2a->is_current = is_current;
  return is_current && tenant ? ivs_buffer_set(&a2a->tenant, tenant, length) : INVSRC_OK;
}

/* The entries of a list that speak JSON-RPC in a version, until one can be asked. */
static int32_t take_list(ivs_a2a *a2a, const ivs_json *list, const char *binding,
                         const char *version) {
  const ivs_json *entry = ivs_json_is_array(list) ? ivs_json_first(list) : NULL;
  int32_t code = INVSRC_OK;

  for (; entry && code == INVSRC_OK && !a2a->rpc_url.length; entry = ivs_json_next(entry)) {
    if (!ivs_rpc_is_text(ivs_json_member(entry, binding), "JSONRPC")) continue;
    if (version && !begins_with(ivs_json_member(entry, "protocolVersion"), version)) continue;
    code = take_interface(a2a, entry, version && *version == '1');
  }
  return code;
}

/* 1.0 has interfaces; 0.3 and 0.2 a URL, and others beside it. */
static int32_t read_card(ivs_a2a *a2a, const ivs_json *card) {
  static const char *const versions[] = {"1.", "0."};
  const ivs_json *transport = ivs_json_member(card, "preferredTransport");
  int32_t code = INVSRC_OK;

  note(a2a, NO_INTERFACE, " names no JSON-RPC endpoint");
  for (size_t i = 0; code == INVSRC_OK && i < sizeof versions / sizeof *versions; i++)
    code = take_list(a2a, ivs_json_member(card, "supportedInterfaces"), "protocolBinding",
                     versions[i]);
  if (code == INVSRC_OK && !a2a->rpc_url.length && ivs_json_member(card, "url") &&
      (!transport || ivs_rpc_is_text(transport, "JSONRPC")))
    code = take_interface(a2a, card, 0);
  if (code == INVSRC_OK && !a2a->rpc_url.length)
    code = take_list(a2a, ivs_json_member(card, "additionalInterfaces"), "transport", NULL);
  return code;
}

static int32_t read_reply(ivs_a2a *a2a, const invsrc_http_reply *reply) {
  ivs_json_document *document = NULL;
  ivs_json_fault fault;
  uint64_t length;
  const char *body = invsrc_http_reply_body(reply, &length);
  int32_t code = ivs_json_parse_reply(body, (size_t)length, &document, &fault);

  if (code == INVSRC_ENOMEM) return code;
  code = INVSRC_OK;
  if (document && ivs_json_is_object(ivs_json_root(document)))
    code = read_card(a2a, ivs_json_root(document));
  else
    note(a2a, NO_JSON,
         document ? " is no JSON object: check " IVS_PLACE_OF_AGENT
                  : " is not JSON: check " IVS_PLACE_OF_AGENT);
  ivs_json_free(document);
  return code;
}

static void go(ivs_a2a *a2a, int step) {
  a2a->step = step;
  a2a->is_asked = 0;
}

/* On to the next place where the card may be. */
static void look_on(ivs_a2a *a2a) {
  ivs_uri uri;
  const char *reason;
  size_t offset;

  a2a->refused_with = 0;
  a2a->place++;
  if (a2a->place < PLACES && places[a2a->place].is_below &&
      (ivs_url_parse(a2a->url, strlen(a2a->url), &uri, &reason, &offset) != INVSRC_OK ||
       uri.path.length < 2))
    a2a->place = PLACES; /* the same as before */
  go(a2a, a2a->place < PLACES ? CARD : DONE);
}

/* Without the credential it means no more than that the card may be private. */
static int is_to_be_asked_again(const ivs_a2a *a2a, int32_t status) {
  return ivs_verdict_is_refusal(status) && a2a->authorization && !a2a->refused_with;
}

/* A 403 to whom no 401 asked for a credential is also what file servers say of what is not
 * there. */
static int is_refusal(const ivs_a2a *a2a, int32_t status) {
  return status == 401 || (status == 403 && a2a->refused_with == 401);
}

/* No card here: which of the places was asked is told, too. */
static void note_status(ivs_a2a *a2a, int32_t status) {
  int is_forbidden = status == 403 && a2a->refused_with;
  char answer[IVS_STATUS_SIZE], reason[2 * IVS_STATUS_SIZE];

  ivs_verdict_write_status(&a2a->card, status, answer);
  snprintf(reason, sizeof reason, ": %s%s %s%s%s", places[a2a->place].path,
           places[a2a->place].is_below ? " below endpointUrl" : "", answer,
           is_forbidden ? " with the credential, too: check " : "",
           is_forbidden ? a2a->card.members : "");
  note(a2a, status >= 500 ? IN_TROUBLE : is_forbidden ? FORBIDDEN : NO_CARD, reason);
}

static int32_t hear_card(ivs_a2a *a2a, const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply), code = INVSRC_OK;

  if (is_to_be_asked_again(a2a, status)) {
    a2a->refused_with = status;
    go(a2a, CARD);
    return INVSRC_OK;
  }
  if (is_refusal(a2a, status)) {
    ivs_verdict_set_refused(&a2a->verdict, &a2a->card, status);
    go(a2a, DONE);
    return INVSRC_OK;
  }
  if (status == 200)
    code = read_reply(a2a, reply);
  else
    note_status(a2a, status);
  if (code != INVSRC_OK) return code;
  if (a2a->rpc_url.length)
    go(a2a, ASK);
  else
    look_on(a2a);
  return INVSRC_OK;
}

/* ---- The answer -------------------------------------------------------------------- */

static int32_t hear_answer(ivs_a2a *a2a, const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply);
  ivs_rpc_answer answer = {NULL, NULL, NULL};
  uint64_t length;
  const char *body = invsrc_http_reply_body(reply, &length);
  int32_t code = ivs_rpc_read(body, (size_t)length, REQUEST_ID, &answer);
  int32_t error = ivs_rpc_code(&answer);

  if (code != INVSRC_OK) return code;
  if (ivs_verdict_is_refusal(status))
    ivs_verdict_set_refused(&a2a->verdict, &a2a->agent, status);
  else if (answer.error && ivs_rpc_is_refusal(&answer)) /* some say it under -32001, too */
    ivs_verdict_set_refused(&a2a->verdict, &a2a->agent, 0);
  else if ((answer.result && status < 300) || (error == TASK_NOT_FOUND && status < 500))
    ivs_verdict_set(&a2a->verdict, INVSRC_OUTCOME_OK, "", "");
  else if (error == VERSION_NOT_SUPPORTED)
    ivs_verdict_set(&a2a->verdict, INVSRC_OUTCOME_UNREACHABLE, "",
                    "does not take the version of A2A that its card names");
  else if (answer.error && status < 300)
    ivs_verdict_set(&a2a->verdict, INVSRC_OUTCOME_UNREACHABLE, "", "answered with an error of A2A");
  else
    ivs_verdict_set_foreign(&a2a->verdict, &a2a->agent, reply, "A2A");
  ivs_rpc_answer_end(&answer);
  go(a2a, DONE);
  return INVSRC_OK;
}

int32_t ivs_a2a_hear(ivs_a2a *a2a, int32_t outcome, const invsrc_http_reply *reply) {
  if (outcome != INVSRC_OUTCOME_OK) {
    ivs_verdict_set_failure(&a2a->verdict, a2a->step == CARD ? &a2a->card : &a2a->agent, outcome,
                            reply);
    go(a2a, DONE);
    return INVSRC_OK;
  }
  return a2a->step == CARD ? hear_card(a2a, reply) : hear_answer(a2a, reply);
}
