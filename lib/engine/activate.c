/*
 * The blocking side of activation: claims what is due, hands the prober a call for each, and
 * keeps each result as it comes. Many calls are under way at a time, on one thread.
 */
#include <stdlib.h>

#include "core/error.h"
#include "engine/clock.h"
#include "engine/drive.h"
#include "engine/probe.h"

/* Claimed at a time: few, so that they do not wait while their lease runs. */
#define CLAIM 32

typedef struct run {
  invsrc_probes probes; /* first: it is what the prober sees */
  invsrc_service *service;
  invsrc_check_visitor visit;
  void *context;
  ivs_clock clock;
  uint64_t left; /* that may still be claimed */
  uint64_t claimed;
  uint64_t checked;
  invsrc_source_list *backlog; /* claimed and not yet begun, */
  uint64_t begun;              /* from here on, */
  int64_t begin_by;            /* until then: what is left of the lease is for the probe */
  invsrc_probe *taken;         /* that the prober has not ended, */
  invsrc_probe *ready;         /* and those that wait for it once more */
  int32_t result;
} run;

/* Claims the next few; the backlog stays empty where none is due. */
static void claim(run *self) {
  const invsrc_options *host = &self->service->options;
  uint64_t limit = self->left < CLAIM ? self->left : CLAIM;
  int64_t time;
  int32_t outcome;

  invsrc_source_list_free(self->backlog);
  self->begun = 0;
  self->backlog = invsrc_source_list_new();
  if (!self->backlog) {
    self->result = INVSRC_ENOMEM;
    return;
  }
  time = ivs_clock_time(&self->clock);
  self->begin_by = time + host->lease / 2;
  outcome = host->store.due(host->store_context, ivs_clock_due(&self->clock), time + host->lease,
                            limit, self->backlog);
  if (outcome != INVSRC_OUTCOME_OK) {
    invsrc_source_list_free(self->backlog); /* nothing in it is claimed */
    self->backlog = NULL;
    self->result = ivs_drive_result(outcome);
    ivs_host_log(self->service, INVSRC_LOG_WARNING, "due: sources cannot be claimed");
    return;
  }
  self->claimed += invsrc_source_list_count(self->backlog);
  self->left -= invsrc_source_list_count(self->backlog);
}

static void report(run *self, int32_t outcome, const char *reason, const invsrc_source *source) {
  const invsrc_check check = {.size = sizeof check,
                              .outcome = outcome,
                              .source = source,
                              .reason = reason,
                              .claimed = self->claimed,
                              .checked = ++self->checked};

  if (self->visit && self->visit(self->context, &check) != 0) self->left = 0;
}

static void report_call(run *self, const invsrc_call *call) {
  report(self, invsrc_call_check_outcome(call), invsrc_call_check_reason(call),
         call->stored ? call->draft.source : call->found);
}

/* Results are dated by the time that sources are claimed by: a source that is to be tried
 * later must not be due at once. */
static void answer(const run *self, invsrc_call *call, int32_t want) {
  int64_t time;
  int32_t outcome;

  if (want != INVSRC_WANT_NOW) {
    invsrc_call_perform(call);
    return;
  }
  outcome = ivs_host_now(self->service, &time);
  invsrc_call_answer_now(call, outcome, ivs_clock_time(&self->clock));
}

static int is_probers(int32_t want) {
  return want == INVSRC_WANT_PROBE || want == INVSRC_WANT_OAUTH_REFRESH;
}

/* Goes on until the call wants the prober; returns 0 when it has come to its end instead. */
static int advance(const run *self, invsrc_call *call) {
  int32_t want;

  while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE && !is_probers(want))
    answer(self, call, want);
  return is_probers(want);
}

static void link_probe(run *self, invsrc_probe *probe) {
  probe->next = self->taken;
  if (self->taken) self->taken->previous = probe;
  self->taken = probe;
}

static void unlink_probe(run *self, invsrc_probe *probe) {
  if (probe->next) probe->next->previous = probe->previous;
  if (probe->previous)
    probe->previous->next = probe->next;
  else
    self->taken = probe->next;
}

