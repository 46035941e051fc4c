/* Which cells become a class, and how many previous bins the context holds: what makes the bins cost least. */
#include "arithmetic_fit_encode.h"

enum { SHARES = 48 /* to begin with */ };

/* A table of bins by context. */
typedef struct bin_counts {
    uint32_t counts[HEMP_MAX_CONTEXTS][HEMP_MAX_BINS];
} bin_counts;

void hemp_arithmetic_list_cells(arithmetic_header *header, uint64_t elements, const arithmetic_scratch *scratch) {
    arithmetic_features *features = scratch->features;
    uint64_t of_length[18] = {0};
    for (uint64_t i = 0; i < elements; i++) {
        uint16_t sum = 0;
        for (int f = 0; f < 4; f++)
            sum = (uint16_t)(sum + arithmetic_weighted(header->weights[f], features[i].values[f]));
        features[i].values[0] = sum;
        of_length[arithmetic_high_bit(sum) + 1]++;
    }
    uint32_t length = 16;
    for (uint64_t above = 0; length > 8; length--) {
        above += of_length[length];
        if (above > elements / 512)
            break;
    }
    header->shift = length - 8;
    for (uint64_t i = 0; i < elements; i++) {
        const uint32_t cell = (uint32_t)features[i].values[0] >> header->shift;
        features[i].values[0] = (uint16_t)(cell < HEMP_CELLS ? cell : HEMP_CELLS - 1);
    }
}

/* n log2 n, in 1/65536 bits. */
static uint64_t n_log_n(uint64_t n) {
    uint32_t exponent = 0;
    if (n < 2) /* most counts */
        return 0;
    while (n >> exponent > 65536)
        exponent++; /* 16 bits of precision are enough */
    const uint32_t bits = (16 << 16) - hemp_arithmetic_bits_of((uint32_t)(n >> exponent));
    return n * (bits + ((uint64_t)exponent << 16));
}

/* What the bins of one context cost when there are `scale` times as many: their entropy, and what it takes to learn it,
 * half the logarithm of their number for each bin that occurs. */
static uint64_t context_cost(const uint32_t *counts, uint32_t bins, uint64_t scale) {
    uint64_t total = 0, known = 0;
    uint32_t occurring = 0;
    for (uint32_t b = 0; b < bins; b++) {
        total += counts[b];
        known += n_log_n(counts[b]);
        occurring += counts[b] > 0;
    }
    if (total == 0)
        return 0;
    const uint64_t unseen = (scale - 1) * (occurring - 1) * 47274; /* by so much a sample's entropy is too low */
    return scale * (n_log_n(total) - known) + unseen + occurring * (n_log_n(scale * total) / (scale * total)) / 2;
}

/* Neighboring cells that share counts. */
typedef struct cell_groups {
    uint32_t count;
    uint8_t thresholds[SHARES]; /* first cell of each group but the first */
    uint32_t counts[SHARES][HEMP_MAX_BINS];
    uint64_t costs[SHARES];
    uint64_t scale;
    uint32_t bins;
} cell_groups;

static void count_cells(const hemp_part *parts, size_t count, const arithmetic_scratch *scratch, bin_counts *cells) {
    const arithmetic_features *features = scratch->features;
    memset(cells, 0, sizeof *cells);
    for (size_t p = 0; p < count; p++)
        for (uint64_t i = 0; i < parts[p].size; i++, features++)
            cells->counts[features->values[0]][scratch->bin_of[arithmetic_get_index(&parts[p], i)]]++;
}

/* Groups that each have the same share of what is expected in all, where an element counts as its cell and a fifth of
 * the mean: in sparse tensors they resolve the rare, costly places. */
static void begin_groups(cell_groups *groups, const bin_counts *cells) {
    uint64_t of_cell[HEMP_CELLS] = {0}, total = 0, sum = 0;
    for (uint32_t cell = 0; cell < HEMP_CELLS; cell++) {
        for (uint32_t b = 0; b < groups->bins; b++)
            of_cell[cell] += cells->counts[cell][b];
        total += of_cell[cell];
        sum += cell * of_cell[cell];
    }
    const uint64_t mean = sum / total, whole = 5 * sum + mean * total;
    uint64_t below = 0, share = 1;
    memset(groups->counts, 0, sizeof groups->counts);
    groups->count = 1;
    for (uint32_t cell = 0; cell < HEMP_CELLS; cell++) {
        for (uint32_t b = 0; b < groups->bins; b++)
            groups->counts[groups->count - 1][b] += cells->counts[cell][b];
        below += (5 * (uint64_t)cell + mean) * of_cell[cell];
        if (cell + 1 < HEMP_CELLS && below < whole && below * SHARES >= whole * share) {
            groups->thresholds[groups->count++ - 1] = (uint8_t)(cell + 1);
            share = below * SHARES / whole + 1;
        }
    }
    for (uint32_t g = 0; g < groups->count; g++)
        groups->costs[g] = context_cost(groups->counts[g], groups->bins, groups->scale);
}

