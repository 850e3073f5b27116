/*
 * The HTTP messages that conversations exchange with the network: the reply that
 * a transport fills, and questions about header fields. Knows no transport, and
 * nothing of what the messages are about.
 */
#ifndef IVS_AGENTS_HTTP_H
#define IVS_AGENTS_HTTP_H

#include <invsrc/providers.h>
#include <stddef.h>

#include "core/buffer.h"

/* One field line, taken apart; points into the line. */
typedef struct ivs_http_field {
  const char *name;
  size_t name_length;
  const char *value; /* without the white space around it */
  size_t value_length;
} ivs_http_field;

/* Takes a line without its line end apart. Returns 0 where it is no field line
 * of RFC 9112: a name that is no token, control characters, a folded line. */
int ivs_http_field_read(const char *line, size_t length, ivs_http_field *field);
/* Whether a host may choose this name for a field that carries a token. */
int ivs_http_is_free_name(const char *name);

/* The reply is empty again, and its old contents are wiped. */
void ivs_http_reply_clear(invsrc_http_reply *reply);
/* Whether the reply's body is said to be of a media type ("text/html"). */
int ivs_http_reply_is(const invsrc_http_reply *reply, const char *media_type);
/* How many seconds the reply asks to wait, at most `limit`; 0 where it does not
 * say, or names a date. */
uint32_t ivs_http_reply_retry_after(const invsrc_http_reply *reply, uint32_t limit);

#endif
