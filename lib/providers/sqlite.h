/*
 * The SQLite database as its parts share it: a pool of connections, each with its
 * prepared statements, and the query, one use of one statement. Knows nothing of
 * what is asked.
 *
 * A database is not to be used across fork(): SQLite's locks belong to the
 * process. The child opens anew.
 */
#ifndef IVS_PROVIDERS_SQLITE_H
#define IVS_PROVIDERS_SQLITE_H

#include <invsrc/providers.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sqlite3.h>

#include "core/buffer.h"
#include "core/known_keys.h"
#include "core/pool.h"

#define IVS_SQLITE_BUSY_MILLISECONDS 5000
#define IVS_ROW_KEY_SIZE 32 /* see sqlite_shred.c */

/* The statements, each prepared once in a connection, when it is first used. */
typedef enum ivs_sql {
  IVS_SQL_BEGIN_READING,
  IVS_SQL_BEGIN_WRITING,
  IVS_SQL_COMMIT,
  IVS_SQL_ROLLBACK,
  IVS_SQL_SOURCE_INSERT,
  IVS_SQL_SOURCE_GET,
  IVS_SQL_SOURCE_OF_AGENT,
  IVS_SQL_SOURCE_OF_STATE,
  IVS_SQL_SOURCE_FIND,
  IVS_SQL_SOURCE_UPDATE_RECORD,
  IVS_SQL_SOURCE_UPDATE_CHECK,
  IVS_SQL_SOURCE_REMOVE,
  IVS_SQL_SOURCES_PAGE,
  IVS_SQL_SOURCES_COUNT,
  IVS_SQL_SOURCES_DUE,
  IVS_SQL_SOURCES_CLAIM,
  IVS_SQL_EVENT_ADD,
  IVS_SQL_EVENT_NEXT,
  IVS_SQL_EVENT_CLAIM,
  IVS_SQL_EVENT_POSTPONE,
  IVS_SQL_EVENT_FORGET,
  IVS_SQL_SEALED_GET,
  IVS_SQL_SEALED_PUT,
  IVS_SQL_SEALED_NEXT,
  IVS_SQL_SEALED_IS,
  IVS_SQL_KEY_PUT,
  IVS_SQL_CLIENT_GET,
  IVS_SQL_CLIENT_ADD,
  IVS_SQL_CLIENT_DROP,
  IVS_SQL_CLIENT_NEXT,
  IVS_SQL_CLIENT_REPLACE,
  IVS_SQL_APIKEY_ADD,
  IVS_SQL_APIKEY_FIND,
  IVS_SQL_APIKEY_LIST,
  IVS_SQL_APIKEY_REVOKE,
  IVS_SQL_END
} ivs_sql;

/* Belongs to one thread at a time. */
typedef struct ivs_connection {
  struct ivs_connection *next;
  sqlite3 *handle;
  EVP_CIPHER_CTX *cipher; /* NULL until there is something to encrypt or decrypt */
  sqlite3_stmt *statements[IVS_SQL_END];
} ivs_connection;

struct invsrc_sqlite {
  char *path;                 /* from the root, so that it stays the same file */
  ivs_pool *keys;             /* for what is sealed; any thread */
  ivs_known_keys known;       /* of callers; any thread */
  ivs_connection *writer;     /* the leader's; what it has read stays good, as it alone writes */
  int remains;                /* the leader's too: bytes that are gone may still be in the log */
  int log_pages;              /* the leader's: how long the log is, */
  int log_most;               /* and from where on it is to be emptied */
  pthread_mutex_t queue_lock; /* guards these: */
  int is_led;                 /* some thread is the leader: it writes */
  struct ivs_write *first;    /* the writes that wait for one, in their order */
  struct ivs_write **end;     /* where the next is put */
  pthread_mutex_t idle_lock;  /* guards these: */
  ivs_connection *idle;       /* connections that read */
  int idle_count;
};

/* ---- Queries --------------------------------------------------------------- */

/* A failure sticks: what follows it does nothing, so that a caller asks once. */
typedef struct ivs_query {
  invsrc_sqlite *db;
  ivs_connection *connection; /* NULL where none could be had */
  sqlite3_stmt *statement;
  int joined;  /* to a step, whose connection it uses */
  int status;  /* SQLITE_OK, SQLITE_ROW, SQLITE_DONE, or an extended result code */
  int changes; /* rows that a finished write has changed */
} ivs_query;

/* Borrows a connection for a statement that reads. Whatever it says, the query must end. */
void ivs_query_begin(ivs_query *query, invsrc_sqlite *db, ivs_sql which);
/* Bind a parameter, from 1, to what must last until the end; NULL bytes are NULL. */
void ivs_query_bind_text(ivs_query *query, int parameter, const char *text, uint64_t length);
void ivs_query_bind_blob(ivs_query *query, int parameter, const void *bytes, uint64_t length);
void ivs_query_bind_number(ivs_query *query, int parameter, int64_t number);
/* Goes to the next row: the status. */
int ivs_query_step(ivs_query *query);
/* A column of the row, from 0, until the next step; NULL where it is NULL, or
 * memory ran out and the query has failed. Text is NUL-terminated as well. */
const char *ivs_query_text(ivs_query *query, int column, uint64_t *length);
const void *ivs_query_blob(ivs_query *query, int column, uint64_t *length);
int64_t ivs_query_number(ivs_query *query, int column);
/* Gives the connection back; the status stays. */
void ivs_query_end(ivs_query *query);

/* ---- Steps ----------------------------------------------------------------- */

/* Several queries that count as one, or not at all: a transaction. */
typedef struct ivs_step {
  invsrc_sqlite *db;
  ivs_connection *connection;
  int forgets; /* set by who lets sealed bytes go: they shall leave the disk too */
  int status;  /* how the beginning went */
} ivs_step;

