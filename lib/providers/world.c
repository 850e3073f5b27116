/*
 * See world.h.
 */
#include "providers/world.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "core/table.h"

int32_t ivs_world_set(ivs_world *world, const invsrc_world_vtable *vtable, void *context) {
  int32_t code = ivs_table_copy(&world->table, sizeof world->table, vtable, IVS_TABLE_HEADER);

  if (code == INVSRC_OK) world->context = context;
  return code;
}

static int32_t system_now(int64_t *now) {
  struct timespec time;

  if (clock_gettime(CLOCK_REALTIME, &time) != 0) return INVSRC_OUTCOME_FAILED;
  *now = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
  return INVSRC_OUTCOME_OK;
}

int32_t ivs_world_now(const ivs_world *world, int64_t *now) {
  int32_t outcome = world->table.now ? world->table.now(world->context, now) : system_now(now);

  if (outcome == INVSRC_OUTCOME_OK && (*now < 0 || *now > INVSRC_TIME_LIMIT))
    return INVSRC_OUTCOME_FAILED;
  return outcome;
}

int32_t ivs_world_random(const ivs_world *world, uint8_t *bytes, uint64_t length) {
  int drawn;

  if (world->table.random) return world->table.random(world->context, bytes, length);
  /* The queue of errors is the host's thread's: leave it as it was. */
  ERR_set_mark();
  drawn = RAND_bytes(bytes, (int)length);
  ERR_pop_to_mark();
  return drawn == 1 ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_UNAVAILABLE;
}

void ivs_world_warn(const ivs_world *world, const char *message) {
  if (world->table.log)
    world->table.log(world->context, INVSRC_LOG_WARNING, message, strlen(message));
}
