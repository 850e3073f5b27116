/*
 * What every store must do with what is due, sources and events: give it out in its order, once
 * in a lease; and with a change and its event: both or neither.
 */
#include <stdio.h>
#include <string.h>

#include "testkit/checks.h"
#include "testkit/store_steps.h"

/* ---- Sources that are due --------------------------------------------------------- */

void ivs_check_due(ivs_trial *trial) {
  invsrc_source *source = ivs_trial_sample(trial, "acme", "54", "54");

  ivs_insert_due(HERE, "acme", "51", 300);
  ivs_insert_due(HERE, "other", "52", 100);
  ivs_insert_due(HERE, "acme", "53", 200);
  ivs_insert_due(HERE, "acme", "54", 0);
  ivs_insert_due(HERE, "other", "55", 200);
  ivs_insert_due(HERE, "acme", "56", 1);
  ivs_expect_due(HERE, 0, 1000, 10, "");
  ivs_expect_due(HERE, 1, 1000, 10, "56");
  ivs_expect_due(HERE, 99, 1000, 10, "");
  ivs_expect_due(HERE, 250, 1001, 2, "52 53");
  ivs_expect_due(HERE, 250, 1002, 0, "");
  ivs_expect_due(HERE, 250, 1002, 2, "55");
  ivs_expect_due(HERE, 299, 1002, 2, "");
  ivs_expect_due(HERE, 300, 1003, UINT64_MAX, "51");
  ivs_expect_due(HERE, 999, 2000, 10, "");
  ivs_expect_due(HERE, 1001, 2000, 10, "56 52 53"); /* the leases have ended */
  /* A check says when the next one is, or that there is none. */
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, 1500);
  ivs_update_parts(HERE, source, 1, INVSRC_PART_CHECK, INVSRC_OUTCOME_OK);
  ivs_expect_due(HERE, 1500, 3000, 10, "55 51 54");
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, 0);
  ivs_update_parts(HERE, source, 1, INVSRC_PART_CHECK, INVSRC_OUTCOME_OK);
  ivs_expect_due(HERE, INT64_MAX - 1, INT64_MAX, 10, "52 53 56 51 55");
}

/* Nothing comes of a claim that is not the one under which the source is now. */
static void try_other_claims(ivs_trial *trial, const invsrc_source *result) {
  static const int64_t others[] = {20, 29, 31, 1, -1, INT64_MAX};
  ivs_change late = {
      .source = result, .revision = 1, .sealed = "late", .event_id = "evt_late", .replaced = ""};

  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    late.lease_end = others[i];
    for (late.parts = 0; late.parts <= IVS_EVERY_PART; late.parts++)
      ivs_update(trial, &late, INVSRC_OUTCOME_CONFLICT);
  }
  late.parts = IVS_EVERY_PART;
  late.lease_end = 30;
  late.revision = 2;
  ivs_update(trial, &late, INVSRC_OUTCOME_CONFLICT);
}

/* What comes of a check whose lease has ended is nobody's, since another has claimed the
 * source; and so it is once that one has written. */
void ivs_check_late_results(ivs_trial *trial) {
  invsrc_source *before = ivs_trial_source(trial);
  invsrc_source *result = ivs_trial_sample(trial, "acme", "5100", "5100");
  ivs_change change = {
      .source = result, .revision = 1, .lease_end = 30, .parts = INVSRC_PART_CHECK};

  ivs_trial_set(trial, result, INVSRC_SOURCE_NAME, "Another name");
  ivs_trial_set(trial, result, INVSRC_SOURCE_STATUS, "ACTIVE");
  invsrc_source_set_number(result, INVSRC_SOURCE_ATTEMPTS, 3);
  ivs_insert_due(HERE, "acme", "5100", 5);
  ivs_expect_due(HERE, 10, 20, 10, "5100");
  ivs_expect_due(HERE, 20, 30, 10, "5100");
  ivs_read(HERE, "acme", "5100", before);
  if (ivs_trial_step(HERE, "get of acme/5100"))
    ivs_trial_number(trial, "nextCheckAt",
                     invsrc_source_number(before, INVSRC_SOURCE_NEXT_CHECK_AT), 30);
  try_other_claims(HERE, result);
  ivs_expect_source(HERE, before, "sealed 5100");
  ivs_expect_no_event(HERE);
  invsrc_source_set_number(result, INVSRC_SOURCE_NEXT_CHECK_AT, 0);
  ivs_update(HERE, &change, INVSRC_OUTCOME_OK);
  change.event_id = "evt_late";
  ivs_update(HERE, &change, INVSRC_OUTCOME_CONFLICT);
  ivs_update_parts(HERE, result, 1, INVSRC_PART_CHECK, INVSRC_OUTCOME_OK);
  ivs_remove(HERE, "5100", 1, NULL, NULL, INVSRC_OUTCOME_OK);
  change.parts = IVS_EVERY_PART;
  change.sealed = "x";
  ivs_update(HERE, &change, INVSRC_OUTCOME_NOT_FOUND);
  ivs_expect_no_event(HERE);
}

