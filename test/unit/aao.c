/*
 * The AAO conversation without I/O: how URLs are compared, which requests are
 * made, what counts as an answer, and what follows from answers.
 */
#include <invsrc/invsrc.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "agents/aao.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static ivs_aao_key key_of(const char *url) {
  ivs_aao_key key;

  assert_int_equal(ivs_aao_key_of_url(url, strlen(url), &key), INVSRC_OK);
  return key;
}

/* ---- URLs ---------------------------------------------------------------- */

static void urls_are_compared_folded(void **state) {
  static const char *const equal[][2] = {
      {"https://a.example/mcp", "https://a.example/mcp"},
      {"https://a.example", "https://a.example/"},
      {"https://a.example/mcp", "https://a.example/mcp/"},
      {"https://a.example/mcp", "https://a.example/mcp///"},
      {"https://a.example/mcp", "HTTPS://A.Example:443/MCP"},
      {"https://a.example/mcp", "https://a.example./x/../mcp"},
      {"https://a.example/%7Ebob", "https://a.example/~BOB"},
      {"https://a.example/%c3%a9", "https://a.example/%C3%A9"},
      {"https://a.example/mcp", "https://user@a.example/mcp#top"},
      {"https://a.example/?Q=1", "https://a.example/?q=1/"},
      {"https://[2001:DB8::1]/", "https://[2001:db8::1]"},
  };
  static const char *const different[][2] = {
      {"https://a.example/mcp", "http://a.example/mcp"},
      {"https://a.example/mcp", "https://a.example"},
      {"https://a.example/mcp", "https://a.example/mcp?"},
      {"https://a.example/mcp", "https://a.example:8443/mcp"},
      {"https://a.example/mcp", "https://b.example/mcp"},
      {"https://a.example//mcp", "https://a.example/mcp"},
      {"https://a.example/a%2Fb", "https://a.example/a/b"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(equal); i++) {
    ivs_aao_key a = key_of(equal[i][0]), b = key_of(equal[i][1]);
    assert_memory_equal(&a, &b, sizeof a);
  }
  for (size_t i = 0; i < COUNT(different); i++) {
    ivs_aao_key a = key_of(different[i][0]), b = key_of(different[i][1]);
    assert_memory_not_equal(&a, &b, sizeof a);
  }
}

static void what_is_no_url_has_no_key(void **state) {
  static const char *const bad[] = {"", "a.example", "ftp://a.example/", "https://",
                                    "https://a b/"};
  char url[2050] = "https://a.example/";
  ivs_aao_key key;

  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_int_equal(ivs_aao_key_of_url(bad[i], strlen(bad[i]), &key), INVSRC_EMALFORMED);
  memset(url + strlen(url), 'x', sizeof url - strlen(url));
  assert_int_equal(ivs_aao_key_of_url(url, 2048, &key), INVSRC_OK);
  assert_int_equal(ivs_aao_key_of_url(url, 2049, &key), INVSRC_EMALFORMED);
}

/* ---- Lists of agents ----------------------------------------------------- */

#define A "{\"url\":\"https://a.example/mcp\"}"

static void lists_are_read(void **state) {
  static const struct {
    const char *text;
    size_t listed;
    size_t count;
  } rows[] = {
      {"{\"agents\":[]}", 0, 0},
      {"{\"agents\":[" A "]}", 1, 1},
      {"{\"count\":2,\"agents\":[" A "," A "],\"more\":null}", 2, 2},
      {"{\"agents\":[{\"name\":\"a\",\"url\":\"https://a.example\",\"type\":\"SALES\"}]}", 1, 1},
      {"{\"ag\\u0065nts\":[{\"\\u0075rl\":\"https:\\/\\/a.example\\/m\\u0063p\"}]}", 1, 1},
      /* Agents that cannot be compared are passed over. */
      {"{\"agents\":[" A ",{\"url\":\"\"},{\"url\":\"ftp://a\"},{\"url\":null},{\"url\":1}]}", 5,
       1},
      {"{\"agents\":[" A ",{\"url\":[\"https://b\"]},{\"url\":{\"url\":\"https://b\"}},{}]}", 4, 1},
      {"{\"agents\":[{\"url\":\"no URL\"}]}", 1, 0},
      {"{\"agents\":[{\"URL\":\"https://b\",\"url\":\"x\",\"url \":\"https://b\"}]}", 1, 0},
      /* Only the list itself counts, not what looks like it. */
      {"{\"x\":{\"agents\":[" A "]},\"agents\":[]}", 0, 0},
      {"{\"agents\":[],\"x\":[" A "],\"member\":{\"url\":\"https://a.example/mcp\"}}", 0, 0},
      {"{\"agents\":[{\"url\":\"x\",\"agents\":[" A "]}]}", 1, 0},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_json_fault fault;
    ivs_aao_set *set;
    assert_int_equal(ivs_aao_set_read(rows[i].text, strlen(rows[i].text), 10, &set, &fault),
                     INVSRC_OK);
    assert_int_equal(set->listed, rows[i].listed);
    assert_int_equal(set->count, rows[i].count);
    ivs_aao_set_free(set);
  }
}

static void what_is_no_list_is_told(void **state) {
  static const struct {
    const char *text;
    const char *message; /* NULL: not JSON */
  } rows[] = {
      {"", NULL},
      {"<!DOCTYPE html><html></html>", NULL},
      {"{\"agents\":[" A "]", NULL},
      {"{\"agents\":[" A "]} x", NULL},
      {"{\"agents\":[],\"agents\":[]}", NULL},
      {"\xef\xbb\xbf{\"agents\":[]}", NULL},
      {"{\"agents\":[{\"url\":\"https://a\xff\"}]}", NULL},
      {"{\"x\":[[[[[[[[[[[[[[[[[[[[", NULL},
      {"[" A "]", "it is no object"},
      {"null", "it has no agents"},
      {"\"agents\"", "it has no agents"},
      {"{}", "it has no agents"},
      {"{\"Agents\":[]}", "it has no agents"},
      {"{\"error\":\"down\"}", "it has no agents"},
      {"{\"data\":{\"agents\":[]}}", "it has no agents"},
      {"{\"agents\":null}", "agents is no array"},
      {"{\"agents\":\"https://a.example/mcp\"}", "agents is no array"},
      {"{\"agents\":{\"url\":\"https://a.example/mcp\"}}", "agents is no array"},
      {"{\"agents\":[\"https://a.example/mcp\"]}", "an agent is no object"},
      {"{\"agents\":[" A ",7]}", "an agent is no object"},
      {"{\"agents\":[[" A "]]}", "an agent is no object"},
      {"{\"agents\":[{\"uri\":\"https://a.example/mcp\"}]}", "no agent has a url"},
      {"{\"agents\":[" A "," A "," A "]}", "it has too many agents"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_json_fault fault = {0, 0, 0, NULL};
    ivs_aao_set *set = (ivs_aao_set *)&fault;
    assert_int_equal(ivs_aao_set_read(rows[i].text, strlen(rows[i].text), 2, &set, &fault),
                     INVSRC_EMALFORMED);
    assert_null(set);
    assert_non_null(fault.message);
    assert_int_equal(fault.line != 0, rows[i].message == NULL);
    if (rows[i].message) assert_string_equal(fault.message, rows[i].message);
  }
}

static void a_set_has_what_was_listed(void **state) {
  ivs_buffer text = IVS_BUFFER_EMPTY;
  ivs_json_fault fault;
  ivs_aao_set *set;
  ivs_aao_key key;
  char url[64];

  (void)state;
  ivs_buffer_append_text(&text, "{\"agents\":[");
  for (int i = 0; i < 1000; i++) {
    snprintf(url, sizeof url, "%s{\"url\":\"https://a%d.example/\"}", i ? "," : "",
             i * 7919 % 1000);
    ivs_buffer_append_text(&text, url);
  }
  ivs_buffer_append_text(&text, "]}");
  assert_int_equal(ivs_aao_set_read(text.bytes, text.length, 1000, &set, &fault), INVSRC_OK);
  assert_int_equal(set->count, 1000);
  for (int i = 0; i < 1001; i++) {
    snprintf(url, sizeof url, "https://A%d.example", i);
    key = key_of(url);
    assert_int_equal(ivs_aao_set_has(set, &key), i < 1000);
  }
  assert_false(ivs_aao_set_has(NULL, &key));
  ivs_aao_set_free(set);
  ivs_aao_set_free(NULL);
  ivs_buffer_end(&text);
}

/* ---- Requests ------------------------------------------------------------ */

static void bases_are_read(void **state) {
  static const char *const bad[] = {"",
                                    "agenticadvertising.org",
                                    "ftp://a.example",
                                    "https://user@a.example",
                                    "https://a.example?x",
                                    "https://a.example#x",
                                    "https://a.example/?"};
  static const char *const good[][2] = {
      {INVSRC_AAO_URL, INVSRC_AAO_URL},
      {"https://a.example/", "https://a.example"},
      {"http://127.0.0.1:8080/aao//", "http://127.0.0.1:8080/aao"},
  };
  invsrc_error *error = invsrc_error_new();
  ivs_buffer base = IVS_BUFFER_EMPTY;

  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++) {
    assert_int_equal(ivs_aao_base_read(bad[i], &base, error), INVSRC_EMALFORMED);
    assert_int_equal(invsrc_error_code(error), INVSRC_EMALFORMED);
    assert_non_null(strstr(invsrc_error_message(error), "must "));
  }
  for (size_t i = 0; i < COUNT(good); i++) {
    assert_int_equal(ivs_aao_base_read(good[i][0], &base, NULL), INVSRC_OK);
    assert_string_equal(base.bytes, good[i][1]);
  }
  ivs_buffer_end(&base);
  invsrc_error_free(error);
}

static void requests_ask_for_the_two_documents(void **state) {
  static const ivs_aao_site plain = {"https://a.example/x", NULL};
  static const ivs_aao_site with_key = {"https://a.example", "sk_secret"};
  ivs_aao_request request;

  (void)state;
  assert_int_equal(ivs_aao_request_catalogue(&request, &plain, NULL, NULL), INVSRC_OK);
  assert_int_equal(request.http.size, sizeof(invsrc_http_request));
  assert_string_equal(request.http.method, "GET");
  assert_string_equal(request.http.url, "https://a.example/x/api/registry/agents");
  assert_int_equal(request.http.header_count, 1);
  assert_string_equal(request.http.headers[0], "Accept: application/json");
  assert_int_equal(request.http.max_body, 32 << 20);
  assert_int_equal(request.http.timeout_ms, 30000);
  assert_int_equal(request.http.redirects, 3);
  assert_null(request.http.body);
  ivs_aao_request_end(&request);

  assert_int_equal(ivs_aao_request_catalogue(&request, &with_key, "\"e\"", "Fri"), INVSRC_OK);
  assert_int_equal(request.http.header_count, 4);
  assert_string_equal(request.http.headers[1], "Authorization: Bearer sk_secret");
  assert_string_equal(request.http.headers[2], "If-None-Match: \"e\"");
  assert_string_equal(request.http.headers[3], "If-Modified-Since: Fri");
  ivs_aao_request_end(&request);

  assert_int_equal(ivs_aao_request_operator(&request, &with_key, "b.example", 9), INVSRC_OK);
  assert_string_equal(request.http.url, "https://a.example/api/registry/operator?domain=b.example");
  assert_int_equal(request.http.header_count, 2);
  assert_int_equal(request.http.max_body, 256 << 10);
  assert_int_equal(request.http.timeout_ms, 10000);
  ivs_aao_request_end(&request);

  assert_int_equal(ivs_aao_request_operator(&request, &plain, "2001:db8::1", 11), INVSRC_OK);
  assert_string_equal(request.http.url,
                      "https://a.example/x/api/registry/operator?domain=2001%3Adb8%3A%3A1");
  ivs_aao_request_end(&request);
}

/* ---- Answers ------------------------------------------------------------- */

static void only_the_document_is_an_answer(void **state) {
  static const struct {
    int32_t outcome;
    int32_t status;
    const char *body;
    const char *retry_after;
    uint32_t wait;
    const char *reason; /* "": an answer */
  } rows[] = {
      {INVSRC_OUTCOME_OK, 200, "{\"agents\":[]}", NULL, 0, ""},
      {INVSRC_OUTCOME_OK, 200, "{\"agents\":[]}", "9", 0, ""},
      {INVSRC_OUTCOME_OK, 200, "{\"agents\":{}}", NULL, 0, "no list of agents: agents is no array"},
      {INVSRC_OUTCOME_OK, 201, "{\"agents\":[]}", NULL, 0, "answered 201"},
      {INVSRC_OUTCOME_OK, 206, "{\"agents\":[]}", NULL, 0, "answered 206"},
      {INVSRC_OUTCOME_OK, 302, "", NULL, 0, "answered 302"},
      {INVSRC_OUTCOME_OK, 304, "", NULL, 0, "answered 304"},
      {INVSRC_OUTCOME_OK, 401, "{\"agents\":[]}", NULL, 0, "answered 401"},
      {INVSRC_OUTCOME_OK, 404, "{\"agents\":[]}", NULL, 0, "answered 404"},
      {INVSRC_OUTCOME_OK, 429, "{\"error\":\"\"}", "30", 30, "answered 429"},
      {INVSRC_OUTCOME_OK, 503, "", "7200", 60, "answered 503"},
      {INVSRC_OUTCOME_OK, 0, "{\"agents\":[]}", NULL, 0, "answered 0"},
      {INVSRC_OUTCOME_UNAVAILABLE, 200, "{\"agents\":[]}", NULL, 0, "no answer"},
      {INVSRC_OUTCOME_REFUSED, 200, "{\"agents\":[]}", NULL, 0, "no answer"},
      {INVSRC_OUTCOME_FAILED, 200, "{\"agents\":[]}", NULL, 0, "no answer"},
      {0, 200, "{\"agents\":[]}", NULL, 0, "no answer"},
      {-1, 200, "{\"agents\":[]}", NULL, 0, "no answer"},
  };
  static const ivs_aao_site site = {"https://a.example", NULL};
  ivs_aao_request request;

  (void)state;
  assert_int_equal(ivs_aao_request_operator(&request, &site, "b", 1), INVSRC_OK);
  for (size_t i = 0; i < COUNT(rows); i++) {
    invsrc_http_reply *reply = invsrc_http_reply_new();
    ivs_aao_answer answer;
    invsrc_http_reply_set_status(reply, rows[i].status);
    invsrc_http_reply_append_body(reply, rows[i].body, strlen(rows[i].body));
    if (rows[i].retry_after)
      invsrc_http_reply_add_header(reply, "Retry-After", 11, rows[i].retry_after,
                                   strlen(rows[i].retry_after));
    assert_int_equal(ivs_aao_answer_read(&answer, &request, rows[i].outcome, reply), INVSRC_OK);
    assert_string_equal(answer.reason, rows[i].reason);
    assert_int_equal(answer.set != NULL, rows[i].reason[0] == '\0');
    assert_int_equal(answer.retry_after, rows[i].wait);
    assert_false(answer.unchanged);
    ivs_aao_answer_end(&answer);
    invsrc_http_reply_free(reply);
  }
  ivs_aao_request_end(&request);
}

static void unchanged_answers_a_question_for_news(void **state) {
  static const ivs_aao_site site = {"https://a.example", NULL};
  invsrc_http_reply *reply = invsrc_http_reply_new();
  ivs_aao_request request;
  ivs_aao_answer answer;

  (void)state;
  invsrc_http_reply_set_status(reply, 304);
  for (int conditional = 0; conditional <= 1; conditional++) {
    ivs_aao_request_catalogue(&request, &site, NULL, conditional ? "Fri" : NULL);
    assert_int_equal(ivs_aao_answer_read(&answer, &request, INVSRC_OUTCOME_OK, reply), INVSRC_OK);
    assert_int_equal(answer.unchanged, conditional);
    assert_null(answer.set);
    ivs_aao_answer_end(&answer);
    ivs_aao_request_end(&request);
  }
  invsrc_http_reply_free(reply);
}

static void a_reason_and_a_body_too_large_are_told(void **state) {
  static const ivs_aao_site site = {"https://a.example", NULL};
  invsrc_http_reply *reply = invsrc_http_reply_new();
  ivs_aao_request request;
  ivs_aao_answer answer;

  (void)state;
  ivs_aao_request_operator(&request, &site, "b", 1);
  invsrc_http_reply_set_reason(reply, "TLS certificate expired");
  ivs_aao_answer_read(&answer, &request, INVSRC_OUTCOME_UNAVAILABLE, reply);
  assert_string_equal(answer.reason, "TLS certificate expired");
  invsrc_http_reply_set_status(reply, 200);
  invsrc_http_reply_append_body(reply, "{\"agents\":[]}", 13);
  for (int i = 0; i < 256; i++) {
    char spaces[1024];
    memset(spaces, ' ', sizeof spaces);
    invsrc_http_reply_append_body(reply, spaces, sizeof spaces);
  }
  ivs_aao_answer_read(&answer, &request, INVSRC_OUTCOME_OK, reply);
  assert_null(answer.set);
  assert_string_equal(answer.reason, "the answer is too large");
  ivs_aao_request_end(&request);
  invsrc_http_reply_free(reply);
}

static void validators_must_be_fit_to_send_back(void **state) {
  static const struct {
    const char *value;
    int fit;
  } rows[] = {
      {"\"abc\"", 1}, {"W/\"a b\"", 1}, {"", 0}, {"\"\xc3\xa9\"", 0}, {"a\tb", 0}, {"a\rb", 0},
  };
  char value[300];

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    invsrc_http_reply *reply = invsrc_http_reply_new();
    invsrc_http_reply_add_header(reply, "ETag", 4, rows[i].value, strlen(rows[i].value));
    assert_int_equal(ivs_aao_validator(reply, "etag") != NULL, rows[i].fit);
    assert_null(ivs_aao_validator(reply, "Last-Modified"));
    invsrc_http_reply_free(reply);
  }
  memset(value, 'x', sizeof value);
  for (size_t length = 256; length <= 257; length++) {
    invsrc_http_reply *reply = invsrc_http_reply_new();
    invsrc_http_reply_add_header(reply, "ETag", 4, value, length);
    assert_int_equal(ivs_aao_validator(reply, "ETag") != NULL, length == 256);
    invsrc_http_reply_free(reply);
  }
}

