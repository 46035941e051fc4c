/* The coder `rans` (spec/coders.md, 6): decoding. */
#include <string.h>

#include "bytes.h"
#include "rans.h"
#include "rans_lanes.h"
#include "varint.h"

enum { CHUNK = 1024 /* symbols of strips and of wide parts are handled so many at a time */ };

/* What the decoder is told of a block before it reads it. */
typedef struct block_task {
    const uint8_t *data;
    size_t size;
    uint32_t symbols;       /* number of different ones */
    uint64_t length;        /* of the sequence */
    uint8_t *strip_classes; /* room for the classes of the strips; NULL if the block must have one class */
    uint32_t *slots;
    const hemp_rans_later *later; /* or NULL */
} block_task;

typedef struct rans_block {
    uint32_t *slots;
    unsigned classes; /* 0: constant or raw */
    uint8_t is_raw;
    uint8_t is_constant; /* the block, or the class that is decoded: `symbol` is its only symbol, and takes no words */
    uint8_t symbol;
    uint8_t *strip_classes;
    hemp_rans_strips strips; /* of several classes */
    hemp_rans_lanes lanes;
    uint16_t frequencies[HEMP_RANS_MAX_CLASSES][HEMP_RANS_MAX_SYMBOLS];
} rans_block;

static uint64_t max_strips(const hemp_part *parts, size_t count) {
    const hemp_part *part = hemp_rans_only_part(parts, count);
    return part == NULL ? 0 : part->size / HEMP_RANS_MIN_STRIP + 2;
}

uint64_t hemp_rans_decode_memory(const hemp_part *parts, size_t count) {
    return (HEMP_RANS_SCALE + 2 * HEMP_RANS_MARGIN) * sizeof(uint32_t) + max_strips(parts, count);
}

/* ------------------------------------------------------------------------------------------------------- headers */

static hemp_status read_varint(rans_block *block, uint64_t *value) {
    size_t position = 0;
    const size_t room = (size_t)(block->lanes.end - block->lanes.next);
    const hemp_status status = hemp_varint_read(block->lanes.next, room, &position, value);
    block->lanes.next += position;
    return status == HEMP_TRUNCATED ? HEMP_BAD_PAYLOAD : status;
}

static hemp_status read_frequencies(rans_block *block, uint32_t symbols, uint16_t *frequencies) {
    uint64_t sum = 0;
    for (uint32_t symbol = 0; sum < HEMP_RANS_SCALE; symbol++) {
        uint64_t frequency;
        hemp_status status = symbol < symbols ? read_varint(block, &frequency) : HEMP_BAD_PAYLOAD;
        if (status != HEMP_OK) {
            return status;
        }
        if (frequency > HEMP_RANS_SCALE - sum) {
            return HEMP_BAD_PAYLOAD;
        }
        frequencies[symbol] = (uint16_t)frequency;
        sum += frequency;
        if (frequency == 0) {
            uint64_t more;
            status = read_varint(block, &more);
            if (status != HEMP_OK) {
                return status;
            }
            if (more >= symbols - symbol) {
                return HEMP_BAD_PAYLOAD;
            }
            symbol += (uint32_t)more;
        }
    }
    return HEMP_OK;
}

static hemp_status read_tables(rans_block *block, uint32_t symbols) {
    for (unsigned k = 0; k < block->classes; k++) {
        const hemp_status status = read_frequencies(block, symbols, block->frequencies[k]);
        if (status != HEMP_OK) {
            return status;
        }
    }
    return HEMP_OK;
}

static hemp_status read_constant(rans_block *block, uint32_t symbols) {
    uint64_t symbol;
    const hemp_status status = read_varint(block, &symbol);
    if (status != HEMP_OK) {
        return status;
    }
    if (symbol >= symbols || block->lanes.next != block->lanes.end) {
        return HEMP_BAD_PAYLOAD;
    }
    block->is_constant = 1;
    block->symbol = (uint8_t)symbol;
    return HEMP_OK;
}

