/*
 * See table.h.
 */
#include "core/table.h"

#include <invsrc/invsrc.h>
#include <string.h>

typedef void (*function)(void);

int32_t ivs_table_copy(void *slot, size_t size, const void *table, size_t required) {
  uint32_t given;
  function pointer;

  if (!table) {
    memset(slot, 0, size);
    return INVSRC_OK;
  }
  memcpy(&given, table, sizeof given);
  if (given < required) return INVSRC_EINVAL;
  for (size_t at = IVS_TABLE_HEADER; at < required; at += sizeof pointer) {
    memcpy(&pointer, (const char *)table + at, sizeof pointer);
    if (!pointer) return INVSRC_EINVAL;
  }
  memset(slot, 0, size);
  memcpy(slot, table, given < size ? given : size);
  return INVSRC_OK;
}
