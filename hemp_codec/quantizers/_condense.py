"""A large distribution condensed into a few thousand points, fine where levels will lie."""

from __future__ import annotations

import numpy as np

from hemp_codec.quantizers._distribution import Distribution

_TAIL = 4096  # values at either end that are looked at one by one: outliers are far apart
_BLOCKS = 1 << 16


def condense(values: Distribution, points: int) -> np.ndarray:
    """Ascending positions in ``values.values``, from 0 to its length, that cut it into at most ``points`` cells.

    The cells share the integral of density^(1/3) equally, which is how the best levels lie when there are many; it is
    measured on the gaps between sorted values, so that one far outlier does not take the resolution from the rest.
    """
    length = len(values.values)
    if length <= points:
        return np.arange(length + 1)
    marks = _marks(length)
    counts = values.counts(np.append(marks, length))[1:].astype(np.float64)
    gaps = np.diff(values.scaled(marks))
    measure = np.cumsum(_third_root(counts * gaps * gaps))
    wanted = np.linspace(0.0, measure[-1], points + 1)[1:-1]
    inner = marks[np.searchsorted(measure, wanted) + 1]
    return np.unique(np.concatenate(([0], inner, [length])))


def _third_root(values: np.ndarray) -> np.ndarray:
    """About the power 1/3, as 1/4 + 1/16 + 1/64 from square roots, which give the same bits on every platform."""
    quarter = np.sqrt(np.sqrt(values))
    sixteenth = np.sqrt(np.sqrt(quarter))
    root: np.ndarray = quarter * sixteenth * np.sqrt(np.sqrt(sixteenth))
    return root


def _marks(length: int) -> np.ndarray:
    if length <= 2 * _TAIL + _BLOCKS:
        return np.arange(length)
    body = np.arange(_BLOCKS) * (length - 2 * _TAIL) // _BLOCKS + _TAIL
    return np.concatenate((np.arange(_TAIL), body, np.arange(length - _TAIL, length)))
