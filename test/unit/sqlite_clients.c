/*
 * Clients of authorization servers in SQLite: what everything must do that keeps them; what
 * leaves the disk with one; and failures.
 */
#include "providers/sqlite.h"

#include "client_checks.h"

/* It comes behind the checks, for its variables are their parameters. */
#include "scratch_db.h"

#include "disk.h"
#include "suites.h"

static struct clients clients(void) {
  return (struct clients){invsrc_sqlite_clients(), db};
}

/* Its first connection waits for no disk. */
static int begin_quickly(void **state) {
  if (begin_anew(state) != 0) return -1;
  return ivs_connection_run(db->writer, "PRAGMA synchronous = OFF") == SQLITE_OK ? 0 : -1;
}

static void clients_conform(void **state) {
  (void)state;
  assert_clients_conform(
      invsrc_sqlite_clients(),
      (struct suite){
          .begin = begin_quickly, .end = leave_nothing, .begin_again = open_db, .close = close_db});
}

static void clients_are_nothing_to_sources(void **state) {
  (void)state;
  assert_int_equal(insert_new(store, "acme", "kept", "1"), INVSRC_OUTCOME_OK);
  assert_int_equal(put_client(clients(), ISSUER, CALLBACK, "one"), INVSRC_OUTCOME_OK);
  run_sql(DB, "DELETE FROM sources");
  assert_client(clients(), ISSUER, CALLBACK, "one");
}

/* ---- What leaves the disk ------------------------------------------------------------------ */

#define ALL_PIECES (SEALED_SIZE / PIECE)

/* The next client of a server, as long as it takes; of length 0: none. */
static void put_numbered(int number, int client, size_t length) {
  static uint8_t sealed[2000 + SEALED_SIZE];
  char issuer[64];

  snprintf(issuer, sizeof issuer, "https://auth%d.example", number);
  make_sealed(sealed, number, client);
  assert_int_equal(invsrc_sqlite_clients()->put(db, issuer, strlen(issuer), CALLBACK,
                                                strlen(CALLBACK), length ? sealed : NULL, length),
                   INVSRC_OUTCOME_OK);
}

static void old_ciphertext_leaves_the_disk(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) put_numbered(i, 0, SEALED_SIZE);
  assert_int_equal(pieces_on_disk(1, 0), ALL_PIECES);
  put_numbered(1, 1, SEALED_SIZE);
  assert_int_equal(pieces_on_disk(1, 0), 0);
  assert_int_equal(pieces_on_disk(1, 1), ALL_PIECES);
  put_numbered(1, 0, 0);
  assert_int_equal(pieces_on_disk(1, 1), 0);
  assert_int_equal(pieces_on_disk(0, 0), ALL_PIECES);
  assert_int_equal(pieces_on_disk(2, 0), ALL_PIECES);
}

/* Only what takes the place of something costs a wait for the emptied log. */
static void a_new_client_empties_no_log(void **state) {
  static char log[1 << 20];

  (void)state;
  put_numbered(0, 0, SEALED_SIZE); /* the first write of a process empties the log */
  put_numbered(1, 0, SEALED_SIZE);
  put_numbered(2, 0, 0);
  assert_true(scratch_read(DB "-wal", log, sizeof log) > 0);
  put_numbered(1, 0, 0);
  assert_int_equal(scratch_read(DB "-wal", log, sizeof log), 0);
}

/* Rows come, go, and become as long as it takes to move others between pages, until some would
 * have left a copy behind, had they not their padding: these seeds did with SQLite 3.40. */
