/*
 * Memory that runs out in conversations: every allocation of whole ones fails in turn,
 * once and from then on. The outcome is as without the failure, or UNAVAILABLE, or there
 * is no conversation; nothing leaks. And memory that hostile agents would have us keep.
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

#include "fault/heap.h"

#define SCRIPT_BEFORE() heap_open()
#define SCRIPT_AFTER() heap_close()
#include "script_start.h"

/* No conversation asks for so many blocks. */
#define LONGEST 20000

#define POST "POST " SCRIPT_URL
#define RESULT(members) "{\"jsonrpc\":\"2.0\",\"id\":$,\"result\":{" members "}}"
#define DISCOVERED RESULT("\"supportedVersions\":[\"2026-07-28\"]")
#define TOOLS RESULT("\"tools\":[{\"name\":\"a\"}]")
#define NO_BODY {NULL, NULL}, NULL, NULL, 0
#define JSON(body) {SCRIPT_JSON, NULL}, body, NULL, 0
#define SSE(body) {SCRIPT_SSE, NULL}, "event: message\nid: 1\ndata: " body "\n\n", NULL, 0
#define LINE(request, ...) \
  { request, {NULL, NULL, NULL}, NULL, __VA_ARGS__ }
#define NONE LINE(NULL, 0, NO_BODY)

static char jwt_auth[SCRIPT_JWT_SIZE];

static const struct script_line sessions[] = {
    LINE(
        POST, 400,
        JSON(
            "{\"id\":null,\"error\":{\"code\":-32022,\"data\":{\"supported\":[\"2025-11-25\"]}}}")),
    LINE(POST, 200, {SCRIPT_JSON, "MCP-Session-Id: s"},
         RESULT("\"protocolVersion\":\"2025-11-25\""), NULL, 0),
    LINE(POST, 202, NO_BODY),
    LINE(POST, 200, SSE(RESULT("\"tools\":[],\"nextCursor\":\"c\""))),
    LINE(POST, 200, SSE(TOOLS)),
    LINE(POST, 200, JSON(RESULT(""))),
    LINE("DELETE " SCRIPT_URL, 200, NO_BODY),
    LINE(POST, 401, NO_BODY),
    NONE,
};

/* Ends with a stream that names an endpoint, and then no more. */
static const struct script_line old[] = {
    LINE(POST, 405, NO_BODY),
    LINE(POST, 405, NO_BODY),
    LINE("GET " SCRIPT_URL, 200, {SCRIPT_SSE, NULL}, "event: endpoint\ndata: /messages\n\n", NULL,
         0),
    NONE,
};

static const struct script_line exchange[] = {
    LINE(POST, 401, NO_BODY),
    LINE("POST https://auth.example/", 200, JSON("{\"access_token\":\"t\",\"expires_in\":9}")),
    LINE(POST, 200, JSON(DISCOVERED)),
    LINE(POST, 200, SSE(TOOLS)),
    LINE(POST, 403, NO_BODY),
    NONE,
};

static const struct script_line a2a[] = {
    LINE("GET https://agent.example/.well-known/agent-card.json", 401, NO_BODY),
    LINE("GET https://agent.example/.well-known/agent-card.json", 200,
         JSON("{\"supportedInterfaces\":[{\"protocolBinding\":\"JSONRPC\",\"url\":\"" SCRIPT_URL
              "\",\"protocolVersion\":\"1.0\",\"tenant\":\"t\"}]}")),
    LINE(POST, 200, JSON("{\"id\":$,\"error\":{\"code\":-32001,\"message\":\"x\"}}")),
    LINE(POST, 401, NO_BODY),
    NONE,
};

/* What follows a consent. */
#define TOKEN_URL "https://auth.example/t"
#define REVOKE_URL "https://auth.example/r"
#define OAUTH(more)                                                                \
  "{\"issuer\":\"https://auth.example\",\"token_endpoint\":\"" TOKEN_URL           \
  "\",\"revocation_endpoint\":\"" REVOKE_URL                                       \
  "\",\"client_id\":\"c\",\"client_secret\":\"s\",\"token_endpoint_auth_method\":" \
  "\"client_secret_basic\",\"resource\":\"https://agent.example/\"," more "}"
#define CREDENTIAL \
  OAUTH("\"type\":\"oauth\",\"access_token\":\"a\",\"refresh_token\":\"r\",\"scope\":\"s\"")

static const struct script_line tokens[] = {
    LINE("POST " TOKEN_URL, 200,
         JSON("{\"access_token\":\"x\",\"refresh_token\":\"y\",\"scope\":\"z\"}")),
    NONE,
};

static const struct script_line revoked[] = {
    LINE("POST " REVOKE_URL, 200, NO_BODY),
    LINE("POST " REVOKE_URL, 400, JSON("{\"error\":\"unsupported_token_type\"}")),
    NONE,
};

