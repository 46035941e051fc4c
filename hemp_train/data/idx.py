"""MNIST and Fashion-MNIST from their four IDX files, gzipped or not, in any folder."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import torch

from hemp_train.data.splits import Split

UNSIGNED_BYTE = 0x08


def read_idx(folder: Path, name: str) -> np.ndarray:
    """The array in ``folder/name`` or ``folder/name.gz``: an IDX file of unsigned bytes, of any rank.

    Raises ``FileNotFoundError`` if there is neither and ``ValueError`` if the file is not what its header says.
    """
    plain, packed = folder / name, folder / f"{name}.gz"
    if not plain.exists() and not packed.exists():
        raise FileNotFoundError(f"{folder}: neither {name} nor {name}.gz is there; name the folder of the IDX files")
    data = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTE or len(data) < 4 + 4 * data[3]:
        raise ValueError(f"{folder / name}: not an IDX file of unsigned bytes")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", data[3], 4))
    start = 4 + 4 * data[3]
    if len(data) - start != int(np.prod(shape)):
        raise ValueError(f"{folder / name}: {len(data) - start} bytes of data, but its header says {shape}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def load_idx(folder: Path, part: str, mean: float, std: float) -> Split:
    """The part ``train`` or ``t10k`` in ``folder``: images (n, 1, 28, 28) float32, (pixel / 255 - mean) / std."""
    pixels = read_idx(folder, f"{part}-images-idx3-ubyte").astype(np.float32) / 255
    labels = read_idx(folder, f"{part}-labels-idx1-ubyte").astype(np.int64)
    if len(pixels) != len(labels):
        raise ValueError(f"{folder}: {len(pixels)} images but {len(labels)} labels in part {part}")
    images = (torch.from_numpy(pixels)[:, None] - mean) / std
    return Split(images, torch.from_numpy(labels))
