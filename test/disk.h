/*
 * What the files of a test's database show of what was sealed, and of the keys of its rows.
 * Behind scratch_db.h.
 */
#ifndef TEST_DISK_H
#define TEST_DISK_H

#include <stdint.h>

#define SEALED_SIZE 160
#define PIECE 16

#define KEY_SIZE 32
#define KEY_PIECE 8 /* one of those in their places is whole in any 15 bytes of a key */
#define KEY_PIECES (KEY_SIZE / KEY_PIECE)

/* Bytes like no others, for each credential of each source, or the like. */
static inline void make_sealed(uint8_t sealed[SEALED_SIZE], int number, int credential) {
  uint32_t bits = (uint32_t)(number * 64 + credential) * UINT32_C(2654435761) + 1;

  for (int i = 0; i < SEALED_SIZE; i++) {
    bits = bits * UINT32_C(1664525) + UINT32_C(1013904223);
    sealed[i] = (uint8_t)(bits >> 24);
  }
}

/* Whether `length` bytes contain the piece. */
static inline int contains(const uint8_t *bytes, size_t length, const uint8_t *piece, int size) {
  const uint8_t *end = bytes + length;

  while ((bytes = memchr(bytes, piece[0], (size_t)(end - bytes)))) {
    if (end - bytes < size) return 0;
    if (memcmp(bytes, piece, (size_t)size) == 0) return 1;
    bytes++;
  }
  return 0;
}

/* How many of the pieces that bytes consist of a file shows. */
static inline int pieces_in(const char *name, const uint8_t *wanted, int length, int piece) {
  static uint8_t bytes[16 << 20];
  size_t size = scratch_read(name, bytes, sizeof bytes);
  int pieces = 0;

  assert_in_range(size, 0, sizeof bytes - 1);
  for (int at = 0; at < length; at += piece) pieces += contains(bytes, size, wanted + at, piece);
  return pieces;
}

/* How many pieces of a credential the database's files show. */
static inline int pieces_on_disk(int number, int credential) {
  uint8_t sealed[SEALED_SIZE];

  make_sealed(sealed, number, credential);
  return pieces_in(DB, sealed, SEALED_SIZE, PIECE) +
         pieces_in(DB "-wal", sealed, SEALED_SIZE, PIECE);
}

/* Whether they show all of a key, or nothing. */
static inline int key_is_on_disk(const uint8_t key[KEY_SIZE]) {
  int file = pieces_in(DB, key, KEY_SIZE, KEY_PIECE);
  int log = pieces_in(DB "-wal", key, KEY_SIZE, KEY_PIECE);

  if ((file && file != KEY_PIECES) || (log && log != KEY_PIECES)) fail_msg("there is half a key");
  return file || log;
}

/* The first column of the first row, to be finalized. */
static inline sqlite3_stmt *ask(sqlite3 *handle, const char *sql) {
  sqlite3_stmt *statement;

  if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK)
    fail_msg("%s", sqlite3_errmsg(handle));
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  return statement;
}

/* Copies out the key of the source with this id: of its row, whatever is there. */
static inline void key_of(const char *id, uint8_t key[KEY_SIZE]) {
  sqlite3_stmt *statement;
  sqlite3 *handle;
  char sql[128];

  snprintf(sql, sizeof sql, "SELECT key FROM sources JOIN row_keys USING (seq) WHERE id = '%s'",
           id);
  assert_int_equal(sqlite3_open(DB, &handle), SQLITE_OK);
  statement = ask(handle, sql);
  assert_int_equal(sqlite3_column_bytes(statement, 0), KEY_SIZE);
  memcpy(key, sqlite3_column_blob(statement, 0), KEY_SIZE);
  sqlite3_finalize(statement);
  sqlite3_close(handle);
}

/* What must be true of all rows of keys: a source has one; there is a key where something is
 * sealed, and only there; and none is between two that are. */
static inline void assert_keys_whole(void) {
  static const char *const wrong[] = {
      "SELECT count(*) <> coalesce(max(seq), 0) FROM row_keys",
      "SELECT count(*) FROM sources WHERE seq NOT IN (SELECT seq FROM row_keys)",
      ("SELECT count(*) FROM row_keys LEFT JOIN sources USING (seq)"
       " WHERE (key = zeroblob(32)) <> (sealed IS NULL)"),
  };
  sqlite3 *handle;

  assert_int_equal(sqlite3_open(DB, &handle), SQLITE_OK);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    sqlite3_stmt *statement = ask(handle, wrong[i]);
    if (sqlite3_column_int(statement, 0)) fail_msg("%s", wrong[i]);
    sqlite3_finalize(statement);
  }
  sqlite3_close(handle);
}

#endif
