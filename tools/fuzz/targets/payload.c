/* Target: the decoder of one coder, number FUZZ_CODER, on any bytes.
 *
 * Input: 1 byte, of which the number of parts is made; for each part 7 bytes: levels - 1 and columns as u16, start as
 * u8, elements as u16; the payload. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "payloads.h"

enum { MAX_PARTS = 4, PART_SIZE = 7, MAX_ELEMENTS = 1 << 11 };

static hemp_part read_part(const uint8_t *bytes) {
    hemp_part part;
    part.num_levels = hemp_load16(bytes) + 1;
    part.columns = hemp_load16(bytes + 2) + 1;
    part.start = bytes[4];
    part.size = hemp_load16(bytes + 5) % MAX_ELEMENTS;
    part.indices = fuzz_take(part.size * (part.num_levels > 256 ? 2 : 1));
    return part;
}

static void check_part(const hemp_part *part) {
    for (uint64_t i = 0; i < part->size; i++) {
        const uint32_t index =
            part->num_levels > 256 ? ((const uint16_t *)part->indices)[i] : ((const uint8_t *)part->indices)[i];
        if (index >= part->num_levels) {
            fuzz_fail("an index is not below the number of levels");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hemp_part parts[MAX_PARTS];
    const size_t count = size > 0 ? 1 + data[0] % MAX_PARTS : 0;
    if (count == 0 || size < 1 + count * PART_SIZE) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        parts[i] = read_part(data + 1 + i * PART_SIZE);
    }
    const size_t payload_size = size - 1 - count * PART_SIZE;
    uint8_t *payload = (uint8_t *)fuzz_copy(data + 1 + count * PART_SIZE, payload_size);
    const size_t prefix = payload_size < HEMP_PAYLOAD_PREFIX ? payload_size : HEMP_PAYLOAD_PREFIX;
    const uint64_t need = hemp_coder_memory(FUZZ_CODER, payload, prefix, parts, count);
    if (need <= 1 << 28) {
        void *memory = fuzz_take(need);
        const hemp_status status =
            hemp_coder_decode(FUZZ_CODER, payload, payload_size, parts, count, memory, (size_t)need);
        if (status == HEMP_MEMORY_TOO_SMALL) {
            fuzz_fail("hemp_coder_memory asked for too little");
        }
        for (size_t i = 0; i < count && status == HEMP_OK; i++) {
            check_part(&parts[i]);
        }
        free(memory);
    }
    free(payload);
    for (size_t i = 0; i < count; i++) {
        free(parts[i].indices);
    }
    return 0;
}
