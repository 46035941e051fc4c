/* The decoder of the arithmetic coder: spec/coders.md, section 5. */
#include "arithmetic_mixer.h"
#include "parts.h"

/* 5.1.  `position` counts the bytes read, those beyond the end included; `failed` stays set once v was out of range,
 * so that the inner loop needs no exit. */
typedef struct range_decoder {
    const uint8_t *payload;
    uint64_t size;
    uint64_t position;
    uint64_t code;
    uint64_t range;
    uint64_t window; /* the last 8 bytes read */
    bool failed;
} range_decoder;

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

static void begin_decoder(range_decoder *decoder, const uint8_t *payload, size_t size) {
    decoder->payload = payload;
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

static inline uint32_t decode_symbol(range_decoder *decoder, const arithmetic_model *model, uint32_t symbols) {
    const uint64_t unit = decoder->range >> 16;
    const uint64_t quotient = decoder->code / unit;
    const uint16_t value = (uint16_t)(quotient < 65536 ? quotient : 65535);
    decoder->failed |= quotient > 65535;
    uint32_t symbol = 0;
    for (uint32_t s = 1; s < HEMP_MAX_BINS; s++)
        symbol += model->cum[s] <= value; /* a vector instruction or two */
    if (symbol >= symbols)
        symbol = symbols - 1; /* only for value 65535 */
    const uint32_t low = model->cum[symbol];
    decoder->code -= unit * low;
    decoder->range = unit * (arithmetic_cum(model, symbol + 1, symbols) - low);
    normalize(decoder);
    return symbol;
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

/* 5.7 */
static bool ends_well(const range_decoder *decoder) {
    const uint64_t begin = decoder->position - 8;
    const uint64_t left = decoder->size > begin ? decoder->size - begin : 0;
    if (left > 8)
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

static bool decode_bin_sizes(range_decoder *decoder, arithmetic_header *header) {
    uint32_t start = 0;
    for (uint32_t b = 0; b < header->bins; b++)
        header->bin_start[b] = b;
    header->bin_start[header->bins] = header->num_levels;
    if (header->bins == header->num_levels)
        return true;
    for (uint32_t b = 0; b + 1 < header->bins; b++) {
        uint32_t bits = 0;
        while (bits <= 15 && decode_uniform(decoder, 1) == 0)
            bits++;
        if (bits > 15)
            return false;
        start += ((uint32_t)1 << bits) + decode_uniform(decoder, bits);
        if (start >= header->num_levels)
            return false;
        header->bin_start[b + 1] = start;
    }
    return true;
}

static bool decode_thresholds(range_decoder *decoder, arithmetic_header *header) {
    uint32_t before = 0;
    for (uint32_t i = 0; i + 1 < header->classes; i++) {
        header->thresholds[i] = (uint8_t)decode_uniform(decoder, 8);
        if (header->thresholds[i] <= before)
            return false;
        before = header->thresholds[i];
    }
    return true;
}

static void decode_neighborhood(range_decoder *decoder, arithmetic_header *header) {
    for (int i = 0; i < 4; i++)
        header->weights[i] = decode_uniform(decoder, 6);
    header->shift = decode_uniform(decoder, 4);
    header->row_rate = 2 + decode_uniform(decoder, 3);
    header->column_rate = 2 + decode_uniform(decoder, 3);
    header->initial = decode_uniform(decoder, 8);
}

static bool decode_header(range_decoder *decoder, uint32_t num_levels, bool mixed, arithmetic_header *header) {
    memset(header, 0, sizeof *header);
    header->num_levels = num_levels;
    header->constant = decode_uniform(decoder, 1) == 1;
    if (header->constant) {
        header->symbol = decode_uniform(decoder, hemp_index_bits(num_levels));
        return header->symbol < num_levels;
    }
    header->bins = decode_uniform(decoder, 4) + 1;
    if (header->bins > num_levels || !decode_bin_sizes(decoder, header))
        return false;
    header->center = decode_uniform(decoder, 4);
    if (header->center >= header->bins)
        return false;
    if (mixed) {
        header->classes = HEMP_MAX_CLASSES;
        decode_neighborhood(decoder, header);
        return true;
    }
    header->order = decode_uniform(decoder, 2);
    header->classes = decode_uniform(decoder, 4) + 1;
    header->prior = decode_uniform(decoder, 3);
    header->limit = decode_uniform(decoder, 2);
    uint32_t contexts = header->classes;
    for (uint32_t i = 0; i < header->order; i++)
        contexts *= header->bins;
    if (contexts > HEMP_MAX_CONTEXTS)
        return false;
    if (header->classes == 1)
        return true;
    decode_neighborhood(decoder, header);
    return decode_thresholds(decoder, header);
}

static inline void put_index(const hemp_part *part, uint64_t i, uint32_t index) {
    if (part->num_levels <= 256)
        ((uint8_t *)part->indices)[i] = (uint8_t)index;
    else
        ((uint16_t *)part->indices)[i] = (uint16_t)index;
}

static uint32_t decode_residual(range_decoder *decoder, arithmetic_state *state, uint32_t bin) {
    const arithmetic_residual residual = state->residuals[bin];
    arithmetic_model *model = &state->residual_models[bin];
    arithmetic_prepare_root(model, residual.symbols);
    const uint32_t symbol = decode_symbol(decoder, model, residual.symbols);
    arithmetic_learn(model, symbol, residual.symbols, HEMP_ROOT_LIMIT);
    const uint32_t rest = symbol << residual.raw_bits | decode_uniform(decoder, residual.raw_bits);
    if (rest < residual.levels)
        return rest;
    decoder->failed = true;
    return 0;
}

static void decode_indices(range_decoder *decoder, arithmetic_state *state, const hemp_part *part, uint16_t *columns) {
    const arithmetic_header *header = &state->header;
    const uint32_t bins = header->bins, classes = header->classes;
    uint32_t history = state->history_start;
    arithmetic_neighbors neighbors;
    hemp_arithmetic_begin_part(header, part, columns, &neighbors);
    for (uint64_t i = 0; i < part->size && !decoder->failed; i++) {
        uint32_t context = history * classes;
        if (classes > 1) {
            if (i > 0)
                arithmetic_next_row(header, &neighbors);
            context += state->class_of_cell[arithmetic_cell(header, arithmetic_neighborhood(header, &neighbors))];
        }
        arithmetic_model *model = arithmetic_prepare_context(state, context);
        const uint32_t bin = decode_symbol(decoder, model, bins);
        arithmetic_learn(model, bin, bins, state->context_limit);
        arithmetic_learn(&state->root, bin, bins, HEMP_ROOT_LIMIT);
        uint32_t index = header->bin_start[bin];
        if (state->residuals[bin].levels > 1)
            index += decode_residual(decoder, state, bin);
        put_index(part, i, index);
        if (classes > 1)
            arithmetic_observe(header, &neighbors, bin);
        if (header->order > 0)
            history = (history * bins + bin) % state->history_modulus;
    }
}

/* The bin in the mixed mode (5.6): is it the center, and if not, its bits. */
static uint32_t decode_mixed_bin(range_decoder *decoder, arithmetic_mixer *mixer, const arithmetic_header *header) {
    if (header->bins == 1)
        return 0;
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

static void decode_mixed_indices(range_decoder *decoder, arithmetic_state *state, const hemp_part *part,
                                 uint16_t *columns, uint8_t *bins_above, arithmetic_mixer *mixer) {
    const arithmetic_header *header = &state->header;
    arithmetic_neighbors neighbors;
    hemp_arithmetic_begin_part(header, part, columns, &neighbors);
    hemp_arithmetic_begin_mixed_part(mixer, header, part, bins_above);
    for (uint64_t i = 0; i < part->size && !decoder->failed; i++) {
        if (i > 0 && arithmetic_next_row(header, &neighbors))
            hemp_arithmetic_mixer_next_row(mixer);
        hemp_arithmetic_mixer_element(mixer, header, &neighbors);
        const uint32_t bin = decode_mixed_bin(decoder, mixer, header);
        uint32_t index = header->bin_start[bin];
        if (state->residuals[bin].levels > 1)
            index += decode_residual(decoder, state, bin);
        put_index(part, i, index);
        hemp_arithmetic_mixer_observe(mixer, header, &neighbors, bin);
        arithmetic_observe(header, &neighbors, bin);
    }
}

static void fill(const hemp_part *part, uint32_t index) {
    for (uint64_t i = 0; i < part->size; i++)
        put_index(part, i, index);
}

static bool any_takes_part(const hemp_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (arithmetic_takes_part(&parts[i]))
            return true;
    return false;
}

/* Memory: mixer (only in the mixed mode), state, two arrays of averages and one of bins for the columns. */
static uint64_t memory_of(bool mixed, const hemp_part *parts, size_t count) {
    return sizeof(arithmetic_state) + (mixed ? sizeof(arithmetic_mixer) : 0) +
           (2 * sizeof(uint16_t) + 1) * hemp_arithmetic_most_columns(parts, count);
}

uint64_t hemp_arithmetic_decode_memory(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count) {
    range_decoder decoder;
    begin_decoder(&decoder, payload, size);
    return memory_of(decode_uniform(&decoder, 1) == 1, parts, count);
}

hemp_status hemp_arithmetic_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count,
                                   void *memory, size_t memory_size) {
    if (hemp_parts_check(parts, count) != HEMP_OK)
        return HEMP_BAD_ARGUMENT;
    if (!any_takes_part(parts, count)) {
        for (size_t i = 0; i < count; i++)
            hemp_part_clear(&parts[i]);
        return size == 0 ? HEMP_OK : HEMP_BAD_PAYLOAD; /* coders.md, 1.5 */
    }
    range_decoder decoder;
    begin_decoder(&decoder, payload, size);
    const bool mixed = decode_uniform(&decoder, 1) == 1;
    if (memory_size < memory_of(mixed, parts, count))
        return HEMP_MEMORY_TOO_SMALL;
    arithmetic_mixer *mixer = (arithmetic_mixer *)memory; /* first, for it needs the greatest alignment */
    arithmetic_state *state = mixed ? (arithmetic_state *)(mixer + 1) : (arithmetic_state *)memory;
    uint16_t *columns = (uint16_t *)(state + 1);
    uint8_t *bins_above = (uint8_t *)(columns + 2 * hemp_arithmetic_most_columns(parts, count));
    uint32_t levels_before = 0; /* of the part before; 0: there is none */
    for (size_t i = 0; i < count; i++) {
        const hemp_part *part = &parts[i];
        if (!arithmetic_takes_part(part)) {
            hemp_part_clear(part);
            continue;
        }
        const bool same = levels_before == part->num_levels && decode_uniform(&decoder, 1) == 1;
        if (!same) {
            if (!decode_header(&decoder, part->num_levels, mixed, &state->header))
                return HEMP_BAD_PAYLOAD;
            if (!state->header.constant)
                hemp_arithmetic_begin_models(state);
            if (!state->header.constant && mixed)
                hemp_arithmetic_begin_mixer(mixer);
        }
        levels_before = part->num_levels;
        if (state->header.constant)
            fill(part, state->header.symbol);
        else if (mixed)
            decode_mixed_indices(&decoder, state, part, columns, bins_above, mixer);
        else
            decode_indices(&decoder, state, part, columns);
        if (decoder.failed)
            return HEMP_BAD_PAYLOAD;
    }
    return ends_well(&decoder) ? HEMP_OK : HEMP_BAD_PAYLOAD;
}
