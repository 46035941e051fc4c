#include "arithmetic_lanes.h"

size_t hemp_arithmetic_runs(const hemp_part *part, uint32_t lanes_bits, lanes_run runs[2]) {
    const uint64_t rounds = lanes_bits > 0 ? (part->size / part->columns >> lanes_bits) * part->columns : 0;
    const uint64_t together = rounds << lanes_bits;
    const lanes_run side_by_side = {0, rounds, lanes_bits}, rest = {together, part->size - together, 0};
    size_t count = 0;
    if (rounds > 0)
        runs[count++] = side_by_side;
    if (together < part->size)
        runs[count++] = rest;
    return count;
}

void hemp_arithmetic_begin_run(const arithmetic_state *state, const hemp_part *part, const lanes_run *run,
                               uint16_t *columns, lanes_neighbors *at) {
    const uint16_t initial = (uint16_t)(state->header.initial << HEMP_INITIAL_SHIFT);
    const uint64_t entries = hemp_arithmetic_columns(part);
    at->column = columns;
    at->above = columns + entries;
    at->columns = part->columns;
    at->j = 0;
    at->groups = run->first > 0 ? 254 : 0; /* what is left of a part goes on with its columns */
    lanes_set_column_rate(&state->header, at);
    at->until_row = part->columns - part->start % part->columns;
    for (uint32_t k = 0; k < LANES_MOST; k++) {
        at->row[k] = at->left[k] = at->left2[k] = initial;
        at->history[k] = (uint16_t)state->history_start;
    }
    if (run->first == 0 && state->header.classes > 1)
        for (uint64_t j = 0; j < 2 * entries; j++)
            columns[j] = initial;
}
