/*
 * Memory that runs out in the ready-made providers: every allocation of opening, asking
 * and changing them fails in turn, once and from then on. Each must say so, leak nothing
 * (open files among it), leave what is stored whole, and work when it is asked again.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "client_checks.h"
#include "fault/trials.h"
#include "providers/keyring.h"
#include "providers/sqlite.h"
#include "store_life_checks.h"

/* It comes last, for its variables are the checks' parameters. */
#include "scratch_db.h"

/* A block that stays behind once is in a library's cache; over and over, it leaks. */
#define TRIES 60

#define KEYS "master.keys"
#define REGISTRY "registry.json"
#define FRESH "fresh.db"

static void try_with_fault(trial *run, unsigned long at, enum heap_mode mode) {
  long before = 0, left = 1;

  for (int i = 0; i < TRIES && left > 0; i++) {
    long files = open_files();
    int32_t result;
    before = heap.live;
    heap_plan(at, mode);
    result = run();
    left = heap.live - before;
    if (result != INVSRC_OK && !heap.failures) fail_msg("allocation %lu: %d", at, (int)result);
    if (open_files() != files) fail_msg("allocation %lu: a file stays open", at);
  }
  if (left > 0) fail_msg("allocation %lu: %ld blocks are left over", at, left);
}

/* ---- SQLite ------------------------------------------------------------------------ */

static int32_t open_database(void) {
  invsrc_sqlite *opened = NULL;
  int32_t result;

  heap_open();
  result = invsrc_sqlite_open(FRESH, &opened, NULL);
  heap_close();
  assert_true((result == INVSRC_OK) == (opened != NULL));
  invsrc_sqlite_free(opened);
  return result;
}

static int32_t make_database(void) {
  remove(FRESH);
  return open_database();
}

/* One of version 3, with source 1. */
static uint8_t old_database[1 << 17];
static size_t old_length;

static void make_old_database(void) {
  invsrc_sqlite *made = NULL;

  assert_int_equal(invsrc_sqlite_open(FRESH, &made, NULL), INVSRC_OK);
  assert_int_equal(insert_new((struct store){invsrc_sqlite_store(), made}, "acme", "1", "1"),
                   INVSRC_OUTCOME_OK);
  invsrc_sqlite_free(made);
  run_sql(FRESH,
          "DROP TABLE row_keys; ALTER TABLE sources DROP COLUMN sealed;"
          "CREATE TABLE credentials ("
          "  seq INTEGER PRIMARY KEY REFERENCES sources (seq) ON DELETE CASCADE,"
          "  padding BLOB NOT NULL DEFAULT (zeroblob(4096)),"
          "  sealed BLOB NOT NULL CHECK (length(sealed) > 0)"
          ") STRICT;"
          "INSERT INTO credentials (seq, sealed) VALUES (1, CAST('sealed 1' AS BLOB));"
          "PRAGMA user_version = 3");
  old_length = scratch_read(FRESH, old_database, sizeof old_database);
  assert_in_range(old_length, 1, sizeof old_database - 1);
}

/* What fails leaves it as it was, to the byte. */
static int32_t convert_database(void) {
  static uint8_t now[sizeof old_database];
  invsrc_sqlite *opened = NULL;
  int32_t result;

  remove(FRESH "-wal");
  remove(FRESH "-shm");
  assert_int_equal(scratch_write(FRESH, old_database, old_length), 0);
  result = open_database();
  if (result != INVSRC_OK) {
    assert_int_equal(scratch_read(FRESH, now, sizeof now), old_length);
    assert_memory_equal(now, old_database, old_length);
    return result;
  }
  assert_int_equal(invsrc_sqlite_open(FRESH, &opened, NULL), INVSRC_OK);
  assert_stored((struct store){invsrc_sqlite_store(), opened}, "acme", "1", "1");
  invsrc_sqlite_free(opened);
  return result;
}

static int32_t of_outcome(int32_t outcome) {
  if (outcome != INVSRC_OUTCOME_OK) assert_int_equal(outcome, INVSRC_OUTCOME_UNAVAILABLE);
  return outcome == INVSRC_OUTCOME_OK ? INVSRC_OK : INVSRC_ENOMEM;
}

/* Another source each time, which is there afterwards as a whole, or not at all. */
static int32_t insert_one(void) {
  static long number;
  invsrc_source *source;
  char id[32], sealed[64];
  int32_t outcome;

  snprintf(id, sizeof id, "%ld", ++number);
  snprintf(sealed, sizeof sealed, "sealed %s", id);
  source = make_source("acme", id, id);
  heap_open();
  outcome = insert(store, source, sealed);
  heap_close();
  invsrc_source_free(source);
  assert_stored(store, "acme", id, outcome == INVSRC_OUTCOME_OK ? id : NULL);
  return of_outcome(outcome);
}

/* Each of several is there as a whole, or not at all. */
static int32_t insert_some(void) {
  static long number;
  struct among all[3] = {{.event_id = NULL}};
  int32_t outcome = INVSRC_OUTCOME_OK;
  struct together it;

  number++;
  for (int i = 0; i < 3; i++) {
    snprintf(all[i].id, sizeof all[i].id, "%ld-%d", number, i);
    memcpy(all[i].name, all[i].id, sizeof all[i].name);
  }
  it = begin_together(all, 3);
  heap_open();
  store.table->insert_all(store.context, it.pointers, 3);
  heap_close();
  end_together(&it, all);
  for (int i = 0; i < 3; i++) {
    int is_stored = all[i].outcome == INVSRC_OUTCOME_OK;
    assert_stored(store, "acme", all[i].id, is_stored ? all[i].id : NULL);
    if (!is_stored) outcome = all[i].outcome;
  }
  return of_outcome(outcome);
}

