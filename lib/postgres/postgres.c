/*
 * The PostgreSQL database: opening, its settings, and the versions of its schema. See
 * postgres.h.
 */
#include "postgres/postgres.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

#define DEFAULT_POOL 8
#define MOST_POOL 1000
#define DEFAULT_STATEMENT_TIMEOUT 5000
#define DEFAULT_PATIENCE 10000
#define LEAST_STATEMENT_TIMEOUT 100
#define MOST_STATEMENT_TIMEOUT 600000

/* Many processes may begin with a database at once, and each may wait for another's turn. */
#define MIGRATION_MILLISECONDS 60000
#define MIGRATION_TRIES 20
#define MIGRATION_PAUSE 100

/* What brings a database from one version of the schema to the next; its place is the version
 * that it starts from. Never changed once released. Each can be run again where it was
 * interrupted: CockroachDB and YugabyteDB do not take all of it back.
 *
 * Text is compared by its bytes for equality, and sorted by `seq` and times only. */
static const char *const migrations[] = {
    "CREATE TABLE IF NOT EXISTS invsrc_sources ("
    "  id TEXT NOT NULL,"
    "  seq BIGSERIAL NOT NULL," /* oldest first */
    "  storefront TEXT NOT NULL,"
    "  source_id TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  execution_type TEXT NOT NULL,"
    "  status TEXT NOT NULL CHECK (status IN ('PENDING', 'ACTIVE', 'DISABLED')),"
    "  agent_id TEXT NOT NULL,"
    "  type TEXT NOT NULL,"
    "  endpoint_url TEXT NOT NULL,"
    "  protocol TEXT NOT NULL,"
    "  authentication_type TEXT NOT NULL,"
    "  auth_configured BIGINT NOT NULL CHECK (auth_configured IN (0, 1)),"
    "  oauth_authorization_url TEXT,"
    "  description TEXT,"
    "  created_at BIGINT NOT NULL,"
    "  updated_at BIGINT NOT NULL,"
    "  oauth_audience TEXT,"
    "  revision BIGINT NOT NULL,"
    "  attempts BIGINT NOT NULL,"
    "  last_checked_at BIGINT NOT NULL,"
    "  last_error TEXT,"
    "  next_check_at BIGINT NOT NULL,"
    "  credential_proven BIGINT NOT NULL CHECK (credential_proven IN (0, 1)),"
    "  unreachable BIGINT NOT NULL CHECK (unreachable IN (0, 1)),"
    "  oauth_state TEXT,"
    "  oauth_expires_at BIGINT NOT NULL,"
    "  oauth_private_state TEXT,"
    "  oauth_refresh_at BIGINT NOT NULL,"
    "  sealed BYTEA CHECK (length(sealed) > 0)," /* NULL where there is none */
    "  CONSTRAINT invsrc_sources_id PRIMARY KEY (id),"
    "  CONSTRAINT invsrc_sources_agent UNIQUE (agent_id),"
    "  CONSTRAINT invsrc_sources_name UNIQUE (storefront, source_id),"
    "  CHECK (auth_configured = 0 OR sealed IS NOT NULL)"
    ");"
    "CREATE INDEX IF NOT EXISTS invsrc_sources_order ON invsrc_sources (storefront, seq);"
    "CREATE INDEX IF NOT EXISTS invsrc_sources_due ON invsrc_sources (next_check_at, seq)"
    "  WHERE next_check_at > 0;"
    "CREATE UNIQUE INDEX IF NOT EXISTS invsrc_sources_consent ON invsrc_sources (oauth_state)"
    "  WHERE oauth_state IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS invsrc_events ("
    "  id TEXT NOT NULL,"
    "  seq BIGSERIAL NOT NULL," /* the order in which they were kept */
    "  type TEXT NOT NULL,"
    "  storefront TEXT NOT NULL,"
    "  time BIGINT NOT NULL,"
    "  payload TEXT NOT NULL,"
    "  attempts BIGINT NOT NULL,"
    "  next_at BIGINT NOT NULL,"
    "  CONSTRAINT invsrc_events_id PRIMARY KEY (id)"
    ");"
    "CREATE INDEX IF NOT EXISTS invsrc_events_due ON invsrc_events (next_at, seq);"
    "CREATE TABLE IF NOT EXISTS invsrc_api_keys ("
    "  client_id TEXT NOT NULL,"
    "  seq BIGSERIAL NOT NULL,"
    "  digest BYTEA NOT NULL CHECK (length(digest) = 32)," /* SHA-256 of the key */
    "  storefront TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  created_at BIGINT NOT NULL,"
    "  revoked_at BIGINT," /* NULL while active */
    "  CONSTRAINT invsrc_api_keys_id PRIMARY KEY (client_id)"
    ");"
    "CREATE TABLE IF NOT EXISTS invsrc_oauth_clients ("
    "  name BYTEA NOT NULL," /* the digests of both, as an index takes no long texts */
    "  issuer TEXT NOT NULL,"
    "  redirect_uri TEXT NOT NULL,"
    "  sealed BYTEA NOT NULL CHECK (length(sealed) > 0),"
    "  CONSTRAINT invsrc_oauth_clients_name PRIMARY KEY (name)"
    ")",
};

