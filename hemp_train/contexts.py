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
        """Number of the context of each of ``indices`` (int64, any shape), in their shape.

        Args:
            indices: of a whole tensor.
            zero: number of the level that is nearest to zero.
            num_levels: of the tensor.
        """
        expected = _features(indices, zero, self.features) @ self.weights
        number = torch.bucketize(expected, self.thresholds)
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
    matrix = _features(indices, zero, features)
    magnitudes = (indices.reshape(-1) - zero).abs().to(matrix.dtype)
    gram = (matrix.T @ matrix).double()
    ridge = torch.eye(len(gram), dtype=gram.dtype, device=gram.device) * (1e-6 * gram.diagonal().mean() + 1e-12)
    weights = torch.linalg.solve(gram + ridge, (matrix.T @ magnitudes).double()).to(matrix.dtype)
    expected = (matrix @ weights).sort().values
    # Classes of equal mass of expected magnitude: many where indices are large, few where nearly all are zero.
    mass = expected.clamp_min(0).cumsum(0)
    marks = torch.arange(1, CLASSES, device=mass.device, dtype=mass.dtype) / CLASSES * mass[-1]
    cuts = torch.searchsorted(mass, marks).clamp_max(len(expected) - 1)
    return ContextModel(features, weights, expected[cuts].unique(), previous)


def _features(indices: Tensor, zero: int, features: tuple[str, ...]) -> Tensor:
    """The magnitudes around each index, float32 of shape (elements, 5): those of ``FEATURES``, and 1.

    Those that are not among ``features`` are 0.
    """
    magnitudes = (indices - zero).abs().float()
    rows = magnitudes.reshape(len(magnitudes), -1) if magnitudes.dim() > 1 else magnitudes.reshape(1, -1)
    flat = rows.reshape(-1)
    height, width = rows.shape
    columns = {
        "row": (rows.sum(1, keepdim=True) - rows) / max(width - 1, 1),
        "column": (rows.sum(0, keepdim=True) - rows) / max(height - 1, 1),
        "previous": (3 * _delayed(flat, 1) + _delayed(flat, 2)) / 4,
        "above": _delayed(flat, width),
    }
    result = [columns[name].reshape(-1) * float(name in features) for name in FEATURES]
    return torch.stack([*result, torch.ones_like(flat)], 1)


def _delayed(flat: Tensor, by: int) -> Tensor:
    return functional.pad(flat, (by, 0))[: len(flat)]
