/* Stream and segment records (spec/format.md, 6). */
#include "walk.h"

enum { HAS_PLANES = 1 << 6 };

static hemp_status read_coded_planes(hemp_walk *walk, hemp_stream *stream) {
    const uint64_t offset = walk->at;
    uint64_t coded;
    const hemp_status status = hemp_walk_varint(walk, &coded, HEMP_FIELD("coded_planes"));
    if (status != HEMP_OK) {
        return status;
    }
    if (coded < 2 || coded >> stream->planes != 0) {
        return hemp_walk_fail(walk, HEMP_BAD_STREAM, offset, HEMP_FIELD("coded_planes"));
    }
    stream->coded_planes = (uint32_t)coded;
    return HEMP_OK;
}

static hemp_status read_coder(hemp_walk *walk, const hemp_tensor *tensor, hemp_stream *stream) {
    uint8_t coder;
    const hemp_status status = hemp_walk_u8(walk, &coder, HEMP_FIELD("coder"));
    if (status != HEMP_OK) {
        return status;
    }
    stream->coder = coder & (uint8_t)~HAS_PLANES;
    stream->planes = (uint8_t)(tensor->quantizer == HEMP_LOSSLESS ? hemp_dtype_planes(tensor->dtype) : 1);
    const int chooses = stream->planes > 1 && stream->coder != HEMP_CODER_STORED;
    if (coder & HAS_PLANES) {
        return chooses ? read_coded_planes(walk, stream)
                       : hemp_walk_fail(walk, HEMP_BAD_STREAM, walk->at - 1, HEMP_FIELD("coder"));
    }
    stream->coded_planes = chooses || stream->planes == 1 ? 1 : 0;
    return HEMP_OK;
}

static hemp_status read_segment(hemp_walk *walk) {
    const uint64_t body_limit = (uint64_t)1 << 63;
    uint64_t size;
    uint32_t checksum;
    hemp_status status = hemp_walk_varint(walk, &size, HEMP_FIELD("segments"));
    if (status == HEMP_OK) {
        status = hemp_walk_u32(walk, &checksum, HEMP_FIELD("segments"));
    }
    if (status != HEMP_OK) {
        return status;
    }
    if (walk->directory != NULL) {
        if (walk->segments >= walk->segment_capacity) {
            return hemp_walk_fail(walk, HEMP_MEMORY_TOO_SMALL, walk->at, HEMP_FIELD("segments"));
        }
        hemp_segment *segment = &walk->directory->segments[walk->segments];
        segment->offset = walk->directory->body_offset + walk->body_size;
        segment->size = size;
        segment->checksum = checksum;
    }
    walk->segments++;
    walk->body_size = size >= body_limit - walk->body_size ? body_limit : walk->body_size + size;
    return HEMP_OK;
}

static hemp_status read_segments(hemp_walk *walk, uint64_t count) {
    /* Each segment takes bytes of `front`, so a wrong count ends the loop there. */
    for (uint64_t i = 0; i < count; i++) {
        const hemp_status status = read_segment(walk);
        if (status != HEMP_OK) {
            return status;
        }
    }
    return HEMP_OK;
}

hemp_status hemp_walk_stream(hemp_walk *walk, uint64_t number, const hemp_tensor *tensor) {
    hemp_stream stream;
    stream.first_segment = walk->segments;
    stream.segment_count = ((tensor->elements - 1) >> walk->segment_bits) + 1;
    stream.elements = tensor->elements;
    stream.opener = number;
    stream.solid = 0;
    hemp_status status = read_coder(walk, tensor, &stream);
    if (status == HEMP_OK) {
        status = read_segments(walk, stream.segment_count);
    }
    if (status == HEMP_OK && walk->directory != NULL) {
        if (walk->streams >= walk->stream_capacity) {
            return hemp_walk_fail(walk, HEMP_MEMORY_TOO_SMALL, walk->at, HEMP_FIELD("coder"));
        }
        walk->directory->streams[walk->streams] = stream;
    }
    walk->streams++;
    return status;
}
