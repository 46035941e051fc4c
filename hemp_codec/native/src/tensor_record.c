/* Tensor records (spec/format.md, 4 and 5). */
#include <string.h>

#include "bytes.h"
#include "levels.h"
#include "utf8.h"
#include "walk.h"

enum { MAX_NAME = 65535, MAX_UNIFORM_OFFSET = 1 << 23 };

/* The bits of `form`. */
typedef struct record_form {
    uint64_t offset;
    unsigned rank;
    unsigned quantizer;
    int has_dtype;
    int joined;
    int shared;
} record_form;

enum { FORM_LOSSLESS = 0, FORM_CODEBOOK = 1, FORM_UNIFORM = 2, FORM_EXTENDED = 3 };

static hemp_status read_name(hemp_walk *walk, hemp_tensor *tensor) {
    const uint64_t size_offset = walk->at;
    uint64_t size;
    hemp_status status = hemp_walk_varint(walk, &size, HEMP_FIELD("name_size"));
    if (status != HEMP_OK) {
        return status;
    }
    if (size > MAX_NAME) {
        return hemp_walk_fail(walk, HEMP_LIMIT_EXCEEDED, size_offset, HEMP_FIELD("name_size"));
    }
    status = hemp_walk_need(walk, size, HEMP_FIELD("name"));
    if (status != HEMP_OK) {
        return status;
    }
    if (walk->directory != NULL && !hemp_utf8_valid(walk->front + walk->at, (size_t)size)) {
        return hemp_walk_fail(walk, HEMP_BAD_NAME, walk->at, HEMP_FIELD("name"));
    }
    tensor->name_offset = walk->at;
    tensor->name_size = (uint32_t)size;
    walk->at += size;
    return HEMP_OK;
}

static hemp_status read_form(hemp_walk *walk, record_form *form) {
    uint8_t bits;
    form->offset = walk->at;
    const hemp_status status = hemp_walk_u8(walk, &bits, HEMP_FIELD("form"));
    if (status != HEMP_OK) {
        return status;
    }
    form->rank = bits & 7u;
    form->quantizer = (bits >> 3) & 3u;
    form->has_dtype = (bits >> 5) & 1;
    form->joined = (bits >> 6) & 1;
    form->shared = bits >> 7;
    if (form->shared && form->quantizer != FORM_CODEBOOK) {
        return hemp_walk_fail(walk, HEMP_BAD_FORM, form->offset, HEMP_FIELD("form"));
    }
    return HEMP_OK;
}

static hemp_status read_rank(hemp_walk *walk, const record_form *form, hemp_tensor *tensor) {
    tensor->rank = (uint8_t)form->rank;
    if (form->rank < 7) {
        return HEMP_OK;
    }
    const uint64_t offset = walk->at;
    uint64_t extra;
    const hemp_status status = hemp_walk_varint(walk, &extra, HEMP_FIELD("rank_extra"));
    if (status != HEMP_OK) {
        return status;
    }
    if (extra > HEMP_MAX_RANK - 7) {
        return hemp_walk_fail(walk, HEMP_LIMIT_EXCEEDED, offset, HEMP_FIELD("rank_extra"));
    }
    tensor->rank = (uint8_t)(7 + extra);
    return HEMP_OK;
}

static hemp_status read_dtype(hemp_walk *walk, const record_form *form, hemp_tensor *tensor) {
    tensor->dtype = walk->previous_dtype;
    if (!form->has_dtype) {
        return HEMP_OK;
    }
    const hemp_status status = hemp_walk_u8(walk, &tensor->dtype, HEMP_FIELD("dtype"));
    if (status != HEMP_OK) {
        return status;
    }
    if (tensor->dtype == walk->previous_dtype) {
        return hemp_walk_fail(walk, HEMP_BAD_DTYPE, walk->at - 1, HEMP_FIELD("dtype"));
    }
    if (hemp_dtype_find(tensor->dtype) == NULL) {
        return hemp_walk_fail(walk, HEMP_UNSUPPORTED_DTYPE, walk->at - 1, HEMP_FIELD("dtype"));
    }
    walk->previous_dtype = tensor->dtype;
    return HEMP_OK;
}

