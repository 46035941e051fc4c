/* The neighborhood of an element, the same for both modes and both directions: spec/coders.md, 5.3.
 *
 * In the plain mode eight rows are coded in lock step, one in each lane, so that a processor works on several elements
 * at once: what is expected of one does not wait for the one before it.  Everything that is done for each lane alike
 * fits 16 bits, and a loop over eight of them is an instruction or two. */
#ifndef HEMP_ARITHMETIC_LANES_H
#define HEMP_ARITHMETIC_LANES_H

#include "arithmetic_model.h"

/* Part of every x86-64.  Elsewhere, and where code is to be small, loops do the same. */
#if defined(__SSE2__) && defined(__GNUC__) && !defined(HEMP_NO_SIMD) && !defined(HEMP_SMALL)
#include <emmintrin.h>
#define HEMP_SSE2 1
#endif

enum {
    LANES_BITS = 3,
    LANES_MOST = 1 << LANES_BITS,
    LANES_LOW_BITS = 24, /* states lie from 2^24 up to 2^40 */
    LANES_STATE_BYTES = 5
};

/* What is known of the neighbors of one element in each lane; all lanes are in the same column. */
typedef struct lanes_neighbors {
    uint16_t *column; /* for each column its average, and the mean of the rows before: the lanes share them */
    uint16_t *above;
    uint64_t columns; /* of the tensor */
    uint64_t j;
    uint64_t until_row; /* rounds before the next row begins */
    uint32_t column_rate;
    uint32_t groups; /* times that j came back to 0 since the part began, up to 254 */
    uint16_t row[LANES_MOST], left[LANES_MOST], left2[LANES_MOST], history[LANES_MOST];
} lanes_neighbors;

/* A stretch of a part: `rounds` rounds of 2^lanes_bits elements, one in each of so many rows that follow each other. */
typedef struct lanes_run {
    uint64_t first;
    uint64_t rounds;
    uint32_t lanes_bits;
} lanes_run;

/* The runs of a part: as many whole rows for each lane as there are, then what is left in a single lane. */
size_t hemp_arithmetic_runs(const hemp_part *part, uint32_t lanes_bits, lanes_run runs[2]);

/* `columns`: 4 bytes for each of hemp_arithmetic_columns().  The columns' averages go on from run to run. */
void hemp_arithmetic_begin_run(const arithmetic_state *state, const hemp_part *part, const lanes_run *run,
                               uint16_t *columns, lanes_neighbors *at);

/* Place of the element in lane 0; that in lane k is k * columns behind it. */
static inline uint64_t lanes_next_place(const lanes_neighbors *at, uint64_t place, uint32_t lanes) {
    return at->j == 0 ? place + 1 + (lanes - 1) * at->columns : place + 1;
}

/* Mean of the magnitudes before the element: (3 left + left2) / 4, exact because they are multiples of 4. */
static inline uint16_t lanes_near(const lanes_neighbors *at, uint32_t lane) {
    return (uint16_t)(at->left[lane] - (at->left[lane] >> 2) + (at->left2[lane] >> 2));
}

/* What column and row above contribute to the cells of all lanes. */
static inline uint16_t lanes_of_columns(const arithmetic_header *header, const lanes_neighbors *at) {
    return (uint16_t)(arithmetic_weighted(header->weights[1], at->column[at->j]) +
                      arithmetic_weighted(header->weights[3], at->above[at->j]));
}

/* The cell of the next element of each lane. */
static inline void lanes_cells(const arithmetic_header *header, const lanes_neighbors *at, uint32_t lanes,
                               uint16_t shared, uint16_t cells[LANES_MOST]) {
#ifdef HEMP_SSE2
    if (lanes == LANES_MOST) {
        const __m128i row = _mm_loadu_si128((const __m128i *)(const void *)at->row);
        const __m128i left = _mm_loadu_si128((const __m128i *)(const void *)at->left);
        const __m128i left2 = _mm_loadu_si128((const __m128i *)(const void *)at->left2);
        const __m128i near = _mm_add_epi16(_mm_sub_epi16(left, _mm_srli_epi16(left, 2)), _mm_srli_epi16(left2, 2));
        const __m128i of_row = _mm_mulhi_epu16(row, _mm_set1_epi16((short)(header->weights[0] << 8)));
        const __m128i of_near = _mm_mulhi_epu16(near, _mm_set1_epi16((short)(header->weights[2] << 8)));
        const __m128i sum = _mm_add_epi16(_mm_add_epi16(of_row, of_near), _mm_set1_epi16((short)shared));
        const __m128i cell = _mm_srl_epi16(sum, _mm_cvtsi32_si128((int)header->shift));
        const __m128i beyond = _mm_subs_epu16(cell, _mm_set1_epi16(HEMP_CELLS - 1));
        _mm_storeu_si128((__m128i *)(void *)cells, _mm_sub_epi16(cell, beyond));
        return;
    }
#endif
    for (uint32_t k = 0; k < lanes; k++) {
        const uint32_t sum = (uint32_t)shared + arithmetic_weighted(header->weights[0], at->row[k]) +
                             arithmetic_weighted(header->weights[2], lanes_near(at, k));
        const uint32_t cell = sum >> header->shift;
        cells[k] = (uint16_t)(cell < HEMP_CELLS ? cell : HEMP_CELLS - 1);
    }
}

