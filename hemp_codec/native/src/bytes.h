/* Little-endian integers at any address, whatever the byte order of the machine. */
#ifndef HEMP_BYTES_H
#define HEMP_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t hemp_load16(const uint8_t *p) {
    return (uint16_t)(p[0] | ((unsigned)p[1] << 8));
}

static inline uint32_t hemp_load32(const uint8_t *p) {
    return (uint32_t)p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
}

static inline uint64_t hemp_load64(const uint8_t *p) {
    return (uint64_t)hemp_load32(p) | ((uint64_t)hemp_load32(p + 4) << 32);
}

static inline void hemp_store16(uint8_t *p, uint16_t value) {
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void hemp_store32(uint8_t *p, uint32_t value) {
    hemp_store16(p, (uint16_t)value);
    hemp_store16(p + 2, (uint16_t)(value >> 16));
}

static inline void hemp_store64(uint8_t *p, uint64_t value) {
    hemp_store32(p, (uint32_t)value);
    hemp_store32(p + 4, (uint32_t)(value >> 32));
}

/* The number of the highest bit of n > 0. */
static inline unsigned hemp_log2_floor(uint64_t n) {
#ifdef __GNUC__
    return 63u - (unsigned)__builtin_clzll(n);
#else
    unsigned power = 0;
    while (n >> power > 1) {
        power++;
    }
    return power;
#endif
}

/* The order of two byte strings of one size: below, equal to or above 0.  So is that of memcmp, which not every
 * platform without a C library has. */
static inline int hemp_compare(const uint8_t *a, const uint8_t *b, size_t size) {
    size_t i = 0;
    while (i < size && a[i] == b[i]) {
        i++;
    }
    return i < size ? (int)a[i] - (int)b[i] : 0;
}

#endif
