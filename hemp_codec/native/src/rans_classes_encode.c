/* The coder `rans` (spec/coders.md, 6): classes of strips.  All arithmetic is in integers, so that the same indices
 * give the same bytes everywhere. */
#include "rans_classes_encode.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "rans_avx2_encode.h"

enum {
    LONGEST_STRIP = 2048,
    FEWEST_STRIPS = 16,
    KEYS = 4096,
    LENGTH_BITS = 5,      /* of the fraction of code lengths in tables */
    LENGTHS_SUMMED = 128, /* sums of so many of them stay below 2^16 */
    FRACTION_BITS = 16,   /* of costs */
    RARE_LENGTH = 14 << FRACTION_BITS,
    TABLE_BYTES = 8, /* that a table takes besides one or two for each of its symbols */
    MUCH_GAIN = 32, /* classes must save one part in so many to be worth rounds of refinement, which take as long as all
                       the rest */
    BIAS = 47274,   /* 2^16 times half of log2(e) */
    KNOWN = 32      /* symbols that are looked at one by one, where one of them was not counted */
};

/* Rows, several of them where they are short, and about equal pieces where they are long. */
hemp_rans_strips hemp_rans_choose_strips(const hemp_part *part) {
    const uint64_t columns = part->columns > 0 ? part->columns : 1;
    const uint64_t pieces = (columns + LONGEST_STRIP - 1) / LONGEST_STRIP;
    uint64_t length = (columns + pieces - 1) / pieces;
    if (length < HEMP_RANS_MIN_STRIP) {
        length *= (HEMP_RANS_MIN_STRIP + length - 1) / length;
    }
    const uint64_t first = (columns - part->start % columns) % length;
    const hemp_rans_strips strips = {part->size, length, first == 0 ? length : first};
    return strips;
}

/* 2^16 log2(n) for n > 0. */
static uint64_t log2_of(uint64_t n) {
    const unsigned power = hemp_log2_floor(n);
    const uint64_t x = (power > FRACTION_BITS ? n >> (power - FRACTION_BITS) : n << (FRACTION_BITS - power)) & 0xFFFF;
    /* log2(1 + x) as a polynomial that is exact at 0 and 1 and within 0.0002 between. */
    const uint64_t bend = 28710 - (x * (15512 - (x * 5263 >> 16)) >> 16);
    return ((uint64_t)power << FRACTION_BITS) + x + ((x * (65536 - x) >> 16) * bend >> 16);
}

uint64_t hemp_rans_total(const hemp_rans_histogram *histogram) {
    uint64_t total = 0;
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        total += histogram->counts[s];
    }
    return total;
}

uint64_t hemp_rans_symbols_cost(const hemp_rans_histogram *histogram) {
    const uint64_t total = hemp_rans_total(histogram);
    uint64_t cost = total > 0 ? total * log2_of(total) : 0;
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s += 4) {
        const uint32_t *counts = histogram->counts + s;
        if ((counts[0] | counts[1] | counts[2] | counts[3]) == 0) {
            continue; /* most symbols do not occur, and neighbors of those not either */
        }
        for (unsigned i = 0; i < 4; i++) {
            cost -= counts[i] > 1 ? counts[i] * log2_of(counts[i]) : 0;
        }
    }
    return cost;
}

uint64_t hemp_rans_sample_cost(const hemp_rans_histogram *histogram) {
    unsigned different = 0;
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        different += histogram->counts[s] > 0;
    }
    return hemp_rans_symbols_cost(histogram) + (uint64_t)BIAS * different;
}

uint64_t hemp_rans_class_cost(const hemp_rans_histogram *histogram) {
    const uint64_t total = hemp_rans_total(histogram);
    uint64_t bytes = TABLE_BYTES;
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        /* A frequency below 128 takes one byte. */
        bytes += (uint64_t)(histogram->counts[s] > 0) + (histogram->counts[s] > total / 32);
    }
    return hemp_rans_symbols_cost(histogram) + (8 * bytes << FRACTION_BITS);
}

void hemp_rans_add(hemp_rans_histogram *to, const hemp_rans_histogram *from) {
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        to->counts[s] += from->counts[s];
    }
}

