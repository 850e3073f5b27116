/*
 * Strict JSON: the tree and its questions, events, numbers, repeated keys in texts
 * made at random, memory that runs out, and writing. What is accepted and refused
 * is in json_texts.c.
 */
#include "core/json.h"

#include <invsrc/invsrc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h wants what is above. */
#include <cmocka.h>

#include "fault/heap.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static ivs_json_document *parse(const char *text) {
  ivs_json_document *document = NULL;
  ivs_json_fault fault = {0, 0, 0, NULL};
  int32_t result = ivs_json_parse(text, strlen(text), &document, &fault);

  if (result != INVSRC_OK) fail_msg("%s: %d %s", text, (int)result, fault.message);
  return document;
}

/* The same numbers on every run. */
static uint32_t draw(uint32_t *seed, uint32_t below) {
  *seed = *seed * 1664525u + 1013904223u;
  return (*seed >> 8) % below;
}

/* ---- The tree --------------------------------------------------------------- */

static void must_hold(const ivs_json *node, const char *expected, size_t expected_length) {
  size_t length = 0;
  const char *text = ivs_json_string(node, &length);

  assert_non_null(text);
  assert_int_equal(length, expected_length);
  assert_memory_equal(text, expected, expected_length + 1);
}

static void test_members(void **state) {
  ivs_json_document *document = parse(
      "{\"a\":\"x\",\"A\":\"y\",\"\":\"e\",\"\\u00e9\":\"z\",\"b\":{\"a\":\"in\"},"
      "\"c\\u0000d\":\"hidden\",\"\\u0000\":\"hidden\"}");
  const ivs_json *root = ivs_json_root(document);

  (void)state;
  must_hold(ivs_json_member(root, "a"), "x", 1);
  must_hold(ivs_json_member(root, "A"), "y", 1);
  must_hold(ivs_json_member(root, ""), "e", 1);
  must_hold(ivs_json_member(root, "\xc3\xa9"), "z", 1);
  must_hold(ivs_json_member(ivs_json_member(root, "b"), "a"), "in", 2);
  assert_null(ivs_json_member(root, "B"));
  assert_null(ivs_json_member(root, "c"));
  assert_null(ivs_json_member(root, "cd"));
  assert_null(ivs_json_member(ivs_json_member(root, "a"), "a"));
  assert_null(ivs_json_member(NULL, "a"));
  ivs_json_free(document);
}

static void test_walk(void **state) {
  ivs_json_document *document = parse("[1,\"two\",[],{},null,true,false,{\"k\":-7.5}]");
  const ivs_json *root = ivs_json_root(document);
  const ivs_json *node = ivs_json_first(root);
  static const char *const kinds = "nsaoxtfo";
  size_t length = 99;

  (void)state;
  assert_true(ivs_json_is_array(root));
  for (const char *kind = kinds; *kind; kind++, node = ivs_json_next(node)) {
    assert_non_null(node);
    assert_int_equal(ivs_json_is_number(node), *kind == 'n');
    assert_int_equal(ivs_json_is_true(node), *kind == 't');
    assert_int_equal(ivs_json_is_boolean(node), *kind == 't' || *kind == 'f');
    assert_int_equal(ivs_json_is_array(node), *kind == 'a');
    assert_int_equal(ivs_json_is_object(node), *kind == 'o');
    assert_int_equal(ivs_json_string(node, &length) != NULL, *kind == 's');
    assert_int_equal(length, *kind == 's' ? 3 : 0);
    assert_null(ivs_json_member(node, "none"));
    if (*kind != 'n' && kind[1]) assert_true(ivs_json_number(node) == 0);
    if (!kind[1]) assert_true(ivs_json_number(ivs_json_first(node)) == -7.5);
  }
  assert_null(node);
  ivs_json_free(document);
}

static void test_nothing(void **state) {
  size_t length = 99;

  (void)state;
  assert_false(ivs_json_is_object(NULL));
  assert_false(ivs_json_is_array(NULL));
  assert_false(ivs_json_is_number(NULL));
  assert_false(ivs_json_is_boolean(NULL));
  assert_false(ivs_json_is_true(NULL));
  assert_null(ivs_json_string(NULL, &length));
  assert_int_equal(length, 0);
  assert_true(ivs_json_number(NULL) == 0);
  assert_null(ivs_json_first(NULL));
  ivs_json_free(NULL);
}

