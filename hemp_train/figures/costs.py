"""``python -m hemp_train.figures.costs FILE TENSOR``: how well rates foretell what a coder saves.

A rate's gradient says what each weight costs at its level instead of zero.  Here the weights that are not zero are
sorted by that, in six groups; some of each group are set to zero, and the tensor is coded again.  A rate that suits a
coder has found the dear weights: what is saved for each weight of the last group is much more than for the first.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch
from torch import Tensor

import hemp_codec
from hemp_codec import QuantizedTensor
from hemp_train.contexts import fit_contexts
from hemp_train.figures.tables import CODERS
from hemp_train.rates import ContextRate, rate_of, soft_bits
from hemp_train.tuples import chord_rises

GROUPS = 6
SHARE = 1 / 40  # of the weights that are not zero is set to zero: so few that the rest hardly changes


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 the file or the tensor cannot be used, 2 wrong usage."""
    parser = argparse.ArgumentParser("python -m hemp_train.figures.costs", description=__doc__.splitlines()[0])
    parser.add_argument("file", help="with quantized weights")
    parser.add_argument("tensor", help="name in it")
    parser.add_argument("--coders", nargs="+", default=CODERS, metavar="NAME")
    options = parser.parse_args(arguments)
    try:
        with hemp_codec.safe_open(options.file) as file:
            indices = torch.from_numpy(np.asarray(file.get_indices(options.tensor), dtype=np.int64))
            levels = torch.from_numpy(np.asarray(file.get_levels(options.tensor), dtype=np.float64))
    except (OSError, KeyError, hemp_codec.HempError) as error:
        print(f"costs: {error}", file=sys.stderr)
        return 1
    print(table(indices, levels, options.coders))
    return 0


def table(indices: Tensor, levels: Tensor, coders: list[str]) -> str:
    """As Markdown: for each rate, what the coders save for a weight of its last group, less that of its first."""
    lines = [f"| sorted by the rate of | {' | '.join(coders)} |", "|---" * (1 + len(coders)) + "|"]
    for name, bits in foretold(indices, levels).items():
        spreads = [spread(indices, int(levels.abs().argmin()), bits.view(-1), coder) for coder in coders]
        lines.append(f"| {name} | " + " | ".join(f"{value:.1f}" for value in spreads) + " |")
    return "\n".join(lines)


def foretold(indices: Tensor, levels: Tensor) -> dict[str, Tensor]:
    """Bits that each rate says are saved with zero in an index's place, by the rate's name."""
    zero, count = int(levels.abs().argmin()), len(levels)
    whole, own = _by_contexts("arithmetic", indices, zero, count)
    return {
        "`stored`: single indices": _by_tuples(1, indices, zero, count),
        "`rans`: rows": _by_contexts("rans", indices, zero, count)[0],
        "pairs": _by_tuples(2, indices, zero, count),
        "`lzma`, `zstd`: triples": _by_tuples(3, indices, zero, count),
        "`arithmetic`: contexts": whole,
        "contexts, its own bits alone": own,
    }


def _by_tuples(order: int, indices: Tensor, zero: int, count: int) -> Tensor:
    flat = indices.reshape(-1)
    return torch.stack([chord_rises(flat, flat, zero, count, order, phase) for phase in range(order)]).mean(0)


def _by_contexts(coder: str, indices: Tensor, zero: int, count: int) -> tuple[Tensor, Tensor]:
    """With the bits of other indices, and without."""
    rate = rate_of(coder, 2)
    assert isinstance(rate, ContextRate)
    model = fit_contexts(indices, zero, rate.features, rate.previous)
    placed = model.place(indices, zero, count)
    contexts = placed.contexts.view(indices.shape)
    bits = soft_bits(contexts * count + indices, torch.zeros(indices.shape), model.count(count), count)
    own = bits[contexts, indices] - bits[contexts, zero]
    return placed.savings(bits, torch.full_like(indices, zero)), own


def spread(indices: Tensor, zero: int, bits: Tensor, coder: str) -> float:
    """Bits saved for each weight that is set to zero, in the group of the largest ``bits`` less the smallest's."""
    others = torch.nonzero(indices.reshape(-1) != zero).view(-1)
    groups = torch.chunk(others[bits[others].argsort(stable=True)], GROUPS)
    return _saved(indices, zero, groups[-1], coder) - _saved(indices, zero, groups[0], coder)


def _saved(indices: Tensor, zero: int, group: Tensor, coder: str) -> float:
    wanted = max(1, round(len(group) * GROUPS * SHARE))
    chosen = group[torch.randperm(len(group), generator=torch.Generator().manual_seed(0))[:wanted]]
    changed = indices.clone()
    changed.view(-1)[chosen] = zero
    return (_size(indices, coder) - _size(changed, coder)) / len(chosen)


def _size(indices: Tensor, coder: str) -> int:
    """Bits of a file."""
    levels = np.arange(int(indices.max()) + 1, dtype=np.float32)
    return 8 * len(hemp_codec.encode({"": QuantizedTensor(indices.numpy(), levels)}, coder=coder))


if __name__ == "__main__":
    sys.exit(main())
