/* What is expected of an element: the features of its neighborhood, and their weights by least squares.
 *
 * Plain IEEE arithmetic in a fixed order, so that every platform finds the same. */
#include "arithmetic_fit_encode.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

enum { FEATURES = 4, TERMS = FEATURES + 1 /* and a constant */, DENSE_ELEMENTS = 1 << 13 };

static const double UNIT = 1 << HEMP_UNIT_BITS;

static void list_run(arithmetic_features *next, const arithmetic_state *state, const hemp_part *part,
                     const lanes_run *run, const arithmetic_scratch *scratch) {
    const uint32_t lanes = (uint32_t)1 << run->lanes_bits;
    lanes_neighbors at;
    uint16_t bins[LANES_MOST];
    uint64_t place = run->first;
    hemp_arithmetic_begin_run(state, part, run, scratch->columns, &at);
    for (uint64_t i = 0; i < run->rounds; i++) {
        for (uint32_t k = 0; k < lanes; k++) {
            const uint64_t element = place + k * part->columns;
            arithmetic_features *features = &next[element];
            features->values[0] = at.row[k];
            features->values[1] = at.column[at.j];
            features->values[2] = lanes_near(&at, k);
            features->values[3] = at.above[at.j];
            bins[k] = scratch->bin_of[arithmetic_get_index(part, element)];
        }
        lanes_observe(state, &at, run->lanes_bits, false, bins);
        place = lanes_next_place(&at, place, lanes);
    }
}

void hemp_arithmetic_list_features(const arithmetic_header *header, const hemp_part *parts, size_t count,
                                   uint32_t lanes_bits, const arithmetic_scratch *scratch) {
    arithmetic_state *state = scratch->trial;
    arithmetic_features *next = scratch->features;
    state->header = *header;
    state->header.classes = 2; /* any number but 1 */
    state->header.order = 0;
    for (size_t p = 0; p < count; p++) {
        lanes_run runs[2];
        const size_t run_count = hemp_arithmetic_runs(&parts[p], lanes_bits, runs);
        for (size_t r = 0; r < run_count; r++)
            list_run(next, state, &parts[p], &runs[r], scratch);
        next += parts[p].size;
    }
}

/* Solve the normal equations in place by Gauss-Jordan elimination with pivots; the solution is the last column. */
static bool solve(double matrix[TERMS][TERMS + 1]) {
    for (int i = 0; i < TERMS; i++) {
        int pivot = i;
        for (int j = i + 1; j < TERMS; j++) {
            const double a = matrix[j][i], b = matrix[pivot][i];
            if (a * a > b * b)
                pivot = j;
        }
        for (int k = 0; k <= TERMS; k++) {
            const double swap = matrix[i][k];
            matrix[i][k] = matrix[pivot][k];
            matrix[pivot][k] = swap;
        }
        if (matrix[i][i] == 0)
            return false;
        for (int j = 0; j < TERMS; j++) {
            if (j == i)
                continue;
            const double ratio = matrix[j][i] / matrix[i][i];
            for (int k = i; k <= TERMS; k++) {
                const double product = ratio * matrix[i][k];
                matrix[j][k] = matrix[j][k] - product;
            }
        }
    }
    for (int i = 0; i < TERMS; i++)
        matrix[i][TERMS] = matrix[i][TERMS] / matrix[i][i];
    return true;
}

/* Add one element's products to the normal equations, weighted by the inverse square of what is expected: the
 * magnitude's deviation is proportional to its mean. */
static void accumulate(double matrix[TERMS][TERMS + 1], const arithmetic_features *features, uint32_t magnitude) {
    const double terms[TERMS + 1] = {features->values[0] / UNIT,
                                     features->values[1] / UNIT,
                                     features->values[2] / UNIT,
                                     features->values[3] / UNIT,
                                     1.0,
                                     magnitude};
    const double expected = 0.2 + terms[0] + terms[1];
    const double weight = 1 / (expected * expected);
    for (int i = 0; i < TERMS; i++) {
        const double scaled = weight * terms[i];
        for (int j = i; j <= TERMS; j++) {
            const double product = scaled * terms[j];
            matrix[i][j] = matrix[i][j] + product;
        }
    }
}

static void set_weights(arithmetic_header *header, double matrix[TERMS][TERMS + 1]) {
    double sum = 0;
    for (int i = 0; i < FEATURES; i++)
        sum += matrix[i][TERMS] > 0 ? matrix[i][TERMS] : 0;
    for (int i = 0; i < FEATURES; i++) {
        const double share = sum > 0 && matrix[i][TERMS] > 0 ? matrix[i][TERMS] / sum : 0;
        header->weights[i] = (uint32_t)(share * 255);
    }
}

bool hemp_arithmetic_fit_weights(arithmetic_header *header, const hemp_part *parts, size_t count,
                                 const arithmetic_scratch *scratch) {
    double matrix[TERMS][TERMS + 1] = {{0}};
    const arithmetic_features *features = scratch->features;
    for (size_t p = 0; p < count; p++) {
        const uint64_t step = parts[p].size > DENSE_ELEMENTS ? 3 : 1; /* prime to most numbers of columns */
        for (uint64_t i = 0; i < parts[p].size; i += step) {
            const uint32_t bin = scratch->bin_of[arithmetic_get_index(&parts[p], i)];
            accumulate(matrix, &features[i], bin > header->center ? bin - header->center : header->center - bin);
        }
        features += parts[p].size;
    }
    for (int i = 0; i < TERMS; i++) {
        for (int j = 0; j < i; j++)
            matrix[i][j] = matrix[j][i];
        matrix[i][i] = matrix[i][i] * (1 + 1e-6) + 1e-3; /* features may be all equal */
    }
    if (!solve(matrix))
        return false;
    set_weights(header, matrix);
    return header->weights[0] + header->weights[1] + header->weights[2] + header->weights[3] > 0;
}