static hemp_status read_states(hemp_rans_lanes *lanes) {
    if ((size_t)(lanes->end - lanes->next) < (size_t)4 * lanes->count) {
        return HEMP_BAD_PAYLOAD;
    }
    for (unsigned i = 0; i < lanes->count; i++) {
        lanes->states[i] = hemp_load32(lanes->next);
        lanes->next += 4;
        if (lanes->states[i] < HEMP_RANS_LOW) {
            return HEMP_BAD_PAYLOAD;
        }
    }
    return (lanes->end - lanes->next) % 2 == 0 ? HEMP_OK : HEMP_BAD_PAYLOAD;
}

static hemp_status read_strips(rans_block *block, const block_task *task);

/* Have the rounds ask for equal shares of what is read later. */
static void fetch_later(rans_block *block, const block_task *task) {
    if (HEMP_MANY_CASES && task->later != NULL && task->length > 0) {
        block->lanes.later = task->later->data;
        block->lanes.later_step = (size_t)(task->later->size / task->length * HEMP_RANS_MAX_LANES);
    }
}

static hemp_status begin_block(rans_block *block, const block_task *task) {
    memset(block, 0, sizeof *block);
    block->slots = task->slots;
    block->lanes.next = task->data;
    block->lanes.end = task->data + task->size;
    if (task->size == 0) {
        return HEMP_BAD_PAYLOAD;
    }
    const unsigned mode = *block->lanes.next++;
    if (mode == HEMP_RANS_CONSTANT) {
        return read_constant(block, task->symbols);
    }
    if (mode == HEMP_RANS_RAW) {
        block->is_raw = 1;
        return task->symbols == HEMP_RANS_MAX_SYMBOLS ? HEMP_OK : HEMP_BAD_PAYLOAD;
    }
    const unsigned lane_bits = mode & ((1u << HEMP_RANS_CLASS_SHIFT) - 1);
    block->classes = 1 + (mode >> HEMP_RANS_CLASS_SHIFT);
    if (lane_bits > HEMP_RANS_MAX_LANE_BITS || block->classes > HEMP_RANS_MAX_CLASSES) {
        return HEMP_BAD_PAYLOAD;
    }
    hemp_rans_lanes_begin(&block->lanes, 1u << lane_bits);
    fetch_later(block, task);
    hemp_status status = block->classes > 1 ? read_strips(block, task) : HEMP_OK;
    status = status == HEMP_OK ? read_tables(block, task->symbols) : status;
    return status == HEMP_OK ? read_states(&block->lanes) : status;
}

static hemp_status end_block(const rans_block *block) {
    if (block->lanes.next != block->lanes.end) {
        return HEMP_BAD_PAYLOAD;
    }
    for (unsigned i = 0; i < block->lanes.count; i++) {
        if (block->lanes.states[i] != HEMP_RANS_LOW) {
            return HEMP_BAD_PAYLOAD;
        }
    }
    return HEMP_OK;
}

/* ------------------------------------------------------------------------------------------------------- symbols */

/* The slots of a symbol.  Many at a time, and so some behind them too, which the next symbols' or the margin take. */
static void fill_slots(uint32_t *slots, uint32_t symbol, uint32_t frequency) {
    enum { STEP = HEMP_MANY_CASES ? HEMP_RANS_MARGIN : 1 };
    for (uint32_t i = 0; i < frequency; i += STEP) {
        for (uint32_t k = 0; k < STEP; k++) {
            slots[i + k] = hemp_rans_slot(symbol, frequency, i + k);
        }
    }
}

/* Let the symbols of a class be decoded next. */
static void begin_class(rans_block *block, unsigned k) {
    uint32_t sum = 0;
    block->lanes.current = 0;
    block->is_constant = 0;
    for (uint32_t s = 0; sum < HEMP_RANS_SCALE; s++) {
        const uint32_t frequency = block->frequencies[k][s];
        if (frequency == HEMP_RANS_SCALE) {
            block->is_constant = 1;
            block->symbol = (uint8_t)s;
            return;
        }
        fill_slots(block->slots + sum, s, frequency);
        sum += frequency;
    }
}

