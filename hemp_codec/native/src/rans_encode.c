/* The coder `rans` (spec/coders.md, 6): encoding. */
#include <string.h>

#include "bytes.h"
#include "hemp_encode.h"
#include "rans.h"
#include "rans_avx2_encode.h"
#include "rans_classes_encode.h"
#include "rans_encode.h"
#include "varint.h"

enum {
    TABLE_BOUND = 2 * HEMP_RANS_MAX_SYMBOLS,
    HEADER_BOUND = 1 + 3 * HEMP_VARINT_MAX + HEMP_RANS_MAX_CLASSES * TABLE_BOUND + 4 * HEMP_RANS_MAX_LANES +
        HEMP_RANS_AVX2_SLACK,
    CLASSES_MIN = 1 << 13,  /* shorter sequences have one class */
    COUNTED_PIECE = 1 << 12 /* symbols that are counted together */
};

/* About a hundredth of a block for its lanes. */
static const hemp_rans_effort FULL_EFFORT = {320, 64, UINT64_MAX, {1 << 14, 2, 1 << 16}};

typedef struct rans_symbol {
    uint64_t reciprocal; /* ceil(2^44 / frequency): state * reciprocal >> 44 is exactly state / frequency */
    uint32_t limit;      /* from this on a state loses a word before the symbol is coded */
    uint16_t cumulative;
    uint16_t complement; /* 4096 - frequency */
} rans_symbol;

typedef struct rans_table {
    rans_symbol symbols[HEMP_RANS_MAX_SYMBOLS];
    uint32_t frequencies[HEMP_RANS_MAX_SYMBOLS];
    /* Behind a margin, of each symbol: frequency, and above 16 bits the cumulative one. */
    uint32_t entries[HEMP_RANS_AVX2_MARGIN + HEMP_RANS_MAX_SYMBOLS + HEMP_RANS_AVX2_MARGIN];
} rans_table;

typedef struct rans_encoder {
    rans_table tables[HEMP_RANS_MAX_CLASSES];
    rans_table strips_table; /* of the block of classes */
    hemp_rans_classes classes;
    hemp_rans_effort effort;
} rans_encoder;

/* The interleaved states, as they are before the symbols coded so far. */
typedef struct rans_writer {
    uint32_t states[HEMP_RANS_MAX_LANES];
    unsigned lanes;
    int use_avx2;
    uint8_t *words; /* first of the words written so far; they grow downwards */
} rans_writer;

static uint64_t strip_bound(uint64_t symbols) {
    return symbols / HEMP_RANS_MIN_STRIP + 2;
}

/* Indices of the sequence; HEMP_NONE beyond any memory. */
static uint64_t sequence_size(const hemp_part *parts, size_t count) {
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > (UINT64_MAX >> 4) - size) {
            return HEMP_NONE;
        }
        size += parts[i].num_levels > 1 ? parts[i].size : 0;
    }
    return size;
}

/* Bytes of a block but for the words of its symbols. */
static uint64_t header_bound(uint64_t size) {
    return 2 * HEADER_BOUND + 2 * strip_bound(size);
}

uint64_t hemp_rans_encode_bound(const hemp_part *parts, size_t count) {
    const uint64_t size = sequence_size(parts, count);
    if (size == HEMP_NONE) {
        return HEMP_NONE;
    }
    const uint64_t block = header_bound(size) + 2 * size;
    return hemp_rans_levels(parts, count) > 256 ? HEMP_VARINT_MAX + 2 * block : block;
}

uint64_t hemp_rans_encode_memory(const hemp_part *parts, size_t count) {
    const uint64_t size = sequence_size(parts, count);
    return size == HEMP_NONE ? HEMP_NONE : sizeof(rans_encoder) + 3 * strip_bound(size) + size;
}

static uint64_t headers_bound(uint64_t size) {
    return HEMP_VARINT_MAX + 2 * header_bound(size);
}

