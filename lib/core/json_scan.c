/*
 * See json_scan.h. An iterative scanner: how deep and in what a text is at any time
 * is a bracket for each level, and the keys of the objects that are open. Builds nothing, and
 * allocates only for objects with many keys.
 */
#include "core/json_scan.h"

#include <invsrc/invsrc.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* Where a text stops short of what it began. */
static const char ended[] = "unexpected end of text";

/* How deep a text may nest, and what is said of one that does not stop there. */
typedef struct limit {
  int depth;
  const char *message;
} limit;

static const limit of_texts = {IVS_JSON_DEPTH, "nested deeper than 16"};
static const limit of_replies = {IVS_JSON_REPLY_DEPTH, "nested deeper than 128"};

/* ---- Escapes ---------------------------------------------------------------- */

static const struct {
  char letter;
  char meaning;
} short_escapes[] = {{'"', '"'},  {'\\', '\\'}, {'/', '/'},  {'b', '\b'},
                     {'f', '\f'}, {'n', '\n'},  {'r', '\r'}, {'t', '\t'}};

#define IS_HIGH_SURROGATE(unit) ((unit) >= 0xd800 && (unit) <= 0xdbff)
#define IS_LOW_SURROGATE(unit) ((unit) >= 0xdc00 && (unit) <= 0xdfff)

/* Reads the four hexadecimal digits of an escape. NULL, or what is wrong. */
static const char *read_unit(const char *text, size_t length, uint32_t *unit) {
  *unit = 0;
  for (size_t i = 0; i < 4; i++) {
    int digit = i < length ? ivs_text_hex(text[i]) : 0;

    if (i >= length) return ended;
    if (digit < 0) return "invalid \\u escape";
    *unit = *unit << 4 | (uint32_t)digit;
  }
  return NULL;
}

/* Reads an escape behind its backslash: the code point that it stands for and how
 * many bytes it takes. NULL, or what is wrong. */
static const char *read_escape(const char *text, size_t length, uint32_t *point, size_t *used) {
  static const char lone[] = "lone surrogate escape";
  const char *message;
  uint32_t low;

  if (!length) return ended;
  for (size_t i = 0; i < sizeof short_escapes / sizeof *short_escapes; i++) {
    if (text[0] != short_escapes[i].letter) continue;
    *point = (unsigned char)short_escapes[i].meaning;
    *used = 1;
    return NULL;
  }
  if (text[0] != 'u') return "invalid escape";
  message = read_unit(text + 1, length - 1, point);
  *used = 5;
  if (message || IS_LOW_SURROGATE(*point)) return message ? message : lone;
  if (!IS_HIGH_SURROGATE(*point)) return NULL;

  if ((length > 5 && text[5] != '\\') || (length > 6 && text[6] != 'u')) return lone;
  if (length < 7) return ended;
  message = read_unit(text + 7, length - 7, &low);
  *used = 11;
  if (message == ended) return ended;
  if (message || !IS_LOW_SURROGATE(low)) return lone;
  *point = 0x10000 + ((*point - 0xd800) << 10) + (low - 0xdc00);
  return NULL;
}

/* Writes a code point in UTF-8; returns how many bytes it took, at most 4. */
static size_t encode(uint32_t point, char *to) {
  static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
  size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

  for (size_t i = length - 1; i > 0; i--, point >>= 6) to[i] = (char)(0x80 | (point & 0x3f));
  to[0] = (char)(leads[length] | point);
  return length;
}

size_t ivs_json_decode(const char *raw, size_t length, char *to) {
  size_t at = 0, count = 0;

  while (at < length) {
    const char *backslash = memchr(raw + at, '\\', length - at);
    size_t run = backslash ? (size_t)(backslash - raw) - at : length - at;
    uint32_t point;
    size_t used;

    memcpy(to + count, raw + at, run);
    count += run;
    at += run;
    if (!backslash || read_escape(raw + at + 1, length - at - 1, &point, &used)) break;
    count += encode(point, to + count);
    at += 1 + used;
  }
  return count;
}

/* ---- The scanner -------------------------------------------------------------- */

/* A key: where its text lies between the quotes, and its first decoded bytes, which
 * mostly settle a comparison. Small, for a hostile text has millions. */
typedef struct key_place {
  uint64_t prefix;
  uint32_t at;
  uint32_t length;
} key_place;

#define FEW_KEYS 64 /* more of them go to allocated memory */