static int32_t begin_finish(const invsrc_oauth_setup *setup, invsrc_conversation **conversation) {
  static const char state[] = OAUTH(
      "\"iss_required\":true,\"redirect_uri\":\"https://host.example/\","
      "\"code_verifier\":\"v\"");
  const invsrc_redirect redirect = {.size = sizeof redirect,
                                    .code = "code",
                                    .code_length = 4,
                                    .issuer = "https://auth.example",
                                    .issuer_length = 20};

  return invsrc_conversation_new_oauth_finish(state, sizeof state - 1, &redirect, setup,
                                              conversation);
}

static int32_t begin_refresh(const invsrc_oauth_setup *setup, invsrc_conversation **conversation) {
  return invsrc_conversation_new_oauth_refresh(CREDENTIAL, strlen(CREDENTIAL), setup, conversation);
}

static int32_t begin_revoke(const invsrc_oauth_setup *setup, invsrc_conversation **conversation) {
  return invsrc_conversation_new_oauth_revoke(CREDENTIAL, strlen(CREDENTIAL), setup, conversation);
}

/* What leads to one: with as much as is kept, and as little. */
#define AGENT "https://agent.example"
#define AS "https://as.example"
#define RESOURCE "/.well-known/oauth-protected-resource"
#define SERVER "/.well-known/oauth-authorization-server"
#define METADATA(issuer, more)                                                                  \
  "{\"issuer\":\"" issuer "\",\"authorization_endpoint\":\"" AS "/a\",\"token_endpoint\":\"" AS \
  "/t\",\"response_types_supported\":[\"code\"],\"code_challenge_methods_supported\":"          \
  "[\"S256\"]" more "}"

static const struct script_line challenged[] = {
    LINE(POST, 401,
         {"WWW-Authenticate: Basic x=y, Bearer scope=\"a b\", resource_metadata=\"" AGENT "/r\"",
          NULL},
         NULL, NULL, 0),
    LINE("GET " AGENT "/r", 200,
         JSON("{\"resource\":\"" AGENT "\",\"scopes_supported\":[\"c\",\"d\"],"
              "\"authorization_servers\":[\"" AS "/t\"]}")),
    LINE("GET " AS SERVER "/t", 404, NO_BODY),
    LINE("GET " AS "/.well-known/openid-configuration/t", 200,
         JSON(METADATA(AS "/t",
                       ",\"scopes_supported\":[\"offline_access\"],"
                       "\"revocation_endpoint\":\"" AS "/v\",\"registration_endpoint\":\"" AS
                       "/r\""))),
    NONE,
};

static const struct script_line registered[] = {
    LINE("POST " AS "/r", 201, JSON("{\"client_id\":\"c\",\"client_secret\":\"s\"}")),
    NONE,
};

static const struct script_line guessed[] = {
    LINE(POST, 200, NO_BODY),
    LINE("GET " AGENT RESOURCE "/mcp", 404, NO_BODY),
    LINE("GET " AGENT RESOURCE, 404, NO_BODY),
    LINE("GET " AGENT SERVER, 200, JSON(METADATA(AGENT, ""))),
    NONE,
};

static const struct script_start registering = {
    .lines = challenged, .issuer = AS "/t", .more = registered};
static const struct script_start kept = {
    .audience = "urn:x",
    .lines = guessed,
    .issuer = AGENT,
    .client = "{\"client_id\":\"c\",\"token_endpoint_auth_method\":\"none\"}"};

static const struct {
  const char *protocol; /* NULL: no probe, but what `begin` begins, or `start` is */
  const char *auth;     /* NULL: the JWT credential */
  const struct script_line *lines;
  int32_t outcome;
  int32_t (*begin)(const invsrc_oauth_setup *setup, invsrc_conversation **conversation);
  const struct script_start *start;
} rows[] = {
    {"MCP", "{\"type\":\"api_key\",\"token\":\"secret\"}", sessions, INVSRC_OUTCOME_PROVEN, NULL,
     NULL},
    {"MCP", "{\"type\":\"basic\",\"username\":\"u\",\"password\":\"p\"}", old,
     INVSRC_OUTCOME_UNREACHABLE, NULL, NULL},
    {"MCP", NULL, exchange, INVSRC_OUTCOME_PROVEN, NULL, NULL},
    {"A2A", "{\"type\":\"oauth\",\"access_token\":\"secret\"}", a2a, INVSRC_OUTCOME_PROVEN, NULL,
     NULL},
    {NULL, NULL, tokens, INVSRC_OUTCOME_OK, begin_finish, NULL},
    {NULL, NULL, tokens, INVSRC_OUTCOME_OK, begin_refresh, NULL},
    {NULL, NULL, revoked, INVSRC_OUTCOME_OK, begin_revoke, NULL},
    {NULL, NULL, challenged, INVSRC_OUTCOME_OK, NULL, &registering},
    {NULL, NULL, guessed, INVSRC_OUTCOME_OK, NULL, &kept},
};

