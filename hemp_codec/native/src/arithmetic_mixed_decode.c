/* The range decoder and the mixed mode: spec/coders.md, 5.6 and 5.7. */
#include "arithmetic_decode.h"
#include "parts.h"

static uint32_t next_word(range_decoder *decoder) {
    const uint64_t at = decoder->position;
    uint32_t word = 0;
    decoder->position = at + 4;
    if (at + 4 <= decoder->size) {
        const uint8_t *bytes = decoder->payload + at;
        return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    }
    for (uint64_t i = at; i < at + 4; i++)
        word = word << 8 | (i < decoder->size ? decoder->payload[i] : 0);
    return word;
}

void hemp_range_begin_decoder(range_decoder *decoder, const uint8_t *coded, size_t size) {
    decoder->payload = coded;
    decoder->size = size;
    decoder->position = 0;
    decoder->code = (uint64_t)next_word(decoder) << 32;
    decoder->code |= next_word(decoder);
    decoder->window = decoder->code;
    decoder->range = UINT64_MAX;
    decoder->failed = false;
}

static inline void normalize(range_decoder *decoder) {
    if (decoder->range < (uint64_t)1 << 32) {
        const uint32_t word = next_word(decoder);
        decoder->code = decoder->code << 32 | word;
        decoder->window = decoder->window << 32 | word;
        decoder->range <<= 32;
    }
}

static uint32_t decode_uniform(range_decoder *decoder, uint32_t bits) {
    if (bits == 0)
        return 0;
    const uint64_t unit = decoder->range >> bits;
    uint64_t value = decoder->code / unit;
    if (value >> bits) {
        decoder->failed = true;
        value = 0;
    }
    decoder->code -= unit * value;
    decoder->range = unit;
    normalize(decoder);
    return (uint32_t)value;
}

/* A place of a model. */
static inline uint32_t decode_place(range_decoder *decoder, const arithmetic_model *model) {
    const uint64_t unit = decoder->range >> 16;
    const uint64_t quotient = decoder->code / unit;
    const uint32_t value = quotient < 65536 ? (uint32_t)quotient : 65535;
    decoder->failed |= quotient > 65535;
    uint32_t place = HEMP_MAX_BINS - 1;
    while (model->cum[place] > value)
        place--;
    decoder->code -= unit * model->cum[place];
    decoder->range = unit * arithmetic_frequency(model, place);
    normalize(decoder);
    return place;
}

/* A decision that is 1 with `probability` / 65536. */
static inline uint32_t decode_decision(range_decoder *decoder, uint32_t probability) {
    const uint64_t unit = decoder->range >> 16;
    const uint64_t bound = unit * probability;
    const uint32_t decision = decoder->code < bound;
    decoder->failed |= decoder->code >= unit << 16;
    decoder->code -= decision ? 0 : bound;
    decoder->range = decision ? bound : unit * (65536 - probability);
    normalize(decoder);
    return decision;
}

bool hemp_range_ends_well(const range_decoder *decoder) {
    const uint64_t begin = decoder->position - 8;
    const uint64_t left = decoder->size > begin ? decoder->size - begin : 0;
    if (decoder->failed || left > 8)
        return false;
    if (decoder->size > 0 && decoder->payload[decoder->size - 1] == 0)
        return false;
    if (left == 0)
        return true;
    if (left < 8 && decoder->code >> (64 - 8 * left))
        return false;
    if (left == 8 && decoder->code)
        return false;
    uint64_t to_next = decoder->code - decoder->window; /* -low */
    if (left > 1)
        to_next &= ((uint64_t)1 << (72 - 8 * left)) - 1;
    return to_next >= decoder->range;
}

static uint32_t decode_residual(range_decoder *decoder, arithmetic_state *state, uint32_t bin) {
    const arithmetic_residual residual = state->residuals[bin];
    arithmetic_model *model = &state->residual_models[bin];
    arithmetic_prepare_root(model, residual.first);
    const uint32_t place = decode_place(decoder, model);
    arithmetic_learn(model, place);
    const uint32_t symbol = place - residual.first;
    const uint32_t rest = symbol << residual.raw_bits | decode_uniform(decoder, residual.raw_bits);
    if (rest < residual.levels)
        return rest;
    decoder->failed = true;
    return 0;
}

/* The bin in the mixed mode (5.6): is it the center, and if not, its bits. */
static uint32_t decode_mixed_bin(range_decoder *decoder, arithmetic_mixer *mixer, const arithmetic_header *header) {
    uint32_t bin = 0, node = 0;
    for (uint32_t bits = hemp_index_bits(header->bins) + 1; bits > 0; bits--) {
        const uint32_t probability = hemp_arithmetic_mixer_predict(mixer, node);
        const uint32_t decision = decode_decision(decoder, probability);
        hemp_arithmetic_mixer_learn(mixer, node, probability, decision);
        if (node == 0) {
            if (decision)
                return header->center;
            node = 1;
        } else {
            bin = 2 * bin + decision;
            node = 2 * node + decision;
        }
    }
    if (bin < header->bins && bin != header->center)
        return bin;
    decoder->failed = true;
    return 0;
}

void hemp_mixed_decode_part(range_decoder *decoder, arithmetic_state *state, arithmetic_mixer *mixer,
                            const hemp_part *part, uint16_t *columns) {
    uint8_t *bins_above = (uint8_t *)(columns + 2 * hemp_arithmetic_columns(part));
    const arithmetic_header *header = &state->header;
    const lanes_run whole = {0, part->size, 0};
    lanes_neighbors at;
    uint16_t bins[LANES_MOST] = {0};
    hemp_arithmetic_begin_run(state, part, &whole, columns, &at);
    hemp_arithmetic_begin_mixed_part(mixer, header, part, bins_above);
    for (uint64_t i = 0; i < part->size && !decoder->failed; i++) {
        hemp_arithmetic_mixer_element(mixer, header, &at);
        const uint32_t bin = decode_mixed_bin(decoder, mixer, header);
        uint32_t index = header->bin_start[bin];
        if (state->residuals[bin].levels > 1)
            index += decode_residual(decoder, state, bin);
        arithmetic_put_index(part, i, index);
        hemp_arithmetic_mixer_observe(mixer, header, &at, bin);
        bins[0] = (uint16_t)bin;
        lanes_observe(state, &at, 0, false, bins);
        if (lanes_begin_row(&at))
            hemp_arithmetic_mixer_next_row(mixer);
    }
}
