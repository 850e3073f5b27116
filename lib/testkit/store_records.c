/*
 * What every store must do with records: keep them whole, each name once, and in order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testkit/checks.h"
#include "testkit/store_steps.h"

/* The longest text that a field takes. */
#define LONGEST_TEXT 65536
#define MANY_BYTES (1 << 20)

/* ---- Fields -------------------------------------------------------------------- */

void ivs_check_empty(ivs_trial *trial) {
  ivs_expect_page(HERE, "acme", 0, 50, "", 0);
  ivs_expect_stored(HERE, "acme", "name", NULL);
  ivs_expect_due(HERE, INT64_MAX - 1, INT64_MAX, 10, "");
  ivs_remove(HERE, "1", 1, NULL, "", INVSRC_OUTCOME_NOT_FOUND);
  ivs_expect_found(HERE, INVSRC_SOURCE_AGENT_ID, "agent_1", NULL, "");
  ivs_expect_no_event(HERE);
  ivs_end_event(HERE, "evt_1", 0);
}

/* Sets every field to a value of its own, texts with what a database could take for its own. */
static void fill_fields(ivs_trial *trial, invsrc_source *source) {
  static const struct {
    int32_t field;
    int64_t number;
  } numbers[] = {
      {INVSRC_SOURCE_CREATED_AT, INT64_MAX},
      {INVSRC_SOURCE_UPDATED_AT, INT64_MIN},
      {INVSRC_SOURCE_REVISION, INT64_C(1) << 53 | 1}, /* more than a double has bits for */
      {INVSRC_SOURCE_ATTEMPTS, INT64_C(1) << 40},
      {INVSRC_SOURCE_LAST_CHECKED_AT, INT64_MAX - 1},
      {INVSRC_SOURCE_NEXT_CHECK_AT, INT64_MAX - 2},
      {INVSRC_SOURCE_CREDENTIAL_PROVEN, 1},
      {INVSRC_SOURCE_UNREACHABLE, 1},
      {INVSRC_SOURCE_OAUTH_EXPIRES_AT, INT64_MAX - 3},
      {INVSRC_SOURCE_OAUTH_REFRESH_AT, INT64_MAX - 4},
  };
  char text[48];

  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    if (invsrc_source_field_kind(field) != 'T' || field == INVSRC_SOURCE_STATUS) continue;
    if (field == INVSRC_SOURCE_STOREFRONT || field == INVSRC_SOURCE_SOURCE_ID) continue;
    snprintf(text, sizeof text, "%s: é 東京 😀 ' \" %% \\", invsrc_source_field_name(field));
    ivs_trial_set(trial, source, field, text);
  }
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    invsrc_source_set_number(source, numbers[i].field, numbers[i].number);
}

/* Every field that there is comes back as it went in, byte for byte, by whatever it is read. */
void ivs_check_every_field(ivs_trial *trial) {
  static const char bytes[] = "\0sealed\xff\0\x80 bytes\0";
  invsrc_source *source = ivs_trial_sample(trial, "acme", "every-field", "9223372036854775807");

  fill_fields(trial, source);
  ivs_insert_bytes(HERE, source, bytes, sizeof bytes);
  ivs_expect_whole(HERE, source, bytes, sizeof bytes);
  ivs_expect_whole_found(HERE, INVSRC_SOURCE_AGENT_ID, source, bytes, sizeof bytes);
  ivs_expect_whole_found(HERE, INVSRC_SOURCE_OAUTH_STATE, source, bytes, sizeof bytes);
}

/* What is not set is not there, unlike what is empty. */
void ivs_check_absent_fields(ivs_trial *trial) {
  invsrc_source *source = ivs_trial_sample(trial, "acme", "absent", "1001");

  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  ivs_trial_set(trial, source, INVSRC_SOURCE_DESCRIPTION, "");
  ivs_insert(HERE, source, NULL, NULL, INVSRC_OUTCOME_OK);
  ivs_expect_source(HERE, source, NULL);
}