static int32_t get_one(void) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome;

  heap_open();
  outcome = get(store, "acme", "1", source, sealed);
  heap_close();
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  return of_outcome(outcome);
}

static int32_t find_one(int32_t field, const char *value) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome;

  heap_open();
  outcome = find(store, field, value, source, sealed);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK)
    assert_string_equal(invsrc_source_text(source, INVSRC_SOURCE_ID, NULL), "1");
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  return of_outcome(outcome);
}

static int32_t find_agent(void) {
  return find_one(INVSRC_SOURCE_AGENT_ID, "agent_1");
}

/* The consent that source 1 was given last. */
static char consent[32];

static int32_t find_consent(void) {
  return find_one(INVSRC_SOURCE_OAUTH_STATE, consent);
}

static struct clients clients;
static char kept_client[32]; /* what was kept last; "" for nothing */

/* A client takes the place of another; if it does not, that one stays. */
static int32_t put_one_client(void) {
  static long number;
  char next[32];
  int32_t outcome;

  snprintf(next, sizeof next, "client %ld", ++number);
  heap_open();
  outcome = put_client(clients, ISSUER, CALLBACK, next);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK) strcpy(kept_client, next);
  assert_client(clients, ISSUER, CALLBACK, *kept_client ? kept_client : NULL);
  return of_outcome(outcome);
}

static int32_t get_one_client(void) {
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome;

  heap_open();
  outcome = clients.table->get(clients.context, ISSUER, strlen(ISSUER), CALLBACK, strlen(CALLBACK),
                               sealed);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK)
    assert_string_equal(invsrc_buffer_bytes(sealed, NULL), kept_client);
  invsrc_buffer_free(sealed);
  return of_outcome(outcome);
}

static int32_t drop_one_client(void) {
  int32_t outcome;

  assert_int_equal(put_client(clients, ISSUER, "another", "goes"), INVSRC_OUTCOME_OK);
  heap_open();
  outcome = put_client(clients, ISSUER, "another", NULL);
  heap_close();
  assert_client(clients, ISSUER, "another", outcome == INVSRC_OUTCOME_OK ? NULL : "goes");
  if (outcome != INVSRC_OUTCOME_OK)
    assert_int_equal(put_client(clients, ISSUER, "another", NULL), INVSRC_OUTCOME_OK);
  return of_outcome(outcome);
}

static invsrc_buffer *key;

static int32_t add_key(void) {
  int32_t result;
  uint64_t length;

  invsrc_buffer_free(key);
  key = invsrc_buffer_new();
  heap_open();
  result = invsrc_sqlite_apikey_add(db, "acme", "a name", key, NULL);
  heap_close();
  invsrc_buffer_bytes(key, &length);
  assert_true((result == INVSRC_OK) == (length > 0)); /* who has no key is shown none */
  return result;
}

static int32_t use_key(void) {
  invsrc_buffer *storefront = invsrc_buffer_new();
  uint64_t length;
  const char *token = invsrc_buffer_bytes(key, &length);
  int32_t outcome;

  heap_open();
  outcome = invsrc_sqlite_authenticator()->authenticate(db, token, length, storefront);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK)
    assert_string_equal(invsrc_buffer_bytes(storefront, NULL), "acme");
  invsrc_buffer_free(storefront);
  return of_outcome(outcome);
}

static int32_t look_key_up(void) {
  ivs_known_keys_change(&db->known);
  return use_key();
}

static void ignore(void *context, const invsrc_apikey *shown) {
  (void)context, (void)shown;
}

static int32_t list_keys(void) {
  int32_t result;

  heap_open();
  result = invsrc_sqlite_apikey_list(db, "acme", ignore, NULL, NULL);
  heap_close();
  return result;
}

static int32_t revoke_key(void) {
  char client_id[64];
  int32_t result;

  snprintf(client_id, sizeof client_id, "%.16s",
           (const char *)invsrc_buffer_bytes(key, NULL) + strlen("scope3_"));
  heap_open();
  result = invsrc_sqlite_apikey_revoke(db, client_id, NULL);
  heap_close();
  return result;
}

/* A change of source 1, its consent among it, and its event: all, or nothing. */
static int32_t change_one(void) {
  static long number;
  invsrc_source *source = make_source("acme", "1", "1");
  invsrc_buffer *replaced = invsrc_buffer_new();
  invsrc_event *event;
  char id[32], kept[32] = "";
  int32_t outcome;

  snprintf(id, sizeof id, "evt_%ld", ++number);
  event = make_event(id);
  set_text(source, INVSRC_SOURCE_NAME, id);
  set_text(source, INVSRC_SOURCE_OAUTH_STATE, id);
  heap_open();
  outcome =
      store.table->update(store.context, source, 1, 0, EVERY_PART, "sealed 1", 8, event, replaced);
  heap_close();
  invsrc_event_free(event);
  event = invsrc_event_new();
  invsrc_buffer_set(replaced, NULL, 0);
  assert_int_equal(get(store, "acme", "1", source, replaced), INVSRC_OUTCOME_OK);
  if (store.table->event_next(store.context, INT64_MAX - 1, INT64_MAX, event) == INVSRC_OUTCOME_OK)
    snprintf(kept, sizeof kept, "%s", invsrc_event_text(event, INVSRC_EVENT_ID, NULL));
  assert_string_equal(kept, outcome == INVSRC_OUTCOME_OK ? id : "");
  assert_int_equal(strcmp(invsrc_source_text(source, INVSRC_SOURCE_NAME, NULL), id) == 0,
                   outcome == INVSRC_OUTCOME_OK);
  if (outcome == INVSRC_OUTCOME_OK) snprintf(consent, sizeof consent, "%s", id);
  if (*consent) assert_found(store, INVSRC_SOURCE_OAUTH_STATE, consent, "1", "sealed 1");
  if (outcome != INVSRC_OUTCOME_OK) assert_found(store, INVSRC_SOURCE_OAUTH_STATE, id, NULL, "");
  end_event(store, kept, 0);
  invsrc_event_free(event);
  invsrc_source_free(source);
  invsrc_buffer_free(replaced);
  return of_outcome(outcome);
}