uint64_t hemp_rans_estimate_memory(const hemp_part *parts, size_t count) {
    const uint64_t size = sequence_size(parts, count);
    return size == HEMP_NONE ? HEMP_NONE : hemp_rans_encode_memory(parts, count) + headers_bound(size);
}

/* ---------------------------------------------------------------------------------------------------- frequencies */

/* One more slot for a symbol of count n and frequency f saves about n / (f + 1/2) of code length, and one slot less
 * costs about n / (f - 1/2).  So the slots go where n / (2f + 1) is largest, and come from where n / (2f - 1) is
 * smallest; of equal ones to or from the first symbol.  The counts are below 2^48, so nothing overflows. */
typedef struct rans_queue {
    const uint32_t *counts;
    uint32_t *frequencies;
    int is_growing;
    unsigned size;
    uint8_t heap[HEMP_RANS_MAX_SYMBOLS]; /* symbols, each before the two at twice its place */
} rans_queue;

static uint64_t divisor(const rans_queue *queue, uint8_t symbol) {
    const uint32_t frequency = queue->frequencies[symbol];
    return queue->is_growing ? 2 * frequency + 1 : frequency > 1 ? 2 * frequency - 1 : 0 /* it keeps its only slot */;
}

static int is_before(const rans_queue *queue, uint8_t a, uint8_t b) {
    const uint64_t left = queue->counts[a] * divisor(queue, b), right = queue->counts[b] * divisor(queue, a);
    return left == right ? a < b : (left > right) == queue->is_growing;
}

/* Let the symbol at this place sink to where it belongs. */
static void sink(rans_queue *queue, unsigned place) {
    uint8_t *heap = queue->heap;
    const uint8_t symbol = heap[place];
    for (unsigned child; (child = 2 * place + 1) < queue->size; place = child) {
        child += child + 1 < queue->size && is_before(queue, heap[child + 1], heap[child]);
        if (!is_before(queue, heap[child], symbol)) {
            break;
        }
        heap[place] = heap[child];
    }
    heap[place] = symbol;
}

/* Frequencies that sum to 4096, at least 1 for every symbol that occurs. */
static void choose_frequencies(rans_table *table, const hemp_rans_histogram *histogram) {
    rans_queue queue = {.counts = histogram->counts, .frequencies = table->frequencies};
    uint64_t total = 0;
    uint32_t sum = 0;
    for (uint32_t s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        total += histogram->counts[s];
        table->frequencies[s] = 0;
        if (histogram->counts[s] > 0) {
            queue.heap[queue.size++] = (uint8_t)s;
        }
    }
    for (unsigned i = 0; i < queue.size; i++) {
        const uint32_t s = queue.heap[i];
        const uint32_t share = (uint32_t)((histogram->counts[s] * (uint64_t)HEMP_RANS_SCALE + total / 2) / total);
        table->frequencies[s] = share == 0 ? 1 : share;
        sum += table->frequencies[s];
    }
    queue.is_growing = sum < HEMP_RANS_SCALE;
    for (unsigned place = queue.size / 2; place-- > 0 && sum != HEMP_RANS_SCALE;) {
        sink(&queue, place);
    }
    for (; sum != HEMP_RANS_SCALE; sum += queue.is_growing ? 1 : UINT32_MAX) {
        table->frequencies[queue.heap[0]] += queue.is_growing ? 1 : UINT32_MAX;
        sink(&queue, 0);
    }
}

static void prepare_table(rans_table *table, const hemp_rans_histogram *histogram) {
    uint32_t cumulative = 0;
    choose_frequencies(table, histogram);
    for (uint32_t s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        const uint32_t frequency = table->frequencies[s];
        rans_symbol *symbol = &table->symbols[s];
        symbol->cumulative = (uint16_t)cumulative;
        symbol->complement = (uint16_t)(HEMP_RANS_SCALE - frequency);
        symbol->limit = frequency << 20;
        symbol->reciprocal = frequency > 0 ? (((uint64_t)1 << 44) + frequency - 1) / frequency : 0;
        table->entries[HEMP_RANS_AVX2_MARGIN + s] = frequency | cumulative << 16;
        cumulative += frequency;
    }
}

