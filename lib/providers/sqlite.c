/*
 * The SQLite database: opening, and the versions of its schema. See sqlite.h.
 */
#include "providers/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"

#define APPLICATION_ID 0x696e7673 /* "invs" */
#define RETRY_MILLISECONDS 20

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
    "  sealed BLOB CHECK (length(sealed) > 0)," /* NULL where there is none */
    "  UNIQUE (storefront, source_id),"
    "  CHECK (auth_configured = 0 OR sealed IS NOT NULL)"
    ") STRICT;"
    "CREATE TABLE api_keys ("
    "  seq INTEGER PRIMARY KEY,"
    "  client_id TEXT NOT NULL UNIQUE,"
    "  digest BLOB NOT NULL CHECK (length(digest) = 32)," /* SHA-256 of the key */
    "  storefront TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  revoked_at INTEGER" /* NULL while active */
    ") STRICT;",
    /* The check, and when it is due: at once where a source waits for it; events; and what
     * was sealed in a table of its own, so that neither a check nor a list moves it. SQLite
     * leaves copies behind when it moves rows between pages, which no secure_delete wipes: of
     * a long row its beginning, as the rest stays on pages that are that row's alone. So each
     * begins with padding, as long as a page, and what is left behind is of that. */
    "ALTER TABLE sources RENAME TO sources_1;"
    "CREATE TABLE sources ("
    "  seq INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  storefront TEXT NOT NULL,"
    "  source_id TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  execution_type TEXT NOT NULL,"
    /* SQLite makes a table of a list of three, for each row anew. */
    "  status TEXT NOT NULL"
    "   CHECK (status = 'PENDING' OR status = 'ACTIVE' OR status = 'DISABLED'),"
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
    "INSERT INTO sources (seq, id, storefront, source_id, name, execution_type, status,"
    "  agent_id, type, endpoint_url, protocol, authentication_type, auth_configured,"
    "  oauth_authorization_url, description, created_at, updated_at, oauth_audience, revision,"
    "  next_check_at)"
    " SELECT seq, id, storefront, source_id, name, execution_type, status, agent_id, type,"
    "  endpoint_url, protocol, authentication_type, auth_configured, oauth_authorization_url,"
    "  description, created_at, updated_at, oauth_audience, revision,"
    "  status = 'PENDING' AND auth_configured = 1 FROM sources_1;"
    "INSERT INTO credentials (seq, sealed)"
    " SELECT seq, sealed FROM sources_1 WHERE sealed IS NOT NULL;"
    "DROP TABLE sources_1;"
    "CREATE INDEX sources_order ON sources (storefront);" /* and seq, as every index */
    "CREATE INDEX sources_due ON sources (next_check_at) WHERE next_check_at > 0;"
    "CREATE TABLE events ("
    "  seq INTEGER PRIMARY KEY," /* the order in which they were kept */
    "  id TEXT NOT NULL UNIQUE,"
    "  type TEXT NOT NULL,"
    "  storefront TEXT NOT NULL,"
    "  time INTEGER NOT NULL,"
    "  payload TEXT NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  next_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX events_due ON events (next_at);",
    /* Consents. What was sealed for those that are awaited was their private state, which is in
     * the record now: none can come to an end any more, and must be asked for again. */
    "ALTER TABLE sources ADD COLUMN oauth_state TEXT;"
    "ALTER TABLE sources ADD COLUMN oauth_expires_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sources ADD COLUMN oauth_private_state TEXT;"
    "ALTER TABLE sources ADD COLUMN oauth_refresh_at INTEGER NOT NULL DEFAULT 0;"
    "CREATE UNIQUE INDEX sources_consents ON sources (oauth_state)"
    "  WHERE oauth_state IS NOT NULL;"
    "DELETE FROM credentials WHERE seq IN (SELECT seq FROM sources WHERE auth_configured = 0);"
    "UPDATE sources SET oauth_authorization_url = NULL;"
    "CREATE TABLE oauth_clients ("
    "  seq INTEGER PRIMARY KEY,"
    "  issuer TEXT NOT NULL,"
    "  redirect_uri TEXT NOT NULL,"
    "  padding BLOB NOT NULL DEFAULT (zeroblob(4096))," /* as in credentials then */
    "  sealed BLOB NOT NULL CHECK (length(sealed) > 0),"
    "  UNIQUE (issuer, redirect_uri)"
    ") STRICT;",
    /* Credentials leave the disk by their keys, and need no padding. A seq that some source may
     * get has its key, or is behind all that have. */
    "ALTER TABLE credentials RENAME TO credentials_3;"
    "CREATE TABLE credentials ("
    "  seq INTEGER PRIMARY KEY REFERENCES sources (seq) ON DELETE CASCADE,"
    "  sealed BLOB NOT NULL CHECK (length(sealed) > 16)" /* encrypted, with a tag */
    ") STRICT;"
    "CREATE TABLE row_keys ("
    "  seq INTEGER PRIMARY KEY,"
    "  key BLOB NOT NULL CHECK (length(key) = 32)" /* zeros where nothing is sealed */
    ") STRICT;"
    "INSERT INTO row_keys (seq, key)"
    " WITH RECURSIVE seqs (seq) AS"
    "  (SELECT 1 UNION ALL SELECT seq + 1 FROM seqs WHERE seq < (SELECT max(seq) FROM sources))"
    " SELECT seq, zeroblob(32) FROM seqs WHERE EXISTS (SELECT 1 FROM sources);",
    /* What is sealed is in the row of its source again: with its key elsewhere, it may move. */
    "ALTER TABLE sources ADD COLUMN"
    "  sealed BLOB CHECK (length(sealed) > 16);" /* encrypted, with a tag */
    "CREATE TABLE IF NOT EXISTS credentials_3 (seq INTEGER PRIMARY KEY, sealed BLOB);",
};

