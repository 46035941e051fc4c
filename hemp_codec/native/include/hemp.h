/* libhemp: the decoder of .hemp files, containers of neural-network weights.
 *
 *     hemp_file file;
 *     hemp_source source = {model, model_size, NULL, NULL};      the whole file at this address
 *     hemp_place place;
 *
 *     hemp_status status = hemp_open(&file, &source, NULL, memory, memory_size, &place);
 *     uint64_t conv1 = hemp_find_tensor(&file, "conv1.weight", 12);
 *     if (status == HEMP_OK && conv1 != HEMP_NONE) {
 *         status = hemp_decode_tensor(&file, conv1, HEMP_AS_FLOAT32, weights, sizeof weights, scratch, sizeof scratch,
 *                                     &place);
 *     }
 *
 * Nothing here allocates, does input or output, or keeps state outside the caller's structs; of the C library it needs
 * memcpy, memset and memmove.  The file may come from a stranger: every byte is checked before it is relied on, and
 * what is wrong is a status, a place in the file and no value.  The format is that of spec/format.md.
 *
 * Memory comes from the caller, at any address.  How much: call with too little, or none, and the answer is
 * HEMP_MEMORY_TOO_SMALL and a number, or ask beforehand (hemp_tensor_memory, hemp_segment_memory).
 *
 * Threads: a hemp_file is only read once it is open, so any number of threads may decode from it, each into memory of
 * its own.
 *
 * Options, macros defined for every file that includes this one:
 *
 *     HEMP_STATIC      all functions are static: include the implementation in the one file that uses it
 *     HEMP_API         what stands before every function, such as an attribute that exports it
 *     HEMP_NO_STRINGS  leave the names of fields and statuses out: hemp_place.field is NULL, hemp_status_name gives ""
 *     HEMP_SMALL       small code; so too where the compiler optimizes for size (-Os)
 *     HEMP_NO_SIMD     portable code only; on x86-64, vector instructions are otherwise used where the processor has
 * them HEMP_WITH_ZSTD   decode the coder zstd too, by libzstd (1.4 or newer, link with -lzstd) HEMP_WITH_LZMA   decode
 * the coder lzma too, by liblzma (5.2 or newer, link with -llzma)
 */
#ifndef HEMP_H
#define HEMP_H

#include <stddef.h>
#include <stdint.h>

#define HEMP_VERSION "0.1.0"

#if defined(__GNUC__)
#define HEMP_MAYBE_UNUSED __attribute__((unused))
#else
#define HEMP_MAYBE_UNUSED
#endif

#ifndef HEMP_API
#ifdef HEMP_STATIC
#define HEMP_API HEMP_MAYBE_UNUSED static
#else
#define HEMP_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------- statuses */

/* Numbers and names are those of spec/format.md, section 9, and never change.  From 64 on: the fault is not the file's.
 */
typedef enum hemp_status {
    HEMP_OK = 0,
    HEMP_BAD_SIGNATURE = 1, /* not a .hemp file */
    HEMP_BAD_VERSION = 2,   /* of a version that this decoder does not know */
    HEMP_TRUNCATED = 3,     /* the file is shorter than it says */
    HEMP_TRAILING_BYTES = 4,
    HEMP_FRONT_CHECKSUM = 5,   /* damaged: what says what is in the file */
    HEMP_SEGMENT_CHECKSUM = 6, /* damaged: a piece of a tensor */
    HEMP_LIMIT_EXCEEDED = 7,   /* of the format, or of hemp_limits */
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
    HEMP_UNSUPPORTED_CODER = 23, /* not in this build: hemp_place.field is the coder's name, such as "zstd" */
    HEMP_BAD_PAYLOAD = 24,
    HEMP_BAD_INDEX = 25,
    HEMP_MEMORY_TOO_SMALL = 64, /* less memory, or a smaller buffer, than is needed */
    HEMP_BAD_ARGUMENT = 65,     /* a call that makes no sense: hemp_place.field is the argument's name */
    HEMP_READ_FAILED = 66       /* the caller's hemp_source.read said so */
} hemp_status;

/* The name of a status, such as "BAD_SHAPE"; never NULL. */
HEMP_API const char *hemp_status_name(hemp_status status);

