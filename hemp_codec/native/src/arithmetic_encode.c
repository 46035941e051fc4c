/* The encoder of the arithmetic coder: spec/coders.md, section 5. */
#include "arithmetic_encode.h"

#include "parts.h"

/* One header for the whole run, or one for each part: whichever takes fewer bits. */
static void encode_best(range_encoder *encoder, arithmetic_state *state, const hemp_part *parts, size_t count,
                        bool first, const arithmetic_scratch *scratch) {
    hemp_arithmetic_fit(&state->header, parts, count, scratch);
    if (scratch->mixer) {
        hemp_arithmetic_fit_mixed(&state->header, parts, count, scratch);
    } else if (count > 1) {
        const uint64_t together = hemp_arithmetic_cost(&state->header, parts, count, scratch);
        uint64_t apart = 0;
        for (size_t i = 0; i < count; i++) {
            arithmetic_header header;
            hemp_arithmetic_fit(&header, &parts[i], 1, scratch);
            apart += hemp_arithmetic_cost(&header, &parts[i], 1, scratch);
        }
        if (apart < together) {
            for (size_t i = 0; i < count; i++)
                encode_best(encoder, state, &parts[i], 1, first && i == 0, scratch);
            return;
        }
    }
    hemp_arithmetic_encode_run(encoder, state, parts, count, first, scratch);
}

static size_t align_up(size_t size) {
    return (size + 7) / 8 * 8;
}

static uint64_t elements_of(const hemp_part *parts, size_t count) {
    uint64_t elements = 0;
    for (size_t i = 0; i < count; i++)
        elements += arithmetic_takes_part(&parts[i]) ? parts[i].size : 0;
    return elements;
}

uint64_t hemp_arithmetic_encode_bound(const hemp_part *parts, size_t count) {
    return 64 + 256 * (uint64_t)count +
           5 * elements_of(parts, count); /* a symbol and a residual: 16 bits each, raw 8 */
}

static size_t column_memory(const hemp_part *parts, size_t count) {
    return align_up((size_t)((2 * sizeof(uint16_t) + 1) * hemp_arithmetic_most_columns(parts, count)));
}

uint64_t hemp_arithmetic_encode_memory(const hemp_part *parts, size_t count, int mixed) {
    return 2 * align_up(sizeof(arithmetic_state)) + (mixed ? align_up(sizeof(arithmetic_mixer)) : 0) +
           column_memory(parts, count) + HEMP_MAX_LEVELS * (sizeof(uint32_t) + 1) +
           sizeof(uint32_t) * elements_of(parts, count) + align_up(sizeof(hemp_part) * count);
}

static arithmetic_scratch cut_scratch(uint8_t *memory, const hemp_part *parts, size_t count, int mixed) {
    arithmetic_scratch scratch;
    scratch.trial = (arithmetic_state *)(void *)memory;
    memory += align_up(sizeof(arithmetic_state));
    scratch.mixer = mixed ? (arithmetic_mixer *)(void *)memory : NULL;
    memory += mixed ? align_up(sizeof(arithmetic_mixer)) : 0;
    scratch.columns = (uint16_t *)(void *)memory;
    scratch.bins_above = (uint8_t *)(scratch.columns + 2 * hemp_arithmetic_most_columns(parts, count));
    memory += column_memory(parts, count);
    scratch.histogram = (uint32_t *)(void *)memory;
    memory += HEMP_MAX_LEVELS * sizeof(uint32_t);
    scratch.bin_of = memory;
    memory += HEMP_MAX_LEVELS;
    scratch.sums = (uint32_t *)(void *)memory;
    return scratch;
}

static hemp_status encode_all(range_encoder *encoder, const hemp_part *parts, size_t count, int mixed, void *memory,
                              size_t memory_size) {
    if (hemp_parts_check(parts, count) != HEMP_OK)
        return HEMP_BAD_ARGUMENT;
    if (memory_size < hemp_arithmetic_encode_memory(parts, count, mixed))
        return HEMP_MEMORY_TOO_SMALL;
    hemp_part *taking_part = (hemp_part *)memory;
    size_t taking = 0;
    for (size_t i = 0; i < count; i++) {
        if (hemp_part_check_indices(&parts[i]) != HEMP_OK)
            return HEMP_BAD_INDEX;
        if (arithmetic_takes_part(&parts[i]))
            taking_part[taking++] = parts[i];
    }
    uint8_t *rest = (uint8_t *)memory + align_up(sizeof(hemp_part) * count);
    arithmetic_state *state = (arithmetic_state *)(void *)rest;
    const arithmetic_scratch scratch = cut_scratch(rest + align_up(sizeof(arithmetic_state)), parts, count, mixed);
    if (taking > 0)
        hemp_arithmetic_encode_uniform(encoder, mixed != 0, 1);
    for (size_t begin = 0, end; begin < taking; begin = end) {
        for (end = begin + 1; end < taking && taking_part[end].num_levels == taking_part[begin].num_levels;)
            end++;
        encode_best(encoder, state, &taking_part[begin], end - begin, true, &scratch);
    }
    if (taking > 0)
        hemp_arithmetic_finish(encoder);
    return encoder->full ? HEMP_MEMORY_TOO_SMALL : HEMP_OK;
}

hemp_status hemp_arithmetic_encode(const hemp_part *parts, size_t count, int mixed, uint8_t *payload, size_t capacity,
                                   size_t *size, void *memory, size_t memory_size) {
    range_encoder encoder;
    hemp_arithmetic_begin_encoder(&encoder, payload, capacity);
    const hemp_status status = encode_all(&encoder, parts, count, mixed, memory, memory_size);
    *size = (size_t)encoder.size;
    return status;
}

hemp_status hemp_arithmetic_measure(const hemp_part *parts, size_t count, int mixed, uint64_t *size, void *memory,
                                    size_t memory_size) {
    range_encoder encoder;
    hemp_arithmetic_begin_encoder(&encoder, NULL, 0);
    encoder.measures = true;
    const hemp_status status = encode_all(&encoder, parts, count, mixed, memory, memory_size);
    *size = encoder.size;
    return status;
}
