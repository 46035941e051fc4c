#include "arithmetic_model.h"

/* Cumulative frequencies in proportion to the weights, each frequency at least 1. */
static void rebuild(arithmetic_model *model, const uint32_t *weights, uint32_t symbols) {
    uint64_t sum = 0;
    for (uint32_t s = 0; s < symbols; s++)
        sum += weights[s];
    const uint64_t quotient = ((uint64_t)(65536 - symbols) << 32) / sum;
    uint64_t below = 0;
    for (uint32_t s = 0; s < symbols; s++) {
        model->cum[s] = (uint16_t)(s + (quotient * below >> 32));
        below += weights[s];
    }
    model->due = (uint16_t)(model->total + 1 + model->total / 8);
}

void hemp_arithmetic_rebuild_root(arithmetic_model *model, uint32_t symbols) {
    uint32_t weights[HEMP_MAX_BINS] = {0};
    for (uint32_t s = 0; s < symbols; s++)
        weights[s] = 5 * (uint32_t)model->count[s] + 2;
    rebuild(model, weights, symbols);
}

void hemp_arithmetic_rebuild_context(arithmetic_model *model, arithmetic_model *root, uint32_t symbols,
                                     uint32_t prior) {
    uint32_t weights[HEMP_MAX_BINS];
    arithmetic_prepare_root(root, symbols);
    for (uint32_t s = 0; s < symbols; s++)
        weights[s] = ((uint32_t)model->count[s] << (14 - prior)) + arithmetic_cum(root, s + 1, symbols) - root->cum[s];
    rebuild(model, weights, symbols);
}

void hemp_arithmetic_halve(arithmetic_model *model, uint32_t symbols) {
    uint32_t total = 0;
    for (uint32_t s = 0; s < symbols; s++) {
        model->count[s] = (uint16_t)(model->count[s] / 2);
        total += model->count[s];
    }
    model->total = (uint16_t)total;
    model->due = (uint16_t)total;
}

static void begin(arithmetic_model *model, uint32_t symbols) {
    memset(model, 0, sizeof *model);
    for (uint32_t s = symbols; s < HEMP_MAX_BINS; s++)
        model->cum[s] = 65535;
}

static arithmetic_residual residual_of(uint32_t levels) {
    arithmetic_residual residual = {levels, levels, 0};
    while ((levels - 1) >> residual.raw_bits >= HEMP_MAX_BINS)
        residual.raw_bits++;
    residual.symbols = ((levels - 1) >> residual.raw_bits) + 1;
    return residual;
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

    begin(&state->root, header->bins);
    for (uint32_t c = 0; c < power * header->classes; c++)
        begin(&state->contexts[c], header->bins);
    for (uint32_t b = 0; b < header->bins; b++) {
        state->residuals[b] = residual_of(header->bin_start[b + 1] - header->bin_start[b]);
        begin(&state->residual_models[b], state->residuals[b].symbols);
    }
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

void hemp_arithmetic_begin_part(const arithmetic_header *header, const hemp_part *part, uint16_t *columns,
                                arithmetic_neighbors *neighbors) {
    const uint32_t initial = header->initial << HEMP_INITIAL_SHIFT;
    const uint64_t entries = hemp_arithmetic_columns(part);
    neighbors->column = columns;
    neighbors->above = columns + entries;
    neighbors->columns = part->columns;
    neighbors->entries = entries;
    neighbors->j = 0;
    neighbors->until_row = part->columns - part->start % part->columns;
    neighbors->row = neighbors->left = neighbors->left2 = initial;
    if (header->classes > 1)
        for (uint64_t j = 0; j < 2 * entries; j++)
            columns[j] = (uint16_t)initial;
}
