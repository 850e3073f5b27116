/*
 * See json.h. The tree is built from the scanner's events, so that no second parser
 * can see the text in another way. cJSON supplies the nodes only: its own parser
 * accepts what a door must not, and leaves strings unwiped when memory runs out.
 */
#include "core/json.h"

#include <cjson/cJSON.h>
#include <float.h>
#include <invsrc/invsrc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* ---- The tree ------------------------------------------------------------------- */

struct ivs_json_document {
  cJSON *root;
  size_t used;
  cJSON *parents[IVS_JSON_REPLY_DEPTH + 1];
  const char *key; /* of the value to come */
  char strings[];  /* of every key and value, decoded: never longer than the text */
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

/* cJSON compares keys as C strings, so a key with U+0000 inside would be found
 * under the part before it. It is filed under what no key can be, for it is not UTF-8. */
static int32_t take_key(void *context, int depth, const char *raw, size_t length) {
  ivs_json_document *document = context;
  size_t decoded;

  (void)depth;
  document->key = take_string(document, raw, length, &decoded);
  if (strlen(document->key) != decoded) document->key = "\xff";
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

/* A number keeps its text too, for it may be a secret that came without its quotes. */
static cJSON *new_number(ivs_json_document *document, const char *raw, size_t length) {
  cJSON *node = cJSON_CreateNumber(0);

  if (!node) return NULL;
  node->type |= cJSON_IsReference;
  node->valuestring = document->strings + document->used;
  node->valueint = (int)length;
  memcpy(node->valuestring, raw, length);
  document->used += length;
  return node;
}

static int32_t take_scalar(void *context, int depth, const char *raw, size_t length) {
  cJSON *node = raw[0] == 't'   ? cJSON_CreateTrue()
                : raw[0] == 'f' ? cJSON_CreateFalse()
                : raw[0] == 'n' ? cJSON_CreateNull()
                                : new_number(context, raw, length);

  return take_node(context, depth, node);
}

static const ivs_json_handler builder = {take_begin, NULL, take_key, take_text, take_scalar};

typedef int32_t (*scan)(const char *text, size_t length, const ivs_json_handler *handler,
                        void *context, ivs_json_fault *fault);

static int32_t build(scan read, const char *text, size_t length, ivs_json_document **out,
                     ivs_json_fault *out_fault) {
  size_t room = length <= IVS_JSON_LONGEST ? length : 0; /* too long: the scan will say so */
  ivs_json_document *document = malloc(sizeof *document + room + 1);
  int32_t result;

  *out = NULL;
  if (!document) return INVSRC_ENOMEM;
  memset(document, 0, sizeof *document);
  result = read(text, length, &builder, document, out_fault);
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
  /* Of the strings it holds references only; it recurses as deep as the text nests. */
  cJSON_Delete(document->root);
  OPENSSL_cleanse(document->strings, document->used);
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

int ivs_json_is_object(const ivs_json *node) {
  return cJSON_IsObject(node);
}

int ivs_json_is_array(const ivs_json *node) {
  return cJSON_IsArray(node);
}

int ivs_json_is_null(const ivs_json *node) {
  return cJSON_IsNull(node);
}

int ivs_json_is_boolean(const ivs_json *node) {
  return cJSON_IsBool(node);
}

int ivs_json_is_true(const ivs_json *node) {
  return cJSON_IsTrue(node);
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
  return cJSON_IsNumber(node) ? number_of(node->valuestring, (size_t)node->valueint) : 0;
}

const ivs_json *ivs_json_first(const ivs_json *parent) {
  return parent ? parent->child : NULL;
}

const ivs_json *ivs_json_next(const ivs_json *node) {
  return node->next;
}

const char *ivs_json_key(const ivs_json *member) {
  return member->string;
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
