/*
 * The conformance suites find what is wrong with a store: each fault of a broken one, by the name
 * of the check; and no store, however broken, makes them crash, leak or run on.
 */
#include <invsrc/testkit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define MANY 60

/* What the broken stores are made of; their context is its own. */
static const invsrc_store_vtable *sound;
static const invsrc_clients_vtable *sound_clients;

static void pause_a_little(void) {
  nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

/* ---- Faults of insert ------------------------------------------------------------- */

static int32_t insert_without_event(void *context, const invsrc_source *source, const void *sealed,
                                    uint64_t length, const invsrc_event *event) {
  (void)event;
  return sound->insert(context, source, sealed, length, NULL);
}

/* The event in a step of its own, after the source. */
static int32_t insert_in_steps(void *context, const invsrc_source *source, const void *sealed,
                               uint64_t length, const invsrc_event *event) {
  int32_t outcome = sound->insert(context, source, sealed, length, NULL);
  invsrc_buffer *none = invsrc_buffer_new();

  if (outcome == INVSRC_OUTCOME_OK && event)
    outcome = sound->update(context, source, 1, 0, INVSRC_PART_CHECK, NULL, 0, event, none);
  invsrc_buffer_free(none);
  return outcome;
}

static int32_t insert_duplicates(void *context, const invsrc_source *source, const void *sealed,
                                 uint64_t length, const invsrc_event *event) {
  int32_t outcome = sound->insert(context, source, sealed, length, event);

  return outcome == INVSRC_OUTCOME_DUPLICATE ? INVSRC_OUTCOME_OK : outcome;
}

static int32_t insert_sealed_text(void *context, const invsrc_source *source, const void *sealed,
                                  uint64_t length, const invsrc_event *event) {
  if (sealed) length = strlen(sealed);
  return sound->insert(context, source, sealed, length, event);
}

static int32_t insert_copy(void *context, invsrc_source *copy, const void *sealed, uint64_t length,
                           const invsrc_event *event) {
  int32_t outcome = sound->insert(context, copy, sealed, length, event);

  invsrc_source_free(copy);
  return outcome;
}

static invsrc_source *copy_source(const invsrc_source *source) {
  invsrc_source *copy = invsrc_source_new();

  assert_int_equal(invsrc_source_copy(copy, source), INVSRC_OK);
  return copy;
}

static int32_t insert_short_texts(void *context, const invsrc_source *source, const void *sealed,
                                  uint64_t length, const invsrc_event *event) {
  uint64_t text_length;
  const char *text = invsrc_source_text(source, INVSRC_SOURCE_DESCRIPTION, &text_length);
  invsrc_source *copy = copy_source(source);

  if (text_length > 2000) invsrc_source_set_text(copy, INVSRC_SOURCE_DESCRIPTION, text, 2000);
  return insert_copy(context, copy, sealed, length, event);
}

static int32_t insert_doubles(void *context, const invsrc_source *source, const void *sealed,
                              uint64_t length, const invsrc_event *event) {
  double revision = (double)invsrc_source_number(source, INVSRC_SOURCE_REVISION);
  invsrc_source *copy = copy_source(source);

  invsrc_source_set_number(copy, INVSRC_SOURCE_REVISION, (int64_t)revision);
  return insert_copy(context, copy, sealed, length, event);
}

static int32_t insert_empty_for_absent(void *context, const invsrc_source *source,
                                       const void *sealed, uint64_t length,
                                       const invsrc_event *event) {
  invsrc_source *copy = copy_source(source);

  if (!invsrc_source_text(copy, INVSRC_SOURCE_OAUTH_AUDIENCE, NULL))
    invsrc_source_set_text(copy, INVSRC_SOURCE_OAUTH_AUDIENCE, "", 0);
  return insert_copy(context, copy, sealed, length, event);
}

/* As a database does whose collation knows no case. */
static int32_t insert_folded(void *context, const invsrc_source *source, const void *sealed,
                             uint64_t length, const invsrc_event *event) {
  invsrc_source *copy = copy_source(source);

  if (strcmp(invsrc_source_text(copy, INVSRC_SOURCE_SOURCE_ID, NULL), "Name") == 0)
    invsrc_source_set_text(copy, INVSRC_SOURCE_SOURCE_ID, "name", 4);
  return insert_copy(context, copy, sealed, length, event);
}

/* Looks first, and then writes over what came in between. */
static int32_t insert_after_look(void *context, const invsrc_source *source, const void *sealed,
                                 uint64_t length, const invsrc_event *event) {
  const char *name = invsrc_source_text(source, INVSRC_SOURCE_SOURCE_ID, NULL);
  invsrc_source *other = invsrc_source_new();
  invsrc_buffer *buffer = invsrc_buffer_new();
  int32_t outcome = sound->get(context, "acme", 4, name, strlen(name), other, buffer);

  invsrc_source_free(other);
  invsrc_buffer_free(buffer);
  if (outcome == INVSRC_OUTCOME_OK) return INVSRC_OUTCOME_CONFLICT;
  pause_a_little();
  sound->insert(context, source, sealed, length, event);
  return INVSRC_OUTCOME_OK;
}

/* ---- Faults of insert_all ---------------------------------------------------------- */

static void insert_all_silent(void *context, invsrc_insertion *const *insertions, uint64_t count) {
  (void)context;
  (void)insertions;
  (void)count;
}

/* The outcome of the first for all. */
static void insert_all_alike(void *context, invsrc_insertion *const *insertions, uint64_t count) {
  sound->insert_all(context, insertions, count);
  for (uint64_t i = 1; i < count; i++) insertions[i]->outcome = insertions[0]->outcome;
}

/* Goes no further than the first that fails. */
static void insert_all_until(void *context, invsrc_insertion *const *insertions, uint64_t count) {
  int32_t outcome = INVSRC_OUTCOME_OK;

  for (uint64_t i = 0; i < count; i++) {
    if (outcome == INVSRC_OUTCOME_OK) sound->insert_all(context, insertions + i, 1);
    if (outcome == INVSRC_OUTCOME_OK) outcome = insertions[i]->outcome;
    insertions[i]->outcome = outcome;
  }
}

static void insert_all_backwards(void *context, invsrc_insertion *const *insertions,
                                 uint64_t count) {
  while (count--) sound->insert_all(context, insertions + count, 1);
}

static void insert_all_without_event(void *context, invsrc_insertion *const *insertions,
                                     uint64_t count) {
  for (uint64_t i = 0; i < count; i++) insertions[i]->event = NULL;
  sound->insert_all(context, insertions, count);
}

/* ---- Faults of get, list and find -------------------------------------------------- */

static int32_t get_zero(void *context, const char *storefront, uint64_t storefront_length,
                        const char *source_id, uint64_t source_id_length, invsrc_source *source,
                        invsrc_buffer *sealed) {
  int32_t outcome = sound->get(context, storefront, storefront_length, source_id, source_id_length,
                               source, sealed);

  return outcome == INVSRC_OUTCOME_OK ? 0 : 42;
}

static int32_t get_nothing(void *context, const char *storefront, uint64_t storefront_length,
                           const char *source_id, uint64_t source_id_length, invsrc_source *source,
                           invsrc_buffer *sealed) {
  (void)context, (void)storefront, (void)storefront_length, (void)source_id;
  (void)source_id_length, (void)source, (void)sealed;
  return INVSRC_OUTCOME_OK;
}

static int32_t get_of_any_storefront(void *context, const char *storefront,
                                     uint64_t storefront_length, const char *source_id,
                                     uint64_t source_id_length, invsrc_source *source,
                                     invsrc_buffer *sealed) {
  (void)storefront, (void)storefront_length;
  return sound->get(context, "acme", 4, source_id, source_id_length, source, sealed);
}

static int32_t get_without_sealed(void *context, const char *storefront, uint64_t storefront_length,
                                  const char *source_id, uint64_t source_id_length,
                                  invsrc_source *source, invsrc_buffer *sealed) {
  int32_t outcome = sound->get(context, storefront, storefront_length, source_id, source_id_length,
                               source, sealed);

  invsrc_buffer_set(sealed, NULL, 0);
  return outcome;
}

/* Appends what is in `from`, from the end on, and ends it. */
static void append_reversed(invsrc_source_list *to, invsrc_source_list *from, int with_sealed) {
  for (uint64_t i = invsrc_source_list_count(from); i-- > 0;) {
    uint64_t length = 0;
    const void *sealed = with_sealed ? invsrc_source_list_sealed(from, i, &length) : NULL;
    invsrc_source_list_append(to, invsrc_source_list_at(from, i), sealed, length);
  }
  invsrc_source_list_free(from);
}

static int32_t list_reversed(void *context, const char *storefront, uint64_t length, uint64_t skip,
                             uint64_t take, invsrc_source_list *list, uint64_t *total) {
  invsrc_source_list *other = invsrc_source_list_new();
  int32_t outcome = sound->list(context, storefront, length, skip, take, other, total);

  append_reversed(list, other, 1);
  return outcome;
}

static int32_t list_total_of_page(void *context, const char *storefront, uint64_t length,
                                  uint64_t skip, uint64_t take, invsrc_source_list *list,
                                  uint64_t *total) {
  int32_t outcome = sound->list(context, storefront, length, skip, take, list, total);

  *total = invsrc_source_list_count(list);
  return outcome;
}

static int32_t list_without_total(void *context, const char *storefront, uint64_t length,
                                  uint64_t skip, uint64_t take, invsrc_source_list *list,
                                  uint64_t *total) {
  uint64_t before = *total;
  int32_t outcome = sound->list(context, storefront, length, skip, take, list, total);

  *total = before;
  return outcome;
}

static int32_t list_one_too_many(void *context, const char *storefront, uint64_t length,
                                 uint64_t skip, uint64_t take, invsrc_source_list *list,
                                 uint64_t *total) {
  return sound->list(context, storefront, length, skip, take == UINT64_MAX ? take : take + 1, list,
                     total);
}

/* By the agent where there is no such consent. */
static int32_t find_by_either(void *context, int32_t field, const char *value, uint64_t length,
                              invsrc_source *source, invsrc_buffer *sealed) {
  int32_t outcome = sound->find(context, field, value, length, source, sealed);

  if (outcome != INVSRC_OUTCOME_NOT_FOUND) return outcome;
  return sound->find(context, INVSRC_SOURCE_AGENT_ID, value, length, source, sealed);
}

static int32_t find_by_any(void *context, int32_t field, const char *value, uint64_t length,
                           invsrc_source *source, invsrc_buffer *sealed) {
  int32_t outcome = sound->find(context, field, value, length, source, sealed);

  return outcome == INVSRC_OUTCOME_FAILED ? INVSRC_OUTCOME_NOT_FOUND : outcome;
}

/* Remembers what it found last, and that it may be gone not. */
static int32_t find_remembered(void *context, int32_t field, const char *value, uint64_t length,
                               invsrc_source *source, invsrc_buffer *sealed) {
  static char last_value[64], last_agent[64];
  int32_t outcome = sound->find(context, field, value, length, source, sealed);

  if (outcome == INVSRC_OUTCOME_OK) {
    snprintf(last_value, sizeof last_value, "%s", value);
    snprintf(last_agent, sizeof last_agent, "%s",
             invsrc_source_text(source, INVSRC_SOURCE_AGENT_ID, NULL));
  } else if (outcome == INVSRC_OUTCOME_NOT_FOUND && strcmp(value, last_value) == 0) {
    outcome = sound->find(context, INVSRC_SOURCE_AGENT_ID, last_agent, strlen(last_agent), source,
                          sealed);
  }
  return outcome;
}

/* ---- Faults of update and remove ----------------------------------------------------- */

/* The source as it is stored now. */
static int32_t find_now(void *context, const invsrc_source *source, invsrc_source *now) {
  uint64_t length;
  const char *agent = invsrc_source_text(source, INVSRC_SOURCE_AGENT_ID, &length);
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome = sound->find(context, INVSRC_SOURCE_AGENT_ID, agent, length, now, sealed);

  invsrc_buffer_free(sealed);
  return outcome;
}

static uint64_t revision_now(void *context, const invsrc_source *source) {
  invsrc_source *now = invsrc_source_new();
  int64_t revision = 0;

  if (find_now(context, source, now) == INVSRC_OUTCOME_OK)
    revision = invsrc_source_number(now, INVSRC_SOURCE_REVISION);
  invsrc_source_free(now);
  return (uint64_t)revision;
}

static int32_t update_any_revision(void *context, const invsrc_source *source, uint64_t revision,
                                   int64_t lease_end, uint32_t parts, const void *sealed,
                                   uint64_t length, const invsrc_event *event,
                                   invsrc_buffer *replaced) {
  (void)revision;
  return sound->update(context, source, revision_now(context, source), lease_end, parts, sealed,
                       length, event, replaced);
}

/* Compares, and then writes over what came in between. */
static int32_t update_after_look(void *context, const invsrc_source *source, uint64_t revision,
                                 int64_t lease_end, uint32_t parts, const void *sealed,
                                 uint64_t length, const invsrc_event *event,
                                 invsrc_buffer *replaced) {
  if (revision_now(context, source) != revision) return INVSRC_OUTCOME_CONFLICT;
  pause_a_little();
  return update_any_revision(context, source, revision, lease_end, parts, sealed, length, event,
                             replaced);
}

static int32_t update_any_claim(void *context, const invsrc_source *source, uint64_t revision,
                                int64_t lease_end, uint32_t parts, const void *sealed,
                                uint64_t length, const invsrc_event *event,
                                invsrc_buffer *replaced) {
  (void)lease_end;
  return sound->update(context, source, revision, 0, parts, sealed, length, event, replaced);
}

static int32_t update_keeping_replaced(void *context, const invsrc_source *source,
                                       uint64_t revision, int64_t lease_end, uint32_t parts,
                                       const void *sealed, uint64_t length,
                                       const invsrc_event *event, invsrc_buffer *replaced) {
  int32_t outcome =
      sound->update(context, source, revision, lease_end, parts, sealed, length, event, replaced);

  invsrc_buffer_set(replaced, NULL, 0);
  return outcome;
}

static int32_t update_all_parts(void *context, const invsrc_source *source, uint64_t revision,
                                int64_t lease_end, uint32_t parts, const void *sealed,
                                uint64_t length, const invsrc_event *event,
                                invsrc_buffer *replaced) {
  return sound->update(context, source, revision, lease_end,
                       parts | INVSRC_PART_RECORD | INVSRC_PART_CHECK, sealed, length, event,
                       replaced);
}

static int32_t update_without_event(void *context, const invsrc_source *source, uint64_t revision,
                                    int64_t lease_end, uint32_t parts, const void *sealed,
                                    uint64_t length, const invsrc_event *event,
                                    invsrc_buffer *replaced) {
  (void)event;
  return sound->update(context, source, revision, lease_end, parts, sealed, length, NULL, replaced);
}

/* What fails with the event has been done already. */
static int32_t update_in_steps(void *context, const invsrc_source *source, uint64_t revision,
                               int64_t lease_end, uint32_t parts, const void *sealed,
                               uint64_t length, const invsrc_event *event,
                               invsrc_buffer *replaced) {
  int32_t outcome =
      sound->update(context, source, revision, lease_end, parts, sealed, length, event, replaced);

  if (outcome == INVSRC_OUTCOME_FAILED && event)
    sound->update(context, source, revision, lease_end, parts, sealed, length, NULL, replaced);
  return outcome;
}

static int32_t update_taken_consents(void *context, const invsrc_source *source, uint64_t revision,
                                     int64_t lease_end, uint32_t parts, const void *sealed,
                                     uint64_t length, const invsrc_event *event,
                                     invsrc_buffer *replaced) {
  int32_t outcome =
      sound->update(context, source, revision, lease_end, parts, sealed, length, event, replaced);

  return outcome == INVSRC_OUTCOME_FAILED ? INVSRC_OUTCOME_OK : outcome;
}

/* What is absent stays as it was, as it does with COALESCE. */
static int32_t update_present_fields(void *context, const invsrc_source *source, uint64_t revision,
                                     int64_t lease_end, uint32_t parts, const void *sealed,
                                     uint64_t length, const invsrc_event *event,
                                     invsrc_buffer *replaced) {
  invsrc_source *copy = copy_source(source), *now = invsrc_source_new();
  int32_t outcome;

  find_now(context, source, now);
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    uint64_t text_length;
    const char *text = invsrc_source_text(now, field, &text_length);
    if (text && !invsrc_source_text(copy, field, NULL))
      invsrc_source_set_text(copy, field, text, text_length);
  }
  outcome =
      sound->update(context, copy, revision, lease_end, parts, sealed, length, event, replaced);
  invsrc_source_free(copy);
  invsrc_source_free(now);
  return outcome;
}

