/* What the targets share.  Each has LLVMFuzzerTestOneInput and is built with libFuzzer, or with replay.c to run on
 * given files.  Memory is taken exactly as large as the library asks for, so that a sanitizer sees any step over its
 * end. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "hemp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The most that a target lets a file take: more would only be slow. */
enum { FUZZ_MAX_OUTPUT = 1 << 16, FUZZ_MAX_TENSORS = 64 };

/* `size` bytes of their own, at least one; the process ends if there are none. */
void *fuzz_take(uint64_t size);
void *fuzz_copy(const void *data, size_t size);

/* End the process: the library has broken a promise. */
void fuzz_fail(const char *what);

/* Open with exactly the memory that it takes.  `memory` is to be freed also after an error. */
hemp_status fuzz_open(hemp_file *file, const hemp_source *source, void **memory);

#endif
