/* Decoded indices and planes to elements. */
#ifndef HEMP_ELEMENTS_H
#define HEMP_ELEMENTS_H

#include "internal.h"

/* out[i] = table[indices[i]], elements of 2, 4 or 8 bytes at any address.  `indices` may be the last bytes of `out`: no
 * element is written over an index that is still to be read. */
void hemp_expand(void *out, uint32_t size, const void *table, const void *indices, int is_wide, uint64_t count);

/* Elements of `dtype`, which is one of floating-point numbers if it is not `stored`, from the planes of a lossless
 * tensor of dtype `stored`, in the machine's byte order. */
hemp_status hemp_join(uint8_t stored, const uint8_t *const *planes, uint64_t count, uint8_t dtype, void *out);

#endif