static int32_t remove_any_revision(void *context, const invsrc_source *source, uint64_t revision,
                                   const invsrc_event *event, invsrc_buffer *sealed) {
  int32_t outcome = sound->remove(context, source, revision, event, sealed);

  for (revision = 1; revision < 4 && outcome == INVSRC_OUTCOME_CONFLICT; revision++)
    outcome = sound->remove(context, source, revision, event, sealed);
  return outcome;
}

static int32_t remove_keeping_sealed(void *context, const invsrc_source *source, uint64_t revision,
                                     const invsrc_event *event, invsrc_buffer *sealed) {
  int32_t outcome = sound->remove(context, source, revision, event, sealed);

  invsrc_buffer_set(sealed, NULL, 0);
  return outcome;
}

static int32_t remove_without_event(void *context, const invsrc_source *source, uint64_t revision,
                                    const invsrc_event *event, invsrc_buffer *sealed) {
  (void)event;
  return sound->remove(context, source, revision, NULL, sealed);
}

static int32_t remove_nothing(void *context, const invsrc_source *source, uint64_t revision,
                              const invsrc_event *event, invsrc_buffer *sealed) {
  (void)context, (void)source, (void)revision, (void)event, (void)sealed;
  return INVSRC_OUTCOME_OK;
}

/* ---- Faults of due, and of events ------------------------------------------------------ */

