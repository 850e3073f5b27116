/*
 * What every store must do that many threads use at once: of those who want the same, one gets
 * it. The workers leave the trial alone, and tell of what they saw when they have ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testkit/checks.h"
#include "testkit/store_steps.h"

#define WORKERS IVS_TRIAL_THREADS

/* ---- Names ----------------------------------------------------------------------- */

#define NAMES 40

struct racer {
  const ivs_trial *trial;
  int number;
  int32_t outcomes[NAMES];
  int ran_out; /* of memory, itself */
};

static const char *racer_id(char id[16], int name, int number) {
  snprintf(id, 16, "%d", 100000 + name * 100 + number);
  return id;
}

/* Wants each of the names. */
static void race(void *item) {
  struct racer *self = item;
  const ivs_trial *trial = self->trial;
  char name[24], id[16], sealed[32];

  for (int i = 0; i < NAMES; i++) {
    invsrc_source *source;

    snprintf(name, sizeof name, "race-%d", i);
    ivs_sample_sealed(sealed, sizeof sealed, racer_id(id, i, self->number));
    source = ivs_sample_source("acme", name, id);
    if (source)
      self->outcomes[i] = trial->store.insert(trial->context, source, sealed, strlen(sealed), NULL);
    self->ran_out |= !source;
    invsrc_source_free(source);
  }
}

/* A name has one winner, and is its. */
static void judge_race(ivs_trial *trial, const struct racer *racers, int name_number) {
  int winners = 0, winner = 0;
  char name[24], id[16];

  snprintf(name, sizeof name, "race-%d", name_number);
  if (!ivs_trial_step(trial, "insert of acme/%s in %d threads", name, WORKERS)) return;
  for (int i = 0; i < WORKERS; i++) {
    int32_t outcome = racers[i].outcomes[name_number];

    if (outcome == INVSRC_OUTCOME_OK) {
      winner = i;
      winners++;
    } else {
      ivs_trial_outcome(trial, outcome, INVSRC_OUTCOME_CONFLICT);
    }
  }
  ivs_trial_number(trial, "the number of winners", winners, 1);
  ivs_expect_stored(HERE, "acme", name, racer_id(id, name_number, winner));
}

void ivs_check_races(ivs_trial *trial) {
  struct racer racers[WORKERS];

  for (int i = 0; i < WORKERS; i++) racers[i] = (struct racer){.trial = trial, .number = i};
  ivs_trial_run_threads(HERE, race, racers, sizeof *racers);
  for (int i = 0; i < WORKERS; i++)
    if (racers[i].ran_out) ivs_trial_end_without_memory(trial);
  for (int i = 0; i < NAMES; i++) judge_race(HERE, racers, i);
}

/* ---- Claims ----------------------------------------------------------------------- */

#define SOURCES 300
#define EVENTS 100
#define FIRST_SOURCE 700000

/* Claims sources, or events. */
struct claimer {
  const ivs_trial *trial;
  uint64_t limit;
  int count;           /* of what there is to claim */
  int claims[SOURCES]; /* how often each was claimed */
  int strangers;       /* claims of what there is not */
  int32_t outcome;     /* the last one */
  int ran_out;         /* of memory, itself */
};

static void count_claim(struct claimer *self, const char *id, int first) {
  long number = id ? strtol(id, NULL, 10) : -1;

  if (number >= first && number < first + self->count)
    self->claims[number - first]++;
  else
    self->strangers++;
}

/* Claims a portion of what is due. Returns how many. */
static uint64_t claim_some(struct claimer *self) {
  invsrc_source_list *list = invsrc_source_list_new();
  uint64_t count = 0;

  self->outcome = INVSRC_OUTCOME_UNAVAILABLE;
  self->ran_out |= !list;
  if (list) self->outcome = self->trial->store.due(self->trial->context, 10, 20, self->limit, list);
  if (self->outcome == INVSRC_OUTCOME_OK) count = invsrc_source_list_count(list);
  for (uint64_t i = 0; i < count; i++)
    count_claim(self, invsrc_source_text(invsrc_source_list_at(list, i), INVSRC_SOURCE_ID, NULL),
                FIRST_SOURCE);
  invsrc_source_list_free(list);
  return count;
}

/* Claims all that is due; and not for ever, where a store gives out the same over and over. */
static void claim_sources(void *item) {
  for (int i = 0; i <= SOURCES; i++)
    if (!claim_some(item)) return;
}

static void claim_events(void *item) {
  struct claimer *self = item;
  const ivs_trial *trial = self->trial;

  for (int i = 0; i <= EVENTS; i++) {
    invsrc_event *event = invsrc_event_new();
    const char *id;

    self->outcome = INVSRC_OUTCOME_UNAVAILABLE;
    self->ran_out |= !event;
    if (event)
      self->outcome = trial->store.event_next(trial->context, IVS_LATER(0), IVS_LATER(10), event);
    id = invsrc_event_text(event, INVSRC_EVENT_ID, NULL);
    if (self->outcome == INVSRC_OUTCOME_OK) count_claim(self, id && *id ? id + 1 : NULL, 0);
    invsrc_event_free(event);
    if (self->outcome != INVSRC_OUTCOME_OK) return;
  }
}

