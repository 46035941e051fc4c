/* The decoder of the wide mode: spec/coders.md, 5.8. */
#include "arithmetic_wide.h"
#include "arithmetic_words.h"

/* What the rounds of a part work on, apart from what changes with every element: that stays in local variables, which
 * the compiler knows not to be changed by what is written to the indices. */
typedef struct wide_decoder {
    arithmetic_state *state;
    arithmetic_wide *wide;
    const wide_kernels *kernels;
    const hemp_part *part;
    wide_wave wave;
    wide_slots slots[2]; /* of the round, and of the next one */
    uint64_t round;
    word_source source;
    uint64_t states[WIDE_LANES];
    bool good;
} wide_decoder;

/* The index of an element whose bin is known; one that is too large in a damaged payload makes `good` false. */
static inline uint32_t take_index(word_source *source, uint64_t *lane, arithmetic_state *state, uint32_t bin,
                                  bool *good) {
    const uint32_t start = state->header.bin_start[bin], levels = state->residuals[bin].levels;
    if (levels == 1)
        return start;
    const uint32_t rest = hemp_words_residual(source, lane, state, bin);
    *good &= rest < levels;
    return start + (rest < levels ? rest : 0);
}

/* To be expanded for constants. */
static inline void decode_rounds(wide_decoder *at, uint64_t rounds, const uint32_t lanes, const uint32_t active,
                                 const bool has_residuals) {
    arithmetic_state *state = at->state;
    arithmetic_wide *wide = at->wide;
    const wide_kernels *kernels = at->kernels;
    const hemp_part part = *at->part;
    const uint32_t first_bin = wide->first_bin;
    wide_wave wave = at->wave;
    word_source source = at->source;
    uint64_t states[WIDE_LANES];
    uint16_t places[WIDE_LANES], bins[WIDE_LANES] = {0};
    wide_table tables[WIDE_LANES];
    bool good = true;
    memcpy(states, at->states, sizeof states);
    for (uint64_t i = 0; i < rounds; i++) {
        wide_slot *(*const slots)[WIDE_INPUTS] = at->slots[(at->round + i) % 2];
        wide_prepare_root(wide, &state->root);
        kernels->predict(wide, slots, lanes, tables);
        for (uint32_t k = 0; k < lanes; k++)
            if (active >> k & 1)
                places[k] = (uint16_t)hemp_words_place(&source, &states[k], tables[k].cum);
            else
                places[k] = wide_no_place(&tables[k]);
        for (uint32_t k = 0; k < lanes; k++)
            if (active >> k & 1)
                bins[k] = (uint16_t)(places[k] - first_bin);
        for (uint32_t k = 0; k < lanes; k++)
            if (active >> k & 1)
                arithmetic_put_index(&part, wave.place[k]++,
                                     has_residuals ? take_index(&source, &states[k], state, bins[k], &good) : bins[k]);
        wide_go_on(wide, &wave, &state->header, lanes, active, bins, slots, at->slots[(at->round + i + 1) % 2]);
        kernels->train(wide, slots, lanes, tables, places);
        if (active & 1)
            arithmetic_learn(&state->root, places[0]);
        for (uint32_t k = 0; k < lanes; k++)
            if (active >> k & 1)
                wide_learn(wide, kernels, slots[k], places[k]);
    }
    memcpy(at->states, states, sizeof states);
    at->wave = wave;
    at->source = source;
    at->good &= good;
    at->round += rounds;
}

static void decode_stretch(wide_decoder *at, const wide_stretch *stretch) {
    const bool has_residuals = !HEMP_MANY_CASES || at->state->header.bins < at->state->header.num_levels;
    const uint32_t all = (1 << WIDE_LANES) - 1;
    if (stretch->active != all || !HEMP_MANY_CASES)
        decode_rounds(at, stretch->rounds, stretch->lanes, stretch->active, has_residuals);
    else if (has_residuals)
        decode_rounds(at, stretch->rounds, WIDE_LANES, all, true);
    else
        decode_rounds(at, stretch->rounds, WIDE_LANES, all, false);
}

void hemp_wide_decode_part(lanes_decoder *decoder, arithmetic_state *state, arithmetic_wide *wide,
                           const hemp_part *part, uint16_t *columns) {
    const word_source source = {decoder->words, decoder->last, decoder->position};
    wide_decoder at;
    wide_stretch stretch;
    at.state = state;
    at.wide = wide;
    at.kernels = hemp_wide_kernels();
    at.part = part;
    at.source = source;
    at.good = true;
    at.round = 0;
    memcpy(at.states, decoder->states, sizeof at.states);
    hemp_wide_begin_part(wide, &state->header, part, decoder->lanes_bits, columns, &at.wave, at.slots[0], &stretch);
    while (hemp_wide_next_stretch(&stretch))
        decode_stretch(&at, &stretch);
    memcpy(decoder->states, at.states, sizeof at.states);
    decoder->position = at.source.position;
    decoder->failed |= !at.good;
}
