/*
 * The PostgreSQL database as its parts share it: a bounded pool of connections, the step, which
 * is one transaction over one of them, and the query, one use of one prepared statement in a
 * step. Knows nothing of what is asked.
 *
 * A step that fails says how: whether nothing was done, so that it may be tried again, or
 * whether that is not known.
 */
#ifndef IVS_POSTGRES_POSTGRES_H
#define IVS_POSTGRES_POSTGRES_H

#include <invsrc/postgres.h>
#include <libpq-fe.h>
#include <pthread.h>

#include "core/known_keys.h"

/* The statements, each prepared once in a connection, when it is first used. */
typedef enum ivs_pg_sql {
  IVS_PG_SOURCE_INSERT,
  IVS_PG_SOURCE_INSERT_TOLD,
  IVS_PG_SOURCE_GET,
  IVS_PG_SOURCE_OF_ID,
  IVS_PG_SOURCE_OF_AGENT,
  IVS_PG_SOURCE_OF_STATE,
  IVS_PG_SOURCE_LOCK,
  IVS_PG_SOURCE_UPDATE,
  IVS_PG_SOURCE_REMOVE,
  IVS_PG_SOURCES_PAGE,
  IVS_PG_SOURCES_DUE,
  IVS_PG_EVENT_ADD,
  IVS_PG_EVENT_FIND,
  IVS_PG_EVENT_NEXT,
  IVS_PG_EVENT_POSTPONE,
  IVS_PG_EVENT_FORGET,
  IVS_PG_CLIENT_GET,
  IVS_PG_CLIENT_PUT,
  IVS_PG_CLIENT_DROP,
  IVS_PG_APIKEY_ADD,
  IVS_PG_APIKEY_FIND,
  IVS_PG_APIKEY_LIST,
  IVS_PG_APIKEY_REVOKE,
  IVS_PG_SQL_END
} ivs_pg_sql;

/* How a query, a step, or the beginning of one went. But for OK, LOST and UNHEARD: nothing was
 * done. */
typedef enum ivs_pg_status {
  IVS_PG_OK,
  IVS_PG_CLASH,       /* with others, who went first: it may go well when tried again */
  IVS_PG_GONE,        /* the connection was lost before anything could come of it */
  IVS_PG_LOST,        /* the connection was lost, and it may have come to pass */
  IVS_PG_UNHEARD,     /* memory ran out for the answer: it may have come to pass, too */
  IVS_PG_UNREACHABLE, /* no connection could be made, */
  IVS_PG_STARTING,    /* as the server takes none now, */
  IVS_PG_DENIED,      /* or the server says no: to the user, the database or an access */
  IVS_PG_FOREIGN,     /* or the database is not in UTF8 */
  IVS_PG_CROWDED,     /* all connections stayed in use */
  IVS_PG_LATE,        /* the server took too long, or waited too long for a lock */
  IVS_PG_FULL,        /* the server ran out of something */
  IVS_PG_READ_ONLY,   /* the server takes no writes (any more) */
  IVS_PG_TAKEN,       /* a value that must be unique is there; see `constraint` */
  IVS_PG_NO_TABLE,
  IVS_PG_UNKNOWN_SQL, /* the server has not got a function or a feature */
  IVS_PG_DAMAGED,
  IVS_PG_NO_MEMORY,
  IVS_PG_FAILED
} ivs_pg_status;

/* Belongs to one thread at a time. */
typedef struct ivs_pg_connection {
  struct ivs_pg_connection *next;
  PGconn *handle;
  int64_t used_at; /* by ivs_pg_now() */
  int is_spoilt;   /* not to be used again */
  unsigned char prepared[IVS_PG_SQL_END];
} ivs_pg_connection;

struct invsrc_postgres {
  char *conninfo; /* secret: it may hold a password */
  uint32_t pool_size;
  uint32_t statement_timeout; /* milliseconds, */
  uint32_t patience;          /* and for how long it is found out whether something came to pass */
  ivs_known_keys known;       /* of callers; any thread */
  pthread_mutex_t lock;       /* guards what follows */
  pthread_cond_t returned;    /* told when a connection came back; by the monotonic clock */
  ivs_pg_connection *idle;    /* the one that was used last is first */
  uint32_t open;              /* of them and those in use */
  int is_led;                 /* some insert waits for a connection, */
  uint32_t followers;         /* and so many for it: */
  struct ivs_pg_insertion *first, **end;
};

