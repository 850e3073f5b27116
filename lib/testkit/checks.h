/*
 * The checks of the suites, each of which begins with an empty store.
 */
#ifndef IVS_TESTKIT_CHECKS_H
#define IVS_TESTKIT_CHECKS_H

#include <stddef.h>

#include "testkit/trial.h"

/* What a check needs of the table or of the description; without it, it is skipped. */
#define IVS_NEEDS_EVENTS 1u
#define IVS_NEEDS_FIND 2u
#define IVS_NEEDS_REOPEN 4u
#define IVS_NEEDS_THREADS 8u
#define IVS_NEEDS_INSERT_ALL 16u

typedef struct ivs_check {
  const char *name;
  void (*run)(ivs_trial *trial);
  uint32_t needs;
} ivs_check;

/* Runs the checks that the description asks for, each on a trial like `model`. The number of
 * failures, INVSRC_ENOTFOUND or INVSRC_ENOMEM. */
int32_t ivs_run_checks(const ivs_trial *model, const ivs_check *checks, size_t count);
/* Takes a description over into a trial. INVSRC_OK or INVSRC_EINVAL. */
int32_t ivs_describe(ivs_trial *trial, const invsrc_conformance *description);

/* store_records.c */
void ivs_check_empty(ivs_trial *trial);
void ivs_check_every_field(ivs_trial *trial);
void ivs_check_absent_fields(ivs_trial *trial);
void ivs_check_long_values(ivs_trial *trial);
void ivs_check_names(ivs_trial *trial);
void ivs_check_conflicts(ivs_trial *trial);
void ivs_check_together(ivs_trial *trial);
void ivs_check_lists(ivs_trial *trial);
void ivs_check_many(ivs_trial *trial);
void ivs_check_lasting(ivs_trial *trial);

/* store_changes.c */
void ivs_check_parts(ivs_trial *trial);
void ivs_check_absence(ivs_trial *trial);
void ivs_check_revisions(ivs_trial *trial);
void ivs_check_removal(ivs_trial *trial);
void ivs_check_late_removals(ivs_trial *trial);

/* store_consents.c */
void ivs_check_finding(ivs_trial *trial);
void ivs_check_consents(ivs_trial *trial);
void ivs_check_lost_consents(ivs_trial *trial);
void ivs_check_many_consents(ivs_trial *trial);

/* store_claims.c */
void ivs_check_due(ivs_trial *trial);
void ivs_check_late_results(ivs_trial *trial);
void ivs_check_events(ivs_trial *trial);
void ivs_check_event_order(ivs_trial *trial);
void ivs_check_long_events(ivs_trial *trial);
void ivs_check_all_or_nothing(ivs_trial *trial);

/* store_threads.c */
void ivs_check_races(ivs_trial *trial);
void ivs_check_claims(ivs_trial *trial);
void ivs_check_event_claims(ivs_trial *trial);
void ivs_check_changers(ivs_trial *trial);

#endif
