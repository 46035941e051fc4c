"""Weights between their two nearest levels: the soft assignment that makes an entropy differentiable.

A weight w with r(q-) <= w <= r(q+), neighbouring levels at the distance Delta, belongs to q+ with the probability
(w - r(q-)) / Delta, to q- with the rest, and to no other level (HEMP, equation 7).  Beyond the outermost levels, where
the paper leaves it undefined, it belongs to the outermost level entirely, with zero gradient.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

_CELLS = 1024


class Assignment(NamedTuple):
    """The soft assignment of weights; all tensors have the shape of the weights.

    Attributes:
        lower: integers, number of the lower of the two nearest levels; the other one is the next.
        upper_probability: that of the upper level, in the weights' dtype; differentiable in the weights.
        slope: derivative of ``upper_probability`` by the weight: 1 / Delta, and 0 beyond the outermost levels.
    """

    lower: Tensor
    upper_probability: Tensor
    slope: Tensor

    def nearest(self) -> Tensor:
        """Number of the nearest level, int32; of two, the lower."""
        return self.lower + (self.upper_probability > 0.5)


def assign(weights: Tensor, levels: Tensor) -> Assignment:
    """Soft assignment of ``weights`` (any shape) to ``levels`` (ascending, of the weights' dtype).

    To a single level all weights belong entirely.
    """
    if len(levels) < 2:
        return Assignment(torch.zeros_like(weights, dtype=torch.int32), weights * 0, torch.zeros_like(weights))
    lower = count_below(weights.detach(), levels[1:-1])
    steps = levels.diff()
    inverse = torch.where(steps > 0, 1 / steps.clamp_min(torch.finfo(steps.dtype).tiny), 0)
    slope = take(inverse, lower)
    position = (weights - take(levels, lower)) * slope
    probability = position.clamp(0, 1)
    return Assignment(lower, probability, slope * (position == probability))


def nearest(weights: Tensor, levels: Tensor) -> Tensor:
    """Number of the nearest level of each weight, int32 in the shape of ``weights``; of two, the lower."""
    return count_below(weights, (levels[:-1] + levels[1:]) / 2)


def take(table: Tensor, numbers: Tensor) -> Tensor:
    """``table[numbers]`` for a 1-D table, in the shape of ``numbers``."""
    return table.index_select(0, numbers.reshape(-1)).view(numbers.shape)


def count_below(weights: Tensor, bounds: Tensor) -> Tensor:
    """For each weight the number of ascending ``bounds`` below it, int32 in the shape of ``weights``."""
    if not len(bounds):
        return torch.zeros(weights.shape, dtype=torch.int32, device=weights.device)
    counted = _count_by_cells(weights, bounds)
    return torch.bucketize(weights, bounds.contiguous(), out_int32=True) if counted is None else counted


def _count_by_cells(weights: Tensor, bounds: Tensor) -> Tensor | None:
    """``count_below`` by a table of the bounds' range in equal cells, where no two bounds share one; else None.

    It takes an eighth of the time of a binary search for each weight.  A weight's cell is a function of it that never
    falls, so bounds of lower cells are below it and those of higher cells above, however the arithmetic rounds.
    """
    low, high = bounds[0], bounds[-1]
    scale = torch.where(high > low, (_CELLS - 1) / (high - low), 0)

    def cell(values: Tensor) -> Tensor:
        # fmax also takes care of NaN, whose conversion to an integer is undefined.
        return torch.fmax((values - low).mul_(scale).clamp_(max=_CELLS - 1), scale.new_zeros(())).int()

    cells = cell(bounds)
    if bool((cells.diff() == 0).any()):
        return None
    below = torch.zeros(_CELLS, dtype=torch.int32, device=bounds.device)
    below[1:] = torch.bincount(cells, minlength=_CELLS).cumsum(0)[:-1]
    inside = torch.full((_CELLS,), math.inf, dtype=bounds.dtype, device=bounds.device)
    inside[cells] = bounds
    number = cell(weights)
    return take(below, number).add_(weights > take(inside, number))
