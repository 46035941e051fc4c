#include "arithmetic_wide.h"

/* 1024 log2(value), 0 < value < 2^24, to within 1/128 bit: the bits of a floating-point number hold the exponent and
 * the fraction, exactly, and vector instructions convert to it. */
static inline int32_t log_of(uint32_t value) {
    const float number = (float)(int32_t)value;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    const uint16_t fraction = (uint16_t)(bits >> 7), rest = (uint16_t)(0 - fraction);
    const uint16_t product = (uint16_t)((uint32_t)fraction * rest >> 16);
    const uint16_t bend = (uint16_t)((uint32_t)product * 22544u >> 16);
    return ((int32_t)(bits >> 23) - 127) * 1024 + (uint16_t)(fraction + bend) / 64;
}

static uint32_t sum_of(const uint16_t *counts) {
    uint32_t sum = 0;
    WIDE_LOOP
    for (uint32_t p = 0; p < WIDE_PLACES; p++)
        sum += counts[p];
    return sum;
}

/* As if each context had seen 16 bins of the root's probabilities. */
static void rebuild(const arithmetic_wide *wide, wide_slot *slot) {
    uint32_t total = sum_of(slot->count);
    if (total >= WIDE_LIMIT) {
        WIDE_LOOP
        for (uint32_t p = 0; p < WIDE_PLACES; p++)
            slot->count[p] >>= 1;
        total = sum_of(slot->count);
    }
    const int32_t whole = log_of(2048 * total + 32768) - 16 * 1024;
    WIDE_LOOP
    for (uint32_t p = 0; p < WIDE_PLACES; p++) {
        const int32_t known = log_of(2048 * (uint32_t)slot->count[p] + wide->root_half[p]);
        slot->gain[p] = (int16_t)((int16_t)(known - whole - wide->root_log[p]) * (int16_t)wide->used[p]);
    }
    slot->left = (uint16_t)(1 + total / 8);
}

/* 2^-(distance / 256), in 1/32768 rounded down. */
static inline uint16_t power_of(uint16_t distance) {
    const uint16_t near = distance < 0xFFF ? distance : 0xFFF;
    const uint16_t fraction = (uint16_t)(near << 8), rest = (uint16_t)(0 - fraction);
    const uint16_t product = (uint16_t)((uint32_t)fraction * rest >> 16);
    const uint16_t bend = (uint16_t)((uint32_t)product * 11246u >> 16);
    uint16_t power = (uint16_t)(65535 - (uint16_t)(fraction >> 1) - bend);
    power = (uint16_t)(near & 256 ? power >> 1 : power);
    power = (uint16_t)(near & 512 ? power >> 2 : power);
    power = (uint16_t)(near & 1024 ? power >> 4 : power);
    power = (uint16_t)(near & 2048 ? power >> 8 : power);
    return power >> 1;
}

static void predict_lane(const arithmetic_wide *wide, wide_slot *const slots[WIDE_INPUTS],
                         const int16_t weights[WIDE_INPUTS], wide_table *table) {
    const int16_t *a = slots[0]->gain, *b = slots[1]->gain, *c = slots[2]->gain, *d = slots[3]->gain;
    int16_t mixed[WIDE_PLACES], top = INT16_MIN;
    uint16_t powers[WIDE_PLACES], frequency[WIDE_PLACES];
    uint32_t sum = 0;
    WIDE_LOOP
    for (uint32_t p = 0; p < WIDE_PLACES; p++) {
        const int16_t ab = (int16_t)((int16_t)(a[p] * weights[0] >> 16) + (int16_t)(b[p] * weights[1] >> 16));
        const int16_t cd = (int16_t)((int16_t)(c[p] * weights[2] >> 16) + (int16_t)(d[p] * weights[3] >> 16));
        mixed[p] = (int16_t)(wide->base[p] + (int16_t)(ab + cd));
    }
    WIDE_LOOP
    for (uint32_t p = 0; p < WIDE_PLACES; p++)
        top = mixed[p] > top ? mixed[p] : top;
    WIDE_LOOP
    for (uint32_t p = 0; p < WIDE_PLACES; p++)
        powers[p] = power_of((uint16_t)(top - mixed[p]));
    WIDE_LOOP
    for (uint32_t p = 0; p < WIDE_PLACES; p++)
        sum += powers[p];
    const uint16_t scale = (uint16_t)(((uint32_t)WIDE_SCALE << 15) / sum);
    WIDE_LOOP
    for (uint32_t p = 0; p < WIDE_PLACES; p++)
        frequency[p] = (uint16_t)(wide->used[p] + (uint16_t)((uint32_t)(uint16_t)(2 * powers[p]) * scale >> 16));
    memcpy(table->frequency, frequency, sizeof frequency);
    for (uint32_t p = 0, below = 0; p < WIDE_PLACES; below += frequency[p++])
        table->cum[p] = (uint16_t)below;
    table->cum[WIDE_PLACES] = 0;
}

