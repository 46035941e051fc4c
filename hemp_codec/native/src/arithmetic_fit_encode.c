/* Choosing the header of the arithmetic coder: what suits the indices.
 *
 * Nothing here is part of the format.  The bins share the probability equally, except that a level is never split.  The
 * expected magnitude of an element is fitted by least squares from the four features of its neighborhood; cells of that
 * become classes where it pays.  All of it is found on a sample of a long run. */
#include "arithmetic_fit_encode.h"
#include "parts.h"

enum {
    SAMPLE_ELEMENTS = 1 << 14,
    SAMPLE_SHARE = 8,
    SAMPLE_PIECES = 2,
    SAMPLE_GROUPS = 3,
    TRIAL_ELEMENTS = 1 << 13,
    FEW_ELEMENTS = 1 << 11,
    CORRELATED = 32
};

/* Add up to 256 levels, in four tables in turn, since equal neighbors would wait for each other in one. */
static void count_bytes(const uint8_t *indices, uint64_t size, uint32_t levels, uint32_t *histogram) {
    uint32_t in_turn[4][256] = {{0}};
    uint64_t i = 0;
    for (; i + 4 <= size; i += 4)
        for (uint64_t t = 0; t < 4; t++)
            in_turn[t][indices[i + t]]++;
    for (; i < size; i++)
        in_turn[0][indices[i]]++;
    for (uint32_t level = 0; level < levels; level++)
        histogram[level] += in_turn[0][level] + in_turn[1][level] + in_turn[2][level] + in_turn[3][level];
}

/* Levels seen, and the number of them that differ. */
static uint32_t count_levels(const hemp_part *parts, size_t count, uint32_t *histogram, uint32_t *last) {
    uint32_t different = 0;
    memset(histogram, 0, parts[0].num_levels * sizeof *histogram);
    for (size_t p = 0; p < count; p++) {
        if (!hemp_part_is_wide(&parts[p])) {
            count_bytes((const uint8_t *)parts[p].indices, parts[p].size, parts[p].num_levels, histogram);
            continue;
        }
        for (uint64_t i = 0; i < parts[p].size; i++)
            histogram[((const uint16_t *)parts[p].indices)[i]]++;
    }
    for (uint32_t level = 0; level < parts[0].num_levels; level++)
        if (histogram[level]) {
            different++;
            *last = level;
        }
    return different;
}

