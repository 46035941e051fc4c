/* Floating-point numbers from one type into another, by integer arithmetic: the same bits whatever the processor and
 * the compiler make of float. */
#ifndef HEMP_NUMBERS_H
#define HEMP_NUMBERS_H

#include "internal.h"

typedef enum hemp_number_kind { HEMP_NUMBER_FINITE, HEMP_NUMBER_INFINITE, HEMP_NUMBER_NAN } hemp_number_kind;

/* (-1)^negative x significand x 2^exponent.  Of a NaN the significand is the payload, from bit 62 on downwards. */
typedef struct hemp_number {
    uint64_t significand;
    int exponent;
    int negative;
    hemp_number_kind kind;
} hemp_number;

/* The number with this bit pattern; the dtype is float16, bfloat16, float32 or float64. */
hemp_number hemp_number_of(uint8_t dtype, uint64_t bits);

/* The bit pattern of the nearest number of the dtype, ties to even. */
uint64_t hemp_number_bits(const hemp_number *number, uint8_t dtype);

/* The product of a number that is a float64 and an integer, |factor| below 2^25.  Where it has more than 63 bits the
 * last one stands for all that are below, so that it is rounded as the product is. */
hemp_number hemp_number_times(const hemp_number *number, int32_t factor);

/* Bit patterns little-endian, and in the machine's byte order, of 1, 2, 4 or 8 bytes at any address. */
uint64_t hemp_load_pattern(const uint8_t *bytes, uint32_t size);
void hemp_put_native(void *out, uint64_t bits, uint32_t size);

#endif
