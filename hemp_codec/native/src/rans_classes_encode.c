/* The coder `rans` (spec/coders.md, 6): classes of strips.  All arithmetic is in integers, so that the same indices give
 * the same bytes everywhere. */
#include "rans_classes_encode.h"

#include <string.h>

enum {
    LONGEST_STRIP = 2048,
    FEWEST_STRIPS = 16,
    SAMPLED_STRIPS = 384, /* about so many decide on the tables */
    ROUNDS = 3,
    KEYS = 4096,
    FRACTION_BITS = 16, /* of code lengths */
    RARE_LENGTH = 14 << FRACTION_BITS,
    TABLE_BYTES = 8, /* that a table takes besides one or two for each of its symbols */
    LEAST_GAIN = 512 /* classes must save at least one part in so many */
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
    unsigned power = 0;
    while (n >> (power + 1) > 0) {
        power++;
    }
    const uint64_t x = (power > FRACTION_BITS ? n >> (power - FRACTION_BITS) : n << (FRACTION_BITS - power)) & 0xFFFF;
    /* log2(1 + x) as a polynomial that is exact at 0 and 1 and within 0.0002 between. */
    const uint64_t bend = 28710 - (x * (15512 - (x * 5263 >> 16)) >> 16);
    return ((uint64_t)power << FRACTION_BITS) + x + ((x * (65536 - x) >> 16) * bend >> 16);
}

static uint64_t total_of(const hemp_rans_histogram *histogram) {
    uint64_t total = 0;
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        total += histogram->counts[s];
    }
    return total;
}

/* Bits, times 2^16, of the symbols of a histogram. */
static uint64_t symbols_cost(const hemp_rans_histogram *histogram) {
    const uint64_t total = total_of(histogram);
    uint64_t cost = total > 0 ? total * log2_of(total) : 0;
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        const uint64_t count = histogram->counts[s];
        cost -= count > 1 ? count * log2_of(count) : 0;
    }
    return cost;
}

/* The same, with its table. */
static uint64_t class_cost(const hemp_rans_histogram *histogram) {
    const uint64_t total = total_of(histogram);
    uint64_t bytes = TABLE_BYTES;
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        /* A frequency below 128 takes one byte. */
        bytes += (uint64_t)(histogram->counts[s] > 0) + (histogram->counts[s] > total / 32);
    }
    return symbols_cost(histogram) + (8 * bytes << FRACTION_BITS);
}

static void add_histogram(hemp_rans_histogram *to, const hemp_rans_histogram *from) {
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        to->counts[s] += from->counts[s];
    }
}