static size_t write_frequencies(uint8_t *out, const rans_table *table) {
    size_t size = 0;
    uint32_t sum = 0;
    for (uint32_t s = 0; sum < HEMP_RANS_SCALE; s++) {
        size += hemp_varint_write(out + size, table->frequencies[s]);
        sum += table->frequencies[s];
        if (table->frequencies[s] == 0) {
            uint32_t more = 0;
            while (table->frequencies[s + 1] == 0) {
                more++;
                s++;
            }
            size += hemp_varint_write(out + size, more);
        }
    }
    return size;
}

/* -------------------------------------------------------------------------------------------------------- symbols */

/* Few lanes for short blocks, since each costs about three bytes: as many as there are `lane_bytes` in a block of so
 * many bytes. */
static unsigned choose_lane_bits(uint64_t bytes, uint64_t lane_bytes) {
    const uint64_t lanes = bytes / lane_bytes;
    return lanes < 4 ? 0 : lanes < 8 ? 2 : lanes < HEMP_RANS_MAX_LANES ? 3 : HEMP_RANS_MAX_LANE_BITS;
}

static void begin_writer(rans_writer *writer, unsigned lane_bits, uint8_t *end) {
    memset(writer->states, 0, sizeof writer->states);
    writer->lanes = 1u << lane_bits;
    writer->use_avx2 = 0;
#ifdef HEMP_X86_SIMD
    writer->use_avx2 = writer->lanes == HEMP_RANS_MAX_LANES && hemp_cpu_has_avx2();
#endif
    writer->words = end;
    for (unsigned lane = 0; lane < writer->lanes; lane++) {
        writer->states[lane] = HEMP_RANS_LOW;
    }
}

/* Code symbols from the last to the first; `lane` is that of the one behind them.  The lane of the first. */
static unsigned write_singly(rans_writer *writer, const rans_table *table, const uint8_t *symbols, size_t size,
                             unsigned lane) {
    /* Copies whose address nobody has, so that the compiler need not fear that words are written over them. */
    uint32_t states[HEMP_RANS_MAX_LANES];
    uint8_t *words = writer->words;
    const unsigned mask = writer->lanes - 1;
    memcpy(states, writer->states, sizeof states);
    for (size_t i = size; i-- > 0;) {
        const rans_symbol symbol = table->symbols[symbols[i]];
        lane = (lane - 1) & mask;
        const uint32_t state = states[lane];
        /* Arithmetic instead of a branch, which would be mispredicted every few symbols. */
        const uint32_t full = state >= symbol.limit;
        hemp_store16(words - 2, (uint16_t)state);
        words -= 2 * full;
        const uint32_t rest = full ? state >> 16 : state;
        const uint32_t quotient = (uint32_t)((rest * symbol.reciprocal) >> 44);
        /* 4096 quotient + cumulative + (rest - quotient frequency) */
        states[lane] = rest + symbol.cumulative + quotient * symbol.complement;
    }
    memcpy(writer->states, states, sizeof states);
    writer->words = words;
    return lane;
}

/* The same, many at a time where that can be done. */
static unsigned write_symbols(rans_writer *writer, const rans_table *table, const uint8_t *symbols, size_t size,
                              unsigned lane) {
#ifdef HEMP_X86_SIMD
    if (writer->use_avx2 && size >= lane) {
        const size_t whole = (size - lane) / HEMP_RANS_MAX_LANES, first = (size - lane) % HEMP_RANS_MAX_LANES;
        lane = write_singly(writer, table, symbols + size - lane, lane, lane);
        writer->words = hemp_rans_write_rounds_avx2(writer->states, table->entries + HEMP_RANS_AVX2_MARGIN,
                                                    symbols + first, whole, writer->words);
        size = first;
    }
#endif
    return write_singly(writer, table, symbols, size, lane);
}