/* Each of so many was claimed once, and each claimer came to the end. */
static void run_claimers(ivs_trial *trial, void (*claim)(void *item), int count, const char *what,
                         int32_t last_outcome) {
  struct claimer claimers[WORKERS];

  for (int i = 0; i < WORKERS; i++)
    claimers[i] = (struct claimer){.trial = trial, .limit = (uint64_t)i + 1, .count = count};
  ivs_trial_run_threads(trial, claim, claimers, sizeof *claimers);
  for (int i = 0; i < WORKERS; i++)
    if (claimers[i].ran_out) ivs_trial_end_without_memory(trial);
  if (!ivs_trial_step(trial, "%s in %d threads", what, WORKERS)) return;
  for (int i = 0; i < count; i++) {
    int claims = 0;

    for (int j = 0; j < WORKERS; j++) claims += claimers[j].claims[i];
    if (claims != 1) ivs_trial_fail(trial, "number %d was claimed %d times", i, claims);
  }
  for (int i = 0; i < WORKERS; i++) {
    ivs_trial_number(trial, "the number of claims of what there is not", claimers[i].strangers, 0);
    ivs_trial_outcome(trial, claimers[i].outcome, last_outcome);
  }
}

void ivs_check_claims(ivs_trial *trial) {
  char id[16];

  for (int i = 0; i < SOURCES; i++) {
    snprintf(id, sizeof id, "%d", FIRST_SOURCE + i);
    ivs_insert_due(HERE, "acme", id, 1 + i % 10);
  }
  run_claimers(HERE, claim_sources, SOURCES, "due", INVSRC_OUTCOME_OK);
}

void ivs_check_event_claims(ivs_trial *trial) {
  invsrc_source *source = ivs_trial_sample(trial, "acme", "6300", "6300");
  ivs_change change = {.source = source, .revision = 1, .parts = INVSRC_PART_CHECK};
  char id[16];

  ivs_insert(HERE, source, "sealed", NULL, INVSRC_OUTCOME_OK);
  change.event_id = id;
  for (int i = 0; i < EVENTS; i++) {
    snprintf(id, sizeof id, "e%d", i);
    ivs_update(HERE, &change, INVSRC_OUTCOME_OK);
  }
  run_claimers(HERE, claim_events, EVENTS, "event_next", INVSRC_OUTCOME_NOT_FOUND);
}

/* ---- Revisions ---------------------------------------------------------------------- */

#define ROUNDS 25

struct changer {
  const ivs_trial *trial;
  int updates;
  int losses;
  int ran_out; /* of memory, itself */
};

/* Reads the source and writes it as the next revision. Returns whether it could. */
static int32_t change_once(const ivs_trial *trial, invsrc_source *source, invsrc_buffer *buffer) {
  int32_t outcome = trial->store.get(trial->context, "acme", 4, "changed", 7, source, buffer);
  int64_t revision = invsrc_source_number(source, INVSRC_SOURCE_REVISION);

  if (outcome != INVSRC_OUTCOME_OK) return outcome;
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, revision + 1);
  return trial->store.update(trial->context, source, (uint64_t)revision, 0, INVSRC_PART_RECORD,
                             NULL, 0, NULL, buffer);
}

/* Over and over: each must have seen what the last one wrote. */
static void change_often(void *item) {
  struct changer *self = item;

  for (int i = 0; i < ROUNDS; i++) {
    invsrc_source *source = invsrc_source_new();
    invsrc_buffer *buffer = invsrc_buffer_new();
    int32_t outcome = 0;

    self->ran_out |= !source || !buffer;
    if (source && buffer) outcome = change_once(self->trial, source, buffer);
    self->updates += outcome == INVSRC_OUTCOME_OK;
    self->losses += outcome == INVSRC_OUTCOME_CONFLICT;
    invsrc_source_free(source);
    invsrc_buffer_free(buffer);
  }
}

void ivs_check_changers(ivs_trial *trial) {
  invsrc_source *source = ivs_trial_source(trial);
  struct changer changers[WORKERS];
  int updates = 0, losses = 0;

  ivs_insert_sample(HERE, "acme", "changed", "6200", INVSRC_OUTCOME_OK);
  for (int i = 0; i < WORKERS; i++) changers[i] = (struct changer){.trial = trial};
  ivs_trial_run_threads(HERE, change_often, changers, sizeof *changers);
  for (int i = 0; i < WORKERS; i++) {
    updates += changers[i].updates;
    losses += changers[i].losses;
    if (changers[i].ran_out) ivs_trial_end_without_memory(trial);
  }
  ivs_read(HERE, "acme", "changed", source);
  if (!ivs_trial_step(HERE, "update in %d threads", WORKERS)) return;
  ivs_trial_number(trial, "the number of updates that came to OK or CONFLICT", updates + losses,
                   WORKERS * ROUNDS);
  if (updates == 0) ivs_trial_fail(trial, "none of %d updates came to OK", WORKERS * ROUNDS);
  ivs_trial_number(trial, "revision", invsrc_source_number(source, INVSRC_SOURCE_REVISION),
                   1 + updates);
}
