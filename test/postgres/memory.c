/*
 * Memory that runs out in the PostgreSQL store, libpq's too: every allocation of opening it and of
 * each operation fails in turn, once and from then on. Each must say so, leak nothing (open files
 * among it), leave what is stored whole, and work when it is asked again. Where only the answer
 * found no memory, what came to pass is found out about.
 */
#include "postgres/postgres.h"

#include "store_life_checks.h"

/* It comes behind the checks, for its variables are their parameters. */
#include "postgres/scratch_pg.h"

#include "client_checks.h"
#include "fault/trials.h"

/* A block that stays behind once is in a library's cache; over and over, it leaks. */
#define TRIES 20

static int number = 1000; /* of the trial: the name of what it makes */

static const char *id_of(int which) {
  static char ids[4][16];
  static int turn;

  turn = (turn + 1) % 4;
  snprintf(ids[turn], sizeof *ids, "%d", which);
  return ids[turn];
}

/* The pool has one connection then, which has all statements that it can have of this. */
static void warm(void) {
  assert_stored(store, "acme", "1", "1");
}

static void try_with_fault(trial *run, unsigned long at, enum heap_mode mode) {
  long before = 0, left = 1;

  for (int i = 0; i < TRIES && left > 0; i++) {
    long files;
    int32_t outcome;
    warm();
    files = open_files();
    before = heap.live;
    number++;
    heap_plan(at, mode);
    outcome = run();
    warm();
    left = heap.live - before;
    if (outcome != INVSRC_OUTCOME_OK) {
      assert_int_equal(outcome, INVSRC_OUTCOME_UNAVAILABLE);
      if (!heap.failures) fail_msg("allocation %lu: no reason to fail", at);
    }
    if (open_files() != files) fail_msg("allocation %lu: a file stays open", at);
  }
  if (left > 0) fail_msg("allocation %lu: %ld blocks are left over", at, left);
}

/* Whether it is there, by what the operation said; where memory failed over and over, it may
 * not have been able to find out. */
static void assert_count(const char *table, const char *id, int32_t outcome, int64_t if_ok) {
  char sql[128];
  int64_t count;

  snprintf(sql, sizeof sql, "SELECT count(*) FROM invsrc_%s WHERE id = '%s'", table, id);
  count = run_sql(sql);
  if (outcome != INVSRC_OUTCOME_OK && heap.mode == HEAP_FROM_THEN_ON)
    assert_in_range(count, 0, 1);
  else
    assert_int_equal(count, outcome == INVSRC_OUTCOME_OK ? if_ok : !if_ok);
}

/* ---- Trials --------------------------------------------------------------------------- */

static int32_t of_result(int32_t result) {
  return result == INVSRC_OK ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t open_another(void) {
  invsrc_postgres *opened = NULL;
  int32_t result;

  heap_open();
  result = invsrc_postgres_open(CONNINFO, &opened, NULL);
  heap_close();
  assert_true((result == INVSRC_OK) == (opened != NULL));
  invsrc_postgres_free(opened);
  return of_result(result);
}

/* With statements that no connection has prepared. */
static int32_t get_afresh(void) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome;

  ivs_pg_pool_empty(pg);
  heap_open();
  outcome = get(store, "acme", "1", source, sealed);
  heap_close();
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  return outcome;
}

static int32_t get_one(void) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome;

  heap_open();
  outcome = get(store, "acme", "1", source, sealed);
  heap_close();
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  return outcome;
}

static int32_t insert_told(void) {
  invsrc_source *source = make_source("acme", id_of(number), id_of(number));
  invsrc_event *event = make_event(id_of(number));
  int32_t outcome;

  heap_open();
  outcome = store.table->insert(store.context, source, "sealed", 6, event);
  heap_close();
  assert_count("sources", id_of(number), outcome, 1);
  assert_count("events", id_of(number), outcome, 1);
  run_sql("DELETE FROM invsrc_sources WHERE id <> '1'; DELETE FROM invsrc_events");
  invsrc_source_free(source);
  invsrc_event_free(event);
  return outcome;
}