/* Begins one that reads: its queries see the same. Whatever comes of it, it must end. */
void ivs_step_begin(ivs_step *step, invsrc_sqlite *db);
/* As ivs_query_begin(), within the step; it fails as the beginning did. One at a time. */
void ivs_query_join(ivs_query *query, ivs_step *step, ivs_sql which);
void ivs_step_end(ivs_step *step);

/* ---- Writing ----------------------------------------------------------------- */

/* What a write does in a step: an outcome, and only where that is INVSRC_OUTCOME_OK does it
 * count. It is called again where the step comes to nothing for another's fault, on any
 * thread that writes, and then gives out anew what it gives out. */
typedef int32_t ivs_write_run(ivs_step *step, void *context);

typedef enum ivs_write_state {
  IVS_WRITE_WAITING,
  IVS_WRITE_LEADING,
  IVS_WRITE_ENDED
} ivs_write_state;

/* A write that is under way, on the stack of its thread. */
typedef struct ivs_write {
  struct ivs_write *next; /* behind it in the queue, then in the group */
  int is_queued;          /* guarded, as its place is, by the lock of the queue */
  ivs_write_run *run;
  void *context;
  int is_alone; /* it shares its step with nobody */
  int32_t outcome;
  int status;
  pthread_mutex_t lock;  /* its own, so that nobody who is woken waits for others to be */
  pthread_cond_t told;   /* when the state changes; by the monotonic clock */
  ivs_write_state state; /* guarded by its own lock */
} ivs_write;

/* With what becomes of one whose turn does not come. */
#define IVS_WRITE(what, of) \
  { .run = (what), .context = (of), .status = SQLITE_BUSY, .outcome = INVSRC_OUTCOME_UNAVAILABLE }

/* Runs a write in a step that writes, which waits for its turn among the threads and
 * processes. Threads that write at the same time share one step, and one flush of the disk;
 * what one of them does is not undone by another's failure. Returns the outcome when it is
 * on disk, or why it could not be made to count; `status`, unless NULL, is SQLITE_OK but
 * where the step failed. */
int32_t ivs_sqlite_write(invsrc_sqlite *db, ivs_write_run *what, void *context, int *status);
/* The same for several of one thread, which are to be filled in with IVS_WRITE(). Waits for all,
 * and leaves the outcome in each. */
void ivs_sqlite_write_all(invsrc_sqlite *db, ivs_write *writes, size_t count);
/* The same for one that cannot give out anew what it gives out, and so runs once. */
int32_t ivs_sqlite_write_alone(invsrc_sqlite *db, ivs_write_run *what, void *context);
/* Makes the connection that writes. SQLITE_OK or why not. */
int ivs_sqlite_open_writer(invsrc_sqlite *db);
/* A write that changes nothing, and sees to it that what others let go leaves the disk. */
void ivs_sqlite_forget(invsrc_sqlite *db);

/* ---- What was sealed --------------------------------------------------------- */

/* Where the keys come from; NULL when memory ran out. */
ivs_pool *ivs_sqlite_new_keys(void);
/* As it is stored: encrypted under a key of its own. */
typedef struct ivs_shreddable {
  uint8_t key[IVS_ROW_KEY_SIZE]; /* zeros where nothing is sealed */
  uint8_t *bytes;                /* NULL then */
  size_t length;
} ivs_shreddable;

/* Encrypts; NULL and 0: nothing. It must end, whatever comes of it. SQLITE_OK or why not. */
int ivs_shreddable_make(ivs_shreddable *made, ivs_step *step, const void *sealed, uint64_t length);
void ivs_shreddable_end(ivs_shreddable *it);
/* Keeps the key for a row. Every source needs it when it is inserted, and with nothing before it
 * is deleted. SQLITE_OK or why not. */
int ivs_sqlite_keep_key(ivs_step *step, int64_t seq, const ivs_shreddable *it);
/* Puts it in the place of what a row has sealed, be it anything. SQLITE_OK or why not. */
int ivs_sqlite_put_sealed(ivs_step *step, int64_t seq, const void *sealed, uint64_t length);
/* Opens what the column of the row has, from 0, by the key in the next; `opened` is cleared where
 * there is nothing, or it fails. INVSRC_OK, also where memory ran out and the query has failed;
 * INVSRC_EMALFORMED (damaged); INVSRC_ENOMEM. */
int32_t ivs_query_open(ivs_query *query, int column, ivs_buffer *opened);

/* ---- Events, within a step ---------------------------------------------------- */

/* Keeps it; NULL is none. An outcome of the store. */
int32_t ivs_sqlite_keep_event(ivs_step *step, const invsrc_event *event);
/* Two functions of the store's table; see provider.h. */
int32_t ivs_sqlite_event_next(void *context, int64_t now, int64_t lease_end, invsrc_event *event);
int32_t ivs_sqlite_event_end(void *context, const char *id, uint64_t id_length, int64_t next_at);

/* ---- Connections and statuses, for opening and its like -------------------- */

int ivs_connection_new(const char *path, ivs_connection **connection);
void ivs_connection_free(ivs_connection *connection);
/* Runs statements that give nothing back. */
int ivs_connection_run(ivs_connection *connection, const char *sql);
/* Runs one that has no parameters and is kept prepared: SQLITE_OK or why not. */
int ivs_connection_run_kept(ivs_connection *connection, ivs_sql which);
/* Prepares it, so that running it later needs no memory. */
int ivs_connection_prepare(ivs_connection *connection, ivs_sql which);

/* What a status is to a caller of the store, and of the other functions, with the
 * error filled in. Rows and the end of them are no failures. */
int32_t ivs_sqlite_outcome(int status);
int32_t ivs_sqlite_report(int status, invsrc_error *error);

#endif
