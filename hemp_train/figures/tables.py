"""Tables: the same network trained for each coder and coded with each; and what each part of HEMP is worth.

Sizes are those of whole files.  Accuracies are the caller's: on which images, and of the quantized network, is up to
the function that trains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hemp_train import saving

CODERS = ("rans", "lzma", "zstd", "arithmetic")
ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "HEMP, n = 2": {"order": 2},
    "n = 1": {"order": 1},
    "n = 4": {"order": 4},
    "n = 2, without E": {"order": 2, "lambda_reconstruction": 0.0},
    "n = 2, without insensitivity": {"order": 2, "insensitivity": False},
    "n = 2, tuples always from the first weight": {"order": 2, "shift": False},
}


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        accuracy: of the quantized network, 0 to 1.
        tensors: what its file holds, ``HEMP.file_tensors()``.
        entropies: proxy and true entropy in bits per index, where they are known.
    """

    accuracy: float
    tensors: saving.FileTensors
    entropies: tuple[float, float] | None = None

    def size(self, coder: str) -> int:
        """Bytes of the file if it is coded with ``coder``."""
        return saving.coded_bytes(self.tensors, coder=coder)


@dataclass(frozen=True)
class CoderRow:
    """A network trained for one coder.

    Attributes:
        coder: that it was trained for.
        strength: the lambda that was found.
        accuracy: what it reached.
        sizes: bytes of its file by coder.
    """

    coder: str
    strength: float
    accuracy: float
    sizes: Mapping[str, int]


def by_coder(
    train: Callable[[str, float], Trained],
    target: float,
    *,
    coders: Sequence[str] = CODERS,
    strengths: tuple[float, float] = (0.1, 10.0),
    rounds: int = 4,
) -> list[CoderRow]:
    """Train for each coder, as strongly as ``target`` allows, and code with each.

    Args:
        train: for a coder with lambda_entropy.
        target: accuracy that all must reach: sizes compare at equal accuracy.
        coders: names.
        strengths: range of lambda_entropy; accuracy is taken to fall with it.
        rounds: trainings for each coder, after one at each end of the range.

    Returns:
        A row for each coder.  Where even the weakest misses the target, the row is that of the weakest, and says so by
        its accuracy.
    """
    rows = []
    for coder in coders:
        strength, trained = strongest(lambda value, name=coder: train(name, value), target, strengths, rounds)  # type: ignore[misc]
        rows.append(CoderRow(coder, strength, trained.accuracy, {other: trained.size(other) for other in coders}))
    return rows


def strongest(
    train: Callable[[float], Trained], target: float, strengths: tuple[float, float], rounds: int
) -> tuple[float, Trained]:
    """The largest strength, by bisection of its logarithm, at which ``train`` reaches the accuracy ``target``."""
    low, high = strengths
    best, last = train(low), train(high)
    if best.accuracy < target:
        return low, best
    if last.accuracy >= target:
        return high, last
    for _ in range(rounds):
        middle = math.sqrt(low * high)
        trained = train(middle)
        if trained.accuracy >= target:
            low, best = middle, trained
        else:
            high = middle
    return low, best


def coder_table(rows: Sequence[CoderRow]) -> str:
    """As Markdown: rows are what was trained for, columns what it is coded with; the least of a column in bold."""
    coders = [row.coder for row in rows]
    least = {coder: min(row.sizes[coder] for row in rows) for coder in coders}
    lines = [
        "| trained for | lambda | accuracy | " + " | ".join(f"coded with {coder}" for coder in coders) + " |",
        "|---" * (3 + len(coders)) + "|",
    ]
    for row in rows:
        cells = [f"**{row.sizes[c]:,}**" if row.sizes[c] == least[c] else f"{row.sizes[c]:,}" for c in coders]
        lines.append(f"| {row.coder} | {row.strength:.3g} | {row.accuracy:.2%} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ablation_table(
    train: Callable[[Mapping[str, Any]], Trained],
    *,
    coder: str = "arithmetic",
    variants: Mapping[str, Mapping[str, Any]] = ABLATIONS,
) -> str:
    """Train each variant of HEMP and list accuracies, entropies and sizes, as Markdown.

    Args:
        train: with these options of ``HEMP``, everything else the same.
        coder: of the files.
        variants: options by the name of the row.
    """
    lines = ["| variant | accuracy | proxy, bits per index | true | bytes |", "|---|---|---|---|---|"]
    for name, options in variants.items():
        trained = train(options)
        proxy, true = (f"{value:.3f}" for value in trained.entropies) if trained.entropies else ("", "")
        lines.append(f"| {name} | {trained.accuracy:.2%} | {proxy} | {true} | {trained.size(coder):,} |")
    return "\n".join(lines)
