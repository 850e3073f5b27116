/*
 * The start of an agent's OAuth (providers.h): from its endpoint over what it and the
 * authorization server say of themselves to the URL that the operator is to open (RFC 9728,
 * RFC 8414, RFC 7591, MCP authorization). Which step follows which is decided here.
 */
#include <invsrc/providers.h>
#include <string.h>

#include "agents/authorization.h"
#include "agents/challenge.h"
#include "agents/conversation.h"
#include "agents/oauth_client.h"
#include "agents/oauth_consent.h"
#include "agents/oauth_metadata.h"
#include "agents/rpc.h"
#include "agents/well_known.h"
#include "core/base64.h"
#include "core/text.h"
#include "core/uri.h"

#define REDIRECTS 3
#define CONSENT_SECONDS 600 /* a client's secret must last so long */
#define MCP_VERSION "2025-11-25"
#define NO_TASK "00000000-0000-4000-8000-000000000000"
#define CLIENT_NAME "libinvsrc"

#define NO_OAUTH INVSRC_OUTCOME_NO_OAUTH
#define UNAVAILABLE INVSRC_OUTCOME_UNAVAILABLE

/* CLIENT waits for the host's. */
enum { AGENT, RESOURCE, SERVER, CLIENT, REGISTER, DONE };

struct start {
  ivs_verdict verdict;
  int step;
  int is_asked;
  int is_mcp;
  int allow_http;
  int64_t now;
  uint8_t random[IVS_OAUTH_VERIFIER_RANDOM];
  ivs_buffer endpoint;
  ivs_buffer audience;
  ivs_buffer redirect_uri;
  ivs_buffer state;
  ivs_buffer client_name;
  ivs_buffer client_metadata_url;
  /* What was found. */
  size_t place; /* where metadata is looked for, as well_known.h counts */
  ivs_buffer url;
  ivs_challenge challenge;
  ivs_resource_metadata resource;
  int is_guessed; /* the resource metadata is */
  ivs_server_metadata server;
  ivs_oauth_record record; /* the client, and then the private state */
  /* What is to be told. */
  ivs_buffer registered;
  ivs_buffer authorization_url;
  ivs_buffer private_state;
};

/* Whom each step asks. */
static const ivs_party parties[] = {
    [AGENT] = {"the agent", 0, NULL, IVS_PLACE_OF_AGENT},
    [RESOURCE] = {"the resource metadata", 0, NULL, IVS_PLACE_OF_AGENT},
    [SERVER] = {"the authorization server", 0, NULL, IVS_PLACE_OF_AGENT},
    [REGISTER] = {"the authorization server", 0, NULL, "its metadata"},
};

/* ---- The steps --------------------------------------------------------------------------- */

static void go(struct start *start, int step) {
  start->step = step;
  start->is_asked = 0;
}

/* Always INVSRC_OK. */
static int32_t end_with(struct start *start, int32_t outcome, const char *party,
                        const char *reason) {
  ivs_verdict_set(&start->verdict, outcome, party, reason);
  go(start, DONE);
  return INVSRC_OK;
}

static int32_t refuse(struct start *start, const char *reason) {
  return end_with(start, NO_OAUTH, parties[start->step].name, reason);
}

/* The answer should be `what`. */
static int32_t refuse_foreign(struct start *start, const invsrc_http_reply *reply,
                              const char *what) {
  ivs_verdict_set_foreign(&start->verdict, &parties[start->step], reply, what);
  start->verdict.outcome = NO_OAUTH;
  go(start, DONE);
  return INVSRC_OK;
}

/* Whether there was an answer that says something; else the start is over. Who is asked too
 * often says no more than who is in trouble. */
