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
/* The high and the low bytes of sixteen words. */
static inline void split_words(__m128i first, __m128i second, uint8_t *high, uint8_t *low) {
    const __m128i low_byte = _mm_set1_epi16(0xFF);
    _mm_storeu_si128((__m128i *)high, _mm_packus_epi16(_mm_srli_epi16(first, 8), _mm_srli_epi16(second, 8)));
    _mm_storeu_si128((__m128i *)low, _mm_packus_epi16(_mm_and_si128(first, low_byte), _mm_and_si128(second, low_byte)));
}

/* Sixteen elements at a time without a stop in memory, with what every such processor has; the number of elements. */
static size_t split_2(const uint8_t *data, size_t size, uint8_t *const *planes, int rotated) {
    size_t i = 0;
    for (; i + 16 <= size; i += 16) {
        __m128i words[2];
        for (int k = 0; k < 2; k++) {
            const __m128i x = load_16(data + 2 * i + 16 * k);
            words[k] = rotated ? _mm_or_si128(_mm_slli_epi16(x, 1), _mm_srli_epi16(x, 15)) : x;
        }
        split_words(words[0], words[1], planes[0] + i, planes[1] + i);
    }
    return i;
}

static size_t split_4(const uint8_t *data, size_t size, uint8_t *const *planes, int rotated) {
    size_t i = 0;
    for (; i + 16 <= size; i += 16) {
        __m128i high[4], low[4]; /* halves, as integers of 32 bits with a sign, which packing keeps */
        for (int k = 0; k < 4; k++) {
            const __m128i x = load_16(data + 4 * i + 16 * k);
            const __m128i turned = rotated ? _mm_or_si128(_mm_slli_epi32(x, 1), _mm_srli_epi32(x, 31)) : x;
            high[k] = _mm_srai_epi32(turned, 16);
            low[k] = _mm_srai_epi32(_mm_slli_epi32(turned, 16), 16);
        }
        split_words(_mm_packs_epi32(high[0], high[1]), _mm_packs_epi32(high[2], high[3]), planes[0] + i, planes[1] + i);
        split_words(_mm_packs_epi32(low[0], low[1]), _mm_packs_epi32(low[2], low[3]), planes[2] + i, planes[3] + i);
    }
    return i;
}

static size_t split_many(const hemp_dtype_entry *entry, const uint8_t *data, size_t size, uint8_t *const *planes) {
    if (entry->component != entry->size || (entry->size != 2 && entry->size != 4)) {
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
