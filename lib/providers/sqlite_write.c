/*
 * Writing to the SQLite database: group commit. One thread of the process writes at a time,
 * the leader. What others want to write meanwhile it takes over, into the same step, so that
 * one flush of the disk serves all; they wait for it, and then the next of them leads. No
 * leader waits for company, so a thread that is alone is as fast as it can be.
 */
#include <time.h>

#include "providers/sqlite.h"

/* So that the first in a group does not wait for too many others. */
#define GROUP_MOST 256

/* How long readers may hold up the emptying of the log. */
#define LOG_MILLISECONDS 100

/* Pages of the log from which on they are copied into the file: fewer than SQLite's 1000, as all
 * who write wait for that; and from which on it is emptied. */
#define LOG_COPIED 300
#define LOG_MOST 4000

/* ---- The log ---------------------------------------------------------------------------- */

/* What was written over is in the log, and until it is copied from there in the file, as
 * it was before. Whoever reads the log meanwhile keeps it from being emptied: they get a
 * moment when it is asked for first, and then the next that writes tries again. */
static void empty_log(invsrc_sqlite *db, int milliseconds) {
  /* What is only long begins anew in its place: a file that grows again takes longer to flush. */
  int how = db->remains ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART;

  sqlite3_busy_timeout(db->writer->handle, milliseconds);
  if (sqlite3_wal_checkpoint_v2(db->writer->handle, NULL, how, NULL, NULL) == SQLITE_OK) {
    db->remains = 0;
    db->log_pages = 0;
  }
  sqlite3_busy_timeout(db->writer->handle, IVS_SQLITE_BUSY_MILLISECONDS);
}

/* Whoever commits calls this. As long as nobody reads, the log begins anew when all of it was
 * copied. */
static int after_commit(void *context, sqlite3 *handle, const char *name, int pages) {
  invsrc_sqlite *db = context;

  db->log_pages = pages;
  if (pages < LOG_MOST) db->log_most = LOG_MOST;
  if (pages >= LOG_COPIED)
    sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  return SQLITE_OK; /* what was committed is so, whatever becomes of the log */
}

int ivs_sqlite_open_writer(invsrc_sqlite *db) {
  int status = ivs_connection_new(db->path, &db->writer);

  if (status == SQLITE_OK) sqlite3_wal_hook(db->writer->handle, after_commit, db);
  return status;
}

/* The end of every step that writes, which may have let sealed bytes go. Where there is always
 * somebody who reads, the log would not begin anew, and grow: so it is waited for them, and
 * where that was in vain (for a backup), again when it has grown as much again. */
static void tend_log(invsrc_sqlite *db, int forgets) {
  int is_long = db->log_pages > db->log_most;

  if (forgets) db->remains = 1;
  if (is_long) db->log_most = db->log_pages + LOG_MOST;
  if (db->writer && (db->remains || is_long))
    empty_log(db, forgets || is_long ? LOG_MILLISECONDS : 0);
}

/* ---- Steps that write ------------------------------------------------------------------- */

/* What ends the step is at hand before it begins. */
static void begin(ivs_step *step, invsrc_sqlite *db) {
  *step = (ivs_step){.db = db};
  if (!db->writer) step->status = ivs_sqlite_open_writer(db);
  step->connection = db->writer;
  if (step->status == SQLITE_OK)
    step->status = ivs_connection_prepare(step->connection, IVS_SQL_COMMIT);
  if (step->status == SQLITE_OK)
    step->status = ivs_connection_prepare(step->connection, IVS_SQL_ROLLBACK);
  if (step->status == SQLITE_OK)
    step->status = ivs_connection_run_kept(step->connection, IVS_SQL_BEGIN_WRITING);
}

/* SQLite has taken some failed ones back by itself. What cannot be taken back otherwise
 * ends with the connection. */
static void roll_back(ivs_step *step) {
  if (!step->connection || sqlite3_get_autocommit(step->connection->handle)) return;
  if (ivs_connection_run_kept(step->connection, IVS_SQL_ROLLBACK) == SQLITE_OK) return;
  ivs_connection_free(step->connection);
  step->db->writer = NULL;
}

/* Whether the step can still count: not where the write has failed in the middle of its
 * changes, or in such a way that SQLite took the whole step back. */
