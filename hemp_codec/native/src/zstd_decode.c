/* The coder `zstd` (spec/coders.md, 4), by libzstd. */
#include "libraries.h"

#ifdef HEMP_WITH_ZSTD
#define ZSTD_STATIC_LINKING_ONLY /* for memory of the caller's, and frames without their magic number */
#include <zstd.h>

#include "sequence.h"

enum {
    ZSTD_WINDOW_BITS = 27,
    ZSTD_FORBIDDEN = 0x0F /* bits of the frame header descriptor: dictionary, checksum, reserved */
};

/* 1 if the payload may begin like this; then its window and the size it states. */
static int read_zstd_header(const uint8_t *payload, size_t size, ZSTD_frameHeader *header) {
    return size > 0 && (payload[0] & ZSTD_FORBIDDEN) == 0 &&
           ZSTD_getFrameHeader_advanced(header, payload, size, ZSTD_f_zstd1_magicless) == 0 &&
           header->windowSize <= (uint64_t)1 << ZSTD_WINDOW_BITS;
}

uint64_t hemp_zstd_decode_memory(const uint8_t *prefix, size_t prefix_size, const hemp_part *parts, size_t count) {
    ZSTD_frameHeader header;
    if (!read_zstd_header(prefix, prefix_size, &header)) {
        return 0;
    }
    const int is_unknown = header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN;
    const int is_possible = is_unknown || header.frameContentSize <= hemp_sequence_size(parts, count);
    return is_possible ? ZSTD_estimateDStreamSize((size_t)header.windowSize) : 0;
}

/* Decode until `out` is full or the frame has ended: then 0, more than 0 if it goes on. */
static size_t run_zstd(ZSTD_DCtx *context, ZSTD_inBuffer *in, void *bytes, size_t size, size_t *written) {
    ZSTD_outBuffer out = {bytes, size, 0};
    size_t left = 1;
    for (;;) {
        const size_t position = in->pos + out.pos;
        left = ZSTD_decompressStream(context, &out, in);
        *written = out.pos;
        if (ZSTD_isError(left) || left == 0 || out.pos == size || in->pos + out.pos == position) {
            return left;
        }
    }
}

static hemp_status decode_zstd(ZSTD_DCtx *context, ZSTD_inBuffer *in, const hemp_part *parts, size_t count) {
    uint8_t one_more;
    size_t written;
    size_t left = 1;
    for (size_t i = 0; i < count; i++) {
        const uint64_t size = hemp_sequence_size(&parts[i], 1);
        if (size == 0) {
            continue;
        }
        written = 0;
        left = left > 0 ? run_zstd(context, in, parts[i].indices, (size_t)size, &written) : 0;
        if (ZSTD_isError(left) || written < size) {
            return HEMP_BAD_PAYLOAD;
        }
    }
    written = 0;
    left = left > 0 ? run_zstd(context, in, &one_more, 1, &written) : 0;
    return left == 0 && written == 0 && in->pos == in->size ? HEMP_OK : HEMP_BAD_PAYLOAD;
}

hemp_status hemp_zstd_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count, void *memory,
                             size_t memory_size) {
    ZSTD_frameHeader header;
    const uint64_t sequence_size = hemp_sequence_size(parts, count);
    if (sequence_size == 0 && size == 0) {
        return hemp_sequence_finish(parts, count);
    }
    if (sequence_size == 0 || !read_zstd_header(payload, size, &header) ||
        (header.frameContentSize != ZSTD_CONTENTSIZE_UNKNOWN && header.frameContentSize != sequence_size)) {
        return HEMP_BAD_PAYLOAD;
    }
    ZSTD_DCtx *context = ZSTD_initStaticDCtx(memory, memory_size);
    if (context == NULL || memory_size < ZSTD_estimateDStreamSize((size_t)header.windowSize) ||
        ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_format, (int)ZSTD_f_zstd1_magicless))) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    ZSTD_inBuffer in = {payload, size, 0};
    const hemp_status status = decode_zstd(context, &in, parts, count);
    return status == HEMP_OK ? hemp_sequence_finish(parts, count) : status;
}
#else
typedef int hemp_without_zstd; /* C wants a declaration in every file */
#endif
