/* What coding would cost, without doing it. */
#include "arithmetic_encode.h"

/* log2(1 + x) = x + x (1 - x) q(x) for x from 0 to 1, q a polynomial fitted to within 1e-6, its coefficients times
 * 2^28. */
uint32_t hemp_arithmetic_bits_of(uint32_t frequency) {
    static const int64_t COEFFICIENTS[] = {-4155580, 17441569, -35501057, 52870125, -74689515, 118833605};
    const uint32_t exponent = arithmetic_high_bit(frequency);
    const int64_t x = ((int64_t)frequency << (16 - exponent)) - 65536, one = 65536;
    int64_t q = 0;
    for (int i = 0; i < 6; i++)
        q = q * x / one + COEFFICIENTS[i];
    const int64_t bent = (x * (one - x) / one * q) >> 28;
    return ((16 - exponent) << 16) - (uint32_t)(x + bent);
}

uint64_t hemp_arithmetic_cost(const arithmetic_header *header, const hemp_part *parts, size_t count,
                              const arithmetic_scratch *scratch) {
    bit_writer writer = {NULL, 0};
    lanes_records records = {NULL, {0}};
    hemp_arithmetic_write_header(&writer, header, ARITHMETIC_PLAIN);
    if (!header->constant) {
        scratch->trial->header = *header;
        hemp_arithmetic_begin_models(scratch->trial);
        hemp_arithmetic_map_bins(header, scratch->bin_of);
        for (size_t i = 0; i < count; i++)
            hemp_lanes_list_part(&records, scratch->trial, &parts[i], 0, scratch->bin_of, scratch->columns);
    }
    return records.costs[0] + (writer.position << 16);
}

void hemp_arithmetic_map_bins(const arithmetic_header *header, uint8_t *bin_of) {
    for (uint32_t b = 0; b < header->bins; b++)
        memset(bin_of + header->bin_start[b], (int)b, header->bin_start[b + 1] - header->bin_start[b]);
}
