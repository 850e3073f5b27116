/*
 * Conversations as a host holds them: which header carries what, access tokens that are
 * kept and renewed, what proves a credential, and the rules of the calls themselves.
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
#define POST "POST " SCRIPT_URL
#define TOKEN_URL "https://auth.example/token"
#define RESULT(members) "{\"jsonrpc\":\"2.0\",\"id\":$,\"result\":{" members "}}"
#define DISCOVERED RESULT("\"supportedVersions\":[\"2026-07-28\"]")
#define TOOLS RESULT("\"tools\":[]")
#define NO_BODY {NULL, NULL}, NULL, NULL, 0
#define JSON(body) {SCRIPT_JSON, NULL}, body, NULL, 0
#define NONE \
  { NULL, {NULL, NULL, NULL}, NULL, 0, {NULL, NULL}, NULL, NULL, 0 }

#define PROVEN INVSRC_OUTCOME_PROVEN
#define OK INVSRC_OUTCOME_OK
#define REFUSED INVSRC_OUTCOME_REFUSED
#define UNREACHABLE INVSRC_OUTCOME_UNREACHABLE

/* ---- Headers ---------------------------------------------------------------------------- */

/* The field lines of the first request that carries the credential, "|" behind each, but
 * for those that say what is sent and wanted. */
static void collect(const invsrc_http_request *request, char *to, size_t size) {
  static const char *const plain[] = {
      "Content-Type:", "Accept:", "MCP-Protocol-Version:", "Mcp-Method:", "A2A-Version:"};
  size_t length = 0;

  *to = '\0';
  for (uint32_t i = 0; i < request->header_count; i++) {
    int is_plain = 0;
    for (size_t k = 0; k < COUNT(plain); k++)
      is_plain |= strncmp(request->headers[i], plain[k], strlen(plain[k])) == 0;
    if (!is_plain)
      length += (size_t)snprintf(to + length, size - length, "%s|", request->headers[i]);
  }
}

static void headers_carry_credentials(void **state) {
  static const struct {
    const char *protocol;
    const char *auth;
    const char *header;
    const char *lines;
  } rows[] = {
      {"MCP", "{\"type\":\"bearer\",\"token\":\"a\\\"b\"}", NULL,
       "Authorization: Bearer a\"b|x-adcp-auth: a\"b|"},
      {"MCP", "{\"type\":\"bearer\",\"token\":\"t\"}", "X-Key",
       "Authorization: Bearer t|x-adcp-auth: t|"},
      {"MCP", "{\"type\":\"api_key\",\"token\":\"t\"}", "X-Key",
       "Authorization: Bearer t|x-adcp-auth: t|X-Key: t|"},
      {"MCP", "{\"type\":\"apikey\",\"token\":\"t\"}", "X-Key",
       "Authorization: Bearer t|x-adcp-auth: t|X-Key: t|"},
      {"MCP", "{\"type\":\"apikey\",\"token\":\"t\"}", "X-AdCP-Auth",
       "Authorization: Bearer t|x-adcp-auth: t|"},
      {"MCP", "{\"type\":\"basic\",\"username\":\"u\xc3\xa9\",\"password\":\"p:q\"}", "X-Key",
       "Authorization: Basic dcOpOnA6cQ==|"},
      {"MCP", "{\"type\":\"basic\",\"username\":\"ab\",\"password\":\"\"}", NULL,
       "Authorization: Basic YWI6|"},
      {"A2A", "{\"type\":\"bearer\",\"token\":\"t\"}", "X-Key", "Authorization: Bearer t|"},
      {"A2A", "{\"type\":\"api_key\",\"token\":\"t\"}", NULL, "Authorization: Bearer t|"},
      {"A2A", "{\"type\":\"api_key\",\"token\":\"t\"}", "X-AdCP-Auth",
       "Authorization: Bearer t|X-AdCP-Auth: t|"},
      {"A2A", "{\"type\":\"basic\",\"username\":\"u\",\"password\":\"p\"}", NULL,
       "Authorization: Basic dTpw|"},
      {"MCP", "{\"type\":\"oauth\",\"access_token\":\"t\",\"token\":\"x\"}", "X-Key",
       "Authorization: Bearer t|"},
      {"A2A", "{\"type\":\"oauth\",\"access_token\":\"t\"}", "X-Key", "Authorization: Bearer t|"},
      {"MCP", NULL, "X-Key", ""},
  };
  static const struct script_line card = {
      POST, {NULL, NULL, NULL}, NULL, 200, JSON("{\"url\":\"" SCRIPT_URL "\"}")};

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    invsrc_probe_setup setup = {.api_key_header = rows[i].header};
    invsrc_conversation *conversation;
    const invsrc_http_request *request;
    char lines[512];
    int32_t exchange;

    assert_int_equal(
        script_begin(rows[i].protocol, SCRIPT_URL, rows[i].auth, &setup, &conversation), INVSRC_OK);
    exchange = invsrc_conversation_next(conversation, &request);
    if (strcmp(rows[i].protocol, "A2A") == 0) {
      collect(request, lines, sizeof lines);
      assert_string_equal(lines, "");
      script_answer(conversation, exchange, &card, request, SCRIPT_WHOLE);
      assert_true(invsrc_conversation_next(conversation, &request) > 0);
    }
    collect(request, lines, sizeof lines);
    assert_string_equal(lines, rows[i].lines);
    invsrc_conversation_free(conversation);
  }
}

