/* The sequence of a payload as bytes, for coders that give bytes (spec/coders.md, 3). */
#ifndef HEMP_SEQUENCE_H
#define HEMP_SEQUENCE_H

#include <string.h>

#include "parts.h"

/* Bytes of a part in the sequence, and of all parts. */
static inline uint64_t hemp_sequence_size(const hemp_part *parts, size_t count) {
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].num_levels > 1 ? parts[i].size * (hemp_part_is_wide(&parts[i]) ? 2 : 1) : 0;
    }
    return size;
}

/* Indices of two bytes, of which the first is the low one, into the machine's byte order. */
static inline void hemp_sequence_to_native(const hemp_part *part) {
    const uint8_t *bytes = (const uint8_t *)part->indices;
    uint16_t *indices = (uint16_t *)part->indices;
    for (size_t i = 0; hemp_part_is_wide(part) && i < part->size; i++) {
        indices[i] = (uint16_t)(bytes[2 * i] | (unsigned)bytes[2 * i + 1] << 8);
    }
}

/* What is to be done when all bytes are there. */
static inline hemp_status hemp_sequence_finish(const hemp_part *parts, size_t count) {
    hemp_status status = HEMP_OK;
    for (size_t i = 0; i < count && status == HEMP_OK; i++) {
        if (parts[i].num_levels == 1) {
            hemp_part_clear(&parts[i]);
        } else if (parts[i].size > 0) {
            hemp_sequence_to_native(&parts[i]);
            status = hemp_part_check_indices(&parts[i]);
        }
    }
    return status;
}

#endif
