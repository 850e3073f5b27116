/*
 * Conversations with MCP agents, from memory: every version, every way to answer, and
 * every way not to.
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

#include "script.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define BEARER "{\"type\":\"bearer\",\"token\":\"secret\"}"
#define AUTH "Authorization: Bearer secret"

#define POST "POST " SCRIPT_URL
#define RESULT(members) "{\"jsonrpc\":\"2.0\",\"id\":$,\"result\":{" members "}}"
#define ERROR(code, message) \
  "{\"jsonrpc\":\"2.0\",\"id\":$,\"error\":{\"code\":" code ",\"message\":\"" message "\"}}"
#define EVENT(message) "event: message\ndata: " message "\n\n"

#define DISCOVERED RESULT("\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{}")
#define TOOLS RESULT("\"tools\":[]")
#define INITIALIZED(version) RESULT("\"protocolVersion\":\"" version "\",\"capabilities\":{}")

/* Lines of a script. The agent of old answers the first request with 400. */
#define DISCOVER(...) \
  { POST, {"\"method\":\"server/discover\"", AUTH, NULL}, NULL, __VA_ARGS__ }
#define INITIALIZE(...) \
  { POST, {"\"method\":\"initialize\"", AUTH, NULL}, "MCP-Session-Id", __VA_ARGS__ }
#define NOTIFY(...) \
  { POST, {"\"method\":\"notifications/initialized\"", AUTH, NULL}, "\"id\"", __VA_ARGS__ }
#define LIST(...) \
  { POST, {"\"method\":\"tools/list\"", AUTH, NULL}, NULL, __VA_ARGS__ }
#define BARE(method, ...) \
  { POST, {"\"method\":\"" method "\"", NULL, NULL}, "Authorization", __VA_ARGS__ }
#define NONE \
  { NULL, {NULL, NULL, NULL}, NULL, 0, {NULL, NULL}, NULL, NULL, 0 }
#define NO_BODY {NULL, NULL}, NULL, NULL, 0
#define JSON(body) {SCRIPT_JSON, NULL}, body, NULL, 0
#define SSE(body) {SCRIPT_SSE, NULL}, body, NULL, 0
#define HTML {SCRIPT_HTML, NULL}, "<!DOCTYPE html><html></html>", NULL, 0

static void check(const struct script_line *lines, const char *auth, const char *tool,
                  int32_t outcome, const char *reason) {
  for (int pace = SCRIPT_WHOLE; pace <= SCRIPT_DRIP; pace++) {
    invsrc_probe_setup setup = {.tool = tool};
    invsrc_conversation *conversation;
    const char *said;

    assert_int_equal(script_begin("MCP", SCRIPT_URL, auth, &setup, &conversation), INVSRC_OK);
    assert_int_equal(script_play(conversation, lines, (enum script_pace)pace), INVSRC_OK);
    assert_int_equal(invsrc_conversation_outcome(conversation, &said), outcome);
    assert_string_equal(said, reason);
    invsrc_conversation_free(conversation);
  }
}

#define CHECK(lines, outcome, reason) check(lines, BEARER, NULL, outcome, reason)
#define PROVEN INVSRC_OUTCOME_PROVEN
#define OK INVSRC_OUTCOME_OK
#define REFUSED INVSRC_OUTCOME_REFUSED
#define UNREACHABLE INVSRC_OUTCOME_UNREACHABLE

/* ---- 2026-07-28 ---------------------------------------------------------------------- */

static void the_stateless_version_comes_first(void **state) {
  static const struct script_line lines[] = {
      {POST,
       {"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: server/discover",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\",\"params\":{\"_meta\":{"
        "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
        "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"libinvsrc\",\"version\":"
        "\"" INVSRC_VERSION "\"},\"io.modelcontextprotocol/clientCapabilities\":{}}}}"},
       "MCP-Session-Id",
       200,
       JSON(DISCOVERED)},
      {POST,
       {"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/list", AUTH},
       "cursor",
       200,
       SSE(EVENT(RESULT("\"tools\":[],\"nextCursor\":\"a\\\"b\"")))},
      {POST,
       {"\"cursor\":\"a\\\"b\",\"_meta\"", AUTH, "x-adcp-auth: secret"},
       NULL,
       200,
       JSON(TOOLS)},
      BARE("tools/list", 401, NO_BODY),
      NONE,
  };

  (void)state;
  CHECK(lines, PROVEN, "");
}

static void the_stateless_version_calls_a_tool(void **state) {
  static const struct script_line lines[] = {
      DISCOVER(200, SSE(EVENT(DISCOVERED))),
      LIST(200, JSON(TOOLS)),
      {POST,
       {"Mcp-Method: tools/call", "Mcp-Name: a_tool",
        "\"params\":{\"name\":\"a_tool\",\"arguments\":{},\"_meta\""},
       NULL,
       200,
       JSON(RESULT("\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"401\"}]"))},
      BARE("tools/call", 200, JSON(ERROR("-32001", "Unauthorized"))),
      NONE,
  };

  (void)state;
  check(lines, BEARER, "a_tool", PROVEN, "");
}