static void what_no_header_can_carry_is_refused_at_once(void **state) {
  static const char *const auths[] = {"{\"type\":\"bearer\",\"token\":\"a\\u0001b\"}",
                                      "{\"type\":\"api_key\",\"token\":\"a\\r\\nX: b\"}",
                                      "{\"type\":\"bearer\",\"token\":\"  \"}",
                                      "{\"type\":\"bearer\",\"token\":\"\"}"};

  (void)state;
  for (size_t i = 0; i < COUNT(auths); i++) {
    invsrc_probe_setup setup = {.tool = NULL};
    invsrc_conversation *conversation;
    const invsrc_http_request *request;
    const char *reason;

    assert_int_equal(script_begin("MCP", SCRIPT_URL, auths[i], &setup, &conversation), INVSRC_OK);
    assert_int_equal(invsrc_conversation_outcome(conversation, &reason), REFUSED);
    assert_string_equal(reason, "no HTTP header can carry the credential: check auth.token");
    assert_int_equal(invsrc_conversation_next(conversation, &request), 0);
    assert_null(request);
    invsrc_conversation_free(conversation);
  }
}

static void what_came_of_a_consent_is_refused_by_its_name(void **state) {
  static const struct script_line refused[] = {{POST, {"Bearer t", NULL, NULL}, NULL, 401, NO_BODY},
                                               NONE};
  static const struct {
    const char *auth;
    const struct script_line *lines;
    const char *reason;
  } rows[] = {
      {"{\"type\":\"oauth\",\"access_token\":\"t\"}", refused,
       "the agent answered 401: check the consent"},
      {"{\"type\":\"oauth\",\"access_token\":\"a b\"}", refused + 1,
       "no HTTP header can carry the credential: check the consent"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    invsrc_probe_setup setup = {.tool = NULL};
    invsrc_conversation *conversation;
    const char *reason;

    assert_int_equal(script_begin("MCP", SCRIPT_URL, rows[i].auth, &setup, &conversation),
                     INVSRC_OK);
    assert_int_equal(script_play(conversation, rows[i].lines, SCRIPT_WHOLE), INVSRC_OK);
    assert_int_equal(invsrc_conversation_outcome(conversation, &reason), REFUSED);
    assert_string_equal(reason, rows[i].reason);
    invsrc_conversation_free(conversation);
  }
}

/* ---- JWT ----------------------------------------------------------------------------------- */

static char jwt_auth[SCRIPT_JWT_SIZE];

static int make_auth(void **state) {
  (void)state;
  script_write_jwt(TOKEN_URL, jwt_auth);
  return 0;
}

/* Plays a script for a JWT credential, and holds what came of it against the rest. */
static void check_jwt(const struct script_line *lines, const char *kept, int32_t outcome,
                      const char *reason, const char *token) {
  invsrc_probe_setup setup = {.access_token = kept};
  invsrc_conversation *conversation;
  const char *said;
  int64_t good_until = -1;

  assert_int_equal(script_begin("MCP", SCRIPT_URL, jwt_auth, &setup, &conversation), INVSRC_OK);
  assert_int_equal(script_play(conversation, lines, SCRIPT_WHOLE), INVSRC_OK);
  assert_int_equal(invsrc_conversation_outcome(conversation, &said), outcome);
  assert_string_equal(said, reason);
  said = invsrc_conversation_access_token(conversation, &good_until);
  if (token)
    assert_string_equal(said, token);
  else
    assert_null(said);
  assert_int_equal(good_until, token ? INT64_C(1800000080000) : 0);
  invsrc_conversation_free(conversation);
}

#define EXCHANGE(...) \
  { "POST " TOKEN_URL, {"client_assertion=", "&scope=c", NULL}, "Authorization", __VA_ARGS__ }
#define TOKEN(token) JSON("{\"access_token\":\"" token "\",\"expires_in\":100}")
#define ASK(token, method, ...) \
  { POST, {"Authorization: Bearer " token, method, NULL}, "x-adcp-auth", __VA_ARGS__ }
#define BARE(method, ...) \
  { POST, {method, NULL, NULL}, "Authorization", __VA_ARGS__ }
#define JWT_401 "the agent answered 401: check auth.scope, auth.subject and auth.audienceUrl"

static void assertions_are_exchanged(void **state) {
  static const struct script_line good[] = {
      EXCHANGE(200, TOKEN("fresh")), ASK("fresh", "server/discover", 200, JSON(DISCOVERED)),
      ASK("fresh", "tools/list", 200, JSON(TOOLS)), BARE("tools/list", 401, NO_BODY), NONE};
  static const struct script_line refused[] = {EXCHANGE(200, TOKEN("fresh")),
                                               ASK("fresh", "server/discover", 401, NO_BODY), NONE};
  static const struct script_line no_token[] = {EXCHANGE(401, JSON("{\"error\":\"x\"}")), NONE};
  static const struct script_line away[] = {EXCHANGE(0, {NULL, NULL}, NULL, "took too long", 0),
                                            NONE};

  (void)state;
  check_jwt(good, NULL, PROVEN, "", "fresh");
  check_jwt(refused, NULL, REFUSED, JWT_401, "fresh");
  check_jwt(no_token, NULL, REFUSED,
            "the token endpoint answered 401: check auth.privateKey and auth.keyId", NULL);
  check_jwt(away, NULL, UNREACHABLE, "the token endpoint: took too long", NULL);
}

static void kept_tokens_are_used_and_renewed_once(void **state) {
  static const struct script_line good[] = {ASK("kept", "server/discover", 200, JSON(DISCOVERED)),
                                            ASK("kept", "tools/list", 200, JSON(TOOLS)),
                                            BARE("tools/list", 401, NO_BODY), NONE};
  static const struct script_line renewed[] = {
      ASK("kept", "server/discover", 401, NO_BODY),
      EXCHANGE(200, TOKEN("fresh")),
      ASK("fresh", "server/discover", 200, JSON(DISCOVERED)),
      ASK("fresh", "tools/list", 200, JSON(TOOLS)),
      BARE("tools/list", 200, JSON(TOOLS)),
      NONE};
  static const struct script_line late[] = {ASK("kept", "server/discover", 200, JSON(DISCOVERED)),
                                            ASK("kept", "tools/list", 403, NO_BODY),
                                            EXCHANGE(200, TOKEN("fresh")),
                                            ASK("fresh", "tools/list", 200, JSON(TOOLS)),
                                            BARE("tools/list", 403, NO_BODY),
                                            NONE};
  static const struct script_line twice[] = {ASK("kept", "server/discover", 401, NO_BODY),
                                             EXCHANGE(200, TOKEN("fresh")),
                                             ASK("fresh", "server/discover", 401, NO_BODY), NONE};
  static const struct script_line down[] = {ASK("kept", "server/discover", 502, NO_BODY), NONE};

  (void)state;
  check_jwt(good, "kept", PROVEN, "", NULL);
  check_jwt(renewed, "kept", OK, "", "fresh");
  check_jwt(late, "kept", PROVEN, "", "fresh");
  check_jwt(twice, "kept", REFUSED, JWT_401, "fresh");
  check_jwt(down, "kept", UNREACHABLE, "answered 502", NULL);
}

/* The key is an EC key, which makes no RS256: nobody notices while a token is good. */
static void nothing_is_signed_while_a_token_is_good(void **state) {
  static const struct script_line good[] = {ASK("kept", "server/discover", 200, JSON(DISCOVERED)),
                                            ASK("kept", "tools/list", 200, JSON(TOOLS)),
                                            BARE("tools/list", 401, NO_BODY), NONE};
  static const struct script_line bad[] = {ASK("kept", "server/discover", 401, NO_BODY), NONE};
  invsrc_probe_setup setup = {.access_token = NULL};
  invsrc_conversation *conversation;
  char *algorithm = strstr(jwt_auth, "ES256");
  const char *reason;

  (void)state;
  memcpy(algorithm, "RS256", 5);
  assert_int_equal(script_begin("MCP", SCRIPT_URL, jwt_auth, &setup, &conversation),
                   INVSRC_ECRYPTO);
  check_jwt(good, "kept", PROVEN, "", NULL);
  setup.access_token = "kept";
  assert_int_equal(script_begin("MCP", SCRIPT_URL, jwt_auth, &setup, &conversation), INVSRC_OK);
  assert_int_equal(script_play(conversation, bad, SCRIPT_WHOLE), INVSRC_OK);
  assert_int_equal(invsrc_conversation_outcome(conversation, &reason), INVSRC_OUTCOME_FAILED);
  assert_string_equal(reason, "the private key cannot sign");
  invsrc_conversation_free(conversation);
  memcpy(algorithm, "ES256", 5);
}

static void assertions_last_as_long_as_they_are_told(void **state) {
  static const uint32_t seconds[] = {0, 1, 3600};
  size_t lengths[3];

  (void)state;
  for (size_t i = 0; i < COUNT(seconds); i++) {
    invsrc_probe_setup setup = {.assertion_seconds = seconds[i]};
    invsrc_conversation *conversation;
    const invsrc_http_request *request;
    assert_int_equal(script_begin("A2A", SCRIPT_URL, jwt_auth, &setup, &conversation), INVSRC_OK);
    assert_int_equal(invsrc_conversation_next(conversation, &request), 1);
    assert_string_equal(request->url, TOKEN_URL);
    lengths[i] = (size_t)request->body_length;
    invsrc_conversation_free(conversation);
  }
  assert_int_equal(lengths[0], lengths[1]);
  assert_int_equal(lengths[0], lengths[2]);
}

/* ---- The calls ------------------------------------------------------------------------------ */

static void arguments_are_judged(void **state) {
  static const struct {
    const char *protocol;
    const char *auth;
  } bad[] = {
      {"HTTP", NULL},
      {"mcp", NULL},
      {"MCP", ""},
      {"MCP", "x"},
      {"MCP", "[]"},
      {"MCP", "{}"},
      {"MCP", "{\"type\":7}"},
      {"MCP", "{\"type\":\"none\",\"token\":\"x\"}"},
      {"MCP", "{\"type\":\"bearer\"}"},
      {"MCP", "{\"type\":\"bearer\",\"token\":7}"},
      {"MCP", "{\"type\":\"bearer\",\"token\":\"a\\u0000b\"}"},
      {"MCP", "{\"type\":\"basic\",\"username\":\"u\"}"},
      {"MCP", "{\"type\":\"basic\",\"password\":\"p\"}"},
      {"MCP", "{\"type\":\"jwt\"}"},
      {"MCP", BEARER " " BEARER},
  };
  invsrc_probe_setup setup = {.tool = NULL};
  invsrc_source *source = invsrc_source_new();
  invsrc_conversation *conversation = (invsrc_conversation *)&setup;

  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++) {
    assert_int_equal(script_begin(bad[i].protocol, SCRIPT_URL, bad[i].auth, &setup, &conversation),
                     INVSRC_EINVAL);
    assert_null(conversation);
  }
  assert_int_equal(invsrc_conversation_new(source, NULL, 0, &setup, &conversation), INVSRC_EINVAL);
  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, "MCP", 3);
  assert_int_equal(invsrc_conversation_new(source, NULL, 0, &setup, &conversation), INVSRC_EINVAL);
  assert_int_equal(script_begin("A2A", "agent.example", NULL, &setup, &conversation),
                   INVSRC_EINVAL);
  assert_int_equal(script_begin("A2A", "ftp://agent.example", NULL, &setup, &conversation),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_new(NULL, NULL, 0, &setup, &conversation), INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_new(source, NULL, 0, NULL, &conversation), INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_new(source, NULL, 0, &setup, NULL), INVSRC_EINVAL);
  invsrc_source_free(source);
  invsrc_conversation_free(NULL);
}

