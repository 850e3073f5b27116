/*
 * Records: values with a text or a number for each field, and the table that names
 * the fields. The texts of a record lie together in a few blocks, not each in its own.
 * Knows nothing of what the fields mean.
 */
#ifndef IVS_CORE_RECORD_H
#define IVS_CORE_RECORD_H

#include <stddef.h>
#include <stdint.h>

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
  char *place;   /* of a text, NUL-terminated, and its own as long as the record lives */
  uint32_t room; /* at that place */
  uint32_t size; /* of the text, with its NUL; 0: absent */
  int64_t number;
} ivs_value;

typedef struct ivs_record {
  const ivs_form *form;
  struct ivs_record_block *blocks; /* the newest first */
  ivs_value *values;               /* one for each number below the form's end */
} ivs_record;

/* `values` are cleared, and stay as long as the record. */
void ivs_record_begin(ivs_record *record, const ivs_form *form, ivs_value *values);
/* Wipes and frees the texts. */
void ivs_record_end(ivs_record *record);

/* A NULL record has nothing. A text stays where it is until its field is set again. */
const char *ivs_record_text(const ivs_record *record, int32_t field, uint64_t *length);
int64_t ivs_record_number(const ivs_record *record, int32_t field);
/* Return INVSRC_OK, INVSRC_EINVAL or INVSRC_ENOMEM, and then the old text is kept. `text` may be
 * the record's own. NULL of length 0 takes a text away. */
int32_t ivs_record_set_text(ivs_record *record, int32_t field, const char *text, uint64_t length);
int32_t ivs_record_set_number(ivs_record *record, int32_t field, int64_t number);
/* All of it, or INVSRC_ENOMEM, and `to` is as it was. Both have the same form. */
int32_t ivs_record_copy(ivs_record *to, const ivs_record *from);

#endif
