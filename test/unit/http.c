/*
 * HTTP replies and field lines, as transports and conversations share them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "agents/http.h"

static int32_t add(invsrc_http_reply *reply, const char *name, const char *value) {
  return invsrc_http_reply_add_header(reply, name, strlen(name), value, strlen(value));
}

static void a_new_reply_is_empty(void **state) {
  invsrc_http_reply *reply = invsrc_http_reply_new();
  uint64_t length = 7;

  (void)state;
  assert_int_equal(invsrc_http_reply_status(reply), 0);
  assert_null(invsrc_http_reply_header(reply, "ETag"));
  assert_string_equal(invsrc_http_reply_body(reply, &length), "");
  assert_int_equal(length, 0);
  assert_string_equal(invsrc_http_reply_reason(reply), "");
  invsrc_http_reply_free(reply);
  invsrc_http_reply_free(NULL);
}

static void a_reply_holds_what_was_set(void **state) {
  invsrc_http_reply *reply = invsrc_http_reply_new();
  uint64_t length;

  (void)state;
  assert_int_equal(invsrc_http_reply_set_status(reply, 503), INVSRC_OK);
  assert_int_equal(add(reply, "Retry-After", "7"), INVSRC_OK);
  assert_int_equal(add(reply, "X-Empty", ""), INVSRC_OK);
  assert_int_equal(invsrc_http_reply_append_body(reply, "a\0", 2), INVSRC_OK);
  assert_int_equal(invsrc_http_reply_append_body(reply, NULL, 0), INVSRC_OK);
  assert_int_equal(invsrc_http_reply_append_body(reply, "b", 1), INVSRC_OK);
  assert_int_equal(invsrc_http_reply_status(reply), 503);
  assert_string_equal(invsrc_http_reply_header(reply, "retry-AFTER"), "7");
  assert_string_equal(invsrc_http_reply_header(reply, "x-empty"), "");
  assert_null(invsrc_http_reply_header(reply, "Retry-Afte"));
  assert_memory_equal(invsrc_http_reply_body(reply, &length), "a\0b", 4);
  assert_int_equal(length, 3);
  ivs_http_reply_clear(reply);
  assert_int_equal(invsrc_http_reply_status(reply), 0);
  assert_null(invsrc_http_reply_header(reply, "Retry-After"));
  assert_string_equal(invsrc_http_reply_body(reply, NULL), "");
  invsrc_http_reply_free(reply);
}

static void fields_of_one_name_are_a_list(void **state) {
  invsrc_http_reply *reply = invsrc_http_reply_new();

  (void)state;
  add(reply, "WWW-Authenticate", "Basic");
  add(reply, "ETag", "\"e\"");
  add(reply, "www-authenticate", "Bearer");
  assert_string_equal(invsrc_http_reply_header(reply, "WWW-Authenticate"), "Basic, Bearer");
  assert_string_equal(invsrc_http_reply_header(reply, "ETag"), "\"e\"");
  invsrc_http_reply_free(reply);
}

static void a_reason_is_one_short_line(void **state) {
  invsrc_http_reply *reply = invsrc_http_reply_new();
  char text[1000];

  (void)state;
  assert_int_equal(invsrc_http_reply_set_reason(reply, "cannot\r\nconnect"), INVSRC_OK);
  assert_string_equal(invsrc_http_reply_reason(reply), "cannot  connect");
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  assert_int_equal(invsrc_http_reply_set_reason(reply, text), INVSRC_OK);
  assert_in_range(strlen(invsrc_http_reply_reason(reply)), 100, 300);
  invsrc_http_reply_free(reply);
}

static void wrong_arguments_are_told(void **state) {
  invsrc_http_reply *reply = invsrc_http_reply_new();

  (void)state;
  assert_int_equal(invsrc_http_reply_set_status(NULL, 200), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_set_status(reply, 99), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_set_status(reply, 1000), INVSRC_EINVAL);
  assert_int_equal(add(NULL, "a", "b"), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_add_header(reply, NULL, 1, "b", 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_add_header(reply, "", 0, "b", 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_add_header(reply, "a\0", 2, "b", 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_add_header(reply, "a", 1, NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_append_body(NULL, "a", 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_append_body(reply, NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_set_reason(NULL, "a"), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_set_reason(reply, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_http_reply_status(NULL), 0);
  assert_null(invsrc_http_reply_header(NULL, "a"));
  assert_null(invsrc_http_reply_header(reply, NULL));
  assert_string_equal(invsrc_http_reply_body(NULL, NULL), "");
  assert_string_equal(invsrc_http_reply_reason(NULL), "");
  invsrc_http_reply_free(reply);
}

static void field_lines_are_taken_apart(void **state) {
  static const struct {
    const char *line;
    const char *name; /* NULL: no field line */
    const char *value;
  } rows[] = {
      {"Accept: text/html", "Accept", "text/html"},
      {"a:b", "a", "b"},
      {"a: \t b c \t", "a", "b c"},
      {"a:", "a", ""},
      {"a: b:c", "a", "b:c"},
      {"x!#$%&'*+-.^_`|~9: \xc3\xa9\t1", "x!#$%&'*+-.^_`|~9", "\xc3\xa9\t1"},
      {"", NULL, NULL},
      {"no colon", NULL, NULL},
      {": b", NULL, NULL},
      {"a : b", NULL, NULL},
      {" a: b", NULL, NULL},
      {"\ta: b", NULL, NULL},
      {"a(b): c", NULL, NULL},
      {"\xc3\xa9: c", NULL, NULL},
      {"a: b\rc", NULL, NULL},
      {"a: b\x01", NULL, NULL},
      {"a: b\x7f", NULL, NULL},
  };
  ivs_http_field field;

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int good = ivs_http_field_read(rows[i].line, strlen(rows[i].line), &field);
    assert_int_equal(good, rows[i].name != NULL);
    if (!good) continue;
    assert_int_equal(field.name_length, strlen(rows[i].name));
    assert_memory_equal(field.name, rows[i].name, field.name_length);
    assert_int_equal(field.value_length, strlen(rows[i].value));
    assert_memory_equal(field.value, rows[i].value, field.value_length);
  }
  assert_false(ivs_http_field_read("a: b\0c", 6, &field));
}