static void setups_are_judged(void **state) {
  static const char *const headers[] = {"",
                                        "a b",
                                        "a:b",
                                        "Authorization",
                                        "content-type",
                                        "HOST",
                                        "MCP-Session-Id",
                                        "Transfer-Encoding",
                                        "\xc3\xa9"};
  static const char *const tools[] = {"", "a b", "a\r\nX-Evil: b"};
  invsrc_conversation *conversation;
  invsrc_source *source = invsrc_source_new();
  invsrc_probe_setup setup = {.assertion_seconds = 3601};

  (void)state;
  assert_int_equal(script_begin("MCP", SCRIPT_URL, NULL, &setup, &conversation), INVSRC_EINVAL);
  setup.assertion_seconds = 0;
  setup.allow_http = 2;
  assert_int_equal(script_begin("MCP", SCRIPT_URL, NULL, &setup, &conversation), INVSRC_EINVAL);
  setup.allow_http = 0;
  script_begin("MCP", SCRIPT_URL, NULL, &setup, &conversation); /* sets the clock */
  invsrc_conversation_free(conversation);
  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, "MCP", 3);
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, SCRIPT_URL, strlen(SCRIPT_URL));
  setup.now = INVSRC_TIME_LIMIT + 1;
  assert_int_equal(invsrc_conversation_new(source, NULL, 0, &setup, &conversation), INVSRC_EINVAL);
  setup.now = INVSRC_TIME_LIMIT;
  assert_int_equal(invsrc_conversation_new(source, NULL, 0, &setup, &conversation), INVSRC_OK);
  invsrc_conversation_free(conversation);
  for (size_t i = 0; i < COUNT(headers); i++) {
    setup.api_key_header = headers[i];
    assert_int_equal(script_begin("MCP", SCRIPT_URL, NULL, &setup, &conversation), INVSRC_EINVAL);
  }
  setup.api_key_header = NULL;
  for (size_t i = 0; i < COUNT(tools); i++) {
    setup.tool = tools[i];
    assert_int_equal(script_begin("MCP", SCRIPT_URL, NULL, &setup, &conversation), INVSRC_EINVAL);
  }
  setup.tool = NULL;
  setup.access_token = "a b";
  assert_int_equal(script_begin("MCP", SCRIPT_URL, jwt_auth, &setup, &conversation), INVSRC_EINVAL);
  setup.access_token = NULL;
  setup.size = sizeof setup - 8;
  invsrc_source_set_text(source, INVSRC_SOURCE_PROTOCOL, "MCP", 3);
  invsrc_source_set_text(source, INVSRC_SOURCE_ENDPOINT_URL, SCRIPT_URL, strlen(SCRIPT_URL));
  assert_int_equal(invsrc_conversation_new(source, NULL, 0, &setup, &conversation), INVSRC_EINVAL);
  setup.size = sizeof setup;
  setup.now = -1;
  assert_int_equal(invsrc_conversation_new(source, NULL, 0, &setup, &conversation), INVSRC_EINVAL);
  invsrc_source_free(source);
}

