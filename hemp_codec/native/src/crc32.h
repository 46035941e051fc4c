#ifndef HEMP_CRC32_H
#define HEMP_CRC32_H

#include "cpu.h"
#include "internal.h"

#ifdef HEMP_X86_SIMD
/* Replace a multiple of 64 bytes, at least one, of at least 64 by 16 bytes that, from register 0, leave the register as
 * those do from `state`; the number of bytes replaced. */
size_t hemp_crc32_fold(const uint8_t *data, size_t size, uint32_t state, uint8_t folded[16]);
#endif

#endif
