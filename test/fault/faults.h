/*
 * What the fault tests share: all conformance vectors, each in a world of its own, and
 * the steps of a call as an event loop would take them.
 */
#ifndef FAULT_FAULTS_H
#define FAULT_FAULTS_H

#include <glob.h>

#include "conformance/vector.h"

/* One vector, ready to be asked again and again. */
typedef struct trial {
  const cJSON *vector;
  world world;
  invsrc_request *request;
  ivs_buffer body;
  int32_t status;       /* expected */
  ivs_buffer source_id; /* that a 201 would store, or nothing */
} trial;

static int failures;
static unsigned long injected;

/* Says once what went wrong where. */
static inline void complain(const trial *self, const char *where, const char *what) {
  failures++;
  printf("# %s: %s: %s\n", text_of(self->vector, "name", "?"), where, what);
}

static inline void begin_trial(trial *self, const cJSON *vector) {
  const cJSON *response = member(vector, "response");

  memset(self, 0, sizeof *self);
  self->vector = vector;
  make_world(&self->world, vector);
  write_body(&self->body, member(vector, "request"), vector);
  self->request = make_request(member(vector, "request"), &self->body);
  self->status = (int32_t)number_of(member(response, "status"));
  if (self->status != 201) return;
  response = member(response, "json");
  if (member(response, "data")) response = member(response, "data");
  append_filled(&self->source_id, text_of(response, "sourceId", ""), vector);
}

static inline void end_trial(trial *self) {
  invsrc_request_free(self->request);
  ivs_buffer_end(&self->body);
  ivs_buffer_end(&self->source_id);
  end_world(&self->world);
}

/* What an answer comes to: its status, or the negative result that there is in place of
 * it. The answer that is expected must be so as a whole; of 500 and 503 there are many. */
static inline int32_t end_answer(trial *self, int32_t result, invsrc_response *response) {
  int32_t status = invsrc_response_status(response);

  if ((result == INVSRC_OK) != (response != NULL)) complain(self, "the answer", "by halves");
  if (status == self->status && status < 500 &&
      !judge("the answer", response, member(self->vector, "response"), self->vector))
    complain(self, "the answer", "another one");
  invsrc_response_free(response);
  return result == INVSRC_OK ? status : result;
}

/* After an answer that changed the world: a new one. */
static inline void renew_world(trial *self) {
  end_world(&self->world);
  make_world(&self->world, self->vector);
}

/* Whether the world is as an answer with this status, or a negative result, leaves it. */
static inline void judge_world(trial *self, const char *where, int32_t status) {
  int stored = self->source_id.length ? is_stored(&self->world, self->source_id.bytes) : 0;

  if (self->source_id.length && stored != (status == 201))
    complain(self, where, stored < 0 ? "stored by halves" : stored ? "stored" : "not stored");
}

/* Calls `run` with each vector of every file. Returns how many there are. */
static inline int with_every_vector(void (*run)(const cJSON *vector)) {
  glob_t files = {0};
  int count = 0;

  if (glob("test/conformance/*.json", 0, NULL, &files) != 0) must(INVSRC_ENOTFOUND, "vectors");
  for (size_t i = 0; i < files.gl_pathc; i++) {
    cJSON *vectors = read_vectors(files.gl_pathv[i]);
    for (const cJSON *at = first_of(vectors); at; at = at->next, count++) run(at);
    cJSON_Delete(vectors);
  }
  globfree(&files);
  return count;
}

#endif