static size_t write_states(uint8_t *out, const rans_writer *writer) {
    for (unsigned lane = 0; lane < writer->lanes; lane++) {
        hemp_store32(out + 4 * lane, writer->states[lane]);
    }
    return (size_t)4 * writer->lanes;
}

/* 12 - log2(frequency), to within 1e-7, for 1 to 4096. */
static double bits_of(uint32_t frequency) {
    unsigned power = 0;
    while (frequency >> (power + 1) > 0) {
        power++;
    }
    const double mantissa = (double)frequency / (double)(1u << power);
    const double y = (mantissa - 1) / (mantissa + 1), square = y * y;
    double sum = 0, term = y; /* the series of the inverse hyperbolic tangent */
    for (int n = 1; n < 16; n += 2) {
        sum += term / n;
        term *= square;
    }
    return HEMP_RANS_SCALE_BITS - (double)power - sum * 2.8853900817779268;
}

/* Bits that the symbols of a histogram take. */
static double symbols_bits(const rans_table *table, const hemp_rans_histogram *histogram) {
    double bits = 0;
    for (uint32_t s = 0; s < HEMP_RANS_MAX_SYMBOLS; s++) {
        if (histogram->counts[s] > 0) {
            bits += histogram->counts[s] * bits_of(table->frequencies[s]);
        }
    }
    return bits;
}

/* Bits in the words, where the states hold those of the last symbols: 8 each on average. */
static double words_bits(double bits, const rans_writer *writer) {
    return bits > 8 * writer->lanes ? bits - 8 * writer->lanes : 0;
}

/* The symbols of one class, which end a round. */
static void write_class(rans_writer *writer, const rans_table *table, const hemp_rans_classes *classes, unsigned k,
                        const uint8_t *symbols) {
    const uint64_t count = hemp_rans_strip_count(&classes->strips);
    uint64_t size = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (classes->of_strips[i] == k) {
            size += hemp_rans_strip_end(&classes->strips, i) - hemp_rans_strip_begin(&classes->strips, i);
        }
    }
    unsigned lane = (unsigned)(size & (writer->lanes - 1));
    for (uint64_t i = count; i-- > 0;) {
        if (classes->of_strips[i] == k) {
            const size_t begin = (size_t)hemp_rans_strip_begin(&classes->strips, i);
            const size_t end = (size_t)hemp_rans_strip_end(&classes->strips, i);
            lane = write_symbols(writer, table, symbols + begin, end - begin, lane);
        }
    }
}

/* --------------------------------------------------------------------------------------------------------- blocks */

static int only_symbol(const hemp_rans_histogram *histogram, uint32_t *symbol) {
    unsigned different = 0;
    for (uint32_t s = 0; s < HEMP_RANS_MAX_SYMBOLS && different < 2; s++) {
        if (histogram->counts[s] > 0) {
            *symbol = s;
            different++;
        }
    }
    return different == 1;
}

/* Put the words, which end at `end`, behind the `header` bytes at `out`; the size of both. */
static size_t join_words(uint8_t *out, size_t header, const rans_writer *writer, const uint8_t *end) {
    const size_t words = (size_t)(end - writer->words);
    memmove(out + header, writer->words, words);
    return header + words;
}

/* Bytes of so many symbols, of which some at least are in the histogram. */
static uint64_t bytes_of(const hemp_rans_histogram *histogram, uint64_t size) {
    const uint64_t total = hemp_rans_total(histogram);
    return total > 0 ? (hemp_rans_symbols_cost(histogram) >> 16) * (size / total) / 8 : 0;
}

