/* The wide mode with AVX2: 16 bins in a register.  The numbers are those of the portable code. */
#include "arithmetic_wide.h"

#ifdef HEMP_X86_SIMD
#include <immintrin.h>

HEMP_AVX2 static inline __m256i load(const void *from) {
    return _mm256_loadu_si256((const __m256i *)from);
}

HEMP_AVX2 static inline void store(void *to, __m256i vector) {
    _mm256_storeu_si256((__m256i *)to, vector);
}

/* Sum of eight integers of 32 bits. */
HEMP_AVX2 static inline uint32_t sum_of(__m256i vector) {
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(vector), _mm256_extracti128_si256(vector, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
}

/* fraction (1 - fraction) in 1/65536, times `bend` / 65536. */
HEMP_AVX2 static inline __m256i bent(__m256i fraction, int bend) {
    const __m256i rest = _mm256_sub_epi16(_mm256_setzero_si256(), fraction);
    return _mm256_mulhi_epu16(_mm256_mulhi_epu16(fraction, rest), _mm256_set1_epi16((short)bend));
}

/* 1024 log2 of eight values. */
HEMP_AVX2 static inline __m256i log_of(__m256i values) {
    const __m256i bits = _mm256_castps_si256(_mm256_cvtepi32_ps(values));
    const __m256i fraction = _mm256_and_si256(_mm256_srli_epi32(bits, 7), _mm256_set1_epi32(65535));
    const __m256i exponent = _mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(127));
    const __m256i curve = _mm256_add_epi32(fraction, bent(fraction, 22544));
    return _mm256_add_epi32(_mm256_slli_epi32(exponent, 10), _mm256_srli_epi32(curve, 6));
}

HEMP_AVX2 static void rebuild(const arithmetic_wide *wide, wide_slot *slot) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i counts = load(slot->count);
    uint32_t total = sum_of(_mm256_madd_epi16(counts, ones));
    if (total >= WIDE_LIMIT) {
        counts = _mm256_srli_epi16(counts, 1);
        store(slot->count, counts);
        total = sum_of(_mm256_madd_epi16(counts, ones));
    }
    const __m256i halves = load(wide->root_half), factors = _mm256_set1_epi32(1 << 16 | 2048);
    const __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(counts, halves), factors);
    const __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi16(counts, halves), factors);
    const __m256i whole =
        _mm256_sub_epi32(log_of(_mm256_set1_epi32((int)(2048 * total + 32768))), _mm256_set1_epi32(16 * 1024));
    const __m256i shares =
        _mm256_packs_epi32(_mm256_sub_epi32(log_of(low), whole), _mm256_sub_epi32(log_of(high), whole));
    const __m256i gains = _mm256_sub_epi16(shares, load(wide->root_log));
    store(slot->gain, _mm256_mullo_epi16(gains, load(wide->used)));
    slot->left = (uint16_t)(1 + total / 8);
}

/* 2^-(distance / 256) in 1/32768; the shift by whole bits is a multiplication by a power of two from a table. */
HEMP_AVX2 static inline __m256i powers_of(__m256i distances) {
    const __m256i bits = _mm256_setr_epi8(-128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, -128, 64, 32, 16, 8, 4,
                                          2, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i low_bits = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, -128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0,
                                              0, -128, 64, 32, 16, 8, 4, 2, 1);
    const __m256i near = _mm256_min_epu16(distances, _mm256_set1_epi16(0xFFF));
    const __m256i fraction = _mm256_slli_epi16(near, 8);
    const __m256i line = _mm256_xor_si256(_mm256_srli_epi16(fraction, 1), _mm256_set1_epi16(-1));
    const __m256i power = _mm256_sub_epi16(line, bent(fraction, 11246));
    const __m256i high = _mm256_and_si256(_mm256_shuffle_epi8(bits, near), _mm256_set1_epi16((short)0xFF00));
    const __m256i low = _mm256_shuffle_epi8(low_bits, _mm256_srli_epi16(near, 8));
    return _mm256_mulhi_epu16(power, _mm256_or_si256(high, low));
}

