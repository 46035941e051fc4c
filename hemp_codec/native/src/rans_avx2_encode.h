#ifndef HEMP_RANS_AVX2_ENCODE_H
#define HEMP_RANS_AVX2_ENCODE_H

#include "cpu.h"
#include "rans.h"

enum {
    HEMP_RANS_AVX2_SLACK = 16, /* bytes in front of the words that may be written over */
    HEMP_RANS_AVX2_MARGIN = 8  /* entries before and behind those of the symbols that may be read */
};

#ifdef HEMP_X86_SIMD
/* Code whole rounds of 32 symbols from the last to the first.  entries[s] is the frequency of symbol s, and above 16
 * bits its cumulative frequency; there are margins.  The words are written in front of `words`; the first of them. */
uint8_t *hemp_rans_write_rounds_avx2(uint32_t *states, const uint32_t *entries, const uint8_t *symbols, size_t rounds,
                                     uint8_t *words);

/* The length of a beginning of the symbols, in whole vectors of 32, in which all have a count. */
size_t hemp_rans_counted_avx2(const uint32_t *counts, const uint8_t *symbols, size_t size);
#endif

#endif
