/* The encoder of the arithmetic coder: spec/coders.md, section 5. */
#include "arithmetic_encode.h"

#include "arithmetic_lanes.h"
#include "parts.h"

/* From so many elements on, a payload is coded in several lanes: each costs some 4 bytes. */
static const uint64_t LANES_ELEMENTS = 1 << 15;

/* The header a part is coded with; not `fresh`: that of the part before, models and all. */
typedef struct part_plan {
    arithmetic_header header;
    bool fresh;
} part_plan;

/* How the parts that take part are coded. */
typedef struct encode_plan {
    hemp_part *parts;
    part_plan *plans;
    size_t count;
    uint32_t mode;
    uint32_t lanes_bits;
} encode_plan;

static size_t align_up(size_t size) {
    return (size + 7) / 8 * 8;
}

static uint64_t elements_of(const hemp_part *parts, size_t count) {
    uint64_t elements = 0;
    for (size_t i = 0; i < count; i++)
        elements += arithmetic_takes_part(&parts[i]) ? parts[i].size : 0;
    return elements;
}

uint64_t hemp_arithmetic_encode_bound(const hemp_part *parts, size_t count) {
    return 64 + 256 * (uint64_t)count + 6 * elements_of(parts, count); /* two symbols of 16 bits, and 12 raw ones */
}

/* Two averages for each column; in the mixed mode its bin too. */
static size_t columns_memory(const hemp_part *parts, size_t count) {
    return (size_t)((2 * sizeof(uint16_t) + 1) * hemp_arithmetic_most_columns(parts, count));
}

static size_t records_memory(const hemp_part *parts, size_t count) {
    const uint64_t elements = elements_of(parts, count);
    return align_up((size_t)(sizeof(uint32_t) * (2 * elements + elements / LANES_MOST)));
}

/* Of the modes that mix. */
static size_t models_memory(int mode) {
    return mode == ARITHMETIC_MIXED ? sizeof(arithmetic_mixer) : mode == ARITHMETIC_WIDE ? sizeof(arithmetic_wide) : 0;
}

uint64_t hemp_arithmetic_encode_memory(const hemp_part *parts, size_t count, int mode) {
    return 2 * align_up(sizeof(arithmetic_state)) + align_up(models_memory(mode)) +
           align_up(columns_memory(parts, count)) + HEMP_MAX_LEVELS * (sizeof(uint32_t) + 1) +
           records_memory(parts, count) + align_up(sizeof(part_plan) * count) + align_up(sizeof(hemp_part) * count);
}

/* The next `size` bytes of the caller's memory. */
static void *take(uint8_t **memory, size_t size) {
    void *taken = *memory;
    *memory += align_up(size);
    return taken;
}

/* One header for parts of one num_levels, or one for each of them: whichever takes fewer bits. */
static void plan_run(part_plan *plans, const hemp_part *parts, size_t count, uint32_t lanes_bits,
                     const arithmetic_scratch *scratch) {
    hemp_arithmetic_fit(&plans->header, parts, count, lanes_bits, scratch);
    if (scratch->mixer || scratch->wide)
        hemp_arithmetic_set_mixed(&plans->header);
    for (size_t i = 0; i < count; i++)
        plans[i].fresh = i == 0;
    if (scratch->mixer || scratch->wide || count == 1)
        return;
    const uint64_t together = hemp_arithmetic_cost(&plans->header, parts, count, scratch);
    const arithmetic_header shared = plans->header;
    uint64_t apart = 0;
    for (size_t i = 0; i < count; i++) {
        hemp_arithmetic_fit(&plans[i].header, &parts[i], 1, lanes_bits, scratch);
        apart += hemp_arithmetic_cost(&plans[i].header, &parts[i], 1, scratch);
    }
    for (size_t i = 0; i < count; i++)
        plans[i].fresh = apart < together || i == 0;
    if (apart >= together)
        plans->header = shared;
}

static void make_plan(encode_plan *plan, const arithmetic_scratch *scratch) {
    const hemp_part *parts = plan->parts;
    plan->mode = scratch->mixer ? ARITHMETIC_MIXED : scratch->wide ? ARITHMETIC_WIDE : ARITHMETIC_PLAIN;
    plan->lanes_bits = !scratch->mixer && elements_of(parts, plan->count) >= LANES_ELEMENTS ? LANES_BITS : 0;
    for (size_t begin = 0, end; begin < plan->count; begin = end) {
        for (end = begin + 1; end < plan->count && parts[end].num_levels == parts[begin].num_levels;)
            end++;
        plan_run(&plan->plans[begin], &parts[begin], end - begin, scratch->wide ? 0 : plan->lanes_bits, scratch);
    }
    for (size_t i = 0; i < plan->count; i++)
        if (!plan->plans[i].fresh)
            plan->plans[i].header = plan->plans[i - 1].header;
}