#define SCHEMA_VERSION ((int64_t)(sizeof migrations / sizeof *migrations))

/* ---- Schema ------------------------------------------------------------------------ */

static ivs_pg_status run(ivs_pg_connection *connection, const char *sql) {
  return ivs_pg_connection_run(connection, sql, MIGRATION_MILLISECONDS, NULL);
}

/* The lock is for PostgreSQL, where two who make the same table at once get in each other's way.
 * CockroachDB before 26.2 has no such function, or one that does nothing, and YugabyteDB before
 * 2025.1 says that it has not got the feature: there the row of the version is all that is
 * locked, and who gets in the way of another tries again. */
static ivs_pg_status begin(ivs_pg_connection *connection) {
  static const char patiently[] = "BEGIN; SET LOCAL statement_timeout = 60000";
  ivs_pg_status status = run(connection, patiently);

  if (status == IVS_PG_OK)
    status = run(connection, "SELECT pg_advisory_xact_lock(7597417867386679923)"); /* "invsrc_s" */
  if (status != IVS_PG_UNKNOWN_SQL) return status;
  status = run(connection, "ROLLBACK");
  return status == IVS_PG_OK ? run(connection, patiently) : status;
}

/* Within a transaction: the version that is there, 0 when there is none. */
static ivs_pg_status lock_version(ivs_pg_connection *connection, int64_t *version) {
  ivs_pg_status status =
      run(connection,
          "CREATE TABLE IF NOT EXISTS invsrc_schema"
          " (one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1), version BIGINT NOT NULL)");

  if (status == IVS_PG_OK)
    status = run(connection,
                 "INSERT INTO invsrc_schema (one, version) VALUES (1, 0)"
                 " ON CONFLICT (one) DO NOTHING");
  if (status == IVS_PG_OK)
    status = ivs_pg_connection_run(connection,
                                   "SELECT version FROM invsrc_schema WHERE one = 1 FOR UPDATE",
                                   MIGRATION_MILLISECONDS, version);
  return status;
}

static ivs_pg_status change_schema(ivs_pg_connection *connection) {
  ivs_pg_status status = begin(connection);
  int64_t version = 0;
  char mark[96];

  if (status == IVS_PG_OK) status = lock_version(connection, &version);
  if (version < 0) version = SCHEMA_VERSION; /* not ours to touch */
  for (; status == IVS_PG_OK && version < SCHEMA_VERSION; version++) {
    status = run(connection, migrations[version]);
    snprintf(mark, sizeof mark, "UPDATE invsrc_schema SET version = %ld WHERE one = 1",
             (long)version + 1);
    if (status == IVS_PG_OK) status = run(connection, mark);
  }
  if (status == IVS_PG_OK) return run(connection, "COMMIT");
  if (PQtransactionStatus(connection->handle) != PQTRANS_IDLE) run(connection, "ROLLBACK");
  return status;
}

/* Only reads, so that who may not make tables can use those that are there. */
static ivs_pg_status read_version(ivs_pg_connection *connection, int64_t *version) {
  ivs_pg_status status =
      ivs_pg_connection_run(connection, "SELECT version FROM invsrc_schema WHERE one = 1",
                            MIGRATION_MILLISECONDS, version);

  if (status != IVS_PG_NO_TABLE) return status;
  *version = 0;
  return IVS_PG_OK;
}

