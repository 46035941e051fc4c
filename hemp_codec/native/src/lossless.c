#include "lossless.h"

#include <string.h>

#include "payloads.h"

enum { MAX_PLANES = 16 };

/* Payloads of a segment, one for each plane. */
typedef struct payloads {
    const uint8_t *data[MAX_PLANES];
    size_t sizes[MAX_PLANES];
} payloads;

static hemp_status find_payloads(payloads *found, const uint8_t *data, size_t size, const hemp_lossless *what,
                                 uint64_t elements) {
    hemp_payloads walk;
    hemp_payload payload;
    hemp_stream stream;
    const hemp_segment segment = {0, size, 0};
    memset(&stream, 0, sizeof stream);
    stream.coder = what->coder;
    stream.coded_planes = what->coded_planes;
    stream.planes = (uint8_t)hemp_dtype_size(what->dtype);
    hemp_payloads_begin(&walk, NULL, &stream, &segment, data, elements);
    for (unsigned p = 0; p < stream.planes; p++) {
        const hemp_status status = hemp_next_payload(&walk, &payload);
        if (status != HEMP_OK) {
            return status;
        }
        found->data[payload.plane] = data + payload.offset;
        found->sizes[payload.plane] = (size_t)payload.size;
    }
    return HEMP_OK;
}

static int is_known(const hemp_lossless *what) {
    const unsigned planes = hemp_dtype_size(what->dtype);
    return planes > 0 && what->coded_planes >> planes == 0 &&
           (what->coded_planes == 0 || what->coder == HEMP_CODER_RANS || what->coder == HEMP_CODER_ARITHMETIC);
}

static uint64_t coder_memory(const payloads *found, const hemp_lossless *what, const hemp_part *parts, size_t count) {
    uint64_t most = 0;
    for (unsigned p = 0; p < hemp_dtype_size(what->dtype); p++) {
        if ((what->coded_planes >> p & 1) != 0) {
            const uint64_t need = what->coder == HEMP_CODER_RANS
                                      ? hemp_rans_decode_memory(parts, count)
                                      : hemp_arithmetic_decode_memory(found->data[p], found->sizes[p], parts, count);
            most = need > most ? need : most;
        }
    }
    return most / 8 * 8 + 8;
}

static uint64_t parts_memory(size_t count) {
    return (uint64_t)count * sizeof(hemp_part);
}

uint64_t hemp_lossless_decode_memory(const uint8_t *data, size_t size, const hemp_lossless *what,
                                     const hemp_part *parts, size_t count) {
    const uint64_t elements = hemp_lossless_elements(parts, count);
    payloads found;
    if (elements == HEMP_NONE || !is_known(what) || find_payloads(&found, data, size, what, elements) != HEMP_OK) {
        return 0;
    }
    return parts_memory(count) + coder_memory(&found, what, parts, count) +
           hemp_lossless_coded(what->coded_planes, hemp_dtype_size(what->dtype)) * elements;
}

/* Decode a plane of all parts into `out`, one part behind the other.  `plane_parts` is room for as many parts. */
static hemp_status decode_plane(const uint8_t *payload, size_t size, uint8_t coder, const hemp_part *parts,
                                size_t count, hemp_part *plane_parts, uint8_t *out, void *memory, size_t memory_size) {
    for (size_t i = 0; i < count; i++) {
        plane_parts[i] = parts[i];
        plane_parts[i].indices = out;
        out += parts[i].size;
    }
    return coder == HEMP_CODER_RANS ? hemp_rans_decode(payload, size, plane_parts, count, memory, memory_size)
                                    : hemp_arithmetic_decode(payload, size, plane_parts, count, memory, memory_size);
}

hemp_status hemp_lossless_decode(const uint8_t *data, size_t size, const hemp_lossless *what, const hemp_part *parts,
                                 size_t count, void *memory, size_t memory_size) {
    const uint64_t elements = hemp_lossless_elements(parts, count);
    const unsigned planes = hemp_dtype_size(what->dtype);
    payloads found;
    if (elements == HEMP_NONE || !is_known(what) || !hemp_lossless_is_bytes(parts, count)) {
        return HEMP_BAD_ARGUMENT;
    }
    hemp_status status = find_payloads(&found, data, size, what, elements);
    if (status != HEMP_OK) {
        return status;
    }
    if (memory_size < hemp_lossless_decode_memory(data, size, what, parts, count)) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    hemp_part *plane_parts = (hemp_part *)memory;
    uint8_t *scratch = (uint8_t *)memory + parts_memory(count);
    const size_t scratch_size = (size_t)coder_memory(&found, what, parts, count);
    uint8_t *room = scratch + scratch_size;
    const uint8_t *at[MAX_PLANES];
    for (unsigned p = 0; p < planes; p++) {
        at[p] = found.data[p];
        if ((what->coded_planes >> p & 1) != 0) {
            status = decode_plane(found.data[p], found.sizes[p], what->coder, parts, count, plane_parts, room, scratch,
                                  scratch_size);
            if (status != HEMP_OK) {
                return status;
            }
            at[p] = room;
            room += elements;
        }
    }
    for (size_t i = 0; i < count && status == HEMP_OK; i++) {
        status = hemp_planes_join(what->dtype, at, parts[i].size, parts[i].indices);
        for (unsigned p = 0; p < planes; p++) {
            at[p] += parts[i].size;
        }
    }
    return status;
}
