"""The indices of one tensor for the writer, cut where they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hemp_codec import _native
from hemp_codec.dtypes import DType


class IndexSource(Protocol):
    """Indices of a tensor, for any number of threads."""

    @property
    def planes(self) -> int:
        """Number of planes."""
        ...

    def cut(self, start: int, stop: int) -> list[np.ndarray]:
        """The elements [start, stop): for each plane a 1-D array of ``index_dtype(num_levels)``."""
        ...


@dataclass(eq=False, slots=True)
class QuantizedIndices:
    """Indices of a quantized tensor, 1-D; they are one plane."""

    indices: np.ndarray

    @property
    def planes(self) -> int:
        return 1

    def cut(self, start: int, stop: int) -> list[np.ndarray]:
        return [self.indices[start:stop]]


@dataclass(eq=False, slots=True)
class LosslessIndices:
    """The planes of a lossless tensor, made piece by piece, so that no second copy of a large tensor is needed.

    Attributes:
        dtype: element type.
        data: the elements' little-endian bytes, uint8 of shape (nbytes,).
    """

    dtype: DType
    data: np.ndarray

    @property
    def planes(self) -> int:
        return self.dtype.planes

    def cut(self, start: int, stop: int) -> list[np.ndarray]:
        return _native.planes_split(self.dtype.number, self.elements(start, stop), stop - start)

    def elements(self, start: int, stop: int) -> np.ndarray:
        """The bytes of the elements [start, stop)."""
        return self.data[start * self.dtype.size : stop * self.dtype.size]