#define HEMP_NONE UINT64_MAX /* where there is no tensor, stream, codebook or size */

/* Where an error is.  It is set by a call that fails; functions that take a hemp_place take NULL too. */
typedef struct hemp_place {
    uint64_t offset;   /* of the byte in the file */
    uint64_t tensor;   /* number of the tensor, HEMP_NONE if it concerns none */
    const char *field; /* name of the field in spec/format.md, or see the status */
} hemp_place;

/* -------------------------------------------------------------------------------------------------- opening a file */

/* Where the bytes of a file are: at an address, or got by a function, for a file in flash or one larger than memory. */
typedef struct hemp_source {
    const uint8_t *data; /* NULL: call `read` */
    uint64_t size;       /* of the file in bytes; HEMP_NONE if it is not known, with `read` only */
    /* Put the `size` bytes of the file from `offset` on into `out`; 0 if that was done, anything else if not.  It may
     * be called by several threads if the caller decodes in several. */
    int (*read)(void *context, uint64_t offset, void *out, size_t size);
    void *context; /* for `read` */
} hemp_source;

/* Beyond these a file is refused, HEMP_LIMIT_EXCEEDED.  0 stands for what is safe, and stated here. */
typedef struct hemp_limits {
    uint64_t front; /* bytes of the directory and the metadata: 2^28 */
    /* Bytes of the tensor that one call decodes, and work for which it is counted (spec/format.md, 8.1): 2^24 + 4096 x
     * (bytes of the file).  A coder's state of more than 2^20 bytes may be 4 times as large. */
    uint64_t output;
} hemp_limits;

/* One tensor record.  Offsets are from the first byte of the file. */
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
    uint64_t first_segment; /* counted through the file */
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

/* What the front says.  The arrays lie in the memory that the caller gave. */
typedef struct hemp_directory {
    const uint8_t *front; /* the file's first `body_offset` bytes */
    uint64_t body_offset;
    uint64_t file_size;        /* as it follows from the sizes of all segments */
    uint64_t segment_elements; /* of every segment but the last of a stream */
    uint64_t chunks_offset;
    hemp_tensor *tensors;
    hemp_stream *streams;
    hemp_segment *segments;
    uint64_t tensor_count;
    uint64_t stream_count;
    uint64_t segment_count;
} hemp_directory;

/* An open file.  `directory.tensor_count` is the number of its tensors, which have the numbers from 0 on. */
typedef struct hemp_file {
    hemp_directory directory;
    hemp_source source;
    uint64_t max_output;
    uint64_t memory_needed; /* see hemp_open */
} hemp_file;

/* Open a file: read and check everything but the segments.
 *
 *   file    receives what the file holds.  It and `memory`, and source->data if that is set, are used by all later
 *           calls; there is nothing to close.
 *   limits  NULL for the defaults.
 *   memory  keeps the list of the tensors (about 100 bytes each), streams and segments; with source->read also the
 *           bytes of the front, which hold names and levels.
 *
 * HEMP_MEMORY_TOO_SMALL: file->memory_needed says how many bytes to come with.  A caller without them in advance:
 *
 *     while ((status = hemp_open(&file, &source, NULL, memory, size, &place)) == HEMP_MEMORY_TOO_SMALL) {
 *         memory = realloc(memory, size = (size_t)file.memory_needed);
 *     }
 *
 * which ends after at most two rounds with source->data, and three with source->read, whose first answer is what the
 * front takes.  Time: O(bytes of the front), and O(n log n) for n names. */
HEMP_API hemp_status hemp_open(hemp_file *file, const hemp_source *source, const hemp_limits *limits, void *memory,
                               size_t memory_size, hemp_place *place);

/* ------------------------------------------------------------------------------------------- what is in a file */

enum { HEMP_LOSSLESS = 0, HEMP_CODEBOOK = 1, HEMP_UNIFORM = 2, HEMP_TIED = 3 };

enum {
    HEMP_CODER_STORED = 0,
    HEMP_CODER_LZMA = 1,
    HEMP_CODER_ZSTD = 2,
    HEMP_CODER_ARITHMETIC = 3,
    HEMP_CODER_RANS = 4
};

enum { HEMP_MAX_RANK = 32, HEMP_MAX_LEVELS = 65536, HEMP_FRONT_PREFIX = 19 };

