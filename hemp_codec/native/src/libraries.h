/* The coders that other libraries decode, each only if its macro is defined (see hemp.h). */
#ifndef HEMP_LIBRARIES_H
#define HEMP_LIBRARIES_H

#include "internal.h"

#ifdef HEMP_WITH_LZMA
uint64_t hemp_lzma_decode_memory(const uint8_t *prefix, size_t prefix_size, const hemp_part *parts, size_t count);
hemp_status hemp_lzma_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count, void *memory,
                             size_t memory_size);
#endif

#ifdef HEMP_WITH_ZSTD
uint64_t hemp_zstd_decode_memory(const uint8_t *prefix, size_t prefix_size, const hemp_part *parts, size_t count);
hemp_status hemp_zstd_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count, void *memory,
                             size_t memory_size);
#endif

#endif
