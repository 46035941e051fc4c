/* What the files of the arithmetic encoder share.  arithmetic_fit_encode.c chooses a header, with the help of
 * arithmetic_cost_encode.c; arithmetic_header_encode.c writes it; a file for each mode codes the indices of a part;
 * arithmetic_encode.c puts all together. */
#ifndef HEMP_ARITHMETIC_ENCODE_H
#define HEMP_ARITHMETIC_ENCODE_H

#include "arithmetic_header.h"
#include "arithmetic_mixer.h"
#include "arithmetic_wide.h"
#include "hemp_encode.h"

/* Of an element's neighborhood: what its row, its column, the elements before it and the row above let expect. */
typedef struct arithmetic_features {
    uint16_t values[4];
} arithmetic_features;

/* Scratch memory of the encoder, cut from what the caller gave. */
typedef struct arithmetic_scratch {
    arithmetic_state *trial;
    arithmetic_mixer *mixer; /* NULL unless the mode is mixed */
    arithmetic_wide *wide;   /* NULL unless it is wide */
    uint16_t *columns;
    uint32_t *histogram; /* HEMP_MAX_LEVELS entries */
    uint8_t *bin_of;     /* HEMP_MAX_LEVELS entries */
    union {
        uint32_t *records;             /* while coding: two for each element, and one for each round of lanes */
        arithmetic_features *features; /* while a header is chosen: one for each element */
    };
} arithmetic_scratch;

static inline uint32_t arithmetic_get_index(const hemp_part *part, uint64_t i) {
    return part->num_levels <= 256 ? ((const uint8_t *)part->indices)[i] : ((const uint16_t *)part->indices)[i];
}

/* Bits from the least significant of each byte on.  With `bytes` NULL only `position` counts. */
typedef struct bit_writer {
    uint8_t *bytes;
    uint64_t position;
} bit_writer;

void hemp_write_bits(bit_writer *writer, uint32_t value, uint32_t bits);
void hemp_arithmetic_write_header(bit_writer *writer, const arithmetic_header *header, uint32_t mode);

/* bin_of[level] for the header's bins. */
void hemp_arithmetic_map_bins(const arithmetic_header *header, uint8_t *bin_of);

/* 65536 (16 - log2 frequency), to within 2 units, for frequencies up to 65536. */
uint32_t hemp_arithmetic_bits_of(uint32_t frequency);

/* Bits, in 1/65536, that parts of one num_levels would take in the plain mode with one lane, header included. */
uint64_t hemp_arithmetic_cost(const arithmetic_header *header, const hemp_part *parts, size_t count,
                              const arithmetic_scratch *scratch);

/* A good header for parts of one num_levels, all of which take part.  O(elements) with a small constant, and some
 * trials on a bounded number of elements; integer and plain IEEE arithmetic only, so that every platform chooses the
 * same.  `lanes_bits`: for so many lanes, 0 for the mixed mode. */
void hemp_arithmetic_fit(arithmetic_header *header, const hemp_part *parts, size_t count, uint32_t lanes_bits,
                         const arithmetic_scratch *scratch);

/* What a lane codes: `cum` in the lower, `frequency` in the upper 16 bits.  In the plain mode, where bins have several
 * levels, a round of several lanes ends with the mask of those that code a residual. */
typedef struct lanes_records {
    uint32_t *next;    /* NULL: only `costs` count, in bits / 65536 */
    uint64_t costs[8]; /* of the lanes */
} lanes_records;

/* Run the models over a part, forwards, and note what is to be coded; then code it, backwards. */
void hemp_lanes_list_part(lanes_records *records, arithmetic_state *state, const hemp_part *part, uint32_t lanes_bits,
                          const uint8_t *bin_of, uint16_t *columns);

/* The same for the wide mode. */
void hemp_wide_list_part(lanes_records *records, arithmetic_state *state, arithmetic_wide *wide, const hemp_part *part,
                         uint32_t lanes_bits, const uint8_t *bin_of, uint16_t *columns);

/* Writes towards the front; there is room for hemp_arithmetic_encode_bound() bytes. */
typedef struct lanes_encoder {
    uint64_t states[8];
    uint8_t *next;
} lanes_encoder;

void hemp_lanes_begin_encoder(lanes_encoder *encoder, uint8_t *end);
/* `records`: the end of what was noted; returns its beginning.  `residuals` are those of the part's header. */
const uint32_t *hemp_lanes_encode_part(lanes_encoder *encoder, const arithmetic_residual *residuals,
                                       const arithmetic_header *header, const hemp_part *part, uint32_t lanes_bits,
                                       const uint8_t *bin_of, const uint32_t *records);
const uint32_t *hemp_wide_encode_part(lanes_encoder *encoder, const arithmetic_residual *residuals,
                                      const arithmetic_header *header, const hemp_part *part, uint32_t lanes_bits,
                                      const uint8_t *bin_of, const uint32_t *records);
void hemp_lanes_finish(lanes_encoder *encoder, uint32_t lanes_bits);

/* Of the mixed mode (5.7).  With `payload` NULL nothing is written: only `cost` grows, in bits / 65536. */
typedef struct range_encoder {
    uint8_t *payload;
    uint64_t size;
    uint64_t low;
    uint64_t range;
    uint64_t cost;
} range_encoder;

void hemp_range_begin_encoder(range_encoder *encoder, uint8_t *payload);
void hemp_mixed_encode_part(range_encoder *encoder, arithmetic_state *state, const hemp_part *part,
                            const arithmetic_scratch *scratch);
/* The shortest end that decodes, and no zero bytes after it. */
void hemp_range_finish(range_encoder *encoder);

#endif
