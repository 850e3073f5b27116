/*
 * A host with a store, an authenticator and a registry of its own, behind its own
 * HTTP server (here: three requests in a row). Of the ready-made providers it uses
 * the sealer only.
 *
 *     own_store MASTER-KEYS
 *
 * The store keeps rows with one column for each field of a source, as a database
 * would, and asks the library what fields there are: it need not change when they
 * grow. Both promises of the interface are kept: source and sealed credential go in
 * together or not at all, and what is unique is refused when it is there already.
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The store ------------------------------------------------------------ */

#define COLUMNS INVSRC_SOURCE_FIELD_END

struct row {
  char *text[COLUMNS]; /* NULL where the source has none */
  int64_t number[COLUMNS];
  void *sealed;
  uint64_t sealed_length;
  struct row *next;
};

struct store {
  pthread_mutex_t lock;
  struct row *rows;
};

static void free_row(struct row *row) {
  if (!row) return;
  for (int32_t i = 0; i < COLUMNS; i++) free(row->text[i]);
  free(row->sealed);
  free(row);
}

static void *copy_bytes(const void *bytes, uint64_t length) {
  char *copy = malloc((size_t)length + 1);

  if (!copy) return NULL;
  memcpy(copy, bytes, (size_t)length);
  copy[length] = '\0';
  return copy;
}

/* A whole row, or NULL when memory ran out. */
static struct row *make_row(const invsrc_source *source, const void *sealed, uint64_t length) {
  struct row *row = calloc(1, sizeof *row);

  if (!row) return NULL;
  for (int32_t i = 0; i < COLUMNS; i++) {
    uint64_t text_length;
    const char *text = invsrc_source_text(source, i, &text_length);

    row->number[i] = invsrc_source_number(source, i);
    if (text && !(row->text[i] = copy_bytes(text, text_length))) goto failed;
  }
  if (sealed && !(row->sealed = copy_bytes(sealed, length))) goto failed;
  row->sealed_length = length;
  return row;

failed:
  free_row(row);
  return NULL;
}

static int same(const struct row *a, const struct row *b, int32_t column) {
  return strcmp(a->text[column], b->text[column]) == 0;
}

static int32_t insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length) {
  struct store *store = context;
  struct row *row = make_row(source, sealed, length);
  int32_t outcome = INVSRC_OUTCOME_OK;

  if (!row) return INVSRC_OUTCOME_UNAVAILABLE;
  pthread_mutex_lock(&store->lock);
  for (const struct row *old = store->rows; old && outcome == INVSRC_OUTCOME_OK; old = old->next) {
    if (same(old, row, INVSRC_SOURCE_ID) || same(old, row, INVSRC_SOURCE_AGENT_ID))
      outcome = INVSRC_OUTCOME_DUPLICATE;
    else if (same(old, row, INVSRC_SOURCE_STOREFRONT) && same(old, row, INVSRC_SOURCE_SOURCE_ID))
      outcome = INVSRC_OUTCOME_CONFLICT;
  }
  if (outcome == INVSRC_OUTCOME_OK) {
    row->next = store->rows;
    store->rows = row;
    row = NULL;
  }
  pthread_mutex_unlock(&store->lock);
  free_row(row);
  return outcome;
}

/* Rows are never changed, so the one that was found can be read without the lock. */
static int32_t get(void *context, const char *storefront, uint64_t storefront_length,
                   const char *source_id, uint64_t source_id_length, invsrc_source *source,
                   invsrc_buffer *sealed) {
  struct store *store = context;
  const struct row *row;
  int32_t result = INVSRC_OK;

  (void)storefront_length; /* both are NUL-terminated, and hold no other NUL */
  (void)source_id_length;
  pthread_mutex_lock(&store->lock);
  for (row = store->rows; row; row = row->next)
    if (strcmp(row->text[INVSRC_SOURCE_STOREFRONT], storefront) == 0 &&
        strcmp(row->text[INVSRC_SOURCE_SOURCE_ID], source_id) == 0)
      break;
  pthread_mutex_unlock(&store->lock);
  if (!row) return INVSRC_OUTCOME_NOT_FOUND;

  for (int32_t i = 0; i < COLUMNS && result == INVSRC_OK; i++) {
    if (invsrc_source_field_kind(i) == 'N')
      result = invsrc_source_set_number(source, i, row->number[i]);
    else if (row->text[i])
      result = invsrc_source_set_text(source, i, row->text[i], strlen(row->text[i]));
  }
  if (result == INVSRC_OK && row->sealed)
    result = invsrc_buffer_set(sealed, row->sealed, row->sealed_length);
  return result == INVSRC_OK ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
}

static void free_rows(struct store *store) {
  while (store->rows) {
    struct row *row = store->rows;

    store->rows = row->next;
    free_row(row);
  }
}