/* What a scan needs much of, and does not need cleared. */
typedef struct scan_room {
  char brackets[IVS_JSON_REPLY_DEPTH + 1]; /* '{' or '[' for each depth */
  /* The keys so far of every open object, outer ones first. */
  size_t first_key[IVS_JSON_REPLY_DEPTH + 1];
  key_place few_keys[FEW_KEYS];
} scan_room;

typedef struct scanner {
  const char *text;
  size_t length;
  size_t at;
  const limit *limit;
  const ivs_json_handler *handler;
  void *context;
  const char *message; /* of a fault at `at` */
  int depth;
  scan_room *room;
  key_place *keys;
  size_t key_count, key_capacity;
} scanner;

/* The byte to read next, or -1 at the end. */
static int peek(const scanner *s) {
  return s->at < s->length ? (unsigned char)s->text[s->at] : -1;
}

static int32_t fault(scanner *s, size_t at, const char *message) {
  s->at = at;
  s->message = message;
  return INVSRC_EMALFORMED;
}

/* The next byte is not what must come here. */
static int32_t unexpected(scanner *s, const char *message) {
  if (s->at == s->length)
    message = ended;
  else if (!ivs_text_sequence(s->text + s->at, s->length - s->at))
    message = "invalid UTF-8";
  return fault(s, s->at, message);
}

static int is_space(int c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline void skip_space(scanner *s) {
  if (peek(s) > ' ') return; /* before more is asked: mostly there is none */
  while (is_space(peek(s))) s->at++;
}

/* ---- Duplicate keys ----------------------------------------------------------- */

/* Takes a checked key apart into its decoded bytes. */
typedef struct key_reader {
  const char *at, *end;
  char escape[4]; /* what the last escape stood for, and the bytes of it to come */
  size_t escape_at, escape_length;
} key_reader;

static int next_byte(key_reader *from) {
  uint32_t point = 0;
  size_t used = 0;

  if (from->escape_at < from->escape_length) return (unsigned char)from->escape[from->escape_at++];
  if (from->at == from->end) return -1;
  if (*from->at != '\\') return (unsigned char)*from->at++;
  read_escape(from->at + 1, (size_t)(from->end - from->at) - 1, &point, &used);
  from->at += 1 + used;
  from->escape_length = encode(point, from->escape);
  from->escape_at = 1;
  return (unsigned char)from->escape[0];
}

/* Eight bytes, the first one the highest. */
static uint64_t read_word(const char *text) {
  const unsigned char *b = (const unsigned char *)text;

  return (uint64_t)b[0] << 56 | (uint64_t)b[1] << 48 | (uint64_t)b[2] << 40 | (uint64_t)b[3] << 32 |
         (uint64_t)b[4] << 24 | (uint64_t)b[5] << 16 | (uint64_t)b[6] << 8 | (uint64_t)b[7];
}

/* Orders as the bytes do, where it differs: what a short key lacks counts as 0. There are `left`
 * bytes from the start of the key to the end of the text. */
static uint64_t prefix_of(const char *raw, size_t length, size_t left, int has_escape) {
  key_reader from = {.at = raw, .end = raw + length};
  uint64_t prefix = 0;

  if (!has_escape && left >= sizeof prefix) {
    size_t strange = length < sizeof prefix ? 8 * (sizeof prefix - length) : 0; /* bits behind it */
    return length ? read_word(raw) >> strange << strange : 0;
  }
  for (size_t i = 0; i < sizeof prefix; i++) {
    int byte = next_byte(&from);
    prefix = prefix << 8 | (byte < 0 ? 0 : (uint64_t)byte);
  }
  return prefix;
}

/* Each key is kept until its object ends, and only then are they sorted and
 * compared: O(n log n) whatever the keys are, without a hash that could be flooded. */
static int32_t keep_key(scanner *s, const char *raw, size_t length, int has_escape) {
  size_t at = (size_t)(raw - s->text);
  key_place key = {prefix_of(raw, length, s->length - at, has_escape), (uint32_t)at,
                   (uint32_t)length};

  if (s->key_count == s->key_capacity) {
    key_place *keys = malloc(2 * s->key_capacity * sizeof *keys);
    if (!keys) return INVSRC_ENOMEM;
    memcpy(keys, s->keys, s->key_count * sizeof *keys);
    if (s->keys != s->room->few_keys) free(s->keys);
    s->keys = keys;
    s->key_capacity *= 2;
  }
  s->keys[s->key_count++] = key;
  return INVSRC_OK;
}

/* Orders keys by what they say once decoded. */
static int compare(const char *text, const key_place *a, const key_place *b) {
  key_reader x = {.at = text + a->at, .end = text + a->at + a->length};
  key_reader y = {.at = text + b->at, .end = text + b->at + b->length};
  int p, q;

  if (a->prefix != b->prefix) return a->prefix < b->prefix ? -1 : 1;
  while (x.at < x.end && y.at < y.end && *x.at == *y.at && *x.at != '\\') {
    x.at++;
    y.at++;
  }
  do {
    p = next_byte(&x);
    q = next_byte(&y);
  } while (p == q && p >= 0);
  return p - q;
}

/* Equal keys stay in text order, so that of each run all but the first are repeats. */
static int is_before(const char *text, const key_place *a, const key_place *b) {
  int order = compare(text, a, b);

  return order ? order < 0 : a->at < b->at;
}

static void sift_down(const char *text, key_place *keys, size_t root, size_t count) {
  key_place key = keys[root];

  for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
    if (child + 1 < count && is_before(text, &keys[child], &keys[child + 1])) child++;
    if (!is_before(text, &key, &keys[child])) break;
    keys[root] = keys[child];
    root = child;
  }
  keys[root] = key;
}

