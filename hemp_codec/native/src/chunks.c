/* Chunks (spec/format.md, 7). */
#include "bytes.h"
#include "utf8.h"
#include "walk.h"

typedef struct text {
    const uint8_t *bytes;
    uint64_t size;
} text;

static text read_text(hemp_walk *walk) {
    text found;
    found.size = hemp_walk_varint(walk, HEMP_FIELD("metadata"));
    found.bytes = hemp_walk_bytes(walk, found.size, HEMP_FIELD("metadata"));
    if (hemp_walk_goes_on(walk) && !hemp_utf8_valid(found.bytes, (size_t)found.size)) {
        hemp_walk_refuse(walk, HEMP_BAD_METADATA);
    }
    return found;
}

static int is_above(const text *a, const text *b) {
    const size_t common = (size_t)(a->size < b->size ? a->size : b->size);
    const int order = hemp_compare(a->bytes, b->bytes, common);
    return order != 0 ? order > 0 : a->size > b->size;
}

static void read_metadata(hemp_walk *walk) {
    text previous = {NULL, 0};
    const uint64_t count = hemp_walk_varint(walk, HEMP_FIELD("metadata"));
    if (count == 0) {
        hemp_walk_refuse(walk, HEMP_BAD_METADATA);
    }
    for (uint64_t i = 0; i < count && hemp_walk_goes_on(walk); i++) {
        const uint64_t offset = walk->at;
        const text key = read_text(walk);
        if (hemp_walk_goes_on(walk) && i > 0 && !is_above(&key, &previous)) {
            hemp_walk_fail(walk, HEMP_BAD_METADATA, offset, HEMP_FIELD("metadata"));
        }
        read_text(walk); /* the value */
        previous = key;
    }
}

static void read_source(hemp_walk *walk) {
    const uint64_t size = walk->end - walk->at;
    const uint8_t *bytes = hemp_walk_bytes(walk, size, HEMP_FIELD("source"));
    if (size != HEMP_SOURCE_SIZE || bytes[0] != 1) {
        hemp_walk_refuse(walk, HEMP_BAD_CHUNK);
    }
}

/* Of a known chunk.  Inside of it, to run over its end is its own fault. */
static void read_content(hemp_walk *walk, uint8_t tag, uint64_t end) {
    const uint64_t front_end = walk->end;
    walk->end = end;
    walk->overrun = HEMP_BAD_CHUNK;
    if (tag == HEMP_CHUNK_METADATA) {
        read_metadata(walk);
    } else {
        read_source(walk);
    }
    if (walk->at != end) {
        hemp_walk_fail(walk, HEMP_BAD_CHUNK, walk->at, HEMP_FIELD("content"));
    }
    walk->end = front_end;
    walk->overrun = HEMP_BAD_FRONT;
}

static void read_chunk(hemp_walk *walk, int *previous_tag) {
    const uint8_t tag = hemp_walk_u8(walk, HEMP_FIELD("tag"));
    if (tag <= *previous_tag) {
        hemp_walk_refuse(walk, HEMP_BAD_CHUNK);
    }
    if (tag < 0x80) { /* this version knows no critical chunk */
        hemp_walk_refuse(walk, HEMP_UNKNOWN_CRITICAL_CHUNK);
    }
    *previous_tag = tag;
    const uint64_t size = hemp_walk_varint(walk, HEMP_FIELD("size"));
    hemp_walk_bytes(walk, size, HEMP_FIELD("content"));
    if (hemp_walk_goes_on(walk) && (tag == HEMP_CHUNK_METADATA || tag == HEMP_CHUNK_SOURCE)) {
        walk->at -= size;
        read_content(walk, tag, walk->at + size);
    }
}

void hemp_walk_chunks(hemp_walk *walk) {
    int previous_tag = -1;
    walk->tensor = HEMP_NONE;
    while (hemp_walk_goes_on(walk) && walk->at < walk->end) {
        read_chunk(walk, &previous_tag);
    }
}
