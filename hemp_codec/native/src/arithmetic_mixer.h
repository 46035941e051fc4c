/* The mixed mode of the arithmetic coder, the same for both directions: spec/coders.md, 5.6. */
#ifndef HEMP_ARITHMETIC_MIXER_H
#define HEMP_ARITHMETIC_MIXER_H

#include "arithmetic_lanes.h"

enum {
    MIXER_INPUTS = 7,
    MIXER_NODES = 16,
    MIXER_SETS = 8,
    MIXER_CELLS = 33,     /* of a final map */
    MIXER_STRETCH = 2047, /* logarithms of odds are in 1/128 bit, between plus and minus this */
    MIXER_COLUMNS = 4096,
    MIXER_FINE_BITS = 10, /* of a probability of 22 bits, that the table of logarithms leaves out */
    MIXER_STRETCH_CELLS = 1 << (22 - MIXER_FINE_BITS),
    MIXER_MOST_USED = 1023,
    MIXER_MOST_WEIGHT = (1 << 18) - 1 /* times 2047 stays below 2^30 */
};

/* First context of each input in `slots`, and their number. */
enum {
    MIXER_CLASS = 0,
    MIXER_ROW = MIXER_CLASS + 16,
    MIXER_COLUMN = MIXER_ROW + 800,
    MIXER_LEFT = MIXER_COLUMN + 128,
    MIXER_ABOVE = MIXER_LEFT + 256,
    MIXER_POSITION = MIXER_ABOVE + 256,
    MIXER_AROUND = MIXER_POSITION + MIXER_COLUMNS,
    MIXER_CONTEXTS = MIXER_AROUND + 256
};

typedef struct arithmetic_mixer {
    /* Of the part: the bin last seen in each column, and what the row has shown so far. */
    uint8_t *bins_above;
    uint64_t entries; /* of bins_above */
    uint32_t bins_left, bins_left2, bins_above_left;
    uint64_t row_elements, row_count, row_count_before;

    /* Of the element. */
    uint32_t *contexts[MIXER_INPUTS];
    uint32_t class_number;
    uint32_t set;

    /* Of the decision. */
    int32_t stretched[8];
    int32_t mixed;
    uint32_t probability; /* before the final map */

    /* What is learned, and tables.  They stand last: what is near the beginning is reached by shorter instructions. */
    uint32_t slots[MIXER_CONTEXTS][MIXER_NODES]; /* probability: 22 bits; below it how often it was used: 10 bits */
    int32_t weights[MIXER_SETS][MIXER_NODES][8]; /* the eighth is always 0 */
    uint32_t used[MIXER_SETS][MIXER_NODES];
    uint16_t final_map[MIXER_NODES][HEMP_MAX_CLASSES][MIXER_CELLS];
    uint16_t squash[2 * MIXER_STRETCH + 1];
    int16_t stretch[MIXER_STRETCH_CELLS];
    uint16_t rate[1024];
} arithmetic_mixer;

void hemp_arithmetic_begin_mixer(arithmetic_mixer *mixer);
void hemp_arithmetic_begin_mixed_part(arithmetic_mixer *mixer, const arithmetic_header *header, const hemp_part *part,
                                      uint8_t *bins_above);
/* Choose the contexts of the next element, and take note of its bin when it is known. */
void hemp_arithmetic_mixer_element(arithmetic_mixer *mixer, const arithmetic_header *header, const lanes_neighbors *at);
void hemp_arithmetic_mixer_observe(arithmetic_mixer *mixer, const arithmetic_header *header, const lanes_neighbors *at,
                                   uint32_t bin);
void hemp_arithmetic_mixer_next_row(arithmetic_mixer *mixer);

/* Probability that the decision at `node` is 1, in 1/65536: 1 to 65535.  Then learn what it was. */
uint32_t hemp_arithmetic_mixer_predict(arithmetic_mixer *mixer, uint32_t node);
void hemp_arithmetic_mixer_learn(arithmetic_mixer *mixer, uint32_t node, uint32_t probability, uint32_t decision);

#endif
