/* Rules for reconstruction levels (spec/format.md, 5.2 and 5.3), on bit patterns wherever possible. */
#include "levels.h"

#include <string.h>

#include "bytes.h"
#include "dtype.h"

/* A value as an integer: its order is that of the values, with -0.0 equal to 0.0. */
typedef struct float_pattern {
    int64_t order;
    int finite;
} float_pattern;

static float_pattern pattern_of(uint64_t bits, unsigned width, uint64_t infinity) {
    const uint64_t sign = (uint64_t)1 << (width - 1);
    const uint64_t magnitude = bits & (sign - 1);
    float_pattern pattern;
    pattern.finite = magnitude < infinity;
    pattern.order = bits & sign ? -(int64_t)magnitude : (int64_t)magnitude;
    return pattern;
}

static float_pattern load_pattern(uint8_t dtype, const uint8_t *value) {
    switch (dtype) {
    case HEMP_DTYPE_FLOAT16:
        return pattern_of(hemp_load16(value), 16, 0x7C00u);
    case HEMP_DTYPE_BFLOAT16:
        return pattern_of(hemp_load16(value), 16, 0x7F80u);
    case HEMP_DTYPE_FLOAT32:
        return pattern_of(hemp_load32(value), 32, 0x7F800000u);
    default:
        return pattern_of(hemp_load64(value), 64, UINT64_C(0x7FF0000000000000));
    }
}

uint32_t hemp_levels_first_bad(uint8_t dtype, const uint8_t *values, uint32_t count) {
    const uint32_t size = hemp_dtype_size(dtype);
    int64_t previous = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        const float_pattern pattern = load_pattern(dtype, values + (size_t)i * size);
        if (!pattern.finite || pattern.order < previous) {
            return i;
        }
        previous = pattern.order;
    }
    return count;
}

static uint8_t step_type(uint8_t dtype) {
    return dtype == HEMP_DTYPE_FLOAT64 ? HEMP_DTYPE_FLOAT64 : HEMP_DTYPE_FLOAT32;
}

int hemp_step_valid(uint8_t dtype, const uint8_t *step) {
    const float_pattern pattern = load_pattern(step_type(dtype), step);
    return pattern.finite && pattern.order > 0;
}

static int float64_level_finite(const uint8_t *step, int32_t n) {
    const uint64_t bits = hemp_load64(step);
    double value;
    memcpy(&value, &bits, sizeof value);
    const double level = value * n;
    uint64_t level_bits;
    memcpy(&level_bits, &level, sizeof level_bits);
    return pattern_of(level_bits, 64, UINT64_C(0x7FF0000000000000)).finite;
}

int hemp_grid_level_finite(uint8_t dtype, const uint8_t *step, int32_t n) {
    if (dtype == HEMP_DTYPE_FLOAT64) {
        return float64_level_finite(step, n);
    }
    const uint32_t bits = hemp_load32(step);
    float value;
    memcpy(&value, &bits, sizeof value);
    /* Two factors of 24 bits: exact as a double. */
    const double exact = (double)value * (n < 0 ? -n : n);
    const double float32_overflow = 340282356779733661637539395458142568448.0; /* 2^128 - 2^103: rounds to infinity */
    if (exact >= float32_overflow) {
        return 0;
    }
    const float rounded = (float)exact;
    uint32_t rounded_bits;
    memcpy(&rounded_bits, &rounded, sizeof rounded_bits);
    switch (dtype) {
    case HEMP_DTYPE_FLOAT16:
        return rounded_bits < 0x477FF000u; /* 65520, which rounds to infinity */
    case HEMP_DTYPE_BFLOAT16:
        return rounded_bits < 0x7F7F8000u; /* half a unit above the largest bfloat16 */
    default:
        return 1;
    }
}

int hemp_levels_type_fits(uint8_t levels_type, uint8_t dtype) {
    if (levels_type == dtype) {
        return 1;
    }
    if (dtype == HEMP_DTYPE_FLOAT64) {
        return 1;
    }
    return dtype == HEMP_DTYPE_FLOAT32 && levels_type != HEMP_DTYPE_FLOAT64;
}
