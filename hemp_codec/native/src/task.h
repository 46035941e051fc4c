/* One segment decoded into what the caller wants of its tensors (spec/format.md, 5 and 6). */
#ifndef HEMP_TASK_H
#define HEMP_TASK_H

#include "segment.h"

/* What is to be decoded, and the memory for it. */
typedef struct hemp_task {
    const hemp_file *file;
    const hemp_tensor *record;  /* of the content; of the opener if there are outputs */
    const hemp_output *outputs; /* of all tensors of a solid stream; NULL: `record` alone is wanted, in `out` */
    int is_bound;               /* memory is counted for any outputs */
    hemp_place *place;
    uint64_t tensor; /* number of the tensor asked for */
    hemp_form form;
    uint64_t start; /* elements of the piece */
    uint64_t count;
    uint8_t *out;
    void *table;             /* of levels, in the form asked for */
    hemp_segment_task coded; /* its stream is NULL if all elements are level 0 */
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
