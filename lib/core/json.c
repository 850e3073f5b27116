/*
 * See json.h. One scanner reads all text; a tree is built from its events, so that
 * no second parser can see the text in another way. cJSON supplies the nodes only:
 * its own parser accepts what a door must not, and leaves strings unwiped when
 * memory runs out.
 */
#include "core/json.h"

#include <cjson/cJSON.h>
#include <invsrc/invsrc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* ---- Escapes ---------------------------------------------------------------- */

/* The value of four hexadecimal digits, or -1. */
static int32_t hex4(const char *text, size_t length) {
  int32_t value = 0;

  if (length < 4) return -1;
  for (int i = 0; i < 4; i++) {
    int digit = ivs_text_hex(text[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

static const struct {
  char letter;
  char meaning;
} short_escapes[] = {{'"', '"'},  {'\\', '\\'}, {'/', '/'},  {'b', '\b'},
                     {'f', '\f'}, {'n', '\n'},  {'r', '\r'}, {'t', '\t'}};

#define IS_HIGH(unit) ((unit) >= 0xd800 && (unit) <= 0xdbff)
#define IS_LOW(unit) ((unit) >= 0xdc00 && (unit) <= 0xdfff)

/* What an escape at the start of `text` (behind the backslash) stands for, and how
 * many bytes it has; or a message where it is none. */
static const char *read_escape(const char *text, size_t length, int32_t *point, size_t *used) {
  int32_t low;

  for (size_t i = 0; length && i < sizeof short_escapes / sizeof *short_escapes; i++) {
    if (text[0] != short_escapes[i].letter) continue;
    *point = short_escapes[i].meaning;
    *used = 1;
    return NULL;
  }
  if (!length || text[0] != 'u') return "invalid escape";
  *point = hex4(text + 1, length - 1);
  *used = 5;
  if (*point < 0) return "invalid \\u escape";
  if (IS_LOW(*point)) return "lone surrogate escape";
  if (!IS_HIGH(*point)) return NULL;
  if (length < 11 || text[5] != '\\' || text[6] != 'u') return "lone surrogate escape";
  low = hex4(text + 7, length - 7);
  if (!IS_LOW(low)) return "lone surrogate escape";
  *point = 0x10000 + ((*point - 0xd800) << 10) + (low - 0xdc00);
  *used = 11;
  return NULL;
}

static size_t encode(int32_t point, char *to) {
  uint32_t p = (uint32_t)point;
  char bytes[4] = {(char)(0xf0 | p >> 18), (char)(0x80 | (p >> 12 & 63)),
                   (char)(0x80 | (p >> 6 & 63)), (char)(0x80 | (p & 63))};
  size_t length = p < 0x80 ? 1 : p < 0x800 ? 2 : p < 0x10000 ? 3 : 4;

  if (length == 1) bytes[3] = (char)p;
  if (length == 2) bytes[2] = (char)(0xc0 | p >> 6);
  if (length == 3) bytes[1] = (char)(0xe0 | p >> 12);
  memcpy(to, bytes + 4 - length, length);
  return length;
}

size_t ivs_json_decode(const char *raw, size_t length, char *to) {
  size_t at = 0, count = 0;

  while (at < length) {
    int32_t point;
    size_t used;

    if (raw[at] != '\\') {
      to[count++] = raw[at++];
      continue;
    }
    at++;
    read_escape(raw + at, length - at, &point, &used);
    at += used;
    count += encode(point, to + count);
  }
  return count;
}

/* ---- Duplicate keys ----------------------------------------------------------- */

typedef struct slice {
  const char *raw;
  size_t length;
} slice;

/* Takes the next decoded byte or escaped code point off a key. Text that is not
 * escaped is compared byte by byte, so an escape gives its UTF-8 bytes too. */
typedef struct reader {
  const char *at;
  const char *end;
  char pending[4];
  size_t pending_at, pending_length;
} reader;

static int next_byte(reader *from) {
  int32_t point;
  size_t used;

  if (from->pending_at < from->pending_length)
    return (unsigned char)from->pending[from->pending_at++];
  if (from->at == from->end) return -1;
  if (*from->at != '\\') return (unsigned char)*from->at++;
  from->at++;
  read_escape(from->at, (size_t)(from->end - from->at), &point, &used);
  from->at += used;
  from->pending_length = encode(point, from->pending);
  from->pending_at = 1;
  return (unsigned char)from->pending[0];
}

static int compare(const slice *a, const slice *b) {
  reader x = {a->raw, a->raw + a->length, {0}, 0, 0};
  reader y = {b->raw, b->raw + b->length, {0}, 0, 0};
  int p, q;

  do {
    p = next_byte(&x);
    q = next_byte(&y);
  } while (p == q && p >= 0);
  return p - q;
}

/* Equal keys in text order, so that of each run all but the first are repeats. */
static int compare_in_order(const void *a, const void *b) {
  const slice *x = a, *y = b;
  int order = compare(x, y);

  return order ? order : (x->raw > y->raw) - (x->raw < y->raw);
}

/* The first key of `keys` that stands there a second time, or NULL. Sorts. */
static const char *first_repeat(slice *keys, size_t count) {
  const char *first = NULL;

  if (count < 2) return NULL;
  qsort(keys, count, sizeof *keys, compare_in_order);
  for (size_t i = 1; i < count; i++)
    if (compare(&keys[i - 1], &keys[i]) == 0 && (!first || keys[i].raw < first))
      first = keys[i].raw;
  return first;
}

/* ---- The scanner -------------------------------------------------------------- */

#define FEW_KEYS 64

typedef struct scanner {
  const char *text;
  size_t length;
  size_t at;
  const ivs_json_handler *handler;
  void *context;
  const char *message; /* of a fault at `at` */
  int depth;
  char brackets[IVS_JSON_DEPTH + 1]; /* '{' or '[' for each depth */
  /* The keys so far of every open object, outer ones first. */
  size_t first_key[IVS_JSON_DEPTH + 1];
  slice *keys;
  size_t key_count, key_capacity;
  slice few_keys[FEW_KEYS];
} scanner;

static int32_t fault(scanner *s, size_t at, const char *message) {
  s->at = at;
  s->message = message;
  return INVSRC_EMALFORMED;
}

/* The end of the text is a fault of its own, wherever it comes. */
static int32_t unexpected(scanner *s, const char *message) {
  return fault(s, s->at, s->at < s->length ? message : "unexpected end of text");
}

static void skip_space(scanner *s) {
  while (s->at < s->length && memchr(" \t\n\r", s->text[s->at], 4)) s->at++;
}

static int32_t keep_key(scanner *s, const char *raw, size_t length) {
  if (s->key_count == s->key_capacity) {
    slice *keys = malloc(2 * s->key_capacity * sizeof *keys);
    if (!keys) return INVSRC_ENOMEM;
    memcpy(keys, s->keys, s->key_count * sizeof *keys);
    if (s->keys != s->few_keys) free(s->keys);
    s->keys = keys;
    s->key_capacity *= 2;
  }
  s->keys[s->key_count].raw = raw;
  s->keys[s->key_count].length = length;
  s->key_count++;
  return INVSRC_OK;
}

/* Reads a string from its opening quote; `*raw` is what stands between the quotes. */
static int32_t scan_string(scanner *s, const char **raw, size_t *raw_length) {
  size_t start = ++s->at;

  for (;;) {
    unsigned char c;
    size_t used;
    int32_t point;
    const char *message;

    if (s->at == s->length) return fault(s, s->at, "unexpected end of text");
    c = (unsigned char)s->text[s->at];
    if (c == '"') break;
    if (c < 0x20) return fault(s, s->at, "unescaped control character");
    if (c == '\\') {
      message = read_escape(s->text + s->at + 1, s->length - s->at - 1, &point, &used);
      if (message) return fault(s, s->at, message);
      s->at += 1 + used;
    } else if (c < 0x80) {
      s->at++;
    } else {
      used = ivs_text_sequence(s->text + s->at, s->length - s->at);
      if (!used) return fault(s, s->at, "invalid UTF-8");
      s->at += used;
    }
  }
  *raw = s->text + start;
  *raw_length = s->at++ - start;
  return INVSRC_OK;
}

static size_t skip_digits(scanner *s) {
  size_t start = s->at;

  while (s->at < s->length && s->text[s->at] >= '0' && s->text[s->at] <= '9') s->at++;
  return s->at - start;
}

static int at_any(const scanner *s, const char *set) {
  return s->at < s->length && strchr(set, s->text[s->at]) && s->text[s->at];
}

static int32_t scan_number(scanner *s) {
  size_t integer;

  if (at_any(s, "-")) s->at++;
  integer = s->at;
  if (!skip_digits(s)) return unexpected(s, "invalid number");
  if (s->text[integer] == '0' && s->at > integer + 1)
    return fault(s, integer + 1, "leading zero in a number");
  if (at_any(s, ".")) {
    s->at++;
    if (!skip_digits(s)) return unexpected(s, "invalid number");
  }
  if (at_any(s, "eE")) {
    s->at++;
    if (at_any(s, "+-")) s->at++;
    if (!skip_digits(s)) return unexpected(s, "invalid number");
  }
  return INVSRC_OK;
}

static int32_t scan_literal(scanner *s) {
  static const char *const literals[] = {"true", "false", "null"};

  for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
    size_t length = strlen(literals[i]);
    if (s->length - s->at < length || memcmp(s->text + s->at, literals[i], length) != 0) continue;
    s->at += length;
    return INVSRC_OK;
  }
  return unexpected(s, "expected a value");
}

static int32_t open_bracket(scanner *s) {
  char bracket = s->text[s->at];

  if (s->depth == IVS_JSON_DEPTH) return fault(s, s->at, "nested deeper than 16");
  s->depth++;
  s->at++;
  s->brackets[s->depth] = bracket;
  s->first_key[s->depth] = s->key_count;
  return s->handler->begin ? s->handler->begin(s->context, s->depth, bracket) : INVSRC_OK;
}

static int32_t close_bracket(scanner *s) {
  size_t first = s->first_key[s->depth];
  char bracket = s->text[s->at];
  int32_t result = INVSRC_OK;

  if (first_repeat(s->keys + first, s->key_count - first))
    return fault(s, s->at, "duplicate key"); /* settle_fault() finds its place */
  s->at++;
  if (s->handler->end) result = s->handler->end(s->context, s->depth, bracket);
  s->key_count = first;
  s->depth--;
  return result;
}

/* A value that has no brackets. */
static int32_t scan_scalar(scanner *s) {
  size_t start = s->at;
  const char *raw;
  size_t length;
  int32_t result;

  if (at_any(s, "\"")) {
    result = scan_string(s, &raw, &length);
    if (result != INVSRC_OK || !s->handler->string) return result;
    return s->handler->string(s->context, s->depth, raw, length);
  }
  result = at_any(s, "-0123456789") ? scan_number(s) : scan_literal(s);
  if (result != INVSRC_OK || !s->handler->scalar) return result;
  return s->handler->scalar(s->context, s->depth, s->text + start, s->at - start);
}

static int32_t scan_key(scanner *s) {
  const char *raw;
  size_t length;
  int32_t result;

  if (!at_any(s, "\"")) return unexpected(s, "expected a key");
  result = scan_string(s, &raw, &length);
  if (result == INVSRC_OK) result = keep_key(s, raw, length);
  if (result == INVSRC_OK && s->handler->key)
    result = s->handler->key(s->context, s->depth, raw, length);
  if (result != INVSRC_OK) return result;
  skip_space(s);
  if (!at_any(s, ":")) return unexpected(s, "expected a colon");
  s->at++;
  return INVSRC_OK;
}

static int in_object(const scanner *s) {
  return s->brackets[s->depth] == '{';
}

/* Reads a value, or as far as its opening bracket. `*done`: it is complete. */
static int32_t scan_value(scanner *s, int *done) {
  skip_space(s);
  *done = !at_any(s, "{[");
  return *done ? scan_scalar(s) : open_bracket(s);
}

/* Reads what may stand behind an opening bracket: the closing one, or the first
 * key. `*done`: the bracket was closed. */
static int32_t scan_first(scanner *s, int *done) {
  skip_space(s);
  *done = at_any(s, in_object(s) ? "}" : "]");
  if (*done) return close_bracket(s);
  return in_object(s) ? scan_key(s) : INVSRC_OK;
}

/* Behind a complete value: closing brackets, then a comma and the next key, or the
 * end. */
static int32_t scan_after(scanner *s) {
  int32_t result = INVSRC_OK;

  for (;;) {
    skip_space(s);
    if (s->depth == 0) return INVSRC_OK;
    if (!at_any(s, in_object(s) ? "}" : "]")) break;
    result = close_bracket(s);
    if (result != INVSRC_OK) return result;
  }
  if (!at_any(s, ","))
    return unexpected(s, in_object(s) ? "expected a comma or a closing brace"
                                      : "expected a comma or a closing bracket");
  s->at++;
  skip_space(s);
  return in_object(s) ? scan_key(s) : INVSRC_OK;
}

static int32_t scan(scanner *s) {
  int done = 0;
  int32_t result = INVSRC_OK;

  if (s->length >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
    return fault(s, 0, "byte order mark");
  do {
    result = scan_value(s, &done);
    if (result == INVSRC_OK && !done) result = scan_first(s, &done);
    if (result == INVSRC_OK && done) result = scan_after(s);
  } while (result == INVSRC_OK && (s->depth > 0 || !done));
  if (result == INVSRC_OK && s->at < s->length) return fault(s, s->at, "text after the value");
  return result;
}

/* ---- Faults -------------------------------------------------------------------- */

static int is_continuation(char c) {
  return ((unsigned char)c & 0xc0) == 0x80;
}

/* Lines end with LF, CR or CRLF; columns count code points. */
static void locate(const char *text, size_t at, ivs_json_fault *out) {
  out->offset = at;
  out->line = 1;
  out->column = 1;
  for (size_t i = 0; i < at; i++) {
    if (text[i] == '\r' && i + 1 < at && text[i + 1] == '\n') continue;
    if (text[i] == '\n' || text[i] == '\r') {
      out->line++;
      out->column = 1;
    } else if (!is_continuation(text[i])) {
      out->column++;
    }
  }
}

/* A key that stands twice in an object that is still open comes before any fault
 * that ended the scan. */
static void settle_fault(scanner *s, ivs_json_fault *out) {
  const char *repeat = NULL;

  for (int depth = 1; depth <= s->depth; depth++) {
    size_t first = s->first_key[depth];
    size_t end = depth < s->depth ? s->first_key[depth + 1] : s->key_count;
    const char *found = first_repeat(s->keys + first, end - first);
    if (found && (!repeat || found < repeat)) repeat = found;
  }
  if (repeat) {
    s->at = (size_t)(repeat - s->text) - 1; /* its quote */
    s->message = "duplicate key";
  }
  locate(s->text, s->at, out);
  out->message = s->message;
}

int32_t ivs_json_scan(const char *text, size_t length, const ivs_json_handler *handler,
                      void *context, ivs_json_fault *out) {
  scanner s = {.text = text, .length = length, .handler = handler, .context = context};
  int32_t result;

  s.keys = s.few_keys;
  s.key_capacity = FEW_KEYS;
  result = scan(&s);
  if (result == INVSRC_EMALFORMED) settle_fault(&s, out);
  if (s.keys != s.few_keys) free(s.keys);
  return result;
}

void ivs_json_start(const char *text, size_t length, ivs_json_fault *out) {
  scanner s = {.text = text, .length = length};

  skip_space(&s);
  locate(text, s.at, out);
  out->message = NULL;
}

/* ---- The tree ------------------------------------------------------------------- */

struct ivs_json_document {
  cJSON *root;
  size_t used;
  cJSON *parents[IVS_JSON_DEPTH + 1];
  const char *key; /* of the value to come */
  char strings[];  /* every decoded string and key: never longer than the text */
};

/* Decodes into the block; NUL-terminated, for which the quotes have left room. */
static char *take_string(ivs_json_document *document, const char *raw, size_t length,
                         size_t *decoded) {
  char *string = document->strings + document->used;

  *decoded = ivs_json_decode(raw, length, string);
  string[*decoded] = '\0';
  document->used += *decoded + 1;
  return string;
}

/* A key with U+0000 inside would be taken for the part before it by a look-up, so
 * it gets a name that no look-up asks for. */
static int32_t take_key(void *context, int depth, const char *raw, size_t length) {
  ivs_json_document *document = context;
  size_t decoded;

  (void)depth;
  document->key = take_string(document, raw, length, &decoded);
  if (strlen(document->key) != decoded) document->key = "";
  return INVSRC_OK;
}

/* Appends a node to the open parent; the node is the tree's from then on. */
static int32_t take_node(ivs_json_document *document, int depth, cJSON *node) {
  cJSON *parent = document->parents[depth];
  int added;

  if (!node) return INVSRC_ENOMEM;
  if (depth == 0) {
    document->root = node;
    return INVSRC_OK;
  }
  added = cJSON_IsObject(parent) ? cJSON_AddItemToObjectCS(parent, document->key, node)
                                 : cJSON_AddItemToArray(parent, node);
  if (added) return INVSRC_OK;
  cJSON_Delete(node);
  return INVSRC_ENOMEM;
}

static int32_t take_begin(void *context, int depth, char bracket) {
  ivs_json_document *document = context;
  cJSON *node = bracket == '{' ? cJSON_CreateObject() : cJSON_CreateArray();

  document->parents[depth] = node;
  return take_node(document, depth - 1, node);
}

/* The length goes where cJSON keeps nothing for strings. */
static int32_t take_text(void *context, int depth, const char *raw, size_t length) {
  ivs_json_document *document = context;
  size_t decoded;
  char *string = take_string(document, raw, length, &decoded);
  cJSON *node = cJSON_CreateStringReference(string);

  if (node) node->valueint = (int)decoded;
  return take_node(document, depth, node);
}

/* More powers of ten than a double has room for. */
#define MOST_STEPS 700

/* Integers of up to 15 digits are exact; the rest is close, and independent of the
 * host's locale, which strtod() is not. */
static double number_of(const char *raw, size_t length) {
  int negative = raw[0] == '-', exponent = 0, exponent_negative = 0, shift = 0;
  double value = 0;
  size_t i = (size_t)negative;

  for (; i < length && raw[i] != '.' && raw[i] != 'e' && raw[i] != 'E'; i++)
    value = value * 10 + (raw[i] - '0');
  if (i < length && raw[i] == '.')
    for (i++; i < length && raw[i] != 'e' && raw[i] != 'E'; i++, shift--)
      value = value * 10 + (raw[i] - '0');
  if (i < length) {
    i++;
    exponent_negative = raw[i] == '-';
    for (i += raw[i] == '-' || raw[i] == '+'; i < length; i++)
      if (exponent < 100000) exponent = exponent * 10 + (raw[i] - '0');
  }
  shift += exponent_negative ? -exponent : exponent;
  for (int steps = 0; shift && steps<MOST_STEPS; steps++, shift -= shift> 0 ? 1 : -1)
    value = shift > 0 ? value * 10 : value / 10;
  return negative ? -value : value;
}

static int32_t take_scalar(void *context, int depth, const char *raw, size_t length) {
  cJSON *node = raw[0] == 't'   ? cJSON_CreateTrue()
                : raw[0] == 'f' ? cJSON_CreateFalse()
                : raw[0] == 'n' ? cJSON_CreateNull()
                                : cJSON_CreateNumber(number_of(raw, length));

  return take_node(context, depth, node);
}

static const ivs_json_handler builder = {take_begin, NULL, take_key, take_text, take_scalar};

/* cJSON's lengths are ints; nothing that large comes in. */
#define LONGEST_TEXT 67108864

int32_t ivs_json_parse(const char *text, size_t length, ivs_json_document **out,
                       ivs_json_fault *out_fault) {
  ivs_json_document *document;
  int32_t result;

  *out = NULL;
  if (length > LONGEST_TEXT) {
    locate(text, 0, out_fault);
    out_fault->message = "longer than 64 MiB";
    return INVSRC_EMALFORMED;
  }
  document = malloc(sizeof *document + length + 1);
  if (!document) return INVSRC_ENOMEM;
  memset(document, 0, sizeof *document);
  result = ivs_json_scan(text, length, &builder, document, out_fault);
  if (result == INVSRC_OK)
    *out = document;
  else
    ivs_json_free(document);
  return result;
}

void ivs_json_free(ivs_json_document *document) {
  if (!document) return;
  cJSON_Delete(document->root); /* of the strings it holds references only */
  OPENSSL_cleanse(document->strings, document->used);
  free(document);
}

/* ---- Looking at a tree ------------------------------------------------------------ */

const ivs_json *ivs_json_root(const ivs_json_document *document) {
  return document->root;
}

int ivs_json_is_object(const ivs_json *node) {
  return cJSON_IsObject(node);
}

int ivs_json_is_array(const ivs_json *node) {
  return cJSON_IsArray(node);
}

int ivs_json_is_number(const ivs_json *node) {
  return cJSON_IsNumber(node);
}

const ivs_json *ivs_json_member(const ivs_json *object, const char *key) {
  return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const char *ivs_json_string(const ivs_json *node, size_t *length) {
  *length = cJSON_IsString(node) ? (size_t)node->valueint : 0;
  return cJSON_IsString(node) ? node->valuestring : NULL;
}

double ivs_json_number(const ivs_json *node) {
  return cJSON_IsNumber(node) ? node->valuedouble : 0;
}

const ivs_json *ivs_json_first(const ivs_json *parent) {
  return parent ? parent->child : NULL;
}

const ivs_json *ivs_json_next(const ivs_json *node) {
  return node->next;
}

/* ---- Writing ------------------------------------------------------------------------ */

static int needs_escape(char c) {
  return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

static void write_escape(ivs_buffer *out, char c) {
  static const char digits[] = "0123456789abcdef";
  char escape[6] = {'\\', 'u', '0', '0', digits[(unsigned char)c >> 4], digits[c & 15]};

  for (size_t i = 0; i < sizeof short_escapes / sizeof *short_escapes; i++) {
    if (short_escapes[i].meaning != c) continue;
    escape[1] = short_escapes[i].letter;
    ivs_buffer_append(out, escape, 2);
    return;
  }
  ivs_buffer_append(out, escape, sizeof escape);
}

void ivs_json_write_string(ivs_buffer *out, const char *text, size_t length) {
  size_t start = 0;

  ivs_buffer_append(out, "\"", 1);
  for (size_t i = 0; i < length; i++) {
    if (!needs_escape(text[i])) continue;
    ivs_buffer_append(out, text + start, i - start);
    write_escape(out, text[i]);
    start = i + 1;
  }
  ivs_buffer_append(out, text + start, length - start);
  ivs_buffer_append(out, "\"", 1);
}
