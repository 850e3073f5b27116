/*
 * See message.h.
 */
#include "engine/message.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define LONGEST_PART 65536

invsrc_request *invsrc_request_new(void) {
  return calloc(1, sizeof(invsrc_request));
}

void invsrc_request_free(invsrc_request *request) {
  if (!request) return;
  ivs_buffer_end(&request->method);
  ivs_buffer_end(&request->target);
  ivs_buffer_end(&request->authorization);
  ivs_buffer_end(&request->content_type);
  ivs_buffer_end(&request->content_encoding);
  free(request);
}

static int32_t set_part(ivs_buffer *part, const char *text, uint64_t length) {
  if (!text || length > LONGEST_PART) return INVSRC_EINVAL;
  return ivs_buffer_set(part, text, (size_t)length);
}

int32_t invsrc_request_set_method(invsrc_request *request, const char *method, uint64_t length) {
  return request ? set_part(&request->method, method, length) : INVSRC_EINVAL;
}

int32_t invsrc_request_set_target(invsrc_request *request, const char *target, uint64_t length) {
  return request ? set_part(&request->target, target, length) : INVSRC_EINVAL;
}

int32_t invsrc_request_set_body(invsrc_request *request, const void *body, uint64_t length) {
  if (!request) return INVSRC_EINVAL;
  request->body = body;
  request->body_length = length;
  return INVSRC_OK;
}

int32_t invsrc_request_add_header(invsrc_request *request, const char *name, uint64_t name_length,
                                  const char *value, uint64_t value_length) {
  if (!request || !name || !value || name_length > LONGEST_PART || value_length > LONGEST_PART)
    return INVSRC_EINVAL;
  if (ivs_text_is_same(name, (size_t)name_length, "content-type"))
    return set_part(&request->content_type, value, value_length);
  if (ivs_text_is_same(name, (size_t)name_length, "content-encoding"))
    return set_part(&request->content_encoding, value, value_length);
  if (!ivs_text_is_same(name, (size_t)name_length, "authorization")) return INVSRC_OK;
  request->authorizations++;
  return set_part(&request->authorization, value, value_length);
}

static int is_space(char c) {
  return c == ' ' || c == '\t';
}

/* Takes the white space off both ends. */
static void trim(const char **text, size_t *length) {
  while (*length && is_space(**text)) ++*text, --*length;
  while (*length && is_space((*text)[*length - 1])) --*length;
}

const char *ivs_request_bearer(const invsrc_request *request, size_t *length) {
  static const char scheme[] = "bearer";
  const char *text = request->authorization.bytes;
  size_t scheme_length = sizeof scheme - 1;

  *length = request->authorization.length;
  if (request->authorizations != 1) return NULL;
  trim(&text, length);
  if (*length <= scheme_length || !ivs_text_is_same(text, scheme_length, scheme)) return NULL;
  text += scheme_length;
  *length -= scheme_length;
  if (!is_space(*text)) return NULL;
  trim(&text, length);
  for (size_t i = 0; i < *length; i++)
    if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f) return NULL;
  return *length ? text : NULL;
}

int ivs_request_is_json(const invsrc_request *request) {
  static const char application[] = "application/", suffix[] = "+json";
  const char *text = request->content_type.bytes;
  size_t length = request->content_type.length;
  const char *parameters = length ? memchr(text, ';', length) : NULL;

  if (parameters) length = (size_t)(parameters - text);
  trim(&text, &length);
  if (length == 0) return !parameters;
  if (ivs_text_is_same(text, length, "application/json")) return 1;
  return length > sizeof application + sizeof suffix - 2 &&
         ivs_text_is_same(text, sizeof application - 1, application) &&
         ivs_text_is_same(text + length - (sizeof suffix - 1), sizeof suffix - 1, suffix);
}

int ivs_request_is_identity(const invsrc_request *request) {
  const char *text = request->content_encoding.bytes;
  size_t length = request->content_encoding.length;

  trim(&text, &length);
  return length == 0 || ivs_text_is_same(text, length, "identity");
}

/* ---- Responses ---------------------------------------------------------- */

#define NO_CONTENT 204 /* a body of no type, as */
#define SEE_OTHER 303

/* What a host is told to wait, in seconds, before it tries again. */
#define RETRY_AFTER "5"

static const struct {
  int32_t status; /* 0: all */
  const char *name;
  const char *value;
} usual[] = {
    {0, "Cache-Control", "no-store"},
    {401, "WWW-Authenticate", "Bearer"},
    {503, "Retry-After", RETRY_AFTER},
};

static invsrc_response *response_new(int32_t status, const char *type) {
  invsrc_response *response = malloc(sizeof *response);

  if (!response) return NULL;
  *response = (invsrc_response){.status = status};
  if (type) ivs_response_add_header(response, "Content-Type", type);
  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
    if (usual[i].status == 0 || usual[i].status == status)
      ivs_response_add_header(response, usual[i].name, usual[i].value);
  return response;
}

invsrc_response *ivs_response_new(int32_t status) {
  return response_new(status, status == NO_CONTENT ? NULL : "application/json");
}

invsrc_response *ivs_response_new_page(int32_t status) {
  invsrc_response *response =
      response_new(status, status == SEE_OTHER ? NULL : "text/html; charset=utf-8");

  if (!response) return NULL;
  ivs_response_add_header(response, "Referrer-Policy", "no-referrer");
  ivs_response_add_header(response, "X-Content-Type-Options", "nosniff");
  return response;
}

void ivs_response_add_header(invsrc_response *response, const char *name, const char *value) {
  uint32_t i = response->header_count++;

  response->headers[i].name = name;
  response->headers[i].value = value;
}

void ivs_response_set_location(invsrc_response *response, ivs_buffer *location) {
  response->location = *location;
  *location = (ivs_buffer)IVS_BUFFER_EMPTY;
  if (!response->location.failed)
    ivs_response_add_header(response, "Location", response->location.bytes);
}

int ivs_response_failed(const invsrc_response *response) {
  return response->body.failed || response->location.failed;
}

void invsrc_response_free(invsrc_response *response) {
  if (!response) return;
  ivs_buffer_end(&response->location);
  ivs_buffer_end(&response->body);
  invsrc_source_free(response->source);
  invsrc_source_list_free(response->sources);
  free(response);
}

int32_t invsrc_response_status(const invsrc_response *response) {
  return response ? response->status : 0;
}

uint32_t invsrc_response_header_count(const invsrc_response *response) {
  return response ? response->header_count : 0;
}

const char *invsrc_response_header_name(const invsrc_response *response, uint32_t index) {
  return response && index < response->header_count ? response->headers[index].name : NULL;
}

const char *invsrc_response_header_value(const invsrc_response *response, uint32_t index) {
  return response && index < response->header_count ? response->headers[index].value : NULL;
}

const char *invsrc_response_body(const invsrc_response *response, uint64_t *length) {
  if (length) *length = response ? response->body.length : 0;
  return response && response->body.bytes ? response->body.bytes : "";
}

const invsrc_source *invsrc_response_source(const invsrc_response *response) {
  return response ? response->source : NULL;
}

const invsrc_source_list *invsrc_response_sources(const invsrc_response *response) {
  return response ? response->sources : NULL;
}

uint64_t invsrc_response_total(const invsrc_response *response) {
  return response ? response->total : 0;
}
