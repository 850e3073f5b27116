/*
 * Connections to PostgreSQL that are lost, at every moment of every operation: what said OK
 * came to pass, once, and what was lost on the way is found out about.
 */
#include "postgres/postgres.h"

#include <time.h>

#include "store_life_checks.h"

/* It comes behind the checks, for its variables are their parameters. */
#include "postgres/scratch_pg.h"

#include "client_checks.h"
#include "postgres/cutter.h"

/* An operation on what has the number as its name and id. */
typedef void operation(int number);

/* What happens each time between a cut and what is done about it; NULL: nothing. */
static void (*meanwhile)(void);
static _Atomic int current = 1000;

/* Cuts at each moment, in each way, until it comes too late. */
static void cut_everywhere(operation *prepare, operation *run) {
  int cuts = 0;

  for (int cut = CUT_QUESTION; cut <= CUT_ANSWER; cut++) {
    int fired = 1;
    for (int moment = 0; fired; moment++) {
      current++;
      if (prepare) prepare(current);
      arm((enum cut)cut, moment);
      cutter.meanwhile = meanwhile;
      run(current);
      fired = disarm();
      cuts += fired;
      assert_in_range(moment, 0, 20);
    }
  }
  assert_in_range(cuts, 3, 60);
  print_message("# %d cuts\n", cuts);
}

/* As `prepare` and `run` do what they do, once each, statements are prepared. */
static void warm(operation *prepare, operation *run) {
  static int earlier = 100;

  earlier++;
  if (prepare) prepare(earlier);
  run(earlier);
}

static const char *text_of(int number) {
  static char text[16];

  snprintf(text, sizeof text, "%d", number);
  return text;
}

static int64_t count_of(const char *table, const char *column, const char *value) {
  char sql[160];

  snprintf(sql, sizeof sql, "SELECT count(*) FROM invsrc_%s WHERE %s = '%s'", table, column, value);
  return run_sql(sql);
}

static const char *event_of(int number) {
  static char id[32];

  snprintf(id, sizeof id, "evt_%d", number);
  return id;
}

/* ---- Inserts ------------------------------------------------------------------------ */

static void insert_one(int number) {
  const char *id = text_of(number);

  assert_int_equal(insert_new(store, "acme", id, id), INVSRC_OUTCOME_OK);
  disarm();
  assert_stored(store, "acme", id, id);
  assert_int_equal(count_of("sources", "id", id), 1);
}

static void an_insert_is_found_out_about(void **state) {
  (void)state;
  cut_everywhere(NULL, insert_one);
  warm(NULL, insert_one);
  cut_everywhere(NULL, insert_one);
}

static void insert_told(int number) {
  invsrc_source *source = make_source("acme", text_of(number), text_of(number));

  assert_int_equal(insert_with(store, source, event_of(number)), INVSRC_OUTCOME_OK);
  disarm();
  assert_int_equal(count_of("sources", "id", text_of(number)), 1);
  assert_int_equal(count_of("events", "id", event_of(number)), 1);
  invsrc_source_free(source);
}

static void an_insert_and_its_event_are(void **state) {
  (void)state;
  warm(NULL, insert_told);
  cut_everywhere(NULL, insert_told);
}

