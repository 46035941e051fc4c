/* The coder `rans` (spec/coders.md, 6): encoding. */
#include <string.h>

#include "bytes.h"
#include "hemp_encode.h"
#include "rans.h"
#include "varint.h"

enum { MAX_SYMBOLS = 256, HEADER_BOUND = 1 + 2 * MAX_SYMBOLS + 4 * HEMP_RANS_MAX_LANES };

typedef struct rans_symbol {
    uint64_t reciprocal; /* ceil(2^44 / frequency): state * reciprocal >> 44 is exactly state / frequency */
    uint32_t frequency;
    uint32_t cumulative;
} rans_symbol;

typedef struct rans_encoder {
    rans_symbol symbols[MAX_SYMBOLS];
    uint64_t counts[MAX_SYMBOLS];
    uint32_t states[HEMP_RANS_MAX_LANES];
    unsigned lanes;
    unsigned lane;  /* of the symbol taken last */
    uint8_t *words; /* first of the words written so far; they grow downwards */
} rans_encoder;

uint64_t hemp_rans_encode_bound(const hemp_part *parts, size_t count) {
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > (UINT64_MAX >> 4) - size) {
            return HEMP_NONE;
        }
        size += parts[i].size;
    }
    const uint64_t block = HEADER_BOUND + 2 * size;
    return hemp_rans_levels(parts, count) > 256 ? HEMP_VARINT_MAX + 2 * block : block;
}

uint64_t hemp_rans_encode_memory(const hemp_part *parts, size_t count) {
    (void)parts;
    (void)count;
    return sizeof(rans_encoder);
}

static uint8_t symbol_of(const hemp_part *part, size_t i, hemp_rans_half half) {
    const unsigned index =
        hemp_part_is_wide(part) ? ((const uint16_t *)part->indices)[i] : ((const uint8_t *)part->indices)[i];
    return (uint8_t)(half == HEMP_RANS_HIGH ? index >> 8 : index);
}

static hemp_status check_indices(const hemp_part *part) {
    const int is_wide = hemp_part_is_wide(part);
    uint32_t largest = 0;
    for (size_t i = 0; i < part->size; i++) {
        const uint32_t index =
            is_wide ? ((const uint16_t *)part->indices)[i] : (uint32_t)((const uint8_t *)part->indices)[i];
        largest = index > largest ? index : largest;
    }
    return largest < part->num_levels ? HEMP_OK : HEMP_BAD_INDEX;
}

/* Count the symbols of the sequence; the number of them. */
static uint64_t count_symbols(rans_encoder *encoder, const hemp_part *parts, size_t count, hemp_rans_half half) {
    uint64_t total = 0;
    memset(encoder->counts, 0, sizeof encoder->counts);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].num_levels == 1) {
            continue;
        }
        for (size_t j = 0; j < parts[i].size; j++) {
            encoder->counts[symbol_of(&parts[i], j, half)]++;
        }
        total += parts[i].size;
    }
    return total;
}

/* One more slot for a symbol of count n and frequency f saves about n / (f + 1/2) of code length, and one slot less
 * costs about n / (f - 1/2).  So the slots go where n / (2f + 1) is largest, and come from where n / (2f - 1) is
 * smallest.  The counts are below 2^48, so nothing overflows. */
static uint32_t best_to_grow(const rans_encoder *encoder) {
    uint32_t best = MAX_SYMBOLS;
    for (uint32_t s = 0; s < MAX_SYMBOLS; s++) {
        if (encoder->counts[s] == 0) {
            continue;
        }
        if (best == MAX_SYMBOLS || encoder->counts[s] * (2 * encoder->symbols[best].frequency + 1) >
                                       encoder->counts[best] * (2 * encoder->symbols[s].frequency + 1)) {
            best = s;
        }
    }
    return best;
}

static uint32_t best_to_shrink(const rans_encoder *encoder) {
    uint32_t best = MAX_SYMBOLS;
    for (uint32_t s = 0; s < MAX_SYMBOLS; s++) {
        if (encoder->symbols[s].frequency < 2) {
            continue;
        }
        if (best == MAX_SYMBOLS || encoder->counts[s] * (2 * encoder->symbols[best].frequency - 1) <
                                       encoder->counts[best] * (2 * encoder->symbols[s].frequency - 1)) {
            best = s;
        }
    }
    return best;
}

/* Frequencies that sum to 4096, at least 1 for every symbol that occurs; of two or more distinct symbols. */
static void choose_frequencies(rans_encoder *encoder, uint64_t total) {
    uint32_t sum = 0;
    for (uint32_t s = 0; s < MAX_SYMBOLS; s++) {
        const uint64_t count = encoder->counts[s];
        const uint32_t share = (uint32_t)((count * HEMP_RANS_SCALE + total / 2) / total);
        encoder->symbols[s].frequency = count > 0 && share == 0 ? 1 : share;
        sum += encoder->symbols[s].frequency;
    }
    for (; sum < HEMP_RANS_SCALE; sum++) {
        encoder->symbols[best_to_grow(encoder)].frequency++;
    }
    for (; sum > HEMP_RANS_SCALE; sum--) {
        encoder->symbols[best_to_shrink(encoder)].frequency--;
    }
}

