/*
 * The store in SQLite, as its sources change: what every store must do; several processes
 * at once; and what leaves the disk with a credential.
 */
#include "providers/sqlite.h"

#include <signal.h>

#include "store_life_checks.h"

/* It comes behind the checks, for its variables are their parameters. */
#include "scratch_db.h"

#include "disk.h"
#include "process_tests.h"
#include "suites.h"

static void the_store_conforms(void **state) {
  (void)state;
  assert_store_conforms(
      invsrc_sqlite_store(),
      (struct suite){
          .begin = begin_anew, .end = leave_nothing, .begin_again = open_db, .close = close_db});
}

static void claims_that_fail_claim_nothing(void **state) {
  (void)state;
  check_failed_claims(store);
}

/* ---- What leaves the disk ------------------------------------------------------------------ */

static invsrc_source *make_numbered(int number) {
  char id[16];

  snprintf(id, sizeof id, "%d", 1000 + number);
  return make_source("acme", id, id);
}

static void insert_numbered(int number) {
  invsrc_source *source = make_numbered(number);
  uint8_t sealed[SEALED_SIZE];

  make_sealed(sealed, number, 0);
  assert_int_equal(store.table->insert(store.context, source, sealed, sizeof sealed, NULL),
                   INVSRC_OUTCOME_OK);
  invsrc_source_free(source);
}

/* The next credential of a source, as long as it takes. */
static void rotate_to(int number, int credential, size_t length) {
  static uint8_t sealed[2000 + SEALED_SIZE];
  invsrc_source *source = make_numbered(number);
  invsrc_buffer *replaced = invsrc_buffer_new();

  make_sealed(sealed, number, credential);
  assert_int_equal(store.table->update(store.context, source, 1, 0, INVSRC_PART_SEALED, sealed,
                                       length, NULL, replaced),
                   INVSRC_OUTCOME_OK);
  make_sealed(sealed, number, credential - 1);
  assert_memory_equal(invsrc_buffer_bytes(replaced, NULL), sealed, SEALED_SIZE);
  invsrc_source_free(source);
  invsrc_buffer_free(replaced);
}

static void rotate_numbered(int number, int credential) {
  rotate_to(number, credential, SEALED_SIZE);
}

static void remove_numbered(int number) {
  char id[16];

  snprintf(id, sizeof id, "%d", 1000 + number);
  assert_int_equal(remove_with(store, id, NULL, NULL), INVSRC_OUTCOME_OK);
}

static void old_ciphertext_leaves_the_disk(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) insert_numbered(i);
  assert_int_equal(pieces_on_disk(1, 0), SEALED_SIZE / PIECE);
  rotate_numbered(1, 1);
  assert_int_equal(pieces_on_disk(1, 0), 0);
  assert_int_equal(pieces_on_disk(1, 1), SEALED_SIZE / PIECE);
  remove_numbered(1);
  assert_int_equal(pieces_on_disk(1, 1), 0);
  assert_int_equal(pieces_on_disk(0, 0), SEALED_SIZE / PIECE);
  assert_int_equal(pieces_on_disk(2, 0), SEALED_SIZE / PIECE);
}

/* Rows come, go, and become as long as it takes to move others between pages, until some
 * would have left a copy behind, had they not their padding: these seeds did with SQLite
 * 3.40. */
static void nothing_is_left_where_rows_were(void **state) {
  enum { ROWS = 40, CHANGES = 200 };
  static const uint32_t seeds[] = {0, 11, 16, 17, 29, 51};

  (void)state;
  for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
    int credentials[ROWS] = {0};
    uint32_t bits = seeds[i];
    assert_int_equal(ivs_connection_run(db->writer, "PRAGMA synchronous = OFF"), SQLITE_OK);
    for (int j = 0; j < ROWS; j++) insert_numbered(j);
    for (int j = 0; j < CHANGES; j++) {
      int number;
      bits = bits * UINT32_C(1664525) + UINT32_C(1013904223);
      number = (int)(bits >> 20) % ROWS;
      rotate_to(number, ++credentials[number],
                SEALED_SIZE + (bits >> 11) % (bits & 0x700 ? 250 : 1900));
    }
    for (int j = 0; j < ROWS; j++) {
      remove_numbered(j);
      for (int k = 0; k <= credentials[j]; k++) assert_int_equal(pieces_on_disk(j, k), 0);
    }
    close_db();
    scratch_clear();
    assert_int_equal(open_db(), INVSRC_OK);
  }
}

/* Whoever reads meanwhile is not waited for long: the next write sees to it. */
static void readers_put_it_off(void **state) {
  sqlite3 *reader;

  (void)state;
  insert_numbered(0);
  insert_numbered(1);
  assert_int_equal(sqlite3_open(DB, &reader), SQLITE_OK);
  assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM sources", NULL, NULL, NULL),
                   SQLITE_OK);
  remove_numbered(0);
  assert_int_equal(pieces_on_disk(0, 0), SEALED_SIZE / PIECE);
  end_event(store, "evt_none", 0); /* any write, but in vain */
  assert_int_equal(pieces_on_disk(0, 0), SEALED_SIZE / PIECE);
  assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
  end_event(store, "evt_none", 0);
  assert_int_equal(pieces_on_disk(0, 0), 0);
  assert_int_equal(pieces_on_disk(1, 0), SEALED_SIZE / PIECE);
  sqlite3_close(reader);
}

