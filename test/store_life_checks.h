/*
 * What every store must do with sources that change: lists, updates, removal, what is due,
 * and events. Each check begins with an empty store. See store_checks.h.
 */
#ifndef TEST_STORE_LIFE_CHECKS_H
#define TEST_STORE_LIFE_CHECKS_H

#include "store_checks.h"

#define EVERY_PART (INVSRC_PART_RECORD | INVSRC_PART_CHECK | INVSRC_PART_SEALED)

/* ---- Calls -------------------------------------------------------------------- */

#define EVENT_TIME INT64_C(1767225600001)

static inline invsrc_event *make_event(const char *id) {
  static const char payload[] = "{\"é\":\"😀\"}";
  invsrc_event *event = invsrc_event_new();

  assert_non_null(event);
  invsrc_event_set_text(event, INVSRC_EVENT_ID, id, strlen(id));
  invsrc_event_set_text(event, INVSRC_EVENT_TYPE, "source.updated", 14);
  invsrc_event_set_text(event, INVSRC_EVENT_STOREFRONT, "acme", 4);
  invsrc_event_set_number(event, INVSRC_EVENT_TIME, EVENT_TIME);
  invsrc_event_set_text(event, INVSRC_EVENT_PAYLOAD, payload, strlen(payload));
  return event;
}

/* With an event of that id, or none. */
static inline int32_t insert_with(struct store store, const invsrc_source *source,
                                  const char *event_id) {
  invsrc_event *event = event_id ? make_event(event_id) : NULL;
  int32_t outcome = store.table->insert(store.context, source, "sealed", 6, event);

  invsrc_event_free(event);
  return outcome;
}

/* `sealed` and `replaced` as texts; what was not replaced is "". */
static inline int32_t update_claimed(struct store store, const invsrc_source *source,
                                     uint64_t revision, int64_t lease_end, uint32_t parts,
                                     const char *sealed, const char *event_id, char replaced[64]) {
  invsrc_event *event = event_id ? make_event(event_id) : NULL;
  invsrc_buffer *buffer = invsrc_buffer_new();
  int32_t outcome = store.table->update(store.context, source, revision, lease_end, parts, sealed,
                                        sealed ? strlen(sealed) : 0, event, buffer);

  if (replaced) snprintf(replaced, 64, "%s", (const char *)invsrc_buffer_bytes(buffer, NULL));
  invsrc_buffer_free(buffer);
  invsrc_event_free(event);
  return outcome;
}

/* Under no claim. */
static inline int32_t update_with(struct store store, const invsrc_source *source,
                                  uint64_t revision, uint32_t parts, const char *sealed,
                                  const char *event_id, char replaced[64]) {
  return update_claimed(store, source, revision, 0, parts, sealed, event_id, replaced);
}

static inline int32_t remove_revision(struct store store, const char *id, uint64_t revision,
                                      const char *event_id, char removed[64]) {
  invsrc_source *source = make_source("-", "-", id);
  invsrc_event *event = event_id ? make_event(event_id) : NULL;
  invsrc_buffer *buffer = invsrc_buffer_new();
  int32_t outcome = store.table->remove(store.context, source, revision, event, buffer);

  if (removed) snprintf(removed, 64, "%s", (const char *)invsrc_buffer_bytes(buffer, NULL));
  invsrc_source_free(source);
  invsrc_buffer_free(buffer);
  invsrc_event_free(event);
  return outcome;
}

/* One that nobody has changed. */
static inline int32_t remove_with(struct store store, const char *id, const char *event_id,
                                  char removed[64]) {
  return remove_revision(store, id, 1, event_id, removed);
}

static inline void insert_due(struct store store, const char *storefront, const char *id,
                              int64_t next_check_at) {
  invsrc_source *source = make_source(storefront, id, id);
  char sealed[64];

  snprintf(sealed, sizeof sealed, "sealed %s", id);
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, next_check_at);
  assert_int_equal(insert(store, source, sealed), INVSRC_OUTCOME_OK);
  invsrc_source_free(source);
}

/* ---- Expectations --------------------------------------------------------------- */

/* Writes the ids of a list as "1 2 3". */
static inline const char *ids_of(const invsrc_source_list *list) {
  static char ids[1024];
  size_t length = 0;

  ids[0] = '\0';
  for (uint64_t i = 0; i < invsrc_source_list_count(list); i++)
    length += (size_t)snprintf(
        ids + length, sizeof ids - length, "%s%s", i ? " " : "",
        invsrc_source_text(invsrc_source_list_at(list, i), INVSRC_SOURCE_ID, NULL));
  return ids;
}

static inline void assert_page(struct store store, const char *storefront, uint64_t skip,
                               uint64_t take, const char *ids, uint64_t total) {
  invsrc_source_list *list = invsrc_source_list_new();
  uint64_t found = UINT64_MAX;

  assert_int_equal(
      store.table->list(store.context, storefront, strlen(storefront), skip, take, list, &found),
      INVSRC_OUTCOME_OK);
  assert_string_equal(ids_of(list), ids);
  assert_int_equal(found, total);
  invsrc_source_list_free(list);
}

