/*
 * Random bytes in stock: drawn in bulk from a source, handed out in pieces, each byte once.
 * Knows not where they come from.
 */
#ifndef IVS_CORE_POOL_H
#define IVS_CORE_POOL_H

#include <stddef.h>
#include <stdint.h>

typedef struct ivs_pool ivs_pool;

/* Fills in the bytes: 1, or 0 where it has none. Any thread. */
typedef int ivs_pool_source(uint8_t *bytes, size_t length);

ivs_pool *ivs_pool_new(ivs_pool_source *source); /* NULL when memory ran out */
void ivs_pool_free(ivs_pool *pool);              /* wipes what is left; takes NULL */
/* Hands out bytes: 1, or 0 where the source has none. Any thread; and none waits for
 * another. What is in stock is wiped as it is handed out, and is not there in a process that
 * was forked. */
int ivs_pool_take(ivs_pool *pool, uint8_t *bytes, size_t length);

#endif
