#include "hemp_encode.h"

uint64_t hemp_arithmetic_encode_bound(const hemp_part *parts, size_t count) {
    (void)parts;
    (void)count;
    return 8;
}

uint64_t hemp_arithmetic_encode_memory(const hemp_part *parts, size_t count) {
    (void)parts;
    (void)count;
    return 8;
}

hemp_status hemp_arithmetic_encode(const hemp_part *parts, size_t count, uint8_t *payload, size_t capacity, size_t *size,
                                   void *memory, size_t memory_size) {
    (void)parts;
    (void)count;
    (void)payload;
    (void)capacity;
    (void)size;
    (void)memory;
    (void)memory_size;
    return HEMP_BAD_ARGUMENT;
}