static void what_anybody_may_see_proves_nothing(void **state) {
  static const struct script_line bare[][5] = {
      {DISCOVER(200, JSON(DISCOVERED)), LIST(200, JSON(TOOLS)),
       BARE("tools/list", 200, JSON(TOOLS)), NONE},
      {DISCOVER(200, JSON(DISCOVERED)), LIST(200, JSON(TOOLS)), BARE("tools/list", 500, NO_BODY),
       NONE},
      {DISCOVER(200, JSON(DISCOVERED)), LIST(200, JSON(TOOLS)),
       BARE("tools/list", 0, {NULL, NULL}, NULL, "took too long", 0), NONE},
      {DISCOVER(200, JSON(DISCOVERED)), LIST(200, JSON(TOOLS)), BARE("tools/list", 200, HTML),
       NONE},
  };
  static const struct script_line none[] = {BARE("server/discover", 200, JSON(DISCOVERED)),
                                            BARE("tools/list", 200, JSON(TOOLS)), NONE};

  (void)state;
  for (size_t i = 0; i < COUNT(bare); i++) CHECK(bare[i], OK, "");
  check(none, NULL, NULL, OK, "");
}

/* ---- Sessions ------------------------------------------------------------------------ */

/* As a server that does not know the method of the stateless version may say so. */
static void sessions_follow_a_server_error(void **state) {
  static const int32_t statuses[] = {500, 501};

  (void)state;
  for (size_t i = 0; i < COUNT(statuses); i++) {
    const struct script_line lines[] = {
        DISCOVER(statuses[i], JSON(ERROR("-32603", "Missing handler: server/discover"))),
        INITIALIZE(200, JSON(INITIALIZED("2025-06-18"))),
        NOTIFY(202, NO_BODY),
        LIST(200, JSON(TOOLS)),
        BARE("initialize", 401, NO_BODY),
        NONE};
    CHECK(lines, PROVEN, "");
  }
}

static void sessions_follow(void **state) {
  static const struct script_line lines[] = {
      DISCOVER(400, JSON("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":"
                         "\"Bad Request: no session\"}}")),
      {POST,
       {"\"id\":2,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\","
        "\"capabilities\":{},\"clientInfo\":{\"name\":\"libinvsrc\",\"version\":"
        "\"" INVSRC_VERSION "\"}}}",
        "Accept: application/json, text/event-stream", "Content-Type: application/json"},
       "MCP-Protocol-Version",
       200,
       {SCRIPT_SSE "; charset=utf-8", "mcp-session-id: abc-1"},
       EVENT(INITIALIZED("2025-06-18")),
       NULL,
       0},
      {POST,
       {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\",\"params\":{}}",
        "MCP-Session-Id: abc-1", "MCP-Protocol-Version: 2025-06-18"},
       "\"id\"",
       202,
       NO_BODY},
      {POST,
       {"\"id\":3,\"method\":\"tools/list\",\"params\":{}", "MCP-Session-Id: abc-1",
        "MCP-Protocol-Version: 2025-06-18"},
       "_meta",
       200,
       SSE(EVENT(TOOLS))},
      {"DELETE " SCRIPT_URL,
       {"MCP-Session-Id: abc-1", AUTH, "MCP-Protocol-Version: 2025-06-18"},
       NULL,
       405,
       NO_BODY},
      BARE("initialize", 403, NO_BODY),
      NONE,
  };

  (void)state;
  CHECK(lines, PROVEN, "");
}

static void servers_without_sessions_have_nothing_to_close(void **state) {
  static const struct script_line lines[] = {
      DISCOVER(200, JSON(ERROR("-32601", "Method not found"))),
      INITIALIZE(200, JSON(INITIALIZED("2025-03-26"))),
      NOTIFY(200, NO_BODY),
      {POST,
       {"tools/list", "MCP-Protocol-Version: 2025-03-26", AUTH},
       "MCP-Session-Id",
       200,
       JSON(TOOLS)},
      BARE("initialize", 200, JSON(INITIALIZED("2025-03-26"))),
      BARE("notifications/initialized", 202, NO_BODY),
      BARE("tools/list", 401, NO_BODY),
      NONE,
  };

  (void)state;
  CHECK(lines, PROVEN, "");
}

static void a_tool_is_called_in_the_session(void **state) {
  static const struct script_line lines[] = {
      DISCOVER(404, NO_BODY),
      INITIALIZE(200, JSON(INITIALIZED("2024-11-05"))),
      NOTIFY(204, NO_BODY),
      LIST(200, JSON(ERROR("-32601", "No tools"))),
      {POST,
       {"\"method\":\"tools/call\"", AUTH, "\"name\":\"x\",\"arguments\":{}}}"},
       "_meta",
       200,
       JSON(ERROR("-32602", "Unknown tool"))},
      BARE("initialize", 200, JSON(INITIALIZED("2024-11-05"))),
      BARE("notifications/initialized", 202, NO_BODY),
      BARE("tools/call", 200, JSON(ERROR("-32602", "Unknown tool"))),
      NONE,
  };

  (void)state;
  check(lines, BEARER, "x", OK, "");
}

