/*
 * See clock.h.
 */
#include "engine/clock.h"

#include "engine/drive.h"

int32_t ivs_clock_begin(ivs_clock *clock, const invsrc_service *service, int64_t given) {
  int32_t outcome;

  *clock = (ivs_clock){.service = service, .given = given};
  outcome = ivs_host_now(service, &clock->start);
  if (outcome != INVSRC_OUTCOME_OK) clock->start = INT64_MAX;
  clock->begun = given ? given : clock->start;
  return given || outcome == INVSRC_OUTCOME_OK ? INVSRC_OK : ivs_drive_result(outcome);
}

int64_t ivs_clock_time(const ivs_clock *clock) {
  int64_t time, ahead;

  if (ivs_host_now(clock->service, &time) != INVSRC_OUTCOME_OK || time < clock->start)
    return clock->begun;
  ahead = clock->begun - clock->start;
  return ahead > 0 ? time + ahead : time;
}

int64_t ivs_clock_due(const ivs_clock *clock) {
  return clock->given ? clock->given : ivs_clock_time(clock);
}