/* Claims, and holds what is claimed to be these, whole, under the lease. */
static inline void assert_due(struct store store, int64_t now, int64_t lease_end, uint64_t limit,
                              const char *ids) {
  invsrc_source_list *list = invsrc_source_list_new();

  assert_int_equal(store.table->due(store.context, now, lease_end, limit, list), INVSRC_OUTCOME_OK);
  assert_string_equal(ids_of(list), ids);
  for (uint64_t i = 0; i < invsrc_source_list_count(list); i++) {
    const invsrc_source *source = invsrc_source_list_at(list, i);
    char sealed[64];
    uint64_t length;
    const void *bytes = invsrc_source_list_sealed(list, i, &length);

    snprintf(sealed, sizeof sealed, "sealed %s",
             invsrc_source_text(source, INVSRC_SOURCE_ID, NULL));
    assert_int_equal(length, strlen(sealed));
    assert_memory_equal(bytes, sealed, length);
    assert_int_equal(invsrc_source_number(source, INVSRC_SOURCE_NEXT_CHECK_AT), lease_end);
    assert_int_equal(invsrc_source_number(source, INVSRC_SOURCE_REVISION), 1);
    assert_string_equal(invsrc_source_text(source, INVSRC_SOURCE_NAME, NULL), "A name");
  }
  invsrc_source_list_free(list);
}

/* Holds the next event to be this one, whole; NULL: none is due. */
static inline void assert_event(struct store store, int64_t now, int64_t lease_end, const char *id,
                                int64_t attempts) {
  invsrc_event *event = invsrc_event_new(), *wanted = make_event(id ? id : "");
  int32_t outcome = store.table->event_next(store.context, now, lease_end, event);

  assert_int_equal(outcome, id ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_FOUND);
  invsrc_event_set_number(wanted, INVSRC_EVENT_ATTEMPTS, attempts);
  for (int32_t field = 1; id && field < INVSRC_EVENT_FIELD_END; field++) {
    const char *text = invsrc_event_text(wanted, field, NULL);
    if (text) assert_string_equal(invsrc_event_text(event, field, NULL), text);
    assert_int_equal(invsrc_event_number(event, field), invsrc_event_number(wanted, field));
  }
  invsrc_event_free(event);
  invsrc_event_free(wanted);
}

static inline void end_event(struct store store, const char *id, int64_t next_at) {
  assert_int_equal(store.table->event_end(store.context, id, strlen(id), next_at),
                   INVSRC_OUTCOME_OK);
}

/* ---- Lists ------------------------------------------------------------------------ */

static inline void check_lists(struct store store) {
  static const char *const ids[] = {"19", "11", "17", "12", "15"};

  assert_page(store, "acme", 0, 50, "", 0);
  for (size_t i = 0; i < 5; i++) { /* two storefronts by turns, no id in order */
    char other[8];
    snprintf(other, sizeof other, "8%s", ids[i]);
    assert_int_equal(insert_new(store, "acme", ids[i], ids[i]), INVSRC_OUTCOME_OK);
    assert_int_equal(insert_new(store, "other", ids[i], other), INVSRC_OUTCOME_OK);
  }
  assert_page(store, "acme", 0, 50, "19 11 17 12 15", 5);
  assert_page(store, "other", 0, 50, "819 811 817 812 815", 5);
  assert_page(store, "acm", 0, 50, "", 0);
  assert_page(store, "", 0, 50, "", 0);
  assert_page(store, "acme", 0, 2, "19 11", 5);
  assert_page(store, "acme", 2, 2, "17 12", 5);
  assert_page(store, "acme", 4, 2, "15", 5);
  assert_page(store, "acme", 5, 2, "", 5);
  assert_page(store, "acme", UINT64_MAX, 2, "", 5);
  assert_page(store, "acme", 3, UINT64_MAX, "12 15", 5);
  assert_page(store, "acme", 0, 0, "", 5);
  assert_int_equal(remove_with(store, "17", NULL, NULL), INVSRC_OUTCOME_OK);
  assert_int_equal(remove_with(store, "15", NULL, NULL), INVSRC_OUTCOME_OK);
  assert_int_equal(remove_with(store, "19", NULL, NULL), INVSRC_OUTCOME_OK);
  assert_page(store, "acme", 0, 50, "11 12", 2);
  assert_int_equal(insert_new(store, "acme", "19", "19"), INVSRC_OUTCOME_OK);
  assert_page(store, "acme", 0, 50, "11 12 19", 3); /* it is new */
  assert_page(store, "acme", 2, 50, "19", 3);
  assert_page(store, "other", 0, 50, "819 811 817 812 815", 5);
}

/* As many as a storefront may have: pages join without a gap, and what is due comes in its
 * order, in portions. */
static inline void check_many(struct store store, int count) {
  invsrc_source_list *list;
  uint64_t total, number = 0;
  char id[16];

  for (int i = 0; i < count; i++) {
    snprintf(id, sizeof id, "%d", 100000 + i);
    insert_due(store, i % 3 ? "acme" : "other", id, 1 + (int64_t)i * 7919 % count);
  }
  for (uint64_t i = 0, skip = 0; skip < number || !skip; skip += 50) {
    list = invsrc_source_list_new();
    assert_int_equal(store.table->list(store.context, "acme", 4, skip, 50, list, &number),
                     INVSRC_OUTCOME_OK);
    for (uint64_t j = 0; j < invsrc_source_list_count(list); j++, i++) {
      snprintf(id, sizeof id, "%d", (int)(100000 + i / 2 * 3 + i % 2 + 1));
      assert_string_equal(
          invsrc_source_text(invsrc_source_list_at(list, j), INVSRC_SOURCE_ID, NULL), id);
    }
    invsrc_source_list_free(list);
    if (skip + 50 >= number) assert_int_equal(i, number);
  }
  total = 0;
  for (uint64_t claimed = 1; claimed; total += claimed) {
    list = invsrc_source_list_new();
    assert_int_equal(store.table->due(store.context, count, count + 1, 100, list),
                     INVSRC_OUTCOME_OK);
    claimed = invsrc_source_list_count(list);
    for (uint64_t i = 0; i < claimed; i++) {
      int64_t at = (int64_t)(total + i); /* was due at this, plus 1 */
      int k = atoi(invsrc_source_text(invsrc_source_list_at(list, i), INVSRC_SOURCE_ID, NULL));
      assert_int_equal((int64_t)(k - 100000) * 7919 % count, at);
    }
    invsrc_source_list_free(list);
  }
  assert_int_equal(total, count);
  for (int i = 0; i < count; i++) {
    snprintf(id, sizeof id, "%d", 100000 + (int)((int64_t)i * 7919 % count));
    assert_int_equal(remove_with(store, id, NULL, NULL), INVSRC_OUTCOME_OK);
  }
  assert_page(store, "acme", 0, 50, "", 0);
  assert_due(store, INT64_MAX - 1, INT64_MAX, 100, "");
}

