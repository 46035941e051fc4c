/* The wide mode of the arithmetic coder, the same for both directions: spec/coders.md, 5.8.
 *
 * The probabilities of all bins at once are mixed from those of four contexts, in the domain of logarithms.  Eight rows
 * are coded together, each one column behind the one above it, so that a processor works on several elements at once
 * and every element still knows the one above. */
#ifndef HEMP_ARITHMETIC_WIDE_H
#define HEMP_ARITHMETIC_WIDE_H

#include "arithmetic_lanes.h"
#include "cpu.h"

enum {
    WIDE_LANES = LANES_MOST,
    WIDE_INPUTS = 4,
    WIDE_PLACES = HEMP_MAX_BINS,
    WIDE_LEVELS = 20,    /* of the averages of row and column */
    WIDE_CLASSES = 28,   /* of cells */
    WIDE_COLUMNS = 4096, /* that are told apart */
    WIDE_OF_CELL = 0,    /* the inputs' slots */
    WIDE_OF_AVERAGES = WIDE_OF_CELL + WIDE_CLASSES,
    WIDE_OF_LEFT = WIDE_OF_AVERAGES + WIDE_LEVELS * WIDE_LEVELS,
    WIDE_OF_COLUMN = WIDE_OF_LEFT + WIDE_PLACES * WIDE_PLACES,
    WIDE_SLOTS = WIDE_OF_COLUMN + WIDE_COLUMNS,
    WIDE_LIMIT = 4096,    /* counts of a slot */
    WIDE_WEIGHT_BITS = 8, /* of a weight below what is multiplied with */
    WIDE_FIRST_WEIGHT = 5000 << WIDE_WEIGHT_BITS,
    WIDE_MOST_WEIGHT = 24576 << WIDE_WEIGHT_BITS,
    WIDE_RATE = 12,
    WIDE_SCALE = 65519 /* of the frequencies; with one more for each bin their sum is below 2^16 */
};

/* Where GNU C would make straight code of a short loop it no longer finds the vector instructions for it. */
#if defined(__GNUC__) && !defined(__clang__)
#define WIDE_LOOP _Pragma("GCC unroll 1")
#else
#define WIDE_LOOP
#endif

/* What is known under one context.  Bins have the places that they have in an arithmetic_model. */
typedef struct wide_slot {
    int16_t gain[WIDE_PLACES]; /* log2 of each bin's probability over that in the root, in 1/1024 */
    uint16_t count[WIDE_PLACES];
    uint16_t left; /* bins before the gains are made anew */
    uint16_t unused;
} wide_slot;

typedef struct wide_table {
    uint16_t frequency[WIDE_PLACES]; /* as mixed; what is left of 65536 goes to the last place in `cum` alone */
    uint16_t cum[WIDE_PLACES + 1];   /* as in an arithmetic_model */
    uint16_t unused[31];             /* so that no vector lies across two cache lines of a table */
} wide_table;

typedef struct arithmetic_wide {
    int16_t base[WIDE_PLACES];       /* log2 of the root's frequencies, in 1/256 */
    int16_t root_log[WIDE_PLACES];   /* the same in 1/1024 */
    uint16_t root_half[WIDE_PLACES]; /* half of the frequency, rounded up */
    uint16_t used[WIDE_PLACES];      /* 1 where there is a bin, else 0 */
    int32_t weights[WIDE_INPUTS];
    uint32_t first_bin; /* place of bin 0 */
    wide_slot slots[WIDE_SLOTS];
    /* Where slots lie, in bytes from the first of their input: by the cell, and by averages in 1/64. */
    uint16_t of_cell[HEMP_CELLS], of_column[1024], of_row[1024];
} arithmetic_wide;

typedef wide_slot *wide_slots[WIDE_LANES][WIDE_INPUTS];

/* What takes most of the time, for one kind of processor each; all give the same. */
typedef struct wide_kernels {
    void (*predict)(const arithmetic_wide *wide, wide_slots slots, uint32_t lanes, wide_table *tables);
    /* `places`: of each lane's bin; a lane that has none has frequencies of 0 and a place beyond the last. */
    void (*train)(arithmetic_wide *wide, wide_slots slots, uint32_t lanes, const wide_table *tables,
                  const uint16_t *places);
    void (*rebuild)(const arithmetic_wide *wide, wide_slot *slot);
} wide_kernels;

/* Those for the processor at hand. */
const wide_kernels *hemp_wide_kernels(void);
#ifdef HEMP_X86_SIMD
const wide_kernels *hemp_wide_kernels_avx2(void);
#endif

/* Models at their beginning. */
void hemp_wide_begin(arithmetic_wide *wide, uint32_t bins);
/* Make the root's frequencies anew, and what follows from them. */
void hemp_wide_rebuild_root(arithmetic_wide *wide, arithmetic_model *root);

/* The neighborhoods of the elements that are coded together: lane k is in column j - k of its row, or in the row
 * `lanes` rows before where that is negative. */
