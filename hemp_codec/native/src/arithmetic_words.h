/* Symbols and bits of the lanes of a payload (spec/coders.md, 5.4), for the plain and the wide mode. */
#ifndef HEMP_ARITHMETIC_WORDS_H
#define HEMP_ARITHMETIC_WORDS_H

#include "arithmetic_decode.h"
#include "arithmetic_lanes.h"
#include "bytes.h"

/* The words of a payload, and the number of bytes taken of them, those beyond the end included: then the last word is
 * taken again, and in the end the position tells.  Copied for a run, so that it can stay in registers. */
typedef struct word_source {
    const uint8_t *words;
    uint64_t last;
    uint64_t position;
} word_source;

/* Without a branch: when a state runs low is not to be foreseen. */
static inline uint64_t hemp_words_refill(word_source *source, uint64_t state) {
    const uint64_t word =
        hemp_load16(source->words + (source->position < source->last ? source->position : source->last));
    const uint64_t mask = 0 - (uint64_t)(state < (uint64_t)1 << LANES_LOW_BITS);
    source->position += mask & 2;
    return state ^ ((state ^ (state << 16 | word)) & mask);
}

/* Number of the last of the 16 places that begins at `value` or below. */
static inline uint32_t hemp_words_find(const uint16_t *cum, uint32_t value) {
#ifdef HEMP_SSE2
    const __m128i values = _mm_set1_epi16((short)value), zero = _mm_setzero_si128();
    const __m128i low = _mm_subs_epu16(_mm_loadu_si128((const __m128i *)(const void *)cum), values);
    const __m128i high = _mm_subs_epu16(_mm_loadu_si128((const __m128i *)(const void *)(cum + 8)), values);
    const __m128i reached = _mm_packs_epi16(_mm_cmpeq_epi16(low, zero), _mm_cmpeq_epi16(high, zero));
    return (uint32_t)__builtin_ctz(~(uint32_t)_mm_movemask_epi8(reached)) - 1;
#else
    uint32_t place = cum[8] <= value ? 8 : 0;
    place += cum[place + 4] <= value ? 4 : 0;
    place += cum[place + 2] <= value ? 2 : 0;
    return place + (cum[place + 1] <= value ? 1 : 0);
#endif
}

static inline uint64_t hemp_words_without(word_source *source, uint64_t state, const uint16_t *cum, uint32_t place) {
    const uint64_t rest = (state & 65535) - cum[place], frequency = (uint16_t)(cum[place + 1] - cum[place]);
    return hemp_words_refill(source, frequency * (state >> 16) + rest);
}

static inline uint32_t hemp_words_place(word_source *source, uint64_t *lane, const uint16_t *cum) {
    const uint32_t place = hemp_words_find(cum, (uint32_t)*lane & 65535);
    *lane = hemp_words_without(source, *lane, cum, place);
    return place;
}

static inline uint32_t hemp_words_bits(word_source *source, uint64_t *lane, uint32_t bits) {
    const uint64_t state = *lane;
    *lane = hemp_words_refill(source, state >> bits);
    return (uint32_t)state & (((uint32_t)1 << bits) - 1);
}

/* The level's number in its bin; it may be too large in a damaged payload. */
static inline uint32_t hemp_words_residual(word_source *source, uint64_t *lane, arithmetic_state *state, uint32_t bin) {
    const arithmetic_residual residual = state->residuals[bin];
    arithmetic_model *model = &state->residual_models[bin];
    arithmetic_prepare_root(model, residual.first);
    const uint32_t place = hemp_words_place(source, lane, model->cum);
    arithmetic_learn(model, place);
    const uint32_t symbol = place - residual.first;
    return residual.raw_bits == 0 ? symbol
                                  : symbol << residual.raw_bits | hemp_words_bits(source, lane, residual.raw_bits);
}

#endif