/* The longest that a field can be, and a large sealed credential. */
void ivs_check_long_values(ivs_trial *trial) {
  invsrc_source *source = ivs_trial_sample(trial, "acme", "long", "1002");
  char *text = ivs_trial_bytes(trial, LONGEST_TEXT + 1);
  char *bytes = ivs_trial_bytes(trial, MANY_BYTES);

  if (trial->is_over) return;
  memset(text, 'x', LONGEST_TEXT);
  for (size_t i = 0; i < MANY_BYTES; i++) bytes[i] = (char)(i * 31 + i / 251);
  ivs_trial_set(trial, source, INVSRC_SOURCE_DESCRIPTION, text);
  ivs_insert_bytes(HERE, source, bytes, MANY_BYTES);
  ivs_expect_whole(HERE, source, bytes, MANY_BYTES);
}

/* ---- Names --------------------------------------------------------------------- */

/* A name is its bytes: no other case, no other normal form, no trimming. */
void ivs_check_names(ivs_trial *trial) {
  static const char *const names[] = {"name",  "Name",        "name ",        " name", "nam",
                                      "name2", "caf\xc3\xa9", "cafe\xcc\x81", "n%me",  "n_me"};
  char id[16];

  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(id, sizeof id, "20%02zu", i);
    ivs_expect_stored(HERE, "acme", names[i], NULL);
    ivs_insert_sample(HERE, "acme", names[i], id, INVSRC_OUTCOME_OK);
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(id, sizeof id, "20%02zu", i);
    ivs_expect_stored(HERE, "acme", names[i], id);
    ivs_expect_stored(HERE, "Acme", names[i], NULL);
    ivs_expect_stored(HERE, "acm", names[i], NULL);
    ivs_expect_stored(HERE, "", names[i], NULL);
  }
}

/* What is unique, where, and that a loser changes nothing. */
void ivs_check_conflicts(ivs_trial *trial) {
  invsrc_source *same_agent = ivs_trial_sample(trial, "acme", "same-agent", "3009");

  ivs_insert_sample(HERE, "acme", "taken", "3001", INVSRC_OUTCOME_OK);
  ivs_insert_sample(HERE, "acme", "taken", "3002", INVSRC_OUTCOME_CONFLICT);
  ivs_insert_sample(HERE, "acme", "taken", "3001", INVSRC_OUTCOME_CONFLICT);
  ivs_insert_sample(HERE, "acme", "free", "3001", INVSRC_OUTCOME_DUPLICATE);
  ivs_insert_sample(HERE, "other", "taken", "3001", INVSRC_OUTCOME_DUPLICATE);
  ivs_trial_set(trial, same_agent, INVSRC_SOURCE_AGENT_ID, "agent_3001");
  ivs_insert(HERE, same_agent, "sealed 3009", NULL, INVSRC_OUTCOME_DUPLICATE);
  ivs_expect_stored(HERE, "acme", "taken", "3001");
  ivs_expect_stored(HERE, "acme", "free", NULL);
  ivs_expect_stored(HERE, "acme", "same-agent", NULL);
  ivs_expect_stored(HERE, "other", "taken", NULL);
  /* The losers' ids are free, and so are their names. */
  ivs_insert_sample(HERE, "other", "taken", "3002", INVSRC_OUTCOME_OK);
  ivs_insert_sample(HERE, "acme", "free", "3003", INVSRC_OUTCOME_OK);
  ivs_trial_set(trial, same_agent, INVSRC_SOURCE_AGENT_ID, "agent_3009");
  ivs_insert(HERE, same_agent, "sealed 3009", NULL, INVSRC_OUTCOME_OK);
  ivs_expect_stored(HERE, "other", "taken", "3002");
  ivs_expect_stored(HERE, "acme", "same-agent", "3009");
}

/* ---- Several at a time ------------------------------------------------------------- */

