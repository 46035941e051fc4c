/* libhemp: the encoding half.  It may be left out of a build; nothing in hemp.h needs it. */
#ifndef HEMP_ENCODE_H
#define HEMP_ENCODE_H

#include "hemp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The modes of the coder `arithmetic`, from the quickest to decode to the smallest; for small payloads that is
 * HEMP_ARITHMETIC_MIXED, which is slow. */
enum { HEMP_ARITHMETIC_PLAIN = 0, HEMP_ARITHMETIC_MIXED = 1, HEMP_ARITHMETIC_WIDE = 2 };

/* Upper bounds of the payload's size and of the scratch memory, in bytes. */
uint64_t hemp_arithmetic_encode_bound(const hemp_part *parts, size_t count);
uint64_t hemp_arithmetic_encode_memory(const hemp_part *parts, size_t count, int mode);
uint64_t hemp_rans_encode_bound(const hemp_part *parts, size_t count);
uint64_t hemp_rans_encode_memory(const hemp_part *parts, size_t count);

/* Encode parts[].indices, each below its num_levels (else HEMP_BAD_INDEX), into `payload` of `capacity` bytes; `size`
 * receives the bytes written.  `stored` needs hemp_stored_size bytes, `arithmetic` its bound. */
hemp_status hemp_stored_encode(const hemp_part *parts, size_t count, uint8_t *payload, size_t capacity, size_t *size);
hemp_status hemp_arithmetic_encode(const hemp_part *parts, size_t count, int mode, uint8_t *payload, size_t capacity,
                                   size_t *size, void *memory, size_t memory_size);
hemp_status hemp_rans_encode(const hemp_part *parts, size_t count, uint8_t *payload, size_t capacity, size_t *size,
                             void *memory, size_t memory_size);

/* About the bits of what hemp_rans_encode would write, from its tables alone: to within some 8 bits for each lane. */
uint64_t hemp_rans_estimate_memory(const hemp_part *parts, size_t count);
hemp_status hemp_rans_estimate(const hemp_part *parts, size_t count, double *bits, void *memory, size_t memory_size);

/* About the bits of what hemp_arithmetic_encode would write, in the same memory: to within 16 or 1 %, mostly exactly;
 * no payload is made. */
hemp_status hemp_arithmetic_estimate(const hemp_part *parts, size_t count, int mode, uint64_t *bits, void *memory,
                                     size_t memory_size);

/* The inverse of hemp_planes_join: `elements` little-endian elements into one array of bytes for each plane. */
hemp_status hemp_planes_split(uint8_t dtype, const void *data, uint64_t elements, uint8_t *const *planes);

/* The planes of a lossless segment that promise to become smaller, from a sample of them: a bit mask.  parts[].indices
 * are little-endian elements of any dtype but bool, and parts[].num_levels are 256. */
uint32_t hemp_lossless_promising(uint8_t dtype, const hemp_part *parts, size_t count);

/* About the bytes of such a segment, its planes coded or stored, from the same sample. */
uint64_t hemp_lossless_estimate(uint8_t dtype, const hemp_part *parts, size_t count);

/* Which of several tensors, one part each, had better begin a stream, since those before are too different: begins[i]
 * is then 1, else 0. */
void hemp_lossless_group(uint8_t dtype, const hemp_part *parts, size_t count, uint8_t *begins);

/* The segment of such parts, its `*coded_planes` coded by `rans`.  Unless they are fixed, those that stay too large are
 * stored and removed from *coded_planes. */
uint64_t hemp_lossless_encode_bound(uint8_t dtype, const hemp_part *parts, size_t count);
uint64_t hemp_lossless_encode_memory(uint8_t dtype, const hemp_part *parts, size_t count);
hemp_status hemp_lossless_encode(uint8_t dtype, const hemp_part *parts, size_t count, uint32_t *coded_planes,
                                 int is_fixed, uint8_t *out, size_t capacity, size_t *size, void *memory,
                                 size_t memory_size);

/* The start of a quantizer: cut `points` ascending points into `num_levels` cells (at most as many as points) of the
 * least weighted squared error around their means; cell k is points cuts[k] to cuts[k + 1] - 1, and cuts has room for
 * num_levels + 1.  With `pin_zero` one cell's level is 0 instead of its mean, and it may be empty. */
uint64_t hemp_optimal_cuts_memory(uint32_t points, uint32_t num_levels, int pin_zero);
hemp_status hemp_optimal_cuts(const double *means, const double *weights, uint32_t points, uint32_t num_levels,
                              int pin_zero, uint32_t *cuts, void *memory, size_t memory_size);

#ifdef __cplusplus
}
#endif
#endif
