/*
 * See pool.h. The stock is a page that the kernel gives a forked process as zeros, which says
 * that it is empty and that nobody uses it; where there is no such page, each piece comes from
 * the source.
 */
#define _DEFAULT_SOURCE /* MADV_WIPEONFORK; NOLINT(bugprone-reserved-identifier,cert-dcl*) */
#include "core/pool.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STOCK 1024
#define LONGEST_PIECE 64 /* a longer one comes from the source */

typedef struct stock {
  atomic_int in_use; /* by a thread: who comes meanwhile goes to the source */
  uint32_t left;     /* bytes at the end that have not been handed out */
  uint8_t bytes[STOCK];
} stock;

struct ivs_pool {
  ivs_pool_source *source;
  stock *stock; /* NULL where there is none */
};

static stock *map_stock(void) {
#ifdef MADV_WIPEONFORK
  void *page =
      mmap(NULL, sizeof(stock), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (page == MAP_FAILED) return NULL;
  if (madvise(page, sizeof(stock), MADV_WIPEONFORK) == 0) return page;
  munmap(page, sizeof(stock));
#endif
  return NULL;
}

ivs_pool *ivs_pool_new(ivs_pool_source *source) {
  ivs_pool *pool = malloc(sizeof *pool);

  if (pool) *pool = (ivs_pool){source, map_stock()};
  return pool;
}

void ivs_pool_free(ivs_pool *pool) {
  if (pool && pool->stock) {
    OPENSSL_cleanse(pool->stock, sizeof *pool->stock);
    munmap(pool->stock, sizeof *pool->stock);
  }
  free(pool);
}

static int take_from(stock *from, ivs_pool_source *source, uint8_t *bytes, size_t length) {
  uint8_t *piece;

  if (from->left < length) {
    from->left = 0;
    if (!source(from->bytes, STOCK)) return 0;
    from->left = STOCK;
  }
  piece = from->bytes + STOCK - from->left;
  memcpy(bytes, piece, length);
  OPENSSL_cleanse(piece, length);
  from->left -= (uint32_t)length;
  return 1;
}

int ivs_pool_take(ivs_pool *pool, uint8_t *bytes, size_t length) {
  stock *from = pool->stock;
  int taken;

  if (!from || length > LONGEST_PIECE || atomic_exchange(&from->in_use, 1))
    return pool->source(bytes, length);
  taken = take_from(from, pool->source, bytes, length);
  atomic_store(&from->in_use, 0);
  return taken;
}