/* A block of one class.  With `bits` its words are not written: their bits are added there. */
static size_t write_plain(uint8_t *out, size_t capacity, rans_table *table, const uint8_t *symbols, size_t size,
                          const hemp_rans_histogram *histogram, uint64_t lane_bytes, double *bits) {
    rans_writer writer;
    uint32_t symbol;
    if (only_symbol(histogram, &symbol)) {
        out[0] = HEMP_RANS_CONSTANT;
        return 1 + hemp_varint_write(out + 1, symbol);
    }
    const unsigned lane_bits = choose_lane_bits(bytes_of(histogram, size), lane_bytes);
    prepare_table(table, histogram);
    begin_writer(&writer, lane_bits, out + capacity);
    if (bits != NULL) {
        *bits += words_bits(symbols_bits(table, histogram), &writer);
    } else {
        write_symbols(&writer, table, symbols, size, (unsigned)(size & (writer.lanes - 1)));
    }
    out[0] = (uint8_t)lane_bits;
    size_t header = 1 + write_frequencies(out + 1, table);
    header += write_states(out + header, &writer);
    return join_words(out, header, &writer, out + capacity);
}

static size_t write_strips(rans_encoder *encoder, uint8_t *out, size_t capacity) {
    const hemp_rans_classes *classes = &encoder->classes;
    const size_t count = (size_t)hemp_rans_strip_count(&classes->strips);
    hemp_rans_histogram histogram = {{0}};
    hemp_rans_count(&histogram, classes->of_strips, count);
    size_t size = hemp_varint_write(out, classes->strips.length);
    size += hemp_varint_write(out + size, classes->strips.first);
    uint8_t *block = out + size + HEMP_VARINT_MAX;
    const size_t block_size = write_plain(block, capacity - size - HEMP_VARINT_MAX, &encoder->strips_table,
                                          classes->of_strips, count, &histogram, encoder->effort.lane_bytes, NULL);
    size += hemp_varint_write(out + size, block_size);
    memmove(out + size, block, block_size);
    return size + block_size;
}

/* A block of several classes; `bits` as above. */
static size_t write_classes(rans_encoder *encoder, uint8_t *out, size_t capacity, const uint8_t *symbols, size_t size,
                            double *bits) {
    const hemp_rans_classes *classes = &encoder->classes;
    rans_writer writer;
    uint32_t symbol;
    uint64_t cost = 0;
    for (unsigned k = 0; k < classes->count; k++) {
        cost += hemp_rans_symbols_cost(&classes->histograms[k]);
    }
    const unsigned lane_bits = choose_lane_bits(cost >> 19, encoder->effort.lane_bytes);
    out[0] = (uint8_t)(lane_bits | ((classes->count - 1) << HEMP_RANS_CLASS_SHIFT));
    size_t header = 1 + write_strips(encoder, out + 1, HEADER_BOUND + 2 * (size_t)strip_bound(size));
    begin_writer(&writer, lane_bits, out + capacity);
    for (unsigned k = 0; k < classes->count; k++) {
        prepare_table(&encoder->tables[k], &classes->histograms[k]);
        header += write_frequencies(out + header, &encoder->tables[k]);
    }
    double all = 0;
    for (unsigned k = classes->count; k-- > 0;) {
        if (bits != NULL) {
            all += symbols_bits(&encoder->tables[k], &classes->histograms[k]);
            continue;
        }
        if (!only_symbol(&classes->histograms[k], &symbol)) {
            write_class(&writer, &encoder->tables[k], classes, k, symbols);
        }
    }
    if (bits != NULL) {
        *bits += words_bits(all, &writer);
    }
    header += write_states(out + header, &writer);
    return join_words(out, header, &writer, out + capacity);
}

/* The symbols as they are. */
static size_t write_raw(uint8_t *out, const uint8_t *symbols, size_t size, double *bits) {
    out[0] = HEMP_RANS_RAW;
    if (bits != NULL) {
        *bits += 8.0 * (double)size;
        return 1;
    }
    memcpy(out + 1, symbols, size);
    return 1 + size;
}

/* 1 if coding these symbols would save too little for the time that decoding takes. */
static int is_better_raw(const hemp_rans_effort *effort, const hemp_rans_histogram *histogram, uint64_t size) {
    return bytes_of(histogram, size) + size / effort->least_gain >= size;
}

