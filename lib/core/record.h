/*
 * Records: values with a text or a number for each field, and the table that names
 * the fields. Knows nothing of what the fields mean.
 */
#ifndef IVS_CORE_RECORD_H
#define IVS_CORE_RECORD_H

#include <stdint.h>

#include "core/buffer.h"

/* Long enough for every field; keeps lengths far from overflow. */
#define IVS_RECORD_LONGEST 65536

typedef struct ivs_field {
  char kind; /* 'T': text, 'N': number; 0: there is no such field */
  const char *name;
} ivs_field;

/* The fields by their numbers, which start with 1. */
typedef struct ivs_form {
  const ivs_field *fields;
  int32_t end; /* one past the last */
} ivs_form;

typedef struct ivs_value {
  ivs_buffer text;
  int64_t number;
} ivs_value;

/* `values` has one for each number below the form's end. A NULL has nothing. */
const char *ivs_record_text(const ivs_form *form, const ivs_value *values, int32_t field,
                            uint64_t *length);
int64_t ivs_record_number(const ivs_form *form, const ivs_value *values, int32_t field);
/* Return INVSRC_OK, INVSRC_EINVAL or INVSRC_ENOMEM. NULL of length 0 takes a text away. */
int32_t ivs_record_set_text(const ivs_form *form, ivs_value *values, int32_t field,
                            const char *text, uint64_t length);
int32_t ivs_record_set_number(const ivs_form *form, ivs_value *values, int32_t field,
                              int64_t number);
/* All of it, or INVSRC_ENOMEM, and `to` is as it was. */
int32_t ivs_record_copy(const ivs_form *form, ivs_value *to, const ivs_value *from);
void ivs_record_end(const ivs_form *form, ivs_value *values);

#endif
