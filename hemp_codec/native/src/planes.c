#include "planes.h"

#include "bytes.h"
#include "dtype.h"

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

hemp_status hemp_planes_join(uint8_t dtype, const uint8_t *const *planes, uint64_t elements, void *out) {
    const hemp_dtype_entry *entry = hemp_dtype_find(dtype);
    if (entry == NULL || elements > SIZE_MAX / 16) {
        return HEMP_BAD_ARGUMENT;
    }
    hemp_patterns patterns;
    for (size_t start = 0; start < elements; start += HEMP_PLANES_CHUNK) {
        const size_t size = hemp_planes_chunk(elements, start);
        uint8_t *at = (uint8_t *)out + start * entry->size;
        for (unsigned first = 0; first < entry->size; first += entry->component) {
            join_chunk(&patterns, entry->component, planes + first, start, size, entry->rotated);
            store(&patterns, entry->component, size, at + first, entry->size);
        }
    }
    return HEMP_OK;
}
