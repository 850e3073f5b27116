/*
 * What the SQLite database is asked for besides sources: API keys, made, listed
 * and revoked; and sealing again under another master key.
 */
#include <pthread.h>
#include <time.h>

#include "scratch_db.h"

#include "disk.h"

/* Whether bytes stand anywhere in the database's files. */
static int is_on_disk(const void *bytes, size_t length) {
  static const char *const names[] = {DB, DB "-wal"};
  static char all[1 << 20];

  for (size_t i = 0; i < 2; i++) {
    size_t size = scratch_read(names[i], all, sizeof all);
    assert_true(size < sizeof all);
    for (size_t at = 0; at + length <= size; at++)
      if (memcmp(all + at, bytes, length) == 0) return 1;
  }
  return 0;
}

/* ---- API keys ----------------------------------------------------------------- */

#define TOKEN_SIZE 77
#define CLIENT_ID 16

struct key {
  char token[TOKEN_SIZE];
  char client_id[CLIENT_ID + 1];
};

static struct key add(const char *storefront, const char *name) {
  invsrc_buffer *text = invsrc_buffer_new();
  struct key key = {"", ""};
  uint64_t length;

  assert_int_equal(invsrc_sqlite_apikey_add(db, storefront, name, text, error), INVSRC_OK);
  invsrc_buffer_bytes(text, &length);
  assert_int_equal(length, TOKEN_SIZE - 1);
  strcpy(key.token, invsrc_buffer_bytes(text, NULL));
  memcpy(key.client_id, key.token + strlen("scope3_"), CLIENT_ID);
  invsrc_buffer_free(text);
  return key;
}

/* Whom a key speaks for is `storefront`; "" for nobody. */
static void speaks_for(const struct key *key, const char *storefront) {
  invsrc_buffer *found = invsrc_buffer_new();

  assert_string_equal(authenticate(invsrc_sqlite_authenticator(), db, key->token, found),
                      storefront);
  invsrc_buffer_free(found);
}

static void keys_speak_for_their_storefront(void **state) {
  struct key acme = add("acme", "CI"), other = add("other", NULL);

  (void)state;
  check_keys(invsrc_sqlite_authenticator(), db, acme.token, other.token);
}

static void only_digests_are_kept(void **state) {
  struct key key = add("acme", "CI");

  (void)state;
  assert_true(is_on_disk(key.client_id, CLIENT_ID));
  for (const char *at = key.token + 24; at + 8 <= key.token + TOKEN_SIZE - 1; at++)
    assert_false(is_on_disk(at, 8));
}

/* What a list is to show, in order. */
struct list {
  const struct key *keys[4];
  const char *storefronts[4];
  const char *names[4];
  int32_t statuses[4];
  int seen;
};

static void look(void *context, const invsrc_apikey *key) {
  struct list *list = context;
  int i = list->seen++;

  assert_in_range(i, 0, 3);
  assert_non_null(list->keys[i]);
  assert_int_equal(key->size, sizeof *key);
  assert_string_equal(key->client_id, list->keys[i]->client_id);
  assert_string_equal(key->storefront, list->storefronts[i]);
  assert_string_equal(key->name, list->names[i]);
  assert_int_equal(key->status, list->statuses[i]);
  assert_true(key->created_at > INT64_C(1700000000000)); /* in milliseconds */
  if (key->status == INVSRC_APIKEY_ACTIVE)
    assert_int_equal(key->revoked_at, 0);
  else
    assert_true(key->revoked_at > INT64_C(1700000000000));
}

