/*
 * The SQLite database: opening, schema, connections. See sqlite.h.
 */
#include "providers/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"

#define APPLICATION_ID 0x696e7673 /* "invs" */
#define BUSY_MILLISECONDS 5000
#define RETRY_MILLISECONDS 20

struct invsrc_sqlite {
  char *path;
  pthread_mutex_t writing; /* held by the thread that writes */
  pthread_mutex_t lock;    /* guards what follows */
  ivs_connection *idle;
};

/* What brings a database from one version of the schema to the next; its place is
 * the version that it starts from. Never changed once released. */
static const char *const migrations[] = {
    "CREATE TABLE sources ("
    "  seq INTEGER PRIMARY KEY," /* oldest first */
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
    "  sealed BLOB,"
    "  UNIQUE (storefront, source_id),"
    "  CHECK (auth_configured = 0 OR sealed IS NOT NULL)"
    ") STRICT;"
    "CREATE TABLE api_keys ("
    "  client_id TEXT PRIMARY KEY,"
    "  digest BLOB NOT NULL CHECK (length(digest) = 32)," /* SHA-256 of the key */
    "  storefront TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  revoked_at INTEGER"
    ") STRICT;",
};

#define SCHEMA_VERSION ((int)(sizeof migrations / sizeof *migrations))

/* The order of the columns is that of the table in sqlite_store.c. */
#define SOURCE_COLUMNS                                                                       \
  "id, source_id, name, execution_type, status, agent_id, type, endpoint_url, protocol, "    \
  "authentication_type, auth_configured, oauth_authorization_url, description, created_at, " \
  "updated_at, storefront, oauth_audience, revision, sealed"

static const char *const statements[IVS_SQL_END] = {
    [IVS_SQL_SOURCE_INSERT] =
        "INSERT INTO sources (" SOURCE_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [IVS_SQL_SOURCE_GET] =
        "SELECT " SOURCE_COLUMNS " FROM sources WHERE storefront = ? AND source_id = ?",
    [IVS_SQL_SOURCE_TAKEN] = "SELECT 1 FROM sources WHERE storefront = ? AND source_id = ?",
    [IVS_SQL_SEALED_PAGE] =
        "SELECT seq, storefront, id, auth_configured, sealed FROM sources"
        " WHERE seq > ? AND sealed IS NOT NULL ORDER BY seq LIMIT 1",
    [IVS_SQL_SEALED_REPLACE] = "UPDATE sources SET sealed = ? WHERE seq = ? AND sealed = ?",
    [IVS_SQL_APIKEY_ADD] =
        "INSERT INTO api_keys (client_id, digest, storefront, name, created_at)"
        " VALUES (?,?,?,?,?)",
    [IVS_SQL_APIKEY_FIND] =
        "SELECT digest, storefront FROM api_keys WHERE client_id = ? AND revoked_at IS NULL",
    [IVS_SQL_APIKEY_LIST] =
        "SELECT client_id, storefront, name, created_at, revoked_at FROM api_keys"
        " WHERE ?1 IS NULL OR storefront = ?1 ORDER BY created_at, client_id",
    [IVS_SQL_APIKEY_REVOKE] =
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE client_id = ?",
};

/* ---- Statuses ------------------------------------------------------------------- */

/* Those that may pass: everything else is for good. */
static const struct {
  int status;
  int32_t outcome;
  int32_t result;
  const char *message;
} meanings[] = {
    {SQLITE_OK, INVSRC_OUTCOME_OK, INVSRC_OK, ""},
    {SQLITE_BUSY, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE, "the database is locked"},
    {SQLITE_LOCKED, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EUNAVAILABLE, "the database is locked"},
    {SQLITE_NOMEM, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_ENOMEM, "memory ran out"},
    {SQLITE_FULL, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "the disk is full"},
    {SQLITE_IOERR, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "the disk cannot be read or written"},
    {SQLITE_CANTOPEN, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "the file cannot be opened"},
    {SQLITE_READONLY, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "the file cannot be written"},
    {SQLITE_PERM, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "access to the file is denied"},
    {SQLITE_AUTH, INVSRC_OUTCOME_UNAVAILABLE, INVSRC_EIO, "access to the file is denied"},
    {SQLITE_NOTADB, INVSRC_OUTCOME_FAILED, INVSRC_EREFUSED, "it is not an SQLite database"},
    {SQLITE_CORRUPT, INVSRC_OUTCOME_FAILED, INVSRC_EIO, "the database is damaged"},
};

static size_t meaning_of(int status) {
  size_t i = 0;

  while (i < sizeof meanings / sizeof *meanings && meanings[i].status != (status & 0xff)) i++;
  return i;
}

