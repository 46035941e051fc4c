#include "crc32.h"

#include "bytes.h"
#include "hemp.h"

#ifdef HEMP_SMALL
/* The register after four bits. */
static const uint32_t crc32_of_four_bits[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
};

/* The register after these bytes. */
static uint32_t crc32_advance(uint32_t state, const uint8_t *p, size_t size) {
    for (; size > 0; size--, p++) {
        state = (state >> 4) ^ crc32_of_four_bits[(state ^ *p) & 0xF];
        state = (state >> 4) ^ crc32_of_four_bits[(state ^ *p >> 4) & 0xF];
    }
    return state;
}
#else
#include "crc32_tables.h"

enum { WORTH_FOLDING = 256 /* bytes */ };

/* The register after these bytes. */
static uint32_t crc32_advance(uint32_t state, const uint8_t *p, size_t size) {
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
#endif

uint32_t hemp_crc32(const void *data, size_t size, uint32_t crc) {
    const uint8_t *p = (const uint8_t *)data;
    uint32_t state = ~crc;
#ifdef HEMP_X86_SIMD
    if (size >= WORTH_FOLDING && hemp_cpu_has_pclmul()) {
        uint8_t folded[16];
        const size_t done = hemp_crc32_fold(p, size, state, folded);
        state = crc32_advance(0, folded, sizeof folded);
        p += done;
        size -= done;
    }
#endif
    return ~crc32_advance(state, p, size);
}
