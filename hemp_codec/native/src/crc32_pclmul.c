/* CRC-32 by multiplication without carries: 64 or 128 bytes a step, each folded onto those so many bytes further on. */
#include "crc32.h"

#ifdef HEMP_X86_SIMD
#include <immintrin.h>

#define PCLMUL __attribute__((target("pclmul,sse4.1")))
#define VPCLMUL __attribute__((target("vpclmulqdq,pclmul,avx2")))

enum { AHEAD = 2048 /* bytes: to ask for them early makes large data a fifth quicker */ };

/* x^n modulo the polynomial, its bits reversed and shifted left by one, for the two halves of 16 bytes that move by D
 * bits: n = D + 32 and n = D - 32. */
#define BY_1024_LOW 0x1E88EF372
#define BY_1024_HIGH 0x14A7FE880
#define BY_512_LOW 0x154442BD4
#define BY_512_HIGH 0x1C6E41596
#define BY_256_LOW 0x0F1DA05AA
#define BY_256_HIGH 0x15A546366
#define BY_128_LOW 0x1751997D0
#define BY_128_HIGH 0x0CCAA009E

PCLMUL static inline __m128i fold(__m128i moved, __m128i factors, __m128i onto) {
    const __m128i low = _mm_clmulepi64_si128(moved, factors, 0x00);
    const __m128i high = _mm_clmulepi64_si128(moved, factors, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), onto);
}

PCLMUL static inline __m128i load(const uint8_t *data) {
    return _mm_loadu_si128((const __m128i *)data);
}

PCLMUL static size_t fold_64(const uint8_t *data, size_t size, uint32_t state, uint8_t folded[16]) {
    const __m128i by_512 = _mm_set_epi64x(BY_512_HIGH, BY_512_LOW);
    const __m128i by_128 = _mm_set_epi64x(BY_128_HIGH, BY_128_LOW);
    __m128i a = _mm_xor_si128(load(data), _mm_cvtsi32_si128((int)state));
    __m128i b = load(data + 16), c = load(data + 32), d = load(data + 48);
    size_t done = 64;
    for (; size - done >= 64; done += 64) {
        a = fold(a, by_512, load(data + done));
        b = fold(b, by_512, load(data + done + 16));
        c = fold(c, by_512, load(data + done + 32));
        d = fold(d, by_512, load(data + done + 48));
    }
    _mm_storeu_si128((__m128i *)folded, fold(fold(fold(a, by_128, b), by_128, c), by_128, d));
    return done;
}

VPCLMUL static inline __m256i fold_pair(__m256i moved, __m256i factors, __m256i onto) {
    const __m256i low = _mm256_clmulepi64_epi128(moved, factors, 0x00);
    const __m256i high = _mm256_clmulepi64_epi128(moved, factors, 0x11);
    return _mm256_xor_si256(_mm256_xor_si256(low, high), onto);
}

VPCLMUL static inline __m256i load_pair(const uint8_t *data) {
    return _mm256_loadu_si256((const __m256i *)data);
}

/* What is so far behind `data`, if there is such: nothing happens where there is not. */
VPCLMUL static inline void prefetch(const uint8_t *data) {
    _mm_prefetch((const char *)((uintptr_t)data + AHEAD), _MM_HINT_T0);
}

VPCLMUL static size_t fold_128(const uint8_t *data, size_t size, uint32_t state, uint8_t folded[16]) {
    const __m256i by_1024 = _mm256_set_epi64x(BY_1024_HIGH, BY_1024_LOW, BY_1024_HIGH, BY_1024_LOW);
    const __m256i by_256 = _mm256_set_epi64x(BY_256_HIGH, BY_256_LOW, BY_256_HIGH, BY_256_LOW);
    const __m128i by_128 = _mm_set_epi64x(BY_128_HIGH, BY_128_LOW);
    __m256i a = _mm256_xor_si256(load_pair(data), _mm256_zextsi128_si256(_mm_cvtsi32_si128((int)state)));
    __m256i b = load_pair(data + 32), c = load_pair(data + 64), d = load_pair(data + 96);
    size_t done = 128;
    for (; size - done >= 128; done += 128) {
        prefetch(data + done);
        prefetch(data + done + 64);
        a = fold_pair(a, by_1024, load_pair(data + done));
        b = fold_pair(b, by_1024, load_pair(data + done + 32));
        c = fold_pair(c, by_1024, load_pair(data + done + 64));
        d = fold_pair(d, by_1024, load_pair(data + done + 96));
    }
    const __m256i pair = fold_pair(fold_pair(fold_pair(a, by_256, b), by_256, c), by_256, d);
    const __m128i one = fold(_mm256_castsi256_si128(pair), by_128, _mm256_extracti128_si256(pair, 1));
    _mm_storeu_si128((__m128i *)folded, one);
    return done;
}

size_t hemp_crc32_fold(const uint8_t *data, size_t size, uint32_t state, uint8_t folded[16]) {
    return size >= 128 && hemp_cpu_has_vpclmul() ? fold_128(data, size, state, folded)
                                                 : fold_64(data, size, state, folded);
}
#else
typedef int hemp_crc32_without_pclmul; /* C wants a declaration in every file */
#endif
