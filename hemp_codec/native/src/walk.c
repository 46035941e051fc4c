#include "walk.h"

#include "bytes.h"
#include "varint.h"

HEMP_NOINLINE void hemp_walk_fail(hemp_walk *walk, hemp_status status, uint64_t offset, const char *field) {
    if (hemp_walk_goes_on(walk)) {
        walk->status = hemp_fail(walk->place, status, offset, walk->tensor, field);
    }
}

HEMP_NOINLINE void hemp_walk_refuse(hemp_walk *walk, hemp_status status) {
    hemp_walk_fail(walk, status, walk->field_at, walk->field);
}

const uint8_t *hemp_walk_bytes(hemp_walk *walk, uint64_t size, const char *field) {
    walk->field_at = walk->at;
    walk->field = field;
    if (size > walk->end - walk->at) {
        hemp_walk_refuse(walk, walk->overrun);
    }
    if (!hemp_walk_goes_on(walk)) {
        return NULL;
    }
    walk->at += size;
    return walk->front + walk->field_at;
}

uint8_t hemp_walk_u8(hemp_walk *walk, const char *field) {
    const uint8_t *byte = hemp_walk_bytes(walk, 1, field);
    return byte != NULL ? *byte : 0;
}

uint64_t hemp_walk_varint(hemp_walk *walk, const char *field) {
    return hemp_walk_below(walk, UINT64_MAX, HEMP_OK, field);
}

uint64_t hemp_walk_below(hemp_walk *walk, uint64_t end, hemp_status status, const char *field) {
    size_t position = (size_t)walk->at;
    uint64_t value = 0;
    const hemp_status found = hemp_varint_read(walk->front, (size_t)walk->end, &position, &value);
    walk->field_at = walk->at;
    walk->field = field;
    if (found != HEMP_OK) {
        hemp_walk_refuse(walk, found == HEMP_TRUNCATED ? walk->overrun : found);
    } else if (value >= end) {
        hemp_walk_refuse(walk, status);
    }
    if (!hemp_walk_goes_on(walk)) {
        return 0;
    }
    walk->at = position;
    return value;
}

void hemp_walk_begin(hemp_walk *walk) {
    const uint64_t max_tensors = (uint64_t)1 << 24;
    const uint64_t layout = hemp_walk_below(walk, (max_tensors + 1) << 3, HEMP_LIMIT_EXCEEDED, HEMP_FIELD("layout"));
    walk->segment_bits = 10 + 2 * (unsigned)(layout & 7);
    walk->tensor_count = layout >> 3;
}
