/* A walk over `front`, from its first byte to its last (spec/format.md, 3 to 7). */
#ifndef HEMP_WALK_H
#define HEMP_WALK_H

#include "dtype.h"
#include "internal.h"

/* Streams are of a class: one for each dtype of lossless tensors, and one for all quantized tensors. */
enum { HEMP_CLASS_QUANTIZED = HEMP_DTYPE_COUNT, HEMP_CLASS_COUNT = HEMP_DTYPE_COUNT + 1 };

typedef struct hemp_walk {
    const uint8_t *front; /* the file's first bytes */
    uint64_t at;          /* next byte */
    uint64_t end;         /* of what is being read: of `front` or of a chunk */
    hemp_place *place;
    uint64_t tensor;           /* number of the record being read, or HEMP_NONE */
    hemp_directory *directory; /* where to list what is found; NULL to count only */
    uint64_t tensor_count;     /* as declared */
    uint64_t streams;          /* found so far */
    uint64_t segments;
    uint64_t body_size; /* of the segments so far; 2^63 stands for that and more */
    uint64_t stream_capacity;
    uint64_t segment_capacity;
    uint64_t open_streams[HEMP_CLASS_COUNT];
    unsigned segment_bits; /* a segment holds at most 2^segment_bits elements */
    uint8_t previous_dtype;
} hemp_walk;

/* Note where the walk failed; gives the status. */
hemp_status hemp_walk_fail(const hemp_walk *walk, hemp_status status, uint64_t offset, const char *field);

/* HEMP_BAD_FRONT unless `size` more bytes are there. */
hemp_status hemp_walk_need(const hemp_walk *walk, uint64_t size, const char *field);
hemp_status hemp_walk_u8(hemp_walk *walk, uint8_t *value, const char *field);
hemp_status hemp_walk_u32(hemp_walk *walk, uint32_t *value, const char *field);
hemp_status hemp_walk_varint(hemp_walk *walk, uint64_t *value, const char *field);

/* Read the fields before the records, one tensor record, one stream record, all chunks. */
hemp_status hemp_walk_begin(hemp_walk *walk);
hemp_status hemp_walk_tensor(hemp_walk *walk, uint64_t number);
hemp_status hemp_walk_stream(hemp_walk *walk, uint64_t number, const hemp_tensor *tensor);
hemp_status hemp_walk_chunks(hemp_walk *walk);

/* What hemp_walk_tensor gives when only counting and the rest of the record depends on an earlier one. */
#define HEMP_WALK_UNKNOWN HEMP_BAD_ARGUMENT

/* Find two tensors of one name: the number of the first that has the name of an earlier one, or HEMP_NONE.  `scratch`
 * has two integers for each tensor. */
uint64_t hemp_find_duplicate_name(const hemp_directory *directory, uint64_t *scratch);

#endif