void hemp_rans_count(hemp_rans_histogram *histogram, const uint8_t *symbols, size_t size) {
    hemp_rans_histogram others[3]; /* four in turn, since equal neighbours would wait for each other */
    size_t i = 0;
    if (size >= 4 * HEMP_RANS_MAX_SYMBOLS) {
        memset(others, 0, sizeof others);
        for (; i + 4 <= size; i += 4) {
            histogram->counts[symbols[i]]++;
            others[0].counts[symbols[i + 1]]++;
            others[1].counts[symbols[i + 2]]++;
            others[2].counts[symbols[i + 3]]++;
        }
        for (unsigned k = 0; k < 3; k++) {
            add_histogram(histogram, &others[k]);
        }
    }
    for (; i < size; i++) {
        histogram->counts[symbols[i]]++;
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
    memset(classes->histograms, 0, sizeof classes->histograms);
    for (uint64_t i = 0; i < count; i = next_strip(i, step)) {
        hemp_rans_count(&classes->histograms[classes->of_strips[i]], symbols + strip_begin(classes, i),
                        strip_size(classes, i));
    }
}

static uint64_t cost_of_classes(const hemp_rans_classes *classes) {
    uint64_t cost = 0;
    for (unsigned k = 0; k < HEMP_RANS_MAX_CLASSES; k++) {
        cost += symbols_cost(&classes->histograms[k]);
    }
    return cost;
}

/* Code lengths of the symbols under a histogram, as column k of `lengths`. */
static void set_lengths(hemp_rans_classes *classes, const hemp_rans_histogram *histogram, unsigned k) {
    const uint64_t total = total_of(histogram);
    const uint64_t whole = total > 0 ? log2_of(total) : 0;
    for (unsigned s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        const uint32_t count = histogram->counts[s];
        const uint64_t length = count > 0 ? whole - log2_of(count) : RARE_LENGTH;
        classes->lengths[s][k] = (uint32_t)(length < RARE_LENGTH ? length : RARE_LENGTH) >> 8;
    }
}

/* Put each strip into the class in which it is shortest. */
static void assign(hemp_rans_classes *classes, const uint8_t *symbols, uint64_t step) {
    const uint64_t count = hemp_rans_strip_count(&classes->strips);
    for (unsigned k = 0; k < HEMP_RANS_MAX_CLASSES; k++) {
        set_lengths(classes, &classes->histograms[k], k);
    }
    for (uint64_t i = 0; i < count; i = next_strip(i, step)) {
        const uint8_t *strip = symbols + strip_begin(classes, i);
        const size_t size = strip_size(classes, i);
        uint32_t sums[HEMP_RANS_MAX_CLASSES] = {0};
        for (size_t j = 0; j < size; j++) {
            for (unsigned k = 0; k < HEMP_RANS_MAX_CLASSES; k++) {
                sums[k] += classes->lengths[strip[j]][k];
            }
        }
        unsigned best = 0;
        for (unsigned k = 1; k < HEMP_RANS_MAX_CLASSES; k++) {
            best = sums[k] < sums[best] ? k : best;
        }
        classes->of_strips[i] = (uint8_t)best;
    }
}

/* By what strips are put in order at first: their mean symbol, or their mean code length, which tells how far from the
 * usual its symbols are. */
static unsigned key_of(const hemp_rans_classes *classes, const uint8_t *symbols, uint64_t strip, int by_length) {
    const uint8_t *at = symbols + strip_begin(classes, strip);
    const size_t size = strip_size(classes, strip);
    uint64_t sum = 0;
    if (by_length) {
        for (size_t j = 0; j < size; j++) {
            sum += classes->lengths[at[j]][0];
        }
    } else {
        for (size_t j = 0; j < size; j++) {
            sum += at[j];
        }
        sum *= KEYS / 256;
    }
    const uint64_t mean = sum / size; /* code lengths are below 14 x 256 */
    return mean < KEYS ? (unsigned)mean : KEYS - 1;
}

/* Eight classes of about as many strips each, in the order of their keys. */
static void begin_by_key(hemp_rans_classes *classes, const uint8_t *symbols, uint64_t step, int by_length) {
    const uint64_t count = hemp_rans_strip_count(&classes->strips);
    uint32_t key_counts[KEYS] = {0};
    uint8_t class_of_key[KEYS];
    uint64_t sampled = 0, below = 0;
    for (uint64_t i = 0; i < count; i = next_strip(i, step)) {
        key_counts[key_of(classes, symbols, i, by_length)]++;
        sampled++;
    }
    for (unsigned key = 0; key < KEYS; key++) {
        class_of_key[key] = (uint8_t)(HEMP_RANS_MAX_CLASSES * (2 * below + key_counts[key]) / (2 * sampled + 1));
        below += key_counts[key];
    }
    for (uint64_t i = 0; i < count; i = next_strip(i, step)) {
        classes->of_strips[i] = class_of_key[key_of(classes, symbols, i, by_length)];
    }
    count_classes(classes, symbols, step);
}

/* Tables from a sample of the strips; whether they promise to save anything. */
static int train(hemp_rans_classes *classes, const uint8_t *symbols) {
    const uint64_t count = hemp_rans_strip_count(&classes->strips);
    const uint64_t step = 1 + count / SAMPLED_STRIPS;
    hemp_rans_histogram all = {{0}};
    memset(classes->of_strips, 0, (size_t)count);
    count_classes(classes, symbols, step);
    all = classes->histograms[0];
    const uint64_t plain = symbols_cost(&all);
    set_lengths(classes, &all, 0);
    begin_by_key(classes, symbols, step, 0);
    const uint64_t cost = cost_of_classes(classes);
    memcpy(classes->scratch, classes->histograms, sizeof classes->scratch);
    begin_by_key(classes, symbols, step, 1);
    if (cost <= cost_of_classes(classes)) {
        memcpy(classes->histograms, classes->scratch, sizeof classes->scratch);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        assign(classes, symbols, step);
        count_classes(classes, symbols, step);
    }
    return cost_of_classes(classes) + plain / LEAST_GAIN < plain;
}

static void merge_pair(hemp_rans_classes *classes, unsigned into, unsigned from) {
    const uint64_t count = hemp_rans_strip_count(&classes->strips);
    const unsigned last = classes->count - 1;
    add_histogram(&classes->histograms[into], &classes->histograms[from]);
    classes->histograms[from] = classes->histograms[last];
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t k = classes->of_strips[i];
        classes->of_strips[i] = (uint8_t)(k == from ? into : k == last ? from : k);
    }
    classes->count = last;
}

/* Merge classes as long as that saves more in tables than it costs in symbols. */
static void merge(hemp_rans_classes *classes) {
    /* Merging two classes also saves about a quarter of a bit in the class of each strip. */
    const uint64_t strips_gain = hemp_rans_strip_count(&classes->strips) << (FRACTION_BITS - 2);
    while (classes->count > 1) {
        uint64_t best_gain = 0;
        unsigned best_a = 0, best_b = 0;
        for (unsigned a = 0; a < classes->count; a++) {
            for (unsigned b = a + 1; b < classes->count; b++) {
                hemp_rans_histogram both = classes->histograms[a];
                add_histogram(&both, &classes->histograms[b]);
                const uint64_t apart =
                    class_cost(&classes->histograms[a]) + class_cost(&classes->histograms[b]) + strips_gain;
                const uint64_t together = class_cost(&both);
                if (apart > together && apart - together > best_gain) {
                    best_gain = apart - together;
                    best_a = a;
                    best_b = b;
                }
            }
        }
        if (best_gain == 0) {
            return;
        }
        merge_pair(classes, best_a, best_b);
    }
}

void hemp_rans_choose_classes(hemp_rans_classes *classes, const uint8_t *symbols) {
    const hemp_rans_strips *strips = &classes->strips;
    classes->count = 1;
    if (strips->first >= strips->symbols || hemp_rans_strip_count(strips) < FEWEST_STRIPS) {
        return;
    }
    if (!train(classes, symbols)) {
        return;
    }
    assign(classes, symbols, 1);
    count_classes(classes, symbols, 1);
    classes->count = HEMP_RANS_MAX_CLASSES;
    merge(classes);
}