/* That of a block of one class, which is not constant: for such blocks there is a mode. */
static hemp_status begin_only_class(rans_block *block) {
    if (block->classes == 1) {
        begin_class(block, 0);
        return block->is_constant ? HEMP_BAD_PAYLOAD : HEMP_OK;
    }
    return HEMP_OK;
}

/* Put symbols at their place in a part. */
static void put_symbols(const hemp_part *part, hemp_rans_half half, size_t position, const uint8_t *symbols,
                        size_t size) {
    if (!hemp_part_is_wide(part)) {
        memcpy((uint8_t *)part->indices + position, symbols, size);
        return;
    }
    uint16_t *indices = (uint16_t *)part->indices + position;
    for (size_t i = 0; i < size; i++) {
        indices[i] = (uint16_t)(half == HEMP_RANS_HIGH ? (unsigned)symbols[i] << 8 : indices[i] | (unsigned)symbols[i]);
    }
}

/* The next symbols of the block, or of the class that has begun. */
static hemp_status decode_symbols(rans_block *block, uint8_t *out, size_t size) {
    if (block->is_constant) {
        memset(out, block->symbol, size);
        return HEMP_OK;
    }
    if (!block->is_raw) {
        return hemp_rans_lanes_decode(&block->lanes, block->slots, out, size);
    }
    if ((size_t)(block->lanes.end - block->lanes.next) < size) {
        return HEMP_BAD_PAYLOAD;
    }
    memcpy(out, block->lanes.next, size);
    block->lanes.next += size;
    return HEMP_OK;
}

/* The high or low symbols of a part of more than 256 levels. */
static hemp_status decode_wide(rans_block *block, const hemp_part *part, hemp_rans_half half) {
    uint8_t chunk[CHUNK];
    for (size_t done = 0; done < part->size;) {
        const size_t left = (size_t)part->size - done;
        const size_t size = left < sizeof chunk ? left : sizeof chunk;
        const hemp_status status = decode_symbols(block, chunk, size);
        if (status != HEMP_OK) {
            return status;
        }
        put_symbols(part, half, done, chunk, size);
        done += size;
    }
    return HEMP_OK;
}

/* The high symbols of a part of up to 256 levels, which must all be 0.  Its array serves as scratch. */
static hemp_status decode_zeros(rans_block *block, const hemp_part *part) {
    uint8_t *symbols = (uint8_t *)part->indices;
    const hemp_status status = decode_symbols(block, symbols, (size_t)part->size);
    if (status != HEMP_OK) {
        return status;
    }
    for (size_t i = 0; i < part->size; i++) {
        if (symbols[i] != 0) {
            return HEMP_BAD_INDEX;
        }
    }
    return HEMP_OK;
}

static hemp_status decode_part(rans_block *block, const hemp_part *part, hemp_rans_half half) {
    if (hemp_part_is_wide(part)) {
        return decode_wide(block, part, half);
    }
    if (half == HEMP_RANS_HIGH) {
        return decode_zeros(block, part);
    }
    return decode_symbols(block, (uint8_t *)part->indices, (size_t)part->size);
}

/* -------------------------------------------------------------------------------------------------------- strips */