static int is_answer(struct start *start, int32_t outcome, const invsrc_http_reply *reply) {
  const ivs_party *party = &parties[start->step];
  int32_t status = invsrc_http_reply_status(reply);

  if (outcome == INVSRC_OUTCOME_OK && status < 500 && status != 429) return 1;
  if (outcome == INVSRC_OUTCOME_OK) {
    ivs_verdict_set_status(&start->verdict, party, status);
    outcome = UNAVAILABLE;
  } else {
    ivs_verdict_set_failure(&start->verdict, party, outcome, reply);
  }
  start->verdict.outcome = outcome == UNAVAILABLE              ? UNAVAILABLE
                           : outcome == INVSRC_OUTCOME_REFUSED ? NO_OAUTH
                                                               : INVSRC_OUTCOME_FAILED;
  go(start, DONE);
  return 0;
}

/* Parses an answer. `*document` is NULL where it is no JSON object. INVSRC_OK or INVSRC_ENOMEM. */
static int32_t parse(const invsrc_http_reply *reply, ivs_json_document **document) {
  ivs_json_fault fault;
  uint64_t length;
  const char *body = invsrc_http_reply_body(reply, &length);
  int32_t code = ivs_json_parse_reply(body, (size_t)length, document, &fault);

  if (code == INVSRC_OK && !ivs_json_is_object(ivs_json_root(*document))) {
    ivs_json_free(*document);
    *document = NULL;
  }
  return code == INVSRC_ENOMEM ? code : INVSRC_OK;
}

/* ---- Requests ---------------------------------------------------------------------------- */

/* Any request would do that the agent answers to those who have a credential only; its status
 * and fields suffice, whatever follows. */
static int32_t ask_agent(const struct start *start, ivs_outgoing *request) {
  ivs_outgoing_begin(request, "POST", start->endpoint.bytes);
  ivs_outgoing_add(request, "Content-Type: ", "application/json");
  ivs_outgoing_add(request, "Accept: ",
                   start->is_mcp ? "application/json, text/event-stream" : "application/json");
  ivs_rpc_begin(&request->body, 1, start->is_mcp ? "initialize" : "tasks/get");
  ivs_buffer_append_text(
      &request->body,
      start->is_mcp ? "\"protocolVersion\":\"" MCP_VERSION
                      "\",\"capabilities\":{},"
                      "\"clientInfo\":{\"name\":\"libinvsrc\",\"version\":\"" INVSRC_VERSION "\"}"
                    : "\"id\":\"" NO_TASK "\"");
  ivs_rpc_end(&request->body);
  request->http.looks = 1;
  return ivs_outgoing_finish(request);
}

static int32_t ask_for_metadata(const struct start *start, ivs_outgoing *request) {
  ivs_outgoing_begin(request, "GET", start->url.bytes);
  ivs_outgoing_add(request, "Accept: ", "application/json");
  request->http.redirects = REDIRECTS;
  return ivs_outgoing_finish(request);
}

static int32_t ask(void *talk, int lane, ivs_outgoing *request, int *made) {
  struct start *start = talk;

  (void)lane;
  *made = !start->is_asked && start->step != CLIENT && start->step != DONE;
  if (!*made) return INVSRC_OK;
  start->is_asked = 1;
  if (start->step == AGENT) return ask_agent(start, request);
  if (start->step != REGISTER) return ask_for_metadata(start, request);
  return ivs_oauth_client_ask(start->server.registration_endpoint.bytes, start->client_name.bytes,
                              &start->redirect_uri, start->server.method, request);
}

/* ---- The end ----------------------------------------------------------------------------- */

/* The challenge's scope is what the agent wants now, the metadata's all that it knows. */
static int32_t set_scope(struct start *start, ivs_buffer *scope) {
  const ivs_buffer *wanted =
      start->challenge.scope.length ? &start->challenge.scope : &start->resource.scope;

  if (wanted->length) ivs_buffer_append(scope, wanted->bytes, wanted->length);
  if (start->server.has_offline_access) ivs_oauth_scope_add(scope, IVS_OAUTH_OFFLINE);
  return scope->failed ? INVSRC_ENOMEM : INVSRC_OK;
}

