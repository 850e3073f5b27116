/*
 * See sse.h. Each byte is looked at once, however the body came.
 */
#include "agents/sse.h"

#include <invsrc/invsrc.h>
#include <string.h>

static const char mark[] = "\xef\xbb\xbf"; /* U+FEFF, which may stand before a body */

/* The end of the line that begins at sse->line, or `length` where it has none yet. */
static size_t find_end(ivs_sse *sse, const char *body, size_t length) {
  size_t end = sse->seen > sse->line ? sse->seen : sse->line;

  while (end < length && body[end] != '\n' && body[end] != '\r') end++;
  sse->seen = end;
  return end;
}

static int is_name(const char *name, size_t length, const char *other) {
  return strlen(other) == length && memcmp(name, other, length) == 0;
}

static void take_data(ivs_sse *sse, const char *value, size_t length) {
  if (sse->has_data) ivs_buffer_append(&sse->data, "\n", 1);
  ivs_buffer_append(&sse->data, value, length);
  sse->has_data = 1;
}

/* A line that is not empty: a field, or a comment, whose field has no name. */
static void take_line(ivs_sse *sse, const char *line, size_t length) {
  const char *colon = memchr(line, ':', length);
  size_t name = colon ? (size_t)(colon - line) : length;
  const char *value = colon ? colon + 1 : line + length;
  size_t left = length - (size_t)(value - line);

  if (left && *value == ' ') value++, left--;
  if (is_name(line, name, "data")) take_data(sse, value, left);
  if (is_name(line, name, "event")) {
    ivs_buffer_clear(&sse->type);
    ivs_buffer_append(&sse->type, value, left);
  }
}

/* Forgets the event that was given out, or that has no data. */
static void begin_event(ivs_sse *sse) {
  ivs_buffer_clear(&sse->type);
  ivs_buffer_clear(&sse->data);
  sse->has_data = 0;
  sse->is_complete = 0;
}

static int is_out_of_memory(const ivs_sse *sse) {
  return sse->type.failed || sse->data.failed;
}

int32_t ivs_sse_next(ivs_sse *sse, const char *body, size_t length, int *found) {
  *found = 0;
  if (sse->is_complete) begin_event(sse);
  while (!*found && !is_out_of_memory(sse) && sse->line < length) {
    size_t start = sse->line, end = find_end(sse, body, length);

    if (end == length) break;
    sse->line = end + 1;
    if (end == start && end > 0 && body[end] == '\n' && body[end - 1] == '\r') continue;
    if (start == 0 && end >= 3 && memcmp(body, mark, 3) == 0) start = 3;
    if (end > start)
      take_line(sse, body + start, end - start);
    else if (sse->data.length)
      *found = sse->is_complete = 1;
    else
      begin_event(sse);
  }
  return is_out_of_memory(sse) ? INVSRC_ENOMEM : INVSRC_OK;
}

void ivs_sse_end(ivs_sse *sse) {
  ivs_buffer_end(&sse->type);
  ivs_buffer_end(&sse->data);
  memset(sse, 0, sizeof *sse);
}
