/* Choosing the header of the arithmetic coder: bins, classes and rates that suit the indices.
 *
 * Nothing here is part of the format.  The bins share the probability equally, except that a level is never split.  The
 * expected magnitude of an element is fitted by least squares from the four features of its neighborhood; the classes
 * split the sum of what is expected into equal shares, so that in sparse tensors they resolve the rare, costly places.
 * Then the header is changed one field at a time as long as the bits, counted by coding, get fewer.
 */
#include "arithmetic_encode.h"
#include "parts.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

enum { FEATURES = 4, TERMS = FEATURES + 1 /* and a constant */, TRIAL_ELEMENTS = 1 << 13, SAMPLE_ELEMENTS = 1 << 14 };

static const double UNIT = 1 << HEMP_UNIT_BITS;

/* Levels seen, and the number of them that differ. */
static uint32_t count_levels(const hemp_part *parts, size_t count, uint32_t *histogram, uint32_t *last) {
    uint32_t different = 0;
    memset(histogram, 0, parts[0].num_levels * sizeof *histogram);
    for (size_t p = 0; p < count; p++)
        for (uint64_t i = 0; i < parts[p].size; i++)
            histogram[arithmetic_get_index(&parts[p], i)]++;
    for (uint32_t level = 0; level < parts[0].num_levels; level++)
        if (histogram[level]) {
            different++;
            *last = level;
        }
    return different;
}

/* Bins of equal probability as nearly as whole levels allow. */
static void choose_bins(arithmetic_header *header, const uint32_t *histogram, uint64_t total) {
    const uint32_t levels = header->num_levels;
    header->bins = 0;
    if (levels <= HEMP_MAX_BINS) {
        header->bins = levels;
        for (uint32_t b = 0; b <= levels; b++)
            header->bin_start[b] = b;
        return;
    }
    uint64_t left = total;
    for (uint32_t level = 0; level < levels;) {
        const uint32_t bins_left = HEMP_MAX_BINS - header->bins;
        uint64_t mass = histogram[level];
        header->bin_start[header->bins++] = level++;
        if (bins_left == 1)
            break;
        while (level < levels && (2 * mass + histogram[level]) * bins_left <= 2 * left)
            mass += histogram[level++];
        left -= mass;
    }
    header->bin_start[header->bins] = levels;
}

static uint32_t median_bin(const arithmetic_header *header, const uint32_t *histogram, uint64_t total) {
    uint64_t below = 0;
    for (uint32_t b = 0; b < header->bins; b++)
        for (uint32_t level = header->bin_start[b]; level < header->bin_start[b + 1]; level++) {
            below += histogram[level];
            if (2 * below >= total)
                return b;
        }
    return header->bins - 1;
}

