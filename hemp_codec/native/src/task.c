#include "task.h"

#include <string.h>

#include "dtype.h"
#include "elements.h"
#include "file.h"
#include "levels.h"
#include "parts.h"
#include "payloads.h"

hemp_status hemp_task_fail(const hemp_task *task, hemp_status status, const char *field) {
    const uint64_t offset = task->segment != NULL ? task->segment->offset : task->record->dims_offset;
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
        task->stream = &file->directory.streams[task->record->stream];
    }
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
    if (task->stream != NULL) {
        task->segment = &directory->segments[task->stream->first_segment + segment];
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

static stream_member member_at(const hemp_task *task, uint64_t number) {
    const hemp_directory *directory = &task->file->directory;
    const int is_solid = task->stream != NULL && task->stream->solid;
    stream_member member;
    member.number = number;
    member.record = &directory->tensors[number];
    member.start = is_solid ? member.record->stream_start : 0;
    member.part.num_levels = member.record->num_levels;
    member.part.columns = columns_of(directory, member.record);
    member.part.start = is_solid ? 0 : task->start;
    member.part.size = is_solid ? member.record->elements : task->count;
    member.part.indices = NULL;
    member.out = member.record == task->record ? task->out : NULL;
    member.is_wanted = member.record == task->record;
    if (task->outputs != NULL) {
        member.out = (uint8_t *)task->outputs[number].data;
        member.is_wanted = member.out != NULL;
    }
    return member;
}

static stream_member first_member(const hemp_task *task) {
    const uint64_t own = (uint64_t)(task->record - task->file->directory.tensors);
    return member_at(task, task->stream != NULL && task->stream->solid ? task->stream->opener : own);
}

/* Move on to the next one; 0 after the last. */
static int next_member(const hemp_task *task, stream_member *member) {
    const hemp_directory *directory = &task->file->directory;
    if (task->stream == NULL || !task->stream->solid || member->start + member->part.size >= task->stream->elements) {
        return 0;
    }
    uint64_t number = member->number + 1;
    while (directory->tensors[number].stream != task->record->stream) {
        number++;
    }
    *member = member_at(task, number);
    return 1;
}

static uint64_t piece_elements(const hemp_task *task) {
    return task->stream->solid ? task->stream->elements : task->count;
}

/* ----------------------------------------------------------------------------------------------------------- memory */

/* Where the indices of a quantized tensor are decoded to: the end of `out`, which the elements grow over. */
static uint8_t *indices_in(const hemp_task *task, const stream_member *member) {
    const uint32_t index_size = member->record->num_levels > 256 ? 2 : 1;
    const uint32_t element_size = hemp_size_in_form(member->record, task->form);
    return member->out == NULL ? NULL : member->out + member->part.size * (element_size - index_size);
}

/* The parts of all tensors of the segment, with room for the indices of quantized ones that are not wanted. */
static void take_parts(hemp_task *task, hemp_arena *arena) {
    stream_member member = first_member(task);
    task->part_count = 1;
    while (next_member(task, &member)) {
        task->part_count++;
    }
    task->parts = (hemp_part *)hemp_arena_take(arena, task->part_count * sizeof(hemp_part));
    member = first_member(task);
    for (size_t i = 0; i < task->part_count; i++) {
        if (member.record->quantizer != HEMP_LOSSLESS) {
            const uint64_t bytes = member.part.size * (hemp_part_is_wide(&member.part) ? 2 : 1);
            const int is_in_out = member.is_wanted && !task->is_bound;
            member.part.indices = is_in_out ? (void *)indices_in(task, &member) : hemp_arena_take(arena, bytes);
        }
        if (task->parts != NULL) {
            task->parts[i] = member.part;
        }
        next_member(task, &member);
    }
}

static void take_table(hemp_task *task, hemp_arena *arena) {
    uint64_t most = 0;
    stream_member member = first_member(task);
    do {
        const int has_levels = member.record->quantizer != HEMP_LOSSLESS && task->form != HEMP_AS_INDICES;
        const uint64_t bytes = (uint64_t)member.record->num_levels * hemp_size_in_form(member.record, task->form);
        const int may_be_wanted = member.is_wanted || task->is_bound;
        most = may_be_wanted && has_levels && bytes > most ? bytes : most;
    } while (next_member(task, &member));
    task->table = hemp_arena_take(arena, most);
}

/* A stored plane of whole bytes is used where it lies. */
static int is_used_in_place(const hemp_task *task, const hemp_payload *payload) {
    return payload->coder == HEMP_CODER_STORED && task->record->num_levels == 256 &&
           task->record->quantizer == HEMP_LOSSLESS;
}

static uint64_t stored_plane_size(const hemp_task *task) {
    hemp_part part;
    memset(&part, 0, sizeof part);
    part.num_levels = task->record->num_levels; /* of several planes are only lossless tensors, all of 256 levels */
    part.size = piece_elements(task);
    return hemp_stored_size(&part, 1);
}

/* One part that needs as much of a coder as all parts of the segment together, or more. */
static hemp_part largest_part(const hemp_task *task) {
    stream_member member = first_member(task);
    hemp_part largest = member.part;
    while (next_member(task, &member)) {
        const hemp_part *part = &member.part;
        largest.num_levels = part->num_levels > largest.num_levels ? part->num_levels : largest.num_levels;
        largest.columns = part->columns > largest.columns ? part->columns : largest.columns;
        largest.size += part->size;
    }
    return largest;
}

static hemp_status count_scratch(hemp_task *task, const hemp_payloads *payloads, const hemp_payload *payload) {
    uint8_t prefix[HEMP_PAYLOAD_PREFIX];
    const size_t size = payload->size < sizeof prefix ? (size_t)payload->size : sizeof prefix;
    const hemp_part part = largest_part(task);
    const hemp_status status = hemp_payloads_read(payloads, payload->offset, prefix, size);
    if (status == HEMP_OK) {
        const uint64_t need = hemp_coder_memory(payload->coder, prefix, size, &part, 1);
        task->scratch_size = need > task->scratch_size ? need : task->scratch_size;
    }
    return status;
}

static void begin_payloads(const hemp_task *task, hemp_payloads *payloads) {
    hemp_payloads_begin(payloads, &task->file->source, task->stream, task->segment, task->bytes,
                        stored_plane_size(task));
}

enum { SCRATCH_FACTOR = 4 }; /* of a coder, for the bytes of output that are allowed */

/* Room for the planes and for the coder.  A fault of the segment ends it early: whoever decodes meets it again. */
static hemp_status take_rooms(hemp_task *task, hemp_arena *arena) {
    const int is_lossless = task->record->quantizer == HEMP_LOSSLESS;
    hemp_payloads payloads;
    hemp_payload payload;
    hemp_status status = HEMP_OK;
    task->scratch_size = 0;
    begin_payloads(task, &payloads);
    for (unsigned i = 0; i < task->stream->planes && status == HEMP_OK; i++) {
        status = hemp_next_payload(&payloads, &payload);
        if (status == HEMP_OK && is_lossless && !is_used_in_place(task, &payload)) {
            task->room[payload.plane] = (uint8_t *)hemp_arena_take(arena, piece_elements(task));
        }
        if (status == HEMP_OK) {
            status = count_scratch(task, &payloads, &payload);
        }
    }
    if (task->scratch_size / SCRATCH_FACTOR > task->file->max_output) {
        return HEMP_LIMIT_EXCEEDED; /* such as a window of zstd that is larger than all that it may be for */
    }
    task->scratch = hemp_arena_take(arena, task->scratch_size);
    return status == HEMP_READ_FAILED ? status : HEMP_OK;
}

/* All that is needed beside the segment. */
static hemp_status take_memory(hemp_task *task, hemp_arena *arena) {
    take_parts(task, arena);
    take_table(task, arena);
    const hemp_status status = task->stream != NULL ? take_rooms(task, arena) : HEMP_OK;
    return status == HEMP_OK ? status : hemp_task_fail(task, status, HEMP_FIELD("segments"));
}

static uint8_t *take_segment(const hemp_task *task, hemp_arena *arena) {
    const int is_read = task->stream != NULL && task->file->source.data == NULL;
    return is_read ? (uint8_t *)hemp_arena_take(arena, task->segment->size) : NULL;
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
    const hemp_segment *segment = task->segment;
    if (source->data != NULL) {
        task->bytes = source->data + segment->offset;
    } else {
        uint8_t *bytes = take_segment(task, arena);
        if (bytes == NULL && segment->size > 0) {
            return hemp_task_fail(task, HEMP_MEMORY_TOO_SMALL, HEMP_FIELD("memory"));
        }
        task->bytes = bytes != NULL ? bytes : task->file->directory.front; /* of no bytes, any address will do */
        const hemp_status status = hemp_source_read(source, segment->offset, bytes, (size_t)segment->size);
        if (status != HEMP_OK) {
            return hemp_task_fail(task, status, HEMP_FIELD("segments"));
        }
    }
    const int is_right = hemp_crc32(task->bytes, (size_t)segment->size, 0) == segment->checksum;
    return is_right ? HEMP_OK : hemp_task_fail(task, HEMP_SEGMENT_CHECKSUM, HEMP_FIELD("checksum"));
}

/* Let the parts of lossless tensors be decoded one after the other into the room for a plane. */
static void point_parts_to(hemp_task *task, uint8_t *room) {
    uint64_t start = 0;
    for (size_t i = 0; i < task->part_count; i++) {
        task->parts[i].indices = room + start;
        start += task->parts[i].size;
    }
}

static hemp_status decode_payload(hemp_task *task, const hemp_payload *payload) {
    const uint8_t *bytes = task->bytes + payload->offset;
    const char *name = hemp_coder_name(payload->coder);
    if (!hemp_coder_supported(payload->coder)) {
        return hemp_task_fail(task, HEMP_UNSUPPORTED_CODER, name);
    }
    *task->work += hemp_payload_work(payload->coder, bytes, (size_t)payload->size, piece_elements(task));
    if (*task->work > task->file->max_output) {
        return hemp_task_fail(task, HEMP_LIMIT_EXCEEDED, name);
    }
    if (is_used_in_place(task, payload)) {
        task->planes[payload->plane] = bytes;
        const int is_right = payload->size == stored_plane_size(task);
        return is_right ? HEMP_OK : hemp_task_fail(task, HEMP_BAD_PAYLOAD, name);
    }
    if (task->record->quantizer == HEMP_LOSSLESS) {
        task->planes[payload->plane] = task->room[payload->plane];
        point_parts_to(task, task->room[payload->plane]);
    }
    const hemp_status status = hemp_coder_decode(payload->coder, bytes, (size_t)payload->size, task->parts,
                                                 task->part_count, task->scratch, (size_t)task->scratch_size);
    return status == HEMP_OK ? status : hemp_task_fail(task, status, name);
}

static hemp_status decode_payloads(hemp_task *task) {
    hemp_payloads payloads;
    hemp_payload payload;
    begin_payloads(task, &payloads);
    for (unsigned i = 0; i < task->stream->planes; i++) {
        hemp_status status = hemp_next_payload(&payloads, &payload);
        if (status != HEMP_OK) {
            return hemp_task_fail(task, status, HEMP_FIELD("payload"));
        }
        status = decode_payload(task, &payload);
        if (status != HEMP_OK) {
            return status;
        }
    }
    return HEMP_OK;
}

static hemp_status write_member(const hemp_task *task, const stream_member *member) {
    const hemp_tensor *record = member->record;
    const uint8_t dtype = hemp_dtype_in_form(record, task->form);
    if (record->quantizer == HEMP_LOSSLESS) {
        const uint8_t *planes[HEMP_MAX_PLANES];
        for (unsigned p = 0; p < task->stream->planes; p++) {
            planes[p] = task->planes[p] + member->start;
        }
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
    stream_member member = first_member(task);
    hemp_status status;
    do {
        status = member.is_wanted ? write_member(task, &member) : HEMP_OK;
    } while (status == HEMP_OK && next_member(task, &member));
    return status;
}

hemp_status hemp_task_decode(hemp_task *task, uint8_t *out, void *memory, size_t memory_size) {
    hemp_arena arena;
    task->out = out;
    hemp_arena_begin(&arena, memory, memory_size);
    hemp_status status = task->stream != NULL ? load_segment(task, &arena) : HEMP_OK;
    if (status == HEMP_OK) {
        status = take_memory(task, &arena);
    }
    if (status == HEMP_OK && arena.wanted > memory_size) {
        status = hemp_task_fail(task, HEMP_MEMORY_TOO_SMALL, HEMP_FIELD("memory"));
    }
    if (status == HEMP_OK && task->stream == NULL) { /* of one level */
        memset(task->parts[0].indices, 0, (size_t)task->count);
    }
    if (status == HEMP_OK && task->stream != NULL) {
        status = decode_payloads(task);
    }
    return status == HEMP_OK ? write_members(task) : status;
}