/* ---- Updates ------------------------------------------------------------------------ */

/* Changes every field that an update may change, the consent's state to one of its own. */
static inline void change_fields(invsrc_source *source, int64_t number, const char *text) {
  char state[64];

  static const int32_t kept[] = {INVSRC_SOURCE_ID, INVSRC_SOURCE_SOURCE_ID, INVSRC_SOURCE_AGENT_ID,
                                 INVSRC_SOURCE_STOREFRONT, INVSRC_SOURCE_STATUS};

  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    int keeps = 0;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) keeps |= kept[i] == field;
    if (keeps) continue;
    if (invsrc_source_field_kind(field) == 'N')
      invsrc_source_set_number(source, field, number);
    else
      invsrc_source_set_text(source, field, text, text ? strlen(text) : 0);
  }
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  invsrc_source_set_number(source, INVSRC_SOURCE_CREDENTIAL_PROVEN, number & 1);
  invsrc_source_set_number(source, INVSRC_SOURCE_UNREACHABLE, number & 1);
  snprintf(state, sizeof state, "state %d of %s", (int)number,
           invsrc_source_text(source, INVSRC_SOURCE_ID, NULL));
  set_text(source, INVSRC_SOURCE_OAUTH_STATE, state);
}

/* What must be stored when the parts of `new_one` were written over `old`. */
static inline void assert_laid_over(const invsrc_source *stored, const invsrc_source *old,
                                    const invsrc_source *new_one, uint32_t parts) {
  invsrc_source *wanted = invsrc_source_new();

  assert_int_equal(invsrc_source_copy(wanted, old), INVSRC_OK);
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    uint64_t length;
    const char *text = invsrc_source_text(new_one, field, &length);
    if (!(parts & invsrc_source_field_part(field))) continue;
    if (invsrc_source_field_kind(field) == 'N')
      invsrc_source_set_number(wanted, field, invsrc_source_number(new_one, field));
    else
      invsrc_source_set_text(wanted, field, text, length);
  }
  assert_same_source(stored, wanted);
  invsrc_source_free(wanted);
}

/* Each combination writes its parts, and no more. */
static inline void check_parts(struct store store) {
  for (uint32_t parts = 0; parts <= EVERY_PART; parts++) {
    invsrc_source *old, *new_one, *back = invsrc_source_new();
    invsrc_buffer *sealed = invsrc_buffer_new();
    char id[16], replaced[64];
    int seals = (parts & INVSRC_PART_SEALED) != 0;

    snprintf(id, sizeof id, "40%u", parts);
    old = make_source("acme", id, id);
    change_fields(old, 4, "old é");
    invsrc_source_set_number(old, INVSRC_SOURCE_REVISION, 7);
    new_one = make_source("acme", id, id);
    change_fields(new_one, 9, "new 東京");
    assert_int_equal(insert(store, old, "sealed old"), INVSRC_OUTCOME_OK);
    assert_int_equal(update_with(store, new_one, 7, parts, "sealed new", NULL, replaced),
                     INVSRC_OUTCOME_OK);
    assert_string_equal(replaced, seals ? "sealed old" : "");
    assert_int_equal(get(store, "acme", id, back, sealed), INVSRC_OUTCOME_OK);
    assert_laid_over(back, old, new_one, parts);
    assert_string_equal(invsrc_buffer_bytes(sealed, NULL), seals ? "sealed new" : "sealed old");
    invsrc_source_free(old);
    invsrc_source_free(new_one);
    invsrc_source_free(back);
    invsrc_buffer_free(sealed);
  }
}

/* What a source has no more is absent, and can come again. */
static inline void check_absence(struct store store) {
  invsrc_source *source = make_source("acme", "a", "4100"), *back = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  char replaced[64];
  uint64_t length;

  set_text(source, INVSRC_SOURCE_DESCRIPTION, "described");
  set_text(source, INVSRC_SOURCE_LAST_ERROR, "the agent answered 401");
  assert_int_equal(insert(store, source, "sealed 1"), INVSRC_OUTCOME_OK);
  invsrc_source_set_text(source, INVSRC_SOURCE_DESCRIPTION, NULL, 0);
  invsrc_source_set_text(source, INVSRC_SOURCE_LAST_ERROR, NULL, 0);
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  assert_int_equal(update_with(store, source, 1, EVERY_PART, NULL, NULL, replaced),
                   INVSRC_OUTCOME_OK);
  assert_string_equal(replaced, "sealed 1");
  assert_int_equal(get(store, "acme", "a", back, sealed), INVSRC_OUTCOME_OK);
  assert_null(invsrc_source_text(back, INVSRC_SOURCE_DESCRIPTION, NULL));
  assert_null(invsrc_source_text(back, INVSRC_SOURCE_LAST_ERROR, NULL));
  invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(length, 0);
  set_text(source, INVSRC_SOURCE_DESCRIPTION, "");
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 1);
  assert_int_equal(update_with(store, source, 1, EVERY_PART, "sealed 2", NULL, replaced),
                   INVSRC_OUTCOME_OK);
  assert_string_equal(replaced, "");
  assert_int_equal(get(store, "acme", "a", back, sealed), INVSRC_OUTCOME_OK);
  assert_string_equal(invsrc_source_text(back, INVSRC_SOURCE_DESCRIPTION, NULL), "");
  assert_string_equal(invsrc_buffer_bytes(sealed, NULL), "sealed 2");
  invsrc_source_free(source);
  invsrc_source_free(back);
  invsrc_buffer_free(sealed);
}

