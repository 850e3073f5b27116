/*
 * What the files of a test's database show of what was sealed. Behind scratch_db.h.
 */
#ifndef TEST_DISK_H
#define TEST_DISK_H

#include <stdint.h>

#define SEALED_SIZE 160
#define PIECE 16

/* Bytes like no others, for each credential of each source, or the like. */
static inline void make_sealed(uint8_t sealed[SEALED_SIZE], int number, int credential) {
  uint32_t bits = (uint32_t)(number * 64 + credential) * UINT32_C(2654435761) + 1;

  for (int i = 0; i < SEALED_SIZE; i++) {
    bits = bits * UINT32_C(1664525) + UINT32_C(1013904223);
    sealed[i] = (uint8_t)(bits >> 24);
  }
}

/* Whether `length` bytes contain the piece. */
static inline int contains(const uint8_t *bytes, size_t length, const uint8_t piece[PIECE]) {
  const uint8_t *end = bytes + length;

  while ((bytes = memchr(bytes, piece[0], (size_t)(end - bytes)))) {
    if (end - bytes < PIECE) return 0;
    if (memcmp(bytes, piece, PIECE) == 0) return 1;
    bytes++;
  }
  return 0;
}

/* How many pieces of a credential the database's files show. */
static inline int pieces_on_disk(int number, int credential) {
  static const char *const names[] = {DB, DB "-wal"};
  static uint8_t bytes[16 << 20];
  uint8_t sealed[SEALED_SIZE];
  int pieces = 0;

  make_sealed(sealed, number, credential);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    size_t length = scratch_read(names[i], bytes, sizeof bytes);
    assert_in_range(length, 0, sizeof bytes - 1);
    for (int at = 0; at < SEALED_SIZE; at += PIECE) pieces += contains(bytes, length, sealed + at);
  }
  return pieces;
}

#endif
