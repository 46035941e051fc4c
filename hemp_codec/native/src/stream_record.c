/* Stream and segment records (spec/format.md, 6). */
#include "bytes.h"
#include "walk.h"

enum { HAS_PLANES = 1 << 6 };

static void read_coder(hemp_walk *walk, const hemp_tensor *tensor, hemp_stream *stream) {
    const uint8_t coder = hemp_walk_u8(walk, HEMP_FIELD("coder"));
    stream->coder = coder & (uint8_t)~HAS_PLANES;
    stream->planes = (uint8_t)(tensor->quantizer == HEMP_LOSSLESS ? hemp_dtype_planes(tensor->dtype) : 1);
    const int chooses = stream->planes > 1 && stream->coder != HEMP_CODER_STORED;
    stream->coded_planes = chooses || stream->planes == 1 ? 1 : 0;
    if ((coder & HAS_PLANES) == 0) {
        return;
    }
    if (!chooses) {
        hemp_walk_refuse(walk, HEMP_BAD_STREAM);
    }
    const uint64_t end = (uint64_t)1 << stream->planes;
    stream->coded_planes = (uint32_t)hemp_walk_below(walk, end, HEMP_BAD_STREAM, HEMP_FIELD("coded_planes"));
    if (stream->coded_planes < 2) {
        hemp_walk_refuse(walk, HEMP_BAD_STREAM);
    }
}

static void read_segment(hemp_walk *walk) {
    const uint64_t body_limit = (uint64_t)1 << 63;
    const uint64_t size = hemp_walk_varint(walk, HEMP_FIELD("segments"));
    const uint8_t *checksum = hemp_walk_bytes(walk, 4, HEMP_FIELD("segments"));
    if (walk->directory != NULL && walk->segments >= walk->segment_capacity) {
        hemp_walk_refuse(walk, HEMP_MEMORY_TOO_SMALL);
    }
    if (!hemp_walk_goes_on(walk)) {
        return;
    }
    if (walk->directory != NULL) {
        hemp_segment *segment = &walk->directory->segments[walk->segments];
        segment->offset = walk->directory->body_offset + walk->body_size;
        segment->size = size;
        segment->checksum = hemp_load32(checksum);
    }
    walk->segments++;
    walk->body_size = size >= body_limit - walk->body_size ? body_limit : walk->body_size + size;
}

void hemp_walk_stream(hemp_walk *walk, uint64_t number, const hemp_tensor *tensor) {
    hemp_stream counted;
    hemp_stream *stream = &counted;
    if (walk->directory != NULL && walk->streams < walk->stream_capacity) {
        stream = &walk->directory->streams[walk->streams];
    }
    stream->first_segment = walk->segments;
    stream->segment_count = ((tensor->elements - 1) >> walk->segment_bits) + 1;
    stream->elements = tensor->elements;
    stream->opener = number;
    stream->solid = 0;
    read_coder(walk, tensor, stream);
    /* Each segment takes bytes of `front`, so a wrong count ends the loop there. */
    for (uint64_t i = 0; i < stream->segment_count && hemp_walk_goes_on(walk); i++) {
        read_segment(walk);
    }
    if (walk->directory != NULL && stream == &counted) {
        hemp_walk_refuse(walk, HEMP_MEMORY_TOO_SMALL);
    }
    walk->streams++;
}
