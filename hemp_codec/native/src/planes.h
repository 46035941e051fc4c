/* What both directions between bit patterns and planes share (spec/format.md, 5.1). */
#ifndef HEMP_PLANES_H
#define HEMP_PLANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cpu.h"

#ifdef HEMP_X86_SIMD
#include <immintrin.h>

HEMP_AVX2 static inline __m256i hemp_load_32(const uint8_t *bytes) {
    return _mm256_loadu_si256((const __m256i *)bytes);
}
#endif

/* Elements handled at a time.  Patterns are put together and taken apart in steps from one width to the next, in small
 * arrays: compilers make vector code of such loops. */
enum { HEMP_PLANES_CHUNK = 512 };

/* The patterns of one component of a chunk of elements, in all widths that are on the way: two of 32 bits make one of
 * 64, and so on; the more significant comes first. */
typedef struct hemp_patterns {
    uint16_t of16[4][HEMP_PLANES_CHUNK];
    uint32_t of32[2][HEMP_PLANES_CHUNK];
    uint64_t of64[HEMP_PLANES_CHUNK];
    uint8_t of8[HEMP_PLANES_CHUNK];
} hemp_patterns;

/* Elements of the chunk that begins with number `start`. */
static inline size_t hemp_planes_chunk(uint64_t elements, size_t start) {
    const uint64_t left = elements - start;
    return left < (uint64_t)HEMP_PLANES_CHUNK ? (size_t)left : (size_t)HEMP_PLANES_CHUNK;
}

/* 1 if integers lie in memory as they do in files. */
#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__)
#define HEMP_LITTLE_ENDIAN (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#else
#define HEMP_LITTLE_ENDIAN 0
#endif

#endif