static void write_front(bit_writer *writer, const encode_plan *plan) {
    hemp_write_bits(writer, plan->mode, ARITHMETIC_MODE_BITS);
    if (plan->mode != ARITHMETIC_MIXED)
        hemp_write_bits(writer, plan->lanes_bits > 0, ARITHMETIC_LANES_BITS);
    for (size_t i = 0; i < plan->count; i++) {
        if (i > 0 && plan->parts[i].num_levels == plan->parts[i - 1].num_levels)
            hemp_write_bits(writer, !plan->plans[i].fresh, 1);
        if (plan->plans[i].fresh)
            hemp_arithmetic_write_header(writer, &plan->plans[i].header, plan->mode);
    }
    hemp_write_bits(writer, 0, (uint32_t)((0 - writer->position) & 7));
}

static bool anything_coded(const encode_plan *plan) {
    for (size_t i = 0; i < plan->count; i++)
        if (!plan->plans[i].header.constant)
            return true;
    return false;
}

/* Models and bins for part `i` of the plan. */
static void begin_part(const encode_plan *plan, size_t i, arithmetic_state *state, const arithmetic_scratch *scratch) {
    if (!plan->plans[i].fresh)
        return;
    state->header = plan->plans[i].header;
    hemp_arithmetic_begin_models(state);
    hemp_arithmetic_map_bins(&state->header, scratch->bin_of);
    if (scratch->mixer)
        hemp_arithmetic_begin_mixer(scratch->mixer);
    if (scratch->wide)
        hemp_wide_begin(scratch->wide, state->header.bins);
}

static void list_parts(const encode_plan *plan, arithmetic_state *state, const arithmetic_scratch *scratch,
                       lanes_records *records) {
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->plans[i].header.constant)
            continue;
        begin_part(plan, i, state, scratch);
        if (scratch->wide)
            hemp_wide_list_part(records, state, scratch->wide, &plan->parts[i], plan->lanes_bits, scratch->bin_of,
                                scratch->columns);
        else
            hemp_lanes_list_part(records, state, &plan->parts[i], plan->lanes_bits, scratch->bin_of, scratch->columns);
    }
}

static void encode_lanes(const encode_plan *plan, arithmetic_state *state, const arithmetic_scratch *scratch,
                         lanes_encoder *encoder) {
    lanes_records records = {scratch->records, {0}};
    arithmetic_residual residuals[HEMP_MAX_BINS];
    list_parts(plan, state, scratch, &records);
    const uint32_t *end = records.next;
    for (size_t i = plan->count; i-- > 0;) {
        const arithmetic_header *header = &plan->plans[i].header;
        if (header->constant)
            continue;
        hemp_arithmetic_list_residuals(header, residuals);
        hemp_arithmetic_map_bins(header, scratch->bin_of);
        end = (scratch->wide ? hemp_wide_encode_part : hemp_lanes_encode_part)(
            encoder, residuals, header, &plan->parts[i], plan->lanes_bits, scratch->bin_of, end);
    }
    hemp_lanes_finish(encoder, plan->lanes_bits);
}

static void encode_mixed(const encode_plan *plan, arithmetic_state *state, const arithmetic_scratch *scratch,
                         range_encoder *encoder) {
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->plans[i].header.constant)
            continue;
        begin_part(plan, i, state, scratch);
        hemp_mixed_encode_part(encoder, state, &plan->parts[i], scratch);
    }
    hemp_range_finish(encoder);
}

