/*
 * A growing run of bytes that may be secret: old memory is always wiped before
 * it is given back, so it never goes through realloc. Failure to grow sticks, so
 * that a writer appends at will and asks once at the end.
 */
#ifndef IVS_CORE_BUFFER_H
#define IVS_CORE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

typedef struct ivs_buffer {
  char *bytes; /* NULL, or NUL-terminated behind `length` */
  size_t length;
  size_t capacity;
  int failed; /* memory ran out once; the contents are incomplete */
} ivs_buffer;

#define IVS_BUFFER_EMPTY \
  { NULL, 0, 0, 0 }

/* Makes room for `length` bytes more, so that the contents need not move as they grow. Where
 * memory lacks, it does when they are appended. */
void ivs_buffer_reserve(ivs_buffer *buffer, size_t length);
/* Appends `length` bytes for the caller to fill in. NULL: memory ran out, now or before. */
char *ivs_buffer_extend(ivs_buffer *buffer, size_t length);
void ivs_buffer_append(ivs_buffer *buffer, const void *bytes, size_t length);
void ivs_buffer_append_text(ivs_buffer *buffer, const char *text);
/* Replaces the contents. INVSRC_OK, or INVSRC_ENOMEM with the old contents kept. */
int32_t ivs_buffer_set(ivs_buffer *buffer, const void *bytes, size_t length);
/* Forgets the contents, wiped, and keeps the memory. */
void ivs_buffer_clear(ivs_buffer *buffer);
/* Wipes and frees; the buffer is empty again. */
void ivs_buffer_end(ivs_buffer *buffer);

#endif
