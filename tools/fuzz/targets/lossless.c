/* Target: a segment of lossless tensors decoded to elements.
 *
 * Input: dtype, coder, coded_planes as u16, number of parts (1 byte each); for each part columns and elements as u16;
 * the segment. */
#include <stdlib.h>

#include "bytes.h"
#include "fuzz.h"

enum { HEAD_SIZE = 5, MAX_PARTS = 4, PART_SIZE = 4, MAX_ELEMENTS = 1 << 11 };

static hemp_part read_part(const uint8_t *bytes, uint8_t dtype) {
    hemp_part part;
    part.num_levels = 256;
    part.columns = hemp_load16(bytes) + 1;
    part.start = 0;
    part.size = hemp_load16(bytes + 2) % MAX_ELEMENTS;
    part.indices = fuzz_take(part.size * hemp_dtype_size(dtype));
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hemp_part parts[MAX_PARTS];
    const size_t count = size >= HEAD_SIZE ? 1 + data[4] % MAX_PARTS : 0;
    if (count == 0 || size < HEAD_SIZE + count * PART_SIZE || hemp_dtype_size(data[0]) == 0) {
        return 0;
    }
    const hemp_lossless what = {data[0], data[1] % 8, hemp_load16(data + 2)};
    for (size_t i = 0; i < count; i++) {
        parts[i] = read_part(data + HEAD_SIZE + i * PART_SIZE, what.dtype);
    }
    const size_t segment_size = size - HEAD_SIZE - count * PART_SIZE;
    uint8_t *segment = (uint8_t *)fuzz_copy(data + HEAD_SIZE + count * PART_SIZE, segment_size);
    const uint64_t need = hemp_lossless_decode_memory(segment, segment_size, &what, parts, count);
    void *memory = fuzz_take(need);
    const hemp_status status = hemp_lossless_decode(segment, segment_size, &what, parts, count, memory, (size_t)need);
    if (need > 0 && status == HEMP_MEMORY_TOO_SMALL) {
        fuzz_fail("hemp_lossless_decode_memory asked for too little");
    }
    free(memory);
    free(segment);
    for (size_t i = 0; i < count; i++) {
        free(parts[i].indices);
    }
    return 0;
}