static int32_t set_verifier(struct start *start, ivs_buffer *verifier) {
  ivs_base64url_append(verifier, start->random, sizeof start->random);
  return verifier->failed ? INVSRC_ENOMEM : INVSRC_OK;
}

/* All that the finish needs to know, besides the client. */
static int32_t complete(struct start *start) {
  const ivs_server_metadata *server = &start->server;
  const struct {
    enum ivs_oauth_member member;
    const ivs_buffer *text;
  } rows[] = {
      {IVS_OAUTH_ISSUER, &server->issuer},
      {IVS_OAUTH_TOKEN_ENDPOINT, &server->token_endpoint},
      {IVS_OAUTH_REVOCATION_ENDPOINT, &server->revocation_endpoint},
      {IVS_OAUTH_REDIRECT_URI, &start->redirect_uri},
      {IVS_OAUTH_RESOURCE, start->audience.length ? &start->audience : &start->resource.resource},
  };
  int32_t code = set_scope(start, &start->record.texts[IVS_OAUTH_SCOPE]);

  if (code == INVSRC_OK) code = set_verifier(start, &start->record.texts[IVS_OAUTH_CODE_VERIFIER]);
  for (size_t i = 0; code == INVSRC_OK && i < sizeof rows / sizeof *rows; i++)
    code = ivs_oauth_record_set(&start->record, rows[i].member, rows[i].text->bytes,
                                rows[i].text->length);
  start->record.is_iss_required = server->iss_required;
  return code;
}

static int32_t finish(struct start *start) {
  int32_t code = complete(start);

  if (code == INVSRC_OK)
    code = ivs_oauth_consent_write(&start->server.authorization_endpoint, &start->record,
                                   &start->state, &start->audience, &start->authorization_url);
  if (code == INVSRC_ERANGE)
    return end_with(start, NO_OAUTH, parties[SERVER].name, " makes the authorization URL too long");
  if (code != INVSRC_OK) return code;
  ivs_oauth_record_write(&start->record, IVS_OAUTH_PRIVATE_STATE, &start->private_state);
  if (start->private_state.failed) return INVSRC_ENOMEM;
  return end_with(start, INVSRC_OUTCOME_OK, "", "");
}

/* ---- The client -------------------------------------------------------------------------- */

/* INVSRC_OK, INVSRC_EINVAL (not a client) or INVSRC_ENOMEM. Takes none whose secret does not
 * outlast the consent. */
static int32_t take_client(struct start *start, const char *text, size_t length) {
  ivs_oauth_record *record = &start->record;
  int32_t code = ivs_oauth_record_read(text, length, IVS_OAUTH_CLIENT, record);

  if (code != INVSRC_OK ||
      (ivs_oauth_record_text(record, IVS_OAUTH_CLIENT_SECRET) && record->secret_expires_at &&
       record->secret_expires_at < start->now / 1000 + CONSENT_SECONDS))
    ivs_oauth_record_end(record);
  return code;
}

/* The host has no client: the URL of its metadata serves, or else one is registered. */
static int32_t make_client(struct start *start) {
  const ivs_buffer *url = &start->client_metadata_url;
  int32_t code;

  if (url->length && start->server.takes_documents) {
    code = ivs_oauth_client_set_url(&start->record, url);
    return code == INVSRC_OK ? finish(start) : code;
  }
  if (!start->server.registration_endpoint.length)
    return end_with(start, NO_OAUTH, parties[SERVER].name,
                    " takes only clients that are registered by hand: register one for the host");
  if (!start->server.method)
    return end_with(start, NO_OAUTH, parties[SERVER].name,
                    " wants clients to authenticate in ways that are not known here");
  go(start, REGISTER);
  return INVSRC_OK;
}

static int32_t keep_client(struct start *start) {
  ivs_oauth_record_write(&start->record, IVS_OAUTH_CLIENT, &start->registered);
  return start->registered.failed ? INVSRC_ENOMEM : finish(start);
}

