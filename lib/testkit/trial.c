/*
 * See trial.h.
 */
#include "testkit/trial.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testkit/samples.h"

#define TEXT_SHOWN 120 /* bytes of a text in a message */

/* ---- Steps ------------------------------------------------------------------ */

ivs_trial *ivs_trial_at(ivs_trial *trial, const char *file, int line) {
  if (trial->is_over) return trial;
  trial->file = file;
  trial->line = line;
  return trial;
}

int ivs_trial_step(ivs_trial *trial, const char *format, ...) {
  va_list arguments;

  if (trial->is_over) return 0;
  va_start(arguments, format);
  vsnprintf(trial->step, sizeof trial->step, format, arguments);
  va_end(arguments);
  return 1;
}

/* A message may repeat what the store gave back: any bytes. */
static void make_printable(char *text) {
  for (; *text; text++)
    if (*text < ' ' || *text > '~') *text = '?';
}

void ivs_trial_fail(ivs_trial *trial, const char *format, ...) {
  va_list arguments;
  int length;

  if (trial->is_over) return;
  trial->is_over = 1;
  length = snprintf(trial->message, sizeof trial->message, "%s:%d: %s: ", trial->file, trial->line,
                    trial->step);
  va_start(arguments, format);
  if (length >= 0 && (size_t)length < sizeof trial->message)
    vsnprintf(trial->message + length, sizeof trial->message - (size_t)length, format, arguments);
  va_end(arguments);
  make_printable(trial->message);
}

void ivs_trial_end_without_memory(ivs_trial *trial) {
  trial->is_over = trial->is_out_of_memory = 1;
}

/* ---- Possessions -------------------------------------------------------------- */

struct ivs_possession {
  ivs_possession *next;
  invsrc_source *source; /* one of the two */
  void *bytes;
};

/* Ends what it cannot keep. */
static void possess(ivs_trial *trial, invsrc_source *source, void *bytes) {
  ivs_possession *made = calloc(1, sizeof *made);

  if (!made || (!source && !bytes)) {
    invsrc_source_free(source);
    free(bytes);
    free(made);
    ivs_trial_end_without_memory(trial);
    return;
  }
  *made = (ivs_possession){trial->possessions, source, bytes};
  trial->possessions = made;
}

invsrc_source *ivs_trial_source(ivs_trial *trial) {
  possess(trial, invsrc_source_new(), NULL);
  return trial->is_out_of_memory ? NULL : trial->possessions->source;
}

invsrc_source *ivs_trial_sample(ivs_trial *trial, const char *storefront, const char *source_id,
                                const char *id) {
  possess(trial, ivs_sample_source(storefront, source_id, id), NULL);
  return trial->is_out_of_memory ? NULL : trial->possessions->source;
}

void *ivs_trial_bytes(ivs_trial *trial, size_t size) {
  possess(trial, NULL, calloc(1, size));
  return trial->is_out_of_memory ? NULL : trial->possessions->bytes;
}

void ivs_trial_end_possessions(ivs_trial *trial) {
  while (trial->possessions) {
    ivs_possession *gone = trial->possessions;

    trial->possessions = gone->next;
    invsrc_source_free(gone->source);
    free(gone->bytes);
    free(gone);
  }
}

void ivs_trial_set(ivs_trial *trial, invsrc_source *source, int32_t field, const char *text) {
  if (trial->is_over) return;
  if (invsrc_source_set_text(source, field, text, text ? strlen(text) : 0) != INVSRC_OK)
    ivs_trial_end_without_memory(trial);
}

/* ---- What was seen ------------------------------------------------------------- */

static const char *name_outcome(int32_t outcome, char name[32]) {
  static const char *const names[] = {[INVSRC_OUTCOME_OK] = "OK",
                                      [INVSRC_OUTCOME_UNAVAILABLE] = "UNAVAILABLE",
                                      [INVSRC_OUTCOME_FAILED] = "FAILED",
                                      [INVSRC_OUTCOME_CONFLICT] = "CONFLICT",
                                      [INVSRC_OUTCOME_DUPLICATE] = "DUPLICATE",
                                      [INVSRC_OUTCOME_NOT_FOUND] = "NOT_FOUND"};

  if (outcome >= 0 && (size_t)outcome < sizeof names / sizeof *names && names[outcome])
    return names[outcome];
  snprintf(name, 32, "%d, no outcome of it", (int)outcome);
  return name;
}

