/*
 * The blocking API: the loop that answers a call's wants with the host's
 * callbacks. The only place that calls them.
 */
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "engine/call.h"

typedef int32_t (*performer)(invsrc_call *call, const invsrc_options *host);

/* Bytes count only with OK; and an answer whose bytes did not fit into memory is as
 * good as none. */
static int32_t outcome_with(invsrc_buffer *buffer, int32_t outcome) {
  if (outcome == INVSRC_OUTCOME_OK && buffer->data.failed) outcome = INVSRC_OUTCOME_UNAVAILABLE;
  if (outcome != INVSRC_OUTCOME_OK) ivs_buffer_end(&buffer->data);
  return outcome;
}

static int32_t authenticate(invsrc_call *call, const invsrc_options *host) {
  return outcome_with(&call->storefront, host->authenticator.authenticate(
                                             host->authenticator_context, call->token.bytes,
                                             call->token.length, &call->storefront));
}

static int32_t now(invsrc_call *call, const invsrc_options *host) {
  struct timespec time;

  if (host->world.now) return host->world.now(host->world_context, &call->now);
  if (clock_gettime(CLOCK_REALTIME, &time) != 0) return INVSRC_OUTCOME_FAILED;
  call->now = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
  return INVSRC_OUTCOME_OK;
}

static int32_t random_bytes(invsrc_call *call, const invsrc_options *host) {
  if (host->world.random)
    return host->world.random(host->world_context, call->random, sizeof call->random);
  return RAND_bytes(call->random, sizeof call->random) == 1 ? INVSRC_OUTCOME_OK
                                                            : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t lookup(invsrc_call *call, const invsrc_options *host) {
  return host->registry.lookup(host->registry_context, call->draft.endpoint.bytes,
                               call->draft.endpoint.length);
}

static int32_t oauth_start(invsrc_call *call, const invsrc_options *host) {
  if (!host->oauth.start) return INVSRC_OUTCOME_NOT_IMPLEMENTED;
  return outcome_with(
      &call->authorization_url,
      outcome_with(&call->private_state,
                   host->oauth.start(host->oauth_context, call->draft.source,
                                     &call->authorization_url, &call->private_state)));
}

static int32_t seal(invsrc_call *call, const invsrc_options *host) {
  return outcome_with(
      &call->sealed,
      host->sealer.seal(host->sealer_context, &call->binding, call->draft.credential.bytes,
                        call->draft.credential.length, &call->sealed));
}

static int32_t insert(invsrc_call *call, const invsrc_options *host) {
  return host->store.insert(host->store_context, call->draft.source, call->sealed.data.bytes,
                            call->sealed.data.length);
}

static int32_t discard(invsrc_call *call, const invsrc_options *host) {
  if (!host->sealer.discard) return INVSRC_OUTCOME_OK;
  return host->sealer.discard(host->sealer_context, &call->binding, call->sealed.data.bytes,
                              call->sealed.data.length);
}

/* The sealed bytes come with the record, but reading needs only the record. */
static int32_t get(invsrc_call *call, const invsrc_options *host) {
  invsrc_buffer sealed = {IVS_BUFFER_EMPTY};
  int32_t outcome;

  call->found = invsrc_source_new();
  if (!call->found) return INVSRC_OUTCOME_UNAVAILABLE;
  outcome = host->store.get(host->store_context, call->storefront.data.bytes,
                            call->storefront.data.length, call->source_id.bytes,
                            call->source_id.length, call->found, &sealed);
  ivs_buffer_end(&sealed.data);
  return outcome;
}

static int32_t log_line(invsrc_call *call, const invsrc_options *host) {
  if (host->world.log)
    host->world.log(host->world_context, call->log_level, call->log, strlen(call->log));
  return INVSRC_OUTCOME_OK;
}

static const struct {
  performer perform;
  unsigned needs;
} performers[] = {
    [INVSRC_WANT_AUTHENTICATE] = {authenticate, IVS_NEEDS_AUTHENTICATOR},
    [INVSRC_WANT_NOW] = {now, 0},
    [INVSRC_WANT_RANDOM] = {random_bytes, 0},
    [INVSRC_WANT_LOOKUP] = {lookup, IVS_NEEDS_REGISTRY},
    [INVSRC_WANT_OAUTH_START] = {oauth_start, 0},
    [INVSRC_WANT_SEAL] = {seal, IVS_NEEDS_SEALER},
    [INVSRC_WANT_INSERT] = {insert, IVS_NEEDS_STORE},
    [INVSRC_WANT_DISCARD] = {discard, IVS_NEEDS_SEALER},
    [INVSRC_WANT_GET] = {get, IVS_NEEDS_STORE},
    [INVSRC_WANT_LOG] = {log_line, 0},
};

static unsigned provided(const invsrc_options *host) {
  return (host->authenticator.authenticate ? IVS_NEEDS_AUTHENTICATOR : 0) |
         (host->registry.lookup ? IVS_NEEDS_REGISTRY : 0) |
         (host->sealer.seal ? IVS_NEEDS_SEALER : 0) | (host->store.insert ? IVS_NEEDS_STORE : 0);
}

int32_t invsrc_call_perform(invsrc_call *call) {
  const invsrc_options *host;

  if (!call) return INVSRC_EINVAL;
  host = &call->service->options;
  if (call->want == INVSRC_WANT_NONE || performers[call->want].needs & ~provided(host))
    return INVSRC_ESTATE;
  ivs_call_answered(call, performers[call->want].perform(call, host));
  return INVSRC_OK;
}

static int32_t fail(invsrc_error *error, int32_t code, const char *message) {
  ivs_error_set(error, code, INVSRC_NO_OFFSET, "%s", message);
  return code;
}

/* Refuses before anything is done, rather than half-way. */
static int32_t check_providers(const invsrc_call *call, invsrc_error *error) {
  static const char *const messages[] = {"no authenticator is set", "no registry is set",
                                         "no sealer is set", "no store is set"};
  unsigned missing = call->needs & ~provided(&call->service->options);

  for (unsigned i = 0; i < sizeof messages / sizeof *messages; i++)
    if (missing & 1u << i) return fail(error, INVSRC_ESTATE, messages[i]);
  return INVSRC_OK;
}

static int32_t drive(invsrc_call *call, invsrc_response **response, invsrc_error *error) {
  int32_t result = check_providers(call, error);
  int32_t want;

  if (result != INVSRC_OK) return result;
  while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE) invsrc_call_perform(call);
  if (want != INVSRC_WANT_NONE) return fail(error, want, invsrc_strerror(want));
  return invsrc_call_take_response(call, response);
}

int32_t invsrc_handle(invsrc_service *service, const invsrc_request *request,
                      invsrc_response **response, invsrc_error *error) {
  invsrc_call *call;
  int32_t result;

  if (response) *response = NULL;
  result = response ? invsrc_call_new(service, request, &call) : INVSRC_EINVAL;
  if (result != INVSRC_OK) return fail(error, result, invsrc_strerror(result));
  result = drive(call, response, error);
  invsrc_call_free(call);
  return result;
}

int32_t invsrc_create(invsrc_service *service, const char *storefront, uint64_t storefront_length,
                      const void *body, uint64_t length, invsrc_response **response,
                      invsrc_error *error) {
  invsrc_call *call;
  int32_t result;

  if (response) *response = NULL;
  result = response
               ? invsrc_call_new_create(service, storefront, storefront_length, body, length, &call)
               : INVSRC_EINVAL;
  if (result != INVSRC_OK) return fail(error, result, invsrc_strerror(result));
  result = drive(call, response, error);
  invsrc_call_free(call);
  return result;
}