/* Who was there before stays, and is not taken for one's own. */
static void insert_late(int number) {
  char other[16];

  snprintf(other, sizeof other, "9%d", number);
  assert_int_equal(insert_new(store, "acme", text_of(number), other), INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(insert_new(store, "other", text_of(number), text_of(number)),
                   INVSRC_OUTCOME_DUPLICATE);
  assert_stored(store, "acme", text_of(number), text_of(number));
}

static void insert_first(int number) {
  assert_int_equal(insert_new(store, "acme", text_of(number), text_of(number)), INVSRC_OUTCOME_OK);
}

static void another_ones_is_not_ones_own(void **state) {
  (void)state;
  warm(insert_first, insert_late);
  cut_everywhere(insert_first, insert_late);
}

/* ---- Changes ------------------------------------------------------------------------ */

static void update_one(int number) {
  invsrc_source *source = make_source("acme", text_of(number), text_of(number));
  invsrc_source *back = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  char wanted[64], replaced[64];

  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, 2);
  set_text(source, INVSRC_SOURCE_NAME, "Another");
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_RECORD | INVSRC_PART_SEALED, "new",
                               event_of(number), replaced),
                   INVSRC_OUTCOME_OK);
  disarm();
  snprintf(wanted, sizeof wanted, "sealed %d", number);
  assert_string_equal(replaced, wanted);
  assert_int_equal(get(store, "acme", text_of(number), back, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(source, back);
  assert_string_equal(invsrc_buffer_bytes(sealed, NULL), "new");
  assert_int_equal(count_of("events", "id", event_of(number)), 1);
  invsrc_source_free(source);
  invsrc_source_free(back);
  invsrc_buffer_free(sealed);
}

static void an_update_is_found_out_about(void **state) {
  (void)state;
  warm(insert_first, update_one);
  cut_everywhere(insert_first, update_one);
}

/* ---- Changes that others make meanwhile ------------------------------------------------ */

/* What others do to a source once the update has come to pass, or before it could. */
static int64_t run_on_one(const char *sql) {
  char text[256];

  snprintf(text, sizeof text,
           "WITH changed AS (%s AND id = '%d' RETURNING id)"
           " SELECT count(*) FROM changed",
           sql, current);
  return run_sql(text);
}

static void claim_meanwhile(void) {
  invsrc_source_list *list = invsrc_source_list_new();

  store.table->due(store.context, 10, 20, 5, list);
  invsrc_source_list_free(list);
}

static void change_meanwhile(void) {
  run_on_one("UPDATE invsrc_sources SET revision = 3, name = 'Later' WHERE revision = 2");
}

static void remove_meanwhile(void) {
  run_on_one("DELETE FROM invsrc_sources WHERE revision = 2");
}

/* Renames it; with other sealed bytes, an event, or neither. */
static int32_t rename_source(int number, const char *sealed, const char *event_id) {
  invsrc_source *source = make_source("acme", text_of(number), text_of(number));
  uint32_t parts = INVSRC_PART_RECORD | INVSRC_PART_CHECK | (sealed ? INVSRC_PART_SEALED : 0);
  int32_t outcome;

  invsrc_source_set_number(source, INVSRC_SOURCE_REVISION, 2);
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, 5);
  set_text(source, INVSRC_SOURCE_NAME, "Another");
  outcome = update_with(store, source, 1, parts, sealed, event_id, NULL);
  disarm();
  invsrc_source_free(source);
  return outcome;
}

static void rename_and_seal(int number) {
  assert_int_equal(rename_source(number, text_of(number), NULL), INVSRC_OUTCOME_OK);
  assert_int_equal(count_of("sources", "sealed", text_of(number)), 1);
}

static void rename_and_tell(int number) {
  assert_int_equal(rename_source(number, NULL, event_of(number)), INVSRC_OUTCOME_OK);
  assert_int_equal(count_of("events", "id", event_of(number)), 1);
}

/* Where it cannot be told, it is not said that nothing was written. */
static void rename_untold(int number) {
  int32_t outcome = rename_source(number, NULL, NULL);

  if (outcome != INVSRC_OUTCOME_OK) assert_int_equal(outcome, INVSRC_OUTCOME_UNAVAILABLE);
}

static void seal_untold(int number) {
  int32_t outcome = rename_source(number, text_of(number), NULL);

  if (outcome != INVSRC_OUTCOME_OK) assert_int_equal(outcome, INVSRC_OUTCOME_UNAVAILABLE);
}

static void remove_inserted(void) {
  run_on_one("DELETE FROM invsrc_sources WHERE revision = 1");
}

static void insert_removed(int number) {
  invsrc_source *source = make_source("acme", text_of(number), text_of(number));

  assert_int_equal(insert_with(store, source, event_of(number)), INVSRC_OUTCOME_OK);
  disarm();
  assert_int_equal(count_of("events", "id", event_of(number)), 1);
  invsrc_source_free(source);
}

static void others_hide_no_insert(void **state) {
  (void)state;
  warm(NULL, insert_removed);
  meanwhile = remove_inserted;
  cut_everywhere(NULL, insert_removed);
  meanwhile = NULL;
}

