/*
 * One check of a suite as it runs: the store on trial, and what went wrong first. From then on
 * each step of the check does nothing, so that a check is a list of steps, and comes to its end
 * whatever the store does. Knows the tables of stores, and not what they must do.
 *
 * Each step takes the trial as HERE, which remembers the line for the message.
 */
#ifndef IVS_TESTKIT_TRIAL_H
#define IVS_TESTKIT_TRIAL_H

#include <invsrc/testkit.h>
#include <stddef.h>

#include "core/error.h"

typedef struct ivs_possession ivs_possession;

typedef struct ivs_trial {
  invsrc_store_vtable store;     /* what it has not is NULL */
  invsrc_clients_vtable clients; /* of these two one is on trial */
  invsrc_conformance description;
  void *context;
  int is_open;
  int is_over; /* it failed, or memory ran out */
  int is_out_of_memory;
  const char *file; /* where the step is */
  int line;
  char step[200];    /* what it does */
  char message[600]; /* what went wrong first */
  ivs_possession *possessions;
} ivs_trial;

#define HERE ivs_trial_at(trial, __FILE__, __LINE__)

ivs_trial *ivs_trial_at(ivs_trial *trial, const char *file, int line);
/* Begins a step, with what it does. Returns 0 where the trial is over: then it does nothing. */
int ivs_trial_step(ivs_trial *trial, const char *format, ...) IVS_PRINTF(2, 3);
/* The step went wrong so; it ends the trial. */
void ivs_trial_fail(ivs_trial *trial, const char *format, ...) IVS_PRINTF(2, 3);
void ivs_trial_end_without_memory(ivs_trial *trial);

/* What belongs to the trial and ends with it; NULL where memory ran out, which ends the trial:
 * all functions of sources take it. An empty source, a sample, and bytes that are all 0. */
invsrc_source *ivs_trial_source(ivs_trial *trial);
invsrc_source *ivs_trial_sample(ivs_trial *trial, const char *storefront, const char *source_id,
                                const char *id);
void *ivs_trial_bytes(ivs_trial *trial, size_t size);
void ivs_trial_end_possessions(ivs_trial *trial);
/* Sets a text of a source of the trial's; NULL takes it away. */
void ivs_trial_set(ivs_trial *trial, invsrc_source *source, int32_t field, const char *text);

/* What a step saw must be what was expected, or it has gone wrong. Return whether it was. */
int ivs_trial_outcome(ivs_trial *trial, int32_t seen, int32_t expected);
int ivs_trial_number(ivs_trial *trial, const char *what, int64_t seen, int64_t expected);
int ivs_trial_text(ivs_trial *trial, const char *what, const char *seen, const char *expected);
int ivs_trial_same_bytes(ivs_trial *trial, const char *what, const void *seen, uint64_t length,
                         const void *expected, uint64_t expected_length);
int ivs_trial_same_source(ivs_trial *trial, const invsrc_source *seen,
                          const invsrc_source *expected);

/* Begins, and ends, the store of a check. */
void ivs_trial_open(ivs_trial *trial);
void ivs_trial_reopen(ivs_trial *trial);
void ivs_trial_close(ivs_trial *trial);

#define IVS_TRIAL_THREADS 8

/* Runs `work` on each of IVS_TRIAL_THREADS items of `size` bytes, all at once, in threads. They
 * must leave the trial alone but for its table and its context. */
void ivs_trial_run_threads(ivs_trial *trial, void (*work)(void *item), void *items, size_t size);

#endif