/* A source comes and goes; if it does not go, it stays whole. */
static int32_t remove_one(void) {
  invsrc_source *source = make_source("acme", "goes", "99999999");
  invsrc_buffer *sealed = invsrc_buffer_new();
  int32_t outcome;

  assert_int_equal(insert(store, source, "sealed 99999999"), INVSRC_OUTCOME_OK);
  heap_open();
  outcome = store.table->remove(store.context, source, 1, NULL, sealed);
  heap_close();
  assert_stored(store, "acme", "goes", outcome == INVSRC_OUTCOME_OK ? NULL : "99999999");
  if (outcome != INVSRC_OUTCOME_OK)
    assert_int_equal(store.table->remove(store.context, source, 1, NULL, sealed),
                     INVSRC_OUTCOME_OK);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  return of_outcome(outcome);
}

static int32_t list_some(void) {
  invsrc_source_list *list = invsrc_source_list_new();
  uint64_t total;
  int32_t outcome;

  heap_open();
  outcome = store.table->list(store.context, "acme", 4, 0, 5, list, &total);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK) assert_int_equal(invsrc_source_list_count(list), 5);
  invsrc_source_list_free(list);
  return of_outcome(outcome);
}

/* What is not given out stays due. */
static int32_t claim_some(void) {
  static int64_t now = 100;
  invsrc_source_list *list = invsrc_source_list_new();
  int32_t outcome;

  heap_open();
  outcome = store.table->due(store.context, now, now + 1, 3, list);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK) {
    assert_string_equal(ids_of(list), "900001 900002");
    now++;
  }
  invsrc_source_list_free(list);
  return of_outcome(outcome);
}

static int32_t claim_event(void) {
  static int64_t now = EVENT_TIME;
  invsrc_event *event = invsrc_event_new();
  int32_t outcome;

  heap_open();
  outcome = store.table->event_next(store.context, now, now + 1, event);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK) {
    assert_string_equal(invsrc_event_text(event, INVSRC_EVENT_ID, NULL), "evt_due");
    now++;
  }
  invsrc_event_free(event);
  return of_outcome(outcome);
}

static void insert_what_is_due(void) {
  invsrc_source *source = make_source("acme", "due", "900003");

  insert_due(store, "acme", "900001", 1);
  insert_due(store, "acme", "900002", 1);
  assert_int_equal(insert_with(store, source, "evt_due"), INVSRC_OUTCOME_OK);
  invsrc_source_free(source);
}

/* A store with some sources, from 1 on. */
static void use_store(void) {
  inject(get_one);
  consent[0] = '\0';
  inject(change_one);
  inject(find_agent);
  inject(find_consent);
  inject(remove_one);
  insert_what_is_due();
  inject(list_some);
  inject(claim_some);
  inject(claim_event);
}

static void use_clients(const invsrc_clients_vtable *table, void *context) {
  clients = (struct clients){table, context};
  kept_client[0] = '\0';
  inject(put_one_client);
  inject(get_one_client);
  inject(drop_one_client);
}

/* What is inserted stays, and would pass for a leak: so no insert fails here. */
static void a_store_in_memory(void **state) {
  struct store other = store;
  invsrc_memory *memory = NULL;
  char id[16];

  (void)state;
  assert_int_equal(invsrc_memory_new(&memory), INVSRC_OK);
  store = (struct store){invsrc_memory_store(), memory};
  for (int i = 1; i <= 5; i++) {
    snprintf(id, sizeof id, "%d", i);
    assert_int_equal(insert_new(store, "acme", id, id), INVSRC_OUTCOME_OK);
  }
  use_store();
  use_clients(invsrc_memory_clients(), memory);
  invsrc_memory_free(memory);
  store = other;
}

/* The first that reads makes a connection, which stays. */
static void read_first(invsrc_sqlite *opened) {
  invsrc_source *source = invsrc_source_new();

  assert_int_equal(invsrc_sqlite_store()->get(opened, "acme", 4, "none", 4, source, NULL),
                   INVSRC_OUTCOME_NOT_FOUND);
  invsrc_source_free(source);
}

static void a_database(void **state) {
  (void)state;
  read_first(db);
  inject(make_database);
  inject(open_database);
  make_old_database();
  inject(convert_database);
  inject(insert_one);
  inject(insert_some);
  use_store();
  use_clients(invsrc_sqlite_clients(), db);
  inject(add_key);
  inject(look_key_up);
  inject(use_key);
  inject(list_keys);
  inject(revoke_key);
}

/* ---- Sealing ------------------------------------------------------------------------ */

static invsrc_keyring *ring;
static const invsrc_binding binding = {
    sizeof binding, 0, "acme", 4, "1", 1, INVSRC_PURPOSE_CREDENTIAL, 10};