static void versions_are_negotiated(void **state) {
#define OFFER(versions)                                                                   \
  "{\"jsonrpc\":\"2.0\",\"id\":$,\"error\":{\"code\":-32022,\"message\":\"x\",\"data\":{" \
  "\"supported\":[" versions "],\"requested\":\"2026-07-28\"}}}"
  static const struct script_line good[][6] = {
      {DISCOVER(400, JSON(OFFER("\"2025-03-26\",\"2025-06-18\",7"))),
       {POST,
        {"\"method\":\"initialize\"", "\"protocolVersion\":\"2025-06-18\"", NULL},
        NULL,
        401,
        NO_BODY},
       NONE},
      {DISCOVER(200, JSON(RESULT("\"supportedVersions\":[\"2027-01-01\",\"2025-03-26\"]"))),
       {POST,
        {"\"method\":\"initialize\"", "\"protocolVersion\":\"2025-03-26\"", NULL},
        NULL,
        401,
        NO_BODY},
       NONE},
      {DISCOVER(405, NO_BODY),
       INITIALIZE(400, JSON(OFFER("\"2025-03-26\""))),
       {POST,
        {"\"method\":\"initialize\"", "\"protocolVersion\":\"2025-03-26\"", NULL},
        NULL,
        401,
        NO_BODY},
       NONE},
  };
  static const struct script_line bad[][6] = {
      {DISCOVER(400, JSON(OFFER("\"2027-01-01\""))), NONE},
      {DISCOVER(400, JSON(OFFER(""))), NONE},
      {DISCOVER(200, JSON(RESULT("\"supportedVersions\":[]"))), NONE},
      {DISCOVER(400, NO_BODY), INITIALIZE(200, JSON(INITIALIZED("2026-07-28"))), NONE},
      {DISCOVER(400, NO_BODY), INITIALIZE(200, JSON(INITIALIZED("2025-06-18x"))), NONE},
      {DISCOVER(400, NO_BODY), INITIALIZE(200, JSON(RESULT(""))), NONE},
      /* Twice is enough. */
      {DISCOVER(400, JSON(OFFER("\"2025-03-26\""))), INITIALIZE(400, JSON(OFFER("\"2025-03-26\""))),
       NONE},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(good); i++)
    CHECK(good[i], REFUSED, "the agent answered 401: check auth.token");
  for (size_t i = 0; i < COUNT(bad); i++)
    CHECK(bad[i], UNREACHABLE, "speaks no version of MCP that is known here");
}

static void pages_end(void **state) {
  struct script_line lines[25] = {DISCOVER(200, JSON(DISCOVERED))};
  static const struct script_line page = {POST,
                                          {"\"method\":\"tools/list\"", AUTH, NULL},
                                          NULL,
                                          200,
                                          JSON(RESULT("\"tools\":[],\"nextCursor\":\"more\""))};
  static const struct script_line bare = BARE("tools/list", 401, NO_BODY);

  (void)state;
  for (int i = 1; i <= 20; i++) lines[i] = page;
  lines[21] = bare;
  CHECK(lines, PROVEN, "");
}

/* ---- Refusals ------------------------------------------------------------------------- */

static void refusals_name_what_to_check(void **state) {
  static const struct {
    const char *auth;
    const char *reason;
  } rows[] = {
      {BEARER, "the agent answered 401: check auth.token"},
      {"{\"type\":\"api_key\",\"token\":\"secret\"}", "the agent answered 401: check auth.token"},
      {"{\"type\":\"apikey\",\"token\":\"secret\"}", "the agent answered 401: check auth.token"},
      {"{\"type\":\"basic\",\"username\":\"u\",\"password\":\"\"}",
       "the agent answered 401: check auth.username and auth.password"},
      {NULL, "the agent answered 401: it wants a credential"},
  };
  static const struct script_line lines[] = {
      {POST, {"server/discover", NULL, NULL}, NULL, 401, JSON("{\"error\":\"secret\"}")}, NONE};

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++)
    check(lines, rows[i].auth, NULL, REFUSED, rows[i].reason);
}

static void every_step_may_be_refused(void **state) {
  static const struct script_line by_status[][8] = {
      {DISCOVER(403, NO_BODY), NONE},
      {DISCOVER(404, NO_BODY), INITIALIZE(403, NO_BODY), NONE},
      {DISCOVER(404, NO_BODY), INITIALIZE(200, JSON(INITIALIZED("2025-11-25"))),
       NOTIFY(403, NO_BODY), NONE},
      {DISCOVER(404, NO_BODY), INITIALIZE(200, JSON(INITIALIZED("2025-11-25"))),
       NOTIFY(202, NO_BODY), LIST(403, NO_BODY), NONE},
      {DISCOVER(404, NO_BODY),
       INITIALIZE(200, {SCRIPT_JSON, "MCP-Session-Id: x"}, INITIALIZED("2025-11-25"), NULL, 0),
       NOTIFY(202, NO_BODY),
       LIST(403, NO_BODY),
       {"DELETE " SCRIPT_URL,
        {"MCP-Session-Id: x", NULL, NULL},
        NULL,
        0,
        {NULL, NULL},
        NULL,
        "took too long",
        0},
       NONE},
      {DISCOVER(200, JSON(DISCOVERED)), LIST(403, NO_BODY), NONE},
  };
  static const struct script_line by_word[][6] = {
      {DISCOVER(200, JSON(ERROR("-32001", "Unauthorized: no token"))), NONE},
      {DISCOVER(400, JSON(ERROR("-32600", "Authentication required"))), NONE},
      {DISCOVER(404, NO_BODY), INITIALIZE(200, SSE(EVENT(ERROR("-32000", "FORBIDDEN")))), NONE},
      {DISCOVER(404, NO_BODY), INITIALIZE(400, JSON(ERROR("401", "x"))), NONE},
      {DISCOVER(200, JSON(DISCOVERED)), LIST(200, JSON(ERROR("-32403", "x"))), NONE},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(by_status); i++)
    CHECK(by_status[i], REFUSED, "the agent answered 403: check auth.token");
  for (size_t i = 0; i < COUNT(by_word); i++)
    CHECK(by_word[i], REFUSED, "the agent said no: check auth.token");
}

