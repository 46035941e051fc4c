"""The Lloyd-Max quantizer: the levels of least squared error, on each tensor's own distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hemp_codec import dtypes
from hemp_codec.quantizers._condense import condense
from hemp_codec.quantizers._distribution import Distribution, distribution, pieces
from hemp_codec.quantizers._nearest import nearest_indices
from hemp_codec.quantizers._optimal import optimal_cuts
from hemp_codec.quantizers.base import Codebook, check_num_levels, largest_value, look_up
from hemp_codec.tensors import index_dtype

_POINTS_PER_LEVEL = 16
_MIN_POINTS, _MAX_POINTS = 4096, 8192
_MAX_OPTIMAL_LEVELS = 1024
_MAX_ROUNDS = 2000


@dataclass(frozen=True)
class LloydMax:
    """Non-uniform levels that minimise the squared error.

    The start is the exact optimum for the distribution condensed to some thousand points (dynamic programming; above
    1024 levels, levels of equal share in density^(1/3)); from there Lloyd's rounds run on all values until no value
    changes its level.  Measured on layers of MiniLM: within 0.001 % of the least error known at 16 levels; at 256
    levels within 0.03 % on most layers and 0.06 % at worst, on position embeddings.  Lloyd's rounds from the usual
    starts end 0.04 to 5 % above it at 16 levels and 1 to 40 % at 256.

    Attributes:
        levels: number of levels, 1 to 65536.  A tensor that has fewer different values gets exactly those.
        pin_zero: one of the levels is exactly 0.0.
    """

    levels: int = 16
    pin_zero: bool = False
    name: ClassVar[str] = "lloyd-max"

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", check_num_levels(self.levels))

    def quantize(self, array: np.ndarray) -> tuple[np.ndarray, Codebook]:
        """Indices in the shape of ``array`` and the codebook in its dtype (float16, bfloat16, float32 or float64).

        Each index is that of the nearest level.  Levels that no value uses are left out.

        Raises:
            QuantizationError: the dtype is another one, or a value is NaN or infinite.
        """
        array = np.asarray(array)
        levels = self._fit(distribution(array)) if array.size else np.zeros(1)
        rounded = _representable(levels, dtypes.of(array).numpy)
        indices = nearest_indices(array, rounded)
        return _without_unused(indices, rounded, keep_zero=self.pin_zero)

    def dequantize(self, indices: np.ndarray, params: Codebook) -> np.ndarray:
        """``params.levels[indices]``."""
        return look_up(indices, params)

    def _fit(self, values: Distribution) -> np.ndarray:
        """Ascending float64 levels."""
        if values.num_distinct <= self.levels:
            exact = values.distinct()
            exact = np.union1d(exact, [0.0]) if self.pin_zero else exact
            if len(exact) <= self.levels:
                return exact
        return settle(values, self._start(values), pin_zero=self.pin_zero) * values.scale

    def _start(self, values: Distribution) -> np.ndarray:
        if self.levels > _MAX_OPTIMAL_LEVELS:
            return self._levels_of(values, condense(values, self.levels))
        cells = condense(values, min(max(_POINTS_PER_LEVEL * self.levels, _MIN_POINTS), _MAX_POINTS))
        means, weights = _means(values, cells), values.counts(cells).astype(np.float64)
        cuts = optimal_cuts(means, weights, min(self.levels, len(means)), pin_zero=self.pin_zero)
        return self._levels_of(values, cells[cuts])

    def _levels_of(self, values: Distribution, cells: np.ndarray) -> np.ndarray:
        """The means of the cells, ascending; if zero is pinned, it replaces the mean for which that costs least."""
        levels = _means(values, cells)
        if self.pin_zero:
            levels[np.argmin(values.counts(cells) * levels * levels)] = 0.0
        return np.sort(levels)


def settle(values: Distribution, levels: np.ndarray, *, pin_zero: bool) -> np.ndarray:
    """Lloyd's rounds: move each level to the mean of its values, until no value changes its level."""
    pinned = int(np.argmin(np.abs(levels))) if pin_zero else None
    before = np.empty(0)
    for _ in range(_MAX_ROUNDS):
        cells = values.cut((levels[:-1] + levels[1:]) / 2)
        if np.array_equal(cells, before):
            break
        before = cells
        levels = _means(values, cells, empty=levels)
        if pinned is not None:
            levels[pinned] = 0.0
    return levels


def _means(values: Distribution, cells: np.ndarray, empty: np.ndarray | float = 0.0) -> np.ndarray:
    """Mean of each cell; ``empty`` where it has no values.  A zero is positive."""
    counts = values.counts(cells)
    return np.where(counts > 0, values.sums(cells) / np.maximum(counts, 1), empty) + 0.0


def _representable(levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The levels rounded to ``dtype`` (those beyond its range to its end), each once, ascending."""
    rounded: np.ndarray = np.clip(levels, -largest_value(dtype), largest_value(dtype)).astype(dtype)
    changes = rounded[1:] != rounded[:-1]
    return rounded[np.concatenate(([True], changes))]


def _without_unused(indices: np.ndarray, levels: np.ndarray, *, keep_zero: bool) -> tuple[np.ndarray, Codebook]:
    """Indices and codebook without the levels that no index names."""
    flat = indices.reshape(-1)
    used = np.zeros(len(levels), bool)
    for piece in pieces(flat.size):
        used |= np.bincount(flat[piece], minlength=len(levels)) > 0
    if keep_zero:
        used |= levels == 0
    if indices.size == 0:
        used[:1] = True
    if used.all():
        return indices, Codebook(levels)
    kept = levels[used]
    numbers = (np.cumsum(used) - 1).astype(index_dtype(len(kept)))
    renumbered = np.empty(flat.size, numbers.dtype)
    for piece in pieces(flat.size):
        renumbered[piece] = numbers[flat[piece]]
    return renumbered.reshape(indices.shape), Codebook(kept)
