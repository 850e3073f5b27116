/*
 * The blocking side of activation: claims what is due, hands the prober a call for each, and
 * keeps each result as it comes. Many calls are under way at a time, on one thread.
 */
#include <stdlib.h>

#include "engine/drive.h"
#include "engine/probe.h"

/* Claimed at a time: few, so that they do not wait while their lease runs. */
#define CLAIM 32

typedef struct run {
  invsrc_probes probes; /* first: it is what the prober sees */
  invsrc_service *service;
  invsrc_check_visitor visit;
  void *context;
  int64_t now;   /* as the caller gave it, */
  int64_t start; /* and what the host's clock said then */
  int moves;     /* what is due later is claimed too */
  uint64_t left; /* that may still be claimed */
  uint64_t claimed;
  uint64_t checked;
  invsrc_source_list *backlog; /* claimed and not yet begun, */
  uint64_t begun;              /* from here on */
  invsrc_probe *taken;         /* that the prober has not ended */
  int32_t result;
} run;

static int32_t result_of(int32_t outcome) {
  return outcome == INVSRC_OUTCOME_UNAVAILABLE ? INVSRC_EUNAVAILABLE : INVSRC_EIO;
}

/* The caller's time, moved on by what has passed since. */
static int64_t time_of(const run *self) {
  int64_t time;

  if (ivs_host_now(self->service, &time) != INVSRC_OUTCOME_OK || time < self->start)
    return self->now;
  return self->now + (time - self->start);
}

/* Claims the next few; the backlog stays empty where none is due. */
static void claim(run *self) {
  const invsrc_options *host = &self->service->options;
  uint64_t limit = self->left < CLAIM ? self->left : CLAIM;
  int64_t time = time_of(self);
  int32_t outcome;

  invsrc_source_list_free(self->backlog);
  self->begun = 0;
  self->backlog = invsrc_source_list_new();
  if (!self->backlog) {
    self->result = INVSRC_ENOMEM;
    return;
  }
  outcome = host->store.due(host->store_context, self->moves ? time : self->now, time + host->lease,
                            limit, self->backlog);
  if (outcome != INVSRC_OUTCOME_OK) {
    self->result = result_of(outcome);
    ivs_host_log(self->service, INVSRC_LOG_WARNING, "due: sources cannot be claimed");
    return;
  }
  self->claimed += invsrc_source_list_count(self->backlog);
  self->left -= invsrc_source_list_count(self->backlog);
}

static void report(run *self, const invsrc_call *call) {
  invsrc_check check = {.size = sizeof check,
                        .outcome = invsrc_call_check_outcome(call),
                        .reason = invsrc_call_check_reason(call)};
  int is_stored = check.outcome == INVSRC_OUTCOME_OK || check.outcome == INVSRC_OUTCOME_PROVEN ||
                  check.outcome == INVSRC_OUTCOME_REFUSED ||
                  check.outcome == INVSRC_OUTCOME_UNREACHABLE;

  check.source = is_stored ? call->draft.source : call->found;
  check.claimed = self->claimed;
  check.checked = ++self->checked;
  if (self->visit && self->visit(self->context, &check) != 0) self->left = 0;
}

/* Goes on until the call wants its probe; returns 0 when it has come to its end instead. */
static int advance(invsrc_call *call) {
  int32_t want;

  while ((want = invsrc_call_step(call)) > INVSRC_WANT_NONE && want != INVSRC_WANT_PROBE)
    invsrc_call_perform(call);
  return want == INVSRC_WANT_PROBE;
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
  uint64_t length;
  const void *sealed = invsrc_source_list_sealed(self->backlog, index, &length);

  if (!probe || invsrc_call_new_check(self->service, invsrc_source_list_at(self->backlog, index),
                                      sealed, length, &probe->call) != INVSRC_OK) {
    self->result = INVSRC_ENOMEM;
    free(probe);
    return NULL;
  }
  probe->from = &self->probes;
  if (advance(probe->call)) return probe;
  report(self, probe->call);
  drop(probe);
  return NULL;
}

static invsrc_probe *take(invsrc_probes *probes) {
  run *self = (run *)probes;
  invsrc_probe *probe = NULL;

  while (!probe && self->result == INVSRC_OK) {
    if (self->begun == invsrc_source_list_count(self->backlog)) {
      if (self->left) claim(self);
      if (self->begun == invsrc_source_list_count(self->backlog)) return NULL;
    }
    probe = begin(self, self->begun++);
  }
  if (probe) link_probe(self, probe);
  return probe;
}

static void end(invsrc_probes *probes, invsrc_probe *probe, int32_t outcome) {
  run *self = (run *)probes;

  unlink_probe(self, probe);
  ivs_call_answered(probe->call, outcome);
  advance(probe->call); /* to its end: a call probes once */
  report(self, probe->call);
  drop(probe);
}

/* What was claimed and not begun becomes due again when its lease ends. */
static void end_run(run *self) {
  while (self->taken) {
    invsrc_probe *probe = self->taken;
    unlink_probe(self, probe);
    drop(probe);
  }
  invsrc_source_list_free(self->backlog);
}

int32_t invsrc_activate_due(invsrc_service *service, int64_t now, uint64_t max,
                            invsrc_check_visitor visit, void *context, invsrc_error *error) {
  run self = {.probes = {take, end},
              .service = service,
              .visit = visit,
              .context = context,
              .now = now,
              .left = max};
  const invsrc_options *host;
  int32_t outcome, result;

  if (!service || now < 0 || now > INVSRC_TIME_LIMIT)
    return ivs_drive_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  host = &service->options;
  result = ivs_drive_check(service, ivs_check_operation.needs, error);
  if (result != INVSRC_OK) return result;
  if (!host->prober.probe) return ivs_drive_fail(error, INVSRC_ESTATE, "no prober is set");
  outcome = ivs_host_now(service, &self.start);
  self.moves = now == 0;
  if (self.moves && outcome != INVSRC_OUTCOME_OK)
    return ivs_drive_fail(error, result_of(outcome), "the clock cannot be read");
  if (self.moves) self.now = self.start;
  if (outcome != INVSRC_OUTCOME_OK) self.start = INT64_MAX;
  outcome = host->prober.probe(host->prober_context, &self.probes);
  if (self.result == INVSRC_OK && outcome != INVSRC_OUTCOME_OK) self.result = result_of(outcome);
  end_run(&self);
  if (self.result == INVSRC_OK) return INVSRC_OK;
  return ivs_drive_fail(error, self.result, invsrc_strerror(self.result));
}