static int32_t load_ring(void) {
  invsrc_keyring *loaded = NULL;
  int32_t result;

  heap_open();
  result = invsrc_keyring_load(KEYS, &loaded, NULL);
  heap_close();
  assert_true((result == INVSRC_OK) == (loaded != NULL));
  invsrc_keyring_free(loaded);
  return result;
}

static int32_t seal_and_open(void) {
  invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
  const invsrc_sealer_vtable *sealer = invsrc_keyring_sealer();
  int32_t outcome;
  uint64_t length;

  heap_open();
  outcome = sealer->seal(ring, &binding, "secret", 6, sealed);
  if (outcome == INVSRC_OUTCOME_OK) {
    const void *bytes = invsrc_buffer_bytes(sealed, &length);
    outcome = sealer->open(ring, &binding, bytes, length, opened);
  }
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK)
    assert_string_equal(invsrc_buffer_bytes(opened, NULL), "secret");
  invsrc_buffer_free(sealed);
  invsrc_buffer_free(opened);
  return of_outcome(outcome);
}

static void a_keyring(void **state) {
  (void)state;
  inject(load_ring);
  inject(seal_and_open);
}

/* ---- Sealing again -------------------------------------------------------------------- */

#define RESEALED "resealed.db"
#define SOURCES 3

static invsrc_keyring *rings[2]; /* the same two keys; each has another one current */
static invsrc_sqlite *resealed_db;
static int turn;

static void make_rings(void) {
  static const uint8_t keys[2][INVSRC_MASTER_KEY_SIZE] = {{1}, {2}};

  for (int i = 0; i < 2; i++) {
    assert_int_equal(invsrc_keyring_new(&rings[i]), INVSRC_OK);
    for (int j = 0; j < 2; j++)
      assert_int_equal(invsrc_keyring_add(rings[i], keys[i ^ j], INVSRC_MASTER_KEY_SIZE),
                       INVSRC_OK);
  }
}

static invsrc_binding binding_of(const char *id) {
  invsrc_binding made = binding;

  made.id = id;
  made.id_length = strlen(id);
  return made;
}

