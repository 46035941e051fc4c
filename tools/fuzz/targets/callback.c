/* Target: a file that is read by the caller's function, which fails at some call, or whose bytes are others when they
 * are read again, as of a file that somebody writes to meanwhile. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

typedef struct reader {
    const uint8_t *data;
    size_t size;
    unsigned calls;
    unsigned fail_at;   /* this call and those after it fail */
    unsigned change_at; /* from this call on the byte at `position` is another */
    size_t position;
    uint8_t change;
} reader;

static int read_bytes(void *context, uint64_t offset, void *out, size_t size) {
    reader *from = (reader *)context;
    from->calls++;
    if (from->calls >= from->fail_at) {
        return 1;
    }
    if (offset > from->size || size > from->size - offset) {
        return 2;
    }
    memcpy(out, from->data + offset, size);
    if (from->calls >= from->change_at && from->position >= offset && from->position - offset < size) {
        ((uint8_t *)out)[from->position - offset] ^= from->change;
    }
    return 0;
}

static void decode(const hemp_file *file, uint64_t tensor) {
    hemp_tensor_info info;
    uint64_t need = 0;
    hemp_place place;
    hemp_describe_tensor(file, tensor, &info);
    const size_t size = (size_t)info.elements * hemp_element_size(&info, HEMP_AS_STORED);
    if (size > FUZZ_MAX_OUTPUT / 4 || hemp_tensor_memory(file, tensor, HEMP_AS_STORED, &need, &place) != HEMP_OK ||
        need > 1 << 28) {
        return;
    }
    void *out = fuzz_take(size);
    void *scratch = fuzz_take(need);
    hemp_decode_tensor(file, tensor, HEMP_AS_STORED, out, size, scratch, (size_t)need, &place);
    free(scratch);
    free(out);
}

static void run(reader *from, uint64_t stated_size) {
    hemp_file file;
    void *memory;
    const hemp_source source = {NULL, stated_size, read_bytes, from};
    if (fuzz_open(&file, &source, &memory) == HEMP_OK) {
        for (uint64_t i = 0; i < file.directory.tensor_count && i < FUZZ_MAX_TENSORS; i++) {
            decode(&file, i);
        }
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint32_t hash = hemp_crc32(data, size, 1);
    const unsigned never = ~0u;
    reader whole = {data, size, 0, never, never, 0, 0};
    run(&whole, size);
    reader unknown_size = {data, size, 0, never, never, 0, 0};
    run(&unknown_size, HEMP_NONE);
    reader failing = {data, size, 0, 1 + hash % 8, never, 0, 0};
    run(&failing, size);
    reader changing = {data, size, 0, never, 2 + hash % 8, size > 0 ? (hash >> 3) % size : 0, (uint8_t)(hash >> 24)};
    run(&changing, (hash >> 23) % 2 ? size : HEMP_NONE);
    return 0;
}
