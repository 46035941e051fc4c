"""Optimal partition of a few thousand weighted points into cells, by dynamic programming.

In one dimension the cells of the best levels are intervals, and the best first point of the last cell moves only to the
right as points are added, so each layer is solved by halving: O(levels x points x log(points)), vectorised over all
intervals of one depth.
"""

from __future__ import annotations

import numpy as np


def optimal_cuts(means: np.ndarray, weights: np.ndarray, num_levels: int, *, pin_zero: bool) -> np.ndarray:
    """Cuts of ascending points into ``num_levels`` cells of the least squared error.

    Args:
        means: float64 of shape (points,).
        weights: float64 of the same shape, above 0.
        num_levels: 1 to the number of points.
        pin_zero: one of the cells has the level 0.0 instead of its mean; it may be empty.

    Returns:
        Cuts, int64 of shape (num_levels + 1,), from 0 to the number of points; cell k is means[cuts[k]:cuts[k + 1]].
    """
    costs = _Costs(means, weights)
    free = [_first_layer(costs)]
    pinned = [_first_pinned_layer(costs)] if pin_zero else []
    for _ in range(1, num_levels):
        before = free[-1].errors
        free.append(_next_layer(costs, before))
        if pin_zero:
            pinned.append(_better(_next_layer(costs, pinned[-1].errors), _pinned_layer(costs, before)))
    return _trace(pinned, free, len(means)) if pin_zero else _trace(free, free, len(means))


class _Costs:
    """Squared errors of cells, from prefix sums."""

    def __init__(self, means: np.ndarray, weights: np.ndarray) -> None:
        self.points = len(means)
        self._weights = _prefix(weights)
        self._sums = _prefix(weights * means)
        self.squares = _prefix(weights * means * means)

    def cell(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Squared error of the points start to end around their mean; end is above start."""
        total = self._sums[end] - self._sums[start]
        return self.squares[end] - self.squares[start] - total * total / (self._weights[end] - self._weights[start])


class _Layer:
    """The best for j cells: ``errors[i]`` for the first i points, whose last cell begins at ``starts[i]``.

    ``through_pin[i]``: that last cell is the pinned one.
    """

    def __init__(self, errors: np.ndarray, starts: np.ndarray, through_pin: np.ndarray | None = None) -> None:
        self.errors = errors
        self.starts = starts
        self.through_pin = np.zeros(len(errors), np.bool_) if through_pin is None else through_pin


def _first_layer(costs: _Costs) -> _Layer:
    ends = np.arange(1, costs.points + 1)
    errors = np.concatenate(([np.inf], costs.cell(np.zeros_like(ends), ends)))
    return _Layer(errors, np.zeros(costs.points + 1, np.int64))


def _first_pinned_layer(costs: _Costs) -> _Layer:
    size = costs.points + 1
    return _Layer(costs.squares.copy(), np.zeros(size, np.int64), np.ones(size, np.bool_))


def _pinned_layer(costs: _Costs, before: np.ndarray) -> _Layer:
    """The last cell has level 0: its error is a difference of prefix sums, so the best start is a running minimum."""
    gaps = before - costs.squares
    best = np.minimum.accumulate(gaps)
    is_new = np.concatenate(([True], gaps[1:] < best[:-1]))
    starts = np.maximum.accumulate(np.where(is_new, np.arange(len(gaps)), 0))
    return _Layer(best + costs.squares, starts, np.ones(len(gaps), np.bool_))


def _better(one: _Layer, other: _Layer) -> _Layer:
    take = other.errors < one.errors
    return _Layer(
        np.where(take, other.errors, one.errors),
        np.where(take, other.starts, one.starts),
        np.where(take, other.through_pin, one.through_pin),
    )


def _next_layer(costs: _Costs, before: np.ndarray) -> _Layer:
    """One more cell: for every end the best start, by halving."""
    size = costs.points + 1
    errors = np.full(size, np.inf)
    starts = np.zeros(size, np.int64)
    low_end, high_end = np.array([1]), np.array([costs.points])
    low_start, high_start = np.array([0]), np.array([costs.points - 1])
    while len(low_end):
        middle = (low_end + high_end) // 2
        errors[middle], starts[middle] = _best_starts(costs, before, middle, low_start, high_start)
        left, right = low_end < middle, middle < high_end
        found = starts[middle]
        low_end, high_end, low_start, high_start = (
            np.concatenate((low_end[left], middle[right] + 1)),
            np.concatenate((middle[left] - 1, high_end[right])),
            np.concatenate((low_start[left], found[right])),
            np.concatenate((found[left], high_start[right])),
        )
    return _Layer(errors, starts)


def _best_starts(
    costs: _Costs, before: np.ndarray, ends: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each end the least error over the starts low to high (inclusive, below the end), and its first start."""
    lengths = np.minimum(high, ends - 1) - low + 1
    first = np.cumsum(lengths) - lengths
    starts = np.arange(lengths.sum()) + np.repeat(low - first, lengths)
    errors = before[starts] + costs.cell(starts, np.repeat(ends, lengths))
    best = np.minimum.reduceat(errors, first)
    candidates = np.where(errors == np.repeat(best, lengths), starts, costs.points)
    return best, np.minimum.reduceat(candidates, first)


def _trace(last: list[_Layer], free: list[_Layer], points: int) -> np.ndarray:
    """Follow the starts back from all points; once the pinned cell is passed, only free ones remain."""
    cuts = np.empty(len(last) + 1, np.int64)
    cuts[-1] = points
    layers = last
    for number in range(len(last) - 1, -1, -1):
        end = cuts[number + 1]
        layer = layers[number]
        cuts[number] = layer.starts[end]
        if layer.through_pin[end]:
            layers = free
    cuts[0] = 0
    return cuts


def _prefix(array: np.ndarray) -> np.ndarray:
    return np.concatenate(([0.0], np.cumsum(array)))