/* Those that are inserted at a time, in their order, and what becomes of each. */
static const struct together {
  const char *source_id;
  const char *id;
  const char *event_id;
  int is_bare; /* nothing is sealed for it */
  int32_t expected;
} together[] = {
    {"z-first", "3201", "evt_1", 0, INVSRC_OUTCOME_OK},
    {"taken", "3202", "evt_2", 0, INVSRC_OUTCOME_CONFLICT},
    {"bare", "3203", NULL, 1, INVSRC_OUTCOME_OK},
    {"z-first", "3204", "evt_4", 0, INVSRC_OUTCOME_CONFLICT}, /* the first of these has it */
    {"same-id", "3201", "evt_5", 0, INVSRC_OUTCOME_DUPLICATE},
    {"a-last", "3206", NULL, 0, INVSRC_OUTCOME_OK},
};

#define TOGETHER (sizeof together / sizeof *together)

/* What is to be inserted. */
struct items {
  char sealed[TOGETHER][32];
  invsrc_source *sources[TOGETHER];
  invsrc_event *events[TOGETHER];
  invsrc_insertion insertions[TOGETHER];
  invsrc_insertion *pointers[TOGETHER];
};

static void make_items(ivs_trial *trial, struct items *items) {
  for (size_t i = 0; i < TOGETHER; i++) {
    const struct together *it = &together[i];
    int has_event = it->event_id && trial->store.event_next;

    items->sources[i] = ivs_trial_sample(trial, "acme", it->source_id, it->id);
    items->events[i] = has_event ? ivs_sample_event(it->event_id) : NULL;
    if (has_event && !items->events[i]) ivs_trial_end_without_memory(trial);
    ivs_sample_sealed(items->sealed[i], sizeof items->sealed[i], it->id);
    if (it->is_bare) invsrc_source_set_number(items->sources[i], INVSRC_SOURCE_AUTH_CONFIGURED, 0);
    items->insertions[i] = (invsrc_insertion){.size = sizeof items->insertions[i],
                                              .source = items->sources[i],
                                              .sealed = it->is_bare ? NULL : items->sealed[i],
                                              .length = it->is_bare ? 0 : strlen(items->sealed[i]),
                                              .event = items->events[i]};
    items->pointers[i] = &items->insertions[i];
  }
}

/* Each is as if it had been inserted by itself, whatever becomes of the others. */
void ivs_check_together(ivs_trial *trial) {
  struct items items;

  ivs_insert_sample(HERE, "acme", "taken", "3200", INVSRC_OUTCOME_OK);
  make_items(trial, &items);
  if (ivs_trial_step(HERE, "insert_all of %d", (int)TOGETHER))
    trial->store.insert_all(trial->context, items.pointers, TOGETHER);
  for (size_t i = 0; i < TOGETHER; i++)
    if (ivs_trial_step(HERE, "the outcome of %s, number %d of insert_all", together[i].source_id,
                       (int)i + 1))
      ivs_trial_outcome(trial, items.insertions[i].outcome, together[i].expected);
  ivs_expect_stored(HERE, "acme", "z-first", "3201");
  ivs_expect_stored(HERE, "acme", "taken", "3200");
  ivs_expect_source(HERE, items.sources[2], NULL);
  ivs_expect_stored(HERE, "acme", "same-id", NULL);
  ivs_expect_stored(HERE, "acme", "a-last", "3206");
  if (trial->store.event_next) {
    ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, "evt_1", 0);
    ivs_expect_event(HERE, IVS_LATER(0), INT64_MAX, NULL, 0);
  }
  if (ivs_trial_step(HERE, "insert_all of none"))
    trial->store.insert_all(trial->context, items.pointers, 0);
  ivs_expect_page(HERE, "acme", 0, 1, "3200", 4);
  for (size_t i = 0; i < TOGETHER; i++) invsrc_event_free(items.events[i]);
}

/* ---- Lists ---------------------------------------------------------------------- */

