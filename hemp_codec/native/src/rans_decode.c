/* The coder `rans` (spec/coders.md, 6): decoding. */
#include <string.h>

#include "bytes.h"
#include "rans.h"
#include "varint.h"

/* One slot for each value of state mod 4096: symbol in bits 0-7, frequency in 8-19, position in the symbol's range in
 * 20-31, so that a symbol costs one load. */
typedef struct rans_block {
    uint32_t *slots;
    uint32_t states[HEMP_RANS_MAX_LANES];
    unsigned lanes;
    unsigned lane; /* of the next symbol */
    const uint8_t *next;
    const uint8_t *end;
    int constant;
    uint8_t symbol; /* of a constant block */
} rans_block;

uint64_t hemp_rans_decode_memory(const hemp_part *parts, size_t count) {
    (void)parts;
    (void)count;
    return HEMP_RANS_SCALE * sizeof(uint32_t);
}

static hemp_status read_varint(rans_block *block, uint64_t *value) {
    size_t position = 0;
    const hemp_status status = hemp_varint_read(block->next, (size_t)(block->end - block->next), &position, value);
    block->next += position;
    return status == HEMP_TRUNCATED ? HEMP_BAD_PAYLOAD : status;
}

static hemp_status read_frequencies(rans_block *block, uint32_t symbols) {
    uint32_t sum = 0;
    for (uint32_t symbol = 0; symbol < symbols && sum < HEMP_RANS_SCALE; symbol++) {
        uint64_t frequency;
        const hemp_status status = read_varint(block, &frequency);
        if (status != HEMP_OK) {
            return status;
        }
        if (frequency >= HEMP_RANS_SCALE || frequency > HEMP_RANS_SCALE - sum) {
            return HEMP_BAD_PAYLOAD;
        }
        for (uint32_t i = 0; i < frequency; i++) {
            block->slots[sum + i] = symbol | ((uint32_t)frequency << 8) | (i << 20);
        }
        sum += (uint32_t)frequency;
    }
    return sum == HEMP_RANS_SCALE ? HEMP_OK : HEMP_BAD_PAYLOAD;
}

static hemp_status read_constant(rans_block *block, uint32_t symbols) {
    uint64_t symbol;
    const hemp_status status = read_varint(block, &symbol);
    if (status != HEMP_OK) {
        return status;
    }
    if (symbol >= symbols || block->next != block->end) {
        return HEMP_BAD_PAYLOAD;
    }
    block->constant = 1;
    block->symbol = (uint8_t)symbol;
    return HEMP_OK;
}

static hemp_status read_states(rans_block *block) {
    if ((size_t)(block->end - block->next) < (size_t)4 * block->lanes) {
        return HEMP_BAD_PAYLOAD;
    }
    for (unsigned i = 0; i < block->lanes; i++) {
        block->states[i] = hemp_load32(block->next);
        block->next += 4;
        if (block->states[i] < HEMP_RANS_LOW) {
            return HEMP_BAD_PAYLOAD;
        }
    }
    return (block->end - block->next) % 2 == 0 ? HEMP_OK : HEMP_BAD_PAYLOAD;
}

static hemp_status begin_block(rans_block *block, const uint8_t *data, size_t size, uint32_t symbols, uint32_t *slots) {
    memset(block, 0, sizeof *block);
    block->slots = slots;
    block->next = data;
    block->end = data + size;
    if (size == 0) {
        return HEMP_BAD_PAYLOAD;
    }
    const uint8_t mode = *block->next++;
    if (mode == HEMP_RANS_CONSTANT) {
        return read_constant(block, symbols);
    }
    if (mode > HEMP_RANS_MAX_MODE) {
        return HEMP_BAD_PAYLOAD;
    }
    block->lanes = 1u << mode;
    const hemp_status status = read_frequencies(block, symbols);
    return status == HEMP_OK ? read_states(block) : status;
}

static hemp_status end_block(const rans_block *block) {
    if (block->next != block->end) {
        return HEMP_BAD_PAYLOAD;
    }
    for (unsigned i = 0; i < block->lanes; i++) {
        if (block->states[i] != HEMP_RANS_LOW) {
            return HEMP_BAD_PAYLOAD;
        }
    }
    return HEMP_OK;
}

/* Whole rounds of all lanes, as long as each of them surely finds its words; the number of symbols decoded. */
static size_t decode_rounds(rans_block *block, uint8_t *out, size_t size) {
    const uint32_t *slots = block->slots;
    const unsigned lanes = block->lanes;
    const uint8_t *next = block->next;
    uint32_t *states = block->states;
    size_t done = 0;
    while (size - done >= lanes && (size_t)(block->end - next) >= (size_t)2 * lanes) {
        for (unsigned lane = 0; lane < lanes; lane++) {
            uint32_t state = states[lane];
            const uint32_t slot = slots[state & (HEMP_RANS_SCALE - 1)];
            out[done + lane] = (uint8_t)slot;
            state = ((slot >> 8) & 0xFFF) * (state >> HEMP_RANS_SCALE_BITS) + (slot >> 20);
            /* Arithmetic instead of a branch, which would be mispredicted every few symbols. */
            const uint32_t more = state < HEMP_RANS_LOW;
            const uint32_t filled = (state << 16) | hemp_load16(next);
            states[lane] = more ? filled : state;
            next += 2 * more;
        }
        done += lanes;
    }
    block->next = next;
    return done;
}

