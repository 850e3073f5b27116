/*
 * A registry read from a file: the same catalogue document as AAO's, read again
 * when the file changes. A file that has gone bad or away answers nothing, and
 * neither does what it said before.
 */
#include <errno.h>
#include <fcntl.h>
#include <invsrc/providers.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agents/aao.h"
#include "core/buffer.h"
#include "core/error.h"

/* A file that changed less than this long before it was read may change again
 * without a new time stamp: it is read anew until it has settled. */
#define SETTLED_SECONDS 2
#define CHUNK 65536

struct invsrc_registry_file {
  ivs_buffer path;
  invsrc_world_vtable world;
  void *world_context;
  pthread_mutex_t lock; /* guards what follows */
  struct stat stamp;    /* of the file as it was read */
  int settled;
  ivs_aao_set *set; /* NULL: the file was no catalogue */
};

static int is_same_time(struct timespec a, struct timespec b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static int is_same_file(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
         is_same_time(a->st_mtim, b->st_mtim) && is_same_time(a->st_ctim, b->st_ctim);
}

static int has_settled(const struct stat *stamp) {
  struct timespec now;

  return clock_gettime(CLOCK_REALTIME, &now) == 0 &&
         now.tv_sec - stamp->st_mtim.tv_sec > SETTLED_SECONDS &&
         now.tv_sec - stamp->st_ctim.tv_sec > SETTLED_SECONDS;
}

/* All that the descriptor gives, up to the size of a catalogue. */
static int32_t read_all(int file, ivs_buffer *text, invsrc_error *error) {
  char chunk[CHUNK];
  ssize_t got;

  while ((got = read(file, chunk, sizeof chunk)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ivs_error_fail(error, INVSRC_EIO, "the registry file cannot be read");
    if (text->length + (size_t)got > IVS_AAO_CATALOGUE_SIZE)
      return ivs_error_fail(error, INVSRC_EMALFORMED, "the registry file is larger than 32 MiB");
    ivs_buffer_append(text, chunk, (size_t)got);
    if (text->failed) return ivs_error_fail(error, INVSRC_ENOMEM, "memory ran out");
  }
  return INVSRC_OK;
}

static int32_t parse(const ivs_buffer *text, ivs_aao_set **set, invsrc_error *error) {
  ivs_json_fault fault = {0, 0, 0, NULL};
  int32_t code = ivs_aao_set_read(text->length ? text->bytes : "", text->length,
                                  IVS_AAO_CATALOGUE_AGENTS, set, &fault);

  if (code == INVSRC_ENOMEM) return ivs_error_fail(error, code, "memory ran out");
  if (code == INVSRC_OK) return code;
  if (fault.line)
    ivs_error_set(error, code, fault.offset,
                  "the registry file is not valid JSON: %s (line %llu, column %llu)", fault.message,
                  (unsigned long long)fault.line, (unsigned long long)fault.column);
  else
    ivs_error_set(error, code, INVSRC_NO_OFFSET, "the registry file is no list of agents: %s",
                  fault.message);
  return code;
}

/* Opens without waiting: a FIFO without a writer would hold a look-up for ever. */
static int32_t open_file(const char *path, int *file, struct stat *stamp, invsrc_error *error) {
  *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*file < 0 && (errno == ENOENT || errno == ENOTDIR))
    return ivs_error_fail(error, INVSRC_ENOTFOUND, "there is no such registry file");
  if (*file < 0) return ivs_error_fail(error, INVSRC_EIO, "the registry file cannot be opened");
  if (fstat(*file, stamp) != 0 || !S_ISREG(stamp->st_mode))
    return ivs_error_fail(error, INVSRC_EIO, "the registry is not a regular file");
  return INVSRC_OK;
}

/* Reads the file into `*set` (NULL on failure), and when it was last changed. */
static int32_t load(const char *path, ivs_aao_set **set, struct stat *stamp, invsrc_error *error) {
  ivs_buffer text = IVS_BUFFER_EMPTY;
  int file = -1;
  int32_t code = open_file(path, &file, stamp, error);

  *set = NULL;
  if (code == INVSRC_OK) code = read_all(file, &text, error);
  if (code == INVSRC_OK) code = parse(&text, set, error);
  ivs_buffer_end(&text);
  if (file >= 0) close(file);
  return code;
}

/* Holds what is known against the file, and reads it where it is another. Remembered is
 * what was in it: that it could not be read may pass without a change to the file. */
static int32_t bring_up_to_date(invsrc_registry_file *file) {
  struct stat now;
  int32_t code;

  if (file->settled && stat(file->path.bytes, &now) == 0 && is_same_file(&now, &file->stamp))
    return INVSRC_OK;
  ivs_aao_set_free(file->set);
  memset(&file->stamp, 0, sizeof file->stamp);
  code = load(file->path.bytes, &file->set, &file->stamp, NULL);
  file->settled = (code == INVSRC_OK || code == INVSRC_EMALFORMED) && has_settled(&file->stamp);
  return code == INVSRC_ENOMEM ? code : INVSRC_OK;
}

/* Tells the log why the file answers nothing, by another look at it. */
static void tell_why(const invsrc_registry_file *file) {
  invsrc_error *error = file->world.log ? invsrc_error_new() : NULL;
  ivs_aao_set *set = NULL;
  struct stat stamp;
  char message[512];
  int length = 0;

  if (error && load(file->path.bytes, &set, &stamp, error) != INVSRC_OK)
    length = snprintf(message, sizeof message, "registry %s: %s", file->path.bytes,
                      invsrc_error_message(error));
  if (length >= (int)sizeof message) length = sizeof message - 1;
  if (length > 0)
    file->world.log(file->world_context, INVSRC_LOG_WARNING, message, (uint64_t)length);
  ivs_aao_set_free(set);
  invsrc_error_free(error);
}

static int32_t lookup(void *context, const char *endpoint_url, uint64_t length) {
  invsrc_registry_file *file = context;
  int32_t outcome = INVSRC_OUTCOME_UNAVAILABLE;
  ivs_aao_key key;
  int32_t code;

  if (!file || !endpoint_url) return INVSRC_OUTCOME_FAILED;
  code = ivs_aao_key_of_url(endpoint_url, (size_t)length, &key);
  if (code != INVSRC_OK) return ivs_aao_outcome(code);
  pthread_mutex_lock(&file->lock);
  if (bring_up_to_date(file) == INVSRC_OK && file->set)
    outcome = ivs_aao_set_has(file->set, &key) ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_REGISTERED;
  pthread_mutex_unlock(&file->lock);
  if (outcome == INVSRC_OUTCOME_UNAVAILABLE) tell_why(file);
  return outcome;
}

int32_t invsrc_registry_file_new(const char *path, invsrc_registry_file **file,
                                 invsrc_error *error) {
  invsrc_registry_file *fresh;
  int32_t code = INVSRC_ENOMEM;

  if (file) *file = NULL;
  if (!file || !path || !*path)
    return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  fresh = calloc(1, sizeof *fresh);
  if (!fresh || ivs_buffer_set(&fresh->path, path, strlen(path)) != INVSRC_OK ||
      pthread_mutex_init(&fresh->lock, NULL) != 0) {
    ivs_error_fail(error, code, "memory ran out");
    goto done;
  }
  code = load(path, &fresh->set, &fresh->stamp, error);
  if (code == INVSRC_OK) {
    fresh->settled = has_settled(&fresh->stamp);
    *file = fresh;
    return INVSRC_OK;
  }
  pthread_mutex_destroy(&fresh->lock);
done:
  if (fresh) ivs_buffer_end(&fresh->path);
  free(fresh);
  return code;
}

int32_t invsrc_registry_file_set_world(invsrc_registry_file *file,
                                       const invsrc_world_vtable *vtable, void *context) {
  invsrc_world_vtable world = {0};

  if (!file || (vtable && vtable->size < 2 * sizeof(uint32_t))) return INVSRC_EINVAL;
  if (vtable) memcpy(&world, vtable, vtable->size < sizeof world ? vtable->size : sizeof world);
  file->world = world;
  file->world_context = context;
  return INVSRC_OK;
}

void invsrc_registry_file_free(invsrc_registry_file *file) {
  if (!file) return;
  pthread_mutex_destroy(&file->lock);
  ivs_aao_set_free(file->set);
  ivs_buffer_end(&file->path);
  free(file);
}

const invsrc_registry_vtable *invsrc_registry_file_registry(void) {
  static const invsrc_registry_vtable table = {
      .size = sizeof(invsrc_registry_vtable),
      .lookup = lookup,
  };

  return &table;
}