/* Count symbols in four tables in turn, since equal neighbours would wait for each other in one. */
static void count_in_turn(hemp_rans_histogram *histograms, const uint8_t *symbols, size_t size) {
    uint32_t *first = histograms[0].counts, *second = histograms[1].counts;
    uint32_t *third = histograms[2].counts, *fourth = histograms[3].counts;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        const uint64_t eight = hemp_load64(symbols + i);
        first[eight & 0xFF]++;
        second[eight >> 8 & 0xFF]++;
        third[eight >> 16 & 0xFF]++;
        fourth[eight >> 24 & 0xFF]++;
        first[eight >> 32 & 0xFF]++;
        second[eight >> 40 & 0xFF]++;
        third[eight >> 48 & 0xFF]++;
        fourth[eight >> 56]++;
    }
    for (; i < size; i++) {
        first[symbols[i]]++;
    }
}

void hemp_rans_count(hemp_rans_histogram *histogram, const uint8_t *symbols, size_t size) {
    hemp_rans_histogram in_turn[HEMP_RANS_IN_TURN] = {{{0}}};
    count_in_turn(in_turn, symbols, size);
    for (unsigned i = 0; i < HEMP_RANS_IN_TURN; i++) {
        hemp_rans_add(histogram, &in_turn[i]);
    }
}

void hemp_rans_count_others(hemp_rans_histogram *histogram, const uint8_t *symbols, size_t size) {
    size_t i = 0;
    while (i < size) {
#ifdef HEMP_X86_SIMD
        i += hemp_cpu_has_avx2() ? hemp_rans_counted_avx2(histogram->counts, symbols + i, size - i) : 0;
#endif
        for (size_t end = size - i < KNOWN ? size : i + KNOWN; i < end; i++) {
            histogram->counts[symbols[i]] += histogram->counts[symbols[i]] == 0;
        }
    }
}

static size_t strip_begin(const hemp_rans_classes *classes, uint64_t strip) {
    return (size_t)hemp_rans_strip_begin(&classes->strips, strip);
}

static size_t strip_size(const hemp_rans_classes *classes, uint64_t strip) {
    return (size_t)hemp_rans_strip_end(&classes->strips, strip) - strip_begin(classes, strip);
}

/* The next strip of a sample of one in `step` on average.  It is irregular, because rows often repeat regularly. */
static uint64_t next_strip(uint64_t strip, uint64_t step) {
    const uint32_t mixed = (uint32_t)(strip + 1) * 2654435761u;
    return strip + 1 + (mixed >> 16) % (2 * step - 1);
}

/* Histograms of the classes, from the strips of a sample. */
static void count_classes(hemp_rans_classes *classes, const uint8_t *symbols, uint64_t step) {
    const uint64_t count = hemp_rans_strip_count(&classes->strips);
    memset(classes->in_turn, 0, sizeof classes->in_turn);
    memset(classes->histograms, 0, sizeof classes->histograms);
    for (uint64_t i = 0; i < count; i = next_strip(i, step)) {
        const unsigned k = classes->of_strips[i];
        count_in_turn(classes->in_turn[k], symbols + strip_begin(classes, i), strip_size(classes, i));
    }
    for (unsigned k = 0; k < HEMP_RANS_MAX_CLASSES; k++) {
        for (unsigned i = 0; i < HEMP_RANS_IN_TURN; i++) {
            hemp_rans_add(&classes->histograms[k], &classes->in_turn[k][i]);
        }
    }
}

static uint64_t sample_cost_of_classes(const hemp_rans_classes *classes) {
    uint64_t cost = 0;
    for (unsigned k = 0; k < HEMP_RANS_MAX_CLASSES; k++) {
        cost += hemp_rans_sample_cost(&classes->histograms[k]);
    }
    return cost;
}

static unsigned most_frequent(const hemp_rans_histogram *histogram) {
    unsigned best = 0;
    for (unsigned s = 1; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        best = histogram->counts[s] > histogram->counts[best] ? s : best;
    }
    return best;
}

/* How far symbols are from the center on average, in 16ths.  The center comes as an array, since processors have an
 * instruction for the differences of two arrays, which compilers know. */
static unsigned key_of(const uint8_t *symbols, size_t size, const uint8_t *centers) {
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += (uint32_t)abs((int)symbols[i] - (int)centers[i]);
    }
    return sum * (KEYS / HEMP_RANS_MAX_SYMBOLS) / (uint32_t)size;
}

/* Eight classes of about as many strips each, in the order of their keys: the strips of a sample, or all with step 1.
 */