static void keys_are_listed_oldest_first(void **state) {
  struct key a = add("acme", "CI"), b = add("other", NULL), c = add("acme", "Büro");
  struct list all = {{&a, &b, &c}, {"acme", "other", "acme"}, {"CI", "", "Büro"}, {1, 1, 2}, 0};
  struct list acme = {{&a, &c}, {"acme", "acme"}, {"CI", "Büro"}, {1, 2}, 0};
  struct list none = {{NULL}, {NULL}, {NULL}, {0}, 0};

  (void)state;
  assert_int_equal(invsrc_sqlite_apikey_revoke(db, c.client_id, error), INVSRC_OK);
  assert_int_equal(invsrc_sqlite_apikey_list(db, NULL, look, &all, error), INVSRC_OK);
  assert_int_equal(all.seen, 3);
  assert_int_equal(invsrc_sqlite_apikey_list(db, "acme", look, &acme, error), INVSRC_OK);
  assert_int_equal(acme.seen, 2);
  assert_int_equal(invsrc_sqlite_apikey_list(db, "Acme", look, &none, error), INVSRC_OK);
  assert_int_equal(invsrc_sqlite_apikey_list(db, "", look, &none, error), INVSRC_OK);
}

static void revoke_it(void *context, const invsrc_apikey *key) {
  int *count = context;

  *count += invsrc_sqlite_apikey_revoke(db, key->client_id, error) == INVSRC_OK;
}

static void a_visitor_may_use_the_database(void **state) {
  struct key keys[] = {add("acme", NULL), add("acme", NULL), add("other", NULL)};
  int count = 0;

  (void)state;
  assert_int_equal(invsrc_sqlite_apikey_list(db, "acme", revoke_it, &count, error), INVSRC_OK);
  assert_int_equal(count, 2);
  speaks_for(&keys[0], "");
  speaks_for(&keys[1], "");
  speaks_for(&keys[2], "other");
}

static void keep_time(void *context, const invsrc_apikey *key) {
  *(int64_t *)context = key->revoked_at;
}

/* For so long what another process revokes may count. */
static void let_a_moment_pass(void) {
  static const struct timespec moment = {0, 10000000};

  nanosleep(&moment, NULL);
}

static void what_is_revoked_stays_revoked(void **state) {
  struct key a = add("acme", NULL), b = add("other", NULL);
  int64_t first = 0, second = 0;
  invsrc_sqlite *elsewhere = NULL;

  (void)state;
  speaks_for(&a, "acme"); /* its statement is prepared */
  assert_int_equal(invsrc_sqlite_open(DB, &elsewhere, error), INVSRC_OK);
  assert_int_equal(invsrc_sqlite_apikey_revoke(elsewhere, a.client_id, error), INVSRC_OK);
  invsrc_sqlite_free(elsewhere);
  let_a_moment_pass();
  speaks_for(&a, "");
  speaks_for(&b, "other");
  assert_int_equal(invsrc_sqlite_apikey_list(db, "acme", keep_time, &first, error), INVSRC_OK);
  run_sql(DB, "UPDATE api_keys SET revoked_at = revoked_at - 5000 WHERE revoked_at IS NOT NULL");
  assert_int_equal(invsrc_sqlite_apikey_revoke(db, a.client_id, error), INVSRC_OK);
  assert_int_equal(invsrc_sqlite_apikey_list(db, "acme", keep_time, &second, error), INVSRC_OK);
  assert_int_equal(second, first - 5000);
  speaks_for(&a, "");
}

static void what_is_revoked_here_is_so_at_once(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    struct key key = add("acme", NULL);
    speaks_for(&key, "acme");
    assert_int_equal(invsrc_sqlite_apikey_revoke(db, key.client_id, error), INVSRC_OK);
    speaks_for(&key, "");
  }
}

