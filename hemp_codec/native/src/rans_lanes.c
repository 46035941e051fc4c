#include "rans_lanes.h"

#include "bytes.h"

void hemp_rans_lanes_begin(hemp_rans_lanes *lanes, unsigned count) {
    lanes->count = count;
    lanes->current = 0;
    lanes->use_avx2 = 0;
#ifdef HEMP_X86_SIMD
    lanes->use_avx2 = count == HEMP_RANS_MAX_LANES && hemp_cpu_has_avx2();
#endif
}

static inline uint32_t advance(uint32_t state, uint32_t slot) {
    return ((slot >> 8) & 0xFFF) * (state >> HEMP_RANS_SCALE_BITS) + (slot >> 20);
}

static inline size_t rounds(hemp_rans_lanes *lanes, const uint32_t *slots, uint8_t *out, size_t size, unsigned count) {
    const uint8_t *next = lanes->next;
    uint32_t *states = lanes->states;
    size_t done = 0;
    while (size - done >= count && (size_t)(lanes->end - next) >= (size_t)2 * count) {
        for (unsigned lane = 0; lane < count; lane++) {
            const uint32_t slot = slots[states[lane] & (HEMP_RANS_SCALE - 1)];
            const uint32_t state = advance(states[lane], slot);
            out[done + lane] = (uint8_t)slot;
            /* Arithmetic instead of a branch, which would be mispredicted every few symbols. */
            const uint32_t more = state < HEMP_RANS_LOW;
            const uint32_t filled = (state << 16) | hemp_load16(next);
            states[lane] = more ? filled : state;
            next += 2 * more;
        }
        done += count;
    }
    lanes->next = next;
    return done;
}

/* Whole rounds of all lanes, as long as each of them surely finds its words; the number of symbols decoded. */
static size_t decode_rounds(hemp_rans_lanes *lanes, const uint32_t *slots, uint8_t *out, size_t size) {
    if (lanes->count < HEMP_RANS_MAX_LANES) {
        return rounds(lanes, slots, out, size, lanes->count);
    }
#ifdef HEMP_X86_SIMD
    if (lanes->use_avx2) {
        return hemp_rans_rounds_avx2(lanes, slots, out, size);
    }
#endif
    return rounds(lanes, slots, out, size, HEMP_RANS_MAX_LANES);
}

static hemp_status decode_one(hemp_rans_lanes *lanes, const uint32_t *slots, uint8_t *out) {
    const uint32_t slot = slots[lanes->states[lanes->current] & (HEMP_RANS_SCALE - 1)];
    uint32_t state = advance(lanes->states[lanes->current], slot);
    *out = (uint8_t)slot;
    if (state < HEMP_RANS_LOW) {
        if (lanes->next == lanes->end) {
            return HEMP_BAD_PAYLOAD;
        }
        state = (state << 16) | hemp_load16(lanes->next);
        lanes->next += 2;
    }
    lanes->states[lanes->current] = state;
    lanes->current = (lanes->current + 1) & (lanes->count - 1);
    return HEMP_OK;
}

hemp_status hemp_rans_lanes_decode(hemp_rans_lanes *lanes, const uint32_t *slots, uint8_t *out, size_t size) {
    size_t done = 0;
    while (done < size) {
        if (HEMP_MANY_CASES && lanes->current == 0) {
            done += decode_rounds(lanes, slots, out + done, size - done);
            if (done == size) {
                break;
            }
        }
        const hemp_status status = decode_one(lanes, slots, out + done);
        if (status != HEMP_OK) {
            return status;
        }
        done++;
    }
    return HEMP_OK;
}
