/* Models of the arithmetic coder, the same for both directions: spec/coders.md, section 5. */
#ifndef HEMP_ARITHMETIC_MODEL_H
#define HEMP_ARITHMETIC_MODEL_H

#include <stdbool.h>
#include <string.h>

#include "internal.h"

enum {
    HEMP_MAX_BINS = 16,
    HEMP_MAX_CLASSES = 16,
    HEMP_MAX_CONTEXTS = 256,
    HEMP_CELLS = 256,
    HEMP_ROOT_LIMIT = 32768,
    HEMP_MIN_RATE = 2,
    HEMP_WEIGHTS = 256,  /* the weights of the features sum up to this at most */
    HEMP_UNIT_BITS = 12, /* magnitudes have so many fractional bits */
    HEMP_INITIAL_SHIFT = HEMP_UNIT_BITS - 4
};

/* A model of up to 16 symbols (5.5), which take the last of 16 places: the places before theirs begin at 0, as the
 * first symbol does, so that the number of places that begin at a value or below it tells the symbol, whatever their
 * number. cum[16] stands for 65536. */
typedef struct arithmetic_model {
    uint16_t cum[HEMP_MAX_BINS + 1];
    int16_t left; /* symbols before the frequencies are made anew */
    uint16_t count[HEMP_MAX_BINS];
} arithmetic_model;

/* The header's fields (5.2). */
typedef struct arithmetic_header {
    uint32_t num_levels;
    uint32_t symbol;
    uint32_t bins;
    uint32_t bin_start[HEMP_MAX_BINS + 1]; /* first level of each bin; the last entry is num_levels */
    uint32_t center;
    uint32_t order;
    uint32_t classes;
    uint32_t prior;
    uint32_t limit;
    uint32_t weights[4];
    uint32_t shift;
    uint32_t row_rate; /* the rates themselves, 2 added */
    uint32_t column_rate;
    uint32_t initial;
    uint8_t thresholds[HEMP_MAX_CLASSES - 1];
    bool constant;
} arithmetic_header;

/* How the residual in a bin is coded: a symbol of a model, then `raw_bits`. */
typedef struct arithmetic_residual {
    uint32_t levels;
    uint32_t first; /* place of the first symbol */
    uint32_t raw_bits;
} arithmetic_residual;

typedef struct arithmetic_state {
    arithmetic_header header;
    arithmetic_residual residuals[HEMP_MAX_BINS];
    arithmetic_model root;
    arithmetic_model residual_models[HEMP_MAX_BINS];
    arithmetic_model contexts[HEMP_MAX_CONTEXTS];
    uint8_t class_of_cell[HEMP_CELLS];
    uint32_t context_limit;
    uint32_t first_bin; /* place of bin 0 in the models */
    uint32_t history_modulus;
    uint32_t history_start;
} arithmetic_state;

/* Of each bin of the header. */
void hemp_arithmetic_list_residuals(const arithmetic_header *header, arithmetic_residual residuals[HEMP_MAX_BINS]);

/* Models at their beginning for the header in `state`, which has been checked. */
void hemp_arithmetic_begin_models(arithmetic_state *state);

/* Entries of each of the column arrays that a part needs, and the most that any of the parts needs. */
uint64_t hemp_arithmetic_columns(const hemp_part *part);
uint64_t hemp_arithmetic_most_columns(const hemp_part *parts, size_t count);

/* Make the frequencies anew.  `first`: place of the first symbol. */
void hemp_arithmetic_rebuild_root(arithmetic_model *model, uint32_t first);
void hemp_arithmetic_rebuild_context(arithmetic_state *state, arithmetic_model *model);

/* Number of the highest bit that is set; 0 for 0. */
static inline uint32_t arithmetic_high_bit(uint32_t value) {
#if defined(__GNUC__)
    return 31 - (uint32_t)__builtin_clz(value | 1);
#else
    uint32_t bit = 0;
    for (uint32_t step = 16; step > 0; step /= 2)
        if (value >> (bit + step))
            bit += step;
    return bit;
#endif
}

static inline bool arithmetic_takes_part(const hemp_part *part) {
    return part->num_levels > 1 && part->size > 0;
}

static inline uint32_t arithmetic_frequency(const arithmetic_model *model, uint32_t place) {
    return (uint16_t)(model->cum[place + 1] - model->cum[place]);
}

static inline void arithmetic_learn(arithmetic_model *model, uint32_t place) {
    model->count[place]++;
    model->left--;
}

/* Before a symbol: `first` as for hemp_arithmetic_rebuild_root. */
static inline void arithmetic_prepare_root(arithmetic_model *model, uint32_t first) {
    if (model->left <= 0)
        hemp_arithmetic_rebuild_root(model, first);
}

/* floor(weight value / 256); with several of them and weights of 256 in all, their sum fits 16 bits. */
static inline uint16_t arithmetic_weighted(uint32_t weight, uint16_t value) {
    return (uint16_t)((weight << 8) * value >> 16);
}

/* average + floor((sum - n average) / (n 2^rate)), n = 2^bits: learning from n magnitudes at once.  In unsigned
 * arithmetic: the bias keeps the difference positive and is a multiple of the divisor. */
static inline uint32_t arithmetic_average_of(uint32_t average, uint32_t sum, uint32_t bits, uint32_t rate) {
    const uint32_t bias = (uint32_t)1 << 20;
    return average + ((sum + bias - (average << bits)) >> (bits + rate)) - (bias >> (bits + rate));
}

#endif
