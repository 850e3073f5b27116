/*
 * The event record. Knows nothing of what causes events, nor of who hears of them.
 */
#include <invsrc/invsrc.h>
#include <stdlib.h>

#include "core/record.h"

struct invsrc_event {
  ivs_record record;
  ivs_value values[INVSRC_EVENT_FIELD_END];
};

static const ivs_field fields[INVSRC_EVENT_FIELD_END] = {
    [INVSRC_EVENT_ID] = {'T', "id"},
    [INVSRC_EVENT_TYPE] = {'T', "type"},
    [INVSRC_EVENT_STOREFRONT] = {'T', "storefront"},
    [INVSRC_EVENT_TIME] = {'N', "time"},
    [INVSRC_EVENT_PAYLOAD] = {'T', "payload"},
    [INVSRC_EVENT_ATTEMPTS] = {'N', "attempts"},
};

static const ivs_form form = {fields, INVSRC_EVENT_FIELD_END};

const char *invsrc_event_text(const invsrc_event *event, int32_t field, uint64_t *length) {
  return ivs_record_text(event ? &event->record : NULL, field, length);
}

int64_t invsrc_event_number(const invsrc_event *event, int32_t field) {
  return ivs_record_number(event ? &event->record : NULL, field);
}

invsrc_event *invsrc_event_new(void) {
  invsrc_event *event = malloc(sizeof *event);

  if (event) ivs_record_begin(&event->record, &form, event->values);
  return event;
}

void invsrc_event_free(invsrc_event *event) {
  if (event) ivs_record_end(&event->record);
  free(event);
}

int32_t invsrc_event_set_text(invsrc_event *event, int32_t field, const char *text,
                              uint64_t length) {
  return ivs_record_set_text(event ? &event->record : NULL, field, text, length);
}

int32_t invsrc_event_set_number(invsrc_event *event, int32_t field, int64_t number) {
  return ivs_record_set_number(event ? &event->record : NULL, field, number);
}

int32_t invsrc_event_copy(invsrc_event *to, const invsrc_event *from) {
  return to && from ? ivs_record_copy(&to->record, &from->record) : INVSRC_EINVAL;
}