/* What was given out is due as it was. */
static int32_t due_without_claim(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                                 invsrc_source_list *list) {
  int32_t outcome = sound->due(context, now, lease_end, limit, list);
  invsrc_buffer *none = invsrc_buffer_new();

  for (uint64_t i = 0; i < invsrc_source_list_count(list); i++) {
    invsrc_source *copy = copy_source(invsrc_source_list_at(list, i));
    invsrc_source_set_number(copy, INVSRC_SOURCE_NEXT_CHECK_AT, now);
    sound->update(context, copy, 1, 0, INVSRC_PART_CHECK, NULL, 0, NULL, none);
    invsrc_source_free(copy);
  }
  invsrc_buffer_free(none);
  return outcome;
}

static int32_t due_reversed(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                            invsrc_source_list *list) {
  invsrc_source_list *other = invsrc_source_list_new();
  int32_t outcome = sound->due(context, now, lease_end, limit, other);

  append_reversed(list, other, 1);
  return outcome;
}

static int32_t due_without_sealed(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                                  invsrc_source_list *list) {
  invsrc_source_list *other = invsrc_source_list_new();
  int32_t outcome = sound->due(context, now, lease_end, limit, other);

  append_reversed(list, other, 0);
  return outcome;
}

static int32_t due_without_limit(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                                 invsrc_source_list *list) {
  (void)limit;
  return sound->due(context, now, lease_end, UINT64_MAX, list);
}

