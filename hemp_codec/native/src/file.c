/* Opening a file, and what its directory says of tensors and metadata. */
#include "file.h"

#include <string.h>

#include "arena.h"
#include "bytes.h"
#include "dtype.h"
#include "varint.h"

static const uint64_t default_front_limit = (uint64_t)1 << 28;
static const uint64_t default_output_limit = (uint64_t)1 << 24;
enum { OUTPUT_FACTOR = 4096 };

/* ---------------------------------------------------------------------------------------------------------- opening */

hemp_status hemp_source_read(const hemp_source *source, uint64_t offset, void *out, size_t size) {
    if (source->size != HEMP_NONE && (offset > source->size || size > source->size - offset)) {
        return HEMP_READ_FAILED;
    }
    if (size == 0) {
        return HEMP_OK;
    }
    if (source->data != NULL) {
        memcpy(out, source->data + offset, size);
        return HEMP_OK;
    }
    return source->read(source->context, offset, out, size) == 0 ? HEMP_OK : HEMP_READ_FAILED;
}

static hemp_status read_prefix(const hemp_source *source, uint8_t prefix[HEMP_FRONT_PREFIX], size_t *size,
                               hemp_place *place) {
    const int nothing = source->data == NULL && source->read == NULL && source->size > 0;
    if (nothing || (source->data != NULL && source->size >= SIZE_MAX)) {
        return hemp_fail(place, HEMP_BAD_ARGUMENT, 0, HEMP_NONE, HEMP_FIELD("source"));
    }
    *size = source->size < HEMP_FRONT_PREFIX ? (size_t)source->size : (size_t)HEMP_FRONT_PREFIX;
    const hemp_status status = hemp_source_read(source, 0, prefix, *size);
    return status == HEMP_OK ? status : hemp_fail(place, status, 0, HEMP_NONE, HEMP_FIELD("signature"));
}

/* Where the front lies in memory, read into `arena` unless the whole file does. */
static hemp_status fetch_front(const hemp_source *source, uint64_t size, hemp_arena *arena, const uint8_t **front,
                               hemp_place *place) {
    if (source->data != NULL) {
        *front = source->data;
        return HEMP_OK;
    }
    uint8_t *bytes = (uint8_t *)hemp_arena_take(arena, size);
    if (bytes == NULL) {
        return hemp_fail(place, HEMP_MEMORY_TOO_SMALL, 0, HEMP_NONE, HEMP_FIELD("front"));
    }
    *front = bytes;
    const hemp_status status = hemp_source_read(source, 0, bytes, (size_t)size);
    return status == HEMP_OK ? status : hemp_fail(place, status, 0, HEMP_NONE, HEMP_FIELD("front"));
}

/* Size and place of the front, cut off where the file ends. */
static hemp_status locate_front(const hemp_source *source, uint64_t limit, hemp_arena *arena, const uint8_t **front,
                                size_t *front_size, hemp_place *place) {
    uint8_t prefix[HEMP_FRONT_PREFIX];
    size_t prefix_size = 0;
    uint64_t size = 0;
    hemp_status status = read_prefix(source, prefix, &prefix_size, place);
    if (status == HEMP_OK) {
        status = hemp_front_size(prefix, prefix_size, limit, &size, place);
    }
    if (status != HEMP_OK) {
        return status;
    }
    if (size > source->size) { /* HEMP_NONE is above every size */
        return hemp_fail(place, HEMP_TRUNCATED, source->size, HEMP_NONE, HEMP_FIELD("front"));
    }
    if (size > SIZE_MAX) {
        return hemp_fail(place, HEMP_LIMIT_EXCEEDED, 0, HEMP_NONE, HEMP_FIELD("front_size"));
    }
    *front_size = (size_t)size;
    return fetch_front(source, size, arena, front, place);
}

hemp_status hemp_open(hemp_file *file, const hemp_source *source, const hemp_limits *limits, void *memory,
                      size_t memory_size, hemp_place *place) {
    const uint8_t *front = NULL;
    size_t front_size = 0;
    hemp_arena arena;
    memset(file, 0, sizeof *file);
    file->source = *source;
    hemp_arena_begin(&arena, memory, memory_size);
    const uint64_t limit = limits != NULL && limits->front > 0 ? limits->front : default_front_limit;
    hemp_status status = locate_front(source, limit, &arena, &front, &front_size, place);
    if (status == HEMP_OK) {
        status = hemp_list_directory(&file->directory, front, front_size, source->size, &arena, place);
    }
    file->memory_needed = arena.wanted;
    const uint64_t file_size = file->directory.file_size;
    const uint64_t most = UINT64_MAX - default_output_limit;
    file->max_output = file_size > most / OUTPUT_FACTOR ? UINT64_MAX : default_output_limit + OUTPUT_FACTOR * file_size;
    if (limits != NULL && limits->output > 0) {
        file->max_output = limits->output;
    }
    return status;
}

/* ---------------------------------------------------------------------------------------------------------- tensors */

