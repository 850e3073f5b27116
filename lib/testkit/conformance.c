/*
 * Runs the checks of a suite, one after another, and tells of each. Knows no check.
 */
#include <string.h>

#include "core/table.h"
#include "testkit/checks.h"

#define MANY_DEFAULT 600
#define MANY_MOST 1000000

int32_t ivs_describe(ivs_trial *trial, const invsrc_conformance *description) {
  invsrc_conformance *ours = &trial->description;

  /* It begins as a table does: with its size, a word, and functions. */
  if (!description || ivs_table_copy(ours, sizeof *ours, description,
                                     IVS_TABLE_UP_TO(invsrc_conformance, close)) != INVSRC_OK)
    return INVSRC_EINVAL;
  if (ours->traits & ~(uint32_t)INVSRC_CONFORMANCE_THREADS || ours->many > MANY_MOST)
    return INVSRC_EINVAL;
  if (!ours->many) ours->many = MANY_DEFAULT;
  return INVSRC_OK;
}

/* Why a check cannot be run, or NULL. */
static const char *reason_to_skip(const ivs_trial *trial, uint32_t needs) {
  const struct {
    uint32_t need;
    int is_met;
    const char *reason;
  } cases[] = {
      {IVS_NEEDS_EVENTS, trial->store.event_next != NULL, "the store keeps no events"},
      {IVS_NEEDS_FIND, trial->store.find != NULL, "the store has no find"},
      {IVS_NEEDS_REOPEN, trial->description.reopen != NULL, "there is no way to reopen it"},
      {IVS_NEEDS_THREADS, (trial->description.traits & INVSRC_CONFORMANCE_THREADS) != 0,
       "it is not said to be for many threads"},
      {IVS_NEEDS_INSERT_ALL, trial->store.insert_all != NULL, "the store has no insert_all"},
  };

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if ((needs & cases[i].need) && !cases[i].is_met) return cases[i].reason;
  return NULL;
}

static void tell(const ivs_trial *trial, int32_t result, const char *name, const char *message) {
  const invsrc_conformance_check check = {sizeof check, result, name, message};

  if (trial->description.hear) trial->description.hear(trial->description.host, &check);
}

/* Returns 1 where it failed, 0 where it did not, or INVSRC_ENOMEM. */
static int32_t run_check(const ivs_trial *model, const ivs_check *check) {
  const char *reason = reason_to_skip(model, check->needs);
  ivs_trial trial = *model;

  if (reason) {
    tell(&trial, INVSRC_CONFORMANCE_SKIPPED, check->name, reason);
    return 0;
  }
  ivs_trial_at(&trial, __FILE__, __LINE__);
  ivs_trial_open(&trial);
  if (!trial.is_over) check->run(&trial);
  ivs_trial_close(&trial);
  ivs_trial_end_possessions(&trial);
  if (trial.is_out_of_memory) return INVSRC_ENOMEM;
  tell(&trial, trial.is_over ? INVSRC_CONFORMANCE_FAILED : INVSRC_CONFORMANCE_PASSED, check->name,
       trial.message);
  return trial.is_over;
}

int32_t ivs_run_checks(const ivs_trial *model, const ivs_check *checks, size_t count) {
  const char *only = model->description.only;
  int32_t failures = 0, found = 0;

  for (size_t i = 0; i < count; i++) {
    int32_t result;

    if (only && !strstr(checks[i].name, only)) continue;
    found = 1;
    result = run_check(model, &checks[i]);
    if (result < 0) return result;
    failures += result;
  }
  return found ? failures : INVSRC_ENOTFOUND;
}
