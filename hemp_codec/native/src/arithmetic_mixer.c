#include "arithmetic_mixer.h"

/* 128 log2(value) for value > 0, to within 1/128 bit. */
static int32_t log_of(uint32_t value) {
    const uint32_t exponent = arithmetic_high_bit(value);
    const uint32_t fraction = (exponent < 12 ? value << (12 - exponent) : value >> (exponent - 12)) - 4096;
    return (int32_t)(128 * exponent + ((fraction + (fraction * (4096 - fraction) >> 12) * 1409 / 4096) >> 5));
}

static inline int32_t clamped(int32_t value, int32_t most) {
    return value > most ? most : value < -most ? -most : value;
}

/* Logarithm of the odds of a probability in 1/2^22. */
static int32_t stretch(uint32_t probability) {
    return clamped(log_of(probability + 1) - log_of(((uint32_t)1 << 22) - probability), MIXER_STRETCH);
}

/* The inverse of stretch(), in 1/65536.  Each of the 128 steps of an octave is that power of two, to the nearest
 * integer, and every octave is half of the one before. */
static void fill_squash(uint16_t squash[2 * MIXER_STRETCH + 1]) {
    uint32_t power = (uint32_t)1 << 31; /* 2^31 x 2^(-step / 128) */
    for (uint32_t step = 0; step < 128; step++) {
        for (uint32_t octave = 0; octave < 16; octave++) {
            const uint32_t odds = (power + (1 << 14)) >> 15 >> octave, distance = 128 * octave + step;
            const uint32_t below = (uint32_t)(((uint64_t)odds << 16) / (65536 + odds));
            const uint32_t small = below > 0 ? below : 1;
            squash[MIXER_STRETCH - distance] = (uint16_t)small;
            squash[MIXER_STRETCH + distance] = (uint16_t)(65536 - small);
        }
        power = (uint32_t)((uint64_t)power * 4271771996u >> 32); /* 2^32 x 2^(-1 / 128) */
    }
}

static uint32_t squash(const arithmetic_mixer *mixer, int32_t value) {
    return mixer->squash[value + MIXER_STRETCH];
}

void hemp_arithmetic_begin_mixer(arithmetic_mixer *mixer) {
    memset(mixer, 0, sizeof *mixer);
    fill_squash(mixer->squash);
    for (uint32_t cell = 0; cell < MIXER_STRETCH_CELLS; cell++)
        mixer->stretch[cell] = (int16_t)stretch((cell << MIXER_FINE_BITS) + (1 << (MIXER_FINE_BITS - 1)));
    for (uint32_t n = 0; n < 1024; n++)
        mixer->rate[n] = (uint16_t)(655360 / (10 * n + 16));
    for (uint32_t set = 0; set < MIXER_SETS; set++)
        for (uint32_t node = 0; node < MIXER_NODES; node++)
            for (uint32_t i = 0; i < 8; i++)
                mixer->weights[set][node][i] = i < MIXER_INPUTS ? 12288 : 0;
    for (uint32_t node = 0; node < MIXER_NODES; node++)
        for (uint32_t c = 0; c < HEMP_MAX_CLASSES; c++)
            for (int32_t cell = 0; cell < MIXER_CELLS; cell++)
                mixer->final_map[node][c][cell] = (uint16_t)squash(mixer, clamped(128 * cell - 2048, MIXER_STRETCH));
}

void hemp_arithmetic_begin_mixed_part(arithmetic_mixer *mixer, const arithmetic_header *header, const hemp_part *part,
                                      uint8_t *bins_above) {
    mixer->bins_above = bins_above;
    mixer->entries = hemp_arithmetic_columns(part);
    memset(bins_above, (int)header->center, (size_t)mixer->entries);
    mixer->bins_left = mixer->bins_left2 = mixer->bins_above_left = header->center;
    mixer->row_elements = mixer->row_count = 0;
    mixer->row_count_before = 1;
}

