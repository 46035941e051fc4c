#include "elements.h"

#include <string.h>

#include "dtype.h"
#include "numbers.h"

static inline size_t index_at(const uint8_t *indices, int is_wide, size_t i) {
    uint16_t wide;
    if (!is_wide) {
        return indices[i];
    }
    memcpy(&wide, indices + 2 * i, 2);
    return wide;
}

/* With a constant `size` the copies are loads and stores. */
static inline void expand(uint8_t *out, size_t size, const uint8_t *table, const uint8_t *indices, int is_wide,
                          size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t element;
        memcpy(&element, table + size * index_at(indices, is_wide, i), size);
        memcpy(out + size * i, &element, size);
    }
}

void hemp_expand(void *out, uint32_t size, const void *table, const void *indices, int is_wide, uint64_t count) {
    uint8_t *to = (uint8_t *)out;
    const uint8_t *levels = (const uint8_t *)table;
    const uint8_t *from = (const uint8_t *)indices;
    if (!HEMP_MANY_CASES) {
        expand(to, size, levels, from, is_wide, (size_t)count);
    } else if (size == 2) {
        expand(to, 2, levels, from, is_wide, (size_t)count);
    } else if (size == 4) {
        expand(to, 4, levels, from, is_wide, (size_t)count);
    } else {
        expand(to, 8, levels, from, is_wide, (size_t)count);
    }
}

static int is_little_endian(void) {
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* The bit pattern of component `first` / component size of element i. */
static uint64_t pattern_at(const hemp_dtype_entry *entry, const uint8_t *const *planes, unsigned first, uint64_t i) {
    uint64_t pattern = 0;
    for (unsigned p = first; p < first + entry->component; p++) {
        pattern = pattern << 8 | planes[p][i];
    }
    const uint64_t last = pattern & 1;
    return entry->rotated ? pattern >> 1 | last << (8u * entry->component - 1) : pattern;
}

static void put_pattern(uint8_t *out, uint64_t pattern, uint32_t size, int little_endian) {
    if (!little_endian) {
        hemp_put_native(out, pattern, size);
        return;
    }
    for (uint32_t k = 0; k < size; k++) {
        out[k] = (uint8_t)(pattern >> (8 * k));
    }
}

/* Pattern by pattern: for what hemp_planes_join does not do, and where it would be too much code. */
static void join_patterns(uint8_t stored, const uint8_t *const *planes, uint64_t count, uint8_t dtype,
                          int little_endian, uint8_t *out) {
    const hemp_dtype_entry *entry = hemp_dtype_find(stored);
    const uint32_t size = dtype == stored ? entry->component : hemp_dtype_size(dtype);
    for (uint64_t i = 0; i < count; i++) {
        for (unsigned first = 0; first < entry->size; first += entry->component, out += size) {
            uint64_t pattern = pattern_at(entry, planes, first, i);
            if (dtype != stored) {
                const hemp_number number = hemp_number_of(stored, pattern);
                pattern = hemp_number_bits(&number, dtype);
            }
            put_pattern(out, pattern, size, little_endian);
        }
    }
}

hemp_status hemp_join(uint8_t stored, const uint8_t *const *planes, uint64_t count, uint8_t dtype, void *out) {
    if (dtype == stored && is_little_endian()) {
        return hemp_planes_join(stored, planes, count, out);
    }
    join_patterns(stored, planes, count, dtype, 0, (uint8_t *)out);
    return HEMP_OK;
}

#ifdef HEMP_SMALL
hemp_status hemp_planes_join(uint8_t dtype, const uint8_t *const *planes, uint64_t elements, void *out) {
    if (hemp_dtype_find(dtype) == NULL || elements > SIZE_MAX / 16) {
        return HEMP_BAD_ARGUMENT;
    }
    join_patterns(dtype, planes, elements, dtype, 1, (uint8_t *)out);
    return HEMP_OK;
}
#endif
