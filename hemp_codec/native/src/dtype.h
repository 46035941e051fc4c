/* Properties of dtypes by number (spec/format.md, 4.4). */
#ifndef HEMP_DTYPE_H
#define HEMP_DTYPE_H

#include "internal.h"

typedef struct hemp_dtype_entry {
    uint8_t size;
    uint8_t component; /* bytes of one bit pattern; half of size for complex numbers */
    uint8_t rotated;
} hemp_dtype_entry;

/* The entry, or NULL for unknown numbers. */
const hemp_dtype_entry *hemp_dtype_find(uint8_t dtype);

/* A codebook or uniform quantizer may be used. */
static inline int hemp_dtype_quantizable(uint8_t dtype) {
    return dtype >= HEMP_FLOAT16 && dtype <= HEMP_FLOAT64;
}

#endif
