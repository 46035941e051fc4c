#include "walk.h"

#include "bytes.h"
#include "varint.h"

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
    uint8_t bits;
    hemp_status status = hemp_walk_u8(walk, &bits, "segment_bits");
    if (status != HEMP_OK) {
        return status;
    }
    if (bits < 10 || bits > 28) {
        return hemp_walk_fail(walk, HEMP_BAD_STREAM, walk->at - 1, "segment_bits");
    }
    walk->segment_bits = bits;
    const uint64_t count_offset = walk->at;
    status = hemp_walk_varint(walk, &walk->tensor_count, "tensor_count");
    if (status == HEMP_OK && walk->tensor_count > max_tensors) {
        return hemp_walk_fail(walk, HEMP_LIMIT_EXCEEDED, count_offset, "tensor_count");
    }
    return status;
}
