/*
 * Conversations with A2A agents, from memory: where the card is, what it says in every
 * version, whom the credential is shown, and what counts as an answer.
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

#define ORIGIN "https://agent.example"
#define ENDPOINT ORIGIN "/a2a"
#define RPC ORIGIN "/rpc"
#define WELL_KNOWN "/.well-known/agent-card.json"
#define OLDER "/.well-known/agent.json"
#define INTERFACE(url, binding, version) \
  "{\"url\":\"" url "\",\"protocolBinding\":\"" binding "\",\"protocolVersion\":\"" version "\"}"
#define CARD_1(interfaces) "{\"name\":\"a\",\"supportedInterfaces\":[" interfaces "]}"
#define GOOD_CARD CARD_1(INTERFACE(RPC, "JSONRPC", "1.0"))
#define NOT_FOUND \
  "{\"jsonrpc\":\"2.0\",\"id\":$,\"error\":{\"code\":-32001,\"message\":\"Task not found\"}}"
#define ERROR(code, message) \
  "{\"jsonrpc\":\"2.0\",\"id\":$,\"error\":{\"code\":" code ",\"message\":\"" message "\"}}"

#define NO_BODY {NULL, NULL}, NULL, NULL, 0
#define JSON(body) {SCRIPT_JSON, NULL}, body, NULL, 0
#define NO_ANSWER(reason) 0, {NULL, NULL}, NULL, reason, 0
#define CARD(path, ...) \
  { "GET " ORIGIN path, {"Accept: application/json", NULL, NULL}, "secret", __VA_ARGS__ }
#define CARD_WITH(path, ...) \
  { "GET " ORIGIN path, {AUTH, NULL, NULL}, NULL, __VA_ARGS__ }
#define ASK(method, ...) \
  { "POST " RPC, {"\"method\":\"" method "\"", AUTH, NULL}, "x-adcp-auth", __VA_ARGS__ }
#define BARE(method, ...) \
  { "POST " RPC, {"\"method\":\"" method "\"", NULL, NULL}, "secret", __VA_ARGS__ }
#define NONE \
  { NULL, {NULL, NULL, NULL}, NULL, 0, {NULL, NULL}, NULL, NULL, 0 }

#define PROVEN INVSRC_OUTCOME_PROVEN
#define OK INVSRC_OUTCOME_OK
#define REFUSED INVSRC_OUTCOME_REFUSED
#define UNREACHABLE INVSRC_OUTCOME_UNREACHABLE

static void check_at(const char *url, const struct script_line *lines, const char *auth,
                     uint32_t allow_http, int32_t outcome, const char *reason) {
  invsrc_probe_setup setup = {.allow_http = allow_http};
  invsrc_conversation *conversation;
  const char *said;

  assert_int_equal(script_begin("A2A", url, auth, &setup, &conversation), INVSRC_OK);
  assert_int_equal(script_play(conversation, lines, SCRIPT_WHOLE), INVSRC_OK);
  assert_int_equal(invsrc_conversation_outcome(conversation, &said), outcome);
  assert_string_equal(said, reason);
  invsrc_conversation_free(conversation);
}

#define CHECK(lines, outcome, reason) check_at(ENDPOINT, lines, BEARER, 0, outcome, reason)

/* ---- The card ------------------------------------------------------------------------- */

static void the_current_version_is_spoken(void **state) {
  static const struct script_line lines[] = {
      CARD(WELL_KNOWN, 200, JSON(GOOD_CARD)),
      {"POST " RPC,
       {"A2A-Version: 1.0", AUTH,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"GetTask\",\"params\":{\"id\":"
        "\"10111213-1415-4617-9819-1a1b1c1d1e1f\"}}"},
       "x-adcp-auth",
       200,
       JSON(NOT_FOUND)},
      {"POST " RPC,
       {"A2A-Version: 1.0", "GetTask", "Content-Type: application/json"},
       "secret",
       401,
       NO_BODY},
      NONE,
  };

  (void)state;
  CHECK(lines, PROVEN, "");
}

