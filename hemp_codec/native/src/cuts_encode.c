/* The partition of weighted points into cells of the least squared error, by dynamic programming.
 *
 * best[j][i] is the least error of the first i points in j cells.  The best start of the last cell moves only to the
 * right as points are added, so a layer is solved by halving the ends: O(points log points) each. */
#include "hemp_encode.h"

#include <math.h>

static const uint32_t PINNED = UINT32_C(1) << 31; /* in a start: the cell that begins there is the pinned one */

typedef struct sums {
    const double *weights; /* prefix sums of weight, weight x mean and weight x mean x mean */
    const double *firsts;
    const double *squares;
} sums;

/* The squared error of the points start to end around their mean; end is above start. */
static double cell_error(const sums *prefix, uint32_t start, uint32_t end) {
    const double total = prefix->firsts[end] - prefix->firsts[start];
    const double weight = prefix->weights[end] - prefix->weights[start];
    return prefix->squares[end] - prefix->squares[start] - total * total / weight;
}

/* One more free cell, for the ends low_end to high_end, whose best starts lie from low_start to high_start. */
static void add_free_cell(const sums *prefix, const double *before, double *best, uint32_t *starts, uint32_t low_end,
                          uint32_t high_end, uint32_t low_start, uint32_t high_start) {
    const uint32_t end = low_end + (high_end - low_end) / 2;
    const uint32_t last = high_start < end - 1 ? high_start : end - 1;
    double least = INFINITY;
    uint32_t found = low_start;
    for (uint32_t start = low_start; start <= last; start++) {
        const double error = before[start] + cell_error(prefix, start, end);
        if (error < least) {
            least = error;
            found = start;
        }
    }
    best[end] = least;
    starts[end] = found;
    if (low_end < end) {
        add_free_cell(prefix, before, best, starts, low_end, end - 1, low_start, found);
    }
    if (end < high_end) {
        add_free_cell(prefix, before, best, starts, end + 1, high_end, found, high_start);
    }
}

/* Where ending with the pinned cell is better, do so.  Its error is a difference of prefix sums, so that its best start
 * is where a running minimum stands. */
static void allow_pinned_cell(const sums *prefix, const double *before, double *best, uint32_t *starts,
                              uint32_t points) {
    double least = INFINITY;
    uint32_t found = 0;
    for (uint32_t end = 0; end <= points; end++) {
        const double rest = before[end] - prefix->squares[end];
        if (rest < least) {
            least = rest;
            found = end;
        }
        if (least + prefix->squares[end] < best[end]) {
            best[end] = least + prefix->squares[end];
            starts[end] = found | PINNED;
        }
    }
}

static void free_layer(const sums *prefix, uint32_t level, const double *before, double *best, uint32_t *starts,
                       uint32_t points) {
    best[0] = INFINITY;
    starts[0] = 0;
    if (level > 0) {
        add_free_cell(prefix, before, best, starts, 1, points, 0, points - 1);
        return;
    }
    for (uint32_t end = 1; end <= points; end++) {
        best[end] = cell_error(prefix, 0, end);
        starts[end] = 0;
    }
}

/* `before` and `free_before`: the layer before with the pinned cell and without. */
static void pinned_layer(const sums *prefix, uint32_t level, const double *before, const double *free_before,
                         double *best, uint32_t *starts, uint32_t points) {
    if (level > 0) {
        best[0] = INFINITY;
        starts[0] = 0;
        add_free_cell(prefix, before, best, starts, 1, points, 0, points - 1);
        allow_pinned_cell(prefix, free_before, best, starts, points);
        return;
    }
    for (uint32_t end = 0; end <= points; end++) {
        best[end] = prefix->squares[end];
        starts[end] = PINNED;
    }
}

static void swap(double **one, double **other) {
    double *kept = *one;
    *one = *other;
    *other = kept;
}

uint64_t hemp_optimal_cuts_memory(uint32_t points, uint32_t num_levels, int pin_zero) {
    const uint64_t row = (uint64_t)points + 1;
    const uint64_t families = pin_zero ? 2 : 1;
    return row * (3 + 2 * families) * sizeof(double) + row * num_levels * families * sizeof(uint32_t);
}

static void fill_sums(const double *means, const double *weights, uint32_t points, double *prefix) {
    double *weight = prefix, *first = weight + points + 1, *square = first + points + 1;
    weight[0] = first[0] = square[0] = 0.0;
    for (uint32_t i = 0; i < points; i++) {
        const double moment = weights[i] * means[i];
        weight[i + 1] = weight[i] + weights[i];
        first[i + 1] = first[i] + moment;
        square[i + 1] = square[i] + moment * means[i];
    }
}

/* Follow the starts back from all points; before the pinned cell there are only free ones. */
static void trace(const uint32_t *last, const uint32_t *free_starts, uint32_t points, uint32_t num_levels,
                  uint32_t *cuts) {
    const uint32_t *family = last;
    cuts[num_levels] = points;
    for (uint32_t level = num_levels; level-- > 0;) {
        const uint32_t start = family[(uint64_t)level * ((uint64_t)points + 1) + cuts[level + 1]];
        cuts[level] = start & ~PINNED;
        if (start & PINNED) {
            family = free_starts;
        }
    }
}

hemp_status hemp_optimal_cuts(const double *means, const double *weights, uint32_t points, uint32_t num_levels,
                              int pin_zero, uint32_t *cuts, void *memory, size_t memory_size) {
    if (points == 0 || points >= PINNED || num_levels == 0 || num_levels > points) {
        return HEMP_BAD_ARGUMENT;
    }
    if (memory_size < hemp_optimal_cuts_memory(points, num_levels, pin_zero)) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    const size_t row = (size_t)points + 1;
    double *numbers = memory;
    const sums prefix = {numbers, numbers + row, numbers + 2 * row};
    fill_sums(means, weights, points, numbers);
    double *free_before = numbers + 3 * row, *free_best = free_before + row;
    double *pinned_before = free_best + (pin_zero ? row : 0), *pinned_best = pinned_before + (pin_zero ? row : 0);
    uint32_t *free_starts = (uint32_t *)(pinned_best + row);
    uint32_t *pinned_starts = free_starts + (pin_zero ? row * num_levels : 0);
    for (uint32_t level = 0; level < num_levels; level++) {
        free_layer(&prefix, level, free_before, free_best, free_starts + row * level, points);
        if (pin_zero) {
            pinned_layer(&prefix, level, pinned_before, free_before, pinned_best, pinned_starts + row * level, points);
            swap(&pinned_before, &pinned_best);
        }
        swap(&free_before, &free_best);
    }
    trace(pin_zero ? pinned_starts : free_starts, free_starts, points, num_levels, cuts);
    return HEMP_OK;
}
