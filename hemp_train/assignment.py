"""Weights between their two nearest levels: the soft assignment that makes an entropy differentiable.

A weight w with r(q-) <= w <= r(q+), neighbouring levels at the distance Delta, belongs to q+ with the probability
(w - r(q-)) / Delta, to q- with the rest, and to no other level (HEMP, equation 7).  Beyond the outermost levels, where
the paper leaves it undefined, it belongs to the outermost level entirely, with zero gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# Up to so many levels, counting the levels below each weight is quicker than a binary search for each (measured).
_MAX_COUNTED_LEVELS = 40


class Assignment(NamedTuple):
    """The soft assignment of weights; all tensors have the shape of the weights.

    Attributes:
        lower: int64, number of the lower of the two nearest levels; the other one is the next.
        upper_probability: that of the upper level, in the weights' dtype; differentiable in the weights.
        slope: derivative of ``upper_probability`` by the weight: 1 / Delta, and 0 beyond the outermost levels.
    """

    lower: Tensor
    upper_probability: Tensor
    slope: Tensor


def assign(weights: Tensor, levels: Tensor) -> Assignment:
    """Soft assignment of ``weights`` (any shape) to ``levels`` (ascending, at least two, the weights' dtype)."""
    lower = count_below(weights.detach(), levels[1:-1])
    steps = levels.diff()
    inverse = torch.where(steps > 0, 1 / steps.clamp_min(torch.finfo(steps.dtype).tiny), 0)
    floor, slope = take(levels, lower), take(inverse, lower)
    position = (weights - floor) * slope
    inside = (position.detach() >= 0) & (position.detach() <= 1)
    return Assignment(lower, position.clamp(0, 1), slope * inside)


def nearest(weights: Tensor, levels: Tensor) -> Tensor:
    """Number of the nearest level of each weight, int64 in the shape of ``weights``; of two, the lower."""
    return count_below(weights, (levels[:-1] + levels[1:]) / 2)


def take(table: Tensor, numbers: Tensor) -> Tensor:
    """``table[numbers]`` for a 1-D table, in the shape of ``numbers``."""
    return table.index_select(0, numbers.reshape(-1)).view(numbers.shape)


def count_below(weights: Tensor, bounds: Tensor) -> Tensor:
    """For each weight the number of ascending ``bounds`` below it, int64."""
    if len(bounds) > _MAX_COUNTED_LEVELS:
        return torch.bucketize(weights, bounds.contiguous())
    count = torch.zeros(weights.shape, dtype=torch.uint8, device=weights.device)
    for bound in bounds.unbind():
        count += weights > bound
    return count.long()