void ivs_check_lists(ivs_trial *trial) {
  static const char *const ids[] = {"19", "11", "17", "12", "15"};

  ivs_expect_page(HERE, "acme", 0, 50, "", 0);
  for (size_t i = 0; i < 5; i++) { /* two storefronts by turns, no id in order */
    char other[8];
    snprintf(other, sizeof other, "8%s", ids[i]);
    ivs_insert_sample(HERE, "acme", ids[i], ids[i], INVSRC_OUTCOME_OK);
    ivs_insert_sample(HERE, "other", ids[i], other, INVSRC_OUTCOME_OK);
  }
  ivs_expect_page(HERE, "acme", 0, 50, "19 11 17 12 15", 5);
  ivs_expect_page(HERE, "other", 0, 50, "819 811 817 812 815", 5);
  ivs_expect_page(HERE, "acm", 0, 50, "", 0);
  ivs_expect_page(HERE, "", 0, 50, "", 0);
  ivs_expect_page(HERE, "acme", 0, 2, "19 11", 5);
  ivs_expect_page(HERE, "acme", 2, 2, "17 12", 5);
  ivs_expect_page(HERE, "acme", 4, 2, "15", 5);
  ivs_expect_page(HERE, "acme", 5, 2, "", 5);
  ivs_expect_page(HERE, "acme", UINT64_MAX, 2, "", 5);
  ivs_expect_page(HERE, "acme", 3, UINT64_MAX, "12 15", 5);
  ivs_expect_page(HERE, "acme", 0, 0, "", 5);
  ivs_remove(HERE, "17", 1, NULL, NULL, INVSRC_OUTCOME_OK);
  ivs_remove(HERE, "15", 1, NULL, NULL, INVSRC_OUTCOME_OK);
  ivs_remove(HERE, "19", 1, NULL, NULL, INVSRC_OUTCOME_OK);
  ivs_expect_page(HERE, "acme", 0, 50, "11 12", 2);
  ivs_insert_sample(HERE, "acme", "19", "19", INVSRC_OUTCOME_OK);
  ivs_expect_page(HERE, "acme", 0, 50, "11 12 19", 3); /* it is new */
  ivs_expect_page(HERE, "acme", 2, 50, "19", 3);
  ivs_expect_page(HERE, "other", 0, 50, "819 811 817 812 815", 5);
}

/* ---- Many ------------------------------------------------------------------------- */

#define FIRST_OF_MANY 100000
/* Prime, so that its multiples are in another order, and each once: but for a multiple of it. */
#define STRIDE 7919

#define PAGE 50
#define PORTION 100

static const char *name_of_many(int64_t number, char id[32]) {
  snprintf(id, 32, "%lld", (long long)(FIRST_OF_MANY + number));
  return id;
}

/* Appends to the text the ids of some numbers. */
static void append_id(char *ids, size_t size, int64_t number) {
  size_t length = strlen(ids);
  char id[32];

  snprintf(ids + length, size - length, "%s%s", length ? " " : "", name_of_many(number, id));
}

/* Pages join without a gap: every third source is the other storefront's. */
static void read_pages(ivs_trial *trial, int64_t count) {
  uint64_t total = (uint64_t)(count - (count + 2) / 3), skip = 0;
  int64_t number = 0;

  do {
    char ids[PAGE * 16] = "";
    for (int i = 0; i < PAGE && number < count; number++) {
      if (number % 3 == 0) continue;
      append_id(ids, sizeof ids, number);
      i++;
    }
    ivs_expect_page(HERE, "acme", skip, PAGE, ids, total);
    skip += PAGE;
  } while (skip < total && !trial->is_over);
}

/* As many as a storefront may have: pages join without a gap, and what is due comes in its
 * order, in portions. */
