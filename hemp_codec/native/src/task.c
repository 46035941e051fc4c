#include "task.h"

#include <string.h>

#include "dtype.h"
#include "elements.h"
#include "file.h"
#include "levels.h"
#include "parts.h"

hemp_status hemp_task_fail(const hemp_task *task, hemp_status status, const char *field) {
    const uint64_t offset = task->coded.segment != NULL ? task->coded.segment->offset : task->record->dims_offset;
    return hemp_fail(task->place, status, offset, task->tensor, field);
}

hemp_status hemp_task_begin(hemp_task *task, const hemp_file *file, uint64_t tensor, hemp_form form,
                            hemp_place *place) {
    memset(task, 0, sizeof *task);
    if (tensor >= file->directory.tensor_count) {
        return hemp_fail(place, HEMP_BAD_ARGUMENT, 0, HEMP_NONE, HEMP_FIELD("tensor"));
    }
    task->file = file;
    task->record = hemp_content(file, tensor);
    task->tensor = tensor;
    task->form = form;
    task->place = place;
    if (task->record->stream != HEMP_NONE) {
        task->coded.stream = &file->directory.streams[task->record->stream];
    }
    task->coded.source = &file->source;
    task->coded.max_work = file->max_output;
    task->coded.is_lossless = task->record->quantizer == HEMP_LOSSLESS;
    const int is_possible = hemp_size_in_form(task->record, form) > 0;
    return is_possible ? HEMP_OK : hemp_task_fail(task, HEMP_BAD_ARGUMENT, HEMP_FIELD("form"));
}

hemp_status hemp_task_choose(hemp_task *task, uint64_t segment) {
    const hemp_directory *directory = &task->file->directory;
    if (segment >= hemp_segments_of(task->file, task->record)) {
        return hemp_task_fail(task, HEMP_BAD_ARGUMENT, HEMP_FIELD("segment"));
    }
    const uint64_t left = task->record->elements - segment * directory->segment_elements;
    task->start = segment * directory->segment_elements;
    task->count = left < directory->segment_elements ? left : directory->segment_elements;
    if (task->coded.stream != NULL) {
        task->coded.segment = &directory->segments[task->coded.stream->first_segment + segment];
    }
    return HEMP_OK;
}

/* ---------------------------------------------------------------------------------------------------------- members */

/* A tensor of the segment's stream, and what the segment holds of it. */
typedef struct stream_member {
    const hemp_tensor *record;
    uint64_t number; /* of the record */
    uint64_t start;  /* elements of the segment that stand before */
    hemp_part part;  /* without its indices */
    int is_wanted;
    uint8_t *out; /* where it is wanted; NULL while memory is only counted */
} stream_member;

static uint64_t columns_of(const hemp_directory *directory, const hemp_tensor *record) {
    uint64_t dims[HEMP_MAX_RANK];
    hemp_tensor_dims(directory, (uint64_t)(record - directory->tensors), dims);
    return record->rank >= 2 ? record->elements / dims[0] : record->elements;
}

static int is_solid(const hemp_task *task) {
    return task->coded.stream != NULL && task->coded.stream->solid;
}

static void set_member(const hemp_task *task, uint64_t number, stream_member *member) {
    const hemp_directory *directory = &task->file->directory;
    const hemp_tensor *record = &directory->tensors[number];
    const int solid = is_solid(task);
    member->number = number;
    member->record = record;
    member->start = solid ? record->stream_start : 0;
    member->part.num_levels = record->num_levels;
    member->part.columns = columns_of(directory, record);
    member->part.start = solid ? 0 : task->start;
    member->part.size = solid ? record->elements : task->count;
    member->part.indices = NULL;
    member->is_wanted = record == task->record;
    member->out = member->is_wanted ? task->out : NULL;
    if (task->outputs != NULL) {
        member->out = (uint8_t *)task->outputs[number].data;
        member->is_wanted = member->out != NULL;
    }
}

static void first_member(const hemp_task *task, stream_member *member) {
    const uint64_t own = (uint64_t)(task->record - task->file->directory.tensors);
    set_member(task, is_solid(task) ? task->coded.stream->opener : own, member);
}

/* Move on to the next one; 0 after the last. */
static int next_member(const hemp_task *task, stream_member *member) {
    const hemp_directory *directory = &task->file->directory;
    if (!is_solid(task) || member->start + member->part.size >= task->coded.stream->elements) {
        return 0;
    }
    uint64_t number = member->number + 1;
    while (directory->tensors[number].stream != task->record->stream) {
        number++;
    }
    set_member(task, number, member);
    return 1;
}

/* ----------------------------------------------------------------------------------------------------------- memory */

/* Where the indices of a quantized tensor are decoded to: the end of `out`, which the elements grow over. */
static uint8_t *indices_in(const hemp_task *task, const stream_member *member) {
    const uint32_t index_size = member->record->num_levels > 256 ? 2 : 1;
    const uint32_t element_size = hemp_size_in_form(member->record, task->form);
    return member->out == NULL ? NULL : member->out + member->part.size * (element_size - index_size);
}

/* Bytes of the table that a tensor needs. */
static uint64_t table_size(const hemp_task *task, const stream_member *member) {
    const int is_used = (member->is_wanted || task->is_bound) && task->form != HEMP_AS_INDICES;
    const int has_levels = member->record->quantizer != HEMP_LOSSLESS;
    return is_used && has_levels ? (uint64_t)member->record->num_levels * hemp_size_in_form(member->record, task->form)
                                 : 0;
}

/* The parts of all tensors of the segment, with room for the indices of quantized ones that are not wanted, and for the
 * largest table. */
