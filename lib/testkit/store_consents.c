/*
 * What every store must do that finds sources by their agent and by the consent under way.
 */
#include <stdio.h>

#include "testkit/checks.h"
#include "testkit/store_steps.h"

#define AGENT INVSRC_SOURCE_AGENT_ID
#define STATE INVSRC_SOURCE_OAUTH_STATE

/* Inserts a source that awaits consent; NULL: it does not. */
static void insert_consent(ivs_trial *trial, const char *storefront, const char *id,
                           const char *consent, int32_t expected) {
  invsrc_source *source = ivs_trial_sample(trial, storefront, id, id);

  ivs_trial_set(trial, source, STATE, consent);
  ivs_insert(trial, source, "sealed", NULL, expected);
}

/* Gives a source another consent; NULL: none. */
static void update_consent(ivs_trial *trial, const char *id, const char *consent,
                           const char *event_id, int32_t expected) {
  invsrc_source *source = ivs_trial_sample(trial, "-", "-", id);

  ivs_trial_set(trial, source, STATE, consent);
  ivs_update(
      trial,
      &(ivs_change){
          .source = source, .revision = 1, .parts = INVSRC_PART_RECORD, .event_id = event_id},
      expected);
}

/* Nothing is found by another field. */
static void refuse_other_fields(ivs_trial *trial) {
  static const int32_t others[] = {INVSRC_SOURCE_ID,
                                   INVSRC_SOURCE_SOURCE_ID,
                                   INVSRC_SOURCE_NAME,
                                   INVSRC_SOURCE_REVISION,
                                   0,
                                   -1,
                                   INVSRC_SOURCE_FIELD_END};
  invsrc_source *source = ivs_trial_source(trial);
  invsrc_buffer *sealed = invsrc_buffer_new();

  if (!sealed) ivs_trial_end_without_memory(trial);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (ivs_trial_step(trial, "find by field %d", (int)others[i]))
      ivs_trial_outcome(trial,
                        trial->store.find(trial->context, others[i], "4400", 4, source, sealed),
                        INVSRC_OUTCOME_FAILED);
  invsrc_buffer_free(sealed);
}

/* Sources are found by what no two of them have alike, in whatever storefront. */
void ivs_check_finding(ivs_trial *trial) {
  ivs_expect_found(HERE, AGENT, "agent_4400", NULL, "");
  insert_consent(HERE, "acme", "4400", "one", INVSRC_OUTCOME_OK);
  insert_consent(HERE, "other", "4401", "two", INVSRC_OUTCOME_OK);
  insert_consent(HERE, "acme", "4402", NULL, INVSRC_OUTCOME_OK);
  ivs_expect_found(HERE, AGENT, "agent_4400", "4400", "sealed");
  ivs_expect_found(HERE, AGENT, "agent_4401", "4401", "sealed");
  ivs_expect_found(HERE, AGENT, "agent_4402", "4402", "sealed");
  ivs_expect_found(HERE, STATE, "one", "4400", "sealed");
  ivs_expect_found(HERE, STATE, "two", "4401", "sealed");
  ivs_expect_found(HERE, AGENT, "one", NULL, "");
  ivs_expect_found(HERE, STATE, "agent_4400", NULL, "");
  ivs_expect_found(HERE, STATE, "On", NULL, ""); /* its bytes, and all of them */
  ivs_expect_found(HERE, STATE, "One", NULL, "");
  ivs_expect_found(HERE, STATE, "one ", NULL, "");
  ivs_expect_found(HERE, STATE, "", NULL, "");
  ivs_expect_found(HERE, AGENT, "", NULL, "");
  refuse_other_fields(HERE);
  ivs_remove(HERE, "4401", 1, NULL, NULL, INVSRC_OUTCOME_OK);
  ivs_expect_found(HERE, STATE, "two", NULL, "");
  ivs_expect_found(HERE, AGENT, "agent_4401", NULL, "");
  ivs_expect_found(HERE, STATE, "one", "4400", "sealed");
}

