#ifndef HEMP_LEVELS_H
#define HEMP_LEVELS_H

#include "internal.h"

/* Number of the first value that is not finite or smaller than the one before; `count` if there is none.  The values
 * are of a quantizable dtype. */
uint32_t hemp_levels_first_bad(uint8_t dtype, const uint8_t *values, uint32_t count);

/* 1 if the step is finite and above 0.  It is a float64 if `dtype` is, else a float32. */
int hemp_step_valid(uint8_t dtype, const uint8_t *step);

/* 1 if level number `n` of the grid, step * n, is finite in `dtype`; |n| below 2^24. */
int hemp_grid_level_finite(uint8_t dtype, const uint8_t *step, int32_t n);

/* 1 if every value of `levels_type` is one of `dtype` (spec/format.md, 5.2). */
int hemp_levels_type_fits(uint8_t levels_type, uint8_t dtype);

/* The levels of a codebook or uniform tensor, as numbers of a quantizable dtype in the machine's byte order: all of
 * them, or, if there are fewer `indices`, those alone that these `count` indices name. */
void hemp_levels_table(const hemp_directory *directory, const hemp_tensor *record, uint8_t dtype, const void *indices,
                       uint64_t count, void *out);

#endif