static int run(ivs_step *step, ivs_write *write) {
  sqlite3 *handle = step->connection->handle;
  int changes = sqlite3_total_changes(handle);

  write->status = SQLITE_OK;
  write->outcome = write->run(step, write->context);
  if (sqlite3_get_autocommit(handle)) return 0;
  return write->outcome == INVSRC_OUTCOME_OK || sqlite3_total_changes(handle) == changes;
}

/* Those that would have counted did not, or only now is it known whether they do. */
static void settle(ivs_write *first, int status) {
  for (ivs_write *each = first; each; each = each->next) {
    if (each->outcome != INVSRC_OUTCOME_OK) continue;
    each->status = status;
    each->outcome = ivs_sqlite_outcome(status);
  }
}

/* With the lock of the queue: takes the write out that has waited longest; NULL: none does. */
static ivs_write *take_first(invsrc_sqlite *db) {
  ivs_write *write = db->first;

  if (!write) return NULL;
  db->first = write->next;
  if (!db->first) db->end = &db->first;
  write->next = NULL;
  write->is_queued = 0;
  return write;
}

/* One that waits for the leader from now on; NULL where none waits, or the first shares with
 * nobody. */
static ivs_write *take_over(invsrc_sqlite *db) {
  ivs_write *write;

  pthread_mutex_lock(&db->queue_lock);
  write = db->first && !db->first->is_alone ? take_first(db) : NULL;
  pthread_mutex_unlock(&db->queue_lock);
  return write;
}

/* Runs a write, and behind it as many as wait meanwhile, in one step. 0 where that came to
 * nothing, for the fault of one of several: each has to be run again. */
static int write_together(invsrc_sqlite *db, ivs_write *first, int most) {
  ivs_write *last = first;
  int whole = 0;
  ivs_step step;

  begin(&step, db);
  first->outcome = INVSRC_OUTCOME_OK;
  if (step.status == SQLITE_OK) {
    whole = run(&step, first);
    for (int i = 1; i < most && whole && (last->next = take_over(db)); i++) {
      last = last->next;
      whole = run(&step, last);
    }
    if (whole) step.status = ivs_connection_run_kept(step.connection, IVS_SQL_COMMIT);
  }
  roll_back(&step);
  tend_log(db, whole && step.status == SQLITE_OK && step.forgets);
  if (first->next && (!whole || step.status != SQLITE_OK)) return 0;
  settle(first, step.status);
  return 1;
}

/* ---- Groups --------------------------------------------------------------------------- */

static void tell(ivs_write *write, ivs_write_state state) {
  pthread_mutex_lock(&write->lock);
  write->state = state;
  pthread_cond_signal(&write->told);
  pthread_mutex_unlock(&write->lock);
}

/* Tells the next leader that it is one, and the group that it has its outcomes. */
static void hand_over(invsrc_sqlite *db, ivs_write *group) {
  ivs_write *next;

  pthread_mutex_lock(&db->queue_lock);
  next = take_first(db);
  db->is_led = next != NULL;
  pthread_mutex_unlock(&db->queue_lock);
  if (next) tell(next, IVS_WRITE_LEADING);
  for (ivs_write *each = group; each; each = next) {
    next = each->next; /* once it is told it is gone */
    tell(each, IVS_WRITE_ENDED);
  }
}

/* Each by itself, and told at once; but where another process lets one of them wait for its
 * turn in vain, the others wait no more. */
static void write_apart(invsrc_sqlite *db, ivs_write *leader) {
  ivs_write *next;
  int is_busy = 0;

  for (ivs_write *each = leader; each; each = next) {
    next = each->next; /* once it is told it is gone */
    each->next = NULL;
    each->outcome = INVSRC_OUTCOME_OK;
    if (is_busy)
      settle(each, SQLITE_BUSY);
    else
      write_together(db, each, 1);
    is_busy = (each->status & 0xff) == SQLITE_BUSY;
    if (each != leader) tell(each, IVS_WRITE_ENDED);
  }
}

static void lead(invsrc_sqlite *db, ivs_write *write) {
  if (!write_together(db, write, write->is_alone ? 1 : GROUP_MOST)) write_apart(db, write);
  hand_over(db, write->next);
}

/* ---- Waiting ------------------------------------------------------------------------------ */

