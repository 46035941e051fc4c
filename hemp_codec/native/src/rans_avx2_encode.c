/* The coder `rans` (spec/coders.md, 6): rounds of 32 lanes with AVX2.  The bytes are those of the portable code. */
#include "rans_avx2_encode.h"

#ifdef HEMP_X86_SIMD
#include <immintrin.h>
#include <string.h>

enum { VECTORS = 4, VECTOR_LANES = 8 };

/* For each mask of lanes that give a word: from where in eight words the last ones come, so that these are the words
 * given in the order of their lanes. */
#define PAIR(m, p, i) ((m) >> (i) & 1 && __builtin_popcount((m) >> (i)) == 8 - (p) ? 0x100 + 0x202 * (i) : 0)
#define FOUR_PAIRS(m, p, i) (PAIR(m, p, i) | PAIR(m, p, (i) + 1) | PAIR(m, p, (i) + 2) | PAIR(m, p, (i) + 3))
#define WORD(m, p) (FOUR_PAIRS(m, p, 0) | FOUR_PAIRS(m, p, 4))
#define WORDS(m) {WORD(m, 0), WORD(m, 1), WORD(m, 2), WORD(m, 3), WORD(m, 4), WORD(m, 5), WORD(m, 6), WORD(m, 7)}
#define FOUR_MASKS(m) WORDS(m), WORDS((m) + 1), WORDS((m) + 2), WORDS((m) + 3)
#define SIXTEEN_MASKS(m) FOUR_MASKS(m), FOUR_MASKS((m) + 4), FOUR_MASKS((m) + 8), FOUR_MASKS((m) + 12)
#define SIXTY_FOUR_MASKS(m) SIXTEEN_MASKS(m), SIXTEEN_MASKS((m) + 16), SIXTEEN_MASKS((m) + 32), SIXTEEN_MASKS((m) + 48)

static const uint16_t words_given[256][8] = {SIXTY_FOUR_MASKS(0u), SIXTY_FOUR_MASKS(64u), SIXTY_FOUR_MASKS(128u),
                                             SIXTY_FOUR_MASKS(192u)};

/* Eight entries from where `symbol` has its own in place, which is all that is used of them. */
HEMP_AVX2 static inline __m256i entries_from(const uint32_t *entries, uint8_t symbol, int place) {
    return _mm256_loadu_si256((const __m256i *)(entries + symbol - place));
}

/* Whole loads, of which each lane keeps one entry: quicker than to insert single ones. */
HEMP_AVX2 static inline __m256i look_up(const uint32_t *entries, const uint8_t *symbols) {
    __m256i first = entries_from(entries, symbols[0], 0), second = entries_from(entries, symbols[4], 4);
    first = _mm256_blend_epi32(first, entries_from(entries, symbols[1], 1), 1 << 1);
    second = _mm256_blend_epi32(second, entries_from(entries, symbols[5], 5), 1 << 5);
    first = _mm256_blend_epi32(first, entries_from(entries, symbols[2], 2), 1 << 2);
    second = _mm256_blend_epi32(second, entries_from(entries, symbols[6], 6), 1 << 6);
    first = _mm256_blend_epi32(first, entries_from(entries, symbols[3], 3), 1 << 3);
    second = _mm256_blend_epi32(second, entries_from(entries, symbols[7], 7), 1 << 7);
    return _mm256_blend_epi32(first, second, 0xF0);
}

