/* What both halves of the coder `rans` share (spec/coders.md, 6). */
#ifndef HEMP_RANS_H
#define HEMP_RANS_H

#include "parts.h"

enum {
    HEMP_RANS_SCALE_BITS = 12,
    HEMP_RANS_SCALE = 1 << HEMP_RANS_SCALE_BITS,
    HEMP_RANS_LOW = 1 << 16, /* states are renormalised to this and above */
    HEMP_RANS_MAX_LANE_BITS = 5,
    HEMP_RANS_MAX_LANES = 1 << HEMP_RANS_MAX_LANE_BITS,
    HEMP_RANS_CLASS_SHIFT = 3, /* of the number of classes - 1 in the mode */
    HEMP_RANS_MAX_CLASSES = 8,
    HEMP_RANS_MIN_STRIP = 64,
    HEMP_RANS_MAX_SYMBOLS = 256,
    HEMP_RANS_RAW = 254,
    HEMP_RANS_CONSTANT = 255
};

/* Which symbols of the indices a block holds. */
typedef enum hemp_rans_half { HEMP_RANS_WHOLE, HEMP_RANS_HIGH, HEMP_RANS_LOW_BYTE } hemp_rans_half;

/* How a sequence of `symbols` is cut: a strip of `first` symbols, then strips of `length`; the last may be shorter. */
typedef struct hemp_rans_strips {
    uint64_t symbols;
    uint64_t length;
    uint64_t first;
} hemp_rans_strips;

/* Bytes that the caller reads after the symbols. */
typedef struct hemp_rans_later {
    const uint8_t *data;
    size_t size;
} hemp_rans_later;

/* As hemp_rans_decode; where the processor can, it fetches `later`, which may be NULL, meanwhile. */
hemp_status hemp_rans_decode_with(const hemp_rans_later *later, const uint8_t *payload, size_t size,
                                  const hemp_part *parts, size_t count, void *memory, size_t memory_size);

static inline uint64_t hemp_rans_strip_count(const hemp_rans_strips *strips) {
    return 1 + (strips->symbols - strips->first + strips->length - 1) / strips->length;
}

static inline uint64_t hemp_rans_strip_begin(const hemp_rans_strips *strips, uint64_t strip) {
    return strip == 0 ? 0 : strips->first + (strip - 1) * strips->length;
}

static inline uint64_t hemp_rans_strip_end(const hemp_rans_strips *strips, uint64_t strip) {
    const uint64_t end = strips->first + strip * strips->length;
    return end < strips->symbols ? end : strips->symbols;
}

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

/* The only part of more than one level; NULL if there are several or none. */
static inline const hemp_part *hemp_rans_only_part(const hemp_part *parts, size_t count) {
    const hemp_part *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].num_levels > 1) {
            if (found != NULL) {
                return NULL;
            }
            found = &parts[i];
        }
    }
    return found;
}

static inline uint32_t hemp_rans_symbols(uint32_t levels, hemp_rans_half half) {
    return half == HEMP_RANS_WHOLE ? levels : half == HEMP_RANS_HIGH ? (levels + 255) / 256 : 256;
}

#endif
