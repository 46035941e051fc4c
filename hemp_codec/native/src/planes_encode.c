#include "bytes.h"
#include "dtype.h"
#include "hemp_encode.h"
#include "planes.h"

static void split_16(const uint16_t *patterns, uint8_t *high, uint8_t *low, size_t size) {
    for (size_t i = 0; i < size; i++) {
        high[i] = (uint8_t)(patterns[i] >> 8);
    }
    for (size_t i = 0; i < size; i++) {
        low[i] = (uint8_t)patterns[i];
    }
}

static void split_32(const uint32_t *patterns, uint16_t *high, uint16_t *low, size_t size) {
    for (size_t i = 0; i < size; i++) {
        high[i] = (uint16_t)(patterns[i] >> 16);
        low[i] = (uint16_t)patterns[i];
    }
}

static void split_64(const uint64_t *patterns, uint32_t *high, uint32_t *low, size_t size) {
    for (size_t i = 0; i < size; i++) {
        high[i] = (uint32_t)(patterns[i] >> 32);
        low[i] = (uint32_t)patterns[i];
    }
}

static void rotate_8(uint8_t *patterns, size_t size) {
    for (size_t i = 0; i < size; i++) {
        patterns[i] = (uint8_t)(patterns[i] << 1 | patterns[i] >> 7);
    }
}

static void rotate_16(uint16_t *patterns, size_t size) {
    for (size_t i = 0; i < size; i++) {
        patterns[i] = (uint16_t)(patterns[i] << 1 | patterns[i] >> 15);
    }
}

static void rotate_32(uint32_t *patterns, size_t size) {
    for (size_t i = 0; i < size; i++) {
        patterns[i] = patterns[i] << 1 | patterns[i] >> 31;
    }
}

static void rotate_64(uint64_t *patterns, size_t size) {
    for (size_t i = 0; i < size; i++) {
        patterns[i] = patterns[i] << 1 | patterns[i] >> 63;
    }
}

/* Read patterns of `bytes` bytes, which begin `stride` bytes apart. */
static void load(hemp_patterns *patterns, unsigned bytes, size_t size, const uint8_t *data, size_t stride) {
    void *all = bytes == 1   ? (void *)patterns->of8
                : bytes == 2 ? (void *)patterns->of16[0]
                : bytes == 4 ? (void *)patterns->of32[0]
                             : (void *)patterns->of64;
    if (stride == bytes && (HEMP_LITTLE_ENDIAN || bytes == 1)) {
        memcpy(all, data, size * bytes);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        const uint8_t *at = data + i * stride;
        if (bytes == 2) {
            patterns->of16[0][i] = hemp_load16(at);
        } else if (bytes == 4) {
            patterns->of32[0][i] = hemp_load32(at);
        } else {
            patterns->of64[i] = hemp_load64(at);
        }
    }
}

/* Turn a chunk of patterns of `bytes` bytes by one bit if they are to be rotated, and take them apart. */
static void split_chunk(hemp_patterns *patterns, unsigned bytes, uint8_t *const *planes, size_t start, size_t size,
                        int rotated) {
    switch (bytes) {
    case 1:
        if (rotated) {
            rotate_8(patterns->of8, size);
        }
        memcpy(planes[0] + start, patterns->of8, size);
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
        if (rotated) {
            rotate_64(patterns->of64, size);
        }
        split_64(patterns->of64, patterns->of32[0], patterns->of32[1], size);
        break;
    }
    for (unsigned k = 0; k < bytes / 4; k++) {
        split_32(patterns->of32[k], patterns->of16[2 * k], patterns->of16[2 * k + 1], size);
    }
    for (unsigned k = 0; k < bytes / 2; k++) {
        split_16(patterns->of16[k], planes[2 * k] + start, planes[2 * k + 1] + start, size);
    }
}

#ifdef HEMP_X86_SIMD
HEMP_AVX2 static inline void store_32(uint8_t *bytes, __m256i value) {
    _mm256_storeu_si256((__m256i *)bytes, value);
}

