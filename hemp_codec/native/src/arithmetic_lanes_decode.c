/* The decoder of the plain mode: spec/coders.md, 5.4. */
#include "arithmetic_decode.h"
#include "arithmetic_words.h"

bool hemp_lanes_begin_decoder(lanes_decoder *decoder, const uint8_t *coded, size_t size, uint32_t lanes_bits) {
    const size_t states = (size_t)LANES_STATE_BYTES << lanes_bits;
    if (size < states || (size - states) % 2 != 0)
        return false;
    for (uint32_t k = 0; k < (uint32_t)1 << lanes_bits; k++) {
        const uint8_t *bytes = coded + (size_t)LANES_STATE_BYTES * k;
        decoder->states[k] = hemp_load32(bytes) | (uint64_t)bytes[4] << 32;
        if (decoder->states[k] >> LANES_LOW_BITS == 0)
            return false;
    }
    /* Where there are no words, two bytes of the states stand in for the word that is loaded and not used. */
    decoder->words = size > states ? coded + states : coded;
    decoder->size = size - states;
    decoder->last = size > states ? size - states - 2 : 0;
    decoder->position = 0;
    decoder->lanes_bits = lanes_bits;
    decoder->failed = false;
    return true;
}

bool hemp_lanes_end_well(const lanes_decoder *decoder) {
    bool well = decoder->position == decoder->size && !decoder->failed;
    for (uint32_t k = 0; k < (uint32_t)1 << decoder->lanes_bits; k++)
        well &= decoder->states[k] == (uint64_t)1 << LANES_LOW_BITS;
    return well;
}

/* Where the indices of each lane go: element `place` of the part is place - k * columns in lane k. */
typedef struct lane_outputs {
    uint8_t *bytes[LANES_MOST];
    bool wide; /* two bytes each */
} lane_outputs;

static inline lane_outputs outputs_of(const hemp_part *part, uint32_t lanes) {
    lane_outputs outputs;
    outputs.wide = part->num_levels > 256;
    for (uint32_t k = 0; k < lanes; k++)
        outputs.bytes[k] = (uint8_t *)part->indices + (outputs.wide ? 2 : 1) * k * part->columns;
    return outputs;
}

static inline void put_index(const lane_outputs *outputs, uint32_t lane, uint64_t place, uint32_t index) {
    if (outputs->wide)
        ((uint16_t *)(void *)outputs->bytes[lane])[place] = (uint16_t)index;
    else
        outputs->bytes[lane][place] = (uint8_t)index;
}

/* A round: one bin in each lane.  In steps that each go over all lanes, so that a processor finds the independent work
 * within its window. */
static inline void take_bins(word_source *source, uint64_t *states, arithmetic_state *state, lanes_neighbors *at,
                             uint32_t lanes, bool has_history, uint16_t bins[LANES_MOST]) {
    const uint32_t first_bin = state->first_bin;
    arithmetic_model *models[LANES_MOST];
    uint32_t places[LANES_MOST];
    places[0] = 0; /* for compilers that do not see that there is a lane */
    lanes_prepare(state, at, lanes, has_history, models);
    for (uint32_t k = 0; k < lanes; k++)
        places[k] = hemp_words_find(models[k]->cum, (uint32_t)states[k] & 65535);
    for (uint32_t k = 0; k < lanes; k++)
        states[k] = hemp_words_without(source, states[k], models[k]->cum, places[k]);
    for (uint32_t k = 0; k < lanes; k++)
        arithmetic_learn(models[k], places[k]);
    arithmetic_learn(&state->root, places[0]);
    for (uint32_t k = 0; k < lanes; k++)
        bins[k] = (uint16_t)(places[k] - first_bin);
}

/* To be expanded for constants. */
static inline void decode_run(lanes_decoder *decoder, arithmetic_state *state, const hemp_part *part,
                              const lanes_run *run, uint16_t *columns, const uint32_t lanes_bits,
                              const bool has_history, const bool has_residuals) {
    const uint32_t lanes = (uint32_t)1 << lanes_bits;
    const lane_outputs outputs = outputs_of(part, lanes);
    lanes_neighbors at;
    uint16_t bins[LANES_MOST];
    word_source source = {decoder->words, decoder->last, decoder->position};
    uint64_t place = run->first, states[LANES_MOST];
    bool good = true;
    memcpy(states, decoder->states, sizeof states);
    hemp_arithmetic_begin_run(state, part, run, columns, &at);
    for (uint64_t i = 0; i < run->rounds; i++) {
        take_bins(&source, states, state, &at, lanes, has_history, bins);
        for (uint32_t k = 0; k < lanes; k++) {
            const uint32_t bin = bins[k], levels = has_residuals ? state->residuals[bin].levels : 1;
            const uint32_t rest = levels > 1 ? hemp_words_residual(&source, &states[k], state, bin) : 0;
            const uint32_t start = has_residuals ? state->header.bin_start[bin] : bin;
            good &= rest < levels;
            put_index(&outputs, k, place, start + (rest < levels ? rest : 0));
        }
        lanes_observe(state, &at, lanes_bits, has_history, bins);
        place = lanes_next_place(&at, place, lanes);
    }
    memcpy(decoder->states, states, sizeof states);
    decoder->position = source.position;
    decoder->failed |= !good;
}

void hemp_lanes_decode_part(lanes_decoder *decoder, arithmetic_state *state, const hemp_part *part, uint16_t *columns) {
    lanes_run runs[2];
    const size_t count = hemp_arithmetic_runs(part, decoder->lanes_bits, runs);
    const bool has_history = state->header.order > 0, has_residuals = state->header.bins < state->header.num_levels;
    for (size_t r = 0; r < count; r++) {
        if (!HEMP_MANY_CASES)
            decode_run(decoder, state, part, &runs[r], columns, runs[r].lanes_bits, true, true);
        else if (runs[r].lanes_bits == 0)
            decode_run(decoder, state, part, &runs[r], columns, 0, true, true);
        else if (has_history)
            decode_run(decoder, state, part, &runs[r], columns, LANES_BITS, true, true);
        else if (has_residuals)
            decode_run(decoder, state, part, &runs[r], columns, LANES_BITS, false, true);
        else
            decode_run(decoder, state, part, &runs[r], columns, LANES_BITS, false, false);
    }
}