static hemp_status decode_one(rans_block *block, uint8_t *out) {
    uint32_t state = block->states[block->lane];
    const uint32_t slot = block->slots[state & (HEMP_RANS_SCALE - 1)];
    *out = (uint8_t)slot;
    state = ((slot >> 8) & 0xFFF) * (state >> HEMP_RANS_SCALE_BITS) + (slot >> 20);
    if (state < HEMP_RANS_LOW) {
        if (block->next == block->end) {
            return HEMP_BAD_PAYLOAD;
        }
        state = (state << 16) | hemp_load16(block->next);
        block->next += 2;
    }
    block->states[block->lane] = state;
    block->lane = (block->lane + 1) & (block->lanes - 1);
    return HEMP_OK;
}

static hemp_status decode_symbols(rans_block *block, uint8_t *out, size_t size) {
    if (block->constant) {
        memset(out, block->symbol, size);
        return HEMP_OK;
    }
    size_t done = 0;
    while (done < size) {
        if (block->lane == 0) {
            done += decode_rounds(block, out + done, size - done);
            if (done == size) {
                break;
            }
        }
        const hemp_status status = decode_one(block, out + done);
        if (status != HEMP_OK) {
            return status;
        }
        done++;
    }
    return HEMP_OK;
}

/* The high or low symbols of a part of more than 256 levels. */
static hemp_status decode_wide(rans_block *block, const hemp_part *part, hemp_rans_half half) {
    uint16_t *indices = (uint16_t *)part->indices;
    uint8_t chunk[HEMP_RANS_CHUNK];
    for (size_t done = 0; done < part->size;) {
        const size_t left = (size_t)part->size - done;
        const size_t size = left < sizeof chunk ? left : sizeof chunk;
        const hemp_status status = decode_symbols(block, chunk, size);
        if (status != HEMP_OK) {
            return status;
        }
        for (size_t i = 0; i < size; i++) {
            indices[done + i] =
                (uint16_t)(half == HEMP_RANS_HIGH ? (unsigned)chunk[i] << 8 : (unsigned)(indices[done + i] | chunk[i]));
        }
        done += size;
    }
    return HEMP_OK;
}

/* The high symbols of a part of up to 256 levels, which must all be 0.  Its array serves as scratch. */
static hemp_status decode_zeros(rans_block *block, const hemp_part *part) {
    uint8_t *symbols = (uint8_t *)part->indices;
    const hemp_status status = decode_symbols(block, symbols, (size_t)part->size);
    if (status != HEMP_OK) {
        return status;
    }
    for (size_t i = 0; i < part->size; i++) {
        if (symbols[i] != 0) {
            return HEMP_BAD_INDEX;
        }
    }
    return HEMP_OK;
}

static hemp_status decode_block(const uint8_t *data, size_t size, uint32_t levels, const hemp_part *parts, size_t count,
                                hemp_rans_half half, uint32_t *slots) {
    rans_block block;
    hemp_status status = begin_block(&block, data, size, hemp_rans_symbols(levels, half), slots);
    for (size_t i = 0; i < count && status == HEMP_OK; i++) {
        const hemp_part *part = &parts[i];
        if (part->num_levels == 1 || part->size == 0) {
            continue;
        }
        if (hemp_part_is_wide(part)) {
            status = decode_wide(&block, part, half);
        } else if (half == HEMP_RANS_HIGH) {
            status = decode_zeros(&block, part);
        } else {
            status = decode_symbols(&block, (uint8_t *)part->indices, (size_t)part->size);
        }
    }
    return status == HEMP_OK ? end_block(&block) : status;
}

static hemp_status check_indices(const hemp_part *part) {
    uint32_t largest = 0;
    if (hemp_part_is_wide(part)) {
        const uint16_t *indices = (const uint16_t *)part->indices;
        for (size_t i = 0; i < part->size; i++) {
            largest = indices[i] > largest ? indices[i] : largest;
        }
    } else {
        const uint8_t *indices = (const uint8_t *)part->indices;
        for (size_t i = 0; i < part->size; i++) {
            largest = indices[i] > largest ? indices[i] : largest;
        }
    }
    return largest < part->num_levels ? HEMP_OK : HEMP_BAD_INDEX;
}

static hemp_status decode_two_blocks(const uint8_t *payload, size_t size, uint32_t levels, const hemp_part *parts,
                                     size_t count, uint32_t *slots) {
    size_t position = 0;
    uint64_t high_size;
    const hemp_status found = hemp_varint_read(payload, size, &position, &high_size);
    if (found != HEMP_OK) {
        return found == HEMP_TRUNCATED ? HEMP_BAD_PAYLOAD : found;
    }
    if (high_size > size - position) {
        return HEMP_BAD_PAYLOAD;
    }
    const uint8_t *low = payload + position + (size_t)high_size;
    const hemp_status status =
        decode_block(payload + position, (size_t)high_size, levels, parts, count, HEMP_RANS_HIGH, slots);
    if (status != HEMP_OK) {
        return status;
    }
    return decode_block(low, size - position - (size_t)high_size, levels, parts, count, HEMP_RANS_LOW_BYTE, slots);
}

hemp_status hemp_rans_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count, void *memory,
                             size_t memory_size) {
    hemp_status status = hemp_parts_check(parts, count);
    if (status != HEMP_OK) {
        return status;
    }
    if (memory_size < hemp_rans_decode_memory(parts, count)) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    for (size_t i = 0; i < count; i++) {
        if (parts[i].num_levels == 1) {
            hemp_part_clear(&parts[i]);
        }
    }
    const uint32_t levels = hemp_rans_levels(parts, count);
    if (levels == 1) {
        return size == 0 ? HEMP_OK : HEMP_BAD_PAYLOAD;
    }
    uint32_t *slots = (uint32_t *)memory;
    status = levels > 256 ? decode_two_blocks(payload, size, levels, parts, count, slots)
                          : decode_block(payload, size, levels, parts, count, HEMP_RANS_WHOLE, slots);
    for (size_t i = 0; i < count && status == HEMP_OK; i++) {
        status = check_indices(&parts[i]);
    }
    return status;
}
