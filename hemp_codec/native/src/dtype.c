#include "dtype.h"

static const hemp_dtype_entry entries[HEMP_DTYPE_COUNT] = {
    {1, 1, 0},  /* bool */
    {1, 1, 0},  /* uint8 */
    {1, 1, 0},  /* int8 */
    {2, 2, 0},  /* uint16 */
    {2, 2, 0},  /* int16 */
    {4, 4, 0},  /* uint32 */
    {4, 4, 0},  /* int32 */
    {8, 8, 0},  /* uint64 */
    {8, 8, 0},  /* int64 */
    {2, 2, 1},  /* float16 */
    {2, 2, 1},  /* bfloat16 */
    {4, 4, 1},  /* float32 */
    {8, 8, 1},  /* float64 */
    {1, 1, 1},  /* float8_e4m3fn */
    {1, 1, 1},  /* float8_e5m2 */
    {1, 1, 1},  /* float8_e4m3fnuz */
    {1, 1, 1},  /* float8_e5m2fnuz */
    {1, 1, 0},  /* float8_e8m0fnu */
    {4, 2, 1},  /* complex32 */
    {8, 4, 1},  /* complex64 */
    {16, 8, 1}, /* complex128 */
    {1, 1, 0},  /* float4_e2m1fn_x2 */
};

const hemp_dtype_entry *hemp_dtype_find(uint8_t dtype) {
    return dtype < HEMP_DTYPE_COUNT ? &entries[dtype] : NULL;
}

uint32_t hemp_dtype_size(uint8_t dtype) {
    const hemp_dtype_entry *entry = hemp_dtype_find(dtype);
    return entry != NULL ? entry->size : 0;
}

uint32_t hemp_dtype_planes(uint8_t dtype) {
    return hemp_dtype_size(dtype);
}
