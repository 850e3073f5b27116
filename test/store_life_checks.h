/*
 * What the tests of stores share about sources that change: updates, removal, what is due, and
 * events. See store_checks.h.
 */
#ifndef TEST_STORE_LIFE_CHECKS_H
#define TEST_STORE_LIFE_CHECKS_H

#include "store_checks.h"

#define EVERY_PART (INVSRC_PART_RECORD | INVSRC_PART_CHECK | INVSRC_PART_SEALED)

/* ---- Calls -------------------------------------------------------------------- */

#define EVENT_TIME IVS_SAMPLE_TIME

/* A time so many milliseconds after that of the events. */
static inline int64_t later(int64_t milliseconds) {
  return EVENT_TIME + milliseconds;
}

static inline invsrc_event *make_event(const char *id) {
  invsrc_event *event = ivs_sample_event(id);

  assert_non_null(event);
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

/* One of storefront acme that is inserted among others. */
struct among {
  char name[16];
  char id[16];
  const char *event_id; /* or NULL */
  int32_t outcome;
};

/* What the store is given of them. */
struct together {
  int count;
  char (*sealed)[32];
  invsrc_insertion *insertions;
  invsrc_insertion **pointers;
};

static inline struct together begin_together(const struct among *all, int count) {
  struct together it = {count, calloc((size_t)count, sizeof *it.sealed),
                        calloc((size_t)count, sizeof *it.insertions),
                        calloc((size_t)count, sizeof *it.pointers)};

  if (!it.sealed || !it.insertions || !it.pointers) abort();
  for (int i = 0; i < count; i++) {
    ivs_sample_sealed(it.sealed[i], sizeof it.sealed[i], all[i].id);
    it.insertions[i] =
        (invsrc_insertion){.size = sizeof *it.insertions,
                           .source = make_source("acme", all[i].name, all[i].id),
                           .sealed = it.sealed[i],
                           .length = strlen(it.sealed[i]),
                           .event = all[i].event_id ? make_event(all[i].event_id) : NULL};
    it.pointers[i] = &it.insertions[i];
  }
  return it;
}

/* Frees it, and tells each its outcome. */
static inline void end_together(struct together *it, struct among *all) {
  for (int i = 0; i < it->count; i++) {
    all[i].outcome = it->insertions[i].outcome;
    invsrc_source_free((invsrc_source *)it->insertions[i].source);
    invsrc_event_free((invsrc_event *)it->insertions[i].event);
  }
  free(it->sealed);
  free(it->insertions);
  free(it->pointers);
}

static inline void insert_together(struct store store, struct among *all, int count) {
  struct together it = begin_together(all, count);

  store.table->insert_all(store.context, it.pointers, (uint64_t)count);
  end_together(&it, all);
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

/* The ids of a list as "1 2 3". */
static inline const char *ids_of(const invsrc_source_list *list) {
  static char ids[1024];

  ivs_sample_ids(list, ids, sizeof ids);
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

/* ---- What is not of the interface --------------------------------------------------- */

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

#endif
