/*
 * One operation, many times: what `run` measures. Prints the time and the number
 * of allocations for each; instructions are counted from outside, by callgrind. With
 * threads, each does its part of them at the same time as the others. FIRST is the number
 * of the first source that is made; those before it are there, and are what is read.
 *
 *     create OPERATION COUNT [DATABASE [THREADS [FIRST]]]
 */
#include <cjson/cJSON.h>
#include <invsrc/invsrc.h>
#include <invsrc/postgres.h>
#include <invsrc/providers.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Counted allocations: glibc lets a program bring its own malloc --------- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static unsigned long allocations;

void *malloc(size_t size) {
  __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
  return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
  return __libc_realloc(old, size);
}

/* ---- The request: the documentation's, under a new name each time ----------- */

#define REQUEST                                                                              \
  "{\"name\":\"Retail Network Agent %08lu\",\"executionType\":\"AGENT\",\"type\":\"SALES\"," \
  "\"endpointUrl\":\"https://ads.retailnetwork.example/mcp\",\"protocol\":\"MCP\","          \
  "\"authenticationType\":\"API_KEY\",\"auth\":{\"type\":\"bearer\","                        \
  "\"token\":\"sk_live_0123456789abcdef0123456789abcdef\"},"                                 \
  "\"description\":\"Sponsored products and display\"}"

#define SOURCE_ID "retail-network-agent-%08lu"
#define STOREFRONT "storefront-%lu"
#define SOURCES_EACH 1000 /* of a storefront */

static unsigned long first = 1;
static _Thread_local char body[1024], storefront[32];
static _Thread_local size_t body_length, storefront_length;

static void set_storefront(unsigned long i) {
  storefront_length = (size_t)snprintf(storefront, sizeof storefront, STOREFRONT, i / SOURCES_EACH);
}

static void next_body(unsigned long i) {
  body_length = (size_t)snprintf(body, sizeof body, REQUEST, i);
  set_storefront(i);
}

/* The number of a source that is there, another each time. */
static unsigned long any_source(void) {
  static _Thread_local unsigned long long state = 88172645463325252ULL; /* Marsaglia's xorshift */

  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return 1 + (unsigned long)(state % (first - 1));
}

/* ---- Operations -------------------------------------------------------------- */

static invsrc_service *service;

static int32_t yes(void *context, const char *endpoint_url, uint64_t length) {
  (void)context, (void)endpoint_url, (void)length;
  return INVSRC_OUTCOME_OK;
}

static int32_t keep_nothing(void *context, const invsrc_source *source, const void *sealed,
                            uint64_t length, const invsrc_event *event) {
  (void)context, (void)source, (void)sealed, (void)length, (void)event;
  return INVSRC_OUTCOME_OK;
}

static int32_t seal_nothing(void *context, const invsrc_binding *binding, const void *plaintext,
                            uint64_t length, invsrc_buffer *sealed) {
  (void)context, (void)binding, (void)plaintext, (void)length;
  return invsrc_buffer_set(sealed, "x", 1) == INVSRC_OK ? INVSRC_OUTCOME_OK
                                                        : INVSRC_OUTCOME_UNAVAILABLE;
}

static const invsrc_registry_vtable registry = {sizeof registry, 0, yes};
static const invsrc_sealer_vtable no_sealer = {sizeof no_sealer, 0, seal_nothing, seal_nothing,
                                               NULL};

static int fail(const char *what) {
  fprintf(stderr, "create: %s failed\n", what);
  return 1;
}

static int start(const invsrc_store_vtable *store, void *context, int sealed) {
  static const uint8_t key[INVSRC_MASTER_KEY_SIZE] = {1};
  invsrc_options *options = invsrc_options_new();
  invsrc_keyring *keyring = NULL;

  if (invsrc_keyring_new(&keyring) || invsrc_keyring_add(keyring, key, sizeof key)) return 0;
  invsrc_options_set_registry(options, &registry, NULL);
  invsrc_options_set_store(options, store, context);
  if (sealed)
    invsrc_options_set_sealer(options, invsrc_keyring_sealer(), keyring);
  else
    invsrc_options_set_sealer(options, &no_sealer, NULL);
  return invsrc_service_new(options, &service, NULL) == INVSRC_OK;
}

static int start_bare(const char *database) {
  (void)database;
  invsrc_store_vtable no_store = *invsrc_memory_store(); /* nothing else of it is asked */

  no_store.insert = keep_nothing;
  return start(&no_store, NULL, 0);
}

static int start_memory(const char *database) {
  invsrc_memory *memory = NULL;

  (void)database;
  return invsrc_memory_new(&memory) == INVSRC_OK && start(invsrc_memory_store(), memory, 1);
}

static int start_sqlite(const char *database) {
  invsrc_sqlite *db = NULL;

  return database && invsrc_sqlite_open(database, &db, NULL) == INVSRC_OK &&
         start(invsrc_sqlite_store(), db, 1);
}

/* The "database" is a connection string. */
static int start_postgres(const char *database) {
  invsrc_postgres *pg = NULL;

  return database && invsrc_postgres_open(database, &pg, NULL) == INVSRC_OK &&
         start(invsrc_postgres_store(), pg, 1);
}

/* What storing costs at the least: one prepared insert, just as durable. */
static sqlite3_stmt *bare;

