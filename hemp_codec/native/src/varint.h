/* Varints (spec/format.md, 1.4). */
#ifndef HEMP_VARINT_H
#define HEMP_VARINT_H

#include "hemp.h"

enum { HEMP_VARINT_MAX = 9 };

/* Read the varint at data[*position] and move behind it.  HEMP_TRUNCATED if the data end within it: the caller knows
 * what that means. */
static inline hemp_status hemp_varint_read(const uint8_t *data, size_t size, size_t *position, uint64_t *value) {
    uint64_t result = 0;
    size_t at = *position;
    for (unsigned count = 0; count < HEMP_VARINT_MAX; count++) {
        if (at >= size) {
            return HEMP_TRUNCATED;
        }
        const uint8_t byte = data[at++];
        result |= (uint64_t)(byte & 0x7Fu) << (7 * count);
        if (byte < 0x80u) {
            if (byte == 0 && count > 0) {
                return HEMP_BAD_VARINT;
            }
            *position = at;
            *value = result;
            return HEMP_OK;
        }
    }
    return HEMP_BAD_VARINT;
}

/* Write `value`, below 2^63, to `out`, which has room for HEMP_VARINT_MAX bytes; the number of bytes written. */
static inline size_t hemp_varint_write(uint8_t *out, uint64_t value) {
    size_t count = 0;
    while (value >= 0x80u) {
        out[count++] = (uint8_t)(value | 0x80u);
        value >>= 7;
    }
    out[count++] = (uint8_t)value;
    return count;
}

#endif
