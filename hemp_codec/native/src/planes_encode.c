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

hemp_status hemp_planes_split(uint8_t dtype, const void *data, uint64_t elements, uint8_t *const *planes) {
    const hemp_dtype_entry *entry = hemp_dtype_find(dtype);
    if (entry == NULL || elements > SIZE_MAX / 16) {
        return HEMP_BAD_ARGUMENT;
    }
    hemp_patterns patterns;
    for (size_t start = 0; start < elements; start += HEMP_PLANES_CHUNK) {
        const size_t size = hemp_planes_chunk(elements, start);
        const uint8_t *at = (const uint8_t *)data + start * entry->size;
        for (unsigned first = 0; first < entry->size; first += entry->component) {
            load(&patterns, entry->component, size, at + first, entry->size);
            split_chunk(&patterns, entry->component, planes + first, start, size, entry->rotated);
        }
    }
    return HEMP_OK;
}
