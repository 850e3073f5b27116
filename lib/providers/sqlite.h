/*
 * The SQLite database as its parts share it: connections with their prepared
 * statements, lent to one thread at a time. Knows nothing of what is asked.
 *
 * Do not use one across fork(): SQLite's locks belong to the process. Open anew.
 */
#ifndef IVS_PROVIDERS_SQLITE_H
#define IVS_PROVIDERS_SQLITE_H

#include <invsrc/providers.h>
#include <sqlite3.h>

/* The statements, each prepared once in a connection, when it is first used. */
typedef enum ivs_sql {
  IVS_SQL_SOURCE_INSERT,
  IVS_SQL_SOURCE_GET,
  IVS_SQL_SOURCE_TAKEN,
  IVS_SQL_SEALED_PAGE,
  IVS_SQL_SEALED_REPLACE,
  IVS_SQL_APIKEY_ADD,
  IVS_SQL_APIKEY_FIND,
  IVS_SQL_APIKEY_LIST,
  IVS_SQL_APIKEY_REVOKE,
  IVS_SQL_END
} ivs_sql;

typedef struct ivs_connection {
  struct ivs_connection *next;
  sqlite3 *handle;
  sqlite3_stmt *statements[IVS_SQL_END];
} ivs_connection;

/* Lends a connection: for writing, to one thread of the process at a time, so that
 * threads queue up here rather than in SQLite's busy handler. SQLITE_OK or why
 * not. */
int ivs_sqlite_borrow(invsrc_sqlite *db, int writing, ivs_connection **connection);
/* Gives it back, with its statements reset and no transaction open. Takes NULL. */
void ivs_sqlite_return(invsrc_sqlite *db, int writing, ivs_connection *connection);

/* The statement, reset and without parameters; NULL where it cannot be prepared. */
sqlite3_stmt *ivs_sqlite_statement(ivs_connection *connection, ivs_sql which);

/* What a status of SQLite is to a caller of the store, and of the other functions. */
int32_t ivs_sqlite_outcome(int status);
int32_t ivs_sqlite_result(int status);
/* The same, with the error filled in. */
int32_t ivs_sqlite_report(int status, invsrc_error *error);

#endif
