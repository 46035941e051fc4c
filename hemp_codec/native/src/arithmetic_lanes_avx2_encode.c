/* The encoder of the plain mode, eight lanes at once with AVX2.  The bytes are those of the portable code. */
#include "arithmetic_lanes_encode.h"

#ifdef HEMP_X86_SIMD
#include <immintrin.h>

#include "lanes_of_words_encode.h"

/* Four lanes before their symbols: those that are too full for them have lost the word that they give. */
typedef struct four_lanes {
    __m256i frequency;
    __m256i state;
    unsigned full; /* mask of those that give a word */
} four_lanes;

HEMP_AVX2 static inline four_lanes make_room(__m256i state, __m128i records) {
    const __m256i frequency = _mm256_cvtepu32_epi64(_mm_srli_epi32(records, 16));
    const __m256i fits = _mm256_cmpgt_epi64(_mm256_slli_epi64(frequency, LANES_LOW_BITS), state);
    const four_lanes lanes = {frequency, _mm256_blendv_epi8(_mm256_srli_epi64(state, 16), state, fits),
                              0xF & ~(unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(fits))};
    return lanes;
}

/* As hemp_words_put_symbol; states are below 2^52, so that they become doubles by their bits. */
HEMP_AVX2 static inline __m256i put(const four_lanes *lanes, __m128i records) {
    const __m256i power_52 = _mm256_set1_epi64x(0x4330000000000000);
    const __m256d state =
        _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(lanes->state, power_52)), _mm256_castsi256_pd(power_52));
    const __m256d frequency = _mm256_cvtepi32_pd(_mm_srli_epi32(records, 16));
    const __m256i quotient = _mm256_cvtepi32_epi64(_mm256_cvttpd_epi32(_mm256_div_pd(state, frequency)));
    const __m256i low = _mm256_cvtepu32_epi64(_mm_and_si128(records, _mm_set1_epi32(0xFFFF)));
    /* 2^16 quotient + low + state - quotient frequency */
    const __m256i complement = _mm256_sub_epi64(_mm256_set1_epi64x(65536), lanes->frequency);
    return _mm256_add_epi64(_mm256_add_epi64(lanes->state, low), _mm256_mul_epu32(quotient, complement));
}

/* The lower 16 bits of the states of the lanes in the mask, in front of `next`; where they begin. */
HEMP_AVX2 static inline uint8_t *write_words(uint8_t *next, __m256i first, __m256i second, unsigned mask) {
    const __m256 mixed = _mm256_shuffle_ps(_mm256_castsi256_ps(first), _mm256_castsi256_ps(second), 0x88);
    const __m256i halves = _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xD8);
    const __m256i words = _mm256_and_si256(halves, _mm256_set1_epi32(0xFFFF));
    const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)&hemp_lanes_of_words[mask]));
    const __m256i given = _mm256_permutevar8x32_epi32(words, order);
    const __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(given), _mm256_extracti128_si256(given, 1));
    _mm_storeu_si128((__m128i *)(void *)(next - 16), packed);
    return next - 2 * (unsigned)__builtin_popcount(mask);
}

/* The symbols of a round. */
HEMP_AVX2 static inline void encode_round(lanes_encoder *encoder, const uint32_t *records) {
    __m256i *states = (__m256i *)(void *)encoder->states;
    const __m256i first = _mm256_loadu_si256(states), second = _mm256_loadu_si256(states + 1);
    const __m128i of_first = _mm_loadu_si128((const __m128i *)(const void *)records);
    const __m128i of_second = _mm_loadu_si128((const __m128i *)(const void *)(records + 4));
    const four_lanes a = make_room(first, of_first), b = make_room(second, of_second);
    encoder->next = write_words(encoder->next, first, second, a.full | b.full << 4);
    _mm256_storeu_si256(states, put(&a, of_first));
    _mm256_storeu_si256(states + 1, put(&b, of_second));
}

HEMP_AVX2 const uint32_t *hemp_lanes_encode_avx2(lanes_encoder *encoder, const lanes_residuals *residuals,
                                                 const lanes_run *run, const uint32_t *records) {
    lanes_encoder copy = *encoder; /* whose address nobody has */
    uint64_t place = lanes_end_of(residuals, run), j = residuals->part->columns;
    for (uint64_t i = run->rounds; i-- > 0;) {
        place = lanes_place_before(residuals, place, &j);
        if (residuals->any)
            records = lanes_encode_residuals(&copy, residuals, place, records);
        records -= LANES_MOST;
        encode_round(&copy, records);
    }
    *encoder = copy;
    return records;
}
#else
typedef int hemp_lanes_encode_without_avx2; /* C wants a declaration in every file */
#endif