/* Sizes of the strips, and the class of each. */
static hemp_status read_strips(rans_block *block, const block_task *task) {
    hemp_rans_strips *strips = &block->strips;
    uint64_t size;
    if (task->strip_classes == NULL) {
        return HEMP_BAD_PAYLOAD;
    }
    strips->symbols = task->length;
    hemp_status status = read_varint(block, &strips->length);
    status = status == HEMP_OK ? read_varint(block, &strips->first) : status;
    status = status == HEMP_OK ? read_varint(block, &size) : status;
    if (status != HEMP_OK) {
        return status;
    }
    if (strips->length < HEMP_RANS_MIN_STRIP || strips->first == 0 || strips->first > strips->length ||
        strips->first >= strips->symbols || size > (size_t)(block->lanes.end - block->lanes.next)) {
        return HEMP_BAD_PAYLOAD;
    }
    block->strip_classes = task->strip_classes;
    const uint64_t count = hemp_rans_strip_count(strips);
    const block_task classes_task = {block->lanes.next, (size_t)size, block->classes, count, NULL, task->slots, NULL};
    rans_block classes;
    status = begin_block(&classes, &classes_task);
    status = status == HEMP_OK ? begin_only_class(&classes) : status;
    if (status != HEMP_OK) {
        return status;
    }
    status = decode_symbols(&classes, block->strip_classes, (size_t)count);
    block->lanes.next += size;
    return status == HEMP_OK ? end_block(&classes) : status;
}

/* The strips of one class, each by itself: quick if all lanes are done where a strip ends. */
static hemp_status decode_even_class(rans_block *block, unsigned k, const hemp_part *part, hemp_rans_half half) {
    const uint64_t count = hemp_rans_strip_count(&block->strips);
    hemp_status status = HEMP_OK;
    begin_class(block, k);
    for (uint64_t i = 0; i < count && status == HEMP_OK; i++) {
        if (block->strip_classes[i] == k) {
            const size_t begin = (size_t)hemp_rans_strip_begin(&block->strips, i);
            hemp_part strip = *part;
            strip.indices = (uint8_t *)part->indices + (hemp_part_is_wide(part) ? 2 : 1) * begin;
            strip.size = hemp_rans_strip_end(&block->strips, i) - begin;
            status = decode_part(block, &strip, half);
        }
    }
    return status;
}

static uint64_t class_size(const rans_block *block, unsigned k) {
    const uint64_t count = hemp_rans_strip_count(&block->strips);
    uint64_t size = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (block->strip_classes[i] == k) {
            size += hemp_rans_strip_end(&block->strips, i) - hemp_rans_strip_begin(&block->strips, i);
        }
    }
    return size;
}

/* The same for strips of any length: symbols are decoded many at a time, then cut. */
static hemp_status decode_class(rans_block *block, unsigned k, const hemp_part *part, hemp_rans_half half) {
    const uint64_t count = hemp_rans_strip_count(&block->strips);
    uint64_t left = class_size(block, k);
    uint8_t chunk[CHUNK];
    size_t filled = 0, used = 0;
    begin_class(block, k);
    for (uint64_t i = 0; i < count; i++) {
        if (block->strip_classes[i] != k) {
            continue;
        }
        const size_t end = (size_t)hemp_rans_strip_end(&block->strips, i);
        for (size_t at = (size_t)hemp_rans_strip_begin(&block->strips, i); at < end;) {
            if (used == filled) {
                filled = left < sizeof chunk ? (size_t)left : sizeof chunk;
                used = 0;
                left -= filled;
                const hemp_status status = decode_symbols(block, chunk, filled);
                if (status != HEMP_OK) {
                    return status;
                }
            }
            const size_t size = end - at < filled - used ? end - at : filled - used;
            put_symbols(part, half, at, chunk + used, size);
            used += size;
            at += size;
        }
    }
    return HEMP_OK;
}

