/* What the files of the arithmetic encoder share: arithmetic_run_encode.c codes under a header, arithmetic_fit_encode.c
 * chooses one with its help, arithmetic_encode.c puts both together. */
#ifndef HEMP_ARITHMETIC_ENCODE_H
#define HEMP_ARITHMETIC_ENCODE_H

#include "arithmetic_mixer.h"
#include "hemp_encode.h"

/* Scratch memory of the encoder, cut from what the caller gave. */
typedef struct arithmetic_scratch {
    arithmetic_state *trial; /* for counting bits without writing */
    uint16_t *columns;
    uint8_t *bins_above;
    arithmetic_mixer *mixer; /* NULL unless the mode is mixed */
    uint32_t *histogram;     /* HEMP_MAX_LEVELS entries */
    uint8_t *bin_of;         /* HEMP_MAX_LEVELS entries */
    uint32_t *sums;          /* one for each element of the run */
} arithmetic_scratch;

static inline uint32_t arithmetic_get_index(const hemp_part *part, uint64_t i) {
    return part->num_levels <= 256 ? ((const uint8_t *)part->indices)[i] : ((const uint16_t *)part->indices)[i];
}

/* 5.7.  With `payload` NULL nothing is written: only `cost` grows, in bits / 65536, or with `measures` only `size`. */
typedef struct range_encoder {
    uint8_t *payload;
    bool measures;
    uint64_t ones;    /* bytes of 255 at the end: what a carry would turn into zeros */
    uint64_t nonzero; /* bytes up to the last that is not zero */
    uint64_t capacity;
    uint64_t size;
    uint64_t low;
    uint64_t range;
    uint64_t cost;
    bool full;
} range_encoder;
/* `payload` NULL: count the cost; with `measures` set then, measure the size instead. */
void hemp_arithmetic_begin_encoder(range_encoder *encoder, uint8_t *payload, size_t capacity);

void hemp_arithmetic_encode_uniform(range_encoder *encoder, uint32_t value, uint32_t bits);

/* Parts of one num_levels under the header in `state`; `first` is the first part of the payload or of another
 * num_levels. Counting is for the plain mode alone. */
void hemp_arithmetic_encode_run(range_encoder *encoder, arithmetic_state *state, const hemp_part *parts, size_t count,
                                bool first, const arithmetic_scratch *scratch);

/* The shortest end that decodes, and no zero bytes after it. */
void hemp_arithmetic_finish(range_encoder *encoder);

/* bin_of[level] for the header's bins. */
void hemp_arithmetic_map_bins(const arithmetic_header *header, uint8_t *bin_of);

/* 65536 (16 - log2 frequency), to within 0.01 bit, for frequencies up to 65536. */
uint32_t hemp_arithmetic_bits_of(uint32_t frequency);

/* Bits, in 1/65536, that header and parts would take. */
uint64_t hemp_arithmetic_cost(const arithmetic_header *header, const hemp_part *parts, size_t count,
                              const arithmetic_scratch *scratch);

/* The same for the mixed mode, after hemp_arithmetic_fit. */
void hemp_arithmetic_fit_mixed(arithmetic_header *header, const hemp_part *parts, size_t count,
                               const arithmetic_scratch *scratch);

/* A good header for parts of one num_levels, all of which take part.  O(elements), and some trials on a bounded number
 * of elements; integer and plain IEEE arithmetic only, so that every platform chooses the same. */
void hemp_arithmetic_fit(arithmetic_header *header, const hemp_part *parts, size_t count,
                         const arithmetic_scratch *scratch);

#endif
