/* The range encoder and the mixed mode: spec/coders.md, 5.6 and 5.7. */
#include "arithmetic_encode.h"
#include "parts.h"

void hemp_range_begin_encoder(range_encoder *encoder, uint8_t *payload) {
    memset(encoder, 0, sizeof *encoder);
    encoder->payload = payload;
    encoder->range = UINT64_MAX;
}

static void carry(range_encoder *encoder) {
    uint64_t at = encoder->size;
    while (at > 0 && ++encoder->payload[--at] == 0)
        continue;
}

static void write_top(range_encoder *encoder, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++)
        encoder->payload[encoder->size++] = (uint8_t)(encoder->low >> (56 - 8 * i));
}

static inline void narrow(range_encoder *encoder, uint64_t offset, uint64_t range) {
    encoder->low += offset;
    if (encoder->low < offset)
        carry(encoder);
    encoder->range = range;
    if (range < (uint64_t)1 << 32) {
        write_top(encoder, 4);
        encoder->low <<= 32;
        encoder->range = range << 32;
    }
}

static void encode_uniform(range_encoder *encoder, uint32_t value, uint32_t bits) {
    if (bits == 0)
        return;
    if (!encoder->payload) {
        encoder->cost += (uint64_t)bits << 16;
        return;
    }
    const uint64_t unit = encoder->range >> bits;
    narrow(encoder, unit * value, unit);
}

static inline void encode_place(range_encoder *encoder, const arithmetic_model *model, uint32_t place) {
    const uint32_t frequency = arithmetic_frequency(model, place);
    if (!encoder->payload) {
        encoder->cost += hemp_arithmetic_bits_of(frequency);
        return;
    }
    const uint64_t unit = encoder->range >> 16;
    narrow(encoder, unit * model->cum[place], unit * frequency);
}

void hemp_range_finish(range_encoder *encoder) {
    for (uint32_t bytes = 0; encoder->payload && bytes <= 8; bytes++) {
        const uint64_t below = bytes == 0 ? UINT64_MAX : ((uint64_t)1 << (64 - 8 * bytes)) - 1;
        const uint64_t to_next = (0 - encoder->low) & (bytes == 8 ? 0 : below);
        if (to_next >= encoder->range)
            continue;
        encoder->low += to_next;
        if (encoder->low < to_next)
            carry(encoder);
        write_top(encoder, bytes);
        break;
    }
    while (encoder->size > 0 && encoder->payload[encoder->size - 1] == 0)
        encoder->size--;
}

static void encode_residual(range_encoder *encoder, arithmetic_state *state, uint32_t bin, uint32_t rest) {
    const arithmetic_residual residual = state->residuals[bin];
    arithmetic_model *model = &state->residual_models[bin];
    const uint32_t place = residual.first + (rest >> residual.raw_bits);
    arithmetic_prepare_root(model, residual.first);
    encode_place(encoder, model, place);
    arithmetic_learn(model, place);
    encode_uniform(encoder, rest & (((uint32_t)1 << residual.raw_bits) - 1), residual.raw_bits);
}

static void encode_decision(range_encoder *encoder, uint32_t probability, uint32_t decision) {
    const uint64_t unit = encoder->range >> 16;
    if (!encoder->payload)
        encoder->cost += hemp_arithmetic_bits_of(decision ? probability : 65536 - probability);
    else if (decision)
        narrow(encoder, 0, unit * probability);
    else
        narrow(encoder, unit * probability, unit * (65536 - probability));
}

static void encode_mixed_bin(range_encoder *encoder, arithmetic_mixer *mixer, const arithmetic_header *header,
                             uint32_t bin) {
    uint32_t node = 0;
    for (uint32_t bits = hemp_index_bits(header->bins) + 1; bits > 0; bits--) {
        const uint32_t decision = node == 0 ? bin == header->center : bin >> (bits - 1) & 1;
        const uint32_t probability = hemp_arithmetic_mixer_predict(mixer, node);
        encode_decision(encoder, probability, decision);
        hemp_arithmetic_mixer_learn(mixer, node, probability, decision);
        if (node == 0 && decision)
            return;
        node = node == 0 ? 1 : 2 * node + decision;
    }
}

void hemp_mixed_encode_part(range_encoder *encoder, arithmetic_state *state, const hemp_part *part,
                            const arithmetic_scratch *scratch) {
    uint16_t *columns = scratch->columns;
    uint8_t *bins_above = (uint8_t *)(columns + 2 * hemp_arithmetic_columns(part));
    const arithmetic_header *header = &state->header;
    arithmetic_mixer *mixer = scratch->mixer;
    const lanes_run whole = {0, part->size, 0};
    lanes_neighbors at;
    uint16_t bins[LANES_MOST] = {0};
    hemp_arithmetic_begin_run(state, part, &whole, columns, &at);
    hemp_arithmetic_begin_mixed_part(mixer, header, part, bins_above);
    for (uint64_t i = 0; i < part->size; i++) {
        const uint32_t index = arithmetic_get_index(part, i);
        const uint32_t bin = scratch->bin_of[index];
        hemp_arithmetic_mixer_element(mixer, header, &at);
        encode_mixed_bin(encoder, mixer, header, bin);
        if (state->residuals[bin].levels > 1)
            encode_residual(encoder, state, bin, index - header->bin_start[bin]);
        hemp_arithmetic_mixer_observe(mixer, header, &at, bin);
        bins[0] = (uint16_t)bin;
        lanes_observe(state, &at, 0, false, bins);
        if (lanes_begin_row(&at))
            hemp_arithmetic_mixer_next_row(mixer);
    }
}
