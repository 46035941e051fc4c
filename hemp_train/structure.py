"""Whole units: removing those that do nothing, and sorting what is left.

A unit is a neuron or a channel between layers.  What belongs to it are slices of several tensors: rows of the weights
that make it (and its bias, its norm parameters), columns of the weights that use it.  A ``Units`` names these tensors
and axes; nothing else is known of the network.  Rows and columns of zeros cost next to nothing in a file, and units
sorted by their non-zeros let a coder's contexts follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Slices:
    """The slices of one tensor that belong to the units, one unit after the other.

    Attributes:
        name: of the tensor.
        axis: along which the units are numbered.
        block: consecutive numbers on the axis for each unit: 1, but where a channel was flattened its pixels.
    """

    name: str
    axis: int
    block: int = 1


@dataclass(frozen=True)
class Units:
    """The units between layers.

    Attributes:
        made_by: weights that make the units, such as ``Slices("fc1.weight", 0)``.
        used_by: weights that use them, such as ``Slices("fc2.weight", 1)``.
        along: what else goes with a unit: norm parameters and statistics.  Names that are missing are passed over.
        bias: of the layer that makes the units, if it has one.
        next_bias: of the single layer that uses them, if there is a ReLU in between (and pooling at most) and that
            layer does not pad: then a unit that gives a constant can be replaced by a change of this bias.
    """

    made_by: tuple[Slices, ...]
    used_by: tuple[Slices, ...]
    along: tuple[Slices, ...] = ()
    bias: str | None = None
    next_bias: str | None = None

    def all(self) -> tuple[Slices, ...]:
        own = (Slices(self.bias, 0),) if self.bias else ()
        return (*self.made_by, *own, *self.along, *self.used_by)


def units_between(first: str, second: str, block: int = 1) -> Units:
    """The units between layers ``first`` and ``second``, linear or convolutional, unpadded, with a ReLU between."""
    return Units(
        (Slices(f"{first}.weight", 0),),
        (Slices(f"{second}.weight", 1, block),),
        bias=f"{first}.bias",
        next_bias=f"{second}.bias",
    )


@torch.no_grad()
def remove_dead_units(tensors: Mapping[str, Tensor], groups: Sequence[Units]) -> int:
    """Set all slices of units that do nothing to zero, in place; the function of the network stays as it is.

    A unit that nobody uses (all weights from it are zero) does nothing.  One that nothing reaches (all weights to it
    are zero) gives a constant: zero if its bias and all that goes ``along`` are zero; else, where ``next_bias`` is
    named and nothing goes along, the constant is added to that bias.  A removed unit may leave units before it
    without users and units after it unreached, so the groups are gone through until nothing changes.

    Args:
        tensors: by name; ``dict(model.named_parameters())`` for instance.
        groups: of units.

    Returns:
        The number of units that are zero now.
    """
    before, count = -1, 0
    while count != before:
        before, count = count, sum(_remove(tensors, units) for units in groups)
    return count


def _remove(tensors: Mapping[str, Tensor], units: Units) -> int:
    unused = _nonzeros(tensors, units.used_by) == 0
    unreached = _nonzeros(tensors, units.made_by) == 0
    bias = tensors.get(units.bias or "")
    constant = torch.zeros(len(unused), device=unused.device) if bias is None else bias.relu()
    target = tensors.get(units.next_bias or "")
    if units.along or target is None:
        own = [*units.along, *([Slices(units.bias, 0)] if units.bias else [])]
        unreached &= _nonzeros(tensors, own) == 0
    else:
        target += (constant * (unreached & ~unused)) @ _sums_by_unit(tensors, units)
    dead = unused | unreached
    for part in _present(tensors, units.all()):
        _by_unit(tensors[part.name], part)[dead] = 0
    return int(dead.sum())


def _sums_by_unit(tensors: Mapping[str, Tensor], units: Units) -> Tensor:
    """What a constant 1 from each unit adds to each output of the layer that uses it: (units, outputs)."""
    (part,) = units.used_by
    view = _by_unit(tensors[part.name], part).movedim(2, 1)  # (units, outputs, block, rest ...)
    return view.flatten(2).sum(2)


@torch.no_grad()
def sort_units(tensors: Mapping[str, Tensor], groups: Sequence[Units]) -> None:
    """Sort the units of each group by their non-zero weights, most first, in place; the function stays as it is."""
    for units in groups:
        count = _nonzeros(tensors, units.made_by) + _nonzeros(tensors, units.used_by)
        permute_units(tensors, units, count.argsort(descending=True, stable=True))


@torch.no_grad()
def permute_units(tensors: Mapping[str, Tensor], units: Units, order: Tensor) -> None:
    """Give unit number ``order[i]`` the number i, in place, in all tensors.

    Indices may be permuted like weights.  States of optimizers are not known here: do it between runs.
    """
    for part in _present(tensors, units.all()):
        view = _by_unit(tensors[part.name], part)
        view.copy_(view[order].clone())


def _by_unit(tensor: Tensor, part: Slices) -> Tensor:
    """A view of shape (units, block, rest ...)."""
    moved = tensor.movedim(part.axis, 0)
    return moved.view(-1, part.block, *moved.shape[1:])


def _nonzeros(tensors: Mapping[str, Tensor], parts: Sequence[Slices]) -> Tensor:
    """Non-zero elements of each unit."""
    counts = [(_by_unit(tensors[part.name], part) != 0).flatten(1).sum(1) for part in _present(tensors, parts)]
    return torch.stack(counts).sum(0) if counts else torch.zeros((), dtype=torch.int64)


def _present(tensors: Mapping[str, Tensor], parts: Sequence[Slices]) -> list[Slices]:
    return [part for part in parts if part.name in tensors]