/* The context models of the next element of each lane, ready to be coded with. */
static inline void lanes_prepare(arithmetic_state *state, const lanes_neighbors *at, uint32_t lanes, bool has_history,
                                 arithmetic_model *models[LANES_MOST]) {
    const arithmetic_header *header = &state->header;
    arithmetic_prepare_root(&state->root, state->first_bin);
    if (header->classes > 1) {
        uint16_t cells[LANES_MOST];
        lanes_cells(header, at, lanes, lanes_of_columns(header, at), cells);
        for (uint32_t k = 0; k < lanes; k++)
            models[k] = &state->contexts[state->class_of_cell[cells[k]]];
    } else {
        for (uint32_t k = 0; k < lanes; k++)
            models[k] = state->contexts;
    }
    for (uint32_t k = 0; k < lanes; k++) {
        if (has_history)
            models[k] += at->history[k] * header->classes;
        if (models[k]->left <= 0)
            hemp_arithmetic_rebuild_context(state, models[k]);
    }
}

/* Take note of the bins of a round in `row`, `left` and `left2`; returns the sum of their distances from the center.
 * row + floor((magnitude - row) / 2^rate) is what follows, because the magnitude is a multiple of the divisor. */
static inline uint32_t lanes_observe_rows(const arithmetic_header *header, lanes_neighbors *at, uint32_t lanes,
                                          const uint16_t bins[LANES_MOST]) {
    const uint16_t center = (uint16_t)header->center, up = (uint16_t)((1 << header->row_rate) - 1);
#ifdef HEMP_SSE2
    if (lanes == LANES_MOST) {
        const __m128i bin = _mm_loadu_si128((const __m128i *)(const void *)bins),
                      at_center = _mm_set1_epi16((short)center);
        const __m128i distance = _mm_or_si128(_mm_subs_epu16(bin, at_center), _mm_subs_epu16(at_center, bin));
        const __m128i magnitude = _mm_slli_epi16(distance, HEMP_UNIT_BITS);
        const __m128i row = _mm_loadu_si128((const __m128i *)(const void *)at->row);
        const __m128i rate = _mm_cvtsi32_si128((int)header->row_rate);
        const __m128i down = _mm_srl_epi16(_mm_add_epi16(row, _mm_set1_epi16((short)up)), rate);
        const __m128i sums = _mm_sad_epu8(distance, _mm_setzero_si128());
        memcpy(at->left2, at->left, sizeof at->left);
        _mm_storeu_si128((__m128i *)(void *)at->left, magnitude);
        _mm_storeu_si128((__m128i *)(void *)at->row,
                         _mm_sub_epi16(_mm_add_epi16(row, _mm_srl_epi16(magnitude, rate)), down));
        return (uint32_t)(_mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4));
    }
#endif
    uint32_t sum = 0;
    for (uint32_t k = 0; k < lanes; k++) {
        const uint16_t distance = (uint16_t)(bins[k] > center ? bins[k] - center : center - bins[k]);
        const uint16_t magnitude = (uint16_t)(distance << HEMP_UNIT_BITS);
        sum += distance;
        at->left2[k] = at->left[k];
        at->left[k] = magnitude;
        at->row[k] = (uint16_t)(at->row[k] + (magnitude >> header->row_rate) - ((at->row[k] + up) >> header->row_rate));
    }
    return sum;
}

/* The averages of the columns learn quickly at first. */
static inline void lanes_set_column_rate(const arithmetic_header *header, lanes_neighbors *at) {
    const uint32_t quick = arithmetic_high_bit(at->groups + 2);
    at->column_rate = quick < header->column_rate ? quick : header->column_rate;
}

/* Did a row begin after the last round? */
static inline bool lanes_begin_row(const lanes_neighbors *at) {
    return at->until_row == at->columns;
}

/* Take note of the bins of a round. */
static inline void lanes_observe(const arithmetic_state *state, lanes_neighbors *at, uint32_t lanes_bits,
                                 bool has_history, const uint16_t bins[LANES_MOST]) {
    const arithmetic_header *header = &state->header;
    const uint32_t lanes = (uint32_t)1 << lanes_bits;
    if (has_history)
        for (uint32_t k = 0; k < lanes; k++)
            at->history[k] = (uint16_t)((at->history[k] * header->bins + bins[k]) % state->history_modulus);
    if (header->classes > 1) {
        const uint32_t sum = lanes_observe_rows(header, at, lanes, bins) << HEMP_UNIT_BITS;
        at->above[at->j] = (uint16_t)(sum >> lanes_bits);
        at->column[at->j] = (uint16_t)arithmetic_average_of(at->column[at->j], sum, lanes_bits, at->column_rate);
    }
    if (++at->j == at->columns) {
        at->j = 0;
        at->groups += at->groups < 254;
        lanes_set_column_rate(header, at);
    }
    if (--at->until_row == 0) {
        at->until_row = at->columns;
        for (uint32_t k = 0; k < lanes; k++)
            at->row[k] = (uint16_t)((at->row[k] + (header->initial << HEMP_INITIAL_SHIFT)) >> 1);
    }
}

#endif