/* ---- Events ------------------------------------------------------------------------- */

/* Keeps an event with a check that changes nothing. */
static void keep_event(ivs_trial *trial, const invsrc_source *source, const char *event_id) {
  ivs_update(trial,
             &(ivs_change){
                 .source = source, .revision = 1, .parts = INVSRC_PART_CHECK, .event_id = event_id},
             INVSRC_OUTCOME_OK);
}

void ivs_check_events(ivs_trial *trial) {
  invsrc_source *source = ivs_trial_sample(trial, "acme", "6000", "6000");

  ivs_expect_no_event(HERE);
  ivs_insert(HERE, source, "sealed", "evt_3", INVSRC_OUTCOME_OK);
  keep_event(HERE, source, "evt_1");
  keep_event(HERE, source, NULL);
  ivs_remove(HERE, "6000", 1, "evt_2", NULL, INVSRC_OUTCOME_OK);
  /* From their time on, in the order in which they were kept, each once in a lease. */
  ivs_expect_event(HERE, IVS_LATER(-1), INT64_MAX, NULL, 0);
  ivs_expect_event(HERE, IVS_LATER(0), IVS_LATER(100), "evt_3", 0);
  ivs_expect_event(HERE, IVS_LATER(0), IVS_LATER(90), "evt_1", 0);
  ivs_expect_event(HERE, IVS_LATER(0), IVS_LATER(100), "evt_2", 0);
  ivs_expect_event(HERE, IVS_LATER(89), IVS_LATER(200), NULL, 0);
  ivs_expect_event(HERE, IVS_LATER(90), IVS_LATER(200), "evt_1", 0);
  ivs_expect_event(HERE, IVS_LATER(100), IVS_LATER(200), "evt_3", 0);
  ivs_end_event(HERE, "evt_3", 0);
  ivs_end_event(HERE, "evt_2", IVS_LATER(500));
  ivs_end_event(HERE, "evt_1", IVS_LATER(400));
  ivs_expect_event(HERE, IVS_LATER(399), IVS_LATER(600), NULL, 0);
  ivs_expect_event(HERE, IVS_LATER(500), IVS_LATER(600), "evt_1", 1);
  ivs_end_event(HERE, "evt_1", IVS_LATER(500));
  ivs_expect_event(HERE, IVS_LATER(500), IVS_LATER(600), "evt_1", 2);
  ivs_expect_event(HERE, IVS_LATER(500), IVS_LATER(600), "evt_2", 1);
  ivs_end_event(HERE, "evt_1", 0);
  ivs_end_event(HERE, "evt_1", 0);
  ivs_end_event(HERE, "evt_1", IVS_LATER(700));
  ivs_end_event(HERE, "evt_", 0);
  ivs_end_event(HERE, "", 0);
  ivs_expect_event(HERE, INT64_MAX, INT64_MAX, "evt_2", 1);
  ivs_end_event(HERE, "evt_2", 0);
  ivs_expect_no_event(HERE);
}

