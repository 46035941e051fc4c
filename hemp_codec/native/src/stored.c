/* The coder `stored` (spec/coders.md, 2): decoding. */
#include <string.h>

#include "bytes.h"
#include "parts.h"

uint64_t hemp_stored_size(const hemp_part *parts, size_t count) {
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned bits = hemp_index_bits(parts[i].num_levels);
        const uint64_t size = parts[i].size;
        if (size > (UINT64_MAX - 7) / 16) {
            return HEMP_NONE;
        }
        const uint64_t bytes = (size * bits + 7) / 8;
        if (bytes > UINT64_MAX - 1 - total) {
            return HEMP_NONE;
        }
        total += bytes;
    }
    return total;
}

/* Unpack a part; the largest index found, or UINT32_MAX if bits are left over.  To be expanded for constants. */
static inline uint32_t unpack(const uint8_t *in, const hemp_part *part, const int is_wide) {
    const unsigned bits = hemp_index_bits(part->num_levels);
    const uint32_t mask = ((uint32_t)1 << bits) - 1;
    unsigned held = 0; /* bits in `window` */
    uint32_t window = 0;
    uint32_t largest = 0;
    for (uint64_t i = 0; i < part->size; i++) {
        while (held < bits) {
            window |= (uint32_t)*in++ << held;
            held += 8;
        }
        const uint32_t index = window & mask;
        window >>= bits;
        held -= bits;
        largest = index > largest ? index : largest;
        if (is_wide) {
            ((uint16_t *)part->indices)[i] = (uint16_t)index;
        } else {
            ((uint8_t *)part->indices)[i] = (uint8_t)index;
        }
    }
    return window != 0 ? UINT32_MAX : largest;
}

static hemp_status unpack_part(const uint8_t *payload, const hemp_part *part) {
    if (part->num_levels == 256) {
        memcpy(part->indices, payload, (size_t)part->size);
        return HEMP_OK;
    }
    const uint32_t largest = hemp_part_is_wide(part) ? unpack(payload, part, 1) : unpack(payload, part, 0);
    if (largest == UINT32_MAX) {
        return HEMP_BAD_PAYLOAD;
    }
    return largest < part->num_levels ? HEMP_OK : HEMP_BAD_INDEX;
}

hemp_status hemp_stored_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count) {
    const hemp_status checked = hemp_parts_check(parts, count);
    if (checked != HEMP_OK) {
        return checked;
    }
    if (hemp_stored_size(parts, count) != size) {
        return HEMP_BAD_PAYLOAD;
    }
    for (size_t i = 0; i < count; i++) {
        if (parts[i].num_levels == 1) {
            hemp_part_clear(&parts[i]);
            continue;
        }
        if (parts[i].size == 0) {
            continue;
        }
        const hemp_status status = unpack_part(payload, &parts[i]);
        if (status != HEMP_OK) {
            return status;
        }
        payload += hemp_stored_size(&parts[i], 1);
    }
    return HEMP_OK;
}