/* Two steps for each power of two: 0, 1, 2, 3, 4, 4, 5, 5, 6, ... for 0, 1, 2, 3, 4, 5, 6, 7, 8, ... */
static uint32_t half_octaves(uint32_t value) {
    if (value < 2)
        return value;
    const uint32_t exponent = arithmetic_high_bit(value);
    return 2 * exponent + ((value >> (exponent - 1)) & 1);
}

static uint32_t count_class(uint64_t count) {
    return count > 15 ? 4 : count > 5 ? 3 : count > 1 ? 2 : (uint32_t)count;
}

static uint32_t distance_class(const arithmetic_header *header, uint32_t bin) {
    const uint32_t distance = bin > header->center ? bin - header->center : header->center - bin;
    return distance < 3 ? distance : 3;
}

static uint32_t weight_set(const arithmetic_mixer *mixer) {
    if (mixer->row_count > 0)
        return 3;
    const uint32_t begun = mixer->row_elements < 8 ? 0 : mixer->row_elements < 64 ? 1 : 2;
    return begun + (mixer->row_count_before == 0 ? 4 : 0);
}

void hemp_arithmetic_mixer_element(arithmetic_mixer *mixer, const arithmetic_header *header,
                                   const lanes_neighbors *at) {
    const uint64_t j = at->j;
    const uint32_t left = mixer->bins_left, above = mixer->bins_above[j];
    const uint32_t above_right = j + 1 < mixer->entries ? mixer->bins_above[j + 1] : header->center;
    const uint32_t left_class = distance_class(header, left), above_class = distance_class(header, above);
    const uint32_t quarter = (uint32_t)(4 * mixer->row_elements / at->columns);
    const uint32_t row = (count_class(mixer->row_count) * 5 + count_class(mixer->row_count_before)) * 4 + quarter;
    const uint32_t around = above_class * 64 + distance_class(header, mixer->bins_above_left) * 16 +
                            distance_class(header, above_right) * 4 + left_class;

    uint16_t cells[LANES_MOST];
    lanes_cells(header, at, 1, lanes_of_columns(header, at), cells);
    mixer->class_number = half_octaves(cells[0]);
    mixer->set = weight_set(mixer);
    const uint32_t contexts[MIXER_INPUTS] = {
        MIXER_CLASS + mixer->class_number,
        MIXER_ROW + row * 8 + left_class * 2 + (above != header->center),
        MIXER_COLUMN + half_octaves(at->column[j] >> 6) * 4 + above_class,
        MIXER_LEFT + left * 16 + mixer->bins_left2,
        MIXER_ABOVE + above * 16 + left,
        MIXER_POSITION + (uint32_t)(j % MIXER_COLUMNS),
        MIXER_AROUND + around,
    };
    for (uint32_t i = 0; i < MIXER_INPUTS; i++)
        mixer->contexts[i] = mixer->slots[contexts[i]];
}

void hemp_arithmetic_mixer_observe(arithmetic_mixer *mixer, const arithmetic_header *header, const lanes_neighbors *at,
                                   uint32_t bin) {
    mixer->bins_above_left = at->j + 1 < at->columns ? mixer->bins_above[at->j] : header->center;
    mixer->bins_above[at->j] = (uint8_t)bin;
    mixer->bins_left2 = mixer->bins_left;
    mixer->bins_left = bin;
    mixer->row_elements++;
    mixer->row_count += bin != header->center;
}

void hemp_arithmetic_mixer_next_row(arithmetic_mixer *mixer) {
    mixer->row_count_before = mixer->row_count;
    mixer->row_elements = mixer->row_count = 0;
}

/* stretch() from a table, except near 0 and 1, where the table is too coarse. */
static inline int32_t quick_stretch(const arithmetic_mixer *mixer, uint32_t probability) {
    const uint32_t cell = probability >> MIXER_FINE_BITS;
    return cell - 1 < MIXER_STRETCH_CELLS - 2 ? mixer->stretch[cell] : stretch(probability);
}