/* ---- What is no MCP -------------------------------------------------------------------- */

static const struct {
  struct script_line lines[8];
  const char *reason;
} foreign_answers[] = {
    {{DISCOVER(200, HTML), INITIALIZE(200, HTML), NONE},
     "answered HTML, not MCP: check endpointUrl and protocol"},
    {{DISCOVER(200, NO_BODY), INITIALIZE(200, {NULL, NULL}, "  <html>", NULL, 0), NONE},
     "answered HTML, not MCP: check endpointUrl and protocol"},
    {{DISCOVER(302, NO_BODY), NONE}, "answered 302: check endpointUrl and protocol"},
    {{DISCOVER(500, NO_BODY), INITIALIZE(500, NO_BODY), NONE}, "answered 500"},
    {{DISCOVER(501, NO_BODY), INITIALIZE(503, NO_BODY), NONE}, "answered 503"},
    {{DISCOVER(502, NO_BODY), NONE}, "answered 502"},
    {{DISCOVER(503, JSON(DISCOVERED)), NONE}, "answered 503"},
    {{DISCOVER(422, NO_BODY), INITIALIZE(307, NO_BODY), NONE},
     "answered 307: check endpointUrl and protocol"},
    {{DISCOVER(429, NO_BODY), INITIALIZE(429, NO_BODY), NONE},
     "answered 429: it is asked too often"},
    {{DISCOVER(200, NO_BODY), INITIALIZE(202, NO_BODY), NONE},
     "answered, but not MCP: check endpointUrl and protocol"},
    {{DISCOVER(200, JSON("[]")), INITIALIZE(200, JSON("{\"ok\":true}")), NONE},
     "answered, but not MCP: check endpointUrl and protocol"},
    {{DISCOVER(200, JSON("{")), INITIALIZE(200, JSON(INITIALIZED("2025-11-25") "x")), NONE},
     "answered, but not MCP: check endpointUrl and protocol"},
    /* Another id, the right one as a text, and none. */
    {{DISCOVER(200, JSON("{\"id\":2,\"result\":{\"supportedVersions\":[\"2026-07-28\"]}}")),
      INITIALIZE(200, JSON("{\"id\":\"$\",\"result\":{\"protocolVersion\":\"2025-11-25\"}}")),
      NONE},
     "answered, but not MCP: check endpointUrl and protocol"},
    {{DISCOVER(200, JSON("{\"result\":{\"supportedVersions\":[\"2026-07-28\"]}}")),
      INITIALIZE(200, SSE(EVENT("{\"id\":9,\"result\":{\"protocolVersion\":\"2025-11-25\"}}"))),
      NONE},
     "answered, but not MCP: check endpointUrl and protocol"},
    {{DISCOVER(200, JSON("{\"id\":$,\"result\":7}")),
      INITIALIZE(200, JSON("{\"id\":$,\"result\":[]}")), NONE},
     "answered, but not MCP: check endpointUrl and protocol"},
    /* A stream that is cut short. */
    {{DISCOVER(404, NO_BODY), INITIALIZE(200, SSE("data: " INITIALIZED("2025-11-25") "\n")), NONE},
     "answered, but not MCP: check endpointUrl and protocol"},
    {{DISCOVER(404, NO_BODY),
      INITIALIZE(200, JSON(ERROR("-32603", "Authorization server unreachable, try later"))), NONE},
     "answered with an error of MCP"},
    {{DISCOVER(404, NO_BODY), INITIALIZE(200, JSON(ERROR("-32603", "secret"))), NONE},
     "answered with an error of MCP"},
    {{DISCOVER(404, NO_BODY),
      INITIALIZE(200, {SCRIPT_JSON, "MCP-Session-Id: a b"}, INITIALIZED("2025-11-25"), NULL, 0),
      NONE},
     "gave its session an id that no header can carry"},
    {{DISCOVER(404, NO_BODY), INITIALIZE(200, JSON(INITIALIZED("2025-11-25"))),
      NOTIFY(404, NO_BODY), NONE},
     "answered 404: check endpointUrl and protocol"},
    {{DISCOVER(404, NO_BODY), INITIALIZE(200, JSON(INITIALIZED("2025-11-25"))),
      NOTIFY(202, NO_BODY), LIST(200, JSON(RESULT("\"tools\":{}"))), NONE},
     "answered, but not MCP: check endpointUrl and protocol"},
    {{DISCOVER(200, JSON(DISCOVERED)), LIST(200, JSON(ERROR("-32603", "x"))), NONE},
     "answered with an error of MCP"},
    {{DISCOVER(200, JSON(DISCOVERED)), LIST(503, NO_BODY), NONE}, "answered 503"},
    {{DISCOVER(200, JSON(DISCOVERED)), LIST(400, JSON(ERROR("-32603", "x"))), NONE},
     "answered 400"},
    {{DISCOVER(0, {NULL, NULL}, NULL, "took too long", 0), NONE}, "took too long"},
    {{DISCOVER(0, {NULL, NULL}, NULL, "the address is private or reserved", INVSRC_OUTCOME_REFUSED),
      NONE},
     "the address is private or reserved"},
    {{DISCOVER(404, NO_BODY), INITIALIZE(0, {NULL, NULL}, NULL, "TLS certificate expired", 0),
      NONE},
     "TLS certificate expired"},
};

