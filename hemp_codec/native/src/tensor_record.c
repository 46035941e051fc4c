/* Tensor records (spec/format.md, 4 and 5). */
#include <string.h>

#include "levels.h"
#include "utf8.h"
#include "walk.h"

enum { MAX_NAME = 65535, MAX_UNIFORM_OFFSET = 1 << 23 };

/* The byte `form`, and where it stands. */
typedef struct record_form {
    uint64_t offset;
    unsigned bits;
} record_form;

enum { FORM_RANK = 7, FORM_HAS_DTYPE = 1 << 5, FORM_JOINED = 1 << 6, FORM_SHARED = 1 << 7 };
enum { FORM_LOSSLESS = 0, FORM_CODEBOOK = 1, FORM_UNIFORM = 2, FORM_EXTENDED = 3 };

static void read_name(hemp_walk *walk, hemp_tensor *tensor) {
    const uint64_t size = hemp_walk_below(walk, MAX_NAME + 1, HEMP_LIMIT_EXCEEDED, HEMP_FIELD("name_size"));
    const uint8_t *name = hemp_walk_bytes(walk, size, HEMP_FIELD("name"));
    if (name != NULL && walk->directory != NULL && !hemp_utf8_valid(name, (size_t)size)) {
        hemp_walk_refuse(walk, HEMP_BAD_NAME);
    }
    if (hemp_walk_goes_on(walk)) {
        tensor->name_offset = walk->field_at;
        tensor->name_size = (uint32_t)size;
    }
}

static unsigned quantizer_of(const record_form *form) {
    return form->bits >> 3 & 3u;
}

static void read_form(hemp_walk *walk, record_form *form, hemp_tensor *tensor) {
    form->bits = hemp_walk_u8(walk, HEMP_FIELD("form"));
    form->offset = walk->field_at;
    if ((form->bits & FORM_SHARED) != 0 && quantizer_of(form) != FORM_CODEBOOK) {
        hemp_walk_refuse(walk, HEMP_BAD_FORM);
    }
    tensor->rank = form->bits & FORM_RANK;
    if (tensor->rank == FORM_RANK) {
        const uint64_t end = HEMP_MAX_RANK - FORM_RANK + 1;
        tensor->rank += (uint8_t)hemp_walk_below(walk, end, HEMP_LIMIT_EXCEEDED, HEMP_FIELD("rank_extra"));
    }
}

static void read_dtype(hemp_walk *walk, const record_form *form, hemp_tensor *tensor) {
    tensor->dtype = walk->previous_dtype;
    if ((form->bits & FORM_HAS_DTYPE) == 0) {
        return;
    }
    const uint8_t dtype = hemp_walk_u8(walk, HEMP_FIELD("dtype"));
    if (dtype == walk->previous_dtype) {
        hemp_walk_refuse(walk, HEMP_BAD_DTYPE);
    }
    if (hemp_dtype_find(dtype) == NULL) {
        hemp_walk_refuse(walk, HEMP_UNSUPPORTED_DTYPE);
    }
    tensor->dtype = walk->previous_dtype = dtype;
}

static void read_dimensions(hemp_walk *walk, hemp_tensor *tensor) {
    const uint64_t limit = ((uint64_t)1 << 62) - 1;
    uint64_t product = 1; /* of the dimensions that are not 0 */
    int empty = 0;
    tensor->dims_offset = walk->at;
    for (unsigned i = 0; i < tensor->rank && hemp_walk_goes_on(walk); i++) {
        const uint64_t end = limit / hemp_dtype_size(tensor->dtype) / product + 1;
        const uint64_t dimension = hemp_walk_below(walk, end, HEMP_BAD_SHAPE, HEMP_FIELD("dimensions"));
        empty |= dimension == 0;
        product *= dimension > 0 ? dimension : 1;
    }
    tensor->elements = empty ? 0 : product;
}

/* The number of an earlier record, whose content is this one's too. */
static void read_source(hemp_walk *walk, uint64_t number, hemp_tensor *tensor) {
    tensor->source = hemp_walk_below(walk, number, HEMP_BAD_QUANTIZER, HEMP_FIELD("parameters"));
}

