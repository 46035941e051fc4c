#include "planes.h"

#include "bytes.h"
#include "dtype.h"
#include "internal.h"

#ifndef HEMP_SMALL /* else it is in elements.c */

static void join_to_16(const uint8_t *high, const uint8_t *low, uint16_t *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint16_t)((unsigned)high[i] << 8 | low[i]);
    }
}

static void join_to_32(const uint16_t *high, const uint16_t *low, uint32_t *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint32_t)high[i] << 16 | low[i];
    }
}

static void join_to_64(const uint32_t *high, const uint32_t *low, uint64_t *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint64_t)high[i] << 32 | low[i];
    }
}

static void rotate_8(uint8_t *patterns, size_t size) {
    for (size_t i = 0; i < size; i++) {
        patterns[i] = (uint8_t)(patterns[i] >> 1 | patterns[i] << 7);
    }
}

static void rotate_16(uint16_t *patterns, size_t size) {
    for (size_t i = 0; i < size; i++) {
        patterns[i] = (uint16_t)(patterns[i] >> 1 | patterns[i] << 15);
    }
}

static void rotate_32(uint32_t *patterns, size_t size) {
    for (size_t i = 0; i < size; i++) {
        patterns[i] = patterns[i] >> 1 | patterns[i] << 31;
    }
}

static void rotate_64(uint64_t *patterns, size_t size) {
    for (size_t i = 0; i < size; i++) {
        patterns[i] = patterns[i] >> 1 | patterns[i] << 63;
    }
}

/* Write patterns of `bytes` bytes, which begin `stride` bytes apart. */
static void store(const hemp_patterns *patterns, unsigned bytes, size_t size, uint8_t *out, size_t stride) {
    const void *all = bytes == 1   ? (const void *)patterns->of8
                      : bytes == 2 ? (const void *)patterns->of16[0]
                      : bytes == 4 ? (const void *)patterns->of32[0]
                                   : (const void *)patterns->of64;
    if (stride == bytes && (HEMP_LITTLE_ENDIAN || bytes == 1)) {
        memcpy(out, all, size * bytes);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t *at = out + i * stride;
        if (bytes == 2) {
            hemp_store16(at, patterns->of16[0][i]);
        } else if (bytes == 4) {
            hemp_store32(at, patterns->of32[0][i]);
        } else {
            hemp_store64(at, patterns->of64[i]);
        }
    }
}

/* Put together a chunk of patterns of `bytes` bytes, and turn them back by one bit if they were rotated. */
static void join_chunk(hemp_patterns *patterns, unsigned bytes, const uint8_t *const *planes, size_t start, size_t size,
                       int rotated) {
    for (unsigned k = 0; k < bytes / 2; k++) {
        join_to_16(planes[2 * k] + start, planes[2 * k + 1] + start, patterns->of16[k], size);
    }
    for (unsigned k = 0; k < bytes / 4; k++) {
        join_to_32(patterns->of16[2 * k], patterns->of16[2 * k + 1], patterns->of32[k], size);
    }
    switch (bytes) {
    case 1:
        memcpy(patterns->of8, planes[0] + start, size);
        if (rotated) {
            rotate_8(patterns->of8, size);
        }
        break;
    case 2:
        if (rotated) {
            rotate_16(patterns->of16[0], size);
        }
        break;
    case 4:
        if (rotated) {
            rotate_32(patterns->of32[0], size);
        }
        break;
    default:
        join_to_64(patterns->of32[0], patterns->of32[1], patterns->of64, size);
        if (rotated) {
            rotate_64(patterns->of64, size);
        }
        break;
    }
}

#ifdef HEMP_X86_SIMD
enum { WORTH_STREAMING = 1 << 16 /* bytes: what is larger hardly stays in the cache next to the processor */ };

/* Past the cache, which spares it to read first what is written: `out` is a multiple of 16 then, as
 * allocated memory is. */
HEMP_AVX2 static inline void put_32(uint8_t *out, __m256i bytes, int streaming) {
    if (streaming) {
        _mm_stream_si128((__m128i *)out, _mm256_castsi256_si128(bytes));
        _mm_stream_si128((__m128i *)(out + 16), _mm256_extracti128_si256(bytes, 1));
    } else {
        _mm256_storeu_si256((__m256i *)out, bytes);
    }
}

/* Thirty-two elements at a time without a stop in memory; the number of elements.  Unpacking works within halves of a
 * register: bytes are brought into an order from which it gives neighbors. */
