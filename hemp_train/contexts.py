"""The contexts of a coder that expects large indices near large ones: their features, and how they fall into classes.

The coder codes an index under a class of expected magnitude, a weighted sum of magnitudes in its row, its column, just
before it and above it, and fits the weights to the tensor.  Here the weights come from least squares, and a row's and
a column's magnitude is the mean of the others in it: what a running average comes to.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hemp_train.assignment import count_below

CLASSES = 12
FEATURES = ("row", "column", "previous", "above")


@dataclass(frozen=True)
class ContextModel:
    """Turns the indices of a tensor into the number of a context for each.

    Attributes:
        features: those that count, of ``FEATURES``.
        weights: of the features, and a constant; shape (5,).
        thresholds: ascending, between the classes of expected magnitude.
        previous: so many indices before are in the context as they are.
    """

    features: tuple[str, ...]
    weights: Tensor
    thresholds: Tensor
    previous: int = 0

    def count(self, num_levels: int) -> int:
        """Number of contexts."""
        return int((len(self.thresholds) + 1) * num_levels**self.previous)

    def contexts(self, indices: Tensor, zero: int, num_levels: int) -> Tensor:
        """Number of the context of each of ``indices`` (integers, any shape), in their shape.

        Args:
            indices: of a whole tensor.
            zero: number of the level that is nearest to zero.
            num_levels: of the tensor.
        """
        weights = self.weights.to(indices.device)
        expected = weights[-1].expand(_rows(indices).shape).clone()
        for part, weight in zip(_features(indices, zero, self.features), weights[:-1], strict=True):
            expected += part * weight
        number = count_below(expected.reshape(-1), self.thresholds.to(indices.device))
        before = indices.reshape(-1)
        for _ in range(self.previous):
            before = functional.pad(before, (1, 0), value=zero)[:-1]
            number = number * num_levels + before
        return number.view(indices.shape)

    def parameters(self) -> Tensor:
        """All that was fitted, 1-D."""
        return torch.cat([self.weights, self.thresholds])

    @staticmethod
    def from_parameters(parameters: Tensor, features: tuple[str, ...], previous: int) -> ContextModel:
        cut = len(FEATURES) + 1
        return ContextModel(features, parameters[:cut].clone(), parameters[cut:].clone(), previous)


def fit_contexts(indices: Tensor, zero: int, features: tuple[str, ...], previous: int) -> ContextModel:
    """The contexts for these indices: weights by least squares, classes of equal shares of the expected magnitude."""
    magnitudes = (indices.reshape(-1) - zero).abs().float()
    parts = [part.expand(_rows(indices).shape).reshape(-1) for part in _features(indices, zero, features)]
    matrix = torch.stack([*parts, torch.ones_like(magnitudes)], 1)
    gram = (matrix.T @ matrix).double()
    ridge = torch.eye(len(gram), dtype=gram.dtype, device=gram.device) * (1e-6 * gram.diagonal().mean() + 1e-12)
    weights = torch.linalg.solve(gram + ridge, (matrix.T @ magnitudes).double()).to(matrix.dtype)
    expected = (matrix @ weights).sort().values
    # Many classes where indices are large, few where nearly all are zero.
    mass = expected.clamp_min(0).cumsum(0)
    marks = torch.arange(1, CLASSES, device=mass.device, dtype=mass.dtype) / CLASSES * mass[-1]
    cuts = torch.searchsorted(mass, marks).clamp_max(len(expected) - 1)
    return ContextModel(features, weights, expected[cuts].unique(), previous)


def _rows(tensor: Tensor) -> Tensor:
    """As the coder sees it: the first axis against all others; of less than two axes, one row."""
    return tensor.reshape(len(tensor), -1) if tensor.dim() > 1 else tensor.reshape(1, -1)


def _features(indices: Tensor, zero: int, features: tuple[str, ...]) -> list[Tensor]:
    """The magnitudes around each index, in the order of ``FEATURES``, float32 and broadcastable to (rows, columns).

    Those that are not among ``features`` are 0.
    """
    rows = _rows((indices - zero).abs().float())
    height, width = rows.shape
    flat = rows.reshape(-1)
    nothing = rows.new_zeros((1, 1))
    return [
        (rows.sum(1, keepdim=True) - rows) / max(width - 1, 1) if "row" in features else nothing,
        (rows.sum(0, keepdim=True) - rows) / max(height - 1, 1) if "column" in features else nothing,
        ((3 * _delayed(flat, 1) + _delayed(flat, 2)) / 4).view_as(rows) if "previous" in features else nothing,
        _delayed(flat, width).view_as(rows) if "above" in features else nothing,
    ]


def _delayed(flat: Tensor, by: int) -> Tensor:
    return functional.pad(flat, (by, 0))[: len(flat)]