/* Check the parts, cut the memory up and plan. */
static hemp_status begin(encode_plan *plan, arithmetic_state **state, arithmetic_scratch *scratch,
                         const hemp_part *parts, size_t count, int mode, void *memory, size_t memory_size) {
    if (hemp_parts_check(parts, count) != HEMP_OK || mode < ARITHMETIC_PLAIN || mode > ARITHMETIC_WIDE)
        return HEMP_BAD_ARGUMENT;
    if (memory_size < hemp_arithmetic_encode_memory(parts, count, mode))
        return HEMP_MEMORY_TOO_SMALL;
    uint8_t *rest = (uint8_t *)memory;
    *state = take(&rest, sizeof(arithmetic_state));
    scratch->trial = take(&rest, sizeof(arithmetic_state));
    scratch->mixer = mode == ARITHMETIC_MIXED ? take(&rest, models_memory(mode)) : NULL;
    scratch->wide = mode == ARITHMETIC_WIDE ? take(&rest, models_memory(mode)) : NULL;
    scratch->columns = take(&rest, columns_memory(parts, count));
    scratch->histogram = take(&rest, HEMP_MAX_LEVELS * sizeof(uint32_t));
    scratch->bin_of = take(&rest, HEMP_MAX_LEVELS);
    scratch->records = take(&rest, records_memory(parts, count));
    plan->plans = take(&rest, sizeof(part_plan) * count);
    plan->parts = take(&rest, sizeof(hemp_part) * count);
    plan->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (hemp_part_check_indices(&parts[i]) != HEMP_OK)
            return HEMP_BAD_INDEX;
        if (arithmetic_takes_part(&parts[i]))
            plan->parts[plan->count++] = parts[i];
    }
    make_plan(plan, scratch);
    return HEMP_OK;
}

/* Returns the bytes written.  The plain mode writes from the end of the room on; what it wrote is moved to its place.
 */
static size_t encode_indices(const encode_plan *plan, arithmetic_state *state, const arithmetic_scratch *scratch,
                             uint8_t *coded, uint8_t *end) {
    if (plan->mode == ARITHMETIC_MIXED) {
        range_encoder encoder;
        hemp_range_begin_encoder(&encoder, coded);
        encode_mixed(plan, state, scratch, &encoder);
        return (size_t)encoder.size;
    }
    lanes_encoder encoder;
    hemp_lanes_begin_encoder(&encoder, end);
    encode_lanes(plan, state, scratch, &encoder);
    const size_t size = (size_t)(end - encoder.next);
    memmove(coded, encoder.next, size);
    return size;
}

hemp_status hemp_arithmetic_encode(const hemp_part *parts, size_t count, int mode, uint8_t *payload, size_t capacity,
                                   size_t *size, void *memory, size_t memory_size) {
    encode_plan plan;
    arithmetic_state *state;
    arithmetic_scratch scratch;
    *size = 0;
    if (hemp_parts_check(parts, count) == HEMP_OK && capacity < hemp_arithmetic_encode_bound(parts, count))
        return HEMP_MEMORY_TOO_SMALL;
    const hemp_status status = begin(&plan, &state, &scratch, parts, count, mode, memory, memory_size);
    if (status != HEMP_OK || plan.count == 0)
        return status;
    bit_writer writer = {payload, 0};
    write_front(&writer, &plan);
    const size_t front = (size_t)(writer.position / 8);
    *size = front;
    if (anything_coded(&plan))
        *size += encode_indices(&plan, state, &scratch, payload + front, payload + capacity);
    return HEMP_OK;
}

/* Bits of a lane that costs so much: whole words, and at the end its state, which holds what is left. */
static uint64_t lane_bits(uint64_t cost) {
    return (cost >> 16) / 16 * 16 + 8 * LANES_STATE_BYTES;
}

hemp_status hemp_arithmetic_estimate(const hemp_part *parts, size_t count, int mode, uint64_t *bits, void *memory,
                                     size_t memory_size) {
    encode_plan plan;
    arithmetic_state *state;
    arithmetic_scratch scratch;
    *bits = 0;
    const hemp_status status = begin(&plan, &state, &scratch, parts, count, mode, memory, memory_size);
    if (status != HEMP_OK || plan.count == 0)
        return status;
    bit_writer writer = {NULL, 0};
    write_front(&writer, &plan);
    *bits = writer.position;
    if (!anything_coded(&plan))
        return HEMP_OK;
    if (scratch.mixer) {
        range_encoder encoder;
        hemp_range_begin_encoder(&encoder, NULL);
        encode_mixed(&plan, state, &scratch, &encoder);
        *bits += encoder.cost >> 16;
        return HEMP_OK;
    }
    lanes_records records = {NULL, {0}};
    list_parts(&plan, state, &scratch, &records);
    for (uint32_t k = 0; k < (uint32_t)1 << plan.lanes_bits; k++)
        *bits += lane_bits(records.costs[k]);
    return HEMP_OK;
}
