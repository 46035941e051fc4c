#include "payloads.h"

#include <string.h>

#include "file.h"
#include "libraries.h"
#include "varint.h"

void hemp_payloads_begin(hemp_payloads *payloads, const hemp_source *source, const hemp_stream *stream,
                         const hemp_segment *segment, const uint8_t *bytes, uint64_t stored_size) {
    payloads->source = source;
    payloads->bytes = bytes;
    payloads->stream = stream;
    payloads->segment = segment;
    payloads->stored_size = stored_size;
    payloads->at = 0;
    payloads->plane = 0;
    payloads->coded_left = 0;
    payloads->stored_done = 0;
    for (unsigned p = 0; p < stream->planes; p++) {
        payloads->coded_left += stream->coded_planes >> p & 1u;
    }
}

hemp_status hemp_payloads_read(const hemp_payloads *payloads, uint64_t offset, uint8_t *out, size_t size) {
    if (payloads->bytes == NULL) {
        return hemp_source_read(payloads->source, payloads->segment->offset + offset, out, size);
    }
    memcpy(out, payloads->bytes + offset, size);
    return HEMP_OK;
}

/* The size that stands before the payload of every coded plane but the last. */
static hemp_status read_size(hemp_payloads *payloads, uint64_t *size) {
    uint8_t bytes[HEMP_VARINT_MAX];
    const uint64_t left = payloads->segment->size - payloads->at;
    const size_t present = left < sizeof bytes ? (size_t)left : sizeof bytes;
    size_t position = 0;
    hemp_status status = hemp_payloads_read(payloads, payloads->at, bytes, present);
    if (status == HEMP_OK) {
        status = hemp_varint_read(bytes, present, &position, size);
    }
    payloads->at += position;
    return status == HEMP_TRUNCATED ? HEMP_BAD_PAYLOAD : status;
}

/* Move to the next plane in the order of the segment. */
static int find_plane(hemp_payloads *payloads) {
    for (;; payloads->plane++) {
        if (payloads->plane == payloads->stream->planes) {
            payloads->plane = 0;
            payloads->stored_done++;
        }
        const int is_coded = payloads->stream->coded_planes >> payloads->plane & 1u;
        if (is_coded == payloads->stored_done) {
            return is_coded;
        }
    }
}

hemp_status hemp_next_payload(hemp_payloads *payloads, hemp_payload *payload) {
    const int is_coded = find_plane(payloads);
    const int is_last = is_coded && payloads->coded_left == 1;
    hemp_status status = HEMP_OK;
    payload->plane = payloads->plane++;
    payload->coder = is_coded ? payloads->stream->coder : (uint8_t)HEMP_CODER_STORED;
    payload->size = payloads->stored_size;
    if (is_coded && !is_last) {
        status = read_size(payloads, &payload->size);
    }
    payloads->coded_left -= is_coded ? 1 : 0;
    const uint64_t left = payloads->segment->size - payloads->at;
    if (is_last) {
        payload->size = left;
    }
    if (status == HEMP_OK && payload->size > left) {
        status = HEMP_BAD_PAYLOAD;
    }
    payload->offset = payloads->at;
    payloads->at += status == HEMP_OK ? payload->size : 0;
    const int no_more = payloads->stream->coded_planes == 0 && payloads->plane == payloads->stream->planes;
    if (no_more && payloads->at != payloads->segment->size) {
        return HEMP_BAD_PAYLOAD;
    }
    return status;
}

uint64_t hemp_payload_work(uint8_t coder, const uint8_t *payload, size_t size, uint64_t elements) {
    enum { SMALLEST_VARYING = 8 };                /* a payload of fewer bytes is constant */
    static const uint8_t costs[4] = {1, 8, 4, 1}; /* plain, mixed, wide */
    return coder == HEMP_CODER_ARITHMETIC && size >= SMALLEST_VARYING ? elements * costs[payload[0] & 3u] : 0;
}

int hemp_coder_supported(uint8_t coder) {
    switch (coder) {
    case HEMP_CODER_STORED:
    case HEMP_CODER_ARITHMETIC:
    case HEMP_CODER_RANS:
#ifdef HEMP_WITH_LZMA
    case HEMP_CODER_LZMA:
#endif
#ifdef HEMP_WITH_ZSTD
    case HEMP_CODER_ZSTD:
#endif
        return 1;
    default:
        return 0;
    }
}

const char *hemp_coder_name(uint8_t coder) {
    switch (coder) {
    case HEMP_CODER_STORED:
        return HEMP_FIELD("stored");
    case HEMP_CODER_LZMA:
        return HEMP_FIELD("lzma");
    case HEMP_CODER_ZSTD:
        return HEMP_FIELD("zstd");
    case HEMP_CODER_ARITHMETIC:
        return HEMP_FIELD("arithmetic");
    case HEMP_CODER_RANS:
        return HEMP_FIELD("rans");
    default:
        return HEMP_FIELD("coder");
    }
}

uint64_t hemp_coder_memory(uint8_t coder, const uint8_t *prefix, size_t prefix_size, const hemp_part *parts,
                           size_t count) {
    switch (coder) {
    case HEMP_CODER_ARITHMETIC:
        return hemp_arithmetic_decode_memory(prefix, prefix_size, parts, count);
    case HEMP_CODER_RANS:
        return hemp_rans_decode_memory(parts, count);
#ifdef HEMP_WITH_LZMA
    case HEMP_CODER_LZMA:
        return hemp_lzma_decode_memory(prefix, prefix_size, parts, count);
#endif
#ifdef HEMP_WITH_ZSTD
    case HEMP_CODER_ZSTD:
        return hemp_zstd_decode_memory(prefix, prefix_size, parts, count);
#endif
    default:
        return 0;
    }
}

hemp_status hemp_coder_decode(uint8_t coder, const uint8_t *payload, size_t size, const hemp_part *parts, size_t count,
                              void *memory, size_t memory_size) {
    switch (coder) {
    case HEMP_CODER_STORED:
        return hemp_stored_decode(payload, size, parts, count);
    case HEMP_CODER_ARITHMETIC:
        return hemp_arithmetic_decode(payload, size, parts, count, memory, memory_size);
    case HEMP_CODER_RANS:
        return hemp_rans_decode(payload, size, parts, count, memory, memory_size);
#ifdef HEMP_WITH_LZMA
    case HEMP_CODER_LZMA:
        return hemp_lzma_decode(payload, size, parts, count, memory, memory_size);
#endif
#ifdef HEMP_WITH_ZSTD
    case HEMP_CODER_ZSTD:
        return hemp_zstd_decode(payload, size, parts, count, memory, memory_size);
#endif
    default:
        return HEMP_UNSUPPORTED_CODER;
    }
}