/* Thirty-two elements at a time without a stop in memory; the number of elements. */
HEMP_AVX2 static size_t split_2(const uint8_t *data, size_t size, uint8_t *const *planes, int rotated) {
    const __m256i low_byte = _mm256_set1_epi16(0xFF);
    size_t i = 0;
    for (; i + 32 <= size; i += 32) {
        __m256i high[2], low[2];
        for (int k = 0; k < 2; k++) {
            const __m256i x = hemp_load_32(data + 2 * i + 32 * k);
            const __m256i turned = _mm256_or_si256(_mm256_slli_epi16(x, 1), _mm256_srli_epi16(x, 15));
            high[k] = _mm256_srli_epi16(rotated ? turned : x, 8);
            low[k] = _mm256_and_si256(rotated ? turned : x, low_byte);
        }
        store_32(planes[0] + i, _mm256_permute4x64_epi64(_mm256_packus_epi16(high[0], high[1]), 0xD8));
        store_32(planes[1] + i, _mm256_permute4x64_epi64(_mm256_packus_epi16(low[0], low[1]), 0xD8));
    }
    return i;
}

/* The four bytes of a plane are gathered in each half of a register, then those of four registers. */
HEMP_AVX2 static size_t split_4(const uint8_t *data, size_t size, uint8_t *const *planes, int rotated) {
    const __m256i by_plane = _mm256_setr_epi8(3, 7, 11, 15, 2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12, /**/
                                              3, 7, 11, 15, 2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12);
    const __m256i in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    size_t i = 0;
    for (; i + 32 <= size; i += 32) {
        __m256i bytes[4];
        for (int k = 0; k < 4; k++) {
            const __m256i x = hemp_load_32(data + 4 * i + 32 * k);
            const __m256i turned = _mm256_or_si256(_mm256_slli_epi32(x, 1), _mm256_srli_epi32(x, 31));
            bytes[k] = _mm256_shuffle_epi8(rotated ? turned : x, by_plane);
        }
        const __m256i high[2] = {_mm256_unpacklo_epi32(bytes[0], bytes[1]), _mm256_unpacklo_epi32(bytes[2], bytes[3])};
        const __m256i low[2] = {_mm256_unpackhi_epi32(bytes[0], bytes[1]), _mm256_unpackhi_epi32(bytes[2], bytes[3])};
        const __m256i split[4] = {_mm256_unpacklo_epi64(high[0], high[1]), _mm256_unpackhi_epi64(high[0], high[1]),
                                  _mm256_unpacklo_epi64(low[0], low[1]), _mm256_unpackhi_epi64(low[0], low[1])};
        for (int p = 0; p < 4; p++) {
            store_32(planes[p] + i, _mm256_permutevar8x32_epi32(split[p], in_order));
        }
    }
    return i;
}

static size_t split_many(const hemp_dtype_entry *entry, const uint8_t *data, size_t size, uint8_t *const *planes) {
    if (entry->component != entry->size || (entry->size != 2 && entry->size != 4) || !hemp_cpu_has_avx2()) {
        return 0;
    }
    return entry->size == 2 ? split_2(data, size, planes, entry->rotated) : split_4(data, size, planes, entry->rotated);
}
#else
static size_t split_many(const hemp_dtype_entry *entry, const uint8_t *data, size_t size, uint8_t *const *planes) {
    (void)entry, (void)data, (void)size, (void)planes;
    return 0;
}
#endif

hemp_status hemp_planes_split(uint8_t dtype, const void *data, uint64_t elements, uint8_t *const *planes) {
    const hemp_dtype_entry *entry = hemp_dtype_find(dtype);
    if (entry == NULL || elements > SIZE_MAX / 16) {
        return HEMP_BAD_ARGUMENT;
    }
    hemp_patterns patterns;
    for (size_t start = split_many(entry, (const uint8_t *)data, (size_t)elements, planes); start < elements;
         start += HEMP_PLANES_CHUNK) {
        const size_t size = hemp_planes_chunk(elements, start);
        const uint8_t *at = (const uint8_t *)data + start * entry->size;
        for (unsigned first = 0; first < entry->size; first += entry->component) {
            load(&patterns, entry->component, size, at + first, entry->size);
            split_chunk(&patterns, entry->component, planes + first, start, size, entry->rotated);
        }
    }
    return HEMP_OK;
}