static void sort_by_key(hemp_rans_classes *classes, const uint8_t *symbols, unsigned center, uint64_t step) {
    const uint64_t count = hemp_rans_strip_count(&classes->strips);
    uint32_t key_counts[KEYS] = {0};
    uint8_t class_of_key[KEYS];
    uint8_t centers[LONGEST_STRIP];
    uint64_t sorted = 0, below = 0;
    memset(centers, (int)center, sizeof centers);
    for (uint64_t i = 0; i < count; i = next_strip(i, step), sorted++) {
        classes->keys[i] = (uint16_t)key_of(symbols + strip_begin(classes, i), strip_size(classes, i), centers);
        key_counts[classes->keys[i]]++;
    }
    for (unsigned key = 0; key < KEYS; key++) {
        class_of_key[key] = (uint8_t)(HEMP_RANS_MAX_CLASSES * (2 * below + key_counts[key]) / (2 * sorted + 1));
        below += key_counts[key];
    }
    for (uint64_t i = 0; i < count; i = next_strip(i, step)) {
        classes->of_strips[i] = class_of_key[classes->keys[i]];
    }
}

/* What a sample takes if its strips are sorted so. */
static uint64_t cost_if_sorted(hemp_rans_classes *classes, const uint8_t *symbols, unsigned center, uint64_t step) {
    sort_by_key(classes, symbols, center, step);
    count_classes(classes, symbols, step);
    return sample_cost_of_classes(classes);
}

/* Put strips into classes by how far their symbols are from 0 or from the most frequent one: rows of floating-point
 * exponents differ in the first, rows of indices around a center in the second.  1 if that promises to save
 * enough, and more than the tables take, as far as a sample of the strips shows. */
static int sort_strips(hemp_rans_classes *classes, const uint8_t *symbols, const hemp_rans_search *search) {
    const uint64_t step = 1 + classes->strips.symbols / search->sampled;
    memset(classes->of_strips, 0, (size_t)hemp_rans_strip_count(&classes->strips));
    count_classes(classes, symbols, step);
    const hemp_rans_histogram all = classes->histograms[0];
    const uint64_t plain = hemp_rans_sample_cost(&all);
    const uint64_t table = hemp_rans_class_cost(&all) - hemp_rans_symbols_cost(&all);
    const unsigned center = most_frequent(&all);
    const uint64_t by_distance = cost_if_sorted(classes, symbols, center, step);
    const uint64_t by_size = cost_if_sorted(classes, symbols, 0, step);
    const uint64_t best = by_distance < by_size ? by_distance : by_size;
    if (best + plain / search->least_gain >= plain || (plain - best) * step <= 2 * table) {
        return 0;
    }
    sort_by_key(classes, symbols, by_distance < by_size ? center : 0, 1);
    return 1;
}

/* Code lengths of the symbols under a histogram, as class k of `lengths`. */
static void set_lengths(hemp_rans_classes *classes, const hemp_rans_histogram *histogram, unsigned k) {
    const uint64_t total = hemp_rans_total(histogram);
    const uint64_t whole = total > 0 ? log2_of(total) : 0;
    const unsigned shift = 16 * (k % 4);
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        const uint32_t count = histogram->counts[s];
        const uint64_t exact = count > 0 ? whole - log2_of(count) : RARE_LENGTH;
        const uint64_t length = (exact < RARE_LENGTH ? exact : RARE_LENGTH) >> (FRACTION_BITS - LENGTH_BITS);
        uint64_t *four = &classes->lengths[s][k / 4];
        *four = (*four & ~((uint64_t)0xFFFF << shift)) | length << shift;
    }
}

/* The class in which these symbols are shortest.  Four sums of 16 bits share an integer, which lets one addition do the
 * work of four. */
static unsigned best_class(const hemp_rans_classes *classes, const uint8_t *symbols, size_t size) {
    uint32_t sums[HEMP_RANS_MAX_CLASSES] = {0};
    for (size_t done = 0; done < size; done += LENGTHS_SUMMED) {
        const size_t end = size - done < LENGTHS_SUMMED ? size : done + LENGTHS_SUMMED;
        uint64_t first = 0, second = 0;
        for (size_t j = done; j < end; j++) {
            const uint64_t *lengths = classes->lengths[symbols[j]];
            first += lengths[0];
            second += lengths[1];
        }
        for (unsigned k = 0; k < 4; k++) {
            sums[k] += (uint32_t)(first >> 16 * k) & 0xFFFF;
            sums[k + 4] += (uint32_t)(second >> 16 * k) & 0xFFFF;
        }
    }
    unsigned best = 0;
    for (unsigned k = 1; k < HEMP_RANS_MAX_CLASSES; k++) {
        best = sums[k] < sums[best] ? k : best;
    }
    return best;
}