/* Heapsort: qsort() may allocate, and may be quadratic. */
static void sort_keys(const char *text, key_place *keys, size_t count) {
  for (size_t root = count / 2; root-- > 0;) sift_down(text, keys, root, count);
  for (size_t last = count; last-- > 1;) {
    key_place greatest = keys[0];
    keys[0] = keys[last];
    keys[last] = greatest;
    sift_down(text, keys, 0, last);
  }
}

#define UNSORTED_KEYS 16 /* so few are compared with one another sooner than sorted */

static size_t first_repeat_of_few(const char *text, const key_place *keys, size_t count) {
  for (size_t i = 1; i < count; i++)
    for (size_t j = 0; j < i; j++)
      if (keys[j].prefix == keys[i].prefix && compare(text, &keys[j], &keys[i]) == 0)
        return keys[i].at;
  return SIZE_MAX;
}

static size_t first_repeat_of_many(const char *text, key_place *keys, size_t count) {
  size_t first = SIZE_MAX;

  sort_keys(text, keys, count);
  for (size_t i = 1; i < count; i++)
    if (keys[i].at < first && compare(text, &keys[i - 1], &keys[i]) == 0) first = keys[i].at;
  return first;
}

/* Where in the text a key of the open object at `depth` stands for the second time;
 * SIZE_MAX where none does. */
static size_t first_repeat(scanner *s, int depth) {
  size_t start = s->room->first_key[depth];
  size_t end = depth < s->depth ? s->room->first_key[depth + 1] : s->key_count;

  return end - start <= UNSORTED_KEYS ? first_repeat_of_few(s->text, s->keys + start, end - start)
                                      : first_repeat_of_many(s->text, s->keys + start, end - start);
}

/* ---- Tokens ------------------------------------------------------------------- */

