"""Nearest levels: exact thresholds between neighbours, and the indices of many values."""

from __future__ import annotations

import numpy as np

from hemp_codec.tensors import index_dtype

_CHUNK = 1 << 18  # values at a time: temporaries stay in the cache
_BINS = 1 << 16


def thresholds(levels: np.ndarray) -> np.ndarray:
    """Boundaries of the cells of ascending ``levels``, float64 of shape (len(levels) - 1,).

    A value above ``thresholds[k]`` is nearer to level k + 1 or beyond, one at or below it to level k or before.  Exact:
    where the middle is no float64, the boundary is the largest float64 below it.
    """
    low, high = levels[:-1].astype(np.float64), levels[1:].astype(np.float64)
    with np.errstate(over="ignore"):
        huge = np.isinf(low + high)
    low, high = np.where(huge, low / 2, low), np.where(huge, high / 2, high)
    total = low + high
    middle = np.where(huge, total, total / 2)
    # What the sum lost (two-sum), or what halving a subnormal sum lost: its sign says where the true middle lies.
    carry = total - low
    lost = (low - (total - carry)) + (high - carry)
    halving = np.where(huge, 0.0, total - 2 * np.where(huge, 0.0, middle))
    return np.where(np.where(halving != 0, halving, lost) < 0, np.nextafter(middle, -np.inf), middle)


def round_down(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The largest numbers of float ``dtype`` that are not above ``values``."""
    with np.errstate(over="ignore"):
        rounded = values.astype(dtype)
    above = rounded.astype(np.float64) > values
    return np.where(above, np.nextafter(rounded, dtype.type(-np.inf)), rounded)


def nearest_indices(array: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """For each finite value of ``array`` the index of the nearest of the ascending ``levels``, in the array's shape.

    Of two equally near levels the lower is taken, of equal levels the first.
    """
    out = np.empty(array.size, index_dtype(len(levels)))
    work = np.dtype(np.float64 if array.dtype == np.float64 else np.float32)
    bounds = round_down(thresholds(levels), work)
    flat = array.reshape(-1)
    bins = _Bins(bounds) if array.size > _BINS and len(bounds) > 1 else None
    for start in range(0, flat.size, _CHUNK):
        values = flat[start : start + _CHUNK].astype(work, copy=False)
        out[start : start + _CHUNK] = bins.search(values) if bins else np.searchsorted(bounds, values)
    return out.reshape(array.shape)


class _Bins:
    """Search in ``bounds`` through a table of equal bins: most bins hold no bound, so one look-up gives the index."""

    def __init__(self, bounds: np.ndarray) -> None:
        self._bounds = bounds
        self._low = bounds[0]
        width = np.float64(bounds[-1]) - np.float64(bounds[0])
        scale = (_BINS - 2) / width if width > 0 else 1.0
        self._scale = bounds.dtype.type(min(scale, float(np.finfo(bounds.dtype).max) / 4))
        bins = self._bin(bounds)
        counts = np.bincount(bins, minlength=_BINS)
        self._first = (np.cumsum(counts) - counts).astype(np.int32)
        self._holds_bound = counts > 0

    def search(self, values: np.ndarray) -> np.ndarray:
        bins = self._bin(values)
        result: np.ndarray = self._first[bins]
        (open_,) = np.nonzero(self._holds_bound[bins])
        result[open_] = np.searchsorted(self._bounds, values[open_])
        return result

    def _bin(self, values: np.ndarray) -> np.ndarray:
        """Bin numbers; every operation is monotone, so values between two bounds' bins lie between those bounds."""
        with np.errstate(over="ignore"):
            scaled = (values - self._low) * self._scale
        numbers: np.ndarray = np.clip(scaled, 0, _BINS - 1).astype(np.uint16)
        return numbers
