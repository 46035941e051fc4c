#include "arithmetic_model.h"

/* Cumulative frequencies in proportion to the weights, each frequency at least 1. */
static void set_frequencies(arithmetic_model *model, const uint32_t *weights, uint32_t first) {
    uint64_t sum = 0;
    for (uint32_t place = first; place < HEMP_MAX_BINS; place++)
        sum += weights[place];
    const uint64_t quotient = ((uint64_t)(65536 - (HEMP_MAX_BINS - first)) << 32) / sum;
    uint64_t below = 0;
    for (uint32_t place = first; place < HEMP_MAX_BINS; place++) {
        model->cum[place] = (uint16_t)(place - first + (quotient * below >> 32));
        below += weights[place];
    }
}

/* Halve the counts if they sum up to `limit`; when the frequencies are made the next time follows from the sum. */
static void settle_counts(arithmetic_model *model, uint32_t limit) {
    uint32_t total = 0;
    for (uint32_t place = 0; place < HEMP_MAX_BINS; place++)
        total += model->count[place];
    if (total >= limit) {
        total = 0;
        for (uint32_t place = 0; place < HEMP_MAX_BINS; place++) {
            model->count[place] /= 2;
            total += model->count[place];
        }
    }
    model->left = (int16_t)(1 + total / 8);
}

void hemp_arithmetic_rebuild_root(arithmetic_model *model, uint32_t first) {
    uint32_t weights[HEMP_MAX_BINS];
    settle_counts(model, HEMP_ROOT_LIMIT);
    for (uint32_t place = first; place < HEMP_MAX_BINS; place++)
        weights[place] = 5 * (uint32_t)model->count[place] + 2;
    set_frequencies(model, weights, first);
}

void hemp_arithmetic_rebuild_context(arithmetic_state *state, arithmetic_model *model) {
    const uint32_t first = state->first_bin, shift = 14 - state->header.prior;
    uint32_t weights[HEMP_MAX_BINS];
    settle_counts(model, state->context_limit);
    for (uint32_t place = first; place < HEMP_MAX_BINS; place++)
        weights[place] = ((uint32_t)model->count[place] << shift) + arithmetic_frequency(&state->root, place);
    set_frequencies(model, weights, first);
}

static arithmetic_residual residual_of(uint32_t levels) {
    arithmetic_residual residual = {levels, 0, 0};
    while ((levels - 1) >> residual.raw_bits >= HEMP_MAX_BINS)
        residual.raw_bits++;
    residual.first = HEMP_MAX_BINS - 1 - ((levels - 1) >> residual.raw_bits);
    return residual;
}

void hemp_arithmetic_list_residuals(const arithmetic_header *header, arithmetic_residual residuals[HEMP_MAX_BINS]) {
    for (uint32_t b = 0; b < header->bins; b++)
        residuals[b] = residual_of(header->bin_start[b + 1] - header->bin_start[b]);
}

void hemp_arithmetic_begin_models(arithmetic_state *state) {
    const arithmetic_header *header = &state->header;
    uint32_t power = 1, start = 0;
    for (uint32_t i = 0; i < header->order; i++) {
        start += header->center * power;
        power *= header->bins;
    }
    state->history_modulus = power;
    state->history_start = start;
    state->context_limit = (uint32_t)1 << (9 + 2 * header->limit);

    state->first_bin = HEMP_MAX_BINS - header->bins;
    memset(&state->root, 0, sizeof state->root);
    memset(state->contexts, 0, power * header->classes * sizeof *state->contexts);
    memset(state->residual_models, 0, sizeof state->residual_models);
    hemp_arithmetic_list_residuals(header, state->residuals);
    uint32_t class_number = 0;
    for (uint32_t cell = 0; cell < HEMP_CELLS; cell++) {
        while (class_number + 1 < header->classes && header->thresholds[class_number] <= cell)
            class_number++;
        state->class_of_cell[cell] = (uint8_t)class_number;
    }
}

uint64_t hemp_arithmetic_columns(const hemp_part *part) {
    return part->columns < part->size ? part->columns : part->size;
}

uint64_t hemp_arithmetic_most_columns(const hemp_part *parts, size_t count) {
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t columns = hemp_arithmetic_columns(&parts[i]);
        if (arithmetic_takes_part(&parts[i]) && columns > most)
            most = columns;
    }
    return most;
}