static int32_t refuse_registration(struct start *start, const ivs_json *root,
                                   const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply);

  if (ivs_rpc_is_text(ivs_json_member(root, "error"), "invalid_redirect_uri"))
    return refuse(start, " does not take the redirect URI");
  if (status == 400) return refuse(start, " refused to register a client");
  if (ivs_verdict_is_refusal(status))
    return refuse(start, " registers no client of itself: register one for the host");
  return refuse_foreign(start, reply, "a client");
}

static int32_t hear_registration(struct start *start, const invsrc_http_reply *reply) {
  int32_t status = invsrc_http_reply_status(reply);
  ivs_json_document *document = NULL;
  const ivs_json *root;
  int32_t code = parse(reply, &document);

  if (code != INVSRC_OK) return code;
  root = document ? ivs_json_root(document) : NULL;
  code = INVSRC_EMALFORMED;
  if (status == 200 || status == 201) code = ivs_oauth_client_take(root, &start->record);
  if (code == INVSRC_OK)
    code = keep_client(start);
  else if (code == INVSRC_EREFUSED)
    code = refuse(start, " registered a client that must authenticate in a way not known here");
  else if (code == INVSRC_EMALFORMED)
    code = refuse_registration(start, root, reply);
  ivs_json_free(document);
  return code;
}

/* ---- The metadata ------------------------------------------------------------------------ */

/* To the place where the server's metadata may be next. */
static int32_t find_server(struct start *start) {
  int32_t code = ivs_well_known_server(start->resource.issuer.bytes, start->place, &start->url);

  go(start, SERVER);
  if (code != INVSRC_ENOTFOUND) return code;
  if (start->is_guessed) return end_with(start, NO_OAUTH, parties[AGENT].name, " offers no OAuth");
  return refuse(start, " has no metadata where it should be");
}

static int32_t begin_server(struct start *start) {
  start->place = 0;
  return find_server(start);
}

/* No resource metadata anywhere. */
static int32_t guess(struct start *start) {
  const char *problem;
  int32_t code = ivs_resource_metadata_guess(start->endpoint.bytes, start->allow_http,
                                             &start->resource, &problem);

  if (code != INVSRC_OK) return code;
  start->is_guessed = 1;
  if (problem) return end_with(start, NO_OAUTH, parties[AGENT].name, problem);
  return begin_server(start);
}

/* To the place where the resource's may be next. */
static int32_t find_resource(struct start *start) {
  int32_t code = ivs_well_known_resource(start->endpoint.bytes, start->place, &start->url);

  go(start, RESOURCE);
  return code == INVSRC_ENOTFOUND ? guess(start) : code;
}

/* Where the agent has named a URL there is no other place. */
static int32_t begin_resource(struct start *start) {
  const ivs_buffer *named = &start->challenge.resource_metadata;
  int good;
  int32_t code;

  if (!named->length) return find_resource(start);
  code = ivs_oauth_judge_url(named->bytes, named->length, start->endpoint.bytes, start->allow_http,
                             &good);
  if (code != INVSRC_OK) return code;
  if (!good) return refuse(start, " names resource metadata that must not be asked");
  go(start, RESOURCE);
  return ivs_buffer_set(&start->url, named->bytes, named->length);
}

static int32_t look_on(struct start *start, const invsrc_http_reply *reply) {
  if (start->step == RESOURCE && start->challenge.resource_metadata.length)
    return refuse_foreign(start, reply, "JSON");
  start->place++;
  return start->step == RESOURCE ? find_resource(start) : find_server(start);
}

static int32_t take_resource(struct start *start, const ivs_json *root) {
  const char *problem;
  int32_t code = ivs_resource_metadata_read(root, start->endpoint.bytes, start->allow_http,
                                            &start->resource, &problem);

  if (code != INVSRC_OK) return code;
  return problem ? refuse(start, problem) : begin_server(start);
}

static int32_t take_server(struct start *start, const ivs_json *root) {
  const char *problem;
  int32_t code = ivs_server_metadata_read(root, &start->resource.issuer, start->is_guessed,
                                          start->allow_http, &start->server, &problem);

  if (code != INVSRC_OK) return code;
  if (problem) return refuse(start, problem);
  go(start, CLIENT);
  return INVSRC_OK;
}

