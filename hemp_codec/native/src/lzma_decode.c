/* The coder `lzma` (spec/coders.md, 3), by liblzma. */
#include "libraries.h"

#ifdef HEMP_WITH_LZMA
#include <lzma.h>

#include "arena.h"
#include "sequence.h"

enum { LZMA_HEADER = 2, LZMA_MIN_BITS = 12, LZMA_MAX_BITS = 28 };

/* What the two bytes in front of the data say; 0 if they may not. */
static int read_lzma_header(const uint8_t *payload, size_t size, uint64_t sequence_size, lzma_options_lzma *options) {
    memset(options, 0, sizeof *options);
    if (size < LZMA_HEADER || payload[0] >= 225 || payload[1] < LZMA_MIN_BITS || payload[1] > LZMA_MAX_BITS) {
        return 0;
    }
    options->lc = payload[0] % 9u;
    options->lp = payload[0] / 9u % 5u;
    options->pb = payload[0] / 45u;
    /* No distance reaches beyond what was decoded, so a larger dictionary would only be memory that a file demands. */
    const uint64_t least = (uint64_t)1 << LZMA_MIN_BITS, most = (uint64_t)1 << payload[1];
    const uint64_t useful = sequence_size < least ? least : sequence_size;
    options->dict_size = (uint32_t)(useful < most ? useful : most);
    return options->lc + options->lp <= 4;
}

static void set_filters(lzma_filter filters[2], lzma_options_lzma *options) {
    memset(filters, 0, 2 * sizeof *filters);
    filters[0].id = LZMA_FILTER_LZMA1;
    filters[0].options = options;
    filters[1].id = LZMA_VLI_UNKNOWN;
}

uint64_t hemp_lzma_decode_memory(const uint8_t *prefix, size_t prefix_size, const hemp_part *parts, size_t count) {
    lzma_options_lzma options;
    lzma_filter filters[2];
    if (!read_lzma_header(prefix, prefix_size, hemp_sequence_size(parts, count), &options)) {
        return 0;
    }
    set_filters(filters, &options);
    return lzma_raw_decoder_memusage(filters);
}

static void *LZMA_API_CALL take_for_lzma(void *opaque, size_t count, size_t size) {
    return hemp_arena_take((hemp_arena *)opaque, (uint64_t)count * size);
}

static void LZMA_API_CALL give_back_for_lzma(void *opaque, void *memory) {
    (void)opaque; /* the arena is used once */
    (void)memory;
}

/* `size` bytes to `out`, in steps, since the library need not fill the room at once. */
static lzma_ret run_lzma(lzma_stream *stream, uint8_t *out, size_t size) {
    lzma_ret result = LZMA_OK;
    stream->next_out = out;
    stream->avail_out = size;
    while (stream->avail_out > 0 && result == LZMA_OK) {
        result = lzma_code(stream, LZMA_RUN);
    }
    return result;
}

/* The end marker, at the end of the payload and of all parts. */
static hemp_status end_lzma(lzma_stream *stream, lzma_ret result) {
    uint8_t one_more;
    if (result == LZMA_OK) {
        result = run_lzma(stream, &one_more, 1);
    } else {
        stream->avail_out = 1;
    }
    const int is_end = result == LZMA_STREAM_END && stream->avail_out == 1 && stream->avail_in == 0;
    return is_end ? HEMP_OK : HEMP_BAD_PAYLOAD;
}

static hemp_status decode_lzma(lzma_stream *stream, const hemp_part *parts, size_t count) {
    lzma_ret result = LZMA_OK;
    for (size_t i = 0; i < count; i++) {
        const uint64_t size = hemp_sequence_size(&parts[i], 1);
        if (size > 0 && result == LZMA_OK) {
            result = run_lzma(stream, (uint8_t *)parts[i].indices, (size_t)size);
            if (stream->avail_out > 0) {
                return HEMP_BAD_PAYLOAD;
            }
        } else if (size > 0) {
            return HEMP_BAD_PAYLOAD;
        }
    }
    return end_lzma(stream, result);
}

hemp_status hemp_lzma_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count, void *memory,
                             size_t memory_size) {
    lzma_options_lzma options;
    lzma_filter filters[2];
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_allocator allocator;
    hemp_arena arena;
    const uint64_t sequence_size = hemp_sequence_size(parts, count);
    if (sequence_size == 0 && size == 0) {
        return hemp_sequence_finish(parts, count);
    }
    if (sequence_size == 0 || !read_lzma_header(payload, size, sequence_size, &options)) {
        return HEMP_BAD_PAYLOAD;
    }
    hemp_arena_begin(&arena, memory, memory_size);
    allocator.alloc = take_for_lzma;
    allocator.free = give_back_for_lzma;
    allocator.opaque = &arena;
    stream.allocator = &allocator;
    set_filters(filters, &options);
    if (lzma_raw_decoder(&stream, filters) != LZMA_OK) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    stream.next_in = payload + LZMA_HEADER;
    stream.avail_in = size - LZMA_HEADER;
    const hemp_status status = decode_lzma(&stream, parts, count);
    lzma_end(&stream);
    return status == HEMP_OK ? hemp_sequence_finish(parts, count) : status;
}
#else
typedef int hemp_without_lzma; /* C wants a declaration in every file */
#endif
