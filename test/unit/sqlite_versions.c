/*
 * What older versions of the schema stored in SQLite, and what becomes of it.
 */
#include "providers/sqlite.h"

#include "client_checks.h"
#include "store_life_checks.h"

/* It comes behind the checks, for its variables are their parameters. */
#include "scratch_db.h"

#include "disk.h"

/* Puts a database in the place of this test's, and opens it. */
static void open_old(const char *sql) {
  close_db();
  scratch_clear();
  run_sql(DB, sql);
  assert_int_equal(open_db(), INVSRC_OK);
}

/* ---- Version 1 ----------------------------------------------------------------------------- */

/* As it made its files. */
static const char version_1[] =
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE sources ("
    "  seq INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  storefront TEXT NOT NULL,"
    "  source_id TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  execution_type TEXT NOT NULL,"
    "  status TEXT NOT NULL CHECK (status IN ('PENDING', 'ACTIVE', 'DISABLED')),"
    "  agent_id TEXT NOT NULL UNIQUE,"
    "  type TEXT NOT NULL,"
    "  endpoint_url TEXT NOT NULL,"
    "  protocol TEXT NOT NULL,"
    "  authentication_type TEXT NOT NULL,"
    "  auth_configured INTEGER NOT NULL CHECK (auth_configured IN (0, 1)),"
    "  oauth_authorization_url TEXT,"
    "  description TEXT,"
    "  created_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL,"
    "  oauth_audience TEXT,"
    "  revision INTEGER NOT NULL,"
    "  sealed BLOB CHECK (length(sealed) > 0),"
    "  UNIQUE (storefront, source_id),"
    "  CHECK (auth_configured = 0 OR sealed IS NOT NULL)"
    ") STRICT;"
    "CREATE TABLE api_keys ("
    "  seq INTEGER PRIMARY KEY,"
    "  client_id TEXT NOT NULL UNIQUE,"
    "  digest BLOB NOT NULL CHECK (length(digest) = 32),"
    "  storefront TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  revoked_at INTEGER"
    ") STRICT;"
    "PRAGMA application_id = 1768846963; PRAGMA user_version = 1;"
    "INSERT INTO sources (seq, id, storefront, source_id, name, execution_type, status, agent_id,"
    "  type, endpoint_url, protocol, authentication_type, auth_configured,"
    "  oauth_authorization_url, description, created_at, updated_at, oauth_audience, revision,"
    "  sealed) VALUES"
    " (3, '3', 'acme', 'waits', 'A name', 'AGENT', 'PENDING', 'agent_3', 'SALES',"
    "  'https://agent.example/mcp', 'MCP', 'API_KEY', 1, NULL, 'é', 253402300799999, 1, NULL, 1,"
    "  CAST('sealed 3' AS BLOB)),"
    " (4, '4', 'other', 'open', 'A name', 'AGENT', 'ACTIVE', 'agent_4', 'SALES',"
    "  'https://agent.example/mcp', 'MCP', 'NO_AUTH', 0, NULL, NULL, 4, 4, NULL, 1, NULL),"
    " (7, '7', 'acme', 'consent', 'A name', 'AGENT', 'PENDING', 'agent_7', 'SALES',"
    "  'https://agent.example/mcp', 'MCP', 'OAUTH', 0, 'https://auth.example/', NULL, 7, 7,"
    "  'https://aud.example/', 1, CAST('sealed 7' AS BLOB)),"
    " (9, '2', 'acme', 'late', 'A name', 'AGENT', 'PENDING', 'agent_2', 'SALES',"
    "  'https://agent.example/mcp', 'MCP', 'API_KEY', 1, NULL, NULL, 9, 9, NULL, 1,"
    "  CAST('sealed 2' AS BLOB));";

static void what_version_1_stored_is_kept(void **state) {
  invsrc_source *wanted = make_source("acme", "waits", "3"), *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();

  (void)state;
  open_old(version_1);
  set_text(wanted, INVSRC_SOURCE_DESCRIPTION, "é");
  invsrc_source_set_number(wanted, INVSRC_SOURCE_NEXT_CHECK_AT, 1);
  assert_int_equal(get(store, "acme", "waits", source, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(source, wanted);
  assert_string_equal(invsrc_buffer_bytes(sealed, NULL), "sealed 3");
  invsrc_source_free(source);
  source = invsrc_source_new();
  assert_int_equal(get(store, "acme", "consent", source, sealed), INVSRC_OUTCOME_OK);
  assert_null(invsrc_source_text(source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, NULL));
  assert_string_equal(invsrc_source_text(source, INVSRC_SOURCE_OAUTH_AUDIENCE, NULL),
                      "https://aud.example/");
  assert_page(store, "acme", 0, 50, "3 7 2", 3);
  assert_page(store, "other", 0, 50, "4", 1);
  assert_keys_whole();
  assert_due(store, 1, 100, 10, "3 2"); /* who has no consent waits for that */
  assert_int_equal(insert_new(store, "acme", "waits", "5"), INVSRC_OUTCOME_CONFLICT);
  assert_int_equal(insert_new(store, "acme", "new", "7"), INVSRC_OUTCOME_DUPLICATE);
  assert_int_equal(insert_new(store, "acme", "new", "1"), INVSRC_OUTCOME_OK);
  assert_page(store, "acme", 0, 50, "3 7 2 1", 4);
  invsrc_source_free(wanted);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

/* ---- Version 2 ----------------------------------------------------------------------------- */

/* As it made its files: one source has all that there was, one awaits consent. */
static const char version_2[] =
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE sources ("
    "  seq INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  storefront TEXT NOT NULL,"
    "  source_id TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  execution_type TEXT NOT NULL,"
    "  status TEXT NOT NULL CHECK (status IN ('PENDING', 'ACTIVE', 'DISABLED')),"
    "  agent_id TEXT NOT NULL UNIQUE,"
    "  type TEXT NOT NULL,"
    "  endpoint_url TEXT NOT NULL,"
    "  protocol TEXT NOT NULL,"
    "  authentication_type TEXT NOT NULL,"
    "  auth_configured INTEGER NOT NULL CHECK (auth_configured IN (0, 1)),"
    "  oauth_authorization_url TEXT,"
    "  description TEXT,"
    "  created_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL,"
    "  oauth_audience TEXT,"
    "  revision INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL DEFAULT 0,"
    "  last_checked_at INTEGER NOT NULL DEFAULT 0,"
    "  last_error TEXT,"
    "  next_check_at INTEGER NOT NULL DEFAULT 0,"
    "  credential_proven INTEGER NOT NULL DEFAULT 0 CHECK (credential_proven IN (0, 1)),"
    "  unreachable INTEGER NOT NULL DEFAULT 0 CHECK (unreachable IN (0, 1)),"
    "  UNIQUE (storefront, source_id)"
    ") STRICT;"
    "CREATE TABLE credentials ("
    "  seq INTEGER PRIMARY KEY REFERENCES sources (seq) ON DELETE CASCADE,"
    "  padding BLOB NOT NULL DEFAULT (zeroblob(4096)),"
    "  sealed BLOB NOT NULL CHECK (length(sealed) > 0)"
    ") STRICT;"
    "CREATE INDEX sources_order ON sources (storefront);"
    "CREATE INDEX sources_due ON sources (next_check_at) WHERE next_check_at > 0;"
    "CREATE TABLE api_keys ("
    "  seq INTEGER PRIMARY KEY,"
    "  client_id TEXT NOT NULL UNIQUE,"
    "  digest BLOB NOT NULL CHECK (length(digest) = 32),"
    "  storefront TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  revoked_at INTEGER"
    ") STRICT;"
    "CREATE TABLE events ("
    "  seq INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  type TEXT NOT NULL,"
    "  storefront TEXT NOT NULL,"
    "  time INTEGER NOT NULL,"
    "  payload TEXT NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  next_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX events_due ON events (next_at);"
    "PRAGMA application_id = 1768846963; PRAGMA user_version = 2;"
    "INSERT INTO sources (seq, id, storefront, source_id, name, execution_type, status, agent_id,"
    "  type, endpoint_url, protocol, authentication_type, auth_configured,"
    "  oauth_authorization_url, description, created_at, updated_at, oauth_audience, revision,"
    "  attempts, last_checked_at, last_error, next_check_at, credential_proven, unreachable) VALUES"
    " (3, '3', 'acme', 'all', 'A name', 'AGENT', 'ACTIVE', 'agent_3', 'SALES',"
    "  'https://agent.example/mcp', 'MCP', 'API_KEY', 1, NULL, 'é', 253402300799999, 1, NULL, 7,"
    "  2, 11, 'the agent is away', 12, 1, 1),"
    " (7, '7', 'acme', 'consent', 'A name', 'AGENT', 'PENDING', 'agent_7', 'SALES',"
    "  'https://agent.example/mcp', 'MCP', 'OAUTH', 0, 'https://auth.example/', NULL, 7, 7,"
    "  'https://aud.example/', 1, 0, 0, NULL, 0, 0, 0);"
    "INSERT INTO credentials (seq, sealed) VALUES"
    " (3, CAST('sealed 3' AS BLOB)), (7, CAST('the private state of 7' AS BLOB));"
    "INSERT INTO events (id, type, storefront, time, payload, attempts, next_at) VALUES"
    " ('evt_1', 'source.updated', 'acme', 1767225600001, '{\"é\":\"😀\"}', 0, 5);";

static int is_on_disk(const char *text) {
  static const char *const names[] = {DB, DB "-wal"};
  static char all[1 << 20];

  for (size_t i = 0; i < 2; i++) {
    size_t size = scratch_read(names[i], all, sizeof all);
    assert_true(size < sizeof all);
    for (size_t at = 0; at + strlen(text) <= size; at++)
      if (memcmp(all + at, text, strlen(text)) == 0) return 1;
  }
  return 0;
}

static void what_version_2_stored_is_kept(void **state) {
  invsrc_source *wanted = make_source("acme", "all", "3"), *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();

  (void)state;
  open_old(version_2);
  set_text(wanted, INVSRC_SOURCE_STATUS, "ACTIVE");
  set_text(wanted, INVSRC_SOURCE_DESCRIPTION, "é");
  set_text(wanted, INVSRC_SOURCE_LAST_ERROR, "the agent is away");
  invsrc_source_set_number(wanted, INVSRC_SOURCE_REVISION, 7);
  invsrc_source_set_number(wanted, INVSRC_SOURCE_ATTEMPTS, 2);
  invsrc_source_set_number(wanted, INVSRC_SOURCE_LAST_CHECKED_AT, 11);
  invsrc_source_set_number(wanted, INVSRC_SOURCE_NEXT_CHECK_AT, 12);
  invsrc_source_set_number(wanted, INVSRC_SOURCE_CREDENTIAL_PROVEN, 1);
  invsrc_source_set_number(wanted, INVSRC_SOURCE_UNREACHABLE, 1);
  assert_int_equal(get(store, "acme", "all", source, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(source, wanted);
  assert_string_equal(invsrc_buffer_bytes(sealed, NULL), "sealed 3");
  assert_found(store, INVSRC_SOURCE_AGENT_ID, "agent_3", "3", "sealed 3");
  assert_page(store, "acme", 0, 50, "3 7", 2);
  assert_event(store, 5, 6, "evt_1", 0);
  assert_int_equal(insert_new(store, "acme", "new", "1"), INVSRC_OUTCOME_OK);
  assert_page(store, "acme", 0, 50, "3 7 1", 3);
  invsrc_source_free(wanted);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

/* It cannot be given any more: what was sealed for it is gone, and the source waits as before. */
static void a_consent_of_version_2_is_over(void **state) {
  invsrc_source *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  uint64_t length;

  (void)state;
  open_old(version_2);
  assert_int_equal(get(store, "acme", "consent", source, sealed), INVSRC_OUTCOME_OK);
  invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(length, 0);
  assert_null(invsrc_source_text(source, INVSRC_SOURCE_OAUTH_AUTHORIZATION_URL, NULL));
  assert_null(invsrc_source_text(source, INVSRC_SOURCE_OAUTH_STATE, NULL));
  assert_null(invsrc_source_text(source, INVSRC_SOURCE_OAUTH_PRIVATE_STATE, NULL));
  assert_int_equal(invsrc_source_number(source, INVSRC_SOURCE_OAUTH_EXPIRES_AT), 0);
  assert_false(is_on_disk("the private state of 7"));
  assert_keys_whole();
  /* And can be asked for again. */
  set_text(source, INVSRC_SOURCE_OAUTH_STATE, "state");
  assert_int_equal(update_with(store, source, 1, INVSRC_PART_RECORD, NULL, NULL, NULL),
                   INVSRC_OUTCOME_OK);
  assert_found(store, INVSRC_SOURCE_OAUTH_STATE, "state", "7", "");
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

/* ---- Version 3 ----------------------------------------------------------------------------- */

/* What versions 3 and 4 have in common. */
#define SOURCES_3                                                                             \
  "CREATE TABLE sources ("                                                                    \
  "  seq INTEGER PRIMARY KEY,"                                                                \
  "  id TEXT NOT NULL UNIQUE,"                                                                \
  "  storefront TEXT NOT NULL,"                                                               \
  "  source_id TEXT NOT NULL,"                                                                \
  "  name TEXT NOT NULL,"                                                                     \
  "  execution_type TEXT NOT NULL,"                                                           \
  "  status TEXT NOT NULL CHECK (status IN ('PENDING', 'ACTIVE', 'DISABLED')),"               \
  "  agent_id TEXT NOT NULL UNIQUE,"                                                          \
  "  type TEXT NOT NULL,"                                                                     \
  "  endpoint_url TEXT NOT NULL,"                                                             \
  "  protocol TEXT NOT NULL,"                                                                 \
  "  authentication_type TEXT NOT NULL,"                                                      \
  "  auth_configured INTEGER NOT NULL CHECK (auth_configured IN (0, 1)),"                     \
  "  oauth_authorization_url TEXT,"                                                           \
  "  description TEXT,"                                                                       \
  "  created_at INTEGER NOT NULL,"                                                            \
  "  updated_at INTEGER NOT NULL,"                                                            \
  "  oauth_audience TEXT,"                                                                    \
  "  revision INTEGER NOT NULL,"                                                              \
  "  attempts INTEGER NOT NULL DEFAULT 0,"                                                    \
  "  last_checked_at INTEGER NOT NULL DEFAULT 0,"                                             \
  "  last_error TEXT,"                                                                        \
  "  next_check_at INTEGER NOT NULL DEFAULT 0,"                                               \
  "  credential_proven INTEGER NOT NULL DEFAULT 0 CHECK (credential_proven IN (0, 1)),"       \
  "  unreachable INTEGER NOT NULL DEFAULT 0 CHECK (unreachable IN (0, 1)), oauth_state TEXT," \
  "  oauth_expires_at INTEGER NOT NULL DEFAULT 0, oauth_private_state TEXT,"                  \
  "  oauth_refresh_at INTEGER NOT NULL DEFAULT 0,"                                            \
  "  UNIQUE (storefront, source_id)"                                                          \
  ") STRICT;"
#define OTHERS_3                                                                 \
  "CREATE INDEX sources_order ON sources (storefront);"                          \
  "CREATE INDEX sources_due ON sources (next_check_at) WHERE next_check_at > 0;" \
  "CREATE TABLE api_keys ("                                                      \
  "  seq INTEGER PRIMARY KEY,"                                                   \
  "  client_id TEXT NOT NULL UNIQUE,"                                            \
  "  digest BLOB NOT NULL CHECK (length(digest) = 32),"                          \
  "  storefront TEXT NOT NULL,"                                                  \
  "  name TEXT NOT NULL,"                                                        \
  "  created_at INTEGER NOT NULL,"                                               \
  "  revoked_at INTEGER"                                                         \
  ") STRICT;"                                                                    \
  "CREATE TABLE events ("                                                        \
  "  seq INTEGER PRIMARY KEY,"                                                   \
  "  id TEXT NOT NULL UNIQUE,"                                                   \
  "  type TEXT NOT NULL,"                                                        \
  "  storefront TEXT NOT NULL,"                                                  \
  "  time INTEGER NOT NULL,"                                                     \
  "  payload TEXT NOT NULL,"                                                     \
  "  attempts INTEGER NOT NULL,"                                                 \
  "  next_at INTEGER NOT NULL"                                                   \
  ") STRICT;"                                                                    \
  "CREATE INDEX events_due ON events (next_at);"                                 \
  "CREATE UNIQUE INDEX sources_consents ON sources (oauth_state)"                \
  "  WHERE oauth_state IS NOT NULL;"                                             \
  "CREATE TABLE oauth_clients ("                                                 \
  "  seq INTEGER PRIMARY KEY,"                                                   \
  "  issuer TEXT NOT NULL,"                                                      \
  "  redirect_uri TEXT NOT NULL,"                                                \
  "  padding BLOB NOT NULL DEFAULT (zeroblob(4096)),"                            \
  "  sealed BLOB NOT NULL CHECK (length(sealed) > 0),"                           \
  "  UNIQUE (issuer, redirect_uri)"                                              \
  ") STRICT;"
#define ROWS_3                                                                                    \
  "INSERT INTO sources (seq, id, storefront, source_id, name, execution_type, status, agent_id,"  \
  "  type, endpoint_url, protocol, authentication_type, auth_configured, created_at, updated_at," \
  "  revision, oauth_state, oauth_expires_at, oauth_private_state, oauth_refresh_at) VALUES"      \
  " (3, '3', 'acme', 'all', 'A name', 'AGENT', 'ACTIVE', 'agent_3', 'SALES',"                     \
  "  'https://agent.example/mcp', 'MCP', 'API_KEY', 1, 253402300799999, 1, 7, NULL, 0, NULL, 9)," \
  " (7, '7', 'acme', 'consent', 'A name', 'AGENT', 'PENDING', 'agent_7', 'SALES',"                \
  "  'https://agent.example/mcp', 'MCP', 'OAUTH', 0, 7, 7, 1, 'state 7', 8, 'private 7', 0),"     \
  " (9, '9', 'acme', 'late', 'A name', 'AGENT', 'ACTIVE', 'agent_9', 'SALES',"                    \
  "  'https://agent.example/mcp', 'MCP', 'API_KEY', 1, 9, 9, 1, NULL, 0, NULL, 0);"

/* As it made its files. */
static const char version_3[] =
    "PRAGMA journal_mode = WAL;" SOURCES_3
    "CREATE TABLE credentials ("
    "  seq INTEGER PRIMARY KEY REFERENCES sources (seq) ON DELETE CASCADE,"
    "  padding BLOB NOT NULL DEFAULT (zeroblob(4096)),"
    "  sealed BLOB NOT NULL CHECK (length(sealed) > 0)"
    ") STRICT;" OTHERS_3 "PRAGMA application_id = 1768846963; PRAGMA user_version = 3;" ROWS_3
    "INSERT INTO credentials (seq, sealed) VALUES"
    " (3, CAST('sealed 3' AS BLOB)),"
    " (9, CAST(printf('sealed 9%.10000c', 'x') || 'end of 9' AS BLOB)),"
    " (12, CAST('left by others' AS BLOB));"
    "INSERT INTO oauth_clients (issuer, redirect_uri, sealed) VALUES"
    " ('https://auth.example', 'https://host.example/oauth/callback', CAST('client' AS BLOB));";

static struct clients clients(void) {
  return (struct clients){invsrc_sqlite_clients(), db};
}

static void what_version_3_stored_is_kept(void **state) {
  invsrc_source *wanted = make_source("acme", "all", "3"), *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();
  uint64_t length;

  (void)state;
  open_old(version_3);
  set_text(wanted, INVSRC_SOURCE_STATUS, "ACTIVE");
  invsrc_source_set_number(wanted, INVSRC_SOURCE_REVISION, 7);
  invsrc_source_set_number(wanted, INVSRC_SOURCE_OAUTH_REFRESH_AT, 9);
  assert_int_equal(get(store, "acme", "all", source, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(source, wanted);
  assert_found(store, INVSRC_SOURCE_AGENT_ID, "agent_3", "3", "sealed 3");
  assert_found(store, INVSRC_SOURCE_OAUTH_STATE, "state 7", "7", "");
  invsrc_source_free(source);
  source = invsrc_source_new();
  assert_int_equal(get(store, "acme", "late", source, sealed), INVSRC_OUTCOME_OK);
  invsrc_buffer_bytes(sealed, &length);
  assert_int_equal(length, 10016);
  assert_string_equal((const char *)invsrc_buffer_bytes(sealed, NULL) + 10007, "xend of 9");
  assert_client(clients(), "https://auth.example", "https://host.example/oauth/callback", "client");
  assert_page(store, "acme", 0, 50, "3 7 9", 3);
  invsrc_source_free(wanted);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

/* Nothing of it is on disk as it was; every seq has its key, also those that no source has. */
static void what_version_3_sealed_has_keys(void **state) {
  static const char *const texts[] = {"sealed 3", "sealed 9", "xxxxxxxx", "end of 9",
                                      "left by others"};

  (void)state;
  open_old(version_3);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) assert_false(is_on_disk(texts[i]));
  assert_true(is_on_disk("client"));
  assert_keys_whole();
  assert_int_equal(remove_with(store, "9", NULL, NULL), INVSRC_OUTCOME_OK);
  for (int i = 0; i < 3; i++) {
    char id[2] = {(char)('a' + i), 0};
    assert_int_equal(insert_new(store, "acme", id, id), INVSRC_OUTCOME_OK);
    assert_keys_whole();
  }
  assert_page(store, "acme", 0, 50, "3 7 a b c", 5);
}

/* One that cannot be brought up to date stays as it was. */
static void what_cannot_be_converted_stays(void **state) {
  static const char before[] = "CREATE TABLE row_keys (x)", after[] = "DROP TABLE row_keys";

  (void)state;
  close_db();
  scratch_clear();
  run_sql(DB, version_3);
  run_sql(DB, before);
  assert_int_equal(open_db(), INVSRC_EIO);
  run_sql(DB, after);
  assert_int_equal(open_db(), INVSRC_OK);
  assert_found(store, INVSRC_SOURCE_AGENT_ID, "agent_3", "3", "sealed 3");
}

/* ---- Version 4 ----------------------------------------------------------------------------- */

/* As it made its files. What is sealed for 3 is encrypted under its key; what was for 9 is
 * damaged, and 12 was deleted by a program that does without foreign keys. */
static const char version_4[] =
    "PRAGMA journal_mode = WAL;" SOURCES_3
    "CREATE TABLE credentials ("
    "  seq INTEGER PRIMARY KEY REFERENCES sources (seq) ON DELETE CASCADE,"
    "  sealed BLOB NOT NULL CHECK (length(sealed) > 16)"
    ") STRICT;"
    "CREATE TABLE row_keys ("
    "  seq INTEGER PRIMARY KEY,"
    "  key BLOB NOT NULL CHECK (length(key) = 32)"
    ") STRICT;" OTHERS_3 "PRAGMA application_id = 1768846963; PRAGMA user_version = 4;" ROWS_3
    "INSERT INTO row_keys (seq, key)"
    " WITH RECURSIVE seqs (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM seqs WHERE seq < 12)"
    " SELECT seq, CASE WHEN seq IN (3, 9, 12)"
    "  THEN x'0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'"
    "  ELSE zeroblob(32) END FROM seqs;"
    "PRAGMA ignore_check_constraints = 1;"
    "INSERT INTO credentials (seq, sealed) VALUES"
    " (3, x'b51cba75d83135d6c179d552a70405b18f1e91f1de7e37eb'), (9, zeroblob(16)),"
    " (12, x'b51cba75d83135d6c179d552a70405b18f1e91f1de7e37eb');"
    "PRAGMA ignore_check_constraints = 0;";

static void what_version_4_stored_is_kept(void **state) {
  invsrc_source *wanted = make_source("acme", "all", "3"), *source = invsrc_source_new();
  invsrc_buffer *sealed = invsrc_buffer_new();

  (void)state;
  open_old(version_4);
  assert_keys_whole();
  set_text(wanted, INVSRC_SOURCE_STATUS, "ACTIVE");
  invsrc_source_set_number(wanted, INVSRC_SOURCE_REVISION, 7);
  invsrc_source_set_number(wanted, INVSRC_SOURCE_OAUTH_REFRESH_AT, 9);
  assert_int_equal(get(store, "acme", "all", source, sealed), INVSRC_OUTCOME_OK);
  assert_same_source(source, wanted);
  assert_found(store, INVSRC_SOURCE_AGENT_ID, "agent_3", "3", "sealed 3");
  assert_found(store, INVSRC_SOURCE_OAUTH_STATE, "state 7", "7", "");
  assert_int_equal(get(store, "acme", "late", source, sealed), INVSRC_OUTCOME_FAILED);
  assert_page(store, "acme", 0, 50, "3 7 9", 3);
  invsrc_source_free(wanted);
  invsrc_source_free(source);
  invsrc_buffer_free(sealed);
}

/* More of them than are moved at a time. */
static void all_of_version_4_is_moved(void **state) {
  (void)state;
  close_db();
  scratch_clear();
  run_sql(DB, version_4);
  run_sql(DB,
          "DELETE FROM credentials; DELETE FROM sources WHERE seq <> 3;"
          "INSERT INTO row_keys (seq, key) WITH RECURSIVE seqs (seq) AS"
          "  (SELECT 13 UNION ALL SELECT seq + 1 FROM seqs WHERE seq < 2501)"
          " SELECT seq, zeroblob(32) FROM seqs;"
          "UPDATE row_keys SET key = zeroblob(32);"
          "UPDATE row_keys SET"
          "  key = x'0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'"
          " WHERE seq IN (1000, 2501);"
          "UPDATE sources SET seq = 1000;"
          "INSERT INTO sources (seq, id, storefront, source_id, name, execution_type, status,"
          "  agent_id, type, endpoint_url, protocol, authentication_type, auth_configured,"
          "  created_at, updated_at, revision)"
          " SELECT 2501, '2501', storefront, 'last', name, execution_type, status, 'agent_2501',"
          "  type, endpoint_url, protocol, authentication_type, 1, created_at, updated_at, 1"
          "  FROM sources;"
          "INSERT INTO credentials (seq, sealed) VALUES"
          " (1000, x'b51cba75d83135d6c179d552a70405b18f1e91f1de7e37eb'),"
          " (2501, x'b51cba75d83135d6c179d552a70405b18f1e91f1de7e37eb');");
  assert_int_equal(open_db(), INVSRC_OK);
  assert_keys_whole();
  assert_found(store, INVSRC_SOURCE_AGENT_ID, "agent_3", "3", "sealed 3");
  assert_found(store, INVSRC_SOURCE_AGENT_ID, "agent_2501", "2501", "sealed 3");
}

/* ---- What the present one does not take ---------------------------------------------------- */

static void what_is_sealed_has_its_tag(void **state) {
  sqlite3 *handle;

  (void)state;
  assert_int_equal(insert_new(store, "acme", "one", "1"), INVSRC_OUTCOME_OK);
  assert_int_equal(sqlite3_open(DB, &handle), SQLITE_OK);
  assert_int_equal(
      sqlite3_exec(handle, "UPDATE sources SET sealed = zeroblob(16)", NULL, NULL, NULL),
      SQLITE_CONSTRAINT);
  assert_int_equal(
      sqlite3_exec(handle, "UPDATE sources SET sealed = zeroblob(17)", NULL, NULL, NULL),
      SQLITE_OK);
  sqlite3_close(handle);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_anew, leave_nothing)
  static const struct CMUnitTest tests[] = {
      TEST(what_version_1_stored_is_kept),  TEST(what_version_2_stored_is_kept),
      TEST(a_consent_of_version_2_is_over), TEST(what_version_3_stored_is_kept),
      TEST(what_version_3_sealed_has_keys), TEST(what_cannot_be_converted_stays),
      TEST(what_version_4_stored_is_kept),  TEST(all_of_version_4_is_moved),
      TEST(what_is_sealed_has_its_tag),
  };

  return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
