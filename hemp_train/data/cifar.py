"""CIFAR-10 from its standard files: the binary version, or the Python version without running what is in a pickle."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hemp_train.data.splits import Split

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_RECORD = 1 + 3 * 32 * 32


class _ArraysOnly(pickle.Unpickler):
    """Allows what a NumPy array of bytes in a pickle needs, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if name in {"_reconstruct", "ndarray", "dtype"} and module.split(".")[0] == "numpy":
            return super().find_class(module, name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"a CIFAR-10 batch does not need {module}.{name}")


def _read_batch(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    binary, python = folder / f"{name}.bin", folder / name
    if binary.exists():
        data = np.fromfile(binary, np.uint8)
        if len(data) == 0 or len(data) % _RECORD:
            raise ValueError(f"{binary}: {len(data)} bytes is no number of records of {_RECORD}")
        records = data.reshape(-1, _RECORD)
        return records[:, 1:], records[:, 0]
    if not python.exists():
        raise FileNotFoundError(f"{folder}: neither {name}.bin nor {name} is there; name the folder of the batches")
    content = _ArraysOnly(io.BytesIO(python.read_bytes()), encoding="bytes").load()
    return np.asarray(content[b"data"], np.uint8), np.asarray(content[b"labels"], np.uint8)


def load_cifar10(folder: Path, part: str) -> Split:
    """The part ``train`` or ``test`` in ``folder``: images (n, 3, 32, 32) float32, standardised for each channel.

    Raises ``FileNotFoundError`` if a batch is missing and ``ValueError`` if one is not what it should be.
    """
    parts = [_read_batch(folder, name) for name in (_TRAIN if part == "train" else ("test_batch",))]
    pixels = np.concatenate([pixels for pixels, _ in parts]).reshape(-1, 3, 32, 32).astype(np.float32) / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    labels = np.concatenate([labels for _, labels in parts]).astype(np.int64)
    return Split((torch.from_numpy(pixels) - mean) / std, torch.from_numpy(labels))