typedef struct wide_wave {
    uint16_t *column; /* for each column its average and what is above */
    uint16_t *above;
    uint64_t columns;
    uint64_t j;
    uint32_t lanes;
    uint16_t initial;
    uint16_t center;
    uint16_t column_now[WIDE_LANES], above_now[WIDE_LANES]; /* those of each lane's column */
    uint16_t row[WIDE_LANES], left[WIDE_LANES], left2[WIDE_LANES];
    uint16_t left_bin[WIDE_LANES], left2_bin[WIDE_LANES];
    uint64_t place[WIDE_LANES]; /* of each lane's next element in the part */
} wide_wave;

/* How long the lanes work together. */
typedef struct wide_stretch {
    uint64_t left[WIDE_LANES]; /* elements of each lane that are to come */
    uint64_t round;
    uint64_t rounds; /* of this stretch */
    uint32_t lanes;
    uint32_t active; /* lanes that take part, a bit each */
} wide_stretch;

/* `columns`: 4 bytes for each of hemp_arithmetic_columns().  `slots`: those of the first round. */
void hemp_wide_begin_part(arithmetic_wide *wide, const arithmetic_header *header, const hemp_part *part,
                          uint32_t lanes_bits, uint16_t *columns, wide_wave *wave, wide_slots slots,
                          wide_stretch *stretch);

/* Lanes that a part is coded in: no more than it has rows or columns.  Elements of one of them. */
uint32_t hemp_wide_lanes(const hemp_part *part, uint32_t lanes_bits);
uint64_t hemp_wide_length(const hemp_part *part, uint32_t lanes, uint32_t lane);

/* The next stretch with the same active lanes; false at the end of the part. */
bool hemp_wide_next_stretch(wide_stretch *stretch);

static inline void wide_begin_row(wide_wave *wave, uint64_t lane) {
    wave->row[lane] = (uint16_t)((wave->row[lane] + wave->initial) >> 1);
    wave->left[lane] = wave->left2[lane] = wave->initial;
    wave->left_bin[lane] = wave->left2_bin[lane] = wave->center;
}

static inline void wide_prepare_root(arithmetic_wide *wide, arithmetic_model *root) {
    if (root->left <= 0)
        hemp_wide_rebuild_root(wide, root);
}

/* `to` becomes `from`, each number one lane further, and `first` in lane 0. */
static inline void wide_shift_in(uint16_t to[WIDE_LANES], const uint16_t from[WIDE_LANES], uint16_t first) {
#ifdef HEMP_SSE2
    const __m128i shifted = _mm_slli_si128(_mm_loadu_si128((const __m128i *)(const void *)from), 2);
    _mm_storeu_si128((__m128i *)(void *)to, _mm_insert_epi16(shifted, first, 0));
#else
    memmove(to + 1, from, (WIDE_LANES - 1) * sizeof(uint16_t));
    to[0] = first;
#endif
}

/* Every lane goes to its next column, which the lane above has just left; `before` are the slots there. */
static inline void wide_advance(arithmetic_wide *wide, wide_wave *wave, uint32_t lanes, wide_slots before,
                                wide_slots slots) {
    const uint64_t j = wave->j;
    for (uint32_t k = lanes - 1; k > 0; k--)
        slots[k][3] = before[k - 1][3];
    slots[0][3] = &wide->slots[WIDE_OF_COLUMN + j % WIDE_COLUMNS];
    wide_shift_in(wave->column_now, wave->column_now, wave->column[j]);
    wide_shift_in(wave->above_now, wave->left, wave->above[j]);
    if (j < lanes)
        wide_begin_row(wave, j);
}

static inline wide_slot *wide_slot_at(wide_slot *first, uint32_t offset) {
    return (wide_slot *)(void *)((uint8_t *)first + offset);
}

/* The slots of each lane's next element. */
static inline void wide_find_slots(arithmetic_wide *wide, const wide_wave *wave, const arithmetic_header *header,
                                   uint32_t lanes, wide_slots slots) {
    uint16_t cells[WIDE_LANES], lefts[WIDE_LANES], rows[WIDE_LANES], columns[WIDE_LANES];
    const uint16_t *row = wave->row, *column = wave->column_now, *left = wave->left, *left2 = wave->left2;
    const uint16_t *above = wave->above_now, *bin = wave->left_bin, *bin2 = wave->left2_bin;
    const uint16_t of_row = (uint16_t)(header->weights[0] << 8), of_column = (uint16_t)(header->weights[1] << 8);
    const uint16_t of_left = (uint16_t)(header->weights[2] << 8), of_above = (uint16_t)(header->weights[3] << 8);
    const uint32_t shift = header->shift;
    WIDE_LOOP
    for (uint32_t k = 0; k < WIDE_LANES; k++) {
        const uint16_t near = (uint16_t)(left[k] - (left[k] >> 2) + (left2[k] >> 2));
        const uint16_t along = (uint16_t)(((uint32_t)of_row * row[k] >> 16) + ((uint32_t)of_left * near >> 16));
        const uint16_t across =
            (uint16_t)(((uint32_t)of_column * column[k] >> 16) + ((uint32_t)of_above * above[k] >> 16));
        const uint16_t cell = (uint16_t)((uint16_t)(along + across) >> shift);
        cells[k] = cell < HEMP_CELLS ? cell : HEMP_CELLS - 1;
        lefts[k] = (uint16_t)((bin[k] << 4) + bin2[k]);
        rows[k] = row[k] >> 6;
        columns[k] = column[k] >> 6;
    }
    for (uint32_t k = 0; k < lanes; k++) {
        slots[k][0] = wide_slot_at(&wide->slots[WIDE_OF_CELL], wide->of_cell[cells[k]]);
        slots[k][1] =
            wide_slot_at(&wide->slots[WIDE_OF_AVERAGES], (uint32_t)wide->of_column[columns[k]] + wide->of_row[rows[k]]);
        slots[k][2] = &wide->slots[WIDE_OF_LEFT + lefts[k]];
    }
}

