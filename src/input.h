/*
 * Bytes from a file or standard input, which may hold a secret: wiped when they
 * end, and never moved without a wipe.
 */
#ifndef INPUT_H
#define INPUT_H

#include <stddef.h>

typedef struct input {
  char *bytes; /* NUL-terminated */
  size_t length;
  size_t capacity;
} input;

/* Overwrites memory that nothing reads any more. */
void wipe(void *memory, size_t length);

/* Appends; 0 when memory ran out. */
int input_append(input *self, const void *bytes, size_t length);
/* Reads a file, or standard input for "-", up to `limit` bytes and one more.
 * EXIT_DONE, or complains and returns how to end. */
int input_read(input *self, const char *path, size_t limit);
void input_end(input *self);

#endif