static void test_strings_keep_their_length(void **state) {
  ivs_json_document *document = parse("[\"\",\"\\u0000\",\"a\\u0000b\",\"\\ud83d\\ude00\\u00e9\"]");
  const ivs_json *node = ivs_json_first(ivs_json_root(document));

  (void)state;
  must_hold(node, "", 0);
  node = ivs_json_next(node);
  must_hold(node, "\0", 1);
  node = ivs_json_next(node);
  must_hold(node, "a\0b", 3);
  must_hold(ivs_json_next(node), "\xf0\x9f\x98\x80\xc3\xa9", 6);
  ivs_json_free(document);
}

static void test_start(void **state) {
  static const char text[] = " \r\n\t [1]";
  ivs_json_fault fault = {9, 9, 9, "x"};

  (void)state;
  ivs_json_start(text, strlen(text), &fault);
  assert_int_equal(fault.offset, 5);
  assert_int_equal(fault.line, 2);
  assert_int_equal(fault.column, 3);
  assert_null(fault.message);
}

static void test_text_of_no_bytes(void **state) {
  ivs_json_document *document = NULL;
  ivs_json_fault fault = {9, 9, 9, NULL};

  (void)state;
  assert_int_equal(ivs_json_parse(NULL, 0, &document, &fault), INVSRC_EMALFORMED);
  assert_null(document);
  assert_int_equal(fault.offset, 0);
  assert_int_equal(fault.line, 1);
  assert_int_equal(fault.column, 1);
  assert_string_equal(fault.message, "unexpected end of text");
}

/* The limit is where a text is refused for its length alone. */
static void test_longest_text(void **state) {
  size_t length = (size_t)IVS_JSON_LONGEST + 1;
  char *text = malloc(length);
  ivs_json_document *document = NULL;
  ivs_json_fault fault = {0, 0, 0, NULL};

  (void)state;
  assert_non_null(text);
  memset(text, ' ', length);
  text[0] = '7';
  assert_int_equal(ivs_json_parse(text, length, &document, &fault), INVSRC_EMALFORMED);
  assert_null(document);
  assert_int_equal(fault.offset, IVS_JSON_LONGEST);
  assert_int_equal(fault.column, length);
  assert_string_equal(fault.message, "longer than 64 MiB");
  assert_int_equal(ivs_json_parse(text, length - 1, &document, &fault), INVSRC_OK);
  assert_true(ivs_json_number(ivs_json_root(document)) == 7);
  ivs_json_free(document);
  free(text);
}

/* Arrays, each in the one before. */
static char *nest(size_t depth) {
  char *text = malloc(2 * depth + 1);

  assert_non_null(text);
  memset(text, '[', depth);
  memset(text + depth, ']', depth);
  text[2 * depth] = '\0';
  return text;
}

/* An agent's reply may nest deeper than a request, and no deeper than that. */
static void test_depth(void **state) {
  static const struct {
    size_t depth;
    int32_t of_text, of_reply;
  } rows[] = {
      {16, INVSRC_OK, INVSRC_OK},
      {17, INVSRC_EMALFORMED, INVSRC_OK},
      {128, INVSRC_EMALFORMED, INVSRC_OK},
      {129, INVSRC_EMALFORMED, INVSRC_EMALFORMED},
      {100000, INVSRC_EMALFORMED, INVSRC_EMALFORMED},
  };
  static const ivs_json_handler nothing = {NULL, NULL, NULL, NULL, NULL};

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *text = nest(rows[i].depth);
    ivs_json_document *document;
    ivs_json_fault fault = {0, 0, 0, ""};

    assert_int_equal(ivs_json_parse(text, strlen(text), &document, &fault), rows[i].of_text);
    ivs_json_free(document);
    if (rows[i].of_text != INVSRC_OK) {
      assert_string_equal(fault.message, "nested deeper than 16");
      assert_int_equal(fault.offset, 16);
    }
    assert_int_equal(ivs_json_parse_reply(text, strlen(text), &document, &fault), rows[i].of_reply);
    ivs_json_free(document);
    assert_int_equal(ivs_json_scan_reply(text, strlen(text), &nothing, NULL, &fault),
                     rows[i].of_reply);
    if (rows[i].of_reply != INVSRC_OK) {
      assert_string_equal(fault.message, "nested deeper than 128");
      assert_int_equal(fault.offset, 128);
    }
    free(text);
  }
}

