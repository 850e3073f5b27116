/*
 * The blocking API: the loop that answers a call's wants with the host's callbacks. Besides
 * it only activation and delivery call them.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "engine/drive.h"
#include "engine/probe.h"

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

static int32_t system_now(int64_t *milliseconds) {
  struct timespec time;

  if (clock_gettime(CLOCK_REALTIME, &time) != 0) return INVSRC_OUTCOME_FAILED;
  *milliseconds = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
  return INVSRC_OUTCOME_OK;
}

int32_t ivs_host_now(const invsrc_service *service, int64_t *milliseconds) {
  const invsrc_options *host = &service->options;
  int32_t outcome = host->world.now ? host->world.now(host->world_context, milliseconds)
                                    : system_now(milliseconds);

  if (outcome == INVSRC_OUTCOME_OK && (*milliseconds < 0 || *milliseconds > INVSRC_TIME_LIMIT))
    return INVSRC_OUTCOME_FAILED;
  return outcome;
}

int32_t ivs_host_random(const invsrc_service *service, uint8_t *bytes, size_t length) {
  const invsrc_options *host = &service->options;

  if (host->world.random) return host->world.random(host->world_context, bytes, length);
  return ivs_pool_take(service->pool, bytes, length) ? INVSRC_OUTCOME_OK
                                                     : INVSRC_OUTCOME_UNAVAILABLE;
}

void ivs_host_log(const invsrc_service *service, int32_t level, const char *line) {
  const invsrc_options *host = &service->options;

  if (host->world.log) host->world.log(host->world_context, level, line, strlen(line));
}

static int32_t now(invsrc_call *call, const invsrc_options *host) {
  (void)host;
  return ivs_host_now(call->service, &call->now);
}

static int32_t random_bytes(invsrc_call *call, const invsrc_options *host) {
  (void)host;
  return ivs_host_random(call->service, call->random, call->random_length);
}

static int32_t lookup(invsrc_call *call, const invsrc_options *host) {
  return host->registry.lookup(host->registry_context, call->draft.endpoint.bytes,
                               call->draft.endpoint.length);
}

/* Takes over why an outcome is not OK. */
static int32_t with_reason(invsrc_call *call, int32_t outcome, invsrc_buffer *reason) {
  ivs_call_take_reason(call, outcome, reason->data.bytes, reason->data.length);
  ivs_buffer_end(&reason->data);
  return outcome;
}

static int32_t oauth_start(invsrc_call *call, const invsrc_options *host) {
  const invsrc_consent consent = {.size = sizeof consent,
                                  .is_again = (uint32_t)call->is_again,
                                  .state = call->oauth_state.bytes,
                                  .state_length = call->oauth_state.length,
                                  .redirect_uri = call->redirect_uri.bytes,
                                  .redirect_uri_length = call->redirect_uri.length};
  invsrc_buffer reason = {IVS_BUFFER_EMPTY};
  int32_t outcome;

  if (!host->oauth.start) return INVSRC_OUTCOME_NOT_IMPLEMENTED;
  outcome = host->oauth.start(host->oauth_context, call->draft.source, &consent,
                              &call->authorization_url, &call->private_state, &reason);
  outcome = outcome_with(&call->authorization_url, outcome_with(&call->private_state, outcome));
  return with_reason(call, outcome, &reason);
}

static int32_t oauth_finish(invsrc_call *call, const invsrc_options *host) {
  const invsrc_redirect redirect = {.size = sizeof redirect,
                                    .code = ivs_call_given(&call->code),
                                    .code_length = call->code.length,
                                    .issuer = ivs_call_given(&call->issuer),
                                    .issuer_length = call->issuer.length,
                                    .error = ivs_call_given(&call->oauth_error),
                                    .error_length = call->oauth_error.length};
  invsrc_buffer reason = {IVS_BUFFER_EMPTY};
  int32_t outcome;

  if (!host->oauth.finish) return INVSRC_OUTCOME_NOT_IMPLEMENTED;
  outcome = host->oauth.finish(host->oauth_context, call->found, call->private_state.data.bytes,
                               call->private_state.data.length, &redirect, &call->opened,
                               &call->refresh_at, &reason);
  return with_reason(call, outcome_with(&call->opened, outcome), &reason);
}

