/*
 * See json.h. The tree is built from the scanner's events, so that no second parser
 * can see the text in another way.
 */
#include "core/json.h"

#include <float.h>
#include <invsrc/invsrc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* ---- The tree ------------------------------------------------------------------- */

enum kind { OBJECT, ARRAY, STRING, NUMBER, TRUE, FALSE, NUL };

struct ivs_json {
  const char *key; /* of a member */
  ivs_json *next;
  union {
    ivs_json *first;  /* of an object or array */
    const char *text; /* of a string, decoded, or of a number */
  } is;
  uint32_t length; /* of the text */
  uint32_t key_length;
  enum kind kind;
};

/* Nodes lie in blocks that never move; each block has room for twice as many as the last. */
typedef struct block {
  struct block *last;
  size_t count, capacity;
  ivs_json nodes[];
} block;

#define FEW_NODES 24 /* as many as a create has, with room to spare */

struct ivs_json_document {
  ivs_json *root;
  block *blocks; /* beyond the first nodes */
  size_t few_count;
  ivs_json few[FEW_NODES];
  size_t length;
  char text[]; /* a copy, in which every string ends where its closing quote was */
};

/* What is needed while the tree grows. */
typedef struct builder {
  ivs_json_document *document;
  const char *text; /* what is parsed, */
  int has_escapes;  /* and whether any string of it may have some */
  const char *key;  /* of the value to come */
  size_t key_length;
  ivs_json **ends[IVS_JSON_REPLY_DEPTH + 1]; /* for each depth, where the next value goes */
} builder;

static ivs_json *new_node(ivs_json_document *document) {
  block *blocks = document->blocks;
  size_t capacity = blocks ? 2 * blocks->capacity : 2 * (size_t)FEW_NODES;

  if (document->few_count < FEW_NODES) return &document->few[document->few_count++];
  if (!blocks || blocks->count == blocks->capacity) {
    blocks = malloc(sizeof *blocks + capacity * sizeof *blocks->nodes);
    if (!blocks) return NULL;
    *blocks = (block){document->blocks, 0, capacity};
    document->blocks = blocks;
  }
  return &blocks->nodes[blocks->count++];
}

/* Decodes in the copy, where the closing quote makes room for a NUL. */
static const char *take_text(const builder *b, const char *raw, size_t length, size_t *decoded) {
  char *text = b->document->text + (raw - b->text);

  *decoded = length;
  if (b->has_escapes && memchr(raw, '\\', length)) *decoded = ivs_json_decode(raw, length, text);
  text[*decoded] = '\0';
  return text;
}

/* Who asks for the key of a member sees a C string, so a key with U+0000 inside would pass for
 * the part before it. It is filed under what no key can be, for it is not UTF-8. */
static int32_t take_key(void *context, int depth, const char *raw, size_t length) {
  static const char unspeakable[] = "\xff";
  builder *b = context;

  (void)depth;
  b->key = take_text(b, raw, length, &b->key_length);
  if (b->key_length == length || !memchr(b->key, '\0', b->key_length)) return INVSRC_OK;
  b->key = unspeakable;
  b->key_length = sizeof unspeakable - 1;
  return INVSRC_OK;
}

/* Appends a node to the open parent. */
static ivs_json *add_node(builder *b, int depth, enum kind kind) {
  ivs_json *node = new_node(b->document);

  if (!node) return NULL;
  node->kind = kind;
  node->key = b->key;
  node->key_length = (uint32_t)b->key_length;
  node->next = NULL;
  node->is.first = NULL;
  node->length = 0;
  b->key = NULL;
  *b->ends[depth] = node;
  b->ends[depth] = &node->next;
  return node;
}

static int32_t take_begin(void *context, int depth, char bracket) {
  builder *b = context;
  ivs_json *node = add_node(b, depth - 1, bracket == '{' ? OBJECT : ARRAY);

  if (!node) return INVSRC_ENOMEM;
  b->ends[depth] = &node->is.first;
  return INVSRC_OK;
}

static int32_t take_string(void *context, int depth, const char *raw, size_t length) {
  ivs_json *node = add_node(context, depth, STRING);
  size_t decoded;

  if (!node) return INVSRC_ENOMEM;
  node->is.text = take_text(context, raw, length, &decoded);
  node->length = (uint32_t)decoded;
  return INVSRC_OK;
}