/* Queues it behind the leader: 0 where there was none, and the thread is that now. */
static int queue(invsrc_sqlite *db, ivs_write *write) {
  int was_led;

  pthread_mutex_lock(&db->queue_lock);
  was_led = db->is_led;
  db->is_led = 1;
  write->is_queued = was_led;
  if (was_led) {
    *db->end = write;
    db->end = &write->next;
  }
  pthread_mutex_unlock(&db->queue_lock);
  return was_led; /* and not what the leader has made of it since */
}

/* Whether it waited still, and does so no more. */
static int leave_queue(invsrc_sqlite *db, ivs_write *write) {
  ivs_write **at = &db->first;
  int was_queued;

  pthread_mutex_lock(&db->queue_lock);
  was_queued = write->is_queued;
  if (was_queued) {
    while (*at != write) at = &(*at)->next;
    *at = write->next;
    if (!write->next) db->end = at;
  }
  pthread_mutex_unlock(&db->queue_lock);
  return was_queued;
}

/* Until it leads or has ended, or it is late: which of these. Whoever has told it is done with
 * it as soon as the lock is free. */
static ivs_write_state wait_until(ivs_write *write, const struct timespec *until) {
  ivs_write_state state;
  int late = 0;

  pthread_mutex_lock(&write->lock);
  while (write->state == IVS_WRITE_WAITING && !late)
    late = until ? pthread_cond_timedwait(&write->told, &write->lock, until)
                 : pthread_cond_wait(&write->told, &write->lock);
  state = write->state;
  pthread_mutex_unlock(&write->lock);
  return state;
}

/* Nobody waits longer for a turn than SQLite does for other processes. By a clock that nobody
 * sets. */
static struct timespec end_of_patience(void) {
  struct timespec until;

  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += IVS_SQLITE_BUSY_MILLISECONDS / 1000;
  return until;
}

static int is_past(const struct timespec *until) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec > until->tv_sec ||
         (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

/* Waits longer only for a leader that has taken the write over. */
static ivs_write_state wait_for_turn(invsrc_sqlite *db, ivs_write *write,
                                     const struct timespec *until) {
  ivs_write_state state = wait_until(write, until);

  if (state == IVS_WRITE_WAITING && !leave_queue(db, write)) state = wait_until(write, NULL);
  return state;
}

static void begin_waiting(ivs_write *write) {
  pthread_condattr_t attributes;

  pthread_mutex_init(&write->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&write->told, &attributes);
  pthread_condattr_destroy(&attributes);
}

static void end_waiting(ivs_write *write) {
  pthread_cond_destroy(&write->told);
  pthread_mutex_destroy(&write->lock);
}

/* All wait at a time, so that one leader may take all: this thread, where nobody led before. Where
 * one of them has waited for another process in vain the next of them do not lead: they wait no
 * longer than one would. */
void ivs_sqlite_write_all(invsrc_sqlite *db, ivs_write *writes, size_t count) {
  const struct timespec until = end_of_patience();

  for (size_t i = 0; i < count; i++) {
    begin_waiting(&writes[i]);
    if (!queue(db, &writes[i])) writes[i].state = IVS_WRITE_LEADING;
  }
  for (size_t i = 0; i < count; i++) {
    if (wait_for_turn(db, &writes[i], &until) != IVS_WRITE_LEADING) continue;
    if (i > 0 && is_past(&until))
      hand_over(db, NULL); /* it stays busy */
    else
      lead(db, &writes[i]);
  }
  for (size_t i = 0; i < count; i++) end_waiting(&writes[i]);
}

int32_t ivs_sqlite_write(invsrc_sqlite *db, ivs_write_run *what, void *context, int *status) {
  ivs_write write = IVS_WRITE(what, context);

  ivs_sqlite_write_all(db, &write, 1);
  if (status) *status = write.status;
  return write.outcome;
}

int32_t ivs_sqlite_write_alone(invsrc_sqlite *db, ivs_write_run *what, void *context) {
  ivs_write write = IVS_WRITE(what, context);

  write.is_alone = 1;
  ivs_sqlite_write_all(db, &write, 1);
  return write.outcome;
}

static int32_t let_go(ivs_step *step, void *context) {
  (void)context;
  step->forgets = 1;
  return INVSRC_OUTCOME_OK;
}

void ivs_sqlite_forget(invsrc_sqlite *db) {
  ivs_sqlite_write(db, let_go, NULL, NULL);
}
