#include "planes.h"

#include "dtype.h"

/* `stride` bytes lie between the components of one kind; planes[0] is the most significant byte. */
static inline void join_component(const uint8_t *const *planes, uint64_t elements, uint8_t *out, size_t stride,
                                  unsigned bytes, unsigned rotated) {
    const uint64_t mask = hemp_component_mask(bytes);
    const unsigned top = 8 * bytes - 1;
    for (uint64_t i = 0; i < elements; i++) {
        uint64_t pattern = 0;
        for (unsigned p = 0; p < bytes; p++) {
            pattern = (pattern << 8) | planes[p][i];
        }
        if (rotated) {
            pattern = ((pattern >> 1) | (pattern << top)) & mask;
        }
        for (unsigned b = 0; b < bytes; b++) {
            out[i * stride + b] = (uint8_t)(pattern >> (8 * b));
        }
    }
}

hemp_status hemp_planes_join(uint8_t dtype, const uint8_t *const *planes, uint64_t elements, void *out) {
    const hemp_dtype_entry *entry = hemp_dtype_find(dtype);
    if (entry == NULL) {
        return HEMP_BAD_ARGUMENT;
    }
    for (unsigned first = 0; first < entry->size; first += entry->component) {
        uint8_t *at = (uint8_t *)out + first;
        /* Constant widths let the compiler unroll the inner loops. */
        switch (entry->component) {
        case 1:
            join_component(planes + first, elements, at, entry->size, 1, entry->rotated);
            break;
        case 2:
            join_component(planes + first, elements, at, entry->size, 2, entry->rotated);
            break;
        case 4:
            join_component(planes + first, elements, at, entry->size, 4, entry->rotated);
            break;
        default:
            join_component(planes + first, elements, at, entry->size, 8, entry->rotated);
            break;
        }
    }
    return HEMP_OK;
}