static uint64_t cost_together(const cell_groups *groups, uint32_t g) {
    uint32_t counts[HEMP_MAX_BINS];
    for (uint32_t b = 0; b < groups->bins; b++)
        counts[b] = groups->counts[g][b] + groups->counts[g + 1][b];
    return context_cost(counts, groups->bins, groups->scale);
}

/* Merge groups g and g + 1. */
static void merge(cell_groups *groups, uint32_t g) {
    groups->costs[g] = cost_together(groups, g);
    for (uint32_t b = 0; b < groups->bins; b++)
        groups->counts[g][b] += groups->counts[g + 1][b];
    groups->count--;
    for (uint32_t i = g; i < groups->count; i++) {
        if (i > g) {
            memcpy(groups->counts[i], groups->counts[i + 1], sizeof groups->counts[i]);
            groups->costs[i] = groups->costs[i + 1];
        }
        if (i + 1 < groups->count)
            groups->thresholds[i] = groups->thresholds[i + 1];
    }
}

/* Merge the neighbors that lose least by it, until there are `most` groups and merging more would cost. */
static void merge_groups(cell_groups *groups, uint32_t most) {
    const int64_t threshold_bits = (int64_t)(8 + 8 * groups->scale) << 16; /* the header, and the luck of a sample */
    int64_t losses[SHARES];
    for (uint32_t g = 0; g + 1 < groups->count; g++)
        losses[g] = (int64_t)(cost_together(groups, g) - groups->costs[g] - groups->costs[g + 1]) - threshold_bits;
    while (groups->count > 1) {
        uint32_t least = 0;
        for (uint32_t g = 1; g + 1 < groups->count; g++)
            least = losses[g] < losses[least] ? g : least;
        if (groups->count <= most && losses[least] >= 0)
            break;
        merge(groups, least);
        for (uint32_t g = least; g + 1 < groups->count; g++)
            losses[g] = losses[g + 1];
        for (uint32_t g = least > 0 ? least - 1 : 0; g <= least && g + 1 < groups->count; g++)
            losses[g] = (int64_t)(cost_together(groups, g) - groups->costs[g] - groups->costs[g + 1]) - threshold_bits;
    }
}

/* What all bins cost with so many previous ones in their context; if that is `best` or more, some number as large. */
static uint64_t cost_of_order(const arithmetic_header *header, uint32_t order, const cell_groups *groups,
                              const hemp_part *parts, size_t count, uint64_t best, const arithmetic_scratch *scratch) {
    bin_counts contexts;
    uint8_t class_of[HEMP_CELLS];
    uint32_t histories = 1, beginning = 0;
    const arithmetic_features *features = scratch->features;
    for (uint32_t i = 0; i < order; i++) {
        beginning += header->center * histories;
        histories *= header->bins;
    }
    for (uint32_t cell = 0, g = 0; cell < HEMP_CELLS; cell++) {
        while (g + 1 < groups->count && groups->thresholds[g] <= cell)
            g++;
        class_of[cell] = (uint8_t)g;
    }
    memset(&contexts, 0, sizeof contexts);
    for (size_t p = 0; p < count; p++) {
        uint32_t history = beginning;
        for (uint64_t i = 0; i < parts[p].size; i++, features++) {
            const uint32_t bin = scratch->bin_of[arithmetic_get_index(&parts[p], i)];
            contexts.counts[history * groups->count + class_of[features->values[0]]][bin]++;
            history = (history * header->bins + bin) % histories;
        }
    }
    uint64_t cost = (uint64_t)(8 * (groups->count - 1)) << 16;
    for (uint32_t c = 0; c < histories * groups->count && cost < best; c++)
        cost += context_cost(contexts.counts[c], header->bins, groups->scale);
    return cost;
}

static void take_groups(arithmetic_header *header, uint32_t order, const cell_groups *groups) {
    header->order = order;
    header->classes = groups->count;
    memcpy(header->thresholds, groups->thresholds, groups->count - 1);
}

uint64_t hemp_arithmetic_fit_classes(arithmetic_header *header, const hemp_part *parts, size_t count, uint64_t scale,
                                     const arithmetic_scratch *scratch) {
    bin_counts cells;
    cell_groups groups;
    groups.bins = header->bins;
    groups.scale = scale;
    count_cells(parts, count, scratch, &cells);
    begin_groups(&groups, &cells);
    merge_groups(&groups, HEMP_MAX_CLASSES);
    uint64_t best = (uint64_t)(8 * (groups.count - 1)) << 16;
    for (uint32_t g = 0; g < groups.count; g++)
        best += groups.costs[g];
    take_groups(header, 0, &groups);
    uint32_t histories = 1;
    for (uint32_t order = 1; order <= 3; order++) {
        histories *= header->bins;
        if (histories > HEMP_MAX_CONTEXTS)
            break;
        merge_groups(&groups, HEMP_MAX_CONTEXTS / histories);
        const uint64_t cost = cost_of_order(header, order, &groups, parts, count, best, scratch);
        if (cost < best) {
            best = cost;
            take_groups(header, order, &groups);
        }
    }
    return best;
}
