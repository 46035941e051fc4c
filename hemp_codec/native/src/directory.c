/* Opening a file: the fixed fields, then `front` (spec/format.md, 2 and 3). */
#include <string.h>

#include "arena.h"
#include "bytes.h"
#include "file.h"
#include "varint.h"
#include "walk.h"

enum { SIGNATURE_SIZE = 8, VERSION_MAJOR = 0, VERSION_MINOR = 1, HEAD_SIZE = 10, CHECKSUM_SIZE = 4 };

/* Number of entries of each array. */
typedef struct table_sizes {
    uint64_t tensors;
    uint64_t streams;
    uint64_t segments;
} table_sizes;

static hemp_status fail_head(hemp_place *place, hemp_status status, uint64_t offset, const char *field) {
    return hemp_fail(place, status, offset, HEMP_NONE, field);
}

static hemp_status check_head(const uint8_t *prefix, size_t size, hemp_place *place) {
    static const uint8_t signature[SIGNATURE_SIZE] = {0x89, 0x48, 0x4D, 0x50, 0x0D, 0x0A, 0x1A, 0x0A};
    const size_t present = size < SIGNATURE_SIZE ? size : (size_t)SIGNATURE_SIZE;
    if (hemp_compare(prefix, signature, present) != 0) {
        return fail_head(place, HEMP_BAD_SIGNATURE, 0, HEMP_FIELD("signature"));
    }
    for (size_t at = SIGNATURE_SIZE; at < size && at < HEAD_SIZE; at++) {
        const int is_major = at == SIGNATURE_SIZE;
        if (prefix[at] != (is_major ? VERSION_MAJOR : VERSION_MINOR)) {
            return fail_head(place, HEMP_BAD_VERSION, at, HEMP_FIELD(is_major ? "major" : "minor"));
        }
    }
    return size < HEAD_SIZE ? fail_head(place, HEMP_TRUNCATED, size, HEMP_FIELD("signature")) : HEMP_OK;
}

/* Where `front` begins and where it ends. */
static hemp_status find_front(const uint8_t *prefix, size_t prefix_size, uint64_t limit, uint64_t *begin, uint64_t *end,
                              hemp_place *place) {
    hemp_status status = check_head(prefix, prefix_size, place);
    if (status != HEMP_OK) {
        return status;
    }
    size_t position = HEAD_SIZE;
    uint64_t front_size;
    status = hemp_varint_read(prefix, prefix_size, &position, &front_size);
    if (status != HEMP_OK) {
        return fail_head(place, status, status == HEMP_TRUNCATED ? prefix_size : (size_t)HEAD_SIZE,
                         HEMP_FIELD("front_size"));
    }
    if (front_size > limit) {
        return fail_head(place, HEMP_LIMIT_EXCEEDED, HEAD_SIZE, HEMP_FIELD("front_size"));
    }
    *begin = position;
    *end = position + front_size;
    return HEMP_OK;
}

hemp_status hemp_front_size(const uint8_t *prefix, size_t prefix_size, uint64_t limit, uint64_t *size,
                            hemp_place *place) {
    uint64_t begin;
    uint64_t end;
    const hemp_status status = find_front(prefix, prefix_size, limit, &begin, &end, place);
    if (status == HEMP_OK) {
        *size = end + CHECKSUM_SIZE;
    }
    return status;
}

