/*
 * See challenge.h. Lenient where servers err and nothing is lost by it: with commas, and with
 * quotes that a URL lacks.
 */
#include "agents/challenge.h"

#include <invsrc/invsrc.h>
#include <string.h>

#include "core/text.h"

#define SPACE " \t"

struct reader {
  const char *at; /* what is left of the field */
  int is_bearer;
  ivs_challenge now; /* the challenge that is being read */
  ivs_buffer value;
  ivs_challenge *to;
};

static int is_token(char c) {
  return ivs_text_is_letter(c) || ivs_text_is_digit(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_length(const char *text) {
  size_t length = 0;

  while (is_token(text[length])) length++;
  return length;
}

int ivs_challenge_is_scope(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\') return 0;
  return length > 0;
}

/* A list of them, with one space between. */
static int is_list_of_scopes(const char *text, size_t length) {
  const char *end = text + length, *space;

  for (; (space = memchr(text, ' ', (size_t)(end - text))); text = space + 1)
    if (!ivs_challenge_is_scope(text, (size_t)(space - text))) return 0;
  return ivs_challenge_is_scope(text, (size_t)(end - text));
}

static void move(ivs_buffer *from, ivs_buffer *to) {
  ivs_buffer_end(to);
  *to = *from;
  *from = (ivs_buffer)IVS_BUFFER_EMPTY;
}

/* A challenge has ended. */
static void settle(struct reader *reader) {
  ivs_challenge *now = &reader->now, *to = reader->to;

  if (!to->resource_metadata.length) {
    if (now->scope.length && (now->resource_metadata.length || !to->scope.length))
      move(&now->scope, &to->scope);
    if (now->resource_metadata.length) move(&now->resource_metadata, &to->resource_metadata);
  }
  ivs_challenge_end(now);
}

/* ---- The parameters ---------------------------------------------------------------------- */

/* Reads a quoted string into the value. Returns 0 where it has no end. */
static int read_quoted(struct reader *reader) {
  for (reader->at++; *reader->at && *reader->at != '"'; reader->at++) {
    if (*reader->at == '\\' && !*++reader->at) return 0;
    ivs_buffer_append(&reader->value, reader->at, 1);
  }
  if (!*reader->at) return 0;
  reader->at++;
  return 1;
}

static void read_bare(struct reader *reader) {
  size_t length = strcspn(reader->at, SPACE ",\"");

  ivs_buffer_append(&reader->value, reader->at, length);
  reader->at += length;
}

/* The first of a name counts, if it is what it should be. */
static void take(struct reader *reader, const char *name, size_t length) {
  ivs_buffer *value = &reader->value, *to = NULL;

  if (!reader->is_bearer) return;
  if (ivs_text_is_same(name, length, "resource_metadata")) to = &reader->now.resource_metadata;
  if (ivs_text_is_same(name, length, "scope") && is_list_of_scopes(value->bytes, value->length))
    to = &reader->now.scope;
  if (to && !to->length) move(value, to);
}

/* INVSRC_OK, INVSRC_EMALFORMED or INVSRC_ENOMEM. */
static int32_t read_parameter(struct reader *reader, size_t length) {
  const char *name = reader->at;

  reader->at += length + strspn(reader->at + length, SPACE);
  reader->at++; /* "=" */
  reader->at += strspn(reader->at, SPACE);
  ivs_buffer_clear(&reader->value);
  ivs_buffer_append(&reader->value, "", 0);
  if (*reader->at != '"')
    read_bare(reader);
  else if (!read_quoted(reader))
    return INVSRC_EMALFORMED;
  if (reader->value.failed) return INVSRC_ENOMEM;
  take(reader, name, length);
  return INVSRC_OK;
}

/* ---- The challenges ---------------------------------------------------------------------- */

/* The length of the one text that some schemes have in place of parameters, or 0. */
static size_t token68_length(const char *text) {
  size_t length = 0;
  const char *next;

  while (ivs_text_is_letter(text[length]) || ivs_text_is_digit(text[length]) ||
         (text[length] && strchr("-._~+/", text[length])))
    length++;
  if (length) length += strspn(text + length, "=");
  next = text + length + strspn(text + length, SPACE);
  return *next == ',' || *next == '\0' ? length : 0;
}

static void begin(struct reader *reader, size_t length) {
  settle(reader);
  reader->is_bearer = ivs_text_is_same(reader->at, length, "Bearer");
  reader->at += length + strspn(reader->at + length, SPACE);
  reader->at += token68_length(reader->at);
}

/* Reads the next scheme or parameter. */
static int32_t read_next(struct reader *reader) {
  size_t length = token_length(reader->at);
  const char *next = reader->at + length + strspn(reader->at + length, SPACE);

  if (!length) return INVSRC_EMALFORMED;
  if (*next == '=') return read_parameter(reader, length);
  begin(reader, length);
  return INVSRC_OK;
}

int32_t ivs_challenge_read(const char *field, ivs_challenge *to) {
  struct reader reader = {.at = field ? field : "", .to = to};
  int32_t code = INVSRC_OK;

  while (code == INVSRC_OK && *(reader.at += strspn(reader.at, SPACE ","))) {
    code = read_next(&reader);
  }
  settle(&reader);
  ivs_buffer_end(&reader.value);
  return code == INVSRC_ENOMEM ? code : INVSRC_OK;
}

void ivs_challenge_end(ivs_challenge *challenge) {
  ivs_buffer_end(&challenge->resource_metadata);
  ivs_buffer_end(&challenge->scope);
}
