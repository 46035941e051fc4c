#ifndef HEMP_PLANES_H
#define HEMP_PLANES_H

#include <stdint.h>

/* Bits of a component of so many bytes. */
static inline uint64_t hemp_component_mask(unsigned bytes) {
    return bytes == 8 ? UINT64_MAX : ((uint64_t)1 << (8 * bytes)) - 1;
}

#endif
