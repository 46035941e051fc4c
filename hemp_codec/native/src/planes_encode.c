#include "dtype.h"
#include "hemp_encode.h"
#include "planes.h"

/* `stride` bytes lie between the components of one kind; planes[0] is the most significant byte. */
static inline void split_component(const uint8_t *data, size_t stride, uint64_t elements, uint8_t *const *planes,
                                   unsigned bytes, unsigned rotated) {
    const uint64_t mask = hemp_component_mask(bytes);
    const unsigned top = 8 * bytes - 1;
    for (uint64_t i = 0; i < elements; i++) {
        uint64_t pattern = 0;
        for (unsigned b = 0; b < bytes; b++) {
            pattern |= (uint64_t)data[i * stride + b] << (8 * b);
        }
        if (rotated) {
            pattern = ((pattern << 1) | (pattern >> top)) & mask;
        }
        for (unsigned p = 0; p < bytes; p++) {
            planes[p][i] = (uint8_t)(pattern >> (8 * (bytes - 1 - p)));
        }
    }
}

hemp_status hemp_planes_split(uint8_t dtype, const void *data, uint64_t elements, uint8_t *const *planes) {
    const hemp_dtype_entry *entry = hemp_dtype_find(dtype);
    if (entry == NULL) {
        return HEMP_BAD_ARGUMENT;
    }
    for (unsigned first = 0; first < entry->size; first += entry->component) {
        const uint8_t *at = (const uint8_t *)data + first;
        /* Constant widths let the compiler unroll the inner loops. */
        switch (entry->component) {
        case 1:
            split_component(at, entry->size, elements, planes + first, 1, entry->rotated);
            break;
        case 2:
            split_component(at, entry->size, elements, planes + first, 2, entry->rotated);
            break;
        case 4:
            split_component(at, entry->size, elements, planes + first, 4, entry->rotated);
            break;
        default:
            split_component(at, entry->size, elements, planes + first, 8, entry->rotated);
            break;
        }
    }
    return HEMP_OK;
}
