/*
 * A folder for the files of a test program: it is the working directory from
 * scratch_enter() to scratch_leave(), and then gone with all that is in it.
 */
#ifndef TEST_SCRATCH_H
#define TEST_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Deletes the files in the folder. */
static inline int scratch_clear(void) {
  DIR *folder = opendir(".");
  const struct dirent *entry;
  int status = 0;

  if (!folder) return -1;
  while ((entry = readdir(folder)))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      status |= unlink(entry->d_name);
  closedir(folder);
  return status;
}

/* Both fit a set-up and a tear-down of cmocka. Others may enter the folder too. */
static inline int scratch_enter(void **state) {
  const char *parent = getenv("TMPDIR");
  char path[256];

  (void)state;
  snprintf(path, sizeof path, "%s/invsrc-XXXXXX", parent ? parent : "/tmp");
  return mkdtemp(path) && chmod(path, 0755) == 0 ? chdir(path) : -1;
}

static inline int scratch_leave(void **state) {
  char path[256];

  (void)state;
  if (!getcwd(path, sizeof path) || scratch_clear() != 0 || chdir("/") != 0) return -1;
  return rmdir(path);
}

/* The bytes of a file, at most `size` of them; their number, 0 where there is no file. */
static inline size_t scratch_read(const char *name, void *bytes, size_t size) {
  FILE *file = fopen(name, "rb");
  size_t length = file ? fread(bytes, 1, size, file) : 0;

  if (file) fclose(file);
  return length;
}

static inline int scratch_write(const char *name, const void *bytes, size_t length) {
  FILE *file = fopen(name, "wb");
  int status = file && fwrite(bytes, 1, length, file) == length ? 0 : -1;

  return file && fclose(file) == 0 ? status : -1;
}

#endif
