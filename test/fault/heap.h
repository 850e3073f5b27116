/*
 * An allocator that counts, and fails on cue: the program's malloc and its kin in
 * front of glibc's, so that every library in the process gets its memory here.
 * One program includes it, once. Where a sanitizer has an allocator of its own
 * there is none of this: HEAP_FAILS is 0, and nothing ever fails.
 */
#ifndef FAULT_HEAP_H
#define FAULT_HEAP_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define HEAP_FAILS 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define HEAP_FAILS 0
#endif
#ifndef HEAP_FAILS
#define HEAP_FAILS 1
#endif

enum heap_mode { HEAP_ONCE, HEAP_FROM_THEN_ON };

static struct {
  long live;         /* blocks that were given out and not yet back */
  long bytes;        /* of them */
  long most_bytes;   /* at a time */
  int open;          /* faults happen, and calls are counted, only while it is */
  unsigned long at;  /* the call that fails; 0: none */
  unsigned long now; /* calls since the plan was made */
  unsigned long failures;
  enum heap_mode mode;
} heap;

/* From now on the `at`-th allocation of those between heap_open() and
 * heap_close() fails, or also all that follow it. */
static inline void heap_plan(unsigned long at, enum heap_mode mode) {
  heap.at = at;
  heap.mode = mode;
  heap.now = heap.failures = 0;
}

static inline void heap_open(void) {
  heap.open = 1;
}

static inline void heap_close(void) {
  heap.open = 0;
}

#if HEAP_FAILS

#include <malloc.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static int heap_refuses(void) {
  if (!heap.open) return 0;
  heap.now++;
  if (!heap.at || heap.now < heap.at || (heap.mode == HEAP_ONCE && heap.now > heap.at)) return 0;
  heap.failures++;
  errno = ENOMEM;
  return 1;
}

static void heap_count(void *block, long sign) {
  heap.bytes += sign * (long)malloc_usable_size(block);
  if (heap.bytes > heap.most_bytes) heap.most_bytes = heap.bytes;
}

static void *heap_given(void *block) {
  heap.live += block != NULL;
  heap_count(block, 1);
  return block;
}

void *malloc(size_t size);
void *malloc(size_t size) {
  return heap_refuses() ? NULL : heap_given(__libc_malloc(size));
}

void *calloc(size_t count, size_t size);
void *calloc(size_t count, size_t size) {
  return heap_refuses() ? NULL : heap_given(__libc_calloc(count, size));
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size) {
  return heap_refuses() ? NULL : heap_given(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size);
int posix_memalign(void **block, size_t alignment, size_t size) {
  void *made = memalign(alignment, size);

  if (!made) return ENOMEM;
  *block = made;
  return 0;
}

void free(void *block);
void free(void *block) {
  heap.live -= block != NULL;
  heap_count(block, -1);
  __libc_free(block);
}

void *realloc(void *block, size_t size);
void *realloc(void *block, size_t size) {
  void *moved;

  if (!block) return malloc(size);
  if (size == 0) {
    free(block);
    return NULL;
  }
  if (heap_refuses()) return NULL;
  heap_count(block, -1);
  moved = __libc_realloc(block, size);
  heap_count(moved ? moved : block, 1);
  return moved;
}

#endif

/* Whether allocations come by here: not those of a sanitizer, and none below valgrind. */
static inline int heap_is_asked(void) {
  void *(*volatile allocate)(size_t) = malloc; /* of malloc itself a compiler knows too much */
  void *block;

  heap_plan(0, HEAP_ONCE);
  heap_open();
  block = allocate(1);
  heap_close();
  free(block);
  return heap.now == 1;
}

#endif