/* Mean magnitude, in sixteenths. */
static uint32_t mean_magnitude(const arithmetic_header *header, const uint32_t *histogram) {
    uint64_t sum = 0, total = 0;
    for (uint32_t b = 0; b < header->bins; b++) {
        const uint64_t distance = b > header->center ? b - header->center : header->center - b;
        for (uint32_t level = header->bin_start[b]; level < header->bin_start[b + 1]; level++) {
            sum += distance * histogram[level];
            total += histogram[level];
        }
    }
    return (uint32_t)(16 * sum / total);
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
static void accumulate(double matrix[TERMS][TERMS + 1], const arithmetic_neighbors *at, uint32_t magnitude) {
    const double terms[TERMS + 1] = {at->row / UNIT,
                                     at->column[at->j] / UNIT,
                                     ((3 * at->left + at->left2) >> 2) / UNIT,
                                     at->above[at->j] / UNIT,
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

/* Fit the weights; false if the neighborhood tells nothing.  One element in four is enough for long runs. */
static bool fit_weights(arithmetic_header *header, const hemp_part *parts, size_t count,
                        const arithmetic_scratch *scratch, uint64_t total) {
    const uint64_t mask = total > 65536 ? 3 : 0;
    double matrix[TERMS][TERMS + 1] = {{0}};
    for (size_t p = 0; p < count; p++) {
        arithmetic_neighbors at;
        hemp_arithmetic_begin_part(header, &parts[p], scratch->columns, &at);
        for (uint64_t i = 0; i < parts[p].size; i++) {
            const uint32_t bin = scratch->bin_of[arithmetic_get_index(&parts[p], i)];
            if (i > 0)
                arithmetic_next_row(header, &at);
            if ((i & mask) == 0)
                accumulate(matrix, &at, bin > header->center ? bin - header->center : header->center - bin);
            arithmetic_observe(header, &at, bin);
        }
    }
    for (int i = 0; i < TERMS; i++) {
        for (int j = 0; j < i; j++)
            matrix[i][j] = matrix[j][i];
        matrix[i][i] = matrix[i][i] * (1 + 1e-6) + 1e-3; /* features may be all equal */
    }
    if (!solve(matrix))
        return false;
    double most = 0;
    for (int i = 0; i < FEATURES; i++)
        if (matrix[i][TERMS] > most)
            most = matrix[i][TERMS];
    if (!(most > 0))
        return false;
    for (int i = 0; i < FEATURES; i++) {
        const double share = matrix[i][TERMS] / most;
        header->weights[i] = share > 0 ? (uint32_t)(share * 63 + 0.5) : 0;
    }
    return true;
}

/* The weighted sums of all neighborhoods, into scratch->sums; returns a shift that keeps nearly all below 256 cells. */
static uint32_t list_sums(const arithmetic_header *header, const hemp_part *parts, size_t count,
                          const arithmetic_scratch *scratch, uint64_t total) {
    uint64_t of_length[33] = {0};
    uint32_t *sums = scratch->sums;
    for (size_t p = 0; p < count; p++) {
        arithmetic_neighbors at;
        hemp_arithmetic_begin_part(header, &parts[p], scratch->columns, &at);
        for (uint64_t i = 0; i < parts[p].size; i++) {
            if (i > 0)
                arithmetic_next_row(header, &at);
            const uint32_t sum = arithmetic_neighborhood(header, &at);
            of_length[arithmetic_high_bit(sum) + 1]++;
            *sums++ = sum;
            arithmetic_observe(header, &at, scratch->bin_of[arithmetic_get_index(&parts[p], i)]);
        }
    }
    uint32_t length = 32;
    for (uint64_t above = 0; length > 8; length--) {
        above += of_length[length];
        if (above > total / 512)
            break;
    }
    return length - 8 < 15 ? length - 8 : 15;
}

/* Thresholds that give each class the same share of what is expected in all, where an element counts as its cell and a
 * fifth of the mean.  There are fewer classes where the cells do not tell so many apart. */
static void choose_thresholds(arithmetic_header *header, const arithmetic_scratch *scratch, uint64_t total) {
    const uint32_t wanted = header->classes;
    uint64_t cells[HEMP_CELLS] = {0}, sum = 0;
    for (uint64_t i = 0; i < total; i++)
        cells[arithmetic_cell(header, scratch->sums[i])]++;
    for (uint32_t cell = 0; cell < HEMP_CELLS; cell++)
        sum += cell * cells[cell];
    const uint64_t mean = sum / total, whole = 5 * sum + mean * total;
    uint64_t below = 0, share = 1;
    header->classes = 1;
    for (uint32_t cell = 0; cell + 1 < HEMP_CELLS && whole > 0; cell++) {
        below += (5 * (uint64_t)cell + mean) * cells[cell];
        if (below < whole && below * wanted >= whole * share) {
            header->thresholds[header->classes++ - 1] = (uint8_t)(cell + 1);
            share = below * wanted / whole + 1;
        }
    }
}

/* n log2 n, in 1/65536 bits. */
static uint64_t n_log_n(uint64_t n) {
    uint32_t exponent = 0;
    while (n >> exponent > 65536)
        exponent++; /* 16 bits of precision are enough */
    const uint32_t bits = n ? (16 << 16) - hemp_arithmetic_bits_of((uint32_t)(n >> exponent)) : 0;
    return n * (bits + ((uint64_t)exponent << 16));
}

/* What the bins of one class cost: their entropy, and half the logarithm of their number for each bin to learn. */
static uint64_t class_cost(const uint32_t *counts, uint32_t bins) {
    uint64_t total = 0, known = 0;
    for (uint32_t b = 0; b < bins; b++) {
        total += counts[b];
        known += n_log_n(counts[b]);
    }
    return n_log_n(total) - known + (total ? (bins - 1) * (n_log_n(total) / total) / 2 : 0);
}

/* Halve the number of classes as long as what they tell apart is worth less than what they take to learn. */
static void merge_classes(arithmetic_header *header, const hemp_part *parts, size_t count,
                          const arithmetic_scratch *scratch) {
    uint8_t class_of[HEMP_CELLS];
    uint32_t counts[HEMP_MAX_CLASSES][HEMP_MAX_BINS] = {{0}};
    for (uint32_t cell = 0, c = 0; cell < HEMP_CELLS; cell++) {
        while (c + 1 < header->classes && header->thresholds[c] <= cell)
            c++;
        class_of[cell] = (uint8_t)c;
    }
    const uint32_t *sums = scratch->sums;
    for (size_t p = 0; p < count; p++)
        for (uint64_t i = 0; i < parts[p].size; i++) {
            const uint32_t bin = scratch->bin_of[arithmetic_get_index(&parts[p], i)];
            counts[class_of[arithmetic_cell(header, *sums++)]][bin]++;
        }
    uint64_t best = UINT64_MAX;
    uint32_t best_stride = 1;
    for (uint32_t classes = header->classes, stride = 1;; classes = (classes + 1) / 2, stride *= 2) {
        uint64_t cost = 0;
        for (uint32_t c = 0; c < classes; c++)
            cost += class_cost(counts[c], header->bins);
        if (cost < best) {
            best = cost;
            best_stride = stride;
        }
        if (classes == 1)
            break;
        for (uint32_t c = 0; c < classes; c += 2) {
            for (uint32_t b = 0; b < header->bins; b++)
                counts[c / 2][b] = counts[c][b] + (c + 1 < classes ? counts[c + 1][b] : 0);
        }
    }
    const uint32_t merged = (header->classes + best_stride - 1) / best_stride;
    for (uint32_t c = 0; c + 1 < merged; c++)
        header->thresholds[c] = header->thresholds[(c + 1) * best_stride - 1];
    header->classes = merged;
}

/* Everything that follows from bins, center, rates and the wanted number of classes. */
static void fit_classes(arithmetic_header *header, const hemp_part *parts, size_t count,
                        const arithmetic_scratch *scratch, uint64_t total) {
    if (header->classes == 1)
        return;
    hemp_arithmetic_map_bins(header, scratch->bin_of);
    header->initial = mean_magnitude(header, scratch->histogram);
    if (!fit_weights(header, parts, count, scratch, total)) {
        header->classes = 1;
        return;
    }
    header->shift = list_sums(header, parts, count, scratch, total);
    choose_thresholds(header, scratch, total);
    merge_classes(header, parts, count, scratch);
}

/* One change of a header, to be tried: what differs from the header so far. */
typedef struct variation {
    int32_t classes;     /* 0: as it is; else as many as this, or half as many for -1, twice as many for -2 */
    int32_t order;       /* added */
    int32_t row_rate;    /* added */
    int32_t column_rate; /* added */
    int32_t prior;       /* added */
    int32_t limit;       /* added */
    bool unfolded;       /* center 0: magnitudes grow from the lowest bin on, as exponents do */
} variation;

static bool vary(arithmetic_header *header, const variation *change) {
    const int32_t classes = change->classes == -1   ? (int32_t)header->classes / 2
                            : change->classes == -2 ? (int32_t)header->classes * 2
                            : change->classes > 0   ? change->classes
                                                    : (int32_t)header->classes;
    const int32_t order = (int32_t)header->order + change->order,
                  row_rate = (int32_t)header->row_rate + change->row_rate;
    const int32_t column_rate = (int32_t)header->column_rate + change->column_rate;
    const int32_t prior = (int32_t)header->prior + change->prior, limit = (int32_t)header->limit + change->limit;
    if (classes < 1 || classes > HEMP_MAX_CLASSES || order > 3 || row_rate < 2 || row_rate > 9 || column_rate < 2 ||
        column_rate > 9 || prior < 0 || prior > 7 || limit < 0 || limit > 3)
        return false;
    if (change->unfolded && header->center == 0)
        return false;
    uint32_t contexts = (uint32_t)classes;
    for (int32_t i = 0; i < order; i++)
        contexts *= header->bins;
    if (contexts > HEMP_MAX_CONTEXTS)
        return false;
    header->classes = (uint32_t)classes;
    header->order = (uint32_t)order;
    header->row_rate = (uint32_t)row_rate;
    header->column_rate = (uint32_t)column_rate;
    header->prior = (uint32_t)prior;
    header->limit = (uint32_t)limit;
    if (change->unfolded)
        header->center = 0;
    return true;
}

/* The order matters: what changes most comes first. */
static const variation VARIATIONS[] = {
    {.classes = -1}, {.classes = -1},    {.classes = -2},  {.classes = 1},      {.unfolded = true}, {.order = 1},
    {.order = 1},    {.classes = -1},    {.prior = -2},    {.prior = 2},        {.limit = -1},      {.limit = 1},
    {.row_rate = 1}, {.column_rate = 1}, {.row_rate = -1}, {.column_rate = -1},
};
/* For long runs, whose defaults are good and whose learning costs little. */
static const variation VARIATIONS_OF_LONG_RUNS[] = {
    {.unfolded = true}, {.classes = -1, .order = 1}, {.limit = -1}, {.limit = -1}};

static void improve(arithmetic_header *header, const variation *variations, size_t variation_count,
                    const hemp_part *parts, size_t count, const arithmetic_scratch *scratch, uint64_t total) {
    uint64_t cost = hemp_arithmetic_cost(header, parts, count, scratch);
    for (size_t v = 0; v < variation_count; v++) {
        arithmetic_header changed = *header;
        if (!vary(&changed, &variations[v]))
            continue;
        fit_classes(&changed, parts, count, scratch, total);
        const uint64_t changed_cost = hemp_arithmetic_cost(&changed, parts, count, scratch);
        if (changed_cost < cost) {
            cost = changed_cost;
            *header = changed;
        }
    }
}

/* An eighth from the middle of a part, but at least SAMPLE_ELEMENTS. */
static hemp_part sample_of(const hemp_part *part) {
    hemp_part sample = *part;
    const uint64_t wanted = part->size / 8 > SAMPLE_ELEMENTS ? part->size / 8 : SAMPLE_ELEMENTS;
    const uint64_t skipped = part->size > wanted ? (part->size - wanted) / 2 : 0;
    sample.start += skipped;
    sample.size = part->size - 2 * skipped;
    sample.indices = (uint8_t *)part->indices + skipped * (hemp_part_is_wide(part) ? 2 : 1);
    return sample;
}

static void fit_long_run(arithmetic_header *header, const hemp_part *part, const arithmetic_scratch *scratch) {
    const hemp_part sample = sample_of(part);
    const uint32_t classes = header->classes;
    fit_classes(header, &sample, 1, scratch, sample.size);
    improve(header, VARIATIONS_OF_LONG_RUNS, sizeof VARIATIONS_OF_LONG_RUNS / sizeof *VARIATIONS_OF_LONG_RUNS, &sample,
            1, scratch, sample.size);
    header->classes = header->order > 0 ? header->classes : classes;
    fit_classes(header, part, 1, scratch, part->size);
}

void hemp_arithmetic_fit(arithmetic_header *header, const hemp_part *parts, size_t count,
                         const arithmetic_scratch *scratch) {
    uint64_t total = 0;
    for (size_t p = 0; p < count; p++)
        total += parts[p].size;
    memset(header, 0, sizeof *header);
    header->num_levels = parts[0].num_levels;
    if (count_levels(parts, count, scratch->histogram, &header->symbol) == 1) {
        header->constant = true;
        return;
    }
    choose_bins(header, scratch->histogram, total);
    header->center = median_bin(header, scratch->histogram, total);
    header->classes = total >= 1024 ? HEMP_MAX_CLASSES : 1;
    header->row_rate = 6;
    header->column_rate = 5;
    header->prior = 4;
    header->limit = 2;
    if (count == 1 && total > TRIAL_ELEMENTS) {
        fit_long_run(header, parts, scratch);
        return;
    }
    fit_classes(header, parts, count, scratch, total);
    improve(header, VARIATIONS, sizeof VARIATIONS / sizeof *VARIATIONS, parts, count, scratch, total);
}

void hemp_arithmetic_fit_mixed(arithmetic_header *header, const hemp_part *parts, size_t count,
                               const arithmetic_scratch *scratch) {
    if (header->constant)
        return;
    uint64_t total = 0;
    for (size_t p = 0; p < count; p++)
        total += parts[p].size;
    header->classes = HEMP_MAX_CLASSES;
    hemp_arithmetic_map_bins(header, scratch->bin_of);
    header->initial = mean_magnitude(header, scratch->histogram);
    if (!fit_weights(header, parts, count, scratch, total))
        memset(header->weights, 0, sizeof header->weights);
    header->shift = list_sums(header, parts, count, scratch, total);
}
