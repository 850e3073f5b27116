/*
 * The start of OAuth, from memory: exactly what is asked of whom, what each may answer, which
 * client is used, and the URL and the private state that come of it.
 */
#include <invsrc/invsrc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "script_start.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define OK INVSRC_OUTCOME_OK
#define NO_OAUTH INVSRC_OUTCOME_NO_OAUTH
#define UNAVAILABLE INVSRC_OUTCOME_UNAVAILABLE
#define FAILED INVSRC_OUTCOME_FAILED
#define REFUSED INVSRC_OUTCOME_REFUSED

#define NO_BODY {NULL, NULL}, NULL, NULL, 0
#define JSON(body) {SCRIPT_JSON, NULL}, body, NULL, 0
#define HTML {SCRIPT_HTML, NULL}, "<p>", NULL, 0
#define LINE(request, ...) \
  { request, {NULL, NULL, NULL}, NULL, __VA_ARGS__ }
#define NONE LINE(NULL, 0, NO_BODY)

/* ---- The parties ------------------------------------------------------------------------ */

#define AGENT "https://agent.example"
#define AS "https://as.example"
#define RESOURCE "/.well-known/oauth-protected-resource"
#define SERVER "/.well-known/oauth-authorization-server"
#define OPENID "/.well-known/openid-configuration"
#define NAMED "https://meta.example/r"

#define POST "POST " SCRIPT_URL
#define CHALLENGED(value) LINE(POST, 401, {"WWW-Authenticate: " value, NULL}, NULL, NULL, 0)
#define UNCHALLENGED LINE(POST, 401, NO_BODY)
#define NAMES(url) CHALLENGED("Bearer resource_metadata=\"" url "\"")
#define HAS_NO_RESOURCE \
  LINE("GET " AGENT RESOURCE "/mcp", 404, NO_BODY), LINE("GET " AGENT RESOURCE, 404, NO_BODY)
#define RESOURCE_IS(json) LINE("GET " AGENT RESOURCE "/mcp", 200, JSON(json))
#define SERVER_IS(json) LINE("GET " AS SERVER, 200, JSON(json))
#define TO_SERVER UNCHALLENGED, RESOURCE_IS(THE_RESOURCE)

#define RESOURCE_CALLED(resource, issuer) \
  "{\"resource\":\"" resource "\",\"authorization_servers\":[\"" issuer "\"]}"
#define THE_RESOURCE RESOURCE_CALLED(SCRIPT_URL, AS)
#define ENDPOINTS(as) \
  "\"authorization_endpoint\":\"" as "/auth\",\"token_endpoint\":\"" as "/token\""
#define ABILITIES \
  ",\"response_types_supported\":[\"code\"],\"code_challenge_methods_supported\":[\"S256\"]"
#define METADATA(issuer, as, more) "{\"issuer\":\"" issuer "\"," ENDPOINTS(as) ABILITIES more "}"
#define THE_SERVER(more) METADATA(AS, AS, more)
#define REGISTERS ",\"registration_endpoint\":\"" AS "/register\""
#define REGISTER "POST " AS "/register"

#define CLIENT "{\"client_id\":\"c 1\",\"token_endpoint_auth_method\":\"none\"}"
#define SECRET(method, expires)                                                          \
  "{\"client_id\":\"c 1\",\"client_secret\":\"s\",\"client_secret_expires_at\":" expires \
  ",\"token_endpoint_auth_method\":\"" method "\"}"
#define VERIFIER "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define PKCE                                                    \
  "&code_challenge=6oZqdX5MOLq_qBJ8vppAnT4fk6AP8UiP9zX8-Rev_9A" \
  "&code_challenge_method=S256"
#define BACK "&redirect_uri=https%3A%2F%2Fhost.example%2Fcallback%3Fa%3Db&state=the-state"
#define URL_FOR(endpoint, client) endpoint "response_type=code&client_id=" client PKCE BACK
#define OF_MCP "&resource=https%3A%2F%2Fagent.example%2Fmcp"
#define THE_URL URL_FOR(AS "/auth?", "c%201") OF_MCP

/* Plays a script, and holds what came of it against the rest: URL NULL is none. */
static void check(const struct script_start *script, int32_t outcome, const char *reason,
                  const char *url) {
  invsrc_conversation *conversation;
  const char *said;

  assert_int_equal(script_start_begin(script, &conversation), INVSRC_OK);
  assert_int_equal(script_start_play(conversation, script), INVSRC_OK);
  assert_int_equal(invsrc_conversation_outcome(conversation, &said), outcome);
  assert_string_equal(said, reason);
  said = invsrc_conversation_result(conversation, INVSRC_RESULT_AUTHORIZATION_URL, NULL);
  if (url) {
    assert_non_null(said);
    assert_string_equal(said, url);
  } else {
    assert_null(said);
    assert_null(invsrc_conversation_result(conversation, INVSRC_RESULT_PRIVATE_STATE, NULL));
  }
  assert_null(invsrc_conversation_result(conversation, INVSRC_RESULT_ISSUER, NULL));
  assert_null(invsrc_conversation_result(conversation, INVSRC_RESULT_CREDENTIAL, NULL));
  invsrc_conversation_free(conversation);
}

/* A start that ends before a client is wanted. */
static void check_end(const struct script_line *lines, int32_t outcome, const char *reason) {
  const struct script_start script = {.lines = lines};

  check(&script, outcome, reason, NULL);
}

/* One that comes to a URL, for a client that the host has. */
static void check_url(const struct script_line *lines, const char *issuer, const char *url) {
  const struct script_start script = {.lines = lines, .issuer = issuer, .client = CLIENT};

  check(&script, OK, "", url);
}

/* ---- What is asked ------------------------------------------------------------------------ */

#define ACCEPTS "Accept: application/json"
#define SENDS "Content-Type: application/json"

static void assert_lines(const invsrc_http_request *request, const char *const lines[3]) {
  uint32_t count = 0;

  for (; lines[count]; count++) {
    assert_true(count < request->header_count);
    assert_string_equal(request->headers[count], lines[count]);
  }
  assert_int_equal(request->header_count, count);
}