static void read_shared(hemp_walk *walk, uint64_t number, hemp_tensor *tensor) {
    read_source(walk, number, tensor);
    if (walk->directory == NULL) {
        hemp_walk_refuse(walk, HEMP_WALK_UNKNOWN);
    }
    if (!hemp_walk_goes_on(walk)) {
        return;
    }
    const hemp_tensor *owner = &walk->directory->tensors[tensor->source];
    if (owner->quantizer != HEMP_CODEBOOK || owner->source != HEMP_NONE ||
        !hemp_levels_type_fits(owner->levels_type, tensor->dtype)) {
        hemp_walk_refuse(walk, HEMP_BAD_QUANTIZER);
    }
    tensor->num_levels = owner->num_levels;
    tensor->levels_offset = owner->levels_offset;
    tensor->levels_type = owner->levels_type;
}

static void read_levels(hemp_walk *walk, hemp_tensor *tensor) {
    const uint32_t size = hemp_dtype_size(tensor->levels_type);
    const uint64_t room = (walk->end - walk->at) / size;
    /* Those that are there are checked even if some are missing: the first violation is the one to report. */
    const uint32_t present = room < tensor->num_levels ? (uint32_t)room : tensor->num_levels;
    if (walk->directory != NULL && hemp_walk_goes_on(walk)) {
        const uint32_t bad = hemp_levels_first_bad(tensor->levels_type, walk->front + walk->at, present);
        if (bad < present) {
            hemp_walk_fail(walk, HEMP_BAD_LEVELS, walk->at + (uint64_t)bad * size, HEMP_FIELD("levels"));
        }
    }
    tensor->levels_offset = walk->at;
    hemp_walk_bytes(walk, (uint64_t)tensor->num_levels * size, HEMP_FIELD("levels"));
}

static void read_own_codebook(hemp_walk *walk, hemp_tensor *tensor) {
    static const uint8_t types[4] = {HEMP_FLOAT32, HEMP_FLOAT16, HEMP_BFLOAT16, HEMP_FLOAT64};
    const uint64_t table = hemp_walk_varint(walk, HEMP_FIELD("table"));
    tensor->levels_type = types[table & 3u];
    if (!hemp_levels_type_fits(tensor->levels_type, tensor->dtype)) {
        hemp_walk_refuse(walk, HEMP_BAD_QUANTIZER);
    }
    if (table >> 2 >= HEMP_MAX_LEVELS) {
        hemp_walk_refuse(walk, HEMP_BAD_LEVELS);
    }
    tensor->num_levels = (uint32_t)(table >> 2) + 1;
    read_levels(walk, tensor);
}

static int step_is_good(const hemp_tensor *tensor, const uint8_t *step) {
    const int32_t first = tensor->uniform_offset;
    const int32_t last = first + (int32_t)tensor->num_levels - 1;
    return hemp_step_valid(tensor->dtype, step) && hemp_grid_level_finite(tensor->dtype, step, first) &&
           hemp_grid_level_finite(tensor->dtype, step, last);
}

static void read_uniform(hemp_walk *walk, hemp_tensor *tensor) {
    const uint64_t offset_end = 2 * (uint64_t)MAX_UNIFORM_OFFSET + 1; /* -2^23 is 2^24 - 1, 2^23 is 2^24 */
    const uint64_t last = hemp_walk_below(walk, HEMP_MAX_LEVELS, HEMP_BAD_LEVELS, HEMP_FIELD("last_level"));
    const uint32_t zigzag = (uint32_t)hemp_walk_below(walk, offset_end, HEMP_BAD_LEVELS, HEMP_FIELD("offset"));
    tensor->num_levels = (uint32_t)last + 1;
    tensor->uniform_offset = zigzag & 1 ? -(int32_t)(zigzag >> 1) - 1 : (int32_t)(zigzag >> 1);
    tensor->levels_type = tensor->dtype == HEMP_FLOAT64 ? HEMP_FLOAT64 : HEMP_FLOAT32;
    const uint8_t *step = hemp_walk_bytes(walk, hemp_dtype_size(tensor->levels_type), HEMP_FIELD("step"));
    tensor->levels_offset = walk->field_at;
    if (step != NULL && !step_is_good(tensor, step)) {
        hemp_walk_refuse(walk, HEMP_BAD_LEVELS);
    }
}