static void what_is_no_mcp_is_told(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(foreign_answers); i++)
    CHECK(foreign_answers[i].lines, UNREACHABLE, foreign_answers[i].reason);
}

/* An error is an answer of the tool, but not where the server is in trouble. */
static void a_call_may_fail_with_the_server(void **state) {
  static const struct script_line lines[] = {
      DISCOVER(200, JSON(DISCOVERED)),
      LIST(200, JSON(TOOLS)),
      {POST, {"\"method\":\"tools/call\"", AUTH, NULL}, NULL, 502, JSON(ERROR("-32603", "x"))},
      NONE,
  };

  (void)state;
  check(lines, BEARER, "x", UNREACHABLE, "answered 502");
}

static void the_answer_is_found_among_other_events(void **state) {
  static const struct script_line lines[] = {
      DISCOVER(200, SSE(": hello\n\nid: 1\ndata:\n\n"
                        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n"
                        "data: {\"jsonrpc\":\"2.0\",\"id\":$,\"method\":\"ping\"}\n\n"
                        "data: not JSON\n\n"
                        "data: {\"id\":77,\"result\":{}}\n\n"
                        "data: {\"jsonrpc\":\"2.0\",\r\ndata: \"id\":$,\"result\":\rdata: "
                        "{\"supportedVersions\":[\"2026-07-28\"]}}\r\n\r\n"
                        "data: {\"id\":$,\"error\":{\"code\":401,\"message\":\"x\"}}\n\n")),
      LIST(200, SSE(EVENT(TOOLS))),
      BARE("tools/list", 401, NO_BODY),
      NONE,
  };

  (void)state;
  CHECK(lines, PROVEN, "");
}

static void replies_may_nest_deeper_than_requests(void **state) {
  static const struct script_line lines[] = {
      DISCOVER(200, JSON(DISCOVERED)),
      LIST(200,
           JSON(RESULT("\"tools\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"))),
      BARE("tools/list", 401, NO_BODY),
      NONE,
  };

  (void)state;
  CHECK(lines, PROVEN, "");
}

/* ---- HTTP+SSE --------------------------------------------------------------------------- */

/* A stream that is open, and a request beside it. */
struct pair {
  invsrc_conversation *conversation;
  int32_t stream;
  invsrc_http_reply *events;
};

static void open_stream(struct pair *pair, const char *auth) {
  static const struct script_line old[] = {
      {POST, {"server/discover", NULL, NULL}, NULL, 405, NO_BODY},
      {POST, {"initialize", NULL, NULL}, NULL, 405, NO_BODY},
  };
  const invsrc_http_request *request;
  invsrc_probe_setup setup = {.tool = NULL};

  assert_int_equal(script_begin("MCP", SCRIPT_URL, auth, &setup, &pair->conversation), INVSRC_OK);
  for (size_t i = 0; i < COUNT(old); i++) {
    int32_t exchange = invsrc_conversation_next(pair->conversation, &request);
    assert_null(script_judge(&old[i], request));
    script_answer(pair->conversation, exchange, &old[i], request, SCRIPT_WHOLE);
  }
  pair->stream = invsrc_conversation_next(pair->conversation, &request);
  assert_int_equal(pair->stream, 3);
  assert_string_equal(request->method, "GET");
  assert_string_equal(request->url, SCRIPT_URL);
  assert_true(script_is_in("Accept: text/event-stream", request));
  assert_int_equal(script_is_in(AUTH, request), auth != NULL);
  assert_int_equal(request->looks, 1);
  assert_int_equal(invsrc_conversation_next(pair->conversation, &request), 0);
  pair->events = invsrc_http_reply_new();
  invsrc_http_reply_set_status(pair->events, 200);
  invsrc_http_reply_add_header(pair->events, "Content-Type", 12, "text/event-stream", 17);
}

