#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    abort();
}

void *fuzz_take(uint64_t size) {
    void *memory = malloc(size > 0 ? (size_t)size : 1);
    if (memory == NULL) {
        fuzz_fail("no memory");
    }
    return memory;
}

void *fuzz_copy(const void *data, size_t size) {
    void *copy = fuzz_take(size);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

hemp_status fuzz_open(hemp_file *file, const hemp_source *source, void **memory) {
    const hemp_limits limits = {1 << 20, FUZZ_MAX_OUTPUT};
    uint64_t size = 0;
    hemp_status status = HEMP_MEMORY_TOO_SMALL;
    hemp_place place;
    *memory = NULL;
    for (unsigned i = 0; i < 4 && status == HEMP_MEMORY_TOO_SMALL; i++) {
        free(*memory);
        *memory = fuzz_take(size);
        status = hemp_open(file, source, &limits, *memory, (size_t)size, &place);
        size = file->memory_needed;
    }
    if (status == HEMP_MEMORY_TOO_SMALL) {
        fuzz_fail("hemp_open asks for memory without end");
    }
    return status;
}
