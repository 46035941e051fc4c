/* Helpers on parts that several coders need. */
#ifndef HEMP_PARTS_H
#define HEMP_PARTS_H

#include "internal.h"

/* Bits of an index below num_levels: the smallest w with 2^w >= num_levels. */
static inline unsigned hemp_index_bits(uint32_t num_levels) {
    unsigned bits = 0;
    while (((uint32_t)1 << bits) < num_levels) {
        bits++;
    }
    return bits;
}

static inline int hemp_part_is_wide(const hemp_part *part) {
    return part->num_levels > 256;
}

/* Every index of a part of one level is 0. */
void hemp_part_clear(const hemp_part *part);

/* HEMP_BAD_ARGUMENT if a num_levels is out of range or an array is missing. */
hemp_status hemp_parts_check(const hemp_part *parts, size_t count);

/* HEMP_BAD_INDEX if an index is not below num_levels. */
hemp_status hemp_part_check_indices(const hemp_part *part);

#endif
