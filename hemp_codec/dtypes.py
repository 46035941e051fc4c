"""The one table of element types: number in the format, names elsewhere, planes (spec/format.md, 4.4).

Everything else about dtypes (loading, saving, documentation, tests) is derived from ``DTYPES``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import ml_dtypes
import numpy as np

from hemp_codec.errors import UnsupportedError

# numpy has no such types; one-field and two-field records keep the bytes and the identity.
_COMPLEX32 = np.dtype([("real", "<f2"), ("imag", "<f2")])
_FLOAT4_X2 = np.dtype([("float4_e2m1fn_x2", "u1")])


@dataclass(frozen=True)
class DType:
    """One element type.

    Attributes:
        number: number in the format.
        name: name in the format, which is torch's.
        numpy: little-endian numpy dtype (``ml_dtypes`` for bfloat16 and the 8-bit floats).
        safetensors: name in a safetensors header, or None if safetensors lacks it.
        rotated: the bit pattern of each component is rotated left by one bit before it is cut into planes.
        components: 2 for complex numbers, else 1.
        quantizable: a codebook or uniform quantizer may be used.
    """

    number: int
    name: str
    numpy: np.dtype
    safetensors: str | None
    rotated: bool = False
    components: int = 1
    quantizable: bool = False

    @cached_property
    def size(self) -> int:
        """Bytes of an element."""
        return self.numpy.itemsize

    @property
    def planes(self) -> int:
        """Planes of a lossless tensor: one for each byte of an element."""
        return self.size

    @cached_property
    def plane_levels(self) -> int:
        """``num_levels`` of each plane."""
        return 2 if self.name == "bool" else 256


DTYPES: tuple[DType, ...] = (
    DType(0, "bool", np.dtype("?"), "BOOL"),
    DType(1, "uint8", np.dtype("u1"), "U8"),
    DType(2, "int8", np.dtype("i1"), "I8"),
    DType(3, "uint16", np.dtype("<u2"), "U16"),
    DType(4, "int16", np.dtype("<i2"), "I16"),
    DType(5, "uint32", np.dtype("<u4"), "U32"),
    DType(6, "int32", np.dtype("<i4"), "I32"),
    DType(7, "uint64", np.dtype("<u8"), "U64"),
    DType(8, "int64", np.dtype("<i8"), "I64"),
    DType(9, "float16", np.dtype("<f2"), "F16", rotated=True, quantizable=True),
    DType(10, "bfloat16", np.dtype(ml_dtypes.bfloat16), "BF16", rotated=True, quantizable=True),
    DType(11, "float32", np.dtype("<f4"), "F32", rotated=True, quantizable=True),
    DType(12, "float64", np.dtype("<f8"), "F64", rotated=True, quantizable=True),
    DType(13, "float8_e4m3fn", np.dtype(ml_dtypes.float8_e4m3fn), "F8_E4M3", rotated=True),
    DType(14, "float8_e5m2", np.dtype(ml_dtypes.float8_e5m2), "F8_E5M2", rotated=True),
    DType(15, "float8_e4m3fnuz", np.dtype(ml_dtypes.float8_e4m3fnuz), "F8_E4M3FNUZ", rotated=True),
    DType(16, "float8_e5m2fnuz", np.dtype(ml_dtypes.float8_e5m2fnuz), "F8_E5M2FNUZ", rotated=True),
    DType(17, "float8_e8m0fnu", np.dtype(ml_dtypes.float8_e8m0fnu), "F8_E8M0"),
    DType(18, "complex32", _COMPLEX32, None, rotated=True, components=2),
    DType(19, "complex64", np.dtype("<c8"), "C64", rotated=True, components=2),
    DType(20, "complex128", np.dtype("<c16"), None, rotated=True, components=2),
    DType(21, "float4_e2m1fn_x2", _FLOAT4_X2, "F4"),
)
BY_NUMBER: dict[int, DType] = {dtype.number: dtype for dtype in DTYPES}
BY_NAME: dict[str, DType] = {dtype.name: dtype for dtype in DTYPES}
BY_NUMPY: dict[np.dtype, DType] = {dtype.numpy: dtype for dtype in DTYPES}
BY_SAFETENSORS: dict[str, DType] = {dtype.safetensors: dtype for dtype in DTYPES if dtype.safetensors}


def of(array: np.ndarray) -> DType:
    """The entry for ``array.dtype``, in whatever byte order; UnsupportedError if the format has none."""
    found = BY_NUMPY.get(array.dtype)
    if found is None and not array.dtype.names:
        found = BY_NUMPY.get(array.dtype.newbyteorder("<"))
    if found is None:
        raise UnsupportedError(
            f"dtype {array.dtype} has no place in a .hemp file; convert the array to one of {', '.join(BY_NAME)}"
        )
    return found
