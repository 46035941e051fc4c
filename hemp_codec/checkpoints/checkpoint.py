"""What reading a checkpoint gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hemp_codec.dtypes import DType
from hemp_codec.errors import FormatError, HempError
from hemp_codec.tensors import check_shape


class LazyTensors(Mapping[str, np.ndarray]):
    """Tensors by name, in order; each is read anew when it is asked for, so that one at a time need be in memory."""

    def __init__(self, readers: Mapping[str, Callable[[], np.ndarray]]) -> None:
        self._readers = dict(readers)

    def __getitem__(self, name: str) -> np.ndarray:
        reader = self._readers[name]
        try:
            return reader()
        except HempError as error:
            error.tensor = name
            raise

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint that was opened.

    Attributes:
        tensors: little-endian, C-contiguous arrays by name, in the order of the source.  Tied tensors are views of the
            same memory.
        metadata: strings by name; empty where the format has none.
        source_sha256: SHA-256 of the file, 32 bytes; None for a checkpoint of several files.
        notes: what the user should know of how the file was read, one line each.
    """

    tensors: Mapping[str, np.ndarray]
    metadata: dict[str, str] = field(default_factory=dict)
    source_sha256: bytes | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TensorSpec:
    """What a header says of a tensor."""

    name: str
    dtype: DType
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.size


def checked_shape(what: str, shape: Sequence[int], size: int) -> tuple[int, ...]:
    """The shape of what has elements of ``size`` bytes; FormatError if a .hemp file cannot hold it."""
    try:
        check_shape(shape, size)
    except HempError as error:
        raise FormatError(f"{what}: {error}", code=error.code) from None
    return tuple(shape)


def checked_bool(array: np.ndarray) -> np.ndarray:
    """``array``; FormatError if it is of bools and has a byte other than 0 and 1, which is no value of that type."""
    if array.dtype == np.bool_ and array.size and int(array.view(np.uint8).max()) > 1:
        raise FormatError("a bool is neither 0 nor 1; write the file again with valid bools, or as uint8")
    return array