static int32_t hear_metadata(struct start *start, const invsrc_http_reply *reply) {
  ivs_json_document *document = NULL;
  const ivs_json *root;
  int32_t code = INVSRC_OK;

  if (invsrc_http_reply_status(reply) == 200) code = parse(reply, &document);
  if (code != INVSRC_OK) return code;
  if (!document) return look_on(start, reply);
  root = ivs_json_root(document);
  code = start->step == RESOURCE ? take_resource(start, root) : take_server(start, root);
  ivs_json_free(document);
  return code;
}

static int32_t hear_agent(struct start *start, const invsrc_http_reply *reply) {
  int32_t code =
      ivs_challenge_read(invsrc_http_reply_header(reply, "WWW-Authenticate"), &start->challenge);

  return code == INVSRC_OK ? begin_resource(start) : code;
}

/* ---- The conversation -------------------------------------------------------------------- */

static int32_t look(void *talk, int lane, const invsrc_http_reply *reply, int *enough) {
  (void)talk, (void)lane, (void)reply;
  *enough = 1;
  return INVSRC_OK;
}

static int32_t hear(void *talk, int lane, int32_t outcome, const invsrc_http_reply *reply) {
  struct start *start = talk;

  (void)lane;
  if (!is_answer(start, outcome, reply)) return INVSRC_OK;
  if (start->step == AGENT) return hear_agent(start, reply);
  if (start->step == REGISTER) return hear_registration(start, reply);
  return hear_metadata(start, reply);
}

static const ivs_verdict *verdict_of(const void *talk) {
  const struct start *start = talk;

  return start->step == DONE ? &start->verdict : NULL;
}

static const ivs_buffer *result_of(const void *talk, int32_t result) {
  const struct start *start = talk;
  int is_good = start->verdict.outcome == INVSRC_OUTCOME_OK;

  switch (result) {
    case INVSRC_RESULT_ISSUER:
      return start->step == CLIENT ? &start->server.issuer : NULL;
    case INVSRC_RESULT_CLIENT:
      return start->registered.length ? &start->registered : NULL;
    case INVSRC_RESULT_AUTHORIZATION_URL:
      return is_good ? &start->authorization_url : NULL;
    case INVSRC_RESULT_PRIVATE_STATE:
      return is_good ? &start->private_state : NULL;
    default:
      return NULL;
  }
}

static void end(void *talk) {
  struct start *start = talk;
  ivs_buffer *const buffers[] = {
      &start->endpoint,     &start->audience,    &start->redirect_uri,
      &start->state,        &start->client_name, &start->client_metadata_url,
      &start->url,          &start->registered,  &start->authorization_url,
      &start->private_state};

  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) ivs_buffer_end(buffers[i]);
  ivs_challenge_end(&start->challenge);
  ivs_resource_metadata_end(&start->resource);
  ivs_server_metadata_end(&start->server);
  ivs_oauth_record_end(&start->record);
}

static const ivs_kind kind = {
    .size = sizeof(struct start),
    .lanes = 1,
    .ask = ask,
    .look = look,
    .hear = hear,
    .verdict = verdict_of,
    .result = result_of,
    .end = end,
};

int32_t invsrc_conversation_give_client(invsrc_conversation *conversation, const void *client,
                                        uint64_t length) {
  struct start *start = ivs_conversation_of(conversation, &kind);
  int32_t code = INVSRC_OK;

  if (!conversation || (!client && length)) return INVSRC_EINVAL;
  if (!start || start->step != CLIENT) return INVSRC_ESTATE;
  if (client) code = take_client(start, client, (size_t)length);
  if (code == INVSRC_OK)
    code = ivs_oauth_record_text(&start->record, IVS_OAUTH_CLIENT_ID) ? finish(start)
                                                                      : make_client(start);
  if (code == INVSRC_ENOMEM) end_with(start, UNAVAILABLE, "", IVS_OUT_OF_MEMORY);
  return code;
}

