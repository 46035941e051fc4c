#include "arithmetic_header.h"

#include "arithmetic_lanes.h"
#include "parts.h"

uint32_t hemp_read_bits(bit_reader *reader, uint32_t bits) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < bits; i++, reader->position++) {
        const uint64_t byte = reader->position >> 3;
        if (byte < reader->size)
            value |= (uint32_t)(reader->bytes[byte] >> (reader->position & 7) & 1) << i;
        else
            reader->failed = true;
    }
    return value;
}

static bool read_bin_sizes(bit_reader *reader, arithmetic_header *header) {
    uint32_t start = 0;
    header->bin_start[0] = 0;
    if (header->bins == header->num_levels)
        for (uint32_t b = 1; b < header->bins; b++)
            header->bin_start[b] = b;
    header->bin_start[header->bins] = header->num_levels;
    if (header->bins == header->num_levels)
        return true;
    for (uint32_t b = 0; b + 1 < header->bins; b++) {
        uint32_t bits = 0;
        while (bits <= 15 && hemp_read_bits(reader, 1) == 0)
            bits++;
        if (bits > 15)
            return false;
        start += ((uint32_t)1 << bits) + hemp_read_bits(reader, bits);
        if (start >= header->num_levels)
            return false;
        header->bin_start[b + 1] = start;
    }
    return true;
}

static bool read_thresholds(bit_reader *reader, arithmetic_header *header) {
    uint32_t before = 0;
    for (uint32_t i = 0; i + 1 < header->classes; i++) {
        header->thresholds[i] = (uint8_t)hemp_read_bits(reader, 8);
        if (header->thresholds[i] <= before)
            return false;
        before = header->thresholds[i];
    }
    return true;
}

static bool read_neighborhood(bit_reader *reader, arithmetic_header *header) {
    uint32_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum += header->weights[i] = hemp_read_bits(reader, 8);
    header->shift = hemp_read_bits(reader, 4);
    header->row_rate = HEMP_MIN_RATE + hemp_read_bits(reader, 3);
    header->column_rate = HEMP_MIN_RATE + hemp_read_bits(reader, 3);
    header->initial = hemp_read_bits(reader, 8);
    return sum <= HEMP_WEIGHTS;
}

static bool read_contexts(bit_reader *reader, arithmetic_header *header) {
    header->order = hemp_read_bits(reader, 2);
    header->classes = hemp_read_bits(reader, 4) + 1;
    header->prior = hemp_read_bits(reader, 3);
    header->limit = hemp_read_bits(reader, 2);
    uint32_t contexts = header->classes;
    for (uint32_t i = 0; i < header->order; i++)
        contexts *= header->bins;
    if (contexts > HEMP_MAX_CONTEXTS)
        return false;
    if (header->classes == 1)
        return true;
    return read_neighborhood(reader, header) && read_thresholds(reader, header);
}

void hemp_arithmetic_set_mixed(arithmetic_header *header) {
    header->classes = HEMP_MAX_CLASSES;
    header->order = 0;
}

static bool read_fields(bit_reader *reader, uint32_t mode, uint32_t num_levels, arithmetic_header *header) {
    memset(header, 0, sizeof *header);
    header->num_levels = num_levels;
    header->constant = hemp_read_bits(reader, 1) == 1;
    if (header->constant) {
        header->symbol = hemp_read_bits(reader, hemp_index_bits(num_levels));
        return header->symbol < num_levels;
    }
    header->bins = hemp_read_bits(reader, 4) + 1;
    if (header->bins < 2 || header->bins > num_levels || !read_bin_sizes(reader, header))
        return false;
    header->center = hemp_read_bits(reader, 4);
    if (header->center >= header->bins)
        return false;
    if (mode == ARITHMETIC_PLAIN)
        return read_contexts(reader, header);
    hemp_arithmetic_set_mixed(header);
    return read_neighborhood(reader, header);
}

bool hemp_arithmetic_read_header(bit_reader *reader, uint32_t mode, uint32_t num_levels, uint32_t levels_before,
                                 arithmetic_header *header) {
    if (levels_before == num_levels && hemp_read_bits(reader, 1) == 1)
        return false;
    if (!read_fields(reader, mode, num_levels, header))
        reader->failed = true;
    return true;
}

hemp_status hemp_arithmetic_read_front(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count,
                                       arithmetic_front *front) {
    bit_reader reader = {payload, size, 0, false};
    arithmetic_header header;
    uint32_t levels_before = 0;
    front->mode = hemp_read_bits(&reader, ARITHMETIC_MODE_BITS);
    if (front->mode > ARITHMETIC_WIDE)
        return HEMP_BAD_PAYLOAD;
    front->lanes_bits =
        front->mode != ARITHMETIC_MIXED ? LANES_BITS * hemp_read_bits(&reader, ARITHMETIC_LANES_BITS) : 0;
    front->headers = reader;
    front->coded = false;
    for (size_t i = 0; i < count && !reader.failed; i++) {
        if (!arithmetic_takes_part(&parts[i]))
            continue;
        hemp_arithmetic_read_header(&reader, front->mode, parts[i].num_levels, levels_before, &header);
        levels_before = parts[i].num_levels;
        front->coded |= !header.constant;
    }
    if (hemp_read_bits(&reader, (uint32_t)(-reader.position & 7)) != 0 || reader.failed)
        return HEMP_BAD_PAYLOAD;
    front->size = reader.position / 8;
    return HEMP_OK;
}