/* ---- Steps ----------------------------------------------------------------- */

/* Starts as {.pg = …}. With `whole` its queries are one transaction, and count together or
 * not at all; else it has one query, which counts by itself. */
typedef struct ivs_pg_step {
  invsrc_postgres *pg;
  int whole;
  ivs_pg_connection *connection;
  ivs_pg_status status; /* the first failure: what follows it does nothing */
  int was_lost;         /* an earlier try was lost, and may have come to pass */
  int tries;
  int64_t give_up_at; /* when it is not found out about any more */
} ivs_pg_step;

/* Begins it with a connection of the pool. Whatever comes of it, the step must end. */
void ivs_pg_step_begin(ivs_pg_step *step);
/* With INVSRC_OUTCOME_OK makes it count; with any other takes it back. Returns the outcome: the
 * given one, or what the failure of the step is to a caller of the store. */
int32_t ivs_pg_step_end(ivs_pg_step *step, int32_t outcome);
/* Whether an ended step is to be tried again from its beginning, as it fell to others or to a
 * lost connection; `repeatable`: also where it may have come to pass, which a new try finds
 * out. May wait a moment. */
int ivs_pg_step_again(ivs_pg_step *step, int repeatable);

/* ---- Queries --------------------------------------------------------------- */

#define IVS_PG_PARAMETERS 40
#define IVS_PG_NUMBER 8

typedef struct ivs_pg_query {
  ivs_pg_step *step;
  ivs_pg_sql which;
  int count; /* of parameters */
  Oid types[IVS_PG_PARAMETERS];
  const char *values[IVS_PG_PARAMETERS];
  int lengths[IVS_PG_PARAMETERS];
  char numbers[IVS_PG_PARAMETERS][IVS_PG_NUMBER];
  PGresult *result;
  int row;
  uint64_t changes;    /* rows that it has written */
  char constraint[64]; /* that it broke, where the status of the step is IVS_PG_TAKEN */
} ivs_pg_query;

void ivs_pg_query_begin(ivs_pg_query *query, ivs_pg_step *step, ivs_pg_sql which);
/* Bind a parameter, from 1, to what must last until it has run; NULL bytes are NULL. */
void ivs_pg_bind_text(ivs_pg_query *query, int parameter, const char *text, uint64_t length);
void ivs_pg_bind_bytes(ivs_pg_query *query, int parameter, const void *bytes, uint64_t length);
void ivs_pg_bind_number(ivs_pg_query *query, int parameter, int64_t number);
/* Runs it to its end. The status of the step. */
ivs_pg_status ivs_pg_query_run(ivs_pg_query *query);
/* Goes to the next row of what it gave: 1, or 0 when there is none. */
int ivs_pg_query_next(ivs_pg_query *query);
/* A column of the row, from 0, until the end; NULL or 0 where it is NULL, or is not what was
 * asked for. Text is NUL-terminated as well. */
const char *ivs_pg_text(const ivs_pg_query *query, int column, uint64_t *length);
const void *ivs_pg_bytes(const ivs_pg_query *query, int column, uint64_t *length);
int64_t ivs_pg_number(const ivs_pg_query *query, int column);
void ivs_pg_query_end(ivs_pg_query *query);
/* Runs one of whose rows none is wanted, and ends it. The outcome of the step. */
int32_t ivs_pg_query_do(ivs_pg_query *query);

/* ---- Pipelines ---------------------------------------------------------------- */

/* Several queries of a step that is not whole, which go out together, and count together or not
 * at all: each is prepared, and between begin and sync sent; then each result is received, in
 * the same order, whatever became of those before; and then it ends. The first failure stays the
 * status of the step. */
void ivs_pg_query_prepare(ivs_pg_query *query);
void ivs_pg_pipeline_begin(ivs_pg_step *step);
void ivs_pg_pipeline_send(ivs_pg_query *query);
void ivs_pg_pipeline_sync(ivs_pg_step *step);
void ivs_pg_pipeline_receive(ivs_pg_query *query);
void ivs_pg_pipeline_end(ivs_pg_step *step);

