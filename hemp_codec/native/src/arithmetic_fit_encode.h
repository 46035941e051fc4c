/* What the files that choose a header share: arithmetic_weights_encode.c, arithmetic_classes_encode.c and
 * arithmetic_fit_encode.c. */
#ifndef HEMP_ARITHMETIC_FIT_ENCODE_H
#define HEMP_ARITHMETIC_FIT_ENCODE_H

#include "arithmetic_encode.h"
#include "arithmetic_lanes.h"

/* `row`, `column`, `near` and `above` of each element of the parts, in their order, into scratch->features; from the
 * header's bins, center, rates and `initial`, and scratch->bin_of. */
void hemp_arithmetic_list_features(const arithmetic_header *header, const hemp_part *parts, size_t count,
                                   uint32_t lanes_bits, const arithmetic_scratch *scratch);

/* header->weights from the features; false: they tell nothing. */
bool hemp_arithmetic_fit_weights(arithmetic_header *header, const hemp_part *parts, size_t count,
                                 const arithmetic_scratch *scratch);

/* header->shift from features and weights, and the cell of each element in place of its features. */
void hemp_arithmetic_list_cells(arithmetic_header *header, uint64_t elements, const arithmetic_scratch *scratch);

/* Order, classes and thresholds from the cells: those under which the bins would cost least if there were `scale` times
 * as many elements; returns that, in bits / 65536. */
uint64_t hemp_arithmetic_fit_classes(arithmetic_header *header, const hemp_part *parts, size_t count, uint64_t scale,
                                     const arithmetic_scratch *scratch);

#endif
