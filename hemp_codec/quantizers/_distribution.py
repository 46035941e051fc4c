"""The distribution of a tensor's values: sorted, with prefix sums, so that cells cost a binary search each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hemp_codec import dtypes
from hemp_codec.errors import QuantizationError
from hemp_codec.quantizers._nearest import round_down


@dataclass(frozen=True, eq=False)
class Distribution:
    """Values of a tensor in ascending order.

    Attributes:
        values: float32, or float64 for float64 tensors; equal values may repeat if ``prefix_counts`` is None.
        prefix_counts: int64 of shape (len(values) + 1,): elements before each value; None: every value counts once.
        prefix_sums: float64 of shape (len(values) + 1,): sums of the elements before each value, divided by ``scale``.
        num_distinct: number of different values.
        size: number of elements.
        scale: power of two in units of which sums, bounds and levels are, so that no sum or square overflows.
    """

    values: np.ndarray
    prefix_counts: np.ndarray | None
    prefix_sums: np.ndarray
    num_distinct: int
    size: int
    scale: float

    def cut(self, bounds: np.ndarray) -> np.ndarray:
        """Positions in ``values`` at which the cells of ascending ``bounds`` (in units of ``scale``) begin and end.

        Shape (len(bounds) + 2,): cell k is values[cut[k]:cut[k + 1]], those above bound k - 1 and not above bound k.
        """
        inner = np.searchsorted(self.values, round_down(bounds * self.scale, self.values.dtype), side="right")
        return np.concatenate(([0], inner, [len(self.values)]))

    def counts(self, positions: np.ndarray) -> np.ndarray:
        """Elements in each cell between neighbouring ``positions``."""
        return np.diff(positions if self.prefix_counts is None else self.prefix_counts[positions])

    def sums(self, positions: np.ndarray) -> np.ndarray:
        """Sum of each cell between neighbouring ``positions``."""
        return np.diff(self.prefix_sums[positions])

    def scaled(self, positions: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The values at ``positions`` as float64, in units of ``scale``."""
        return self.values[positions].astype(np.float64) / self.scale

    def distinct(self) -> np.ndarray:
        """The different values, ascending, as float64; zero is positive."""
        first = np.concatenate(([True], self.values[1:] != self.values[:-1]))
        return self.values[first].astype(np.float64) + 0.0


def distribution(array: np.ndarray) -> Distribution:
    """The distribution of a floating-point ``array`` of at least one element.

    Raises:
        QuantizationError: the dtype is not one that can be quantized, or a value is NaN or infinite.
    """
    dtype = dtypes.of(array)
    if not dtype.quantizable:
        raise QuantizationError(f"{dtype.name} values cannot be quantized; use the lossless quantizer for this tensor")
    if dtype.size == 2:
        values, counts = _count_patterns(array)
    else:
        values, counts = np.sort(array.reshape(-1)).astype(dtype.numpy, copy=False), None
    _check_finite(values, counts)
    scale = _scale(values)
    changes = int(np.count_nonzero(values[1:] != values[:-1]))
    if counts is None and 4 * changes < len(values):
        values, counts = _count_runs(values)
    scaled = values if scale == 1.0 else values / scale
    products = scaled if counts is None else scaled * counts.astype(np.float64)
    return Distribution(
        values,
        None if counts is None else _prefix(counts, np.dtype(np.int64)),
        _prefix(products, np.dtype(np.float64)),
        changes + 1,
        array.size,
        scale,
    )


def _count_patterns(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and counts of 16-bit floats, without sorting the elements."""
    little = array.reshape(-1).astype(dtypes.of(array).numpy, copy=False)
    counts = np.bincount(little.view(np.uint16), minlength=1 << 16)
    (patterns,) = np.nonzero(counts)
    values = patterns.astype(np.uint16).view(little.dtype).astype(np.float32)
    order = np.argsort(values, kind="stable")
    return values[order], counts[patterns[order]]


def _count_runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    (starts,) = np.nonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return values[starts], np.diff(np.append(starts, len(values)))


def _check_finite(values: np.ndarray, counts: np.ndarray | None) -> None:
    if np.isfinite(values[0]) and np.isfinite(values[-1]):
        return  # sorting puts infinities at the ends and NaN last
    bad = ~np.isfinite(values)
    number = int(bad.sum() if counts is None else counts[bad].sum())
    raise QuantizationError(
        f"{number} values are NaN or infinite, which no levels can stand for; "
        "repair them or use the lossless quantizer for this tensor"
    )


def _scale(values: np.ndarray) -> float:
    """1, or a power of two near the largest magnitude of ``values`` where that is far from 1."""
    largest = max(abs(float(values[0])), abs(float(values[-1])))
    far = largest > 1e60 or 0 < largest < 1e-60
    return math.ldexp(1.0, min(max(math.frexp(largest)[1], -1000), 1023)) if far else 1.0


def _prefix(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    out = np.zeros(len(array) + 1, dtype)
    np.cumsum(array, dtype=dtype, out=out[1:])
    return out
