#include "crc32.h"

#include "bytes.h"
#include "crc32_tables.h"
#include "hemp.h"

enum { WORTH_FOLDING = 256 /* bytes */ };

/* The register after these bytes. */
static uint32_t advance(uint32_t state, const uint8_t *p, size_t size) {
    /* Eight bytes at a time, because the table look-ups of one step do not wait for each other. */
    for (; size >= 8; size -= 8, p += 8) {
        const uint32_t low = state ^ hemp_load32(p);
        const uint32_t high = hemp_load32(p + 4);
        state = crc32_tables[7][low & 0xFF] ^ crc32_tables[6][(low >> 8) & 0xFF] ^ crc32_tables[5][(low >> 16) & 0xFF] ^
                crc32_tables[4][low >> 24] ^ crc32_tables[3][high & 0xFF] ^ crc32_tables[2][(high >> 8) & 0xFF] ^
                crc32_tables[1][(high >> 16) & 0xFF] ^ crc32_tables[0][high >> 24];
    }
    for (; size > 0; size--, p++) {
        state = (state >> 8) ^ crc32_tables[0][(state ^ *p) & 0xFF];
    }
    return state;
}

uint32_t hemp_crc32(const void *data, size_t size, uint32_t crc) {
    const uint8_t *p = (const uint8_t *)data;
    uint32_t state = ~crc;
#ifdef HEMP_X86_SIMD
    if (size >= WORTH_FOLDING && hemp_cpu_has_pclmul()) {
        uint8_t folded[16];
        const size_t done = hemp_crc32_fold(p, size, state, folded);
        state = advance(0, folded, sizeof folded);
        p += done;
        size -= done;
    }
#endif
    return ~advance(state, p, size);
}
