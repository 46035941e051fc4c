/* What the ways to encode a run of the plain mode share. */
#ifndef HEMP_ARITHMETIC_LANES_ENCODE_H
#define HEMP_ARITHMETIC_LANES_ENCODE_H

#include "arithmetic_words_encode.h"
#include "cpu.h"

/* What tells the residuals of a part. */
typedef struct lanes_residuals {
    const arithmetic_residual *of_bins;
    const arithmetic_header *header;
    const hemp_part *part;
    const uint8_t *bin_of;
    bool any; /* some bins have several levels */
} lanes_residuals;

/* Code the residual of the element at `place`, if its bin has several levels; gives what is left of the records. */
static inline const uint32_t *lanes_encode_residual(lanes_encoder *encoder, const lanes_residuals *residuals,
                                                    uint32_t lane, uint64_t place, const uint32_t *records) {
    const uint32_t index = arithmetic_get_index(residuals->part, place), bin = residuals->bin_of[index];
    const arithmetic_residual residual = residuals->of_bins[bin];
    if (residual.levels == 1)
        return records;
    if (residual.raw_bits > 0)
        hemp_words_put_bits(&encoder->next, &encoder->states[lane],
                            (index - residuals->header->bin_start[bin]) & (((uint32_t)1 << residual.raw_bits) - 1),
                            residual.raw_bits);
    hemp_words_put_symbol(&encoder->next, &encoder->states[lane], records[-1]);
    return records - 1;
}

/* The same for a round of several lanes, whose mask is the next record; `place` is that of lane 0. */
static inline const uint32_t *lanes_encode_residuals(lanes_encoder *encoder, const lanes_residuals *residuals,
                                                     uint64_t place, const uint32_t *records) {
    for (uint32_t left = *--records; left > 0;) {
        const uint32_t k = arithmetic_high_bit(left);
        left ^= (uint32_t)1 << k;
        records = lanes_encode_residual(encoder, residuals, k, place + k * residuals->part->columns, records);
    }
    return records;
}

/* For lanes_place_before: behind the last round of a run, with `j` the number of columns. */
static inline uint64_t lanes_end_of(const lanes_residuals *residuals, const lanes_run *run) {
    return run->first + (run->rounds << run->lanes_bits) - residuals->part->columns * (LANES_MOST - 1);
}

/* Place of the element of lane 0 in the round before; `j` columns stand before the one of the round at `place`. */
static inline uint64_t lanes_place_before(const lanes_residuals *residuals, uint64_t place, uint64_t *j) {
    const uint64_t columns = residuals->part->columns;
    if (*j == 0) {
        *j = columns;
        place -= (LANES_MOST - 1) * columns;
    }
    *j -= 1;
    return place - 1;
}

#ifdef HEMP_X86_SIMD
/* Code a run of eight lanes; `records` as for hemp_lanes_encode_part. */
const uint32_t *hemp_lanes_encode_avx2(lanes_encoder *encoder, const lanes_residuals *residuals, const lanes_run *run,
                                       const uint32_t *records);
#endif

#endif
