"""Tables: the same network trained for each coder and coded with each; and what each part of HEMP is worth.

Sizes are those of whole files.  Accuracies are the caller's: on which images, and of the quantized network, is up to
the function that trains.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hemp_train import saving

STRENGTHS = (0.5, 1.0, 1.5, 2.0, 3.0)
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
    """A network trained for one coder, or what the curves through several of them say.

    Attributes:
        coder: that it was trained for.
        strength: its lambda_entropy.
        accuracy: what it reached.
        sizes: bytes of its file by coder.
    """

    coder: str
    strength: float
    accuracy: float
    sizes: Mapping[str, int]


def by_coder(
    train: Callable[[str, float, int], Trained],
    target: float,
    *,
    coders: Sequence[str] = CODERS,
    strengths: Sequence[float] = STRENGTHS,
    seeds: int = 1,
) -> list[CoderRow]:
    """Train for each coder with each of ``strengths``, code the networks with each coder, compare at equal accuracy.

    Lambdas of different rates mean different things; so a row is read between the trainings with two neighboring
    lambdas, by linear interpolation of accuracy and logarithms of sizes over the logarithm of lambda.

    Args:
        train: for a coder with lambda_entropy and a seed.
        target: accuracy at which all are compared.
        coders: names.
        strengths: values of lambda_entropy; some should stay above the target and some fall below it.
        seeds: trainings with each of them.

    Returns:
        A row for each coder.  Where its curve does not meet the target, the row is that of the best accuracy, and says
        so by its accuracy.
    """
    rows = []
    for coder in coders:
        points = []
        for strength, seed in itertools.product(strengths, range(seeds)):
            trained = train(coder, strength, seed)
            points.append(CoderRow(coder, strength, trained.accuracy, {c: trained.size(c) for c in coders}))
        rows.append(at_accuracy(points, target))
    return rows


def at_accuracy(points: Sequence[CoderRow], target: float) -> CoderRow:
    """What ``points`` say, with the mean of those of one lambda, at the largest lambda that reaches ``target``; see
    ``by_coder``."""
    where, of_point = np.unique(np.log([point.strength for point in points]), return_inverse=True)
    fine = np.linspace(where.min(), where.max(), 1000)

    def curve(values: np.ndarray) -> np.ndarray:
        return np.interp(fine, where, np.bincount(of_point, values) / np.bincount(of_point))

    accuracies = curve(np.array([point.accuracy for point in points]))
    reaching = np.flatnonzero(accuracies >= target)
    best = int(reaching[-1] if len(reaching) else accuracies.argmax())
    sizes = {coder: curve(np.log([point.sizes[coder] for point in points]))[best] for coder in points[0].sizes}
    return CoderRow(
        points[0].coder,
        float(np.exp(fine[best])),
        float(accuracies[best]),
        {coder: round(float(np.exp(size))) for coder, size in sizes.items()},
    )


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
    train: Callable[[Mapping[str, Any], int], Trained],
    *,
    seeds: int = 1,
    coders: Sequence[str] = ("arithmetic", "zstd"),
    variants: Mapping[str, Mapping[str, Any]] = ABLATIONS,
) -> str:
    """Train each variant of HEMP and list accuracies, entropies and sizes, as Markdown.

    Args:
        train: with these options of ``HEMP`` and a seed, everything else the same.
        seeds: trainings of each variant; the row has their means, and the least and the largest value.
        coders: whose files' sizes are listed.
        variants: options by the name of the row.
    """
    sizes = " | ".join(f"bytes, {coder}" for coder in coders)
    lines = [
        f"| variant | accuracy | proxy, bits per index | true | {sizes} |",
        "|---" * (4 + len(coders)) + "|",
    ]
    for name, options in variants.items():
        trained = [train(options, seed) for seed in range(seeds)]
        entropies = zip(*(one.entropies or () for one in trained), strict=True)
        cells = [
            spread([one.accuracy for one in trained], ".2%"),
            *([f"{np.mean(values):.3f}" for values in entropies] or ["", ""]),
            *(spread([one.size(coder) for one in trained], ",.0f") for coder in coders),
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def spread(values: Sequence[float], form: str) -> str:
    """The mean, and the least and the largest if they differ, in this format."""
    mean, least, largest = (format(float(value), form) for value in (np.mean(values), min(values), max(values)))
    return mean if least == largest else f"{mean} ({least} to {largest})"
