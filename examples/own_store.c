/*
 * A host with a store, an authenticator, a registry, a prober and an ear for events of its
 * own, behind its own HTTP server (here: some requests in a row). Of the ready-made
 * providers it uses the sealer only.
 *
 *     own_store MASTER-KEYS
 *     own_store --check       holds the store to what its interface promises
 *
 * The store keeps rows with one column for each field of a source, as a database
 * would, and asks the library what fields there are: it need not change when they
 * grow. The promises of the interface are kept: source, sealed credential and event go in
 * together or not at all, what is unique is refused when it is there already, an update
 * finds the revision that it expects, and nothing that is due is given out twice.
 */
#include <invsrc/invsrc.h>
#include <invsrc/providers.h>
#include <invsrc/testkit.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Rows ----------------------------------------------------------------- */

#define COLUMNS INVSRC_SOURCE_FIELD_END

struct row {
  char *text[COLUMNS]; /* NULL where the source has none */
  int64_t number[COLUMNS];
  void *sealed;
  uint64_t sealed_length;
  int64_t was_due; /* since when, where it is being claimed; else 0 */
  struct row *next;
};

struct event_row {
  invsrc_event *event;
  int64_t next_at; /* when it is due */
  struct event_row *next;
};

/* Both in the order in which they came. */
struct table {
  pthread_mutex_t lock;
  struct row *rows;
  struct event_row *events;
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

static int32_t read_row(const struct row *row, invsrc_source *source) {
  int32_t result = INVSRC_OK;

  for (int32_t i = 0; i < COLUMNS && result == INVSRC_OK; i++) {
    if (invsrc_source_field_kind(i) == 'N')
      result = invsrc_source_set_number(source, i, row->number[i]);
    else if (row->text[i])
      result = invsrc_source_set_text(source, i, row->text[i], strlen(row->text[i]));
  }
  return result;
}

static int32_t append_row(const struct row *row, invsrc_source_list *list) {
  invsrc_source *source = invsrc_source_new();
  int32_t result = source ? read_row(row, source) : INVSRC_ENOMEM;

  if (result == INVSRC_OK)
    result = invsrc_source_list_append(list, source, row->sealed, row->sealed_length);
  invsrc_source_free(source);
  return result;
}

static int same(const struct row *a, const struct row *b, int32_t column) {
  return a->text[column] && b->text[column] && strcmp(a->text[column], b->text[column]) == 0;
}

/* Where the row with the id of a source is linked, or the end of the rows. */
static struct row **find_row(struct table *table, const invsrc_source *source) {
  const char *id = invsrc_source_text(source, INVSRC_SOURCE_ID, NULL);
  struct row **at = &table->rows;

  while (*at && strcmp((*at)->text[INVSRC_SOURCE_ID], id) != 0) at = &(*at)->next;
  return at;
}

/* Most functions of a store come to one of two outcomes. */
static int32_t outcome_of(int32_t result) {
  return result == INVSRC_OK ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
}

/* ---- Events ----------------------------------------------------------------- */

static struct event_row **find_event(struct table *table, const char *id) {
  struct event_row **at = &table->events;

  while (*at && strcmp(invsrc_event_text((*at)->event, INVSRC_EVENT_ID, NULL), id) != 0)
    at = &(*at)->next;
  return at;
}

static void drop_event(struct event_row **at) {
  struct event_row *gone = *at;

  *at = gone->next;
  invsrc_event_free(gone->event);
  free(gone);
}

/* It comes last in each step: where it fails, nothing has happened yet. */
static int32_t keep_event(struct table *table, const invsrc_event *event) {
  struct event_row **end, *row;

  if (!event) return INVSRC_OUTCOME_OK;
  end = find_event(table, invsrc_event_text(event, INVSRC_EVENT_ID, NULL));
  if (*end) return INVSRC_OUTCOME_FAILED;
  row = calloc(1, sizeof *row);
  if (!row) return INVSRC_OUTCOME_UNAVAILABLE;
  *end = row;
  row->next_at = invsrc_event_number(event, INVSRC_EVENT_TIME);
  row->event = invsrc_event_new();
  if (row->event && invsrc_event_copy(row->event, event) == INVSRC_OK) return INVSRC_OUTCOME_OK;
  drop_event(end);
  return INVSRC_OUTCOME_UNAVAILABLE;
}

/* The one that has been due longest, or NULL. */
static struct event_row *first_event(const struct table *table, int64_t now) {
  struct event_row *first = NULL;