/* Put each strip into the class in which it is shortest. */
static void assign(hemp_rans_classes *classes, const uint8_t *symbols) {
    const uint64_t count = hemp_rans_strip_count(&classes->strips);
    for (unsigned k = 0; k < HEMP_RANS_MAX_CLASSES; k++) {
        set_lengths(classes, &classes->histograms[k], k);
    }
    for (uint64_t i = 0; i < count; i++) {
        classes->of_strips[i] = (uint8_t)best_class(classes, symbols + strip_begin(classes, i), strip_size(classes, i));
    }
}

static int gains_much(const hemp_rans_classes *classes) {
    hemp_rans_histogram all = {{0}};
    for (unsigned k = 0; k < HEMP_RANS_MAX_CLASSES; k++) {
        hemp_rans_add(&all, &classes->histograms[k]);
    }
    const uint64_t plain = hemp_rans_sample_cost(&all);
    return sample_cost_of_classes(classes) + plain / MUCH_GAIN < plain;
}

/* Make class k + 1 part of class k. */
static void merge_pair(hemp_rans_classes *classes, unsigned k) {
    const uint64_t count = hemp_rans_strip_count(&classes->strips);
    hemp_rans_add(&classes->histograms[k], &classes->histograms[k + 1]);
    classes->count--;
    memmove(&classes->histograms[k + 1], &classes->histograms[k + 2],
            (classes->count - k - 1) * sizeof classes->histograms[0]);
    for (uint64_t i = 0; i < count; i++) {
        classes->of_strips[i] = (uint8_t)(classes->of_strips[i] - (classes->of_strips[i] > k));
    }
}

/* The cost of class k and the next as one. */
static uint64_t joint_cost(const hemp_rans_classes *classes, unsigned k) {
    hemp_rans_histogram both = classes->histograms[k];
    hemp_rans_add(&both, &classes->histograms[k + 1]);
    return hemp_rans_class_cost(&both);
}

/* Merge classes as long as that saves more in tables than it costs in symbols.  They are in the order of their keys, so
 * that those that are alike are neighbours. */
static void merge(hemp_rans_classes *classes) {
    /* Merging two classes also saves about a quarter of a bit in the class of each strip. */
    const uint64_t strips_gain = hemp_rans_strip_count(&classes->strips) << (FRACTION_BITS - 2);
    uint64_t alone[HEMP_RANS_MAX_CLASSES], joint[HEMP_RANS_MAX_CLASSES] = {0};
    for (unsigned k = 0; k < classes->count; k++) {
        alone[k] = hemp_rans_class_cost(&classes->histograms[k]);
        joint[k] = k + 1 < classes->count ? joint_cost(classes, k) : 0;
    }
    while (classes->count > 1) {
        unsigned best = 0;
        uint64_t best_gain = 0;
        for (unsigned k = 0; k + 1 < classes->count; k++) {
            const uint64_t apart = alone[k] + alone[k + 1] + strips_gain;
            const uint64_t gain = apart > joint[k] ? apart - joint[k] : 0;
            best = gain > best_gain ? k : best;
            best_gain = gain > best_gain ? gain : best_gain;
        }
        if (best_gain == 0) {
            return;
        }
        merge_pair(classes, best);
        alone[best] = joint[best];
        for (unsigned k = best + 1; k < classes->count; k++) {
            alone[k] = alone[k + 1];
            joint[k] = joint[k + 1];
        }
        if (best + 1 < classes->count) {
            joint[best] = joint_cost(classes, best);
        }
        if (best > 0) {
            joint[best - 1] = joint_cost(classes, best - 1);
        }
    }
}

void hemp_rans_choose_classes(hemp_rans_classes *classes, const uint8_t *symbols, const hemp_rans_search *search) {
    const hemp_rans_strips *strips = &classes->strips;
    classes->count = 1;
    if (strips->first >= strips->symbols || hemp_rans_strip_count(strips) < FEWEST_STRIPS) {
        return;
    }
    if (!sort_strips(classes, symbols, search)) {
        return;
    }
    count_classes(classes, symbols, 1);
    for (unsigned round = 0; round < search->rounds && gains_much(classes); round++) {
        assign(classes, symbols);
        count_classes(classes, symbols, 1);
    }
    classes->count = HEMP_RANS_MAX_CLASSES;
    merge(classes);
}
