"""What a quantizer is: a float array to indices and parameters, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hemp_codec.dtypes import DType
from hemp_codec.tensors import QuantizedTensor

MAX_LEVELS = 65536


@dataclass(frozen=True, eq=False)
class Codebook:
    """Parameters of the quantizer ``codebook`` (spec/format.md, 5.2).

    Attributes:
        levels: float array of shape (num_levels,), finite and ascending; its dtype is that of the tensor.
    """

    levels: np.ndarray

    @property
    def num_levels(self) -> int:
        return len(self.levels)


@dataclass(frozen=True)
class UniformGrid:
    """Parameters of the quantizer ``uniform`` (spec/format.md, 5.3).

    Attributes:
        step: distance of neighbouring levels, above 0 and exact in the type in which the format stores it.
        offset: number of the first level, -2^23 to 2^23.
        num_levels: 1 to 65536.
        dtype: element type of the tensor.
    """

    step: float
    offset: int
    num_levels: int
    dtype: DType

    @property
    def levels(self) -> np.ndarray:
        """The levels in the tensor's dtype, shape (num_levels,), by the arithmetic of the format."""
        work = step_dtype(self.dtype)
        numbers = np.arange(self.offset, self.offset + self.num_levels, dtype=np.int64).astype(work)
        with np.errstate(over="ignore"):
            levels: np.ndarray = (work.type(self.step) * numbers).astype(self.dtype.numpy)
        levels[levels == 0] = 0  # also those that the conversion rounds to -0.0
        return levels


@dataclass(frozen=True)
class Planes:
    """Parameters of the quantizer ``lossless``: what the planes were cut from.

    Attributes:
        dtype: element type of the tensor.
        shape: its shape.
    """

    dtype: DType
    shape: tuple[int, ...]


Parameters = Codebook | UniformGrid | Planes


@runtime_checkable
class Quantizer(Protocol):
    """Turns an array into indices and parameters, and those into an array.

    Lossy quantizers give one index array in the array's own shape (``index_dtype(num_levels)``) and a ``Codebook`` or a
    ``UniformGrid``; the lossless one gives a list of planes and ``Planes``.  They hold no state between calls and
    compare equal if they do the same, which is how the writer finds tied tensors.
    """

    @property
    def name(self) -> str:
        """Name as on the command line."""
        ...

    def quantize(self, array: np.ndarray) -> tuple[Any, Any]:
        """Indices and parameters of ``array``.

        Raises:
            QuantizationError: the array holds what the quantizer cannot take.
        """
        ...

    def dequantize(self, indices: Any, params: Any) -> np.ndarray:
        """The array that the indices and parameters stand for."""
        ...


def step_dtype(dtype: DType) -> np.dtype:
    """Type in which the step of a uniform grid is stored for a tensor of ``dtype``."""
    return np.dtype("<f8" if dtype.name == "float64" else "<f4")


def largest_value(dtype: np.dtype) -> float:
    """The largest finite value of a floating-point ``dtype``: its patterns are in the order of their magnitudes."""
    infinity = np.array(np.inf, dtype).tobytes()
    below = int.from_bytes(infinity, "little") - 1
    return float(np.frombuffer(below.to_bytes(dtype.itemsize, "little"), dtype)[0])


def look_up(indices: np.ndarray, params: Codebook | UniformGrid) -> np.ndarray:
    """``levels[indices]``."""
    return QuantizedTensor(indices, params.levels).dequantize()


def check_num_levels(levels: int) -> int:
    """``levels`` as an int if it is from 1 to 65536, else ValueError."""
    if isinstance(levels, bool) or int(levels) != levels or not 1 <= levels <= MAX_LEVELS:
        raise ValueError(f"the number of levels must be an integer from 1 to {MAX_LEVELS}, not {levels!r}")
    return int(levels)
