/*
 * The log: one JSON object a line on standard error, written at once, so that the
 * lines of many threads do not mix. No function here is ever given a secret.
 */
#ifndef LOG_H
#define LOG_H

#include <invsrc/invsrc.h>
#include <stdint.h>

/* Sets the lowest level that is written, by its name; before there are threads. 0 where it
 * is none. */
int log_set_level(const char *name);

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
/* A source that was checked, and a change that somebody may wait for. */
void log_write_check(const invsrc_check *check);
void log_write_event(const invsrc_event *event);
void log_write(int32_t level, const char *message);

#endif