/* ---- Time and decision --------------------------------------------------- */

static void spans_and_pauses_are_bounded(void **state) {
  ivs_aao_answer answer = {0};

  (void)state;
  assert_true(ivs_aao_is_within(100, 100, 1));
  assert_true(ivs_aao_is_within(199, 100, 100));
  assert_false(ivs_aao_is_within(200, 100, 100));
  assert_false(ivs_aao_is_within(99, 100, 100));
  assert_false(ivs_aao_is_within(100, 100, 0));
  assert_int_equal(ivs_aao_pause(&answer, 0, 0), 0);
  assert_int_equal(ivs_aao_pause(&answer, 12, 0), 48);
  assert_int_equal(ivs_aao_pause(&answer, -5, 0), 0);
  assert_int_equal(ivs_aao_pause(&answer, 15001, 0), 60000);
  answer.retry_after = 7;
  assert_int_equal(ivs_aao_pause(&answer, 12, 0), 7000);
  assert_int_equal(ivs_aao_pause(&answer, 12, 9), 7000);
}

static void pauses_double_up_to_a_minute(void **state) {
  static const int64_t seconds[] = {0, 1, 2, 4, 8, 16, 32, 60, 60};
  const ivs_aao_answer answer = {0};

  (void)state;
  for (unsigned i = 0; i < sizeof seconds / sizeof *seconds; i++) {
    assert_int_equal(ivs_aao_pause(&answer, 0, i), seconds[i] * 1000);
    assert_int_equal(ivs_aao_pause(&answer, -5, i), seconds[i] * 1000);
  }
  assert_int_equal(ivs_aao_pause(&answer, 0, UINT_MAX), 60000);
  assert_int_equal(ivs_aao_pause(&answer, 249, 1), 1000);
  assert_int_equal(ivs_aao_pause(&answer, 251, 1), 1004);
}