/* Differences from the largest of 16 signed numbers. */
HEMP_AVX2 static inline __m256i below_top(__m256i values) {
    const __m256i turned = _mm256_sub_epi16(_mm256_set1_epi16(32767), values);
    const __m128i halves = _mm_min_epu16(_mm256_castsi256_si128(turned), _mm256_extracti128_si256(turned, 1));
    return _mm256_sub_epi16(turned, _mm256_broadcastw_epi16(_mm_minpos_epu16(halves)));
}

/* Of each place the sum of those before it. */
HEMP_AVX2 static inline __m256i sums_before(__m256i values) {
    __m256i sums = _mm256_add_epi16(values, _mm256_slli_si256(values, 2));
    sums = _mm256_add_epi16(sums, _mm256_slli_si256(sums, 4));
    sums = _mm256_add_epi16(sums, _mm256_slli_si256(sums, 8));
    const __m256i low = _mm256_permute2x128_si256(sums, sums, 0x08);
    sums = _mm256_add_epi16(sums, _mm256_shuffle_epi8(low, _mm256_set1_epi16(0x0F0E)));
    return _mm256_sub_epi16(sums, values);
}

HEMP_AVX2 static void predict(const arithmetic_wide *wide, wide_slots slots, uint32_t lanes, wide_table *tables) {
    const __m256i used = load(wide->used), base = load(wide->base);
    __m256i weights[WIDE_INPUTS];
    for (int i = 0; i < WIDE_INPUTS; i++)
        weights[i] = _mm256_set1_epi16((short)(wide->weights[i] >> WIDE_WEIGHT_BITS));
    for (uint32_t k = 0; k < lanes; k++) {
        __m256i mixed = base;
        for (int i = 0; i < WIDE_INPUTS; i++)
            mixed = _mm256_add_epi16(mixed, _mm256_mulhi_epi16(load(slots[k][i]->gain), weights[i]));
        const __m256i powers = powers_of(below_top(mixed));
        const uint32_t sum = sum_of(_mm256_madd_epi16(powers, _mm256_set1_epi16(1)));
        const __m256i scale = _mm256_set1_epi16((short)(((uint32_t)WIDE_SCALE << 15) / sum));
        const __m256i shares = _mm256_mulhi_epu16(_mm256_add_epi16(powers, powers), scale);
        const __m256i frequency = _mm256_add_epi16(used, shares);
        store(tables[k].frequency, frequency);
        store(tables[k].cum, sums_before(frequency));
        tables[k].cum[WIDE_PLACES] = 0;
    }
}

HEMP_AVX2 static void train(arithmetic_wide *wide, wide_slots slots, uint32_t lanes, const wide_table *tables,
                            const uint16_t *places) {
    const __m256i numbers = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (uint32_t k = 0; k < lanes; k++) {
        const __m256i seen = _mm256_cmpeq_epi16(numbers, _mm256_set1_epi16((short)places[k]));
        const __m256i error =
            _mm256_sub_epi16(_mm256_srli_epi16(seen, 4), _mm256_srli_epi16(load(tables[k].frequency), 4));
        a = _mm256_add_epi32(a, _mm256_madd_epi16(error, load(slots[k][0]->gain)));
        b = _mm256_add_epi32(b, _mm256_madd_epi16(error, load(slots[k][1]->gain)));
        c = _mm256_add_epi32(c, _mm256_madd_epi16(error, load(slots[k][2]->gain)));
        d = _mm256_add_epi32(d, _mm256_madd_epi16(error, load(slots[k][3]->gain)));
    }
    const __m256i halves = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
    const __m128i change = _mm_mullo_epi32(_mm_srai_epi32(sums, 12), _mm_set1_epi32(WIDE_RATE));
    const __m128i weights = _mm_add_epi32(_mm_loadu_si128((const __m128i *)wide->weights), change);
    const __m128i positive = _mm_max_epi32(weights, _mm_setzero_si128());
    _mm_storeu_si128((__m128i *)wide->weights, _mm_min_epi32(positive, _mm_set1_epi32(WIDE_MOST_WEIGHT)));
}

const wide_kernels *hemp_wide_kernels_avx2(void) {
    static const wide_kernels kernels = {predict, train, rebuild};
    return &kernels;
}
#else
typedef int hemp_wide_without_avx2; /* C wants a declaration in every file */
#endif