static int32_t oauth_revoke(invsrc_call *call, const invsrc_options *host) {
  invsrc_buffer reason = {IVS_BUFFER_EMPTY};

  if (!host->oauth.revoke) return INVSRC_OUTCOME_NOT_IMPLEMENTED;
  return with_reason(call,
                     host->oauth.revoke(host->oauth_context, call->found, call->opened.data.bytes,
                                        call->opened.data.length, &reason),
                     &reason);
}

static int32_t seal(invsrc_call *call, const invsrc_options *host) {
  return outcome_with(
      &call->sealed,
      host->sealer.seal(host->sealer_context, &call->binding, call->draft.credential.bytes,
                        call->draft.credential.length, &call->sealed));
}

static int32_t insert(invsrc_call *call, const invsrc_options *host) {
  return host->store.insert(host->store_context, call->draft.source, ivs_call_sealed(call)->bytes,
                            ivs_call_sealed(call)->length, call->event);
}

static int32_t discard(invsrc_call *call, const invsrc_options *host) {
  if (!host->sealer.discard) return INVSRC_OUTCOME_OK;
  return host->sealer.discard(host->sealer_context, &call->binding, call->sealed.data.bytes,
                              call->sealed.data.length);
}

/* A source counts only with OK, too. */
static int32_t found_with(invsrc_call *call, int32_t outcome) {
  outcome = outcome_with(&call->found_sealed, outcome);
  if (outcome != INVSRC_OUTCOME_OK) {
    invsrc_source_free(call->found);
    call->found = NULL;
  }
  return outcome;
}

static int32_t get(invsrc_call *call, const invsrc_options *host) {
  call->found = invsrc_source_new();
  if (!call->found) return INVSRC_OUTCOME_UNAVAILABLE;
  return found_with(call,
                    host->store.get(host->store_context, call->storefront.data.bytes,
                                    call->storefront.data.length, call->source_id.bytes,
                                    call->source_id.length, call->found, &call->found_sealed));
}

static int32_t find(invsrc_call *call, const invsrc_options *host) {
  const ivs_buffer *value = ivs_call_find_value(call);

  if (!host->store.find) return INVSRC_OUTCOME_NOT_IMPLEMENTED;
  call->found = invsrc_source_new();
  if (!call->found) return INVSRC_OUTCOME_UNAVAILABLE;
  return found_with(call,
                    host->store.find(host->store_context, ivs_call_find_field(call), value->bytes,
                                     value->length, call->found, &call->found_sealed));
}

static int32_t list(invsrc_call *call, const invsrc_options *host) {
  call->list = invsrc_source_list_new();
  if (!call->list) return INVSRC_OUTCOME_UNAVAILABLE;
  return host->store.list(host->store_context, call->storefront.data.bytes,
                          call->storefront.data.length, call->skip, call->take, call->list,
                          &call->total);
}

static int32_t update(invsrc_call *call, const invsrc_options *host) {
  ivs_buffer_end(&call->found_sealed.data);
  return host->store.update(host->store_context, call->draft.source, call->revision,
                            call->lease_end, call->parts, ivs_call_sealed(call)->bytes,
                            ivs_call_sealed(call)->length, call->event, &call->found_sealed);
}

static int32_t remove_source(invsrc_call *call, const invsrc_options *host) {
  return host->store.remove(host->store_context, call->found, call->revision, call->event,
                            &call->found_sealed);
}

/* Reads want it too, and get on without it: so a host need not have it for them. */
static int32_t open_sealed(invsrc_call *call, const invsrc_options *host) {
  if (!host->sealer.open) return INVSRC_OUTCOME_FAILED;
  return outcome_with(
      &call->opened,
      host->sealer.open(host->sealer_context, &call->binding, call->found_sealed.data.bytes,
                        call->found_sealed.data.length, &call->opened));
}

/* One probe, for a call that is driven by itself. */
typedef struct single {
  invsrc_probes probes; /* first: it is what the prober sees */
  invsrc_probe probe;
  int is_taken;
  int32_t outcome; /* 0: it was not ended */
} single;

static invsrc_probe *take_single(invsrc_probes *probes) {
  single *self = (single *)probes;

  if (self->is_taken++) return NULL;
  return &self->probe;
}

static void end_single(invsrc_probes *probes, invsrc_probe *probe, int32_t outcome) {
  (void)probe;
  ((single *)probes)->outcome = outcome;
}

