"""The formats by the ending of the file's name."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from hemp_codec import dtypes
from hemp_codec.checkpoints import npz, pytorch, safetensors, sharded
from hemp_codec.checkpoints.checkpoint import Checkpoint, TensorSpec
from hemp_codec.elements import Progress
from hemp_codec.errors import UnsupportedError
from hemp_codec.reader import Reader

PathLike = str | os.PathLike[str]

_READERS: dict[str, Callable[[Path], Checkpoint]] = {
    ".safetensors": safetensors.load,
    ".pt": pytorch.load,
    ".pth": pytorch.load,
    ".bin": pytorch.load,
    ".npz": npz.load,
}
_WRITERS: dict[str, Callable[[Mapping[str, np.ndarray], Path, Mapping[str, str]], None]] = {
    ".safetensors": safetensors.save,
    ".npz": npz.save,
    ".pt": pytorch.save,
}
_INDEX_ENDING = ".index.json"


def readable() -> tuple[str, ...]:
    """Endings that ``load`` knows."""
    return (*_READERS, ".safetensors" + _INDEX_ENDING, ".bin" + _INDEX_ENDING)


def writable() -> tuple[str, ...]:
    """Endings that ``save`` knows."""
    return tuple(_WRITERS)


def holds_metadata(path: PathLike) -> bool:
    """Whether the format that ``save`` chooses for ``path`` has a place for metadata."""
    return Path(path).suffix == ".safetensors"


def load(path: PathLike) -> Checkpoint:
    """Open the checkpoint ``path``.

    Raises:
        FormatError: the file is not what its ending says, or its content is not allowed.
        UnsupportedError: the ending or a dtype is unknown, or torch is needed and not installed.
        HempError: a shape is one that a .hemp file cannot hold.
        OSError: the file cannot be read.
    """
    path = Path(path)
    if path.name.endswith(_INDEX_ENDING):
        return sharded.load(path, _READERS)
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise UnsupportedError(f"unknown ending of a checkpoint; use one of {' '.join(readable())}")
    source = _sha256(path)
    return dataclasses.replace(reader(path), source_sha256=source)


def save(tensors: Mapping[str, np.ndarray], path: PathLike, metadata: Mapping[str, str] | None = None) -> None:
    """Write ``tensors`` to ``path``, in their order, through a temporary file beside it.

    The same tensors and metadata give the same bytes.  Metadata is left out where the format has no place for it
    (``holds_metadata``).

    Raises:
        UnsupportedError: the ending is unknown, or the format cannot hold a tensor's dtype or name.
        OSError: the file cannot be written; what was there before is still there.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix)
    if writer is None:
        raise UnsupportedError(f"unknown ending of a checkpoint to write; use one of {' '.join(writable())}")
    writer(tensors, path, metadata or {})


def convert(file: Reader, path: PathLike, *, threads: int | None = None, progress: Progress | None = None) -> None:
    """Write all tensors of ``file``, and its metadata, to ``path``, as ``save`` does.

    To ``.safetensors`` they are written as they are decoded; for the other formats all of them are held in memory.
    ``threads`` and ``progress`` are as for ``Reader.load``.

    Raises:
        HempError: the file is damaged.
        UnsupportedError, OSError: as for ``save``.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        save(file.load(threads=threads, progress=progress), path, file.metadata())
        return
    infos = map(file.get_info, file.keys())
    specs = [TensorSpec(info.name, dtypes.BY_NAME[info.dtype], info.shape) for info in infos]
    safetensors.save_pieces(specs, file.pieces(threads=threads, progress=progress), path, file.metadata())


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.digest()
