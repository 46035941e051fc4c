"""Section 5: reconstruction levels and lossless planes, on bit patterns held as integers."""

from __future__ import annotations

from collections.abc import Sequence

from hemp_spec.dtypes import DTYPES, LEVEL_TYPES, DType, FloatFormat


def is_finite(pattern: int, fmt: FloatFormat) -> bool:
    """Neither infinite nor NaN."""
    return (pattern >> fmt.mantissa) % (1 << fmt.exponent) != (1 << fmt.exponent) - 1


def order(pattern: int, fmt: FloatFormat) -> int:
    """Integers that compare like the numbers do; equal for 0.0 and -0.0."""
    sign_bit = 1 << (fmt.exponent + fmt.mantissa)
    magnitude = pattern & (sign_bit - 1)
    return -magnitude if pattern & sign_bit else magnitude


def unpack(pattern: int, fmt: FloatFormat) -> tuple[int, int, int]:
    """Sign bit, integer m and exponent e of a finite number, whose magnitude is m x 2^e."""
    sign = pattern >> (fmt.exponent + fmt.mantissa)
    exponent = (pattern >> fmt.mantissa) % (1 << fmt.exponent)
    mantissa = pattern % (1 << fmt.mantissa)
    bias = (1 << (fmt.exponent - 1)) - 1
    if exponent == 0:
        return sign, mantissa, 1 - bias - fmt.mantissa
    return sign, mantissa + (1 << fmt.mantissa), exponent - bias - fmt.mantissa


def pack(sign: int, m: int, e: int, fmt: FloatFormat) -> int:
    """Bit pattern of m x 2^e, rounded to nearest, ties to even; infinity where that overflows (1.7)."""
    if m == 0:
        return sign << (fmt.exponent + fmt.mantissa)
    bias = (1 << (fmt.exponent - 1)) - 1
    lowest = 1 - bias - fmt.mantissa  # exponent of the last bit of subnormal numbers
    last = max(e + m.bit_length() - 1 - fmt.mantissa, lowest)  # exponent of the last bit that is kept
    if e < last:
        dropped = last - e
        kept, rest = m >> dropped, m % (1 << dropped)
        half = 1 << (dropped - 1)
        kept += rest > half or (rest == half and kept % 2 == 1)
    else:
        kept = m << (e - last)
    # The leading bit of a normal number adds 1 to the exponent field; a carry out of the mantissa does the same.
    magnitude = kept + ((last - lowest) << fmt.mantissa)
    infinity = ((1 << fmt.exponent) - 1) << fmt.mantissa
    return (sign << (fmt.exponent + fmt.mantissa)) | min(magnitude, infinity)


def convert(pattern: int, source: FloatFormat, target: FloatFormat) -> int:
    """The finite number ``pattern`` in another format; the sign of a zero is kept."""
    return pack(*unpack(pattern, source), target)


def float_format(dtype: DType) -> FloatFormat:
    """Of a dtype that may be quantized."""
    if dtype.float_format is None:
        raise ValueError(f"{dtype.name} cannot be quantized")
    return dtype.float_format


def level_type(number: int) -> DType:
    """Type of the levels by its number in `table` (5.2)."""
    return next(dtype for dtype in DTYPES.values() if dtype.name == LEVEL_TYPES[number])


def codebook_levels(patterns: Sequence[int], stored: DType, dtype: DType) -> list[int]:
    """Section 5.2: the levels, stored as ``stored``, as patterns of the tensor's ``dtype``."""
    source, target = float_format(stored), float_format(dtype)
    return [convert(pattern, source, target) for pattern in patterns]


def step_type(dtype: DType) -> DType:
    """Type of `step` for a tensor of ``dtype`` (5.3)."""
    return dtype if dtype.name == "float64" else DTYPES[11]


def uniform_level(step: int, number: int, dtype: DType) -> int:
    """Section 5.3: level ``offset`` + k = ``number`` of the grid with the bit pattern ``step``."""
    wide, target = float_format(step_type(dtype)), float_format(dtype)
    sign, m, e = unpack(step, wide)
    product = pack(sign ^ (number < 0), m * abs(number), e, wide)  # the one multiplication
    if not is_finite(product, wide):
        return ((1 << target.exponent) - 1) << target.mantissa
    level = convert(product, wide, target)
    return 0 if order(level, target) == 0 else level


def uniform_levels(step: int, offset: int, num_levels: int, dtype: DType) -> list[int]:
    """All levels of the grid, as patterns of ``dtype``."""
    return [uniform_level(step, offset + k, dtype) for k in range(num_levels)]


def grid_is_finite(step: int, offset: int, num_levels: int, dtype: DType) -> bool:
    """Section 5.3: whether the first and the last level are."""
    ends = (uniform_level(step, number, dtype) for number in (offset, offset + num_levels - 1))
    return all(is_finite(level, float_format(dtype)) for level in ends)


def level_bytes(levels: Sequence[int], dtype: DType) -> list[bytes]:
    """Each level as a little-endian element."""
    return [level.to_bytes(dtype.size, "little") for level in levels]


def split_planes(dtype: DType, data: bytes) -> list[list[int]]:
    """Section 5.1: the planes of little-endian elements."""
    width = dtype.size // dtype.components
    planes: list[list[int]] = [[] for _ in range(dtype.planes)]
    for start in range(0, len(data), width):
        pattern = int.from_bytes(data[start : start + width], "little")
        if dtype.rotated:
            pattern = _rotate_left(pattern, 1, 8 * width)
        first_plane = start % dtype.size
        for plane, byte in enumerate(pattern.to_bytes(width, "big")):
            planes[first_plane + plane].append(byte)
    return planes


def join_planes(dtype: DType, planes: Sequence[Sequence[int]]) -> bytes:
    """Section 5.1: little-endian elements from their planes."""
    width = dtype.size // dtype.components
    data = bytearray()
    for values in zip(*planes, strict=True):
        for first in range(0, dtype.size, width):
            pattern = int.from_bytes(bytes(values[first : first + width]), "big")
            if dtype.rotated:
                pattern = _rotate_left(pattern, 8 * width - 1, 8 * width)
            data += pattern.to_bytes(width, "little")
    return bytes(data)


def _rotate_left(pattern: int, count: int, bits: int) -> int:
    return (pattern << count | pattern >> (bits - count)) % (1 << bits)
