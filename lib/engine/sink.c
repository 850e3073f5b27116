/*
 * See sink.h.
 */
#include "engine/sink.h"

#include <stdlib.h>

invsrc_buffer *invsrc_buffer_new(void) {
  return calloc(1, sizeof(invsrc_buffer));
}

void invsrc_buffer_free(invsrc_buffer *buffer) {
  if (!buffer) return;
  ivs_buffer_end(&buffer->data);
  free(buffer);
}

int32_t invsrc_buffer_set(invsrc_buffer *buffer, const void *bytes, uint64_t length) {
  if (!buffer || (!bytes && length)) return INVSRC_EINVAL;
  if (length <= SIZE_MAX && ivs_buffer_set(&buffer->data, bytes, (size_t)length) == INVSRC_OK)
    return INVSRC_OK;
  buffer->data.failed = 1; /* in case the callback does not look */
  return INVSRC_ENOMEM;
}

const void *invsrc_buffer_bytes(const invsrc_buffer *buffer, uint64_t *length) {
  if (length) *length = buffer ? buffer->data.length : 0;
  return buffer && buffer->data.bytes ? buffer->data.bytes : "";
}