static int32_t take_scalar(void *context, int depth, const char *raw, size_t length) {
  const builder *b = context;
  enum kind kind = raw[0] == 't' ? TRUE : raw[0] == 'f' ? FALSE : raw[0] == 'n' ? NUL : NUMBER;
  ivs_json *node = add_node(context, depth, kind);

  if (!node) return INVSRC_ENOMEM;
  if (kind != NUMBER) return INVSRC_OK;
  node->is.text = b->document->text + (raw - b->text);
  node->length = (uint32_t)length;
  return INVSRC_OK;
}

static const ivs_json_handler handler = {take_begin, NULL, take_key, take_string, take_scalar};

typedef int32_t (*scan)(const char *text, size_t length, const ivs_json_handler *handler,
                        void *context, ivs_json_fault *fault);

static int32_t build(scan read, const char *text, size_t length, ivs_json_document **out,
                     ivs_json_fault *out_fault) {
  size_t room = length <= IVS_JSON_LONGEST ? length : 0; /* too long: the scan will say so */
  ivs_json_document *document = malloc(sizeof *document + room + 1);
  builder b;
  int32_t result;

  *out = NULL;
  if (!document) return INVSRC_ENOMEM;
  document->root = NULL;
  document->blocks = NULL;
  document->few_count = 0;
  document->length = room;
  if (room) memcpy(document->text, text, room);
  b.document = document;
  b.text = text;
  b.has_escapes = room && memchr(text, '\\', room);
  b.key = NULL;
  b.key_length = 0;
  b.ends[0] = &document->root;
  result = read(text, length, &handler, &b, out_fault);
  if (result == INVSRC_OK)
    *out = document;
  else
    ivs_json_free(document);
  return result;
}

int32_t ivs_json_parse(const char *text, size_t length, ivs_json_document **out,
                       ivs_json_fault *out_fault) {
  return build(ivs_json_scan, text, length, out, out_fault);
}

int32_t ivs_json_parse_object(const char *text, size_t length, ivs_json_document **out,
                              ivs_json_fault *out_fault) {
  int32_t result = ivs_json_parse(text, length, out, out_fault);

  if (result != INVSRC_OK || ivs_json_is_object(ivs_json_root(*out))) return result;
  ivs_json_free(*out);
  *out = NULL;
  ivs_json_start(text, length, out_fault);
  return INVSRC_EMALFORMED;
}

int32_t ivs_json_parse_reply(const char *text, size_t length, ivs_json_document **out,
                             ivs_json_fault *out_fault) {
  return build(ivs_json_scan_reply, text, length, out, out_fault);
}

void ivs_json_free(ivs_json_document *document) {
  if (!document) return;
  for (block *at = document->blocks, *last; at; at = last) {
    last = at->last;
    free(at);
  }
  OPENSSL_cleanse(document->text, document->length);
  free(document);
}

/* ---- Numbers -------------------------------------------------------------------- */

#define EXACT_POWER 22 /* the greatest power of ten that a double holds exactly */

/* value * 10^shift. Ends early at zero and infinity. */
static double scale(double value, int64_t shift) {
  while (shift != 0 && value > 0 && value <= DBL_MAX) {
    int64_t size = shift < 0 ? -shift : shift;
    int64_t step = size < EXACT_POWER ? size : EXACT_POWER;
    double power = 1;

    for (int64_t i = 0; i < step; i++) power *= 10;
    value = shift < 0 ? value / power : value * power;
    shift += shift < 0 ? step : -step;
  }
  return value;
}

#define MOST_MANTISSA UINT64_C(1000000000000000000) /* times ten still fits */
#define MOST_EXPONENT 1000000000 /* more than the digits of a text can make up for */

/* Exact up to 2^53 and correctly rounded where few digits and powers are involved,
 * else close. strtod() would follow the host's locale. */
