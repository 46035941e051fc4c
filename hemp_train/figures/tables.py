"""Tables: the same network trained for each coder and coded with each; and what each part of HEMP is worth.

Sizes are those of whole files.  Accuracies are the caller's: on which images, and of the quantized network, is up to
the function that trains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    """A network trained for one coder.

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
    train: Callable[[str, float], Trained],
    target: float,
    *,
    coders: Sequence[str] = CODERS,
    strengths: Sequence[float] = STRENGTHS,
) -> list[CoderRow]:
    """Train for each coder with each of ``strengths``, take the strongest that reaches ``target``, code it with each.

    Args:
        train: for a coder with lambda_entropy.
        target: accuracy that all must reach: sizes compare at equal accuracy.
        coders: names.
        strengths: values of lambda_entropy; accuracy need not fall with each of them, as it is noisy.

    Returns:
        A row for each coder.  Where none reaches the target, the row is that of the most accurate, and says so by its
        accuracy.
    """
    rows = []
    for coder in coders:
        tried = {strength: train(coder, strength) for strength in strengths}
        strength = strongest({strength: trained.accuracy for strength, trained in tried.items()}, target)
        trained = tried[strength]
        rows.append(CoderRow(coder, strength, trained.accuracy, {other: trained.size(other) for other in coders}))
    return rows


def strongest(accuracies: Mapping[float, float], target: float) -> float:
    """The largest strength whose accuracy reaches ``target``; if none does, that of the highest accuracy."""
    reaching = [strength for strength, accuracy in accuracies.items() if accuracy >= target]
    return max(reaching) if reaching else max(accuracies, key=lambda strength: accuracies[strength])


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