static int make_auth(void **state) {
  (void)state;
  script_write_jwt("https://auth.example/", jwt_auth);
  return 0;
}

static int32_t begin(size_t row, invsrc_conversation **conversation) {
  const invsrc_oauth_setup oauth = {.size = sizeof oauth, .now = INT64_C(1800000000000)};
  const char *auth = rows[row].auth ? rows[row].auth : jwt_auth;
  invsrc_probe_setup setup = {.tool = "x", .api_key_header = "X-Key"};
  int32_t code;

  if (rows[row].start) return script_start_begin(rows[row].start, conversation);
  if (!rows[row].auth) setup.tool = NULL;
  if (!rows[row].auth) setup.access_token = "kept";
  if (rows[row].protocol)
    return script_begin(rows[row].protocol, SCRIPT_URL, auth, &setup, conversation);
  SCRIPT_BEFORE();
  code = rows[row].begin(&oauth, conversation);
  SCRIPT_AFTER();
  return code;
}

/* What one conversation comes to: an outcome, or the result in its place. */
static int32_t hold(size_t row, enum script_pace pace) {
  invsrc_conversation *conversation = NULL;
  const char *reason;
  int32_t outcome;
  int32_t code = begin(row, &conversation);

  if (code != INVSRC_OK) return code;
  code = rows[row].start ? script_start_play(conversation, rows[row].start)
                         : script_play(conversation, rows[row].lines, pace);
  outcome = invsrc_conversation_outcome(conversation, &reason);
  if (code == INVSRC_ENOMEM) assert_int_equal(outcome, INVSRC_OUTCOME_UNAVAILABLE);
  if (outcome == INVSRC_OUTCOME_UNAVAILABLE) assert_string_equal(reason, "memory ran out");
  if (rows[row].lines == tokens)
    assert_int_equal(
        invsrc_conversation_result(conversation, INVSRC_RESULT_CREDENTIAL, NULL) != NULL,
        outcome == INVSRC_OUTCOME_OK);
  if (rows[row].start)
    assert_int_equal(
        invsrc_conversation_result(conversation, INVSRC_RESULT_PRIVATE_STATE, NULL) != NULL,
        outcome == INVSRC_OUTCOME_OK);
  invsrc_conversation_free(conversation);
  return code == 1 ? 1 : outcome;
}

static void judge(size_t row, int32_t outcome) {
  if (outcome == rows[row].outcome) return;
  assert_true(heap.failures > 0);
  if (outcome != INVSRC_ENOMEM) assert_int_equal(outcome, INVSRC_OUTCOME_UNAVAILABLE);
}

static void fail_each(size_t row, enum script_pace pace, enum heap_mode mode) {
  for (unsigned long at = 1; at < LONGEST; at++) {
    long before, left;
    int32_t outcome;

    heap_plan(at, mode);
    before = heap.live;
    outcome = hold(row, pace);
    left = heap.live - before;
    judge(row, outcome);
    /* What a library has put into a cache of its own is there once. */
    for (int i = 0; left > 0 && i < 10; i++) {
      heap_plan(at, mode);
      before = heap.live;
      (void)hold(row, pace);
      left = heap.live - before;
    }
    assert_true(left <= 0);
    if (!heap.failures) return;
  }
  fail_msg("a conversation without end");
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
    for (int pace = SCRIPT_WHOLE; pace <= SCRIPT_DRIP; pace++) {
      heap_plan(0, HEAP_ONCE);
      assert_int_equal(hold(row, (enum script_pace)pace), rows[row].outcome);
      if (!HEAP_FAILS) continue;
      fail_each(row, (enum script_pace)pace, HEAP_ONCE);
      fail_each(row, (enum script_pace)pace, HEAP_FROM_THEN_ON);
    }
}

/* ---- Memory that is not kept ------------------------------------------------------ */

#define LARGEST 262144
#define PEAK (12L << 20)  /* while the largest answer is read */
#define KEPT (256L << 10) /* after that */

/* An answer that is as large as it may be, and has as many nodes. */
static void fill(invsrc_http_reply *reply, const char *begin, const char *end) {
  size_t length = strlen(begin);

  invsrc_http_reply_set_status(reply, 200);
  invsrc_http_reply_append_body(reply, begin, length);
  for (; length + strlen(end) + 2 < LARGEST; length += 2)
    invsrc_http_reply_append_body(reply, "1,", 2);
  invsrc_http_reply_append_body(reply, "1", 1);
  invsrc_http_reply_append_body(reply, end, strlen(end));
}

static void assert_kept(long before) {
  if (!HEAP_FAILS) return;
  assert_true(heap.bytes - before <= KEPT);
  assert_true(heap.most_bytes - before > LARGEST);
  assert_true(heap.most_bytes - before <= PEAK);
}

