/*
 * Delivery of events: claims one at a time from the store, brings it to the host, and has
 * the store forget it, or bring it again later.
 */
#include "core/error.h"
#include "engine/clock.h"
#include "engine/drive.h"
#include "engine/schedule.h"

/* What has come of them so far. */
typedef struct counts {
  uint64_t delivered;
  uint64_t postponed;
} counts;

/* When to bring an event again that was not taken. */
static int64_t next_delivery(const ivs_clock *clock, const invsrc_event *event) {
  uint8_t random[IVS_PAUSE_RANDOM] = {0}; /* without chance it is well too */

  ivs_host_random(clock->service, random, sizeof random);
  return ivs_clock_time(clock) +
         ivs_pause(invsrc_event_number(event, INVSRC_EVENT_ATTEMPTS) + 1, random);
}

/* Brings one. An outcome of the store. */
static int32_t deliver(const ivs_clock *clock, const invsrc_event *event, counts *done) {
  const invsrc_options *host = &clock->service->options;
  int is_taken = host->events.deliver(host->events_context, event) == INVSRC_OUTCOME_OK;
  uint64_t length;
  const char *id = invsrc_event_text(event, INVSRC_EVENT_ID, &length);

  if (is_taken)
    done->delivered++;
  else
    done->postponed++;
  return host->store.event_end(host->store_context, id, length,
                               is_taken ? 0 : next_delivery(clock, event));
}

static int32_t deliver_all(const ivs_clock *clock, uint64_t max, counts *done) {
  const invsrc_options *host = &clock->service->options;
  int32_t outcome = INVSRC_OUTCOME_OK;

  for (uint64_t i = 0; i < max && outcome == INVSRC_OUTCOME_OK; i++) {
    invsrc_event *event = invsrc_event_new();
    if (!event) return INVSRC_ENOMEM;
    outcome = host->store.event_next(host->store_context, ivs_clock_due(clock),
                                     ivs_clock_time(clock) + host->lease, event);
    if (outcome == INVSRC_OUTCOME_OK) outcome = deliver(clock, event, done);
    invsrc_event_free(event);
  }
  return outcome == INVSRC_OUTCOME_OK || outcome == INVSRC_OUTCOME_NOT_FOUND
             ? INVSRC_OK
             : ivs_drive_result(outcome);
}

int32_t invsrc_deliver_due(invsrc_service *service, int64_t now, uint64_t max, uint64_t *delivered,
                           uint64_t *postponed, invsrc_error *error) {
  counts done = {0, 0};
  ivs_clock clock;
  int32_t result;

  if (delivered) *delivered = 0;
  if (postponed) *postponed = 0;
  if (!service || now < 0 || now > INVSRC_TIME_LIMIT)
    return ivs_error_fail(error, INVSRC_EINVAL, invsrc_strerror(INVSRC_EINVAL));
  result = ivs_drive_check(service, IVS_NEEDS_STORE, error);
  if (result != INVSRC_OK) return result;
  if (!service->options.events.deliver)
    return ivs_error_fail(error, INVSRC_ESTATE, "no events are set");
  result = ivs_clock_begin(&clock, service, now);
  if (result != INVSRC_OK) return ivs_error_fail(error, result, "the clock cannot be read");
  result = deliver_all(&clock, max, &done);
  if (delivered) *delivered = done.delivered;
  if (postponed) *postponed = done.postponed;
  return result == INVSRC_OK ? result : ivs_error_fail(error, result, invsrc_strerror(result));
}
