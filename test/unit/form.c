/*
 * Queries, read: which parameters there are, and what they stand for.
 */
#include "core/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

/* On a heap block of its own size, so that a read past its end is seen. */
static ivs_buffer form_of(const char *text) {
  ivs_buffer form = IVS_BUFFER_EMPTY;

  form.length = strlen(text);
  form.bytes = malloc(form.length ? form.length : 1);
  assert_non_null(form.bytes);
  memcpy(form.bytes, text, form.length);
  return form;
}

static void a_parameter_is_found_by_its_whole_name(void **state) {
  static const struct {
    const char *form;
    int count;
    const char *value;
  } rows[] = {
      {"", 0, NULL},     {"&", 0, NULL},      {"=", 0, NULL},          {"=a", 0, NULL},
      {"a", 1, ""},      {"a=", 1, ""},       {"a=b", 1, "b"},         {"a=b=c", 1, "b=c"},
      {"a==", 1, "="},   {"&a=b&", 1, "b"},   {"x=a&a=b&y=a", 1, "b"}, {"aa=b", 0, NULL},
      {"ba=b", 0, NULL}, {"A=b", 0, NULL},    {"%61=b", 0, NULL},      {"a=b&a=c", 2, "c"},
      {"a=b&a", 2, ""},  {"a&a&a=d", 3, "d"}, {"a=b;a=c", 1, "b;a=c"}, {"x=&a", 1, ""},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ivs_buffer form = form_of(rows[i].form);
    const char *value = NULL;
    size_t length = 99;
    assert_int_equal(ivs_form_find(&form, "a", &value, &length), rows[i].count);
    if (rows[i].count) {
      assert_int_equal(length, strlen(rows[i].value));
      assert_memory_equal(value, rows[i].value, length);
    } else {
      assert_null(value);
    }
    free(form.bytes);
  }
}

static void a_form_may_be_missing(void **state) {
  const ivs_buffer none = IVS_BUFFER_EMPTY;
  const char *value;
  size_t length;

  (void)state;
  assert_int_equal(ivs_form_find(&none, "a", &value, &length), 0);
}

static void values_are_decoded(void **state) {
  static const struct {
    const char *value;
    const char *decoded; /* NULL: it is none */
  } rows[] = {
      {"", ""},        {"a", "a"},
      {"a+b", "a b"},  {"%41%4a%4A", "AJJ"},
      {"%2B+", "+ "},  {"%c3%A9", "\xc3\xa9"},
      {"%25", "%"},    {"%2541", "%41"},
      {"a%", NULL},    {"a%4", NULL},
      {"%", NULL},     {"%g1", NULL},
      {"%1g", NULL},   {"%%41", NULL},
      {"%+1", NULL},   {"%-1", NULL},
      {"%4 1", NULL},  {"a=b&c", "a=b&c"},
      {"%ff", "\xff"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ivs_buffer form = form_of(rows[i].value), decoded = IVS_BUFFER_EMPTY;
    assert_int_equal(ivs_form_decode(form.bytes, form.length, &decoded), rows[i].decoded != NULL);
    if (rows[i].decoded) assert_string_equal(decoded.bytes ? decoded.bytes : "", rows[i].decoded);
    ivs_buffer_end(&decoded);
    free(form.bytes);
  }
}

static void a_nul_is_a_character(void **state) {
  ivs_buffer decoded = IVS_BUFFER_EMPTY;

  (void)state;
  ivs_buffer_append_text(&decoded, "x"); /* what is there stays */
  assert_int_equal(ivs_form_decode("a%00b", 5, &decoded), 1);
  assert_int_equal(decoded.length, 4);
  assert_memory_equal(decoded.bytes, "xa\0b", 5);
  ivs_buffer_end(&decoded);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_parameter_is_found_by_its_whole_name),
      cmocka_unit_test(a_form_may_be_missing),
      cmocka_unit_test(values_are_decoded),
      cmocka_unit_test(a_nul_is_a_character),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