/* A key that stands twice is found at every depth of a reply. */
static void test_repeats_in_depth(void **state) {
  ivs_json_document *document;
  ivs_json_fault fault = {0, 0, 0, ""};

  (void)state;
  for (size_t depth = 1; depth < IVS_JSON_REPLY_DEPTH; depth++) {
    ivs_buffer text = IVS_BUFFER_EMPTY;
    size_t at;
    for (size_t i = 0; i < depth; i++) ivs_buffer_append_text(&text, "{\"a\":");
    ivs_buffer_append_text(&text, "{\"b\":1,");
    at = text.length;
    ivs_buffer_append_text(&text, "\"b\":2}");
    for (size_t i = 0; i < depth; i++) ivs_buffer_append_text(&text, "}");
    assert_int_equal(ivs_json_parse_reply(text.bytes, text.length, &document, &fault),
                     INVSRC_EMALFORMED);
    assert_null(document);
    assert_string_equal(fault.message, "duplicate key");
    assert_int_equal(fault.offset, at);
    ivs_buffer_end(&text);
  }
}

/* ---- Numbers ------------------------------------------------------------------ */

static double number(const char *text) {
  ivs_json_document *document = parse(text);
  double value = ivs_json_number(ivs_json_root(document));

  ivs_json_free(document);
  return value;
}

static void test_exact_numbers(void **state) {
  static const struct {
    const char *text;
    double value;
  } rows[] = {
      {"0", 0},
      {"-0", 0},
      {"1", 1},
      {"-42", -42},
      {"4294967296", 4294967296.0},
      {"9007199254740991", 9007199254740991.0},
      {"9007199254740992", 9007199254740992.0},
      {"-9007199254740992", -9007199254740992.0},
      {"9007199254740991.0", 9007199254740991.0},
      {"90071992547409910e-1", 9007199254740991.0},
      {"1e22", 1e22},
      {"0.1", 0.1},
      {"0.5", 0.5},
      {"-2.5e-3", -2.5e-3},
      {"123456789.125", 123456789.125},
      {"1e-22", 1e-22},
      {"1E+2", 100},
      {"0.000001e6", 1},
      {"1e400", INFINITY},
      {"-1e400", -INFINITY},
      {"1e-400", 0},
      {"1e99999999999999999999", INFINITY},
      {"1e-99999999999999999999", 0},
      {"0e99999999999999999999", 0},
      {"10000000000000000000000000000000000000000e-40", 1},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++)
    if (number(rows[i].text) != rows[i].value)
      fail_msg("%s: %.17g", rows[i].text, number(rows[i].text));
  assert_true(signbit(number("-0")));
}

/* Against the C library's own reading, in the locale of which it is right. */
static void test_close_numbers(void **state) {
  uint32_t seed = 1;

  (void)state;
  for (int i = 0; i < 20000; i++) {
    char text[64];
    double ours, theirs, error;
    int length = snprintf(text, sizeof text, "%s%u%09u", draw(&seed, 2) ? "-" : "",
                          1 + draw(&seed, 1000000), draw(&seed, 1000000000));

    if (draw(&seed, 2))
      length += snprintf(text + length, sizeof text - (size_t)length, ".%09u%09u",
                         draw(&seed, 1000000000), draw(&seed, 1000000000));
    if (draw(&seed, 4))
      snprintf(text + length, sizeof text - (size_t)length, "e%d", (int)draw(&seed, 660) - 340);
    ours = number(text);
    theirs = strtod(text, NULL);
    error = fabs(ours - theirs);
    if (ours != theirs && error > fabs(theirs) * 1e-14 && error > 1e-322)
      fail_msg("%s: %.17g, not %.17g", text, ours, theirs);
  }
}

/* ---- Events ------------------------------------------------------------------- */