static int32_t insert_some(void) {
  struct among all[3] = {{.event_id = NULL}};
  int32_t outcome = INVSRC_OUTCOME_OK;
  struct together it;

  for (int i = 0; i < 3; i++) {
    snprintf(all[i].id, sizeof all[i].id, "%d-some-%d", number, i);
    memcpy(all[i].name, all[i].id, sizeof all[i].name);
  }
  it = begin_together(all, 3);
  heap_open();
  store.table->insert_all(store.context, it.pointers, 3);
  heap_close();
  end_together(&it, all);
  for (int i = 0; i < 3; i++) {
    assert_count("sources", all[i].id, all[i].outcome, 1);
    if (all[i].outcome != INVSRC_OUTCOME_OK) outcome = all[i].outcome;
  }
  run_sql("DELETE FROM invsrc_sources WHERE id <> '1'");
  return outcome;
}

static int32_t change_one(void) {
  invsrc_source *source = make_source("acme", "2", "2");
  invsrc_event *event = make_event(id_of(number));
  invsrc_buffer *replaced = invsrc_buffer_new();
  int32_t outcome;

  assert_int_equal(insert(store, source, "sealed"), INVSRC_OUTCOME_OK);
  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, 2);
  heap_open();
  outcome = store.table->update(store.context, source, 1, 0,
                                INVSRC_PART_RECORD | INVSRC_PART_SEALED, "new", 3, event, replaced);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK)
    assert_string_equal(invsrc_buffer_bytes(replaced, NULL), "sealed");
  assert_count("events", id_of(number), outcome, 1);
  assert_int_equal(run_sql("SELECT count(*) FROM invsrc_sources WHERE revision = 2"),
                   run_sql("SELECT count(*) FROM invsrc_events"));
  run_sql("DELETE FROM invsrc_sources WHERE id = '2'; DELETE FROM invsrc_events");
  invsrc_source_free(source);
  invsrc_event_free(event);
  invsrc_buffer_free(replaced);
  return outcome;
}

static int32_t remove_one(void) {
  invsrc_source *source = make_source("acme", "2", "2");
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome;

  assert_int_equal(insert(store, source, "sealed"), INVSRC_OUTCOME_OK);
  heap_open();
  outcome = store.table->remove(store.context, source, 1, NULL, sealed);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK)
    assert_string_equal(invsrc_buffer_bytes(sealed, NULL), "sealed");
  assert_count("sources", "2", outcome, 0);
  run_sql("DELETE FROM invsrc_sources WHERE id = '2'");
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  return outcome;
}

static int32_t list_some(void) {
  invsrc_source_list *list = invsrc_source_list_new();
  uint64_t total;
  int32_t outcome;

  heap_open();
  outcome = store.table->list(store.context, "acme", 4, 0, 5, list, &total);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK) assert_int_equal(invsrc_source_list_count(list), 1);
  invsrc_source_list_free(list);
  return outcome;
}

/* What is not given out stays due, or comes again when the lease is over. */
static int32_t claim_one(void) {
  invsrc_source_list *list = invsrc_source_list_new();
  int32_t outcome;

  run_sql("UPDATE invsrc_sources SET next_check_at = 5");
  heap_open();
  outcome = store.table->due(store.context, 10, 20, 3, list);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK) assert_string_equal(ids_of(list), "1");
  if (outcome == INVSRC_OUTCOME_OK) assert_due(store, 19, 30, 3, "");
  assert_due(store, 20, 30, 3, "1");
  invsrc_source_list_free(list);
  return outcome;
}

static int32_t claim_event(void) {
  invsrc_source *source = make_source("acme", "2", "2");
  invsrc_event *event = invsrc_event_new();
  int32_t outcome;

  assert_int_equal(insert_with(store, source, "evt"), INVSRC_OUTCOME_OK);
  heap_open();
  outcome = store.table->event_next(store.context, later(10), later(20), event);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK) assert_event(store, later(19), later(30), NULL, 0);
  assert_event(store, later(20), later(30), "evt", 0);
  run_sql("DELETE FROM invsrc_sources WHERE id = '2'; DELETE FROM invsrc_events");
  invsrc_source_free(source);
  invsrc_event_free(event);
  return outcome;
}