int32_t ivs_sqlite_outcome(int status) {
  size_t i = meaning_of(status);

  return i < sizeof meanings / sizeof *meanings ? meanings[i].outcome : INVSRC_OUTCOME_FAILED;
}

int32_t ivs_sqlite_result(int status) {
  size_t i = meaning_of(status);

  return i < sizeof meanings / sizeof *meanings ? meanings[i].result : INVSRC_EIO;
}

int32_t ivs_sqlite_report(int status, invsrc_error *error) {
  size_t i = meaning_of(status);
  int32_t result = ivs_sqlite_result(status);

  if (result == INVSRC_OK) return INVSRC_OK;
  ivs_error_set(
      error, result, INVSRC_NO_OFFSET, "%s",
      i < sizeof meanings / sizeof *meanings ? meanings[i].message : "the database failed");
  return result;
}

/* ---- Connections ------------------------------------------------------------------ */

static void connection_free(ivs_connection *connection) {
  if (!connection) return;
  for (int i = 0; i < IVS_SQL_END; i++) sqlite3_finalize(connection->statements[i]);
  sqlite3_close(connection->handle);
  free(connection);
}

static int run(sqlite3 *handle, const char *sql) {
  return sqlite3_exec(handle, sql, NULL, NULL, NULL);
}

/* Opens without touching the file; settings that live in the file come later. */
static int connection_new(const char *path, ivs_connection **out) {
  ivs_connection *connection = calloc(1, sizeof *connection);
  int status = SQLITE_NOMEM;

  if (connection)
    status =
        sqlite3_open_v2(path, &connection->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  if (status == SQLITE_OK) status = sqlite3_busy_timeout(connection->handle, BUSY_MILLISECONDS);
  if (status == SQLITE_OK)
    status = run(connection->handle,
                 "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                 "PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON;"
                 "PRAGMA temp_store = MEMORY;");
  if (status != SQLITE_OK) {
    connection_free(connection);
    connection = NULL;
  }
  *out = connection;
  return status;
}

int ivs_sqlite_borrow(invsrc_sqlite *db, int writing, ivs_connection **connection) {
  int status = SQLITE_OK;

  if (writing) pthread_mutex_lock(&db->writing);
  pthread_mutex_lock(&db->lock);
  *connection = db->idle;
  if (*connection) db->idle = (*connection)->next;
  pthread_mutex_unlock(&db->lock);
  if (!*connection) status = connection_new(db->path, connection);
  if (status != SQLITE_OK && writing) pthread_mutex_unlock(&db->writing);
  return status;
}

/* Ends what a statement was doing, and forgets what it was given. */
static void rest(sqlite3_stmt *statement) {
  if (!statement) return;
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
}

void ivs_sqlite_return(invsrc_sqlite *db, int writing, ivs_connection *connection) {
  if (!connection) return;
  for (int i = 0; i < IVS_SQL_END; i++) rest(connection->statements[i]);
  if (!sqlite3_get_autocommit(connection->handle)) run(connection->handle, "ROLLBACK");
  pthread_mutex_lock(&db->lock);
  connection->next = db->idle;
  db->idle = connection;
  pthread_mutex_unlock(&db->lock);
  if (writing) pthread_mutex_unlock(&db->writing);
}

sqlite3_stmt *ivs_sqlite_statement(ivs_connection *connection, ivs_sql which) {
  sqlite3_stmt **statement = &connection->statements[which];

  if (!*statement)
    sqlite3_prepare_v3(connection->handle, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
                       statement, NULL);
  rest(*statement);
  return *statement;
}

/* ---- Schema ------------------------------------------------------------------------ */

/* The first column of the first row. */
static int read_number(sqlite3 *handle, const char *sql, int *number) {
  sqlite3_stmt *statement = NULL;
  int status = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);

  if (status == SQLITE_OK) status = sqlite3_step(statement);
  if (status == SQLITE_ROW) {
    *number = sqlite3_column_int(statement, 0);
    status = SQLITE_OK;
  }
  sqlite3_finalize(statement);
  return status;
}

static int32_t refuse(invsrc_error *error, const char *why) {
  ivs_error_set(error, INVSRC_EREFUSED, INVSRC_NO_OFFSET, "%s", why);
  return INVSRC_EREFUSED;
}

