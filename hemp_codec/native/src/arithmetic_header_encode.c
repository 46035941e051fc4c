#include "arithmetic_encode.h"
#include "parts.h"

void hemp_write_bits(bit_writer *writer, uint32_t value, uint32_t bits) {
    for (uint32_t i = 0; i < bits; i++, writer->position++) {
        const uint64_t byte = writer->position >> 3;
        const uint32_t place = writer->position & 7;
        if (!writer->bytes)
            continue;
        const uint32_t before = place == 0 ? 0 : writer->bytes[byte];
        writer->bytes[byte] = (uint8_t)(before | (value >> i & 1) << place);
    }
}

static void write_bin_sizes(bit_writer *writer, const arithmetic_header *header) {
    if (header->bins == header->num_levels)
        return;
    for (uint32_t b = 0; b + 1 < header->bins; b++) {
        const uint32_t size = header->bin_start[b + 1] - header->bin_start[b];
        const uint32_t bits = arithmetic_high_bit(size);
        hemp_write_bits(writer, 0, bits);
        hemp_write_bits(writer, 1, 1);
        hemp_write_bits(writer, size - ((uint32_t)1 << bits), bits);
    }
}

static void write_neighborhood(bit_writer *writer, const arithmetic_header *header) {
    for (int i = 0; i < 4; i++)
        hemp_write_bits(writer, header->weights[i], 8);
    hemp_write_bits(writer, header->shift, 4);
    hemp_write_bits(writer, header->row_rate - HEMP_MIN_RATE, 3);
    hemp_write_bits(writer, header->column_rate - HEMP_MIN_RATE, 3);
    hemp_write_bits(writer, header->initial, 8);
}

void hemp_arithmetic_write_header(bit_writer *writer, const arithmetic_header *header, uint32_t mode) {
    hemp_write_bits(writer, header->constant, 1);
    if (header->constant) {
        hemp_write_bits(writer, header->symbol, hemp_index_bits(header->num_levels));
        return;
    }
    hemp_write_bits(writer, header->bins - 1, 4);
    write_bin_sizes(writer, header);
    hemp_write_bits(writer, header->center, 4);
    if (mode != ARITHMETIC_PLAIN) {
        write_neighborhood(writer, header);
        return;
    }
    hemp_write_bits(writer, header->order, 2);
    hemp_write_bits(writer, header->classes - 1, 4);
    hemp_write_bits(writer, header->prior, 3);
    hemp_write_bits(writer, header->limit, 2);
    if (header->classes == 1)
        return;
    write_neighborhood(writer, header);
    for (uint32_t i = 0; i + 1 < header->classes; i++)
        hemp_write_bits(writer, header->thresholds[i], 8);
}
