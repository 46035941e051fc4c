"""The lossless quantizer: the bit pattern of each element, cut into planes (spec/format.md, 5.1)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hemp_codec import _native, dtypes
from hemp_codec.quantizers.base import Planes

_LITTLE_ENDIAN = sys.byteorder == "little"


@dataclass(frozen=True)
class Lossless:
    """Bit-exact for every dtype of the format."""

    name: ClassVar[str] = "lossless"

    def quantize(self, array: np.ndarray) -> tuple[list[np.ndarray], Planes]:
        """The planes, one uint8 array of shape (elements,) for each byte of an element, and what they were cut from.

        Raises:
            UnsupportedError: the format has no such dtype.
        """
        array = np.asarray(array)
        params = Planes(dtypes.of(array), array.shape)
        return _native.planes_split(params.dtype.number, element_bytes(array), array.size), params

    def dequantize(self, indices: Sequence[np.ndarray], params: Planes) -> np.ndarray:
        """The array, bit for bit."""
        data = _native.planes_join(params.dtype.number, list(indices))
        return np.frombuffer(data, params.dtype.numpy).reshape(params.shape)


def element_bytes(array: np.ndarray) -> np.ndarray:
    """The elements as little-endian bytes in C order, uint8 of shape (nbytes,); bool elements are 0 or 1."""
    array = np.asarray(array, order="C")
    flat = array.reshape(-1)
    if flat.dtype.kind == "b":
        flat = flat.view(np.uint8) != 0
    if flat.dtype.names is None and flat.dtype.isnative != _LITTLE_ENDIAN:
        flat = flat.byteswap()  # bytes only: a conversion might quiet a NaN
    return flat.view(np.uint8)
