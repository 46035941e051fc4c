/* Rules for reconstruction levels (spec/format.md, 5.2 and 5.3), on bit patterns wherever possible. */
#include "levels.h"

#include <string.h>

#include "dtype.h"
#include "numbers.h"

/* A value as an integer: its order is that of the values, with -0.0 equal to 0.0. */
static int64_t order_of(uint8_t dtype, const uint8_t *value) {
    const uint32_t size = hemp_dtype_size(dtype);
    const uint64_t bits = hemp_load_pattern(value, size);
    const uint64_t sign = (uint64_t)1 << (8 * size - 1);
    const int64_t magnitude = (int64_t)(bits & (sign - 1));
    return bits & sign ? -magnitude : magnitude;
}

static int is_finite(uint8_t dtype, const uint8_t *value) {
    return hemp_number_of(dtype, hemp_load_pattern(value, hemp_dtype_size(dtype))).kind == HEMP_NUMBER_FINITE;
}

uint32_t hemp_levels_first_bad(uint8_t dtype, const uint8_t *values, uint32_t count) {
    const uint32_t size = hemp_dtype_size(dtype);
    int64_t previous = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *value = values + (size_t)i * size;
        const int64_t order = order_of(dtype, value);
        if (!is_finite(dtype, value) || order < previous) {
            return i;
        }
        previous = order;
    }
    return count;
}

static uint8_t step_type(uint8_t dtype) {
    return dtype == HEMP_FLOAT64 ? HEMP_FLOAT64 : HEMP_FLOAT32;
}

int hemp_step_valid(uint8_t dtype, const uint8_t *step) {
    return is_finite(step_type(dtype), step) && order_of(step_type(dtype), step) > 0;
}

/* Level number `n` of a grid in `dtype`: one multiplication in the type of the step, then one conversion. */
static hemp_number grid_level(uint8_t dtype, const uint8_t *step, int32_t n) {
    const uint8_t type = step_type(dtype);
    const hemp_number factor = hemp_number_of(type, hemp_load_pattern(step, hemp_dtype_size(type)));
    const hemp_number exact = hemp_number_times(&factor, n);
    const hemp_number product = hemp_number_of(type, hemp_number_bits(&exact, type));
    hemp_number level = hemp_number_of(dtype, hemp_number_bits(&product, dtype));
    if (level.significand == 0) {
        level.negative = 0;
    }
    return level;
}

int hemp_grid_level_finite(uint8_t dtype, const uint8_t *step, int32_t n) {
    return grid_level(dtype, step, n).kind == HEMP_NUMBER_FINITE;
}

static uint64_t level_bits(const hemp_directory *directory, const hemp_tensor *record, uint8_t dtype, uint32_t k) {
    const uint8_t *values = directory->front + record->levels_offset;
    const uint32_t stored_size = hemp_dtype_size(record->levels_type);
    hemp_number level;
    if (record->quantizer == HEMP_UNIFORM) {
        level = grid_level(record->dtype, values, record->uniform_offset + (int32_t)k);
    } else {
        level = hemp_number_of(record->levels_type, hemp_load_pattern(values + (size_t)k * stored_size, stored_size));
    }
    return hemp_number_bits(&level, dtype);
}

void hemp_levels_table(const hemp_directory *directory, const hemp_tensor *record, uint8_t dtype, const void *indices,
                       uint64_t count, void *out) {
    const uint32_t size = hemp_dtype_size(dtype);
    const int are_few = indices != NULL && count < record->num_levels;
    const uint64_t entries = are_few ? count : record->num_levels;
    for (uint64_t i = 0; i < entries; i++) {
        uint16_t k = (uint16_t)i;
        if (are_few && record->num_levels > 256) {
            memcpy(&k, (const uint8_t *)indices + 2 * i, 2);
        } else if (are_few) {
            k = ((const uint8_t *)indices)[i];
        }
        hemp_put_native((uint8_t *)out + (size_t)k * size, level_bits(directory, record, dtype, k), size);
    }
}

int hemp_levels_type_fits(uint8_t levels_type, uint8_t dtype) {
    if (levels_type == dtype) {
        return 1;
    }
    if (dtype == HEMP_FLOAT64) {
        return 1;
    }
    return dtype == HEMP_FLOAT32 && levels_type != HEMP_FLOAT64;
}
