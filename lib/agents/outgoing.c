/*
 * See outgoing.h.
 */
#include "agents/outgoing.h"

#include <string.h>

void ivs_outgoing_begin(ivs_outgoing *request, const char *method, const char *url) {
  ivs_outgoing_end(request);
  request->http.size = sizeof request->http;
  request->http.method = method;
  request->http.max_body = IVS_EXCHANGE_SIZE;
  request->http.timeout_ms = IVS_EXCHANGE_MS;
  ivs_buffer_append_text(&request->url, url);
}

void ivs_outgoing_add(ivs_outgoing *request, const char *name, const char *value) {
  ivs_buffer *line = &request->lines[request->http.header_count++];

  ivs_buffer_append_text(line, name);
  ivs_buffer_append_text(line, value);
}

int32_t ivs_outgoing_finish(ivs_outgoing *request) {
  int failed = request->url.failed | request->body.failed;

  for (uint32_t i = 0; i < request->http.header_count; i++) {
    failed |= request->lines[i].failed;
    request->headers[i] = request->lines[i].bytes;
  }
  request->http.url = request->url.bytes;
  request->http.headers = request->headers;
  request->http.body = request->body.bytes;
  request->http.body_length = request->body.length;
  return failed ? INVSRC_ENOMEM : INVSRC_OK;
}

void ivs_outgoing_end(ivs_outgoing *request) {
  ivs_buffer_end(&request->url);
  ivs_buffer_end(&request->body);
  for (size_t i = 0; i < IVS_OUTGOING_LINES; i++) ivs_buffer_end(&request->lines[i]);
  memset(request, 0, sizeof *request);
}
