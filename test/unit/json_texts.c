/*
 * Strict JSON against the texts of test/conformance/json: which are accepted and
 * what they mean, which are refused, why and where. Then what follows from them:
 * every text cut short, and every text with one byte exchanged.
 */
#include <cjson/cJSON.h>
#include <invsrc/invsrc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/text.h"

/* cmocka.h wants what is above. */
#include <cmocka.h>

#define ACCEPTED "test/conformance/json/accept.json"
#define REFUSED "test/conformance/json/reject.json"

/* ---- The data --------------------------------------------------------------- */

/* The data is read with cJSON's own parser, so that what is tested does not read
 * its own questions. It is plain JSON without U+0000, which that parser can do. */
static cJSON *load(const char *path) {
  FILE *file = fopen(path, "rb");
  ivs_buffer content = IVS_BUFFER_EMPTY;
  char block[4096];
  cJSON *data;

  if (!file) fail_msg("cannot open %s", path);
  for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
    ivs_buffer_append(&content, block, got);
  fclose(file);
  assert_false(content.failed);
  data = cJSON_Parse(content.bytes);
  if (!cJSON_IsArray(data)) fail_msg("%s is not a JSON array", path);
  ivs_buffer_end(&content);
  return data;
}

static const char *member_text(const cJSON *entry, const char *key) {
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, key));
}

static uint64_t member_number(const cJSON *entry, const char *key) {
  const cJSON *node = cJSON_GetObjectItemCaseSensitive(entry, key);

  assert_true(cJSON_IsNumber(node));
  return (uint64_t)node->valuedouble;
}

/* The text of an entry: `text` as it is, `hex` for what is not UTF-8 or has a NUL,
 * or `repeat`: pieces, and how often each is written. */
static void build_text(const cJSON *entry, ivs_buffer *out) {
  const char *text = member_text(entry, "text");
  const char *hex = member_text(entry, "hex");
  const cJSON *pieces = cJSON_GetObjectItemCaseSensitive(entry, "repeat");
  const cJSON *piece;

  assert_int_equal(!!text + !!hex + !!pieces, 1);
  if (text) ivs_buffer_append_text(out, text);
  for (; hex && *hex; hex += 2) {
    char byte = (char)(ivs_text_hex(hex[0]) << 4 | ivs_text_hex(hex[1]));
    ivs_buffer_append(out, &byte, 1);
  }
  cJSON_ArrayForEach(piece, pieces) {
    const char *part = cJSON_GetStringValue(cJSON_GetArrayItem(piece, 0));
    for (int left = cJSON_GetArrayItem(piece, 1)->valueint; left > 0; left--)
      ivs_buffer_append_text(out, part);
  }
  assert_false(out->failed);
}

/* ---- Judging one text ------------------------------------------------------- */

typedef struct verdict {
  int32_t result;
  ivs_json_fault fault;
  ivs_json_document *document;
} verdict;

/* Parses a copy of just this size, so that a sanitizer sees a read past it; the
 * scan alone must say the same. */
static verdict judge(const char *text, size_t length) {
  static const ivs_json_handler nothing = {NULL, NULL, NULL, NULL, NULL};
  verdict v = {INVSRC_OK, {0, 0, 0, NULL}, NULL};
  ivs_json_fault fault = {0, 0, 0, NULL};
  char *copy = malloc(length ? length : 1);

  assert_non_null(copy);
  if (length) memcpy(copy, text, length);
  v.result = ivs_json_parse(copy, length, &v.document, &v.fault);
  assert_int_equal(ivs_json_scan(copy, length, &nothing, NULL, &fault), v.result);
  free(copy);
  assert_int_equal(v.document != NULL, v.result == INVSRC_OK);
  if (v.result == INVSRC_OK) return v;
  assert_int_equal(v.result, INVSRC_EMALFORMED);
  assert_int_equal(v.fault.offset, fault.offset);
  assert_int_equal(v.fault.line, fault.line);
  assert_int_equal(v.fault.column, fault.column);
  assert_ptr_equal(v.fault.message, fault.message);
  return v;
}

static int is_message(const verdict *v, const char *message) {
  return v->result == INVSRC_EMALFORMED && strcmp(v->fault.message, message) == 0;
}

/* ---- What a tree says ------------------------------------------------------- */

/* Compact JSON, with numbers in 17 digits; `?` is a key that cannot be asked for.
 * NOLINTNEXTLINE(misc-no-recursion): no deeper than IVS_JSON_DEPTH */
