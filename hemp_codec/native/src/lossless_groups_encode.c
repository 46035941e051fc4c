/* Which small lossless tensors share a stream. */
#include <string.h>

#include "hemp_encode.h"
#include "rans_classes_encode.h"

enum {
    MAX_PLANES = 16,
    CHUNK = 1 << 10,   /* elements that are taken apart together */
    STREAM_BYTES = 128 /* that one more stream must save: to begin it takes as long as about two thousand symbols */
};

/* The first plane has the exponents, in which tensors differ most. */
static void count_first_plane(hemp_rans_histogram *histogram, uint8_t dtype, const hemp_part *part) {
    const unsigned element_size = hemp_dtype_size(dtype);
    const uint8_t *data = (const uint8_t *)part->indices;
    uint8_t room[MAX_PLANES][CHUNK];
    uint8_t *planes[MAX_PLANES];
    for (unsigned p = 0; p < element_size; p++) {
        planes[p] = room[p];
    }
    memset(histogram, 0, sizeof *histogram);
    for (uint64_t done = 0; done < part->size; done += CHUNK) {
        const uint64_t left = part->size - done;
        const size_t size = left < CHUNK ? (size_t)left : CHUNK;
        hemp_planes_split(dtype, data + (size_t)done * element_size, size, planes);
        hemp_rans_count(histogram, planes[0], size);
    }
}

/* Bits times 2^16. */
static uint64_t plane_cost(const hemp_rans_histogram *histogram, uint64_t elements) {
    const uint64_t coded = hemp_rans_class_cost(histogram), stored = elements << 19;
    return coded < stored ? coded : stored;
}

void hemp_lossless_group(uint8_t dtype, const hemp_part *parts, size_t count, uint8_t *begins) {
    const uint64_t stream_cost = (uint64_t)STREAM_BYTES << 19;
    hemp_rans_histogram group, own;
    uint64_t group_cost = 0, elements = 0;
    for (size_t i = 0; i < count; i++) {
        count_first_plane(&own, dtype, &parts[i]);
        const uint64_t own_cost = plane_cost(&own, parts[i].size);
        begins[i] = i == 0;
        if (i > 0) {
            hemp_rans_add(&group, &own);
            const uint64_t joint_cost = plane_cost(&group, elements + parts[i].size);
            begins[i] = joint_cost > group_cost + own_cost + stream_cost;
            group_cost = joint_cost;
            elements += parts[i].size;
        }
        if (begins[i]) {
            group = own;
            group_cost = own_cost;
            elements = parts[i].size;
        }
    }
}