int32_t ivs_pg_migrate(ivs_pg_connection *connection, invsrc_error *error) {
  ivs_pg_status status = IVS_PG_CLASH;
  int64_t version = 0;

  for (int i = 0; i < MIGRATION_TRIES; i++) {
    if (i) ivs_pg_pause(MIGRATION_PAUSE);
    version = 0;
    status = read_version(connection, &version);
    if (status == IVS_PG_OK && version >= 0 && version < SCHEMA_VERSION)
      status = change_schema(connection);
    else if (status == IVS_PG_OK)
      break;
    if (status != IVS_PG_OK && status != IVS_PG_CLASH && status != IVS_PG_TAKEN) break;
  }
  if (status != IVS_PG_OK) return ivs_pg_report(status, error);
  if (version == SCHEMA_VERSION) return INVSRC_OK;
  return ivs_error_fail(error, INVSRC_EREFUSED,
                        "the tables were made by a newer version of libinvsrc");
}

/* ---- Opening ------------------------------------------------------------------------- */

static int32_t check_conninfo(const char *conninfo, invsrc_error *error) {
  char *message = NULL;
  PQconninfoOption *options = PQconninfoParse(conninfo, &message);
  int32_t result = INVSRC_OK;

  if (!options) {
    result = ivs_error_fail(error, message ? INVSRC_EMALFORMED : INVSRC_ENOMEM,
                            message ? "not a connection string of libpq" : "memory ran out");
  }
  PQfreemem(message);
  for (const PQconninfoOption *at = options; at && at->keyword; at++)
    if (at->val) OPENSSL_cleanse(at->val, strlen(at->val)); /* one is the password */
  PQconninfoFree(options);
  return result;
}

/* Waits are by a clock that nobody sets. None of this can fail: it only fills in the objects. */
static void start_locks(invsrc_postgres *pg) {
  pthread_condattr_t attributes;

  pthread_mutex_init(&pg->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&pg->returned, &attributes);
  pthread_condattr_destroy(&attributes);
}

static int32_t connect_first(invsrc_postgres *pg, invsrc_error *error) {
  ivs_pg_connection *connection = NULL;
  ivs_pg_status status = ivs_pg_pool_borrow(pg, &connection);
  int32_t result;

  if (status == IVS_PG_UNREACHABLE) status = ivs_pg_connection_why_not(pg);
  if (status != IVS_PG_OK) return ivs_pg_report(status, error);
  result = ivs_pg_migrate(connection, error);
  ivs_pg_pool_return(pg, connection);
  return result;
}

int32_t invsrc_postgres_open(const char *conninfo, invsrc_postgres **pg, invsrc_error *error) {
  invsrc_postgres *made;
  int32_t result;

  if (pg) *pg = NULL;
  if (!conninfo || !pg) return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  result = check_conninfo(conninfo, error);
  if (result != INVSRC_OK) return result;
  made = calloc(1, sizeof *made);
  if (!made) return ivs_pg_report(IVS_PG_NO_MEMORY, error);
  start_locks(made);
  made->end = &made->first;
  made->pool_size = DEFAULT_POOL;
  made->statement_timeout = DEFAULT_STATEMENT_TIMEOUT;
  made->patience = DEFAULT_PATIENCE;
  made->conninfo = malloc(strlen(conninfo) + 1);
  if (made->conninfo) {
    memcpy(made->conninfo, conninfo, strlen(conninfo) + 1);
    result = connect_first(made, error);
  } else {
    result = ivs_pg_report(IVS_PG_NO_MEMORY, error);
  }
  if (result == INVSRC_OK)
    *pg = made;
  else
    invsrc_postgres_free(made);
  return result;
}

void invsrc_postgres_free(invsrc_postgres *pg) {
  if (!pg) return;
  ivs_pg_pool_empty(pg);
  pthread_cond_destroy(&pg->returned);
  pthread_mutex_destroy(&pg->lock);
  if (pg->conninfo) OPENSSL_cleanse(pg->conninfo, strlen(pg->conninfo));
  free(pg->conninfo);
  free(pg);
}

int32_t invsrc_postgres_set_pool_size(invsrc_postgres *pg, uint32_t connections) {
  if (!pg || connections < 1 || connections > MOST_POOL) return INVSRC_EINVAL;
  pg->pool_size = connections;
  return INVSRC_OK;
}

int32_t invsrc_postgres_set_statement_timeout(invsrc_postgres *pg, uint32_t milliseconds) {
  if (!pg || milliseconds < LEAST_STATEMENT_TIMEOUT || milliseconds > MOST_STATEMENT_TIMEOUT)
    return INVSRC_EINVAL;
  pg->statement_timeout = milliseconds;
  ivs_pg_pool_empty(pg); /* each is told when it is made */
  return INVSRC_OK;
}