static void others_hide_no_update(void **state) {
  static const struct {
    void (*meanwhile)(void);
    operation *run;
  } cases[] = {
      {claim_meanwhile, rename_and_seal},  {claim_meanwhile, rename_and_tell},
      {claim_meanwhile, rename_untold},    {change_meanwhile, rename_and_seal},
      {change_meanwhile, rename_and_tell}, {change_meanwhile, rename_untold},
      {remove_meanwhile, rename_and_tell}, {remove_meanwhile, rename_untold},
      {remove_meanwhile, seal_untold},
  };

  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    warm(insert_first, cases[i].run);
    meanwhile = cases[i].meanwhile;
    cut_everywhere(insert_first, cases[i].run);
    meanwhile = NULL;
  }
}

static _Atomic int64_t renamed;

static void rename_meanwhile(void) {
  renamed = run_on_one(
      "UPDATE invsrc_sources SET revision = 2, name = 'Another', next_check_at = 5"
      " WHERE revision = 1");
}

/* Who did the same in the same moment is the only one who did it. */
static void rename_late(int number) {
  int32_t outcome;

  renamed = 0;
  outcome = rename_source(number, NULL, NULL);
  if (renamed || outcome != INVSRC_OUTCOME_OK)
    assert_true(outcome == INVSRC_OUTCOME_CONFLICT || outcome == INVSRC_OUTCOME_UNAVAILABLE);
}

static void two_do_not_both_do_the_same(void **state) {
  (void)state;
  warm(insert_first, rename_late);
  meanwhile = rename_meanwhile;
  cut_everywhere(insert_first, rename_late);
  meanwhile = NULL;
}

static int64_t lease_end;