#define SCHEMA_VERSION ((int)(sizeof migrations / sizeof *migrations))

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

/* ---- What SQL alone cannot do of a migration ---------------------------------------- */

/* Rows at a time: SQLite keeps in memory what a statement changes, until it ends. */
#define PIECE 1000

static int run_on_piece(sqlite3 *handle, const char *sql, sqlite3_int64 from) {
  sqlite3_stmt *statement = NULL;
  int status = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);

  if (status == SQLITE_OK) status = sqlite3_bind_int64(statement, 1, from);
  if (status == SQLITE_OK) status = sqlite3_bind_int64(statement, 2, from + PIECE);
  if (status == SQLITE_OK) status = sqlite3_step(statement);
  sqlite3_finalize(statement);
  return status == SQLITE_DONE ? SQLITE_OK : status;
}

/* Runs what is of the seqs from ?1 up to ?2 for all that sources have, or had. */
static int run_in_pieces(sqlite3 *handle, const char *const *statements, size_t count) {
  int last = 0;
  int status = read_number(handle, "SELECT max(seq) FROM row_keys", &last);

  for (int from = 1; status == SQLITE_OK && from <= last; from += PIECE)
    for (size_t i = 0; i < count && status == SQLITE_OK; i++)
      status = run_on_piece(handle, statements[i], from);
  return status;
}

/* Moves what version 4 had sealed. What was damaged there fails here too, and alone; a key with
 * nothing that it opens is none. */
static int move_sealed(invsrc_sqlite *db) {
  static const char *const moves[] = {
      "UPDATE sources SET sealed = (SELECT iif(length(old.sealed) > 16, old.sealed, zeroblob(17))"
      "   FROM credentials AS old WHERE old.seq = sources.seq)"
      " WHERE seq >= ?1 AND seq < ?2",
      "DELETE FROM credentials WHERE seq >= ?1 AND seq < ?2",
      "UPDATE row_keys SET key = zeroblob(32)"
      " WHERE seq >= ?1 AND seq < ?2 AND key <> zeroblob(32) AND NOT EXISTS"
      "  (SELECT 1 FROM sources WHERE sources.seq = row_keys.seq AND sealed IS NOT NULL)",
  };
  int status = run_in_pieces(db->writer->handle, moves, sizeof moves / sizeof *moves);

  return status == SQLITE_OK ? ivs_connection_run(db->writer, "DROP TABLE credentials") : status;
}

/* Encrypts what was sealed up to version 3, when nothing of it was; see sqlite_shred.c. */
static int give_keys(invsrc_sqlite *db) {
  static const char *const remove = "DELETE FROM credentials_3 WHERE seq >= ?1 AND seq < ?2";
  ivs_step step = {.db = db, .connection = db->writer};
  sqlite3_stmt *old = NULL;
  int status = sqlite3_prepare_v2(db->writer->handle,
                                  "SELECT seq, credentials_3.sealed"
                                  " FROM credentials_3 CROSS JOIN sources USING (seq)",
                                  -1, &old, NULL);
  const void *sealed;

  while (status == SQLITE_OK && (status = sqlite3_step(old)) == SQLITE_ROW) {
    sealed = sqlite3_column_blob(old, 1);
    status = sealed ? ivs_sqlite_put_sealed(&step, sqlite3_column_int64(old, 0), sealed,
                                            (uint64_t)sqlite3_column_bytes(old, 1))
                    : SQLITE_NOMEM;
  }
  sqlite3_finalize(old);
  if (status == SQLITE_DONE) status = run_in_pieces(db->writer->handle, &remove, 1);
  return status == SQLITE_OK ? ivs_connection_run(db->writer, "DROP TABLE credentials_3") : status;
}