static void an_operators_list_is_read_for_an_endpoint(void **state) {
  ivs_aao_key a = key_of("https://a.example"), b = key_of("https://b.example");
  ivs_aao_set set = {19, 1, &a};

  (void)state;
  assert_int_equal(ivs_aao_operator_list(NULL, &a), IVS_AAO_UNASKED);
  assert_int_equal(ivs_aao_operator_list(&set, &a), IVS_AAO_HAS);
  assert_int_equal(ivs_aao_operator_list(&set, &b), IVS_AAO_LACKS);
  set.listed = 20;
  assert_int_equal(ivs_aao_operator_list(&set, &a), IVS_AAO_HAS);
  assert_int_equal(ivs_aao_operator_list(&set, &b), IVS_AAO_LACKS_SO_FAR);
}

/* What must hold of the decision on every view that there is. */
static void judge_decision(const ivs_aao_view *view) {
  int32_t step = ivs_aao_decide(view);
  int is_yes =
      (view->catalogue != IVS_AAO_NONE && view->is_listed) || view->operator_list == IVS_AAO_HAS;
  int is_fresh_no =
      view->operator_list == IVS_AAO_LACKS ||
      (view->operator_list == IVS_AAO_LACKS_SO_FAR && view->catalogue == IVS_AAO_FRESH);

  switch (step) {
    case INVSRC_OUTCOME_OK:
      assert_true(is_yes);
      break;
    case INVSRC_OUTCOME_NOT_REGISTERED:
      assert_true(is_fresh_no && !is_yes);
      break;
    case INVSRC_OUTCOME_UNAVAILABLE:
      assert_true(!is_yes && !is_fresh_no);
      break;
    case IVS_AAO_DO_REFRESH:
      assert_true(view->can_refresh);
      break;
    case IVS_AAO_DO_ASK:
      assert_true(view->can_ask && view->operator_list == IVS_AAO_UNASKED);
      break;
    default:
      fail_msg("%d is no step", (int)step);
  }
  /* Nothing is asked for a yes that is at hand, and all that may be is before a no. */
  if (view->catalogue != IVS_AAO_NONE && view->is_listed) assert_int_equal(step, INVSRC_OUTCOME_OK);
  if (view->catalogue == IVS_AAO_NONE && view->can_refresh)
    assert_int_equal(step, IVS_AAO_DO_REFRESH);
}

