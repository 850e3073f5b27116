/*
 * The log: one JSON object a line on standard error, written at once, so that the
 * lines of many threads do not mix. No function here is ever given a secret.
 */
#ifndef LOG_H
#define LOG_H

#include <invsrc/invsrc.h>
#include <stdint.h>

/* Begins a line of a terminal anew. */
#define CLEAR_LINE "\r\033[K"

/* Sets the lowest level that is written, by its name; before there are threads. 0 where it
 * is none. */
int log_set_level(const char *name);

/* Where a person sees a count of what is done, which tells the rest: only warnings are
 * written unless another level is set, and each takes the place of the count. Before there
 * are threads. */
void log_beside_count(void);

/* One request and how it went. */
typedef struct log_request {
  uint64_t number; /* counts from 1 in the life of the server */
  const char *remote;
  const char *method;
  const char *path;
  int status;
  uint64_t bytes; /* of the response's body */
  double milliseconds;
} log_request;

void log_write_request(const log_request *request);
/* A source that was checked, and a change that was brought to who waits for it. */
void log_write_check(const invsrc_check *check);
void log_write_event(const invsrc_event *event, int is_taken);
void log_write(int32_t level, const char *message);

#endif
