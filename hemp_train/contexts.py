"""The contexts of a coder that expects large indices near large ones: their features, and how they fall into classes.

The coder codes an index under a class of expected magnitude, a weighted sum of magnitudes in its row, its column, just
before it and above it, and fits the weights to the tensor.  Here the weights come from least squares, and a row's and
a column's magnitude is the mean of the others in it: what a running average comes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hemp_train.assignment import take

CLASSES = 12
FEATURES = ("row", "column", "previous", "above")
_CELLS = 1024
PREVIOUS_SHARES = (0.75, 0.25)  # of the index before, and of the one before that


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
        """Number of the context of each of ``indices``, in their shape; see ``place``."""
        return self.place(indices, zero, num_levels).contexts.view(indices.shape)

    def place(self, indices: Tensor, zero: int, num_levels: int) -> Placed:
        """Indices and their contexts.

        Args:
            indices: of a whole tensor, integers.
            zero: number of the level that is nearest to zero.
            num_levels: of the tensor.
        """
        flat, width = indices.reshape(-1), _rows(indices).shape[1]
        expected, before = self._expected(indices, zero), self._before(flat, zero)
        classes = self._classes(indices.device)
        contexts = classes.numbers(expected, before, num_levels)
        return Placed(flat, zero, num_levels, expected, before, contexts, classes, self._reach(width))

    def _expected(self, indices: Tensor, zero: int) -> Tensor:
        """Expected magnitudes, 1-D."""
        weights = self.weights.to(indices.device)
        expected = weights[-1].expand(_rows(indices).shape).clone()
        for part, weight in zip(_features(indices, zero, self.features), weights[:-1], strict=True):
            expected += part * weight
        return expected.reshape(-1)

    def _before(self, flat: Tensor, zero: int) -> list[Tensor]:
        """The previous indices, the nearest first."""
        return [_delayed(flat, by, zero) for by in range(1, self.previous + 1)]

    def _classes(self, device: torch.device) -> _Classes:
        low, high = float(self.thresholds[0]), float(self.thresholds[-1])
        scale = _CELLS / (high - low) if high > low else 1e3
        middles = low + torch.arange(_CELLS + 2, device=device) / scale
        return _Classes(low, scale, torch.bucketize(middles, self.thresholds.to(device), out_int32=True))

    def _reach(self, width: int) -> list[tuple[int, float]]:
        """How far behind an index those are whose contexts it moves, and by how much of its magnitude."""
        _, _, previous, above, _ = self.weights.tolist()
        moved = dict.fromkeys(range(1, self.previous + 1), 0.0)
        for by, weight in ((1, PREVIOUS_SHARES[0] * previous), (2, PREVIOUS_SHARES[1] * previous), (width, above)):
            if weight:
                moved[by] = moved.get(by, 0.0) + weight
        return list(moved.items())

    def parameters(self) -> Tensor:
        """All that was fitted, 1-D."""
        return torch.cat([self.weights, self.thresholds])

    @staticmethod
    def from_parameters(parameters: Tensor, features: tuple[str, ...], previous: int) -> ContextModel:
        cut = len(FEATURES) + 1
        return ContextModel(features, parameters[:cut].clone(), parameters[cut:].clone(), previous)


@dataclass(frozen=True)
class Placed:
    """Indices in their contexts, all 1-D.

    Attributes:
        indices: of a whole tensor.
        zero: number of the level that is nearest to zero.
        num_levels: of the tensor.
        expected: magnitudes.
        before: the previous indices, the nearest first.
        contexts: number of the context of each.
        classes: of expected magnitudes.
        reach: how far behind an index those are whose contexts it moves, and by how much of its magnitude.
    """

    indices: Tensor
    zero: int
    num_levels: int
    expected: Tensor
    before: list[Tensor]
    contexts: Tensor
    classes: _Classes
    reach: list[tuple[int, float]]

    def savings(self, bits: Tensor, others: Tensor) -> Tensor:
        """How many bits fewer it takes with an index's other in its place, everything else as it is.

        These are its own bits, and those of the indices after it and below it, whose contexts it moves.  What it does
        to its row and its column at large is left out: contexts that follow them fit, so that it comes to nothing.

        Args:
            bits: of each level in each context, (contexts, levels).
            others: the numbers of other levels, in the shape of the tensor, as the result is.
        """
        bits, shape, others, flat = bits.reshape(-1), others.shape, others.reshape(-1), self.indices
        paid = take(bits, self._cells(flat, self.contexts))
        saved = paid - take(bits, self._cells(others, self.contexts))
        more = ((others - self.zero).abs() - (flat - self.zero).abs()).to(self.expected.dtype)
        for by, weight in self.reach:
            changed = [others[:-by] if number == by else index[by:] for number, index in enumerate(self.before, 1)]
            expected = torch.add(self.expected[by:], more[:-by], alpha=weight)
            numbers = self.classes.numbers(expected, changed, self.num_levels)
            saved[:-by] += paid[by:] - take(bits, self._cells(flat[by:], numbers))
        return saved.view(shape)

    def _cells(self, indices: Tensor, contexts: Tensor) -> Tensor:
        return torch.add(indices, contexts, alpha=self.num_levels)


@dataclass(frozen=True)
class _Classes:
    """The classes of expected magnitudes, by a table of their range in narrow cells: quicker than a search for each."""

    low: float
    scale: float
    class_of: Tensor

    def numbers(self, expected: Tensor, before: Sequence[Tensor], num_levels: int) -> Tensor:
        """Numbers of contexts by the expected magnitudes and the previous indices, the nearest first."""
        cell = ((expected - self.low) * self.scale).add_(0.5).clamp_(0, _CELLS + 1).int()
        number = take(self.class_of, cell)
        for index in before:
            number = torch.add(index, number, alpha=num_levels)
        return number


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
        _previous(flat).view_as(rows) if "previous" in features else nothing,
        _delayed(flat, width).view_as(rows) if "above" in features else nothing,
    ]


def _previous(flat: Tensor) -> Tensor:
    magnitude = torch.zeros_like(flat)
    for by, share in enumerate(PREVIOUS_SHARES, 1):
        magnitude[by:].add_(flat[:-by], alpha=share)
    return magnitude


def _delayed(flat: Tensor, by: int, filled: int = 0) -> Tensor:
    """Moved by so many places; ``filled`` is what stands at the beginning."""
    return functional.pad(flat, (by, 0), value=filled)[: len(flat)]
