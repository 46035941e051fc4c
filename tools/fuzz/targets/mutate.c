/* A mutator of whole files for libFuzzer: it changes the front or one segment and then makes sizes and checksums right
 * again, so that what lies behind them is reached. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "varint.h"

enum { HEAD_SIZE = 10, CHECKSUM_SIZE = 4, MAX_GROWTH = 64, MAX_FILE = 1 << 20 };

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define WRITTEN(data, size) __msan_unpoison(data, size) /* by libFuzzer, into which the sanitizer does not see */
#endif
#endif
#ifndef WRITTEN
#define WRITTEN(data, size) (void)(size)
#endif

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* A file taken apart.  `front` has no checksum. */
typedef struct pieces {
    uint8_t head[HEAD_SIZE];
    uint8_t front[MAX_FILE];
    uint8_t body[MAX_FILE];
    size_t front_size;
    size_t body_size;
} pieces;

static size_t write_varint(uint8_t *out, uint64_t value) {
    size_t size = 0;
    while (value >= 0x80) {
        out[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[size++] = (uint8_t)value;
    return size;
}

static int take_apart(pieces *file, const uint8_t *data, size_t size) {
    size_t at = HEAD_SIZE;
    uint64_t front_size;
    if (size < HEAD_SIZE || hemp_varint_read(data, size, &at, &front_size) != HEMP_OK || front_size > size - at ||
        size - at - front_size < CHECKSUM_SIZE) {
        return 0;
    }
    memcpy(file->head, data, HEAD_SIZE);
    file->front_size = (size_t)front_size;
    memcpy(file->front, data + at, file->front_size);
    file->body_size = size - at - file->front_size - CHECKSUM_SIZE;
    memcpy(file->body, data + at + file->front_size + CHECKSUM_SIZE, file->body_size);
    return 1;
}

/* The file of these pieces, with the right checksum; 0 if it does not fit. */
static size_t put_together(const pieces *file, uint8_t *data, size_t max_size) {
    if (HEAD_SIZE + HEMP_VARINT_MAX + file->front_size + CHECKSUM_SIZE + file->body_size > max_size) {
        return 0;
    }
    memcpy(data, file->head, HEAD_SIZE);
    size_t at = HEAD_SIZE + write_varint(data + HEAD_SIZE, file->front_size);
    memcpy(data + at, file->front, file->front_size);
    at += file->front_size;
    hemp_store32(data + at, hemp_crc32(data, at, 0));
    at += CHECKSUM_SIZE;
    memcpy(data + at, file->body, file->body_size);
    return at + file->body_size;
}

/* Size of what stands before the body. */
static size_t front_end(const pieces *file) {
    uint8_t size[HEMP_VARINT_MAX];
    return HEAD_SIZE + write_varint(size, file->front_size) + file->front_size + CHECKSUM_SIZE;
}

/* What the front says, as far as it is right; its offsets count from the first byte of the body.  `memory` is to be
 * freed. */
static int list_segments(const pieces *file, hemp_directory *directory, void **memory) {
    static uint8_t data[MAX_FILE];
    uint64_t need = 0;
    const size_t size = put_together(file, data, MAX_FILE);
    int is_listed = 0;
    *memory = NULL;
    if (size > 0 && hemp_directory_memory(data, front_end(file), &need, NULL) == HEMP_OK) {
        *memory = fuzz_take(need);
        is_listed =
            hemp_read_directory(directory, data, front_end(file), HEMP_NONE, *memory, (size_t)need, NULL) == HEMP_OK;
        for (uint64_t i = 0; is_listed && i < directory->segment_count; i++) {
            directory->segments[i].offset -= directory->body_offset;
        }
    }
    return is_listed;
}

/* Write the size and the checksum of a segment into its record, which is found by what it holds now. */
static void rewrite_record(pieces *file, const hemp_segment *old, size_t size, uint32_t checksum) {
    uint8_t record[HEMP_VARINT_MAX + CHECKSUM_SIZE];
    const size_t length = write_varint(record, old->size) + CHECKSUM_SIZE;
    hemp_store32(record + length - CHECKSUM_SIZE, old->checksum);
    for (size_t at = 0; at + length <= file->front_size; at++) {
        if (memcmp(file->front + at, record, length) == 0) {
            const size_t new_length = write_varint(record, size) + CHECKSUM_SIZE;
            hemp_store32(record + new_length - CHECKSUM_SIZE, checksum);
            memmove(file->front + at + new_length, file->front + at + length, file->front_size - at - length);
            memcpy(file->front + at, record, new_length);
            file->front_size += new_length - length;
            return;
        }
    }
}

/* Make the body as long as the front says, and the checksums of all segments right. */
static void repair(pieces *file) {
    hemp_directory directory;
    void *memory;
    if (list_segments(file, &directory, &memory)) {
        const uint64_t size = directory.file_size - directory.body_offset;
        const int is_possible = size < MAX_FILE && size < file->body_size + 4096;
        if (is_possible && size > file->body_size) {
            memset(file->body + file->body_size, 0x5A, (size_t)size - file->body_size);
        }
        for (uint64_t i = 0; is_possible && i < directory.segment_count; i++) {
            const hemp_segment *segment = &directory.segments[i];
            const uint32_t checksum = hemp_crc32(file->body + segment->offset, (size_t)segment->size, 0);
            if (checksum != segment->checksum) {
                rewrite_record(file, segment, (size_t)segment->size, checksum);
            }
        }
        file->body_size = is_possible ? (size_t)size : file->body_size;
    }
    free(memory);
}

static void mutate_front(pieces *file) {
    file->front_size = LLVMFuzzerMutate(file->front, file->front_size, file->front_size + MAX_GROWTH);
    WRITTEN(file->front, file->front_size);
    repair(file);
}

static void mutate_segment(pieces *file, unsigned seed) {
    hemp_directory directory;
    void *memory;
    static uint8_t bytes[MAX_FILE];
    if (list_segments(file, &directory, &memory) && directory.segment_count > 0) {
        const hemp_segment *segment = &directory.segments[seed % directory.segment_count];
        const size_t at = (size_t)segment->offset, size = (size_t)segment->size;
        if (segment->offset <= file->body_size && segment->size <= file->body_size - at) {
            memcpy(bytes, file->body + at, size);
            const size_t new_size = LLVMFuzzerMutate(bytes, size, size + MAX_GROWTH);
            WRITTEN(bytes, new_size);
            memmove(file->body + at + new_size, file->body + at + size, file->body_size - at - size);
            memcpy(file->body + at, bytes, new_size);
            file->body_size = file->body_size - size + new_size;
            rewrite_record(file, segment, new_size, hemp_crc32(bytes, new_size, 0));
        }
    }
    free(memory);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
    static pieces file;
    size_t new_size = 0;
    WRITTEN(data, max_size);
    if (size + MAX_GROWTH < MAX_FILE / 2 && seed % 16 != 0 && take_apart(&file, data, size)) {
        if (seed / 16 % 2 == 0) {
            mutate_front(&file);
        } else {
            mutate_segment(&file, seed / 32);
        }
        new_size = put_together(&file, data, max_size);
    }
    return new_size > 0 ? new_size : LLVMFuzzerMutate(data, size, max_size);
}