typedef struct trace {
  ivs_buffer out;
  int events;
  int stop_at; /* the event that stops the scan; 0 for none */
  int32_t stop_with;
} trace;

static int32_t note(trace *t, const char *kind, int depth, const char *raw, size_t length) {
  char head[16];

  snprintf(head, sizeof head, "%s%d", kind, depth);
  ivs_buffer_append_text(&t->out, head);
  if (raw) ivs_buffer_append_text(&t->out, "=");
  if (raw) ivs_buffer_append(&t->out, raw, length);
  ivs_buffer_append_text(&t->out, " ");
  return ++t->events == t->stop_at ? t->stop_with : INVSRC_OK;
}

static int32_t on_begin(void *context, int depth, char bracket) {
  return note(context, bracket == '{' ? "{" : "[", depth, NULL, 0);
}

static int32_t on_end(void *context, int depth, char bracket) {
  return note(context, bracket == '}' ? "}" : "]", depth, NULL, 0);
}

static int32_t on_key(void *context, int depth, const char *raw, size_t length) {
  return note(context, "k", depth, raw, length);
}

static int32_t on_string(void *context, int depth, const char *raw, size_t length) {
  return note(context, "s", depth, raw, length);
}

static int32_t on_scalar(void *context, int depth, const char *raw, size_t length) {
  return note(context, "v", depth, raw, length);
}

static const ivs_json_handler tracer = {on_begin, on_end, on_key, on_string, on_scalar};

static void expect_events(const char *text, const char *events) {
  trace t = {IVS_BUFFER_EMPTY, 0, 0, 0};
  ivs_json_fault fault;

  assert_int_equal(ivs_json_scan(text, strlen(text), &tracer, &t, &fault), INVSRC_OK);
  assert_string_equal(t.out.bytes, events);
  ivs_buffer_end(&t.out);
}

static void test_events(void **state) {
  (void)state;
  expect_events("1.5e3", "v0=1.5e3 ");
  expect_events(" \"x\\n\" ", "s0=x\\n ");
  expect_events("{}", "{1 }1 ");
  expect_events("[[],[{}]]", "[1 [2 ]2 [2 {3 }3 ]2 ]1 ");
  expect_events("{ \"a\" : [ 1 , \"\" , null ] , \"\\u0062\" : true }",
                "{1 k1=a [2 v2=1 s2= v2=null ]2 k1=\\u0062 v1=true }1 ");
}

/* Each callback in turn stops the scan; whatever it returns comes out. */
static void test_stop(void **state) {
  static const char text[] = "{\"a\":[1,\"x\"],\"b\":{}}";
  static const int32_t codes[] = {INVSRC_ENOMEM, INVSRC_EMALFORMED, 7};

  (void)state;
  for (size_t i = 0; i < COUNT(codes); i++)
    for (int stop_at = 1; stop_at <= 10; stop_at++) {
      trace t = {IVS_BUFFER_EMPTY, 0, stop_at, codes[i]};
      ivs_json_fault fault = {0, 0, 0, "untouched"};

      assert_int_equal(ivs_json_scan(text, strlen(text), &tracer, &t, &fault), codes[i]);
      assert_int_equal(t.events, stop_at);
      if (codes[i] == INVSRC_EMALFORMED)
        assert_null(fault.message);
      else
        assert_string_equal(fault.message, "untouched");
      ivs_buffer_end(&t.out);
    }
}

static void test_decode(void **state) {
  static const char raw[] = "a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\\u6771\\ud83d\\ude00z";
  static const char expected[] = "a\"\\/\b\f\n\r\t\0\xc3\xa9\xe6\x9d\xb1\xf0\x9f\x98\x80z";
  char to[sizeof raw];

  (void)state;
  assert_int_equal(ivs_json_decode(raw, sizeof raw - 1, to), sizeof expected - 1);
  assert_memory_equal(to, expected, sizeof expected - 1);
  assert_int_equal(ivs_json_decode("", 0, to), 0);
}

/* ---- Repeated keys --------------------------------------------------------------- */