/* Eight lanes, whose states become those before eight symbols; their words are written in front of `words`. */
HEMP_AVX2 static inline uint8_t *step(__m256i *state, const uint32_t *entries, const uint8_t *symbols, uint8_t *words) {
    const __m256i x = *state, half_word = _mm256_set1_epi32(0xFFFF);
    const __m256i entry = look_up(entries, symbols);
    const __m256i frequency = _mm256_and_si256(entry, half_word), cumulative = _mm256_srli_epi32(entry, 16);

    const __m256i fits = _mm256_cmpgt_epi32(frequency, _mm256_srli_epi32(x, 20));
    const unsigned full = 0xFF & ~(unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(fits));
    const __m256i low = _mm256_and_si256(x, half_word);
    const __m128i all = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
    const __m128i order = _mm_loadu_si128((const __m128i *)words_given[full]);
    _mm_storeu_si128((__m128i *)(words - 16), _mm_shuffle_epi8(all, order));
    const __m256i rest = _mm256_blendv_epi8(_mm256_srli_epi32(x, 16), x, fits);

    /* The quotient is below 2^20 and comes out at most one too large or too small, which its remainder shows.  A half
     * of `rest` is divided, since what is converted has a sign. */
    const __m256 half = _mm256_cvtepi32_ps(_mm256_srli_epi32(rest, 1));
    const __m256 divisor = _mm256_mul_ps(_mm256_cvtepi32_ps(frequency), _mm256_set1_ps(0.5f));
    __m256i quotient = _mm256_cvttps_epi32(_mm256_div_ps(half, divisor));
    __m256i remainder = _mm256_sub_epi32(rest, _mm256_mullo_epi32(quotient, frequency));
    const __m256i too_large = _mm256_srai_epi32(remainder, 31);
    quotient = _mm256_add_epi32(quotient, too_large);
    remainder = _mm256_add_epi32(remainder, _mm256_and_si256(too_large, frequency));
    const __m256i right = _mm256_cmpgt_epi32(frequency, remainder);
    quotient = _mm256_add_epi32(quotient, _mm256_andnot_si256(right, _mm256_set1_epi32(1)));
    remainder = _mm256_sub_epi32(remainder, _mm256_andnot_si256(right, frequency));

    const __m256i scaled = _mm256_slli_epi32(quotient, HEMP_RANS_SCALE_BITS);
    *state = _mm256_add_epi32(_mm256_add_epi32(scaled, cumulative), remainder);
    return words - 2 * (unsigned)__builtin_popcount(full);
}

HEMP_AVX2 uint8_t *hemp_rans_write_rounds_avx2(uint32_t *states, const uint32_t *entries, const uint8_t *symbols,
                                               size_t rounds, uint8_t *words) {
    __m256i vectors[VECTORS];
    memcpy(vectors, states, sizeof vectors);
    for (size_t round = rounds; round-- > 0;) {
        const uint8_t *at = symbols + round * HEMP_RANS_MAX_LANES;
        words = step(&vectors[3], entries, at + 3 * VECTOR_LANES, words);
        words = step(&vectors[2], entries, at + 2 * VECTOR_LANES, words);
        words = step(&vectors[1], entries, at + VECTOR_LANES, words);
        words = step(&vectors[0], entries, at, words);
    }
    memcpy(states, vectors, sizeof vectors);
    return words;
}

/* Symbols are looked up in a table of bits, whose row is their lower half and whose column their upper half: rows of
 * symbols below 128, and of the others. */
HEMP_AVX2 size_t hemp_rans_counted_avx2(const uint32_t *counts, const uint8_t *symbols, size_t size) {
    uint8_t rows[2][16] = {{0}};
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        rows[s >> 7][s & 15] |= (uint8_t)((counts[s] > 0) << (s >> 4 & 7));
    }
    const __m256i small = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)rows[0]));
    const __m256i large = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)rows[1]));
    const __m256i columns = _mm256_set1_epi64x((long long)0x8040201008040201);
    const __m256i upper = _mm256_set1_epi8((char)0x80), half = _mm256_set1_epi8(15);
    size_t i = 0;
    for (; i + 32 <= size; i += 32) {
        /* A shuffle gives 0 where the highest bit of its index is set. */
        const __m256i x = _mm256_loadu_si256((const __m256i *)(symbols + i));
        const __m256i row =
            _mm256_or_si256(_mm256_shuffle_epi8(small, x), _mm256_shuffle_epi8(large, _mm256_xor_si256(x, upper)));
        const __m256i column = _mm256_shuffle_epi8(columns, _mm256_and_si256(_mm256_srli_epi16(x, 4), half));
        if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(row, column), _mm256_setzero_si256())) != 0) {
            break;
        }
    }
    return i;
}
#else
typedef int hemp_rans_encode_without_avx2; /* C wants a declaration in every file */
#endif