/* More comes of the stream. Returns whether it may end. */
static int32_t say(struct pair *pair, const char *text) {
  int32_t enough = 0;

  for (; *text && !enough; text++) {
    invsrc_http_reply_append_body(pair->events, text, 1);
    enough = invsrc_conversation_look(pair->conversation, pair->stream, pair->events);
  }
  return enough;
}

/* The next request beside it, which must have `text` in it. */
static int32_t next_beside(struct pair *pair, const char *url, const char *text) {
  const invsrc_http_request *request;
  int32_t exchange = invsrc_conversation_next(pair->conversation, &request);

  assert_true(exchange > 0);
  assert_string_equal(request->method, "POST");
  assert_string_equal(request->url, url);
  assert_true(script_is_in(text, request));
  assert_false(script_is_in("MCP-Protocol-Version", request));
  return exchange;
}

static void answer(struct pair *pair, int32_t exchange, int32_t status) {
  invsrc_http_reply *reply = invsrc_http_reply_new();

  invsrc_http_reply_set_status(reply, status);
  assert_int_equal(
      invsrc_conversation_answer(pair->conversation, exchange, INVSRC_OUTCOME_OK, reply),
      INVSRC_OK);
  invsrc_http_reply_free(reply);
}

static void end_stream(struct pair *pair, int32_t outcome) {
  assert_int_equal(
      invsrc_conversation_answer(pair->conversation, pair->stream, outcome, pair->events),
      INVSRC_OK);
}

static void end_pair(struct pair *pair, int32_t outcome, const char *reason) {
  const char *said;

  assert_int_equal(invsrc_conversation_outcome(pair->conversation, &said), outcome);
  assert_string_equal(said, reason);
  invsrc_http_reply_free(pair->events);
  invsrc_conversation_free(pair->conversation);
}

#define BESIDE "https://agent.example/messages?s=1"

/* Up to the tools, answered before or after the request itself is. */
static void talk(struct pair *pair, int late) {
  int32_t exchange;

  assert_int_equal(say(pair, "event: endpoint\ndata: /messages?s=1\n\n"), 0);
  exchange = next_beside(pair, BESIDE, "\"id\":3,\"method\":\"initialize\"");
  if (!late) answer(pair, exchange, 202);
  say(pair, EVENT("{\"id\":3,\"result\":{\"protocolVersion\":\"2024-11-05\"}}"));
  if (late) answer(pair, exchange, 202);
  exchange = next_beside(pair, BESIDE, "notifications/initialized");
  answer(pair, exchange, 202);
  exchange = next_beside(pair, BESIDE, "\"id\":4,\"method\":\"tools/list\"");
  if (!late) answer(pair, exchange, 202);
  assert_int_equal(say(pair, EVENT("{\"id\":4,\"result\":{\"tools\":[]}}")), 1);
  if (late) answer(pair, exchange, 202);
}

static void the_old_transport_is_spoken(void **state) {
  const invsrc_http_request *request;

  (void)state;
  for (int late = 0; late <= 1; late++) {
    struct pair pair;
    int32_t exchange;
    open_stream(&pair, BEARER);
    talk(&pair, late);
    assert_int_equal(invsrc_conversation_outcome(pair.conversation, NULL), 0);
    end_stream(&pair, INVSRC_OUTCOME_OK);
    /* And without the credential. */
    exchange = invsrc_conversation_next(pair.conversation, &request);
    assert_string_equal(request->method, "GET");
    assert_false(script_is_in("Authorization", request));
    answer(&pair, exchange, late ? 401 : 405);
    end_pair(&pair, late ? PROVEN : OK, "");
  }
}

static void the_old_transport_needs_no_credential(void **state) {
  struct pair pair;

  (void)state;
  open_stream(&pair, NULL);
  talk(&pair, 0);
  end_stream(&pair, INVSRC_OUTCOME_OK);
  end_pair(&pair, OK, "");
}

/* The next pass waits until nothing of the last one is under way. */
static void the_stream_is_waited_for(void **state) {
  const invsrc_http_request *request;
  struct pair pair;
  int32_t exchange;

  (void)state;
  open_stream(&pair, BEARER);
  say(&pair, "event: endpoint\ndata: /messages?s=1\n\n");
  exchange = next_beside(&pair, BESIDE, "initialize");
  say(&pair, EVENT("{\"id\":3,\"result\":{\"protocolVersion\":\"2024-11-05\"}}"));
  answer(&pair, exchange, 202);
  answer(&pair, next_beside(&pair, BESIDE, "initialized"), 202);
  exchange = next_beside(&pair, BESIDE, "tools/list");
  assert_int_equal(say(&pair, EVENT("{\"id\":4,\"result\":{\"tools\":[]}}")), 1);
  end_stream(&pair, INVSRC_OUTCOME_OK);
  assert_int_equal(invsrc_conversation_next(pair.conversation, &request), 0);
  /* It was answered: what becomes of the request does not matter. */
  answer(&pair, exchange, 500);
  exchange = invsrc_conversation_next(pair.conversation, &request);
  assert_string_equal(request->method, "GET");
  answer(&pair, exchange, 403);
  end_pair(&pair, PROVEN, "");
}