/* The spellings of one key are equal; no two keys are. */
#define SPELLINGS 3
static const char *const spellings[][SPELLINGS] = {
    {"", "", ""},
    {"a", "\\u0061", "a"},
    {"ab", "a\\u0062", "\\u0061b"},
    {"A", "\\u0041", "A"},
    {"\\u0000", "\\u0000", "\\u0000"},
    {"a\\u0000", "\\u0061\\u0000", "a\\u0000"},
    {"/", "\\/", "\\u002F"},
    {"\\\\u0061", "\\u005cu0061", "\\u005Cu0061"},
    {"\xc3\xa9", "\\u00e9", "\\u00E9"},
    {"\xe6\x9d\xb1", "\\u6771", "\xe6\x9d\xb1"},
    {"\xf0\x9f\x98\x80", "\\ud83d\\ude00", "\\uD83D\\uDE00"},
    {"eight888", "eight88\\u0038", "\\u0065ight888"},
    {"eight888x", "eight888\\u0078", "eight88\\u0038x"},
    {"eight888y", "eight888\\u0079", "eight888y"},
    {"seven77\xc3\xa9", "seven77\\u00e9", "seven7\\u0037\xc3\xa9"},
    {"\\n", "\\u000a", "\\n"},
};

typedef struct maker {
  ivs_buffer out;
  uint32_t seed;
  size_t repeat;     /* where the first repeated key begins; SIZE_MAX: nowhere */
  size_t repeat_end; /* behind its closing quote */
} maker;

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than IVS_JSON_DEPTH */
static void make_object(maker *m, int depth) {
  int seen[COUNT(spellings)] = {0};
  uint32_t members = draw(&m->seed, 5);

  ivs_buffer_append_text(&m->out, "{");
  for (uint32_t i = 0; i < members; i++) {
    size_t key = draw(&m->seed, COUNT(spellings));
    size_t start;

    if (i) ivs_buffer_append_text(&m->out, draw(&m->seed, 2) ? "," : " ,\n");
    start = m->out.length;
    ivs_buffer_append_text(&m->out, "\"");
    ivs_buffer_append_text(&m->out, spellings[key][draw(&m->seed, SPELLINGS)]);
    ivs_buffer_append_text(&m->out, "\"");
    if (seen[key]++ && start < m->repeat) {
      m->repeat = start;
      m->repeat_end = m->out.length;
    }
    ivs_buffer_append_text(&m->out, ":[");
    if (depth < IVS_JSON_DEPTH - 2 && draw(&m->seed, 3) == 0) make_object(m, depth + 2);
    ivs_buffer_append_text(&m->out, "]");
  }
  ivs_buffer_append_text(&m->out, "}");
}

/* A made text, whole or cut: it is refused where the first key is repeated, or where
 * it ends. */
static void expect_repeat(const maker *m, size_t length) {
  ivs_json_document *document = NULL;
  ivs_json_fault fault = {0, 0, 0, NULL};
  int32_t result = ivs_json_parse(m->out.bytes, length, &document, &fault);
  int repeats = m->repeat != SIZE_MAX && m->repeat_end <= length;
  const char *message = repeats ? "duplicate key" : "unexpected end of text";

  if (!repeats && length == m->out.length) {
    assert_int_equal(result, INVSRC_OK);
    ivs_json_free(document);
    return;
  }
  assert_int_equal(result, INVSRC_EMALFORMED);
  if (!repeats && strcmp(fault.message, "invalid UTF-8") == 0) {
    assert_true(length - fault.offset < 4);
    return;
  }
  if (strcmp(fault.message, message) != 0 || fault.offset != (repeats ? m->repeat : length))
    fail_msg("%s at %d: %.*s", fault.message, (int)fault.offset, (int)length, m->out.bytes);
}

static void test_repeated_keys_at_random(void **state) {
  maker m = {IVS_BUFFER_EMPTY, 1, 0, 0};
  int repeated = 0;

  (void)state;
  for (int i = 0; i < 5000; i++) {
    ivs_buffer_clear(&m.out);
    m.repeat = SIZE_MAX;
    make_object(&m, 1);
    assert_false(m.out.failed);
    repeated += m.repeat != SIZE_MAX;
    expect_repeat(&m, m.out.length);
    for (int cuts = 0; cuts < 5; cuts++) expect_repeat(&m, draw(&m.seed, (uint32_t)m.out.length));
  }
  ivs_buffer_end(&m.out);
  assert_true(repeated > 500 && repeated < 4500);
}