static hemp_status read_dimensions(hemp_walk *walk, hemp_tensor *tensor) {
    const uint64_t limit = ((uint64_t)1 << 62) - 1;
    uint64_t product = 1; /* of the dimensions that are not 0 */
    int empty = 0;
    tensor->dims_offset = walk->at;
    for (unsigned i = 0; i < tensor->rank; i++) {
        const uint64_t offset = walk->at;
        uint64_t dimension;
        const hemp_status status = hemp_walk_varint(walk, &dimension, HEMP_FIELD("dimensions"));
        if (status != HEMP_OK) {
            return status;
        }
        if (dimension == 0) {
            empty = 1;
        } else if (dimension > limit / hemp_dtype_size(tensor->dtype) / product) {
            return hemp_walk_fail(walk, HEMP_BAD_SHAPE, offset, HEMP_FIELD("dimensions"));
        } else {
            product *= dimension;
        }
    }
    tensor->elements = empty ? 0 : product;
    return HEMP_OK;
}

static hemp_status read_shared(hemp_walk *walk, uint64_t number, hemp_tensor *tensor) {
    const uint64_t offset = walk->at;
    uint64_t owner_number;
    const hemp_status status = hemp_walk_varint(walk, &owner_number, HEMP_FIELD("parameters"));
    if (status != HEMP_OK) {
        return status;
    }
    if (owner_number >= number) {
        return hemp_walk_fail(walk, HEMP_BAD_QUANTIZER, offset, HEMP_FIELD("parameters"));
    }
    if (walk->directory == NULL) {
        return HEMP_WALK_UNKNOWN;
    }
    const hemp_tensor *owner = &walk->directory->tensors[owner_number];
    if (owner->quantizer != HEMP_CODEBOOK || owner->source != HEMP_NONE ||
        !hemp_levels_type_fits(owner->levels_type, tensor->dtype)) {
        return hemp_walk_fail(walk, HEMP_BAD_QUANTIZER, offset, HEMP_FIELD("parameters"));
    }
    tensor->source = owner_number;
    tensor->num_levels = owner->num_levels;
    tensor->levels_offset = owner->levels_offset;
    tensor->levels_type = owner->levels_type;
    return HEMP_OK;
}

static hemp_status read_levels(hemp_walk *walk, hemp_tensor *tensor) {
    const uint32_t size = hemp_dtype_size(tensor->levels_type);
    const uint64_t room = (walk->end - walk->at) / size;
    /* Those that are there are checked even if some are missing: the first violation is the one to report. */
    const uint32_t present = room < tensor->num_levels ? (uint32_t)room : tensor->num_levels;
    if (walk->directory != NULL) {
        const uint32_t bad = hemp_levels_first_bad(tensor->levels_type, walk->front + walk->at, present);
        if (bad < present) {
            return hemp_walk_fail(walk, HEMP_BAD_LEVELS, walk->at + (uint64_t)bad * size, HEMP_FIELD("levels"));
        }
    }
    if (present < tensor->num_levels) {
        return hemp_walk_fail(walk, HEMP_BAD_FRONT, walk->at, HEMP_FIELD("levels"));
    }
    tensor->levels_offset = walk->at;
    walk->at += (uint64_t)present * size;
    return HEMP_OK;
}

static hemp_status read_own_codebook(hemp_walk *walk, hemp_tensor *tensor) {
    static const uint8_t types[4] = {HEMP_FLOAT32, HEMP_FLOAT16, HEMP_BFLOAT16, HEMP_FLOAT64};
    const uint64_t offset = walk->at;
    uint64_t table;
    const hemp_status status = hemp_walk_varint(walk, &table, HEMP_FIELD("table"));
    if (status != HEMP_OK) {
        return status;
    }
    tensor->levels_type = types[table & 3u];
    if (!hemp_levels_type_fits(tensor->levels_type, tensor->dtype)) {
        return hemp_walk_fail(walk, HEMP_BAD_QUANTIZER, offset, HEMP_FIELD("table"));
    }
    if (table >> 2 >= HEMP_MAX_LEVELS) {
        return hemp_walk_fail(walk, HEMP_BAD_LEVELS, offset, HEMP_FIELD("table"));
    }
    tensor->num_levels = (uint32_t)(table >> 2) + 1;
    return read_levels(walk, tensor);
}