static void nothing_is_left_where_rows_were(void **state) {
  enum { ROWS = 40, CHANGES = 200 };
  static const uint32_t seeds[] = {7, 14, 16, 51};

  (void)state;
  for (size_t seed = 0; seed < sizeof seeds / sizeof *seeds; seed++) {
    int last[ROWS] = {0};
    uint32_t bits = seeds[seed];
    assert_int_equal(ivs_connection_run(db->writer, "PRAGMA synchronous = OFF"), SQLITE_OK);
    for (int i = 0; i < ROWS; i++) put_numbered(i, 0, SEALED_SIZE);
    for (int i = 0; i < CHANGES; i++) {
      int number;
      bits = bits * UINT32_C(1664525) + UINT32_C(1013904223);
      number = (int)(bits >> 20) % ROWS;
      put_numbered(number, ++last[number],
                   SEALED_SIZE + (bits >> 11) % (bits & 0x700 ? 250 : 1900));
    }
    for (int i = 0; i < ROWS; i++) {
      put_numbered(i, 0, 0);
      for (int j = 0; j <= last[i]; j++) assert_int_equal(pieces_on_disk(i, j), 0);
    }
    close_db();
    scratch_clear();
    assert_int_equal(open_db(), INVSRC_OK);
  }
}

/* ---- Failures -------------------------------------------------------------------------------- */

static int32_t get_kept(void) {
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome =
      invsrc_sqlite_clients()->get(db, ISSUER, strlen(ISSUER), CALLBACK, strlen(CALLBACK), sealed);

  invsrc_buffer_free(sealed);
  return outcome;
}

static void what_cannot_be_replaced_stays(void **state) {
  (void)state;
  assert_int_equal(put_client(clients(), ISSUER, CALLBACK, "one"), INVSRC_OUTCOME_OK);
  run_sql(DB, "CREATE TRIGGER t BEFORE INSERT ON oauth_clients BEGIN SELECT raise(ABORT, ''); END");
  assert_int_equal(put_client(clients(), ISSUER, CALLBACK, "two"), INVSRC_OUTCOME_FAILED);
  assert_client(clients(), ISSUER, CALLBACK, "one");
  run_sql(DB, "DROP TRIGGER t");
  run_sql(DB, "CREATE TRIGGER t BEFORE DELETE ON oauth_clients BEGIN SELECT raise(ABORT, ''); END");
  assert_int_equal(put_client(clients(), ISSUER, CALLBACK, NULL), INVSRC_OUTCOME_FAILED);
  assert_client(clients(), ISSUER, CALLBACK, "one");
  run_sql(DB, "DROP TRIGGER t");
  assert_int_equal(put_client(clients(), ISSUER, CALLBACK, "two"), INVSRC_OUTCOME_OK);
  assert_client(clients(), ISSUER, CALLBACK, "two");
}

static void failures_are_told_apart(void **state) {
  (void)state;
  assert_int_equal(put_client(clients(), ISSUER, CALLBACK, "one"), INVSRC_OUTCOME_OK);
  assert_int_equal(ivs_connection_run(db->writer, "PRAGMA query_only = 1"), SQLITE_OK);
  assert_int_equal(put_client(clients(), ISSUER, CALLBACK, "two"), INVSRC_OUTCOME_UNAVAILABLE);
  assert_int_equal(ivs_connection_run(db->writer, "PRAGMA query_only = 0"), SQLITE_OK);
  assert_int_equal(get_kept(), INVSRC_OUTCOME_OK);
  run_sql(DB, "ALTER TABLE oauth_clients RENAME TO elsewhere");
  assert_int_equal(get_kept(), INVSRC_OUTCOME_FAILED);
  assert_int_equal(put_client(clients(), ISSUER, CALLBACK, "two"), INVSRC_OUTCOME_FAILED);
  run_sql(DB, "ALTER TABLE elsewhere RENAME TO oauth_clients");
  assert_client(clients(), ISSUER, CALLBACK, "one");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(clients_conform),     TEST(clients_are_nothing_to_sources),
      TEST(old_ciphertext_leaves_the_disk),  TEST(a_new_client_empties_no_log),
      TEST(nothing_is_left_where_rows_were), TEST(what_cannot_be_replaced_stays),
      TEST(failures_are_told_apart),
  };

  return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