/* It shows in that one counts still which has just been taken away; unless that took too long. */
static void a_key_is_known_for_a_moment(void **state) {
  invsrc_buffer *storefront = invsrc_buffer_new();
  const char *whose = "";
  sqlite3 *other = NULL;

  (void)state;
  assert_int_equal(sqlite3_open(DB, &other), SQLITE_OK);
  assert_int_equal(sqlite3_exec(other, "PRAGMA synchronous = OFF", NULL, NULL, NULL), SQLITE_OK);
  for (int i = 0; i < 100 && !*whose; i++) {
    struct key key = add("acme", NULL);
    assert_int_equal(sqlite3_exec(other, "BEGIN; DELETE FROM api_keys", NULL, NULL, NULL),
                     SQLITE_OK);
    speaks_for(&key, "acme");
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    whose = authenticate(invsrc_sqlite_authenticator(), db, key.token, storefront);
    let_a_moment_pass();
    speaks_for(&key, "");
  }
  assert_string_equal(whose, "acme");
  sqlite3_close(other);
  invsrc_buffer_free(storefront);
}

static void mistakes_are_told(void **state) {
  invsrc_buffer *text = invsrc_buffer_new();
  struct key key = add("acme", NULL);
  int64_t ignored;

  (void)state;
  assert_int_equal(invsrc_sqlite_apikey_add(NULL, "acme", "", text, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_sqlite_apikey_add(db, "acme", "", NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_sqlite_apikey_add(db, NULL, "", text, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_sqlite_apikey_add(db, "a\n", "", text, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_sqlite_apikey_list(NULL, NULL, keep_time, &ignored, NULL), INVSRC_EINVAL);
  assert_int_equal(invsrc_sqlite_apikey_list(db, NULL, NULL, &ignored, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_sqlite_apikey_revoke(NULL, key.client_id, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_sqlite_apikey_revoke(db, NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_sqlite_reseal(db, NULL, NULL, NULL, error), INVSRC_EINVAL);
  assert_int_equal(invsrc_error_code(error), INVSRC_EINVAL);
  assert_int_equal(invsrc_sqlite_apikey_revoke(db, key.token, error), INVSRC_ENOTFOUND);
  assert_string_equal(invsrc_error_message(error), "there is no API key with this client id");
  assert_int_equal(invsrc_sqlite_apikey_revoke(db, "", NULL), INVSRC_ENOTFOUND);
  speaks_for(&key, "acme");
  invsrc_buffer_free(text);
}

static void a_key_that_is_not_kept_is_not_shown(void **state) {
  invsrc_buffer *text = invsrc_buffer_new(), *storefront = invsrc_buffer_new();
  struct key key = add("acme", NULL);
  int64_t ignored;
  uint64_t length;

  (void)state;
  run_sql(DB, "ALTER TABLE api_keys RENAME TO elsewhere");
  assert_int_equal(invsrc_sqlite_apikey_add(db, "acme", "", text, error), INVSRC_EIO);
  assert_string_equal(invsrc_error_message(error), "the database failed");
  invsrc_buffer_bytes(text, &length);
  assert_int_equal(length, 0);
  assert_int_equal(invsrc_sqlite_apikey_list(db, NULL, keep_time, &ignored, error), INVSRC_EIO);
  assert_int_equal(invsrc_sqlite_apikey_revoke(db, key.client_id, error), INVSRC_EIO);
  assert_int_equal(
      invsrc_sqlite_authenticator()->authenticate(db, key.token, TOKEN_SIZE - 1, storefront),
      INVSRC_OUTCOME_FAILED);
  run_sql(DB, "ALTER TABLE elsewhere RENAME TO api_keys");
  speaks_for(&key, "acme");
  invsrc_buffer_free(text);
  invsrc_buffer_free(storefront);
}

static void altered_keys_are_nobodys(void **state) {
  static const char *const digests[] = {"zeroblob(32)", "zeroblob(31)", "x''", "digest || x'00'",
                                        "substr(digest, 1, 31)"};
  struct key key = add("acme", NULL);
  char sql[160];

  (void)state;
  for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
    snprintf(sql, sizeof sql,
             "PRAGMA ignore_check_constraints = 1;"
             "UPDATE api_keys SET digest = CAST(%s AS BLOB)",
             digests[i]);
    run_sql(DB, sql);
    speaks_for(&key, "");
  }
}

/* ---- Sealing again ---------------------------------------------------------------- */

#define SOURCES 20

static const uint8_t keys[3][INVSRC_MASTER_KEY_SIZE] = {{1}, {2}, {3}};

/* A ring of the key `current`, and `older` where it is not negative. */
static invsrc_keyring *ring_of(int current, int older) {
  invsrc_keyring *ring = NULL;

  assert_int_equal(invsrc_keyring_new(&ring), INVSRC_OK);
  assert_int_equal(invsrc_keyring_add(ring, keys[current], sizeof *keys), INVSRC_OK);
  if (older >= 0) assert_int_equal(invsrc_keyring_add(ring, keys[older], sizeof *keys), INVSRC_OK);
  return ring;
}

static invsrc_binding binding_of(const char *id, const char *purpose) {
  invsrc_binding binding = {sizeof binding, 0, "acme", 4, id, strlen(id), purpose, strlen(purpose)};

  return binding;
}

/* A source, configured or not, whose sealed text is "secret <id>". */
static void insert_sealed(invsrc_keyring *ring, int number) {
  invsrc_buffer *sealed = invsrc_buffer_new();
  invsrc_source *source;
  invsrc_binding binding;
  char id[16], secret[32];
  const void *bytes;
  uint64_t length;

  snprintf(id, sizeof id, "%d", number);
  snprintf(secret, sizeof secret, "secret %s", id);
  source = make_source("acme", id, id);
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, number % 2);
  binding = binding_of(id, INVSRC_PURPOSE_CREDENTIAL);
  assert_int_equal(invsrc_keyring_sealer()->seal(ring, &binding, secret, strlen(secret), sealed),
                   INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(store.table->insert(store.context, source, bytes, length, NULL),
                   INVSRC_OUTCOME_OK);
  invsrc_buffer_free(sealed);
  invsrc_source_free(source);
}

static void fill(int key, int from, int to) {
  invsrc_keyring *ring = ring_of(key, -1);

  for (int i = from; i < to; i++) insert_sealed(ring, i);
  invsrc_keyring_free(ring);
}

/* Copies out what is sealed of a source. */
static uint64_t sealed_of(int number, uint8_t copy[64]) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  const void *bytes;
  uint64_t length;
  char id[16];

  snprintf(id, sizeof id, "%d", number);
  assert_int_equal(get(store, "acme", id, source, sealed), INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_in_range(length, 1, 64);
  memcpy(copy, bytes, (size_t)length);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
  return length;
}

/* Opens what is sealed of a source with one key alone: whether it is right. */
static int opens_with(int key, int number) {
  invsrc_buffer *secret = invsrc_buffer_new();
  invsrc_keyring *ring = ring_of(key, -1);
  uint8_t sealed[64];
  uint64_t length = sealed_of(number, sealed);
  invsrc_binding binding;
  char id[16], wanted[32];
  int32_t outcome;

  snprintf(id, sizeof id, "%d", number);
  snprintf(wanted, sizeof wanted, "secret %s", id);
  binding = binding_of(id, INVSRC_PURPOSE_CREDENTIAL);
  outcome = invsrc_keyring_sealer()->open(ring, &binding, sealed, length, secret);
  if (outcome == INVSRC_OUTCOME_OK)
    assert_string_equal(invsrc_buffer_bytes(secret, NULL), wanted);
  else
    assert_int_equal(outcome, INVSRC_OUTCOME_REFUSED);
  invsrc_keyring_free(ring);
  invsrc_buffer_free(secret);
  return outcome == INVSRC_OUTCOME_OK;
}

static void reseals(int current, int older, uint64_t wanted_resealed, uint64_t wanted_refused) {
  invsrc_keyring *ring = ring_of(current, older);
  uint64_t resealed = 99, refused = 99;

  if (invsrc_sqlite_reseal(db, ring, &resealed, &refused, error) != INVSRC_OK)
    fail_msg("%s", invsrc_error_message(error));
  assert_int_equal(resealed, wanted_resealed);
  assert_int_equal(refused, wanted_refused);
  invsrc_keyring_free(ring);
}

static void an_older_key_is_taken_out(void **state) {
  invsrc_source *bare = make_source("acme", "bare", "9000");

  (void)state;
  reseals(1, 0, 0, 0);
  fill(0, 1, SOURCES);
  invsrc_source_set_number(bare, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  assert_int_equal(insert(store, bare, NULL), INVSRC_OUTCOME_OK);
  fill(1, SOURCES, SOURCES + 3);
  reseals(1, 0, SOURCES - 1, 0);
  reseals(1, 0, 0, 0);
  reseals(1, -1, 0, 0);
  for (int i = 1; i < SOURCES + 3; i++) {
    assert_true(opens_with(1, i));
    assert_false(opens_with(0, i));
  }
  invsrc_source_free(bare);
}

static void what_no_key_opens_is_counted_and_left(void **state) {
  uint8_t before[64], after[64];
  uint64_t length;

  (void)state;
  fill(0, 1, 3);
  fill(2, 3, 5); /* a key that was lost */
  fill(0, 5, 8);
  run_sql(DB,
          "UPDATE sources SET sealed = (SELECT sealed FROM sources WHERE seq = 7)"
          " WHERE seq IN (5, 6);"
          "UPDATE row_keys SET key = (SELECT key FROM row_keys WHERE seq = 7) WHERE seq = 5");
  length = sealed_of(3, before);
  reseals(1, 0, 3, 4); /* 3 and 4; 5, which is another's; and 6, which is damaged */
  assert_int_equal(sealed_of(3, after), length);
  assert_memory_equal(before, after, length);
  assert_true(opens_with(2, 4));
  reseals(1, 2, 2, 2);
  assert_true(opens_with(1, 3));
}

static void the_keys_of_old_sealed_bytes_are_gone_from_disk(void **state) {
  uint8_t before[KEY_SIZE], after[KEY_SIZE], sealed[64];
  uint64_t length;

  (void)state;
  fill(0, 1, 2);
  key_of("1", before);
  assert_true(key_is_on_disk(before));
  reseals(1, 0, 1, 0);
  key_of("1", after);
  assert_false(key_is_on_disk(before));
  assert_true(key_is_on_disk(after));
  length = sealed_of(1, sealed);
  assert_false(is_on_disk(sealed, length));
  assert_keys_whole();
}

/* A probe that was claimed before keeps what was sealed again meanwhile, and a rotation hands
 * that back: neither sees another revision. */
static void updates_meanwhile_lose_nothing(void **state) {
  invsrc_source *source = make_source("acme", "1", "1");
  invsrc_buffer *replaced = invsrc_buffer_new();
  uint8_t resealed[64], stored[64], key[KEY_SIZE];
  uint64_t length;

  (void)state;
  fill(0, 1, 2);
  reseals(1, 0, 1, 0);
  length = sealed_of(1, resealed);
  set_text(source, INVSRC_SOURCE_STATUS, "ACTIVE");
  assert_int_equal(
      store.table->update(store.context, source, 1, 0, INVSRC_PART_RECORD | INVSRC_PART_CHECK, NULL,
                          0, NULL, replaced),
      INVSRC_OUTCOME_OK);
  assert_int_equal(sealed_of(1, stored), length);
  assert_memory_equal(stored, resealed, length);
  assert_true(opens_with(1, 1));
  key_of("1", key);
  assert_int_equal(store.table->update(store.context, source, 1, 0, INVSRC_PART_SEALED, "other", 5,
                                       NULL, replaced),
                   INVSRC_OUTCOME_OK);
  assert_memory_equal(invsrc_buffer_bytes(replaced, &length), resealed, length);
  assert_false(key_is_on_disk(key));
  invsrc_source_free(source);
  invsrc_buffer_free(replaced);
}

struct resealing {
  invsrc_keyring *ring;
  uint64_t resealed, refused;
  int32_t result;
};

static void *reseal(void *argument) {
  struct resealing *mine = argument;

  mine->result = invsrc_sqlite_reseal(db, mine->ring, &mine->resealed, &mine->refused, NULL);
  return NULL;
}

/* Who comes second with a source finds it changed, and leaves it. */
static void several_may_reseal_at_once(void **state) {
  struct resealing all[4];
  pthread_t threads[4];
  invsrc_keyring *ring = ring_of(1, 0);
  uint64_t sum = 0;

  (void)state;
  fill(0, 1, SOURCES);
  for (int i = 0; i < 4; i++) {
    all[i] = (struct resealing){ring, 0, 0, INVSRC_EIO};
    assert_int_equal(pthread_create(&threads[i], NULL, reseal, &all[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(all[i].result, INVSRC_OK);
    assert_int_equal(all[i].refused, 0);
    sum += all[i].resealed;
  }
  assert_int_equal(sum, SOURCES - 1);
  for (int i = 1; i < SOURCES; i++) assert_true(opens_with(1, i));
  invsrc_keyring_free(ring);
}

/* ---- Clients, sealed again ----------------------------------------------------------- */

#define ISSUER "https://auth.example"

/* Keeps a client of a redirect URI, sealed with a key of its own. */
static void keep_client(int key, const char *uri) {
  const invsrc_binding binding = {
      sizeof binding,        0, uri, strlen(uri), ISSUER, strlen(ISSUER), "oauth-client",
      strlen("oauth-client")};
  invsrc_buffer *sealed = invsrc_buffer_new();
  invsrc_keyring *ring = ring_of(key, -1);
  uint64_t length;
  const void *bytes;

  assert_int_equal(invsrc_keyring_sealer()->seal(ring, &binding, "client", 6, sealed),
                   INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(
      invsrc_sqlite_clients()->put(db, ISSUER, strlen(ISSUER), uri, strlen(uri), bytes, length),
      INVSRC_OUTCOME_OK);
  invsrc_keyring_free(ring);
  invsrc_buffer_free(sealed);
}

static uint64_t client_of(const char *uri, uint8_t copy[64]) {
  invsrc_buffer *sealed = invsrc_buffer_new();
  const void *bytes;
  uint64_t length;

  assert_int_equal(
      invsrc_sqlite_clients()->get(db, ISSUER, strlen(ISSUER), uri, strlen(uri), sealed),
      INVSRC_OUTCOME_OK);
  bytes = invsrc_buffer_bytes(sealed, &length);
  assert_in_range(length, 1, 64);
  memcpy(copy, bytes, (size_t)length);
  invsrc_buffer_free(sealed);
  return length;
}

static int client_opens_with(int key, const char *uri) {
  const invsrc_binding binding = {
      sizeof binding,
      0,
      uri,
      strlen(uri),
      ISSUER,
      strlen(ISSUER),
      INVSRC_PURPOSE_OAUTH_CLIENT,
      strlen(INVSRC_PURPOSE_OAUTH_CLIENT),
  };
  invsrc_buffer *opened = invsrc_buffer_new();
  invsrc_keyring *ring = ring_of(key, -1);
  uint8_t sealed[64];
  uint64_t length = client_of(uri, sealed);
  int32_t outcome = invsrc_keyring_sealer()->open(ring, &binding, sealed, length, opened);

  if (outcome == INVSRC_OUTCOME_OK)
    assert_string_equal(invsrc_buffer_bytes(opened, NULL), "client");
  invsrc_keyring_free(ring);
  invsrc_buffer_free(opened);
  return outcome == INVSRC_OUTCOME_OK;
}

static void clients_are_resealed_too(void **state) {
  uint8_t before[64];
  uint64_t length;

  (void)state;
  keep_client(0, "https://a.example/");
  reseals(1, 0, 1, 0);
  fill(0, 1, 4);
  keep_client(0, "https://b.example/");
  keep_client(1, "https://c.example/");
  keep_client(2, "https://d.example/");
  length = client_of("https://b.example/", before);
  assert_true(is_on_disk(before, length));
  reseals(1, 0, 4, 1);
  assert_false(is_on_disk(before, length));
  reseals(1, 2, 1, 0);
  reseals(1, 2, 0, 0);
  assert_true(client_opens_with(1, "https://a.example/"));
  assert_true(client_opens_with(1, "https://b.example/"));
  assert_true(client_opens_with(1, "https://c.example/"));
  assert_true(client_opens_with(1, "https://d.example/"));
  for (int i = 1; i < 4; i++) assert_true(opens_with(1, i));
}

/* What is sealed for a consent is not looked at. */
static void consents_are_left(void **state) {
  invsrc_source *source = make_source("acme", "1", "1"), *back = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();

  (void)state;
  set_text(source, INVSRC_SOURCE_OAUTH_PRIVATE_STATE, "sealed with any key");
  invsrc_source_set_number(source, INVSRC_SOURCE_AUTH_CONFIGURED, 0);
  assert_int_equal(insert(store, source, NULL), INVSRC_OUTCOME_OK);
  reseals(1, 0, 0, 0);
  assert_int_equal(get(store, "acme", "1", back, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(source, back);
  invsrc_source_free(source);
  invsrc_source_free(back);
  invsrc_buffer_free(sealed);
}

/* ---- Runs that end early -------------------------------------------------------------- */

/* A source that cannot be replaced ends the run; what was done is done. */
static void an_interrupted_run_goes_on(void **state) {
  invsrc_keyring *ring = ring_of(1, 0);
  uint64_t resealed;

  (void)state;
  fill(0, 1, 6);
  run_sql(DB,
          "CREATE TRIGGER t BEFORE UPDATE ON sources WHEN old.seq = 4"
          " BEGIN SELECT raise(ABORT, ''); END");
  assert_int_equal(invsrc_sqlite_reseal(db, ring, &resealed, NULL, error), INVSRC_EIO);
  assert_int_equal(resealed, 3);
  assert_true(opens_with(1, 3));
  assert_true(opens_with(0, 4));
  run_sql(DB, "DROP TRIGGER t");
  assert_int_equal(invsrc_sqlite_reseal(db, ring, NULL, NULL, NULL), INVSRC_OK);
  for (int i = 1; i < 6; i++) assert_true(opens_with(1, i));
  run_sql(DB, "ALTER TABLE oauth_clients RENAME TO elsewhere");
  assert_int_equal(invsrc_sqlite_reseal(db, ring, NULL, NULL, error), INVSRC_EIO);
  run_sql(DB, "ALTER TABLE sources RENAME TO elsewhere_too");
  assert_int_equal(invsrc_sqlite_reseal(db, ring, NULL, NULL, error), INVSRC_EIO);
  invsrc_keyring_free(ring);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)
  static const struct CMUnitTest tests[] = {
      TEST(keys_speak_for_their_storefront),
      TEST(only_digests_are_kept),
      TEST(keys_are_listed_oldest_first),
      TEST(a_visitor_may_use_the_database),
      TEST(what_is_revoked_stays_revoked),
      TEST(what_is_revoked_here_is_so_at_once),
      TEST(a_key_is_known_for_a_moment),
      TEST(mistakes_are_told),
      TEST(a_key_that_is_not_kept_is_not_shown),
      TEST(altered_keys_are_nobodys),
      TEST(an_older_key_is_taken_out),
      TEST(what_no_key_opens_is_counted_and_left),
      TEST(the_keys_of_old_sealed_bytes_are_gone_from_disk),
      TEST(several_may_reseal_at_once),
      TEST(updates_meanwhile_lose_nothing),
      TEST(an_interrupted_run_goes_on),
      TEST(clients_are_resealed_too),
      TEST(consents_are_left),
  };

  return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