static void store_sealed(int number) {
  invsrc_buffer *sealed = invsrc_buffer_new();
  char id[16];
  invsrc_binding bound;
  invsrc_source *source;
  const void *bytes;
  uint64_t length;

  snprintf(id, sizeof id, "%d", number);
  bound = binding_of(id);
  source = make_source("acme", id, id);
  assert_int_equal(invsrc_keyring_sealer()->seal(rings[1], &bound, "secret", 6, sealed),
                   INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(invsrc_sqlite_store()->insert(resealed_db, source, bytes, length, NULL),
                   INVSRC_OUTCOME_OK);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

/* The binding of the client that is sealed again beside them. */
static const invsrc_binding client_binding = {sizeof client_binding,
                                              0,
                                              CALLBACK,
                                              sizeof CALLBACK - 1,
                                              ISSUER,
                                              sizeof ISSUER - 1,
                                              INVSRC_PURPOSE_OAUTH_CLIENT,
                                              sizeof INVSRC_PURPOSE_OAUTH_CLIENT - 1};

static void keep_sealed_client(void) {
  invsrc_buffer *sealed = invsrc_buffer_new();
  const void *bytes;
  uint64_t length;

  assert_int_equal(invsrc_keyring_sealer()->seal(rings[1], &client_binding, "client", 6, sealed),
                   INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(invsrc_sqlite_clients()->put(resealed_db, ISSUER, strlen(ISSUER), CALLBACK,
                                                strlen(CALLBACK), bytes, length),
                   INVSRC_OUTCOME_OK);
  invsrc_buffer_free(sealed);
}

static void assert_client_opens(const invsrc_keyring *ring_now) {
  invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
  const void *bytes;
  uint64_t length;

  assert_int_equal(invsrc_sqlite_clients()->get(resealed_db, ISSUER, strlen(ISSUER), CALLBACK,
                                                strlen(CALLBACK), sealed),
                   INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(invsrc_keyring_sealer()->open(rings[0], &client_binding, bytes, length, opened),
                   INVSRC_OUTCOME_OK);
  assert_string_equal(invsrc_buffer_bytes(opened, NULL), "client");
  if (ring_now) assert_true(ivs_keyring_is_current(ring_now, bytes, length));
  invsrc_buffer_free(sealed);
  invsrc_buffer_free(opened);
}

/* Whether what is sealed for a source opens, and with the ring's current key. */
static void assert_opens(const char *id, const invsrc_keyring *ring_now) {
  struct store at = {invsrc_sqlite_store(), resealed_db};
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
  invsrc_binding bound = binding_of(id);
  const void *bytes;
  uint64_t length;

  assert_int_equal(get(at, "acme", id, source, sealed), INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(invsrc_keyring_sealer()->open(rings[0], &bound, bytes, length, opened),
                   INVSRC_OUTCOME_OK);
  assert_string_equal(invsrc_buffer_bytes(opened, NULL), "secret");
  if (ring_now) assert_true(ivs_keyring_is_current(ring_now, bytes, length));
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  invsrc_buffer_free(opened);
}

/* There and back again. What a failure left undone is done when it is asked again. */
static int32_t reseal(void) {
  uint64_t before = 0, after = 0, refused = 1;
  char id[16];
  int32_t result;

  heap_open();
  result = invsrc_sqlite_reseal(resealed_db, rings[turn], &before, NULL, NULL);
  heap_close();
  for (int i = 1; i <= SOURCES; i++) {
    snprintf(id, sizeof id, "%d", i);
    assert_opens(id, result == INVSRC_OK ? rings[turn] : NULL);
  }
  assert_client_opens(result == INVSRC_OK ? rings[turn] : NULL);
  if (result != INVSRC_OK) assert_int_equal(result, INVSRC_ENOMEM);
  assert_int_equal(invsrc_sqlite_reseal(resealed_db, rings[turn], &after, &refused, NULL),
                   INVSRC_OK);
  assert_int_equal(refused, 0);
  assert_int_equal(before + after, SOURCES + 1);
  turn = !turn;
  return result;
}

static void sealing_again(void **state) {
  (void)state;
  make_rings();
  assert_int_equal(invsrc_sqlite_open(RESEALED, &resealed_db, NULL), INVSRC_OK);
  for (int i = 1; i <= SOURCES; i++) store_sealed(i);
  keep_sealed_client();
  read_first(resealed_db);
  inject(reseal);
  invsrc_sqlite_free(resealed_db);
  for (int i = 0; i < 2; i++) invsrc_keyring_free(rings[i]);
}

/* ---- The AAO registry, and the transport -------------------------------------------------- */

#define AGENTS "{\"agents\":[{\"url\":\"https://agent.example/mcp\"}],\"count\":1}"

/* A registry that is a function away. */
static int32_t exchange(void *context, const invsrc_http_request *request,
                        invsrc_http_reply *reply) {
  (void)context, (void)request;
  if (invsrc_http_reply_set_status(reply, 200) != INVSRC_OK ||
      invsrc_http_reply_add_header(reply, "ETag", 4, "\"1\"", 3) != INVSRC_OK ||
      invsrc_http_reply_append_body(reply, AGENTS, strlen(AGENTS)) != INVSRC_OK)
    return INVSRC_OUTCOME_UNAVAILABLE;
  return INVSRC_OUTCOME_OK;
}

static int32_t ask_aao(void) {
  static const invsrc_transport_vtable transport = {sizeof transport, 0, exchange};
  static const char listed[] = "https://agent.example/mcp", other[] = "https://other.example/";
  const invsrc_registry_vtable *registry = invsrc_aao_registry();
  int32_t result, yes = INVSRC_OUTCOME_OK, no = INVSRC_OUTCOME_NOT_REGISTERED;
  invsrc_aao *aao = NULL;

  heap_open();
  result = invsrc_aao_new("https://aao.example", &transport, NULL, &aao, NULL);
  assert_true((result == INVSRC_OK) == (aao != NULL));
  if (result == INVSRC_OK) result = invsrc_aao_set_api_key(aao, "sk_key");
  if (result == INVSRC_OK) {
    yes = registry->lookup(aao, listed, sizeof listed - 1);
    no = registry->lookup(aao, other, sizeof other - 1);
  }
  heap_close();
  invsrc_aao_free(aao);
  if (no == INVSRC_OUTCOME_NOT_REGISTERED) no = INVSRC_OUTCOME_OK;
  if (result == INVSRC_OK) result = of_outcome(yes);
  return result == INVSRC_OK ? of_outcome(no) : result;
}

static pid_t server;
static int server_life;
static char server_url[64];

/* Answers every request alike, in a process of its own, whose memory does not run out,
 * until `life` has no other end. */
static void serve(int listener, int life) {
  static const char answer[] =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
      "Connection: close\r\n\r\n{}";
  char request[4096];

  for (;;) {
    struct pollfd ends[2] = {{listener, POLLIN, 0}, {life, POLLIN, 0}};
    int peer;
    if (poll(ends, 2, -1) < 0 || ends[1].revents) _exit(0);
    peer = accept(listener, NULL, NULL);
    if (peer < 0) _exit(1);
    if (recv(peer, request, sizeof request, 0) > 0)
      (void)send(peer, answer, sizeof answer - 1, MSG_NOSIGNAL);
    close(peer);
  }
}

static void start_server(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), life[2];

  assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
  assert_int_equal(listen(listener, 16), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  snprintf(server_url, sizeof server_url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
  assert_int_equal(pipe(life), 0);
  server = fork();
  if (server == 0) {
    close(life[1]);
    serve(listener, life[0]);
  }
  assert_true(server > 0);
  close(life[0]);
  close(listener);
  server_life = life[1];
}

static int32_t exchange_once(void) {
  const char *const headers[] = {"Accept: application/json"};
  const invsrc_http_request request = {.size = sizeof request,
                                       .header_count = 1,
                                       .method = "GET",
                                       .url = server_url,
                                       .headers = headers,
                                       .max_body = 1024,
                                       .timeout_ms = 10000};
  invsrc_http_reply *reply = NULL;
  invsrc_curl *curl = NULL;
  int32_t result, outcome = INVSRC_OUTCOME_OK;

  heap_open();
  result = invsrc_curl_new(&curl, NULL);
  assert_true((result == INVSRC_OK) == (curl != NULL));
  if (result == INVSRC_OK) result = invsrc_curl_set_allow_http(curl, 1);
  if (result == INVSRC_OK) result = invsrc_curl_set_allow_private(curl, 1);
  if (result == INVSRC_OK) result = invsrc_curl_set_ca_file(curl, "/nowhere.pem");
  if (result == INVSRC_OK && !(reply = invsrc_http_reply_new())) result = INVSRC_ENOMEM;
  if (result == INVSRC_OK) outcome = invsrc_curl_transport()->exchange(curl, &request, reply);
  heap_close();
  if (result == INVSRC_OK && outcome == INVSRC_OUTCOME_OK) {
    assert_int_equal(invsrc_http_reply_status(reply), 200);
    assert_string_equal(invsrc_http_reply_body(reply, NULL), "{}");
  }
  /* To libcurl a lack of memory and a line that is too long, which is refused, are one. */
  if (outcome == INVSRC_OUTCOME_REFUSED) outcome = INVSRC_OUTCOME_UNAVAILABLE;
  invsrc_http_reply_free(reply);
  invsrc_curl_free(curl);
  return result == INVSRC_OK ? of_outcome(outcome) : result;
}

static void the_aao_registry(void **state) {
  (void)state;
  inject(ask_aao);
}

static void the_transport(void **state) {
  (void)state;
  start_server();
  inject(exchange_once);
  close(server_life);
  waitpid(server, NULL, 0);
}

/* ---- A registry in a file ------------------------------------------------------------ */

static int32_t look_up(void) {
  static const char url[] = "https://agent.example/mcp";
  invsrc_registry_file *file = NULL;
  int32_t result, outcome = INVSRC_OUTCOME_OK;

  heap_open();
  result = invsrc_registry_file_new(REGISTRY, &file, NULL);
  if (result == INVSRC_OK)
    outcome = invsrc_registry_file_registry()->lookup(file, url, sizeof url - 1);
  heap_close();
  invsrc_registry_file_free(file);
  return result == INVSRC_OK ? of_outcome(outcome) : result;
}

static void a_registry(void **state) {
  (void)state;
  inject(look_up);
}

/* ---- A webhook ----------------------------------------------------------------------- */

static int32_t take_event(void *context, const invsrc_http_request *request,
                          invsrc_http_reply *reply) {
  (void)context, (void)request;
  invsrc_http_reply_set_status(reply, 204);
  return INVSRC_OUTCOME_OK;
}

static int32_t post(void) {
  static const invsrc_transport_vtable receiver = {sizeof receiver, 0, take_event};
  static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  invsrc_webhook *webhook = NULL;
  invsrc_event *event = invsrc_event_new();
  int32_t result, outcome = INVSRC_OUTCOME_OK;

  assert_int_equal(invsrc_event_set_text(event, INVSRC_EVENT_ID, "evt_1", 5), INVSRC_OK);
  assert_int_equal(invsrc_event_set_text(event, INVSRC_EVENT_PAYLOAD, "{}", 2), INVSRC_OK);
  heap_open();
  result = invsrc_webhook_new("https://a.example/", secret, &receiver, NULL, &webhook, NULL);
  if (result == INVSRC_OK) outcome = invsrc_webhook_events()->deliver(webhook, event);
  heap_close();
  assert_true((result == INVSRC_OK) == (webhook != NULL));
  invsrc_webhook_free(webhook);
  invsrc_event_free(event);
  return result == INVSRC_OK ? of_outcome(outcome) : result;
}

static void a_webhook(void **state) {
  (void)state;
  inject(post);
}

/* ---- Consents ------------------------------------------------------------------------- */

#define AGENT "https://agent.example"
#define ENDPOINTS                                          \
  "\"issuer\":\"" ISSUER "\",\"token_endpoint\":\"" ISSUER \
  "/token\",\"revocation_endpoint\""                       \
  ":\"" ISSUER "/revoke\""
#define CLIENT(id) "\"client_id\":\"" id "\",\"token_endpoint_auth_method\":\"none\""
#define PRIVATE_STATE                                                                     \
  "{" ENDPOINTS "," CLIENT("kept") ",\"iss_required\":false,\"redirect_uri\":\"" CALLBACK \
                                   "\",\"code_verifier\":\"v\",\"resource\":\"" AGENT "/\"}"
#define TOKENS \
  "{" ENDPOINTS "," CLIENT("kept") ",\"type\":\"oauth\",\"access_token\":\"a\"," \
                                   "\"refresh_token\":\"r\",\"resource\":\"" AGENT "/\"}"

/* An agent and its authorization server, by the ends of their URLs. */
static const struct {
  const char *end;
  int32_t status;
  const char *body;
} parties[] = {
    {"/mcp", 401, ""},
    {"/unknown", 401, "{\"error\":\"invalid_client\"}"},
    {"/token", 200, "{\"access_token\":\"a\",\"refresh_token\":\"r\",\"expires_in\":9}"},
    {"/revoke", 200, ""},
    {"/register", 201, "{\"client_id\":\"new\"}"},
    {"/.well-known/oauth-protected-resource/mcp", 200,
     "{\"resource\":\"" AGENT "/mcp\",\"authorization_servers\":[\"" ISSUER "\"]}"},
    {"/.well-known/oauth-authorization-server", 200,
     "{" ENDPOINTS ",\"authorization_endpoint\":\"" ISSUER
     "/a\",\"registration_endpoint\":\"" ISSUER
     "/register\",\"response_types_supported\":[\"code\"],"
     "\"code_challenge_methods_supported\":[\"S256\"]}"},
};

static int ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);

  return length >= tail && strcmp(text + length - tail, end) == 0;
}

static int32_t exchange_consent(void *context, const invsrc_http_request *request,
                                invsrc_http_reply *answered) {
  size_t i = sizeof parties / sizeof *parties - 1;

  (void)context;
  while (i > 0 && !ends_with(request->url, parties[i].end)) i--;
  if (invsrc_http_reply_set_status(answered, parties[i].status) != INVSRC_OK ||
      invsrc_http_reply_append_body(answered, parties[i].body, strlen(parties[i].body)) !=
          INVSRC_OK)
    return INVSRC_OUTCOME_UNAVAILABLE;
  return INVSRC_OUTCOME_OK;
}

static const invsrc_transport_vtable parties_transport = {sizeof parties_transport, 0,
                                                          exchange_consent};
static invsrc_memory *kept_clients;
static invsrc_consents *consents;

/* The keyring's, which nobody has to tell what is discarded. */
static int discards;

static int32_t count_discard(void *context, const invsrc_binding *bound, const void *sealed,
                             uint64_t length) {
  (void)context, (void)bound, (void)sealed, (void)length;
  discards++;
  return INVSRC_OUTCOME_OK;
}

/* Keeps the client "kept", or none. */
static void keep_client(int is_there) {
  static const char text[] = "{" CLIENT("kept") "}";
  struct clients at = {invsrc_memory_clients(), kept_clients};
  invsrc_buffer *sealed = invsrc_buffer_new();
  uint64_t length;
  const void *bytes;

  assert_int_equal(invsrc_keyring_sealer()->seal(ring, &client_binding, text, strlen(text), sealed),
                   INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(at.table->put(at.context, ISSUER, strlen(ISSUER), CALLBACK, strlen(CALLBACK),
                                 is_there ? bytes : NULL, is_there ? length : 0),
                   INVSRC_OUTCOME_OK);
  invsrc_buffer_free(sealed);
}

/* What is kept is a client, and whole. */
static void assert_kept_is(int may_be_none, int may_be_kept, int may_be_new) {
  struct clients at = {invsrc_memory_clients(), kept_clients};
  invsrc_buffer *sealed = invsrc_buffer_new(), *opened = invsrc_buffer_new();
  int32_t outcome =
      at.table->get(at.context, ISSUER, strlen(ISSUER), CALLBACK, strlen(CALLBACK), sealed);
  uint64_t length;
  const void *bytes = invsrc_buffer_bytes(sealed, &length);
  const char *text;

  if (outcome == INVSRC_OUTCOME_NOT_FOUND) {
    assert_true(may_be_none);
  } else {
    assert_int_equal(invsrc_keyring_sealer()->open(ring, &client_binding, bytes, length, opened),
                     INVSRC_OUTCOME_OK);
    text = invsrc_buffer_bytes(opened, NULL);
    assert_true((may_be_kept && strcmp(text, "{" CLIENT("kept") "}") == 0) ||
                (may_be_new && strcmp(text, "{" CLIENT("new") "}") == 0));
  }
  invsrc_buffer_free(sealed);
  invsrc_buffer_free(opened);
}

/* Where there is not the memory to open what is kept, another is registered. */
static int32_t start_consent(int is_there, uint32_t is_again) {
  const invsrc_consent asked = {
      .size = sizeof consent, .is_again = is_again, .state = "state", .state_length = 5};
  invsrc_source *source = make_source("acme", "1", "1");
  invsrc_buffer *url = invsrc_buffer_new(), *secret = invsrc_buffer_new(),
                *reason = invsrc_buffer_new();
  int32_t outcome;

  set_text(source, INVSRC_SOURCE_PROTOCOL, "MCP");
  set_text(source, INVSRC_SOURCE_ENDPOINT_URL, AGENT "/mcp");
  keep_client(is_there);
  discards = 0;
  heap_open();
  outcome = invsrc_consents_oauth()->start(consents, source, &asked, url, secret, reason);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK) {
    assert_non_null(strstr(invsrc_buffer_bytes(url, NULL), "client_id="));
    assert_non_null(strstr(invsrc_buffer_bytes(secret, NULL), "\"code_verifier\""));
  }
  assert_kept_is(!is_there, is_there, !is_there || is_again || heap.failures);
  assert_in_range(discards, 0, 1);
  invsrc_buffer_free(url);
  invsrc_buffer_free(secret);
  invsrc_buffer_free(reason);
  invsrc_source_free(source);
  return of_outcome(outcome);
}

static int32_t start_with_a_client(void) {
  return start_consent(1, 0);
}

static int32_t start_without_a_client(void) {
  return start_consent(0, 0);
}

static int32_t start_again(void) {
  return start_consent(1, 1);
}

static int32_t finish_at(const char *private_state, int32_t expected) {
  const invsrc_redirect redirect = {.size = sizeof redirect, .code = "code", .code_length = 4};
  invsrc_buffer *credential = invsrc_buffer_new(), *reason = invsrc_buffer_new();
  int64_t refresh_at = 0;
  int32_t outcome;

  keep_client(1);
  discards = 0;
  heap_open();
  outcome = invsrc_consents_oauth()->finish(consents, NULL, private_state, strlen(private_state),
                                            &redirect, credential, &refresh_at, reason);
  heap_close();
  if (outcome == INVSRC_OUTCOME_OK)
    assert_non_null(strstr(invsrc_buffer_bytes(credential, NULL), "\"refresh_token\":\"r\""));
  assert_kept_is(outcome == INVSRC_OUTCOME_FAILED, outcome != INVSRC_OUTCOME_FAILED || !discards,
                 0);
  invsrc_buffer_free(credential);
  invsrc_buffer_free(reason);
  return of_outcome(outcome == expected ? INVSRC_OUTCOME_OK : outcome);
}

static int32_t finish_consent(void) {
  return finish_at(PRIVATE_STATE, INVSRC_OUTCOME_OK);
}

/* The client is forgotten where there is the memory for it. */
static int32_t finish_unknown(void) {
  static const char token[] = "/token";
  char text[sizeof PRIVATE_STATE + 8] = "";
  const char *at = strstr(PRIVATE_STATE, token);

  snprintf(text, sizeof text, "%.*s/unknown%s", (int)(at - PRIVATE_STATE), PRIVATE_STATE,
           at + strlen(token));
  return finish_at(text, INVSRC_OUTCOME_FAILED);
}

static int32_t revoke_tokens(void) {
  invsrc_buffer *reason = invsrc_buffer_new();
  int32_t outcome;

  heap_open();
  outcome = invsrc_consents_oauth()->revoke(consents, NULL, TOKENS, strlen(TOKENS), reason);
  heap_close();
  invsrc_buffer_free(reason);
  return of_outcome(outcome);
}

/* With all that can be set, each of which is there as a whole, or not. */
static int32_t make_consents(void) {
  invsrc_buffer *document = invsrc_buffer_new();
  invsrc_consents *made = NULL;
  int32_t result;

  heap_open();
  result = invsrc_consents_new(CALLBACK, &parties_transport, NULL, &made, NULL);
  assert_true((result == INVSRC_OK) == (made != NULL));
  if (result == INVSRC_OK) result = invsrc_consents_add_redirect_uri(made, CALLBACK "/other");
  if (result == INVSRC_OK) result = invsrc_consents_add_client(made, ISSUER, "c", "s");
  if (result == INVSRC_OK) result = invsrc_consents_set_client_name(made, "name");
  if (result == INVSRC_OK)
    result = invsrc_consents_set_client_metadata_url(made, "https://host.example/c.json");
  if (result == INVSRC_OK) result = invsrc_consents_client_metadata(made, document);
  heap_close();
  if (result == INVSRC_OK)
    assert_non_null(strstr(invsrc_buffer_bytes(document, NULL), CALLBACK "/other"));
  invsrc_consents_free(made);
  invsrc_buffer_free(document);
  return result;
}

static void consents_and_their_clients(void **state) {
  invsrc_sealer_vtable sealer = *invsrc_keyring_sealer();

  (void)state;
  sealer.discard = count_discard;
  assert_int_equal(invsrc_memory_new(&kept_clients), INVSRC_OK);
  assert_int_equal(invsrc_consents_new(CALLBACK, &parties_transport, NULL, &consents, NULL),
                   INVSRC_OK);
  assert_int_equal(
      invsrc_consents_set_clients(consents, invsrc_memory_clients(), kept_clients, &sealer, ring),
      INVSRC_OK);
  inject(make_consents);
  inject(start_with_a_client);
  inject(start_without_a_client);
  inject(start_again);
  inject(finish_consent);
  inject(finish_unknown);
  inject(revoke_tokens);
  invsrc_consents_free(consents);
  invsrc_memory_free(kept_clients);
}

/* ---- Pure helpers -------------------------------------------------------------------- */

static int32_t help(void) {
  static const char body[] = "{\"name\":\"Caf\u00e9 \u6771\"}",
                    url[] = "HTTPS://A.example/%7e/../b";
  char text[INVSRC_SLUG_SIZE];
  invsrc_response *response = NULL;
  int32_t result;

  heap_open();
  result = invsrc_validate_create(NULL, body, sizeof body - 1, &response);
  if (result == INVSRC_OK) result = invsrc_slugify(body, sizeof body - 1, text, sizeof text, NULL);
  if (result == INVSRC_OK)
    result = invsrc_uri_canonicalize(url, sizeof url - 1, text, sizeof text, NULL, NULL);
  heap_close();
  invsrc_response_free(response);
  return result;
}

static void the_pure_helpers(void **state) {
  (void)state;
  inject(help);
}

/* -------------------------------------------------------------------------------------- */

static int begin(void **state) {
  static const char document[] =
      "{\"agents\":[{\"url\":\"https://agent.example/mcp\"}],\"count\":1}";
  invsrc_buffer *text = invsrc_buffer_new();
  uint64_t length;
  int status = scratch_enter(state);

  umask(077);
  if (invsrc_master_key_generate(text) != INVSRC_OK) return -1;
  status |= scratch_write(KEYS, invsrc_buffer_bytes(text, &length),
                          strlen(invsrc_buffer_bytes(text, NULL)));
  status |= scratch_write(REGISTRY, document, sizeof document - 1);
  invsrc_buffer_free(text);
  if (invsrc_keyring_load(KEYS, &ring, NULL) != INVSRC_OK) return -1;
  if (invsrc_sqlite_open(DB, &db, NULL) != INVSRC_OK) return -1;
  store = (struct store){invsrc_sqlite_store(), db};
  /* Nobody pulls the plug here, and each trial would wait for the disk. And pages that are
   * kept in memory as the file grows would pass for a leak. */
  ivs_connection_run(db->writer, "PRAGMA synchronous = OFF; PRAGMA cache_size = 50");
  return status;
}

static int end(void **state) {
  invsrc_buffer_free(key);
  invsrc_keyring_free(ring);
  invsrc_sqlite_free(db);
  return scratch_leave(state);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_store_in_memory),
      cmocka_unit_test(a_database),
      cmocka_unit_test(a_keyring),
      cmocka_unit_test(sealing_again),
      cmocka_unit_test(the_aao_registry),
      cmocka_unit_test(the_transport),
      cmocka_unit_test(a_registry),
      cmocka_unit_test(a_webhook),
      cmocka_unit_test(consents_and_their_clients),
      cmocka_unit_test(the_pure_helpers),
  };
  int failed = cmocka_run_group_tests(tests, begin, end);

  if (HEAP_FAILS)
    printf("# note: %lu faults injected into the providers\n", injected);
  else
    printf("# note: allocations fail in the plain build only\n");
  return failed;
}
