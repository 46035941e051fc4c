"""What a coder pays for, as a differentiable rate of softly assigned weights.

``rate_of`` chooses by the coder's ``rate_model()`` and by nothing else: entropy of single indices, of n-tuples, or the
entropy of each index under contexts that the indices around it make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from hemp_codec import coders
from hemp_codec.coders import Coder, RateModel
from hemp_train import scan, sharding
from hemp_train.assignment import Assignment, assign, take
from hemp_train.chord import Chord
from hemp_train.contexts import ContextModel, fit_contexts
from hemp_train.layers import Layer, to_work
from hemp_train.tuples import Gradient, chord_rises, entropy_and_gradient, is_dense

Slope = Literal["local", "chord"]


class How(NamedTuple):
    """How a rate is measured.

    Attributes:
        phase: so many weights are before the first tuple, where there are tuples.
        slope: "local", the gradient; "chord", that of ``hemp_train.chord`` in its place.
    """

    phase: int = 0
    slope: Slope = "local"


class Rate(Protocol):
    """A rate that can be minimised."""

    def measure(self, layer: Layer, soft: Assignment, how: How) -> tuple[Tensor, Tensor]:
        """Bits of the layer's indices (float64 scalar) and their gradient by the local weights, in their shape.

        Args:
            layer: whose indices they are.
            soft: ``layer.soft()``, the assignment of the local weights.
            how: what else counts.
        """
        ...

    def refit(self, layer: Layer) -> None:
        """Adapt what the rate knows of the layer, whose levels are new."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """What ``refit`` learned."""
        ...

    def load_state_dict(self, state: dict[str, Tensor]) -> None: ...


def rate_of(coder: str | Coder, order: int, *, scan_order: str = "rows", gradient: Gradient = "exact") -> Rate:
    """The rate that ``coder`` pays.

    Args:
        coder: name, or coder.
        order: of the n-tuples, where the coder pays for tuples; where it pays for single indices it is 1 whatever this
            says.  For a coder with contexts, one more than the number of previous indices in the context.
        scan_order: of the tuples; a coder with contexts has its own.
        gradient: of tuples, "exact" or "paper".
    """
    model: RateModel = coders.resolve(coder).rate_model()
    if model.conditional:
        return ContextRate(model.contexts, previous=order - 1 if "previous" in model.contexts else 0)
    return TupleRate(order if model.order > 1 else 1, scan_order, gradient)


@dataclass
class TupleRate:
    """Entropy of n-tuples, layer by layer: |W| H_n / n bits.

    Attributes:
        order: n.
        scan_order: which weights are successive.
        gradient: "exact" or "paper" (``hemp_train.tuples``).
    """

    order: int = 1
    scan_order: str = "rows"
    gradient: Gradient = "exact"

    def measure(self, layer: Layer, soft: Assignment, how: How) -> tuple[Tensor, Tensor]:
        size, phase = layer.parameter.numel(), how.phase
        total = (size - phase) // self.order
        if total <= 0 or len(layer.levels) < 2:
            return nothing(layer)
        by_shards = phase == 0 and self._by_shards(layer, total)
        if not by_shards:
            soft = whole(layer, soft)
        bits, slopes = entropy_and_gradient(
            Assignment(*(scan.flatten(part, self.scan_order) for part in soft)),
            len(layer.levels),
            self.order,
            gradient=None if how.slope == "chord" else self.gradient,
            phase=phase,
            total=total,
            all_sum=(lambda table: sharding.all_sum(table, layer.parameter)) if by_shards else None,
        )
        bits = bits * (size / self.order)
        if how.slope == "chord":
            return bits, sharding.part_of(self._chord(layer, whole(layer, soft).nearest(), phase), layer.parameter)
        gradient = scan.restore(slopes.mul_(size / self.order), self.scan_order, soft.slope.shape)
        return bits, gradient if by_shards else sharding.part_of(gradient, layer.parameter)

    def _chord(self, layer: Layer, hard: Tensor, phase: int) -> Tensor:
        chord = Chord.of(to_work(sharding.full(layer.parameter.detach())), layer.levels, hard)
        indices, levels = (scan.flatten(part, self.scan_order) for part in (hard, chord.level))
        rises = chord_rises(indices, levels, chord.zero, len(layer.levels), self.order, phase)
        return chord.slopes(scan.restore(rises, self.scan_order, hard.shape)).to(chord.share.dtype)

    def _by_shards(self, layer: Layer, total: int) -> bool:
        """Whether shards begin and end with whole tuples, so that only the histogram is summed over the processes."""
        piece = sharding.rows_from(layer.parameter)
        aligned = piece is not None and piece % self.order == 0 and self.scan_order == "rows"
        return aligned and is_dense(len(layer.levels), self.order, total)

    def refit(self, layer: Layer) -> None:
        pass

    def state_dict(self) -> dict[str, Tensor]:
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        pass


class ContextRate:
    """Bits under adaptive probabilities that depend on the magnitudes around an index and on the indices before it.

    A weight feels what its index costs where it is, and what it does to the contexts of those that come after it and
    below it.  Contexts are made from the hard indices, so that the gradient is (bits(q+) - bits(q-)) / Delta, all other
    indices as they are: equation 16 of HEMP, context by context.

    That the others' contexts count was measured on trained networks, by setting groups of weights to zero and coding
    with ``arithmetic`` before and after: sorted by what it costs a weight to be at its level, its own bits alone tell
    sixths of the weights apart by 3.9 bits (LeNet-300-100 with the compressibility loss) and 5.1 bits (with ECT), with
    the others' by 7.4 and 10.5.
    """

    def __init__(self, features: tuple[str, ...], previous: int = 0) -> None:
        """
        Args:
            features: of "row", "column", "above", "previous", those that the coder has.
            previous: so many indices before are in the context as they are.
        """
        self.features = features
        self.previous = previous
        self._models: dict[str, ContextModel] = {}

    def measure(self, layer: Layer, soft: Assignment, how: How) -> tuple[Tensor, Tensor]:
        num_levels = len(layer.levels)
        if not layer.parameter.numel() or num_levels < 2:
            return nothing(layer)
        soft = whole(layer, soft)
        hard = soft.nearest()
        model = self.model_of(layer, hard)
        placed = model.place(hard, layer.zero, num_levels)
        cells = torch.add(soft.lower, placed.contexts.view_as(hard), alpha=num_levels)
        table = soft_bits(cells, soft.upper_probability, model.count(num_levels), num_levels)
        bits = table.view(-1)
        total = torch.lerp(take(bits, cells), take(bits, cells + 1), soft.upper_probability.double()).sum()
        table = table.to(soft.slope.dtype)
        if how.slope == "chord":
            chord = Chord.of(to_work(sharding.full(layer.parameter.detach())), layer.levels, hard)
            # Indices are at one end of their chords already.
            saved = placed.savings(table, chord.level + chord.zero - hard)
            slopes = chord.slopes(saved * ((hard - chord.zero).abs().clamp(max=1) * 2 - 1))
        else:
            upper = hard - soft.lower
            saved = placed.savings(table, soft.lower + 1 - upper)
            slopes = saved * (upper * 2 - 1) * soft.slope
        return total, sharding.part_of(slopes, layer.parameter)

    def model_of(self, layer: Layer, indices: Tensor) -> ContextModel:
        """The contexts of the layer; fitted to ``indices``, all of them, if they have not been yet.

        On the CPU, as levels are, since sums of floats on other devices differ from one time to the next.
        """
        if layer.name not in self._models:
            self._models[layer.name] = fit_contexts(indices.cpu(), layer.zero, self.features, self.previous)
        return self._models[layer.name]

    def refit(self, layer: Layer) -> None:
        self._models.pop(layer.name, None)

    def state_dict(self) -> dict[str, Tensor]:
        return {name: model.parameters() for name, model in self._models.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self._models = {
            name: ContextModel.from_parameters(values.cpu(), self.features, self.previous)
            for name, values in state.items()
        }


def soft_bits(cells: Tensor, upper: Tensor, num_contexts: int, num_levels: int) -> Tensor:
    """Bits of each level in each context, float64 (contexts, levels), by the soft counts.

    As in an adaptive coder, a context that has seen little follows the distribution of all:
    P(q | c) = (N(q, c) + 16 P(q)) / (N(c) + 16).

    Args:
        cells: for each weight, context times ``num_levels`` plus its lower level.
        upper: the probability of its upper level.
        num_contexts: the number of contexts.
        num_levels: the number of levels.
    """
    size = num_contexts * num_levels
    numbers, masses = cells.reshape(-1), upper.reshape(-1).double().mul(2.0**24).round_()  # exact sums, as for tuples
    risen = torch.bincount(numbers, weights=masses, minlength=size)
    counts = torch.bincount(numbers, minlength=size) * 2.0**24 - risen
    counts[1:] += risen[:-1]
    counts = counts.view(num_contexts, num_levels) / 2.0**24
    root = counts.sum(0) + 0.4
    root = root / root.sum()
    return -torch.log2((counts + 16 * root) / (counts.sum(1, keepdim=True) + 16))


def whole(layer: Layer, soft: Assignment) -> Assignment:
    """The assignment of all of the layer's weights, of which ``soft`` is that of the local ones."""
    if not sharding.is_sharded(layer.parameter):
        return soft
    return assign(to_work(sharding.full(layer.parameter.detach())), layer.levels)


def nothing(layer: Layer) -> tuple[Tensor, Tensor]:
    """No bits, and no gradient."""
    weights = layer.weights()
    return torch.zeros((), dtype=torch.float64, device=weights.device), torch.zeros_like(weights)
