/*
 * See route.h.
 */
#include "engine/route.h"

#include <string.h>

#include "core/text.h"

#define NOT_ALLOWED(allow) \
  { 405, "BAD_REQUEST", "Method not allowed", NULL, allow }

/* The paths below which something is; those with `has_source` go on with "/" and a sourceId. */
static const struct path {
  const char *path;
  int has_source;
  const char *method;
  const ivs_operation *operation;
  ivs_failure not_allowed;
} paths[] = {
    {IVS_ROUTE_SOURCES, 0, "POST", &ivs_create_operation, NOT_ALLOWED("POST")},
    {IVS_ROUTE_SOURCES, 1, "GET", &ivs_read_operation, NOT_ALLOWED("GET")},
};

/* Decodes one path segment. Returns 0 where it is none, or no sourceId can be so. */
static int decode_segment(const char *text, size_t length, ivs_buffer *out) {
  for (size_t i = 0; i < length; i++) {
    char c = text[i];

    if (c == '/') return 0;
    if (c == '%') {
      int high = i + 2 < length ? ivs_text_hex(text[i + 1]) : -1;
      int low = i + 2 < length ? ivs_text_hex(text[i + 2]) : -1;
      if (high < 0 || low < 0) return 0;
      c = (char)(high << 4 | low);
      i += 2;
    }
    ivs_buffer_append(out, &c, 1);
  }
  return out->length && ivs_text_is_utf8(out->bytes, out->length, NULL) &&
         !ivs_text_has_control(out->bytes, out->length);
}

/* Whether a path is the one of the row; takes its sourceId out of it. */
static int is_path(const struct path *row, const char *path, size_t length, ivs_buffer *source_id) {
  size_t base = strlen(row->path);

  if (length < base || memcmp(path, row->path, base) != 0) return 0;
  if (!row->has_source) return length == base;
  if (length <= base + 1 || path[base] != '/') return 0;
  return decode_segment(path + base + 1, length - base - 1, source_id);
}

int32_t ivs_route_find(const invsrc_request *request, const ivs_operation **operation,
                       const ivs_failure **failure, ivs_buffer *source_id) {
  const char *query = memchr(request->target.bytes, '?', request->target.length);
  size_t length = query ? (size_t)(query - request->target.bytes) : request->target.length;

  *operation = NULL;
  *failure = &ivs_failure_no_route;
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    ivs_buffer_clear(source_id);
    if (!is_path(&paths[i], request->target.bytes, length, source_id)) continue;
    *failure = &paths[i].not_allowed;
    if (strcmp(request->method.bytes, paths[i].method) == 0 &&
        strlen(paths[i].method) == request->method.length)
      *operation = paths[i].operation;
    break;
  }
  return source_id->failed ? INVSRC_ENOMEM : INVSRC_OK;
}

void ivs_route_write_segment(ivs_buffer *out, const char *text, size_t length) {
  static const char unreserved[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  static const char digits[] = "0123456789ABCDEF";

  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];

    if (memchr(unreserved, c, sizeof unreserved - 1)) {
      ivs_buffer_append(out, &c, 1);
    } else {
      char escape[3] = {'%', digits[c >> 4], digits[c & 15]};

      ivs_buffer_append(out, escape, sizeof escape);
    }
  }
}