static hemp_status decode_classes(rans_block *block, const hemp_part *part, hemp_rans_half half) {
    const unsigned uneven = (unsigned)(block->strips.first | block->strips.length) & (block->lanes.count - 1);
    const int is_cut = HEMP_MANY_CASES && (uneven != 0 || hemp_part_is_wide(part));
    hemp_status status = HEMP_OK;
    for (unsigned k = 0; k < block->classes && status == HEMP_OK; k++) {
        status = is_cut ? decode_class(block, k, part, half) : decode_even_class(block, k, part, half);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------------- payload */

/* What all blocks of a payload are decoded into and with. */
typedef struct payload_task {
    const hemp_part *parts;
    size_t count;
    const hemp_part *only; /* part of more than one level; NULL if there are several */
    uint32_t levels;
    uint32_t *slots;
    uint8_t *strip_classes;
    const hemp_rans_later *later; /* or NULL */
} payload_task;

static hemp_status decode_parts(rans_block *block, const payload_task *task, hemp_rans_half half) {
    hemp_status status = begin_only_class(block);
    for (size_t i = 0; i < task->count && status == HEMP_OK; i++) {
        if (task->parts[i].num_levels > 1 && task->parts[i].size > 0) {
            status = decode_part(block, &task->parts[i], half);
        }
    }
    return status;
}

static hemp_status decode_block(const payload_task *task, const uint8_t *data, size_t size, hemp_rans_half half) {
    rans_block block;
    const block_task what = {data,
                             size,
                             hemp_rans_symbols(task->levels, half),
                             task->only == NULL ? 0 : task->only->size,
                             task->only == NULL ? NULL : task->strip_classes,
                             task->slots,
                             task->later};
    hemp_status status = begin_block(&block, &what);
    if (status != HEMP_OK) {
        return status;
    }
    status = block.classes > 1 ? decode_classes(&block, task->only, half) : decode_parts(&block, task, half);
    return status == HEMP_OK ? end_block(&block) : status;
}

static hemp_status decode_two_blocks(const payload_task *task, const uint8_t *payload, size_t size) {
    size_t position = 0;
    uint64_t high_size;
    const hemp_status found = hemp_varint_read(payload, size, &position, &high_size);
    if (found != HEMP_OK) {
        return found == HEMP_TRUNCATED ? HEMP_BAD_PAYLOAD : found;
    }
    if (high_size > size - position) {
        return HEMP_BAD_PAYLOAD;
    }
    const size_t low = position + (size_t)high_size;
    const hemp_status status = decode_block(task, payload + position, (size_t)high_size, HEMP_RANS_HIGH);
    return status == HEMP_OK ? decode_block(task, payload + low, size - low, HEMP_RANS_LOW_BYTE) : status;
}

hemp_status hemp_rans_decode_with(const hemp_rans_later *later, const uint8_t *payload, size_t size,
                                  const hemp_part *parts, size_t count, void *memory, size_t memory_size) {
    hemp_status status = hemp_parts_check(parts, count);
    if (status != HEMP_OK) {
        return status;
    }
    if (memory_size < hemp_rans_decode_memory(parts, count)) {
        return HEMP_MEMORY_TOO_SMALL;
    }
    for (size_t i = 0; i < count; i++) {
        if (parts[i].num_levels == 1) {
            hemp_part_clear(&parts[i]);
        }
    }
    const uint32_t levels = hemp_rans_levels(parts, count);
    if (levels == 1) {
        return size == 0 ? HEMP_OK : HEMP_BAD_PAYLOAD;
    }
    uint32_t *slots = (uint32_t *)memory + HEMP_RANS_MARGIN;
    const payload_task task = {parts,  count, hemp_rans_only_part(parts, count),
                               levels, slots, (uint8_t *)(slots + HEMP_RANS_SCALE + HEMP_RANS_MARGIN),
                               later};
    status =
        levels > 256 ? decode_two_blocks(&task, payload, size) : decode_block(&task, payload, size, HEMP_RANS_WHOLE);
    for (size_t i = 0; i < count && status == HEMP_OK; i++) {
        status = hemp_part_check_indices(&parts[i]);
    }
    return status;
}

hemp_status hemp_rans_decode(const uint8_t *payload, size_t size, const hemp_part *parts, size_t count, void *memory,
                             size_t memory_size) {
    return hemp_rans_decode_with(NULL, payload, size, parts, count, memory, memory_size);
}