/* The last answer before a session is closed is kept no longer than it takes to judge it. */
static void a_large_answer_is_dropped_when_it_was_judged(void **state) {
  static const struct script_line lines[] = {
      LINE(POST, 404, NO_BODY),
      LINE(POST, 200, {SCRIPT_JSON, "MCP-Session-Id: s"},
           RESULT("\"protocolVersion\":\"2025-11-25\""), NULL, 0),
      LINE(POST, 202, NO_BODY),
      NONE,
  };
  static const char *const fields[] = {"application/json", "text/event-stream"};

  (void)state;
  heap_plan(0, HEAP_ONCE);
  for (int is_stream = 0; is_stream <= 1; is_stream++) {
    invsrc_probe_setup setup = {.tool = NULL};
    invsrc_http_reply *reply = invsrc_http_reply_new();
    const invsrc_http_request *request;
    invsrc_conversation *conversation;
    int32_t number;
    long before;

    assert_int_equal(script_begin("MCP", SCRIPT_URL, rows[0].auth, &setup, &conversation), 0);
    for (size_t i = 0; lines[i].request; i++) {
      number = invsrc_conversation_next(conversation, &request);
      script_answer(conversation, number, &lines[i], request, SCRIPT_WHOLE);
    }
    number = invsrc_conversation_next(conversation, &request);
    fill(
        reply,
        is_stream ? "data: {\"id\":3,\"result\":{\"tools\":[" : "{\"id\":3,\"result\":{\"tools\":[",
        is_stream ? "]}}\n\n" : "]}}");
    invsrc_http_reply_add_header(reply, "Content-Type", 12, fields[is_stream],
                                 strlen(fields[is_stream]));
    before = heap.most_bytes = heap.bytes;
    if (is_stream) assert_int_equal(invsrc_conversation_look(conversation, number, reply), 1);
    assert_int_equal(invsrc_conversation_answer(conversation, number, INVSRC_OUTCOME_OK, reply),
                     INVSRC_OK);
    assert_true(invsrc_conversation_next(conversation, &request) > 0);
    assert_string_equal(request->method, "DELETE");
    assert_kept(before);
    invsrc_http_reply_free(reply);
    invsrc_conversation_free(conversation);
  }
}

/* Over the old transport the next request is made while the stream is still open. */
static void a_large_event_is_dropped_when_it_was_judged(void **state) {
  static const char endpoint[] = "event: endpoint\ndata: /messages\n\n";
  invsrc_probe_setup setup = {.tool = NULL};
  invsrc_http_reply *events = invsrc_http_reply_new();
  const invsrc_http_request *request;
  invsrc_conversation *conversation;
  int32_t stream, number;
  long before;

  (void)state;
  heap_plan(0, HEAP_ONCE);
  assert_int_equal(script_begin("MCP", SCRIPT_URL, rows[0].auth, &setup, &conversation), INVSRC_OK);
  for (size_t i = 0; i < 2; i++) {
    number = invsrc_conversation_next(conversation, &request);
    script_answer(conversation, number, &old[i], request, SCRIPT_WHOLE);
  }
  stream = invsrc_conversation_next(conversation, &request);
  invsrc_http_reply_add_header(events, "Content-Type", 12, "text/event-stream", 17);
  invsrc_http_reply_set_status(events, 200);
  invsrc_http_reply_append_body(events, endpoint, sizeof endpoint - 1);
  assert_int_equal(invsrc_conversation_look(conversation, stream, events), 0);
  number = invsrc_conversation_next(conversation, &request);
  invsrc_http_reply_free(events);
  events = invsrc_http_reply_new();
  invsrc_http_reply_add_header(events, "Content-Type", 12, "text/event-stream", 17);
  fill(events,
       "event: endpoint\ndata: /messages\n\ndata: {\"id\":3,\"result\":"
       "{\"protocolVersion\":\"2024-11-05\",\"x\":[",
       "]}}\n\n");
  before = heap.most_bytes = heap.bytes;
  assert_int_equal(invsrc_conversation_look(conversation, stream, events), 0);
  assert_kept(before + LARGEST); /* the event is */
  assert_int_equal(script_answer(conversation, number, &sessions[2], request, SCRIPT_WHOLE), 0);
  assert_true(invsrc_conversation_next(conversation, &request) > 0);
  assert_non_null(strstr(request->body, "notifications/initialized"));
  invsrc_http_reply_free(events);
  invsrc_conversation_free(conversation);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_may_fail),
      cmocka_unit_test(a_large_answer_is_dropped_when_it_was_judged),
      cmocka_unit_test(a_large_event_is_dropped_when_it_was_judged),
  };

  return cmocka_run_group_tests(tests, make_auth, NULL);
}