typedef enum hemp_dtype {
    HEMP_BOOL = 0,
    HEMP_UINT8 = 1,
    HEMP_INT8 = 2,
    HEMP_UINT16 = 3,
    HEMP_INT16 = 4,
    HEMP_UINT32 = 5,
    HEMP_INT32 = 6,
    HEMP_UINT64 = 7,
    HEMP_INT64 = 8,
    HEMP_FLOAT16 = 9,
    HEMP_BFLOAT16 = 10,
    HEMP_FLOAT32 = 11,
    HEMP_FLOAT64 = 12,
    HEMP_FLOAT8_E4M3FN = 13,
    HEMP_FLOAT8_E5M2 = 14,
    HEMP_FLOAT8_E4M3FNUZ = 15,
    HEMP_FLOAT8_E5M2FNUZ = 16,
    HEMP_FLOAT8_E8M0FNU = 17,
    HEMP_COMPLEX32 = 18,
    HEMP_COMPLEX64 = 19,
    HEMP_COMPLEX128 = 20,
    HEMP_FLOAT4_E2M1FN_X2 = 21,
    HEMP_DTYPE_COUNT = 22
} hemp_dtype;

/* What the caller wants for each element.  Numbers are in the machine's byte order. */
typedef enum hemp_form {
    HEMP_AS_STORED = 0,  /* the tensor's own dtype, bit for bit */
    HEMP_AS_FLOAT32 = 1, /* these two: tensors of float16, bfloat16, float32, float64; rounded to nearest, ties to */
    HEMP_AS_FLOAT16 = 2, /* even; a NaN keeps its sign and the upper bits of its payload, and is made quiet */
    HEMP_AS_INDICES = 3  /* quantized tensors: uint8_t up to 256 levels, else uint16_t */
} hemp_form;

/* A tensor as one wants to know it.  One that is tied to another has that one's content, so its quantizer is that
 * one's. */
typedef struct hemp_tensor_info {
    const char *name; /* UTF-8, `name_size` bytes, not ended by a zero byte; text from a stranger */
    uint32_t name_size;
    uint32_t rank;
    uint64_t dims[HEMP_MAX_RANK]; /* `rank` of them */
    uint64_t elements;            /* their product */
    uint64_t segments;            /* pieces that can be decoded alone */
    uint64_t segment_elements;    /* elements of each of them but the last; elements are in row-major order */
    uint64_t coded_bytes;         /* of the stream, which in a solid one is that of several tensors */
    uint64_t tied_to;             /* number of the tensor whose elements these are; HEMP_NONE if it has its own */
    uint32_t num_levels;          /* 0 for lossless */
    uint8_t dtype;                /* hemp_dtype */
    uint8_t quantizer;            /* HEMP_LOSSLESS, HEMP_CODEBOOK or HEMP_UNIFORM */
    uint8_t coder;                /* HEMP_CODER_..., HEMP_NO_CODER if there is no stream: no elements, or one level */
    uint8_t solid;                /* 1: to decode it is to decode all tensors of its stream */
} hemp_tensor_info;

enum { HEMP_NO_CODER = 255 };

/* The number of the tensor of this name, of `name_size` bytes; HEMP_NONE if there is none.  O(tensors). */
HEMP_API uint64_t hemp_find_tensor(const hemp_file *file, const char *name, size_t name_size);

/* Everything about a tensor; HEMP_BAD_ARGUMENT if there is none of this number. */
HEMP_API hemp_status hemp_describe_tensor(const hemp_file *file, uint64_t tensor, hemp_tensor_info *info);

/* Bytes of one element in a form; 0 if the tensor cannot be had in it. */
HEMP_API uint32_t hemp_element_size(const hemp_tensor_info *info, hemp_form form);

/* Metadata, pair by pair, sorted by key: begin with a pair of zeros, as in
 *
 *     hemp_pair pair = {0};
 *     while (hemp_next_pair(&file, &pair)) { ... }
 *
 * Texts are UTF-8 from a stranger and not ended by a zero byte. */
typedef struct hemp_pair {
    const char *key;
    const char *value;
    size_t key_size;
    size_t value_size;
    uint64_t position; /* of the next pair; for hemp_next_pair */
} hemp_pair;

