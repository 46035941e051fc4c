/* The encoder of the plain mode: spec/coders.md, 5.4. */
#include "arithmetic_words_encode.h"

/* To be expanded for constants. */
static inline void list_run(lanes_records *records, arithmetic_state *state, const hemp_part *part,
                            const lanes_run *run, const uint8_t *bin_of, uint16_t *columns, const uint32_t lanes_bits,
                            const bool has_history, const bool has_residuals) {
    const uint32_t lanes = (uint32_t)1 << lanes_bits, first_bin = state->first_bin;
    lanes_neighbors at;
    arithmetic_model *models[LANES_MOST];
    uint16_t bins[LANES_MOST];
    uint64_t place = run->first;
    hemp_arithmetic_begin_run(state, part, run, columns, &at);
    for (uint64_t i = 0; i < run->rounds; i++) {
        lanes_prepare(state, &at, lanes, has_history, models);
        for (uint32_t k = 0; k < lanes; k++) {
            bins[k] = bin_of[arithmetic_get_index(part, place + k * part->columns)];
            hemp_words_note(records, models[k]->cum, first_bin + bins[k]);
        }
        for (uint32_t k = 0; k < lanes; k++)
            arithmetic_learn(models[k], first_bin + bins[k]);
        arithmetic_learn(&state->root, first_bin + bins[0]);
        for (uint32_t k = 0; k < lanes && has_residuals; k++)
            if (state->residuals[bins[k]].levels > 1)
                hemp_words_note_residual(records, state, bins[k],
                                         arithmetic_get_index(part, place + k * part->columns) -
                                             state->header.bin_start[bins[k]]);
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

/* To be expanded for constants. */
static inline const uint32_t *encode_run(lanes_encoder *encoder, const arithmetic_residual *residuals,
                                         const arithmetic_header *header, const hemp_part *part, const lanes_run *run,
                                         const uint8_t *bin_of, const uint32_t *records, const uint32_t lanes_bits) {
    const uint32_t lanes = (uint32_t)1 << lanes_bits;
    const bool has_residuals = header->bins < header->num_levels;
    const uint64_t columns = part->columns, row = lanes > 1 ? columns : run->rounds;
    uint64_t j = row, place = run->first + (run->rounds << lanes_bits) - columns * (lanes - 1);
    uint64_t states[LANES_MOST];
    uint8_t *next = encoder->next;
    memcpy(states, encoder->states, sizeof states);
    for (uint64_t i = run->rounds; i-- > 0; j--) {
        if (j == 0) {
            j = row;
            place -= (lanes - 1) * columns;
        }
        place--;
        for (uint32_t k = has_residuals ? lanes : 0; k-- > 0;) {
            const uint32_t index = arithmetic_get_index(part, place + k * columns), bin = bin_of[index];
            const arithmetic_residual residual = residuals[bin];
            if (residual.levels == 1)
                continue;
            if (residual.raw_bits > 0)
                hemp_words_put_bits(&next, &states[k],
                                    (index - header->bin_start[bin]) & (((uint32_t)1 << residual.raw_bits) - 1),
                                    residual.raw_bits);
            hemp_words_put_symbol(&next, &states[k], *--records);
        }
        for (uint32_t k = lanes; k-- > 0;)
            hemp_words_put_symbol(&next, &states[k], *--records);
    }
    memcpy(encoder->states, states, sizeof states);
    encoder->next = next;
    return records;
}

const uint32_t *hemp_lanes_encode_part(lanes_encoder *encoder, const arithmetic_residual *residuals,
                                       const arithmetic_header *header, const hemp_part *part, uint32_t lanes_bits,
                                       const uint8_t *bin_of, const uint32_t *records) {
    lanes_run runs[2];
    for (size_t r = hemp_arithmetic_runs(part, lanes_bits, runs); r-- > 0;) {
        if (runs[r].lanes_bits == LANES_BITS)
            records = encode_run(encoder, residuals, header, part, &runs[r], bin_of, records, LANES_BITS);
        else
            records = encode_run(encoder, residuals, header, part, &runs[r], bin_of, records, 0);
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
