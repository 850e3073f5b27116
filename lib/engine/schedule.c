/*
 * See schedule.h.
 */
#include "engine/schedule.h"

int64_t ivs_pause(int64_t failures, const uint8_t random[IVS_PAUSE_RANDOM]) {
  int64_t pause = IVS_PAUSE_FIRST;
  uint32_t chance = 0;

  while (--failures > 0 && pause < IVS_PAUSE_LONGEST) pause *= 2;
  if (pause > IVS_PAUSE_LONGEST) pause = IVS_PAUSE_LONGEST;
  for (int i = 0; i < IVS_PAUSE_RANDOM; i++) chance = chance << 8 | random[i];
  return pause - (int64_t)(chance % (uint64_t)(pause / 2 + 1));
}

int64_t ivs_sooner(int64_t a, int64_t b) {
  if (!a || !b) return a ? a : b;
  return a < b ? a : b;
}