int ivs_trial_outcome(ivs_trial *trial, int32_t seen, int32_t expected) {
  char seen_name[32], expected_name[32];

  if (seen == expected) return 1;
  ivs_trial_fail(trial, "came to %s, expected %s", name_outcome(seen, seen_name),
                 name_outcome(expected, expected_name));
  return 0;
}

int ivs_trial_number(ivs_trial *trial, const char *what, int64_t seen, int64_t expected) {
  if (seen == expected) return 1;
  ivs_trial_fail(trial, "%s is %lld, expected %lld", what, (long long)seen, (long long)expected);
  return 0;
}

/* Where the part of two texts begins that is to be shown: a little before they differ. */
static size_t place_of_difference(const char *a, const char *b) {
  size_t at = 0;

  while (a[at] && a[at] == b[at]) at++;
  return at > 60 ? at - 20 : 0;
}

int ivs_trial_text(ivs_trial *trial, const char *what, const char *seen, const char *expected) {
  size_t from;

  if (seen && strcmp(seen, expected) == 0) return 1;
  if (!seen) {
    ivs_trial_fail(trial, "%s is absent, expected '%.120s'", what, expected);
    return 0;
  }
  from = place_of_difference(seen, expected);
  ivs_trial_fail(trial, "%s is '%s%.80s', expected '%s%.80s'", what, from ? "…" : "", seen + from,
                 from ? "…" : "", expected + from);
  return 0;
}

int ivs_trial_same_bytes(ivs_trial *trial, const char *what, const void *seen, uint64_t length,
                         const void *expected, uint64_t expected_length) {
  if (length != expected_length)
    ivs_trial_fail(trial, "%s has %llu bytes, expected %llu", what, (unsigned long long)length,
                   (unsigned long long)expected_length);
  else if (length && memcmp(seen, expected, (size_t)length) != 0)
    ivs_trial_fail(trial, "%s has other bytes than expected", what);
  else
    return 1;
  return 0;
}

/* How two texts differ; of long ones the numbers of bytes tell more. */
static void tell_texts(ivs_trial *trial, int32_t field, const invsrc_source *seen,
                       const invsrc_source *expected) {
  const char *name = invsrc_source_field_name(field);
  uint64_t length, expected_length;
  const char *text = invsrc_source_text(seen, field, &length);
  const char *expected_text = invsrc_source_text(expected, field, &expected_length);

  if (!expected_text) {
    ivs_trial_fail(trial, "%s is '%.120s', expected none", name, text);
    return;
  }
  if (!text || (length < TEXT_SHOWN && expected_length < TEXT_SHOWN))
    ivs_trial_text(trial, name, text, expected_text);
  if (text) ivs_trial_same_bytes(trial, name, text, length, expected_text, expected_length);
}

int ivs_trial_same_source(ivs_trial *trial, const invsrc_source *seen,
                          const invsrc_source *expected) {
  int32_t field = ivs_sample_difference(seen, expected);

  if (!field) return 1;
  if (invsrc_source_field_kind(field) == 'N')
    ivs_trial_number(trial, invsrc_source_field_name(field), invsrc_source_number(seen, field),
                     invsrc_source_number(expected, field));
  else
    tell_texts(trial, field, seen, expected);
  return 0;
}

/* ---- The store -------------------------------------------------------------------- */

static void be_opened(ivs_trial *trial, int32_t result) {
  trial->is_open = result == INVSRC_OK;
  if (!trial->is_open) ivs_trial_fail(trial, "%s", invsrc_strerror(result));
}

void ivs_trial_open(ivs_trial *trial) {
  trial->context = NULL;
  if (ivs_trial_step(trial, "open"))
    be_opened(trial, trial->description.open(trial->description.host, &trial->context));
}

void ivs_trial_reopen(ivs_trial *trial) {
  void *old = trial->context;

  if (!ivs_trial_step(trial, "reopen")) return;
  trial->context = NULL;
  be_opened(trial, trial->description.reopen(trial->description.host, old, &trial->context));
}

void ivs_trial_close(ivs_trial *trial) {
  if (trial->is_open) trial->description.close(trial->description.host, trial->context);
  trial->is_open = 0;
}