/* A source that nobody stored, for ever. */
static int32_t due_strangers(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                             invsrc_source_list *list) {
  invsrc_source *source = invsrc_source_new();

  (void)context, (void)now, (void)lease_end, (void)limit;
  invsrc_source_list_append(list, source, NULL, 0);
  invsrc_source_set_text(source, INVSRC_SOURCE_ID, "99999999999999999999", 20);
  invsrc_source_list_append(list, source, NULL, 0);
  invsrc_source_free(source);
  return INVSRC_OUTCOME_OK;
}

static int32_t event_next_without_claim(void *context, int64_t now, int64_t lease_end,
                                        invsrc_event *event) {
  (void)lease_end;
  return sound->event_next(context, now, now, event);
}

static int32_t event_next_too_early(void *context, int64_t now, int64_t lease_end,
                                    invsrc_event *event) {
  return sound->event_next(context, now > INT64_MAX - 1000 ? now : now + 1000, lease_end, event);
}

static int32_t event_next_empty(void *context, int64_t now, int64_t lease_end,
                                invsrc_event *event) {
  invsrc_event *other = invsrc_event_new();
  int32_t outcome = sound->event_next(context, now, lease_end, other);

  (void)event;
  invsrc_event_free(other);
  return outcome;
}

static int32_t event_next_short(void *context, int64_t now, int64_t lease_end,
                                invsrc_event *event) {
  int32_t outcome = sound->event_next(context, now, lease_end, event);
  uint64_t length;
  const char *payload = invsrc_event_text(event, INVSRC_EVENT_PAYLOAD, &length);
  char cut[4000];

  if (length <= sizeof cut) return outcome;
  memcpy(cut, payload, sizeof cut);
  invsrc_event_set_text(event, INVSRC_EVENT_PAYLOAD, cut, sizeof cut);
  return outcome;
}

static int32_t event_end_never(void *context, const char *id, uint64_t length, int64_t next_at) {
  return next_at ? sound->event_end(context, id, length, next_at) : INVSRC_OUTCOME_OK;
}

/* Whatever the time, they come as they were kept. */
static int32_t event_end_at_once(void *context, const char *id, uint64_t length, int64_t next_at) {
  return sound->event_end(context, id, length, next_at ? 1 : 0);
}

/* ---- The suite on broken stores ---------------------------------------------------------- */

/* One run of a suite. */
struct run {
  int forgets; /* what is opened again is another store */
  int opens;   /* how often it may be opened; 0: as often as it likes */
  int open;    /* stores */
  int passed, failed, skipped;
  char last[64]; /* name, and message, of the check that failed last */
  char message[1024];
};

static int32_t open_memory(void *host, void **context) {
  struct run *run = host;
  invsrc_memory *memory = NULL;
  int32_t result;

  if (run->opens && --run->opens == 0) return INVSRC_EUNAVAILABLE;
  result = invsrc_memory_new(&memory);
  *context = memory;
  run->open++;
  return result;
}

static void close_memory(void *host, void *context) {
  struct run *run = host;

  invsrc_memory_free(context);
  run->open--;
}

static int32_t reopen_memory(void *host, void *context, void **reopened) {
  struct run *run = host;

  *reopened = context;
  if (!run->forgets) return INVSRC_OK;
  close_memory(host, context);
  return open_memory(host, reopened);
}

static void hear(void *host, const invsrc_conformance_check *check) {
  struct run *run = host;

  assert_int_equal(check->size, sizeof *check);
  assert_int_equal(run->open, 0);
  run->passed += check->result == INVSRC_CONFORMANCE_PASSED;
  run->skipped += check->result == INVSRC_CONFORMANCE_SKIPPED;
  assert_true((check->result == INVSRC_CONFORMANCE_PASSED) == (check->message[0] == '\0'));
  for (const char *at = check->message; *at; at++) assert_in_range(*at, ' ', '~');
  if (check->result != INVSRC_CONFORMANCE_FAILED) return;
  run->failed++;
  snprintf(run->last, sizeof run->last, "%s", check->name);
  snprintf(run->message, sizeof run->message, "%s", check->message);
}

