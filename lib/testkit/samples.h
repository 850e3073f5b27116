/*
 * Sources and events to try a store with, and how two sources differ. Knows no store.
 */
#ifndef IVS_TESTKIT_SAMPLES_H
#define IVS_TESTKIT_SAMPLES_H

#include <invsrc/invsrc.h>
#include <stddef.h>

/* When each sample event is due. */
#define IVS_SAMPLE_TIME INT64_C(1767225600001)

/* A source with every field that one must have, and a credential; `id` also makes the agent's.
 * Revision 1, PENDING, not due. NULL when memory ran out. */
invsrc_source *ivs_sample_source(const char *storefront, const char *source_id, const char *id);
/* An event of storefront acme, or NULL when memory ran out. */
invsrc_event *ivs_sample_event(const char *id);
/* Writes what is sealed for the source, "sealed ID". */
void ivs_sample_sealed(char *sealed, size_t size, const char *id);
/* The first field in which two sources differ, or 0. */
int32_t ivs_sample_difference(const invsrc_source *a, const invsrc_source *b);
/* Writes the ids of a list as "1 2 3", as many as there is room for. */
void ivs_sample_ids(const invsrc_source_list *list, char *ids, size_t size);

#endif