/* The histogram of about so many symbols, or of all if there are few more.  Those that occur only among the others
 * count once, since each needs a frequency. */
static void count_block(hemp_rans_histogram *histogram, const uint8_t *symbols, size_t size, uint64_t counted) {
    const uint64_t step = size / counted;
    memset(histogram, 0, sizeof *histogram);
    if (step <= 1) {
        hemp_rans_count(histogram, symbols, size);
        return;
    }
    for (size_t done = 0, piece; done < size; done += (size_t)step * piece) {
        piece = size - done < COUNTED_PIECE ? size - done : COUNTED_PIECE;
        hemp_rans_count(histogram, symbols + done, piece);
    }
    hemp_rans_count_others(histogram, symbols, size);
}

/* Encode one block as one class or several; arguments as for encode_block. */
static size_t encode_coded(rans_encoder *encoder, const uint8_t *symbols, size_t size, const hemp_part *only,
                           int may_be_raw, uint8_t *out, size_t capacity, double *bits) {
    hemp_rans_classes *classes = &encoder->classes;
    classes->count = 1;
    if (only != NULL && size >= CLASSES_MIN) {
        classes->strips = hemp_rans_choose_strips(only);
        hemp_rans_choose_classes(classes, symbols, &encoder->effort.classes);
        if (classes->count > 1) {
            return write_classes(encoder, out, capacity, symbols, size, bits);
        }
    }
    count_block(&classes->histograms[0], symbols, size, encoder->effort.counted);
    if (may_be_raw && is_better_raw(&encoder->effort, &classes->histograms[0], size)) {
        return write_raw(out, symbols, size, bits);
    }
    return write_plain(out, capacity, &encoder->tables[0], symbols, size, &classes->histograms[0],
                       encoder->effort.lane_bytes, bits);
}

/* Encode one block of an alphabet of so many symbols into `out`, which has room for the bound; the bytes written.
 * `bits` as above. */
static size_t encode_block(rans_encoder *encoder, uint32_t alphabet, const uint8_t *symbols, size_t size,
                           const hemp_part *only, uint8_t *out, size_t capacity, double *bits) {
    const int may_be_raw = alphabet == HEMP_RANS_MAX_SYMBOLS;
    const size_t written = encode_coded(encoder, symbols, size, only, may_be_raw, out, capacity, bits);
    if (may_be_raw && bits == NULL && written > 1 + size && out[0] != HEMP_RANS_CONSTANT) {
        return write_raw(out, symbols, size, NULL);
    }
    return written;
}

/* -------------------------------------------------------------------------------------------------------- payload */

/* The symbols of a half of the sequence, one byte each; copied to `room` unless the indices are just that. */
static const uint8_t *gather_symbols(const hemp_part *parts, size_t count, hemp_rans_half half, uint8_t *room) {
    const hemp_part *only = hemp_rans_only_part(parts, count);
    if (only != NULL && !hemp_part_is_wide(only)) {
        return (const uint8_t *)only->indices;
    }
    uint8_t *at = room;
    for (size_t i = 0; i < count; i++) {
        const size_t size = parts[i].num_levels > 1 ? (size_t)parts[i].size : 0;
        const uint8_t *narrow = (const uint8_t *)parts[i].indices;
        const uint16_t *wide = (const uint16_t *)parts[i].indices;
        const unsigned shift = half == HEMP_RANS_HIGH ? 8 : 0;
        if (hemp_part_is_wide(&parts[i])) {
            for (size_t j = 0; j < size; j++) {
                at[j] = (uint8_t)(wide[j] >> shift);
            }
        } else if (half == HEMP_RANS_HIGH) {
            memset(at, 0, size);
        } else if (size > 0) {
            memcpy(at, narrow, size);
        }
        at += size;
    }
    return room;
}