static int is_plain(int c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether all eight bytes are plain. None of the differences borrows from the next byte before a
 * byte that is not, and then the answer is no in any case. */
static int are_plain(uint64_t bytes) {
  return !((((bytes ^ EACH('"')) - EACH(1)) | ((bytes ^ EACH('\\')) - EACH(1)) |
            (bytes - EACH(0x20)) | bytes) &
           EACH(0x80));
}

static int are_8_plain(const char *text) {
  uint64_t bytes;

  memcpy(&bytes, text, 8);
  return are_plain(bytes);
}

static int are_4_plain(const char *text) {
  uint64_t bytes = EACH(' ');

  memcpy(&bytes, text, 4);
  return are_plain(bytes);
}

static inline size_t plain_length(const char *text, size_t length) {
  size_t at = 0;

  while (length - at >= 8 && are_8_plain(text + at)) at += 8;
  if (length - at >= 4 && are_4_plain(text + at)) at += 4;
  while (at < length && is_plain((unsigned char)text[at])) at++;
  return at;
}

size_t ivs_json_plain(const char *text, size_t length) {
  return plain_length(text, length);
}

/* Steps over what is in a string and not plain: an escape, or a character beyond ASCII. */
static int32_t scan_unplain(scanner *s) {
  uint32_t point;
  size_t used;
  const char *message;
  int c = peek(s);

  if (c == '\\') {
    message = read_escape(s->text + s->at + 1, s->length - s->at - 1, &point, &used);
    if (message) return fault(s, message == ended ? s->length : s->at, message);
    s->at += 1 + used;
    return INVSRC_OK;
  }
  if (c < 0x20) return unexpected(s, "unescaped control character");
  used = ivs_text_sequence(s->text + s->at, s->length - s->at);
  if (!used) return fault(s, s->at, "invalid UTF-8");
  s->at += used;
  return INVSRC_OK;
}

/* What stands between the quotes of a string. */
typedef struct raw_string {
  const char *text;
  size_t length;
  int has_escape;
} raw_string;

/* Reads a string from its opening quote. */
static int32_t scan_string(scanner *s, raw_string *raw) {
  size_t start = ++s->at;

  raw->has_escape = 0;
  for (;;) {
    int32_t result;

    s->at += plain_length(s->text + s->at, s->length - s->at);
    if (peek(s) == '"') break;
    raw->has_escape |= peek(s) == '\\';
    result = scan_unplain(s);
    if (result != INVSRC_OK) return result;
  }
  raw->text = s->text + start;
  raw->length = s->at++ - start;
  return INVSRC_OK;
}

static int is_digit(int c) {
  return c >= '0' && c <= '9';
}

static int32_t scan_digits(scanner *s) {
  if (!is_digit(peek(s))) return unexpected(s, "expected a digit");
  while (is_digit(peek(s))) s->at++;
  return INVSRC_OK;
}

static int32_t scan_number(scanner *s) {
  int32_t result = INVSRC_OK;

  if (peek(s) == '-') s->at++;
  if (peek(s) == '0') {
    s->at++;
    if (is_digit(peek(s))) return fault(s, s->at, "leading zero in a number");
  } else {
    result = scan_digits(s);
  }
  if (result == INVSRC_OK && peek(s) == '.') {
    s->at++;
    result = scan_digits(s);
  }
  if (result == INVSRC_OK && (peek(s) == 'e' || peek(s) == 'E')) {
    s->at++;
    if (peek(s) == '+' || peek(s) == '-') s->at++;
    result = scan_digits(s);
  }
  return result;
}

static int32_t scan_literal(scanner *s) {
  static const char *const literals[] = {"true", "false", "null"};
  size_t left = s->length - s->at;

  for (size_t i = 0; left && i < sizeof literals / sizeof *literals; i++) {
    size_t length = strlen(literals[i]);
    if (memcmp(s->text + s->at, literals[i], left < length ? left : length) != 0) continue;
    if (left < length) return fault(s, s->length, ended);
    s->at += length;
    return INVSRC_OK;
  }
  return unexpected(s, "expected a value");
}

/* A value that has no brackets. */
static int32_t scan_scalar(scanner *s) {
  size_t start = s->at;
  raw_string raw = {NULL, 0, 0};
  int32_t result;

  if (peek(s) == '"') {
    result = scan_string(s, &raw);
    if (result != INVSRC_OK || !s->handler->string) return result;
    return s->handler->string(s->context, s->depth, raw.text, raw.length);
  }
  result = peek(s) == '-' || is_digit(peek(s)) ? scan_number(s) : scan_literal(s);
  if (result != INVSRC_OK || !s->handler->scalar) return result;
  return s->handler->scalar(s->context, s->depth, s->text + start, s->at - start);
}

/* A key and its colon. */
static int32_t scan_key(scanner *s) {
  raw_string raw = {NULL, 0, 0};
  int32_t result;

  if (peek(s) != '"') return unexpected(s, "expected a key");
  result = scan_string(s, &raw);
  if (result == INVSRC_OK) result = keep_key(s, raw.text, raw.length, raw.has_escape);
  if (result == INVSRC_OK && s->handler->key)
    result = s->handler->key(s->context, s->depth, raw.text, raw.length);
  if (result != INVSRC_OK) return result;
  skip_space(s);
  if (peek(s) != ':') return unexpected(s, "expected a colon");
  s->at++;
  return INVSRC_OK;
}

/* ---- Structure ---------------------------------------------------------------- */

static int32_t open_bracket(scanner *s) {
  char bracket = s->text[s->at];

  if (s->depth == s->limit->depth) return fault(s, s->at, s->limit->message);
  s->depth++;
  s->at++;
  s->room->brackets[s->depth] = bracket;
  s->room->first_key[s->depth] = s->key_count;
  return s->handler->begin ? s->handler->begin(s->context, s->depth, bracket) : INVSRC_OK;
}

static int32_t close_bracket(scanner *s) {
  char bracket = s->text[s->at];
  int32_t result = INVSRC_OK;

  if (first_repeat(s, s->depth) != SIZE_MAX) return fault(s, s->at, NULL); /* settled later */
  s->at++;
  if (s->handler->end) result = s->handler->end(s->context, s->depth, bracket);
  s->key_count = s->room->first_key[s->depth];
  s->depth--;
  return result;
}

static int in_object(const scanner *s) {
  return s->room->brackets[s->depth] == '{';
}

static int at_closing(const scanner *s) {
  return peek(s) == (in_object(s) ? '}' : ']');
}

/* Reads a value, or as far as its opening bracket. `*done`: it is complete. */
static int32_t scan_value(scanner *s, int *done) {
  skip_space(s);
  *done = peek(s) != '{' && peek(s) != '[';
  return *done ? scan_scalar(s) : open_bracket(s);
}

/* Reads what may stand behind an opening bracket: the closing one, or the first
 * key. `*done`: the bracket was closed. */
static int32_t scan_first(scanner *s, int *done) {
  skip_space(s);
  *done = at_closing(s);
  if (*done) return close_bracket(s);
  return in_object(s) ? scan_key(s) : INVSRC_OK;
}

/* Behind a complete value: closing brackets, then a comma and the next key; or the
 * end of the outermost value. */
static int32_t scan_after(scanner *s) {
  skip_space(s);
  while (s->depth > 0 && at_closing(s)) {
    int32_t result = close_bracket(s);
    if (result != INVSRC_OK) return result;
    skip_space(s);
  }
  if (s->depth == 0) return INVSRC_OK;
  if (peek(s) != ',')
    return unexpected(s, in_object(s) ? "expected a comma or a closing brace"
                                      : "expected a comma or a closing bracket");
  s->at++;
  skip_space(s);
  return in_object(s) ? scan_key(s) : INVSRC_OK;
}

/* UTF-8, UTF-16 and UTF-32: none may stand before a JSON text, and the last two
 * encodings are not JSON's. */
static int begins_with_mark(const scanner *s) {
  static const struct {
    char bytes[4];
    size_t length;
  } marks[] = {{"\xef\xbb\xbf", 3}, {"\xfe\xff", 2}, {"\xff\xfe", 2}, {"\0\0\xfe\xff", 4}};

  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (s->length >= marks[i].length && memcmp(s->text, marks[i].bytes, marks[i].length) == 0)
      return 1;
  return 0;
}

static int32_t scan(scanner *s) {
  int done = 0;
  int32_t result;

  if (s->length > IVS_JSON_LONGEST) return fault(s, IVS_JSON_LONGEST, "longer than 64 MiB");
  if (begins_with_mark(s)) return fault(s, 0, "byte order mark");
  do {
    result = scan_value(s, &done);
    if (result == INVSRC_OK && !done) result = scan_first(s, &done);
    if (result == INVSRC_OK && done) result = scan_after(s);
  } while (result == INVSRC_OK && s->depth > 0);
  if (result == INVSRC_OK && s->at < s->length) return unexpected(s, "text after the value");
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
  size_t first = SIZE_MAX;

  for (int depth = 1; depth <= s->depth; depth++) {
    size_t repeat = first_repeat(s, depth);
    if (repeat < first) first = repeat;
  }
  if (first != SIZE_MAX) fault(s, first - 1, "duplicate key"); /* its opening quote */
  locate(s->text, s->at, out);
  out->message = s->message;
}

static int32_t scan_within(const limit *bounds, const char *text, size_t length,
                           const ivs_json_handler *handler, void *context, ivs_json_fault *out) {
  scan_room room;
  scanner s = {.text = text,
               .length = length,
               .limit = bounds,
               .handler = handler,
               .context = context,
               .room = &room,
               .keys = room.few_keys,
               .key_capacity = FEW_KEYS};
  int32_t result = scan(&s);

  if (result == INVSRC_EMALFORMED) settle_fault(&s, out);
  if (s.keys != room.few_keys) free(s.keys);
  return result;
}

int32_t ivs_json_scan(const char *text, size_t length, const ivs_json_handler *handler,
                      void *context, ivs_json_fault *out) {
  return scan_within(&of_texts, text, length, handler, context, out);
}

int32_t ivs_json_scan_reply(const char *text, size_t length, const ivs_json_handler *handler,
                            void *context, ivs_json_fault *out) {
  return scan_within(&of_replies, text, length, handler, context, out);
}

void ivs_json_start(const char *text, size_t length, ivs_json_fault *out) {
  scanner s = {.text = text, .length = length};

  skip_space(&s);
  locate(text, s.at, out);
  out->message = NULL;
}