HEMP_AVX2 static inline size_t join_2(const uint8_t *const *planes, size_t size, uint8_t *out, int rotated,
                                      int streaming) {
    size_t i = 0;
    for (; i + 32 <= size; i += 32) {
        const __m256i high = _mm256_permute4x64_epi64(hemp_load_32(planes[0] + i), 0xD8);
        const __m256i low = _mm256_permute4x64_epi64(hemp_load_32(planes[1] + i), 0xD8);
        const __m256i words[2] = {_mm256_unpacklo_epi8(low, high), _mm256_unpackhi_epi8(low, high)};
        for (int k = 0; k < 2; k++) {
            const __m256i turned = _mm256_or_si256(_mm256_srli_epi16(words[k], 1), _mm256_slli_epi16(words[k], 15));
            put_32(out + 2 * i + 32 * k, rotated ? turned : words[k], streaming);
        }
    }
    return i;
}

HEMP_AVX2 static inline size_t join_4(const uint8_t *const *planes, size_t size, uint8_t *out, int rotated,
                                      int streaming) {
    const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    size_t i = 0;
    for (; i + 32 <= size; i += 32) {
        __m256i bytes[4];
        for (int p = 0; p < 4; p++) {
            bytes[p] = _mm256_permutevar8x32_epi32(hemp_load_32(planes[p] + i), order);
        }
        const __m256i high[2] = {_mm256_unpacklo_epi8(bytes[1], bytes[0]), _mm256_unpackhi_epi8(bytes[1], bytes[0])};
        const __m256i low[2] = {_mm256_unpacklo_epi8(bytes[3], bytes[2]), _mm256_unpackhi_epi8(bytes[3], bytes[2])};
        for (int k = 0; k < 4; k++) {
            const __m256i joined = k % 2 == 0 ? _mm256_unpacklo_epi16(low[k / 2], high[k / 2])
                                              : _mm256_unpackhi_epi16(low[k / 2], high[k / 2]);
            const __m256i turned = _mm256_or_si256(_mm256_srli_epi32(joined, 1), _mm256_slli_epi32(joined, 31));
            put_32(out + 4 * i + 32 * k, rotated ? turned : joined, streaming);
        }
    }
    return i;
}

HEMP_AVX2 static size_t join_many_avx2(const hemp_dtype_entry *entry, const uint8_t *const *planes, size_t size,
                                       uint8_t *out) {
    if (size * entry->size < WORTH_STREAMING || (uintptr_t)out % 16 != 0) {
        return entry->size == 2 ? join_2(planes, size, out, entry->rotated, 0)
                                : join_4(planes, size, out, entry->rotated, 0);
    }
    const size_t done =
        entry->size == 2 ? join_2(planes, size, out, entry->rotated, 1) : join_4(planes, size, out, entry->rotated, 1);
    _mm_sfence(); /* other threads shall see the elements when they hear of them */
    return done;
}

static size_t join_many(const hemp_dtype_entry *entry, const uint8_t *const *planes, size_t size, uint8_t *out) {
    const int is_simple = entry->component == entry->size && (entry->size == 2 || entry->size == 4);
    return is_simple && hemp_cpu_has_avx2() ? join_many_avx2(entry, planes, size, out) : 0;
}
#else
static size_t join_many(const hemp_dtype_entry *entry, const uint8_t *const *planes, size_t size, uint8_t *out) {
    (void)entry, (void)planes, (void)size, (void)out;
    return 0;
}
#endif

hemp_status hemp_planes_join(uint8_t dtype, const uint8_t *const *planes, uint64_t elements, void *out) {
    const hemp_dtype_entry *entry = hemp_dtype_find(dtype);
    if (entry == NULL || elements > SIZE_MAX / 16) {
        return HEMP_BAD_ARGUMENT;
    }
    hemp_patterns patterns;
    for (size_t start = join_many(entry, planes, (size_t)elements, (uint8_t *)out); start < elements;
         start += HEMP_PLANES_CHUNK) {
        const size_t size = hemp_planes_chunk(elements, start);
        uint8_t *at = (uint8_t *)out + start * entry->size;
        for (unsigned first = 0; first < entry->size; first += entry->component) {
            join_chunk(&patterns, entry->component, planes + first, start, size, entry->rotated);
            store(&patterns, entry->component, size, at + first, entry->size);
        }
    }
    return HEMP_OK;
}
#endif
