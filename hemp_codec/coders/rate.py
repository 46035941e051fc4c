"""What a coder pays for, as training sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RateModel:
    """The statistic of the indices that a coder's payload follows.

    Attributes:
        name: of the coder.
        order: the payload follows the entropy of ``order``-tuples of neighbouring indices; 1: of single indices.
        contexts: names of what the probability of an index depends on: ``"row"`` and ``"column"`` (the magnitudes in
            its row and column so far), ``"above"`` (the index in the row above), ``"previous"`` (those before it).
        conditional: probabilities are conditional on ``contexts``; else all indices, or tuples, share one distribution.
    """

    name: str
    order: int = 1
    contexts: tuple[str, ...] = ()
    conditional: bool = False
