/* The encoder of the plain mode: spec/coders.md, 5.4. */
#include "arithmetic_lanes_encode.h"

/* The bins of several levels, one bit each. */
static uint32_t bins_with_residuals(const arithmetic_residual *residuals, uint32_t bins) {
    uint32_t mask = 0;
    for (uint32_t b = 0; b < bins; b++)
        mask |= (uint32_t)(residuals[b].levels > 1) << b;
    return mask;
}

/* To be expanded for constants. */
static inline void list_run(lanes_records *records, arithmetic_state *state, const hemp_part *part,
                            const lanes_run *run, const uint8_t *bin_of, uint16_t *columns, const uint32_t lanes_bits,
                            const bool has_history, const bool has_residuals) {
    const uint32_t lanes = (uint32_t)1 << lanes_bits, first_bin = state->first_bin;
    const uint32_t with_residuals = bins_with_residuals(state->residuals, state->header.bins);
    lanes_neighbors at;
    arithmetic_model *models[LANES_MOST];
    uint16_t bins[LANES_MOST];
    uint64_t place = run->first;
    hemp_arithmetic_begin_run(state, part, run, columns, &at);
    for (uint64_t i = 0; i < run->rounds; i++) {
        lanes_prepare(state, &at, lanes, has_history, models);
        for (uint32_t k = 0; k < lanes; k++) {
            bins[k] = bin_of[arithmetic_get_index(part, place + k * part->columns)];
            hemp_words_note(records, k, models[k]->cum, first_bin + bins[k]);
        }
        for (uint32_t k = 0; k < lanes; k++)
            arithmetic_learn(models[k], first_bin + bins[k]);
        arithmetic_learn(&state->root, first_bin + bins[0]);
        if (has_residuals && with_residuals > 0) {
            uint32_t mask = 0;
            for (uint32_t k = 0; k < lanes; k++)
                mask |= (with_residuals >> bins[k] & 1) << k;
            for (uint32_t left = mask; left > 0; left &= left - 1) {
                const uint32_t k = arithmetic_high_bit(left & (0 - left));
                hemp_words_note_residual(records, k, state, bins[k],
                                         arithmetic_get_index(part, place + k * part->columns) -
                                             state->header.bin_start[bins[k]]);
            }
            if (lanes > 1 && records->next)
                *records->next++ = mask;
        }
        lanes_observe(state, &at, lanes_bits, has_history, bins);
        place = lanes_next_place(&at, place, lanes);
    }
}

void hemp_lanes_list_part(lanes_records *records, arithmetic_state *state, const hemp_part *part, uint32_t lanes_bits,
                          const uint8_t *bin_of, uint16_t *columns) {
    lanes_run runs[2];
    const size_t count = hemp_arithmetic_runs(part, lanes_bits, runs);
    const bool has_history = state->header.order > 0, has_residuals = state->header.bins < state->header.num_levels;
    for (size_t r = 0; r < count; r++) {
        if (runs[r].lanes_bits == 0)
            list_run(records, state, part, &runs[r], bin_of, columns, 0, true, true);
        else if (has_history)
            list_run(records, state, part, &runs[r], bin_of, columns, LANES_BITS, true, true);
        else if (has_residuals)
            list_run(records, state, part, &runs[r], bin_of, columns, LANES_BITS, false, true);
        else
            list_run(records, state, part, &runs[r], bin_of, columns, LANES_BITS, false, false);
    }
}

void hemp_lanes_begin_encoder(lanes_encoder *encoder, uint8_t *end) {
    for (uint32_t k = 0; k < LANES_MOST; k++)
        encoder->states[k] = (uint64_t)1 << LANES_LOW_BITS;
    encoder->next = end;
}

static const uint32_t *encode_round(lanes_encoder *encoder, const uint32_t *records) {
    for (uint32_t k = LANES_MOST; k-- > 0;)
        hemp_words_put_symbol(&encoder->next, &encoder->states[k], *--records);
    return records;
}

static const uint32_t *encode_lanes(lanes_encoder *encoder, const lanes_residuals *residuals, const lanes_run *run,
                                    const uint32_t *records) {
    lanes_encoder copy = *encoder; /* whose address nobody has */
    uint64_t place = lanes_end_of(residuals, run), j = residuals->part->columns;
    for (uint64_t i = run->rounds; i-- > 0;) {
        place = lanes_place_before(residuals, place, &j);
        if (residuals->any)
            records = lanes_encode_residuals(&copy, residuals, place, records);
        records = encode_round(&copy, records);
    }
    *encoder = copy;
    return records;
}

static const uint32_t *encode_lane(lanes_encoder *encoder, const lanes_residuals *residuals, const lanes_run *run,
                                   const uint32_t *records) {
    for (uint64_t place = run->first + run->rounds; place-- > run->first;) {
        records = lanes_encode_residual(encoder, residuals, 0, place, records);
        hemp_words_put_symbol(&encoder->next, &encoder->states[0], *--records);
    }
    return records;
}

const uint32_t *hemp_lanes_encode_part(lanes_encoder *encoder, const arithmetic_residual *of_bins,
                                       const arithmetic_header *header, const hemp_part *part, uint32_t lanes_bits,
                                       const uint8_t *bin_of, const uint32_t *records) {
    const lanes_residuals residuals = {of_bins, header, part, bin_of, header->bins < header->num_levels};
    lanes_run runs[2];
    for (size_t r = hemp_arithmetic_runs(part, lanes_bits, runs); r-- > 0;) {
        if (runs[r].lanes_bits == 0)
            records = encode_lane(encoder, &residuals, &runs[r], records);
#ifdef HEMP_X86_SIMD
        else if (hemp_cpu_has_avx2())
            records = hemp_lanes_encode_avx2(encoder, &residuals, &runs[r], records);
#endif
        else
            records = encode_lanes(encoder, &residuals, &runs[r], records);
    }
    return records;
}

void hemp_lanes_finish(lanes_encoder *encoder, uint32_t lanes_bits) {
    encoder->next -= (size_t)LANES_STATE_BYTES << lanes_bits;
    for (uint32_t k = 0; k < (uint32_t)1 << lanes_bits; k++) {
        uint8_t *bytes = encoder->next + (size_t)LANES_STATE_BYTES * k;
        hemp_store32(bytes, (uint32_t)encoder->states[k]);
        bytes[4] = (uint8_t)(encoder->states[k] >> 32);
    }
}
