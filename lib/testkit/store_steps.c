/*
 * See store_steps.h.
 */
#include "testkit/store_steps.h"

#include <stdio.h>
#include <string.h>

#define SEALED_SIZE 64
#define IDS_SIZE 1024

/* ---- Answers ------------------------------------------------------------------- */

/* What a function of the store fills. */
struct answer {
  invsrc_source *source;
  invsrc_buffer *sealed;
};

static int begin_answer(ivs_trial *trial, struct answer *answer) {
  *answer = (struct answer){invsrc_source_new(), invsrc_buffer_new()};
  if (answer->source && answer->sealed) return 1;
  ivs_trial_end_without_memory(trial);
  return 0;
}

static void end_answer(struct answer *answer) {
  invsrc_source_free(answer->source);
  invsrc_buffer_free(answer->sealed);
}

static int sealed_is(ivs_trial *trial, const struct answer *answer, const void *sealed,
                     uint64_t length) {
  uint64_t seen_length;
  const void *seen = invsrc_buffer_bytes(answer->sealed, &seen_length);

  return ivs_trial_same_bytes(trial, "what was sealed", seen, seen_length, sealed, length);
}

static uint64_t length_of(const char *text) {
  return text ? strlen(text) : 0;
}

/* Whether a buffer holds this text and no more. */
static int buffer_is(ivs_trial *trial, const char *what, const invsrc_buffer *buffer,
                     const char *text) {
  uint64_t length;
  const char *seen = invsrc_buffer_bytes(buffer, &length);

  return ivs_trial_text(trial, what, seen, text) &&
         ivs_trial_same_bytes(trial, what, seen, length, text, strlen(text));
}

/* Whether there is an event, or there need be none. */
static int make_event(ivs_trial *trial, const char *id, invsrc_event **event) {
  *event = NULL;
  if (!id || !trial->store.event_next || trial->is_over) return 1;
  *event = ivs_sample_event(id);
  if (!*event) ivs_trial_end_without_memory(trial);
  return *event != NULL;
}

/* ---- Insert ------------------------------------------------------------------------ */

void ivs_insert(ivs_trial *trial, const invsrc_source *source, const char *sealed,
                const char *event_id, int32_t expected) {
  invsrc_event *event;

  if (!make_event(trial, event_id, &event)) return;
  if (ivs_trial_step(trial, "insert of %s as %s/%s",
                     invsrc_source_text(source, INVSRC_SOURCE_ID, NULL),
                     invsrc_source_text(source, INVSRC_SOURCE_STOREFRONT, NULL),
                     invsrc_source_text(source, INVSRC_SOURCE_SOURCE_ID, NULL)))
    ivs_trial_outcome(trial,
                      trial->store.insert(trial->context, source, sealed, length_of(sealed), event),
                      expected);
  invsrc_event_free(event);
}

void ivs_insert_bytes(ivs_trial *trial, const invsrc_source *source, const void *sealed,
                      uint64_t length) {
  if (ivs_trial_step(trial, "insert"))
    ivs_trial_outcome(trial, trial->store.insert(trial->context, source, sealed, length, NULL),
                      INVSRC_OUTCOME_OK);
}

static void insert_one(ivs_trial *trial, const char *storefront, const char *source_id,
                       const char *id, int64_t next_check_at, int32_t expected) {
  char sealed[SEALED_SIZE];
  invsrc_source *source;

  if (trial->is_over) return;
  source = ivs_sample_source(storefront, source_id, id);
  if (!source) {
    ivs_trial_end_without_memory(trial);
    return;
  }
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, next_check_at);
  ivs_sample_sealed(sealed, sizeof sealed, id);
  ivs_insert(trial, source, sealed, NULL, expected);
  invsrc_source_free(source);
}

void ivs_insert_sample(ivs_trial *trial, const char *storefront, const char *source_id,
                       const char *id, int32_t expected) {
  insert_one(trial, storefront, source_id, id, 0, expected);
}

void ivs_insert_due(ivs_trial *trial, const char *storefront, const char *id,
                    int64_t next_check_at) {
  insert_one(trial, storefront, id, id, next_check_at, INVSRC_OUTCOME_OK);
}

/* ---- Get ----------------------------------------------------------------------------- */

