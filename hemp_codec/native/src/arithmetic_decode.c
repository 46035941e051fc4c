/* The decoder of the arithmetic coder: spec/coders.md, section 5. */
#include "arithmetic_decode.h"

#include "arithmetic_header.h"
#include "arithmetic_lanes.h"
#include "parts.h"

/* Where in the caller's memory things lie, and the decoder of the payload's mode. */
typedef struct arithmetic_decoder {
    arithmetic_front front;
    arithmetic_mixer *mixer; /* NULL but in the mixed mode */
    arithmetic_wide *wide;   /* NULL but in the wide mode */
    arithmetic_state *state;
    uint16_t *columns;
    lanes_decoder lanes;
    range_decoder range;
} arithmetic_decoder;

static void fill(const hemp_part *part, uint32_t index) {
    if (part->num_levels <= 256)
        memset(part->indices, (int)index, (size_t)part->size);
    else
        for (uint64_t i = 0; i < part->size; i++)
            arithmetic_put_index(part, i, index);
}

static bool any_takes_part(const hemp_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (arithmetic_takes_part(&parts[i]))
            return true;
    return false;
}

/* Bytes of what a mode has beside the plain one. */
static size_t size_of_mode(uint32_t mode) {
    return mode == ARITHMETIC_MIXED ? sizeof(arithmetic_mixer) : mode == ARITHMETIC_WIDE ? sizeof(arithmetic_wide) : 0;
}

uint64_t hemp_arithmetic_decode_memory(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count) {
    bit_reader reader = {payload, size, 0, false};
    const uint32_t mode = hemp_read_bits(&reader, ARITHMETIC_MODE_BITS);
    const uint64_t column = 2 * sizeof(uint16_t) + (mode == ARITHMETIC_MIXED);
    return size_of_mode(mode) + sizeof(arithmetic_state) + column * hemp_arithmetic_most_columns(parts, count);
}

static bool begin(arithmetic_decoder *decoder, const uint8_t *coded, size_t size, uint8_t *memory) {
    const uint32_t mode = decoder->front.mode;
    decoder->mixer = mode == ARITHMETIC_MIXED ? (arithmetic_mixer *)(void *)memory : NULL;
    decoder->wide = mode == ARITHMETIC_WIDE ? (arithmetic_wide *)(void *)memory : NULL;
    decoder->state = (arithmetic_state *)(void *)(memory + size_of_mode(mode));
    decoder->columns = (uint16_t *)(decoder->state + 1);
    if (!decoder->front.coded)
        return size == 0;
    if (decoder->mixer) {
        hemp_range_begin_decoder(&decoder->range, coded, size);
        return true;
    }
    return hemp_lanes_begin_decoder(&decoder->lanes, coded, size, decoder->front.lanes_bits);
}

static void decode_part(arithmetic_decoder *decoder, const hemp_part *part, bool fresh) {
    if (decoder->state->header.constant) {
        fill(part, decoder->state->header.symbol);
        return;
    }
    if (fresh)
        hemp_arithmetic_begin_models(decoder->state);
    if (decoder->mixer && fresh)
        hemp_arithmetic_begin_mixer(decoder->mixer);
    if (decoder->wide && fresh)
        hemp_wide_begin(decoder->wide, decoder->state->header.bins);
    if (decoder->mixer)
        hemp_mixed_decode_part(&decoder->range, decoder->state, decoder->mixer, part, decoder->columns);
    else if (decoder->wide)
        hemp_wide_decode_part(&decoder->lanes, decoder->state, decoder->wide, part, decoder->columns);
    else
        hemp_lanes_decode_part(&decoder->lanes, decoder->state, part, decoder->columns);
}

static bool ends_well(const arithmetic_decoder *decoder) {
    if (!decoder->front.coded)
        return true;
    return decoder->mixer ? hemp_range_ends_well(&decoder->range) : hemp_lanes_end_well(&decoder->lanes);
}

static hemp_status decode_parts(arithmetic_decoder *decoder, const hemp_part *parts, size_t count) {
    uint32_t levels_before = 0; /* of the part before; 0: there is none */
    for (size_t i = 0; i < count; i++) {
        const hemp_part *part = &parts[i];
        if (!arithmetic_takes_part(part)) {
            hemp_part_clear(part);
            continue;
        }
        const bool fresh = hemp_arithmetic_read_header(&decoder->front.headers, decoder->front.mode, part->num_levels,
                                                       levels_before, &decoder->state->header);
        levels_before = part->num_levels;
        decode_part(decoder, part, fresh);
    }
    return ends_well(decoder) ? HEMP_OK : HEMP_BAD_PAYLOAD;
}

hemp_status hemp_arithmetic_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count,
                                   void *memory, size_t memory_size) {
    if (hemp_parts_check(parts, count) != HEMP_OK)
        return HEMP_BAD_ARGUMENT;
    if (!any_takes_part(parts, count)) {
        for (size_t i = 0; i < count; i++)
            hemp_part_clear(&parts[i]);
        return size == 0 ? HEMP_OK : HEMP_BAD_PAYLOAD;
    }
    if (memory_size < hemp_arithmetic_decode_memory(payload, size, parts, count))
        return HEMP_MEMORY_TOO_SMALL;
    arithmetic_decoder decoder;
    const hemp_status status = hemp_arithmetic_read_front(payload, size, parts, count, &decoder.front);
    if (status != HEMP_OK)
        return status;
    const size_t front = (size_t)decoder.front.size; /* at most `size` */
    if (!begin(&decoder, payload + front, size - front, (uint8_t *)memory))
        return HEMP_BAD_PAYLOAD;
    return decode_parts(&decoder, parts, count);
}
