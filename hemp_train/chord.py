"""The slope of the bits from each weight's level straight to the level of zero.

The gradient of a rate sees the next level only: where inner levels are rare and dear, weights at an outer level rest
there, and those beyond it feel nothing.  The chord, (bits(q) - bits(0)) / |w|, draws all of them to zero, those hardest
that are near and dear.  Weights at zero already are held there by the chord of the next level on their side at r:
4 |w| (bits(r) - bits(0)) / r^2, which meets the other half-way.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hemp_train.assignment import take


class Chord(NamedTuple):
    """Where the chords of a tensor's weights begin and end.

    Attributes:
        level: number of the level whose bits count, in the weights' shape: their own, or for weights at zero the next.
        zero: number of the level of zero.
        share: of a bit of difference in the slope, 1 / (unit of weight), with the sign of the weight.
    """

    level: Tensor
    zero: int
    share: Tensor

    @staticmethod
    def of(weights: Tensor, levels: Tensor, hard: Tensor) -> Chord:
        """Of ``weights`` with the indices ``hard`` of their nearest ``levels``."""
        zero = int(levels.abs().argmin())
        from_zero = weights - levels[zero]
        apart, at_zero = from_zero.abs(), hard == zero
        level = torch.where(at_zero, hard + from_zero.sign().int(), hard).clamp(0, len(levels) - 1)
        reach = (take(levels, level) - levels[zero]).abs()
        tiny = torch.finfo(reach.dtype).tiny
        share = torch.where(at_zero, 4 * apart / reach.square().clamp_min(tiny), 1 / apart.clamp_min(tiny))
        return Chord(level, zero, from_zero.sign() * share)

    def slopes(self, rise: Tensor) -> Tensor:
        """The slopes for ``rise``, bits at the level minus bits at zero; outwards, never inwards."""
        return torch.where(rise > 0, rise * self.share, 0)
