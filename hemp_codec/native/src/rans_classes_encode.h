/* Which strips of a block share a table of frequencies (spec/coders.md, 6.4). */
#ifndef HEMP_RANS_CLASSES_ENCODE_H
#define HEMP_RANS_CLASSES_ENCODE_H

#include "rans.h"

enum { HEMP_RANS_IN_TURN = 4 /* tables that count the same symbols in turn */ };

typedef struct hemp_rans_histogram {
    uint32_t counts[HEMP_RANS_MAX_SYMBOLS];
} hemp_rans_histogram;

typedef struct hemp_rans_classes {
    hemp_rans_strips strips;
    unsigned count;
    uint8_t *of_strips; /* class of each strip, if there are several classes */
    hemp_rans_histogram histograms[HEMP_RANS_MAX_CLASSES];
    uint64_t lengths[HEMP_RANS_MAX_SYMBOLS][HEMP_RANS_MAX_CLASSES / 4];    /* scratch: code lengths, 16 bits each */
    uint16_t *keys;                                                        /* scratch: by what strips are sorted */
    hemp_rans_histogram in_turn[HEMP_RANS_MAX_CLASSES][HEMP_RANS_IN_TURN]; /* scratch */
} hemp_rans_classes;

/* How classes are looked for. */
typedef struct hemp_rans_search {
    uint64_t sampled;    /* about so many symbols decide whether there are classes, and of which kind */
    unsigned rounds;     /* of refinement, at most */
    uint64_t least_gain; /* classes must save at least one part in so many */
} hemp_rans_search;

/* Strips that follow the rows of a part. */
hemp_rans_strips hemp_rans_choose_strips(const hemp_part *part);

/* Choose classes for symbols in `strips`; of_strips and keys have room for all of them.  With count 1, classes do not
 * pay.  histograms[0 .. count - 1] are those of the classes. */
void hemp_rans_choose_classes(hemp_rans_classes *classes, const uint8_t *symbols, const hemp_rans_search *search);

/* About the bits, times 2^16, of the symbols of a histogram. */
uint64_t hemp_rans_symbols_cost(const hemp_rans_histogram *histogram);

/* The same with the table of frequencies. */
uint64_t hemp_rans_class_cost(const hemp_rans_histogram *histogram);

/* The same as hemp_rans_symbols_cost for those from which a sample was taken, scaled to the size of the sample.  What
 * few symbols seem to take is too little by about half an integer nat for each different one: Miller 1955, Note on the
 * bias of information estimates. */
uint64_t hemp_rans_sample_cost(const hemp_rans_histogram *histogram);

/* Symbols in a histogram. */
uint64_t hemp_rans_total(const hemp_rans_histogram *histogram);

/* Add the symbols of another histogram. */
void hemp_rans_add(hemp_rans_histogram *to, const hemp_rans_histogram *from);

/* Add symbols to a histogram. */
void hemp_rans_count(hemp_rans_histogram *histogram, const uint8_t *symbols, size_t size);

/* Count once the symbols that are not in a histogram. */
void hemp_rans_count_others(hemp_rans_histogram *histogram, const uint8_t *symbols, size_t size);

#endif
