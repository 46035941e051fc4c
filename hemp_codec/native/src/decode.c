/* The calls that decode tensors. */
#include <string.h>

#include "dtype.h"
#include "file.h"
#include "levels.h"
#include "task.h"

/* Bytes that count for the limit of what one call decodes. */
static uint64_t output_size(const hemp_tensor *record, hemp_form form, uint64_t elements) {
    const uint64_t stored = hemp_dtype_size(record->dtype);
    const uint64_t asked = hemp_size_in_form(record, form);
    const uint64_t size = stored > asked ? stored : asked;
    return elements > UINT64_MAX / size ? UINT64_MAX : elements * size;
}

/* Bytes of the indices of all tensors of a solid stream, which are decoded to reach one of them. */
static uint64_t size_on_the_way(const hemp_task *task) {
    if (task->coded.stream == NULL || !task->coded.stream->solid) {
        return 0;
    }
    return task->coded.stream->elements * (task->record->quantizer == HEMP_LOSSLESS ? task->coded.stream->planes : 2u);
}

static hemp_status check_output(const hemp_task *task, uint64_t elements, const void *out, size_t out_size) {
    const hemp_tensor *record = task->record;
    const uint64_t index_size = record->quantizer != HEMP_LOSSLESS && record->num_levels > 256 ? 2 : 1;
    const uint64_t limit = task->file->max_output;
    if (output_size(record, task->form, elements) > limit || size_on_the_way(task) > limit) {
        return hemp_task_fail(task, HEMP_LIMIT_EXCEEDED, HEMP_FIELD("dimensions"));
    }
    if (elements * hemp_size_in_form(record, task->form) > out_size) {
        return hemp_task_fail(task, HEMP_MEMORY_TOO_SMALL, HEMP_FIELD("out"));
    }
    const int is_aligned = (uintptr_t)out % index_size == 0;
    return is_aligned ? HEMP_OK : hemp_task_fail(task, HEMP_BAD_ARGUMENT, HEMP_FIELD("out"));
}

/* ------------------------------------------------------------------------------------------------------- one tensor */

/* What a call has, and the work that it has done so far. */
typedef struct decode_call {
    const hemp_file *file;
    hemp_form form;
    void *memory;
    size_t memory_size;
    hemp_place *place;
    uint64_t work;
} decode_call;

static hemp_status decode_tensor(decode_call *call, uint64_t tensor, const hemp_output *output) {
    hemp_task task;
    uint8_t *at = (uint8_t *)output->data;
    hemp_status status = hemp_task_begin(&task, call->file, tensor, call->form, call->place);
    task.coded.work = &call->work;
    if (status == HEMP_OK) {
        status = check_output(&task, task.record->elements, output->data, output->size);
    }
    const uint64_t segments = status == HEMP_OK ? hemp_segments_of(call->file, task.record) : 0;
    for (uint64_t i = 0; i < segments && status == HEMP_OK; i++) {
        hemp_task_choose(&task, i);
        status = hemp_task_decode(&task, at, call->memory, call->memory_size);
        at += task.count * hemp_size_in_form(task.record, call->form);
    }
    return status;
}

hemp_status hemp_decode_tensor(const hemp_file *file, uint64_t tensor, hemp_form form, void *out, size_t out_size,
                               void *memory, size_t memory_size, hemp_place *place) {
    const hemp_output output = {out, out_size};
    decode_call call = {file, form, memory, memory_size, place, 0};
    return decode_tensor(&call, tensor, &output);
}

hemp_status hemp_decode_segment(const hemp_file *file, uint64_t tensor, uint64_t segment, hemp_form form, void *out,
                                size_t out_size, void *memory, size_t memory_size, hemp_place *place) {
    hemp_task task;
    uint64_t work = 0;
    hemp_status status = hemp_task_begin(&task, file, tensor, form, place);
    task.coded.work = &work;
    if (status == HEMP_OK) {
        status = hemp_task_choose(&task, segment);
    }
    if (status == HEMP_OK) {
        status = check_output(&task, task.count, out, out_size);
    }
    return status == HEMP_OK ? hemp_task_decode(&task, (uint8_t *)out, memory, memory_size) : status;
}

hemp_status hemp_segment_memory(const hemp_file *file, uint64_t tensor, uint64_t segment, hemp_form form,
                                uint64_t *memory_size, hemp_place *place) {
    hemp_task task;
    hemp_status status = hemp_task_begin(&task, file, tensor, form, place);
    *memory_size = 0;
    if (status == HEMP_OK) {
        status = hemp_task_choose(&task, segment);
    }
    return status == HEMP_OK ? hemp_task_memory(&task, memory_size) : status;
}

static hemp_status count_tensor(const hemp_file *file, uint64_t tensor, hemp_form form, int is_bound,
                                uint64_t *memory_size, hemp_place *place) {
    hemp_task task;
    hemp_status status = hemp_task_begin(&task, file, tensor, form, place);
    task.is_bound = is_bound;
    uint64_t segments = status == HEMP_OK ? hemp_segments_of(file, task.record) : 0;
    if (segments > 0 && task.coded.stream == NULL) {
        segments = 1; /* without a stream they are alike, and there may be 2^50 of them */
    }
    for (uint64_t i = 0; i < segments && status == HEMP_OK; i++) {
        hemp_task_choose(&task, i);
        status = hemp_task_memory(&task, memory_size);
    }
    return status;
}