static int get_is(ivs_trial *trial, const char *storefront, const char *source_id,
                  const struct answer *answer, int32_t expected) {
  int32_t outcome = trial->store.get(trial->context, storefront, strlen(storefront), source_id,
                                     strlen(source_id), answer->source, answer->sealed);

  return ivs_trial_outcome(trial, outcome, expected);
}

/* Whether a source is of this name, so that it can be read again. */
static int name_is(ivs_trial *trial, const char *storefront, const char *source_id,
                   const invsrc_source *source) {
  return ivs_trial_text(trial, "storefront",
                        invsrc_source_text(source, INVSRC_SOURCE_STOREFRONT, NULL), storefront) &&
         ivs_trial_text(trial, "sourceId",
                        invsrc_source_text(source, INVSRC_SOURCE_SOURCE_ID, NULL), source_id);
}

void ivs_read(ivs_trial *trial, const char *storefront, const char *source_id,
              invsrc_source *source) {
  struct answer answer;

  if (!ivs_trial_step(trial, "get of %s/%s", storefront, source_id)) return;
  if (begin_answer(trial, &answer) &&
      get_is(trial, storefront, source_id, &answer, INVSRC_OUTCOME_OK) &&
      name_is(trial, storefront, source_id, answer.source) &&
      invsrc_source_copy(source, answer.source) != INVSRC_OK)
    ivs_trial_end_without_memory(trial);
  end_answer(&answer);
}

void ivs_expect_stored(ivs_trial *trial, const char *storefront, const char *source_id,
                       const char *id) {
  char agent_id[SEALED_SIZE], sealed[SEALED_SIZE];
  struct answer answer;

  if (!ivs_trial_step(trial, "get of %s/%s", storefront, source_id)) return;
  if (begin_answer(trial, &answer) &&
      get_is(trial, storefront, source_id, &answer,
             id ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_FOUND) &&
      id) {
    snprintf(agent_id, sizeof agent_id, "agent_%s", id);
    ivs_sample_sealed(sealed, sizeof sealed, id);
    ivs_trial_text(trial, "id", invsrc_source_text(answer.source, INVSRC_SOURCE_ID, NULL), id);
    ivs_trial_text(trial, "agentId",
                   invsrc_source_text(answer.source, INVSRC_SOURCE_AGENT_ID, NULL), agent_id);
    buffer_is(trial, "what was sealed", answer.sealed, sealed);
  }
  end_answer(&answer);
}

void ivs_expect_whole(ivs_trial *trial, const invsrc_source *source, const void *sealed,
                      uint64_t length) {
  const char *storefront = invsrc_source_text(source, INVSRC_SOURCE_STOREFRONT, NULL);
  const char *source_id = invsrc_source_text(source, INVSRC_SOURCE_SOURCE_ID, NULL);
  struct answer answer;

  if (!ivs_trial_step(trial, "get of %s/%s", storefront, source_id)) return;
  if (begin_answer(trial, &answer) &&
      get_is(trial, storefront, source_id, &answer, INVSRC_OUTCOME_OK) &&
      ivs_trial_same_source(trial, answer.source, source))
    sealed_is(trial, &answer, sealed, length);
  end_answer(&answer);
}

void ivs_expect_source(ivs_trial *trial, const invsrc_source *source, const char *sealed) {
  ivs_expect_whole(trial, source, sealed, length_of(sealed));
}

/* ---- Find ------------------------------------------------------------------------------ */

static int find_is(ivs_trial *trial, int32_t field, const char *value, const struct answer *answer,
                   int32_t expected) {
  int32_t outcome = trial->store.find(trial->context, field, value, strlen(value), answer->source,
                                      answer->sealed);

  return ivs_trial_outcome(trial, outcome, expected);
}

void ivs_expect_found(ivs_trial *trial, int32_t field, const char *value, const char *id,
                      const char *sealed) {
  struct answer answer;

  if (!trial->store.find ||
      !ivs_trial_step(trial, "find of %s '%s'", invsrc_source_field_name(field), value))
    return;
  if (begin_answer(trial, &answer) &&
      find_is(trial, field, value, &answer, id ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_FOUND) &&
      id)
    ivs_trial_text(trial, "id", invsrc_source_text(answer.source, INVSRC_SOURCE_ID, NULL), id);
  buffer_is(trial, "what was sealed", answer.sealed, sealed);
  end_answer(&answer);
}

