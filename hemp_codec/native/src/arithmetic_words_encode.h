/* Noting and writing symbols and bits of the lanes of a payload, for the plain and the wide mode: spec/coders.md, 5.4.
 */
#ifndef HEMP_ARITHMETIC_WORDS_ENCODE_H
#define HEMP_ARITHMETIC_WORDS_ENCODE_H

#include "arithmetic_encode.h"
#include "arithmetic_lanes.h"
#include "bytes.h"

static inline void hemp_words_note(lanes_records *records, uint32_t lane, const uint16_t *cum, uint32_t place) {
    const uint32_t frequency = (uint16_t)(cum[place + 1] - cum[place]);
    if (records->next)
        *records->next++ = frequency << 16 | cum[place];
    else
        records->costs[lane] += hemp_arithmetic_bits_of(frequency);
}

static inline void hemp_words_note_residual(lanes_records *records, uint32_t lane, arithmetic_state *state,
                                            uint32_t bin, uint32_t rest) {
    const arithmetic_residual residual = state->residuals[bin];
    arithmetic_model *model = &state->residual_models[bin];
    const uint32_t place = residual.first + (rest >> residual.raw_bits);
    arithmetic_prepare_root(model, residual.first);
    hemp_words_note(records, lane, model->cum, place);
    arithmetic_learn(model, place);
    if (!records->next)
        records->costs[lane] += (uint64_t)residual.raw_bits << 16;
}

/* The lower 16 bits of a state become a word if it is `bound` or more.  Without a branch, as in the decoder. */
static inline uint64_t hemp_words_make_room(uint8_t **next, uint64_t state, uint64_t bound) {
    const uint64_t mask = 0 - (uint64_t)(state >= bound);
    hemp_store16(*next - 2, (uint16_t)state);
    *next -= mask & 2;
    return state ^ ((state ^ state >> 16) & mask);
}

/* Both are below 2^53, and the quotient is below 2^24 and at least 2^-16 from the next integer, or equal: dividing as
 * doubles is exact and several times quicker than the integer division of many processors. */
static inline uint64_t hemp_words_quotient_of(uint64_t state, uint32_t frequency) {
    return (uint64_t)(int64_t)((double)(int64_t)state / (double)(int32_t)frequency);
}

static inline void hemp_words_put_symbol(uint8_t **next, uint64_t *lane, uint32_t record) {
    const uint32_t frequency = record >> 16, low = record & 65535;
    const uint64_t state = hemp_words_make_room(next, *lane, (uint64_t)frequency << LANES_LOW_BITS);
    const uint64_t quotient = hemp_words_quotient_of(state, frequency);
    *lane = (quotient << 16) + low + (state - quotient * frequency);
}

static inline void hemp_words_put_bits(uint8_t **next, uint64_t *lane, uint32_t value, uint32_t bits) {
    *lane = hemp_words_make_room(next, *lane, (uint64_t)1 << (LANES_LOW_BITS + 16 - bits)) << bits | value;
}

#endif