/* The next request, which `line` answers. */
static void assert_request(invsrc_conversation *conversation, const struct script_line *line,
                           const char *const lines[3], const char *body, uint32_t redirects) {
  const invsrc_http_request *request;
  int32_t exchange = invsrc_conversation_next(conversation, &request);

  assert_true(exchange > 0);
  assert_null(script_judge(line, request));
  assert_lines(request, lines);
  assert_string_equal(request->body ? request->body : "", body);
  assert_int_equal(request->redirects, redirects);
  assert_int_equal(request->timeout_ms, 10000);
  assert_int_equal(request->max_body, 262144);
  assert_int_equal(script_answer(conversation, exchange, line, request, SCRIPT_WHOLE), INVSRC_OK);
}

static void requests_are_what_they_should_be(void **state) {
  static const struct {
    const char *protocol;
    const char *const lines[3];
    const char *body;
  } agents[] = {
      {"MCP",
       {SENDS, "Accept: application/json, text/event-stream", NULL},
       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
       "\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"libinvsrc\",\"version\":"
       "\"" INVSRC_VERSION "\"}}}"},
      {"A2A",
       {SENDS, ACCEPTS, NULL},
       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tasks/get\",\"params\":{\"id\":\"00000000-0000-"
       "4000-8000-000000000000\"}}"},
  };
  static const char *const get[3] = {ACCEPTS, NULL, NULL};
  static const char *const post[3] = {ACCEPTS, SENDS, NULL};
  static const struct script_line lines[] = {UNCHALLENGED, RESOURCE_IS(THE_RESOURCE),
                                             SERVER_IS(THE_SERVER(REGISTERS)),
                                             LINE(REGISTER, 201, JSON("{\"client_id\":\"x\"}"))};

  (void)state;
  for (size_t i = 0; i < COUNT(agents); i++) {
    const struct script_start script = {.protocol = agents[i].protocol};
    const invsrc_http_request *request;
    invsrc_conversation *conversation;

    assert_int_equal(script_start_begin(&script, &conversation), INVSRC_OK);
    assert_int_equal(invsrc_conversation_give_client(conversation, NULL, 0), INVSRC_ESTATE);
    assert_request(conversation, &lines[0], agents[i].lines, agents[i].body, 0);
    assert_request(conversation, &lines[1], get, "", 3);
    assert_request(conversation, &lines[2], get, "", 3);
    assert_int_equal(invsrc_conversation_next(conversation, &request), 0);
    assert_null(request);
    assert_int_equal(invsrc_conversation_outcome(conversation, NULL), 0);
    assert_int_equal(invsrc_conversation_give_client(conversation, NULL, 0), INVSRC_OK);
    assert_null(invsrc_conversation_result(conversation, INVSRC_RESULT_ISSUER, NULL));
    assert_request(conversation, &lines[3], post,
                   "{\"client_name\":\"libinvsrc\",\"redirect_uris\":[\"" SCRIPT_REDIRECT
                   "\"],\"grant_types\":[\"authorization_code\",\"refresh_token\"],"
                   "\"response_types\":[\"code\"],\"token_endpoint_auth_method\":\"none\","
                   "\"application_type\":\"web\"}",
                   0);
    assert_int_equal(invsrc_conversation_outcome(conversation, NULL), OK);
    assert_int_equal(invsrc_conversation_give_client(conversation, NULL, 0), INVSRC_ESTATE);
    invsrc_conversation_free(conversation);
  }
}

/* An agent that answers all comers with a stream that stays open need not be heard out. */
static void the_agents_fields_suffice(void **state) {
  const struct script_start script = {.protocol = "MCP"};
  const invsrc_http_request *request;
  invsrc_conversation *conversation;
  invsrc_http_reply *reply = invsrc_http_reply_new();
  int32_t exchange;

  (void)state;
  assert_int_equal(script_start_begin(&script, &conversation), INVSRC_OK);
  exchange = invsrc_conversation_next(conversation, &request);
  assert_int_equal(request->looks, 1);
  invsrc_http_reply_set_status(reply, 200);
  assert_int_equal(invsrc_conversation_look(conversation, exchange, reply), 1);
  assert_int_equal(invsrc_conversation_answer(conversation, exchange, OK, reply), INVSRC_OK);
  assert_true(invsrc_conversation_next(conversation, &request) > 0);
  assert_string_equal(request->url, AGENT RESOURCE "/mcp");
  assert_int_equal(request->looks, 0);
  invsrc_http_reply_free(reply);
  invsrc_conversation_free(conversation);
}

/* ---- From the agent to its resource metadata ---------------------------------------------- */

static void any_answer_of_the_agent_goes_on(void **state) {
  static const int32_t statuses[] = {200, 202, 204, 302, 400, 401, 403, 404, 405};

  (void)state;
  for (size_t i = 0; i < COUNT(statuses); i++) {
    const struct script_line lines[] = {LINE(POST, statuses[i], HTML), RESOURCE_IS(THE_RESOURCE),
                                        SERVER_IS(THE_SERVER("")), NONE};
    check_url(lines, AS, THE_URL);
  }
}

static void metadata_is_where_the_challenge_says(void **state) {
  static const struct script_line named[] = {
      NAMES(NAMED), LINE("GET " NAMED, 200, JSON(THE_RESOURCE)), SERVER_IS(THE_SERVER("")), NONE};
  static const struct script_line below[] = {
      UNCHALLENGED, LINE("GET " AGENT RESOURCE "/mcp", 404, NO_BODY),
      LINE("GET " AGENT RESOURCE, 200, JSON(THE_RESOURCE)), SERVER_IS(THE_SERVER("")), NONE};
  static const struct script_line nowhere[] = {
      UNCHALLENGED, HAS_NO_RESOURCE, LINE("GET " AGENT SERVER, 200, JSON(METADATA(AGENT, AS, ""))),
      NONE};

  (void)state;
  check_url(named, AS, THE_URL);
  check_url(below, AS, THE_URL);
  check_url(nowhere, AGENT, THE_URL);
}