static void take_parts(hemp_task *task, hemp_arena *arena) {
    hemp_segment_task *coded = &task->coded;
    uint64_t table = 0;
    stream_member member;
    memset(&coded->whole, 0, sizeof coded->whole);
    coded->part_count = 0;
    first_member(task, &member);
    do {
        const uint64_t size = table_size(task, &member);
        table = size > table ? size : table;
        hemp_segment_add_part(coded, &member.part);
    } while (next_member(task, &member));
    task->table = hemp_arena_take(arena, table);
    coded->parts = (hemp_part *)hemp_arena_take(arena, coded->part_count * sizeof(hemp_part));
    first_member(task, &member);
    for (size_t i = 0; i < coded->part_count; i++) {
        if (!coded->is_lossless) {
            const uint64_t bytes = member.part.size * (hemp_part_is_wide(&member.part) ? 2 : 1);
            const int is_in_out = member.is_wanted && !task->is_bound;
            member.part.indices = is_in_out ? (void *)indices_in(task, &member) : hemp_arena_take(arena, bytes);
        }
        if (coded->parts != NULL) {
            coded->parts[i] = member.part;
        }
        next_member(task, &member);
    }
}

/* Fail with what a step of the segment gave. */
static hemp_status checked(const hemp_task *task, hemp_status status) {
    return status == HEMP_OK ? status : hemp_task_fail(task, status, task->coded.field);
}

/* All that is needed beside the segment. */
static hemp_status take_memory(hemp_task *task, hemp_arena *arena) {
    take_parts(task, arena);
    return task->coded.stream != NULL ? checked(task, hemp_segment_take_rooms(&task->coded, arena)) : HEMP_OK;
}

static uint8_t *take_segment(const hemp_task *task, hemp_arena *arena) {
    const int is_read = task->coded.stream != NULL && task->file->source.data == NULL;
    return is_read ? (uint8_t *)hemp_arena_take(arena, task->coded.segment->size) : NULL;
}

hemp_status hemp_task_memory(hemp_task *task, uint64_t *memory_size) {
    hemp_arena arena;
    hemp_arena_begin(&arena, NULL, 0);
    take_segment(task, &arena);
    const hemp_status status = take_memory(task, &arena);
    *memory_size = arena.wanted > *memory_size ? arena.wanted : *memory_size;
    return status;
}

/* -------------------------------------------------------------------------------------------------------- decoding */

/* The bytes of the segment, checked. */
static hemp_status load_segment(hemp_task *task, hemp_arena *arena) {
    const hemp_source *source = &task->file->source;
    const hemp_segment *segment = task->coded.segment;
    if (source->data != NULL) {
        task->coded.bytes = source->data + segment->offset;
    } else {
        uint8_t *bytes = take_segment(task, arena);
        if (bytes == NULL && segment->size > 0) {
            return hemp_task_fail(task, HEMP_MEMORY_TOO_SMALL, HEMP_FIELD("memory"));
        }
        task->coded.bytes = bytes != NULL ? bytes : task->file->directory.front; /* of no bytes, any address will do */
        const hemp_status status = hemp_source_read(source, segment->offset, bytes, (size_t)segment->size);
        if (status != HEMP_OK) {
            return hemp_task_fail(task, status, HEMP_FIELD("segments"));
        }
    }
    const int is_right = hemp_crc32(task->coded.bytes, (size_t)segment->size, 0) == segment->checksum;
    return is_right ? HEMP_OK : hemp_task_fail(task, HEMP_SEGMENT_CHECKSUM, HEMP_FIELD("checksum"));
}

static hemp_status write_member(const hemp_task *task, const stream_member *member) {
    const hemp_tensor *record = member->record;
    const uint8_t dtype = hemp_dtype_in_form(record, task->form);
    if (record->quantizer == HEMP_LOSSLESS) {
        const uint8_t *planes[HEMP_MAX_PLANES];
        hemp_segment_planes(&task->coded, member->start, planes);
        return hemp_join(record->dtype, planes, member->part.size, dtype, member->out);
    }
    if (task->form != HEMP_AS_INDICES) {
        hemp_levels_table(&task->file->directory, record, dtype, indices_in(task, member), member->part.size,
                          task->table);
        hemp_expand(member->out, hemp_size_in_form(record, task->form), task->table, indices_in(task, member),
                    record->num_levels > 256, member->part.size);
    }
    return HEMP_OK;
}

static hemp_status write_members(const hemp_task *task) {
    stream_member member;
    hemp_status status;
    first_member(task, &member);
    do {
        status = member.is_wanted ? write_member(task, &member) : HEMP_OK;
    } while (status == HEMP_OK && next_member(task, &member));
    return status;
}

hemp_status hemp_task_decode(hemp_task *task, uint8_t *out, void *memory, size_t memory_size) {
    hemp_arena arena;
    task->out = out;
    hemp_arena_begin(&arena, memory, memory_size);
    hemp_status status = task->coded.stream != NULL ? load_segment(task, &arena) : HEMP_OK;
    if (status == HEMP_OK) {
        status = take_memory(task, &arena);
    }
    if (status == HEMP_OK && arena.wanted > memory_size) {
        status = hemp_task_fail(task, HEMP_MEMORY_TOO_SMALL, HEMP_FIELD("memory"));
    }
    if (status == HEMP_OK && task->coded.stream == NULL) { /* of one level */
        memset(task->coded.parts[0].indices, 0, (size_t)task->count);
    }
    if (status == HEMP_OK && task->coded.stream != NULL) {
        status = checked(task, hemp_segment_decode(&task->coded));
    }
    return status == HEMP_OK ? write_members(task) : status;
}
