/*
 * Strict JSON as a tree, and the writing of JSON strings. A document is one block, with
 * the first nodes and a copy of the text in which the strings are decoded; that copy is
 * wiped when the document ends. Knows nothing of requests or sources.
 */
#ifndef IVS_CORE_JSON_H
#define IVS_CORE_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/json_scan.h"

typedef struct ivs_json ivs_json; /* a node of the tree */
typedef struct ivs_json_document ivs_json_document;

/* INVSRC_OK, INVSRC_EMALFORMED (the fault is set) or INVSRC_ENOMEM. */
int32_t ivs_json_parse(const char *text, size_t length, ivs_json_document **document,
                       ivs_json_fault *fault);
/* The same for what must be an object: anything else is malformed from its start. */
int32_t ivs_json_parse_object(const char *text, size_t length, ivs_json_document **document,
                              ivs_json_fault *fault);
/* As ivs_json_parse, for an agent's reply, which may nest deeper. */
int32_t ivs_json_parse_reply(const char *text, size_t length, ivs_json_document **document,
                             ivs_json_fault *fault);
const ivs_json *ivs_json_root(const ivs_json_document *document);
void ivs_json_free(ivs_json_document *document); /* wipes every string; takes NULL */

int ivs_json_is_object(const ivs_json *node); /* these six take NULL: 0 */
int ivs_json_is_array(const ivs_json *node);
int ivs_json_is_null(const ivs_json *node);
int ivs_json_is_boolean(const ivs_json *node);
int ivs_json_is_true(const ivs_json *node);
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
/* The key of a member that one of these two gave; NULL of an element. */
const char *ivs_json_key(const ivs_json *member);

/* Appends text (valid UTF-8) as a JSON string with its quotes: shortest escapes,
 * non-ASCII as it is. */
void ivs_json_write_string(ivs_buffer *out, const char *text, size_t length);

#endif