static double number_of(const char *raw, size_t length) {
  size_t i = raw[0] == '-';
  uint64_t mantissa = 0;
  int64_t shift = 0, exponent = 0;
  int in_fraction = 0, divides = 0;
  double value;

  for (; i < length && raw[i] != 'e' && raw[i] != 'E'; i++) {
    if (raw[i] == '.') {
      in_fraction = 1;
    } else if (mantissa < MOST_MANTISSA) {
      mantissa = mantissa * 10 + (uint64_t)(raw[i] - '0');
      shift -= in_fraction;
    } else {
      shift += !in_fraction;
    }
  }
  for (i++; i < length; i++) {
    if (raw[i] == '-') divides = 1;
    if (ivs_text_is_digit(raw[i]) && exponent < MOST_EXPONENT)
      exponent = exponent * 10 + (raw[i] - '0');
  }
  shift += divides ? -exponent : exponent;
  for (; shift < 0 && mantissa && mantissa % 10 == 0; shift++) mantissa /= 10;
  value = scale((double)mantissa, shift);
  return raw[0] == '-' ? -value : value;
}

/* ---- Looking at a tree ------------------------------------------------------------ */

const ivs_json *ivs_json_root(const ivs_json_document *document) {
  return document->root;
}

static int is_kind(const ivs_json *node, enum kind kind) {
  return node && node->kind == kind;
}

int ivs_json_is_object(const ivs_json *node) {
  return is_kind(node, OBJECT);
}

int ivs_json_is_array(const ivs_json *node) {
  return is_kind(node, ARRAY);
}

int ivs_json_is_null(const ivs_json *node) {
  return is_kind(node, NUL);
}

int ivs_json_is_boolean(const ivs_json *node) {
  return is_kind(node, TRUE) || is_kind(node, FALSE);
}

int ivs_json_is_true(const ivs_json *node) {
  return is_kind(node, TRUE);
}

int ivs_json_is_number(const ivs_json *node) {
  return is_kind(node, NUMBER);
}

const ivs_json *ivs_json_member(const ivs_json *object, const char *key) {
  const ivs_json *member = is_kind(object, OBJECT) ? object->is.first : NULL;
  size_t length = strlen(key);

  while (member && (member->key_length != length || memcmp(member->key, key, length) != 0))
    member = member->next;
  return member;
}

const char *ivs_json_string(const ivs_json *node, size_t *length) {
  *length = is_kind(node, STRING) ? node->length : 0;
  return is_kind(node, STRING) ? node->is.text : NULL;
}

double ivs_json_number(const ivs_json *node) {
  return is_kind(node, NUMBER) ? number_of(node->is.text, node->length) : 0;
}

const ivs_json *ivs_json_first(const ivs_json *parent) {
  return is_kind(parent, OBJECT) || is_kind(parent, ARRAY) ? parent->is.first : NULL;
}

const ivs_json *ivs_json_next(const ivs_json *node) {
  return node->next;
}

const char *ivs_json_key(const ivs_json *member) {
  return member->key;
}

/* ---- Writing ------------------------------------------------------------------------ */

static int needs_escape(char c) {
  return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

static void write_escape(ivs_buffer *out, char c) {
  static const char meanings[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  static const char digits[] = "0123456789abcdef";
  char escape[6] = {'\\', 'u', '0', '0', digits[(unsigned char)c >> 4], digits[c & 15]};
  const char *known = c ? strchr(meanings, c) : NULL;

  if (known) escape[1] = letters[known - meanings];
  ivs_buffer_append(out, escape, known ? 2 : sizeof escape);
}

static void write_plain(ivs_buffer *out, const char *text, size_t length) {
  char *to = ivs_buffer_extend(out, length + 2);

  if (!to) return;
  to[0] = '"';
  memcpy(to + 1, text, length);
  to[1 + length] = '"';
}

void ivs_json_write_string(ivs_buffer *out, const char *text, size_t length) {
  size_t start = 0, plain = ivs_json_plain(text, length);

  if (plain == length) {
    write_plain(out, text, length);
    return;
  }
  ivs_buffer_append(out, "\"", 1);
  for (size_t i = plain; i < length; i += 1 + ivs_json_plain(text + i + 1, length - i - 1)) {
    if (!needs_escape(text[i])) continue;
    ivs_buffer_append(out, text + start, i - start);
    write_escape(out, text[i]);
    start = i + 1;
  }
  ivs_buffer_append(out, text + start, length - start);
  ivs_buffer_append(out, "\"", 1);
}