static invsrc_conformance describe(struct run *run, const char *only) {
  return (invsrc_conformance){.size = sizeof(invsrc_conformance),
                              .traits = INVSRC_CONFORMANCE_THREADS,
                              .open = open_memory,
                              .close = close_memory,
                              .reopen = reopen_memory,
                              .hear = hear,
                              .host = run,
                              .only = only,
                              .many = MANY};
}

static void run_store(const invsrc_store_vtable *table, const char *only, struct run *run) {
  invsrc_conformance description = describe(run, only);
  int32_t failures = invsrc_store_conformance(table, &description);

  assert_int_equal(failures, run->failed);
  assert_int_equal(run->open, 0);
}

/* Each with the check that must find it. */
static const struct fault {
  const char *name;
  invsrc_store_vtable wrong; /* what it has takes the place of what is sound */
  const char *found_by;
} faults[] = {
    {"an event is lost with insert",
     {.insert = insert_without_event},
     "events_are_kept_until_taken"},
    {"insert is not atomic", {.insert = insert_in_steps}, "a_change_and_its_event_are_one"},
    {"duplicates are accepted", {.insert = insert_duplicates}, "what_is_unique_stays_unique"},
    {"a consent is two sources'", {.insert = insert_duplicates}, "a_consent_is_one_sources"},
    {"sealed bytes end at a NUL", {.insert = insert_sealed_text}, "every_field_comes_back"},
    {"long texts are cut", {.insert = insert_short_texts}, "long_values_come_back"},
    {"numbers are doubles", {.insert = insert_doubles}, "every_field_comes_back"},
    {"absent is empty", {.insert = insert_empty_for_absent}, "absent_fields_stay_absent"},
    {"names have no case", {.insert = insert_folded}, "names_are_bytes"},
    {"insert looks and then writes", {.insert = insert_after_look}, "each_name_has_one_winner"},
    {"insert_all tells no outcomes",
     {.insert_all = insert_all_silent},
     "each_of_several_has_its_outcome"},
    {"insert_all has one outcome",
     {.insert_all = insert_all_alike},
     "each_of_several_has_its_outcome"},
    {"one failure of several is all theirs",
     {.insert_all = insert_all_until},
     "each_of_several_has_its_outcome"},
    {"the last of several has the name",
     {.insert_all = insert_all_backwards},
     "each_of_several_has_its_outcome"},
    {"insert_all loses events",
     {.insert_all = insert_all_without_event},
     "each_of_several_has_its_outcome"},
    {"outcomes are out of range", {.get = get_zero}, "a_new_store_is_empty"},
    {"get fills nothing", {.get = get_nothing}, "every_field_comes_back"},
    {"get knows no storefronts", {.get = get_of_any_storefront}, "names_are_bytes"},
    {"get forgets what was sealed", {.get = get_without_sealed}, "what_is_stored_lasts"},
    {"lists are in another order", {.list = list_reversed}, "lists_are_in_order"},
    {"many are in another order", {.list = list_reversed}, "many_sources_keep_their_order"},
    {"the total is the page's", {.list = list_total_of_page}, "lists_are_in_order"},
    {"there is no total", {.list = list_without_total}, "a_new_store_is_empty"},
    {"a page is too long", {.list = list_one_too_many}, "lists_are_in_order"},
    {"find takes a consent for an agent", {.find = find_by_either}, "sources_are_found"},
    {"find takes any field", {.find = find_by_any}, "sources_are_found"},
    {"find remembers what is gone", {.find = find_remembered}, "many_consents_are_told_apart"},
    {"revisions are not compared", {.update = update_any_revision}, "revisions_are_compared"},
    {"update looks and then writes", {.update = update_after_look}, "no_update_is_lost"},
    {"leases are ignored", {.update = update_any_claim}, "a_late_result_changes_nothing"},
    {"update keeps what it replaced",
     {.update = update_keeping_replaced},
     "updates_write_their_parts"},
    {"update writes more than its parts",
     {.update = update_all_parts},
     "updates_write_their_parts"},
    {"an event is lost with update",
     {.update = update_without_event},
     "events_are_kept_until_taken"},
    {"update is not atomic", {.update = update_in_steps}, "a_change_and_its_event_are_one"},
    {"a consent moves with a lost change",
     {.update = update_in_steps},
     "a_lost_change_moves_no_consent"},
    {"a taken consent is accepted", {.update = update_taken_consents}, "a_consent_is_one_sources"},
    {"update takes nothing away", {.update = update_present_fields}, "updates_take_fields_away"},
    {"remove compares no revision",
     {.remove = remove_any_revision},
     "a_late_removal_changes_nothing"},
    {"remove keeps what was sealed", {.remove = remove_keeping_sealed}, "what_is_removed_is_gone"},
    {"an event is lost with remove", {.remove = remove_without_event}, "what_is_removed_is_gone"},
    {"remove removes nothing", {.remove = remove_nothing}, "what_is_removed_is_gone"},
    {"due claims nothing", {.due = due_without_claim}, "what_is_due_is_claimed"},
    {"due gives out twice", {.due = due_without_claim}, "nothing_is_claimed_twice"},
    {"due is in another order", {.due = due_reversed}, "what_is_due_is_claimed"},
    {"due forgets what was sealed", {.due = due_without_sealed}, "what_is_due_is_claimed"},
    {"due has no limit", {.due = due_without_limit}, "what_is_due_is_claimed"},
    {"due gives out what is not there", {.due = due_strangers}, "nothing_is_claimed_twice"},
    {"event_next claims nothing",
     {.event_next = event_next_without_claim},
     "events_are_kept_until_taken"},
    {"event_next gives out twice",
     {.event_next = event_next_without_claim},
     "no_event_is_given_twice"},
    {"event_next is too early",
     {.event_next = event_next_too_early},
     "events_are_kept_until_taken"},
    {"event_next fills nothing", {.event_next = event_next_empty}, "no_event_is_given_twice"},
    {"long events are cut", {.event_next = event_next_short}, "long_events_come_back"},
    {"events do not end", {.event_end = event_end_never}, "events_are_kept_until_taken"},
    {"events are due at once", {.event_end = event_end_at_once}, "events_come_as_they_are_due"},
};

