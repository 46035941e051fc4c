"""High-order entropy of softly assigned weights, and its gradient in closed form.

With n-tuples of successive weights, T of them, and the probabilities p of ``assignment``,

    P(xi) = 1/T * sum over tuples j of the product over members m of p(w_jm -> xi_m)
    H_n   = - sum over xi of P(xi) log2 P(xi)                                               (HEMP, equations 8 to 10)

Each tuple touches 2^n of the N^n cells.  The masses of these 2^n *corners* are summed for each *base* (the lower
levels of a tuple's members); where N^n is small, bases are numbered densely, otherwise by a sort of those that occur:
memory is O(2^n T), whatever N.

Gradient.  With d p(q+) / dw = 1/Delta = - d p(q-) / dw,

    dH_n/dw_jm = 1/(T Delta) * sum over the other members' choices c of
                 (product of the other members' probabilities of c) * log2(P(q-, c) / P(q+, c))

The constant 1/ln 2 that the derivative of -P log2 P brings cancels, since the masses that a weight moves from q- to
q+ add up to nothing.  For n = 1 this is the paper's equation 16.  Its equation 17, for n > 1, leaves out the other
members' probabilities; that is ``gradient="paper"``: it is about 2^(n-1) times as long, and gives levels that the other
members all but exclude as much say as those where they are (cosine with the gradient, on the layers of a LeNet-5: 0.93
to 0.99 at n = 2, 0.83 to 0.95 at n = 4).

Sums are exact: masses are rounded to multiples of 2^-k such that all partial sums fit the 53 bits of a float64.  So
they do not depend on the order of summation: the result is the same bits with any number of threads, on a device that
adds in any order, and with the tuples spread over any number of processes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from hemp_train.assignment import Assignment, assign, take

Gradient = Literal["exact", "paper", "autograd"]
Sum = Callable[[Tensor], Tensor]

_MANTISSA = 52
_LARGEST_ID = 1 << 62
_SMALLEST_DENSE = 4096


@dataclass(frozen=True)
class Tuples:
    """The tuples of a layer in scan order: for each member one assignment, each tensor of shape (tuples,)."""

    members: tuple[Assignment, ...]

    @property
    def order(self) -> int:
        return len(self.members)

    @property
    def count(self) -> int:
        return len(self.members[0].lower)

    def corners(self, scale: float = 1.0) -> list[Tensor]:
        """For each of the 2^n choices (0: lower, 1: upper; the last member's fastest) the tuples' masses, float64.

        ``scale`` is the mass of a tuple.
        """
        first, *others = [member.upper_probability.double() for member in self.members]
        first = first * scale
        both = [(scale - first, first), *((1 - p, p) for p in others)]
        return [math.prod(pick[1:], start=pick[0]) for pick in itertools.product(*both)]


def split(assignment: Assignment, order: int, phase: int = 0) -> Tuples:
    """Successive weights of a 1-D assignment as tuples, the first after ``phase`` weights.

    Up to ``order`` - 1 weights at the end belong to no tuple.
    """
    end = phase + (len(assignment.lower) - phase) // order * order
    starts = range(phase, phase + order)
    return Tuples(tuple(Assignment(*(part[start:end:order].contiguous() for part in assignment)) for start in starts))


def entropy(weights: Tensor, levels: Tensor, order: int = 1, *, gradient: Gradient = "exact") -> Tensor:
    """H_n of ``weights`` in C order, in bits per tuple (divide by ``order`` for bits per index), differentiable.

    Args:
        weights: floating point, any shape.  Up to ``order`` - 1 weights at the end are in no tuple.
        levels: shape (levels,), ascending, of the weights' dtype; no gradient flows to them but with "autograd".
        order: n, the members of a tuple, 1 and more.
        gradient: "exact", the closed form above; "autograd", torch's own through the histogram, for comparison;
            "paper", equation 17 of the paper taken literally.

    Returns:
        A scalar of the weights' dtype; 0 for less than two levels or less than one tuple.
    """
    flat = weights.reshape(-1)
    if len(levels) < 2 or len(flat) < order:
        return flat.sum() * 0
    if gradient == "autograd":
        return _entropy_of(split(assign(flat, levels), order), len(levels)).to(weights.dtype)
    result: Tensor = _TupleEntropy.apply(flat, levels, order, gradient)  # type: ignore[no-untyped-call]
    return result


class _TupleEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, flat: Tensor, levels: Tensor, order: int, gradient: Gradient) -> Tensor:
        bits, slope = entropy_and_gradient(assign(flat, levels), len(levels), order, gradient=gradient)
        ctx.save_for_backward(slope)
        return bits.to(flat.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return grad * slope, None, None, None


def entropy_and_gradient(
    assignment: Assignment,
    num_levels: int,
    order: int,
    *,
    gradient: Gradient | None = "exact",
    phase: int = 0,
    total: int | None = None,
    all_sum: Sum | None = None,
) -> tuple[Tensor, Tensor]:
    """H_n in bits per tuple (float64 scalar) and its gradient by the weights, shape (weights,), in closed form.

    Args:
        assignment: of the weights in scan order, 1-D.
        num_levels: N.
        order: n.
        gradient: "exact" or "paper"; None: it is not wanted, and zero is returned in its place.
        phase: so many weights are before the first tuple.
        total: number of tuples in all processes, if other processes have more of them.
        all_sum: sum of a float64 table over these processes; the histogram must then be dense (``is_dense``).
    """
    tuples = split(assignment, order, phase)
    total = tuples.count if total is None else total
    histogram = _dense(tuples, num_levels) if is_dense(num_levels, order, total) else _sparse(tuples, num_levels)
    cells = histogram.cells(tuples, total, all_sum)
    bits = cells.entropy()
    result = torch.zeros_like(assignment.upper_probability)
    if gradient is None:
        return bits, result
    slopes = _slopes(tuples, histogram.base, cells.tables() / max(total, 1), weighted=gradient != "paper")
    for member, slope in enumerate(slopes):
        result[phase + member : phase + tuples.count * order : order] = slope
    return bits, result


def is_dense(num_levels: int, order: int, tuples: int) -> bool:
    """Whether the N^n cells are numbered densely: never more of them than tuples, or than some thousand."""
    return bool(num_levels**order <= max(tuples, _SMALLEST_DENSE))


@dataclass(frozen=True)
class _Cells:
    """Probabilities of cells, and which cells are the corners of each base."""

    probability: Tensor  # (cells,)
    corner: Tensor  # (bases, 2^n), numbers of cells
    floor: float

    def entropy(self) -> Tensor:
        return _entropy_bits(self.probability)

    def tables(self) -> Tensor:
        """log2 P at the corners of each base, (bases, 2^n); an empty cell counts as the least mass that is summed."""
        return self.probability.clamp_min(self.floor).log2()[self.corner]


@dataclass(frozen=True)
class _Histogram:
    """Numbers of the bases of tuples, and of the cells at the corners of the bases."""

    base: Tensor  # (tuples,), which base
    corner: Tensor  # (bases, 2^n), which cell
    num_cells: int

    def cells(self, tuples: Tuples, total: int, all_sum: Sum | None) -> _Cells:
        bits = _MANTISSA - max(total, 1).bit_length()
        bases = len(self.corner)
        masses = [
            torch.bincount(self.base, weights=mass.round(), minlength=bases) for mass in tuples.corners(2.0**bits)
        ]
        counts = torch.zeros(self.num_cells, dtype=torch.float64, device=self.base.device)
        counts.index_add_(0, self.corner.reshape(-1), torch.stack(masses, 1).reshape(-1))
        if all_sum is not None:
            counts = all_sum(counts)
        return _Cells(counts / counts.sum(), self.corner, 2.0**-bits / max(total, 1))


def _dense(tuples: Tuples, num_levels: int) -> _Histogram:
    """All (N - 1)^n bases and N^n cells."""
    order, bases = tuples.order, num_levels - 1
    base = tuples.members[0].lower.long()
    for member in tuples.members[1:]:
        base = base * bases + member.lower
    numbers = torch.cartesian_prod(*[torch.arange(bases, device=base.device)] * order).view(-1, order)
    return _Histogram(base, _cell_numbers(numbers, num_levels), num_levels**order)


def _cell_numbers(bases: Tensor, num_levels: int) -> Tensor:
    """Dense numbers of the cells at the corners of bases (bases, n): (bases, 2^n)."""
    order = bases.shape[1]
    radix = torch.tensor([num_levels**power for power in reversed(range(order))], device=bases.device)
    choices = _choices(order, bases.device)
    return (bases * radix).sum(1, keepdim=True) + (choices * radix).sum(1)


def _choices(order: int, device: torch.device) -> Tensor:
    """The 2^n choices of lower or upper level, (2^n, n)."""
    return torch.cartesian_prod(*[torch.arange(2, device=device)] * order).view(-1, order)


def _sparse(tuples: Tuples, num_levels: int) -> _Histogram:
    """The bases and cells that occur."""
    base, rows = number_rows([member.lower.long() for member in tuples.members], num_levels)
    corners = rows[:, None, :] + _choices(tuples.order, rows.device)
    cell, cells = number_rows(list(corners.reshape(-1, tuples.order).unbind(1)), num_levels)
    return _Histogram(base, cell.view(len(rows), -1), len(cells))


def number_rows(columns: Sequence[Tensor], below: int) -> tuple[Tensor, Tensor]:
    """Numbers of the distinct rows that columns of integers below ``below`` make.

    Returns:
        For each row its number, and the distinct rows, shape (distinct, columns), in lexicographic order.  The numbers
        of columns and values are not bounded: no number of a cell beyond 2^62 is formed.
    """
    number, size = columns[0], below
    for column in columns[1:]:
        if size > _LARGEST_ID // below:
            values, number = torch.unique(number, return_inverse=True)
            size = len(values)
        number, size = number * below + column, size * below
    values, number = torch.unique(number, return_inverse=True)
    first = torch.full((len(values),), len(number), dtype=torch.int64, device=number.device)
    first.scatter_reduce_(0, number, torch.arange(len(number), device=number.device), "amin")
    return number, torch.stack([column[first] for column in columns], 1)


def _slopes(tuples: Tuples, base: Tensor, tables: Tensor, *, weighted: bool) -> list[Tensor]:
    """For each member 1/Delta times the mean of the tables' difference q- minus q+ under the others' choices."""
    order = tuples.order
    dtype = tuples.members[0].upper_probability.dtype
    cube = tables.view(-1, *[2] * order)
    result = []
    for member in range(order):
        gain = (cube.select(1 + member, 0) - cube.select(1 + member, 1)).reshape(len(cube), -1).to(dtype)
        others = tuples.members[:member] + tuples.members[member + 1 :]
        values = [take(column.contiguous(), base) for column in gain.unbind(1)]
        mixed = _mix(values, others) if weighted else torch.stack(values).sum(0)
        result.append(mixed * tuples.members[member].slope)
    return result


def _mix(values: list[Tensor], members: Sequence[Assignment]) -> Tensor:
    """The mean of 2^k values under the choices of k members, the last member's fastest."""
    for member in reversed(members):
        p = member.upper_probability
        values = [torch.lerp(low, high, p) for low, high in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def _entropy_of(tuples: Tuples, num_levels: int) -> Tensor:
    """H_n by operations that torch differentiates."""
    dense = is_dense(num_levels, tuples.order, tuples.count)
    histogram = _dense(tuples, num_levels) if dense else _sparse(tuples, num_levels)
    masses = torch.stack(tuples.corners(), 1)
    counts = torch.zeros(histogram.num_cells, dtype=masses.dtype, device=masses.device)
    counts = counts.index_add(0, histogram.corner[histogram.base].reshape(-1), masses.reshape(-1))
    probability = counts[counts > 0] / tuples.count  # the derivative at 0 is infinite, and times 0 not a number
    return _entropy_bits(probability)


def _entropy_bits(probability: Tensor) -> Tensor:
    nats: Tensor = torch.special.xlogy(probability, probability)
    return nats.sum() / -math.log(2)


def chord_rises(hard: Tensor, level: Tensor, zero: int, num_levels: int, order: int, phase: int = 0) -> Tensor:
    """How many bits more a tuple takes with a member at ``level`` than with the member at ``zero``, for each member.

    By the counts of the tuples of ``hard``, half a tuple added to each; the other members as they are.

    Args:
        hard: indices in scan order, 1-D.
        level: in their place, one after the other.
        zero: number of a level.
        num_levels: N.
        order: n.
        phase: so many indices are before the first tuple.

    Returns:
        Bits, float64 in the shape of ``hard``; 0 for indices in no tuple.
    """
    end = phase + (len(hard) - phase) // order * order
    members = [hard[start:end:order].long() for start in range(phase, phase + order)]
    levels = [level[start:end:order].long() for start in range(phase, phase + order)]
    variants = [members]
    for m, column in enumerate(levels):
        for other in (column, torch.full_like(column, zero)):
            variants.append([*members[:m], other, *members[m + 1 :]])
    numbers = _numbers(variants, num_levels)
    counts = torch.bincount(numbers[0], minlength=int(max(n.max() for n in numbers)) + 1 if len(members[0]) else 0)
    bits = -(counts.double() + 0.5).log2()
    rises = torch.zeros(len(hard), dtype=torch.float64, device=hard.device)
    for m in range(order):
        rises[phase + m : end : order] = bits[numbers[1 + 2 * m]] - bits[numbers[2 + 2 * m]]
    return rises


def _numbers(variants: Sequence[Sequence[Tensor]], num_levels: int) -> list[Tensor]:
    """Numbers of cells, equal for equal tuples, for several lists of as many tuples."""
    order, count = len(variants[0]), len(variants[0][0])
    if is_dense(num_levels, order, count):
        radix = [num_levels**power for power in reversed(range(order))]
        return [torch.stack([c * r for c, r in zip(v, radix, strict=True)]).sum(0) for v in variants]
    numbers, _ = number_rows([torch.cat(columns) for columns in zip(*variants, strict=True)], num_levels)
    return list(torch.split(numbers, count))


def hard_entropy(indices: Tensor, num_levels: int, order: int = 1) -> float:
    """True entropy of n-tuples of ``indices`` (integers, C order), in bits per index: H_n / n."""
    flat = indices.reshape(-1).long()
    whole = len(flat) // order * order
    if not whole:
        return 0.0
    columns = [flat[member:whole:order] for member in range(order)]
    if is_dense(num_levels, order, whole // order):
        number = columns[0]
        for column in columns[1:]:
            number = number * num_levels + column
    else:
        number, _ = number_rows(columns, num_levels)
    return entropy_of_counts(torch.bincount(number)) / order


def entropy_of_counts(counts: Tensor) -> float:
    """Entropy in bits of the distribution with these counts; 0 if there are none."""
    counts = counts[counts > 0].double()
    total = counts.sum()
    return float(total.log2() - (counts * counts.log2()).sum() / total) if len(counts) else 0.0
