/* The decoder of the plain mode: spec/coders.md, 5.4. */
#include "arithmetic_decode.h"
#include "arithmetic_lanes.h"
#include "bytes.h"

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

/* The words of a payload, and the number of bytes taken of them, those beyond the end included: then the last word is
 * taken again, and in the end the position tells.  Copied for a run, so that it can stay in registers. */
typedef struct word_source {
    const uint8_t *words;
    uint64_t last;
    uint64_t position;
} word_source;

/* Without a branch: when a state runs low is not to be foreseen. */
static inline uint64_t refill(word_source *source, uint64_t state) {
    const uint64_t word =
        hemp_load16(source->words + (source->position < source->last ? source->position : source->last));
    const uint64_t mask = 0 - (uint64_t)(state < (uint64_t)1 << LANES_LOW_BITS);
    source->position += mask & 2;
    return state ^ ((state ^ (state << 16 | word)) & mask);
}

/* Number of the last of the 16 places that begins at `value` or below. */
static inline uint32_t find(const arithmetic_model *model, uint32_t value) {
    const uint16_t *cum = model->cum;
#ifdef HEMP_SSE2
    const __m128i values = _mm_set1_epi16((short)value), zero = _mm_setzero_si128();
    const __m128i low = _mm_subs_epu16(_mm_loadu_si128((const __m128i *)(const void *)cum), values);
    const __m128i high = _mm_subs_epu16(_mm_loadu_si128((const __m128i *)(const void *)(cum + 8)), values);
    const __m128i reached = _mm_packs_epi16(_mm_cmpeq_epi16(low, zero), _mm_cmpeq_epi16(high, zero));
    return (uint32_t)__builtin_ctz(~(uint32_t)_mm_movemask_epi8(reached)) - 1;
#else
    uint32_t place = cum[8] <= value ? 8 : 0;
    place += cum[place + 4] <= value ? 4 : 0;
    place += cum[place + 2] <= value ? 2 : 0;
    return place + (cum[place + 1] <= value ? 1 : 0);
#endif
}

static inline uint64_t without(word_source *source, uint64_t state, const arithmetic_model *model, uint32_t place) {
    const uint64_t rest = (state & 65535) - model->cum[place];
    return refill(source, arithmetic_frequency(model, place) * (state >> 16) + rest);
}

static inline uint32_t take_place(word_source *source, uint64_t *lane, const arithmetic_model *model) {
    const uint32_t place = find(model, (uint32_t)*lane & 65535);
    *lane = without(source, *lane, model, place);
    return place;
}

static inline uint32_t take_bits(word_source *source, uint64_t *lane, uint32_t bits) {
    const uint64_t state = *lane;
    *lane = refill(source, state >> bits);
    return (uint32_t)state & (((uint32_t)1 << bits) - 1);
}

/* The level's number in its bin; it may be too large in a damaged payload. */
static inline uint32_t take_residual(word_source *source, uint64_t *lane, arithmetic_state *state, uint32_t bin) {
    const arithmetic_residual residual = state->residuals[bin];
    arithmetic_model *model = &state->residual_models[bin];
    arithmetic_prepare_root(model, residual.first);
    const uint32_t place = take_place(source, lane, model);
    arithmetic_learn(model, place);
    const uint32_t symbol = place - residual.first;
    return residual.raw_bits == 0 ? symbol : symbol << residual.raw_bits | take_bits(source, lane, residual.raw_bits);
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
    lanes_prepare(state, at, lanes, has_history, models);
    for (uint32_t k = 0; k < lanes; k++)
        places[k] = find(models[k], (uint32_t)states[k] & 65535);
    for (uint32_t k = 0; k < lanes; k++)
        states[k] = without(source, states[k], models[k], places[k]);
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
            const uint32_t rest = levels > 1 ? take_residual(&source, &states[k], state, bin) : 0;
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
        if (runs[r].lanes_bits == 0)
            decode_run(decoder, state, part, &runs[r], columns, 0, true, true);
        else if (has_history)
            decode_run(decoder, state, part, &runs[r], columns, LANES_BITS, true, true);
        else if (has_residuals)
            decode_run(decoder, state, part, &runs[r], columns, LANES_BITS, false, true);
        else
            decode_run(decoder, state, part, &runs[r], columns, LANES_BITS, false, false);
    }
}
