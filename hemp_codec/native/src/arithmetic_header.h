/* The front of an arithmetic payload: mode and headers, as plain bits (spec/coders.md, 5.1 and 5.2). */
#ifndef HEMP_ARITHMETIC_HEADER_H
#define HEMP_ARITHMETIC_HEADER_H

#include "arithmetic_model.h"

enum {
    ARITHMETIC_PLAIN = 0,
    ARITHMETIC_MIXED = 1,
    ARITHMETIC_WIDE = 2,
    ARITHMETIC_MODE_BITS = 2,
    ARITHMETIC_LANES_BITS = 1
};

/* Bits are read from the least significant of each byte on.  Beyond the end they are 0, and `failed` is set. */
typedef struct bit_reader {
    const uint8_t *bytes;
    uint64_t size;
    uint64_t position; /* in bits */
    bool failed;
} bit_reader;

uint32_t hemp_read_bits(bit_reader *reader, uint32_t bits);

/* The fields that the mixed mode does not state. */
void hemp_arithmetic_set_mixed(arithmetic_header *header);

/* What a payload begins with, and the place where its coded indices do. */
typedef struct arithmetic_front {
    uint32_t mode;
    uint32_t lanes_bits; /* plain and wide: the number of lanes is 2^this */
    uint64_t size;       /* bytes up to the coded indices */
    bool coded;          /* not all parts are constant: there are coded indices */
    bit_reader headers;  /* at the first of them */
} arithmetic_front;

/* Check all headers.  HEMP_BAD_PAYLOAD. */
hemp_status hemp_arithmetic_read_front(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count,
                                       arithmetic_front *front);

/* The header of the next part that takes part, into `header`; false: it has that of the part before.  `levels_before`
 * is num_levels of that one, 0 for the first.  After a failure reader->failed is set. */
bool hemp_arithmetic_read_header(bit_reader *reader, uint32_t mode, uint32_t num_levels, uint32_t levels_before,
                                 arithmetic_header *header);

#endif