static void predict(const arithmetic_wide *wide, wide_slots slots, uint32_t lanes, wide_table *tables) {
    int16_t weights[WIDE_INPUTS];
    for (uint32_t i = 0; i < WIDE_INPUTS; i++)
        weights[i] = (int16_t)(wide->weights[i] >> WIDE_WEIGHT_BITS);
    for (uint32_t k = 0; k < lanes; k++)
        predict_lane(wide, slots[k], weights, &tables[k]);
}

static void train(arithmetic_wide *wide, wide_slots slots, uint32_t lanes, const wide_table *tables,
                  const uint16_t *places) {
    int32_t slopes[WIDE_INPUTS] = {0};
    for (uint32_t k = 0; k < lanes; k++) {
        int16_t error[WIDE_PLACES];
        WIDE_LOOP
        for (uint16_t p = 0; p < WIDE_PLACES; p++)
            error[p] = (int16_t)((p == places[k] ? 4095 : 0) - (tables[k].frequency[p] >> 4));
        for (uint32_t i = 0; i < WIDE_INPUTS; i++) {
            const int16_t *gain = slots[k][i]->gain;
            int32_t sum = 0;
            WIDE_LOOP
            for (uint32_t p = 0; p < WIDE_PLACES; p++)
                sum += error[p] * gain[p];
            slopes[i] += sum;
        }
    }
    for (uint32_t i = 0; i < WIDE_INPUTS; i++) {
        const int32_t weight = wide->weights[i] + (slopes[i] >> 12) * WIDE_RATE;
        wide->weights[i] = weight < 0 ? 0 : weight > WIDE_MOST_WEIGHT ? WIDE_MOST_WEIGHT : weight;
    }
}

const wide_kernels *hemp_wide_kernels(void) {
    static const wide_kernels portable = {predict, train, rebuild};
#ifdef HEMP_X86_SIMD
    if (hemp_cpu_has_avx2())
        return hemp_wide_kernels_avx2();
#endif
    return &portable;
}

void hemp_wide_rebuild_root(arithmetic_wide *wide, arithmetic_model *root) {
    hemp_arithmetic_rebuild_root(root, wide->first_bin);
    for (uint32_t p = wide->first_bin; p < WIDE_PLACES; p++) {
        const uint32_t frequency = arithmetic_frequency(root, p);
        wide->root_log[p] = (int16_t)log_of(frequency);
        wide->base[p] = (int16_t)(wide->root_log[p] / 4);
        wide->root_half[p] = (uint16_t)((frequency + 1) / 2);
    }
}

/* 2^bits steps for each power of two, and numbers from 0 on for what is less than the first. */
HEMP_NOINLINE static uint32_t steps_of(uint32_t value, uint32_t bits) {
    if (value >> bits == 0)
        return value;
    const uint32_t exponent = arithmetic_high_bit(value);
    return ((exponent - bits + 1) << bits) + ((value >> (exponent - bits)) & (((uint32_t)1 << bits) - 1));
}

