/* What both directions between lossless tensors and their segments share (spec/format.md, 6.5). */
#ifndef HEMP_LOSSLESS_H
#define HEMP_LOSSLESS_H

#include "hemp.h"

/* Elements of all parts; HEMP_NONE beyond any memory. */
static inline uint64_t hemp_lossless_elements(const hemp_part *parts, size_t count) {
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > (uint64_t)1 << 40 || total > (uint64_t)1 << 40) {
            return HEMP_NONE;
        }
        total += parts[i].size;
    }
    return total;
}

static inline unsigned hemp_lossless_coded(uint32_t coded_planes, unsigned planes) {
    unsigned coded = 0;
    for (unsigned p = 0; p < planes; p++) {
        coded += coded_planes >> p & 1;
    }
    return coded;
}

/* 1 if these parts are of a dtype whose planes are bytes: of all but bool. */
static inline int hemp_lossless_is_bytes(const hemp_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (parts[i].num_levels != 256 || (parts[i].indices == NULL && parts[i].size > 0)) {
            return 0;
        }
    }
    return 1;
}

#endif
