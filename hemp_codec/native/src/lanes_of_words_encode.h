#ifndef HEMP_LANES_OF_WORDS_ENCODE_H
#define HEMP_LANES_OF_WORDS_ENCODE_H

#include "cpu.h"

#ifdef HEMP_X86_SIMD
/* For each mask of lanes that give a word: those lanes, one byte each, in order at the end; what stands before does not
 * matter. */
extern const uint64_t hemp_lanes_of_words[256];
#endif

#endif
