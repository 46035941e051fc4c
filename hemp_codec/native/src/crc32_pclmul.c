/* CRC-32 by multiplication without carries: 64 bytes a step, each folded onto those 64 bytes further on. */
#include "crc32.h"

#ifdef HEMP_X86_SIMD
#include <immintrin.h>

#define PCLMUL __attribute__((target("pclmul,sse4.1")))

/* x^n modulo the polynomial, its bits reversed and shifted left by one, for the two halves of 16 bytes that move by D
 * bits: n = D + 32 and n = D - 32. */
#define BY_512_LOW 0x154442BD4
#define BY_512_HIGH 0x1C6E41596
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

PCLMUL size_t hemp_crc32_fold(const uint8_t *data, size_t size, uint32_t state, uint8_t folded[16]) {
    const __m128i by_512 = _mm_set_epi64x(BY_512_HIGH, BY_512_LOW);
    const __m128i by_128 = _mm_set_epi64x(BY_128_HIGH, BY_128_LOW);
    __m128i a = _mm_xor_si128(load(data), _mm_cvtsi32_si128((int)state));
    __m128i b = load(data + 16), c = load(data + 32), d = load(data + 48);
    size_t done = HEMP_CRC32_STEP;
    for (; size - done >= HEMP_CRC32_STEP; done += HEMP_CRC32_STEP) {
        a = fold(a, by_512, load(data + done));
        b = fold(b, by_512, load(data + done + 16));
        c = fold(c, by_512, load(data + done + 32));
        d = fold(d, by_512, load(data + done + 48));
    }
    _mm_storeu_si128((__m128i *)folded, fold(fold(fold(a, by_128, b), by_128, c), by_128, d));
    return done;
}
#else
typedef int hemp_crc32_without_pclmul; /* C wants a declaration in every file */
#endif