static void render(ivs_buffer *out, const ivs_json *node) {
  char number[32];
  size_t length = 0;
  const char *text = ivs_json_string(node, &length);
  const char *gap = "", *key;

  if (text) {
    ivs_json_write_string(out, text, length);
  } else if (ivs_json_is_number(node)) {
    snprintf(number, sizeof number, "%.17g", ivs_json_number(node));
    ivs_buffer_append_text(out, number);
  } else if (ivs_json_is_object(node) || ivs_json_is_array(node)) {
    ivs_buffer_append_text(out, ivs_json_is_object(node) ? "{" : "[");
    for (const ivs_json *child = ivs_json_first(node); child; child = ivs_json_next(child)) {
      ivs_buffer_append_text(out, gap);
      gap = ",";
      key = ivs_json_key(child);
      if (key && strcmp(key, "\xff") == 0)
        ivs_buffer_append_text(out, "?");
      else if (key)
        ivs_json_write_string(out, key, strlen(key));
      if (key) ivs_buffer_append_text(out, ":");
      render(out, child);
    }
    ivs_buffer_append_text(out, ivs_json_is_object(node) ? "}" : "]");
  } else {
    ivs_buffer_append_text(out, ivs_json_is_null(node)   ? "null"
                                : ivs_json_is_true(node) ? "true"
                                                         : "false");
  }
}

static int is_rendered(const ivs_json *node, const char *expected) {
  ivs_buffer out = IVS_BUFFER_EMPTY;
  int same;

  render(&out, node);
  assert_false(out.failed);
  same = strcmp(out.bytes, expected) == 0;
  if (!same) print_error("is   %s\nnot  %s\n", out.bytes, expected);
  ivs_buffer_end(&out);
  return same;
}

static int is_close(double a, double b) {
  double size = b < 0 ? -b : b;
  double difference = a < b ? b - a : a - b;

  return a == b || difference <= size * 1e-14 || difference < 1e-320;
}

/* The key that cJSON's parser read ends at a U+0000. */
static int is_same_key(const char *ours, const char *theirs) {
  if (!ours || !theirs) return ours == theirs;
  return strcmp(ours, "\xff") == 0 || strcmp(ours, theirs) == 0;
}

static int is_same_kind(const ivs_json *ours, const cJSON *theirs) {
  size_t length;

  return ivs_json_is_object(ours) == cJSON_IsObject(theirs) &&
         ivs_json_is_array(ours) == cJSON_IsArray(theirs) &&
         ivs_json_is_number(ours) == cJSON_IsNumber(theirs) &&
         ivs_json_is_null(ours) == cJSON_IsNull(theirs) &&
         ivs_json_is_boolean(ours) == cJSON_IsBool(theirs) &&
         ivs_json_is_true(ours) == cJSON_IsTrue(theirs) &&
         (ivs_json_string(ours, &length) != NULL) == cJSON_IsString(theirs);
}

/* Whether cJSON's parser understood the same.
 * NOLINTNEXTLINE(misc-no-recursion): no deeper than IVS_JSON_DEPTH */
static int is_same(const ivs_json *ours, const cJSON *theirs) {
  const ivs_json *a = ivs_json_first(ours);
  const cJSON *b = theirs->child;
  size_t length;

  if (!is_same_kind(ours, theirs) || !is_same_key(ivs_json_key(ours), theirs->string)) return 0;
  if (cJSON_IsNumber(theirs)) return is_close(ivs_json_number(ours), theirs->valuedouble);
  if (cJSON_IsString(theirs))
    return strcmp(ivs_json_string(ours, &length), theirs->valuestring) == 0;
  for (; a && b; a = ivs_json_next(a), b = b->next)
    if (!is_same(a, b)) return 0;
  return !a && !b;
}

static int is_same_for_cjson(const ivs_json *root, const char *text) {
  cJSON *theirs = cJSON_Parse(text);
  int same = theirs && is_same(root, theirs);

  cJSON_Delete(theirs);
  return same;
}

/* ---- Accepted and refused ---------------------------------------------------- */

static int accepts(const cJSON *entry, const char *text, size_t length) {
  const char *renders = member_text(entry, "renders");
  verdict v = judge(text, length);
  int good = v.result == INVSRC_OK;

  if (!good) print_error("%s at %d\n", v.fault.message, (int)v.fault.offset);
  if (good && renders) good = is_rendered(ivs_json_root(v.document), renders);
  if (good && !member_text(entry, "cjson"))
    good = is_same_for_cjson(ivs_json_root(v.document), text);
  ivs_json_free(v.document);
  return good;
}

static int refuses(const cJSON *entry, const char *text, size_t length) {
  verdict v = judge(text, length);
  int good = is_message(&v, member_text(entry, "message")) &&
             v.fault.offset == member_number(entry, "offset") &&
             v.fault.line == member_number(entry, "line") &&
             v.fault.column == member_number(entry, "column");

  if (!good && v.result == INVSRC_EMALFORMED)
    print_error("%s at %d, %d:%d\n", v.fault.message, (int)v.fault.offset, (int)v.fault.line,
                (int)v.fault.column);
  ivs_json_free(v.document);
  return good;
}