static int32_t probe(invsrc_call *call, const invsrc_options *host) {
  single self = {{take_single, end_single}, {NULL, call, NULL, NULL}, 0, 0};
  int32_t outcome;

  if (!host->prober.probe) return INVSRC_OUTCOME_NOT_IMPLEMENTED;
  self.probe.from = &self.probes;
  outcome = host->prober.probe(host->prober_context, &self.probes);
  if (self.outcome) return self.outcome;
  return outcome == INVSRC_OUTCOME_NOT_IMPLEMENTED || outcome == INVSRC_OUTCOME_UNAVAILABLE
             ? outcome
             : INVSRC_OUTCOME_FAILED;
}

static int32_t log_line(invsrc_call *call, const invsrc_options *host) {
  (void)host;
  ivs_host_log(call->service, call->log_level, call->log);
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
    [INVSRC_WANT_LIST] = {list, IVS_NEEDS_STORE},
    [INVSRC_WANT_UPDATE] = {update, IVS_NEEDS_STORE},
    [INVSRC_WANT_REMOVE] = {remove_source, IVS_NEEDS_STORE},
    [INVSRC_WANT_OPEN] = {open_sealed, 0},
    [INVSRC_WANT_PROBE] = {probe, 0},
    [INVSRC_WANT_FIND] = {find, IVS_NEEDS_STORE},
    [INVSRC_WANT_OAUTH_FINISH] = {oauth_finish, 0},
    [INVSRC_WANT_OAUTH_REFRESH] = {probe, 0},
    [INVSRC_WANT_OAUTH_REVOKE] = {oauth_revoke, 0},
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

static int can_share(const invsrc_call *call) {
  return call->want == INVSRC_WANT_INSERT && call->service->options.store.insert_all;
}

static invsrc_insertion insertion_of(const invsrc_call *call) {
  const ivs_buffer *sealed = ivs_call_sealed(call);

  return (invsrc_insertion){.size = sizeof(invsrc_insertion),
                            .outcome = INVSRC_OUTCOME_FAILED,
                            .source = call->draft.source,
                            .sealed = sealed->bytes,
                            .length = sealed->length,
                            .event = call->event};
}

/* Gives the store what so many of the calls want to insert. Where memory runs out it is not
 * asked. */
static void insert_together(invsrc_call *const *calls, uint64_t count, uint64_t inserts) {
  const invsrc_options *host = &calls[0]->service->options;
  invsrc_insertion *insertions = calloc((size_t)inserts, sizeof *insertions);
  invsrc_insertion **pointers = calloc((size_t)inserts, sizeof *pointers);
  int has_memory = insertions && pointers;
  uint64_t at = 0;

  for (uint64_t i = 0; has_memory && i < count; i++) {
    if (!can_share(calls[i])) continue;
    insertions[at] = insertion_of(calls[i]);
    pointers[at] = &insertions[at];
    at++;
  }
  if (has_memory) host->store.insert_all(host->store_context, pointers, inserts);
  at = 0;
  for (uint64_t i = 0; i < count; i++)
    if (can_share(calls[i]))
      ivs_call_answered(calls[i],
                        has_memory ? insertions[at++].outcome : INVSRC_OUTCOME_UNAVAILABLE);
  free(pointers);
  free(insertions);
}

int32_t invsrc_call_perform_all(invsrc_call *const *calls, uint64_t count) {
  int32_t result = INVSRC_OK;
  uint64_t inserts = 0;

  for (uint64_t i = 0; i < count; i++)
    if (!calls || !calls[i] || calls[i]->service != calls[0]->service) return INVSRC_EINVAL;
  for (uint64_t i = 0; i < count; i++) {
    int32_t answered = INVSRC_OK;
    if (can_share(calls[i]))
      inserts++;
    else
      answered = invsrc_call_perform(calls[i]);
    if (result == INVSRC_OK) result = answered;
  }
  if (inserts) insert_together(calls, count, inserts);
  return result;
}

int32_t ivs_drive_result(int32_t outcome) {
  return outcome == INVSRC_OUTCOME_UNAVAILABLE ? INVSRC_EUNAVAILABLE : INVSRC_EIO;
}

int32_t ivs_drive_check(const invsrc_service *service, unsigned needs, invsrc_error *error) {
  static const char *const messages[] = {"no authenticator is set", "no registry is set",
                                         "no sealer is set", "no store is set"};
  unsigned missing = needs & ~provided(&service->options);

  for (unsigned i = 0; i < sizeof messages / sizeof *messages; i++)
    if (missing & 1u << i) return ivs_error_fail(error, INVSRC_ESTATE, messages[i]);
  return INVSRC_OK;
}

/* Refuses before anything is done, rather than half-way. */
static int32_t drive(invsrc_call *call, invsrc_response **response, invsrc_error *error) {
  int32_t result = ivs_drive_check(call->service, call->needs, error);
  int32_t want;

  if (result != INVSRC_OK) return result;
  while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE) invsrc_call_perform(call);
  if (want != INVSRC_WANT_NONE) return ivs_error_fail(error, want, invsrc_strerror(want));
  return invsrc_call_take_response(call, response);
}