static void what_is_no_metadata_is_looked_for_on(void **state) {
  static const struct script_line lines[] = {
      UNCHALLENGED,
      LINE("GET " AGENT RESOURCE "/mcp", 200, HTML),
      LINE("GET " AGENT RESOURCE, 200, JSON("[]")),
      LINE("GET " AGENT SERVER, 302, NO_BODY),
      LINE("GET " AGENT OPENID, 200, JSON(METADATA(AGENT, AS, ""))),
      NONE};
  static const struct script_line other[] = {UNCHALLENGED,
                                             LINE("GET " AGENT RESOURCE "/mcp", 204, NO_BODY),
                                             LINE("GET " AGENT RESOURCE, 401, JSON(THE_RESOURCE)),
                                             LINE("GET " AGENT SERVER, 400, NO_BODY),
                                             LINE("GET " AGENT OPENID, 200, JSON("{\"issuer\":")),
                                             NONE};

  (void)state;
  check_url(lines, AGENT, THE_URL);
  check_end(other, NO_OAUTH, "the agent offers no OAuth");
}

static void metadata_that_was_named_must_be_there(void **state) {
  static const struct script_line gone[] = {NAMES(NAMED), LINE("GET " NAMED, 404, NO_BODY), NONE};
  static const struct script_line html[] = {NAMES(NAMED), LINE("GET " NAMED, 200, HTML), NONE};
  static const struct script_line array[] = {NAMES(NAMED), LINE("GET " NAMED, 200, JSON("[]")),
                                             NONE};

  (void)state;
  check_end(gone, NO_OAUTH, "the resource metadata answered 404: check endpointUrl and protocol");
  check_end(html, NO_OAUTH,
            "the resource metadata answered HTML, not JSON: check endpointUrl and protocol");
  check_end(array, NO_OAUTH,
            "the resource metadata answered, but not JSON: check endpointUrl and protocol");
}

static void metadata_is_asked_for_over_https(void **state) {
  static const struct script_line bad[][2] = {
      {NAMES("http://agent.example/r"), NONE},    {NAMES("/r"), NONE},
      {NAMES("https://u@agent.example/r"), NONE}, {NAMES("https://agent.example/r#f"), NONE},
      {NAMES("file:///etc/passwd"), NONE},        {NAMES("https://agent.example:0/r"), NONE},
      {NAMES("https://agent.example/r x"), NONE},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++)
    check_end(bad[i], NO_OAUTH, "the agent names resource metadata that must not be asked");
}

/* ---- Nobody answers ------------------------------------------------------------------------ */

static const struct {
  int32_t status;
  const char *reason; /* of the transport */
  int32_t told;       /* by it; 0: UNAVAILABLE */
  int32_t outcome;
  const char *words;
} troubles[] = {
    {0, "took too long", 0, UNAVAILABLE, ": took too long"},
    {0, "the name resolves to a private address", REFUSED, NO_OAUTH,
     ": the name resolves to a private address"},
    {0, "libcurl failed", FAILED, FAILED, ": libcurl failed"},
    {500, NULL, 0, UNAVAILABLE, " answered 500"},
    {503, NULL, 0, UNAVAILABLE, " answered 503"},
    {429, NULL, 0, UNAVAILABLE, " answered 429: it is asked too often"},
};

#define MOST_LINES 6

/* Each step's party in trouble, whatever it says: the last line of the script. */
static const struct {
  const char *party;
  struct script_line lines[MOST_LINES];
  struct script_line more[2];
} steps[] = {
    {"the agent", {LINE(POST, 0, JSON("{}")), NONE}, {NONE}},
    {"the resource metadata",
     {UNCHALLENGED, LINE("GET " AGENT RESOURCE "/mcp", 0, JSON(THE_RESOURCE)), NONE},
     {NONE}},
    {"the resource metadata",
     {NAMES(NAMED), LINE("GET " NAMED, 0, JSON(THE_RESOURCE)), NONE},
     {NONE}},
    {"the authorization server",
     {TO_SERVER, LINE("GET " AS SERVER, 0, JSON(THE_SERVER(""))), NONE},
     {NONE}},
    {"the authorization server",
     {UNCHALLENGED, HAS_NO_RESOURCE, LINE("GET " AGENT SERVER, 404, NO_BODY),
      LINE("GET " AGENT OPENID, 0, NO_BODY), NONE},
     {NONE}},
    {"the authorization server",
     {TO_SERVER, SERVER_IS(THE_SERVER(REGISTERS)), NONE},
     {LINE(REGISTER, 0, JSON("{\"client_id\":\"c\"}")), NONE}},
};

static void each_may_be_in_trouble(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(steps); i++)
    for (size_t k = 0; k < COUNT(troubles); k++) {
      struct script_line lines[MOST_LINES], more[2];
      struct script_line *last = steps[i].more[0].request ? more : lines;
      const struct script_start script = {.lines = lines, .issuer = AS, .more = more};
      char reason[256];

      memcpy(lines, steps[i].lines, sizeof lines);
      memcpy(more, steps[i].more, sizeof more);
      while (last[1].request) last++;
      last->status = troubles[k].status;
      last->reason = troubles[k].reason;
      last->outcome = troubles[k].told;
      if (!last->status) last->body = NULL;
      snprintf(reason, sizeof reason, "%s%s", steps[i].party, troubles[k].words);
      check(&script, troubles[k].outcome, reason, NULL);
    }
}

static void answers_may_be_too_large(void **state) {
  static char body[300000];
  const struct script_line lines[] = {UNCHALLENGED, RESOURCE_IS(body), NONE};

  (void)state;
  memset(body, ' ', sizeof body - 1);
  check_end(lines, NO_OAUTH, "the resource metadata: the answer is too large");
}

/* ---- The metadata of the server ----------------------------------------------------------- */

#define TENANT AS "/t/1"
#define WITH_ISSUER(issuer) UNCHALLENGED, RESOURCE_IS(RESOURCE_CALLED(SCRIPT_URL, issuer))