/* ---- The beginning ----------------------------------------------------------------------- */

static int32_t judge_url(const char *url, size_t length) {
  ivs_uri uri;
  const char *reason;
  size_t offset;
  int32_t code = url ? ivs_url_parse(url, length, &uri, &reason, &offset) : INVSRC_EMALFORMED;

  return code == INVSRC_EMALFORMED ? INVSRC_EINVAL : code;
}

static int is_sound(const invsrc_oauth_setup *setup) {
  const char *name = setup->client_name ? setup->client_name : CLIENT_NAME;

  return setup->size >= sizeof *setup && setup->random && setup->allow_http <= 1 &&
         setup->now >= 0 && setup->now <= INVSRC_TIME_LIMIT && setup->state &&
         ivs_authorization_is_visible(setup->state, strlen(setup->state)) &&
         ivs_text_is_utf8(name, strlen(name), NULL) && !ivs_text_has_control(name, strlen(name));
}

static int32_t judge_setup(const invsrc_source *source, const invsrc_oauth_setup *setup) {
  uint64_t length;
  const char *endpoint = invsrc_source_text(source, INVSRC_SOURCE_ENDPOINT_URL, &length);
  const char *others[] = {setup->redirect_uri, setup->client_metadata_url};
  int32_t code = judge_url(endpoint, (size_t)length);

  if (code == INVSRC_OK && !setup->redirect_uri) code = INVSRC_EINVAL;
  for (size_t i = 0; code == INVSRC_OK && i < 2; i++)
    if (others[i]) code = judge_url(others[i], strlen(others[i]));
  return code;
}

/* Keeps copies of what may be NULL. */
static int32_t copy(struct start *start, const invsrc_source *source,
                    const invsrc_oauth_setup *setup) {
  const struct {
    ivs_buffer *to;
    const char *text;
  } rows[] = {
      {&start->endpoint, invsrc_source_text(source, INVSRC_SOURCE_ENDPOINT_URL, NULL)},
      {&start->audience, invsrc_source_text(source, INVSRC_SOURCE_OAUTH_AUDIENCE, NULL)},
      {&start->redirect_uri, setup->redirect_uri},
      {&start->state, setup->state},
      {&start->client_name, setup->client_name ? setup->client_name : CLIENT_NAME},
      {&start->client_metadata_url, setup->client_metadata_url},
  };
  int failed = 0;

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].text) ivs_buffer_append_text(rows[i].to, rows[i].text);
    failed |= rows[i].to->failed;
  }
  memcpy(start->random, setup->random, sizeof start->random);
  start->now = setup->now;
  start->allow_http = (int)setup->allow_http;
  return failed ? INVSRC_ENOMEM : INVSRC_OK;
}

static int32_t prepare(struct start *start, const invsrc_source *source,
                       const invsrc_oauth_setup *setup) {
  const char *protocol = invsrc_source_text(source, INVSRC_SOURCE_PROTOCOL, NULL);
  int32_t code = protocol ? judge_setup(source, setup) : INVSRC_EINVAL;

  if (code != INVSRC_OK) return code;
  start->is_mcp = strcmp(protocol, "MCP") == 0;
  if (!start->is_mcp && strcmp(protocol, "A2A") != 0) return INVSRC_EINVAL;
  go(start, AGENT);
  return copy(start, source, setup);
}

int32_t invsrc_conversation_new_oauth_start(const invsrc_source *source,
                                            const invsrc_oauth_setup *setup,
                                            invsrc_conversation **conversation) {
  struct start *start;

  if (!conversation) return INVSRC_EINVAL;
  *conversation = NULL;
  if (!source || !setup || !is_sound(setup)) return INVSRC_EINVAL;
  start = ivs_conversation_make(&kind, conversation);
  if (!start) return INVSRC_ENOMEM;
  return ivs_conversation_begun(conversation, prepare(start, source, setup));
}