  for (struct event_row *row = table->events; row; row = row->next)
    if (row->next_at <= now && (!first || row->next_at < first->next_at)) first = row;
  return first;
}

static int32_t next_event(void *context, int64_t now, int64_t lease_end, invsrc_event *event) {
  struct table *table = context;
  int32_t outcome = INVSRC_OUTCOME_NOT_FOUND;
  struct event_row *row;

  pthread_mutex_lock(&table->lock);
  row = first_event(table, now);
  if (row && (outcome = outcome_of(invsrc_event_copy(event, row->event))) == INVSRC_OUTCOME_OK)
    row->next_at = lease_end;
  pthread_mutex_unlock(&table->lock);
  return outcome;
}

static int32_t end_of_event(void *context, const char *id, uint64_t length, int64_t next_at) {
  struct table *table = context;
  struct event_row **at;

  (void)length; /* NUL-terminated, as every text is */
  pthread_mutex_lock(&table->lock);
  at = find_event(table, id);
  if (*at && next_at == 0) {
    drop_event(at);
  } else if (*at) {
    (*at)->next_at = next_at;
    invsrc_event_set_number((*at)->event, INVSRC_EVENT_ATTEMPTS,
                            invsrc_event_number((*at)->event, INVSRC_EVENT_ATTEMPTS) + 1);
  }
  pthread_mutex_unlock(&table->lock);
  return INVSRC_OUTCOME_OK;
}

/* ---- The store ------------------------------------------------------------ */

static int32_t insert_row(void *context, const invsrc_source *source, const void *sealed,
                          uint64_t length, const invsrc_event *event) {
  struct table *table = context;
  struct row *row = make_row(source, sealed, length), **end = &table->rows;
  int32_t outcome = INVSRC_OUTCOME_OK;

  if (!row) return INVSRC_OUTCOME_UNAVAILABLE;
  pthread_mutex_lock(&table->lock);
  for (; *end && outcome == INVSRC_OUTCOME_OK; end = &(*end)->next) {
    if (same(*end, row, INVSRC_SOURCE_STOREFRONT) && same(*end, row, INVSRC_SOURCE_SOURCE_ID))
      outcome = INVSRC_OUTCOME_CONFLICT;
    else if (same(*end, row, INVSRC_SOURCE_ID) || same(*end, row, INVSRC_SOURCE_AGENT_ID) ||
             same(*end, row, INVSRC_SOURCE_OAUTH_STATE))
      outcome = INVSRC_OUTCOME_DUPLICATE;
  }
  if (outcome == INVSRC_OUTCOME_OK) outcome = keep_event(table, event);
  if (outcome == INVSRC_OUTCOME_OK) *end = row;
  pthread_mutex_unlock(&table->lock);
  if (outcome != INVSRC_OUTCOME_OK) free_row(row);
  return outcome;
}

static int32_t get_row(void *context, const char *storefront, uint64_t storefront_length,
                       const char *source_id, uint64_t source_id_length, invsrc_source *source,
                       invsrc_buffer *sealed) {
  int32_t outcome = INVSRC_OUTCOME_NOT_FOUND;
  struct table *table = context;
  const struct row *row;

  (void)storefront_length; /* both are NUL-terminated, and hold no other NUL */
  (void)source_id_length;
  pthread_mutex_lock(&table->lock);
  for (row = table->rows; row; row = row->next)
    if (strcmp(row->text[INVSRC_SOURCE_STOREFRONT], storefront) == 0 &&
        strcmp(row->text[INVSRC_SOURCE_SOURCE_ID], source_id) == 0)
      break;
  if (row) outcome = outcome_of(read_row(row, source));
  if (outcome == INVSRC_OUTCOME_OK)
    outcome = outcome_of(invsrc_buffer_set(sealed, row->sealed, row->sealed_length));
  pthread_mutex_unlock(&table->lock);
  return outcome;
}

/* By a field that no two rows have alike. */
static int32_t find_field(void *context, int32_t field, const char *value, uint64_t length,
                          invsrc_source *source, invsrc_buffer *sealed) {
  int32_t outcome = INVSRC_OUTCOME_NOT_FOUND;
  struct table *table = context;
  const struct row *row;

  (void)length;
  if (field != INVSRC_SOURCE_AGENT_ID && field != INVSRC_SOURCE_OAUTH_STATE)
    return INVSRC_OUTCOME_FAILED;
  pthread_mutex_lock(&table->lock);
  for (row = table->rows; row; row = row->next)
    if (row->text[field] && strcmp(row->text[field], value) == 0) break;
  if (row) outcome = outcome_of(read_row(row, source));
  if (outcome == INVSRC_OUTCOME_OK)
    outcome = outcome_of(invsrc_buffer_set(sealed, row->sealed, row->sealed_length));
  pthread_mutex_unlock(&table->lock);
  return outcome;
}

static int32_t list_rows(void *context, const char *storefront, uint64_t length, uint64_t skip,
                         uint64_t take, invsrc_source_list *list, uint64_t *total) {
  struct table *table = context;
  int32_t result = INVSRC_OK;

  (void)length;
  *total = 0;
  pthread_mutex_lock(&table->lock);
  for (const struct row *row = table->rows; row && result == INVSRC_OK; row = row->next) {
    if (strcmp(row->text[INVSRC_SOURCE_STOREFRONT], storefront) != 0) continue;
    if (*total >= skip && *total - skip < take) result = append_row(row, list);
    ++*total;
  }
  pthread_mutex_unlock(&table->lock);
  return outcome_of(result);
}

/* Exchanges the columns of some parts. */
static void exchange(struct row *a, struct row *b, uint32_t parts) {
  struct row kept = *a;

  for (int32_t i = 0; i < COLUMNS; i++) {
    if (!(invsrc_source_field_part(i) & parts)) continue;
    a->text[i] = b->text[i];
    a->number[i] = b->number[i];
    b->text[i] = kept.text[i];
    b->number[i] = kept.number[i];
  }
  if (!(parts & INVSRC_PART_SEALED)) return;
  a->sealed = b->sealed;
  a->sealed_length = b->sealed_length;
  b->sealed = kept.sealed;
  b->sealed_length = kept.sealed_length;
}

/* Whether the row is there and as the caller has seen it; no claim has a `lease_end` of 0. */
static int32_t judge_row(const struct row *row, uint64_t revision, int64_t lease_end) {
  if (!row) return INVSRC_OUTCOME_NOT_FOUND;
  if ((uint64_t)row->number[INVSRC_SOURCE_REVISION] != revision) return INVSRC_OUTCOME_CONFLICT;
  if (lease_end && row->number[INVSRC_SOURCE_NEXT_CHECK_AT] != lease_end)
    return INVSRC_OUTCOME_CONFLICT;
  return INVSRC_OUTCOME_OK;
}

/* Whether a row other than this one has the state of the consent. */
static int is_taken(const struct table *table, const struct row *row, const struct row *fresh) {
  for (const struct row *other = table->rows; other; other = other->next)
    if (other != row && same(other, fresh, INVSRC_SOURCE_OAUTH_STATE)) return 1;
  return 0;
}

static int32_t update_row(void *context, const invsrc_source *source, uint64_t revision,
                          int64_t lease_end, uint32_t parts, const void *sealed, uint64_t length,
                          const invsrc_event *event, invsrc_buffer *replaced) {
  struct table *table = context;
  struct row *fresh = make_row(source, sealed, length), *row;
  int32_t outcome;

  if (!fresh) return INVSRC_OUTCOME_UNAVAILABLE;
  pthread_mutex_lock(&table->lock);
  row = *find_row(table, source);
  outcome = judge_row(row, revision, lease_end);
  if (outcome == INVSRC_OUTCOME_OK && (parts & INVSRC_PART_RECORD) && is_taken(table, row, fresh))
    outcome = INVSRC_OUTCOME_FAILED;
  if (outcome == INVSRC_OUTCOME_OK && (parts & INVSRC_PART_SEALED))
    outcome = outcome_of(invsrc_buffer_set(replaced, row->sealed, row->sealed_length));
  if (outcome == INVSRC_OUTCOME_OK) outcome = keep_event(table, event);
  if (outcome == INVSRC_OUTCOME_OK) exchange(row, fresh, parts);
  pthread_mutex_unlock(&table->lock);
  free_row(fresh); /* with what was exchanged for it */
  return outcome;
}

static int32_t remove_row(void *context, const invsrc_source *source, uint64_t revision,
                          const invsrc_event *event, invsrc_buffer *sealed) {
  struct table *table = context;
  struct row **at, *row;
  int32_t outcome;

  pthread_mutex_lock(&table->lock);
  at = find_row(table, source);
  row = *at;
  outcome = judge_row(row, revision, 0);
  if (outcome == INVSRC_OUTCOME_OK)
    outcome = outcome_of(invsrc_buffer_set(sealed, row->sealed, row->sealed_length));
  if (outcome == INVSRC_OUTCOME_OK) outcome = keep_event(table, event);
  if (outcome == INVSRC_OUTCOME_OK) {
    *at = row->next;
    free_row(row);
  }
  pthread_mutex_unlock(&table->lock);
  return outcome;
}

/* The one that has been due longest, or NULL. */
static struct row *first_due(const struct table *table, int64_t now) {
  struct row *first = NULL;