static int seal_in_rows(invsrc_sqlite *db) {
  int status = move_sealed(db);

  return status == SQLITE_OK ? give_keys(db) : status;
}

/* By the version that they begin with, behind what SQL does. */
static int (*const finishes[SCHEMA_VERSION])(invsrc_sqlite *db) = {[4] = seal_in_rows};

/* ---- Schema ------------------------------------------------------------------------ */

/* Whether the file is ours or empty, and of which version: 0 when empty. Only
 * reads, within a transaction of the caller: a file that another process is just
 * giving its schema is either empty or whole. */
static int32_t check_schema(ivs_connection *connection, int *version, invsrc_error *error) {
  int application_id = 0, tables = 0;
  int status = read_number(connection->handle, "PRAGMA application_id", &application_id);

  if (status == SQLITE_OK) status = read_number(connection->handle, "PRAGMA user_version", version);
  if (status == SQLITE_OK)
    status = read_number(connection->handle, "SELECT count(*) FROM sqlite_schema", &tables);
  if (status != SQLITE_OK) return ivs_sqlite_report(status, error);
  if (application_id != APPLICATION_ID && (application_id || *version || tables))
    return ivs_error_fail(error, INVSRC_EREFUSED, "the file is another program's database");
  if (*version < 0 || *version > SCHEMA_VERSION)
    return ivs_error_fail(error, INVSRC_EREFUSED,
                          "the file was written by a newer version of libinvsrc");
  return INVSRC_OK;
}

/* Begins a transaction, and looks at the schema in it. */
static int32_t begin(ivs_connection *connection, const char *sql, int *version,
                     invsrc_error *error) {
  int32_t result = ivs_sqlite_report(ivs_connection_run(connection, sql), error);

  return result == INVSRC_OK ? check_schema(connection, version, error) : result;
}

static void roll_back(ivs_connection *connection) {
  if (!sqlite3_get_autocommit(connection->handle)) ivs_connection_run(connection, "ROLLBACK");
}

/* From one version to the next. SQLITE_OK or why not. */
static int migrate_from(invsrc_sqlite *db, int version) {
  int status = ivs_connection_run(db->writer, migrations[version]);

  return status == SQLITE_OK && finishes[version] ? finishes[version](db) : status;
}

/* Brings the schema up to date, all or nothing. */
static int32_t migrate(invsrc_sqlite *db, invsrc_error *error) {
  ivs_connection *connection = db->writer;
  char mark[96];
  int version = 0;
  int32_t result = begin(connection, "BEGIN IMMEDIATE", &version, error);

  for (; result == INVSRC_OK && version < SCHEMA_VERSION; version++)
    result = ivs_sqlite_report(migrate_from(db, version), error);
  snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
           APPLICATION_ID, SCHEMA_VERSION);
  if (result == INVSRC_OK) result = ivs_sqlite_report(ivs_connection_run(connection, mark), error);
  roll_back(connection);
  return result;
}

/* SQLITE_OK with whether the file is in WAL mode now: where it cannot be, SQLite keeps the
 * mode that it has, and says so without an error. */