static void servers_are_looked_for_in_order(void **state) {
  static const struct script_line lines[] = {
      WITH_ISSUER(TENANT), LINE("GET " AS SERVER "/t/1", 404, NO_BODY),
      LINE("GET " AS OPENID "/t/1", 404, NO_BODY),
      LINE("GET " TENANT OPENID, 200, JSON(METADATA(TENANT, AS, ""))), NONE};
  static const struct script_line slash[] = {
      WITH_ISSUER(AS "/t/"), LINE("GET " AS SERVER "/t", 200, JSON(METADATA(AS "/t/", AS, ""))),
      NONE};
  static const struct script_line nowhere[] = {
      WITH_ISSUER(TENANT), LINE("GET " AS SERVER "/t/1", 404, NO_BODY),
      LINE("GET " AS OPENID "/t/1", 404, NO_BODY), LINE("GET " TENANT OPENID, 404, NO_BODY), NONE};
  static const struct script_line root[] = {TO_SERVER, LINE("GET " AS SERVER, 404, NO_BODY),
                                            LINE("GET " AS OPENID, 404, NO_BODY), NONE};

  (void)state;
  check_url(lines, TENANT, THE_URL);
  check_url(slash, AS "/t/", THE_URL);
  check_end(nowhere, NO_OAUTH, "the authorization server has no metadata where it should be");
  check_end(root, NO_OAUTH, "the authorization server has no metadata where it should be");
}

static void an_issuer_is_what_it_is_called(void **state) {
  static const struct script_line slash[] = {TO_SERVER, SERVER_IS(METADATA(AS "/", AS, "")), NONE};
  static const struct script_line guessed[] = {
      UNCHALLENGED, HAS_NO_RESOURCE,
      LINE("GET " AGENT SERVER, 200, JSON(METADATA(AGENT "/", AS, ""))), NONE};
  static const struct script_line other[] = {
      UNCHALLENGED, HAS_NO_RESOURCE, LINE("GET " AGENT SERVER, 200, JSON(METADATA(AS, AS, ""))),
      NONE};
  static const char reason[] = "the authorization server names another issuer than it was asked as";

  (void)state;
  check_end(slash, NO_OAUTH, reason);
  check_end(other, NO_OAUTH, reason);
  check_url(guessed, AGENT "/", THE_URL);
}

/* Of an endpoint that is written unusually the origin is the canonical one. */
static void the_agents_origin_is_canonical(void **state) {
  static const struct script_line lines[] = {
      LINE("POST HTTPS://Agent.Example:443/mcp", 401, NO_BODY),
      LINE("GET HTTPS://Agent.Example:443" RESOURCE "/mcp", 404, NO_BODY),
      LINE("GET HTTPS://Agent.Example:443" RESOURCE, 404, NO_BODY),
      LINE("GET " AGENT SERVER, 200, JSON(METADATA(AGENT, AS, ""))), NONE};
  const struct script_start script = {
      .url = "HTTPS://Agent.Example:443/mcp", .lines = lines, .issuer = AGENT, .client = CLIENT};

  (void)state;
  check(&script, OK, "",
        URL_FOR(AS "/auth?", "c%201") "&resource=HTTPS%3A%2F%2FAgent.Example%3A443%2Fmcp");
}

/* ---- http ---------------------------------------------------------------------------------- */

#define LOCAL "http://[::1]:8080"
#define LOCAL_AS "http://127.0.0.1:9"
#define LOCAL_POST(field) \
  LINE("POST " LOCAL "/mcp", 401, {"WWW-Authenticate: " field, NULL}, NULL, NULL, 0)
#define LOCAL_RESOURCE_IS(issuer) \
  LINE("GET " LOCAL RESOURCE "/mcp", 200, JSON(RESOURCE_CALLED(LOCAL "/mcp", issuer)))
#define LOCAL_HAS_NO_RESOURCE \
  LINE("GET " LOCAL RESOURCE "/mcp", 404, NO_BODY), LINE("GET " LOCAL RESOURCE, 404, NO_BODY)
#define LOCAL_SERVER_IS(issuer, as) LINE("GET " issuer SERVER, 200, JSON(METADATA(issuer, as, "")))
#define OF_LOCAL "&resource=http%3A%2F%2F%5B%3A%3A1%5D%3A8080%2Fmcp"

static void check_local(const struct script_line *lines, uint32_t allow_http, const char *issuer,
                        const char *reason, const char *url) {
  const struct script_start script = {.url = LOCAL "/mcp",
                                      .allow_http = allow_http,
                                      .lines = lines,
                                      .issuer = issuer,
                                      .client = CLIENT};

  check(&script, url ? OK : NO_OAUTH, reason, url);
}

static void http_is_for_those_who_allow_it(void **state) {
  static const struct script_line named[] = {
      LOCAL_POST("Bearer resource_metadata=\"" LOCAL "/r\""),
      LINE("GET " LOCAL "/r", 200, JSON(RESOURCE_CALLED(LOCAL "/mcp", LOCAL_AS))),
      LOCAL_SERVER_IS(LOCAL_AS, LOCAL_AS), NONE};
  static const struct script_line guessed[] = {LOCAL_POST("Bearer"), LOCAL_HAS_NO_RESOURCE,
                                               LOCAL_SERVER_IS(LOCAL, LOCAL), NONE};
  static const struct script_line secure[] = {LOCAL_POST("Bearer"), LOCAL_RESOURCE_IS(LOCAL_AS),
                                              LOCAL_SERVER_IS(LOCAL_AS, AS), NONE};

  (void)state;
  check_local(named, 1, LOCAL_AS, "", URL_FOR(LOCAL_AS "/auth?", "c%201") OF_LOCAL);
  check_local(guessed, 1, LOCAL, "", URL_FOR(LOCAL "/auth?", "c%201") OF_LOCAL);
  check_local(secure, 1, LOCAL_AS, "", URL_FOR(AS "/auth?", "c%201") OF_LOCAL);
}

/* Even then it goes to the origins of the agent and of an issuer that is http itself. */
static void http_goes_to_no_other_origin(void **state) {
  static const struct script_line metadata[] = {
      LOCAL_POST("Bearer resource_metadata=\"" LOCAL_AS "/r\""), NONE};
  static const struct script_line token[] = {LOCAL_POST("Bearer"), LOCAL_RESOURCE_IS(LOCAL_AS),
                                             LOCAL_SERVER_IS(LOCAL_AS, "http://127.0.0.1:10"),
                                             NONE};
  static const struct script_line downgrade[] = {LOCAL_POST("Bearer"), LOCAL_RESOURCE_IS(AS),
                                                 SERVER_IS(METADATA(AS, "http://as.example", "")),
                                                 NONE};
  static const struct script_line issuer[] = {LOCAL_POST("Bearer"), LOCAL_RESOURCE_IS(LOCAL_AS),
                                              NONE};
  static const struct script_line guessed[] = {LOCAL_POST("Bearer"), LOCAL_HAS_NO_RESOURCE, NONE};
  static const char must_not[] =
      "the authorization server names an endpoint that must not be asked";

  (void)state;
  check_local(metadata, 1, NULL, "the agent names resource metadata that must not be asked", NULL);
  check_local(token, 1, NULL, must_not, NULL);
  check_local(downgrade, 1, NULL, must_not, NULL);
  check_local(issuer, 0, NULL,
              "the resource metadata names an authorization server that cannot be asked", NULL);
  check_local(guessed, 0, NULL, "the agent cannot be asked but over http", NULL);
}