/* Cut anywhere, a text ends too soon; the one thing that may be wrong before is the
 * character that was cut. */
static int ends_too_soon(const cJSON *entry, const char *text, size_t length) {
  (void)entry;
  while (length && strchr(" \t\r\n", text[length - 1])) length--;
  if (!length || !strchr("]}\"", text[length - 1])) return 1; /* half a number is one */
  for (size_t cut = 0; cut < length; cut++) {
    verdict v = judge(text, cut);
    int good = is_message(&v, "unexpected end of text") && v.fault.offset == cut;
    if (is_message(&v, "invalid UTF-8")) good = cut - v.fault.offset < 4;
    ivs_json_free(v.document);
    if (!good) print_error("cut at %d\n", (int)cut);
    if (!good) return 0;
  }
  return 1;
}

/* The first fault is the first: what stands before it has none, but an early end. */
static int is_first_fault(const char *text, const ivs_json_fault *fault) {
  verdict v = judge(text, (size_t)fault->offset);
  int good = v.result == INVSRC_OK ||
             (is_message(&v, "unexpected end of text") && v.fault.offset == fault->offset);

  ivs_json_free(v.document);
  return good;
}

static const char exchanges[] = "\0\x1f \"\\u:,{}[]01-.eD\x80\xc3";

/* Another byte anywhere: what is still accepted, cJSON's parser understands alike. */
static int stands_exchanges(const cJSON *entry, const char *text, size_t length) {
  char changed[48 + 1];

  (void)entry;
  if (length > sizeof changed - 1) return 1;
  for (size_t i = 0; i < length * (sizeof exchanges - 1); i++) {
    verdict v;
    int good;

    memcpy(changed, text, length);
    changed[length] = '\0';
    changed[i / (sizeof exchanges - 1)] = exchanges[i % (sizeof exchanges - 1)];
    v = judge(changed, length);
    good = v.result == INVSRC_OK ? is_same_for_cjson(ivs_json_root(v.document), changed)
                                 : is_first_fault(changed, &v.fault);
    ivs_json_free(v.document);
    if (!good) print_error("with one byte exchanged: %s\n", changed);
    if (!good) return 0;
  }
  return 1;
}

/* ---- Over all entries --------------------------------------------------------- */

#define SHORT_TEXT 1024 /* for what takes a time that grows with its square */

static void check_all(const char *path, size_t longest,
                      int (*check)(const cJSON *entry, const char *text, size_t length)) {
  cJSON *data = load(path);
  const cJSON *entry;
  int bad = 0, checked = 0;

  cJSON_ArrayForEach(entry, data) {
    ivs_buffer text = IVS_BUFFER_EMPTY;

    build_text(entry, &text);
    if (text.length <= longest) {
      checked++;
      if (!check(entry, text.bytes ? text.bytes : "", text.length)) {
        print_error("%s: %s\n", path, member_text(entry, "name"));
        bad++;
      }
    }
    ivs_buffer_end(&text);
  }
  cJSON_Delete(data);
  assert_true(checked > 100);
  if (bad) fail_msg("%d of %d texts", bad, checked);
}

static void test_accepted_texts(void **state) {
  (void)state;
  check_all(ACCEPTED, SIZE_MAX, accepts);
}

static void test_refused_texts(void **state) {
  (void)state;
  check_all(REFUSED, SIZE_MAX, refuses);
}

static void test_every_cut(void **state) {
  (void)state;
  check_all(ACCEPTED, SHORT_TEXT, ends_too_soon);
}

static void test_exchanges_in_accepted_texts(void **state) {
  (void)state;
  check_all(ACCEPTED, SHORT_TEXT, stands_exchanges);
}

static void test_exchanges_in_refused_texts(void **state) {
  (void)state;
  check_all(REFUSED, SHORT_TEXT, stands_exchanges);
}

static void count_texts(void) {
  cJSON *accepted = load(ACCEPTED), *refused = load(REFUSED);

  printf(
      "# note: JSON texts: %d accepted, %d refused; the short ones cut at every byte and with "
      "every "
      "byte exchanged\n",
      cJSON_GetArraySize(accepted), cJSON_GetArraySize(refused));
  cJSON_Delete(accepted);
  cJSON_Delete(refused);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accepted_texts),
      cmocka_unit_test(test_refused_texts),
      cmocka_unit_test(test_every_cut),
      cmocka_unit_test(test_exchanges_in_accepted_texts),
      cmocka_unit_test(test_exchanges_in_refused_texts),
  };

  count_texts();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
