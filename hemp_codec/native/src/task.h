/* One segment decoded into what the caller wants of its tensors (spec/format.md, 5 and 6). */
#ifndef HEMP_TASK_H
#define HEMP_TASK_H

#include "arena.h"
#include "internal.h"

enum { HEMP_MAX_PLANES = 16 };

/* What is to be decoded, and the memory for it. */
typedef struct hemp_task {
    const hemp_file *file;
    const hemp_tensor *record; /* of the content; of the opener if there are outputs */
    const hemp_stream *stream; /* NULL: all elements are level 0 */
    const hemp_segment *segment;
    const hemp_output *outputs; /* of all tensors of a solid stream; NULL: `record` alone is wanted, in `out` */
    int is_bound;               /* memory is counted for any outputs */
    uint64_t *work;             /* that the call has done so far, to which decoding adds */
    hemp_place *place;
    uint64_t tensor; /* number of the tensor asked for */
    hemp_form form;
    uint64_t start; /* elements of the piece */
    uint64_t count;
    uint8_t *out;
    const uint8_t *bytes; /* of the segment; NULL while memory is only counted */
    void *table;          /* of levels, in the form asked for */
    hemp_part *parts;     /* of all tensors of the segment, in the order of the records */
    size_t part_count;
    const uint8_t *planes[HEMP_MAX_PLANES]; /* of lossless tensors: all parts, one after the other */
    uint8_t *room[HEMP_MAX_PLANES];         /* for the planes that are not used where they lie in the segment */
    void *scratch;                          /* of the coder */
    uint64_t scratch_size;
} hemp_task;

/* A task for a tensor; HEMP_BAD_ARGUMENT if there is none of this number, or not in this form. */
hemp_status hemp_task_begin(hemp_task *task, const hemp_file *file, uint64_t tensor, hemp_form form, hemp_place *place);

/* Choose a segment of it: sets start and count. */
hemp_status hemp_task_choose(hemp_task *task, uint64_t segment);

/* Count the memory for the chosen segment, or decode it into `out` or the outputs. */
hemp_status hemp_task_memory(hemp_task *task, uint64_t *memory_size);
hemp_status hemp_task_decode(hemp_task *task, uint8_t *out, void *memory, size_t memory_size);

hemp_status hemp_task_fail(const hemp_task *task, hemp_status status, const char *field);

#endif