/* ---- The client ---------------------------------------------------------------------------- */

#define DOCUMENT "https://host.example/client.json"
#define DOCUMENT_ID "https%3A%2F%2Fhost.example%2Fclient.json"
#define TAKES_DOCUMENTS ",\"client_id_metadata_document_supported\":true"

static void clients_are_chosen_in_order(void **state) {
  static const struct {
    const char *server;
    const char *document_url;
    const char *client;
    const char *id; /* NULL: none is to be had */
  } rows[] = {
      {THE_SERVER(REGISTERS TAKES_DOCUMENTS), DOCUMENT, CLIENT, "c%201"},
      {THE_SERVER(""), NULL, SECRET("client_secret_basic", "0"), "c%201"},
      {THE_SERVER(""), NULL, SECRET("client_secret_post", "1800000600"), "c%201"},
      {THE_SERVER(""), NULL, SECRET("client_secret_post", "1800000599"), NULL},
      {THE_SERVER(""), NULL, SECRET("client_secret_post", "1"), NULL},
      {THE_SERVER(REGISTERS TAKES_DOCUMENTS), DOCUMENT, SECRET("client_secret_basic", "1"),
       DOCUMENT_ID},
      {THE_SERVER(REGISTERS TAKES_DOCUMENTS), DOCUMENT, NULL, DOCUMENT_ID},
      {THE_SERVER(TAKES_DOCUMENTS), NULL, NULL, NULL},
      {THE_SERVER(",\"client_id_metadata_document_supported\":\"true\""), DOCUMENT, NULL, NULL},
      {THE_SERVER(",\"client_id_metadata_document_supported\":false"), DOCUMENT, NULL, NULL},
      {THE_SERVER(",\"registration_endpoint\":null"), DOCUMENT, NULL, NULL},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line lines[] = {TO_SERVER, SERVER_IS(rows[i].server), NONE};
    const struct script_start script = {.document_url = rows[i].document_url,
                                        .lines = lines,
                                        .issuer = AS,
                                        .client = rows[i].client};
    char url[1024];

    snprintf(url, sizeof url, "%s%s%s",
             AS "/auth?response_type=code&client_id=", rows[i].id ? rows[i].id : "",
             PKCE BACK OF_MCP);
    if (rows[i].id)
      check(&script, OK, "", url);
    else
      check(&script, NO_OAUTH,
            "the authorization server takes only clients that are registered by hand: register "
            "one for the host",
            NULL);
  }
}