static void the_stream_names_where_to_post(void **state) {
  static const struct {
    const char *data;
    const char *url;
  } good[] = {
      {"/messages", "https://agent.example/messages"},
      {"messages?x", "https://agent.example/messages?x"},
      {"?x=1", "https://agent.example/mcp?x=1"},
      {"//agent.example/x", "https://agent.example/x"},
      {"https://Agent.Example:443/x", "https://Agent.Example:443/x"},
  };
  static const char *const foreign[] = {"https://evil.example/x", "//evil.example/x",
                                        "https://agent.example:8443/x", "http://agent.example/x",
                                        "https://agent.example.evil.example/"};
  static const char *const bad[] = {"https://agent.example@evil.example/", "/a b", "/x#y",
                                    "https://", "\\\\evil.example"};

  (void)state;
  for (size_t i = 0; i < COUNT(good); i++) {
    struct pair pair;
    char event[256];
    open_stream(&pair, BEARER);
    snprintf(event, sizeof event, ": x\n\ndata: {}\n\nevent: endpoint\ndata: %s\n\n", good[i].data);
    say(&pair, event);
    answer(&pair, next_beside(&pair, good[i].url, "initialize"), 401);
    end_stream(&pair, INVSRC_OUTCOME_OK);
    end_pair(&pair, REFUSED, "the agent answered 401: check auth.token");
  }
  for (size_t i = 0; i < COUNT(foreign) + COUNT(bad); i++) {
    struct pair pair;
    char event[256];
    int is_bad = i >= COUNT(foreign);
    open_stream(&pair, BEARER);
    snprintf(event, sizeof event, "event: endpoint\ndata: %s\n\n",
             is_bad ? bad[i - COUNT(foreign)] : foreign[i]);
    assert_int_equal(say(&pair, event), 1);
    end_stream(&pair, INVSRC_OUTCOME_OK);
    end_pair(
        &pair, UNREACHABLE,
        is_bad ? "the agent's stream names no URL" : "the agent's stream names another origin");
  }
}

