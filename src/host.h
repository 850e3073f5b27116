/*
 * A host of the library, put together from the options of the command line.
 */
#ifndef HOST_H
#define HOST_H

#include <invsrc/invsrc.h>
#include <invsrc/providers.h>

#include "command.h"

/* --store where it is a database, and --storefront where it may be left out. */
extern const option database_option, only_storefront_option;

/* The options that several commands share. */
extern const option store_option, master_key_file_option, registry_option, registry_key_file_option,
    ca_file_option, proxy_option, envelope_option, allow_http_option, allow_private_option,
    max_body_option, storefront_option, name_option, json_option;

typedef struct host {
  invsrc_error *error;
  invsrc_sqlite *db;     /* one of the two, */
  invsrc_memory *memory; /* by --store */
  invsrc_keyring *keyring;
  invsrc_curl *curl;
  invsrc_aao *aao;
  invsrc_registry_file *file;
  invsrc_options *options;
  invsrc_service *service;
  uint64_t max_body;
} host;

/* Each returns EXIT_DONE, or complains and returns how to end. */

/* What --store may name. */
typedef enum wanted_store {
  ANY_STORE,
  LASTING_STORE, /* a database, which is made where there is none */
  OLD_STORE      /* a database that is there */
} wanted_store;

/* Opens the store that --store names. */
int host_open_store(host *self, const arguments *given, wanted_store wanted);
int host_open_keyring(host *self, const arguments *given);
/* Whether a storefront can have this id: the keys of no other can be made. */
int host_is_storefront(const char *id);
/* Sets the switches and limits that the pure helpers need. */
int host_set_switches(host *self, const arguments *given);
/* Opens all of it and makes the service; `world` may be NULL. */
int host_open(host *self, const arguments *given, const invsrc_world_vtable *world, void *context);
/* Ends what was opened. */
void host_close(host *self);

/* Complains of a failure that the library reported: "cannot open …: reason". */
int host_complain(const host *self, const char *what);

#endif
