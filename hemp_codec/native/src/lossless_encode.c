#include <string.h>

#include "hemp_encode.h"
#include "lossless.h"
#include "rans_classes_encode.h"
#include "rans_encode.h"
#include "varint.h"

enum {
    MAX_PLANES = 16,
    WORTH = 64,        /* one part in so many of its element is what coding a symbol must save, */
    HALF_A_BIT = 4,    /* or so many 64ths of a byte, if that is less */
    PIECE = 1 << 12,   /* elements that are looked at together, since what is in a tensor varies */
    PIECES = 2,        /* are looked at, */
    APART = 1 << 18,   /* and one more for so many elements */
    STRETCH = 1 << 20, /* elements of which coding a plane may be worth it: of a segment, mostly */
};

/* Of how many parts of a plane coding must save one.  To decode a symbol takes time, for which its element must get
 * smaller by a 64th, or the symbol by half a bit. */
static uint64_t least_gain(uint8_t dtype) {
    const unsigned size = hemp_dtype_size(dtype);
    return WORTH / (size < HALF_A_BIT ? size : HALF_A_BIT);
}

/* The lanes are a fiftieth of all planes of a float where these are few: with all lanes decoding is quick. */
static hemp_rans_effort effort_for(uint8_t dtype) {
    const hemp_rans_effort effort = {32, least_gain(dtype), 1 << 16, {1 << 13, 0, 64}};
    return effort;
}

/* ------------------------------------------------------------------------------------------- which planes to code */

static int is_worth(uint64_t coded, uint64_t stored, uint8_t dtype) {
    const uint64_t parts = least_gain(dtype);
    return parts * coded < (parts - 1) * stored;
}

/* Add to costs[p] about the bits, times 2^16, that plane p of some elements takes if it is coded by itself. */
static void add_costs(uint64_t *costs, uint8_t dtype, const uint8_t *elements, size_t size) {
    uint8_t room[MAX_PLANES][PIECE];
    uint8_t *planes[MAX_PLANES];
    const unsigned count = hemp_dtype_size(dtype);
    for (unsigned p = 0; p < count; p++) {
        planes[p] = room[p];
    }
    hemp_planes_split(dtype, elements, size, planes);
    for (unsigned p = 0; p < count; p++) {
        hemp_rans_histogram histogram = {{0}};
        hemp_rans_count(&histogram, planes[p], size);
        costs[p] += hemp_rans_sample_cost(&histogram);
    }
}

/* Pieces of the elements of some parts. */
typedef struct sample {
    const hemp_part *parts;
    size_t count;
    uint64_t step;  /* from piece to piece */
    size_t part;    /* where the next piece is looked for, */
    uint64_t begin; /* number of its first element, */
    uint64_t next;  /* and of the first of the piece */
} sample;

static sample sample_of(const hemp_part *parts, size_t count) {
    const uint64_t elements = hemp_lossless_elements(parts, count);
    const uint64_t apart = elements == HEMP_NONE ? 0 : elements / (PIECES + elements / APART);
    const sample pieces = {parts, elements == HEMP_NONE ? 0 : count, apart > PIECE ? apart : PIECE, 0, 0, 0};
    return pieces;
}

/* The next piece: the number of its first element; HEMP_NONE after the last. */
static uint64_t next_piece(sample *pieces, unsigned element_size, const uint8_t **data, size_t *size) {
    for (; pieces->part < pieces->count; pieces->part++) {
        const hemp_part *part = &pieces->parts[pieces->part];
        const uint64_t end = pieces->begin + part->size;
        if (pieces->next < end) {
            const uint64_t at = pieces->next, left = end - at;
            *data = (const uint8_t *)part->indices + (size_t)(at - pieces->begin) * element_size;
            *size = left < PIECE ? (size_t)left : PIECE;
            pieces->next += pieces->step;
            return at;
        }
        pieces->begin = end;
        pieces->next = pieces->step == PIECE ? end : pieces->next;
    }
    return HEMP_NONE;
}

static uint32_t worth_planes(const uint64_t *costs, uint64_t counted, uint8_t dtype) {
    uint32_t planes = 0;
    for (unsigned p = 0; p < hemp_dtype_size(dtype) && counted > 0; p++) {
        planes |= (uint32_t)is_worth(costs[p] >> 19, counted, dtype) << p;
    }
    return planes;
}

uint32_t hemp_lossless_promising(uint8_t dtype, const hemp_part *parts, size_t count) {
    sample pieces = sample_of(parts, count);
    uint64_t costs[MAX_PLANES] = {0}, counted = 0, stretch = 0;
    uint32_t planes = 0;
    const uint8_t *data;
    size_t size;
    for (uint64_t at; (at = next_piece(&pieces, hemp_dtype_size(dtype), &data, &size)) != HEMP_NONE; counted += size) {
        if (at / STRETCH != stretch) {
            planes |= worth_planes(costs, counted, dtype);
            memset(costs, 0, sizeof costs);
            counted = 0;
            stretch = at / STRETCH;
        }
        add_costs(costs, dtype, data, size);
    }
    return planes | worth_planes(costs, counted, dtype);
}

uint64_t hemp_lossless_estimate(uint8_t dtype, const hemp_part *parts, size_t count) {
    sample pieces = sample_of(parts, count);
    uint64_t costs[MAX_PLANES] = {0}, counted = 0, all = 0;
    const uint8_t *data;
    size_t size;
    while (next_piece(&pieces, hemp_dtype_size(dtype), &data, &size) != HEMP_NONE) {
        add_costs(costs, dtype, data, size);
        counted += size;
    }
    for (unsigned p = 0; p < hemp_dtype_size(dtype); p++) {
        all += (costs[p] >> 19) < counted ? costs[p] >> 19 : counted;
    }
    return counted > 0 ? all * hemp_lossless_elements(parts, count) / counted : 0;
}