static void keys_that_cannot_sign_are_told(void **state) {
  invsrc_probe_setup setup = {.tool = NULL};
  invsrc_conversation *conversation;
  char auth[sizeof jwt_auth];

  (void)state;
  strcpy(auth, jwt_auth);
  memcpy(strstr(auth, "ES256"), "RS256", 5);
  assert_int_equal(script_begin("MCP", SCRIPT_URL, auth, &setup, &conversation), INVSRC_ECRYPTO);
}

static void exchanges_are_answered_once(void **state) {
  invsrc_probe_setup setup = {.tool = NULL};
  invsrc_conversation *conversation;
  const invsrc_http_request *request;
  invsrc_http_reply *reply = invsrc_http_reply_new();
  const char *reason = NULL;
  int64_t good_until = 7;

  (void)state;
  assert_int_equal(script_begin("MCP", SCRIPT_URL, BEARER, &setup, &conversation), INVSRC_OK);
  assert_int_equal(invsrc_conversation_answer(conversation, 1, OK, reply), INVSRC_ESTATE);
  assert_int_equal(invsrc_conversation_next(NULL, &request), INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_next(conversation, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_next(conversation, &request), 1);
  assert_int_equal(request->size, sizeof *request);
  assert_int_equal(request->timeout_ms, 10000);
  assert_int_equal(request->max_body, 262144);
  assert_int_equal(request->redirects, 0);
  assert_int_equal(request->looks, 1);
  assert_int_equal(invsrc_conversation_next(conversation, &request), 0);
  assert_null(request);
  assert_int_equal(invsrc_conversation_answer(NULL, 1, OK, reply), INVSRC_EINVAL);
  assert_int_equal(invsrc_conversation_answer(conversation, 1, OK, NULL), INVSRC_EINVAL);
  for (int32_t exchange = -1; exchange <= 2; exchange++)
    if (exchange != 1)
      assert_int_equal(invsrc_conversation_answer(conversation, exchange, OK, reply),
                       INVSRC_ESTATE);
  assert_int_equal(invsrc_conversation_look(NULL, 1, reply), 0);
  assert_int_equal(invsrc_conversation_look(conversation, 1, NULL), 0);
  assert_int_equal(invsrc_conversation_look(conversation, 2, reply), 0);
  assert_int_equal(invsrc_conversation_look(conversation, 1, reply), 0);
  assert_int_equal(invsrc_conversation_outcome(conversation, &reason), 0);
  assert_string_equal(reason, "");
  invsrc_http_reply_set_status(reply, 401);
  assert_int_equal(invsrc_conversation_answer(conversation, 1, OK, reply), INVSRC_OK);
  assert_int_equal(invsrc_conversation_answer(conversation, 1, OK, reply), INVSRC_ESTATE);
  assert_int_equal(invsrc_conversation_outcome(conversation, &reason), REFUSED);
  assert_int_equal(invsrc_conversation_next(conversation, &request), 0);
  assert_int_equal(invsrc_conversation_outcome(NULL, &reason), 0);
  assert_null(invsrc_conversation_access_token(conversation, &good_until));
  assert_int_equal(good_until, 0);
  assert_null(invsrc_conversation_access_token(NULL, NULL));
  invsrc_http_reply_free(reply);
  invsrc_conversation_free(conversation);
}

static void replies_that_are_too_large_are_not_read(void **state) {
  invsrc_probe_setup setup = {.tool = NULL};
  invsrc_conversation *conversation;
  const invsrc_http_request *request;
  invsrc_http_reply *reply = invsrc_http_reply_new();
  const char *reason;
  char block[1024];

  (void)state;
  memset(block, ' ', sizeof block);
  invsrc_http_reply_set_status(reply, 200);
  for (int i = 0; i < 256; i++) invsrc_http_reply_append_body(reply, block, sizeof block);
  assert_int_equal(script_begin("MCP", SCRIPT_URL, BEARER, &setup, &conversation), INVSRC_OK);
  assert_int_equal(invsrc_conversation_next(conversation, &request), 1);
  assert_int_equal(invsrc_conversation_look(conversation, 1, reply), 0);
  invsrc_http_reply_append_body(reply, block, 1);
  assert_int_equal(invsrc_conversation_look(conversation, 1, reply), 1);
  assert_int_equal(invsrc_conversation_answer(conversation, 1, OK, reply), INVSRC_OK);
  assert_int_equal(invsrc_conversation_outcome(conversation, &reason), UNREACHABLE);
  assert_string_equal(reason, "the answer is too large");
  invsrc_http_reply_free(reply);
  invsrc_conversation_free(conversation);
}

/* Whatever a transport says, a reason is one short line of UTF-8. */
static void reasons_are_fit_to_be_shown(void **state) {
  static const struct {
    const char *given;
    const char *told;
  } rows[] = {
      {"a\r\nb", "a  b"},
      {"a\xff"
       "b",
       "a"},
      {"a\xc2\x85"
       "b",
       "a"},
      {"\xc3\xa9", "\xc3\xa9"},
      {"", "no answer"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct script_line lines[] = {
        {POST, {NULL, NULL, NULL}, NULL, 0, {NULL, NULL}, NULL, rows[i].given, 0}, NONE};
    invsrc_probe_setup setup = {.tool = NULL};
    invsrc_conversation *conversation;
    const char *reason;

    assert_int_equal(script_begin("MCP", SCRIPT_URL, NULL, &setup, &conversation), INVSRC_OK);
    assert_int_equal(script_play(conversation, lines, SCRIPT_WHOLE), INVSRC_OK);
    assert_int_equal(invsrc_conversation_outcome(conversation, &reason), UNREACHABLE);
    assert_string_equal(reason, rows[i].told);
    invsrc_conversation_free(conversation);
  }
}

static void our_own_failures_are_not_the_agents(void **state) {
  static const struct script_line lines[] = {{POST,
                                              {NULL, NULL, NULL},
                                              NULL,
                                              0,
                                              {NULL, NULL},
                                              NULL,
                                              "memory ran out",
                                              INVSRC_OUTCOME_FAILED},
                                             NONE};
  invsrc_probe_setup setup = {.tool = NULL};
  invsrc_conversation *conversation;
  const char *reason;

  (void)state;
  assert_int_equal(script_begin("MCP", SCRIPT_URL, NULL, &setup, &conversation), INVSRC_OK);
  assert_int_equal(script_play(conversation, lines, SCRIPT_WHOLE), INVSRC_OK);
  assert_int_equal(invsrc_conversation_outcome(conversation, &reason), INVSRC_OUTCOME_FAILED);
  assert_string_equal(reason, "memory ran out");
  invsrc_conversation_free(conversation);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(headers_carry_credentials),
      cmocka_unit_test(what_no_header_can_carry_is_refused_at_once),
      cmocka_unit_test(what_came_of_a_consent_is_refused_by_its_name),
      cmocka_unit_test(assertions_are_exchanged),
      cmocka_unit_test(kept_tokens_are_used_and_renewed_once),
      cmocka_unit_test(nothing_is_signed_while_a_token_is_good),
      cmocka_unit_test(assertions_last_as_long_as_they_are_told),
      cmocka_unit_test(arguments_are_judged),
      cmocka_unit_test(setups_are_judged),
      cmocka_unit_test(keys_that_cannot_sign_are_told),
      cmocka_unit_test(exchanges_are_answered_once),
      cmocka_unit_test(replies_that_are_too_large_are_not_read),
      cmocka_unit_test(reasons_are_fit_to_be_shown),
      cmocka_unit_test(our_own_failures_are_not_the_agents),
  };

  return cmocka_run_group_tests(tests, make_auth, NULL);
}
