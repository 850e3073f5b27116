/*
 * See record.h.
 */
#include "core/record.h"

#include <invsrc/invsrc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* Texts one behind the other. A block never moves, for there are pointers into it. */
typedef struct ivs_record_block {
  struct ivs_record_block *older;
  size_t used, capacity;
  char bytes[];
} block;

/* With its head it is 512 bytes: the texts of a usual source. */
#define FIRST_BLOCK (512 - sizeof(block))

static int is_kind(const ivs_record *record, int32_t field, char kind) {
  return field > 0 && field < record->form->end && record->form->fields[field].kind == kind;
}

void ivs_record_begin(ivs_record *record, const ivs_form *form, ivs_value *values) {
  record->form = form;
  record->blocks = NULL;
  record->values = values;
  memset(values, 0, (size_t)form->end * sizeof *values);
}

static void free_blocks(block *at) {
  while (at) {
    block *older = at->older;
    OPENSSL_cleanse(at->bytes, at->used);
    free(at);
    at = older;
  }
}

void ivs_record_end(ivs_record *record) {
  free_blocks(record->blocks);
  record->blocks = NULL;
}

const char *ivs_record_text(const ivs_record *record, int32_t field, uint64_t *length) {
  const ivs_value *value;

  if (length) *length = 0;
  if (!record || !is_kind(record, field, 'T')) return NULL;
  value = &record->values[field];
  if (!value->size) return NULL;
  if (length) *length = value->size - 1;
  return value->place;
}

int64_t ivs_record_number(const ivs_record *record, int32_t field) {
  return record && is_kind(record, field, 'N') ? record->values[field].number : 0;
}

static block *new_block(block *older, size_t capacity) {
  block *fresh = malloc(sizeof *fresh + capacity);

  if (!fresh) return NULL;
  fresh->older = older;
  fresh->used = 0;
  fresh->capacity = capacity;
  return fresh;
}

static char *take_place(block *newest, size_t size) {
  char *place = newest->bytes + newest->used;

  newest->used += size;
  return place;
}

/* A new place for a value, or NULL. A text that grows time and again gets ever more room, and so
 * do the blocks: what is left behind is never more than what is used. */
static char *find_place(ivs_record *record, const ivs_value *value, size_t *size) {
  block *newest = record->blocks;

  if (*size < 2 * (size_t)value->room) *size = 2 * (size_t)value->room;
  if (!newest || newest->capacity - newest->used < *size) {
    size_t capacity = newest ? 2 * newest->capacity : FIRST_BLOCK;
    newest = new_block(newest, capacity < *size ? *size : capacity);
    if (!newest) return NULL;
    record->blocks = newest;
  }
  return take_place(newest, *size);
}

static void wipe(const ivs_value *value, size_t from) {
  if (value->size > from) OPENSSL_cleanse(value->place + from, value->size - from);
}

int32_t ivs_record_set_text(ivs_record *record, int32_t field, const char *text, uint64_t length) {
  size_t size = text ? (size_t)length + 1 : 0;
  ivs_value *value, old;

  if (!record || !is_kind(record, field, 'T') || (!text && length) || length > IVS_RECORD_LONGEST)
    return INVSRC_EINVAL;
  value = &record->values[field];
  old = *value;
  if (size > value->room) {
    size_t room = size;
    char *place = find_place(record, value, &room);
    if (!place) return INVSRC_ENOMEM;
    value->place = place;
    value->room = (uint32_t)room;
  }
  if (text) {
    memmove(value->place, text, (size_t)length);
    value->place[length] = '\0';
  }
  value->size = (uint32_t)size;
  wipe(&old, value->place == old.place ? size : 0);
  return INVSRC_OK;
}

int32_t ivs_record_set_number(ivs_record *record, int32_t field, int64_t number) {
  if (!record || !is_kind(record, field, 'N')) return INVSRC_EINVAL;
  record->values[field].number = number;
  return INVSRC_OK;
}

static size_t size_of_texts(const ivs_record *record) {
  size_t size = 0;

  for (int32_t field = 1; field < record->form->end; field++) size += record->values[field].size;
  return size;
}

int32_t ivs_record_copy(ivs_record *to, const ivs_record *from) {
  size_t size = size_of_texts(from);
  block *fresh = NULL; /* for all of them */

  if (to == from) return INVSRC_OK;
  if (size) fresh = new_block(NULL, size);
  if (size && !fresh) return INVSRC_ENOMEM;
  ivs_record_end(to);
  to->blocks = fresh;
  for (int32_t field = 1; field < from->form->end; field++) {
    const ivs_value *value = &from->values[field];
    char *place = fresh && value->size ? take_place(fresh, value->size) : NULL;

    if (place) memcpy(place, value->place, value->size);
    to->values[field] = (ivs_value){place, value->size, value->size, value->number};
  }
  return INVSRC_OK;
}
