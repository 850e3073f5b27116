/*
 * The scanner of strict JSON: the one door for text from outside, an agent's reply
 * too. RFC 8259 and valid UTF-8, no BOM, no duplicate keys at any depth, no lone
 * surrogate, bounded nesting. Keeps nothing of what it reads.
 */
#ifndef IVS_CORE_JSON_SCAN_H
#define IVS_CORE_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

#define IVS_JSON_DEPTH 16         /* how deep a text may nest */
#define IVS_JSON_REPLY_DEPTH 128  /* how deep an agent's reply may: it has JSON Schemas */
#define IVS_JSON_LONGEST 67108864 /* bytes; a longer text is at fault behind them */

/* Where and why a text is not strict JSON: the first fault, in text order. */
typedef struct ivs_json_fault {
  uint64_t offset;     /* bytes before it */
  uint64_t line;       /* from 1; LF, CR and CRLF end a line */
  uint64_t column;     /* from 1, in code points */
  const char *message; /* static, begins in lower case, no full stop */
} ivs_json_fault;

/* What a scan reports, for texts too large for a tree. Each callback may be NULL;
 * `raw` is the text between the quotes, still escaped. One that returns other than
 * INVSRC_OK stops the scan, which returns the same. What was reported counts only
 * when the scan returns INVSRC_OK: a repeated key is found when its object ends. */
typedef struct ivs_json_handler {
  int32_t (*begin)(void *context, int depth, char bracket); /* '{' or '[' ; depth from 1 */
  int32_t (*end)(void *context, int depth, char bracket);   /* '}' or ']' */
  int32_t (*key)(void *context, int depth, const char *raw, size_t length);
  int32_t (*string)(void *context, int depth, const char *raw, size_t length);
  int32_t (*scalar)(void *context, int depth, const char *raw, size_t length); /* others */
} ivs_json_handler;

/* INVSRC_OK; INVSRC_EMALFORMED, with the fault set (without a message where a callback
 * said so); INVSRC_ENOMEM; or what a callback returned. */
int32_t ivs_json_scan(const char *text, size_t length, const ivs_json_handler *handler,
                      void *context, ivs_json_fault *fault);
/* The same for an agent's reply. */
int32_t ivs_json_scan_reply(const char *text, size_t length, const ivs_json_handler *handler,
                            void *context, ivs_json_fault *fault);
/* How many bytes at the start of a text stand for themselves in a JSON string: ASCII, but no
 * control, quote or backslash. */
size_t ivs_json_plain(const char *text, size_t length);
/* Decodes a checked raw string into `to`, which has room for `length` bytes (the
 * result is never longer); returns its length. */
size_t ivs_json_decode(const char *raw, size_t length, char *to);

/* Where the value of a text that was parsed begins, as a fault without a message. */
void ivs_json_start(const char *text, size_t length, ivs_json_fault *fault);

#endif
