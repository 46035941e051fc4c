"""Basic indexing of a tensor that is not there yet: which elements to decode, and what to take of them."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from types import EllipsisType
from typing import SupportsIndex

Index = SupportsIndex | slice | EllipsisType
Key = Index | tuple[Index, ...]


@dataclass(frozen=True)
class Selection:
    """The elements [start, stop) of a tensor, together of ``shape``; the wanted ones are ``block[index]``."""

    start: int
    stop: int
    shape: tuple[int, ...]
    index: tuple[int | slice, ...]


def select(shape: tuple[int, ...], key: Key) -> Selection:
    """What ``key`` selects of a tensor of this shape.

    Args:
        shape: dimensions.
        key: an integer, a slice with any step, an ellipsis, or a tuple of these, as in numpy.

    Raises:
        IndexError: an integer is out of range, or there are too many.
        TypeError: the key is anything else.
    """
    keys = _expand(shape, key if isinstance(key, tuple) else (key,))
    start = 0
    for dimension, (size, item) in enumerate(zip(shape, keys, strict=True)):
        stride = math.prod(shape[dimension + 1 :])
        if isinstance(item, int):
            start += item * stride
            continue
        rows = range(*item.indices(size))
        low, high = (min(rows[0], rows[-1]), max(rows[0], rows[-1]) + 1) if rows else (0, 0)
        block = (high - low, *shape[dimension + 1 :])
        # The block begins and ends with a wanted row, so only the step is left of the slice.
        index = (slice(None, None, rows.step), *keys[dimension + 1 :])
        return Selection(start + low * stride, start + low * stride + math.prod(block), block, index)
    return Selection(start, start + 1, (), ())


def _expand(shape: tuple[int, ...], keys: tuple[Index, ...]) -> list[int | slice]:
    """One integer within range, or slice, for each dimension."""
    ellipses = [number for number, item in enumerate(keys) if item is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    given = len(keys) - len(ellipses)
    if given > len(shape):
        raise IndexError(f"too many indices: the tensor has {len(shape)} dimensions, {given} were given")
    at = ellipses[0] if ellipses else len(keys)
    full: list[Index] = [slice(None)] * (len(shape) - given)
    items = [*keys[:at], *full, *keys[at + len(ellipses) :]]
    return [_normalize(item, size, dimension) for dimension, (item, size) in enumerate(zip(items, shape, strict=True))]


def _normalize(item: Index, size: int, dimension: int) -> int | slice:
    if isinstance(item, slice):
        return item
    if isinstance(item, bool) or not hasattr(item, "__index__"):
        raise TypeError(f"a slice takes integers, slices and '...', not {type(item).__name__}; index the tensor itself")
    index = operator.index(item)  # type: ignore[arg-type]
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension {dimension} of size {size}")
    return index % size
