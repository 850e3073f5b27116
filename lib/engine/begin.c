/*
 * The beginnings of calls: from an HTTP request, or for a storefront that the host has
 * authenticated itself.
 */
#include <stdlib.h>
#include <string.h>

#include "core/source.h"
#include "engine/call.h"
#include "engine/route.h"

/* A body may be missing where its length alone is enough to refuse it. */
static int is_body(const invsrc_service *service, const void *body, uint64_t length) {
  return body || length == 0 || length > service->options.max_body;
}

static invsrc_call *call_new(const invsrc_service *service, const void *body, uint64_t length) {
  invsrc_call *call = calloc(1, sizeof *call);

  if (!call) return NULL;
  call->service = service;
  call->body = body;
  call->body_length = length;
  return call;
}

static void after_authenticate(invsrc_call *call) {
  ivs_buffer_end(&call->token);
  if (call->outcome == INVSRC_OUTCOME_OK &&
      (call->storefront.data.length == 0 || call->storefront.data.length > IVS_STOREFRONT_LONGEST))
    call->outcome = INVSRC_OUTCOME_FAILED;
  if (ivs_call_went_well(call)) call->operation->start(call);
}

/* Decides what can be decided from the request line and the headers. */
static int32_t begin(invsrc_call *call, const invsrc_request *request) {
  const ivs_failure *failure;
  size_t length;
  const char *token;
  int32_t result = ivs_route_find(request, call, &failure);

  if (result != INVSRC_OK) return result;
  if (!call->operation) {
    ivs_call_fail(call, failure);
    return call->result;
  }
  call->needs = call->operation->needs;
  if (call->needs & IVS_IS_PUBLIC) {
    call->state = call->operation->start;
    return INVSRC_OK;
  }
  token = ivs_request_bearer(request, &length);
  if (!token) {
    ivs_call_fail(call, &ivs_failure_unauthorized);
    return call->result;
  }
  if (!ivs_request_is_json(request)) call->body_failure = &ivs_failure_content_type;
  if (!ivs_request_is_identity(request)) call->body_failure = &ivs_failure_content_encoding;
  call->needs |= IVS_NEEDS_AUTHENTICATOR;
  ivs_call_want(call, INVSRC_WANT_AUTHENTICATE, after_authenticate);
  return ivs_buffer_set(&call->token, token, length);
}

/* Frees a call that could not be begun. */
static int32_t settle(int32_t result, invsrc_call **call) {
  if (result == INVSRC_OK) return INVSRC_OK;
  invsrc_call_free(*call);
  *call = NULL;
  return result;
}

int32_t invsrc_call_new(invsrc_service *service, const invsrc_request *request,
                        invsrc_call **call) {
  int32_t result;

  if (call) *call = NULL;
  if (!service || !request || !call || !request->method.bytes || !request->target.bytes ||
      !is_body(service, request->body, request->body_length))
    return INVSRC_EINVAL;
  *call = call_new(service, request->body, request->body_length);
  if (!*call) return INVSRC_ENOMEM;
  result = begin(*call, request);
  return settle(result, call);
}

/* A call for a storefront that needs no authenticating. */
static int32_t begin_as(const invsrc_service *service, const ivs_operation *operation,
                        const char *storefront, uint64_t storefront_length, invsrc_call **call) {
  int32_t result;

  if (call) *call = NULL;
  if (!service || !storefront || !call || storefront_length == 0 ||
      storefront_length > IVS_STOREFRONT_LONGEST)
    return INVSRC_EINVAL;
  *call = call_new(service, NULL, 0);
  if (!*call) return INVSRC_ENOMEM;
  (*call)->operation = operation;
  (*call)->needs = operation->needs;
  (*call)->state = operation->start;
  result = invsrc_buffer_set(&(*call)->storefront, storefront, storefront_length);
  return settle(result, call);
}

/* The same for one source of it, by its sourceId, or to authorize its agent by its agentId. */
static int32_t begin_of(const invsrc_service *service, const ivs_operation *operation,
                        const char *storefront, uint64_t storefront_length, const char *id,
                        uint64_t id_length, invsrc_call **call) {
  int is_agent = operation == &ivs_authorize_operation;
  int32_t result;

  if (call) *call = NULL;
  if (!id || id_length == 0 || id_length > SIZE_MAX) return INVSRC_EINVAL;
  result = begin_as(service, operation, storefront, storefront_length, call);
  if (result != INVSRC_OK) return result;
  result =
      ivs_buffer_set(is_agent ? &(*call)->agent_id : &(*call)->source_id, id, (size_t)id_length);
  return settle(result, call);
}