/* At most `most` bins, of equal probability as nearly as whole levels allow. */
static void choose_bins(arithmetic_header *header, uint32_t most, const uint32_t *histogram, uint64_t total) {
    const uint32_t levels = header->num_levels;
    header->bins = 0;
    if (levels <= most) {
        header->bins = levels;
        for (uint32_t b = 0; b <= levels; b++)
            header->bin_start[b] = b;
        return;
    }
    uint64_t left = total;
    for (uint32_t level = 0; level < levels;) {
        const uint32_t bins_left = most - header->bins;
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

/* Whole rows from SAMPLE_PIECES places of a long run, a SAMPLE_SHARE-th of it in all; or the run itself.  Returns the
 * number of pieces. */
static size_t sample_of(const hemp_part *part, hemp_part pieces[SAMPLE_PIECES]) {
    const uint64_t wanted = part->size / SAMPLE_SHARE > SAMPLE_ELEMENTS ? part->size / SAMPLE_SHARE : SAMPLE_ELEMENTS;
    const uint64_t group = LANES_MOST * part->columns;
    const uint64_t least = SAMPLE_GROUPS * group, some = (wanted / SAMPLE_PIECES + group - 1) / group * group;
    const uint64_t size = some > least ? some : least;
    pieces[0] = *part;
    if (size * SAMPLE_PIECES >= part->size)
        return 1;
    for (uint64_t p = 0; p < SAMPLE_PIECES; p++) {
        const uint64_t skipped = (part->size - size) / part->columns * p / (SAMPLE_PIECES - 1) * part->columns;
        pieces[p] = *part;
        pieces[p].start += skipped;
        pieces[p].size = size;
        pieces[p].indices = (uint8_t *)part->indices + skipped * (hemp_part_is_wide(part) ? 2 : 1);
    }
    return SAMPLE_PIECES;
}

/* What is coded under a header, or a sample of it. */
typedef struct fitted {
    const hemp_part *parts;
    size_t count;
    uint64_t elements;
    uint64_t scale; /* so many times the sample's elements */
    uint32_t lanes_bits;
} fitted;

/* Everything that follows from bins, center and rates; returns the cost of the bins. */
static uint64_t fit_neighborhood(arithmetic_header *header, const fitted *of, const arithmetic_scratch *scratch) {
    header->initial = mean_magnitude(header, scratch->histogram);
    memset(header->weights, 0, sizeof header->weights);
    hemp_arithmetic_list_features(header, of->parts, of->count, of->lanes_bits, scratch);
    hemp_arithmetic_fit_weights(header, of->parts, of->count, scratch);
    hemp_arithmetic_list_cells(header, of->elements, scratch);
    return hemp_arithmetic_fit_classes(header, of->parts, of->count, of->scale, scratch);
}

/* Do the bins themselves follow the one before or the one above, as exponents do, and not only their distances from the
 * center?  Those `distance` before, that is. */
static bool bins_follow(const arithmetic_header *header, const fitted *of, uint64_t distance,
                        const arithmetic_scratch *scratch) {
    const int32_t center = (int32_t)header->center;
    int64_t products = 0, squares = 0;
    for (size_t p = 0; p < of->count; p++)
        for (uint64_t i = distance; i < of->parts[p].size; i++) {
            const int32_t bin = scratch->bin_of[arithmetic_get_index(&of->parts[p], i)] - center;
            const int32_t before = scratch->bin_of[arithmetic_get_index(&of->parts[p], i - distance)] - center;
            products += bin * before;
            squares += bin * bin;
        }
    return CORRELATED * products > squares;
}

static void try_unfolded(arithmetic_header *header, uint64_t *cost, const fitted *of,
                         const arithmetic_scratch *scratch) {
    arithmetic_header changed = *header;
    changed.center = 0; /* magnitudes grow from the lowest bin on, as exponents do */
    const uint64_t changed_cost = fit_neighborhood(&changed, of, scratch);
    if (changed_cost < *cost) {
        *cost = changed_cost;
        *header = changed;
    }
}

/* How quickly the models learn, by coding: short runs only, which the defaults may not suit. */
static void fit_learning(arithmetic_header *header, const fitted *of, const arithmetic_scratch *scratch) {
    static const int8_t PRIORS[] = {-2, 2}, LIMITS[] = {-1, 1};
    uint64_t cost = hemp_arithmetic_cost(header, of->parts, of->count, scratch);
    for (size_t i = 0; i < 4; i++) {
        arithmetic_header changed = *header;
        if (i < 2)
            changed.prior = (uint32_t)((int32_t)header->prior + PRIORS[i]);
        else
            changed.limit = (uint32_t)((int32_t)header->limit + LIMITS[i - 2]);
        const uint64_t changed_cost = hemp_arithmetic_cost(&changed, of->parts, of->count, scratch);
        if (changed_cost < cost) {
            cost = changed_cost;
            *header = changed;
        }
    }
}

/* A header with at most `most_bins`. */
static void fit_with_bins(arithmetic_header *header, uint32_t most_bins, const fitted *of,
                          const arithmetic_scratch *scratch, uint64_t total) {
    choose_bins(header, most_bins, scratch->histogram, total);
    header->center = median_bin(header, scratch->histogram, total);
    header->row_rate = 6;
    header->column_rate = 5 - of->lanes_bits;
    header->prior = 4;
    header->limit = 2;
    hemp_arithmetic_map_bins(header, scratch->bin_of);
    uint64_t cost = fit_neighborhood(header, of, scratch);
    if (header->center > 0 &&
        (bins_follow(header, of, 1, scratch) || bins_follow(header, of, of->parts[0].columns, scratch)))
        try_unfolded(header, &cost, of, scratch);
    if (total <= TRIAL_ELEMENTS)
        fit_learning(header, of, scratch);
}

/* Bins have sizes to be stated and models to be learned: a short run may do better with fewer. */
static void try_fewer_bins(arithmetic_header *header, const fitted *of, const arithmetic_scratch *scratch,
                           uint64_t total) {
    uint64_t cost = hemp_arithmetic_cost(header, of->parts, of->count, scratch);
    for (uint32_t bins = HEMP_MAX_BINS / 2; bins >= 2; bins /= 2) {
        arithmetic_header changed = *header;
        fit_with_bins(&changed, bins, of, scratch, total);
        const uint64_t changed_cost = hemp_arithmetic_cost(&changed, of->parts, of->count, scratch);
        if (changed_cost >= cost)
            return;
        cost = changed_cost;
        *header = changed;
    }
}

void hemp_arithmetic_fit(arithmetic_header *header, const hemp_part *parts, size_t count, uint32_t lanes_bits,
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
    hemp_part pieces[SAMPLE_PIECES];
    fitted of = {parts, count, total, 1, lanes_bits};
    if (count == 1 && sample_of(parts, pieces) > 1)
        of = (fitted){pieces, SAMPLE_PIECES, SAMPLE_PIECES * pieces->size, total / (SAMPLE_PIECES * pieces->size),
                      lanes_bits};
    fit_with_bins(header, HEMP_MAX_BINS, &of, scratch, total);
    if (total <= FEW_ELEMENTS && header->num_levels > HEMP_MAX_BINS && !scratch->mixer)
        try_fewer_bins(header, &of, scratch, total);
}
