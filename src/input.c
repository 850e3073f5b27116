/*
 * See input.h.
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

#define SMALLEST 4096

void wipe(void *memory, size_t length) {
  /* Through a pointer that the compiler cannot see through, so that it stays. */
  static void *(*const volatile set)(void *, int, size_t) = memset;

  if (memory) set(memory, 0, length);
}

static int reserve(input *self, size_t length) {
  size_t capacity = self->capacity ? self->capacity : SMALLEST;
  char *bytes;

  if (length < self->capacity) return 1;
  while (capacity <= length) capacity *= 2;
  bytes = malloc(capacity);
  if (!bytes) return 0;
  if (self->length) memcpy(bytes, self->bytes, self->length);
  wipe(self->bytes, self->capacity);
  free(self->bytes);
  self->bytes = bytes;
  self->capacity = capacity;
  return 1;
}

int input_append(input *self, const void *bytes, size_t length) {
  if (length > SIZE_MAX / 4 - self->length || !reserve(self, self->length + length)) return 0;
  if (length) memcpy(self->bytes + self->length, bytes, length);
  self->length += length;
  self->bytes[self->length] = '\0';
  return 1;
}

void input_end(input *self) {
  wipe(self->bytes, self->capacity);
  free(self->bytes);
  memset(self, 0, sizeof *self);
}

int input_read(input *self, const char *path, size_t limit) {
  int is_standard = strcmp(path, "-") == 0;
  int file = is_standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  int status = EXIT_DONE;
  char chunk[SMALLEST];
  ssize_t got = 0;

  memset(self, 0, sizeof *self);
  if (file < 0) return complain_of(EXIT_FAILED, errno, "cannot open %s", path);
  do {
    got = read(file, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = complain_of(EXIT_FAILED, errno, "cannot read %s", path);
    if (got >= 0 && !input_append(self, chunk, (size_t)got))
      status = complain(EXIT_FAILED, "memory ran out");
  } while (status == EXIT_DONE && got != 0 && self->length <= limit);
  wipe(chunk, sizeof chunk);
  if (!is_standard) close(file);
  if (status != EXIT_DONE) input_end(self);
  return status;
}