static void append_key(ivs_buffer *out, int order, uint32_t count, uint32_t i) {
  char key[64];
  const uint32_t ways[] = {i, count - i, i * 2654435761u, i & 1 ? i : count + i};

  snprintf(key, sizeof key, "%s%s%08x", order & 1 ? "a long beginning" : "",
           order & 2 ? "\\u00e9" : "", ways[order >> 2]);
  ivs_buffer_append_text(out, key);
}

/* Many keys in an order that sorting may not like, one of them twice. */
static void expect_repeat_among(int order, uint32_t count, uint32_t first, uint32_t second) {
  ivs_buffer out = IVS_BUFFER_EMPTY;
  ivs_json_document *document = NULL;
  ivs_json_fault fault = {0, 0, 0, NULL};
  size_t at = 0;

  for (uint32_t i = 0; i < count; i++) {
    ivs_buffer_append_text(&out, i ? "," : "{");
    if (i == second) at = out.length;
    ivs_buffer_append_text(&out, "\"");
    append_key(&out, order, count, i == second ? first : i);
    ivs_buffer_append_text(&out, "\":0");
  }
  ivs_buffer_append_text(&out, "}");
  assert_false(out.failed);
  assert_int_equal(ivs_json_parse(out.bytes, out.length, &document, &fault),
                   first == second ? INVSRC_OK : INVSRC_EMALFORMED);
  if (first != second) assert_string_equal(fault.message, "duplicate key");
  if (first != second) assert_int_equal(fault.offset, at);
  ivs_json_free(document);
  ivs_buffer_end(&out);
}

static void test_repeated_keys_among_many(void **state) {
  static const uint32_t counts[] = {2, 3, 4, 7, 15, 16, 17, 63, 64, 65, 128, 129, 1000};
  uint32_t seed = 7;

  (void)state;
  for (int order = 0; order < 16; order++)
    for (size_t i = 0; i < COUNT(counts); i++)
      for (int again = 0; again < 6; again++) {
        uint32_t second = 1 + draw(&seed, counts[i] - 1);
        expect_repeat_among(order, counts[i], draw(&seed, second), second);
        expect_repeat_among(order, counts[i], second, second);
      }
}

/* ---- Memory ------------------------------------------------------------------------ */

/* Objects with two keys each, and a number in each: more than lie in a document itself. */
static void make_many(ivs_buffer *out, int count) {
  for (int i = 0; i < count; i++)
    ivs_buffer_append_text(out, i ? ",{\"a\":[7],\"b\":\"\\u0078\"}" : "[{\"a\":[7],\"b\":\"x\"}");
  ivs_buffer_append_text(out, "]");
  assert_false(out->failed);
}

static void must_be_many(const ivs_json *root, int count) {
  const ivs_json *at = ivs_json_first(root);
  int seen = 0;

  assert_true(ivs_json_is_array(root));
  for (; at; at = ivs_json_next(at), seen++) {
    assert_null(ivs_json_key(at));
    assert_true(ivs_json_number(ivs_json_first(ivs_json_member(at, "a"))) == 7);
    assert_null(ivs_json_next(ivs_json_first(ivs_json_member(at, "a"))));
    must_hold(ivs_json_member(at, "b"), "x", 1);
    assert_string_equal(ivs_json_key(ivs_json_next(ivs_json_first(at))), "b");
  }
  assert_int_equal(seen, count);
}

static void test_many_nodes(void **state) {
  (void)state;
  for (int count = 1; count < 400; count += count < 40 ? 1 : 67) {
    ivs_buffer text = IVS_BUFFER_EMPTY;
    ivs_json_document *document;

    make_many(&text, count);
    document = parse(text.bytes);
    must_be_many(ivs_json_root(document), count);
    ivs_json_free(document);
    ivs_buffer_end(&text);
  }
}