hemp_status hemp_tensor_memory(const hemp_file *file, uint64_t tensor, hemp_form form, uint64_t *memory_size,
                               hemp_place *place) {
    *memory_size = 0;
    return count_tensor(file, tensor, form, 0, memory_size, place);
}

hemp_status hemp_decode_levels(const hemp_file *file, uint64_t tensor, hemp_form form, void *out, size_t out_size,
                               hemp_place *place) {
    hemp_task task;
    const hemp_status status = hemp_task_begin(&task, file, tensor, form, place);
    if (status != HEMP_OK) {
        return status;
    }
    if (task.record->quantizer == HEMP_LOSSLESS || form == HEMP_AS_INDICES) {
        return hemp_task_fail(&task, HEMP_BAD_ARGUMENT, HEMP_FIELD("form"));
    }
    if ((uint64_t)task.record->num_levels * hemp_size_in_form(task.record, form) > out_size) {
        return hemp_task_fail(&task, HEMP_MEMORY_TOO_SMALL, HEMP_FIELD("out"));
    }
    hemp_levels_table(&file->directory, task.record, hemp_dtype_in_form(task.record, form), NULL, 0, out);
    return HEMP_OK;
}

/* ------------------------------------------------------------------------------------------------------ many tensors
 */

static const hemp_stream *solid_stream(const hemp_file *file, const hemp_tensor *record) {
    const hemp_directory *directory = &file->directory;
    const hemp_stream *stream = record->stream != HEMP_NONE ? &directory->streams[record->stream] : NULL;
    return stream != NULL && stream->solid ? stream : NULL;
}

static hemp_status check_outputs(const hemp_file *file, hemp_form form, const hemp_output *outputs, hemp_place *place) {
    uint64_t total = 0;
    for (uint64_t i = 0; i < file->directory.tensor_count; i++) {
        hemp_task task;
        if (outputs[i].data == NULL) {
            continue;
        }
        hemp_status status = hemp_task_begin(&task, file, i, form, place);
        if (status == HEMP_OK) {
            status = check_output(&task, task.record->elements, outputs[i].data, outputs[i].size);
        }
        if (status != HEMP_OK) {
            return status;
        }
        const uint64_t size = output_size(task.record, form, task.record->elements);
        if (size > file->max_output - total) {
            return hemp_task_fail(&task, HEMP_LIMIT_EXCEEDED, HEMP_FIELD("dimensions"));
        }
        total += size;
    }
    return HEMP_OK;
}

/* A task for all that is wanted of a solid stream, if this is the first of its tensors that is wanted; else 0. */
static int begin_solid(hemp_task *task, decode_call *call, uint64_t tensor, const hemp_output *outputs) {
    const hemp_directory *directory = &call->file->directory;
    const uint64_t stream = directory->tensors[tensor].stream;
    for (uint64_t i = directory->streams[stream].opener; i < tensor; i++) {
        if (directory->tensors[i].stream == stream && outputs[i].data != NULL) {
            return 0;
        }
    }
    hemp_task_begin(task, call->file, tensor, call->form, call->place);
    task->outputs = outputs;
    task->coded.work = &call->work;
    hemp_task_choose(task, 0);
    return 1;
}

static hemp_status decode_tied(decode_call *call, uint64_t tensor, const hemp_output *outputs) {
    const hemp_tensor *record = &call->file->directory.tensors[tensor];
    const hemp_output *output = &outputs[tensor];
    const hemp_output *source = &outputs[record->source];
    if (source->data == NULL) {
        return decode_tensor(call, tensor, output);
    }
    if (record->elements > 0) {
        const uint32_t size = hemp_size_in_form(hemp_content(call->file, tensor), call->form);
        memcpy(output->data, source->data, (size_t)(record->elements * size));
    }
    return HEMP_OK;
}

static hemp_status decode_output(decode_call *call, uint64_t tensor, const hemp_output *outputs) {
    hemp_task task;
    const hemp_tensor *record = &call->file->directory.tensors[tensor];
    if (record->quantizer == HEMP_TIED) {
        return decode_tied(call, tensor, outputs);
    }
    if (solid_stream(call->file, record) == NULL) {
        return decode_tensor(call, tensor, &outputs[tensor]);
    }
    const int is_first = begin_solid(&task, call, tensor, outputs);
    return is_first ? hemp_task_decode(&task, NULL, call->memory, call->memory_size) : HEMP_OK;
}

hemp_status hemp_decode_tensors(const hemp_file *file, hemp_form form, const hemp_output *outputs, void *memory,
                                size_t memory_size, hemp_place *place) {
    decode_call call = {file, form, memory, memory_size, place, 0};
    hemp_status status = check_outputs(file, form, outputs, place);
    for (uint64_t i = 0; i < file->directory.tensor_count && status == HEMP_OK; i++) {
        if (outputs[i].data != NULL) {
            status = decode_output(&call, i, outputs);
        }
    }
    return status;
}

hemp_status hemp_tensors_memory(const hemp_file *file, hemp_form form, uint64_t *memory_size, hemp_place *place) {
    *memory_size = 0;
    for (uint64_t i = 0; i < file->directory.tensor_count; i++) {
        const hemp_tensor *record = hemp_content(file, i);
        const hemp_stream *stream = solid_stream(file, record);
        const int is_counted = stream != NULL && &file->directory.tensors[stream->opener] != record;
        if (is_counted || hemp_size_in_form(record, form) == 0) {
            continue;
        }
        const hemp_status status = count_tensor(file, i, form, stream != NULL, memory_size, place);
        if (status != HEMP_OK) {
            return status;
        }
    }
    return HEMP_OK;
}