static void drop(invsrc_probe *probe) {
  invsrc_call_free(probe->call);
  free(probe);
}

/* Begins with a source of the backlog. NULL where it came to its end without a probe, or
 * memory ran out. */
static invsrc_probe *begin(run *self, uint64_t index) {
  invsrc_probe *probe = calloc(1, sizeof *probe);
  const invsrc_source *source = invsrc_source_list_at(self->backlog, index);
  uint64_t length;
  const void *sealed = invsrc_source_list_sealed(self->backlog, index, &length);
  int32_t result = INVSRC_ENOMEM;

  if (probe) result = invsrc_call_new_check(self->service, source, sealed, length, &probe->call);
  if (result == INVSRC_OK) {
    probe->from = &self->probes;
    if (advance(self, probe->call)) return probe;
    report_call(self, probe->call);
    drop(probe);
    return NULL;
  }
  free(probe);
  if (result == INVSRC_EINVAL)
    report(self, INVSRC_OUTCOME_FAILED, "the store gave a source that is none", source);
  else
    self->result = result;
  return NULL;
}

/* Whether there is one to begin with. What has waited too long is left to its lease: by when
 * its probe ended, somebody else would have claimed it. */
static int has_next(run *self) {
  uint64_t count = invsrc_source_list_count(self->backlog);

  if (self->begun < count && ivs_clock_time(&self->clock) > self->begin_by) self->begun = count;
  if (self->begun == count && self->left) claim(self);
  return self->result == INVSRC_OK && self->begun < invsrc_source_list_count(self->backlog);
}

static invsrc_probe *take(invsrc_probes *probes) {
  run *self = (run *)probes;
  invsrc_probe *probe = self->ready;

  if (probe) {
    self->ready = probe->next;
    probe->next = NULL;
  }
  while (!probe && self->result == INVSRC_OK && has_next(self)) probe = begin(self, self->begun++);
  if (probe) link_probe(self, probe);
  return probe;
}

static void end(invsrc_probes *probes, invsrc_probe *probe, int32_t outcome) {
  run *self = (run *)probes;

  unlink_probe(self, probe);
  ivs_call_answered(probe->call, outcome);
  if (advance(self, probe->call)) {
    probe->previous = NULL;
    probe->next = self->ready;
    self->ready = probe;
    return;
  }
  report_call(self, probe->call);
  drop(probe);
}

static void drop_all(invsrc_probe *list) {
  for (invsrc_probe *probe = list, *next; probe; probe = next) {
    next = probe->next;
    drop(probe);
  }
}

/* What was claimed and not begun becomes due again when its lease ends. */
static void end_run(run *self) {
  drop_all(self->taken);
  drop_all(self->ready);
  invsrc_source_list_free(self->backlog);
}

int32_t invsrc_activate_due(invsrc_service *service, int64_t now, uint64_t max,
                            invsrc_check_visitor visit, void *context, invsrc_error *error) {
  run self = {
      .probes = {take, end}, .service = service, .visit = visit, .context = context, .left = max};
  const invsrc_options *host;
  int32_t outcome, result;

  if (!service || now < 0 || now > INVSRC_TIME_LIMIT)
    return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  host = &service->options;
  result = ivs_drive_check(service, ivs_check_operation.needs, error);
  if (result != INVSRC_OK) return result;
  if (!host->prober.probe) return ivs_error_fail(error, INVSRC_ESTATE, "no prober is set");
  result = ivs_clock_begin(&self.clock, service, now);
  if (result != INVSRC_OK) return ivs_error_fail(error, result, "the clock cannot be read");
  outcome = host->prober.probe(host->prober_context, &self.probes);
  if (self.result == INVSRC_OK && outcome != INVSRC_OUTCOME_OK)
    self.result = ivs_drive_result(outcome);
  end_run(&self);
  if (self.result == INVSRC_OK) return INVSRC_OK;
  return ivs_error_fail(error, self.result, invsrc_strerror(self.result));
}