static void streams_that_end_are_told(void **state) {
  static const struct {
    const char *body;
    int32_t outcome;
    const char *reason;
  } rows[] = {
      {"", INVSRC_OUTCOME_OK, "the agent's stream ended before the answer"},
      {"event: endpoint\ndata: /x", INVSRC_OUTCOME_OK,
       "the agent's stream ended before the answer"},
      {"event: endpoint\ndata: /x\n\n", INVSRC_OUTCOME_OK,
       "the agent's stream ended before the answer"},
      {"event: endpoint\ndata: /x\n\n", INVSRC_OUTCOME_UNAVAILABLE, "no answer"},
      /* An answer to what was not asked. */
      {"event: endpoint\ndata: /x\n\n" EVENT("{\"id\":3,\"result\":{}}"), INVSRC_OUTCOME_OK,
       "the agent's stream ended before the answer"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct pair pair;
    open_stream(&pair, BEARER);
    say(&pair, rows[i].body);
    end_stream(&pair, rows[i].outcome);
    end_pair(&pair, UNREACHABLE, rows[i].reason);
  }
}

/* Over the stream the agent names a version that is spoken without it. */
static int32_t leave_stream(struct pair *pair, const invsrc_http_request **request) {
  int32_t exchange;

  open_stream(pair, BEARER);
  say(pair, "event: endpoint\ndata: /messages?s=1\n\n");
  exchange = next_beside(pair, BESIDE, "initialize");
  say(pair, EVENT("{\"id\":3,\"error\":{\"code\":-32022,\"message\":\"x\",\"data\":{"
                  "\"supported\":[\"2025-06-18\"]}}}"));
  answer(pair, exchange, 202);
  exchange = invsrc_conversation_next(pair->conversation, request);
  assert_string_equal((*request)->url, SCRIPT_URL);
  assert_int_equal((*request)->looks, 1);
  return exchange;
}

/* What it says then is nobody's answer, and that it ends no failure. */
static void a_stream_that_was_left_is_not_heard(void **state) {
  static const char late[] = EVENT("{\"id\":4,\"result\":{}}");
  static const struct script_line rest[] = {NOTIFY(202, NO_BODY), LIST(200, JSON(TOOLS)),
                                            BARE("initialize", 401, NO_BODY), NONE};
  static const int32_t ends[] = {INVSRC_OUTCOME_OK, INVSRC_OUTCOME_UNAVAILABLE};
  const invsrc_http_request *request;

  (void)state;
  for (size_t i = 0; i < COUNT(ends); i++) {
    invsrc_http_reply *reply = invsrc_http_reply_new();
    struct pair pair;
    int32_t exchange = leave_stream(&pair, &request);
    static const char body[] = "{\"id\":4,\"result\":{\"protocolVersion\":\"2025-06-18\"}}";
    char event[128];
    int length = snprintf(event, sizeof event, "data: %s\n\n", body);
    invsrc_http_reply_set_status(reply, 200);
    invsrc_http_reply_add_header(reply, "Content-Type", 12, "text/event-stream", 17);
    invsrc_http_reply_append_body(reply, event, (uint64_t)length);
    assert_int_equal(invsrc_conversation_look(pair.conversation, exchange, reply), 1);
    invsrc_http_reply_append_body(pair.events, late, sizeof late - 1);
    assert_int_equal(invsrc_conversation_look(pair.conversation, pair.stream, pair.events), 1);
    end_stream(&pair, ends[i]);
    assert_int_equal(invsrc_conversation_answer(pair.conversation, exchange, OK, reply), INVSRC_OK);
    invsrc_http_reply_free(reply);
    assert_int_equal(script_play(pair.conversation, rest, SCRIPT_WHOLE), INVSRC_OK);
    end_pair(&pair, PROVEN, "");
  }
}

static void one_stream_is_enough(void **state) {
  const invsrc_http_request *request;
  struct pair pair;

  (void)state;
  answer(&pair, leave_stream(&pair, &request), 400);
  end_stream(&pair, INVSRC_OUTCOME_OK);
  end_pair(&pair, UNREACHABLE, "answered 400");
}

/* What led to it says more than that it does not come. */
static void a_stream_that_does_not_come_is_told(void **state) {
  static const struct {
    int comes;
    int32_t outcome;
    int32_t expected;
    const char *reason;
  } rows[] = {
      {0, INVSRC_OUTCOME_UNAVAILABLE, UNREACHABLE, "answered 405: check endpointUrl and protocol"},
      {1, INVSRC_OUTCOME_UNAVAILABLE, UNREACHABLE, "took too long"},
      {0, INVSRC_OUTCOME_REFUSED, UNREACHABLE, "took too long"},
      {0, INVSRC_OUTCOME_FAILED, INVSRC_OUTCOME_FAILED, "took too long"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct pair pair;
    open_stream(&pair, BEARER);
    if (rows[i].comes) say(&pair, ": hello\n\n");
    invsrc_http_reply_set_reason(pair.events, "took too long");
    end_stream(&pair, rows[i].outcome);
    end_pair(&pair, rows[i].expected, rows[i].reason);
  }
}

static void what_is_no_stream_is_told(void **state) {
  static const struct {
    int32_t status;
    int32_t outcome;
    const char *reason;
  } rows[] = {
      {401, REFUSED, "the agent answered 401: check auth.token"},
      {200, UNREACHABLE, "answered 405: check endpointUrl and protocol"},
      {404, UNREACHABLE, "answered 405: check endpointUrl and protocol"},
      {302, UNREACHABLE, "answered 405: check endpointUrl and protocol"},
      {503, UNREACHABLE, "answered 503"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct pair pair;
    invsrc_http_reply *reply = invsrc_http_reply_new();
    open_stream(&pair, BEARER);
    invsrc_http_reply_set_status(reply, rows[i].status);
    invsrc_http_reply_append_body(reply, "x", 1);
    assert_int_equal(invsrc_conversation_look(pair.conversation, pair.stream, reply), 1);
    invsrc_http_reply_free(reply);
    answer(&pair, pair.stream, rows[i].status);
    end_pair(&pair, rows[i].outcome, rows[i].reason);
  }
}

static void requests_beside_the_stream_may_fail(void **state) {
  struct pair pair;

  (void)state;
  open_stream(&pair, BEARER);
  say(&pair, "event: endpoint\ndata: /x\n\n");
  answer(&pair, next_beside(&pair, "https://agent.example/x", "initialize"), 404);
  assert_int_equal(say(&pair, ": still here\n\n"), 1);
  end_stream(&pair, INVSRC_OUTCOME_OK);
  end_pair(&pair, UNREACHABLE, "answered 404: check endpointUrl and protocol");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_stateless_version_comes_first),
      cmocka_unit_test(the_stateless_version_calls_a_tool),
      cmocka_unit_test(what_anybody_may_see_proves_nothing),
      cmocka_unit_test(sessions_follow),
      cmocka_unit_test(sessions_follow_a_server_error),
      cmocka_unit_test(servers_without_sessions_have_nothing_to_close),
      cmocka_unit_test(a_tool_is_called_in_the_session),
      cmocka_unit_test(versions_are_negotiated),
      cmocka_unit_test(pages_end),
      cmocka_unit_test(refusals_name_what_to_check),
      cmocka_unit_test(every_step_may_be_refused),
      cmocka_unit_test(what_is_no_mcp_is_told),
      cmocka_unit_test(a_call_may_fail_with_the_server),
      cmocka_unit_test(the_answer_is_found_among_other_events),
      cmocka_unit_test(replies_may_nest_deeper_than_requests),
      cmocka_unit_test(the_old_transport_is_spoken),
      cmocka_unit_test(the_old_transport_needs_no_credential),
      cmocka_unit_test(the_stream_is_waited_for),
      cmocka_unit_test(the_stream_names_where_to_post),
      cmocka_unit_test(streams_that_end_are_told),
      cmocka_unit_test(a_stream_that_was_left_is_not_heard),
      cmocka_unit_test(one_stream_is_enough),
      cmocka_unit_test(a_stream_that_does_not_come_is_told),
      cmocka_unit_test(what_is_no_stream_is_told),
      cmocka_unit_test(requests_beside_the_stream_may_fail),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