/* A walk at the first byte of `front`, whose checksum is right. */
static hemp_status begin_walk(hemp_walk *walk, const uint8_t *front, size_t front_size, hemp_place *place) {
    uint64_t begin;
    uint64_t end;
    const hemp_status status = find_front(front, front_size, UINT64_MAX, &begin, &end, place);
    if (status != HEMP_OK) {
        return status;
    }
    if (front_size < end || front_size - end < CHECKSUM_SIZE) {
        return fail_head(place, HEMP_TRUNCATED, front_size, HEMP_FIELD("front"));
    }
    if (hemp_crc32(front, (size_t)end, 0) != hemp_load32(front + end)) {
        return fail_head(place, HEMP_FRONT_CHECKSUM, end, HEMP_FIELD("front_checksum"));
    }
    memset(walk, 0, sizeof *walk);
    walk->front = front;
    walk->at = begin;
    walk->end = end;
    walk->overrun = HEMP_BAD_FRONT;
    walk->place = place;
    walk->tensor = HEMP_NONE;
    walk->previous_dtype = HEMP_FLOAT32;
    for (unsigned i = 0; i < HEMP_CLASS_COUNT; i++) {
        walk->open_streams[i] = HEMP_NONE;
    }
    hemp_walk_begin(walk);
    return walk->status;
}

/* Upper bounds of what hemp_read_directory will list before it ends or fails: counted record by record, as far as that
 * is possible without looking back, then from the number of bytes left.  Errors are left to hemp_read_directory. */
static table_sizes measure(hemp_walk *walk) {
    enum { SMALLEST_RECORD = 2, SMALLEST_STREAM = 6, SMALLEST_SEGMENT = 5 };
    const uint64_t room = (walk->end - walk->at) / SMALLEST_RECORD;
    table_sizes sizes;
    walk->place = NULL;
    for (uint64_t i = 0; i < walk->tensor_count && hemp_walk_goes_on(walk); i++) {
        hemp_walk_tensor(walk, i);
    }
    const uint64_t left = walk->status == HEMP_WALK_UNKNOWN ? walk->end - walk->at : 0;
    /* More records than fit are an error that hemp_read_directory meets at the end of `front`. */
    sizes.tensors = walk->tensor_count < room ? walk->tensor_count : room;
    sizes.streams = walk->streams + left / SMALLEST_STREAM;
    sizes.segments = walk->segments + left / SMALLEST_SEGMENT;
    return sizes;
}

/* None of the counts is above 2^63 / 5, and each entry stands for that many bytes of `front` in memory. */
static uint64_t tables_size(const table_sizes *sizes) {
    return sizes->tensors * (sizeof(hemp_tensor) + 2 * sizeof(uint64_t)) + sizes->streams * sizeof(hemp_stream) +
           sizes->segments * sizeof(hemp_segment);
}

hemp_status hemp_directory_memory(const uint8_t *front, size_t front_size, uint64_t *memory_size, hemp_place *place) {
    hemp_walk walk;
    const hemp_status status = begin_walk(&walk, front, front_size, place);
    if (status == HEMP_OK) {
        const table_sizes sizes = measure(&walk);
        *memory_size = tables_size(&sizes);
    }
    return status;
}

/* Lay the arrays out in `memory`; the scratch for names comes last. */
static uint64_t *place_tables(hemp_directory *directory, const table_sizes *sizes, void *memory) {
    uint8_t *at =
        memory != NULL ? (uint8_t *)memory : (uint8_t *)directory; /* of no size: nothing is there to point to */
    directory->tensors = (hemp_tensor *)(void *)at;
    at += sizes->tensors * sizeof(hemp_tensor);
    directory->streams = (hemp_stream *)(void *)at;
    at += sizes->streams * sizeof(hemp_stream);
    directory->segments = (hemp_segment *)(void *)at;
    at += sizes->segments * sizeof(hemp_segment);
    return (uint64_t *)(void *)at;
}

static void check_body(hemp_walk *walk, uint64_t file_size) {
    const uint64_t end = walk->directory->body_offset + walk->body_size;
    walk->directory->file_size = end;
    if (walk->body_size >= (uint64_t)1 << 63) {
        hemp_walk_fail(walk, HEMP_BAD_STREAM, walk->directory->body_offset, HEMP_FIELD("segments"));
    } else if (file_size < end) { /* HEMP_NONE is above every size */
        hemp_walk_fail(walk, HEMP_TRUNCATED, file_size, HEMP_FIELD("body"));
    } else if (file_size > end && file_size != HEMP_NONE) {
        hemp_walk_fail(walk, HEMP_TRAILING_BYTES, end, HEMP_FIELD("body"));
    }
}

