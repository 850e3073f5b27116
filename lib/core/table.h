/*
 * Tables of functions that a host gives: taken over from versions that may be older
 * or newer than ours. Calls none of them, and knows none of them by name.
 */
#ifndef IVS_CORE_TABLE_H
#define IVS_CORE_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Every table starts with its size and a reserved word; functions follow. */
#define IVS_TABLE_HEADER (2 * sizeof(uint32_t))
/* The size of a table up to and with its last function that must be there. */
#define IVS_TABLE_UP_TO(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

/* Copies a table into `slot`, ours of `size` bytes, which becomes all NULL where `table`
 * is NULL, and stays as it was where it is refused. INVSRC_OK, or INVSRC_EINVAL: it does
 * not reach up to `required` bytes, or a function that begins before them is NULL. */
int32_t ivs_table_copy(void *slot, size_t size, const void *table, size_t required);

#endif
