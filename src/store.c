/*
 * Where a host keeps its sources: what --store names. See host.h.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

const option store_option = {"store", "sqlite:PATH|postgres:CONNINFO|memory:",
                             "where sources and API keys are kept (required)"};
const option database_option = {"store", "sqlite:PATH|postgres:CONNINFO",
                                "where sources and API keys are kept (required)"};
const option file_option = {"store", "sqlite:PATH",
                            "where sources and API keys are kept (required)"};

/* ---- Opening --------------------------------------------------------------------- */

static int open_file(host *self, const char *path, wanted_store wanted) {
  if (wanted == OLD_STORE && access(path, F_OK) != 0)
    return complain_of(EXIT_FAILED, errno, "cannot open store sqlite:%s", path);
  if (invsrc_sqlite_open(path, &self->db, self->error) == INVSRC_OK) return EXIT_DONE;
  return complain(EXIT_FAILED, "cannot open store sqlite:%s: %s", path,
                  invsrc_error_message(self->error));
}

/* The connection string may hold a password, and is not repeated. */
static int open_postgres(host *self, const char *conninfo) {
  int32_t result = invsrc_postgres_open(conninfo, &self->pg, self->error);

  if (result == INVSRC_OK) return EXIT_DONE;
  return complain(result == INVSRC_EMALFORMED ? EXIT_USAGE : EXIT_FAILED,
                  "cannot open store postgres: %s", invsrc_error_message(self->error));
}

static int open_memory(host *self) {
  if (invsrc_memory_new(&self->memory) == INVSRC_OK) return EXIT_DONE;
  return complain(EXIT_FAILED, "memory ran out");
}

int host_open_store(host *self, const arguments *given, wanted_store wanted) {
  static const option *const options[] = {&store_option, &database_option, &file_option};
  static const char sqlite[] = "sqlite:", postgres[] = "postgres:", memory[] = "memory:";
  const option *taken = &store_option;
  const char *store;
  int status = host_begin(self);

  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (host_takes(given, options[i])) taken = options[i];
  if (status == EXIT_DONE) status = host_needs(given, taken, &store);
  if (status != EXIT_DONE) return status;
  if (host_is_prefixed(store, sqlite) && store[sizeof sqlite - 1])
    return open_file(self, store + sizeof sqlite - 1, wanted);
  if (host_is_prefixed(store, postgres) && taken != &file_option)
    return open_postgres(self, store + sizeof postgres - 1);
  if (strcmp(store, memory) == 0 && taken == &store_option) return open_memory(self);
  if (strcmp(store, memory) == 0 || host_is_prefixed(store, postgres))
    return complain(EXIT_USAGE, "%s needs --store %s", given->command->name, taken->value);
  return complain(EXIT_USAGE, "--store must be %s", taken->value);
}

void host_close_store(host *self) {
  invsrc_memory_free(self->memory);
  invsrc_postgres_free(self->pg);
  invsrc_sqlite_free(self->db);
}

/* ---- Use ------------------------------------------------------------------------- */

void host_set_store(host *self) {
  if (self->db) {
    invsrc_options_set_store(self->options, invsrc_sqlite_store(), self->db);
    invsrc_options_set_authenticator(self->options, invsrc_sqlite_authenticator(), self->db);
  } else if (self->pg) {
    invsrc_options_set_store(self->options, invsrc_postgres_store(), self->pg);
    invsrc_options_set_authenticator(self->options, invsrc_postgres_authenticator(), self->pg);
  } else {
    invsrc_options_set_store(self->options, invsrc_memory_store(), self->memory);
    invsrc_options_set_authenticator(self->options, invsrc_memory_authenticator(), self->memory);
  }
}

void host_keep_clients(host *self) {
  const invsrc_clients_vtable *table = self->db   ? invsrc_sqlite_clients()
                                       : self->pg ? invsrc_postgres_clients()
                                                  : invsrc_memory_clients();
  void *context = self->memory;

  if (self->db) context = self->db;
  if (self->pg) context = self->pg;
  invsrc_consents_set_clients(self->consents, table, context, invsrc_keyring_sealer(),
                              self->keyring);
}

int32_t host_add_key(host *self, const char *storefront, const char *name, invsrc_buffer *key) {
  return self->pg ? invsrc_postgres_apikey_add(self->pg, storefront, name, key, self->error)
                  : invsrc_sqlite_apikey_add(self->db, storefront, name, key, self->error);
}

int32_t host_list_keys(host *self, const char *storefront, invsrc_apikey_visitor visit,
                       void *context) {
  return self->pg ? invsrc_postgres_apikey_list(self->pg, storefront, visit, context, self->error)
                  : invsrc_sqlite_apikey_list(self->db, storefront, visit, context, self->error);
}

int32_t host_revoke_key(host *self, const char *client_id) {
  return self->pg ? invsrc_postgres_apikey_revoke(self->pg, client_id, self->error)
                  : invsrc_sqlite_apikey_revoke(self->db, client_id, self->error);
}