HEMP_API int hemp_next_pair(const hemp_file *file, hemp_pair *pair);

/* ---------------------------------------------------------------------------------------------------------- decoding
 */

/* Decode a whole tensor, or a segment of it, number 0 to info.segments - 1, which holds the elements from
 * segment x info.segment_elements on.
 *
 *   form     what to write for each element (hemp_form).
 *   out      aligned for what is written; of at least elements x hemp_element_size bytes, `out_size`.
 *   memory   scratch, free again afterwards.  It holds the segment if the file is read by source->read, the table of
 *            levels in the form asked for, the planes of lossless tensors, the state of the coder, and of a solid
 *            stream the indices of all its other tensors.
 *
 * After an error nothing in `out` is to be relied on.  Time: O(elements of the segments). */
HEMP_API hemp_status hemp_decode_tensor(const hemp_file *file, uint64_t tensor, hemp_form form, void *out,
                                        size_t out_size, void *memory, size_t memory_size, hemp_place *place);
HEMP_API hemp_status hemp_decode_segment(const hemp_file *file, uint64_t tensor, uint64_t segment, hemp_form form,
                                         void *out, size_t out_size, void *memory, size_t memory_size,
                                         hemp_place *place);

/* Bytes of scratch memory that these need.  A few bytes of the file are read.  In a damaged file it may be any number;
 * decoding says what is wrong. */
HEMP_API hemp_status hemp_tensor_memory(const hemp_file *file, uint64_t tensor, hemp_form form, uint64_t *memory_size,
                                        hemp_place *place);
HEMP_API hemp_status hemp_segment_memory(const hemp_file *file, uint64_t tensor, uint64_t segment, hemp_form form,
                                         uint64_t *memory_size, hemp_place *place);

/* Where a tensor goes: `size` bytes at `data`; `data` is NULL for one that is not wanted. */
typedef struct hemp_output {
    void *data;
    size_t size;
} hemp_output;

/* Decode many tensors: `outputs` has one entry for each tensor of the file, in the order of their numbers.  Tensors
 * that share a stream (info.solid) are decoded together, which takes a fraction of the time of decoding one after the
 * other. The scratch memory is that of hemp_tensors_memory, whichever tensors are wanted; tensors that cannot be had in
 * the form are left out of it, and must not be wanted.  Otherwise as hemp_decode_tensor; limits.output holds for the
 * sum. */
HEMP_API hemp_status hemp_decode_tensors(const hemp_file *file, hemp_form form, const hemp_output *outputs,
                                         void *memory, size_t memory_size, hemp_place *place);
HEMP_API hemp_status hemp_tensors_memory(const hemp_file *file, hemp_form form, uint64_t *memory_size,
                                         hemp_place *place);

/* The levels of a quantized tensor, info.num_levels of them: element i of the tensor is levels[indices[i]], whatever
 * the form of the levels, which is not HEMP_AS_INDICES. */
HEMP_API hemp_status hemp_decode_levels(const hemp_file *file, uint64_t tensor, hemp_form form, void *out,
                                        size_t out_size, hemp_place *place);

/* ------------------------------------------------------------------------------------------------ the parts of all
 * this For who does input, memory and threads in another way.  What is above is made of these functions. */

/* Bytes of the file up to the end of front_checksum, from its first bytes (HEMP_FRONT_PREFIX of them, or the whole file
 * if it is shorter).  Refuses more than `limit` bytes of front. */
HEMP_API hemp_status hemp_front_size(const uint8_t *prefix, size_t prefix_size, uint64_t limit, uint64_t *size,
                                     hemp_place *place);

/* Upper bound of the memory that hemp_read_directory needs for this front.  The front is walked once: the bound is
 * exact up to the first record with a shared codebook, and follows from the number of bytes behind it. */
HEMP_API hemp_status hemp_directory_memory(const uint8_t *front, size_t front_size, uint64_t *memory_size,
                                           hemp_place *place);

/* Check the whole front and list what it says.  `memory` is aligned for uint64_t.  `file_size` is HEMP_NONE if it is
 * not known.  Time: O(front bytes), and O(n log n) for the names.  After an error with a place->tensor, that record is
 * listed as far as it was read: its name, of name_size bytes, may serve for a message. */