/* Whether the file is ours or empty, and of which version. Only reads. */
static int32_t check_schema(sqlite3 *handle, int *version, invsrc_error *error) {
  int application_id = 0, tables = 0;
  int status = read_number(handle, "PRAGMA application_id", &application_id);

  if (status == SQLITE_OK) status = read_number(handle, "PRAGMA user_version", version);
  if (status == SQLITE_OK)
    status = read_number(handle, "SELECT count(*) FROM sqlite_schema", &tables);
  if (status != SQLITE_OK) return ivs_sqlite_report(status, error);
  if (application_id != APPLICATION_ID && (application_id || *version || tables))
    return refuse(error, "it is another program's database");
  if (*version < 0 || *version > SCHEMA_VERSION)
    return refuse(error, "it was written by a newer version of libinvsrc");
  return INVSRC_OK;
}

/* Brings the schema up to date, in one transaction. */
static int32_t migrate(sqlite3 *handle, invsrc_error *error) {
  char mark[96];
  int version = 0;
  int status = run(handle, "BEGIN IMMEDIATE");
  int32_t result = status == SQLITE_OK ? check_schema(handle, &version, error)
                                       : ivs_sqlite_report(status, error);

  for (; result == INVSRC_OK && version < SCHEMA_VERSION; version++)
    result = ivs_sqlite_report(run(handle, migrations[version]), error);
  snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
           APPLICATION_ID, SCHEMA_VERSION);
  if (result == INVSRC_OK) result = ivs_sqlite_report(run(handle, mark), error);
  if (!sqlite3_get_autocommit(handle)) run(handle, "ROLLBACK");
  return result;
}

/* Changing the mode does not wait for other processes that do the same. */
static int set_wal(sqlite3 *handle) {
  static const struct timespec pause = {0, RETRY_MILLISECONDS * 1000000L};
  int status;

  for (int waited = 0;; waited += RETRY_MILLISECONDS) {
    status = run(handle, "PRAGMA journal_mode = WAL");
    if ((status & 0xff) != SQLITE_BUSY || waited >= BUSY_MILLISECONDS) return status;
    nanosleep(&pause, NULL);
  }
}

/* ---- Opening ------------------------------------------------------------------------- */

/* SQLite knows names that are no files (":memory:"); behind "./" they are. */
static char *file_path(const char *path) {
  size_t size = strlen(path) + sizeof "./";
  char *copy = malloc(size);

  if (copy) snprintf(copy, size, "%s%s", *path == '/' ? "" : "./", path);
  return copy;
}

/* A file that is not there is made for its owner only, before SQLite makes it for
 * more; its companions take its mode. */
static int32_t make_file(const char *path, invsrc_error *error) {
  int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (file >= 0) close(file);
  if (file >= 0 || errno == EEXIST) return INVSRC_OK;
  ivs_error_set(error, INVSRC_EIO, INVSRC_NO_OFFSET, "%s",
                errno == ENOENT || errno == ENOTDIR ? "its folder does not exist"
                : errno == EACCES || errno == EROFS ? "its folder cannot be written"
                                                    : "the file cannot be made");
  return INVSRC_EIO;
}

static int32_t open_first(invsrc_sqlite *db, invsrc_error *error) {
  int32_t result = make_file(db->path, error);
  int version = 0, status;

  if (result != INVSRC_OK) return result;
  status = connection_new(db->path, &db->idle);
  if (status != SQLITE_OK) return ivs_sqlite_report(status, error);
  result = check_schema(db->idle->handle, &version, error);
  if (result != INVSRC_OK) return result;
  status = set_wal(db->idle->handle);
  if (status != SQLITE_OK) return ivs_sqlite_report(status, error);
  return migrate(db->idle->handle, error);
}

int32_t invsrc_sqlite_open(const char *path, invsrc_sqlite **db, invsrc_error *error) {
  invsrc_sqlite *made;
  int32_t result;

  if (db) *db = NULL;
  if (!path || !*path || !db) {
    ivs_error_set(error, INVSRC_EINVAL, INVSRC_NO_OFFSET, "%s", invsrc_strerror(INVSRC_EINVAL));
    return INVSRC_EINVAL;
  }
  made = calloc(1, sizeof *made);
  if (!made || !(made->path = file_path(path))) {
    free(made);
    return ivs_sqlite_report(SQLITE_NOMEM, error);
  }
  pthread_mutex_init(&made->writing, NULL); /* cannot fail on default mutexes */
  pthread_mutex_init(&made->lock, NULL);
  result = open_first(made, error);
  if (result == INVSRC_OK)
    *db = made;
  else
    invsrc_sqlite_free(made);
  return result;
}

void invsrc_sqlite_free(invsrc_sqlite *db) {
  if (!db) return;
  while (db->idle) {
    ivs_connection *next = db->idle->next;
    connection_free(db->idle);
    db->idle = next;
  }
  pthread_mutex_destroy(&db->writing);
  pthread_mutex_destroy(&db->lock);
  free(db->path);
  free(db);
}
