/* The coder `stored` (spec/coders.md, 2): encoding. */
#include <string.h>

#include "hemp_encode.h"
#include "parts.h"

/* Pack one part; HEMP_BAD_INDEX if an index is too large. */
static hemp_status pack_part(const hemp_part *part, uint8_t *out) {
    const unsigned bits = hemp_index_bits(part->num_levels);
    const uint8_t *narrow = (const uint8_t *)part->indices;
    const uint16_t *wide = (const uint16_t *)part->indices;
    const int is_wide = hemp_part_is_wide(part);
    unsigned held = 0;
    uint32_t window = 0;
    if (part->num_levels == 256 && part->size > 0) {
        memcpy(out, narrow, (size_t)part->size);
        return HEMP_OK;
    }
    for (uint64_t i = 0; i < part->size; i++) {
        const uint32_t index = is_wide ? wide[i] : narrow[i];
        if (index >= part->num_levels) {
            return HEMP_BAD_INDEX;
        }
        window |= index << held;
        held += bits;
        while (held >= 8) {
            *out++ = (uint8_t)window;
            window >>= 8;
            held -= 8;
        }
    }
    if (held > 0) {
        *out = (uint8_t)window;
    }
    return HEMP_OK;
}

hemp_status hemp_stored_encode(const hemp_part *parts, size_t count, uint8_t *payload, size_t capacity, size_t *size) {
    const hemp_status checked = hemp_parts_check(parts, count);
    if (checked != HEMP_OK) {
        return checked;
    }
    const uint64_t needed = hemp_stored_size(parts, count);
    if (needed > capacity) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    for (size_t i = 0; i < count; i++) {
        const hemp_status status = pack_part(&parts[i], payload);
        if (status != HEMP_OK) {
            return status;
        }
        payload += hemp_stored_size(&parts[i], 1);
    }
    *size = (size_t)needed;
    return HEMP_OK;
}