static void read_quantized(hemp_walk *walk, uint64_t number, const record_form *form, hemp_tensor *tensor) {
    tensor->quantizer = quantizer_of(form) == FORM_UNIFORM ? HEMP_UNIFORM : HEMP_CODEBOOK;
    if (!hemp_dtype_quantizable(tensor->dtype)) {
        hemp_walk_fail(walk, HEMP_BAD_QUANTIZER, form->offset, HEMP_FIELD("form"));
    } else if (quantizer_of(form) == FORM_UNIFORM) {
        read_uniform(walk, tensor);
    } else if ((form->bits & FORM_SHARED) != 0) {
        read_shared(walk, number, tensor);
    } else {
        read_own_codebook(walk, tensor);
    }
}

static void read_extended(hemp_walk *walk, uint64_t number, hemp_tensor *tensor) {
    if (hemp_walk_u8(walk, HEMP_FIELD("parameters")) != 0) {
        hemp_walk_refuse(walk, HEMP_UNSUPPORTED_QUANTIZER);
    }
    tensor->quantizer = HEMP_TIED;
    read_source(walk, number, tensor);
    if (walk->directory != NULL && hemp_walk_goes_on(walk)) {
        const hemp_tensor *source = &walk->directory->tensors[tensor->source];
        if (source->dtype != tensor->dtype || source->elements != tensor->elements || source->quantizer == HEMP_TIED) {
            hemp_walk_refuse(walk, HEMP_BAD_QUANTIZER);
        }
    }
}

static void read_parameters(hemp_walk *walk, uint64_t number, const record_form *form, hemp_tensor *tensor) {
    if (quantizer_of(form) == FORM_LOSSLESS) {
        tensor->quantizer = HEMP_LOSSLESS;
        tensor->num_levels = tensor->dtype == HEMP_BOOL ? 2 : 256;
    } else if (quantizer_of(form) == FORM_EXTENDED) {
        read_extended(walk, number, tensor);
    } else {
        read_quantized(walk, number, form, tensor);
    }
}

static void join_stream(hemp_walk *walk, uint64_t form_offset, unsigned stream_class, hemp_tensor *tensor) {
    const uint64_t number = walk->open_streams[stream_class];
    const uint64_t room = (uint64_t)1 << walk->segment_bits;
    hemp_stream *stream = number == HEMP_NONE ? NULL : &walk->directory->streams[number];
    if (stream == NULL || stream->elements > room || tensor->elements > room - stream->elements) {
        hemp_walk_fail(walk, HEMP_BAD_STREAM, form_offset, HEMP_FIELD("form"));
        return;
    }
    tensor->stream = number;
    tensor->stream_start = stream->elements;
    stream->elements += tensor->elements;
    stream->solid = 1;
}

static void place_stream(hemp_walk *walk, uint64_t number, const record_form *form, hemp_tensor *tensor) {
    const int has_stream = tensor->quantizer != HEMP_TIED && tensor->elements > 0 && tensor->num_levels > 1;
    const int is_joined = (form->bits & FORM_JOINED) != 0;
    const unsigned stream_class = tensor->quantizer == HEMP_LOSSLESS ? tensor->dtype : (unsigned)HEMP_CLASS_QUANTIZED;
    if (has_stream && !is_joined) {
        tensor->stream = walk->open_streams[stream_class] = walk->streams;
        hemp_walk_stream(walk, number, tensor);
    } else if (has_stream && walk->directory != NULL) {
        join_stream(walk, form->offset, stream_class, tensor);
    } else if (!has_stream && is_joined) {
        hemp_walk_fail(walk, HEMP_BAD_FORM, form->offset, HEMP_FIELD("form"));
    }
}

void hemp_walk_tensor(hemp_walk *walk, uint64_t number) {
    hemp_tensor counted;
    record_form form;
    /* A bad record is listed as well: its name goes into the message. */
    hemp_tensor *tensor = walk->directory != NULL ? &walk->directory->tensors[number] : &counted;
    memset(tensor, 0, sizeof *tensor);
    tensor->stream = HEMP_NONE;
    tensor->source = HEMP_NONE;
    walk->tensor = number;
    read_name(walk, tensor);
    read_form(walk, &form, tensor);
    read_dtype(walk, &form, tensor);
    read_dimensions(walk, tensor);
    read_parameters(walk, number, &form, tensor);
    if (hemp_walk_goes_on(walk)) {
        place_stream(walk, number, &form, tensor);
    }
}
