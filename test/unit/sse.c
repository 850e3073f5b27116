/*
 * Server-Sent Events: every rule of the stream's grammar, with the body in one piece, cut
 * in two anywhere, and byte by byte.
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

#include "agents/sse.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void append(ivs_buffer *out, const char *name, const ivs_buffer *value) {
  ivs_buffer_append_text(out, name);
  if (value->length) ivs_buffer_append(out, value->bytes, value->length);
  ivs_buffer_append_text(out, ";");
}

/* Reads on up to `length`, and tells each event as "type=…;data=…;". */
static void read_to(ivs_sse *sse, const char *body, size_t length, ivs_buffer *told) {
  char *copy = malloc(length ? length : 1); /* of this size, for a sanitizer */
  int found = 1;

  assert_non_null(copy);
  memcpy(copy, body, length);
  while (found) {
    assert_int_equal(ivs_sse_next(sse, copy, length, &found), INVSRC_OK);
    if (!found) break;
    append(told, "type=", &sse->type);
    append(told, "data=", &sse->data);
  }
  free(copy);
}

static const struct {
  const char *body;
  const char *told;
} streams[] = {
    {"", ""},
    {"data: a\n\n", "type=;data=a;"},
    {"data:a\r\n\r\n", "type=;data=a;"},
    {"data: a\r\r", "type=;data=a;"},
    {"data: a\n\ndata: b\n\n", "type=;data=a;type=;data=b;"},
    {"data: a\r\n\r\ndata: b\r\n\r\n", "type=;data=a;type=;data=b;"},
    {"data: a\r\n\rdata: b\r\r\n", "type=;data=a;type=;data=b;"},
    /* One space is taken off the value, no more. */
    {"data:  a \n\n", "type=;data= a ;"},
    {"data: a\ndata: b\ndata:\n\n", "type=;data=a\nb\n;"},
    {"data\ndata\n\n", "type=;data=\n;"},
    {"event: endpoint\ndata: /x?y=1\n\n", "type=endpoint;data=/x?y=1;"},
    {"event: a\nevent: b\ndata: c\n\n", "type=b;data=c;"},
    /* The type is an event's; ids are not kept. */
    {"event: a\nid: 1\ndata: b\n\ndata: c\n\nid\ndata: d\n\n",
     "type=a;data=b;type=;data=c;type=;data=d;"},
    /* Without data there is no event. */
    {"event: a\n\ndata: b\n\n", "type=;data=b;"},
    {"id: 7\nevent: a\ndata:\n\ndata: b\n\n", "type=;data=b;"},
    {"data\n\ndata: b\n\n", "type=;data=b;"},
    {"\n\n\r\n\rdata: a\n\n\n\n", "type=;data=a;"},
    /* Comments and unknown fields. */
    {": data: x\n:\ndata: a\n: b\nretry: 5\nfoo: bar\nfoo\n\n", "type=;data=a;"},
    {"Data: x\n data: x\ndata : x\ndatas: x\ndat: x\ndata: a\n\n", "type=;data=a;"},
    {"data: a:b: c\n\n", "type=;data=a:b: c;"},
    /* A mark before the body, and only there. */
    {"\xef\xbb\xbf"
     "data: a\n\n",
     "type=;data=a;"},
    {"\xef\xbb\xbf\ndata: a\n\n", "type=;data=a;"},
    {"\n\xef\xbb\xbf"
     "data: x\ndata: a\n\n",
     "type=;data=a;"},
    /* What is cut short is no event. */
    {"data: a\n", ""},
    {"data: a\n\ndata: b", "type=;data=a;"},
    {"data: a\n\ndata: b\n", "type=;data=a;"},
    {"data: a\n\n\r", "type=;data=a;"},
    {"data: \xff\xfe\n\n", "type=;data=\xff\xfe;"},
};

static void streams_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(streams); i++) {
    size_t length = strlen(streams[i].body);
    for (size_t cut = 0; cut <= length; cut++) {
      ivs_buffer told = IVS_BUFFER_EMPTY;
      ivs_sse sse = {.line = 0};
      ivs_buffer_append_text(&told, "");
      read_to(&sse, streams[i].body, cut, &told);
      read_to(&sse, streams[i].body, length, &told);
      read_to(&sse, streams[i].body, length, &told);
      assert_string_equal(told.bytes, streams[i].told);
      ivs_sse_end(&sse);
      ivs_buffer_end(&told);
    }
  }
}

static void streams_that_drip_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(streams); i++) {
    ivs_buffer told = IVS_BUFFER_EMPTY;
    ivs_sse sse = {.line = 0};
    ivs_buffer_append_text(&told, "");
    for (size_t cut = 0; cut <= strlen(streams[i].body); cut++)
      read_to(&sse, streams[i].body, cut, &told);
    assert_string_equal(told.bytes, streams[i].told);
    ivs_sse_end(&sse);
    ivs_buffer_end(&told);
  }
}

static void data_may_hold_a_nul(void **state) {
  static const char body[] = "id: 1\ndata: a\n\nid: 2\0\ndata: b\0\n\n";
  ivs_sse sse = {.line = 0};
  int found;

  (void)state;
  ivs_sse_next(&sse, body, sizeof body - 1, &found);
  assert_int_equal(found, 1);
  ivs_sse_next(&sse, body, sizeof body - 1, &found);
  assert_int_equal(found, 1);
  assert_int_equal(sse.data.length, 2);
  ivs_sse_end(&sse);
}

/* Were each look at it to begin anew, this would take minutes. */
static void a_long_line_that_drips_is_read_once(void **state) {
  enum { LENGTH = 262144 };
  char *body = malloc(LENGTH);
  ivs_sse sse = {.line = 0};
  int found = 0;

  (void)state;
  assert_non_null(body);
  memset(body, 'x', LENGTH);
  memcpy(body, "data:", 5);
  memcpy(body + LENGTH - 2, "\n\n", 2);
  for (size_t length = 0; length <= LENGTH && !found; length++)
    assert_int_equal(ivs_sse_next(&sse, body, length, &found), INVSRC_OK);
  assert_int_equal(found, 1);
  assert_int_equal(sse.data.length, LENGTH - 7);
  assert_int_equal(sse.line, LENGTH);
  ivs_sse_end(&sse);
  free(body);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(streams_are_read),
      cmocka_unit_test(streams_that_drip_are_read),
      cmocka_unit_test(data_may_hold_a_nul),
      cmocka_unit_test(a_long_line_that_drips_is_read_once),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
