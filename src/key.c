/*
 * `invsrc key`: master keys, under which credentials are sealed.
 */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "host.h"

static int run_generate(const arguments *given) {
  invsrc_buffer *key = invsrc_buffer_new();
  int32_t result = key ? invsrc_master_key_generate(key) : INVSRC_ENOMEM;

  (void)given;
  if (result == INVSRC_OK) puts(invsrc_buffer_bytes(key, NULL));
  invsrc_buffer_free(key);
  return result == INVSRC_OK ? EXIT_DONE : complain(EXIT_FAILED, "%s", invsrc_strerror(result));
}

const command key_generate_command = {"key generate", "",    "Print a new master key", 0, 0,
                                      run_generate,   {NULL}};

static int reseal(host *self) {
  uint64_t resealed = 0, refused = 0;
  int32_t result = invsrc_sqlite_reseal(self->db, self->keyring, &resealed, &refused, self->error);

  printf("resealed %" PRIu64 ", refused %" PRIu64 "\n", resealed, refused);
  if (result != INVSRC_OK) return host_complain(self, "cannot reseal");
  if (!refused) return EXIT_DONE;
  return complain(EXIT_FAILED, "%" PRIu64 " credentials or clients open with no key of the file",
                  refused);
}

static int run_reseal(const arguments *given) {
  host self = {0};
  int status = host_open_keyring(&self, given);

  if (status == EXIT_DONE) status = host_open_store(&self, given, OLD_STORE);
  if (status == EXIT_DONE) status = reseal(&self);
  host_close(&self);
  return status;
}

const command key_reseal_command = {
    "key reseal",
    "",
    "Seal again, with the current master key, what older ones sealed",
    0,
    0,
    run_reseal,
    {&file_option, &master_key_file_option, NULL}};
