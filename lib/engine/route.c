/*
 * See route.h.
 */
#include "engine/route.h"

#include <string.h>

#include "core/text.h"
#include "core/uri.h"

#define NOT_ALLOWED(allow) \
  { 405, "BAD_REQUEST", "Method not allowed", NULL, allow }
#define MOST_METHODS 3

/* The paths: those that `name` something go on with "/" and a sourceId or an agentId, and then
 * with `end`. */
enum name { NOTHING, SOURCE, AGENT };

static const struct path {
  const char *path;
  enum name name;
  const char *end;
  struct {
    const char *method;
    const ivs_operation *operation;
  } methods[MOST_METHODS];
  ivs_failure not_allowed;
} paths[] = {
    {IVS_ROUTE_SOURCES,
     NOTHING,
     "",
     {{"GET", &ivs_list_operation}, {"POST", &ivs_create_operation}},
     NOT_ALLOWED("GET, POST")},
    {IVS_ROUTE_SOURCES,
     SOURCE,
     "",
     {{"GET", &ivs_get_operation},
      {"PUT", &ivs_update_operation},
      {"DELETE", &ivs_remove_operation}},
     NOT_ALLOWED("GET, PUT, DELETE")},
    {IVS_ROUTE_CALLBACK, NOTHING, "", {{"GET", &ivs_callback_operation}}, NOT_ALLOWED("GET")},
    {IVS_ROUTE_AGENTS,
     AGENT,
     "/oauth/authorize",
     {{"POST", &ivs_authorize_operation}},
     NOT_ALLOWED("POST")},
};

/* Decodes one path segment. Returns 0 where it is none, or no id can be so. */
static int decode_segment(const char *text, size_t length, ivs_buffer *out) {
  return !memchr(text, '/', length) && ivs_uri_unescape(text, length, out) && out->length &&
         ivs_text_is_utf8(out->bytes, out->length, NULL) &&
         !ivs_text_has_control(out->bytes, out->length);
}

/* Whether a path is the one of the row; takes the id out of it. */
static int is_path(const struct path *row, const char *path, size_t length, invsrc_call *call) {
  ivs_buffer *id = row->name == AGENT ? &call->agent_id : &call->source_id;
  size_t base = strlen(row->path), end = strlen(row->end);

  ivs_buffer_clear(id);
  if (length < base + end || memcmp(path, row->path, base) != 0 ||
      memcmp(path + length - end, row->end, end) != 0)
    return 0;
  if (row->name == NOTHING) return length == base;
  if (length <= base + 1 + end || path[base] != '/') return 0;
  return decode_segment(path + base + 1, length - base - 1 - end, id);
}

static const ivs_operation *operation_of(const struct path *row, const invsrc_request *request) {
  for (size_t i = 0; i < MOST_METHODS && row->methods[i].method; i++)
    if (strlen(row->methods[i].method) == request->method.length &&
        memcmp(row->methods[i].method, request->method.bytes, request->method.length) == 0)
      return row->methods[i].operation;
  return NULL;
}

int32_t ivs_route_find(const invsrc_request *request, invsrc_call *call,
                       const ivs_failure **failure) {
  const char *target = request->target.bytes;
  const char *query = memchr(target, '?', request->target.length);
  size_t length = query ? (size_t)(query - target) : request->target.length;

  call->operation = NULL;
  *failure = &ivs_failure_no_route;
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    int is_it = is_path(&paths[i], target, length, call);
    if (call->source_id.failed || call->agent_id.failed) return INVSRC_ENOMEM;
    if (!is_it) continue;
    *failure = &paths[i].not_allowed;
    call->operation = operation_of(&paths[i], request);
    break;
  }
  if (!query) return INVSRC_OK;
  return ivs_buffer_set(&call->query, query + 1, request->target.length - length - 1);
}
