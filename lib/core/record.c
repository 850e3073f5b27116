/*
 * See record.h.
 */
#include "core/record.h"

#include <invsrc/invsrc.h>
#include <stdlib.h>

static int is_kind(const ivs_form *form, int32_t field, char kind) {
  return field > 0 && field < form->end && form->fields[field].kind == kind;
}

const char *ivs_record_text(const ivs_form *form, const ivs_value *values, int32_t field,
                            uint64_t *length) {
  if (length) *length = 0;
  if (!values || !is_kind(form, field, 'T')) return NULL;
  if (length) *length = values[field].text.length;
  return values[field].text.bytes;
}

int64_t ivs_record_number(const ivs_form *form, const ivs_value *values, int32_t field) {
  return values && is_kind(form, field, 'N') ? values[field].number : 0;
}

int32_t ivs_record_set_text(const ivs_form *form, ivs_value *values, int32_t field,
                            const char *text, uint64_t length) {
  if (!values || !is_kind(form, field, 'T') || (!text && length) || length > IVS_RECORD_LONGEST)
    return INVSRC_EINVAL;
  if (text) return ivs_buffer_set(&values[field].text, text, (size_t)length);
  ivs_buffer_end(&values[field].text);
  return INVSRC_OK;
}

int32_t ivs_record_set_number(const ivs_form *form, ivs_value *values, int32_t field,
                              int64_t number) {
  if (!values || !is_kind(form, field, 'N')) return INVSRC_EINVAL;
  values[field].number = number;
  return INVSRC_OK;
}

void ivs_record_end(const ivs_form *form, ivs_value *values) {
  for (int32_t field = 1; field < form->end; field++) ivs_buffer_end(&values[field].text);
}

int32_t ivs_record_copy(const ivs_form *form, ivs_value *to, const ivs_value *from) {
  ivs_value *fresh;
  int32_t result = INVSRC_OK;

  if (to == from) return INVSRC_OK;
  fresh = calloc((size_t)form->end, sizeof *fresh);
  if (!fresh) return INVSRC_ENOMEM;
  for (int32_t field = 1; field < form->end && result == INVSRC_OK; field++) {
    fresh[field].number = from[field].number;
    if (from[field].text.bytes)
      result = ivs_buffer_set(&fresh[field].text, from[field].text.bytes, from[field].text.length);
  }
  for (int32_t field = 1; field < form->end && result == INVSRC_OK; field++) {
    ivs_value old = to[field];
    to[field] = fresh[field];
    fresh[field] = old;
  }
  ivs_record_end(form, fresh);
  free(fresh);
  return result;
}