void ivs_expect_whole_found(ivs_trial *trial, int32_t field, const invsrc_source *source,
                            const void *sealed, uint64_t length) {
  const char *value = invsrc_source_text(source, field, NULL);
  struct answer answer;

  if (!trial->store.find || !ivs_trial_step(trial, "find of %s", invsrc_source_field_name(field)))
    return;
  if (begin_answer(trial, &answer) && find_is(trial, field, value, &answer, INVSRC_OUTCOME_OK) &&
      ivs_trial_same_source(trial, answer.source, source))
    sealed_is(trial, &answer, sealed, length);
  end_answer(&answer);
}

/* ---- Update and remove ------------------------------------------------------------------ */

/* Puts what was sealed before into `replaced`. */
static int update_is(ivs_trial *trial, const ivs_change *change, const invsrc_event *event,
                     invsrc_buffer *replaced, int32_t expected) {
  int32_t outcome = trial->store.update(trial->context, change->source, change->revision,
                                        change->lease_end, change->parts, change->sealed,
                                        length_of(change->sealed), event, replaced);

  return ivs_trial_outcome(trial, outcome, expected);
}

void ivs_update(ivs_trial *trial, const ivs_change *change, int32_t expected) {
  invsrc_buffer *replaced;
  invsrc_event *event;

  if (!ivs_trial_step(trial, "update of %s, revision %llu, parts %u, lease %lld",
                      invsrc_source_text(change->source, INVSRC_SOURCE_ID, NULL),
                      (unsigned long long)change->revision, (unsigned)change->parts,
                      (long long)change->lease_end) ||
      !make_event(trial, change->event_id, &event))
    return;
  replaced = invsrc_buffer_new();
  if (!replaced)
    ivs_trial_end_without_memory(trial);
  else if (update_is(trial, change, event, replaced, expected) && change->replaced)
    buffer_is(trial, "what was replaced", replaced, change->replaced);
  invsrc_buffer_free(replaced);
  invsrc_event_free(event);
}

void ivs_update_parts(ivs_trial *trial, const invsrc_source *source, uint64_t revision,
                      uint32_t parts, int32_t expected) {
  ivs_update(trial, &(ivs_change){.source = source, .revision = revision, .parts = parts},
             expected);
}

static int remove_is(ivs_trial *trial, const invsrc_source *source, uint64_t revision,
                     const invsrc_event *event, invsrc_buffer *removed, int32_t expected) {
  return ivs_trial_outcome(
      trial, trial->store.remove(trial->context, source, revision, event, removed), expected);
}

void ivs_remove(ivs_trial *trial, const char *id, uint64_t revision, const char *event_id,
                const char *removed, int32_t expected) {
  invsrc_source *source;
  invsrc_buffer *given;
  invsrc_event *event;

  if (!ivs_trial_step(trial, "remove of %s, revision %llu", id, (unsigned long long)revision) ||
      !make_event(trial, event_id, &event))
    return;
  source = ivs_sample_source("-", "-", id);
  given = invsrc_buffer_new();
  if (!source || !given)
    ivs_trial_end_without_memory(trial);
  else if (remove_is(trial, source, revision, event, given, expected) && removed)
    buffer_is(trial, "what was sealed", given, removed);
  invsrc_source_free(source);
  invsrc_buffer_free(given);
  invsrc_event_free(event);
}

/* ---- Lists and claims --------------------------------------------------------------------- */

static void ids_are(ivs_trial *trial, const invsrc_source_list *list, const char *expected) {
  char ids[IDS_SIZE];

  ivs_sample_ids(list, ids, sizeof ids);
  ivs_trial_text(trial, "the list of ids", ids, expected);
}

void ivs_expect_page(ivs_trial *trial, const char *storefront, uint64_t skip, uint64_t take,
                     const char *ids, uint64_t total) {
  uint64_t seen = UINT64_MAX;
  invsrc_source_list *list;
  int32_t outcome;

  if (!ivs_trial_step(trial, "list of %s, skip %llu, take %llu", storefront,
                      (unsigned long long)skip, (unsigned long long)take))
    return;
  list = invsrc_source_list_new();
  if (!list) {
    ivs_trial_end_without_memory(trial);
    return;
  }
  outcome =
      trial->store.list(trial->context, storefront, strlen(storefront), skip, take, list, &seen);
  if (ivs_trial_outcome(trial, outcome, INVSRC_OUTCOME_OK)) {
    ids_are(trial, list, ids);
    ivs_trial_number(trial, "total", (int64_t)seen, (int64_t)total);
  }
  invsrc_source_list_free(list);
}