static void a_reply_says_when_to_come_again(void **state) {
  static const struct {
    const char *value;
    uint32_t seconds;
  } rows[] = {
      {"0", 0},    {"1", 1},   {"59", 59},
      {"60", 60},  {"61", 60}, {"99999999999999999999999", 60},
      {"-1", 0},   {"1.5", 0}, {"3, 4", 0},
      {"soon", 0}, {"", 0},    {"Fri, 31 Dec 1999 23:59:59 GMT", 0},
  };
  invsrc_http_reply *reply = invsrc_http_reply_new();

  (void)state;
  assert_int_equal(ivs_http_reply_retry_after(reply, 60), 0);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ivs_http_reply_clear(reply);
    add(reply, "Retry-After", rows[i].value);
    assert_int_equal(ivs_http_reply_retry_after(reply, 60), rows[i].seconds);
  }
  invsrc_http_reply_free(reply);
}

static void names_may_be_taken(void **state) {
  static const char *const free_names[] = {"X-Key", "x-adcp-auth", "Api-Token", "a"};
  static const char *const taken[] = {"",
                                      "a b",
                                      "a:",
                                      "a\r",
                                      "authorization",
                                      "CONTENT-LENGTH",
                                      "Cookie",
                                      "mcp-session-id",
                                      "A2A-Version"};
  char name[130];

  (void)state;
  for (size_t i = 0; i < sizeof free_names / sizeof *free_names; i++)
    assert_true(ivs_http_is_free_name(free_names[i]));
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
    assert_false(ivs_http_is_free_name(taken[i]));
  memset(name, 'x', sizeof name);
  name[128] = '\0';
  assert_true(ivs_http_is_free_name(name));
  name[128] = 'x';
  name[129] = '\0';
  assert_false(ivs_http_is_free_name(name));
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_reply_is_empty),
      cmocka_unit_test(a_reply_holds_what_was_set),
      cmocka_unit_test(fields_of_one_name_are_a_list),
      cmocka_unit_test(a_reason_is_one_short_line),
      cmocka_unit_test(wrong_arguments_are_told),
      cmocka_unit_test(field_lines_are_taken_apart),
      cmocka_unit_test(a_reply_says_when_to_come_again),
      cmocka_unit_test(names_may_be_taken),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
