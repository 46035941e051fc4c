/* What both halves of the coder `rans` share (spec/coders.md, 6). */
#ifndef HEMP_RANS_H
#define HEMP_RANS_H

#include "parts.h"

enum {
    HEMP_RANS_SCALE_BITS = 12,
    HEMP_RANS_SCALE = 1 << HEMP_RANS_SCALE_BITS,
    HEMP_RANS_LOW = 1 << 16, /* states are renormalised to this and above */
    HEMP_RANS_MAX_MODE = 5,
    HEMP_RANS_MAX_LANES = 1 << HEMP_RANS_MAX_MODE,
    HEMP_RANS_CONSTANT = 255,
    HEMP_RANS_CHUNK = 512 /* symbols of wide parts are handled so many at a time */
};

/* Which symbols of the indices a block holds. */
typedef enum hemp_rans_half { HEMP_RANS_WHOLE, HEMP_RANS_HIGH, HEMP_RANS_LOW_BYTE } hemp_rans_half;

/* The largest num_levels of the parts of the sequence; 1 if the sequence is empty. */
static inline uint32_t hemp_rans_levels(const hemp_part *parts, size_t count) {
    uint32_t levels = 1;
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].num_levels > 1) {
            levels = parts[i].num_levels > levels ? parts[i].num_levels : levels;
            size |= parts[i].size;
        }
    }
    return size > 0 ? levels : 1;
}

static inline uint32_t hemp_rans_symbols(uint32_t levels, hemp_rans_half half) {
    return half == HEMP_RANS_WHOLE ? levels : half == HEMP_RANS_HIGH ? (levels + 255) / 256 : 256;
}

#endif
