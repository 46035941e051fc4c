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
    payloads->coded_left = stream->coded_planes;
    payloads->stored_left = (((uint32_t)1 << stream->planes) - 1) & ~stream->coded_planes;
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

hemp_status hemp_next_payload(hemp_payloads *payloads, hemp_payload *payload) {
    const int is_coded = payloads->stored_left == 0;
    uint32_t *planes = is_coded ? &payloads->coded_left : &payloads->stored_left;
    hemp_status status = HEMP_OK;
    payload->plane = 0;
    while ((*planes >> payload->plane & 1u) == 0) {
        payload->plane++;
    }
    *planes &= *planes - 1;
    payload->coder = is_coded ? payloads->stream->coder : (uint8_t)HEMP_CODER_STORED;
    payload->size = payloads->stored_size;
    if (is_coded && payloads->coded_left != 0) {
        status = read_size(payloads, &payload->size);
    }
    const uint64_t left = payloads->segment->size - payloads->at;
    const int is_last = (payloads->coded_left | payloads->stored_left) == 0;
    if (is_coded && is_last) {
        payload->size = left;
    }
    if (status == HEMP_OK && (payload->size > left || (is_last && payload->size != left))) {
        status = HEMP_BAD_PAYLOAD;
    }
    payload->offset = payloads->at;
    payloads->at += status == HEMP_OK ? payload->size : 0;
    return status;
}

uint64_t hemp_payload_work(uint8_t coder, const uint8_t *payload, size_t size, uint64_t elements) {
    enum { SMALLEST_VARYING = 8, MIXED = 1, WIDE = 2 }; /* a payload of fewer bytes is constant */
    if (coder != HEMP_CODER_ARITHMETIC || size < SMALLEST_VARYING) {
        return 0;
    }
    const unsigned mode = payload[0] & 3u;
    return mode == MIXED ? 8 * elements : mode == WIDE ? 4 * elements : elements;
}

const char *hemp_coder_name(uint8_t coder) {
#ifdef HEMP_NO_STRINGS
    (void)coder;
    return NULL;
#else
    return hemp_nth_text("stored\0lzma\0zstd\0arithmetic\0rans\0coder", coder < 5 ? coder : 5);
#endif
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
