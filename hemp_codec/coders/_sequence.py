"""The sequence of a payload as bytes, for coders that take bytes (spec/coders.md, section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hemp_codec.errors import FormatError
from hemp_codec.tensors import Part, index_dtype


def sequence_size(parts: Sequence[Part]) -> int:
    """Bytes of the sequence of ``parts``: parts of one level have none."""
    return sum(part.size * index_dtype(part.num_levels).itemsize for part in parts if part.num_levels > 1)


def to_bytes(indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
    """The sequence of 1-D ``indices``, one array for each part; ValueError if one is not below ``num_levels``."""
    return b"".join(_checked(array, part) for array, part in zip(indices, parts, strict=True))


def from_bytes(data: bytes, parts: Sequence[Part]) -> list[np.ndarray]:
    """The inverse of ``to_bytes`` for ``sequence_size(parts)`` bytes; FormatError ``BAD_INDEX`` as above."""
    return list(_split(data, parts))


def refuse_payload(coder: str, reason: str) -> FormatError:
    """The error for a payload that is not what the encoder of ``coder`` makes."""
    return FormatError(f"{coder} payload is damaged: {reason}", code="BAD_PAYLOAD")


def _checked(array: np.ndarray, part: Part) -> bytes:
    if array.shape != (part.size,):
        raise ValueError(f"a part of {part.size} elements got indices of shape {array.shape}")
    if array.size and (array.min() < 0 or array.max() >= part.num_levels):
        raise ValueError(f"indices must lie in [0, {part.num_levels}), found {array.min()} to {array.max()}")
    return array.astype(index_dtype(part.num_levels), copy=False).tobytes() if part.num_levels > 1 else b""


def _split(data: bytes, parts: Sequence[Part]) -> Iterator[np.ndarray]:
    offset = 0
    for part in parts:
        dtype = index_dtype(part.num_levels)
        if part.num_levels == 1:
            yield np.zeros(part.size, dtype)
            continue
        array = np.frombuffer(data, dtype, part.size, offset)
        offset += array.nbytes
        if array.size and array.max() >= part.num_levels:
            raise FormatError(f"index {array.max()} where there are {part.num_levels} levels", code="BAD_INDEX")
        yield array