/* ---- The host's own keys and registry ------------------------------------- */

/* A real host keeps a hash of each key, and compares in constant time. */
static int32_t authenticate(void *context, const char *token, uint64_t length,
                            invsrc_buffer *storefront) {
  (void)context;
  (void)length;
  if (strcmp(token, "the-key-of-acme") != 0) return INVSRC_OUTCOME_UNKNOWN;
  return invsrc_buffer_set(storefront, "acme", 4) == INVSRC_OK ? INVSRC_OUTCOME_OK
                                                               : INVSRC_OUTCOME_UNAVAILABLE;
}

static int32_t lookup(void *context, const char *endpoint_url, uint64_t length) {
  (void)context;
  (void)length;
  return strncmp(endpoint_url, "https://agents.example/", 23) == 0 ? INVSRC_OUTCOME_OK
                                                                   : INVSRC_OUTCOME_NOT_REGISTERED;
}

static const invsrc_store_vtable store_table = {
    .size = sizeof store_table, .insert = insert, .get = get};
static const invsrc_authenticator_vtable authenticator_table = {.size = sizeof authenticator_table,
                                                                .authenticate = authenticate};
static const invsrc_registry_vtable registry_table = {.size = sizeof registry_table,
                                                      .lookup = lookup};

/* ---- Requests as the host's server would hand them over ------------------- */

#define SOURCES "/api/v2/storefront/inventory-sources"

static const struct {
  const char *method, *target, *body;
} requests[] = {
    {"POST", SOURCES,
     "{\"name\": \"Café Ünïon\", \"type\": \"CREATIVE\", \"protocol\": \"MCP\","
     " \"endpointUrl\": \"https://agents.example/cafe\", \"authenticationType\": \"BASIC_AUTH\","
     " \"auth\": {\"type\": \"basic\", \"username\": \"cafe\", \"password\": \"secret\"}}"},
    {"POST", SOURCES,
     "{\"name\": \"Cafe Union\", \"type\": \"SALES\", \"protocol\": \"A2A\","
     " \"endpointUrl\": \"https://agents.example/other\", \"authenticationType\": \"NO_AUTH\"}"},
    {"GET", SOURCES "/cafe-union", ""},
};

/* Answers one request and prints the answer. Returns a result code. */
static int32_t serve(invsrc_service *service, size_t i) {
  static const char name[] = "Authorization", value[] = "Bearer the-key-of-acme";
  const char *method = requests[i].method, *target = requests[i].target, *body = requests[i].body;
  invsrc_request *request = invsrc_request_new();
  invsrc_response *response = NULL;
  int32_t result;

  if (!request) return INVSRC_ENOMEM;
  if ((result = invsrc_request_set_method(request, method, strlen(method))) == INVSRC_OK &&
      (result = invsrc_request_set_target(request, target, strlen(target))) == INVSRC_OK &&
      (result = invsrc_request_add_header(request, name, strlen(name), value, strlen(value))) ==
          INVSRC_OK &&
      (result = invsrc_request_set_body(request, body, strlen(body))) == INVSRC_OK &&
      (result = invsrc_handle(service, request, &response, NULL)) == INVSRC_OK)
    printf("%s %s: %d %s\n", method, target, (int)invsrc_response_status(response),
           invsrc_response_body(response, NULL));
  invsrc_response_free(response);
  invsrc_request_free(request);
  return result;
}

static int run(const char *key_file) {
  struct store store = {.lock = PTHREAD_MUTEX_INITIALIZER};
  invsrc_error *error = invsrc_error_new();
  invsrc_options *options = invsrc_options_new();
  invsrc_keyring *keyring = NULL;
  invsrc_service *service = NULL;
  int32_t result = INVSRC_ENOMEM;

  if (!error || !options) goto done;
  if ((result = invsrc_keyring_load(key_file, &keyring, error)) < 0) goto done;
  invsrc_options_set_store(options, &store_table, &store);
  invsrc_options_set_authenticator(options, &authenticator_table, NULL);
  invsrc_options_set_registry(options, &registry_table, NULL);
  invsrc_options_set_sealer(options, invsrc_keyring_sealer(), keyring);
  if ((result = invsrc_service_new(options, &service, error)) < 0) goto done;
  for (size_t i = 0; i < sizeof requests / sizeof *requests && result == INVSRC_OK; i++)
    result = serve(service, i);

done:
  if (result < 0) fprintf(stderr, "own_store: %s\n", invsrc_strerror(result));
  invsrc_service_free(service);
  invsrc_options_free(options);
  invsrc_keyring_free(keyring);
  invsrc_error_free(error);
  free_rows(&store);
  return result == INVSRC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
  if (argc == 2) return run(argv[1]);
  fprintf(stderr, "usage: own_store MASTER-KEYS\n");
  return EXIT_FAILURE;
}
