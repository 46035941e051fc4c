/* libhemp: the decoding half.
 *
 * Reads the container of spec/format.md and decodes the coders of spec/coders.md.  Nothing here allocates, does I/O or
 * keeps state outside the caller's structs; every size is checked before it is used.  Memory comes from the caller,
 * who asks first how much is needed.
 */
#ifndef HEMP_H
#define HEMP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers and names are those of spec/format.md, section 9, and never change.  From 64 on: misuse by the caller. */
typedef enum hemp_status {
    HEMP_OK = 0,
    HEMP_BAD_SIGNATURE = 1,
    HEMP_BAD_VERSION = 2,
    HEMP_TRUNCATED = 3,
    HEMP_TRAILING_BYTES = 4,
    HEMP_FRONT_CHECKSUM = 5,
    HEMP_SEGMENT_CHECKSUM = 6,
    HEMP_LIMIT_EXCEEDED = 7,
    HEMP_BAD_FRONT = 8,
    HEMP_BAD_VARINT = 9,
    HEMP_BAD_NAME = 10,
    HEMP_DUPLICATE_NAME = 11,
    HEMP_BAD_FORM = 12,
    HEMP_BAD_DTYPE = 13,
    HEMP_UNSUPPORTED_DTYPE = 14,
    HEMP_BAD_SHAPE = 15,
    HEMP_BAD_QUANTIZER = 16,
    HEMP_UNSUPPORTED_QUANTIZER = 17,
    HEMP_BAD_LEVELS = 18,
    HEMP_BAD_STREAM = 19,
    HEMP_BAD_CHUNK = 20,
    HEMP_UNKNOWN_CRITICAL_CHUNK = 21,
    HEMP_BAD_METADATA = 22,
    HEMP_UNSUPPORTED_CODER = 23,
    HEMP_BAD_PAYLOAD = 24,
    HEMP_BAD_INDEX = 25,
    HEMP_MEMORY_TOO_SMALL = 64, /* the caller gave less memory than was asked for */
    HEMP_BAD_ARGUMENT = 65
} hemp_status;

/* The name of a status as in the specification, such as "BAD_SHAPE"; never NULL. */
const char *hemp_status_name(hemp_status status);

enum {
    HEMP_CODER_STORED = 0,
    HEMP_CODER_LZMA = 1,
    HEMP_CODER_ZSTD = 2,
    HEMP_CODER_ARITHMETIC = 3,
    HEMP_CODER_RANS = 4
};

enum { HEMP_LOSSLESS = 0, HEMP_CODEBOOK = 1, HEMP_UNIFORM = 2, HEMP_TIED = 3 };

enum { HEMP_MAX_RANK = 32, HEMP_MAX_LEVELS = 65536, HEMP_FRONT_PREFIX = 19 };

#define HEMP_NONE UINT64_MAX /* where there is no tensor, stream or codebook */

/* Where an error is: byte offset in the file and number of the tensor (HEMP_NONE if it concerns none). */
typedef struct hemp_place {
    uint64_t offset;
    uint64_t tensor;
    const char *field; /* the field's name in spec/format.md */
} hemp_place;

/* One tensor record.  Offsets are from the first byte of the file; `first_segment` counts all segments of the file. */
typedef struct hemp_tensor {
    uint64_t name_offset;
    uint64_t dims_offset; /* of the first of `rank` varints */
    uint64_t elements;
    uint64_t stream;        /* number of the stream, HEMP_NONE if the tensor has none */
    uint64_t stream_start;  /* elements of the stream that stand before this tensor */
    uint64_t source;        /* tied: number of the record tied to.  Shared codebook: number of its owner */
    uint64_t levels_offset; /* codebook: first level.  Uniform: the step */
    int32_t uniform_offset;
    uint32_t num_levels; /* 256 or 2 (bool) for lossless; 0 for tied */
    uint32_t name_size;
    uint8_t rank;
    uint8_t dtype;
    uint8_t quantizer;   /* HEMP_LOSSLESS ... HEMP_TIED */
    uint8_t levels_type; /* dtype number of the stored levels or of the step */
} hemp_tensor;

typedef struct hemp_stream {
    uint64_t first_segment;
    uint64_t segment_count;
    uint64_t elements;     /* of all its tensors */
    uint64_t opener;       /* number of the first of them */
    uint32_t coded_planes; /* bit p: plane p is coded by `coder`, else by `stored` */
    uint8_t coder;         /* 0 to 63, private ones 128 to 191 */
    uint8_t planes;
    uint8_t solid; /* 1: it has more than one tensor */
} hemp_stream;

typedef struct hemp_segment {
    uint64_t offset; /* in the file */
    uint64_t size;
    uint32_t checksum;
} hemp_segment;