  for (struct row *row = table->rows; row; row = row->next) {
    int64_t at = row->number[INVSRC_SOURCE_NEXT_CHECK_AT];
    if (at <= 0 || at > now) continue;
    if (!first || at < first->number[INVSRC_SOURCE_NEXT_CHECK_AT]) first = row;
  }
  return first;
}

/* All of them, or none. */
static int32_t claim_due(void *context, int64_t now, int64_t lease_end, uint64_t limit,
                         invsrc_source_list *list) {
  struct table *table = context;
  int32_t result = INVSRC_OK;
  struct row *row;

  pthread_mutex_lock(&table->lock);
  for (; limit && result == INVSRC_OK && (row = first_due(table, now)); limit--) {
    row->was_due = row->number[INVSRC_SOURCE_NEXT_CHECK_AT];
    row->number[INVSRC_SOURCE_NEXT_CHECK_AT] = lease_end;
    result = append_row(row, list);
  }
  for (row = table->rows; row; row = row->next) {
    if (row->was_due && result != INVSRC_OK)
      row->number[INVSRC_SOURCE_NEXT_CHECK_AT] = row->was_due;
    row->was_due = 0;
  }
  pthread_mutex_unlock(&table->lock);
  return outcome_of(result);
}

static void free_table(struct table *table) {
  while (table->rows) {
    struct row *row = table->rows;

    table->rows = row->next;
    free_row(row);
  }
  while (table->events) drop_event(&table->events);
}

static const invsrc_store_vtable store_table = {.size = sizeof store_table,
                                                .insert = insert_row,
                                                .get = get_row,
                                                .list = list_rows,
                                                .update = update_row,
                                                .remove = remove_row,
                                                .due = claim_due,
                                                .event_next = next_event,
                                                .event_end = end_of_event,
                                                .find = find_field};

/* ---- What the store promises, checked ---------------------------------------- */

static int32_t open_table(void *host, void **context) {
  (void)host;
  *context = calloc(1, sizeof(struct table));
  if (!*context) return INVSRC_ENOMEM;
  pthread_mutex_init(&((struct table *)*context)->lock, NULL);
  return INVSRC_OK;
}

static void close_table(void *host, void *context) {
  struct table *table = context;

  (void)host;
  free_table(table);
  pthread_mutex_destroy(&table->lock);
  free(table);
}

static void print_check(void *host, const invsrc_conformance_check *check) {
  static const char *const results[] = {[INVSRC_CONFORMANCE_PASSED] = "passed",
                                        [INVSRC_CONFORMANCE_FAILED] = "FAILED",
                                        [INVSRC_CONFORMANCE_SKIPPED] = "skipped"};

  (void)host;
  printf("%s %s %s\n", results[check->result], check->name, check->message);
}

/* A store that lasts has a `reopen` as well, and its host runs this with its other tests. */
static int check_store(void) {
  static const invsrc_conformance description = {.size = sizeof description,
                                                 .traits = INVSRC_CONFORMANCE_THREADS,
                                                 .open = open_table,
                                                 .close = close_table,
                                                 .hear = print_check};

  return invsrc_store_conformance(&store_table, &description) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- The host's own keys, registry, agents and ear ------------------------- */

/* A real host keeps a hash of each key, and compares in constant time. */
static int32_t whose_key(void *context, const char *token, uint64_t length,
                         invsrc_buffer *storefront) {
  (void)context;
  (void)length;
  if (strcmp(token, "the-key-of-acme") != 0) return INVSRC_OUTCOME_UNKNOWN;
  return outcome_of(invsrc_buffer_set(storefront, "acme", 4));
}

static int32_t lookup(void *context, const char *endpoint_url, uint64_t length) {
  (void)context;
  (void)length;
  return strncmp(endpoint_url, "https://agents.example/", 23) == 0 ? INVSRC_OUTCOME_OK
                                                                   : INVSRC_OUTCOME_NOT_REGISTERED;
}

/* A real host asks the agent, with the credential and without, and many at a time. */
static int32_t probe(void *context, invsrc_probes *probes) {
  invsrc_probe *next;

  (void)context;
  while ((next = invsrc_probes_next(probes))) {
    const char *auth = invsrc_probe_credential(next, NULL);

    if (auth && strstr(auth, "\"password\":\"secret\""))
      invsrc_probe_end(next, INVSRC_OUTCOME_PROVEN, NULL);
    else
      invsrc_probe_end(next, INVSRC_OUTCOME_REFUSED, "the agent answered 401: check auth");
  }
  return INVSRC_OUTCOME_OK;
}

static int32_t hear_event(void *context, const invsrc_event *event) {
  (void)context;
  printf("event %s\n", invsrc_event_text(event, INVSRC_EVENT_TYPE, NULL));
  return INVSRC_OUTCOME_OK;
}

static const invsrc_authenticator_vtable authenticator_table = {.size = sizeof authenticator_table,
                                                                .authenticate = whose_key};
static const invsrc_registry_vtable registry_table = {.size = sizeof registry_table,
                                                      .lookup = lookup};
static const invsrc_prober_vtable prober_table = {.size = sizeof prober_table, .probe = probe};
static const invsrc_events_vtable events_table = {.size = sizeof events_table,
                                                  .deliver = hear_event};

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
    {"PUT", SOURCES "/cafe-union", "{\"name\": \"Café Union\"}"},
    {"GET", SOURCES "?take=1", ""},
    {"DELETE", SOURCES "/cafe-union", ""},
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

/* What a host does beside the requests, when it likes: it asks the agents of the sources that
 * wait for it, and hears what has happened. Returns a result code. */
static int32_t go_on(invsrc_service *service) {
  struct timespec time;
  int64_t now;
  int32_t result;

  timespec_get(&time, TIME_UTC);
  now = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
  result = invsrc_activate_due(service, now, 100, NULL, NULL, NULL);
  return result == INVSRC_OK ? invsrc_deliver_due(service, now, 100, NULL, NULL, NULL) : result;
}

static int host(const char *key_file) {
  struct table table = {.lock = PTHREAD_MUTEX_INITIALIZER};
  invsrc_error *error = invsrc_error_new();
  invsrc_options *options = invsrc_options_new();
  invsrc_keyring *keyring = NULL;
  invsrc_service *service = NULL;
  int32_t result = INVSRC_ENOMEM;

  if (!error || !options) goto done;
  if ((result = invsrc_keyring_load(key_file, &keyring, error)) < 0) goto done;
  invsrc_options_set_store(options, &store_table, &table);
  invsrc_options_set_authenticator(options, &authenticator_table, NULL);
  invsrc_options_set_registry(options, &registry_table, NULL);
  invsrc_options_set_prober(options, &prober_table, NULL);
  invsrc_options_set_events(options, &events_table, NULL);
  invsrc_options_set_sealer(options, invsrc_keyring_sealer(), keyring);
  if ((result = invsrc_service_new(options, &service, error)) < 0) goto done;
  for (size_t i = 0; i < sizeof requests / sizeof *requests && result == INVSRC_OK; i++)
    if ((result = serve(service, i)) == INVSRC_OK) result = go_on(service);

done:
  if (result < 0) fprintf(stderr, "own_store: %s\n", invsrc_strerror(result));
  invsrc_service_free(service);
  invsrc_options_free(options);
  invsrc_keyring_free(keyring);
  invsrc_error_free(error);
  free_table(&table);
  return result == INVSRC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--check") == 0) return check_store();
  if (argc == 2) return host(argv[1]);
  fprintf(stderr, "usage: own_store MASTER-KEYS | --check\n");
  return EXIT_FAILURE;
}
