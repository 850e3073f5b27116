/*
 * What every store must do with updates and removals: write what they say, only where nobody
 * else has written, and give back what was sealed.
 */
#include <stdio.h>
#include <string.h>

#include "testkit/checks.h"
#include "testkit/store_steps.h"

/* ---- Updates -------------------------------------------------------------------- */

static int never_changes(int32_t field) {
  return field == INVSRC_SOURCE_STATUS || invsrc_source_field_part(field) == 0;
}

/* Changes every field that an update may change, the consent's state to one of its own; but for
 * the status, which is one of few. */
static void change_fields(ivs_trial *trial, invsrc_source *source, int64_t number,
                          const char *text) {
  char state[64];

  if (trial->is_over) return;
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    if (never_changes(field)) continue;
    if (invsrc_source_field_kind(field) == 'N')
      invsrc_source_set_number(source, field, number);
    else
      ivs_trial_set(trial, source, field, text);
  }
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  invsrc_source_set_number(source, INVSRC_SOURCE_CREDENTIAL_PROVEN, number & 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_UNREACHABLE, number & 1);
  snprintf(state, sizeof state, "state %d of %s", (int)number,
           invsrc_source_text(source, INVSRC_SOURCE_ID, NULL));
  ivs_trial_set(trial, source, INVSRC_SOURCE_OAUTH_STATE, state);
}

/* Writes the parts of `from` over `to`, as an update must. */
static void lay_over(ivs_trial *trial, invsrc_source *to, const invsrc_source *from,
                     uint32_t parts) {
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    if (!(parts & invsrc_source_field_part(field))) continue;
    if (invsrc_source_field_kind(field) == 'N')
      invsrc_source_set_number(to, field, invsrc_source_number(from, field));
    else
      ivs_trial_set(trial, to, field, invsrc_source_text(from, field, NULL));
  }
}

/* Each combination writes its parts, and no more. */
void ivs_check_parts(ivs_trial *trial) {
  for (uint32_t parts = 0; parts <= IVS_EVERY_PART; parts++) {
    int seals = (parts & INVSRC_PART_SEALED) != 0;
    invsrc_source *old, *fresh;
    char id[16];

    snprintf(id, sizeof id, "40%u", (unsigned)parts);
    old = ivs_trial_sample(trial, "acme", id, id);
    change_fields(trial, old, 4, "old é");
    invsrc_source_set_number(old, INVSRC_SOURCE_REVISION, 7);
    fresh = ivs_trial_sample(trial, "acme", id, id);
    change_fields(trial, fresh, 9, "new 東京");
    ivs_insert(HERE, old, "sealed old", NULL, INVSRC_OUTCOME_OK);
    ivs_update(HERE,
               &(ivs_change){.source = fresh,
                             .revision = 7,
                             .parts = parts,
                             .sealed = "sealed new",
                             .replaced = seals ? "sealed old" : ""},
               INVSRC_OUTCOME_OK);
    lay_over(trial, old, fresh, parts);
    ivs_expect_source(HERE, old, seals ? "sealed new" : "sealed old");
  }
}

/* What a source has no more is absent, and can come again. */
void ivs_check_absence(ivs_trial *trial) {
  invsrc_source *source = ivs_trial_sample(trial, "acme", "a", "4100");
  ivs_change change = {.source = source, .revision = 1, .parts = IVS_EVERY_PART};

  ivs_trial_set(trial, source, INVSRC_SOURCE_DESCRIPTION, "described");
  ivs_trial_set(trial, source, INVSRC_SOURCE_LAST_ERROR, "the agent answered 401");
  ivs_insert(HERE, source, "sealed 1", NULL, INVSRC_OUTCOME_OK);
  ivs_trial_set(trial, source, INVSRC_SOURCE_DESCRIPTION, NULL);
  ivs_trial_set(trial, source, INVSRC_SOURCE_LAST_ERROR, NULL);
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  change.replaced = "sealed 1";
  ivs_update(HERE, &change, INVSRC_OUTCOME_OK);
  ivs_expect_source(HERE, source, NULL);
  ivs_trial_set(trial, source, INVSRC_SOURCE_DESCRIPTION, "");
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 1);
  change.sealed = "sealed 2";
  change.replaced = "";
  ivs_update(HERE, &change, INVSRC_OUTCOME_OK);
  ivs_expect_source(HERE, source, "sealed 2");
}

/* ---- Revisions --------------------------------------------------------------------- */

