/*
 * What the fuzz targets share: a target is called with any bytes, and must neither crash
 * nor leak, nor break a promise, which is what CHECK is for.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                  \
  do {                                                    \
    if (!(condition)) {                                   \
      fprintf(stderr, "does not hold: %s\n", #condition); \
      abort();                                            \
    }                                                     \
  } while (0)

#endif