static void what_is_no_client_is_not_taken(void **state) {
  static const char *const bad[] = {
      "",
      "x",
      "[]",
      "{}",
      "{\"client_id\":\"\",\"token_endpoint_auth_method\":\"none\"}",
      "{\"client_id\":7,\"token_endpoint_auth_method\":\"none\"}",
      "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"private_key_jwt\"}",
      "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"client_secret_basic\"}",
      "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"none\"}{}",
  };
  static const struct script_line lines[] = {TO_SERVER, SERVER_IS(THE_SERVER("")), NONE};
  const struct script_start script = {.issuer = AS};
  invsrc_conversation *conversation;
  uint64_t length;

  (void)state;
  assert_int_equal(script_start_begin(&script, &conversation), INVSRC_OK);
  assert_int_equal(script_play(conversation, lines, SCRIPT_WHOLE), INVSRC_OK);
  for (size_t i = 0; i < COUNT(bad); i++) {
    assert_int_equal(invsrc_conversation_give_client(conversation, bad[i], strlen(bad[i])),
                     INVSRC_EINVAL);
    assert_int_equal(invsrc_conversation_outcome(conversation, NULL), 0);
    assert_string_equal(invsrc_conversation_result(conversation, INVSRC_RESULT_ISSUER, &length),
                        AS);
    assert_int_equal(length, strlen(AS));
  }
  assert_int_equal(invsrc_conversation_give_client(NULL, NULL, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_give_client(conversation, NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_give_client(conversation, CLIENT, strlen(CLIENT)),
                   INVSRC_OK);
  assert_int_equal(invsrc_conversation_outcome(conversation, NULL), OK);
  assert_null(invsrc_conversation_result(conversation, INVSRC_RESULT_CLIENT, NULL));
  invsrc_conversation_free(conversation);
}

/* ---- Registration -------------------------------------------------------------------------- */

#define KEPT(method, expires)              \
  "{\"client_secret_expires_at\":" expires \
  ",\"client_id\":\"c 1\",\"client_secret\":\"s\",\"token_endpoint_auth_method\":\"" method "\"}"

static void clients_are_registered_and_kept(void **state) {
  static const struct {
    int32_t status;
    const char *answer;
    const char *kept;
  } rows[] = {
      {201, "{\"client_id\":\"c 1\"}", CLIENT},
      {200, "{\"client_id\":\"c 1\",\"token_endpoint_auth_method\":\"none\",\"x\":[]}", CLIENT},
      {201, "{\"client_id\":\"c 1\",\"client_secret\":null}", CLIENT},
      {201, SECRET("none", "0"), CLIENT},
      {201, SECRET("client_secret_basic", "0"), KEPT("client_secret_basic", "0")},
      {201, SECRET("client_secret_post", "1900000000.5"), KEPT("client_secret_post", "1900000000")},
      {201, SECRET("client_secret_post", "-1"), KEPT("client_secret_post", "0")},
      {201, SECRET("client_secret_post", "1e300"), KEPT("client_secret_post", "253402300799")},
      {201, "{\"client_id\":\"c 1\",\"client_secret\":\"s\"}", KEPT("client_secret_basic", "0")},
      {201, "{\"client_id\":\"c 1\",\"client_secret\":\"s\",\"client_secret_expires_at\":\"x\"}",
       KEPT("client_secret_basic", "0")},
  };
  static const struct script_line lines[] = {TO_SERVER, SERVER_IS(THE_SERVER(REGISTERS)), NONE};

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line more[] = {LINE(REGISTER, rows[i].status, JSON(rows[i].answer)), NONE};
    const struct script_start script = {.lines = lines, .issuer = AS, .more = more};
    struct script_start again = {.lines = lines, .issuer = AS};
    invsrc_conversation *conversation;

    assert_int_equal(script_start_begin(&script, &conversation), INVSRC_OK);
    assert_int_equal(script_start_play(conversation, &script), INVSRC_OK);
    assert_int_equal(invsrc_conversation_outcome(conversation, NULL), OK);
    again.client = invsrc_conversation_result(conversation, INVSRC_RESULT_CLIENT, NULL);
    assert_non_null(again.client);
    assert_string_equal(again.client, rows[i].kept);
    check(&again, OK, "", THE_URL);
    invsrc_conversation_free(conversation);
  }
}

#define NOT_A_CLIENT " answered, but not a client: check its metadata"

static void registrations_may_be_refused(void **state) {
  static const struct {
    struct script_line line;
    const char *reason;
  } rows[] = {
      {LINE(REGISTER, 400, JSON("{\"error\":\"invalid_redirect_uri\"}")),
       " does not take the redirect URI"},
      {LINE(REGISTER, 400, JSON("{\"error\":\"invalid_client_metadata\"}")),
       " refused to register a client"},
      {LINE(REGISTER, 400, NO_BODY), " refused to register a client"},
      {LINE(REGISTER, 401, NO_BODY), " registers no client of itself: register one for the host"},
      {LINE(REGISTER, 403, HTML), " registers no client of itself: register one for the host"},
      {LINE(REGISTER, 404, NO_BODY), " answered 404: check its metadata"},
      {LINE(REGISTER, 307, NO_BODY), " answered 307: check its metadata"},
      {LINE(REGISTER, 409, NO_BODY), " answered 409"},
      {LINE(REGISTER, 202, JSON("{\"client_id\":\"c\"}")), NOT_A_CLIENT},
      {LINE(REGISTER, 201, HTML), " answered HTML, not a client: check its metadata"},
      {LINE(REGISTER, 201, JSON("{}")), NOT_A_CLIENT},
      {LINE(REGISTER, 201, JSON("[\"client_id\"]")), NOT_A_CLIENT},
      {LINE(REGISTER, 201, JSON("{\"client_id\":\"\"}")), NOT_A_CLIENT},
      {LINE(REGISTER, 201, JSON("{\"client_id\":\"a\\u0000b\"}")), NOT_A_CLIENT},
      {LINE(REGISTER, 201,
            JSON("{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"client_secret_post\"}")),
       NOT_A_CLIENT},
      {LINE(REGISTER, 201, JSON("{\"client_id\":\"c\",\"client_secret\":7}")), NOT_A_CLIENT},
      {LINE(REGISTER, 201, JSON(SECRET("tls_client_auth", "0"))),
       " registered a client that must authenticate in a way not known here"},
  };
  static const struct script_line lines[] = {TO_SERVER, SERVER_IS(THE_SERVER(REGISTERS)), NONE};

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line more[] = {rows[i].line, NONE};
    const struct script_start script = {.lines = lines, .issuer = AS, .more = more};
    char reason[256];

    snprintf(reason, sizeof reason, "the authorization server%s", rows[i].reason);
    check(&script, NO_OAUTH, reason, NULL);
  }
}

static void the_server_says_how_clients_authenticate(void **state) {
#define METHODS(list) THE_SERVER(REGISTERS ",\"token_endpoint_auth_methods_supported\":" list)
  static const struct {
    const char *server;
    const char *method; /* NULL: none of ours */
  } rows[] = {
      {METHODS("[\"client_secret_post\",\"none\"]"), "\"none\""},
      {METHODS("[\"client_secret_post\",7,\"client_secret_basic\"]"), "\"client_secret_basic\""},
      {METHODS("[\"private_key_jwt\",\"client_secret_post\"]"), "\"client_secret_post\""},
      {METHODS("\"client_secret_post\""), "\"none\""},
      {METHODS("[\"private_key_jwt\"]"), NULL},
      {METHODS("[]"), NULL},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line lines[] = {TO_SERVER, SERVER_IS(rows[i].server), NONE};
    const struct script_line more[] = {
        {REGISTER, {rows[i].method, NULL, NULL}, NULL, 201, JSON("{\"client_id\":\"c 1\"}")}, NONE};
    const struct script_start script = {
        .lines = lines, .issuer = AS, .more = rows[i].method ? more : NULL};

    if (rows[i].method)
      check(&script, OK, "", THE_URL);
    else
      check(&script, NO_OAUTH,
            "the authorization server wants clients to authenticate in ways that are not known "
            "here",
            NULL);
  }
}

/* ---- The URL and the private state --------------------------------------------------------- */

static void endpoints_keep_their_query(void **state) {
#define AT(endpoint)                                \
  "{\"issuer\":\"" AS "\",\"token_endpoint\":\"" AS \
  "/token\",\"authorization_endpoint\":\"" endpoint "\"" ABILITIES "}"
#define ADDRESS "https://[2001:db8::1]:8443/a"
  static const struct {
    const char *server;
    const char *url;
  } rows[] = {
      {AT(AS "/auth?"), URL_FOR(AS "/auth?", "c%201") OF_MCP},
      {AT(AS "/auth?a=b%20c"), URL_FOR(AS "/auth?a=b%20c&", "c%201") OF_MCP},
      {AT(AS "/auth?a&"), URL_FOR(AS "/auth?a&", "c%201") OF_MCP},
      {AT(AS), URL_FOR(AS "?", "c%201") OF_MCP},
      {AT(ADDRESS), URL_FOR(ADDRESS "?", "c%201") OF_MCP},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line lines[] = {TO_SERVER, SERVER_IS(rows[i].server), NONE};
    check_url(lines, AS, rows[i].url);
  }
}

