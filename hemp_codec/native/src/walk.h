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
    hemp_status overrun;  /* what it is to read on there */
    hemp_place *place;
    uint64_t field_at; /* where the field that was read last begins, and its name */
    const char *field;
    hemp_status status;        /* HEMP_OK until something is wrong; then nothing more is read */
    uint64_t tensor;           /* number of the record being read, or HEMP_NONE */
    hemp_directory *directory; /* where to list what is found; NULL to count only */
    uint64_t tensor_count;     /* as declared */
    uint64_t streams;          /* found so far */
    uint64_t segments;
    uint64_t body_size; /* of the segments so far; 2^63 stands for that and more */
    uint64_t stream_capacity;
    uint64_t segment_capacity;
    unsigned segment_bits; /* a segment holds at most 2^segment_bits elements */
    uint8_t previous_dtype;
    uint64_t open_streams[HEMP_CLASS_COUNT];
} hemp_walk;

/* The walk fails, because of the field that was read last or of another one: what goes wrong first counts. */
void hemp_walk_refuse(hemp_walk *walk, hemp_status status);
void hemp_walk_fail(hemp_walk *walk, hemp_status status, uint64_t offset, const char *field);

/* 1 unless the walk has failed. */
static inline int hemp_walk_goes_on(const hemp_walk *walk) {
    return walk->status == HEMP_OK;
}

/* Read a field and move behind it; NULL or 0 once the walk has failed.  `size` bytes; integers; a varint that is below
 * `end`, or the walk fails with `status`. */
const uint8_t *hemp_walk_bytes(hemp_walk *walk, uint64_t size, const char *field);
uint8_t hemp_walk_u8(hemp_walk *walk, const char *field);
uint64_t hemp_walk_varint(hemp_walk *walk, const char *field);
uint64_t hemp_walk_below(hemp_walk *walk, uint64_t end, hemp_status status, const char *field);

/* Read the fields before the records, one tensor record, one stream record, all chunks. */
void hemp_walk_begin(hemp_walk *walk);
void hemp_walk_tensor(hemp_walk *walk, uint64_t number);
void hemp_walk_stream(hemp_walk *walk, uint64_t number, const hemp_tensor *tensor);
void hemp_walk_chunks(hemp_walk *walk);

/* How the walk fails when it only counts and the rest of a record depends on an earlier one. */
#define HEMP_WALK_UNKNOWN HEMP_BAD_ARGUMENT

/* Find two tensors of one name: the number of the first that has the name of an earlier one, or HEMP_NONE.  `scratch`
 * has two integers for each tensor. */
uint64_t hemp_find_duplicate_name(const hemp_directory *directory, uint64_t *scratch);

#endif
