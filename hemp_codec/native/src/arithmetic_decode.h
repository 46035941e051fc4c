/* What the files of the arithmetic decoder share: each mode decodes a part, arithmetic_decode.c a payload. */
#ifndef HEMP_ARITHMETIC_DECODE_H
#define HEMP_ARITHMETIC_DECODE_H

#include "arithmetic_mixer.h"
#include "arithmetic_wide.h"

/* Of the plain and the wide mode.  `position` counts the bytes of words taken, those beyond the end included. */
typedef struct lanes_decoder {
    const uint8_t *words;
    uint64_t size;
    uint64_t last; /* place of the last word */
    uint64_t position;
    uint64_t states[8];
    uint32_t lanes_bits;
    bool failed;
} lanes_decoder;

/* False: there is no room for the states, a state is too small, or half a word. */
bool hemp_lanes_begin_decoder(lanes_decoder *decoder, const uint8_t *coded, size_t size, uint32_t lanes_bits);
/* `columns`: 4 bytes for each of hemp_arithmetic_columns(). */
void hemp_lanes_decode_part(lanes_decoder *decoder, arithmetic_state *state, const hemp_part *part, uint16_t *columns);
void hemp_wide_decode_part(lanes_decoder *decoder, arithmetic_state *state, arithmetic_wide *wide,
                           const hemp_part *part, uint16_t *columns);
bool hemp_lanes_end_well(const lanes_decoder *decoder);

/* Of the mixed mode (5.6).  `position` counts the bytes read, those beyond the end included; `failed` stays set once v
 * was out of range, so that the inner loop needs no exit. */
typedef struct range_decoder {
    const uint8_t *payload;
    uint64_t size;
    uint64_t position;
    uint64_t code;
    uint64_t range;
    uint64_t window; /* the last 8 bytes read */
    bool failed;
} range_decoder;

void hemp_range_begin_decoder(range_decoder *decoder, const uint8_t *coded, size_t size);
/* `columns`: 5 bytes for each. */
void hemp_mixed_decode_part(range_decoder *decoder, arithmetic_state *state, arithmetic_mixer *mixer,
                            const hemp_part *part, uint16_t *columns);
bool hemp_range_ends_well(const range_decoder *decoder);

static inline void arithmetic_put_index(const hemp_part *part, uint64_t i, uint32_t index) {
    if (part->num_levels <= 256)
        ((uint8_t *)part->indices)[i] = (uint8_t)index;
    else
        ((uint16_t *)part->indices)[i] = (uint16_t)index;
}

#endif