#define FAULTS (sizeof faults / sizeof *faults)

/* The sound store, with what the other has in its place. */
static invsrc_store_vtable break_store(const invsrc_store_vtable *wrong) {
  invsrc_store_vtable table = *sound;

  if (wrong->insert) table.insert = wrong->insert;
  if (wrong->get) table.get = wrong->get;
  if (wrong->list) table.list = wrong->list;
  if (wrong->update) table.update = wrong->update;
  if (wrong->remove) table.remove = wrong->remove;
  if (wrong->due) table.due = wrong->due;
  if (wrong->event_next) table.event_next = wrong->event_next;
  if (wrong->event_end) table.event_end = wrong->event_end;
  if (wrong->find) table.find = wrong->find;
  if (wrong->insert_all) table.insert_all = wrong->insert_all;
  return table;
}

static void each_fault_is_found(void **state) {
  (void)state;
  for (size_t i = 0; i < FAULTS; i++) {
    invsrc_store_vtable table = break_store(&faults[i].wrong);
    struct run run = {0};

    run_store(&table, faults[i].found_by, &run);
    if (run.failed != 1 || run.passed || run.skipped)
      fail_msg("%s: %s does not find it", faults[i].name, faults[i].found_by);
  }
}

static void a_store_that_forgets_is_found(void **state) {
  struct run run = {.forgets = 1};

  (void)state;
  run_store(sound, NULL, &run);
  assert_int_equal(run.failed, 1);
  assert_string_equal(run.last, "what_is_stored_lasts");
}

/* There is no check that cannot fail. */
static void each_check_finds_a_fault(void **state) {
  const char *name;

  (void)state;
  for (uint64_t i = 0; (name = invsrc_store_conformance_name(i)); i++) {
    int found = strcmp(name, "what_is_stored_lasts") == 0;
    for (size_t j = 0; j < FAULTS; j++) found |= strcmp(faults[j].found_by, name) == 0;
    if (!found) fail_msg("no fault is found by %s", name);
  }
}

/* ---- Stores that do anything -------------------------------------------------------------- */

static uint32_t bits;

static uint32_t draw(uint32_t below) {
  bits = bits * UINT32_C(1664525) + UINT32_C(1013904223);
  return (bits >> 16) % below;
}

/* Now and then another outcome than that of what was done. */
static int32_t any_outcome(int32_t outcome) {
  return draw(8) ? outcome : (int32_t)draw(16) - 1;
}

static int32_t insert_anyhow(void *context, const invsrc_source *source, const void *sealed,
                             uint64_t length, const invsrc_event *event) {
  if (!draw(16)) return any_outcome(INVSRC_OUTCOME_OK);
  return any_outcome(sound->insert(context, source, sealed, length, event));
}

static int32_t get_anyhow(void *context, const char *storefront, uint64_t storefront_length,
                          const char *source_id, uint64_t source_id_length, invsrc_source *source,
                          invsrc_buffer *sealed) {
  if (!draw(16)) invsrc_buffer_set(sealed, "\xff\0\x01", 3);
  if (!draw(16)) return any_outcome(INVSRC_OUTCOME_OK);
  return any_outcome(sound->get(context, storefront, storefront_length, source_id, source_id_length,
                                source, sealed));
}

static int32_t list_anyhow(void *context, const char *storefront, uint64_t length, uint64_t skip,
                           uint64_t take, invsrc_source_list *list, uint64_t *total) {
  invsrc_source *source = invsrc_source_new();

  if (!draw(4)) invsrc_source_list_append(list, source, NULL, 0);
  invsrc_source_free(source);
  if (!draw(16)) return any_outcome(INVSRC_OUTCOME_OK);
  return any_outcome(sound->list(context, storefront, length, skip, take, list, total));
}

static int32_t update_anyhow(void *context, const invsrc_source *source, uint64_t revision,
                             int64_t lease_end, uint32_t parts, const void *sealed, uint64_t length,
                             const invsrc_event *event, invsrc_buffer *replaced) {
  if (!draw(16)) return any_outcome(INVSRC_OUTCOME_OK);
  return any_outcome(
      sound->update(context, source, revision, lease_end, parts, sealed, length, event, replaced));
}

static int32_t remove_anyhow(void *context, const invsrc_source *source, uint64_t revision,
                             const invsrc_event *event, invsrc_buffer *sealed) {
  if (!draw(16)) return any_outcome(INVSRC_OUTCOME_OK);
  return any_outcome(sound->remove(context, source, revision, event, sealed));
}

static int32_t due_anyhow(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                          invsrc_source_list *list) {
  if (!draw(16)) return due_strangers(context, now, lease_end, limit, list);
  return any_outcome(sound->due(context, now, lease_end, limit, list));
}

static int32_t event_next_anyhow(void *context, int64_t now, int64_t lease_end,
                                 invsrc_event *event) {
  if (!draw(16)) return any_outcome(INVSRC_OUTCOME_OK);
  return any_outcome(sound->event_next(context, now, lease_end, event));
}

static int32_t event_end_anyhow(void *context, const char *id, uint64_t length, int64_t next_at) {
  return any_outcome(sound->event_end(context, id, length, next_at));
}