int32_t invsrc_call_new_create(invsrc_service *service, const char *storefront,
                               uint64_t storefront_length, const void *body, uint64_t length,
                               invsrc_call **call) {
  int32_t result = INVSRC_EINVAL;

  if (call) *call = NULL;
  if (service && is_body(service, body, length))
    result = begin_as(service, &ivs_create_operation, storefront, storefront_length, call);
  if (result != INVSRC_OK) return result;
  (*call)->body = body;
  (*call)->body_length = length;
  return INVSRC_OK;
}

int32_t invsrc_call_new_get(invsrc_service *service, const char *storefront,
                            uint64_t storefront_length, const char *source_id,
                            uint64_t source_id_length, invsrc_call **call) {
  return begin_of(service, &ivs_get_operation, storefront, storefront_length, source_id,
                  source_id_length, call);
}

int32_t invsrc_call_new_list(invsrc_service *service, const char *storefront,
                             uint64_t storefront_length, uint64_t skip, uint64_t take,
                             invsrc_call **call) {
  int32_t result = INVSRC_EINVAL;

  if (call) *call = NULL;
  if (skip <= INVSRC_SKIP_LIMIT && take >= 1 && take <= INVSRC_TAKE_LIMIT)
    result = begin_as(service, &ivs_list_operation, storefront, storefront_length, call);
  if (result != INVSRC_OK) return result;
  (*call)->skip = skip;
  (*call)->take = take;
  return INVSRC_OK;
}

/* With a body, too. */
static int32_t begin_body_of(const invsrc_service *service, const ivs_operation *operation,
                             const char *storefront, uint64_t storefront_length, const char *id,
                             uint64_t id_length, const void *body, uint64_t length,
                             invsrc_call **call) {
  int32_t result = INVSRC_EINVAL;

  if (call) *call = NULL;
  if (service && is_body(service, body, length))
    result = begin_of(service, operation, storefront, storefront_length, id, id_length, call);
  if (result != INVSRC_OK) return result;
  (*call)->body = body;
  (*call)->body_length = length;
  return INVSRC_OK;
}

int32_t invsrc_call_new_update(invsrc_service *service, const char *storefront,
                               uint64_t storefront_length, const char *source_id,
                               uint64_t source_id_length, const void *body, uint64_t length,
                               invsrc_call **call) {
  return begin_body_of(service, &ivs_update_operation, storefront, storefront_length, source_id,
                       source_id_length, body, length, call);
}

int32_t invsrc_call_new_authorize(invsrc_service *service, const char *storefront,
                                  uint64_t storefront_length, const char *agent_id,
                                  uint64_t agent_id_length, const void *body, uint64_t length,
                                  invsrc_call **call) {
  return begin_body_of(service, &ivs_authorize_operation, storefront, storefront_length, agent_id,
                       agent_id_length, body, length, call);
}

int32_t invsrc_call_new_callback(invsrc_service *service, const char *query, uint64_t length,
                                 invsrc_call **call) {
  int32_t result;

  if (call) *call = NULL;
  if (!service || !call || (!query && length) || length > SIZE_MAX) return INVSRC_EINVAL;
  *call = call_new(service, NULL, 0);
  if (!*call) return INVSRC_ENOMEM;
  (*call)->operation = &ivs_callback_operation;
  (*call)->needs = ivs_callback_operation.needs;
  (*call)->state = ivs_callback_operation.start;
  result = ivs_buffer_set(&(*call)->query, query, (size_t)length);
  return settle(result, call);
}

int32_t invsrc_call_new_remove(invsrc_service *service, const char *storefront,
                               uint64_t storefront_length, const char *source_id,
                               uint64_t source_id_length, invsrc_call **call) {
  return begin_of(service, &ivs_remove_operation, storefront, storefront_length, source_id,
                  source_id_length, call);
}

int32_t invsrc_call_new_check(invsrc_service *service, const invsrc_source *source,
                              const void *sealed, uint64_t length, invsrc_call **call) {
  uint64_t storefront_length;
  const char *storefront = invsrc_source_text(source, INVSRC_SOURCE_STOREFRONT, &storefront_length);
  uint64_t id_length;
  const char *id = invsrc_source_text(source, INVSRC_SOURCE_SOURCE_ID, &id_length);
  int32_t result;

  if (call) *call = NULL;
  if (!ivs_source_is_whole(source) || (!sealed && length)) return INVSRC_EINVAL;
  result =
      begin_of(service, &ivs_check_operation, storefront, storefront_length, id, id_length, call);
  if (result != INVSRC_OK) return result;
  (*call)->found = invsrc_source_new();
  (*call)->draft.source = invsrc_source_new();
  if (!(*call)->found || !(*call)->draft.source ||
      invsrc_source_copy((*call)->found, source) != INVSRC_OK ||
      invsrc_source_copy((*call)->draft.source, source) != INVSRC_OK ||
      invsrc_buffer_set(&(*call)->found_sealed, sealed, length) != INVSRC_OK)
    result = INVSRC_ENOMEM;
  return settle(result, call);
}