/* ---- Sources -------------------------------------------------------------------- */

#define IVS_PG_SEALED INVSRC_SOURCE_FIELD_END /* the parameter behind the fields */

/* Binds the fields of a row, each to the parameter of its number, and what was sealed. */
void ivs_pg_bind_row(ivs_pg_query *query, const invsrc_source *source, const void *sealed,
                     uint64_t length);
int ivs_pg_is_same_field(const invsrc_source *a, const invsrc_source *b, int32_t field);
/* Finds one by a statement with one parameter, in a step that it begins and ends. An outcome of
 * the store. */
int32_t ivs_pg_find_by(ivs_pg_step *step, ivs_pg_sql which, const char *value, uint64_t length,
                       invsrc_source *source, invsrc_buffer *sealed);
/* Two functions of the store's table; see provider.h. */
int32_t ivs_pg_insert(void *context, const invsrc_source *source, const void *sealed,
                      uint64_t length, const invsrc_event *event);
void ivs_pg_insert_all(void *context, invsrc_insertion *const *insertions, uint64_t count);

/* ---- Events, within a step that is whole ------------------------------------- */

/* Binds the six fields of an event from `parameter` on, in the order of the statements. */
void ivs_pg_bind_event(ivs_pg_query *query, int parameter, const invsrc_event *event);
/* Keeps it; NULL is none. An outcome of the store. */
int32_t ivs_pg_keep_event(ivs_pg_step *step, const invsrc_event *event);
/* Whether it is there: OK or NOT_FOUND, or how the step failed. */
int32_t ivs_pg_find_event(ivs_pg_step *step, const invsrc_event *event);
/* Two functions of the store's table; see provider.h. */
int32_t ivs_pg_event_next(void *context, int64_t now, int64_t lease_end, invsrc_event *event);
int32_t ivs_pg_event_end(void *context, const char *id, uint64_t id_length, int64_t next_at);

/* ---- Connections and statuses, for opening and its like -------------------- */

int64_t ivs_pg_now(void);
void ivs_pg_pause(int64_t milliseconds);
ivs_pg_status ivs_pg_connection_new(const invsrc_postgres *pg, ivs_pg_connection **connection);
/* Why none could be made, by more tries. libpq has only words for it, with names and addresses in
 * them; so it is told by what the server says to one who does not sign in, and by its code. */
ivs_pg_status ivs_pg_connection_why_not(const invsrc_postgres *pg);
void ivs_pg_connection_free(ivs_pg_connection *connection);
/* Why libpq did not even begin to send something. Part of it may lie in the connection, which is
 * not used again. */
ivs_pg_status ivs_pg_connection_unsent(ivs_pg_connection *connection);
/* Runs statements without parameters, the last of which may give a number. */
ivs_pg_status ivs_pg_connection_run(ivs_pg_connection *connection, const char *sql,
                                    uint32_t milliseconds, int64_t *number);
/* Waits for what was sent, until `until`; the last result goes to `result`, unless it is NULL.
 * IVS_PG_LOST wherever the connection can be used no more. */
ivs_pg_status ivs_pg_connection_wait(ivs_pg_connection *connection, int64_t until,
                                     PGresult **result);

/* The next result of a pipeline, until `until`. IVS_PG_LOST where none comes, and then the
 * connection is not used again. */
ivs_pg_status ivs_pg_connection_next(ivs_pg_connection *connection, int64_t until,
                                     PGresult **result);

/* A connection of the pool, and back with it, or with what is left of it. */
ivs_pg_status ivs_pg_pool_borrow(invsrc_postgres *pg, ivs_pg_connection **connection);
void ivs_pg_pool_return(invsrc_postgres *pg, ivs_pg_connection *connection);
/* Closes those that nobody uses. */
void ivs_pg_pool_empty(invsrc_postgres *pg);

/* What a status is to a caller of the store, and of the other functions, with the error filled
 * in: in our words, as the server's may tell values. */
int32_t ivs_pg_outcome(ivs_pg_status status);
int32_t ivs_pg_report(ivs_pg_status status, invsrc_error *error);

/* Brings the tables up to the version of this library. */
int32_t ivs_pg_migrate(ivs_pg_connection *connection, invsrc_error *error);

#endif
