/*
 * The registry in a file: what it answers, and that it follows the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#define A "https://a.example/mcp"
#define B "https://b.example/mcp"
#define LIST_A "{\"agents\":[{\"url\":\"" A "\"}]}"
#define LIST_B "{\"agents\":[{\"url\":\"" B "\"}]}"
#define YES INVSRC_OUTCOME_OK
#define NO INVSRC_OUTCOME_NOT_REGISTERED
#define OUTAGE INVSRC_OUTCOME_UNAVAILABLE

/* In front of the C library's: a disk that fails, and a clock that goes forward, when
 * they are told to. */
static _Atomic int read_fails;
static _Atomic int seconds_later;

ssize_t read(int file, void *bytes, size_t length) {
  struct iovec into = {bytes, length};

  if (!read_fails) return readv(file, &into, 1);
  errno = EIO;
  return -1;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (clock != CLOCK_REALTIME || timespec_get(time, TIME_UTC) != TIME_UTC) return -1;
  time->tv_sec += seconds_later;
  return 0;
}

static char folder[256];
static char path[300];
static char other[300];

static int make_folder(void **state) {
  const char *parent = getenv("TMPDIR");

  (void)state;
  snprintf(folder, sizeof folder, "%s/invsrc-XXXXXX", parent ? parent : "/tmp");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/registry.json", folder);
  snprintf(other, sizeof other, "%s/other.json", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(path);
  unlink(other);
  return rmdir(folder);
}

static void write_file(const char *name, const char *text) {
  FILE *file = fopen(name, "w");

  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

/* The time stamp of a file that nobody has touched for an hour. */
static void age(const char *name) {
  struct timespec times[2];

  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec -= 3600;
  times[1] = times[0];
  assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
}

static int32_t look_up(invsrc_registry_file *file, const char *url) {
  return invsrc_registry_file_registry()->lookup(file, url, strlen(url));
}

static invsrc_registry_file *open_list(const char *text) {
  invsrc_registry_file *file;

  write_file(path, text);
  assert_int_equal(invsrc_registry_file_new(path, &file, NULL), INVSRC_OK);
  return file;
}

static void a_file_says_yes_and_no(void **state) {
  invsrc_registry_file *file = open_list(LIST_A);

  (void)state;
  assert_int_equal(look_up(file, A), YES);
  assert_int_equal(look_up(file, "https://A.example:443/MCP/"), YES);
  assert_int_equal(look_up(file, B), NO);
  assert_int_equal(look_up(file, "a.example"), INVSRC_OUTCOME_FAILED);
  assert_int_equal(look_up(NULL, A), INVSRC_OUTCOME_FAILED);
  assert_int_equal(invsrc_registry_file_registry()->lookup(file, NULL, 0), INVSRC_OUTCOME_FAILED);
  invsrc_registry_file_free(file);
  invsrc_registry_file_free(NULL);
}

static char heard[1024];

static void hear(void *context, int32_t level, const char *message, uint64_t length) {
  assert_ptr_equal(context, heard);
  assert_int_equal(level, INVSRC_LOG_WARNING);
  assert_int_equal(strlen(message), length);
  snprintf(heard, sizeof heard, "%s", message);
}

static void the_log_hears_why_a_file_answers_nothing(void **state) {
  static const invsrc_world_vtable world = {.size = sizeof world, .log = hear};
  invsrc_registry_file *file = open_list(LIST_A);

  (void)state;
  assert_int_equal(invsrc_registry_file_set_world(NULL, &world, heard), INVSRC_EINVAL);
  assert_int_equal(invsrc_registry_file_set_world(file, &(invsrc_world_vtable){0}, heard),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_registry_file_set_world(file, &world, heard), INVSRC_OK);
  assert_int_equal(look_up(file, A), YES);
  assert_int_equal(look_up(file, B), NO);
  assert_string_equal(heard, "");
  write_file(path, "{\"agents\":7}");
  assert_int_equal(look_up(file, A), OUTAGE);
  assert_non_null(strstr(heard, path));
  assert_non_null(strstr(heard, "agents is no array"));
  assert_int_equal(unlink(path), 0);
  assert_int_equal(look_up(file, A), OUTAGE);
  assert_non_null(strstr(heard, path));
  assert_non_null(strstr(heard, "there is no such registry file"));
  assert_int_equal(invsrc_registry_file_set_world(file, NULL, NULL), INVSRC_OK);
  heard[0] = '\0';
  assert_int_equal(look_up(file, A), OUTAGE);
  assert_string_equal(heard, "");
  invsrc_registry_file_free(file);
}

static void a_changed_file_is_read_again(void **state) {
  invsrc_registry_file *file = open_list(LIST_A);

  (void)state;
  /* The same length in the same moment. */
  for (int i = 0; i < 50; i++) {
    write_file(path, LIST_B);
    assert_int_equal(look_up(file, A), NO);
    assert_int_equal(look_up(file, B), YES);
    write_file(path, LIST_A);
    assert_int_equal(look_up(file, A), YES);
    assert_int_equal(look_up(file, B), NO);
  }
  /* Replaced by another file with an old time stamp. */
  write_file(other, LIST_B);
  age(other);
  assert_int_equal(rename(other, path), 0);
  assert_int_equal(look_up(file, A), NO);
  invsrc_registry_file_free(file);
}

static void a_bad_file_answers_nothing_until_it_is_mended(void **state) {
  static const char *const bad[] = {"", "{\"agents\":[", "[]", "{\"agents\":{}}", "no"};
  invsrc_registry_file *file = open_list(LIST_A);

  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    write_file(path, bad[i]);
    assert_int_equal(look_up(file, A), OUTAGE);
    assert_int_equal(look_up(file, B), OUTAGE);
    write_file(path, LIST_A);
    assert_int_equal(look_up(file, A), YES);
  }
  assert_int_equal(unlink(path), 0);
  assert_int_equal(look_up(file, A), OUTAGE);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(look_up(file, A), OUTAGE);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(symlink(folder, path), 0);
  assert_int_equal(look_up(file, A), OUTAGE);
  assert_int_equal(unlink(path), 0);
  write_file(path, LIST_B);
  assert_int_equal(look_up(file, A), NO);
  invsrc_registry_file_free(file);
}

/* A disk that stumbles says nothing about the file: it is read again, though the file
 * itself has not changed since. */
static void a_failed_read_is_not_remembered(void **state) {
  invsrc_registry_file *file = open_list(LIST_A);

  (void)state;
  seconds_later = 10;
  read_fails = 1;
  assert_int_equal(look_up(file, A), OUTAGE);
  read_fails = 0;
  assert_int_equal(look_up(file, A), YES);
  seconds_later = 0;
  invsrc_registry_file_free(file);
}

static void what_cannot_be_opened_is_told(void **state) {
  static const struct {
    const char *text;
    uint64_t offset;
    const char *message;
  } rows[] = {
      {"{\"agents\":[]", 12, "(line 1, column 13)"},
      {"{\n \"agents\": [,]}", 14, "(line 2, column 13)"},
      {"{\"agents\":7}", INVSRC_NO_OFFSET, "no list of agents: agents is no array"},
      {"{}", INVSRC_NO_OFFSET, "no list of agents: it has no agents"},
  };
  invsrc_error *error = invsrc_error_new();
  invsrc_registry_file *file;

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    write_file(path, rows[i].text);
    assert_int_equal(invsrc_registry_file_new(path, &file, error), INVSRC_EMALFORMED);
    assert_null(file);
    assert_true(invsrc_error_offset(error) == rows[i].offset);
    assert_non_null(strstr(invsrc_error_message(error), rows[i].message));
  }
  assert_int_equal(unlink(path), 0);
  assert_int_equal(invsrc_registry_file_new(path, &file, error), INVSRC_ENOTFOUND);
  assert_int_equal(invsrc_registry_file_new(folder, &file, error), INVSRC_EIO);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(invsrc_registry_file_new(path, &file, error), INVSRC_EIO);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(invsrc_registry_file_new(NULL, &file, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_registry_file_new("", &file, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_error_code(error), INVSRC_EINVAL);
  invsrc_error_free(error);
  error = invsrc_error_new();
  assert_int_equal(invsrc_registry_file_new(path, NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_error_code(error), INVSRC_EINVAL);
  invsrc_error_free(error);
}

static void a_file_too_large_is_refused(void **state) {
  invsrc_registry_file *file;

  (void)state;
  write_file(path, LIST_A);
  assert_int_equal(truncate(path, (32 << 20) + 1), 0);
  assert_int_equal(invsrc_registry_file_new(path, &file, NULL), INVSRC_EMALFORMED);
}

#define THREADS 4
#define ROUNDS 200

static void *look_up_often(void *file) {
  for (int i = 0; i < ROUNDS; i++)
    if (look_up(file, A) != YES) return file;
  return NULL;
}

/* The file is replaced, as it should be, by renaming. */
static void threads_share_a_file(void **state) {
  invsrc_registry_file *file = open_list(LIST_A);
  pthread_t threads[THREADS];

  (void)state;
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, look_up_often, file), 0);
  for (int i = 0; i < 20; i++) {
    write_file(other, LIST_A);
    assert_int_equal(rename(other, path), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    void *bad;
    assert_int_equal(pthread_join(threads[i], &bad), 0);
    assert_null(bad);
  }
  invsrc_registry_file_free(file);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_says_yes_and_no),
      cmocka_unit_test(the_log_hears_why_a_file_answers_nothing),
      cmocka_unit_test(a_changed_file_is_read_again),
      cmocka_unit_test(a_bad_file_answers_nothing_until_it_is_mended),
      cmocka_unit_test(a_failed_read_is_not_remembered),
      cmocka_unit_test(what_cannot_be_opened_is_told),
      cmocka_unit_test(a_file_too_large_is_refused),
      cmocka_unit_test(threads_share_a_file),
  };

  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
