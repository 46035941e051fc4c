/* The payloads of a segment (spec/format.md, 6.5), and the coders they are for. */
#ifndef HEMP_PAYLOADS_H
#define HEMP_PAYLOADS_H

#include "internal.h"

/* A walk over the payloads of a segment: those of the planes that are stored, then the others. */
typedef struct hemp_payloads {
    const hemp_source *source;
    const uint8_t *bytes; /* of the segment, if they are in memory */
    const hemp_stream *stream;
    const hemp_segment *segment;
    uint64_t stored_size; /* of the payload of a stored plane */
    uint64_t at;          /* next byte of the segment */
    uint32_t stored_left; /* planes that are still to come, a bit each: first those that are stored */
    uint32_t coded_left;
} hemp_payloads;

typedef struct hemp_payload {
    uint64_t offset; /* from the beginning of the segment */
    uint64_t size;
    unsigned plane;
    uint8_t coder;
} hemp_payload;

void hemp_payloads_begin(hemp_payloads *payloads, const hemp_source *source, const hemp_stream *stream,
                         const hemp_segment *segment, const uint8_t *bytes, uint64_t stored_size);

/* The payload of the next plane; the walk has as many as there are planes. */
hemp_status hemp_next_payload(hemp_payloads *payloads, hemp_payload *payload);

/* Copy bytes of the segment. */
hemp_status hemp_payloads_read(const hemp_payloads *payloads, uint64_t offset, uint8_t *out, size_t size);

/* What a coder is called. */
const char *hemp_coder_name(uint8_t coder);

/* Scratch memory that the coder needs for a payload that begins so. */
uint64_t hemp_coder_memory(uint8_t coder, const uint8_t *prefix, size_t prefix_size, const hemp_part *parts,
                           size_t count);

/* HEMP_UNSUPPORTED_CODER if this build does not have it. */
hemp_status hemp_coder_decode(uint8_t coder, const uint8_t *payload, size_t size, const hemp_part *parts, size_t count,
                              void *memory, size_t memory_size);

#endif
