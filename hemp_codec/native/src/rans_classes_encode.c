/* The coder `rans` (spec/coders.md, 6): classes of strips.  All arithmetic is in integers, so that the same indices
 * give the same bytes everywhere. */
#include "rans_classes_encode.h"

#include <string.h>

enum {
    LONGEST_STRIP = 2048,
    FEWEST_STRIPS = 16,
    SAMPLED_STRIPS = 128, /* about so many decide on the tables */
    ROUNDS = 2,
    KEYS = 4096,
    LENGTH_BITS = 5,      /* of the fraction of code lengths in tables */
    LENGTHS_SUMMED = 128, /* sums of so many of them stay below 2^16 */
    FRACTION_BITS = 16,   /* of costs */
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
    for (unsigned step = 32; step > 0; step /= 2) {
        power += n >> (power + step) > 0 ? step : 0;
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

/* Count symbols, those of even and odd numbers apart, since equal neighbours would wait for each other. */
static void count_pairs(uint32_t *even, uint32_t *odd, const uint8_t *symbols, size_t size) {
    size_t i = 0;
    for (; i + 2 <= size; i += 2) {
        even[symbols[i]]++;
        odd[symbols[i + 1]]++;
    }
    if (i < size) {
        even[symbols[i]]++;
    }
}

void hemp_rans_count(hemp_rans_histogram *histogram, const uint8_t *symbols, size_t size) {
    hemp_rans_histogram odd = {{0}};
    count_pairs(histogram->counts, odd.counts, symbols, size);
    add_histogram(histogram, &odd);
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
    hemp_rans_histogram odd[HEMP_RANS_MAX_CLASSES];
    memset(odd, 0, sizeof odd);
    memset(classes->histograms, 0, sizeof classes->histograms);
    for (uint64_t i = 0; i < count; i = next_strip(i, step)) {
        const unsigned k = classes->of_strips[i];
        count_pairs(classes->histograms[k].counts, odd[k].counts, symbols + strip_begin(classes, i),
                    strip_size(classes, i));
    }
    for (unsigned k = 0; k < HEMP_RANS_MAX_CLASSES; k++) {
        add_histogram(&classes->histograms[k], &odd[k]);
    }
}

static uint64_t cost_of_classes(const hemp_rans_classes *classes) {
    uint64_t cost = 0;
    for (unsigned k = 0; k < HEMP_RANS_MAX_CLASSES; k++) {
        cost += symbols_cost(&classes->histograms[k]);
    }
    return cost;
}

/* Code lengths of the symbols under a histogram, as class k of `lengths`. */
static void set_lengths(hemp_rans_classes *classes, const hemp_rans_histogram *histogram, unsigned k) {
    const uint64_t total = total_of(histogram);
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
static void assign(hemp_rans_classes *classes, const uint8_t *symbols, uint64_t step) {
    const uint64_t count = hemp_rans_strip_count(&classes->strips);
    for (unsigned k = 0; k < HEMP_RANS_MAX_CLASSES; k++) {
        set_lengths(classes, &classes->histograms[k], k);
    }
    for (uint64_t i = 0; i < count; i = next_strip(i, step)) {
        classes->of_strips[i] = (uint8_t)best_class(classes, symbols + strip_begin(classes, i), strip_size(classes, i));
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
            sum += classes->lengths[at[j]][0] & 0xFFFF;
        }
        sum *= KEYS >> (LENGTH_BITS + 4);
    } else {
        for (size_t j = 0; j < size; j++) {
            sum += at[j];
        }
        sum *= KEYS / 256;
    }
    const uint64_t mean = sum / size; /* code lengths are at most 14 bits */
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
    const uint64_t other_cost = cost_of_classes(classes);
    if (cost <= other_cost) {
        memcpy(classes->histograms, classes->scratch, sizeof classes->scratch);
    }
    const uint64_t best = cost <= other_cost ? cost : other_cost;
    if ((plain - best) * step < 2 * (class_cost(&all) - plain)) {
        return 0; /* two more tables would cost more than that */
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

/* The cost of two classes as one. */
static uint64_t joint_cost(const hemp_rans_classes *classes, unsigned a, unsigned b) {
    hemp_rans_histogram both = classes->histograms[a];
    add_histogram(&both, &classes->histograms[b]);
    return class_cost(&both);
}

/* Merge classes as long as that saves more in tables than it costs in symbols. */
static void merge(hemp_rans_classes *classes) {
    /* Merging two classes also saves about a quarter of a bit in the class of each strip. */
    const uint64_t strips_gain = hemp_rans_strip_count(&classes->strips) << (FRACTION_BITS - 2);
    uint64_t joint[HEMP_RANS_MAX_CLASSES][HEMP_RANS_MAX_CLASSES]; /* [a][b] for b < a; [a][a]: a by itself */
    for (unsigned a = 0; a < classes->count; a++) {
        joint[a][a] = class_cost(&classes->histograms[a]);
        for (unsigned b = 0; b < a; b++) {
            joint[a][b] = joint_cost(classes, a, b);
        }
    }
    while (classes->count > 1) {
        uint64_t best_gain = 0;
        unsigned from = 0, into = 0;
        for (unsigned a = 1; a < classes->count; a++) {
            for (unsigned b = 0; b < a; b++) {
                const uint64_t apart = joint[a][a] + joint[b][b] + strips_gain;
                if (apart > joint[a][b] && apart - joint[a][b] > best_gain) {
                    best_gain = apart - joint[a][b];
                    from = a;
                    into = b;
                }
            }
        }
        if (best_gain == 0) {
            return;
        }
        const unsigned last = classes->count - 1;
        merge_pair(classes, into, from);
        /* What was last has the number `from` now. */
        joint[from][from] = joint[last][last];
        for (unsigned k = 0; k < last; k++) {
            if (k != from) {
                joint[k > from ? k : from][k > from ? from : k] = joint[last][k];
            }
        }
        joint[into][into] = class_cost(&classes->histograms[into]);
        for (unsigned k = 0; k < last; k++) {
            if (k != into) {
                joint[k > into ? k : into][k > into ? into : k] = joint_cost(classes, k, into);
            }
        }
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
