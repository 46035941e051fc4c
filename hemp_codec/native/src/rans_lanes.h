/* The interleaved states of a block that is decoded (spec/coders.md, 6.3). */
#ifndef HEMP_RANS_LANES_H
#define HEMP_RANS_LANES_H

#include "cpu.h"
#include "rans.h"

typedef struct hemp_rans_lanes {
    unsigned count;
    unsigned current; /* lane of the next symbol */
    int use_avx2;
    const uint8_t *next;
    const uint8_t *end;
    const uint8_t *later; /* what is read after the symbols, of which later_step bytes are asked for in each round of
                           * all lanes, where the processor can; NULL: nothing */
    size_t later_step;
    uint32_t states[HEMP_RANS_MAX_LANES];
} hemp_rans_lanes;

/* One slot for each value of state mod 4096: symbol in bits 0-7, frequency in 8-19, position in the symbol's range in
 * 20-31, so that a symbol costs one load. */
static inline uint32_t hemp_rans_slot(uint32_t symbol, uint32_t frequency, uint32_t position) {
    return symbol | (frequency << 8) | (position << 20);
}

/* Slots before and behind the table that may be read and written, whatever is in them. */
#if defined(HEMP_X86_SIMD) || !defined(HEMP_SMALL)
enum { HEMP_RANS_MARGIN = 8 };
#else
enum { HEMP_RANS_MARGIN = 0 };
#endif

/* Set the number of lanes: 1 to 32. */
void hemp_rans_lanes_begin(hemp_rans_lanes *lanes, unsigned count);

/* Decode `size` symbols by a table of HEMP_RANS_SCALE slots with margins; HEMP_BAD_PAYLOAD if the words run out. */
hemp_status hemp_rans_lanes_decode(hemp_rans_lanes *lanes, const uint32_t *slots, uint8_t *out, size_t size);

#ifdef HEMP_X86_SIMD
/* Whole rounds of 32 lanes, as long as each of them surely finds its words; the number of symbols decoded. */
size_t hemp_rans_rounds_avx2(hemp_rans_lanes *lanes, const uint32_t *slots, uint8_t *out, size_t size);
#endif

#endif