static hemp_status read_codebook(hemp_walk *walk, uint64_t number, const record_form *form, hemp_tensor *tensor) {
    tensor->quantizer = HEMP_CODEBOOK;
    if (!hemp_dtype_quantizable(tensor->dtype)) {
        return hemp_walk_fail(walk, HEMP_BAD_QUANTIZER, form->offset, HEMP_FIELD("form"));
    }
    return form->shared ? read_shared(walk, number, tensor) : read_own_codebook(walk, tensor);
}

static hemp_status read_grid_numbers(hemp_walk *walk, hemp_tensor *tensor) {
    uint64_t offset = walk->at;
    uint64_t value;
    hemp_status status = hemp_walk_varint(walk, &value, HEMP_FIELD("last_level"));
    if (status != HEMP_OK) {
        return status;
    }
    if (value >= HEMP_MAX_LEVELS) {
        return hemp_walk_fail(walk, HEMP_BAD_LEVELS, offset, HEMP_FIELD("last_level"));
    }
    tensor->num_levels = (uint32_t)value + 1;
    offset = walk->at;
    status = hemp_walk_varint(walk, &value, HEMP_FIELD("offset"));
    if (status != HEMP_OK) {
        return status;
    }
    if (value > 2 * (uint64_t)MAX_UNIFORM_OFFSET) { /* -2^23 is 2^24 - 1, 2^23 is 2^24 */
        return hemp_walk_fail(walk, HEMP_BAD_LEVELS, offset, HEMP_FIELD("offset"));
    }
    tensor->uniform_offset = value & 1 ? -(int32_t)(value >> 1) - 1 : (int32_t)(value >> 1);
    return HEMP_OK;
}

static hemp_status read_uniform(hemp_walk *walk, const record_form *form, hemp_tensor *tensor) {
    tensor->quantizer = HEMP_UNIFORM;
    if (!hemp_dtype_quantizable(tensor->dtype)) {
        return hemp_walk_fail(walk, HEMP_BAD_QUANTIZER, form->offset, HEMP_FIELD("form"));
    }
    hemp_status status = read_grid_numbers(walk, tensor);
    if (status != HEMP_OK) {
        return status;
    }
    tensor->levels_type = tensor->dtype == HEMP_FLOAT64 ? HEMP_FLOAT64 : HEMP_FLOAT32;
    tensor->levels_offset = walk->at;
    const uint32_t size = hemp_dtype_size(tensor->levels_type);
    status = hemp_walk_need(walk, size, HEMP_FIELD("step"));
    if (status != HEMP_OK) {
        return status;
    }
    const uint8_t *step = walk->front + walk->at;
    const int32_t first = tensor->uniform_offset;
    const int32_t last = first + (int32_t)tensor->num_levels - 1;
    if (!hemp_step_valid(tensor->dtype, step) || !hemp_grid_level_finite(tensor->dtype, step, first) ||
        !hemp_grid_level_finite(tensor->dtype, step, last)) {
        return hemp_walk_fail(walk, HEMP_BAD_LEVELS, walk->at, HEMP_FIELD("step"));
    }
    walk->at += size;
    return HEMP_OK;
}

static hemp_status read_tied(hemp_walk *walk, uint64_t number, hemp_tensor *tensor) {
    const uint64_t offset = walk->at;
    uint64_t source_number;
    const hemp_status status = hemp_walk_varint(walk, &source_number, HEMP_FIELD("parameters"));
    if (status != HEMP_OK) {
        return status;
    }
    if (source_number >= number) {
        return hemp_walk_fail(walk, HEMP_BAD_QUANTIZER, offset, HEMP_FIELD("parameters"));
    }
    if (walk->directory != NULL) {
        const hemp_tensor *source = &walk->directory->tensors[source_number];
        if (source->dtype != tensor->dtype || source->elements != tensor->elements || source->quantizer == HEMP_TIED) {
            return hemp_walk_fail(walk, HEMP_BAD_QUANTIZER, offset, HEMP_FIELD("parameters"));
        }
    }
    tensor->source = source_number;
    return HEMP_OK;
}