uint64_t hemp_find_tensor(const hemp_file *file, const char *name, size_t name_size) {
    const hemp_directory *directory = &file->directory;
    for (uint64_t i = 0; i < directory->tensor_count; i++) {
        const hemp_tensor *record = &directory->tensors[i];
        if (record->name_size == name_size &&
            hemp_compare(directory->front + record->name_offset, (const uint8_t *)name, name_size) == 0) {
            return i;
        }
    }
    return HEMP_NONE;
}

const hemp_tensor *hemp_content(const hemp_file *file, uint64_t tensor) {
    const hemp_tensor *record = &file->directory.tensors[tensor];
    return record->quantizer == HEMP_TIED ? &file->directory.tensors[record->source] : record;
}

uint64_t hemp_segments_of(const hemp_file *file, const hemp_tensor *record) {
    const uint64_t size = file->directory.segment_elements;
    return record->elements / size + (record->elements % size > 0);
}

uint8_t hemp_dtype_in_form(const hemp_tensor *record, hemp_form form) {
    const int is_number = hemp_dtype_quantizable(record->dtype);
    switch (form) {
    case HEMP_AS_STORED:
        return record->dtype;
    case HEMP_AS_FLOAT32:
        return is_number ? (uint8_t)HEMP_FLOAT32 : (uint8_t)HEMP_DTYPE_COUNT;
    case HEMP_AS_FLOAT16:
        return is_number ? (uint8_t)HEMP_FLOAT16 : (uint8_t)HEMP_DTYPE_COUNT;
    default:
        return HEMP_DTYPE_COUNT;
    }
}

uint32_t hemp_size_in_form(const hemp_tensor *record, hemp_form form) {
    if (form == HEMP_AS_INDICES) {
        return record->quantizer == HEMP_LOSSLESS ? 0 : record->num_levels > 256 ? 2 : 1;
    }
    return hemp_dtype_size(hemp_dtype_in_form(record, form));
}

hemp_status hemp_describe_tensor(const hemp_file *file, uint64_t tensor, hemp_tensor_info *info) {
    const hemp_directory *directory = &file->directory;
    memset(info, 0, sizeof *info);
    if (tensor >= directory->tensor_count) {
        return HEMP_BAD_ARGUMENT;
    }
    const hemp_tensor *record = &directory->tensors[tensor];
    const hemp_tensor *content = hemp_content(file, tensor);
    info->name = (const char *)directory->front + record->name_offset;
    info->name_size = record->name_size;
    info->rank = record->rank;
    hemp_tensor_dims(directory, tensor, info->dims);
    info->elements = record->elements;
    info->segments = hemp_segments_of(file, content);
    info->segment_elements = directory->segment_elements;
    info->tied_to = record->quantizer == HEMP_TIED ? record->source : HEMP_NONE;
    info->num_levels = content->quantizer == HEMP_LOSSLESS ? 0 : content->num_levels;
    info->dtype = record->dtype;
    info->quantizer = content->quantizer;
    info->coder = HEMP_NO_CODER;
    if (content->stream != HEMP_NONE) {
        const hemp_stream *stream = &directory->streams[content->stream];
        const hemp_segment *first = &directory->segments[stream->first_segment];
        const hemp_segment *last = first + (stream->segment_count - 1);
        info->coded_bytes = last->offset + last->size - first->offset;
        info->coder = stream->coder;
        info->solid = stream->solid;
    }
    return HEMP_OK;
}

uint32_t hemp_element_size(const hemp_tensor_info *info, hemp_form form) {
    hemp_tensor record;
    memset(&record, 0, sizeof record);
    record.dtype = info->dtype;
    record.quantizer = info->quantizer;
    record.num_levels = info->num_levels;
    return hemp_size_in_form(&record, form);
}

/* --------------------------------------------------------------------------------------------------------- metadata */

/* The front has been checked, so nothing can run over its end. */
static const char *next_text(const hemp_directory *directory, size_t *position, size_t *size) {
    uint64_t bytes = 0;
    hemp_varint_read(directory->front, (size_t)directory->body_offset, position, &bytes);
    const char *text = (const char *)directory->front + *position;
    *size = (size_t)bytes;
    *position += *size;
    return text;
}

int hemp_next_pair(const hemp_file *file, hemp_pair *pair) {
    const hemp_directory *directory = &file->directory;
    uint64_t size = 0;
    uint64_t count;
    const uint8_t *chunk = hemp_find_chunk(directory, HEMP_CHUNK_METADATA, &size);
    if (chunk == NULL) {
        return 0;
    }
    const uint64_t begin = (uint64_t)(chunk - directory->front);
    size_t position = (size_t)(pair->position > begin ? pair->position : begin);
    if (position == begin) {
        hemp_varint_read(directory->front, (size_t)directory->body_offset, &position, &count);
    }
    if (position >= begin + size) {
        return 0;
    }
    pair->key = next_text(directory, &position, &pair->key_size);
    pair->value = next_text(directory, &position, &pair->value_size);
    pair->position = position;
    return 1;
}
