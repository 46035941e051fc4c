#ifndef HEMP_RANS_ENCODE_H
#define HEMP_RANS_ENCODE_H

#include "hemp_encode.h"
#include "rans_classes_encode.h"

/* Bytes by which a payload of parts of 256 levels may be longer than its indices. */
enum { HEMP_RANS_RAW_EXTRA = 3 };

/* What is given for speed: many lanes are quick and cost three bytes each, and classes take time in both directions. */
typedef struct hemp_rans_effort {
    uint64_t lane_bytes; /* of a block, for each of its lanes */
    uint64_t least_gain; /* coding must save at least one part in so many, else symbols of bytes stay as they are */
    uint64_t counted;    /* about so many symbols of a block of one class decide its frequencies */
    hemp_rans_search classes;
} hemp_rans_effort;

/* As hemp_rans_encode, which has an effort of its own. */
hemp_status hemp_rans_encode_with(const hemp_rans_effort *effort, const hemp_part *parts, size_t count,
                                  uint8_t *payload, size_t capacity, size_t *size, void *memory, size_t memory_size);

#endif
