/*
 * Strict JSON: the one door for text from outside, an agent's reply too.
 * RFC 8259 and valid UTF-8, no BOM, no duplicate keys at any depth, no lone
 * surrogate, nesting of at most IVS_JSON_DEPTH. The tree is cJSON's; its strings
 * lie in one block of ours, with their length, and are wiped when it ends.
 * Also writes JSON strings. Knows nothing of requests or sources.
 */
#ifndef IVS_CORE_JSON_H
#define IVS_CORE_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

#define IVS_JSON_DEPTH 16
#define IVS_JSON_LONGEST 67108864 /* bytes; a longer text is at fault behind them */

/* Where and why a text is not strict JSON: the first fault, in text order. */
typedef struct ivs_json_fault {
  uint64_t offset;     /* bytes before it */
  uint64_t line;       /* from 1; LF, CR and CRLF end a line */
  uint64_t column;     /* from 1, in code points */
  const char *message; /* static, begins in lower case, no full stop */
} ivs_json_fault;

typedef struct cJSON ivs_json; /* a node of the tree */
typedef struct ivs_json_document ivs_json_document;

/* INVSRC_OK, INVSRC_EMALFORMED (the fault is set) or INVSRC_ENOMEM. */
int32_t ivs_json_parse(const char *text, size_t length, ivs_json_document **document,
                       ivs_json_fault *fault);
/* Where the value of a text that was parsed begins, as a fault without a message. */
void ivs_json_start(const char *text, size_t length, ivs_json_fault *fault);
const ivs_json *ivs_json_root(const ivs_json_document *document);
void ivs_json_free(ivs_json_document *document); /* wipes every string; takes NULL */

int ivs_json_is_object(const ivs_json *node); /* these three take NULL: 0 */
int ivs_json_is_array(const ivs_json *node);
int ivs_json_is_number(const ivs_json *node);
/* The member with exactly this key, or NULL, also where `object` is none. */
const ivs_json *ivs_json_member(const ivs_json *object, const char *key);
/* The decoded text, NUL-terminated but free to hold U+0000, or NULL where the
 * node is not a string. */
const char *ivs_json_string(const ivs_json *node, size_t *length);
/* 0 where it is none; infinite where it is too large. */
double ivs_json_number(const ivs_json *node);
/* The first element or member, and the next; NULL at the end. */
const ivs_json *ivs_json_first(const ivs_json *parent);
const ivs_json *ivs_json_next(const ivs_json *node);

/* The same check without a tree, for documents too large for one. Each callback
 * may be NULL; `raw` is the text between the quotes, still escaped. A callback
 * that returns other than INVSRC_OK stops the scan, which returns the same; a
 * fault that is a callback's has no message. What was reported counts only when
 * the scan returns INVSRC_OK: a repeated key is found when its object ends. */
typedef struct ivs_json_handler {
  int32_t (*begin)(void *context, int depth, char bracket); /* '{' or '[' ; depth from 1 */
  int32_t (*end)(void *context, int depth, char bracket);   /* '}' or ']' */
  int32_t (*key)(void *context, int depth, const char *raw, size_t length);
  int32_t (*string)(void *context, int depth, const char *raw, size_t length);
  int32_t (*scalar)(void *context, int depth, const char *raw, size_t length); /* others */
} ivs_json_handler;

int32_t ivs_json_scan(const char *text, size_t length, const ivs_json_handler *handler,
                      void *context, ivs_json_fault *fault);
/* Decodes a checked raw string into `to`, which has room for `length` bytes (the
 * result is never longer); returns its length. */
size_t ivs_json_decode(const char *raw, size_t length, char *to);

/* Appends text (valid UTF-8) as a JSON string with its quotes: shortest escapes,
 * non-ASCII as it is. */
void ivs_json_write_string(ivs_buffer *out, const char *text, size_t length);

#endif