/* A consent is found as long as it is under way, and is one source's. */
void ivs_check_consents(ivs_trial *trial) {
  insert_consent(HERE, "acme", "4500", "one", INVSRC_OUTCOME_OK);
  insert_consent(HERE, "other", "4501", "one", INVSRC_OUTCOME_DUPLICATE);
  ivs_expect_stored(HERE, "other", "4501", NULL);
  insert_consent(HERE, "other", "4501", "two", INVSRC_OUTCOME_OK);
  insert_consent(HERE, "acme", "4502", NULL, INVSRC_OUTCOME_OK);
  insert_consent(HERE, "acme", "4503", NULL, INVSRC_OUTCOME_OK);
  update_consent(HERE, "4502", "one", "evt_lost", INVSRC_OUTCOME_FAILED);
  update_consent(HERE, "4501", "one", "evt_lost", INVSRC_OUTCOME_FAILED);
  ivs_expect_no_event(HERE);
  ivs_expect_found(HERE, STATE, "one", "4500", "sealed");
  ivs_expect_found(HERE, STATE, "two", "4501", "sealed");
  /* It may stay, be another's turn, or come to an end. */
  update_consent(HERE, "4500", "one", NULL, INVSRC_OUTCOME_OK);
  ivs_expect_found(HERE, STATE, "one", "4500", "sealed");
  update_consent(HERE, "4500", "three", "evt_three", INVSRC_OUTCOME_OK);
  ivs_expect_found(HERE, STATE, "one", NULL, "");
  ivs_expect_found(HERE, STATE, "three", "4500", "sealed");
  update_consent(HERE, "4502", "one", NULL, INVSRC_OUTCOME_OK);
  ivs_expect_found(HERE, STATE, "one", "4502", "sealed");
  update_consent(HERE, "4500", NULL, NULL, INVSRC_OUTCOME_OK);
  ivs_expect_found(HERE, STATE, "three", NULL, "");
  ivs_remove(HERE, "4502", 1, NULL, NULL, INVSRC_OUTCOME_OK);
  insert_consent(HERE, "acme", "4502", "one", INVSRC_OUTCOME_OK);
  ivs_expect_found(HERE, STATE, "one", "4502", "sealed");
}

/* A change that is taken back, since its event exists, changes no consent either. */
void ivs_check_lost_consents(ivs_trial *trial) {
  insert_consent(HERE, "acme", "4511", "two", INVSRC_OUTCOME_OK);
  insert_consent(HERE, "acme", "4512", "one", INVSRC_OUTCOME_OK);
  insert_consent(HERE, "acme", "4513", NULL, INVSRC_OUTCOME_OK);
  update_consent(HERE, "4511", "two", "evt_three", INVSRC_OUTCOME_OK);
  update_consent(HERE, "4511", "four", "evt_three", INVSRC_OUTCOME_FAILED);
  update_consent(HERE, "4512", NULL, "evt_three", INVSRC_OUTCOME_FAILED);
  update_consent(HERE, "4513", "four", "evt_three", INVSRC_OUTCOME_FAILED);
  ivs_expect_found(HERE, STATE, "four", NULL, "");
  ivs_expect_found(HERE, STATE, "two", "4511", "sealed");
  ivs_expect_found(HERE, STATE, "one", "4512", "sealed");
  update_consent(HERE, "4513", "four", NULL, INVSRC_OUTCOME_OK);
  ivs_expect_found(HERE, STATE, "four", "4513", "sealed");
}

/* Consents that come, go and change in any order. */
void ivs_check_many_consents(ivs_trial *trial) {
  enum { CONSENTS = 20, CHANGES = 400 };
  int now[CONSENTS] = {0}; /* the number of its consent; 0: none */
  char id[16], consent[16];
  uint32_t bits = 1;

  for (int i = 0; i < CONSENTS; i++) {
    snprintf(id, sizeof id, "%d", 4600 + i);
    insert_consent(HERE, "acme", id, NULL, INVSRC_OUTCOME_OK);
  }
  for (int i = 1; i <= CHANGES && !trial->is_over; i++) {
    int which, old;
    bits = bits * UINT32_C(1664525) + UINT32_C(1013904223);
    which = (int)(bits >> 20) % CONSENTS;
    old = now[which];
    now[which] = bits & 0x1000 ? i : 0;
    snprintf(id, sizeof id, "%d", 4600 + which);
    snprintf(consent, sizeof consent, "state %d", i * 7919 % CHANGES + 1);
    update_consent(HERE, id, now[which] ? consent : NULL, NULL, INVSRC_OUTCOME_OK);
    snprintf(consent, sizeof consent, "state %d", old * 7919 % CHANGES + 1);
    if (old) ivs_expect_found(HERE, STATE, consent, NULL, "");
    for (int j = 0; j < CONSENTS; j++) {
      snprintf(id, sizeof id, "%d", 4600 + j);
      snprintf(consent, sizeof consent, "state %d", now[j] * 7919 % CHANGES + 1);
      if (now[j]) ivs_expect_found(HERE, STATE, consent, id, "sealed");
    }
  }
}
