"""A synthetic checkpoint of any size, written piece by piece: ``python -m tools.bench.synthetic OUT.safetensors``.

Like a language model's: one large embedding in bfloat16, layers in float32 and bfloat16, rows of different scales.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import ml_dtypes
import numpy as np

_PIECE = 1 << 22
_COLUMNS = 4096
_TYPES = {"BF16": np.dtype(ml_dtypes.bfloat16), "F32": np.dtype(np.float32)}


@dataclass(frozen=True)
class Layer:
    """A tensor of ``rows`` x 4096 elements of a safetensors type."""

    name: str
    dtype: str
    rows: int

    @property
    def nbytes(self) -> int:
        return self.rows * _COLUMNS * _TYPES[self.dtype].itemsize


def layers(nbytes: int) -> list[Layer]:
    """Tensors of about ``nbytes`` in all: an embedding of 22 %, four large float32 ones, the rest in bfloat16."""
    row = _COLUMNS * 2
    embedding = Layer("embedding.weight", "BF16", max(1, nbytes * 22 // 100 // row))
    large = [Layer(f"large.{i}.weight", "F32", max(1, nbytes // 8 // (2 * row))) for i in range(4)]
    small = [Layer(f"layers.{i}.weight", "BF16", max(1, nbytes * 28 // 100 // 14 // row)) for i in range(14)]
    return [embedding, *large, *small]


def write(path: Path, nbytes: int, seed: int = 1) -> None:
    """Write the checkpoint ``path``; the same arguments give the same bytes."""
    chosen = layers(nbytes)
    header = _header(chosen)
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for layer in chosen:
            _write_layer(file, layer, rng)


def _header(chosen: list[Layer]) -> bytes:
    content, begin = {}, 0
    for layer in chosen:
        end = begin + layer.nbytes
        content[layer.name] = {
            "dtype": layer.dtype,
            "shape": [layer.rows, _COLUMNS],
            "data_offsets": [begin, end],
        }
        begin = end
    text = json.dumps(content).encode()
    return text + b" " * (-len(text) % 8)


def _write_layer(file: BinaryIO, layer: Layer, rng: np.random.Generator) -> None:
    for rows in _pieces(layer.rows):
        scales = np.exp(0.4 * rng.standard_normal((rows, 1), np.float32)) * np.float32(0.02)
        values = rng.standard_normal((rows, _COLUMNS), np.float32) * scales
        file.write(values.astype(_TYPES[layer.dtype]).view(np.uint8).data)


def _pieces(rows: int) -> Iterator[int]:
    step = _PIECE // _COLUMNS
    for start in range(0, rows, step):
        yield min(step, rows - start)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.synthetic", description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--megabytes", type=int, default=2000)
    arguments = parser.parse_args()
    write(arguments.output, arguments.megabytes * 1_000_000)


if __name__ == "__main__":
    main()
