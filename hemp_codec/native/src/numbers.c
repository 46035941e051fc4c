#include "numbers.h"

#include <string.h>

#include "bytes.h"

typedef struct float_format {
    unsigned fraction_bits;
    unsigned exponent_bits;
} float_format;

static float_format format_of(uint8_t dtype) {
    static const float_format formats[] = {{10, 5}, {7, 8}, {23, 8}, {52, 11}};
    return formats[(unsigned)(dtype - HEMP_FLOAT16) & 3u];
}

static uint64_t infinity_of(float_format format) {
    return (((uint64_t)1 << format.exponent_bits) - 1) << format.fraction_bits;
}

static int bias_of(float_format format) {
    return (1 << (format.exponent_bits - 1)) - 1;
}

hemp_number hemp_number_of(uint8_t dtype, uint64_t bits) {
    const float_format format = format_of(dtype);
    const uint64_t sign = (uint64_t)1 << (format.fraction_bits + format.exponent_bits);
    const uint64_t magnitude = bits & (sign - 1);
    const uint64_t fraction = bits & (((uint64_t)1 << format.fraction_bits) - 1);
    const int exponent = (int)(magnitude >> format.fraction_bits);
    hemp_number number;
    number.negative = (bits & sign) != 0;
    number.kind = HEMP_NUMBER_FINITE;
    number.significand = exponent > 0 ? fraction | (uint64_t)1 << format.fraction_bits : fraction;
    number.exponent = (exponent > 0 ? exponent : 1) - bias_of(format) - (int)format.fraction_bits;
    if (magnitude >= infinity_of(format)) {
        number.kind = fraction == 0 ? HEMP_NUMBER_INFINITE : HEMP_NUMBER_NAN;
        number.significand = fraction << (63 - format.fraction_bits);
    }
    return number;
}

/* `significand` >> `shift`, to the nearest integer, ties to even. */
static uint64_t rounded_shift(uint64_t significand, unsigned shift) {
    const uint64_t half = (uint64_t)1 << 63;
    if (shift == 0 || shift > 64) {
        return shift == 0 ? significand : 0;
    }
    const uint64_t kept = shift < 64 ? significand >> shift : 0;
    const uint64_t rest = significand << (64 - shift);
    return kept + (rest > half || (rest == half && (kept & 1) != 0));
}

static uint64_t finite_bits(const hemp_number *number, float_format format) {
    uint64_t significand = number->significand;
    int exponent = number->exponent + 63 + bias_of(format); /* as stored, once bit 63 is the highest that is set */
    if (significand == 0) {
        return 0;
    }
    while (significand >> 63 == 0) {
        significand <<= 1;
        exponent--;
    }
    if (exponent >= 1 << format.exponent_bits) {
        return infinity_of(format);
    }
    const unsigned shift = 63 - format.fraction_bits;
    if (exponent < 1) { /* subnormal */
        return rounded_shift(significand, exponent < -64 ? 65 : shift + (unsigned)(1 - exponent));
    }
    /* The highest bit of the significand adds 1 to the exponent; rounding up may do so again, up to infinity. */
    const uint64_t bits = ((uint64_t)(exponent - 1) << format.fraction_bits) + rounded_shift(significand, shift);
    return bits < infinity_of(format) ? bits : infinity_of(format);
}

uint64_t hemp_number_bits(const hemp_number *number, uint8_t dtype) {
    const float_format format = format_of(dtype);
    const uint64_t sign = (uint64_t)(number->negative != 0) << (format.fraction_bits + format.exponent_bits);
    const uint64_t quiet = (uint64_t)1 << (format.fraction_bits - 1);
    switch (number->kind) {
    case HEMP_NUMBER_NAN:
        return sign | infinity_of(format) | quiet | number->significand >> (63 - format.fraction_bits);
    case HEMP_NUMBER_INFINITE:
        return sign | infinity_of(format);
    default:
        return sign | finite_bits(number, format);
    }
}

hemp_number hemp_number_times(const hemp_number *number, int32_t factor) {
    const uint32_t size = factor < 0 ? (uint32_t)-factor : (uint32_t)factor;
    const uint64_t low = (number->significand & 0xFFFFFFFFu) * size;
    const uint64_t high = (number->significand >> 32) * size + (low >> 32); /* of the product: its bits from 32 on */
    hemp_number product = *number;
    product.negative = (number->negative != 0) != (factor < 0);
    if (high >> 31 == 0) {
        product.significand = high << 32 | (low & 0xFFFFFFFFu);
    } else {
        enum { DROPPED = 16 };
        const uint64_t lost = low & (((uint64_t)1 << DROPPED) - 1);
        product.significand = high << (32 - DROPPED) | (low & 0xFFFFFFFFu) >> DROPPED | (lost != 0);
        product.exponent += DROPPED;
    }
    return product;
}

uint64_t hemp_load_pattern(const uint8_t *bytes, uint32_t size) {
    switch (size) {
    case 1:
        return *bytes;
    case 2:
        return hemp_load16(bytes);
    case 4:
        return hemp_load32(bytes);
    default:
        return hemp_load64(bytes);
    }
}

void hemp_put_native(void *out, uint64_t bits, uint32_t size) {
    const uint8_t of8 = (uint8_t)bits;
    const uint16_t of16 = (uint16_t)bits;
    const uint32_t of32 = (uint32_t)bits;
    switch (size) {
    case 1:
        memcpy(out, &of8, 1);
        break;
    case 2:
        memcpy(out, &of16, 2);
        break;
    case 4:
        memcpy(out, &of32, 4);
        break;
    default:
        memcpy(out, &bits, 8);
        break;
    }
}
