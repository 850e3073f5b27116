/*
 * See buffer.h. Knows nothing of what the bytes mean.
 */
#include "core/buffer.h"

#include <invsrc/invsrc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 128

/* Makes room for `length` bytes in all and a NUL, moving by copy and wipe. */
static int make_room(ivs_buffer *buffer, size_t length) {
  size_t capacity = buffer->capacity ? buffer->capacity : SMALLEST;
  char *bytes;

  if (length < buffer->capacity) return 1;
  if (length >= SIZE_MAX / 2) return 0;
  while (capacity <= length) capacity *= 2;
  bytes = malloc(capacity);
  if (!bytes) return 0;
  if (buffer->length) memcpy(bytes, buffer->bytes, buffer->length);
  bytes[buffer->length] = '\0';
  if (buffer->bytes) OPENSSL_cleanse(buffer->bytes, buffer->capacity);
  free(buffer->bytes);
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  return 1;
}

void ivs_buffer_reserve(ivs_buffer *buffer, size_t length) {
  if (!buffer->failed && length < SIZE_MAX / 2 - buffer->length)
    make_room(buffer, buffer->length + length);
}

char *ivs_buffer_extend(ivs_buffer *buffer, size_t length) {
  char *place;

  if (buffer->failed) return NULL;
  if (length >= SIZE_MAX / 2 - buffer->length || !make_room(buffer, buffer->length + length)) {
    buffer->failed = 1;
    return NULL;
  }
  place = buffer->bytes + buffer->length;
  place[length] = '\0';
  buffer->length += length;
  return place;
}

void ivs_buffer_append(ivs_buffer *buffer, const void *bytes, size_t length) {
  char *place = ivs_buffer_extend(buffer, length);

  if (place && length) memcpy(place, bytes, length);
}

void ivs_buffer_append_text(ivs_buffer *buffer, const char *text) {
  ivs_buffer_append(buffer, text, strlen(text));
}

int32_t ivs_buffer_set(ivs_buffer *buffer, const void *bytes, size_t length) {
  ivs_buffer fresh = IVS_BUFFER_EMPTY;

  if (!length && buffer->bytes) { /* what must be forgotten is, though there be no memory */
    ivs_buffer_clear(buffer);
    return INVSRC_OK;
  }
  ivs_buffer_append(&fresh, bytes, length);
  if (fresh.failed) return INVSRC_ENOMEM;
  ivs_buffer_end(buffer);
  *buffer = fresh;
  return INVSRC_OK;
}

void ivs_buffer_clear(ivs_buffer *buffer) {
  if (buffer->bytes) OPENSSL_cleanse(buffer->bytes, buffer->capacity);
  buffer->length = 0;
  buffer->failed = 0;
}

void ivs_buffer_end(ivs_buffer *buffer) {
  ivs_buffer_clear(buffer);
  free(buffer->bytes);
  buffer->bytes = NULL;
  buffer->capacity = 0;
}
