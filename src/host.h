/*
 * A host of the library, put together from the options of the command line.
 */
#ifndef HOST_H
#define HOST_H

#include <invsrc/invsrc.h>
#include <invsrc/postgres.h>
#include <invsrc/providers.h>

#include "command.h"

/* --store where it is a database, and --storefront where it may be left out. */
extern const option database_option, only_storefront_option;
/* --store where it is a file. */
extern const option file_option;
/* --master-key-file where keys are not needed. */
extern const option optional_key_file_option;

/* The options that several commands share. */
extern const option store_option, master_key_file_option, registry_option, registry_key_file_option,
    ca_file_option, proxy_option, envelope_option, allow_http_option, allow_private_option,
    max_body_option, storefront_option, name_option, json_option, log_level_option, parallel_option,
    lease_option, recheck_option, probe_tool_option, api_key_header_option, webhook_option,
    webhook_secret_file_option, public_url_option, oauth_done_url_option, oauth_clients_file_option,
    oauth_client_name_option;

typedef struct host {
  invsrc_error *error;
  invsrc_sqlite *db;   /* one of the three, */
  invsrc_postgres *pg; /* by --store */
  invsrc_memory *memory;
  invsrc_keyring *keyring;
  invsrc_curl *curl; /* to the registry and to agents */
  invsrc_aao *aao;
  invsrc_registry_file *file;
  const char *registry_path; /* of that; the command line's */
  invsrc_agents *agents;
  invsrc_consents *consents;
  int has_client_document; /* it is to be served */
  int has_events;
  invsrc_curl *webhook_curl;
  invsrc_webhook *webhook; /* NULL: events are logged only */
  invsrc_options *options;
  invsrc_service *service;
  uint64_t max_body;
  uint64_t files; /* that it may have open */
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
void host_close_store(host *self);
/* Sets it in the options, and keeps the clients of --public-url in it. */
void host_set_store(host *self);
void host_keep_clients(host *self);
/* The keys in a database; results of the library. */
int32_t host_add_key(host *self, const char *storefront, const char *name, invsrc_buffer *key);
int32_t host_list_keys(host *self, const char *storefront, invsrc_apikey_visitor visit,
                       void *context);
int32_t host_revoke_key(host *self, const char *client_id);
int host_open_keyring(host *self, const arguments *given);
/* Whether a storefront can have this id: the keys of no other can be made. */
int host_is_storefront(const char *id);
/* Sets the switches and limits that the pure helpers need. */
int host_set_switches(host *self, const arguments *given);
/* What a host needs besides its store. */
#define HOST_KEYRING 1u
#define HOST_REGISTRY 2u
#define HOST_AGENTS 4u  /* it probes them */
#define HOST_LOG 8u     /* what the library has to say is logged */
#define HOST_OAUTH 16u  /* it asks for consents, where --public-url says where to, and revokes */
#define HOST_EVENTS 32u /* it keeps its changes of sources as events, and may deliver them */

/* Below --public-url. */
#define HOST_CALLBACK "/api/v2/storefront/oauth/callback"
#define HOST_CLIENT_DOCUMENT "/api/v2/storefront/oauth/client.json"

/* Opens all that is needed and makes the service. */
int host_open(host *self, const arguments *given, wanted_store wanted, unsigned needs);
/* Ends what was opened. */
void host_close(host *self);

/* Reads the value of an option that is a number, where it was given. */
int host_number(const arguments *given, const option *wanted, uint64_t least, uint64_t most,
                uint64_t *number);
/* Reads --storefront, which must be there. */
int host_storefront(const arguments *given, const char **storefront);

/* Makes the error object, which everything else reports into. */
int host_begin(host *self);
/* The value of an option that must be there. */
int host_needs(const arguments *given, const option *wanted, const char **value);
/* Whether the command has the option, and whether a text begins with another. */
int host_takes(const arguments *given, const option *wanted);
int host_is_prefixed(const char *text, const char *prefix);

/* Complains of a failure that the library reported: "cannot open …: reason". */
int host_complain(const host *self, const char *what);
/* Prints the body of an answer; how to end by its status. */
int host_print(const invsrc_response *response);

#endif