void hemp_wide_begin(arithmetic_wide *wide, uint32_t bins) {
    memset(wide, 0, sizeof *wide);
    wide->first_bin = WIDE_PLACES - bins;
    for (uint32_t i = 0; i < WIDE_INPUTS; i++)
        wide->weights[i] = WIDE_FIRST_WEIGHT;
    for (uint32_t p = 0; p < WIDE_PLACES; p++) {
        wide->used[p] = p >= wide->first_bin;
        wide->base[p] = -16384; /* nothing is left of it, whatever is added */
        wide->root_half[p] = 1;
    }
    for (uint32_t i = 0; i < WIDE_SLOTS; i++)
        wide->slots[i].left = 1;
    for (uint32_t cell = 0; cell < HEMP_CELLS; cell++)
        wide->of_cell[cell] = (uint16_t)(sizeof(wide_slot) * steps_of(cell, 2));
    for (uint32_t value = 0; value < 1024; value++) {
        wide->of_row[value] = (uint16_t)(sizeof(wide_slot) * steps_of(value, 1));
        wide->of_column[value] = (uint16_t)(WIDE_LEVELS * wide->of_row[value]);
    }
}

static uint64_t rows_of(const hemp_part *part) {
    return (part->size - 1) / part->columns + 1;
}

uint32_t hemp_wide_lanes(const hemp_part *part, uint32_t lanes_bits) {
    const uint64_t columns = hemp_arithmetic_columns(part), rows = rows_of(part);
    const uint64_t most = rows < columns ? rows : columns;
    return most >> lanes_bits ? (uint32_t)1 << lanes_bits : (uint32_t)most;
}

uint64_t hemp_wide_length(const hemp_part *part, uint32_t lanes, uint32_t lane) {
    const uint64_t rows = rows_of(part), columns = hemp_arithmetic_columns(part);
    const uint64_t length = ((rows - 1 - lane) / lanes + 1) * columns;
    return (rows - 1) % lanes == lane ? length - (rows * columns - part->size) : length;
}

void hemp_wide_begin_part(arithmetic_wide *wide, const arithmetic_header *header, const hemp_part *part,
                          uint32_t lanes_bits, uint16_t *columns, wide_wave *wave, wide_slots slots,
                          wide_stretch *stretch) {
    const uint64_t entries = hemp_arithmetic_columns(part);
    memset(wave, 0, sizeof *wave);
    memset(stretch, 0, sizeof *stretch);
    wave->column = columns;
    wave->above = columns + entries;
    wave->columns = entries;
    wave->lanes = stretch->lanes = hemp_wide_lanes(part, lanes_bits);
    wave->initial = (uint16_t)(header->initial << HEMP_INITIAL_SHIFT);
    wave->center = (uint16_t)header->center;
    for (uint64_t j = 0; j < 2 * entries; j++)
        columns[j] = wave->initial;
    for (uint32_t k = 0; k < WIDE_LANES; k++) {
        wave->row[k] = wave->column_now[k] = wave->initial;
        wide_begin_row(wave, k);
        wave->place[k] = (k - (k > 0 ? (uint64_t)wave->lanes - 1 : 0)) * entries; /* a row "ends" before the first */
        for (uint32_t i = 0; i < WIDE_INPUTS; i++)
            slots[k][i] = wide->slots;
    }
    for (uint32_t k = 0; k < wave->lanes; k++)
        stretch->left[k] = hemp_wide_length(part, wave->lanes, k);
    wide_advance(wide, wave, wave->lanes, slots, slots);
    wide_find_slots(wide, wave, header, wave->lanes, slots);
}

bool hemp_wide_next_stretch(wide_stretch *stretch) {
    for (uint32_t k = 0; k < stretch->lanes; k++)
        stretch->left[k] -= stretch->active >> k & 1 ? stretch->rounds : 0;
    stretch->round += stretch->rounds;
    stretch->rounds = UINT64_MAX;
    stretch->active = 0;
    for (uint32_t k = 0; k < stretch->lanes; k++)
        if (stretch->left[k] > 0 && k <= stretch->round) {
            stretch->active |= (uint32_t)1 << k;
            stretch->rounds = stretch->left[k] < stretch->rounds ? stretch->left[k] : stretch->rounds;
        }
    if (stretch->round + 1 < stretch->lanes)
        stretch->rounds = 1; /* the next lane begins */
    return stretch->active != 0;
}