static void urls_are_not_too_long(void **state) {
  static char server[10000], url[10000];

  (void)state;
  for (size_t extra = 0; extra <= 1; extra++) {
    size_t room = 8192 - strlen(URL_FOR(AS "/?", "c%201") OF_MCP) + extra;
    const struct script_line lines[] = {TO_SERVER, SERVER_IS(server), NONE};
    const struct script_start script = {.lines = lines, .issuer = AS, .client = CLIENT};
    char *path = malloc(room + 1);

    assert_non_null(path);
    memset(path, 'x', room);
    path[room] = '\0';
    snprintf(server, sizeof server,
             "{\"issuer\":\"" AS "\",\"token_endpoint\":\"" AS "/token\"" ABILITIES
             ",\"authorization_endpoint\":\"" AS "/%s\"}",
             path);
    snprintf(url, sizeof url, "%s%s%s", AS "/", path, URL_FOR("?", "c%201") OF_MCP);
    assert_int_equal(strlen(url), 8192 + extra);
    if (extra)
      check(&script, NO_OAUTH, "the authorization server makes the authorization URL too long",
            NULL);
    else
      check(&script, OK, "", url);
    free(path);
  }
}

#define SCOPED(scopes)                                                \
  "{\"resource\":\"" SCRIPT_URL "\",\"authorization_servers\":[\"" AS \
  "\"],"                                                              \
  "\"scopes_supported\":" scopes "}"
#define OFFLINE ",\"scopes_supported\":[\"x\",\"offline_access\"]"

static void scopes_are_the_challenges_or_the_resources(void **state) {
  static const struct {
    const char *challenge;
    const char *resource;
    const char *server;
    const char *scope; /* of the URL, escaped; "": none */
    int prompts;
  } rows[] = {
      {"Bearer", THE_RESOURCE, THE_SERVER(""), "", 0},
      {"Bearer scope=\"a b:/c\"", SCOPED("[\"d\"]"), THE_SERVER(""), "a%20b%3A%2Fc", 0},
      {"Bearer", SCOPED("[\"d\",7,\"e f\",\"\",\"g\\u0000\",\"h\"]"), THE_SERVER(""), "d%20h", 0},
      {"Bearer", SCOPED("[]"), THE_SERVER(""), "", 0},
      {"Bearer", SCOPED("\"d\""), THE_SERVER(""), "", 0},
      {"Bearer", SCOPED("{\"d\":\"e\"}"), THE_SERVER(""), "", 0},
      {"Bearer", THE_RESOURCE, THE_SERVER(OFFLINE), "offline_access", 1},
      {"Bearer scope=\"a\"", THE_RESOURCE, THE_SERVER(OFFLINE), "a%20offline_access", 1},
      {"Bearer scope=\"offline_access a\"", THE_RESOURCE, THE_SERVER(OFFLINE), "offline_access%20a",
       1},
      {"Bearer scope=\"offline_access\"", THE_RESOURCE, THE_SERVER(""), "offline_access", 1},
      {"Bearer scope=\"offline_accessx\"", THE_RESOURCE, THE_SERVER(""), "offline_accessx", 0},
      {"Bearer scope=\"offline_accessx\"", THE_RESOURCE, THE_SERVER(OFFLINE),
       "offline_accessx%20offline_access", 1},
      {"Bearer scope=\"a\"", THE_RESOURCE, THE_SERVER(",\"scopes_supported\":[7,\"openid\"]"), "a",
       0},
      {"Bearer scope=\"a\"", THE_RESOURCE, THE_SERVER(",\"scopes_supported\":\"offline_access\""),
       "a", 0},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    char field[128], url[1024];
    const struct script_line lines[] = {LINE(POST, 401, {field, NULL}, NULL, NULL, 0),
                                        RESOURCE_IS(rows[i].resource), SERVER_IS(rows[i].server),
                                        NONE};

    snprintf(field, sizeof field, "WWW-Authenticate: %s", rows[i].challenge);
    snprintf(url, sizeof url, "%s%s%s%s%s", URL_FOR(AS "/auth?", "c%201"),
             *rows[i].scope ? "&scope=" : "", rows[i].scope, OF_MCP,
             rows[i].prompts ? "&prompt=consent" : "");
    check_url(lines, AS, url);
  }
}

