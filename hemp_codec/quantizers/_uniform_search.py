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
_LEVELS_TOGETHER = 1 << 13  # whose cells are computed in one call: temporaries stay in the cache


@dataclass(frozen=True)
class _Candidate:
    """A grid and its gain: how much lower its squared error is than that of all values at zero."""

    gain: float
    grid: UniformGrid


def best_grid(values: Distribution, num_levels: int, dtype: DType) -> UniformGrid:
    """The grid of ``num_levels`` levels for tensors of ``dtype``: steps on a logarithmic scale, then ever finer around
    the best; for each the best offset by hill climbing.  Climbs that do not depend on each other go on side by side,
    since for few levels a call of numpy costs more than what it computes."""
    search = _Search(values, num_levels, dtype)
    best = max([search.fallback(), *search.coarse(list(search.coarse_steps()))], key=_gain)
    for distance in _ZOOMS:
        factors = [1 + number * distance for number in range(-_ZOOM_REACH, _ZOOM_REACH + 1)]
        best = max([best, *search.near(best.grid, factors)], key=_gain)
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
            grid = self._grid(abs(largest) or 1.0, 0, 1)
        elif self._num_levels == 1:
            grid = self._grid(abs(mean), 1 if mean > 0 else -1, 1)
        else:
            first = -1 if largest < 0 or self._num_levels > 2 else 0
            grid = self._grid(abs(largest), first, min(self._num_levels, 3))
        return self._candidates([grid])[0]

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

    def coarse(self, steps: list[float]) -> list[_Candidate]:
        """About the best grid of each step, starting with the median in the middle."""
        count = self._num_levels
        starts = [self._grid(step, round(self._median / step) - (count - 1) // 2, count) for step in steps]
        return self._climb(steps, starts, max(count // 8, 1), max(count // 64, 1))

    def near(self, grid: UniformGrid, factors: list[float]) -> list[_Candidate]:
        """The best grids whose steps are that of ``grid`` times each factor, starting where that grid lies."""
        steps = [grid.step / self._values.scale * factor for factor in factors]
        offsets = [round(grid.offset / factor) for factor in factors]
        starts = [self._grid(step, offset, grid.num_levels) for step, offset in zip(steps, offsets, strict=True)]
        return self._climb(steps, starts, max(grid.num_levels // 64, 1), 1)

    def _climb(self, steps: list[float], starts: list[UniformGrid], stride: int, last_stride: int) -> list[_Candidate]:
        """From each start, move the offset by ``stride`` while that is better, then by ever smaller strides."""
        found = self._candidates(starts)
        strides = [stride] * len(found)
        while climbing := [number for number, stride in enumerate(strides) if stride >= last_stride]:
            sides = self._candidates(
                [
                    self._grid(steps[number], found[number].grid.offset + side, found[number].grid.num_levels)
                    for number in climbing
                    for side in (-strides[number], strides[number])
                ]
            )
            for number, left, right in zip(climbing, sides[::2], sides[1::2], strict=True):
                better = max(left, right, key=_gain)
                if better.gain > found[number].gain:
                    found[number] = better
                else:
                    strides[number] //= 2
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

    def _grid(self, step: float, offset: int, num_levels: int) -> UniformGrid:
        """The grid that can be stored and is like this one; one level is zero if the values lie on both sides of it."""
        if self._low <= 0 <= self._high:
            offset = min(max(offset, 1 - num_levels), 0)
        offset = min(max(offset, -_MAX_OFFSET), _MAX_OFFSET)
        with np.errstate(over="ignore", under="ignore"):
            step = float(step_dtype(self._dtype).type(step * self._values.scale))
        return UniformGrid(step, offset, num_levels, self._dtype)

    def _candidates(self, grids: list[UniformGrid]) -> list[_Candidate]:
        """The grids, all of as many levels, with their gains."""
        valid = [grid for grid in grids if self._is_valid(grid)]
        together = max(_LEVELS_TOGETHER // grids[0].num_levels, 1) if grids else 1
        gains = [gain for piece in pieces(len(valid), together) for gain in self._gains(valid[piece])]
        by_grid = iter(gains)
        return [_Candidate(next(by_grid) if self._is_valid(grid) else -np.inf, grid) for grid in grids]

    def _is_valid(self, grid: UniformGrid) -> bool:
        farthest = max(abs(grid.offset), abs(grid.offset + grid.num_levels - 1))
        return 0 < grid.step < np.inf and grid.step * farthest <= self._largest

    def _gains(self, grids: list[UniformGrid]) -> list[float]:
        steps = np.array([[grid.step / self._values.scale] for grid in grids])
        offsets = np.array([[grid.offset] for grid in grids], np.float64)
        levels = steps * (offsets + np.arange(grids[0].num_levels))
        cells = self._values.cut(levels[:, :-1] + steps / 2)
        gains = levels * (2 * self._values.sums(cells) - levels * self._values.counts(cells))
        sums: list[float] = np.cumsum(gains, axis=1)[:, -1].tolist()  # one after the other: the same bits everywhere
        return sums


def _deviation(values: Distribution) -> float:
    """Power of two below the standard deviation of the tensor's values, in units of the scale."""
    mean = values.prefix_sums.total / values.size
    squares = 0.0
    for piece in pieces(len(values.values)):
        counts = values.counts(np.arange(piece.start, piece.stop + 1))
        squares += float(np.sum(counts * (values.scaled(piece) - mean) ** 2))
    deviation = math.sqrt(squares / values.size)
    return math.ldexp(0.5, math.frexp(deviation)[1]) if deviation else 0.0
