/* Coding a run of parts under a given header, or counting what that takes: spec/coders.md, section 5. */
#include "arithmetic_encode.h"

#include "parts.h"

void hemp_arithmetic_begin_encoder(range_encoder *encoder, uint8_t *payload, size_t capacity) {
    memset(encoder, 0, sizeof *encoder);
    encoder->payload = payload;
    encoder->capacity = capacity;
    encoder->range = UINT64_MAX;
}

static void carry(range_encoder *encoder) {
    uint64_t at = encoder->size;
    if (encoder->measures) {
        encoder->nonzero = encoder->size - encoder->ones;
        encoder->ones = 0;
        return;
    }
    while (at > 0 && ++encoder->payload[--at] == 0)
        continue;
}

static void measure_top(range_encoder *encoder, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++) {
        const uint8_t byte = (uint8_t)(encoder->low >> (56 - 8 * i));
        encoder->size++;
        encoder->ones = byte == 255 ? encoder->ones + 1 : 0;
        if (byte != 0)
            encoder->nonzero = encoder->size;
    }
}

static void write_top(range_encoder *encoder, uint32_t bytes) {
    if (encoder->measures) {
        measure_top(encoder, bytes);
        return;
    }
    if (encoder->size + bytes > encoder->capacity) {
        encoder->full = true;
        return;
    }
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

uint32_t hemp_arithmetic_bits_of(uint32_t frequency) {
    const uint32_t exponent = arithmetic_high_bit(frequency);
    const uint32_t x = (frequency << (16 - exponent)) - 65536;
    return ((16 - exponent) << 16) - x - (uint32_t)(((uint64_t)x * (65536 - x) >> 16) * 22544 >> 16);
}

static inline bool counts_cost(const range_encoder *encoder) {
    return !encoder->payload && !encoder->measures;
}

void hemp_arithmetic_encode_uniform(range_encoder *encoder, uint32_t value, uint32_t bits) {
    if (bits == 0)
        return;
    if (counts_cost(encoder)) {
        encoder->cost += (uint64_t)bits << 16;
        return;
    }
    const uint64_t unit = encoder->range >> bits;
    narrow(encoder, unit * value, unit);
}

static inline void encode_symbol(range_encoder *encoder, const arithmetic_model *model, uint32_t symbol,
                                 uint32_t symbols) {
    const uint32_t low = model->cum[symbol];
    const uint32_t frequency = arithmetic_cum(model, symbol + 1, symbols) - low;
    if (counts_cost(encoder)) {
        encoder->cost += hemp_arithmetic_bits_of(frequency);
        return;
    }
    const uint64_t unit = encoder->range >> 16;
    narrow(encoder, unit * low, unit * frequency);
}

void hemp_arithmetic_finish(range_encoder *encoder) {
    for (uint32_t bytes = 0; bytes <= 8; bytes++) {
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
    if (encoder->measures)
        encoder->size = encoder->nonzero;
    while (!encoder->measures && encoder->size > 0 && encoder->payload[encoder->size - 1] == 0)
        encoder->size--;
}

static void encode_bin_sizes(range_encoder *encoder, const arithmetic_header *header) {
    if (header->bins == header->num_levels)
        return;
    for (uint32_t b = 0; b + 1 < header->bins; b++) {
        const uint32_t size = header->bin_start[b + 1] - header->bin_start[b];
        uint32_t bits = 0;
        while (size >> (bits + 1)) {
            hemp_arithmetic_encode_uniform(encoder, 0, 1);
            bits++;
        }
        hemp_arithmetic_encode_uniform(encoder, 1, 1);
        hemp_arithmetic_encode_uniform(encoder, size - ((uint32_t)1 << bits), bits);
    }
}

static void encode_neighborhood(range_encoder *encoder, const arithmetic_header *header) {
    for (int i = 0; i < 4; i++)
        hemp_arithmetic_encode_uniform(encoder, header->weights[i], 6);
    hemp_arithmetic_encode_uniform(encoder, header->shift, 4);
    hemp_arithmetic_encode_uniform(encoder, header->row_rate - 2, 3);
    hemp_arithmetic_encode_uniform(encoder, header->column_rate - 2, 3);
    hemp_arithmetic_encode_uniform(encoder, header->initial, 8);
}

static void encode_header(range_encoder *encoder, const arithmetic_header *header, bool mixed) {
    hemp_arithmetic_encode_uniform(encoder, header->constant, 1);
    if (header->constant) {
        hemp_arithmetic_encode_uniform(encoder, header->symbol, hemp_index_bits(header->num_levels));
        return;
    }
    hemp_arithmetic_encode_uniform(encoder, header->bins - 1, 4);
    encode_bin_sizes(encoder, header);
    hemp_arithmetic_encode_uniform(encoder, header->center, 4);
    if (mixed) {
        encode_neighborhood(encoder, header);
        return;
    }
    hemp_arithmetic_encode_uniform(encoder, header->order, 2);
    hemp_arithmetic_encode_uniform(encoder, header->classes - 1, 4);
    hemp_arithmetic_encode_uniform(encoder, header->prior, 3);
    hemp_arithmetic_encode_uniform(encoder, header->limit, 2);
    if (header->classes == 1)
        return;
    encode_neighborhood(encoder, header);
    for (uint32_t i = 0; i + 1 < header->classes; i++)
        hemp_arithmetic_encode_uniform(encoder, header->thresholds[i], 8);
}

static void encode_residual(range_encoder *encoder, arithmetic_state *state, uint32_t bin, uint32_t rest) {
    const arithmetic_residual residual = state->residuals[bin];
    arithmetic_model *model = &state->residual_models[bin];
    const uint32_t symbol = rest >> residual.raw_bits;
    arithmetic_prepare_root(model, residual.symbols);
    encode_symbol(encoder, model, symbol, residual.symbols);
    arithmetic_learn(model, symbol, residual.symbols, HEMP_ROOT_LIMIT);
    hemp_arithmetic_encode_uniform(encoder, rest & (((uint32_t)1 << residual.raw_bits) - 1), residual.raw_bits);
}

static void encode_indices(range_encoder *encoder, arithmetic_state *state, const hemp_part *part,
                           const uint8_t *bin_of, uint16_t *columns) {
    const arithmetic_header *header = &state->header;
    const uint32_t bins = header->bins, classes = header->classes;
    uint32_t history = state->history_start;
    arithmetic_neighbors neighbors;
    hemp_arithmetic_begin_part(header, part, columns, &neighbors);
    for (uint64_t i = 0; i < part->size; i++) {
        const uint32_t index = arithmetic_get_index(part, i);
        const uint32_t bin = bin_of[index];
        uint32_t context = history * classes;
        if (classes > 1) {
            if (i > 0)
                arithmetic_next_row(header, &neighbors);
            context += state->class_of_cell[arithmetic_cell(header, arithmetic_neighborhood(header, &neighbors))];
        }
        arithmetic_model *model = arithmetic_prepare_context(state, context);
        encode_symbol(encoder, model, bin, bins);
        arithmetic_learn(model, bin, bins, state->context_limit);
        arithmetic_learn(&state->root, bin, bins, HEMP_ROOT_LIMIT);
        if (state->residuals[bin].levels > 1)
            encode_residual(encoder, state, bin, index - header->bin_start[bin]);
        if (classes > 1)
            arithmetic_observe(header, &neighbors, bin);
        if (header->order > 0)
            history = (history * bins + bin) % state->history_modulus;
    }
}

static void encode_decision(range_encoder *encoder, uint32_t probability, uint32_t decision) {
    const uint64_t unit = encoder->range >> 16;
    if (decision)
        narrow(encoder, 0, unit * probability);
    else
        narrow(encoder, unit * probability, unit * (65536 - probability));
}

static void encode_mixed_bin(range_encoder *encoder, arithmetic_mixer *mixer, const arithmetic_header *header,
                             uint32_t bin) {
    if (header->bins == 1)
        return;
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

static void encode_mixed_indices(range_encoder *encoder, arithmetic_state *state, const hemp_part *part,
                                 const arithmetic_scratch *scratch) {
    const arithmetic_header *header = &state->header;
    arithmetic_mixer *mixer = scratch->mixer;
    arithmetic_neighbors neighbors;
    hemp_arithmetic_begin_part(header, part, scratch->columns, &neighbors);
    hemp_arithmetic_begin_mixed_part(mixer, header, part, scratch->bins_above);
    for (uint64_t i = 0; i < part->size; i++) {
        const uint32_t index = arithmetic_get_index(part, i);
        const uint32_t bin = scratch->bin_of[index];
        if (i > 0 && arithmetic_next_row(header, &neighbors))
            hemp_arithmetic_mixer_next_row(mixer);
        hemp_arithmetic_mixer_element(mixer, header, &neighbors);
        encode_mixed_bin(encoder, mixer, header, bin);
        if (state->residuals[bin].levels > 1)
            encode_residual(encoder, state, bin, index - header->bin_start[bin]);
        hemp_arithmetic_mixer_observe(mixer, header, &neighbors, bin);
        arithmetic_observe(header, &neighbors, bin);
    }
}

void hemp_arithmetic_encode_run(range_encoder *encoder, arithmetic_state *state, const hemp_part *parts, size_t count,
                                bool first, const arithmetic_scratch *scratch) {
    const bool mixed = scratch->mixer && !counts_cost(encoder);
    if (!state->header.constant) {
        hemp_arithmetic_begin_models(state);
        hemp_arithmetic_map_bins(&state->header, scratch->bin_of);
        if (mixed)
            hemp_arithmetic_begin_mixer(scratch->mixer);
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0 || !first)
            hemp_arithmetic_encode_uniform(encoder, i > 0, 1);
        if (i == 0)
            encode_header(encoder, &state->header, mixed);
        if (state->header.constant)
            continue;
        if (mixed)
            encode_mixed_indices(encoder, state, &parts[i], scratch);
        else
            encode_indices(encoder, state, &parts[i], scratch->bin_of, scratch->columns);
    }
}

uint64_t hemp_arithmetic_cost(const arithmetic_header *header, const hemp_part *parts, size_t count,
                              const arithmetic_scratch *scratch) {
    range_encoder counter;
    hemp_arithmetic_begin_encoder(&counter, NULL, 0);
    scratch->trial->header = *header;
    hemp_arithmetic_encode_run(&counter, scratch->trial, parts, count, true, scratch);
    return counter.cost;
}

void hemp_arithmetic_map_bins(const arithmetic_header *header, uint8_t *bin_of) {
    for (uint32_t b = 0; b < header->bins; b++)
        memset(bin_of + header->bin_start[b], (int)b, header->bin_start[b + 1] - header->bin_start[b]);
}