static void resources_are_sent_as_they_were_written(void **state) {
  static const struct {
    const char *resource;
    const char *audience;
    const char *sent;
  } rows[] = {
      {RESOURCE_CALLED("HTTPS://AGENT.example:443/%6dcp", AS), NULL,
       "&resource=HTTPS%3A%2F%2FAGENT.example%3A443%2F%256dcp"},
      {RESOURCE_CALLED("https://agent.example", AS), NULL, "&resource=https%3A%2F%2Fagent.example"},
      {THE_RESOURCE, "urn:x?y&z", "&resource=urn%3Ax%3Fy%26z&audience=urn%3Ax%3Fy%26z"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line lines[] = {UNCHALLENGED, RESOURCE_IS(rows[i].resource),
                                        SERVER_IS(THE_SERVER("")), NONE};
    const struct script_start script = {
        .audience = rows[i].audience, .lines = lines, .issuer = AS, .client = CLIENT};
    char url[1024];

    snprintf(url, sizeof url, "%s%s", URL_FOR(AS "/auth?", "c%201"), rows[i].sent);
    check(&script, OK, "", url);
  }
}

#define STATE(begin, served, client, resource)                                  \
  "{" begin "\"issuer\":\"" AS "\",\"token_endpoint\":\"" AS "/token\"," served \
  "\"client_id\":\"c 1\"," client ",\"redirect_uri\":\"" SCRIPT_REDIRECT        \
  "\",\"code_verifier\":\"" VERIFIER "\",\"resource\":\"" resource "\"}"

static void the_private_state_is_what_the_finish_needs(void **state) {
  static const struct {
    const char *server;
    const char *audience;
    const char *client;
    const char *state;
  } rows[] = {
      {THE_SERVER(""), NULL, CLIENT,
       STATE("\"iss_required\":false,", "", "\"token_endpoint_auth_method\":\"none\"", SCRIPT_URL)},
      {THE_SERVER(",\"authorization_response_iss_parameter_supported\":true"
                  ",\"revocation_endpoint\":\"" AS "/revoke\"" OFFLINE),
       "urn:x", SECRET("client_secret_post", "0"),
       STATE("\"iss_required\":true,\"scope\":\"offline_access\",",
             "\"revocation_endpoint\":\"" AS "/revoke\",",
             "\"client_secret\":\"s\",\"token_endpoint_auth_method\":\"client_secret_post\"",
             "urn:x")},
      {THE_SERVER(",\"authorization_response_iss_parameter_supported\":\"true\""), NULL, CLIENT,
       STATE("\"iss_required\":false,", "", "\"token_endpoint_auth_method\":\"none\"", SCRIPT_URL)},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line lines[] = {TO_SERVER, SERVER_IS(rows[i].server), NONE};
    const struct script_start script = {
        .audience = rows[i].audience, .lines = lines, .issuer = AS, .client = rows[i].client};
    const invsrc_oauth_setup setup = {.size = sizeof setup, .now = INT64_C(1800000000000)};
    const invsrc_redirect redirect = {.size = sizeof redirect,
                                      .code = "x",
                                      .code_length = 1,
                                      .issuer = AS,
                                      .issuer_length = strlen(AS)};
    invsrc_conversation *conversation, *next;
    const char *text;
    uint64_t length;

    assert_int_equal(script_start_begin(&script, &conversation), INVSRC_OK);
    assert_int_equal(script_start_play(conversation, &script), INVSRC_OK);
    text = invsrc_conversation_result(conversation, INVSRC_RESULT_PRIVATE_STATE, &length);
    assert_string_equal(text, rows[i].state);
    assert_int_equal(invsrc_conversation_new_oauth_finish(text, length, &redirect, &setup, &next),
                     INVSRC_OK);
    invsrc_conversation_free(next);
    assert_null(invsrc_conversation_result(conversation, 0, NULL));
    assert_null(invsrc_conversation_result(conversation, 99, NULL));
    invsrc_conversation_free(conversation);
  }
}

/* ---- The calls ------------------------------------------------------------------------------ */

static void arguments_are_judged(void **state) {
  static const uint8_t random[INVSRC_CONVERSATION_RANDOM];
  static const invsrc_oauth_setup good = {.size = sizeof good,
                                          .random = random,
                                          .redirect_uri = SCRIPT_REDIRECT,
                                          .state = "s",
                                          .client_name = "caf\xc3\xa9"};
  invsrc_oauth_setup bad[12];
  invsrc_source *source = invsrc_source_new();
  invsrc_conversation *conversation = (invsrc_conversation *)&bad;

  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++) bad[i] = good;
  bad[0].size = 8;
  bad[1].random = NULL;
  bad[2].redirect_uri = NULL;
  bad[3].redirect_uri = "callback";
  bad[4].state = NULL;
  bad[5].state = "";
  bad[6].state = "a b";
  bad[7].client_name = "a\nb";
  bad[8].client_name = "\xff";
  bad[9].client_metadata_url = "host.example";
  bad[10].now = -1;
  bad[11].allow_http = 2;
  assert_int_equal(invsrc_conversation_new_oauth_start(source, &good, &conversation),
                   INVSRC_EINVAL);
  assert_null(conversation);
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, "agent", 5);
  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, "MCP", 3);
  assert_int_equal(invsrc_conversation_new_oauth_start(source, &good, &conversation),
                   INVSRC_EINVAL);
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, SCRIPT_URL, strlen(SCRIPT_URL));
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_int_equal(invsrc_conversation_new_oauth_start(source, &bad[i], &conversation),
                     INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_new_oauth_start(NULL, &good, &conversation), INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_new_oauth_start(source, NULL, &conversation), INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_new_oauth_start(source, &good, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_new_oauth_start(source, &good, &conversation), INVSRC_OK);
  invsrc_conversation_free(conversation);
  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, "HTTP", 4);
  assert_int_equal(invsrc_conversation_new_oauth_start(source, &good, &conversation),
                   INVSRC_EINVAL);
  assert_null(invsrc_conversation_result(NULL, INVSRC_RESULT_CLIENT, NULL));
  invsrc_source_free(source);
}

/* A client is given to nobody else. */
static void probes_want_no_client(void **state) {
  invsrc_probe_setup setup = {.tool = NULL};
  invsrc_conversation *conversation;

  (void)state;
  assert_int_equal(script_begin("MCP", SCRIPT_URL, NULL, &setup, &conversation), INVSRC_OK);
  assert_int_equal(invsrc_conversation_give_client(conversation, NULL, 0), INVSRC_ESTATE);
  assert_null(invsrc_conversation_result(conversation, INVSRC_RESULT_ISSUER, NULL));
  invsrc_conversation_free(conversation);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_are_what_they_should_be),
      cmocka_unit_test(the_agents_fields_suffice),
      cmocka_unit_test(any_answer_of_the_agent_goes_on),
      cmocka_unit_test(metadata_is_where_the_challenge_says),
      cmocka_unit_test(what_is_no_metadata_is_looked_for_on),
      cmocka_unit_test(metadata_that_was_named_must_be_there),
      cmocka_unit_test(metadata_is_asked_for_over_https),
      cmocka_unit_test(each_may_be_in_trouble),
      cmocka_unit_test(answers_may_be_too_large),
      cmocka_unit_test(servers_are_looked_for_in_order),
      cmocka_unit_test(an_issuer_is_what_it_is_called),
      cmocka_unit_test(the_agents_origin_is_canonical),
      cmocka_unit_test(http_is_for_those_who_allow_it),
      cmocka_unit_test(http_goes_to_no_other_origin),
      cmocka_unit_test(clients_are_chosen_in_order),
      cmocka_unit_test(what_is_no_client_is_not_taken),
      cmocka_unit_test(clients_are_registered_and_kept),
      cmocka_unit_test(registrations_may_be_refused),
      cmocka_unit_test(the_server_says_how_clients_authenticate),
      cmocka_unit_test(endpoints_keep_their_query),
      cmocka_unit_test(urls_are_not_too_long),
      cmocka_unit_test(scopes_are_the_challenges_or_the_resources),
      cmocka_unit_test(resources_are_sent_as_they_were_written),
      cmocka_unit_test(the_private_state_is_what_the_finish_needs),
      cmocka_unit_test(arguments_are_judged),
      cmocka_unit_test(probes_want_no_client),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