static int ask_for_wal(ivs_connection *connection, int *is_wal) {
  sqlite3_stmt *statement = NULL;
  int status =
      sqlite3_prepare_v2(connection->handle, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
  const unsigned char *mode;

  if (status == SQLITE_OK) status = sqlite3_step(statement);
  if (status == SQLITE_ROW) {
    mode = sqlite3_column_text(statement, 0);
    *is_wal = mode && strcmp((const char *)mode, "wal") == 0;
    status = mode ? SQLITE_OK : SQLITE_NOMEM;
  }
  sqlite3_finalize(statement);
  return status;
}

/* Changing the mode waits for some locks of other processes, and not for others. The size
 * of a page, which the padding of rows knows, is that of a new file. */
static int32_t set_wal(ivs_connection *connection, invsrc_error *error) {
  static const struct timespec pause = {0, RETRY_MILLISECONDS * 1000000L};
  struct timespec begun, time;
  int status, is_wal = 0;

  clock_gettime(CLOCK_MONOTONIC, &begun);
  for (;;) {
    status = ivs_connection_run(connection, "PRAGMA page_size = 4096");
    if (status == SQLITE_OK) status = ask_for_wal(connection, &is_wal);
    clock_gettime(CLOCK_MONOTONIC, &time);
    if ((status & 0xff) != SQLITE_BUSY ||
        time.tv_sec - begun.tv_sec >= IVS_SQLITE_BUSY_MILLISECONDS / 1000)
      break;
    nanosleep(&pause, NULL);
  }
  if (status != SQLITE_OK) return ivs_sqlite_report(status, error);
  if (is_wal) return INVSRC_OK;
  return ivs_error_fail(error, INVSRC_EIO, "the database cannot be set to WAL mode where it is");
}

/* ---- Opening ------------------------------------------------------------------------- */

#define LONGEST_FOLDER 65536

/* The current folder, to be freed; or NULL, with the errno of why. */
static char *current_folder(void) {
  char *folder = NULL;

  for (size_t size = 256; size <= LONGEST_FOLDER; size *= 2) {
    char *larger = realloc(folder, size);
    if (!larger) break;
    folder = larger;
    if (getcwd(folder, size)) return folder;
    if (errno != ERANGE) break;
  }
  free(folder);
  return NULL;
}

/* The path from the root on: connections are opened later too, when the process may be in
 * another folder. And SQLite knows names that are no files (":memory:"): none begins so. */
static int32_t whole_path(const char *path, char **whole, invsrc_error *error) {
  char *folder = *path == '/' ? calloc(1, 1) : current_folder();
  size_t size = folder ? strlen(folder) + strlen(path) + sizeof "/" : 0;

  if (!folder && errno != ENOMEM)
    return ivs_error_fail(error, INVSRC_EIO, "the current folder cannot be told");
  *whole = folder ? malloc(size) : NULL;
  if (*whole) snprintf(*whole, size, "%s%s%s", folder, *path == '/' ? "" : "/", path);
  free(folder);
  return *whole ? INVSRC_OK : ivs_error_fail(error, INVSRC_ENOMEM, "memory ran out");
}

/* A file that is not there is made for its owner only, before SQLite makes it for
 * more; its companions take its mode. */
static int32_t make_file(const char *path, invsrc_error *error) {
  int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (file >= 0) close(file);
  if (file >= 0 || errno == EEXIST) return INVSRC_OK;
  return ivs_error_fail(error, INVSRC_EIO,
                        errno == ENOENT || errno == ENOTDIR ? "the folder does not exist"
                        : errno == EACCES || errno == EROFS ? "the folder cannot be written"
                                                            : "the file cannot be made");
}

/* Nothing is written before it is known that the file is ours. */
static int32_t open_file(invsrc_sqlite *db, invsrc_error *error) {
  int32_t result = make_file(db->path, error);
  int version = 0;

  if (result == INVSRC_OK) result = ivs_sqlite_report(ivs_sqlite_open_writer(db), error);
  if (result != INVSRC_OK) return result;
  result = begin(db->writer, "BEGIN", &version, error);
  roll_back(db->writer);
  if (result == INVSRC_OK && sqlite3_db_readonly(db->writer->handle, "main"))
    result = ivs_sqlite_report(SQLITE_READONLY, error);
  if (result == INVSRC_OK) result = set_wal(db->writer, error);
  if (result == INVSRC_OK && version < SCHEMA_VERSION) {
    result = migrate(db, error);
    if (result == INVSRC_OK && version) ivs_sqlite_forget(db); /* what was elsewhere before */
  }
  return result;
}

int32_t invsrc_sqlite_open(const char *path, invsrc_sqlite **db, invsrc_error *error) {
  invsrc_sqlite *made;
  int32_t result;

  if (db) *db = NULL;
  if (!path || !*path || !db)
    return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  made = calloc(1, sizeof *made);
  if (!made) return ivs_sqlite_report(SQLITE_NOMEM, error);
  made->remains = 1; /* a process that crashed may have left something */
  pthread_mutex_init(&made->queue_lock, NULL);
  pthread_mutex_init(&made->idle_lock, NULL);
  made->end = &made->first;
  made->keys = ivs_sqlite_new_keys();
  result =
      made->keys ? whole_path(path, &made->path, error) : ivs_sqlite_report(SQLITE_NOMEM, error);
  if (result == INVSRC_OK) result = open_file(made, error);
  if (result == INVSRC_OK)
    *db = made;
  else
    invsrc_sqlite_free(made);
  return result;
}

void invsrc_sqlite_free(invsrc_sqlite *db) {
  if (!db) return;
  ivs_connection_free(db->writer);
  while (db->idle) {
    ivs_connection *next = db->idle->next;
    ivs_connection_free(db->idle);
    db->idle = next;
  }
  pthread_mutex_destroy(&db->idle_lock);
  pthread_mutex_destroy(&db->queue_lock);
  ivs_pool_free(db->keys);
  free(db->path);
  free(db);
}
