/*
 * `invsrc apikey`: the keys of those who call the server.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "host.h"
#include "print.h"

/* ---- Add ------------------------------------------------------------------------ */

/* Prints a new key. Nobody has one that cannot be printed, so it is ended; main()
 * complains of the output. */
static int show_once(host *self, const char *key) {
  char client_id[64] = "";

  if (puts(key) >= 0 && fflush(stdout) == 0) return EXIT_DONE;
  sscanf(key, "%*[^_]_%63[^_]", client_id);
  if (host_revoke_key(self, client_id) == INVSRC_OK) return EXIT_DONE;
  return host_complain(self, "cannot end the key that was not shown");
}

static int add(host *self, const char *storefront, const char *name) {
  invsrc_buffer *key = invsrc_buffer_new();
  int32_t result = INVSRC_ENOMEM;
  int status = EXIT_DONE;

  if (key) result = host_add_key(self, storefront, name, key);
  if (result == INVSRC_OK) status = show_once(self, invsrc_buffer_bytes(key, NULL));
  invsrc_buffer_free(key);
  if (result == INVSRC_EINVAL) return complain(EXIT_USAGE, "%s", invsrc_error_message(self->error));
  return result == INVSRC_OK ? status : host_complain(self, "cannot add a key");
}

static int run_add(const arguments *given) {
  const char *storefront = value_of(given, &storefront_option);
  host self = {0};
  int status;

  if (!storefront) return complain(EXIT_USAGE, "apikey add needs --storefront ID");
  status = host_open_store(&self, given, LASTING_STORE);
  if (status == EXIT_DONE) status = add(&self, storefront, value_of(given, &name_option));
  host_close(&self);
  return status;
}

const command apikey_add_command = {"apikey add",
                                    "",
                                    "Make an API key and print it, this once",
                                    0,
                                    0,
                                    run_add,
                                    {&database_option, &storefront_option, &name_option, NULL}};

/* ---- List ------------------------------------------------------------------------ */

typedef struct listing {
  int form; /* 'j': JSON; 't': a table for a terminal; 0: tabs */
  int count;
} listing;

static void show_json(const invsrc_apikey *key, const char *created, const char *revoked,
                      int first) {
  printf("%s{\"clientId\":", first ? "" : ",\n");
  print_json(key->client_id);
  printf(",\"storefront\":");
  print_json(key->storefront);
  printf(",\"name\":");
  print_json(key->name);
  printf(",\"createdAt\":\"%s\"", created);
  if (key->status == INVSRC_APIKEY_REVOKED) printf(",\"revokedAt\":\"%s\"", revoked);
  putchar('}');
}

static void show(void *context, const invsrc_apikey *key) {
  listing *list = context;
  char created[TIME_SIZE], revoked[TIME_SIZE];
  const char *state = key->status == INVSRC_APIKEY_REVOKED ? "revoked" : "active";

  format_time(key->created_at, created);
  format_time(key->revoked_at, revoked);
  if (list->form == 'j') show_json(key, created, revoked, list->count == 0);
  if (list->form == 't' && list->count == 0)
    printf("%-18s%-9s%-22s%-20s%s\n", "CLIENT ID", "STATE", "CREATED", "STOREFRONT", "NAME");
  if (list->form != 'j')
    printf(list->form == 't' ? "%-18s%-9s%-22s%-20s%s\n" : "%s\t%s\t%s\t%s\t%s\n", key->client_id,
           state, created, key->storefront, key->name);
  list->count++;
}

static int run_list(const arguments *given) {
  listing list = {value_of(given, &json_option) ? 'j' : isatty(STDOUT_FILENO) ? 't' : 0, 0};
  host self = {0};
  int status = host_open_store(&self, given, OLD_STORE);

  if (status == EXIT_DONE) {
    if (list.form == 'j') putchar('[');
    if (host_list_keys(&self, value_of(given, &only_storefront_option), show, &list) != INVSRC_OK)
      status = host_complain(&self, "cannot list keys");
    if (list.form == 'j') puts("]");
  }
  host_close(&self);
  return status;
}

const command apikey_list_command = {
    "apikey list",
    "",
    "Show the API keys, without their secrets",
    0,
    0,
    run_list,
    {&database_option, &only_storefront_option, &json_option, NULL}};

/* ---- Revoke ----------------------------------------------------------------------- */

static int run_revoke(const arguments *given) {
  host self = {0};
  int status = host_open_store(&self, given, OLD_STORE);

  if (status == EXIT_DONE) {
    int32_t result = host_revoke_key(&self, given->operands[0]);
    if (result == INVSRC_ENOTFOUND) /* not repeated: it may be a whole key */
      status = complain(EXIT_REFUSED, "there is no API key with that CLIENT_ID");
    else if (result != INVSRC_OK)
      status = host_complain(&self, "cannot revoke the key");
  }
  host_close(&self);
  return status;
}

const command apikey_revoke_command = {"apikey revoke",
                                       "CLIENT_ID",
                                       "End an API key, by the middle part of its text",
                                       1,
                                       1,
                                       run_revoke,
                                       {&database_option, NULL}};