static void older_versions_are_spoken(void **state) {
  static const char *const cards[] = {
      "{\"protocolVersion\":\"0.3.0\",\"url\":\"" RPC "\",\"preferredTransport\":\"JSONRPC\"}",
      "{\"protocolVersion\":\"0.2.5\",\"url\":\"" RPC "\"}",
      "{\"url\":\"" RPC "\"}",
      "{\"url\":\"" ORIGIN
      "/grpc\",\"preferredTransport\":\"GRPC\",\"additionalInterfaces\":["
      "{\"url\":\"" ORIGIN
      "/grpc\",\"transport\":\"GRPC\"},7,"
      "{\"url\":\"" RPC "\",\"transport\":\"JSONRPC\"}]}",
      CARD_1(INTERFACE(ORIGIN "/g", "GRPC", "1.0") "," INTERFACE(RPC, "JSONRPC", "0.3")),
  };

  (void)state;
  for (size_t i = 0; i < COUNT(cards); i++) {
    const struct script_line lines[] = {
        CARD(WELL_KNOWN, 200, JSON(cards[i])),
        {"POST " RPC,
         {"\"method\":\"tasks/get\"", AUTH, NULL},
         "A2A-Version",
         200,
         JSON(NOT_FOUND)},
        BARE("tasks/get", 200, JSON(NOT_FOUND)),
        NONE,
    };
    CHECK(lines, OK, "");
  }
}

static void the_best_interface_is_taken(void **state) {
  static const char *const cards[] = {
      CARD_1(INTERFACE(ORIGIN "/x", "JSONRPC", "0.3") "," INTERFACE(
          ORIGIN "/x", "HTTP+JSON", "1.0") "," INTERFACE(RPC, "JSONRPC", "1.1")),
      CARD_1(INTERFACE("https://other.example/", "JSONRPC", "1.0") "," INTERFACE(RPC, "JSONRPC",
                                                                                 "1.0")),
      CARD_1(INTERFACE("http://agent.example/x", "JSONRPC", "1.0") "," INTERFACE(RPC, "JSONRPC",
                                                                                 "1.0")),
      "{\"url\":\"" ORIGIN "/x\",\"supportedInterfaces\":[" INTERFACE(RPC, "JSONRPC", "1.0") "]}",
  };

  (void)state;
  for (size_t i = 0; i < COUNT(cards); i++) {
    const struct script_line lines[] = {CARD(WELL_KNOWN, 200, JSON(cards[i])),
                                        ASK("GetTask", 403, NO_BODY), NONE};
    CHECK(lines, REFUSED, "the agent answered 403: check auth.token");
  }
}

static void a_tenant_is_named(void **state) {
  static const struct script_line lines[] = {
      CARD(WELL_KNOWN, 200,
           JSON("{\"supportedInterfaces\":[{\"url\":\"" RPC
                "\",\"protocolBinding\":\"JSONRPC\",\"protocolVersion\":\"1.0\",\"tenant\":\"a\\\"b"
                "\"}]}")),
      {"POST " RPC, {"\",\"tenant\":\"a\\\"b\"}}", NULL, NULL}, NULL, 401, NO_BODY},
      NONE,
  };

  (void)state;
  CHECK(lines, REFUSED, "the agent answered 401: check auth.token");
}

static void the_card_is_looked_for(void **state) {
  static const struct script_line lines[] = {
      CARD(WELL_KNOWN, 404, NO_BODY),
      CARD(OLDER, 200, {SCRIPT_HTML, NULL}, "<html></html>", NULL, 0),
      CARD("/a2a" WELL_KNOWN, 403, NO_BODY),
      CARD_WITH("/a2a" WELL_KNOWN, 403, NO_BODY),
      CARD("/a2a" OLDER, 200, JSON(GOOD_CARD)),
      ASK("GetTask", 200, JSON("{\"id\":$,\"result\":{}}")),
      BARE("GetTask", 403, NO_BODY),
      NONE,
  };
  static const struct script_line nowhere[] = {
      CARD(WELL_KNOWN, 404, NO_BODY), CARD(OLDER, 404, NO_BODY),
      CARD("/a2a" WELL_KNOWN, 410, NO_BODY), CARD("/a2a" OLDER, 404, NO_BODY), NONE};
  static const struct script_line away[] = {CARD(WELL_KNOWN, 404, NO_BODY),
                                            CARD(OLDER, 404, NO_BODY), NONE};
  static const struct script_line at_root[] = {CARD(WELL_KNOWN, 404, NO_BODY),
                                               CARD(OLDER, 410, NO_BODY), NONE};

  (void)state;
  CHECK(lines, PROVEN, "");
  check_at(ORIGIN "/a2a/", lines, BEARER, 0, PROVEN, "");
  check_at(ORIGIN, at_root, BEARER, 0, UNREACHABLE,
           "the agent card: /.well-known/agent.json answered 410");
  check_at(ORIGIN, away, BEARER, 0, UNREACHABLE,
           "the agent card: /.well-known/agent.json answered 404: check endpointUrl and protocol");
  check_at(ORIGIN "/a2a/", nowhere, BEARER, 0, UNREACHABLE,
           "the agent card: /.well-known/agent.json below endpointUrl answered 404: check "
           "endpointUrl and protocol");
  check_at(ORIGIN "/?x=1", at_root, BEARER, 0, UNREACHABLE,
           "the agent card: /.well-known/agent.json answered 410");
}