/* What the front says.  The arrays lie in the memory that the caller gave to hemp_open. */
typedef struct hemp_directory {
    const uint8_t *front; /* the file's first `body_offset` bytes */
    uint64_t body_offset;
    uint64_t file_size;
    uint64_t segment_elements; /* of every segment but the last of a stream */
    uint64_t chunks_offset;
    hemp_tensor *tensors;
    hemp_stream *streams;
    hemp_segment *segments;
    uint64_t tensor_count;
    uint64_t stream_count;
    uint64_t segment_count;
} hemp_directory;

/* Bytes of the file up to the end of front_checksum, from its first bytes (HEMP_FRONT_PREFIX of them, or the whole file
 * if it is shorter).  Refuses more than `limit` bytes of front. */
hemp_status hemp_front_size(const uint8_t *prefix, size_t prefix_size, uint64_t limit, uint64_t *size,
                            hemp_place *place);

/* Upper bound of the memory that hemp_open needs for this front.  The front is walked once: the bound is exact up to
 * the first record with a shared codebook, and follows from the number of bytes behind it. */
hemp_status hemp_open_memory(const uint8_t *front, size_t front_size, uint64_t *memory_size, hemp_place *place);

/* Check the whole front and list what it says.  `memory` is aligned for uint64_t.  `file_size` is HEMP_NONE if it is
 * not known.  Time: O(front bytes), and O(n log n) for the names.  After an error with a place->tensor, that record is
 * listed as far as it was read: its name, of name_size bytes, may serve for a message. */
hemp_status hemp_open(hemp_directory *directory, const uint8_t *front, size_t front_size, uint64_t file_size,
                      void *memory, size_t memory_size, hemp_place *place);

enum { HEMP_CHUNK_METADATA = 0x81, HEMP_CHUNK_SOURCE = 0x82, HEMP_SOURCE_SIZE = 33 };

/* The dimensions of a tensor: `rank` of them are written to `dims`. */
void hemp_tensor_dims(const hemp_directory *directory, uint64_t tensor, uint64_t *dims);

/* The content of the chunk with this tag, and its size; NULL if there is none. */
const uint8_t *hemp_find_chunk(const hemp_directory *directory, uint8_t tag, uint64_t *size);

/* Sizes and number of planes by dtype number; 0 for unknown numbers. */
uint32_t hemp_dtype_size(uint8_t dtype);
uint32_t hemp_dtype_planes(uint8_t dtype);

uint32_t hemp_crc32(const void *data, size_t size, uint32_t crc); /* continue with the last result; begin with 0 */

/* A part: what a coder is told of one tensor's share of a segment (spec/format.md, 6.4). */
typedef struct hemp_part {
    uint32_t num_levels; /* 1 to 65536 */
    uint64_t columns;    /* product of all dimensions but the first, of rank 2 and more; else the number of elements */
    uint64_t start;      /* number of the part's first element in its tensor */
    uint64_t size;       /* elements in the part */
    void *indices;       /* size indices: uint8_t up to 256 levels, else uint16_t */
} hemp_part;

/* Scratch memory that decoding these parts takes, in bytes. */
uint64_t hemp_arithmetic_decode_memory(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count);
uint64_t hemp_rans_decode_memory(const hemp_part *parts, size_t count);

/* Decode a payload into parts[].indices.  The payload is consumed to its last byte or refused. */
hemp_status hemp_stored_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count);
hemp_status hemp_arithmetic_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count,
                                   void *memory, size_t memory_size);
hemp_status hemp_rans_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count, void *memory,
                             size_t memory_size);

/* Bytes that `stored` takes for these parts; HEMP_NONE on overflow. */
uint64_t hemp_stored_size(const hemp_part *parts, size_t count);

/* Put the planes of a lossless tensor together again: planes[p][i] is plane p of element i; `elements` little-endian
 * elements are written to `out`.  */
hemp_status hemp_planes_join(uint8_t dtype, const uint8_t *const *planes, uint64_t elements, void *out);

/* How a lossless stream is coded. */
typedef struct hemp_lossless {
    uint8_t dtype;         /* any but bool */
    uint8_t coder;         /* HEMP_CODER_STORED, HEMP_CODER_ARITHMETIC or HEMP_CODER_RANS */
    uint32_t coded_planes; /* 0 if the coder is stored */
} hemp_lossless;

/* Decode a whole segment of such a stream, whose checksum is right: parts[].indices receive little-endian elements, and
 * parts[].num_levels are 256.  The memory is aligned for uint64_t; 0 bytes of it mean that decoding gives an error. */
uint64_t hemp_lossless_decode_memory(const uint8_t *data, size_t size, const hemp_lossless *what,
                                     const hemp_part *parts, size_t count);
hemp_status hemp_lossless_decode(const uint8_t *data, size_t size, const hemp_lossless *what, const hemp_part *parts,
                                 size_t count, void *memory, size_t memory_size);

#ifdef __cplusplus
}
#endif
#endif
