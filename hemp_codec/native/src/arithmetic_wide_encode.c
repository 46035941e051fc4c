/* The encoder of the wide mode: spec/coders.md, 5.4 and 5.8. */
#include "arithmetic_wide.h"
#include "arithmetic_words_encode.h"

/* What the rounds of a part work on. */
typedef struct wide_lister {
    lanes_records *records;
    arithmetic_state *state;
    arithmetic_wide *wide;
    const wide_kernels *kernels;
    const hemp_part *part;
    const uint8_t *bin_of;
    wide_wave wave;
    wide_slots slots[2]; /* of the round, and of the next one */
    uint64_t round;
} wide_lister;

static inline void list_round(wide_lister *at, uint32_t lanes, uint32_t active) {
    arithmetic_wide *wide = at->wide;
    const arithmetic_header *header = &at->state->header;
    wide_table tables[WIDE_LANES];
    uint16_t places[WIDE_LANES], bins[WIDE_LANES] = {0};
    uint32_t indices[WIDE_LANES] = {0};
    wide_slot *(*const slots)[WIDE_INPUTS] = at->slots[at->round % 2];
    wide_prepare_root(wide, &at->state->root);
    at->kernels->predict(wide, slots, lanes, tables);
    for (uint32_t k = 0; k < lanes; k++) {
        if (active >> k & 1) {
            indices[k] = arithmetic_get_index(at->part, at->wave.place[k]++);
            bins[k] = at->bin_of[indices[k]];
            places[k] = (uint16_t)(wide->first_bin + bins[k]);
            hemp_words_note(at->records, k, tables[k].cum, places[k]);
        } else {
            places[k] = wide_no_place(&tables[k]);
        }
    }
    wide_go_on(wide, &at->wave, header, lanes, active, bins, slots, at->slots[++at->round % 2]);
    at->kernels->train(wide, slots, lanes, tables, places);
    if (active & 1)
        arithmetic_learn(&at->state->root, places[0]);
    for (uint32_t k = 0; k < lanes; k++)
        if (active >> k & 1)
            wide_learn(wide, at->kernels, slots[k], places[k]);
    for (uint32_t k = 0; k < lanes; k++)
        if ((active >> k & 1) && at->state->residuals[bins[k]].levels > 1)
            hemp_words_note_residual(at->records, k, at->state, bins[k], indices[k] - header->bin_start[bins[k]]);
}

void hemp_wide_list_part(lanes_records *records, arithmetic_state *state, arithmetic_wide *wide, const hemp_part *part,
                         uint32_t lanes_bits, const uint8_t *bin_of, uint16_t *columns) {
    wide_lister at = {.records = records, .state = state, .wide = wide, .part = part, .bin_of = bin_of, .round = 0};
    wide_stretch stretch;
    at.kernels = hemp_wide_kernels();
    hemp_wide_begin_part(wide, &state->header, part, lanes_bits, columns, &at.wave, at.slots[0], &stretch);
    while (hemp_wide_next_stretch(&stretch))
        if (stretch.active == (1 << WIDE_LANES) - 1)
            for (uint64_t i = 0; i < stretch.rounds; i++)
                list_round(&at, WIDE_LANES, (1 << WIDE_LANES) - 1);
        else
            for (uint64_t i = 0; i < stretch.rounds; i++)
                list_round(&at, stretch.lanes, stretch.active);
}

/* The elements of a part, backwards: of each lane the number of the next one in the lane, and in the part. */
typedef struct wide_way_back {
    uint64_t length[WIDE_LANES];
    uint64_t column[WIDE_LANES];
    uint64_t place[WIDE_LANES];
    uint64_t columns;
    uint64_t rounds;
    uint32_t lanes;
} wide_way_back;

static void begin_way_back(wide_way_back *back, const hemp_part *part, uint32_t lanes_bits) {
    back->columns = hemp_arithmetic_columns(part);
    back->lanes = hemp_wide_lanes(part, lanes_bits);
    back->rounds = 0;
    for (uint32_t k = 0; k < back->lanes; k++) {
        const uint64_t length = hemp_wide_length(part, back->lanes, k), before = length - 1;
        back->length[k] = length;
        back->column[k] = before % back->columns;
        back->place[k] = (before / back->columns * back->lanes + k) * back->columns + back->column[k];
        back->rounds = length + k > back->rounds ? length + k : back->rounds;
    }
}

static inline void step_back(wide_way_back *back, uint32_t lane) {
    if (back->column[lane]-- == 0) {
        back->column[lane] = back->columns - 1;
        back->place[lane] -= (back->lanes - 1) * back->columns;
    }
    back->place[lane]--;
}

const uint32_t *hemp_wide_encode_part(lanes_encoder *encoder, const arithmetic_residual *residuals,
                                      const arithmetic_header *header, const hemp_part *part, uint32_t lanes_bits,
                                      const uint8_t *bin_of, const uint32_t *records) {
    const bool has_residuals = header->bins < header->num_levels;
    wide_way_back back;
    begin_way_back(&back, part, lanes_bits);
    for (uint64_t i = back.rounds; i-- > 0;) {
        for (uint32_t k = has_residuals ? back.lanes : 0; k-- > 0;) {
            if (i < k || i - k >= back.length[k])
                continue;
            const uint32_t index = arithmetic_get_index(part, back.place[k]), bin = bin_of[index];
            const uint32_t rest = index - header->bin_start[bin], bits = residuals[bin].raw_bits;
            if (residuals[bin].levels == 1)
                continue;
            if (bits > 0)
                hemp_words_put_bits(&encoder->next, &encoder->states[k], rest & (((uint32_t)1 << bits) - 1), bits);
            hemp_words_put_symbol(&encoder->next, &encoder->states[k], *--records);
        }
        for (uint32_t k = back.lanes; k-- > 0;)
            if (i >= k && i - k < back.length[k]) {
                hemp_words_put_symbol(&encoder->next, &encoder->states[k], *--records);
                step_back(&back, k);
            }
    }
    return records;
}