/* It was claimed whole. */
static void claim_is_whole(ivs_trial *trial, const invsrc_source_list *list, uint64_t index,
                           int64_t lease_end) {
  const invsrc_source *source = invsrc_source_list_at(list, index);
  const char *id = invsrc_source_text(source, INVSRC_SOURCE_ID, NULL);
  char expected[SEALED_SIZE];
  uint64_t length;
  const void *sealed = invsrc_source_list_sealed(list, index, &length);

  ivs_sample_sealed(expected, sizeof expected, id ? id : "?");
  ivs_trial_same_bytes(trial, "what was sealed", sealed, length, expected, strlen(expected));
  ivs_trial_number(trial, "nextCheckAt", invsrc_source_number(source, INVSRC_SOURCE_NEXT_CHECK_AT),
                   lease_end);
  ivs_trial_number(trial, "revision", invsrc_source_number(source, INVSRC_SOURCE_REVISION), 1);
  ivs_trial_text(trial, "name", invsrc_source_text(source, INVSRC_SOURCE_NAME, NULL), "A name");
}

void ivs_expect_due(ivs_trial *trial, int64_t now, int64_t lease_end, uint64_t limit,
                    const char *ids) {
  invsrc_source_list *list;

  if (!ivs_trial_step(trial, "due at %lld, lease to %lld, limit %llu", (long long)now,
                      (long long)lease_end, (unsigned long long)limit))
    return;
  list = invsrc_source_list_new();
  if (!list) {
    ivs_trial_end_without_memory(trial);
    return;
  }
  if (ivs_trial_outcome(trial, trial->store.due(trial->context, now, lease_end, limit, list),
                        INVSRC_OUTCOME_OK)) {
    ids_are(trial, list, ids);
    for (uint64_t i = 0; i < invsrc_source_list_count(list) && !trial->is_over; i++)
      claim_is_whole(trial, list, i, lease_end);
  }
  invsrc_source_list_free(list);
}

/* ---- Events -------------------------------------------------------------------------------- */

static void event_is_whole(ivs_trial *trial, const invsrc_event *event,
                           const invsrc_event *expected) {
  static const char *const names[] = {[INVSRC_EVENT_ID] = "id",
                                      [INVSRC_EVENT_TYPE] = "type",
                                      [INVSRC_EVENT_STOREFRONT] = "storefront",
                                      [INVSRC_EVENT_TIME] = "time",
                                      [INVSRC_EVENT_PAYLOAD] = "payload",
                                      [INVSRC_EVENT_ATTEMPTS] = "attempts"};

  for (int32_t field = 1; field < INVSRC_EVENT_FIELD_END && !trial->is_over; field++) {
    const char *text = invsrc_event_text(expected, field, NULL);

    if (text) ivs_trial_text(trial, names[field], invsrc_event_text(event, field, NULL), text);
    ivs_trial_number(trial, names[field], invsrc_event_number(event, field),
                     invsrc_event_number(expected, field));
  }
}

void ivs_expect_event(ivs_trial *trial, int64_t now, int64_t lease_end, const char *id,
                      int64_t attempts) {
  invsrc_event *event, *expected;

  if (!trial->store.event_next || !ivs_trial_step(trial, "event_next at %lld, lease to %lld",
                                                  (long long)now, (long long)lease_end))
    return;
  event = invsrc_event_new();
  expected = ivs_sample_event(id ? id : "");
  invsrc_event_set_number(expected, INVSRC_EVENT_ATTEMPTS, attempts);
  if (!event || !expected)
    ivs_trial_end_without_memory(trial);
  else if (ivs_trial_outcome(trial, trial->store.event_next(trial->context, now, lease_end, event),
                             id ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_FOUND) &&
           id)
    event_is_whole(trial, event, expected);
  invsrc_event_free(event);
  invsrc_event_free(expected);
}

void ivs_expect_no_event(ivs_trial *trial) {
  ivs_expect_event(trial, INT64_MAX, INT64_MAX, NULL, 0);
}

void ivs_end_event(ivs_trial *trial, const char *id, int64_t next_at) {
  if (!trial->store.event_end || !ivs_trial_step(trial, "event_end of '%s'", id)) return;
  ivs_trial_outcome(trial, trial->store.event_end(trial->context, id, strlen(id), next_at),
                    INVSRC_OUTCOME_OK);
}