/* Only whoever has seen the revision that is stored may write, and a loser changes nothing. */
void ivs_check_revisions(ivs_trial *trial) {
  invsrc_source *before = ivs_trial_sample(trial, "acme", "4200", "4200");
  invsrc_source *source = ivs_trial_sample(trial, "acme", "4200", "4200");
  invsrc_source *nobody = ivs_trial_sample(trial, "acme", "4200", "4201");
  ivs_change lost = {.source = source,
                     .parts = IVS_EVERY_PART,
                     .sealed = "x",
                     .event_id = "evt_lost",
                     .replaced = ""};

  ivs_insert(HERE, before, "sealed 4200", NULL, INVSRC_OUTCOME_OK);
  ivs_trial_set(trial, source, INVSRC_SOURCE_NAME, "Another name");
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, 2);
  invsrc_source_set_number(source, INVSRC_SOURCE_ATTEMPTS, 3);
  for (lost.revision = 0; lost.revision < 4; lost.revision++)
    if (lost.revision != 1) ivs_update(HERE, &lost, INVSRC_OUTCOME_CONFLICT);
  ivs_expect_source(HERE, before, "sealed 4200");
  ivs_expect_no_event(HERE);
  /* Without the record the revision stays: the next may write with it too, and then no more. */
  ivs_update_parts(HERE, source, 1, INVSRC_PART_CHECK, INVSRC_OUTCOME_OK);
  ivs_update_parts(HERE, source, 1, INVSRC_PART_CHECK, INVSRC_OUTCOME_OK);
  lay_over(trial, before, source, INVSRC_PART_CHECK);
  ivs_expect_source(HERE, before, "sealed 4200");
  ivs_update_parts(HERE, source, 1, INVSRC_PART_RECORD, INVSRC_OUTCOME_OK);
  ivs_update_parts(HERE, source, 1, INVSRC_PART_CHECK, INVSRC_OUTCOME_CONFLICT);
  ivs_update_parts(HERE, source, 2, INVSRC_PART_CHECK, INVSRC_OUTCOME_OK);
  lost.source = nobody;
  lost.revision = 2;
  ivs_update(HERE, &lost, INVSRC_OUTCOME_NOT_FOUND);
  ivs_expect_no_event(HERE);
}

/* ---- Removal ------------------------------------------------------------------------ */

void ivs_check_removal(ivs_trial *trial) {
  invsrc_source *bare = ivs_trial_sample(trial, "acme", "bare", "4302");

  invsrc_source_set_number(bare, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  ivs_insert_due(HERE, "acme", "4300", 5);
  ivs_insert_sample(HERE, "acme", "kept", "4301", INVSRC_OUTCOME_OK);
  ivs_insert(HERE, bare, NULL, NULL, INVSRC_OUTCOME_OK);
  ivs_remove(HERE, "4300", 1, "evt_gone", "sealed 4300", INVSRC_OUTCOME_OK);
  ivs_expect_stored(HERE, "acme", "4300", NULL);
  ivs_expect_stored(HERE, "acme", "kept", "4301");
  ivs_remove(HERE, "4300", 1, "evt_twice", "", INVSRC_OUTCOME_NOT_FOUND);
  ivs_remove(HERE, "", 1, NULL, NULL, INVSRC_OUTCOME_NOT_FOUND);
  ivs_remove(HERE, "4302", 1, NULL, "", INVSRC_OUTCOME_OK);
  ivs_expect_page(HERE, "acme", 0, 50, "4301", 1);
  ivs_expect_due(HERE, INT64_MAX - 1, INT64_MAX, 10, "");
  ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, "evt_gone", 0);
  ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, NULL, 0);
  /* Its name and its ids are free. */
  ivs_insert_sample(HERE, "acme", "4300", "4300", INVSRC_OUTCOME_OK);
  ivs_expect_stored(HERE, "acme", "4300", "4300");
}

/* Only whoever has seen what is stored may remove it. */
void ivs_check_late_removals(ivs_trial *trial) {
  invsrc_source *before = ivs_trial_source(trial);
  invsrc_source *change = ivs_trial_sample(trial, "acme", "5200", "5200");

  ivs_insert_due(HERE, "acme", "5200", 5);
  invsrc_source_set_number(change, INVSRC_SOURCE_REVISION, 2);
  ivs_update_parts(HERE, change, 1, INVSRC_PART_RECORD, INVSRC_OUTCOME_OK);
  ivs_read(HERE, "acme", "5200", before);
  for (uint64_t revision = 0; revision < 5; revision++)
    if (revision != 2) ivs_remove(HERE, "5200", revision, "evt_late", "", INVSRC_OUTCOME_CONFLICT);
  ivs_remove(HERE, "5200", UINT64_MAX, NULL, NULL, INVSRC_OUTCOME_CONFLICT);
  ivs_expect_source(HERE, before, "sealed 5200");
  ivs_expect_no_event(HERE);
  ivs_remove(HERE, "5200", 2, "evt_gone", "sealed 5200", INVSRC_OUTCOME_OK);
  ivs_remove(HERE, "5200", 2, "evt_late", NULL, INVSRC_OUTCOME_NOT_FOUND);
  ivs_remove(HERE, "5200", 1, "evt_late", NULL, INVSRC_OUTCOME_NOT_FOUND);
  ivs_expect_event(HERE, INT64_MAX - 1, INT64_MAX, "evt_gone", 0);
  ivs_expect_event(HERE, INT64_MAX - 1, INT64_MAX, NULL, 0);
  ivs_expect_page(HERE, "acme", 0, 50, "", 0);
}