/* The one that has been due longest comes first, though it was kept last. */
void ivs_check_event_order(ivs_trial *trial) {
  invsrc_source *source = ivs_trial_sample(trial, "acme", "6050", "6050");
  char id[16];

  ivs_insert(HERE, source, "sealed", "evt_0", INVSRC_OUTCOME_OK);
  for (int i = 1; i <= 30; i++) {
    snprintf(id, sizeof id, "evt_%d", i);
    keep_event(HERE, source, id);
    if (i % 3) ivs_end_event(HERE, id, IVS_LATER(-1 - i * 7 % 31)); /* no two alike */
  }
  for (int rank = 31; rank >= 1; rank--) {
    for (int i = 1; i <= 30; i++) {
      if (i % 3 == 0 || i * 7 % 31 != rank) continue;
      snprintf(id, sizeof id, "evt_%d", i);
      ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, id, 1);
    }
  }
  ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, "evt_0", 0);
  for (int i = 3; i <= 30; i += 3) {
    snprintf(id, sizeof id, "evt_%d", i);
    ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, id, 0);
  }
  ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, NULL, 0);
}

#define LONG_PAYLOAD 65536

/* Inserts a source with the event; claims it, which must come back as it was. */
static void pass_event(ivs_trial *trial, const invsrc_source *source, const invsrc_event *event) {
  invsrc_event *back = invsrc_event_new();
  uint64_t length, expected_length;
  const char *payload, *expected;

  if (!back) ivs_trial_end_without_memory(trial);
  if (ivs_trial_step(trial, "insert with a long event"))
    ivs_trial_outcome(trial, trial->store.insert(trial->context, source, "sealed", 6, event),
                      INVSRC_OUTCOME_OK);
  if (ivs_trial_step(trial, "event_next of a long event"))
    ivs_trial_outcome(trial,
                      trial->store.event_next(trial->context, IVS_LATER(0), IVS_LATER(1), back),
                      INVSRC_OUTCOME_OK);
  payload = invsrc_event_text(back, INVSRC_EVENT_PAYLOAD, &length);
  expected = invsrc_event_text(event, INVSRC_EVENT_PAYLOAD, &expected_length);
  ivs_trial_same_bytes(trial, "payload", payload, length, expected, expected_length);
  invsrc_event_free(back);
}

/* The payload is as long as it can be. */
void ivs_check_long_events(ivs_trial *trial) {
  invsrc_source *source = ivs_trial_sample(trial, "acme", "6070", "6070");
  invsrc_event *event = ivs_sample_event("evt_long");
  char *payload = ivs_trial_bytes(trial, LONG_PAYLOAD);

  if (payload) memset(payload, ' ', LONG_PAYLOAD);
  if (!event || !payload ||
      invsrc_event_set_text(event, INVSRC_EVENT_PAYLOAD, payload, LONG_PAYLOAD) != INVSRC_OK)
    ivs_trial_end_without_memory(trial);
  pass_event(HERE, source, event);
  invsrc_event_free(event);
}

/* Where the event cannot be kept, for its id exists, the change does not happen. */
void ivs_check_all_or_nothing(ivs_trial *trial) {
  invsrc_source *before = ivs_trial_sample(trial, "acme", "6100", "6100");
  invsrc_source *source = ivs_trial_sample(trial, "acme", "6100", "6100");
  invsrc_source *late = ivs_trial_sample(trial, "acme", "late", "6101");

  ivs_insert(HERE, before, "sealed", "evt_taken", INVSRC_OUTCOME_OK);
  ivs_trial_set(trial, source, INVSRC_SOURCE_NAME, "Another name");
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, 1);
  ivs_update(HERE,
             &(ivs_change){.source = source,
                           .revision = 1,
                           .parts = IVS_EVERY_PART,
                           .sealed = "other",
                           .event_id = "evt_taken"},
             INVSRC_OUTCOME_FAILED);
  ivs_remove(HERE, "6100", 1, "evt_taken", NULL, INVSRC_OUTCOME_FAILED);
  invsrc_source_set_number(late, INVSRC_SOURCE_NEXT_CHECK_AT, 1);
  ivs_insert(HERE, late, "sealed", "evt_taken", INVSRC_OUTCOME_FAILED);
  ivs_expect_source(HERE, before, "sealed");
  ivs_expect_page(HERE, "acme", 0, 50, "6100", 1);
  ivs_expect_due(HERE, INT64_MAX - 1, INT64_MAX, 10, "");
  /* Nor does a change that is lost leave an event. */
  ivs_insert(HERE, source, "sealed", "evt_lost", INVSRC_OUTCOME_CONFLICT);
  ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, "evt_taken", 0);
  ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, NULL, 0);
  ivs_insert(HERE, late, "sealed", "evt_free", INVSRC_OUTCOME_OK);
  ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, "evt_free", 0);
}