static size_t encode_two_blocks(rans_encoder *encoder, const hemp_part *parts, size_t count, size_t size, uint8_t *room,
                                uint8_t *out, size_t capacity, double *bits) {
    const hemp_part *only = hemp_rans_only_part(parts, count);
    uint8_t *high = out + HEMP_VARINT_MAX;
    const uint8_t *symbols = gather_symbols(parts, count, HEMP_RANS_HIGH, room);
    const size_t high_size = encode_block(encoder, hemp_rans_symbols(hemp_rans_levels(parts, count), HEMP_RANS_HIGH),
                                          symbols, size, only, high, capacity - HEMP_VARINT_MAX, bits);
    const size_t prefix = hemp_varint_write(out, high_size);
    memmove(out + prefix, high, high_size);
    const size_t used = prefix + high_size;
    symbols = gather_symbols(parts, count, HEMP_RANS_LOW_BYTE, room);
    return used + encode_block(encoder, HEMP_RANS_MAX_SYMBOLS, symbols, size, only, out + used, capacity - used, bits);
}

static hemp_status check_parts(const hemp_part *parts, size_t count) {
    hemp_status status = hemp_parts_check(parts, count);
    for (size_t i = 0; i < count && status == HEMP_OK; i++) {
        status = hemp_part_check_indices(&parts[i]);
    }
    return status;
}

/* The bytes written; `bits` as above. */
static size_t encode_all(const hemp_rans_effort *effort, const hemp_part *parts, size_t count, uint8_t *payload,
                         size_t capacity, void *memory, double *bits) {
    rans_encoder *encoder = (rans_encoder *)memory;
    encoder->effort = *effort;
    const uint32_t levels = hemp_rans_levels(parts, count);
    if (levels == 1) {
        return 0;
    }
    const size_t symbols = (size_t)sequence_size(parts, count);
    uint16_t *strip_keys = (uint16_t *)(encoder + 1);
    uint8_t *strip_classes = (uint8_t *)(strip_keys + strip_bound(symbols));
    uint8_t *room = strip_classes + strip_bound(symbols);
    encoder->classes.keys = strip_keys;
    encoder->classes.of_strips = strip_classes;
    if (levels > 256) {
        return encode_two_blocks(encoder, parts, count, symbols, room, payload, capacity, bits);
    }
    return encode_block(encoder, levels, gather_symbols(parts, count, HEMP_RANS_WHOLE, room), symbols,
                        hemp_rans_only_part(parts, count), payload, capacity, bits);
}

hemp_status hemp_rans_encode_with(const hemp_rans_effort *effort, const hemp_part *parts, size_t count,
                                  uint8_t *payload, size_t capacity, size_t *size, void *memory, size_t memory_size) {
    const hemp_status status = check_parts(parts, count);
    if (status != HEMP_OK) {
        return status;
    }
    if (memory_size < hemp_rans_encode_memory(parts, count) || capacity < hemp_rans_encode_bound(parts, count)) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    *size = encode_all(effort, parts, count, payload, capacity, memory, NULL);
    return HEMP_OK;
}

hemp_status hemp_rans_encode(const hemp_part *parts, size_t count, uint8_t *payload, size_t capacity, size_t *size,
                             void *memory, size_t memory_size) {
    return hemp_rans_encode_with(&FULL_EFFORT, parts, count, payload, capacity, size, memory, memory_size);
}

hemp_status hemp_rans_estimate(const hemp_part *parts, size_t count, double *bits, void *memory, size_t memory_size) {
    const hemp_status status = check_parts(parts, count);
    if (status != HEMP_OK) {
        return status;
    }
    if (memory_size < hemp_rans_estimate_memory(parts, count)) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    const size_t room = (size_t)headers_bound(sequence_size(parts, count));
    uint8_t *headers = (uint8_t *)memory + (size_t)hemp_rans_encode_memory(parts, count);
    *bits = 0;
    const size_t written = encode_all(&FULL_EFFORT, parts, count, headers, room, memory, bits);
    *bits += 8.0 * (double)written;
    return HEMP_OK;
}
