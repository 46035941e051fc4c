/* The decoder as a WebAssembly module, one open file to an instance; ../decoder.js is the other half.
 *
 * Functions give a status.  What else they have to say lies in `numbers`: addresses, sizes and offsets, -1 for none.
 * Numbers beyond 2^53 are rounded, which only those of a hostile file are, and they are beyond every limit. */
#include <string.h>

#include "hemp_decoder.h"

#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(name) __attribute__((import_module("source"), import_name(#name)))

IMPORT(read) int source_read(double offset, void *out, size_t size);

enum { FIXED_NUMBERS = 16 };

static hemp_file file;
static hemp_pair pair;
static hemp_place place;
static double numbers[FIXED_NUMBERS + HEMP_MAX_RANK];

static double number(uint64_t value) {
    return value == HEMP_NONE ? -1 : (double)value;
}

static int read_source(void *context, uint64_t offset, void *out, size_t size) {
    (void)context;
    return source_read((double)offset, out, size);
}

EXPORT(numbers) const double *get_numbers(void) {
    return numbers;
}

/* Where the last error is: its byte, its tensor, the name of its field. */
EXPORT(place) const char *get_place(void) {
    numbers[0] = number(place.offset);
    numbers[1] = number(place.tensor);
    return place.field;
}

EXPORT(status_name) const char *get_status_name(hemp_status status) {
    return hemp_status_name(status);
}

EXPORT(front_size) hemp_status get_front_size(const uint8_t *prefix, size_t prefix_size, double limit) {
    uint64_t size = 0;
    const hemp_status status = hemp_front_size(prefix, prefix_size, (uint64_t)limit, &size, &place);
    numbers[0] = number(size);
    return status;
}

/* `size` is -1 if it is not known; a limit of 0 is the default. */
EXPORT(open) hemp_status open_file(double size, double front, double output, void *memory, size_t memory_size) {
    const hemp_source source = {NULL, size < 0 ? HEMP_NONE : (uint64_t)size, read_source, NULL};
    const hemp_limits limits = {(uint64_t)front, (uint64_t)output};
    const hemp_status status = hemp_open(&file, &source, &limits, memory, memory_size, &place);
    numbers[0] = number(file.memory_needed);
    numbers[1] = number(file.directory.tensor_count);
    numbers[2] = number(file.directory.file_size);
    numbers[3] = (double)file.max_output;
    return status;
}

EXPORT(next_pair) int next_pair(void) {
    const int found = hemp_next_pair(&file, &pair);
    numbers[0] = (double)(uintptr_t)pair.key;
    numbers[1] = (double)pair.key_size;
    numbers[2] = (double)(uintptr_t)pair.value;
    numbers[3] = (double)pair.value_size;
    return found;
}

static const hemp_tensor *content(const hemp_tensor_info *info, uint32_t tensor) {
    return &file.directory.tensors[info->tied_to != HEMP_NONE ? info->tied_to : tensor];
}

EXPORT(describe) void describe(uint32_t tensor) {
    hemp_tensor_info info;
    hemp_describe_tensor(&file, tensor, &info);
    const double fixed[FIXED_NUMBERS] = {
        (double)(uintptr_t)info.name,
        info.name_size,
        info.dtype,
        info.quantizer,
        info.coder,
        info.num_levels,
        (double)info.elements,
        (double)info.segments,
        (double)info.segment_elements,
        (double)info.coded_bytes,
        number(info.tied_to),
        number(content(&info, tensor)->stream),
        hemp_element_size(&info, HEMP_AS_STORED),
        hemp_element_size(&info, HEMP_AS_FLOAT32),
        hemp_element_size(&info, HEMP_AS_INDICES),
        info.rank,
    };
    memcpy(numbers, fixed, sizeof fixed);
    for (uint32_t i = 0; i < info.rank; i++) {
        numbers[FIXED_NUMBERS + i] = (double)info.dims[i];
    }
}

/* Offset and size in the file of a segment of a tensor that has a stream. */
EXPORT(locate) void locate(uint32_t tensor, uint32_t segment) {
    hemp_tensor_info info;
    hemp_describe_tensor(&file, tensor, &info);
    const hemp_stream *stream = &file.directory.streams[content(&info, tensor)->stream];
    const hemp_segment *found = &file.directory.segments[stream->first_segment + segment];
    numbers[0] = (double)found->offset;
    numbers[1] = (double)found->size;
}

EXPORT(segment_memory) hemp_status segment_memory(uint32_t tensor, uint32_t segment, hemp_form form) {
    uint64_t size = 0;
    const hemp_status status = hemp_segment_memory(&file, tensor, segment, form, &size, &place);
    numbers[0] = number(size);
    return status;
}

EXPORT(decode_segment)
hemp_status decode_segment(uint32_t tensor, uint32_t segment, hemp_form form, void *out, size_t out_size, void *memory,
                           size_t memory_size) {
    return hemp_decode_segment(&file, tensor, segment, form, out, out_size, memory, memory_size, &place);
}

EXPORT(decode_tensors)
hemp_status decode_tensors(hemp_form form, const hemp_output *outputs, void *memory, size_t memory_size) {
    return hemp_decode_tensors(&file, form, outputs, memory, memory_size, &place);
}

EXPORT(decode_levels) hemp_status decode_levels(uint32_t tensor, hemp_form form, void *out, size_t out_size) {
    return hemp_decode_levels(&file, tensor, form, out, out_size, &place);
}

/* With bulk memory each of these is one instruction. */
void *memcpy(void *to, const void *from, size_t size) {
    return __builtin_memcpy(to, from, size);
}

void *memset(void *to, int byte, size_t size) {
    return __builtin_memset(to, byte, size);
}

void *memmove(void *to, const void *from, size_t size) {
    return __builtin_memmove(to, from, size);
}