/* Drives a call that has been made, or not, and ends it. */
static int32_t answer(int32_t made, invsrc_call *call, invsrc_response **response,
                      invsrc_error *error) {
  int32_t result;

  if (response)
    *response = NULL;
  else
    made = INVSRC_EINVAL;
  result = made == INVSRC_OK ? drive(call, response, error)
                             : ivs_error_fail(error, made, invsrc_strerror(made));
  invsrc_call_free(call);
  return result;
}

int32_t invsrc_handle(invsrc_service *service, const invsrc_request *request,
                      invsrc_response **response, invsrc_error *error) {
  invsrc_call *call = NULL;
  int32_t made = invsrc_call_new(service, request, &call);

  return answer(made, call, response, error);
}

int32_t invsrc_create(invsrc_service *service, const char *storefront, uint64_t storefront_length,
                      const void *body, uint64_t length, invsrc_response **response,
                      invsrc_error *error) {
  invsrc_call *call = NULL;
  int32_t made =
      invsrc_call_new_create(service, storefront, storefront_length, body, length, &call);

  return answer(made, call, response, error);
}

int32_t invsrc_get(invsrc_service *service, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_response **response,
                   invsrc_error *error) {
  invsrc_call *call = NULL;
  int32_t made = invsrc_call_new_get(service, storefront, storefront_length, source_id,
                                     source_id_length, &call);

  return answer(made, call, response, error);
}

int32_t invsrc_list(invsrc_service *service, const char *storefront, uint64_t storefront_length,
                    uint64_t skip, uint64_t take, invsrc_response **response, invsrc_error *error) {
  invsrc_call *call = NULL;
  int32_t made = invsrc_call_new_list(service, storefront, storefront_length, skip, take, &call);

  return answer(made, call, response, error);
}

int32_t invsrc_update(invsrc_service *service, const char *storefront, uint64_t storefront_length,
                      const char *source_id, uint64_t source_id_length, const void *body,
                      uint64_t length, invsrc_response **response, invsrc_error *error) {
  invsrc_call *call = NULL;
  int32_t made = invsrc_call_new_update(service, storefront, storefront_length, source_id,
                                        source_id_length, body, length, &call);

  return answer(made, call, response, error);
}

int32_t invsrc_remove(invsrc_service *service, const char *storefront, uint64_t storefront_length,
                      const char *source_id, uint64_t source_id_length, invsrc_response **response,
                      invsrc_error *error) {
  invsrc_call *call = NULL;
  int32_t made = invsrc_call_new_remove(service, storefront, storefront_length, source_id,
                                        source_id_length, &call);

  return answer(made, call, response, error);
}

int32_t invsrc_authorize(invsrc_service *service, const char *storefront,
                         uint64_t storefront_length, const char *agent_id, uint64_t agent_id_length,
                         const void *body, uint64_t length, invsrc_response **response,
                         invsrc_error *error) {
  invsrc_call *call = NULL;
  int32_t made = invsrc_call_new_authorize(service, storefront, storefront_length, agent_id,
                                           agent_id_length, body, length, &call);

  return answer(made, call, response, error);
}

int32_t invsrc_callback(invsrc_service *service, const char *query, uint64_t length,
                        invsrc_response **response, invsrc_error *error) {
  invsrc_call *call = NULL;
  int32_t made = invsrc_call_new_callback(service, query, length, &call);

  return answer(made, call, response, error);
}