static int start_insert(const char *database) {
  sqlite3 *handle = NULL;

  return database && sqlite3_open(database, &handle) == SQLITE_OK &&
         sqlite3_exec(handle,
                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                      "CREATE TABLE sources (id INTEGER PRIMARY KEY, storefront TEXT NOT NULL,"
                      " source_id TEXT NOT NULL, record TEXT NOT NULL,"
                      " UNIQUE (storefront, source_id))",
                      NULL, NULL, NULL) == SQLITE_OK &&
         sqlite3_prepare_v2(handle,
                            "INSERT INTO sources (storefront, source_id, record)"
                            " VALUES ('storefront', ?, ?)",
                            -1, &bare, NULL) == SQLITE_OK;
}

static int insert(void) {
  static unsigned long number;
  char source_id[64];
  int length = snprintf(source_id, sizeof source_id, SOURCE_ID, ++number);
  int good;

  sqlite3_bind_text(bare, 1, source_id, length, SQLITE_STATIC);
  sqlite3_bind_text(bare, 2, body, (int)body_length, SQLITE_STATIC);
  good = sqlite3_step(bare) == SQLITE_DONE;
  sqlite3_reset(bare);
  return good;
}

static int start_nothing(const char *database) {
  (void)database;
  return 1;
}

static int create(void) {
  invsrc_response *response = NULL;
  int good;

  if (invsrc_create(service, storefront, storefront_length, body, body_length, &response, NULL))
    return 0;
  good = invsrc_response_status(response) == 201;
  invsrc_response_free(response);
  return good;
}

static int is_200(invsrc_response *response) {
  int good = invsrc_response_status(response) == 200;

  invsrc_response_free(response);
  return good;
}

static int get(void) {
  invsrc_response *response = NULL;
  unsigned long i = any_source();
  char source_id[64];
  int length = snprintf(source_id, sizeof source_id, SOURCE_ID, i);

  set_storefront(i);
  return !invsrc_get(service, storefront, storefront_length, source_id, (uint64_t)length, &response,
                     NULL) &&
         is_200(response);
}

/* A page of fifty. */
static int list(void) {
  invsrc_response *response = NULL;

  set_storefront(any_source());
  return !invsrc_list(service, storefront, storefront_length, 0, 50, &response, NULL) &&
         is_200(response);
}

static int validate(void) {
  invsrc_response *response = NULL;

  if (invsrc_validate_create(NULL, body, body_length, &response)) return 0;
  return is_200(response);
}

static int cjson_parse(void) {
  cJSON *tree = cJSON_ParseWithLength(body, body_length);

  cJSON_Delete(tree);
  return tree != NULL;
}

static int cjson_print(void) {
  cJSON *tree = cJSON_ParseWithLength(body, body_length);
  char *text = cJSON_PrintUnformatted(tree);
  int good = text != NULL;

  cJSON_free(text);
  cJSON_Delete(tree);
  return good;
}

static const struct {
  const char *name;
  int (*start)(const char *database);
  int (*run)(void);
} operations[] = {
    {"cjson-parse", start_nothing, cjson_parse}, {"cjson-parse-print", start_nothing, cjson_print},
    {"validate", start_nothing, validate},       {"create-bare", start_bare, create},
    {"create-memory", start_memory, create},     {"create-sqlite", start_sqlite, create},
    {"insert-bare", start_insert, insert},       {"get-sqlite", start_sqlite, get},
    {"list-sqlite", start_sqlite, list},         {"create-postgres", start_postgres, create},
    {"get-postgres", start_postgres, get},       {"list-postgres", start_postgres, list},
};

static double seconds(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Runs that one thread does, from a number on. */
struct share {
  int (*run)(void);
  unsigned long from;
  unsigned long count;
  int good;
};

static void *do_share(void *argument) {
  struct share *share = argument;

  share->good = 1;
  for (unsigned long i = 0; i < share->count && share->good; i++) {
    next_body(share->from + i);
    share->good = share->run();
  }
  return NULL;
}

#define MOST_THREADS 1024

static int do_shares(int (*run)(void), unsigned long count, unsigned long threads) {
  static pthread_t ids[MOST_THREADS];
  static struct share shares[MOST_THREADS];
  int good = 1;

  for (unsigned long i = 0; i < threads; i++) {
    unsigned long from = i * count / threads, end = (i + 1) * count / threads;
    shares[i] = (struct share){run, first + 1 + from, end - from, 0};
    if (pthread_create(&ids[i], NULL, do_share, &shares[i])) exit(fail("thread"));
  }
  for (unsigned long i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    good &= shares[i].good;
  }
  return good;
}

static int measure(size_t operation, unsigned long count, const char *database,
                   unsigned long threads) {
  struct share all = {operations[operation].run, first + 1, count, 0};
  unsigned long before;
  double from;

  if (!operations[operation].start(database)) return fail("start");
  next_body(first);
  if (!operations[operation].run()) return fail("first run"); /* what is made once is made now */
  before = allocations;
  from = seconds();
  if (threads > 1)
    all.good = do_shares(operations[operation].run, count, threads);
  else
    do_share(&all);
  if (!all.good) return fail("run");
  printf("%.1f %.2f\n", (seconds() - from) * 1e9 / (double)count,
         (double)(allocations - before) / (double)count);
  return 0;
}

int main(int argc, char **argv) {
  unsigned long threads = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;

  if (argc > 5) first = strtoul(argv[5], NULL, 10);
  if (argc < 3 || threads < 1 || threads > MOST_THREADS || first < 1)
    return fail("usage: create OPERATION COUNT [DATABASE [THREADS [FIRST]]]");
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    if (strcmp(operations[i].name, argv[1]) == 0)
      return measure(i, strtoul(argv[2], NULL, 10), argc > 3 ? argv[3] : NULL, threads);
  return fail("operation");
}