/* --------------------------------------------------------------------------------------------------------- segment */

/* Parts of one plane, whose indices lie in `room` one behind the other. */
static void lay_out(hemp_part *plane_parts, const hemp_part *parts, size_t count, uint8_t *room) {
    for (size_t i = 0; i < count; i++) {
        plane_parts[i] = parts[i];
        plane_parts[i].indices = room;
        room += parts[i].size;
    }
}

static uint64_t parts_memory(size_t count) {
    return (uint64_t)count * sizeof(hemp_part);
}

uint64_t hemp_lossless_encode_memory(uint8_t dtype, const hemp_part *parts, size_t count) {
    const uint64_t elements = hemp_lossless_elements(parts, count);
    if (elements == HEMP_NONE) {
        return HEMP_NONE;
    }
    return parts_memory(count) + hemp_rans_encode_memory(parts, count) / 8 * 8 + 8 + hemp_dtype_size(dtype) * elements;
}

uint64_t hemp_lossless_encode_bound(uint8_t dtype, const hemp_part *parts, size_t count) {
    const uint64_t elements = hemp_lossless_elements(parts, count);
    if (elements == HEMP_NONE) {
        return HEMP_NONE;
    }
    const unsigned others = hemp_dtype_size(dtype) > 0 ? hemp_dtype_size(dtype) - 1 : 0;
    return others * (elements + HEMP_RANS_RAW_EXTRA + HEMP_VARINT_MAX) + HEMP_VARINT_MAX +
           hemp_rans_encode_bound(parts, count);
}

/* What a segment is made of and where. */
typedef struct segment_task {
    const hemp_part *parts;
    size_t count;
    uint64_t elements;
    uint8_t dtype;
    hemp_part *plane_parts;
    void *scratch;
    size_t scratch_size;
    uint8_t *room; /* for planes before they are coded */
    uint8_t *out;
    size_t payload_bound;
} segment_task;

/* Take the elements apart: planes that are stored go to their place in the segment, others to the room. */
static hemp_status split(const segment_task *task, uint32_t coded) {
    const unsigned size = hemp_dtype_size(task->dtype);
    uint8_t *stored = task->out, *room = task->room;
    uint8_t *at[MAX_PLANES];
    hemp_status status = HEMP_OK;
    for (unsigned p = 0; p < size; p++) {
        uint8_t **next = coded >> p & 1 ? &room : &stored;
        at[p] = *next;
        *next += task->elements;
    }
    for (size_t i = 0; i < task->count && status == HEMP_OK; i++) {
        status = hemp_planes_split(task->dtype, task->parts[i].indices, task->parts[i].size, at);
        for (unsigned p = 0; p < size; p++) {
            at[p] += task->parts[i].size;
        }
    }
    return status;
}

/* Make the segment with these planes coded.  Those that stay too large are removed from *worth. */
static hemp_status make_segment(const segment_task *task, uint32_t coded, uint32_t *worth, size_t *size) {
    const unsigned planes = hemp_dtype_size(task->dtype);
    unsigned left = hemp_lossless_coded(coded, planes);
    size_t at = (size_t)(task->elements * (planes - left));
    uint8_t *room = task->room;
    const hemp_rans_effort effort = effort_for(task->dtype);
    hemp_status status = split(task, coded);
    *worth = coded;
    for (unsigned p = 0; p < planes && status == HEMP_OK; p++) {
        if ((coded >> p & 1) == 0) {
            continue;
        }
        const size_t prefix = --left > 0 ? HEMP_VARINT_MAX : 0;
        size_t payload;
        lay_out(task->plane_parts, task->parts, task->count, room);
        status = hemp_rans_encode_with(&effort, task->plane_parts, task->count, task->out + at + prefix,
                                       task->payload_bound, &payload, task->scratch, task->scratch_size);
        if (status == HEMP_OK && !is_worth(payload, task->elements, task->dtype)) {
            *worth &= ~((uint32_t)1 << p);
        }
        if (prefix > 0) {
            const size_t used = hemp_varint_write(task->out + at, payload);
            memmove(task->out + at + used, task->out + at + prefix, payload);
            at += used;
        }
        at += payload;
        room += task->elements;
    }
    *size = at;
    return status;
}

hemp_status hemp_lossless_encode(uint8_t dtype, const hemp_part *parts, size_t count, uint32_t *coded_planes,
                                 int is_fixed, uint8_t *out, size_t capacity, size_t *size, void *memory,
                                 size_t memory_size) {
    const uint64_t elements = hemp_lossless_elements(parts, count);
    const unsigned planes = hemp_dtype_size(dtype);
    if (elements == HEMP_NONE || planes == 0 || *coded_planes >> planes != 0 || !hemp_lossless_is_bytes(parts, count)) {
        return HEMP_BAD_ARGUMENT;
    }
    if (memory_size < hemp_lossless_encode_memory(dtype, parts, count) ||
        capacity < hemp_lossless_encode_bound(dtype, parts, count)) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    uint8_t *scratch = (uint8_t *)memory + parts_memory(count);
    const size_t scratch_size = (size_t)hemp_rans_encode_memory(parts, count) / 8 * 8 + 8;
    const segment_task task = {parts,
                               count,
                               elements,
                               dtype,
                               (hemp_part *)memory,
                               scratch,
                               scratch_size,
                               scratch + scratch_size,
                               out,
                               (size_t)hemp_rans_encode_bound(parts, count)};
    for (;;) {
        uint32_t worth;
        const hemp_status status = make_segment(&task, *coded_planes, &worth, size);
        if (status != HEMP_OK || is_fixed || worth == *coded_planes) {
            return status;
        }
        *coded_planes = worth;
    }
}