static void what_is_no_card_is_told(void **state) {
  static const struct {
    const char *body;
    const char *reason;
  } rows[] = {
      {"", "the agent card is not JSON: check endpointUrl and protocol"},
      {"<html>", "the agent card is not JSON: check endpointUrl and protocol"},
      {"{\"url\":\"" RPC "\",\"url\":\"" RPC "\"}",
       "the agent card is not JSON: check endpointUrl and protocol"},
      {"[]", "the agent card is no JSON object: check endpointUrl and protocol"},
      {"{}", "the agent card names no JSON-RPC endpoint"},
      {"{\"supportedInterfaces\":7,\"additionalInterfaces\":{}}",
       "the agent card names no JSON-RPC endpoint"},
      {CARD_1("null,{}," INTERFACE(RPC, "GRPC", "1.0")),
       "the agent card names no JSON-RPC endpoint"},
      {CARD_1(INTERFACE(RPC, "JSONRPC", "2.0")), "the agent card names no JSON-RPC endpoint"},
      {"{\"url\":\"" RPC "\",\"preferredTransport\":\"GRPC\"}",
       "the agent card names no JSON-RPC endpoint"},
      {"{\"url\":7}", "the agent card names a URL that cannot be asked"},
      {"{\"url\":\"/rpc\"}", "the agent card names a URL that cannot be asked"},
      {"{\"url\":\"" RPC "\\u0000\"}", "the agent card names a URL that cannot be asked"},
      {"{\"url\":\"http://agent.example/rpc\"}", "the agent card names a URL that cannot be asked"},
      {"{\"url\":\"https://u@agent.example/rpc\"}",
       "the agent card names a URL that cannot be asked"},
      {"{\"url\":\"https://agent.example/rpc#x\"}",
       "the agent card names a URL that cannot be asked"},
      {"{\"url\":\"https://other.example/rpc\"}",
       "the agent card names another origin, which must not see the credential"},
      {"{\"url\":\"https://agent.example:8443/rpc\"}",
       "the agent card names another origin, which must not see the credential"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line lines[] = {
        CARD(WELL_KNOWN, 200, JSON(rows[i].body)), CARD(OLDER, 404, NO_BODY),
        CARD("/a2a" WELL_KNOWN, 404, NO_BODY), CARD("/a2a" OLDER, 404, NO_BODY), NONE};
    CHECK(lines, UNREACHABLE, rows[i].reason);
  }
}

static void cards_may_lead_elsewhere_without_a_credential(void **state) {
  static const struct script_line other[] = {
      CARD(WELL_KNOWN, 200, JSON("{\"url\":\"https://other.example/rpc\"}")),
      {"POST https://other.example/rpc",
       {"tasks/get", NULL, NULL},
       "Authorization",
       200,
       JSON(NOT_FOUND)},
      NONE,
  };
  static const struct script_line http[] = {
      CARD(WELL_KNOWN, 200, JSON("{\"url\":\"http://agent.example/rpc\"}")),
      {"POST http://agent.example/rpc", {"tasks/get", NULL, NULL}, NULL, 200, JSON(NOT_FOUND)},
      NONE,
  };

  (void)state;
  check_at(ENDPOINT, other, NULL, 0, OK, "");
  check_at(ENDPOINT, http, NULL, 1, OK, "");
}

static void private_cards_are_asked_for_again(void **state) {
  static const struct script_line good[] = {
      CARD(WELL_KNOWN, 401, NO_BODY), CARD_WITH(WELL_KNOWN, 200, JSON(GOOD_CARD)),
      ASK("GetTask", 200, JSON(NOT_FOUND)), BARE("GetTask", 401, NO_BODY), NONE};
  static const struct script_line missing[] = {
      CARD(WELL_KNOWN, 401, NO_BODY),    CARD_WITH(WELL_KNOWN, 404, NO_BODY),
      CARD(OLDER, 200, JSON(GOOD_CARD)), ASK("GetTask", 200, JSON(NOT_FOUND)),
      BARE("GetTask", 401, NO_BODY),     NONE};
  static const struct script_line bad[] = {CARD(WELL_KNOWN, 401, NO_BODY),
                                           CARD_WITH(WELL_KNOWN, 403, NO_BODY), NONE};
  static const struct script_line none[] = {CARD(WELL_KNOWN, 401, NO_BODY), NONE};
  /* Some gateways say 403 where others say 401. */
  static const struct script_line gateway[] = {
      CARD(WELL_KNOWN, 403, NO_BODY), CARD_WITH(WELL_KNOWN, 200, JSON(GOOD_CARD)),
      ASK("GetTask", 200, JSON(NOT_FOUND)), BARE("GetTask", 403, NO_BODY), NONE};
  static const struct script_line forbidden[] = {
      CARD(WELL_KNOWN, 403, NO_BODY),   CARD_WITH(WELL_KNOWN, 403, NO_BODY),
      CARD(OLDER, 404, NO_BODY),        CARD("/a2a" WELL_KNOWN, 404, NO_BODY),
      CARD("/a2a" OLDER, 404, NO_BODY), NONE};

  (void)state;
  CHECK(good, PROVEN, "");
  CHECK(missing, PROVEN, "");
  CHECK(gateway, PROVEN, "");
  check_at(ORIGIN "/a2a/", forbidden, BEARER, 0, UNREACHABLE,
           "the agent card: /.well-known/agent-card.json answered 403 with the credential, too: "
           "check auth.token");
  CHECK(bad, REFUSED, "the agent card answered 403: check auth.token");
  check_at(ENDPOINT, none, NULL, 0, REFUSED, "the agent card answered 401: it wants a credential");
}

static void agents_that_are_down_are_told(void **state) {
  static const struct script_line down[] = {CARD(WELL_KNOWN, 503, NO_BODY),
                                            CARD(OLDER, 502, NO_BODY), NONE};
  static const struct script_line shared[] = {CARD(WELL_KNOWN, 502, NO_BODY),
                                              CARD(OLDER, 502, NO_BODY),
                                              CARD("/a2a" WELL_KNOWN, 200, JSON(GOOD_CARD)),
                                              ASK("GetTask", 200, JSON(NOT_FOUND)),
                                              BARE("GetTask", 401, NO_BODY),
                                              NONE};
  static const struct script_line elsewhere[] = {
      CARD(WELL_KNOWN, 200, JSON("{\"url\":\"https://other.example/\"}")),
      CARD(OLDER, 502, NO_BODY), NONE};
  static const struct script_line away[] = {CARD(WELL_KNOWN, NO_ANSWER("took too long")), NONE};

  (void)state;
  check_at(ORIGIN, down, BEARER, 0, UNREACHABLE,
           "the agent card: /.well-known/agent.json answered 502");
  check_at(ORIGIN "/a2a", shared, BEARER, 0, PROVEN, "");
  check_at(ORIGIN, elsewhere, BEARER, 0, UNREACHABLE,
           "the agent card names another origin, which must not see the credential");
  CHECK(away, UNREACHABLE, "the agent card: took too long");
}

/* ---- The answer ------------------------------------------------------------------------ */

static void answers_are_judged(void **state) {
  static const struct {
    int32_t status;
    int32_t outcome;
    const char *body;
    const char *reason;
  } rows[] = {
      {401, REFUSED, NOT_FOUND, "the agent answered 401: check auth.token"},
      {200, REFUSED, ERROR("-32000", "Unauthorized"), "the agent said no: check auth.token"},
      {200, REFUSED, ERROR("-32603", "Authentication failed"),
       "the agent said no: check auth.token"},
      {200, REFUSED, ERROR("-32001", "Unauthorized: invalid token"),
       "the agent said no: check auth.token"},
      {200, UNREACHABLE, ERROR("-32603", "Authentication service is down"),
       "answered with an error of A2A"},
      {429, UNREACHABLE, "", "answered 429: it is asked too often"},
      {200, UNREACHABLE, ERROR("-32009", "x"),
       "does not take the version of A2A that its card names"},
      {200, UNREACHABLE, ERROR("-32601", "x"), "answered with an error of A2A"},
      {200, UNREACHABLE, "{\"id\":7,\"result\":{}}",
       "answered, but not A2A: check endpointUrl and protocol"},
      {200, UNREACHABLE, "{\"id\":\"1\",\"result\":{}}",
       "answered, but not A2A: check endpointUrl and protocol"},
      {200, UNREACHABLE, "{\"id\":$}", "answered, but not A2A: check endpointUrl and protocol"},
      {200, UNREACHABLE, "<html>", "answered HTML, not A2A: check endpointUrl and protocol"},
      {200, UNREACHABLE, "", "answered, but not A2A: check endpointUrl and protocol"},
      {302, UNREACHABLE, "", "answered 302: check endpointUrl and protocol"},
      {404, UNREACHABLE, "{\"id\":$,\"result\":{}}",
       "answered 404: check endpointUrl and protocol"},
      {400, UNREACHABLE, ERROR("-32600", "x"), "answered 400"},
      {500, UNREACHABLE, NOT_FOUND, "answered 500"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line lines[] = {CARD(WELL_KNOWN, 200, JSON(GOOD_CARD)),
                                        ASK("GetTask", rows[i].status, JSON(rows[i].body)), NONE};
    CHECK(lines, rows[i].outcome, rows[i].reason);
  }
}

static void tasks_may_be_missing_in_other_ways(void **state) {
  static const struct {
    int32_t status;
    const char *body;
  } rows[] = {
      {404, NOT_FOUND},
      {400, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32001,\"message\":\"x\"}}"},
      {200, "{\"id\":$,\"result\":null}"},
      {200, "{\"id\":$,\"result\":{},\"error\":null}"},
  };
  static const struct script_line away = ASK("GetTask", NO_ANSWER("took too long"));

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line lines[] = {CARD(WELL_KNOWN, 200, JSON(GOOD_CARD)),
                                        ASK("GetTask", rows[i].status, JSON(rows[i].body)),
                                        BARE("GetTask", NO_ANSWER("took too long")), NONE};
    const struct script_line dead[] = {CARD(WELL_KNOWN, 200, JSON(GOOD_CARD)), away, NONE};
    CHECK(lines, OK, "");
    CHECK(dead, UNREACHABLE, "took too long");
  }
}

static void cards_follow_redirects_and_agents_do_not(void **state) {
  static const struct script_line card = CARD(WELL_KNOWN, 200, JSON(GOOD_CARD));
  const invsrc_http_request *request;
  invsrc_conversation *conversation;
  invsrc_probe_setup setup = {.tool = NULL};
  int32_t exchange;

  (void)state;
  assert_int_equal(script_begin("A2A", ENDPOINT, BEARER, &setup, &conversation), INVSRC_OK);
  exchange = invsrc_conversation_next(conversation, &request);
  assert_int_equal(request->redirects, 3);
  script_answer(conversation, exchange, &card, request, SCRIPT_WHOLE);
  assert_true(invsrc_conversation_next(conversation, &request) > 0);
  assert_int_equal(request->redirects, 0);
  assert_int_equal(request->looks, 0);
  invsrc_conversation_free(conversation);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_current_version_is_spoken),
      cmocka_unit_test(older_versions_are_spoken),
      cmocka_unit_test(the_best_interface_is_taken),
      cmocka_unit_test(a_tenant_is_named),
      cmocka_unit_test(the_card_is_looked_for),
      cmocka_unit_test(what_is_no_card_is_told),
      cmocka_unit_test(cards_may_lead_elsewhere_without_a_credential),
      cmocka_unit_test(private_cards_are_asked_for_again),
      cmocka_unit_test(agents_that_are_down_are_told),
      cmocka_unit_test(answers_are_judged),
      cmocka_unit_test(tasks_may_be_missing_in_other_ways),
      cmocka_unit_test(cards_follow_redirects_and_agents_do_not),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
