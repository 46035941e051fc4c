"""The distribution of a tensor's values: sorted, with prefix sums, so that cells cost a binary search each.

Beside the sorted values little memory is taken, since tensors may be large: everything else is done piece by piece.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hemp_codec import dtypes
from hemp_codec.errors import QuantizationError
from hemp_codec.quantizers._nearest import round_down

_PIECE = 1 << 18  # values at a time: temporaries stay in the cache
_MARK = 32  # values between two prefix sums that are kept


@dataclass(frozen=True, eq=False)
class Distribution:
    """Values of a tensor in ascending order.

    Attributes:
        values: float32, or float64 for float64 tensors; equal values may repeat if ``prefix_counts`` is None.
        prefix_counts: int64 of shape (len(values) + 1,): elements before each value; None: every value counts once.
        prefix_sums: at each position the sum of the elements before it, divided by ``scale``.
        num_distinct: number of different values.
        size: number of elements.
        scale: power of two in units of which sums, bounds and levels are, so that no sum or square overflows.
    """

    values: np.ndarray
    prefix_counts: np.ndarray | None
    prefix_sums: PrefixSums
    num_distinct: int
    size: int
    scale: float

    def cut(self, bounds: np.ndarray) -> np.ndarray:
        """Positions in ``values`` at which the cells of ascending ``bounds`` (in units of ``scale``) begin and end.

        Shape (..., bounds + 2) for bounds of shape (..., bounds): cell k is values[cut[k]:cut[k + 1]], those that are
        above bound k - 1 and not above bound k.
        """
        inner = np.searchsorted(self.values, round_down(bounds * self.scale, self.values.dtype), side="right")
        ends = np.zeros((*bounds.shape[:-1], 1), inner.dtype)
        return np.concatenate((ends, inner, ends + len(self.values)), axis=-1)

    def counts(self, positions: np.ndarray) -> np.ndarray:
        """Elements in each cell between neighbouring ``positions``."""
        return np.diff(positions if self.prefix_counts is None else self.prefix_counts[positions])

    def sums(self, positions: np.ndarray) -> np.ndarray:
        """Sum of each cell between neighbouring ``positions``."""
        return np.diff(self.prefix_sums.at(positions))

    def scaled(self, positions: np.ndarray | slice) -> np.ndarray:
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
    changes = sum(_count_changes(values[piece]) for piece in overlapping(len(values)))
    if counts is None and 4 * changes < len(values):
        values, counts = _count_runs(values)
    sums = PrefixSums(values, counts, scale)
    return Distribution(
        values, None if counts is None else _prefix_counts(counts), sums, changes + 1, array.size, scale
    )


class PrefixSums:
    """Sums of the values before a position; only some are kept, and from those the others are found.

    The bits are those of adding all values one after the other.
    """

    def __init__(self, values: np.ndarray, counts: np.ndarray | None, scale: float) -> None:
        self._values = values
        self._counts = counts
        self._scale = scale
        self._marks = np.zeros(len(values) // _MARK + 1)
        total = 0.0
        for piece in pieces(len(values)):
            sums = np.cumsum(np.concatenate(([total], self._products(piece))))
            first = piece.start // _MARK
            kept = sums[::_MARK]
            self._marks[first : first + len(kept)] = kept
            total = float(sums[-1])
        self.total = total

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Sums before each of ``positions``, 0 to the number of values; in their shape."""
        flat = positions.reshape(-1)
        out = np.empty(len(flat))
        for piece in pieces(len(flat), _PIECE // _MARK):
            out[piece] = self._at(flat[piece])
        return out.reshape(positions.shape)

    def _at(self, positions: np.ndarray) -> np.ndarray:
        offsets = np.arange(_MARK - 1)
        marks = positions // _MARK
        rest = positions - marks * _MARK
        near = np.minimum((marks * _MARK)[:, None] + offsets, len(self._values) - 1)
        terms = np.where(offsets < rest[:, None], self._products(near), 0.0)
        sums: np.ndarray = np.cumsum(np.concatenate((self._marks[marks][:, None], terms), axis=1), axis=1)[:, -1]
        return sums

    def _products(self, positions: np.ndarray | slice) -> np.ndarray:
        values = self._values[positions].astype(np.float64)
        scaled = values if self._scale == 1.0 else values / self._scale
        return scaled if self._counts is None else scaled * self._counts[positions].astype(np.float64)


def overlapping(length: int) -> Iterator[slice]:
    """Pieces of positions below ``length``, each beginning with the last position of the one before."""
    for piece in pieces(length):
        yield slice(max(piece.start - 1, 0), piece.stop)


def pieces(length: int, size: int = _PIECE) -> Iterator[slice]:
    """Positions below ``length`` in pieces of ``size``."""
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


def _count_changes(values: np.ndarray) -> int:
    return int(np.count_nonzero(values[1:] != values[:-1]))


def _count_patterns(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and counts of 16-bit floats, without sorting the elements."""
    little = array.reshape(-1).astype(dtypes.of(array).numpy, copy=False)
    counts = np.zeros(1 << 16, np.int64)
    for piece in pieces(little.size):
        counts += np.bincount(little[piece].view(np.uint16), minlength=1 << 16)
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


def _prefix_counts(counts: np.ndarray) -> np.ndarray:
    out = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=out[1:])
    return out