/* Only whoever has seen the revision that is stored may write, and a loser changes nothing. */
static inline void check_revisions(struct store store) {
  invsrc_source *source = make_source("acme", "4200", "4200");
  invsrc_source *before = invsrc_source_new(), *after = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  char replaced[64];

  assert_int_equal(insert_new(store, "acme", "4200", "4200"), INVSRC_OUTCOME_OK);
  assert_int_equal(get(store, "acme", "4200", before, sealed), INVSRC_OUTCOME_OK);
  set_text(source, INVSRC_SOURCE_NAME, "Another name");
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, 2);
  invsrc_source_set_number(source, INVSRC_SOURCE_ATTEMPTS, 3);
  for (uint64_t revision = 0; revision < 4; revision++) {
    if (revision == 1) continue;
    assert_int_equal(update_with(store, source, revision, EVERY_PART, "x", "evt_lost", replaced),
                     INVSRC_OUTCOME_CONFLICT);
    assert_string_equal(replaced, "");
  }
  assert_int_equal(get(store, "acme", "4200", after, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(before, after);
  assert_stored(store, "acme", "4200", "4200");
  assert_event(store, INT64_MAX, INT64_MAX, NULL, 0);
  /* Without the record the revision stays: the next may write with it too, and then no more. */
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_CHECK, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_CHECK, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  assert_int_equal(get(store, "acme", "4200", after, sealed), INVSRC_OUTCOME_OK);
  assert_laid_over(after, before, source, INVSRC_PART_CHECK);
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_RECORD, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_CHECK, NULL, NULL, NULL),
                   INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(update_with(store, source, 2, INVSRC_PART_CHECK, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  invsrc_source_free(source);
  source = make_source("acme", "4200", "4201");
  assert_int_equal(update_with(store, source, 2, EVERY_PART, "x", "evt_lost", replaced),
                   INVSRC_OUTCOME_NOT_FOUND);
  assert_event(store, INT64_MAX, INT64_MAX, NULL, 0);
  invsrc_source_free(source);
  invsrc_source_free(before);
  invsrc_source_free(after);
  invsrc_buffer_free(sealed);
}

/* ---- Finding ---------------------------------------------------------------------- */

#define AGENT INVSRC_SOURCE_AGENT_ID
#define STATE INVSRC_SOURCE_OAUTH_STATE

/* Inserts a source that awaits consent; NULL: it does not. */
static inline void insert_consent(struct store store, const char *storefront, const char *id,
                                  const char *consent, int32_t outcome) {
  invsrc_source *source = make_source(storefront, id, id);

  if (consent) set_text(source, STATE, consent);
  assert_int_equal(insert(store, source, "sealed"), outcome);
  invsrc_source_free(source);
}

/* Gives a source another consent; NULL: none. */
static inline int32_t update_consent(struct store store, const char *id, const char *consent,
                                     const char *event_id) {
  invsrc_source *source = make_source("-", "-", id);
  int32_t outcome;

  if (consent) set_text(source, STATE, consent);
  outcome = update_with(store, source, 1, INVSRC_PART_RECORD, NULL, event_id, NULL);
  invsrc_source_free(source);
  return outcome;
}

/* Sources are found by what no two of them have alike, in whatever storefront. */
static inline void check_finding(struct store store) {
  static const int32_t others[] = {INVSRC_SOURCE_ID,
                                   INVSRC_SOURCE_SOURCE_ID,
                                   INVSRC_SOURCE_NAME,
                                   INVSRC_SOURCE_REVISION,
                                   0,
                                   -1,
                                   INVSRC_SOURCE_FIELD_END};
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();

  assert_found(store, AGENT, "agent_4400", NULL, "");
  insert_consent(store, "acme", "4400", "one", INVSRC_OUTCOME_OK);
  insert_consent(store, "other", "4401", "two", INVSRC_OUTCOME_OK);
  insert_consent(store, "acme", "4402", NULL, INVSRC_OUTCOME_OK);
  assert_found(store, AGENT, "agent_4400", "4400", "sealed");
  assert_found(store, AGENT, "agent_4401", "4401", "sealed");
  assert_found(store, AGENT, "agent_4402", "4402", "sealed");
  assert_found(store, STATE, "one", "4400", "sealed");
  assert_found(store, STATE, "two", "4401", "sealed");
  assert_found(store, AGENT, "one", NULL, "");
  assert_found(store, STATE, "agent_4400", NULL, "");
  assert_found(store, STATE, "On", NULL, ""); /* its bytes, and all of them */
  assert_found(store, STATE, "One", NULL, "");
  assert_found(store, STATE, "one ", NULL, "");
  assert_found(store, STATE, "", NULL, "");
  assert_found(store, AGENT, "", NULL, "");
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_int_equal(find(store, others[i], "4400", source, sealed), INVSRC_OUTCOME_FAILED);
  assert_int_equal(remove_with(store, "4401", NULL, NULL), INVSRC_OUTCOME_OK);
  assert_found(store, STATE, "two", NULL, "");
  assert_found(store, AGENT, "agent_4401", NULL, "");
  assert_found(store, STATE, "one", "4400", "sealed");
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

/* A consent is found as long as it is under way, and is one source's. */
static inline void check_consents(struct store store) {
  insert_consent(store, "acme", "4500", "one", INVSRC_OUTCOME_OK);
  insert_consent(store, "other", "4501", "one", INVSRC_OUTCOME_DUPLICATE);
  assert_stored(store, "other", "4501", NULL);
  insert_consent(store, "other", "4501", "two", INVSRC_OUTCOME_OK);
  insert_consent(store, "acme", "4502", NULL, INVSRC_OUTCOME_OK);
  insert_consent(store, "acme", "4503", NULL, INVSRC_OUTCOME_OK);
  assert_int_equal(update_consent(store, "4502", "one", "evt_lost"), INVSRC_OUTCOME_FAILED);
  assert_int_equal(update_consent(store, "4501", "one", "evt_lost"), INVSRC_OUTCOME_FAILED);
  assert_event(store, INT64_MAX, INT64_MAX, NULL, 0);
  assert_found(store, STATE, "one", "4500", "sealed");
  assert_found(store, STATE, "two", "4501", "sealed");
  /* It may stay, be another's turn, or come to an end. */
  assert_int_equal(update_consent(store, "4500", "one", NULL), INVSRC_OUTCOME_OK);
  assert_found(store, STATE, "one", "4500", "sealed");
  assert_int_equal(update_consent(store, "4500", "three", "evt_three"), INVSRC_OUTCOME_OK);
  assert_found(store, STATE, "one", NULL, "");
  assert_found(store, STATE, "three", "4500", "sealed");
  assert_int_equal(update_consent(store, "4502", "one", NULL), INVSRC_OUTCOME_OK);
  assert_found(store, STATE, "one", "4502", "sealed");
  assert_int_equal(update_consent(store, "4500", NULL, NULL), INVSRC_OUTCOME_OK);
  assert_found(store, STATE, "three", NULL, "");
  /* A change that is taken back changes no consent either. */
  assert_int_equal(update_consent(store, "4501", "four", "evt_three"), INVSRC_OUTCOME_FAILED);
  assert_int_equal(update_consent(store, "4502", NULL, "evt_three"), INVSRC_OUTCOME_FAILED);
  assert_int_equal(update_consent(store, "4503", "four", "evt_three"), INVSRC_OUTCOME_FAILED);
  assert_found(store, STATE, "four", NULL, "");
  assert_found(store, STATE, "two", "4501", "sealed");
  assert_found(store, STATE, "one", "4502", "sealed");
  assert_int_equal(update_consent(store, "4503", "four", NULL), INVSRC_OUTCOME_OK);
  assert_found(store, STATE, "four", "4503", "sealed");
  assert_int_equal(remove_with(store, "4502", NULL, NULL), INVSRC_OUTCOME_OK);
  insert_consent(store, "acme", "4502", "one", INVSRC_OUTCOME_OK);
  assert_found(store, STATE, "one", "4502", "sealed");
}

/* Consents that come, go and change in any order. */
static inline void check_many_consents(struct store store) {
  enum { CONSENTS = 20, CHANGES = 400 };
  int now[CONSENTS] = {0}; /* the number of its consent; 0: none */
  char id[16], consent[16];
  uint32_t bits = 1;

  for (int i = 0; i < CONSENTS; i++) {
    snprintf(id, sizeof id, "%d", 4600 + i);
    insert_consent(store, "acme", id, NULL, INVSRC_OUTCOME_OK);
  }
  for (int i = 1; i <= CHANGES; i++) {
    int which, old;
    bits = bits * UINT32_C(1664525) + UINT32_C(1013904223);
    which = (int)(bits >> 20) % CONSENTS;
    old = now[which];
    now[which] = bits & 0x1000 ? i : 0;
    snprintf(id, sizeof id, "%d", 4600 + which);
    snprintf(consent, sizeof consent, "state %d", i * 7919 % CHANGES + 1);
    assert_int_equal(update_consent(store, id, now[which] ? consent : NULL, NULL),
                     INVSRC_OUTCOME_OK);
    snprintf(consent, sizeof consent, "state %d", old * 7919 % CHANGES + 1);
    if (old) assert_found(store, STATE, consent, NULL, "");
    for (int j = 0; j < CONSENTS; j++) {
      snprintf(id, sizeof id, "%d", 4600 + j);
      snprintf(consent, sizeof consent, "state %d", now[j] * 7919 % CHANGES + 1);
      if (now[j]) assert_found(store, STATE, consent, id, "sealed");
    }
  }
}

#undef AGENT
#undef STATE

/* ---- Removal ------------------------------------------------------------------------- */

static inline void check_removal(struct store store) {
  invsrc_source *bare = make_source("acme", "bare", "4302");
  char removed[64];

  invsrc_source_set_number(bare, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  insert_due(store, "acme", "4300", 5);
  assert_int_equal(insert_new(store, "acme", "kept", "4301"), INVSRC_OUTCOME_OK);
  assert_int_equal(insert(store, bare, NULL), INVSRC_OUTCOME_OK);
  assert_int_equal(remove_with(store, "4300", "evt_gone", removed), INVSRC_OUTCOME_OK);
  assert_string_equal(removed, "sealed 4300");
  assert_stored(store, "acme", "4300", NULL);
  assert_stored(store, "acme", "kept", "4301");
  assert_int_equal(remove_with(store, "4300", "evt_twice", removed), INVSRC_OUTCOME_NOT_FOUND);
  assert_string_equal(removed, "");
  assert_int_equal(remove_with(store, "", NULL, NULL), INVSRC_OUTCOME_NOT_FOUND);
  assert_int_equal(remove_with(store, "4302", NULL, removed), INVSRC_OUTCOME_OK);
  assert_string_equal(removed, "");
  assert_page(store, "acme", 0, 50, "4301", 1);
  assert_due(store, INT64_MAX - 1, INT64_MAX, 10, "");
  assert_event(store, EVENT_TIME, INT64_MAX, "evt_gone", 0);
  assert_event(store, EVENT_TIME, INT64_MAX, NULL, 0);
  /* Its name and its ids are free. */
  assert_int_equal(insert_new(store, "acme", "4300", "4300"), INVSRC_OUTCOME_OK);
  assert_stored(store, "acme", "4300", "4300");
  invsrc_source_free(bare);
}

/* ---- What is due ------------------------------------------------------------------------ */

static inline void check_due(struct store store) {
  invsrc_source *source = make_source("acme", "54", "54");

  insert_due(store, "acme", "51", 300);
  insert_due(store, "other", "52", 100);
  insert_due(store, "acme", "53", 200);
  insert_due(store, "acme", "54", 0);
  insert_due(store, "other", "55", 200);
  insert_due(store, "acme", "56", 1);
  assert_due(store, 0, 1000, 10, "");
  assert_due(store, 1, 1000, 10, "56");
  assert_due(store, 99, 1000, 10, "");
  assert_due(store, 250, 1001, 2, "52 53");
  assert_due(store, 250, 1002, 0, "");
  assert_due(store, 250, 1002, 2, "55");
  assert_due(store, 299, 1002, 2, "");
  assert_due(store, 300, 1003, UINT64_MAX, "51");
  assert_due(store, 999, 2000, 10, "");
  assert_due(store, 1001, 2000, 10, "56 52 53"); /* the leases have ended */
  /* A check says when the next one is, or that there is none. */
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, 1500);
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_CHECK, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  assert_due(store, 1500, 3000, 10, "55 51 54");
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, 0);
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_CHECK, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  assert_due(store, INT64_MAX - 1, INT64_MAX, 10, "52 53 56 51 55");
  invsrc_source_free(source);
}

/* ---- Whose claim has ended ---------------------------------------------------------------- */

/* Holds the source to be stored as it was, sealed as insert_due() seals, without any event. */
static inline void assert_unchanged(struct store store, const invsrc_source *before) {
  const char *id = invsrc_source_text(before, INVSRC_SOURCE_ID, NULL);
  invsrc_source *after = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();

  assert_int_equal(get(store, "acme", id, after, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(after, before);
  assert_stored(store, "acme", id, id);
  assert_event(store, INT64_MAX, INT64_MAX, NULL, 0);
  invsrc_source_free(after);
  invsrc_buffer_free(sealed);
}

/* What comes of a check whose lease has ended is nobody's, since another has claimed the
 * source; and so it is once that one has written. */
static inline void check_late_results(struct store store) {
  static const int64_t others[] = {20, 29, 31, 1, -1, INT64_MAX};
  invsrc_source *before = invsrc_source_new(), *result = make_source("acme", "5100", "5100");
  invsrc_buffer *sealed = invsrc_buffer_new();
  char replaced[64];

  set_text(result, INVSRC_SOURCE_NAME, "Another name");
  set_text(result, INVSRC_SOURCE_STATUS, "ACTIVE");
  invsrc_source_set_number(result, INVSRC_SOURCE_ATTEMPTS, 3);
  insert_due(store, "acme", "5100", 5);
  assert_due(store, 10, 20, 10, "5100");
  assert_due(store, 20, 30, 10, "5100");
  assert_int_equal(get(store, "acme", "5100", before, sealed), INVSRC_OUTCOME_OK);
  assert_int_equal(invsrc_source_number(before, INVSRC_SOURCE_NEXT_CHECK_AT), 30);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    for (uint32_t parts = 0; parts <= EVERY_PART; parts++) {
      assert_int_equal(
          update_claimed(store, result, 1, others[i], parts, "late", "evt_late", replaced),
          INVSRC_OUTCOME_CONFLICT);
      assert_string_equal(replaced, "");
    }
  }
  assert_int_equal(update_claimed(store, result, 2, 30, EVERY_PART, "x", "evt_late", NULL),
                   INVSRC_OUTCOME_CONFLICT);
  assert_unchanged(store, before);
  invsrc_source_set_number(result, INVSRC_SOURCE_NEXT_CHECK_AT, 0);
  assert_int_equal(update_claimed(store, result, 1, 30, INVSRC_PART_CHECK, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  assert_int_equal(update_claimed(store, result, 1, 30, INVSRC_PART_CHECK, NULL, "evt_late", NULL),
                   INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(update_claimed(store, result, 1, 0, INVSRC_PART_CHECK, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  assert_int_equal(remove_with(store, "5100", NULL, NULL), INVSRC_OUTCOME_OK);
  assert_int_equal(update_claimed(store, result, 1, 30, EVERY_PART, "x", "evt_late", NULL),
                   INVSRC_OUTCOME_NOT_FOUND);
  assert_event(store, INT64_MAX, INT64_MAX, NULL, 0);
  invsrc_source_free(before);
  invsrc_source_free(result);
  invsrc_buffer_free(sealed);
}

/* Only whoever has seen what is stored may remove it. */
static inline void check_late_removals(struct store store) {
  invsrc_source *before = invsrc_source_new(), *change = make_source("acme", "5200", "5200");
  invsrc_buffer *sealed = invsrc_buffer_new();
  char removed[64];

  insert_due(store, "acme", "5200", 5);
  invsrc_source_set_number(change, INVSRC_SOURCE_REVISION, 2);
  assert_int_equal(update_with(store, change, 1, INVSRC_PART_RECORD, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  assert_int_equal(get(store, "acme", "5200", before, sealed), INVSRC_OUTCOME_OK);
  for (uint64_t revision = 0; revision < 5; revision++) {
    if (revision == 2) continue;
    assert_int_equal(remove_revision(store, "5200", revision, "evt_late", removed),
                     INVSRC_OUTCOME_CONFLICT);
    assert_string_equal(removed, "");
  }
  assert_int_equal(remove_revision(store, "5200", UINT64_MAX, NULL, NULL), INVSRC_OUTCOME_CONFLICT);
  assert_unchanged(store, before);
  assert_int_equal(remove_revision(store, "5200", 2, "evt_gone", removed), INVSRC_OUTCOME_OK);
  assert_string_equal(removed, "sealed 5200");
  assert_int_equal(remove_revision(store, "5200", 2, "evt_late", removed),
                   INVSRC_OUTCOME_NOT_FOUND);
  assert_int_equal(remove_revision(store, "5200", 1, "evt_late", removed),
                   INVSRC_OUTCOME_NOT_FOUND);
  assert_event(store, INT64_MAX - 1, INT64_MAX, "evt_gone", 0);
  assert_event(store, INT64_MAX - 1, INT64_MAX, NULL, 0);
  assert_page(store, "acme", 0, 50, "", 0);
  invsrc_source_free(before);
  invsrc_source_free(change);
  invsrc_buffer_free(sealed);
}

/* A claim that cannot be told of is none: there is no list to take it. */
static inline void check_failed_claims(struct store store) {
  insert_due(store, "acme", "5300", 5);
  insert_due(store, "acme", "5301", 5);
  insert_due(store, "acme", "5302", 7);
  for (int i = 0; i < 3; i++)
    assert_int_not_equal(store.table->due(store.context, 10, 20, 10, NULL), INVSRC_OUTCOME_OK);
  assert_due(store, 6, 20, 10, "5300 5301");
  assert_due(store, 10, 20, 10, "5302");
}

/* ---- Events ------------------------------------------------------------------------------- */

/* A time so many milliseconds after that of the events. */
static inline int64_t later(int64_t milliseconds) {
  return EVENT_TIME + milliseconds;
}

static inline void check_events(struct store store) {
  invsrc_source *source = make_source("acme", "6000", "6000");

  assert_event(store, INT64_MAX, INT64_MAX, NULL, 0);
  assert_int_equal(insert_with(store, source, "evt_3"), INVSRC_OUTCOME_OK);
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_CHECK, NULL, "evt_1", NULL),
                   INVSRC_OUTCOME_OK);
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_CHECK, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  assert_int_equal(remove_with(store, "6000", "evt_2", NULL), INVSRC_OUTCOME_OK);
  /* From their time on, in the order in which they were kept, each once in a lease. */
  assert_event(store, later(-1), INT64_MAX, NULL, 0);
  assert_event(store, later(0), later(100), "evt_3", 0);
  assert_event(store, later(0), later(90), "evt_1", 0);
  assert_event(store, later(0), later(100), "evt_2", 0);
  assert_event(store, later(89), later(200), NULL, 0);
  assert_event(store, later(90), later(200), "evt_1", 0);
  assert_event(store, later(100), later(200), "evt_3", 0);
  end_event(store, "evt_3", 0);
  end_event(store, "evt_2", later(500));
  end_event(store, "evt_1", later(400));
  assert_event(store, later(399), later(600), NULL, 0);
  assert_event(store, later(500), later(600), "evt_1", 1);
  end_event(store, "evt_1", later(500));
  assert_event(store, later(500), later(600), "evt_1", 2);
  assert_event(store, later(500), later(600), "evt_2", 1);
  end_event(store, "evt_1", 0);
  end_event(store, "evt_1", 0);
  end_event(store, "evt_1", later(700));
  end_event(store, "evt_", 0);
  end_event(store, "", 0);
  assert_event(store, INT64_MAX, INT64_MAX, "evt_2", 1);
  end_event(store, "evt_2", 0);
  assert_event(store, INT64_MAX, INT64_MAX, NULL, 0);
  invsrc_source_free(source);
}

/* The one that has been due longest comes first, though it was kept last. */
static inline void check_event_order(struct store store) {
  invsrc_source *source = make_source("acme", "6050", "6050");
  char id[16];

  assert_int_equal(insert_with(store, source, "evt_0"), INVSRC_OUTCOME_OK);
  for (int i = 1; i <= 30; i++) {
    snprintf(id, sizeof id, "evt_%d", i);
    assert_int_equal(update_with(store, source, 1, INVSRC_PART_CHECK, NULL, id, NULL),
                     INVSRC_OUTCOME_OK);
    if (i % 3) end_event(store, id, EVENT_TIME - 1 - i * 7 % 31); /* no two alike */
  }
  for (int rank = 31; rank >= 1; rank--) {
    for (int i = 1; i <= 30; i++) {
      if (i % 3 == 0 || i * 7 % 31 != rank) continue;
      snprintf(id, sizeof id, "evt_%d", i);
      assert_event(store, EVENT_TIME, INT64_MAX, id, 1);
    }
  }
  assert_event(store, EVENT_TIME, INT64_MAX, "evt_0", 0);
  for (int i = 3; i <= 30; i += 3) {
    snprintf(id, sizeof id, "evt_%d", i);
    assert_event(store, EVENT_TIME, INT64_MAX, id, 0);
  }
  assert_event(store, EVENT_TIME, INT64_MAX, NULL, 0);
  invsrc_source_free(source);
}

/* Where the event cannot be kept, for its id exists, the change does not happen. */
static inline void check_all_or_nothing(struct store store) {
  invsrc_source *source = make_source("acme", "6100", "6100"), *late;
  invsrc_source *before = invsrc_source_new(), *after = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();

  assert_int_equal(insert_with(store, source, "evt_taken"), INVSRC_OUTCOME_OK);
  assert_int_equal(get(store, "acme", "6100", before, sealed), INVSRC_OUTCOME_OK);
  set_text(source, INVSRC_SOURCE_NAME, "Another name");
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, 1);
  assert_int_equal(update_with(store, source, 1, EVERY_PART, "other", "evt_taken", NULL),
                   INVSRC_OUTCOME_FAILED);
  assert_int_equal(remove_with(store, "6100", "evt_taken", NULL), INVSRC_OUTCOME_FAILED);
  late = make_source("acme", "late", "6101");
  invsrc_source_set_number(late, INVSRC_SOURCE_NEXT_CHECK_AT, 1);
  assert_int_equal(insert_with(store, late, "evt_taken"), INVSRC_OUTCOME_FAILED);
  assert_int_equal(get(store, "acme", "6100", after, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(before, after);
  assert_string_equal(invsrc_buffer_bytes(sealed, NULL), "sealed");
  assert_page(store, "acme", 0, 50, "6100", 1);
  assert_due(store, INT64_MAX - 1, INT64_MAX, 10, "");
  /* Nor does a change that is lost leave an event. */
  assert_int_equal(insert_with(store, source, "evt_lost"), INVSRC_OUTCOME_CONFLICT);
  assert_event(store, EVENT_TIME, INT64_MAX, "evt_taken", 0);
  assert_event(store, EVENT_TIME, INT64_MAX, NULL, 0);
  assert_int_equal(insert_with(store, late, "evt_free"), INVSRC_OUTCOME_OK);
  assert_event(store, EVENT_TIME, INT64_MAX, "evt_free", 0);
  invsrc_source_free(source);
  invsrc_source_free(late);
  invsrc_source_free(before);
  invsrc_source_free(after);
  invsrc_buffer_free(sealed);
}

/* ---- Threads ------------------------------------------------------------------------------- */

#define CLAIM_SOURCES 300
#define CLAIM_FIRST 700000

struct claimer {
  struct store store;
  uint32_t limit;
  int claims[CLAIM_SOURCES]; /* how often each was claimed */
  int updates, losses;       /* for changers */
};

/* Claims all that is due, in portions. */
static inline void *claim_all(void *argument) {
  struct claimer *mine = argument;
  uint64_t count = 1;

  while (count) {
    invsrc_source_list *list = invsrc_source_list_new();
    if (mine->store.table->due(mine->store.context, 10, 20, mine->limit, list) != INVSRC_OUTCOME_OK)
      mine->losses++;
    count = invsrc_source_list_count(list);
    for (uint64_t i = 0; i < count; i++) {
      const invsrc_source *source = invsrc_source_list_at(list, i);
      mine->claims[atoi(invsrc_source_text(source, INVSRC_SOURCE_ID, NULL)) - CLAIM_FIRST]++;
    }
    invsrc_source_list_free(list);
  }
  return NULL;
}

static inline void fill_due(struct store store) {
  char id[16];

  for (int i = 0; i < CLAIM_SOURCES; i++) {
    snprintf(id, sizeof id, "%d", CLAIM_FIRST + i);
    insert_due(store, "acme", id, 1 + i % 10);
  }
}

static inline void assert_claimed_once(const struct claimer *all, int count) {
  for (int i = 0; i < CLAIM_SOURCES; i++) {
    int claims = 0;
    for (int j = 0; j < count; j++) claims += all[j].claims[i];
    assert_int_equal(claims, 1);
  }
  for (int j = 0; j < count; j++) assert_int_equal(all[j].losses, 0);
}

/* Reads and writes one source over and over: each must have seen what the last one wrote. */
static inline void *change_often(void *argument) {
  struct claimer *mine = argument;
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();

  for (int i = 0; i < 25; i++) {
    int64_t revision;
    int32_t outcome = get(mine->store, "acme", "changed", source, sealed);
    if (outcome != INVSRC_OUTCOME_OK) break;
    revision = invsrc_source_number(source, INVSRC_SOURCE_REVISION);
    invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, revision + 1);
    outcome =
        update_with(mine->store, source, (uint64_t)revision, INVSRC_PART_RECORD, NULL, NULL, NULL);
    mine->updates += outcome == INVSRC_OUTCOME_OK;
    mine->losses += outcome == INVSRC_OUTCOME_CONFLICT;
  }
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  return NULL;
}

static inline void run_claimers(struct store store, void *(*work)(void *), struct claimer *all) {
  pthread_t threads[RACERS];

  for (int i = 0; i < RACERS; i++) {
    all[i] = (struct claimer){.store = store, .limit = (uint32_t)i + 1};
    assert_int_equal(pthread_create(&threads[i], NULL, work, &all[i]), 0);
  }
  for (int i = 0; i < RACERS; i++) pthread_join(threads[i], NULL);
}

static inline void check_claims(struct store store) {
  static struct claimer all[RACERS];

  fill_due(store);
  run_claimers(store, claim_all, all);
  assert_claimed_once(all, RACERS);
}

static inline void check_changers(struct store store) {
  static struct claimer all[RACERS];
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  int updates = 0, losses = 0;

  assert_int_equal(insert_new(store, "acme", "changed", "6200"), INVSRC_OUTCOME_OK);
  run_claimers(store, change_often, all);
  for (int i = 0; i < RACERS; i++) {
    updates += all[i].updates;
    losses += all[i].losses;
  }
  assert_int_equal(updates + losses, RACERS * 25);
  assert_int_equal(get(store, "acme", "changed", source, sealed), INVSRC_OUTCOME_OK);
  assert_int_equal(invsrc_source_number(source, INVSRC_SOURCE_REVISION), 1 + updates);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

#endif