/* floor(value / 2^shift) for values above -2^30; the bias is a multiple of 2^shift. */
static inline int32_t shifted(int32_t value, uint32_t shift) {
    const uint32_t bias = (uint32_t)1 << 30;
    return (int32_t)(((uint32_t)value + bias) >> shift) - (int32_t)(bias >> shift);
}

uint32_t hemp_arithmetic_mixer_predict(arithmetic_mixer *mixer, uint32_t node) {
    const int32_t *weights = mixer->weights[mixer->set][node];
    int32_t sum = 0;
    for (int i = 0; i < MIXER_INPUTS; i++) {
        const uint32_t slot = mixer->contexts[i][node];
        const int32_t value = slot & MIXER_MOST_USED ? quick_stretch(mixer, slot >> 10) : 0;
        mixer->stretched[i] = value;
        sum += shifted(weights[i] * value, 4);
    }
    const int32_t mixed = shifted(sum, 12);
    mixer->mixed = clamped(mixed, MIXER_STRETCH);
    mixer->probability = squash(mixer, mixer->mixed);

    const uint32_t place = (uint32_t)(mixer->mixed + 2048);
    const uint16_t *map = &mixer->final_map[node][mixer->class_number][place >> 7];
    const uint32_t mapped = (map[0] * (128 - (place & 127)) + map[1] * (place & 127)) >> 7;
    const uint32_t probability = (3 * mixer->probability + mapped) >> 2;
    return probability < 2 ? 2 : probability > 65534 ? 65534 : probability;
}

static inline void learn_weights(arithmetic_mixer *mixer, uint32_t node, uint32_t decision) {
    uint32_t *used = &mixer->used[mixer->set][node];
    const uint32_t shift = *used < 16384 ? 14 : *used < 131072 ? 15 : 16;
    const int32_t error = (int32_t)(decision << 16) - (int32_t)mixer->probability;
    const int32_t rounding = (int32_t)1 << (shift - 1);
    int32_t *weights = mixer->weights[mixer->set][node];
    if (*used < 131072)
        ++*used;
    for (int i = 0; i < MIXER_INPUTS; i++) {
        const int32_t weight = weights[i] + shifted(mixer->stretched[i] * error + rounding, shift);
        weights[i] = clamped(weight, MIXER_MOST_WEIGHT);
    }
}

static inline void learn_map(arithmetic_mixer *mixer, uint32_t node, uint32_t decision) {
    uint16_t *map = &mixer->final_map[node][mixer->class_number][(uint32_t)(mixer->mixed + 2048) >> 7];
    for (int i = 0; i < 2; i++) {
        if (decision)
            map[i] = (uint16_t)(map[i] + ((65535 - map[i]) >> 6));
        else
            map[i] = (uint16_t)(map[i] - (map[i] >> 6));
    }
}

void hemp_arithmetic_mixer_learn(arithmetic_mixer *mixer, uint32_t node, uint32_t probability, uint32_t decision) {
    learn_weights(mixer, node, decision);
    learn_map(mixer, node, decision);
    const uint32_t flip = decision ? ((uint32_t)1 << 22) - 1 : 0; /* learn towards 0 on either side */
    for (int i = 0; i < MIXER_INPUTS; i++) {
        const uint32_t slot = mixer->contexts[i][node];
        const uint32_t used = slot & MIXER_MOST_USED ? slot & MIXER_MOST_USED : 1;
        uint32_t value = (slot & MIXER_MOST_USED ? slot >> 10 : probability << 6) ^ flip;
        value -= (value >> 6) * mixer->rate[used] >> 10;
        mixer->contexts[i][node] = (value ^ flip) << 10 | (used < MIXER_MOST_USED ? used + 1 : used);
    }
}