static void the_decision_holds_on_every_view(void **state) {
  int views = 0;

  (void)state;
  for (int bits = 0; bits < 3 * 4 * 8; bits++) {
    ivs_aao_view view = {.catalogue = bits % 3,
                         .operator_list = bits / 3 % 4,
                         .is_listed = bits / 12 & 1,
                         .can_refresh = bits / 24 & 1,
                         .can_ask = bits / 48 & 1};
    judge_decision(&view);
    views++;
  }
  assert_int_equal(views, 96);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(urls_are_compared_folded),
      cmocka_unit_test(what_is_no_url_has_no_key),
      cmocka_unit_test(lists_are_read),
      cmocka_unit_test(what_is_no_list_is_told),
      cmocka_unit_test(a_set_has_what_was_listed),
      cmocka_unit_test(bases_are_read),
      cmocka_unit_test(requests_ask_for_the_two_documents),
      cmocka_unit_test(only_the_document_is_an_answer),
      cmocka_unit_test(unchanged_answers_a_question_for_news),
      cmocka_unit_test(a_reason_and_a_body_too_large_are_told),
      cmocka_unit_test(validators_must_be_fit_to_send_back),
      cmocka_unit_test(spans_and_pauses_are_bounded),
      cmocka_unit_test(pauses_double_up_to_a_minute),
      cmocka_unit_test(an_operators_list_is_read_for_an_endpoint),
      cmocka_unit_test(the_decision_holds_on_every_view),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