/* For a lane that is not active: nothing is learned from it. */
static inline uint16_t wide_no_place(wide_table *table) {
    memset(table->frequency, 0, sizeof table->frequency);
    return WIDE_PLACES;
}

static inline void wide_learn(arithmetic_wide *wide, const wide_kernels *kernels, wide_slot *const slots[WIDE_INPUTS],
                              uint32_t place) {
    wide_slot *const a = slots[0], *const b = slots[1], *const c = slots[2], *const d = slots[3];
    a->count[place]++;
    b->count[place]++;
    c->count[place]++;
    d->count[place]++;
    if (--a->left == 0)
        kernels->rebuild(wide, a);
    if (--b->left == 0)
        kernels->rebuild(wide, b);
    if (--c->left == 0)
        kernels->rebuild(wide, c);
    if (--d->left == 0)
        kernels->rebuild(wide, d);
}

/* Take note of the bins of a round; lanes that are not active have any.  average + floor((magnitude - average) /
 * 2^rate) is what follows, because the magnitude is a multiple of the divisor. */
static inline void wide_observe(wide_wave *wave, const arithmetic_header *header, uint32_t lanes, uint32_t active,
                                const uint16_t bins[WIDE_LANES]) {
    uint16_t row[WIDE_LANES], column[WIDE_LANES], magnitude[WIDE_LANES];
    const uint16_t center = wave->center;
    const uint32_t row_rate = header->row_rate, column_rate = header->column_rate;
    const uint16_t row_up = (uint16_t)((1 << row_rate) - 1), column_up = (uint16_t)((1 << column_rate) - 1);
    memcpy(row, wave->row, sizeof row);
    memcpy(column, wave->column_now, sizeof column);
    WIDE_LOOP
    for (uint32_t k = 0; k < WIDE_LANES; k++) {
        const int16_t beyond = (int16_t)(bins[k] - center), before = (int16_t)(center - bins[k]);
        const uint16_t m = (uint16_t)((uint16_t)(beyond > before ? beyond : before) << HEMP_UNIT_BITS);
        const uint16_t row_down = (uint16_t)(row[k] + row_up), column_down = (uint16_t)(column[k] + column_up);
        row[k] = (uint16_t)(row[k] + (uint16_t)(m >> row_rate) - (uint16_t)(row_down >> row_rate));
        column[k] = (uint16_t)(column[k] + (uint16_t)(m >> column_rate) - (uint16_t)(column_down >> column_rate));
        magnitude[k] = m;
    }
    for (uint32_t k = 0; k < lanes; k++)
        if (active >> k & 1) /* one that has not begun keeps what is expected at first */
            wave->row[k] = row[k];
    memcpy(wave->column_now, column, sizeof column);
    memcpy(wave->left2, wave->left, sizeof wave->left);
    memcpy(wave->left, magnitude, sizeof magnitude);
    memcpy(wave->left2_bin, wave->left_bin, sizeof wave->left_bin);
    memcpy(wave->left_bin, bins, sizeof wave->left_bin);
    if (active >> (lanes - 1) & 1) {
        const uint64_t last =
            wave->j + 1 + (wave->j + 1 < lanes ? wave->columns : 0) - lanes; /* column of the last lane */
        wave->column[last] = column[lanes - 1];
        wave->above[last] = magnitude[lanes - 1];
    }
    if (++wave->j == wave->columns)
        wave->j = 0;
    if (wave->j < lanes) /* this lane's row has ended */
        wave->place[wave->j] += (lanes - 1) * wave->columns;
}

/* From one round to the next.  The slots of both are known for a while, so that the next round's need not wait for what
 * is learned in those of the last. */
static inline void wide_go_on(arithmetic_wide *wide, wide_wave *wave, const arithmetic_header *header, uint32_t lanes,
                              uint32_t active, const uint16_t bins[WIDE_LANES], wide_slots slots, wide_slots next) {
    wide_observe(wave, header, lanes, active, bins);
    wide_advance(wide, wave, lanes, slots, next);
    wide_find_slots(wide, wave, header, lanes, next);
}

#endif
