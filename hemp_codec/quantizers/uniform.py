"""The uniform quantizer: equally spaced levels, multiples of one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hemp_codec import dtypes
from hemp_codec.quantizers._distribution import distribution
from hemp_codec.quantizers._nearest import nearest_indices
from hemp_codec.quantizers._uniform_search import best_grid
from hemp_codec.quantizers.base import UniformGrid, check_num_levels, look_up
from hemp_codec.tensors import index_dtype


@dataclass(frozen=True)
class Uniform:
    """Levels ``step * (offset + k)``; step and offset minimise the squared error, so far outliers are clipped.

    Zero is one of the levels wherever it lies between the smallest and the largest value.

    Attributes:
        levels: number of levels, 1 to 65536.  Levels at the ends that no value uses are left out.
    """

    levels: int = 16
    name: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", check_num_levels(self.levels))

    def quantize(self, array: np.ndarray) -> tuple[np.ndarray, UniformGrid]:
        """Indices in the shape of ``array`` (float16, bfloat16, float32 or float64) and the grid.

        Each index is that of the nearest level.

        Raises:
            QuantizationError: the dtype is another one, or a value is NaN or infinite.
        """
        array = np.asarray(array)
        dtype = dtypes.of(array)
        grid = best_grid(distribution(array), self.levels, dtype) if array.size else UniformGrid(1.0, 0, 1, dtype)
        indices = nearest_indices(array, grid.levels)
        return _trim(indices, grid)

    def dequantize(self, indices: np.ndarray, params: UniformGrid) -> np.ndarray:
        """``params.levels[indices]``."""
        return look_up(indices, params)


def _trim(indices: np.ndarray, grid: UniformGrid) -> tuple[np.ndarray, UniformGrid]:
    """Indices and grid without the unused levels at both ends."""
    low, high = (int(indices.min()), int(indices.max())) if indices.size else (0, 0)
    trimmed = UniformGrid(grid.step, grid.offset + low, high - low + 1, grid.dtype)
    moved = indices if low == 0 else indices - indices.dtype.type(low)
    return moved.astype(index_dtype(trimmed.num_levels), copy=False), trimmed