/* Removes source 1 while a reader holds what was in the log, and crashes. */
static void remove_and_crash(void) {
  sqlite3 *reader;

  if (open_db() != INVSRC_OK) _exit(2);
  insert_numbered(0); /* the first write of a process empties the log: */
  insert_numbered(1); /* this one stays in it */
  if (sqlite3_open(DB, &reader) != SQLITE_OK ||
      sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM sources", NULL, NULL, NULL) != SQLITE_OK)
    _exit(3);
  remove_numbered(1);
  kill(getpid(), SIGKILL);
}

static void write_nothing(void) {
  end_event(store, "evt_none", 0);
}

static void claim_nothing(void) {
  assert_due(store, 10, 20, 10, "");
}

/* What a process that crashed could not see to any more, the next one does with its first
 * write, though that be in vain. */
static void a_crash_leaves_nothing_for_long(void **state) {
  static void (*const writes[])(void) = {write_nothing, claim_nothing};
  int status;

  (void)state;
  for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
    pid_t child;
    close_db();
    scratch_clear();
    child = fork();
    if (child == 0) remove_and_crash();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(open_db(), INVSRC_OK);
    assert_stored(store, "acme", "1001", NULL);
    assert_int_equal(pieces_on_disk(1, 0), SEALED_SIZE / PIECE);
    writes[i]();
    assert_int_equal(pieces_on_disk(1, 0), 0);
    assert_int_equal(pieces_on_disk(0, 0), SEALED_SIZE / PIECE);
  }
}

/* Claims, checks and events write nothing that was sealed: none of it is in the log. */
static void checks_move_no_ciphertext(void **state) {
  static uint8_t bytes[4 << 20];
  invsrc_source *source = make_numbered(3);
  uint8_t sealed[SEALED_SIZE];
  size_t length;

  (void)state;
  invsrc_source_set_number(source, INVSRC_SOURCE_NEXT_CHECK_AT, 5);
  for (int i = 0; i < 6; i++) insert_numbered(i);
  remove_numbered(5); /* which empties the log */
  for (int i = 0; i < 3; i++) {
    invsrc_source_list *list = invsrc_source_list_new();
    assert_int_equal(
        update_with(store, source, 1, INVSRC_PART_CHECK | INVSRC_PART_RECORD, NULL, NULL, NULL),
        INVSRC_OUTCOME_OK);
    assert_int_equal(store.table->due(store.context, 10, 20, 10, list), INVSRC_OUTCOME_OK);
    assert_string_equal(ids_of(list), "1003");
    invsrc_source_list_free(list);
  }
  length = scratch_read(DB "-wal", bytes, sizeof bytes);
  assert_in_range(length, 1, sizeof bytes - 1);
  for (int i = 0; i < 5; i++) {
    make_sealed(sealed, i, 0);
    for (int at = 0; at < SEALED_SIZE; at += PIECE)
      assert_false(contains(bytes, length, sealed + at));
  }
  invsrc_source_free(source);
}

/* A program that does without foreign keys leaves what was sealed behind: the source that
 * comes in the place of the other has nothing of it. */
static void what_others_leave_behind_is_nobodys(void **state) {
  invsrc_source *source = make_numbered(1), *back = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  uint64_t length;

  (void)state;
  insert_numbered(0);
  run_sql(DB, "DELETE FROM sources");
  assert_int_equal(pieces_on_disk(0, 0), SEALED_SIZE / PIECE);
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  assert_int_equal(insert(store, source, NULL), INVSRC_OUTCOME_OK);
  assert_int_equal(get(store, "acme", "1001", back, sealed), INVSRC_OUTCOME_OK);
  invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(length, 0);
  invsrc_source_free(source);
  invsrc_source_free(back);
  invsrc_buffer_free(sealed);
}

/* A removal that is taken back takes nothing from the disk. */
static void what_is_not_removed_stays(void **state) {
  invsrc_source *other = make_numbered(1);

  (void)state;
  insert_numbered(0);
  assert_int_equal(insert_with(store, other, "evt_taken"), INVSRC_OUTCOME_OK);
  invsrc_source_free(other);
  assert_int_equal(remove_with(store, "1000", "evt_taken", NULL), INVSRC_OUTCOME_FAILED);
  assert_int_equal(db->remains, 0);
  assert_int_equal(pieces_on_disk(0, 0), SEALED_SIZE / PIECE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_store_conforms),
      TEST(claims_that_fail_claim_nothing),
      PROCESS_TESTS(TEST),
      TEST(old_ciphertext_leaves_the_disk),
      TEST(nothing_is_left_where_rows_were),
      TEST(readers_put_it_off),
      TEST(a_crash_leaves_nothing_for_long),
      TEST(checks_move_no_ciphertext),
      TEST(what_others_leave_behind_is_nobodys),
      TEST(what_is_not_removed_stays),
  };

  return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
