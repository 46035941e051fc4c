#ifndef HEMP_RANS_ENCODE_H
#define HEMP_RANS_ENCODE_H

#include "hemp_encode.h"

/* Bytes by which a payload of parts of 256 levels may be longer than its indices. */
enum { HEMP_RANS_RAW_EXTRA = 3 };

/* As hemp_rans_encode, with one lane for every `lane_bytes` of a block as far as possible: many lanes are quick, and
 * cost three bytes each. */
hemp_status hemp_rans_encode_quickly(const hemp_part *parts, size_t count, uint64_t lane_bytes, uint8_t *payload,
                                     size_t capacity, size_t *size, void *memory, size_t memory_size);

#endif