/* Each block in turn cannot be had: the document, then three for its nodes. */
static void test_nodes_run_out(void **state) {
  ivs_buffer text = IVS_BUFFER_EMPTY;
  ivs_json_document *document = NULL;
  ivs_json_fault fault = {0, 0, 0, "untouched"};

  (void)state;
  if (!heap_is_asked()) return;
  make_many(&text, 50);
  for (unsigned long at = 1; at <= 4; at++) {
    int32_t result;

    heap_plan(at, HEAP_ONCE);
    heap_open();
    result = ivs_json_parse(text.bytes, text.length, &document, &fault);
    heap_close();
    assert_int_equal(result, INVSRC_ENOMEM);
    assert_null(document);
    assert_string_equal(fault.message, "untouched");
  }
  heap_plan(0, HEAP_ONCE);
  heap_open();
  assert_int_equal(ivs_json_parse(text.bytes, text.length, &document, &fault), INVSRC_OK);
  heap_close();
  assert_int_equal(heap.now, 4);
  must_be_many(ivs_json_root(document), 50);
  ivs_json_free(document);
  ivs_buffer_end(&text);
}

/* ---- Writing ----------------------------------------------------------------------- */

static void test_written_strings(void **state) {
  static const struct {
    const char *text;
    size_t length;
    const char *written;
  } rows[] = {
      {"", 0, "\"\""},
      {"plain", 5, "\"plain\""},
      {"\"\\/", 3, "\"\\\"\\\\/\""},
      {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
      {"\0\x01\x1f\x0b", 4, "\"\\u0000\\u0001\\u001f\\u000b\""},
      {"\x7f", 1, "\"\x7f\""},
      {"\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\""},
      {"a\nb", 3, "\"a\\nb\""},
      {"\na", 2, "\"\\na\""},
      {"a\n", 2, "\"a\\n\""},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    ivs_buffer out = IVS_BUFFER_EMPTY;

    ivs_json_write_string(&out, rows[i].text, rows[i].length);
    assert_false(out.failed);
    assert_string_equal(out.bytes, rows[i].written);
    ivs_buffer_end(&out);
  }
}

static size_t utf8(uint32_t point, char *to) {
  to[0] = (char)(point < 0x80 ? point : point < 0x800 ? 0xc0 | point >> 6 : 0xe0 | point >> 12);
  to[1] = (char)(0x80 | (point < 0x800 ? point & 63 : point >> 6 & 63));
  to[2] = (char)(0x80 | (point & 63));
  return point < 0x80 ? 1 : point < 0x800 ? 2 : 3;
}

/* What was written says the same when it is read: every character up to U+FFFF, its
 * neighbours around it. */
static void test_written_is_read(void **state) {
  (void)state;
  for (uint32_t first = 0; first < 0x10000; first += 64) {
    ivs_buffer out = IVS_BUFFER_EMPTY;
    ivs_json_document *document = NULL;
    ivs_json_fault fault;
    char text[64 * 3 + 2];
    size_t length = 0;

    if (first >= 0xd800 && first < 0xe000) continue;
    for (uint32_t point = first; point < first + 64; point++) length += utf8(point, text + length);
    text[length] = '\0';
    ivs_json_write_string(&out, text, length);
    assert_false(out.failed);
    assert_int_equal(ivs_json_parse(out.bytes, out.length, &document, &fault), INVSRC_OK);
    must_hold(ivs_json_root(document), text, length);
    ivs_json_free(document);
    ivs_buffer_end(&out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_members),
      cmocka_unit_test(test_walk),
      cmocka_unit_test(test_nothing),
      cmocka_unit_test(test_strings_keep_their_length),
      cmocka_unit_test(test_start),
      cmocka_unit_test(test_text_of_no_bytes),
      cmocka_unit_test(test_longest_text),
      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_repeats_in_depth),
      cmocka_unit_test(test_exact_numbers),
      cmocka_unit_test(test_close_numbers),
      cmocka_unit_test(test_events),
      cmocka_unit_test(test_stop),
      cmocka_unit_test(test_decode),
      cmocka_unit_test(test_repeated_keys_at_random),
      cmocka_unit_test(test_repeated_keys_among_many),
      cmocka_unit_test(test_many_nodes),
      cmocka_unit_test(test_nodes_run_out),
      cmocka_unit_test(test_written_strings),
      cmocka_unit_test(test_written_is_read),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
