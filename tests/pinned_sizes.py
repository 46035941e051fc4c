"""Sizes on small fixed data.  ``python tests/pinned_sizes.py`` writes ``pinned_sizes.csv`` anew, for review."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np

import hemp_codec

TABLE = Path(__file__).with_suffix(".csv")
TRAINED = Path(__file__).resolve().parents[1] / "tools" / "bench" / "data"
CODERS = ("arithmetic", "rans")  # lzma and zstd depend on the release of their libraries
Key = tuple[str, str]


def measured() -> dict[Key, int]:
    """Bytes by data set and coder."""
    sizes: dict[Key, int] = {}
    for coder in CODERS:
        for name, indices in index_tensors():
            sizes[name, coder] = len(hemp_codec.coders.get(coder).encode(indices, int(indices.max()) + 1))
        for name, tensors in files():
            sizes[name, coder] = len(hemp_codec.encode(tensors, coder=coder))
    return sizes


def index_tensors() -> Iterator[tuple[str, np.ndarray]]:
    """Indices with what weights have: bell shapes, rows of different scale, sparsity, patterns."""
    # RandomState, unlike Generator, gives the same numbers in every release of NumPy.
    normal = np.random.RandomState(1).standard_normal((96, 384))
    for bits in (1.5, 2.5, 4.0):
        yield f"normal {bits} bits", grid(normal, 2.0**bits / 4.13)
    heavy = np.random.RandomState(2).laplace(size=(64, 48, 3, 3))
    yield "laplace", grid(heavy, 1.5)
    scales = np.exp(np.random.RandomState(3).standard_normal((96, 1)))
    yield "rows of different scale", grid(normal * scales, 1.0)
    yield "columns of different scale", grid(normal.T * scales.T, 1.0)
    yield "sparse", grid(np.where(np.random.RandomState(4).random_sample(normal.shape) < 0.02, normal, 0), 2.0)
    yield "empty rows and columns", grid(normal * (np.arange(384) % 8 == 0) * (np.arange(96) % 3 == 0)[:, None], 2.0)
    yield "500 indices", grid(normal.reshape(-1)[:500].reshape(20, 25), 1.5)
    yield "16 indices", grid(normal.reshape(-1)[:16].reshape(4, 4), 1.5)
    yield "two levels", (normal > 1).astype(np.uint8)
    yield "repeated row", np.tile(grid(normal[:1], 1.5), (96, 1))
    yield "1024 levels", np.floor(np.random.RandomState(5).random_sample((64, 512)) ** 2 * 1024).astype(np.uint16)


def grid(values: np.ndarray, per_unit: float) -> np.ndarray:
    """Indices of a uniform quantizer with ``per_unit`` levels for each unit."""
    rounded = np.rint(values * per_unit).astype(np.int64)
    shifted = rounded - rounded.min()
    return shifted.astype(np.uint8 if shifted.max() < 256 else np.uint16)


def files() -> Iterator[tuple[str, dict[str, np.ndarray | hemp_codec.QuantizedTensor]]]:
    """Whole files: trained networks, and floats of which nothing is lost."""
    for name in ("lenet5-tiny", "lenet5-small", "lenet5-hemp2"):
        with np.load(TRAINED / f"{name}.npz") as arrays:
            yield f"{name} file", {key: trained(arrays[key]) for key in arrays.files}
    weights = (np.random.RandomState(6).standard_normal((128, 256)) * 0.05).astype(np.float32)
    for dtype in (np.float32, np.float64, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn):
        yield f"lossless {np.dtype(dtype).name} file", {"weight": weights.astype(dtype)}
    yield "lossless repeated file", {"first": weights, "second": weights.copy()}
    yield "lossless constant file", {"ones": np.ones((256, 256), np.float32)}


def trained(indices: np.ndarray) -> hemp_codec.QuantizedTensor:
    shifted = (indices - indices.min()).astype(np.uint8)
    levels = (np.arange(int(shifted.max()) + 1, dtype=np.float32) + np.float32(indices.min())) * np.float32(0.0317)
    return hemp_codec.QuantizedTensor(shifted, levels)


def pinned() -> dict[Key, int]:
    """The reviewed table."""
    with TABLE.open(newline="") as file:
        return {(row["data"], row["coder"]): int(row["bytes"]) for row in csv.DictReader(file)}


def write() -> None:
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("data", "coder", "bytes"))
        writer.writerows((*key, size) for key, size in sorted(measured().items()))


if __name__ == "__main__":
    write()