static void check_names(hemp_walk *walk, uint64_t *scratch) {
    const uint64_t duplicate = hemp_find_duplicate_name(walk->directory, scratch);
    if (duplicate != HEMP_NONE) {
        walk->tensor = duplicate;
        hemp_walk_fail(walk, HEMP_DUPLICATE_NAME, walk->directory->tensors[duplicate].name_offset, HEMP_FIELD("name"));
    }
}

static void list_tensors(hemp_walk *walk, uint64_t capacity) {
    for (uint64_t i = 0; i < walk->tensor_count && i < capacity && hemp_walk_goes_on(walk); i++) {
        hemp_walk_tensor(walk, i);
    }
    walk->tensor = HEMP_NONE;
    if (walk->tensor_count > capacity) { /* what is left of `front` cannot hold a record */
        hemp_walk_fail(walk, HEMP_BAD_FRONT, walk->at, HEMP_FIELD("tensors"));
    }
}

/* Everything behind the head and the checksum. */
static void list_front(hemp_walk *walk, const table_sizes *sizes, uint64_t *scratch) {
    hemp_directory *directory = walk->directory;
    walk->stream_capacity = sizes->streams;
    walk->segment_capacity = sizes->segments;
    list_tensors(walk, sizes->tensors);
    if (!hemp_walk_goes_on(walk)) {
        return;
    }
    directory->tensor_count = walk->tensor_count;
    directory->stream_count = walk->streams;
    directory->segment_count = walk->segments;
    directory->chunks_offset = walk->at;
    check_names(walk, scratch);
    hemp_walk_chunks(walk);
}

hemp_status hemp_list_directory(hemp_directory *directory, const uint8_t *front, size_t front_size, uint64_t file_size,
                                hemp_arena *arena, hemp_place *place) {
    hemp_walk walk;
    const hemp_status status = begin_walk(&walk, front, front_size, place);
    if (status != HEMP_OK) {
        return status;
    }
    hemp_walk counting = walk;
    const table_sizes sizes = measure(&counting);
    const uint64_t need = tables_size(&sizes);
    void *memory = hemp_arena_take(arena, need);
    if (memory == NULL && need > 0) {
        return fail_head(place, HEMP_MEMORY_TOO_SMALL, 0, HEMP_FIELD("front"));
    }
    memset(directory, 0, sizeof *directory);
    directory->front = front;
    directory->body_offset = walk.end + CHECKSUM_SIZE;
    directory->segment_elements = (uint64_t)1 << walk.segment_bits;
    walk.directory = directory;
    list_front(&walk, &sizes, place_tables(directory, &sizes, memory));
    check_body(&walk, file_size);
    return walk.status;
}

hemp_status hemp_read_directory(hemp_directory *directory, const uint8_t *front, size_t front_size, uint64_t file_size,
                                void *memory, size_t memory_size, hemp_place *place) {
    hemp_arena arena;
    hemp_arena_begin(&arena, memory, memory_size);
    return hemp_list_directory(directory, front, front_size, file_size, &arena, place);
}

void hemp_tensor_dims(const hemp_directory *directory, uint64_t tensor, uint64_t *dims) {
    const hemp_tensor *record = &directory->tensors[tensor];
    size_t position = (size_t)record->dims_offset;
    for (unsigned i = 0; i < record->rank; i++) {
        hemp_varint_read(directory->front, (size_t)directory->body_offset, &position, &dims[i]);
    }
}

const uint8_t *hemp_find_chunk(const hemp_directory *directory, uint8_t tag, uint64_t *size) {
    const size_t end = (size_t)directory->body_offset - CHECKSUM_SIZE;
    size_t position = (size_t)directory->chunks_offset;
    while (position < end) {
        const uint8_t found = directory->front[position++];
        hemp_varint_read(directory->front, end, &position, size);
        if (found == tag) {
            return directory->front + position;
        }
        position += (size_t)*size;
    }
    return NULL;
}