static void end_check(int number) {
  invsrc_source *source = make_source("acme", text_of(number), text_of(number));

  invsrc_source_set_number(source, INVSRC_SOURCE_ATTEMPTS, 7);
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, lease_end + 50);
  assert_int_equal(update_claimed(store, source, 1, lease_end, INVSRC_PART_CHECK, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  disarm();
  assert_int_equal(count_of("sources", "attempts", "7"), 1);
  invsrc_source_free(source);
}

static void claim_first(int number) {
  run_sql("DELETE FROM invsrc_sources");
  lease_end = 20;
  insert_due(store, "acme", text_of(number), 5);
  assert_due(store, 10, lease_end, 5, text_of(number));
}

static void the_end_of_a_check_is_found_out_about(void **state) {
  (void)state;
  warm(claim_first, end_check);
  cut_everywhere(claim_first, end_check);
}

static void remove_one(int number) {
  char wanted[64], removed[64];

  assert_int_equal(remove_with(store, text_of(number), event_of(number), removed),
                   INVSRC_OUTCOME_OK);
  disarm();
  snprintf(wanted, sizeof wanted, "sealed %d", number);
  assert_string_equal(removed, wanted);
  assert_stored(store, "acme", text_of(number), NULL);
  assert_int_equal(count_of("events", "id", event_of(number)), 1);
}

static void a_removal_is_found_out_about(void **state) {
  (void)state;
  warm(insert_first, remove_one);
  cut_everywhere(insert_first, remove_one);
}

/* ---- Reading ------------------------------------------------------------------------ */

static void read_one(int number) {
  char agent[32];

  assert_stored(store, "acme", text_of(number), text_of(number));
  snprintf(agent, sizeof agent, "agent_%d", number);
  snprintf(agent + 16, sizeof agent - 16, "sealed %d", number);
  assert_found(store, INVSRC_SOURCE_AGENT_ID, agent, text_of(number), agent + 16);
}

static void what_only_reads_is_repeated(void **state) {
  (void)state;
  warm(insert_first, read_one);
  cut_everywhere(insert_first, read_one);
}

/* ---- Claims ------------------------------------------------------------------------- */

static void make_due(int number) {
  run_sql("DELETE FROM invsrc_sources");
  insert_due(store, "acme", text_of(number), 5);
}

/* Until the server has taken back what was cut: what is locked still is nobody's to claim. */
static void wait_for_locks(const char *table) {
  char sql[96];

  snprintf(sql, sizeof sql, "SELECT 1 FROM invsrc_%s FOR UPDATE", table);
  run_sql(sql);
}

/* A claim whose commit is lost is not told of, and ends with its lease. Where it was asked for
 * again while the server held the row for the connection that was cut, it finds nothing. */
static void claim_one(int number) {
  invsrc_source_list *list = invsrc_source_list_new();
  int32_t outcome = store.table->due(store.context, 10, 20, 5, list);
  int was_cut = disarm();
  const char *claimed = outcome == INVSRC_OUTCOME_OK ? ids_of(list) : "";

  wait_for_locks("sources");
  if (outcome != INVSRC_OUTCOME_OK) assert_int_equal(outcome, INVSRC_OUTCOME_UNAVAILABLE);
  if (!was_cut || *claimed) assert_string_equal(claimed, text_of(number));
  if (*claimed) assert_due(store, 19, 30, 5, "");
  assert_due(store, 20, 30, 5, text_of(number));
  invsrc_source_list_free(list);
}

static void a_lost_claim_ends_with_its_lease(void **state) {
  (void)state;
  warm(make_due, claim_one);
  cut_everywhere(make_due, claim_one);
}

static void make_event_due(int number) {
  invsrc_source *source = make_source("acme", text_of(number), text_of(number));

  run_sql("DELETE FROM invsrc_events");
  assert_int_equal(insert_with(store, source, event_of(number)), INVSRC_OUTCOME_OK);
  invsrc_source_free(source);
}

static void claim_event(int number) {
  invsrc_event *event = invsrc_event_new();
  int32_t outcome = store.table->event_next(store.context, later(10), later(20), event);
  int was_cut = disarm();

  wait_for_locks("events");
  if (!was_cut || outcome == INVSRC_OUTCOME_OK) {
    assert_int_equal(outcome, INVSRC_OUTCOME_OK);
    assert_string_equal(invsrc_event_text(event, INVSRC_EVENT_ID, NULL), event_of(number));
    assert_event(store, later(19), later(30), NULL, 0);
  } else if (outcome != INVSRC_OUTCOME_NOT_FOUND) { /* as of a source, above */
    assert_int_equal(outcome, INVSRC_OUTCOME_UNAVAILABLE);
  }
  assert_event(store, later(20), later(30), event_of(number), 0);
  invsrc_event_free(event);
}

static void forget_event(int number) {
  end_event(store, event_of(number), 0);
  disarm();
  assert_int_equal(count_of("events", "id", event_of(number)), 0);
}

/* Counts one attempt, or none, where it is not known. */
static void postpone_event(int number) {
  int32_t outcome =
      store.table->event_end(store.context, event_of(number), strlen(event_of(number)), later(50));
  int64_t attempts;

  disarm();
  attempts = run_sql("SELECT attempts FROM invsrc_events");
  if (outcome == INVSRC_OUTCOME_OK)
    assert_int_equal(attempts, 1);
  else
    assert_int_equal(outcome, INVSRC_OUTCOME_UNAVAILABLE);
  assert_in_range(attempts, 0, 1);
}

static void events_are_taken_or_come_again(void **state) {
  static operation *const operations[] = {claim_event, forget_event, postpone_event};

  (void)state;
  for (size_t i = 0; i < 3; i++) {
    warm(make_event_due, operations[i]);
    cut_everywhere(make_event_due, operations[i]);
  }
}

/* ---- Clients and keys ----------------------------------------------------------------- */

static void put_one(int number) {
  struct clients clients = {invsrc_postgres_clients(), pg};

  assert_int_equal(put_client(clients, ISSUER, CALLBACK, text_of(number)), INVSRC_OUTCOME_OK);
  disarm();
  assert_client(clients, ISSUER, CALLBACK, text_of(number));
}

static void add_one_key(int number) {
  invsrc_buffer *key = invsrc_buffer_new(), *storefront = invsrc_buffer_new();

  assert_int_equal(invsrc_postgres_apikey_add(pg, text_of(number), NULL, key, error), INVSRC_OK);
  disarm();
  assert_string_equal(
      authenticate(invsrc_postgres_authenticator(), pg, invsrc_buffer_bytes(key, NULL), storefront),
      text_of(number));
  assert_int_equal(count_of("api_keys", "storefront", text_of(number)), 1);
  invsrc_buffer_free(key);
  invsrc_buffer_free(storefront);
}

static void clients_and_keys_are_kept(void **state) {
  (void)state;
  cut_everywhere(NULL, put_one);
  cut_everywhere(NULL, add_one_key);
}

/* ---- Trouble while it is found out ------------------------------------------------------ */

/* More often than a step is tried again otherwise. */
static void clash_often(void) {
  run_sql(
      "CREATE SEQUENCE tries;"
      "CREATE FUNCTION clash() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
      " IF nextval('tries') < 30 THEN"
      "  RAISE EXCEPTION 'secret' USING ERRCODE = '40001'; END IF;"
      " RETURN NEW; END$$;"
      "CREATE TRIGGER t BEFORE INSERT ON invsrc_sources"
      " FOR EACH ROW EXECUTE FUNCTION clash()");
}

static void clashes_do_not_end_it(void **state) {
  (void)state;
  warm(NULL, insert_first);
  arm(CUT_QUESTION, 0);
  cutter.meanwhile = clash_often;
  insert_first(1);
  assert_true(disarm());
  assert_int_equal(count_of("sources", "id", "1"), 1);
  assert_int_equal(run_sql("SELECT last_value FROM tries"), 30);
}

static void hide_table(void) {
  run_sql("ALTER TABLE invsrc_sources RENAME TO elsewhere");
}

/* What may have come to pass has not failed for good. */
static void a_failure_is_not_for_good(void **state) {
  (void)state;
  pg->patience = 300;
  warm(NULL, insert_first);
  arm(CUT_ANSWER, 0);
  cutter.meanwhile = hide_table;
  assert_int_equal(insert_new(store, "acme", "1", "1"), INVSRC_OUTCOME_UNAVAILABLE);
  assert_true(disarm());
  run_sql("ALTER TABLE elsewhere RENAME TO invsrc_sources");
  assert_int_equal(count_of("sources", "id", "1"), 1);
}

/* Where what is in the way is looked up, the time for that has begun already. */
static void cut_set_up(void) {
  arm(CUT_QUESTION, 1);
}

static void cut_look_up(void) {
  arm(CUT_QUESTION, 4);
  cutter.meanwhile = cut_set_up;
}

static void a_look_up_is_tried_as_long(void **state) {
  (void)state;
  warm(NULL, insert_first);
  arm(CUT_ANSWER, 0);
  cutter.meanwhile = cut_look_up;
  insert_first(1);
  assert_true(disarm());
  assert_true(cutter.meanwhile == NULL);
}

/* ---- Silence ------------------------------------------------------------------------- */

static int64_t seconds(void) {
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

/* A server that says nothing any more is waited for as long as it may take, and a little. */
static void silence_is_not_waited_for_long(void **state) {
  int64_t begun = seconds();

  (void)state;
  assert_int_equal(invsrc_postgres_set_statement_timeout(pg, 100), INVSRC_OK);
  warm(NULL, insert_one);
  arm(SILENCE, 0);
  insert_one(7);
  assert_true(disarm());
  assert_in_range(seconds() - begun, 1, 10);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)
  static const struct CMUnitTest tests[] = {
      TEST(an_insert_is_found_out_about),
      TEST(an_insert_and_its_event_are),
      TEST(another_ones_is_not_ones_own),
      TEST(an_update_is_found_out_about),
      TEST(a_removal_is_found_out_about),
      TEST(what_only_reads_is_repeated),
      TEST(a_lost_claim_ends_with_its_lease),
      TEST(events_are_taken_or_come_again),
      TEST(others_hide_no_update),
      TEST(two_do_not_both_do_the_same),
      TEST(the_end_of_a_check_is_found_out_about),
      TEST(others_hide_no_insert),
      TEST(clashes_do_not_end_it),
      TEST(a_failure_is_not_for_good),
      TEST(a_look_up_is_tried_as_long),
      TEST(clients_and_keys_are_kept),
      TEST(silence_is_not_waited_for_long),
  };

  return cmocka_run_group_tests(tests, start_cutter, end_cutter);
}