static int32_t put_one_client(void) {
  struct clients clients = {invsrc_postgres_clients(), pg};
  int32_t outcome;

  heap_open();
  outcome = put_client(clients, ISSUER, CALLBACK, id_of(number));
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK) assert_client(clients, ISSUER, CALLBACK, id_of(number));
  return outcome;
}

static invsrc_buffer *key;

/* A key that was not made is not shown. */
static int32_t add_key(void) {
  int32_t result;
  uint64_t length;

  invsrc_buffer_set(key, NULL, 0);
  heap_open();
  result = invsrc_postgres_apikey_add(pg, "acme", "a name", key, NULL);
  heap_close();
  invsrc_buffer_bytes(key, &length);
  assert_true((result == INVSRC_OK) == (length > 0));
  run_sql("DELETE FROM invsrc_api_keys");
  return of_result(result);
}

static int32_t use_key(void) {
  invsrc_buffer *storefront = invsrc_buffer_new();
  uint64_t length;
  const char *token = invsrc_buffer_bytes(key, &length);
  int32_t outcome;

  heap_open();
  outcome = invsrc_postgres_authenticator()->authenticate(pg, token, length, storefront);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK)
    assert_string_equal(invsrc_buffer_bytes(storefront, NULL), "acme");
  invsrc_buffer_free(storefront);
  return outcome;
}

static int32_t look_key_up(void) {
  ivs_known_keys_change(&pg->known);
  return use_key();
}

#define MEMBERS 3

struct member {
  char id[24];
  int32_t outcome;
  pthread_t thread;
};

static void *be_member(void *argument) {
  struct member *it = argument;
  invsrc_source *source = make_source("acme", it->id, it->id);

  it->outcome = insert(store, source, "sealed");
  invsrc_source_free(source);
  return NULL;
}

static uint32_t count_waiting(void) {
  uint32_t count;

  pthread_mutex_lock(&pg->lock);
  count = (uint32_t)pg->is_led + pg->followers;
  pthread_mutex_unlock(&pg->lock);
  return count;
}

/* Threads whose inserts share a transaction, as they wait for the same connection. */
static int32_t insert_group(void) {
  static struct member members[MEMBERS];
  int32_t all = INVSRC_OUTCOME_OK;
  ivs_pg_connection *connection;

  assert_int_equal(invsrc_postgres_set_pool_size(pg, 1), INVSRC_OK);
  assert_int_equal(ivs_pg_pool_borrow(pg, &connection), IVS_PG_OK);
  for (uint32_t i = 0; i < MEMBERS; i++) {
    snprintf(members[i].id, sizeof members[i].id, "%d-%u", number, i);
    assert_int_equal(pthread_create(&members[i].thread, NULL, be_member, &members[i]), 0);
    while (count_waiting() <= i) ivs_pg_pause(1);
  }
  heap_open();
  ivs_pg_pool_return(pg, connection);
  for (int i = 0; i < MEMBERS; i++) {
    assert_int_equal(pthread_join(members[i].thread, NULL), 0);
    if (members[i].outcome != INVSRC_OUTCOME_OK) all = members[i].outcome;
  }
  heap_close();
  for (int i = 0; i < MEMBERS; i++) assert_count("sources", members[i].id, members[i].outcome, 1);
  return all;
}

static void memory_runs_out(void **state) {
  static trial *const trials[] = {
      open_another, get_afresh,  get_one,        insert_told, change_one,   remove_one, list_some,
      claim_one,    claim_event, put_one_client, add_key,     insert_group, insert_some};

  (void)state;
  key = invsrc_buffer_new();
  pg->patience = 100; /* there is no memory in ten seconds either */
  assert_int_equal(insert_new(store, "acme", "1", "1"), INVSRC_OUTCOME_OK);
  for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) inject(trials[i]);
  assert_int_equal(invsrc_postgres_apikey_add(pg, "acme", "", key, NULL), INVSRC_OK);
  inject(look_key_up);
  inject(use_key);
  invsrc_buffer_free(key);
  print_message("# note: %lu failed allocations\n", injected);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(memory_runs_out, begin_anew, leave_nothing),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