void ivs_check_many(ivs_trial *trial) {
  int64_t count = (int64_t)trial->description.many;
  int64_t *by_time;
  char id[32];

  if (count % STRIDE == 0) count++;
  by_time = ivs_trial_bytes(trial, (size_t)count * sizeof *by_time);
  for (int64_t i = 0; i < count && !trial->is_over; i++) {
    ivs_insert_due(HERE, i % 3 ? "acme" : "other", name_of_many(i, id), 1 + i * STRIDE % count);
    by_time[i * STRIDE % count] = i;
  }
  read_pages(trial, count);
  for (int64_t at = 0; at < count && !trial->is_over;) {
    char ids[PORTION * 16] = "";
    for (int i = 0; i < PORTION && at < count; i++) append_id(ids, sizeof ids, by_time[at++]);
    ivs_expect_due(HERE, count, count + 1, PORTION, ids);
  }
  ivs_expect_due(HERE, count, count + 1, PORTION, "");
  for (int64_t i = 0; i < count && !trial->is_over; i++)
    ivs_remove(HERE, name_of_many(by_time[i], id), 1, NULL, NULL, INVSRC_OUTCOME_OK);
  ivs_expect_page(HERE, "acme", 0, PAGE, "", 0);
  ivs_expect_due(HERE, INT64_MAX - 1, INT64_MAX, PORTION, "");
}

/* ---- What lasts --------------------------------------------------------------------- */

/* What was stored, changed, claimed and removed is so when the store is opened again, and what
 * is unique still is. */
void ivs_check_lasting(ivs_trial *trial) {
  invsrc_source *source = ivs_trial_sample(trial, "acme", "kept", "1101");

  ivs_insert(HERE, source, "sealed 1101", "evt_1", INVSRC_OUTCOME_OK);
  ivs_insert_due(HERE, "acme", "1103", 5);
  ivs_insert_sample(HERE, "acme", "gone", "1102", INVSRC_OUTCOME_OK);
  ivs_trial_reopen(HERE);
  ivs_expect_source(HERE, source, "sealed 1101");
  ivs_expect_page(HERE, "acme", 0, 50, "1101 1103 1102", 3);
  ivs_insert_sample(HERE, "acme", "kept", "1104", INVSRC_OUTCOME_CONFLICT);
  ivs_insert_sample(HERE, "acme", "another", "1101", INVSRC_OUTCOME_DUPLICATE);
  ivs_trial_set(trial, source, INVSRC_SOURCE_NAME, "Another name");
  ivs_trial_set(trial, source, INVSRC_SOURCE_OAUTH_STATE, "a state");
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, 2);
  ivs_update(HERE,
             &(ivs_change){.source = source,
                           .revision = 1,
                           .parts = IVS_EVERY_PART,
                           .sealed = "sealed anew",
                           .replaced = "sealed 1101"},
             INVSRC_OUTCOME_OK);
  ivs_remove(HERE, "1102", 1, "evt_2", "sealed 1102", INVSRC_OUTCOME_OK);
  ivs_expect_due(HERE, 10, 20, 10, "1103");
  ivs_expect_event(HERE, IVS_LATER(0), IVS_LATER(10), "evt_1", 0);
  ivs_end_event(HERE, "evt_1", IVS_LATER(30));
  ivs_trial_reopen(HERE);
  ivs_expect_source(HERE, source, "sealed anew");
  ivs_expect_stored(HERE, "acme", "gone", NULL);
  ivs_expect_page(HERE, "acme", 0, 50, "1101 1103", 2);
  ivs_expect_found(HERE, INVSRC_SOURCE_OAUTH_STATE, "a state", "1101", "sealed anew");
  ivs_update_parts(HERE, source, 1, INVSRC_PART_CHECK, INVSRC_OUTCOME_CONFLICT);
  ivs_expect_due(HERE, 19, 30, 10, "");
  ivs_expect_due(HERE, 20, 30, 10, "1103");
  ivs_expect_event(HERE, IVS_LATER(0), IVS_LATER(100), "evt_2", 0);
  ivs_expect_event(HERE, IVS_LATER(29), IVS_LATER(100), NULL, 0);
  ivs_expect_event(HERE, IVS_LATER(30), IVS_LATER(100), "evt_1", 1);
}
