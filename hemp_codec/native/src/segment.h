/* The payloads of one segment decoded into planes, or into indices (spec/format.md, 6.5). */
#ifndef HEMP_SEGMENT_H
#define HEMP_SEGMENT_H

#include "arena.h"
#include "payloads.h"

enum { HEMP_MAX_PLANES = 16 };

typedef struct hemp_segment_task {
    const hemp_source *source;
    const hemp_stream *stream;
    const hemp_segment *segment;
    const uint8_t *bytes; /* of the segment; NULL while memory is only counted */
    hemp_part *parts;     /* of all tensors of the segment, in the order of the records */
    size_t part_count;
    hemp_part whole;   /* one part that needs as much of a coder as all of them, or more: it has all their elements */
    uint64_t *work;    /* that the call has done so far, to which decoding adds; NULL: it is not limited */
    uint64_t max_work; /* 0: neither are work and scratch */
    int is_lossless;   /* the indices are those of planes; else each part says where they go */
    const char *field; /* where something is wrong */
    void *scratch;     /* of the coder */
    uint64_t scratch_size;
    const uint8_t *planes[HEMP_MAX_PLANES]; /* of lossless tensors: all parts, one after the other */
    uint8_t *room[HEMP_MAX_PLANES];         /* for the planes that are not used where they lie in the segment */
} hemp_segment_task;

/* Count one more part in `whole`. */
static inline void hemp_segment_add_part(hemp_segment_task *task, const hemp_part *part) {
    hemp_part *whole = &task->whole;
    whole->num_levels = part->num_levels > whole->num_levels ? part->num_levels : whole->num_levels;
    whole->columns = part->columns > whole->columns ? part->columns : whole->columns;
    whole->size += part->size;
    task->part_count++;
}

/* Take room for the planes and for the coder.  A fault of the segment ends it early: whoever decodes meets it again. */
hemp_status hemp_segment_take_rooms(hemp_segment_task *task, hemp_arena *arena);

hemp_status hemp_segment_decode(hemp_segment_task *task);

/* The planes from element `start` on. */
void hemp_segment_planes(const hemp_segment_task *task, uint64_t start, const uint8_t *planes[HEMP_MAX_PLANES]);

#endif