static int32_t find_anyhow(void *context, int32_t field, const char *value, uint64_t length,
                           invsrc_source *source, invsrc_buffer *sealed) {
  if (!draw(16)) return any_outcome(INVSRC_OUTCOME_OK);
  return any_outcome(sound->find(context, field, value, length, source, sealed));
}

static void insert_all_anyhow(void *context, invsrc_insertion *const *insertions, uint64_t count) {
  for (uint64_t i = 0; i < count; i++)
    insertions[i]->outcome = insert_anyhow(context, insertions[i]->source, insertions[i]->sealed,
                                           insertions[i]->length, insertions[i]->event);
}

static void nothing_makes_it_crash(void **state) {
  static const invsrc_store_vtable any = {sizeof any,       0,           insert_anyhow,
                                          get_anyhow,       list_anyhow, update_anyhow,
                                          remove_anyhow,    due_anyhow,  event_next_anyhow,
                                          event_end_anyhow, find_anyhow, insert_all_anyhow};
  int failed = 0;

  (void)state;
  for (uint32_t seed = 0; seed < 40; seed++) {
    struct run run = {.forgets = seed & 1};
    invsrc_conformance description = describe(&run, NULL);
    bits = seed;
    description.traits = 0;
    failed += invsrc_store_conformance(&any, &description);
  }
  assert_in_range(failed, 40 * 10, 40 * 30);
}

/* ---- The suite on what there is of a store --------------------------------------------------- */

static void a_sound_store_passes(void **state) {
  struct run run = {0};

  (void)state;
  run_store(sound, NULL, &run);
  assert_int_equal(run.failed + run.skipped, 0);
  assert_int_equal(run.passed, 29);
}

static void what_there_is_not_is_skipped(void **state) {
  invsrc_store_vtable table = *sound;
  struct run run = {0};
  invsrc_conformance description = describe(&run, NULL);

  (void)state;
  table.size = offsetof(invsrc_store_vtable, event_next);
  description.traits = 0;
  description.reopen = NULL;
  assert_int_equal(invsrc_store_conformance(&table, &description), 0);
  assert_int_equal(run.passed, 15);
  assert_int_equal(run.skipped, 14);
  /* One of the two functions for events is none. */
  run = (struct run){0};
  table = *sound;
  table.event_end = NULL;
  run_store(&table, "event", &run);
  assert_int_equal(run.skipped, 5);
  assert_int_equal(run.passed + run.failed, 0);
}

static void what_cannot_be_opened_fails(void **state) {
  struct run run = {.opens = 2};

  (void)state;
  run_store(sound, NULL, &run);
  assert_int_equal(run.failed, 1);
  assert_string_equal(run.last, "every_field_comes_back");
  assert_non_null(strstr(run.message, ": open: "));
  run = (struct run){.opens = 2, .forgets = 1};
  run_store(sound, "what_is_stored_lasts", &run);
  assert_int_equal(run.failed, 1);
  assert_non_null(strstr(run.message, ": reopen: "));
}

/* They say where in the suite, what was seen and what was expected. */
static void messages_tell_what_was_seen(void **state) {
  static const struct {
    invsrc_store_vtable wrong;
    const char *only, *message;
  } cases[] = {
      {{.get = get_zero}, "a_new_store", "came to 42, no outcome of it, expected NOT_FOUND"},
      {{.insert = insert_duplicates},
       "unique",
       "insert of 3001 as acme/free: came to OK, expected DUPLICATE"},
      {{.list = list_reversed}, "lists", "ids is '15 12 17 11 19', expected '19 11 17 12 15'"},
      {{.insert = insert_doubles}, "every", "is 9007199254740992, expected 9007199254740993"},
      {{.insert = insert_empty_for_absent}, "absent", "oauthAudience is '', expected none"},
      {{.get = get_nothing}, "every", "get of acme/every-field: id is absent, expected 'id: "},
      {{.insert = insert_sealed_text}, "every", "what was sealed has 0 bytes, expected 18"},
      {{.insert = insert_short_texts}, "long_values", "description has 2000 bytes, expected 65536"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    invsrc_store_vtable table = break_store(&cases[i].wrong);
    struct run run = {0};
    run_store(&table, cases[i].only, &run);
    assert_int_equal(run.failed, 1);
    assert_int_equal(strncmp(run.message, "lib/testkit/store_", 18), 0);
    if (!strstr(run.message, cases[i].message)) fail_msg("%s", run.message);
  }
}

static void mistakes_are_told(void **state) {
  invsrc_store_vtable table = *sound;
  struct run run = {0};
  invsrc_conformance good = describe(&run, "lists"), bad = good;

  (void)state;
  assert_int_equal(invsrc_store_conformance(NULL, &good), INVSRC_EINVAL);
  assert_int_equal(invsrc_store_conformance(sound, NULL), INVSRC_EINVAL);
  table.due = NULL;
  assert_int_equal(invsrc_store_conformance(&table, &good), INVSRC_EINVAL);
  bad.open = NULL;
  assert_int_equal(invsrc_store_conformance(sound, &bad), INVSRC_EINVAL);
  assert_int_equal(invsrc_clients_conformance(sound_clients, &bad), INVSRC_EINVAL);
  bad = good;
  bad.size = offsetof(invsrc_conformance, close);
  assert_int_equal(invsrc_store_conformance(sound, &bad), INVSRC_EINVAL);
  bad = good;
  bad.traits = 2;
  assert_int_equal(invsrc_store_conformance(sound, &bad), INVSRC_EINVAL);
  bad = good;
  bad.many = 1000001;
  assert_int_equal(invsrc_store_conformance(sound, &bad), INVSRC_EINVAL);
  bad = good;
  bad.only = "no_such_check";
  assert_int_equal(invsrc_store_conformance(sound, &bad), INVSRC_ENOTFOUND);
  assert_int_equal(invsrc_clients_conformance(NULL, &good), INVSRC_EINVAL);
  assert_int_equal(invsrc_clients_conformance(sound_clients, NULL), INVSRC_EINVAL);
  assert_int_equal(run.passed + run.failed + run.skipped, 0);
  good.hear = NULL;
  assert_int_equal(invsrc_store_conformance(sound, &good), 0);
}

/* So that `only` can mean one; and they are what a test of a program may be called. */
static void names_tell_checks_apart(void **state) {
  static const char *(*const names[])(uint64_t) = {invsrc_store_conformance_name,
                                                   invsrc_clients_conformance_name};

  (void)state;
  for (int suite = 0; suite < 2; suite++) {
    const char *name, *other;
    for (uint64_t i = 0; (name = names[suite](i)); i++) {
      assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
      for (uint64_t j = 0; (other = names[suite](j)); j++)
        if (i != j) assert_null(strstr(other, name));
    }
    assert_null(names[suite](UINT64_MAX));
  }
}

/* One source, or as many as the prime by which their order is made. */
static void many_may_be_any_number(void **state) {
  static const uint64_t numbers[] = {1, 2, 50, 76, 7919};

  (void)state;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct run run = {0};
    invsrc_conformance description = describe(&run, "many_sources_keep_their_order");
    description.many = numbers[i];
    assert_int_equal(invsrc_store_conformance(sound, &description), 0);
  }
}

