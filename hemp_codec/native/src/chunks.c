/* Chunks (spec/format.md, 7). */
#include "bytes.h"
#include "utf8.h"
#include "walk.h"

typedef struct text {
    const uint8_t *bytes;
    uint64_t size;
} text;

/* Inside of a known chunk, to run over its end is that chunk's fault. */
static hemp_status chunk_status(hemp_status status) {
    return status == HEMP_BAD_FRONT ? HEMP_BAD_CHUNK : status;
}

static hemp_status read_text(hemp_walk *walk, text *out) {
    hemp_status status = hemp_walk_varint(walk, &out->size, HEMP_FIELD("metadata"));
    if (status == HEMP_OK) {
        status = hemp_walk_need(walk, out->size, HEMP_FIELD("metadata"));
    }
    if (status != HEMP_OK) {
        return chunk_status(status);
    }
    out->bytes = walk->front + walk->at;
    if (!hemp_utf8_valid(out->bytes, (size_t)out->size)) {
        return hemp_walk_fail(walk, HEMP_BAD_METADATA, walk->at, HEMP_FIELD("metadata"));
    }
    walk->at += out->size;
    return HEMP_OK;
}

static int is_above(const text *a, const text *b) {
    const size_t common = (size_t)(a->size < b->size ? a->size : b->size);
    const int order = hemp_compare(a->bytes, b->bytes, common);
    return order != 0 ? order > 0 : a->size > b->size;
}

static hemp_status read_metadata(hemp_walk *walk) {
    const uint64_t begin = walk->at;
    text previous = {NULL, 0};
    uint64_t count;
    hemp_status status = chunk_status(hemp_walk_varint(walk, &count, HEMP_FIELD("metadata")));
    if (status == HEMP_OK && count == 0) {
        status = hemp_walk_fail(walk, HEMP_BAD_METADATA, begin, HEMP_FIELD("metadata"));
    }
    for (uint64_t i = 0; status == HEMP_OK && i < count; i++) {
        const uint64_t offset = walk->at;
        text key;
        text value;
        status = read_text(walk, &key);
        if (status == HEMP_OK && i > 0 && !is_above(&key, &previous)) {
            status = hemp_walk_fail(walk, HEMP_BAD_METADATA, offset, HEMP_FIELD("metadata"));
        }
        if (status == HEMP_OK) {
            status = read_text(walk, &value);
        }
        previous = key;
    }
    return status;
}

static hemp_status read_source(hemp_walk *walk) {
    const uint64_t size = walk->end - walk->at;
    if (size != HEMP_SOURCE_SIZE || walk->front[walk->at] != 1) {
        return hemp_walk_fail(walk, HEMP_BAD_CHUNK, walk->at, HEMP_FIELD("source"));
    }
    walk->at += size;
    return HEMP_OK;
}

static hemp_status read_content(hemp_walk *walk, uint8_t tag, uint64_t size) {
    const uint64_t front_end = walk->end;
    hemp_status status = HEMP_OK;
    walk->end = walk->at + size;
    if (tag == HEMP_CHUNK_METADATA) {
        status = read_metadata(walk);
    } else if (tag == HEMP_CHUNK_SOURCE) {
        status = read_source(walk);
    } else {
        walk->at = walk->end;
    }
    if (status == HEMP_OK && walk->at != walk->end) {
        status = hemp_walk_fail(walk, HEMP_BAD_CHUNK, walk->at, HEMP_FIELD("content"));
    }
    walk->end = front_end;
    return status;
}

static hemp_status read_chunk(hemp_walk *walk, int *previous_tag) {
    const uint64_t offset = walk->at;
    uint8_t tag;
    uint64_t size;
    hemp_status status = hemp_walk_u8(walk, &tag, HEMP_FIELD("tag"));
    if (status != HEMP_OK) {
        return status;
    }
    if (tag <= *previous_tag) {
        return hemp_walk_fail(walk, HEMP_BAD_CHUNK, offset, HEMP_FIELD("tag"));
    }
    if (tag < 0x80) { /* this version knows no critical chunk */
        return hemp_walk_fail(walk, HEMP_UNKNOWN_CRITICAL_CHUNK, offset, HEMP_FIELD("tag"));
    }
    *previous_tag = tag;
    status = hemp_walk_varint(walk, &size, HEMP_FIELD("size"));
    if (status == HEMP_OK) {
        status = hemp_walk_need(walk, size, HEMP_FIELD("content"));
    }
    return status == HEMP_OK ? read_content(walk, tag, size) : status;
}

hemp_status hemp_walk_chunks(hemp_walk *walk) {
    int previous_tag = -1;
    walk->tensor = HEMP_NONE;
    while (walk->at < walk->end) {
        const hemp_status status = read_chunk(walk, &previous_tag);
        if (status != HEMP_OK) {
            return status;
        }
    }
    return HEMP_OK;
}