HEMP_API hemp_status hemp_read_directory(hemp_directory *directory, const uint8_t *front, size_t front_size,
                                         uint64_t file_size, void *memory, size_t memory_size, hemp_place *place);

enum { HEMP_CHUNK_METADATA = 0x81, HEMP_CHUNK_SOURCE = 0x82, HEMP_SOURCE_SIZE = 33 };

/* The dimensions of a tensor: `rank` of them are written to `dims`. */
HEMP_API void hemp_tensor_dims(const hemp_directory *directory, uint64_t tensor, uint64_t *dims);

/* What decoding a payload of so many elements counts for the limit on work (spec/format.md, 8.1). */
HEMP_API uint64_t hemp_payload_work(uint8_t coder, const uint8_t *payload, size_t size, uint64_t elements);

/* The content of the chunk with this tag, and its size; NULL if there is none. */
HEMP_API const uint8_t *hemp_find_chunk(const hemp_directory *directory, uint8_t tag, uint64_t *size);

/* Sizes and number of planes by dtype number; 0 for unknown numbers. */
HEMP_API uint32_t hemp_dtype_size(uint8_t dtype);
HEMP_API uint32_t hemp_dtype_planes(uint8_t dtype);

/* The CRC-32 of zlib and PNG.  Continue with the last result; begin with 0. */
HEMP_API uint32_t hemp_crc32(const void *data, size_t size, uint32_t crc);

/* A part: what a coder is told of one tensor's share of a segment (spec/format.md, 6.4). */
typedef struct hemp_part {
    uint32_t num_levels; /* 1 to 65536 */
    uint64_t columns;    /* product of all dimensions but the first, of rank 2 and more; else the number of elements */
    uint64_t start;      /* number of the part's first element in its tensor */
    uint64_t size;       /* elements in the part */
    void *indices;       /* size indices: uint8_t up to 256 levels, else uint16_t */
} hemp_part;

/* Scratch memory that decoding these parts takes, in bytes; it is aligned for uint64_t.  Of the payload no more than
 * the first HEMP_PAYLOAD_PREFIX bytes are looked at, or all if there are fewer. */
enum { HEMP_PAYLOAD_PREFIX = 24 };
HEMP_API uint64_t hemp_arithmetic_decode_memory(const uint8_t *payload, size_t size, const hemp_part *parts,
                                                size_t count);
HEMP_API uint64_t hemp_rans_decode_memory(const hemp_part *parts, size_t count);

/* Decode a payload into parts[].indices.  The payload is consumed to its last byte or refused. */
HEMP_API hemp_status hemp_stored_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count);
HEMP_API hemp_status hemp_arithmetic_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count,
                                            void *memory, size_t memory_size);
HEMP_API hemp_status hemp_rans_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count,
                                      void *memory, size_t memory_size);

/* Bytes that `stored` takes for these parts; HEMP_NONE on overflow. */
HEMP_API uint64_t hemp_stored_size(const hemp_part *parts, size_t count);

/* Put the planes of a lossless tensor together again: planes[p][i] is plane p of element i; `elements` little-endian
 * elements are written to `out`.  */
HEMP_API hemp_status hemp_planes_join(uint8_t dtype, const uint8_t *const *planes, uint64_t elements, void *out);

/* How a lossless stream is coded. */
typedef struct hemp_lossless {
    uint8_t dtype;         /* any but bool */
    uint8_t coder;         /* HEMP_CODER_STORED, HEMP_CODER_ARITHMETIC or HEMP_CODER_RANS */
    uint32_t coded_planes; /* 0 if the coder is stored */
} hemp_lossless;

/* Decode a whole segment of such a stream, whose checksum is right: parts[].indices receive little-endian elements, and
 * parts[].num_levels are 256.  The memory is aligned for uint64_t; 0 bytes of it mean that decoding gives an error. */
HEMP_API uint64_t hemp_lossless_decode_memory(const uint8_t *data, size_t size, const hemp_lossless *what,
                                              const hemp_part *parts, size_t count);
HEMP_API hemp_status hemp_lossless_decode(const uint8_t *data, size_t size, const hemp_lossless *what,
                                          const hemp_part *parts, size_t count, void *memory, size_t memory_size);

#ifdef __cplusplus
}
#endif
#endif
