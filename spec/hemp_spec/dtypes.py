"""Section 4.4: the element types."""

from __future__ import annotations

from typing import NamedTuple


class FloatFormat(NamedTuple):
    """Sizes of the fields of an IEEE 754 bit pattern, in bits; the sign takes one more."""

    exponent: int
    mantissa: int

    @property
    def size(self) -> int:
        """Bytes of a pattern."""
        return (1 + self.exponent + self.mantissa) // 8


class DType(NamedTuple):
    """One row of the table.

    Attributes:
        number, name, size: as in the text; the size in bytes is also the number of planes.
        components: 2 for complex numbers.
        rotated: kind of the planes.
        float_format: for the dtypes that may be quantized.
    """

    number: int
    name: str
    size: int
    components: int = 1
    rotated: bool = False
    float_format: FloatFormat | None = None

    @property
    def planes(self) -> int:
        """Number of planes (5.1)."""
        return self.size

    @property
    def plane_levels(self) -> int:
        """Number of levels of each plane (5.1)."""
        return 2 if self.name == "bool" else 256


FLOAT16 = FloatFormat(5, 10)
BFLOAT16 = FloatFormat(8, 7)
FLOAT32 = FloatFormat(8, 23)
FLOAT64 = FloatFormat(11, 52)

DTYPES: dict[int, DType] = {
    dtype.number: dtype
    for dtype in (
        DType(0, "bool", 1),
        DType(1, "uint8", 1),
        DType(2, "int8", 1),
        DType(3, "uint16", 2),
        DType(4, "int16", 2),
        DType(5, "uint32", 4),
        DType(6, "int32", 4),
        DType(7, "uint64", 8),
        DType(8, "int64", 8),
        DType(9, "float16", 2, rotated=True, float_format=FLOAT16),
        DType(10, "bfloat16", 2, rotated=True, float_format=BFLOAT16),
        DType(11, "float32", 4, rotated=True, float_format=FLOAT32),
        DType(12, "float64", 8, rotated=True, float_format=FLOAT64),
        DType(13, "float8_e4m3fn", 1, rotated=True),
        DType(14, "float8_e5m2", 1, rotated=True),
        DType(15, "float8_e4m3fnuz", 1, rotated=True),
        DType(16, "float8_e5m2fnuz", 1, rotated=True),
        DType(17, "float8_e8m0fnu", 1),
        DType(18, "complex32", 4, components=2, rotated=True),
        DType(19, "complex64", 8, components=2, rotated=True),
        DType(20, "complex128", 16, components=2, rotated=True),
        DType(21, "float4_e2m1fn_x2", 1),
    )
}
BY_NAME: dict[str, DType] = {dtype.name: dtype for dtype in DTYPES.values()}
FIRST_DTYPE = BY_NAME["float32"]  # of a first record without `dtype` (4.2)

# Section 5.2: types of the levels of a codebook, by the number in bits 0-1 of `table`, and the dtypes that hold
# every value of each.
LEVEL_TYPES: dict[int, str] = {0: "float32", 1: "float16", 2: "bfloat16", 3: "float64"}
HOLDERS: dict[str, tuple[str, ...]] = {
    "float16": ("float16", "float32", "float64"),
    "bfloat16": ("bfloat16", "float32", "float64"),
    "float32": ("float32", "float64"),
    "float64": ("float64",),
}
