"""Search for the uniform grid of least squared error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hemp_codec.dtypes import DType
from hemp_codec.quantizers._distribution import Distribution, overlapping, pieces
from hemp_codec.quantizers.base import UniformGrid, largest_value, step_dtype

_MAX_OFFSET = 1 << 23
_COARSE = 0.890625  # ratio of neighbouring steps that are tried at first
_ZOOMS = (1.0 / 32, 1.0 / 128, 1.0 / 512, 1.0 / 2048)  # distance of neighbours around the best, as share of it
_ZOOM_REACH = 4


@dataclass(frozen=True)
class _Candidate:
    """A grid and its gain: how much lower its squared error is than that of all values at zero."""

    gain: float
    grid: UniformGrid


def best_grid(values: Distribution, num_levels: int, dtype: DType) -> UniformGrid:
    """The grid of ``num_levels`` levels for tensors of ``dtype``: steps on a logarithmic scale, then ever finer around
    the best; for each the best offset by hill climbing."""
    search = _Search(values, num_levels, dtype)
    best = search.fallback()
    for step in search.coarse_steps():
        best = max(best, search.coarse(step), key=_gain)
    for distance in _ZOOMS:
        centre = best.grid
        for number in range(-_ZOOM_REACH, _ZOOM_REACH + 1):
            best = max(best, search.near(centre, 1 + number * distance), key=_gain)
    return best.grid


def _gain(candidate: _Candidate) -> float:
    return candidate.gain


class _Search:
    def __init__(self, values: Distribution, num_levels: int, dtype: DType) -> None:
        self._values = values
        self._num_levels = num_levels
        self._dtype = dtype
        self._low, self._median, self._high = values.scaled(np.array([0, len(values.values) // 2, -1])).tolist()
        self._deviation = _deviation(values)
        self._largest = largest_value(dtype.numpy)

    def fallback(self) -> _Candidate:
        """A grid that is valid whatever the values: zero, or the value of largest magnitude and zero."""
        largest = max(self._low, self._high, key=abs)
        mean = self._values.prefix_sums.total / self._values.size
        spans_zero = self._low <= 0 <= self._high
        if largest == 0 or (self._num_levels == 1 and spans_zero):
            return self._candidate(abs(largest) or 1.0, 0, 1)
        if self._num_levels == 1:
            return self._candidate(abs(mean), 1 if mean > 0 else -1, 1)
        first = -1 if largest < 0 or self._num_levels > 2 else 0
        return self._candidate(abs(largest), first, min(self._num_levels, 3))

    def coarse_steps(self) -> Iterator[float]:
        """From a grid as wide as the values to one about as narrow as their standard deviation."""
        gaps = max(self._num_levels - 1, 1)
        widest = (self._high - self._low) / max(gaps - 1, 1)
        if widest == 0 or self._num_levels == 1:
            return
        yield from self._exact_steps()
        step = widest
        while step * gaps > self._deviation:
            yield step
            step *= _COARSE

    def coarse(self, step: float) -> _Candidate:
        """About the best grid of this step, starting with the median in the middle."""
        start = self._candidate(step, round(self._median / step) - (self._num_levels - 1) // 2, self._num_levels)
        return self._climb(step, start, max(self._num_levels // 8, 1), max(self._num_levels // 64, 1))

    def near(self, grid: UniformGrid, factor: float) -> _Candidate:
        """The best grid whose step is that of ``grid`` times ``factor``, starting where that grid lies."""
        step = grid.step / self._values.scale * factor
        start = self._candidate(step, round(grid.offset / factor), grid.num_levels)
        return self._climb(step, start, max(grid.num_levels // 64, 1), 1)

    def _climb(self, step: float, found: _Candidate, stride: int, last_stride: int) -> _Candidate:
        """Move the offset by ``stride`` while that is better, then by ever smaller strides."""
        while stride >= last_stride:
            grid = found.grid
            sides = [self._candidate(step, grid.offset + side, grid.num_levels) for side in (-stride, stride)]
            better = max(sides, key=_gain)
            if better.gain > found.gain:
                found = better
            else:
                stride //= 2
        return found

    def _exact_steps(self) -> Iterator[float]:
        """Steps of values that lie on a grid already: the smallest magnitude and the smallest distance."""
        magnitude = gap = math.inf
        for piece in overlapping(len(self._values.values)):
            values = self._values.scaled(piece)
            gaps = np.diff(values)
            magnitude = min(magnitude, float(np.abs(values[values != 0]).min(initial=math.inf)))
            gap = min(gap, float(gaps[gaps > 0].min(initial=math.inf)))
        for smallest in (magnitude, gap):
            if (self._high - self._low) / smallest < 4 * self._num_levels:
                yield smallest

    def _candidate(self, step: float, offset: int, num_levels: int) -> _Candidate:
        if self._low <= 0 <= self._high:
            offset = min(max(offset, 1 - num_levels), 0)
        offset = min(max(offset, -_MAX_OFFSET), _MAX_OFFSET)
        with np.errstate(over="ignore", under="ignore"):
            step = float(step_dtype(self._dtype).type(step * self._values.scale))
        grid = UniformGrid(step, offset, num_levels, self._dtype)
        return _Candidate(self._gain_of(grid), grid)

    def _is_valid(self, grid: UniformGrid) -> bool:
        farthest = max(abs(grid.offset), abs(grid.offset + grid.num_levels - 1))
        return 0 < grid.step < np.inf and grid.step * farthest <= self._largest

    def _gain_of(self, grid: UniformGrid) -> float:
        if not self._is_valid(grid):
            return -np.inf
        step = grid.step / self._values.scale
        levels = step * np.arange(grid.offset, grid.offset + grid.num_levels, dtype=np.float64)
        cells = self._values.cut(levels[:-1] + step / 2)
        gains = levels * (2 * self._values.sums(cells) - levels * self._values.counts(cells))
        return float(np.cumsum(gains)[-1])  # one after the other: the same bits on every platform


def _deviation(values: Distribution) -> float:
    """Power of two below the standard deviation of the tensor's values, in units of the scale."""
    mean = values.prefix_sums.total / values.size
    squares = 0.0
    for piece in pieces(len(values.values)):
        counts = values.counts(np.arange(piece.start, piece.stop + 1))
        squares += float(np.sum(counts * (values.scaled(piece) - mean) ** 2))
    deviation = math.sqrt(squares / values.size)
    return math.ldexp(0.5, math.frexp(deviation)[1]) if deviation else 0.0
