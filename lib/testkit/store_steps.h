/*
 * What the checks of a store are made of: steps that call it, and say what must come of it. A
 * store without event functions is given no event, and none is expected of it.
 */
#ifndef IVS_TESTKIT_STORE_STEPS_H
#define IVS_TESTKIT_STORE_STEPS_H

#include "testkit/samples.h"
#include "testkit/trial.h"

#define IVS_EVERY_PART (INVSRC_PART_RECORD | INVSRC_PART_CHECK | INVSRC_PART_SEALED)

/* A time so many milliseconds after that of the sample events. */
#define IVS_LATER(milliseconds) (IVS_SAMPLE_TIME + (milliseconds))

/* ---- Insert, get and find ------------------------------------------------------ */

/* Inserts a source with what was sealed (NULL: nothing) and an event of this id (NULL: none). */
void ivs_insert(ivs_trial *trial, const invsrc_source *source, const char *sealed,
                const char *event_id, int32_t expected);
void ivs_insert_bytes(ivs_trial *trial, const invsrc_source *source, const void *sealed,
                      uint64_t length);
/* A sample, sealed as samples are. */
void ivs_insert_sample(ivs_trial *trial, const char *storefront, const char *source_id,
                       const char *id, int32_t expected);
/* A sample that is due, with its id as its source id. */
void ivs_insert_due(ivs_trial *trial, const char *storefront, const char *id,
                    int64_t next_check_at);
/* Reads a source back into one of the trial's. */
void ivs_read(ivs_trial *trial, const char *storefront, const char *source_id,
              invsrc_source *source);
/* What is stored under a name is the sample `id`, sealed as it; NULL: nothing is. */
void ivs_expect_stored(ivs_trial *trial, const char *storefront, const char *source_id,
                       const char *id);
/* What is stored under the name of a source is that source, and these bytes. */
void ivs_expect_whole(ivs_trial *trial, const invsrc_source *source, const void *sealed,
                      uint64_t length);
/* The same with a text, or NULL, as what was sealed. */
void ivs_expect_source(ivs_trial *trial, const invsrc_source *source, const char *sealed);
/* What is found by a field is the source `id`, with what was sealed; NULL: nothing is. */
void ivs_expect_found(ivs_trial *trial, int32_t field, const char *value, const char *id,
                      const char *sealed);
void ivs_expect_whole_found(ivs_trial *trial, int32_t field, const invsrc_source *source,
                            const void *sealed, uint64_t length);

/* ---- Update, remove and list ---------------------------------------------------- */

typedef struct ivs_change {
  const invsrc_source *source;
  uint64_t revision;
  int64_t lease_end;
  uint32_t parts;
  const char *sealed;
  const char *event_id;
  const char *replaced; /* what must be given back; NULL: whatever */
} ivs_change;

void ivs_update(ivs_trial *trial, const ivs_change *change, int32_t expected);
/* Without event, claim or sealed bytes. */
void ivs_update_parts(ivs_trial *trial, const invsrc_source *source, uint64_t revision,
                      uint32_t parts, int32_t expected);
/* `removed` is what must be given back; NULL: whatever. */
void ivs_remove(ivs_trial *trial, const char *id, uint64_t revision, const char *event_id,
                const char *removed, int32_t expected);
/* A page of a list has these ids, "1 2 3", and tells this total. */
void ivs_expect_page(ivs_trial *trial, const char *storefront, uint64_t skip, uint64_t take,
                     const char *ids, uint64_t total);

/* ---- Claims and events ------------------------------------------------------------ */

/* Claims what is due, which is these ids, each sealed as a sample and under the lease. */
void ivs_expect_due(ivs_trial *trial, int64_t now, int64_t lease_end, uint64_t limit,
                    const char *ids);
/* Claims the next event, which is the sample `id`, whole; NULL: none is due. */
void ivs_expect_event(ivs_trial *trial, int64_t now, int64_t lease_end, const char *id,
                      int64_t attempts);
/* None is left, also of those that are claimed. */
void ivs_expect_no_event(ivs_trial *trial);
void ivs_end_event(ivs_trial *trial, const char *id, int64_t next_at);

#endif
