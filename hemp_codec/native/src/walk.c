#include "walk.h"

#include "bytes.h"
#include "varint.h"

HEMP_NOINLINE hemp_status hemp_walk_fail(const hemp_walk *walk, hemp_status status, uint64_t offset,
                                         const char *field) {
    return hemp_fail(walk->place, status, offset, walk->tensor, field);
}

hemp_status hemp_walk_need(const hemp_walk *walk, uint64_t size, const char *field) {
    return size <= walk->end - walk->at ? HEMP_OK : hemp_walk_fail(walk, HEMP_BAD_FRONT, walk->at, field);
}

hemp_status hemp_walk_u8(hemp_walk *walk, uint8_t *value, const char *field) {
    const hemp_status status = hemp_walk_need(walk, 1, field);
    if (status == HEMP_OK) {
        *value = walk->front[walk->at++];
    }
    return status;
}

hemp_status hemp_walk_u32(hemp_walk *walk, uint32_t *value, const char *field) {
    const hemp_status status = hemp_walk_need(walk, 4, field);
    if (status == HEMP_OK) {
        *value = hemp_load32(walk->front + walk->at);
        walk->at += 4;
    }
    return status;
}

hemp_status hemp_walk_varint(hemp_walk *walk, uint64_t *value, const char *field) {
    size_t position = (size_t)walk->at;
    const hemp_status status = hemp_varint_read(walk->front, (size_t)walk->end, &position, value);
    if (status != HEMP_OK) {
        return hemp_walk_fail(walk, status == HEMP_TRUNCATED ? HEMP_BAD_FRONT : status, walk->at, field);
    }
    walk->at = position;
    return HEMP_OK;
}

hemp_status hemp_walk_begin(hemp_walk *walk) {
    const uint64_t max_tensors = (uint64_t)1 << 24;
    const uint64_t offset = walk->at;
    uint64_t layout;
    const hemp_status status = hemp_walk_varint(walk, &layout, HEMP_FIELD("layout"));
    if (status != HEMP_OK) {
        return status;
    }
    walk->segment_bits = 10 + 2 * (unsigned)(layout & 7);
    walk->tensor_count = layout >> 3;
    return walk->tensor_count > max_tensors ? hemp_walk_fail(walk, HEMP_LIMIT_EXCEEDED, offset, HEMP_FIELD("layout"))
                                            : HEMP_OK;
}
