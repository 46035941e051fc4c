"""What the floors hand to each other: quantized tensors and the parts of a segment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hemp_codec.errors import HempError, LimitError

MAX_RANK = 32


def index_dtype(num_levels: int) -> np.dtype:
    """Unsigned dtype of indices below ``num_levels``: uint8 up to 256 levels, else uint16."""
    return np.dtype(np.uint8 if num_levels <= 256 else "<u2")


def columns_of(shape: tuple[int, ...], elements: int) -> int:
    """Elements of a row: all dimensions but the first, of rank 2 and more; else all ``elements`` of the tensor."""
    if len(shape) < 2:
        return elements
    return elements // shape[0] if shape[0] else math.prod(shape[1:])


def check_shape(shape: Sequence[int], size: int) -> None:
    """The rules of spec/format.md, 4.3, for elements of ``size`` bytes; HempError if one is broken.

    They also keep a shape from being one that no array can have.
    """
    if len(shape) > MAX_RANK:
        raise LimitError(f"rank {len(shape)} is above {MAX_RANK}; reshape it", code="LIMIT_EXCEEDED")
    elements = math.prod(shape) or math.prod(dimension or 1 for dimension in shape)
    if elements * size >= 1 << 62:
        raise HempError(f"shape {tuple(shape)} is too large", code="BAD_SHAPE")


@dataclass(frozen=True, eq=False)
class QuantizedTensor:
    """A tensor that is already quantized; it is stored as it is, with no quantizer run again.

    Attributes:
        indices: unsigned integers in the tensor's own shape, each below ``len(levels)``.
        levels: float array of shape (num_levels,), finite and ascending (equal neighbours allowed), 1 to 65536 of them.
            Its dtype is the dtype of the decoded tensor, whose values are ``levels[indices]``.
    """

    indices: np.ndarray
    levels: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.indices.shape

    @property
    def num_levels(self) -> int:
        return len(self.levels)

    def dequantize(self) -> np.ndarray:
        """``levels[indices]``."""
        values: np.ndarray = self.levels[self.indices]
        return values


@dataclass(frozen=True)
class Part:
    """What a coder is told of one tensor's share of a segment (spec/format.md, 6.4).

    Attributes:
        num_levels: 1 to 65536.
        shape: shape of the whole tensor.
        start: number of the part's first element, in C order.
        size: number of elements.
    """

    num_levels: int
    shape: tuple[int, ...]
    start: int
    size: int

    @property
    def columns(self) -> int:
        """Elements of a row of the tensor."""
        return columns_of(self.shape, math.prod(self.shape))