static hemp_status read_extended(hemp_walk *walk, uint64_t number, hemp_tensor *tensor) {
    uint8_t kind;
    const hemp_status status = hemp_walk_u8(walk, &kind, HEMP_FIELD("parameters"));
    if (status != HEMP_OK) {
        return status;
    }
    if (kind != 0) {
        return hemp_walk_fail(walk, HEMP_UNSUPPORTED_QUANTIZER, walk->at - 1, HEMP_FIELD("parameters"));
    }
    tensor->quantizer = HEMP_TIED;
    return read_tied(walk, number, tensor);
}

static hemp_status read_parameters(hemp_walk *walk, uint64_t number, const record_form *form, hemp_tensor *tensor) {
    switch (form->quantizer) {
    case FORM_LOSSLESS:
        tensor->quantizer = HEMP_LOSSLESS;
        tensor->num_levels = tensor->dtype == HEMP_BOOL ? 2 : 256;
        return HEMP_OK;
    case FORM_CODEBOOK:
        return read_codebook(walk, number, form, tensor);
    case FORM_UNIFORM:
        return read_uniform(walk, form, tensor);
    default:
        return read_extended(walk, number, tensor);
    }
}

static hemp_status join_stream(hemp_walk *walk, uint64_t form_offset, unsigned stream_class, hemp_tensor *tensor) {
    if (walk->directory == NULL) {
        return HEMP_OK;
    }
    const uint64_t number = walk->open_streams[stream_class];
    if (number == HEMP_NONE) {
        return hemp_walk_fail(walk, HEMP_BAD_STREAM, form_offset, HEMP_FIELD("form"));
    }
    hemp_stream *stream = &walk->directory->streams[number];
    const uint64_t room = (uint64_t)1 << walk->segment_bits;
    if (stream->elements > room || tensor->elements > room - stream->elements) {
        return hemp_walk_fail(walk, HEMP_BAD_STREAM, form_offset, HEMP_FIELD("form"));
    }
    tensor->stream = number;
    tensor->stream_start = stream->elements;
    stream->elements += tensor->elements;
    stream->solid = 1;
    return HEMP_OK;
}

static hemp_status place_stream(hemp_walk *walk, uint64_t number, const record_form *form, hemp_tensor *tensor) {
    const int has_stream = tensor->quantizer != HEMP_TIED && tensor->elements > 0 && tensor->num_levels > 1;
    if (!has_stream) {
        return form->joined ? hemp_walk_fail(walk, HEMP_BAD_FORM, form->offset, HEMP_FIELD("form")) : HEMP_OK;
    }
    const unsigned stream_class = tensor->quantizer == HEMP_LOSSLESS ? tensor->dtype : (unsigned)HEMP_CLASS_QUANTIZED;
    if (form->joined) {
        return join_stream(walk, form->offset, stream_class, tensor);
    }
    tensor->stream = walk->streams;
    walk->open_streams[stream_class] = walk->streams;
    return hemp_walk_stream(walk, number, tensor);
}

static hemp_status read_record(hemp_walk *walk, uint64_t number, record_form *form, hemp_tensor *tensor) {
    hemp_status status = read_name(walk, tensor);
    if (status == HEMP_OK) {
        status = read_form(walk, form);
    }
    if (status == HEMP_OK) {
        status = read_rank(walk, form, tensor);
    }
    if (status == HEMP_OK) {
        status = read_dtype(walk, form, tensor);
    }
    if (status == HEMP_OK) {
        status = read_dimensions(walk, tensor);
    }
    if (status == HEMP_OK) {
        status = read_parameters(walk, number, form, tensor);
    }
    return status;
}

hemp_status hemp_walk_tensor(hemp_walk *walk, uint64_t number) {
    hemp_tensor tensor;
    record_form form;
    memset(&tensor, 0, sizeof tensor);
    tensor.stream = HEMP_NONE;
    tensor.source = HEMP_NONE;
    walk->tensor = number;
    hemp_status status = read_record(walk, number, &form, &tensor);
    if (status == HEMP_OK) {
        status = place_stream(walk, number, &form, &tensor);
    }
    if (walk->directory != NULL) {
        walk->directory->tensors[number] = tensor; /* of a bad record as well: its name goes into the message */
    }
    return status;
}
