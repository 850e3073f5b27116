/*
 * The world as a host sets it for a provider: clock, entropy and an ear, each with its
 * default.
 */
#ifndef IVS_PROVIDERS_WORLD_H
#define IVS_PROVIDERS_WORLD_H

#include <invsrc/providers.h>

typedef struct ivs_world {
  invsrc_world_vtable table;
  void *context;
} ivs_world;

/* INVSRC_OK, or INVSRC_EINVAL: a table that is too small; all stays as it was. */
int32_t ivs_world_set(ivs_world *world, const invsrc_world_vtable *vtable, void *context);
/* Return an outcome. A time that is out of range counts as FAILED. */
int32_t ivs_world_now(const ivs_world *world, int64_t *now);
int32_t ivs_world_random(const ivs_world *world, uint8_t *bytes, uint64_t length);
void ivs_world_warn(const ivs_world *world, const char *message);

#endif
