/*
 * Each allocation of a trial fails in turn, once and from then on.
 */
#ifndef TEST_FAULT_TRIALS_H
#define TEST_FAULT_TRIALS_H

#include <dirent.h>

#include "fault/heap.h"

/* No trial asks for so many blocks. */
#define LONGEST 20000

static unsigned long injected;

/* Does a thing, with the heap open while it may fail. A result code or an outcome. */
typedef int32_t trial(void);

/* The program's own: one fault, and what it must leave behind. */
static void try_with_fault(trial *run, unsigned long at, enum heap_mode mode);

static long open_files(void) {
  DIR *files = opendir("/proc/self/fd");
  long count = 0;

  assert_non_null(files);
  while (readdir(files)) count++;
  closedir(files);
  return count;
}

static void inject(trial *run) {
  try_with_fault(run, 0, HEAP_ONCE);
  for (int mode = HEAP_ONCE; HEAP_FAILS && mode <= HEAP_FROM_THEN_ON; mode++) {
    for (unsigned long at = 1; at < LONGEST; at++) {
      try_with_fault(run, at, (enum heap_mode)mode);
      if (!heap.failures) break;
      injected++;
    }
  }
  try_with_fault(run, 0, HEAP_ONCE);
}

#endif