/* ---- Broken keepers of clients ------------------------------------------------------------------
 */

static int32_t put_by_issuer(void *context, const char *issuer, uint64_t issuer_length,
                             const char *uri, uint64_t uri_length, const void *sealed,
                             uint64_t length) {
  (void)uri, (void)uri_length;
  return sound_clients->put(context, issuer, issuer_length, "", 0, sealed, length);
}

static int32_t get_by_issuer(void *context, const char *issuer, uint64_t issuer_length,
                             const char *uri, uint64_t uri_length, invsrc_buffer *sealed) {
  (void)uri, (void)uri_length;
  return sound_clients->get(context, issuer, issuer_length, "", 0, sealed);
}

static int32_t put_text(void *context, const char *issuer, uint64_t issuer_length, const char *uri,
                        uint64_t uri_length, const void *sealed, uint64_t length) {
  return sound_clients->put(context, issuer, issuer_length, uri, uri_length, sealed,
                            length > 8 ? 8 : length);
}

static int32_t put_always(void *context, const char *issuer, uint64_t issuer_length,
                          const char *uri, uint64_t uri_length, const void *sealed,
                          uint64_t length) {
  if (!sealed) return INVSRC_OUTCOME_OK;
  return sound_clients->put(context, issuer, issuer_length, uri, uri_length, sealed, length);
}

/* Whoever comes first stays. */
static int32_t put_once(void *context, const char *issuer, uint64_t issuer_length, const char *uri,
                        uint64_t uri_length, const void *sealed, uint64_t length) {
  invsrc_buffer *other = invsrc_buffer_new();
  int32_t outcome = sound_clients->get(context, issuer, issuer_length, uri, uri_length, other);

  invsrc_buffer_free(other);
  if (outcome == INVSRC_OUTCOME_OK && sealed) return outcome;
  return sound_clients->put(context, issuer, issuer_length, uri, uri_length, sealed, length);
}

/* What two put is of both. */
static int32_t put_mixed(void *context, const char *issuer, uint64_t issuer_length, const char *uri,
                         uint64_t uri_length, const void *sealed, uint64_t length) {
  if (issuer_length == 1) sealed = "own 0own 1", length = 10;
  return sound_clients->put(context, issuer, issuer_length, uri, uri_length, sealed, length);
}

static void each_fault_of_clients_is_found(void **state) {
  static const struct {
    const char *name;
    invsrc_clients_vtable table;
    const char *found_by;
  } cases[] = {
      {"redirect URIs do not count",
       {.get = get_by_issuer, .put = put_by_issuer},
       "clients_go_by_both_names"},
      {"sealed bytes are cut", {.put = put_text}, "any_bytes_come_back"},
      {"clients do not go", {.put = put_always}, "many_clients_are_told_apart"},
      {"the first one stays", {.put = put_once}, "clients_take_the_place_of_others"},
      {"two are mixed", {.put = put_mixed}, "the_last_registration_counts"},
      {"nothing lasts", {.size = 0}, "clients_last"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    invsrc_clients_vtable table = *sound_clients;
    struct run run = {.forgets = 1};
    invsrc_conformance description = describe(&run, cases[i].found_by);
    if (cases[i].table.get) table.get = cases[i].table.get;
    if (cases[i].table.put) table.put = cases[i].table.put;
    if (invsrc_clients_conformance(&table, &description) != 1 || run.passed || run.skipped)
      fail_msg("%s: %s does not find it", cases[i].name, cases[i].found_by);
    run = (struct run){0};
    if (invsrc_clients_conformance(sound_clients, &description) != 0 || run.passed != 1)
      fail_msg("%s: %s", cases[i].found_by, run.message);
  }
  assert_null(invsrc_clients_conformance_name(sizeof cases / sizeof *cases));
}

static int find_the_sound(void **state) {
  (void)state;
  sound = invsrc_memory_store();
  sound_clients = invsrc_memory_clients();
  return 0;
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_sound_store_passes),
      cmocka_unit_test(each_fault_is_found),
      cmocka_unit_test(a_store_that_forgets_is_found),
      cmocka_unit_test(each_check_finds_a_fault),
      cmocka_unit_test(nothing_makes_it_crash),
      cmocka_unit_test(what_there_is_not_is_skipped),
      cmocka_unit_test(what_cannot_be_opened_fails),
      cmocka_unit_test(messages_tell_what_was_seen),
      cmocka_unit_test(mistakes_are_told),
      cmocka_unit_test(names_tell_checks_apart),
      cmocka_unit_test(many_may_be_any_number),
      cmocka_unit_test(each_fault_of_clients_is_found),
  };

  return cmocka_run_group_tests(tests, find_the_sound, NULL);
}