static void prepare_symbols(rans_encoder *encoder) {
    uint32_t cumulative = 0;
    for (uint32_t s = 0; s < MAX_SYMBOLS; s++) {
        rans_symbol *symbol = &encoder->symbols[s];
        symbol->cumulative = cumulative;
        cumulative += symbol->frequency;
        if (symbol->frequency > 0) {
            symbol->reciprocal = (((uint64_t)1 << 44) + symbol->frequency - 1) / symbol->frequency;
        }
    }
}

/* Few lanes for short sequences, because each costs about three bytes. */
static unsigned choose_mode(uint64_t total) {
    return total < 4096 ? 0 : total < 65536 ? 2 : total < 262144 ? 3 : HEMP_RANS_MAX_MODE;
}

static void encode_part(rans_encoder *encoder, const hemp_part *part, hemp_rans_half half) {
    uint8_t *words = encoder->words;
    unsigned lane = encoder->lane;
    for (size_t i = (size_t)part->size; i-- > 0;) {
        const rans_symbol *symbol = &encoder->symbols[symbol_of(part, i, half)];
        lane = (lane - 1) & (encoder->lanes - 1);
        uint32_t state = encoder->states[lane];
        if (state >= symbol->frequency << 20) {
            words -= 2;
            hemp_store16(words, (uint16_t)state);
            state >>= 16;
        }
        const uint32_t quotient = (uint32_t)((state * symbol->reciprocal) >> 44);
        encoder->states[lane] =
            (quotient << HEMP_RANS_SCALE_BITS) + symbol->cumulative + state - quotient * symbol->frequency;
    }
    encoder->words = words;
    encoder->lane = lane;
}

static size_t write_constant(uint8_t *out, const rans_encoder *encoder) {
    uint32_t symbol = 0;
    while (encoder->counts[symbol] == 0) {
        symbol++;
    }
    out[0] = HEMP_RANS_CONSTANT;
    return 1 + hemp_varint_write(out + 1, symbol);
}

static size_t write_header(uint8_t *out, const rans_encoder *encoder, unsigned mode) {
    size_t size = 0;
    uint32_t sum = 0;
    out[size++] = (uint8_t)mode;
    for (uint32_t s = 0; sum < HEMP_RANS_SCALE; s++) {
        size += hemp_varint_write(out + size, encoder->symbols[s].frequency);
        sum += encoder->symbols[s].frequency;
    }
    for (unsigned lane = 0; lane < encoder->lanes; lane++) {
        hemp_store32(out + size, encoder->states[lane]);
        size += 4;
    }
    return size;
}

static int is_constant(const rans_encoder *encoder, uint64_t total) {
    for (uint32_t s = 0; s < MAX_SYMBOLS; s++) {
        if (encoder->counts[s] > 0) {
            return encoder->counts[s] == total;
        }
    }
    return 0;
}

/* Encode one block into `out`, which has room for the bound; the bytes written. */
static size_t encode_block(rans_encoder *encoder, const hemp_part *parts, size_t count, hemp_rans_half half,
                           uint8_t *out, size_t capacity) {
    const uint64_t total = count_symbols(encoder, parts, count, half);
    if (is_constant(encoder, total)) {
        return write_constant(out, encoder);
    }
    const unsigned mode = choose_mode(total);
    choose_frequencies(encoder, total);
    prepare_symbols(encoder);
    encoder->lanes = 1u << mode;
    encoder->lane = (unsigned)(total & (encoder->lanes - 1));
    encoder->words = out + capacity;
    for (unsigned lane = 0; lane < encoder->lanes; lane++) {
        encoder->states[lane] = HEMP_RANS_LOW;
    }
    for (size_t i = count; i-- > 0;) {
        if (parts[i].num_levels > 1) {
            encode_part(encoder, &parts[i], half);
        }
    }
    const size_t header = write_header(out, encoder, mode);
    const size_t words = (size_t)(out + capacity - encoder->words);
    memmove(out + header, encoder->words, words);
    return header + words;
}

static size_t encode_two_blocks(rans_encoder *encoder, const hemp_part *parts, size_t count, uint8_t *out,
                                size_t capacity) {
    uint8_t *high = out + HEMP_VARINT_MAX;
    const size_t high_size = encode_block(encoder, parts, count, HEMP_RANS_HIGH, high, capacity - HEMP_VARINT_MAX);
    const size_t prefix = hemp_varint_write(out, high_size);
    memmove(out + prefix, high, high_size);
    const size_t used = prefix + high_size;
    return used + encode_block(encoder, parts, count, HEMP_RANS_LOW_BYTE, out + used, capacity - used);
}

hemp_status hemp_rans_encode(const hemp_part *parts, size_t count, uint8_t *payload, size_t capacity, size_t *size,
                             void *memory, size_t memory_size) {
    hemp_status status = hemp_parts_check(parts, count);
    for (size_t i = 0; i < count && status == HEMP_OK; i++) {
        status = check_indices(&parts[i]);
    }
    if (status != HEMP_OK) {
        return status;
    }
    if (memory_size < hemp_rans_encode_memory(parts, count) || capacity < hemp_rans_encode_bound(parts, count)) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    rans_encoder *encoder = (rans_encoder *)memory;
    const uint32_t levels = hemp_rans_levels(parts, count);
    if (levels == 1) {
        *size = 0;
        return HEMP_OK;
    }
    *size = levels > 256 ? encode_two_blocks(encoder, parts, count, payload, capacity)
                         : encode_block(encoder, parts, count, HEMP_RANS_WHOLE, payload, capacity);
    return HEMP_OK;
}
