#include "lossless.h"

#include <string.h>

#include "segment.h"

static int is_known(const hemp_lossless *what) {
    const unsigned planes = hemp_dtype_size(what->dtype);
    return planes > 0 && what->coded_planes >> planes == 0 &&
           (what->coded_planes == 0 || what->coder == HEMP_CODER_RANS || what->coder == HEMP_CODER_ARITHMETIC);
}

/* A segment that is in memory, as if it were the only one of a stream. */
typedef struct lone_segment {
    hemp_stream stream;
    hemp_segment segment;
    hemp_segment_task task;
} lone_segment;

/* Its parts and rooms in `arena`; the parts are set if there is memory for them. */
static hemp_status begin(lone_segment *lone, const uint8_t *data, size_t size, const hemp_lossless *what,
                         const hemp_part *parts, size_t count, hemp_arena *arena) {
    hemp_segment_task *task = &lone->task;
    memset(lone, 0, sizeof *lone);
    if (hemp_lossless_elements(parts, count) == HEMP_NONE || !is_known(what)) {
        return HEMP_BAD_ARGUMENT;
    }
    lone->stream.coder = what->coder;
    lone->stream.coded_planes = what->coded_planes;
    lone->stream.planes = (uint8_t)hemp_dtype_size(what->dtype);
    lone->segment.size = size;
    task->stream = &lone->stream;
    task->segment = &lone->segment;
    task->bytes = data;
    task->is_lossless = 1;
    task->parts = (hemp_part *)hemp_arena_take(arena, (uint64_t)count * sizeof *parts);
    for (size_t i = 0; i < count; i++) {
        hemp_segment_add_part(task, &parts[i]);
        if (task->parts != NULL) {
            task->parts[i] = parts[i];
        }
    }
    return hemp_segment_take_rooms(task, arena);
}

uint64_t hemp_lossless_decode_memory(const uint8_t *data, size_t size, const hemp_lossless *what,
                                     const hemp_part *parts, size_t count) {
    lone_segment lone;
    hemp_arena arena;
    hemp_arena_begin(&arena, NULL, 0);
    return begin(&lone, data, size, what, parts, count, &arena) == HEMP_OK ? arena.wanted : 0;
}

hemp_status hemp_lossless_decode(const uint8_t *data, size_t size, const hemp_lossless *what, const hemp_part *parts,
                                 size_t count, void *memory, size_t memory_size) {
    lone_segment lone;
    hemp_arena arena;
    hemp_arena_begin(&arena, memory, memory_size);
    if (begin(&lone, data, size, what, parts, count, &arena) != HEMP_OK || !hemp_lossless_is_bytes(parts, count)) {
        return HEMP_BAD_ARGUMENT;
    }
    if (arena.wanted > memory_size) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    hemp_status status = hemp_segment_decode(&lone.task);
    uint64_t start = 0;
    for (size_t i = 0; i < count && status == HEMP_OK; i++) {
        const uint8_t *planes[HEMP_MAX_PLANES];
        hemp_segment_planes(&lone.task, start, planes);
        status = hemp_planes_join(what->dtype, planes, parts[i].size, parts[i].indices);
        start += parts[i].size;
    }
    return status;
}
